/* SPDX-License-Identifier: ISC */
/* Mailboxes that records have left, and which of them a record has found again. */
#ifndef FORMER_H
#define FORMER_H

#include <stddef.h>
#include <stdint.h>

#include "rpopd/config/config.h"
#include "rpopd/state/state.h"

struct session;

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

#endif
