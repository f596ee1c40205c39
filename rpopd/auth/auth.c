/* SPDX-License-Identifier: ISC */
/*
 * Each password is given to an auth process of its own, with the verifier of its account, when it is its account's and its client's
 * turn; a login at popd (attempt.c) takes its turn here, too.  An account that does not exist, or that nobody logs in to, is asked
 * about in the same way, with a verifier that no password fits, so that neither the answer nor the time that it takes tells which
 * accounts there are.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/hmac.h"
#include "common/ipc/proto_auth.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "rpopd/state/state.h"
#include "rpopd/turn/turn.h"
#include "auth_int.h"

#define CHECKS_MAX	100	/* passwords at once, those included whose answer is delayed */
#define WORKERS_MAX	8	/* that compute at once, on a machine with as many processors */
#define ELSEWHERE_MAX	32	/* that wait for somebody else at once */
#define ELSEWHERE_NO	3000	/* ms that a wrong password takes at least: longer than sources take, for names that they know or not */

static int	 auth_due(const struct auth *, int64_t);
static struct peer *auth_peer(const struct auth *);
static void	 auth_turn(struct auth *);
static void	 check_turn(struct auth *);
static int	 check_verifier(struct auth *, struct login *);
static void	 check_elsewhere(struct auth *, struct child *);
static int	 check_worker(struct auth *, struct child *);
static void	 check_password(struct auth *);
static void	 check_label(char *, size_t, const struct auth *);
static void	 auth_wrong(const struct auth *);
static void	 check_give(struct auth *, struct child *, const struct login *);
static int	 check_done(void *, struct imsg *);
static void	 auth_fail(struct auth *, enum auth_answer, int);
static void	 auth_clock(void *);
static void	 auth_free(struct auth *);
static size_t	 workers_most(void);

/* What an auth process may say that got a password: one answer to what it was forked for. */
const struct rule	 auth_rules[] = {
	{ IMSG_LOG,		RULES_ANY,	worker_log },
	{ IMSG_AUTH_DONE,	RULES_ANY,	check_done },
};
const size_t	 auth_nrules = nitems(auth_rules);

static TAILQ_HEAD(, auth)	 auths = TAILQ_HEAD_INITIALIZER(auths);
static size_t			 nchecks, nasked;
static uint32_t			 last_id;

/*
 * Have a password of so many octets verified that is said to be the account's, whose address need not exist.  done(arg, answer) is
 * called once, from the event loop, unless auth_cancel() comes first; a wrong password is answered after a delay.
 */
struct auth *
auth_check(const char *account, const void *password, size_t len, void (*done)(void *, enum auth_answer), void *arg)
{
	struct auth	*a = auth_new(NULL);

	a->done = done;
	a->arg = arg;
	if (nchecks++ >= CHECKS_MAX || (a->guard = guard_use(account, NULL)) == NULL)
		auth_answer(a, AUTH_LATER, 0);
	else {
		/* One that is too long is none, and no process takes it: in its place goes one that no verifier fits. */
		a->len = len == 0 || len > sizeof(a->password) ? 1 : len;
		if (a->len == len)
			memcpy(a->password, password, len);
		auth_queue(a);
	}
	return (a);
}

/* One more, the last of all, as a check or as the attempt of a login, which is freed with it. */
struct auth *
auth_new(struct attempt *login)
{
	struct auth	*a;

	if ((a = calloc(1, sizeof(*a))) == NULL)
		fatal("auth");
	a->login = login;
	timer_init(&a->clock, auth_clock, a);
	TAILQ_INSERT_TAIL(&auths, a, entry);
	return (a);
}

/* The one behind another, as they came; NULL: the first of all, or none. */
struct auth *
auth_next(struct auth *a)
{
	return (a == NULL ? TAILQ_FIRST(&auths) : TAILQ_NEXT(a, entry));
}

/* A number for one more process. */
uint32_t
auth_number(void)
{
	if (++last_id == 0)
		last_id = 1;
	return (last_id);
}

/* It waits for its turn from now on, behind those that wait already. */
void
auth_queue(struct auth *a)
{
	TAILQ_REMOVE(&auths, a, entry);
	TAILQ_INSERT_TAIL(&auths, a, entry);
	timer_stop(&a->clock);
	a->state = AUTH_QUEUED;
	a->until = clock_msec() + QUEUE_TIMEOUT;
	turn_soon();
}

/*
 * Whoever asked does not wait any longer.  What is being verified is finished, so that a wrong password counts; so is what is known
 * already.
 */
void
auth_cancel(struct auth *a)
{
	a->done = NULL;
	if (a->login != NULL)
		a->login->calls = NULL;
	if (a->state != AUTH_ASKED && a->state != AUTH_ANSWERED)
		auth_answer(a, AUTH_LATER, 0);
}

/* What has its turn is verified, by as many processes at once as there are processors. */
void
auth_run(void)
{
	struct auth	*a, *next;
	struct child	*template;
	int64_t		 now = clock_msec();

	if (turn_stopping)
		return;
	TAILQ_FOREACH_SAFE(a, &auths, entry, next) {
		if (a->state != AUTH_QUEUED && a->state != AUTH_WAITS)
			continue;
		if (now >= a->until) {
			log_warnx("login of %s: it was not verified within %d s; the auth process is not ready, or too much waits for it",
			    a->guard == NULL ? "somebody" : guard_account(a->guard), QUEUE_TIMEOUT / 1000);
			auth_answer(a, AUTH_LATER, 0);
			continue;
		}
		turn_at(a->until);
		if (a->state == AUTH_WAITS) {
			if ((template = worker_template(ROLE_AUTH)) != NULL)
				attempt_fork(a, template);
		} else if (auth_due(a, now) && nasked < workers_most())
			auth_turn(a);
	}
	if (nasked < workers_most())
		prove_run();
}

/* Whether neither its account nor its client has to wait; if they have, the next round is when they need not. */
static int
auth_due(const struct auth *a, int64_t now)
{
	int64_t	 due = guard_due(a->guard);

	if (auth_peer(a) != NULL && peer_due(auth_peer(a)) > due)
		due = peer_due(auth_peer(a));
	if (due > now)
		turn_at(due);
	return (due <= now);
}

/* The client whose turn it waits for; NULL: of none. */
static struct peer *
auth_peer(const struct auth *a)
{
	return (a->login != NULL && a->login->at_home ? NULL : a->peer);
}

/* Processes that compute at once, or wait. */
static size_t
workers_most(void)
{
	static long	 n;		/* once: the C library reads a file for it */

	if (n == 0)
		n = sysconf(_SC_NPROCESSORS_ONLN);
	if (source_now() != AUTH_SOURCE_STORE)
		return (ELSEWHERE_MAX);
	return (n < 1 ? 1 : n > WORKERS_MAX ? WORKERS_MAX : (size_t)n);
}

static void
auth_turn(struct auth *a)
{
	if (a->login != NULL)
		attempt_turn(a);
	else
		check_turn(a);
}

/*
 * Whether there are processes for passwords; *template: the one that forks, NULL while it is not ready.  In a store without any
 * password there are none.
 */
int
auth_process(struct child **template)
{
	*template = worker_template(ROLE_AUTH);
	return (*template != NULL || config_running->nlogins > 0);
}

/*
 * The turn of a check: it is given to a process, if one is ready.  In a store without any password there is no process, and nothing
 * that could be told by the time an answer takes.
 */
static void
check_turn(struct auth *a)
{
	struct child	*template;
	struct login	 login;

	if (auth_process(&template) && template == NULL)
		return;
	if (source_now() != AUTH_SOURCE_STORE) {
		check_elsewhere(a, template);
		return;
	}
	if (check_verifier(a, &login) == -1)
		auth_answer(a, AUTH_LATER, 0);
	else if (login.len == 0) {
		guard_begin(a->guard);
		auth_fail(a, AUTH_NO, 1);
	} else if (template != NULL)
		check_give(a, template, &login);
	else {
		/* Somebody has got the first password since the store was loaded. */
		config_running->nlogins = 1;
		child_optional();
	}
	explicit_bzero(&login, sizeof(login));
}

/* The verifier that the password is compared with.  0, or -1: the store cannot be read now. */
static int
check_verifier(struct auth *a, struct login *login)
{
	char	 label[PROTO_TEXT_SIZE];

	check_label(label, sizeof(label), a);
	if (auth_store(guard_account(a->guard), 0, login, label) == -1)
		return (-1);
	a->stand_in = login->stand_in;
	return (0);
}

static void
check_label(char *label, size_t size, const struct auth *a)
{
	char	 account[PROTO_TEXT_SIZE];

	log_vis(account, sizeof(account), guard_account(a->guard), strlen(guard_account(a->guard)));
	snprintf(label, size, "login of %.200s", account);
}

/*
 * Reads the verifier for an address; none: that is no account's, or nobody may log in by it.  0, or -1: the store cannot be read
 * now, which is logged.
 */
int
auth_store(const char *address, int none, struct login *login, const char *label)
{
	static const char	 purpose[] = "rpopd login names";
	static int		 keyed;
	uint8_t			 secret[PROTO_DIGEST_LEN], key[HMAC_LEN];
	char			 err[PROTO_TEXT_SIZE];

	if (!keyed && state_mark(secret) == DB_OK) {
		hmac_sha256(secret, sizeof(secret), purpose, sizeof(purpose), key);
		config_login_key(key);
		explicit_bzero(secret, sizeof(secret));
		explicit_bzero(key, sizeof(key));
		keyed = 1;
	}
	if (!keyed)
		strlcpy(err, "state.db cannot be read now", sizeof(err));
	if (keyed && (none ? config_stand_in : config_login)(options.store, address, login, err, sizeof(err)) == 0)
		return (0);
	log_warnx("%s: %s", label, err);
	return (-1);
}

/* Give a process of its own the verifier and the password. */
static void
check_give(struct auth *a, struct child *template, const struct login *login)
{
	struct msg_auth_part	 part = { 0, 0 };

	if (check_worker(a, template) == -1)
		return;
	auth_asked(a);
	part.id = a->id;
	link_send_part(&a->worker->link, IMSG_AUTH_START, &part, sizeof(part), login->verifier, login->len);
	check_password(a);
}

/* Somebody else is asked about the password, of an address that is no account's, too, where whatever he says is no. */
static void
check_elsewhere(struct auth *a, struct child *template)
{
	if (template == NULL) {		/* there is no account */
		auth_answer(a, AUTH_LATER, 0);
		return;
	}
	if (check_worker(a, template) == -1)
		return;
	a->stand_in = route_account_by_address(config_running->routes, guard_account(a->guard)) == NULL;
	if (elsewhere_ask(a, guard_account(a->guard)) == -1) {
		auth_answer(a, AUTH_LATER, 0);
		return;
	}
	auth_asked(a);
	check_password(a);
}

/* A process of its own.  0, or -1: there is none, and that is the answer. */
static int
check_worker(struct auth *a, struct child *template)
{
	char	 label[PROTO_TEXT_SIZE];

	a->id = auth_number();
	check_label(label, sizeof(label), a);
	if ((a->worker = worker_start(template, a->id, label, auth_rules, auth_nrules, auth_died, a)) != NULL)
		return (0);
	log_warnx("%s: no channel for the auth process", label);
	auth_answer(a, AUTH_LATER, 0);
	return (-1);
}

/* The process gets the password, which is wiped here, and in the message queue when it is written. */
static void
check_password(struct auth *a)
{
	struct msg_auth_part	 part = { a->id, 0 };

	link_send_part(&a->worker->link, IMSG_AUTH_PASSWORD, &part, sizeof(part), a->password, a->len);
	explicit_bzero(a->password, sizeof(a->password));
}

/* Its turn begins: a process verifies it. */
void
auth_asked(struct auth *a)
{
	guard_begin(a->guard);
	if (auth_peer(a) != NULL)
		peer_begin(auth_peer(a));
	a->state = AUTH_ASKED;
	a->asked = clock_msec();
	nasked++;
	timer_in(&a->clock, ASK_TIMEOUT);
}

/* IMSG_AUTH_DONE: what came of the password. */
static int
check_done(void *arg, struct imsg *imsg)
{
	struct worker		*w = arg;
	struct auth		*a = w->arg;
	struct msg_auth_done	 m;

	if (rules_payload(imsg, &m) == -1 || a == NULL || a->id != m.id || a->state != AUTH_ASKED)
		return (-1);
	return (a->source != AUTH_SOURCE_STORE ? elsewhere_said(a, m.verdict) : auth_verdict(a, m.verdict));
}

/* The turn is over with this verdict.  0, or -1: there is no such. */
int
auth_verdict(struct auth *a, uint32_t verdict)
{
	if (verdict > AUTH_VERDICT_BROKEN)
		return (-1);
	if (verdict == AUTH_VERDICT_BROKEN && !a->stand_in)
		log_warnx("%s: the account's password cannot be verified: this system's crypt(3) does not know its method or settings, or "
		    "they need more memory than 200 MiB; set it anew with rpopctl account password", auth_label(a));
	if (verdict == AUTH_VERDICT_YES && !a->stand_in) {
		auth_passed(a);
		auth_answer(a, AUTH_YES, 0);
	} else {
		auth_wrong(a);
		auth_fail(a, AUTH_NO, 1);
	}
	return (0);
}

/*
 * Logs why the answer is no, which the client is not told.  A name that is no account's stays unsaid: people type passwords where
 * the name belongs.
 */
static void
auth_wrong(const struct auth *a)
{
	const struct attempt	*l = a->login;
	const char		*name = l == NULL ? guard_account(a->guard) : l->known_as;
	char			 vis[PROTO_TEXT_SIZE], why[PROTO_TEXT_SIZE * 3];

	log_vis(vis, sizeof(vis), name, strlen(name));
	if (l != NULL && l->address[0] == '\0') {
		if (route_account_by_address(config_running->routes, name) != NULL)
			snprintf(why, sizeof(why), ": %s may not log in, since its account.pop is 0", vis);
		else
			strlcpy(why, ": no account has this name", sizeof(why));
	} else if (a->stand_in && a->source == AUTH_SOURCE_STORE)
		snprintf(why, sizeof(why), ": %s has none; rpopctl account password %s sets one", vis, vis);
	else
		snprintf(why, sizeof(why), "%s%s", l == NULL ? "" : " of ", l == NULL ? "" : vis);
	log_at(child_level(ROLE_AUTH), LOG_LEVEL_PROBLEMS, "%s: wrong password%s", auth_label(a), why);
}

/* The turn is over: it was right. */
void
auth_passed(struct auth *a)
{
	guard_passed(a->guard);
	if (auth_peer(a) != NULL)
		(void)peer_done(auth_peer(a), 0);
	if (a->login != NULL)
		known_add(a->login->address, a->login->client);
}

/* The turn is over, and its process talks with the client on. */
void
auth_talks(struct auth *a)
{
	nasked--;
	a->state = AUTH_TALKS;
}

/* The turn is over: nothing was verified. */
void
auth_unused(struct auth *a)
{
	guard_unused(a->guard);
	if (auth_peer(a) != NULL)
		(void)peer_done(auth_peer(a), 0);
}

/* The process has died.  In its turn nobody knows whether the password is right, and to let it die is no way to guess faster. */
void
auth_died(void *arg)
{
	struct auth	*a = arg;

	if (a->state == AUTH_ASKED)
		auth_fail(a, AUTH_LATER, 0);
	else
		auth_answer(a, AUTH_LATER, 0);
}

/*
 * Not the right password, or none that could be verified: that is told after a delay, the longer one of account and client, as long
 * as which they wait.  Somebody else may have known sooner that there is no such name than that a password is wrong.
 */
static void
auth_fail(struct auth *a, enum auth_answer answer, int wrong)
{
	int64_t	 now = clock_msec(), delay = guard_failed(a->guard), other = 0, all = 0;

	if (auth_peer(a) != NULL)
		other = peer_done(auth_peer(a), wrong);
	else if (a->login != NULL && a->login->at_home && wrong) {
		all = guard_failed_elsewhere(a->login->address);
		other = a->peer == NULL ? 0 : peer_failed_known(a->peer);
	}
	if (other < all)
		other = all;
	if (delay < other)
		delay = other;
	if (a->source != AUTH_SOURCE_STORE && now < a->asked + ELSEWHERE_NO)
		delay += a->asked + ELSEWHERE_NO - now;
	auth_answer(a, answer, delay);
}

/* What it is, for the log, in its turn. */
const char *
auth_label(const struct auth *a)
{
	return (a->worker != NULL ? a->worker->label : a->label);
}

/* The answer is told after so many ms, from the event loop. */
void
auth_answer(struct auth *a, enum auth_answer answer, int64_t ms)
{
	explicit_bzero(a->password, sizeof(a->password));
	if (a->worker != NULL) {
		worker_leave(a->worker);
		a->worker = NULL;
	}
	if (a->program != NULL) {
		program_leave(a->program);
		a->program = NULL;
	}
	if (a->state == AUTH_ASKED)
		nasked--;
	a->state = AUTH_ANSWERED;
	a->answer = answer;
	timer_in(&a->clock, ms);
	turn_soon();
}

/* The answer is due, or the process takes too long: then it is killed, and its end will be noticed. */
static void
auth_clock(void *arg)
{
	struct auth	*a = arg;

	if (a->state == AUTH_ASKED) {
		if (a->worker == NULL) {
			elsewhere_silent(a);
			return;
		}
		log_warnx("%s: its auth process does not answer and is killed", a->worker->label);
		worker_kill(a->worker);
		return;
	}
	if (a->state != AUTH_ANSWERED) {
		auth_answer(a, AUTH_LATER, 0);		/* a client that thinks for too long */
		return;
	}
	if (a->login != NULL)
		attempt_tell(a);
	else if (a->done != NULL)
		a->done(a->arg, a->answer);
	auth_free(a);
	turn_soon();
}

static void
auth_free(struct auth *a)
{
	timer_stop(&a->clock);
	TAILQ_REMOVE(&auths, a, entry);
	if (a->program != NULL)
		program_leave(a->program);
	if (a->login != NULL)
		attempt_free(a);
	else
		nchecks--;
	if (a->guard != NULL)
		guard_release(a->guard);
	if (a->peer != NULL)
		peer_release(a->peer);
	freezero(a, sizeof(*a));
}

/* The daemon ends: nobody is told any more, and no password stays in memory. */
void
auth_shutdown(void)
{
	struct auth	*a;

	while ((a = TAILQ_FIRST(&auths)) != NULL)
		auth_free(a);
	nasked = 0;
	guard_free_all();
	peer_free_all();
	known_free_all();
	proof_free_all();
	prove_free_all();
	program_free_all();
}
