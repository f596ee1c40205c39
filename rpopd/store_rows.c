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
static void	 settings_text(struct load *, sqlite3_stmt *);
static int	 load_domain(struct load *, sqlite3_stmt *);
static int	 load_account(struct load *, sqlite3_stmt *);
static int	 load_route(struct load *, sqlite3_stmt *);
static int	 load_rpop(struct load *, sqlite3_stmt *);
static int	 rpop_text(struct load *, sqlite3_stmt *, struct record *);
static int	 rpop_where(struct load *, sqlite3_stmt *, struct record *);
static void	 rpop_secret(struct load *, sqlite3_stmt *);
static void	 rpop_mode(struct load *, sqlite3_stmt *, struct record *);
static int	 address_add(struct config *, uint32_t, const char *);
static void	 bad_text(struct load *, sqlite3_stmt *, int, const char *);
static void	 row_name(struct load *, const char *, sqlite3_stmt *, int, int);
static const char *col_text(struct load *, sqlite3_stmt *, int, size_t);
static uint32_t	 col_number(struct load *, sqlite3_stmt *, int, int64_t, int64_t);
static int	 col_null(sqlite3_stmt *, int);
static void	*grow(void *, size_t, size_t);
static int	 string_cmp(const void *, const void *);

enum { S_MAIL_ROOT, S_CA_DIR, S_HOSTNAME, S_NAMESERVERS, S_MAIN_DOMAIN, S_PROCESSORS, S_USE_APOP, S_IDLE, S_SESSION, S_DELAY };
enum { R_ACCOUNT, R_NAME, R_DOMAIN, R_AUTH_NAME, R_TLS, R_PERIOD, R_LEAVE, R_APOP, R_MAILBOX, R_SPECIAL, R_LOCAL_DOMAIN,
	R_PW_TYPE, R_PW_LENGTH, R_PW_BREAKS };

/* Later tables refer to earlier ones. */
const struct loader	 load_loaders[] = {
	{ "SELECT mail_root, ca_dir, hostname, nameservers, main_domain, processors, use_apop, idle_timeout, session_timeout,"
	    " delay_failed_accounts FROM settings", load_settings },
	{ "SELECT name FROM domain ORDER BY name", load_domain },
	{ "SELECT id, name, domain FROM account ORDER BY name || '@' || domain", load_account },
	{ "SELECT address, target FROM route ORDER BY address", load_route },
	{ "SELECT account, name, domain, auth_name, tls, period, leave, apop, mailbox, special, local_domain,"
	    " typeof(password), length(CAST(password AS BLOB)), instr(CAST(password AS BLOB), x'0d') +"
	    " instr(CAST(password AS BLOB), x'0a') + instr(CAST(password AS BLOB), x'00') FROM rpop ORDER BY account, name",
	    load_rpop }
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

int
load_has_domain(const struct load *ld, const char *name)
{
	return (bsearch(&name, ld->domains, ld->ndomains, sizeof(name), string_cmp) != NULL);
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
	if ((ld->main_domain = col_text(ld, st, S_MAIN_DOMAIN, PROTO_HOST_SIZE)) == NULL)
		return (-1);
	settings_text(ld, st);
	s->processors = col_number(ld, st, S_PROCESSORS, 0, 1000);
	s->use_apop = col_number(ld, st, S_USE_APOP, 0, 1);
	s->idle_timeout = col_number(ld, st, S_IDLE, 10, 3600);
	s->session_timeout = col_number(ld, st, S_SESSION, 60, 86400);
	s->delay_failed_accounts = col_number(ld, st, S_DELAY, 10, 604800);
	if (s->session_timeout < s->idle_timeout)
		load_bad(ld, "settings: session_timeout must not be shorter than idle_timeout");
	return (0);
}

static void
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
		if ((text = col_text(ld, st, texts[i].col, texts[i].size)) == NULL)
			text = "";
		strlcpy((char *)&ld->c->settings + texts[i].off, text, texts[i].size);
		if (!(texts[i].optional && col_null(st, texts[i].col)) && !texts[i].check(text))
			bad_text(ld, st, texts[i].col, texts[i].rule);
	}
}

static int
load_domain(struct load *ld, sqlite3_stmt *st)
{
	const char	**p;

	row_name(ld, "domain", st, 0, -1);
	if ((p = grow(ld->domains, ld->ndomains, sizeof(*p))) == NULL)
		return (-1);
	ld->domains = p;
	if ((p[ld->ndomains] = col_text(ld, st, 0, PROTO_HOST_SIZE)) == NULL)
		return (-1);
	if (!check_domain(p[ld->ndomains++]))
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

	row_name(ld, "account", st, 1, 2);
	if ((name = col_text(ld, st, 1, 65)) == NULL || (domain = col_text(ld, st, 2, PROTO_HOST_SIZE)) == NULL)
		return (-1);
	if (!check_local(name))
		load_bad(ld, "%s: name must be in lower case: letters, digits and . _ + = & ' -, beginning with neither . nor -",
		    ld->row);
	if (!load_has_domain(ld, domain))
		load_bad(ld, "%s: its domain is not in table domain; insert it there", ld->row);
	if ((p = grow(c->accounts, c->naccounts, sizeof(*p))) == NULL)
		return (-1);
	c->accounts = p;
	p += c->naccounts;
	p->id = col_number(ld, st, 0, 1, UINT32_MAX);
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

	row_name(ld, "route", st, 0, -1);
	if ((address = col_text(ld, st, 0, PROTO_ADDR_SIZE)) == NULL || (to = col_text(ld, st, 1, PROTO_ADDR_SIZE)) == NULL)
		return (-1);
	if (!check_address(address))
		load_bad(ld, "%s: address must be local-part@domain in lower case without spaces", ld->row);
	else if (!load_has_domain(ld, strrchr(address, '@') + 1))
		load_bad(ld, "%s: the domain of address is not in table domain; insert it there", ld->row);
	if (load_address(ld->c, address) != NULL)
		load_bad(ld, "%s: address is an account of its own; delete this row", ld->row);
	if ((target = load_address(ld->c, to)) == NULL)
		bad_text(ld, st, 1, "must be the address of an account");
	return (address_add(ld->c, target == NULL ? 0 : target->account, address));
}

static int
load_rpop(struct load *ld, sqlite3_stmt *st)
{
	struct config	*c = ld->c;
	struct record	*r;

	row_name(ld, "rpop", st, R_ACCOUNT, R_NAME);
	if ((r = grow(c->records, c->nrecords, sizeof(*r))) == NULL)
		return (-1);
	c->records = r;
	r += c->nrecords;
	memset(r, 0, sizeof(*r));
	if (rpop_text(ld, st, r) == -1)
		return (-1);
	if (!col_null(st, R_PERIOD))
		r->period = col_number(ld, st, R_PERIOD, 10, 31536000);
	r->leave = col_number(ld, st, R_LEAVE, 0, 1);
	r->apop = col_number(ld, st, R_APOP, 0, 1);
	if (rpop_where(ld, st, r) == -1)
		return (-1);
	rpop_secret(ld, st);
	rpop_mode(ld, st, r);
	c->nrecords++;
	return (0);
}

static int
rpop_text(struct load *ld, sqlite3_stmt *st, struct record *r)
{
	const struct address_row	*owner;
	const char			*account;

	if ((account = col_text(ld, st, R_ACCOUNT, PROTO_ADDR_SIZE)) == NULL ||
	    (r->name = col_text(ld, st, R_NAME, 128)) == NULL ||
	    (r->user = col_text(ld, st, R_AUTH_NAME, PROTO_USER_SIZE)) == NULL ||
	    (r->mailbox = col_text(ld, st, R_MAILBOX, PROTO_MAILBOX_SIZE)) == NULL ||
	    (r->special = col_text(ld, st, R_SPECIAL, PROTO_FIELD_SIZE)) == NULL ||
	    (r->local_domain = col_text(ld, st, R_LOCAL_DOMAIN, PROTO_HOST_SIZE)) == NULL)
		return (-1);
	if ((owner = load_address(ld->c, account)) == NULL)
		load_bad(ld, "%s: there is no such account; insert it into view accounts", ld->row);
	r->owner = owner == NULL ? account : owner->address;
	r->account = owner == NULL ? 0 : owner->account;
	if (r->name[0] == '\0' || !check_printable(r->name))
		load_bad(ld, "%s: name must be text without control characters; rename the record", ld->row);
	if (r->user[0] == '\0' || strpbrk(r->user, "\r\n") != NULL)
		load_bad(ld, "%s: auth_name must not be empty or contain CR, LF or NUL", ld->row);
	return (0);
}

/* Host, port and transport. */
static int
rpop_where(struct load *ld, sqlite3_stmt *st, struct record *r)
{
	const char	*domain, *tls;
	char		 host[PROTO_HOST_SIZE] = "";

	if ((domain = col_text(ld, st, R_DOMAIN, PROTO_HOST_SIZE + 8)) == NULL || (tls = col_text(ld, st, R_TLS, 64)) == NULL)
		return (-1);
	if (load_tls(tls, &r->tls) == -1)
		bad_text(ld, st, R_TLS, "must be tls, stls or none");
	if (!check_hostport(domain, host, sizeof(host), &r->port))
		bad_text(ld, st, R_DOMAIN, "must be host, host:port, [v6] or [v6]:port");
	if (r->port == 0)
		r->port = r->tls == TLS_MODE_TLS ? 995 : 110;
	if (r->tls != TLS_MODE_NONE && r->period != 0)
		ld->any_tls = 1;
	return ((r->host = arena_add(&ld->c->arena, host, strlen(host))) == NULL ? -1 : 0);
}

/* Judged without taking it out of the store. */
static void
rpop_secret(struct load *ld, sqlite3_stmt *st)
{
	const char	*type = (const char *)sqlite3_column_text(st, R_PW_TYPE);
	int64_t		 len = sqlite3_column_int64(st, R_PW_LENGTH);

	if (type == NULL || strcmp(type, "null") == 0) {
		if (!col_null(st, R_PERIOD))
			load_bad(ld, "%s: the password is missing; set it, or set period to NULL", ld->row);
	} else if (strcmp(type, "text") != 0 && strcmp(type, "blob") != 0)
		load_bad(ld, "%s: password must be text in quotes, or a blob", ld->row);
	else if (len < 1 || len > PROTO_SECRET_MAX)
		load_bad(ld, "%s: password must be 1 to %d octets", ld->row, PROTO_SECRET_MAX);
	else if (sqlite3_column_int64(st, R_PW_BREAKS) != 0)
		load_bad(ld, "%s: password must not contain CR, LF or NUL", ld->row);
}

/* Who gets the mail: rows S30, S32, S38. */
static void
rpop_mode(struct load *ld, sqlite3_stmt *st, struct record *r)
{
	int	 own = !col_null(st, R_LOCAL_DOMAIN);

	r->mode = DIST_OWNER;
	if (!col_null(st, R_MAILBOX) && !check_folder(r->mailbox))
		bad_text(ld, st, R_MAILBOX, "must be a folder such as Lists or Lists/bsd, or NULL for the inbox");
	if (own && !load_has_domain(ld, r->local_domain))
		bad_text(ld, st, R_LOCAL_DOMAIN, "must be in table domain, or NULL");
	if (!own && strchr(r->owner, '@') != NULL)
		r->local_domain = strchr(r->owner, '@') + 1;
	if (col_null(st, R_SPECIAL)) {
		if (own)
			load_bad(ld, "%s: local_domain is for records with special; set it to NULL", ld->row);
		return;
	}
	r->mode = strcmp(r->special, "*") == 0 ? DIST_STAR : DIST_FIELD;
	ld->any_special = 1;
	if (!check_field(r->special))
		bad_text(ld, st, R_SPECIAL, "must be '*' or the name of a header field that may be taken out of the message");
	if (!col_null(st, R_MAILBOX))
		load_bad(ld, "%s: mailbox and special exclude each other; set one to NULL", ld->row);
	if (strncmp(r->owner, "postmaster@", 11) != 0 || ld->main_domain == NULL || strcmp(r->owner + 11, ld->main_domain) != 0)
		load_bad(ld, "%s: special is for records of the postmaster of settings.main_domain only", ld->row);
}

static int
address_add(struct config *c, uint32_t account, const char *address)
{
	struct address_row	*p;

	if ((p = grow(c->addresses, c->naddresses, sizeof(*p))) == NULL)
		return (-1);
	c->addresses = p;
	p += c->naddresses++;
	p->account = account;
	p->address = address;
	return (0);
}

/* The column's value, encoded, and the rule it breaks. */
static void
bad_text(struct load *ld, sqlite3_stmt *st, int col, const char *rule)
{
	char		 value[1024] = "";
	const void	*p = sqlite3_column_blob(st, col);

	if (p != NULL)
		log_vis(value, sizeof(value), p, sqlite3_column_bytes(st, col));
	load_bad(ld, "%s: %s is '%s', %s", ld->row, sqlite3_column_name(st, col), value, rule);
}

/* "table key" or "table key1/key2" ("@" for accounts). */
static void
row_name(struct load *ld, const char *table, sqlite3_stmt *st, int key, int key2)
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
static const char *
col_text(struct load *ld, sqlite3_stmt *st, int col, size_t size)
{
	const char	*p;
	size_t		 len;

	if (col_null(st, col))
		return ("");
	if (sqlite3_column_type(st, col) != SQLITE_TEXT) {
		bad_text(ld, st, col, "must be text in quotes");
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

static uint32_t
col_number(struct load *ld, sqlite3_stmt *st, int col, int64_t min, int64_t max)
{
	int64_t	 n = sqlite3_column_int64(st, col);
	char	 rule[80];

	if (sqlite3_column_type(st, col) == SQLITE_INTEGER && n >= min && n <= max)
		return (n);
	snprintf(rule, sizeof(rule), "must be a number, %lld to %lld", (long long)min, (long long)max);
	bad_text(ld, st, col, rule);
	return (min);
}

static int
col_null(sqlite3_stmt *st, int col)
{
	return (sqlite3_column_type(st, col) == SQLITE_NULL);
}

/* Room for one more element behind n; the size doubles whenever n is a power of two. */
static void *
grow(void *p, size_t n, size_t size)
{
	if ((n & (n - 1)) != 0)
		return (p);
	return (reallocarray(p, n == 0 ? 1 : n * 2, size));
}

static int
string_cmp(const void *a, const void *b)
{
	return (strcmp(*(const char *const *)a, *(const char *const *)b));
}
