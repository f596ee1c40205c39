/* SPDX-License-Identifier: ISC */
/* After the listing: the master's plan, the window of commands on their way, verdicts, DELE, QUIT. */
#include <sys/types.h>

#include <stdint.h>

#include "common/compat.h"
#include "common/hook.h"
#include "pop3.h"

#define WINDOW_OCTETS	(1024 * 1024)	/* octets that the replies on their way are expected to have */
#define TOP_HINT	4096		/* octets that a header is expected to have */

static void	 advance_plan(struct pop3 *);
static void	 advance_fingerprint(struct pop3 *);
static void	 advance_retr(struct pop3 *);
static void	 advance_alone(struct pop3 *);
static void	 advance_dele(struct pop3 *);
static int	 window_fill(struct pop3 *, uint16_t, uint32_t *);
static int	 message_queue(struct pop3 *, uint32_t);
static enum pop3_cmd	 message_cmd(const struct pop3 *, uint32_t);
static uint32_t	 flag_next(struct pop3 *, uint16_t);
static size_t	 window(const struct pop3 *);

/* Functions that send what may be sent in a state without a new reply. */
static void	(*const advances[POP3_STATE_MAX])(struct pop3 *) = {
	[POP3_PLAN] =	advance_plan,
	[POP3_FINGERPRINT] =	advance_fingerprint,
	[POP3_RETR] =	advance_retr,
	[POP3_ALONE] =	advance_alone,
	[POP3_DELE] =	advance_dele
};

/* The master wants the whole listing, as the probes are not enough.  0, or -1: there were no probes. */
int
pop3_list(struct pop3 *p)
{
	if (p->state != POP3_PLAN || !p->partly)
		return (-1);
	(void)list_again(p);
	return (0);
}

/* An entry of the master's plan.  0, or -1: not now, out of range, named twice, or no such action. */
int
pop3_plan(struct pop3 *p, uint32_t msgno, uint32_t action)
{
	if (p->state != POP3_PLAN || p->partly || msgno == 0 || msgno > p->count || p->flags[msgno] & FLAG_PLANNED)
		return (-1);
	if (action & ACTION_ANY_SIZE)
		p->flags[msgno] |= FLAG_ANY_SIZE;
	switch (action & ~(uint32_t)ACTION_ANY_SIZE) {
	case ACTION_RETR:
		p->flags[msgno] |= FLAG_RETR;
		p->retrs++;
		break;
	case ACTION_HEADERS:
		p->flags[msgno] |= FLAG_HEADERS;
		p->retrs++;
		break;
	case ACTION_FINGERPRINT:
		p->flags[msgno] |= FLAG_FINGERPRINT;
		p->fingerprints++;
		break;
	case ACTION_RETR_ALONE:
		p->flags[msgno] |= FLAG_ALONE;
		p->alones++;
		break;
	case ACTION_DELE:
		p->flags[msgno] |= FLAG_DELE;
		break;
	default:
		return (-1);
	}
	p->planned++;
	return (0);
}

/*
 * The plan is complete: work begins.  If it asks for fingerprints, only these are got: the rest of the plan waits for the next one,
 * which adds to it.  0, or -1: entries are missing.
 */
int
pop3_plan_end(struct pop3 *p, uint32_t entries)
{
	if (p->state != POP3_PLAN || entries != p->planned)
		return (-1);
	p->planned = 0;
	p->cursor = 1;
	pop3_enter(p, p->fingerprints > 0 ? POP3_FINGERPRINT : POP3_RETR);
	pop3_advance(p);
	return (0);
}

/*
 * The master's verdict on a message.  KEEP may come while the message is retrieved, when the deliverer has refused it; DELE only
 * when it is complete.  0, or -1: no verdict is due.
 */
int
pop3_verdict(struct pop3 *p, uint32_t msgno, uint32_t verdict)
{
	if (p->flags == NULL || msgno == 0 || msgno > p->count || !(p->flags[msgno] & FLAG_WAIT))
		return (-1);
	if (verdict == VERDICT_DELE && p->flags[msgno] & FLAG_SENT)
		p->flags[msgno] |= FLAG_DELE;
	else if (verdict != VERDICT_KEEP)
		return (-1);
	p->flags[msgno] &= (uint16_t)~FLAG_WAIT;
	p->waiting--;
	HOOK("fetcher.verdict");
	pop3_advance(p);
	return (0);
}

/* Stop: no further RETR is sent; what is on its way comes in, then verdicts, DELE, QUIT. */
void
pop3_stop(struct pop3 *p)
{
	p->stop = 1;
	pop3_advance(p);
}

void
pop3_advance(struct pop3 *p)
{
	enum pop3_state	 was;

	do {
		was = p->state;
		if (advances[was] != NULL)
			advances[was](p);
	} while (p->state != was);
}

/* The session was stopped ahead of a plan: all that is left is QUIT. */
static void
advance_plan(struct pop3 *p)
{
	if (p->stop)
		pop3_enter(p, POP3_ALONE);
}

/* All fingerprints are in, if answers came in step; else the session fails.  The master goes on with a plan. */
static void
advance_fingerprint(struct pop3 *p)
{
	uint32_t	 msgno;

	if (window_fill(p, FLAG_FINGERPRINT, &p->fingerprints) || check_wait(p))
		return;
	for (msgno = 1; msgno <= p->count; msgno++) {
		if (p->flags[msgno] & FLAG_REFUSED)
			p->ops->skipped(p->arg, msgno, WHY_NONE, p->refusal);
		p->flags[msgno] &= (uint16_t)~(FLAG_FINGERPRINT | FLAG_REFUSED);
	}
	p->fingerprints = 0;
	pop3_enter(p, POP3_PLAN);
	p->ops->fingerprinted(p->arg);
}

static void
advance_retr(struct pop3 *p)
{
	if (window_fill(p, FLAG_RETR | FLAG_HEADERS, &p->retrs) || check_wait(p))
		return;
	p->cursor = 1;
	pop3_enter(p, POP3_ALONE);
}

/*
 * Suspects: each is asked for when no other message is on its way, up to the master's verdict; then the verdicts that are left.
 * Behind the last message and ahead of the first DELE an RSET takes back what a server has marked by itself.
 */
static void
advance_alone(struct pop3 *p)
{
	if (p->ndue > 0 || p->waiting > 0)
		return;
	if (!p->stop && p->alones > 0) {
		if (message_queue(p, flag_next(p, FLAG_ALONE)) == 0 && --p->alones == 0)
			(void)check_wait(p);
		return;
	}
	if (check_wait(p))
		return;
	if (p->start->rset && p->touched && pop3_queue(p, CMD_RSET, 0) == -1)
		return;
	p->cursor = p->count;
	pop3_enter(p, POP3_DELE);
}

/* Send DELE, the highest number first: a server that renumbers at DELE moves only messages that are done with. */
static void
advance_dele(struct pop3 *p)
{
	if (p->ndue * 2 > window(p))
		return;
	for (; p->cursor > 0 && p->ndue < window(p); p->cursor--) {
		if (!(p->flags[p->cursor] & FLAG_DELE))
			continue;
		HOOK("fetcher.dele");
		if (pop3_queue(p, CMD_DELE, p->cursor) == -1)
			return;
	}
	if (p->cursor > 0 || (p->ndue > 0 && !pop3_pipelines(p)))
		return;
	HOOK("fetcher.quit");
	if (pop3_queue(p, CMD_QUIT, 0) == 0)
		pop3_enter(p, POP3_QUIT);
}

/*
 * Keeps the window between half full and full with messages that have one of these flags, so that commands leave in few segments.
 * Returns 0 when all of them are on their way.
 */
static int
window_fill(struct pop3 *p, uint16_t flags, uint32_t *left)
{
	struct pop3_due	 next;

	if (p->stop || *left == 0)
		return (0);
	if (p->ndue * 2 > window(p) || (p->ndue > 0 && p->due_octets > WINDOW_OCTETS / 2))
		return (1);
	while (*left > 0 && p->ndue < window(p)) {
		if (p->since >= (p->start->prove_each ? 1 : CHECK_EVERY)) {
			if (check_queue(p) == -1)
				return (1);
			continue;
		}
		next.msgno = flag_next(p, flags);
		next.cmd = message_cmd(p, next.msgno);
		if (p->ndue > 0 && p->due_octets + pop3_hint(p, &next) > WINDOW_OCTETS)
			return (1);
		if (message_queue(p, next.msgno) == -1)
			return (1);
		--*left;
	}
	return (*left > 0);
}

static int
message_queue(struct pop3 *p, uint32_t msgno)
{
	if (pop3_queue(p, message_cmd(p, msgno), msgno) == -1)
		return (-1);
	p->due_octets += pop3_hint(p, &p->due[(p->due_head + p->ndue - 1) % DUE_MAX]);
	if (p->asked == 0)
		p->base = msgno;
	p->asked = msgno;
	p->touched = 1;
	p->since++;
	p->cursor++;
	return (0);
}

/* The command that gets a message whole.  On some servers RETR marks it as seen, and TOP does not. */
static enum pop3_cmd
message_cmd(const struct pop3 *p, uint32_t msgno)
{
	return (p->flags[msgno] & (FLAG_HEADERS | FLAG_FINGERPRINT) ? CMD_TOP : CMD_RETR);
}

/* The octets that a reply is expected to have, for the window only: by LIST, or the mean by STAT. */
uint32_t
pop3_hint(const struct pop3 *p, const struct pop3_due *due)
{
	uint64_t	 hint;

	if (due->cmd != CMD_RETR)
		return (due->cmd == CMD_TOP ? TOP_HINT : 0);
	hint = p->sizes != NULL && p->sizes[due->msgno] > 0 ? p->sizes[due->msgno] : p->octets / (p->count > 0 ? p->count : 1);
	return (hint > UINT32_MAX ? UINT32_MAX : hint == 0 ? 1 : (uint32_t)hint);
}

/* The first message at or above the cursor that has one of the flags; the caller knows that there is one. */
static uint32_t
flag_next(struct pop3 *p, uint16_t flags)
{
	while (p->cursor < p->count && !(p->flags[p->cursor] & flags))
		p->cursor++;
	return (p->cursor);
}

static size_t
window(const struct pop3 *p)
{
	return (pop3_pipelines(p) ? WINDOW_COUNT : 1);
}
