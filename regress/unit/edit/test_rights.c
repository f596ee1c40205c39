/* SPDX-License-Identifier: ISC */
/* links: regress/unit/edit/editrig.c rpopd/edit rpopd/config rpopd/db */
/* libs: -lsqlite3 */
/* Who may do what to which table, however the request is written; and what is seen of rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/compat.h"
#include "editrig.h"

static const char *const	 everybody[] = { "", PM, ANNA, BERT, CARL, "%", "'' OR 1", "@example.com", "x@y@example.com" };

/* Tables other than that of records are for administrators of the server, and nobody is without an account. */
static void
test_tables(void **state)
{
	struct who	 who;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(everybody); i++) {
		who = rig_user(everybody[i]);
		rig_put(CHANGE_ADD, "domain", 1, "name", "example.net", NULL);
		rig_put(CHANGE_ADD, "account", 1, "address", "dora@example.net", NULL);
		rig_put(CHANGE_ADD, "domain_admin", 2, "account", "dora@example.net", "domain", "example.org", NULL);
		rig_put(CHANGE_SET, "settings", 0, "processors", "7", NULL);
		rig_put(CHANGE_REMOVE, "domain_admin", 2, "account", "dora@example.net", "domain", "example.org", NULL);
		rig_put(CHANGE_REMOVE, "account", 1, "address", "dora@example.net", NULL);
		if (i == 1)
			rig_done(&who, "added");
		else
			rig_refused(&who, i == 0 ? "no account here is yours" : "only an administrator of the server may do that");
	}
	who = rig_user("");
	who.user = 0;
	who.watcher = 1;
	rig_put(CHANGE_SET, "settings", 0, "processors", "8", NULL);
	rig_refused(&who, "only root may do that");
}

/* Whose record it is: NULL, the empty account, octets behind a NUL, a pattern, another case, a blob. */
static void
test_owner(void **state)
{
	static const struct {
		const char	*account;
		size_t		 len;
		enum cell_kind	 kind;
		int		 own;
	} tries[] = {
		{ BERT, sizeof(BERT) - 1, CELL_TEXT, 0 }, { "", 0, CELL_NULL, 0 }, { "anna@example.org\0x", 18, CELL_TEXT, 0 },
		{ "Anna@example.org", 16, CELL_TEXT, 0 }, { "%@example.org", 13, CELL_TEXT, 0 }, { "anna@example.or", 15, CELL_TEXT, 0 },
		{ CARL, sizeof(CARL) - 1, CELL_BLOB, 0 }, { "", 0, CELL_TEXT, 1 }, { ANNA, sizeof(ANNA) - 1, CELL_TEXT, 1 },
	};
	const struct who	 anna = rig_user(ANNA);
	size_t			 i;
	int			 act;

	(void)state;
	for (i = 0; i < nitems(tries); i++)
		for (act = CHANGE_ADD; act < CHANGE_MAX; act++) {
			rig_cell("account", tries[i].kind, tries[i].account, tries[i].len);
			rig_cell("name", CELL_TEXT, "isp", 3);
			if (act == CHANGE_SET)
				rig_cell("leave", CELL_TEXT, i % 2 ? "0" : "1", 1);
			if (act <= CHANGE_NEED) {
				rig_cell("domain", CELL_TEXT, "h.example", 9);
				rig_cell("auth_name", CELL_TEXT, "u", 1);
			}
			assert_int_equal(rig_add(act, "rpop", 2), 0);
			if (!tries[i].own)
				rig_refused(&anna, "is no account of yours");
			else if (act == CHANGE_ADD)
				rig_refused(&anna, "there is such a record already");
			else if (act != CHANGE_REMOVE)
				rig_done(&anna, "");
			else
				batch_free(&batch);
		}
	rig_put(CHANGE_SET, "rpop", 2, "account", ANNA, "name", "isp", "account", BERT, NULL);
	rig_refused(&anna, "is no account of yours");
	rig_put(CHANGE_SET, "rpop", 2, "account", BERT, "name", "isp", "account", ANNA, NULL);
	rig_refused(&anna, "is no account of yours");
	rig_put(CHANGE_SET, "rpop", 2, "account", ANNA, "name", "isp", "account", "", NULL);
	rig_refused(&anna, "is no account of yours");
}

static void
test_reserved(void **state)
{
	static const char *const	 columns[] = { "special", "special_nth", "trusted_hop", "strip_prefix", "received_for", "domains", "suppress",
	    "local_domain", "oauth_client", "refresh_token", "token_command", "token_user", "tls_ciphers", "ca_file", "tls_cert", "tls_key",
	    "schedule", "self_service" };
	const struct who	 users[] = { rig_user(ANNA), rig_user(BERT) };
	const char		*accounts[] = { ANNA, CARL };
	size_t			 i, k;

	(void)state;
	for (i = 0; i < nitems(columns); i++)
		for (k = 0; k < nitems(users); k++) {
			rig_put(CHANGE_SET, "rpop", 2, "account", accounts[k], "name", "isp", columns[i], "0", NULL);
			rig_refused(&users[k], "only");
			rig_put(CHANGE_SET, "rpop", 2, "account", accounts[k], "name", "isp", columns[i], "", NULL);
			rig_refused(&users[k], "only");
			rig_put(CHANGE_ADD, "rpop", 2, "account", accounts[k], "name", "n", "domain", "h.example", "auth_name", "u", columns[i],
			    "0", NULL);
			rig_refused(&users[k], "only");
		}
}

/* A record that is moved to the user's own account counts there, and is polled no more often than his others. */
static void
test_moved(void **state)
{
	const struct who	 bert = rig_user(BERT);

	(void)state;
	rig_sql("UPDATE account SET max_records = 1, min_period = 600 WHERE address = '" BERT "'");
	rig_reload();
	rig_put(CHANGE_ADD, "rpop", 2, "account", CARL, "name", "a", "domain", "h.example", "auth_name", "u", "password",
	    "x", "period", "60", NULL);
	rig_put(CHANGE_ADD, "rpop", 2, "account", CARL, "name", "b", "domain", "h.example", "auth_name", "u", "password",
	    "x", NULL);
	rig_put(CHANGE_ADD, "rpop", 2, "account", CARL, "name", "c", "domain", "h.example", "auth_name", "u", "password",
	    "x", NULL);
	rig_done(&bert, "3 records added");
	rig_put(CHANGE_SET, "rpop", 2, "account", CARL, "name", "a", "account", BERT, "password", "x", NULL);
	rig_refused(&bert, "period must be 600 seconds at least");
	rig_put(CHANGE_SET, "rpop", 2, "account", CARL, "name", "b", "account", BERT, "password", "x", NULL);
	rig_done(&bert, "1 record changed");
	rig_put(CHANGE_SET, "rpop", 2, "account", CARL, "name", "c", "account", BERT, "password", "x", NULL);
	rig_refused(&bert, "an account may have 1 record of its user's own");
}

/* A password is not led elsewhere: by another host or login, without TLS, or in two steps. */
static void
test_password(void **state)
{
	const struct who	*all[4], anna = rig_user(ANNA), pm = rig_user(PM), bert = rig_user(BERT);
	const char		*accounts[] = { ANNA, CARL, ANNA, CARL };
	size_t			 i;

	(void)state;
	all[0] = &anna;
	all[1] = &bert;
	all[2] = &pm;
	all[3] = &root;
	for (i = 0; i < nitems(all); i++) {
		rig_put(CHANGE_SET, "rpop", 2, "account", accounts[i], "name", "isp", "domain", "evil.example", NULL);
		rig_refused(all[i], "password was given for another domain");
		rig_put(CHANGE_SET, "rpop", 2, "account", accounts[i], "name", "isp", "auth_name", "v", NULL);
		rig_refused(all[i], "password was given for another auth_name");
		rig_put(CHANGE_SET, "rpop", 2, "account", accounts[i], "name", "isp", "tls", "none", NULL);
		rig_refused(all[i], "password was given for another tls");
		rig_put(CHANGE_SET, "rpop", 2, "account", accounts[i], "name", "isp", "name", "moved", NULL);
		rig_put(CHANGE_SET, "rpop", 2, "account", accounts[i], "name", "moved", "domain", "evil.example", NULL);
		rig_refused(all[i], "password was given for another domain");
	}
}

struct seen {
	size_t	 rows;
	char	 all[64 * 1024];
};

static void
take(void *arg, const uint8_t *row, size_t len)
{
	struct seen	*s = arg;
	struct cell	 c;
	int		 rv;

	s->rows++;
	while ((rv = cell_next(&row, &len, &c)) == 1) {
		assert_true(c.kind != CELL_SECRET || c.len == 0);
		snprintf(s->all + strlen(s->all), sizeof(s->all) - strlen(s->all), "%s=%.*s\n", c.column, (int)c.len, (const char *)c.value);
	}
	assert_int_equal(rv, 0);
}

static void
test_rows(void **state)
{
	static const size_t	 rpop[] = { 0, 2, 1, 1, 1, 0, 0, 0, 0 };
	static struct seen	 s;
	struct who		 who;
	struct cell		 cells[2] = { { "select", CELL_TEXT, (const uint8_t *)"1", 1 } };
	struct rows_place	 place = { .nkeys = 0 };
	char			 err[512];
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(everybody); i++) {
		memset(&s, 0, sizeof(s));
		who = rig_user(everybody[i]);
		assert_int_equal(edit_rows(&who, "rpop", NULL, 0, &place, 100, take, &s, err, sizeof(err)), i == 0 ? -1 : (ssize_t)rpop[i]);
		assert_int_equal(s.rows, rpop[i]);
		assert_null(strstr(s.all, "pa55wd"));
		assert_int_equal(edit_rows(&who, "settings", NULL, 0, &place, 100, take, &s, err, sizeof(err)), i == 1 ? 1 : -1);
		assert_int_equal(edit_rows(&who, "server_admin", NULL, 0, &place, 100, take, &s, err, sizeof(err)), i == 1 ? 1 : -1);
	}
	assert_int_equal(edit_rows(&root, "rpop", cells, 1, &place, 100, take, &s, err, sizeof(err)), -1);
	assert_string_equal(err, "rpop has no select");
	assert_int_equal(edit_rows(&root, "sqlite_schema", NULL, 0, &place, 100, take, &s, err, sizeof(err)), -1);
	/* A cell of a secret is compared with the mark that stands for it, never with the secret. */
	strlcpy(cells[0].column, "password", sizeof(cells[0].column));
	cells[0].value = (const uint8_t *)"pa55wd";
	cells[0].len = 6;
	assert_int_equal(edit_rows(&root, "rpop", cells, 1, &place, 100, take, &s, err, sizeof(err)), 0);
	strlcpy(cells[0].column, "name", sizeof(cells[0].column));
	cells[0].value = (const uint8_t *)"isp";
	cells[0].len = 3;
	assert_int_equal(edit_rows(&root, "rpop", cells, 1, &place, 100, take, &s, err, sizeof(err)), 2);
	cells[1] = cells[0];
	assert_int_equal(edit_rows(&root, "rpop", cells, 2, &place, 100, take, &s, err, sizeof(err)), 2);
}

#define RIGGED(f)	cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		RIGGED(test_tables),
		RIGGED(test_owner),
		RIGGED(test_reserved),
		RIGGED(test_moved),
		RIGGED(test_password),
		RIGGED(test_rows),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
