/* SPDX-License-Identifier: ISC */
/* One poll, as the master sees it, from the dial to the last receipt. */
#ifndef POLL_H
#define POLL_H

#include <sys/types.h>
#include <sys/queue.h>

#include <stdint.h>

#include "common/ipc/link.h"
#include "common/ipc/proto_fetcher.h"
#include "common/ipc/rules.h"
#include "common/timer.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/poll/plan/plan.h"
#include "rpopd/sched/sched.h"

struct child;
struct grant;
struct host;
struct msg_receipt;
struct msg_receipt_batch;
struct msg_replay_result;
struct msg_session_tried;
struct owner;
struct task;
struct trial;

/* What is known of a session's answers: nothing; they were those to the commands; they were mixed up. */
enum outcome { OUTCOME_UNKNOWN, OUTCOME_IN_STEP, OUTCOME_CONFUSED };

enum session_state { SESSION_TOKEN, SESSION_DIALING, SESSION_STARTING, SESSION_LISTING, SESSION_MATCHING, SESSION_FETCHING,
	SESSION_CLOSING };

struct session {
	TAILQ_ENTRY(session)	 entry;
	uint32_t		 id;
	enum session_state	 state;
	struct task		*task;		/* NULL: its record was removed meanwhile */
	struct trial		*trial;		/* it only tries, see try.c; NULL: a poll */
	int64_t			 mailbox;
	struct host		*host;		/* where it counts; NULL: no longer */
	struct owner		*owner;		/* for whom it counts, while host is set; see share.c */
	struct dial		*dial;		/* under way */
	struct child		*template;
	struct link		 link;		/* to the fetcher session */
	struct timer		 timer;		/* the master's own clock on it */
	struct plan		 plan;
	int64_t			 begun;		/* monotonic ms */
	int64_t			 progress;	/* likewise: when it last got anywhere */
	int64_t			 epoch;		/* likewise, by the wall clock */
	uint32_t		 leave;
	struct quota		 quota;
	enum dist_mode		 mode;
	struct origin		 origin;	/* whose mail it brings */
	struct routing		*routing;	/* as it was when the deliverer was told; NULL: it was not yet */
	char			 label[PROTO_RECORD_SIZE];
	char			 where[PROTO_HOST_SIZE + 64];	/* host:port (address) */
	int			 fd;		/* connected, waiting for the deliverer's routing table; -1: none */
	char			 address[48];	/* numeric, of the server */
	struct grant		*grant;		/* where its access token comes from; NULL: it has a password */
	uint32_t		 token_serial;
	int			 token_ready;	/* DIALING may begin */
	int			 token_new;	/* it was got for this session, not before */
	int			 forked, exited;	/* template side */
	int			 opened, closed;	/* deliverer side */
	int			 orphaned;	/* its deliverer died */
	int			 stopping;
	int			 no_capa;	/* see capa.c */
	int			 has_uidl, has_top;
	uint64_t		 stat_octets;
	uint32_t		 budget;	/* messages that budget.c has given it */
	uint32_t		 probes;	/* asked for; 0: the listing is whole */
	int			 probed;	/* and they were enough */
	uint32_t		 login_delay;	/* s, that came with a failure; 0 = none said */
	int			 unrecorded;	/* plan_record() is due again */
	int			 working;	/* slices are left over: of the plan, of plan_record(), or of plan_end() */
	enum { SESSION_RUNS, SESSION_ENDING, SESSION_ENDED } ending;	/* it is over, plan_end() has begun, it has ended */
	int			 done;
	int			 excused;	/* it failed at a message that had failed before, and at nothing else */
	uint32_t		 committed;	/* messages */
	enum outcome		 outcome;
	uint32_t		 doubt_first, doubt_last;	/* in step, but these came in unproven at the end; 0: none */
	enum fail_why		 why;		/* first failure, WHY_NONE */
	enum fetch_stage	 stage;
	char			 error[PROTO_TEXT_SIZE];
	uint32_t		 unfound;	/* messages in a row, the last one included, without any of the special fields */
	char			 looked_for[UNFOUND_KEY_SIZE];
	int			 found;		/* one before them had one */
	uint32_t		 retrieved, deleted, fallback, discarded, copies, dropped, aside;
	uint32_t		 quarantined;	/* messages, for some recipient at least */
	char			 quarantine_text[PROTO_TEXT_SIZE];	/* why the last one was */
	uint32_t		 denied, denied_first;	/* DELE was, for the first time, of so many; one of them, and why */
	char			 denied_text[PROTO_TEXT_SIZE];
	char			 quit_text[PROTO_TEXT_SIZE];	/* the server's words where QUIT was refused */
	struct log_budget	 log;
	uint32_t		 refused, refused_counted;	/* RETR was; of these, see refusal.c */
	uint64_t		 octets;
	/* verdict frame under construction */
	uint8_t			 frame[PROTO_FRAME_MAX];
	size_t			 frame_len;
};
TAILQ_HEAD(sessions, session);
extern struct sessions	 session_list;		/* session.c */
extern uint32_t		 session_count;

/* session.c */
int	 session_start(struct task *);
int	 session_try(struct task *, struct trial *);
void	 session_dialed(void *, const struct dialed *);	/* of dial_start() */
void	 session_run(void);			/* in each round: look after all of them */
void	 session_fail(struct session *, enum fetch_stage, enum fail_why, const char *);	/* first one counts */
void	 session_kill(struct session *);
void	 session_cut(struct session *, enum fetch_stage, enum fail_why, const char *);	/* fails at once; what came in step stands */
void	 session_stop(struct session *);
void	 session_exited(struct session *);	/* template: the process is gone */
void	 session_confirm(struct session *, int quit_ok);
void	 session_closed(struct session *);	/* deliverer: every receipt is out */
void	 session_verdict(struct session *, uint32_t msgno, enum verdict);
void	 session_flush(struct session *);
void	 session_refused(struct session *, enum fail_why, const char *);
void	 session_state(struct session *, enum session_state);
struct session *session_by_id(uint32_t);
const char *session_state_str(enum session_state);
void	 session_work(struct session *);	/* what is left over is done in slices from the event loop */
void	 session_worked(struct session *);	/* nothing is */
void	 session_deliverer_died(struct child *);
void	 session_template_died(struct child *);
void	 session_log_level(enum log_level);	/* the master, its children and their sessions log from now on */
void	 session_close_orphans(void);

/* link_fetcher.c */
void	 fetch_slice(struct session *);

/* try.c: a session that looks, and changes nothing */
struct client;
int	 try_start(struct client *, const char *name, char *err, size_t errsize);
void	 try_abandon(const struct client *);	/* nobody wants to know any more */
enum plan_result try_plan(struct session *, enum listing);
void	 try_login(struct session *, const struct msg_fetch_stat *);
int	 try_told(struct session *, const struct msg_session_tried *);
void	 try_skipped(struct session *, uint32_t msgno, const char *text);
void	 try_end(struct session *);

/* poll/tls.c */
void	 session_tls_start(const struct record *, struct msg_fetch_start *);
int	 session_tls_files(struct session *);

/* poll/open.c */
void	 session_dial(struct session *);
void	 session_open_deliverer(struct session *, int fd);
void	 session_secret(struct session *);

/* poll/outcome.c */
void	 report_login(struct session *, const struct msg_fetch_stat *);	/* logged in */
void	 report_derived(struct session *, uint32_t);	/* listed, with so many unique-ids that are none */
void	 report_session(struct session *);	/* log line, record state, next poll */

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

/* defer.c */
void	 commit_tried(int64_t id);
void	 commit_defer(const struct session *, uint32_t msgno, const struct relay_row *, size_t);
void	 commit_undefer(const struct session *);	/* it waits no longer */

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

extern const struct rule	 fetch_rules[];	/* link_fetcher.c */
extern const size_t	 fetch_nrules;
void	 fetch_start(void);
void	 deliverer_start(void);	/* link_deliverer.c */
void	 deliverer_routes(struct child *);	/* a snapshot; for a fresh deliverer the replay follows */

#endif
