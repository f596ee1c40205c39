/* SPDX-License-Identifier: ISC */
/* A mail root in a scratch directory, and a master that only takes notes. */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <event.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/compat.h"
#include "common/log.h"
#include "deliverer/deliverer.h"
#include "spoolroot.h"

struct note	*notes;
size_t		 nnotes;
int		 recovered;

static size_t	 room;
static uint32_t	 answered;
static int	 rootfd = -1;
static char	 root[256];

static void
root_silent(enum log_level level, const char *text)
{
	(void)level;
	(void)text;
}

int
root_setup(void **state)
{
	static int	 once;
	const char	*tmp = getenv("TMPDIR");

	(void)state;
	if (!once++)
		event_init();
	signal(SIGPIPE, SIG_IGN);
	log_setsink(root_silent);
	umask(077);
	snprintf(root, sizeof(root), "%s/rpspool.XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(root) == NULL || (rootfd = open(root, O_RDONLY | O_DIRECTORY)) == -1)
		err(1, "%s", root);
	notes_clear();
	recovered = 0;
	answered = 0;
	if (spool_open(rootfd) == -1 || maildir_init(rootfd) == -1)
		errx(1, "spool");
	sync_init();
	batch_init();
	return (0);
}

static int
root_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return (remove(path));
}

int
root_teardown(void **state)
{
	(void)state;
	batch_exit();
	queue_exit();		/* it holds Maildirs */
	maildir_exit();
	set_aside_close();
	rootmark_close();
	spool_close();
	close(rootfd);
	notes_clear();
	nftw(root, root_remove, 16, FTW_DEPTH | FTW_PHYS);
	return (0);
}

int
root_fd(void)
{
	return (rootfd);
}

const char *
root_path(const char *below)
{
	static char	 path[1024];

	snprintf(path, sizeof(path), "%s/%s", root, below);
	return (path);
}

void
root_routes(const char *const *locals, size_t n)
{
	struct msg_route_start		 start;
	struct msg_route_account	 account;
	size_t				 i;

	memset(&start, 0, sizeof(start));
	start.generation = 1;
	start.accounts = n;
	start.postmaster = 1;
	strlcpy(start.hostname, "mx.example.org", sizeof(start.hostname));
	if (routes_start(&start) == -1)
		errx(1, "routes_start");
	for (i = 0; i < n; i++) {
		memset(&account, 0, sizeof(account));
		account.account = i + 1;
		snprintf(account.dir, sizeof(account.dir), "example.org/%s", locals[i]);
		if (routes_account(&account) == -1)
			errx(1, "routes_account");
	}
	if (routes_end(&start) == -1)
		errx(1, "routes_end");
}

size_t
root_count(const char *below)
{
	struct dirent	*de;
	size_t		 n = 0;
	DIR		*dir;

	if ((dir = opendir(root_path(below))) == NULL)
		return (0);
	while ((de = readdir(dir)) != NULL)
		n += de->d_name[0] != '.' || (de->d_name[1] != '\0' && strcmp(de->d_name, "..") != 0);
	closedir(dir);
	return (n);
}

int
root_clear(const char *below)
{
	return (nftw(root_path(below), root_remove, 16, FTW_DEPTH | FTW_PHYS));
}

uint8_t *
root_read(const char *below, size_t *len)
{
	struct stat	 st;
	uint8_t		*p;
	int		 fd;

	if ((fd = open(root_path(below), O_RDONLY)) == -1 || fstat(fd, &st) == -1 || (p = malloc(st.st_size + 1)) == NULL ||
	    read(fd, p, st.st_size) != st.st_size)
		err(1, "%s", below);
	close(fd);
	*len = st.st_size;
	return (p);
}

int
root_sized(const char *path)
{
	size_t	 i, len, bare = 0;
	uint8_t	*p = root_read(path, &len);
	char	 end[64];

	for (i = 0; i < len; i++)
		bare += p[i] == '\n' && (i == 0 || p[i - 1] != '\r');
	free(p);
	snprintf(end, sizeof(end), ",S=%zu,W=%zu", len, len + bare);
	return (strlen(path) > strlen(end) && strcmp(path + strlen(path) - strlen(end), end) == 0);
}

size_t
root_unsized(const char *below)
{
	struct dirent	*de;
	char		 path[1024];
	size_t		 n = 0;
	DIR		*dir;

	if ((dir = opendir(root_path(below))) == NULL)
		return (0);
	while ((de = readdir(dir)) != NULL)
		if (de->d_name[0] != '.') {
			snprintf(path, sizeof(path), "%s/%s", below, de->d_name);
			n += !root_sized(path);
		}
	closedir(dir);
	return (n);
}

void
root_write(const char *below, const void *p, size_t len)
{
	int	 fd;

	if ((fd = open(root_path(below), O_WRONLY | O_CREAT | O_TRUNC, 0600)) == -1 || write(fd, p, len) != (ssize_t)len)
		err(1, "%s", below);
	close(fd);
}

void
notes_clear(void)
{
	free(notes);
	notes = NULL;
	nnotes = room = 0;
}

size_t
notes_count(uint32_t type)
{
	size_t	 i, n = 0;

	for (i = 0; i < nnotes; i++)
		n += notes[i].type == type;
	return (n);
}

const struct note *
notes_nth(uint32_t type, size_t n)
{
	size_t	 i;

	for (i = 0; i < nnotes; i++)
		if (notes[i].type == type && n-- == 0)
			return (&notes[i]);
	return (NULL);
}

void
root_commit(int verdict)
{
	struct msg_receipt_batch	 msg;
	uint8_t			 verdicts[PROTO_BATCH_RCPTS];
	uint32_t		 rcpts = 0;
	size_t			 i, n = 0;

	memset(verdicts, verdict, sizeof(verdicts));
	for (i = 0; i < nnotes; i++) {
		rcpts += notes[i].type == IMSG_RECEIPT_RCPT;
		if (notes[i].type != IMSG_RECEIPT_BATCH)
			continue;
		if (n++ == answered) {
			memcpy(&msg, notes[i].data, sizeof(msg));
			answered++;
			if (batch_committed(msg.batch, rcpts, verdicts) == -1)
				errx(1, "batch %u", msg.batch);
		}
		rcpts = 0;
	}
}

/* What master.c gives the rest of the program. */
void
master_send(uint32_t type, const void *data, size_t len)
{
	if (nnotes == room) {
		room = room * 2 + 64;
		if ((notes = reallocarray(notes, room, sizeof(*notes))) == NULL)
			err(1, NULL);
	}
	memset(&notes[nnotes], 0, sizeof(*notes));
	notes[nnotes].type = type;
	notes[nnotes].len = len;
	if (len > sizeof(notes->data))
		errx(1, "note of %zu octets", len);
	if (len > 0)
		memcpy(notes[nnotes].data, data, len);
	nnotes++;
}

void
master_flush(void)
{
}

void
master_refuse(const struct spool_id *id, uint32_t why, const char *text)
{
	struct msg_receipt_refused	 msg;

	memset(&msg, 0, sizeof(msg));
	msg.session = id->session;
	msg.msgno = id->msgno;
	msg.why = why;
	strlcpy(msg.text, text, sizeof(msg.text));
	master_send(IMSG_RECEIPT_REFUSED, &msg, sizeof(msg));
}

void
master_recovered(int durable)
{
	uint32_t	 settled = durable;

	recovered++;
	master_send(IMSG_REPLAY_DONE, &settled, sizeof(settled));
}

void
master_missing(const char *link)
{
	struct msg_replay_result	 msg;

	memset(&msg, 0, sizeof(msg));
	msg.what = REPLAY_MISSING;
	msg.row = UINT32_MAX;
	strlcpy(msg.link, link, sizeof(msg.link));
	master_send(IMSG_REPLAY_RESULT, &msg, sizeof(msg));
}
