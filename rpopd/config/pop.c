/* SPDX-License-Identifier: ISC */
/*
 * Reading mail with POP3: rows of tables listener, certificate and acl, and what rows of tables account, domain and domain_admin say
 * of it, for config_load(); and what is asked of that.
 */
#include <arpa/inet.h>

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/compat.h"
#include "common/log.h"
#include "config_int.h"

#define SESSIONS	10	/* of an account, by the schema's default */

static int	 home_has(const struct home *, const char *);
static int	 acl_reader(const struct config *, const char *, const char *);
static uint32_t	 acl_rights(const char *);
static int	 acl_who(const struct load *, const char *);
static int	 acl_folder(const char *);
static int	 acl_cmp(const struct acl_row *, const char *, const char *, const char *);
static int	 acl_order(const void *, const void *);
static void	 acl_spell(char *, size_t, const char *);
static int	 pop_cmp(const void *, const void *);

#define ROW	struct listener_row
#define LISTENER_COLUMNS(X) \
	X(address,	TEXT(address, REQUIRED, 47, check_listen, \
	    "must be a numeric address of this host, without brackets, or '*' for all")) \
	X(port,		NUMBER(port, REQUIRED, 1, 65535)) \
	X(tls,		WORD(tls, REQUIRED, tls_words, "must be tls, stls or none")) \
	X(cert,		TEXT(cert, OPTIONAL, 1023, check_path, "must be an absolute path without .., or NULL")) \
	X(key,		TEXT(key, OPTIONAL, 1023, check_path, "must be an absolute path without .., or NULL")) \
	X(channels,	NUMBER(channels, REQUIRED, 1, 10000))

enum { LISTENER_COLUMNS(COLUMN_PLACE) LISTENER_MAX };
static const struct column	 listener_columns[] = { LISTENER_COLUMNS(COLUMN) };
const struct table		 listener_table = { "listener", listener_columns, LISTENER_MAX, " ORDER BY address, port" };

#undef ROW
#define ROW	struct certificate_row
#define CERTIFICATE_COLUMNS(X) \
	X(address,	TEXT(address, REQUIRED, 47, NULL, NULL)) \
	X(port,		NUMBER(port, REQUIRED, 1, 65535)) \
	X(cert,		TEXT(cert, REQUIRED, 1023, check_path, "must be an absolute path without ..")) \
	X(key,		TEXT(key, REQUIRED, 1023, check_path, "must be an absolute path without .."))

#define CERTIFICATE_PLACE(name, kind)	AT_certificate_##name,
enum { CERTIFICATE_COLUMNS(CERTIFICATE_PLACE) CERTIFICATE_MAX };
static const struct column	 certificate_columns[] = { CERTIFICATE_COLUMNS(COLUMN) };
const struct table		 certificate_table = { "certificate", certificate_columns, CERTIFICATE_MAX, " ORDER BY address, port, cert" };

#undef ROW
#define ROW	struct acl_row
#define ACL_COLUMNS(X) \
	X(owner,	TEXT(owner, REQUIRED, PROTO_ADDR_SIZE - 1, NULL, NULL)) \
	X(folder,	TEXT(folder, REQUIRED, PROTO_MAILBOX_SIZE - 1, acl_folder, \
	    "must be INBOX, or a folder such as Lists or Lists/bsd")) \
	X(who,		TEXT(who, REQUIRED, PROTO_ADDR_SIZE - 1, NULL, NULL)) \
	X(rights,	OTHER(REQUIRED, 4))

#define ACL_PLACE(name, kind)	AT_acl_##name,
enum { ACL_COLUMNS(ACL_PLACE) ACL_MAX };
static const struct column	 acl_columns[] = { ACL_COLUMNS(COLUMN) };
const struct table		 acl_table = { "acl", acl_columns, ACL_MAX, " ORDER BY owner, folder, who" };

/* A row of table listener.  Files that it cannot work with are told and hold up nobody else.  0, or -1: no memory. */
int
load_listener(struct load *ld, sqlite3_stmt *st)
{
	struct config		*c = ld->c;
	struct listener_row	*l;
	struct pem		 cert, key;
	unsigned int		 bad = ld->bad;
	char			 err[PROTO_TEXT_SIZE * 5];

	load_row_name(ld, "listener", st, AT_address, AT_port);
	if ((l = array_grow(c->listeners, c->nlisteners, sizeof(*l))) == NULL)
		return (-1);
	c->listeners = l;
	l += c->nlisteners;
	memset(l, 0, sizeof(*l));
	if (table_load(ld, st, &listener_table, l) == -1)
		return (-1);
	c->nlisteners++;
	if (l->tls != TLS_MODE_NONE && (load_null(st, AT_cert) || load_null(st, AT_key)))
		load_bad(ld, "%s: tls and stls need cert and key, the files of the server's certificate and of the key to it",
		    ld->row);
	if (l->tls == TLS_MODE_NONE && (!load_null(st, AT_cert) || !load_null(st, AT_key)))
		load_bad(ld, "%s: cert and key are for tls and stls", ld->row);
	if (ld->bad > bad || l->tls == TLS_MODE_NONE)
		return (0);
	if (pem_listener(l, &cert, &key, err, sizeof(err)) == -1)
		load_unsound(ld, "%s: %s", ld->row, err);
	pem_free(&cert);
	pem_free(&key);
	return (0);
}

/* A row of table certificate, as load_listener(). */
int
load_certificate(struct load *ld, sqlite3_stmt *st)
{
	struct config			*c = ld->c;
	struct certificate_row		*r;
	const struct listener_row	*l;
	struct pem			 cert, key;
	unsigned int			 bad = ld->bad;
	char				 err[PROTO_TEXT_SIZE * 5], shown[PROTO_TEXT_SIZE];

	load_row_name(ld, "certificate", st, AT_certificate_address, AT_certificate_port);
	if ((r = array_grow(c->certificates, c->ncertificates, sizeof(*r))) == NULL)
		return (-1);
	c->certificates = r;
	r += c->ncertificates;
	memset(r, 0, sizeof(*r));
	if (table_load(ld, st, &certificate_table, r) == -1)
		return (-1);
	c->ncertificates++;
	for (l = c->listeners; l < c->listeners + c->nlisteners; l++)
		if (l->port == r->port && strcmp(l->address, r->address) == 0 && l->tls != TLS_MODE_NONE)
			break;
	log_vis(shown, sizeof(shown), r->cert, strlen(r->cert));
	if (l == c->listeners + c->nlisteners)
		load_bad(ld, "%s: no listener with TLS has this address and port; insert it into table listener, or delete the row", ld->row);
	if (c->ncertificates > PROTO_CERTIFICATES_MAX && strcmp(r[-PROTO_CERTIFICATES_MAX].address, r->address) == 0 &&
	    r[-PROTO_CERTIFICATES_MAX].port == r->port)
		load_bad(ld, "%s: a listener has %d of them at most; delete the one with %s", ld->row, PROTO_CERTIFICATES_MAX, shown);
	if (ld->bad > bad)
		return (0);
	if (pem_pair(r->cert, r->key, &cert, &key, err, sizeof(err)) == -1)
		load_unsound(ld, "%s %s: %s", ld->row, shown, err);
	pem_free(&cert);
	pem_free(&key);
	return (0);
}

/* A row of table acl.  0, or -1: no memory. */
int
load_acl(struct load *ld, sqlite3_stmt *st)
{
	struct config	*c = ld->c;
	struct acl_row	*a;
	const char	*rights;
	char		 folder[PROTO_MAILBOX_SIZE];

	load_row_name(ld, "acl", st, AT_acl_owner, AT_acl_folder);
	if ((a = array_grow(c->acl, c->nacl, sizeof(*a))) == NULL)
		return (-1);
	c->acl = a;
	a += c->nacl;
	memset(a, 0, sizeof(*a));
	if (table_load(ld, st, &acl_table, a) == -1 || (rights = load_peek(ld, st, AT_acl_rights, 16)) == NULL)
		return (-1);
	c->nacl++;
	acl_spell(folder, sizeof(folder), a->folder);
	if ((a->folder = arena_add(&c->arena, folder, strlen(folder))) == NULL)
		return (-1);
	if (route_account_by_address(c->routes, a->owner) == NULL)
		load_bad_value(ld, st, AT_acl_owner, "must be the address of an account");
	if (!acl_who(ld, a->who))
		load_bad_value(ld, st, AT_acl_who, "must be the address of an account, *@ and a domain of table domain, or anyone");
	if (load_null(st, AT_acl_rights) || (a->rights = acl_rights(rights)) == UINT32_MAX)
		load_bad_value(ld, st, AT_acl_rights, "must be letters of l, r, s and t, each once");
	return (0);
}

/* A domain's addresses, if it has some.  0, or -1: no memory. */
int
load_home(struct load *ld, const struct domain_row *d)
{
	struct config	*c = ld->c;
	struct home	*h;

	if (d->address[0] == '\0')
		return (0);
	if ((h = array_grow(c->homes, c->nhomes, sizeof(*h))) == NULL)
		return (-1);
	c->homes = h;
	h[c->nhomes++] = (struct home){ d->name, d->address };
	return (0);
}

/* An administrator of a domain, of a row of table domain_admin, reads the mail there.  0, or -1: no memory. */
int
load_domain_reader(struct load *ld, sqlite3_stmt *st)
{
	struct config		*c = ld->c;
	struct domain_reader	*r;

	if ((r = array_grow(c->readers, c->nreaders, sizeof(*r))) == NULL)
		return (-1);
	c->readers = r;
	r += c->nreaders;
	if ((r->account = load_text(ld, st, 0, PROTO_ADDR_SIZE)) == NULL ||
	    (r->domain = load_text(ld, st, 1, PROTO_HOST_SIZE)) == NULL)
		return (-1);
	c->nreaders++;
	return (0);
}

/* What the row of an account says of POP3, unless it is what config_pop() says of most.  0, or -1: no memory. */
int
load_pop_account(struct load *ld, const struct pop_account *p)
{
	struct config		*c = ld->c;
	struct pop_account	*pops;

	if (p->pop && !p->submit && p->login_delay == c->settings.pop_login_delay && p->sessions == SESSIONS &&
	    p->expire_days == UINT32_MAX)
		return (0);
	if ((pops = array_grow(c->pops, c->npops, sizeof(*pops))) == NULL)
		return (-1);
	c->pops = pops;
	c->pops[c->npops++] = *p;
	return (0);
}

/* Judges what no single row shows, and sorts what is looked up. */
void
load_pop_whole(struct load *ld)
{
	const struct config		*c = ld->c;
	const struct listener_row	*l, *m;
	size_t				 i, k, sockets = 0;

	if (c->npops > 0)
		qsort(c->pops, c->npops, sizeof(*c->pops), pop_cmp);
	if (c->nacl > 0)
		qsort(c->acl, c->nacl, sizeof(*c->acl), acl_order);
	for (i = 0; i < c->nlisteners; i++) {
		l = &c->listeners[i];
		sockets += strcmp(l->address, "*") == 0 ? 2 : 1;
		for (k = i + 1; k < c->nlisteners; k++) {
			m = &c->listeners[k];
			if (l->port == m->port && (*l->address == '*') != (*m->address == '*'))
				load_bad(ld, "listener %s/%u: * and another row have the same port; delete one of them", m->address,
				    m->port);
		}
	}
	if (sockets > PROTO_LISTENERS_MAX)
		load_bad(ld, "listener: there are more than %d sockets, of which * is two; delete some rows", PROTO_LISTENERS_MAX);
}

struct pop_account
config_pop(const struct config *c, uint32_t account)
{
	const struct pop_account	 most = { account, 1, 0, c->settings.pop_login_delay, SESSIONS, UINT32_MAX }, *p;

	p = c->npops == 0 ? NULL : bsearch(&most, c->pops, c->npops, sizeof(*p), pop_cmp);
	return (p == NULL ? most : *p);
}

const char *
config_home(const struct config *c, const char *address)
{
	const char	*found = NULL;
	size_t		 i;

	for (i = 0; i < c->nhomes; i++)
		if (home_has(&c->homes[i], address)) {
			if (found != NULL)
				return (c->settings.main_domain);
			found = c->homes[i].domain;
		}
	return (found == NULL ? c->settings.main_domain : found);
}

/* Whether a numeric address is among those of a domain, however it is written. */
static int
home_has(const struct home *h, const char *address)
{
	uint8_t		 want[16], have[16];
	const char	*p;
	char		 one[PROTO_CLIENT_SIZE];
	size_t		 len;
	int		 family = strchr(address, ':') == NULL ? AF_INET : AF_INET6;

	if (inet_pton(family, address, want) != 1)
		return (0);
	for (p = h->addresses; *p != '\0'; p += len + (p[len] == ',')) {
		len = strcspn(p, ",");
		snprintf(one, sizeof(one), "%.*s", (int)len, p);
		if (len < sizeof(one) && inet_pton(family, one, have) == 1 && memcmp(have, want, family == AF_INET ? 4 : 16) == 0)
			return (1);
	}
	return (0);
}

int
config_folder(const struct route_account *a, const char *folder, char *dir, size_t size)
{
	char	 spelled[PROTO_MAILBOX_SIZE], *p;

	acl_spell(spelled, sizeof(spelled), folder);
	if (strcmp(spelled, "INBOX") == 0)
		return (strlcpy(dir, a->dir, size) < size ? 0 : -1);
	if (strlen(folder) >= sizeof(spelled) || !check_folder(folder))
		return (-1);
	for (p = spelled; (p = strchr(p, '/')) != NULL;)
		*p = '.';
	return ((size_t)snprintf(dir, size, "%s/.%s", a->dir, spelled) < size ? 0 : -1);
}

/*
 * An owner has all rights, and so has an administrator of his domain who may read the mail there.  For others the rows that
 * name him, his domain and anyone give their rights together.
 */
uint32_t
config_acl(const struct config *c, const char *owner, const char *folder, const char *who)
{
	const uint32_t	 all = POP_RIGHT_READ | POP_RIGHT_SEEN | POP_RIGHT_DELETE;
	const char	*names[3];
	char		 domain[PROTO_ADDR_SIZE + 1], spelled[PROTO_MAILBOX_SIZE];
	const char	*at = strrchr(who, '@');
	uint32_t	 rights = 0;
	size_t		 i, lo, hi, mid;
	int		 order;

	if (strcmp(owner, who) == 0 || acl_reader(c, owner, who))
		return (all);
	snprintf(domain, sizeof(domain), "*%s", at == NULL ? "" : at);
	acl_spell(spelled, sizeof(spelled), folder);
	names[0] = who;
	names[1] = domain;
	names[2] = "anyone";
	for (i = 0; i < nitems(names); i++)
		for (lo = 0, hi = c->nacl; lo < hi;) {
			mid = lo + (hi - lo) / 2;
			if ((order = acl_cmp(&c->acl[mid], owner, spelled, names[i])) == 0) {
				rights |= c->acl[mid].rights;
				break;
			}
			if (order < 0)
				lo = mid + 1;
			else
				hi = mid;
		}
	return (rights);
}

/* The rights that are meant by letters; UINT32_MAX: they are none.  l alone gives nothing in POP3. */
static uint32_t
acl_rights(const char *letters)
{
	static const char	 all[] = "lrst";
	static const uint32_t	 rights[] = { 0, POP_RIGHT_READ, POP_RIGHT_SEEN, POP_RIGHT_DELETE };
	uint32_t		 r = 0;
	const char		*p, *at;

	for (p = letters; *p != '\0'; p++) {
		if ((at = strchr(all, *p)) == NULL || strchr(p + 1, *p) != NULL)
			return (UINT32_MAX);
		r |= rights[at - all];
	}
	return (p == letters ? UINT32_MAX : r);
}

static int
acl_who(const struct load *ld, const char *who)
{
	if (strncmp(who, "*@", 2) == 0)
		return (load_domain_row(ld, who + 2) != NULL);
	return (strcmp(who, "anyone") == 0 || route_account_by_address(ld->c->routes, who) != NULL);
}

/* The inbox has one spelling. */
static int
acl_folder(const char *folder)
{
	return (check_folder(folder) && (strcasecmp(folder, "INBOX") != 0 || strcmp(folder, "INBOX") == 0));
}

/* A folder's name as it is compared: with a slash between its levels, and INBOX for the inbox. */
static void
acl_spell(char *spelled, size_t size, const char *folder)
{
	char	*p;

	strlcpy(spelled, *folder == '\0' || strcasecmp(folder, "INBOX") == 0 ? "INBOX" : folder, size);
	for (p = spelled; (p = strchr(p, '.')) != NULL;)
		*p = '/';
}

static int
acl_order(const void *a, const void *b)
{
	const struct acl_row	*y = b;

	return (acl_cmp(a, y->owner, y->folder, y->who));
}

static int
acl_cmp(const struct acl_row *a, const char *owner, const char *folder, const char *who)
{
	int	 order;

	if ((order = strcmp(a->owner, owner)) == 0 && (order = strcmp(a->folder, folder)) == 0)
		order = strcmp(a->who, who);
	return (order);
}

/* Whether he administers the owner's domain and reads the mail there. */
static int
acl_reader(const struct config *c, const char *owner, const char *who)
{
	const char	*at = strrchr(owner, '@');
	size_t		 i;

	for (i = 0; i < c->nreaders && at != NULL; i++)
		if (strcmp(c->readers[i].account, who) == 0 && strcmp(c->readers[i].domain, at + 1) == 0)
			return (1);
	return (0);
}

static int
pop_cmp(const void *a, const void *b)
{
	const struct pop_account	*x = a, *y = b;

	return (x->account < y->account ? -1 : x->account > y->account);
}
