/* SPDX-License-Identifier: ISC */
/* links: regress/unit/deliverer/spoolroot.c deliverer */
/* libs: -levent_core */
/* A message pipe in every segmentation: what is delivered, octet for octet, and what a lying peer gets. */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <event.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
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

#define S(s)	{ (s), sizeof(s) - 1 }

struct text {
	const char	*p;
	size_t		 len;
};

static const char *const	 people[] = { "postmaster", "anna", "bo", "carl" };

static int		 pipe_end = -1;
static uint8_t		*stream;		/* frames not yet written */
static size_t		 stream_len, stream_room;
static uint32_t		 session_id, trial;

static void
session(enum dist_mode mode, const char *mailbox)
{
	struct msg_session_open	 open;
	int			 sp[2];

	root_routes(people, nitems(people));
	spool_host("mx.example.org");
	memset(&open, 0, sizeof(open));
	open.session = ++session_id;
	open.mode = mode;
	open.try = trial;
	open.account = 2;
	open.tls = TLS_MODE_TLS;
	strlcpy(open.special, mode == DIST_FIELD ? "X-Real-To" : "", sizeof(open.special));
	strlcpy(open.domain, "example.org", sizeof(open.domain));
	strlcpy(open.mailbox, mailbox, sizeof(open.mailbox));
	strlcpy(open.host, "pop.example.net", sizeof(open.host));
	strlcpy(open.address, "192.0.2.1", sizeof(open.address));
	strlcpy(open.record, "anna@example.org/pop", sizeof(open.record));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sp), 0);
	assert_non_null(ingest_open(&open, sp[0]));
	pipe_end = sp[1];
	stream_len = 0;
}

static void
hang_up(void)
{
	if (pipe_end != -1)
		close(pipe_end);
	pipe_end = -1;
	event_loop(EVLOOP_NONBLOCK);
	event_loop(EVLOOP_NONBLOCK);
}

static int
teardown(void **state)
{
	hang_up();
	ingest_exit();
	ingest_pause(0);
	free(stream);
	stream = NULL;
	stream_len = stream_room = 0;
	trial = 0;
	return (root_teardown(state));
}

/* --- frames --- */

static void
frame(uint32_t type, const void *data, size_t len)
{
	struct imsg_hdr	 hdr = { .type = type, .len = sizeof(hdr) + len };

	if (stream_room - stream_len < hdr.len) {
		stream_room = stream_room * 2 + hdr.len + 4096;
		assert_non_null(stream = realloc(stream, stream_room));
	}
	memcpy(stream + stream_len, &hdr, sizeof(hdr));
	if (len > 0)
		memcpy(stream + stream_len + sizeof(hdr), data, len);
	stream_len += hdr.len;
}

static void
begin(uint32_t msgno)
{
	struct msg_begin	 msg = { .msgno = msgno };

	frame(IMSG_MSG_BEGIN, &msg, sizeof(msg));
}

static void
end(uint32_t msgno, uint64_t octets)
{
	struct msg_end	 msg;

	memset(&msg, 0, sizeof(msg));
	msg.msgno = msgno;
	msg.octets = octets;
	msg.digest[0] = 0xd1;
	frame(IMSG_MSG_END, &msg, sizeof(msg));
}

/* The whole message, in DATA frames of the given size. */
static void
message(uint32_t msgno, const char *p, size_t len, size_t size)
{
	size_t	 off, n;

	begin(msgno);
	for (off = 0; off < len; off += n) {
		n = len - off < size ? len - off : size;
		frame(IMSG_MSG_DATA, p + off, n);
	}
	end(msgno, len);
}

/* Write the frames in pieces and let them be read after each. */
static void
play(size_t piece)
{
	size_t	 off;
	ssize_t	 n;

	for (off = 0; off < stream_len; off += n) {
		n = write(pipe_end, stream + off, stream_len - off < piece ? stream_len - off : piece);
		if (n == -1 && errno != EAGAIN)
			break;
		if (n == -1)
			n = 0;
		event_loop(EVLOOP_NONBLOCK);
	}
	event_loop(EVLOOP_NONBLOCK);
	stream_len = 0;
}

/* --- what came of it --- */

static void	 assert_refused(size_t, uint32_t, uint32_t, const char *);

static char *
only_file(const char *dir)
{
	static char	 path[512];
	struct dirent	*de;
	DIR		*d;

	path[0] = '\0';
	assert_non_null(d = opendir(root_path(dir)));
	while ((de = readdir(d)) != NULL)
		if (de->d_name[0] != '.') {
			if (path[0] != '\0')
				fail_msg("more than one file in %s", dir);
			snprintf(path, sizeof(path), "%s/%s", dir, de->d_name);
		}
	closedir(d);
	if (path[0] == '\0')
		fail_msg("nothing in %s", dir);
	return (path);
}

/* The file is a prologue of whole header lines, then exactly this, and its name says how much. */
static void
assert_file(const char *path, const char *want, size_t len)
{
	uint8_t	*got;
	size_t	 n;

	got = root_read(path, &n);
	if (n < len || memcmp(got + n - len, want, len) != 0)
		fail_msg("%zu octets, not ending in the %zu expected:\n%.*s", n, len, (int)n, (char *)got);
	assert_memory_equal(got, "Return-Path: ", 13);
	assert_int_equal(got[n - len - 1], '\n');
	assert_null(memmem(got, n - len, "\n\n", 2));
	got[n - len] = '\0';
	assert_non_null(strstr((char *)got, "\nReceived: "));
	free(got);
	if (!root_sized(path))
		fail_msg("%s: %zu octets", path, n);
}

static void
deliver(void)
{
	batch_close();
	root_commit(COMMIT_DELIVER);
}

static void
assert_delivered(const char *want, size_t len)
{
	char	*path;

	deliver();
	assert_int_equal(root_count(SPOOL_DIR), 0);
	path = only_file("example.org/anna/new");
	assert_file(path, want, len);
	assert_int_equal(unlink(root_path(path)), 0);
}

static void
assert_closed(uint32_t broken)
{
	struct msg_session_closed	 msg;

	assert_int_equal(notes_count(IMSG_SESSION_CLOSED), 1);
	memcpy(&msg, notes_nth(IMSG_SESSION_CLOSED, 0)->data, sizeof(msg));
	assert_int_equal(msg.session, session_id);
	assert_int_equal(msg.broken, broken);
	assert_int_equal(root_count(SPOOL_DIR), 0);
}

static const struct {
	struct text	 in, out;
} octets[] = {
	{ S("A: b\r\n\r\nbody\r\n"), S("A: b\n\nbody\n") },
	{ S("A: b\r\n\r\nno end"), S("A: b\n\nno end") },
	{ S("A: b\r\n\r\n"), S("A: b\n\n") },
	{ S("A: b\r\n"), S("A: b\n") },
	{ S("A: b\n\nbare\nlf\n\r\n"), S("A: b\n\nbare\nlf\n\n") },
	{ S("A: b\r\n\r\nc\rr\r\r\n\r\rend\r"), S("A: b\n\nc\rr\r\n\r\rend\r") },
	{ S("A: b\r\n\r\n\0\0x\0\r\n\377\200\r\n"), S("A: b\n\n\0\0x\0\n\377\200\n") },
	{ S("A: b\r\n\r\n.\r\n..\r\n.x\r\n"), S("A: b\n\n.\n..\n.x\n") },
	{ S("Return-Path: <a@b.example>\r\n\tx\r\nA: b\r\nrEtUrN-pAtH: <c>\r\n\r\nReturn-Path: y\r\n"), S("A: b\n\nReturn-Path: y\n") },
	{ S("A: b\r\n c\r\n\td\r\n\r\n\r\n\r\n"), S("A: b\n c\n\td\n\n\n\n") },
	{ S("\r\nbody only\r\n"), S("\nbody only\n") },
};

static void
test_octet_for_octet(void **state)
{
	static const size_t	 sizes[] = { 1, 2, 3, 5, 8, 16000 };
	static const size_t	 pieces[] = { 1, 15, 17, 64, 100000 };
	size_t			 i, j, k;

	(void)state;
	session(DIST_OWNER, "");
	for (i = 0; i < nitems(octets); i++)
		for (j = 0; j < nitems(sizes); j++)
			for (k = j == 0 ? 0 : 2; k < nitems(pieces); k++) {
				message(i + 1, octets[i].in.p, octets[i].in.len, sizes[j]);
				play(pieces[k]);
				assert_delivered(octets[i].out.p, octets[i].out.len);
			}
}

/* Every way to cut one message into three frames. */
static void
test_two_cuts(void **state)
{
	static const struct text	 in = S("Return-Path: <>\r\n x\r\nTo: a\r\n\r\na\r\r\nb\n\r\nc\r");
	static const struct text	 out = S("To: a\n\na\r\nb\n\nc\r");
	size_t				 i, j;

	(void)state;
	session(DIST_OWNER, "");
	for (i = 1; i < in.len - 1; i++)
		for (j = i + 1; j < in.len; j++) {
			begin(7);
			frame(IMSG_MSG_DATA, in.p, i);
			frame(IMSG_MSG_DATA, in.p + i, j - i);
			frame(IMSG_MSG_DATA, in.p + j, in.len - j);
			end(7, in.len);
			play(SIZE_MAX);
			assert_delivered(out.p, out.len);
		}
}

/* Larger than every buffer, from a small generator so that CR and LF meet in all places. */
static void
test_large(void **state)
{
	static const char	 alphabet[] = "\r\n\r\nxyz\0";
	char			*in, *out;
	size_t			 i, n = 0, len = 1300000;
	uint32_t		 x = 12345;

	(void)state;
	assert_non_null(in = malloc(len));
	assert_non_null(out = malloc(len));
	memcpy(in, "A: b\r\n\r\n", 8);
	for (i = 8; i < len; i++) {
		x = x * 1103515245 + 12345;
		in[i] = alphabet[(x >> 16) % 8];
	}
	for (i = 0; i < len; i++)
		if (in[i] != '\r' || i + 1 == len || in[i + 1] != '\n')
			out[n++] = in[i];
	session(DIST_OWNER, "");
	message(1, in, len, PROTO_DATA_MAX);
	play(50000);
	assert_delivered(out, n);
	message(2, in, len, 999);
	play(SIZE_MAX);
	assert_delivered(out, n);
	free(in);
	free(out);
}

/* What the line ends of a header and of a body can be, each text cut into two frames at every place. */
static void
test_sizes(void **state)
{
	static const struct text	 in[] = {
		S("A: b\nC: d\n\nlf\nlf\n"), S("A: b\r\nC: d\r\n\r\ncrlf\r\ncrlf\r\n"), S("A: b\nC: d\r\n\nmixed\r\nlines\n\r\n\n"),
		S("A: b\rc\r\n\r\nx\ry\r\rz\r\n\r"), S("A: \0\r\n\r\n\0\r\0\n\0"), S("A: b\r\n\r\nno final line end"),
		S("A: b\r\r\nC: d\r\r\n\r\n\r\r\n\r\r\r\nx\r\r\n"), S("A: b"), S("A: b\r\n"), S("A: b\r"), S("A: b\r\n\r\n"),
		S("A: b\n\n\n\n"), S("\r\nno header\r\n"), S("no header: but\r\nno field\r\n\r\nx"), S("\r"), S("\r\n"), S("\n"),
		S("\rx\r\n"), S("x\n\r\n\n\r"), S("From x\r\r\nA: b\r\n\r\nFrom y\r\n"), S("A:\n b\r\n\tc\n\n"), S("X-Real-To: a\r\n\r\n"),
		S("A: b\r\n\r\n\377\200\n")
	};
	size_t				 i, cut;
	char				*path;

	(void)state;
	session(DIST_OWNER, "");
	for (i = 0; i < nitems(in); i++)
		for (cut = 1; cut <= in[i].len; cut++) {
			begin(i + 1);
			frame(IMSG_MSG_DATA, in[i].p, cut);
			if (cut < in[i].len)
				frame(IMSG_MSG_DATA, in[i].p + cut, in[i].len - cut);
			end(i + 1, in[i].len);
			play(SIZE_MAX);
			deliver();
			path = only_file("example.org/anna/new");
			if (!root_sized(path))
				fail_msg("text %zu cut at %zu: %s", i, cut, path);
			assert_int_equal(unlink(root_path(path)), 0);
		}
}

/* All bodies of five octets, of which each may be a CR, an LF or another, in frames of one octet and in one. */
static void
test_sizes_of_all(void **state)
{
	static const char	 alphabet[] = "\r\nx";
	char			 text[] = "A: b\r\n\r\n12345", *path;
	size_t			 i, j, rest, size;

	(void)state;
	session(DIST_OWNER, "");
	for (i = 0; i < 243; i++)
		for (size = 1; size <= sizeof(text); size += 2) {
			for (j = 8, rest = i; j < sizeof(text) - 1; j++, rest /= 3)
				text[j] = alphabet[rest % 3];
			message(i + 1, text, sizeof(text) - 1, size);
			play(SIZE_MAX);
			deliver();
			path = only_file("example.org/anna/new");
			if (!root_sized(path))
				fail_msg("body %zu in frames of %zu: %s", i, size, path);
			assert_int_equal(unlink(root_path(path)), 0);
		}
}

/* The postmaster's own file has more lines on top than the others', and sizes of its own; so has a header alone. */
static void
test_sizes_differ(void **state)
{
	static const struct text	 in = S("X-Real-To: anna, dora, bo\r\nA: b\r\r\n\r\nbody\n\r\r\nbody\r\n");
	struct msg_begin		 msg = { .msgno = 3, .size = 70000, .headers = 1 };
	char				 anna[512];
	size_t				 size;

	(void)state;
	session(DIST_FIELD, "");
	for (size = 1; size <= in.len; size++) {
		message(1, in.p, in.len, size);
		play(SIZE_MAX);
		deliver();
		strlcpy(anna, only_file("example.org/anna/new"), sizeof(anna));
		assert_true(root_sized(anna));
		assert_true(root_sized(only_file("example.org/bo/new")));
		assert_true(root_sized(only_file("example.org/postmaster/new")));
		assert_string_not_equal(strchr(only_file("example.org/postmaster/new"), ','), strchr(anna, ','));
		assert_string_equal(strchr(only_file("example.org/bo/new"), ','), strchr(anna, ','));
		assert_int_equal(root_count(SPOOL_DIR), 0);
		assert_int_equal(unlink(root_path(anna)), 0);
		assert_int_equal(unlink(root_path(only_file("example.org/bo/new"))), 0);
		assert_int_equal(unlink(root_path(only_file("example.org/postmaster/new"))), 0);
	}
	hang_up();
	session(DIST_OWNER, "");
	frame(IMSG_MSG_BEGIN, &msg, sizeof(msg));
	frame(IMSG_MSG_DATA, "A: b\r\n\r\n", 8);
	end(3, 8);
	play(SIZE_MAX);
	deliver();
	assert_true(root_sized(only_file("example.org/anna/new")));
}

/* A header that is written while it still comes, with the ends of its lines in frames of their own. */
static void
test_sizes_long_header(void **state)
{
	static char	 in[HEADER_MAX + 80];
	size_t		 i, cut;
	char		*path;

	(void)state;
	session(DIST_OWNER, "");
	for (i = 0; i < sizeof(in); i++)
		in[i] = "A: x\r\r\n"[i % 7];
	for (cut = HEADER_MAX + 10; cut < HEADER_MAX + 40; cut++) {
		begin(1);
		for (i = 0; i < cut; i += cut - i < PROTO_DATA_MAX ? cut - i : PROTO_DATA_MAX)
			frame(IMSG_MSG_DATA, in + i, cut - i < PROTO_DATA_MAX ? cut - i : PROTO_DATA_MAX);
		frame(IMSG_MSG_DATA, in + cut, sizeof(in) - cut);
		end(1, sizeof(in));
		play(SIZE_MAX);
		deliver();
		path = only_file("example.org/anna/new");
		if (!root_sized(path))
			fail_msg("cut at %zu: %s", cut, path);
		assert_int_equal(unlink(root_path(path)), 0);
	}
}

/* A file that cannot have its final name: the message is refused, and nothing is left of it. */
static void
test_rename_error(void **state)
{
	char	*path;

	(void)state;
	session(DIST_OWNER, "");
	begin(1);
	frame(IMSG_MSG_DATA, "A: b\r\n\r\nx", 9);
	play(SIZE_MAX);
	path = only_file(SPOOL_DIR);
	assert_null(strchr(path, ','));
	assert_int_equal(unlink(root_path(path)), 0);
	end(1, 9);
	message(2, "A: b\r\n\r\n", 8, 100);
	play(SIZE_MAX);
	assert_refused(0, 1, WHY_LOCAL_TEMP, "spool: rename: ");
	assert_delivered("A: b\n\n", 6);
	assert_int_equal(notes_count(IMSG_RECEIPT), 1);
}

static void
test_receipt(void **state)
{
	static const struct text	 in = S("Return-Path: <s@example.net>\r\nMessage-ID: <m@x>\r\nX-Real-To: anna, bo\r\n"
	    "X-Real-To: carl@example.org\r\nA: b\r\n\r\nx\r\n");
	struct msg_receipt		 receipt;
	struct msg_rcpt			 rcpt;
	struct stat			 st;
	char				*path, want[128];
	size_t				 i;

	(void)state;
	session(DIST_FIELD, "");
	message(9, in.p, in.len, 4);
	play(SIZE_MAX);
	assert_int_equal(root_count(SPOOL_DIR), 3);
	deliver();
	assert_int_equal(notes_count(IMSG_RECEIPT), 1);
	memcpy(&receipt, notes_nth(IMSG_RECEIPT, 0)->data, sizeof(receipt));
	assert_int_equal(receipt.session, session_id);
	assert_int_equal(receipt.msgno, 9);
	assert_int_equal(receipt.recipients, 3);
	assert_int_equal(receipt.fallback, 0);
	assert_string_equal(receipt.msgid, "m@x");
	assert_string_equal(receipt.sender, "s@example.net");
	assert_int_equal(receipt.octets, in.len);
	assert_int_equal(receipt.digest[0], 0xd1);
	for (i = 0; i < 3; i++) {
		memcpy(&rcpt, notes_nth(IMSG_RECEIPT_RCPT, i)->data, sizeof(rcpt));
		snprintf(want, sizeof(want), "example.org/%s", people[i + 1]);
		assert_string_equal(rcpt.dest, want);
		snprintf(want, sizeof(want), "R%zu.mx.example.org,S=", i);
		assert_non_null(strstr(rcpt.link, want));
		strlcat(rcpt.dest, "/new", sizeof(rcpt.dest));
		path = only_file(rcpt.dest);
		assert_string_equal(strrchr(path, '/') + 1, rcpt.link);
		assert_file(path, "A: b\n\nx\n", 8);
		assert_int_equal(stat(root_path(path), &st), 0);
		assert_int_equal(st.st_nlink, 3);
		assert_int_equal(st.st_mode & 0777, 0600);
	}
	assert_int_equal(root_count(SPOOL_DIR), 0);
}

static void
test_folder(void **state)
{
	(void)state;
	session(DIST_OWNER, "Lists/bsd");
	message(1, "A: b\r\n\r\n", 8, 100);
	play(SIZE_MAX);
	deliver();
	assert_file(only_file("example.org/anna/.Lists.bsd/new"), "A: b\n\n", 6);
}

static void
assert_refused(size_t nth, uint32_t msgno, uint32_t why, const char *part)
{
	struct msg_receipt_refused	 msg;

	assert_true(notes_count(IMSG_RECEIPT_REFUSED) > nth);
	memcpy(&msg, notes_nth(IMSG_RECEIPT_REFUSED, nth)->data, sizeof(msg));
	assert_int_equal(msg.msgno, msgno);
	assert_int_equal(msg.why, why);
	if (strstr(msg.text, part) == NULL)
		fail_msg("'%s' does not say '%s'", msg.text, part);
}

/* One bad destination: nobody gets it, the message stays on the server, and the next one is taken. */
static void
test_destination_refused(void **state)
{
	static const struct text	 in = S("X-Real-To: anna, bo\r\n\r\nx\r\n");

	(void)state;
	session(DIST_FIELD, "");
	assert_int_equal(mkdirat(root_fd(), "example.org", 0700), 0);
	root_write("example.org/bo", "x", 1);
	message(1, in.p, in.len, 3);
	play(SIZE_MAX);
	assert_refused(0, 1, WHY_LOCAL_TEMP, "example.org/bo");
	assert_refused(0, 1, WHY_LOCAL_TEMP, strerror(ENOTDIR));
	assert_int_equal(root_count(SPOOL_DIR), 0);
	assert_int_equal(unlink(root_path("example.org/bo")), 0);
	message(2, in.p, in.len, 3);
	play(SIZE_MAX);
	deliver();
	assert_int_equal(notes_count(IMSG_RECEIPT_REFUSED), 1);
	assert_int_equal(root_count("example.org/anna/new"), 1);
	assert_int_equal(root_count("example.org/bo/new"), 1);
}

static void
test_bad_folder_refused(void **state)
{
	(void)state;
	session(DIST_OWNER, "../bo");
	message(3, "A: b\r\n\r\n", 8, 100);
	play(SIZE_MAX);
	assert_refused(0, 3, WHY_CONFIG, "mailbox");
	assert_int_equal(root_count(SPOOL_DIR), 0);
}

/* A write that fails in the middle: the rest is drained, what follows is taken. */
static void
test_write_error(void **state)
{
	struct rlimit	 old, rl;
	char		*in;
	size_t		 len = 400000;

	(void)state;
	session(DIST_OWNER, "");
	assert_non_null(in = malloc(len));
	memset(in, 'x', len);
	memcpy(in, "A: b\r\n\r\n", 8);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	rl = old;
	rl.rlim_cur = 200000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &rl), 0);
	message(1, in, len, PROTO_DATA_MAX);
	message(2, in, 100000, PROTO_DATA_MAX);
	play(SIZE_MAX);
	deliver();
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(notes_count(IMSG_RECEIPT_REFUSED), 1);
	assert_refused(0, 1, WHY_LOCAL_TEMP, "spool: write: ");
	assert_refused(0, 1, WHY_LOCAL_TEMP, strerror(EFBIG));
	assert_int_equal(notes_count(IMSG_RECEIPT), 1);
	assert_int_equal(root_count(SPOOL_DIR), 0);
	assert_int_equal(root_count("example.org/anna/new"), 1);
	free(in);
}

/* The file cannot even be created; a message given up by the session gets no refusal. */
static void
test_create_error(void **state)
{
	uint32_t	 msgno = 1;

	(void)state;
	session(DIST_OWNER, "");
	assert_int_equal(rmdir(root_path(SPOOL_DIR)), 0);
	begin(1);
	frame(IMSG_MSG_DATA, "A: b", 4);
	frame(IMSG_MSG_ABORT, &msgno, sizeof(msgno));
	message(2, "A: b\r\n\r\n", 8, 100);
	play(SIZE_MAX);
	assert_int_equal(notes_count(IMSG_RECEIPT_REFUSED), 1);
	assert_refused(0, 2, WHY_LOCAL_TEMP, "spool: create: ");
	assert_int_equal(mkdir(root_path(SPOOL_DIR), 0700), 0);
}

static void
test_abort(void **state)
{
	uint32_t	 msgno = 1;

	(void)state;
	session(DIST_OWNER, "");
	begin(1);
	frame(IMSG_MSG_DATA, "A: b\r\n\r\nhalf", 12);
	frame(IMSG_MSG_ABORT, &msgno, sizeof(msgno));
	message(2, "A: c\r\n\r\n", 8, 100);
	play(SIZE_MAX);
	assert_delivered("A: c\n\n", 6);
	assert_int_equal(notes_count(IMSG_RECEIPT_REFUSED), 0);
	hang_up();
	assert_closed(0);
}

/* --- lies --- */

static void lie_data_first(void)	{ frame(IMSG_MSG_DATA, "x", 1); }
static void lie_end_first(void)		{ end(1, 0); }
static void lie_begin_twice(void)	{ begin(1); begin(2); }
static void lie_msgno_zero(void)	{ begin(0); }
static void lie_msgno_huge(void)	{ begin(PROTO_MSGS_MAX + 1); }
static void lie_no_data(void)		{ begin(1); frame(IMSG_MSG_DATA, "", 0); }
static void lie_other_end(void)		{ begin(1); frame(IMSG_MSG_DATA, "A: b\r\n\r\n", 8); end(2, 8); }
static void lie_too_few(void)		{ begin(1); frame(IMSG_MSG_DATA, "A: b\r\n\r\n", 8); end(1, 9); }
static void lie_too_many(void)		{ begin(1); frame(IMSG_MSG_DATA, "A: b\r\n\r\n", 8); end(1, 7); }
static void lie_short_begin(void)	{ frame(IMSG_MSG_BEGIN, "abcd", 4); }
static void lie_other_type(void)	{ frame(IMSG_RECEIPT_COMMITTED, "abcdefgh", 8); }
static void lie_unknown_type(void)	{ frame(77777, "abcdefgh", 8); }

static void
lie_other_abort(void)
{
	uint32_t	 msgno = 2;

	begin(1);
	frame(IMSG_MSG_ABORT, &msgno, sizeof(msgno));
}

static void
lie_long_data(void)
{
	static char	 data[PROTO_DATA_MAX + 1];

	begin(1);
	frame(IMSG_MSG_DATA, data, sizeof(data));
}

static void
lie_bad_header(void)
{
	struct imsg_hdr	 hdr = { .type = IMSG_MSG_DATA, .len = 3 };

	begin(1);
	frame(0, "", 0);
	memcpy(stream + stream_len - sizeof(hdr), &hdr, sizeof(hdr));
}

/* What was finished before the lie stays good, and its receipt comes before the end of the session. */
static void
test_lies(void **state)
{
	static void	(*const lies[])(void) = { lie_data_first, lie_end_first, lie_begin_twice, lie_msgno_zero, lie_msgno_huge,
	    lie_no_data, lie_other_end, lie_too_few, lie_too_many, lie_short_begin, lie_other_type, lie_unknown_type, lie_other_abort,
	    lie_long_data, lie_bad_header };
	size_t		 i;

	for (i = 0; i < nitems(lies); i++) {
		session(DIST_OWNER, "");
		message(5, "A: b\r\n\r\n", 8, 100);
		lies[i]();
		play(SIZE_MAX);
		deliver();
		if (notes_count(IMSG_SESSION_CLOSED) != 1)
			fail_msg("lie %zu", i);
		assert_closed(1);
		assert_int_equal(notes_count(IMSG_RECEIPT), 1);
		assert_int_equal(notes[nnotes - 1].type, IMSG_SESSION_CLOSED);
		assert_null(ingest_find(session_id));
		hang_up();
		ingest_exit();
		root_teardown(state);
		root_setup(state);
	}
}

static void
test_descriptor_refused(void **state)
{
	struct msg_begin	 msg = { .msgno = 1 };
	struct imsgbuf		 ibuf;

	(void)state;
	session(DIST_OWNER, "");
	assert_int_equal(imsgbuf_init(&ibuf, pipe_end), 0);
	imsgbuf_allow_fdpass(&ibuf);
	assert_int_equal(imsg_compose(&ibuf, IMSG_MSG_BEGIN, 0, 0, dup(0), &msg, sizeof(msg)), 1);
	assert_int_equal(imsgbuf_write(&ibuf), 0);
	event_loop(EVLOOP_NONBLOCK);
	imsgbuf_clear(&ibuf);
	assert_closed(1);
}

static void
test_cut_off(void **state)
{
	(void)state;
	session(DIST_OWNER, "");
	begin(1);
	frame(IMSG_MSG_DATA, "A: b\r\n\r\nhalf", 12);
	play(SIZE_MAX);
	assert_int_equal(root_count(SPOOL_DIR), 1);
	hang_up();
	assert_closed(0);
	assert_int_equal(notes_count(IMSG_RECEIPT), 0);
}

/* A header alone says why, and how much there is to fetch. */
static void
test_header_only(void **state)
{
	static const struct {
		uint32_t	 size;
		const char	*field;
	} cases[] = {
		{ 70000, "\nX-Rpopd-Reason: header only, the message of 70000 octets was left on the server\nA: b\n\n" },
		{ UINT32_MAX, "\nX-Rpopd-Reason: header only, the message of 4294967295 octets was left on the server\nA: b\n\n" },
		{ 0, "\nX-Rpopd-Reason: header only, the message was left on the server\nA: b\n\n" }
	};
	struct msg_begin	 msg = { .msgno = 1, .headers = 1 };
	char			*path;
	uint8_t			*got;
	size_t			 i, n;

	(void)state;
	session(DIST_OWNER, "");
	for (i = 0; i < nitems(cases); i++) {
		msg.size = cases[i].size;
		frame(IMSG_MSG_BEGIN, &msg, sizeof(msg));
		frame(IMSG_MSG_DATA, "A: b\r\n\r\n", 8);
		end(1, 8);
		play(SIZE_MAX);
		deliver();
		path = only_file("example.org/anna/new");
		got = root_read(path, &n);
		assert_non_null(memmem(got, n, cases[i].field, strlen(cases[i].field)));
		free(got);
		assert_int_equal(unlink(root_path(path)), 0);
	}
	/* The mark is for that one message; and it is yes or no. */
	message(2, "A: b\r\n\r\nbody\r\n", 14, 100);
	play(SIZE_MAX);
	deliver();
	path = only_file("example.org/anna/new");
	got = root_read(path, &n);
	assert_null(memmem(got, n, "X-Rpopd-Reason", 14));
	free(got);
	msg.headers = 2;
	frame(IMSG_MSG_BEGIN, &msg, sizeof(msg));
	play(SIZE_MAX);
	assert_closed(1);
}

/* A session that only tries: decided and told, once for each message, and nothing is kept. */
static void
test_trial(void **state)
{
	static const char	 wire[] = "X-Real-To: anna@example.org, bo@example.org\r\nSubject: x\r\n\r\nbody\r\n";
	static const char	 lost[] = "X-Real-To: dora@example.org\r\n";
	static char		 huge[HEADER_MAX + 1000];
	const struct note	*n;
	struct msg_session_tried	 m;
	size_t			 size, i;

	(void)state;
	trial = 1;
	for (size = 1; size <= sizeof(wire) - 1; size += 7) {
		session(DIST_FIELD, "");
		message(1, wire, sizeof(wire) - 1, size);
		message(2, lost, sizeof(lost) - 1, size);
		play(size * 3);
		assert_int_equal(root_count("spool"), 0);
		hang_up();
		assert_int_equal(notes_count(IMSG_SESSION_TRIED), 2);
		assert_non_null(n = notes_nth(IMSG_SESSION_TRIED, 0));
		memcpy(&m, n->data, sizeof(m));
		assert_int_equal(m.session, session_id);
		assert_int_equal(m.msgno, 1);
		assert_non_null(strstr(m.text, "example.org/anna\n"));
		assert_non_null(strstr(m.text, "example.org/bo\n"));
		assert_null(strstr(m.text, "postmaster"));
		assert_int_equal(m.looked + m.had + m.counted, 3);
		assert_int_equal(m.likely, 0);
		memcpy(&m, notes_nth(IMSG_SESSION_TRIED, 1)->data, sizeof(m));
		assert_non_null(strstr(m.text, "example.org/postmaster\n"));
		assert_non_null(strstr(m.text, "unknown here"));
		assert_int_equal(notes_count(IMSG_RECEIPT) + notes_count(IMSG_RECEIPT_BATCH), 0);
		assert_int_equal(notes_count(IMSG_RECEIPT_REFUSED), 0);
		assert_int_equal(notes_count(IMSG_SESSION_CLOSED), 1);
		notes_clear();
	}
	/* A header over the limit is decided once, and the rest of it is of no concern. */
	memset(huge, 'x', sizeof(huge));
	for (i = 0; i + 70 < sizeof(huge); i += 70)
		memcpy(huge + i, "\r\nA: ", 5);
	huge[0] = huge[1] = 'A';
	session(DIST_FIELD, "");
	message(1, huge, sizeof(huge), PROTO_DATA_MAX);
	play(65536);
	hang_up();
	assert_int_equal(notes_count(IMSG_SESSION_TRIED), 1);
	assert_int_equal(notes_count(IMSG_RECEIPT_REFUSED), 0);
	memcpy(&m, notes_nth(IMSG_SESSION_TRIED, 0)->data, sizeof(m));
	assert_non_null(strstr(m.text, "too large"));
	assert_int_equal(root_count("example.org/anna/new"), 0);
}

#define T(f)	cmocka_unit_test_setup_teardown(f, root_setup, teardown)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		T(test_octet_for_octet), T(test_two_cuts), T(test_large), T(test_sizes), T(test_sizes_of_all), T(test_sizes_differ),
		T(test_sizes_long_header), T(test_rename_error), T(test_receipt), T(test_folder), T(test_destination_refused),
		T(test_bad_folder_refused), T(test_write_error), T(test_create_error), T(test_abort), T(test_lies),
		T(test_descriptor_refused), T(test_cut_off), T(test_header_only), T(test_trial),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
