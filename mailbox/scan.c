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

/*
 * The message of a name.  Directories are read in an order that seldom changes: mostly the next file is that of the message whose file
 * was next when they were read the last time, and one comparison says so.  Messages that were known before are in their order, too,
 * and a few that are elsewhere are searched there; from so many on, it is cheaper to have all of them in a table.  Messages that are
 * new are in the table always: open addressing, at most half full, by the part of their names that does not change.
 */
struct slot {
	uint32_t	 hash;
	uint32_t	 message;	/* its index and 1; 0: the slot is free */
};

struct table {
	struct slot	*slots;
	uint32_t	 size;		/* a power of two */
	uint32_t	 from;		/* messages ahead of this one are in their order, and not in the table */
	int		 checked;	/* 1: whether the messages are in their order was looked at */
	int		 unordered;	/* 1: they are not */
	uint32_t	 missed;	/* messages that were not the next ones */
	uint32_t	*sequence;	/* indices of messages by their places of the last time, or MESSAGE_NONE */
	uint32_t	 places, at;	/* how many, and which one is the next */
	uint32_t	 jump;		/* the next one, if the one ahead of it was no exception */
	uint32_t	 place;		/* of the next file of this reading */
};

#define MESSAGE_NONE	UINT32_MAX
#define MISSED_MAX(n)	(64 + (n) / 64)	/* messages that are searched, of so many */
#define GONE_MAX	16		/* messages in a row that are not where they were, without the order being another one */
#define AHEAD		8		/* messages whose memory is asked for before they are looked at */

static int	 times_get(const struct box *, int64_t *);
static int	 snapshot_proves(const struct snapshot *);
static int	 table_make(struct table *, const struct list *);
static int	 table_whole(struct table *, const struct list *);
static void	 table_free(struct table *);
static struct slot	*table_slot(const struct table *, const struct list *, const char *, size_t);
static int	 sequence_make(struct table *, const struct list *);
static uint32_t	 sequence_next(struct table *, const struct list *, const char *);
static void	 sequence_missed(struct table *, const struct message *);
static int	 message_find(struct table *, const struct list *, const char *, size_t, uint32_t *, struct slot **);
static int	 scan_retry(struct box *, struct table *, int, const struct message *);
static int	 scan_place(struct box *, struct message *);
static int	 scan_once(struct box *, struct table *, int);
static int	 scan_directory(struct box *, struct table *, int, int);
static int	 scan_entry(struct box *, struct table *, int, int, const char *);
static int	 entry_regular(int, const struct dirent *);
static int	 entry_found(struct box *, struct table *, struct message *, int, const char *, size_t);
static void	 message_found(struct table *, struct message *, int);

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

/* The table of the messages that belong there.  0, or -1: no memory. */
static int
table_make(struct table *t, const struct list *l)
{
	uint32_t	 i, size = 64;

	while (size / 2 <= l->n - t->from)
		size *= 2;
	free(t->slots);
	if ((t->slots = calloc(size, sizeof(*t->slots))) == NULL)
		return (-1);
	t->size = size;
	for (i = t->from; i < l->n; i++)
		table_slot(t, l, list_name(l, &l->v[i]), list_base(l, &l->v[i]))->message = i + 1;
	return (0);
}

/* The table of all messages, in whatever order.  0, or -1: no memory. */
static int
table_whole(struct table *t, const struct list *l)
{
	t->from = 0;
	return (table_make(t, l));
}

static void
table_free(struct table *t)
{
	free(t->slots);
	free(t->sequence);
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

/* The messages as the last reading found them.  Places are hints, whatever they are.  0, or -1: no memory. */
static int
sequence_make(struct table *t, const struct list *l)
{
	uint32_t	 i;

	free(t->sequence);
	t->places = l->n + l->n / 2;
	t->at = t->place = 0;
	t->jump = PLACE_NONE;
	if ((t->sequence = reallocarray(NULL, (size_t)t->places + 1, sizeof(*t->sequence))) == NULL)
		return (-1);
	memset(t->sequence, 0xff, t->places * sizeof(*t->sequence));	/* MESSAGE_NONE each */
	for (i = 0; i < l->n; i++)
		if (l->v[i].place < t->places)
			t->sequence[l->v[i].place] = i;
	return (0);
}

/* The message that comes next, if its file still has this name; MESSAGE_NONE otherwise. */
static uint32_t
sequence_next(struct table *t, const struct list *l, const char *name)
{
	const uint32_t	*s = t->sequence;
	uint32_t	 i;

	while (t->at < t->places && s[t->at] == MESSAGE_NONE)
		t->at++;
	if (t->at == t->places)
		return (MESSAGE_NONE);
	if (t->places - t->at > 2 * AHEAD) {
		if ((i = s[t->at + 2 * AHEAD]) != MESSAGE_NONE)
			__builtin_prefetch(&l->v[i], 1);
		if ((i = s[t->at + AHEAD]) != MESSAGE_NONE)
			__builtin_prefetch(list_name(l, &l->v[i]));
	}
	i = s[t->at];
	if (strcmp(list_name(l, &l->v[i]), name) != 0)
		return (MESSAGE_NONE);
	t->at++;
	return (i);
}

/*
 * This message was not the next one.  Those between the two may be gone, and it goes on behind it; or it alone was renamed, and it goes
 * on as before; the second one of two that follow each other elsewhere says that the order is another one from here on.
 */
static void
sequence_missed(struct table *t, const struct message *m)
{
	if (m->place >= t->places)
		return;
	if ((m->place >= t->at && m->place - t->at < GONE_MAX) || m->place == t->jump)
		t->at = m->place + 1;
	t->jump = m->place + 1;
}

/*
 * The index of the message of a name, or MESSAGE_NONE, and then the slot where it belongs if it is new.  0, or -1: no memory.
 */
static int
message_find(struct table *t, const struct list *l, const char *name, size_t base, uint32_t *i, struct slot **slot)
{
	if (!t->checked) {
		t->checked = 1;
		t->unordered = !list_ordered(l);
		if (t->unordered && table_whole(t, l) == -1)
			return (-1);
	}
	if (t->from > 0 && t->missed++ == MISSED_MAX(t->from) && table_whole(t, l) == -1)
		return (-1);
	*slot = NULL;
	if (t->from > 0 && (*i = list_search(l, t->from, name, base)) < t->from)
		return (0);
	*slot = table_slot(t, l, name, base);
	*i = (*slot)->message == 0 ? MESSAGE_NONE : (*slot)->message - 1;
	return (0);
}

/*
 * All messages, in their order: those known are renamed, new ones added, and those gone removed, if it is certain that they are.
 * 0, or -1 and errno; E2BIG: there are too many.
 */
int
scan_all(struct box *b)
{
	struct table	 t;
	uint32_t	 known = b->list.n;
	int		 sound;

	if ((sound = scan_retry(b, &t, 1, NULL)) == -1)
		return (-1);
	b->scanned = 1;
	b->learned |= snapshot_proves(&b->snapshot);
	if (list_sort(&b->list, t.unordered ? 0 : known) == -1)
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
	struct table	 t;
	uint32_t	 i;
	int		 sound = 0;

	if (b->restless < RESTLESS_MAX && (sound = scan_retry(b, &t, 0, m)) == -1)
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
scan_retry(struct box *b, struct table *t, int all, const struct message *wanted)
{
	struct snapshot	 s = b->snapshot;
	struct timespec	 now;
	int64_t		 after[BOX_DIRS];
	int		 i, tries, r = 0, sound = 0;

	arc4random_buf(table_key, sizeof(table_key));
	memset(t, 0, sizeof(*t));
	t->from = b->list.n;
	if (table_make(t, &b->list) == -1)
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
		if ((r = scan_once(b, t, all)) == -1 || (r = times_get(b, after)) == -1)
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
	table_free(t);
	return (r == -1 ? -1 : sound);
}

static int
scan_once(struct box *b, struct table *t, int all)
{
	uint32_t	 i;
	int		 which;

	if (sequence_make(t, &b->list) == -1)
		return (-1);
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
	struct slot	*slot;
	uint32_t	 i = sequence_next(t, &b->list, name);
	size_t		 len;

	if (i != MESSAGE_NONE) {
		message_found(t, &b->list.v[i], which);
		return (0);
	}
	len = strlen(name);
	if (message_find(t, &b->list, name, name_base(name, len), &i, &slot) == -1)
		return (-1);
	if (i != MESSAGE_NONE) {
		sequence_missed(t, &b->list.v[i]);
		return (entry_found(b, t, &b->list.v[i], which, name, len));
	}
	if (!all)
		return (0);
	if ((m = list_add(&b->list, name, len)) == NULL)
		return (-1);
	message_found(t, m, which);
	slot->message = b->list.n;
	return (b->list.n - t->from < t->size / 2 ? 0 : table_make(t, &b->list));
}

/* The same file twice is one that is renamed at this moment, or lies in both directories: the later one counts. */
static int
entry_found(struct box *b, struct table *t, struct message *m, int which, const char *name, size_t len)
{
	if ((m->len != len || memcmp(list_name(&b->list, m), name, len) != 0) && list_rename(&b->list, m, name, len) == -1)
		return (-1);
	message_found(t, m, which);
	return (0);
}

static void
message_found(struct table *t, struct message *m, int which)
{
	m->flags = (uint16_t)((m->flags & ~MESSAGE_CUR) | MESSAGE_FOUND | (which == BOX_CUR ? MESSAGE_CUR : 0));
	m->place = t->place++;
}
