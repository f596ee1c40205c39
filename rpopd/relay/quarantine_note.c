/* SPDX-License-Identifier: ISC */
/*
 * The postmaster hears of the quarantine: once a day as long as it grows.  In a store without a main domain there is none: each
 * owner of a record hears of what came by it and is in quarantine, once a day as long as it grows anywhere.  How much came into
 * it since that was told last is in state.db, in the transaction that put it there, so that no restart loses it; what we wrote
 * ourselves is not counted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/array.h"
#include "common/log.h"
#include "common/timer.h"
#include "rpopd/config/config.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "rpopd/turn/turn.h"
#include "relay_int.h"

#define NOTE_PAUSE	86400	/* s between two notes */
#define NOTE_LOOK	3600	/* s; the clock may be set meanwhile */
#define NOTE_HOPS	4	/* next hops that are named */

struct note {
	int64_t	 all;
	int	 n;
	size_t	 len;
	char	 lines[3 * PROTO_TEXT_SIZE];
};

/* What is in quarantine for one owner, or, while it is collected, of one mailbox. */
struct owner {
	uint32_t	 account;		/* 0: no record has this mailbox */
	int64_t		 mailbox, count, wait;
	char		 status[PROTO_TEXT_SIZE];	/* of the last */
};

struct owners {
	struct owner	*list;
	size_t		 n;
};

static int	 note_row(void *, const struct held_row *);
static void	 note_write(int64_t);
static int64_t	 note_wait(uint32_t);
static int	 note_mailbox(void *, const struct held_row *);
static int64_t	 note_owners(int64_t);
static void	 note_owner(const struct owner *, int64_t);
static int	 mailbox_cmp(const void *, const void *);
static int	 owner_cmp(const void *, const void *);
static void	 note_run(void *);
static void	 note_kick(int64_t);

static struct timer	 timer;
static int		 soon;		/* the timer is about to run */
static int		 told_log;	/* that there is no postmaster */

/* Something may have come into the quarantine: soon, it is known whether a note is to be written. */
void
quarantine_grew(void)
{
	soon = 1;
	note_kick(0);
}

/* The next look is in so many seconds, NOTE_LOOK at most. */
static void
note_kick(int64_t seconds)
{
	timer_init(&timer, note_run, NULL);
	timer_in(&timer, (seconds > NOTE_LOOK ? NOTE_LOOK : seconds) * 1000);
}

/* 1: whether a note is to be written will be known in a moment. */
int
quarantine_note_due(void)
{
	return (soon);
}

/* A look: notes that are due are written.  One that cannot be written is due again in an hour. */
static void
note_run(void *arg)
{
	int64_t	 fresh, wait;

	(void)arg;
	soon = 0;
	turn_soon();			/* a run of -1 waits for it */
	if (state_held(&fresh) != DB_OK || fresh <= 0)
		return;
	if (config_running->settings.postmaster == 0)
		wait = note_owners(fresh);
	else if ((wait = note_wait(config_running->settings.postmaster)) == 0)
		note_write(fresh);
	note_kick(wait > 0 ? wait : NOTE_LOOK);
}

/* Seconds until the account may have a note again; 0: now. */
static int64_t
note_wait(uint32_t account)
{
	const struct route_account	*a = route_account_by_id(config_running->routes, account);
	char				 address[PROTO_ADDR_SIZE];
	int64_t				 at, now = time(NULL);

	if (route_account_address(a, address, sizeof(address)) == -1)
		return (0);
	return (state_told(address, NOTICE_HELD, &at) == DB_OK && at <= now && now - at < NOTE_PAUSE ? at + NOTE_PAUSE - now : 0);
}

/* A next hop, or the accounts here, with what is in quarantine for them: a line of the note. */
static int
note_row(void *arg, const struct held_row *row)
{
	struct note	*n = arg;
	char		 name[PROTO_TEXT_SIZE] = "mail for accounts here";
	int		 len;

	n->all = row->all;
	if (n->n++ >= NOTE_HOPS)
		return (1);
	if (row->id != 0) {
		strlcpy(name, "next hop ", sizeof(name));
		relay_hop_name((uint32_t)row->id, name + strlen(name), sizeof(name) - strlen(name));
	}
	len = snprintf(n->lines + n->len, sizeof(n->lines) - n->len, "%.80s: %lld, the last one: %.90s\n", name, (long long)row->count,
	    row->status);
	if (len > 0 && (size_t)len < sizeof(n->lines) - n->len)
		n->len += len;
	return (0);
}

/* The postmaster's note; fresh: so many deliveries are new. */
static void
note_write(int64_t fresh)
{
	struct note	 n;
	char		 subject[128];

	memset(&n, 0, sizeof(n));
	if (state_held_each(HELD_BY_NEXTHOP, note_row, &n) != DB_OK)
		return;
	snprintf(subject, sizeof(subject), "Mail in quarantine: %lld new, %lld in all", (long long)fresh, (long long)n.all);
	notice_held(config_running->settings.postmaster, fresh, subject, "Mail for some recipients could not be delivered, and its senders are not to be told, so that it is kept "
	    "in quarantine: %lld since this was written last, %lld in all.\n\n%s\nThis is written once a day at most, and only if there is "
	    "more.  rpopctl quarantine lists what is there; rpopctl quarantine release delivers it, rpopctl quarantine drop removes it.\n",
	    (long long)fresh, (long long)n.all, n.lines);
}

/* A remote mailbox with what is in quarantine of its mail. */
static int
note_mailbox(void *arg, const struct held_row *row)
{
	struct owners	*o = arg;

	if ((o->list = array_grow(o->list, o->n, sizeof(*o->list))) == NULL)
		fatal("quarantine");
	memset(&o->list[o->n], 0, sizeof(*o->list));
	o->list[o->n].mailbox = row->id;
	o->list[o->n].count = row->count;
	strlcpy(o->list[o->n++].status, row->status, sizeof(o->list[0].status));
	return (0);
}

/*
 * Each owner of something in quarantine is written to, unless he was within a day: then all of it counts as untold until he can
 * be.  Seconds until the last of them may have a note; 0: now.
 */
static int64_t
note_owners(int64_t fresh)
{
	struct owners	 o = { NULL, 0 };
	struct owner	*m, key;
	int64_t		 wait, most = 0;
	size_t		 i, last = SIZE_MAX, n = 0;

	if (state_held_each(HELD_BY_MAILBOX, note_mailbox, &o) != DB_OK) {
		free(o.list);
		return (NOTE_LOOK);
	}
	memset(&key, 0, sizeof(key));
	for (i = 0; i < sched_ntasks && o.n > 0; i++) {	/* the list is ascending by mailbox */
		key.mailbox = sched_tasks[i].mailbox;
		if ((m = bsearch(&key, o.list, o.n, sizeof(*o.list), mailbox_cmp)) != NULL)
			m->account = sched_tasks[i].rec->account;
	}
	if (o.n > 0)
		qsort(o.list, o.n, sizeof(*o.list), owner_cmp);
	for (i = 0; i < o.n; i++) {		/* an owner's mailboxes become one entry */
		if (n > 0 && o.list[n - 1].account == o.list[i].account)
			o.list[n - 1].count += o.list[i].count;
		else
			o.list[n++] = o.list[i];
	}
	for (i = 0; i < n; i++) {
		if (o.list[i].account == 0)
			continue;
		if ((wait = note_wait(o.list[i].account)) > most)
			most = wait;
		o.list[i].wait = wait;
		if (wait == 0)
			last = i;
	}
	for (i = 0; i < n; i++)
		if (o.list[i].account != 0 && o.list[i].wait == 0)
			note_owner(&o.list[i], i == last && most == 0 ? fresh : 0);
	if (last == SIZE_MAX && most == 0 && !told_log++)
		log_warnx("%lld deliver%s went into quarantine, and nobody is there to be told: there is no postmaster, and the records are "
		    "gone; rpopctl quarantine lists what is there", (long long)fresh, fresh == 1 ? "y" : "ies");
	free(o.list);
	return (most);
}

/* The note for the owner of records; it tells of fresh deliveries, for the count of those that were not told yet. */
static void
note_owner(const struct owner *o, int64_t fresh)
{
	char	 subject[128];

	snprintf(subject, sizeof(subject), "Mail for you in quarantine: %lld", (long long)o->count);
	notice_held(o->account, fresh, subject, "%lld deliver%s of mail that your records retrieved could not be made, and %s kept in quarantine. "
	    "The last one:\n\n%s\n\nThe administrator can see, deliver and drop what is there with rpopctl quarantine.  This is written once "
	    "a day at most, and only if there is more.\n", (long long)o->count, o->count == 1 ? "y" : "ies", o->count == 1 ? "is" : "are",
	    o->status);
}

static int
mailbox_cmp(const void *a, const void *b)
{
	const struct owner	*x = a, *y = b;

	return ((x->mailbox > y->mailbox) - (x->mailbox < y->mailbox));
}

static int
owner_cmp(const void *a, const void *b)
{
	const struct owner	*x = a, *y = b;

	return (x->account != y->account ? (x->account > y->account) - (x->account < y->account) : mailbox_cmp(a, b));
}
