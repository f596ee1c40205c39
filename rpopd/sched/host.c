/* SPDX-License-Identifier: ISC */
/*
 * Hosts, by name and port.  A host that failed gets no connection until its delay is over; then one session tries, and the others
 * follow it if it gets as far as the login.  A host is a name here, whatever its addresses are: the dialer goes through those.
 *
 * Every event costs a few heap steps, however many records wait for a host.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "sched_int.h"

#define DOUBLINGS	4	/* the delay grows to 16 times itself */
#define PATIENCE	10000	/* ms a host that was never tried may take for the first login before others are let in */

RB_HEAD(hosts, host);

static int	 host_compare(struct host *, struct host *);
static void	 host_open(struct host *);
static void	 host_close(struct host *, enum fetch_stage, enum fail_why);
static int	 host_excused(const struct host *, const struct run *, enum fail_why);
static char	*host_label(const struct host *, char *, size_t);

RB_PROTOTYPE_STATIC(hosts, host, entry, host_compare)

static struct hosts	 hosts = RB_INITIALIZER(&hosts);
static struct heap	 asleep;	/* by the end of their delay */

/* The host of this name and port, which is made if there is none. */
struct host *
host_get(const char *name, uint16_t port)
{
	struct host	 key, *h;

	memset(&key, 0, sizeof(key));
	strlcpy(key.name, name, sizeof(key.name));
	key.port = port;
	if ((h = RB_FIND(hosts, &hosts, &key)) == NULL) {
		if ((h = calloc(1, sizeof(*h))) == NULL)
			fatal("host");
		strlcpy(h->name, name, sizeof(h->name));
		h->port = port;
		RB_INSERT(hosts, &hosts, h);
	}
	h->used = 1;
	return (h);
}

/* A store was loaded: hosts that neither a record nor a session uses are freed; for the others the ceiling may have changed. */
void
host_sweep(void)
{
	struct host	*h, *next;
	size_t		 i;
	enum lane	 lane;

	RB_FOREACH(h, hosts, &hosts)
		h->used = h->sessions > 0;
	for (i = 0; i < sched_ntasks; i++)
		sched_tasks[i].host->used = 1;
	RB_FOREACH_SAFE(h, hosts, &hosts, next) {
		if (h->used) {
			host_place(h);
			continue;
		}
		if (h->sleeps)
			heap_take(&asleep, &h->item);
		for (lane = 0; lane < LANE_MAX; lane++)
			heap_free(&h->waiting[lane]);
		RB_REMOVE(hosts, &hosts, h);
		free(h);
	}
}

/* Something of the host has changed: whether it sleeps until a time, and whether it may have one more session. */
void
host_place(struct host *h)
{
	int	 sleeps = h->state == HOST_DELAYED || (h->state == HOST_NEW && h->probe != NULL);

	if (h->sleeps != sleeps || (sleeps && h->item.key != h->until)) {
		if (h->sleeps)
			heap_take(&asleep, &h->item);
		if ((h->sleeps = sleeps))
			heap_put(&asleep, &h->item, h->until);
	}
	share_offer(h, !sleeps && !host_full(h) && (h->state == HOST_OPEN || h->probe == NULL));
}

/* A session of the schedule has been started.  It is the one that goes ahead if nobody knows whether the host is there. */
void
host_begin(struct run *r)
{
	struct host	*h = r->task->host;

	host_join(r, h);
	if (h->state != HOST_OPEN)
		h->probe = r;
	if (h->state == HOST_NEW)
		h->until = clock_msec() + PATIENCE;
	host_place(h);
}

/*
 * The session has logged in: others may follow it.  While a host is delayed, the login of a session from before the delay says
 * nothing about new ones.
 */
void
host_login(struct run *r)
{
	struct host	*h = r->host;

	if (h == NULL)
		return;
	h->good = clock_msec();
	if (r->task != NULL)
		r->task->host_failed = 0;
	if (h->state != HOST_OPEN && h->probe == r)
		host_open(h);
}

/*
 * The session is over, as stage and why say, and counts at its host no longer.  1: its record is to wait for the host; 0: how
 * the session ended is the record's own matter.
 */
int
host_result(struct run *r, enum fetch_stage stage, enum fail_why why)
{
	struct host	*h = r->host;
	int		 probe, failed, excused, reached;

	if (h == NULL)
		return (0);
	probe = h->probe == r;
	failed = retry_blames_host(stage, why);
	excused = failed && host_excused(h, r, why);
	reached = why == WHY_NONE || retry_reached(stage, why);
	if (probe)
		h->probe = NULL;
	host_leave(r);
	if (r->task != NULL)
		r->task->host_failed = failed ? clock_msec() : 0;
	if (reached)
		h->good = clock_msec();
	if (failed && !excused && (probe || h->state == HOST_OPEN))
		host_close(h, stage, why);
	else if (probe && reached && h->state != HOST_OPEN)
		host_open(h);
	host_place(h);
	return (failed && !excused);
}

/*
 * 1: the failure is not to be laid to the host.  A host that let others in since this session began, or since its record failed
 * here the last time, is there: then it is the record that does not fit it, and one record must not stop the others.  What the
 * host says in its greeting is never excused.
 */
static int
host_excused(const struct host *h, const struct run *r, enum fail_why why)
{
	if (why == WHY_BUSY || why == WHY_SERVER_TEMP || why == WHY_SERVER_PERM)
		return (0);
	return (h->good > (r->task != NULL && r->task->host_failed != 0 ? r->task->host_failed : r->begun));
}

/* The host is there: all its records may be polled. */
static void
host_open(struct host *h)
{
	char	 label[PROTO_HOST_SIZE + 16];

	if (h->failures > 0)
		log_info("%s answers again, after %lld s and %u failed tr%s", host_label(h, label, sizeof(label)),
		    (long long)(clock_msec() - h->failed) / 1000, h->failures, h->failures == 1 ? "y" : "ies");
	h->state = HOST_OPEN;
	h->failures = 0;
	h->asked = 0;
	host_place(h);
}

/*
 * Delay the host, the longer the more often it has failed; a try that poll-now asked for leaves the delay that it interrupted
 * as it was.
 */
static void
host_close(struct host *h, enum fetch_stage stage, enum fail_why why)
{
	int64_t	 delay = config_running->settings.delay_failed_hosts * 1000LL, now = clock_msec();
	char	 label[PROTO_HOST_SIZE + 16];
	struct task	*t;
	int	 asked = h->asked && h->until > now;

	h->asked = 0;
	if (asked) {
		h->state = HOST_DELAYED;
		return;
	}
	delay <<= h->failures < DOUBLINGS ? h->failures : DOUBLINGS;
	delay += sched_jitter(delay);
	if (h->failures++ == 0) {
		h->failed = now;
		log_warnx("%s is delayed for %lld s, with all its records: %s: %s", host_label(h, label, sizeof(label)),
		    (long long)delay / 1000, fetch_stage_str(stage), fail_why_str(why));
	}
	h->state = HOST_DELAYED;
	h->until = now + delay;
	if (options.once)
		while ((t = share_any(h)) != NULL)
			sched_skip(t, "its host failed");
}

/* Poll-now asks for the host: if it is delayed, one session tries at once. */
void
host_retry(struct host *h)
{
	if (h->state != HOST_DELAYED)
		return;
	h->state = HOST_TRYING;
	h->asked = 1;
	host_place(h);
}

int
host_full(const struct host *h)
{
	return (h->sessions >= config_running->settings.host_sessions);
}

/* One more session counts at the host and for its owner.  Of a trial, how it ends says nothing about the host. */
void
host_join(struct run *r, struct host *h)
{
	r->host = h;
	h->sessions++;
	share_begin(r);
	host_place(h);
}

/* The session counts at its host no longer, if it did. */
void
host_leave(struct run *r)
{
	struct host	*h = r->host;

	if (h == NULL)
		return;
	r->host = NULL;
	h->sessions--;
	share_end(r);
	host_place(h);
}

/* In each round: delays that are over end, and hosts that keep the first session waiting for PATIENCE let others in. */
void
host_wake(int64_t now)
{
	struct heap_item	*item;
	struct host		*h;

	while ((item = heap_top(&asleep)) != NULL && item->key <= now) {
		h = heap_of(item, struct host, item);
		h->state = h->state == HOST_NEW ? HOST_OPEN : HOST_TRYING;
		if (h->state == HOST_OPEN)
			h->probe = NULL;
		host_place(h);
	}
}

int64_t
host_due(void)
{
	struct heap_item	*item = heap_top(&asleep);

	return (item == NULL ? INT64_MAX : item->key);
}

/* Name and port, for logs.  Returns dst. */
static char *
host_label(const struct host *h, char *dst, size_t size)
{
	snprintf(dst, size, strchr(h->name, ':') != NULL ? "[%s]:%u" : "%s:%u", h->name, h->port);
	return (dst);
}

static int
host_compare(struct host *a, struct host *b)
{
	int	 n = strcmp(a->name, b->name);

	return (n != 0 ? n : (a->port > b->port) - (a->port < b->port));
}

RB_GENERATE_STATIC(hosts, host, entry, host_compare)
