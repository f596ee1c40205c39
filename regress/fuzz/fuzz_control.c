/* SPDX-License-Identifier: ISC */
/* links: regress/fuzz/master_stubs.c build/config_schema.c rpopd/config rpopd/control rpopd/db rpopd/delivery rpopd/edit rpopd/poll rpopd/poll/plan rpopd/relay rpopd/sched rpopd/state rpopd/turn */
/* libs: -lsqlite3 -levent_core -Wl,-z,muldefs */
/*
 * Garbage on the sockets of rpopctl closes that client, never more (CVE-2025-62875), whoever it is.  Rows are those of a store of
 * its own, which is made anew behind each input that has changed some.  Needs root, for the sockets' group.  What master_stubs.c has
 * in the place of the daemon's own is the first definition, and counts.
 *
 * Input: mode (1 octet).  A multiple of 4: the rest is sent as it is.  Else it is requests of type (1), length (2), payload, whose
 * headers are made here, so that a new message or another size leaves the corpus useful: type counts from IMSG_CTL_STATUS, and its
 * bit TYPE_FITS brings the payload to the length that messages.h has.  MODE_DIED: the deliverer dies while the client is there.
 * MODE_USER: at the users' socket.  MODE_WHO: root, a member of the group, users with different rights.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/ipc/imsg.h"
#include "common/ipc/proto.h"
#include "common/log.h"
#include "common/route/route.h"
#include "rpopd/auth/auth.h"
#include "rpopd/config/config.h"
#include "rpopd/control/control.h"
#include "rpopd/db/db.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/edit/edit.h"
#include "rpopd/poll/poll.h"
#include "rpopd/pop/pop.h"
#include "rpopd/relay/relay.h"
#include "rpopd/sched/sched_int.h"
#include "rpopd/token/token.h"
#include "rpopd/turn/turn.h"

#define MODE_HEADERS	3
#define MODE_DIED	4
#define MODE_USER	8
#define MODE_WHO	0x70
#define TYPE_FITS	0x80

/* Nobody's account, a user's, one who may change nothing, a domain's administrator, one of the server. */
static const char *const	 people[] = { "root", "eve", "anna", "bert", "carl", "dora", "nobody", "anna" };

struct auth {				/* a password that is being verified */
	void	(*done)(void *, enum auth_answer);
	void	*arg;
	enum auth_answer	 answer;
};

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

extern const char	 config_schema[];

static char	 dir[] = "/dev/shm/rpfuzz.XXXXXX", store[64];
static uint8_t	*pristine;		/* the store as it was */
static size_t	 pristine_len;
static int	 changed;		/* the store, since then */
static struct config	*prepared;
static uid_t	 uid;			/* whom the system says that clients are */
static struct auth	*verified;
static struct client	*logging_in;
static const struct login_calls	*logins;

int
getpeereid(int s, uid_t *u, gid_t *g)
{
	(void)s;
	*u = uid;
	*g = 0;
	return (0);
}

struct passwd *
getpwuid(uid_t u)
{
	static struct passwd	 pw;
	static char		 name[16];

	strlcpy(name, u < nitems(people) ? people[u] : "?", sizeof(name));
	pw.pw_name = name;
	pw.pw_uid = u;
	return (&pw);
}

struct auth *
auth_check(const char *account, const void *password, size_t len, void (*done)(void *, enum auth_answer), void *arg)
{
	if (verified != NULL || strlen(account) >= PROTO_ADDR_SIZE || len == 0 || (verified = calloc(1, sizeof(*verified))) == NULL)
		abort();
	*verified = (struct auth){ done, arg, *(const uint8_t *)password % (AUTH_LATER + 1) };
	return (verified);
}

int auth_elsewhere(void) { return (0); }
const char *auth_trouble(void) { return (""); }

void
auth_cancel(struct auth *a)
{
	if (a != verified)
		abort();
	free(a);
	verified = NULL;
}

int
login_start(const struct login_calls *calls, struct client *c, const char *name, char *err, size_t errsize)
{
	if (logging_in != NULL || strcmp(name, "a@b/c") != 0) {
		strlcpy(err, "no", errsize);
		return (-1);
	}
	logins = calls;
	logging_in = c;
	return (0);
}

void
login_abandon(struct client *c)
{
	if (c != logging_in)
		abort();
	logging_in = NULL;
}

size_t
pop_readers(struct ctl_reader **r)
{
	if ((*r = calloc(300, sizeof(**r))) == NULL)
		abort();
	return (300);
}

const char *
pop_trouble(const char *address, uint16_t port, const char *cert)
{
	(void)address;
	return (port == 110 ? "cannot listen" : NULL);
}

int
pop_last_login(const char *address, int64_t *at, const char **client)
{
	*at = 1700000000;
	*client = "192.0.2.1";
	return (*address != '\0');
}

void
pop_sums(struct ctl_daemon *m)
{
	(void)m;
}

/* What a password, or a login at a provider, that a client waits for comes to. */
static void
answers(void)
{
	struct ctl_login	 m = { .uri = "https://h.example/device", .user_code = "ABCD" };
	struct client		*c = logging_in;
	struct auth		*a = verified;
	char			 err[PROTO_TEXT_SIZE];

	if (a != NULL) {
		verified = NULL;
		a->done(a->arg, a->answer);
		free(a);
	}
	if (c != NULL) {
		logins->told(c, &m);
		logging_in = NULL;
		logins->ended(c, sched_tasks[0].rec, logins->store(sched_tasks[0].rec, (const uint8_t *)"token", 5, err, sizeof(err)) == 0,
		    "over");
	}
}

static int
prepare(struct config *c, char *err, size_t errsize)
{
	(void)err;
	(void)errsize;
	prepared = c;
	return (0);
}

static void
drop(void)
{
	config_free(prepared);
	prepared = NULL;
}

static void
adopt(int records_only)
{
	(void)records_only;
	changed = 1;
	drop();
}

static void
complain(void *arg, const char *sentence)
{
	(void)arg;
	fprintf(stderr, "%s\n", sentence);
}

/* What the store has is in force, and nothing else. */
static void
load(void)
{
	struct image	*image = NULL;
	struct config	*c = config_load_image(store, complain, NULL, &image);

	if (c == NULL)
		abort();
	config_free(c);
	image_free(config_image);
	config_image = image;
	changed = 0;
}

/* The store as it was made. */
static void
restore(void)
{
	int	 fd = open(store, O_WRONLY | O_TRUNC);

	if (fd == -1 || write(fd, pristine, pristine_len) != (ssize_t)pristine_len || close(fd) == -1)
		abort();
	load();
}

static void
make_store(void)
{
	static const struct edit_calls	 calls = { prepare, adopt, drop };
	static const char	 rows[] = "BEGIN; INSERT INTO domain (name) VALUES ('b'), ('example.org');"
	    "INSERT INTO account (name, domain, can_modify_rpop, unix_user, password) VALUES ('a', 'b', 1, NULL, NULL),"
	    " ('postmaster', 'b', 0, NULL, NULL), ('anna', 'b', 1, 'anna', '{PLAIN}old'), ('bert', 'b', 0, 'bert', NULL),"
	    " ('carl', 'b', 1, 'carl', NULL), ('dora', 'b', 1, 'dora', NULL);"
	    "UPDATE settings SET main_domain = 'b';"
	    "INSERT INTO server_admin VALUES ('dora@b');"
	    "INSERT INTO domain_admin (account, domain, can_modify_rpop) VALUES ('carl@b', 'b', 1);"
	    "INSERT INTO nexthop (name, address) VALUES ('n', 'h.example');"
	    "INSERT INTO route (address, target) VALUES ('r@b', 'a@b');"
	    "INSERT INTO rpop (account, name, domain, auth_name, password, tls, self_service) VALUES"
	    " ('a@b', 'c', 'h', 'u', 'p', 'none', 1), ('anna@b', 'c', 'h', 'u', 'p', 'none', 1); COMMIT";
	char			 err[512] = "";
	sqlite3			*db = NULL;
	int			 fd;

	snprintf(store, sizeof(store), "%s/rpopd.db", dir);
	options.store = store;
	if (sql_create(store, config_schema, err, sizeof(err)) == -1 ||
	    (db = sql_open(store, SQL_EDIT, 0, err, sizeof(err))) == NULL || sql_exec(db, rows) == -1) {
		fprintf(stderr, "%s: %s\n", err, db == NULL ? "" : sqlite3_errmsg(db));
		abort();
	}
	sqlite3_close(db);
	if ((fd = open(store, O_RDONLY)) == -1 || (pristine_len = (size_t)lseek(fd, 0, SEEK_END)) == 0 ||
	    (pristine = malloc(pristine_len)) == NULL || pread(fd, pristine, pristine_len, 0) != (ssize_t)pristine_len)
		abort();
	close(fd);
	edit_init(&calls);
	load();
}

static void
quiet(enum log_level level, const char *text)
{
	(void)level;
	(void)text;
}

static int
reload(char *err, size_t errsize)
{
	strlcpy(err, "no", errsize);
	return (-1);
}

static void
stop(void)
{
}

static void
one_round(void)
{
	session_run();
	relay_run();
	sched_run(NULL);
}

static void
setup(void)
{
	static const struct control_calls calls = { .reload = reload, .stop = stop };
	static struct config	 config = { .settings = { .processors = 1, .delay_failed_accounts = 300, .schedule = "" } };
	static struct record	 rec = { .owner = "a@b", .name = "c", .host = "h", .user = "u", .period = 600, .mode = DIST_OWNER,
				    .mailbox = "", .schedule = "" };
	static struct task	 task = { .rec = &rec, .mailbox = 1, .due = INT64_MAX };
	static const struct route_account account = { .id = 1, .dir = "b/a" };
	char			 err[256];

	log_setsink(quiet);
	signal(SIGPIPE, SIG_IGN);
	event_init();
	turn_init(one_round);
	sched_init(&session_calls);
	TAILQ_INIT(&sched_runs);
	if ((config.routes = route_new(1, 1, 0, 0)) == NULL || route_account_add(config.routes, &account) == -1 ||
	    route_domain_add(config.routes, "b", 0) == -1)
		abort();
	config_running = &config;
	sched_tasks = &task;
	sched_ntasks = 1;
	task.host = host_get("h", 995);
	turn_stopping = 1;		/* poll-now starts nothing */
	if (mkdtemp(dir) == NULL)
		abort();
	make_store();
	if (control_listen(dir, &calls, err, sizeof(err)) == -1)
		abort();
}

/* The requests that the input is made of, each in a write of its own, as a client sends them. */
static void
send_requests(int fd, const uint8_t *p, size_t len)
{
	const struct message_kind	*m;
	struct imsg_hdr			 hdr = { .peerid = message_version() };
	uint8_t				 buf[IMSG_HEADER_SIZE + UINT16_MAX];
	size_t				 n, size;

	for (; len >= 3; p += n, len -= n) {
		hdr.type = IMSG_CTL_STATUS + (p[0] & ~TYPE_FITS) % (IMSG_MAX - IMSG_CTL_STATUS);
		m = message_kind(hdr.type);
		size = n = p[1] | (size_t)p[2] << 8;
		if (p[0] & TYPE_FITS)
			size = n < m->min ? m->min : n > m->max ? m->max : n;
		p += 3;
		len -= 3;
		n = n < len ? n : len;
		hdr.len = IMSG_HEADER_SIZE + size;
		memset(buf, 0, sizeof(hdr) + size);
		memcpy(buf, &hdr, sizeof(hdr));
		memcpy(buf + sizeof(hdr), p, n < size ? n : size);
		if (write(fd, buf, hdr.len) != (ssize_t)hdr.len)
			return;
		event_loop(EVLOOP_NONBLOCK);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static int		 ready;
	struct sockaddr_un	 sun = { .sun_family = AF_UNIX };
	int			 fd, i, mode;

	if (!ready++)
		setup();
	strlcpy(sun.sun_path, dir, sizeof(sun.sun_path));
	mode = len > 0 ? *p : 0;
	uid = (mode & MODE_WHO) / (MODE_WHO & -MODE_WHO);
	strlcat(sun.sun_path, mode & MODE_USER ? "/user.sock" : "/rpopd.sock", sizeof(sun.sun_path));
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)) == -1 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		abort();
	if (mode & MODE_HEADERS)
		send_requests(fd, p + 1, len - 1);
	else if (len > 0)
		(void)!write(fd, p + 1, len - 1);
	for (i = 0; i < 4; i++) {
		event_loop(EVLOOP_NONBLOCK);
		answers();
		if (i == 1 && mode & MODE_DIED) {
			spool_died(NULL);
			ask_died(NULL);
		}
	}
	close(fd);
	for (i = 0; i < 3; i++)
		event_loop(EVLOOP_NONBLOCK);
	spool_died(NULL);
	ask_died(NULL);
	if (changed)
		restore();
	return (0);
}
