/* SPDX-License-Identifier: ISC */
/*
 * The postmaster hears of the quarantine: once a day as long as it grows.  How much came into it since he was told last is in state.db,
 * in the transaction that put it there, so that no restart loses it; what we wrote ourselves is not counted.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../common/log.h"
#include "rpopd.h"

#define NOTE_PAUSE	86400	/* s between two notes */
#define NOTE_LOOK	3600	/* s; the clock may be set meanwhile */
#define NOTE_HOPS	4	/* that are named */

struct note {
	int64_t	 all;
	int	 n;
	size_t	 len;
	char	 lines[3 * PROTO_TEXT_SIZE];
};

static int	 note_row(void *, const struct held_row *);
static void	 note_write(int64_t);
static int64_t	 note_wait(void);
static void	 note_run(int, short, void *);
static void	 note_kick(int64_t);

static struct event	 timer;
static int		 soon;		/* the timer is about to run */
static int		 told_log;	/* that there is no postmaster */

/* Something may have come into the quarantine. */
void
quarantine_grew(void)
{
	soon = 1;
	note_kick(0);
}

static void
note_kick(int64_t seconds)
{
	struct timeval	 tv = { seconds > NOTE_LOOK ? NOTE_LOOK : seconds, 0 };

	if (!event_initialized(&timer))
		evtimer_set(&timer, note_run, NULL);
	evtimer_add(&timer, &tv);
}

/* 1: whether a note is to be written will be known in a moment. */
int
quarantine_note_due(void)
{
	return (soon);
}

/* A note that could not be written is due again in an hour. */
static void
note_run(int fd, short event, void *arg)
{
	int64_t	 fresh, wait;

	(void)fd;
	(void)event;
	(void)arg;
	soon = 0;
	if (state_held(&fresh) == -1 || fresh <= 0)
		return;
	if (master.config->settings.postmaster == 0) {
		if (!told_log++)
			log_warnx("%lld deliveries went into quarantine, and there is no postmaster to be told; rpopctl quarantine lists "
			    "them", (long long)fresh);
		return;
	}
	if ((wait = note_wait()) == 0)
		note_write(fresh);
	note_kick(wait > 0 ? wait : NOTE_LOOK);
}

/* Seconds until there may be a note again; 0: now. */
static int64_t
note_wait(void)
{
	const struct route_account	*a = route_account_by_id(master.config->routes, master.config->settings.postmaster);
	const char			*slash;
	char				 address[PROTO_ADDR_SIZE];
	int64_t				 at, now = time(NULL);

	if (a == NULL || (slash = strchr(a->dir, '/')) == NULL)
		return (0);
	snprintf(address, sizeof(address), "%s@%.*s", slash + 1, (int)(slash - a->dir), a->dir);
	return (state_told(address, NOTICE_HELD, &at) == 1 && at <= now && now - at < NOTE_PAUSE ? at + NOTE_PAUSE - now : 0);
}

static int
note_row(void *arg, const struct held_row *row)
{
	struct note	*n = arg;
	char		 name[PROTO_TEXT_SIZE] = "mail for accounts here";
	int		 len;

	n->all = row->all;
	if (n->n++ >= NOTE_HOPS)
		return (1);
	if (row->nexthop != 0) {
		strlcpy(name, "next hop ", sizeof(name));
		relay_hop_name(row->nexthop, name + strlen(name), sizeof(name) - strlen(name));
	}
	len = snprintf(n->lines + n->len, sizeof(n->lines) - n->len, "%.80s: %lld, the last one: %.90s\n", name, (long long)row->count,
	    row->status);
	if (len > 0 && (size_t)len < sizeof(n->lines) - n->len)
		n->len += len;
	return (0);
}

static void
note_write(int64_t fresh)
{
	struct note	 n;
	char		 subject[128];

	memset(&n, 0, sizeof(n));
	if (state_held_each(note_row, &n) == -1)
		return;
	snprintf(subject, sizeof(subject), "Mail in quarantine: %lld new, %lld in all", (long long)fresh, (long long)n.all);
	notice_held(fresh, subject, "Mail for some recipients could not be delivered, and its senders are not to be told, so that it is kept "
	    "in quarantine: %lld since this was written last, %lld in all.\n\n%s\nThis is written once a day at most, and only if there is "
	    "more.  rpopctl quarantine lists what is there; rpopctl quarantine release delivers it, rpopctl quarantine drop removes it.\n",
	    (long long)fresh, (long long)n.all, n.lines);
}
