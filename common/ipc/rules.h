/* SPDX-License-Identifier: ISC */
/*
 * Rule tables: which messages a process takes from one peer, and in which state.  Each channel has one, walked by rules_dispatch();
 * anything that no rule allows is a lie or a bug and ends the peer's work.
 */
#ifndef RULES_H
#define RULES_H

#include <stddef.h>
#include <stdint.h>

#include "imsg.h"

#define RULES_ANY	UINT32_MAX	/* states of a rule that holds in every state */

struct rule {
	uint32_t	 type;		/* enum imsg_type; messages.h has its length and whether a descriptor rides along */
	uint32_t	 states;	/* bit mask 1u << state in which it is legal, or RULES_ANY */
	int		(*handler)(void *arg, struct imsg *);	/* 0, or -1: content breaks the rules */
};

/*
 * Hand one message to its handler.  Returns 0 if the message was taken; -1 if no rule allows it or the handler refused it, with a
 * sentence in err (name of the type, length, state; no payload).  A descriptor that the handler did not take is closed.  The imsg
 * stays the caller's to free.
 */
int	 rules_dispatch(const struct rule *, size_t nrules, uint32_t state, void *arg, struct imsg *, char *err, size_t errsize);

/*
 * Read what has arrived and dispatch all of it.  state points at the peer's current state, which is looked at anew before each
 * message.  Returns 1 to go on, 0 if the peer has closed its end, -1 with a sentence in err if the channel cannot be used any
 * more.  peer is its name in the log at LOG_LEVEL_ALL; NULL: its messages are not logged.
 */
int	 rules_read(struct imsgbuf *, const char *peer, const struct rule *, size_t nrules, const uint32_t *state, void *arg,
	    char *err, size_t errsize);

/*
 * As rules_read(), but when a handler has set *stop, the rest stays in the buffer: the next call begins with it before it reads.
 * What is in the buffer is dispatched ahead of the peer's end.
 */
int	 rules_read_until(struct imsgbuf *, const char *peer, const struct rule *, size_t nrules, const uint32_t *state,
	    const int *stop, void *arg, char *err, size_t errsize);

/* Copy the payload of the imsg into *p.  0, or -1: it has another length. */
#define rules_payload(imsg, p)	imsg_get_data((imsg), (p), sizeof(*(p)))

#endif
