/* SPDX-License-Identifier: ISC */
/*
 * Are questions and answers in step?
 *
 * An answer does not say to what.  If a server sends one too many or leaves one out, each message is taken for its neighbour from
 * there on, and what was never retrieved would be deleted.  So among the messages, and behind the last one, there are questions
 * whose answers name themselves; nothing is deleted and no success reported before the last such answer:
 *
 *	LIST n, n = last message asked for	"+OK n size"
 *	LIST m, m = a message that came in	"+OK m size"
 *	STAT					"+OK" and the figures of the login
 *
 * each asked if the one before got -ERR, which proves nothing: n may have vanished, the server may not know LIST n, or it is some
 * other command's -ERR.  If nothing came in, -ERR will do.  +OK and anything else: out of step.  An answer to RETR that looks
 * like the one to LIST is let pass, some servers talk so; but if the session then fails before it is complete, the doubt is told.
 *
 * A proof is good for all that was asked before it.
 */
#include <sys/types.h>

#include <stdint.h>

#include "common/compat.h"
#include "pop3.h"

static int	 check_second(struct pop3 *);
static int	 check_mixed(struct pop3 *, const struct reply *);
static int	 check_proven(struct pop3 *, uint32_t);
static int	 list_names(const struct reply *, uint32_t);

/* Ask LIST n.  0 or -1: failed. */
int
check_queue(struct pop3 *p)
{
	p->since = 0;
	return (pop3_queue(p, CMD_CHECK, p->asked));
}

/*
 * All messages are asked for: 1 as long as answers are due, the proof among them.  A pipelining server is asked at once, so that
 * it costs no round trip.
 */
int
check_wait(struct pop3 *p)
{
	if (p->ndue > 0) {
		if (p->asked != 0 && p->since > 0 && pop3_pipelines(p))
			(void)check_queue(p);
		return (1);
	}
	if (!p->unproven) {
		p->asked = p->since = 0;
		return (0);
	}
	(void)(p->since > 0 ? check_queue(p) : check_second(p));
	return (1);
}

/* A message begins to come in. */
void
check_came(struct pop3 *p, const struct reply *r)
{
	const struct pop3_due	*due;
	uint64_t		 n, size;
	size_t			 i;

	p->unproven = 1;
	if (pop3_reply_list(r->text, r->len, &n, &size) == -1)
		return;
	for (i = 0; i < p->ndue; i++) {
		due = &p->due[(p->due_head + i) % DUE_MAX];
		if (due->cmd == CMD_CHECK && due->msgno == n)
			p->doubt = 1;
	}
}

int
check_list(struct pop3 *p, uint32_t msgno, const struct reply *r)
{
	if (!r->ok)
		return (0);
	return (list_names(r, msgno) ? check_proven(p, msgno) : check_mixed(p, r));
}

int
check_count(struct pop3 *p, uint32_t msgno __unused, const struct reply *r)
{
	uint64_t	 count, octets;

	if (r->ok && pop3_reply_stat(r->text, r->len, &count, &octets) == 0 && count == p->count && octets == p->octets)
		return (check_proven(p, p->asked));
	return (check_mixed(p, r));
}

/* LIST n was refused: the next best question. */
static int
check_second(struct pop3 *p)
{
	uint32_t	 msgno = 0;

	if (p->second == 0)
		for (msgno = p->count; msgno > 0; msgno--)
			if (p->flags[msgno] & FLAG_SENT && msgno != p->asked)
				break;
	p->second = msgno > 0 ? CMD_CHECK : CMD_COUNT;
	return (pop3_queue(p, p->second, msgno));
}

static int
check_proven(struct pop3 *p, uint32_t msgno)
{
	if (p->second != 0 || msgno == p->asked)
		p->asked = p->since = 0;
	else
		p->base = msgno + 1;
	p->unproven = p->doubt = 0;
	p->second = 0;
	return (0);
}

static int
check_mixed(struct pop3 *p, const struct reply *r)
{
	char	 text[PROTO_TEXT_SIZE];

	return (pop3_fail(p, WHY_PROTO, "answers are out of step with what was asked, the last one is: %s",
	    pop3_text(p, text, sizeof(text), r)));
}

/* 1: an answer to LIST that names this message. */
static int
list_names(const struct reply *r, uint32_t msgno)
{
	uint64_t	 n, size;

	return (r->ok && pop3_reply_list(r->text, r->len, &n, &size) == 0 && n == msgno);
}
