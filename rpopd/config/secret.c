/* SPDX-License-Identifier: ISC */
/*
 * One credential of rpopd.db at a time.  Parsing the schema costs more than all the rest of an idle poll's bookkeeping, so the
 * connection stays open between polls, without a lock and without a page of the file: those are freed after each use, and wiped
 * (db/sql.c).
 */
#include <sys/stat.h>

#include <stdio.h>
#include <string.h>

#include "rpopd/db/db.h"
#include "config_int.h"

#define BUSY_SECRET	250		/* ms: a session is put off rather than the daemon held up */

static int	 secret_open(const char *, char *, size_t);
static int	 secret_same(sqlite3_stmt *, const struct record *);
static int	 secret_same_nexthop(sqlite3_stmt *, const struct nexthop_row *);
static ssize_t	 secret_take(sqlite3_stmt *, uint8_t *, char *, size_t);

static sqlite3		*db;
static sqlite3_stmt	*queries[SECRET_MAX];
static struct stat	 opened;	/* the file as it was when db was opened */

static const char *const texts[SECRET_MAX] = {
	[SECRET_PASSWORD] = "SELECT domain, auth_name, tls, password FROM rpop WHERE account = ?1 AND name = ?2",
	[SECRET_GRANT] = "SELECT r.domain, r.auth_name, r.tls, r.refresh_token, c.client_secret, c.token_url, c.client_id,"
	    " ifnull(c.scope, ''), c.grant_type, c.name, c.device_url FROM rpop r JOIN oauth_client c ON c.name = r.oauth_client"
	    " WHERE r.account = ?1 AND r.name = ?2",
	[SECRET_NEXTHOP] = "SELECT address, auth_name, tls, password FROM nexthop WHERE id = ?1 AND name = ?2",
	[SECRET_LOGIN] = "SELECT password FROM account WHERE address = ?1",
	/* The next account with a password from that place on, or the first. */
	[SECRET_STAND_IN] = "SELECT password FROM (SELECT password FROM account WHERE password IS NOT NULL AND"
	    " id >= 1 + ?1 % (SELECT max(id) FROM account) ORDER BY id LIMIT 1) UNION ALL SELECT password FROM"
	    " (SELECT password FROM account WHERE password IS NOT NULL ORDER BY id LIMIT 1) LIMIT 1"
};

ssize_t
config_secret(const char *path, const struct record *r, uint8_t *secret, char *err, size_t errsize)
{
	sqlite3_stmt	*st;
	ssize_t		 n = -1;

	if ((st = secret_row(path, SECRET_PASSWORD, r, err, errsize)) != NULL)
		/* The certificate is the credential. */
		n = r->auth == AUTH_EXTERNAL ? 0 : secret_take(st, secret, err, errsize);
	secret_release();
	return (n);
}

/* The password of a next hop is for the address, login and kind of protection that it was entered with. */
ssize_t
config_nexthop_secret(const char *path, const struct nexthop_row *n, uint8_t *secret, char *err, size_t errsize)
{
	sqlite3_stmt	*st;
	ssize_t		 len = -1;

	if (secret_open(path, err, errsize) == -1)
		return (-1);
	st = queries[SECRET_NEXTHOP];
	sqlite3_bind_int64(st, 1, n->row);
	sqlite3_bind_text(st, 2, n->name, -1, SQLITE_STATIC);
	switch (sqlite3_step(st)) {
	case SQLITE_ROW:
		if (secret_same_nexthop(st, n))
			len = secret_take(st, secret, err, errsize);
		else
			snprintf(err, errsize, "the next hop was changed since the store was loaded; reload");
		break;
	case SQLITE_DONE:
		snprintf(err, errsize, "the next hop was removed since the store was loaded; reload");
		break;
	default:
		sql_reason(db, path, err, errsize);
	}
	secret_release();
	return (len);
}

void
secret_close(void)
{
	size_t	 i;

	for (i = 0; i < SECRET_MAX; i++) {
		sqlite3_finalize(queries[i]);
		queries[i] = NULL;
	}
	sqlite3_close(db);
	db = NULL;
}

/*
 * Makes db a connection to the store at path: the open one serves while the path leads to the same file with the same owner and
 * mode.
 */
static int
secret_open(const char *path, char *err, size_t errsize)
{
	struct stat	 st;
	size_t		 i;

	if (db != NULL && lstat(path, &st) == 0 && st.st_dev == opened.st_dev && st.st_ino == opened.st_ino &&
	    st.st_uid == opened.st_uid && st.st_mode == opened.st_mode)
		return (0);
	secret_close();
	if ((db = sql_open(path, SQL_READONLY, BUSY_SECRET, err, errsize)) == NULL)
		return (-1);
	if (lstat(path, &opened) == 0) {
		for (i = 0; i < SECRET_MAX && sqlite3_prepare_v3(db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &queries[i], NULL) ==
		    SQLITE_OK; i++)
			continue;
		if (i == SECRET_MAX)
			return (0);
	}
	sql_reason(db, path, err, errsize);
	secret_close();
	return (-1);
}

/* A statement that the values are to be bound to; or NULL with a sentence.  secret_release() follows in every case. */
sqlite3_stmt *
secret_query(const char *path, enum secret_sql which, char *err, size_t errsize)
{
	return (secret_open(path, err, errsize) == -1 ? NULL : queries[which]);
}

/* The row of a record, as it was when the store was loaded; or NULL with a sentence.  secret_release() follows in every case. */
sqlite3_stmt *
secret_row(const char *path, enum secret_sql which, const struct record *r, char *err, size_t errsize)
{
	sqlite3_stmt	*st;
	int		 rc = SQLITE_ERROR;

	if (secret_open(path, err, errsize) == -1)
		return (NULL);
	st = queries[which];
	if (sqlite3_bind_text(st, 1, r->owner, -1, SQLITE_STATIC) == SQLITE_OK &&
	    sqlite3_bind_text(st, 2, r->name, -1, SQLITE_STATIC) == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc == SQLITE_ROW && secret_same(st, r))
		return (st);
	if (rc == SQLITE_ROW)
		snprintf(err, errsize, "the record was changed since the store was loaded; reload");
	else if (rc == SQLITE_DONE)
		snprintf(err, errsize, "the record was removed since the store was loaded; reload");
	else
		sql_reason(db, path, err, errsize);
	return (NULL);
}

/* Whether a record's row is as it was loaded: its credential is for the host, login and protection that it was entered with. */
static int
secret_same(sqlite3_stmt *st, const struct record *r)
{
	char		 host[PROTO_HOST_SIZE];
	const char	*domain = (const char *)sqlite3_column_text(st, 0);
	const char	*user = (const char *)sqlite3_column_text(st, 1);
	const char	*tls = (const char *)sqlite3_column_text(st, 2);
	uint16_t	 port;

	return (domain != NULL && user != NULL && tls != NULL && word_number(tls_words, tls) == (int)r->tls &&
	    config_where(domain, r->tls, host, sizeof(host), &port) && strcmp(host, r->host) == 0 && strcmp(user, r->user) == 0 &&
	    port == r->port);
}

static int
secret_same_nexthop(sqlite3_stmt *st, const struct nexthop_row *n)
{
	char		 host[PROTO_HOST_SIZE];
	const char	*address = (const char *)sqlite3_column_text(st, 0);
	const char	*user = (const char *)sqlite3_column_text(st, 1);
	const char	*tls = (const char *)sqlite3_column_text(st, 2);
	uint16_t	 port;

	if (address == NULL || user == NULL || tls == NULL || word_number(tls_words, tls) != (int)n->tls || strcmp(user, n->user) != 0)
		return (0);
	if (n->path[0] != '\0')
		return (strcmp(address, n->path) == 0);
	return (check_hostport(address, host, sizeof(host), &port) && strcmp(host, n->host) == 0 &&
	    (port != 0 ? port : load_nexthop_port(n)) == n->port);
}

static ssize_t
secret_take(sqlite3_stmt *st, uint8_t *secret, char *err, size_t errsize)
{
	const void	*p;
	int		 len;

	p = sqlite3_column_blob(st, 3);
	len = sqlite3_column_bytes(st, 3);
	if (p == NULL || len <= 0 || len > PROTO_SECRET_MAX || memchr(p, '\r', len) != NULL || memchr(p, '\n', len) != NULL ||
	    memchr(p, '\0', len) != NULL) {
		snprintf(err, errsize, "no usable password in the store");
		return (-1);
	}
	memcpy(secret, p, len);
	return (len);
}

/*
 * Nothing read stays in memory.  A file in WAL mode keeps its connections' locks between uses, and config_version() would drop
 * those by closing its descriptor: then the connection is not kept.
 */
void
secret_release(void)
{
	sqlite3_stmt	*st = NULL;
	const char	*mode;
	size_t		 i;
	int		 keep = 0;

	if (db == NULL)
		return;
	for (i = 0; i < SECRET_MAX; i++) {
		sqlite3_reset(queries[i]);
		sqlite3_clear_bindings(queries[i]);
	}
	if (sqlite3_prepare_v2(db, "PRAGMA journal_mode", -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
		keep = (mode = (const char *)sqlite3_column_text(st, 0)) != NULL && strcmp(mode, "wal") != 0;
	sqlite3_finalize(st);
	sqlite3_db_release_memory(db);
	if (!keep)
		secret_close();
}
