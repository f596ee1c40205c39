/* SPDX-License-Identifier: ISC */
/* links: rpopd/control */
/* libs: -levent_core */
/* Requests that wait: begun as soon as they can be, refused when that takes too long, forgotten with their client. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rpopd/control/control_int.h"

static struct event_base	*base;
static struct client		*const me = (struct client *)&base;	/* never looked into */
static int64_t			 now;
static void			(*leaves)(struct client *);
static int			 answers, looks, busy;	/* what begin() returns; how often it was asked */
static char			 refusal[PROTO_TEXT_SIZE * 2];

int64_t
clock_msec(void)
{
	return (now);
}

void
client_busy(struct client *c, void (*drained)(void *), void (*left)(struct client *))
{
	assert_ptr_equal(c, me);
	assert_null(drained);
	leaves = left;
	busy = 1;
}

static int
begin(struct client *c, const char *name, char *err, size_t errsize)
{
	assert_ptr_equal(c, me);
	assert_string_equal(name, "anna@example.org/isp");
	snprintf(err, errsize, "not now");
	looks++;
	return (answers);
}

static void
refuse(struct client *c, const char *text)
{
	assert_ptr_equal(c, me);
	strlcpy(refusal, text, sizeof(refusal));
}

static int
setup(void **state)
{
	(void)state;
	if (base == NULL)
		base = event_init();
	looks = 0;
	answers = 1;
	refusal[0] = '\0';
	return (0);
}

static void
test_at_once(void **state)
{
	(void)state;
	answers = 0;
	wait_for(me, "anna@example.org/isp", WAIT_SESSION, begin, refuse);
	assert_int_equal(looks, 1);
	assert_int_equal(busy, 1);
	answers = -1;
	wait_for(me, "anna@example.org/isp", WAIT_SESSION, begin, refuse);
	assert_string_equal(refusal, "anna@example.org/isp: not now");
	assert_int_equal(event_base_loop(base, EVLOOP_NONBLOCK), 1);	/* nothing waits */
}

static void
test_later(void **state)
{
	(void)state;
	wait_for(me, "anna@example.org/isp", WAIT_SESSION, begin, refuse);
	event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(looks, 2);
	assert_string_equal(refusal, "");
	answers = 0;
	assert_int_equal(event_base_loop(base, 0), 1);			/* one more look, and nothing is left */
	assert_int_equal(looks, 3);
	assert_string_equal(refusal, "");
}

static void
test_in_vain(void **state)
{
	(void)state;
	wait_for(me, "anna@example.org/isp", WAIT_SESSION, begin, refuse);
	now += 59999;
	event_base_loop(base, EVLOOP_ONCE);
	assert_string_equal(refusal, "");
	now++;
	assert_int_equal(event_base_loop(base, 0), 1);
	assert_string_equal(refusal, "anna@example.org/isp: not now");
}

static void
test_client_leaves(void **state)
{
	(void)state;
	wait_for(me, "anna@example.org/isp", WAIT_SESSION, begin, refuse);
	leaves(me);
	assert_int_equal(event_base_loop(base, 0), 1);
	assert_int_equal(looks, 1);
	assert_string_equal(refusal, "");
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup(test_at_once, setup), cmocka_unit_test_setup(test_later, setup),
		cmocka_unit_test_setup(test_in_vain, setup), cmocka_unit_test_setup(test_client_leaves, setup)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
