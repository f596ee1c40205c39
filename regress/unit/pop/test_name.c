/* SPDX-License-Identifier: ISC */
/* links: rpopd/pop */
/* libs: -levent_core */
/* Which account a login name means, and whose mail in it. */
#include "popworld.h"

#define HERE	"192.0.2.1"

static const char *const	 dirs[] = { "a.org/anna", "a.org/bert", "a.org/unified", "b.org/carl", "a.org/dora+eva", NULL };
static const char *const	 rows[][2] = {
	{ "sales@a.org", "bert@a.org" },
	{ "both@a.org", "anna@a.org" }, { "both@a.org", "bert@a.org" },
	{ "info@a.org", "unified@a.org" }, { "help@a.org", "unified@a.org" },
	{ "group@a.org", "info@a.org" }, { "group@a.org", "help@a.org" },
	{ "twice@a.org", "sales@a.org" }, { "twice@a.org", "bert@a.org" },
	{ "mixed@a.org", "anna@a.org" }, { "mixed@a.org", "info@a.org" },
	{ "*@b.org", "unified@a.org" }, { "near@b.org", "carl@b.org" },
	{ NULL, NULL }
};
static const char *const	 plain[][2] = { { "*@b.org", "carl@b.org" }, { NULL, NULL } };

static const char		*home;

const char *
config_home(const struct config *c, const char *address)
{
	assert_ptr_equal(c, config_running);
	assert_string_equal(address, HERE);
	return (home);
}

static int
setup(void **state)
{
	world_begin(state);
	home = "a.org";
	world_routes(dirs, rows, '+');
	return (0);
}

/* The name means the account with this directory, and this individual; NULL: it means none. */
static void
means(const char *name, const char *dir, const char *whose)
{
	const struct route_account	*a;
	char				 individual[PROTO_ADDR_SIZE] = "left over";

	a = name_account(name, HERE, individual);
	if ((a == NULL) != (dir == NULL) || (a != NULL && strcmp(a->dir, dir) != 0))
		fail_msg("%s means %s", name, a == NULL ? "nobody" : a->dir);
	if (dir != NULL)
		assert_string_equal(individual, whose);
}

static void
test_account(void **state)
{
	(void)state;
	means("anna@a.org", "a.org/anna", "");
	means("anna", "a.org/anna", "");
	means("carl", NULL, "");
	means("carl@b.org", "b.org/carl", "");
	means("sales", "a.org/bert", "");
	means("sales@a.org", "a.org/bert", "");
	means("twice", "a.org/bert", "");		/* on two ways, one account */
	means("near@b.org", "b.org/carl", "");		/* ahead of *@b.org */
	means("nobody@a.org", NULL, "");
	means("anna@c.org", NULL, "");
	home = "b.org";
	means("carl", "b.org/carl", "");
	means("anna", "a.org/unified", "anna@b.org");
	home = "";
	means("carl", NULL, "");
}

/* What leads to several accounts, or to several addresses of one, is nobody's login. */
static void
test_several(void **state)
{
	(void)state;
	means("both", NULL, "");
	means("both@a.org", NULL, "");
	means("group@a.org", NULL, "");
	means("mixed@a.org", NULL, "");
}

static void
test_unified(void **state)
{
	(void)state;
	means("unified", "a.org/unified", "");
	means("info", "a.org/unified", "info@a.org");
	means("help@a.org", "a.org/unified", "help@a.org");
	means("whoever@b.org", "a.org/unified", "whoever@b.org");
	/* A whole domain is no login of an account that is none of this kind. */
	world_routes(dirs, plain, '+');
	means("whoever@b.org", NULL, "");
	means("carl@b.org", "b.org/carl", "");
}

static void
test_detail(void **state)
{
	(void)state;
	means("anna+lists@a.org", "a.org/anna", "");
	means("anna+lists", "a.org/anna", "");
	means("sales+x+y@a.org", "a.org/bert", "");
	means("dora+eva", "a.org/dora+eva", "");
	means("dora", NULL, "");
	world_routes(dirs, rows, 0);
	means("anna+lists@a.org", NULL, "");
}

static void
test_no_name(void **state)
{
	char	 address[PROTO_ADDR_SIZE], tiny[8], longest[PROTO_ADDR_SIZE];

	(void)state;
	means("", NULL, "");
	means("@", NULL, "");
	means("@a.org", NULL, "");
	means("*@b.org", NULL, "");
	means("*", NULL, "");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	means(longest, NULL, "");
	assert_int_equal(name_address("", HERE, address, sizeof(address)), -1);
	assert_int_equal(name_address("*@a.org", HERE, address, sizeof(address)), -1);
	assert_int_equal(name_address("an", HERE, tiny, sizeof(tiny)), -1);	/* an@a.org and its NUL are nine */
	assert_int_equal(name_address("a", HERE, tiny, sizeof(tiny)), 0);
	assert_string_equal(tiny, "a@a.org");
	assert_int_equal(name_address("a@b", HERE, tiny, sizeof(tiny)), 0);
	assert_string_equal(tiny, "a@b");
}

static void
test_without_detail(void **state)
{
	static const struct { const char *from, *to; } cases[] = {
		{ "anna+lists@a.org", "anna@a.org" }, { "anna+x+y@a.org", "anna@a.org" }, { "anna@a.org", "anna@a.org" },
		{ "+x@a.org", "+x@a.org" }, { "anna+x", "anna+x" }, { "@a.org", "@a.org" }, { "a@b+c@d+e", "a@b@d+e" }, { "", "" }
	};
	char	 address[PROTO_ADDR_SIZE];
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		strlcpy(address, cases[i].from, sizeof(address));
		name_without_detail(address);
		assert_string_equal(address, cases[i].to);
	}
	world_routes(dirs, rows, 0);
	strlcpy(address, "anna+lists@a.org", sizeof(address));
	name_without_detail(address);
	assert_string_equal(address, "anna+lists@a.org");
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup(test_account, setup),
		cmocka_unit_test_setup(test_several, setup),
		cmocka_unit_test_setup(test_unified, setup),
		cmocka_unit_test_setup(test_detail, setup),
		cmocka_unit_test_setup(test_no_name, setup),
		cmocka_unit_test_setup(test_without_detail, setup),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
