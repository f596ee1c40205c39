/* SPDX-License-Identifier: ISC */
/* See fakedns.h.  One query per packet or TCP connection, names without compression. */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <arpa/inet.h>
#include <netinet/in.h>

#include <err.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "fakedns.h"

#define TYPE_A		1
#define TYPE_AAAA	28
#define RCODE_SERVFAIL	2
#define RCODE_NXDOMAIN	3
#define FLAG_TC		0x02
#define HEADER		12

struct query {
	uint8_t		 p[512];
	size_t		 len;		/* header and question */
	uint16_t	 type;
	char		 label[64];
	int		 tcp;
	int		 fd;
	struct sockaddr_in from;
};

struct reply {
	uint8_t		 p[4096];
	size_t		 len;
};

static void	 server_loop(int, int) __attribute__((__noreturn__));
static void	 server_udp(int);
static void	 server_tcp(int);
static int	 query_parse(struct query *);
static void	 query_answer(struct query *);
static void	 reply_init(struct reply *, const struct query *, int, int);
static void	 reply_rr(struct reply *, uint16_t, const void *, size_t);
static void	 reply_send(struct reply *, const struct query *);

struct fakedns_stat	*fakedns_stat;

static pid_t		 server = -1;
static char		 server_name[32];
static struct query	 waiting[16];
static size_t		 nwaiting;

const char *
fakedns_start(void)
{
	struct sockaddr_in	 sin;
	socklen_t		 len = sizeof(sin);
	int			 udp, tcp, i;

	fakedns_stat = mmap(NULL, sizeof(*fakedns_stat), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (fakedns_stat == MAP_FAILED)
		err(1, "mmap");
	for (i = 0;; i++) {
		memset(&sin, 0, sizeof(sin));
		sin.sin_family = AF_INET;
		sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		if ((tcp = socket(AF_INET, SOCK_STREAM, 0)) == -1 || (udp = socket(AF_INET, SOCK_DGRAM, 0)) == -1 ||
		    bind(tcp, (struct sockaddr *)&sin, sizeof(sin)) == -1 || listen(tcp, 16) == -1 ||
		    getsockname(tcp, (struct sockaddr *)&sin, &len) == -1)
			err(1, "fake name server");
		if (bind(udp, (struct sockaddr *)&sin, sizeof(sin)) == 0)
			break;
		if (i == 20)
			err(1, "fake name server");
		close(tcp);
		close(udp);
	}
	snprintf(server_name, sizeof(server_name), "127.0.0.1:%u", ntohs(sin.sin_port));
	if ((server = fork()) == -1)
		err(1, "fork");
	if (server == 0)
		server_loop(udp, tcp);
	close(udp);
	close(tcp);
	return (server_name);
}

void
fakedns_stop(void)
{
	if (server > 0) {
		kill(server, SIGKILL);
		waitpid(server, NULL, 0);
		munmap(fakedns_stat, sizeof(*fakedns_stat));
		server = -1;
	}
}

void
fakedns_release(void)
{
	fakedns_stat->release = 1;
}

static void
server_loop(int udp, int tcp)
{
	struct pollfd	 pfd[2] = { { udp, POLLIN, 0 }, { tcp, POLLIN, 0 } };
	size_t		 i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		if (poll(pfd, 2, nwaiting > 0 ? 10 : 1000) == -1)
			_exit(1);
		if (pfd[0].revents & POLLIN)
			server_udp(udp);
		if (pfd[1].revents & POLLIN)
			server_tcp(tcp);
		if (fakedns_stat->release) {
			for (i = 0; i < nwaiting; i++)
				query_answer(&waiting[i]);
			nwaiting = 0;
		}
		if (getppid() == 1)
			_exit(0);
	}
}

static void
server_udp(int fd)
{
	struct query	 q;
	socklen_t	 slen = sizeof(q.from);
	ssize_t		 n;

	memset(&q, 0, sizeof(q));
	if ((n = recvfrom(fd, q.p, sizeof(q.p), 0, (struct sockaddr *)&q.from, &slen)) <= 0)
		return;
	q.len = (size_t)n;
	q.fd = fd;
	if (query_parse(&q))
		query_answer(&q);
}

static void
server_tcp(int fd)
{
	struct query	 q;
	uint8_t		 hdr[2];
	size_t		 len;

	memset(&q, 0, sizeof(q));
	if ((q.fd = accept(fd, NULL, NULL)) == -1)
		return;
	q.tcp = 1;
	if (recv(q.fd, hdr, 2, MSG_WAITALL) == 2) {
		len = (size_t)hdr[0] << 8 | hdr[1];
		if (len <= sizeof(q.p) && recv(q.fd, q.p, len, MSG_WAITALL) == (ssize_t)len) {
			q.len = len;
			if (query_parse(&q))
				query_answer(&q);
		}
	}
	close(q.fd);
}

static int
query_parse(struct query *q)
{
	size_t	 off = HEADER, n;

	if (q->len < HEADER + 1 || (n = q->p[off]) == 0 || n > 63 || off + 1 + n > q->len)
		return (0);
	memcpy(q->label, q->p + off + 1, n);
	while (off < q->len && q->p[off] != 0)
		off += 1 + (size_t)q->p[off];
	if (off + 5 > q->len)
		return (0);
	q->type = (uint16_t)(q->p[off + 1] << 8 | q->p[off + 2]);
	q->len = off + 5;
	fakedns_stat->queries++;
	if (q->tcp)
		fakedns_stat->tcp++;
	if (q->type == TYPE_A)
		fakedns_stat->a++;
	else if (q->type == TYPE_AAAA)
		fakedns_stat->aaaa++;
	else
		fakedns_stat->other++;
	return (1);
}

static const struct behaviour {
	const char	*label;
	const char	*a, *aaaa;	/* NULL: none, "-": silence, "?": server failure, "...address": late */
	int		 rcode;
} behaviours[] = {
	{ "a",		"127.0.0.1",	NULL,		0 },
	{ "aaaa",	NULL,		"::1",		0 },
	{ "both",	"127.0.0.1",	"::1",		0 },
	{ "late",	"127.0.0.1",	"...::1",	0 },
	{ "latea",	"...127.0.0.1",	"::1",		0 },
	{ "never",	"127.0.0.1",	"-",		0 },
	{ "silent",	"-",		"-",		0 },
	{ "nx",		NULL,		NULL,		RCODE_NXDOMAIN },
	{ "empty",	NULL,		NULL,		0 },
	{ "servfail",	NULL,		NULL,		RCODE_SERVFAIL },
	{ "halfbad",	"127.0.0.1",	"?",		0 },
	{ "block",	"0.0.0.0",	"::",		0 }
};

static void
query_plain(struct query *q, const struct behaviour *b)
{
	struct reply	 r;
	uint8_t		 raw[16];
	const char	*addr = q->type == TYPE_A ? b->a : q->type == TYPE_AAAA ? b->aaaa : NULL;
	int		 rcode = b->rcode;

	if (addr != NULL && strcmp(addr, "-") == 0)
		return;
	if (addr != NULL && strncmp(addr, "...", 3) == 0) {
		if (!fakedns_stat->release) {
			if (nwaiting < sizeof(waiting) / sizeof(waiting[0]))
				waiting[nwaiting++] = *q;
			return;
		}
		addr += 3;
	}
	if (addr != NULL && strcmp(addr, "?") == 0) {
		rcode = RCODE_SERVFAIL;
		addr = NULL;
	}
	reply_init(&r, q, 0, rcode);
	if (addr != NULL) {
		inet_pton(q->type == TYPE_A ? AF_INET : AF_INET6, addr, raw);
		reply_rr(&r, q->type, raw, q->type == TYPE_A ? 4 : 16);
	}
	reply_send(&r, q);
}

static void
query_trunc(struct query *q)
{
	struct reply	 r;
	uint8_t		 raw[4] = { 127, 0, 0, 1 };
	int		 i;

	reply_init(&r, q, q->tcp || q->type != TYPE_A ? 0 : FLAG_TC, 0);
	for (i = 0; q->tcp && q->type == TYPE_A && i < 40; i++) {
		raw[3] = (uint8_t)(i + 1);
		reply_rr(&r, TYPE_A, raw, 4);
	}
	reply_send(&r, q);
}

static void
query_many(struct query *q)
{
	struct reply	 r;
	uint8_t		 raw[4] = { 127, 0, 0, 2 };

	reply_init(&r, q, 0, 0);
	for (; q->type == TYPE_A && raw[3] <= 5; raw[3]++)
		reply_rr(&r, TYPE_A, raw, 4);
	reply_send(&r, q);
}

static void
query_garbage(struct query *q)
{
	struct reply	 r;
	size_t		 i;

	reply_init(&r, q, 0, 0);
	r.p[7] = 200;		/* answers, none of them there */
	for (i = 0; i < 300; i++)
		r.p[r.len++] = (uint8_t)(0xc0 | (i * 37));
	reply_send(&r, q);
}

static void
query_answer(struct query *q)
{
	static const struct {
		const char	*label;
		void		(*func)(struct query *);
	} special[] = { { "trunc", query_trunc }, { "garbage", query_garbage }, { "many", query_many } };
	static const struct behaviour	 unknown = { NULL, NULL, NULL, RCODE_NXDOMAIN };
	size_t				 i;

	for (i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		if (strcasecmp(special[i].label, q->label) == 0) {
			special[i].func(q);
			return;
		}
	for (i = 0; i < sizeof(behaviours) / sizeof(behaviours[0]); i++)
		if (strcasecmp(behaviours[i].label, q->label) == 0) {
			query_plain(q, &behaviours[i]);
			return;
		}
	query_plain(q, &unknown);
}

static void
reply_init(struct reply *r, const struct query *q, int flags, int rcode)
{
	memset(r, 0, sizeof(*r));
	memcpy(r->p, q->p, q->len);
	r->len = q->len;
	r->p[2] = (uint8_t)(0x80 | (q->p[2] & 0x01) | flags);
	r->p[3] = (uint8_t)(0x80 | rcode);
	memset(r->p + 4, 0, 8);
	r->p[5] = 1;		/* one question */
}

static void
reply_rr(struct reply *r, uint16_t type, const void *data, size_t len)
{
	const uint8_t	 fixed[] = { 0xc0, HEADER, (uint8_t)(type >> 8), (uint8_t)type, 0, 1, 0, 0, 0, 60, 0, (uint8_t)len };

	if (r->len + sizeof(fixed) + len > sizeof(r->p))
		return;
	memcpy(r->p + r->len, fixed, sizeof(fixed));
	memcpy(r->p + r->len + sizeof(fixed), data, len);
	r->len += sizeof(fixed) + len;
	r->p[7]++;
}

static void
reply_send(struct reply *r, const struct query *q)
{
	uint8_t	 hdr[2] = { (uint8_t)(r->len >> 8), (uint8_t)r->len };

	if (q->tcp) {
		if (send(q->fd, hdr, 2, MSG_NOSIGNAL | MSG_MORE) == 2)
			(void)!send(q->fd, r->p, r->len, MSG_NOSIGNAL);
	} else
		(void)!sendto(q->fd, r->p, r->len, 0, (const struct sockaddr *)&q->from, sizeof(q->from));
}
