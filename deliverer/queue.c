/* SPDX-License-Identifier: ISC */
/*
 * Links that stay in the spool after the commit of their message, because the master has a row for each: those of recipients at a
 * next hop, and those in quarantine.
 *
 *	link					dies right after: the next start		hook
 *	committed as held			held: it stays					deliverer.committed
 *	opened for the sender			held: it stays					-
 *	the master says that its row is gone	it is in table spent: removed, or gone		deliverer.queue_remove
 *	to be moved, still in spool/		pending row: moved				deliverer.queue_move
 *	moved, perhaps not durable		pending row: moved, or link gone, done		deliverer.queue_moved
 *	move durable, MOVED not sent		pending row: link gone, done			deliverer.queue_settle
 *
 * Nothing is remembered of a held link after the start: its name is enough.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <sys/tree.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/compat.h"
#include "common/hook.h"
#include "common/log.h"
#include "common/timer.h"
#include "deliverer.h"

#define QUEUE_LINE	2048		/* octets; the first line of every file in the spool is shorter */

struct held {				/* during the start only */
	RB_ENTRY(held)	 entry;
	char		 link[];
};

struct move {
	TAILQ_ENTRY(move)	 entry;
	struct maildir		*dest;
	struct msg_link		 msg;
};
TAILQ_HEAD(move_list, move);

static int	 queue_link(const char *);
static off_t	 queue_body(int);
static int	 queue_take(struct move *);
static void	 queue_again(void *);
static void	 queue_later(void);
static int	 held_cmp(struct held *, struct held *);

static RB_HEAD(helds, held)	 helds = RB_INITIALIZER(&helds);
static struct move_list		 waiting = TAILQ_HEAD_INITIALIZER(waiting);	/* moves that could not be made yet */
static struct move_list		 moved = TAILQ_HEAD_INITIALIZER(moved);		/* moves that were made and are not durable yet */
static struct timer		 retry;

RB_PROTOTYPE_STATIC(helds, held, entry, held_cmp)
RB_GENERATE_STATIC(helds, held, entry, held_cmp)

static int
held_cmp(struct held *a, struct held *b)
{
	return (strcmp(a->link, b->link));
}

int
queue_hold(const char *link)
{
	struct held	*h;
	size_t		 size = strlen(link) + 1;

	if (!queue_link(link) || (h = malloc(sizeof(*h) + size)) == NULL)
		return (-1);
	memcpy(h->link, link, size);
	if (RB_INSERT(helds, &helds, h) != NULL)
		free(h);
	return (0);
}

int
queue_holds(const char *link)
{
	union {
		struct held	 h;
		char		 room[sizeof(struct held) + PROTO_LINK_SIZE];
	} key;

	if (RB_EMPTY(&helds) || strlcpy(key.h.link, link, PROTO_LINK_SIZE) >= PROTO_LINK_SIZE)
		return (0);
	return (RB_FIND(helds, &helds, &key.h) != NULL);
}

/* A replayed row that cannot be carried out yet; the reference to its Maildir is taken over.  SPOOL_MOVED follows when it was. */
void
queue_wait(struct maildir *md, const char *link)
{
	struct move	*mv;

	if ((mv = calloc(1, sizeof(*mv))) == NULL || queue_hold(link) == -1)
		fatal("queue_wait");
	mv->dest = md;
	strlcpy(mv->msg.link, link, sizeof(mv->msg.link));
	TAILQ_INSERT_TAIL(&waiting, mv, entry);
	queue_later();
}

uint32_t
queue_release(void)
{
	struct held	*h;
	uint32_t	 n = 0;

	while ((h = RB_ROOT(&helds)) != NULL) {
		RB_REMOVE(helds, &helds, h);
		free(h);
		n++;
	}
	return (n);
}

/* Whether a name is that of a link of the spool, and leads nowhere else. */
static int
queue_link(const char *link)
{
	struct spool_id	 id;
	uint32_t	 n;

	return (strchr(link, '/') == NULL && spool_parse(link, &id, &n) == 0);
}

int
queue_open(const struct msg_link *link, struct msg_spool_opened *answer)
{
	return (queue_open_at(spool_fd(), queue_link(link->link) ? link->link : "", link->id, answer));
}

/* Opens a file in a directory below the spool, by a name that leads nowhere else. */
int
queue_open_at(int dir, const char *name, uint32_t id, struct msg_spool_opened *answer)
{
	struct stat	 st;
	off_t		 off;
	int		 fd;

	memset(answer, 0, sizeof(*answer));
	answer->id = id;
	errno = EINVAL;
	if (*name == '\0' || strchr(name, '/') != NULL ||
	    (fd = openat(dir, name, O_NONBLOCK | O_RDONLY | O_NOFOLLOW | O_CLOEXEC)) == -1) {
		answer->error = errno;
		return (-1);
	}
	errno = EINVAL;
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) || (off = queue_body(fd)) == -1 || lseek(fd, off, SEEK_SET) == -1) {
		answer->error = errno;
		close(fd);
		return (-1);
	}
	/* No file of the spool is empty: a repair of the file system has left only the name. */
	if (st.st_size <= off) {
		answer->error = ENOENT;
		close(fd);
		return (-1);
	}
	answer->octets = st.st_size - off;
	return (fd);
}

/*
 * The offset behind the line of Return-Path on top of a file, where the sender begins, as the next hop writes its own.  -1 and
 * errno.
 */
static off_t
queue_body(int fd)
{
	static const char	 field[] = "Return-Path:";
	char			 line[QUEUE_LINE], *end;
	ssize_t			 n;

	if ((n = read(fd, line, sizeof(line))) == -1)
		return (-1);
	if ((size_t)n < sizeof(field) || memcmp(line, field, sizeof(field) - 1) != 0)
		return (0);
	errno = EINVAL;
	return ((end = memchr(line, '\n', n)) == NULL ? -1 : end + 1 - line);
}

void
queue_remove(const char *link)
{
	HOOK("deliverer.queue_remove");
	if (queue_link(link) && unlinkat(spool_fd(), link, 0) == -1 && errno != ENOENT)
		log_warn("%s/%s: unlink", SPOOL_DIR, link);
}

int
queue_move(const struct msg_rcpt *m)
{
	struct move	*mv;

	if (!queue_link(m->link) || (mv = calloc(1, sizeof(*mv))) == NULL)
		return (-1);
	if ((mv->dest = maildir_ref(m->dest)) == NULL) {
		free(mv);
		return (-1);
	}
	strlcpy(mv->msg.link, m->link, sizeof(mv->msg.link));
	HOOK("deliverer.queue_move");
	if (queue_take(mv) == 0)
		return (0);
	log_warn("%s: what was set free waits for %s", SPOOL_DIR, m->dest);
	TAILQ_INSERT_TAIL(&waiting, mv, entry);
	queue_later();
	return (0);
}

/* Makes a move.  0: the link was moved, now or earlier, and the move is in the list moved; -1 and errno. */
static int
queue_take(struct move *mv)
{
	if (maildir_take(mv->dest, mv->msg.link) == -1)
		return (-1);
	HOOK("deliverer.queue_moved");
	TAILQ_INSERT_TAIL(&moved, mv, entry);
	batch_settle_soon();
	return (0);
}

void
queue_settle(int durable)
{
	struct move	*mv;

	if (!TAILQ_EMPTY(&moved))
		HOOK("deliverer.queue_settle");
	while ((mv = TAILQ_FIRST(&moved)) != NULL) {
		TAILQ_REMOVE(&moved, mv, entry);
		if (durable)
			master_send(IMSG_SPOOL_MOVED, &mv->msg, sizeof(mv->msg));
		maildir_release(mv->dest);
		free(mv);
	}
}

static void
queue_again(void *arg)
{
	struct move	*mv, *next;

	(void)arg;
	TAILQ_FOREACH_SAFE(mv, &waiting, entry, next) {
		TAILQ_REMOVE(&waiting, mv, entry);
		if (queue_take(mv) == -1)
			TAILQ_INSERT_HEAD(&waiting, mv, entry);		/* not looked at again in this turn */
	}
	queue_later();
}

static void
queue_later(void)
{
	if (TAILQ_EMPTY(&waiting))
		return;
	timer_init(&retry, queue_again, NULL);
	timer_in(&retry, BATCH_RETRY * 1000);
}

/* Forgets all moves; the files stay. */
void
queue_exit(void)
{
	struct move	*mv;

	queue_settle(0);
	while ((mv = TAILQ_FIRST(&waiting)) != NULL) {
		TAILQ_REMOVE(&waiting, mv, entry);
		maildir_release(mv->dest);
		free(mv);
	}
	timer_stop(&retry);
	queue_release();
}
