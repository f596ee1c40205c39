/* SPDX-License-Identifier: ISC */
/* The master's surroundings for fuzz_master.c and fuzz_control.c: a store that remembers nothing, children that do not exist. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/control/control_int.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/poll/plan/plan_int.h"
#include "rpopd/poll/poll.h"
#include "rpopd/relay/relay_int.h"
#include "rpopd/rpopd.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "rpopd/token/token.h"

/* Where rpopd/config/running.c is linked, they are its own. */
__attribute__((weak)) struct config	*config_running;
__attribute__((weak)) struct routing	*config_routing;
__attribute__((weak)) int64_t		 config_loaded;
__attribute__((weak)) uint64_t		 config_loaded_version;
__attribute__((weak)) char		 config_load_error[PROTO_TEXT_SIZE];
__attribute__((weak)) struct options	 options;
struct child		*child_of[ROLE_MAX];
uint32_t		 writes;		/* to the store, */
uint32_t		 sent;			/* but for messages that were sent here: how many were committed as somebody's */
uint32_t		 next_session = 1;
int			 unlisted;		/* 1: mailboxes were never listed */
int			 busy;			/* commits that the store, which is locked, does not take */
int			 sliced;		/* 1: rows come with the second call */
static struct child	 none;
struct rule		 said[64];
size_t			 nsaid;

void
child_rules(enum role role, const struct rule *rules, size_t n)
{
	if (role != ROLE_DELIVERER || n > nitems(said) - nsaid)
		abort();
	memcpy(said + nsaid, rules, n * sizeof(*rules));
	nsaid += n;
}

/* A message that was sent here: it has a note, a key that no server could have given, and nothing that is compared with others. */
static void
commit_sent(struct receipt *r)
{
	static const uint8_t	 none[PROTO_DIGEST_LEN];

	if (r->note == NULL || r->header || r->uidlen < 7 || memcmp(r->uid, "sent: ", 6) != 0 || r->size != 0 ||
	    memcmp(r->digest, none, sizeof(none)) != 0 || memcmp(r->identity, none, sizeof(none)) != 0)
		abort();
	r->verdict = r->is_void ? COMMIT_DISCARD : COMMIT_DELIVER;
	sent += !r->is_void;
}

enum db
state_commit(struct receipt *r, size_t n, int64_t *first, int64_t *last)
{
	static int64_t	 id;
	size_t		 i;
	uint32_t	 k;

	if (busy > 0) {
		busy--;
		return (DB_BUSY);
	}
	for (i = 0; i < n; i++) {
		if (r[i].nrcpt == 0 || r[i].uidlen == 0 || r[i].uidlen > sizeof(r[i].uid))
			abort();
		if (r[i].mailbox == 0)
			commit_sent(&r[i]);
		else {
			writes++;
			r[i].verdict = r[i].uid[0] & 1 ? COMMIT_DELIVER : COMMIT_DISCARD;
		}
		memset(r[i].verdicts, r[i].verdict, r[i].nrcpt);
		for (k = 0; k < r[i].nrcpt && r[i].verdict == COMMIT_DELIVER; k++) {
			if (r[i].rcpts[k].kind == RCPT_MAILDIR || r[i].rcpts[k].kind == RCPT_DISCARD)
				continue;
			if (r[i].note == NULL)
				abort();
			id++;
			r[i].relay = r[i].relay == 0 ? id : r[i].relay;
			r[i].waiting = 1;
		}
	}
	*first = *last = 0;
	return (0);
}

enum db
state_seen_slice(int64_t mailbox, struct state_place *at, int (*cb)(void *, const struct seen_row *), void *arg)
{
	const struct seen_row	 rows[] = {
		{ .uid = (const uint8_t *)"a", .uidlen = 1, .state = SEEN_DELETING },
		{ .uid = (const uint8_t *)"b", .uidlen = 1, .state = SEEN_DELETED },
		{ .uid = (const uint8_t *)"c", .uidlen = 1, .state = SEEN_NEVER, .deaths = 1 },
		{ .uid = (const uint8_t *)"d", .uidlen = 1, .state = SEEN_MARKED },
	};
	static int		 turn;
	size_t			 i;

	(void)mailbox;
	(void)at;
	if (sliced && (turn = !turn))
		return (DB_MORE);
	for (i = 0; i < nitems(rows); i++)
		if (cb(arg, &rows[i]) != 0)
			return (DB_FAILED);
	return (DB_OK);
}

enum db
state_seen_digests(int64_t mailbox, const uint8_t *uid, size_t len, struct seen_digests *p)
{
	(void)mailbox;
	(void)len;
	memset(p, uid[0], sizeof(*p));
	return (0);
}

enum db state_unproven(int64_t m) { (void)m; return (DB_NONE); }
enum db state_unprove_slice(int64_t m, struct unprove *u) { (void)m; (void)u; writes++; return (DB_OK); }

enum db state_listed(int64_t m) { (void)m; return (unlisted ? DB_NONE : DB_OK); }
enum db state_renumber_get(int64_t m, enum renumber *r) { (void)m; *r = RENUMBER_NOT; return (DB_OK); }

enum db
state_renumber_put(int64_t mailbox, enum renumber what, uint32_t known, uint32_t unknown, int64_t now)
{
	(void)mailbox;
	(void)what;
	(void)known;
	(void)unknown;
	(void)now;
	writes++;
	return (0);
}

enum db
state_failure(int64_t m, const uint8_t *u, size_t l, uint32_t z, const char *r, uint32_t *n)
{ (void)m; (void)u; (void)l; (void)z; (void)r; writes++; *n = 1; return (DB_OK); }
enum db
state_change(int64_t m, const struct listing_change *c, size_t n, int64_t t) { (void)m; (void)c; (void)n; (void)t; writes++; return (0); }
enum db
state_change_slice(int64_t m, const struct listing_change *c, size_t n, int64_t t, size_t *done)
{
	(void)m;
	(void)c;
	(void)t;
	*done = n;
	writes++;
	return (0);
}

enum db
state_suspect(int64_t m, const uint8_t *u, size_t l, uint32_t z, const char *r, uint32_t *n)
{ (void)m; (void)u; (void)l; (void)z; (void)r; writes++; *n = 1; return (DB_OK); }
enum db state_pending(int (*cb)(void *, int64_t, const struct msg_rcpt *), void *a, int *l) { (void)cb; (void)a; *l = 0; return (DB_OK); }
int state_settle(int64_t a, int64_t b) { (void)a; (void)b; return (0); }
enum db state_flush(void) { return (DB_OK); }
enum db state_fingerprint(int64_t m, const uint8_t *u, size_t l, uint8_t *f) { (void)m; (void)l; memset(f, u[0], PROTO_DIGEST_LEN); return (DB_OK); }
int64_t state_keep(void) { return (30 * 86400); }
enum db state_seen_open(int64_t m) { (void)m; return (DB_OK); }
enum db state_renumber_since(int64_t m, int64_t *s) { (void)m; *s = 0; return (DB_OK); }
enum db state_seen_count(int64_t m, int64_t l, int64_t *n) { (void)m; (void)l; *n = 0; return (DB_OK); }
uint32_t state_next_session(void) { return (next_session++); }
enum db state_counts(int64_t m, struct state_place *at, struct mailbox_counts *c) { (void)m; (void)at; memset(c, 0, sizeof(*c)); return (DB_OK); }
enum db state_record_put(int64_t m, const struct record_state *r) { (void)m; (void)r; writes++; return (DB_OK); }
const char *state_unfound_key(const struct record *r, char *b, size_t n) { (void)r; (void)n; b[0] = '\0'; return (b); }
enum db state_unfound_put(int64_t m, const struct record *r, const struct unfound *u) { (void)m; (void)r; (void)u; writes++; return (DB_OK); }
uint64_t config_version(const char *p) { (void)p; return (0); }

ssize_t
config_secret(const char *path, const struct record *r, uint8_t *secret, char *err, size_t size)
{
	(void)path;
	(void)r;
	(void)err;
	(void)size;
	secret[0] = 'x';
	return (1);
}

void quarantine_grew(void) { }
enum db state_sums(struct state_sums *s) { memset(s, 0, sizeof(*s)); return (DB_OK); }
struct child *child_current(enum role r) { (void)r; return (&none); }
void child_use(struct child *c) { (void)c; }
void child_release(struct child *c) { (void)c; }
void child_set_ready(struct child *c) { (void)c; }
struct child *worker_template(enum role r) { return (child_current(r)); }
struct worker *worker_start(struct child *t, uint32_t i, const char *l, const struct rule *r, size_t n, void (*d)(void *), void *a)
{ (void)t; (void)i; (void)l; (void)r; (void)n; (void)d; (void)a; return (NULL); }
void worker_leave(struct worker *w) { (void)w; }
void worker_kill(struct worker *w) { (void)w; }
const struct rule sent_rules[1] = { { .type = IMSG_NONE } };
const size_t sent_nrules = 0;
struct dial *
dial_start(uint32_t i, const char *h, uint16_t p, uint16_t f, const char *s, void (*d)(void *, const struct dialed *), void *a)
{ (void)i; (void)h; (void)p; (void)f; (void)s; (void)d; (void)a; return ((struct dial *)&none); }
void dial_cancel(struct dial *d) { (void)d; }
void child_retire(enum role r) { (void)r; }
void refresh_children(int failed) { (void)failed; }
void child_log_level(enum log_level l) { (void)l; }
void child_own(enum role r, const struct child_owner *o) { (void)r; (void)o; }
enum log_level child_level(enum role r) { (void)r; return (LOG_LEVEL_PROBLEMS); }
int childlog(const char *w, enum log_level l, enum log_peer p, struct log_budget *b, struct imsg *i) { (void)w; (void)l; (void)p; (void)b; (void)i; return (0); }
void childlog_lost(const char *w, struct log_budget *b) { (void)w; (void)b; }
int token_wanted(const struct record *r) { (void)r; return (0); }
int token_get(struct token_user *u, struct run *r) { (void)u; (void)r; return (1); }
ssize_t token_copy(const struct token_user *u, uint8_t *p) { (void)u; (void)p; return (-1); }
void token_leave(struct token_user *u) { (void)u; }
int token_refused(struct token_user *u, struct task *t, enum fail_why w, int s) { (void)u; (void)t; (void)w; (void)s; return (0); }
enum db state_relay_each(int (*cb)(void *, const struct relay_row *), void *a) { (void)cb; (void)a; return (DB_OK); }
enum db state_relay_links(int (*cb)(void *, const char *), void *a) { (void)cb; (void)a; return (DB_OK); }
enum db state_hop_name(uint32_t i, char *n, size_t s) { (void)i; (void)n; (void)s; return (DB_NONE); }
enum db state_hops_gone(const char *n, uint32_t *l, size_t s, size_t *u) { (void)n; (void)s; l[0] = 1; *u = 1; return (DB_OK); }
enum db state_relay_orphans(int (*cb)(void *, const struct relay_row *), void *a) { (void)cb; (void)a; return (DB_OK); }
enum db state_relay_sent(const int64_t *i, size_t n, int64_t t) { (void)i; (void)n; (void)t; return (DB_OK); }
enum db state_relay_prove(int f, int64_t t) { (void)f; (void)t; return (DB_OK); }
enum db state_seen_state(int64_t m, const uint8_t *u, size_t l, enum seen_state *s)
{ (void)m; (void)l; *s = u[0] & 1 ? SEEN_WAITING : SEEN_DELETING; return (DB_OK); }
enum db state_prune_old(int64_t n) { (void)n; return (DB_OK); }
enum db state_clamp(int64_t n) { (void)n; return (DB_OK); }
void prune_daily(void) { }
enum db state_record_get(int64_t m, struct record_state *r) { (void)m; memset(r, 0, sizeof(*r)); return (DB_OK); }

/* What the record was before it had another port, and what another one was at the same provider. */
enum db
state_formers(int64_t mailbox, int (*cb)(void *, const struct former *), void *arg)
{
	static const struct former	 formers[] = {
		{ .id = 101, .account = "a@b", .record = "c", .host = "h", .login = "u", .port = 110 },
		{ .id = 102, .account = "x@b", .record = "y", .host = "h", .login = "u@b", .port = 995, .replaced = 1 },
	};
	size_t				 i;

	for (i = 0; i < nitems(formers); i++)
		if (formers[i].id != mailbox && cb(arg, &formers[i]) != 0)
			break;
	return (DB_OK);
}

enum db
state_former_rows(int64_t mailbox, void (*cb)(void *, const struct former_message *), void *arg)
{
	static const struct former_message	 rows[] = {
		{ .uid = (const uint8_t *)"a", .uidlen = 1, .size = 1 },
		{ .uid = (const uint8_t *)"b", .uidlen = 1 },
		{ .uid = (const uint8_t *)"c", .uidlen = 1, .size = INT64_MAX },
		{ .uid = (const uint8_t *)"d", .uidlen = 1, .size = 1, .gone = 1 },
	};
	size_t					 i;

	(void)mailbox;
	for (i = 0; i < nitems(rows); i++)
		cb(arg, &rows[i]);
	return (DB_OK);
}

enum db
state_former_adopt(const struct former *f, int64_t mailbox, const struct record *r, int doubt, const char *origin, int64_t now)
{
	(void)r;
	(void)now;
	if (f->id == mailbox || doubt >> 1 != 0 || *origin == '\0' || strlen(origin) >= PROTO_ORIGIN_SIZE)
		abort();
	writes++;
	return (DB_OK);
}
enum db state_origin(int64_t m, char *t, size_t n) { (void)m; strlcpy(t, "", n); return (DB_OK); }

enum db
state_forget(const char *account, const char *record, int64_t now, struct forgotten *n)
{
	(void)now;
	if (strchr(account, '@') == NULL || *record == '\0')
		abort();
	memset(n, 0, sizeof(*n));
	n->mailboxes = n->waiting = account[0] & 1;
	return (DB_OK);
}

int
rcpt_relay_row(struct relay_row *row, const struct receipt *r, const struct msg_rcpt *rcpt)
{
	memset(row, 0, sizeof(*row));
	row->mailbox = r->mailbox;
	row->uidlen = r->uidlen;
	row->body = BODY_HERE;
	memcpy(row->uid, r->uid, r->uidlen);
	strlcpy(row->dest, rcpt->dest, sizeof(row->dest));
	strlcpy(row->sender, r->sender, sizeof(row->sender));
	return (0);
}

void
state_rcpt_result(const struct msg_rcpt *rcpt, enum commit_verdict verdict, char *line, size_t size)
{
	if (rcpt->kind < RCPT_MAILDIR || rcpt->kind > RCPT_DISCARD || verdict < COMMIT_DELIVER || verdict > COMMIT_HOLD)
		abort();
	snprintf(line, size, "%u %s %s %s", verdict, rcpt->dest, rcpt->original, rcpt->reason);
}

enum db state_relay_get(int64_t i, struct relay_row *r) { (void)i; (void)r; return (DB_NONE); }
enum db state_relay_change(struct relay_change *c, size_t n) { (void)c; (void)n; return (DB_OK); }
enum db state_relay_reported(const int64_t *i, size_t n, const struct relay_report *r, int64_t *made)
{ (void)i; (void)n; (void)r; *made = 1; return (0); }
enum db state_noticed(const char *a, const char *b, int64_t n, struct relay_row *r) { (void)a; (void)b; (void)n; r->id = 0; return (DB_OK); }
enum db state_told(const char *a, const char *b, int64_t *at) { (void)a; (void)b; (void)at; return (DB_NONE); }
enum db state_set_aside(int (*cb)(void *, const struct set_aside_row *), void *a) { (void)cb; (void)a; return (DB_OK); }
const struct nexthop_row *config_nexthop(const struct config *c, uint32_t i) { (void)c; (void)i; return (NULL); }
ssize_t config_nexthop_secret(const char *p, const struct nexthop_row *n, uint8_t *s, char *e, size_t z)
{ (void)p; (void)n; (void)s; strlcpy(e, "no", z); return (-1); }
enum db state_mark(uint8_t *k) { memset(k, 1, PROTO_DIGEST_LEN); return (DB_OK); }
void explanation_free(struct explanation *e) { (void)e; }

enum db
state_history_find(struct history_search *s, uint32_t max, void (*cb)(void *, const struct history_row *), void *arg)
{
	static const char	 results[] = "delivered example.org/anna\nfailed bert@example.com: no\n";
	struct history_row	 row = { .mailbox = 1, .uid = (const uint8_t *)"\033u", .uidlen = 2, .msgid = "m@x", .sender = "s@x",
	    .results = results };
	int			 i;

	for (i = 0; i < WORD_MAX; i++)
		if (s->words[i] != NULL && strlen(s->words[i]) >= PROTO_SENDER_SIZE)
			abort();
	if (max > 0)
		cb(arg, &row);
	return (s->begun++ < 3 ? DB_MORE : DB_OK);
}

enum db
state_explain(int64_t m, const uint8_t *u, size_t l, struct explanation *e)
{
	(void)m;
	memset(e, 0, sizeof(*e));
	return (l > 0 && (u[0] & 1) ? DB_OK : DB_NONE);
}

enum db
state_relay_of(int64_t m, const uint8_t *u, size_t l, int (*cb)(void *, const struct relay_row *), void *a)
{
	(void)m;
	(void)u;
	(void)l;
	(void)cb;
	(void)a;
	return (0);
}

int mailroot_right(void) { return (1); }
void mailroot_greet(struct child *c) { (void)c; }
int space_enough(void) { return (1); }
const char *space_trouble(void) { return (""); }
void mailroot_tell(void) { }
void mailroot_started(void) { }
const char *mailroot_trouble(void) { return (""); }
void state_rooted(uint64_t c) { (void)c; }
enum db state_pending_missing(int64_t id, const char *l, const char *t) { (void)id; (void)l; (void)t; writes++; return (DB_OK); }
enum db state_spent(int (*cb)(void *, const char *), void *a) { (void)cb; (void)a; return (DB_OK); }

int decide_form(const char *dir) { return (strchr(dir, '/') != NULL); }
int
decide_rcpt(const struct decider *d, const struct origin *o, const struct msg_rcpt *rcpt)
{
	(void)d;
	(void)o;
	return (strcmp(rcpt->dest, "not permitted") != 0);
}

struct routing *routing_hold(struct routing *r) { return (r); }
void routing_release(struct routing *r) { (void)r; }
int counts_get(struct task *t, struct mailbox_counts *c) { (void)t; memset(c, 0, sizeof(*c)); return (1); }
void counts_forget(struct task *t) { (void)t; }
