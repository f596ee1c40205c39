/* SPDX-License-Identifier: ISC */
/*
 * The start.  The master tells its rows; each row and each file is handled by itself, so that a directory that cannot be written to
 * holds up its own account only.
 *
 *	row				link in the spool	becomes
 *	pending				there			moved; if that fails (LATER), tried again for ever, everybody else goes on
 *	pending, mail root proven	missing			done: it was moved before
 *	pending, not proven		missing			done if its place has the name; else MISSING: the message is wanted again
 *	pending, cannot be right	-			IRREGULAR: left alone; no file counts as in flight
 *	held				-			stays
 *	spent				there			removed
 *
 *	file without a row							becomes
 *	of a session of the last life or this one, mail root proven, all rows	removed, a suspect: it was never committed, and the message
 *	told and right								is on its server; or a link whose removal was cut
 *	the same, written by us (a notice, a report)				removed: it is made again, or was of no consequence
 *	any other								set aside: set_aside.c
 *
 * The mail root is proven if the master says so (IMSG_ROOT_IDENTITY), which has compared identity and counter of state.db and mail
 * root.
 */
#include <sys/types.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "common/hook.h"
#include "common/log.h"
#include "deliverer.h"

static void	 recover_tell(enum replay_result, const char *);
static int	 recover_file(void *, const char *);
static int	 recover_flight(const struct spool_id *);
static void	 recover_suspect(const struct spool_id *);

static struct {
	uint32_t	 life;
	int		 proven, sure;
	uint32_t	 moved, rows, suspects, aside, later, missing;
} recover;

void
recover_init(void)
{
	memset(&recover, 0, sizeof(recover));
	recover.life = UINT32_MAX;
}

void
recover_begin(uint32_t life, int proven)
{
	recover.life = life;
	recover.proven = proven;
	recover.sure = 1;
}

void
recover_replay(const struct msg_rcpt *rcpt)
{
	struct spool_id	 id;
	struct maildir	*md;
	uint32_t	 n;

	HOOK("deliverer.replay");
	recover.rows++;
	if (strchr(rcpt->link, '/') != NULL || spool_parse(rcpt->link, &id, &n) == -1 || (md = maildir_ref(rcpt->dest)) == NULL) {
		log_warnx("%s: a row of pending cannot be right: link %s, destination %s", SPOOL_DIR, rcpt->link, rcpt->dest);
		recover.sure = 0;
		recover_tell(REPLAY_IRREGULAR, rcpt->link);
		return;
	}
	/* The look before the move keeps a row that was done long ago from making its directory anew. */
	if (!spool_has(rcpt->link)) {
		if (!recover.proven && !maildir_has(rcpt->dest, rcpt->link)) {
			recover.missing++;
			recover_tell(REPLAY_MISSING, rcpt->link);
		}
	} else if (maildir_take(md, rcpt->link) != -1)
		recover.moved++;
	else {
		recover.later++;
		recover_tell(REPLAY_LATER, rcpt->link);
		queue_wait(md, rcpt->link);
		return;
	}
	maildir_release(md);
}

static void
recover_tell(enum replay_result what, const char *link)
{
	struct msg_replay_result	 m;

	memset(&m, 0, sizeof(m));
	m.what = what;
	m.row = recover.rows - 1;
	strlcpy(m.link, link, sizeof(m.link));
	master_send(IMSG_REPLAY_RESULT, &m, sizeof(m));
}

/* The row of a link is gone: the link is removed. */
void
recover_spent(const char *link)
{
	struct spool_id	 id;
	uint32_t	 n;

	HOOK("deliverer.spent");
	if (strchr(link, '/') == NULL && spool_parse(link, &id, &n) == 0)
		spool_drop(link);
}

/* All rows were told.  Moves become durable before the spool loses anything else, and before the master may drop its rows. */
void
recover_end(int sure)
{
	uint32_t	 held;
	int		 durable;

	HOOK("deliverer.recover");
	recover.sure &= sure;
	if (!(durable = maildir_sync() == 0))
		log_warnx("replayed mail may not be durable: its rows stay until the next start");
	set_aside_list();
	if (spool_each(recover_file, NULL) == -1)
		fatal("%s: read", SPOOL_DIR);
	held = queue_release();
	if (spool_sync() == -1)
		log_warn("%s: fsync", SPOOL_DIR);
	if (recover.rows == 0 && recover.suspects == 0 && recover.aside == 0) {
		if (held > 0)
			log_debug("%" PRIu32 " files of the spool wait for next hops or are in quarantine", held);
	} else
		log_info("recovered: %" PRIu32 " of %" PRIu32 " committed deliveries moved, %" PRIu32 " wait, %" PRIu32 " are missing; %"
		    PRIu32 " unfinished messages removed, %" PRIu32 " files set aside, %" PRIu32 " links held", recover.moved,
		    recover.rows, recover.later, recover.missing, recover.suspects, recover.aside, held);
	rootmark_started();
	rootmark_settle();
	master_recovered(durable);
}

/* Handles a name in the spool. */
static int
recover_file(void *arg, const char *name)
{
	struct spool_id	 id;
	uint32_t	 rcpt;

	(void)arg;
	if (strcmp(name, SET_ASIDE_DIR) == 0 || queue_holds(name))
		return (0);
	if (spool_parse(name, &id, &rcpt) == 0 && recover_flight(&id)) {
		HOOK("deliverer.flight");
		spool_drop(name);
		if (rcpt == 0)
			recover_suspect(&id);
		return (0);
	}
	if (set_aside_put(name) == 0)
		recover.aside++;
	else
		log_warn("%s/%s: cannot be set aside", SPOOL_DIR, name);
	return (0);
}

static int
recover_flight(const struct spool_id *id)
{
	return (recover.proven && recover.sure && recover.life != UINT32_MAX &&
	    (id->session == NOTICE_SESSION || id->session >= recover.life));
}

static void
recover_suspect(const struct spool_id *id)
{
	struct msg_replay_suspect	 msg;

	if (id->session == NOTICE_SESSION)
		return;
	memset(&msg, 0, sizeof(msg));
	msg.session = id->session;
	msg.msgno = id->msgno;
	recover.suspects++;
	master_send(IMSG_REPLAY_SUSPECT, &msg, sizeof(msg));
}
