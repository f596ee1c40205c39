/* SPDX-License-Identifier: ISC */
/*
 * What a session's end writes down.  plan_confirm() records what the answers to DELE and QUIT say; plan_end(), when no receipt is
 * to come any more, what the session committed.  Until then all of that is unproven:
 *
 *	the session's end		its rows
 *	all answers in step		stand
 *	failed, some came in unproven	those few are known by digest only from now on (CHANGE_DOUBT), the others stand
 *	answers mixed up		all are known by digest only (state_unprove_slice())
 *	not known: fetcher or master	likewise, by the next plan_make() at the latest
 *	died
 *
 *	killed				what is there
 *	between changes			some of them, each right by itself; the mailbox is unproven: the next plan_make() is strict
 *	between slices of unproving	the mailbox is unproven: the next plan_make() goes on
 */
#include <string.h>
#include <time.h>

#include "common/hook.h"
#include "common/log.h"
#include "rpopd/state/state.h"
#include "plan_int.h"

static int	 plan_doubtful(const struct session *, uint32_t);
static void	 plan_rekey(struct session *, uint32_t);
static void	 plan_prove(struct session *);
static void	 plan_keep_fingerprint(struct session *, uint32_t);

/*
 * A session has had the answer to QUIT, or failed.  If quit_ok, every DELE that was answered +OK took effect, so that its unique-id
 * means something new from now on.  Refusals are remembered, and recognised messages get their unique-id.  As plan_record(); a plan
 * that is still being made is abandoned.
 */
enum db
plan_confirm(struct session *s, int quit_ok)
{
	struct plan		*p = &s->plan;
	struct listing_change	*c;
	struct message		*m;
	uint32_t		 i;

	p->work.steps = NULL;
	p->work.done = 0;
	p->nchanges = 0;
	p->confirmed = quit_ok;
	if (s->sync == SYNC_LOST || !p->made)
		return (DB_OK);
	for (i = 1; i <= p->count && !p->failed; i++) {
		m = &p->msgs[i];
		plan_rekey(s, i);
		if (m->action == ACTION_HEADERS && m->state == MESSAGE_SKIPPED)
			quota_remember(s, m, OVERSIZE_REFUSED);
		if (m->uid_len == 0 || !((m->state == MESSAGE_DELETED && quit_ok) || m->denied == 2))
			continue;
		if ((c = plan_change_message(p, m, CHANGE_STATE)) != NULL)
			c->state = m->denied == 2 ? SEEN_DENIED : SEEN_DELETED;
	}
	refusal_confirm(s);
	return (p->failed ? DB_FAILED : plan_record(s));
}

/*
 * Records what plan_confirm() has collected.  DB_OK; DB_MORE: call again; DB_BUSY: call again later (the session ends only then);
 * DB_FAILED: it is not recorded, and the next session deletes once more or compares.
 */
enum db
plan_record(struct session *s)
{
	struct plan	*p = &s->plan;
	enum db		 result = DB_OK;

	if (p->work.done < p->nchanges)
		result = state_change_slice(s->mailbox, p->changes, p->nchanges, time(NULL), &p->work.done);
	s->unrecorded = result == DB_BUSY || result == DB_MORE;
	if (result == DB_FAILED)
		log_warnx("%s: state.db: deletions not recorded, the next session repeats them", s->label);
	if (result == DB_OK) {
		quota_tell(s);
		refusal_tell(s);
	}
	return (result);
}

/* 1: this message came in unproven at the end of a session that failed. */
static int
plan_doubtful(const struct session *s, uint32_t msgno)
{
	return (s->doubt_first != 0 && msgno >= s->doubt_first && msgno <= s->doubt_last);
}

/* The row of a message that was recognised gets the message's unique-id, once the message is committed and beyond doubt. */
static void
plan_rekey(struct session *s, uint32_t msgno)
{
	struct plan		*p = &s->plan;
	struct message		*m = &p->msgs[msgno];
	struct listing_change	*c;

	if (m->rekey == 0 || plan_doubtful(s, msgno) || (m->state < MESSAGE_COMMITTED && !m->matched))
		return;
	if ((c = plan_change(p, p->arena + m->rekey - 1, m->rekey_len, CHANGE_KEY)) == NULL)
		return;
	memcpy(c->to, plan_uid(p, m), m->uid_len);
	c->tolen = m->uid_len;
	m->rekey = 0;
	/* The size that it has under its new unique-id: with the old one the next listing would make another message of it. */
	if (m->size != 0)
		plan_change_message(p, m, CHANGE_SIZE);
}

/*
 * The session is over, and no receipt of it is to come any more: what it committed stands or not, as the table at the top says.
 * DB_MORE: call again; DB_OK: done, or the store is locked or failed, and the next plan_make() is strict.
 */
enum db
plan_end(struct session *s)
{
	struct plan		*p = &s->plan;
	struct plan_work	*w = &p->work;
	enum db			 result;

	if (!s->committed)
		return (DB_OK);
	if (w->end == END_OPEN) {
		HOOK("master.proving");
		w->end = s->sync == SYNC_KEPT ? END_RECORDING : END_UNPROVING;
		if (w->end == END_RECORDING)
			plan_prove(s);
		else
			memset(&w->unprove, 0, sizeof(w->unprove));
	}
	if (w->end == END_RECORDING) {
		if (p->failed)
			return (DB_OK);
		result = state_change_slice(s->mailbox, p->changes, p->nchanges, time(NULL), &w->done);
		return (result == DB_MORE ? DB_MORE : DB_OK);
	}
	if ((result = state_unprove_slice(s->mailbox, &w->unprove)) == DB_MORE)
		return (DB_MORE);
	if (result == DB_OK && w->unprove.n > 0)
		log_warnx("%s: %s: %u message%s of this session %s retrieved again and compared with what was delivered",
		    s->label, s->where, w->unprove.n, PLURAL(w->unprove.n), w->unprove.n == 1 ? "is" : "are");
	return (DB_OK);
}

/*
 * Collects what is written down of a session whose answers were in step: doubts, unique-ids, fingerprints.  That the mailbox is
 * proven comes last: before that, everything of this session is in doubt.
 */
static void
plan_prove(struct session *s)
{
	struct plan	*p = &s->plan;
	struct message	*m;
	uint32_t	 i;

	p->nchanges = p->work.done = 0;
	p->failed = 0;
	for (i = 1; i <= p->count; i++) {
		m = &p->msgs[i];
		plan_rekey(s, i);
		if (plan_doubtful(s, i) && m->state == MESSAGE_COMMITTED && m->uid_len != 0 && m->uid_len <= PROTO_UID_MAX &&
		    m->rekey == 0 && m->action != ACTION_HEADERS)
			plan_change_message(p, m, CHANGE_DOUBT);
		else
			plan_keep_fingerprint(s, i);
	}
	plan_change(p, NULL, 0, CHANGE_PROVEN);
}

/*
 * Remembers the fingerprint of a message that is to be deleted, should it not come to that; all zero octets are none.  0, or -1:
 * there is no memory.
 */
int
plan_note(struct plan *p, struct message *m, const uint8_t *fingerprint)
{
	static const uint8_t	 none[PROTO_DIGEST_LEN];
	struct message		 at;

	if (memcmp(fingerprint, none, sizeof(none)) == 0)
		return (0);
	if (plan_store(p, &at, fingerprint, PROTO_DIGEST_LEN) == -1)
		return (-1);
	m->fingerprint = at.uid_off + 1;
	return (0);
}

/*
 * The row of a message that was to be deleted gets its fingerprint if DELE or QUIT had no good answer.  A message that is known by
 * its digest only is retrieved in any case and needs none.
 */
static void
plan_keep_fingerprint(struct session *s, uint32_t msgno)
{
	struct plan		*p = &s->plan;
	const struct message	*m = &p->msgs[msgno];
	struct listing_change	*c;

	if (m->fingerprint == 0 || (m->state != MESSAGE_COMMITTED && (m->state != MESSAGE_DELETED || p->confirmed)) ||
	    m->rekey != 0 || m->uid_len == 0 || m->uid_len > PROTO_UID_MAX ||
	    (c = plan_change_message(p, m, CHANGE_FINGERPRINT)) == NULL)
		return;
	memcpy(c->to, p->arena + m->fingerprint - 1, PROTO_DIGEST_LEN);
	c->tolen = PROTO_DIGEST_LEN;
}
