/* SPDX-License-Identifier: ISC */
/* links: regress/unit/sched/schedworld.c rpopd/config rpopd/poll rpopd/poll/plan rpopd/sched rpopd/state rpopd/turn */
/* libs: -levent_core */
/* A trial: when it may begin, what is known of each message, and that the schedule is as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/ipc/proto_ctl.h"
#include "regress/unit/sched/schedworld.h"

#define NAME	"anna@example.org/isp"

static struct client	*const me = (struct client *)&ready;	/* never looked into */
static struct ctl_tried	 shown[2000];
static size_t		 nshown;
static int		 answered, answer_ok;
static char		 answer[512], err[PROTO_TEXT_SIZE];
static struct seen_row	 rows[16];
static size_t		 nrows, slices;
static int		 listed = 1;

int
session_try(struct task *t, struct trial *trial)
{
	if (world_calls.start(t) == -1)
		return (-1);
	session_of(t->run)->trial = trial;
	session_of(t->run)->has_top = session_of(t->run)->has_uidl = 1;
	session_of(t->run)->epoch = wall;
	strlcpy(session_of(t->run)->label, NAME, sizeof(session_of(t->run)->label));
	return (0);
}

void
session_stop(struct session *s)
{
	s->stopping = 1;
}

static void
tried(struct client *c, const struct ctl_tried *m)
{
	assert_ptr_equal(c, me);
	shown[nshown++] = *m;
}

static struct ctl_envelope envelopes[ENVFIELD_MAX + 1];
static size_t		 nenvelopes;

static void
tried_envelope(struct client *c, const struct ctl_envelope *m)
{
	assert_ptr_equal(c, me);
	assert_false(answered);
	envelopes[nenvelopes++] = *m;
}

static void
tried_end(struct client *c, int ok, const char *text)
{
	assert_ptr_equal(c, me);
	answered++;
	answer_ok = ok;
	strlcpy(answer, text, sizeof(answer));
}

static const struct try_calls	 calls = { tried, tried_envelope, tried_end };

/* Slices of two rows. */
enum db
state_seen_slice(int64_t mailbox, struct state_place *at, int (*cb)(void *, const struct seen_row *), void *arg)
{
	size_t	 i, end;

	(void)mailbox;
	memcpy(&i, at->uid, sizeof(i));
	end = nrows - i > 2 ? i + 2 : nrows;
	for (; i < end; i++)
		assert_int_equal(cb(arg, &rows[i]), 0);
	memcpy(at->uid, &end, sizeof(end));
	return (end < nrows ? DB_MORE : DB_OK);
}

/* Through all of its slices. */
static enum plan_result
through(struct session *s, enum plan_result result)
{
	for (; result == PLAN_MORE; slices++)
		result = plan_go_on(s);
	return (result);
}
#define try_plan(s, listing)	through((s), (try_plan)((s), (listing)))

/* What is known of the mailbox that the record had before. */
static enum former_found	 before;
static enum former_past		 past_of;
static struct former_seen	 former = { .mailbox = 99, .words = "anna@example.org/old at pop.example.net:995, login anna" };
static int			 left_unproven;

enum former_found
former_look(struct session *s, enum former_past *past, struct former_seen *f)
{
	assert_non_null(s->run.task);
	*past = past_of;
	if (before == FOUND_ONE)
		*f = former;
	return (before);
}

enum db
state_unproven(int64_t mailbox)
{
	assert_int_equal(mailbox == former.mailbox, before == FOUND_ONE);
	return (left_unproven ? DB_OK : DB_NONE);
}

enum db
state_listed(int64_t mailbox)
{
	(void)mailbox;
	return (listed ? DB_OK : DB_NONE);
}

enum db
state_renumber_get(int64_t mailbox, enum renumber *what)
{
	(void)mailbox;
	*what = RENUMBER_NOT;
	return (DB_OK);
}

enum db
state_seen_digests(int64_t mailbox, const uint8_t *uid, size_t uidlen, struct seen_digests *p)
{
	(void)mailbox;
	(void)uid;
	(void)uidlen;
	(void)p;
	return (DB_FAILED);
}

static int
setup(void **state)
{
	nshown = answered = nrows = nenvelopes = 0;
	listed = 1;
	before = FOUND_NONE;
	past_of = PAST_NONE;
	left_unproven = former.doubt = 0;
	return (world_setup(state));
}

static struct session *
begin(uint32_t count)
{
	struct task	*t = &sched_tasks[0];

	assert_int_equal(try_start(&calls, me, NAME, err, sizeof(err)), 0);
	assert_non_null(t->run);
	assert_int_equal(plan_init(&session_of(t->run)->plan, count), 0);
	return (session_of(t->run));
}

static void
end(struct session *s)
{
	sched_end(&s->run);
	try_end(s);
	plan_free(&s->plan);
	free(s);
}

static void
list(struct session *s, uint32_t msgno, const char *uid, uint32_t size)
{
	assert_int_equal(plan_add(&s->plan, msgno, (const uint8_t *)uid, strlen(uid)), 0);
	s->plan.msgs[msgno].size = size;
}

static struct seen_row *
row(const char *uid, enum seen_state state)
{
	rows[nrows] = (struct seen_row){ .uid = (const uint8_t *)uid, .uidlen = strlen(uid), .state = state, .since = wall - 60 };
	return (&rows[nrows++]);
}

/* The deliverer on every message that is asked for. */
static void
tell(struct session *s)
{
	struct msg_session_tried	 m = { .text = "to example.org/anna\n" };

	for (m.msgno = 1; m.msgno <= s->plan.count; m.msgno++)
		if (s->plan.msgs[m.msgno].state == MESSAGE_PLANNED) {
			assert_int_equal(s->plan.msgs[m.msgno].action, ACTION_HEADERS);
			assert_int_equal(try_told(s, &m), 0);
		}
}

static const struct ctl_tried *
about(uint32_t msgno)
{
	size_t	 i;

	for (i = 0; i < nshown; i++)
		if (shown[i].number == msgno)
			return (&shown[i]);
	fail_msg("nothing about message %u", msgno);
	return (NULL);
}

static void
refused(const char *name, int rv, const char *why)
{
	assert_int_equal(try_start(&calls, me, name, err, sizeof(err)), rv);
	if (strstr(err, why) == NULL)
		fail_msg("%s: %s", why, err);
	assert_int_equal(nstarted, 0);
}

static void
test_refused(void **state)
{
	struct task	*t = &sched_tasks[0];

	(void)state;
	refused("anna@example.org", -1, "no such record");
	refused("anna@example.org/none", -1, "no such record");
	config.settings.processors = 0;
	refused(NAME, -1, "processors");
	config.settings.processors = 10;
	t->host->sessions = config.settings.host_sessions = 2;
	refused(NAME, 1, "host_sessions");
	t->host->sessions = 0;
	turn_stopping = 1;
	refused(NAME, -1, "stopping");
	turn_stopping = 0;
	ready = 0;
	refused(NAME, 1, "not running");
	ready = 1;
	t->polled = 1;
	t->ended = now;
	t->login_delay = 60;
	refused(NAME, -1, "in 60 s");
	world_later(60000);
	end(begin(0));
	assert_int_equal(nstarted, 1);
	nstarted = 0;
	refused(NAME, -1, "in 60 s");	/* its own login counts */
	t->login_delay = 0;
	sched_add(t, now);
	sched_run(NULL);
	nstarted = 0;
	refused(NAME, 1, "is running");
}

static void
test_window(void **state)
{
	(void)state;
	records[0].schedule = "office";
	windows[0] = (struct window){ .name = "office", .days = 0x7f, .begins = 0, .ends = 1 };
	config.nwindows = 1;
	world_gates();
	while (gate_open(sched_tasks[0].gate))
		world_later(60000);
	refused(NAME, -1, "the schedule permits no session until ");
	records[0].schedule = "";
	world_gates();
}

/* Disabled, never polled, its host delayed: no obstacle, and as it was afterwards. */
static void
test_disabled(void **state)
{
	struct task	*t = &sched_tasks[0];

	(void)state;
	records[0].period = 0;
	t->host->state = HOST_DELAYED;
	t->host->until = now + 1000;
	end(begin(0));
	assert_int_equal(t->due, INT64_MAX);
	assert_int_equal(t->host->state, HOST_DELAYED);
	assert_int_equal(t->host->sessions, 0);
	assert_int_equal(t->polled, 0);
	assert_int_equal(t->rs.polls, 0);
	records[0].period = 600;
}

static void
test_place_in_schedule(void **state)
{
	struct task	*t = &sched_tasks[0];
	struct session	*s;
	struct poll_answer a;

	(void)state;
	sched_add(t, now + 5000);
	s = begin(0);
	assert_int_equal(t->host->sessions, 1);
	world_later(1000);
	end(s);
	assert_int_equal(t->due, now + 4000);
	s = begin(0);
	s->why = WHY_AUTH;
	s->stage = STAGE_LOGIN;
	world_later(6000);
	sched_run(NULL);
	assert_int_equal(nstarted, 2);		/* the two trials */
	end(s);
	assert_int_equal(t->rs.failures, 0);
	sched_run(NULL);
	assert_int_equal(nstarted, 3);		/* late, but not lost */
	world_end(t, STAGE_QUIT, WHY_NONE);
	s = begin(0);
	sched_poll(NAME, &a);
	assert_int_equal(a.matched, 1);
	end(s);
	sched_run(NULL);
	assert_int_equal(nstarted, 5);
}

static void
test_known(void **state)
{
	static const char *const	 uids[] = { "new", "kept", "deleting", "reused", "deleted", "marked", "aside", "failed",
					    "big", "header", "waiting" };
	static const struct {
		const char	*uid, *state;
		int		 looked;
	}				 want[] = {
		{ "new", "new", 1 }, { "kept", "delivered", 1 }, { "deleting", "delivered", 1 }, { "reused", "again", 1 },
		{ "deleted", "again", 1 }, { "marked", "marked", 1 }, { "aside", "aside", 0 }, { "failed", "suspect", 0 },
		{ "big", "oversize", 1 }, { "header", "oversize", 1 },
		{ "waiting", "waiting", 1 }, { "", "unnamed", 1 }
	};
	struct session			*s;
	size_t				 i;

	(void)state;
	row("kept", SEEN_KEPT);
	row("deleting", SEEN_DELETING);
	row("reused", SEEN_DELETING)->gone = wall - 10;
	row("deleted", SEEN_DELETED);
	row("marked", SEEN_MARKED);
	row("aside", SEEN_NEVER)->deaths = SUSPECT_DEATHS;
	row("failed", SEEN_NEVER)->failures = 1;
	row("header", SEEN_NEVER)->oversize = OVERSIZE_HEADER;
	row("waiting", SEEN_WAITING);
	row("elsewhere", SEEN_KEPT);
	s = begin(nitems(want));
	s->leave = 1;
	s->quota.max_size = 1000;
	s->quota.headers_only = 1;
	for (i = 0; i < nitems(uids); i++)
		list(s, (uint32_t)i + 1, uids[i], i >= 8 ? 2000 : 100);
	slices = 0;
	assert_int_equal(try_plan(s, LISTING_COMPLETE), PLAN_READY);
	assert_int_equal(slices, (nrows - 1) / 2);	/* between them the event loop */
	tell(s);
	assert_int_equal(nshown, nitems(want));
	for (i = 0; i < nitems(want); i++) {
		assert_string_equal(about((uint32_t)i + 1)->uid, want[i].uid);
		assert_string_equal(about((uint32_t)i + 1)->state, want[i].state);
		assert_int_equal(about((uint32_t)i + 1)->why[0] != '\0', want[i].looked);
	}
	assert_non_null(strstr(about(2)->what, "would stay"));
	assert_non_null(strstr(about(9)->what, "only its header"));
	assert_non_null(strstr(about(10)->what, "would stay"));
	assert_false(s->plan.made);	/* nothing for plan_confirm() to record */
	assert_int_equal(s->plan.nchanges, 0);
	s->done = 1;
	end(s);
	assert_int_equal(answered, 1);
	assert_true(answer_ok);
	assert_non_null(strstr(answer, "12 messages, 1 new, 1 unnamed, 2 delivered, 2 again, 1 waiting, 1 marked, 2 oversize, 1 suspect, 1 aside"));
}

/* Over leave_days, or not to be left: it would be deleted. */
static void
test_would_be_deleted(void **state)
{
	struct session	*s;
	int		 leave;

	(void)state;
	row("old", SEEN_KEPT)->since = wall - 5 * 86400;
	for (leave = 0; leave <= 1; leave++) {
		s = begin(1);
		s->leave = (uint32_t)leave;
		s->quota.leave_days = leave ? 5 : 0;
		list(s, 1, "old", 1);
		nshown = 0;
		assert_int_equal(try_plan(s, LISTING_COMPLETE), PLAN_READY);
		tell(s);
		assert_non_null(strstr(about(1)->what, "would be deleted"));
		end(s);
	}
}

static void
test_first_poll_marks(void **state)
{
	struct session	*s = begin(1);

	(void)state;
	listed = 0;
	s->quota.mark_first = 1;
	list(s, 1, "a", 1);
	assert_int_equal(try_plan(s, LISTING_COMPLETE), PLAN_READY);
	tell(s);
	assert_string_equal(about(1)->state, "marked");
	end(s);
}

/* The mailbox is new to the record, which had it before under another name, perhaps: that one's rows count, as a poll has them. */
static void
test_former(void **state)
{
	static const struct {
		enum former_found	 found;
		enum former_past	 past;
		int			 doubt;
		const char		*states[4], *sentence;
	}	 cases[] = {
		{ FOUND_NONE, PAST_NONE, 0, { "marked", "marked", "marked", "marked" }, "nothing was changed" },
		{ FOUND_NONE, PAST_POLLED, 0, { "new", "new", "new", "new" }, "nothing was changed" },
		{ FOUND_BUSY, PAST_POLLED, 0, { "new", "new", "new", "new" }, "; the mailbox that this record had before is still" },
		{ FOUND_ONE, PAST_POLLED, 0, { "new", "delivered", "marked", "waiting" },
		    "; the state of anna@example.org/old at pop.example.net:995, login anna would go along; nothing" },
		{ FOUND_ONE, PAST_POLLED, 1, { "new", "again", "new", "again" }, "login anna would go along to compare with;" }
	};
	static const char *const	 uids[] = { "new", "kept", "marked", "waiting" };
	struct session			*s;
	size_t				 i, k;

	(void)state;
	listed = 0;
	for (i = 0; i < nitems(cases); i++) {
		nrows = nshown = 0;
		if ((before = cases[i].found) == FOUND_ONE) {
			row("kept", SEEN_KEPT);
			row("marked", SEEN_MARKED);
			row("waiting", SEEN_WAITING);
		}
		past_of = cases[i].past;
		former.doubt = cases[i].doubt;
		left_unproven = i == 0;
		s = begin(nitems(uids));
		s->leave = s->quota.mark_first = 1;
		for (k = 0; k < nitems(uids); k++)
			list(s, (uint32_t)k + 1, uids[k], 100);
		assert_int_equal(try_plan(s, LISTING_COMPLETE), PLAN_READY);
		tell(s);
		end(s);
		for (k = 0; k < nitems(uids); k++)
			assert_string_equal(about((uint32_t)k + 1)->state, cases[i].states[k]);
		assert_non_null(strstr(answer, cases[i].sentence));
		assert_int_equal(strstr(answer, "ended without a word") != NULL, left_unproven);
	}
}

static void
test_newest(void **state)
{
	struct session	*s = begin(1500);
	char		 uid[16];
	uint32_t	 i;

	(void)state;
	for (i = 1; i <= 1500; i++) {
		snprintf(uid, sizeof(uid), "u%u", i);
		list(s, i, uid, 1);
	}
	assert_int_equal(try_plan(s, LISTING_COMPLETE), PLAN_READY);
	assert_int_equal(s->plan.msgs[500].action, 0);
	assert_int_equal(s->plan.msgs[501].action, ACTION_HEADERS);
	tell(s);
	end(s);
	assert_int_equal(nshown, 1000);
	assert_non_null(strstr(answer, "1500 messages, 1500 new; only the newest 1000 were looked at"));
}

/* No unique-id is believed of a listing that contradicts itself. */
static void
test_confused(void **state)
{
	struct session	*s = begin(1);

	(void)state;
	row("kept", SEEN_KEPT);
	list(s, 1, "kept", 1);
	assert_int_equal(try_plan(s, LISTING_CONFUSED), PLAN_READY);
	tell(s);
	assert_string_equal(about(1)->state, "unnamed");
	end(s);
}

static void
test_top(void **state)
{
	struct session	*s = begin(2);

	(void)state;
	list(s, 1, "a", 1);
	list(s, 2, "b", 1);
	s->has_top = 0;
	assert_int_equal(try_plan(s, LISTING_COMPLETE), PLAN_READY);
	tell(s);
	end(s);
	assert_int_equal(nshown, 2);
	assert_false(answer_ok);
	assert_non_null(strstr(answer, "has no TOP"));
	s = begin(1);
	list(s, 1, "a", 1);
	assert_int_equal(try_plan(s, LISTING_COMPLETE), PLAN_READY);
	try_skipped(s, 1, "-ERR never");
	end(s);
	assert_false(answer_ok);
	assert_non_null(strstr(answer, "-ERR never"));
	s = begin(1);
	list(s, 1, "a", 1);
	assert_int_equal(try_plan(s, LISTING_COMPLETE), PLAN_READY);
	end(s);
	assert_false(answer_ok);
	assert_non_null(strstr(answer, "ended before"));
}

static void
test_failure(void **state)
{
	struct session	*s = begin(0);

	(void)state;
	s->why = WHY_AUTH;
	s->stage = STAGE_LOGIN;
	strlcpy(s->error, "-ERR no", sizeof(s->error));
	strlcpy(s->where, "pop.example.net:995", sizeof(s->where));
	end(s);
	assert_false(answer_ok);
	assert_string_equal(answer, NAME ": pop.example.net:995: login: -ERR no");
}

/* Lines of printable ASCII are all a deliverer may say. */
static void
test_lies(void **state)
{
	struct session		*s = begin(1);
	struct msg_session_tried	 m = { .msgno = 1 };

	(void)state;
	list(s, 1, "a", 1);
	assert_int_equal(try_plan(s, LISTING_COMPLETE), PLAN_READY);
	strlcpy(m.text, "to \033[2J\n", sizeof(m.text));
	assert_int_equal(try_told(s, &m), -1);
	strlcpy(m.text, "to \xe4\n", sizeof(m.text));
	assert_int_equal(try_told(s, &m), -1);
	assert_int_equal(nshown, 0);
	end(s);
}

/* Which fields with envelope recipients there are: counted over the messages looked at, told ahead of the end. */
static void
test_envelope(void **state)
{
	static const struct msg_session_tried	 m[] = {
		{ .msgno = 1, .looked = 1, .had = 1, .counted = 1, .likely = 1 },
		{ .msgno = 2, .looked = 1, .had = 1, .likely = 1 | 1U << ENVFIELD_FOR },
		{ .msgno = 3, .looked = 1 },
		{ .msgno = 4 }		/* its header was too large */
	}, lies[] = {
		{ .msgno = 1, .looked = 2 }, { .msgno = 1, .had = 1 }, { .msgno = 1, .counted = 1 }, { .msgno = 1, .likely = 1 },
		{ .msgno = 1, .looked = 1, .had = 2 }, { .msgno = 1, .looked = 1, .likely = 1U << ENVFIELD_MAX }
	};
	struct session				*s;
	size_t					 i;

	(void)state;
	records[0].special = "X-Real-To";
	s = begin(nitems(m));
	for (i = 0; i < nitems(m); i++)
		list(s, (uint32_t)i + 1, (const char [2]){ (char)('a' + i), '\0' }, 1);
	assert_int_equal(try_plan(s, LISTING_COMPLETE), PLAN_READY);
	for (i = 0; i < nitems(lies); i++)
		assert_int_equal(try_told(s, &lies[i]), -1);
	for (i = 0; i < nitems(m); i++)
		assert_int_equal(try_told(s, &m[i]), 0);
	end(s);
	assert_true(answer_ok);
	assert_int_equal(nenvelopes, 3);
	assert_string_equal(envelopes[0].name, "X-Real-To");
	assert_int_equal(envelopes[0].special, 1);
	assert_int_equal(envelopes[0].looked, 3);
	assert_int_equal(envelopes[0].messages, 2);
	assert_int_equal(envelopes[0].counted, 1);
	assert_string_equal(envelopes[1].name, "Delivered-To");
	assert_int_equal(envelopes[1].messages, 2);
	assert_string_equal(envelopes[2].name, "Received (for)");
	assert_int_equal(envelopes[2].messages, 1);
	records[0].special = "";
	s = begin(1);			/* to its owner: nothing of that kind is told */
	list(s, 1, "a", 1);
	nenvelopes = 0;
	assert_int_equal(try_plan(s, LISTING_COMPLETE), PLAN_READY);
	tell(s);
	end(s);
	assert_int_equal(nenvelopes, 0);
}

/* Nobody listens any more. */
static void
test_abandoned(void **state)
{
	struct session	*s = begin(1);

	(void)state;
	list(s, 1, "a", 1);
	assert_int_equal(try_plan(s, LISTING_COMPLETE), PLAN_READY);
	try_abandon((struct client *)&nstarted);
	assert_false(s->stopping);
	try_abandon(me);
	assert_true(s->stopping);
	tell(s);
	end(s);
	assert_int_equal(nshown, 0);
	assert_int_equal(answered, 0);
}

#define T(f)	cmocka_unit_test_setup_teardown(f, setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		T(test_refused), T(test_window), T(test_disabled), T(test_place_in_schedule), T(test_known), T(test_would_be_deleted),
		T(test_first_poll_marks), T(test_former), T(test_newest), T(test_confused), T(test_top), T(test_failure), T(test_lies), T(test_envelope),
		T(test_abandoned),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
