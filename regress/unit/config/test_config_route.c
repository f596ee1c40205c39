/* SPDX-License-Identifier: ISC */
/* links: rpopd/config rpopd/db */
/* libs: -lsqlite3 */
/* Next hops, routes and what settings say of them: taken, or refused in the daemon's own words where nobody else refused. */
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "common/compat.h"
#include "rpopd/config/config.h"

static char	 dir[] = "/tmp/rproute.XXXXXX";
static char	 path[64];
static char	 told[8192];

static void
complain(void *arg, const char *sentence)
{
	(void)arg;
	strlcat(told, sentence, sizeof(told));
	strlcat(told, "\n", sizeof(told));
}

static struct config *
load(void)
{
	told[0] = '\0';
	return (config_load(path, complain, NULL));
}

static void
edit(const char *sql)
{
	sqlite3	*db;
	char	*err = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &err) != SQLITE_OK)
		fail_msg("%s: %s", sql, err);
	sqlite3_close(db);
}

static int
setup(void **state)
{
	static char	 schema[65536 * 2];
	const char	*build = getenv("RPOPD_BUILD");
	char		 name[1024] = "etc/rpopd.sql";
	FILE		*f;

	(void)state;
	umask(077);
	strlcpy(dir, "/tmp/rproute.XXXXXX", sizeof(dir));
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/rpopd.db", dir);
	assert_null(load());		/* SQLite is set up the store's way from now on */
	if (build != NULL)
		snprintf(name, sizeof(name), "%s/../etc/rpopd.sql", build);
	assert_non_null(f = fopen(name, "r"));
	schema[fread(schema, 1, sizeof(schema) - 1, f)] = '\0';
	fclose(f);
	edit(schema);
	edit("INSERT INTO accounts (address) VALUES ('postmaster@a.org'), ('anna@a.org'), ('bert@b.org');"
	    "UPDATE settings SET main_domain = 'a.org';"
	    "INSERT INTO nexthop (id, name, protocol, address, tls, auth_name, password, helo, xclient, null_sender, connections, timeout)"
	    " VALUES (3, 'out', 'smtp', 'MX.example.net', 'stls', 'us', 'pa55wd', 'we.a.org', 1, 'never', 7, 60);"
	    "INSERT INTO nexthop (id, name, address) VALUES (9, 'local', '/run/lmtp'), (10, 'six', '[2001:db8::1]:2424');"
	    "UPDATE settings SET ca_dir = '/etc/ssl/certs'");
	return (0);
}

static int
teardown(void **state)
{
	char	 cmd[128];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	return (system(cmd));
}

static void
test_nexthops(void **state)
{
	const struct nexthop_row	*n;
	struct config			*c;

	(void)state;
	if ((c = load()) == NULL)
		fail_msg("%s", told);
	assert_non_null(n = config_nexthop(c, 3));
	assert_string_equal(n->name, "out");
	assert_string_equal(n->host, "mx.example.net");
	assert_string_equal(n->path, "");
	assert_string_equal(n->user, "us");
	assert_string_equal(n->helo, "we.a.org");
	assert_int_equal(n->protocol, SEND_SMTP);
	assert_int_equal(n->tls, TLS_MODE_STLS);
	assert_int_equal(n->null_sender, NULL_SENDER_NEVER);
	assert_int_equal(n->port, 25);
	assert_int_equal(n->xclient, 1);
	assert_int_equal(n->connections, 7);
	assert_int_equal(n->timeout, 60);
	assert_non_null(n = config_nexthop(c, 9));
	assert_string_equal(n->path, "/run/lmtp");
	assert_string_equal(n->host, "");
	assert_int_equal(n->protocol, SEND_LMTP);
	assert_int_equal(n->null_sender, NULL_SENDER_AUTO);
	assert_non_null(n = config_nexthop(c, 10));
	assert_string_equal(n->host, "2001:db8::1");
	assert_int_equal(n->port, 2424);
	assert_null(config_nexthop(c, 4));
	config_free(c);
	edit("UPDATE nexthop SET tls = 'tls' WHERE id = 3; UPDATE nexthop SET address = '2001.example' WHERE id = 10");
	assert_non_null(c = load());
	assert_int_equal(config_nexthop(c, 3)->port, 465);
	assert_int_equal(config_nexthop(c, 10)->port, 24);
	config_free(c);
}

/* Where an account's mail goes: its own next hop, or that of the settings, or its Maildir. */
static void
test_effective(void **state)
{
	struct config	*c;

	(void)state;
	edit("UPDATE account SET nexthop = 'out' WHERE name = 'anna'");
	assert_non_null(c = load());
	assert_int_equal(route_account_by_address(c->routes, "anna@a.org")->nexthop, 3);
	assert_int_equal(route_account_by_address(c->routes, "bert@b.org")->nexthop, 0);
	assert_int_equal(c->settings.report_nexthop, 0);
	assert_string_equal(c->settings.archive, "");
	assert_int_equal(c->settings.detail, '+');
	assert_int_equal(c->settings.hop_limit, 100);
	assert_int_equal(c->settings.keep_state_days, 30);
	assert_int_equal(c->settings.min_free, 200);
	config_free(c);
	edit("UPDATE settings SET nexthop = 'local', report_nexthop = 'out', archive = 'bert@b.org', detail = '', hop_limit = 30,"
	    " queue_age = 3600, queue_limit = 5, keep_state_days = 0, min_free = 7");
	assert_non_null(c = load());
	assert_int_equal(route_account_by_address(c->routes, "anna@a.org")->nexthop, 3);
	assert_int_equal(route_account_by_address(c->routes, "bert@b.org")->nexthop, 9);
	assert_int_equal(c->settings.report_nexthop, 3);
	assert_string_equal(c->settings.archive, "bert@b.org");
	assert_int_equal(c->settings.detail, '\0');
	assert_int_equal(c->settings.hop_limit, 30);
	assert_int_equal(c->settings.queue_age, 3600);
	assert_int_equal(c->settings.queue_limit, 5);
	assert_int_equal(c->settings.keep_state_days, 0);
	assert_int_equal(c->settings.min_free, 7);
	assert_int_equal(route_lookup(c->routes, "anna+x@a.org", NULL, NULL, NULL), 0);
	config_free(c);
}

static void
test_secret(void **state)
{
	struct nexthop_row	 n;
	struct config		*c;
	uint8_t			 secret[PROTO_SECRET_MAX];
	char			 err[256];

	(void)state;
	assert_non_null(c = load());
	n = *config_nexthop(c, 3);
	assert_int_equal(config_nexthop_secret(path, &n, secret, err, sizeof(err)), 6);
	assert_memory_equal(secret, "pa55wd", 6);
	edit("UPDATE nexthop SET password = x'e4f6' WHERE id = 3");
	assert_int_equal(config_nexthop_secret(path, &n, secret, err, sizeof(err)), 2);
	assert_memory_equal(secret, "\xe4\xf6", 2);
	/* for another address, login or protection it is not given */
	edit("UPDATE nexthop SET address = 'other.example.net' WHERE id = 3");
	assert_int_equal(config_nexthop_secret(path, &n, secret, err, sizeof(err)), -1);
	assert_non_null(strstr(err, "changed since the store was loaded"));
	edit("UPDATE nexthop SET address = 'mx.example.net:26' WHERE id = 3");
	assert_int_equal(config_nexthop_secret(path, &n, secret, err, sizeof(err)), -1);
	edit("UPDATE nexthop SET address = 'mx.example.net:25', tls = 'tls' WHERE id = 3");
	assert_int_equal(config_nexthop_secret(path, &n, secret, err, sizeof(err)), -1);
	edit("UPDATE nexthop SET tls = 'stls', auth_name = 'x' WHERE id = 3");
	assert_int_equal(config_nexthop_secret(path, &n, secret, err, sizeof(err)), -1);
	edit("UPDATE nexthop SET auth_name = 'us' WHERE id = 3");
	assert_int_equal(config_nexthop_secret(path, &n, secret, err, sizeof(err)), 2);
	edit("DELETE FROM nexthop WHERE id = 3");
	assert_int_equal(config_nexthop_secret(path, &n, secret, err, sizeof(err)), -1);
	assert_non_null(strstr(err, "removed"));
	config_free(c);
}

#define NEXTHOP(c, v)	"INSERT INTO nexthop (name, address, " c ") VALUES ('n', 'h', " v ")"
#define ROUTE(c, v)	"INSERT INTO route (address, " c ") VALUES ('x@a.org', " v ")"
static const struct {
	const char	*sql, *sentence;
}	 bad[] = {
	{ NEXTHOP("protocol", "'uucp'"), "nexthop n: protocol is 'uucp', must be lmtp or smtp" },
	{ NEXTHOP("tls", "'maybe'"), "nexthop n: tls is 'maybe', must be none, stls or tls" },
	{ NEXTHOP("null_sender", "'x'"), "nexthop n: null_sender is 'x', must be auto, never or always" },
	{ NEXTHOP("connections", "0"), "nexthop n: connections is '0', must be a number, 1 to 100" },
	{ NEXTHOP("timeout", "1"), "nexthop n: timeout is '1', must be a number" },
	{ NEXTHOP("xclient", "2"), "nexthop n: xclient is '2'" },
	{ NEXTHOP("helo", "'a b'"), "nexthop n: helo is 'a b', must be a host name" },
	{ NEXTHOP("tls_name", "'h'"), "nexthop n: tls_name and ca_file are for tls and stls" },
	{ NEXTHOP("auth_name", "'u'"), "nexthop n: auth_name and password belong together" },
	{ NEXTHOP("auth_name, password", "'u', 'pa55wd'"), "nexthop n: a password is sent under TLS only, or to a socket" },
	{ NEXTHOP("auth_name, password, tls", "'u', 'pa55wd' || char(10), 'tls'"), "nexthop n: password must be text in quotes" },
	{ NEXTHOP("auth_name, password, tls", "'u' || char(13), 'pa55wd', 'tls'"), "nexthop n: auth_name must not be empty" },
	{ NEXTHOP("tls, ca_file", "'tls', 'x'"), "nexthop n: ca_file is 'x', must be an absolute path" },
	{ "INSERT INTO nexthop (name, address) VALUES ('n', 'h:0')", "nexthop n: address is 'h:0', must be host, host:port" },
	{ "INSERT INTO nexthop (name, address) VALUES ('n', '/a/../b')", "nexthop n: address is '/a/../b', must be the absolute path" },
	{ "INSERT INTO nexthop (name, address, tls) VALUES ('n', '/a', 'tls')", "nexthop n: a socket in the file system takes no tls" },
	{ "INSERT INTO nexthop (id, name, address) VALUES (4294967296, 'n', 'h')", "nexthop n: id is '4294967296', must be a number" },
	{ "UPDATE account SET nexthop = 'none' WHERE name = 'anna'", "account anna@a.org: nexthop is 'none', which is not in table nexthop" },
	{ "UPDATE settings SET nexthop = 'none'", "settings: nexthop is 'none', which is not in table nexthop" },
	{ "UPDATE settings SET report_nexthop = 'none'", "settings: report_nexthop is 'none', which is not in table nexthop" },
	{ "UPDATE settings SET archive = 'x@a.org'", "settings: archive is 'x@a.org', which is neither an account nor an address" },
	{ "UPDATE settings SET archive = '*@a.org'", "settings: archive is '*@a.org', must be local-part@domain" },
	{ "UPDATE settings SET detail = 'x'", "settings: detail is 'x', must be one of" },
	{ "UPDATE settings SET detail = '++'", "settings: detail must be at most 1 octets" },
	{ "UPDATE settings SET hop_limit = 1", "settings: hop_limit is '1'" },
	{ "UPDATE settings SET queue_age = 1", "settings: queue_age is '1'" },
	{ "UPDATE settings SET queue_limit = 0", "settings: queue_limit is '0'" },
	{ "UPDATE settings SET min_free = 1048577", "settings: min_free is '1048577'" },
	{ "UPDATE settings SET keep_state_days = -1", "settings: keep_state_days is '-1'" },
	{ "UPDATE domain SET source_routes = 2", "source_routes is '2'" },
	{ ROUTE("action", "'bounce'"), "route x@a.org: action is 'bounce', must be deliver, reject or discard" },
	{ ROUTE("action", "'deliver'"), "route x@a.org: deliver needs a target or a nexthop" },
	{ ROUTE("action, target", "'reject', 'anna@a.org'"), "route x@a.org: reject and discard have neither target" },
	{ ROUTE("action, text", "'reject', 'a' || char(10)"), "route x@a.org: text is 'a\\n', must be the reason of a reject" },
	{ ROUTE("action, text", "'discard', 'a'"), "route x@a.org: text is 'a', must be the reason of a reject" },
	{ ROUTE("target", "'ANNA@a.org'"), "route x@a.org: target is 'ANNA@a.org', must be local-part@domain" },
	{ ROUTE("target", "'*@b.org'"), "route x@a.org: target is '*@b.org', which is for addresses *@domain" },
	{ ROUTE("target, folder", "'anna@a.org', '..'"), "route x@a.org: folder is '..', must be a folder" },
	{ ROUTE("target, folder, nexthop", "'anna@a.org', 'L', 'out'"), "route x@a.org: folder is for a target that is an account" },
	{ ROUTE("nexthop", "'none'"), "route x@a.org: nexthop is 'none', which is not in table nexthop" },
	{ ROUTE("target", "'x@a.org'"), "route x@a.org: a loop: x@a.org -> x@a.org" },
	{ ROUTE("target", "'nobody@b.org'"), "route x@a.org: target nobody@b.org leads nowhere" }
};

static void
test_refused(void **state)
{
	struct config	*c;
	char		 sql[512];
	size_t		 i;

	for (i = 0; i < nitems(bad); i++) {
		edit("DROP TRIGGER account_nexthop; DROP TRIGGER settings_nexthop; DROP TRIGGER settings_archive;"
		    "DROP TRIGGER route_insert; DROP TRIGGER route_update");
		snprintf(sql, sizeof(sql), "PRAGMA ignore_check_constraints = ON; %s", bad[i].sql);
		edit(sql);
		if ((c = load()) != NULL)
			fail_msg("wanted '%s', but it loads", bad[i].sentence);
		if (strstr(told, bad[i].sentence) == NULL)
			fail_msg("wanted '%s', got:\n%s", bad[i].sentence, told);
		assert_null(strstr(told, "pa55wd"));
		teardown(state);
		setup(state);
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(test_nexthops, setup, teardown),
		cmocka_unit_test_setup_teardown(test_effective, setup, teardown),
		cmocka_unit_test_setup_teardown(test_secret, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
