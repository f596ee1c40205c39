/* SPDX-License-Identifier: ISC */
/*
 * The spool: one directory of files that are not yet, or not yet everywhere, in their Maildirs.
 *
 * A file gets its final name when its last octet was written, and that name never changes but for its directory, so each link is in
 * one of two places, and these are all the states there are; in a third, aside/, if nobody knows what it is (set_aside.c).  "Dies"
 * means everything, after which the master replays its pending rows (recover.c) before a session is opened.  That a file without a
 * row was in flight, and may be removed, is certain only if state.db and mail root belong together and the session in its name is
 * of the last life; otherwise it is set aside.  Pi is Ri under the name that it has at first.
 *
 *  step, in order                         spool/          new/      dies right after: start-up finds       hook
 *  1 the message begins                   P0, partial     -         no row: removed, a suspect             deliverer.begin
 *  2 its header ended, recipients known   P0, partial     -         the same                               deliverer.header
 *  3 it ended, its file has its name      R0              -         the same                               deliverer.named
 *    a further file is begun              R0.., Pi empty  -         the same                               deliverer.further
 *    it is whole, without its name        R0.., Pi        -         the same                               deliverer.filled
 *    it has its final name                R0..Ri          -         the same                               deliverer.named
 *    count and links right                R0..Rn          -         the same                               deliverer.written
 *  4 octets durable                       R0..Rn          -         the same                               deliverer.fsync_files
 *  5 names durable                        R0..Rn          -         the same                               deliverer.fsync_spool
 *  6 receipts sent                        R0..Rn          -         rows: moved; none: as above            deliverer.receipt
 *  7 commit known here                    R0..Rn          -         rows: moved                            deliverer.committed
 *  8 link i about to be moved             Ri..Rn          R0..Ri-1  rows: Ri..Rn moved, R0..Ri-1 are done  deliverer.rename
 *  9 all moved (DISCARD: removed)         -               R0..Rn    rows: all done, or moved again         deliverer.renamed
 *    a DISCARDed link about to be removed R0..Rn          -         no row of it: removed                  deliverer.discard
 * 10 moves durable, not told yet          -               R0..Rn    rows: all done                         deliverer.settle
 * 11 a row is replayed                    Ri or not       Ri or not as 8                                   deliverer.replay
 * 12 a file in flight is removed          Ri or not       -         the same                               deliverer.flight
 *
 * Whose file has other lines on top than R0 has a further file and not a link: the postmaster with what fell back to him besides
 * others, as it names the addresses; and mail of a unified account, which names those that it came for, unless R0 does already.
 * Recipients whose lines are the same have links of one further file.  From step 4 on nobody need know which is which: all are
 * names.
 *
 * Links of recipients that are not Maildirs stay behind in step 9: queue.c.  The others are removed from the last to the first, so
 * that a message of which anything is left has its R0.
 *
 * The final name of a file is its first one and ",S=octets,W=octets", so that who opens a Maildir need not open its files.  S is
 * the size of the file.  W is its size with CRLF for each end of a line: S, and one more for each LF that has no CR ahead of it.
 * That is what Dovecot calls the virtual size, and computes where the name does not say it.  W is of the octets in the file alone:
 * nothing is added for a last line without an LF, which a POP3 server has to end with CRLF ahead of the final dot (two octets more
 * than W), nor for dots that are put ahead of others (RFC 1939 section 3).  Files of older versions have neither, and are taken as
 * they are.
 */
#include <sys/types.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/compat.h"
#include "common/hook.h"
#include "common/log.h"
#include "deliverer.h"

/* What the mail root and its user are called outside of this root, for people. */
static const char	*spool_root = "", *spool_owner = "";

#define SPOOL_HOST_MAX	64		/* octets of a host's name, so that every name of a file fits PROTO_LINK_SIZE */
#define SPOOL_TRIES	16

static int	 spool_number(const char **, char, uint64_t, uint64_t *);
static void	 spool_sizes(const char *, struct spool_id *);
static int	 spool_check(int);

struct host {
	struct host	*next;
	char		 name[SPOOL_HOST_MAX + 1];
};

static struct {
	int		 fd;
	dev_t		 dev;
	pid_t		 pid;
	struct host	*hosts;		/* all names that this host has had, as files in flight have them in their names */
	const char	*host;		/* the present name */
} spool = { .fd = -1 };

int
spool_open(int rootfd)
{
	if (mkdirat(rootfd, SPOOL_DIR, 0700) == 0) {
		if (fsync(rootfd) == -1)
			log_warn("mail root: fsync");
	} else if (errno != EEXIST && errno != EROFS) {
		log_warn("mail root: mkdir %s", SPOOL_DIR);
		return (-1);
	}
	spool.fd = openat(rootfd, SPOOL_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (spool.fd == -1) {
		log_warn("mail root: open %s", SPOOL_DIR);
		return (-1);
	}
	if (spool_check(spool.fd) == -1) {
		spool_close();
		return (-1);
	}
	spool.pid = getpid();
	if (spool.host == NULL)
		spool_host("localhost");
	return (0);
}

/* Whether the spool is this user's and closed to others, so that nobody else can put names there. */
static int
spool_check(int fd)
{
	struct stat	 st;

	if (fstat(fd, &st) == -1) {
		log_warn("%s: fstat", SPOOL_DIR);
		return (-1);
	}
	if (st.st_uid != geteuid() || (st.st_mode & 077) != 0) {
		log_warnx("%s: must belong to the delivering user with mode 0700", SPOOL_DIR);
		return (-1);
	}
	spool.dev = st.st_dev;
	return (0);
}

void
spool_close(void)
{
	if (spool.fd != -1)
		close(spool.fd);
	spool.fd = -1;
}

int
spool_fd(void)
{
	return (spool.fd);
}

dev_t
spool_dev(void)
{
	return (spool.dev);
}

/*
 * Writes a host's name as Maildir wants it, '/' and ':' in octal, ',' likewise, as sizes begin with it, and anything that is not
 * printable ASCII as '_'.
 */
void
spool_host(const char *name)
{
	struct host	*h, *new;
	size_t		 len = 0;

	if ((new = calloc(1, sizeof(*new))) == NULL)
		fatal("calloc");
	for (; *name != '\0' && len + 4 < sizeof(new->name); name++) {
		if (strchr("/:,", *name) != NULL)
			len += snprintf(new->name + len, sizeof(new->name) - len, "\\%03o", (unsigned int)*name);
		else
			new->name[len++] = *name > ' ' && *name < 0x7f ? *name : '_';
	}
	if (len == 0)
		strlcpy(new->name, "localhost", sizeof(new->name));
	for (h = spool.hosts; h != NULL; h = h->next)
		if (strcmp(h->name, new->name) == 0)
			break;
	if (h == NULL) {
		h = new;
		h->next = spool.hosts;
		spool.hosts = h;
	} else
		free(new);
	spool.host = h->name;
}

void
spool_name(const struct spool_id *id, uint32_t rcpt, char *name, size_t size)
{
	char	 sizes[64] = "";
	int	 n;

	if (id->final)
		snprintf(sizes, sizeof(sizes), ",S=%" PRIu64 ",W=%" PRIu64, id->octets, id->wire);
	n = snprintf(name, size, "%" PRId64 ".M%" PRIu32 "P%ldS%" PRIu32 "N%" PRIu32 "R%" PRIu32 ".%s%s", id->sec, id->usec,
	    (long)spool.pid, id->session, id->msgno, rcpt, id->host, sizes);
	if (n < 0 || (size_t)n >= size)
		fatalx("spool name of session %" PRIu32 " too long", id->session);
}

int
spool_parse(const char *name, struct spool_id *id, uint32_t *rcpt)
{
	uint64_t	 sec, usec, pid, session, msgno, r;

	if (spool_number(&name, '.', INT64_MAX, &sec) == -1 || *name++ != 'M' ||
	    spool_number(&name, 'P', 999999, &usec) == -1 || spool_number(&name, 'S', INT32_MAX, &pid) == -1 ||
	    spool_number(&name, 'N', UINT32_MAX, &session) == -1 || spool_number(&name, 'R', PROTO_MSGS_MAX, &msgno) == -1 ||
	    spool_number(&name, '.', PROTO_RCPT_MAX, &r) == -1 || *name == '\0')
		return (-1);
	id->sec = sec;
	id->usec = usec;
	id->session = session;
	id->msgno = msgno;
	id->host = NULL;
	spool_sizes(name, id);
	*rcpt = r;
	return (0);
}

/* Reads the sizes at the end of a name, if they are there. */
static void
spool_sizes(const char *name, struct spool_id *id)
{
	const char	*s = strstr(name, ",S=");

	id->final = 0;
	id->octets = id->wire = 0;
	if (s == NULL)
		return;
	s += 3;
	if (spool_number(&s, ',', UINT64_MAX, &id->octets) == 0 && strncmp(s, "W=", 2) == 0) {
		s += 2;
		id->final = spool_number(&s, '\0', UINT64_MAX, &id->wire) == 0;
	}
}

/* Reads a decimal number up to max and the character behind it, and moves *p behind both.  0 or -1. */
static int
spool_number(const char **p, char end, uint64_t max, uint64_t *value)
{
	const char	*s = *p;
	uint64_t	 v = 0, digit;

	if (*s < '0' || *s > '9')
		return (-1);
	for (; *s >= '0' && *s <= '9'; s++) {
		digit = *s - '0';
		if (v > (max - digit) / 10)
			return (-1);
		v = v * 10 + digit;
	}
	if (*s != end)
		return (-1);
	*p = s + 1;
	*value = v;
	return (0);
}

int
spool_create(struct spool_id *id, uint32_t session, uint32_t msgno)
{
	char		 name[PROTO_LINK_SIZE];
	struct timespec	 ts;
	int		 fd, tries;

	id->session = session;
	id->msgno = msgno;
	id->host = spool.host;
	id->final = 0;
	for (tries = 0; tries < SPOOL_TRIES; tries++) {
		clock_gettime(CLOCK_REALTIME, &ts);
		id->sec = ts.tv_sec;
		id->usec = ts.tv_nsec / 1000;
		spool_name(id, 0, name, sizeof(name));
		fd = openat(spool.fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd != -1 || errno != EEXIST)
			return (fd);
	}
	return (-1);
}

/* The name of a further file has a time of its own: links of one message and one time have the same content. */
int
spool_further(const struct spool_id *id, uint32_t nth, uint32_t rcpt, struct spool_id *further)
{
	char	 name[PROTO_LINK_SIZE];

	*further = *id;
	further->usec = (id->usec + nth) % 1000000;
	further->final = 0;
	spool_name(further, rcpt, name, sizeof(name));
	return (openat(spool.fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
}

int
spool_read(const struct spool_id *id, uint32_t rcpt)
{
	char	 name[PROTO_LINK_SIZE];

	spool_name(id, rcpt, name, sizeof(name));
	return (openat(spool.fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
}

uint64_t
spool_bare(const void *octets, size_t len, uint8_t before)
{
	const uint8_t	*p = octets, *lf;
	uint64_t	 n = 0;

	for (; len > 0 && (lf = memchr(p, '\n', len)) != NULL; p = lf + 1) {
		n += (lf > p ? lf[-1] : before) != '\r';
		len -= lf + 1 - p;
		before = '\n';
	}
	return (n);
}

int
spool_final(struct spool_id *id, uint32_t rcpt, uint64_t octets, uint64_t bare)
{
	struct spool_id	 final = *id;
	char		 from[PROTO_LINK_SIZE], to[PROTO_LINK_SIZE];

	final.final = 1;
	final.octets = octets;
	final.wire = octets + bare;
	spool_name(id, rcpt, from, sizeof(from));
	spool_name(&final, rcpt, to, sizeof(to));
	if (renameat(spool.fd, from, spool.fd, to) == -1)
		return (-1);
	*id = final;
	HOOK("deliverer.named");
	return (0);
}

int
spool_link(const struct spool_id *id, uint32_t from, uint32_t rcpt)
{
	char	 have[PROTO_LINK_SIZE], want[PROTO_LINK_SIZE];

	spool_name(id, from, have, sizeof(have));
	spool_name(id, rcpt, want, sizeof(want));
	return (linkat(spool.fd, have, spool.fd, want, 0));
}

void
spool_remove(const struct spool_id *id, uint32_t links)
{
	while (links-- > 0)
		spool_unlink(id, links);
}

void
spool_unlink(const struct spool_id *id, uint32_t rcpt)
{
	char	 name[PROTO_LINK_SIZE];

	spool_name(id, rcpt, name, sizeof(name));
	if (unlinkat(spool.fd, name, 0) == -1 && errno != ENOENT)
		log_warn("%s/%s: unlink", SPOOL_DIR, name);
}

void
spool_drop(const char *name)
{
	if (unlinkat(spool.fd, name, 0) == -1 && errno != ENOENT)
		log_warn("%s/%s: unlink", SPOOL_DIR, name);
}

int
spool_has(const char *name)
{
	struct stat	 st;

	return (fstatat(spool.fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0);
}

int
spool_sync(void)
{
	return (fsync(spool.fd));
}

/* Calls cb with every name in the spool, as long as it returns 0; cb may remove the name. */
int
spool_each(int (*cb)(void *, const char *), void *arg)
{
	struct dirent	*de;
	DIR		*dir;
	int		 fd, stop = 0;

	if ((fd = openat(spool.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return (-1);
	if ((dir = fdopendir(fd)) == NULL) {
		close(fd);
		return (-1);
	}
	while (!stop && (de = readdir(dir)) != NULL)
		if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
			stop = cb(arg, de->d_name);
	closedir(dir);
	return (0);
}

/* Sets what the mail root and its user are called outside of this root; the strings are the caller's, for good. */
void
spool_outside(const char *root, const char *owner)
{
	spool_root = root;
	spool_owner = owner;
}

/* Writes why something below the mail root cannot be written to: its path, the step that failed, and what would help. */
void
spool_explain(const char *path, const char *step, int error, char *text, size_t size)
{
	char	 help[PROTO_TEXT_SIZE] = "";

	if ((error == EACCES || error == EPERM) && spool_owner[0] != '\0')
		snprintf(help, sizeof(help), " (it must belong to %.32s, mode 0700)", spool_owner);
	else if (error == EROFS)
		strlcpy(help, " (see mount(8), and ReadWritePaths of the unit)", sizeof(help));
	snprintf(text, size, "%.80s%s%.70s: %.20s: %.40s%s; the messages stay on the server", spool_root,
	    spool_root[0] != '\0' ? "/" : "", path, step, strerror(error), help);
}
