/* SPDX-License-Identifier: ISC */
/* The way from an address to its places, without recursion: targets of rows are looked up on a stack of ROUTE_DEPTH levels. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/compat.h"
#include "common/log.h"
#include "route_int.h"
#include "strset.h"

#define LOCAL_MAX	64	/* octets of a local part; no address of the table has a longer one */

struct level {
	char			 key[PROTO_ADDR_SIZE];
	uint32_t		 last, next;	/* rows of the ring: the last one, and the one to follow next */
	int			 over;
};

struct walk {
	const struct route_table *table;
	int			(*cb)(void *, const struct route_place *);
	void			*arg;
	struct buf		*trail;
	struct level		 levels[ROUTE_DEPTH];
	int			 depth;
	uint32_t		 steps;
	struct strset		 told;		/* the places that cb was called with */
	int			 stopped;	/* 1: cb wants no more */
};

static int	 walk_enter(struct walk *, const char *key, const char *from);
static int	 walk_row(struct walk *, const char *key, const struct route_node *);
static int	 walk_place(struct walk *, const struct route_place *);
static void	 walk_say(struct walk *, const char *key, const char *, ...) __attribute__((__format__(printf, 3, 4)));
static void	 walk_say_row(struct walk *, const char *key, const struct route_node *);

int
route_lookup(const struct route_table *t, const char *key, int (*cb)(void *, const struct route_place *), void *arg,
    struct buf *trail)
{
	uint32_t	 rows = ROUTE_WIDTH;

	return (route_lookup_within(t, key, cb, arg, trail, &rows));
}

int
route_lookup_within(const struct route_table *t, const char *key, int (*cb)(void *, const struct route_place *), void *arg,
    struct buf *trail, uint32_t *rows)
{
	struct walk		 w;
	struct level		*l;
	const struct route_node	*n;
	int			 error, told;

	w.table = t;
	w.cb = cb;
	w.arg = arg;
	w.trail = trail;
	w.depth = w.stopped = 0;
	w.steps = 0;
	memset(&w.told, 0, sizeof(w.told));
	error = walk_enter(&w, key, key);
	while (error == 0 && w.depth > 0 && !w.stopped) {
		l = &w.levels[w.depth - 1];
		if (l->over) {
			w.depth--;
			continue;
		}
		n = &t->rows[l->next];
		l->over = l->next == l->last;
		l->next = n->next;
		if (++w.steps > ROUTE_WIDTH || *rows == 0) {
			error = -1;
			break;
		}
		--*rows;
		error = walk_row(&w, l->key, n);
	}
	told = (int)w.told.n;
	strset_free(&w.told);
	return (error == -1 ? -1 : told);
}

int
route_find(const struct route_table *t, const char *key, struct route_found *f)
{
	const char	*at = strrchr(key, '@');
	char		 cut[PROTO_ADDR_SIZE];
	size_t		 len;

	f->detail = f->wild = 0;
	f->ring = -1;
	f->account = NULL;
	if (at == NULL || strlen(key) >= sizeof(cut))
		return (0);
	if ((f->account = route_account_by_address(t, key)) != NULL || (f->ring = route_ring(t, key)) != -1)
		return (1);
	len = at - key > LOCAL_MAX ? LOCAL_MAX + 1 : at - key;
	f->detail = 1;
	while (t->detail != '\0' && len-- > 1) {
		if (key[len] != t->detail)
			continue;
		snprintf(cut, sizeof(cut), "%.*s%s", (int)len, key, at);
		if ((f->account = route_account_by_address(t, cut)) != NULL || (f->ring = route_ring(t, cut)) != -1)
			return (1);
	}
	f->detail = 0;
	snprintf(cut, sizeof(cut), "*%s", at);
	f->ring = route_ring(t, cut);
	f->wild = f->ring != -1 && strcmp(cut, key) != 0;
	return (f->ring != -1);
}

int
route_is_named(const struct route_table *t, const char *key)
{
	struct route_found	 f;

	return (route_find(t, key, &f) && !f.wild);
}

int
route_target(const struct route_table *t, const struct route_node *n, const char *key, char *to, size_t size)
{
	const char	*target = route_text(t, n->target);
	size_t		 len = 0;

	if (target[0] == '*' && target[1] == '@') {
		if ((len = strrchr(key, '@') - key) >= size)
			return (-1);
		memcpy(to, key, len);
		target++;
	}
	return (strlcpy(to + len, target[0] == '\0' ? key : target, size - len) >= size - len ? -1 : 0);
}

/*
 * Looks up an address, which a row leads to from another one (from): an account is a place, rows go on the stack, an unknown address
 * is no place.  0, or -1: too deep, or no memory.
 */
static int
walk_enter(struct walk *w, const char *key, const char *from)
{
	struct route_found	 f;
	struct route_place	 place;
	struct level		*l;

	if (!route_find(w->table, key, &f)) {
		walk_say(w, key, "not known here");
		return (0);
	}
	if (f.account != NULL) {
		walk_say(w, key, f.detail ? "an account, without its detail" : "an account");
		memset(&place, 0, sizeof(place));
		place.what = PLACE_ACCOUNT;
		place.account = f.account;
		place.folder = place.text = "";
		place.address = key;
		place.individual = from;
		return (walk_place(w, &place));
	}
	if (w->depth == ROUTE_DEPTH)
		return (-1);
	l = &w->levels[w->depth++];
	strlcpy(l->key, key, sizeof(l->key));
	l->last = f.ring;
	l->next = w->table->rows[f.ring].next;
	l->over = 0;
	return (0);
}

/* Follows a row of the ring that key was found in.  key stays where it is while others are entered. */
static int
walk_row(struct walk *w, const char *key, const struct route_node *n)
{
	struct route_place	 place;
	char			 to[PROTO_ADDR_SIZE];

	walk_say_row(w, key, n);
	memset(&place, 0, sizeof(place));
	place.folder = place.text = place.address = "";
	place.individual = key;
	place.alien = 1;
	if (n->action != ROUTE_DELIVER) {
		place.what = n->action == ROUTE_REJECT ? PLACE_REJECT : PLACE_DISCARD;
		place.text = route_text(w->table, n->action == ROUTE_REJECT ? n->extra : 0);
		return (walk_place(w, &place));
	}
	if (route_target(w->table, n, key, to, sizeof(to)) == -1)
		return (-1);
	place.address = to;
	if (n->nexthop != 0) {
		place.what = PLACE_NEXTHOP;
		place.nexthop = n->nexthop;
		return (walk_place(w, &place));
	}
	if (n->extra == 0)
		return (walk_enter(w, to, key));
	place.what = PLACE_ACCOUNT;
	place.alien = 0;
	place.folder = route_text(w->table, n->extra);
	place.account = route_account_by_address(w->table, to);
	return (place.account == NULL ? 0 : walk_place(w, &place));
}

/* Calls cb with a place, unless it was called with it before. */
static int
walk_place(struct walk *w, const struct route_place *p)
{
	char		 same[64 + PROTO_MAILBOX_SIZE + PROTO_TEXT_SIZE + PROTO_ADDR_SIZE];
	const char	*address = "";
	int		 n;

	if (p->what == PLACE_NEXTHOP)
		address = p->address;
	else if (p->what == PLACE_ACCOUNT && p->account->unified)
		address = p->individual;
	n = snprintf(same, sizeof(same), "%d %u %u %s\n%s\n%s", (int)p->what, p->account != NULL ? p->account->id : 0, p->nexthop,
	    p->folder, p->text, address);
	if (n < 0 || (size_t)n >= sizeof(same))
		return (-1);
	if ((n = strset_add(&w->told, same, n)) == 1)
		w->stopped = w->cb != NULL && w->cb(w->arg, p) != 0;
	return (n == -1 ? -1 : 0);
}

/* Adds a line to the trail: "address: ..." */
static void
walk_say(struct walk *w, const char *key, const char *fmt, ...)
{
	char	 line[1024], vis[2][PROTO_ADDR_SIZE];
	va_list	 ap;
	int	 n;

	if (w->trail == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(vis[1], sizeof(vis[1]), fmt, ap);
	va_end(ap);
	n = snprintf(line, sizeof(line), "%s: %s\n", log_vis(vis[0], sizeof(vis[0]), key, strlen(key)), vis[1]);
	(void)buf_add(w->trail, line, n);
}

/* Adds to the trail what a row does, in the words of its columns; of a next hop the table knows only the number. */
static void
walk_say_row(struct walk *w, const char *key, const struct route_node *n)
{
	char		 address[128], target[128], more[160] = "";
	const char	*text;

	if (w->trail == NULL)
		return;
	text = route_text(w->table, n->address);
	log_vis(address, sizeof(address), text, strlen(text));
	text = route_text(w->table, n->target);
	log_vis(target, sizeof(target), text, strlen(text));
	text = route_text(w->table, n->extra);
	log_vis(more, sizeof(more), text, strlen(text));
	if (n->action == ROUTE_REJECT)
		walk_say(w, key, "row %s rejects%s%s", address, more[0] != '\0' ? ": " : "", more);
	else if (n->action == ROUTE_DISCARD)
		walk_say(w, key, "row %s discards", address);
	else
		walk_say(w, key, "row %s%s%s%s%s", address, target[0] != '\0' ? " -> " : "", target,
		    more[0] != '\0' ? ", folder " : "", more);
	if (n->nexthop != 0)
		walk_say(w, key, "handed on to next hop #%u", n->nexthop);
}
