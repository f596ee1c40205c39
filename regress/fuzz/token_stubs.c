/* SPDX-License-Identifier: ISC */
/* The surroundings of token.c for fuzz_token.c: a store that checks what it is given, children that do not exist. */
#include <stdlib.h>
#include <string.h>

#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/poll/poll.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "rpopd/token/token.h"
#include "rpopd/turn/turn.h"
#include "token_stubs.h"

static const struct oauth_row	 client = { .name = "c", .client_id = "i", .scope = "", .ca_file = "", .host = "h", .path = "/",
				    .port = 443 };
static const struct record	 rec = { .owner = "a@b", .name = "r", .client = &client, .token_command = "", .token_user = "" };
static struct task		 task = { .rec = &rec };
static struct config		 config = { .settings = { .source = "" } };
struct config		*config_running = &config;
struct routing		*config_routing;
int64_t			 config_loaded;
uint64_t		 config_loaded_version;
char			 config_load_error[PROTO_TEXT_SIZE];
struct child		*child_of[ROLE_MAX];
struct runs		 sched_runs = TAILQ_HEAD_INITIALIZER(sched_runs);
uint32_t		 sched_nruns;
struct options		 options;
struct task		*sched_tasks;
size_t			 sched_ntasks;
struct child			 stub_child;
uint32_t			 stub_id;
struct worker			*stub_worker;
void				(*stub_dialed)(void *, const struct dialed *);
void				*stub_grant;

static struct token_request	*any;		/* stub_request() */

static void
ascii(const void *data, size_t len, uint8_t lowest)
{
	const uint8_t	*p = data;

	for (; len > 0; p++, len--)
		if (*p < lowest || *p > '~')
			abort();
}

static void
any_rotated(void *arg, const uint8_t *token, size_t len)
{
	if (arg != &any || any == NULL || len == 0)
		abort();
	ascii(token, len, ' ');
}

static void
any_granted(void *arg, const struct msg_token_granted *m, const uint8_t *token, size_t len)
{
	any_rotated(arg, token, len);
	ascii(token, len, '!');
	if (m->id != stub_id || m->lifetime > INT32_MAX || m->refresh_lifetime > INT32_MAX)
		abort();
	any = NULL;
}

static void
any_device(void *arg, const struct msg_token_device *m, const uint8_t *code, size_t len)
{
	any_rotated(arg, code, len);
	ascii(m->user_code, strlen(m->user_code), ' ');
	ascii(m->uri, strlen(m->uri), '!');
	ascii(m->uri_complete, strlen(m->uri_complete), '!');
	if (m->id != stub_id || m->user_code[0] == '\0' || m->uri[0] == '\0' || m->lifetime == 0 || m->interval == 0)
		abort();
	any = NULL;
}

static void
any_pending(void *arg, int slow_down)
{
	if (arg != &any || any == NULL || slow_down < 0 || slow_down > 1)
		abort();
	any = NULL;
}

static void
any_failed(void *arg, enum fail_why why, const char *text)
{
	(void)why;
	(void)text;
	any_pending(arg, 0);
}

static const struct request_calls	 any_calls = { any_rotated, any_granted, any_failed, any_device, any_pending };

int
stub_request(void)
{
	struct request_what	 what = { .client = &client, .ask = TOKEN_BY_DEVICE, .secret = (const uint8_t *)"s", .secret_len = 1,
				    .credential = (const uint8_t *)"c", .credential_len = 1 };
	enum fail_why		 why;
	char			 err[PROTO_TEXT_SIZE];

	return ((any = request_make(&what, &any_calls, &any, &why, err, sizeof(err))) == NULL ? -1 : 0);
}

void
stub_request_free(void)
{
	if (any != NULL)
		request_free(any);
	any = NULL;
}

static void
no_token(struct run *r, enum fail_why why, const char *text)
{
	(void)text;
	session_of(r)->why = why;
	session_of(r)->state = SESSION_CLOSING;
}

static void
no_round(void)
{
}

static void
quiet(enum log_level level, const char *text)
{
	(void)level;
	(void)text;
}

struct session *
stub_session(void)
{
	static int	 ready;
	struct session	*s = calloc(1, sizeof(*s));

	if (!ready++) {
		log_setsink(quiet);
		event_init();
		turn_init(no_round);
		TAILQ_INIT(&sched_runs);
	}
	token_init(no_token);
	s->run.task = &task;
	s->fd = -1;
	TAILQ_INSERT_TAIL(&sched_runs, &s->run, entry);
	return (s);
}

void
stub_end(struct session *s)
{
	struct grant	*g = s->token.grant;

	TAILQ_REMOVE(&sched_runs, &s->run, entry);
	if (g != NULL &&
	    (s->state == SESSION_TOKEN && !s->token.waits) != (g->access != NULL && g->state == GRANT_IDLE))
		abort();
	token_leave(&s->token);
	free(s);
	token_reload();		/* no store names it: gone */
	if (!LIST_EMPTY(&grants))
		abort();
}

enum db
state_token_rotate(const uint8_t *origin, const uint8_t *refresh, size_t len)
{
	size_t	 i;

	(void)origin;
	if (len == 0 || len > PROTO_TOKEN_MAX)
		abort();
	for (i = 0; i < len; i++)
		if (refresh[i] < ' ' || refresh[i] > '~')
			abort();
	return (0);
}

int
config_grant(const char *path, const struct record *r, struct grant_secret *g, char *err, size_t size)
{
	(void)path;
	(void)r;
	(void)err;
	(void)size;
	memset(g, 0, sizeof(*g));
	g->refresh_len = 1;
	return (0);
}

/* A login of its own is begun by nobody here. */
enum db state_token_forget(const uint8_t *o) { (void)o; return (DB_OK); }
int config_grant_client(const char *p, const struct record *r, struct grant_secret *g, char *e, size_t n)
{ (void)p; (void)r; (void)g; (void)e; (void)n; return (-1); }
void config_origin(const uint8_t *r, size_t n, uint8_t *o) { (void)r; (void)n; (void)o; }
int sched_named(const struct task *t, const char *n) { (void)t; (void)n; return (0); }
struct routing *routing_hold(struct routing *r) { return (r); }
void routing_release(struct routing *r) { (void)r; }
enum db state_token_get(const uint8_t *o, struct token_row *r) { (void)o; memset(r, 0, sizeof(*r)); return (DB_NONE); }
enum db state_token_end(const uint8_t *o, int64_t e, int64_t s, int w) { (void)o; (void)e; (void)s; (void)w; return (DB_OK); }
enum db state_token_suspend(const uint8_t *o, const uint8_t *c, const char *t) { (void)o; (void)c; (void)t; return (DB_OK); }
enum db state_token_prune(uint8_t (*k)[PROTO_DIGEST_LEN], size_t n) { (void)k; (void)n; return (DB_OK); }
int config_origins(const char *p, int (*cb)(void *, const uint8_t *), void *a) { (void)p; (void)cb; (void)a; return (0); }
uint32_t state_next_session(void) { return (++stub_id); }
struct child *child_current(enum role r) { (void)r; return (&stub_child); }
void refresh_children(int failed) { (void)failed; }
void child_use(struct child *c) { (void)c; }
void child_release(struct child *c) { (void)c; }
struct child *worker_template(enum role r) { return (child_current(r)); }
int worker_log(void *a, struct imsg *i) { (void)a; (void)i; return (0); }
void worker_leave(struct worker *w) { w->arg = NULL; }
void worker_kill(struct worker *w) { (void)w; }

struct worker *
worker_start(struct child *template, uint32_t id, const char *label, const struct rule *rules, size_t n, void (*died)(void *), void *arg)
{
	static struct worker	 w;

	(void)label;
	(void)rules;
	(void)n;
	w = (struct worker){ .template = template, .id = id, .died = died, .arg = arg };
	return (stub_worker = &w);
}

void notice_send(uint32_t a, const char *r, const char *s, const char *f, ...) { (void)a; (void)r; (void)s; (void)f; }
struct dial *
dial_start(uint32_t i, const char *h, uint16_t p, uint16_t f, const char *s, void (*d)(void *, const struct dialed *), void *a)
{
	(void)i;
	(void)h;
	(void)p;
	(void)f;
	(void)s;
	stub_dialed = d;
	stub_grant = a;
	return ((struct dial *)&stub_child);
}

void dial_cancel(struct dial *d) { (void)d; }
int pem_read(enum pem_kind k, const char *p, struct pem *m, char *e, size_t n) { (void)k; (void)p; (void)m; (void)e; (void)n; return (-1); }
void pem_free(struct pem *p) { (void)p; }
struct command *command_start(const char *l, const char *u, void (*d)(void *, const struct command_result *), void *a, char *e, size_t n)
{ (void)l; (void)u; (void)d; (void)a; (void)e; (void)n; return (NULL); }
