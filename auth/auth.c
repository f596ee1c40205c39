/* SPDX-License-Identifier: ISC */
/*
 * The auth program: a template that forks a process for each password and for each login at popd, and that process's channels to
 * the master and to a session.
 */
#include <sys/types.h>

#include <string.h>

#include "common/hook.h"
#include "common/ipc/proto_auth.h"
#include "common/log.h"
#include "common/proc.h"
#include "common/verifier.h"
#include "common/work.h"
#include "auth.h"

static void	 auth_warm(void);
static int	 auth_start(void *, struct imsg *);
static int	 auth_source(void *, struct imsg *);
static int	 auth_password(void *, struct imsg *);
static int	 take_verifier(uint32_t, const void *, size_t);
static int	 take_password(uint32_t, const void *, size_t);
static void	 check_answer(enum auth_verdict);
static int	 auth_login(void *, struct imsg *);
static int	 auth_verifier(void *, struct imsg *);
static int	 auth_turn(void *, struct imsg *);
static int	 session_begin(void *, struct imsg *);
static int	 session_response(void *, struct imsg *);
static void	 session_gone(const char *);

static const struct rule	 master_rules[] = {
	{ IMSG_AUTH_START,	RULES_ANY,	auth_start },
	{ IMSG_AUTH_SOURCE,	RULES_ANY,	auth_source },
	{ IMSG_AUTH_PASSWORD,	RULES_ANY,	auth_password },
	{ IMSG_AUTH_LOGIN,	RULES_ANY,	auth_login },
	{ IMSG_AUTH_VERIFIER,	RULES_ANY,	auth_verifier },
	{ IMSG_AUTH_TURN,	RULES_ANY,	auth_turn },
	{ IMSG_LOG_LEVEL,	RULES_ANY,	proc_log_level }
};

static const struct rule	 session_rules[] = {
	{ IMSG_LOGIN_BEGIN,	RULES_ANY,	session_begin },
	{ IMSG_LOGIN_RESPONSE,	RULES_ANY,	session_response }
};

/* The only socket is Dovecot's, which has the only clock, too; all others are the master's. */
static const struct work	 auth = {
	.role = SANDBOX_AUTH,
	.rules = master_rules,
	.nrules = nitems(master_rules),
	.warm = auth_warm,
	.ready = source_ready,
	.late = source_late
};

static struct {
	uint32_t	 id;		/* 0: nothing was asked yet */
	size_t		 len;		/* 0: somebody else is asked */
	uint8_t		 verifier[VERIFIER_MAX];
	struct msg_auth_source source;
	int		 fd;
} asked;

int
main(int argc, char *argv[])
{
	work_main(&auth, argc, argv);
}

/* What all forks share: crypt(3) has done what it does once, and libgsasl is set up. */
static void
auth_warm(void)
{
	char	 verifier[] = "$5$rounds=1000$warm$...........................................";

	(void)verify(verifier, sizeof(verifier) - 1, "warm", 4);
	engine_warm();
}

static int
auth_start(void *arg __unused, struct imsg *imsg)
{
	return (work_part(imsg, sizeof(struct msg_auth_part), take_verifier));
}

static int
auth_password(void *arg __unused, struct imsg *imsg)
{
	return (work_part(imsg, sizeof(struct msg_auth_part), take_password));
}

/* Who is asked about the password: of a login that is known already, of a check that follows. */
static int
auth_source(void *arg __unused, struct imsg *imsg)
{
	struct msg_auth_source	 m;

	if (rules_payload(imsg, &m) == -1 || !proto_str(m.user, sizeof(m.user)) || !proto_str(m.client, sizeof(m.client)) ||
	    (m.source != AUTH_SOURCE_DOVECOT && m.source != AUTH_SOURCE_PROGRAM))
		return (-1);
	if (login.state != LOGIN_NONE)
		return (login_source(&m, imsg_get_fd(imsg)));
	if (asked.id != 0 || m.id == 0)
		return (-1);
	asked.id = m.id;
	asked.source = m;
	asked.fd = imsg_get_fd(imsg);
	return (0);
}

static int
take_verifier(uint32_t id, const void *data, size_t len)
{
	if (asked.id != 0 || login.state != LOGIN_NONE || id == 0 || len == 0 || len > sizeof(asked.verifier))
		return (-1);
	asked.id = id;
	asked.len = len;
	memcpy(asked.verifier, data, len);
	return (0);
}

/* The password is there.  What the message held is wiped with its buffer, or goes with the process. */
static int
take_password(uint32_t id, const void *data, size_t len)
{
	enum auth_verdict	 verdict;

	if (asked.id == 0 || asked.id != id || len > PROTO_SECRET_MAX)
		return (-1);
	if (asked.len == 0) {
		source_ask(&asked.source, asked.fd, data, len, 0, check_answer);
		return (0);
	}
	verdict = verify_typed(asked.verifier, asked.len, data, len);
	explicit_bzero(asked.verifier, sizeof(asked.verifier));
	check_answer(verdict);
	return (0);
}

/* The answer, and the end. */
static void
check_answer(enum auth_verdict verdict)
{
	struct msg_auth_done	 done;

	memset(&done, 0, sizeof(done));
	done.verdict = verdict;
	HOOK("auth.answer");
	if (HOOK_ACTING("others"))
		for (done.id = asked.id + 1; done.id < asked.id + 8; done.id++)
			work_send(IMSG_AUTH_DONE, &done, sizeof(done));
	done.id = asked.id;
	work_send(IMSG_AUTH_DONE, &done, sizeof(done));
	work_end();
}

/* A login in place of a password: the channel to the session comes with it. */
static int
auth_login(void *arg __unused, struct imsg *imsg)
{
	struct msg_auth_login	 m;

	if (rules_payload(imsg, &m) == -1 || asked.id != 0 || login_expect(&m) == -1)
		return (-1);
	work_peer(imsg_get_fd(imsg), session_rules, nitems(session_rules), session_gone);
	return (0);
}

static int
auth_verifier(void *arg __unused, struct imsg *imsg)
{
	struct msg_auth_verifier	 m;
	const uint8_t			*p = imsg->data;
	int				 rc;

	memcpy(&m, p, sizeof(m));
	rc = login_verifier(&m, p + sizeof(m), imsg_get_len(imsg) - sizeof(m));
	explicit_bzero(&m, sizeof(m));
	return (rc);
}

static int
auth_turn(void *arg __unused, struct imsg *imsg)
{
	uint32_t	 id;

	return (rules_payload(imsg, &id) == -1 ? -1 : login_turn(id));
}

static int
session_begin(void *arg __unused, struct imsg *imsg)
{
	struct msg_login_begin	 m;
	const uint8_t		*p = imsg->data;

	memcpy(&m, p, sizeof(m));
	return (login_begin(&m, p + sizeof(m), imsg_get_len(imsg) - sizeof(m)));
}

static int
session_response(void *arg __unused, struct imsg *imsg)
{
	return (login_response(imsg->data, imsg_get_len(imsg)));
}

/* The session is at its end, or lies.  Nobody is told a result any more; a password that is being verified was heard of before. */
static void
session_gone(const char *why)
{
	if (why != NULL)
		log_warnx("channel to the session: %s", why);
	login_gone();
}

void
say_challenge(const void *p, size_t len)
{
	work_peer_send(IMSG_LOGIN_CHALLENGE, -1, p, len);
}

void
say_lookup(const struct msg_auth_lookup *m)
{
	work_send(IMSG_AUTH_LOOKUP, m, sizeof(*m));
}

void
say_ask(uint32_t id)
{
	work_send(IMSG_AUTH_ASK, &id, sizeof(id));
}

void
say_right(uint32_t id)
{
	work_send(IMSG_AUTH_RIGHT, &id, sizeof(id));
}

void
say_given(uint32_t id, const void *p, size_t len)
{
	struct {
		struct msg_auth_part	 part;
		uint8_t			 password[PROTO_SECRET_MAX];
	} m = { .part = { id, 0 } };

	if (len > sizeof(m.password))
		return;
	memcpy(m.password, p, len);
	work_send(IMSG_AUTH_GIVEN, &m, sizeof(m.part) + len);
	explicit_bzero(&m, sizeof(m));
}

void
say_result(const struct msg_auth_result *m)
{
	HOOK("auth.result");
	work_send(IMSG_AUTH_RESULT, m, sizeof(*m));
	work_end();
}
