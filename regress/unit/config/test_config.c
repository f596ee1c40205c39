/* SPDX-License-Identifier: ISC */
/* links: rpopd/config rpopd/db */
/* libs: -lsqlite3 */
/* rpopd.db: what is taken, what is refused and in which words, also where the schema's own checks were switched off. */
#include <sys/types.h>
#include <sys/stat.h>
#include <sys/wait.h>

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
#include <sqlite3.h>

#include "common/compat.h"
#include "rpopd/config/config.h"

static char	 dir[] = "/tmp/rpconfig.XXXXXX";
static char	 path[64], ca_dir[64];
static char	 told[8192];
static int	 ntold;

static void
complain(void *arg, const char *sentence)
{
	(void)arg;
	ntold++;
	strlcat(told, sentence, sizeof(told));
	strlcat(told, "\n", sizeof(told));
}

static struct config *
load(void)
{
	told[0] = '\0';
	ntold = 0;
	return (config_load(path, complain, NULL));
}

/* The load fails, and one sentence of it holds this text. */
static void
refused(const char *text)
{
	struct config	*c = load();

	if (c != NULL)
		fail_msg("wanted '%s', but it loads", text);
	if (strstr(told, text) == NULL)
		fail_msg("wanted '%s', got:\n%s", text, told);
}

static sqlite3 *
admin(void)
{
	sqlite3	*db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	return (db);
}

static void
exec(sqlite3 *db, const char *sql)
{
	char	*err = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &err) != SQLITE_OK)
		fail_msg("%s: %s", sql, err);
}

static void
edit(const char *sql)
{
	sqlite3	*db = admin();

	exec(db, sql);
	sqlite3_close(db);
}

/* As edit(), with every CHECK and trigger out of the way. */
static void
force(const char *sql)
{
	static const char *const	 tables[] = { "domain", "account", "route", "settings", "rpop", "accounts", "listener", "certificate", "acl" };
	sqlite3		*db = admin();
	char		 drop[128];
	size_t		 i;

	exec(db, "PRAGMA ignore_check_constraints = ON");
	for (i = 0; i < nitems(tables); i++) {
		snprintf(drop, sizeof(drop), "DROP TRIGGER IF EXISTS %s_insert; DROP TRIGGER IF EXISTS %s_update; "
		    "DROP TRIGGER IF EXISTS %s_delete", tables[i], tables[i], tables[i]);
		exec(db, drop);
	}
	exec(db, "DROP TRIGGER settings_schedule");
	exec(db, sql);
	sqlite3_close(db);
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

static int
setup(void **state)
{
	char	 sql[256], hash[128];
	int	 fd;

	(void)state;
	umask(077);
	strlcpy(dir, "/tmp/rpconfig.XXXXXX", sizeof(dir));
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/rpopd.db", dir);
	snprintf(ca_dir, sizeof(ca_dir), "%s/ca", dir);
	refused("No such file");	/* and SQLite is set up the store's way from now on */
	assert_int_equal(mkdir(ca_dir, 0700), 0);
	snprintf(hash, sizeof(hash), "%s/0a1b2c3d.0", ca_dir);
	assert_true((fd = open(hash, O_WRONLY | O_CREAT, 0600)) != -1);
	close(fd);
	edit(schema());
	snprintf(sql, sizeof(sql), "UPDATE settings SET ca_dir = '%s'", ca_dir);
	edit(sql);
	edit("INSERT INTO accounts (address) VALUES ('postmaster@example.org'), ('anna@example.org'), ('bert@example.com');"
	    "UPDATE settings SET main_domain = 'example.org', processors = 7, nameservers = '127.0.0.1:5353,[::1]:53';"
	    "INSERT INTO route (address, target) VALUES ('sales@example.org', 'anna@example.org');"
	    "INSERT INTO rpop (account, name, domain, auth_name, password, period, mailbox, leave)"
	    " VALUES ('anna@example.org', 'work', 'POP.example.net', 'anna#x/~y%z @d', 'pa55wd', 60, 'Lists/bsd', 1);"
	    "INSERT INTO rpop (account, name, domain, auth_name, password, special, local_domain, tls)"
	    " VALUES ('postmaster@example.org', 'com', '[2001:db8::1]:1110', 'example.com', x'e4f6', 'X-Real-To', 'example.com',"
	    " 'stls');"
	    "INSERT INTO rpop (account, name, domain, auth_name, special, tls, period, apop, domains)"
	    " VALUES ('postmaster@example.org', 'org', 'h', 'u', '*', 'none', NULL, 1, 'example.org');"
	    "UPDATE rpop SET special_nth = 2, trusted_hop = 'mx.example.net', strip_prefix = 'box-', domains = 'example.org example.com',"
	    " suppress = 0, received_for = 1, special = 'X-Real-To Delivered-To' WHERE name = 'com'");
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

static int
keep_account(void *arg, const struct route_place *p)
{
	*(const struct route_account **)arg = p->account;
	return (0);
}

static void
test_good(void **state)
{
	const struct route_account	*account = NULL;
	struct config			*c;
	struct record			*r;
	uint32_t			 accounts, domains, rows;

	(void)state;
	if ((c = load()) == NULL)
		fail_msg("%s", told);
	assert_string_equal(c->settings.mail_root, "/var/spool/rpopd");
	assert_string_equal(c->settings.nameservers, "127.0.0.1:5353,[::1]:53");
	assert_string_equal(c->settings.hostname, "");
	assert_int_equal(c->settings.processors, 7);
	assert_int_equal(c->settings.use_apop, 1);
	assert_int_equal(c->settings.idle_timeout, 180);
	assert_int_equal(c->settings.session_timeout, 3600);
	assert_int_equal(c->settings.delay_failed_accounts, 300);
	route_counts(c->routes, &accounts, &domains, &rows);
	assert_int_equal(accounts, 3);
	assert_int_equal(domains, 2);
	assert_int_equal(rows, 1);
	assert_int_equal(route_lookup(c->routes, "sales@example.org", keep_account, &account, NULL), 1);
	assert_ptr_equal(account, route_account_by_address(c->routes, "anna@example.org"));
	assert_int_equal(c->settings.postmaster, route_account_by_address(c->routes, "postmaster@example.org")->id);
	assert_int_equal(c->nrecords, 3);
	r = &c->records[0];
	assert_string_equal(r->owner, "anna@example.org");
	assert_int_equal(r->account, account->id);
	assert_string_equal(r->name, "work");
	assert_string_equal(r->host, "pop.example.net");
	assert_string_equal(r->user, "anna#x/~y%z @d");
	assert_string_equal(r->mailbox, "Lists/bsd");
	assert_string_equal(r->local_domain, "example.org");
	assert_int_equal(r->port, 995);
	assert_int_equal(r->period, 60);
	assert_int_equal(r->mode, DIST_OWNER);
	assert_int_equal(r->tls, TLS_MODE_TLS);
	assert_int_equal(r->leave, 1);
	r = &c->records[1];
	assert_string_equal(r->host, "2001:db8::1");
	assert_int_equal(r->port, 1110);
	assert_string_equal(r->local_domain, "example.com");
	assert_string_equal(r->special, "X-Real-To Delivered-To");
	assert_int_equal(r->special_nth, 2);
	assert_string_equal(r->trusted_hop, "mx.example.net");
	assert_string_equal(r->strip_prefix, "box-");
	assert_string_equal(r->domains, "example.org example.com");
	assert_int_equal(r->suppress, 0);
	assert_int_equal(r->received_for, 1);
	assert_int_equal(r->mode, DIST_FIELD);
	assert_int_equal(r->tls, TLS_MODE_STLS);
	r = &c->records[2];
	assert_int_equal(r->mode, DIST_STAR);
	assert_string_equal(r->domains, "example.org");
	assert_int_equal(r->suppress, 1);
	assert_string_equal(r->trusted_hop, "");
	assert_int_equal(r->period, 0);
	assert_int_equal(r->port, 110);
	assert_int_equal(r->apop, 1);
	assert_string_equal(r->local_domain, "example.org");
	config_free(c);
}

/* One row each: an edit past the schema, and what must be said. */
#define TLS_LISTENER	"INSERT INTO listener (address, port, cert, key) VALUES ('*', 995, '/c', '/k'); "

static const struct {
	const char	*sql, *text;
}	 edits[] = {
	{ "UPDATE rpop SET tls = 'sslv3' WHERE name = 'work'",
	    "rpop anna@example.org/work: tls is 'sslv3', must be tls, stls or none" },
	{ "UPDATE rpop SET tls = 'none' || char(0) || 'x' WHERE name = 'work'",
	    "work: tls is 'none\\000x', must be tls, stls or none" },
	{ "UPDATE rpop SET tls_min = '1.3' || char(0) WHERE name = 'work'", "tls_min is '1.3\\000', must be 1.0, 1.1, 1.2 or 1.3" },
	{ "CREATE TEMP TABLE t AS SELECT * FROM nexthop WHERE 0; DROP TABLE nexthop; CREATE TABLE nexthop AS SELECT * FROM temp.t;"
	    " INSERT INTO nexthop (id, name, protocol, address, tls, xclient, null_sender, connections, timeout, keep_trace) VALUES"
	    " (1, 'n', x'736d7470', 'h', 'none', 0, 'auto', 1, 60, 0)", "nexthop n: protocol is 'smtp', must be lmtp or smtp" },
	{ "UPDATE rpop SET domain = 'pop:99999' WHERE name = 'work'",
	    "rpop anna@example.org/work: domain is 'pop:99999', must be host, host:port, [v6] or [v6]:port" },
	{ "UPDATE rpop SET domain = 'https://pop.example.org' WHERE name = 'work'", "domain is 'https://pop.example.org', "
	    "must be the host alone, or host:port, without a scheme such as https:// and without a path" },
	{ "INSERT INTO nexthop (name, address) VALUES ('n', 'unix:/run/lmtp')", "nexthop n: address is 'unix:/run/lmtp', "
	    "must be host or host:port alone, or the path of a socket, without a scheme such as smtp:// or unix:" },
	{ "UPDATE rpop SET domain = '[::g]' WHERE name = 'work'", "domain is '[::g]'" },
	{ "UPDATE rpop SET domain = ''", "domain is ''" },
	{ "UPDATE rpop SET period = 1 WHERE name = 'work'", "period is '1', must be a number, 10 to 31536000" },
	{ "UPDATE rpop SET leave = 3 WHERE name = 'work'", "leave is '3', must be a number, 0 to 1" },
	{ "UPDATE rpop SET apop = 3 WHERE name = 'work'", "apop is '3', must be a number, 0 to 1" },
	{ "UPDATE rpop SET auth_name = 'a' || char(13) WHERE name = 'work'",
	    "auth_name must not be empty or contain CR, LF or NUL" },
	{ "UPDATE rpop SET auth_name = 'a' || char(0) || 'b' WHERE name = 'work'",
	    "auth_name must be at most 512 octets without NUL" },
	{ "UPDATE rpop SET auth_name = printf('%.513c', 'a') WHERE name = 'work'",
	    "auth_name must be at most 512 octets without NUL" },
	{ "UPDATE rpop SET auth_name = '' WHERE name = 'work'", "auth_name must not be empty" },
	{ "UPDATE rpop SET name = 'a' || char(7) WHERE name = 'work'", "name must be text without control characters" },
	{ "UPDATE rpop SET password = 'a' || char(10) WHERE name = 'work'", "work: password must not contain CR, LF or NUL" },
	{ "UPDATE rpop SET password = x'6100' WHERE name = 'work'", "password must not contain CR, LF or NUL" },
	{ "UPDATE rpop SET password = 5 WHERE name = 'work'", "password must be text in quotes, or a blob" },
	{ "UPDATE rpop SET password = zeroblob(1025) WHERE name = 'work'", "password must be 1 to 1024 octets" },
	{ "UPDATE rpop SET password = NULL WHERE name = 'work'", "the password is missing; set it, or set period to NULL" },
	{ "UPDATE rpop SET mailbox = '../x' WHERE name = 'work'", "mailbox is '../x', must be a folder" },
	{ "UPDATE rpop SET mailbox = '' WHERE name = 'work'", "mailbox is '', must be a folder" },
	{ "UPDATE rpop SET special = 'a  b' WHERE name = 'com'", "special is 'a  b', must be '*', or names of header fields" },
	{ "UPDATE rpop SET special = 'a ' WHERE name = 'com'", "special is 'a '" },
	{ "UPDATE rpop SET special = 'X-A *' WHERE name = 'com'", "special is 'X-A *'" },
	{ "UPDATE rpop SET special = 'X-A: X-B' WHERE name = 'com'", "special is 'X-A: X-B'" },
	{ "UPDATE rpop SET special = 'X-A reply-to' WHERE name = 'com'", "special is 'X-A reply-to'" },
	{ "UPDATE rpop SET special = printf('%.78c', 'a') WHERE name = 'com'", "must be '*', or names of header fields" },
	{ "UPDATE rpop SET special_nth = 0 WHERE name = 'com'", "special_nth is '0', must be a number, 1 to 100" },
	{ "UPDATE rpop SET special_nth = 1 WHERE name = 'org'", "special_nth, trusted_hop and strip_prefix are for records with a" },
	{ "UPDATE rpop SET trusted_hop = 'mx' WHERE name = 'work'", "special_nth, trusted_hop and strip_prefix are for records with a" },
	{ "UPDATE rpop SET strip_prefix = 'x-' WHERE name = 'org'", "special_nth, trusted_hop and strip_prefix are for records with a" },
	{ "UPDATE rpop SET trusted_hop = 'a b' WHERE name = 'com'", "trusted_hop is 'a b', must be the host name" },
	{ "UPDATE rpop SET strip_prefix = 'a@' WHERE name = 'com'", "strip_prefix is 'a@', must be what the provider puts" },
	{ "UPDATE rpop SET domains = 'example.org example.net' WHERE name = 'com'", "domains is 'example.org example.net', must be names of" },
	{ "UPDATE rpop SET domains = 'example.org  example.com' WHERE name = 'com'", "must be names of table domain" },
	{ "UPDATE rpop SET domains = '' WHERE name = 'com'", "domains is '', must be names of table domain" },
	{ "UPDATE rpop SET domains = 'example.org' WHERE name = 'work'", "domains is for records with special; set it to NULL" },
	{ "UPDATE rpop SET special = 'X-A List-Id' WHERE name = 'com'", "special is 'X-A List-Id'" },
	{ "UPDATE rpop SET special = 'cc' WHERE name = 'com'", "special is 'cc'" },
	{ "UPDATE rpop SET received_for = 2 WHERE name = 'com'", "received_for is '2', must be a number, 0 to 1" },
	{ "UPDATE rpop SET received_for = 1, trusted_hop = NULL WHERE name = 'com'", "received_for needs trusted_hop, or anybody could write" },
	{ "UPDATE rpop SET suppress = 2 WHERE name = 'com'", "suppress is '2', must be a number, 0 to 1" },
	{ "UPDATE rpop SET special = 'Subject' WHERE name = 'com'", "special is 'Subject'" },
	{ "UPDATE rpop SET special = '*', mailbox = NULL WHERE name = 'work'",
	    "rpop anna@example.org/work: special is for records of the postmaster of settings.main_domain only" },
	{ "UPDATE rpop SET mailbox = 'x' WHERE name = 'com'", "mailbox and special exclude each other; set one to NULL" },
	{ "UPDATE rpop SET local_domain = 'example.net' WHERE name = 'com'",
	    "local_domain is 'example.net', must be in table domain" },
	{ "UPDATE rpop SET local_domain = 'example.com' WHERE name = 'work'", "local_domain is for records with special" },
	{ "UPDATE rpop SET account = 'x@example.org' WHERE name = 'work'", "rpop x@example.org/work: there is no such account" },
	{ "UPDATE account SET name = 'An/na' WHERE name = 'anna'", "account An/na@example.org: name must be in lower case" },
	{ "UPDATE account SET name = '..' WHERE name = 'bert'", "account ..@example.com: name must be" },
	{ "UPDATE account SET domain = 'example.net' WHERE name = 'bert'", "its domain is not in table domain" },
	{ "UPDATE account SET id = 4294967296 WHERE name = 'bert'", "id is '4294967296', must be a number, 1 to 4294967295" },
	{ "INSERT INTO domain (name) VALUES ('spool')", "domain spool: must be a domain in lower case, and not 'spool'" },
	{ "INSERT INTO domain (name) VALUES ('../x')", "domain ../x: must be a domain" },
	{ "INSERT INTO domain (name) VALUES ('a-.b')", "domain a-.b: must be a domain" },
	{ "UPDATE route SET target = 'x@example.org'",
	    "route sales@example.org: target x@example.org leads nowhere: make it an account or an address of table route" },
	{ "UPDATE route SET address = 'bert@example.com'", "address is an account of its own" },
	{ "UPDATE route SET address = 'x@example.net'", "route x@example.net: the domain of address is not in table domain" },
	{ "UPDATE route SET address = 'X@example.org'", "address must be local-part@domain or *@domain in lower case" },
	{ "DELETE FROM settings", "settings: the row is missing; run: INSERT INTO settings DEFAULT VALUES" },
	{ "INSERT INTO settings (id, main_domain) VALUES (2, 'example.org')", "settings: there is more than one row" },
	{ "UPDATE settings SET main_domain = 'example.net'", "settings: main_domain is not in table domain" },
	{ "UPDATE settings SET main_domain = NULL", "special is for records of the postmaster of settings.main_domain only" },
	{ "UPDATE settings SET main_domain = 'example.com'",
	    "need the postmaster account of main_domain; run: INSERT INTO accounts (address) VALUES ('postmaster@example.com')" },
	{ "UPDATE settings SET mail_root = 'x'", "settings: mail_root is 'x', must be an absolute path" },
	{ "UPDATE settings SET mail_root = '/a/..'", "mail_root is '/a/..'" },
	{ "UPDATE settings SET hostname = 'a b'", "hostname is 'a b'" },
	{ "UPDATE settings SET nameservers = '127.0.0.1,dns'", "nameservers is '127.0.0.1,dns', must be numeric addresses" },
	{ "UPDATE settings SET nameservers = '999.0.0.1'", "nameservers is '999.0.0.1'" },
	{ "UPDATE settings SET processors = 1001", "processors is '1001', must be a number, 0 to 1000" },
	{ "UPDATE settings SET idle_timeout = 1", "idle_timeout is '1'" },
	{ "UPDATE settings SET session_timeout = 100", "session_timeout must not be shorter than idle_timeout" },
	{ "UPDATE settings SET ca_dir = '/proc/self/fd'",
	    "no hashed certificates, which records and next hops with tls need; run: openssl rehash" },
	{ "DROP TABLE account; CREATE TABLE account (id INTEGER PRIMARY KEY, name, domain, nexthop, address); INSERT INTO account (name,"
	    " domain) VALUES ('anna', 'example.org'), ('anna', 'example.org')",
	    "account anna@example.org: this address is there more than once; delete all but one" },
	{ "DROP TABLE route; CREATE TABLE route (address, target, folder, nexthop, action, text); INSERT INTO route VALUES"
	    " (x'00', 5, NULL, NULL, 'deliver', NULL)", "must be text in quotes" },
	{ "DROP TABLE route; CREATE TABLE route (address, target, folder, nexthop, action, text); INSERT INTO route VALUES"
	    " ('sales@example.org', NULL, NULL, 7, 'deliver', NULL)", "nexthop is '7', which is not in table nexthop" },
	{ "DROP TABLE account; CREATE TABLE account (id INTEGER PRIMARY KEY, name, domain, nexthop, address);"
	    " INSERT INTO account (name, domain, nexthop) VALUES ('anna', 'example.org', 7)",
	    "nexthop is '7', which is not in table nexthop" },
	{ "DROP TRIGGER settings_nexthop; PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'report_nexthop'"
	    " || char(9) || 'TEXT', 'report_nexthop ANY') WHERE name = 'settings'; PRAGMA writable_schema = RESET;"
	    " UPDATE settings SET report_nexthop = 7", "settings: report_nexthop is '7', which is not in table nexthop" },
	{ "DROP VIEW records; DROP TABLE rpop", "the schema is not the one of rpopd.sql" },
	{ "DROP TABLE route; CREATE VIEW route (address, target) AS SELECT address, address FROM account", "route" },
	{ "CREATE TABLE extra (a TEXT REFERENCES account (address)); INSERT INTO extra VALUES ('x')",
	    "table extra, rowid 1: refers to a row of table account that does not exist" },
	{ "CREATE TABLE extra (a); CREATE INDEX by_a ON extra (a); INSERT INTO extra VALUES (1), (2), (3);"
	    " PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE INDEX by_a ON extra (a DESC)' "
	    "WHERE name = 'by_a'",
	    "integrity check: " },
	{ "PRAGMA application_id = 1", "is not a store of rpopd" },
	{ "PRAGMA user_version = 1", "has schema version 1, this rpopd knows version 5" },
	{ "UPDATE settings SET source_address = '192.0.2.1,192.0.2.2'", "source_address is '192.0.2.1,192.0.2.2', must be numeric" },
	{ "UPDATE settings SET source_address = 'localhost'", "settings: source_address is 'localhost'" },
	{ "UPDATE settings SET socks = '192.0.2.1'", "settings: socks is '192.0.2.1'" },
	{ "UPDATE settings SET socks = 'proxy:1080'", "settings: socks is 'proxy:1080'" },
	{ "UPDATE settings SET log_level = 'loud'", "log_level is 'loud', must be crashes, failures, major, problems, low or all" },
	{ "UPDATE settings SET schedule = 'office'", "settings: schedule is not in table schedule" },
	{ "UPDATE settings SET host_sessions = 0", "host_sessions is '0', must be a number, 1 to 1000" },
	{ "UPDATE settings SET delay_failed_hosts = 1", "delay_failed_hosts is '1', must be a number" },
	{ "UPDATE settings SET self_poll = 2", "self_poll is '2'" },
	{ "UPDATE domain SET address = 'x'", "domain example.com: address is 'x', must be numeric addresses" },
	{ "INSERT INTO schedule (name, days) VALUES ('o', '18')", "schedule o/00:00: days is '18', must be digits" },
	{ "INSERT INTO schedule (name, begins) VALUES ('o', '8:00')", "begins is '8:00', must be a time of day" },
	{ "INSERT INTO schedule (name, begins) VALUES ('o', '24:00')", "begins is '24:00', must be a time of day" },
	{ "INSERT INTO schedule (name, ends) VALUES ('o', '23:60')", "ends is '23:60', must be a time of day" },
	{ "INSERT INTO schedule (name, ends) VALUES ('o', '00:00')", "ends is '00:00', must be a time of day" },
	{ "INSERT INTO schedule (name, pause) VALUES ('o', -1)", "pause is '-1', must be a number" },
	{ "INSERT INTO oauth_client (name, token_url, client_id) VALUES ('c', 'http://h/t', 'i')",
	    "oauth_client c: token_url is 'http://h/t', must be https://host/path" },
	{ "INSERT INTO oauth_client (name, token_url, client_id) VALUES ('c', 'https://u@h/t', 'i')", "must be https://host/path" },
	{ "INSERT INTO oauth_client (name, token_url, client_id) VALUES ('c', 'https://h:0/t', 'i')", "must be https://host/path" },
	{ "INSERT INTO oauth_client (name, token_url, client_id, grant_type) VALUES ('c', 'https://h/t', 'i', 'client_credentials')",
	    "oauth_client c: client_credentials need a client_secret" },
	{ "INSERT INTO oauth_client (name, token_url, client_id, grant_type) VALUES ('c', 'https://h/t', 'i', 'password')",
	    "grant_type is 'password', must be refresh_token or client_credentials" },
	{ "INSERT INTO oauth_client (name, token_url, client_id, client_secret) VALUES ('c', 'https://h/t', 'i', 5)",
	    "client_secret must be text in quotes" },
	{ "UPDATE account SET pop = 2 WHERE name = 'anna'", "account anna@example.org: pop is '2', must be a number, 0 to 1" },
	{ "UPDATE account SET login_delay = -1 WHERE name = 'anna'", "login_delay is '-1', must be a number, 0 to 86400" },
	{ "UPDATE account SET sessions = 0 WHERE name = 'anna'", "sessions is '0', must be a number, 1 to 1000" },
	{ "UPDATE account SET unified = 2 WHERE name = 'anna'", "unified is '2', must be a number, 0 to 1" },
	{ "UPDATE settings SET unified_field = 'X-A X-B'", "unified_field is 'X-A X-B', must be the name of one header field" },
	{ "UPDATE settings SET unified_field = 'received'", "unified_field is 'received', must be the name of one header field" },
	{ "UPDATE account SET expire_days = 0 WHERE name = 'anna'", "expire_days is '0', must be a number, 1 to 36500" },
	{ "UPDATE account SET submit = 2 WHERE name = 'anna'", "submit is '2', must be a number, 0 to 1" },
	{ "UPDATE settings SET submit_limit = 0", "settings: submit_limit is '0', must be a number, 1 to 100000" },
	{ "UPDATE settings SET submit_recipients = 0", "settings: submit_recipients is '0', must be a number, 1 to 1000" },
	{ "UPDATE settings SET submit_size = 0", "settings: submit_size is '0', must be a number, 1024 to 1073741824" },
	{ "UPDATE settings SET pop_channels = -1", "settings: pop_channels is '-1', must be a number, 0 to 10000" },
	{ "UPDATE settings SET pop_per_address = 0", "settings: pop_per_address is '0', must be a number, 1 to 10000" },
	{ "UPDATE settings SET pop_login_delay = 86401", "settings: pop_login_delay is '86401', must be a number, 0 to 86400" },
	{ "UPDATE settings SET pop_idle = 599", "settings: pop_idle is '599', must be a number, 600 to 86400" },
	{ "UPDATE settings SET pop_clear = 'x'", "settings: pop_clear is 'x', must be never, local or always" },
	{ "UPDATE settings SET pop_apop = 2", "settings: pop_apop is '2'" },
	{ "UPDATE settings SET pop_log_level = 'loud'", "settings: pop_log_level is 'loud', must be crashes, failures, major, problems, low,"
	    " all, or NULL" },
	{ "UPDATE settings SET pop_auth = 'dovecot'", "settings: pop_auth is 'dovecot', must be store, the path" },
	{ "UPDATE settings SET pop_auth = 'checkpassword:x'", "settings: pop_auth is 'checkpassword:x', must be" },
	{ "UPDATE settings SET pop_auth_user = 'mail'", "settings: pop_auth_user is 'mail', must be the user, not root" },
	{ "UPDATE settings SET pop_auth = 'checkpassword:/x', pop_auth_user = 'root'", "settings: pop_auth_user is 'root', must be" },
	{ "INSERT INTO listener (address, port, tls) VALUES ('127.0.0.1,::1', 110, 'none')",
	    "listener 127.0.0.1,::1/110: address is '127.0.0.1,::1', must be a numeric address of this host, without brackets, or '*' for all" },
	{ "INSERT INTO listener (address, port, tls) VALUES ('::1', 0, 'none')", "listener ::1/0: port is '0', must be a number, 1 to 65535" },
	{ "INSERT INTO listener (address, port, tls) VALUES ('*', 110, 'ssl')", "listener */110: tls is 'ssl', must be tls, stls or none" },
	{ "INSERT INTO listener (address, port) VALUES ('*', 995)", "listener */995: tls and stls need cert and key" },
	{ "INSERT INTO listener (address, port, tls, key) VALUES ('*', 110, 'none', '/k')", "listener */110: cert and key are for tls and stls" },
	{ "INSERT INTO listener (address, port, cert, key) VALUES ('*', 995, 'c', '/k')", "cert is 'c', must be an absolute path" },
	{ "INSERT INTO listener (address, port, cert, key) VALUES ('*', 995, '/c', '/../k')", "key is '/../k', must be an absolute path" },
	{ "INSERT INTO listener (address, port, tls, channels) VALUES ('*', 110, 'none', 0)", "channels is '0', must be a number, 1 to 10000" },
	{ "INSERT INTO listener (address, port, tls) VALUES ('*', 110, 'none'), ('::1', 110, 'none')",
	    "listener ::1/110: * and another row have the same port; delete one of them" },
	{ "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9)"
	    " INSERT INTO listener (address, port, tls) SELECT '*', 110 + i, 'none' FROM n", "there are more than 16 sockets, of which * is two" },
	{ "INSERT INTO certificate VALUES ('*', 995, '/c', '/k')", "certificate */995: no listener with TLS has this address and port; insert it" },
	{ "INSERT INTO listener (address, port, tls) VALUES ('::1', 110, 'none'); INSERT INTO certificate VALUES ('::1', 110, '/c', '/k')",
	    "certificate ::1/110: no listener with TLS has this address and port; insert it" },
	{ TLS_LISTENER "INSERT INTO certificate VALUES ('*', 995, 'c', '/k')", "certificate */995: cert is 'c', must be an absolute path without .." },
	{ TLS_LISTENER "INSERT INTO certificate VALUES ('*', 995, '/c', '/a/../k')", "key is '/a/../k', must be an absolute path without .." },
	{ TLS_LISTENER "WITH RECURSIVE n (i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 74) INSERT INTO certificate"
	    " SELECT '*', 995, '/c' || i, '/k' FROM n", "certificate */995: a listener has 64 of them at most; delete the one with /c74" },
	{ "INSERT INTO acl VALUES ('x@example.org', 'INBOX', 'anyone', 'r')", "acl x@example.org/INBOX: owner is 'x@example.org', must be the address" },
	{ "INSERT INTO acl VALUES ('anna@example.org', 'inbox', 'anyone', 'r')", "folder is 'inbox', must be INBOX, or a folder" },
	{ "INSERT INTO acl VALUES ('anna@example.org', 'INBOX', '*@nowhere', 'r')", "who is '*@nowhere', must be the address of an account" },
	{ "INSERT INTO acl VALUES ('anna@example.org', 'INBOX', 'some', 'r')", "who is 'some', must be the address of an account" },
	{ "INSERT INTO acl VALUES ('anna@example.org', 'INBOX', 'anyone', 'rr')", "rights is 'rr', must be letters of l, r, s and t, each once" },
	{ "INSERT INTO acl VALUES ('anna@example.org', 'INBOX', 'anyone', 'x')", "rights is 'x', must be letters of l, r, s and t, each once" },
	{ "INSERT INTO domain_admin (account, domain, can_access_mailboxes) VALUES ('anna@example.org', 'example.org', 2)",
	    "can_access_mailboxes is '2', must be a number, 0 to 1" },
	{ "UPDATE rpop SET auth = 'gssapi' WHERE name = 'work'", "auth is 'gssapi', is no login mechanism" },
	{ "UPDATE rpop SET auth = 'xoauth2' WHERE name = 'work'", "work: auth oauthbearer and xoauth2 need an oauth_client" },
	{ "UPDATE rpop SET auth = 'external' WHERE name = 'work'", "work: auth external needs tls_cert and tls_key" },
	{ "UPDATE rpop SET oauth_client = 'x' WHERE name = 'work'", "oauth_client is 'x', must be in table oauth_client" },
	{ "UPDATE rpop SET token_command = '/bin/x' WHERE name = 'work'", "password, oauth_client and token_command exclude each" },
	{ "UPDATE rpop SET token_command = 'x', password = NULL WHERE name = 'work'", "token_command is 'x', must be an absolute path" },
	{ "UPDATE rpop SET token_command = '/x', token_user = 'root', password = NULL WHERE name = 'work'", "token_user is 'root'" },
	{ "UPDATE rpop SET token_command = '/x', password = NULL, tls = 'none' WHERE name = 'work'", "tokens are sent under TLS only" },
	{ "UPDATE rpop SET refresh_token = 'x' WHERE name = 'work'", "refresh_token belongs to an oauth_client" },
	{ "INSERT INTO oauth_client (name, token_url, client_id) VALUES ('c', 'https://h/t', 'i');"
	    "UPDATE rpop SET oauth_client = 'c', password = NULL WHERE name = 'work'", "work: refresh_token is missing" },
	{ "UPDATE rpop SET tls_min = '1.4' WHERE name = 'work'", "tls_min is '1.4', must be 1.0, 1.1, 1.2 or 1.3" },
	{ "UPDATE rpop SET tls_ciphers = 'a;b' WHERE name = 'work'", "tls_ciphers is 'a;b', must be an OpenSSL cipher list" },
	{ "UPDATE rpop SET tls_name = 'a b' WHERE name = 'work'", "tls_name is 'a b', must be the host name" },
	{ "UPDATE rpop SET ca_file = 'ca.pem' WHERE name = 'work'", "ca_file is 'ca.pem', must be an absolute path" },
	{ "UPDATE rpop SET tls_key = '/k' WHERE name = 'work'", "tls_cert and tls_key belong together" },
	{ "UPDATE rpop SET tls_pins = 'abc' WHERE name = 'work'", "tls_pins is 'abc', must be 1 to 8 SHA-256 sums" },
	{ "UPDATE rpop SET tls_pins = printf('%.*c', 65, 'a') WHERE name = 'work'", "must be 1 to 8 SHA-256 sums" },
	{ "UPDATE rpop SET tls_pins = '/' WHERE name = 'org'", "are for tls and stls" },
	{ "UPDATE rpop SET schedule = 'office' WHERE name = 'work'", "schedule is 'office', must be in table schedule" },
	{ "UPDATE rpop SET max_size = 0 WHERE name = 'work'", "max_size is '0', must be a number" },
	{ "UPDATE rpop SET oversize = 'drop' WHERE name = 'work'", "oversize is 'drop', must be skip or headers" },
	{ "UPDATE rpop SET session_octets = 0 WHERE name = 'work'", "session_octets is '0', must be a number" },
	{ "UPDATE rpop SET session_messages = -1 WHERE name = 'work'", "session_messages is '-1', must be a number" },
	{ "UPDATE rpop SET leave_days = 3, leave = 0 WHERE name = 'work'", "leave_days, and first_poll 'mark', are for records with leave" },
	{ "UPDATE rpop SET first_poll = 'x' WHERE name = 'work'", "first_poll is 'x', must be retrieve or mark" },
	{ "UPDATE rpop SET self_service = 2 WHERE name = 'work'", "self_service is '2'" }
};

static void
test_edits(void **state)
{
	size_t	 i;

	for (i = 0; i < nitems(edits); i++) {
		force(edits[i].sql);
		refused(edits[i].text);
		assert_null(strstr(told, "pa55wd"));
		teardown(state);
		setup(state);
	}
}

static void
test_network(void **state)
{
	static const uint8_t	 pin[2] = { 0xab, 0x01 };
	struct config		*c;
	struct record		*r;

	(void)state;
	edit("UPDATE settings SET source_address = '::1,192.0.2.1', use_domain_addresses = 1, socks = '[::1]:1080', self_poll = 1,"
	    " host_sessions = 3, delay_failed_hosts = 20, log_level = 'low';"
	    "UPDATE domain SET address = '192.0.2.7,192.0.2.8' WHERE name = 'example.org';"
	    "INSERT INTO schedule (name, days, begins, ends, pause) VALUES ('office', '135', '08:30', '18:00', 600),"
	    " ('office', '7', '22:00', '02:00', 0);"
	    "UPDATE settings SET schedule = 'office';"
	    "INSERT INTO oauth_client (name, token_url, client_id, scope) VALUES ('c', 'https://[::1]:8443/t?x=y', 'id', 'a b');"
	    "UPDATE rpop SET schedule = 'office', max_size = 5, oversize = 'headers', session_messages = 6, session_octets = 5000000000,"
	    " leave_days = 7, first_poll = 'mark', self_service = 1, tls_min = '1.3', tls_ciphers = 'HIGH', tls_name = 'x',"
	    " period = NULL, ca_file = '/ca', tls_cert = '/c', tls_key = '/k', auth = 'scram-sha-256',"
	    " tls_pins = replace(printf('%.64c ', 'x') || printf('%.64c', 'x'), 'xx', 'ab') WHERE name = 'work';"
	    "UPDATE rpop SET oauth_client = 'c', refresh_token = 'r', password = NULL WHERE name = 'com'");
	edit("UPDATE rpop SET tls_pins = replace(tls_pins, ' ab', ' 01') WHERE name = 'work'");
	if ((c = load()) == NULL)
		fail_msg("%s", told);
	assert_int_equal(c->settings.log_level, LOG_LEVEL_LOW);
	assert_string_equal(c->settings.socks, "[::1]:1080");
	assert_string_equal(c->settings.schedule, "office");
	assert_int_equal(c->settings.delay_failed_hosts, 20);
	assert_int_equal(c->settings.host_sessions, 3);
	assert_int_equal(c->nwindows, 2);
	assert_int_equal(c->windows[0].days, 0x15);
	assert_int_equal(c->windows[0].begins, 510);
	assert_int_equal(c->windows[0].ends, 1080);
	assert_int_equal(c->windows[0].pause, 600);
	assert_int_equal(c->windows[1].ends, 120);
	r = &c->records[0];
	assert_string_equal(r->source, "192.0.2.7,192.0.2.8");	/* its domain's addresses */
	assert_int_equal(r->auth, AUTH_SCRAM_SHA_256);
	assert_int_equal(r->max_size, 5);
	assert_int_equal(r->headers_only, 1);
	assert_int_equal(r->session_messages, 6);
	assert_true(r->session_octets == 5000000000ULL);
	assert_int_equal(r->leave_days, 7);
	assert_int_equal(r->mark_first, 1);
	assert_int_equal(r->self_service, 1);
	assert_int_equal(r->tls_min, 13);
	assert_string_equal(r->tls_ciphers, "HIGH");
	assert_string_equal(r->tls_name, "x");
	assert_string_equal(r->tls_key, "/k");
	assert_int_equal(r->npins, 2);
	assert_memory_equal(r->pins, pin, 1);
	assert_memory_equal(r->pins + PROTO_DIGEST_LEN, pin + 1, 1);
	r = &c->records[1];
	assert_string_equal(r->source, "::1,192.0.2.1");	/* a unified record: the settings' */
	assert_string_equal(r->client->host, "::1");
	assert_int_equal(r->client->port, 8443);
	assert_string_equal(r->client->path, "/t?x=y");
	assert_string_equal(r->client->scope, "a b");
	assert_int_equal(r->client->client_credentials, 0);
	r = &c->records[2];
	assert_int_equal(r->auth, AUTH_AUTO);
	assert_string_equal(r->schedule, "");
	assert_int_equal(r->npins, 0);
	config_free(c);
}

/* Listeners, rights in folders of others, and how accounts read their mail. */
static void
test_pop(void **state)
{
	struct image		*image = NULL;
	struct config		*c, *again;
	struct pop_account	 p;
	const struct route_account *a;
	char			 dest[PROTO_DEST_SIZE];
	uint32_t		 all = POP_RIGHT_READ | POP_RIGHT_SEEN | POP_RIGHT_DELETE;

	(void)state;
	if ((c = load()) == NULL)
		fail_msg("%s", told);
	assert_int_equal(c->nlisteners, 0);
	assert_int_equal(c->npops, 0);
	assert_int_equal(c->login_kinds, 0);
	assert_int_equal(c->settings.pop_channels, 100);
	assert_int_equal(c->settings.pop_clear, POP_CLEAR_LOCAL);
	config_free(c);
	edit("UPDATE settings SET pop_login_delay = 60, pop_clear = 'never';"
	    "UPDATE account SET pop = 0, login_delay = 5, password = '{PLAIN}x' WHERE name = 'bert';"
	    "UPDATE account SET expire_days = 30, sessions = 2, submit = 1,"
	    " password = '$5$salt$3VVNJwgdJq3Gxf0w2Wbb5hC0SZPFDCF4PXBTW4Lru8B'"
	    " WHERE address = 'anna@example.org';"
	    "UPDATE account SET password = '{SCRAM-SHA-256}4096,c2FsdA==,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=,"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=' WHERE address = 'postmaster@example.org';"
	    "INSERT INTO listener (address, port, tls, channels) VALUES ('::1', 110, 'none', 7), ('*', 1110, 'none', 8);"
	    "INSERT INTO acl VALUES ('anna@example.org', 'INBOX', 'bert@example.com', 'r'), ('anna@example.org', 'INBOX', 'anyone', 'l'),"
	    " ('anna@example.org', 'INBOX', '*@example.com', 'ts'), ('anna@example.org', 'Lists', 'anyone', 'lr'), ('anna@example.org', 'A.b', 'bert@example.com', 's');"
	    "UPDATE domain SET address = '192.0.2.8,192.0.2.7,2001:db8::1' WHERE name = 'example.com';"
	    "UPDATE domain SET address = '192.0.2.8' WHERE name = 'example.org';"
	    "INSERT INTO domain_admin (account, domain, can_access_mailboxes) VALUES ('postmaster@example.org', 'example.com', 1)");
	if ((c = config_load_image(path, complain, NULL, &image)) == NULL)
		fail_msg("%s", told);
	assert_int_equal(c->nlisteners, 2);
	assert_string_equal(c->listeners[0].address, "*");
	assert_int_equal(c->listeners[0].port, 1110);
	assert_int_equal(c->listeners[1].channels, 7);
	assert_int_equal(c->listeners[1].tls, TLS_MODE_NONE);
	assert_int_equal(config_acl(c, "anna@example.org", "INBOX", "bert@example.com"), all);
	assert_int_equal(config_acl(c, "anna@example.org", "INBOX", "postmaster@example.org"), 0);
	assert_int_equal(config_acl(c, "anna@example.org", "Lists", "postmaster@example.org"), POP_RIGHT_READ);
	assert_int_equal(config_acl(c, "anna@example.org", "Lists/bsd", "bert@example.com"), 0);
	assert_int_equal(config_acl(c, "anna@example.org", "Lists/bsd", "anna@example.org"), all);
	assert_int_equal(config_acl(c, "bert@example.com", "INBOX", "postmaster@example.org"), all);
	assert_int_equal(config_acl(c, "bert@example.com", "INBOX", "anna@example.org"), 0);
	assert_int_equal(config_acl(c, "anna@example.org", "inbox", "bert@example.com"), all);
	assert_int_equal(config_acl(c, "anna@example.org", "A.b", "bert@example.com"), POP_RIGHT_SEEN);
	assert_int_equal(config_acl(c, "anna@example.org", "A/b", "bert@example.com"), POP_RIGHT_SEEN);
	assert_string_equal(config_home(c, "192.0.2.7"), "example.com");
	assert_string_equal(config_home(c, "2001:db8:0::1"), "example.com");
	assert_string_equal(config_home(c, "192.0.2.8"), "example.org");	/* of two domains: the main domain */
	assert_string_equal(config_home(c, "192.0.2.70"), "example.org");
	assert_string_equal(config_home(c, ""), "example.org");
	a = route_account_by_address(c->routes, "anna@example.org");
	assert_int_equal(config_folder(a, "", dest, sizeof(dest)), 0);
	assert_string_equal(dest, "example.org/anna");
	assert_int_equal(config_folder(a, "inbox", dest, sizeof(dest)), 0);
	assert_string_equal(dest, "example.org/anna");
	assert_int_equal(config_folder(a, "Lists/open bsd.misc", dest, sizeof(dest)), 0);
	assert_string_equal(dest, "example.org/anna/.Lists.open bsd.misc");
	assert_int_equal(config_folder(a, "../bert", dest, sizeof(dest)), -1);
	assert_int_equal(config_folder(a, "a//b", dest, sizeof(dest)), -1);
	assert_int_equal(config_folder(a, ".", dest, sizeof(dest)), -1);
	p = config_pop(c, route_account_by_address(c->routes, "bert@example.com")->id);
	assert_true(p.pop == 0 && p.login_delay == 5 && p.sessions == 10 && p.expire_days == UINT32_MAX && p.submit == 0);
	p = config_pop(c, route_account_by_address(c->routes, "anna@example.org")->id);
	assert_true(p.pop == 1 && p.login_delay == 60 && p.sessions == 2 && p.expire_days == 30 && p.submit == 1);
	p = config_pop(c, route_account_by_address(c->routes, "postmaster@example.org")->id);
	assert_true(p.pop == 1 && p.login_delay == 60 && p.sessions == 10 && p.expire_days == UINT32_MAX);
	assert_int_equal(c->npops, 2);
	/* The image has other passwords, and the forms there are. */
	assert_int_equal(c->login_kinds, 1U << VERIFIER_CRYPT | 1U << VERIFIER_PLAIN | 1U << VERIFIER_SCRAM);
	if ((again = image_load(image, path, complain, NULL)) == NULL)
		fail_msg("%s", told);
	assert_int_equal(again->login_kinds, c->login_kinds);
	assert_int_equal(again->nacl, 5);
	config_free(again);
	config_free(c);
	image_free(image);
}

/* The files of a listener are looked at when it is loaded: the rest works without it. */
static void
test_pop_files(void **state)
{
	struct config	*c;

	(void)state;
	edit("INSERT INTO listener (address, port, cert, key) VALUES ('*', 995, '/nonexistent/c.pem', '/nonexistent/k.pem')");
	if ((c = load()) == NULL)
		fail_msg("%s", told);
	assert_int_equal(c->unsound, 1);
	assert_non_null(strstr(told, "listener */995: cert cannot be opened: No such file or directory; correct the path: /"));
	config_free(c);
	edit("INSERT INTO listener (address, port, cert, key) VALUES ('*', 996, '/nonexistent/c.pem', '/nonexistent/k.pem');"
	    "INSERT INTO certificate VALUES ('*', 996, '/nonexistent/b.pem', '/k'), ('*', 995, '/nonexistent/z.pem', '/k'),"
	    " ('*', 995, '/nonexistent/y.pem', '/nonexistent/k')");
	if ((c = load()) == NULL)
		fail_msg("%s", told);
	assert_int_equal(c->unsound, 5);
	assert_non_null(strstr(told, "certificate */995 /nonexistent/y.pem: cert cannot be opened: No such file or directory; correct the path: /"));
	assert_non_null(strstr(told, "certificate */996 /nonexistent/b.pem: cert cannot be opened"));
	assert_int_equal(c->ncertificates, 3);
	assert_int_equal(c->certificates[0].port, 995);
	assert_string_equal(c->certificates[0].address, "*");
	assert_string_equal(c->certificates[0].cert, "/nonexistent/y.pem");
	assert_string_equal(c->certificates[0].key, "/nonexistent/k");
	assert_int_equal(c->certificates[2].port, 996);
	config_free(c);
	/* As many as there may be. */
	edit("DELETE FROM certificate; WITH RECURSIVE n (i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 73)"
	    " INSERT INTO certificate SELECT '*', port, '/c' || i, '/k' FROM n, listener");
	if ((c = load()) == NULL)
		fail_msg("%s", told);
	assert_int_equal(c->ncertificates, 128);
	config_free(c);
}

static void
test_every_row_named(void **state)
{
	(void)state;
	force("UPDATE rpop SET tls = 'x'; UPDATE settings SET processors = -1");
	refused("rpop anna@example.org/work: tls");
	assert_non_null(strstr(told, "rpop postmaster@example.org/com: tls"));
	assert_non_null(strstr(told, "rpop postmaster@example.org/org: tls"));
	assert_non_null(strstr(told, "settings: processors"));
	assert_null(strstr(told, "integrity"));
}

static void
test_file(void **state)
{
	char	 link[80], by_dir[80], real[64], below[64];

	(void)state;
	assert_int_equal(chmod(path, 0640), 0);
	refused("is open to others (mode 0640); run: chmod 600");
	assert_int_equal(chmod(path, 0600), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(path, 1, -1), 0);
		refused("belongs to uid 1; run: chown 0");
		assert_int_equal(chown(path, 0, -1), 0);
	}
	assert_int_equal(chmod(dir, 0777), 0);
	refused("others can write directory");
	assert_int_equal(chmod(dir, 01777), 0);		/* sticky: a journal can be planted all the same */
	refused("and plant a journal that SQLite believes; run: chmod go-w");
	assert_int_equal(chmod(dir, 0700), 0);
	snprintf(below, sizeof(below), "%.40s/below", dir);
	assert_int_equal(mkdir(below, 0700), 0);
	strlcpy(real, path, sizeof(real));
	snprintf(path, sizeof(path), "%.50s/none.db", below);
	assert_int_equal(chmod(dir, 0777), 0);
	refused("and replace what is below it");
	assert_int_equal(chmod(dir, 01777), 0);		/* sticky: nobody else can move the directory of the store */
	refused("No such file");
	assert_int_equal(chmod(dir, 0700), 0);
	assert_int_equal(rmdir(below), 0);
	strlcpy(path, real, sizeof(path));
	strlcpy(real, path, sizeof(real));
	snprintf(link, sizeof(link), "%s/link", dir);
	snprintf(by_dir, sizeof(by_dir), "%s/sub", dir);
	assert_int_equal(symlink(real, link), 0);
	strlcpy(path, link, sizeof(path));
	refused("is a symbolic link");
	assert_int_equal(symlink(dir, by_dir), 0);
	snprintf(path, sizeof(path), "%.40s/rpopd.db", by_dir);
	config_free(load());
	assert_int_equal(ntold, 0);
	snprintf(path, sizeof(path), "%s/ca", dir);
	refused("is not a regular file");
	strlcpy(path, real, sizeof(path));
}

static void
test_damaged(void **state)
{
	struct stat	 st;
	uint8_t		 page[4096];
	off_t		 off;
	int		 fd;

	(void)state;
	assert_true((fd = open(path, O_RDWR)) != -1);
	assert_int_equal(fstat(fd, &st), 0);
	memset(page, 0xa5, sizeof(page));
	for (off = 2 * 4096; off < st.st_size; off += 4096)
		assert_int_equal(pwrite(fd, page, sizeof(page), off), sizeof(page));
	refused("damaged");
	assert_int_equal(pwrite(fd, page, 100, 0), 100);
	refused("damaged");
	assert_int_equal(ftruncate(fd, 0), 0);
	refused("is not a store of rpopd");
	close(fd);
}

/* An edit that was killed half-way is rolled back, and the store is what it was. */
static void
test_hot_journal(void **state)
{
	struct config	*c;
	pid_t		 pid;
	sqlite3		*db;
	int		 status;

	(void)state;
	if ((pid = fork()) == 0) {
		db = admin();
		sqlite3_exec(db, "PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN; UPDATE settings SET processors = 9;"
		    "CREATE TABLE filler (x); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
		    " INSERT INTO filler SELECT randomblob(500) FROM n", NULL, NULL, NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	c = load();
	assert_non_null(c);
	assert_int_equal(ntold, 0);
	assert_int_not_equal(c->settings.processors, 9);
	config_free(c);
}

static void
test_locks(void **state)
{
	struct config	*c = load();
	uint8_t		 secret[PROTO_SECRET_MAX];
	char		 err[256];
	sqlite3		*db = admin();

	(void)state;
	assert_non_null(c);
	exec(db, "BEGIN IMMEDIATE");	/* somebody went to lunch: readers go on */
	assert_int_equal(config_secret(path, &c->records[0], secret, err, sizeof(err)), 6);
	exec(db, "ROLLBACK; BEGIN EXCLUSIVE");
	assert_int_equal(config_secret(path, &c->records[0], secret, err, sizeof(err)), -1);
	assert_non_null(strstr(err, "locked by somebody's open transaction"));
	exec(db, "ROLLBACK");
	sqlite3_close(db);
	config_free(c);
}

static void
test_secret(void **state)
{
	struct config	*c = load();
	uint8_t		 secret[PROTO_SECRET_MAX];
	char		 err[256];

	(void)state;
	assert_non_null(c);
	assert_int_equal(config_secret(path, &c->records[0], secret, err, sizeof(err)), 6);
	assert_memory_equal(secret, "pa55wd", 6);
	assert_int_equal(config_secret(path, &c->records[1], secret, err, sizeof(err)), 2);
	assert_memory_equal(secret, "\xe4\xf6", 2);
	assert_int_equal(config_secret(path, &c->records[2], secret, err, sizeof(err)), -1);
	assert_string_equal(err, "no usable password in the store");
	edit("UPDATE rpop SET password = 'new' WHERE name = 'work'");
	assert_int_equal(config_secret(path, &c->records[0], secret, err, sizeof(err)), 3);
	/* A new password for a new host must not go to the old one. */
	edit("UPDATE rpop SET domain = 'other.example.net' WHERE name = 'work'");
	assert_int_equal(config_secret(path, &c->records[0], secret, err, sizeof(err)), -1);
	assert_non_null(strstr(err, "changed since the store was loaded"));
	edit("UPDATE rpop SET domain = 'pop.example.net', tls = 'none' WHERE name = 'work'");
	assert_int_equal(config_secret(path, &c->records[0], secret, err, sizeof(err)), -1);
	edit("UPDATE rpop SET auth_name = 'x', tls = 'tls' WHERE name = 'work'");
	assert_int_equal(config_secret(path, &c->records[0], secret, err, sizeof(err)), -1);
	edit("DELETE FROM rpop");
	assert_int_equal(config_secret(path, &c->records[0], secret, err, sizeof(err)), -1);
	assert_non_null(strstr(err, "removed"));
	config_free(c);
}

/* Does this process hold the text anywhere?  (The needle itself is kept inverted.) */
static int
in_memory(const uint8_t *inverted, size_t len)
{
	static uint8_t	 buf[1 << 20];
	unsigned long	 from, to, at;
	FILE		*maps = fopen("/proc/self/maps", "r");
	char		 line[512], perms[8];
	size_t		 i, j;
	ssize_t		 n;
	int		 mem = open("/proc/self/mem", O_RDONLY), found = 0;

	assert_non_null(maps);
	assert_true(mem != -1);
	while (fgets(line, sizeof(line), maps) != NULL) {
		if (sscanf(line, "%lx-%lx %7s", &from, &to, perms) != 3 || perms[0] != 'r' || perms[1] != 'w' ||
		    to - from > 1UL << 30)
			continue;
		for (at = from; at < to; at += sizeof(buf) / 2) {
			if (at >= (unsigned long)buf - sizeof(buf) && at < (unsigned long)buf + sizeof(buf))
				continue;
			n = pread(mem, buf, to - at < sizeof(buf) ? to - at : sizeof(buf), at);
			for (i = 0; n > 0 && i + len <= (size_t)n; i++) {
				for (j = 0; j < len && (buf[i + j] ^ inverted[j]) == 0xff; j++)
					;
				found += j == len;
			}
			memset(buf, 0, sizeof(buf));
		}
	}
	fclose(maps);
	close(mem);
	return (found);
}

/* Set by another process, read through the kept connection: after use, no copy is left here. */
static void
test_secret_wiped(void **state)
{
	struct config	*c = load();
	uint8_t		 secret[PROTO_SECRET_MAX], inverted[20];
	char		 err[256], cmd[512];
	ssize_t		 n;
	int		 round, i;

	(void)state;
	assert_non_null(c);
	snprintf(cmd, sizeof(cmd), "sqlite3 -batch -init /dev/null %s \"UPDATE rpop SET password = '0123456789' "
	    "|| 'abcdefghij' WHERE name = 'work'\"", path);
	assert_int_equal(system(cmd), 0);
	for (round = 0; round < 3; round++) {
		n = config_secret(path, &c->records[0], secret, err, sizeof(err));
		assert_int_equal(n, 20);
		for (i = 0; i < 20; i++)
			inverted[i] = secret[i] ^ 0xff;
		assert_true(in_memory(inverted, 20) > 0);	/* ours: the search finds what is there */
		explicit_bzero(secret, sizeof(secret));
		assert_int_equal(in_memory(inverted, 20), 0);
	}
	config_free(c);
}

/* A store that is replaced, or closed to us, is noticed in spite of the kept connection. */
static void
test_secret_replaced(void **state)
{
	struct config	*c = load();
	uint8_t		 secret[PROTO_SECRET_MAX];
	char		 err[256], cmd[512];

	(void)state;
	assert_non_null(c);
	assert_int_equal(config_secret(path, &c->records[0], secret, err, sizeof(err)), 6);
	snprintf(cmd, sizeof(cmd), "cp %s %s.2 && sqlite3 -batch -init /dev/null %s.2 \"UPDATE rpop SET password = 'four' "
	    "WHERE name = 'work'\" && mv %s.2 %s", path, path, path, path, path);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(config_secret(path, &c->records[0], secret, err, sizeof(err)), 4);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(config_secret(path, &c->records[0], secret, err, sizeof(err)), -1);
	assert_non_null(strstr(err, "open to others"));
	assert_int_equal(chmod(path, 0600), 0);
	edit("PRAGMA journal_mode = WAL");
	assert_int_equal(config_secret(path, &c->records[0], secret, err, sizeof(err)), 4);
	assert_true(config_version(path) != 0);
	assert_int_equal(config_secret(path, &c->records[0], secret, err, sizeof(err)), 4);
	config_free(c);
}

static void
test_version(void **state)
{
	uint64_t	 first = config_version(path), second;

	(void)state;
	assert_true(first != 0);
	assert_true(config_version(path) == first);
	edit("UPDATE settings SET processors = 8");
	assert_true((second = config_version(path)) != first);
	edit("UPDATE settings SET processors = 9");
	assert_true(config_version(path) != second);
	edit("PRAGMA journal_mode = WAL");
	assert_true(config_version("/nonexistent/rpopd.db") == 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(test_good, setup, teardown),
		cmocka_unit_test_setup_teardown(test_edits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_network, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pop_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_row_named, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hot_journal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_locks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_secret, setup, teardown),
		cmocka_unit_test_setup_teardown(test_secret_wiped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_secret_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(test_version, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
