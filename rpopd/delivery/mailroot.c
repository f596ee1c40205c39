/* SPDX-License-Identifier: ISC */
/*
 * The mail root and state.db belong together, and know it.  Both carry one identity; a counter in both tells when either is
 * older than the other remembers (state/root.c); the daemon that uses the mail root holds a lock on its file .rpopd as long as
 * it lives.
 *
 *	state.db		mail root's file		start
 *	new or of schema 2	none				taken as it is found; the spool must be there if the state was used
 *	new or of schema 2	the same identity		likewise: killed between writing the file and noting it
 *	new or of schema 2	another identity		refused
 *	belongs to one		none, or another identity	refused: another directory, or not mounted
 *	belongs to one		counter above state.db's	refused: state.db is older
 *	belongs to one		counter below the durable one	refused: the mail root is older
 *	belongs to one		in between			right
 *
 * To join them, in this order:
 *	step						dies right after: the next start		hook
 *	the file is complete under another name		begins anew					master.root_file
 *	it has its name, durably			finds its own identity, goes on			master.root_linked
 *	state.db says that they belong together		right						master.root_joined
 * Each later life of the daemon begins with a count in state.db.  Until that is written, because another process holds a lock
 * or there is no space, the daemon runs without a deliverer: nothing in the mail root changes.  rpopd -1 ends instead.  An
 * administrator's declaration (rpopd -A) writes state.db first, with a new identity:
 *	state.db has it, the file does not		refused; to be declared once more		master.root_declared
 *	the file has it					right; nothing in the spool proves anything	master.root_file
 */
#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/hook.h"
#include "common/log.h"
#include "common/rootfile.h"
#include "common/timer.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/state/state.h"
#include "rpopd/turn/turn.h"
#include "delivery.h"

#define LOCK_TRIES	40
#define LOCK_PAUSE	50000	/* us */
#define ROOT_LOOK	2000	/* ms between two looks while the mail root is not the right one */
#define ROOT_TELL	1000	/* ms until the deliverer is told of a count that nothing hurries */
#define ROOT_NEW_NAME	ROOTFILE_NAME ".new"
#define ROOT_SPOOL	"spool"

static int	 root_directory(const char *, int, int, char *, size_t);
static int	 root_make(const char *, const struct passwd *, char *, size_t);
static void	 root_failed(const char *, const char *, char *, size_t);
static int	 root_look(int, struct root_found *, char *, size_t);
static int	 root_lock(const char *, int, char *, size_t);
static int	 root_create(const char *, const struct root_state *, char *, size_t);
static int	 root_take(const char *, char *, size_t);
static void	 root_holder(char *, size_t);
static void	 root_counted(void);
static void	 root_tell(void *);
static void	 root_again(void *);
static int	 root_same(void);
static int	 root_begin(char *, size_t);

static struct {
	int		 dir, file;		/* the file's holds the lock */
	char		 path[PATH_MAX];
	int		 proven;		/* 1: what a pending row says and the spool lacks is done */
	int		 uncounted;		/* this life's first count is not written yet */
	uint32_t	 life;			/* as struct root_state, of the life before this one */
	uint64_t	 told;
	char		 trouble[PROTO_TEXT_SIZE];
	struct timer	 tell, look;
} root = { .dir = -1, .file = -1 };

/*
 * Whether state.db and what is at the mail root's path belong together.  0; ROOT_JOIN: from now on; -1 and a sentence that says
 * what to do.
 */
int
mailroot_judge(const struct root_state *st, const struct root_found *f, const char *path, char *err, size_t errsize)
{
	static const char	 remedy[] = "; restore what belongs together (rpopd(8), BACKUP AND RESTORE), or say that these two do "
				    "from now on: rpopd -A";

	if (st->joined == ROOT_NEW) {
		if (f->file && memcmp(f->has.identity, st->identity, sizeof(st->identity)) != 0)
			snprintf(err, errsize, "state.db is new, but mail_root %s belongs to another state.db%s", path, remedy);
		else if (st->session > 1 && !f->spool)
			snprintf(err, errsize, "mail_root %s has no spool, but state.db was used before: is its file system mounted?  Mount "
			    "it%s", path, remedy);
		else
			return (ROOT_JOIN);
		return (-1);
	}
	if (!f->there)
		snprintf(err, errsize, "mail_root %s does not exist, but state.db has used it: is its file system mounted?  Mount it%s",
		    path, remedy);
	else if (!f->file)
		snprintf(err, errsize, "mail_root %s is not the one that state.db has used, it has no %s: is its file system mounted?  "
		    "Mount it%s", path, ROOTFILE_NAME, remedy);
	else if (memcmp(f->has.identity, st->identity, sizeof(st->identity)) != 0)
		snprintf(err, errsize, "mail_root %s belongs to another state.db%s", path, remedy);
	else if (!f->used && f->has.counter > st->counter)
		snprintf(err, errsize, "state.db is older than mail_root %s, by %" PRIu64 " changes%s", path,
		    f->has.counter - st->counter, remedy);
	else if (!f->used && f->has.counter < st->durable)
		snprintf(err, errsize, "mail_root %s is older than state.db, by at least %" PRIu64 " changes%s", path,
		    st->durable - f->has.counter, remedy);
	else
		return (0);
	return (-1);
}

/*
 * For rpopd -n, and before the daemon leaves the terminal: whether the mail root could be opened.  1, or 0 with a sentence;
 * nothing is changed.
 */
int
mailroot_sound(const char *path, const char *state, char *err, size_t errsize)
{
	struct root_state	 st;
	struct root_found	 f;
	int			 dir, rv;

	if ((dir = root_directory(path, 0, 1, err, errsize)) == -2)
		return (0);
	rv = root_look(dir, &f, err, errsize);
	if (dir != -1)
		close(dir);
	if (rv == -1)
		return (0);
	/* The mail root first: what is read of state.db afterwards can only have grown. */
	if (state_root_peek(state, &st, err, errsize) == DB_FAILED)
		return (0);
	return (mailroot_judge(&st, &f, path, err, errsize) != -1);
}

/* At the daemon's start; state.db is open.  The lock on the mail root is held from here on.  0, or -1 and a sentence. */
int
mailroot_open(const char *path, char *err, size_t errsize)
{
	struct root_state	 st;
	struct root_found	 f;

	state_root(&st);
	if ((root.dir = root_directory(path, st.joined == ROOT_NEW && st.session <= 1, 1, err, errsize)) == -2 ||
	    root_look(root.dir, &f, err, errsize) == -1)
		return (-1);
	if (f.file && root_lock(path, 1, err, errsize) == -1)
		return (-1);
	/* The file is read once more: whoever held the lock a moment ago has counted on. */
	if (root_look(root.dir, &f, err, errsize) == -1)
		return (-1);
	f.used = 0;
	switch (mailroot_judge(&st, &f, path, err, errsize)) {
	case -1:
		return (-1);
	case ROOT_JOIN:
		if (root.dir == -1) {
			snprintf(err, errsize, "mail_root %s does not exist", path);
			return (-1);
		}
		if ((!f.file && root_create(path, &st, err, errsize) == -1) || root_take(path, err, errsize) == -1)
			return (-1);
	}
	state_root(&st);
	strlcpy(root.path, path, sizeof(root.path));
	root.proven = st.joined != ROOT_DECLARED;
	root.life = st.joined == ROOT_JOINED ? st.life : UINT32_MAX;
	timer_init(&root.tell, root_tell, NULL);
	timer_init(&root.look, root_again, NULL);
	state_on_count(root_counted);
	return (root_begin(err, errsize));
}

/*
 * A life of the daemon begins with a count: a copy of state.db from before it is older.  If it cannot be written now, a daemon
 * tries until it can, and mailroot_right() says no meanwhile.  0, or -1 and a sentence.
 */
static int
root_begin(char *err, size_t errsize)
{
	static const char	*why[] = { "cannot be written", "locked by another process" };
	struct root_state	 st;
	enum db			 result;

	state_root(&st);
	root.uncounted = 1;
	if ((result = state_root_joined(st.joined)) == DB_OK)
		return (0);
	if (options.once) {
		snprintf(err, errsize, "state.db: %s; nothing is polled, delivered or handed on by this run: end what holds it, and "
		    "run it again", why[result == DB_BUSY]);
		return (-1);
	}
	snprintf(root.trouble, sizeof(root.trouble), "state.db: %s since the start", why[result == DB_BUSY]);
	log_warnx("state.db: %s; nothing is polled or delivered, and nothing is handed on meanwhile", why[result == DB_BUSY]);
	timer_in(&root.look, ROOT_LOOK);
	return (0);
}

/* rpopd -A: what is at path belongs to the open state.db from now on, whatever it is.  0, or -1 and a sentence. */
int
mailroot_declare(const char *path, char *err, size_t errsize)
{
	struct root_state	 st;
	struct root_found	 f;
	uint8_t			 identity[ROOTFILE_ID_LEN];

	if ((root.dir = root_directory(path, 1, 1, err, errsize)) < 0 || root_look(root.dir, &f, err, errsize) == -1) {
		if (root.dir == -1)
			snprintf(err, errsize, "mail_root %s does not exist and cannot be made", path);
		return (-1);
	}
	if (f.file && root_lock(path, 1, err, errsize) == -1)
		return (-1);
	arc4random_buf(identity, sizeof(identity));
	if (state_root_declare(identity, f.file ? f.has.counter : 0) != DB_OK) {
		snprintf(err, errsize, "state.db cannot be written");
		return (-1);
	}
	HOOK("master.root_declared");
	state_root(&st);
	return (root_create(path, &st, err, errsize));
}

/*
 * Open the mail root; make: it is made if it is missing; owner: it has to be _rpopm's.  Its descriptor; -1: it is not there; -2
 * and a sentence: it is not as it must be.
 */
static int
root_directory(const char *path, int make, int owner, char *err, size_t errsize)
{
	struct passwd	*pw;
	struct stat	 st;
	int		 fd;

	if ((pw = getpwnam("_rpopm")) == NULL) {
		snprintf(err, errsize, "no user _rpopm: create it (see rpopd.sysusers)");
		return (-2);
	}
	if (make && root_make(path, pw, err, errsize) == -1)
		return (-2);
	if ((fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1) {
		if (errno == ENOENT)
			return (-1);
		snprintf(err, errsize, "mail_root %s: %s", path, strerror(errno));
		return (-2);
	}
	if (fstat(fd, &st) == -1 || (owner && st.st_uid != pw->pw_uid)) {
		snprintf(err, errsize, "mail_root %s must be a directory owned by _rpopm: chown _rpopm %s", path, path);
		close(fd);
		return (-2);
	}
	return (fd);
}

/*
 * Make the mail root, unless there is one, and give it to _rpopm.  Others may be able to write its parent, so that something
 * else may have its name by now: what is given away is an empty directory of root's, reached without a link, or nothing.  0, or
 * -1 and a sentence.
 */
static int
root_make(const char *path, const struct passwd *pw, char *err, size_t errsize)
{
	struct stat	 st;
	int		 fd;

	if (mkdir(path, 0700) == -1) {
		if (errno == EEXIST)
			return (0);
		root_failed(path, NULL, err, errsize);
		return (-1);
	}
	HOOK("master.root_made");
	if ((fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) == -1 || fstat(fd, &st) == -1)
		snprintf(err, errsize, "mail_root %s: %s", path, strerror(errno));
	else if (st.st_uid != geteuid() || st.st_nlink > 2 || (st.st_mode & 07777 & ~S_ISGID) != 0700)
		snprintf(err, errsize, "mail_root %s was replaced as soon as it was made: others can write the directory that it is in", path);
	else if (fchown(fd, pw->pw_uid, pw->pw_gid) == -1)
		snprintf(err, errsize, "mail_root %s: %s", path, strerror(errno));
	else {
		close(fd);
		return (0);
	}
	if (fd != -1)
		close(fd);
	return (-1);
}

/* The sentence for errno about the mail root, or about the file name in it (NULL: about itself). */
static void
root_failed(const char *path, const char *name, char *err, size_t errsize)
{
	snprintf(err, errsize, "mail_root %s: %s%s%s%s", path, name != NULL ? name : "", name != NULL ? ": " : "", strerror(errno),
	    errno == EROFS ? "; under systemd ReadWritePaths= must name it: systemctl edit rpopd" : "");
}

/* What is in the mail root that dir has open (-1: there is none).  0, or -1 and a sentence: it cannot be read. */
static int
root_look(int dir, struct root_found *f, char *err, size_t errsize)
{
	struct stat	 st;
	int		 fd;

	memset(f, 0, sizeof(*f));
	if (dir == -1)
		return (0);
	f->there = 1;
	f->spool = fstatat(dir, ROOT_SPOOL, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if ((fd = openat(dir, ROOTFILE_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)) == -1) {
		if (errno == ENOENT)
			return (0);
		snprintf(err, errsize, "mail_root: %s: %s", ROOTFILE_NAME, strerror(errno));
		return (-1);
	}
	if (rootfile_read(fd, &f->has) == -1) {
		snprintf(err, errsize, "mail_root: %s: %s; restore it from a backup of the mail root, or remove it and say what belongs "
		    "together: rpopd -A", ROOTFILE_NAME, errno == EINVAL ? "is damaged" : strerror(errno));
		close(fd);
		return (-1);
	}
	f->file = 1;
	if (flock(fd, LOCK_SH | LOCK_NB) == -1)
		f->used = 1;
	close(fd);
	return (0);
}

/*
 * Lock the mail root's file, and note in it who has it.  Two daemons in one mail root would take each other's files for
 * remains.  A daemon that was killed may hold the lock for a moment yet, by a child that was just forked: wait, and the lock is
 * tried for two seconds.  0, or -1 and a sentence.
 */
static int
root_lock(const char *path, int wait, char *err, size_t errsize)
{
	struct rootfile	 f;
	char		 holder[ROOTFILE_HOLDER];
	int		 tries, fd;

	if (root.file == -1 &&
	    (root.file = openat(root.dir, ROOTFILE_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)) == -1) {
		snprintf(err, errsize, "mail_root %s: %s: %s", path, ROOTFILE_NAME, strerror(errno));
		return (-1);
	}
	for (tries = 0; flock(root.file, LOCK_EX | LOCK_NB) == -1; tries++) {
		if (errno != EWOULDBLOCK && errno != EINTR) {
			snprintf(err, errsize, "mail_root %s: %s: %s", path, ROOTFILE_NAME, strerror(errno));
			return (-1);
		}
		if (!wait || tries == LOCK_TRIES) {
			snprintf(err, errsize, "mail_root %s: another rpopd is running on it (%s)", path,
			    rootfile_read(root.file, &f) == 0 && f.holder[0] != '\0' ? f.holder : "not known which");
			return (-1);
		}
		usleep(LOCK_PAUSE);
	}
	root_holder(holder, sizeof(holder));
	/* The file is open for writing no longer than this takes, so that the file system can be made read-only. */
	if ((fd = openat(root.dir, ROOTFILE_NAME, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)) == -1 ||
	    rootfile_holder(fd, holder) == -1)
		log_warn("mail_root %s: %s", path, ROOTFILE_NAME);
	if (fd != -1)
		close(fd);
	return (0);
}

static void
root_holder(char *text, size_t size)
{
	snprintf(text, size, "used by process %ld, store %.400s", (long)getpid(), options.store);
}

/*
 * Write the mail root's file anew, in the place of none or of an old one: it is complete and locked before it has its name, and
 * durable. 0, or -1 and a sentence.
 */
static int
root_create(const char *path, const struct root_state *st, char *err, size_t errsize)
{
	struct rootfile	 f;
	struct passwd	*pw = getpwnam("_rpopm");
	int		 fd;

	memset(&f, 0, sizeof(f));
	memcpy(f.identity, st->identity, sizeof(f.identity));
	f.counter = st->counter;
	root_holder(f.holder, sizeof(f.holder));
	(void)unlinkat(root.dir, ROOT_NEW_NAME, 0);
	if (pw == NULL ||
	    (fd = openat(root.dir, ROOT_NEW_NAME, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)) == -1)
		goto bad;
	if (fchown(fd, pw->pw_uid, pw->pw_gid) == -1 || flock(fd, LOCK_EX | LOCK_NB) == -1 || rootfile_write(fd, &f) == -1 ||
	    fsync(fd) == -1) {
		close(fd);
		goto bad;
	}
	HOOK("master.root_file");
	/* Of two daemons that begin at once in a new mail root one is late. */
	if ((root.file == -1 ? linkat(root.dir, ROOT_NEW_NAME, root.dir, ROOTFILE_NAME, 0) :
	    renameat(root.dir, ROOT_NEW_NAME, root.dir, ROOTFILE_NAME)) == -1 || fsync(root.dir) == -1) {
		close(fd);
		goto bad;
	}
	HOOK("master.root_linked");
	(void)unlinkat(root.dir, ROOT_NEW_NAME, 0);
	if (root.file != -1)
		close(root.file);
	root.file = -1;
	close(fd);
	return (root_lock(path, 1, err, errsize));
bad:
	root_failed(path, ROOTFILE_NAME, err, errsize);
	return (-1);
}

/* The mail root's file is there: state.db notes that they belong together.  0, or -1 and a sentence. */
static int
root_take(const char *path, char *err, size_t errsize)
{
	if (root.file == -1 && root_lock(path, 1, err, errsize) == -1)
		return (-1);
	if (state_root_joined(ROOT_TAKEN) != DB_OK) {
		snprintf(err, errsize, "state.db cannot be written now; try again");
		return (-1);
	}
	HOOK("master.root_joined");
	return (0);
}

/* --- while the daemon runs --- */

/* A deliverer that has just begun is told whose mail root it is in, ahead of everything else. */
void
mailroot_greet(struct child *c)
{
	struct root_state	 st;
	struct msg_root_identity		 m;

	state_root(&st);
	memset(&m, 0, sizeof(m));
	memcpy(m.identity, st.identity, sizeof(m.identity));
	m.counter = root.told = st.counter;
	m.life = root.life;
	m.proven = root.proven;
	link_send(&c->link, IMSG_ROOT_IDENTITY, -1, &m, sizeof(m));
}

/*
 * A deliverer's start is complete: from now on a link that is missing in the spool is one that was delivered, and a file
 * without a row was in flight.
 */
void
mailroot_started(void)
{
	struct root_state	 st;

	if (state_root_started() != DB_OK)
		return;			/* the same again at the next start */
	state_root(&st);
	root.proven = 1;
	if (root.life == UINT32_MAX)
		root.life = st.session;
}

/* The deliverer is told the counter of state.db, which has to come ahead of anything that changes the mail root. */
void
mailroot_tell(void)
{
	struct child	*d = child_of[ROLE_DELIVERER];
	uint64_t	 counter = state_counter();

	if (d == NULL || counter == root.told)
		return;
	root.told = counter;
	link_send(&d->link, IMSG_ROOT_COUNTER, -1, &counter, sizeof(counter));
}

/* state.db has counted on.  If nothing in the mail root depends on that, the deliverer is told within ROOT_TELL. */
static void
root_counted(void)
{
	if (root.uncounted && root.trouble[0] != '\0') {
		root.trouble[0] = '\0';
		log_notice("state.db can be written again: polling, deliveries and handing on begin");
		child_soon(ROLE_DELIVERER);
		turn_soon();
	}
	root.uncounted = 0;
	if (!timer_armed(&root.tell))
		timer_in(&root.tell, ROOT_TELL);
}

static void
root_tell(void *arg)
{
	(void)arg;
	mailroot_tell();
}

/*
 * 1: what is at the mail root's path is the directory that is open, and this life of the daemon has its first count in state.db;
 * 0: not so, and nothing may be delivered there.
 */
int
mailroot_right(void)
{
	if (root.dir == -1)
		return (1);
	if (root.uncounted) {
		if (!timer_armed(&root.look))
			timer_in(&root.look, ROOT_LOOK);
		return (0);
	}
	if (root_same()) {
		if (root.trouble[0] != '\0') {
			root.trouble[0] = '\0';
			log_notice("mail_root %s is there again", root.path);
			child_soon(ROLE_DELIVERER);
			turn_soon();
		}
		return (1);
	}
	if (root.trouble[0] == '\0') {
		snprintf(root.trouble, sizeof(root.trouble), "mail_root is hidden or gone: another directory or file system is at its "
		    "place, or none; unmount or mount what belongs there, or restart rpopd");
		log_warnx("mail_root %s: what is there now is not what rpopd has open; nothing is polled until it is back", root.path);
	}
	if (!timer_armed(&root.look))
		timer_in(&root.look, ROOT_LOOK);
	return (0);
}

static int
root_same(void)
{
	struct stat	 at, open_dir;

	return (stat(root.path, &at) == 0 && fstat(root.dir, &open_dir) == 0 && at.st_dev == open_dir.st_dev &&
	    at.st_ino == open_dir.st_ino);
}

static void
root_again(void *arg)
{
	struct root_state	 st;

	(void)arg;
	if (root.uncounted) {
		state_root(&st);
		(void)state_root_joined(st.joined);	/* root_counted() says so */
	}
	(void)mailroot_right();
}

/* Why mailroot_right() says no, for people; empty: it does not. */
const char *
mailroot_trouble(void)
{
	return (root.trouble);
}
