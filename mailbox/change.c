/* SPDX-License-Identifier: ISC */
/*
 * What a session leaves behind in the Maildir.
 *
 * Seen: a message that went out whole is renamed to cur/ with the flag S; each rename is one step, after which the message is as
 * before but for the flag.  Nothing is synced: a flag that a power cut takes away costs nobody a message.
 *
 * Deletion: messages are named by BOX_DELETE and unlinked at BOX_QUIT, never without it.
 *
 *	   what has happened			the files			the session	kill point
 *	1  messages were named			all there			not told	mailbox.named
 *	2  BOX_QUIT, flags are written		all there			not told	mailbox.seen
 *	3  message i is about to be unlinked	those ahead of i are gone	not told	mailbox.unlink
 *	4  all are unlinked			gone, or back by a power cut	not told	mailbox.unlinked
 *	5  the directories are synced		gone				not told	mailbox.synced
 *	6  BOX_DONE is out			gone				told		mailbox.done
 *
 * Whatever ends the process, a file is there whole or not at all; a session that was not told answers -ERR, and the client finds by
 * the next listing what is left.
 */
#include <sys/types.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/hook.h"
#include "common/log.h"
#include "mailbox.h"

#define DAY	86400
#define JUMP	(30 * DAY)	/* s without a sign of the clock's: it may have jumped */
#define HOLD	(7 * DAY)	/* s behind that without removals: time to put it right */

static int	 rename_new(int, const char *, int, const char *);
static int	 seen_rename(struct box *, struct message *);
static int	 seen_message(struct box *, struct message *);
static int	 unlink_try(const struct box *, const struct message *);
static int	 message_unlink(struct box *, struct message *);
static int	 directory_of(const struct box *, const struct message *);
static int	 clock_trusted(struct box *, int64_t);
static int	 message_old(const struct box *, const struct message *, uint64_t);

static int
directory_of(const struct box *b, const struct message *m)
{
	return (b->fd[m->flags & MESSAGE_CUR ? BOX_CUR : BOX_NEW]);
}

/*
 * Renames a file to a name that is free.  0, or -1 and errno.  Where the system or the file system has no such call, the name is
 * looked at first; whoever takes it in between has the same message in mind.
 */
static int
rename_new(int from, const char *name, int to, const char *other)
{
	struct stat	 st;

#ifdef RENAME_NOREPLACE
	if (renameat2(from, name, to, other, RENAME_NOREPLACE) == 0)
		return (0);
	if (errno != EINVAL && errno != ENOSYS)
		return (-1);
#endif
	if (fstatat(to, other, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return (-1);
	}
	return (renameat(from, name, to, other));
}

/* Gives a message the flag where its file was last.  1: it has it now, 0: it cannot or need not, -1 and errno. */
static int
seen_rename(struct box *b, struct message *m)
{
	char	 name[NAME_LEN_MAX + 1];
	size_t	 len = name_set_seen(list_name(&b->list, m), m->len, name);

	name[len] = '\0';
	if (len == 0 || b->fd[BOX_CUR] == -1 || ((m->flags & MESSAGE_CUR) && strcmp(name, list_name(&b->list, m)) == 0))
		return (0);
	HOOK("mailbox.seen");
	if (rename_new(directory_of(b, m), list_name(&b->list, m), b->fd[BOX_CUR], name) == -1)
		return (-1);
	m->flags |= MESSAGE_CUR;
	if (list_rename(&b->list, m, name, len) == -1)
		m->flags |= MESSAGE_GONE;		/* without memory its name is not known any more */
	return (1);
}

/* The same, wherever the file was renamed to.  1: it has the flag by this. */
static int
seen_message(struct box *b, struct message *m)
{
	int	 r, tries = 0;

	if (m->flags & MESSAGE_GONE)
		return (0);
	do
		r = seen_rename(b, m);
	while (r == -1 && scan_again(b, m, &tries));
	if (r == -1 && errno != ENOENT)
		log_debug("a flag cannot be set: %s", strerror(errno));
	return (r == 1);
}

/* Writes the flags of all messages that were seen and are not to be deleted; returns how many have theirs by this. */
uint32_t
change_seen(struct box *b)
{
	struct message	*m;
	uint32_t	 i, n = 0;

	for (i = 0; b->seen > 0 && i < b->list.n; i++) {
		m = &b->list.v[i];
		if ((m->flags & MESSAGE_SEEN) == 0)
			continue;
		b->seen--;
		m->flags &= (uint16_t)~MESSAGE_SEEN;
		if ((m->flags & MESSAGE_DELETE) == 0)
			n += (uint32_t)seen_message(b, m);
	}
	if (n > 0)
		b->snapshot.at = 0;
	return (n);
}

/* Unlinks a message where its file was last.  0, or -1 and errno. */
static int
unlink_try(const struct box *b, const struct message *m)
{
	if (directory_of(b, m) != -1)
		return (unlinkat(directory_of(b, m), list_name(&b->list, m), 0));
	errno = ENOENT;
	return (-1);
}

/* The same, wherever its file was renamed to.  0: it is gone, or -1 and errno. */
static int
message_unlink(struct box *b, struct message *m)
{
	int	 r, tries = 0;

	if (m->flags & MESSAGE_GONE)
		return (0);
	HOOK("mailbox.unlink");
	do
		r = unlink_try(b, m);
	while (r == -1 && scan_again(b, m, &tries));
	return (r == 0 || errno == ENOENT ? 0 : -1);
}

/*
 * Removes the messages that are to be deleted; what is gone already counts as deleted.  A directory that cannot be synced may have
 * all its messages back after a power cut: they are not deleted.
 */
void
change_delete(struct box *b, struct msg_box_done *done)
{
	struct message	*m;
	uint32_t	 count[BOX_DIRS] = { 0, 0 }, i;
	int		 which;

	memset(done, 0, sizeof(*done));
	for (i = 0; i < b->list.n; i++) {
		m = &b->list.v[i];
		if ((m->flags & MESSAGE_DELETE) == 0)
			continue;
		if (message_unlink(b, m) == -1) {
			log_warn("a message cannot be removed");
			done->failed++;
			continue;
		}
		m->flags |= MESSAGE_GONE;
		count[m->flags & MESSAGE_CUR ? BOX_CUR : BOX_NEW]++;
	}
	HOOK("mailbox.unlinked");
	for (which = 0; which < BOX_DIRS; which++) {
		if (count[which] == 0)
			continue;
		if (b->fd[which] != -1 && fsync(b->fd[which]) == -1) {
			log_warn("the removal of %u message%s is not certain", count[which], PLURAL(count[which]));
			done->failed += count[which];
		} else
			done->deleted += count[which];
	}
	if (count[BOX_NEW] + count[BOX_CUR] > 0) {
		b->snapshot.at = 0;
		b->learned = 1;
	}
	HOOK("mailbox.synced");
}

/*
 * Whether the clock may be right, by which messages are old: a clock that is ahead by years must not cost anybody his mail.  The
 * last removal and the newest message say what it was before.  If they are long ago, or ahead, or if nothing says anything, it is not
 * trusted for a week, within which somebody may put it right.
 */
static int
clock_trusted(struct box *b, int64_t now)
{
	struct snapshot	*s = &b->snapshot;
	int64_t		 last = s->expired, sec;
	uint32_t	 i;

	for (i = 0; i < b->list.n; i++) {
		sec = (int64_t)(name_time(list_name(&b->list, &b->list.v[i]), b->list.v[i].len) >> 20);
		if (sec > last && sec <= now)
			last = sec;
	}
	if (now - last > JUMP || now < s->expired || s->hold > now + HOLD)
		s->hold = now + HOLD;
	if (now - s->expired > DAY || now < s->expired)
		b->learned = 1;
	s->expired = now;
	return (now >= s->hold);
}

/* Whether a message that was seen was delivered before that time, by its name and by its file. */
static int
message_old(const struct box *b, const struct message *m, uint64_t before)
{
	const char	*name = list_name(&b->list, m);
	uint64_t	 sec = name_time(name, m->len) >> 20;
	struct stat	 st;

	return ((m->flags & MESSAGE_CUR) && name_seen(name, m->len) && sec != 0 && sec < before &&
	    fstatat(b->fd[BOX_CUR], name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_mtime >= 0 && (uint64_t)st.st_mtime < before);
}

/* Removes the messages that were seen and delivered more than so many days ago. */
void
change_expire(struct box *b, uint32_t days)
{
	const uint64_t	 now = (uint64_t)time(NULL), age = (uint64_t)days * DAY;
	struct message	*m;
	uint32_t	 i, n = 0;

	if (now <= age)
		return;
	if (!clock_trusted(b, (int64_t)now)) {
		log_info("no old message is removed now: the clock may have jumped since this mailbox was in use");
		return;
	}
	for (i = 0; i < b->list.n; i++) {
		m = &b->list.v[i];
		if (!message_old(b, m, now - age))
			continue;
		HOOK("mailbox.expire");
		if (unlinkat(b->fd[BOX_CUR], list_name(&b->list, m), 0) == -1 && errno != ENOENT) {
			log_warn("an old message cannot be removed");
			continue;
		}
		m->flags |= MESSAGE_GONE;
		n++;
	}
	if (n == 0)
		return;
	if (fsync(b->fd[BOX_CUR]) == -1)
		log_warn("the removal of %u old message%s is not certain", n, PLURAL(n));
	list_keep(&b->list, MESSAGE_GONE, 0);
	b->snapshot.at = 0;
	b->learned = 1;
	log_debug("%u old message%s removed", n, PLURAL(n));
}
