/* SPDX-License-Identifier: ISC */
/*
 * Connecting as RFC 8305 says: IPv6 before IPv4, families in turn, each address with a head start over the next, a failure
 * starting the next at once.  The first connection wins; all others are closed.
 */
#include <sys/queue.h>
#include <sys/time.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dialer.h"
#include "../common/log.h"

struct attempt {
	TAILQ_ENTRY(attempt)	 entry;
	struct dial		*dial;
	const struct address	*addr;		/* in the lookup */
	struct event		 ev;
	int			 fd;
};

struct dial {
	TAILQ_ENTRY(dial)	 entry;
	TAILQ_HEAD(, attempt)	 attempts;	/* in flight */
	struct lookup		*lookup;
	struct event		 deadline;	/* of the whole job */
	struct event		 delay;		/* resolution delay until started, then attempt delay */
	struct dial_report	 report;
	size_t			 next[FAMILY_MAX];	/* first untried address */
	enum family		 family;	/* whose turn it is */
	uint32_t		 id;
	int			 started;	/* an address has been tried */
};

static void	 dial_resolved(void *);
static void	 dial_next(struct dial *);
static const struct address *dial_pick(struct dial *);
static void	 dial_delayed(int, short, void *);
static void	 dial_expired(int, short, void *);
static void	 dial_success(struct dial *, struct attempt *);
static void	 dial_fail(struct dial *);
static void	 dial_free(struct dial *);
static struct dial *dial_find(uint32_t);
static int	 attempt_start(struct dial *, const struct address *, struct attempt **);
static int	 attempt_socket(const struct address *);
static void	 attempt_event(int, short, void *);
static void	 attempt_free(struct attempt *);
static void	 timer_start(struct event *, int);

struct dial_times	 dial_times = { 50, 250, 10000 };

static TAILQ_HEAD(, dial)	 dials = TAILQ_HEAD_INITIALIZER(dials);
static size_t			 ndials;

/*
 * Start one job.  It ends with dialer_connected() or dialer_failed(), possibly before this returns, or with dial_cancel().
 * The request's id is not in use, its host ends in NUL, port and timeout are not 0.
 */
void
dial_start(const struct msg_dial *m)
{
	struct dial	*d;

	if (ndials >= DIALER_JOBS_MAX) {
		dialer_failed(m->id, WHY_LOCAL_TEMP, "too many connections are being made at once");
		return;
	}
	if ((d = calloc(1, sizeof(*d))) == NULL)
		fatal("dial");
	TAILQ_INIT(&d->attempts);
	d->id = m->id;
	d->family = FAMILY_V6;
	report_init(&d->report, m->host, m->port, m->timeout);
	evtimer_set(&d->deadline, dial_expired, d);
	evtimer_set(&d->delay, dial_delayed, d);
	timer_start(&d->deadline, (int)m->timeout);
	TAILQ_INSERT_TAIL(&dials, d, entry);
	ndials++;
	if ((d->lookup = resolve_start(m->host, dial_resolved, d)) == NULL) {
		report_lookup(&d->report, WHY_LOCAL_TEMP, "too many lookups at once", 0);
		dial_fail(d);
		return;
	}
	dial_resolved(d);
}

/* Forget a job; nothing is reported.  An id that is not there has just been answered. */
void
dial_cancel(uint32_t id)
{
	struct dial	*d;

	if ((d = dial_find(id)) != NULL)
		dial_free(d);
}

void
dial_cancel_all(void)
{
	while (!TAILQ_EMPTY(&dials))
		dial_free(TAILQ_FIRST(&dials));
}

int
dial_exists(uint32_t id)
{
	return (dial_find(id) != NULL);
}

/* An answer is there.  RFC 8305 section 3: AAAA starts at once, A alone waits a moment for AAAA. */
static void
dial_resolved(void *arg)
{
	struct dial		*d = arg;
	const struct answer	*v6 = &d->lookup->answer[FAMILY_V6], *v4 = &d->lookup->answer[FAMILY_V4];

	if (d->started) {
		if (!evtimer_pending(&d->delay, NULL))
			dial_next(d);
	} else if (v6->n > 0 || resolve_done(d->lookup))
		dial_next(d);
	else if (v4->n > 0 && !evtimer_pending(&d->delay, NULL))
		timer_start(&d->delay, dial_times.resolution_delay);
}

/* Try the next address; ends the job if there is none and none will come.  d may be gone afterwards. */
static void
dial_next(struct dial *d)
{
	const struct address	*addr;
	struct attempt		*t;

	evtimer_del(&d->delay);
	while ((addr = dial_pick(d)) != NULL) {
		d->started = 1;
		switch (attempt_start(d, addr, &t)) {
		case 1:
			dial_success(d, t);
			return;
		case 0:
			timer_start(&d->delay, dial_times.attempt_delay);
			return;
		}
	}
	if (TAILQ_EMPTY(&d->attempts) && resolve_done(d->lookup))
		dial_fail(d);
}

/* The next untried address: families in turn while both have some. */
static const struct address *
dial_pick(struct dial *d)
{
	enum family	 f = d->family;

	if (d->next[f] >= d->lookup->answer[f].n)
		f = f == FAMILY_V6 ? FAMILY_V4 : FAMILY_V6;
	if (d->next[f] >= d->lookup->answer[f].n)
		return (NULL);
	d->family = f == FAMILY_V6 ? FAMILY_V4 : FAMILY_V6;
	return (&d->lookup->answer[f].addr[d->next[f]++]);
}

static void
dial_delayed(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	dial_next(arg);
}

static void
dial_expired(int fd, short what, void *arg)
{
	struct dial	*d = arg;
	struct attempt	*t;

	(void)fd;
	(void)what;
	if (!d->started)
		report_lookup(&d->report, WHY_DNS_TEMP, "the name servers took too long", 0);
	TAILQ_FOREACH(t, &d->attempts, entry)
		report_address(&d->report, t->addr, ETIMEDOUT);
	d->report.expired = 1;
	dial_fail(d);
}

static void
dial_success(struct dial *d, struct attempt *t)
{
	char		 numeric[ADDRESS_STRLEN];
	uint32_t	 id = d->id;
	int		 fd = t->fd;

	address_str(t->addr, numeric, sizeof(numeric));
	t->fd = -1;
	dial_free(d);
	dialer_connected(id, fd, numeric);
}

static void
dial_fail(struct dial *d)
{
	char		 text[PROTO_TEXT_SIZE];
	const char	*phrase;
	enum fail_why	 why;
	uint32_t	 id = d->id;
	int		 f;

	if (!d->started && d->report.why == WHY_NONE) {
		why = resolve_why(d->lookup, &phrase);
		report_lookup(&d->report, why, phrase, d->lookup->retry);
	}
	for (f = 0; d->started && f < FAMILY_MAX; f++)
		if (d->lookup->answer[f].why == WHY_DNS_TEMP)
			report_family(&d->report, f, d->lookup->answer[f].text);
	why = report_finish(&d->report, text, sizeof(text));
	dial_free(d);
	dialer_failed(id, why, text);
}

static void
dial_free(struct dial *d)
{
	while (!TAILQ_EMPTY(&d->attempts))
		attempt_free(TAILQ_FIRST(&d->attempts));
	evtimer_del(&d->deadline);
	evtimer_del(&d->delay);
	if (d->lookup != NULL)
		resolve_end(d->lookup);
	TAILQ_REMOVE(&dials, d, entry);
	ndials--;
	free(d);
}

static struct dial *
dial_find(uint32_t id)
{
	struct dial	*d;

	TAILQ_FOREACH(d, &dials, entry)
		if (d->id == id)
			return (d);
	return (NULL);
}

/* Returns 1 connected at once (*tp), 0 in progress, -1 failed and reported. */
static int
attempt_start(struct dial *d, const struct address *addr, struct attempt **tp)
{
	struct address	 to = *addr;
	struct attempt	*t;
	struct timeval	 tv;
	int		 fd, rv = 0;

	address_setport(&to, d->report.port);
	if ((fd = attempt_socket(addr)) == -1) {
		report_address(&d->report, addr, errno);
		return (-1);
	}
	if (connect(fd, &to.u.sa, to.len) == 0)
		rv = 1;
	else if (errno != EINPROGRESS) {
		report_address(&d->report, addr, errno);
		close(fd);
		return (-1);
	}
	if ((t = calloc(1, sizeof(*t))) == NULL)
		fatal("attempt");
	t->dial = d;
	t->addr = addr;
	t->fd = fd;
	TAILQ_INSERT_TAIL(&d->attempts, t, entry);
	event_set(&t->ev, fd, EV_WRITE, attempt_event, t);
	tv.tv_sec = dial_times.attempt / 1000;
	tv.tv_usec = dial_times.attempt % 1000 * 1000;
	if (rv == 0 && event_add(&t->ev, &tv) == -1)
		fatal("event_add");
	*tp = t;
	return (rv);
}

/* A non-blocking socket as the session is to have it. */
static int
attempt_socket(const struct address *addr)
{
	int	 fd, one = 1, saved;

	if ((fd = socket(addr->u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) == -1)
		return (-1);
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one)) == -1) {
		saved = errno;
		close(fd);
		errno = saved;
		return (-1);
	}
	return (fd);
}

static void
attempt_event(int fd, short what, void *arg)
{
	struct attempt	*t = arg;
	struct dial	*d = t->dial;
	socklen_t	 len;
	int		 error = ETIMEDOUT;

	if (what & EV_WRITE) {
		len = sizeof(error);
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
			error = errno;
		if (error == 0) {
			dial_success(d, t);
			return;
		}
	}
	report_address(&d->report, t->addr, error);
	attempt_free(t);
	dial_next(d);
}

static void
attempt_free(struct attempt *t)
{
	event_del(&t->ev);
	if (t->fd != -1)
		close(t->fd);
	TAILQ_REMOVE(&t->dial->attempts, t, entry);
	free(t);
}

static void
timer_start(struct event *ev, int msec)
{
	struct timeval	 tv = { msec / 1000, msec % 1000 * 1000 };

	if (evtimer_add(ev, &tv) == -1)
		fatal("evtimer_add");
}
