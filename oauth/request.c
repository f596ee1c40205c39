/* SPDX-License-Identifier: ISC */
/* The one request of a process: verified TLS on the socket that was handed over, the form out, the answer in, under two clocks. */
#include <sys/types.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tls.h>

#include "common/clock.h"
#include "common/hook.h"
#include "common/log.h"
#include "common/tlsclient.h"
#include "common/work.h"
#include "oauth.h"

#define ALPN		"http/1.1"
#define READ_SIZE	16384
#define WORD_MAX	48		/* octets of a word in an error's description; a longer one may be a token */

enum phase { PHASE_PARTS, PHASE_HANDSHAKE, PHASE_SEND, PHASE_RECEIVE };

static struct {
	int			 begun;
	struct msg_token_start	 start;
	enum phase		 phase;
	int			 fd;
	int64_t			 idle, end;	/* monotonic ms: by when octets, and the answer, must have come */
	struct tls		*tls;
	struct buf		 ca, out;
	struct http		 http;
	uint8_t			 secret[PROTO_SECRET_MAX], credential[PROTO_TOKEN_MAX];
	size_t			 secret_len, credential_len;
} request;

static int	 request_is(uint32_t);
static int	 request_tls(void);
static int	 request_handshake(short *);
static int	 request_send(short *);
static int	 request_receive(short *);
static int	 request_wants(ssize_t, short *);
static void	 request_broken(const char *) __dead;
static void	 request_answer(void) __dead;
static void	 request_answer_device(void) __dead;
static int	 request_is_new(const char *);
static void	 request_refused(void) __dead;
static void	 request_undecided(const struct answer *, int);
static void	 request_describe(const struct answer *, char *, size_t);
static void	 request_fail(enum fail_why, const char *) __dead;
static void	 request_end(void) __dead;

/* Errors that no new attempt can mend: those of RFC 6749 section 5.2, and those of providers when a person has to act. */
static const char *const	 permanent[] = { "invalid_grant", "invalid_client", "unauthorized_client", "unsupported_grant_type",
	"invalid_scope", "interaction_required", "consent_required" };

void
request_init(void)
{
	tlsclient_warm(ALPN);
	json_init();
}

int
request_begin(const struct msg_token_start *m, int fd)
{
	if (request.begun || fcntl(fd, F_SETFL, O_NONBLOCK) == -1) {
		close(fd);
		return (-1);
	}
	request.begun = 1;
	request.start = *m;
	request.fd = fd;
	request.end = clock_msec() + OAUTH_TOTAL * 1000;
	request.idle = WORK_NEVER;
	buf_init(&request.ca, PROTO_PEM_MAX);
	buf_init(&request.out, OAUTH_REQUEST_MAX);
	http_init(&request.http);
	work_wait(-1, 0, request.end);
	return (0);
}

/* Whether id is that of the one request there is, and its parts are still coming in. */
static int
request_is(uint32_t id)
{
	return (request.begun && request.start.id == id && request.phase == PHASE_PARTS);
}

int
request_ca(uint32_t id, const void *data, size_t len)
{
	return (request_is(id) && request.start.own_ca ? buf_add(&request.ca, data, len) : -1);
}

int
request_client(uint32_t id, const void *data, size_t len)
{
	if (!request_is(id) || len > sizeof(request.secret))
		return (-1);
	memcpy(request.secret, data, len);
	request.secret_len = len;
	return (0);
}

/* The last part of the request: it is made now, and the master gets an answer whatever comes of it. */
int
request_go(uint32_t id, const void *credential, size_t len)
{
	const struct msg_token_start	*m = &request.start;
	struct form			 f = { .host = m->host, .path = m->path, .client_id = m->client_id, .scope = m->scope,
					    .port = m->port, .ask = m->ask, .secret = request.secret,
					    .secret_len = request.secret_len, .credential = request.credential,
					    .credential_len = len };

	if (!request_is(id) || len > sizeof(request.credential))
		return (-1);
	memcpy(request.credential, credential, len);
	request.credential_len = len;
	if (form_build(&f, &request.out) == -1)
		request_fail(WHY_TOKEN_TEMP, "the request cannot be built");
	if (request_tls() == -1)
		request_fail(WHY_TOKEN_TEMP, "TLS cannot be set up; is ca_file a file of PEM certificates?");
	request.phase = PHASE_HANDSHAKE;
	request_ready();
	return (0);
}

/* The context for the one connection.  0 or -1. */
static int
request_tls(void)
{
	struct tls_config	*own = NULL;
	char			 text[PROTO_TEXT_SIZE];

	if (request.start.own_ca &&
	    (own = tlsclient_config(1, buf_data(&request.ca), buf_len(&request.ca), ALPN)) == NULL)
		return (-1);
	request.tls = tlsclient_connect(own, request.fd, request.start.host, 0, text, sizeof(text));
	return (request.tls == NULL ? -1 : 0);
}

/* Go on as far as that goes without waiting. */
void
request_ready(void)
{
	static int	(*const steps[])(short *) = {
		[PHASE_HANDSHAKE] = request_handshake,
		[PHASE_SEND] = request_send,
		[PHASE_RECEIVE] = request_receive
	};
	short		 wanted = 0;

	while (steps[request.phase](&wanted) == 1)
		continue;
	request.idle = clock_msec() + OAUTH_IDLE * 1000;
	work_wait(request.fd, wanted, request.idle < request.end ? request.idle : request.end);
}

void
request_late(void)
{
	request_fail(WHY_TOKEN_TEMP, clock_msec() < request.end ? "the provider does not answer" :
	    "the provider's answer takes too long");
}

/* Steps of the request, like the two that follow.  1: the next step may be done; 0: *wanted (of poll(2)) has to be waited for. */
static int
request_handshake(short *wanted)
{
	ssize_t	 n;

	if ((n = tls_handshake(request.tls)) != 0)
		return (request_wants(n, wanted));
	request.phase = PHASE_SEND;
	return (1);
}

static int
request_send(short *wanted)
{
	ssize_t	 n;

	while (buf_len(&request.out) > 0) {
		/* libretls returns 0 when the peer has sent an alert: nothing more can be written. */
		if ((n = tls_write(request.tls, buf_data(&request.out), buf_len(&request.out))) <= 0)
			return (request_wants(n, wanted));
		buf_consume(&request.out, (size_t)n);
	}
	request.phase = PHASE_RECEIVE;
	return (1);
}

static int
request_receive(short *wanted)
{
	uint8_t	 data[READ_SIZE];
	ssize_t	 n;
	int	 got;

	n = tls_read(request.tls, data, sizeof(data));
	if (tlsclient_waits(n) != 0)
		return (request_wants(n, wanted));
	/* Many servers end without a close_notify; a response that was cut short is incomplete, or no JSON. */
	got = n <= 0 ? http_eof(&request.http) : http_feed(&request.http, data, (size_t)n);
	explicit_bzero(data, sizeof(data));
	if (got == -1)
		request_fail(WHY_TOKEN_TEMP, request.http.error);
	if (got == 1)
		request_answer();
	return (1);
}

static int
request_wants(ssize_t n, short *wanted)
{
	if ((*wanted = tlsclient_waits(n)) == 0)
		request_broken(tls_error(request.tls));
	return (0);
}

static void
request_broken(const char *error)
{
	char		 text[PROTO_TEXT_SIZE], vis[PROTO_TEXT_SIZE];
	const char	*remedy = "";

	if (error == NULL)
		error = "the connection was lost";
	log_vis(vis, sizeof(vis), error, strlen(error));
	if (strstr(error, "local issuer") != NULL || strstr(error, "self signed") != NULL || strstr(error, "self-signed") != NULL)
		remedy = " (name the issuer's certificate in the client's ca_file)";
	snprintf(text, sizeof(text), "TLS: %.150s%s", vis, remedy);
	request_fail(WHY_TOKEN_TEMP, text);
}

/* The response is complete. */
static void
request_answer(void)
{
	static struct answer	 a;
	int			 is_new;

	if (request.http.status != 200)
		request_refused();
	if (request.start.ask == TOKEN_DEVICE)
		request_answer_device();
	if (json_granted(buf_data(&request.http.body), buf_len(&request.http.body), &a) == -1)
		request_fail(WHY_TOKEN_TEMP, a.wrong);
	if (request.start.ask == TOKEN_BY_DEVICE && a.refresh[0] == '\0')
		request_fail(WHY_TOKEN_PERM, "no_refresh_token");
	is_new = request_is_new(a.refresh);
	HOOK("oauth.answer");
	oauth_granted(request.start.id, &a, is_new);
	explicit_bzero(&a, sizeof(a));
	request_end();
}

static void
request_answer_device(void)
{
	static struct device	 d;

	if (json_device(buf_data(&request.http.body), buf_len(&request.http.body), &d) == -1)
		request_fail(WHY_TOKEN_TEMP, d.wrong);
	oauth_device(request.start.id, &d);
	explicit_bzero(&d, sizeof(d));
	request_end();
}

/* 1: this refresh token is to be stored.  One without which the request was made, or the same once more, is not. */
static int
request_is_new(const char *refresh)
{
	size_t	 len = strlen(refresh);

	return (len > 0 && request.start.ask != TOKEN_BY_CLIENT &&
	    (len != request.credential_len || memcmp(refresh, request.credential, len) != 0));
}

/*
 * The provider has refused.  Only a client error with a code of the protocol's own is permanent; what stands in for a provider,
 * such as a proxy, may pass.  A device code is not asked about again after any client error that has a code (RFC 8628 section 3.5).
 */
static void
request_refused(void)
{
	struct answer	 a;
	char		 text[PROTO_TEXT_SIZE];
	size_t		 i;
	int		 status = request.http.status, final = 0;

	if (status >= 400 && json_refused(buf_data(&request.http.body), buf_len(&request.http.body), &a) == 0) {
		request_undecided(&a, status);
		request_describe(&a, text, sizeof(text));
		final = status < 500 && request.start.ask == TOKEN_BY_DEVICE;
		for (i = 0; i < nitems(permanent) && status < 404; i++)
			final |= strcmp(a.error, permanent[i]) == 0;
	} else
		snprintf(text, sizeof(text), "HTTP status %d%s", status, status >= 300 && status < 400 ?
		    ", a redirect, which is not followed" : status != 404 ? "" : request.start.ask == TOKEN_DEVICE ?
		    ", is device_url right?" : ", is token_url right?");
	explicit_bzero(&a, sizeof(a));
	request_fail(final ? WHY_TOKEN_PERM : WHY_TOKEN_TEMP, text);
}

/* If the answer is that the person has not decided yet, it is told.  Google says so with the statuses 428 and 403. */
static void
request_undecided(const struct answer *a, int status)
{
	int	 slow = strcmp(a->error, "slow_down") == 0;

	if (request.start.ask != TOKEN_BY_DEVICE || status >= 500 || (!slow && strcmp(a->error, "authorization_pending") != 0))
		return;
	oauth_pending(request.start.id, slow);
	request_end();
}

/* Puts "error: description" into text, without anything that might be a secret. */
static void
request_describe(const struct answer *a, char *text, size_t size)
{
	const char	*p = a->description;
	char		 words[PROTO_TEXT_SIZE] = "", word[PROTO_TEXT_SIZE], vis[PROTO_TEXT_SIZE];
	size_t		 n;

	if ((request.secret_len > 0 && memmem(p, strlen(p), request.secret, request.secret_len) != NULL) ||
	    (request.credential_len > 0 && memmem(p, strlen(p), request.credential, request.credential_len) != NULL))
		p = "";
	while (*(p += strspn(p, " \t\r\n")) != '\0') {
		n = strcspn(p, " \t\r\n");
		if (n > WORD_MAX)
			strlcpy(word, "...", sizeof(word));
		else
			snprintf(word, sizeof(word), "%.*s", (int)n, p);
		if (words[0] != '\0')
			strlcat(words, " ", sizeof(words));
		strlcat(words, word, sizeof(words));
		p += n;
	}
	log_vis(vis, sizeof(vis), words, strlen(words));
	snprintf(text, size, "%s%s%.100s", a->error, vis[0] != '\0' ? ": " : "", vis);
}

static void
request_fail(enum fail_why why, const char *text)
{
	oauth_failed(request.start.id, why, text);
	request_end();
}

/* The master has its answer: secrets are wiped, the peer is told, and the process ends. */
static void
request_end(void)
{
	explicit_bzero(request.secret, sizeof(request.secret));
	explicit_bzero(request.credential, sizeof(request.credential));
	if (request.phase > PHASE_HANDSHAKE)
		(void)tls_close(request.tls);	/* sends a close_notify and does not wait for the peer's */
	work_end();
}
