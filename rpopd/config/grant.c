/* SPDX-License-Identifier: ISC */
/*
 * What an OAuth request needs of rpopd.db: refresh token and client secret.  A grant is named by the digest of what the
 * administrator entered, its origin: state.db keeps under that name what has come of it since.
 */
#include <sys/types.h>

#include <sha2.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "rpopd/db/db.h"
#include "config_int.h"

#define BUSY_ORIGINS	250		/* ms */

enum grant_column { G_REFRESH = 3, G_SECRET, G_URL, G_ID, G_SCOPE, G_TYPE, G_NAME, G_DEVICE };

static int	 grant_same(sqlite3_stmt *, const struct oauth_row *);
static int	 grant_same_url(const char *, const char *, uint16_t, const char *);
static int	 grant_take(sqlite3_stmt *, const struct record *, struct grant_secret *);
static void	 grant_digests(sqlite3_stmt *, int, struct grant_secret *);
static ssize_t	 grant_octets(sqlite3_stmt *, int, uint8_t *, size_t);
static void	 grant_hash(SHA2_CTX *, const void *, size_t);
static int	 origin_refresh(sqlite3_stmt *, struct grant_secret *);
static int	 origin_client(sqlite3_stmt *, struct grant_secret *);
static int	 origins(sqlite3 *, const char *, int (*)(sqlite3_stmt *, struct grant_secret *), int (*)(void *, const uint8_t *),
		    void *);

int
config_grant_client(const char *path, const struct record *r, struct grant_secret *g, char *err, size_t errsize)
{
	sqlite3_stmt	*st;
	const char	*url;
	ssize_t		 n;
	int		 error = -1;

	memset(g, 0, sizeof(*g));
	if ((st = secret_row(path, SECRET_GRANT, r, err, errsize)) != NULL) {
		url = (const char *)sqlite3_column_text(st, G_DEVICE);
		if (!grant_same(st, r->client) || url == NULL ||
		    !grant_same_url(url, r->client->device_host, r->client->device_port, r->client->device_path))
			snprintf(err, errsize, "the oauth_client was changed since the store was loaded; reload");
		else if ((n = grant_octets(st, G_SECRET, g->client, sizeof(g->client))) == -1)
			snprintf(err, errsize, "no usable client_secret in the store");
		else {
			g->client_len = (size_t)n;
			error = 0;
		}
	}
	secret_release();
	return (error);
}

int
config_grant(const char *path, const struct record *r, struct grant_secret *g, char *err, size_t errsize)
{
	sqlite3_stmt	*st;
	int		 error = -1;

	memset(g, 0, sizeof(*g));
	if ((st = secret_row(path, SECRET_GRANT, r, err, errsize)) != NULL) {
		if (!grant_same(st, r->client))
			snprintf(err, errsize, "the oauth_client was changed since the store was loaded; reload");
		else if (grant_take(st, r, g) == -1)
			snprintf(err, errsize, "no usable refresh_token or client_secret in the store");
		else
			error = 0;
	}
	secret_release();
	return (error);
}

/* Whether a client is still as it was loaded: its secret is for the place and name it was entered with. */
static int
grant_same(sqlite3_stmt *st, const struct oauth_row *c)
{
	const char	*url = (const char *)sqlite3_column_text(st, G_URL);
	const char	*id = (const char *)sqlite3_column_text(st, G_ID);
	const char	*scope = (const char *)sqlite3_column_text(st, G_SCOPE);
	const char	*type = (const char *)sqlite3_column_text(st, G_TYPE);
	const char	*name = (const char *)sqlite3_column_text(st, G_NAME);

	return (url != NULL && id != NULL && scope != NULL && type != NULL && name != NULL && strcmp(name, c->name) == 0 &&
	    strcmp(id, c->client_id) == 0 && strcmp(scope, c->scope) == 0 &&
	    (strcmp(type, "client_credentials") == 0) == c->client_credentials && grant_same_url(url, c->host, c->port, c->path));
}

static int
grant_same_url(const char *url, const char *at, uint16_t at_port, const char *at_path)
{
	char		 where[PROTO_HOST_SIZE + 8], host[PROTO_HOST_SIZE];
	const char	*path;
	uint16_t	 port;
	size_t		 len;

	if (strncmp(url, "https://", 8) != 0 || (path = strchr(url + 8, '/')) == NULL ||
	    (len = (size_t)(path - (url + 8))) >= sizeof(where))
		return (0);
	memcpy(where, url + 8, len);
	where[len] = '\0';
	return (check_hostport(where, host, sizeof(host), &port) && strcasecmp(host, at) == 0 &&
	    (port != 0 ? port : 443) == at_port && strcmp(path, at_path) == 0);
}

static int
grant_take(sqlite3_stmt *st, const struct record *r, struct grant_secret *g)
{
	ssize_t	 n;

	if (!r->client->client_credentials) {
		if ((n = grant_octets(st, G_REFRESH, g->refresh, sizeof(g->refresh))) <= 0)
			return (-1);
		g->refresh_len = (size_t)n;
	}
	if ((n = grant_octets(st, G_SECRET, g->client, sizeof(g->client))) == -1)
		return (-1);
	g->client_len = (size_t)n;
	grant_digests(st, r->client->client_credentials, g);
	return (0);
}

/* The octets of a column.  Their number, 0 for NULL; -1: they are too many. */
static ssize_t
grant_octets(sqlite3_stmt *st, int column, uint8_t *dst, size_t size)
{
	const void	*p = sqlite3_column_blob(st, column);
	int		 len = sqlite3_column_bytes(st, column);

	if (len < 0 || (size_t)len > size)
		return (-1);
	if (p != NULL)
		memcpy(dst, p, (size_t)len);
	return (p == NULL ? 0 : len);
}

/* Hashes a value with its length in front, which makes a sequence of values unambiguous. */
static void
grant_hash(SHA2_CTX *ctx, const void *p, size_t len)
{
	uint64_t	 n = len;

	SHA256Update(ctx, (const uint8_t *)&n, sizeof(n));
	SHA256Update(ctx, p, len);
}

void
config_origin(const uint8_t *refresh, size_t len, uint8_t *digest)
{
	SHA2_CTX	 ctx;

	SHA256Init(&ctx);
	SHA256Update(&ctx, refresh, len);
	SHA256Final(digest, &ctx);
}

/*
 * The digests of a grant: origin is of the refresh token alone, so that a client that is corrected keeps what has come of the
 * token; cause is of everything that a refusal could be about.
 */
static void
grant_digests(sqlite3_stmt *st, int client_credentials, struct grant_secret *g)
{
	static const enum grant_column	 texts[] = { G_URL, G_ID, G_SCOPE, G_TYPE };
	SHA2_CTX			 ctx;
	size_t				 i;

	SHA256Init(&ctx);
	for (i = 0; i < nitems(texts); i++)
		grant_hash(&ctx, sqlite3_column_text(st, texts[i]), (size_t)sqlite3_column_bytes(st, texts[i]));
	grant_hash(&ctx, g->client, g->client_len);
	grant_hash(&ctx, g->refresh, g->refresh_len);
	SHA256Final(g->cause, &ctx);
	explicit_bzero(&ctx, sizeof(ctx));
	if (client_credentials)
		memcpy(g->origin, g->cause, sizeof(g->origin));
	else
		config_origin(g->refresh, g->refresh_len, g->origin);
}

static int
origin_refresh(sqlite3_stmt *st, struct grant_secret *g)
{
	ssize_t	 n;

	if ((n = grant_octets(st, G_REFRESH, g->refresh, sizeof(g->refresh))) <= 0)
		return (-1);
	config_origin(g->refresh, (size_t)n, g->origin);
	return (0);
}

static int
origin_client(sqlite3_stmt *st, struct grant_secret *g)
{
	ssize_t	 n;

	if ((n = grant_octets(st, G_SECRET, g->client, sizeof(g->client))) == -1)
		return (-1);
	g->client_len = (size_t)n;
	grant_digests(st, 1, g);
	return (0);
}

static int
origins(sqlite3 *db, const char *sql, int (*take)(sqlite3_stmt *, struct grant_secret *), int (*cb)(void *, const uint8_t *),
    void *arg)
{
	struct grant_secret	 g;
	sqlite3_stmt		*st = NULL;
	int			 rc = SQLITE_ERROR, stop = 0;

	memset(&g, 0, sizeof(g));
	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK)
		while (!stop && (rc = sqlite3_step(st)) == SQLITE_ROW)
			if (take(st, &g) == 0)
				stop = cb(arg, g.origin);
	sqlite3_finalize(st);
	explicit_bzero(&g, sizeof(g));
	return (!stop && rc == SQLITE_DONE ? 0 : -1);
}

/* The origins of all grants that a record could ask for, disabled records included. */
int
config_origins(const char *path, int (*cb)(void *, const uint8_t *), void *arg)
{
	sqlite3	*db;
	char	 err[PROTO_TEXT_SIZE];
	int	 error;

	if ((db = sql_open(path, SQL_READONLY, BUSY_ORIGINS, err, sizeof(err))) == NULL)
		return (-1);
	error = origins(db, "SELECT 0, 0, 0, refresh_token FROM rpop WHERE refresh_token IS NOT NULL", origin_refresh, cb, arg) == -1 ||
	    origins(db, "SELECT 0, 0, 0, 0, client_secret, token_url, client_id, ifnull(scope, ''), grant_type FROM oauth_client"
	    " WHERE grant_type = 'client_credentials'", origin_client, cb, arg) == -1;
	sqlite3_close(db);
	return (error ? -1 : 0);
}
