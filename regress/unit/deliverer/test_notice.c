/* SPDX-License-Identifier: ISC */
/* links: regress/unit/deliverer/spoolroot.c deliverer */
/* libs: -levent_core */
/* Mail of our own: where it goes, what it looks like, what is refused, what is left of one that was cut off. */
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

#include "common/compat.h"
#include "deliverer/deliverer.h"
#include "spoolroot.h"

static const char *const	 people[] = { "postmaster", "anna" };
static struct msg_notice_made	 answer;

static struct msg_notice
notice(uint32_t account, const char *record, const char *subject, const char *text)
{
	struct msg_notice	 m;

	memset(&m, 0, sizeof(m));
	m.id = 7;
	m.account = account;
	strlcpy(m.record, record, sizeof(m.record));
	strlcpy(m.subject, subject, sizeof(m.subject));
	strlcpy(m.text, text, sizeof(m.text));
	return (m);
}

static int
setup(void **state)
{
	int	 rv = root_setup(state);

	root_routes(people, nitems(people));
	spool_host("mx.example.org");
	return (rv);
}

/* The only file in a directory, as text; the caller frees. */
static char *
only(const char *dir)
{
	char	 cmd[1200], path[600], name[256] = "", *text;
	uint8_t	*data;
	size_t	 len;
	FILE	*fp;

	assert_int_equal(root_count(dir), 1);
	snprintf(cmd, sizeof(cmd), "ls '%s'", root_path(dir));
	assert_non_null(fp = popen(cmd, "r"));
	assert_non_null(fgets(name, sizeof(name), fp));
	pclose(fp);
	name[strcspn(name, "\n")] = '\0';
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (!root_sized(path))
		fail_msg("%s", path);
	data = root_read(path, &len);
	text = malloc(len + 1);
	memcpy(text, data, len);
	text[len] = '\0';
	free(data);
	return (text);
}

static void
has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("not \"%s\" in:\n%s", part, text);
}

static void
test_delivered(void **state)
{
	struct msg_notice	 m = notice(2, "anna@example.org/isp", "The server has a message for you",
	    "The mail server pop.example.net answers the login with this text, which is meant for you to read and act upon:\n\n"
	    "Your password expires tomorrow.\n");
	char			*text;

	(void)state;
	assert_int_equal(notice_deliver(&m, &answer), 0);
	text = only("example.org/anna/new");
	assert_int_equal(root_count("example.org/postmaster/new"), 0);
	assert_int_equal(root_count(SPOOL_DIR), 0);
	assert_memory_equal(text, "Return-Path: <>\nFrom: Mail retrieval <mailer-daemon@", 52);
	has(text, "\nTo: <anna@example.org>\nDate: ");
	has(text, "\nMessage-ID: <");
	has(text, "\nSubject: The server has a message for you\n");
	has(text, "\nAuto-Submitted: auto-generated\nMIME-Version: 1.0\nContent-Type: text/plain; charset=us-ascii\n\n");
	has(text, "\n\nThe mail server pop.example.net answers the login with this text, which\n"
	    "is meant for you to read and act upon:\n\nYour password expires tomorrow.\n\nRecord: anna@example.org/isp\n");
	free(text);
	assert_int_equal(answer.id, 7);
	assert_int_equal(answer.error, 0);
	assert_string_equal(answer.link, "");
}

/* For an account whose mail is handed on: it stays in the spool, and the master gets its name. */
static void
test_held(void **state)
{
	struct msg_notice	 m = notice(2, "", "x", "y\n");
	struct spool_id		 id;
	uint32_t		 rcpt;
	char			*text;

	(void)state;
	m.held = 1;
	assert_int_equal(notice_deliver(&m, &answer), 0);
	assert_int_equal(answer.error, 0);
	assert_int_equal(spool_parse(answer.link, &id, &rcpt), 0);
	assert_int_equal(id.session, NOTICE_SESSION);
	assert_int_equal(rcpt, 0);
	text = only(SPOOL_DIR);
	assert_true(spool_has(answer.link));
	assert_memory_equal(text, "Return-Path: <>\nFrom: Mail retrieval <mailer-daemon@", 52);
	has(text, "\nTo: <anna@example.org>\n");
	free(text);
	assert_int_equal(root_count("example.org/anna/new"), 0);
	m.held = 2;
	assert_int_equal(notice_deliver(&m, &answer), -1);
}

/* Whatever the length of what is said, no line is too long, and the subject stays one field. */
static void
test_long(void **state)
{
	struct msg_notice	 m;
	char			 subject[PROTO_TEXT_SIZE], body[4 * PROTO_TEXT_SIZE], *text, *line, *next;
	size_t			 i;

	(void)state;
	for (i = 0; i < sizeof(subject) - 1; i++)
		subject[i] = i % 10 == 9 ? ' ' : 's';
	subject[i] = '\0';
	memset(body, 'b', sizeof(body) - 1);
	body[sizeof(body) - 1] = '\0';
	m = notice(2, "", subject, body);
	assert_int_equal(notice_deliver(&m, &answer), 0);
	text = only("example.org/anna/new");
	assert_null(strstr(text, "Record:"));
	for (line = text; *line != '\0'; line = next + 1) {
		assert_non_null(next = strchr(line, '\n'));
		assert_true(next - line <= 998);
	}
	line = strstr(text, "\nSubject: ") + 1;
	next = strstr(text, "\nAuto-Submitted");
	for (i = 0; line < next; line = strchr(line, '\n') + 1, i++) {
		assert_true(strchr(line, '\n') - line <= 78);
		assert_true(i == 0 || (line[0] == ' ' && line[1] == 's'));
	}
	assert_in_range(i, 3, 6);
	free(text);
}

static void
test_refused(void **state)
{
	static const char	*bad[] = { "a\nBcc: everybody@example.net", "a\rb", "\033[2J", "t\303\244glich", "tab\there" };
	struct msg_notice	 m;
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(bad); i++) {
		m = notice(2, "", bad[i], "x");
		assert_int_equal(notice_deliver(&m, &answer), -1);
		m = notice(2, bad[i], "x", "x");
		assert_int_equal(notice_deliver(&m, &answer), -1);
		m = notice(2, "", "x", bad[i]);
		assert_int_equal(notice_deliver(&m, &answer), i == 0 ? 0 : -1);
	}
	assert_int_equal(root_count("example.org/anna/new"), 1);
	/* Nobody to tell is no crime. */
	m = notice(77, "", "x", "x");
	assert_int_equal(notice_deliver(&m, &answer), 0);
	assert_int_equal(answer.error, ESRCH);
	assert_int_equal(root_count("example.org/anna/new"), 1);
}

/* A Maildir that cannot be: logged, nothing is left behind. */
static void
test_no_maildir(void **state)
{
	struct msg_notice	 m = notice(2, "", "x", "x");

	(void)state;
	root_write("example.org", "in the way", 10);
	assert_int_equal(notice_deliver(&m, &answer), 0);
	assert_int_not_equal(answer.error, 0);
	assert_string_equal(answer.link, "");
	assert_int_equal(root_count(SPOOL_DIR), 0);
}

/* One that was being written when the deliverer died goes with the rest of the spool, and no message is blamed. */
static void
test_recovered(void **state)
{
	struct spool_id	 notice_id, message;

	(void)state;
	close(spool_create(&notice_id, NOTICE_SESSION, 1));
	close(spool_create(&message, 5, 3));
	recover_init();
	recover_begin(1, 1);
	recover_end(1);
	assert_int_equal(root_count(SPOOL_DIR), 0);
	assert_int_equal(notes_count(IMSG_REPLAY_SUSPECT), 1);
	assert_int_equal(((const struct msg_replay_suspect *)(const void *)notes_nth(IMSG_REPLAY_SUSPECT, 0)->data)->session, 5);
	assert_int_equal(recovered, 1);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(test_delivered, setup, root_teardown),
		cmocka_unit_test_setup_teardown(test_held, setup, root_teardown),
		cmocka_unit_test_setup_teardown(test_long, setup, root_teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, root_teardown),
		cmocka_unit_test_setup_teardown(test_no_maildir, setup, root_teardown),
		cmocka_unit_test_setup_teardown(test_recovered, setup, root_teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
