/* SPDX-License-Identifier: ISC */
/* One request: verified TLS on the socket that was handed over, the form out, the answer in, under two clocks. */
#include <sys/types.h>
#include <sys/queue.h>

#include <event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tls.h>

#include "../common/hook.h"
#include "../common/log.h"
#include "oauth.h"

#define CA_PATH		"/certs"	/* below our root */
#define READ_SIZE	16384
#define WORD_MAX	48		/* a longer word in an error's description may be a token */

enum phase { PHASE_PARTS, PHASE_HANDSHAKE, PHASE_SEND, PHASE_RECEIVE };

struct request {
	LIST_ENTRY(request)	 entry;
	struct msg_token_start	 start;
	enum phase		 phase;
	int			 fd;
	struct tls		*tls;
	struct event		 io, clock;
	struct buf		 ca, out;
	struct http		 http;
	uint8_t			 secret[PROTO_SECRET_MAX], refresh[PROTO_TOKEN_MAX];
	size_t			 secret_len, refresh_len;
};

static struct tls_config *config_new(const struct buf *);
static int	 request_tls(struct request *);
static void	 request_io(int, short, void *);
static int	 request_handshake(struct request *, short *);
static int	 request_send(struct request *, short *);
static int	 request_receive(struct request *, short *);
static int	 request_wants(struct request *, ssize_t, short *);
static int	 request_broken(struct request *, const char *);
static void	 request_clock(int, short, void *);
static void	 request_answer(struct request *);
static void	 request_refused(struct request *);
static void	 request_describe(const struct request *, const struct answer *, char *, size_t);
static void	 request_fail(struct request *, enum fail_why, const char *);
static void	 request_free(struct request *);

static LIST_HEAD(, request)	 requests = LIST_HEAD_INITIALIZER(requests);
static size_t			 nrequests;
static struct tls_config	*trusted;	/* the system's CAs */

/* What no new attempt can mend: RFC 6749 section 5.2, and what providers add when a person has to act. */
static const char *const	 permanent[] = { "invalid_grant", "invalid_client", "unauthorized_client", "unsupported_grant_type",
	"invalid_scope", "interaction_required", "consent_required" };

/* Libraries read their files and the certificate store is chosen while there is a file system. */
void
request_init(void)
{
	struct tls	*warm;

	if (tls_init() == -1 || (trusted = config_new(NULL)) == NULL || (warm = tls_client()) == NULL)
		fatalx("tls_init failed");
	if (tls_configure(warm, trusted) == -1)
		fatalx("tls_configure: %s", tls_error(warm));
	tls_free(warm);
	json_init();
}

/* Certificate, name and time are verified and TLS 1.2 is the least: libtls's defaults.  NULL: no memory, or none in ca. */
static struct tls_config *
config_new(const struct buf *ca)
{
	struct tls_config	*config;

	if ((config = tls_config_new()) == NULL)
		return (NULL);
	if ((ca == NULL ? tls_config_set_ca_path(config, CA_PATH) :
	    tls_config_set_ca_mem(config, ca->base + ca->off, ca->len)) == -1 || tls_config_set_alpn(config, "http/1.1") == -1) {
		tls_config_free(config);
		return (NULL);
	}
	return (config);
}

struct request *
request_find(uint32_t id)
{
	struct request	*r;

	LIST_FOREACH(r, &requests, entry)
		if (r->start.id == id)
			return (r);
	return (NULL);
}

struct request *
request_new(const struct msg_token_start *m, int fd)
{
	struct request	*r;
	struct timeval	 tv = { OAUTH_TOTAL, 0 };

	if (nrequests >= OAUTH_REQUESTS || request_find(m->id) != NULL || fcntl(fd, F_SETFL, O_NONBLOCK) == -1 ||
	    (r = calloc(1, sizeof(*r))) == NULL) {
		close(fd);
		return (NULL);
	}
	r->start = *m;
	r->fd = fd;
	buf_init(&r->ca, PROTO_PEM_MAX);
	buf_init(&r->out, OAUTH_REQUEST_MAX);
	http_init(&r->http);
	LIST_INSERT_HEAD(&requests, r, entry);
	nrequests++;
	evtimer_set(&r->clock, request_clock, r);
	evtimer_add(&r->clock, &tv);
	return (r);
}

int
request_ca(struct request *r, const void *data, size_t len)
{
	return (r->phase == PHASE_PARTS && r->start.own_ca ? buf_add(&r->ca, data, len) : -1);
}

int
request_client(struct request *r, const void *data, size_t len)
{
	if (r->phase != PHASE_PARTS || len > sizeof(r->secret))
		return (-1);
	memcpy(r->secret, data, len);
	r->secret_len = len;
	return (0);
}

/* Everything is there.  Whatever comes of it, an answer follows. */
int
request_go(struct request *r, const void *refresh, size_t len)
{
	struct form	 f = { .host = r->start.host, .path = r->start.path, .client_id = r->start.client_id, .scope = r->start.scope,
			    .port = r->start.port, .client_credentials = r->start.client_credentials != 0, .secret = r->secret,
			    .secret_len = r->secret_len, .refresh = r->refresh, .refresh_len = len };

	if (r->phase != PHASE_PARTS || len > sizeof(r->refresh))
		return (-1);
	memcpy(r->refresh, refresh, len);
	r->refresh_len = len;
	if (form_build(&f, &r->out) == -1)
		request_fail(r, WHY_TOKEN_TEMP, "the request cannot be built");
	else if (request_tls(r) == -1)
		request_fail(r, WHY_TOKEN_TEMP, "TLS cannot be set up; is ca_file a file of PEM certificates?");
	else {
		r->phase = PHASE_HANDSHAKE;
		request_io(r->fd, EV_WRITE, r);
	}
	return (0);
}

/* A context is good for one connection. */
static int
request_tls(struct request *r)
{
	struct tls_config	*own = NULL;
	int			 n;

	if ((r->start.own_ca && (own = config_new(&r->ca)) == NULL) || (r->tls = tls_client()) == NULL)
		return (-1);
	n = tls_configure(r->tls, own != NULL ? own : trusted);
	tls_config_free(own);
	if (n == -1)
		return (-1);
	return (tls_connect_socket(r->tls, r->fd, r->start.host));
}

/* As far as it goes without waiting. */
static void
request_io(int fd, short event, void *arg)
{
	static int	(*const steps[])(struct request *, short *) = {
		[PHASE_HANDSHAKE] = request_handshake,
		[PHASE_SEND] = request_send,
		[PHASE_RECEIVE] = request_receive
	};
	struct request	*r = arg;
	struct timeval	 tv = { OAUTH_IDLE, 0 };
	short		 wanted = 0;
	int		 n;

	(void)fd;
	if (event & EV_TIMEOUT) {
		request_fail(r, WHY_TOKEN_TEMP, "the provider does not answer");
		return;
	}
	do
		n = steps[r->phase](r, &wanted);
	while (n == 1);
	if (n == -1)
		return;			/* answered, and gone */
	event_set(&r->io, r->fd, wanted, request_io, r);
	event_add(&r->io, &tv);
}

/* The steps: 1 go on, 0 wait for *wanted, -1 the request has ended. */
static int
request_handshake(struct request *r, short *wanted)
{
	ssize_t	 n;

	if ((n = tls_handshake(r->tls)) != 0)
		return (request_wants(r, n, wanted));
	r->phase = PHASE_SEND;
	return (1);
}

static int
request_send(struct request *r, short *wanted)
{
	ssize_t	 n;

	while (buf_len(&r->out) > 0) {
		/* libretls says 0 when the peer has sent an alert: nothing more can be written. */
		if ((n = tls_write(r->tls, buf_data(&r->out), buf_len(&r->out))) <= 0)
			return (request_wants(r, n, wanted));
		buf_consume(&r->out, (size_t)n);
	}
	r->phase = PHASE_RECEIVE;
	return (1);
}

static int
request_receive(struct request *r, short *wanted)
{
	uint8_t	 data[READ_SIZE];
	ssize_t	 n;
	int	 got;

	n = tls_read(r->tls, data, sizeof(data));
	if (n == TLS_WANT_POLLIN || n == TLS_WANT_POLLOUT)
		return (request_wants(r, n, wanted));
	/* A server that ends without TLS's goodbye is common; what was cut short is no complete response or no JSON. */
	got = n <= 0 ? http_eof(&r->http) : http_feed(&r->http, data, (size_t)n);
	explicit_bzero(data, sizeof(data));
	if (got == 0)
		return (1);
	if (got == -1)
		request_fail(r, WHY_TOKEN_TEMP, r->http.error);
	else
		request_answer(r);
	return (-1);
}

static int
request_wants(struct request *r, ssize_t n, short *wanted)
{
	if (n != TLS_WANT_POLLIN && n != TLS_WANT_POLLOUT)
		return (request_broken(r, tls_error(r->tls)));
	*wanted = n == TLS_WANT_POLLIN ? EV_READ : EV_WRITE;
	return (0);
}

static int
request_broken(struct request *r, const char *error)
{
	char		 text[PROTO_TEXT_SIZE], vis[PROTO_TEXT_SIZE];
	const char	*remedy = "";

	if (error == NULL)
		error = "the connection was lost";
	log_vis(vis, sizeof(vis), error, strlen(error));
	if (strstr(error, "local issuer") != NULL || strstr(error, "self signed") != NULL || strstr(error, "self-signed") != NULL)
		remedy = " (name the issuer's certificate in the client's ca_file)";
	snprintf(text, sizeof(text), "TLS: %.150s%s", vis, remedy);
	request_fail(r, WHY_TOKEN_TEMP, text);
	return (-1);
}

static void
request_clock(int fd, short event, void *arg)
{
	(void)fd;
	(void)event;
	request_fail(arg, WHY_TOKEN_TEMP, "the provider's answer takes too long");
}

/* A whole response. */
static void
request_answer(struct request *r)
{
	struct answer	 a;
	int		 rotated;

	if (r->http.status != 200) {
		request_refused(r);
		return;
	}
	if (json_granted(buf_data(&r->http.body), buf_len(&r->http.body), &a) == -1)
		request_fail(r, WHY_TOKEN_TEMP, a.wrong);
	else {
		rotated = !r->start.client_credentials && a.refresh[0] != '\0' &&
		    (strlen(a.refresh) != r->refresh_len || memcmp(a.refresh, r->refresh, r->refresh_len) != 0);
		HOOK("oauth.answer");
		oauth_granted(r->start.id, &a, rotated);
		request_free(r);
	}
	explicit_bzero(&a, sizeof(a));
}

/* Only a client error with a code of the protocol's own is permanent; what stands in for a provider (a proxy, say) may pass. */
static void
request_refused(struct request *r)
{
	struct answer	 a;
	char		 text[PROTO_TEXT_SIZE];
	size_t		 i = nitems(permanent);
	int		 status = r->http.status;

	if (status >= 400 && json_refused(buf_data(&r->http.body), buf_len(&r->http.body), &a) == 0) {
		request_describe(r, &a, text, sizeof(text));
		if (status < 404)
			for (i = 0; i < nitems(permanent) && strcmp(a.error, permanent[i]) != 0; i++)
				continue;
	} else
		snprintf(text, sizeof(text), "HTTP status %d%s", status, status >= 300 && status < 400 ?
		    ", a redirect, which is not followed" : status == 404 ? ", is token_url right?" : "");
	explicit_bzero(&a, sizeof(a));
	request_fail(r, i < nitems(permanent) ? WHY_TOKEN_PERM : WHY_TOKEN_TEMP, text);
}

/* "error: description" without what might be a secret. */
static void
request_describe(const struct request *r, const struct answer *a, char *text, size_t size)
{
	const char	*p = a->description;
	char		 words[PROTO_TEXT_SIZE] = "", word[PROTO_TEXT_SIZE], vis[PROTO_TEXT_SIZE];
	size_t		 n;

	if ((r->secret_len > 0 && memmem(p, strlen(p), r->secret, r->secret_len) != NULL) ||
	    (r->refresh_len > 0 && memmem(p, strlen(p), r->refresh, r->refresh_len) != NULL))
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
request_fail(struct request *r, enum fail_why why, const char *text)
{
	oauth_failed(r->start.id, why, text);
	request_free(r);
}

static void
request_free(struct request *r)
{
	LIST_REMOVE(r, entry);
	nrequests--;
	evtimer_del(&r->clock);
	if (event_initialized(&r->io))
		event_del(&r->io);
	if (r->tls != NULL) {
		if (r->phase > PHASE_HANDSHAKE)
			(void)tls_close(r->tls);	/* says goodbye, does not wait for an answer */
		tls_free(r->tls);
	}
	close(r->fd);
	buf_free(&r->ca);
	buf_free(&r->out);
	http_free(&r->http);
	freezero(r, sizeof(*r));
}
