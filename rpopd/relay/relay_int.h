/* SPDX-License-Identifier: ISC */
/* What the files of this room share. */
#ifndef RELAY_INT_H
#define RELAY_INT_H

#include <sys/queue.h>
#include <sys/tree.h>

#include "common/ipc/proto_deliverer.h"
#include "common/ipc/proto_sender.h"
#include "common/ipc/rules.h"
#include "rpopd/config/config.h"
#include "rpopd/sched/sched.h"
#include "relay.h"

struct worker;

/* --- queue.c --- */

#define RELAY_RCPTS	100	/* of one transaction: what every server takes (RFC 5321 section 4.5.3.1.8) */

struct relay_item {			/* a waiting row */
	RB_ENTRY(relay_item)	 entry;		/* by id */
	TAILQ_ENTRY(relay_item)	 next;		/* of its mail */
	struct relay_mail	*mail;
	int64_t			 id, arrived;	/* epoch */
	int64_t			 due;		/* monotonic ms */
	uint32_t		 tries;
	char			*link;
};

/* Rows of one message for one next hop with the same wish for reports: their links have the same content. */
struct relay_mail {
	RB_ENTRY(relay_mail)	 entry;
	TAILQ_ENTRY(relay_mail)	 fresh;		/* in the list of those whose first result is awaited */
	struct heap_item	 item;		/* in the heap of its next hop, by the first due of its items, unless busy */
	TAILQ_HEAD(, relay_item) items;
	struct relay_hop	*hop;
	int64_t			 mailbox;
	enum notify		 notify;
	int			 null_sender;
	int			 busy;		/* a connection has it, or results of it are not committed */
	int			 is_fresh;	/* somebody awaits the result of its first attempt */
	char			 stem[PROTO_LINK_SIZE];	/* of the links: all but the recipient's number */
};

struct relay_hop {			/* a next hop, whether the store knows it or not; 0: none */
	RB_ENTRY(relay_hop)	 entry;
	uint32_t		 id;
	struct heap		 waiting;	/* mails that are not busy */
	uint32_t		 mails;		/* waiting and busy */
	uint32_t		 jobs;		/* connections */
	uint32_t		 failures;	/* of connections, in a row */
	uint32_t		 quarantined;	/* rows */
	int64_t			 until;		/* monotonic ms; a pause */
	char			 text[PROTO_TEXT_SIZE];	/* why there is one */
};

void	 queue_start(void (*tried)(int64_t id));
void	 queue_tried(int64_t id);
void	 queue_add(const struct relay_row *);
void	 queue_stem(const char *link, char *stem, size_t);
struct relay_item *queue_waiting(int64_t id);
void	 queue_forget(struct relay_item *);
int	 queue_due(const struct relay_hop *, int64_t now);
struct relay_mail *queue_take(struct relay_hop *, int64_t *ids, size_t *n);
void	 queue_back(struct relay_mail *);
struct relay_hop *queue_hop(uint32_t id);
struct relay_hop *queue_next_hop(struct relay_hop *);
uint32_t queue_retry(uint32_t hop, int64_t id);
uint32_t queue_count(void);
void	 queue_fresh(int64_t id);
void	 queue_tell(int64_t now);
int64_t	 queue_next_due(int64_t now);

/* --- hop.c --- */

void	 hop_failed(struct relay_hop *, const char *text);
void	 hop_works(struct relay_hop *);

/* --- job.c --- */

extern const struct rule	 sent_rules[];	/* sent.c: what a sender process may say */
extern const size_t		 sent_nrules;
int	 job_start(struct relay_hop *, const struct nexthop_row *);
int	 job_sent_rcpt(const struct worker *, const struct msg_sent_rcpt *);
int	 job_sent_mail(const struct worker *, const struct msg_sent_mail *);
int	 job_sent_end(const struct worker *, const struct msg_sent_end *);
void	 job_stop(void);
uint32_t job_count(void);

/* --- login.c --- */

int	 login_socket(const char *path, char *err, size_t errsize);
int	 login_send(struct worker *sender, int fd, const struct nexthop_row *, char *err, size_t errsize);

/* --- result.c --- */

struct relay_fate {			/* of one row */
	int64_t		 id;
	enum send_result result;
	char		 status[PROTO_TEXT_SIZE];	/* "5.1.1 550 no such user" */
};

void	 result_settle(struct relay_mail *, const struct relay_fate *, size_t);
void	 result_retry(void *);
int	 result_blocked(void);
void	 result_stop(void);
void	 result_expire(struct relay_hop *);

/* --- body.c --- */

int	 body_missing(int64_t id);
void	 body_check(const struct relay_row *);
void	 body_checked(void);
void	 body_place(int64_t id);
void	 body_run(void);
int	 body_busy(void);

/* --- writable.c --- */

int	 writable_ready(void);
void	 writable_lost(void);

/* --- dsn.c --- */

void	 dsn_due(int64_t id, const char *link);
void	 dsn_look(const char *stem);
int	 dsn_made(const struct msg_dsn_made *);
void	 dsn_run(void);
int	 dsn_busy(void);
uint32_t dsn_count(void);

/* --- move.c --- */

void	 move_tell(void);

/* --- quarantine_note.c --- */

void	 quarantine_grew(void);

#endif
