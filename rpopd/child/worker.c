/* SPDX-License-Identifier: ISC */
/*
 * Workers: processes that a template forks, one for each token request, each connection to a next hop, each password, each session
 * of a mail program, each mailbox and each request at the web page; child.h has their states.
 */
#include <sys/socket.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rpopd/turn/turn.h"
#include "child_int.h"

#define WORKER_GRACE	10000	/* ms to end by itself */

static struct worker	*worker_make(struct child *, uint32_t, int, const char *, const struct rule *, size_t,
			    void (*)(void *), void *);
static int		 worker_exited(void *, struct imsg *);
static void		 worker_down(void *, const char *);
static void		 worker_told(const struct worker *);
static void		 worker_clock(void *);
static void		 worker_free(struct worker *);
static struct worker	*worker_find(const struct child *, uint32_t);

const struct rule	 worker_rules[] = {
	{ IMSG_FORK_EXIT,	RULES_ANY,	worker_exited },
};
const size_t		 worker_nrules = nitems(worker_rules);

/*
 * Workers at once, those on their way out included, that the master asks for: of auth one for each client that has begun to log in.
 * Sessions of mail programs are what popd forks, and counted where they are greeted.
 */
static const size_t		 most[ROLE_MAX] = {
	[ROLE_OAUTH] = 100, [ROLE_SENDER] = 100, [ROLE_AUTH] = 500, [ROLE_MAILBOX] = 10000
};
static size_t			 nworkers[ROLE_MAX];
static struct child		*outgoing[ROLE_MAX];	/* retired, and used here until another one is ready; NULL: none */
static LIST_HEAD(, worker)	 workers = LIST_HEAD_INITIALIZER(workers);

/*
 * The template of the role that is to fork the next worker; NULL: none is ready, or too many workers run.  A template that has
 * forked TEMPLATE_SESSIONS times is replaced, and goes on to fork until that is ready, so that nobody is refused meanwhile.
 */
struct child *
worker_template(enum role role)
{
	struct child	*c = child_current(role);

	if (c != NULL && outgoing[role] != NULL) {
		child_release(outgoing[role]);
		outgoing[role] = NULL;
	}
	if (c != NULL && c->served >= TEMPLATE_SESSIONS) {
		outgoing[role] = c;
		child_use(c);
		child_retire(role);
		c = child_current(role);
	}
	if (c == NULL && outgoing[role] != NULL && outgoing[role]->link.open)
		c = outgoing[role];
	return (nworkers[role] < most[role] ? c : NULL);
}

/*
 * A worker forked by template.  id: what the template knows it by; label: what it works for, for the log; rules: what it may
 * say, with the worker as the handlers' argument.  died(arg) is called once, from the event loop, if the worker's channel ends
 * ahead of worker_leave().  NULL and errno: it was not started.
 */
struct worker *
worker_start(struct child *template, uint32_t id, const char *label, const struct rule *rules, size_t nrules, void (*died)(void *),
    void *arg)
{
	struct worker	*w;
	int		 channel[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, PF_UNSPEC, channel) == -1)
		return (NULL);
	if ((w = worker_make(template, id, channel[0], label, rules, nrules, died, arg)) == NULL) {
		close(channel[1]);
		return (NULL);
	}
	link_send(&template->link, IMSG_FORK, channel[1], &id, sizeof(id));
	return (w);
}

/*
 * A worker that the template has forked by itself, whose channel is fd, which is consumed.  As worker_start(); errno is EEXIST
 * if the template has such a worker already, which is a lie.
 */
struct worker *
worker_adopt(struct child *template, uint32_t id, int fd, const char *label, const struct rule *rules, size_t nrules,
    void (*died)(void *), void *arg)
{
	if (id != 0 && worker_find(template, id) == NULL)
		return (worker_make(template, id, fd, label, rules, nrules, died, arg));
	close(fd);
	errno = EEXIST;
	return (NULL);
}

/* The worker on the master's end of its channel, which is consumed.  NULL and errno: there is none. */
static struct worker *
worker_make(struct child *template, uint32_t id, int fd, const char *label, const struct rule *rules, size_t nrules,
    void (*died)(void *), void *arg)
{
	struct worker	*w;

	if ((w = calloc(1, sizeof(*w))) == NULL)
		fatal("worker");
	if (link_open(&w->link, fd, rules, nrules, w, worker_down) == -1) {
		free(w);
		return (NULL);
	}
	w->template = template;
	w->id = id;
	w->died = died;
	w->arg = arg;
	strlcpy(w->label, label, sizeof(w->label));
	w->link.name = w->label;
	timer_init(&w->clock, worker_clock, w);
	LIST_INSERT_HEAD(&workers, w, entry);
	child_use(template);
	template->served++;
	nworkers[template->role]++;
	return (w);
}

/*
 * The owner has what he wanted, and forgets the worker; what the worker still says is not heard.  Its channel is closed from
 * the event loop, since a handler of that channel may be on the stack.
 */
void
worker_leave(struct worker *w)
{
	w->arg = NULL;
	if (w->state == WORKER_WORKS)
		w->state = WORKER_LEFT;
	link_pause(&w->link, 1);
	if (w->link.open)
		timer_in(&w->clock, 0);
}

/* The worker is to be killed; its end follows as that of any other. */
void
worker_kill(struct worker *w)
{
	if (w->state != WORKER_LOST)
		w->state = WORKER_KILLED;
	if (!w->exited)
		link_send(&w->template->link, IMSG_FORK_KILL, -1, &w->id, sizeof(w->id));
}

/* The worker's channel is at its end, or the worker broke the rules: why says which. */
static void
worker_down(void *arg, const char *why)
{
	struct worker	*w = arg;
	void		*owner = w->arg;

	if (why != NULL) {
		log_warnx("%s: its %s process broke the rules: %s", w->label, child_name(w->template->role), why);
		worker_kill(w);
	} else if (w->state == WORKER_WORKS)
		w->state = WORKER_LOST;
	w->arg = NULL;
	if (owner != NULL)
		w->died(owner);
	worker_told(w);
	if (w->exited)
		worker_free(w);
	else
		timer_in(&w->clock, WORKER_GRACE);
}

/* IMSG_FORK_EXIT: a template tells the end of a worker.  What the worker said last may still be in its channel. */
static int
worker_exited(void *arg, struct imsg *imsg)
{
	struct msg_fork_exit	 m;
	struct worker		*w;

	if (rules_payload(imsg, &m) == -1)
		return (-1);
	if ((w = worker_find(arg, m.id)) == NULL || w->exited)
		return (0);
	w->exited = 1;
	w->signaled = m.signaled;
	w->code = m.code;
	worker_told(w);
	if (!w->link.open)
		worker_free(w);
	return (0);
}

/* The log hears how a worker died that should not have, as soon as both its end and that of its channel are known. */
static void
worker_told(const struct worker *w)
{
	const char	*name = child_name(w->template->role);

	if (w->state != WORKER_LOST || !w->exited || (w->may_end && !w->signaled && w->code == 0))
		return;
	if (w->signaled)
		log_warnx("%s: its %s process died: signal %u (%s)", w->label, name, w->code,
		    w->code < NSIG ? strsignal((int)w->code) : "?");
	else
		log_warnx("%s: its %s process died: exit %u", w->label, name, w->code);
}

/* The owner has left: the channel is closed.  A worker that is still there after WORKER_GRACE is killed. */
static void
worker_clock(void *arg)
{
	struct worker	*w = arg;

	if (!w->link.open) {
		worker_kill(w);
		return;
	}
	link_close(&w->link);
	if (w->exited)
		worker_free(w);
	else
		timer_in(&w->clock, WORKER_GRACE);
}

/* The worker is gone, so that there is room for another one. */
static void
worker_free(struct worker *w)
{
	timer_stop(&w->clock);
	childlog_lost(w->label, &w->log);
	LIST_REMOVE(w, entry);
	nworkers[w->template->role]--;
	child_release(w->template);
	free(w);
	turn_soon();
}

/* A template has died, and its workers with it; what they have said is still read. */
void
worker_template_died(const struct child *c)
{
	struct worker	*w, *next;

	LIST_FOREACH_SAFE(w, &workers, entry, next) {
		if (w->template != c || w->exited)
			continue;
		w->exited = 1;
		if (w->state == WORKER_WORKS)
			w->state = WORKER_KILLED;
		if (!w->link.open)
			worker_free(w);
	}
}

/* IMSG_LOG of a worker. */
int
worker_log(void *arg, struct imsg *imsg)
{
	struct worker	*w = arg;

	return (childlog(w->label, child_level(w->template->role), LOG_PEER_SESSION, &w->log, imsg));
}

void
worker_log_level(void)
{
	struct worker	*w;
	uint32_t	 level;

	LIST_FOREACH(w, &workers, entry) {
		level = child_level(w->template->role);
		link_send(&w->link, IMSG_LOG_LEVEL, -1, &level, sizeof(level));
	}
}

static struct worker *
worker_find(const struct child *template, uint32_t id)
{
	struct worker	*w;

	LIST_FOREACH(w, &workers, entry)
		if (w->template == template && w->id == id)
			return (w);
	return (NULL);
}
