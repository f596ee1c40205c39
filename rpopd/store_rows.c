/* SPDX-License-Identifier: ISC */
/* Row by row judgement of rpopd.db for config_load(): a field is taken, or its row is named together with the remedy. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/compat.h"
#include "../common/log.h"
#include "store.h"
#include "store_sql.h"

static int	 load_settings(struct load *, sqlite3_stmt *);
static int	 settings_text(struct load *, sqlite3_stmt *);
static int	 settings_network(struct load *, sqlite3_stmt *);
static int	 load_domain(struct load *, sqlite3_stmt *);
static int	 load_account(struct load *, sqlite3_stmt *);
static int	 load_route(struct load *, sqlite3_stmt *);
static int	 address_add(struct config *, uint32_t, const char *);
static int	 domain_cmp(const void *, const void *);

enum { S_MAIL_ROOT, S_CA_DIR, S_HOSTNAME, S_NAMESERVERS, S_MAIN_DOMAIN, S_PROCESSORS, S_USE_APOP, S_IDLE, S_SESSION, S_DELAY_HOSTS,
	S_DELAY_ACCOUNTS, S_HOST_SESSIONS, S_SCHEDULE, S_SOURCE, S_USE_DOMAIN, S_SELF_POLL, S_SOCKS, S_LOG_LEVEL };

/* Later tables refer to earlier ones. */
const struct loader	 load_loaders[] = {
	{ "SELECT mail_root, ca_dir, hostname, nameservers, main_domain, processors, use_apop, idle_timeout, session_timeout,"
	    " delay_failed_hosts, delay_failed_accounts, host_sessions, schedule, source_address, use_domain_addresses, self_poll,"
	    " socks, log_level FROM settings", load_settings },
	{ "SELECT name, address FROM domain ORDER BY name", load_domain },
	{ "SELECT id, name, domain FROM account ORDER BY name || '@' || domain", load_account },
	{ "SELECT address, target FROM route ORDER BY address", load_route },
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

/* NULL: no such domain here. */
const struct domain_row *
load_domain_row(const struct load *ld, const char *name)
{
	const struct domain_row	 key = { name, NULL };

	return (bsearch(&key, ld->domains, ld->ndomains, sizeof(key), domain_cmp));
}

const struct address_row *
load_address(const struct config *c, const char *address)
{
	size_t	 low = 0, high = c->naccounts, mid;
	int	 cmp;

	while (low < high) {
		mid = low + (high - low) / 2;
		if ((cmp = strcmp(address, c->addresses[mid].address)) == 0)
			return (&c->addresses[mid]);
		if (cmp < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return (NULL);
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
	return (0);
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
load_domain(struct load *ld, sqlite3_stmt *st)
{
	struct domain_row	*p;

	load_row_name(ld, "domain", st, 0, -1);
	if ((p = load_grow(ld->domains, ld->ndomains, sizeof(*p))) == NULL)
		return (-1);
	ld->domains = p;
	p += ld->ndomains;
	if ((p->name = load_text(ld, st, 0, PROTO_HOST_SIZE)) == NULL || (p->address = load_text(ld, st, 1, SOURCE_SIZE)) == NULL)
		return (-1);
	ld->ndomains++;
	if (!load_null(st, 1) && !check_addresses(p->address, 0))
		load_bad_value(ld, st, 1, "must be numeric addresses of this host, separated by commas, or NULL");
	if (!check_domain(p->name))
		load_bad(ld, "%s: must be a domain in lower case, and not 'spool'; correct it", ld->row);
	return (0);
}

static int
load_account(struct load *ld, sqlite3_stmt *st)
{
	struct config		*c = ld->c;
	struct account_row	*p;
	const char		*name, *domain;
	char			 text[PROTO_DIR_SIZE];

	load_row_name(ld, "account", st, 1, 2);
	if ((name = load_text(ld, st, 1, 65)) == NULL || (domain = load_text(ld, st, 2, PROTO_HOST_SIZE)) == NULL)
		return (-1);
	if (!check_local(name))
		load_bad(ld, "%s: name must be in lower case: letters, digits and . _ + = & ' -, beginning with neither . nor -",
		    ld->row);
	if (load_domain_row(ld, domain) == NULL)
		load_bad(ld, "%s: its domain is not in table domain; insert it there", ld->row);
	if ((p = load_grow(c->accounts, c->naccounts, sizeof(*p))) == NULL)
		return (-1);
	c->accounts = p;
	p += c->naccounts;
	p->id = load_number(ld, st, 0, 1, UINT32_MAX);
	snprintf(text, sizeof(text), "%s/%s", domain, name);
	if ((p->dir = arena_add(&c->arena, text, strlen(text))) == NULL)
		return (-1);
	snprintf(text, sizeof(text), "%s@%s", name, domain);
	if ((name = arena_add(&c->arena, text, strlen(text))) == NULL || address_add(c, p->id, name) == -1)
		return (-1);
	c->naccounts++;
	return (0);
}

/* Aliases stand behind the accounts' own addresses until everything is loaded. */
static int
load_route(struct load *ld, sqlite3_stmt *st)
{
	const struct address_row	*target;
	const char			*address, *to;

	load_row_name(ld, "route", st, 0, -1);
	if ((address = load_text(ld, st, 0, PROTO_ADDR_SIZE)) == NULL || (to = load_text(ld, st, 1, PROTO_ADDR_SIZE)) == NULL)
		return (-1);
	if (!check_address(address))
		load_bad(ld, "%s: address must be local-part@domain in lower case without spaces", ld->row);
	else if (load_domain_row(ld, strrchr(address, '@') + 1) == NULL)
		load_bad(ld, "%s: the domain of address is not in table domain; insert it there", ld->row);
	if (load_address(ld->c, address) != NULL)
		load_bad(ld, "%s: address is an account of its own; delete this row", ld->row);
	if ((target = load_address(ld->c, to)) == NULL)
		load_bad_value(ld, st, 1, "must be the address of an account");
	return (address_add(ld->c, target == NULL ? 0 : target->account, address));
}

static int
address_add(struct config *c, uint32_t account, const char *address)
{
	struct address_row	*p;

	if ((p = load_grow(c->addresses, c->naddresses, sizeof(*p))) == NULL)
		return (-1);
	c->addresses = p;
	p += c->naddresses++;
	p->account = account;
	p->address = address;
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
	char		 one[512] = "", two[512] = "";
	const void	*p;

	if ((p = sqlite3_column_blob(st, key)) != NULL)
		log_vis(one, sizeof(one), p, sqlite3_column_bytes(st, key));
	if (key2 != -1 && (p = sqlite3_column_blob(st, key2)) != NULL)
		log_vis(two, sizeof(two), p, sqlite3_column_bytes(st, key2));
	snprintf(ld->row, sizeof(ld->row), "%s %s%s%s", table, one, key2 == -1 ? "" : *table == 'a' ? "@" : "/", two);
}

/* A text of less than size octets, "" for NULL and for what is no such text (then it is complained of); NULL: no memory. */
const char *
load_text(struct load *ld, sqlite3_stmt *st, int col, size_t size)
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
	return (arena_add(&ld->c->arena, p, len));
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

static int
domain_cmp(const void *a, const void *b)
{
	return (strcmp(((const struct domain_row *)a)->name, ((const struct domain_row *)b)->name));
}
