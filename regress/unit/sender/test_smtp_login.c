/* SPDX-License-Identifier: ISC */
/* links: regress/unit/sender/smtp_script.c sender */
/* libs: -lgsasl */
/* From the greeting to where mail can be sent: what is demanded of a next hop, and what it is not told. */
#include <sys/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/log.h"
#include "smtp_script.h"

#define STARTTLS	"250-x\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n"

static char	 lines[65536];	/* of the log */

static void
log_sink_all(enum log_level level __unused, const char *text)
{
	strlcat(lines, text, sizeof(lines));
	strlcat(lines, "\n", sizeof(lines));
}

/* As user "fred" with a password, up to the AUTH command. */
static void
greet(const char *secret, const char *offer)
{
	char	 caps[256];

	setup(SEND_SMTP, TLS_MODE_TLS, "fred");
	begin(secret);
	smtp_secured(&s);
	SAY("220 x\r\n");
	SENT("EHLO us.example\r\n");
	snprintf(caps, sizeof(caps), "250-x\r\n250 AUTH %s\r\n", offer);
	SAY(caps);
}

static void
test_greeting(void **state)
{
	(void)state;
	setup(SEND_SMTP, TLS_MODE_NONE, NULL);
	begin("");
	assert_int_equal(say("421 4.3.2 too busy\r\n"), -1);
	failed(WHY_SERVER_TEMP, 1);
	begin("");
	assert_int_equal(say("451 later\r\n"), -1);
	failed(WHY_SERVER_TEMP, 1);
	begin("");
	assert_int_equal(say("554 no service\r\n"), -1);
	failed(WHY_SERVER_PERM, 0);
	assert_string_equal(s.text, "the next hop takes no connection: 554 no service");
	begin("");
	assert_int_equal(say("+OK POP3 ready\r\n"), -1);
	failed(WHY_PROTO, 0);
}

/* An old server has HELO and offers nothing.  LMTP has only LHLO. */
static void
test_helo(void **state)
{
	(void)state;
	setup(SEND_SMTP, TLS_MODE_NONE, NULL);
	begin("");
	SAY("220 x\r\n");
	sent();
	SAY("502-what\r\n502 PIPELINING\r\n");
	SENT("HELO us.example\r\n");
	SAY("250 PIPELINING\r\n");
	assert_int_equal(s.state, SMTP_READY);
	assert_int_equal(s.offer.caps, 0);
	setup(SEND_LMTP, TLS_MODE_NONE, NULL);
	begin("");
	SAY("220 x\r\n");
	SENT("LHLO us.example\r\n");
	assert_int_equal(say("500 what\r\n"), -1);
	failed(WHY_SERVER_PERM, 0);
	/* nor where something is demanded that HELO cannot give */
	setup(SEND_SMTP, TLS_MODE_STLS, NULL);
	begin("");
	SAY("220 x\r\n");
	sent();
	assert_int_equal(say("502 what\r\n"), -1);
	failed(WHY_SERVER_PERM, 0);
}

static void
test_starttls(void **state)
{
	(void)state;
	setup(SEND_SMTP, TLS_MODE_STLS, NULL);
	begin("");
	SAY("220 x\r\n");
	SENT("EHLO us.example\r\n");
	SAY("250-x\r\n250-PIPELINING\r\n250 STARTTLS\r\n");
	SENT("STARTTLS\r\n");
	SAY("220 go\r\n");
	assert_int_equal(s.state, SMTP_HANDSHAKE);
	SENT("");
	smtp_secured(&s);
	SENT("EHLO us.example\r\n");
	SAY("250-x\r\n250 DSN\r\n");
	assert_int_equal(s.state, SMTP_READY);
	assert_int_equal(s.offer.caps, CAP_DSN);	/* nothing of what was said in the clear */
	/* not offered, refused for now, refused */
	begin("");
	SAY("220 x\r\n");
	sent();
	assert_int_equal(say("250 x\r\n"), -1);
	failed(WHY_TLS, 0);
	begin("");
	SAY("220 x\r\n");
	sent();
	SAY(STARTTLS);
	sent();
	assert_int_equal(say("454 not now\r\n"), -1);
	failed(WHY_SERVER_TEMP, 1);
	begin("");
	SAY("220 x\r\n");
	sent();
	SAY(STARTTLS);
	sent();
	assert_int_equal(say("501 no\r\n"), -1);
	failed(WHY_TLS, 0);
}

/* What somebody in between put behind the answer would be taken for the server's own, under TLS. */
static void
test_starttls_injection(void **state)
{
	(void)state;
	for (seg = 0; seg < 3; seg++) {
		setup(SEND_SMTP, TLS_MODE_STLS, NULL);
		begin("");
		SAY("220 x\r\n");
		sent();
		SAY(STARTTLS);
		sent();
		assert_int_equal(say("220 go\r\n250 injected\r\n"), -1);
		failed(WHY_PROTO, 0);
		SENT("");
	}
	seg = 0;
	begin("");
	SAY("220 x\r\n");
	sent();
	SAY(STARTTLS);
	sent();
	assert_int_equal(say("220 go\r\n2"), -1);
	failed(WHY_PROTO, 0);
}

static void
test_plain(void **state)
{
	(void)state;
	greet("wonder", "LOGIN PLAIN");
	SENT("AUTH PLAIN AGZyZWQAd29uZGVy\r\n");
	SAY("235 2.7.0 in\r\n");
	assert_int_equal(s.state, SMTP_READY);
	assert_null(s.login.secret);
	/* too long for the line */
	greet("0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
	    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
	    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
	    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789", "PLAIN");
	SENT("AUTH PLAIN\r\n");
	SAY("334 \r\n");
	assert_true(strlen(sent()) > 500);
	SAY("235 in\r\n");
	assert_int_equal(s.state, SMTP_READY);
	/* as it was offered before there was a standard */
	setup(SEND_SMTP, TLS_MODE_TLS, "fred");
	begin("wonder");
	smtp_secured(&s);
	SAY("220 x\r\n");
	sent();
	SAY("250-x\r\n250 AUTH=LOGIN PLAIN\r\n");
	SENT("AUTH PLAIN AGZyZWQAd29uZGVy\r\n");
}

static void
test_login(void **state)
{
	(void)state;
	greet("wonder", "LOGIN");
	SENT("AUTH LOGIN\r\n");
	SAY("334 VXNlcm5hbWU6\r\n");
	SENT("ZnJlZA==\r\n");
	SAY("334 UGFzc3dvcmQ6\r\n");
	SENT("d29uZGVy\r\n");
	SAY("235 in\r\n");
	assert_int_equal(s.state, SMTP_READY);
}

/* The sum is for connections without TLS: under it PLAIN shows the server no more than it needs. */
static void
test_choice(void **state)
{
	(void)state;
	greet("wonder", "CRAM-MD5 PLAIN");
	assert_memory_equal(sent(), "AUTH PLAIN ", 11);
	greet("wonder", "PLAIN SCRAM-SHA-1 SCRAM-SHA-256");
	assert_memory_equal(sent(), "AUTH SCRAM-SHA-256 ", 19);
	setup(SEND_LMTP, TLS_MODE_NONE, "tim");
	begin("tanstaaftanstaaf");
	SAY("220 x\r\n");
	sent();
	SAY("250-x\r\n250 AUTH PLAIN CRAM-MD5\r\n");
	SENT("AUTH CRAM-MD5\r\n");
	SAY("334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+\r\n");
	SENT("dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw\r\n");
	SAY("235 in\r\n");
	assert_int_equal(s.state, SMTP_READY);
	setup(SEND_SMTP, TLS_MODE_TLS, "fred");
	begin("wonder");
	smtp_secured(&s);
	SAY("220 x\r\n");
	sent();
	assert_int_equal(say("250 x\r\n"), -1);
	failed(WHY_CONFIG, 0);
	setup(SEND_SMTP, TLS_MODE_TLS, "fred");
	begin("wonder");
	smtp_secured(&s);
	SAY("220 x\r\n");
	sent();
	assert_int_equal(say("250-x\r\n250 AUTH GSSAPI\r\n"), -1);
	failed(WHY_CONFIG, 0);
}

static void
test_refused(void **state)
{
	(void)state;
	greet("wonder", "PLAIN");
	sent();
	assert_int_equal(say("535 5.7.8 wrong password\r\n"), -1);
	failed(WHY_AUTH, 0);
	assert_string_equal(s.text, "login refused: 535 5.7.8 wrong password");
	greet("wonder", "PLAIN");
	sent();
	assert_int_equal(say("454 4.7.0 later\r\n"), -1);
	failed(WHY_SERVER_TEMP, 1);
	/* a server that lets us in before it has proved anything */
	greet("wonder", "SCRAM-SHA-256");
	sent();
	assert_int_equal(say("235 in\r\n"), -1);
	failed(WHY_PROTO, 0);
	/* nonsense is cancelled, and its reason told */
	greet("wonder", "LOGIN");
	sent();
	SAY("334 not base64!\r\n");
	SENT("*\r\n");
	assert_int_equal(say("501 cancelled\r\n"), -1);
	failed(WHY_PROTO, 0);
	assert_string_equal(s.text, "the next hop's challenge is not base64");
	/* questions without end */
	greet("wonder", "SCRAM-SHA-256");
	sent();
	SAY("334 eA==\r\n");
	SENT("*\r\n");
}

/* Echoed in whatever form: neither a text nor a log line at the highest level has it. */
static void
test_no_secret_in_texts(void **state)
{
	static const char *const	 echoes[] = {
		"535 wonderwall no\r\n", "535 AGZyZWQAd29uZGVyd2FsbA== no\r\n", "535 d29uZGVyd2FsbA== no\r\n",
		"454-wonderwall\r\n454 wonderwall\r\n", "wonderwall\r\n", "999 AGZyZWQAd29uZGVyd2FsbA==\r\n"
	};
	size_t	 i;

	(void)state;
	log_setsink(log_sink_all);
	log_setlevel(LOG_LEVEL_ALL);
	for (i = 0; i < nitems(echoes); i++) {
		lines[0] = '\0';
		greet("wonderwall", "PLAIN");
		assert_non_null(strstr(sent(), "AGZyZWQAd29uZGVyd2FsbA=="));
		assert_int_equal(say(echoes[i]), -1);
		assert_null(strstr(s.text, "wonderwall"));
		assert_null(strstr(s.text, "d29uZGVyd2FsbA"));
		assert_null(strstr(lines, "wonderwall"));
		assert_null(strstr(lines, "d29uZGVyd2FsbA"));
		assert_non_null(strstr(lines, "AUTH PLAIN ****"));
	}
	/* in the answer for a recipient, long after the login */
	greet("wonderwall", "PLAIN");
	sent();
	SAY("235 in\r\n");
	mail("a@x", NOTIFY_FAILURE, "", "b@y", NULL);
	sent();
	SAY("550 for wonderwall\r\n");
	EVENTS("0 perm 550 5.0.0 for **********\ndone\n");
	log_setsink(NULL);
	log_setlevel(LOG_LEVEL_PROBLEMS);
}

/* XCLIENT ends a login; where it does not, the second one is superfluous. */
static void
test_login_after_xclient(void **state)
{
	static const char	 offer[] = "250-x\r\n250-XCLIENT ADDR\r\n250 AUTH PLAIN\r\n";
	int			 i;

	(void)state;
	for (i = 0; i < 2; i++) {
		setup(SEND_SMTP, TLS_MODE_TLS, "fred");
		start.xclient = 1;
		begin("wonder");
		smtp_secured(&s);
		SAY("220 x\r\n");
		sent();
		SAY(offer);
		sent();
		SAY("235 in\r\n");
		mail_from("192.0.2.1");
		mail("a@x", NOTIFY_FAILURE, "", "b@y", NULL);
		SENT("XCLIENT ADDR=192.0.2.1\r\n");
		SAY("220 x\r\n");
		sent();
		SAY(offer);
		SENT("AUTH PLAIN AGZyZWQAd29uZGVy\r\n");
		SAY(i == 0 ? "235 in\r\n" : "503 already\r\n");
		SENT("MAIL FROM:<a@x>\r\n");
	}
	/* the first one is not superfluous */
	greet("wonder", "PLAIN");
	sent();
	assert_int_equal(say("503 already\r\n"), -1);
	failed(WHY_AUTH, 0);
}

static void
test_patience(void **state)
{
	(void)state;
	setup(SEND_SMTP, TLS_MODE_NONE, NULL);
	begin("");
	assert_int_equal(smtp_timeout(&s), 300000);
	SAY("220 x\r\n");
	sent();
	SAY("250 x\r\n");
	assert_int_equal(smtp_timeout(&s), 0);
	mail("a@x", NOTIFY_FAILURE, "x", "b@y", NULL);
	assert_int_equal(smtp_timeout(&s), 300000);
	sent();
	SAY("250 ok\r\n");
	sent();
	SAY("250 ok\r\n");
	assert_int_equal(smtp_timeout(&s), 120000);
	sent();
	SAY("354 go\r\n");
	assert_int_equal(smtp_timeout(&s), 180000);
	body();
	assert_int_equal(smtp_timeout(&s), 600000);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_greeting),
		cmocka_unit_test(test_helo),
		cmocka_unit_test(test_starttls),
		cmocka_unit_test(test_starttls_injection),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_login),
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_no_secret_in_texts),
		cmocka_unit_test(test_login_after_xclient),
		cmocka_unit_test(test_patience),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
