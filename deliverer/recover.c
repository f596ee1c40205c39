/* SPDX-License-Identifier: ISC */
/*
 * Start-up.  Rows the master committed are replayed: a link still in the spool is moved, a missing one was moved before; or held:
 * the link stays.  When all of them are done and durable, everything else in the spool was in flight at a death: reported and
 * removed.  A move that fails
 * (disk full, read-only) is tried again until it works; no session is opened meanwhile.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/time.h>

#include <errno.h>
#include <event.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../common/compat.h"
#include "../common/hook.h"
#include "../common/log.h"
#include "deliverer.h"

struct replay {
	TAILQ_ENTRY(replay)	 entry;
	struct maildir		*dest;
	char			 link[PROTO_LINK_SIZE];
};
TAILQ_HEAD(replay_list, replay);

static int	 recover_move(struct maildir *, const char *);
static void	 recover_finish(void);
static void	 recover_again(int, short, void *);
static void	 recover_suspect(void *, const struct spool_id *);

static struct {
	struct replay_list	 waiting;
	struct event		 retry;
	uint32_t		 moved, rows, suspects;
} recover = { .waiting = TAILQ_HEAD_INITIALIZER(recover.waiting) };

void
recover_init(void)
{
	struct replay	*r;

	while ((r = TAILQ_FIRST(&recover.waiting)) != NULL) {
		TAILQ_REMOVE(&recover.waiting, r, entry);
		free(r);
	}
	memset(&recover, 0, sizeof(recover));
	TAILQ_INIT(&recover.waiting);
	evtimer_set(&recover.retry, recover_again, NULL);
}

int
recover_replay(const struct msg_rcpt *rcpt)
{
	struct spool_id	 id;
	struct maildir	*md;
	struct replay	*r;
	uint32_t	 n;

	if (strchr(rcpt->link, '/') != NULL || spool_parse(rcpt->link, &id, &n) == -1 || (md = maildir_ref(rcpt->dest)) == NULL)
		return (-1);
	recover.rows++;
	if (recover_move(md, rcpt->link) == 0) {
		maildir_release(md);
		return (0);
	}
	if (TAILQ_EMPTY(&recover.waiting))
		log_warn("%s: committed mail waits for %s", SPOOL_DIR, rcpt->dest);
	if ((r = calloc(1, sizeof(*r))) == NULL)
		fatal("calloc");
	r->dest = md;
	strlcpy(r->link, rcpt->link, sizeof(r->link));
	TAILQ_INSERT_TAIL(&recover.waiting, r, entry);
	return (0);
}

/* 0 done, -1 and errno not yet.  The look before the move keeps a row that was done long ago from making its directory anew. */
static int
recover_move(struct maildir *md, const char *name)
{
	HOOK("deliverer.replay");
	if (!spool_has(name))
		return (0);
	if (maildir_take(md, name) == -1)
		return (-1);
	recover.moved++;
	return (0);
}

void
recover_end(void)
{
	struct timeval	 tv = { .tv_sec = BATCH_RETRY };

	if (TAILQ_EMPTY(&recover.waiting))
		recover_finish();
	else
		evtimer_add(&recover.retry, &tv);
}

static void
recover_again(int fd, short event, void *arg)
{
	struct replay	*r, *next;

	(void)fd;
	(void)event;
	(void)arg;
	TAILQ_FOREACH_SAFE(r, &recover.waiting, entry, next) {
		if (recover_move(r->dest, r->link) == -1)
			continue;
		TAILQ_REMOVE(&recover.waiting, r, entry);
		maildir_release(r->dest);
		free(r);
	}
	recover_end();
}

/* The moves are made durable before the spool loses anything else, and before the master may drop its rows. */
static void
recover_finish(void)
{
	uint32_t	 held;

	if (maildir_sync() == -1)
		fatalx("replayed mail cannot be made durable");
	if (spool_clear(queue_holds, recover_suspect, NULL) == -1)
		fatal("%s: read", SPOOL_DIR);
	held = queue_release();
	if (spool_sync() == -1)
		log_warn("%s: fsync", SPOOL_DIR);
	if (recover.rows > 0 || recover.suspects > 0 || held > 0)
		log_info("recovered: %" PRIu32 " of %" PRIu32 " committed deliveries moved, %" PRIu32 " unfinished messages removed, %"
		    PRIu32 " links held", recover.moved, recover.rows, recover.suspects, held);
	master_recovered();
}

static void
recover_suspect(void *arg, const struct spool_id *id)
{
	struct msg_suspect	 msg;

	(void)arg;
	if (id->session == NOTICE_SESSION)
		return;
	memset(&msg, 0, sizeof(msg));
	msg.session = id->session;
	msg.msgno = id->msgno;
	recover.suspects++;
	master_send(IMSG_SUSPECT, &msg, sizeof(msg));
}
