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
#include "rpopd/edit/edit.h"
#include "control.h"

struct imsg;
struct mailbox_counts;
struct password;

/* --- client.c --- */

struct client {
	LIST_ENTRY(client)	 entry;
	struct link		 link;
	int			 gone;		/* its channel is closed; it is freed from the event loop */
	int			 busy;		/* an answer in parts is under way */
	void			(*left)(struct client *);	/* who is to know if it leaves meanwhile; NULL: nobody */
	struct timer		 clock;
	uint32_t		 requests, queued;	/* when the clock was looked at last */
	uint32_t		 asked;		/* requests so far */
	struct who		 who;
	struct batch		 batch;		/* changes of rpopd.db so far: edit.c */
	struct password		*password;	/* a request about one that is under way: password.c; NULL: none is */
	struct {			/* a listing of rows of rpopd.db, if one is under way: edit.c */
		char		 table[CTL_TABLE_SIZE];
		uint8_t		*octets;	/* the cells that rows must have */
		size_t		 len;
		struct rows_place	 place;
	}			 rows;
	struct {			/* a listing of alerts, if one is under way: alert.c */
		struct ctl_name	 only;		/* empty: of every account */
		char		 account[PROTO_ADDR_SIZE], looked[PROTO_ADDR_SIZE];	/* of the last one; whose are his to see or not */
		int64_t		 id;		/* of the last one */
		int		 sees;
		uint32_t	 told;		/* in this portion */
	}			 alerts;
	struct {			/* a listing of records, if one is under way: status.c */
		size_t		 next;
		struct ctl_name	 name;		/* empty: every record */
		int		 work;		/* 1: those with work, and nothing of them that takes a look at state.db */
		struct timer	 go_on;		/* the next portion, if the channel does not ask for it; of alerts, too */
	}			 listing;
};

void	 client_new(int fd, const struct who *, const struct rule *, size_t nrules);
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

#define WAIT_SESSION	60000	/* ms: for a session to end, or a process to be there */
#define WAIT_STORE	5000	/* ms: for somebody's transaction in rpopd.db to end */
void	 wait_for(struct client *, const char *name, int64_t patience, wait_begin, wait_refuse);

/* --- user.c --- */

void	 user_accept(int fd, short event, void *);

/* --- control.c --- */

const struct rule	*control_rule(uint32_t type);	/* of the control socket */

/* --- name.c --- */

int	 control_name(struct client *, struct imsg *, struct ctl_name *);
int	 user_change(struct client *, char *err, size_t errsize);
int	 user_soon(struct client *, const char *name);

/* --- what may be asked at both sockets --- */

int	 status_account(void *, struct imsg *);
int	 control_poll(void *, struct imsg *);
int	 try_request(void *, struct imsg *);
int	 edit_rows_request(void *, struct imsg *);
int	 edit_change_request(void *, struct imsg *);
int	 alert_request(void *, struct imsg *);
int	 alert_list(void *, struct imsg *);

/* --- each file's rules: what clients may ask, and the handlers of that, which have a struct client * as their argument --- */

extern const struct rule	 status_rules[];
extern const size_t		 status_nrules;
extern const struct rule	 password_rules[];
extern const size_t		 password_nrules;
extern const struct rule	 try_rules[];
extern const size_t		 try_nrules;
extern const struct rule	 queue_rules[];
extern const size_t		 queue_nrules;
extern const struct rule	 ask_rules[];
extern const size_t		 ask_nrules;
extern const struct rule	 login_rules[];
extern const size_t		 login_nrules;
extern const struct rule	 forget_rules[];
extern const size_t		 forget_nrules;
extern const struct rule	 edit_rules[];
extern const size_t		 edit_nrules;
extern const struct rule	 explain_rules[];
extern const size_t		 explain_nrules;
extern const struct rule	 secret_rules[];
extern const size_t		 secret_nrules;
extern const struct rule	 find_rules[];
extern const size_t		 find_nrules;
extern const struct rule	 seen_rules[];
extern const size_t		 seen_nrules;
extern const struct rule	 alert_rules[];
extern const size_t		 alert_nrules;
extern const struct rule	 who_rules[];
extern const size_t		 who_nrules;

/* --- ask.c --- */

void	 ask_start(void);

/* --- edit.c --- */

void	 edit_left(struct client *);	/* it is freed */

/* --- password.c --- */

int	 password_request(void *, struct imsg *);
void	 password_left(struct client *);

/* --- counts.c --- */

int	 counts_get(struct task *, struct mailbox_counts *);

#endif
