/* SPDX-License-Identifier: ISC */
/* links: rpopd/relay */
/* libs: -levent_core */
/* A look at the quarantine: a run of -1 that waits for it goes on behind it, whether a note is due or not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <event.h>

#include "rpopd/config/config.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "rpopd/turn/turn.h"
#include "rpopd/relay/relay_int.h"

struct config		*config_running;
struct task		*sched_tasks;
size_t			 sched_ntasks;
static struct config	 config;
static int64_t		 fresh, told_at;
static int		 was_told;
static unsigned		 rounds, notes;

void
turn_soon(void)
{
	assert_int_equal(quarantine_note_due(), 0);	/* what the round finds */
	rounds++;
}

enum db
state_held(int64_t *n)
{
	*n = fresh;
	return (DB_OK);
}

enum db
state_held_each(enum held_by by, int (*cb)(void *, const struct held_row *), void *arg)
{
	(void)by;
	(void)cb;
	(void)arg;
	return (DB_OK);
}

enum db
state_told(const char *address, const char *about, int64_t *at)
{
	assert_string_equal(address, "postmaster@example.org");
	assert_string_equal(about, NOTICE_HELD);
	*at = told_at;
	return (was_told ? DB_OK : DB_NONE);
}

void
notice_held(uint32_t account, int64_t held, const char *subject, const char *fmt, ...)
{
	(void)subject;
	(void)fmt;
	assert_int_equal(account, 1);
	assert_int_equal(held, fresh);
	notes++;
}

const char *
relay_hop_name(uint32_t id, char *buf, size_t size)
{
	(void)id;
	strlcpy(buf, "hop", size);
	return (buf);
}

/* Something may have come into the quarantine: the numbers of notes and of wishes for a round. */
static void
look(unsigned n, unsigned wishes)
{
	rounds = notes = 0;
	quarantine_grew();
	assert_int_equal(quarantine_note_due(), 1);
	event_loop(EVLOOP_NONBLOCK);
	assert_int_equal(quarantine_note_due(), 0);
	assert_int_equal(notes, n);
	assert_int_equal(rounds, wishes);
}

static void
test_look(void **state)
{
	struct route_account	 a = { 1, 0, "example.org/postmaster", 0 };

	(void)state;
	config_running = &config;
	config.settings.postmaster = 1;
	assert_non_null(config.routes = route_new(1, 1, 0, '+'));
	assert_int_equal(route_account_add(config.routes, &a), 0);
	assert_int_equal(route_domain_add(config.routes, "example.org", 0), 0);
	look(0, 1);			/* nothing is there */
	fresh = 3;
	look(1, 1);
	was_told = 1;
	told_at = time(NULL) - 10;
	look(0, 1);			/* he was told today */
	route_free(config.routes);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_look),
	};
	struct event_base	*base = event_init();
	int			 failed = cmocka_run_group_tests(tests, NULL, NULL);

	event_base_free(base);
	return (failed);
}
