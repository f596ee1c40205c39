/* SPDX-License-Identifier: ISC */
/*
 * spool/aside: files of the spool that no row of the master knows and that were not certainly in flight.  They count as mail until
 * somebody has looked: a file here is removed only when an administrator says so.
 *
 *	step				spool/		aside/		dies right after: the next start	hook
 *	found				the link	-		finds it again				-
 *	linked				the link	the link	finds it again, already linked		deliverer.aside
 *	unlinked			-		the link	lists it				deliverer.asided
 *
 * Links of one message for several recipients are one file: it is kept once, under the name of link 0.
 */
#include <sys/types.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/compat.h"
#include "common/hook.h"
#include "common/log.h"
#include "deliverer.h"

#define SET_ASIDE_TRIES	1000	/* names that are tried for different files of one name */

static int	 set_aside_dir(int);
static void	 set_aside_name(const char *, off_t, int, char *, size_t);
static int	 set_aside_rename(const char *, int, const char *);
static void	 set_aside_tell(int, const char *, int);

static int	 dirfd_aside = -1;

/* Opens spool/aside; make: creates it if it is missing.  Returns its descriptor, or -1 and errno. */
static int
set_aside_dir(int make)
{
	if (dirfd_aside != -1)
		return (dirfd_aside);
	if (make && mkdirat(spool_fd(), SET_ASIDE_DIR, 0700) == -1 && errno != EEXIST)
		return (-1);
	dirfd_aside = openat(spool_fd(), SET_ASIDE_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return (dirfd_aside);
}

void
set_aside_close(void)
{
	if (dirfd_aside != -1)
		close(dirfd_aside);
	dirfd_aside = -1;
}

/*
 * The name that a link of so many octets gets in spool/aside: that of link 0 of its message, from the second try on with a number
 * in front.  Sizes that are not the file's, as those of one that never became durable may be, are left out of it.
 */
static void
set_aside_name(const char *link, off_t octets, int n, char *name, size_t size)
{
	struct spool_id	 id;
	uint32_t	 rcpt;
	const char	*r;
	char		 prefix[16] = "";
	size_t		 len;

	if (n > 0)
		snprintf(prefix, sizeof(prefix), "%d_", n);
	if (spool_parse(link, &id, &rcpt) == 0 && (r = strchr(link, 'R')) != NULL) {
		len = r - link;
		r += 1 + strspn(r + 1, "0123456789");
		snprintf(name, size, "%s%.*sR0%.*s", prefix, (int)len, link,
		    (int)(id.final && id.octets != (uint64_t)octets ? strcspn(r, ",") : strlen(r)), r);
	} else
		snprintf(name, size, "%s%s", prefix, link);
}

/* Moves a link out of the spool, so that it is never lost.  0, or -1 and errno: the link stays where it is. */
int
set_aside_put(const char *link)
{
	struct stat	 a, b;
	char		 name[PROTO_LINK_SIZE * 3];
	int		 dir, n;

	if ((dir = set_aside_dir(1)) == -1 || fstatat(spool_fd(), link, &a, AT_SYMLINK_NOFOLLOW) == -1)
		return (-1);
	for (n = 0; n < SET_ASIDE_TRIES; n++) {
		set_aside_name(link, a.st_size, n, name, sizeof(name));
		if (linkat(spool_fd(), link, dir, name, 0) == 0)
			break;
		if (errno != EEXIST)
			return (set_aside_rename(link, dir, name));
		if (fstatat(dir, name, &b, AT_SYMLINK_NOFOLLOW) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev)
			break;
	}
	if (n == SET_ASIDE_TRIES)
		return (-1);
	HOOK("deliverer.aside");
	if (fsync(dir) == -1 || unlinkat(spool_fd(), link, 0) == -1)
		return (-1);
	HOOK("deliverer.asided");
	set_aside_tell(dir, name, 1);
	return (0);
}

/*
 * Moves something that is no file, or that cannot be linked, as it is.  No name is overwritten, as only this process makes names
 * there.
 */
static int
set_aside_rename(const char *link, int dir, const char *name)
{
	struct stat	 st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 || renameat(spool_fd(), link, dir, name) == -1 || fsync(dir) == -1)
		return (-1);
	set_aside_tell(dir, name, 1);
	return (0);
}

/* Tells the master all files that are set aside. */
void
set_aside_list(void)
{
	struct dirent	*de;
	DIR		*dir;
	int		 fd, at;

	if ((at = set_aside_dir(0)) == -1)
		return;
	if ((fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1 || (dir = fdopendir(fd)) == NULL) {
		log_warn("%s/%s", SPOOL_DIR, SET_ASIDE_DIR);
		if (fd != -1)
			close(fd);
		return;
	}
	while ((de = readdir(dir)) != NULL)
		if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
			set_aside_tell(at, de->d_name, 0);
	closedir(dir);
}

static void
set_aside_tell(int dir, const char *name, int fresh)
{
	struct msg_set_aside_file	 m;
	struct stat		 st;

	memset(&m, 0, sizeof(m));
	if (strlcpy(m.name, name, sizeof(m.name)) >= sizeof(m.name) || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1) {
		log_warnx("%s/%s/%.64s: cannot be listed", SPOOL_DIR, SET_ASIDE_DIR, name);
		return;
	}
	m.fresh = fresh;
	m.since = st.st_mtime;
	m.octets = st.st_size;
	master_send(IMSG_SET_ASIDE_FILE, &m, sizeof(m));
}

int
set_aside_open(const struct msg_set_aside_act *m, struct msg_spool_opened *answer)
{
	int	 dir;

	if ((dir = set_aside_dir(0)) != -1)
		return (queue_open_at(dir, m->name, m->id, answer));
	memset(answer, 0, sizeof(*answer));
	answer->id = m->id;
	answer->error = errno;
	return (-1);
}

/* Releases or drops a file by one rename or one removal, so that it is in one place whenever everything dies. */
int
set_aside_act(const struct msg_set_aside_act *m)
{
	struct maildir	*md;
	char		 err[PROTO_TEXT_SIZE];
	int		 dir, rv, saved;

	if ((dir = set_aside_dir(0)) == -1)
		return (-1);
	errno = EINVAL;
	if (*m->name == '\0' || strchr(m->name, '/') != NULL)
		return (-1);
	HOOK("deliverer.act");
	if (m->act == QUARANTINE_DROP)
		rv = unlinkat(dir, m->name, 0);
	else if ((md = maildir_get(m->dest, err, sizeof(err))) == NULL)
		return (-1);
	else {
		rv = maildir_put(md, dir, m->name);
		saved = errno;
		maildir_release(md);
		errno = saved;
	}
	HOOK("deliverer.acted");
	return (rv == -1 ? -1 : fsync(dir));
}
