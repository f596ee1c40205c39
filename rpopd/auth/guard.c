/* SPDX-License-Identifier: ISC */
/*
 * What holds guessers up: passwords for one account are verified one at a time, and a wrong one is answered after a delay that
 * grows from one to the next.  Until then no other is verified for that account, so that to ask many times at once gains nothing.
 * Accounts that do not exist have their delays, too.
 *
 * An account has a guard for all the world, and one for each client that it is known from (known.c): guesses from elsewhere do not
 * hold those up.
 */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/compat.h"
#include "common/log.h"
#include "auth_int.h"

#define GUARDS_MAX	1000	/* accounts, and accounts with a client, that are remembered */
#define USERS_MAX	5	/* passwords of one account that wait at once */
#define FORGET		600000	/* ms after the last delay, after which an account begins anew */

struct guard {
	LIST_ENTRY(guard)	 entry;
	uint32_t		 users;
	uint32_t		 failures;	/* in a row */
	int			 busy;		/* a password is being verified */
	int64_t			 until;		/* monotonic ms: none is verified before */
	uint8_t			 place[PEER_KEY_LEN];	/* of the client; zeros: everywhere */
	char			 account[PROTO_ADDR_SIZE];
};

static struct guard	*guard_oldest(void);

/* ms until a wrong password is answered: the first, the second, ... in a row. */
static const int64_t	 delays[] = { 2000, 4000, 8000, 15000 };

static LIST_HEAD(, guard)	 guards = LIST_HEAD_INITIALIZER(guards);
static size_t			 nguards;

/*
 * The guard of an account, or, if client is no NULL, that of its logins from this numeric address; the caller is its user until
 * guard_release().  A name that is too long for an account is cut, and no account's.  NULL: too many wait for this guard, or for
 * too many.
 */
struct guard *
guard_use(const char *account, const char *client)
{
	uint8_t		 place[PEER_KEY_LEN] = { 0 };
	char		 name[PROTO_ADDR_SIZE];
	struct guard	*g;

	if (client != NULL)
		peer_key(place, client);
	strlcpy(name, account, sizeof(name));
	LIST_FOREACH(g, &guards, entry)
		if (memcmp(g->place, place, sizeof(place)) == 0 && strcmp(g->account, name) == 0)
			break;
	if (g == NULL && nguards < GUARDS_MAX) {
		if ((g = malloc(sizeof(*g))) == NULL)
			fatal("guard");
		nguards++;
	} else if (g == NULL && (g = guard_oldest()) != NULL)
		LIST_REMOVE(g, entry);
	else {
		if (g == NULL || g->users >= USERS_MAX)
			return (NULL);
		g->users++;
		return (g);
	}
	memset(g, 0, sizeof(*g));
	memcpy(g->place, place, sizeof(g->place));
	strlcpy(g->account, name, sizeof(g->account));
	LIST_INSERT_HEAD(&guards, g, entry);
	g->users = 1;
	return (g);
}

/* The one that nobody uses whose delay was over first; NULL: all are used. */
static struct guard *
guard_oldest(void)
{
	struct guard	*g, *found = NULL;

	LIST_FOREACH(g, &guards, entry)
		if (g->users == 0 && (found == NULL || g->until < found->until))
			found = g;
	return (found);
}

/* Nothing is remembered of an account that nobody uses and that has no failures. */
void
guard_release(struct guard *g)
{
	if (--g->users > 0 || g->failures > 0)
		return;
	LIST_REMOVE(g, entry);
	nguards--;
	free(g);
}

const char *
guard_account(const struct guard *g)
{
	return (g->account);
}

/* When the next password of the account may be verified, monotonic ms; INT64_MAX: when the one that is being verified is done. */
int64_t
guard_due(const struct guard *g)
{
	return (g->busy ? INT64_MAX : g->until);
}

/* A password is being verified: guard_failed() or guard_passed() follows. */
void
guard_begin(struct guard *g)
{
	if (g->failures > 0 && clock_msec() >= g->until + FORGET)
		g->failures = 0;
	g->busy = 1;
}

/* ms until a failure is answered, of whom so many failed before it in a row. */
int64_t
guard_delay(uint32_t failures)
{
	return (delays[failures < nitems(delays) ? failures : nitems(delays) - 1]);
}

/* It was wrong, or there is no telling.  Returns the ms after which that is answered. */
int64_t
guard_failed(struct guard *g)
{
	int64_t	 delay = guard_delay(g->failures);

	g->busy = 0;
	g->failures++;
	g->until = clock_msec() + delay;
	return (delay);
}

/*
 * A password was wrong that did not wait for the account's guard for all the world: it counts there all the same.  Returns the ms
 * after which it would have been answered if it had waited.
 */
int64_t
guard_failed_elsewhere(const char *account)
{
	struct guard	*g = guard_use(account, NULL);
	int64_t		 now = clock_msec(), wait, delay;

	if (g == NULL)
		return (0);
	if (g->failures > 0 && now >= g->until + FORGET)
		g->failures = 0;
	wait = g->until > now ? g->until - now : 0;
	delay = guard_delay(g->failures++);
	if (g->until < now + delay)
		g->until = now + delay;
	guard_release(g);
	return (wait + delay);
}

/* It was not compared with anything. */
void
guard_unused(struct guard *g)
{
	g->busy = 0;
}

void
guard_passed(struct guard *g)
{
	g->busy = 0;
	g->failures = 0;
	g->until = 0;
}

/* Everything is forgotten; nobody uses a guard any more. */
void
guard_free_all(void)
{
	struct guard	*g;

	while ((g = LIST_FIRST(&guards)) != NULL) {
		LIST_REMOVE(g, entry);
		free(g);
	}
	nguards = 0;
}
