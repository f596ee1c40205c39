/* SPDX-License-Identifier: ISC */
/* What the master may say to a session, and in which state. */
#include <sys/types.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/compat.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/proc.h"
#include "common/ipc/rules.h"
#include "fetcher.h"

#define IN(s)		(1U << (s))
#define PLAN_ENTRY	(sizeof(uint32_t) + 1)

static int	 take_socket(void *, struct imsg *);
static int	 take_pipe(void *, struct imsg *);
static int	 take_start(void *, struct imsg *);
static int	 take_pem(void *, struct imsg *);
static int	 take_secret(void *, struct imsg *);
static int	 take_list(void *, struct imsg *);
static int	 take_plan(void *, struct imsg *);
static int	 take_plan_end(void *, struct imsg *);
static int	 take_verdict(void *, struct imsg *);
static int	 take_stop(void *, struct imsg *);
static int	 take_cut(void *, struct imsg *);
static int	 tls_sane(const struct msg_fetch_start *);
static int	 probes_check(const struct msg_fetch_start *);
static int	 each_entry(struct session *, struct imsg *, int (*)(struct pop3 *, uint32_t, uint32_t));

static const struct rule master_rules[] = {
	{ IMSG_FETCH_SOCKET,	IN(SESSION_SOCKET),	take_socket },
	{ IMSG_FETCH_PIPE,	IN(SESSION_PIPE),	take_pipe },
	{ IMSG_FETCH_START,	IN(SESSION_START),	take_start },
	{ IMSG_FETCH_CA,	IN(SESSION_SECRET),	take_pem },
	{ IMSG_FETCH_CERT,	IN(SESSION_SECRET),	take_pem },
	{ IMSG_FETCH_KEY,	IN(SESSION_SECRET),	take_pem },
	{ IMSG_FETCH_SECRET,	IN(SESSION_SECRET),	take_secret },
	{ IMSG_FETCH_LIST,	IN(SESSION_PLAN),	take_list },
	{ IMSG_FETCH_PLAN,	IN(SESSION_PLAN),	take_plan },
	{ IMSG_FETCH_PLAN_END,	IN(SESSION_PLAN),	take_plan_end },
	{ IMSG_FETCH_VERDICT,	IN(SESSION_RUN),	take_verdict },
	{ IMSG_FETCH_STOP,	RULES_ANY,		take_stop },
	{ IMSG_FETCH_CUT,	RULES_ANY,		take_cut },
	{ IMSG_LOG_LEVEL,	RULES_ANY,		proc_log_level }
};

/* Reads and handles what the master says.  Returns what rules_read() does. */
int
session_read(struct session *s, char *err, size_t errsize)
{
	return (rules_read(&s->master.ibuf, NULL, master_rules, nitems(master_rules), &s->state, s, err, errsize));
}

static int
take_socket(void *arg, struct imsg *imsg)
{
	struct session	*s = arg;

	if ((s->socket = imsg_get_fd(imsg)) == -1)
		return (-1);
	s->state = SESSION_PIPE;
	return (0);
}

static int
take_pipe(void *arg, struct imsg *imsg)
{
	struct session	*s = arg;
	int		 fd;

	if ((fd = imsg_get_fd(imsg)) == -1)
		return (-1);
	if (outq_init(&s->pipe, fd) == -1) {
		close(fd);
		s->pipe.fd = -1;
		return (-1);
	}
	s->state = SESSION_START;
	return (0);
}

static int
take_start(void *arg, struct imsg *imsg)
{
	struct session		*s = arg;
	struct msg_fetch_start	*start = &s->start;

	if (rules_payload(imsg, start) == -1)
		return (-1);
	if (start->tls < TLS_MODE_TLS || start->tls > TLS_MODE_NONE || start->auth < AUTH_AUTO || start->auth >= AUTH_MAX ||
	    start->apop > 1 || start->token > 1 || start->leave > 1 || start->want_sizes > 1 || start->prove_each > 1 ||
	    start->no_capa > 1 || start->rset > 1 ||
	    start->idle_timeout == 0 || start->total_timeout == 0 || !proto_str(start->host, sizeof(start->host)) ||
	    !proto_str(start->user, sizeof(start->user)) || !proto_str(start->record, sizeof(start->record)) || !tls_sane(start) ||
	    !probes_check(start))
		return (-1);
	s->state = SESSION_SECRET;
	return (0);
}

static int
tls_sane(const struct msg_fetch_start *start)
{
	return (start->npins <= PROTO_PINS_MAX && (start->tls_min == 0 || (start->tls_min >= 10 && start->tls_min <= 13)) &&
	    proto_str(start->ciphers, sizeof(start->ciphers)) && proto_str(start->tls_name, sizeof(start->tls_name)) &&
	    (start->tls == TLS_MODE_NONE || start->tls_name[0] != '\0'));
}

/* A piece of a file.  The message's own copy of it is wiped when the message is freed. */
static int
take_pem(void *arg, struct imsg *imsg)
{
	struct session	*s = arg;
	struct pem	*pem = &s->pem[imsg_get_type(imsg) - IMSG_FETCH_CA];
	size_t		 len = imsg_get_len(imsg);

	if (s->start.tls == TLS_MODE_NONE || len > PROTO_PEM_MAX - pem->len)
		return (-1);
	if (pem->data == NULL && (pem->data = malloc(PROTO_PEM_MAX)) == NULL)
		return (-1);
	if (imsg_get_data(imsg, pem->data + pem->len, len) == -1)
		return (-1);
	pem->len += len;
	return (0);
}

/* The secret, behind which the session begins.  The message's own copy of it is wiped when the message is freed. */
static int
take_secret(void *arg, struct imsg *imsg)
{
	struct session	*s = arg;
	uint8_t		 secret[PROTO_TOKEN_MAX];
	size_t		 len = imsg_get_len(imsg);
	int		 r;

	if ((s->pem[PEM_CERT].len == 0) != (s->pem[PEM_KEY].len == 0))
		return (-1);
	if (len > 0 && imsg_get_data(imsg, secret, len) == -1)
		return (-1);
	s->state = SESSION_LISTING;
	r = session_begin(s, secret, len);
	explicit_bzero(secret, sizeof(secret));
	return (r);
}

/* The numbers to probe, in ascending order, so that the last one tells the end of the probes. */
static int
probes_check(const struct msg_fetch_start *start)
{
	uint32_t	 i;

	if (start->probes > PROTO_PROBES)
		return (0);
	for (i = 0; i < start->probes; i++)
		if (start->probe[i] == 0 || (i > 0 && start->probe[i] <= start->probe[i - 1]))
			return (0);
	return (1);
}

static int
take_list(void *arg, struct imsg *imsg __unused)
{
	struct session	*s = arg;

	if (s->pop3.stop)
		return (0);
	s->state = SESSION_LISTING;
	return (pop3_list(&s->pop3));
}

/* Entries of the plan.  After a stop they may still be on their way, and are not needed. */
static int
take_plan(void *arg, struct imsg *imsg)
{
	struct session	*s = arg;

	return (s->pop3.stop ? 0 : each_entry(s, imsg, pop3_plan));
}

static int
take_plan_end(void *arg, struct imsg *imsg)
{
	struct session	*s = arg;
	uint32_t	 entries;

	if (rules_payload(imsg, &entries) == -1)
		return (-1);
	s->state = SESSION_RUN;
	return (s->pop3.stop ? 0 : pop3_plan_end(&s->pop3, entries));
}

static int
take_verdict(void *arg, struct imsg *imsg)
{
	return (each_entry(arg, imsg, pop3_verdict));
}

static int
take_stop(void *arg, struct imsg *imsg __unused)
{
	struct session	*s = arg;

	pop3_stop(&s->pop3);
	return (0);
}

/* The master ends the session for the sake of others, as if the idle clock had run out: what came in step stands. */
static int
take_cut(void *arg, struct imsg *imsg __unused)
{
	struct session	*s = arg;

	return (session_fail(s, session_stage(s), WHY_CROWDED, "ended by the master"));
}

/* Hands each record of a packed frame, a uint32_t message number and a uint8_t about it, to fn.  0 or -1. */
static int
each_entry(struct session *s, struct imsg *imsg, int (*fn)(struct pop3 *, uint32_t, uint32_t))
{
	struct ibuf	 ibuf;
	uint32_t	 msgno;
	uint8_t		 word;

	if (imsg_get_ibuf(imsg, &ibuf) == -1)
		return (-1);
	while (ibuf_size(&ibuf) > 0) {
		if (ibuf_get(&ibuf, &msgno, sizeof(msgno)) == -1 || ibuf_get(&ibuf, &word, sizeof(word)) == -1 ||
		    fn(&s->pop3, msgno, word) == -1)
			return (-1);
	}
	return (0);
}
