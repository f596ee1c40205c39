/* SPDX-License-Identifier: ISC */
/*
 * What waits for next hops, in memory: rows of table relay, the mails that they belong to, and the next hops.  Rows of one
 * message for one next hop with the same wish for reports are one mail, and are tried together; each row has its own back-off.
 * Times in state.db are epoch; from the moment a row is read they are monotonic, so that a clock that is set delays nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "rpopd/state/state.h"
#include "rpopd/turn/turn.h"
#include "relay_int.h"

#define WAIT_MAX	3600		/* s; no row waits longer, whatever state.db says */

RB_HEAD(relay_items, relay_item);
RB_HEAD(relay_mails, relay_mail);
RB_HEAD(relay_hops, relay_hop);

static int	 item_cmp(struct relay_item *, struct relay_item *);
static int	 mail_cmp(struct relay_mail *, struct relay_mail *);
static int	 hop_cmp(struct relay_hop *, struct relay_hop *);
static struct relay_mail *queue_mail(const struct relay_row *, int64_t);
static void	 queue_place(struct relay_mail *);
static void	 queue_not_fresh(struct relay_mail *);

RB_PROTOTYPE_STATIC(relay_items, relay_item, entry, item_cmp)
RB_PROTOTYPE_STATIC(relay_mails, relay_mail, entry, mail_cmp)
RB_PROTOTYPE_STATIC(relay_hops, relay_hop, entry, hop_cmp)
RB_GENERATE_STATIC(relay_items, relay_item, entry, item_cmp)
RB_GENERATE_STATIC(relay_mails, relay_mail, entry, mail_cmp)
RB_GENERATE_STATIC(relay_hops, relay_hop, entry, hop_cmp)

static struct relay_items	 items = RB_INITIALIZER(&items);
static struct relay_mails	 mails = RB_INITIALIZER(&mails);
static struct relay_hops	 hops = RB_INITIALIZER(&hops);
static TAILQ_HEAD(, relay_mail)	 fresh = TAILQ_HEAD_INITIALIZER(fresh);	/* those whose first result somebody awaits */
static uint32_t			 nwaiting;			/* items */
static void			(*first_result)(int64_t id);

static int
item_cmp(struct relay_item *a, struct relay_item *b)
{
	return (a->id < b->id ? -1 : a->id > b->id);
}

static int
mail_cmp(struct relay_mail *a, struct relay_mail *b)
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
hop_cmp(struct relay_hop *a, struct relay_hop *b)
{
	return (a->id < b->id ? -1 : a->id > b->id);
}

/* At the start: tried is what relay_start() was given. */
void
queue_start(void (*tried)(int64_t id))
{
	first_result = tried;
}

/* A row has had its first result, or none is to be expected soon. */
void
queue_tried(int64_t id)
{
	first_result(id);
}

/* A row that waits for a next hop, as state.db has it now. */
void
queue_add(const struct relay_row *row)
{
	struct relay_item	*it;
	int64_t			 wait = row->next - time(NULL);

	if ((it = calloc(1, sizeof(*it))) == NULL || (it->link = strdup(row->link)) == NULL)
		fatal("queue");
	it->id = row->id;
	it->arrived = row->arrived;
	it->tries = row->tries;
	it->due = clock_msec() + (wait < 0 ? 0 : wait > WAIT_MAX ? WAIT_MAX : wait) * 1000;
	it->mail = queue_mail(row, it->due);
	TAILQ_INSERT_TAIL(&it->mail->items, it, next);
	RB_INSERT(relay_items, &items, it);
	nwaiting++;
	if (!it->mail->busy)
		queue_place(it->mail);
}

/*
 * What the names of all links of one message have in common: all but the recipient's number, which stands behind an R.
 */
void
queue_stem(const char *link, char *stem, size_t size)
{
	const char	*r = strchr(link, 'R'), *end;

	if (r == NULL)
		strlcpy(stem, link, size);
	else {
		end = r + 1 + strspn(r + 1, "0123456789");
		snprintf(stem, size, "%.*s%s", (int)(r - link), link, end);
	}
}

/* The mail that a row belongs to.  A new one is in the heap of its next hop, by the time due. */
static struct relay_mail *
queue_mail(const struct relay_row *row, int64_t due)
{
	struct relay_mail	 key, *m;

	key.hop = queue_hop(row->nexthop);
	key.notify = row->notify;
	key.mailbox = row->mailbox;
	queue_stem(row->link, key.stem, sizeof(key.stem));
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

/* The mail's place in the heap of its next hop follows from the first of its rows. */
static void
queue_place(struct relay_mail *m)
{
	struct relay_item	*it;
	int64_t			 due = INT64_MAX;

	TAILQ_FOREACH(it, &m->items, next)
		if (it->due < due)
			due = it->due;
	heap_take(&m->hop->waiting, &m->item);
	heap_put(&m->hop->waiting, &m->item, due);
}

/* The row of that number, if it waits; NULL: none does. */
struct relay_item *
queue_waiting(int64_t id)
{
	struct relay_item	 key;

	key.id = id;
	return (RB_FIND(relay_items, &items, &key));
}

/* The row is gone, or waits no longer.  Its mail goes with the last row, unless it is busy: then queue_back() sees to it. */
void
queue_forget(struct relay_item *it)
{
	struct relay_mail	*m = it->mail;

	RB_REMOVE(relay_items, &items, it);
	TAILQ_REMOVE(&m->items, it, next);
	nwaiting--;
	free(it->link);
	free(it);
	if (!m->busy) {
		heap_take(&m->hop->waiting, &m->item);
		m->busy = 1;
		queue_back(m);
	}
}

/* A busy mail is done with for now: it waits again, or is freed if it has no row left. */
void
queue_back(struct relay_mail *m)
{
	struct relay_item	*it;

	m->busy = 0;
	if (!TAILQ_EMPTY(&m->items)) {
		heap_put(&m->hop->waiting, &m->item, 0);
		queue_place(m);
		TAILQ_FOREACH(it, &m->items, next)
			if (it->tries == 0)
				break;
		if (it == NULL)
			queue_not_fresh(m);
	} else {
		queue_not_fresh(m);
		RB_REMOVE(relay_mails, &mails, m);
		m->hop->mails--;
		free(m);
	}
	turn_soon();
}

/* 1: a mail of this next hop is due, and the next hop has no pause; 0: not so.  now: monotonic ms. */
int
queue_due(const struct relay_hop *h, int64_t now)
{
	struct heap_item	*top = heap_top(&h->waiting);

	return (h->until <= now && top != NULL && top->key <= now);
}

/*
 * The mail of this next hop that is due first, with the numbers of its due rows in ids, RELAY_RCPTS at most; NULL: none is due.
 * The mail is busy until queue_back().
 */
struct relay_mail *
queue_take(struct relay_hop *h, int64_t *ids, size_t *n)
{
	struct relay_mail	*m;
	struct relay_item	*it;
	struct heap_item	*top = heap_top(&h->waiting);
	int64_t			 now = clock_msec();

	if (top == NULL || top->key > now)
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

/* The next hop of that number, whether the store knows it or not; it is made if it was not known here, and never freed. */
struct relay_hop *
queue_hop(uint32_t id)
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

/* The next hop behind h, by number; h NULL: the first one.  NULL: there are no more. */
struct relay_hop *
queue_next_hop(struct relay_hop *h)
{
	return (h == NULL ? RB_MIN(relay_hops, &hops) : RB_NEXT(relay_hops, &hops, h));
}

/* The name of a next hop for logs and people, also of one that was removed; its number where there is no name.  Returns buf. */
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

/* Why everything that waits for this next hop has a pause; empty: it has none, or nobody knows. */
const char *
relay_hop_text(uint32_t id)
{
	return (queue_hop(id)->text);
}

/*
 * Everything that waits for this next hop (0: for any), or this row alone, is due now, and no pause holds it up.  How many
 * rows.
 */
uint32_t
queue_retry(uint32_t hop, int64_t id)
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
			queue_place(it->mail);
	}
	turn_soon();
	return (n);
}

/* How many rows wait. */
uint32_t
queue_count(void)
{
	return (nwaiting);
}

/* Somebody awaits the first result of the mail that this row belongs to. */
void
queue_fresh(int64_t id)
{
	struct relay_item	*it = queue_waiting(id);

	if (it == NULL || it->mail->is_fresh)
		return;
	it->mail->is_fresh = 1;
	TAILQ_INSERT_TAIL(&fresh, it->mail, fresh);
}

static void
queue_not_fresh(struct relay_mail *m)
{
	if (m->is_fresh)
		TAILQ_REMOVE(&fresh, m, fresh);
	m->is_fresh = 0;
}

/* Nobody waits for a first result from a next hop that has a pause.  now: monotonic ms. */
void
queue_tell(int64_t now)
{
	struct relay_mail	*m, *next;
	struct relay_item	*it;

	TAILQ_FOREACH_SAFE(m, &fresh, fresh, next) {
		if (m->hop->until <= now || m->busy)
			continue;
		queue_not_fresh(m);
		TAILQ_FOREACH(it, &m->items, next)
			queue_tried(it->id);
	}
}

/*
 * When the first row is due that was not due yet at the time now, or the first pause ends: monotonic ms; INT64_MAX: never.  What
 * was due then, and is hindered by something else, is no reason for another round.
 */
int64_t
queue_next_due(int64_t now)
{
	struct relay_hop	*h;
	struct heap_item	*top;
	int64_t			 due, least = INT64_MAX;

	RB_FOREACH(h, relay_hops, &hops) {
		if ((top = heap_top(&h->waiting)) == NULL)
			continue;
		due = top->key > h->until ? top->key : h->until;
		if (due > now && due < least)
			least = due;
	}
	return (least);
}
