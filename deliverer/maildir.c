/* SPDX-License-Identifier: ISC */
/*
 * Destination directories.  Every directory in use is known once, by its path below the mail root; at most MAILDIR_OPEN_MAX of them
 * are open.  Paths are walked component by component from the mail root without following links, so no name leads elsewhere.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <sys/tree.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/compat.h"
#include "common/log.h"
#include "deliverer.h"

#define MAILDIR_COMPONENT_MAX	255
#define MAILDIR_PROBE		"probe"		/* no file in the spool has this name */

struct maildir {
	RB_ENTRY(maildir)	 node;
	TAILQ_ENTRY(maildir)	 lru;		/* while fd is open, the least recently used first */
	TAILQ_ENTRY(maildir)	 touched;	/* while dirty */
	char			*path;
	unsigned int		 refs;
	int			 fd;		/* of its new/, or -1 */
	int			 dirty;		/* 1: files were moved here since the last fsync(2) */
	int			 stuck;		/* 1: a committed file could not be moved here, and is tried again */
};
RB_HEAD(maildir_tree, maildir);
TAILQ_HEAD(maildir_list, maildir);

static int	 maildir_cur_has(int, const char *);
static int	 maildir_ready(struct maildir *, char *, size_t);
static int	 maildir_rename(struct maildir *, const char *);
static int	 maildir_open_new(const char *, char *, size_t);
static int	 maildir_step(int, const char *, char *, size_t);
static int	 maildir_make(int, int, char *, size_t);
static int	 maildir_same_fs(int);
static int	 maildir_component(const char *, size_t, int);
static int	 maildir_valid(const char *);
static void	 maildir_shut(struct maildir *);
static void	 maildir_forget(struct maildir *);
static int	 maildir_cmp(struct maildir *, struct maildir *);

RB_PROTOTYPE_STATIC(maildir_tree, maildir, node, maildir_cmp)

static struct {
	struct maildir_tree	 tree;
	struct maildir_list	 lru, dirty;
	struct maildir		*last;		/* the one that was found last, where the next message is likely to go as well */
	void			(*told)(const char *, int);	/* is told of directories that mail waits for; NULL: nobody is */
	int			 rootfd, nopen;
} maildirs = { .rootfd = -1 };

int
maildir_init(int rootfd)
{
	RB_INIT(&maildirs.tree);
	TAILQ_INIT(&maildirs.lru);
	TAILQ_INIT(&maildirs.dirty);
	maildirs.rootfd = rootfd;
	maildirs.nopen = 0;
	maildirs.last = NULL;
	return (0);
}

void
maildir_exit(void)
{
	struct maildir	*md, *next;

	for (md = RB_MIN(maildir_tree, &maildirs.tree); md != NULL; md = next) {
		next = RB_NEXT(maildir_tree, &maildirs.tree, md);
		md->refs = 0;
		if (md->dirty) {
			md->dirty = 0;
			TAILQ_REMOVE(&maildirs.dirty, md, touched);
		}
		maildir_forget(md);
	}
}

/* Writes a folder's name as Maildir++ has it: one directory beside the INBOX's new/, levels parted by dots. */
int
maildir_folder(const char *mailbox, char *folder, size_t size)
{
	const char	*p;
	size_t		 len, n = 0;

	if (size == 0)
		return (-1);
	folder[0] = '\0';
	if (*mailbox == '\0' || strcasecmp(mailbox, "INBOX") == 0)
		return (0);
	for (p = mailbox; ; p += len + 1) {
		len = strcspn(p, "/.");
		if (!maildir_component(p, len, 0) || n + len + 2 > size)
			return (-1);
		folder[n++] = '.';
		memcpy(folder + n, p, len);
		n += len;
		folder[n] = '\0';
		if (p[len] == '\0')
			return (n <= MAILDIR_COMPONENT_MAX ? 0 : -1);
	}
}

struct maildir *
maildir_get(const char *path, char *err, size_t errsize)
{
	struct maildir	*md;

	if ((md = maildir_ref(path)) == NULL) {
		snprintf(err, errsize, "not a directory name for mail");
		return (NULL);
	}
	if (md->stuck) {
		snprintf(err, errsize, "earlier mail still waits");
		errno = EBUSY;
	} else if (maildir_ready(md, err, errsize) == 0)
		return (md);
	maildir_release(md);
	return (NULL);
}

struct maildir *
maildir_ref(const char *path)
{
	struct maildir	*md, key;

	if (maildirs.last != NULL && strcmp(maildirs.last->path, path) == 0) {
		maildirs.last->refs++;
		return (maildirs.last);
	}
	if (!maildir_valid(path)) {
		errno = EINVAL;
		return (NULL);
	}
	if ((key.path = strdup(path)) == NULL)
		return (NULL);
	if ((md = RB_FIND(maildir_tree, &maildirs.tree, &key)) != NULL) {
		free(key.path);
	} else {
		if ((md = calloc(1, sizeof(*md))) == NULL) {
			free(key.path);
			return (NULL);
		}
		md->path = key.path;
		md->fd = -1;
		RB_INSERT(maildir_tree, &maildirs.tree, md);
	}
	md->refs++;
	maildirs.last = md;
	return (md);
}

/* Gives a reference back.  An open directory stays known when nobody refers to it; a closed one is forgotten then. */
void
maildir_release(struct maildir *md)
{
	int	 saved = errno;

	/* Nothing waits for this directory any more. */
	if (--md->refs == 0 && md->stuck) {
		md->stuck = 0;
		if (maildirs.told != NULL)
			maildirs.told(md->path, 0);
	}
	if (md->refs == 0 && md->fd == -1 && !md->dirty)
		maildir_forget(md);
	errno = saved;
}

const char *
maildir_path(const struct maildir *md)
{
	return (md->path);
}

int
maildir_root(void)
{
	return (maildirs.rootfd);
}

void
maildir_on_place(void (*told)(const char *, int))
{
	maildirs.told = told;
}

int
maildir_nopen(void)
{
	return (maildirs.nopen);
}

int
maildir_take(struct maildir *md, const char *name)
{
	int	 n, was = md->stuck, error;

	n = maildir_rename(md, name);
	error = errno;
	md->stuck = n == -1;
	if (was != md->stuck && maildirs.told != NULL)
		maildirs.told(md->path, md->stuck ? error : 0);
	errno = error;
	if (n == 1 && !md->dirty) {
		md->dirty = 1;
		TAILQ_INSERT_TAIL(&maildirs.dirty, md, touched);
	}
	return (n);
}

/*
 * Moves a file of another directory of this program, whose name has no colon, to a new/ that is open, and makes that durable.  0,
 * or -1 and errno.
 */
int
maildir_put(struct maildir *md, int dir, const char *name)
{
	struct stat	 st;

	errno = EEXIST;
	if (fstatat(md->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return (-1);
	return (renameat(dir, name, md->fd, name) == -1 ? -1 : fsync(md->fd));
}

/*
 * Renames a file of the spool into new/.  0, or -1 and errno, where ENOENT has two causes: the file is missing, or the directory of
 * the descriptor was removed.
 */
static int
maildir_rename(struct maildir *md, const char *name)
{
	char	 err[PROTO_DEST_SIZE];
	int	 again;

	for (again = 0; again < 2; again++) {
		if (maildir_ready(md, err, sizeof(err)) == -1)
			return (-1);
		if (renameat(spool_fd(), name, md->fd, name) == 0)
			return (1);
		if (errno != ENOENT)
			return (-1);
		if (!spool_has(name))
			return (0);
		maildir_shut(md);
	}
	errno = ENOENT;
	return (-1);
}

/*
 * Makes the directories durable that files were moved to.  One that was closed meanwhile is opened again for that.  After an
 * fsync(2) that failed the descriptor is not used again; what was moved there stays unsettled.
 */
int
maildir_sync(void)
{
	struct maildir	*md;
	char		 err[PROTO_DEST_SIZE];
	int		 failed = 0;

	while ((md = TAILQ_FIRST(&maildirs.dirty)) != NULL) {
		TAILQ_REMOVE(&maildirs.dirty, md, touched);
		md->dirty = 0;
		md->refs++;
		if (maildir_ready(md, err, sizeof(err)) == -1 || fsync(md->fd) == -1) {
			log_warn("%s/new: fsync", md->path);
			if (md->fd != -1)
				maildir_shut(md);
			failed = 1;
		}
		maildir_release(md);
	}
	return (failed ? -1 : 0);
}

/* Makes new/ of md the open directory that was used last, and opens it if need be.  0, or -1, errno, and the step that failed. */
static int
maildir_ready(struct maildir *md, char *err, size_t errsize)
{
	if (md->fd != -1) {
		if (TAILQ_NEXT(md, lru) != NULL) {
			TAILQ_REMOVE(&maildirs.lru, md, lru);
			TAILQ_INSERT_TAIL(&maildirs.lru, md, lru);
		}
		return (0);
	}
	if (maildirs.nopen >= MAILDIR_OPEN_MAX)
		maildir_shut(TAILQ_FIRST(&maildirs.lru));
	if ((md->fd = maildir_open_new(md->path, err, errsize)) == -1)
		return (-1);
	TAILQ_INSERT_TAIL(&maildirs.lru, md, lru);
	maildirs.nopen++;
	return (0);
}

/* Opens path/new, and makes what is missing on the way.  Returns its descriptor, or -1, errno, and the step that failed in err. */
static int
maildir_open_new(const char *path, char *err, size_t errsize)
{
	char	 name[MAILDIR_COMPONENT_MAX + 1];
	size_t	 len;
	int	 fd, next, folder = 0, saved;

	if ((fd = openat(maildirs.rootfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1) {
		snprintf(err, errsize, "mail root");
		return (-1);
	}
	for (; *path != '\0' && fd != -1; path += len + (path[len] == '/')) {
		len = strcspn(path, "/");
		memcpy(name, path, len);
		name[len] = '\0';
		folder = name[0] == '.';
		next = folder && maildir_make(fd, 0, err, errsize) == -1 ? -1 : maildir_step(fd, name, err, errsize);
		saved = errno;
		close(fd);
		errno = saved;
		fd = next;
	}
	if (fd == -1)
		return (-1);
	next = maildir_make(fd, folder, err, errsize) == -1 ? -1 :
	    openat(fd, "new", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (next != -1 && maildir_same_fs(next) == -1) {
		snprintf(err, errsize, "not on the file system of %s", SPOOL_DIR);
		close(next);
		errno = EXDEV;
		next = -1;
	} else if (next == -1 && err[0] == '\0')
		snprintf(err, errsize, "open new");
	saved = errno;
	close(fd);
	errno = saved;
	return (next);
}

/* Opens a component below fd.  A missing one is made, and its name is durable before anything is put into it. */
static int
maildir_step(int fd, const char *name, char *err, size_t errsize)
{
	int	 next;

	err[0] = '\0';
	next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (next != -1 || errno != ENOENT) {
		if (next == -1)
			snprintf(err, errsize, "open");
		return (next);
	}
	if ((mkdirat(fd, name, 0700) == -1 && errno != EEXIST) || fsync(fd) == -1) {
		snprintf(err, errsize, "mkdir");
		return (-1);
	}
	if ((next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) == -1)
		snprintf(err, errsize, "open");
	return (next);
}

/* Makes cur, tmp and new below fd, new as the last, so that a new/ means that there are all three. */
static int
maildir_make(int fd, int folder, char *err, size_t errsize)
{
	static const char *const	 names[] = { "cur", "tmp", "new" };
	struct stat			 st;
	size_t				 i;
	int				 mark;

	err[0] = '\0';
	if (fstatat(fd, "new", &st, AT_SYMLINK_NOFOLLOW) == 0)
		return (0);
	if (folder) {
		if ((mark = openat(fd, "maildirfolder", O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600)) == -1) {
			snprintf(err, errsize, "create maildirfolder");
			return (-1);
		}
		close(mark);
	}
	for (i = 0; i < nitems(names); i++) {
		if (mkdirat(fd, names[i], 0700) == -1 && errno != EEXIST) {
			snprintf(err, errsize, "mkdir %s", names[i]);
			return (-1);
		}
	}
	if (fsync(fd) == -1) {
		snprintf(err, errsize, "fsync");
		return (-1);
	}
	return (0);
}

/*
 * Whether files can be renamed from the spool to this directory.  To compare devices is not enough where a file system is mounted
 * twice: a rename of a name that does not exist shows it, as mounts are compared before names are looked up.
 */
static int
maildir_same_fs(int fd)
{
	struct stat	 st;

	if (fstat(fd, &st) == -1 || st.st_dev != spool_dev())
		return (-1);
	if (renameat(spool_fd(), MAILDIR_PROBE, fd, MAILDIR_PROBE) == -1 && errno == EXDEV)
		return (-1);
	return (0);
}

/* Whether a name between slashes is sound: not empty, not too long, no control characters, a leading dot only for a folder. */
static int
maildir_component(const char *p, size_t len, int folder)
{
	size_t	 i;

	if (len == 0 || len > MAILDIR_COMPONENT_MAX)
		return (0);
	if (p[0] == '.' && (!folder || len == 1 || p[1] == '.'))
		return (0);
	for (i = 0; i < len; i++)
		if ((unsigned char)p[i] < ' ' || p[i] == 0x7f || p[i] == '/')
			return (0);
	return (1);
}

/* Whether a relative path has sound names only; the last one may be a Maildir++ folder. */
static int
maildir_valid(const char *path)
{
	const char	*p = path;
	size_t		 len;

	if (strlen(path) >= PROTO_DEST_SIZE)
		return (0);
	for (;; p += len + 1) {
		len = strcspn(p, "/");
		if (!maildir_component(p, len, p != path && p[len] == '\0'))
			return (0);
		if (p[len] == '\0')
			break;
	}
	return (strncmp(path, SPOOL_DIR, sizeof(SPOOL_DIR) - 1) != 0 ||
	    (path[sizeof(SPOOL_DIR) - 1] != '\0' && path[sizeof(SPOOL_DIR) - 1] != '/'));
}

static void
maildir_shut(struct maildir *md)
{
	if (md->fd == -1)
		return;
	TAILQ_REMOVE(&maildirs.lru, md, lru);
	close(md->fd);
	md->fd = -1;
	maildirs.nopen--;
	if (md->refs == 0 && !md->dirty)
		maildir_forget(md);
}

static void
maildir_forget(struct maildir *md)
{
	if (maildirs.last == md)
		maildirs.last = NULL;
	if (md->fd != -1) {
		TAILQ_REMOVE(&maildirs.lru, md, lru);
		close(md->fd);
		maildirs.nopen--;
	}
	RB_REMOVE(maildir_tree, &maildirs.tree, md);
	free(md->path);
	free(md);
}

static int
maildir_cmp(struct maildir *a, struct maildir *b)
{
	return (strcmp(a->path, b->path));
}

RB_GENERATE_STATIC(maildir_tree, maildir, node, maildir_cmp)

/*
 * Whether the Maildir at a path below the mail root has a message of this name, in new/ or, with flags behind the name, in cur/.
 * Nothing is made, and no link is followed.
 */
int
maildir_has(const char *path, const char *name)
{
	struct stat	 st;
	char		 part[256];
	size_t		 len;
	int		 fd, next, has;

	if ((fd = openat(maildirs.rootfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return (0);
	for (; *path != '\0'; path += len + (path[len] == '/')) {
		len = strcspn(path, "/");
		if (len >= sizeof(part)) {
			close(fd);
			return (0);
		}
		memcpy(part, path, len);
		part[len] = '\0';
		next = openat(fd, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		close(fd);
		if ((fd = next) == -1)
			return (0);
	}
	if ((next = openat(fd, "new", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) != -1) {
		has = fstatat(next, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
		close(next);
	} else
		has = 0;
	has = has || maildir_cur_has(fd, name);
	close(fd);
	return (has);
}

/*
 * Whether cur/ below fd has a message of this name.  Readers put ":2," and flags behind a name; sizes in it, each behind a comma,
 * they may add and take away, so that only what is ahead of them counts.
 */
static int
maildir_cur_has(int fd, const char *name)
{
	struct dirent	*de;
	size_t		 len = strcspn(name, ",");
	DIR		*dir;
	int		 cur, has = 0;

	if ((cur = openat(fd, "cur", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) == -1)
		return (0);
	if ((dir = fdopendir(cur)) == NULL) {
		close(cur);
		return (0);
	}
	while (!has && (de = readdir(dir)) != NULL)
		has = strncmp(de->d_name, name, len) == 0 && strchr(":,", de->d_name[len]) != NULL;
	closedir(dir);
	return (has);
}
