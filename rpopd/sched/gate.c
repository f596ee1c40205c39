/* SPDX-License-Identifier: ISC */
/*
 * Activity schedules at work.  Records with the same schedule share a gate, which holds those that are due while it is
 * closed.  Nothing leaves for a closed gate, name lookups and token requests included; a session that has its connection goes on
 * to its end.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "sched_int.h"

#define LOOK_AGAIN	60	/* s: the wall clock may have been set */

SLIST_HEAD(gates, gate);

static void	 gate_look(struct gate *);
static void	 gate_release(struct gate *);

static struct gates	 gates = SLIST_HEAD_INITIALIZER(gates), before = SLIST_HEAD_INITIALIZER(before);

/* A store was loaded: gate_get() makes new gates from now on. */
void
gate_reload(void)
{
	before = gates;
	SLIST_INIT(&gates);
}

/* The gates of the earlier store are freed; they must hold no task any more. */
void
gate_sweep(void)
{
	struct gate	*g;

	while ((g = SLIST_FIRST(&before)) != NULL) {
		SLIST_REMOVE_HEAD(&before, entry);
		heap_free(&g->held);
		free(g);
	}
}

/* The gate of records with this schedule, which counts besides settings.schedule; NULL: both permit everything. */
struct gate *
gate_get(const char *name)
{
	const char	*every = config_running->settings.schedule;
	struct gate	*g;

	if (every == NULL)
		every = "";
	if (*name == '\0' && *every == '\0')
		return (NULL);
	SLIST_FOREACH(g, &gates, entry)
		if (strcmp(g->name, name) == 0)
			return (g);
	if ((g = calloc(1, sizeof(*g))) == NULL)
		fatal("schedule");
	g->name = name;
	schedule_init(&g->schedule, config_running, every, name);
	SLIST_INSERT_HEAD(&gates, g, entry);
	return (g);
}

int
gate_open(struct gate *g)
{
	if (g == NULL)
		return (1);
	gate_look(g);
	return (g->open);
}

uint32_t
gate_pause(struct gate *g)
{
	return (g == NULL ? 0 : schedule_pause(&g->schedule, time(NULL)));
}

int64_t
gate_opens(const struct gate *g, int64_t at)
{
	return (g == NULL ? at : schedule_opens(&g->schedule, at));
}

/*
 * Is the gate open?  The answer holds from when it was found out to the next change, as long as the wall clock is between the
 * two.
 */
static void
gate_look(struct gate *g)
{
	int64_t	 now = time(NULL), opens;

	if (g->checked != 0 && now >= g->checked && now < g->change)
		return;
	opens = schedule_opens(&g->schedule, now);
	g->open = opens == now;
	g->change = g->open ? schedule_closes(&g->schedule, now) : opens;
	g->checked = now;
}

/*
 * In each round: gates that have opened let go the tasks that they hold, and sessions without a connection stop where the gate
 * has closed.
 */
void
gate_tick(void)
{
	struct gate	*g;
	struct run	*r, *next;

	if (SLIST_EMPTY(&gates))
		return;
	SLIST_FOREACH(g, &gates, entry)
		if (gate_open(g) && g->held.n > 0)
			gate_release(g);
	TAILQ_FOREACH_SAFE(r, &sched_runs, entry, next)
		if (r->task != NULL && sched_calls->phase(r) == RUN_WAITING && !gate_open(r->task->gate))
			sched_calls->stop(r);
}

/* The tasks that the gate holds were due all at once; their starts are spread over their periods. */
static void
gate_release(struct gate *g)
{
	struct heap_item	*item;
	struct task		*t;

	while ((item = heap_top(&g->held)) != NULL) {
		t = heap_of(item, struct task, item);
		sched_add(t, clock_msec() + sched_jitter(t->rec->period * 1000LL));
	}
}

/* When the first gate changes, monotonic ms, but within LOOK_AGAIN; INT64_MAX: there are no gates. */
int64_t
gate_due(void)
{
	struct gate	*g;
	int64_t		 now = time(NULL), wait, least = LOOK_AGAIN;

	if (SLIST_EMPTY(&gates))
		return (INT64_MAX);
	SLIST_FOREACH(g, &gates, entry) {
		wait = g->change < now ? 0 : g->change - now;
		if (wait < least)
			least = wait;
	}
	return (clock_msec() + least * 1000);
}
