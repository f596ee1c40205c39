/* SPDX-License-Identifier: ISC */
/* A routing table, a session, and who gets a message by them. */
#ifndef DECIDERIG_H
#define DECIDERIG_H

#include <stddef.h>
#include <stdint.h>

#include "deliverer/deliverer.h"

struct sample {
	const char	*header;
	const char	*to;		/* places, one blank between; see below */
	const char	*reason;	/* part of it; NULL: no fallback */
	const char	*sender;
};

extern struct msg_session_open	 session;
extern struct recipients	 to;		/* what the last decide() came to */
extern struct msg_route_start	 start;		/* load_table() fills in the counts */
extern const char *const	 people[4];	/* accounts of example.org, ids 1 to 4; the first is the postmaster */

void	 mode(enum dist_mode, const char *special);
/* People, one alias, and as many further accounts u<id - 1> as wanted; routes: all rows, domains, bo has next hop 7. */
void	 load_table(uint32_t more, int routes);
void	 load(uint32_t more);
void	 load_routes(void);			/* all rows, a hop limit of 20, a key of the mark */
int	 decide(const char *text, size_t);
/*
 * Each sample comes to what it says.  Places: anna: her INBOX; anna/.Folder; name@domain>7: handed on to next hop 7, with
 * (original) if that is told; !name@domain=text: refused; -name@domain: nobody; ?...: in quarantine.  With load_routes() a ~
 * stands in front of places whose failures are not reported.
 */
void	 check(const struct sample *, size_t);
int	 alone(const char *);			/* 1: one place, this account's INBOX */
size_t	 crowd(char *text, size_t, const char *field, uint32_t n);	/* a header with n recipients, people not among them */

#endif
