/* SPDX-License-Identifier: ISC */
/*
 * Where mail may go, decided once more: what the deliverer says of a recipient must be what the routing table gives for this
 * record.  Whoever has taken the deliverer over can put mail of the record it comes from into mailboxes that are written here
 * anyway, never hand it on to somebody whom no row names, nor have a file put anywhere else.
 *
 *	recipient		of a personal record			of a unified one
 *	Maildir			the owner's, in the record's folder	an account's INBOX, if it has no next hop
 *				(if its normal delivery is here)	a folder that a row names with this account
 *	next hop, address	the owner's, his own address		an account's, with its own address
 *									what an address leads to, or a row has as its target;
 *									by To, Cc and Bcc accounts only
 *							of what is sent: any in a domain that is not here, by its next hop
 *	the archive's places	likewise				likewise
 *	quarantine		as what it was meant for		likewise
 *	reject, discard		none				an address that leads to one; by the envelope only
 *
 * A message's recipients are decided when its header ends, and told when the message is durable: meanwhile a reload may have
 * brought another table.  What a session's first table says counts as well until the session is over.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/array.h"
#include "common/compat.h"
#include "common/ipc/proto_deliverer.h"
#include "common/log.h"
#include "common/route/route.h"
#include "config.h"

struct way {				/* what a row does beyond leading to another address */
	uint32_t	 nexthop;
	const char	*target, *folder;	/* the table's */
};

struct decider {
	const struct route_table *routes;
	const char	*archive;
	struct way	*ways;		/* sorted */
	size_t		 n;
};

struct wanted {				/* one look-up */
	const struct msg_rcpt	*rcpt;
	const char		*key;	/* of rcpt's address */
	int			 accounts;	/* other places are none */
	int			 met;
};

static int	 decide_add(struct decider *, const struct route_row *);
static int	 decide_personal(const struct decider *, const struct origin *, const struct msg_rcpt *);
static int	 decide_unified(const struct decider *, const struct origin *, const struct msg_rcpt *);
static int	 decide_maildir(const struct decider *, const struct msg_rcpt *);
static int	 decide_onward(const struct decider *, const struct msg_rcpt *, int accounts);
static int	 decide_sent(const struct decider *, const struct origin *, const struct msg_rcpt *);
static int	 decide_leads(const struct decider *, const char *, const struct msg_rcpt *, int accounts);
static int	 decide_place(void *, const struct route_place *);
static int	 decide_account(const struct route_account *, const char *folder, const struct msg_rcpt *, const char *key);
static int	 decide_folder(const char *folder, const char *dir);
static int	 decide_key(const char *address, char *key, size_t size);
static int	 decide_way(const struct decider *, uint32_t, const char *, const char *);
static int	 way_order(const void *, const void *);
static enum rcpt_kind decide_kind(const struct msg_rcpt *);

/* A decider for a routing table that is complete; table and archive stay the caller's.  NULL: no memory. */
struct decider *
decide_new(const struct route_table *routes, const char *archive)
{
	struct decider	*d;
	struct route_row row;
	uint32_t	 i;

	if ((d = calloc(1, sizeof(*d))) == NULL)
		return (NULL);
	d->routes = routes;
	d->archive = archive;
	for (i = 0; route_row_get(routes, i, &row) == 0; i++)
		if (row.action == ROUTE_DELIVER && ((row.nexthop != 0 && row.target[0] != '\0') || row.folder[0] != '\0') &&
		    decide_add(d, &row) == -1) {
			decide_free(d);
			return (NULL);
		}
	if (d->n > 1)
		qsort(d->ways, d->n, sizeof(*d->ways), way_order);
	return (d);
}

void
decide_free(struct decider *d)
{
	if (d == NULL)
		return;
	free(d->ways);
	free(d);
}

int
decide_rcpt(const struct decider *d, const struct origin *o, const struct msg_rcpt *rcpt)
{
	char	 archive[PROTO_ADDR_SIZE];

	if (o->personal ? decide_personal(d, o, rcpt) : decide_unified(d, o, rcpt))
		return (1);
	return (d->archive[0] != '\0' && rcpt->kind != RCPT_REJECT && rcpt->kind != RCPT_DISCARD &&
	    decide_key(d->archive, archive, sizeof(archive)) == 0 && decide_leads(d, archive, rcpt, 0));
}

/*
 * Whether a directory has the form domain/local-part, with a folder below it perhaps: no way out of the mail root, nor into its
 * spool.
 */
int
decide_form(const char *dir)
{
	const char	*p;
	size_t		 len;
	int		 parts = 0;

	if (strncmp(dir, "spool/", 6) == 0)
		return (0);
	for (p = dir;; p += len + 1) {
		len = strcspn(p, "/");
		if (len == 0 || (len == 1 && *p == '.') || (len == 2 && strncmp(p, "..", 2) == 0))
			return (0);
		parts++;
		if (p[len] == '\0')
			break;
	}
	return (parts == 2 || parts == 3);
}

static int
decide_add(struct decider *d, const struct route_row *row)
{
	struct way	*ways;

	if ((ways = array_grow(d->ways, d->n, sizeof(*ways))) == NULL)
		return (-1);
	d->ways = ways;
	d->ways[d->n++] = (struct way){ row->nexthop, row->target, row->folder };
	return (0);
}

/* Whether a recipient is where the owner of a personal record gets his mail. */
static int
decide_personal(const struct decider *d, const struct origin *o, const struct msg_rcpt *rcpt)
{
	const struct route_account	*a = route_account_by_id(d->routes, o->account);
	char				 key[PROTO_ADDR_SIZE];

	if (a == NULL || rcpt->kind == RCPT_REJECT || rcpt->kind == RCPT_DISCARD)
		return (0);
	if (decide_kind(rcpt) == RCPT_RELAY && decide_key(rcpt->dest, key, sizeof(key)) == -1)
		return (0);
	return (decide_account(a, o->folder, rcpt, key));
}

/* Whether a recipient is one that the routing table has, by the rules for unified records. */
static int
decide_unified(const struct decider *d, const struct origin *o, const struct msg_rcpt *rcpt)
{
	char	 key[PROTO_ADDR_SIZE];

	switch (decide_kind(rcpt)) {
	case RCPT_MAILDIR:
		return (decide_maildir(d, rcpt));
	case RCPT_RELAY:
		return (decide_onward(d, rcpt, o->accounts_only) || decide_sent(d, o, rcpt));
	default:
		return (!o->accounts_only && decide_key(rcpt->dest, key, sizeof(key)) == 0 && decide_leads(d, key, rcpt, 0));
	}
}

/* Whether a Maildir is an account's own, or a folder that a row names with it. */
static int
decide_maildir(const struct decider *d, const struct msg_rcpt *rcpt)
{
	const struct route_account	*a;
	const char			*at = strchr(rcpt->dest, '/'), *slash = at == NULL ? NULL : strchr(at + 1, '/');
	char				 address[PROTO_ADDR_SIZE];
	int				 len;

	if (at == NULL)
		return (0);
	len = slash == NULL ? (int)strlen(at + 1) : (int)(slash - at - 1);
	if ((size_t)snprintf(address, sizeof(address), "%.*s@%.*s", len, at + 1, (int)(at - rcpt->dest), rcpt->dest) >= sizeof(address) ||
	    (a = route_account_by_address(d->routes, address)) == NULL)
		return (0);
	if (slash == NULL)
		return (strcmp(a->dir, rcpt->dest) == 0 && (a->nexthop == 0 || decide_way(d, 0, address, "")));
	return (strncmp(a->dir, rcpt->dest, slash - rcpt->dest) == 0 && a->dir[slash - rcpt->dest] == '\0' &&
	    decide_way(d, 0, address, slash + 1));
}

/* Whether mail is handed on to an address of an account, or of a row; accounts: by accounts only. */
static int
decide_onward(const struct decider *d, const struct msg_rcpt *rcpt, int accounts)
{
	char		 key[PROTO_ADDR_SIZE], wild[PROTO_ADDR_SIZE];
	const char	*at;

	if (decide_key(rcpt->dest, key, sizeof(key)) == -1 || (at = strrchr(key, '@')) == NULL)
		return (0);
	if (decide_leads(d, key, rcpt, accounts))
		return (1);
	if (accounts)
		return (0);
	snprintf(wild, sizeof(wild), "*%s", at);
	return (decide_way(d, rcpt->nexthop, key, "") || decide_way(d, rcpt->nexthop, wild, ""));
}

/* Whether mail that was sent is handed on to an address elsewhere, as settings.submit_nexthop says. */
static int
decide_sent(const struct decider *d, const struct origin *o, const struct msg_rcpt *rcpt)
{
	char		 key[PROTO_ADDR_SIZE];
	const char	*at;

	return (o->nexthop != 0 && rcpt->nexthop == o->nexthop && decide_key(rcpt->dest, key, sizeof(key)) == 0 &&
	    (at = strrchr(key, '@')) != NULL && !route_is_local(d->routes, at + 1));
}

/* Whether an address leads to the place that a recipient names. */
static int
decide_leads(const struct decider *d, const char *key, const struct msg_rcpt *rcpt, int accounts)
{
	struct wanted	 w = { rcpt, NULL, accounts, 0 };
	char		 dest[PROTO_ADDR_SIZE];

	if (decide_kind(rcpt) != RCPT_MAILDIR) {
		if (decide_key(rcpt->dest, dest, sizeof(dest)) == -1)
			return (0);
		w.key = dest;
	}
	(void)route_lookup(d->routes, key, decide_place, &w, NULL);
	return (w.met);
}

/* A place that a look-up leads to: met if it is the wanted one. */
static int
decide_place(void *arg, const struct route_place *p)
{
	struct wanted		*w = arg;
	enum rcpt_kind		 kind = decide_kind(w->rcpt);

	switch (p->what) {
	case PLACE_ACCOUNT:
		w->met = kind != RCPT_REJECT && kind != RCPT_DISCARD && (decide_account(p->account, p->folder, w->rcpt, w->key) ||
		    (kind == RCPT_RELAY && p->folder[0] == '\0' && p->account->nexthop == w->rcpt->nexthop &&
		    w->rcpt->nexthop != 0 && strcasecmp(p->address, w->key) == 0));
		break;
	case PLACE_NEXTHOP:
		w->met = !w->accounts && kind == RCPT_RELAY && p->nexthop == w->rcpt->nexthop && strcasecmp(p->address, w->key) == 0;
		break;
	case PLACE_REJECT:
		w->met = kind == RCPT_REJECT;
		break;
	case PLACE_DISCARD:
		w->met = kind == RCPT_DISCARD;
		break;
	}
	return (w->met);
}

/* Whether a recipient is where an account gets mail for a folder ("": its normal delivery).  key: of the address to hand on to. */
static int
decide_account(const struct route_account *a, const char *folder, const struct msg_rcpt *rcpt, const char *key)
{
	char	 own[PROTO_ADDR_SIZE];
	size_t	 len = strlen(a->dir);

	if (decide_kind(rcpt) == RCPT_RELAY) {
		if (a->nexthop == 0 || a->nexthop != rcpt->nexthop || folder[0] != '\0' || strchr(a->dir, '/') == NULL)
			return (0);
		snprintf(own, sizeof(own), "%s@%.*s", strchr(a->dir, '/') + 1, (int)strcspn(a->dir, "/"), a->dir);
		return (strcasecmp(own, key) == 0);
	}
	if (strncmp(rcpt->dest, a->dir, len) != 0 || (folder[0] == '\0' && a->nexthop != 0))
		return (0);
	return (decide_folder(folder, rcpt->dest[len] == '/' ? rcpt->dest + len + 1 : rcpt->dest[len] == '\0' ? "" : NULL));
}

/* Whether dir (NULL: none) is the directory of a folder: A/B and A.B are .A.B, INBOX and "" the Maildir itself. */
static int
decide_folder(const char *folder, const char *dir)
{
	if (dir == NULL)
		return (0);
	if (folder[0] == '\0' || strcasecmp(folder, "INBOX") == 0)
		return (dir[0] == '\0');
	if (*dir++ != '.')
		return (0);
	for (; *folder != '\0' && (*folder == *dir || (*folder == '/' && *dir == '.')); folder++, dir++)
		;
	return (*folder == '\0' && *dir == '\0');
}

/* An address as the routing table has it: in lower case, without quotes.  0, or -1: it is no address. */
static int
decide_key(const char *address, char *key, size_t size)
{
	const char	*at = strrchr(address, '@'), *s = address, *end;
	size_t		 n = 0;

	if (at == NULL || at == address || at[1] == '\0' || strlen(address) >= size)
		return (-1);
	end = at;
	if (*s == '"') {
		if (end - s < 3 || end[-1] != '"')
			return (-1);
		s++;
		end--;
	}
	for (; s < end; s++) {
		if (*s == '\\' && *address == '"' && s + 1 < end)
			s++;
		key[n++] = tolower((unsigned char)*s);
	}
	for (s = at; *s != '\0'; s++)
		key[n++] = tolower((unsigned char)*s);
	key[n] = '\0';
	return (0);
}

/* Whether a row hands on to the address target, or, with nexthop 0, leads into the folder whose directory is dir. */
static int
decide_way(const struct decider *d, uint32_t nexthop, const char *target, const char *dir)
{
	const struct way	 key = { nexthop, target, "" };
	size_t			 i;

	for (i = array_search(&key, d->ways, d->n, sizeof(*d->ways), way_order); i < d->n && way_order(&d->ways[i], &key) == 0; i++)
		if (nexthop != 0 || decide_folder(d->ways[i].folder, dir))
			return (1);
	return (0);
}

static int
way_order(const void *a, const void *b)
{
	const struct way	*x = a, *y = b;

	if (x->nexthop != y->nexthop)
		return (x->nexthop < y->nexthop ? -1 : 1);
	return (strcasecmp(x->target, y->target));
}

/* The kind of a recipient; what is in quarantine counts as what it was meant for. */
static enum rcpt_kind
decide_kind(const struct msg_rcpt *rcpt)
{
	if (rcpt->kind != RCPT_QUARANTINE)
		return ((enum rcpt_kind)rcpt->kind);
	return (rcpt->nexthop != 0 ? RCPT_RELAY : RCPT_MAILDIR);
}
