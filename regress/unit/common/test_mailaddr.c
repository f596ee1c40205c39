/* SPDX-License-Identifier: ISC */
/* Address lists: what is an address, what is none, and what must never come out of quotes, comments and display names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/compat.h"
#include "common/mail/mailaddr.h"

struct sample {
	const char	*text;
	size_t		 len;
	const char	*want;		/* what mailaddr_format() writes, one blank between */
	int		 bad;		/* elements dropped */
};

#define S(text, want, bad)	{ text, sizeof(text) - 1, want, bad }

static const struct sample plain[] = {
	/* nothing at all */
	S("", "", 0),
	S(" \t ", "", 0),
	S("\r\n", "", 0),
	S(",", "", 0),
	S(" , ,\r\n ,", "", 0),
	S("(nobody)", "", 0),
	S(";", "", 0),
	/* addr-spec */
	S("a@b", "a@b", 0),
	S(" a@b ", "a@b", 0),
	S("a@b\n", "a@b", 0),
	S("a@b\r\n", "a@b", 0),
	S("anna@example.org", "anna@example.org", 0),
	S("Anna.Lee@EXAMPLE.Org", "Anna.Lee@example.org", 0),
	S("a+b-c_d=e@x.y", "a+b-c_d=e@x.y", 0),
	S("!#$%&'*+-/=?^_`{|}~@x.y", "!#$%&'*+-/=?^_`{|}~@x.y", 0),
	S("a%b@c", "a%b@c", 0),
	S("a!b!c@d", "a!b!c@d", 0),
	S("a@b,c@d", "a@b c@d", 0),
	S("a@b, c@d,\r\n e@f", "a@b c@d e@f", 0),
	S("a@b,,c@d,", "a@b c@d", 0),
	S(",a@b", "a@b", 0),
	S("a@b;c@d", "a@b c@d", 0),
	S("a@b; c@d;", "a@b c@d", 0),
	S("a@b c@d", "", 1),
	S("a", "", 1),
	S("@", "", 1),
	S("a@", "", 1),
	S("@b", "", 1),
	S("a@@b", "", 1),
	S("a@b@c", "", 1),
	S("a@b@c, d@e", "d@e", 1),
	S("a@b.", "a@b", 0),
	S("a@.b", "", 1),
	S("a@b..c", "", 1),
	S(".a@b", "\".a\"@b", 0),
	S("a.@b", "\"a.\"@b", 0),
	S("a..b@c", "\"a..b\"@c", 0),
	S("a b@c", "", 1),
	S("a@b c", "", 1),
	S("a@b.c d", "", 1),
	S("a@\"b\"", "", 1),
	S("a@b\"c\"", "", 1),
	S("a@b/c", "", 1),
	/* obsolete blanks and comments around dots and at signs */
	S("a . b @ c . d", "a.b@c.d", 0),
	S("a(x).(y)b@c(z).d", "a.b@c.d", 0),
	S("a@b (Anna Lee)", "a@b", 0),
	S("(Anna)a@b", "a@b", 0),
	S("(x)a(y)@(z)b(w)", "a@b", 0),
	S("a\r\n @\r\n b", "a@b", 0),
	S("a\n\t@b", "a@b", 0),
	S("a(x)b@c", "", 1),
	S("a@b(x)c", "", 1),
	S("a @b", "a@b", 0),
	/* comments */
	S("(a(b(c)d)e) a@b", "a@b", 0),
	S("(a\\)b) a@b", "a@b", 0),
	S("(a\\(b) a@b", "a@b", 0),
	S("(\") a@b (\")", "a@b", 0),
	S("(<x@y>, z@w;) a@b", "a@b", 0),
	S("a@b (, evil@x ,)", "a@b", 0),
	S("a@b (evil@x", "", 1),
	S("a@b, (evil@x, c@d", "a@b", 1),
	S("a@b (evil\\), c@d", "", 1),
	S("a@b (x\\", "", 1),
	S("a@b) , c@d", "c@d", 1),
	S("a@b)<c@d>", "c@d", 0),
	S("(x)) a@b", "", 1),
	S("a@b ((x)", "", 1),
	S("(J\xc3\xb8rgen) a@b", "a@b", 0),
	S("(J\xf8rgen) a@b, c@d", "a@b c@d", 0),
	S("(\x01) a@b, c@d", "c@d", 1),
	S("(\t) a@b", "a@b", 0),
	/* name-addr */
	S("<a@b>", "a@b", 0),
	S("< a@b >", "a@b", 0),
	S("<(x)a@b(y)>", "a@b", 0),
	S("Anna <a@b>", "a@b", 0),
	S("Anna<a@b>", "a@b", 0),
	S("Anna Lee <a@b>, Bo <c@d>", "a@b c@d", 0),
	S("Anna M. Lee <a@b>", "a@b", 0),
	S("Anna M . . Lee <a@b>", "a@b", 0),
	S("J. R. Smith Jr. <a@b>", "a@b", 0),
	S(". Anna <a@b>", "a@b", 0),
	S("\"Lee, Anna\" <a@b>", "a@b", 0),
	S("\"\" <a@b>", "a@b", 0),
	S("\"a\" b \"c\" <a@b>", "a@b", 0),
	S("\"tab\there\" <a@b>", "a@b", 0),
	S("Anna (the \"boss\") Lee <a@b> (home)", "a@b", 0),
	S("J\xc3\xb8rgen <a@b>", "a@b", 0),
	S("=?utf-8?q?J=C3=B8rgen?= <a@b>", "a@b", 0),
	S("Lee, Anna <a@b>", "a@b", 1),
	S("Anna <>", "", 1),
	S("<>", "", 1),
	S("<a>", "", 1),
	S("Anna <a>", "", 1),
	S("<a@b", "", 1),
	S("a@b>", "", 1),
	S("a@b>, c@d", "c@d", 1),
	S("<<a@b>>", "", 1),
	S("<<a@b>>, c@d", "c@d", 1),
	S("<a@b>>", "", 1),
	S("<a@b> Anna", "", 1),
	S("<a@b>c@d", "", 1),
	S("<a@b> <c@d>", "", 1),
	S("<a@b><c@d>, e@f", "e@f", 1),
	S("<a@b> (x), c@d", "a@b c@d", 0),
	S("a@b <c@d>", "c@d", 0),
	S("evil@x <a@b>, c@d", "a@b c@d", 0),
	S("Anna <a@b@c>", "", 1),
	S("Anna <a b@c>", "", 1),
	S("Anna <a@b, c@d", "", 1),
	S("Anna <a@b, c@d>", "", 1),
	S("Anna <a@b, c@d>, e@f", "e@f", 1),
	S("Anna <a@b; c@d>; e@f", "e@f", 1),
	S("<a@b, <c@d>, e@f", "", 1),
	S("Anna @ home <a@b>", "a@b", 0),
	S("Anna, <a@b>", "a@b", 1),
	S("Anna & Bo <a@b>", "a@b", 0),
	S("Anna [work] <a@b>, c@d", "a@b c@d", 0),
	S("Anna \\\"x\\\" <a@b>, c@d", "", 1),
	/* quoted strings keep what is in them */
	S("\"evil@x, \" <a@b>", "a@b", 0),
	S("\"<evil@x>\" <a@b>", "a@b", 0),
	S("\"\\\"<evil@x>, \" <a@b>", "a@b", 0),
	S("\"x\\\\\" <a@b>", "a@b", 0),
	S("\"x\\\\\\\", evil@y, \" <a@b>", "a@b", 0),
	S("\"x, evil@y <a@b>", "", 1),
	S("c@d, \"x, evil@y <a@b>", "c@d", 1),
	S("\"x\\", "", 1),
	S("\"x\\\"", "", 1),
	S("foo\\\" , evil@x , \"bar\" <c@d>", "", 1),
	S("\"(\" <a@b> (\")", "a@b", 0),
	S("\"(\" <a@b> (\")\")", "", 1),
	S("\"x\r\n y\" <a@b>", "a@b", 0),
	S("\"x\r\ny\" <a@b>, c@d", "c@d", 1),
	S("\"x\\\r\n, evil@y\" <a@b>, c@d", "c@d", 1),
	S("\"x\ry\" <a@b>", "", 1),
	S("\"x\\\ry\" <a@b>", "", 1),
	S("\"x\0y\" <a@b>, c@d", "c@d", 1),
	S("\"x\\\0y\" <a@b>, c@d", "c@d", 1),
	S("\"\x1b[1m\" <a@b>, c@d", "c@d", 1),
	S("\"x\x7f\" <a@b>", "", 1),
	S("\"J\xf8rgen\" <a@b>, c@d", "a@b c@d", 0),
	S("\"\x83\x5c\" <a@b>, evil@x, \"", "", 1),
	/* quoted local parts */
	S("\"a\"@b", "a@b", 0),
	S("\"a b\"@c", "\"a b\"@c", 0),
	S("\"a@b\"@c", "\"a@b\"@c", 0),
	S("\"a\\\"b\"@c", "\"a\\\"b\"@c", 0),
	S("\"a\\\\b\"@c", "\"a\\\\b\"@c", 0),
	S("\"a\\b\"@c", "ab@c", 0),
	S("\"a..b\"@c", "\"a..b\"@c", 0),
	S("\".a\"@c", "\".a\"@c", 0),
	S("\"a,b\"@c", "\"a,b\"@c", 0),
	S("\"<a>\"@c", "\"<a>\"@c", 0),
	S("\"a\".b@c", "a.b@c", 0),
	S("a.\"b c\".d@e", "\"a.b c.d\"@e", 0),
	S("\"a\r\n b\"@c", "\"a b\"@c", 0),
	S("\"\"@b", "", 1),
	S("\"\".a@b", "", 1),
	S("\"a\"b@c", "", 1),
	S("a\"b\"@c", "", 1),
	S("\"a\"\"b\"@c", "", 1),
	S("\"a\tb\"@c", "", 1),
	S("\"a\0b\"@c", "", 1),
	S("Anna <\"a b\"@c>", "\"a b\"@c", 0),
	S("\"(a)\"@b", "\"(a)\"@b", 0),
	/* domain literals */
	S("a@[192.0.2.1]", "a@[192.0.2.1]", 0),
	S("a@[IPv6:2001:DB8::1]", "a@[ipv6:2001:db8::1]", 0),
	S("a@[ 192.0.2.1 ]", "a@[192.0.2.1]", 0),
	S("<a@[192.0.2.1]>", "a@[192.0.2.1]", 0),
	S("a@[\r\n 192.0.2.1\r\n\t]", "a@[192.0.2.1]", 0),
	S("a@[ \n 192.0.2.1 \n ], c@d", "a@[192.0.2.1] c@d", 0),
	S("a@[192.0.2.1\r\n], c@d", "c@d", 1),
	S("a@[\r192.0.2.1], c@d", "c@d", 1),
	S("a@[192.0\r\n .2.1], c@d", "c@d", 1),
	S("a@[]", "", 1),
	S("a@[192.0.2.1", "", 1),
	S("a@[192.0.2.1, evil@x", "", 1),
	S("a@[192.0.2.1]b", "", 1),
	S("a@[192.0.2.1].org", "", 1),
	S("a@b.[192.0.2.1]", "", 1),
	S("a@[192.0 .2.1]", "", 1),
	S("a@[x>,<evil@y]", "", 1),
	S("a@[x\\]y]", "", 1),
	S("a@[[1]]", "", 1),
	S("a@[x\0y], c@d", "c@d", 1),
	S("a@b], c@d", "c@d", 1),
	S("[a]@b", "", 1),
	/* groups */
	S("friends: a@b, c@d;", "a@b c@d", 0),
	S("friends: a@b, c@d;, e@f", "a@b c@d e@f", 0),
	S("friends:;", "", 0),
	S("undisclosed-recipients:;", "", 0),
	S("undisclosed-recipients: ;, a@b", "a@b", 0),
	S("my \"good\" friends: Anna <a@b>, \"Bo, B.\" <c@d>;", "a@b c@d", 0),
	S("x: , a@b,, ;", "a@b", 0),
	S("x: a@b", "a@b", 0),
	S("x: a@b; y: c@d;", "a@b c@d", 0),
	S("x: a@b;, y: c@d;", "a@b c@d", 0),
	S("x: y: a@b;, c@d", "c@d", 1),
	S("x: y: a@b, c@d;, e@f", "c@d e@f", 1),
	S("x: foo, a@b;", "a@b", 1),
	S("x: a@b c, d@e; f@g", "d@e f@g", 1),
	S("x: a@b@c; f@g", "f@g", 1),
	S(":a@b;, c@d", "c@d", 1),
	S("a@b: c@d;, e@f", "e@f", 1),
	S("<x>: c@d;, e@f", "e@f", 1),
	S("x\x01: a@b, c@d;", "c@d", 1),
	S("\"x:\": a@b;", "a@b", 0),
	S("(c) x (c): (c) a@b (c); (c)", "a@b", 0),
	S("x: (\"): evil@y;\") a@b;", "", 2),
	S("http://a@b", "//a@b", 0),
	S("mailto:a@b", "a@b", 0),
	/* source routes */
	S("<@a:b@c>", "b@c", 0),
	S("<@a,@b:c@d>", "c@d", 0),
	S("<@a , @b . x : c@d>", "c@d", 0),
	S("<,@a,,@b,:c@d>", "c@d", 0),
	S("Anna <@a:b@c>, d@e", "b@c d@e", 0),
	S("<@[192.0.2.1]:b@c>", "b@c", 0),
	S("@a:b@c", "", 1),
	S("<@a b@c>", "", 1),
	S("<@a@b:c@d>", "", 1),
	S("<@a:@b:c@d>", "", 1),
	S("<,:c@d>", "", 1),
	S("<:c@d>", "", 1),
	S("<@:c@d>", "", 1),
	S("<a:c@d>", "", 1),
	S("<@a:>", "", 1),
	S("<@a,@b>, c@d", "c@d", 1),
	S("<@a, evil@x, y@z>, c@d", "c@d", 1),
	/* control octets and octets out of place */
	S("a\0@b", "", 1),
	S("alice@local\0.evil", "", 1),
	S("alice@local\0.evil, c@d", "c@d", 1),
	S("\0, c@d", "c@d", 1),
	S("a@b\x01, c@d", "c@d", 1),
	S("a\x1b@b", "", 1),
	S("a\x7f@b", "", 1),
	S("a\r@b", "", 1),
	S("a@b\r", "", 1),
	S("a@b\r, c@d", "c@d", 1),
	S("a@b\nc@d", "", 1),
	S("a@b\r\nRCPT TO:<c@d>", "", 1),
	S("a@b\n\n", "", 1),
	S("\\a@b", "", 1),
	S("a@b\\, c@d", "c@d", 1),
	S("a\v@b", "", 1),
	/* UTF-8 */
	S("j\xc3\xb8rgen@example.org", "j\xc3\xb8rgen@example.org", 0),
	S("a@b\xc3\xbc" "cher.example", "a@xn--bcher-kva.example", 0),
	S("\xe7\x94\xa8\xe6\x88\xb7@\xe4\xbe\x8b.\xe5\xad\x90", "\xe7\x94\xa8\xe6\x88\xb7@xn--fsq.xn--i8s", 0),
	S("\xf0\x9f\x93\xae@x", "\xf0\x9f\x93\xae@x", 0),
	S("\"\xc3\xb8 x\"@y", "\"\xc3\xb8 x\"@y", 0),
	S("a@\xc3\x9c", "a@xn--tda", 0),
	S("a\xff@b", "", 1),
	S("a\xc3@b, c@d", "c@d", 1),
	S("a@b\xc3", "", 1),
	S("a@b\xe2\x82", "", 1),
	S("a@b\xf0\x9f\x93", "", 1),
	S("\x80@b", "", 1),
	S("\xc0\xaf@b", "", 1),
	S("\xc1\x80@b", "", 1),
	S("a\xc0\x80@b", "", 1),
	S("\xe0\x80\xaf@b", "", 1),
	S("\xe0\x9f\xbf@b", "", 1),
	S("\xed\xa0\x80@b", "", 1),
	S("\xf0\x8f\xbf\xbf@b", "", 1),
	S("\xf4\x90\x80\x80@b", "", 1),
	S("\xf5\x80\x80\x80@b", "", 1),
	S("\xc2\x85@b", "", 1),
	S("\xc2\x9b@b, c@d", "c@d", 1),
	S("\xc2\xa0@b", "\xc2\xa0@b", 0),
	S("\xf4\x8f\xbf\xbf@b", "\xf4\x8f\xbf\xbf@b", 0),
	/* encoded words are nothing but atoms */
	S("=?utf-8?q?evil=40x?= <a@b>", "a@b", 0),
	S("=?utf-8?b?ZXZpbEB4LA==?= <a@b>", "a@b", 0),
	S("=?x?q?evil=40y=3e=00?=foo@b", "=?x?q?evil=40y=3e=00?=foo@b", 0),
	S("=?utf-8?q?evil@x?= <a@b>", "a@b", 0),
	S("=?utf-8?q?=3Cevil=40x=3E?=, a@b", "a@b", 1)
};

static const struct sample bare[] = {
	S("abcdef", "abcdef", 0),
	S(" abcdef\r\n", "abcdef", 0),
	S("abcdef, x@y", "abcdef x@y", 0),
	S("<abcdef>", "abcdef", 0),
	S("Anna <abcdef>", "abcdef", 0),
	S("abcdef (Anna)", "abcdef", 0),
	S("a.b", "a.b", 0),
	S("\"a b\"", "\"a b\"", 0),
	S("a b", "", 1),
	S("a@", "", 1),
	S(".a", "\".a\"", 0),
	S("\"\"", "", 1),
	S("a\0b", "", 1),
	S("<a", "", 1),
	S("<@x:abcdef>", "abcdef", 0),
	S("x: abcdef;", "abcdef", 0),
	S("", "", 0),
	S("<>", "", 1),
	S("a; b", "a b", 0)
};

struct collect {
	char	 text[4096], dropped[4096];
	int	 n, stop;
};

static int
collect_one(void *arg, const struct mailaddr *a, const uint8_t *text, size_t len)
{
	struct collect	*c = arg;
	char		 buf[2 * MAILADDR_LOCAL_MAX + MAILADDR_DOMAIN_MAX + 8];
	int		 n;

	if (a == NULL) {
		if (strlen(c->dropped) + len + 1 < sizeof(c->dropped))
			strncat(c->dropped, (const char *)text, len);
		strlcat(c->dropped, "|", sizeof(c->dropped));
		return (0);
	}

	n = mailaddr_format(a, buf, sizeof(buf));
	assert_int_equal(n, strlen(buf));
	if (c->n++ > 0)
		strlcat(c->text, " ", sizeof(c->text));
	strlcat(c->text, buf, sizeof(c->text));
	return (c->n == c->stop);
}

/* The sample stands at the end of an allocation of its size, so that a sanitizer sees a step too far. */
static void
check(const struct sample *s, size_t n, int flags)
{
	struct collect	 c;
	uint8_t		*p;
	size_t		 i;
	int		 found, bad;

	for (i = 0; i < n; i++) {
		memset(&c, 0, sizeof(c));
		p = malloc(s[i].len + (s[i].len == 0));
		assert_non_null(p);
		memcpy(p, s[i].text, s[i].len);
		found = mailaddr_list(p, s[i].len, flags, collect_one, &c, &bad);
		if (strcmp(c.text, s[i].want) != 0 || bad != s[i].bad || found != c.n)
			fail_msg("sample %zu `%s': `%s' and %d bad, expected `%s' and %d", i, s[i].text, c.text, bad, s[i].want,
			    s[i].bad);
		free(p);
	}
}

static void
lists(void **state)
{
	(void)state;
	check(plain, nitems(plain), 0);
	check(bare, nitems(bare), MAILADDR_BARE);
}

static void
stops_when_told(void **state)
{
	struct collect	 c = { .stop = 2 };

	(void)state;
	assert_int_equal(mailaddr_list((const uint8_t *)"a@b,c@d,e@f", 11, 0, collect_one, &c, NULL), 2);
	assert_string_equal(c.text, "a@b c@d");
}

/* Behind the addresses, what was dropped, as it was written. */
static void
tells_what_it_drops(void **state)
{
	static const struct {
		const char	*text, *dropped;
	}	 samples[] = {
		{ "a@b, foo bar , c@d", " foo bar |" },
		{ "foo", "foo|" },
		{ " foo ; ,, x@y@z,a@b", " foo | x@y@z|" },
		{ "g: foo, a@b; c d;", " foo| c d|" },
		{ "g: h: a@b, c@d", " h: a@b|" },
		{ "(x) foo (y)", "(x) foo (y)|" },
		{ "a@b, (unclosed, c@d", " (unclosed, c@d|" },
		{ "\"x, a@b", "\"x, a@b|" },
		{ "(\001) , a@b", "(\001) |" },
		{ "<a@b, c@d>, e@f", "<a@b, c@d>|" },
		{ "a@b, x\377@y , c@d", " x\377@y |" },
		{ "a@b", "" }
	};
	struct collect	 c;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(samples); i++) {
		memset(&c, 0, sizeof(c));
		mailaddr_list((const uint8_t *)samples[i].text, strlen(samples[i].text), 0, collect_one, &c, NULL);
		assert_string_equal(c.dropped, samples[i].dropped);
	}
}

/* A domain in U-labels that becomes too long, and labels that do. */
static void
long_labels(void **state)
{
	struct collect	 c;
	char		 text[1024];
	int		 i, n, bad;

	(void)state;
	for (n = 1; n <= 40; n++) {
		strlcpy(text, "a@", sizeof(text));
		for (i = 0; i < n; i++)
			strlcat(text, i == 0 ? "\xc3\xbc" : ".\xc3\xbc", sizeof(text));
		memset(&c, 0, sizeof(c));
		mailaddr_list((uint8_t *)text, strlen(text), 0, collect_one, &c, &bad);
		assert_int_equal(bad, n > 31);		/* "xn--tda" and a dot, 253 octets at most */
		assert_int_equal(c.n, n <= 31);
	}
	for (n = 50; n <= 70; n++) {
		strlcpy(text, "a@", sizeof(text));
		for (i = 0; i < n; i++)
			strlcat(text, "x", sizeof(text));
		strlcat(text, "\xc3\xbc", sizeof(text));
		memset(&c, 0, sizeof(c));
		mailaddr_list((uint8_t *)text, strlen(text), 0, collect_one, &c, &bad);
		assert_true(c.n == 0 || strlen(c.text) <= 2 + 63);
		assert_int_equal(c.n + bad, 1);
	}
}

static void
lengths(void **state)
{
	struct collect	 c;
	char		 text[1024];
	int		 bad, local, domain, fits;

	(void)state;
	for (local = MAILADDR_LOCAL_MAX - 1; local <= MAILADDR_LOCAL_MAX + 1; local++)
		for (domain = MAILADDR_DOMAIN_MAX - 1; domain <= MAILADDR_DOMAIN_MAX + 1; domain++) {
			memset(&c, 0, sizeof(c));
			memset(text, 'x', sizeof(text));
			text[local] = '@';
			fits = local <= MAILADDR_LOCAL_MAX && domain <= MAILADDR_DOMAIN_MAX;
			mailaddr_list((uint8_t *)text, local + 1 + domain, 0, collect_one, &c, &bad);
			assert_int_equal(c.n, fits);
			assert_int_equal(bad, !fits);
		}
	/* a display name may be as long as it likes */
	memset(&c, 0, sizeof(c));
	memset(text, 'x', sizeof(text));
	memcpy(text + sizeof(text) - 6, " <a@b>", 6);
	mailaddr_list((uint8_t *)text, sizeof(text), 0, collect_one, &c, &bad);
	assert_string_equal(c.text, "a@b");
}

static void
nesting(void **state)
{
	struct collect	 c;
	char		 text[1024];
	int		 depth, bad;

	(void)state;
	for (depth = 99; depth <= 102; depth++) {
		memset(&c, 0, sizeof(c));
		memset(text, '(', depth);
		memset(text + depth, ')', depth);
		memcpy(text + 2 * depth, "a@b,c@d", 7);
		mailaddr_list((uint8_t *)text, 2 * depth + 7, 0, collect_one, &c, &bad);
		assert_string_equal(c.text, depth <= 100 ? "a@b c@d" : "c@d");
		assert_int_equal(bad, depth > 100);
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(lists), cmocka_unit_test(stops_when_told), cmocka_unit_test(lengths), cmocka_unit_test(nesting),
		cmocka_unit_test(tells_what_it_drops), cmocka_unit_test(long_labels)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
