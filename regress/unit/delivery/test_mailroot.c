/* SPDX-License-Identifier: ISC */
/* links: rpopd/delivery */
/* libs: -levent_core */
/* Do a mail root and a state.db belong together?  Every combination of what they say of each other. */
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "rpopd/child/child.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/poll/poll.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "rpopd/turn/turn.h"

struct config		*config_running;
struct routing		*config_routing;
int64_t			 config_loaded;
uint64_t		 config_loaded_version;
char			 config_load_error[PROTO_TEXT_SIZE];
struct child		*child_of[ROLE_MAX];
struct runs		 sched_runs = TAILQ_HEAD_INITIALIZER(sched_runs);
uint32_t		 sched_nruns;
struct options		 options;

/* What mailroot.c wants of others; nothing of it is called here. */
void state_root(struct root_state *r) { memset(r, 0, sizeof(*r)); }
enum db state_root_peek(const char *p, struct root_state *r, char *e, size_t n) { (void)p; (void)e; (void)n; state_root(r); return (0); }
enum db state_root_joined(enum root_joined j) { (void)j; return (-1); }
enum db state_root_declare(const uint8_t i[16], uint64_t c) { (void)i; (void)c; return (-1); }
enum db state_root_started(void) { return (-1); }
uint64_t state_counter(void) { return (0); }
void state_on_count(void (*fn)(void)) { (void)fn; }
int link_send(struct link *l, uint32_t t, int fd, const void *p, size_t n) { (void)l; (void)t; (void)fd; (void)p; (void)n; return (-1); }
void turn_soon(void) { }
void child_soon(enum role r) { (void)r; }

static int
judge(enum root_joined joined, uint32_t session, int there, int file, int same, uint64_t counter, char *err)
{
	struct root_state	 st = { .counter = 100, .durable = 90, .session = session, .joined = joined };
	struct root_found	 f = { .there = there, .spool = there == 2, .file = file };

	memset(st.identity, 'a', sizeof(st.identity));
	memset(f.has.identity, same ? 'a' : 'b', sizeof(f.has.identity));
	f.has.counter = counter;
	err[0] = '\0';
	return (mailroot_judge(&st, &f, "/mail", err, 512));
}

static void
test_belong(void **state)
{
	static const struct {
		enum root_joined joined;
		uint32_t	 session;
		int		 there, file, same;	/* there: 2 with a spool */
		uint64_t	 counter;
		int		 verdict;
		const char	*says;
	}	 cases[] = {
		{ ROOT_NEW, 1, 0, 0, 0, 0, ROOT_JOIN, "" },			/* the very first start */
		{ ROOT_NEW, 1, 1, 0, 0, 0, ROOT_JOIN, "" },
		{ ROOT_NEW, 1, 2, 0, 0, 0, ROOT_JOIN, "" },			/* what is in the spool will be set aside */
		{ ROOT_NEW, 1, 2, 1, 1, 0, ROOT_JOIN, "" },			/* killed in between */
		{ ROOT_NEW, 1, 2, 1, 0, 95, -1, "state.db is new" },
		{ ROOT_NEW, 1001, 2, 0, 0, 0, ROOT_JOIN, "" },			/* of an older schema */
		{ ROOT_NEW, 1001, 1, 0, 0, 0, -1, "has no spool" },
		{ ROOT_NEW, 1001, 0, 0, 0, 0, -1, "has no spool" },
		{ ROOT_JOINED, 1, 2, 1, 1, 95, 0, "" },
		{ ROOT_JOINED, 1, 2, 1, 1, 90, 0, "" },
		{ ROOT_JOINED, 1, 2, 1, 1, 100, 0, "" },
		{ ROOT_TAKEN, 1, 2, 1, 1, 100, 0, "" },
		{ ROOT_DECLARED, 1, 2, 1, 1, 100, 0, "" },
		{ ROOT_JOINED, 1, 2, 1, 1, 101, -1, "state.db is older" },
		{ ROOT_JOINED, 1, 2, 1, 1, 89, -1, "is older than state.db" },
		{ ROOT_JOINED, 1, 2, 1, 0, 95, -1, "belongs to another state.db" },
		{ ROOT_JOINED, 1, 2, 0, 0, 0, -1, "it has no .rpopd" },
		{ ROOT_JOINED, 1, 0, 0, 0, 0, -1, "does not exist" },
		{ ROOT_DECLARED, 1, 1, 0, 0, 0, -1, "it has no .rpopd" },
	};
	char	 err[512];
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(cases); i++)
		if (judge(cases[i].joined, cases[i].session, cases[i].there, cases[i].file, cases[i].same, cases[i].counter, err) !=
		    cases[i].verdict || strstr(err, cases[i].says) == NULL ||
		    (cases[i].verdict == -1) != (strstr(err, "rpopd -A") != NULL))
			fail_msg("case %zu: %s", i, err);
}

/* A daemon that runs counts on while somebody looks: only the identity tells. */
static void
test_in_use(void **state)
{
	struct root_state	 st = { .counter = 100, .durable = 90, .joined = ROOT_JOINED };
	struct root_found	 f = { .there = 1, .spool = 1, .file = 1, .used = 1 };
	char			 err[512];

	(void)state;
	f.has.counter = 120;
	assert_int_equal(mailroot_judge(&st, &f, "/mail", err, sizeof(err)), 0);
	f.has.identity[15] = 1;
	assert_int_equal(mailroot_judge(&st, &f, "/mail", err, sizeof(err)), -1);
}

static void
test_file(void **state)
{
	struct rootfile	 f = { .counter = 42, .holder = "used by process 1" }, back;
	char		 name[] = "/tmp/rprootfile.XXXXXX", byte;
	int		 fd, i;

	(void)state;
	assert_true((fd = mkstemp(name)) != -1);
	unlink(name);
	for (i = 0; i < ROOTFILE_ID_LEN; i++)
		f.identity[i] = i * 17 + 1;
	assert_int_equal(rootfile_read(fd, &back), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(rootfile_write(fd, &f), 0);
	assert_int_equal(rootfile_read(fd, &back), 0);
	assert_memory_equal(&f, &back, sizeof(f));
	assert_int_equal(rootfile_counter(fd, UINT64_MAX), 0);
	assert_int_equal(rootfile_holder(fd, "it\033is"), 0);
	assert_int_equal(rootfile_read(fd, &back), 0);
	assert_true(back.counter == UINT64_MAX);
	assert_string_equal(back.holder, "it?is");
	assert_memory_equal(f.identity, back.identity, sizeof(f.identity));
	/* No octet of the first lines may be another. */
	for (i = 0; i < 90; i++) {
		if (i == 18 + 9 + 32 + 9 + 20 + 1)
			break;
		assert_int_equal(pread(fd, &byte, 1, i), 1);
		assert_int_equal(pwrite(fd, "x", 1, i), 1);
		if (rootfile_read(fd, &back) != -1)
			fail_msg("octet %d", i);
		assert_int_equal(pwrite(fd, &byte, 1, i), 1);
	}
	assert_int_equal(rootfile_read(fd, &back), 0);
	assert_int_equal(ftruncate(fd, 60), 0);
	assert_int_equal(rootfile_read(fd, &back), -1);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = { cmocka_unit_test(test_belong), cmocka_unit_test(test_in_use), cmocka_unit_test(test_file) };

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
