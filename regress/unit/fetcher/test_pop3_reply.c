/* SPDX-License-Identifier: ISC */
/* links: fetcher */
/* The parsers of POP3 replies: what they take, what they refuse, and that they never look past the length given. */
#include <sys/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/compat.h"
#include "fetcher/pop3.h"

/* A copy on the heap without a NUL behind it, so that the address sanitizer sees a read too far. */
static uint8_t *
exact(const char *s, size_t *len)
{
	uint8_t	*p;

	*len = strlen(s);
	p = malloc(*len > 0 ? *len : 1);
	assert_non_null(p);
	memcpy(p, s, *len);
	return (p);
}

static void
test_status(void **state __unused)
{
	static const struct {
		const char	*line;
		int		 ret, ok;
		enum reply_code	 code;
		const char	*text;
	} t[] = {
		{ "+OK",			0, 1, CODE_NONE, "" },
		{ "+OK ",			0, 1, CODE_NONE, "" },
		{ "+OK  two blanks",		0, 1, CODE_NONE, "two blanks" },
		{ "+OK\tx",			0, 1, CODE_NONE, "x" },
		{ "+OK, fine",			0, 1, CODE_NONE, ", fine" },
		{ "-ERR",			0, 0, CODE_NONE, "" },
		{ "-ERR no",			0, 0, CODE_NONE, "no" },
		{ "-ERR [IN-USE] locked",	0, 0, CODE_IN_USE, "[IN-USE] locked" },
		{ "-ERR [in-use] locked",	0, 0, CODE_IN_USE, "[in-use] locked" },
		{ "-ERR [LOGIN-DELAY] wait",	0, 0, CODE_LOGIN_DELAY, "[LOGIN-DELAY] wait" },
		{ "-ERR [SYS/TEMP] later",	0, 0, CODE_SYS_TEMP, "[SYS/TEMP] later" },
		{ "-ERR [SYS/TEMP/DISK] later",	0, 0, CODE_SYS_TEMP, "[SYS/TEMP/DISK] later" },
		{ "-ERR [SYS/PERM] never",	0, 0, CODE_SYS_PERM, "[SYS/PERM] never" },
		{ "-ERR [AUTH] bad",		0, 0, CODE_AUTH, "[AUTH] bad" },
		{ "-ERR [IN-USES] x",		0, 0, CODE_NONE, "[IN-USES] x" },
		{ "-ERR [IN-USE",		0, 0, CODE_NONE, "[IN-USE" },
		{ "-ERR [ALERT] quota",		0, 0, CODE_ALERT, "[ALERT] quota" },
		{ "-ERR ALERT: quota",		0, 0, CODE_ALERT, "ALERT: quota" },
		{ "+OK [IN-USE] no error",	0, 1, CODE_NONE, "[IN-USE] no error" },
		{ "",				-1, 0, CODE_NONE, NULL },
		{ "+",				-1, 0, CODE_NONE, NULL },
		{ "+ challenge",		-1, 0, CODE_NONE, NULL },
		{ "+OKAY",			-1, 0, CODE_NONE, NULL },
		{ "-ERROR",			-1, 0, CODE_NONE, NULL },
		{ "+ok",			-1, 0, CODE_NONE, NULL },
		{ " +OK",			-1, 0, CODE_NONE, NULL },
		{ "-ER",			-1, 0, CODE_NONE, NULL }
	};
	struct reply	 r;
	uint8_t		*p;
	size_t		 i, len;

	for (i = 0; i < nitems(t); i++) {
		p = exact(t[i].line, &len);
		assert_int_equal(pop3_reply_status(p, len, &r), t[i].ret);
		if (t[i].ret == 0) {
			assert_int_equal(r.ok, t[i].ok);
			assert_int_equal(r.code, t[i].code);
			assert_int_equal(r.len, strlen(t[i].text));
			assert_memory_equal(r.text, t[i].text, r.len);
		}
		free(p);
	}
}

static uint32_t
capa(const char *line, struct offer *o)
{
	uint8_t		*p;
	uint32_t	 bits;
	size_t		 len;

	p = exact(line, &len);
	bits = pop3_reply_capa(p, len, o);
	free(p);
	return (bits);
}

static void
test_capa(void **state __unused)
{
	static const struct {
		const char	*line;
		uint32_t	 bits;
	} t[] = {
		{ "PIPELINING",			CAPA_PIPELINING },
		{ "pipelining",			CAPA_PIPELINING },
		{ "STLS ",			CAPA_STLS },
		{ "UIDL",			CAPA_UIDL },
		{ "USER",			CAPA_USER },
		{ "TOP",			CAPA_TOP },
		{ "RESP-CODES",			CAPA_RESP_CODES },
		{ "AUTH-RESP-CODE",		CAPA_AUTH_RESP_CODE },
		{ "UTF8",			CAPA_UTF8 },
		{ "UTF8 USER",			CAPA_UTF8 | CAPA_UTF8_USER },
		{ "UTF8 LANG user",		CAPA_UTF8 | CAPA_UTF8_USER },
		{ "SASL",			CAPA_SASL },
		{ "LOGIN-DELAY 900",		CAPA_LOGIN_DELAY },
		{ "LOGIN-DELAY 900 USER",	CAPA_LOGIN_DELAY | CAPA_BY_USER },
		{ "EXPIRE 0 USER",		CAPA_EXPIRE | CAPA_BY_USER },
		{ "EXPIRE USER",		CAPA_EXPIRE | CAPA_BY_USER },
		{ "X-PIPELINING",		0 },
		{ "PIPELININGS",		0 },
		{ "SASL PIPELINING",		CAPA_SASL },
		{ " UIDL",			0 },
		{ "",				0 }
	};
	struct offer	 o;
	size_t		 i;

	for (i = 0; i < nitems(t); i++) {
		offer_init(&o);
		assert_int_equal(capa(t[i].line, &o), t[i].bits);
	}
}

static void
test_capa_values(void **state __unused)
{
	static const struct {
		const char	*line;
		uint32_t	 delay, expire;
	} t[] = {
		{ "LOGIN-DELAY 900",			900,		UINT32_MAX },
		{ "LOGIN-DELAY 900 USER",		900,		UINT32_MAX },
		{ "LOGIN-DELAY  15m",			0,		UINT32_MAX },
		{ "LOGIN-DELAY -1",			0,		UINT32_MAX },
		{ "LOGIN-DELAY",			0,		UINT32_MAX },
		{ "LOGIN-DELAY 99999999999",		31536000,	UINT32_MAX },
		{ "LOGIN-DELAY 99999999999999999999",	0,		UINT32_MAX },
		{ "EXPIRE 60",				0,		60 },
		{ "EXPIRE 0 USER",			0,		0 },
		{ "expire never",			0,		UINT32_MAX },
		{ "EXPIRE soon",			0,		UINT32_MAX },
		{ "EXPIRE 4294967296",			0,		UINT32_MAX }
	};
	struct offer	 o;
	size_t		 i;

	for (i = 0; i < nitems(t); i++) {
		offer_init(&o);
		(void)capa(t[i].line, &o);
		assert_int_equal(o.login_delay, t[i].delay);
		assert_int_equal(o.expire, t[i].expire);
	}
}

#define BIT(mech)	(1U << AUTH_ ## mech)

static void
test_capa_mechs(void **state __unused)
{
	struct offer	 o;
	char		 lang[900] = "SASL";
	int		 i;

	offer_init(&o);
	(void)capa("SASL PLAIN login  SCRAM-SHA-1\tSCRAM-SHA-256 CRAM-MD5 XOAUTH2 OAUTHBEARER NTLM MSN EXTERNAL", &o);
	assert_int_equal(o.mechs, BIT(PLAIN) | BIT(LOGIN) | BIT(SCRAM_SHA_1) | BIT(SCRAM_SHA_256) | BIT(CRAM_MD5) | BIT(XOAUTH2) |
	    BIT(OAUTHBEARER) | BIT(NTLM) | BIT(MSN) | BIT(EXTERNAL));
	offer_init(&o);
	(void)capa("SASL USER APOP AUTO SCRAM-SHA-256-PLUS GSSAPI X\x1b[2J \"quote", &o);
	assert_int_equal(o.mechs, 0);
	assert_string_equal(o.list, "USER APOP AUTO SCRAM-SHA-256-PLUS GSSAPI");
	for (i = 0; i < 100; i++)
		strcat(lang, " PLAIN12");
	offer_init(&o);
	(void)capa(lang, &o);
	(void)capa(lang, &o);
	assert_true(strlen(o.list) < sizeof(o.list) && strlen(o.list) > sizeof(o.list) - 12);
}

static void
test_more(void **state __unused)
{
	static const struct {
		const char	*line, *text;
	} t[] = {
		{ "+",			"" },
		{ "+ ",			"" },
		{ "+ dGVzdA==",		"dGVzdA==" },
		{ "+  dGVzdA== ",	"dGVzdA==" },
		{ "+ some text",	"some text" },
		{ "+OK",		NULL },
		{ "+dGVzdA==",		NULL },
		{ "-ERR",		NULL },
		{ "",			NULL }
	};
	const uint8_t	*text;
	uint8_t		*p;
	size_t		 i, len, n;

	for (i = 0; i < nitems(t); i++) {
		p = exact(t[i].line, &len);
		assert_int_equal(pop3_reply_more(p, len, &text, &n), t[i].text != NULL);
		if (t[i].text != NULL) {
			assert_int_equal(n, strlen(t[i].text));
			assert_memory_equal(text, t[i].text, n);
		}
		free(p);
	}
}

static void
test_stat(void **state __unused)
{
	static const struct {
		const char	*text;
		int		 ret;
		uint64_t	 count, octets;
	} t[] = {
		{ "2 320",			0, 2, 320 },
		{ "0 0",			0, 0, 0 },
		{ "7",				0, 7, 0 },
		{ "7  12 more words",		0, 7, 12 },
		{ "7 lots",			0, 7, 0 },
		{ "4000000000 1",		0, 4000000000, 1 },
		{ "",				-1, 0, 0 },
		{ "-1 5",			-1, 0, 0 },
		{ "+1 5",			-1, 0, 0 },
		{ "1,5",			-1, 0, 0 },
		{ "0x10 5",			-1, 0, 0 },
		{ "99999999999999999999 1",	-1, 0, 0 },
		{ "1 99999999999999999999",	0, 1, 0 }
	};
	uint64_t	 count, octets;
	uint8_t		*p;
	size_t		 i, len;

	for (i = 0; i < nitems(t); i++) {
		p = exact(t[i].text, &len);
		assert_int_equal(pop3_reply_stat(p, len, &count, &octets), t[i].ret);
		if (t[i].ret == 0) {
			assert_int_equal(count, t[i].count);
			assert_int_equal(octets, t[i].octets);
		}
		free(p);
	}
}

static void
test_list(void **state __unused)
{
	uint64_t	 n, size;

	assert_int_equal(pop3_reply_list((const uint8_t *)"3 1200", 6, &n, &size), 0);
	assert_int_equal(n, 3);
	assert_int_equal(size, 1200);
	assert_int_equal(pop3_reply_list((const uint8_t *)"3  1200 x", 9, &n, &size), 0);
	assert_int_equal(pop3_reply_list((const uint8_t *)"3", 1, &n, &size), -1);
	assert_int_equal(pop3_reply_list((const uint8_t *)"3 ", 2, &n, &size), -1);
	assert_int_equal(pop3_reply_list((const uint8_t *)"x 1", 3, &n, &size), -1);
	assert_int_equal(pop3_reply_list((const uint8_t *)"1 2x", 4, &n, &size), -1);
}

static void
test_uidl(void **state __unused)
{
	char		 seventy[73], toomany[74];
	const uint8_t	*uid;
	uint64_t	 n;
	size_t		 len;

	assert_int_equal(pop3_reply_uidl((const uint8_t *)"12 aB~!", 7, &n, &uid, &len), 0);
	assert_int_equal(n, 12);
	assert_int_equal(len, 4);
	assert_memory_equal(uid, "aB~!", 4);
	assert_int_equal(pop3_reply_uidl((const uint8_t *)"12   x  ", 8, &n, &uid, &len), 0);
	assert_int_equal(len, 1);
	memset(seventy, 'u', sizeof(seventy));
	memcpy(seventy, "1 ", 2);
	assert_int_equal(pop3_reply_uidl((const uint8_t *)seventy, 72, &n, &uid, &len), 0);
	assert_int_equal(len, 70);
	memset(toomany, 'u', sizeof(toomany));
	memcpy(toomany, "1 ", 2);
	assert_int_equal(pop3_reply_uidl((const uint8_t *)toomany, 73, &n, &uid, &len), 1);
	assert_int_equal(pop3_reply_uidl((const uint8_t *)"1", 1, &n, &uid, &len), 1);
	assert_int_equal(pop3_reply_uidl((const uint8_t *)"1 ", 2, &n, &uid, &len), 1);
	assert_int_equal(pop3_reply_uidl((const uint8_t *)"1 a b", 5, &n, &uid, &len), 1);
	assert_int_equal(pop3_reply_uidl((const uint8_t *)"1 a\tb", 5, &n, &uid, &len), 1);
	assert_int_equal(pop3_reply_uidl((const uint8_t *)"1 a\0b", 5, &n, &uid, &len), 1);
	assert_int_equal(pop3_reply_uidl((const uint8_t *)"1 \xc3\xa4", 4, &n, &uid, &len), 1);
	assert_int_equal(n, 1);
	assert_int_equal(pop3_reply_uidl((const uint8_t *)"one x", 5, &n, &uid, &len), -1);
	assert_int_equal(n, 0);
}

static void
test_challenge(void **state __unused)
{
	static const struct {
		const char	*greeting, *challenge;
	} t[] = {
		{ "ready <1896.697170952@dbc.mtview.ca.us>",	"<1896.697170952@dbc.mtview.ca.us>" },
		{ "<a@b> ready",				"<a@b>" },
		{ "<1f.2.3.Zm9v+/==@[127.0.0.1]>",		"<1f.2.3.Zm9v+/==@[127.0.0.1]>" },
		{ "<\"a@b\"@c>",				"<\"a@b\"@c>" },
		{ "no timestamp",				NULL },
		{ "<>",						NULL },
		{ "<@>",					NULL },
		{ "<a@>",					NULL },
		{ "<@b>",					NULL },
		{ "<nodomain>",					NULL },
		{ "<a b@c>",					NULL },
		{ "<a@b> <c@d>",				NULL },
		{ "<<a@b>",					NULL },
		{ "<a@b>>",					NULL },
		{ "> <a@b>",					NULL },
		{ "<a@b@c>",					NULL },
		{ "<a..b@c>",					NULL },
		{ "<.a@c>",					NULL },
		{ "<a\x80@c>",					NULL },
		{ "<a\x01@c>",					NULL },
		{ "<a@b",					NULL },
		{ "<a@[b>",					NULL }
	};
	const uint8_t	*c;
	uint8_t		*p;
	char		 lang[300];
	size_t		 i, len, n;

	for (i = 0; i < nitems(t); i++) {
		p = exact(t[i].greeting, &len);
		n = pop3_reply_challenge(p, len, &c);
		assert_int_equal(n, t[i].challenge == NULL ? 0 : strlen(t[i].challenge));
		if (n > 0)
			assert_memory_equal(c, t[i].challenge, n);
		free(p);
	}
	memset(lang, 'a', sizeof(lang));
	memcpy(lang, "<a@", 3);
	lang[254] = '>';
	assert_int_equal(pop3_reply_challenge((uint8_t *)lang, 255, &c), 255);
	lang[254] = 'a';
	lang[255] = '>';
	assert_int_equal(pop3_reply_challenge((uint8_t *)lang, 256, &c), 0);
	assert_int_equal(pop3_reply_challenge((const uint8_t *)"<a\0b@c>", 7, &c), 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_capa),
		cmocka_unit_test(test_capa_values),
		cmocka_unit_test(test_capa_mechs),
		cmocka_unit_test(test_more),
		cmocka_unit_test(test_stat),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_uidl),
		cmocka_unit_test(test_challenge)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
