/* SPDX-License-Identifier: ISC */
/*
 * Whose turn it is when more records are due than sessions may run.  The next session goes to the owner that holds the
 * fewest; of his, to the host that has the fewest; of its records, to the one that has been due for the longest, one that was asked
 * for by hand before all others.  So an owner with a thousand records, or with a few whose servers take an hour, leaves the next
 * free processor to whoever has none yet; nobody's session is ended for it.
 *
 *	records of one owner at one host that are due	a share, which lasts as long as there are any
 *	shares of one host				host->waiting: the owner with the fewest sessions first
 *	a host that may have one more session		offers it to the first of them: a place in that owner's offers
 *	owners with offers				takers: who has the fewest sessions first
 *
 * An owner's sessions count everywhere he waits, but only where somebody else waits, too, do they decide something: those shares
 * are his rivals.  A session that begins or ends costs some heap steps for each of them and for itself, however many records wait.
 *
 * Servers that stall must not hold what others could use.  A record whose last session stalled begins its next one in the slow
 * lane, until one succeeds; everything above is there twice, once for each lane.  The slow lane never has more than half of the
 * processors.  While others wait for a processor, sessions of the quick lane that have made no progress for a while have what the
 * slow lane leaves of that half; of more than that, those without progress for the longest end.  So
 *
 *	half of the processors serve nothing that stalls for longer than that while others wait;
 *	a session of the slow lane is never ended here: a server that is slow and honest is cut off once, and then has its full idle
 *	clock, as soon as it is its turn among those that stalled as well, of which each goes to the end of the queue;
 *	one that has brought everything and is taking its leave counts as stalled, but is not ended: it would have to come again.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "sched_int.h"

#define DUE_BITS	41		/* of a key: ms, 69 years of monotonic time */
#define COUNT_BITS	11		/* twice: sessions of an owner, of a host */
#define COUNT_MAX	((1u << COUNT_BITS) - 1)
#define PATIENCE	10000		/* ms without progress, or a third of the idle clock if that is less */

struct owner {
	RB_ENTRY(owner)		 entry;
	uint32_t		 account;
	enum lane		 lane;
	uint32_t		 sessions;	/* in this lane */
	uint32_t		 shares;
	LIST_HEAD(, share)	 rivals;
	struct heap		 offers;	/* shares, of hosts that may have one more session */
	struct heap_item	 item;
	int			 takes;		/* it is among the takers */
};
RB_HEAD(owners, owner);

struct share {
	RB_ENTRY(share)		 entry;		/* in the host's */
	LIST_ENTRY(share)	 rival;
	struct owner		*owner;
	struct host		*host;
	struct heap		 tasks;		/* by due time */
	struct heap_item	 item, offer;
	int			 rivals;	/* it is in its owner's list of them */
};

static struct owner	*owner_get(const struct task *);
static void		 owner_drop(struct owner *);
static void		 owner_place(struct owner *);
static void		 owner_count(struct owner *, int);
static int		 owner_compare(struct owner *, struct owner *);
static uint32_t		 share_half(void);
static int64_t		 share_patience(void);
static struct run	*share_worst(int64_t);
static void		 share_cut(struct run *, int64_t);
static struct share	*share_get(const struct task *);
static struct heap	*share_rivals(const struct share *);
static void		 share_free(struct share *);
static void		 share_place(struct share *);
static void		 share_contest(struct share *, int);
static int64_t		 share_key(uint32_t, uint32_t, int64_t);
static int64_t		 share_due(const struct share *);
static int		 share_compare(struct share *, struct share *);

RB_PROTOTYPE_STATIC(owners, owner, entry, owner_compare)
RB_PROTOTYPE_STATIC(shares, share, entry, share_compare)

static struct owners	 owners = RB_INITIALIZER(&owners);
static struct heap	 takers[LANE_MAX];
static uint32_t		 slow;		/* sessions of that lane */
static int64_t		 look;		/* when share_watch() is due; INT64_MAX: nobody waits, or it cannot be said */

/* The record is due and waits with those of its owner at its host. */
void
share_put(struct task *t)
{
	struct share	*sh = share_get(t);
	struct heap	*all = share_rivals(sh);

	t->share = sh;
	t->queue = &sh->tasks;
	heap_put(&sh->tasks, &t->item, t->due);
	if (sh->tasks.n == 1) {
		heap_put(all, &sh->item, share_key(sh->owner->sessions, 0, share_due(sh)));
		if (all->n == 2)
			share_contest(heap_of(all->items[sh->item.slot == 0 ? 1 : 0], struct share, item), 1);
		if (all->n >= 2)
			share_contest(sh, 1);
	}
	share_place(sh);
}

/* The record, which is due, waits no longer. */
void
share_take(struct task *t)
{
	struct share	*sh = t->share;
	struct heap	*all = share_rivals(sh);

	heap_take(&sh->tasks, &t->item);
	t->queue = NULL;
	t->share = NULL;
	if (sh->tasks.n > 0) {
		share_place(sh);
		return;
	}
	share_contest(sh, 0);
	heap_take(all, &sh->item);
	if (all->n == 1)
		share_contest(heap_of(heap_top(all), struct share, item), 0);
	host_place(sh->host);
	share_free(sh);
}

/*
 * What the host offers in each lane, or its number of sessions, may have changed: takers are put in order anew.  may: it may
 * have one more session.
 */
void
share_offer(struct host *h, int may)
{
	struct heap_item	*top;
	struct share		*was, *sh;
	int64_t			 key;
	enum lane		 lane;

	for (lane = 0; lane < LANE_MAX; lane++) {
		top = may ? heap_top(&h->waiting[lane]) : NULL;
		was = h->offered[lane];
		sh = top == NULL ? NULL : heap_of(top, struct share, item);
		key = sh == NULL ? 0 : share_key(0, h->sessions, share_due(sh));
		if (was == sh && (sh == NULL || sh->offer.key == key))
			continue;
		if (was != NULL)
			heap_take(&was->owner->offers, &was->offer);
		if ((h->offered[lane] = sh) != NULL)
			heap_put(&sh->owner->offers, &sh->offer, key);
		if (was != NULL)
			owner_place(was->owner);
		if (sh != NULL)
			owner_place(sh->owner);
	}
}

/* Of the records that may start, the one whose turn it is; NULL: there is none. */
struct task *
share_next(void)
{
	struct heap_item	*item = heap_top(&takers[LANE_QUICK]);
	struct heap_item	*other = slow < share_half() ? heap_top(&takers[LANE_SLOW]) : NULL;
	struct owner		*o;
	struct share		*sh;

	if (item == NULL || (other != NULL && other->key < item->key))
		item = other;
	if (item == NULL)
		return (NULL);
	o = heap_of(item, struct owner, item);
	sh = heap_of(heap_top(&o->offers), struct share, offer);
	return (heap_of(heap_top(&sh->tasks), struct task, item));
}

/* One of the records that wait for this host; NULL: none does. */
struct task *
share_any(const struct host *h)
{
	struct heap_item	*item = heap_top(&h->waiting[LANE_QUICK]);
	struct share		*sh;

	if (item == NULL && (item = heap_top(&h->waiting[LANE_SLOW])) == NULL)
		return (NULL);
	sh = heap_of(item, struct share, item);
	return (heap_of(heap_top(&sh->tasks), struct task, item));
}

/* A session counts as one of its record's owner, in the record's lane, until share_end(). */
void
share_begin(struct run *r)
{
	r->owner = owner_get(r->task);
	slow += r->owner->lane == LANE_SLOW;
	owner_count(r->owner, 1);
}

/* The session does not count any more. */
void
share_end(struct run *r)
{
	struct owner	*o = r->owner;

	r->owner = NULL;
	slow -= o->lane == LANE_SLOW;
	owner_count(o, -1);
	owner_drop(o);
}

/* In each round: if wanted, somebody could begin now but for a processor, and sessions that stall and are too many then end. */
void
share_watch(int64_t now, int wanted)
{
	struct run	*r;

	if (!wanted || config_running->settings.processors == 0) {	/* nobody may begin then, whoever ends */
		look = INT64_MAX;
		return;
	}
	if (look != INT64_MAX && look > now)
		return;
	while ((r = share_worst(now)) != NULL)
		share_cut(r, now);
}

/* Monotonic ms of the next share_watch(); INT64_MAX: nothing is awaited. */
int64_t
share_alarm(void)
{
	return (look);
}

/* Of the sessions that stall in the quick lane, the one to end; NULL: none may be ended, or they are not too many. */
static struct run *
share_worst(int64_t now)
{
	struct run	*r, *worst = NULL;
	enum run_phase	 phase;
	int64_t		 since = now - share_patience();
	uint32_t	 n = slow;

	look = INT64_MAX;
	TAILQ_FOREACH(r, &sched_runs, entry) {
		phase = sched_calls->phase(r);
		if (r->owner == NULL || r->owner->lane == LANE_SLOW || phase == RUN_ENDING || phase == RUN_HELD)
			continue;
		if (r->progress > since) {
			if (r->progress - since + now < look)
				look = r->progress - since + now;
			continue;
		}
		n++;
		if (phase != RUN_LEAVING && (worst == NULL || r->progress < worst->progress))
			worst = r;
	}
	return (n > share_half() ? worst : NULL);
}

/* End a session that stalls. */
static void
share_cut(struct run *r, int64_t now)
{
	char	 text[PROTO_TEXT_SIZE];

	snprintf(text, sizeof(text), "ended: %lld s without progress while others waited for a processor; see settings.processors",
	    (long long)(now - r->progress) / 1000);
	sched_calls->cut(r, text);
}

/* How many sessions may stall while others wait for a processor. */
static uint32_t
share_half(void)
{
	uint32_t	 n = config_running->settings.processors / 2;

	return (n > 0 ? n : 1);
}

/* For how long a session may make no progress, in ms, before it counts as stalled. */
static int64_t
share_patience(void)
{
	int64_t	 third = config_running->settings.idle_timeout * 1000LL / 3;

	return (third < PATIENCE ? third : PATIENCE);
}

/* The owner of the task's record in the record's lane, who is made if he has nothing yet. */
static struct owner *
owner_get(const struct task *t)
{
	struct owner	 key, *o;

	key.account = t->rec->account;
	key.lane = t->slow ? LANE_SLOW : LANE_QUICK;
	if ((o = RB_FIND(owners, &owners, &key)) != NULL)
		return (o);
	if ((o = calloc(1, sizeof(*o))) == NULL)
		fatal("owner");
	o->account = key.account;
	o->lane = key.lane;
	LIST_INIT(&o->rivals);
	RB_INSERT(owners, &owners, o);
	return (o);
}

/* The owner is freed if nothing waits or runs for him any more. */
static void
owner_drop(struct owner *o)
{
	if (o->shares > 0 || o->sessions > 0)
		return;
	heap_free(&o->offers);
	RB_REMOVE(owners, &owners, o);
	free(o);
}

/* The owner's first offer, or his number of sessions, has changed. */
static void
owner_place(struct owner *o)
{
	struct heap_item	*top = heap_top(&o->offers);
	int64_t			 key = top == NULL ? 0 : share_key(o->sessions, 0, 0) | top->key;

	if (o->takes && top != NULL && o->item.key == key)
		return;
	if (o->takes)
		heap_take(&takers[o->lane], &o->item);
	if ((o->takes = top != NULL))
		heap_put(&takers[o->lane], &o->item, key);
}

/* The owner has n sessions more. */
static void
owner_count(struct owner *o, int n)
{
	struct share	*sh;

	o->sessions += n;
	LIST_FOREACH(sh, &o->rivals, rival)
		share_place(sh);
	owner_place(o);
}

/* The share of the task's owner at its host, which is made if there is none. */
static struct share *
share_get(const struct task *t)
{
	struct share	 key, *sh;

	key.owner = owner_get(t);
	if ((sh = RB_FIND(shares, &t->host->shares, &key)) != NULL)
		return (sh);
	if ((sh = calloc(1, sizeof(*sh))) == NULL)
		fatal("share");
	sh->owner = key.owner;
	sh->owner->shares++;
	sh->host = t->host;
	RB_INSERT(shares, &sh->host->shares, sh);
	return (sh);
}

/* Free a share of which no task is left. */
static void
share_free(struct share *sh)
{
	struct owner	*o = sh->owner;

	heap_free(&sh->tasks);
	RB_REMOVE(shares, &sh->host->shares, sh);
	free(sh);
	o->shares--;
	owner_drop(o);
}

/* The share's first task, or its owner's number of sessions, has changed. */
static void
share_place(struct share *sh)
{
	int64_t	 key = share_key(sh->owner->sessions, 0, share_due(sh));

	if (sh->item.key != key) {
		heap_take(share_rivals(sh), &sh->item);
		heap_put(share_rivals(sh), &sh->item, key);
	}
	host_place(sh->host);
}

/* Other owners wait at the share's host, too (1), or no longer (0). */
static void
share_contest(struct share *sh, int rivals)
{
	if (sh->rivals == rivals)
		return;
	if ((sh->rivals = rivals)) {
		LIST_INSERT_HEAD(&sh->owner->rivals, sh, rival);
		share_place(sh);
	} else
		LIST_REMOVE(sh, rival);
}

/* A key of a heap: what is compared first stands in the highest bits. */
static int64_t
share_key(uint32_t owner, uint32_t host, int64_t due)
{
	owner = owner < COUNT_MAX ? owner : COUNT_MAX;
	host = host < COUNT_MAX ? host : COUNT_MAX;
	return ((int64_t)owner << (DUE_BITS + COUNT_BITS) | (int64_t)host << DUE_BITS | due);
}

/* The shares of its host in its lane, itself among them. */
static struct heap *
share_rivals(const struct share *sh)
{
	return (&sh->host->waiting[sh->owner->lane]);
}

/* When the first of its tasks was due. */
static int64_t
share_due(const struct share *sh)
{
	return (heap_top(&sh->tasks)->key);
}

static int
owner_compare(struct owner *a, struct owner *b)
{
	if (a->account != b->account)
		return (a->account < b->account ? -1 : 1);
	return ((a->lane > b->lane) - (a->lane < b->lane));
}

static int
share_compare(struct share *a, struct share *b)
{
	return (owner_compare(a->owner, b->owner));
}

RB_GENERATE_STATIC(owners, owner, entry, owner_compare)
RB_GENERATE_STATIC(shares, share, entry, share_compare)
