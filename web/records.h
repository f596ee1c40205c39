/* SPDX-License-Identifier: ISC */
/*
 * The pages of records: what records.c, which reads them, record_row.c, which shows one, and record_change.c, which
 * changes it, have in common.
 */
#ifndef WEB_RECORDS_H
#define WEB_RECORDS_H

#include "common/verifier.h"
#include "web.h"

#define RECORD_NAME_MAX		127	/* octets, as in the schema */
#define RECORD_HASH_DIGITS	64
#define RECORD_ERROR_SIZE	(PROTO_TEXT_SIZE * 2 + 64)

/* Fields of a row whose values say whether somebody has edited it. */
enum record_field { RECORD_NAME, RECORD_PERIOD, RECORD_AUTH_NAME, RECORD_DOMAIN, RECORD_LEAVE, RECORD_APOP, RECORD_TLS,
	RECORD_FOLDER, RECORD_FIELDS };

struct record_state {			/* what the daemon says of a record's polls */
	char		 name[PROTO_RECORD_SIZE];
	char		 state[16];
	char		 error[PROTO_TEXT_SIZE];
	int64_t		 success, failing, next;	/* epoch; 0: none */
	uint32_t	 failures, planned, fetched;
};

struct records {			/* a page; records_close() */
	struct visit		*v;
	char			 account[PROTO_ADDR_SIZE];	/* whose records */
	int			 admin;		/* it is a page of an administrator's */
	int			 modify;	/* he may change records here, those that are not kept from him */
	int			 server;	/* an administrator of the server: all of them */
	int			 domain;	/* an administrator of the account's domain, who may change records there */
	int			 special;	/* Special stands in the place of Mailbox */
	uint32_t		 least;		/* s: the shortest period that he may choose */
	struct table		*rows;
	struct record_state	*states;	/* by name */
	size_t			 nstates;
};

/* What became of a row of a form. */
enum record_done { RECORD_SAME, RECORD_ADDED, RECORD_CHANGED, RECORD_REMOVED, RECORD_REFUSED, RECORD_DONE_MAX };

struct record_row {			/* one row as it is shown */
	size_t			 n;		/* in the form */
	ssize_t			 at;		/* in records.rows; -1: the row for a new record */
	const struct form	*typed;		/* NULL: as it is in the store; else what was typed, in its row tn: */
	size_t			 tn;
	const char		*error;		/* why it was refused; NULL: it was not */
	const char		*fixed;		/* why he can look at it only; NULL: he can change it */
};

/* --- record_row.c --- */

void		 record_head(const struct records *);			/* the titles of the columns */
void		 record_show(const struct records *, const struct record_row *);
const char	*record_period_value(const struct records *, const char *period);	/* that the list of periods has for it; "": none */
int		 record_shows(const char *);	/* 1: a field of a form brings such a value back as it is */
void		 record_digest(const char *const values[RECORD_FIELDS], char hex[RECORD_HASH_DIGITS + 1]);

/* --- record_change.c --- */

/* Does what the form's nth row wants; REFUSED: there is a sentence.  *at: where the last row was in the table; then this one. */
enum record_done record_take(struct records *, size_t n, size_t *at, char *err, size_t errsize);
const char	*record_typed(const struct visit *, size_t n, const char *column);	/* into a field; what did not come is "" */
ssize_t		 record_find(const struct records *, const char *name, size_t from);	/* row of the table, looked for from a place on; -1 */

/* --- records.c, for try.c and accounts.c --- */

int		 record_named(struct visit *, const struct form *, struct ctl_name *, const char **account, const char **record);
void		 record_query(struct visit *, const char *path, const char *account, const char *record);	/* path?account=...&record=... */
void		 record_encoded(struct answer *, const char *);	/* as a part of a query, within an attribute or not */
size_t		 record_address(const char *page, const char *account, char *, size_t);	/* page?account=...; 0: no room */
void		 record_hidden(struct visit *, const char *account, const char *record);	/* the same as hidden fields of a form */

/* --- password.c, for accounts.c --- */

/* The verifier of a new password that was typed twice, in out: NULL, or a sentence; wiped by the caller. */
const char	*password_made(const char *new, const char *again, char out[VERIFIER_MAX + 1]);

#endif
