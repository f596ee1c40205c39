/* SPDX-License-Identifier: ISC */
/*
 * rpopd -B: rpopd.db and state.db of one moment, copied into a new directory by a process that is no daemon: one that runs goes on
 * writing to both.  What is copied is verified.
 *
 *	killed				there is afterwards
 *	while stores are copied		a directory with .part behind its name, which the next -B of that name empties and uses
 *	behind the change of its name	the backup
 */
#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/compat.h"
#include "common/hook.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "rpopd/db/db.h"
#include "rpopd.h"

#define BACKUP_BUSY	5000	/* ms: somebody's commit may take as long */
#define BACKUP_TRIES	20	/* to see both stores at one moment */

static const char	*const names[] = { "rpopd.db", "state.db" };	/* in the backup */

struct backup {
	char		 dir[PATH_MAX];		/* final */
	char		 part[PATH_MAX];	/* until it is complete */
	int		 fd;			/* of part, locked */
	char		 paths[nitems(names)][PATH_MAX];	/* of the stores */
	sqlite3		*stores[nitems(names)];	/* each in a read transaction; NULL: there is none */
};

static int	 backup_see(struct backup *, char *, size_t);
static int	 backup_see_once(struct backup *, char *, size_t);
static int	 backup_begin(struct backup *, char *, size_t);
static int	 backup_copy(struct backup *, char *, size_t);
static int	 backup_empty(const struct backup *);
static void	 backup_abandon(struct backup *);

/* Makes the backup; returns the exit status. */
int
backup_stores(void)
{
	struct backup	 b = { .fd = -1 };
	char		 err[PATH_MAX * 2];
	size_t		 len = strlen(options.backup);

	while (len > 1 && options.backup[len - 1] == '/')
		len--;
	if ((size_t)snprintf(b.dir, sizeof(b.dir), "%.*s", (int)len, options.backup) >= sizeof(b.dir) ||
	    (size_t)snprintf(b.part, sizeof(b.part), "%s.part", b.dir) >= sizeof(b.part))
		fatalx("-B %s: path too long", options.backup);
	strlcpy(b.paths[0], options.store, sizeof(b.paths[0]));
	options_state_path(b.paths[1], sizeof(b.paths[1]));
	if (backup_see(&b, err, sizeof(err)) == -1 || backup_begin(&b, err, sizeof(err)) == -1)
		fatalx("%s", err);
	if (backup_copy(&b, err, sizeof(err)) == -1) {
		backup_abandon(&b);
		fatalx("%s", err);
	}
	printf("%s: %s\n", b.dir, b.stores[1] == NULL ? "rpopd.db; there is no state.db yet" : "rpopd.db and state.db of one moment");
	return (0);
}

/* Read transactions in both stores, at one moment.  0, or -1 and a sentence. */
static int
backup_see(struct backup *b, char *err, size_t errsize)
{
	uint64_t	 version;
	int		 tries;

	/* Nobody can commit to rpopd.db behind the first of them, unless somebody has given it a write-ahead log. */
	for (tries = 0; tries < BACKUP_TRIES; tries++) {
		version = config_version(options.store);
		if (backup_see_once(b, err, errsize) == -1)
			return (-1);
		if (version == config_version(options.store))
			return (0);
		sqlite3_close(b->stores[0]);
		sqlite3_close(b->stores[1]);
	}
	snprintf(err, errsize, "%s: is edited all the time; try again", options.store);
	return (-1);
}

static int
backup_see_once(struct backup *b, char *err, size_t errsize)
{
	struct stat	 st;
	int64_t		 n;
	size_t		 i;

	for (i = 0; i < nitems(names); i++) {
		b->stores[i] = NULL;
		if (i == 1 && lstat(b->paths[i], &st) == -1 && errno == ENOENT)
			continue;
		if ((b->stores[i] = sql_open(b->paths[i], SQL_READONLY, BACKUP_BUSY, err, errsize)) == NULL)
			return (-1);
		if (sql_exec(b->stores[i], "BEGIN") == -1 ||
		    sql_number(b->stores[i], "SELECT count(*) FROM sqlite_schema", &n) == -1) {
			sql_reason(b->stores[i], b->paths[i], err, errsize);
			return (-1);
		}
	}
	return (0);
}

/* The directory for what is not complete: new, or left by one that was killed.  0, or -1 and a sentence. */
static int
backup_begin(struct backup *b, char *err, size_t errsize)
{
	struct stat	 st, now;

	if (lstat(b->dir, &st) == 0) {
		snprintf(err, errsize, "%s: exists already; it stays as it is", b->dir);
		return (-1);
	}
	if (errno != ENOENT || (mkdir(b->part, 0700) == -1 && errno != EEXIST) ||
	    (b->fd = open(b->part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) == -1 || fstat(b->fd, &st) == -1) {
		snprintf(err, errsize, "%s: cannot be created: %s", b->part, strerror(errno));
		return (-1);
	}
	if (st.st_uid != geteuid() || (st.st_mode & 077) != 0) {
		snprintf(err, errsize, "%s: is somebody else's, or open to others; remove it, or choose another name", b->part);
		return (-1);
	}
	/* One that was completed between these calls has another name by now. */
	if (flock(b->fd, LOCK_EX | LOCK_NB) == -1 || lstat(b->part, &now) == -1 || now.st_dev != st.st_dev || now.st_ino != st.st_ino) {
		snprintf(err, errsize, "%s: another backup of that name is being made", b->dir);
		return (-1);
	}
	if (backup_empty(b) == 0)
		return (0);
	snprintf(err, errsize, "%s: cannot be emptied: %s", b->part, strerror(errno));
	return (-1);
}

/* Copies both stores, the one that others wait for first, and gives the directory its name.  0, or -1 and a sentence. */
static int
backup_copy(struct backup *b, char *err, size_t errsize)
{
	char	 to[PATH_MAX];
	size_t	 i;

	for (i = 0; i < nitems(names); i++) {
		if (b->stores[i] == NULL)
			continue;
		if ((size_t)snprintf(to, sizeof(to), "%s/%s", b->part, names[i]) >= sizeof(to)) {
			snprintf(err, errsize, "%s: path too long", b->dir);
			return (-1);
		}
		if (sql_copy(b->stores[i], to, err, errsize) == -1)
			return (-1);
		if (sqlite3_close(b->stores[i]) != SQLITE_OK)
			log_warnx("%s: not closed", b->paths[i]);
		HOOK("backup.copied");
	}
	if (fsync(b->fd) == -1) {
		snprintf(err, errsize, "%s: %s", b->part, strerror(errno));
		return (-1);
	}
	HOOK("backup.durable");
	return (file_name(b->part, b->dir, err, errsize));
}

/* Removes what an earlier backup has left in the directory.  0, or -1. */
static int
backup_empty(const struct backup *b)
{
	static const char *const	 suffixes[] = { "", "-journal", "-wal", "-shm" };
	char				 name[64];
	size_t				 i, k;

	for (i = 0; i < nitems(names); i++)
		for (k = 0; k < nitems(suffixes); k++) {
			snprintf(name, sizeof(name), "%s%s", names[i], suffixes[k]);
			if (unlinkat(b->fd, name, 0) == -1 && errno != ENOENT)
				return (-1);
		}
	return (0);
}

/* It has failed: nothing of it stays. */
static void
backup_abandon(struct backup *b)
{
	if (backup_empty(b) == -1 || rmdir(b->part) == -1)
		log_warn("%s: cannot be removed", b->part);
}
