/* SPDX-License-Identifier: ISC */
/*
 * Opening a store with every guard on: only root's own regular file, nothing of the schema trusted, memory wiped when SQLite
 * gives it back (pages of rpopd.db hold passwords).
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/hook.h"
#include "db.h"

static void	 sql_unlink(const char *);
static int	 sql_init(void);
static int	 sql_resolve(const char *, char *, size_t, char *, size_t);
static int	 sql_closed(const char *, const char *, char *, size_t);
static int	 sql_check_file(const char *, struct stat *, char *, size_t);
static int	 sql_guard(sqlite3 *, int, int);
static void	 sql_free(void *);
static void	*sql_realloc(void *, int);

static sqlite3_mem_methods	 system_memory;

/*
 * A connection to an existing store, or NULL with a sentence in err.  Only the last component of path may not be a symbolic
 * link.  Waits at most timeout_ms for locks.
 */
sqlite3 *
sql_open(const char *path, int flags, int timeout_ms, char *err, size_t errsize)
{
	struct stat	 st, now;
	sqlite3		*db = NULL;
	char		 real[PATH_MAX];
	int		 mode;

	if (sql_init() == -1) {
		snprintf(err, errsize, "SQLite cannot be initialised");
		return (NULL);
	}
	if (sql_resolve(path, real, sizeof(real), err, errsize) == -1 || sql_check_file(real, &st, err, errsize) == -1)
		return (NULL);
	mode = flags & SQL_READONLY ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
	if (sqlite3_open_v2(real, &db, mode | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK ||
	    sql_guard(db, flags, timeout_ms) == -1)
		sql_reason(db, path, err, errsize);
	else if (lstat(real, &now) == -1 || now.st_dev != st.st_dev || now.st_ino != st.st_ino)
		snprintf(err, errsize, "%s: was replaced while it was opened; try again", path);
	else
		return (db);
	sqlite3_close(db);
	return (NULL);
}

/* An empty database in memory, as guarded as a store, or NULL. */
sqlite3 *
sql_memory(void)
{
	sqlite3	*db = NULL;

	if (sql_init() == 0 && sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX, NULL) ==
	    SQLITE_OK && sql_guard(db, 0, 0) == 0)
		return (db);
	sqlite3_close(db);
	return (NULL);
}

/*
 * A new store under its final name only when it is complete and durable, so that a crash leaves none or a whole one, and never in the
 * place of something else.  0, or -1 with a sentence in err.
 */
int
sql_create(const char *path, const char *schema, char *err, size_t errsize)
{
	char	 tmp[PATH_MAX];
	sqlite3	*db;
	int	 fd, bad = 1;

	if ((size_t)snprintf(tmp, sizeof(tmp), "%s.new", path) >= sizeof(tmp)) {
		snprintf(err, errsize, "%s: path too long", path);
		return (-1);
	}
	sql_unlink(tmp);
	if ((fd = open(tmp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)) == -1 || close(fd) == -1) {
		snprintf(err, errsize, "%s: cannot be created: %s", tmp, strerror(errno));
		return (-1);
	}
	if ((db = sql_open(tmp, 0, 0, err, errsize)) != NULL) {
		if ((bad = sql_exec(db, "PRAGMA synchronous = FULL") == -1 || sql_exec(db, "BEGIN IMMEDIATE") == -1 ||
		    sql_exec(db, schema) == -1 || sql_exec(db, "COMMIT") == -1))
			sql_reason(db, path, err, errsize);
		bad |= sqlite3_close(db) != SQLITE_OK;
	}
	HOOK("store.written");
	if (!bad && file_name(tmp, path, err, errsize) == 0)
		return (0);
	sql_unlink(tmp);
	return (-1);
}

/* Removes a store that nobody uses, and its journal. */
static void
sql_unlink(const char *path)
{
	char	 journal[PATH_MAX + 16];

	snprintf(journal, sizeof(journal), "%s-journal", path);
	(void)unlink(path);
	(void)unlink(journal);
}

int
sql_exec(sqlite3 *db, const char *sql)
{
	return (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : -1);
}

int
sql_number(sqlite3 *db, const char *sql, int64_t *n)
{
	sqlite3_stmt	*st;
	int		 rv = -1;

	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
		return (-1);
	if (sqlite3_step(st) == SQLITE_ROW) {
		*n = sqlite3_column_int64(st, 0);
		rv = 0;
	}
	return (sqlite3_finalize(st) == SQLITE_OK ? rv : -1);
}

void
sql_reason(sqlite3 *db, const char *path, char *err, size_t errsize)
{
	int		 rc = db == NULL ? SQLITE_NOMEM : sqlite3_extended_errcode(db);
	const char	*text = db == NULL ? sqlite3_errstr(rc) : sqlite3_errmsg(db);

	if (rc == SQLITE_READONLY_ROLLBACK || rc == SQLITE_READONLY_RECOVERY || rc == SQLITE_READONLY_CANTINIT)
		snprintf(err, errsize, "%s: an interrupted edit must be rolled back first; as root run: sqlite3 -batch -init "
		    "/dev/null %s 'SELECT count(*) FROM settings'", path, path);
	else if ((rc & 0xff) == SQLITE_BUSY || (rc & 0xff) == SQLITE_LOCKED)
		snprintf(err, errsize, "%s: locked by somebody's open transaction; end it with COMMIT or ROLLBACK", path);
	else if ((rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB)
		snprintf(err, errsize, "%s: damaged (%s); restore a backup, or try sqlite3's .recover", path, text);
	else if ((rc & 0xff) == SQLITE_FULL)
		snprintf(err, errsize, "%s: no space left on its file system", path);
	else
		snprintf(err, errsize, "%s: %s", path, text);
}

/* Once, before the first connection: wiping free(3) under SQLite, one thread. */
static int
sql_init(void)
{
	static int		 done;
	sqlite3_mem_methods	 m;

	if (done)
		return (0);
	if (sqlite3_config(SQLITE_CONFIG_SINGLETHREAD) != SQLITE_OK ||
	    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &system_memory) != SQLITE_OK)
		return (-1);
	m = system_memory;
	m.xFree = sql_free;
	m.xRealloc = sql_realloc;
	if (sqlite3_config(SQLITE_CONFIG_MALLOC, &m) != SQLITE_OK || sqlite3_initialize() != SQLITE_OK)
		return (-1);
	done = 1;
	return (0);
}

static void
sql_free(void *p)
{
	if (p != NULL)
		explicit_bzero(p, system_memory.xSize(p));
	system_memory.xFree(p);
}

static void *
sql_realloc(void *p, int size)
{
	void	*new;
	int	 old = system_memory.xSize(p);

	if (size <= old && size > old / 2)
		return (p);
	if ((new = system_memory.xMalloc(size)) == NULL)
		return (NULL);
	memcpy(new, p, size < old ? size : old);
	sql_free(p);
	return (new);
}

/*
 * SQLITE_OPEN_NOFOLLOW refuses links anywhere in a path; links to the directory are the administrator's business, so they are
 * resolved here.  The directory must be closed to everybody else: SQLite believes a journal that lies beside a store.  The
 * directories above it must not let others put another one in its place.
 */
static int
sql_resolve(const char *path, char *real, size_t realsize, char *err, size_t errsize)
{
	char	 dir[PATH_MAX], base[PATH_MAX], where[PATH_MAX];

	if (strlcpy(dir, path, sizeof(dir)) >= sizeof(dir) || strlcpy(base, path, sizeof(base)) >= sizeof(base)) {
		snprintf(err, errsize, "%s: path too long", path);
		return (-1);
	}
	if (realpath(dirname(dir), where) == NULL) {
		snprintf(err, errsize, "%s: %s", path, strerror(errno));
		return (-1);
	}
	if (sql_closed(path, where, err, errsize) == -1)
		return (-1);
	if ((size_t)snprintf(real, realsize, "%s/%s", where, basename(base)) >= realsize) {
		snprintf(err, errsize, "%s: path too long", path);
		return (-1);
	}
	return (0);
}

/* where, and each directory above it.  In a sticky directory others cannot move what is not theirs, but they can plant files. */
static int
sql_closed(const char *path, const char *where, char *err, size_t errsize)
{
	char		 dir[PATH_MAX];
	struct stat	 st;
	size_t		 len = strlcpy(dir, where, sizeof(dir));
	int		 above = 0;

	for (;;) {
		if (stat(dir, &st) == -1) {
			snprintf(err, errsize, "%s: %s: %s", path, dir, strerror(errno));
			return (-1);
		}
		if (st.st_uid != geteuid() && st.st_uid != 0)
			snprintf(err, errsize, "%s: directory %s belongs to uid %u, who could %s; run: chown root %s", path, dir,
			    (unsigned int)st.st_uid, above ? "replace what is below it" : "plant a journal that SQLite believes", dir);
		else if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (!above || (st.st_mode & S_ISVTX) == 0))
			snprintf(err, errsize, "%s: others can write directory %s (mode %04o) and %s; run: chmod go-w %s, or keep the store "
			    "elsewhere", path, dir, (unsigned int)st.st_mode & 07777,
			    above ? "replace what is below it" : "plant a journal that SQLite believes", dir);
		else if (len == 1)
			return (0);
		else {
			while (dir[--len] != '/')
				continue;
			if (len == 0)
				len = 1;
			dir[len] = '\0';
			above = 1;
			continue;
		}
		return (-1);
	}
}

/*
 * Our own regular file, closed to everybody else.  Looked at through a descriptor that is closed again before SQLite opens the
 * file: closing one later would drop SQLite's locks.
 */
static int
sql_check_file(const char *real, struct stat *st, char *err, size_t errsize)
{
	int	 fd, rv;

	if ((fd = open(real, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)) == -1) {
		if (errno == ELOOP)
			snprintf(err, errsize, "%s: is a symbolic link; put the store itself there", real);
		else
			snprintf(err, errsize, "%s: %s", real, strerror(errno));
		return (-1);
	}
	rv = fstat(fd, st);
	close(fd);
	if (rv == -1)
		snprintf(err, errsize, "%s: %s", real, strerror(errno));
	else if (!S_ISREG(st->st_mode))
		snprintf(err, errsize, "%s: is not a regular file", real);
	else if (st->st_uid != geteuid())
		snprintf(err, errsize, "%s: belongs to uid %u; run: chown %u %s", real, (unsigned int)st->st_uid,
		    (unsigned int)geteuid(), real);
	else if ((st->st_mode & (S_IRWXG | S_IRWXO)) != 0)
		snprintf(err, errsize, "%s: is open to others (mode %04o); run: chmod 600 %s", real,
		    (unsigned int)st->st_mode & 07777, real);
	else
		return (0);
	return (-1);
}

static int
sql_guard(sqlite3 *db, int flags, int timeout_ms)
{
	if (sqlite3_extended_result_codes(db, 1) != SQLITE_OK || sqlite3_busy_timeout(db, timeout_ms) != SQLITE_OK ||
	    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) != SQLITE_OK ||
	    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL) != SQLITE_OK ||
	    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, (flags & SQL_EDIT) != 0, NULL) != SQLITE_OK ||
	    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, (flags & SQL_EDIT) != 0, NULL) != SQLITE_OK)
		return (-1);
	sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	if (sql_exec(db, "PRAGMA mmap_size = 0; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY") == -1)
		return (-1);
	return (flags & SQL_READONLY ? sql_exec(db, "PRAGMA query_only = ON") : 0);
}
