/* SPDX-License-Identifier: ISC */
/* links: auth/login.c auth/mech.c auth/name.c auth/scram.c auth/verify.c */
/* libs: -lgsasl -lcrypt -lmd */
/*
 * Login names; and logins, with the client's side of libgsasl as the client and the test as master and session.
 */
#include <md5.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>

#include <cmocka.h>
#include <gsasl.h>

#include "auth/auth.h"
#include "common/compat.h"
#include "common/hex.h"
#include "common/sasl/base64.h"

/* RFC 7677, section 3: user "user", password "pencil". */
#define SCRAM	"{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
#define CRYPT	"$5$rounds=1000$NEoEDNA9Dgqq$"
#define STAND	CRYPT "..........................................."

/* --- the master and the session --- */

static uint8_t			 challenge[8192];
static size_t			 challenge_len;
static int			 nchallenges, nlookups, nasks, nrights, nresults;
static char			 given[64];		/* ahead of the result */
static struct msg_auth_result	 last;
static struct msg_auth_lookup	 who;

void
say_challenge(const void *p, size_t len)
{
	ssize_t	 n = base64_decode(challenge, sizeof(challenge) - 1, p, len);

	assert_true(n >= 0);
	challenge_len = (size_t)n;
	challenge[n] = '\0';
	nchallenges++;
}

void say_lookup(const struct msg_auth_lookup *m) { who = *m; nlookups++; }
void say_ask(uint32_t id) { assert_int_equal(id, 7); nasks++; }
void say_right(uint32_t id) { assert_int_equal(id, 7); nrights++; }
void say_result(const struct msg_auth_result *m) { last = *m; nresults++; }

void
say_given(uint32_t id, const void *p, size_t len)
{
	assert_int_equal(id, 7);
	snprintf(given, sizeof(given), "%.*s", (int)len, (const char *)p);
}

/* Whom a login asks, and with what; done(verdict) is what it makes of the answer. */
static struct { const struct msg_auth_source *m; char password[64]; int denied; void (*done)(enum auth_verdict); } elsewhere;

void
source_ask(const struct msg_auth_source *m, int fd, const void *p, size_t len, int denied, void (*done)(enum auth_verdict))
{
	assert_int_equal(fd, 9);
	elsewhere.m = m;
	snprintf(elsewhere.password, sizeof(elsewhere.password), "%.*s", (int)len, (const char *)p);
	elsewhere.denied = denied;
	elsewhere.done = done;
}

static void
expect(void)
{
	struct msg_auth_login	 m = { .id = 7, .mechs = UINT32_MAX, .host = "dbc.mtview.ca.us", .apop = "<1896.697170952@dbc.mtview.ca.us>" };

	memset(&login, 0, sizeof(login));
	nchallenges = nlookups = nasks = nrights = nresults = 0;
	given[0] = '\0';
	engine_warm();
	assert_int_equal(login_expect(&m), 0);
}

static int
begin(uint32_t mech, const void *p, size_t len)
{
	struct msg_login_begin	 m = { mech, p != NULL };

	return (login_begin(&m, p, len));
}

static void
verifier(const char *v, size_t len)
{
	struct msg_auth_verifier	 m = { .id = 7 };

	assert_int_equal(nlookups, 1);
	assert_int_equal(login_verifier(&m, (const uint8_t *)v, len), 0);
}

static void
respond(const char *p, size_t len)
{
	struct buf	 b;

	buf_init(&b, 20000);
	assert_int_equal(base64_encode(&b, (const uint8_t *)p, len), 0);
	assert_int_equal(login_response(buf_data(&b), buf_len(&b)), 0);
	buf_free(&b);
}

/* --- names --- */

struct name {
	const char	*login, *account, *mailbox, *owner;
};

static const struct name	 names[] = {
	{ "anna", "anna", "", "" },
	{ "Anna", "anna", "", "" },
	{ "anna@example.org", "anna@example.org", "", "" },
	{ "ANNA@EXAMPLE.ORG", "anna@example.org", "", "" },
	{ "INBOX#anna", "anna", "INBOX", "" },
	{ "inbox#anna", "anna", "inbox", "" },
	{ "private#jsmith", "jsmith", "private", "" },
	{ "lists/info#jsmith@client1.com", "jsmith@client1.com", "lists/info", "" },
	{ "Lists/BSD#Anna", "anna", "Lists/BSD", "" },
	{ "Lists.bsd#anna", "anna", "Lists.bsd", "" },
	{ "a#b#anna", "anna", "a#b", "" },
	{ "##anna", "anna", "#", "" },
	{ "~public/announces#jsmith", "jsmith", "announces", "public" },
	{ "~boss/INBOX#jsmith", "jsmith", "INBOX", "boss" },
	{ "~boss#jsmith", "jsmith", "", "boss" },
	{ "~Boss@Example.ORG/a/b#Anna", "anna", "a/b", "boss@example.org" },
	{ "~boss/a#b#anna", "anna", "a#b", "boss" },
	{ "~boss#x/y#anna", "anna", "y", "boss#x" },
	{ "~~boss/x#anna", "anna", "x", "~boss" },
	{ "~boss", "~boss", "", "" },
	{ "a~b#anna", "anna", "a~b", "" },
	{ "anna~x", "anna~x", "", "" },
	{ "J\xc3\x96rg", "j\xc3\x96rg", "", "" },
	{ "jo\xcc\x88rg@x", "j\xc3\xb6rg@x", "", "" },
	{ "\xef\xbc\xa1nna\xc2\xad@x", "anna@x", "", "" },
	{ "o\xcc\x88#anna", "anna", "o\xcc\x88", "" },
	{ "a\xef\xbc\x83" "b", "a#b", "", "" },
	{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", "", "" },
	{ "j\xf6rg", "", "", "" },
	{ "\xff#anna", "", "", "" },
	{ "~j\xf6rg#anna", "", "", "" },
	{ "anna\xe2\x80\xa8", "", "", "" },
	{ "\xee\x80\x80", "", "", "" },
	{ "\xc2\xad", "", "", "" },
	{ "/anna", "/anna", "", "" },
	{ "../anna", "../anna", "", "" },
	{ "../../etc#anna", "anna", "../../etc", "" },
	{ "..#anna", "anna", "..", "" },
	{ "~../x#anna", "anna", "x", ".." },
	{ "~x/../../y#anna", "anna", "../../y", "x" },
	{ "~x//y#anna", "anna", "/y", "x" },
	{ "%n%s%x", "%n%s%x", "", "" },
	{ "%u#%s", "%s", "%u", "" },
	{ "anna ", "anna ", "", "" },
	{ " anna", " anna", "", "" },
	{ "a b#c d", "c d", "a b", "" },
	{ "*", "*", "", "" },
	{ "*@example.org", "*@example.org", "", "" },
	{ "anna+detail@example.org", "anna+detail@example.org", "", "" },
	{ "\"a b\"@example.org", "\"a b\"@example.org", "", "" },
	{ "anna@[192.0.2.1]", "anna@[192.0.2.1]", "", "" },
	{ "anna@@example.org", "anna@@example.org", "", "" },
	{ "@example.org", "@example.org", "", "" },
	{ "anna@", "anna@", "", "" },
	{ "M\303\234LLER@example.org", "m\303\234ller@example.org", "", "" },
	{ "Entw\303\274rfe#m\303\274ller", "m\303\274ller", "Entw\303\274rfe", "" },
	{ "\377\376#\200", "", "", "" },
	{ "'; DROP TABLE account;--", "'; drop table account;--", "", "" },
	{ "a'b#c'd", "c'd", "a'b", "" },
	{ "a:b", "a:b", "", "" },
	{ "a,b=c", "a,b=c", "", "" },
	{ "{PLAIN}x", "{plain}x", "", "" },
	{ "$5$x", "$5$x", "", "" },
	/* nobody's */
	{ "#anna", "", "", "" },
	{ "anna#", "", "", "" },
	{ "#", "", "", "" },
	{ "##", "", "", "" },
	{ "a##", "", "", "" },
	{ "~#anna", "", "", "" },
	{ "~/x#anna", "", "", "" },
	{ "~boss/#anna", "", "", "" },
	{ "~boss/x#", "", "", "" },
	{ "~#", "", "", "" },
	{ "an\tna", "", "", "" },
	{ "an\rna", "", "", "" },
	{ "an\nna", "", "", "" },
	{ "an\033[2Jna", "", "", "" },
	{ "anna\177", "", "", "" },
	{ "a\001b#anna", "", "", "" },
	{ "~a\002b/x#anna", "", "", "" },
	{ "~ab/x\003#anna", "", "", "" },
};

static void
is_name(const char *p, size_t len, const char *account, const char *mailbox, const char *owner)
{
	struct msg_auth_lookup	 m;

	memset(&m, 'x', sizeof(m));
	name_parse(&m, p, len);
	assert_string_equal(m.account, account);
	assert_string_equal(m.mailbox, mailbox);
	assert_string_equal(m.owner, owner);
	assert_true(proto_text(m.account, sizeof(m.account)) && proto_text(m.mailbox, sizeof(m.mailbox)) && proto_text(m.owner, sizeof(m.owner)));
}

/* Those above; each control character at each place; each length around the longest of each part. */
static void
test_names(void **state)
{
	char	 text[12000], want[400], other[400];
	size_t	 i, n = 0;

	(void)state;
	for (i = 0; i < nitems(names); i++, n++)
		is_name(names[i].login, strlen(names[i].login), names[i].account, names[i].mailbox, names[i].owner);
	for (i = 0; i < 33; i++, n += 3) {
		memcpy(text, "~boss/x#anna", 12);
		text[2] = i < 32 ? (char)i : 0x7f;
		is_name(text, 12, "", "", "");
		text[2] = 'o';
		text[6] = i < 32 ? (char)i : 0x7f;
		is_name(text, 12, "", "", "");
		text[6] = 'x';
		text[11] = i < 32 ? (char)i : 0x7f;
		is_name(text, 12, "", "", "");
	}
	memset(text, 'a', sizeof(text));
	for (i = PROTO_ADDR_SIZE - 5; i < PROTO_ADDR_SIZE + 5; i++, n++) {
		memset(want, 'a', i);
		want[i] = '\0';
		is_name(text, i, i < PROTO_ADDR_SIZE ? want : "", "", "");
	}
	for (i = PROTO_MAILBOX_SIZE - 5; i < PROTO_MAILBOX_SIZE + 5; i++, n++) {
		memset(text, 'a', i);
		memcpy(text + i, "#anna", 5);
		memset(want, 'a', i);
		want[i] = '\0';
		is_name(text, i + 5, i < PROTO_MAILBOX_SIZE ? "anna" : "", i < PROTO_MAILBOX_SIZE ? want : "", "");
	}
	for (i = PROTO_ADDR_SIZE - 5; i < PROTO_ADDR_SIZE + 5; i++, n++) {
		text[0] = '~';
		memset(text + 1, 'o', i);
		memcpy(text + 1 + i, "/x#anna", 7);
		memset(other, 'o', i);
		other[i] = '\0';
		is_name(text, i + 8, i < PROTO_ADDR_SIZE ? "anna" : "", i < PROTO_ADDR_SIZE ? "x" : "", i < PROTO_ADDR_SIZE ? other : "");
	}
	memset(text, 'a', sizeof(text));
	is_name(text, 10000, "", "", "");
	text[9000] = '#';
	is_name(text, 10000, "", "", "");
	assert_true(n + 2 >= 200);
}

/* --- mechanisms --- */

/* RFC 1939 section 7: the example of APOP. */
static void
test_apop(void **state)
{
	static const char	 said[] = "mrose\0c4c9334bac560ecc979e58001b3e22fb", upper[] = "mrose\0C4C9334BAC560ECC979E58001B3E22FB";

	(void)state;
	expect();
	assert_int_equal(begin(AUTH_APOP, said, sizeof(said) - 1), 0);
	assert_string_equal(who.account, "mrose");
	verifier("{PLAIN}tanstaaf", 15);
	assert_int_equal(last.verdict, AUTH_VERDICT_YES);
	assert_string_equal(given, "");
	expect();
	begin(AUTH_APOP, said, sizeof(said) - 1);
	verifier("{PLAIN}tanstaag", 15);
	assert_int_equal(last.verdict, AUTH_VERDICT_NO);
	expect();
	begin(AUTH_APOP, upper, sizeof(upper) - 1);
	assert_int_equal(last.verdict, AUTH_VERDICT_MALFORMED);
}

/* RFC 4616 section 4: the example of PLAIN, and one that acts as somebody else. */
static void
test_plain(void **state)
{
	(void)state;
	expect();
	assert_int_equal(begin(AUTH_PLAIN, NULL, 0), 0);
	assert_int_equal(challenge_len, 0);
	respond("\0tim\0tanstaaftanstaaf", 21);
	assert_string_equal(who.account, "tim");
	verifier("{PLAIN}tanstaaftanstaaf", 23);
	assert_int_equal(last.verdict, AUTH_VERDICT_YES);
	expect();
	begin(AUTH_PLAIN, NULL, 0);
	respond("Ursel\0Kurt\0xipj3plmq", 20);
	assert_string_equal(who.account, "kurt");
	verifier("{PLAIN}xipj3plmq", 16);
	assert_int_equal(last.verdict, AUTH_VERDICT_NO);
}

static struct { const char *user, *password; } client;

static int
client_ask(Gsasl *g, Gsasl_session *s, Gsasl_property what)
{
	(void)g;
	if (what == GSASL_AUTHID)
		return (gsasl_property_set(s, what, client.user));
	if (what == GSASL_PASSWORD)
		return (gsasl_property_set(s, what, client.password));
	return (GSASL_NO_CALLBACK);
}

/* The client's side of the library logs in; 1: it is content with what the server has proved. */
static int
logs_in(const char *mech, uint32_t number, const char *v, size_t vlen)
{
	Gsasl		*g;
	Gsasl_session	*s;
	char		*out = NULL;
	size_t		 len = 0;
	int		 rc = GSASL_NEEDS_MORE, had;

	assert_int_equal(gsasl_init(&g), GSASL_OK);
	gsasl_callback_set(g, client_ask);
	assert_int_equal(gsasl_client_start(g, mech, &s), GSASL_OK);
	expect();
	assert_int_equal(begin(number, NULL, 0), 0);
	while (nresults == 0) {
		had = nchallenges;
		if (nlookups == 1 && login.state == LOGIN_NAMED)
			verifier(v, vlen);
		else if (nasks == 1 && login.state == LOGIN_SAID)
			assert_int_equal(login_turn(7), 0);
		if (nresults > 0 || (nchallenges == had && login.state != LOGIN_TALKS && login.state != LOGIN_RIGHT))
			break;
		/* LOGIN's challenges are for people. */
		rc = gsasl_step(s, (char *)challenge, challenge_len, &out, &len);
		if (rc != GSASL_OK && rc != GSASL_NEEDS_MORE)
			break;
		respond(out == NULL ? "" : out, len);
		gsasl_free(out);
		out = NULL;
	}
	gsasl_finish(s);
	gsasl_done(g);
	assert_int_equal(nresults, 1);
	assert_int_equal(login.state, LOGIN_OVER);
	return (rc == GSASL_OK);
}

/* Each mechanism with each form of verifier, and with that which stands in for none, by the other side of a library. */
static void
test_mechanisms(void **state)
{
	static const struct { const char *name; uint32_t number; int given; } mechs[] = {
		{ "PLAIN", AUTH_PLAIN, 1 }, { "LOGIN", AUTH_LOGIN, 1 }, { "CRAM-MD5", AUTH_CRAM_MD5, 0 },
		{ "SCRAM-SHA-1", AUTH_SCRAM_SHA_1, 0 }, { "SCRAM-SHA-256", AUTH_SCRAM_SHA_256, 0 },
	};
	static const struct { const char *v; size_t len; int kind; } forms[] = {
		{ SCRAM, sizeof(SCRAM) - 1, VERIFIER_SCRAM }, { "{PLAIN}pencil", 13, VERIFIER_PLAIN },
		{ "{PLAIN}\0\0\0\0\0\0", 13, 0 }, { STAND, sizeof(STAND) - 1, 0 },
	};
	size_t	 i, j;
	int	 serves;

	(void)state;
	for (i = 0; i < nitems(mechs); i++) {
		for (j = 0; j < nitems(forms); j++) {
			serves = forms[j].kind == VERIFIER_PLAIN ||
			    (forms[j].kind == VERIFIER_SCRAM && (mechs[i].given || mechs[i].number == AUTH_SCRAM_SHA_256));
			client.user = "user";
			client.password = "pencil";
			assert_int_equal(logs_in(mechs[i].name, mechs[i].number, forms[j].v, forms[j].len) && serves, serves);
			assert_int_equal(last.verdict, serves ? AUTH_VERDICT_YES : AUTH_VERDICT_NO);
			assert_string_equal(given, mechs[i].given && forms[j].kind == VERIFIER_SCRAM ? "pencil" : "");
			assert_int_equal(last.mech, mechs[i].number);
			assert_string_equal(who.account, "user");
			assert_int_equal(nrights, serves && strncmp(mechs[i].name, "SCRAM", 5) == 0);
			client.password = "pencil2";
			(void)logs_in(mechs[i].name, mechs[i].number, forms[j].v, forms[j].len);
			assert_int_equal(last.verdict, AUTH_VERDICT_NO);
			assert_int_equal(nrights, 0);
			client.user = "a,b=c#User@Example.ORG";
			(void)logs_in(mechs[i].name, mechs[i].number, forms[j].v, forms[j].len);
			assert_string_equal(who.account, "user@example.org");
			assert_string_equal(who.mailbox, "a,b=c");
		}
	}
}

/* CRAM-MD5's digest by hand, RFC 2195: HMAC-MD5 of the challenge. */
static void
test_cram(void **state)
{
	uint8_t	 pad[64], inner[MD5_DIGEST_LENGTH], digest[MD5_DIGEST_LENGTH];
	char	 said[64] = "tim ";
	MD5_CTX	 ctx;
	size_t	 i;

	(void)state;
	expect();
	begin(AUTH_CRAM_MD5, NULL, 0);
	assert_true(challenge[0] == '<' && challenge[challenge_len - 1] == '>');
	for (i = 0; i < sizeof(pad); i++)
		pad[i] = (uint8_t)((i < 16 ? "tanstaaftanstaaf"[i] : 0) ^ 0x36);
	MD5Init(&ctx);
	MD5Update(&ctx, pad, sizeof(pad));
	MD5Update(&ctx, challenge, challenge_len);
	MD5Final(inner, &ctx);
	for (i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36 ^ 0x5c;
	MD5Init(&ctx);
	MD5Update(&ctx, pad, sizeof(pad));
	MD5Update(&ctx, inner, sizeof(inner));
	MD5Final(digest, &ctx);
	hex_encode(said + 4, digest, sizeof(digest));
	respond(said, 36);
	verifier("{PLAIN}tanstaaftanstaaf", 23);
	assert_int_equal(last.verdict, AUTH_VERDICT_YES);
}

/* Nothing of a login stays behind its result. */
static void
test_wiped(void **state)
{
	const uint8_t	*p = (const uint8_t *)&login;
	size_t		 i;

	(void)state;
	expect();
	begin(AUTH_USER, "anna\0pencil", 11);
	verifier("{PLAIN}pencil", 13);
	assert_int_equal(last.verdict, AUTH_VERDICT_YES);
	assert_int_equal(login.state, LOGIN_OVER);
	for (i = sizeof(login.state); i < sizeof(login); i++)
		assert_int_equal(p[i], 0);
}

/* Somebody else is asked about what was typed, once; only a password can be asked about; and to hang up then saves nothing. */
static void
test_elsewhere(void **state)
{
	struct msg_auth_source	 m = { .id = 7, .source = AUTH_SOURCE_DOVECOT };

	(void)state;
	expect();
	assert_int_equal(login_source(&m, 9), -1);		/* nobody has said who it is */
	assert_int_equal(begin(AUTH_USER, "anna\0right", 10), 0);
	m.id = 8;
	assert_int_equal(login_source(&m, 9), -1);
	m.id = 7;
	assert_int_equal(login_source(&m, 9), 0);
	assert_ptr_equal(elsewhere.m, &m);
	assert_string_equal(elsewhere.password, "right");
	assert_int_equal(elsewhere.denied, 0);
	assert_int_equal(login_source(&m, 9), -1);
	login_gone();
	assert_int_equal(nresults, 0);
	elsewhere.done(AUTH_VERDICT_YES);
	assert_int_equal(nresults, 1);
	assert_int_equal(last.verdict, AUTH_VERDICT_YES);
	assert_int_equal(last.mech, AUTH_USER);
	assert_string_equal(given, "");				/* there is no proof of it */
	/* Somebody acts as somebody else. */
	expect();
	assert_int_equal(begin(AUTH_PLAIN, "Ym9iAGFubmEAcmlnaHQ=", 20), 0);
	assert_int_equal(login_source(&m, 9), 0);
	assert_int_equal(elsewhere.denied, 1);
	elsewhere.done(AUTH_VERDICT_WRITTEN);
	assert_int_equal(last.verdict, AUTH_VERDICT_WRITTEN);
	/* What is no password cannot be asked about. */
	expect();
	assert_int_equal(begin(AUTH_APOP, "anna\0" "00000000000000000000000000000000", 37), 0);
	assert_int_equal(nlookups, 1);
	assert_int_equal(login_source(&m, 9), -1);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_apop),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_mechanisms),
		cmocka_unit_test(test_cram),
		cmocka_unit_test(test_wiped),
		cmocka_unit_test(test_elsewhere),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
