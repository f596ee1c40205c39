/* SPDX-License-Identifier: ISC */
/* links: regress/unit/sender/smtp_script.c sender */
/* libs: -lgsasl */
/* Messages handed on: what is sent, and what is told of each recipient, whatever the next hop answers. */
#include <sys/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "smtp_script.h"

#define PLAIN	"250 hop.example\r\n"
#define PIPE	"250-hop.example\r\n250 PIPELINING\r\n"
#define ALL	"250-hop.example\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n" \
		"250 ENHANCEDSTATUSCODES\r\n"

/* The same with every segmentation of the next hop's octets. */
static void
test_one_at_a_time(void **state)
{
	(void)state;
	for (seg = 0; seg < 8; seg++) {
		setup(SEND_SMTP, TLS_MODE_NONE, NULL);
		ready(PLAIN);
		mail("a@x", NOTIFY_FAILURE, "hi\n", "b@y", "c@y", NULL);
		SENT("MAIL FROM:<a@x>\r\n");
		SAY("250 ok\r\n");
		SENT("RCPT TO:<b@y>\r\n");
		SAY("250 ok\r\n");
		SENT("RCPT TO:<c@y>\r\n");
		SAY("251-forwarded\r\n251 elsewhere\r\n");
		SENT("DATA\r\n");
		SAY("354 go\r\n");
		body();
		SENT("hi\r\n.\r\n");
		EVENTS("");
		SAY("250 2.0.0 queued as 1\r\n");
		EVENTS("0 accepted 250 2.0.0 queued as 1\n1 accepted 250 2.0.0 queued as 1\ndone\n");
		assert_int_equal(s.state, SMTP_READY);
		smtp_quit(&s);
		SENT("QUIT\r\n");
		SAY("221 bye\r\n");
		assert_int_equal(s.state, SMTP_DONE);
	}
	seg = 0;
}

static void
test_pipelined(void **state)
{
	(void)state;
	setup(SEND_SMTP, TLS_MODE_NONE, NULL);
	ready(PIPE);
	mail("a@x", NOTIFY_FAILURE, ".\n", "b@y", "c@y", "d@y", NULL);
	SENT("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nRCPT TO:<c@y>\r\nRCPT TO:<d@y>\r\n");
	SAY("250 ok\r\n550 5.1.1 no such user\r\n250 ok\r\n450 4.2.1 later\r\n");
	SENT("DATA\r\n");
	EVENTS("");
	SAY("354 go\r\n");
	body();
	SENT("..\r\n.\r\n");
	SAY("250 ok\r\n");
	EVENTS("0 perm 550 5.1.1 no such user\n1 accepted 250 2.0.0 ok\n2 temp 450 4.2.1 later\ndone\n");
	/* another one in the same session */
	mail("a@x", NOTIFY_FAILURE, "", "e@y", NULL);
	SENT("MAIL FROM:<a@x>\r\nRCPT TO:<e@y>\r\n");
	SAY("250 ok\r\n250 ok\r\n");
	SENT("DATA\r\n");
	SAY("354 go\r\n");
	body();
	SENT(".\r\n");
	SAY("554 5.6.0 empty\r\n");
	EVENTS("0 perm 554 5.6.0 empty\ndone\n");
}

/* More recipients than the window: they follow as replies come in. */
static void
test_window(void **state)
{
	static struct smtp_mail	 many;
	static struct smtp_rcpt	 rcpts[SMTP_WINDOW + 50];
	char			 all[SMTP_WINDOW + 50][24];
	const char		*p;
	uint32_t		 i, n = 0;

	(void)state;
	setup(SEND_SMTP, TLS_MODE_NONE, NULL);
	ready(PIPE);
	for (i = 0; i < nitems(rcpts); i++) {
		snprintf(all[i], sizeof(all[i]), "user%u@y", i);
		rcpts[i].address = all[i];
	}
	many.rcpts = rcpts;
	many.n = many.m.rcpts = nitems(rcpts);
	smtp_give(&s, &many);
	for (p = strstr(sent(), "RCPT"); p != NULL; p = strstr(p + 1, "RCPT"))
		n++;
	assert_int_equal(n, SMTP_WINDOW - 1);
	SAY("250 ok\r\n");
	for (i = 0; i < nitems(rcpts); i++) {
		for (p = strstr(sent(), "RCPT"); p != NULL; p = strstr(p + 1, "RCPT"))
			n++;
		SAY("550 no\r\n");
	}
	assert_int_equal(n, nitems(rcpts));
	SENT("RSET\r\n");
	for (i = 0; i < nitems(rcpts); i++)
		free(rcpts[i].text);
}

/* LMTP: the rejected one has its answer early, the others one each behind the dot. */
static void
test_lmtp(void **state)
{
	(void)state;
	setup(SEND_LMTP, TLS_MODE_NONE, NULL);
	ready(PIPE);
	mail("", NOTIFY_NEVER, "x\n", "a@y", "b@y", "c@y", "d@y", NULL);
	SENT("MAIL FROM:<>\r\nRCPT TO:<a@y>\r\nRCPT TO:<b@y>\r\nRCPT TO:<c@y>\r\nRCPT TO:<d@y>\r\n");
	SAY("250 ok\r\n250 ok\r\n550 5.1.1 b?\r\n250 ok\r\n250 ok\r\n");
	SENT("DATA\r\n");
	SAY("354 go\r\n");
	body();
	SENT("x\r\n.\r\n");
	SAY("452 4.2.2 full\r\n");
	EVENTS("0 temp 452 4.2.2 full\n1 perm 550 5.1.1 b?\n");
	SAY("250 2.1.5 ok\r\n");
	EVENTS("2 accepted 250 2.1.5 ok\n");
	SAY("550 5.7.1 no\r\n");
	EVENTS("3 perm 550 5.7.1 no\ndone\n");
	assert_int_equal(s.state, SMTP_READY);
}

/* Each recipient 250, 451 or 550, at RCPT and behind the dot: every order of three recipients. */
static void
test_every_order(void **state)
{
	static const char *const	 replies[] = { "250 ok\r\n", "451 4.3.0 later\r\n", "550 5.1.1 no\r\n" };
	static const char *const	 told[] = { "accepted 250 2.0.0 ok", "temp 451 4.3.0 later", "perm 550 5.1.1 no" };
	char				 want[512];
	int				 at[3], dot[3], i, j, k, accepted;

	(void)state;
	for (i = 0; i < 27 * 27; i++) {
		for (j = 0, k = i; j < 3; j++, k /= 3)
			at[j] = k % 3;
		for (j = 0; j < 3; j++, k /= 3)
			dot[j] = k % 3;
		setup(SEND_LMTP, TLS_MODE_NONE, NULL);
		ready(i % 2 == 0 ? PIPE : PLAIN);
		mail("a@x", NOTIFY_FAILURE, "x\n", "a@y", "b@y", "c@y", NULL);
		sent();
		SAY("250 ok\r\n");
		for (j = accepted = 0; j < 3; j++) {
			sent();
			SAY(replies[at[j]]);
			accepted += at[j] == 0;
		}
		if (accepted == 0)
			SENT("RSET\r\n");
		else {
			SENT("DATA\r\n");
			SAY("354 go\r\n");
			body();
			sent();
		}
		want[0] = '\0';
		for (j = 0; j < 3; j++) {
			if (at[j] == 0)
				SAY(replies[dot[j]]);
			snprintf(want + strlen(want), sizeof(want) - strlen(want), "%d %s\n", j,
			    told[at[j] != 0 ? at[j] : dot[j]]);
		}
		if (accepted == 0)
			SAY("250 reset\r\n");
		strlcat(want, "done\n", sizeof(want));
		EVENTS(want);
		assert_int_equal(s.state, SMTP_READY);
	}
}

static void
test_nobody_accepted(void **state)
{
	(void)state;
	setup(SEND_SMTP, TLS_MODE_NONE, NULL);
	ready(PIPE);
	mail("a@x", NOTIFY_FAILURE, "x", "b@y", NULL);
	sent();
	SAY("250 ok\r\n550 no\r\n");
	SENT("RSET\r\n");
	EVENTS("0 perm 550 5.0.0 no\n");
	SAY("250 ok\r\n");
	EVENTS("done\n");
}

/* MAIL refused: every recipient has that answer, whatever is said of pipelined RCPT. */
static void
test_mail_refused(void **state)
{
	(void)state;
	setup(SEND_SMTP, TLS_MODE_NONE, NULL);
	ready(PIPE);
	mail("a@x", NOTIFY_FAILURE, "x", "b@y", "c@y", NULL);
	sent();
	SAY("452 4.3.1 disk full\r\n");
	EVENTS("");
	SAY("503 no MAIL\r\n250 what\r\n");
	EVENTS("0 temp 452 4.3.1 disk full\n1 temp 452 4.3.1 disk full\n");
	SENT("RSET\r\n");
	SAY("250 ok\r\n");
	EVENTS("done\n");
	ready(PLAIN);
	mail("a@x", NOTIFY_FAILURE, "x", "b@y", NULL);
	sent();
	SAY("552 too big\r\n");
	EVENTS("0 perm 552 5.3.4 too big\ndone\n");
	SENT("");
	/* 530 is about us */
	ready(PIPE);
	mail("a@x", NOTIFY_FAILURE, "x", "b@y", NULL);
	sent();
	assert_int_equal(say("530 5.7.0 log in first\r\n"), -1);
	EVENTS("0 temp 0 4.4.2 the next hop takes no mail: 530 5.7.0 log in first\n");
	failed(WHY_AUTH, 0);
}

/* RFC 5321 section 4.5.3.1.10 */
static void
test_too_many_recipients(void **state)
{
	(void)state;
	setup(SEND_SMTP, TLS_MODE_NONE, NULL);
	ready(PIPE);
	mail("a@x", NOTIFY_FAILURE, "x", "b@y", "c@y", "d@y", "e@y", NULL);
	sent();
	SAY("250 ok\r\n250 ok\r\n552 too many\r\n552 5.2.2 mailbox full\r\n452 4.5.3 too many\r\n");
	sent();
	SAY("354 go\r\n");
	body();
	sent();
	SAY("250 ok\r\n");
	EVENTS("0 accepted 250 2.0.0 ok\n1 temp 452 4.5.3 too many\n2 perm 552 5.2.2 mailbox full\n3 temp 452 4.5.3 too many\ndone\n");
	/* the first one is not one too many */
	ready(PLAIN);
	mail("a@x", NOTIFY_FAILURE, "x", "b@y", NULL);
	sent();
	SAY("250 ok\r\n");
	sent();
	SAY("552 full\r\n");
	EVENTS("0 perm 552 5.3.4 full\n");
}

static void
test_data_refused(void **state)
{
	(void)state;
	setup(SEND_SMTP, TLS_MODE_NONE, NULL);
	ready(PIPE);
	mail("a@x", NOTIFY_FAILURE, "x", "b@y", "c@y", NULL);
	sent();
	SAY("250 ok\r\n250 ok\r\n550 5.1.1 no\r\n");
	sent();
	SAY("451 4.3.0 not now\r\n");
	EVENTS("0 temp 451 4.3.0 not now\n1 perm 550 5.1.1 no\n");
	SENT("RSET\r\n");
	ready(PIPE);
	mail("a@x", NOTIFY_FAILURE, "x", "b@y", NULL);
	sent();
	SAY("250 ok\r\n250 ok\r\n");
	sent();
	assert_int_equal(say("250 what\r\n"), -1);
	failed(WHY_PROTO, 0);
	EVENTS("0 temp 0 4.4.2 DATA is answered with 250\n");
}

/* The connection ends at each octet that we send: nobody is in doubt before the final dot is out, every accepted one is behind it. */
static void
test_lost(void **state)
{
	static const char	 replies[] = "250 ok\r\n250 ok\r\n550 5.1.1 no\r\n";
	size_t			 i, total = strlen("x\r\n.\r\n");

	(void)state;
	for (i = 0; i <= total; i++) {
		setup(SEND_SMTP, TLS_MODE_NONE, NULL);
		ready(PIPE);
		mail("a@x", NOTIFY_FAILURE, "x\n", "b@y", "c@y", NULL);
		sent();
		SAY(replies);
		sent();
		SAY("354 go\r\n");
		body();
		assert_int_equal(buf_len(&s.out), total);
		smtp_sent(&s, i);
		smtp_lost(&s, WHY_CLOSED, "connection lost");
		if (i < total)
			EVENTS("0 temp 0 4.4.2 connection lost\n1 perm 550 5.1.1 no\n");
		else
			EVENTS("0 doubt 0 4.4.2 connection lost\n1 perm 550 5.1.1 no\n");
		failed(WHY_CLOSED, 0);
	}
	/* LMTP: those that were answered keep their answers */
	setup(SEND_LMTP, TLS_MODE_NONE, NULL);
	ready(PIPE);
	mail("a@x", NOTIFY_FAILURE, "x\n", "b@y", "c@y", NULL);
	sent();
	SAY("250 ok\r\n250 ok\r\n250 ok\r\n");
	sent();
	SAY("354 go\r\n");
	body();
	sent();
	SAY("250 ok\r\n");
	smtp_lost(&s, WHY_TIMEOUT, "no answer");
	EVENTS("0 accepted 250 2.0.0 ok\n1 doubt 0 4.4.2 no answer\n");
	/* nothing was begun: nothing is answered */
	setup(SEND_SMTP, TLS_MODE_NONE, NULL);
	begin("");
	mail("a@x", NOTIFY_FAILURE, "x\n", "b@y", NULL);
	smtp_lost(&s, WHY_CLOSED, "connection lost");
	EVENTS("");
}

/* An answer to what has not been sent as a whole is no answer. */
static void
test_answer_too_early(void **state)
{
	(void)state;
	setup(SEND_SMTP, TLS_MODE_NONE, NULL);
	ready(PIPE);
	mail("a@x", NOTIFY_FAILURE, "x\n", "b@y", NULL);
	sent();
	SAY("250 ok\r\n250 ok\r\n");
	sent();
	SAY("354 go\r\n");
	body();
	smtp_sent(&s, buf_len(&s.out) - 1);
	assert_int_equal(say("250 queued\r\n"), -1);
	failed(WHY_PROTO, 0);
	EVENTS("0 temp 0 4.4.2 the next hop speaks out of turn: 250 queued\n");
	/* and behind DATA there is none */
	ready(PIPE);
	mail("a@x", NOTIFY_FAILURE, "x\n", "b@y", NULL);
	sent();
	SAY("250 ok\r\n250 ok\r\n");
	sent();
	assert_int_equal(say("354 go\r\n250 queued\r\n"), -1);
	failed(WHY_PROTO, 0);
	/* idle */
	ready(PIPE);
	assert_int_equal(say("250 hello?\r\n"), -1);
	failed(WHY_PROTO, 0);
}

/* 421 as the answer to each command, and unasked. */
static void
test_leaving(void **state)
{
	static const char *const	 script[] = { "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 ok\r\n" };
	int				 i, j;

	(void)state;
	for (i = 0; i < 4; i++) {
		setup(SEND_SMTP, TLS_MODE_NONE, NULL);
		ready(PLAIN);
		mail("a@x", NOTIFY_FAILURE, "x\n", "b@y", NULL);
		for (j = 0; j <= i; j++) {
			if (j == 3)
				body();
			sent();
			if (j < i)
				SAY(script[j]);
		}
		assert_int_equal(say("421 4.3.2 shutting down\r\n"), -1);
		EVENTS("0 temp 421 4.3.2 shutting down\n");
		failed(WHY_SERVER_TEMP, 1);
	}
	/* in the middle of the message */
	ready(PIPE);
	mail("a@x", NOTIFY_FAILURE, "x\n", "b@y", NULL);
	sent();
	SAY("250 ok\r\n250 ok\r\n");
	sent();
	SAY("354 go\r\n");
	assert_int_equal(say("421 4.4.2 too slow\r\n"), -1);
	EVENTS("0 temp 421 4.4.2 too slow\n");
	failed(WHY_SERVER_TEMP, 1);
	/* idle */
	ready(PIPE);
	assert_int_equal(say("421 idle\r\n"), -1);
	failed(WHY_SERVER_TEMP, 1);
	/* LMTP: an answer for one; the others had the whole message */
	setup(SEND_LMTP, TLS_MODE_NONE, NULL);
	ready(PIPE);
	mail("a@x", NOTIFY_FAILURE, "x\n", "b@y", "c@y", "d@y", NULL);
	sent();
	SAY("250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n");
	sent();
	SAY("354 go\r\n");
	body();
	sent();
	SAY("250 ok\r\n");
	assert_int_equal(say("421 gone\r\n"), -1);
	EVENTS("0 accepted 250 2.0.0 ok\n1 temp 421 4.3.2 gone\n2 doubt 0 4.4.2 the next hop is leaving: 421 gone\n");
	/* after QUIT everything is said */
	setup(SEND_SMTP, TLS_MODE_NONE, NULL);
	ready(PLAIN);
	smtp_quit(&s);
	sent();
	SAY("421 bye\r\n");
	assert_int_equal(s.state, SMTP_DONE);
	ready(PLAIN);
	smtp_quit(&s);
	sent();
	smtp_lost(&s, WHY_CLOSED, "closed");
	assert_int_equal(s.state, SMTP_DONE);
}

static void
test_quit_waits(void **state)
{
	(void)state;
	setup(SEND_SMTP, TLS_MODE_NONE, NULL);
	ready(PLAIN);
	mail("a@x", NOTIFY_FAILURE, "x", "b@y", NULL);
	smtp_quit(&s);
	SENT("MAIL FROM:<a@x>\r\n");
	SAY("550 no\r\n");
	EVENTS("0 perm 550 5.0.0 no\ndone\n");
	SENT("QUIT\r\n");
}

static void
test_extensions(void **state)
{
	(void)state;
	setup(SEND_SMTP, TLS_MODE_NONE, NULL);
	ready(ALL);
	mail("a@x", NOTIFY_FAILURE, "\xc3\xa4\n", "b@y|orig+a=b@z", NULL);
	SENT("MAIL FROM:<a@x> SIZE=4 BODY=8BITMIME RET=HDRS ENVID=r1+2Bx\r\n"
	    "RCPT TO:<b@y> NOTIFY=FAILURE ORCPT=rfc822;orig+2Ba+3Db@z\r\n");
	ready(ALL);
	mail("a@x", NOTIFY_NEVER, "a\n", "b@y", NULL);
	SENT("MAIL FROM:<a@x> SIZE=3\r\nRCPT TO:<b@y> NOTIFY=NEVER ORCPT=rfc822;b@y\r\n");
	/* addresses beyond ASCII; the original of one cannot be written as xtext */
	ready(ALL);
	mail("\xc3\xa4@x", NOTIFY_FAILURE, "a\n", "b@y|\xc3\xa4@z", NULL);
	SENT("MAIL FROM:<\xc3\xa4@x> SIZE=3 SMTPUTF8 RET=HDRS ENVID=r1+2Bx\r\nRCPT TO:<b@y> NOTIFY=FAILURE\r\n");
	ready(ALL);
	mail("a@x", NOTIFY_NEVER, "a\n", "\xc3\xa4@y", NULL);
	SENT("MAIL FROM:<a@x> SIZE=3 SMTPUTF8\r\nRCPT TO:<\xc3\xa4@y> NOTIFY=NEVER\r\n");
}

/* What a next hop does not offer is refused by us, for the message or the recipient that needs it. */
static void
test_lacking(void **state)
{
	char	 big[1001];

	(void)state;
	setup(SEND_SMTP, TLS_MODE_NONE, NULL);
	ready("250-x\r\n250 SIZE 1000\r\n");
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	mail("a@x", NOTIFY_FAILURE, big, "b@y", "c@y", NULL);
	EVENTS("0 perm 0 5.3.4 the message is larger than the next hop takes\n"
	    "1 perm 0 5.3.4 the message is larger than the next hop takes\ndone\n");
	SENT("");
	mail("a@x", NOTIFY_FAILURE, big + 2, "b@y", NULL);
	SENT("MAIL FROM:<a@x> SIZE=1000\r\n");
	ready(PLAIN);
	mail("a@x", NOTIFY_FAILURE, "\x80", "b@y", NULL);
	EVENTS("0 perm 0 5.6.3 the message has 8-bit octets, and the next hop does not take 8-bit\ndone\n");
	mail("a@x", NOTIFY_FAILURE, "a", "b@y", "\xc3\xa4@y", NULL);
	SENT("MAIL FROM:<a@x>\r\n");
	SAY("250 ok\r\n");
	SENT("RCPT TO:<b@y>\r\n");
	SAY("250 ok\r\n");
	SENT("DATA\r\n");
	SAY("354 go\r\n");
	body();
	sent();
	SAY("250 ok\r\n");
	EVENTS("0 accepted 250 2.0.0 ok\n1 perm 0 5.6.7 the address is not ASCII, and the next hop does not take that\ndone\n");
	mail("\xc3\xa4@x", NOTIFY_FAILURE, "a", "b@y", NULL);
	EVENTS("0 perm 0 5.6.7 the sender's address is not ASCII, and the next hop does not take that\ndone\n");
	mail("a\nRCPT TO:<z>@x", NOTIFY_FAILURE, "a", "b@y", NULL);
	EVENTS("0 perm 0 5.1.7 the sender's address cannot be written in SMTP\ndone\n");
	mail("a@x", NOTIFY_FAILURE, "a", "b@y> NOTIFY=NEVER", "b\xff@y", NULL);
	EVENTS("0 perm 0 5.1.3 the address cannot be written in SMTP\n1 perm 0 5.1.3 the address cannot be written in SMTP\ndone\n");
	SENT("");
	/* the address of the null sender is not looked at */
	mail("", NOTIFY_FAILURE, "a", "b@y", NULL);
	SENT("MAIL FROM:<>\r\n");
}

static void
test_null_sender(void **state)
{
	static const struct {
		enum send_protocol	 protocol;
		enum null_sender	 mode;
		enum notify		 notify;
		const char		*caps, *sender;
	} rows[] = {
		{ SEND_SMTP, NULL_SENDER_AUTO, NOTIFY_FAILURE, PLAIN, "a@x" },
		{ SEND_SMTP, NULL_SENDER_AUTO, NOTIFY_NEVER, PLAIN, "" },
		{ SEND_SMTP, NULL_SENDER_AUTO, NOTIFY_NEVER, ALL, "a@x" },
		{ SEND_SMTP, NULL_SENDER_NEVER, NOTIFY_NEVER, PLAIN, "a@x" },
		{ SEND_SMTP, NULL_SENDER_ALWAYS, NOTIFY_FAILURE, ALL, "" },
		{ SEND_LMTP, NULL_SENDER_AUTO, NOTIFY_NEVER, PLAIN, "a@x" },
		{ SEND_LMTP, NULL_SENDER_ALWAYS, NOTIFY_NEVER, PLAIN, "" },
	};
	char	 want[64];
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		setup(rows[i].protocol, TLS_MODE_NONE, NULL);
		start.null_sender = rows[i].mode;
		ready(rows[i].caps);
		mail("a@x", rows[i].notify, "", "b@y", NULL);
		snprintf(want, sizeof(want), "MAIL FROM:<%s>", rows[i].sender);
		assert_memory_equal(sent(), want, strlen(want));
	}
}

static void
test_xclient(void **state)
{
	static const char	 offer[] = "250-x\r\n250 XCLIENT NAME ADDR PROTO\r\n";

	(void)state;
	setup(SEND_SMTP, TLS_MODE_NONE, NULL);
	start.xclient = 1;
	ready(offer);
	mail_from("192.0.2.1");
	mail("a@x", NOTIFY_FAILURE, "", "b@y", NULL);
	SENT("XCLIENT ADDR=192.0.2.1\r\n");
	SAY("220 x\r\n");
	SENT("EHLO us.example\r\n");
	SAY(offer);
	SENT("MAIL FROM:<a@x>\r\n");
	SAY("550 no\r\n");
	/* the same one again, then another, then nobody knows */
	mail("a@x", NOTIFY_FAILURE, "", "b@y", NULL);
	SENT("MAIL FROM:<a@x>\r\n");
	SAY("550 no\r\n");
	mail_from("2001:db8::1");
	mail("a@x", NOTIFY_FAILURE, "", "b@y", NULL);
	SENT("XCLIENT ADDR=IPV6:2001:db8::1\r\n");
	SAY("220 x\r\n");
	sent();
	SAY(offer);
	sent();
	SAY("550 no\r\n");
	mail_from("");
	mail("a@x", NOTIFY_FAILURE, "", "b@y", NULL);
	SENT("XCLIENT ADDR=[UNAVAILABLE]\r\n");
	/* refused: without it; not an address: without it; not offered, or not wanted: without it */
	SAY("550 not you\r\n");
	SENT("MAIL FROM:<a@x>\r\n");
	ready(offer);
	mail_from("x]\r\nQUIT");
	mail("a@x", NOTIFY_FAILURE, "", "b@y", NULL);
	SENT("MAIL FROM:<a@x>\r\n");
	ready(PLAIN);
	mail_from("192.0.2.1");
	mail("a@x", NOTIFY_FAILURE, "", "b@y", NULL);
	SENT("MAIL FROM:<a@x>\r\n");
	start.xclient = 0;
	ready(offer);
	mail_from("192.0.2.1");
	mail("a@x", NOTIFY_FAILURE, "", "b@y", NULL);
	SENT("MAIL FROM:<a@x>\r\n");
}

/* What a next hop says does not get into texts as it is, nor more of it than there is room for. */
static void
test_hostile_texts(void **state)
{
	char	 line[REPLY_LINE_MAX + 16];
	int	 i;

	(void)state;
	setup(SEND_SMTP, TLS_MODE_NONE, NULL);
	ready(PLAIN);
	mail("a@x", NOTIFY_FAILURE, "", "b@y", NULL);
	sent();
	SAY("550 5.1.1 \x1b[2Jno\x01\xff\r\n");
	EVENTS("0 perm 550 5.1.1 \\033[2Jno\\001\\377\ndone\n");
	memset(line, 'x', sizeof(line));
	memcpy(line, "550 ", 4);
	memcpy(line + REPLY_LINE_MAX, "\r\n", 3);
	mail("a@x", NOTIFY_FAILURE, "", "b@y", NULL);
	sent();
	SAY(line);
	assert_true(strlen(events) < 300);
	mail("a@x", NOTIFY_FAILURE, "", "b@y", NULL);
	sent();
	memcpy(line + REPLY_LINE_MAX, "x\r\n", 4);
	assert_int_equal(say(line), -1);
	failed(WHY_PROTO, 0);
	/* without end */
	ready(PLAIN);
	mail("a@x", NOTIFY_FAILURE, "", "b@y", NULL);
	sent();
	for (i = 0; i < REPLY_LINES_MAX; i++)
		SAY("250-more\r\n");
	assert_int_equal(say("250-more\r\n"), -1);
	failed(WHY_PROTO, 0);
	ready(PLAIN);
	for (i = 0; i < REPLY_LINE_MAX + 2; i++)
		SAY("2");
	assert_int_equal(say("2"), -1);
	failed(WHY_PROTO, 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_one_at_a_time),
		cmocka_unit_test(test_pipelined),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_lmtp),
		cmocka_unit_test(test_every_order),
		cmocka_unit_test(test_nobody_accepted),
		cmocka_unit_test(test_mail_refused),
		cmocka_unit_test(test_too_many_recipients),
		cmocka_unit_test(test_data_refused),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_answer_too_early),
		cmocka_unit_test(test_leaving),
		cmocka_unit_test(test_quit_waits),
		cmocka_unit_test(test_extensions),
		cmocka_unit_test(test_lacking),
		cmocka_unit_test(test_null_sender),
		cmocka_unit_test(test_xclient),
		cmocka_unit_test(test_hostile_texts),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
