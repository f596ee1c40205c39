/* SPDX-License-Identifier: ISC */
/* The other processes: their start, their end, what they may log, and the directories they are shut into. */
#ifndef CHILD_H
#define CHILD_H

#include <sys/types.h>
#include <sys/queue.h>

#include <stdint.h>

#include "common/log.h"
#include "common/timer.h"
#include "common/ipc/link.h"
#include "common/ipc/proto.h"
#include "common/ipc/rules.h"

struct child;
struct config;
struct imsg;
struct options;

#define TEMPLATE_SESSIONS	1000	/* processes forked from one template before it is re-exec'd */

/* --- childlog.c: log lines of the other processes, and how many of them there may be --- */

enum log_peer { LOG_PEER_SESSION, LOG_PEER_CHILD, LOG_PEER_ALL };

/* What one peer may still write; zeroed at first. */
struct log_budget {
	int64_t		 since;		/* monotonic ms: begin of the window */
	uint32_t	 left[2];	/* lines, details */
	uint32_t	 lost;		/* left out since that was last said */
	int		 begun;
};

int	 childlog(const char *who, enum log_level most, enum log_peer, struct log_budget *, struct imsg *);
void	 childlog_lost(const char *who, struct log_budget *);

/* --- child.c --- */

enum role { ROLE_DIALER, ROLE_TEMPLATE, ROLE_DELIVERER, ROLE_OAUTH, ROLE_SENDER, ROLE_AUTH, ROLE_POPD, ROLE_MAILBOX, ROLE_SIGNER,
	ROLE_WEB, ROLE_MAX };

struct child {				/* a process */
	LIST_ENTRY(child)	 entry;
	enum role		 role;
	pid_t			 pid;
	struct link		 link;
	int			 ready;		/* it takes work: child_set_ready() */
	int			 feeding;	/* it is being sent a routing table, and takes no work meanwhile: a deliverer */
	int			 retiring;	/* it takes no new work, and is let go when users is 0 */
	uint32_t		 users;		/* sessions and the like that depend on it */
	uint32_t		 served;	/* processes that it has forked: a template */
	int			 reaped;	/* waitpid(2) has told its end */
	struct timer		 linger;	/* somebody depends on it until then: child_linger() */
	struct log_budget	 log;
};

/*
 * What the processes of a role are to the room that speaks with them.  greet is called when a process has locked itself in; the
 * owner calls child_set_ready() when it takes work.  Without greet it does at once.  may_start: 0, the process is not to be
 * started now, and it is tried again after a pause; NULL: always 1.
 */
struct child_owner {
	void	(*greet)(struct child *);
	int	(*may_start)(void);
};

/*
 * Somebody who depends on the children of a role: ready(c) is called when c takes work, died(c) when c has died, whether it
 * took new work or was on its way out.  Either may be NULL.
 */
struct child_watch {
	enum role	 role;
	void		(*ready)(struct child *);
	void		(*died)(struct child *);
};

extern struct child	*child_of[ROLE_MAX];	/* that new work is for, ready or not; NULL: none runs */

void	 child_rules(enum role, const struct rule *, size_t n);
void	 child_own(enum role, const struct child_owner *);
void	 child_watch(const struct child_watch *, size_t n);
int	 child_installed(char *err, size_t errsize);
void	 child_start_all(void);
void	 child_optional(void);
struct child *child_current(enum role);
int	 child_hopeless(enum role);
void	 child_use(struct child *);
void	 child_release(struct child *);
void	 child_linger(struct child *);
void	 child_soon(enum role);
void	 child_retire(enum role);
void	 child_exited(pid_t, int status);
void	 child_shutdown(void);
const char *child_name(enum role);
void	 child_set_ready(struct child *);
void	 child_log_level(enum log_level);
void	 child_pop_level(enum log_level);
enum log_level child_level(enum role);

/* --- dial.c --- */

struct dial;

struct dialed {				/* how a dial ended */
	int		 fd;		/* the connected socket, which is the asker's now; -1: there is no connection */
	const char	*address;	/* numeric, that fd is connected to */
	enum fail_why	 why;		/* why there is no connection */
	const char	*text;		/* the same for people */
	int		 died;		/* 1: the dialer has died, and nothing is known of the host */
};

struct dial *dial_start(uint32_t id, const char *host, uint16_t port, uint16_t flags, const char *source,
	    void (*done)(void *, const struct dialed *), void *arg);
void	 dial_cancel(struct dial *);

/* --- jail.c --- */

int	 jail_prepare(const struct options *, const struct config *, char *err, size_t errsize);
int	 jail_rundir(const struct options *, char *err, size_t errsize);
int	 jail_refresh(const struct options *, const struct config *, char *err, size_t errsize);

/* --- refresh.c --- */

void	 refresh_children(int tls_failed);

/* --- worker.c --- */

/*
 * A worker: a process that a template has forked for one token request, one connection to a next hop, one password, one session of
 * a mail program or one mailbox, and the channel to it.  The secrets of that work go over this channel alone, and what the worker
 * says counts for that work alone.
 *
 *	WORKS	it has an owner, who waits for what it says
 *	LEFT	its owner has what he wanted: it is to end by itself, within WORKER_GRACE
 *	LOST	it has died, or was killed because it broke the rules
 *	KILLED	its owner wished its end, or its template has died
 *
 * A worker is freed when its template has told its end and its channel is closed.
 */
enum worker_state { WORKER_WORKS, WORKER_LEFT, WORKER_LOST, WORKER_KILLED };

struct worker {
	LIST_ENTRY(worker)	 entry;
	struct child		*template;
	uint32_t		 id;		/* what the template knows it by */
	enum worker_state	 state;
	struct link		 link;
	struct log_budget	 log;
	int			 exited;	/* and how: */
	int			 may_end;	/* 1, set by its owner: it ends by itself, and status 0 is not told */
	uint32_t		 signaled, code;	/* as struct msg_fork_exit has it */
	struct timer		 clock;
	void			(*died)(void *);	/* of worker_start() */
	void			*arg;		/* of died; NULL: the owner has left */
	char			 label[PROTO_TEXT_SIZE];	/* for logs: what it works for */
};

struct child	*worker_template(enum role);
struct worker	*worker_start(struct child *template, uint32_t id, const char *label, const struct rule *, size_t nrules,
		    void (*died)(void *), void *arg);
struct worker	*worker_adopt(struct child *template, uint32_t id, int fd, const char *label, const struct rule *, size_t nrules,
		    void (*died)(void *), void *arg);
void		 worker_leave(struct worker *);
void		 worker_kill(struct worker *);
int		 worker_log(void *, struct imsg *);	/* handler of IMSG_LOG for tables of workers */

#endif
