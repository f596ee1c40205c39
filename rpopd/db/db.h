/* SPDX-License-Identifier: ISC */
/*
 * SQLite, opened with every guard on, its results by name, and its errors as sentences: sql.c; statements that are used again:
 * kept.c; copies: copy.c; names of files: file.c.
 */
#ifndef DB_H
#define DB_H

#include <sys/types.h>

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

/* What a call to a store came to.  Each function says which of these it returns. */
enum db {
	DB_FAILED = -1,		/* an error, which was logged; nothing happened */
	DB_OK = 0,		/* done; of a question: yes, or there is such a row */
	DB_BUSY,		/* locked by somebody's transaction; nothing happened, and a later try may succeed */
	DB_MORE,		/* of work in slices: a slice is done, and the next call goes on */
	DB_NONE			/* of a question: no, or there is no such row; nothing was wrong */
};

enum {
	SQL_READONLY = 1,	/* query_only */
	SQL_EDIT = 2		/* triggers and views of the schema work, as they do for an administrator; else they do not */
};
sqlite3	*sql_open(const char *path, int flags, int timeout_ms, char *err, size_t errsize);
sqlite3	*sql_memory(void);
int	 sql_create(const char *path, const char *schema, char *err, size_t errsize);
int	 sql_exec(sqlite3 *, const char *);		/* 0 or -1 */
int	 sql_number(sqlite3 *, const char *, int64_t *);	/* first column of the first row; 0 or -1 */
int	 sql_copy(sqlite3 *, const char *path, char *err, size_t errsize);
void	 sql_reason(sqlite3 *, const char *path, char *err, size_t errsize);	/* the last error, and what to do about it */

/* --- kept.c --- */

struct kept;

struct kept	*kept_new(void);	/* none yet; NULL: no memory */
/*
 * A statement of this text, without values and at its beginning, for kept_done(): the very one, if the text was asked for before and
 * is not too long ago.  It stays kept's.  NULL: the connection has the error.
 */
sqlite3_stmt	*kept_get(struct kept *, sqlite3 *, const char *sql);
int		 kept_done(sqlite3_stmt *);	/* what its last step came to, as sqlite3_finalize() returns it; NULL: SQLITE_OK */
void		 kept_free(struct kept *);	/* ahead of the connections' end; NULL: nothing */

int	 file_name(const char *from, const char *to, char *err, size_t errsize);
int	 file_directory(const char *path, char *err, size_t errsize);

#endif
