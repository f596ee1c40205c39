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
#include "rpopd/relay/relay.h"
#include "rpopd/delivery/mailroot.h"
#include "rpopd/delivery/space.h"
#include "schedworld.h"

struct rpopd		 master;
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
mailroot_right(void)
{
	return (1);
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
token_refused(struct session *s, struct task *t)
{
	(void)s;
	(void)t;
	return (0);
}

int
session_start(struct task *t)
{
	struct session	*s;

	if (!ready)
		return (-1);
	assert_null(t->session);
	assert_true(nstarted < nitems(started));
	started[nstarted++] = t;
	s = calloc(1, sizeof(*s));
	s->task = t;
	s->begun = s->progress = now;
	s->state = SESSION_DIALING;
	t->session = s;
	TAILQ_INSERT_TAIL(&master.sessions, s, entry);
	master.nsessions++;
	return (0);
}

void
session_stop(struct session *s)
{
	s->stopping = 1;
}

void
session_cut(struct session *s, enum fetch_stage stage, enum fail_why why, const char *text)
{
	s->stage = stage;
	s->why = why;
	snprintf(s->error, sizeof(s->error), "%s", text);
	s->state = SESSION_CLOSING;
}

const char *
session_state_str(enum session_state state)
{
	return (state == SESSION_DIALING ? "dialing" : "other");
}

int
relay_full(void)
{
	return (0);
}

int
commit_blocked(void)
{
	return (0);
}

void
rpopd_maybe_exit(void)
{
}

int
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

int
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

int
world_setup(void **state)
{
	size_t	 i;

	(void)state;
	log_setsink(quiet);
	memset(&master, 0, sizeof(master));
	memset(&config, 0, sizeof(config));
	TAILQ_INIT(&master.sessions);
	master.config = &config;
	config.settings.processors = 1000;
	config.settings.host_sessions = 1000;
	config.settings.idle_timeout = 180;
	config.settings.delay_failed_accounts = 300;
	config.settings.delay_failed_hosts = 300;
	config.settings.schedule = "";
	config.windows = windows;
	master.tasks = calloc(NTASKS, sizeof(*master.tasks));
	master.ntasks = NTASKS;
	for (i = 0; i < NTASKS; i++) {
		records[i].owner = i % 2 == 0 ? "anna@example.org" : "bert@example.org";
		records[i].name = i < 2 ? "isp" : "other";
		records[i].period = 600;
		records[i].schedule = "";
		records[i].host = "pop.example.net";
		records[i].account = 7;
		master.tasks[i].rec = &records[i];
		master.tasks[i].due = INT64_MAX;
		master.tasks[i].expire = UINT32_MAX;
	}
	world_host(0, NTASKS, "pop.example.net");
	master.tasks[0].host->state = HOST_OPEN;
	nstarted = 0;
	ready = 1;
	trouble = "";
	sched_init();
	return (0);
}

int
world_teardown(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < NTASKS; i++) {
		if (master.tasks[i].session != NULL)
			world_end(&master.tasks[i], STAGE_QUIT, WHY_NONE);
		sched_remove(&master.tasks[i]);
	}
	gate_reload();
	gate_sweep();
	master.ntasks = 0;
	host_sweep();
	free(master.tasks);
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

	t->session->state = SESSION_LISTING;
	t->session->progress = now;
	report_login(t->session, &stat);
}

void
world_end(struct task *t, enum fetch_stage stage, enum fail_why why)
{
	struct session	*s = t->session;

	assert_non_null(s);
	if (s->why == WHY_NONE) {
		s->stage = stage;
		s->why = why;
		snprintf(s->error, sizeof(s->error), "%s", fail_why_str(why));
	}
	TAILQ_REMOVE(&master.sessions, s, entry);
	master.nsessions--;
	report_session(s);
	free(s);
}

void
world_host(size_t first, size_t n, const char *name)
{
	size_t	 i;

	for (i = first; i < first + n; i++)
		master.tasks[i].host = host_get(name, 995);
}

void
world_gates(void)
{
	size_t	 i;

	gate_reload();
	for (i = 0; i < NTASKS; i++) {
		assert_true(master.tasks[i].gate == NULL || master.tasks[i].queue != &master.tasks[i].gate->held);
		master.tasks[i].gate = gate_get(records[i].schedule);
	}
	gate_sweep();
}
