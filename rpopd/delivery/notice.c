/* SPDX-License-Identifier: ISC */
/*
 * Notices: mail from the daemon to an account: what its owner or the postmaster should hear of without looking for it.  It goes
 * the way mail for that account goes: into its Maildir, or, if the account's mail is handed on, as a row of table relay with
 * the null sender and an empty unique-id.  Such a row is never reported, and nothing is written about it when its next hop
 * refuses it for good: that is one line of the log, and the notice stays in quarantine, where rpopctl shows it.
 *
 *	state of a notice			after a crash here
 *	waiting here, asked for			lost; what it is about may cause another one
 *	held in the spool, no row		the same: the link is removed at the start, since no row holds it
 *	in a Maildir, told not committed	may be written once more, if what it is about comes again within the day
 *	row and told committed			the link is held, the row is tried
 *
 * About one thing an account is written to once a day: table told has that over restarts, and comes with the row in one
 * transaction.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/hook.h"
#include "common/log.h"
#include "common/timer.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/state/state.h"
#include "rpopd/turn/turn.h"
#include "delivery_int.h"

#define NOTICE_PAUSE	86400		/* s between two notices about the same thing */
#define NOTICES_MAX	1024		/* remembered without asking the store */
#define NOTICE_QUEUE	256		/* waiting to be made */
#define NOTICE_RETRY	60000		/* ms, when the store takes nothing */
#define NOTICE_DEATHS	2		/* of the deliverer at one of them */

struct notice {
	TAILQ_ENTRY(notice)	 entry;
	uint32_t		 account;
	int64_t			 sent;		/* monotonic ms */
	char			 about[PROTO_TEXT_SIZE];
};

struct letter {				/* to be made */
	TAILQ_ENTRY(letter)	 entry;
	struct msg_notice	 m;
	char			 about[PROTO_TEXT_SIZE];
	int64_t			 held;		/* deliveries in quarantine that it tells of */
	int			 deaths;
	uint32_t		 nexthop;	/* once asked for; 0: Maildir */
	char			 address[PROTO_ADDR_SIZE];
};

static struct letter	*notice_write(uint32_t, const char *, const char *, const char *, va_list)
			    __attribute__((__format__(printf, 4, 0)));
static int	 notice_due(uint32_t, const char *);
static void	 notice_clean(char *, int);
static int	 notice_account(struct letter *);
static int	 notice_ask(struct letter *);
static int	 notice_commit(const struct letter *, const char *);
static void	 notice_drop(struct letter *, const char *);
static void	 notice_done(struct letter *);
static void	 notice_rested(void *);

/* The last sent first. */
static TAILQ_HEAD(notices, notice)	 notices = TAILQ_HEAD_INITIALIZER(notices);
static TAILQ_HEAD(letters, letter)	 letters = TAILQ_HEAD_INITIALIZER(letters);
static size_t				 nnotices, nletters;
static uint32_t				 asked;		/* number of the first letter while it is being made, 0: none */
static uint32_t				 serial;
static int				 resting;	/* the store took nothing; the timer runs */
static struct timer			 timer;
static void				(*notice_queued)(const struct relay_row *);

void
notice_start(void (*queued)(const struct relay_row *))
{
	notice_queued = queued;
}

/*
 * Write to the account, at most once a day about one subject.  record ("account/name") may be NULL.  What comes from outside must
 * be vis-encoded by the caller; lines of the text end in \n.  Nothing depends on it: what cannot be written is a line in the log.
 */
void
notice_send(uint32_t account, const char *record, const char *subject, const char *fmt, ...)
{
	struct letter	*l;
	va_list		 ap;

	va_start(ap, fmt);
	l = notice_write(account, record, subject, fmt, ap);
	va_end(ap);
	if (l == NULL)
		return;
	strlcpy(l->about, l->m.subject, sizeof(l->about));
	if (!notice_due(account, l->about)) {
		nletters--;
		free(l);
		return;
	}
	TAILQ_INSERT_TAIL(&letters, l, entry);
	turn_soon();
}

/*
 * Write to the account about deliveries in quarantine, of which held are new; whether it is time for that is the caller's
 * business.  The rest is that of notice_send().
 */
void
notice_held(uint32_t account, int64_t held, const char *subject, const char *fmt, ...)
{
	struct letter	*l;
	va_list		 ap;

	va_start(ap, fmt);
	l = notice_write(account, NULL, subject, fmt, ap);
	va_end(ap);
	if (l == NULL)
		return;
	strlcpy(l->about, NOTICE_HELD, sizeof(l->about));
	l->held = held;
	TAILQ_INSERT_TAIL(&letters, l, entry);
	turn_soon();
}

/* A letter that is counted, but not queued yet; NULL: there is nobody to write to, or too many letters wait. */
static struct letter *
notice_write(uint32_t account, const char *record, const char *subject, const char *fmt, va_list ap)
{
	struct letter	*l;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		fatal("notice");
	l->m.account = account;
	strlcpy(l->m.record, record != NULL ? record : "", sizeof(l->m.record));
	strlcpy(l->m.subject, subject, sizeof(l->m.subject));
	vsnprintf(l->m.text, sizeof(l->m.text), fmt, ap);
	notice_clean(l->m.record, 0);
	notice_clean(l->m.subject, 0);
	notice_clean(l->m.text, 1);
	nletters++;
	if (account != 0 && nletters <= NOTICE_QUEUE)
		return (l);
	notice_drop(l, account == 0 ? "there is no postmaster to read it" : "too many others wait");
	return (NULL);
}

/* 1: the account was not written to about this for a day, and counts as written to from now on; 0: it was. */
static int
notice_due(uint32_t account, const char *about)
{
	struct notice	*n;
	int64_t		 now = clock_msec();

	TAILQ_FOREACH(n, &notices, entry)
		if (n->account == account && strcmp(n->about, about) == 0)
			break;
	if (n != NULL && now - n->sent < NOTICE_PAUSE * 1000LL)
		return (0);
	if (n == NULL && nnotices == NOTICES_MAX)
		n = TAILQ_LAST(&notices, notices);
	if (n != NULL)
		TAILQ_REMOVE(&notices, n, entry);
	else if ((n = calloc(1, sizeof(*n))) == NULL)
		fatal("notice");
	else
		nnotices++;
	n->account = account;
	n->sent = now;
	strlcpy(n->about, about, sizeof(n->about));
	TAILQ_INSERT_HEAD(&notices, n, entry);
	return (1);
}

/* Everything but printable ASCII (and line ends, if lines) becomes a question mark: the deliverer takes nothing else. */
static void
notice_clean(char *s, int lines)
{
	for (; *s != '\0'; s++)
		if ((*s < ' ' || *s > '~') && !(lines && *s == '\n'))
			*s = '?';
}

/* Ask the deliverer for the letter.  1: it is asked for, 0: nothing is to be done about it any more, -1: not now. */
static int
notice_ask(struct letter *l)
{
	struct child	*c = child_current(ROLE_DELIVERER);
	int64_t		 now = time(NULL), at;

	if (c == NULL)
		return (-1);
	if (notice_account(l) == -1) {
		notice_drop(l, "the account is gone");
		return (0);
	}
	/* A time that is still to come was written by a clock that was wrong. */
	if (state_told(l->address, l->about, &at) == DB_OK && at <= now && now - at < NOTICE_PAUSE) {
		log_debug("notice not sent again within a day: %s", l->m.subject);
		notice_done(l);
		return (0);
	}
	asked = l->m.id = ++serial;
	l->m.held = l->nexthop != 0;
	link_send(&c->link, IMSG_NOTICE_MAKE, -1, &l->m, sizeof(l->m));
	return (1);
}

/* Where mail for the letter's account goes now.  0, or -1: there is no such account. */
static int
notice_account(struct letter *l)
{
	const struct route_account	*a = route_account_by_id(config_running->routes, l->m.account);

	if (route_account_address(a, l->address, sizeof(l->address)) == -1)
		return (-1);
	l->nexthop = a->nexthop;
	return (0);
}

/* IMSG_NOTICE_MADE.  0, or -1: the deliverer was not asked, or the name is none that it makes. */
int
notice_made(const struct msg_notice_made *m)
{
	struct letter	*l = TAILQ_FIRST(&letters);

	if (asked == 0 || l == NULL || m->id != asked ||
	    (m->error == 0 && (l->m.held ? !notice_link_sane(m->link) : m->link[0] != '\0')))
		return (-1);
	asked = 0;
	HOOK("master.noticed");
	if (m->error != 0)
		notice_drop(l, strerror((int)m->error));
	else if (notice_commit(l, m->link) == DB_OK) {
		log_info("%s%snotice sent: %s", l->m.record, l->m.record[0] != '\0' ? ": " : "", l->m.subject);
		notice_done(l);
	} else {
		if (l->m.held)
			spool_remove(m->link);		/* made again */
		resting = 1;
		timer_init(&timer, notice_rested, NULL);
		timer_in(&timer, NOTICE_RETRY);
	}
	turn_soon();
	return (0);
}

/* The notice counts as written; a row of table relay is added if it is handed on.  DB_OK, DB_BUSY, DB_FAILED. */
static enum db
notice_commit(const struct letter *l, const char *link)
{
	struct relay_row	 row;
	enum db			 result;

	memset(&row, 0, sizeof(row));
	row.nexthop = l->nexthop;
	row.notify = NOTIFY_NEVER;
	row.after = SEEN_KEPT;
	row.state = RELAY_WAITING;
	row.body = BODY_HERE;
	row.arrived = row.next = time(NULL);
	strlcpy(row.link, link, sizeof(row.link));
	strlcpy(row.dest, l->address, sizeof(row.dest));
	if ((result = state_noticed(l->address, l->about, l->held, &row)) != DB_OK)
		return (result);
	HOOK("master.notice_after");
	if (row.id != 0)
		notice_queued(&row);
	return (0);
}

/*
 * 1: link is a name as the deliverer's spool.c makes it for a file that belongs to no session, of the first and only recipient;
 * 0: not so.
 */
int
notice_link_sane(const char *link)
{
	static const char	 ends[] = ".MPSNR.";
	size_t			 i, len;

	for (i = 0; i < sizeof(ends) - 1; i++) {
		len = i == 1 ? 0 : strspn(link, "0123456789");
		if ((i != 1 && len == 0) || link[len] != ends[i])
			return (0);
		if ((i == 4 || i == 6) && (len != 1 || link[0] != '0'))
			return (0);
		link += len + 1;
	}
	return (*link != '\0' && strchr(link, '/') == NULL);
}

/* The letter will not be made; the log hears why. */
static void
notice_drop(struct letter *l, const char *why)
{
	log_info("%s%snotice not sent: %s: %s", l->m.record, l->m.record[0] != '\0' ? ": " : "", l->m.subject, why);
	notice_done(l);
}

/* Nothing is to be done about the letter any more; it is freed. */
static void
notice_done(struct letter *l)
{
	if (l == TAILQ_FIRST(&letters))
		TAILQ_REMOVE(&letters, l, entry);
	nletters--;
	free(l);
}

/* The deliverer has died.  The notice that it was making is asked for again, NOTICE_DEATHS times in all. */
void
notice_died(struct child *deliverer)
{
	struct letter	*l = TAILQ_FIRST(&letters);

	(void)deliverer;
	if (asked == 0 || l == NULL)
		return;
	asked = 0;
	if (++l->deaths == NOTICE_DEATHS)
		notice_drop(l, "the deliverer died");
}

/* 1: a letter is to be made, and nothing is in the way; 0: not so. */
int
notice_busy(void)
{
	return (asked != 0 || (!TAILQ_EMPTY(&letters) && !resting && child_current(ROLE_DELIVERER) != NULL));
}

/* In each round: letters that wait are made, one at a time, in order, if a deliverer takes work now. */
void
notice_run(void)
{
	struct letter	*l;

	while (asked == 0 && !resting && (l = TAILQ_FIRST(&letters)) != NULL && notice_ask(l) == 0)
		continue;
}

/* The store took nothing a while ago: the letter is made once more. */
static void
notice_rested(void *arg)
{
	(void)arg;
	resting = 0;
	turn_soon();
}
