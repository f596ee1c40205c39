/* SPDX-License-Identifier: ISC */
/*
 * Rows of rpopd.db, looked at and changed through the daemon: by whom, within which rights, and in force at once.  What an
 * administrator edits in other rows with sqlite3(1) meanwhile neither comes into force with it nor is in its way.
 *
 *	batch.c		changes as a client sends them
 *	table.c		which tables and columns there are
 *	rights.c	who may do what
 *	run.c		a batch of changes, done as one or not at all
 *	change.c	one change in the store
 *	statement.c	statements about its row
 *	told.c		what changed, in words: for the client, and for the log
 *	rows.c		rows, as they are in force
 */
#ifndef EDIT_H
#define EDIT_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "common/ipc/cells.h"
#include "common/ipc/proto_ctl.h"

struct config;
struct sqlite3_value;

/* Who asks, as the system says it: nothing of this comes from a message. */
struct who {
	int		 root;			/* the control socket's root */
	int		 watcher;		/* a member of its group: sees everything, changes nothing */
	int		 user;			/* of the users' socket, whoever that is, root too */
	uid_t		 uid;
	int		 server_admin;
	char		 web[PROTO_ADDR_SIZE];	/* of the web page: the account that has logged in there; empty: he is not of it */
	int		 proved;		/* of a user: he has just given his account's password, and may set another one */
	char		 account[PROTO_ADDR_SIZE];	/* of a user; empty: none */
};

struct change {
	enum change_act	 act;
	char		 table[CTL_TABLE_SIZE];
	struct cell	*cells;			/* the key's first; they point into octets */
	size_t		 ncells, nkeys;
	int		 guarded;		/* SET, REMOVE: for a row only that has this digest: */
	uint8_t		 was[PROTO_DIGEST_LEN];
	uint8_t		*octets;
	size_t		 len;
};

struct batch {				/* batch_free() */
	struct change	*changes;
	size_t		 n, octets;
};

#define BATCH_CHANGES	30000		/* of an administrator's */
#define BATCH_OCTETS	(64U << 20)

/* --- batch.c --- */

/* Takes a change; 0, or -1: what came is no change, or the batch is too large, and is no batch any more. */
int	 batch_add(struct batch *, const struct ctl_change *, const uint8_t *, size_t);
void	 batch_free(struct batch *);	/* wiped, and empty */

/* --- run.c --- */

struct edit_calls {			/* what the room above does with a configuration */
	/* Whether it can come into force: 0, or -1 and a sentence.  It is the callee's then; adopt() or drop() follows. */
	int	(*prepare)(struct config *, char *err, size_t errsize);
	void	(*adopt)(int records_only);	/* 1: nothing but records differs */
	void	(*drop)(void);
};

void	 edit_init(const struct edit_calls *);
/*
 * Does all changes, or none.  0: done, and text says what changed; 1: the store is locked by somebody, try again; -1: refused, and
 * nothing changed.  In the two latter cases text says why.  record becomes the only record that was changed, as account/name; empty:
 * there was none, or several.
 */
int	 edit_run(const struct who *, struct batch *, char *text, size_t, char record[PROTO_RECORD_SIZE]);

/* --- rows.c --- */

#define KEYS_MAX	4

/* How far a listing is: behind the row that has this key, whether or not that is there still; all 0: at its beginning. */
struct rows_place {			/* rows_begin() */
	struct sqlite3_value	*key[KEYS_MAX];
	size_t			 nkeys;
};
void	 rows_begin(struct rows_place *);	/* the place is at the beginning, as that of no listing is */
/*
 * Up to max of the rows that have these cells, in the order of their keys, behind the place: take() gets each, packed.  The place is
 * that of the last one if there were max.  A row that is there all the time is in one portion of a listing, whatever else comes and
 * goes between two of them.
 * Returns how many there were, fewer than max at the end; or -1 with a sentence.
 */
ssize_t	 edit_rows(const struct who *, const char *table, const struct cell *, size_t ncells, struct rows_place *, size_t max,
	    void (*take)(void *, const uint8_t *, size_t), void *arg, char *err, size_t errsize);

/* --- rights.c --- */

#define WHO_NOBODY	"no account here is yours; an administrator names its owner in account.unix_user"

/* What the system user is here, into who; account stays empty if he is nobody. */
void	 who_user(struct who *, uid_t);
/* Likewise an account, by its address, that has logged in at the web page. */
void	 who_web(struct who *, const char *account);
/* The same who, a user or of the web page, as he is at this moment; what he has proved counts no more. */
void	 who_again(struct who *);
/* How a line of the log names who makes a change. */
const char *who_named(const struct who *, char *text, size_t);

struct who_rights {			/* of an account, as they are in force */
	int		 server_admin, domain_admin;
	int		 modify;		/* it may change its own records */
	uint32_t	 min_period, max_records;	/* of those */
};
/* 0, or -1: there is no such account, or nothing is in force. */
int	 who_rights(const char *account, struct who_rights *);
int	 who_keeps(const struct who *, const char *account);	/* 1: he keeps the records of this account, and may tell its user something */
int	 who_sees(const struct who *, const char *account);	/* 1: the records of this account are his to look at, to try, to poll */

#endif
