/* SPDX-License-Identifier: ISC */
/* Sessions, from the dial to the last receipt; what a session is stands in poll/plan/session.h. */
#ifndef POLL_H
#define POLL_H

#include <sys/types.h>

#include <stdint.h>

#include "common/ipc/rules.h"
#include "common/mail/envfield.h"
#include "rpopd/child/child.h"
#include "rpopd/poll/plan/plan.h"
#include "rpopd/poll/plan/session.h"
#include "rpopd/sched/sched.h"

struct child;
struct client;
struct ctl_record;
struct ctl_envelope;
struct ctl_tried;
struct msg_receipt;
struct msg_receipt_refused;
struct origin;
struct routing;
struct receipt;
struct msg_receipt_batch;
struct msg_replay_result;
struct msg_session_tried;
struct task;
struct trial;

/* session.c */
extern uint32_t		 session_count;

/* session.c */
extern const struct sched_calls	 session_calls;	/* what the schedule asks of sessions */
int	 session_try(struct task *, struct trial *);
void	 session_dialed(void *, const struct dialed *);	/* of dial_start() */
void	 session_run(void);			/* in each round: look after all of them */
void	 session_fail(struct session *, enum fetch_stage, enum fail_why, const char *);	/* first one counts */
void	 session_no_token(struct run *, enum fail_why, const char *);	/* of token_init() */
void	 session_kill(struct session *);
void	 session_stop(struct session *);
void	 session_exited(struct session *);	/* template: the process is gone */
void	 session_confirm(struct session *, int quit_ok);
void	 session_closed(struct session *);	/* deliverer: every receipt is out */
void	 session_verdict(struct session *, uint32_t msgno, enum verdict);
void	 session_flush(struct session *);
void	 session_refused(struct session *, enum fail_why, const char *);
void	 session_state(struct session *, enum session_state);
struct session *session_by_id(uint32_t);
void	 session_work(struct session *);	/* what is left over is done in slices from the event loop */
void	 session_worked(struct session *);	/* nothing is */
void	 session_deliverer_died(struct child *);
void	 session_template_died(struct child *);
void	 session_log_level(enum log_level);	/* the master, its children and their sessions log from now on */
void	 session_close_orphans(void);

/* fetch.c */
void	 fetch_slice(struct session *);

/* try.c: a session that looks, and changes nothing */
struct try_calls {
	void	(*told)(struct client *, const struct ctl_tried *);	/* of one message */
	void	(*envelope)(struct client *, const struct ctl_envelope *);	/* ahead of the end, if all went well */
	void	(*ended)(struct client *, int ok, const char *text);
};
int	 try_start(const struct try_calls *, struct client *, const char *name, char *err, size_t errsize);
void	 try_abandon(struct client *);
enum plan_result try_plan(struct session *, enum listing);
void	 try_login(struct session *, const struct msg_fetch_stat *);
int	 try_told(struct session *, const struct msg_session_tried *);
void	 try_skipped(struct session *, uint32_t msgno, const char *text);
void	 try_end(struct session *);

/* envelope.c: which fields with envelope recipients the messages of a trial have */
struct envelope_counts {
	uint32_t	 looked;		/* messages in which a special field was looked for */
	uint32_t	 had, counted;		/* of these, messages that had one; of which an address counted */
	uint32_t	 likely[ENVFIELD_MAX];	/* of these, messages that had another one */
	char		 special[PROTO_SPECIAL_SIZE];	/* as the record has it */
};
int	 envelope_count(struct envelope_counts *, const struct msg_session_tried *);
void	 envelope_tell(const struct envelope_counts *, const struct try_calls *, struct client *);

/* progress.c */
void	 progress_begin(struct progress *, int64_t now, uint32_t messages, uint64_t octets);
void	 progress_add(struct progress *, int64_t now, uint64_t octets);
uint32_t progress_left(const struct progress *, int64_t now);
void	 progress_planned(struct session *);
void	 progress_answered(struct session *, const struct message *);
void	 progress_tell(struct run *, struct ctl_record *);

/* open.c */
void	 open_dial(struct session *);
void	 open_deliverer(struct session *, int fd);
void	 open_parameters(struct session *);

/* outcome.c */
void	 outcome_login(struct session *, const struct msg_fetch_stat *);	/* logged in */
void	 outcome_derived(struct session *, uint32_t);	/* listed, with so many unique-ids that are none */
void	 outcome_poll(struct session *);	/* log line, record state, next poll */

/* commit.c */
int	 commit_receipt(const struct msg_receipt *);
int	 commit_note(const struct msg_receipt_note *);
int	 commit_rcpt(const struct msg_rcpt *);
int	 commit_batch(const struct msg_receipt_batch *);
int	 commit_settled(uint32_t batch);
void	 commit_moved(int64_t pending);
void	 commit_died(struct child *);		/* the deliverer has */
int	 commit_blocked(void);			/* 1: the store does not take commits */
uint32_t commit_pending(void);

/* handled.c */
void	 handled_log(const char *label, const struct receipt *);	/* NULL: it is not known any more who brought it */

/* submit.c: what clients of popd send */
struct pop_send;
struct submission;
struct submission *submit_begin(const struct pop_send *, int *fd, char *text, size_t size);
void	 submit_leave(struct submission *);
void	 submit_died(struct child *);		/* the deliverer has */
struct submission *submit_by_id(uint32_t session);
const struct origin *submit_origin(const struct submission *, struct routing **);
const char *submit_label(const struct submission *);
int	 submit_receipt(struct submission *, const struct msg_receipt *, struct receipt *);	/* 0, or -1: none is due */
void	 submit_committed(struct submission *);
void	 submit_excuse(struct submission *, const char *);	/* it cannot be committed now, and is not going to be */
int	 submit_refused(struct submission *, const struct msg_receipt_refused *);	/* 0, or -1: it was not to be expected */
int	 submit_closed(struct submission *, int broken);	/* 0, or -1: it was closed before */

/* defer.c */
void	 defer_tried(int64_t id);
void	 defer_verdict(const struct session *, uint32_t msgno, const struct relay_row *, size_t);
void	 defer_end(const struct session *);	/* it waits no longer */

/* replay.c: a deliverer's start */
void	 replay_begin(struct child *);
int	 replay_told(const struct msg_replay_result *, int started);	/* 0, or -1: no such row */
void	 replay_end(int durable);

/* capa.c */
int	 capa_skipped(const struct task *);
int	 capa_again(struct session *);

/* prune.c */
void	 prune_daily(void);
void	 prune_mailboxes(void);

/* budget.c: how many messages all sessions together have listed. */
#define BUDGET_MESSAGES		(2 * PROTO_MSGS_MAX)
#define BUDGET_SMALL		4096	/* a session of no more than that never waits, and does not count */

int	 budget_take(struct session *, uint32_t messages);
void	 budget_listed(const struct session *);
void	 budget_reason(const struct session *, char *, size_t);

extern const struct rule	 fetch_rules[];	/* fetch.c */
extern const size_t	 fetch_nrules;
void	 fetch_start(void);
void	 deliverer_start(void);	/* deliverer.c */
void	 deliverer_reload(void);	/* the routing table has changed */

#endif
