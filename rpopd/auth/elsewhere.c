/* SPDX-License-Identifier: ISC */
/*
 * Passwords that somebody else verifies: Dovecot, or a program.  The auth process that has the password gets one descriptor, a
 * connection or the writing end of a pipe, and the master hears the verdict: from that process, which counts for this one login, or
 * from the program's end.
 *
 * Somebody else knows names that are no accounts here, and the other way round.  He is asked all the same, since the time that it
 * takes must not tell, and whatever he says of a name that is no account's is no.  A verdict is good for this login only: a
 * password that was changed elsewhere counts at once, so that nothing is kept of one that was right.
 */
#include <string.h>

#include "common/compat.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "auth_int.h"

#define NOBODY	"nobody@invalid"	/* a name that is none; RFC 2606 section 2 */

static void	 elsewhere_ended(void *, enum auth_verdict, const char *);
static void	 elsewhere_settle(struct auth *);
static void	 elsewhere_later(struct auth *);

/* Its turn: the process gets whom to ask.  0, or -1: nobody can be asked, which is told, and nothing was verified. */
int
elsewhere_ask(struct auth *a, const char *name)
{
	struct msg_auth_source	 m;
	int			 fd;

	memset(&m, 0, sizeof(m));
	m.id = a->id;
	m.source = source_now();
	strlcpy(m.user, *name == '\0' ? NOBODY : name, sizeof(m.user));
	if (a->login != NULL)
		strlcpy(m.client, a->login->client, sizeof(m.client));
	strlcpy(a->label, a->worker->label, sizeof(a->label));
	if ((fd = source_open(m.user, &a->program, elsewhere_ended, a)) == -1)
		return (-1);
	a->source = m.source;
	/* A program has the name from here, and by its word nobody else's password can be this one's. */
	if (m.source == AUTH_SOURCE_PROGRAM)
		memset(m.user, 0, sizeof(m.user));
	link_send(&a->worker->link, IMSG_AUTH_SOURCE, fd, &m, sizeof(m));
	return (0);
}

/* The process has spoken.  0, or -1: it may not say that. */
int
elsewhere_said(struct auth *a, uint32_t verdict)
{
	if (verdict == AUTH_VERDICT_LATER) {
		source_fails("pop_auth: no answer to a password; the log says why");
		elsewhere_later(a);
		return (0);
	}
	if (verdict == AUTH_VERDICT_WRITTEN && a->source == AUTH_SOURCE_PROGRAM) {
		a->written = 1;
		worker_leave(a->worker);
		a->worker = NULL;
		elsewhere_settle(a);
		return (0);
	}
	if (a->source != AUTH_SOURCE_DOVECOT || (verdict != AUTH_VERDICT_YES && verdict != AUTH_VERDICT_NO))
		return (-1);
	source_works();
	return (auth_verdict(a, verdict));
}

/* The program has ended.  Its verdict is one on the password only if it got that. */
static void
elsewhere_ended(void *arg, enum auth_verdict end, const char *why)
{
	struct auth	*a = arg;

	a->program = NULL;
	a->ended = 1;
	a->end = end;
	if (why != NULL) {
		log_warnx("%s: %s", auth_label(a), why);
		source_fails(why);
	}
	elsewhere_settle(a);
}

static void
elsewhere_settle(struct auth *a)
{
	if (!a->written || !a->ended)
		return;
	if (a->end == AUTH_VERDICT_LATER) {
		elsewhere_later(a);
		return;
	}
	source_works();
	(void)auth_verdict(a, a->end);
}

/* Neither the process nor the program ends, although both have been told to. */
void
elsewhere_silent(struct auth *a)
{
	log_warnx("%s: the program of pop_auth does not end", auth_label(a));
	elsewhere_later(a);
}

/* Nothing is known of the password, and nobody is to blame who typed it. */
static void
elsewhere_later(struct auth *a)
{
	auth_unused(a);
	auth_answer(a, AUTH_LATER, 0);
}
