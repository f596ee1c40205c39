/* SPDX-License-Identifier: ISC */
/* Mailboxes that records have left, and which of them a record has found again: former.c, state/former.c. */
#ifndef FORMER_H
#define FORMER_H

#include <stddef.h>
#include <stdint.h>

#include "rpopd/config/config.h"

struct session;

struct former {				/* a mailbox that no record names */
	int64_t		 id;
	char		 account[PROTO_RECORD_SIZE], record[PROTO_RECORD_SIZE], host[PROTO_HOST_SIZE];
	char		 login[PROTO_USER_SIZE];
	uint16_t	 port;
	int		 replaced;	/* it lost its record when the new mailbox appeared, or later */
};

struct former_message {			/* of a former mailbox; uid is valid during the call */
	const uint8_t	*uid;
	size_t		 uidlen;
	int64_t		 size;		/* 0: not known */
	int		 gone;		/* it was absent from its last listing */
};

/* How a former mailbox may be the record's own. */
enum kinship {
	KIN_NONE,
	KIN_RECORD,	/* the record had this name */
	KIN_LOGIN	/* and the login is the same too, or the login and the kind of host are, or the login is a whole address */
};

#define FORMER_SIZES	6		/* different sizes that make a proof */

struct former_count {			/* a former mailbox beside a listing */
	uint32_t	 rows;		/* messages that should be there still */
	uint32_t	 present;	/* whose unique-id is listed */
	uint32_t	 equal;		/* of them, with the very same size */
	uint32_t	 differ;	/* with quite another one */
	uint32_t	 unsized;	/* one of the two sizes is not known */
	uint32_t	 nsizes;	/* different sizes among the equal ones, as far as they are counted */
	int64_t		 sizes[FORMER_SIZES];
};

enum former_proof { FORMER_OTHER, FORMER_DOUBT, FORMER_SAME };

/* former.c */
enum kinship	 former_kin(const struct former *, const struct record *);
void		 former_size(struct former_count *, int64_t known, int64_t listed);
enum former_proof	 former_judge(const struct former_count *, enum kinship);
/*
 * The first listing of a session's mailbox: is it one that a record has left?  If so, the session and its task have that one from
 * now on.  1: adopted, 0: not, -1: store or memory, 2: not now, a session with it is still ending.
 */
enum former_past { PAST_NONE, PAST_KIN, PAST_POLLED };	/* no kin; some; this record was polled before, whether there or here */
int		 former_find(struct session *, enum former_past *);

/* --- state/former.c --- */

/* Those that no record names, the last ones first, without one id; cb returns 0 to go on and must not call the store.  0/-1. */
int	 state_formers(int64_t mailbox, int (*cb)(void *, const struct former *), void *arg);
int	 state_former_rows(int64_t mailbox, void (*cb)(void *, const struct former_message *), void *arg);
/* The former mailbox becomes that of the record, in place of mailbox.  doubt: what it knows is only to be compared with. */
int	 state_former_adopt(const struct former *, int64_t mailbox, const struct record *, int doubt, const char *origin,
	    int64_t now);
int	 state_origin(int64_t mailbox, char *text, size_t size);	/* where its state comes from; empty: it is its own.  0/-1 */

struct forgotten {
	int64_t	 messages;		/* known, and not known to be gone from the server */
	int64_t	 waiting;		/* known still: they wait here for a next hop */
	int	 mailboxes;		/* 0: there is no such record */
};
/* Everything of a record is to come once more, copies too; its former mailboxes likewise. */
int	 state_forget(const char *account, const char *record, int64_t now, struct forgotten *);

#endif
