/* SPDX-License-Identifier: ISC */
/*
 * Servers that hang up when they are asked for their capabilities (CAPA, or AUTH alone where CAPA is refused), or that answer
 * in one line and then wait: such a poll is made once more without the question, and that is remembered for the record for a
 * week.
 *
 * What is not asked cannot be learned, so somebody on the way who cuts the answer must gain nothing by it:
 *
 *	tls 'tls', 'stls'	STLS is given unasked and must succeed; behind TLS nobody can cut.  auth 'auto' becomes USER and PASS,
 *				or APOP, or AUTH with a token
 *	tls 'none', auth named	what the record names is done, as it would be anyway
 *	tls 'none', 'auto'	APOP, if the record permits it and the greeting has a challenge; else the poll has failed: a mechanism
 *				that hides the password could have been cut away
 */
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "rpopd/sched/sched.h"
#include "rpopd/turn/turn.h"
#include "poll.h"

#define REMEMBERED	(7 * 86400)	/* s */
#define PAUSE		3600000		/* ms behind an attempt without CAPA that failed, too: then it is not the question */

static int	 capa_permitted(const struct record *);
static int	 capa_known(const struct task *, int64_t);
static int	 capa_answered(const struct session *);

/* 1: the session of the task that begins now does not ask for capabilities. */
int
capa_skipped(const struct task *t)
{
	return ((t->capa_retry || capa_known(t, time(NULL))) && capa_permitted(t->rec));
}

/*
 * The poll is over.  1: it is to be made once more, at once and without the question, and what this one met counts for nothing;
 * 0: not so.
 */
int
capa_again(struct session *s)
{
	struct task	*t = s->run.task;

	if (t == NULL)
		return (0);
	if (s->no_capa) {
		t->capa_retry = 0;
		if (!capa_answered(s)) {
			t->rs.no_capa = 0;
			t->capa_failed = clock_msec();
		} else if (!capa_known(t, s->epoch)) {
			t->rs.no_capa = s->epoch;
			log_info("%s: %s: the server can be polled without CAPA: it is not asked for a week", s->label, s->where);
		}
		return (0);
	}
	if (s->stage != STAGE_CAPA || (s->why != WHY_CLOSED && s->why != WHY_TIMEOUT) || s->stopping || turn_stopping ||
	    !capa_permitted(t->rec) || (t->capa_failed != 0 && clock_msec() - t->capa_failed < PAUSE))
		return (0);
	log_info("%s: %s: %s: %s; once more without CAPA", s->label, s->where, fetch_stage_str(s->stage), s->error);
	t->capa_retry = 1;
	s->why = WHY_STOPPED;		/* neither the host's nor the record's failure */
	return (1);
}

/* 1: the record may be polled without the question, as the table above says. */
static int
capa_permitted(const struct record *rec)
{
	return (rec->tls != TLS_MODE_NONE || rec->auth != AUTH_AUTO || (rec->apop && config_running->settings.use_apop));
}

/* 1: a poll within the last week has shown that the server can be polled without the question. */
static int
capa_known(const struct task *t, int64_t now)
{
	return (t->rs.no_capa != 0 && now >= t->rs.no_capa && now - t->rs.no_capa < REMEMBERED);
}

/* 1: the session, which did not ask, has logged in or was told why not: the question was the trouble. */
static int
capa_answered(const struct session *s)
{
	return (s->plan.msgs != NULL || (s->stage == STAGE_LOGIN && s->why != WHY_CLOSED && s->why != WHY_TIMEOUT &&
	    s->why != WHY_PROTO && s->why != WHY_CONFIG));
}
