/* SPDX-License-Identifier: ISC */
/* links: regress/unit/deliverer/spoolroot.c deliverer */
/* libs: -levent_core */
/* Links that stay in the spool: verdicts for each recipient, held over a start, opened, removed, moved. */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include <errno.h>
#include <event.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/compat.h"
#include "deliverer/deliverer.h"
#include "spoolroot.h"

#define A	"1.M2P3S4N5R0.mx"
#define B	"1.M2P3S4N5R1.mx"
#define C	"1.M2P3S4N5R2.mx"

static int
teardown(void **state)
{
	queue_exit();
	return (root_teardown(state));
}

static void
put(const char *name, const char *text)
{
	char	 path[256];

	snprintf(path, sizeof(path), "%s/%s", SPOOL_DIR, name);
	root_write(path, text, strlen(text));
}

static struct msg_link
named(const char *name)
{
	struct msg_link	 m;

	memset(&m, 0, sizeof(m));
	m.id = 77;
	strlcpy(m.link, name, sizeof(m.link));
	return (m);
}

static struct msg_rcpt
move_to(const char *name, const char *dest)
{
	struct msg_rcpt	 m;

	memset(&m, 0, sizeof(m));
	m.kind = RCPT_MAILDIR;
	strlcpy(m.link, name, sizeof(m.link));
	strlcpy(m.dest, dest, sizeof(m.dest));
	return (m);
}

static void
await(uint32_t type, size_t n)
{
	while (notes_count(type) < n)
		assert_int_equal(event_loop(EVLOOP_ONCE), 0);
}

/* A message of five recipients, one of each kind. */
static struct message *
message(void)
{
	static const enum rcpt_kind	 kinds[] = { RCPT_MAILDIR, RCPT_RELAY, RCPT_QUARANTINE, RCPT_REJECT, RCPT_MAILDIR };
	static const char *const	 people[] = { "example.org/anna", "bert@example.com", "x", "y", "example.org/carla" };
	struct message			*m;
	char				 err[256];
	uint32_t			 i;

	assert_non_null(m = message_new(NULL, 4, 5));
	assert_int_equal(message_recipients(m, nitems(kinds)), 0);
	for (i = 0; i < nitems(kinds); i++) {
		m->rcpts[i].kind = kinds[i];
		if (kinds[i] == RCPT_MAILDIR)
			assert_non_null(m->rcpts[i].dir = maildir_get(people[i], err, sizeof(err)));
		else
			assert_non_null(m->rcpts[i].dest = strdup(people[i]));
		m->nrcpt++;
		if (i > 0) {
			assert_int_equal(spool_link(&m->id, 0, i), 0);
			m->links++;
		}
	}
	assert_non_null(m->note = strdup("why"));
	assert_int_equal(write(m->fd, "A: b\n\nc\n", 8), 8);
	return (m);
}

/* Maildir links move, those of others stay, what nobody gets goes; each by itself. */
static void
test_verdicts(void **state)
{
	uint8_t			 verdicts[5] = { COMMIT_DISCARD, COMMIT_DELIVER, COMMIT_DISCARD, COMMIT_DELIVER, COMMIT_DELIVER };
	struct message		*m = message();
	struct spool_id		 id = m->id;
	char			 name[PROTO_LINK_SIZE];
	uint32_t		 i;

	(void)state;
	batch_add(m);
	batch_close();
	assert_int_equal(notes_count(IMSG_RECEIPT_RCPT), 5);
	assert_int_equal(notes_count(IMSG_RECEIPT_NOTE), 1);
	assert_int_equal(batch_committed(1, 1, verdicts), -1);		/* one verdict per recipient, not per message */
	assert_int_equal(batch_committed(1, 5, verdicts), 0);
	assert_int_equal(root_count("example.org/anna/new"), 0);
	assert_int_equal(root_count("example.org/carla/new"), 1);
	for (i = 0; i < 5; i++) {
		spool_name(&id, i, name, sizeof(name));
		assert_int_equal(spool_has(name), i == 1 || i == 3);
	}
	await(IMSG_RECEIPT_SETTLED, 1);
	assert_int_equal(batch_idle(), 1);
}

/* Nobody gets it: nothing is left. */
static void
test_discarded(void **state)
{
	uint8_t		 verdicts[5];

	(void)state;
	memset(verdicts, COMMIT_DISCARD, sizeof(verdicts));
	batch_add(message());
	batch_close();
	assert_int_equal(batch_committed(1, 5, verdicts), 0);
	assert_int_equal(root_count(SPOOL_DIR), 0);
	assert_int_equal(root_count("example.org/anna/new"), 0);
	await(IMSG_RECEIPT_SETTLED, 1);
}

/* A start: what is held stays, what is replayed is moved, what was in flight goes, anything else is set aside. */
static void
test_held(void **state)
{
	struct msg_rcpt	 replay = move_to(A, "example.org/anna");

	(void)state;
	recover_init();
	recover_begin(9, 1);
	put(A, "mail");
	put(B, "mail");
	put(C, "mail");
	put("1.M2P3S9N5R0.mx", "mail");
	assert_int_equal(queue_hold("../" B), -1);
	assert_int_equal(queue_hold("spool"), -1);
	assert_int_equal(queue_hold(B), 0);
	assert_int_equal(queue_hold(B), 0);
	assert_int_equal(queue_hold("1.M2P3S4N5R7.mx"), 0);		/* is not there: whoever opens it will see */
	recover_replay(&replay);
	recover_end(1);
	assert_int_equal(recovered, 1);
	assert_int_equal(spool_has(B), 1);
	assert_int_equal(root_count(SPOOL_DIR), 2);			/* B, and what was set aside */
	assert_int_equal(root_count("spool/aside"), 1);
	assert_int_equal(root_count("example.org/anna/new"), 1);
	assert_int_equal(notes_count(IMSG_REPLAY_SUSPECT), 1);
	assert_int_equal(queue_holds(B), 0);				/* nothing is remembered */
}

static void
test_open(void **state)
{
	static const char	 text[] = "Return-Path: <a@b>\nA: b\n\nc\n";
	struct msg_spool_opened	 answer;
	struct msg_link		 m = named(A);
	char			 buf[64], endless[4096];
	int			 fd;

	(void)state;
	assert_int_equal(queue_open(&m, &answer), -1);
	assert_int_equal(answer.error, ENOENT);
	assert_int_equal(answer.id, 77);
	put(A, text);
	assert_true((fd = queue_open(&m, &answer)) != -1);
	assert_int_equal(answer.error, 0);
	assert_int_equal(answer.octets, 8);
	assert_int_equal(read(fd, buf, sizeof(buf)), 8);
	assert_memory_equal(buf, "A: b\n\nc\n", 8);
	assert_int_equal(write(fd, "x", 1), -1);
	close(fd);
	/* Without the line, nothing is skipped; a line without an end is none of ours. */
	m = named(B);
	put(B, "A: b\n\n");
	assert_true((fd = queue_open(&m, &answer)) != -1);
	assert_int_equal(answer.octets, 6);
	close(fd);
	memset(endless, 'x', sizeof(endless));
	memcpy(endless, "Return-Path:", 12);
	endless[sizeof(endless) - 1] = '\0';
	m = named(C);
	put(C, endless);
	assert_int_equal(queue_open(&m, &answer), -1);
	assert_int_equal(answer.error, EINVAL);
}

/* Nothing but names of ours, and no way out of the spool. */
static void
test_open_refuses(void **state)
{
	struct msg_spool_opened	 answer;
	struct msg_link		 m = named("../" SPOOL_DIR "/" A);

	(void)state;
	put(A, "A: b\n");
	assert_int_equal(queue_open(&m, &answer), -1);
	assert_int_equal(answer.error, EINVAL);
	m = named(B);
	assert_int_equal(symlinkat(A, spool_fd(), B), 0);
	assert_int_equal(queue_open(&m, &answer), -1);
	assert_int_equal(answer.error, ELOOP);
	m = named(C);
	assert_int_equal(mkdirat(spool_fd(), C, 0700), 0);
	assert_int_equal(queue_open(&m, &answer), -1);
	assert_int_equal(answer.error, EINVAL);
	queue_remove("../" SPOOL_DIR "/" A);
	assert_int_equal(spool_has(A), 1);
}

static void
test_remove(void **state)
{
	(void)state;
	put(A, "x");
	put(B, "x");
	queue_remove(A);
	queue_remove(A);
	assert_int_equal(spool_has(A), 0);
	assert_int_equal(spool_has(B), 1);
}

/* MOVED is said once the move is durable, also of a link that was moved before. */
static void
test_move(void **state)
{
	struct msg_rcpt	 m = move_to(A, "example.org/anna");
	struct msg_link	 moved;

	(void)state;
	put(A, "mail");
	assert_int_equal(queue_move(&m), 0);
	assert_int_equal(root_count("example.org/anna/new"), 1);
	assert_int_equal(notes_count(IMSG_SPOOL_MOVED), 0);
	await(IMSG_SPOOL_MOVED, 1);
	memcpy(&moved, notes_nth(IMSG_SPOOL_MOVED, 0)->data, sizeof(moved));
	assert_string_equal(moved.link, A);
	assert_int_equal(queue_move(&m), 0);
	await(IMSG_SPOOL_MOVED, 2);
	assert_int_equal(root_count("example.org/anna/new"), 1);
	m = move_to("../x", "example.org/anna");
	assert_int_equal(queue_move(&m), -1);
	m = move_to(A, "../anna");
	assert_int_equal(queue_move(&m), -1);
}

/* It cannot be moved now: it stays in the spool, and nothing is said. */
static void
test_move_waits(void **state)
{
	struct msg_rcpt	 m = move_to(A, "example.org/anna");

	(void)state;
	put(A, "mail");
	root_write("example.org", "a file", 6);
	assert_int_equal(queue_move(&m), 0);
	assert_int_equal(event_loop(EVLOOP_NONBLOCK), 0);
	assert_int_equal(notes_count(IMSG_SPOOL_MOVED), 0);
	assert_int_equal(spool_has(A), 1);
}

int
main(void)
{
#define RUN(test)	cmocka_unit_test_setup_teardown(test, root_setup, teardown)
	const struct CMUnitTest	 tests[] = {
		RUN(test_verdicts), RUN(test_discarded), RUN(test_held), RUN(test_open), RUN(test_open_refuses), RUN(test_remove),
		RUN(test_move), RUN(test_move_waits),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
