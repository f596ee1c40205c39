/* SPDX-License-Identifier: ISC */
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

#include "common/compat.h"
#include "common/log.h"
#include "editrig.h"

static char		 dir[] = "/tmp/rpedit.XXXXXX", path[64];
static uint8_t		 octets[64 * 1024];
static size_t		 used;
static struct config	*prepared;

const struct who	 root = { .root = 1 };
struct batch		 batch;
char			 text[PROTO_TEXT_SIZE * 2], touched[PROTO_RECORD_SIZE];

static int
prepare(struct config *c, char *err, size_t errsize)
{
	(void)err;
	(void)errsize;
	prepared = c;
	return (0);
}

static void
drop(void)
{
	config_free(prepared);
	prepared = NULL;
}

static void
adopt(int records_only)
{
	(void)records_only;
	config_free(config_running);
	config_running = prepared;
	prepared = NULL;
}

static void
quiet(enum log_level level, const char *line)
{
	(void)level;
	(void)line;
}

static void
complain(void *arg, const char *sentence)
{
	(void)arg;
	fail_msg("%s", sentence);
}

static void
ignore(void *arg, const char *sentence)
{
	(void)arg;
	(void)sentence;
}

void
rig_sql(const char *sql)
{
	sqlite3	*db;
	char	*err = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &err) != SQLITE_OK)
		fail_msg("%s: %s", sql, err);
	sqlite3_close(db);
}

int
rig_setup(void **state)
{
	static const struct edit_calls	 calls = { prepare, adopt, drop };
	static char	 schema[128 * 1024];
	const char	*build = getenv("RPOPD_BUILD");
	char		 name[1024] = "etc/rpopd.sql", sql[256], ca[96];
	FILE		*f;

	(void)state;
	umask(077);
	log_setsink(quiet);
	strlcpy(dir, "/tmp/rpedit.XXXXXX", sizeof(dir));
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/rpopd.db", dir);
	snprintf(ca, sizeof(ca), "%s/0a1b2c3d.0", dir);
	assert_non_null(f = fopen(ca, "w"));
	fclose(f);
	options.store = path;
	assert_null(config_load(path, ignore, NULL));	/* SQLite is set up the store's way from now on */
	if (build != NULL)
		snprintf(name, sizeof(name), "%s/../etc/rpopd.sql", build);
	assert_non_null(f = fopen(name, "r"));
	schema[fread(schema, 1, sizeof(schema) - 1, f)] = '\0';
	fclose(f);
	rig_sql(schema);
	snprintf(sql, sizeof(sql), "UPDATE settings SET ca_dir = '%s'", dir);
	rig_sql(sql);
	rig_sql("INSERT INTO accounts (address) VALUES ('" PM "'), ('" ANNA "'), ('" BERT "'), ('" CARL "');"
	    "UPDATE settings SET main_domain = 'example.org';"
	    "UPDATE account SET can_modify_rpop = 1, unix_user = name WHERE name <> 'postmaster';"
	    "INSERT INTO domain_admin (account, domain, can_modify_rpop) VALUES ('" BERT "', 'example.com', 1); INSERT INTO server_admin VALUES ('" PM "');"
	    "INSERT INTO rpop (account, name, domain, auth_name, password, self_service)"
	    " VALUES ('" ANNA "', 'isp', 'h.example', 'u', 'pa55wd', 1), ('" CARL "', 'isp', 'h.example', 'u', 'pa55wd', 0);");
	edit_init(&calls);
	rig_reload();
	return (0);
}

int
rig_teardown(void **state)
{
	char	 cmd[128];

	(void)state;
	batch_free(&batch);
	image_free(config_image);
	config_image = NULL;
	config_free(config_running);
	config_running = NULL;
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	return (system(cmd));
}

struct who
rig_user(const char *account)
{
	struct who	 who = { .user = 1, .uid = 1000 };

	strlcpy(who.account, account, sizeof(who.account));
	who.server_admin = strcmp(account, PM) == 0;
	return (who);
}

void
rig_reload(void)
{
	struct image	*image = NULL;
	struct config	*c = config_load_image(path, complain, NULL, &image);

	assert_non_null(c);
	config_free(config_running);
	config_running = c;
	image_free(config_image);
	config_image = image;
	config_loaded_version = config_version(path);
}

char *
rig_rows(sqlite3 *db, const char *sql)
{
	sqlite3_stmt	*st;
	char		*rows = NULL;
	size_t		 size;
	FILE		*f = open_memstream(&rows, &size);
	int		 i;

	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	while (sqlite3_step(st) == SQLITE_ROW)
		for (i = 0; i < sqlite3_column_count(st); i++)
			fprintf(f, "%s%c", sqlite3_column_type(st, i) == SQLITE_NULL ? "NULL" : (const char *)sqlite3_column_text(st, i),
			    i + 1 < sqlite3_column_count(st) ? '|' : '\n');
	sqlite3_finalize(st);
	fclose(f);
	return (rows);
}

/* Every table's rows, with the numbers that they have. */
static char *
everything(sqlite3 *db)
{
	static const char *const	 tables[] = { "rowid, * FROM rpop", "* FROM account", "* FROM domain", "rowid, * FROM route",
	    "rowid, * FROM nexthop", "* FROM schedule", "rowid, * FROM oauth_client", "* FROM server_admin", "* FROM domain_admin",
	    "* FROM listener", "* FROM certificate", "* FROM acl", "* FROM settings" };
	char	*all = strdup(""), *rows, *more, sql[128];
	size_t	 i;

	for (i = 0; i < nitems(tables); i++) {
		snprintf(sql, sizeof(sql), "SELECT %s", tables[i]);
		rows = rig_rows(db, sql);
		assert_int_not_equal(asprintf(&more, "%s%s\n%s", all, tables[i], rows), -1);
		free(rows);
		free(all);
		all = more;
	}
	return (all);
}

char *
rig_store(void)
{
	sqlite3	*db;
	char	*all;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	all = everything(db);
	sqlite3_close(db);
	return (all);
}

char *
rig_image(void)
{
	return (everything(image_db(config_image)));
}

static void
same(char *rows, const char *wanted)
{
	assert_string_equal(rows, wanted);
	free(rows);
}

void
rig_is(const char *sql, const char *rows)
{
	sqlite3	*db;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	same(rig_rows(db, sql), rows);
	sqlite3_close(db);
}

void
rig_in_force(const char *sql, const char *rows)
{
	same(rig_rows(image_db(config_image), sql), rows);
}

void
rig_cell(const char *column, enum cell_kind kind, const void *value, size_t len)
{
	struct cell	 c = { .kind = kind, .value = value, .len = len };

	strlcpy(c.column, column, sizeof(c.column));
	used += cell_pack(octets + used, sizeof(octets) - used, &c);
}

int
rig_add(enum change_act act, const char *table, size_t nkeys)
{
	struct ctl_change	 m = { .act = act, .nkeys = (uint32_t)nkeys };
	size_t			 len = used;

	strlcpy(m.table, table, sizeof(m.table));
	used = 0;
	return (batch_add(&batch, &m, octets, len));
}

void
rig_put(enum change_act act, const char *table, size_t nkeys, ...)
{
	const char	*column, *value;
	va_list		 ap;

	va_start(ap, nkeys);
	while ((column = va_arg(ap, const char *)) != NULL) {
		value = va_arg(ap, const char *);
		rig_cell(column, *value == '\0' ? CELL_NULL : CELL_TEXT, value, strlen(value));
	}
	va_end(ap);
	assert_int_equal(rig_add(act, table, nkeys), 0);
}

int
rig_run(const struct who *who)
{
	int	 rv;

	text[0] = '\0';
	rv = edit_run(who, &batch, text, sizeof(text), touched);
	batch_free(&batch);
	return (rv);
}

void
rig_refused(const struct who *who, const char *sentence)
{
	char	*store = rig_store(), *image = rig_image();

	if (rig_run(who) != -1 || strstr(text, sentence) == NULL)
		fail_msg("wanted '%s', got '%s'", sentence, text);
	same(rig_store(), store);
	same(rig_image(), image);
	free(store);
	free(image);
}

void
rig_done(const struct who *who, const char *sentence)
{
	if (rig_run(who) != 0 || strstr(text, sentence) == NULL)
		fail_msg("wanted '%s', got '%s'", sentence, text);
}
