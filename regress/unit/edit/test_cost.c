/* SPDX-License-Identifier: ISC */
/* links: regress/unit/edit/editrig.c rpopd/edit rpopd/config rpopd/db */
/* libs: -lsqlite3 -ldl */
/*
 * What a change costs beside many others, and in large tables: no text of SQL is parsed for it, and no table is looked through.  Calls
 * of SQLite are counted on their way to the library.
 */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/compat.h"
#include "editrig.h"

struct cost {
	size_t	 parsed;		/* texts */
	size_t	 looked;		/* rows that were looked at because no index led to the one that was meant */
};

static struct cost	 cost;

int
sqlite3_prepare_v2(sqlite3 *db, const char *sql, int len, sqlite3_stmt **st, const char **tail)
{
	static int	(*real)(sqlite3 *, const char *, int, sqlite3_stmt **, const char **);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "sqlite3_prepare_v2");
	cost.parsed++;
	return (real(db, sql, len, st, tail));
}

int
sqlite3_prepare_v3(sqlite3 *db, const char *sql, int len, unsigned int flags, sqlite3_stmt **st, const char **tail)
{
	static int	(*real)(sqlite3 *, const char *, int, unsigned int, sqlite3_stmt **, const char **);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "sqlite3_prepare_v3");
	cost.parsed++;
	return (real(db, sql, len, flags, st, tail));
}

int
sqlite3_reset(sqlite3_stmt *st)
{
	static int	(*real)(sqlite3_stmt *);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "sqlite3_reset");
	if (st != NULL)
		cost.looked += sqlite3_stmt_status(st, SQLITE_STMTSTATUS_FULLSCAN_STEP, 1);
	return (real(st));
}

/* n changes of one kind: of which table, and what they do. */
static void
put(enum change_act act, const char *table, int i)
{
	char	 user[64], domain[64];

	snprintf(user, sizeof(user), "u%d@example.org", i);
	snprintf(domain, sizeof(domain), "d%d.example", i);
	if (strcmp(table, "domain") == 0)
		rig_put(act, table, 1, "name", domain, NULL);
	else if (strcmp(table, "account") == 0)
		act == CHANGE_SET ? rig_put(act, table, 1, "address", user, "sessions", "3", NULL) : rig_put(act, table, 1, "address", user, NULL);
	else if (strcmp(table, "route") == 0)
		rig_put(act, table, act == CHANGE_ADD ? 2 : 1, "address", user, act == CHANGE_REMOVE ? NULL : "target",
		    act == CHANGE_ADD ? ANNA : CARL, NULL);
	else if (act == CHANGE_REMOVE)
		rig_put(act, table, 2, "account", user, "name", "isp", NULL);
	else
		rig_put(act, table, 2, "account", user, "name", "isp", "domain", "h.example", "auth_name", user, "password", "pa55wd", NULL);
}

static struct cost
run(enum change_act act, const char *table, int from, int n)
{
	int	 i;

	for (i = from; i < from + n; i++)
		put(act, table, i);
	memset(&cost, 0, sizeof(cost));
	if (rig_run(&root) != 0)
		fail_msg("%s: %s", table, text);
	return (cost);
}

static void
test_tables(void **state)
{
	static const struct {
		enum change_act	 act;
		const char	*table;
	} kinds[] = {
		{ CHANGE_ADD, "account" }, { CHANGE_SET, "account" }, { CHANGE_ADD, "rpop" }, { CHANGE_SET, "rpop" },
		{ CHANGE_NEED, "account" }, { CHANGE_REMOVE, "rpop" }, { CHANGE_REMOVE, "account" }, { CHANGE_ADD, "route" },
		{ CHANGE_SET, "route" }, { CHANGE_REMOVE, "route" }, { CHANGE_ADD, "domain" }
	};
	struct cost	 few, many;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(kinds); i++) {
		few = run(kinds[i].act, kinds[i].table, 0, 10);
		many = run(kinds[i].act, kinds[i].table, 10, 200);
		if (many.parsed > few.parsed)
			fail_msg("%s, act %d: %zu texts for 10 changes, %zu for 200", kinds[i].table, kinds[i].act, few.parsed, many.parsed);
		if (many.looked > 1000)
			fail_msg("%s, act %d: %zu rows were looked at", kinds[i].table, kinds[i].act, many.looked);
	}
}

/* Changes of several tables in turn, with more texts than are kept. */
static void
test_many_texts(void **state)
{
	static const char *const	 columns[] = { "period", "max_size", "leave_days", "session_messages", "tls_name", "mailbox", "schedule" };
	char	 name[64];
	size_t	 i, k;

	(void)state;
	for (i = 0; i < 128; i++) {
		snprintf(name, sizeof(name), "r%zu", i);
		rig_cell("account", CELL_TEXT, ANNA, strlen(ANNA));
		rig_cell("name", CELL_TEXT, name, strlen(name));
		rig_cell("domain", CELL_TEXT, "h.example", 9);
		rig_cell("auth_name", CELL_TEXT, "u", 1);
		for (k = 0; k < nitems(columns); k++)
			if (i & 1U << k)
				rig_cell(columns[k], CELL_NULL, "", 0);
		rig_cell("password", CELL_TEXT, name, strlen(name));
		assert_int_equal(rig_add(CHANGE_ADD, "rpop", 2), 0);
		put(CHANGE_ADD, "domain", (int)i);
	}
	rig_done(&root, "256 rows added");
	rig_is("SELECT count(*), sum(password = name), count(DISTINCT name) FROM rpop WHERE name GLOB 'r*'", "128|128|128\n");
	rig_in_force("SELECT count(*), count(DISTINCT name) FROM rpop WHERE name GLOB 'r*'", "128|128\n");
	rig_in_force("SELECT count(*) FROM domain WHERE name GLOB 'd*.example'", "128\n");
}

/* A change that is refused behind others: the values of those before it are not its own, and nothing of them stays. */
static void
test_refused_last(void **state)
{
	(void)state;
	put(CHANGE_ADD, "account", 0);
	put(CHANGE_ADD, "account", 1);
	put(CHANGE_ADD, "account", 0);
	rig_refused(&root, "u0@example.org: there is such a account already");
	put(CHANGE_ADD, "account", 0);
	put(CHANGE_ADD, "rpop", 0);
	put(CHANGE_ADD, "rpop", 7);
	rig_refused(&root, "u7@example.org/isp: rpop: account is not the address of an account");
	put(CHANGE_ADD, "account", 0);
	put(CHANGE_ADD, "rpop", 0);
	rig_done(&root, "2 rows added");
}

#define RIGGED(f)	cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		RIGGED(test_tables),
		RIGGED(test_many_texts),
		RIGGED(test_refused_last),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
