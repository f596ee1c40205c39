/* SPDX-License-Identifier: ISC */
/*
 * From a listing to a plan: which messages to retrieve, which only to delete, which to leave alone.
 *
 * What a listed unique-id's row in `seen` says (DESIGN: the commit rule, point 6):
 *
 *	row		leave = 1			leave = 0
 *	none		retrieve			retrieve
 *	KEPT		leave alone			delete (delivered before)
 *	DELETING	leave alone			delete
 *	DENIED		leave alone			delete (the refusal was reported)
 *	DELETED		retrieve and compare		retrieve and compare
 *	DELETING, gone	retrieve and compare		retrieve and compare
 *	aside		leave alone			leave alone
 *
 * A message without a trustworthy unique-id (bad, listed twice, missing, or the server has no UIDL) is retrieved and known by its
 * digest; orphan.c says how a message is recognised when the listing is better or worse than the last time.
 * A row whose unique-id is absent from complete listings FORGET_SECONDS apart is dropped (must 20).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../common/log.h"
#include "rpopd.h"

struct walk {				/* state of one pass over the seen rows */
	struct session	*s;
	int		 complete;
	int64_t		 now;
	size_t		 size;		/* of plan.changes */
	int		 failed;
};

static int	 plan_row(void *, const struct seen_row *);
static void	 plan_act(struct session *, struct message *, const struct seen_row *);
static void	 plan_change(struct walk *, const uint8_t *, size_t, int);
static uint32_t	*plan_find(struct plan *, const uint8_t *, size_t);
static void	 plan_index(struct plan *);
static void	 plan_count(struct session *);
static void	 plan_rekey(struct walk *, const struct message *);
static size_t	 plan_adopt(struct plan *, struct message *, const struct orphan *, uint8_t *);
static int	 plan_store(struct plan *, struct message *, const void *, size_t);

/* Room for count messages.  0, or -1 on memory shortage. */
int
plan_init(struct plan *p, uint32_t count)
{
	uint32_t	 slots = 16;

	memset(p, 0, sizeof(*p));
	while (slots < 2 * (uint64_t)count)
		slots *= 2;
	p->msgs = calloc((size_t)count + 1, sizeof(*p->msgs));
	p->hash = calloc(slots, sizeof(*p->hash));
	if (p->msgs == NULL || p->hash == NULL) {
		plan_free(p);
		return (-1);
	}
	p->count = count;
	p->mask = slots - 1;
	return (0);
}

void
plan_free(struct plan *p)
{
	free(p->msgs);
	free(p->hash);
	free(p->arena);
	free(p->changes);
	orphan_free(&p->orphans);
	memset(p, 0, sizeof(*p));
}

/* One line of the listing.  A number listed twice loses its unique-id for good.  -1: out of range, or memory. */
int
plan_add(struct plan *p, uint32_t msgno, const uint8_t *uid, size_t len)
{
	struct message	*m;

	if (msgno == 0 || msgno > p->count || len == 0 || len > PROTO_UID_MAX)
		return (-1);
	m = &p->msgs[msgno];
	m->named = 1;
	if (m->state == MESSAGE_SKIPPED || m->uid_len != 0) {
		m->uid_len = 0;
		m->state = MESSAGE_SKIPPED;	/* until plan_make() */
		return (0);
	}
	return (plan_store(p, m, uid, len));
}

/* Give a message its key. */
static int
plan_store(struct plan *p, struct message *m, const void *key, size_t len)
{
	size_t	 size;
	char	*arena;

	if (p->arena_len + len > p->arena_size) {
		size = p->arena_size == 0 ? 4096 : p->arena_size * 2;
		if (size > UINT32_MAX || (arena = realloc(p->arena, size)) == NULL)
			return (-1);
		p->arena = arena;
		p->arena_size = size;
	}
	memcpy(p->arena + p->arena_len, key, len);
	m->uid_off = p->arena_len;
	m->uid_len = len;
	p->arena_len += len;
	return (0);
}

/* Decide about every message.  0, or -1: store or memory. */
int
plan_make(struct session *s, enum listing listing, int has_uidl)
{
	struct plan	*p = &s->plan;
	struct walk	 w = { s, listing == LISTING_COMPLETE, time(NULL), 0, 0 };
	struct message	*m;
	uint32_t	 i;

	for (i = 1; i <= p->count && listing == LISTING_CONFUSED; i++) {
		p->msgs[i].uid_len = 0;
		p->msgs[i].named = 1;
	}
	plan_index(p);
	for (i = 1; i <= p->count; i++) {
		m = &p->msgs[i];
		m->state = MESSAGE_LISTED;
		m->action = PLAN_RETR;
		if (m->uid_len != 0)
			continue;
		m->compare = 1;
		p->untrusted++;
		/* A STAT that promises what UIDL does not name: some of it is tried, in each session. */
		if (!m->named && has_uidl && ++p->unnamed > UNNAMED_MAX)
			m->action = 0;
	}
	w.complete = w.complete && p->untrusted == 0;
	/* Locked (1): what is gone or back is learned next time. */
	if (state_seen(s->mailbox, plan_row, &w) == -1 || w.failed ||
	    orphan_prepare(&p->orphans, s->mailbox, p->untrusted > 0) == -1 ||
	    (p->nchanges > 0 && state_change(s->mailbox, p->changes, p->nchanges, w.now) == -1))
		return (-1);
	plan_count(s);
	return (0);
}

/* Build the hash; unique-ids listed twice are no keys: both messages are known by digest. */
static void
plan_index(struct plan *p)
{
	struct message	*m;
	uint32_t	*slot, i;

	for (i = 1; i <= p->count; i++) {
		m = &p->msgs[i];
		if (m->uid_len == 0)
			continue;
		slot = plan_find(p, (uint8_t *)p->arena + m->uid_off, m->uid_len);
		if (*slot == 0)
			*slot = i;
		else
			m->compare = p->msgs[*slot].compare = 2;	/* twins */
	}
	for (i = 1; i <= p->count; i++) {
		m = &p->msgs[i];
		if (m->compare == 2)
			m->uid_len = 0;
		m->compare = 0;
	}
}

/* The slot that holds this unique-id, or the empty one where it would go. */
static uint32_t *
plan_find(struct plan *p, const uint8_t *uid, size_t len)
{
	const struct message	*m;
	uint64_t		 h = 14695981039346656037ULL;
	size_t			 i;
	uint32_t		 at;

	for (i = 0; i < len; i++)
		h = (h ^ uid[i]) * 1099511628211ULL;
	for (at = (h ^ h >> 32) & p->mask; p->hash[at] != 0; at = (at + 1) & p->mask) {
		m = &p->msgs[p->hash[at]];
		if (m->uid_len == len && memcmp(p->arena + m->uid_off, uid, len) == 0)
			break;
	}
	return (&p->hash[at]);
}

static int
plan_row(void *arg, const struct seen_row *row)
{
	struct walk	*w = arg;
	struct plan	*p = &w->s->plan;
	uint32_t	 n = 0;

	if (row->uidlen <= PROTO_UID_MAX)
		n = *plan_find(p, row->uid, row->uidlen);
	if (n != 0 && p->msgs[n].uid_len != 0) {
		plan_act(w->s, &p->msgs[n], row);
		if (row->gone != 0)
			plan_change(w, row->uid, row->uidlen, CHANGE_BACK);
		return (w->failed);
	}
	if (row->state != SEEN_NEVER && (p->untrusted > 0 || row->uidlen > PROTO_UID_MAX) &&
	    orphan_add(&p->orphans, row->uid, row->uidlen) == -1)
		w->failed = 1;
	/* A row keyed by digest is never listed: it is gone unless its message is met, and forgotten only once deleted. */
	if (w->complete || (row->uidlen > PROTO_UID_MAX && row->state == SEEN_DELETED)) {
		if (row->gone == 0)
			plan_change(w, row->uid, row->uidlen, CHANGE_GONE);
		else if (w->now - row->gone >= FORGET_SECONDS)
			plan_change(w, row->uid, row->uidlen, CHANGE_FORGET);
	}
	return (w->failed);
}

/* The table at the top of this file. */
static void
plan_act(struct session *s, struct message *m, const struct seen_row *row)
{
	if (row->aside) {
		m->action = 0;
		s->aside++;
		return;
	}
	if (row->deaths > 0) {
		m->action = PLAN_RETR_ALONE;
		return;
	}
	m->denied = row->state == SEEN_DENIED;
	/* Unconfirmed, but absent from a listing meanwhile: it was deleted, and the unique-id is used anew. */
	if (row->state == SEEN_DELETED || (row->gone != 0 && (row->state == SEEN_DELETING || row->state == SEEN_DENIED)))
		m->compare = 1;
	else
		m->action = s->leave ? 0 : PLAN_DELE;
}

/* Remember one change for the one transaction at the end. */
static void
plan_change(struct walk *w, const uint8_t *uid, size_t len, int what)
{
	struct plan		*p = &w->s->plan;
	struct listing_change	*c;
	size_t			 size;

	if (p->nchanges == w->size) {
		size = w->size == 0 ? 64 : w->size * 2;
		if ((c = reallocarray(p->changes, size, sizeof(*c))) == NULL) {
			w->failed = 1;
			return;
		}
		p->changes = c;
		w->size = size;
	}
	c = &p->changes[p->nchanges];
	memset(c, 0, sizeof(*c));
	if (len > sizeof(c->uid) || len == 0) {
		w->failed = 1;
		return;
	}
	memcpy(c->uid, uid, len);
	c->uidlen = len;
	c->what = what;
	p->nchanges++;
}

/* Suspects travel alone, and only with the token: one suspect in flight in the whole daemon, so that a death has one cause. */
static void
plan_count(struct session *s)
{
	struct plan	*p = &s->plan;
	struct message	*m;
	uint32_t	 i;

	for (i = 1; i <= p->count; i++) {
		m = &p->msgs[i];
		if (m->action == PLAN_RETR_ALONE) {
			if (master.token == NULL)
				master.token = s;
			if (master.token != s) {
				m->action = 0;
				p->postponed++;
				continue;
			}
		}
		if (m->action == PLAN_DELE)
			p->delete++;
		else if (m->action != 0)
			p->retrieve++;
		if (m->action != 0)
			m->state = MESSAGE_PLANNED;
	}
}

/*
 * The key of a message in `seen`, kept with the message from now on: its unique-id, or "sha256:<hex>:<n>" for the n-th message
 * with this digest in this session.  key has room for PROTO_UID_MAX + 10 octets.  Returns the length, or 0 on memory shortage.
 */
size_t
plan_key(struct plan *p, uint32_t msgno, const uint8_t *digest, uint8_t *key)
{
	static const char	 hex[] = "0123456789abcdef";
	struct message		*m = &p->msgs[msgno];
	struct orphan		*o;
	char			 text[PROTO_UID_MAX + 11];
	uint32_t		*slot, n;
	size_t			 i, len = m->uid_len;

	if (p->orphans.n > 0 && !(len != 0 && m->compare) && (o = orphan_claim(&p->orphans, digest, len != 0)) != NULL)
		return (plan_adopt(p, m, o, key));
	if (len == 0) {
		memcpy(text, "sha256:", 7);
		for (i = 0; i < PROTO_DIGEST_LEN; i++) {
			text[7 + 2 * i] = hex[digest[i] >> 4];
			text[8 + 2 * i] = hex[digest[i] & 15];
		}
		for (n = 1;; n++) {
			len = 71 + snprintf(text + 71, sizeof(text) - 71, ":%u", n);
			slot = plan_find(p, (uint8_t *)text, len);
			if (*slot == 0)
				break;
		}
		if (plan_store(p, m, text, len) == -1)
			return (0);
		*slot = msgno;
	}
	memcpy(key, p->arena + m->uid_off, len);
	return (len);
}

/* The message is the one of an orphaned row, see orphan.c.  As plan_key(). */
static size_t
plan_adopt(struct plan *p, struct message *m, const struct orphan *o, uint8_t *key)
{
	struct message	 was = *m;

	if (plan_store(p, m, o->uid, o->uidlen) == -1)
		return (0);
	if (was.uid_len != 0) {		/* it has a unique-id of its own, which its row gets at the end of the session */
		m->rekey = m->uid_off + 1;
		m->rekey_len = m->uid_len;
		m->uid_off = was.uid_off;
		m->uid_len = was.uid_len;
	}
	memcpy(key, o->uid, o->uidlen);
	return (o->uidlen);
}

/*
 * The end of a session: every DELE that was answered +OK took effect (quit_ok), so its unique-id means something new from now
 * on; refusals are remembered, and recognised messages get their unique-id.  0; 1: the store is locked, call plan_record() later
 * (a session ends only then); -1: not recorded, and the next session deletes once more or compares.
 */
int
plan_confirm(struct session *s, int quit_ok)
{
	struct plan	*p = &s->plan;
	struct walk	 w = { s, 0, 0, 0, 0 };
	struct message	*m;
	uint32_t	 i;

	free(p->changes);
	p->changes = NULL;
	p->nchanges = 0;
	for (i = 1; i <= p->count && !w.failed; i++) {
		m = &p->msgs[i];
		if (m->rekey != 0 && m->state >= MESSAGE_COMMITTED)
			plan_rekey(&w, m);
		if (m->uid_len == 0 || !((m->state == MESSAGE_DELETED && quit_ok) || m->denied == 2))
			continue;
		plan_change(&w, (uint8_t *)p->arena + m->uid_off, m->uid_len, CHANGE_STATE);
		if (!w.failed)
			p->changes[p->nchanges - 1].state = m->denied == 2 ? SEEN_DENIED : SEEN_DELETED;
	}
	return (w.failed ? -1 : plan_record(s));
}

static void
plan_rekey(struct walk *w, const struct message *m)
{
	struct plan		*p = &w->s->plan;
	struct listing_change	*c;

	plan_change(w, (uint8_t *)p->arena + m->rekey - 1, m->rekey_len, CHANGE_KEY);
	if (w->failed)
		return;
	c = &p->changes[p->nchanges - 1];
	memcpy(c->to, p->arena + m->uid_off, m->uid_len);
	c->tolen = m->uid_len;
}

/* As plan_confirm(). */
int
plan_record(struct session *s)
{
	int	 error = 0;

	if (s->plan.nchanges > 0)
		error = state_change(s->mailbox, s->plan.changes, s->plan.nchanges, time(NULL));
	s->unrecorded = error == 1;
	if (error == -1)
		log_warnx("%s: state.db: deletions not recorded, the next session repeats them", s->label);
	return (error);
}
