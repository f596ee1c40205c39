/* SPDX-License-Identifier: ISC */
/* links: auth/verify.c */
/* libs: -lgsasl -lcrypt */
/* Passwords against verifiers of each form, good and broken; and verifiers that stand in for none. */
#include <crypt.h>
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
#include "common/sasl/base64.h"
#include "common/verifier.h"

#define NO	AUTH_VERDICT_NO
#define YES	AUTH_VERDICT_YES
#define BROKEN	AUTH_VERDICT_BROKEN

#define SALT	"W22ZaJ0SNY7soEsUEjb6gQ=="
/* RFC 7677 section 3: user, pencil. */
#define SCRAM	"{SCRAM-SHA-256}4096," SALT ",WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="

static int
is(const char *verifier, const char *password)
{
	return (verify(verifier, strlen(verifier), password, strlen(password)));
}

/* The verifier of this password by a method of crypt(3), malloc(3). */
static char *
hashed(const char *prefix, unsigned long count, const char *password)
{
	char	*salt = crypt_gensalt_ra(prefix, count, NULL, 0), *hash;
	void	*data = NULL;
	int	 size = 0;

	assert_non_null(salt);
	hash = strdup(crypt_ra(password, salt, &data, &size));
	assert_non_null(hash);
	free(data);
	free(salt);
	return (hash);
}

static void
test_crypt(void **state __unused)
{
	static const struct {
		const char	*prefix;
		unsigned long	 count;
	} methods[] = { { "$y$", 1 }, { "$y$", 0 }, { "$gy$", 1 }, { "$7$", 6 }, { "$2b$", 4 }, { "$2y$", 4 }, { "$2a$", 4 }, { "$6$", 1000 },
	    { "$6$", 0 }, { "$5$", 1000 } };
	char	*v;
	size_t	 i, n;

	for (i = 0; i < nitems(methods); i++) {
		v = hashed(methods[i].prefix, methods[i].count, "s3cret \303\244");
		assert_null(verifier_wrong(v, strlen(v)));
		assert_int_equal(is(v, "s3cret \303\244"), YES);
		assert_int_equal(is(v, "s3cret \303\245"), NO);
		assert_int_equal(is(v, "s3cret"), NO);
		assert_int_equal(verify(v, strlen(v), "s3cret \303\244\0", 10), NO);
		assert_int_equal(verify(v, strlen(v), "", 0), NO);
		for (n = 1; n < strlen(v); n++)		/* cut anywhere, it is no verifier, and nothing fits it */
			assert_int_not_equal(verify(v, n, "s3cret \303\244", 9), YES);
		free(v);
	}
}

/* A password is as long as 1024 octets; what crypt(3) cannot hash is wrong, and its first octets alone count for nothing. */
static void
test_long(void **state __unused)
{
	char	 pw[PROTO_SECRET_MAX + 2], *v, plain[VERIFIER_MAX + 1];

	memset(pw, 'p', sizeof(pw));
	pw[511] = '\0';
	v = hashed("$y$", 1, pw);
	assert_int_equal(verify(v, strlen(v), pw, 511), YES);
	pw[511] = 'p';
	assert_int_equal(verify(v, strlen(v), pw, 512), NO);
	assert_int_equal(verify(v, strlen(v), pw, PROTO_SECRET_MAX), NO);
	assert_int_equal(verify(v, strlen(v), pw, PROTO_SECRET_MAX + 1), NO);
	free(v);
	memcpy(plain, "{PLAIN}", 7);
	memset(plain + 7, 'p', PROTO_SECRET_MAX);
	assert_int_equal(verify(plain, VERIFIER_MAX, pw, PROTO_SECRET_MAX), YES);
	assert_int_equal(verify(plain, VERIFIER_MAX, pw, PROTO_SECRET_MAX - 1), NO);
	assert_int_equal(verify(plain, VERIFIER_MAX - 1, pw, PROTO_SECRET_MAX), NO);
}

/* Every octet counts, the first as the last. */
static void
test_plain(void **state __unused)
{
	char	 verifier[] = "{PLAIN}0123456789abcdef", pw[17] = "0123456789abcdef";
	size_t	 i;

	assert_int_equal(is(verifier, pw), YES);
	for (i = 0; i < 16; i++) {
		pw[i] ^= 1;
		assert_int_equal(is(verifier, pw), NO);
		pw[i] ^= 1;
		assert_int_equal(verify(verifier, 23, pw, i), NO);
	}
	assert_int_equal(is("{PLAIN} a ", " a "), YES);
	assert_int_equal(is("{PLAIN}{PLAIN}", "{PLAIN}"), YES);
	assert_int_equal(verify("{PLAIN}\377\001", 9, "\377\001", 2), YES);
	assert_int_equal(verify("{PLAIN}a", 8, "a\0", 2), NO);
	assert_int_equal(is("{plain}a", "a"), BROKEN);
}

static void
test_scram(void **state __unused)
{
	char	 v[] = SCRAM;

	assert_null(verifier_wrong(v, strlen(v)));
	assert_int_equal(is(v, "pencil"), YES);
	assert_int_equal(is(v, "pencils"), NO);
	assert_int_equal(is(v, "Pencil"), NO);
	assert_int_equal(is(v, "pen\302\255cil"), YES);	/* SASLprep drops the soft hyphen */
	assert_int_equal(is(v, "pen\377cil"), NO);
	v[strlen(v) - 3] ^= 1;				/* the server's key is part of it */
	assert_int_equal(is(v, "pencil"), NO);
}

/* Verifiers that are none: what is wrong is said, and nothing fits them. */
static void
test_broken(void **state __unused)
{
	static const struct {
		const char	*verifier, *words;
	} bad[] = {
		{ "", "1 to 1031 octets" },
		{ "s3cret", "must be a string of crypt(3), {PLAIN} and the password, or {SCRAM-SHA-256} and its verifier" },
		{ "{PLAIN}", "behind {PLAIN}" },
		{ "{SHA}abc", "must be a string of crypt(3)" },
		{ "{PLAIN}a\rb", "without NUL, CR and LF" },
		{ "{PLAIN}a\nb", "without NUL, CR and LF" },
		{ "$1$exJ1YF0i$RBRX7j5p3dlX4LWwGEqZ90", "MD5 and DES among them, are too weak" },
		{ "$md5,rounds=56153$RrzgLwKJ$$R4PhI/HhHLImG8l49Zl8N0", "too weak" },
		{ "$3$$8846f7eaee8fb117ad06bdd830b7586c", "too weak" },
		{ "$sha1$217584$C./XPv0PZlH9XpNrODe3$U2wON9RT/DKsyD6Cmqz6rU0Gfdew", "too weak" },
		{ "$2x$05$OJkIs3x.z9JqpRdDPP/bHuKhvUV3ClLndFBonuCpJ8AydTaTwCi1O", "too weak" },
		{ "$", "too weak" },
		{ "$y$", "too weak" },
		{ "$y$j9T$leQp0ux0iOBWs9bWQX0z/0", "was cut" },
		{ "$6$$XhGBRo2RnZOKZdSYzRA6/KRv59eyc4s678bAjnNpXxlZ9kyQXW6RG40UjbTJ53BfZSOnuIDAEJRd6XJT.goH40", "no salt" },
		{ "$5$NEoEDNA9DgqqleIe$FKgLhz/gClFG634gHUwn59gKcFrr9.CMp0HjuGUg4c\\", "as it is in crypt(5)" },
		{ "$5$NEoEDNA9DgqqleIe$FKgLhz/gClFG634gHUwn59gKcFrr9.CMp0HjuGUg4c:", "as it is in crypt(5)" },
		{ "{SCRAM-SHA-256}", "4096 to 1000000 iterations" },
		{ "{SCRAM-SHA-256}4095," SALT ",WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
		    "4096 to 1000000 iterations" },
		{ "{SCRAM-SHA-256}1000001," SALT ",WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
		    "iterations" },
		{ "{SCRAM-SHA-256}+4096," SALT ",WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
		    "iterations" },
		{ "{SCRAM-SHA-256}4096," SALT ",WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=,",
		    "iterations" },
		{ "{SCRAM-SHA-256}4096,,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=", "salt" },
		{ "{SCRAM-SHA-256}4096," SALT ",WG5d,wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=", "StoredKey" },
	};
	char	 big[VERIFIER_MAX + 2];
	size_t	 i;

	for (i = 0; i < nitems(bad); i++) {
		assert_non_null(verifier_wrong(bad[i].verifier, strlen(bad[i].verifier)));
		if (strstr(verifier_wrong(bad[i].verifier, strlen(bad[i].verifier)), bad[i].words) == NULL)
			fail_msg("%s: %s", bad[i].verifier, verifier_wrong(bad[i].verifier, strlen(bad[i].verifier)));
		if (strncmp(bad[i].verifier, "{PLAIN}", 7) != 0)
			assert_int_equal(is(bad[i].verifier, "pencil"), BROKEN);
	}
	memset(big, 'b', sizeof(big));
	memcpy(big, "{PLAIN}", 7);
	assert_null(verifier_wrong(big, VERIFIER_MAX));
	assert_non_null(verifier_wrong(big, VERIFIER_MAX + 1));
	assert_int_equal(verify(big, VERIFIER_MAX + 1, "b", 1), BROKEN);
	assert_non_null(verifier_wrong("{PLAIN}a\0b", 10));
	/* Good in form, but no settings that crypt(3) works with. */
	assert_int_equal(is("$2b$99$fKuxftE94Fl1S4Xv.LdiUO2XAhJFX/9YfsTsgiTJOeIZnS77b3UMe", "pencil"), BROKEN);
	assert_int_equal(is("$y$zzz$leQp0ux0iOBWs9bWQX0z/0$dMjvlpY0e/sW1bdDoZ4xcEUQe0ASrMTI3njR8yXlqo5", "pencil"), BROKEN);
}

/* What stands in for an account without a password is of the same form, method, settings and length, and nothing fits it. */
static void
test_spoil(void **state __unused)
{
	static const char	*const prefixes[] = { "$y$", "$gy$", "$7$", "$2b$", "$6$", "$5$" };
	static const unsigned long counts[] = { 1, 1, 6, 4, 1000, 1000 };
	static const uint8_t	 seed[VERIFIER_KEY_LEN] = { 1 }, other[VERIFIER_KEY_LEN] = { 2 };
	char			 plain[] = "{PLAIN}pencil", scram[] = SCRAM, again[] = SCRAM, *v, *was;
	size_t			 i;

	for (i = 0; i < nitems(prefixes); i++) {
		v = hashed(prefixes[i], counts[i], "pencil");
		was = strdup(v);
		verifier_spoil(v, strlen(v), seed);
		assert_string_not_equal(v, was);
		assert_int_equal(strlen(v), strlen(was));
		assert_memory_equal(v, was, strlen(v) - (i == 4 ? 86 : i == 3 ? 31 : 43));
		assert_null(verifier_wrong(v, strlen(v)));
		assert_int_equal(is(v, "pencil"), NO);
		free(v);
		free(was);
	}
	verifier_spoil(plain, 13, seed);
	assert_int_equal(verify(plain, 13, "pencil", 6), NO);
	assert_int_equal(verify(plain, 13, "\0\0\0\0\0\0", 6), NO);
	verifier_spoil(scram, strlen(scram), seed);
	assert_null(verifier_wrong(scram, strlen(scram)));
	assert_memory_equal(scram, SCRAM, strlen("{SCRAM-SHA-256}4096,"));
	assert_memory_not_equal(scram, SCRAM, strlen("{SCRAM-SHA-256}4096," SALT ","));
	verifier_spoil(again, strlen(again), seed);
	assert_string_equal(again, scram);
	verifier_spoil(again, strlen(again), other);
	assert_string_not_equal(again, scram);
	assert_null(verifier_wrong(again, strlen(again)));
	assert_int_equal(is(scram, "pencil"), NO);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_crypt),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_scram),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_spoil)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
