/* SPDX-License-Identifier: ISC */
/*
 * rpopd.db, the administrator's store: all or nothing into memory, every field judged again in C, every bad row named with its
 * remedy.  Passwords stay in the file until a session needs one.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/compat.h"
#include "common/ipc/proto_auth.h"
#include "common/log.h"
#include "rpopd/db/db.h"
#include "config_int.h"

#define APPLICATION_ID	0x72706f70	/* "rpop" */
#define BUSY_LOAD	5000		/* ms: a load may wait for an administrator's commit */

struct loader {				/* of a table, by a SELECT of its own or by that of its columns */
	const struct table	*table;
	const char		*sql;
	int			(*row)(struct load *, sqlite3_stmt *);
};

static sqlite3	*load_open(const char *, char *, size_t);
static int	 load_everything(struct load *);
static struct config *load_end(struct load *);
static int	 load_header(struct load *);
static int	 load_rows(struct load *, const struct loader *);
static void	 load_whole(struct load *);
static void	 load_logins(struct config *);
static void	 load_integrity(struct load *);

/* Later tables refer to earlier ones. */
static const struct loader	 loaders[] = {
	{ &settings_table, NULL, load_settings },
	{ &nexthop_table, NULL, load_nexthop },
	{ NULL, "SELECT name, address, source_routes FROM domain ORDER BY name", load_domain },
	/* An account's own next hop, or the default.  An integer is an id; what is no next hop's name is text. */
	{ NULL, "SELECT a.id, a.name, a.domain, ifnull(n.id, CAST(ifnull(a.nexthop, s.nexthop) AS TEXT)) AS nexthop"
	    " FROM account a LEFT JOIN settings s ON s.id = 1 LEFT JOIN nexthop n ON n.name = ifnull(a.nexthop, s.nexthop)",
	    load_account },
	{ &rights_table, NULL, load_rights },
	{ NULL, "SELECT account FROM server_admin ORDER BY account", load_server_admin },
	{ NULL, "SELECT account, domain, can_modify_rpop, can_access_mailboxes FROM domain_admin ORDER BY account, domain",
	    load_domain_admin },
	{ NULL, "SELECT r.address, r.target, r.folder, ifnull(n.id, CAST(r.nexthop AS TEXT)) AS nexthop, r.action, r.text"
	    " FROM route r LEFT JOIN nexthop n ON n.name = r.nexthop ORDER BY r.rowid", load_route },
	{ NULL, "SELECT name, days, begins, ends, pause FROM schedule ORDER BY name, days, begins", load_schedule },
	{ &oauth_table, NULL, load_oauth },
	{ &rpop_table, NULL, load_rpop },
	{ &listener_table, NULL, load_listener },
	{ &certificate_table, NULL, load_certificate },
	{ &acl_table, NULL, load_acl }
};

struct config *
config_load(const char *path, store_complain complain, void *arg)
{
	return (config_load_image(path, complain, arg, NULL));
}

struct config *
config_load_image(const char *path, store_complain complain, void *arg, struct image **image)
{
	struct load	 ld = { .path = path, .complain = complain, .arg = arg };
	char		 err[1024];

	secret_close();
	if ((ld.db = load_open(path, err, sizeof(err))) == NULL) {
		load_bad(&ld, access(path, F_OK) == -1 && errno == ENOENT ? "%s; rpopctl init makes a store" : "%s", err);
		return (NULL);
	}
	if (load_header(&ld) == 0 && load_everything(&ld) == 0) {
		load_integrity(&ld);
		if (image != NULL && ld.bad == 0 && (*image = image_make(ld.db)) == NULL)
			load_bad(&ld, "%s: cannot be copied: out of memory, or the schema is not the one of rpopd.sql", path);
	}
	sqlite3_close(ld.db);
	return (load_end(&ld));
}

struct config *
image_load(struct image *image, const char *path, store_complain complain, void *arg)
{
	struct load	 ld = { .db = image_db(image), .path = path, .complain = complain, .arg = arg };

	(void)load_everything(&ld);
	return (load_end(&ld));
}

/*
 * Opens the store for reading.  An edit that was killed in the middle, the daemon's own perhaps, is rolled back first, as the next
 * sqlite3(1) would do it: nobody who reads only can.
 */
static sqlite3 *
load_open(const char *path, char *err, size_t errsize)
{
	sqlite3	*db;
	int64_t	 id;

	if ((db = sql_open(path, SQL_READONLY, BUSY_LOAD, err, errsize)) == NULL ||
	    sql_number(db, "PRAGMA application_id", &id) == 0 || sqlite3_extended_errcode(db) != SQLITE_READONLY_ROLLBACK)
		return (db);
	sqlite3_close(db);
	if ((db = sql_open(path, 0, BUSY_LOAD, err, errsize)) == NULL)
		return (NULL);
	if (sql_number(db, "PRAGMA application_id", &id) == 0)
		log_warnx("%s: an edit that was interrupted is rolled back", path);
	sqlite3_close(db);
	return (sql_open(path, SQL_READONLY, BUSY_LOAD, err, errsize));
}

/* Takes every row of every table, and judges what is no single row's.  0, or -1: some could not be read, and was complained of. */
static int
load_everything(struct load *ld)
{
	char	 err[1024];
	size_t	 i;

	if ((ld->c = calloc(1, sizeof(*ld->c))) == NULL) {
		load_bad(ld, "out of memory");
		return (-1);
	}
	if (load_table(ld) == -1) {
		sql_reason(ld->db, ld->path, err, sizeof(err));
		load_bad(ld, "%s; the schema may not be the one of rpopd.sql", err);
	}
	if (ld->c->routes == NULL)
		return (-1);
	for (i = 0; i < nitems(loaders); i++)
		if (load_rows(ld, &loaders[i]) == -1)
			return (-1);
	load_whole(ld);
	return (0);
}

/* The configuration, or NULL if there was a complaint. */
static struct config *
load_end(struct load *ld)
{
	free(ld->domains);
	if (ld->bad == 0)
		return (ld->c);
	config_free(ld->c);
	return (NULL);
}

void
config_free(struct config *c)
{
	if (c == NULL)
		return;
	route_free(c->routes);
	arena_free(c->arena);
	free(c->records);
	free(c->nexthops);
	free(c->windows);
	free(c->clients);
	free(c->listeners);
	free(c->certificates);
	free(c->acl);
	free(c->readers);
	free(c->homes);
	free(c->pops);
	free(c);
}

/*
 * Made by FNV-1a from the change counter, inode, size and times of the file, and size and times of its write-ahead log; no lock is
 * taken.  The descriptor stays open as long as the path leads to the same file: to close one would drop every lock that SQLite has on
 * that file in this process (fcntl(2)), a transaction's under way, too.
 */
uint64_t
config_version(const char *path)
{
	static int	 fd = -1;
	struct stat	 st[2];
	struct {
		int64_t		 ino, size, sec, nsec, wal_size, wal_sec, wal_nsec;
		uint8_t		 counter[8];
	} v;
	char		 wal[1100];
	uint64_t	 h = 14695981039346656037ULL;
	size_t		 i;

	memset(&v, 0, sizeof(v));
	memset(st, 0, sizeof(st));
	if (stat(path, &st[0]) == -1)
		return (0);
	if (fd == -1 || fstat(fd, &st[1]) == -1 || st[1].st_dev != st[0].st_dev || st[1].st_ino != st[0].st_ino) {
		if (fd != -1)
			close(fd);
		fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	}
	if (fd == -1 || fstat(fd, &st[0]) == -1 || pread(fd, v.counter, sizeof(v.counter), 24) != (ssize_t)sizeof(v.counter))
		return (0);
	if ((size_t)snprintf(wal, sizeof(wal), "%s-wal", path) < sizeof(wal) && stat(wal, &st[1]) == -1)
		memset(&st[1], 0, sizeof(st[1]));
	v.ino = st[0].st_ino;
	v.size = st[0].st_size;
	v.sec = st[0].st_mtim.tv_sec;
	v.nsec = st[0].st_mtim.tv_nsec;
	v.wal_size = st[1].st_size;
	v.wal_sec = st[1].st_mtim.tv_sec;
	v.wal_nsec = st[1].st_mtim.tv_nsec;
	for (i = 0; i < sizeof(v); i++)
		h = (h ^ ((uint8_t *)&v)[i]) * 1099511628211ULL;
	return (h == 0 ? 1 : h);
}

/* Whether the file is a store of this schema; begins the one read transaction for everything that follows.  0 or -1. */
static int
load_header(struct load *ld)
{
	char	 err[1024];

	if (sql_exec(ld->db, "BEGIN") == -1)
		sql_reason(ld->db, ld->path, err, sizeof(err));
	else if (config_is_store(ld->db, ld->path, err, sizeof(err)))
		return (0);
	load_bad(ld, "%s", err);
	return (-1);
}

int
config_is_store(sqlite3 *db, const char *path, char *err, size_t errsize)
{
	int64_t	 id, version;

	if (sql_number(db, "PRAGMA application_id", &id) == -1 || sql_number(db, "PRAGMA user_version", &version) == -1)
		sql_reason(db, path, err, errsize);
	else if (id != APPLICATION_ID)
		snprintf(err, errsize, "%s: is not a store of rpopd; rpopctl init makes one", path);
	else if (version != CONFIG_SCHEMA)
		snprintf(err, errsize, "%s: has schema version %lld, this rpopd knows version %d; rpopd-upgrade.sh makes a new store of an "
		    "old one", path, (long long)version, CONFIG_SCHEMA);
	else
		return (1);
	return (0);
}

static int
load_rows(struct load *ld, const struct loader *l)
{
	sqlite3_stmt	*st = NULL;
	char		*made = NULL, err[1024];
	int		 rc;

	if (l->table != NULL && (made = table_select(l->table)) == NULL) {
		load_bad(ld, "out of memory");
		return (-1);
	}
	rc = sqlite3_prepare_v2(ld->db, l->table != NULL ? made : l->sql, -1, &st, NULL);
	free(made);
	if (rc == SQLITE_OK)
		while ((rc = sqlite3_step(st)) == SQLITE_ROW)
			if (l->row(ld, st) == -1) {
				load_bad(ld, "out of memory");
				sqlite3_finalize(st);
				return (-1);
			}
	if (rc != SQLITE_DONE) {
		sql_reason(ld->db, ld->path, err, sizeof(err));
		load_bad(ld, rc == SQLITE_ERROR ? "%s; the schema is not the one of rpopd.sql: rpopd-upgrade.sh makes a new store of an "
		    "old one" : "%s", err);
	}
	sqlite3_finalize(st);
	return (rc == SQLITE_DONE ? 0 : -1);
}

/* Judges what no single row shows. */
static void
load_whole(struct load *ld)
{
	const struct route_account	*postmaster;
	struct config			*c = ld->c;
	char				 text[PROTO_ADDR_SIZE], dir[256];

	if (ld->main_domain == NULL) {
		load_bad(ld, "settings: the row is missing; run: INSERT INTO settings DEFAULT VALUES");
		return;
	}
	snprintf(text, sizeof(text), "postmaster@%s", ld->main_domain);
	if ((postmaster = route_account_by_address(c->routes, text)) != NULL)
		c->settings.postmaster = postmaster->id;
	if (ld->main_domain[0] != '\0' && load_domain_row(ld, ld->main_domain) == NULL)
		load_bad(ld, "settings: main_domain is not in table domain; insert it there");
	if (ld->any_special && postmaster == NULL)
		load_bad(ld, "settings: records with special need the postmaster account of main_domain; run: "
		    "INSERT INTO accounts (address) VALUES ('postmaster@%s')",
		    ld->main_domain[0] == '\0' ? "DOMAIN" : ld->main_domain);
	c->needs_ca_dir = ld->any_tls;
	if (ld->any_tls && check_path(c->settings.ca_dir) && !check_ca_dir(c->settings.ca_dir)) {
		log_vis(dir, sizeof(dir), c->settings.ca_dir, strlen(c->settings.ca_dir));
		load_bad(ld, "settings: ca_dir %s has no hashed certificates, which records and next hops with tls need; run: "
		    "openssl rehash %s", dir, dir);
	}
	if (c->settings.schedule[0] != '\0' && !load_has_schedule(c, c->settings.schedule))
		load_bad(ld, "settings: schedule is not in table schedule; insert its windows there");
	load_routes_sound(ld);
	load_pop_whole(ld);
	load_logins(c);
}

/* Where somebody else verifies passwords, each account may have one, and those in the store serve no mechanism. */
static void
load_logins(struct config *c)
{
	uint32_t	 accounts, domains, rows;

	if (c->settings.pop_source == AUTH_SOURCE_STORE)
		return;
	route_counts(c->routes, &accounts, &domains, &rows);
	c->nlogins = accounts;
	c->login_kinds = 0;
}

/*
 * Looks for damage, and for broken references of tables the loaders do not follow.  SQLite's findings about types come without the
 * row's name, so they are told only when nothing better was.  A read-only connection knows no CHECKs: the loaders' judgement is
 * the only one.
 */
static void
load_integrity(struct load *ld)
{
	sqlite3_stmt	*st = NULL;
	char		 err[1024];
	const char	*text;
	int		 rc, content;

	if ((rc = sqlite3_prepare_v2(ld->db, "PRAGMA integrity_check(20)", -1, &st, NULL)) == SQLITE_OK)
		while ((rc = sqlite3_step(st)) == SQLITE_ROW && (text = (const char *)sqlite3_column_text(st, 0)) != NULL) {
			content = strstr(text, " value in ") != NULL;
			if (strcmp(text, "ok") != 0 && !(content && ld->bad > 0))
				load_bad(ld, "%s: integrity check: %s", ld->path, text);
		}
	sqlite3_finalize(st);
	st = NULL;
	if (rc == SQLITE_DONE && (rc = sqlite3_prepare_v2(ld->db, "PRAGMA foreign_key_check", -1, &st, NULL)) == SQLITE_OK)
		while ((rc = sqlite3_step(st)) == SQLITE_ROW)
			if (ld->bad == 0)
				load_bad(ld, "table %s, rowid %s: refers to a row of table %s that does not exist",
				    sqlite3_column_text(st, 0), sqlite3_column_text(st, 1), sqlite3_column_text(st, 2));
	if (rc != SQLITE_DONE) {
		sql_reason(ld->db, ld->path, err, sizeof(err));
		load_bad(ld, "%s", err);
	}
	sqlite3_finalize(st);
}
