/* SPDX-License-Identifier: ISC */
/* SQLite, opened with every guard on, its results by name, and its errors as sentences: sql.c. */
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
	SQL_READONLY = 1	/* query_only, views and triggers off */
};
sqlite3	*sql_open(const char *path, int flags, int timeout_ms, char *err, size_t errsize);
int	 sql_create(const char *path, const char *schema, char *err, size_t errsize);
int	 sql_exec(sqlite3 *, const char *);		/* 0 or -1 */
int	 sql_number(sqlite3 *, const char *, int64_t *);	/* first column of the first row; 0 or -1 */
void	 sql_reason(sqlite3 *, const char *path, char *err, size_t errsize);	/* the last error, and what to do about it */

#endif
