/* SPDX-License-Identifier: ISC */
/* What the files of this room share. */
#ifndef CONTROL_INT_H
#define CONTROL_INT_H

#include <sys/types.h>
#include <sys/queue.h>

#include <stdint.h>

#include "common/ipc/link.h"
#include "common/ipc/proto.h"
#include "common/ipc/proto_ctl.h"
#include "common/ipc/rules.h"
#include "common/timer.h"
#include "control.h"

struct imsg;
struct mailbox_counts;

/* --- client.c --- */

struct client {
	LIST_ENTRY(client)	 entry;
	struct link		 link;
	int			 root;
	int			 gone;		/* its channel is closed; it is freed from the event loop */
	int			 busy;		/* an answer in parts is under way */
	void			(*left)(struct client *);	/* who is to know if it leaves meanwhile; NULL: nobody */
	struct timer		 clock;
	uint32_t		 requests, queued;	/* when the clock was looked at last */
	uint32_t		 asked;		/* requests so far */
	struct {			/* a listing of records, if one is under way: status.c */
		size_t		 next;
		struct ctl_name	 name;		/* empty: every record */
		struct timer	 go_on;		/* the next portion, if the channel does not ask for it */
	}			 listing;
};

void	 client_new(int fd, int root, const struct rule *, size_t nrules);
int	 client_allowed(struct client *, struct imsg *, int root);
void	 client_send(struct client *, uint32_t type, const void *, size_t);
void	 client_reply(struct client *, int ok, const char *text);
void	 client_busy(struct client *, void (*drained)(void *), void (*left)(struct client *));
void	 client_done(struct client *);
void	 client_line(struct client *, const char *);
void	 client_end(struct client *, const char *failure);

/* --- wait.c --- */

/* Begin what the client asks for; 0: it has begun; with a sentence 1: not yet, -1: never. */
typedef int (*wait_begin)(struct client *, const char *name, char *err, size_t errsize);
typedef void (*wait_refuse)(struct client *, const char *);

void	 wait_for(struct client *, const char *name, wait_begin, wait_refuse);

/* --- control.c --- */

int	 control_name(struct imsg *, struct ctl_name *);

/* --- each file's rules: what clients may ask, and the handlers of that, which have a struct client * as their argument --- */

extern const struct rule	 status_rules[];
extern const size_t		 status_nrules;
extern const struct rule	 try_rules[];
extern const size_t		 try_nrules;
extern const struct rule	 queue_rules[];
extern const size_t		 queue_nrules;
extern const struct rule	 ask_rules[];
extern const size_t		 ask_nrules;
extern const struct rule	 forget_rules[];
extern const size_t		 forget_nrules;
extern const struct rule	 explain_rules[];
extern const size_t		 explain_nrules;

/* --- ask.c --- */

void	 ask_start(void);

/* --- counts.c --- */

int	 counts_get(struct task *, struct mailbox_counts *);

#endif
