/* SPDX-License-Identifier: ISC */
/*
 * The index of a Maildir: what the last session knew, so that the next one need not read directories and messages for it.  It is a
 * copy and nothing more: without it everything is found out again, and one that is damaged, of another version, a link or somebody
 * else's is as none.  What is in it was written by some process of this machine: host byte order.
 *
 *	struct head; count times struct entry, in the order of the messages; count names, each with a NUL, and behind it the
 *	addresses that its message names, if they are known, with a NUL; checksum (stream.c)
 *
 * It is written to another name first, which only one process can have at a time.  Which states that can leave:
 *
 *	   the index's temporary file	the index	the next opening		kill point
 *	1  being written		the old one	uses the old one		mailbox.index
 *	2  whole			the old one	uses the old one		mailbox.index_rename
 *	3  none				the new one	uses the new one		mailbox.index_renamed
 *
 * A temporary file that is older than a minute was left behind, and the next writer removes it.  Nothing is synced: what a power
 * cut makes of the file has another checksum.
 */
#include <sys/types.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/hook.h"
#include "common/log.h"
#include "mailbox.h"

#define INDEX_MAGIC	"popd.idx"
#define INDEX_VERSION	4
#define INDEX_STALE	60		/* s after which a temporary file is nobody's */
#define INDEX_SUM	sizeof(uint64_t)

struct head {
	char		 magic[8];
	uint32_t	 version;
	uint32_t	 count;
	uint64_t	 names;		/* octets */
	struct snapshot	 snapshot;
	char		 field[80];	/* that the addresses come from, NULs behind it */
};

struct entry {
	uint64_t	 octets;
	uint32_t	 more;
	uint32_t	 place;
	uint16_t	 flags;
	uint8_t		 len;		/* of the name */
	uint8_t		 addresses;	/* likewise, with MESSAGE_FOR */
} __attribute__((__packed__, __aligned__(4)));

static int	 index_take(struct stream *, uint64_t, struct list *, struct snapshot *);
static int	 index_entries(struct stream *, const struct head *, struct list *);
static int	 index_names(const struct list *);
static int	 index_temporary(int);
static int	 index_fill(int, const struct list *, const struct snapshot *);

/* The index of an open Maildir, into an empty list.  0, or -1: there is none that can be used, and the list is empty. */
int
index_read(int dir, struct list *l, struct snapshot *snapshot)
{
	struct stat	 st;
	struct stream	*s = NULL;
	int		 fd, r = -1;

	if ((fd = openat(dir, INDEX_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)) == -1)
		return (-1);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	    st.st_size >= (off_t)(sizeof(struct head) + INDEX_SUM) && (s = malloc(sizeof(*s))) != NULL) {
		stream_begin(s, fd, (uint64_t)st.st_size - INDEX_SUM);
		if ((r = index_take(s, (uint64_t)st.st_size, l, snapshot)) == -1) {
			log_debug("index of no use, made anew");
			list_free(l);
			memset(snapshot, 0, sizeof(*snapshot));
		}
	}
	free(s);
	close(fd);
	return (r);
}

static int
index_take(struct stream *s, uint64_t size, struct list *l, struct snapshot *snapshot)
{
	struct head	 head;

	stream_get(s, &head, sizeof(head));
	if (s->failed != 0 || memcmp(head.magic, INDEX_MAGIC, sizeof(head.magic)) != 0 || head.version != INDEX_VERSION ||
	    head.count > PROTO_MSGS_MAX || head.names > (uint64_t)head.count * (NAME_LEN_MAX + ADDRESSES_MAX + 2) ||
	    !proto_str(head.field, PROTO_FIELD_SIZE) ||
	    size != sizeof(head) + head.count * sizeof(struct entry) + head.names + INDEX_SUM)
		return (-1);
	if (list_reserve(l, head.count, (size_t)head.names) == -1 || index_entries(s, &head, l) == -1)
		return (-1);
	stream_get(s, l->names, (size_t)head.names);
	l->used = (size_t)head.names;
	if (stream_got(s) == -1 || index_names(l) == -1)
		return (-1);
	memcpy(l->field, head.field, sizeof(l->field));
	*snapshot = head.snapshot;
	return (0);
}

/* The entries, whose names are to follow.  0, or -1: the names would be longer or shorter than what there is. */
static int
index_entries(struct stream *s, const struct head *head, struct list *l)
{
	struct message	*m;
	struct entry	 e;
	uint64_t	 off = 0;

	for (; l->n < head->count; l->n++) {
		stream_get(s, &e, sizeof(e));
		if (e.len == 0 || e.octets < e.more)
			return (-1);
		m = &l->v[l->n];
		m->octets = e.octets;
		m->more = e.more;
		m->place = e.place;
		m->flags = e.flags & MESSAGE_KEPT;
		m->len = m->room = e.len;
		m->name = (uint32_t)off;
		off += e.len + 1U;
		m->addresses = (uint32_t)off;
		if (e.flags & MESSAGE_FOR)
			off += e.addresses + 1U;
		if (off > head->names)
			return (-1);
	}
	return (s->failed == 0 && off == head->names ? 0 : -1);
}

/* Whether all names are such as a file in a directory can have, and a message has.  0, or -1. */
static int
index_names(const struct list *l)
{
	const char	*name;
	size_t		 at, end;
	uint32_t	 i;

	for (i = 0; i < l->n; i++) {
		name = list_name(l, &l->v[i]);
		if (name[0] == '.' || name[0] == ':' || name[l->v[i].len] != '\0' || memchr(name, '\0', l->v[i].len) != NULL ||
		    memchr(name, '/', l->v[i].len) != NULL)
			return (-1);
		/* The next name begins where the addresses end. */
		end = i + 1 < l->n ? l->v[i + 1].name : l->used;
		at = l->v[i].addresses;
		if ((l->v[i].flags & MESSAGE_FOR) && at + strnlen(l->names + at, end - at) + 1 != end)
			return (-1);
	}
	return (0);
}

/* Writes the index anew.  0, or -1: it is as it was, which is told in the log and does no harm. */
int
index_write(int dir, const struct list *l, const struct snapshot *snapshot)
{
	int	 fd;

	if ((fd = index_temporary(dir)) == -1) {
		log_debug("%s: %s", INDEX_TEMPORARY, strerror(errno));
		return (-1);
	}
	HOOK("mailbox.index");
	if (index_fill(fd, l, snapshot) == -1) {
		log_debug("%s: %s", INDEX_TEMPORARY, strerror(errno));
		close(fd);
		(void)unlinkat(dir, INDEX_TEMPORARY, 0);
		return (-1);
	}
	close(fd);
	HOOK("mailbox.index_rename");
	if (renameat(dir, INDEX_TEMPORARY, dir, INDEX_NAME) == -1) {
		log_debug("%s: %s", INDEX_NAME, strerror(errno));
		(void)unlinkat(dir, INDEX_TEMPORARY, 0);
		return (-1);
	}
	HOOK("mailbox.index_renamed");
	return (0);
}

/* The temporary file, new and empty.  -1 and errno; EEXIST: another process is writing it, whose index will do. */
static int
index_temporary(int dir)
{
	const int	 flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	struct stat	 st;
	int		 fd;

	if ((fd = openat(dir, INDEX_TEMPORARY, flags, 0600)) != -1 || errno != EEXIST)
		return (fd);
	if (fstatat(dir, INDEX_TEMPORARY, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_mtime <= time(NULL) &&
	    time(NULL) - st.st_mtime < INDEX_STALE) {
		errno = EEXIST;
		return (-1);
	}
	if (unlinkat(dir, INDEX_TEMPORARY, 0) == -1 && errno != ENOENT)
		return (-1);
	return (openat(dir, INDEX_TEMPORARY, flags, 0600));
}

static int
index_fill(int fd, const struct list *l, const struct snapshot *snapshot)
{
	struct stream	*s;
	struct head	 head;
	struct entry	 e;
	uint32_t	 i;
	int		 r;

	if ((s = malloc(sizeof(*s))) == NULL)
		return (-1);
	stream_begin(s, fd, 0);
	memset(&head, 0, sizeof(head));
	memcpy(head.magic, INDEX_MAGIC, sizeof(head.magic));
	head.version = INDEX_VERSION;
	head.snapshot = *snapshot;
	memcpy(head.field, l->field, sizeof(l->field));
	for (i = 0; i < l->n; i++) {
		if (l->v[i].flags & MESSAGE_GONE)
			continue;
		head.count++;
		head.names += l->v[i].len + 1U + (l->v[i].flags & MESSAGE_FOR ? strlen(l->names + l->v[i].addresses) + 1 : 0);
	}
	stream_put(s, &head, sizeof(head));
	for (i = 0; i < l->n; i++) {
		if (l->v[i].flags & MESSAGE_GONE)
			continue;
		memset(&e, 0, sizeof(e));
		e.octets = l->v[i].octets;
		e.more = l->v[i].more;
		e.place = l->v[i].place;
		e.flags = l->v[i].flags & MESSAGE_KEPT;
		e.len = l->v[i].len;
		e.addresses = l->v[i].flags & MESSAGE_FOR ? (uint8_t)strlen(l->names + l->v[i].addresses) : 0;
		stream_put(s, &e, sizeof(e));
	}
	for (i = 0; i < l->n; i++) {
		if (l->v[i].flags & MESSAGE_GONE)
			continue;
		stream_put(s, list_name(l, &l->v[i]), l->v[i].len + 1U);
		if (l->v[i].flags & MESSAGE_FOR)
			stream_put(s, l->names + l->v[i].addresses, strlen(l->names + l->v[i].addresses) + 1);
	}
	r = stream_finish(s);
	free(s);
	return (r);
}
