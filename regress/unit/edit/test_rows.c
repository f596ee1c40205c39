/* SPDX-License-Identifier: ISC */
/* links: regress/unit/edit/editrig.c rpopd/edit rpopd/config rpopd/db */
/* libs: -lsqlite3 */
/* Listings in portions: each row that stays is listed once, in order, while others come and go between two portions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/array.h"
#include "common/compat.h"
#include "editrig.h"

struct list {
	char	**names;		/* of the rows: the values of their keys */
	size_t	 n;
	const char *const *keys;
};

static const struct {
	const char	*table, *keys[KEYS_MAX + 1];
} tables[] = {
	{ "rpop",	{ "account", "name" } },
	{ "account",	{ "address" } },
	{ "route",	{ "address", "target", "nexthop", "folder" } },
	{ "schedule",	{ "name", "days", "begins" } },
	{ "listener",	{ "address", "port" } },
	{ "acl",	{ "owner", "folder", "who" } }
};

static void
take(void *arg, const uint8_t *row, size_t len)
{
	struct list	*l = arg;
	struct cell	 c;
	char		 name[1024] = "", values[KEYS_MAX][256] = { "" };
	size_t		 i;

	while (cell_next(&row, &len, &c) == 1)
		for (i = 0; l->keys[i] != NULL; i++)
			if (strcmp(c.column, l->keys[i]) == 0)
				snprintf(values[i], sizeof(values[i]), "%.*s", (int)c.len, (const char *)c.value);
	for (i = 0; l->keys[i] != NULL; i++)
		snprintf(name + strlen(name), sizeof(name) - strlen(name), "%s%s", i == 0 ? "" : "|", values[i]);
	assert_non_null(l->names = array_grow(l->names, l->n, sizeof(*l->names)));
	assert_non_null(l->names[l->n++] = strdup(name));
}

static void
list_free(struct list *l)
{
	while (l->n > 0)
		free(l->names[--l->n]);
	free(l->names);
	l->names = NULL;
}

/* A portion more.  1: it was the last one. */
static int
portion(struct list *l, const char *table, struct rows_place *place, size_t max)
{
	size_t	 before = l->n;
	ssize_t	 n;
	char	 err[512];

	n = edit_rows(&root, table, NULL, 0, place, max, take, l, err, sizeof(err));
	assert_int_equal(n, l->n - before);
	if (n < (ssize_t)max)
		rows_begin(place);
	return (n < (ssize_t)max);
}

static void
fill(void)
{
	rig_sql("INSERT INTO accounts (address) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)"
	    " SELECT 'u' || i || '@example.org' FROM n;"
	    "INSERT INTO rpop (account, name, domain, auth_name, password) SELECT address, n, 'h.example', 'u', 'pa55wd'"
	    " FROM account, (SELECT 'a' AS n UNION SELECT 'b') WHERE name GLOB 'u*';"
	    "INSERT INTO nexthop (name, address) VALUES ('one', 'h.example'), ('two', 'h.example');"
	    "INSERT INTO route (address, target, folder) SELECT 'list@example.org', address, CASE WHEN id % 2 THEN 'Lists' END FROM account;"
	    "INSERT INTO route (address, nexthop) SELECT 'list@example.org', name FROM nexthop;"
	    "INSERT INTO route (address, target) VALUES ('aaa@example.org', '" ANNA "'), ('zzz@example.org', '" ANNA "');"
	    "INSERT INTO route (address, action) VALUES ('mmm@example.org', 'discard');"
	    "INSERT INTO schedule (name, days, begins, ends) VALUES ('s', '1', '08:00', '09:00'), ('s', '1', '10:00', '11:00'),"
	    " ('s', '2', '08:00', '09:00'), ('t', '1', '08:00', '09:00');"
	    "INSERT INTO listener (address, port, tls) VALUES ('127.0.0.1', 110, 'none'), ('127.0.0.1', 1100, 'none'),"
	    " ('127.0.0.1', 9, 'none'), ('127.0.0.2', 110, 'none');"
	    "INSERT INTO acl (owner, folder, who, rights) SELECT '" ANNA "', 'Lists', address, 'lr' FROM account WHERE name GLOB 'u1*';");
	rig_reload();
}

/* Portions of every length make the same listing. */
static void
test_lengths(void **state)
{
	static const size_t	 lengths[] = { 1, 2, 3, 7, 10, 100 };
	struct rows_place	 place = { .nkeys = 0 };
	struct list		 whole, l;
	size_t			 i, k, r;

	(void)state;
	fill();
	for (i = 0; i < nitems(tables); i++) {
		whole = l = (struct list){ .keys = tables[i].keys };
		assert_true(portion(&whole, tables[i].table, &place, 1000));
		assert_true(whole.n >= 4);
		for (k = 0; k < nitems(lengths); k++) {
			while (!portion(&l, tables[i].table, &place, lengths[k]))
				assert_true(l.n <= whole.n);
			assert_int_equal(l.n, whole.n);
			for (r = 0; r < l.n; r++)
				assert_string_equal(l.names[r], whole.names[r]);
			list_free(&l);
		}
		list_free(&whole);
	}
}

/* Rows ahead of the place, behind it, and the very one that it is named by come and go. */
static void
test_meanwhile(void **state)
{
	struct rows_place	 place = { .nkeys = 0 };
	struct list		 l = { .keys = tables[0].keys };
	char			 name[64];
	size_t			 i, k, seen;

	(void)state;
	fill();
	assert_false(portion(&l, "rpop", &place, 10));
	assert_string_equal(l.names[9], "u13@example.org|b");
	rig_put(CHANGE_REMOVE, "rpop", 2, "account", "u13@example.org", "name", "b", NULL);
	rig_put(CHANGE_REMOVE, "rpop", 2, "account", "u10@example.org", "name", "a", NULL);
	rig_put(CHANGE_ADD, "rpop", 2, "account", ANNA, "name", "aaa", "domain", "h.example", "auth_name", "u", "password", "p", NULL);
	rig_put(CHANGE_ADD, "rpop", 2, "account", "u14@example.org", "name", "ab", "domain", "h.example", "auth_name", "u", "password", "p",
	    NULL);
	rig_put(CHANGE_REMOVE, "rpop", 2, "account", "u15@example.org", "name", "a", NULL);
	rig_done(&root, "2 records added, 3 records removed");
	while (!portion(&l, "rpop", &place, 10))
		continue;
	for (i = 1; i <= 40; i++)
		for (k = 0; k < 2; k++) {
			snprintf(name, sizeof(name), "u%zu@example.org|%c", i, (int)('a' + k));
			for (seen = 0; seen < l.n && strcmp(l.names[seen], name) != 0; seen++)
				continue;
			assert_int_equal(seen < l.n, i != 15 || k != 0);
		}
	assert_string_equal(l.names[10], "u14@example.org|a");
	assert_string_equal(l.names[11], "u14@example.org|ab");
	for (i = 1; i < l.n; i++)
		assert_true(strcmp(l.names[i - 1], l.names[i]) < 0);
	list_free(&l);
}

/* Targets of one address, of which some have a part of their key that is NULL, and all of them but the last go meanwhile. */
static void
test_null_keys(void **state)
{
	struct rows_place	 place = { .nkeys = 0 };
	struct list		 l = { .keys = tables[2].keys };

	(void)state;
	fill();
	assert_false(portion(&l, "route", &place, 2));
	assert_string_equal(l.names[0], "aaa@example.org|" ANNA "||");
	assert_string_equal(l.names[1], "list@example.org||one|");
	rig_put(CHANGE_REMOVE, "route", 3, "address", "list@example.org", "target", "", "nexthop", "one", NULL);
	rig_put(CHANGE_REMOVE, "route", 2, "address", "list@example.org", "target", ANNA, NULL);
	rig_done(&root, "2 routes removed");
	assert_false(portion(&l, "route", &place, 2));
	assert_string_equal(l.names[2], "list@example.org||two|");
	assert_string_equal(l.names[3], "list@example.org|" BERT "||Lists");
	while (!portion(&l, "route", &place, 2))
		continue;
	assert_string_equal(l.names[l.n - 2], "mmm@example.org|||");
	assert_string_equal(l.names[l.n - 1], "zzz@example.org|" ANNA "||");
	list_free(&l);
}

#define RIGGED(f)	cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		RIGGED(test_lengths),
		RIGGED(test_meanwhile),
		RIGGED(test_null_keys),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
