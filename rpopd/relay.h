/* SPDX-License-Identifier: ISC */
/*
 * Recipients that are handed on to a next hop, and the quarantine.  Included by rpopd.h.
 *
 *	store_relay.c	their rows in state.db
 *	relay.c		which row is due, connections per next hop, back-off, results
 *	link_sender.c	the sender's channel
 *	report.c ...	what is said of failures
 */
#ifndef RELAY_H
#define RELAY_H

#include <stddef.h>
#include <stdint.h>

#include "../common/proto.h"
#include "state.h"

enum relay_state { RELAY_WAITING = 0, RELAY_QUARANTINED = 1, RELAY_FAILED = 2 };

struct relay_row {			/* a row of table relay */
	int64_t		 id;
	int64_t		 mailbox;
	uint8_t		 uid[STATE_KEY_MAX];
	size_t		 uidlen;
	uint32_t	 nexthop;
	enum notify	 notify;
	enum seen_state	 after;
	enum relay_state state;
	int64_t		 arrived, next;		/* epoch */
	uint32_t	 tries;
	char		 link[PROTO_LINK_SIZE];
	char		 dest[PROTO_DEST_SIZE];
	char		 original[PROTO_ADDR_SIZE];
	char		 sender[PROTO_SENDER_SIZE];
	char		 status[PROTO_TEXT_SIZE];
};

struct relay_change {			/* what became of a row; one transaction for many */
	int64_t		 id;
	enum {
		RELAY_DONE,		/* final: the row goes; with the last one of its message the seen row becomes row.after */
		RELAY_AGAIN,		/* next, tries + 1, status */
		RELAY_HOLD,		/* quarantined, status */
		RELAY_FAIL,		/* failed for good, status; its report is due */
		RELAY_RELEASE,		/* waiting, due now, tries 0; dest and nexthop too if dest is not empty */
		RELAY_MOVE		/* to table pending: dest is a Maildir */
	}		 what;
	int64_t		 next;
	uint32_t	 nexthop;
	const char	*status;	/* NULL: as it was */
	const char	*dest;		/* RELEASE */
	int		 doubt;		/* AGAIN: the reply was lost: counted */
	/* out */
	int		 last;		/* DONE, MOVE: it was the last row of its message */
	int64_t		 pending;	/* MOVE: id of the pending row */
};

int	 state_relay_each(int (*cb)(void *, const struct relay_row *), void *arg);	/* every row by id; cb must not call the store */
int	 state_relay_get(int64_t id, struct relay_row *);	/* 1, 0: no such row, -1 */
int64_t	 state_relay_count(void);
/* Durable.  0, 1: locked, -1; nothing happened unless 0.  Changes to rows that do not exist are no error. */
int	 state_relay_change(struct relay_change *, size_t n);
/*
 * A report was made about row id: the row goes, and one for the report comes in its place (nexthop > 0), or a pending row
 * (nexthop 0, dest is a Maildir; its id in *pending).  Reports are never reported: notify is NEVER, sender is null.
 */
int	 state_relay_reported(int64_t id, const struct msg_reported *, uint32_t nexthop, const char *recipient, int64_t *pending);

#endif
