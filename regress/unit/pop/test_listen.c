/* SPDX-License-Identifier: ISC */
/* links: rpopd/pop */
/* libs: -levent_core */
/*
 * Rows of tables listener and certificate, and the sockets there are: what a load changes, what it leaves alone, and what popd and the
 * signer are asked.
 */
#include "popworld.h"

#include "common/ipc/proto_ctl.h"

#include <sys/socket.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <errno.h>
#include <unistd.h>

#define SOCKETS	64

/* --- the world: sockets that are numbers from 1000 on, and a popd that is a list of what it was told --- */

struct child	*child_of[ROLE_MAX];
struct options	 options;

static struct child		 daemon_process;
static const struct child_owner	*owner;
static const struct child_watch	*watch;
static const struct rule	*rules;
static size_t			 nrules;
static struct made { int open, family, listening, port; char address[INET6_ADDRSTRLEN]; } sockets[SOCKETS];
static int			 nsockets, counted, no_ipv6, dups, armed;
static char			 told[4096];
static const char		*pem_trouble;
static const char		*pem_text = "certificate";
static struct timer		*again;
static struct child		*lingers;	/* it was told to take nothing more, and is heard for a moment yet */

void child_rules(enum role r, const struct rule *list, size_t n) { assert_int_equal(r, ROLE_POPD); rules = list; nrules = n; }
void child_own(enum role r, const struct child_owner *o) { if (r == ROLE_POPD) owner = o; }
void child_watch(const struct child_watch *w, size_t n) { assert_int_equal(n, 1); watch = w; }
void child_use(struct child *c) { c->users++; }
void child_release(struct child *c) { c->users--; }
void child_linger(struct child *c) { c->users--; lingers = c; }
void child_set_ready(struct child *c) { c->ready = 1; }
enum log_level child_level(enum role r) { (void)r; return (LOG_LEVEL_ALL); }
int child_hopeless(enum role r) { (void)r; return (0); }
int mailroot_right(void) { return (1); }
int session_new(void *a, struct imsg *i) { (void)a; (void)i; return (0); }
int session_turned(void *a, struct imsg *i) { (void)a; (void)i; return (0); }
uint32_t descriptors_channels(void) { return (config_running->settings.pop_channels); }
void timer_init(struct timer *t, void (*cb)(void *), void *arg) { t->cb = cb; t->arg = arg; again = t; }
void timer_in(struct timer *t, int64_t ms) { (void)t; (void)ms; armed = 1; }
void timer_stop(struct timer *t) { (void)t; armed = 0; }
int timer_armed(const struct timer *t) { (void)t; return (armed); }
void pem_free(struct pem *p) { free(p->data); memset(p, 0, sizeof(*p)); }

/* A signer that keeps each key as soon as it is asked, and has each once. */
#define KEYS	256
static uint32_t	 keys, key_of[KEYS];	/* of which listener it is there; 0: it is not */

void signer_start(void) { }
int signer_session(uint32_t listener) { (void)listener; return (-1); }

void
signer_forget(uint32_t key)
{
	assert_true(key <= keys);
	if (key != 0)
		assert_true(key_of[key] != 0);
	key_of[key] = 0;
}

uint32_t
signer_give(uint32_t listener, struct pem *key)
{
	pem_free(key);
	assert_true(keys < KEYS - 1);
	key_of[++keys] = listener;
	return (keys);
}

/* How many keys the signer has for the sessions of a listener; 0: for all. */
static int
kept(uint32_t listener)
{
	uint32_t	 i;
	int		 n = 0;

	for (i = 1; i <= keys; i++)
		n += listener == 0 ? key_of[i] != 0 : key_of[i] == listener;
	return (n);
}

static void
signer_keeps(void)
{
	static uint32_t		 told_of;
	struct msg_sign_kept	 m = { .refused = 0 };

	while (told_of < keys) {
		m.id = ++told_of;
		listen_kept(&m);
	}
}

static void
copy(struct pem *p, const char *text)
{
	assert_non_null(p->data = (uint8_t *)strdup(text));
	p->len = strlen(text);
}

int
pem_listener(const struct listener_row *row, struct pem *cert, struct pem *key, char *err, size_t size)
{
	if (row->tls == TLS_MODE_NONE)
		return (0);
	if (pem_trouble != NULL) {
		strlcpy(err, pem_trouble, size);
		return (-1);
	}
	copy(cert, pem_text);
	copy(key, "key");
	return (0);
}

/* A further certificate is what its file is called, but for one that cannot be read. */
static const char	*further_text = "";

int
pem_pair(const char *cert_path, const char *key_path, struct pem *cert, struct pem *key, char *err, size_t size)
{
	char	 text[64];

	if (strcmp(key_path, "/missing") == 0) {
		strlcpy(err, "key cannot be opened: /missing", size);
		return (-1);
	}
	snprintf(text, sizeof(text), "%s%s", cert_path, further_text);
	copy(cert, text);
	copy(key, key_path);
	return (0);
}

int
link_send(struct link *l, uint32_t type, int fd, const void *data, size_t len)
{
	const struct msg_pop_certificate	*further = data;
	const struct msg_pop_listen		*m = data;
	char					 line[128] = "";

	assert_ptr_equal(l, &daemon_process.link);
	if (type == IMSG_POP_LISTEN) {
		assert_int_equal(len, sizeof(*m));
		assert_true(fd >= 2000);
		snprintf(line, sizeof(line), "listen %u %s %u\n", m->id, m->tls ? "tls" : m->pem > 0 ? "stls" : "clear", m->channels);
	} else if (type == IMSG_POP_CERTIFICATE) {
		assert_int_equal(len, sizeof(*further));
		assert_int_equal(fd, -1);
		snprintf(line, sizeof(line), "certificate %u for %u\n", further->id, further->listener);
	} else if (type == IMSG_POP_UNLISTEN)
		snprintf(line, sizeof(line), "unlisten %u\n", *(const uint32_t *)data);
	else
		assert_int_equal(type, IMSG_POP_LIMITS);
	strlcat(told, line, sizeof(told));
	return (0);
}

void
link_send_parts(struct link *l, uint32_t type, const void *head, size_t size, const void *octets, size_t len)
{
	(void)l;
	(void)size;
	(void)octets;
	(void)len;
	assert_int_equal(type, IMSG_POP_CHAIN);
	assert_non_null(head);
}

int
socket(int family, int type, int protocol)
{
	(void)type;
	(void)protocol;
	if (family == AF_INET6 && no_ipv6) {
		errno = EAFNOSUPPORT;
		return (-1);
	}
	assert_true(nsockets < SOCKETS);
	sockets[nsockets].open = 1;
	sockets[nsockets].family = family;
	sockets[nsockets].listening = 0;
	return (1000 + nsockets++);
}

int
setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	(void)fd;
	(void)level;
	(void)name;
	(void)value;
	(void)len;
	return (0);
}

static int
any(const char *address)
{
	return (strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0);
}

/* An address is taken by whoever has it, or has all of its family, as the system has it. */
int
bind(int fd, __CONST_SOCKADDR_ARG where, socklen_t len)
{
	const struct sockaddr_in6	*sin6 = where.__sockaddr_in6__;
	const struct sockaddr_in	*sin = where.__sockaddr_in__;
	struct made			*m = &sockets[fd - 1000], *other;

	(void)len;
	assert_int_equal(where.__sockaddr__->sa_family, m->family);
	m->port = ntohs(m->family == AF_INET6 ? sin6->sin6_port : sin->sin_port);
	if (m->family == AF_INET6)
		inet_ntop(AF_INET6, &sin6->sin6_addr, m->address, sizeof(m->address));
	else
		inet_ntop(AF_INET, &sin->sin_addr, m->address, sizeof(m->address));
	for (other = sockets; other < sockets + nsockets; other++)
		if (other != m && other->listening && other->family == m->family && other->port == m->port &&
		    (any(other->address) || any(m->address) || strcmp(other->address, m->address) == 0)) {
			errno = EADDRINUSE;
			return (-1);
		}
	return (0);
}

int listen(int fd, int backlog) { (void)backlog; sockets[fd - 1000].listening = 1; return (0); }
int shutdown(int fd, int how) { (void)how; assert_true(sockets[fd - 1000].open); sockets[fd - 1000].listening = 0; return (0); }
int fcntl(int fd, int cmd, ...) { (void)cmd; assert_true(sockets[fd - 1000].open); return (2000 + dups++); }
int fcntl64(int fd, int cmd, ...) { return (fcntl(fd, cmd, 0)); }

int
close(int fd)
{
	if (fd >= 1000 && fd < 1000 + SOCKETS)
		sockets[fd - 1000].open = sockets[fd - 1000].listening = 0;
	return (0);
}
static struct listener_row	 rows[8];
static struct certificate_row	 furthers[8];

/* A load with these rows: address, port, mode and channels of each. */
static void
load(size_t n, ...)
{
	va_list	 ap;
	size_t	 i;

	va_start(ap, n);
	for (i = 0; i < n; i++) {
		rows[i].address = va_arg(ap, const char *);
		rows[i].port = (uint16_t)va_arg(ap, int);
		rows[i].tls = (enum tls_mode)va_arg(ap, int);
		rows[i].channels = 10;
		rows[i].cert = rows[i].key = "/file";
	}
	va_end(ap);
	config.listeners = rows;
	config.nlisteners = n;
	config.certificates = furthers;
	told[0] = '\0';
	listen_reload();
	signer_keeps();
}

static int64_t	 until = INT64_MAX;

/* popd's answer about a listener or a certificate: it has taken what it was asked, or not. */
static void
answer(uint32_t id, const char *why)
{
	struct msg_pop_listening	 m = { .id = id, .refused = why != NULL, .until = until };
	struct ibuf			*buf;
	struct imsg			 imsg = { .hdr = { .type = IMSG_POP_LISTENING, .len = IMSG_HEADER_SIZE + sizeof(m) } };
	size_t				 i;

	for (i = 0; rules[i].type != IMSG_POP_LISTENING; i++)
		assert_true(i < nrules - 1);
	strlcpy(m.text, why == NULL ? "" : why, sizeof(m.text));
	assert_non_null(buf = imsg.buf = ibuf_open(sizeof(m)));
	assert_int_equal(ibuf_add(buf, &m, sizeof(m)), 0);
	told[0] = '\0';
	assert_int_equal(rules[i].handler(&daemon_process, &imsg), 0);
	ibuf_free(buf);
	signer_keeps();
}

/* So many sockets are open, and so many were made since it was asked last. */
static void
expect(int open, int made)
{
	int	 i, n = 0;

	for (i = 0; i < nsockets; i++)
		n += sockets[i].open;
	assert_int_equal(n, open);
	assert_int_equal(nsockets - counted, made);
	counted = nsockets;
}

/* The nth listener that popd was asked to take. */
static uint32_t
asked(int n)
{
	const char	*p = told;
	uint32_t	 id = 0;

	for (; (p = strstr(p, "listen ")) != NULL; p++)
		if ((p == told || p[-1] == '\n') && n-- == 0)
			assert_int_equal(sscanf(p, "listen %u", &id), 1);
	assert_true(id != 0);
	return (id);
}

/* The further certificates of the rows of a load: address, port, file and key of each. */
static void
further(size_t n, ...)
{
	va_list	 ap;
	size_t	 i;

	va_start(ap, n);
	for (i = 0; i < n; i++) {
		furthers[i].address = va_arg(ap, const char *);
		furthers[i].port = (uint16_t)va_arg(ap, int);
		furthers[i].cert = va_arg(ap, const char *);
		furthers[i].key = va_arg(ap, const char *);
	}
	va_end(ap);
	config.ncertificates = n;
}

/* The nth certificate that popd was asked to take, and for which listener. */
static uint32_t
certificate(int n, uint32_t *listener)
{
	const char	*p = told;
	uint32_t	 id = 0;

	for (; (p = strstr(p, "certificate ")) != NULL; p++)
		if (n-- == 0)
			assert_int_equal(sscanf(p, "certificate %u for %u", &id, listener), 2);
	assert_true(id != 0);
	return (id);
}

/* How many messages of a kind popd was sent. */
static int
sent(const char *word)
{
	const char	*p = told;
	int		 n = 0;

	for (; (p = strstr(p, word)) != NULL; p++)
		n += p == told || p[-1] == '\n';
	return (n);
}

static int
setup(void **state)
{
	static int	 begun;

	world_begin(state);
	config.settings.pop_channels = 100;
	pem_trouble = NULL;
	pem_text = "certificate";
	further_text = "";
	until = INT64_MAX;
	no_ipv6 = 0;
	further(0);
	load(0);
	assert_int_equal(kept(0), 0);
	if (begun++ == 0)
		listen_start();
	/* Without rows the popd ahead of it has left. */
	child_of[ROLE_POPD] = &daemon_process;
	owner->greet(&daemon_process);
	nsockets = counted = 0;
	told[0] = '\0';
	return (0);
}

/* Rows that are as they were, in whatever order, are left alone: the same sockets, and popd hears nothing. */
static void
test_same(void **state)
{
	uint32_t	 first, second;

	(void)state;
	load(2, "192.0.2.1", 110, TLS_MODE_NONE, "2001:db8::1", 995, TLS_MODE_TLS);
	expect(2, 2);
	first = asked(0);
	second = asked(1);
	answer(first, NULL);
	answer(second, NULL);
	assert_int_equal(listen_is_tls(first), 0);
	assert_int_equal(listen_is_tls(second), 1);
	load(2, "2001:db8::1", 995, TLS_MODE_TLS, "192.0.2.1", 110, TLS_MODE_NONE);
	expect(2, 0);
	assert_string_equal(told, "");
	assert_int_equal(listen_is_tls(second), 1);
	/* Another row beside them. */
	load(3, "2001:db8::1", 995, TLS_MODE_TLS, "192.0.2.1", 111, TLS_MODE_NONE, "192.0.2.1", 110, TLS_MODE_NONE);
	expect(3, 1);
	assert_true(asked(0) != first && asked(0) != second);
	answer(asked(0), NULL);
	/* Address and port are what a row is. */
	load(2, "2001:db8::1", 995, TLS_MODE_TLS, "192.0.2.2", 110, TLS_MODE_NONE);
	expect(2, 1);
	assert_non_null(strstr(told, "unlisten"));
	assert_int_equal(listen_channels(first), 0);
	assert_int_equal(listen_channels(second), 10);
}

/* Another mode, or another number of sessions, of the same row: the socket stays, and popd is asked. */
static void
test_changed(void **state)
{
	uint32_t	 id;
	char		 line[64];

	(void)state;
	load(1, "192.0.2.1", 110, TLS_MODE_NONE);
	expect(1, 1);
	answer(id = asked(0), NULL);
	load(1, "192.0.2.1", 110, TLS_MODE_STLS);
	expect(1, 0);
	snprintf(line, sizeof(line), "listen %u stls 10\n", id);
	assert_string_equal(told, line);
	assert_int_equal(listen_is_tls(id), 0);
	answer(id, NULL);
	rows[0].channels = 3;
	told[0] = '\0';
	listen_reload();
	signer_keeps();
	snprintf(line, sizeof(line), "listen %u stls 3\n", id);
	assert_string_equal(told, line);
	answer(id, NULL);
	expect(1, 0);
	/* While an answer is waited for nothing is asked, and what has come up meanwhile is then. */
	load(1, "192.0.2.1", 110, TLS_MODE_TLS);
	assert_int_equal(asked(0), id);
	load(1, "192.0.2.1", 110, TLS_MODE_NONE);
	assert_string_equal(told, "");
	answer(id, NULL);
	snprintf(line, sizeof(line), "listen %u clear 10\n", id);
	assert_string_equal(told, line);
	answer(id, NULL);
	assert_int_equal(listen_is_tls(id), 0);
}

/* '*' is both families, or the one that the machine has. */
static void
test_all(void **state)
{
	struct ctl_daemon	 sums = { .started = 0 };
	uint32_t		 first, second;

	(void)state;
	load(1, "*", 110, TLS_MODE_NONE);
	expect(2, 2);
	assert_string_equal(sockets[0].address, "0.0.0.0");
	assert_string_equal(sockets[1].address, "::");
	first = asked(0);
	second = asked(1);
	answer(first, NULL);
	answer(second, NULL);
	load(1, "*", 110, TLS_MODE_NONE);
	expect(2, 0);
	/* A single address takes over the port: that of all is closed first. */
	load(1, "192.0.2.1", 110, TLS_MODE_NONE);
	expect(1, 1);
	assert_null(pop_trouble("192.0.2.1", 110, ""));
	answer(asked(0), NULL);
	load(1, "*", 110, TLS_MODE_NONE);
	expect(2, 2);
	assert_null(pop_trouble("*", 110, ""));
	load(0);
	no_ipv6 = 1;
	load(1, "*", 110, TLS_MODE_NONE);
	expect(1, 1);
	listen_sums(&sums);
	assert_int_equal(sums.listening, 1);
	assert_int_equal(sums.not_listening, 0);
	assert_string_equal(sums.listener_trouble, "");
	load(1, "::", 110, TLS_MODE_NONE);
	assert_non_null(strstr(pop_trouble("::", 110, ""), "cannot listen"));
}

/* What cannot be bound is told once, is no other row's trouble, and is tried again. */
static void
test_taken(void **state)
{
	struct ctl_daemon	 sums = { .started = 0 };
	int			 theirs;

	(void)state;
	theirs = socket(AF_INET, 0, 0) - 1000;
	sockets[theirs] = (struct made){ 1, AF_INET, 1, 110, "192.0.2.1" };
	load(2, "192.0.2.1", 110, TLS_MODE_NONE, "192.0.2.2", 110, TLS_MODE_NONE);
	assert_non_null(strstr(pop_trouble("192.0.2.1", 110, ""), "another program has the port"));
	assert_null(pop_trouble("192.0.2.2", 110, ""));
	listen_sums(&sums);
	assert_int_equal(sums.listening, 1);
	assert_int_equal(sums.not_listening, 1);
	assert_int_equal(strncmp(sums.listener_trouble, "192.0.2.1/110: cannot listen: ", 30), 0);
	assert_ptr_equal(strchr(sums.listener_trouble, '\n'), sums.listener_trouble + strlen(sums.listener_trouble) - 1);
	assert_int_equal(armed, 1);
	logged[0] = '\0';
	again->cb(again->arg);
	assert_string_equal(logged, "");
	sockets[theirs].listening = 0;
	again->cb(again->arg);
	assert_null(pop_trouble("192.0.2.1", 110, ""));
	assert_non_null(strstr(logged, "listener 192.0.2.1/110: listens"));
	sockets[theirs].open = 0;
}

/* A pair that popd does not take changes nothing, and is asked once for each load. */
static void
test_refused(void **state)
{
	uint32_t	 id;

	(void)state;
	load(1, "192.0.2.1", 995, TLS_MODE_TLS);
	answer(id = asked(0), NULL);
	pem_text = "another";
	load(1, "192.0.2.1", 995, TLS_MODE_TLS);
	assert_int_equal(asked(0), id);
	answer(id, "they do not fit");
	assert_string_equal(told, "");
	assert_non_null(strstr(pop_trouble("192.0.2.1", 995, ""), "those before them are used on: they do not fit"));
	assert_int_equal(listen_is_tls(id), 1);
	load(1, "192.0.2.1", 995, TLS_MODE_TLS);
	assert_int_equal(asked(0), id);
	answer(id, "they do not fit");
	/* The files as they were: nothing is in the way, and popd has them. */
	pem_text = "certificate";
	load(1, "192.0.2.1", 995, TLS_MODE_TLS);
	assert_string_equal(told, "");
	assert_null(pop_trouble("192.0.2.1", 995, ""));
	pem_trouble = "cannot be read";
	load(1, "192.0.2.1", 995, TLS_MODE_TLS);
	assert_string_equal(pop_trouble("192.0.2.1", 995, ""), "cannot be read");
	assert_string_equal(told, "");
	/* A new popd gets what was in force. */
	watch->died(&daemon_process);
	told[0] = '\0';
	owner->greet(&daemon_process);
	assert_int_equal(asked(0), id);
	answer(id, NULL);
	assert_int_equal(listen_is_tls(id), 1);
}

/* Nothing listens without channels, and no socket is left. */
static void
test_off(void **state)
{
	(void)state;
	load(1, "*", 110, TLS_MODE_NONE);
	expect(2, 2);
	config.settings.pop_channels = 0;
	load(1, "*", 110, TLS_MODE_NONE);
	expect(0, 0);
	config.settings.pop_channels = 5;
	load(1, "*", 110, TLS_MODE_NONE);
	expect(2, 2);
	listen_stop();
	expect(0, 0);
}

/* A listener, and further certificates of it that popd has taken: how many popd was asked, and the ids. */
static uint32_t
begin_further(uint32_t ids[2])
{
	uint32_t	 id, of;

	further(2, "192.0.2.1", 995, "/a", "/a.key", "192.0.2.1", 995, "/b", "/b.key");
	load(1, "192.0.2.1", 995, TLS_MODE_TLS);
	assert_int_equal(sent("certificate"), 0);
	answer(id = asked(0), NULL);
	assert_int_equal(sent("certificate"), 2);
	ids[0] = certificate(0, &of);
	assert_int_equal(of, id);
	ids[1] = certificate(1, &of);
	assert_int_equal(of, id);
	answer(ids[0], NULL);
	answer(ids[1], NULL);
	assert_string_equal(told, "");
	assert_int_equal(kept(id), 3);
	return (id);
}

/* Further certificates go to popd when it has their listener, with keys for that one's sessions; what is as it was is left alone. */
static void
test_further(void **state)
{
	uint32_t	 id, ids[2], of;

	(void)state;
	id = begin_further(ids);
	load(1, "192.0.2.1", 995, TLS_MODE_TLS);
	assert_string_equal(told, "");
	/* Another number of sessions is the listener's matter only. */
	rows[0].channels = 3;
	listen_reload();
	signer_keeps();
	assert_int_equal(sent("listen"), 1);
	assert_int_equal(sent("certificate"), 0);
	answer(id, NULL);
	assert_string_equal(told, "");
	assert_int_equal(kept(id), 4);
	/* A new popd gets the listener, then its certificates. */
	watch->died(&daemon_process);
	told[0] = '\0';
	owner->greet(&daemon_process);
	signer_keeps();
	assert_int_equal(sent("certificate"), 0);
	answer(asked(0), NULL);
	assert_int_equal(sent("certificate"), 2);
	assert_int_equal(certificate(0, &of), ids[0]);
	answer(ids[0], NULL);
	answer(ids[1], NULL);
	assert_string_equal(told, "");
	/* The listener goes, and nothing is left. */
	further(0);
	load(0);
	assert_int_equal(kept(0), 0);
}

/* One that does not do changes nothing, and holds up no other one. */
static void
test_further_refused(void **state)
{
	struct ctl_daemon	 sums = { .started = 0 };
	uint32_t		 id, ids[2], of;

	(void)state;
	id = begin_further(ids);
	further_text = " renewed";
	load(1, "192.0.2.1", 995, TLS_MODE_TLS);
	assert_int_equal(sent("certificate"), 2);
	answer(ids[0], "the key is not that of the certificate");
	answer(ids[1], NULL);
	assert_non_null(strstr(pop_trouble("192.0.2.1", 995, "/a"), "those before them are used on: the key is not that of the"));
	assert_non_null(strstr(pop_trouble("192.0.2.1", 995, "/a"), "cert /a, key /a.key"));
	assert_non_null(strstr(logged, "listener 192.0.2.1/995 /a: certificate and key cannot be used"));
	assert_null(pop_trouble("192.0.2.1", 995, "/b"));
	assert_null(pop_trouble("192.0.2.1", 995, ""));
	listen_sums(&sums);
	assert_int_equal(sums.listening, 1);
	assert_int_equal(sums.not_listening, 0);
	assert_int_equal(strncmp(sums.listener_trouble, "192.0.2.1/995 /a: certificate", 29), 0);
	assert_int_equal(kept(id), 4);		/* its former one is that of /b */
	/* A file that is missing, and one more beside it. */
	further(3, "192.0.2.1", 995, "/a", "/a.key", "192.0.2.1", 995, "/b", "/missing", "192.0.2.1", 995, "/c", "/c.key");
	further_text = "";
	load(1, "192.0.2.1", 995, TLS_MODE_TLS);
	assert_int_equal(sent("certificate"), 1);
	answer(certificate(0, &of), NULL);
	assert_null(pop_trouble("192.0.2.1", 995, "/a"));
	assert_string_equal(pop_trouble("192.0.2.1", 995, "/b"), "key cannot be opened: /missing");
	assert_null(pop_trouble("192.0.2.1", 995, "/c"));
	/* A new popd gets of it what was in force. */
	watch->died(&daemon_process);
	told[0] = '\0';
	owner->greet(&daemon_process);
	answer(asked(0), NULL);
	assert_int_equal(sent("certificate"), 3);
}

/* One that goes leaves when another one is there, and its key stays until others go. */
static void
test_further_leaves(void **state)
{
	uint32_t	 id, ids[2], of, next;
	char		 line[64];

	(void)state;
	id = begin_further(ids);
	further(2, "192.0.2.1", 995, "/b", "/b.key", "192.0.2.1", 995, "/c", "/c.key");
	load(1, "192.0.2.1", 995, TLS_MODE_TLS);
	assert_int_equal(sent("unlisten"), 0);
	next = certificate(0, &of);
	answer(next, NULL);
	snprintf(line, sizeof(line), "unlisten %u\n", ids[0]);
	assert_string_equal(told, line);
	assert_int_equal(kept(id), 4);
	load(1, "192.0.2.1", 995, TLS_MODE_TLS);
	assert_string_equal(told, "");
	assert_int_equal(kept(id), 4);
	/* It comes again while another one goes. */
	further(2, "192.0.2.1", 995, "/a", "/a.key", "192.0.2.1", 995, "/c", "/c.key");
	load(1, "192.0.2.1", 995, TLS_MODE_TLS);
	assert_true(certificate(0, &of) != ids[0]);
	/* What is asked about and goes leaves at once; popd's answer to that is late and means nothing. */
	next = certificate(0, &of);
	further(1, "192.0.2.1", 995, "/c", "/c.key");
	load(1, "192.0.2.1", 995, TLS_MODE_TLS);
	assert_int_equal(sent("unlisten"), 2);
	answer(next, NULL);
	assert_string_equal(told, "");
	assert_int_equal(kept(id), 3);		/* with that of /b */
	further(0);
	load(1, "192.0.2.1", 995, TLS_MODE_TLS);
	assert_int_equal(sent("unlisten"), 1);
	assert_int_equal(kept(id), 2);
}

/* A signer that dies takes all keys with it, and the next one gets them again, one by one. */
static void
test_further_signer(void **state)
{
	uint32_t	 id, ids[2], i;

	(void)state;
	id = begin_further(ids);
	for (i = 1; i <= keys; i++)
		key_of[i] = 0;
	listen_signer(0);
	further(2, "192.0.2.1", 995, "/a", "/a.key", "192.0.2.1", 995, "/b", "/missing");
	told[0] = '\0';
	listen_signer(1);
	signer_keeps();
	assert_int_equal(kept(id), 2);
	answer(id, NULL);
	answer(ids[0], NULL);
	assert_string_equal(pop_trouble("192.0.2.1", 995, "/b"), "key cannot be opened: /missing");
	further(2, "192.0.2.1", 995, "/a", "/a.key", "192.0.2.1", 995, "/b", "/b.key");
	load(1, "192.0.2.1", 995, TLS_MODE_TLS);
	assert_int_equal(sent("certificate"), 1);
	answer(ids[1], NULL);
	assert_int_equal(kept(id), 3);
	assert_null(pop_trouble("192.0.2.1", 995, "/b"));
}

/* A certificate that has expired is told at a load, and is used on. */
static void
test_expired(void **state)
{
	uint32_t	 id;

	(void)state;
	load(1, "192.0.2.1", 995, TLS_MODE_TLS);
	until = 1580515200;
	answer(id = asked(0), NULL);
	assert_string_equal(pop_trouble("192.0.2.1", 995, ""),
	    "the certificate has expired on 2020-02-01, and mail programs refuse it; put a renewed one in its place, the files are looked at each minute");
	pem_text = "another";
	load(1, "192.0.2.1", 995, TLS_MODE_TLS);
	until = INT64_MAX;
	answer(id, NULL);
	assert_null(pop_trouble("192.0.2.1", 995, ""));
}

/* A popd that leaves its sockets to another one is heard for a moment yet: a connection that it has taken may be on its way. */
static void
test_replaced(void **state)
{
	(void)state;
	load(1, "192.0.2.1", 110, TLS_MODE_NONE);
	lingers = NULL;
	owner->greet(&daemon_process);
	assert_ptr_equal(lingers, &daemon_process);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup(test_same, setup),
		cmocka_unit_test_setup(test_changed, setup),
		cmocka_unit_test_setup(test_all, setup),
		cmocka_unit_test_setup(test_taken, setup),
		cmocka_unit_test_setup(test_refused, setup),
		cmocka_unit_test_setup(test_off, setup),
		cmocka_unit_test_setup(test_further, setup),
		cmocka_unit_test_setup(test_further_refused, setup),
		cmocka_unit_test_setup(test_further_leaves, setup),
		cmocka_unit_test_setup(test_further_signer, setup),
		cmocka_unit_test_setup(test_expired, setup),
		cmocka_unit_test_setup(test_replaced, setup),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
