/* SPDX-License-Identifier: ISC */
/*
 * A deliverer's start: it is told every row that it may have to do something for, and says what is irregular about one.
 *
 *	row of pending		the deliverer says	becomes
 *	done, or moved now	nothing			dropped, lazily: it is replayed again and found done
 *	cannot be moved yet	LATER			stays until SPOOL_MOVED; its account waits, told
 *	its file is nowhere	MISSING			wanted, see state/body.c: retrieved again for its recipient, if its server has it
 *	cannot be right		ODD			stays, told at each start; nothing is removed from the spool then
 */
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/hook.h"
#include "common/log.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/relay/relay.h"
#include "rpopd/state/state.h"
#include "poll.h"

static const char	 missing[] = "neither in the spool nor delivered: it is retrieved again, if its server still has it";

static int	 replay_row(void *, int64_t, const struct msg_rcpt *);
static int	 replay_hold(void *, const char *);
static int	 replay_spent(void *, const char *);
static void	 replay_missing(int64_t, const char *);

static struct {
	struct child	*child;
	int64_t		*ids;			/* in the order of the rows sent; 0: not to be dropped */
	size_t		 n;
	int		 irregular;		/* a row was not sent */
} replay;

void
replay_begin(struct child *c)
{
	uint32_t	 sure;
	int		 left_out;

	free(replay.ids);
	memset(&replay, 0, sizeof(replay));
	replay.child = c;
	if (state_pending(replay_row, NULL, &left_out) != DB_OK || state_relay_links(replay_hold, NULL) != DB_OK ||
	    state_spent(replay_spent, NULL) != DB_OK)
		fatalx("state.db: pending deliveries cannot be read; nothing is lost, but rpopd cannot go on");
	sure = !left_out && !replay.irregular;
	link_send(&c->link, IMSG_REPLAY_END, -1, &sure, sizeof(sure));
}

static int
replay_row(void *arg, int64_t id, const struct msg_rcpt *m)
{
	char	 dest[PROTO_DEST_SIZE * 4];

	(void)arg;
	if (!decide_form(m->dest)) {
		log_warnx("state.db: row %lld of pending cannot be right and is left alone: %s is no directory of anybody's mail; see it with "
		    "sqlite3, and remove it", (long long)id, log_vis(dest, sizeof(dest), m->dest, strlen(m->dest)));
		replay.irregular = 1;
		return (0);
	}
	if ((replay.ids = array_grow(replay.ids, replay.n, sizeof(*replay.ids))) == NULL)
		fatal("replay");
	replay.ids[replay.n++] = id;
	return (link_send(&replay.child->link, IMSG_REPLAY_ROW, -1, m, sizeof(*m)));
}

static int
replay_hold(void *arg, const char *link)
{
	struct msg_link	 m;

	(void)arg;
	memset(&m, 0, sizeof(m));
	strlcpy(m.link, link, sizeof(m.link));
	return (link_send(&replay.child->link, IMSG_REPLAY_HOLD, -1, &m, sizeof(m)));
}

static int
replay_spent(void *arg, const char *link)
{
	struct msg_link	 m;

	(void)arg;
	memset(&m, 0, sizeof(m));
	strlcpy(m.link, link, sizeof(m.link));
	return (link_send(&replay.child->link, IMSG_REPLAY_SPENT, -1, &m, sizeof(m)));
}

/*
 * IMSG_REPLAY_RESULT; started: the deliverer has said that it is done with the replay, and may only miss links that it was told
 * later. 0, or -1: there is no such row.
 */
int
replay_told(const struct msg_replay_result *m, int started)
{
	int64_t	 id;

	if (started) {
		if (m->what != REPLAY_MISSING || m->row != UINT32_MAX)
			return (-1);
		replay_missing(0, m->link);
		return (0);
	}
	if (m->row >= replay.n || replay.ids[m->row] == 0)
		return (-1);
	id = replay.ids[m->row];
	replay.ids[m->row] = 0;
	switch (m->what) {
	case REPLAY_LATER:
		spool_later(id, m->link);
		break;
	case REPLAY_MISSING:
		replay_missing(id, m->link);
		break;
	case REPLAY_IRREGULAR:
		log_warnx("state.db: row %lld of pending cannot be right and is left alone: see it with sqlite3, and remove it",
		    (long long)id);
		break;
	default:
		return (-1);
	}
	return (0);
}

/*
 * The file of a row is nowhere: the row becomes a wanted one.  If that cannot be noted, the row stays, and the next start says
 * so again.
 */
static void
replay_missing(int64_t id, const char *link)
{
	char	 text[PROTO_LINK_SIZE * 4];

	HOOK("master.missing");
	switch (state_pending_missing(id, link, missing)) {
	case DB_OK:
		log_warnx("%s: taken, but neither in the spool nor delivered: the message is retrieved again, if its server has it",
		    log_vis(text, sizeof(text), link, strlen(link)));
		body_sweep();
		break;
	case DB_NONE:
		break;
	default:
		log_warnx("state.db: %s: a message that is missing cannot be noted as wanted; at the next start",
		    log_vis(text, sizeof(text), link, strlen(link)));
	}
	HOOK("master.missed");
}

/* The deliverer is done with the replay; durable: what it has done is, so that its rows may go. */
void
replay_end(int durable)
{
	size_t	 i, run;
	int	 failed = 0;

	for (i = 0; durable && i < replay.n; i = run) {
		run = i + 1;
		if (replay.ids[i] == 0)
			continue;
		while (run < replay.n && replay.ids[run] == replay.ids[run - 1] + 1)
			run++;
		failed |= state_settle(replay.ids[i], replay.ids[run - 1]) == -1;
	}
	if (failed || state_flush() == DB_FAILED)
		log_warnx("state.db: replayed deliveries stay listed until the next start");
	free(replay.ids);
	memset(&replay, 0, sizeof(replay));
	HOOK("master.replayed");
	mailroot_started();
}
