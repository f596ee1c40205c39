/* SPDX-License-Identifier: ISC */
/* links: rpopd/pop */
/* libs: -levent_core */
/* The last logins: how long the next one has to wait, over a restart and whatever the clock does, and when they are written. */
#include "popworld.h"

#include "common/clock.h"
#include "rpopd/state/state.h"

#define ANNA	"anna@a.org"
#define BERT	"bert@a.org"
#define NOW	1790000000

static const char *const	 dirs[] = { "a.org/anna", "a.org/bert", NULL };

static int64_t			 now, epoch, due;	/* monotonic ms; s; when the timer is over, 0: it does not run */
static struct timer		*timer;
static struct { char account[PROTO_ADDR_SIZE], client[PROTO_CLIENT_SIZE]; int64_t at; } stored[1000];
static size_t			 nstored, written;
static int			 writes, prunes, locked;

int64_t clock_msec(void) { return (now); }
time_t time(time_t *t) { return (t == NULL ? epoch : (*t = epoch)); }
void timer_init(struct timer *t, void (*cb)(void *), void *arg) { t->cb = cb; t->arg = arg; }
void timer_in(struct timer *t, int64_t ms) { timer = t; due = now + ms; }
void timer_stop(struct timer *t) { assert_true(timer == NULL || t == timer); due = 0; }
int timer_armed(const struct timer *t) { (void)t; return (due != 0); }

enum db
state_login_put(const struct login_row *rows, size_t n)
{
	size_t	 i, at;

	writes++;
	assert_in_range(n, 1, STATE_SLICE);
	if (locked)
		return (DB_BUSY);
	for (i = 0; i < n; i++) {
		for (at = 0; at < nstored && strcmp(stored[at].account, rows[i].account) != 0; at++)
			;
		assert_true(at < nitems(stored));
		nstored += at == nstored;
		strlcpy(stored[at].account, rows[i].account, sizeof(stored[at].account));
		strlcpy(stored[at].client, rows[i].client, sizeof(stored[at].client));
		stored[at].at = rows[i].at;
	}
	written += n;
	return (DB_OK);
}

enum db
state_login_all(void (*cb)(void *, const struct login_row *), void *arg)
{
	struct login_row row;
	size_t		 i;

	for (i = 0; i < nstored; i++) {
		row = (struct login_row){ stored[i].at, stored[i].account, stored[i].client };
		cb(arg, &row);
	}
	return (DB_OK);
}

enum db
state_login_prune(int (*kept)(const char *))
{
	size_t	 i, n = 0;

	prunes++;
	for (i = 0; i < nstored; i++)
		if (kept(stored[i].account))
			stored[n++] = stored[i];
	nstored = n;
	return (DB_OK);
}

/* So many ms pass. */
static void
pass(int64_t ms)
{
	int64_t	 end = now + ms;

	while (due != 0 && due <= end) {
		now = due;
		due = 0;
		timer->cb(timer->arg);
	}
	now = end;
}

/* The daemon is started anew, after so many seconds on the clock; whether or not it was killed says the test itself. */
static void
restart(int64_t seconds)
{
	size_t	 n = nstored;

	/* Without accounts nothing is known any more; the store is as it was. */
	world_routes(NULL, NULL, 0);
	nstored = 0;
	last_reload();
	nstored = n;
	world_routes(dirs, NULL, 0);
	due = 0;
	now = 5000;		/* the machine, too */
	epoch += seconds;
	prunes = 0;
	last_start();
}

static int
setup(void **state)
{
	world_begin(state);
	nstored = written = 0;
	writes = prunes = locked = 0;
	epoch = NOW;
	due = 0;
	restart(0);
	return (0);
}

static void
test_wait(void **state)
{
	(void)state;
	assert_int_equal(last_left(1, 60), 0);
	last_login(1, "192.0.2.1");
	assert_int_equal(last_left(1, 60), 60);
	assert_int_equal(last_left(1, 0), 0);
	assert_int_equal(last_left(2, 60), 0);
	now += 1;
	assert_int_equal(last_left(1, 60), 60);		/* whole seconds, never one too few */
	now += 58999;
	assert_int_equal(last_left(1, 60), 1);
	epoch -= 100000;				/* a clock that is set meanwhile is none of it */
	assert_int_equal(last_left(1, 60), 1);
	now += 1000;
	assert_int_equal(last_left(1, 60), 0);
}

static void
test_written(void **state)
{
	const char	*client;
	int64_t		 at;

	(void)state;
	assert_int_equal(pop_last_login(ANNA, &at, &client), 0);
	last_login(1, "192.0.2.1");
	assert_int_equal(writes, 0);			/* no login waits for the store */
	assert_int_equal(pop_last_login(ANNA, &at, &client), 1);
	assert_int_equal(at, NOW);
	assert_string_equal(client, "192.0.2.1");
	pass(2000);
	epoch += 2;
	last_login(2, "2001:db8::1");
	last_login(1, "192.0.2.2");
	pass(2999);
	assert_int_equal(writes, 0);
	pass(1);
	assert_int_equal(writes, 1);			/* all of them in one transaction, each account once */
	assert_int_equal(written, 2);
	pass(100000);
	assert_int_equal(writes, 1);
	restart(10);
	assert_int_equal(pop_last_login(ANNA, &at, &client), 1);
	assert_int_equal(at, NOW + 2);
	assert_string_equal(client, "192.0.2.2");
	assert_int_equal(pop_last_login(BERT, &at, &client), 1);
	assert_string_equal(client, "2001:db8::1");
	assert_int_equal(pop_last_login("nobody@a.org", &at, &client), 0);
}

/* A crash loses what was not written; a stop loses nothing. */
static void
test_end(void **state)
{
	(void)state;
	last_login(1, "192.0.2.1");
	restart(1);
	assert_int_equal(last_left(1, 60), 0);
	last_login(1, "192.0.2.1");
	last_stop();
	restart(1);
	assert_int_equal(last_left(1, 60), 59);
	turn_stopping = 1;
	last_login(2, "192.0.2.1");			/* behind last_stop() */
	restart(1);
	assert_int_equal(last_left(2, 60), 59);
}

static void
test_clock(void **state)
{
	(void)state;
	last_login(1, "192.0.2.1");
	last_stop();
	restart(20);
	assert_int_equal(last_left(1, 60), 40);
	restart(40);
	assert_int_equal(last_left(1, 60), 0);
	restart(-86400 * 4000);				/* set back by years: the whole delay, and no more */
	assert_int_equal(last_left(1, 60), 60);
	now += 60000;
	assert_int_equal(last_left(1, 60), 0);
	last_login(1, "192.0.2.1");
	last_stop();
	restart(86400 * 4000);
	assert_int_equal(last_left(1, 86400), 0);
	stored[0].at = INT64_MAX;
	restart(0);
	assert_int_equal(last_left(1, 60), 60);
	stored[0].at = INT64_MIN;
	restart(0);
	assert_int_equal(last_left(1, 86400), 0);
}

static void
test_locked(void **state)
{
	(void)state;
	locked = 1;
	last_login(1, "192.0.2.1");
	pass(5000);
	assert_int_equal(writes, 1);
	last_login(2, "192.0.2.1");
	pass(29999);
	assert_int_equal(writes, 1);
	locked = 0;
	pass(1);
	assert_int_equal(writes, 2);
	assert_int_equal(written, 2);
	locked = 1;
	last_login(1, "192.0.2.1");
	last_stop();					/* and does not try for ever */
	assert_int_equal(writes, 3);
}

/* Very many accounts are written slice by slice. */
static void
test_many(void **state)
{
	static const char	*many[601];
	static char		 names[600][16];
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(names); i++) {
		snprintf(names[i], sizeof(names[i]), "a.org/n%zu", i);
		many[i] = names[i];
	}
	world_routes(many, NULL, 0);
	for (i = 0; i < nitems(names); i++)
		last_login(i + 1, "192.0.2.1");
	pass(5000);
	assert_int_equal(writes, 3);
	assert_int_equal(written, 600);
	assert_int_equal(due, 0);
	for (i = 0; i < nitems(names); i++)
		last_login(i + 1, "192.0.2.1");
	last_stop();
	assert_int_equal(written, 1200);
}

/* What is known of an account goes with it, at a reload and at the next start. */
static void
test_gone(void **state)
{
	static const char *const	 anna[] = { "a.org/anna", NULL };
	const char			*client;
	int64_t				 at;

	(void)state;
	last_login(1, "192.0.2.1");
	last_login(2, "192.0.2.1");
	pass(5000);
	last_login(2, "192.0.2.1");
	last_reload();
	assert_int_equal(prunes, 0);
	world_routes(anna, NULL, 0);
	last_reload();
	assert_int_equal(prunes, 1);
	assert_int_equal(nstored, 1);
	pass(5000);
	assert_int_equal(nstored, 1);
	world_routes(dirs, NULL, 0);
	assert_int_equal(pop_last_login(BERT, &at, &client), 0);
	assert_int_equal(pop_last_login(ANNA, &at, &client), 1);
	strlcpy(stored[nstored++].account, "gone@a.org", sizeof(stored[0].account));
	restart(0);
	assert_int_equal(prunes, 1);
	assert_int_equal(nstored, 1);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup(test_wait, setup),
		cmocka_unit_test_setup(test_written, setup),
		cmocka_unit_test_setup(test_end, setup),
		cmocka_unit_test_setup(test_clock, setup),
		cmocka_unit_test_setup(test_locked, setup),
		cmocka_unit_test_setup(test_many, setup),
		cmocka_unit_test_setup(test_gone, setup),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
