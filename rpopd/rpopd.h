/* SPDX-License-Identifier: ISC */
/*
 * The master: the only process that opens a store, holds a secret at rest, or decides.  It never sees a byte of mail, TLS,
 * DNS or POP3; what reaches it are fixed, range-checked messages.
 */
#ifndef RPOPD_H
#define RPOPD_H

#include <sys/types.h>
#include <sys/queue.h>

#include <event.h>
#include <stdint.h>

#include "common/compat.h"
#include "common/ipc/link.h"
#include "common/ipc/proto.h"
#include "rpopd/poll/plan/plan.h"
#include "rpopd/relay/relay.h"
#include "rpopd/poll/session.h"
#include "rpopd/sched/sched.h"
#include "rpopd/config/config.h"

#define TEMPLATE_SESSIONS	1000	/* processes forked from one template before it is re-exec'd */
#define STOP_SECONDS		30	/* a stop waits this long for running sessions */

/* options.c / rpopd.c: how the daemon was started. */
struct options {
	const char	*store;		/* path of rpopd.db */
	const char	*libexec;	/* dialer, fetcher, deliverer */
	const char	*rundir;	/* control socket and jails */
	int		 debug, verbose, check, once, no_seccomp, declare;
	const char	*hook_process, *hook;	/* test builds: -K process:point */
	const char	*probe_process, *probe;	/* test builds: -P process:what */
	const char	*fault_process, *fault;	/* test builds: -F process:call, in the first process of its kind */
};

/* One child process. */
enum role { ROLE_DIALER, ROLE_TEMPLATE, ROLE_DELIVERER, ROLE_OAUTH, ROLE_SENDER, ROLE_MAX };

struct child {
	LIST_ENTRY(child)	 entry;
	enum role		 role;
	pid_t			 pid;
	struct link		 link;
	int			 ready;		/* said IMSG_READY (and RECOVERED, the deliverer) */
	int			 feeding;	/* the deliverer is being sent a routing table */
	int			 retiring;	/* takes no new work; let go when users is 0 */
	uint32_t		 users;		/* sessions and the like that depend on it */
	uint32_t		 served;	/* by a template: how many it has forked */
	int			 reaped;
	struct log_budget	 log;
};

#include "rpopd/child/worker.h"

/* A record at run time; survives reloads as long as the record names the same remote mailbox. */
struct task {
	const struct record	*rec;
	int64_t			 mailbox;
	struct record_state	 rs;
	struct unfound		 unfound;
	struct session		*session;
	struct host		*host;
	struct gate		*gate;		/* NULL: always open */
	struct heap		*queue;		/* it waits in, NULL: none; see sched.h */
	struct share		*share;		/* whose queue that is; NULL: it is another one */
	struct heap_item	 item;
	int64_t			 due;		/* monotonic ms; INT64_MAX = never */
	int64_t			 ended;		/* the last poll, if polled; monotonic ms */
	int64_t			 tried;		/* the last trial (try.c) ended, 0 = none; monotonic ms */
	int64_t			 host_failed;	/* when the last poll failed at its host, 0: it did not */
	uint32_t		 period;	/* rec->period; outlives rec at a reload */
	uint32_t		 login_delay;	/* s the server wants between logins, 0 = none known */
	uint32_t		 expire;	/* days the server keeps messages, as msg_fetch_stat */
	uint32_t		 tries;		/* in a row that ended for the same reason */
	uint32_t		 unnamed;	/* messages that no listing names, beyond what one session tries: told */
	uint32_t		 refusals;	/* polls in a row that met refusals of messages without a unique-id */
	uint32_t		 uidl_refused;	/* polls in a row in which it was */
	int			 derived;	/* its server has unique-ids that break the rules: told */
	int			 slow;		/* no session has succeeded since one stalled: see share.c */
	int			 polled;	/* in this life of the daemon */
	int			 again;		/* poll-now came during a session */
	int			 renewed;	/* a refused access token was replaced; no login has succeeded since */
	int			 capa_retry;	/* the next poll is the last one once more, without CAPA */
	int64_t			 capa_failed;	/* when that was of no use, 0: it was never; monotonic ms */
	enum fail_why		 why;		/* of the last poll */
	struct spots		*spots;		/* spot.c; NULL: the next listing is whole */
	struct counts		*counts;	/* counts.c; NULL: never looked at */
};

struct rpopd {
	struct options		 opt;
	struct config		*config;
	struct routing		*routing;	/* of it */
	struct task		*tasks;
	size_t			 ntasks;
	struct sessions		 sessions;
	uint32_t		 nsessions;
	LIST_HEAD(, child)	 children;
	struct child		*current[ROLE_MAX];
	int			 stopping, failed;
	int64_t			 started, loaded;	/* epoch */
	uint64_t		 config_version;
	char			 load_error[PROTO_TEXT_SIZE];
	uint32_t		 generation;
	struct session		*token;		/* holder of the suspect token */
};
extern struct rpopd	 master;		/* owned by rpopd.c */

/* rpopd.c */
int	 rpopd_reload(char *err, size_t errsize);
void	 rpopd_stop(void);
void	 rpopd_maybe_exit(void);
void	 rpopd_state_path(char *, size_t);	/* of state.db, beside rpopd.db */

/* options.c */
void	 options_parse(struct options *, int, char **);

/* jail.c */
int	 jail_prepare(const struct options *, const struct config *, char *err, size_t errsize);
int	 jail_rundir(const struct options *, char *err, size_t errsize);
int	 jail_refresh(const struct options *, const struct config *, char *err, size_t errsize);	/* how many changed; -1 */

/* reload.c */
int	 reload_sound(void);			/* 1: the store would load; 0: complaints are on stderr */
int	 reload_mail_root(char *path, size_t size);
int	 reload_load(char *err, size_t errsize);	/* all or nothing; 0 or -1 */
void	 reload_prune(void);			/* mailboxes that no record names any more, in their time */

/* child.c */
int	 child_installed(char *err, size_t errsize);
void	 child_start_all(void);
void	 child_optional(void);			/* oauth, sender: start what the store needs now, let go what it does not */
struct child *child_current(enum role);		/* NULL: not ready */
int	 child_hopeless(enum role);			/* 1: it has died too often without ever having been ready */
void	 child_use(struct child *);
void	 child_release(struct child *);
void	 child_soon(enum role);		/* one that waits to be started waits no longer */
void	 child_retire(enum role);		/* a fresh one takes over, the old one goes when unused */
void	 child_sigchld(void);
void	 child_shutdown(void);
const char *child_name(enum role);
int	 child_log(void *, struct imsg *);	/* handlers every child's table shares */
int	 child_ready(void *, struct imsg *);
void	 child_set_ready(struct child *);
void	 child_log_level(enum log_level);	/* ours and every child's from now on */

/* capa.c */
int	 capa_skipped(const struct task *);
int	 capa_again(struct session *);

/* watch.c */
void	 watch_dialer_starts(void);
void	 watch_look(int tls_failed);

/* sched.c */
void	 sched_init(void);
void	 sched_add(struct task *, int64_t due);	/* or move */
void	 sched_remove(struct task *);
void	 sched_run(void);			/* start what is due while slots are free */
void	 sched_kick(void);			/* sched_run() from the event loop, soon */
void	 sched_next(struct task *);		/* after a poll or at load: compute due from state */
int	 sched_named(const struct task *, const char *name);
void	 sched_skip(struct task *, const char *reason);	/* -1: not in this run */
int64_t	 sched_jitter(int64_t msec);
const char *sched_state(const struct task *, int64_t *next);

struct poll_answer {			/* to poll-now */
	uint32_t	 matched;		/* all of them; the rest now, or after the running poll */
	uint32_t	 early;			/* that their server wants polled later ... */
	uint32_t	 closed;		/* that the schedule does not permit now ... */
	int64_t		 wait, opens;		/* ... in s; ... until epoch or SCHEDULE_NEVER; the first of them */
};
void	 sched_poll(const char *name, struct poll_answer *);	/* "all", account, account/record */
int	 sched_permits(struct task *, char *err, size_t errsize);

/* poll/outcome.c */
void	 report_login(struct session *, const struct msg_fetch_stat *);	/* logged in */
void	 report_derived(struct session *, uint32_t);	/* listed, with so many unique-ids that are none */
void	 report_session(struct session *);	/* log line, record state, next poll */

/* commit.c */
int	 commit_receipt(const struct msg_receipt *);
int	 commit_note(const struct msg_note *);
int	 commit_rcpt(const struct msg_rcpt *);
int	 commit_batch(const struct msg_batch *);
int	 commit_settled(uint32_t batch);
void	 commit_moved(int64_t pending);
void	 commit_reset(void);			/* the deliverer died */
int	 commit_blocked(void);			/* 1: the store does not take commits */
int	 commit_idle(void);			/* 1: nothing uncommitted or unsettled */
uint32_t commit_pending(void);

/* poll/defer.c: commit_relay_tried() is in relay.h */
void	 commit_defer(const struct session *, uint32_t msgno, const struct relay_row *, size_t);
void	 commit_undefer(const struct session *);	/* it waits no longer */

/* child/dial.c, link_fetcher.c, link_deliverer.c, token/link.c, relay/link.c: rule tables */
extern const struct rule dialer_rules[], template_rules[], fetch_rules[], deliverer_rules[], oauth_rules[], sender_rules[];
extern const size_t dialer_nrules, template_nrules, fetch_nrules, deliverer_nrules, oauth_nrules, sender_nrules;
void	 dialer_request(struct child *, uint32_t id, const char *host, uint16_t port, uint16_t flags, const char *source);
void	 deliverer_routes(struct child *);	/* a snapshot; for a fresh deliverer the replay follows */

/* replay.c: a deliverer's start */
void	 replay_begin(struct child *);
int	 replay_told(const struct msg_replayed *, int started);	/* 0, or -1: no such row */
void	 replay_end(int durable);

/* place.c: directories that mail waits for, and files set aside in the spool */
void	 place_told(const struct msg_place *);
void	 place_reset(void);			/* a new deliverer: it says again what is wrong */
uint32_t place_waiting(char *first, size_t size);	/* how many, and a sentence about the first */
void	 aside_told(const struct msg_aside *);
void	 aside_recovered(void);			/* the postmaster hears of what is new */
uint32_t aside_count(void);
struct aside_file { int64_t since; char name[PROTO_LINK_SIZE]; };
const struct aside_file *aside_nth(size_t);	/* NULL: there are no more */
int	 aside_known(const char *name);
void	 aside_gone(const char *name);

/* control.c */
int	 control_listen(const char *rundir, char *err, size_t errsize);
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
int	 control_queue_opened(const struct msg_spool_opened *, int fd);	/* 1: somebody wanted to look at it; fd is consumed */
int	 control_aside_done(const struct msg_aside_done *);	/* 0, or -1: nobody asked */
void	 control_queue_reset(void);		/* the deliverer died */
struct client;
/* control/lines.c */
int	 control_explain(void *, struct imsg *);
int	 control_route(void *, struct imsg *);
void	 control_line(struct client *, const char *);
void	 control_lines_end(struct client *, const char *failure);	/* NULL: it is complete */

/* explain.c: 0, the lines are out; or -1 with a sentence */
int	 explain(struct client *, const struct ctl_explain *, char *err, size_t errsize);

/* ask.c */
int	 ask_route(struct client *, const char *address, char *err, size_t errsize);
int	 ask_told(const struct msg_told *);
void	 ask_abandon(const struct client *);
void	 ask_reset(void);

/* control/forget.c */
int	 control_forget(void *, struct imsg *);
int	 forget_record(const char *name, char *text, size_t size);

/* control/wait.c: 0: begun, 1: not yet, -1: never; with a sentence, which refuse gets in the end */
typedef int (*control_begin)(struct client *, const char *, char *err, size_t errsize);
typedef void (*control_refuse)(struct client *, const char *);
void	 control_wait(struct client *, const char *name, control_begin, control_refuse);
void	 control_wait_gone(const struct client *);

/* control/try.c */
int	 control_try(void *, struct imsg *);
void	 control_tried(struct client *, const struct ctl_tried *);
void	 control_tried_end(struct client *, int ok, const char *);

/* notice.c */
void	 notice_send(uint32_t account, const char *record, const char *subject, const char *fmt, ...)
	    __attribute__((__format__(printf, 4, 5)));
#define NOTICE_HELD	"the quarantine"
/* About deliveries in quarantine, held of them new; whether it is time for that is the caller's business. */
void	 notice_held(uint32_t account, int64_t held, const char *subject, const char *fmt, ...)
	    __attribute__((__format__(printf, 4, 5)));
int	 notice_made(const struct msg_noticed *);	/* link_deliverer.c; 0, or -1: a lie */
int	 notice_link_sane(const char *);
void	 notice_ready(void);			/* a deliverer is there */
void	 notice_reset(void);			/* it died */
int	 notice_busy(void);

/* sd_notify(3)'s one datagram: notify.c */
void	 notify_ready(void);

#endif
