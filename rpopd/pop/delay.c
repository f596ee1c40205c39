/* SPDX-License-Identifier: ISC */
/*
 * The least time between two logins of an account (RFC 2449 section 6.5).  The last logins are kept in memory, of accounts that
 * have such a time: whoever is pushed out by very many others, or logs in again after a restart, has not to wait.
 */
#include <stddef.h>

#include "common/clock.h"
#include "pop_int.h"

#define LOGINS_MAX	4096	/* accounts */

static struct {
	uint32_t	 account;	/* 0: none */
	int64_t		 at;		/* monotonic ms */
} logins[LOGINS_MAX];

/* Seconds until the account may log in again; 0: it may now.  delay: s between two logins. */
uint32_t
delay_left(uint32_t account, uint32_t delay)
{
	int64_t	 now = clock_msec(), until;
	size_t	 i;

	for (i = 0; i < LOGINS_MAX && delay > 0; i++)
		if (logins[i].account == account) {
			until = logins[i].at + (int64_t)delay * 1000;
			return (until > now ? (uint32_t)((until - now + 999) / 1000) : 0);
		}
	return (0);
}

/* Somebody has logged in to the account, which has such a time.  The place of the oldest login is taken if there is no other. */
void
delay_login(uint32_t account)
{
	size_t	 i, place = 0;

	for (i = 0; i < LOGINS_MAX; i++) {
		if (logins[i].account == account) {
			place = i;
			break;
		}
		if (logins[place].account != 0 && (logins[i].account == 0 || logins[i].at < logins[place].at))
			place = i;
	}
	logins[place].account = account;
	logins[place].at = clock_msec();
}
