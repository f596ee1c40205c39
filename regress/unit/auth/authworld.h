/* SPDX-License-Identifier: ISC */
/*
 * The world of the room that verifies passwords: no clock but the test's, no process, no store.  Each test program includes it
 * once.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <setjmp.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/compat.h"
#include "common/ipc/proto_auth.h"
#include "common/log.h"
#include "rpopd/auth/auth_int.h"
#include "rpopd/config/config.h"
#include "rpopd/state/state.h"
#include "rpopd/turn/turn.h"

#define TIMERS	700
#define WORKERS	700

/* --- the world --- */

struct config		*config_running;
struct options		 options = { .store = "rpopd.db" };
int			 turn_stopping;

static struct config	 config;
static int64_t		 now;
static struct child	 template;
static int		 template_ready, started, store_locked;
static const char	*stored;			/* anna's verifier; NULL: nobody has a password */
static struct { struct timer *timer; int64_t due; } timers[TIMERS];
static struct { struct worker w; uint8_t verifier[VERIFIER_MAX]; size_t vlen; uint8_t password[PROTO_SECRET_MAX]; size_t len;
    int left, killed, logins, turns, verifiers, sources; struct msg_auth_verifier known; struct msg_auth_source source; }
    workers[WORKERS];
static size_t		 nworkers;
static char		 logged[4096];
static const uint8_t	 seed[VERIFIER_KEY_LEN] = { 7 };

int64_t clock_msec(void) { return (now); }
void turn_soon(void) { }
void turn_at(int64_t due) { (void)due; }
int worker_log(void *a, struct imsg *i) { (void)a; (void)i; return (0); }
void child_optional(void) { started++; }
enum log_level child_level(enum role r) { (void)r; return (log_getlevel()); }
struct child *worker_template(enum role r) { assert_int_equal(r, ROLE_AUTH); return (template_ready ? &template : NULL); }

void timer_init(struct timer *t, void (*cb)(void *), void *arg) { t->cb = cb; t->arg = arg; }

void
timer_stop(struct timer *t)
{
	size_t	 i;

	for (i = 0; i < TIMERS; i++)
		if (timers[i].timer == t)
			timers[i].timer = NULL;
}

void
timer_in(struct timer *t, int64_t ms)
{
	size_t	 i;

	timer_stop(t);
	for (i = 0; timers[i].timer != NULL; i++)
		assert_true(i < TIMERS - 1);
	timers[i].timer = t;
	timers[i].due = now + ms;
}

/* So many ms pass, with a round after each timer. */
static void
pass(int64_t ms)
{
	int64_t		 end = now + ms;
	struct timer	*t;
	size_t		 i, first;

	for (;;) {
		auth_run();
		for (first = TIMERS, i = 0; i < TIMERS; i++)
			if (timers[i].timer != NULL && timers[i].due <= end && (first == TIMERS || timers[i].due < timers[first].due))
				first = i;
		if (first == TIMERS)
			break;
		now = timers[first].due > now ? timers[first].due : now;
		t = timers[first].timer;
		timers[first].timer = NULL;
		t->cb(t->arg);
	}
	now = end;
	auth_run();
}

int
config_login(const char *path, const char *address, struct login *l, char *err, size_t errsize)
{
	assert_string_equal(path, "rpopd.db");
	memset(l, 0, sizeof(*l));
	if (store_locked) {
		strlcpy(err, "the store is in use", errsize);
		return (-1);
	}
	if (stored == NULL)
		return (0);
	l->len = strlen(stored);
	memcpy(l->verifier, stored, l->len);
	if (strcmp(address, "anna@example.org") != 0) {
		l->stand_in = 1;
		verifier_spoil(l->verifier, l->len, seed);
	}
	return (0);
}

/* --- somebody else who knows passwords --- */

static enum auth_source	 source;
static int		 unasked, nleft;		/* nobody can be asked; programs that nobody waits for any more */
static char		 asked_about[PROTO_ADDR_SIZE], source_trouble[PROTO_TEXT_SIZE];
static struct { void (*ended)(void *, enum auth_verdict, const char *); void *arg; } programs[WORKERS];
static size_t		 nprograms;

enum auth_source source_now(void) { return (source); }
void source_fails(const char *sentence) { strlcpy(source_trouble, sentence, sizeof(source_trouble)); }
void source_works(void) { source_trouble[0] = '\0'; }
void program_leave(struct program *p) { assert_non_null(p); nleft++; }
void program_free_all(void) { }

int
source_open(const char *name, struct program **p, void (*ended)(void *, enum auth_verdict, const char *), void *arg)
{
	strlcpy(asked_about, name, sizeof(asked_about));
	if (unasked)
		return (-1);
	if (source == AUTH_SOURCE_PROGRAM) {
		programs[nprograms].ended = ended;
		programs[nprograms].arg = arg;
		*p = (struct program *)&programs[nprograms++];
	}
	return (dup(0));
}

void config_login_key(const uint8_t key[PROTO_DIGEST_LEN]) { (void)key; }
enum db state_mark(uint8_t *key) { memset(key, 5, PROTO_DIGEST_LEN); return (DB_OK); }

int
config_stand_in(const char *path, const char *name, struct login *l, char *err, size_t errsize)
{
	(void)name;
	return (config_login(path, "", l, err, errsize));
}

struct worker *
worker_start(struct child *c, uint32_t id, const char *label, const struct rule *rules, size_t n, void (*died)(void *), void *arg)
{
	struct worker	*w = &workers[nworkers].w;

	assert_true(nworkers < WORKERS);
	assert_true((rules == auth_rules && n == auth_nrules) || (rules == attempt_rules && n == attempt_nrules) ||
	    (rules == prove_rules && n == prove_nrules));
	nworkers++;
	*w = (struct worker){ .template = c, .id = id, .died = died, .arg = arg };
	strlcpy(w->label, label, sizeof(w->label));
	return (w);
}

static size_t
worker_of(const struct link *l)
{
	size_t	 i;

	for (i = 0; l != &workers[i].w.link; i++)
		assert_true(i < nworkers);
	return (i);
}

void
link_send_part(struct link *l, uint32_t type, const void *head, size_t size, const void *octets, size_t len)
{
	const struct msg_auth_part	*part = head;
	size_t				 i = worker_of(l);

	assert_int_equal(part->id, workers[i].w.id);
	assert_true(size <= LINK_HEAD_MAX && len <= PROTO_FRAME_MAX);
	if (type == IMSG_AUTH_VERIFIER) {
		assert_int_equal(size, sizeof(workers[i].known));
		memcpy(&workers[i].known, head, size);
		workers[i].verifiers++;
	} else
		assert_int_equal(size, sizeof(*part));
	memcpy(type == IMSG_AUTH_PASSWORD ? workers[i].password : workers[i].verifier, octets, len);
	*(type == IMSG_AUTH_PASSWORD ? &workers[i].len : &workers[i].vlen) = len;
}

int
link_send(struct link *l, uint32_t type, int fd, const void *data, size_t len)
{
	size_t	 i = worker_of(l);

	assert_memory_equal(data, &workers[i].w.id, sizeof(uint32_t));
	assert_int_equal(len, type == IMSG_AUTH_LOGIN ? sizeof(struct msg_auth_login) : type == IMSG_AUTH_SOURCE ?
	    sizeof(struct msg_auth_source) : sizeof(uint32_t));
	if (type == IMSG_AUTH_SOURCE) {
		assert_true(fd > 2);
		close(fd);
		memcpy(&workers[i].source, data, len);
		workers[i].sources++;
	} else if (type == IMSG_AUTH_LOGIN) {
		assert_true(fd > 2);
		close(fd);
		workers[i].logins++;
	} else {
		assert_int_equal(type, IMSG_AUTH_TURN);
		workers[i].turns++;
	}
	return (0);
}

void
worker_leave(struct worker *w)
{
	size_t	 i;

	for (i = 0; w != &workers[i].w; i++)
		;
	workers[i].left = 1;
	w->arg = NULL;
}

void
worker_kill(struct worker *w)
{
	size_t	 i;

	for (i = 0; w != &workers[i].w; i++)
		;
	workers[i].killed = 1;
}

static void
sink(enum log_level level, const char *text)
{
	(void)level;
	strlcat(logged, text, sizeof(logged));
	strlcat(logged, "\n", sizeof(logged));
}

static int
world_begin(void **state)
{
	(void)state;
	log_setsink(sink);
	memset(timers, 0, sizeof(timers));
	memset(workers, 0, sizeof(workers));
	memset(&config, 0, sizeof(config));
	config.nlogins = 1;
	config_running = &config;
	nworkers = 0;
	now = 1000000;
	template_ready = 1;
	started = store_locked = turn_stopping = 0;
	source = AUTH_SOURCE_STORE;
	unasked = nleft = 0;
	nprograms = 0;
	asked_about[0] = source_trouble[0] = '\0';
	stored = "{PLAIN}right";
	logged[0] = '\0';
	return (0);
}
