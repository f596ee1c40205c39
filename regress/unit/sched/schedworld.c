/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/log.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/poll/poll.h"
#include "rpopd/relay/relay.h"
#include "rpopd/rpopd.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "rpopd/token/token.h"
#include "schedworld.h"

struct options		 options;
struct config		*config_running;
struct routing		*config_routing;
int64_t			 config_loaded;
uint64_t		 config_loaded_version;
char			 config_load_error[PROTO_TEXT_SIZE];
struct child		*child_of[ROLE_MAX];
struct config		 config;
struct record		 records[NTASKS];
struct window		 windows[8];
struct task		*started[NTASKS * 20];
size_t			 nstarted;
int64_t			 now = 1000000, wall = 1760000000;
int			 ready = 1;
const char		*trouble = "";
char			 notice[2048];
size_t			 nnotices;

int64_t
clock_msec(void)
{
	return (now);
}

time_t
time(time_t *t)
{
	if (t != NULL)
		*t = wall;
	return (wall);
}

int
space_enough(void)
{
	return (*trouble == '\0');
}

const char *
space_trouble(void)
{
	return (trouble);
}

void
childlog_lost(const char *who, struct log_budget *budget)
{
	(void)who;
	(void)budget;
}

int
token_refused(struct token_user *u, struct task *t, enum fail_why why, int stopping)
{
	(void)u;
	(void)t;
	(void)why;
	(void)stopping;
	return (0);
}

static int
world_start(struct task *t)
{
	struct session	*s;

	if (!ready)
		return (-1);
	assert_null(t->run);
	assert_true(nstarted < nitems(started));
	started[nstarted++] = t;
	s = calloc(1, sizeof(*s));
	s->state = SESSION_DIALING;
	s->run.label = s->label;
	sched_begin(&s->run, t);
	return (0);
}

static void
world_stop(struct run *r)
{
	session_of(r)->stopping = 1;
}

static void
world_cut(struct run *r, const char *text)
{
	struct session	*s = session_of(r);

	s->stage = STAGE_LOGIN;
	s->why = WHY_CROWDED;
	snprintf(s->error, sizeof(s->error), "%s", text);
	s->state = SESSION_CLOSING;
}

static enum run_phase
world_phase(const struct run *r)
{
	const struct session	*s = heap_of(r, const struct session, run);

	if (s->state == SESSION_CLOSING || s->stopping)
		return (RUN_ENDING);
	return (s->state <= SESSION_DIALING ? RUN_WAITING : session_leaving(s) ? RUN_LEAVING : RUN_ACTIVE);
}

static const char *
world_state(const struct run *r)
{
	return (heap_of(r, const struct session, run)->state == SESSION_DIALING ? "dialing" : "other");
}

const struct sched_calls	 world_calls = { world_start, world_stop, world_cut, world_phase, world_state };

enum db
state_record_put(int64_t mailbox, const struct record_state *rs)
{
	(void)mailbox;
	(void)rs;
	return (0);
}

const char *
state_unfound_key(const struct record *r, char *buf, size_t size)
{
	(void)r;
	(void)size;
	buf[0] = '\0';
	return (buf);
}

enum db
state_unfound_put(int64_t mailbox, const struct record *r, const struct unfound *u)
{
	(void)mailbox;
	(void)r;
	(void)u;
	return (0);
}

void
notice_send(uint32_t account, const char *record, const char *subject, const char *fmt, ...)
{
	va_list	 ap;
	int	 n;

	n = snprintf(notice, sizeof(notice), "%u %s %s ", account, record, subject);
	va_start(ap, fmt);
	vsnprintf(notice + n, sizeof(notice) - n, fmt, ap);
	va_end(ap);
	nnotices++;
}

static void
quiet(enum log_level priority, const char *text)
{
	(void)priority;
	(void)text;
}

static void
no_round(void)
{
}

int
world_setup(void **state)
{
	static int	 once;
	size_t		 i;

	(void)state;
	if (!once++) {
		event_init();
		turn_init(no_round);
	}
	log_setsink(quiet);
	memset(&options, 0, sizeof(options));
	config_running = NULL;
	config_routing = NULL;
	TAILQ_INIT(&sched_runs);
	sched_nruns = 0;
	memset(child_of, 0, sizeof(child_of));
	turn_stopping = turn_failed = 0;
	sched_tasks = NULL;
	sched_ntasks = 0;
	memset(&config, 0, sizeof(config));
	TAILQ_INIT(&sched_runs);
	config_running = &config;
	config.settings.processors = 1000;
	config.settings.host_sessions = 1000;
	config.settings.idle_timeout = 180;
	config.settings.delay_failed_accounts = 300;
	config.settings.delay_failed_hosts = 300;
	config.settings.schedule = "";
	config.windows = windows;
	sched_tasks = calloc(NTASKS, sizeof(*sched_tasks));
	sched_ntasks = NTASKS;
	for (i = 0; i < NTASKS; i++) {
		records[i].owner = i % 2 == 0 ? "anna@example.org" : "bert@example.org";
		records[i].name = i < 2 ? "isp" : "other";
		records[i].period = 600;
		records[i].schedule = "";
		records[i].host = "pop.example.net";
		records[i].special = "";
		records[i].account = 7;
		sched_tasks[i].rec = &records[i];
		sched_tasks[i].due = INT64_MAX;
		sched_tasks[i].expire = UINT32_MAX;
	}
	world_host(0, NTASKS, "pop.example.net");
	sched_tasks[0].host->state = HOST_OPEN;
	nstarted = 0;
	ready = 1;
	trouble = "";
	sched_init(&world_calls);
	return (0);
}

int
world_teardown(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < NTASKS; i++) {
		if (sched_tasks[i].run != NULL)
			world_end(&sched_tasks[i], STAGE_QUIT, WHY_NONE);
		sched_remove(&sched_tasks[i]);
	}
	gate_reload();
	gate_sweep();
	sched_ntasks = 0;
	host_sweep();
	free(sched_tasks);
	return (0);
}

void
world_later(int64_t msec)
{
	now += msec;
	wall += msec / 1000;
}

void
world_login(struct task *t)
{
	struct msg_fetch_stat	 stat = { .expire = UINT32_MAX };

	session_of(t->run)->state = SESSION_LISTING;
	session_of(t->run)->run.progress = now;
	outcome_login(session_of(t->run), &stat);
}

void
world_end(struct task *t, enum fetch_stage stage, enum fail_why why)
{
	struct session	*s = session_of(t->run);

	assert_non_null(s);
	if (s->why == WHY_NONE) {
		s->stage = stage;
		s->why = why;
		snprintf(s->error, sizeof(s->error), "%s", fail_why_str(why));
	}
	sched_end(&s->run);
	outcome_poll(s);
	free(s);
}

void
world_host(size_t first, size_t n, const char *name)
{
	size_t	 i;

	for (i = first; i < first + n; i++)
		sched_tasks[i].host = host_get(name, 995);
}

void
world_gates(void)
{
	size_t	 i;

	gate_reload();
	for (i = 0; i < NTASKS; i++) {
		assert_true(sched_tasks[i].gate == NULL || sched_tasks[i].queue != &sched_tasks[i].gate->held);
		sched_tasks[i].gate = gate_get(records[i].schedule);
	}
	gate_sweep();
}
