/* SPDX-License-Identifier: ISC */
/* A copy of a store as a reader sees it, while others go on writing. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/hook.h"
#include "db.h"

#define COPY_PAGES	64

static int	 copy_pages(sqlite3 *, sqlite3 *);
static int	 copy_sound(sqlite3 *, const char *, char *, size_t);

/*
 * Copies what the connection sees, which has a read transaction, into a new file at path, which is durable then but for its name.
 * 0, or -1 with a sentence in err; then there may be a part of it.
 */
int
sql_copy(sqlite3 *from, const char *path, char *err, size_t errsize)
{
	sqlite3	*to;
	int	 fd, rv = -1;

	if ((fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)) == -1 || close(fd) == -1) {
		snprintf(err, errsize, "%s: cannot be created: %s", path, strerror(errno));
		return (-1);
	}
	if ((to = sql_open(path, 0, 0, err, errsize)) == NULL)
		return (-1);
	if (copy_pages(from, to) == -1)
		sql_reason(to, path, err, errsize);
	else
		rv = copy_sound(to, path, err, errsize);
	if (sqlite3_close(to) != SQLITE_OK && rv == 0) {
		snprintf(err, errsize, "%s: not closed", path);
		rv = -1;
	}
	return (rv);
}

/* All pages, on stable storage.  0, or -1: the second connection has the error. */
static int
copy_pages(sqlite3 *from, sqlite3 *to)
{
	sqlite3_backup	*b;
	int		 rc;

	if (sql_exec(to, "PRAGMA synchronous = FULL") == -1 || (b = sqlite3_backup_init(to, "main", from, "main")) == NULL)
		return (-1);
	while ((rc = sqlite3_backup_step(b, COPY_PAGES)) == SQLITE_OK)
		HOOK("backup.pages");
	return (sqlite3_backup_finish(b) == SQLITE_OK && rc == SQLITE_DONE ? 0 : -1);
}

/* 0, or -1 with a sentence in err: the copy is damaged, as what was copied is, or holds nothing. */
static int
copy_sound(sqlite3 *db, const char *path, char *err, size_t errsize)
{
	sqlite3_stmt	*st = NULL;
	const char	*text = NULL;
	int64_t		 n;
	int		 rv = -1;

	if (sql_number(db, "SELECT count(*) FROM sqlite_schema", &n) == -1)
		sql_reason(db, path, err, errsize);
	else if (n == 0)
		snprintf(err, errsize, "%s: would be a copy of an empty file: what was in it is lost", path);
	else if (sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &st, NULL) != SQLITE_OK || sqlite3_step(st) != SQLITE_ROW ||
	    (text = (const char *)sqlite3_column_text(st, 0)) == NULL)
		sql_reason(db, path, err, errsize);
	else if (strcmp(text, "ok") != 0)
		snprintf(err, errsize, "%s: what was copied is damaged (%s); keep an older backup, or try sqlite3's .recover", path, text);
	else
		rv = 0;
	sqlite3_finalize(st);
	return (rv);
}
