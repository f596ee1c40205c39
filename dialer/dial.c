/* SPDX-License-Identifier: ISC */
/*
 * Connecting as RFC 8305 says: IPv6 before IPv4, families in turn, each address with a head start over the next, a failure
 * starting the next at once.  The first connection wins; all others are closed.
 */
#include <sys/queue.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dialer.h"
#include "common/log.h"

#define DIAL_NEUTRAL	"the host cannot be used"

struct dial {
	TAILQ_ENTRY(dial)	 entry;
	TAILQ_HEAD(, attempt)	 attempts;	/* those under way */
	struct path		 path;
	struct lookup		*lookup;
	struct timer		 deadline;	/* when the whole job has failed */
	struct timer		 delay;		/* until started the resolution delay, then the attempt delay */
	struct dial_failure	 failure;
	size_t			 next[FAMILY_MAX];	/* index of the first address that was not tried */
	enum family		 family;	/* the one whose turn it is */
	uint32_t		 id;
	uint16_t		 flags;		/* enum dial_flag */
	int			 started;	/* an address has been tried */
};

static void	 dial_resolved(void *);
static void	 dial_next(struct dial *);
static const struct address *dial_pick(struct dial *);
static void	 dial_delayed(void *);
static void	 dial_expired(void *);
static void	 dial_success(struct dial *, struct attempt *);
static enum fail_why dial_sentence(struct dial *, char *, size_t);
static void	 dial_fail(struct dial *);
static void	 dial_free(struct dial *);
static struct dial *dial_find(uint32_t);
static int	 dial_permitted(struct dial *, const struct address *);
static int	 dial_try(struct dial *, const struct address *);
static void	 dial_tried(struct attempt *, int);
static int	 dial_path(struct path *, const struct msg_dial *);

struct dial_times	 dial_times = { 50, 250, 10000 };

static TAILQ_HEAD(, dial)	 dials = TAILQ_HEAD_INITIALIZER(dials);
static size_t			 ndials;

/*
 * Start one job, which ends with dialer_connected() or dialer_failed(), possibly before this returns, or with dial_cancel().
 * The caller has made sure that the request's id is not in use, that its host ends in NUL, and that port and timeout are not 0.
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
	d->flags = m->flags;
	d->family = FAMILY_V6;
	failure_init(&d->failure, m->host, m->port, m->timeout);
	timer_init(&d->deadline, dial_expired, d);
	timer_init(&d->delay, dial_delayed, d);
	timer_in(&d->deadline, m->timeout);
	TAILQ_INSERT_TAIL(&dials, d, entry);
	ndials++;
	if (dial_path(&d->path, m) == -1) {
		dial_free(d);
		dialer_failed(m->id, WHY_CONFIG, "settings.source_address, domain.address or settings.socks is not numeric");
		return;
	}
	if ((d->lookup = resolve_start(m->host, dial_resolved, d)) == NULL) {
		failure_lookup(&d->failure, WHY_LOCAL_TEMP, "too many lookups at once");
		dial_fail(d);
		return;
	}
	dial_resolved(d);
}

/* Forget a job; nobody is told.  A job that does not exist was answered just before. */
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

/*
 * The lookup has an answer more.  RFC 8305 section 3: one for AAAA starts the attempts at once, one for A waits a moment for AAAA.
 */
static void
dial_resolved(void *arg)
{
	struct dial		*d = arg;
	const struct answer	*v6 = &d->lookup->answer[FAMILY_V6], *v4 = &d->lookup->answer[FAMILY_V4];

	if (d->started) {
		if (!timer_armed(&d->delay))
			dial_next(d);
	} else if (v6->n > 0 || resolve_done(d->lookup))
		dial_next(d);
	else if (v4->n > 0 && !timer_armed(&d->delay))
		timer_in(&d->delay, dial_times.resolution_delay);
}

/* Try the next address; ends the job if there is none and none will come.  d may be gone afterwards. */
static void
dial_next(struct dial *d)
{
	const struct address	*addr;

	timer_stop(&d->delay);
	while ((addr = dial_pick(d)) != NULL) {
		if (!dial_permitted(d, addr))
			continue;
		if (dial_try(d, addr)) {
			timer_in(&d->delay, dial_times.attempt_delay);
			return;
		}
	}
	if (TAILQ_EMPTY(&d->attempts) && resolve_done(d->lookup))
		dial_fail(d);
}

/*
 * Whether a job may talk to an address; asked ahead of the connection, and again of the address that the socket is connected to.
 * Somebody who writes his own record learns nothing of an address that was refused, not even that there is one.
 */
static int
dial_permitted(struct dial *d, const struct address *addr)
{
	char	 numeric[ADDRESS_STRLEN];
	int	 own = 0;

	if ((d->flags & (DIAL_SELF | DIAL_PUBLIC)) != DIAL_SELF && (own = policy_own(addr)) == -1) {
		d->started = 1;
		failure_address(&d->failure, addr, errno, 0);
		return (0);
	}
	if (!own && ((d->flags & DIAL_PUBLIC) == 0 || policy_public(addr)))
		return (1);
	log_debug("dial %u: %s: %s: not connected to", d->id, address_str(addr, numeric, sizeof(numeric)),
	    own ? "this machine" : "not a public address");
	if ((d->flags & DIAL_PUBLIC) == 0)
		failure_self(&d->failure, addr);
	return (0);
}

/* Begins an attempt at one address.  1: it is under way; 0: it failed at once. */
static int
dial_try(struct dial *d, const struct address *addr)
{
	struct attempt	*t;
	char		 numeric[ADDRESS_STRLEN];
	int		 error, number;

	if ((t = attempt_start(&d->path, addr, d->failure.port, dial_times.attempt, dial_tried, d, &error)) == NULL) {
		number = errno;
		if (error == ATTEMPT_FAMILY || error == ATTEMPT_SOURCE) {
			failure_source(&d->failure, &d->path, error, number);
			return (0);
		}
		d->started = 1;
		failure_address(&d->failure, addr, error, d->path.has_socks);
		return (0);
	}
	d->started = 1;
	log_trace("dial %u: connecting to %s, port %u%s", d->id, address_str(addr, numeric, sizeof(numeric)), d->failure.port,
	    d->path.has_socks ? ", through the SOCKS server" : "");
	TAILQ_INSERT_TAIL(&d->attempts, t, entry);
	return (1);
}

/* An attempt has ended: with a connection if error is 0. */
static void
dial_tried(struct attempt *t, int error)
{
	struct dial	*d = t->arg;
	struct address	 peer;
	int		 refused = 0;

	if (error == 0 && !d->path.has_socks) {
		peer.len = sizeof(peer.u);
		if (getpeername(t->fd, &peer.u.sa, &peer.len) == -1)
			error = errno;
		else
			refused = !dial_permitted(d, &peer);
	}
	if (error == 0 && !refused) {
		dial_success(d, t);
		return;
	}
	if (error != 0)
		failure_address(&d->failure, t->addr, error, t->proxy);
	TAILQ_REMOVE(&d->attempts, t, entry);
	attempt_free(t);
	dial_next(d);
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
dial_delayed(void *arg)
{
	dial_next(arg);
}

static void
dial_expired(void *arg)
{
	struct dial	*d = arg;
	struct attempt	*t;

	if (!d->started)
		failure_lookup(&d->failure, WHY_DNS_TEMP, "the name servers took too long");
	TAILQ_FOREACH(t, &d->attempts, entry)
		failure_address(&d->failure, t->addr, ETIMEDOUT, t->proxy);
	d->failure.expired = 1;
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

/* Puts the whole sentence about a failed job into text, and returns its reason, which is never WHY_NONE. */
static enum fail_why
dial_sentence(struct dial *d, char *text, size_t size)
{
	const char	*phrase;
	enum fail_why	 why;
	int		 f;

	if (d->failure.rank == 0) {
		if ((why = failure_untried(&d->failure, text, size)) != WHY_NONE)
			return (why);
		why = resolve_why(d->lookup, &phrase);
		failure_lookup(&d->failure, phrase != NULL ? why : WHY_POLICY, phrase != NULL ? phrase : "no address may be used");
	}
	for (f = 0; d->started && f < FAMILY_MAX; f++)
		if (d->lookup->answer[f].why == WHY_DNS_TEMP)
			failure_family(&d->failure, f, d->lookup->answer[f].text);
	return (failure_finish(&d->failure, text, size));
}

/*
 * The job has failed.  As long as no public address was tried, somebody who writes his own record is told the same of every name
 * and address: otherwise the error would map the network behind this machine, names included.
 */
static void
dial_fail(struct dial *d)
{
	char		 text[PROTO_TEXT_SIZE];
	enum fail_why	 why;
	uint32_t	 id = d->id;
	int		 hidden;

	hidden = (d->flags & DIAL_PUBLIC) != 0 && (!d->started || d->failure.rank == 0) && d->failure.sources[0] == '\0';
	why = dial_sentence(d, text, sizeof(text));
	if (hidden) {
		log_debug("dial %u: %s", id, text);
		why = WHY_POLICY;
		strlcpy(text, DIAL_NEUTRAL, sizeof(text));
	}
	dial_free(d);
	dialer_failed(id, why, text);
}

static void
dial_free(struct dial *d)
{
	struct attempt	*t;

	while ((t = TAILQ_FIRST(&d->attempts)) != NULL) {
		TAILQ_REMOVE(&d->attempts, t, entry);
		attempt_free(t);
	}
	timer_stop(&d->deadline);
	timer_stop(&d->delay);
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

/* The source addresses and the SOCKS server of a request.  0, or -1: one of them is no numeric address. */
static int
dial_path(struct path *path, const struct msg_dial *m)
{
	size_t	 i;

	for (i = 0; i < nitems(m->source) && m->source[i][0] != '\0'; i++)
		if (!address_parse(m->source[i], &path->source[path->nsource++]))
			return (-1);
	if (m->socks[0] == '\0')
		return (0);
	path->has_socks = 1;
	return (address_parse_port(m->socks, &path->socks) ? 0 : -1);
}
