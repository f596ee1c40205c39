/* SPDX-License-Identifier: ISC */
/* Log lines of the other processes, and how many of them there may be; childlog.c. */
#ifndef CHILDLOG_H
#define CHILDLOG_H

#include <stdint.h>

struct imsg;

enum log_peer { LOG_PEER_SESSION, LOG_PEER_CHILD, LOG_PEER_ALL };

/* What one peer may still write; zeroed at first. */
struct log_budget {
	int64_t		 since;		/* monotonic ms: begin of the window */
	uint32_t	 left[2];	/* lines, details */
	uint32_t	 lost;		/* left out since that was last said */
	int		 begun;
};

int	 childlog(const char *who, enum log_peer, struct log_budget *, struct imsg *);
void	 childlog_lost(const char *who, struct log_budget *);

#endif
