/* SPDX-License-Identifier: ISC */
/* links: regress/unit/deliverer/spoolroot.c deliverer */
/* libs: -levent_core */
/* Reports of failures: their parts, addresses that are not ASCII, headers that cannot be sent as they are, what cannot be made. */
#include <errno.h>
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

#define LINK	"1700000000.M1P2S3N4R0.host"

static const char *const	 people[] = { "postmaster", "anna" };

static int
setup(void **state)
{
	int	 rv = root_setup(state);

	root_routes(people, nitems(people));
	spool_host("mx.example.org");
	return (rv);
}

static struct msg_dsn_rcpt	 about;		/* of the recipient that the next report is about */

static struct msg_dsn
request(const char *recipient)
{
	struct msg_dsn	 m;

	memset(&m, 0, sizeof(m));
	m.id = 7;
	m.rcpts = 1;
	m.arrived = 1700000000;
	strlcpy(m.link, LINK, sizeof(m.link));
	strlcpy(m.sender, "sam@example.net", sizeof(m.sender));
	memset(&about, 0, sizeof(about));
	about.id = 7;
	about.code = 550;
	strlcpy(about.recipient, recipient, sizeof(about.recipient));
	strlcpy(about.status, "5.1.1", sizeof(about.status));
	strlcpy(about.remote, "mx.example.com", sizeof(about.remote));
	strlcpy(about.text, "no such user", sizeof(about.text));
	return (m);
}

/* With one recipient. */
static void
report(const struct msg_dsn *m, struct msg_dsn_made *answer)
{
	assert_int_equal(dsn_begin(m), 0);
	assert_int_equal(dsn_rcpt(&about, answer), 1);
}

static void
original(const char *text, size_t len)
{
	root_write("spool/" LINK, text, len);
}

/* What was made, as text; the caller frees.  It is the only thing in the spool besides the original. */
static char *
text_of(const struct msg_dsn_made *answer)
{
	char	 path[PROTO_LINK_SIZE + 16], *text;
	uint8_t	*data;
	size_t	 len;

	assert_int_equal(answer->id, 7);
	assert_int_equal(answer->error, 0);
	assert_int_equal(root_count("spool"), 2);
	snprintf(path, sizeof(path), "spool/%s", answer->link);
	if (!root_sized(path))
		fail_msg("%s", path);
	data = root_read(path, &len);
	assert_non_null(text = malloc(len + 1));
	memcpy(text, data, len);
	text[len] = '\0';
	free(data);
	return (text);
}

static char *
make(const struct msg_dsn *m, struct msg_dsn_made *answer)
{
	report(m, answer);
	return (text_of(answer));
}

static void
test_parts(void **state)
{
	static const char	 mail[] = "Return-Path: <sam@example.net>\nReceived: from x\n\tby y\nSubject: hello\n\nbody secret\n";
	struct msg_dsn	 m = request("anna@example.org");
	struct msg_dsn_made	 answer;
	char			*text;

	(void)state;
	strlcpy(about.original, "Anna@Example.ORG", sizeof(about.original));
	original(mail, strlen(mail));
	text = make(&m, &answer);
	assert_memory_equal(text, "Return-Path: <>\nFrom: Mail delivery <mailer-daemon@", 50);
	assert_non_null(strstr(text, "\nTo: <sam@example.net>\n"));
	assert_non_null(strstr(text, "\nAuto-Submitted: auto-replied\n"));
	assert_non_null(strstr(text, "Content-Type: multipart/report; report-type=delivery-status;\n boundary=\"=_"));
	assert_non_null(strstr(text, "\nOriginal-Recipient: rfc822; Anna@Example.ORG\nFinal-Recipient: rfc822; anna@example.org\n"
	    "Action: failed\nStatus: 5.1.1\nRemote-MTA: dns; mx.example.com\nDiagnostic-Code: smtp; 550 5.1.1 no such user\n"));
	assert_non_null(strstr(text, "\n    Anna@Example.ORG\n\nmx.example.com said:\n\n    550 no such user\n"));
	assert_non_null(strstr(text, "text/rfc822-headers\nContent-Transfer-Encoding: 7bit\n\n"
	    "Received: from x\n\tby y\nSubject: hello\n\n--=_"));
	assert_null(strstr(text, "Return-Path: <sam"));
	assert_null(strstr(text, "secret"));
	free(text);
}

/* Long lines, and octets that are not ASCII; a header without an end. */
static void
test_encoded(void **state)
{
	struct msg_dsn	 m = request("j\xc3\xb6rg@ex\xe2\x82\xac.org");
	struct msg_dsn_made	 answer;
	char			*mail, *text, *p, *eol;
	size_t			 len;

	(void)state;
	about.remote[0] = '\0';
	about.code = 0;
	assert_non_null(mail = malloc(3000));
	len = strlcpy(mail, "Return-Path: <>\nSubject: caf\xc3\xa9 = \nX-Long: ", 3000);
	memset(mail + len, 'x', 2000);
	strlcpy(mail + len + 2000, "\n", 10);
	original(mail, strlen(mail));
	free(mail);
	text = make(&m, &answer);
	assert_non_null(strstr(text, "\nFinal-Recipient: utf-8; j\\x{F6}rg@ex\\x{20AC}.org\n"));
	assert_non_null(strstr(text, "Diagnostic-Code: x-rpopd; no such user\n"));
	assert_null(strstr(text, "Remote-MTA"));
	assert_non_null(strstr(text, "Content-Transfer-Encoding: quoted-printable\n\nSubject: caf=C3=A9 =3D=20\nX-Long: xxx"));
	for (p = text; (eol = strchr(p, '\n')) != NULL; p = eol + 1)
		assert_true(eol - p <= 98);
	for (p = text; *p != '\0'; p++)
		assert_true((*p >= ' ' && *p <= '~') || *p == '\n' || *p == '\t');
	free(text);
}

/* A message whose header ends in a line that is no field shows nothing of its body. */
static void
test_no_field(void **state)
{
	static const char	 mail[] = "Subject: hello\nthis is a secret\n";
	struct msg_dsn	 m = request("anna@example.org");
	struct msg_dsn_made	 answer;
	char			*text;

	(void)state;
	original(mail, strlen(mail));
	text = make(&m, &answer);
	assert_non_null(strstr(text, "Subject: hello\n\n--=_"));
	assert_null(strstr(text, "secret"));
	free(text);
}

static void
test_postmaster(void **state)
{
	struct msg_dsn	 m = request("anna@example.org");
	struct msg_dsn_made	 answer;
	char			*text;

	(void)state;
	m.postmaster = 1;
	original("Subject: x\n\n", 12);
	text = make(&m, &answer);
	assert_non_null(strstr(text, "settings.report_nexthop"));
	free(text);
}

/* 399 recipients are one report, with a group for each (RFC 3464 section 2.3); people read of the first. */
static void
test_many(void **state)
{
	struct msg_dsn	 m = request("");
	struct msg_dsn_made	 answer;
	char			*text, *p, *end, expected[512];
	uint32_t		 i, n = 399;

	(void)state;
	original("Subject: x\n\n", 12);
	m.rcpts = n;
	assert_int_equal(dsn_begin(&m), 0);
	assert_int_equal(dsn_begin(&m), -1);		/* one at a time */
	about.id = 8;
	assert_int_equal(dsn_rcpt(&about, &answer), -1);
	about.id = 7;
	for (i = 0; i < n; i++) {
		snprintf(about.recipient, sizeof(about.recipient), "r%u@example.org", i);
		snprintf(about.status, sizeof(about.status), "5.1.%u", i);
		assert_int_equal(dsn_rcpt(&about, &answer), i == n - 1);
	}
	assert_int_equal(dsn_rcpt(&about, &answer), -1);
	text = text_of(&answer);
	assert_non_null(strstr(text, "could not be delivered to 399 recipients:\n\n    r0@example.org\n"));
	assert_non_null(strstr(text, "\nand 379 more, who are named below\n"));
	assert_non_null(end = strstr(text, "text/rfc822-headers"));
	assert_non_null(p = strstr(text, "message/delivery-status\n\nReporting-MTA: dns; "));
	for (i = 0; i < n; i++) {
		snprintf(expected, sizeof(expected), "\n\nFinal-Recipient: rfc822; r%u@example.org\nAction: failed\nStatus: 5.1.%u\n"
		    "Remote-MTA: dns; mx.example.com\nDiagnostic-Code: smtp; 550 5.1.%u no such user\nLast-Attempt-Date: ", i, i, i);
		assert_non_null(p = strstr(p, expected));
		assert_true(p < end);
	}
	free(text);
	m.rcpts = 0;
	assert_int_equal(dsn_begin(&m), -1);
	m.rcpts = PROTO_RCPT_MAX + 1;
	assert_int_equal(dsn_begin(&m), -1);
}

/* The longest there is, of everything, for as many as a message can have. */
static void
test_longest(void **state)
{
	struct msg_dsn	 m = request("");
	struct msg_dsn_made	 answer;
	char			*text;
	uint32_t		 i;

	(void)state;
	original("Subject: x\n\n", 12);
	m.rcpts = PROTO_RCPT_MAX;
	memset(about.recipient, 'r', sizeof(about.recipient) - 1);
	memset(about.original, 'o', sizeof(about.original) - 1);
	memset(about.remote, 'h', sizeof(about.remote) - 1);
	memset(about.text, 't', sizeof(about.text) - 1);
	assert_int_equal(dsn_begin(&m), 0);
	for (i = 0; i < PROTO_RCPT_MAX; i++)
		assert_int_equal(dsn_rcpt(&about, &answer), i == PROTO_RCPT_MAX - 1);
	text = text_of(&answer);
	assert_in_range(strlen(text), 1000000, 4000000);
	free(text);
}

static void
test_not_made(void **state)
{
	struct msg_dsn	 m = request("anna@example.org");
	struct msg_dsn_made	 answer;

	(void)state;
	report(&m, &answer);
	assert_int_equal(answer.error, ENOENT);
	assert_string_equal(answer.link, "");
	strlcpy(m.link, "../../etc/passwd", sizeof(m.link));
	report(&m, &answer);
	assert_int_equal(answer.error, EINVAL);
	assert_int_equal(root_count("spool"), 0);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, root_teardown)
		T(test_parts), T(test_encoded), T(test_no_field), T(test_postmaster), T(test_many), T(test_longest), T(test_not_made),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
