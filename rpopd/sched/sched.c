/* SPDX-License-Identifier: ISC */
/*
 * When to poll: each record in its time and when its schedule, its host and its server permit it, settings.processors as the
 * ceiling of concurrent sessions (0: none at all), jitter so that records of one period spread out, poll-now.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/turn/turn.h"
#include "sched_int.h"

#define START_SPREAD	20	/* ms between the first polls after a start */
#define AT_ONCE		0	/* due before all that are due by the clock */

static void	 sched_leave(struct task *);
static void	 sched_move(struct task *, struct heap *, int64_t);
static struct task *sched_first(int64_t);
static int	 sched_permitted(struct task *, int64_t);
static int64_t	 sched_earliest(const struct task *);
static int64_t	 sched_epoch(int64_t);
static void	 sched_arm(void);

struct task			*sched_tasks;
size_t				 sched_ntasks;
struct runs			 sched_runs = TAILQ_HEAD_INITIALIZER(sched_runs);
uint32_t			 sched_nruns;
const struct sched_calls	*sched_calls;
static struct heap		 later;
static const char		*held;		/* of the last round, as sched_run() got it */

/* The calls stay the caller's, and must last. */
void
sched_init(const struct sched_calls *calls)
{
	sched_calls = calls;
	tzset();
}

/* A session of the task begins: the run is in the list until sched_end(). */
void
sched_begin(struct run *r, struct task *t)
{
	r->task = t;
	r->asked = t->asked;
	r->begun = r->progress = clock_msec();
	t->run = r;
	TAILQ_INSERT_TAIL(&sched_runs, r, entry);
	sched_nruns++;
}

/* The session is over.  Its task, if it still has one, keeps pointing to it until the outcome is known. */
void
sched_end(struct run *r)
{
	TAILQ_REMOVE(&sched_runs, r, entry);
	sched_nruns--;
}

/* The daemon is to end: every session finishes its current message and is over then. */
void
sched_stop(void)
{
	struct run	*r, *next;

	TAILQ_FOREACH_SAFE(r, &sched_runs, entry, next)
		sched_calls->stop(r);
}

/* The task is due at this time, monotonic ms, but never before its server and the pause of its schedule permit a login. */
void
sched_add(struct task *t, int64_t due)
{
	int64_t	 first = sched_earliest(t);

	t->due = due > first || first <= clock_msec() ? due : first;
	sched_move(t, &later, t->due);
	turn_at(t->due);
}

/* The task is not due at any time. */
void
sched_remove(struct task *t)
{
	t->due = INT64_MAX;
	sched_leave(t);
}

/* Take the task out of the heap in which it waits, if it does. */
static void
sched_leave(struct task *t)
{
	if (t->share != NULL)
		share_take(t);
	else if (t->queue != NULL)
		heap_take(t->queue, &t->item);
	t->queue = NULL;
}

/* Put the task into this heap, out of the one in which it waits. */
static void
sched_move(struct task *t, struct heap *queue, int64_t key)
{
	sched_leave(t);
	t->queue = queue;
	heap_put(queue, &t->item, key);
}

/* With -1, which waits for nothing: the record is not polled in this run. */
void
sched_skip(struct task *t, const char *reason)
{
	log_info("%s/%s: not polled: %s", t->rec->owner, t->rec->name, reason);
	t->polled = 1;
	sched_remove(t);
}

/*
 * In each round: what is due and permitted begins while processors are free.  A record whose session cannot begin now stays due.
 * why: NULL, or nothing may begin now; then it is the word for the status of what is due, "": there is none.
 */
void
sched_run(const char *why)
{
	struct heap_item	*item;
	struct task		*t;
	int64_t			 now = clock_msec();
	int			 wanted = 0;

	held = why;
	if (turn_stopping)
		return;
	gate_tick();
	host_wake(now);
	while ((item = heap_top(&later)) != NULL && item->key <= now) {
		t = heap_of(item, struct task, item);
		if (!sched_permitted(t, now))
			continue;
		if (options.once && t->host->state == HOST_DELAYED)
			sched_skip(t, "its host failed");
		else {
			sched_leave(t);
			share_put(t);
		}
	}
	while (held == NULL && (t = sched_first(now)) != NULL) {
		if ((wanted = sched_nruns >= config_running->settings.processors))
			break;
		if (!space_enough()) {
			if (!options.once)
				break;		/* a round follows when there is room */
			turn_failed = 1;
			sched_skip(t, space_trouble());
			continue;
		}
		if (sched_calls->start(t) == -1)
			break;		/* a round follows when a child is ready */
		sched_remove(t);
		host_begin(t->run);
	}
	share_watch(now, wanted);
	sched_arm();
}

/* The task whose turn it is, of those that the clock permits; NULL: there is none. */
static struct task *
sched_first(int64_t now)
{
	struct task	*t;

	while ((t = share_next()) != NULL && !sched_permitted(t, now))
		continue;
	return (t);
}

/* 1: as far as the clock is concerned, this task, which is due, may be polled; 0: not yet, and it waits in another heap now. */
static int
sched_permitted(struct task *t, int64_t now)
{
	int64_t	 first;

	if (!gate_open(t->gate)) {
		if (options.once)
			sched_skip(t, "the schedule does not permit it now");
		else
			sched_move(t, &t->gate->held, t->due);
		return (0);
	}
	if ((first = sched_earliest(t)) <= now)
		return (1);
	t->due = first;
	sched_move(t, &later, first);
	return (0);
}

/* The first time, monotonic ms, that the server's least time between logins and the schedule's between polls permit. */
static int64_t
sched_earliest(const struct task *t)
{
	int64_t	 pause, first = t->tried == 0 ? 0 : t->tried + t->login_delay * 1000LL, next;

	if (!t->polled)
		return (first);
	pause = gate_pause(t->gate);
	next = t->ended + (pause > t->login_delay ? pause : t->login_delay) * 1000;
	return (next > first ? next : first);
}

/* After a poll, or when the store was loaded: compute from the record's state when it is due next. */
void
sched_next(struct task *t)
{
	int64_t	 delay, now = clock_msec(), wall = time(NULL), since;

	if (t->rec->period == 0 || t->run != NULL) {
		sched_remove(t);
		return;
	}
	if (options.once) {
		if (t->polled)
			sched_remove(t);
		else
			sched_add(t, now);
		return;
	}
	if (!t->polled && t->rs.failures == 0) {
		sched_add(t, now + (t - sched_tasks) * START_SPREAD % (t->rec->period * 1000LL));
		return;
	}
	/* A back-off outlives a restart; a last attempt in the future is a clock that was set back. */
	delay = retry_delay(t);
	since = t->rs.last_attempt == 0 || t->rs.last_attempt > wall ? 0 : wall - t->rs.last_attempt;
	if (since > delay)
		since = delay;
	delay = (delay - since) * 1000;
	sched_add(t, now + delay + sched_jitter(delay));
}

/* A random part of a time, a twentieth of it at most. */
int64_t
sched_jitter(int64_t msec)
{
	return (msec / 20 * arc4random_uniform(1000) / 1000);
}

/* Poll now: "all", "account" or "account/record"; disabled records are left out.  A delayed host is tried again. */
void
sched_poll(const char *name, struct poll_answer *a)
{
	struct task	*t;
	size_t		 i;
	int64_t		 now = clock_msec(), wall = time(NULL), at;

	memset(a, 0, sizeof(*a));
	for (i = 0; i < sched_ntasks; i++) {
		t = &sched_tasks[i];
		if (t->rec->period == 0 || (strcmp(name, "all") != 0 && !sched_named(t, name)))
			continue;
		a->matched++;
		t->asked++;
		if (!gate_open(t->gate)) {
			at = gate_opens(t->gate, wall);
			a->opens = a->closed++ == 0 || at < a->opens ? at : a->opens;
		} else if (t->run == NULL && (at = sched_earliest(t)) > now) {
			at = (at - now + 999) / 1000;
			a->wait = a->early++ == 0 || at < a->wait ? at : a->wait;
		}
		if (t->run != NULL) {
			t->again = 1;
			continue;
		}
		sched_add(t, AT_ONCE);
		host_retry(t->host);
	}
}

/*
 * May a session with this record's server begin now that is not a poll of the schedule?  Disabled records and delayed hosts are no
 * obstacle.  0; or with a sentence 1: what is in the way will be over soon, or -1.
 */
int
sched_permits(struct task *t, char *err, size_t errsize)
{
	char		 when[64] = "until the schedule changes";
	int64_t		 first = sched_earliest(t), now = clock_msec();
	time_t		 opens;
	struct tm	 tm;

	if (turn_stopping)
		snprintf(err, errsize, "rpopd is stopping");
	else if (config_running->settings.processors == 0)
		snprintf(err, errsize, "settings.processors is 0: no session may begin");
	else if (t->run != NULL) {
		snprintf(err, errsize, "a session of this record is running (%s); try again when it is over",
		    sched_calls->state(t->run));
		return (1);
	} else if (!gate_open(t->gate)) {
		opens = gate_opens(t->gate, time(NULL));
		if (opens != SCHEDULE_NEVER && localtime_r(&opens, &tm) != NULL)
			strftime(when, sizeof(when), "until %Y-%m-%d %H:%M", &tm);
		snprintf(err, errsize, "the schedule permits no session %s", when);
	} else if (first > now)
		snprintf(err, errsize, "server and schedule permit the next login in %lld s",
		    (long long)(first - now + 999) / 1000);
	else if (sched_nruns >= config_running->settings.processors) {
		snprintf(err, errsize, "all %u processors are busy; try again later", config_running->settings.processors);
		return (1);
	} else
		return (0);
	return (-1);
}

/* 1: the name, account or account/record, means this task's record. */
int
sched_named(const struct task *t, const char *name)
{
	size_t	 len = strlen(t->rec->owner);

	if (strncasecmp(name, t->rec->owner, len) != 0)
		return (0);
	return (name[len] == '\0' || (name[len] == '/' && strcmp(name + len + 1, t->rec->name) == 0));
}

int
sched_busy(const struct task *t)
{
	return (t->run != NULL || t->share != NULL || (t->queue == &later && t->due <= clock_msec()));
}

/* The task's state in one word, and when its next poll is (epoch; 0: it is not scheduled). */
const char *
sched_state(const struct task *t, int64_t *next)
{
	int64_t	 now = time(NULL), opens;
	int	 delayed;

	*next = 0;
	if (t->run != NULL)
		return (sched_calls->state(t->run));
	if (t->rec->period == 0)
		return ("disabled");
	if (t->due == INT64_MAX)
		return ("idle");
	delayed = t->host != NULL && t->host->state == HOST_DELAYED;
	*next = sched_epoch(delayed && t->host->until > t->due ? t->host->until : t->due);
	opens = gate_opens(t->gate, *next > now ? *next : now);
	*next = opens == SCHEDULE_NEVER ? 0 : opens;
	if (t->gate != NULL && t->queue == &t->gate->held)
		return ("window");
	if (t->share != NULL)
		return (delayed ? "host-delay" : held != NULL && *held != '\0' ? held : *space_trouble() != '\0' ? "disk-full" :
		    t->slow ? "queued-slow" : "queued");
	return (t->due <= clock_msec() ? "queued" : "idle");
}

/* A time of the monotonic clock, ms, by the wall clock; what is over is now. */
static int64_t
sched_epoch(int64_t due)
{
	int64_t	 wait = due - clock_msec();

	return (time(NULL) + (wait > 0 ? wait / 1000 : 0));
}

/*
 * The next round is due for the first record, host or gate that has to wait, and for sessions that stall while others wait for
 * theirs.  When a processor, a child or the store becomes free, for which a due record waits, there is a round anyway.
 */
static void
sched_arm(void)
{
	struct heap_item	*item = heap_top(&later);

	turn_at(item == NULL ? INT64_MAX : item->key);
	turn_at(host_due());
	turn_at(gate_due());
	turn_at(share_alarm());
}
