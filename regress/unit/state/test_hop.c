/* SPDX-License-Identifier: ISC */
/* links: rpopd/db rpopd/state */
/* libs: -lsqlite3 */
/* state.db: which row of rpopd.db is the next hop that mail waits for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "common/log.h"
#include "rpopd/config/config.h"
#include "rpopd/state/state.h"

static char	 dir[] = "/tmp/rphop.XXXXXX", path[64], err[1024];

static void
quiet(enum log_level level, const char *text)
{
	(void)level;
	(void)text;
}

static int
setup(void **state)
{
	(void)state;
	umask(077);
	log_setsink(quiet);
	strlcpy(dir, "/tmp/rphop.XXXXXX", sizeof(dir));
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/state.db", dir);
	return (state_open(path, err, sizeof(err)));
}

static int
teardown(void **state)
{
	char	 cmd[128];

	(void)state;
	state_close();
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	return (system(cmd));
}

/* A load of these rows, "row name host" each, as ids joined by spaces. */
static const char *
load(const char *first, const char *second)
{
	static char		 ids[32], names[2][16], hosts[2][32];
	struct nexthop_row	 rows[2];
	struct config		 c;
	const char		*texts[] = { first, second };
	unsigned int		 row;
	size_t			 i, len = 0;

	memset(&c, 0, sizeof(c));
	memset(rows, 0, sizeof(rows));
	c.nexthops = rows;
	assert_non_null(c.routes = route_new(1, 0, 0, 0));
	assert_int_equal(route_account_add(c.routes, &(struct route_account){ .id = 1, .nexthop = 4, .dir = "example.org/a" }), 0);
	for (i = 0; i < 2 && texts[i] != NULL; i++) {
		assert_int_equal(sscanf(texts[i], "%u %15s %31s", &row, names[i], hosts[i]), 3);
		rows[i] = (struct nexthop_row){ .id = row, .row = row, .name = names[i], .host = hosts[i], .path = "", .port = 24 };
		c.nnexthops++;
	}
	c.settings.report_nexthop = c.nnexthops > 0 ? rows[0].row : 0;
	assert_int_equal(state_hops(&c, 1000), DB_OK);
	ids[0] = '\0';
	for (i = 0; i < c.nnexthops; i++)
		len += snprintf(ids + len, sizeof(ids) - len, "%s%u", i > 0 ? " " : "", rows[i].id);
	if (c.nnexthops > 0)
		assert_int_equal(c.settings.report_nexthop, rows[0].id);
	route_free(c.routes);
	return (ids);
}

static void
test_same(void **state)
{
	(void)state;
	assert_string_equal(load("4 a mx1", "7 b mx2"), "1 2");
	assert_string_equal(load("4 a mx1", "7 b mx2"), "1 2");
	assert_string_equal(load("4 a mx9", "7 c mx2"), "1 2");		/* moved; renamed */
	assert_string_equal(load("8 a mx9", "9 c mx2"), "1 2");		/* inserted again */
	assert_string_equal(load("1 c mx2", "2 a mx9"), "2 1");		/* the whole store */
}

static void
test_other(void **state)
{
	char	 name[32];

	(void)state;
	assert_string_equal(load("4 a mx1", "7 b mx2"), "1 2");
	assert_string_equal(load("4 a mx1", "7 c mx3"), "1 3");		/* its number only */
	assert_string_equal(load("4 a mx1", "8 b mx4"), "1 4");		/* its name only */
	assert_string_equal(load("4 a mx1", "9 d mx4"), "1 5");		/* its address only */
	assert_int_equal(state_hop_name(2, name, sizeof(name)), DB_OK);
	assert_string_equal(name, "b");
	assert_int_equal(state_hop_name(77, name, sizeof(name)), DB_NONE);
}

/* Once it is gone, number and name are anybody's. */
static void
test_gone(void **state)
{
	uint32_t	 list[4];
	size_t		 n;

	(void)state;
	assert_string_equal(load("4 a mx1", "7 b mx2"), "1 2");
	assert_string_equal(load("4 a mx1", NULL), "1");
	assert_int_equal(state_hops_gone("b", list, 4, &n), DB_OK);
	assert_int_equal(n, 1);
	assert_int_equal(list[0], 2);
	assert_string_equal(load("4 a mx1", "7 b mx3"), "1 3");
	assert_string_equal(load("4 a mx1", NULL), "1");
	assert_string_equal(load("4 a mx1", "9 b mx2"), "1 2");		/* it is back */
	assert_int_equal(state_hops_gone("b", list, 4, &n), DB_OK);
	assert_int_equal(n, 1);
	assert_int_equal(list[0], 3);
	assert_int_equal(state_hops_gone("a", list, 4, &n), DB_OK);
	assert_int_equal(n, 0);
}

/* Two that change places and names are told from each other. */
static void
test_swapped(void **state)
{
	(void)state;
	assert_string_equal(load("1 a mx1", "2 b mx2"), "1 2");
	assert_string_equal(load("2 a mx1", "1 b mx2"), "1 2");
	assert_string_equal(load("2 b mx1", "1 a mx2"), "1 2");
}

int
main(void)
{
#define RUN(test)	cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest	 tests[] = { RUN(test_same), RUN(test_other), RUN(test_gone), RUN(test_swapped) };

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
