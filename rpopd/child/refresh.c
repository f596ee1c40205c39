/* SPDX-License-Identifier: ISC */
/*
 * What changes under a running daemon: the files that the dialer reads at its start, and the directory of trusted certificates of
 * which the jails have copies.  Looked at when a connection is about to be made, so an idle daemon does nothing for it.
 *
 * A stamp is taken before the process that reads the file is started: what is written meanwhile is seen the next time.
 */
#include <sys/stat.h>

#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "rpopd/turn/turn.h"
#include "child_int.h"

#define DIALER_PAUSE	1000	/* ms between two dialers: a file that is written without end does no harm */
#define CERTS_PAUSE	60000	/* ms between two looks at the certificates */

struct stamp {			/* all zero: no such file */
	dev_t		 dev;
	ino_t		 ino;
	off_t		 size;
	struct timespec	 mtime, ctime;
};

static struct watched {
	const char	*path;
	struct stamp	 stamp;
} files[] = {
	{ "/etc/resolv.conf", { 0 } },
	{ "/etc/hosts", { 0 } }
};

static int64_t	 dialer_started;	/* monotonic ms */

static void	 refresh_dialer(void);
static void	 refresh_certs(void);
static void	 stamp_take(const char *, struct stamp *);

/* A dialer is about to be started: what it reads of its files is new. */
void
refresh_dialer_starts(void)
{
	size_t	 i;

	dialer_started = clock_msec();
	for (i = 0; i < nitems(files); i++)
		stamp_take(files[i].path, &files[i].stamp);
}

/*
 * A connection is about to be made: children whose files have changed are replaced by fresh ones, and finish what they have
 * begun. child_current() may be NULL afterwards.  tls_failed: the last attempt failed because of a certificate, so that
 * certificates are looked at now.
 */
void
refresh_children(int tls_failed)
{
	static int64_t	 certs_looked;
	int64_t		 now = clock_msec();

	if (turn_stopping)
		return;
	if (now - dialer_started >= DIALER_PAUSE && child_of[ROLE_DIALER] != NULL && child_of[ROLE_DIALER]->ready)
		refresh_dialer();
	if (tls_failed || now - certs_looked >= CERTS_PAUSE) {
		certs_looked = now;
		refresh_certs();
	}
}

static void
refresh_dialer(void)
{
	struct stamp	 stamp;
	size_t		 i;

	for (i = 0; i < nitems(files); i++) {
		stamp_take(files[i].path, &stamp);
		if (memcmp(&stamp, &files[i].stamp, sizeof(stamp)) == 0)
			continue;
		log_info("%s has changed: a fresh dialer reads it", files[i].path);
		child_retire(ROLE_DIALER);	/* which takes the stamps of all of them */
		return;
	}
}

/* Long-lived processes keep what they have read of a certificate, so each of them is replaced. */
static void
refresh_certs(void)
{
	static char	 complaint[PROTO_TEXT_SIZE];
	char		 err[PROTO_TEXT_SIZE] = "";
	int		 n;

	if ((n = jail_refresh(&options, config_running, err, sizeof(err))) > 0) {
		log_info("ca_dir %s has changed: %d copies of certificates made or removed", config_running->settings.ca_dir, n);
		child_retire(ROLE_TEMPLATE);
		child_retire(ROLE_OAUTH);
		child_retire(ROLE_SENDER);
	}
	if (n == -1 && strcmp(err, complaint) != 0)
		log_warnx("trusted certificates stay as they were read last: %s", err);
	strlcpy(complaint, err, sizeof(complaint));
}

/* The stamp of the file that path leads to, over symbolic links; all zero: there is none. */
static void
stamp_take(const char *path, struct stamp *stamp)
{
	struct stat	 st;

	memset(stamp, 0, sizeof(*stamp));
	if (stat(path, &st) == -1)
		return;
	stamp->dev = st.st_dev;
	stamp->ino = st.st_ino;
	stamp->size = st.st_size;
	stamp->mtime = st.st_mtim;
	stamp->ctime = st.st_ctim;
}
