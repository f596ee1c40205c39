/* SPDX-License-Identifier: ISC */
/*
 * Logins at popd and at the web page.  An auth process takes one apart, over a channel of its own to the session; what it says to the master goes by a
 * table here.  Which account a name means is the caller's to say, and what is verified when is decided as for any password:
 *
 * A turn, of an account and of a client's address, lasts as long as a verification, and no longer.  A client that has begun a login
 * and does not go on holds none: its process has no verifier yet, or, with SCRAM, one that it may compare with in its turn
 * only.  So half-finished logins keep nobody out, however many there are; there is room for LOGINS_MAX, and the oldest that waits
 * for its client makes way for a new one.  And nobody guesses faster by many logins at once: each guess is compared in a turn of
 * its own, and each wrong one puts the next turn off, of that account and of that address.  That holds for SCRAM, too, whose last
 * challenge would tell that a guess is right before the master hears of it: it is made in the turn.  Turns that wait are few for an
 * account, and fewer of one address, so that guesses from there do not take all places from the account's owner.
 *
 * From a client that an account is known from, it waits for a turn of the two alone, so that nobody elsewhere, and nobody beside it
 * at the same address, keeps it out.  If it is wrong, it counts and is told as if it had waited for all: the answer to a guess does
 * not tell that the account is known there.
 */
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "rpopd/turn/turn.h"
#include "auth_int.h"

#define LOGINS_MAX	300	/* at once, those included whose answer is delayed */
#define TALK_TIMEOUT	180000	/* ms for a client; its session has a shorter clock */
#define TELL_AGAIN	600000	/* ms until it is said again that nobody has a password */
#define WAITING_MAX	2	/* logins of one account and one client that wait for their turn */

static void	 attempt_none(struct login *, const struct auth_login_want *);
static const char *attempt_where(int);
static int	 attempt_place(void);
static int	 attempt_lookup(void *, struct imsg *);
static int	 attempt_ask(void *, struct imsg *);
static int	 attempt_right(void *, struct imsg *);
static int	 attempt_result(void *, struct imsg *);
static int	 attempt_ended(struct auth *, const struct msg_auth_result *);
static void	 attempt_wait(struct auth *);
static int	 attempt_verifier(struct auth *);
static int	 attempt_given(void *, struct imsg *);
static int	 is_given(uint32_t);
static int	 is_early(uint32_t);

/* What an auth process may say that serves a login. */
const struct rule	 attempt_rules[] = {
	{ IMSG_LOG,		RULES_ANY,	worker_log },
	{ IMSG_AUTH_LOOKUP,	RULES_ANY,	attempt_lookup },
	{ IMSG_AUTH_ASK,	RULES_ANY,	attempt_ask },
	{ IMSG_AUTH_RIGHT,	RULES_ANY,	attempt_right },
	{ IMSG_AUTH_GIVEN,	RULES_ANY,	attempt_given },
	{ IMSG_AUTH_RESULT,	RULES_ANY,	attempt_result },
};
const size_t	 attempt_nrules = nitems(attempt_rules);

_Static_assert(sizeof(struct msg_auth_verifier) <= LINK_HEAD_MAX, "the head of IMSG_AUTH_VERIFIER");

static size_t	 nlogins;

/*
 * Begin a login of a session of popd.  *session_fd is the session's end of the channel to the auth process, and the caller's from
 * then on.  NULL: nobody can log in now; no account has a password, too much goes on, or the client's network is blocked.
 */
struct auth *
auth_login(const struct auth_login_want *want, const struct auth_login_calls *calls, void *arg, int *session_fd)
{
	struct auth	*a;
	struct attempt	*l;
	struct child	*template;
	struct login	 any;
	int		 channel[2];

	if (!auth_process(&template)) {
		if (auth_store("", 1, &any, "logins") == 0)
			attempt_none(&any, want);
		return (NULL);
	}
	if (turn_stopping || auth_blocked(want->peer) || !attempt_place() ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, PF_UNSPEC, channel) == -1)
		return (NULL);
	if ((l = calloc(1, sizeof(*l))) == NULL)
		fatal("login");
	a = auth_new(l);
	a->arg = arg;
	a->id = l->conf.id = auth_number();
	l->calls = calls;
	l->fd = channel[0];
	l->session = want->session;
	l->web = want->web;
	l->conf.mechs = want->mechs;
	strlcpy(l->conf.host, want->host, sizeof(l->conf.host));
	strlcpy(l->conf.apop, want->apop, sizeof(l->conf.apop));
	strlcpy(l->client, want->peer, sizeof(l->client));
	nlogins++;
	*session_fd = channel[1];
	a->until = clock_msec() + QUEUE_TIMEOUT;
	if (!peer_is_here(want->peer) && (a->peer = peer_use(want->peer)) == NULL)
		auth_answer(a, AUTH_LATER, 0);
	else if (template != NULL)
		attempt_fork(a, template);
	turn_soon();
	return (a);
}

/* The first password of all has come since the store was loaded; or there is none, which is said once in ten minutes. */
static void
attempt_none(struct login *any, const struct auth_login_want *want)
{
	static int64_t	 told = INT64_MIN;
	int64_t		 now = clock_msec();

	if (any->len > 0) {
		config_running->nlogins = 1;
		child_optional();
		explicit_bzero(any, sizeof(*any));
	} else if (told == INT64_MIN || now - told >= TELL_AGAIN) {
		told = now;
		log_at(child_level(ROLE_AUTH), LOG_LEVEL_PROBLEMS, "%s %u: nobody can log in: no account has a password;"
		    " rpopctl account password sets one", attempt_where(want->web), want->session);
	}
}

/* Where somebody logs in, for the log. */
static const char *
attempt_where(int web)
{
	return (web ? "web" : "POP");
}

/* Whether there is room for one more; if there is none, the oldest that waits for its client makes way. */
static int
attempt_place(void)
{
	struct auth	*a;

	if (nlogins < LOGINS_MAX)
		return (1);
	for (a = auth_next(NULL); a != NULL; a = auth_next(a))
		if (a->login != NULL && a->state == AUTH_TALKS) {
			auth_answer(a, AUTH_LATER, 0);
			return (nlogins < LOGINS_MAX + LOGINS_MAX / 4);
		}
	return (0);
}

/* A process is forked for it, and gets its end of the session's channel. */
void
attempt_fork(struct auth *a, struct child *template)
{
	struct attempt	*l = a->login;
	char		 label[PROTO_TEXT_SIZE];

	snprintf(label, sizeof(label), "%s %u: login from %s", attempt_where(l->web), l->session, l->client);
	if ((a->worker = worker_start(template, a->id, label, attempt_rules, attempt_nrules, auth_died, a)) == NULL) {
		log_warnx("%s: no channel for the auth process", label);
		auth_answer(a, AUTH_LATER, 0);
		return;
	}
	a->state = AUTH_TALKS;
	timer_in(&a->clock, TALK_TIMEOUT);
	link_send(&a->worker->link, IMSG_AUTH_LOGIN, l->fd, &l->conf, sizeof(l->conf));
	l->fd = -1;
}

/* Whether the mechanism needs the verifier ahead of what is compared with it. */
static int
is_early(uint32_t mech)
{
	return (mech == AUTH_SCRAM_SHA_256 || mech == AUTH_SCRAM_SHA_1);
}

/* IMSG_AUTH_LOOKUP: the client has said who it is, and, but with SCRAM, everything else. */
static int
attempt_lookup(void *arg, struct imsg *imsg)
{
	struct worker	*w = arg;
	struct auth	*a = w->arg;
	struct attempt	*l;
	int		 rc;

	if (a == NULL || a->state != AUTH_TALKS || a->login->named)
		return (-1);
	l = a->login;
	if (rules_payload(imsg, &l->lookup) == -1 || l->lookup.id != a->id || l->lookup.mech >= AUTH_MAX ||
	    (l->conf.mechs & 1U << l->lookup.mech) == 0 || !proto_text(l->lookup.account, sizeof(l->lookup.account)) ||
	    !proto_text(l->lookup.mailbox, sizeof(l->lookup.mailbox)) || !proto_text(l->lookup.owner, sizeof(l->lookup.owner)))
		return (-1);
	l->named = 1;
	if (l->calls == NULL)
		return (0);
	rc = l->calls->find(a->arg, &l->lookup, l->address, sizeof(l->address));
	/* Whose turn it waits for, and what stands in for a verifier, is the same for a name with and without its domain. */
	strlcpy(l->known_as, l->address[0] != '\0' ? l->address : l->lookup.account, sizeof(l->known_as));
	if (rc == 1)
		l->address[0] = '\0';
	if (rc == -1)
		auth_answer(a, AUTH_LATER, 0);
	else if (!is_early(l->lookup.mech))
		attempt_wait(a);
	else {
		l->early = 1;
		if (attempt_verifier(a) == -1)
			auth_answer(a, AUTH_LATER, 0);
	}
	return (0);
}

/* IMSG_AUTH_ASK: with SCRAM, what is compared with the verifier is there. */
static int
attempt_ask(void *arg, struct imsg *imsg)
{
	struct worker	*w = arg;
	struct auth	*a = w->arg;
	uint32_t	 id;

	if (rules_payload(imsg, &id) == -1 || a == NULL || a->state != AUTH_TALKS || id != a->id || !a->login->early ||
	    a->login->asked)
		return (-1);
	a->login->asked = 1;
	attempt_wait(a);
	return (0);
}

/*
 * It waits for its turn: as one of few of its account, and of fewer of the same client.  Of a client that the account is known from
 * it waits for neither, but for a guard of their own.  What can be no name at all is each client's own, and holds up nobody else.
 */
static void
attempt_wait(struct auth *a)
{
	struct attempt		*l = a->login;
	const struct auth	*other;
	size_t			 n = 0;

	l->at_home = l->address[0] != '\0' && known_has(l->address, l->client);
	if ((a->guard = guard_use(l->known_as, l->at_home || l->known_as[0] == '\0' ? l->client : NULL)) != NULL)
		for (other = auth_next(NULL); other != NULL; other = auth_next((struct auth *)other))
			n += other->state == AUTH_QUEUED && other->login != NULL && other->guard == a->guard &&
			    other->peer == a->peer;
	if (a->guard == NULL || n >= WAITING_MAX)
		auth_answer(a, AUTH_LATER, 0);
	else
		auth_queue(a);
}

/* Its turn: the process gets the verifier, or whom to ask, or may compare with the verifier that it has. */
void
attempt_turn(struct auth *a)
{
	if (source_now() != AUTH_SOURCE_STORE) {
		/* What the store has counts no more, though the login began when it did. */
		a->stand_in = a->login->address[0] == '\0';
		if (a->login->early || elsewhere_ask(a, a->login->known_as) == -1) {
			auth_answer(a, AUTH_LATER, 0);
			return;
		}
	} else if (a->login->early)
		link_send(&a->worker->link, IMSG_AUTH_TURN, -1, &a->id, sizeof(a->id));
	else if (attempt_verifier(a) == -1) {
		auth_answer(a, AUTH_LATER, 0);
		return;
	}
	auth_asked(a);
}

/*
 * Send the process the account's verifier, or the one that stands in for it, with the proof of a password that was right.  0, or
 * -1: there is none now.
 */
static int
attempt_verifier(struct auth *a)
{
	struct attempt	*l = a->login;
	struct login	 login;

	if (auth_store(l->known_as, l->address[0] == '\0', &login, a->worker->label) == -1)
		return (-1);
	if (login.len == 0) {
		log_warnx("%s: no account has a password any more", a->worker->label);
		return (-1);
	}
	a->stand_in = login.stand_in;
	memset(&l->known, 0, sizeof(l->known));
	l->known.id = a->id;
	proof_get(a->stand_in ? "" : l->address, login.verifier, login.len, &l->known);
	l->vlen = login.len;
	memcpy(l->verifier, login.verifier, login.len);
	link_send_part(&a->worker->link, IMSG_AUTH_VERIFIER, &l->known, sizeof(l->known), login.verifier, login.len);
	explicit_bzero(&login, sizeof(login));
	return (0);
}

/* IMSG_AUTH_RIGHT: with SCRAM, the client is told by the last challenge, and its turn is over while it thinks. */
static int
attempt_right(void *arg, struct imsg *imsg)
{
	struct worker	*w = arg;
	struct auth	*a = w->arg;
	uint32_t	 id;

	if (rules_payload(imsg, &id) == -1 || a == NULL || a->state != AUTH_ASKED || id != a->id || !a->login->early || a->stand_in)
		return (-1);
	auth_passed(a);
	auth_talks(a);
	a->login->right = 1;
	timer_in(&a->clock, TALK_TIMEOUT);
	return (0);
}

/* IMSG_AUTH_RESULT: how it ended. */
static int
attempt_result(void *arg, struct imsg *imsg)
{
	struct worker		*w = arg;
	struct auth		*a = w->arg;
	struct msg_auth_result	 m;

	if (a == NULL || rules_payload(imsg, &m) == -1 || m.id != a->id || !proto_text(m.text, sizeof(m.text)) ||
	    (a->login->named && m.mech != a->login->lookup.mech && m.verdict <= AUTH_VERDICT_BROKEN))
		return (-1);
	return (attempt_ended(a, &m));
}

static int
attempt_ended(struct auth *a, const struct msg_auth_result *m)
{
	struct attempt	*l = a->login;

	if (a->source != AUTH_SOURCE_STORE && a->state == AUTH_ASKED)
		return (elsewhere_said(a, m->verdict));
	switch (m->verdict) {
	case AUTH_VERDICT_GONE:
		if (a->state == AUTH_ASKED)
			auth_unused(a);
		auth_answer(a, AUTH_GONE, 0);
		return (0);
	case AUTH_VERDICT_MALFORMED:
		if (a->state != AUTH_TALKS)
			return (-1);
		strlcpy(l->text, m->text, sizeof(l->text));
		auth_answer(a, AUTH_MALFORMED, 0);
		return (0);
	case AUTH_VERDICT_YES:
		if (l->right && a->state == AUTH_TALKS) {
			auth_answer(a, AUTH_YES, 0);
			return (0);
		}
		if (l->early || a->state != AUTH_ASKED)
			return (-1);
		if (!a->stand_in && a->len > 0)
			prove_add(l->address, l->verifier, l->vlen, l->known.key, a->password, a->len);
		return (auth_verdict(a, m->verdict));
	default:
		return (a->state == AUTH_ASKED ? auth_verdict(a, m->verdict) : -1);
	}
}

/* Whether the client gives the password itself. */
static int
is_given(uint32_t mech)
{
	return (mech == AUTH_USER || mech == AUTH_PLAIN || mech == AUTH_LOGIN);
}

/*
 * IMSG_AUTH_GIVEN: the password that is about to be called right.  It is verified once more, by another process, and need not be
 * computed again within an hour then.
 */
static int
attempt_given(void *arg, struct imsg *imsg)
{
	struct worker		*w = arg;
	struct auth		*a = w->arg;
	struct msg_auth_part	 part;
	size_t			 len = imsg_get_len(imsg) - sizeof(part);

	memcpy(&part, imsg->data, sizeof(part));
	if (a == NULL || a->state != AUTH_ASKED || a->source != AUTH_SOURCE_STORE || part.id != a->id || a->len > 0 ||
	    !is_given(a->login->lookup.mech) || a->login->known.has_proof ||
	    verifier_kind(a->login->verifier, a->login->vlen) == VERIFIER_PLAIN)
		return (-1);
	memcpy(a->password, (const uint8_t *)imsg->data + sizeof(part), len);
	a->len = len;
	return (0);
}

/* Tell the owner, who has not left. */
void
attempt_tell(struct auth *a)
{
	const struct attempt		*l = a->login;
	struct auth_login_result	 r = { a->answer, l->named ? &l->lookup : NULL, l->address, l->text };

	if (l->calls != NULL)
		l->calls->done(a->arg, &r);
}

void
attempt_free(struct auth *a)
{
	if (a->login->fd != -1)
		close(a->login->fd);
	nlogins--;
	freezero(a->login, sizeof(*a->login));
}
