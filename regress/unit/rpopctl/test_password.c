/* SPDX-License-Identifier: ISC */
/* links: rpopctl auth/verify.c */
/* What rpopctl makes of a password is what an auth process verifies. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <setjmp.h>

#include <cmocka.h>

#include "auth/auth.h"
#include "common/compat.h"
#include "common/sasl/password.h"
#include "common/verifier.h"
#include "rpopctl/rpopctl.h"

static void
test_forms(void **state __unused)
{
	static const struct {
		enum verifier_kind	 kind;
		const char		*begins;
	} forms[] = { { VERIFIER_CRYPT, "$y$" }, { VERIFIER_SCRAM, "{SCRAM-SHA-256}10000," }, { VERIFIER_PLAIN, "{PLAIN}s3cret \303\244" } };
	char	 one[VERIFIER_MAX + 1], other[VERIFIER_MAX + 1];
	size_t	 i;

	for (i = 0; i < nitems(forms); i++) {
		assert_null(password_verifier(forms[i].kind, "s3cret \303\244", one, sizeof(one)));
		assert_null(password_verifier(forms[i].kind, "s3cret \303\244", other, sizeof(other)));
		assert_int_equal(strncmp(one, forms[i].begins, strlen(forms[i].begins)), 0);
		assert_int_equal(strcmp(one, other) == 0, forms[i].kind == VERIFIER_PLAIN);	/* a salt of its own */
		assert_null(verifier_wrong(one, strlen(one)));
		assert_int_equal(verify(one, strlen(one), "s3cret \303\244", 9), AUTH_VERDICT_YES);
		assert_int_equal(verify(other, strlen(other), "s3cret \303\244", 9), AUTH_VERDICT_YES);
		assert_int_equal(verify(one, strlen(one), "s3cret", 6), AUTH_VERDICT_NO);
	}
}

/* What a form cannot hold is refused, never cut. */
static void
test_refused(void **state __unused)
{
	char	 out[VERIFIER_MAX + 1], longest[SECRET_MAX + 1];

	memset(longest, 'p', SECRET_MAX);
	longest[SECRET_MAX] = '\0';
	assert_non_null(strstr(password_verifier(VERIFIER_CRYPT, longest, out, sizeof(out)), "511 octets at most; --scram takes 1024"));
	assert_null(password_verifier(VERIFIER_SCRAM, longest, out, sizeof(out)));
	assert_int_equal(verify(out, strlen(out), longest, SECRET_MAX), AUTH_VERDICT_YES);
	assert_int_equal(verify(out, strlen(out), longest, SECRET_MAX - 1), AUTH_VERDICT_NO);
	assert_null(password_verifier(VERIFIER_PLAIN, longest, out, sizeof(out)));
	assert_int_equal(strlen(out), VERIFIER_MAX);
	assert_int_equal(verify(out, strlen(out), longest, SECRET_MAX), AUTH_VERDICT_YES);
	longest[511] = '\0';
	assert_null(password_verifier(VERIFIER_CRYPT, longest, out, sizeof(out)));
	assert_int_equal(verify(out, strlen(out), longest, 511), AUTH_VERDICT_YES);
	assert_non_null(strstr(password_verifier(VERIFIER_SCRAM, "\377", out, sizeof(out)), "SASLprep"));
	assert_non_null(strstr(password_verifier(VERIFIER_SCRAM, "a\001b", out, sizeof(out)), "SASLprep"));
}

/* However a password is composed when it is set, and when it is typed later, it is the same; what no login takes is not set. */
static void
test_prepared(void **state __unused)
{
	static const struct { const char *set, *typed; } same[] = {
		{ "a\314\210rger", "\303\244rger" },			/* decomposed, composed */
		{ "\303\244rger", "a\314\210rger" },
		{ "pen\302\255cil", "pencil" },				/* a soft hyphen */
		{ "one\302\240two", "one two" },			/* a no-break space */
		{ "\342\205\250", "IX" },				/* U+2168 */
		{ "plain", "plain" },
		{ "\303\251t\303\251", "\303\251t\303\251" }
	};
	static const char *const	 refused[] = { "\377", "\303", "a\302\200b", "\330\247x", "\302\255", "\355\240\200" };
	static const enum verifier_kind	 kinds[] = { VERIFIER_CRYPT, VERIFIER_PLAIN, VERIFIER_SCRAM };
	char				 out[VERIFIER_MAX + 1], *control = "a\001b";
	size_t				 i, k;

	for (k = 0; k < nitems(kinds); k++) {
		for (i = 0; i < nitems(same); i++) {
			assert_null(password_verifier(kinds[k], same[i].set, out, sizeof(out)));
			assert_int_equal(verify_typed(out, strlen(out), same[i].typed, strlen(same[i].typed)), AUTH_VERDICT_YES);
			assert_int_equal(verify_typed(out, strlen(out), same[i].set, strlen(same[i].set)), AUTH_VERDICT_YES);
			assert_int_equal(verify_typed(out, strlen(out), "other", 5), AUTH_VERDICT_NO);
		}
		for (i = 0; i < nitems(refused); i++)
			assert_non_null(strstr(password_verifier(kinds[k], refused[i], out, sizeof(out)), "SASLprep"));
	}
	/* ASCII is what it is. */
	assert_null(password_verifier(VERIFIER_CRYPT, control, out, sizeof(out)));
	assert_int_equal(verify_typed(out, strlen(out), control, 3), AUTH_VERDICT_YES);
	/* What is in a store from before, and what a login refuses. */
	assert_int_equal(verify_typed("{PLAIN}a\314\210", 10, "a\314\210", 3), AUTH_VERDICT_YES);
	assert_int_equal(verify_typed("{PLAIN}\377", 8, "\377", 1), AUTH_VERDICT_NO);
	assert_int_equal(verify_typed("{PLAIN}", 7, "", 0), AUTH_VERDICT_NO);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_prepared)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
