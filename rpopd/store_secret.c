/* SPDX-License-Identifier: ISC */
/*
 * One password of rpopd.db at a time.  Parsing the schema costs more than all the rest of an idle poll's bookkeeping, so the
 * connection stays open between polls, without a lock and without a page of the file: those are freed after each use, and wiped
 * (store_sql.c).
 */
#include <sys/stat.h>

#include <stdio.h>
#include <string.h>

#include "store.h"
#include "store_sql.h"

#define BUSY_SECRET	250		/* ms: a session is put off rather than the daemon held up */

static int	 secret_open(const char *, char *, size_t);
static int	 secret_step(const char *, const struct record *, uint8_t *, char *, size_t);
static int	 secret_take(const struct record *, uint8_t *, char *, size_t);
static void	 secret_release(void);

static sqlite3		*db;
static sqlite3_stmt	*query;
static struct stat	 opened;	/* the file as it was then */

ssize_t
config_secret(const char *path, const struct record *r, uint8_t *secret, char *err, size_t errsize)
{
	int	 n;

	if (secret_open(path, err, errsize) == -1)
		return (-1);
	n = secret_step(path, r, secret, err, errsize);
	secret_release();
	return (n);
}

void
secret_close(void)
{
	sqlite3_finalize(query);
	sqlite3_close(db);
	query = NULL;
	db = NULL;
}

/* The open connection serves as long as the path leads to the same file with the same owner and mode. */
static int
secret_open(const char *path, char *err, size_t errsize)
{
	struct stat	 st;

	if (db != NULL && lstat(path, &st) == 0 && st.st_dev == opened.st_dev && st.st_ino == opened.st_ino &&
	    st.st_uid == opened.st_uid && st.st_mode == opened.st_mode)
		return (0);
	secret_close();
	if ((db = sql_open(path, SQL_READONLY, BUSY_SECRET, err, errsize)) == NULL)
		return (-1);
	if (lstat(path, &opened) == 0 && sqlite3_prepare_v3(db, "SELECT password, domain, auth_name, tls FROM rpop"
	    " WHERE account = ?1 AND name = ?2", -1, SQLITE_PREPARE_PERSISTENT, &query, NULL) == SQLITE_OK)
		return (0);
	sql_reason(db, path, err, errsize);
	secret_close();
	return (-1);
}

static int
secret_step(const char *path, const struct record *r, uint8_t *secret, char *err, size_t errsize)
{
	int	 rc = SQLITE_ERROR;

	if (sqlite3_bind_text(query, 1, r->owner, -1, SQLITE_STATIC) == SQLITE_OK &&
	    sqlite3_bind_text(query, 2, r->name, -1, SQLITE_STATIC) == SQLITE_OK)
		rc = sqlite3_step(query);
	if (rc == SQLITE_ROW)
		return (secret_take(r, secret, err, errsize));
	if (rc == SQLITE_DONE)
		snprintf(err, errsize, "the record was removed since the store was loaded; reload");
	else
		sql_reason(db, path, err, errsize);
	return (-1);
}

/* A password is for the host and login it was entered with: a row edited since the load gives none. */
static int
secret_take(const struct record *r, uint8_t *secret, char *err, size_t errsize)
{
	char		 host[PROTO_HOST_SIZE];
	const char	*domain = (const char *)sqlite3_column_text(query, 1);
	const char	*user = (const char *)sqlite3_column_text(query, 2);
	const char	*tls = (const char *)sqlite3_column_text(query, 3);
	const void	*p;
	enum tls_mode	 mode;
	uint16_t	 port;
	int		 len;

	if (domain == NULL || user == NULL || tls == NULL || !check_hostport(domain, host, sizeof(host), &port) ||
	    load_tls(tls, &mode) == -1 || strcmp(host, r->host) != 0 || strcmp(user, r->user) != 0 || mode != r->tls ||
	    (port != 0 ? port : mode == TLS_MODE_TLS ? 995 : 110) != r->port) {
		snprintf(err, errsize, "the record was changed since the store was loaded; reload");
		return (-1);
	}
	if (r->auth == AUTH_EXTERNAL)
		return (0);		/* the certificate is the credential */
	p = sqlite3_column_blob(query, 0);
	len = sqlite3_column_bytes(query, 0);
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
static void
secret_release(void)
{
	sqlite3_stmt	*st = NULL;
	const char	*mode;
	int		 keep = 0;

	sqlite3_reset(query);
	sqlite3_clear_bindings(query);
	if (sqlite3_prepare_v2(db, "PRAGMA journal_mode", -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
		keep = (mode = (const char *)sqlite3_column_text(st, 0)) != NULL && strcmp(mode, "wal") != 0;
	sqlite3_finalize(st);
	sqlite3_db_release_memory(db);
	if (!keep)
		secret_close();
}
