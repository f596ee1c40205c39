/* SPDX-License-Identifier: ISC */
/*
 * Whether a routing table is sound.  Every ring of rows is walked once, and what is known of a ring is kept, so that the time is in
 * proportion to the table.  A ring that an address reaches as *@domain is walked anew: where it leads depends on the address.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "common/log.h"
#include "route_int.h"

struct weight {				/* what is known of a ring; the index is that of its last row */
	uint8_t		 height;	/* rows from the ring to the farthest place; 0: not walked yet */
	uint8_t		 leads;		/* 1: to at least one place */
	uint16_t	 rows;		/* rows that are used from the ring on */
};

struct level {
	char		 key[PROTO_ADDR_SIZE];
	uint32_t	 last, next, row;	/* of the ring, and row is the one that is followed */
	int		 over, keep;		/* keep: what is found out is so for every address that leads to the ring */
	uint32_t	 height, rows;
	int		 leads;
};

struct check {
	const struct route_table *table;
	struct weight		*weights;
	struct level		 levels[ROUTE_DEPTH];
	int			 depth;
	uint32_t		 work;		/* rows followed since the walk began */
	int			 complaints;
	void			(*complain)(void *, const char *);
	void			*arg;
};

static void	 check_ring(struct check *, uint32_t);
static void	 check_push(struct check *, const char *, uint32_t, int);
static void	 check_pop(struct check *);
static void	 check_row(struct check *, struct level *, const struct route_node *);
static void	 check_unknown(struct check *, struct level *, const struct route_node *, const char *);
static void	 check_enter(struct check *, struct level *, const char *, const struct route_found *);
static void	 check_add(struct check *, struct level *, int, uint32_t, uint32_t);
static int	 check_loop(struct check *, const char *);
static void	 check_bad(struct check *, const char *, const char *, ...) __attribute__((__format__(printf, 3, 4)));

int
route_check(const struct route_table *t, void (*complain)(void *, const char *), void *arg)
{
	struct check	*c;
	uint32_t	 i;
	int		 n = -1;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return (-1);
	c->table = t;
	c->complain = complain;
	c->arg = arg;
	if ((c->weights = calloc((size_t)t->nrows + 1, sizeof(*c->weights))) != NULL) {
		for (i = 0; i < t->nrows; i++)
			if (c->weights[i].height == 0 && t->rows[i].next <= i)	/* row i is the last of its ring */
				check_ring(c, i);
		n = c->complaints;
	}
	free(c->weights);
	free(c);
	return (n);
}

static void
check_ring(struct check *c, uint32_t last)
{
	const char		*key = route_text(c->table, c->table->rows[last].address);
	const struct route_node	*n;
	struct level		*l;

	c->work = 0;
	check_push(c, key, last, 1);
	while (c->depth > 0) {
		l = &c->levels[c->depth - 1];
		if (l->over) {
			check_pop(c);
			continue;
		}
		if (++c->work > ROUTE_WIDTH) {
			check_bad(c, key, "more than %u rows lead on from here", ROUTE_WIDTH);
			c->depth = 0;
			break;
		}
		l->row = l->next;
		n = &c->table->rows[l->row];
		l->over = l->row == l->last;
		l->next = n->next;
		check_row(c, l, n);
	}
}

static void
check_push(struct check *c, const char *key, uint32_t last, int keep)
{
	struct level	*l = &c->levels[c->depth++];

	memset(l, 0, sizeof(*l));
	strlcpy(l->key, key, sizeof(l->key));
	l->last = last;
	l->next = c->table->rows[last].next;
	l->keep = keep;
}

/* A ring is done: what was found out is added to the ring that led to it. */
static void
check_pop(struct check *c)
{
	struct level	*l = &c->levels[--c->depth];
	struct weight	*w = &c->weights[l->last];

	if (l->height > ROUTE_DEPTH) {
		check_bad(c, l->key, "more than %d rows follow one another until there is a place", ROUTE_DEPTH);
		l->height = 1;
	}
	if (l->rows > ROUTE_WIDTH) {
		check_bad(c, l->key, "more than %u rows lead on from here", ROUTE_WIDTH);
		l->rows = 1;
	}
	if (l->keep) {
		w->height = l->height == 0 ? 1 : l->height;
		w->leads = l->leads;
		w->rows = l->rows;
	}
	if (c->depth > 0)
		check_add(c, l - 1, l->leads, l->height, l->rows);
}

static void
check_row(struct check *c, struct level *l, const struct route_node *n)
{
	struct route_found	 f;
	char			 to[PROTO_ADDR_SIZE], vis[PROTO_ADDR_SIZE];

	if (n->action != ROUTE_DELIVER || n->nexthop != 0)
		check_add(c, l, 1, 0, 0);
	else if (route_target(c->table, n, l->key, to, sizeof(to)) == -1)
		check_add(c, l, 0, 0, 0);
	else if (n->extra != 0) {
		if (route_account_by_address(c->table, to) == NULL)
			check_bad(c, l->key, "folder is for a target that is an account, which %s is not",
			    log_vis(vis, sizeof(vis), to, strlen(to)));
		check_add(c, l, 1, 0, 0);
	} else if (!route_find(c->table, to, &f))
		check_unknown(c, l, n, to);
	else if (f.account != NULL)
		check_add(c, l, 1, 0, 0);
	else
		check_enter(c, l, to, &f);
}

/* Whether a pattern as a target leads to something: its domain has to be known, what it makes of one address may be unknown. */
static void
check_unknown(struct check *c, struct level *l, const struct route_node *n, const char *to)
{
	const char	*target = route_text(c->table, n->target);
	char		 vis[PROTO_ADDR_SIZE];
	int		 pattern = target[0] == '*' && target[1] == '@';

	if (pattern && !route_is_local(c->table, target + 2)) {
		check_bad(c, l->key, "the domain of target %s is not in table domain; insert it there, or name a nexthop",
		    log_vis(vis, sizeof(vis), target, strlen(target)));
		check_add(c, l, 1, 0, 0);
	} else
		check_add(c, l, to[0] == '*' && to[1] == '@', 0, 0);
}

/* The target of the row that a level follows has rows: they are the next level. */
static void
check_enter(struct check *c, struct level *l, const char *to, const struct route_found *f)
{
	const struct weight	*w = &c->weights[f->ring];

	if (!f->wild && w->height != 0)
		check_add(c, l, w->leads, w->height, w->rows);
	else if (check_loop(c, to))
		check_add(c, l, 1, 0, 0);
	else if (c->depth == ROUTE_DEPTH) {
		check_bad(c, c->levels[0].key, "more than %d rows follow one another until there is a place", ROUTE_DEPTH);
		check_add(c, l, 1, 0, 0);
	} else
		check_push(c, to, f->ring, !f->wild);
}

/* The row that a level follows leads to a place, or nowhere, over so many further rows. */
static void
check_add(struct check *c, struct level *l, int leads, uint32_t height, uint32_t rows)
{
	const char	*target = route_text(c->table, c->table->rows[l->row].target);
	char		 vis[PROTO_ADDR_SIZE];

	if (!leads && !(target[0] == '*' && target[1] == '@')) {
		check_bad(c, l->key, "target %s leads nowhere: make it an account or an address of table route, or name a nexthop",
		    log_vis(vis, sizeof(vis), target, strlen(target)));
		leads = 1;
	}
	l->leads |= leads;
	if (l->height < height + 1)
		l->height = height + 1;
	l->rows += rows + 1;
}

/* Whether an address is on its own way, which is complained of. */
static int
check_loop(struct check *c, const char *to)
{
	char	 way[1024] = "", vis[PROTO_ADDR_SIZE];
	int	 i, first;

	for (first = 0; first < c->depth && strcmp(c->levels[first].key, to) != 0; first++)
		continue;
	if (first == c->depth)
		return (0);
	for (i = first; i < c->depth; i++) {
		strlcat(way, log_vis(vis, sizeof(vis), c->levels[i].key, strlen(c->levels[i].key)), sizeof(way));
		strlcat(way, " -> ", sizeof(way));
	}
	strlcat(way, log_vis(vis, sizeof(vis), to, strlen(to)), sizeof(way));
	check_bad(c, to, "a loop: %s", way);
	return (1);
}

static void
check_bad(struct check *c, const char *address, const char *fmt, ...)
{
	char	 text[1400], sentence[1900], vis[PROTO_ADDR_SIZE];
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(sentence, sizeof(sentence), "route %s: %s", log_vis(vis, sizeof(vis), address, strlen(address)), text);
	c->complaints++;
	c->complain(c->arg, sentence);
}
