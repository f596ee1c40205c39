/* SPDX-License-Identifier: ISC */
/* links: rpopd/config rpopd/db rpopd/state */
/* libs: -lsqlite3 */
/* Grants: what a request gets out of rpopd.db, and what state.db remembers of it. */
#include <sys/types.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sha2.h>
#include <sqlite3.h>

#include "common/compat.h"
#include "rpopd/config/config.h"
#include "rpopd/state/state.h"

static char		 dir[] = "/tmp/rptoken.XXXXXX";
static char		 path[64], state_path[64], err[1024];
static struct config	*config;
static struct grant_secret secret;
static struct token_row	 row;
static uint8_t		 origins[16][PROTO_DIGEST_LEN];
static size_t		 norigins;

static void
complain(void *arg, const char *sentence)
{
	(void)arg;
	fail_msg("%s", sentence);
}

static void
sink(enum log_level level, const char *text)
{
	(void)level;
	(void)text;
}

static void
edit(const char *db, const char *sql)
{
	sqlite3	*c;
	char	*error = NULL;

	assert_int_equal(sqlite3_open(db, &c), SQLITE_OK);
	if (sqlite3_exec(c, sql, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s: %s", sql, error);
	sqlite3_close(c);
}

static char *
schema(void)
{
	static char	 text[131072];
	const char	*build = getenv("RPOPD_BUILD");
	char		 name[1024] = "etc/rpopd.sql";
	FILE		*f;

	if (build != NULL)
		snprintf(name, sizeof(name), "%s/../etc/rpopd.sql", build);
	if ((f = fopen(name, "r")) == NULL)
		fail_msg("%s: cannot be read; run in the top directory", name);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return (text);
}

static void
load(void)
{
	config_free(config);
	assert_non_null(config = config_load(path, complain, NULL));
}

static int
setup(void **state)
{
	char	 sql[256];

	(void)state;
	umask(077);
	log_setsink(sink);
	strlcpy(dir, "/tmp/rptoken.XXXXXX", sizeof(dir));
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/0a1b2c3d.0", dir);	/* a CA certificate by name, for ca_dir */
	close(open(path, O_WRONLY | O_CREAT, 0600));
	snprintf(path, sizeof(path), "%s/rpopd.db", dir);
	snprintf(state_path, sizeof(state_path), "%s/state.db", dir);
	if (state_open(state_path, err, sizeof(err)) == -1)
		fail_msg("%s", err);
	edit(path, schema());
	snprintf(sql, sizeof(sql), "UPDATE settings SET ca_dir = '%s'", dir);
	edit(path, sql);
	edit(path, "INSERT INTO accounts (address) VALUES ('anna@example.org');"
	    "INSERT INTO oauth_client (name, token_url, client_id, client_secret, scope, grant_type) VALUES"
	    " ('a', 'https://IDP.example/token', 'id', 'shh', 'mail', 'refresh_token'),"
	    " ('b', 'https://[::1]:8443/t?x', 'id', x'00ff', NULL, 'client_credentials');"
	    "INSERT INTO rpop (account, name, domain, auth_name, oauth_client, refresh_token) VALUES"
	    " ('anna@example.org', '1', 'h', 'u', 'a', 'first'), ('anna@example.org', '2', 'h', 'u', 'b', NULL),"
	    " ('anna@example.org', '3', 'h', 'u', 'a', x'6601ff')");
	load();
	return (0);
}

static int
teardown(void **state)
{
	char	 cmd[128];

	(void)state;
	state_close();
	config_free(config);
	config = NULL;
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	return (system(cmd));
}

static int
get(size_t n)
{
	return (config_grant(path, &config->records[n], &secret, err, sizeof(err)));
}

static void
test_grant(void **state)
{
	uint8_t	 digest[SHA256_DIGEST_LENGTH];
	SHA2_CTX ctx;

	(void)state;
	assert_int_equal(get(0), 0);
	assert_int_equal(secret.refresh_len, 5);
	assert_memory_equal(secret.refresh, "first", 5);
	assert_int_equal(secret.client_len, 3);
	assert_memory_equal(secret.client, "shh", 3);
	SHA256Init(&ctx);
	SHA256Update(&ctx, (const uint8_t *)"first", 5);
	SHA256Final(digest, &ctx);
	assert_memory_equal(secret.origin, digest, sizeof(digest));
	assert_int_equal(get(1), 0);
	assert_int_equal(secret.refresh_len, 0);
	assert_int_equal(secret.client_len, 2);
	assert_memory_equal(secret.client, "\0\xff", 2);
	assert_memory_equal(secret.origin, secret.cause, sizeof(secret.cause));
	assert_int_equal(get(2), 0);
	assert_int_equal(secret.refresh_len, 3);
}

/* The origin is the refresh token's alone; the cause is everything's. */
static void
test_digests(void **state)
{
	static const char *const	 edits[] = {
		"UPDATE oauth_client SET client_secret = 'other' WHERE name = 'a'", "UPDATE oauth_client SET scope = 'm' WHERE name = 'a'",
		"UPDATE oauth_client SET scope = NULL, client_id = 'idmail' WHERE name = 'a'",
		"UPDATE oauth_client SET token_url = 'https://idp.example/tokens' WHERE name = 'a'",
		"UPDATE oauth_client SET client_secret = NULL WHERE name = 'a'"
	};
	uint8_t		 origin[PROTO_DIGEST_LEN], cause[PROTO_DIGEST_LEN];
	size_t		 i;

	(void)state;
	assert_int_equal(get(0), 0);
	memcpy(origin, secret.origin, sizeof(origin));
	for (i = 0; i < nitems(edits); i++) {
		memcpy(cause, secret.cause, sizeof(cause));
		edit(path, edits[i]);
		load();
		assert_int_equal(get(0), 0);
		assert_memory_equal(secret.origin, origin, sizeof(origin));
		assert_memory_not_equal(secret.cause, cause, sizeof(cause));
	}
	edit(path, "UPDATE rpop SET refresh_token = 'second' WHERE name = '1'");
	assert_int_equal(get(0), 0);		/* a new token needs no reload */
	assert_memory_not_equal(secret.origin, origin, sizeof(origin));
}

/* Secrets go only where they were entered for. */
static void
test_changed_since_load(void **state)
{
	static const char *const	 edits[] = {
		"UPDATE oauth_client SET token_url = 'https://evil.example/token' WHERE name = 'a'",
		"UPDATE oauth_client SET token_url = 'https://idp.example:444/token' WHERE name = 'a'",
		"UPDATE oauth_client SET token_url = 'https://idp.example/token2' WHERE name = 'a'",
		"UPDATE oauth_client SET client_id = 'i' WHERE name = 'a'", "UPDATE oauth_client SET scope = 's' WHERE name = 'a'",
		"UPDATE rpop SET oauth_client = 'b' WHERE name = '1'", "UPDATE rpop SET domain = 'elsewhere' WHERE name = '1'",
		"UPDATE rpop SET auth_name = 'v' WHERE name = '1'", "DELETE FROM rpop WHERE name = '1'"
	};
	size_t	 i;

	for (i = 0; i < nitems(edits); i++) {
		edit(path, edits[i]);
		assert_int_equal(get(0), -1);
		assert_non_null(strstr(err, "reload"));
		assert_int_equal(teardown(state), 0);
		setup(state);
	}
	edit(path, "UPDATE oauth_client SET token_url = 'https://idp.EXAMPLE:443/token' WHERE name = 'a'");
	assert_int_equal(get(0), 0);		/* the same place in other words */
}

static void
test_rotate(void **state)
{
	static uint8_t	 longest[PROTO_TOKEN_MAX];

	(void)state;
	assert_int_equal(get(0), 0);
	assert_int_equal(state_token_get(secret.origin, &row), DB_NONE);
	assert_int_equal(row.refresh_len, 0);
	assert_int_equal(state_token_rotate(secret.origin, (const uint8_t *)"next", 4), DB_OK);
	assert_int_equal(state_token_get(secret.origin, &row), DB_OK);
	assert_int_equal(row.refresh_len, 4);
	assert_memory_equal(row.refresh, "next", 4);
	memset(longest, 'x', sizeof(longest));
	assert_int_equal(state_token_rotate(secret.origin, longest, sizeof(longest)), DB_OK);
	state_close();
	assert_int_equal(state_open(state_path, err, sizeof(err)), 0);
	assert_int_equal(state_token_get(secret.origin, &row), DB_OK);
	assert_int_equal(row.refresh_len, sizeof(longest));
	assert_memory_equal(row.refresh, longest, sizeof(longest));
	assert_string_equal(row.suspended, "");
}

static void
test_suspend(void **state)
{
	(void)state;
	assert_int_equal(get(0), 0);
	assert_int_equal(state_token_rotate(secret.origin, (const uint8_t *)"next", 4), DB_OK);
	assert_int_equal(state_token_suspend(secret.origin, secret.cause, "a reason"), DB_OK);
	assert_int_equal(state_token_get(secret.origin, &row), DB_OK);
	assert_string_equal(row.suspended, "a reason");
	assert_memory_equal(row.cause, secret.cause, sizeof(row.cause));
	assert_int_equal(row.refresh_len, 4);		/* a corrected client goes on with it */
	assert_int_equal(state_token_rotate(secret.origin, (const uint8_t *)"third", 5), DB_OK);
	assert_int_equal(state_token_get(secret.origin, &row), DB_OK);
	assert_string_equal(row.suspended, "");
}

/* Beside everything else that is known of it. */
static void
test_end(void **state)
{
	(void)state;
	assert_int_equal(get(0), 0);
	assert_int_equal(state_token_end(secret.origin, 2000, 1000, 0), DB_OK);
	assert_int_equal(state_token_get(secret.origin, &row), DB_OK);
	assert_int_equal(row.refresh_len, 0);
	assert_true(row.ends == 2000 && row.said == 1000 && !row.warned);
	assert_int_equal(state_token_rotate(secret.origin, (const uint8_t *)"next", 4), DB_OK);
	assert_int_equal(state_token_suspend(secret.origin, secret.cause, "a reason"), DB_OK);
	assert_int_equal(state_token_end(secret.origin, 2001, 1500, 1), DB_OK);
	state_close();
	assert_int_equal(state_open(state_path, err, sizeof(err)), 0);
	assert_int_equal(state_token_get(secret.origin, &row), DB_OK);
	assert_true(row.ends == 2001 && row.said == 1500 && row.warned);
	assert_int_equal(row.refresh_len, 4);
	assert_string_equal(row.suspended, "a reason");
}

static void
test_locked(void **state)
{
	sqlite3	*other;

	(void)state;
	assert_int_equal(get(0), 0);
	assert_int_equal(sqlite3_open(state_path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(state_token_rotate(secret.origin, (const uint8_t *)"next", 4), DB_BUSY);
	assert_int_equal(state_token_get(secret.origin, &row), DB_NONE);
	sqlite3_close(other);
	assert_int_equal(state_token_rotate(secret.origin, (const uint8_t *)"next", 4), DB_OK);
}

static int
collect(void *arg, const uint8_t *origin)
{
	(void)arg;
	memcpy(origins[norigins++], origin, PROTO_DIGEST_LEN);
	return (0);
}

/* What no record can ask for any more is forgotten. */
static void
test_prune(void **state)
{
	uint8_t	 ids[3][PROTO_DIGEST_LEN];
	size_t	 i;

	(void)state;
	for (i = 0; i < 3; i++) {
		assert_int_equal(get(i), 0);
		memcpy(ids[i], secret.origin, PROTO_DIGEST_LEN);
		assert_int_equal(state_token_rotate(ids[i], (const uint8_t *)"x", 1), DB_OK);
	}
	norigins = 0;
	assert_int_equal(config_origins(path, collect, NULL), 0);
	assert_int_equal(norigins, 3);
	assert_int_equal(state_token_prune(origins, norigins), DB_OK);
	for (i = 0; i < 3; i++)
		assert_int_equal(state_token_get(ids[i], &row), DB_OK);
	edit(path, "UPDATE rpop SET period = NULL WHERE name = '3'; DELETE FROM rpop WHERE name = '1'");
	norigins = 0;
	assert_int_equal(config_origins(path, collect, NULL), 0);
	assert_int_equal(norigins, 2);
	assert_int_equal(state_token_prune(origins, norigins), DB_OK);
	assert_int_equal(state_token_get(ids[0], &row), DB_NONE);
	assert_int_equal(state_token_get(ids[1], &row), DB_OK);
	assert_int_equal(state_token_get(ids[2], &row), DB_OK);
	assert_int_equal(state_token_prune(NULL, 0), DB_OK);
	assert_int_equal(state_token_get(ids[1], &row), DB_NONE);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(test_grant, setup, teardown),
		cmocka_unit_test_setup_teardown(test_digests, setup, teardown),
		cmocka_unit_test_setup_teardown(test_changed_since_load, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rotate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_suspend, setup, teardown),
		cmocka_unit_test_setup_teardown(test_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_locked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prune, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
