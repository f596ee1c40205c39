/* SPDX-License-Identifier: ISC */
/* What the deliverer keeps for the master: the mail root and room on it, the spool, and mail that the daemon writes itself. */
#ifndef DELIVERY_H
#define DELIVERY_H

#include <sys/types.h>
#include <sys/statvfs.h>

#include <stddef.h>
#include <stdint.h>

#include "common/rootfile.h"
#include "common/ipc/proto_deliverer.h"
#include "rpopd/state/state.h"

struct child;

/*
 * spool.c: what the deliverer is told about links.  While it is dead nothing need be said: at its start it is told all rows, and
 * removes every other link.
 */
void	 spool_remove(const char *link);		/* its row is gone */
void	 spool_move(int64_t pending, const char *link, const char *dest);	/* its row is in table pending by now */
int	 spool_open(uint32_t id, const char *link);	/* relay_opened() follows, unless the deliverer dies; 0, -1: it is dead */
void	 spool_reset(void);				/* the deliverer died */
int	 spool_has(const char *link);			/* 1: a file with something in it is there, 0: it is not, -1: who knows */
void	 spool_later(int64_t pending, const char *link);	/* the deliverer will say SPOOL_MOVED */
int	 spool_moved(const struct msg_link *);		/* link_deliverer.c; 0, or -1: nothing was to be moved */

/* notice.c */
void	 notice_send(uint32_t account, const char *record, const char *subject, const char *fmt, ...)
	    __attribute__((__format__(printf, 4, 5)));
#define NOTICE_HELD	"the quarantine"
/* About deliveries in quarantine, held of them new; whether it is time for that is the caller's business. */
void	 notice_held(uint32_t account, int64_t held, const char *subject, const char *fmt, ...)
	    __attribute__((__format__(printf, 4, 5)));
int	 notice_made(const struct msg_notice_made *);	/* link_deliverer.c; 0, or -1: a lie */
int	 notice_link_sane(const char *);
void	 notice_ready(void);			/* a deliverer is there */
void	 notice_reset(void);			/* it died */
int	 notice_busy(void);

/* place.c: directories that mail waits for, and files set aside in the spool */
void	 place_told(const struct msg_maildir_blocked *);
void	 place_reset(void);			/* a new deliverer: it says again what is wrong */
uint32_t place_waiting(char *first, size_t size);	/* how many, and a sentence about the first */
void	 aside_told(const struct msg_set_aside_file *);
void	 aside_recovered(void);			/* the postmaster hears of what is new */
uint32_t aside_count(void);
struct aside_file { int64_t since; char name[PROTO_LINK_SIZE]; };
const struct aside_file *aside_nth(size_t);	/* NULL: there are no more */
int	 aside_known(const char *name);
void	 aside_gone(const char *name);

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

/* --- space.c: is there room for what a session brings? --- */

int	 space_missing(const struct statvfs *, uint32_t min_free, int was, char *text, size_t size);
int	 space_enough(void);
const char *space_trouble(void);	/* "": there is room */

#endif
