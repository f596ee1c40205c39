/* SPDX-License-Identifier: ISC */
/*
 * When to poll: a binary heap of records by due time, `processors` as the ceiling of concurrent sessions (S10; 0 = none), jitter
 * so that records of one period spread out, back-off after failures, poll-now.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../common/clock.h"
#include "../common/log.h"
#include "rpopd.h"

#define BACKOFF_DOUBLINGS	4	/* delay_failed grows to 16 times itself */
#define BUSY_DELAY		60	/* s: a locked mailbox is not a bad password */
#define START_SPREAD		20	/* ms between the first polls after a start */

static void	 sched_swap(size_t, size_t);
static void	 sched_up(size_t);
static void	 sched_down(size_t);
static void	 sched_timer(int, short, void *);
static void	 sched_arm(void);
static int64_t	 sched_delay(const struct task *);

static struct task	**heap;
static size_t		  nheap, heap_size;
static struct event	  timer;

void
sched_init(void)
{
	evtimer_set(&timer, sched_timer, NULL);
}

/* Schedule, or move. */
void
sched_add(struct task *t, int64_t due)
{
	struct task	**h;
	size_t		  size;

	sched_remove(t);
	t->due = due;
	if (nheap == heap_size) {
		size = heap_size == 0 ? 64 : heap_size * 2;
		if ((h = reallocarray(heap, size, sizeof(*h))) == NULL)
			fatal("schedule");
		heap = h;
		heap_size = size;
	}
	heap[nheap] = t;
	t->slot = nheap++;
	sched_up(t->slot);
	sched_arm();
}

void
sched_remove(struct task *t)
{
	size_t	 slot = t->slot;

	t->due = INT64_MAX;
	if (slot == SIZE_MAX)
		return;
	nheap--;
	if (slot != nheap) {
		sched_swap(slot, nheap);
		sched_up(slot);
		sched_down(slot);
	}
	t->slot = SIZE_MAX;
}

/* Start what is due while processors are free.  A record whose session cannot start now stays due. */
void
sched_run(void)
{
	struct task	*t;
	int64_t		 now = clock_msec();

	while (!master.stopping && !commit_blocked() && nheap > 0 && heap[0]->due <= now &&
	    master.nsessions < master.config->settings.processors) {
		t = heap[0];
		if (session_start(t) == -1)
			return;		/* a child becoming ready kicks us */
		sched_remove(t);
	}
	sched_arm();
}

void
sched_kick(void)
{
	struct timeval	 tv = { 0, 0 };

	evtimer_add(&timer, &tv);
}

/* After a poll, or at load: when next? */
void
sched_next(struct task *t)
{
	int64_t	 delay, now = clock_msec(), wall = time(NULL), since;

	if (t->rec->period == 0 || t->session != NULL) {
		sched_remove(t);
		return;
	}
	if (master.opt.once) {
		if (t->polled)
			sched_remove(t);
		else
			sched_add(t, now);
		return;
	}
	if ((delay = sched_delay(t)) == 0) {
		sched_add(t, now + (t - master.tasks) * START_SPREAD % (t->rec->period * 1000LL));
		return;
	}
	/* A back-off outlives a restart; a last attempt in the future is a clock that was set back. */
	since = t->rs.last_attempt == 0 || t->rs.last_attempt > wall ? 0 : wall - t->rs.last_attempt;
	if (since > delay)
		since = delay;
	delay = (delay - since) * 1000;
	sched_add(t, now + delay + delay / 20 * arc4random_uniform(1000) / 1000);
}

/* Seconds from the last attempt to the next; 0 = as soon as possible. */
static int64_t
sched_delay(const struct task *t)
{
	int64_t	 delay = t->rec->period;
	uint32_t n = t->rs.failures;

	if (!t->polled && n == 0)
		return (0);
	if (n == 0)
		return (delay);
	if (t->why == WHY_BUSY)
		return (delay > BUSY_DELAY ? BUSY_DELAY : delay);
	if (n > BACKOFF_DOUBLINGS + 1)
		n = BACKOFF_DOUBLINGS + 1;
	n = master.config->settings.delay_failed_accounts << (n - 1);
	return (delay > n ? delay : n);
}

/* Poll now: "all", "account" or "account/record"; disabled records are left out.  Returns how many will be polled. */
uint32_t
sched_poll(const char *name)
{
	struct task	*t;
	size_t		 i;
	uint32_t	 n = 0;

	for (i = 0; i < master.ntasks; i++) {
		t = &master.tasks[i];
		if (t->rec->period == 0 || (strcmp(name, "all") != 0 && !sched_named(t, name)))
			continue;
		n++;
		if (t->session == NULL)
			sched_add(t, clock_msec());
		else
			t->again = 1;
	}
	return (n);
}

/* Is this the record meant by "account" or "account/record"? */
int
sched_named(const struct task *t, const char *name)
{
	size_t	 len = strlen(t->rec->owner);

	if (strncasecmp(name, t->rec->owner, len) != 0)
		return (0);
	return (name[len] == '\0' || (name[len] == '/' && strcmp(name + len + 1, t->rec->name) == 0));
}

static void
sched_timer(int fd, short event, void *arg)
{
	(void)fd;
	(void)event;
	(void)arg;
	sched_run();
	rpopd_maybe_exit();
}

/* Wake up for the first record, unless all processors are busy: then the end of a session calls sched_run(). */
static void
sched_arm(void)
{
	struct timeval	 tv;
	int64_t		 wait;

	if (nheap == 0 || master.stopping || commit_blocked() || master.nsessions >= master.config->settings.processors) {
		evtimer_del(&timer);
		return;
	}
	if ((wait = heap[0]->due - clock_msec()) < 0)
		wait = 0;
	if (wait > 3600 * 1000)
		wait = 3600 * 1000;
	tv.tv_sec = wait / 1000;
	tv.tv_usec = wait % 1000 * 1000;
	evtimer_add(&timer, &tv);
}

static void
sched_swap(size_t a, size_t b)
{
	struct task	*t = heap[a];

	heap[a] = heap[b];
	heap[b] = t;
	heap[a]->slot = a;
	heap[b]->slot = b;
}

static void
sched_up(size_t i)
{
	while (i > 0 && heap[i]->due < heap[(i - 1) / 2]->due) {
		sched_swap(i, (i - 1) / 2);
		i = (i - 1) / 2;
	}
}

static void
sched_down(size_t i)
{
	size_t	 least, child;

	for (;;) {
		least = i;
		for (child = 2 * i + 1; child <= 2 * i + 2 && child < nheap; child++)
			if (heap[child]->due < heap[least]->due)
				least = child;
		if (least == i)
			return;
		sched_swap(i, least);
		i = least;
	}
}
