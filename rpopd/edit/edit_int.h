/* SPDX-License-Identifier: ISC */
/* What the files of this room share. */
#ifndef EDIT_INT_H
#define EDIT_INT_H

#include "rpopd/db/db.h"
#include "edit.h"

#define COLUMNS_MAX	64

/* --- table.c --- */

struct edit_column {
	char	 name[CELL_COLUMN_SIZE];
	enum { TYPE_TEXT, TYPE_NUMBER, TYPE_SECRET } type;
	int	 computed;		/* nobody sets it */
	int	 null;			/* it may be NULL */
};
struct edit_table {
	const char	*name;
	const char	*one;			/* what people call a row */
	const char	*keys[KEYS_MAX];	/* NULL behind them; none: there is one row only */
	size_t		 exact;			/* so many of them name a single row at least */
	int		 routing;		/* other processes are told of a change */
};

const struct edit_table	*table_find(const char *);		/* NULL: nobody edits such a table through the daemon */
/* The table's columns, in columns; how many, or -1: the image cannot be read. */
int	 table_columns(const struct edit_table *, struct edit_column *);
const struct edit_column *table_column(const struct edit_column *, int n, const char *name);	/* NULL: none */
/* The column whose name is most like the word, or NULL. */
const char *table_meant(const struct edit_column *, int n, const char *word);
/* The change's cell for the column, as the row is to have it: a value ahead of the key; NULL: it has none. */
const struct cell *change_cell(const struct change *, const char *column);

/* --- rights.c --- */

struct doing;

/* Whether he may do that: 0, or -1 and a sentence.  What has to be so whatever he says is among the forced cells then. */
int	 rights_change(struct doing *, char *err, size_t errsize);
/* The same of what has been done, in the transaction: limits that count rows. */
int	 rights_result(const struct doing *, char *err, size_t errsize);
/* A condition that rows must meet that he may see, with his account as ?1; NULL: he sees none of this table. */
const char *rights_seen(const struct who *, const struct edit_table *);

/* --- rows.c --- */

/* A row of all columns, in their order, as cells.  Octets, or 0: it is too long, which no row of this schema is. */
size_t	 row_pack(sqlite3_stmt *, const struct edit_column *, int ncolumns, uint8_t *, size_t);

/* --- told.c --- */

struct doing;

struct told {				/* what a batch changed; told_free() */
	size_t	 added, changed, removed, same;
	const struct edit_table *table;		/* of all of them; NULL: of several, or none yet */
	int	 mixed;
	char	 detail[PROTO_TEXT_SIZE];	/* of the row at hand: "period 600 -> 300" */
	char	 record[PROTO_RECORD_SIZE];	/* the only record that is touched, account/name; empty: none, or several */
	size_t	 records;
	char	**lines;			/* for the log, a line a row */
	size_t	 nlines;
};

/* A column of the row at hand had the value old and has new; NULL: NULL.  A secret's are not told. */
void	 told_column(struct told *, const struct edit_column *, const char *old, const char *new);
void	 told_rows(struct doing *, size_t rows);	/* the change of the doing is done, with so many rows */
void	 told_sentence(const struct told *, char *, size_t);
void	 told_log(const struct told *, const struct who *);
void	 told_free(struct told *);

/* --- a change under way --- */

struct keyed {				/* what names rows, for a condition: cells of the table's keys */
	const struct cell	*cells;
	size_t			 n;
};
struct doing {				/* a change under way, in the store's transaction */
	const struct who	*who;
	const struct edit_table	*table;
	struct change		*change;
	struct edit_column	 columns[COLUMNS_MAX];
	int			 ncolumns;
	char			 key[PROTO_RECORD_SIZE];	/* of the row, encoded, for sentences */
	sqlite3			*store;
	struct kept		*kept;
	struct told		*told;
	struct cell		 forced[2];	/* cells that rights.c set, beside the change's own */
	size_t			 nforced;
	struct keyed		 given;		/* the key as the client gave it, which may be a part of one */
	struct cell		 was[KEYS_MAX], is[KEYS_MAX];	/* the whole key of a row that is set, ahead of it and behind it */
	size_t			 nwhole;
	uint8_t			 octets[KEYS_MAX * CELL_VALUE_MAX];	/* of these cells */
};

/* --- statement.c --- */

sqlite3_stmt	*statement_new(struct doing *, sqlite3 *, char *sql, char *err, size_t errsize);
char		*statement_where(const struct keyed *);		/* sqlite3_free() */
void		 statement_key(sqlite3_stmt *, void *keyed);
int		 statement_bind(struct doing *, sqlite3_stmt *, int at, const struct cell *, char *err, size_t errsize);
int		 statement_step(struct doing *, sqlite3_stmt *, char *err, size_t errsize);
void		 statement_refused(struct doing *, char *err, size_t errsize);
void		 statement_say(const struct doing *, const char *text, char *err, size_t errsize);

/* --- change.c --- */

/* Does one change in the store and in the image.  0, or -1 and a sentence. */
int	 change_do(struct doing *, char *err, size_t errsize);

#endif
