/* SPDX-License-Identifier: ISC */
/*
 * Domains, accounts and the rows of table route, for config_load(): into the routing table, which is judged as a whole at the
 * end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/compat.h"
#include "rpopd/db/db.h"
#include "config_int.h"

#define LOCAL_SIZE	65	/* of an account's name */
#define REASON_SIZE	201

enum { D_NAME, D_ADDRESS, D_SOURCE_ROUTES };
enum { A_ID, A_NAME, A_DOMAIN, A_NEXTHOP };
enum { R_ADDRESS, R_TARGET, R_FOLDER, R_NEXTHOP, R_ACTION, R_TEXT };

static void	 route_address(struct load *, sqlite3_stmt *, const struct route_row *);
static void	 route_target(struct load *, sqlite3_stmt *, const struct route_row *);
static int	 domain_cmp(const void *, const void *);
static void	 load_route_complain(void *, const char *);

/* Makes an empty routing table of the right size.  0, or -1: no memory, or the store cannot be read. */
int
load_table(struct load *ld)
{
	int64_t	 accounts, domains, rows, detail;

	if (sql_number(ld->db, "SELECT count(*) FROM account", &accounts) == -1 ||
	    sql_number(ld->db, "SELECT count(*) FROM domain", &domains) == -1 ||
	    sql_number(ld->db, "SELECT count(*) FROM route", &rows) == -1 ||
	    sql_number(ld->db, "SELECT ifnull(max(unicode(detail)), 0) FROM settings", &detail) == -1)
		return (-1);
	if (accounts > ROUTE_MAX || domains > ROUTE_MAX || rows > ROUTE_MAX) {
		load_bad(ld, "%s: has more than %u accounts, domains or rows of table route", ld->path, ROUTE_MAX);
		return (0);
	}
	ld->c->routes = route_new(accounts, domains, rows, detail > 0 && detail <= '~' && detail != '@' ? (int)detail : 0);
	return (ld->c->routes == NULL ? -1 : 0);
}

int
load_domain(struct load *ld, sqlite3_stmt *st)
{
	struct domain_row	*p;
	unsigned int		 bad = ld->bad;
	int			 source_routes;

	load_row_name(ld, "domain", st, D_NAME, -1);
	if ((p = array_grow(ld->domains, ld->ndomains, sizeof(*p))) == NULL)
		return (-1);
	ld->domains = p;
	p += ld->ndomains;
	if ((p->name = load_text(ld, st, D_NAME, PROTO_HOST_SIZE)) == NULL ||
	    (p->address = load_text(ld, st, D_ADDRESS, SOURCE_SIZE)) == NULL)
		return (-1);
	ld->ndomains++;
	if (!load_null(st, D_ADDRESS) && !check_addresses(p->address))
		load_bad_value(ld, st, D_ADDRESS, "must be numeric addresses of this host, separated by commas, or NULL");
	if (!check_domain(p->name))
		load_bad(ld, "%s: must be a domain in lower case, and not 'spool'; correct it", ld->row);
	source_routes = load_number(ld, st, D_SOURCE_ROUTES, 0, 1);
	if (ld->bad > bad)
		return (0);
	return (load_home(ld, p) == -1 ? -1 : route_domain_add(ld->c->routes, p->name, source_routes));
}

int
load_account(struct load *ld, sqlite3_stmt *st)
{
	struct route_account	 a;
	const char		*name, *domain;
	char			 text[PROTO_DIR_SIZE], address[PROTO_ADDR_SIZE];
	unsigned int		 bad = ld->bad;

	load_row_name(ld, "account", st, A_NAME, A_DOMAIN);
	if ((name = load_peek(ld, st, A_NAME, LOCAL_SIZE)) == NULL || (domain = load_peek(ld, st, A_DOMAIN, PROTO_HOST_SIZE)) == NULL)
		return (-1);
	if (!check_local(name))
		load_bad(ld, "%s: name must be in lower case: letters, digits and . _ + = & ' -, beginning with neither . nor -",
		    ld->row);
	if (load_domain_row(ld, domain) == NULL)
		load_bad(ld, "%s: its domain is not in table domain; insert it there", ld->row);
	a.id = load_number(ld, st, A_ID, 1, UINT32_MAX);
	a.nexthop = load_nexthop_id(ld, st, A_NEXTHOP);
	a.unified = 0;
	snprintf(address, sizeof(address), "%s@%s", name, domain);
	if (route_account_by_address(ld->c->routes, address) != NULL)
		load_bad(ld, "%s: this address is there more than once; delete all but one", ld->row);
	snprintf(text, sizeof(text), "%s/%s", domain, name);
	a.dir = text;
	return (ld->bad > bad ? 0 : route_account_add(ld->c->routes, &a));
}

int
load_route(struct load *ld, sqlite3_stmt *st)
{
	struct route_row	 r;
	const char		*action;
	unsigned int		 bad = ld->bad;

	load_row_name(ld, "route", st, R_ADDRESS, -1);
	if ((r.address = load_peek(ld, st, R_ADDRESS, PROTO_ADDR_SIZE)) == NULL ||
	    (r.target = load_peek(ld, st, R_TARGET, PROTO_ADDR_SIZE)) == NULL ||
	    (r.folder = load_peek(ld, st, R_FOLDER, PROTO_MAILBOX_SIZE)) == NULL ||
	    (r.text = load_peek(ld, st, R_TEXT, REASON_SIZE)) == NULL || (action = load_peek(ld, st, R_ACTION, 16)) == NULL)
		return (-1);
	r.nexthop = load_nexthop_id(ld, st, R_NEXTHOP);
	r.action = strcmp(action, "deliver") == 0 ? ROUTE_DELIVER : strcmp(action, "reject") == 0 ? ROUTE_REJECT : ROUTE_DISCARD;
	if (r.action == ROUTE_DISCARD && strcmp(action, "discard") != 0)
		load_bad_value(ld, st, R_ACTION, "must be deliver, reject or discard");
	route_address(ld, st, &r);
	route_target(ld, st, &r);
	return (ld->bad > bad ? 0 : route_row_add(ld->c->routes, &r));
}

/* Complains of loops, of targets that lead nowhere, and of an archive or bounce_to that leads nowhere. */
void
load_routes_sound(struct load *ld)
{
	const struct settings		*s = &ld->c->settings;
	const struct nexthop_row	*n;
	size_t				 i;

	if (ld->bad == 0 && route_check(ld->c->routes, load_route_complain, ld) == -1)
		load_bad(ld, "out of memory");
	if (ld->bad == 0 && s->archive[0] != '\0' && route_lookup(ld->c->routes, s->archive, NULL, NULL, NULL) <= 0)
		load_bad(ld, "settings: archive is '%s', which is neither an account nor an address of table route", s->archive);
	for (i = 0; ld->bad == 0 && i < ld->c->nnexthops; i++) {
		n = &ld->c->nexthops[i];
		if (n->bounce_to[0] != '\0' && route_lookup(ld->c->routes, n->bounce_to, NULL, NULL, NULL) <= 0)
			load_bad(ld, "nexthop %s: bounce_to is '%s', which is neither an account nor an address of table route", n->name,
			    n->bounce_to);
	}
}

/* The row of a local domain; NULL: there is no such domain here. */
const struct domain_row *
load_domain_row(const struct load *ld, const char *name)
{
	const struct domain_row	 key = { name, NULL };

	return (bsearch(&key, ld->domains, ld->ndomains, sizeof(key), domain_cmp));
}

/* Judges the part of a row of table route that says which addresses it is about, and what reject and discard may have. */
static void
route_address(struct load *ld, sqlite3_stmt *st, const struct route_row *r)
{
	if (!check_address(r->address))
		load_bad(ld, "%s: address must be local-part@domain or *@domain in lower case without spaces", ld->row);
	else if (load_domain_row(ld, strrchr(r->address, '@') + 1) == NULL)
		load_bad(ld, "%s: the domain of address is not in table domain; insert it there", ld->row);
	if (route_account_by_address(ld->c->routes, r->address) != NULL)
		load_bad(ld, "%s: address is an account of its own; delete this row", ld->row);
	if (r->action != ROUTE_DELIVER && (r->target[0] != '\0' || r->folder[0] != '\0' || !load_null(st, R_NEXTHOP)))
		load_bad(ld, "%s: reject and discard have neither target nor folder nor nexthop", ld->row);
	if (!load_null(st, R_TEXT) && (r->action != ROUTE_REJECT || r->text[0] == '\0' || !check_ascii(r->text)))
		load_bad_value(ld, st, R_TEXT, "must be the reason of a reject, 1 to 200 printable ASCII characters");
}

/* Judges the part of a row of table route that says where mail goes. */
static void
route_target(struct load *ld, sqlite3_stmt *st, const struct route_row *r)
{
	int	 pattern = strncmp(r->target, "*@", 2) == 0;

	if (r->action != ROUTE_DELIVER)
		return;
	if (load_null(st, R_TARGET) && load_null(st, R_NEXTHOP))
		load_bad(ld, "%s: deliver needs a target or a nexthop", ld->row);
	if (!load_null(st, R_TARGET) && !check_address(r->target))
		load_bad_value(ld, st, R_TARGET, "must be local-part@domain or *@domain in lower case without spaces");
	else if (pattern && strncmp(r->address, "*@", 2) != 0)
		load_bad_value(ld, st, R_TARGET, "which is for addresses *@domain");
	if (load_null(st, R_FOLDER))
		return;
	if (!check_folder(r->folder))
		load_bad_value(ld, st, R_FOLDER, "must be a folder such as Lists or Lists/bsd, or NULL");
	if (r->target[0] == '\0' || pattern || !load_null(st, R_NEXTHOP))
		load_bad(ld, "%s: folder is for a target that is an account, without nexthop", ld->row);
}

static int
domain_cmp(const void *a, const void *b)
{
	return (strcmp(((const struct domain_row *)a)->name, ((const struct domain_row *)b)->name));
}

static void
load_route_complain(void *arg, const char *sentence)
{
	load_bad(arg, "%s", sentence);
}
