/* SPDX-License-Identifier: ISC */
/*
 * Recipients that are handed on to a next hop, and the quarantine.
 *
 *	state/relay.c	their rows in state.db
 *	state/hop.c	next hops, as long as something waits for them
 *	state/body.c	rows whose file is missing, and those that are on their way
 *	relay.c		which row is due, connections per next hop, pauses
 *	relay/job.c	one connection: dial, messages, results
 *	relay/login.c	what it begins with
 *	relay/result.c	what a result means for its row, and the commit of it
 *	relay/body.c	files that are missing: wanted again, found, or lost
 *	relay/writable.c	whether results could be written down
 *	relay/dsn.c	what is said of failures
 *	quarantine_note.c	what is said of the quarantine
 *	relay/link.c	the channel of a sender process
 */
#ifndef RELAY_H
#define RELAY_H

#include <sys/queue.h>
#include <sys/tree.h>

#include <event.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ipc/proto_sender.h"
#include "common/ipc/rules.h"
#include "rpopd/config/config.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"

struct child;
struct spool_answer;
struct spool_ask;
struct ctl_daemon;
struct ctl_move;
struct ctl_quarantine;
struct imsg;
struct msg_dsn_made;
struct msg_spool_opened;
struct worker;

/* New rows of one message, quarantined and failed ones too, that are durable; the deliverer has been told of them. */
void	 relay_committed(const struct relay_row *, size_t);
void	 relay_attached(const struct receipt *);	/* likewise: rows that were wanted have links of it */

/* --- relay.c --- */

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
	TAILQ_ENTRY(relay_mail)	 fresh;		/* commit.c awaits the result of the first attempt */
	struct heap_item	 item;		/* in its hop's heap, by the first due of its items, unless busy */
	TAILQ_HEAD(, relay_item) items;
	struct relay_hop	*hop;
	int64_t			 mailbox;
	enum notify		 notify;
	int			 null_sender, busy, is_fresh;
	char			 stem[PROTO_LINK_SIZE];	/* of the links: all but the recipient's number */
};

struct relay_hop {			/* a next hop, whether the store knows it or not; 0: none */
	RB_ENTRY(relay_hop)	 entry;
	uint32_t		 id;
	struct heap		 waiting;
	uint32_t		 mails;		/* waiting and busy */
	uint32_t		 jobs;		/* connections */
	uint32_t		 failures;	/* of connections, in a row */
	uint32_t		 quarantined;	/* rows */
	int64_t			 until;		/* monotonic ms; a pause */
	char			 text[PROTO_TEXT_SIZE];	/* why */
};

/*
 * At the start; state.db is open.  tried(id) is called when a row has had its first result and that is durable, or when none is to be
 * expected soon, since its next hop is in a pause.  It is called for rows that nobody waits for, too, and more than once.
 */
void	 relay_start(void (*tried)(int64_t id));
void	 relay_tried(int64_t id);
void	 relay_reload(void);			/* pauses end */
uint32_t relay_retry(uint32_t hop, int64_t id);
void	 relay_run(void);			/* in each round: start what is due */
int	 relay_full(void);			/* 1: no new polls (P29); until there is room again */
int	 relay_idle(void);			/* 1: no connection, no result in the air, nothing that could be tried now */
void	 relay_sums(struct ctl_daemon *);	/* what waits, what is in quarantine, what is to be reported */
int	 relay_busy(void);			/* 1: connections, or results that are not committed */
/* The first due mail of a hop, its due rows in ids (at most RELAY_RCPTS); NULL: none.  It is busy until relay_back(). */
struct relay_mail *relay_take(struct relay_hop *, int64_t *ids, size_t *n);
void	 relay_back(struct relay_mail *);	/* freed if no row is left */
struct relay_item *relay_waiting(int64_t id);	/* NULL: no such row waits */
void	 relay_forget(struct relay_item *);	/* its row is gone or waits no longer; its mail is not freed while busy */
void	 relay_add(const struct relay_row *);	/* a row as it is now */
struct relay_hop *relay_hop(uint32_t id);
void	 relay_stem(const char *link, char *stem, size_t);	/* what all links of a message have in common */
void	 relay_hop_failed(struct relay_hop *, const char *text);	/* no connection: a pause */
void	 relay_hop_works(struct relay_hop *);
const char *relay_hop_name(uint32_t id, char *buf, size_t size);

/* --- relay/job.c --- */

/* A connection for what is due; 0, or -1: not now. */
int	 job_start(struct relay_hop *, const struct nexthop_row *);
int	 job_sent_rcpt(const struct worker *, const struct msg_sent_rcpt *);	/* 0, or -1: a lie */
int	 job_sent_mail(const struct worker *, const struct msg_sent_mail *);
int	 job_sent_end(const struct worker *, const struct msg_sent_end *);
void	 job_template_died(struct child *);
void	 job_stop(void);			/* the daemon ends: no more mail */
uint32_t job_count(void);

/* --- relay/login.c --- */

int	 login_socket(const char *path, char *err, size_t errsize);	/* connected, non-blocking; -1 with a sentence */
/* fd is consumed; 0, or -1 with a sentence. */
int	 login_send(struct worker *sender, int fd, const struct nexthop_row *, char *err, size_t errsize);

/* --- relay/result.c --- */
/* A status as people know it: the next hop's reply in its own order, "451 4.2.0 later".  Returns dst. */
char	*relay_status(const char *, char *dst, size_t);

struct relay_fate {			/* of one row */
	int64_t		 id;
	enum send_result result;
	char		 status[PROTO_TEXT_SIZE];	/* "5.1.1 550 no such user" */
};

void	 result_settle(struct relay_mail *, const struct relay_fate *, size_t);	/* gives the mail back when committed */
void	 result_retry(void *);	/* its timer */
int	 result_blocked(void);			/* 1: the store does not take them */
void	 result_stop(void);			/* the daemon ends: what can be written is, soon */
void	 result_doubts(void);			/* it does: what could not be is told */
void	 result_expire(struct relay_hop *);	/* rows past the age limit of a hop that cannot be tried fail */

/* --- relay/body.c --- */

int	 body_missing(int64_t id);		/* the file of a row is gone: it waits no longer, it is wanted; 0, or -1: later */
void	 body_check(const struct relay_row *);	/* of one read at the start */
void	 body_checked(void);			/* the last one */
void	 body_place(int64_t id);		/* the file of a Maildir's row is here: it is moved there soon */
void	 body_sweep(void);			/* soon: look for rows that nobody can bring any more */
void	 body_run(void);
int	 body_busy(void);

/* --- relay/move.c --- */

int	 move_retry(const char *, char *text, size_t size);
int	 move_all(const struct ctl_move *, char *text, size_t);	/* to another next hop; 0/-1, and what to say about it */
void	 move_tell(void);			/* what waits for next hops that are gone */

/* --- relay/writable.c --- */

int	 proof_ready(void);			/* 1: a write of this life has succeeded, and none failed since: hand on */
void	 proof_lost(void);			/* a write has failed */
int	 proof_failed(void);			/* 1: there was none when it was tried last */

/* --- quarantine.c --- */

int	 quarantine_act(const struct ctl_quarantine *, char *text, size_t);	/* RELEASE, DROP; 0/-1, and what to say about it */
struct spool_ask *quarantine_file(const struct ctl_quarantine *, void (*done)(void *, const struct spool_answer *), void *arg,
	    char *text, size_t size);

/* --- quarantine_note.c --- */

void	 quarantine_grew(void);			/* the postmaster is told, or the owners, once a day */
int	 quarantine_note_due(void);

/* --- relay/dsn.c --- */

void	 dsn_due(int64_t id, const char *link);	/* a row that failed */
void	 dsn_look(const char *stem);		/* something became of another recipient of this message */
int	 dsn_made(const struct msg_dsn_made *);	/* 0, or -1: none was asked for */
void	 dsn_died(struct child *);		/* the deliverer has */
void	 dsn_run(void);
int	 dsn_busy(void);
uint32_t dsn_count(void);			/* rows whose failure is to be reported */

extern const struct rule	 sender_rules[];	/* link.c */
extern const size_t	 sender_nrules;

#endif
