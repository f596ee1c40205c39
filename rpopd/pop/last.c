/* SPDX-License-Identifier: ISC */
/*
 * The last login of each account: shown, and the beginning of the least time until the next one (RFC 2449 section 6.5).  All of
 * them are in memory, read from state.db at the start; a new one is written there some seconds later, with whatever others came
 * meanwhile, so that no login waits for the store.  A crash loses those that were not written: rpopd/state/login.c has what is
 * then.
 *
 * A time counts as the store has it at the start, but never as later than now: after a clock was set back nobody waits longer than
 * the least time between two logins.  While the daemon runs no clock that is set counts.
 */
#include <sys/types.h>
#include <sys/tree.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/compat.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "rpopd/state/state.h"
#include "rpopd/turn/turn.h"
#include "pop_int.h"

#define WRITE_AFTER	5000	/* ms, of a login until it is written */
#define WRITE_AGAIN	30000	/* ms until state.db is tried again */
#define OLD		172800	/* s: an age beyond every least time between two logins */

struct last {
	RB_ENTRY(last)		 entry;
	TAILQ_ENTRY(last)	 open;		/* with written 0 */
	uint32_t		 account;	/* id */
	int			 written;	/* state.db has it */
	int64_t			 at;		/* epoch */
	int64_t			 since;		/* monotonic ms, of the same moment */
	char			 client[PROTO_CLIENT_SIZE];	/* numeric address; empty: not known */
};

static void		 last_read(void *, const struct login_row *);
static struct last	*last_of(uint32_t);
static void		 last_due(void *);
static int		 last_write(void);
static int		 last_kept(const char *);
static int		 last_cmp(const struct last *, const struct last *);

static RB_HEAD(lasts, last)	 lasts = RB_INITIALIZER(&lasts);
static TAILQ_HEAD(, last)	 unwritten = TAILQ_HEAD_INITIALIZER(unwritten);
static struct timer		 writer;

RB_PROTOTYPE_STATIC(lasts, last, entry, last_cmp)
RB_GENERATE_STATIC(lasts, last, entry, last_cmp)

/* What state.db knows, of accounts that there are; the rows of others go. */
void
last_start(void)
{
	int	 gone = 0;

	timer_init(&writer, last_due, NULL);
	if (state_login_all(last_read, &gone) != DB_OK)
		log_warnx("state.db: the last logins cannot be read; nobody waits for a login before this start");
	if (gone && state_login_prune(last_kept) != DB_OK)
		log_warnx("state.db: last logins of removed accounts stay until the next start");
}

/* Another configuration is in force: what is known of accounts that are gone goes. */
void
last_reload(void)
{
	struct last	*l, *next;
	int		 gone = 0;

	RB_FOREACH_SAFE(l, lasts, &lasts, next) {
		if (route_account_by_id(config_running->routes, l->account) != NULL)
			continue;
		gone = 1;
		RB_REMOVE(lasts, &lasts, l);
		if (!l->written)
			TAILQ_REMOVE(&unwritten, l, open);
		free(l);
	}
	if (gone && state_login_prune(last_kept) != DB_OK)
		log_warnx("state.db: last logins of removed accounts stay until the next start");
}

/* A row of state.db. */
static void
last_read(void *arg, const struct login_row *row)
{
	const struct route_account	*a = route_account_by_address(config_running->routes, row->account);
	struct last			*l;
	int64_t				 now = time(NULL), age;
	int				*gone = arg;

	if (a == NULL) {
		*gone = 1;
		return;
	}
	age = row->at >= now ? 0 : row->at < now - OLD ? OLD : now - row->at;
	l = last_of(a->id);
	l->at = row->at;
	l->since = clock_msec() - age * 1000;
	l->written = 1;
	strlcpy(l->client, row->client, sizeof(l->client));
}

/* The account's, which may be a new one. */
static struct last *
last_of(uint32_t account)
{
	struct last	 key = { .account = account }, *l;

	if ((l = RB_FIND(lasts, &lasts, &key)) != NULL)
		return (l);
	if ((l = calloc(1, sizeof(*l))) == NULL)
		fatal("last login");
	l->account = account;
	l->written = 1;
	RB_INSERT(lasts, &lasts, l);
	return (l);
}

/* Seconds until the account may log in again; 0: it may now.  delay: s between two logins. */
uint32_t
last_left(uint32_t account, uint32_t delay)
{
	struct last	 key = { .account = account };
	const struct last *l = RB_FIND(lasts, &lasts, &key);
	int64_t		 now = clock_msec(), until;

	if (l == NULL || delay == 0)
		return (0);
	until = l->since + (int64_t)delay * 1000;
	return (until > now ? (uint32_t)((until - now + 999) / 1000) : 0);
}

/* Somebody has logged in to the account, from this address. */
void
last_login(uint32_t account, const char *client)
{
	struct last	*l = last_of(account);

	l->at = time(NULL);
	l->since = clock_msec();
	strlcpy(l->client, client, sizeof(l->client));
	if (l->written) {
		l->written = 0;
		TAILQ_INSERT_TAIL(&unwritten, l, open);
	}
	/* Nothing comes behind the end. */
	if (turn_stopping)
		last_stop();
	else if (!timer_armed(&writer))
		timer_in(&writer, WRITE_AFTER);
}

/* The daemon is about to stop. */
void
last_stop(void)
{
	timer_stop(&writer);
	while (!TAILQ_EMPTY(&unwritten) && last_write() == 0)
		continue;
}

/* Some logins are written, and others follow; if that fails, all of them do later. */
static void
last_due(void *arg)
{
	(void)arg;
	if (last_write() == -1)
		timer_in(&writer, WRITE_AGAIN);
	else if (!TAILQ_EMPTY(&unwritten))
		timer_in(&writer, 0);
}

/* The oldest of the logins that are not written yet are written, as many as one transaction takes.  0, or -1: they are not. */
static int
last_write(void)
{
	static char	 addresses[STATE_SLICE][PROTO_ADDR_SIZE];
	const struct route_account	*a;
	struct login_row rows[STATE_SLICE];
	struct last	*l, *end;
	size_t		 n = 0;

	TAILQ_FOREACH(l, &unwritten, open) {
		if (n == STATE_SLICE)
			break;
		a = route_account_by_id(config_running->routes, l->account);
		if (a == NULL || route_account_address(a, addresses[n], sizeof(addresses[n])) == -1)
			continue;
		rows[n].account = addresses[n];
		rows[n].at = l->at;
		rows[n++].client = l->client;
	}
	end = l;
	if (n > 0 && state_login_put(rows, n) != DB_OK)
		return (-1);
	while ((l = TAILQ_FIRST(&unwritten)) != end) {
		TAILQ_REMOVE(&unwritten, l, open);
		l->written = 1;
	}
	return (0);
}

int
pop_last_login(const char *address, int64_t *at, const char **client)
{
	const struct route_account	*a = route_account_by_address(config_running->routes, address);
	struct last			 key = { .account = a == NULL ? 0 : a->id };
	const struct last		*l = RB_FIND(lasts, &lasts, &key);

	if (l == NULL)
		return (0);
	*at = l->at;
	*client = l->client;
	return (1);
}

/* 1: there is such an account. */
static int
last_kept(const char *account)
{
	return (route_account_by_address(config_running->routes, account) != NULL);
}

static int
last_cmp(const struct last *a, const struct last *b)
{
	return (a->account < b->account ? -1 : a->account > b->account);
}
