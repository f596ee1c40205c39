/* SPDX-License-Identifier: ISC */
/*
 * Rule tables: which messages a process takes from one peer.  One table per channel, walked by rules_dispatch(); anything
 * that no rule allows is a lie or a bug and ends that peer's work.
 */
#ifndef RULES_H
#define RULES_H

#include <stddef.h>
#include <stdint.h>

#include "imsg.h"

#define RULES_ANY	UINT32_MAX	/* legal in every state */

struct rule {
	uint32_t	 type;		/* enum imsg_type; messages.h has its length and whether a descriptor rides along */
	uint32_t	 states;	/* bit mask 1u << state in which it is legal, or RULES_ANY */
	int		(*handler)(void *arg, struct imsg *);	/* 0, or -1: content breaks the rules */
};

/*
 * Hand one message to its handler.  Returns 0 if taken; -1 if no rule allows it or the handler refused, with a sentence in
 * err (type name, length, state; no payload).  A descriptor nobody took is closed.  Does not free the imsg.
 */
int	 rules_dispatch(const struct rule *, size_t nrules, uint32_t state, void *arg, struct imsg *, char *err, size_t errsize);

/*
 * Read what is there and dispatch all of it.  state points at the peer's current state, read anew before each message.
 * Returns 1 go on, 0 peer closed, -1 broken (sentence in err).  peer: its name in the log at LOG_LEVEL_ALL, or NULL.
 */
int	 rules_read(struct imsgbuf *, const char *peer, const struct rule *, size_t nrules, const uint32_t *state, void *arg,
	    char *err, size_t errsize);

/*
 * The same, but when a handler has set *stop the rest stays in the buffer: the next call begins with it, before it reads.  What was
 * in the buffer is dispatched ahead of the peer's end.
 */
int	 rules_read_until(struct imsgbuf *, const char *peer, const struct rule *, size_t nrules, const uint32_t *state,
	    const int *stop, void *arg, char *err, size_t errsize);

/* The imsg's payload into a fixed struct; 0, or -1 on another length. */
#define rules_payload(imsg, p)	imsg_get_data((imsg), (p), sizeof(*(p)))

#endif
