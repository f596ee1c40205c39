/* SPDX-License-Identifier: ISC */
/* A name server with manners and without, in a process of its own on a loopback port. */
#ifndef FAKEDNS_H
#define FAKEDNS_H

#include <stdatomic.h>

/*
 * What it does depends on the first label of the name asked for:
 *	a		A 127.0.0.1, no AAAA
 *	aaaa		AAAA ::1, no A
 *	both		both
 *	late		A at once, AAAA only after fakedns_release()
 *	latea		AAAA at once, A only after fakedns_release()
 *	never		A at once, AAAA is never answered
 *	silent		nothing is ever answered
 *	nx		no such name
 *	empty		the name exists, without any address
 *	servfail	server failure
 *	halfbad		A 127.0.0.1, server failure for AAAA
 *	trunc		truncated over UDP; 40 addresses, the first 127.0.0.1, over TCP
 *	garbage		noise that begins with the query's id and claims to be an answer
 *	block		A 0.0.0.0 and AAAA ::
 *	many		A 127.0.0.2 to 127.0.0.5
 *	(other)		no such name
 */
struct fakedns_stat {
	atomic_uint	 queries;	/* all */
	atomic_uint	 tcp;		/* of them over TCP */
	atomic_uint	 a, aaaa, other;
	atomic_uint	 release;
};

extern struct fakedns_stat	*fakedns_stat;	/* shared with the server */

const char	*fakedns_start(void);	/* "127.0.0.1:port" */
void		 fakedns_stop(void);
void		 fakedns_release(void);	/* late answers are sent now */

#endif
