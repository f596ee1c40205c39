/* SPDX-License-Identifier: ISC */
/* mailroot.c: does the mail root belong to state.db, and is it still there? */
#ifndef MAILROOT_H
#define MAILROOT_H

#include <stddef.h>

#include "common/rootfile.h"
#include "rpopd/config/config.h"

struct root_found {			/* at the mail root's path */
	int		 there;		/* a directory */
	int		 spool;		/* it has one */
	int		 file;		/* it has a good .rpopd: */
	struct rootfile	 has;
	int		 used;		/* a daemon holds the lock, so that its counters are on their way */
};
#define ROOT_JOIN	1		/* mailroot_judge(): they belong together from now on */

struct child;
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
