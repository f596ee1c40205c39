/* SPDX-License-Identifier: ISC */
/*
 * What became of waiting rows: taken, to be tried again, or failed for good, and then either reported or kept in quarantine.
 * A result counts when it is committed; a store that is locked makes it wait, and nothing more is sent meanwhile.
 *
 *	state of a row			after a crash here
 *	sent, no result			in doubt, counted, tried again (the window that has no cure: its next hop knows whether it took it)
 *	result here, not committed	likewise; an orderly stop waits for the store, within reason, and says who is in doubt
 *	DONE committed			its link is removed from the spool at the start, since no row holds it
 *	FAIL committed			its report is due: see relay/dsn.c
 *	file missing, WANT committed	retrieved again: see state/body.c
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/hook.h"
#include "common/log.h"
#include "common/timer.h"
#include "rpopd/config/config.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "rpopd/turn/turn.h"
#include "relay_int.h"

#define AGAIN_FIRST	60	/* s until a row is tried again; doubles */
#define AGAIN_MAX	3600
#define NAMED		20	/* recipients of one try that have a log line of their own if they are not delivered */

struct settlement {			/* results that are committed together */
	TAILQ_ENTRY(settlement)	 entry;
	struct relay_mail	*mail;		/* NULL: rows of several mails, none of them busy */
	struct relay_change	*changes;
	char			(*status)[PROTO_TEXT_SIZE];
	size_t			 n;
};

static struct settlement *result_new(struct relay_mail *, size_t);
static void	 result_add(struct settlement *, struct relay_item *, const struct relay_mail *, enum send_result,
		    const char *);
static int64_t	 result_delay(uint32_t);
static void	 result_try(void);
static void	 result_apply(struct settlement *);
static void	 result_applied(const struct relay_change *, struct relay_item *);
static void	 result_log(const struct relay_change *, const struct relay_mail *);
static void	 result_free(struct settlement *);

static TAILQ_HEAD(, settlement)	 waiting = TAILQ_HEAD_INITIALIZER(waiting);
static struct timer		 retry;
static int			 backoff;	/* s; 0: the store works */

/* 1: results wait that state.db does not take now; 0: not so. */
int
result_blocked(void)
{
	return (!TAILQ_EMPTY(&waiting));
}

/* The results of a mail count as soon as they can be committed; then the mail is given back to the queue. */
void
result_settle(struct relay_mail *m, const struct relay_fate *fates, size_t n)
{
	struct settlement	*s = result_new(m, n);
	struct relay_item	*it;
	size_t			 i;

	for (i = 0; i < n; i++)
		if ((it = queue_waiting(fates[i].id)) != NULL)	/* the administrator may have taken it away meanwhile */
			result_add(s, it, m, fates[i].result, fates[i].status);
	TAILQ_INSERT_TAIL(&waiting, s, entry);
	if (backoff == 0)
		result_try();
}

/* Rows that wait for a next hop which cannot be tried fail when they are past settings.queue_age. */
void
result_expire(struct relay_hop *h)
{
	const int64_t		 limit = time(NULL) - (int64_t)config_running->settings.queue_age;
	struct settlement	*s = NULL;
	struct relay_mail	*m;
	struct relay_item	*it;
	size_t			 i;

	if (result_blocked())
		return;
	for (i = 0; i < h->waiting.n; i++) {
		m = heap_of(h->waiting.items[i], struct relay_mail, item);
		TAILQ_FOREACH(it, &m->items, next) {
			if (it->arrived > limit)
				continue;
			if (s == NULL)
				s = result_new(NULL, RELAY_RCPTS);
			result_add(s, it, m, SEND_TEMP, h->text);
			if (s->n == RELAY_RCPTS)
				goto commit;		/* the rest the next time */
		}
	}
commit:
	if (s == NULL)
		return;
	TAILQ_INSERT_TAIL(&waiting, s, entry);
	if (backoff == 0)
		result_try();
}

/* The daemon ends: results that wait are tried soon. */
void
result_stop(void)
{
	if (result_blocked() && backoff > 1)
		timer_in(&retry, 1000);
}

/* The daemon ends: the log is told of results that could not be committed, which the next life of the daemon will not know. */
void
result_doubts(void)
{
	struct settlement	*s;
	struct relay_item	*it;
	char			 name[PROTO_TEXT_SIZE];
	size_t			 i;

	TAILQ_FOREACH(s, &waiting, entry)
		for (i = 0; i < s->n && s->mail != NULL; i++)
			if ((it = queue_waiting(s->changes[i].id)) != NULL)
				log_warnx("delivery %lld: next hop %s answered (%s), and state.db cannot be written: in doubt, it is "
				    "handed on again by the next start", (long long)it->id,
				    relay_hop_name(it->mail->hop->id, name, sizeof(name)), s->status[i]);
}

static struct settlement *
result_new(struct relay_mail *m, size_t n)
{
	struct settlement	*s;

	if ((s = calloc(1, sizeof(*s))) == NULL || (s->changes = calloc(n + 1, sizeof(*s->changes))) == NULL ||
	    (s->status = calloc(n + 1, sizeof(*s->status))) == NULL)
		fatal("queue");
	s->mail = m;
	return (s);
}

/*
 * Add what a result means for a row.  Failures are reported to those who want to hear of them and can be told; the rest of what
 * failed is kept in quarantine, for the postmaster to look at.
 */
static void
result_add(struct settlement *s, struct relay_item *it, const struct relay_mail *m, enum send_result result,
    const char *text)
{
	const uint32_t		 age = config_running->settings.queue_age;
	struct relay_change	*c = &s->changes[s->n];
	char			*status = s->status[s->n++];
	int64_t			 now = time(NULL);

	/* The message came when the clock was ahead, which has been set back meanwhile: its time begins now. */
	if (it->arrived > now && clock_plausible(now))
		it->arrived = now;
	c->id = it->id;
	c->status = status;
	c->doubt = result == SEND_DOUBT;
	strlcpy(status, text, PROTO_TEXT_SIZE);
	if (result == SEND_ACCEPTED) {
		c->what = RELAY_DONE;
		return;
	}
	if (result != SEND_PERM && now - it->arrived < age) {
		c->what = RELAY_AGAIN;
		c->next = now + result_delay(it->tries);
		return;
	}
	if (result != SEND_PERM)
		snprintf(status, PROTO_TEXT_SIZE, "4.4.7 not delivered within %u %s; the last answer: %.180s",
		    age < 2 * 86400 ? age / 3600 : age / 86400, age < 2 * 86400 ? "hours" : "days", text);
	c->what = m->notify == NOTIFY_FAILURE && !m->null_sender ? RELAY_FAIL : RELAY_HOLD;
	if (spool_has(it->link) == 0) {		/* what is in no spool cannot be kept in it, nor be reported */
		c->what = RELAY_WANT;
		snprintf(status, PROTO_TEXT_SIZE, "its file is missing from the spool; the last answer: %.180s", text);
	}
}

/* Seconds until a row is tried again that was tried so many times before. */
static int64_t
result_delay(uint32_t tries)
{
	return (tries > 5 ? AGAIN_MAX : AGAIN_FIRST << tries);
}

/* Commit results that wait, in order.  A store that takes none now is tried again, and nothing more is sent meanwhile. */
static void
result_try(void)
{
	struct settlement	*s;
	enum db			 result;

	while ((s = TAILQ_FIRST(&waiting)) != NULL) {
		HOOK("master.relay_before");
		if (s->n > 0 && (result = state_relay_change(s->changes, s->n)) != DB_OK) {
			if (backoff == 0)
				log_warnx("state.db: %s; results of deliveries wait, nothing more is sent meanwhile",
				    result == DB_BUSY ? "locked by another process" : "cannot commit");
			writable_lost();
			backoff = backoff == 0 || turn_stopping ? 1 : backoff >= 16 ? 30 : backoff * 2;
			timer_init(&retry, result_retry, NULL);
			timer_in(&retry, backoff * 1000);
			return;
		}
		HOOK("master.relay_after");
		TAILQ_REMOVE(&waiting, s, entry);
		result_apply(s);
		result_free(s);
	}
	if (backoff != 0)
		log_info("state.db: results of deliveries are committed again");
	backoff = 0;
	turn_soon();
}

static void
result_apply(struct settlement *s)
{
	struct relay_item	*it;
	size_t			 i, n = 0;

	for (i = 0; i < s->n; i++)
		if ((it = queue_waiting(s->changes[i].id)) != NULL) {
			if (s->changes[i].what == RELAY_DONE || n++ < NAMED)
				result_log(&s->changes[i], it->mail);
			result_applied(&s->changes[i], it);
			if (s->changes[i].what != RELAY_FAIL)	/* that waits for its report */
				queue_tried(s->changes[i].id);
		}
	if (n > NAMED)
		log_info("delivery %lld and others: %zu more were not delivered; rpopctl queue tells why", (long long)s->changes[0].id,
		    n - NAMED);
	if (s->mail != NULL) {
		dsn_look(s->mail->stem);
		queue_back(s->mail);
	}
}

static void
result_applied(const struct relay_change *c, struct relay_item *it)
{
	struct relay_mail	*m = it->mail;

	if (c->what == RELAY_AGAIN) {
		it->tries++;
		it->due = clock_msec() + (c->next - time(NULL)) * 1000;
		return;
	}
	if (c->what == RELAY_DONE)
		spool_remove(it->link);
	else if (c->what == RELAY_FAIL)
		dsn_due(c->id, it->link);
	else if (c->what == RELAY_WANT)
		body_sweep();
	else {
		m->hop->quarantined++;
		quarantine_grew();
	}
	queue_forget(it);
}

static void
result_log(const struct relay_change *c, const struct relay_mail *m)
{
	static const char *const words[] = { [RELAY_DONE] = "delivered", [RELAY_AGAIN] = "deferred", [RELAY_HOLD] = "quarantined",
	    [RELAY_FAIL] = "failed", [RELAY_WANT] = "wanted again" };
	char	 name[PROTO_TEXT_SIZE], status[PROTO_TEXT_SIZE];

	relay_status(c->status, status, sizeof(status));
	if (c->what == RELAY_DONE)
		log_debug("delivery %lld: next hop %s: delivered: %s", (long long)c->id,
		    relay_hop_name(m->hop->id, name, sizeof(name)), status);
	else
		log_info("delivery %lld: next hop %s: %s%s: %s", (long long)c->id, relay_hop_name(m->hop->id, name, sizeof(name)),
		    words[c->what], c->doubt ? ", in doubt" : "", status);
}

static void
result_free(struct settlement *s)
{
	free(s->changes);
	free(s->status);
	free(s);
}

/* The time for another try has come. */
void
result_retry(void *arg)
{
	(void)arg;
	result_try();
}

/*
 * A row's status as people know it, with the next hop's reply code first: "451 4.2.0 later".  Rows have the enhanced code
 * first, since it is there without a reply, too.  Returns dst.
 */
char *
relay_status(const char *status, char *dst, size_t size)
{
	static const char	 digits[] = "0123456789";
	size_t			 n, i;

	for (n = i = 0; i < 3; i++) {
		n += strspn(status + n, digits);
		if (i < 2 && status[n++] != '.')
			break;
	}
	if (i == 3 && n >= 5 && status[n] == ' ' && strspn(status + n + 1, digits) == 3 && (status[n + 4] == ' ' || status[n + 4] == '\0'))
		snprintf(dst, size, "%.3s %.*s%s", status + n + 1, (int)n, status, status + n + 4);
	else
		strlcpy(dst, status, size);
	return (dst);
}
