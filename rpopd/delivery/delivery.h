/* SPDX-License-Identifier: ISC */
/* What the deliverer keeps for the master: the mail root and room on it, the spool, and mail that the daemon writes itself. */
#ifndef DELIVERY_H
#define DELIVERY_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "common/rootfile.h"
#include "common/ipc/proto.h"
#include "rpopd/state/state.h"

struct child;
struct ctl_daemon;

/* --- delivery.c --- */

/* What this room tells the rooms above it, from the event loop. */
struct delivery_calls {
	void	(*moved)(int64_t pending);	/* the link of this pending row is in its Maildir, durably */
	void	(*queued)(const struct relay_row *);	/* a notice has become a row of table relay, and that is committed */
};

void	 delivery_start(const struct delivery_calls *);
void	 delivery_sums(struct ctl_daemon *);

/* --- spool.c --- */

struct spool_answer {
	int		 opened;	/* 1: the file was to be opened; 0: something was to be done to it */
	int		 fd;		/* open for reading, the asker's now; -1: not opened */
	uint64_t	 octets;	/* from fd's offset on */
	int		 error;		/* errno of the deliverer; 0: done */
	int		 died;		/* 1: the deliverer has died */
};

void	 spool_remove(const char *link);
void	 spool_move(int64_t pending, const char *link, const char *dest);
void	 spool_later(int64_t pending, const char *link);
int	 spool_has(const char *link);
struct spool_ask *spool_open(const char *link, void (*done)(void *, const struct spool_answer *), void *arg);
struct spool_ask *spool_set_aside(const char *file, uint32_t act, const char *dest,
	    void (*done)(void *, const struct spool_answer *), void *arg);
void	 spool_cancel(struct spool_ask *);
void	 spool_died(struct child *);

/* --- notice.c --- */

#define NOTICE_HELD	"the quarantine"	/* what notices of notice_held() are about */

void	 notice_send(uint32_t account, const char *record, const char *subject, const char *fmt, ...)
	    __attribute__((__format__(printf, 4, 5)));
void	 notice_held(uint32_t account, int64_t held, const char *subject, const char *fmt, ...)
	    __attribute__((__format__(printf, 4, 5)));
int	 notice_link_sane(const char *);
void	 notice_run(void);
void	 notice_died(struct child *);
int	 notice_busy(void);

/* --- place.c --- */

void	 place_reset(void);

/* --- set_aside.c --- */

struct set_aside { int64_t since; char name[PROTO_LINK_SIZE]; };	/* a file; since: epoch, it was written */

void	 set_aside_reset(void);
void	 set_aside_ready(struct child *);
const struct set_aside *set_aside_nth(size_t);
int	 set_aside_known(const char *name);

/* --- mailroot.c: does the mail root belong to state.db, and is it still there? --- */

struct root_found {			/* at the mail root's path */
	int		 there;		/* a directory */
	int		 spool;		/* it has one */
	int		 file;		/* it has a good .rpopd: */
	struct rootfile	 has;
	int		 used;		/* a daemon holds the lock, so that its counters are on their way */
};
#define ROOT_JOIN	1		/* mailroot_judge(): they belong together from now on */

int	 mailroot_judge(const struct root_state *, const struct root_found *, const char *path, char *err, size_t errsize);
int	 mailroot_sound(const char *path, const char *state, char *err, size_t errsize);
int	 mailroot_open(const char *path, char *err, size_t errsize);
int	 mailroot_declare(const char *path, char *err, size_t errsize);
void	 mailroot_greet(struct child *);
void	 mailroot_started(void);
void	 mailroot_tell(void);
int	 mailroot_right(void);
const char *mailroot_trouble(void);	/* "": none */

#endif
