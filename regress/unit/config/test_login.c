/* SPDX-License-Identifier: ISC */
/* links: rpopd/config rpopd/db */
/* libs: -lsqlite3 */
/* What a login is compared with: the account's own verifier as it is now, or a stand-in that no password fits. */
#include <sys/stat.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <setjmp.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "common/compat.h"
#include "rpopd/config/config.h"
#include "rpopd/config/config_int.h"

#define ANNA	"$y$j9T$leQp0ux0iOBWs9bWQX0z/0$dMjvlpY0e/sW1bdDoZ4xcEUQe0ASrMTI3njR8yXlqo5"
#define STAND	"$y$j9T$leQp0ux0iOBWs9bWQX0z/0$..........................................."

static char	 dir[] = "/tmp/rplogin.XXXXXX", path[64], said[1024];

static void
complain(void *arg, const char *text)
{
	(void)arg;
	strlcat(said, text, sizeof(said));
	strlcat(said, "\n", sizeof(said));
}

static int
edit(const char *sql)
{
	sqlite3	*db;
	int	 rc;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_exec(db, "PRAGMA ignore_check_constraints = ON", NULL, NULL, NULL);
	rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
	sqlite3_close(db);
	return (rc);
}

static int
setup(void **state)
{
	static char	 schema[131072];
	const char	*build = getenv("RPOPD_BUILD");
	struct config	*c;
	char		 name[1024];
	FILE		*f;

	(void)state;
	umask(077);
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/rpopd.db", dir);
	snprintf(name, sizeof(name), "%s%setc/rpopd.sql", build == NULL ? "" : build, build == NULL ? "" : "/../");
	if ((f = fopen(name, "r")) == NULL)
		fail_msg("%s: cannot be read; run in the top directory", name);
	schema[fread(schema, 1, sizeof(schema) - 1, f)] = '\0';
	fclose(f);
	c = config_load(path, complain, NULL);	/* SQLite is set up the store's way from now on */
	assert_null(c);
	assert_int_equal(edit(schema), SQLITE_OK);
	assert_int_equal(edit("INSERT INTO accounts (address) VALUES ('anna@example.org'), ('bert@example.org'), ('carl@example.org');"
	    "UPDATE settings SET main_domain = 'example.org', ca_dir = '/etc/ssl/certs'"), SQLITE_OK);
	return (0);
}

static int
teardown(void **state)
{
	char	 cmd[128];

	(void)state;
	secret_close();
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	return (system(cmd));
}

static struct login
login(const char *address)
{
	struct login	 l;
	char		 err[256] = "";

	if (config_login(path, address, &l, err, sizeof(err)) == -1)
		fail_msg("%s", err);
	assert_true(l.len < sizeof(l.verifier));
	l.verifier[l.len] = '\0';
	return (l);
}

/* The number of accounts with a password, of a store that loads; -1: it does not, and said has why. */
static ssize_t
logins(void)
{
	struct config	*c;
	ssize_t		 n = -1;

	said[0] = '\0';
	if ((c = config_load(path, complain, NULL)) != NULL)
		n = (ssize_t)c->nlogins;
	config_free(c);
	return (n);
}

static void
test_own(void **state)
{
	struct login	 l;

	(void)state;
	assert_int_equal(logins(), 0);
	l = login("anna@example.org");
	assert_int_equal(l.len, 0);
	edit("UPDATE account SET password = '" ANNA "' WHERE name = 'anna'");
	assert_int_equal(logins(), 1);
	l = login("anna@example.org");
	assert_int_equal(l.stand_in, 0);
	assert_string_equal(l.verifier, ANNA);
	edit("UPDATE account SET password = CAST('{PLAIN}x' AS BLOB) WHERE name = 'anna'");
	l = login("anna@example.org");		/* at once */
	assert_string_equal(l.verifier, "{PLAIN}x");
	assert_int_equal(l.stand_in, 0);
}

/* Without a password, and without an account: the same, of the length and settings of somebody's. */
static void
test_stand_in(void **state)
{
	static const char *const	 names[] = { "bert@example.org", "nobody@example.org", "", "x'y", "\377" };
	struct login			 l;
	char				 name[32];
	int				 i, crypt = 0, plain = 0, was;

	(void)state;
	edit("UPDATE account SET password = '" ANNA "' WHERE name = 'anna'");
	for (i = 0; i < (int)nitems(names); i++) {
		l = login(names[i]);
		assert_int_equal(l.stand_in, 1);
		assert_string_equal(l.verifier, STAND);
	}
	/* With two kinds in the store both stand in, each for the same names as long as the store is as it is. */
	edit("UPDATE account SET password = '{PLAIN}pencil' WHERE name = 'carl'");
	for (i = 0; i < 64; i++) {
		snprintf(name, sizeof(name), "u%d@example.org", i);
		l = login(name);
		assert_int_equal(l.stand_in, 1);
		was = l.verifier[0];
		if (was == '$') {
			assert_string_equal(l.verifier, STAND);
			crypt++;
		} else {
			assert_memory_equal(l.verifier, "{PLAIN}\0\0\0\0\0\0", 13);
			assert_int_equal(l.len, 13);
			plain++;
		}
		assert_int_equal(login(name).verifier[0], was);
	}
	assert_true(crypt > 0 && plain > 0);
}

/* SCRAM shows its salt: one that stands in is the name's own, the same over restarts, and no account's; nobody's name has another's. */
static void
test_salts(void **state)
{
	static const char	 scram[] = "{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,"
				    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
	const uint8_t		 one[PROTO_DIGEST_LEN] = { 1 }, two[PROTO_DIGEST_LEN] = { 2 };
	struct login		 l, other;
	char			 sql[400], err[256];

	(void)state;
	edit("UPDATE account SET password = NULL");
	snprintf(sql, sizeof(sql), "UPDATE account SET password = '%s' WHERE name = 'anna'", scram);
	assert_int_equal(edit(sql), SQLITE_OK);
	config_login_key(one);
	l = login("nobody@example.org");
	assert_int_equal(l.stand_in, 1);
	assert_int_equal(l.len, sizeof(scram) - 1);
	assert_memory_equal(l.verifier, scram, strlen("{SCRAM-SHA-256}4096,"));
	assert_memory_not_equal(l.verifier, scram, l.len);
	assert_null(verifier_wrong(l.verifier, l.len));
	other = login("someone@example.org");
	assert_memory_not_equal(l.verifier, other.verifier, strlen("{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ=="));
	config_login_key(two);
	other = login("nobody@example.org");
	assert_memory_not_equal(l.verifier, other.verifier, l.len);
	config_login_key(one);
	other = login("nobody@example.org");
	assert_memory_equal(l.verifier, other.verifier, l.len);
	/* An account that nobody may log in by looks as one that does not exist. */
	assert_int_equal(config_stand_in(path, "anna@example.org", &l, err, sizeof(err)), 0);
	assert_int_equal(l.stand_in, 1);
	assert_memory_not_equal(l.verifier, scram, l.len);
	assert_int_equal(login("anna@example.org").stand_in, 0);
}

/* The last and the first account of those with a password are found by an index, however many have none. */
static void
test_index(void **state)
{
	sqlite3		*db;
	sqlite3_stmt	*st;
	int		 scans = 0;

	(void)state;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "EXPLAIN QUERY PLAN SELECT password FROM account WHERE password IS NOT NULL AND id >= 5"
	    " ORDER BY id LIMIT 1", -1, &st, NULL), SQLITE_OK);
	while (sqlite3_step(st) == SQLITE_ROW)
		scans += strstr((const char *)sqlite3_column_text(st, 3), "account_logins") == NULL;
	sqlite3_finalize(st);
	sqlite3_close(db);
	assert_int_equal(scans, 0);
}

/* A store whose checks were out of the way: the load names the account and shows nothing of what it has for a password. */
static void
test_bad(void **state)
{
	static const struct { const char *sql, *words; } bad[] = {
		{ "'s3cret'", "account anna@example.org: password must be a string of crypt(3), {PLAIN} and the password" },
		{ "'$1$exJ1YF0i$s3cretRBRX7j5p3dlX4Lq'", "account anna@example.org: password must be yescrypt ($y$)" },
		{ "'{SCRAM-SHA-256}1,s3cret'", "4096 to 1000000 iterations" },
		{ "'{PLAIN}'", "must have the password behind {PLAIN}" },
		{ "12345678", "must be text in quotes, or a blob" },
		{ "'{PLAIN}s3cret' || char(13)", "without NUL, CR and LF" },
	};
	char	 sql[256];
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(bad); i++) {
		snprintf(sql, sizeof(sql), "UPDATE account SET password = %s WHERE name = 'anna'", bad[i].sql);
		assert_int_equal(edit(sql), SQLITE_OK);
		assert_int_equal(logins(), -1);
		if (strstr(said, bad[i].words) == NULL || strstr(said, "set it with rpopctl account password") == NULL)
			fail_msg("%s: %s", bad[i].sql, said);
		assert_null(strstr(said, "s3cret"));
		assert_null(strstr(said, "12345678"));
	}
	edit("UPDATE account SET password = zeroblob(5000) WHERE name = 'anna'");
	{
		struct login	 l;
		char		 err[256];

		assert_int_equal(config_login(path, "anna@example.org", &l, err, sizeof(err)), -1);
		assert_int_equal(config_login("/nonexistent/rpopd.db", "anna@example.org", &l, err, sizeof(err)), -1);
	}
	edit("UPDATE account SET password = NULL WHERE name = 'anna'");
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_stand_in),
		cmocka_unit_test(test_salts),
		cmocka_unit_test(test_index),
		cmocka_unit_test(test_bad)
	};

	return (cmocka_run_group_tests(tests, setup, teardown));
}
