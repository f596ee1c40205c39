/* SPDX-License-Identifier: ISC */
/* links: rpopd/pop */
/* libs: -levent_core */
/* How many sessions there may be with the descriptors that the master has, and what is told of it. */
#include "popworld.h"

#include <sys/resource.h>

static rlim_t	 soft, hard;
static int	 refused;

/* A sanitizer has to do with other limits before main() runs. */
int
getrlimit(__rlimit_resource_t what, struct rlimit *rl)
{
	if (what != RLIMIT_NOFILE)
		return (prlimit(0, what, NULL, rl));
	rl->rlim_cur = soft;
	rl->rlim_max = hard;
	return (0);
}

int
setrlimit(__rlimit_resource_t what, const struct rlimit *rl)
{
	if (what != RLIMIT_NOFILE)
		return (prlimit(0, what, rl, NULL));
	if (refused)
		return (-1);
	soft = rl->rlim_cur;
	return (0);
}

static int
setup(void **state)
{
	world_begin(state);
	refused = 0;
	config.nlisteners = 1;
	config.settings.processors = 10;
	config.settings.pop_channels = 100;
	return (0);
}

static void
limits(rlim_t s, rlim_t h)
{
	soft = s;
	hard = h;
	logged[0] = '\0';
	descriptors_begin();
	descriptors_tell();
}

/* The soft limit is raised to the hard one, and pop_channels counts where that is enough. */
static void
test_enough(void **state)
{
	(void)state;
	limits(256, 4096);
	assert_int_equal(soft, 4096);
	assert_int_equal(descriptors_channels(), 100);
	assert_string_equal(logged, "");
	limits(RLIM_INFINITY, RLIM_INFINITY);
	config.settings.pop_channels = 10000;
	assert_int_equal(descriptors_channels(), 10000);
	config.settings.pop_channels = 0;
	assert_int_equal(descriptors_channels(), 0);
}

/* Fewer sessions, never none; what does is what the log says that would. */
static void
test_too_few(void **state)
{
	unsigned int	 channels, most, have, want;

	(void)state;
	for (have = 1; have < 3000; have += 7) {
		config.settings.pop_channels = 500;
		limits(have, have);
		most = descriptors_channels();
		assert_in_range(most, 1, 500);
		if (most == 500) {
			assert_string_equal(logged, "");
			continue;
		}
		/* What they take, and what everything else may, is there. */
		assert_true(most == 1 || 380 + 4 * (most - 1) <= have);
		assert_int_equal(sscanf(logged, "settings.pop_channels is %u, but this process may have %u descriptors", &channels, &want), 2);
		assert_int_equal(channels, 500);
		assert_int_equal(want, have);
		assert_int_equal(sscanf(strstr(logged, "LimitNOFILE"), "LimitNOFILE in rpopd.service to %u", &want), 1);
		limits(want, want);
		assert_string_equal(logged, "");
		assert_int_equal(descriptors_channels(), 500);
		limits(have, have);
		config.settings.pop_channels = most;
		limits(have, have);
		assert_string_equal(logged, "");
	}
}

/* A machine that does not raise it: what there is counts.  Without listeners nobody is told. */
static void
test_not_raised(void **state)
{
	(void)state;
	refused = 1;
	limits(400, 100000);
	assert_non_null(strstr(logged, "RLIMIT_NOFILE"));
	assert_int_equal(descriptors_channels(), 6);
	refused = 0;
	config.nlisteners = 0;
	limits(400, 400);
	assert_string_equal(logged, "");
	/* Polls that run at once leave less. */
	config.settings.processors = 12;
	assert_int_equal(descriptors_channels(), 2);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup(test_enough, setup),
		cmocka_unit_test_setup(test_too_few, setup),
		cmocka_unit_test_setup(test_not_raised, setup),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
