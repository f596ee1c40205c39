/* SPDX-License-Identifier: ISC */
/* links: rpopctl */
/* The table of providers: every row can become a record, and no domain is in two of them. */
#include <sys/types.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <setjmp.h>

#include <cmocka.h>

#include "rpopctl/rpopctl.h"

#define HOST_OCTETS	"abcdefghijklmnopqrstuvwxyz0123456789.-"

/* Printable ASCII of at least one character, which is no sentence's end. */
static void
check_text(const char *text)
{
	const char	*p;

	assert_true(*text != '\0');
	for (p = text; *p != '\0'; p++)
		assert_true(*p >= ' ' && *p <= '~');
	assert_true(p[-1] != '.' && p[-1] != ' ');
}

static void
test_rows(void **state __unused)
{
	const struct provider	*p;
	const char		*d;
	char			 domain[256];
	size_t			 i, n;

	for (i = 0; (p = provider_nth(i)) != NULL; i++) {
		check_text(p->name);
		check_text(p->note);
		if (p->host != NULL) {
			assert_int_equal(strspn(p->host, HOST_OCTETS), strlen(p->host));
			assert_non_null(strchr(p->host, '.'));
		}
		for (d = p->domains; *d != '\0'; d += n + (d[n] == ' ')) {
			n = strcspn(d, " ");
			snprintf(domain, sizeof(domain), "%.*s", (int)n, d);
			assert_int_equal(strspn(domain, HOST_OCTETS), n);
			assert_non_null(strchr(domain, '.'));
			assert_ptr_equal(provider_find(domain), p);
		}
	}
	assert_true(i > 10);
}

static void
test_find(void **state __unused)
{
	assert_string_equal(provider_find("GMX.de")->host, "pop.gmx.net");
	assert_string_equal(provider_find("gmx.com")->host, "pop.gmx.com");
	assert_null(provider_find("icloud.com")->host);
	assert_null(provider_find(""));
	assert_null(provider_find("gmail"));
	assert_null(provider_find("gmail.com googlemail.com"));
	assert_null(provider_find("gmail.com.example"));
	assert_null(provider_find("mail.com"));
}

static void
test_fill(void **state __unused)
{
	const struct provider	*p;
	char			 login[16];

	assert_int_equal(provider_fill(NULL, "anna@free.fr", &p, login, sizeof(login)), 1);
	assert_string_equal(login, "anna");
	assert_int_equal(provider_fill("free.fr", "a@b@free.fr", &p, login, sizeof(login)), 1);
	assert_string_equal(login, "a@b");
	assert_int_equal(provider_fill("free.fr", "anna@shop.fr", &p, login, sizeof(login)), 1);
	assert_string_equal(login, "anna@shop.fr");
	assert_int_equal(provider_fill("free.fr", NULL, &p, login, sizeof(login)), 1);
	assert_string_equal(login, "");
	assert_int_equal(provider_fill("pop.free.fr", "anna@free.fr", &p, login, sizeof(login)), 0);
	assert_int_equal(provider_fill("free.fr:995", "anna@free.fr", &p, login, sizeof(login)), 0);
	assert_int_equal(provider_fill("", "anna@free.fr", &p, login, sizeof(login)), 0);
	assert_int_equal(provider_fill(NULL, "anna", &p, login, sizeof(login)), -1);
	assert_int_equal(provider_fill(NULL, "anna@", &p, login, sizeof(login)), -1);
	assert_int_equal(provider_fill(NULL, NULL, &p, login, sizeof(login)), -1);
	assert_int_equal(provider_fill(NULL, "anna@mac.com", &p, login, sizeof(login)), -1);
	assert_int_equal(provider_fill(NULL, "annannann@aol.com", &p, login, sizeof(login)), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_fill),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
