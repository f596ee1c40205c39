/* SPDX-License-Identifier: ISC */
/*
 * What the deliverer is asked about links that wait in its spool, and who gets its answers.  While the deliverer is dead
 * nothing need be said: at its start it is told all rows, and removes every other link.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "delivery_int.h"

#define SPOOL_NAME	"spool"	/* below the mail root */

struct move {				/* asked for, not answered; the deliverer answers in order */
	TAILQ_ENTRY(move)	 entry;
	int64_t			 pending;
	char			 link[PROTO_LINK_SIZE];
};

struct spool_ask {			/* an open file that somebody waits for, or the end of an act on a file set aside */
	TAILQ_ENTRY(spool_ask)	 entry;
	uint32_t		 id;
	char			 file[PROTO_LINK_SIZE];	/* set aside; empty: a link of the spool */
	void			(*done)(void *, const struct spool_answer *);
	void			*arg;
};

static struct spool_ask *spool_ask(const char *, void (*)(void *, const struct spool_answer *), void *);

static TAILQ_HEAD(, move)	 moves = TAILQ_HEAD_INITIALIZER(moves);
static TAILQ_HEAD(, spool_ask)	 asks = TAILQ_HEAD_INITIALIZER(asks);	/* in the order in which they were asked */
static void			(*spool_in_place)(int64_t pending);

void
spool_start(void (*moved)(int64_t pending))
{
	spool_in_place = moved;
}

/*
 * The row of a link is gone: so the link is to go.  A deliverer that is only starting is told, too: it may have been told to
 * hold it.
 */
void
spool_remove(const char *link)
{
	struct child	*d = child_of[ROLE_DELIVERER];
	struct msg_link	 m;

	if (d == NULL)
		return;
	mailroot_tell();
	memset(&m, 0, sizeof(m));
	strlcpy(m.link, link, sizeof(m.link));
	link_send(&d->link, IMSG_SPOOL_REMOVE, -1, &m, sizeof(m));
}

/* A link that has a pending row waits for its Maildir, and the deliverer will say IMSG_SPOOL_MOVED when it is there. */
void
spool_later(int64_t pending, const char *link)
{
	struct move	*mv;

	if ((mv = calloc(1, sizeof(*mv))) == NULL)
		fatal("spool_later");
	mv->pending = pending;
	strlcpy(mv->link, link, sizeof(mv->link));
	TAILQ_INSERT_TAIL(&moves, mv, entry);
}

/*
 * A link that has a pending row by now is to be moved to its Maildir; IMSG_SPOOL_MOVED follows.  A deliverer that is only
 * starting may be told of the pending row as well, and finds the link gone the second time.
 */
void
spool_move(int64_t pending, const char *link, const char *dest)
{
	struct child	*d = child_of[ROLE_DELIVERER];
	struct msg_rcpt	 m;

	if (d == NULL)
		return;
	spool_later(pending, link);
	mailroot_tell();
	memset(&m, 0, sizeof(m));
	m.kind = RCPT_MAILDIR;
	strlcpy(m.link, link, sizeof(m.link));
	strlcpy(m.dest, dest, sizeof(m.dest));
	link_send(&d->link, IMSG_SPOOL_MOVE, -1, &m, sizeof(m));
}

/*
 * The deliverer is to open a link for reading; done(arg, answer) is called once, from the event loop, unless spool_cancel()
 * comes first.  NULL: there is no deliverer that could, and done is not called.
 */
struct spool_ask *
spool_open(const char *link, void (*done)(void *, const struct spool_answer *), void *arg)
{
	struct child		*d = child_of[ROLE_DELIVERER];
	struct spool_ask	*ask;
	struct msg_link		 m;

	if (d == NULL || !d->ready)
		return (NULL);
	ask = spool_ask("", done, arg);
	memset(&m, 0, sizeof(m));
	m.id = ask->id;
	strlcpy(m.link, link, sizeof(m.link));
	link_send(&d->link, IMSG_SPOOL_OPEN, -1, &m, sizeof(m));
	return (ask);
}

/*
 * Something is to be done to a file that is set aside: shown, released to the Maildir dest, or dropped; act: enum
 * quarantine_act.  done and the result are those of spool_open().
 */
struct spool_ask *
spool_set_aside(const char *file, uint32_t act, const char *dest, void (*done)(void *, const struct spool_answer *), void *arg)
{
	struct child			*d = child_current(ROLE_DELIVERER);
	struct spool_ask		*ask;
	struct msg_set_aside_act	 m;

	if (d == NULL)
		return (NULL);
	ask = spool_ask(file, done, arg);
	memset(&m, 0, sizeof(m));
	m.id = ask->id;
	m.act = act;
	strlcpy(m.name, file, sizeof(m.name));
	strlcpy(m.dest, dest, sizeof(m.dest));
	link_send(&d->link, IMSG_SET_ASIDE_ACT, -1, &m, sizeof(m));
	return (ask);
}

static struct spool_ask *
spool_ask(const char *file, void (*done)(void *, const struct spool_answer *), void *arg)
{
	static uint32_t		 last;
	struct spool_ask	*ask;

	if ((ask = calloc(1, sizeof(*ask))) == NULL)
		fatal("spool");
	ask->id = ++last;
	strlcpy(ask->file, file, sizeof(ask->file));
	ask->done = done;
	ask->arg = arg;
	TAILQ_INSERT_TAIL(&asks, ask, entry);
	return (ask);
}

/* The asker wants the answer no longer: done is not called, and the ask is freed. */
void
spool_cancel(struct spool_ask *ask)
{
	TAILQ_REMOVE(&asks, ask, entry);
	free(ask);
}

/* The deliverer's answer goes to the asker; nobody may want it any more, and then its descriptor is closed. */
void
spool_answered(uint32_t id, const struct spool_answer *answer)
{
	struct spool_ask	*ask;

	TAILQ_FOREACH(ask, &asks, entry)
		if (ask->id == id)
			break;
	if (ask == NULL || (!answer->opened && ask->file[0] == '\0')) {
		if (answer->fd != -1)
			close(answer->fd);
		return;
	}
	TAILQ_REMOVE(&asks, ask, entry);
	if (!answer->opened && answer->error == 0)
		set_aside_gone(ask->file);
	ask->done(ask->arg, answer);
	free(ask);
}

/*
 * Whether the spool has a file with something in it under that name: 1, 0, or -1: that is not known, since the file system that
 * has the spool may not be there.  No more than a look at the name: the directory is the deliverer's.
 */
int
spool_has(const char *link)
{
	struct stat	 st;
	int		 root, fd, has = -1;

	if (link[0] == '\0' || strchr(link, '/') != NULL)
		return (0);
	if ((root = open(config_running->settings.mail_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return (-1);
	if ((fd = openat(root, SPOOL_NAME, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) != -1) {
		if (fstatat(fd, link, &st, AT_SYMLINK_NOFOLLOW) == 0)
			has = S_ISREG(st.st_mode) && st.st_size > 0;
		else if (errno == ENOENT)
			has = 0;
		close(fd);
	}
	close(root);
	return (has);
}

/* IMSG_SPOOL_MOVED: the link is in its Maildir, durably.  0, or -1: it was not to be moved. */
int
spool_moved(const struct msg_link *m)
{
	struct move	*mv;

	TAILQ_FOREACH(mv, &moves, entry)
		if (strcmp(mv->link, m->link) == 0)
			break;
	if (mv == NULL)
		return (-1);
	TAILQ_REMOVE(&moves, mv, entry);
	spool_in_place(mv->pending);
	free(mv);
	return (0);
}

/*
 * The deliverer has died: whoever has asked for something hears so, in the order of asking.  What was to be moved has its
 * pending row still, which the next deliverer is told.
 */
void
spool_died(struct child *deliverer)
{
	const struct spool_answer	 died = { .fd = -1, .died = 1 };
	struct spool_ask		*ask;
	struct move			*mv;

	(void)deliverer;
	while ((ask = TAILQ_FIRST(&asks)) != NULL) {
		TAILQ_REMOVE(&asks, ask, entry);
		ask->done(ask->arg, &died);
		free(ask);
	}
	while ((mv = TAILQ_FIRST(&moves)) != NULL) {
		TAILQ_REMOVE(&moves, mv, entry);
		free(mv);
	}
}
