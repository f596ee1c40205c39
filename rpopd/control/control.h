/* SPDX-License-Identifier: ISC */
/* The control socket, and what is answered there. */
#ifndef CONTROL_H
#define CONTROL_H

#include <stddef.h>

struct child;
struct task;

/* --- control.c --- */

struct control_calls {			/* what clients ask of the daemon as a whole */
	int	(*reload)(char *err, size_t errsize);	/* 0, or -1 and a sentence */
	void	(*stop)(void);
};

int	 control_listen(const char *rundir, const struct control_calls *, char *err, size_t errsize);
void	 control_close(void);

/* --- ask.c --- */

void	 ask_died(struct child *);

/* --- web.c --- */

/*
 * A client of the web page on the connected socket fd, which is consumed: an account that has logged in there.  change: it may change
 * something; else it may look only.  There may be too many: then the socket is closed.
 */
void	 control_web(int fd, const char *account, int change);

/* --- counts.c --- */

void	 counts_forget(struct task *);

#endif
