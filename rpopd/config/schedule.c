/* SPDX-License-Identifier: ISC */
/*
 * The activity schedule: windows of the week, in local time, in which polling is permitted.
 *
 * Local time runs evenly between two changes of its offset from UTC.  So schedule_change() looks for the next minute of the week
 * that permits, or does not, and goes there; if the offset has changed on the way, it goes on from the moment of the change
 * instead.
 */
#include <string.h>
#include <time.h>

#include "common/compat.h"
#include "config.h"

#define DAY		(24 * 60)
#define CHANGES		8	/* of the offset, on the way to the next window; there are two in a year */

struct reading {		/* of a clock on the wall */
	unsigned	 minute;	/* of the week, Monday 00:00 is 0 */
	int		 second;
	long		 offset;	/* s east of UTC */
};

static const struct window	*schedule_find(const struct config *, const char *, size_t *);
static void			 schedule_mark(uint8_t *, const struct window *, size_t);
static int			 schedule_within(const struct window *, unsigned);
static int64_t			 schedule_change(const struct schedule *, int64_t, int);
static int			 schedule_read(int64_t, struct reading *);
static int64_t			 schedule_shift(int64_t, int64_t, long);

static inline int
minute_is(const struct schedule *s, unsigned minute)
{
	return (s->minutes[minute / 8] >> (minute % 8) & 1);
}

void
schedule_init(struct schedule *s, const struct config *config, const char *a, const char *b)
{
	const char	*names[2] = { a, b };
	uint8_t		 minutes[sizeof(s->minutes)];
	size_t		 i, j;

	memset(s, 0, sizeof(*s));
	memset(s->minutes, 0xff, sizeof(s->minutes));
	for (i = 0; i < nitems(names); i++) {
		if (names[i][0] == '\0')
			continue;
		s->windows[i] = schedule_find(config, names[i], &s->n[i]);
		memset(minutes, 0, sizeof(minutes));
		schedule_mark(minutes, s->windows[i], s->n[i]);
		for (j = 0; j < sizeof(minutes); j++)
			s->minutes[j] &= minutes[j];
	}
}

/* The first window of a name, and how many there are: windows of one name lie together. */
static const struct window *
schedule_find(const struct config *config, const char *name, size_t *n)
{
	const struct window	*w = config->windows, *end = config->windows + config->nwindows;

	while (w < end && strcmp(w->name, name) != 0)
		w++;
	for (*n = 0; w + *n < end && strcmp(w[*n].name, name) == 0; (*n)++)
		;
	return (w);
}

static void
schedule_mark(uint8_t *minutes, const struct window *w, size_t n)
{
	unsigned	 m;

	for (; n > 0; n--, w++)
		for (m = 0; m < SCHEDULE_MINUTES; m++)
			if (schedule_within(w, m))
				minutes[m / 8] |= 1 << (m % 8);
}

/* Whether a minute of the week is in a window, whose days are those on which it begins. */
static int
schedule_within(const struct window *w, unsigned minute)
{
	unsigned	 day = minute / DAY, time = minute % DAY;

	if (w->ends > w->begins)
		return ((w->days >> day & 1) && time >= w->begins && time < w->ends);
	return (((w->days >> day & 1) && time >= w->begins) || ((w->days >> (day + 6) % 7 & 1) && time < w->ends));
}

int64_t
schedule_opens(const struct schedule *s, int64_t at)
{
	return (schedule_change(s, at, 1));
}

int64_t
schedule_closes(const struct schedule *s, int64_t at)
{
	return (schedule_change(s, at, 0));
}

/* Windows of one name permit what any of them does: the shortest pause counts.  Both names must permit: the longer one. */
uint32_t
schedule_pause(const struct schedule *s, int64_t at)
{
	struct reading	 r;
	uint32_t	 least, most = 0;
	size_t		 i, j;

	if (schedule_read(at, &r) == -1 || !minute_is(s, r.minute))
		return (0);
	for (i = 0; i < nitems(s->windows); i++) {
		least = UINT32_MAX;
		for (j = 0; j < s->n[i]; j++)
			if (schedule_within(&s->windows[i][j], r.minute) && s->windows[i][j].pause < least)
				least = s->windows[i][j].pause;
		if (least != UINT32_MAX && least > most)
			most = least;
	}
	return (most);
}

/* The first second from `at` on at which polling is permitted (open = 1) or not (0). */
static int64_t
schedule_change(const struct schedule *s, int64_t at, int open)
{
	struct reading	 r, then;
	int64_t		 next;
	unsigned	 n;
	int		 i;

	for (i = 0; i < CHANGES; i++) {
		if (schedule_read(at, &r) == -1)
			return (SCHEDULE_NEVER);
		for (n = 0; n < SCHEDULE_MINUTES && minute_is(s, (r.minute + n) % SCHEDULE_MINUTES) != open; n++)
			;
		if (n == 0)
			return (at);
		if (n == SCHEDULE_MINUTES)
			return (SCHEDULE_NEVER);
		next = at + n * 60 - r.second;
		if (schedule_read(next, &then) == -1 || then.offset == r.offset)
			return (next);
		at = schedule_shift(at, next, r.offset);
	}
	return (SCHEDULE_NEVER);
}

/* What a clock on the wall shows at a time.  0, or -1: the system does not know. */
static int
schedule_read(int64_t at, struct reading *r)
{
	struct tm	 tm;
	time_t		 t = at;

	if (localtime_r(&t, &tm) == NULL)
		return (-1);
	r->minute = (tm.tm_wday + 6) % 7 * DAY + tm.tm_hour * 60 + tm.tm_min;
	r->second = tm.tm_sec < 60 ? tm.tm_sec : 59;
	r->offset = tm.tm_gmtoff;
	return (0);
}

/* The first second with another offset than this one, which is that of from and no longer that of to. */
static int64_t
schedule_shift(int64_t from, int64_t to, long offset)
{
	struct reading	 r;
	int64_t		 middle;

	while (to - from > 1) {
		middle = from + (to - from) / 2;
		if (schedule_read(middle, &r) == 0 && r.offset == offset)
			from = middle;
		else
			to = middle;
	}
	return (to);
}
