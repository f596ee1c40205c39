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

#include "../common/compat.h"
#include "../common/link.h"
#include "../common/proto.h"
#include "plan.h"
#include "sched.h"
#include "store.h"

#define TEMPLATE_SESSIONS	1000	/* sessions forked from one template before it is re-exec'd */
#define STOP_SECONDS		30	/* a stop waits this long for running sessions */

struct grant;

/* options.c / rpopd.c: how the daemon was started. */
struct options {
	const char	*store;		/* path of rpopd.db */
	const char	*libexec;	/* dialer, fetcher, deliverer */
	const char	*rundir;	/* control socket and jails */
	int		 debug, verbose, check, once, no_seccomp;
	const char	*hook_process, *hook;	/* test builds: -K process:point */
	const char	*probe_process, *probe;	/* test builds: -P process:what */
};

/* One child process. */
enum role { ROLE_DIALER, ROLE_TEMPLATE, ROLE_DELIVERER, ROLE_OAUTH, ROLE_MAX };

struct child {
	LIST_ENTRY(child)	 entry;
	enum role		 role;
	pid_t			 pid;
	struct link		 link;
	int			 ready;		/* said IMSG_READY (and RECOVERED, the deliverer) */
	int			 feeding;	/* the deliverer is being sent a routing table */
	int			 retiring;	/* takes no new work; let go when users is 0 */
	uint32_t		 users;		/* sessions that depend on it */
	uint32_t		 served;
	int			 reaped;
};

/* What is known of a session's answers: nothing; they were those to the commands; they were mixed up. */
enum outcome { OUTCOME_UNKNOWN, OUTCOME_IN_STEP, OUTCOME_CONFUSED };

enum session_state { SESSION_TOKEN, SESSION_DIALING, SESSION_STARTING, SESSION_LISTING, SESSION_MATCHING, SESSION_FETCHING, SESSION_CLOSING };

struct session {
	TAILQ_ENTRY(session)	 entry;
	uint32_t		 id;
	enum session_state	 state;
	struct task		*task;		/* NULL: its record was removed meanwhile */
	int64_t			 mailbox;
	struct host		*host;		/* where it counts; NULL: no longer */
	struct child		*dialer, *template;
	struct link		 link;		/* to the fetcher session */
	struct event		 timer;		/* the master's own clock on it */
	struct plan		 plan;
	int64_t			 begun;		/* monotonic ms */
	int64_t			 epoch;		/* likewise, by the wall clock */
	uint32_t		 leave;
	struct quota		 quota;
	enum dist_mode		 mode;
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
	int			 has_uidl, has_top;
	uint64_t		 stat_octets;
	uint32_t		 probes;	/* asked for; 0: the listing is whole */
	int			 probed;	/* and they were enough */
	uint32_t		 login_delay;	/* s, that came with a failure; 0 = none said */
	int			 unrecorded;	/* plan_record() is due again */
	int			 done;
	int			 excused;	/* it failed at a message that had failed before, and at nothing else */
	int			 committed;	/* something was */
	enum outcome		 outcome;
	uint32_t		 doubt_first, doubt_last;	/* in step, but these came in unproven at the end; 0: none */
	enum fail_why		 why;		/* first failure, WHY_NONE */
	enum fetch_stage	 stage;
	char			 error[PROTO_TEXT_SIZE];
	uint32_t		 retrieved, deleted, fallback, discarded, aside;
	uint64_t		 octets;
	/* verdict frame under construction */
	uint8_t			 frame[PROTO_FRAME_MAX];
	size_t			 frame_len;
};
TAILQ_HEAD(sessions, session);

/* A record at run time; survives reloads as long as the record names the same remote mailbox. */
struct task {
	const struct record	*rec;
	int64_t			 mailbox;
	struct record_state	 rs;
	struct session		*session;
	struct host		*host;
	struct gate		*gate;		/* NULL: always open */
	struct heap		*queue;		/* it waits in, NULL: none; see sched.h */
	struct heap_item	 item;
	int64_t			 due;		/* monotonic ms; INT64_MAX = never */
	int64_t			 ended;		/* the last poll, if polled; monotonic ms */
	int64_t			 host_failed;	/* when the last poll failed at its host, 0: it did not */
	uint32_t		 period;	/* rec->period; outlives rec at a reload */
	uint32_t		 login_delay;	/* s the server wants between logins, 0 = none known */
	uint32_t		 expire;	/* days the server keeps messages, as msg_fetch_stat */
	uint32_t		 tries;		/* in a row that ended for the same reason */
	int			 polled;	/* in this life of the daemon */
	int			 again;		/* poll-now came during a session */
	int			 renewed;	/* a refused access token was replaced; no login has succeeded since */
	enum fail_why		 why;		/* of the last poll */
	struct spots		*spots;		/* spot.c; NULL: the next listing is whole */
};

struct rpopd {
	struct options		 opt;
	struct config		*config;
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

/* options.c */
void	 options_parse(struct options *, int, char **);

/* jail.c */
int	 jail_prepare(const struct options *, const struct config *, char *err, size_t errsize);
int	 jail_rundir(const struct options *, char *err, size_t errsize);

/* reload.c */
int	 reload_sound(void);			/* 1: the store would load; 0: complaints are on stderr */
int	 reload_load(char *err, size_t errsize);	/* all or nothing; 0 or -1 */

/* child.c */
void	 child_start_all(void);
void	 child_oauth(void);			/* start it if there is a client now, let it go if there is none */
struct child *child_current(enum role);		/* NULL: not ready */
void	 child_use(struct child *);
void	 child_release(struct child *);
void	 child_retire(enum role);		/* a fresh one takes over, the old one goes when unused */
void	 child_sigchld(void);
void	 child_shutdown(void);
const char *child_name(enum role);
int	 child_log(void *, struct imsg *);	/* handlers every child's table shares */
int	 child_ready(void *, struct imsg *);
int	 child_log_as(const char *, struct imsg *);
void	 child_set_ready(struct child *);
void	 child_log_level(enum log_level);	/* ours and every child's from now on */

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

/* session.c */
int	 session_start(struct task *);
void	 session_dialed(struct session *, int fd, const char *address);
void	 session_later(void);			/* look after all of them from the event loop */
void	 session_fail(struct session *, enum fetch_stage, enum fail_why, const char *);	/* first one counts */
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
const char *session_state_str(enum session_state);
void	 session_deliverer_died(void);
void	 session_close_orphans(void);

/* session_tls.c */
void	 session_tls_start(const struct record *, struct msg_fetch_start *);
int	 session_tls_files(struct session *);

/* spot.c */
void	 spot_forget(struct task *);
uint32_t spot_start(struct task *, uint32_t *probe);
int	 spot_same(const struct session *);
void	 spot_remember(struct session *);

/* session_open.c */
void	 session_dial(struct session *, struct child *dialer);
void	 session_open_deliverer(struct session *, int fd);
void	 session_secret(struct session *);

/* report.c */
void	 report_login(struct session *, const struct msg_fetch_stat *);	/* logged in */
void	 report_session(struct session *);	/* log line, record state, next poll */

/* commit.c */
int	 commit_receipt(const struct msg_receipt *);
int	 commit_rcpt(const struct msg_rcpt *);
int	 commit_batch(const struct msg_batch *);
int	 commit_settled(uint32_t batch);
void	 commit_reset(void);			/* the deliverer died */
int	 commit_blocked(void);			/* 1: the store does not take commits */
int	 commit_idle(void);			/* 1: nothing uncommitted or unsettled */
uint32_t commit_pending(void);

/* link_dialer.c, link_fetcher.c, link_deliverer.c, link_oauth.c: rule tables */
extern const struct rule dialer_rules[], template_rules[], fetch_rules[], deliverer_rules[], oauth_rules[];
extern const size_t dialer_nrules, template_nrules, fetch_nrules, deliverer_nrules, oauth_nrules;
void	 dialer_request(struct child *, uint32_t id, const char *host, uint16_t port, uint16_t flags, const char *source);
void	 deliverer_routes(struct child *);	/* a snapshot; for a fresh deliverer the replay follows */

/* control.c */
int	 control_listen(const char *rundir, char *err, size_t errsize);
void	 control_close(void);

/* notice.c */
void	 notice_send(uint32_t account, const char *record, const char *subject, const char *fmt, ...)
	    __attribute__((__format__(printf, 4, 5)));

/* sd_notify(3)'s one datagram: notify.c */
void	 notify_ready(void);

#endif
