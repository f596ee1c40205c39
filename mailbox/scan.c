/* SPDX-License-Identifier: ISC */
/*
 * The directories of a Maildir, read into the list of its messages.  Others deliver, rename and remove meanwhile, and readdir(3)
 * may return a file that is renamed at that moment under both names, or under none.  So a reading counts if the directories' times
 * of change are the same before and after it, and so old that a change at the same time would show; else it is done once more, a
 * moment later.  Where others change so much that no reading counts, what was found is there, but what was not may be, too.
 * new/ is read ahead of cur/: files move from there to here, so that one that moves between the two is seen, perhaps twice.
 */
#include <sys/types.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/hook.h"
#include "common/siphash.h"
#include "mailbox.h"

#define NSEC		1000000000LL
#define SCAN_TRIES	3		/* readings at most */
#define SCAN_PAUSE	60		/* ms between two */
#define SCAN_TICK	(NSEC / 20)	/* longer than the clock that the kernel stamps changes with stands still */
#define PLACE_TRIES	20		/* places of one message that are tried, at most */
#define RESTLESS_MAX	10		/* searches in a row without a reading that counts; then none is worth the while */
#define SCAN_COARSE	(2 * NSEC)	/* longer than a file system's clock stands still */

/* The messages by the part of their names that does not change: open addressing, at most half full. */
struct slot {
	uint32_t	 hash;
	uint32_t	 message;	/* its index and 1; 0: the slot is free */
};

struct table {
	struct slot	*slots;
	uint32_t	 size;		/* a power of two */
};

static int	 times_get(const struct box *, int64_t *);
static int	 snapshot_proves(const struct snapshot *);
static int	 table_make(struct table *, const struct list *, uint32_t);
static struct slot	*table_slot(const struct table *, const struct list *, const char *, size_t);
static int	 scan_retry(struct box *, int, const struct message *);
static int	 scan_place(struct box *, struct message *);
static int	 scan_once(struct box *, struct table *, int);
static int	 scan_directory(struct box *, struct table *, int, int);
static int	 scan_entry(struct box *, struct table *, int, int, const char *);
static int	 entry_regular(int, const struct dirent *);
static int	 entry_found(struct box *, struct message *, int, const char *, size_t);

static uint8_t	 table_key[SIPHASH_KEY_LEN];

/* When both directories were changed last; 0: the directory is not there.  0, or -1 and errno. */
static int
times_get(const struct box *b, int64_t *mtime)
{
	struct stat	 st;
	int		 i;

	for (i = 0; i < BOX_DIRS; i++) {
		mtime[i] = 0;
		if (b->fd[i] == -1)
			continue;
		if (fstat(b->fd[i], &st) == -1)
			return (-1);
		mtime[i] = st.st_mtim.tv_sec * NSEC + st.st_mtim.tv_nsec;
	}
	return (0);
}

/*
 * Whether nothing has changed as long as the directories' times of change are those of the snapshot.  One that was taken within a
 * tick of a file system's clock after the last change proves nothing: there may have been another change in that tick.
 */
static int
snapshot_proves(const struct snapshot *s)
{
	int	 i;

	for (i = 0; i < BOX_DIRS; i++)
		if (s->at == 0 || s->at - s->mtime[i] < SCAN_COARSE)
			return (0);
	return (1);
}

/* Whether the directories are as the snapshot has them. */
int
scan_current(const struct box *b)
{
	int64_t	 mtime[BOX_DIRS];

	return (snapshot_proves(&b->snapshot) && times_get(b, mtime) == 0 &&
	    memcmp(mtime, b->snapshot.mtime, sizeof(mtime)) == 0);
}

/* A table of all messages, with room for so many more.  0, or -1: no memory. */
static int
table_make(struct table *t, const struct list *l, uint32_t more)
{
	uint32_t	 i, size = 64;

	while (size / 2 < l->n + more)
		size *= 2;
	free(t->slots);
	if ((t->slots = calloc(size, sizeof(*t->slots))) == NULL)
		return (-1);
	t->size = size;
	for (i = 0; i < l->n; i++)
		table_slot(t, l, list_name(l, &l->v[i]), list_base(l, &l->v[i]))->message = i + 1;
	return (0);
}

/* The slot that has the message of this name, or the free one where it belongs, with its hash. */
static struct slot *
table_slot(const struct table *t, const struct list *l, const char *name, size_t base)
{
	const struct message	*m;
	struct slot		*s;
	uint32_t		 hash = (uint32_t)siphash(table_key, name, base), i = hash;

	for (;; i++) {
		s = &t->slots[i & (t->size - 1)];
		if (s->message == 0)
			break;
		m = &l->v[s->message - 1];
		if (s->hash == hash && base <= m->len && memcmp(list_name(l, m), name, base) == 0 && list_base(l, m) == base)
			break;
	}
	s->hash = hash;
	return (s);
}

/*
 * All messages, in their order: those known are renamed, new ones added, and those gone removed, if it is certain that they are.
 * 0, or -1 and errno; E2BIG: there are too many.
 */
int
scan_all(struct box *b)
{
	uint32_t	 known = b->list.n;
	int		 sound;

	if ((sound = scan_retry(b, 1, NULL)) == -1)
		return (-1);
	b->scanned = 1;
	b->learned |= snapshot_proves(&b->snapshot);
	if (list_sort(&b->list, known) == -1)
		return (-1);
	if (sound)
		list_keep(&b->list, MESSAGE_FOUND, MESSAGE_FOUND);
	return (0);
}

/*
 * A call failed with errno on the file of a message.  1: the file has been renamed, and the call is worth another try; 0 and
 * errno: it is not.  ENOENT: the message is gone for good; EAGAIN: others rename so much that nobody knows.  tries is 0 at first.
 */
int
scan_again(struct box *b, struct message *m, int *tries)
{
	if (errno != ENOENT || (m->flags & MESSAGE_GONE))
		return (0);
	if (++*tries <= PLACE_TRIES)
		return (scan_place(b, m) == 0);
	errno = EAGAIN;
	return (0);
}

/*
 * Where the file of a message is now, and those of others on the way; what a reading that counts does not find is gone.  0, or -1
 * and errno, as scan_again() has it.
 */
static int
scan_place(struct box *b, struct message *m)
{
	uint32_t	 i;
	int		 sound = 0;

	if (b->restless < RESTLESS_MAX && (sound = scan_retry(b, 0, m)) == -1)
		return (-1);
	for (i = 0; sound && i < b->list.n; i++)
		if ((b->list.v[i].flags & MESSAGE_FOUND) == 0)
			b->list.v[i].flags |= MESSAGE_GONE;
	if (b->restless < RESTLESS_MAX && (m->flags & MESSAGE_FOUND))
		return (0);
	b->restless = sound ? 0 : b->restless + 1;
	errno = sound ? ENOENT : EAGAIN;
	return (-1);
}

/*
 * Reads the directories until it counts, or the message that is wanted (NULL: none) is found, or as often as is worth the while.
 * 1: the last reading counts, 0: it does not, -1 and errno.
 */
static int
scan_retry(struct box *b, int all, const struct message *wanted)
{
	struct snapshot	 s = b->snapshot;
	struct table	 t = { NULL, 0 };
	struct timespec	 now;
	int64_t		 after[BOX_DIRS];
	int		 i, tries, r = 0, sound = 0;

	arc4random_buf(table_key, sizeof(table_key));
	if (table_make(&t, &b->list, 0) == -1)
		return (-1);
	for (tries = 0; !sound && tries < SCAN_TRIES; tries++) {
		if (tries > 0)
			(void)poll(NULL, 0, SCAN_PAUSE);
		if (clock_gettime(CLOCK_REALTIME, &now) == -1 || times_get(b, s.mtime) == -1) {
			r = -1;
			break;
		}
		s.at = now.tv_sec * NSEC + now.tv_nsec;
		HOOK("mailbox.scan");
		HOOK_WORK(1);
		if ((r = scan_once(b, &t, all)) == -1 || (r = times_get(b, after)) == -1)
			break;
		for (sound = 1, i = 0; i < BOX_DIRS; i++)
			sound &= after[i] == s.mtime[i] && s.at - after[i] >= SCAN_TICK;
		if (wanted != NULL && (wanted->flags & MESSAGE_FOUND))
			break;
	}
	if (!sound)
		s.at = 0;
	if (r == 0 && all)
		b->snapshot = s;
	free(t.slots);
	return (r == -1 ? -1 : sound);
}

static int
scan_once(struct box *b, struct table *t, int all)
{
	uint32_t	 i;
	int		 which;

	for (i = 0; i < b->list.n; i++)
		b->list.v[i].flags &= (uint16_t)~MESSAGE_FOUND;
	for (which = 0; which < BOX_DIRS; which++)
		if (b->fd[which] != -1 && scan_directory(b, t, which, all) == -1)
			return (-1);
	return (0);
}

static int
scan_directory(struct box *b, struct table *t, int which, int all)
{
	struct dirent	*d;
	DIR		*dir;
	int		 fd, r = 0, saved;

	if ((fd = openat(b->fd[which], ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) == -1)
		return (-1);
	if ((dir = fdopendir(fd)) == NULL) {
		saved = errno;
		close(fd);
		errno = saved;
		return (-1);
	}
	while (r == 0 && (errno = 0, d = readdir(dir)) != NULL)
		if (d->d_name[0] != '.' && d->d_name[0] != ':' && entry_regular(b->fd[which], d))
			r = scan_entry(b, t, which, all, d->d_name);
	saved = errno;
	closedir(dir);
	errno = saved;
	return (r == 0 && saved != 0 ? -1 : r);
}

/* Only regular files are messages. */
static int
entry_regular(int fd, const struct dirent *d)
{
	struct stat	 st;

	if (d->d_type != DT_UNKNOWN)
		return (d->d_type == DT_REG);
	return (fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode));
}

/* A file that is there: its message is known, or is a new one.  0, or -1 and errno. */
static int
scan_entry(struct box *b, struct table *t, int which, int all, const char *name)
{
	struct message	*m;
	size_t		 len = strlen(name);
	struct slot	*slot = table_slot(t, &b->list, name, name_base(name, len));

	if (slot->message != 0)
		return (entry_found(b, &b->list.v[slot->message - 1], which, name, len));
	if (!all)
		return (0);
	if ((m = list_add(&b->list, name, len)) == NULL)
		return (-1);
	m->flags = MESSAGE_FOUND | (which == BOX_CUR ? MESSAGE_CUR : 0);
	slot->message = b->list.n;
	return (b->list.n <= t->size / 2 ? 0 : table_make(t, &b->list, b->list.n));
}

/* The same file twice is one that is renamed at this moment, or lies in both directories: the later one counts. */
static int
entry_found(struct box *b, struct message *m, int which, const char *name, size_t len)
{
	uint16_t	 cur = which == BOX_CUR ? MESSAGE_CUR : 0;

	if ((m->flags & MESSAGE_CUR) != cur || m->len != len || memcmp(list_name(&b->list, m), name, len) != 0) {
		if (list_rename(&b->list, m, name, len) == -1)
			return (-1);
		m->flags = (uint16_t)((m->flags & ~MESSAGE_CUR) | cur);
	}
	m->flags |= MESSAGE_FOUND;
	return (0);
}
