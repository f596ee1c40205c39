/* SPDX-License-Identifier: ISC */
/*
 * Which waiting row is tried when.  Rows of one message for one next hop are tried together; each has its own back-off.  A next hop
 * that cannot be reached, or asks for a pause, is left alone with everything that waits for it, and then tried by one connection
 * (P29).  Times in the store are epoch; from the moment a row is read they are monotonic, so that a clock that is set delays
 * nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/ipc/proto_ctl.h"
#include "common/log.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/poll/poll.h"
#include "rpopd/rpopd.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "rpopd/turn/turn.h"
#include "relay.h"

#define PAUSE_FIRST	60000		/* ms; doubles */
#define PAUSE_MAX	1800000
#define WAIT_MAX	3600		/* s; no row waits longer, whatever the store says */
#define RELAY_JOBS	50		/* connections in all */

struct attached {			/* rows that were wanted and have links of a receipt now */
	const struct receipt	*receipt;
	struct relay_row	*rows;
	size_t			 n;
};

RB_HEAD(relay_items, relay_item);
RB_HEAD(relay_mails, relay_mail);
RB_HEAD(relay_hops, relay_hop);

static int	 relay_item_cmp(struct relay_item *, struct relay_item *);
static int	 relay_mail_cmp(struct relay_mail *, struct relay_mail *);
static int	 relay_hop_cmp(struct relay_hop *, struct relay_hop *);
static int	 relay_dsn_made(void *, struct imsg *);
static int	 relay_look(void *, const struct relay_row *);
static int	 relay_read(void *, const struct relay_row *);
static int	 relay_attach_row(void *, const struct relay_row *);
static struct relay_mail *relay_mail_get(const struct relay_row *, int64_t);
static void	 relay_place(struct relay_mail *);
static void	 relay_hop_run(struct relay_hop *, int64_t);
static void	 relay_tell(int64_t);
static void	 relay_arm(void);

static const struct rule	 rules[] = {	/* of the deliverer */
	{ IMSG_DSN_MADE,	RULES_ANY,	relay_dsn_made },
};

RB_PROTOTYPE_STATIC(relay_items, relay_item, entry, relay_item_cmp)
RB_PROTOTYPE_STATIC(relay_mails, relay_mail, entry, relay_mail_cmp)
RB_PROTOTYPE_STATIC(relay_hops, relay_hop, entry, relay_hop_cmp)
RB_GENERATE_STATIC(relay_items, relay_item, entry, relay_item_cmp)
RB_GENERATE_STATIC(relay_mails, relay_mail, entry, relay_mail_cmp)
RB_GENERATE_STATIC(relay_hops, relay_hop, entry, relay_hop_cmp)

static struct relay_items	 items = RB_INITIALIZER(&items);
static struct relay_mails	 mails = RB_INITIALIZER(&mails);
static struct relay_hops	 hops = RB_INITIALIZER(&hops);
static TAILQ_HEAD(, relay_mail)	 fresh = TAILQ_HEAD_INITIALIZER(fresh);
static uint32_t			 nitems_waiting;
static int			 full;
static void			(*first_result)(int64_t id);	/* of relay_start() */

static int
relay_item_cmp(struct relay_item *a, struct relay_item *b)
{
	return (a->id < b->id ? -1 : a->id > b->id);
}

static int
relay_mail_cmp(struct relay_mail *a, struct relay_mail *b)
{
	if (a->hop != b->hop)
		return (a->hop->id < b->hop->id ? -1 : 1);
	if (a->notify != b->notify)
		return (a->notify < b->notify ? -1 : 1);
	if (a->mailbox != b->mailbox)
		return (a->mailbox < b->mailbox ? -1 : 1);
	return (strcmp(a->stem, b->stem));
}

static int
relay_hop_cmp(struct relay_hop *a, struct relay_hop *b)
{
	return (a->id < b->id ? -1 : a->id > b->id);
}

void
relay_start(void (*tried)(int64_t id))
{
	first_result = tried;
	child_rules(ROLE_DELIVERER, rules, nitems(rules));
	if (state_relay_each(relay_look, NULL) == DB_OK) {
		body_checked();
		if (state_relay_each(relay_read, NULL) == DB_OK) {
			move_tell();
			quarantine_grew();
			turn_soon();
			return;
		}
	}
	fatalx("state.db: the queue cannot be read; nothing is lost, but rpopd cannot go on");
}

/* IMSG_DSN_MADE */
static int
relay_dsn_made(void *arg, struct imsg *imsg)
{
	struct msg_dsn_made	 m;

	(void)arg;
	return (rules_payload(imsg, &m) == -1 || !proto_text(m.link, sizeof(m.link)) || m.error > INT32_MAX ? -1 : dsn_made(&m));
}

/* A row has had its first result, or none is to be expected soon. */
void
relay_tried(int64_t id)
{
	first_result(id);
}

/* Nothing of this life is on its way yet. */
static int
relay_look(void *arg, const struct relay_row *row)
{
	(void)arg;
	body_check(row);
	if (row->sent != 0)
		log_warnx("delivery %lld to %s: in doubt: it was on its way when rpopd ended, and its next hop's answer is not known; "
		    "it is handed on again", (long long)row->id, row->dest);
	return (0);
}

static int
relay_read(void *arg, const struct relay_row *row)
{
	(void)arg;
	relay_add(row);
	return (0);
}

/* They are in the store; their first attempt is awaited. */
void
relay_committed(const struct relay_row *rows, size_t n)
{
	struct relay_item	*it;
	size_t			 i;

	for (i = 0; i < n; i++) {
		relay_add(&rows[i]);
		if (rows[i].state == RELAY_QUARANTINED)
			quarantine_grew();
		if ((it = relay_waiting(rows[i].id)) != NULL && !it->mail->is_fresh) {
			it->mail->is_fresh = 1;
			TAILQ_INSERT_TAIL(&fresh, it->mail, fresh);
		}
	}
	turn_soon();
}

/* Which of the message's rows were wanted is seen by their links. */
void
relay_attached(const struct receipt *r)
{
	struct attached	 a = { r, NULL, 0 };
	size_t		 i;

	if ((a.rows = calloc(r->attached, sizeof(*a.rows))) == NULL)
		fatal("queue");
	if (state_relay_of(r->mailbox, r->uid, r->uidlen, relay_attach_row, &a) != DB_OK)
		log_warnx("state.db cannot be read: deliveries that were wanted go on at the next start");
	for (i = 0; i < a.n; i++) {
		log_info("delivery %lld: retrieved again", (long long)a.rows[i].id);
		relay_add(&a.rows[i]);
	}
	free(a.rows);
	turn_soon();
}

static int
relay_attach_row(void *arg, const struct relay_row *row)
{
	struct attached	*a = arg;
	uint32_t	 i;

	for (i = 0; i < a->receipt->nrcpt && a->n < a->receipt->attached; i++)
		if (a->receipt->verdicts[i] == COMMIT_HOLD && strcmp(a->receipt->rcpts[i].link, row->link) == 0)
			a->rows[a->n++] = *row;
	return (0);
}

void
relay_add(const struct relay_row *row)
{
	struct relay_item	*it;
	int64_t			 wait = row->next - time(NULL);

	if (row->body != BODY_HERE)
		return;
	if (row->state == RELAY_WAITING && row->nexthop == 0) {
		body_place(row->id);
		return;
	}
	if (row->state == RELAY_QUARANTINED)
		relay_hop(row->nexthop)->quarantined++;
	else if (row->state == RELAY_FAILED)
		dsn_due(row->id, row->link);
	if (row->state != RELAY_WAITING)
		return;
	if ((it = calloc(1, sizeof(*it))) == NULL || (it->link = strdup(row->link)) == NULL)
		fatal("queue");
	it->id = row->id;
	it->arrived = row->arrived;
	it->tries = row->tries;
	it->due = clock_msec() + (wait < 0 ? 0 : wait > WAIT_MAX ? WAIT_MAX : wait) * 1000;
	it->mail = relay_mail_get(row, it->due);
	TAILQ_INSERT_TAIL(&it->mail->items, it, next);
	RB_INSERT(relay_items, &items, it);
	nitems_waiting++;
	if (!it->mail->busy)
		relay_place(it->mail);
}

/* What all names of one message in the spool have in common: the recipient's number is left out. */
void
relay_stem(const char *link, char *stem, size_t size)
{
	const char	*r = strchr(link, 'R'), *end;

	if (r == NULL)
		strlcpy(stem, link, size);
	else {
		end = r + 1 + strspn(r + 1, "0123456789");
		snprintf(stem, size, "%.*s%s", (int)(r - link), link, end);
	}
}

/* The mail that the row belongs to; a new one is in its hop's heap. */
static struct relay_mail *
relay_mail_get(const struct relay_row *row, int64_t due)
{
	struct relay_mail	 key, *m;

	key.hop = relay_hop(row->nexthop);
	key.notify = row->notify;
	key.mailbox = row->mailbox;
	relay_stem(row->link, key.stem, sizeof(key.stem));
	if ((m = RB_FIND(relay_mails, &mails, &key)) != NULL)
		return (m);
	if ((m = calloc(1, sizeof(*m))) == NULL)
		fatal("queue");
	m->hop = key.hop;
	m->notify = row->notify;
	m->null_sender = row->sender[0] == '\0';
	m->mailbox = row->mailbox;
	strlcpy(m->stem, key.stem, sizeof(m->stem));
	TAILQ_INIT(&m->items);
	RB_INSERT(relay_mails, &mails, m);
	m->hop->mails++;
	heap_put(&m->hop->waiting, &m->item, due);
	return (m);
}

/* In its hop's heap by the first of its rows. */
static void
relay_place(struct relay_mail *m)
{
	struct relay_item	*it;
	int64_t			 due = INT64_MAX;

	TAILQ_FOREACH(it, &m->items, next)
		if (it->due < due)
			due = it->due;
	heap_take(&m->hop->waiting, &m->item);
	heap_put(&m->hop->waiting, &m->item, due);
}

struct relay_item *
relay_waiting(int64_t id)
{
	struct relay_item	 key;

	key.id = id;
	return (RB_FIND(relay_items, &items, &key));
}

void
relay_forget(struct relay_item *it)
{
	struct relay_mail	*m = it->mail;

	RB_REMOVE(relay_items, &items, it);
	TAILQ_REMOVE(&m->items, it, next);
	nitems_waiting--;
	free(it->link);
	free(it);
	if (!m->busy) {
		heap_take(&m->hop->waiting, &m->item);
		m->busy = 1;
		relay_back(m);
	}
}

void
relay_back(struct relay_mail *m)
{
	struct relay_item	*it;

	m->busy = 0;
	if (!TAILQ_EMPTY(&m->items)) {
		heap_put(&m->hop->waiting, &m->item, 0);
		relay_place(m);
		TAILQ_FOREACH(it, &m->items, next)
			if (it->tries == 0)
				break;
		if (it == NULL && m->is_fresh) {
			m->is_fresh = 0;
			TAILQ_REMOVE(&fresh, m, fresh);
		}
	} else {
		if (m->is_fresh)
			TAILQ_REMOVE(&fresh, m, fresh);
		RB_REMOVE(relay_mails, &mails, m);
		m->hop->mails--;
		free(m);
	}
	turn_soon();
}

struct relay_mail *
relay_take(struct relay_hop *h, int64_t *ids, size_t *n)
{
	struct relay_mail	*m;
	struct relay_item	*it;
	struct heap_item	*top;
	int64_t			 now = clock_msec();

	if (turn_stopping || result_blocked() || (top = heap_top(&h->waiting)) == NULL || top->key > now || !proof_ready())
		return (NULL);
	m = heap_of(top, struct relay_mail, item);
	heap_take(&h->waiting, top);
	m->busy = 1;
	*n = 0;
	TAILQ_FOREACH(it, &m->items, next)
		if (it->due <= now && *n < RELAY_RCPTS)
			ids[(*n)++] = it->id;
	return (m);
}

struct relay_hop *
relay_hop(uint32_t id)
{
	struct relay_hop	 key, *h;

	key.id = id;
	if ((h = RB_FIND(relay_hops, &hops, &key)) != NULL)
		return (h);
	if ((h = calloc(1, sizeof(*h))) == NULL)
		fatal("next hop");
	h->id = id;
	RB_INSERT(relay_hops, &hops, h);
	return (h);
}

/* For logs. */
const char *
relay_hop_name(uint32_t id, char *buf, size_t size)
{
	const struct nexthop_row	*row = config_nexthop(config_running, id);
	char				 name[NEXTHOP_NAME_MAX];

	if (row != NULL)
		log_vis(buf, size, row->name, strlen(row->name));
	else if (state_hop_name(id, name, sizeof(name)) == DB_OK)
		log_vis(buf, size, name, strlen(name));
	else
		snprintf(buf, size, "%u", id);
	return (buf);
}

/* Of the hop as a whole: everything that waits for it has to wait, and no longer by itself. */
void
relay_hop_failed(struct relay_hop *h, const char *text)
{
	int64_t	 pause = PAUSE_MAX;
	char	 name[PROTO_TEXT_SIZE];

	if (h->until > clock_msec())
		return;			/* another connection has said so */
	if (h->failures < 5)
		pause = PAUSE_FIRST << h->failures;
	if (h->failures++ == 0 || strcmp(text, h->text) != 0)
		log_warnx("next hop %s: %s; %u message%s, next try in %lld s", relay_hop_name(h->id, name, sizeof(name)), text,
		    h->mails, h->mails == 1 ? " waits" : "s wait", (long long)pause / 1000);
	h->until = clock_msec() + pause;
	strlcpy(h->text, text, sizeof(h->text));
	result_expire(h);
	turn_soon();
}

void
relay_hop_works(struct relay_hop *h)
{
	char	 name[PROTO_TEXT_SIZE];

	if (h->failures == 0)
		return;
	log_info("next hop %s: works again after %u failure%s", relay_hop_name(h->id, name, sizeof(name)), h->failures, PLURAL(h->failures));
	h->failures = 0;
	h->until = 0;
	h->text[0] = '\0';
	turn_soon();
}

/* The administrator may have repaired something. */
void
relay_reload(void)
{
	struct relay_hop	*h;

	RB_FOREACH(h, relay_hops, &hops)
		h->until = 0;
	move_tell();
	turn_soon();
}

/* What waits for this next hop (0: any), or this row alone, is due now, and its next hop has no pause.  How many rows. */
uint32_t
relay_retry(uint32_t hop, int64_t id)
{
	struct relay_item	*it;
	int64_t			 now = clock_msec();
	uint32_t		 n = 0;

	RB_FOREACH(it, relay_items, &items) {
		if ((id != 0 && it->id != id) || (hop != 0 && it->mail->hop->id != hop))
			continue;
		n++;
		it->due = now;
		it->mail->hop->until = 0;
		if (!it->mail->busy)
			relay_place(it->mail);
	}
	turn_soon();
	return (n);
}

int
relay_full(void)
{
	uint32_t	 limit = config_running->settings.queue_limit;

	if (full ? nitems_waiting > limit - limit / 10 : nitems_waiting > limit) {
		if (!full)
			log_warnx("the queue is full: %u deliver%s, nothing is polled meanwhile", nitems_waiting,
			    nitems_waiting == 1 ? "y waits" : "ies wait");
		full = 1;
	} else {
		if (full) {
			log_notice("the queue has shrunk to %u deliver%s: polls go on", nitems_waiting, nitems_waiting == 1 ? "y" : "ies");
			full = 0;
		}
	}
	return (full);
}

int
relay_busy(void)
{
	return (job_count() > 0 || result_blocked());
}

int
relay_idle(void)
{
	struct relay_hop	*h;
	struct heap_item	*top;
	int64_t			 now = clock_msec();

	if (relay_busy() || body_busy())
		return (0);
	if (proof_failed())
		return (1);
	if (dsn_busy())
		return (0);
	RB_FOREACH(h, relay_hops, &hops)
		if (h->until <= now && (top = heap_top(&h->waiting)) != NULL && top->key <= now)
			return (0);
	return (1);
}

void
relay_sums(struct ctl_daemon *m)
{
	struct relay_hop	*h;

	m->waiting = nitems_waiting;
	m->reports = dsn_count();
	m->quarantined = 0;
	RB_FOREACH(h, relay_hops, &hops)
		m->quarantined += h->quarantined;
}

void
relay_run(void)
{
	struct relay_hop	*h;
	int64_t			 now = clock_msec();

	if (!turn_stopping) {
		body_run();
		RB_FOREACH(h, relay_hops, &hops)
			relay_hop_run(h, now);
		dsn_run();
	}
	relay_tell(now);
	(void)relay_full();
	relay_arm();
}

/* A hop that failed is tried by one connection; a hop nobody has heard of for long gets as many as its row says. */
static void
relay_hop_run(struct relay_hop *h, int64_t now)
{
	const struct nexthop_row	*row = config_nexthop(config_running, h->id);
	struct heap_item		*top;

	while (h->until <= now && !result_blocked() && (top = heap_top(&h->waiting)) != NULL && top->key <= now) {
		if (row == NULL)
			relay_hop_failed(h, "it was removed from the store; insert it again, or see rpopctl queue move");
		else if (h->jobs >= (h->failures > 0 ? 1 : row->connections) || job_count() >= RELAY_JOBS ||
		    job_start(h, row) == -1)
			break;
	}
}

/* Sessions do not wait for a hop that has a pause. */
static void
relay_tell(int64_t now)
{
	struct relay_mail	*m, *next;
	struct relay_item	*it;

	TAILQ_FOREACH_SAFE(m, &fresh, fresh, next) {
		if (m->hop->until <= now || m->busy)
			continue;
		m->is_fresh = 0;
		TAILQ_REMOVE(&fresh, m, fresh);
		TAILQ_FOREACH(it, &m->items, next)
			relay_tried(it->id);
	}
}

/* The next round is due for the first row that is not due yet, or the first pause that ends.  Of all else that lets mail go on its own event tells. */
static void
relay_arm(void)
{
	struct relay_hop	*h;
	struct heap_item	*top;
	int64_t			 now = clock_msec(), due, least = INT64_MAX;

	RB_FOREACH(h, relay_hops, &hops) {
		if ((top = heap_top(&h->waiting)) == NULL)
			continue;
		due = top->key > h->until ? top->key : h->until;
		if (due > now && due < least)
			least = due;
	}
	if (!turn_stopping)
		turn_at(least);
}
