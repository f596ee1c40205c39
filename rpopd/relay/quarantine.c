/* SPDX-License-Identifier: ISC */
/*
 * What the administrator does about messages in quarantine, in the queue, or set aside on their server: deliver them after all,
 * as they were meant or to another address, or give them up.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/array.h"
#include "common/ipc/proto_ctl.h"
#include "common/log.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "rpopd/turn/turn.h"
#include "relay_int.h"

#define ACT_PORTION	256	/* rows in one transaction */

struct target {				/* of an address */
	int			 n;
	enum { TARGET_MAILDIR, TARGET_NEXTHOP, TARGET_NONE } what;
	uint32_t		 nexthop;
	char			 dest[PROTO_DEST_SIZE];
};

struct wanted {				/* among what is set aside */
	int64_t		 mailbox;
	const char	*uid;		/* as it is shown: vis-encoded */
	struct set_aside_row row;
	int		 found;
};

struct held {				/* ids of what is in quarantine */
	int64_t	*ids;
	size_t	 n;
};

static int	 quarantine_one(const struct ctl_quarantine *, int64_t, const struct target *, char *, size_t);
static int	 quarantine_place(const struct ctl_quarantine *, const struct relay_row *, const struct target *, char *, size_t);
static int	 quarantine_body(const struct relay_row *, char *, size_t);
static int	 quarantine_all(const struct ctl_quarantine *, const struct target *, char *, size_t);
static int	 quarantine_set_aside(const struct ctl_quarantine *, char *, size_t);
static int	 set_aside_match(void *, const struct set_aside_row *);
static int	 quarantine_id(void *, const struct relay_row *);
static void	 quarantine_change(const struct ctl_quarantine *, const struct relay_row *, const struct target *,
		    struct relay_change *);
static int	 quarantine_commit(struct relay_change *, const struct relay_row *, size_t);
static void	 quarantine_applied(const struct relay_change *, const struct relay_row *);
static int	 target_find(const char *, struct target *);
static int	 target_postmaster(struct target *);
static int	 target_place(void *, const struct route_place *);

/* Release or drop messages, as m says.  0, or -1; a sentence in any case. */
int
quarantine_act(const struct ctl_quarantine *m, char *text, size_t size)
{
	struct target	 t = { 0, TARGET_NONE, 0, "" };

	if (m->mailbox != 0)
		return (quarantine_set_aside(m, text, size));
	if (m->to[0] != '\0' && target_find(m->to, &t) == -1) {
		snprintf(text, size, "%s: does not lead to one place here; name an account's address", m->to);
		return (-1);
	}
	if (m->id != 0)
		return (quarantine_one(m, m->id, &t, text, size));
	return (quarantine_all(m, &t, text, size));
}

/*
 * Something is to be done to a file that is set aside in the spool; the deliverer's answer goes to done(arg, answer).  NULL and a
 * sentence: it cannot be asked.
 */
struct spool_ask *
quarantine_file(const struct ctl_quarantine *m, void (*done)(void *, const struct spool_answer *), void *arg, char *text, size_t size)
{
	struct spool_ask	*ask;
	struct target		 t = { 0, TARGET_NONE, 0, "" };

	if (!set_aside_known(m->file)) {
		snprintf(text, size, "no such file is set aside");
		return (NULL);
	}
	if (m->act == QUARANTINE_RELEASE && ((m->to[0] != '\0' ? target_find(m->to, &t) : target_postmaster(&t)) == -1 ||
	    t.what != TARGET_MAILDIR)) {
		snprintf(text, size, "%s does not lead to a Maildir here; name the address of an account whose mail stays here",
		    m->to[0] != '\0' ? m->to : "the postmaster's address");
		return (NULL);
	}
	if ((ask = spool_set_aside(m->file, m->act, t.dest, done, arg)) == NULL)
		snprintf(text, size, "the deliverer is not ready; try again");
	return (ask);
}

/*
 * Release or drop one row, in quarantine or waiting; not while it is being sent or reported.  0, or -1; a sentence in any case.
 */
static int
quarantine_one(const struct ctl_quarantine *m, int64_t id, const struct target *t, char *text, size_t size)
{
	struct relay_change	 c;
	struct relay_row	 row;
	struct relay_item	*it = queue_waiting(id);

	if (state_relay_get(id, &row) != DB_OK) {
		snprintf(text, size, "%lld: no such message in the queue or the quarantine", (long long)id);
		return (-1);
	}
	if ((it != NULL && it->mail->busy) || row.state == RELAY_FAILED) {
		snprintf(text, size, "%lld: is being %s now; try again later", (long long)id, it != NULL ? "sent" : "reported");
		return (-1);
	}
	if (m->to[0] != '\0' && t->what == TARGET_NONE && row.nexthop == 0) {
		snprintf(text, size, "%s: not an address here", m->to);
		return (-1);
	}
	if (m->act == QUARANTINE_RELEASE && (quarantine_place(m, &row, t, text, size) == -1 ||
	    quarantine_body(&row, text, size) == -1))
		return (-1);
	quarantine_change(m, &row, t, &c);
	if (quarantine_commit(&c, &row, 1) == -1) {
		snprintf(text, size, "state.db cannot be written now; try again");
		return (-1);
	}
	snprintf(text, size, "%lld: %s", (long long)id, m->act == QUARANTINE_DROP ? "dropped" : "released");
	return (0);
}

/* Whether the row can be released: 0, or -1 and a sentence, since the next hop or the account that it was meant for is gone. */
static int
quarantine_place(const struct ctl_quarantine *m, const struct relay_row *row, const struct target *t, char *text, size_t size)
{
	char		 name[PROTO_TEXT_SIZE], address[PROTO_ADDR_SIZE];
	const char	*local;
	size_t		 domain;

	if (t->what != TARGET_NONE)
		return (0);
	if (row->nexthop != 0) {
		if (config_nexthop(config_running, row->nexthop) != NULL)
			return (0);
		relay_hop_name(row->nexthop, name, sizeof(name));
		snprintf(text, size, "%lld: next hop %.64s was removed; rpopctl queue move %.64s NEXTHOP hands what is there to another one",
		    (long long)row->id, name, name);
		return (-1);
	}
	if (m->to[0] == '\0' && (local = strchr(row->dest, '/')) != NULL) {
		domain = local - row->dest;
		local++;
		snprintf(address, sizeof(address), "%.*s@%.*s", (int)strcspn(local, "/"), local, (int)domain, row->dest);
		if (route_account_by_address(config_running->routes, address) != NULL)
			return (0);
		snprintf(text, size, "%lld: there is no account %s any more; name an address to release it to", (long long)row->id,
		    address);
		return (-1);
	}
	return (0);
}

/* Whether the row's file is here: 0, or -1 and a sentence, since nothing is here that could be delivered. */
static int
quarantine_body(const struct relay_row *row, char *text, size_t size)
{
	struct relay_hop	*h = queue_hop(row->nexthop);

	if (row->body == BODY_LOST) {
		snprintf(text, size, "%lld: is lost: its file is missing from the spool, and its server has the message no longer; "
		    "rpopctl quarantine drop %lld forgets it", (long long)row->id, (long long)row->id);
		return (-1);
	}
	if (row->body == BODY_HERE && spool_has(row->link) != 0)
		return (0);
	if (row->body == BODY_HERE && body_missing(row->id) == 0 && row->state == RELAY_QUARANTINED && h->quarantined > 0)
		h->quarantined--;
	snprintf(text, size, "%lld: its file is missing from the spool: it is retrieved again from its server, if that still has it; "
	    "release it then", (long long)row->id);
	return (-1);
}

/* Release or drop everything in quarantine.  0, or -1; a sentence in any case. */
static int
quarantine_all(const struct ctl_quarantine *m, const struct target *t, char *text, size_t size)
{
	struct held		 held = { NULL, 0 };
	struct relay_change	*changes = calloc(ACT_PORTION, sizeof(*changes));
	struct relay_row	*rows = calloc(ACT_PORTION, sizeof(*rows));
	size_t			 i, n = 0, done = 0;
	int			 error;

	if (changes == NULL || rows == NULL)
		fatal("quarantine");
	error = state_relay_each(quarantine_id, &held) != DB_OK;
	for (i = 0; !error && i < held.n; i++) {
		if (state_relay_get(held.ids[i], &rows[n]) == DB_OK &&
		    (m->act == QUARANTINE_DROP || (quarantine_place(m, &rows[n], t, text, size) == 0 &&
		    quarantine_body(&rows[n], text, size) == 0)) &&
		    (m->to[0] == '\0' || t->what != TARGET_NONE || rows[n].nexthop != 0)) {
			quarantine_change(m, &rows[n], t, &changes[n]);
			n++;
		}
		if (n > 0 && (n == ACT_PORTION || i + 1 == held.n)) {
			error = quarantine_commit(changes, rows, n) == -1;
			done += error ? 0 : n;
			n = 0;
		}
	}
	snprintf(text, size, "%zu %s%s", done, m->act == QUARANTINE_DROP ? "dropped" : "released",
	    error ? "; state.db cannot be written now, try again for the rest" : "");
	free(held.ids);
	free(changes);
	free(rows);
	return (error ? -1 : 0);
}

/*
 * Release or drop a message that was set aside on its server because sessions fail at it: it is retrieved as if they had not,
 * or counts as delivered.  It may have been delivered long ago, and be retrieved only to be compared: so it keeps what it is
 * known by, and does not come twice.  0, or -1; a sentence in any case.
 */
static int
quarantine_set_aside(const struct ctl_quarantine *m, char *text, size_t size)
{
	struct wanted		 wanted = { .mailbox = m->mailbox, .uid = m->uid };
	struct listing_change	 c[2];
	struct poll_answer	 answer;
	char			 name[PROTO_RECORD_SIZE * 2];
	size_t			 i;

	memset(c, 0, sizeof(c));
	if (state_set_aside(set_aside_match, &wanted) != DB_OK) {
		snprintf(text, size, "state.db cannot be read now; try again");
		return (-1);
	}
	if (!wanted.found) {
		snprintf(text, size, "no such message is set aside");
		return (-1);
	}
	for (i = 0; i < nitems(c); i++) {
		memcpy(c[i].uid, wanted.row.uid, wanted.row.uidlen);
		c[i].uidlen = wanted.row.uidlen;
	}
	c[0].what = m->act == QUARANTINE_DROP ? CHANGE_FORGET : CHANGE_CLEAR;
	c[1].what = CHANGE_MARK;
	if (state_change(m->mailbox, c, m->act == QUARANTINE_DROP ? 2 : 1, time(NULL)) != DB_OK) {
		snprintf(text, size, "state.db cannot be written now; try again");
		return (-1);
	}
	snprintf(text, size, m->act == QUARANTINE_DROP ? "counts as delivered; it stays on the server" : "will be retrieved again");
	for (i = 0; m->act == QUARANTINE_RELEASE && i < sched_ntasks; i++)
		if (sched_tasks[i].mailbox == m->mailbox) {
			snprintf(name, sizeof(name), "%s/%s", sched_tasks[i].rec->owner, sched_tasks[i].rec->name);
			sched_poll(name, &answer);
		}
	return (0);
}

static int
set_aside_match(void *arg, const struct set_aside_row *row)
{
	struct wanted	*w = arg;
	char		 shown[STATE_KEY_MAX * 4 + 1];

	if (row->mailbox != w->mailbox || strcmp(log_vis(shown, sizeof(shown), row->uid, row->uidlen), w->uid) != 0)
		return (0);
	w->row = *row;
	w->found = 1;
	return (1);
}

static int
quarantine_id(void *arg, const struct relay_row *row)
{
	struct held	*h = arg;

	if (row->state != RELAY_QUARANTINED || row->body != BODY_HERE)
		return (0);
	if ((h->ids = array_grow(h->ids, h->n, sizeof(*h->ids))) == NULL)
		fatal("quarantine");
	h->ids[h->n++] = row->id;
	return (0);
}

/*
 * What becomes of a row.  Released as it was meant it goes to its next hop or its Maildir; released to another address it goes
 * where that leads, or else to the same next hop.
 */
static void
quarantine_change(const struct ctl_quarantine *m, const struct relay_row *row, const struct target *t, struct relay_change *c)
{
	memset(c, 0, sizeof(*c));
	c->id = row->id;
	if (m->act == QUARANTINE_DROP) {
		c->what = RELAY_DONE;
		c->status = "by the administrator";
	} else if (m->to[0] == '\0' || t->what == TARGET_NONE) {
		c->what = row->nexthop != 0 ? RELAY_RELEASE : RELAY_MOVE;
		c->nexthop = row->nexthop;
		c->dest = m->to[0] != '\0' ? m->to : row->dest;
	} else {
		c->what = t->what == TARGET_MAILDIR ? RELAY_MOVE : RELAY_RELEASE;
		c->nexthop = t->nexthop;
		c->dest = t->dest;
	}
}

/* Commit what becomes of rows.  0, or -1: nothing happened. */
static int
quarantine_commit(struct relay_change *changes, const struct relay_row *rows, size_t n)
{
	size_t	 i;

	if (result_blocked() || state_relay_change(changes, n) != DB_OK)
		return (-1);
	for (i = 0; i < n; i++)
		quarantine_applied(&changes[i], &rows[i]);
	turn_soon();
	return (0);
}

static void
quarantine_applied(const struct relay_change *c, const struct relay_row *was)
{
	struct relay_item	*it = queue_waiting(c->id);
	struct relay_hop	*h = queue_hop(was->nexthop);
	struct relay_row	 row;

	if (it != NULL)
		queue_forget(it);
	else if (was->state == RELAY_QUARANTINED && was->body == BODY_HERE && h->quarantined > 0)
		h->quarantined--;
	queue_tried(c->id);
	if (c->what == RELAY_DONE)
		spool_remove(was->link);
	else if (c->what == RELAY_MOVE)
		spool_move(c->pending, was->link, c->dest);
	else if (state_relay_get(c->id, &row) == DB_OK)
		relay_add(&row);
}

/*
 * The one place that an address leads to; TARGET_NONE: it is not one of ours.  0, or -1: to none, several, or one that takes
 * none.
 */
static int
target_find(const char *address, struct target *t)
{
	char	 key[PROTO_ADDR_SIZE], *p;

	strlcpy(key, address, sizeof(key));
	for (p = key; *p != '\0'; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p += 'a' - 'A';
		else if (*p <= ' ' || *p == 0x7f)
			return (-1);
	if ((p = strrchr(key, '@')) == NULL || p == key || p[1] == '\0')
		return (-1);
	if (route_lookup(config_running->routes, key, target_place, t, NULL) == -1 || t->n > 1)
		return (-1);
	return (t->n == 1 && t->what == TARGET_NONE ? -1 : 0);
}

static int
target_place(void *arg, const struct route_place *p)
{
	struct target	*t = arg;

	t->n++;
	t->what = TARGET_NONE;
	if (p->what == PLACE_NEXTHOP) {
		t->what = TARGET_NEXTHOP;
		t->nexthop = p->nexthop;
		strlcpy(t->dest, p->address, sizeof(t->dest));
	} else if (p->what == PLACE_ACCOUNT && p->account->nexthop != 0 && p->folder[0] == '\0') {
		t->what = TARGET_NEXTHOP;
		t->nexthop = p->account->nexthop;
		if (route_account_address(p->account, t->dest, sizeof(t->dest)) == -1)
			t->what = TARGET_NONE;
	} else if (p->what == PLACE_ACCOUNT && p->folder[0] == '\0') {
		t->what = TARGET_MAILDIR;
		strlcpy(t->dest, p->account->dir, sizeof(t->dest));
	}
	return (0);
}

/* The Maildir of the postmaster of the main domain.  0, or -1: he has none. */
static int
target_postmaster(struct target *t)
{
	const struct route_account	*a;

	if ((a = route_account_by_id(config_running->routes, config_running->settings.postmaster)) == NULL || a->nexthop != 0)
		return (-1);
	t->what = TARGET_MAILDIR;
	strlcpy(t->dest, a->dir, sizeof(t->dest));
	return (0);
}
