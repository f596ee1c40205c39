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
		RELAY_DONE,		/* accepted, or dropped from the quarantine: the row goes */
		RELAY_AGAIN,		/* next, tries + 1, status */
		RELAY_HOLD,		/* quarantined, status */
		RELAY_FAIL,		/* failed for good, status; its report is due */
		RELAY_RELEASE,		/* waiting, due now, arrived now, tries 0; dest and nexthop too if dest is not empty */
		RELAY_MOVE		/* to table pending: dest, or what the row has if that is empty, is a Maildir */
	}		 what;		/* DONE, HOLD, MOVE are final: with the last open row the seen row becomes row.after */
	int64_t		 next;
	uint32_t	 nexthop;
	const char	*status;	/* NULL: as it was */
	const char	*dest;		/* RELEASE, MOVE */
	int		 doubt;		/* AGAIN: the reply was lost: counted */
	/* out */
	int		 last;		/* DONE, HOLD, MOVE: no row of its message is waiting or failed any more */
	int64_t		 pending;	/* MOVE: id of the pending row */
};

int	 state_relay_each(int (*cb)(void *, const struct relay_row *), void *arg);	/* every row by id; cb must not call the store */
int	 state_relay_get(int64_t id, struct relay_row *);	/* 1, 0: no such row, -1 */
int	 state_relay_of(int64_t mailbox, const uint8_t *uid, size_t uidlen, int (*cb)(void *, const struct relay_row *), void *arg);
int64_t	 state_relay_count(void);	/* of all states */
/*
 * Durable, but for AGAIN.  0, 1: locked, -1; nothing happened unless 0.  Changes to rows that do not exist are no error.  A row that
 * is gone (DONE) has its link removed by spool_remove() afterwards, one that was moved by spool_move().
 */
int	 state_relay_change(struct relay_change *, size_t n);
/*
 * A report was made about row id: the row goes, and one for the report comes in its place (nexthop > 0), or a pending row
 * (nexthop 0, dest is a Maildir); the new row's id is in *made.  Reports are never reported: notify is NEVER, sender is null; and
 * no message on a server waits for them: uidlen is 0.  0, 1: locked, -1; or 2: no such row, the report is to be removed.
 */
int	 state_relay_reported(int64_t id, const struct msg_reported *, uint32_t nexthop, const char *recipient, int64_t *made);

/* store_rcpt.c: the row that a recipient of a committed message got, but for its id.  0, or -1: it is not one for table relay. */
int	 relay_row_make(struct relay_row *, const struct receipt *, const struct msg_rcpt *);

/*
 * commit.c calls relay_committed() (relay.c) with the new rows of one message, quarantined and failed ones too, when they are
 * durable and the deliverer has been told.
 *
 * commit_defer.c: commit_relay_tried() is called by relay.c when a row has had its first result and that is durable (state_relay_change(),
 * state_relay_reported()), or when none is to be expected soon (its next hop is in a pause).  The session that brought the message
 * waits for that, DEFER_SECONDS at most, and is then told to delete it if every recipient is final.  Calls for rows that nobody waits
 * for, and repeated ones, do no harm.
 */
void	 relay_committed(const struct relay_row *, size_t);
void	 commit_relay_tried(int64_t id);

/*
 * spool.c: what the deliverer is told about links.  While it is dead nothing need be said: at its start it is told all rows, and
 * removes every other link.
 */
void	 spool_remove(const char *link);		/* its row is gone */
void	 spool_move(int64_t pending, const char *link, const char *dest);	/* its row is in table pending by now */
int	 spool_open(uint32_t id, const char *link);	/* relay_opened() follows, unless the deliverer dies; 0, -1: it is dead now */
void	 spool_reset(void);				/* the deliverer died */
int	 spool_moved(const struct msg_link *);		/* link_deliverer.c; 0, or -1: nothing was to be moved */
void	 relay_opened(const struct msg_spool_opened *, int fd);	/* relay.c; fd -1 if error is set */

#endif
