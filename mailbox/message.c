/* SPDX-License-Identifier: ISC */
/* A message's file: found, opened, and measured as it goes over the wire. */
#include <sys/types.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "common/hook.h"
#include "common/log.h"
#include "mailbox.h"

#define COUNT_SIZE	65536		/* octets that are read at once */
#define EOL_OCTETS	2		/* CRLF */

static int	 file_open(struct box *, struct message *, struct stat *);
static int	 file_try(const struct box *, const struct message *);
static uint64_t	 lf_bare(const uint8_t *, size_t, uint8_t);
static int	 message_count(struct box *, struct message *, int);
static int	 message_check(struct box *, struct message *, int, const struct stat *);

/* Opens the file where it was last.  The descriptor, or -1 and errno. */
static int
file_try(const struct box *b, const struct message *m)
{
	int	 dir = b->fd[m->flags & MESSAGE_CUR ? BOX_CUR : BOX_NEW];

	if (dir == -1) {
		errno = ENOENT;
		return (-1);
	}
	return (openat(dir, list_name(&b->list, m), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
}

/*
 * Opens a message's file, wherever it was renamed to.  The descriptor, or -1 and errno: ENOENT, it is gone; EAGAIN, nobody knows,
 * as others rename so much; EACCES, it is no file of this process's user, or no file at all.
 */
static int
file_open(struct box *b, struct message *m, struct stat *st)
{
	int	 fd, tries = 0;

	if (m->flags & MESSAGE_GONE) {
		errno = ENOENT;
		return (-1);
	}
	do
		fd = file_try(b, m);
	while (fd == -1 && scan_again(b, m, &tries));
	if (fd == -1)
		return (-1);
	if (fstat(fd, st) == 0 && S_ISREG(st->st_mode) && st->st_uid == geteuid())
		return (fd);
	close(fd);
	errno = EACCES;
	return (-1);
}

/* The same, for who wants to read it. */
int
message_file(struct box *b, struct message *m)
{
	struct stat	 st;

	return (file_open(b, m, &st));
}

/* How many LF of these octets stand behind no CR; the octet ahead of them was last. */
static uint64_t
lf_bare(const uint8_t *p, size_t len, uint8_t last)
{
	const uint8_t	*start = p, *end = p + len;
	uint64_t	 n = 0;

	for (; p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
		n += (p > start ? p[-1] : last) != '\r';
	return (n);
}

/*
 * The octets of an open file, and those that it has on the wire (RFC 1939): LF counted as CRLF, and an end of line at the end, if
 * there is anything.  0, or -1 and errno.  The file's position stays.
 */
int
octets_count(int fd, uint64_t *file, uint64_t *wire)
{
	static uint8_t	 buf[COUNT_SIZE];
	uint64_t	 bare = 0;
	uint8_t		 last = '\n';
	ssize_t		 n;

	for (*file = 0; (n = pread(fd, buf, sizeof(buf), (off_t)*file)) > 0; *file += (uint64_t)n) {
		bare += lf_bare(buf, (size_t)n, *file == 0 ? 0 : last);
		last = buf[n - 1];
	}
	*wire = *file + bare + (last == '\n' ? 0 : EOL_OCTETS);
	return (n == -1 ? -1 : 0);
}

/* Notes what an open file comes to.  0, or -1 and errno. */
static int
message_count(struct box *b, struct message *m, int fd)
{
	uint64_t	 file, wire;

	HOOK_WORK(1);
	if (octets_count(fd, &file, &wire) == -1)
		return (-1);
	m->octets = wire;
	m->more = wire - file < MORE_MAX ? (uint32_t)(wire - file) : MORE_MAX;
	m->flags |= MESSAGE_SIZED | MESSAGE_COUNTED;
	b->learned = 1;
	return (0);
}

/* Finds out a message's octets, by its name or its file.  0, or -1 and errno, as file_open() has it. */
int
message_size(struct box *b, struct message *m)
{
	struct stat	 st;
	uint64_t	 file, wire;
	int		 fd, r, saved;

	if (name_sizes(list_name(&b->list, m), m->len, &file, &wire) == 0 && wire - file < MORE_MAX) {
		m->octets = wire;
		m->more = (uint32_t)(wire - file);
		m->flags |= MESSAGE_SIZED;
		return (0);
	}
	if ((fd = file_open(b, m, &st)) == -1)
		return (-1);
	r = message_count(b, m, fd);
	saved = errno;
	close(fd);
	errno = saved;
	return (r);
}

/*
 * Whether what is known of a message is true of its open file; else it is found out.  A name does not say whether the last line has
 * an end.  0, or -1 and errno.
 */
static int
message_check(struct box *b, struct message *m, int fd, const struct stat *st)
{
	uint8_t	 last = '\n';

	if ((m->flags & MESSAGE_SIZED) == 0 || m->more == MORE_MAX || m->octets - m->more != (uint64_t)st->st_size)
		return (message_count(b, m, fd));
	if ((m->flags & MESSAGE_COUNTED) || st->st_size == 0)
		return (0);
	if (pread(fd, &last, 1, st->st_size - 1) == -1)
		return (-1);
	return (last == '\n' ? 0 : message_count(b, m, fd));
}

/* Opens a message for the session: the descriptor, at its first octet, or -1; and the answer to it. */
int
message_open(struct box *b, uint32_t msgno, struct msg_box_message *answer)
{
	struct message	*m = &b->list.v[msgno - 1];
	struct stat	 st;
	char		 name[LOG_VIS_MAX * 4 + 1];
	int		 fd;

	memset(answer, 0, sizeof(*answer));
	answer->msgno = msgno;
	if ((fd = file_open(b, m, &st)) == -1 || message_check(b, m, fd, &st) == -1) {
		answer->error = errno == 0 ? EIO : (uint32_t)errno;
		if (fd != -1)
			close(fd);
		if (answer->error != ENOENT && (m->flags & MESSAGE_TOLD) == 0) {
			m->flags |= MESSAGE_TOLD;
			log_warnx("message %u cannot be read: %s%s: %s", msgno, strerror((int)answer->error),
			    answer->error == EACCES ? ", it must be a file of _rpopm's" : "",
			    log_vis(name, sizeof(name), list_name(&b->list, m), m->len));
		}
		return (-1);
	}
	answer->file_octets = m->more == MORE_MAX ? (uint64_t)st.st_size : m->octets - m->more;
	answer->octets = m->octets;
	return (fd);
}
