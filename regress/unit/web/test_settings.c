/* SPDX-License-Identifier: ISC */
/* links: web/settings.c regress/unit/web/adminrig.c regress/unit/web/htmlcheck.c */
/* libs: -lsqlite3 */
/* The pages of settings: every column of the schema is on one of them, and what is saved is what differs. */
#include <sys/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "adminrig.h"

#define RPOP	"/admin/rpop"
#define POP	"/admin/pop"

static sqlite3	*db;
static char	 rights[65536];

static void
slurp(const char *file, char *text, size_t size)
{
	const char	*build = getenv("RPOPD_BUILD");
	char		 name[1024];
	FILE		*f;

	snprintf(name, sizeof(name), "%s%s%s", build == NULL ? "" : build, build == NULL ? "" : "/../", file);
	if ((f = fopen(name, "r")) == NULL)
		fail_msg("%s: cannot be read; run in the top directory", name);
	text[fread(text, 1, size - 1, f)] = '\0';
	fclose(f);
}

static int
setup(void **state)
{
	static char	 schema[131072];
	char		*list, *end;

	(void)state;
	slurp("etc/rpopd.sql", schema, sizeof(schema));
	slurp("rpopd/edit/rights.c", rights, sizeof(rights));
	/* What only root may set. */
	list = strstr(rights, "root_columns[] = {");
	assert_non_null(list);
	end = strstr(list, "};");
	assert_non_null(end);
	*end = '\0';
	memmove(rights, list, strlen(list) + 1);
	if (sqlite3_open(":memory:", &db) != SQLITE_OK || sqlite3_exec(db, schema, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(db));
	return (0);
}

static int
teardown(void **state)
{
	(void)state;
	return (sqlite3_close(db));
}

/* The row of a new store, and the names that it may refer to. */
static void
store(void)
{
	sqlite3_stmt	*st;
	int		 i;

	assert_int_equal(sqlite3_prepare_v2(db, "SELECT * FROM settings", -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	rig_row("settings", NULL);
	for (i = 0; i < sqlite3_column_count(st); i++)
		rig_cell("settings", sqlite3_column_name(st, i), (const char *)sqlite3_column_text(st, i));
	sqlite3_finalize(st);
	rig_row("nexthop", "name", "hub", NULL);
	rig_row("nexthop", "name", "relay", NULL);
	rig_row("schedule", "name", "night", NULL);
	rig_row("schedule", "name", "night", NULL);
	rig_row("domain", "name", "example.org", NULL);
}

static void
page(const char *path)
{
	rig_begin(path, 0);
	store();
	show_settings(&rig);
	assert_int_equal(rig.answer.status, 200);
}

/* A column is a field of the page, named and labelled. */
static int
is_field(const char *column)
{
	char	 name[80], label[80];

	snprintf(name, sizeof(name), " name=\"%s\"", column);
	snprintf(label, sizeof(label), "<label for=\"f-%s\">", column);
	assert_int_equal(rig_count(name), rig_count(label));
	return ((int)rig_count(name));
}

static int
is_shown(const char *column)
{
	char	 name[80];

	snprintf(name, sizeof(name), "(set by root: %s)", column);
	return ((int)rig_count(name));
}

/* Each column is on one of the pages: a field, or shown only if root alone may set it. */
static void
test_all_columns(void **state)
{
	sqlite3_stmt	*st;
	const char	*column;
	char		 quoted[80];
	int		 fields, shown, reserved, n = 0;

	(void)state;
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT name FROM pragma_table_info('settings') WHERE name <> 'id'", -1, &st, NULL),
	    SQLITE_OK);
	for (; sqlite3_step(st) == SQLITE_ROW; n++) {
		column = (const char *)sqlite3_column_text(st, 0);
		page(RPOP);
		fields = is_field(column);
		shown = is_shown(column);
		page(POP);
		fields += is_field(column);
		shown += is_shown(column);
		snprintf(quoted, sizeof(quoted), "\"%s\"", column);
		reserved = strstr(rights, quoted) != NULL;
		if (fields != !reserved || shown != reserved)
			fail_msg("%s: %d fields, shown %d, %s may set it", column, fields, shown,
			    reserved ? "root alone" : "an administrator");
	}
	sqlite3_finalize(st);
	assert_true(n > 40);
}

/* The columns that may be NULL, and no others, become that by an empty value. */
static void
test_null(void **state)
{
	sqlite3_stmt	*st;
	const char	*column;
	size_t		 leaf;

	(void)state;
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT name, \"notnull\" FROM pragma_table_info('settings') WHERE name <> 'id'"
	    " AND name NOT LIKE 'web%'", -1, &st, NULL), SQLITE_OK);
	while (sqlite3_step(st) == SQLITE_ROW) {
		column = (const char *)sqlite3_column_text(st, 0);
		for (leaf = 0; leaf < 2; leaf++) {
			page(leaf == 0 ? RPOP : POP);
			if (!is_field(column))
				continue;
			/* Of a store that has something there. */
			rig_begin(leaf == 0 ? RPOP : POP, 1);
			rig_row("settings", column, "7", NULL);
			rig_field("was", rig_hash);
			rig_field(column, "");
			change_settings(&rig);
			assert_int_equal(rig_nchanged, 1);
			assert_int_equal(rig_changed.n, 1);
			if (rig_changed.null[0] == sqlite3_column_int(st, 1))
				fail_msg("%s: NULL %d", column, rig_changed.null[0]);
		}
	}
	sqlite3_finalize(st);
}

static void
test_page(void **state)
{
	(void)state;
	page(RPOP);
	rig_valid();
	rig_has("<h1>RPOP settings</h1>");
	rig_has("<form method=\"post\" action=\"/mail/admin/rpop\">");
	rig_has("name=\"was\" value=\"0011");
	rig_has(">Delay Failed Hosts for <span class=\"dim\">(seconds)</span></label>");
	rig_has("name=\"processors\" aria-describedby=\"h-processors\" inputmode=\"numeric\" value=\"100\">");
	rig_has("<option value=\"problems\" selected>Problems</option>");
	rig_has("<option value=\"\" selected>always</option>\n<option value=\"night\">night</option>\n</select>");
	rig_has("<option value=\"+\" selected>+</option>");
	rig_has("/var/spool/rpopd <span class=\"dim\">(set by root: mail_root)");
	rig_lacks("Listener");
	page(POP);
	rig_valid();
	rig_has("<form method=\"post\" action=\"/mail/admin/pop\">");
	rig_has("<option value=\"\" selected>as everything else</option>");
	rig_has("There is no listener");
}

/* What does not differ is not changed; an empty value is the store's NULL where there is one. */
static void
test_save(void **state)
{
	(void)state;
	rig_begin(POP, 1);
	store();
	rig_ok("setting changed: pop_channels, pop_log_level");
	rig_field("was", rig_hash);
	rig_field("pop_channels", " 250 ");
	rig_field("pop_per_address", "20");
	rig_field("pop_log_level", "low");
	rig_field("submit_nexthop", "");
	rig_field("pop_auth", "checkpassword:/bin/sh");
	rig_field("processors", "7");
	rig_field("id", "2");
	change_settings(&rig);
	assert_int_equal(rig.answer.status, 303);
	assert_string_equal(rig.answer.location, "/mail/admin/pop");
	assert_string_equal(rig.said, "setting changed: pop_channels, pop_log_level");
	assert_int_equal(rig_nchanged, 1);
	assert_int_equal(rig_changed.act, CHANGE_SET);
	assert_string_equal(rig_changed.table, "settings");
	assert_string_equal(rig_changed.was, rig_hash);
	assert_int_equal(rig_changed.nkeys, 0);
	assert_int_equal(rig_changed.n, 2);
	assert_string_equal(rig_changed.columns[0], "pop_log_level");
	assert_string_equal(rig_changed.values[0], "low");
	assert_string_equal(rig_changed.columns[1], "pop_channels");
	assert_string_equal(rig_changed.values[1], "250");

	rig_begin(POP, 1);
	rig_row("settings", "submit_nexthop", "hub", "pop_clear", "local", NULL);
	rig_field("was", rig_hash);
	rig_field("submit_nexthop", "");
	rig_field("pop_clear", "local");
	change_settings(&rig);
	assert_int_equal(rig_changed.n, 1);
	assert_int_equal(rig_changed.null[0], 1);
}

static void
test_nothing(void **state)
{
	(void)state;
	rig_begin(RPOP, 1);
	store();
	rig_field("was", rig_hash);
	rig_field("processors", "100");
	change_settings(&rig);
	assert_int_equal(rig.answer.status, 303);
	assert_int_equal(rig_nchanged, 0);
	assert_string_equal(rig.said, "Nothing was changed.");
}

/* A refusal stands beside its field, with what was typed. */
static void
test_refused(void **state)
{
	(void)state;
	rig_begin(RPOP, 1);
	store();
	rig_refuse(IMSG_CTL_CHANGE, "settings: session_timeout must be 60..86400 seconds and not shorter than idle_timeout");
	rig_field("was", rig_hash);
	rig_field("idle_timeout", "180");
	rig_field("session_timeout", "7<");
	change_settings(&rig);
	assert_int_equal(rig.answer.status, 422);
	rig_valid();
	rig_has("<input type=\"text\" id=\"f-session_timeout\" name=\"session_timeout\" "
	    "aria-describedby=\"h-session_timeout e-session_timeout\" aria-invalid=\"true\" "
	    "inputmode=\"numeric\" value=\"7&lt;\">");
	rig_has("<p class=\"error\" id=\"e-session_timeout\">settings: session_timeout must be");
	rig_has("Not saved; it is 3600 now.");
	rig_has("<p class=\"note bad\">Nothing was saved: one of the values below cannot be.</p>");
	assert_int_equal(rig_count("class=\"error\""), 1);
	assert_int_equal(rig_count("aria-invalid"), 1);
}

/* A sentence that names no field that was to be changed stands on top; so it is with somebody else's change. */
static void
test_refused_on_top(void **state)
{
	(void)state;
	rig_begin(RPOP, 1);
	store();
	rig_refuse(IMSG_CTL_CHANGE, "settings: somebody has changed it meanwhile: look at it again");
	rig_field("was", "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
	rig_field("log_level", "all");
	change_settings(&rig);
	assert_int_equal(rig.answer.status, 422);
	rig_valid();
	rig_has("<p class=\"note bad\">settings: somebody has changed it meanwhile: look at it again</p>");
	rig_has("<option value=\"all\" selected>");
	rig_has("Not saved; it is problems now.");
	rig_has("name=\"was\" value=\"0011");
	assert_string_equal(rig_changed.was, "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");

	rig_begin(RPOP, 1);
	store();
	rig_refuse(IMSG_CTL_CHANGE, "settings: nexthops or xnexthop or nexthop_ must be something");
	rig_field("was", rig_hash);
	rig_field("nexthop", "hub");
	change_settings(&rig);
	rig_has("<p class=\"note bad\">settings: nexthops or xnexthop");
	assert_int_equal(rig_count("class=\"error\""), 0);
}

/* Without the hash of what was shown nothing is changed. */
static void
test_forged(void **state)
{
	static const char *const	 hashes[] = { NULL, "", "00",
	    "zz112233445566778899aabbccddeeff00112233445566778899aabbccddeeff" };
	size_t				 i;

	(void)state;
	for (i = 0; i < nitems(hashes); i++) {
		rig_begin(RPOP, 1);
		store();
		if (hashes[i] != NULL)
			rig_field("was", hashes[i]);
		rig_field("processors", "1");
		change_settings(&rig);
		assert_int_equal(rig.answer.status, 400);
		assert_int_equal(rig_nchanged, 0);
	}
}

/* Strings from the store, the form and the daemon are text. */
static void
test_hostile(void **state)
{
	static char	 long_value[4096];

	(void)state;
	rig_begin(POP, 1);
	rig_row("settings", "submit_nexthop", HOSTILE, "unified_field", HOSTILE "2", "pop_auth", HOSTILE, NULL);
	rig_row("nexthop", "name", HOSTILE, NULL);
	rig_row("listener", "address", HOSTILE, "port", HOSTILE, "tls", HOSTILE, "cert", HOSTILE, "channels", "1",
	    "trouble", HOSTILE, NULL);
	rig_row("listener", "address", "*", "port", "995", "tls", "tls", "cert", NULL, "channels", "1", "trouble", NULL, NULL);
	rig_refuse(IMSG_CTL_CHANGE, "settings: unified_field must be " HOSTILE);
	rig_field("was", rig_hash);
	rig_field("unified_field", HOSTILE);
	rig_field("submit_nexthop", HOSTILE "3");
	rig_field("pop_clear", HOSTILE);
	change_settings(&rig);
	assert_int_equal(rig.answer.status, 422);
	rig_valid();
	rig_lacks("<script");
	rig_has("value=\"" HOSTILE_TEXT "\"");
	rig_has("<option value=\"" HOSTILE_TEXT "3\" selected>");
	rig_has("must be " HOSTILE_TEXT "</p>");
	rig_has("<tr class=\"wrong\"><td>" HOSTILE_TEXT);
	rig_has("<span class=\"ok\">works</span>");

	memset(long_value, 'a', sizeof(long_value) - 1);
	rig_begin(RPOP, 1);
	store();
	rig_field("was", rig_hash);
	rig_field("archive", long_value);
	change_settings(&rig);
	assert_int_equal(rig.answer.status, 422);
	assert_int_equal(rig_nchanged, 0);
	rig_has("a value is too long");
	rig_valid();
}

/* With very many names one is typed. */
static void
test_many_names(void **state)
{
	char	 name[32];
	int	 i;

	(void)state;
	rig_begin(RPOP, 0);
	rig_row("settings", "nexthop", "hop7", NULL);
	for (i = 0; i < 201; i++) {
		snprintf(name, sizeof(name), "hop%d", i);
		rig_row("nexthop", "name", name, NULL);
	}
	show_settings(&rig);
	rig_valid();
	rig_has("<input type=\"text\" id=\"f-nexthop\" name=\"nexthop\"");
	rig_has("value=\"hop7\"");
}

static void
test_no_daemon(void **state)
{
	(void)state;
	rig_begin(RPOP, 0);
	rig_refuse(IMSG_CTL_ROWS, "the daemon is being started; try again");
	show_settings(&rig);
	assert_int_equal(rig.answer.status, 503);
	rig_has("<p class=\"note bad\">the daemon is being started; try again</p>");
	rig_valid();
	rig_begin(RPOP, 1);
	rig_refuse(IMSG_CTL_ROWS, "the daemon is being started; try again");
	rig_field("was", rig_hash);
	change_settings(&rig);
	assert_int_equal(rig.answer.status, 503);
	assert_int_equal(rig_nchanged, 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_all_columns), cmocka_unit_test(test_null), cmocka_unit_test(test_page),
		cmocka_unit_test(test_save), cmocka_unit_test(test_nothing), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_refused_on_top), cmocka_unit_test(test_forged), cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_many_names),
		cmocka_unit_test(test_no_daemon)
	};

	return (cmocka_run_group_tests(tests, setup, teardown));
}
