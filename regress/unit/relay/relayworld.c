/* SPDX-License-Identifier: ISC */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/ipc/proto_dialer.h"
#include "common/log.h"
#include "relayworld.h"

struct options		 options;
struct config		*config_running;
struct task		*sched_tasks;
size_t			 sched_ntasks;
struct config		 config;
struct nexthop_row	 nexthops[3];
struct relay_row	 rows[NROWS];
struct child		 dialer, deliverer, sender;
static struct worker	 workers[256];
struct dial { void (*done)(void *, const struct dialed *); void *arg; };
struct spool_ask { void (*done)(void *, const struct spool_answer *); void *arg; };
static struct dial	 dials[256];
static struct spool_ask	 asks[256];
static uint32_t		 nasks;
struct sent		 sent[NROWS * 4];
size_t			 nsent, ngrown, ntried;
int64_t			 now = 1000000, wall = 1760000000, tick;
unsigned		 nrounds;
int			 locked;
char			 gone[PROTO_LINK_SIZE];
size_t			 nproofs, nsentmarks, nnotices;
char			 notice[2048];

static uint32_t		 sessions;
static char		 told[PROTO_SENDER_SIZE], told_about[PROTO_LINK_SIZE];
static int64_t		 told_at;
static uint8_t		 tried[NROWS];

int64_t
clock_msec(void)
{
	return (now += tick);
}

time_t
time(time_t *t)
{
	if (t != NULL)
		*t = wall;
	return (wall);
}

static struct sent *
world_note(uint32_t type, uint32_t id, const char *text)
{
	struct sent	*s = &sent[nsent++];

	assert_true(nsent < nitems(sent));
	memset(s, 0, sizeof(*s));
	s->type = type;
	s->id = id;
	strlcpy(s->text, text, sizeof(s->text));
	return (s);
}

int
link_send(struct link *l, uint32_t type, int fd, const void *data, size_t len)
{
	const struct msg_send_mail	*mail = data;
	const struct msg_send_rcpt	*rcpt = data;
	const struct msg_dsn		*report = data;
	const struct msg_dsn_rcpt	*about = data;
	struct sent			*s;

	assert_true(l->open);
	if (fd != -1)
		close(fd);
	if (type == IMSG_DSN_RCPT) {
		s = &sent[nsent - 1];
		assert_int_equal(s->type, IMSG_DSN_MAKE);
		assert_int_equal(s->id, about->id);
		assert_true(s->mail++ < s->n);
		snprintf(s->text + strlen(s->text), sizeof(s->text) - strlen(s->text), " %.200s %s|%.90s", about->recipient,
		    about->status, about->text);
		return (0);
	}
	s = world_note(type, len >= sizeof(uint32_t) ? *(const uint32_t *)data : 0, "");
	if (type == IMSG_SEND_MAIL) {
		s->mail = mail->mail;
		s->n = mail->rcpts;
		strlcpy(s->text, mail->sender, sizeof(s->text));
	} else if (type == IMSG_SEND_RCPT) {
		s->mail = rcpt->mail;
		s->n = rcpt->rcpt;
		strlcpy(s->text, rcpt->address, sizeof(s->text));
	} else if (type == IMSG_DSN_MAKE) {
		s->n = report->rcpts;
		snprintf(s->text, sizeof(s->text), "%.200s", report->sender);
	}
	return (0);
}

struct dial *
dial_start(uint32_t id, const char *host, uint16_t port, uint16_t flags, const char *source,
    void (*done)(void *, const struct dialed *), void *arg)
{
	assert_int_equal(flags, DIAL_SELF);
	assert_null(source);
	assert_int_equal(port, 24);
	world_note(IMSG_DIAL, id, host);
	dials[id % nitems(dials)] = (struct dial){ done, arg };
	return (&dials[id % nitems(dials)]);
}

void
dial_cancel(struct dial *d)
{
	d->done = NULL;
}

static void
world_dial_ends(uint32_t id, const struct dialed *how)
{
	struct dial	d = dials[id % nitems(dials)];

	dial_cancel(&dials[id % nitems(dials)]);
	assert_non_null(d.done);
	d.done(d.arg, how);
}

void
world_dialed(uint32_t id)
{
	world_dial_ends(id, &(struct dialed){ .fd = dup(0), .address = "192.0.2.1" });
}

void
world_dial_failed(uint32_t id, const char *text)
{
	world_dial_ends(id, &(struct dialed){ .fd = -1, .why = WHY_REFUSED, .text = text });
}

struct spool_ask *
spool_open(const char *link, void (*done)(void *, const struct spool_answer *), void *arg)
{
	if (!deliverer.ready)
		return (NULL);
	world_note(IMSG_SPOOL_OPEN, nasks, link);
	asks[nasks % nitems(asks)] = (struct spool_ask){ done, arg };
	return (&asks[nasks++ % nitems(asks)]);
}

void
spool_cancel(struct spool_ask *ask)
{
	ask->done = NULL;
}

void
world_opened(int error)
{
	struct spool_ask	*ask = &asks[world_last(IMSG_SPOOL_OPEN)->id % nitems(asks)];
	struct spool_answer	 a = { .opened = 1, .fd = error == 0 ? open("/dev/null", O_RDONLY) : -1, .octets = 100, .error = error };

	assert_non_null(ask->done);
	ask->done(ask->arg, &a);
}

struct spool_ask *
spool_set_aside(const char *file, uint32_t act, const char *dest, void (*done)(void *, const struct spool_answer *), void *arg)
{
	(void)act;
	(void)dest;
	return (spool_open(file, done, arg));
}

void
spool_remove(const char *link)
{
	world_note(IMSG_SPOOL_REMOVE, 0, link);
}

int
spool_has(const char *link)
{
	return (strcmp(link, gone) != 0);
}

void
spool_move(int64_t pending, const char *link, const char *dest)
{
	world_note(IMSG_SPOOL_MOVE, pending, dest);
	(void)link;
}

void
refresh_children(int tls_failed __unused)
{
}

struct child *
child_current(enum role role)
{
	struct child	*c = role == ROLE_DIALER ? &dialer : role == ROLE_SENDER ? &sender : &deliverer;

	return (c->ready ? c : NULL);
}

struct child *
worker_template(enum role role)
{
	return (child_current(role));
}

/* Each session has one, whose channel is as open as the template's. */
struct worker *
worker_start(struct child *template, uint32_t id, const char *label, const struct rule *rules, size_t nrules, void (*died)(void *),
    void *arg)
{
	struct worker	*w = &workers[id % nitems(workers)];

	assert_ptr_equal(template, &sender);
	assert_null(w->arg);
	(void)label;
	(void)rules;
	(void)nrules;
	*w = (struct worker){ .template = template, .id = id, .died = died, .arg = arg, .link = { .open = 1 } };
	return (w);
}

void
worker_leave(struct worker *w)
{
	w->arg = NULL;
}

void
worker_kill(struct worker *w)
{
	world_died(w->id);
}

int
worker_log(void *arg, struct imsg *imsg)
{
	(void)arg;
	(void)imsg;
	return (0);
}

struct worker *
world_worker(uint32_t id)
{
	return (&workers[id % nitems(workers)]);
}

void
world_died(uint32_t id)
{
	struct worker	*w = world_worker(id);
	void		*arg = w->arg;

	w->arg = NULL;
	if (arg != NULL)
		w->died(arg);
}

void
child_use(struct child *c)
{
	c->users++;
}

void
child_release(struct child *c)
{
	assert_true(c->users-- > 0);
}

uint32_t
state_next_session(void)
{
	return (++sessions);
}

static struct relay_row *
world_find(int64_t id)
{
	return (id > 0 && id < NROWS && rows[id].id == id ? &rows[id] : NULL);
}

enum db
state_relay_each(int (*cb)(void *, const struct relay_row *), void *arg)
{
	size_t	 i;

	for (i = 1; i < NROWS; i++)
		if (rows[i].id != 0 && cb(arg, &rows[i]) != 0)
			break;
	return (DB_OK);
}

enum db
state_relay_get(int64_t id, struct relay_row *row)
{
	if (world_find(id) == NULL)
		return (DB_NONE);
	*row = *world_find(id);
	return (DB_OK);
}

enum db
state_relay_change(struct relay_change *c, size_t n)
{
	struct relay_row	*r;
	size_t			 i;

	if (locked)
		return (DB_BUSY);
	for (i = 0; i < n; i++) {
		if ((r = world_find(c[i].id)) == NULL)
			continue;
		if (c[i].status != NULL)
			strlcpy(r->status, c[i].status, sizeof(r->status));
		if (c[i].what == RELAY_REHOP)
			r->nexthop = c[i].nexthop;
		else if (c[i].what == RELAY_DONE)
			r->id = 0;
		else if (c[i].what == RELAY_AGAIN) {
			r->next = c[i].next;
			r->tries++;
		} else if (c[i].what == RELAY_WANT || c[i].what == RELAY_LOST || c[i].what == RELAY_FOUND)
			r->body = c[i].what == RELAY_WANT ? BODY_WANTED : c[i].what == RELAY_LOST ? BODY_LOST : BODY_HERE;
		else
			r->state = c[i].what == RELAY_HOLD ? RELAY_QUARANTINED : RELAY_FAILED;
	}
	return (0);
}

enum db
state_hop_name(uint32_t id, char *name, size_t size)
{
	snprintf(name, size, "gone%u", id);
	return (DB_OK);
}

enum db
state_hops_gone(const char *name, uint32_t *list, size_t max, size_t *n)
{
	assert_true(max > 0);
	list[0] = strcmp(name, "gone9") == 0 ? 9 : 0;
	*n = list[0] != 0;
	return (DB_OK);
}

/* Those whose message is no longer on its server: of messages over 100. */
enum db
state_relay_orphans(int (*cb)(void *, const struct relay_row *), void *arg)
{
	size_t	 i;

	for (i = 1; i < NROWS; i++)
		if (rows[i].id != 0 && rows[i].body == BODY_WANTED && rows[i].mailbox > 100 && cb(arg, &rows[i]) != 0)
			break;
	return (DB_OK);
}

enum db
state_relay_sent(const int64_t *ids, size_t n, int64_t when)
{
	size_t	 i;

	if (locked)
		return (DB_BUSY);
	for (i = 0; i < n; i++)
		world_find(ids[i])->sent = when;
	nsentmarks++;
	return (DB_OK);
}

enum db
state_relay_prove(int first, int64_t when)
{
	(void)first;
	(void)when;
	if (locked)
		return (DB_BUSY);
	nproofs++;
	return (DB_OK);
}

enum db
state_relay_of(int64_t mailbox, const uint8_t *uid, size_t uidlen, int (*cb)(void *, const struct relay_row *), void *arg)
{
	size_t	 i;

	(void)uid;
	for (i = 1; i < NROWS; i++)
		if (rows[i].id != 0 && rows[i].mailbox == mailbox && rows[i].uidlen == uidlen && cb(arg, &rows[i]) != 0)
			break;
	return (DB_OK);
}

enum db
state_told(const char *address, const char *about, int64_t *at)
{
	if (strcmp(told, address) != 0 || strcmp(told_about, about) != 0)
		return (DB_NONE);
	*at = told_at;
	return (DB_OK);
}

enum db
state_relay_reported(const int64_t *ids, size_t n, const struct relay_report *r, int64_t *made)
{
	size_t	 i;

	if (locked)
		return (DB_BUSY);
	for (i = 0; i < n; i++) {
		assert_non_null(world_find(ids[i]));
		assert_int_equal(rows[ids[i]].state, RELAY_FAILED);
		rows[ids[i]].id = 0;
	}
	strlcpy(told, r->sender, sizeof(told));
	strlcpy(told_about, r->about, sizeof(told_about));
	told_at = wall;
	*made = 1000;
	if (r->nexthop == 0)
		return (0);
	*made = world_row(0, r->nexthop, NOTIFY_NEVER, "");
	strlcpy(rows[*made].dest, r->dest, sizeof(rows[*made].dest));
	strlcpy(rows[*made].link, r->link, sizeof(rows[*made].link));
	return (0);
}

int
notice_link_sane(const char *link)
{
	return (link[0] != '\0');
}

/* The only account is the postmaster, whose mail goes to this next hop; 0: into a Maildir. */
void
world_postmaster(uint32_t nexthop)
{
	const struct route_account	 postmaster = { .id = 1, .nexthop = nexthop, .dir = "example.org/pm" };

	route_free(config.routes);
	assert_non_null(config.routes = route_new(1, 0, 0, 0));
	assert_int_equal(route_account_add(config.routes, &postmaster), 0);
}

const struct nexthop_row *
config_nexthop(const struct config *c, uint32_t id)
{
	return (id >= 1 && id <= c->nnexthops ? &nexthops[id - 1] : NULL);
}

ssize_t
config_nexthop_secret(const char *path, const struct nexthop_row *row, uint8_t *secret, char *err, size_t errsize)
{
	(void)path;
	(void)row;
	memcpy(secret, "word", 4);
	snprintf(err, errsize, "%s", "");
	return (4);
}

int
pem_read(enum pem_kind kind, const char *path, struct pem *pem, char *err, size_t errsize)
{
	(void)kind;
	(void)pem;
	snprintf(err, errsize, "%s: none here", path);
	return (-1);
}

void
pem_free(struct pem *pem)
{
	(void)pem;
}

void
world_tried(int64_t id)
{
	ntried += !tried[id];
	tried[id] = 1;
}

void
child_rules(enum role role, const struct rule *r, size_t n)
{
	assert_int_equal(role, ROLE_DELIVERER);
	(void)r;
	(void)n;
}

void
notice_send(uint32_t account, const char *record, const char *subject, const char *fmt, ...)
{
	(void)account;
	(void)record;
	(void)fmt;
	strlcpy(notice, subject, sizeof(notice));
	nnotices++;
}

void
quarantine_grew(void)
{
	ngrown++;
}

static void
a_round(void)
{
	nrounds++;
}

static void
quiet(enum log_level level, const char *text)
{
	(void)level;
	(void)text;
}

static void
world_child(struct child *c, enum role role)
{
	memset(c, 0, sizeof(*c));
	c->role = role;
	c->ready = c->link.open = 1;
	c->pid = -1;
}

int
world_setup(void **state)
{
	static int	 once;
	uint32_t	 i;

	(void)state;
	if (!once++) {
		event_init();
		turn_init(a_round);
	}
	log_setsink(quiet);
	memset(&options, 0, sizeof(options));
	config_running = NULL;
	sched_tasks = NULL;
	sched_ntasks = 0;
	turn_stopping = turn_failed = 0;
	route_free(config.routes);
	memset(&config, 0, sizeof(config));
	config_running = &config;
	config.nexthops = nexthops;
	config.nnexthops = nitems(nexthops);
	config.settings.queue_age = 5 * 86400;
	config.settings.queue_limit = 1000;
	config.settings.postmaster = 1;
	world_postmaster(0);
	told[0] = '\0';
	for (i = 0; i < nitems(nexthops); i++)
		nexthops[i] = (struct nexthop_row){ .id = i + 1, .name = "hop", .host = "mx.example.net", .port = 24, .path = "",
		    .tls_name = "", .ca_file = "", .user = "", .helo = "", .protocol = SEND_LMTP, .tls = TLS_MODE_NONE,
		    .connections = 2, .timeout = 300, .bounce_to = "" };
	nexthops[2].path = "/nowhere/at/all";
	memset(rows, 0, sizeof(rows));
	world_child(&dialer, ROLE_DIALER);
	world_child(&deliverer, ROLE_DELIVERER);
	world_child(&sender, ROLE_SENDER);
	locked = 0;
	relay_start(world_tried);
	gone[0] = '\0';
	nproofs = nsentmarks = nnotices = 0;
	ngrown = ntried = 0;
	memset(tried, 0, sizeof(tried));
	world_forget();
	return (0);
}

/* Everything ends: connections, and then the rows, however they are. */
int
world_teardown(void **state)
{
	struct relay_item	*it;
	size_t			 i;

	(void)state;
	locked = 0;
	world_later(40000);
	result_retry(NULL);
	sender.link.open = 0;
	job_template_died(&sender);
	for (i = 0; i < nitems(workers); i++)
		world_died(i);
	for (i = 0; i < nitems(dials); i++)
		if (dials[i].done != NULL)
			world_dial_ends(i, &(struct dialed){ .fd = -1, .died = 1 });
	for (i = 1; i < NROWS; i++)
		if ((it = queue_waiting(i)) != NULL)
			queue_forget(it);
	for (i = 0; i <= nitems(nexthops) + 10; i++) {
		queue_hop(i)->quarantined = 0;
		hop_works(queue_hop(i));
	}
	memset(rows, 0, sizeof(rows));
	dsn_died(&deliverer);
	world_later(2 * 86400000);
	relay_run();		/* rows that are gone are not reported */
	return (job_count() + sender.users);
}

void
world_later(int64_t msec)
{
	now += msec;
	wall += msec / 1000;
}

int64_t
world_row(int message, uint32_t nexthop, enum notify notify, const char *from)
{
	struct relay_row	*r;
	int64_t			 id;

	for (id = 1; rows[id].id != 0; id++)
		assert_true(id < NROWS - 1);
	r = &rows[id];
	memset(r, 0, sizeof(*r));
	r->id = id;
	r->mailbox = 1;
	r->body = BODY_HERE;
	r->nexthop = nexthop;
	r->notify = notify;
	r->arrived = r->next = wall;
	snprintf(r->link, sizeof(r->link), "1700000000.M1P2S3N%dR%lld.host", message, (long long)id);
	snprintf(r->dest, sizeof(r->dest), "r%lld@example.org", (long long)id);
	strlcpy(r->sender, from, sizeof(r->sender));
	return (id);
}

void
world_commit(int64_t first, int64_t last)
{
	relay_committed(&rows[first], last - first + 1);
	relay_run();
}

size_t
world_count(uint32_t type)
{
	size_t	 i, n = 0;

	for (i = 0; i < nsent; i++)
		n += sent[i].type == type;
	return (n);
}

const struct sent *
world_last(uint32_t type)
{
	size_t	 i;

	for (i = nsent; i-- > 0;)
		if (sent[i].type == type)
			return (&sent[i]);
	return (NULL);
}

void
world_forget(void)
{
	nsent = 0;
}

void
world_connect(void)
{
	assert_non_null(world_last(IMSG_DIAL));
	world_dialed(world_last(IMSG_DIAL)->id);
	world_open();
}

void
world_open(void)
{
	assert_non_null(world_last(IMSG_SPOOL_OPEN));
	world_opened(0);
}

void
world_answer(const char *results)
{
	static const char	 letters[] = "?atpd";
	struct msg_sent_rcpt	 m;
	struct msg_sent_mail	 end;
	const struct sent	*mail = world_last(IMSG_SEND_MAIL);
	uint32_t		 i, id, number;

	assert_non_null(mail);
	assert_int_equal(mail->n, strlen(results));
	id = mail->id;
	number = mail->mail;
	for (i = 0; results[i] != '\0'; i++) {
		memset(&m, 0, sizeof(m));
		m.id = id;
		m.mail = number;
		m.rcpt = i;
		m.result = strchr(letters, results[i]) - letters;
		snprintf(m.status, sizeof(m.status), "%s", results[i] == 'a' ? "2.1.5" : results[i] == 'p' ? "5.1.1" : "4.2.0");
		snprintf(m.text, sizeof(m.text), "answer %c", results[i]);
		assert_int_equal(job_sent_rcpt(world_worker(id), &m), 0);
	}
	end = (struct msg_sent_mail){ id, number };
	assert_int_equal(job_sent_mail(world_worker(id), &end), 0);
}

void
world_end(enum fail_why why, int temp)
{
	struct msg_sent_end	 m = { .id = world_last(IMSG_SEND_START)->id, .why = why, .temp = temp, .text = "the end" };

	assert_int_equal(job_sent_end(world_worker(m.id), &m), 0);
	relay_run();
}
