/* SPDX-License-Identifier: ISC */
/* links: regress/fuzz/master_stubs.c rpopd/config rpopd/control rpopd/delivery rpopd/poll rpopd/poll/plan rpopd/relay rpopd/sched rpopd/state rpopd/turn */
/* libs: -levent_core -Wl,--wrap=timer_in */
/*
 * A taken-over fetcher session and deliverer against the master: any sequence of messages, well framed or not.  The master must
 * survive, and nothing is ever committed without a unique-id and a recipient (state_commit() of the stubs checks).
 * A trial (try.c) writes nothing to the store whatever they say.  The session is number 1, and a client of popd sends a message
 * under number 2: who sends it is told once what became of it, that it is taken only when it is committed, and nothing if it has
 * left.
 *
 * Input: records of mode (1 octet), type (1), length (2), payload.  The type counts the peer's rules, so that a new message leaves
 * the corpus useful, or with MODE_ANY is a number of messages.h; MODE_FITS brings the payload to the length that is there.
 * The length of the input says what there is: LEN_* below.
 */
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "common/ipc/proto_ctl.h"
#include "common/ipc/proto_popd.h"
#include "common/log.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/control/control_int.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/poll/poll.h"
#include "rpopd/pop/pop.h"
#include "rpopd/relay/relay.h"
#include "rpopd/sched/sched_int.h"
#include "rpopd/turn/turn.h"

#define MODE_DELIVERER	1
#define MODE_ANY	2
#define MODE_FITS	4

#define LEN_LEAVE	1	/* the record leaves mail on the server */
#define LEN_TRY		2	/* a trial */
#define LEN_GONE	4	/* who sends a message has left */
#define LEN_UNLISTED	8	/* the mailbox was never listed */
#define LEN_CLOCK	16	/* timers run between messages; rows come in slices; the first commit finds a lock, ... */
#define LEN_LOCKED	32	/* ... which lasts until nobody waits for what is committed */

enum { TOLD_NOTHING, TOLD_NOT, TOLD_TAKEN };	/* who sends a message */

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);
void	 __real_timer_in(struct timer *, int64_t);
void	 __wrap_timer_in(struct timer *, int64_t);

extern uint32_t	 writes, sent, next_session;	/* master_stubs.c */
extern int	 unlisted, busy, sliced;
extern struct rule	 said[64];	/* what rooms want to hear from the deliverer */
extern size_t		 nsaid;

static int		 soon;		/* so many timers of a second or two run at once */

/* Each timer of the master.  With LEN_CLOCK, what is tried again in a second or two is due at once, behind the message. */
void
__wrap_timer_in(struct timer *t, int64_t ms)
{
	if (soon > 0 && ms >= 1000 && ms <= 2000) {
		soon--;
		ms = 0;
	}
	__real_timer_in(t, ms);
}

static void
quiet(enum log_level level, const char *text)
{
	(void)level;
	(void)text;
}

/* Who asked what becomes of an address. */
void
client_line(struct client *c, const char *text)
{
	if (c == NULL || strlen(text) >= sizeof(((struct ctl_text *)0)->text))
		abort();
}

int client_allowed(struct client *c, struct imsg *i, int root) { (void)c; (void)i; (void)root; return (1); }
void client_send(struct client *c, uint32_t t, const void *p, size_t n) { (void)c; (void)t; (void)p; (void)n; }
void client_reply(struct client *c, int ok, const char *text) { (void)c; (void)ok; (void)text; }
void client_busy(struct client *c, void (*d)(void *), void (*l)(struct client *)) { (void)c; (void)d; (void)l; }
void client_done(struct client *c) { (void)c; }
void client_end(struct client *c, const char *failure) { (void)c; (void)failure; }
int control_name(struct client *c, struct imsg *i, struct ctl_name *m)
{ (void)c; (void)i; strlcpy(m->name, "a@b", sizeof(m->name)); return (0); }

/* IMSG_CTL_ROUTE, as the fuzzer's client asks it. */
void
wait_for(struct client *c, const char *name, int64_t patience, wait_begin begin, wait_refuse refuse)
{
	char	 err[PROTO_TEXT_SIZE];

	(void)patience;
	(void)refuse;
	(void)begin(c, name, err, sizeof(err));
}

static void
tried(struct client *c, const struct ctl_tried *m)
{
	(void)c;
	if (m->number == 0 || !proto_str(m->uid, sizeof(m->uid)) || !proto_str(m->why, sizeof(m->why)))
		abort();
}

static void
tried_envelope(struct client *c, const struct ctl_envelope *m)
{
	(void)c;
	if (!proto_str(m->name, sizeof(m->name)) || m->messages > m->looked || m->counted > m->looked)
		abort();
}

static void
tried_end(struct client *c, int ok, const char *text)
{
	(void)c;
	(void)ok;
	(void)text;
}

static const struct try_calls	 calls = { tried, tried_envelope, tried_end };

/* What became of a message that a client of popd sends: it is told once. */
static void
submitted(void *arg, const struct msg_pop_xmit_done *m)
{
	uint32_t	*told = arg;

	if (*told != TOLD_NOTHING || m->taken != sent || (m->taken ? m->text[0] != '\0' : !proto_text(m->text, sizeof(m->text))))
		abort();
	*told = m->taken ? TOLD_TAKEN : TOLD_NOT;
}

/* Its end of the pipe is closed at once. */
static void
submission(uint32_t *told, int gone)
{
	const struct pop_send	 send = { .account = 1, .nexthop = 1, .address = "a@b", .peer = "192.0.2.1", .done = submitted,
				    .arg = told };
	struct submission	*sub;
	char			 text[PROTO_TEXT_SIZE];
	int			 fd;

	sent = 0;
	*told = TOLD_NOTHING;
	if ((sub = submit_begin(&send, &fd, text, sizeof(text))) == NULL)
		abort();
	close(fd);
	if (gone)
		submit_leave(sub);
}

static struct session *
session(struct record *rec, struct task *t, int try)
{
	static struct routing	 routing;
	struct session		*s;
	char			 err[PROTO_TEXT_SIZE];

	config_routing = &routing;
	memset(t, 0, sizeof(*t));
	t->rec = rec;
	t->mailbox = 1;
	t->host = host_get("h", 995);
	t->due = INT64_MAX;
	if (try) {
		config_running->settings.processors = 1;
		if (try_start(&calls, (struct client *)t, "a@b/c", err, sizeof(err)) == -1)
			abort();
		config_running->settings.processors = 0;
		session_of(t->run)->id = state_next_session();	/* and none of a trial's, which counts on */
		session_of(t->run)->state = SESSION_STARTING;
		session_of(t->run)->dial = NULL;
		session_of(t->run)->forked = session_of(t->run)->opened = 1;
		session_of(t->run)->routing = &routing;
		return (session_of(t->run));
	}
	if ((s = calloc(1, sizeof(*s))) == NULL)
		abort();
	s->id = state_next_session();
	s->mailbox = t->mailbox;
	s->state = SESSION_STARTING;
	s->leave = rec->leave;
	s->forked = s->opened = 1;
	s->routing = &routing;
	sched_begin(&s->run, t);
	return (s);
}

static void
one_round(void)
{
	session_run();
	relay_run();
	sched_run(NULL);
}

/* A record of the input, len octets of payload at p, to a peer's rules.  0, or -1: the peer is at its end. */
static int
dispatch(const struct rule *rules, size_t n, uint32_t state, void *arg, const uint8_t *mode, const uint8_t *p, size_t len)
{
	const uint32_t			 type = mode[0] & MODE_ANY ? mode[1] % IMSG_MAX : rules[mode[1] % n].type;
	const struct message_kind	*m = message_kind(type);
	static const uint8_t		 zeros[MAX_IMSGSIZE];
	const size_t			 min = (mode[0] & MODE_FITS) && m != NULL ? m->min : 0;
	struct imsg			 imsg = { .hdr = { .type = type } };
	struct ibuf			*buf;
	char				 err[256];
	int				 rv;

	if ((mode[0] & MODE_FITS) && m != NULL && len > m->max)
		len = m->max;
	/* A mailbox of millions is legal, and a waste of time here. */
	if (type == IMSG_FETCH_STAT && len >= 4 && (p[2] | p[3]) != 0)
		return (-1);
	buf = ibuf_open(MAX_IMSGSIZE + len);
	ibuf_add(buf, p, len);
	if (len < min)
		ibuf_add(buf, zeros, min - len);
	imsg.buf = buf;
	imsg.hdr.len = IMSG_HEADER_SIZE + (len < min ? min : len);
	imsg.data = ibuf_data(buf);
	rv = rules_dispatch(rules, n, state, arg, &imsg, err, sizeof(err));
	ibuf_free(buf);
	return (rv);
}

/* Timers that are due run, until the session has no work left. */
static void
clock_runs(const struct session *s)
{
	int	 i;

	for (i = 0; i < 8 && (i == 0 || s->working); i++)
		event_loop(EVLOOP_NONBLOCK);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static struct config	 config = { .settings = { .delay_failed_accounts = 300, .delay_failed_hosts = 300, .schedule = "",
				    .source = "", .socks = "", .archive = "", .host_sessions = 1,
				    .queue_limit = INT32_MAX } };
	static struct record	 rec = { .owner = "a@b", .local_domain = "b", .name = "c", .host = "h", .user = "u",
				    .port = 995, .period = 600, .mailbox = "", .special = "X-Original-To", .trusted_hop = "",
				    .strip_prefix = "", .domains = "", .schedule = "",
				    .source = "", .token_command = "", .token_user = "" };
	static const struct delivery_calls calls = { .moved = commit_moved };
	static struct child	 deliverer;
	static int		 ready;
	struct session		*s;
	struct task		 task;
	size_t			 n;
	int			 try = len & LEN_TRY, gone = len & LEN_GONE, clock, over = 0;
	uint32_t		 told;

	if (!ready++) {
		log_setsink(quiet);
		event_init();
		turn_init(one_round);
		sched_init(&session_calls);
		delivery_start(&calls);
		deliverer_start();
		ask_start();
		relay_start(defer_tried);
		TAILQ_INIT(&sched_runs);
	}
	config_running = &config;
	sched_tasks = &task;
	sched_ntasks = 1;
	rec.leave = (len & LEN_LEAVE) != 0;
	unlisted = (len & LEN_UNLISTED) != 0;
	clock = (len & LEN_CLOCK) != 0;
	sliced = clock;
	busy = clock ? 1 + ((len & LEN_LOCKED) != 0) : 0;
	writes = 0;
	next_session = 1;
	child_of[ROLE_DELIVERER] = &deliverer;
	s = session(&rec, &task, try);
	submission(&told, gone);
	(void)ask_rules[0].handler(&task, NULL);
	while (len >= 4 && !over) {
		if ((n = p[2] | (size_t)p[3] << 8) > len - 4)
			n = len - 4;
		soon = clock * 8;
		if ((p[0] & MODE_DELIVERER) == 0)
			over = dispatch(fetch_rules, fetch_nrules, s->state, s, p, p + 4, n) == -1;
		else
			over = dispatch(said, nsaid, 0, &deliverer, p, p + 4, n) == -1;
		if (clock)
			clock_runs(s);
		p += 4 + n;
		len -= 4 + n;
	}
	soon = busy = sliced = 0;
	spool_died(NULL);
	commit_died(NULL);
	submit_died(NULL);
	ask_died(NULL);
	s->exited = 1;
	s->unrecorded = 0;
	session_fail(s, STAGE_RETR, WHY_STOPPED, "end");
	s->closed = 1;
	session_closed(s);
	event_loop(EVLOOP_NONBLOCK);		/* frees it */
	while (commit_blocked())
		event_loop(EVLOOP_ONCE);
	sched_remove(&task);
	if (!TAILQ_EMPTY(&sched_runs) || (try && writes > 0) || told != (gone ? TOLD_NOTHING : sent ? TOLD_TAKEN : TOLD_NOT))
		abort();
	return (0);
}
