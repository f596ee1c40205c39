/* SPDX-License-Identifier: ISC */
/* The control socket, and what is answered there. */
#ifndef CONTROL_H
#define CONTROL_H

#include <sys/types.h>

#include <stdint.h>

#include "common/ipc/link.h"
#include "common/ipc/proto.h"
#include "common/ipc/rules.h"

struct child;
struct client;
struct ctl_explain;
struct ctl_tried;
struct imsg;
struct link;
struct mailbox_counts;
struct msg_route_told;
struct msg_set_aside_done;
struct msg_spool_opened;
struct task;

/* control.c */
struct control_calls {			/* what clients ask of the daemon as a whole */
	int	(*reload)(char *err, size_t errsize);	/* 0, or -1 and a sentence */
	void	(*stop)(void);
};

int	 control_listen(const char *rundir, const struct control_calls *, char *err, size_t errsize);
void	 control_close(void);
/* For control/queue.c: the client of a handler. */
int	 control_allowed(void *client, struct imsg *, int root);	/* 0: the reply is out */
void	 control_reply(void *client, int ok, const char *text);
struct link *control_link(void *client);
void	 control_busy(void *client, void (*drained)(void *));	/* an answer in parts has begun, or (NULL) it is complete */

/* control/queue.c */
int	 control_queue(void *, struct imsg *);
int	 control_move(void *, struct imsg *);
int	 control_retry(void *, struct imsg *);
int	 control_quarantine(void *, struct imsg *);
void	 control_queue_gone(void *client);
/* control/lines.c */
int	 control_explain(void *, struct imsg *);
int	 control_route(void *, struct imsg *);
void	 control_line(struct client *, const char *);
void	 control_lines_end(struct client *, const char *failure);	/* NULL: it is complete */

/* explain.c: 0, the lines are out; or -1 with a sentence */
int	 explain(struct client *, const struct ctl_explain *, char *err, size_t errsize);

/* ask.c */
int	 ask_route(struct client *, const char *address, char *err, size_t errsize);
void	 ask_start(void);
void	 ask_abandon(const struct client *);
void	 ask_died(struct child *);

/* control/forget.c */
int	 control_forget(void *, struct imsg *);
int	 forget_record(const char *name, char *text, size_t size);

/* control/wait.c: 0: begun, 1: not yet, -1: never; with a sentence, which refuse gets in the end */
typedef int (*control_begin)(struct client *, const char *, char *err, size_t errsize);
typedef void (*control_refuse)(struct client *, const char *);
void	 control_wait(struct client *, const char *name, control_begin, control_refuse);
void	 control_wait_gone(const struct client *);

/* control/counts.c */
int	 counts_get(struct task *, struct mailbox_counts *);
void	 counts_forget(struct task *);

/* control/try.c */
int	 control_try(void *, struct imsg *);
void	 control_tried(struct client *, const struct ctl_tried *);
void	 control_tried_end(struct client *, int ok, const char *);

#endif
