/* SPDX-License-Identifier: ISC */
/* links: rpopd/poll/plan rpopd/state */
/* Whether a mailbox is the one that a record had before: every row of the table in former.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rpopd/config/config.h"
#include "rpopd/poll/plan/plan_int.h"
#include "rpopd/poll/poll.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"

struct task		*sched_tasks;
size_t			 sched_ntasks;
struct runs		 sched_runs = TAILQ_HEAD_INITIALIZER(sched_runs);

static struct former		 formers[20];
static size_t			 nformers;
static struct former_message	 known[20][64];	/* of formers[]; the end has no unique-id */
static char			 uids[64][8];
static size_t			 unprove_slices;
static int64_t			 adopted;
static int			 adopted_doubt;
static char			 adopted_origin[PROTO_ORIGIN_SIZE];

enum db
state_formers(int64_t mailbox, int (*cb)(void *, const struct former *), void *arg)
{
	size_t	 i;

	assert_int_equal(mailbox, 100);
	for (i = 0; i < nformers; i++)
		if (cb(arg, &formers[i]) != 0)
			break;
	return (DB_OK);
}

enum db
state_former_rows(int64_t mailbox, void (*cb)(void *, const struct former_message *), void *arg)
{
	size_t	 i;

	for (i = 0; known[mailbox][i].uid != NULL; i++)
		cb(arg, &known[mailbox][i]);
	return (DB_OK);
}

enum db
state_former_adopt(const struct former *f, int64_t mailbox, const struct record *rec, int doubt, const char *origin, int64_t now)
{
	(void)now;
	assert_int_equal(mailbox, 100);
	assert_ptr_equal(rec, sched_tasks[0].rec);
	adopted = f->id;
	adopted_doubt = doubt;
	strcpy(adopted_origin, origin);
	return (DB_OK);
}

enum db
state_record_get(int64_t mailbox, struct record_state *rs)
{
	(void)mailbox;
	memset(rs, 0, sizeof(*rs));
	rs->messages = 40;
	rs->last_success = 1000;
	return (DB_OK);
}

/* Takes unprove_slices slices; the length of the unique-id in the place counts them. */
enum db
state_unprove_slice(int64_t mailbox, struct unprove *u)
{
	(void)mailbox;
	return (u->at.uidlen++ < unprove_slices ? DB_MORE : DB_OK);
}

static int64_t	 listed;		/* the only mailbox that state_listed() says yes to */

enum db
state_listed(int64_t mailbox)
{
	return (mailbox == listed ? DB_OK : DB_NONE);
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

static struct record	 rec;
static struct task	 task;

static struct former *
former(const char *account, const char *record, const char *host, uint16_t port, const char *login)
{
	struct former	*f = &formers[nformers];

	memset(f, 0, sizeof(*f));
	f->id = (int64_t)nformers++;
	strcpy(f->account, account);
	strcpy(f->record, record);
	strcpy(f->host, host);
	strcpy(f->login, login);
	f->port = port;
	memset(known[f->id], 0, sizeof(known[0]));
	return (f);
}

static void
knows(const struct former *f, size_t n, int64_t size, int64_t step)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		known[f->id][i] = (struct former_message){ (const uint8_t *)uids[i], strlen(uids[i]), size == 0 ? 0 : size +
		    (int64_t)i * step, 0 };
}

/* A session whose record lists n messages of these sizes. */
static void
begin(struct session *s, uint32_t n, uint32_t size, uint32_t step)
{
	uint32_t	 i;

	memset(s, 0, sizeof(*s));
	sched_tasks = NULL;
	sched_ntasks = 0;
	TAILQ_INIT(&sched_runs);
	rec = (struct record){ .owner = "anna@example.org", .name = "isp", .host = "pop.example.net", .port = 995, .user = "anna" };
	memset(&task, 0, sizeof(task));
	task.rec = &rec;
	task.mailbox = s->mailbox = 100;
	task.run = &s->run;
	s->run.task = &task;
	sched_tasks = &task;
	sched_ntasks = 1;
	TAILQ_INSERT_TAIL(&sched_runs, &s->run, entry);
	nformers = 0;
	adopted = -1;
	assert_int_equal(plan_init(&s->plan, n), 0);
	for (i = 0; i < 64; i++)
		snprintf(uids[i], sizeof(uids[i]), "%u", i + 1);
	for (i = 1; i <= n; i++) {
		assert_int_equal(plan_add(&s->plan, i, (const uint8_t *)uids[i - 1], strlen(uids[i - 1])), 0);
		s->plan.msgs[i].size = size + (i - 1) * step;
	}
	assert_int_equal(plan_index(&s->plan), 0);
}

static enum kinship
kin(const char *account, const char *record, const char *host, uint16_t port, const char *login, const char *now_host,
    const char *now_login)
{
	struct former	 f;
	struct record	 r = { .owner = "anna@example.org", .name = "isp", .host = now_host, .port = 995, .user = now_login };

	memset(&f, 0, sizeof(f));
	strcpy(f.account, account);
	strcpy(f.record, record);
	strcpy(f.host, host);
	strcpy(f.login, login);
	f.port = port;
	return (former_kin(&f, &r));
}

static void
test_kin(void **state)
{
	const char	*a = "anna@example.org", *b = "bert@example.org";

	(void)state;
	assert_int_equal(kin(a, "isp", "h.example.net", 110, "anna", "h.example.net", "anna"), KIN_LOGIN);	/* port */
	assert_int_equal(kin(a, "isp", "h.example.net", 110, "anna", "h.example.net", "anna@example.net"), KIN_LOGIN);
	assert_int_equal(kin(a, "isp", "h.example.net", 110, "anna@example.net", "h.example.net", "anna"), KIN_LOGIN);
	assert_int_equal(kin(a, "isp", "h.example.net", 110, "anna", "pop.example.com", "anna"), KIN_LOGIN);	/* host renamed */
	assert_int_equal(kin(a, "old", "h.example.net", 110, "anna", "H.Example.NET", "anna"), KIN_LOGIN);	/* record renamed */
	assert_int_equal(kin(b, "isp", "pop3.example.net", 110, "anna", "pop.example.net", "anna"), KIN_LOGIN);	/* account moved */
	assert_int_equal(kin(b, "x", "h.example.net", 110, "anna@a.example", "pop.example.com", "anna@a.example"), KIN_LOGIN);
	assert_int_equal(kin(a, "isp", "h.example.net", 110, "u4711", "h.example.net", "anna"), KIN_RECORD);
	assert_int_equal(kin(a, "isp", "h.example.net", 110, "ann", "h.example.net", "anna"), KIN_RECORD);
	assert_int_equal(kin(b, "isp", "h.example.net", 110, "bert", "h.example.net", "anna"), KIN_NONE);
	assert_int_equal(kin(b, "isp", "h.example.net", 110, "anna", "pop.example.com", "anna"), KIN_NONE);
	assert_int_equal(kin(b, "isp", "pop.isp1.co.uk", 110, "anna", "pop.isp2.co.uk", "anna"), KIN_NONE);
	assert_int_equal(kin(b, "isp", "pop.isp1.co.uk", 110, "anna", "mail.isp1.co.uk", "anna"), KIN_LOGIN);
	assert_int_equal(kin(b, "isp", "192.0.2.1", 110, "anna", "198.51.2.1", "anna"), KIN_NONE);
	assert_int_equal(kin(b, "isp", "2001:db8::1", 110, "anna", "2001:db8::2", "anna"), KIN_NONE);
	assert_int_equal(kin(b, "isp", "localhost", 110, "anna", "localhost", "anna"), KIN_LOGIN);
	assert_int_equal(kin(b, "isp", "localhost", 110, "anna", "otherhost", "anna"), KIN_NONE);
	assert_int_equal(kin(b, "isp", "example.net.", 110, "anna", "example.net", "anna"), KIN_NONE);
}

static enum former_proof
judge(enum kinship k, uint32_t rows, uint32_t equal, uint32_t differ, uint32_t close, uint32_t unsized, int64_t step)
{
	struct former_count	 c;
	uint32_t		 i;

	memset(&c, 0, sizeof(c));
	c.rows = rows;
	for (i = 0; i < equal; i++)
		former_size(&c, 1000 + i * step, 1000 + i * step);
	for (i = 0; i < differ; i++)
		former_size(&c, 1000, 9000);
	for (i = 0; i < close; i++)
		former_size(&c, 1000, 1001);
	for (i = 0; i < unsized; i++)
		former_size(&c, 0, 1000);
	return (former_judge(&c, k));
}

static void
test_judge(void **state)
{
	(void)state;
	assert_int_equal(judge(KIN_LOGIN, 5, 0, 0, 0, 0, 1), FORMER_OTHER);		/* none is there */
	assert_int_equal(judge(KIN_LOGIN, 0, 0, 0, 0, 0, 1), FORMER_OTHER);
	assert_int_equal(judge(KIN_NONE, 50, 50, 0, 0, 0, 1), FORMER_OTHER);
	assert_int_equal(judge(KIN_LOGIN, 10, 0, 10, 0, 0, 1), FORMER_OTHER);		/* counters, and other mail */
	assert_int_equal(judge(KIN_LOGIN, 10, 8, 2, 0, 0, 1), FORMER_OTHER);
	assert_int_equal(judge(KIN_RECORD, 100, 80, 20, 0, 0, 1), FORMER_OTHER);
	assert_int_equal(judge(KIN_LOGIN, 100, 95, 5, 0, 0, 1), FORMER_SAME);
	assert_int_equal(judge(KIN_LOGIN, 3, 3, 0, 0, 0, 1), FORMER_SAME);
	assert_int_equal(judge(KIN_LOGIN, 3, 3, 0, 0, 0, 0), FORMER_SAME);
	assert_int_equal(judge(KIN_LOGIN, 2, 2, 0, 0, 0, 1), FORMER_DOUBT);
	assert_int_equal(judge(KIN_LOGIN, 500, 3, 0, 0, 0, 1), FORMER_SAME);		/* most were deleted elsewhere */
	assert_int_equal(judge(KIN_RECORD, 8, 8, 0, 0, 0, 1), FORMER_SAME);
	assert_int_equal(judge(KIN_RECORD, 7, 7, 0, 0, 0, 1), FORMER_DOUBT);
	assert_int_equal(judge(KIN_RECORD, 500, 500, 0, 0, 0, 0), FORMER_DOUBT);	/* alarms of a machine: one size */
	assert_int_equal(judge(KIN_LOGIN, 20, 0, 0, 0, 20, 1), FORMER_SAME);
	assert_int_equal(judge(KIN_LOGIN, 19, 0, 0, 0, 19, 1), FORMER_DOUBT);
	assert_int_equal(judge(KIN_LOGIN, 30, 0, 0, 0, 20, 1), FORMER_DOUBT);
	assert_int_equal(judge(KIN_LOGIN, 50, 0, 0, 0, 20, 1), FORMER_OTHER);
	assert_int_equal(judge(KIN_RECORD, 200, 0, 0, 0, 200, 1), FORMER_DOUBT);	/* ids alone */
	assert_int_equal(judge(KIN_LOGIN, 50, 0, 0, 50, 0, 1), FORMER_DOUBT);		/* sizes that are estimates */
	assert_int_equal(judge(KIN_RECORD, 50, 7, 0, 0, 0, 1), FORMER_OTHER);
}

static void
test_adopted(void **state)
{
	struct session	 s;
	enum former_past past;

	(void)state;
	begin(&s, 12, 1000, 7);
	knows(former("anna@example.org", "isp", "pop.example.net", 110, "anna"), 10, 1000, 7);
	assert_int_equal(former_find(&s, &past), FOUND_ONE);
	assert_int_equal(past, PAST_POLLED);
	assert_int_equal(adopted, 0);
	assert_int_equal(adopted_doubt, 0);
	assert_int_equal(s.mailbox, 0);
	assert_int_equal(task.mailbox, 0);
	assert_int_equal(task.rs.messages, 40);
	assert_int_equal(task.rs.last_success, 1000);
	assert_non_null(strstr(adopted_origin, "anna@example.org/isp at pop.example.net:110, login anna, on "));
	plan_free(&s.plan);
}

/* Of several former mailboxes the one that is proven is taken, not the last one; one in doubt only if none is proven. */
static void
test_several(void **state)
{
	struct session	 s;
	enum former_past past;

	(void)state;
	begin(&s, 12, 1000, 7);
	knows(former("anna@example.org", "isp", "pop.example.net", 110, "berta"), 2, 1000, 7);	/* doubt */
	knows(former("anna@example.org", "isp", "pop.example.org", 110, "anna"), 12, 5000, 7);	/* another */
	knows(former("anna@example.org", "was", "pop.example.net", 110, "anna"), 12, 1000, 7);	/* it is this */
	knows(former("bert@example.org", "own", "pop.example.net", 110, "bert"), 12, 1000, 7);	/* not asked */
	assert_int_equal(former_find(&s, &past), FOUND_ONE);
	assert_int_equal(adopted, 2);
	assert_int_equal(adopted_doubt, 0);
	plan_free(&s.plan);

	begin(&s, 12, 1000, 7);
	knows(former("anna@example.org", "isp", "pop.example.net", 110, "berta"), 2, 1000, 7);
	assert_int_equal(former_find(&s, &past), FOUND_ONE);
	assert_int_equal(adopted_doubt, 1);
	assert_non_null(strstr(adopted_origin, "in doubt"));
	plan_free(&s.plan);
}

/*
 * Records with one remote mailbox keep the state that each of them had, and another record takes that of none that is still to be
 * listed.
 */
static void
test_shared(void **state)
{
	struct record	 bert = { .owner = "bert@example.org", .name = "isp", .host = "pop.example.net", .port = 995,
	    .user = "anna" };
	struct task	 tasks[2];
	struct session	 s;
	enum former_past past;

	(void)state;
	begin(&s, 12, 1000, 7);
	knows(former("bert@example.org", "isp", "pop.example.net", 110, "anna"), 12, 1000, 7);
	knows(former("anna@example.org", "isp", "pop.example.net", 110, "anna"), 2, 1000, 7);
	assert_int_equal(former_find(&s, &past), FOUND_ONE);
	assert_int_equal(adopted, 1);
	plan_free(&s.plan);

	for (listed = 0; listed <= 101; listed += 101) {
		begin(&s, 12, 1000, 7);
		knows(former("bert@example.org", "isp", "pop.example.net", 110, "anna"), 12, 1000, 7);
		memset(tasks, 0, sizeof(tasks));
		tasks[0] = task;
		tasks[1].rec = &bert;
		tasks[1].mailbox = 101;
		s.run.task = sched_tasks = tasks;
		sched_ntasks = 2;
		assert_int_equal(former_find(&s, &past), listed == 101 ? FOUND_ONE : FOUND_NONE);
		assert_int_equal(adopted, listed == 101 ? 0 : -1);
		plan_free(&s.plan);
	}
	listed = 0;
}

/* Another mailbox is left alone, and whether the record was polled before is known all the same. */
static void
test_other(void **state)
{
	struct session	 s;
	enum former_past past;
	struct former	*f;

	(void)state;
	begin(&s, 12, 1000, 7);
	assert_int_equal(former_find(&s, &past), FOUND_NONE);
	assert_int_equal(past, PAST_NONE);
	f = former("anna@example.org", "isp", "pop.example.com", 110, "u4711");
	knows(f, 12, 8000, 7);
	assert_int_equal(former_find(&s, &past), FOUND_NONE);
	assert_int_equal(past, PAST_KIN);		/* it was removed before this record was made */
	f->replaced = 1;
	assert_int_equal(former_find(&s, &past), FOUND_NONE);
	assert_int_equal(past, PAST_POLLED);
	assert_int_equal(adopted, -1);
	assert_int_equal(s.mailbox, 100);
	plan_free(&s.plan);

	begin(&s, 0, 0, 0);				/* nothing is listed: nothing is proven, one way or the other */
	knows(former("anna@example.org", "isp", "pop.example.net", 110, "anna"), 3, 1000, 7);
	assert_int_equal(former_find(&s, &past), FOUND_NONE);
	assert_int_equal(past, PAST_POLLED);
	plan_free(&s.plan);
}

/* A session that lost its record may still commit in the former mailbox: the listing waits for its end. */
static void
test_busy(void **state)
{
	struct session	 s, other;
	enum former_past past;

	(void)state;
	begin(&s, 12, 1000, 7);
	knows(former("anna@example.org", "isp", "pop.example.net", 110, "anna"), 12, 1000, 7);
	memset(&other, 0, sizeof(other));
	TAILQ_INSERT_TAIL(&sched_runs, &other.run, entry);
	assert_int_equal(former_find(&s, &past), FOUND_BUSY);
	assert_int_equal(adopted, -1);
	TAILQ_REMOVE(&sched_runs, &other.run, entry);
	assert_int_equal(former_find(&s, &past), FOUND_ONE);
	plan_free(&s.plan);
}

/* No more than FORMER_MAX former mailboxes are looked at. */
static void
test_many(void **state)
{
	struct session	 s;
	enum former_past past;
	int		 i;

	(void)state;
	begin(&s, 12, 1000, 7);
	for (i = 0; i < 16; i++)
		knows(former("anna@example.org", "isp", "pop.example.net", 110, "anna"), 12, 9000, 7);
	knows(former("anna@example.org", "isp", "pop.example.net", 110, "anna"), 12, 1000, 7);
	assert_int_equal(former_find(&s, &past), FOUND_NONE);
	plan_free(&s.plan);
}

/*
 * Former mailboxes whose last session ended without a word are made ready in slices, one after the other, before one is compared.
 */
static void
test_slices(void **state)
{
	struct session	 s;
	enum former_past past;
	int		 i;

	(void)state;
	begin(&s, 12, 1000, 7);
	knows(former("anna@example.org", "isp", "pop.example.net", 110, "anna"), 12, 9000, 7);
	knows(former("anna@example.org", "isp", "pop.example.net", 110, "anna"), 12, 1000, 7);
	unprove_slices = 5;
	for (i = 0; i < 5; i++)
		assert_int_equal(former_find(&s, &past), FOUND_MORE);
	unprove_slices = 0;			/* the first mailbox is ready now; the second one always was */
	assert_int_equal(former_find(&s, &past), FOUND_ONE);
	assert_int_equal(adopted, formers[1].id);
	plan_free(&s.plan);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_slices),
		cmocka_unit_test(test_kin),
		cmocka_unit_test(test_judge),
		cmocka_unit_test(test_adopted),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_other),
		cmocka_unit_test(test_busy),
		cmocka_unit_test(test_many),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
