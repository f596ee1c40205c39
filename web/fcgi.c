/* SPDX-License-Identifier: ISC */
/*
 * FastCGI 1.0, the responder's side of one request: records of the web server's are taken apart as they come, and an answer is made
 * records of.  A connection has one request here; another one is refused, as the protocol has it for applications that do not
 * multiplex.  What is longer than is taken is dropped and said to be so, so that an answer can say it to the browser.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "web.h"

#define FCGI_VERSION	1
#define HEAD_LEN	8
#define RECORD_MAX	(HEAD_LEN + 65535 + 255)
#define RESPONDER	1		/* the role */
#define OUT_MAX		4096		/* octets of answers about the application */
#define STDOUT_MAX	32768		/* octets in one record of an answer */
#define SHORT_MAX	127		/* a name or value of more octets has its length in four */

enum { BEGIN_REQUEST = 1, ABORT_REQUEST, END_REQUEST, PARAMS, STDIN, STDOUT, STDERR, DATA, GET_VALUES, GET_VALUES_RESULT,
	UNKNOWN_TYPE };
enum { REQUEST_COMPLETE, CANT_MPX_CONN, OVERLOADED, UNKNOWN_ROLE };

static int	 fcgi_record(struct fcgi *, uint8_t, uint16_t, const uint8_t *, size_t);
static int	 fcgi_manage(struct fcgi *, uint8_t, const uint8_t *, size_t);
static int	 fcgi_begin(struct fcgi *, uint16_t, const uint8_t *, size_t);
static int	 fcgi_params(struct fcgi *, const uint8_t *, size_t);
static int	 fcgi_stdin(struct fcgi *, const uint8_t *, size_t);
static int	 fcgi_tell(struct fcgi *, uint8_t, uint16_t, const uint8_t *, size_t);
static int	 fcgi_refuse(struct fcgi *, uint16_t, uint8_t);
static void	 head_make(uint8_t head[HEAD_LEN], uint8_t, uint16_t, size_t);
static int	 pair_next(const uint8_t **, size_t *, const uint8_t **, size_t *, const uint8_t **, size_t *);
static int	 pair_length(const uint8_t **, size_t *, size_t *);
static int	 write_all(int, const void *, size_t, int64_t);

int
fcgi_take(struct fcgi *f, const uint8_t *p, size_t len)
{
	const uint8_t	*r;
	size_t		 n, content, record;

	if (f->in.max == 0) {
		buf_init(&f->in, RECORD_MAX);
		buf_init(&f->out, OUT_MAX);
		buf_init(&f->params, PARAMS_MAX);
		buf_init(&f->body, BODY_MAX);
	}
	while (len > 0 && !f->whole && !f->ended) {
		n = RECORD_MAX - buf_len(&f->in);
		n = n < len ? n : len;
		if (buf_add(&f->in, p, n) == -1)
			return (-1);
		p += n;
		len -= n;
		while (!f->whole && !f->ended && buf_len(&f->in) >= HEAD_LEN) {
			r = buf_data(&f->in);
			if (r[0] != FCGI_VERSION)
				return (-1);
			content = (size_t)r[4] << 8 | r[5];
			record = HEAD_LEN + content + r[6];
			if (buf_len(&f->in) < record)
				break;
			if (fcgi_record(f, r[1], (uint16_t)(r[2] << 8 | r[3]), r + HEAD_LEN, content) == -1)
				return (-1);
			buf_consume(&f->in, record);
		}
	}
	return (0);
}

/* A whole record.  0 or -1. */
static int
fcgi_record(struct fcgi *f, uint8_t type, uint16_t id, const uint8_t *p, size_t len)
{
	if (id == 0)
		return (fcgi_manage(f, type, p, len));
	if (type == BEGIN_REQUEST)
		return (fcgi_begin(f, id, p, len));
	if (!f->begun || id != f->id)
		return (0);	/* of a request that was refused, or of none: the protocol wants it ignored */
	switch (type) {
	case ABORT_REQUEST:
		f->ended = 1;
		return (fcgi_refuse(f, id, REQUEST_COMPLETE));
	case PARAMS:
		return (fcgi_params(f, p, len));
	case STDIN:
		return (fcgi_stdin(f, p, len));
	default:
		return (-1);
	}
}

/* About the application, and not about a request. */
static int
fcgi_manage(struct fcgi *f, uint8_t type, const uint8_t *p, size_t len)
{
	static const struct { const char *name, *value; }	 values[] = {
		{ "FCGI_MAX_CONNS", "64" }, { "FCGI_MAX_REQS", "64" }, { "FCGI_MPXS_CONNS", "0" }
	};
	const uint8_t	*name, *value;
	uint8_t		 told[128], unknown[8] = { type };
	size_t		 i, namelen, valuelen, n = 0, k;
	int		 rv, had[nitems(values)] = { 0 };

	if (type != GET_VALUES)
		return (fcgi_tell(f, UNKNOWN_TYPE, 0, unknown, sizeof(unknown)));
	while ((rv = pair_next(&p, &len, &name, &namelen, &value, &valuelen)) == 1)
		for (i = 0; i < nitems(values); i++) {
			if (had[i] || namelen != strlen(values[i].name) || memcmp(name, values[i].name, namelen) != 0)
				continue;
			had[i] = 1;
			k = strlen(values[i].value);
			told[n++] = (uint8_t)namelen;
			told[n++] = (uint8_t)k;
			memcpy(told + n, name, namelen);
			memcpy(told + n + namelen, values[i].value, k);
			n += namelen + k;
		}
	return (rv == -1 ? -1 : fcgi_tell(f, GET_VALUES_RESULT, 0, told, n));
}

static int
fcgi_begin(struct fcgi *f, uint16_t id, const uint8_t *p, size_t len)
{
	if (len != 8)
		return (-1);
	if (f->begun)
		return (id == f->id ? -1 : fcgi_refuse(f, id, CANT_MPX_CONN));
	f->begun = 1;
	f->id = id;
	if ((p[0] << 8 | p[1]) == RESPONDER)
		return (0);
	f->ended = 1;
	return (fcgi_refuse(f, id, UNKNOWN_ROLE));
}

/* A piece of the parameters; one of no octets ends them, and they are looked through then. */
static int
fcgi_params(struct fcgi *f, const uint8_t *p, size_t len)
{
	const uint8_t	*name, *value;
	size_t		 left, namelen, valuelen;
	int		 rv;

	if (f->body_due)
		return (-1);
	if (len > 0) {
		if (f->over == 0 && len > PARAMS_MAX - buf_len(&f->params)) {
			f->over = 431;
			buf_free(&f->params);
			buf_init(&f->params, PARAMS_MAX);
		}
		return (f->over != 0 ? 0 : buf_add(&f->params, p, len));
	}
	f->body_due = 1;
	p = buf_data(&f->params);
	left = buf_len(&f->params);
	while ((rv = pair_next(&p, &left, &name, &namelen, &value, &valuelen)) == 1)
		continue;
	return (rv);
}

/* A piece of the body; one of no octets ends it, and the request is whole. */
static int
fcgi_stdin(struct fcgi *f, const uint8_t *p, size_t len)
{
	if (!f->body_due)
		return (-1);
	if (len == 0) {
		f->whole = 1;
		return (0);
	}
	if (f->over == 0 && len > BODY_MAX - buf_len(&f->body)) {
		f->over = 413;
		buf_free(&f->body);
		buf_init(&f->body, BODY_MAX);
	}
	return (f->over != 0 ? 0 : buf_add(&f->body, p, len));
}

/* A record of ours that goes out ahead of the answer.  -1: there are too many. */
static int
fcgi_tell(struct fcgi *f, uint8_t type, uint16_t id, const uint8_t *p, size_t len)
{
	uint8_t	 head[HEAD_LEN];

	head_make(head, type, id, len);
	return (buf_add(&f->out, head, sizeof(head)) == -1 || buf_add(&f->out, p, len) == -1 ? -1 : 0);
}

static int
fcgi_refuse(struct fcgi *f, uint16_t id, uint8_t why)
{
	const uint8_t	 end[8] = { 0, 0, 0, 0, why };

	return (fcgi_tell(f, END_REQUEST, id, end, sizeof(end)));
}

static void
head_make(uint8_t head[HEAD_LEN], uint8_t type, uint16_t id, size_t len)
{
	memset(head, 0, HEAD_LEN);
	head[0] = FCGI_VERSION;
	head[1] = type;
	head[2] = (uint8_t)(id >> 8);
	head[3] = (uint8_t)id;
	head[4] = (uint8_t)(len >> 8);
	head[5] = (uint8_t)len;
}

/* Takes a name and a value from *len octets at *p, and moves both behind them.  1: they are there, 0: nothing is left, -1: no pair. */
static int
pair_next(const uint8_t **p, size_t *len, const uint8_t **name, size_t *namelen, const uint8_t **value, size_t *valuelen)
{
	if (*len == 0)
		return (0);
	if (pair_length(p, len, namelen) == -1 || pair_length(p, len, valuelen) == -1 || *namelen > *len ||
	    *valuelen > *len - *namelen)
		return (-1);
	*name = *p;
	*value = *p + *namelen;
	*p += *namelen + *valuelen;
	*len -= *namelen + *valuelen;
	return (1);
}

static int
pair_length(const uint8_t **p, size_t *len, size_t *n)
{
	const uint8_t	*q = *p;
	size_t		 used = *len > 0 && q[0] > SHORT_MAX ? 4 : 1;

	if (*len < used)
		return (-1);
	*n = used == 1 ? q[0] : (size_t)(q[0] & 0x7f) << 24 | (size_t)q[1] << 16 | (size_t)q[2] << 8 | q[3];
	*p += used;
	*len -= used;
	return (0);
}

/* The first parameter of this name, as a string in buf. */
const char *
fcgi_param(const struct fcgi *f, const char *wanted, char *buf, size_t size)
{
	const uint8_t	*p, *name, *value;
	size_t		 left = buf_len(&f->params), namelen, valuelen;

	if (left == 0)
		return (NULL);
	p = f->params.base + f->params.off;
	while (pair_next(&p, &left, &name, &namelen, &value, &valuelen) == 1) {
		if (namelen != strlen(wanted) || memcmp(name, wanted, namelen) != 0)
			continue;
		if (valuelen >= size || memchr(value, '\0', valuelen) != NULL)
			return (NULL);
		memcpy(buf, value, valuelen);
		buf[valuelen] = '\0';
		return (buf);
	}
	return (NULL);
}

int
fcgi_write(int fd, uint16_t id, const void *data, size_t len)
{
	const uint8_t	*p = data;
	uint8_t		 record[HEAD_LEN + STDOUT_MAX], end[HEAD_LEN + HEAD_LEN + 8];
	int64_t		 until = clock_msec() + WAIT_TIME * 1000;
	size_t		 n;

	for (; len > 0; p += n, len -= n) {
		n = len < STDOUT_MAX ? len : STDOUT_MAX;
		head_make(record, STDOUT, id, n);
		memcpy(record + HEAD_LEN, p, n);
		if (write_all(fd, record, HEAD_LEN + n, until) == -1)
			return (-1);
	}
	memset(end, 0, sizeof(end));
	head_make(end, STDOUT, id, 0);
	head_make(end + HEAD_LEN, END_REQUEST, id, 8);
	return (write_all(fd, end, sizeof(end), until));
}

static int
write_all(int fd, const void *data, size_t len, int64_t until)
{
	struct pollfd	 pfd = { .fd = fd, .events = POLLOUT };
	const uint8_t	*p = data;
	int64_t		 left;
	ssize_t		 n;

	while (len > 0) {
		if ((n = write(fd, p, len)) > 0) {
			p += n;
			len -= (size_t)n;
			continue;
		}
		if (n == -1 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
			return (-1);
		if ((left = until - clock_msec()) <= 0)
			return (-1);
		(void)poll(&pfd, 1, (int)left);
	}
	return (0);
}

void
fcgi_free(struct fcgi *f)
{
	buf_free(&f->in);
	buf_free(&f->out);
	buf_free(&f->params);
	buf_free(&f->body);
	memset(f, 0, sizeof(*f));
}
