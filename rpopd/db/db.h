/* SPDX-License-Identifier: ISC */
/* SQLite, opened with every guard on, and its errors as sentences: sql.c. */
#ifndef DB_H
#define DB_H

#include <sys/types.h>

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SQL_READONLY = 1	/* query_only, views and triggers off */
};
sqlite3	*sql_open(const char *path, int flags, int timeout_ms, char *err, size_t errsize);
int	 sql_create(const char *path, const char *schema, char *err, size_t errsize);
int	 sql_exec(sqlite3 *, const char *);		/* 0 or -1 */
int	 sql_number(sqlite3 *, const char *, int64_t *);	/* first column of the first row; 0 or -1 */
void	 sql_reason(sqlite3 *, const char *path, char *err, size_t errsize);	/* the last error, and what to do about it */

#endif
