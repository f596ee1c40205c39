/* SPDX-License-Identifier: ISC */
/*
 * Sessions of popd: each is a process that popd has forked for a connection, and greets with what the master says.  pop_int.h has
 * their states.  A session names no account: who has logged in is what the auth process says, and which mailbox that opens is
 * decided here.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/hex.h"
#include "common/ipc/proto_ctl.h"
#include "common/log.h"
#include "rpopd/auth/auth.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/turn/turn.h"
#include "pop_int.h"

#define BIT(state)	(1U << (state))
#define LOGIN_TIMEOUT	60000		/* ms for all of AUTHORIZATION, handshake included */
#define SESSION_TIMEOUT	86400000	/* ms in all */
#define BOX_GRACE	30000		/* ms for the process of a mailbox to finish behind its session */
#define STOP_GRACE	120000		/* ms for a session that was told to end; what it is deleting may take its time */
#define SPARE		1000		/* sessions more than pop_channels, of a popd ahead of this one, and refused ones */
#define TURNED_PAUSE	60000		/* ms between two lines about connections that were sent away */
#define NONCE_LEN	16

static void	 session_greet(struct pop_session *);
static const char *session_refusal(const struct pop_session *);
static int	 session_sign(void *, struct imsg *);
static int	 session_secured(void *, struct imsg *);
static int	 session_told(void *, struct imsg *);
static void	 session_died(void *);
static void	 session_log(const struct pop_session *);
static uint32_t	 session_rights(const struct pop_session *);
static void	 session_stop(struct pop_session *);
static void	 session_clock(void *);
static void	 session_overdue(void *);
static void	 session_gone(struct pop_session *);
static void	 address_read(const char *, uint8_t [POP_ADDRESS_LEN]);
static int	 address_loopback(const char *);

/* What a session may say. */
static const struct rule	 session_rules[] = {
	{ IMSG_LOG,		RULES_ANY,				worker_log },
	{ IMSG_POP_LOGIN,	BIT(POP_GREETED) | BIT(POP_READING),	login_begin },
	{ IMSG_POP_ALERTED,	BIT(POP_GREETED),			alert_told },
	{ IMSG_POP_SIGN,	BIT(POP_GREETED),			session_sign },
	{ IMSG_POP_SECURE,	BIT(POP_GREETED) | BIT(POP_READING),	session_secured },
	{ IMSG_POP_XMIT,	BIT(POP_READING),			xmit_begin },
	{ IMSG_POP_END,		RULES_ANY,				session_told },
};

static const enum pop_count	 of_limit[POP_LIMIT_MAX] = {
	[POP_LIMIT_CHANNELS] = COUNT_CHANNELS, [POP_LIMIT_LISTENER] = COUNT_LISTENER, [POP_LIMIT_ADDRESS] = COUNT_ADDRESS
};

static LIST_HEAD(, pop_session)	 sessions = LIST_HEAD_INITIALIZER(sessions);
static uint32_t			 nsessions;	/* with a process, refused ones included */
static uint32_t			 nserved;	/* without those */
static uint32_t			 last_id;
static struct msg_pop_start	 offers;	/* what every greeting has, of the configuration in force */

void
pop_start(const struct pop_calls *calls)
{
	child_pop_level(config_running->settings.pop_log_level);
	xmit_start(calls);
	descriptors_begin();
	descriptors_tell();
	session_offers();
	alert_reload();
	last_start();
	listen_start();
}

void
pop_reload(void)
{
	child_pop_level(config_running->settings.pop_log_level);
	descriptors_tell();
	session_offers();
	listen_reload();
	session_reload();
	alert_reload();
	last_reload();
}

void
pop_stop(void)
{
	listen_stop();
	session_stop_all();
	last_stop();
}

int
pop_busy(void)
{
	return (!LIST_EMPTY(&sessions));
}

uint32_t
pop_running(void)
{
	return (nsessions);
}

/* What CAPA says of accounts (RFC 2449): the most that any of them wants, and whether they differ. */
void
session_offers(void)
{
	const struct config		*c = config_running;
	const struct pop_account	*p;

	memset(&offers, 0, sizeof(offers));
	offers.login_delay = c->settings.pop_login_delay;
	offers.expire = UINT32_MAX;
	for (p = c->pops; p < c->pops + c->npops; p++) {
		if (!p->pop)
			continue;
		offers.login_delay_user |= p->login_delay != c->settings.pop_login_delay;
		if (p->login_delay > offers.login_delay)
			offers.login_delay = p->login_delay;
		offers.expire_user |= p->expire_days != UINT32_MAX;
		if (p->expire_days < offers.expire)
			offers.expire = p->expire_days;
	}
	offers.idle_timeout = c->settings.pop_idle * 1000;
	offers.login_timeout = LOGIN_TIMEOUT;
	offers.session_timeout = SESSION_TIMEOUT;
	strlcpy(offers.host, c->settings.hostname, sizeof(offers.host));
}

/* IMSG_POP_SESSION: popd has taken a connection and forked a session for it. */
int
session_new(void *arg, struct imsg *imsg)
{
	struct child		*c = arg;
	struct msg_pop_session	 m;
	struct pop_session	*s;
	char			 label[PROTO_TEXT_SIZE];
	int			 fd;

	if ((fd = imsg_get_fd(imsg)) == -1)
		return (-1);
	if (rules_payload(imsg, &m) == -1 || !proto_client(m.peer, sizeof(m.peer)) || !proto_client(m.local, sizeof(m.local)) ||
	    m.peer_port > UINT16_MAX) {
		close(fd);
		return (-1);
	}
	/* popd counts, too; but its successor counts from zero, and one that was taken over not at all.  Without us a session ends. */
	if (nsessions >= config_running->settings.pop_channels + SPARE) {
		close(fd);
		return (0);
	}
	if ((s = calloc(1, sizeof(*s))) == NULL)
		fatal("session");
	if (++last_id == 0)
		last_id = 1;
	s->id = last_id;
	s->box_fd = -1;
	s->listener = m.listener;
	s->since = time(NULL);
	s->peer_port = m.peer_port;
	strlcpy(s->peer, m.peer, sizeof(s->peer));
	strlcpy(s->local, m.local, sizeof(s->local));
	address_read(s->peer, s->address);
	timer_init(&s->clock, session_clock, s);
	timer_init(&s->last, session_overdue, s);
	snprintf(label, sizeof(label), "POP %u [%s]", s->id, s->peer);
	if ((s->worker = worker_adopt(c, m.id, fd, label, session_rules, nitems(session_rules), session_died, s)) == NULL) {
		if (errno != EEXIST)
			log_warn("%s", label);
		fd = errno == EEXIST ? -1 : 0;
		free(s);
		return (fd);
	}
	s->worker->link.state = s->state;
	s->worker->link.polite = 1;	/* a session that does not read what it asked for asks no more */
	session_greet(s);
	LIST_INSERT_HEAD(&sessions, s, entry);
	nsessions++;
	if (!s->refused) {
		count_add(COUNT_CONNECTIONS, 1);
		count_running(++nserved);
	}
	/* A popd that has forked this often is replaced; its sessions go on. */
	if (c->served >= TEMPLATE_SESSIONS && child_current(ROLE_POPD) == c)
		child_retire(ROLE_POPD);
	return (0);
}

/* IMSG_POP_TURNED: a connection too many was sent away.  Anybody can bring that about: it is told once a minute. */
int
session_turned(void *arg, struct imsg *imsg)
{
	static int64_t		 told;		/* monotonic ms; 0: never */
	struct msg_pop_turned	 m;
	int64_t			 now = clock_msec();
	uint32_t		 limit;

	(void)arg;
	if (rules_payload(imsg, &m) == -1 || m.limit >= POP_LIMIT_MAX || !proto_client(m.peer, sizeof(m.peer)))
		return (-1);
	for (limit = 0; limit < POP_LIMIT_MAX; limit++)
		count_add(of_limit[limit], m.count[limit]);
	if (told != 0 && now - told < TURNED_PAUSE)
		return (0);
	told = now;
	pop_log(LOG_LEVEL_PROBLEMS, "POP: a connection of %s was sent away: %s", m.peer, m.limit == POP_LIMIT_ADDRESS ?
	    "it has settings.pop_per_address sessions already" :
	    "there are as many sessions as there may be (pop_channels, channels)");
	return (0);
}

/*
 * The session greets its client, or sends him away.  Where TLS comes first he would have to shake hands to hear that, and could
 * take his time for it: there it is ended at once.
 */
static void
session_greet(struct pop_session *s)
{
	struct msg_pop_start	 m = offers;
	const struct settings	*set = &config_running->settings;
	const char		*refusal = session_refusal(s);
	uint8_t			 nonce[NONCE_LEN];
	char			 digits[NONCE_LEN * 2 + 1];

	m.session = s->id;
	s->clear = set->pop_clear == POP_CLEAR_ALWAYS || (set->pop_clear == POP_CLEAR_LOCAL && address_loopback(s->peer));
	s->secure = listen_is_tls(s->listener);
	m.clear = s->clear;
	if (set->pop_apop && (config_running->login_kinds & BIT(VERIFIER_PLAIN)) != 0) {
		arc4random_buf(nonce, sizeof(nonce));
		hex_encode(digits, nonce, sizeof(nonce));
		digits[sizeof(digits) - 1] = '\0';
		snprintf(s->apop, sizeof(s->apop), "<%s@%.80s>", digits, set->hostname);
	}
	m.mechs = s->mechs = login_mechs(s);
	strlcpy(m.apop, s->apop, sizeof(m.apop));
	if (refusal != NULL) {
		s->refused = 1;
		strlcpy(m.refusal, refusal, sizeof(m.refusal));
		if (s->secure) {
			worker_kill(s->worker);
			return;
		}
	}
	link_send(&s->worker->link, IMSG_POP_START, -1, &m, sizeof(m));
}

/*
 * Why a client is sent away; NULL: he is not.  popd counts, too, but the sessions of a popd ahead of it only the master knows.
 */
static const char *
session_refusal(const struct pop_session *s)
{
	const struct pop_session	*other;
	uint32_t			 all = 0, here = 0, same = 0;

	if (turn_stopping)
		return ("[SYS/TEMP] the server is about to stop, try again later");
	if (auth_blocked(s->peer)) {
		count_add(COUNT_BLOCKED, 1);
		return ("[SYS/TEMP] too many failed logins from your network, try again later");
	}
	LIST_FOREACH(other, &sessions, entry) {
		if (other->worker == NULL || other->refused)
			continue;
		all++;
		here += other->listener == s->listener;
		same += memcmp(other->address, s->address, sizeof(s->address)) == 0;
	}
	if (same >= config_running->settings.pop_per_address)
		count_add(COUNT_ADDRESS, 1);
	else if (listen_channels(s->listener) != 0 && here >= listen_channels(s->listener))
		count_add(COUNT_LISTENER, 1);
	else if (all >= descriptors_channels())
		count_add(COUNT_CHANNELS, 1);
	else
		return (NULL);
	return ("[SYS/TEMP] too many sessions, try again later");
}

/* IMSG_POP_SIGN: the session's client wants TLS. */
static int
session_sign(void *arg, struct imsg *imsg)
{
	struct pop_session	*s = ((struct worker *)arg)->arg;

	(void)imsg;
	if (s == NULL)
		return (0);
	if (s->signs)
		return (-1);
	s->signs = 1;
	link_send(&s->worker->link, IMSG_POP_SIGNER, signer_session(s->listener), NULL, 0);
	return (0);
}

/* IMSG_POP_SECURE */
static int
session_secured(void *arg, struct imsg *imsg)
{
	struct pop_session	*s = ((struct worker *)arg)->arg;
	struct msg_pop_secure	 m;

	if (rules_payload(imsg, &m) == -1 || !proto_text(m.version, sizeof(m.version)) || !proto_text(m.cipher, sizeof(m.cipher)))
		return (-1);
	if (s == NULL)
		return (0);
	s->secure = 1;
	s->tls = m;
	return (0);
}

/* IMSG_POP_END: the last message. */
static int
session_told(void *arg, struct imsg *imsg)
{
	struct pop_session	*s = ((struct worker *)arg)->arg;
	struct msg_pop_end	 m;

	if (rules_payload(imsg, &m) == -1 || m.how >= POP_END_MAX || !proto_text(m.tls, sizeof(m.tls)))
		return (-1);
	if (s == NULL)
		return (0);
	if (s->ended)
		return (-1);
	s->told = m;
	s->ended = 1;
	count_ended(&m);
	worker_leave(s->worker);
	session_gone(s);
	return (0);
}

/* The session's process has died, or broken the rules. */
static void
session_died(void *arg)
{
	session_gone(arg);
}

/*
 * The session has no process any more.  That of its mailbox has a moment to note what was seen; if it was still opening it has the
 * time for that, so that the next session finds its index.
 */
static void
session_gone(struct pop_session *s)
{
	int	 opening = s->state == POP_OPENING;

	s->worker = NULL;
	timer_stop(&s->last);
	nsessions--;
	nserved -= !s->refused;
	login_end(s);
	xmit_end(s);
	session_log(s);
	s->state = POP_ENDED;
	if (s->box != NULL && !opening)
		timer_in(&s->clock, BOX_GRACE);
	else if (s->box == NULL)
		session_box_gone(s);
	turn_soon();
}

/* The process of a session's mailbox has gone; if there is no other process, that is the session's end. */
void
session_box_gone(struct pop_session *s)
{
	s->box = NULL;
	if (s->box_fd != -1)
		close(s->box_fd);
	s->box_fd = -1;
	timer_stop(&s->clock);
	if (s->worker != NULL)
		return;
	LIST_REMOVE(s, entry);
	freezero(s, sizeof(*s));
	turn_soon();
}

/* The process of a session's mailbox takes too long: to open it, or to end. */
static void
session_clock(void *arg)
{
	struct pop_session	*s = arg;

	if (s->box == NULL)
		return;
	log_warnx("POP %u: the process of mailbox %s takes too long and is killed", s->id, s->mailbox);
	worker_kill(s->box);
}

/* A line for each session that somebody has logged in to, and for others at level low. */
static void
session_log(const struct pop_session *s)
{
	static const char *const	 ends[POP_END_MAX] = {
		[POP_END_QUIT] = "QUIT", [POP_END_CLOSED] = "the client hung up", [POP_END_TIMEOUT] = "time was up",
		[POP_END_ABUSE] = "too many bad commands", [POP_END_STOPPED] = "it was stopped",
		[POP_END_FAILED] = "a process failed", [POP_END_TLS] = "TLS failed"
	};
	const struct msg_pop_end	*e = &s->told;
	char				 name[PROTO_ADDR_SIZE * 2], mailbox[sizeof(s->mailbox) * 2], text[PROTO_TEXT_SIZE];

	snprintf(text, sizeof(text), "from %s port %u, %s, %llu octets in, %llu out; end: %s", s->peer, s->peer_port,
	    e->tls[0] != '\0' ? e->tls : s->secure ? "TLS" : "in clear", (unsigned long long)e->octets_in,
	    (unsigned long long)e->octets_out, s->ended ? ends[e->how] : s->refused ? "it was sent away" : "its process died");
	if (s->account == 0) {
		pop_log(LOG_LEVEL_LOW, "POP %u: nobody logged in, %s", s->id, text);
		return;
	}
	log_vis(name, sizeof(name), s->name, strlen(s->name));
	log_vis(mailbox, sizeof(mailbox), s->mailbox, strlen(s->mailbox));
	pop_log(LOG_LEVEL_MAJOR, "POP %u: %s, %s, by %s, %u retrieved, %u looked at, %u deleted, %s", s->id, name, mailbox,
	    auth_mech_str(s->mech), e->retrieved, e->topped, e->deleted, text);
}

/* The session hears that it is not logged in, and why. */
void
session_denied(struct pop_session *s, enum pop_code code, const char *fmt, ...)
{
	struct msg_pop_denied	 m;
	va_list			 ap;

	memset(&m, 0, sizeof(m));
	m.code = code;
	va_start(ap, fmt);
	vsnprintf(m.text, sizeof(m.text), fmt, ap);
	va_end(ap);
	count_denied(code);
	s->state = POP_GREETED;
	s->account = s->owner = 0;
	if (s->worker == NULL)
		return;
	s->worker->link.state = s->state;
	link_send(&s->worker->link, IMSG_POP_DENIED, -1, &m, sizeof(m));
}

/* How many sessions have this account logged in. */
uint32_t
session_of(uint32_t account)
{
	const struct pop_session	*s;
	uint32_t			 n = 0;

	LIST_FOREACH(s, &sessions, entry)
		n += s->worker != NULL && s->account == account;
	return (n);
}

int
session_alerting(int64_t alert)
{
	const struct pop_session	*s;

	LIST_FOREACH(s, &sessions, entry)
		if (s->worker != NULL && s->alert == alert)
			return (1);
	return (0);
}

/* The rights in its mailbox that a session would get now. */
static uint32_t
session_rights(const struct pop_session *s)
{
	const struct route_account	*account = route_account_by_id(config_running->routes, s->account);
	const struct route_account	*owner = route_account_by_id(config_running->routes, s->owner);
	const char			*folder = s->mailbox;
	char				 address[PROTO_ADDR_SIZE];

	if (account == NULL || owner == NULL || !config_pop(config_running, s->account).pop ||
	    route_account_address(owner, address, sizeof(address)) == -1)
		return (0);
	if (account == owner)
		return (UINT32_MAX);
	if (*folder == '~' && strchr(folder, '/') != NULL)
		folder = strchr(folder, '/') + 1;
	return (config_acl(config_running, address, folder, s->name));
}

/*
 * Sessions end whose account or mailbox is not there any more, or that have a right there which they would not get now: they would
 * keep it for as long as they last, the right to delete among them.  All others go on.
 */
void
session_reload(void)
{
	struct pop_session	*s;
	uint32_t		 rights;

	LIST_FOREACH(s, &sessions, entry) {
		if (s->account == 0 || s->worker == NULL)
			continue;
		rights = session_rights(s);
		if ((rights & POP_RIGHT_READ) != 0 && (s->rights & ~rights) == 0)
			continue;
		pop_log(LOG_LEVEL_PROBLEMS, "POP %u: ends, since %s", s->id, (rights & POP_RIGHT_READ) == 0 ?
		    "its account has gone or may not read this mailbox any more" : "its rights in this mailbox have become fewer");
		session_stop(s);
	}
}

static void
session_stop(struct pop_session *s)
{
	if (s->stopped || s->worker == NULL)
		return;
	s->stopped = 1;
	timer_in(&s->last, STOP_GRACE);
	link_send(&s->worker->link, IMSG_POP_STOP, -1, NULL, 0);
}

/* A session that was told to end has not: it is killed, and the process of its mailbox notices. */
static void
session_overdue(void *arg)
{
	struct pop_session	*s = arg;

	log_warnx("POP %u: does not end and is killed", s->id);
	worker_kill(s->worker);
}

void
session_stop_all(void)
{
	struct pop_session	*s;

	LIST_FOREACH(s, &sessions, entry)
		session_stop(s);
}

void
pop_sums(struct ctl_daemon *m)
{
	m->readers = nsessions;
	m->readers_most = config_running->nlisteners == 0 ? 0 : descriptors_channels();
	listen_sums(m);
	count_sums(m);
}

size_t
pop_readers(struct ctl_reader **list)
{
	static const char *const	 states[] = { [POP_GREETED] = "greeted", [POP_LOGIN] = "login", [POP_OPENING] = "opening",
	    [POP_READING] = "reading", [POP_ENDED] = "ended" };
	struct pop_session		*s;
	struct ctl_reader		*r;
	size_t				 n = 0;

	*list = NULL;
	if (nsessions == 0 || (*list = calloc(nsessions, sizeof(**list))) == NULL)
		return (0);
	LIST_FOREACH(s, &sessions, entry) {
		if (s->worker == NULL || n == nsessions)
			continue;
		r = &(*list)[n++];
		r->session = s->id;
		r->since = s->since;
		r->tls = s->secure;
		strlcpy(r->tls_version, s->tls.version, sizeof(r->tls_version));
		strlcpy(r->cipher, s->tls.cipher, sizeof(r->cipher));
		strlcpy(r->account, s->account == 0 ? "" : s->name, sizeof(r->account));
		strlcpy(r->mailbox, s->account == 0 ? "" : s->mailbox, sizeof(r->mailbox));
		strlcpy(r->client, s->peer, sizeof(r->client));
		strlcpy(r->state, states[s->state], sizeof(r->state));
	}
	return (n);
}

/* What counts as one address: with IPv6 the network of 64 bits. */
static void
address_read(const char *text, uint8_t address[POP_ADDRESS_LEN])
{
	struct in6_addr	 v6;

	memset(address, 0, POP_ADDRESS_LEN);
	if (strchr(text, ':') == NULL) {
		(void)inet_pton(AF_INET, text, address + 12);
		address[10] = address[11] = 0xff;
	} else if (inet_pton(AF_INET6, text, &v6) == 1)
		memcpy(address, &v6, 8);
}

static int
address_loopback(const char *text)
{
	struct in6_addr	 v6;
	struct in_addr	 v4;

	if (inet_pton(AF_INET, text, &v4) == 1)
		return ((ntohl(v4.s_addr) >> 24) == IN_LOOPBACKNET);
	return (inet_pton(AF_INET6, text, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6));
}
