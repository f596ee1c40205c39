/* SPDX-License-Identifier: ISC */
/* Row by row judgement of rpopd.db for config_load(): a field is taken, or its row is named together with the remedy. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "common/log.h"
#include "rpopd/sched/sched.h"
#include "config_int.h"

static int	 load_settings(struct load *, sqlite3_stmt *);
static int	 settings_text(struct load *, sqlite3_stmt *);
static int	 settings_network(struct load *, sqlite3_stmt *);
static int	 settings_routing(struct load *, sqlite3_stmt *);

enum { S_MAIL_ROOT, S_CA_DIR, S_HOSTNAME, S_NAMESERVERS, S_MAIN_DOMAIN, S_PROCESSORS, S_USE_APOP, S_IDLE, S_SESSION, S_DELAY_HOSTS,
	S_DELAY_ACCOUNTS, S_HOST_SESSIONS, S_SCHEDULE, S_SOURCE, S_USE_DOMAIN, S_SELF_POLL, S_SOCKS, S_LOG_LEVEL,
	S_NEXTHOP, S_NEXTHOP_ID, S_REPORT, S_REPORT_ID, S_ARCHIVE, S_DETAIL, S_HOP_LIMIT, S_QUEUE_AGE, S_QUEUE_LIMIT,
	S_KEEP_STATE, S_MIN_FREE };

/* Later tables refer to earlier ones. */
const struct loader	 load_loaders[] = {
	{ "SELECT mail_root, ca_dir, hostname, nameservers, main_domain, processors, use_apop, idle_timeout, session_timeout,"
	    " delay_failed_hosts, delay_failed_accounts, host_sessions, schedule, source_address, use_domain_addresses, self_poll,"
	    " socks, log_level, nexthop, (SELECT n.id FROM nexthop n WHERE n.name = settings.nexthop), report_nexthop,"
	    " (SELECT n.id FROM nexthop n WHERE n.name = report_nexthop), archive, detail, hop_limit, queue_age, queue_limit,"
	    " keep_state_days, min_free FROM settings",
	    load_settings },
	{ "SELECT id, name, protocol, address, tls, tls_name, ca_file, auth_name, helo, xclient, null_sender, connections, timeout,"
	    " keep_trace, bounce_to, "
	    SECRET_COLUMNS("password") " FROM nexthop ORDER BY id", load_nexthop },
	{ "SELECT name, address, source_routes FROM domain ORDER BY name", load_domain },
	/* an account's own next hop, or the default */
	{ "SELECT a.id, a.name, a.domain, ifnull(a.nexthop, s.nexthop) AS nexthop, n.id FROM account a LEFT JOIN settings s ON s.id = 1"
	    " LEFT JOIN nexthop n ON n.name = ifnull(a.nexthop, s.nexthop)", load_account },
	{ "SELECT r.address, r.target, r.folder, r.nexthop, n.id, r.action, r.text FROM route r LEFT JOIN nexthop n ON n.name = r.nexthop"
	    " ORDER BY r.rowid", load_route },
	{ "SELECT name, days, begins, ends, pause FROM schedule ORDER BY name, days, begins", load_schedule },
	{ "SELECT name, token_url, client_id, typeof(client_secret), length(CAST(client_secret AS BLOB)), scope, grant_type, ca_file"
	    " FROM oauth_client ORDER BY name", load_oauth },
	{ load_rpop_sql, load_rpop }
};
const size_t		 load_nloaders = nitems(load_loaders);

/* One complaint; from the first on the load fails. */
void
load_bad(struct load *ld, const char *fmt, ...)
{
	char	 text[2048];
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	ld->bad++;
	ld->complain(ld->arg, text);
}

/* A complaint about something beside the store: the load goes on, and its caller decides. */
void
load_unsound(struct load *ld, const char *fmt, ...)
{
	char	 text[2048];
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	ld->c->unsound++;
	ld->complain(ld->arg, text);
}

int
load_tls(const char *s, enum tls_mode *mode)
{
	static const struct {
		const char	*name;
		enum tls_mode	 mode;
	}	 modes[] = { { "tls", TLS_MODE_TLS }, { "stls", TLS_MODE_STLS }, { "none", TLS_MODE_NONE } };
	size_t	 i;

	for (i = 0; i < nitems(modes); i++)
		if (strcmp(s, modes[i].name) == 0) {
			*mode = modes[i].mode;
			return (0);
		}
	return (-1);
}

static int
load_settings(struct load *ld, sqlite3_stmt *st)
{
	struct settings	*s = &ld->c->settings;

	strlcpy(ld->row, "settings", sizeof(ld->row));
	if (ld->main_domain != NULL) {
		load_bad(ld, "settings: there is more than one row; delete all but the one with id 1");
		return (0);
	}
	if ((ld->main_domain = load_text(ld, st, S_MAIN_DOMAIN, PROTO_HOST_SIZE)) == NULL)
		return (-1);
	if (settings_text(ld, st) == -1)
		return (-1);
	s->processors = load_number(ld, st, S_PROCESSORS, 0, 1000);
	s->use_apop = load_number(ld, st, S_USE_APOP, 0, 1);
	s->idle_timeout = load_number(ld, st, S_IDLE, 10, 3600);
	s->session_timeout = load_number(ld, st, S_SESSION, 60, 86400);
	s->delay_failed_hosts = load_number(ld, st, S_DELAY_HOSTS, 10, 604800);
	s->delay_failed_accounts = load_number(ld, st, S_DELAY_ACCOUNTS, 10, 604800);
	s->host_sessions = load_number(ld, st, S_HOST_SESSIONS, 1, 1000);
	s->self_poll = load_number(ld, st, S_SELF_POLL, 0, 1);
	ld->use_domain_addresses = load_number(ld, st, S_USE_DOMAIN, 0, 1);
	if (s->session_timeout < s->idle_timeout)
		load_bad(ld, "settings: session_timeout must not be shorter than idle_timeout");
	return (settings_routing(ld, st));
}

static int
settings_text(struct load *ld, sqlite3_stmt *st)
{
	static const struct {
		int		 col, optional;
		size_t		 off, size;
		int		(*check)(const char *);
		const char	*rule;
	}	 texts[] = {
		{ S_MAIL_ROOT, 0, offsetof(struct settings, mail_root), sizeof(((struct settings *)0)->mail_root), check_path,
		    "must be an absolute path without .." },
		{ S_CA_DIR, 0, offsetof(struct settings, ca_dir), sizeof(((struct settings *)0)->ca_dir), check_path,
		    "must be an absolute path without .." },
		{ S_HOSTNAME, 1, offsetof(struct settings, hostname), sizeof(((struct settings *)0)->hostname), check_hostname,
		    "must be a host name, or NULL for the system's own" },
		{ S_NAMESERVERS, 1, offsetof(struct settings, nameservers), sizeof(((struct settings *)0)->nameservers),
		    check_nameservers, "must be numeric addresses, ip, ip:port or [v6]:port, separated by commas, or NULL" }
	};
	const char	*text;
	size_t		 i;

	for (i = 0; i < nitems(texts); i++) {
		if ((text = load_text(ld, st, texts[i].col, texts[i].size)) == NULL)
			text = "";
		strlcpy((char *)&ld->c->settings + texts[i].off, text, texts[i].size);
		if (!(texts[i].optional && load_null(st, texts[i].col)) && !texts[i].check(text))
			load_bad_value(ld, st, texts[i].col, texts[i].rule);
	}
	return (settings_network(ld, st));
}

/* Rows S6, S8, S12, and the way out. */
static int
settings_network(struct load *ld, sqlite3_stmt *st)
{
	struct settings	*s = &ld->c->settings;
	const char	*level;

	if ((s->schedule = load_text(ld, st, S_SCHEDULE, SCHEDULE_SIZE)) == NULL ||
	    (s->source = load_text(ld, st, S_SOURCE, SOURCE_SIZE)) == NULL ||
	    (s->socks = load_text(ld, st, S_SOCKS, 64)) == NULL || (level = load_text(ld, st, S_LOG_LEVEL, 64)) == NULL)
		return (-1);
	if (!load_null(st, S_SOURCE) && !check_addresses(s->source, 1))
		load_bad_value(ld, st, S_SOURCE, "must be numeric addresses of this host, one per family, by commas, or NULL");
	if (!load_null(st, S_SOCKS) && !check_socks(s->socks))
		load_bad_value(ld, st, S_SOCKS, "must be the SOCKS5 server's numeric address and port, or NULL");
	if ((s->log_level = log_level_parse(level)) == 0)
		load_bad_value(ld, st, S_LOG_LEVEL, "must be crashes, failures, major, problems, low or all");
	return (0);
}

static int
settings_routing(struct load *ld, sqlite3_stmt *st)
{
	struct settings	*s = &ld->c->settings;
	const char	*detail;

	if ((s->archive = load_text(ld, st, S_ARCHIVE, PROTO_ADDR_SIZE)) == NULL || (detail = load_peek(ld, st, S_DETAIL, 2)) == NULL)
		return (-1);
	s->detail = *detail;
	if (load_null(st, S_DETAIL) || strchr("+-=._#", *detail) == NULL)
		load_bad_value(ld, st, S_DETAIL, "must be one of + - = . _ #, or empty");
	if (!load_null(st, S_ARCHIVE) && (!check_address(s->archive) || s->archive[0] == '*'))
		load_bad_value(ld, st, S_ARCHIVE, "must be local-part@domain in lower case, or NULL");
	load_nexthop_id(ld, st, S_NEXTHOP, S_NEXTHOP_ID);
	s->report_nexthop = load_nexthop_id(ld, st, S_REPORT, S_REPORT_ID);
	s->hop_limit = load_number(ld, st, S_HOP_LIMIT, 10, 1000);
	s->queue_age = load_number(ld, st, S_QUEUE_AGE, 600, 2592000);
	s->queue_limit = load_number(ld, st, S_QUEUE_LIMIT, 1, 1000000);
	s->keep_state_days = load_number(ld, st, S_KEEP_STATE, 0, 3650);
	s->min_free = load_number(ld, st, S_MIN_FREE, 0, 1048576);
	return (0);
}

/* The column's value, encoded, and the rule it breaks. */
void
load_bad_value(struct load *ld, sqlite3_stmt *st, int col, const char *rule)
{
	char		 value[1024] = "";
	const void	*p = sqlite3_column_blob(st, col);

	if (p != NULL)
		log_vis(value, sizeof(value), p, sqlite3_column_bytes(st, col));
	load_bad(ld, "%s: %s is '%s', %s", ld->row, sqlite3_column_name(st, col), value, rule);
}

/* "table key" or "table key1/key2" ("@" for accounts). */
void
load_row_name(struct load *ld, const char *table, sqlite3_stmt *st, int key, int key2)
{
	size_t		 n = strlcpy(ld->row, table, sizeof(ld->row));
	const void	*p;

	ld->row[n++] = ' ';
	ld->row[n] = '\0';
	if ((p = sqlite3_column_blob(st, key)) != NULL)
		log_vis(ld->row + n, 512, p, sqlite3_column_bytes(st, key));
	if (key2 == -1)
		return;
	n = strlcat(ld->row, *table == 'a' ? "@" : "/", sizeof(ld->row));
	if ((p = sqlite3_column_blob(st, key2)) != NULL)
		log_vis(ld->row + n, 512, p, sqlite3_column_bytes(st, key2));
}

/* A text of less than size octets, "" for NULL and for what is no such text (then it is complained of); NULL: no memory. */
const char *
load_text(struct load *ld, sqlite3_stmt *st, int col, size_t size)
{
	const char	*p = load_peek(ld, st, col, size);

	return (p == NULL ? NULL : arena_add(&ld->c->arena, p, strlen(p)));
}

/* The same where it stands: it goes with the row. */
const char *
load_peek(struct load *ld, sqlite3_stmt *st, int col, size_t size)
{
	const char	*p;
	size_t		 len;

	if (load_null(st, col))
		return ("");
	if (sqlite3_column_type(st, col) != SQLITE_TEXT) {
		load_bad_value(ld, st, col, "must be text in quotes");
		return ("");
	}
	p = (const char *)sqlite3_column_text(st, col);
	len = sqlite3_column_bytes(st, col);
	if (p == NULL)
		return (NULL);
	if (len >= size || memchr(p, '\0', len) != NULL) {
		load_bad(ld, "%s: %s must be at most %zu octets without NUL", ld->row, sqlite3_column_name(st, col), size - 1);
		return ("");
	}
	return (p);
}

uint32_t
load_number(struct load *ld, sqlite3_stmt *st, int col, int64_t min, int64_t max)
{
	return (load_number64(ld, st, col, min, max));
}

int64_t
load_number64(struct load *ld, sqlite3_stmt *st, int col, int64_t min, int64_t max)
{
	int64_t	 n = sqlite3_column_int64(st, col);
	char	 rule[80];

	if (sqlite3_column_type(st, col) == SQLITE_INTEGER && n >= min && n <= max)
		return (n);
	snprintf(rule, sizeof(rule), "must be a number, %lld to %lld", (long long)min, (long long)max);
	load_bad_value(ld, st, col, rule);
	return (min);
}

int
load_null(sqlite3_stmt *st, int col)
{
	return (sqlite3_column_type(st, col) == SQLITE_NULL);
}

/* Room for one more element behind n; the size doubles whenever n is a power of two. */
void *
load_grow(void *p, size_t n, size_t size)
{
	if ((n & (n - 1)) != 0)
		return (p);
	return (reallocarray(p, n == 0 ? 1 : n * 2, size));
}
