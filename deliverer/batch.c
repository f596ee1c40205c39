/* SPDX-License-Identifier: ISC */
/*
 * Group commit.  Finished messages of all sessions gather in the open batch; one durability step covers them all, and with them the
 * moves of batches committed earlier.  A batch goes through these lists, and nothing waits for anything but what is written here:
 *
 *	open	messages complete in the spool; ends by number, octets, or BATCH_GRACE ms without another
 *	sent	durable, receipts out; waits for RECEIPT_COMMITTED, answered oldest first
 *	moving	committed; a move failed (disk full) and is tried again every BATCH_RETRY seconds
 *	moved	every link of a Maildir in its new/; waits for the next durability step, or BATCH_SETTLE ms, then RECEIPT_SETTLED
 *
 * Order inside the durability step: octets, then new/ directories, then the spool directory.  The spool may not forget a name
 * before new/ is known to have it.  fsync(2) on a file is called once: after an error the message is refused and its file
 * removed.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/resource.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/compat.h"
#include "common/hook.h"
#include "common/log.h"
#include "common/timer.h"
#include "deliverer.h"

#define BATCH_FD_RESERVE	128	/* descriptors left to everything that is not a message of the open batch or a Maildir */

TAILQ_HEAD(message_list, message);

struct batch {
	TAILQ_ENTRY(batch)	 entry;
	struct message_list	 messages;
	uint32_t		 id, count, links, files;
	uint64_t		 octets;
	int			 complained;	/* 1: the failed move was logged */
};
TAILQ_HEAD(batch_list, batch);

static void	 batch_durable(struct batch *);
static void	 batch_refuse(struct batch *, struct message *, const char *, int);
static void	 batch_report(struct batch *);
static void	 batch_move(struct batch *);
static int	 batch_settle(void);
static uint32_t	 batch_further(const struct message *);
static void	 batch_grace_over(void *);
static void	 batch_settle_due(void *);
static void	 batch_retry_due(void *);
static struct batch	*batch_new(void);
static void	 batch_forget(struct batch *);

static struct {
	struct batch		*open;
	struct batch_list	 sent, moving, moved;
	uint32_t		 last_id, inflight, fd_budget;
	struct timer		 grace, settle, retry;
} batches;

void
batch_init(void)
{
	struct rlimit	 rl;

	memset(&batches, 0, sizeof(batches));
	TAILQ_INIT(&batches.sent);
	TAILQ_INIT(&batches.moving);
	TAILQ_INIT(&batches.moved);
	timer_init(&batches.grace, batch_grace_over, NULL);
	timer_init(&batches.settle, batch_settle_due, NULL);
	timer_init(&batches.retry, batch_retry_due, NULL);
	batches.fd_budget = BATCH_MESSAGES;
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur < BATCH_MESSAGES + MAILDIR_OPEN_MAX + BATCH_FD_RESERVE) {
		batches.fd_budget = rl.rlim_cur > MAILDIR_OPEN_MAX + BATCH_FD_RESERVE ?
		    rl.rlim_cur - MAILDIR_OPEN_MAX - BATCH_FD_RESERVE : 1;
		log_info("batches of %" PRIu32 " messages only: %ju descriptors", batches.fd_budget, (uintmax_t)rl.rlim_cur);
	}
}

/* Forgets all batches; the files stay. */
void
batch_exit(void)
{
	struct batch_list	*lists[] = { &batches.sent, &batches.moving, &batches.moved };
	struct batch		*b;
	size_t			 i;

	timer_stop(&batches.grace);
	timer_stop(&batches.settle);
	timer_stop(&batches.retry);
	if (batches.open != NULL)
		batch_forget(batches.open);
	batches.open = NULL;
	for (i = 0; i < nitems(lists); i++) {
		while ((b = TAILQ_FIRST(lists[i])) != NULL) {
			TAILQ_REMOVE(lists[i], b, entry);
			batch_forget(b);
		}
	}
}

/* --- the open batch --- */

void
batch_add(struct message *m)
{
	uint32_t	 i;

	if (batches.open == NULL)
		batches.open = batch_new();
	TAILQ_INSERT_TAIL(&batches.open->messages, m, entry);
	batches.open->count++;
	batches.open->octets += m->written;
	batches.open->links += m->nrcpt;
	batches.open->files += 1 + batch_further(m);
	for (i = 0; i < m->nfurther; i++)
		batches.open->octets += m->further[i].id.octets;
	batches.inflight++;
	if (batches.open->files >= BATCH_MESSAGES || batches.open->files >= batches.fd_budget ||
	    batches.open->octets >= BATCH_OCTETS || batches.open->links >= BATCH_LINKS)
		batch_close();
	else
		timer_in(&batches.grace, BATCH_GRACE);
	if (batch_full())
		ingest_pause(1);
}

/* How many further files of a message are not durable until its batch is. */
static uint32_t
batch_further(const struct message *m)
{
	return (m->nfurther < BATCH_FURTHER ? m->nfurther : BATCH_FURTHER);
}

void
batch_close(void)
{
	struct batch	*b = batches.open;

	if (b == NULL)
		return;
	batches.open = NULL;
	timer_stop(&batches.grace);
	batch_durable(b);
	if (b->count == 0) {
		batch_forget(b);
		return;
	}
	b->id = ++batches.last_id;
	TAILQ_INSERT_TAIL(&batches.sent, b, entry);
	batch_report(b);
	master_flush();
	HOOK("deliverer.receipt");
}

/* The durability step.  Messages that failed are refused and leave b; the moves of earlier batches are settled. */
static void
batch_durable(struct batch *b)
{
	static struct sync_item	 items[BATCH_MESSAGES + BATCH_FURTHER + 1];
	struct message		*m, *next;
	size_t			 n = 0, i = 0, k;
	int			 error, marked;

	TAILQ_FOREACH(m, &b->messages, entry) {
		message_writeback(m);
		items[n++].fd = m->fd;
		for (k = 0; k < batch_further(m); k++)
			items[n++].fd = m->further[k].fd;
	}
	marked = rootmark_item(&items[n]);
	sync_files(items, n + marked);
	if (marked)
		rootmark_synced(items[n].error);
	TAILQ_FOREACH_SAFE(m, &b->messages, entry, next) {
		error = items[i++].error;
		if (close(m->fd) == -1 && error == 0)
			error = errno;
		m->fd = -1;
		for (k = 0; k < batch_further(m); k++) {
			if (items[i++].error != 0 && error == 0)
				error = items[i - 1].error;
			if (close(m->further[k].fd) == -1 && error == 0)
				error = errno;
			m->further[k].fd = -1;
		}
		if (error != 0)
			batch_refuse(b, m, "write", error);
	}
	HOOK("deliverer.fsync_files");
	if (batch_settle() == -1) {
		error = errno;
		while ((m = TAILQ_FIRST(&b->messages)) != NULL)
			batch_refuse(b, m, "fsync", error);
	}
	HOOK("deliverer.fsync_spool");
}

/* Refuses a message of b, which stays on its server. */
static void
batch_refuse(struct batch *b, struct message *m, const char *step, int error)
{
	char	 text[PROTO_TEXT_SIZE];

	TAILQ_REMOVE(&b->messages, m, entry);
	b->count--;
	batches.inflight--;
	snprintf(text, sizeof(text), "%s: %s: %s", SPOOL_DIR, step, strerror(error));
	master_refuse(&m->id, WHY_LOCAL_TEMP, text);
	ingest_receipt(m->session, m);
	message_drop(m);
}

static void
batch_report(struct batch *b)
{
	struct msg_receipt_batch	 msg;
	struct message		*m;
	struct session		*s;

	TAILQ_FOREACH(m, &b->messages, entry)
		message_receipt(m);
	memset(&msg, 0, sizeof(msg));
	msg.batch = b->id;
	msg.count = b->count;
	master_send(IMSG_RECEIPT_BATCH, &msg, sizeof(msg));
	TAILQ_FOREACH(m, &b->messages, entry) {
		s = m->session;
		m->session = NULL;
		ingest_receipt(s, m);
	}
}

/* --- after the commit --- */

/* The master's verdicts, for the oldest batch that has none.  0, or -1: they are not for that batch, or not as many as it wants. */
int
batch_committed(uint32_t id, uint32_t count, const uint8_t *verdicts)
{
	struct batch	*b = TAILQ_FIRST(&batches.sent);
	struct message	*m;
	uint32_t	 i, rcpts = 0;

	if (b == NULL || b->id != id)
		return (-1);
	TAILQ_FOREACH(m, &b->messages, entry)
		rcpts += m->nrcpt;
	if (rcpts != count)
		return (-1);
	for (i = 0; i < count; i++)
		if (verdicts[i] < COMMIT_DELIVER || verdicts[i] > COMMIT_HOLD)
			return (-1);
	HOOK("deliverer.committed");
	TAILQ_REMOVE(&batches.sent, b, entry);
	batches.inflight -= b->count;
	TAILQ_FOREACH(m, &b->messages, entry) {
		message_decide(m, verdicts);
		verdicts += m->nrcpt;
	}
	TAILQ_INSERT_TAIL(&batches.moving, b, entry);
	batch_move(b);
	if (batches.inflight <= BATCH_INFLIGHT / 2)
		ingest_pause(0);
	return (0);
}

/* Move all links of a batch in the list moving: the batch goes to the list moved when none is left, or is tried again later. */
static void
batch_move(struct batch *b)
{
	struct message	*m, *next;
	int		 error = 0;

	TAILQ_FOREACH_SAFE(m, &b->messages, entry, next) {
		if (message_move(m) == -1) {
			error = errno;
			continue;
		}
		TAILQ_REMOVE(&b->messages, m, entry);
		message_free(m);
	}
	HOOK("deliverer.renamed");
	if (error != 0) {
		if (!b->complained)
			log_warnx("%s: committed mail waits for its Maildir: %s", SPOOL_DIR, strerror(error));
		b->complained = 1;
		timer_in(&batches.retry, BATCH_RETRY * 1000);
		return;
	}
	if (b->complained)
		log_info("%s: committed mail was moved to its Maildirs", SPOOL_DIR);
	TAILQ_REMOVE(&batches.moving, b, entry);
	TAILQ_INSERT_TAIL(&batches.moved, b, entry);
	batch_settle_soon();
}

/*
 * Makes the directories durable: all moves so far, and all names in the spool.  0, or -1 and errno: the names in the spool are not
 * durable.  Batches whose moves did not become durable are forgotten without RECEIPT_SETTLED: the master keeps their rows, and the
 * next start finds the links gone from the spool.
 */
static int
batch_settle(void)
{
	struct batch	*b;
	int		 moves, names, error;

	timer_stop(&batches.settle);
	moves = maildir_sync();
	if ((names = spool_sync()) == -1)
		log_warn("%s: fsync", SPOOL_DIR);
	error = errno;
	if (!TAILQ_EMPTY(&batches.moved))
		HOOK("deliverer.settle");
	while ((b = TAILQ_FIRST(&batches.moved)) != NULL) {
		TAILQ_REMOVE(&batches.moved, b, entry);
		if (moves == 0 && names == 0)
			master_send(IMSG_RECEIPT_SETTLED, &b->id, sizeof(b->id));
		batch_forget(b);
	}
	queue_settle(moves == 0 && names == 0);
	if (names == 0)
		rootmark_settle();
	errno = error;
	return (names);
}

void
batch_settle_soon(void)
{
	timer_in(&batches.settle, BATCH_SETTLE);
}

void
batch_settle_by(int seconds)
{
	if (!timer_armed(&batches.settle))
		timer_in(&batches.settle, seconds * 1000);
}

int
batch_full(void)
{
	return (batches.inflight > BATCH_INFLIGHT);
}

int
batch_idle(void)
{
	return (batches.open == NULL && TAILQ_EMPTY(&batches.sent) && TAILQ_EMPTY(&batches.moving) &&
	    TAILQ_EMPTY(&batches.moved));
}

static void
batch_grace_over(void *arg)
{
	(void)arg;
	batch_close();
}

/* Moves wait for the directories.  If the open batch has messages, its own durability step is near and includes them. */
static void
batch_settle_due(void *arg)
{
	(void)arg;
	if (batches.open == NULL)
		(void)batch_settle();
}

static void
batch_retry_due(void *arg)
{
	struct batch	*b, *next;

	(void)arg;
	TAILQ_FOREACH_SAFE(b, &batches.moving, entry, next)
		batch_move(b);
}

static struct batch *
batch_new(void)
{
	struct batch	*b;

	if ((b = calloc(1, sizeof(*b))) == NULL)
		fatal("calloc");
	TAILQ_INIT(&b->messages);
	return (b);
}

static void
batch_forget(struct batch *b)
{
	struct message	*m;

	while ((m = TAILQ_FIRST(&b->messages)) != NULL) {
		TAILQ_REMOVE(&b->messages, m, entry);
		message_free(m);
	}
	free(b);
}
