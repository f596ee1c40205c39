/* SPDX-License-Identifier: ISC */
/*
 * Mail that waits for a next hop which rpopd.db has no longer: it goes nowhere by itself, is told of at every load, and can be
 * moved to another one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/array.h"
#include "common/ipc/proto_ctl.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "rpopd/state/state.h"
#include "rpopd/turn/turn.h"
#include "relay_int.h"

#define MOVE_PORTION	256	/* rows in one transaction */
#define MOVE_NAMESAKES	64	/* next hops of one name that are gone */

struct moved {				/* rows of some next hops */
	const uint32_t	*from;
	size_t		 nfrom;
	int64_t		*ids;
	size_t		 n;
	uint32_t	*hops;		/* move_tell(): those that are gone */
	uint32_t	*rows;		/* and how many wait */
	size_t		 nhops;
};

static enum db	 move_from(const char *, uint32_t *, size_t, size_t *);
static const struct nexthop_row *move_named(const char *);
static int	 move_row(void *, const struct relay_row *);
static int	 move_portion(const int64_t *, size_t, uint32_t, size_t *, size_t *);
static int	 move_count(void *, const struct relay_row *);

/* What waits for the next hop m->from is moved to m->to.  0, or -1; a sentence in any case. */
int
move_all(const struct ctl_move *m, char *text, size_t size)
{
	const struct nexthop_row	*to = move_named(m->to);
	uint32_t			 from[MOVE_NAMESAKES];
	struct moved			 v = { from, 0, NULL, 0, NULL, NULL, 0 };
	size_t				 nfrom;
	enum db				 found = move_from(m->from, from, nitems(from), &nfrom);
	size_t				 i, n, done = 0, busy = 0;
	int				 failed = 0;

	if (to == NULL || found != DB_OK) {
		snprintf(text, size, "%s: %s", to == NULL ? m->to : m->from, found == DB_FAILED ? "state.db cannot be read now; try again" :
		    to == NULL ? "is not in table nexthop; name a next hop that is" : "no next hop ever had this name");
		return (-1);
	}
	v.nfrom = nfrom;
	failed = state_relay_each(move_row, &v) != DB_OK;
	for (i = 0; i < v.n && !failed; i += n) {
		n = v.n - i < MOVE_PORTION ? v.n - i : MOVE_PORTION;
		failed = move_portion(v.ids + i, n, to->id, &done, &busy) == -1;
	}
	free(v.ids);
	turn_soon();
	snprintf(text, size, "%zu moved to %.64s", done, m->to);
	if (busy > 0)
		snprintf(text + strlen(text), size - strlen(text), "; %zu are being sent or reported now, try again for them", busy);
	if (failed)
		snprintf(text + strlen(text), size - strlen(text), "; state.db cannot be written now, try again for the rest");
	return (failed || busy > 0 ? -1 : 0);
}

/*
 * What waits is due now: everything (what is "all"), what waits for the next hop of that name, or the row of that number.  0,
 * or -1; a sentence in any case.
 */
int
move_retry(const char *what, char *text, size_t size)
{
	const struct nexthop_row	*row = NULL;
	const char			*error = NULL;
	int64_t				 id = 0;
	uint32_t			 n;

	if (strcmp(what, "all") != 0 && (row = move_named(what)) == NULL) {
		id = strtonum(what, 1, INT64_MAX, &error);
		if (error != NULL || queue_waiting(id) == NULL) {
			snprintf(text, size, "%.64s: %s", what, error != NULL ? "is neither a next hop nor the number of a delivery; rpopctl "
			    "queue lists them" : "does not wait for a next hop; rpopctl queue lists what does");
			return (-1);
		}
	}
	n = queue_retry(row != NULL ? row->id : 0, id);
	snprintf(text, size, "%u deliver%s tried now", n, n == 1 ? "y is" : "ies are");
	return (0);
}

/* The next hops of a name that are gone, at most max of them; else the one that has the name now.  DB_OK, DB_NONE, DB_FAILED. */
static enum db
move_from(const char *name, uint32_t *list, size_t max, size_t *n)
{
	const struct nexthop_row	*row;

	if (state_hops_gone(name, list, max, n) != DB_OK)
		return (DB_FAILED);
	if (*n == 0 && (row = move_named(name)) != NULL)
		list[(*n)++] = row->id;
	return (*n > 0 ? DB_OK : DB_NONE);
}

static const struct nexthop_row *
move_named(const char *name)
{
	size_t	 i;

	for (i = 0; i < config_running->nnexthops; i++)
		if (strcmp(config_running->nexthops[i].name, name) == 0)
			return (&config_running->nexthops[i]);
	return (NULL);
}

static int
move_row(void *arg, const struct relay_row *row)
{
	struct moved	*v = arg;
	size_t		 i;

	for (i = 0; i < v->nfrom && v->from[i] != row->nexthop; i++)
		continue;
	if (i == v->nfrom)
		return (0);
	if ((v->ids = array_grow(v->ids, v->n, sizeof(*v->ids))) == NULL)
		fatal("queue");
	v->ids[v->n++] = row->id;
	return (0);
}

/* Move a portion of rows to another next hop; what is being sent or reported is left where it is, and counted as busy.  0/-1. */
static int
move_portion(const int64_t *ids, size_t n, uint32_t to, size_t *done, size_t *busy)
{
	struct relay_change	*changes;
	struct relay_row	*rows;
	struct relay_item	*it;
	int64_t			 now = time(NULL);
	size_t			 i, used = 0;
	int			 failed;

	if ((changes = calloc(n, sizeof(*changes))) == NULL || (rows = calloc(n, sizeof(*rows))) == NULL)
		fatal("queue");
	for (i = 0; i < n; i++) {
		if (state_relay_get(ids[i], &rows[used]) != DB_OK)
			continue;
		it = queue_waiting(ids[i]);
		if ((it != NULL && it->mail->busy) || (rows[used].state == RELAY_FAILED && rows[used].body == BODY_HERE)) {
			(*busy)++;
			continue;
		}
		changes[used].id = ids[i];
		changes[used].what = RELAY_REHOP;
		changes[used].nexthop = to;
		changes[used++].next = now;
	}
	if ((failed = result_blocked() || (used > 0 && state_relay_change(changes, used) != DB_OK)) == 0)
		for (i = 0; i < used; i++) {
			if ((it = queue_waiting(rows[i].id)) != NULL)
				queue_forget(it);
			else if (rows[i].state == RELAY_QUARANTINED && rows[i].body == BODY_HERE && queue_hop(rows[i].nexthop)->quarantined > 0)
				queue_hop(rows[i].nexthop)->quarantined--;
			rows[i].nexthop = to;
			rows[i].arrived = rows[i].next = now;
			rows[i].tries = 0;
			relay_add(&rows[i]);
		}
	*done += failed ? 0 : used;
	free(changes);
	free(rows);
	return (failed ? -1 : 0);
}

/* The log is told of what waits for next hops that are gone. */
void
move_tell(void)
{
	struct moved	 v;
	char		 name[PROTO_TEXT_SIZE];
	size_t		 i;

	memset(&v, 0, sizeof(v));
	if (state_relay_each(move_count, &v) != DB_OK)
		log_warnx("state.db cannot be read: whether mail waits for next hops that are gone is not known");
	for (i = 0; i < v.nhops; i++) {
		relay_hop_name(v.hops[i], name, sizeof(name));
		log_warnx("next hop %s was removed or is another one now, and %u deliver%s left for it and stay%s here; insert it again, "
		    "or hand them to another one with rpopctl queue move %s NEXTHOP", name, v.rows[i],
		    v.rows[i] == 1 ? "y is" : "ies are", v.rows[i] == 1 ? "s" : "", name);
	}
	free(v.hops);
	free(v.rows);
}

static int
move_count(void *arg, const struct relay_row *row)
{
	struct moved	*v = arg;
	size_t		 i;

	if (row->nexthop == 0 || row->body == BODY_LOST || config_nexthop(config_running, row->nexthop) != NULL)
		return (0);
	for (i = 0; i < v->nhops && v->hops[i] != row->nexthop; i++)
		continue;
	if (i == v->nhops) {
		if ((v->hops = array_grow(v->hops, i, sizeof(*v->hops))) == NULL ||
		    (v->rows = array_grow(v->rows, i, sizeof(*v->rows))) == NULL)
			fatal("queue");
		v->hops[i] = row->nexthop;
		v->rows[i] = 0;
		v->nhops++;
	}
	v->rows[i]++;
	return (0);
}
