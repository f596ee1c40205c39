/* SPDX-License-Identifier: ISC */
/* links: regress/unit/deliverer/spoolroot.c deliverer */
/* libs: -levent_core */
/* Group commit: what is in a batch, what its verdicts do, and what a failure costs. */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>
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
#include "common/ipc/imsg.h"
#include "deliverer/deliverer.h"
#include "spoolroot.h"

static const char *const	 people[] = { "postmaster", "anna" };
static int			 pipe_end = -1;

static void
session(uint32_t id)
{
	struct msg_session_open	 open;
	int			 sp[2];

	root_routes(people, nitems(people));
	memset(&open, 0, sizeof(open));
	open.session = id;
	open.mode = DIST_OWNER;
	open.account = 2;
	open.tls = TLS_MODE_TLS;
	strlcpy(open.domain, "example.org", sizeof(open.domain));
	strlcpy(open.host, "pop.example.net", sizeof(open.host));
	strlcpy(open.address, "192.0.2.1", sizeof(open.address));
	strlcpy(open.record, "anna@example.org/pop", sizeof(open.record));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sp), 0);
	assert_non_null(ingest_open(&open, sp[0]));
	pipe_end = sp[1];
}

static int
teardown(void **state)
{
	if (pipe_end != -1)
		close(pipe_end);
	pipe_end = -1;
	ingest_exit();
	ingest_pause(0);
	return (root_teardown(state));
}

/* Tiny messages, numbered from first; returns how many could be written before nobody reads any more. */
static uint32_t
feed(uint32_t first, uint32_t n)
{
	static const char	 text[] = "A: b\r\n\r\nx\r\n";
	struct {
		struct imsg_hdr		 hdr;
		struct msg_begin	 msg;
	}			 begin = { { IMSG_MSG_BEGIN, sizeof(begin), 0, 0 }, { 0, 0, 0 } };
	struct imsg_hdr		 data = { IMSG_MSG_DATA, sizeof(data) + sizeof(text) - 1, 0, 0 };
	struct imsg_hdr		 end = { IMSG_MSG_END, sizeof(end) + sizeof(struct msg_end), 0, 0 };
	struct msg_end		 last;
	uint8_t			 frames[sizeof(begin) + sizeof(data) + sizeof(text) + sizeof(end) + sizeof(last)], *p;
	uint32_t		 i;

	memset(&last, 0, sizeof(last));
	for (i = 0; i < n; i++) {
		begin.msg.msgno = last.msgno = first + i;
		last.octets = sizeof(text) - 1;
		p = frames;
		memcpy(p, &begin, sizeof(begin));
		p += sizeof(begin);
		memcpy(p, &data, sizeof(data));
		p += sizeof(data);
		memcpy(p, text, sizeof(text) - 1);
		p += sizeof(text) - 1;
		memcpy(p, &end, sizeof(end));
		p += sizeof(end);
		memcpy(p, &last, sizeof(last));
		p += sizeof(last);
		if (write(pipe_end, frames, p - frames) != p - frames) {
			event_loop(EVLOOP_NONBLOCK);
			if (write(pipe_end, frames, p - frames) != p - frames)
				return (i);
		}
	}
	event_loop(EVLOOP_NONBLOCK);
	return (n);
}

/* Let timers come until so many of a type were noted. */
static void
await(uint32_t type, size_t n)
{
	while (notes_count(type) < n)
		assert_int_equal(event_loop(EVLOOP_ONCE), 0);
}

static struct msg_receipt_batch
batch(size_t n)
{
	const struct note	*note;
	struct msg_receipt_batch	 msg;

	assert_non_null(note = notes_nth(IMSG_RECEIPT_BATCH, n));
	memcpy(&msg, note->data, sizeof(msg));
	return (msg);
}

/* Nothing more comes: the batch closes by itself, and without another its moves are settled by themselves. */
static void
test_by_itself(void **state)
{
	uint32_t	 id;

	(void)state;
	session(1);
	assert_int_equal(feed(1, 3), 3);
	assert_int_equal(notes_count(IMSG_RECEIPT) % 3, 0);
	await(IMSG_RECEIPT_BATCH, 1);
	assert_int_equal(notes_count(IMSG_RECEIPT), 3);
	assert_int_equal(batch(0).batch, 1);
	assert_int_equal(batch(0).count, 3);
	assert_int_equal(notes[nnotes - 1].type, IMSG_RECEIPT_BATCH);
	assert_int_equal(root_count("example.org/anna/new"), 0);
	root_commit(COMMIT_DELIVER);
	assert_int_equal(root_count("example.org/anna/new"), 3);
	assert_int_equal(notes_count(IMSG_RECEIPT_SETTLED), 0);
	await(IMSG_RECEIPT_SETTLED, 1);
	memcpy(&id, notes_nth(IMSG_RECEIPT_SETTLED, 0)->data, sizeof(id));
	assert_int_equal(id, 1);
	assert_int_equal(batch_idle(), 1);
}

static void
test_closed_by_number(void **state)
{
	size_t	 i, sum = 0;

	(void)state;
	session(1);
	assert_int_equal(feed(1, BATCH_MESSAGES * 2 + 1), BATCH_MESSAGES * 2 + 1);
	batch_close();
	for (i = 0; i < notes_count(IMSG_RECEIPT_BATCH); i++) {
		assert_int_equal(batch(i).batch, i + 1);
		assert_true(batch(i).count <= BATCH_MESSAGES);
		sum += batch(i).count;
	}
	assert_int_equal(sum, BATCH_MESSAGES * 2 + 1);
	assert_int_equal(notes_count(IMSG_RECEIPT), sum);
	root_commit(COMMIT_DELIVER);
	assert_int_equal(root_count("example.org/anna/new"), sum);
}

/* Several batches may be out; the next one's durability step settles those committed before. */
static void
test_pipelined(void **state)
{
	uint8_t		 yes[4] = { COMMIT_DELIVER, COMMIT_DELIVER, COMMIT_DELIVER, COMMIT_DELIVER };

	(void)state;
	session(1);
	feed(1, 2);
	batch_close();
	feed(3, 2);
	batch_close();
	assert_int_equal(notes_count(IMSG_RECEIPT_BATCH), 2);
	assert_int_equal(batch_committed(2, 2, yes), -1);
	assert_int_equal(batch_committed(1, 1, yes), -1);
	assert_int_equal(root_count("example.org/anna/new"), 0);
	assert_int_equal(batch_committed(1, 2, yes), 0);
	assert_int_equal(batch_committed(1, 2, yes), -1);
	assert_int_equal(root_count("example.org/anna/new"), 2);
	feed(5, 1);
	batch_close();
	assert_int_equal(notes_count(IMSG_RECEIPT_SETTLED), 1);
	assert_int_equal(batch_committed(2, 2, yes), 0);
	assert_int_equal(batch_committed(3, 1, yes), 0);
	assert_int_equal(batch_committed(4, 0, yes), -1);
	assert_int_equal(root_count("example.org/anna/new"), 5);
}

static void
test_verdicts(void **state)
{
	uint8_t		 mixed[3] = { COMMIT_DISCARD, COMMIT_DELIVER, COMMIT_DISCARD }, bad[3] = { COMMIT_DELIVER, 0, COMMIT_DELIVER };
	struct msg_rcpt	 rcpt;
	char		 path[512];

	(void)state;
	session(1);
	feed(1, 3);
	batch_close();
	assert_int_equal(batch_committed(1, 3, bad), -1);
	assert_int_equal(root_count(SPOOL_DIR), 3);
	assert_int_equal(batch_committed(1, 3, mixed), 0);
	assert_int_equal(root_count(SPOOL_DIR), 0);
	assert_int_equal(root_count("example.org/anna/new"), 1);
	memcpy(&rcpt, notes_nth(IMSG_RECEIPT_RCPT, 1)->data, sizeof(rcpt));
	snprintf(path, sizeof(path), "example.org/anna/new/%s", rcpt.link);
	assert_int_equal(faccessat(root_fd(), path, F_OK, 0), 0);
	await(IMSG_RECEIPT_SETTLED, 1);
}

/* A message whose octets cannot be made durable is refused, and only it.  fsync(2) on a pipe fails. */
static void
test_fsync_error(void **state)
{
	struct message		*m[3];
	struct msg_receipt_refused	 refused;
	char			 err[128];
	int			 sp[2], i;

	(void)state;
	session(1);
	assert_int_equal(feed(1, 3), 3);
	batch_close();
	notes_clear();
	assert_int_equal(pipe(sp), 0);
	for (i = 0; i < 3; i++) {
		assert_non_null(m[i] = message_new(NULL, 2, i + 1));
		assert_int_equal(message_recipients(m[i], 1), 0);
		assert_non_null(m[i]->rcpts[0].dir = maildir_get("example.org/anna", err, sizeof(err)));
		m[i]->rcpts[0].kind = RCPT_MAILDIR;
		m[i]->nrcpt = 1;
	}
	close(m[1]->fd);
	m[1]->fd = sp[1];
	for (i = 0; i < 3; i++)
		batch_add(m[i]);
	batch_close();
	close(sp[0]);
	assert_int_equal(notes_count(IMSG_RECEIPT_REFUSED), 1);
	memcpy(&refused, notes_nth(IMSG_RECEIPT_REFUSED, 0)->data, sizeof(refused));
	assert_int_equal(refused.session, 2);
	assert_int_equal(refused.msgno, 2);
	assert_int_equal(refused.why, WHY_LOCAL_TEMP);
	assert_non_null(strstr(refused.text, strerror(EINVAL)));
	assert_int_equal(notes_count(IMSG_RECEIPT), 2);
	assert_int_equal(batch(0).count, 2);
	assert_int_equal(root_count(SPOOL_DIR), 3 + 2);
}

/* Committed, but it cannot be moved: nothing is lost, nothing settled. */
static void
test_move_fails(void **state)
{
	(void)state;
	session(1);
	feed(1, 2);
	batch_close();
	assert_int_equal(rmdir(root_path("example.org/anna/new")), 0);
	root_write("example.org/anna/new", "x", 1);
	root_commit(COMMIT_DELIVER);
	assert_int_equal(root_count(SPOOL_DIR), 2);
	feed(3, 1);
	batch_close();
	assert_int_equal(notes_count(IMSG_RECEIPT_SETTLED), 0);
	assert_int_equal(notes_count(IMSG_RECEIPT_REFUSED), 1);
	assert_int_equal(batch_idle(), 0);
	assert_int_equal(root_count(SPOOL_DIR), 2);
	assert_int_equal(unlink(root_path("example.org/anna/new")), 0);
	await(IMSG_RECEIPT_SETTLED, 1);
	assert_int_equal(root_count(SPOOL_DIR), 0);
	assert_int_equal(root_count("example.org/anna/new"), 2);
	assert_int_equal(batch_idle(), 1);
}

/* A master that does not answer stops the pipes, not the other way round. */
static void
test_flow_control(void **state)
{
	uint32_t	 n;

	(void)state;
	session(1);
	n = feed(1, 20000);
	assert_true(n < 20000);
	assert_int_equal(batch_full(), 1);
	assert_true(root_count(SPOOL_DIR) < 3 * BATCH_INFLIGHT);
	batch_close();
	root_commit(COMMIT_DELIVER);
	assert_int_equal(batch_full(), 0);
	event_loop(EVLOOP_NONBLOCK);
	batch_close();
	root_commit(COMMIT_DELIVER);
	event_loop(EVLOOP_NONBLOCK);
	batch_close();
	root_commit(COMMIT_DELIVER);
	assert_true(root_count("example.org/anna/new") > BATCH_INFLIGHT);
}

#define T(f)	cmocka_unit_test_setup_teardown(f, root_setup, teardown)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		T(test_by_itself), T(test_closed_by_number), T(test_pipelined), T(test_verdicts), T(test_fsync_error),
		T(test_move_fails), T(test_flow_control),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
