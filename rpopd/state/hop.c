/* SPDX-License-Identifier: ISC */
/*
 * state.db: next hops.  What waits for one must not go to another that was given its number, nor to one that was given its name: a
 * row of rpopd.db may be deleted, its id be used again, or the whole store be made anew, with numbers from 1.
 *
 *	row of rpopd.db, beside what it was		then it is
 *	id, name and address as before			the same next hop
 *	id and name, another address			the same, it has moved
 *	name and address, another id			the same, inserted again
 *	id and address, another name			the same, renamed
 *	anything less					another one
 *	not there any more				gone; then only name and address bring it back
 */
#include <sys/types.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/compat.h"
#include "common/hook.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "state_int.h"

#define ADDRESS_SIZE	(PROTO_HOST_SIZE + 8)

struct known {				/* a row of table hop */
	int64_t		 id;
	uint32_t	 row;
	char		*name, *address;
	int		 gone, taken;
};

struct hops {
	struct known	*list;
	size_t		 n;
};

enum likeness { LIKE_ALL, LIKE_ID_NAME, LIKE_NAME_ADDRESS, LIKE_ID_ADDRESS, LIKE_ID, LIKE_MAX };

static int	 hops_read(struct hops *);
static int	 hops_like(const struct known *, const struct nexthop_row *, const char *, enum likeness);
static struct known *hops_find(struct hops *, const struct nexthop_row *, const char *, enum likeness);
static enum db	 hops_write(struct hops *, struct nexthop_row *, struct known **, size_t, int64_t);
static int	 hops_gone(int64_t, int64_t);
static int	 hops_put(struct nexthop_row *);
static void	 hops_free(struct hops *);
static void	 hop_address(const struct nexthop_row *, char *);
static uint32_t	 hop_number(void *, uint32_t);

enum db
state_hops(struct config *c, int64_t now)
{
	struct hops	  hops = { NULL, 0 };
	struct known	**found;
	char		  address[ADDRESS_SIZE];
	enum db		  result = DB_FAILED;
	size_t		  i;
	int		  like;

	if ((found = calloc(c->nnexthops + 1, sizeof(*found))) == NULL)
		return (DB_FAILED);
	if (hops_read(&hops) == 0) {
		for (like = LIKE_ALL; like < LIKE_MAX; like++)
			for (i = 0; i < c->nnexthops; i++) {
				hop_address(&c->nexthops[i], address);
				if (found[i] == NULL && (found[i] = hops_find(&hops, &c->nexthops[i], address, like)) != NULL)
					found[i]->taken = 1;
			}
		result = hops_write(&hops, c->nexthops, found, c->nnexthops, now);
	}
	if (result == DB_OK) {
		route_nexthops(c->routes, hop_number, c);
		c->settings.report_nexthop = hop_number(c, c->settings.report_nexthop);
		c->settings.submit_nexthop = hop_number(c, c->settings.submit_nexthop);
	}
	hops_free(&hops);
	free(found);
	return (result);
}

enum db
state_hop_name(uint32_t id, char *name, size_t size)
{
	sqlite3_stmt	*st;
	const char	*text;
	int		 rc;

	if ((st = state_query(Q_HOP_NAME)) == NULL || sqlite3_bind_int64(st, 1, id) != SQLITE_OK)
		return (DB_FAILED);
	if ((rc = sqlite3_step(st)) == SQLITE_ROW && (text = (const char *)sqlite3_column_text(st, 0)) != NULL && *text != '\0')
		strlcpy(name, text, size);
	else
		rc = rc == SQLITE_ROW ? SQLITE_DONE : rc;
	sqlite3_reset(st);
	return (rc == SQLITE_ROW ? DB_OK : rc == SQLITE_DONE ? DB_NONE : DB_FAILED);
}

/* Puts the name of a next hop into words, with a preposition ahead of it; nothing if it has no name.  Within a transaction or not. */
void
hop_at(uint32_t id, const char *how, char *text, size_t size)
{
	char	 name[PROTO_TEXT_SIZE];

	if (state_hop_name(id, name, sizeof(name)) == DB_OK)
		snprintf(text, size, " %s next hop %s", how, name);
}

enum db
state_hops_gone(const char *name, uint32_t *list, size_t max, size_t *n)
{
	struct hops	 hops = { NULL, 0 };
	size_t		 i;
	int		 failed = hops_read(&hops) == -1;

	*n = 0;
	for (i = 0; i < hops.n && !failed && *n < max; i++)
		if (hops.list[i].gone && strcmp(hops.list[i].name, name) == 0)
			list[(*n)++] = (uint32_t)hops.list[i].id;
	hops_free(&hops);
	return (failed ? DB_FAILED : DB_OK);
}

/* Reads every next hop, the latest first.  They are few: as many as an administrator has ever entered.  0 or -1. */
static int
hops_read(struct hops *h)
{
	sqlite3_stmt	*st;
	struct known	*p;
	const char	*name, *address;
	int		 rc = SQLITE_ERROR, failed = 0;

	if ((st = state_query(Q_HOP_LIST)) == NULL)
		return (-1);
	while (!failed && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		if ((p = array_grow(h->list, h->n, sizeof(*p))) == NULL)
			break;
		h->list = p;
		p += h->n;
		memset(p, 0, sizeof(*p));
		name = (const char *)sqlite3_column_text(st, 2);
		address = (const char *)sqlite3_column_text(st, 3);
		p->id = sqlite3_column_int64(st, 0);
		p->row = (uint32_t)sqlite3_column_int64(st, 1);
		p->gone = sqlite3_column_int(st, 4);
		p->name = strdup(name == NULL ? "" : name);
		p->address = strdup(address == NULL ? "" : address);
		h->n++;
		failed = p->name == NULL || p->address == NULL;
	}
	if (rc != SQLITE_DONE && rc != SQLITE_ROW)
		state_failed("hop");
	sqlite3_reset(st);
	return (rc == SQLITE_DONE && !failed ? 0 : -1);
}

static void
hops_free(struct hops *h)
{
	size_t	 i;

	for (i = 0; i < h->n; i++) {
		free(h->list[i].name);
		free(h->list[i].address);
	}
	free(h->list);
}

/* Whether a row of table hop and one of rpopd.db are alike in this way; the table at the top of this file has the ways. */
static int
hops_like(const struct known *k, const struct nexthop_row *n, const char *address, enum likeness like)
{
	int	 name = k->name[0] != '\0' && strcmp(k->name, n->name) == 0, where = strcmp(k->address, address) == 0;

	switch (like) {
	case LIKE_ALL:
		return (k->row == n->row && name && where);
	case LIKE_ID_NAME:
		return (!k->gone && k->row == n->row && name);
	case LIKE_NAME_ADDRESS:
		return (name && where);
	case LIKE_ID_ADDRESS:
		return (!k->gone && k->row == n->row && where);
	case LIKE_ID:
		return (!k->gone && k->row == n->row && k->name[0] == '\0');
	default:
		return (0);
	}
}

static struct known *
hops_find(struct hops *h, const struct nexthop_row *n, const char *address, enum likeness like)
{
	size_t	 i;

	for (i = 0; i < h->n; i++)
		if (!h->list[i].taken && hops_like(&h->list[i], n, address, like))
			return (&h->list[i]);
	return (NULL);
}

/*
 * Writes what has changed, in one transaction; most of the time nothing has.  Fills the ids of the rows.  DB_OK, DB_BUSY,
 * DB_FAILED.
 */
static enum db
hops_write(struct hops *h, struct nexthop_row *rows, struct known **found, size_t n, int64_t now)
{
	char	 address[ADDRESS_SIZE];
	enum db	 result;
	size_t	 i;
	int	 changed = 0, failed = 0;

	for (i = 0; i < n; i++) {
		hop_address(&rows[i], address);
		rows[i].id = found[i] == NULL ? 0 : (uint32_t)found[i]->id;
		changed |= found[i] == NULL || found[i]->gone || !hops_like(found[i], &rows[i], address, LIKE_ALL);
	}
	for (i = 0; i < h->n; i++)
		changed |= !h->list[i].taken && !h->list[i].gone;
	if (!changed)
		return (DB_OK);
	if ((result = state_begin(STATE_DURABLE)) != DB_OK)
		return (result);
	for (i = 0; i < n && !failed; i++)
		failed = hops_put(&rows[i]) == -1;
	for (i = 0; i < h->n && !failed; i++)
		failed = !h->list[i].taken && !h->list[i].gone && hops_gone(h->list[i].id, now) == -1;
	HOOK("master.state_hops");
	return (state_end(failed));
}

/* A next hop is gone since now.  0 or -1. */
static int
hops_gone(int64_t id, int64_t now)
{
	sqlite3_stmt	*st;

	if ((st = state_query(Q_HOP_GONE)) == NULL || sqlite3_bind_int64(st, 1, id) != SQLITE_OK ||
	    sqlite3_bind_int64(st, 2, now) != SQLITE_OK)
		return (-1);
	return (state_step(st));
}

/* Writes a next hop as it is now; a new one gets its id.  0 or -1. */
static int
hops_put(struct nexthop_row *n)
{
	sqlite3_stmt	*st;
	char		 address[ADDRESS_SIZE];

	hop_address(n, address);
	if ((st = state_query(n->id != 0 ? Q_HOP_PUT : Q_HOP_ADD)) == NULL ||
	    sqlite3_bind_int64(st, 1, n->row) != SQLITE_OK ||
	    sqlite3_bind_text(st, 2, n->name, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_text(st, 3, address, -1, SQLITE_STATIC) != SQLITE_OK ||
	    (n->id != 0 && sqlite3_bind_int64(st, 4, n->id) != SQLITE_OK) || state_step(st) == -1)
		return (-1);
	if (n->id == 0)
		n->id = (uint32_t)sqlite3_last_insert_rowid(sqlite3_db_handle(st));
	return (0);
}

/* Where a next hop is, as table hop has it: the path of its socket, or host and port. */
static void
hop_address(const struct nexthop_row *n, char *address)
{
	if (n->path[0] != '\0')
		strlcpy(address, n->path, ADDRESS_SIZE);
	else
		snprintf(address, ADDRESS_SIZE, "%s:%u", n->host, n->port);
}

/* The id of the next hop that has this row in rpopd.db; 0: there is none. */
static uint32_t
hop_number(void *arg, uint32_t row)
{
	const struct config	*c = arg;
	size_t			 i;

	for (i = 0; i < c->nnexthops; i++)
		if (c->nexthops[i].row == row)
			return (c->nexthops[i].id);
	return (0);
}
