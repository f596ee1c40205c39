/* SPDX-License-Identifier: ISC */
/* links: regress/unit/deliverer/spoolroot.c deliverer */
/* libs: -levent_core */
/* Names in the spool, and what a start makes of what it finds there. */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/stat.h>

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

#include "common/compat.h"
#include "deliverer/deliverer.h"
#include "spoolroot.h"

/* A file whose octets are still coming, or of an older version; one of the four octets that put() writes. */
#define PLAIN(sec, usec, session, msgno)	{ (sec), (usec), (session), (msgno), "h", 0, 0, 0 }
#define SIZED(sec, usec, session, msgno)	{ (sec), (usec), (session), (msgno), "h", 1, 4, 4 }

static void
test_names_survive(void **state)
{
	struct spool_id	 id = PLAIN(1700000000, 7, UINT32_MAX, PROTO_MSGS_MAX), back;
	char		 name[PROTO_LINK_SIZE];
	uint32_t	 rcpt;

	(void)state;
	spool_name(&id, 1999, name, sizeof(name));
	assert_int_equal(spool_parse(name, &back, &rcpt), 0);
	assert_int_equal(back.sec, id.sec);
	assert_int_equal(back.usec, 7);
	assert_int_equal(back.session, id.session);
	assert_int_equal(back.msgno, id.msgno);
	assert_int_equal(rcpt, 1999);
}

static void
test_foreign_names(void **state)
{
	static const char *const	 names[] = { "", "a", "1", "1.", "1.M2", "1.M2P3S4N5R6", "1.M2P3S4N5R6.", "1.M1000000P3S4N5R6.h",
	    "1.M2P3S4294967296N5R6.h", "1.M2P3S4N4000001R6.h", "1.M2P3S4N5R2001.h", "-1.M2P3S4N5R6.h", "1.M2P3S4N5R-6.h",
	    "1.M2P3SN5R6.h", "1 .M2P3S4N5R6.h", "99999999999999999999.M2P3S4N5R6.h", "1.m2p3s4n5r6.h" };
	struct spool_id			 id;
	uint32_t			 rcpt;
	size_t				 i;

	(void)state;
	for (i = 0; i < nitems(names); i++)
		if (spool_parse(names[i], &id, &rcpt) != -1)
			fail_msg("%s", names[i]);
	assert_int_equal(spool_parse("1.M2P3S4N5R6.h", &id, &rcpt), 0);
}

/* Maildir readers part names at '/', ':' and ','; and the longest host must leave room for the rest. */
static void
test_host_encoded(void **state)
{
	struct spool_id	 id;
	char		 name[PROTO_LINK_SIZE], longhost[256];
	int		 fd;

	(void)state;
	spool_host("a/b:c\001d\377,S=1");
	assert_true((fd = spool_create(&id, 1, 2)) != -1);
	close(fd);
	spool_name(&id, 0, name, sizeof(name));
	assert_non_null(strstr(name, "R0.a\\057b\\072c_d_\\054S=1"));
	memset(longhost, ':', sizeof(longhost) - 1);
	longhost[sizeof(longhost) - 1] = '\0';
	spool_host(longhost);
	/* The first name stays what it was. */
	spool_name(&id, 0, name, sizeof(name));
	assert_true(spool_has(name));
	id.sec = INT64_MAX / 1000000;
	id.usec = 999999;
	id.session = UINT32_MAX;
	id.msgno = PROTO_MSGS_MAX;
	id.final = 1;
	id.octets = 9999999999;
	id.wire = 9999999999;
	spool_name(&id, PROTO_RCPT_MAX, name, sizeof(name));
	assert_true((fd = spool_create(&id, UINT32_MAX, PROTO_MSGS_MAX)) != -1);
	close(fd);
	spool_host("");
	assert_true((fd = spool_create(&id, 1, 3)) != -1);
	close(fd);
	spool_name(&id, 0, name, sizeof(name));
	assert_non_null(strstr(name, ".localhost"));
}

/* Names with the two sizes, and without: all of them are names of the spool. */
static void
test_sizes_read(void **state)
{
	static const struct { const char *end; int final; uint64_t octets, wire; }	 cases[] = {
		{ "", 0, 0, 0 }, { ",S=1,W=2", 1, 1, 2 }, { ",S=0,W=0", 1, 0, 0 },
		{ ",S=18446744073709551615,W=18446744073709551615", 1, UINT64_MAX, UINT64_MAX },
		{ ",S=", 0, 0, 0 }, { ",S=1", 0, 0, 0 }, { ",S=1,", 0, 1, 0 }, { ",S=1,W=", 0, 1, 0 }, { ",S=1,W=2x", 0, 1, 2 },
		{ ",S=1,W=2,", 0, 1, 2 }, { ",S=-1,W=2", 0, 0, 0 }, { ",S=18446744073709551616,W=1", 0, 0, 0 },
		{ ",W=2,S=1", 0, 0, 0 }, { ",S=1,X=2", 0, 1, 0 }, { ",s=1,w=2", 0, 0, 0 }
	};
	struct spool_id	 id;
	char		 name[PROTO_LINK_SIZE];
	uint32_t	 rcpt;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		snprintf(name, sizeof(name), "1.M2P3S4N5R6.h%s", cases[i].end);
		assert_int_equal(spool_parse(name, &id, &rcpt), 0);
		if (id.final != cases[i].final || (id.final && (id.octets != cases[i].octets || id.wire != cases[i].wire)))
			fail_msg("%s", name);
	}
}

/* The file gets its final name once; its links have the same sizes, and all of them are removed by the id. */
static void
test_final_name(void **state)
{
	struct spool_id	 id, gone;
	char		 first[PROTO_LINK_SIZE], name[PROTO_LINK_SIZE], want[PROTO_LINK_SIZE];
	uint32_t	 rcpt;

	(void)state;
	close(spool_create(&id, 5, 6));
	spool_name(&id, 0, first, sizeof(first));
	gone = id;
	assert_int_equal(spool_final(&id, 0, 1000, 17), 0);
	spool_name(&id, 0, name, sizeof(name));
	snprintf(want, sizeof(want), "%.100s,S=1000,W=1017", first);
	assert_string_equal(name, want);
	assert_true(spool_has(name));
	assert_false(spool_has(first));
	assert_int_equal(spool_link(&id, 0, 1), 0);
	spool_name(&id, 1, name, sizeof(name));
	assert_non_null(strstr(name, "R1.localhost,S=1000,W=1017"));
	assert_true(spool_has(name));
	assert_int_equal(spool_parse(name, &id, &rcpt), 0);
	assert_int_equal(id.octets, 1000);
	assert_int_equal(id.wire, 1017);
	errno = 0;
	assert_int_equal(spool_final(&gone, 0, 1, 1), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(gone.final, 0);
}

/* All octets that there can be in six places, counted at once and in two parts. */
static void
test_bare(void **state)
{
	static const char	 alphabet[] = "\r\nx";
	char			 s[6];
	size_t			 i, j, cut, len, rest, n = 1;
	uint64_t		 want, first;

	(void)state;
	for (len = 0; len <= sizeof(s); len++, n *= 3)
		for (i = 0; i < n; i++) {
			for (j = 0, rest = i, want = 0; j < len; j++, rest /= 3) {
				s[j] = alphabet[rest % 3];
				want += s[j] == '\n' && (j == 0 || s[j - 1] != '\r');
			}
			for (cut = 0; cut <= len; cut++) {
				first = spool_bare(s, cut, '\0');
				assert_int_equal(first + spool_bare(s + cut, len - cut, cut > 0 ? s[cut - 1] : '\0'), want);
			}
		}
	assert_int_equal(n, 2187);
	assert_int_equal(spool_bare("\n\0\n\r\0\n\377\r\n", 9, '\r'), 2);
	assert_int_equal(spool_bare(NULL, 0, '\0'), 0);
}

static void
test_open_refuses(void **state)
{
	(void)state;
	spool_close();
	assert_int_equal(chmod(root_path(SPOOL_DIR), 0750), 0);
	assert_int_equal(spool_open(root_fd()), -1);
	assert_int_equal(rmdir(root_path(SPOOL_DIR)), 0);
	assert_int_equal(symlinkat("/tmp", root_fd(), SPOOL_DIR), 0);
	assert_int_equal(spool_open(root_fd()), -1);
	assert_int_equal(unlinkat(root_fd(), SPOOL_DIR, 0), 0);
	root_write(SPOOL_DIR, "x", 1);
	assert_int_equal(spool_open(root_fd()), -1);
	assert_int_equal(unlinkat(root_fd(), SPOOL_DIR, 0), 0);
	assert_int_equal(spool_open(root_fd()), 0);
}

static void
put(const struct spool_id *id, uint32_t links)
{
	char		 name[PROTO_LINK_SIZE], path[PROTO_LINK_SIZE + 16];
	uint32_t	 i;

	for (i = 0; i < links; i++) {
		spool_name(id, i, name, sizeof(name));
		snprintf(path, sizeof(path), "%s/%s", SPOOL_DIR, name);
		root_write(path, "mail", 4);
	}
}

static void
test_remove_all_links(void **state)
{
	struct spool_id	 id;
	int		 fd;

	(void)state;
	assert_true((fd = spool_create(&id, 5, 6)) != -1);
	close(fd);
	assert_int_equal(spool_link(&id, 0, 1), 0);
	assert_int_equal(spool_link(&id, 0, 2), 0);
	assert_int_equal(root_count(SPOOL_DIR), 3);
	spool_remove(&id, 3);
	assert_int_equal(root_count(SPOOL_DIR), 0);
	spool_remove(&id, 3);
}

static void
row(const struct spool_id *id, uint32_t rcpt, const char *dest, struct msg_rcpt *msg)
{
	memset(msg, 0, sizeof(*msg));
	spool_name(id, rcpt, msg->link, sizeof(msg->link));
	strlcpy(msg->dest, dest, sizeof(msg->dest));
}

/* Committed: one link still there, one moved before.  Not committed: three links of this life, one suspect.  And litter. */
static void
test_recovery(void **state)
{
	struct spool_id		 done = SIZED(1, 1, 10, 1), lost = PLAIN(1, 2, 11, 77);
	struct msg_rcpt		 msg;
	struct msg_replay_suspect	 suspect;
	char			 path[PROTO_LINK_SIZE + 64];

	(void)state;
	recover_init();
	recover_begin(10, 1);
	put(&done, 1);
	put(&lost, 3);
	root_write("spool/litter", "x", 1);
	row(&done, 0, "example.org/anna", &msg);
	snprintf(path, sizeof(path), "example.org/anna/new/%s", msg.link);
	recover_replay(&msg);
	assert_int_equal(faccessat(root_fd(), path, R_OK, 0), 0);
	row(&done, 1, "example.org/gone", &msg);
	recover_replay(&msg);
	assert_int_equal(faccessat(root_fd(), "example.org/gone", F_OK, 0), -1);
	assert_int_equal(root_count(SPOOL_DIR), 4);
	assert_int_equal(recovered, 0);
	recover_end(1);
	assert_int_equal(recovered, 1);
	assert_int_equal(notes_count(IMSG_REPLAY_RESULT), 0);
	assert_int_equal(root_count(SPOOL_DIR), 1);
	assert_int_equal(faccessat(root_fd(), "spool/aside/litter", R_OK, 0), 0);
	assert_int_equal(notes_count(IMSG_REPLAY_SUSPECT), 1);
	memcpy(&suspect, notes_nth(IMSG_REPLAY_SUSPECT, 0)->data, sizeof(suspect));
	assert_int_equal(suspect.session, 11);
	assert_int_equal(suspect.msgno, 77);
	assert_int_equal(notes[nnotes - 1].type, IMSG_REPLAY_DONE);
	assert_int_equal(root_count("example.org/anna/new"), 1);
}

static enum replay_result
told(size_t nth, uint32_t *at)
{
	struct msg_replay_result	 m;

	assert_non_null(notes_nth(IMSG_REPLAY_RESULT, nth));
	memcpy(&m, notes_nth(IMSG_REPLAY_RESULT, nth)->data, sizeof(m));
	*at = m.row;
	return (m.what);
}

/* Nothing of what no row knows is removed unless it is of the last life, in a mail root that is the right one, with all rows told. */
static void
test_unknown_files(void **state)
{
	static const struct { uint32_t life; int proven, sure; size_t aside; }	 cases[] = {
		{ 10, 1, 1, 1 }, { 12, 1, 1, 2 }, { 13, 1, 1, 3 }, { UINT32_MAX, 1, 1, 4 }, { 10, 0, 1, 4 }, { 10, 1, 0, 4 }
	};
	struct spool_id		 old = PLAIN(1, 1, 9, 1), one = SIZED(1, 1, 10, 1), two = PLAIN(1, 1, 12, 5),
				 own = SIZED(1, 1, NOTICE_SESSION, 5);
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		notes_clear();
		recover_init();
		recover_begin(cases[i].life, cases[i].proven);
		put(&old, 1);
		put(&one, 1);
		put(&two, 1);
		put(&own, 1);
		recover_end(cases[i].sure);
		assert_int_equal(root_count("spool/aside"), cases[i].aside);
		assert_int_equal(notes_count(IMSG_SET_ASIDE_FILE), cases[i].aside);
		assert_int_equal(root_count(SPOOL_DIR), 1);
		set_aside_close();
		assert_int_equal(root_clear("spool/aside"), 0);
	}
}

/* Links of one message are kept once; another file of that name gets a name of its own. */
static void
test_aside_names(void **state)
{
	struct spool_id	 id = SIZED(1, 1, 9, 1), cut = SIZED(1, 2, 9, 1), old = PLAIN(1, 3, 9, 1);
	struct msg_set_aside_file	 m;
	char		 a[PROTO_LINK_SIZE], b[PROTO_LINK_SIZE];
	size_t		 i;

	(void)state;
	put(&id, 1);
	assert_int_equal(spool_link(&id, 0, 3), 0);
	spool_name(&id, 0, a, sizeof(a));
	spool_name(&id, 3, b, sizeof(b));
	assert_int_equal(set_aside_put(b), 0);
	assert_int_equal(set_aside_put(a), 0);
	assert_int_equal(root_count("spool/aside"), 1);
	put(&id, 1);
	assert_int_equal(set_aside_put(a), 0);
	assert_int_equal(root_count("spool/aside"), 2);
	assert_int_equal(set_aside_put(a), -1);
	/* A size that is not the file's is left out. */
	cut.octets = 5;
	put(&cut, 1);
	spool_name(&cut, 0, a, sizeof(a));
	assert_int_equal(set_aside_put(a), 0);
	put(&old, 1);
	spool_name(&old, 0, b, sizeof(b));
	assert_int_equal(set_aside_put(b), 0);
	for (i = 0; i < notes_count(IMSG_SET_ASIDE_FILE); i++) {
		memcpy(&m, notes_nth(IMSG_SET_ASIDE_FILE, i)->data, sizeof(m));
		if ((strstr(m.name, ".h,S=4,W=4") != NULL) != (i < 3) || (i == 2) != (strncmp(m.name, "1_1.M1P", 7) == 0))
			fail_msg("%zu: %s", i, m.name);
	}
	assert_int_equal(i, 5);
}

/* The mail root is not proven: what is in neither place is wanted again, what a reader has taken is not. */
static void
test_missing(void **state)
{
	struct spool_id	 id = PLAIN(1, 1, 10, 1), sized = SIZED(1, 2, 10, 2);
	struct msg_rcpt	 msg;
	char		 path[PROTO_LINK_SIZE + 64];
	uint32_t	 at;

	(void)state;
	recover_init();
	recover_begin(10, 0);
	put(&id, 1);
	row(&id, 0, "example.org/anna", &msg);
	recover_replay(&msg);
	recover_replay(&msg);						/* in new/ by now */
	row(&id, 1, "example.org/anna", &msg);
	recover_replay(&msg);
	snprintf(path, sizeof(path), "example.org/anna/cur/%s,S=4:2,S", msg.link);
	root_write(path, "mail", 4);
	recover_replay(&msg);
	row(&sized, 0, "example.org/anna", &msg);
	snprintf(path, sizeof(path), "example.org/anna/cur/%s:2,S", msg.link);
	root_write(path, "mail", 4);
	recover_replay(&msg);
	row(&sized, 1, "example.org/anna", &msg);			/* a reader has taken the sizes away, or put others there */
	msg.link[strcspn(msg.link, ",")] = '\0';
	snprintf(path, sizeof(path), "example.org/anna/cur/%s:2,", msg.link);
	root_write(path, "mail", 4);
	row(&sized, 1, "example.org/anna", &msg);
	recover_replay(&msg);
	row(&id, 10, "example.org/anna", &msg);				/* no prefix of another name counts */
	recover_replay(&msg);
	row(&id, 0, "example.org/bert", &msg);
	recover_replay(&msg);
	recover_end(1);
	assert_int_equal(notes_count(IMSG_REPLAY_RESULT), 3);
	assert_int_equal(told(0, &at), REPLAY_MISSING);
	assert_int_equal(at, 2);
	assert_int_equal(told(1, &at), REPLAY_MISSING);
	assert_int_equal(at, 6);
	assert_int_equal(told(2, &at), REPLAY_MISSING);
	assert_int_equal(at, 7);
}

/* A row that cannot be carried out holds up its own account. */
static void
test_recovery_waits(void **state)
{
	struct spool_id	 id = SIZED(1, 1, 10, 1), other = SIZED(1, 1, 12, 5);
	struct msg_rcpt	 msg;
	uint32_t	 at;

	(void)state;
	recover_init();
	recover_begin(10, 1);
	put(&id, 2);
	put(&other, 1);
	root_write("example.org", "a file", 6);
	row(&id, 0, "example.org/anna", &msg);
	recover_replay(&msg);
	row(&id, 1, "example.net/bert", &msg);
	recover_replay(&msg);
	recover_end(1);
	assert_int_equal(recovered, 1);
	assert_int_equal(notes_count(IMSG_REPLAY_RESULT), 1);
	assert_int_equal(told(0, &at), REPLAY_LATER);
	assert_int_equal(at, 0);
	assert_int_equal(notes_count(IMSG_REPLAY_SUSPECT), 1);
	assert_int_equal(root_count(SPOOL_DIR), 1);
	assert_int_equal(root_count("example.net/bert/new"), 1);
}

static void
test_replay_checks(void **state)
{
	static const struct { const char *link, *dest; }	 bad[] = {
		{ "../1.M2P3S4N5R6.h", "example.org/anna" }, { "1.M2P3S4N5R6.h/x", "example.org/anna" }, { "name", "example.org/anna" },
		{ "1.M2P3S4N5R0.h", "../anna" }, { "1.M2P3S4N5R0.h", "/etc" }, { "1.M2P3S4N5R0.h", "" },
		{ "1.M2P3S4N5R0.h", SPOOL_DIR }
	};
	struct spool_id						 id = PLAIN(1, 2, 4, 5);
	struct msg_rcpt						 msg;
	uint32_t						 at;
	size_t							 i;

	(void)state;
	recover_init();
	recover_begin(1, 1);
	put(&id, 1);
	for (i = 0; i < nitems(bad); i++) {
		memset(&msg, 0, sizeof(msg));
		strlcpy(msg.link, bad[i].link, sizeof(msg.link));
		strlcpy(msg.dest, bad[i].dest, sizeof(msg.dest));
		recover_replay(&msg);
		if (told(i, &at) != REPLAY_IRREGULAR || at != i)
			fail_msg("%s -> %s", bad[i].link, bad[i].dest);
	}
	recover_end(1);
	assert_int_equal(recovered, 1);
	assert_int_equal(root_count("spool/aside"), 1);			/* nothing counts as having been in flight */
}

#define T(f)	cmocka_unit_test_setup_teardown(f, root_setup, root_teardown)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		T(test_names_survive), T(test_foreign_names), T(test_host_encoded), T(test_sizes_read), T(test_final_name),
		T(test_bare), T(test_open_refuses), T(test_remove_all_links),
		T(test_recovery), T(test_recovery_waits), T(test_unknown_files), T(test_aside_names), T(test_missing), T(test_replay_checks),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
