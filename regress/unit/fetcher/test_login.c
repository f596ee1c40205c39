/* SPDX-License-Identifier: ISC */
/* links: regress/unit/fetcher/pop3_script.c fetcher */
/* libs: -lcrypto -lgsasl -lmd */
/* Logging in, as the protocol engine does it: the choice, each exchange over the wire, and what it does not put up with. */
#include <sys/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/compat.h"
#include "fetcher/pop3.h"
#include "pop3_script.h"

#define NOTHING		"-ERR unknown\r\n"
#define CAPS(lines)	"+OK\r\n" lines ".\r\n"
#define STAMP		"+OK <a@b>\r\n"
#define NO_STAMP	"+OK\r\n"
#define ALL_MECHS	CAPS("USER\r\nSASL PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256 NTLM XOAUTH2 OAUTHBEARER EXTERNAL MSN\r\n")
#define T		TLS_MODE_TLS
#define N		TLS_MODE_NONE
#define FLIGHT		"STAT\r\nUIDL\r\n"

static struct msg_fetch_start	 how;

/* A fresh engine for a record; the rest of how may be set before login(). */
static void
record(enum auth_mech auth, enum tls_mode tls)
{
	memset(&how, 0, sizeof(how));
	how.auth = auth;
	how.tls = tls;
	how.port = 995;
	strlcpy(how.host, "pop.example.org", sizeof(how.host));
	strlcpy(how.user, "tim", sizeof(how.user));
}

/* Up to the reply to CAPA. */
static int
login(const char *greeting, const char *capa, const char *secret)
{
	begin_with(&how, secret);
	SAY(greeting);
	SENT("CAPA\r\n");
	return (say(capa));
}

static void
login_as(enum auth_mech auth, enum tls_mode tls, const char *capa)
{
	record(auth, tls);
	assert_int_equal(login("+OK\r\n", capa, "tanstaaf"), 0);
}

static void
said(const char *part)
{
	if (strstr(p->text, part) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", part, p->text);
}

/* What 'auto' and the names lead to. */
static void
test_choice(void **state __unused)
{
	static const struct {
		enum auth_mech	 auth;
		enum tls_mode	 tls;
		int		 apop, token, key;
		const char	*host, *greeting, *capa, *first;
	} t[] = {
		{ AUTH_AUTO, T, 0, 0, 0, "h", NO_STAMP, ALL_MECHS,					"AUTH SCRAM-SHA-256 " },
		{ AUTH_AUTO, T, 0, 0, 1, "h", STAMP, ALL_MECHS,						"AUTH EXTERNAL dGlt\r\n" },
		{ AUTH_AUTO, T, 1, 0, 1, "h", STAMP, ALL_MECHS,						"AUTH EXTERNAL dGlt\r\n" },
		{ AUTH_AUTO, T, 0, 1, 0, "h", NO_STAMP, ALL_MECHS,					"AUTH OAUTHBEARER\r\n" },
		{ AUTH_AUTO, T, 1, 1, 0, "h", STAMP, CAPS("SASL PLAIN XOAUTH2\r\n"),			"AUTH XOAUTH2\r\n" },
		{ AUTH_AUTO, T, 1, 0, 0, "h", STAMP, ALL_MECHS,						"APOP tim " },
		{ AUTH_AUTO, T, 1, 0, 0, "h", NO_STAMP, CAPS("SASL PLAIN SCRAM-SHA-1\r\n"),		"AUTH SCRAM-SHA-1 " },
		{ AUTH_AUTO, T, 0, 0, 0, "h", STAMP, CAPS("SASL CRAM-MD5 LOGIN PLAIN\r\nUSER\r\n"),	"AUTH PLAIN AHRpbQB0YW5zdGFhZg==\r\n" },
		{ AUTH_AUTO, T, 0, 0, 0, "h", STAMP, CAPS("SASL CRAM-MD5 LOGIN NTLM\r\nUSER\r\n"),	"AUTH LOGIN\r\n" },
		{ AUTH_AUTO, T, 0, 0, 0, "h", STAMP, CAPS("SASL CRAM-MD5 NTLM MSN\r\nUSER\r\n"),	"USER tim\r\n" },
		{ AUTH_AUTO, T, 0, 0, 0, "h", NO_STAMP, CAPS("SASL CRAM-MD5\r\n"),			"AUTH CRAM-MD5\r\n" },
		{ AUTH_AUTO, T, 0, 0, 0, "h", NO_STAMP, CAPS("SASL NTLM CRAM-MD5 GSSAPI\r\n"),		"AUTH CRAM-MD5\r\n" },
		{ AUTH_AUTO, N, 0, 0, 0, "h", STAMP, CAPS("SASL CRAM-MD5 LOGIN PLAIN\r\nUSER\r\n"),	"AUTH CRAM-MD5\r\n" },
		{ AUTH_AUTO, N, 0, 0, 0, "h", STAMP, CAPS("SASL DIGEST-MD5 PLAIN\r\n"),			"AUTH PLAIN AHRpbQB0YW5zdGFhZg==\r\n" },
		{ AUTH_AUTO, N, 0, 0, 0, "h", NO_STAMP, CAPS("UIDL\r\n"),				"USER tim\r\n" },
		{ AUTH_AUTO, T, 0, 0, 0, "h", NO_STAMP, CAPS("SASL\r\n"),				"USER tim\r\n" },
		/* a host below msn.com is logged in to by AUTH MSN, unless another way is named */
		{ AUTH_AUTO, T, 1, 0, 0, "pop3.email.MSN.com", STAMP, ALL_MECHS,			"AUTH MSN\r\n" },
		{ AUTH_AUTO, T, 1, 0, 0, "pop3.email.msn.com.", STAMP, CAPS("USER\r\n"),		"AUTH MSN\r\n" },
		{ AUTH_AUTO, T, 0, 0, 0, "msn.com", NO_STAMP, CAPS("USER\r\n"),			"USER tim\r\n" },
		{ AUTH_AUTO, T, 0, 0, 0, "popmsn.com", NO_STAMP, CAPS("USER\r\n"),			"USER tim\r\n" },
		{ AUTH_AUTO, T, 0, 0, 0, "x.msn.com.example.org", NO_STAMP, CAPS("USER\r\n"),	"USER tim\r\n" },
		{ AUTH_PLAIN, T, 0, 0, 0, "x.msn.com", NO_STAMP, CAPS("USER\r\nSASL PLAIN\r\n"),	"AUTH PLAIN " },
		/* named: against no list, and never anything else */
		{ AUTH_USER, T, 1, 0, 1, "h", STAMP, ALL_MECHS,						"USER tim\r\n" },
		{ AUTH_USER, T, 0, 0, 0, "h", STAMP, NOTHING,						"USER tim\r\n" },
		{ AUTH_APOP, T, 1, 0, 0, "h", STAMP, ALL_MECHS,						"APOP tim " },
		{ AUTH_NTLM, T, 0, 0, 0, "h", STAMP, ALL_MECHS,						"AUTH NTLM\r\n" },
		{ AUTH_MSN, T, 0, 0, 0, "h", STAMP, ALL_MECHS,						"AUTH MSN\r\n" },
		{ AUTH_LOGIN, T, 0, 0, 0, "h", STAMP, CAPS("USER\r\n"),					"AUTH LOGIN\r\n" },
		{ AUTH_SCRAM_SHA_1, N, 0, 0, 0, "h", STAMP, CAPS("USER\r\n"),				"AUTH SCRAM-SHA-1 " },
		{ AUTH_XOAUTH2, T, 0, 1, 0, "h", STAMP, CAPS("USER\r\n"),				"AUTH XOAUTH2\r\n" }
	};
	const char	*out;
	size_t		 i;

	for (i = 0; i < nitems(t); i++) {
		record(t[i].auth, t[i].tls);
		how.apop = (uint32_t)t[i].apop;
		how.token = (uint32_t)t[i].token;
		strlcpy(how.host, t[i].host, sizeof(how.host));
		begin_with(&how, "tanstaaf");
		if (t[i].key)
			pop3_has_key(p);
		SAY(t[i].greeting);
		(void)sent();
		SAY(t[i].capa);
		out = sent();
		if (strncmp(out, t[i].first, strlen(t[i].first)) != 0 || (strchr(t[i].first, '\r') && strlen(out) != strlen(t[i].first)))
			fail_msg("row %zu: %s", i, out);
	}
}

/* No way: said with what would help, and no octet of the credential out. */
static void
test_no_choice(void **state __unused)
{
	static const struct {
		enum auth_mech	 auth;
		enum tls_mode	 tls;
		int		 apop, token;
		const char	*greeting, *capa, *part;
	} t[] = {
		{ AUTH_SCRAM_SHA_256, TLS_MODE_TLS, 0, 0, "+OK\r\n", CAPS("SASL PLAIN GSSAPI\r\n"), "not offer SCRAM-SHA-256, but PLAIN GSSAPI" },
		{ AUTH_PLAIN, TLS_MODE_TLS, 0, 0, "+OK\r\n", CAPS("SASL\r\n"),		"not offer PLAIN, but no mechanism" },
		{ AUTH_MSN, TLS_MODE_TLS, 0, 0, "+OK\r\n", CAPS("SASL NTLM\r\n"),	"MSN" },
		{ AUTH_AUTO, TLS_MODE_TLS, 0, 1, "+OK\r\n", CAPS("SASL PLAIN\r\nUSER\r\n"), "access token" },
		{ AUTH_AUTO, TLS_MODE_TLS, 0, 0, "+OK\r\n", CAPS("SASL GSSAPI\r\n"),	"offers GSSAPI, and not USER" },
		{ AUTH_APOP, TLS_MODE_TLS, 1, 0, "+OK\r\n", CAPS("USER\r\n"),		"timestamp" },
		{ AUTH_APOP, TLS_MODE_TLS, 1, 0, "+OK <a b@c>\r\n", CAPS("USER\r\n"),	"timestamp" },
		{ AUTH_APOP, TLS_MODE_TLS, 0, 0, "+OK <a@b>\r\n", CAPS("USER\r\n"),	"use_apop" },
		{ AUTH_PLAIN, TLS_MODE_TLS, 0, 1, "+OK\r\n", CAPS("SASL PLAIN\r\n"),	"token" },
		{ AUTH_XOAUTH2, TLS_MODE_TLS, 0, 0, "+OK\r\n", CAPS("SASL XOAUTH2\r\n"), "token" }
	};
	size_t	 i;

	for (i = 0; i < nitems(t); i++) {
		record(t[i].auth, t[i].tls);
		how.apop = (uint32_t)t[i].apop;
		how.token = (uint32_t)t[i].token;
		assert_int_equal(login(t[i].greeting, t[i].capa, "tanstaaf"), -1);
		failed(WHY_CONFIG, STAGE_LOGIN);
		said(t[i].part);
		SENT("");
	}
}

/* Without CAPA the server is asked for its mechanisms, when the answer can matter. */
static void
test_empty_auth(void **state __unused)
{
	login_as(AUTH_AUTO, TLS_MODE_TLS, NOTHING);
	SENT("AUTH\r\n");
	SAY("+OK list follows\r\nPLAIN\r\nSCRAM-SHA-256\r\n.\r\n");
	assert_memory_equal(sent(), "AUTH SCRAM-SHA-256 ", 19);
	login_as(AUTH_AUTO, TLS_MODE_TLS, NOTHING);
	SENT("AUTH\r\n");
	SAY("-ERR\r\n");
	SENT("USER tim\r\n");
	login_as(AUTH_AUTO, TLS_MODE_NONE, NOTHING);
	SENT("AUTH\r\n");
	SAY("+OK\r\nGSSAPI\r\n.\r\n");
	SENT("USER tim\r\n");
	login_as(AUTH_PLAIN, TLS_MODE_TLS, NOTHING);
	SENT("AUTH\r\n");
	assert_int_equal(say("+OK\r\nLOGIN\r\n.\r\n"), -1);
	failed(WHY_CONFIG, STAGE_LOGIN);
	login_as(AUTH_PLAIN, TLS_MODE_TLS, NOTHING);
	SENT("AUTH\r\n");
	SAY("-ERR\r\n");
	SENT("AUTH PLAIN AHRpbQB0YW5zdGFhZg==\r\n");
	record(AUTH_AUTO, TLS_MODE_TLS);
	how.token = 1;
	assert_int_equal(login("+OK\r\n", NOTHING, "tok"), 0);
	SENT("AUTH\r\n");
	SAY("-ERR\r\n");
	SENT("AUTH XOAUTH2\r\n");
	record(AUTH_AUTO, TLS_MODE_TLS);
	how.apop = 1;
	assert_int_equal(login("+OK <a@b>\r\n", NOTHING, "x"), 0);
	assert_memory_equal(sent(), "APOP tim ", 9);
	record(AUTH_AUTO, TLS_MODE_TLS);
	strlcpy(how.host, "x.msn.com", sizeof(how.host));
	assert_int_equal(login("+OK\r\n", NOTHING, "x"), 0);
	SENT("AUTH MSN\r\n");
	login_as(AUTH_AUTO, TLS_MODE_TLS, NOTHING);
	SENT("AUTH\r\n");
	assert_int_equal(say("+ what?\r\n"), -1);
	failed(WHY_PROTO, STAGE_CAPA);
}

static void
test_plain(void **state __unused)
{
	char	 user[300];

	login_as(AUTH_PLAIN, TLS_MODE_TLS, CAPS("SASL PLAIN\r\nPIPELINING\r\n"));
	SENT("AUTH PLAIN AHRpbQB0YW5zdGFhZg==\r\n");		/* and nothing behind it */
	SAY("+OK\r\n");
	SENT(FLIGHT);
	SAY("+OK 0 0\r\n+OK\r\n.\r\n");
	EVENTS("stat 0 0 1\nlisted 0 1\n");
	login_as(AUTH_PLAIN, TLS_MODE_TLS, CAPS("SASL PLAIN\r\n"));
	SENT("AUTH PLAIN AHRpbQB0YW5zdGFhZg==\r\n");
	SAY("+OK\r\n");
	SENT("STAT\r\n");
	/* an initial response that the server passes over */
	login_as(AUTH_PLAIN, TLS_MODE_TLS, CAPS("SASL PLAIN\r\n"));
	(void)sent();
	SAY("+ \r\n");
	SENT("AHRpbQB0YW5zdGFhZg==\r\n");
	SAY("+OK\r\n");
	SENT("STAT\r\n");
	login_as(AUTH_PLAIN, TLS_MODE_TLS, CAPS("SASL PLAIN\r\n"));
	(void)sent();
	SAY("+ \r\n");
	(void)sent();
	SAY("+ \r\n");
	SENT("*\r\n");
	assert_int_equal(say("-ERR cancelled\r\n"), -1);
	failed(WHY_PROTO, STAGE_LOGIN);
	said("goes on asking");
	/* 255 octets and no more on the AUTH line: 11 + 4 * ceil(n / 3) + 2 */
	memset(user, 'u', sizeof(user));
	user[180 - 10] = '\0';
	record(AUTH_PLAIN, TLS_MODE_TLS);
	strlcpy(how.user, user, sizeof(how.user));
	assert_int_equal(login("+OK\r\n", CAPS("SASL PLAIN\r\nPIPELINING\r\n"), "tanstaaf"), 0);
	assert_int_equal(strcspn(sent(), "\r"), 251);
	user[180 - 10] = 'u';
	user[181 - 10] = '\0';
	strlcpy(how.user, user, sizeof(how.user));
	assert_int_equal(login("+OK\r\n", CAPS("SASL PLAIN\r\nPIPELINING\r\n"), "tanstaaf"), 0);
	SENT("AUTH PLAIN\r\n");
	SAY("+\r\n");
	assert_int_equal(strcspn(sent(), "\r"), 244);
}

static void
test_login(void **state __unused)
{
	login_as(AUTH_LOGIN, TLS_MODE_TLS, CAPS("SASL LOGIN\r\nPIPELINING\r\n"));
	SENT("AUTH LOGIN\r\n");
	SAY("+ VXNlcm5hbWU6\r\n");
	SENT("dGlt\r\n");
	SAY("+ UGFzc3dvcmQ6\r\n");
	SENT("dGFuc3RhYWY=\r\n");
	SAY("+OK\r\n");
	SENT(FLIGHT);
	assert_int_equal(p->state, POP3_LIST);
	/* too early, too late, not base64 */
	login_as(AUTH_LOGIN, TLS_MODE_TLS, CAPS("SASL LOGIN\r\n"));
	(void)sent();
	assert_int_equal(say("+OK\r\n"), -1);
	failed(WHY_PROTO, STAGE_LOGIN);
	login_as(AUTH_LOGIN, TLS_MODE_TLS, CAPS("SASL LOGIN\r\n"));
	(void)sent();
	SAY("+ VXNlcm5hbWU6\r\n");
	(void)sent();
	assert_int_equal(say("+OK\r\n"), -1);
	failed(WHY_PROTO, STAGE_LOGIN);
	login_as(AUTH_LOGIN, TLS_MODE_TLS, CAPS("SASL LOGIN\r\n"));
	(void)sent();
	SAY("+ Username:\r\n");
	SENT("*\r\n");
	pop3_closed(p, "gone");
	failed(WHY_PROTO, STAGE_LOGIN);
	said("base64");
	login_as(AUTH_LOGIN, TLS_MODE_TLS, CAPS("SASL LOGIN\r\n"));
	(void)sent();
	SAY("+ VXNlcm5hbWU6\r\n");
	(void)sent();
	assert_int_equal(say("-ERR [AUTH] no such user\r\n"), -1);
	failed(WHY_AUTH, STAGE_LOGIN);
}

/* SCRAM over the wire; the arithmetic is in test_sasl.c. */
static void
test_scram(void **state __unused)
{
	char		 first[200];
	const char	*out;

	login_as(AUTH_SCRAM_SHA_256, TLS_MODE_TLS, CAPS("SASL SCRAM-SHA-256\r\nPIPELINING\r\n"));
	out = sent();
	assert_memory_equal(out, "AUTH SCRAM-SHA-256 ", 19);
	assert_null(strstr(out, "STAT"));
	SAY("+ ZT1ub3BlLHM9eCxpPTE=\r\n");
	SENT("*\r\n");
	assert_int_equal(say("-ERR\r\n"), -1);
	failed(WHY_PROTO, STAGE_LOGIN);
	/* a server that is content too soon has proved nothing */
	login_as(AUTH_SCRAM_SHA_256, TLS_MODE_TLS, CAPS("SASL SCRAM-SHA-256\r\n"));
	(void)sent();
	assert_int_equal(say("+OK welcome\r\n"), -1);
	failed(WHY_PROTO, STAGE_LOGIN);
	said("did not prove");
	/* passed over: the same again */
	login_as(AUTH_SCRAM_SHA_256, TLS_MODE_TLS, CAPS("SASL SCRAM-SHA-256\r\n"));
	strlcpy(first, sent() + 19, sizeof(first));
	SAY("+\r\n");
	SENT(first);
	login_as(AUTH_CRAM_MD5, TLS_MODE_TLS, CAPS("SASL CRAM-MD5\r\nPIPELINING\r\n"));
	SENT("AUTH CRAM-MD5\r\n");
	SAY("+ PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+\r\n");
	assert_memory_equal(sent(), "dGltI", 5);
}

static void
test_oauth(void **state __unused)
{
	static const char	 json[] = "+ eyJzdGF0dXMiOiI0MDAifQ==\r\n";

	record(AUTH_AUTO, TLS_MODE_TLS);
	how.token = 1;
	assert_int_equal(login("+OK\r\n", CAPS("SASL XOAUTH2\r\nPIPELINING\r\n"), "tok"), 0);
	SENT("AUTH XOAUTH2\r\n");
	SAY("+ \r\n");
	SENT("dXNlcj10aW0BYXV0aD1CZWFyZXIgdG9rAQE=\r\n");
	SAY("+OK\r\n");
	SENT(FLIGHT);
	assert_int_equal(login("+OK\r\n", CAPS("SASL XOAUTH2\r\nPIPELINING\r\n"), "tok"), 0);
	(void)sent();
	SAY("+\r\n");
	(void)sent();
	SAY(json);
	SENT("\r\n");
	assert_int_equal(say("-ERR [AUTH] dXNlcj10aW0BYXV0aD1CZWFyZXIgdG9rAQE= no\r\n"), -1);
	failed(WHY_AUTH, STAGE_LOGIN);
	said("{\"status\":\"400\"}");
	assert_null(strstr(p->text, "dXNl"));
	how.auth = AUTH_OAUTHBEARER;
	assert_int_equal(login("+OK\r\n", CAPS("SASL OAUTHBEARER\r\n"), "tok"), 0);
	SENT("AUTH OAUTHBEARER\r\n");
	SAY("+\r\n");
	SENT("bixhPXRpbSwBaG9zdD1wb3AuZXhhbXBsZS5vcmcBcG9ydD05OTUBYXV0aD1CZWFyZXIgdG9rAQE=\r\n");
	SAY(json);
	SENT("AQ==\r\n");
	SAY(json);
	SENT("*\r\n");
	assert_int_equal(say("+ and on\r\n"), -1);
	failed(WHY_PROTO, STAGE_LOGIN);
	how.tls = TLS_MODE_NONE;
	assert_int_equal(login("+OK\r\n", CAPS("SASL OAUTHBEARER\r\n"), "tok"), -1);
	failed(WHY_TLS, STAGE_LOGIN);
	SENT("");
}

/* The longest of all fits. */
static void
test_long_token(void **state __unused)
{
	static char	 token[PROTO_TOKEN_MAX + 1];

	memset(token, 'T', sizeof(token) - 1);
	record(AUTH_OAUTHBEARER, TLS_MODE_TLS);
	how.token = 1;
	memset(how.user, ',', sizeof(how.user) - 1);
	memset(how.host, 'h', sizeof(how.host) - 1);
	assert_int_equal(login("+OK\r\n", CAPS("SASL OAUTHBEARER\r\n"), token), 0);
	(void)sent();
	SAY("+\r\n");
	assert_true(strlen(sent()) > (PROTO_TOKEN_MAX + 3 * 512 + 255) / 3 * 4);
	assert_int_equal(say("-ERR TTTTTTTTTTTTTTT1tTTTTTTTTTTTTTTTTTTT is no token, see https://support.example.org/a/answer/12\r\n"), -1);
	assert_null(strstr(p->text, "TTT"));
	said("https://support.example.org/a/answer/12");
}

/* AUTH MSN speaks NTLM; the text of the first "+" means nothing. */
static void
test_msn(void **state __unused)
{
	const char	*out;

	record(AUTH_AUTO, TLS_MODE_TLS);
	strlcpy(how.host, "pop3.msn.com", sizeof(how.host));
	assert_int_equal(login("+OK\r\n", CAPS("USER\r\nPIPELINING\r\n"), "tanstaaftanstaaf"), 0);
	SENT("AUTH MSN\r\n");
	SAY("+ MSN is ready, go ahead!\r\n");
	out = sent();
	assert_memory_equal(out, "TlRMTVNTUAABAAAA", 16);
	assert_null(strstr(out, "STAT"));
	SAY("+ TlRMTVNTUAACAAAAAAAAAAAAAAABggAAASNFZ4mrze8=\r\n");
	out = sent();
	assert_memory_equal(out, "TlRMTVNTUAADAAAA", 16);
	assert_null(strstr(out, "STAT"));
	assert_int_equal(say("-ERR no\r\n"), -1);
	failed(WHY_AUTH, STAGE_LOGIN);
	assert_int_equal(login("+OK\r\n", CAPS("USER\r\n"), "x"), 0);
	(void)sent();
	SAY("+\r\n");
	(void)sent();
	SAY("+ TlRMTVNTUAACAAAA\r\n");		/* cut off */
	SENT("*\r\n");
	assert_int_equal(say("-ERR\r\n"), -1);
	failed(WHY_PROTO, STAGE_LOGIN);
	said("NTLM");
}

/* A refusal is final whatever the way, and names what kind it is. */
static void
test_refused(void **state __unused)
{
	static const struct {
		const char	*reply;
		enum fail_why	 why;
	} t[] = {
		{ "-ERR wrong\r\n",				WHY_AUTH },
		{ "-ERR [AUTH] wrong\r\n",			WHY_AUTH },
		{ "-ERR [SYS/PERM] broken\r\n",			WHY_SERVER_PERM },
		{ "-ERR [SYS/TEMP] later\r\n",			WHY_SERVER_TEMP },
		{ "-ERR [IN-USE] locked\r\n",			WHY_BUSY },
		{ "-ERR [LOGIN-DELAY] slowly\r\n",		WHY_TOO_SOON },
		{ "-ERR ALERT: your quota is used up\r\n",	WHY_ALERT },
		{ "-ERR [ALERT] your quota is used up\r\n",	WHY_ALERT }
	};
	static const enum auth_mech	 mechs[] = { AUTH_PLAIN, AUTH_USER, AUTH_APOP, AUTH_EXTERNAL, AUTH_SCRAM_SHA_256, AUTH_LOGIN };
	size_t				 i, j;

	for (i = 0; i < nitems(t); i++)
		for (j = 0; j < nitems(mechs); j++) {
			record(mechs[j], TLS_MODE_TLS);
			how.apop = 1;
			assert_int_equal(login("+OK <a@b>\r\n", CAPS("USER\r\n"), "tanstaaf"), 0);
			(void)sent();
			assert_int_equal(say(t[i].reply), -1);
			failed(t[i].why, STAGE_LOGIN);
			said(strchr(t[i].reply, 'w') != NULL ? "w" : "o");
			SENT("");
		}
	said("quota is used up");
}

/* No octet of a login goes ahead of TLS, and no text holds a secret that the server echoes, as it is or in base64. */
static void
test_secret(void **state __unused)
{
	enum auth_mech	 mech;
	const uint8_t	*mem;
	size_t		 i;

	for (mech = AUTH_EXTERNAL; mech < AUTH_MAX; mech++) {
		record(mech, TLS_MODE_TLS);
		how.apop = 1;
		how.token = mech == AUTH_OAUTHBEARER || mech == AUTH_XOAUTH2;
		begin_with(&how, "tanstaaf");
		p->secure = 0;
		SAY("+OK <a@b>\r\n");
		(void)sent();
		assert_int_equal(say(CAPS("USER\r\n")), -1);
		failed(WHY_TLS, STAGE_LOGIN);
		SENT("");
	}
	login_as(AUTH_PLAIN, TLS_MODE_TLS, CAPS("SASL PLAIN\r\n"));
	(void)sent();
	assert_int_equal(say("-ERR AUTH PLAIN AHRpbQB0YW5zdGFhZg== is tanstaaf, dGFuc3RhYWY\r\n"), -1);
	said("AUTH PLAIN ******************== is ********, ***********");
	login_as(AUTH_LOGIN, TLS_MODE_TLS, CAPS("SASL LOGIN\r\n"));
	(void)sent();
	SAY("+ VXNlcm5hbWU6\r\n");
	(void)sent();
	SAY("+ UGFzc3dvcmQ6\r\n");
	(void)sent();
	assert_int_equal(say("-ERR [AUTH] dGFuc3RhYWY= is wrong\r\n"), -1);
	said("***********= is wrong");
	login_as(AUTH_PLAIN, TLS_MODE_TLS, CAPS("SASL PLAIN\r\n"));
	(void)sent();
	SAY("+OK\r\n");
	for (mem = (const uint8_t *)p, i = 0; i + 8 <= sizeof(*p); i++)
		assert_memory_not_equal(mem + i, "tanstaaf", 8);
	SENT("STAT\r\n");
	assert_int_equal(say("-ERR [SYS/TEMP] AHRpbQB0YW5zdGFhZg==\r\n"), -1);
	failed(WHY_SERVER_TEMP, STAGE_LIST);
	assert_null(strstr(p->text, "AHRp"));
}

/* Only a server that is known to keep what it read ahead gets everything in one flight. */
static void
test_ahead(void **state __unused)
{
	record(AUTH_USER, TLS_MODE_TLS);
	assert_int_equal(login("+OK Dovecot (Debian) ready.\r\n", CAPS("USER\r\nPIPELINING\r\n"), "tanstaaf"), 0);
	SENT("USER tim\r\nPASS tanstaaf\r\n" FLIGHT);
	SAY("+OK\r\n+OK\r\n+OK 0 0\r\n+OK\r\n.\r\n");
	EVENTS("stat 0 0 1\nlisted 0 1\n");
	record(AUTH_PLAIN, TLS_MODE_TLS);
	assert_int_equal(login("+OK Dovecot ready.\r\n", CAPS("SASL PLAIN\r\nPIPELINING\r\n"), "tanstaaf"), 0);
	SENT("AUTH PLAIN AHRpbQB0YW5zdGFhZg==\r\n" FLIGHT);
	SAY("+OK\r\n+OK 0 0\r\n+OK\r\n.\r\n");
	EVENTS("stat 0 0 1\nlisted 0 1\n");
	record(AUTH_PLAIN, TLS_MODE_TLS);
	assert_int_equal(login("+OK Dovecot ready.\r\n", CAPS("SASL PLAIN\r\n"), "tanstaaf"), 0);
	SENT("AUTH PLAIN AHRpbQB0YW5zdGFhZg==\r\n");
}

/* What CAPA says besides, and again after the login where it says that it depends on the user. */
static void
test_values(void **state __unused)
{
	login_as(AUTH_USER, TLS_MODE_TLS, CAPS("USER\r\nPIPELINING\r\nLOGIN-DELAY 300\r\nEXPIRE 30\r\nTOP\r\n"));
	SENT("USER tim\r\nPASS tanstaaf\r\n");
	SAY("+OK\r\n+OK\r\n");
	SENT(FLIGHT);
	assert_int_equal(p->offer.login_delay, 300);
	assert_int_equal(p->offer.expire, 30);
	assert_true(p->caps & CAPA_TOP);
	login_as(AUTH_USER, TLS_MODE_TLS, CAPS("USER\r\nPIPELINING\r\nLOGIN-DELAY 300 USER\r\nEXPIRE NEVER\r\n"));
	SENT("USER tim\r\nPASS tanstaaf\r\n");
	SAY("+OK\r\n+OK\r\n");
	SENT("CAPA\r\n" FLIGHT);
	SAY(CAPS("TOP\r\nLOGIN-DELAY 900\r\nEXPIRE 0\r\n") "+OK 0 0\r\n+OK\r\n.\r\n");
	assert_int_equal(p->offer.login_delay, 900);
	assert_int_equal(p->offer.expire, 0);
	assert_true(p->caps & CAPA_TOP && p->caps & CAPA_PIPELINING);
	EVENTS("stat 0 0 1\nlisted 0 1\n");
	login_as(AUTH_USER, TLS_MODE_TLS, CAPS("USER\r\nEXPIRE 7 USER\r\n"));
	(void)sent();
	SAY("+OK\r\n");
	(void)sent();
	SAY("+OK\r\n");
	SENT("CAPA\r\n");
	SAY("-ERR not now\r\n");
	assert_int_equal(p->offer.expire, 7);
	SENT("STAT\r\n");
	assert_int_equal(p->offer.login_delay, 0);
	/* STLS: what was said in clear does not count */
	record(AUTH_AUTO, TLS_MODE_STLS);
	assert_int_equal(login("+OK <a@b>\r\n", CAPS("SASL PLAIN\r\nLOGIN-DELAY 5\r\nSTLS\r\n"), "x"), 0);
	(void)sent();
	SAY("+OK\r\n");
	pop3_secured(p);
	SENT("CAPA\r\n");
	SAY(CAPS("USER\r\n"));
	SENT("USER tim\r\n");
	assert_int_equal(p->offer.login_delay, 0);
}

/* RFC 6856 */
static void
test_utf8(void **state __unused)
{
	record(AUTH_AUTO, TLS_MODE_TLS);
	strlcpy(how.user, "j\xc3\xb6", sizeof(how.user));
	assert_int_equal(login("+OK\r\n", CAPS("USER\r\nUTF8 USER\r\nPIPELINING\r\n"), "x"), 0);
	SENT("UTF8\r\n");
	SAY("+OK\r\n");
	SENT("USER j\xc3\xb6\r\nPASS x\r\n");
	assert_int_equal(login("+OK\r\n", CAPS("USER\r\nUTF8 USER\r\n"), "x"), 0);
	SENT("UTF8\r\n");
	SAY("-ERR\r\n");
	SENT("USER j\xc3\xb6\r\n");
	assert_int_equal(login("+OK\r\n", CAPS("USER\r\nUTF8\r\n"), "x"), 0);
	SENT("UTF8\r\n");
	SAY("+OK\r\n");
	SENT("USER j\xc3\xb6\r\n");
	assert_int_equal(login("+OK\r\n", CAPS("USER\r\n"), "x"), 0);
	SENT("USER j\xc3\xb6\r\n");
	/* a name of ASCII: messages come as they are, and a server with PIPELINING is not waited for, whatever it says */
	login_as(AUTH_USER, TLS_MODE_TLS, CAPS("USER\r\nUTF8\r\n"));
	SENT("UTF8\r\n");
	SAY("-ERR\r\n");
	SENT("USER tim\r\n");
	SAY("+OK\r\n");
	SENT("PASS tanstaaf\r\n");
	login_as(AUTH_USER, TLS_MODE_TLS, CAPS("USER\r\nUTF8 USER\r\nPIPELINING\r\n"));
	SENT("UTF8\r\nUSER tim\r\nPASS tanstaaf\r\n");
	SAY("-ERR\r\n+OK\r\n+OK\r\n");
	SENT(FLIGHT);
	login_as(AUTH_PLAIN, TLS_MODE_TLS, CAPS("SASL PLAIN\r\nUTF8\r\nPIPELINING\r\n"));
	SENT("UTF8\r\nAUTH PLAIN AHRpbQB0YW5zdGFhZg==\r\n");
	SAY("+OK\r\n+OK\r\n");
	SENT(FLIGHT);
	record(AUTH_AUTO, TLS_MODE_TLS);
	strlcpy(how.user, "j\xc3\xb6", sizeof(how.user));
	/* SCRAM can do nothing with a password that is not UTF-8; 'auto' passes it over, a name says so */
	assert_int_equal(login("+OK\r\n", CAPS("USER\r\nSASL SCRAM-SHA-1 PLAIN\r\n"), "p\xe4ss"), 0);
	assert_memory_equal(sent(), "AUTH PLAIN ", 11);
	strlcpy(how.user, "\xff", sizeof(how.user));
	how.auth = AUTH_SCRAM_SHA_1;
	assert_int_equal(login("+OK\r\n", CAPS("USER\r\nSASL SCRAM-SHA-1 PLAIN\r\n"), "pass"), -1);
	failed(WHY_CONFIG, STAGE_LOGIN);
	said("set auth to plain");
}

/* A server that is not to be asked: nothing is assumed of it, and nothing weaker is done than the record names. */
static void
test_unasked(void **state __unused)
{
	static const struct {
		enum auth_mech	 auth;
		enum tls_mode	 tls;
		int		 apop;
		const char	*greeting, *first;
	} t[] = {
		{ AUTH_AUTO, T, 0, NO_STAMP,		"USER tim\r\n" },
		{ AUTH_AUTO, T, 1, STAMP,		"APOP tim " },
		{ AUTH_AUTO, N, 1, STAMP,		"APOP tim " },
		{ AUTH_USER, N, 0, NO_STAMP,		"USER tim\r\n" },
		{ AUTH_CRAM_MD5, N, 0, NO_STAMP,	"AUTH CRAM-MD5\r\n" },
		{ AUTH_AUTO, TLS_MODE_STLS, 1, STAMP,	"STLS\r\n" }
	};
	size_t	 i;

	for (i = 0; i < nitems(t); i++) {
		record(t[i].auth, t[i].tls);
		how.no_capa = 1;
		how.apop = (uint32_t)t[i].apop;
		begin_with(&how, "tanstaaf");
		SAY(t[i].greeting);
		assert_memory_equal(sent(), t[i].first, strlen(t[i].first));
	}
	/* The last one: behind TLS, and only there, the login; the challenge came in clear. */
	SAY("+OK\r\n");
	assert_int_equal(p->state, POP3_HANDSHAKE);
	pop3_secured(p);
	SENT("USER tim\r\n");
	record(AUTH_AUTO, TLS_MODE_STLS);
	how.no_capa = 1;
	begin_with(&how, "tanstaaf");
	SAY(NO_STAMP);
	SENT("STLS\r\n");
	assert_int_equal(say("-ERR\r\n"), -1);
	failed(WHY_TLS, STAGE_TLS);
}

/* In clear a mechanism could have been cut away with the answer, and a challenge with the greeting. */
static void
test_unasked_in_the_dark(void **state __unused)
{
	int	 apop;

	for (apop = 0; apop < 2; apop++) {
		record(AUTH_AUTO, N);
		how.no_capa = 1;
		how.apop = (uint32_t)apop;
		begin_with(&how, "tanstaaf");
		assert_int_equal(say(NO_STAMP), -1);
		SENT("");
		failed(WHY_CONFIG, STAGE_LOGIN);
		said("set auth to user");
	}
}

/* A list that stands in the first line does not come any more. */
static void
test_one_line(void **state __unused)
{
	record(AUTH_USER, N);
	begin_with(&how, "tanstaaf");
	SAY(NO_STAMP);
	SENT("CAPA\r\n");
	assert_false(pop3_listless(p));
	SAY("+OK TOP UIDL USER\r\n");
	assert_true(pop3_listless(p));
	SAY("UIDL\r\n");
	assert_false(pop3_listless(p));
	assert_int_equal(login("+OK\r\n", "+OK Capability list follows\r\n", "tanstaaf"), 0);
	assert_false(pop3_listless(p));
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_no_choice),
		cmocka_unit_test(test_empty_auth),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_login),
		cmocka_unit_test(test_scram),
		cmocka_unit_test(test_oauth),
		cmocka_unit_test(test_long_token),
		cmocka_unit_test(test_msn),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_secret),
		cmocka_unit_test(test_ahead),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_unasked),
		cmocka_unit_test(test_unasked_in_the_dark),
		cmocka_unit_test(test_one_line)
	};

	sasl_warm();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
