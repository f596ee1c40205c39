/* SPDX-License-Identifier: ISC */
/* links: rpopd/config */
/* Windows of the week in local time: weekdays, midnight, the week's end, both changes of daylight saving time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "rpopd/config/config.h"

#define MON	0x01
#define TUE	0x02
#define SAT	0x20
#define SUN	0x40
#define DAILY	0x7f
#define HM(h, m)	((h) * 60 + (m))

static struct window	 windows[8];
static struct config	 config = { .windows = windows };

static struct schedule
make(const char *a, const char *b)
{
	struct schedule	 s;

	schedule_init(&s, &config, a, b);
	return (s);
}

static struct schedule
one(uint8_t days, unsigned begins, unsigned ends)
{
	windows[0] = (struct window){ "w", days, begins, ends, 0 };
	config.nwindows = 1;
	return (make("w", ""));
}

static void
zone(const char *name)
{
	setenv("TZ", name, 1);
	tzset();
}

/* Epoch of a UTC date and time. */
static int64_t
utc(int year, int month, int day, int hour, int minute, int second)
{
	struct tm	 tm = { .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour, .tm_min = minute,
			    .tm_sec = second };

	return (timegm(&tm));
}

static void
opens(const struct schedule *s, int64_t at, int64_t want)
{
	assert_int_equal(schedule_opens(s, at) - want, 0);
}

static void
closes(const struct schedule *s, int64_t at, int64_t want)
{
	assert_int_equal(schedule_closes(s, at) - want, 0);
}

static void
test_plain(void **state)
{
	struct schedule	 s;

	(void)state;
	zone("Asia/Kolkata");			/* UTC+5:30, no daylight saving */
	s = one(MON | TUE, HM(8, 0), HM(18, 30));
	opens(&s, utc(2026, 6, 7, 12, 0, 0), utc(2026, 6, 8, 2, 30, 0));	/* Sunday: Monday 08:00 */
	opens(&s, utc(2026, 6, 8, 2, 29, 59), utc(2026, 6, 8, 2, 30, 0));
	opens(&s, utc(2026, 6, 8, 2, 30, 17), utc(2026, 6, 8, 2, 30, 17));
	closes(&s, utc(2026, 6, 8, 2, 30, 17), utc(2026, 6, 8, 13, 0, 0));
	closes(&s, utc(2026, 6, 8, 13, 0, 0), utc(2026, 6, 8, 13, 0, 0));
	opens(&s, utc(2026, 6, 8, 13, 0, 0), utc(2026, 6, 9, 2, 30, 0));
	opens(&s, utc(2026, 6, 9, 13, 0, 0), utc(2026, 6, 15, 2, 30, 0));	/* Tuesday evening: next Monday */
}

/* 22:00 to 06:00, on the night that begins on Sunday: into Monday and the next week. */
static void
test_midnight(void **state)
{
	struct schedule	 s;

	(void)state;
	zone("UTC");
	s = one(SUN, HM(22, 0), HM(6, 0));
	opens(&s, utc(2026, 6, 1, 7, 0, 0), utc(2026, 6, 7, 22, 0, 0));
	closes(&s, utc(2026, 6, 7, 23, 59, 59), utc(2026, 6, 8, 6, 0, 0));
	opens(&s, utc(2026, 6, 8, 5, 59, 59), utc(2026, 6, 8, 5, 59, 59));
	opens(&s, utc(2026, 6, 8, 6, 0, 0), utc(2026, 6, 14, 22, 0, 0));
	s = one(SAT, HM(0, 0), HM(24, 0));
	closes(&s, utc(2026, 6, 6, 0, 0, 0), utc(2026, 6, 7, 0, 0, 0));
}

static void
test_always(void **state)
{
	struct schedule	 s;

	(void)state;
	zone("Europe/Berlin");
	s = make("", "");
	opens(&s, 1, 1);
	closes(&s, 1, SCHEDULE_NEVER);
	s = one(DAILY, HM(0, 0), HM(24, 0));
	closes(&s, utc(2026, 3, 28, 0, 0, 0), SCHEDULE_NEVER);
	s = one(0, HM(0, 0), HM(24, 0));
	opens(&s, utc(2026, 3, 28, 0, 0, 0), SCHEDULE_NEVER);
	closes(&s, utc(2026, 3, 28, 0, 0, 0), utc(2026, 3, 28, 0, 0, 0));
}

static void
test_leap_day(void **state)
{
	struct schedule	 s;

	(void)state;
	zone("Europe/Berlin");
	s = one(TUE, HM(9, 0), HM(10, 0));	/* 29 February 2028 is a Tuesday */
	opens(&s, utc(2028, 2, 28, 12, 0, 0), utc(2028, 2, 29, 8, 0, 0));
	opens(&s, utc(2028, 2, 29, 9, 0, 0), utc(2028, 3, 7, 8, 0, 0));
	s = one(DAILY, HM(23, 0), HM(1, 0));	/* over the year's end */
	closes(&s, utc(2027, 12, 31, 22, 30, 0), utc(2028, 1, 1, 0, 0, 0));
}

/* 29 March 2026, 02:00 to 03:00 does not exist: 01:59:59 CET (UTC+1) is followed by 03:00:00 CEST (UTC+2), at 01:00 UTC. */
static void
test_berlin_spring(void **state)
{
	struct schedule	 s;

	(void)state;
	zone("Europe/Berlin");
	s = one(SUN, HM(2, 0), HM(3, 0));	/* not on this day */
	opens(&s, utc(2026, 3, 28, 12, 0, 0), utc(2026, 4, 5, 0, 0, 0));
	s = one(SUN, HM(2, 30), HM(4, 0));	/* half of it is left, from 03:00 on */
	opens(&s, utc(2026, 3, 28, 12, 0, 0), utc(2026, 3, 29, 1, 0, 0));
	closes(&s, utc(2026, 3, 29, 1, 0, 0), utc(2026, 3, 29, 2, 0, 0));
	s = one(SUN, HM(1, 0), HM(2, 30));	/* ends early */
	closes(&s, utc(2026, 3, 29, 0, 0, 0), utc(2026, 3, 29, 1, 0, 0));
	s = one(DAILY, HM(22, 0), HM(6, 0));	/* an hour short */
	closes(&s, utc(2026, 3, 28, 21, 0, 0), utc(2026, 3, 29, 4, 0, 0));
	s = one(MON, HM(8, 0), HM(9, 0));	/* 24 hours after Sunday 08:00 CEST, not after 08:00 CET */
	opens(&s, utc(2026, 3, 28, 12, 0, 0), utc(2026, 3, 30, 6, 0, 0));
}

/* 25 October 2026, 02:00 to 03:00 comes twice: 00:00 to 01:00 and 01:00 to 02:00 UTC. */
static void
test_berlin_autumn(void **state)
{
	struct schedule	 s;

	(void)state;
	zone("Europe/Berlin");
	s = one(SUN, HM(2, 0), HM(3, 0));	/* two hours */
	opens(&s, utc(2026, 10, 24, 12, 0, 0), utc(2026, 10, 25, 0, 0, 0));
	closes(&s, utc(2026, 10, 25, 0, 0, 0), utc(2026, 10, 25, 2, 0, 0));
	s = one(SUN, HM(2, 30), HM(2, 45));	/* twice */
	opens(&s, utc(2026, 10, 24, 12, 0, 0), utc(2026, 10, 25, 0, 30, 0));
	closes(&s, utc(2026, 10, 25, 0, 30, 0), utc(2026, 10, 25, 0, 45, 0));
	opens(&s, utc(2026, 10, 25, 0, 45, 0), utc(2026, 10, 25, 1, 30, 0));
	closes(&s, utc(2026, 10, 25, 1, 30, 0), utc(2026, 10, 25, 1, 45, 0));
	opens(&s, utc(2026, 10, 25, 1, 45, 0), utc(2026, 11, 1, 1, 30, 0));
	s = one(SUN, HM(2, 30), HM(4, 0));	/* the clock goes back out of it, and comes again */
	closes(&s, utc(2026, 10, 25, 0, 30, 0), utc(2026, 10, 25, 1, 0, 0));
	opens(&s, utc(2026, 10, 25, 1, 0, 0), utc(2026, 10, 25, 1, 30, 0));
	closes(&s, utc(2026, 10, 25, 1, 30, 0), utc(2026, 10, 25, 3, 0, 0));
	s = one(DAILY, HM(22, 0), HM(6, 0));	/* an hour long */
	closes(&s, utc(2026, 10, 24, 20, 0, 0), utc(2026, 10, 25, 5, 0, 0));
}

/* 8 March 2026, 02:00 EST to 03:00 EDT at 07:00 UTC; 1 November 2026, 02:00 EDT to 01:00 EST at 06:00 UTC. */
static void
test_new_york(void **state)
{
	struct schedule	 s;

	(void)state;
	zone("America/New_York");
	s = one(SUN, HM(2, 15), HM(3, 15));
	opens(&s, utc(2026, 3, 7, 12, 0, 0), utc(2026, 3, 8, 7, 0, 0));
	closes(&s, utc(2026, 3, 8, 7, 0, 0), utc(2026, 3, 8, 7, 15, 0));
	s = one(SUN, HM(1, 30), HM(2, 0));
	opens(&s, utc(2026, 10, 31, 12, 0, 0), utc(2026, 11, 1, 5, 30, 0));
	closes(&s, utc(2026, 11, 1, 5, 30, 0), utc(2026, 11, 1, 6, 0, 0));
	opens(&s, utc(2026, 11, 1, 6, 0, 0), utc(2026, 11, 1, 6, 30, 0));
	closes(&s, utc(2026, 11, 1, 6, 30, 0), utc(2026, 11, 1, 7, 0, 0));
	s = one(SUN, HM(0, 0), HM(24, 0));	/* 23 and 25 hours */
	closes(&s, utc(2026, 3, 8, 5, 0, 0), utc(2026, 3, 9, 4, 0, 0));
	closes(&s, utc(2026, 11, 1, 4, 0, 0), utc(2026, 11, 2, 5, 0, 0));
}

/* Every second, against what the clock on the wall says: over both changes, windows with all kinds of edges. */
static void
test_against_clock(void **state)
{
	static const struct { const char *tz; int month, day; } days[] = {
		{ "Europe/Berlin", 3, 28 }, { "Europe/Berlin", 10, 24 }, { "America/New_York", 3, 7 }, { "America/New_York", 10, 31 },
		{ "Australia/Lord_Howe", 4, 4 }, { "Asia/Kolkata", 2, 28 }
	};
	struct schedule	 s;
	struct tm	 tm;
	int64_t		 at, begin, open, shut;
	time_t		 t;
	size_t		 i;
	int		 m, is;

	(void)state;
	for (i = 0; i < nitems(days); i++) {
		zone(days[i].tz);
		s = one(SAT | SUN, HM(1, 17), HM(2, 29));
		begin = utc(2026, days[i].month, days[i].day, 0, 0, 0);
		open = shut = -1;
		for (at = begin + 3 * 86400; at >= begin; at -= 60) {
			t = at;
			localtime_r(&t, &tm);
			m = tm.tm_hour * 60 + tm.tm_min;
			is = (tm.tm_wday == 6 || tm.tm_wday == 0) && m >= HM(1, 17) && m < HM(2, 29);
			if (is)
				open = at;
			else
				shut = at;
			if (open != -1)
				assert_int_equal(schedule_opens(&s, at) - open, 0);
			if (shut != -1)
				assert_int_equal(schedule_closes(&s, at) - shut, 0);
		}
		assert_true(open != -1 && shut != -1);
	}
}

/* A name permits what any of its windows does, two names what both do; pauses: the shortest of a name, the longer of two. */
static void
test_names(void **state)
{
	struct schedule	 s;

	(void)state;
	zone("UTC");
	windows[0] = (struct window){ "night", DAILY, HM(20, 0), HM(6, 0), 1800 };
	windows[1] = (struct window){ "office", MON, HM(8, 0), HM(12, 0), 60 };
	windows[2] = (struct window){ "office", MON, HM(11, 0), HM(21, 0), 120 };
	windows[3] = (struct window){ "other", DAILY, HM(6, 0), HM(8, 0), 0 };
	config.nwindows = 4;
	s = make("office", "");
	closes(&s, utc(2026, 6, 8, 8, 0, 0), utc(2026, 6, 8, 21, 0, 0));
	assert_int_equal(schedule_pause(&s, utc(2026, 6, 8, 9, 0, 0)), 60);
	assert_int_equal(schedule_pause(&s, utc(2026, 6, 8, 11, 30, 0)), 60);
	assert_int_equal(schedule_pause(&s, utc(2026, 6, 8, 13, 0, 0)), 120);
	assert_int_equal(schedule_pause(&s, utc(2026, 6, 8, 22, 0, 0)), 0);
	s = make("office", "night");
	opens(&s, utc(2026, 6, 8, 8, 0, 0), utc(2026, 6, 8, 20, 0, 0));
	closes(&s, utc(2026, 6, 8, 20, 0, 0), utc(2026, 6, 8, 21, 0, 0));
	assert_int_equal(schedule_pause(&s, utc(2026, 6, 8, 20, 0, 0)), 1800);
	s = make("office", "other");
	opens(&s, utc(2026, 6, 8, 8, 0, 0), SCHEDULE_NEVER);
	s = make("", "other");
	opens(&s, utc(2026, 6, 8, 8, 0, 0), utc(2026, 6, 9, 6, 0, 0));
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_midnight),
		cmocka_unit_test(test_always),
		cmocka_unit_test(test_leap_day),
		cmocka_unit_test(test_berlin_spring),
		cmocka_unit_test(test_berlin_autumn),
		cmocka_unit_test(test_new_york),
		cmocka_unit_test(test_against_clock),
		cmocka_unit_test(test_names),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
