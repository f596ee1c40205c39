/* SPDX-License-Identifier: ISC */
/*
 * The client's side of Dovecot's auth protocol, version 1: lines, fields divided by tabs.  No octet goes in or out here.
 *
 *	-> VERSION 1 1, CPID pid
 *	<- VERSION 1 n, then in any order MECH name ..., SPID, CUID, COOKIE and what later versions add; DONE
 *	-> AUTH 1 PLAIN service=pop3 secured nologin no-penalty rip=client resp=base64
 *	<- OK 1 ..., or FAIL 1 ...
 *
 * nologin: nobody asks Dovecot for this login's mailbox afterwards.  no-penalty: those who guess are slowed here already, by the
 * addresses that they come from.
 */
#include <sys/types.h>

#include <stdio.h>
#include <string.h>

#include "common/compat.h"
#include "common/sasl/base64.h"
#include "auth.h"

#define LINES_MAX	500	/* of a whole exchange */
#define FIELDS_MAX	64	/* that are looked at of a line */

struct field {
	const uint8_t	*p;
	size_t		 len;
};

static enum dovecot_said	 heard_line(struct dovecot *, const uint8_t *, size_t);
static enum dovecot_said	 heard_version(struct dovecot *, const struct field *, size_t);
static enum dovecot_said	 heard_answer(struct dovecot *, const struct field *, size_t);
static enum dovecot_said	 later(struct dovecot *, const char *);
static size_t			 line_fields(struct field *, const uint8_t *, size_t);
static int			 field_is(const struct field *, const char *);
static int			 field_named(const struct field *, size_t, const char *);

void
dovecot_begin(struct dovecot *d)
{
	memset(d, 0, sizeof(*d));
	buf_init(&d->in, DOVECOT_LINE);
}

void
dovecot_end(struct dovecot *d)
{
	buf_free(&d->in);
}

/* What is said first.  The number is this process's: Dovecot wants one that no other client of its has.  0, or -1: no memory. */
int
dovecot_hello(struct buf *out, pid_t pid)
{
	char	 text[64];
	int	 n = snprintf(text, sizeof(text), "VERSION\t1\t1\nCPID\t%ld\n", (long)pid);

	return (buf_add(out, text, (size_t)n));
}

/* The question, behind DOVECOT_ASK.  The last field has to be resp.  0, or -1: no memory. */
int
dovecot_request(struct buf *out, const char *user, const char *client, const void *password, size_t len)
{
	char		 head[256];
	struct buf	 plain;
	int		 n, rc;

	n = snprintf(head, sizeof(head), "AUTH\t1\tPLAIN\tservice=pop3\tsecured\tnologin\tno-penalty\t%s%s%sresp=",
	    *client == '\0' ? "" : "rip=", client, *client == '\0' ? "" : "\t");
	buf_init(&plain, PROTO_ADDR_SIZE + PROTO_SECRET_MAX + 2);
	rc = n < 0 || (size_t)n >= sizeof(head) || buf_add(out, head, (size_t)n) == -1 || buf_add(&plain, "", 1) == -1 ||
	    buf_add(&plain, user, strlen(user) + 1) == -1 || buf_add(&plain, password, len) == -1 ||
	    base64_encode(out, buf_data(&plain), buf_len(&plain)) == -1 || buf_add(out, "\n", 1) == -1 ? -1 : 0;
	buf_free(&plain);
	return (rc);
}

/*
 * Some octets of Dovecot's.  ASK: it is its turn to be asked, once.  YES and NO: the answer.  LATER: there is none, and d->why says
 * why.  Nothing is heard behind any of the last three.
 */
enum dovecot_said
dovecot_heard(struct dovecot *d, const void *data, size_t len)
{
	const uint8_t		*p = data, *end;
	enum dovecot_said	 said = DOVECOT_MORE;
	size_t			 n;

	while (len > 0 && said == DOVECOT_MORE) {
		end = memchr(p, '\n', len);
		n = end == NULL ? len : (size_t)(end - p);
		if (n > 0 && buf_add(&d->in, p, n) == -1)
			return (later(d, "a line of it has more than 16384 octets"));
		p += n;
		len -= n;
		if (end == NULL)
			break;
		p++;
		len--;
		said = heard_line(d, buf_data(&d->in), buf_len(&d->in));
		buf_consume(&d->in, buf_len(&d->in));
	}
	if (said == DOVECOT_ASK && len > 0)
		return (later(d, "it answers ahead of a question"));
	return (said);
}

static enum dovecot_said
heard_line(struct dovecot *d, const uint8_t *line, size_t len)
{
	struct field	 f[FIELDS_MAX];
	size_t		 n;

	if (++d->lines > LINES_MAX)
		return (later(d, "it says too much"));
	n = line_fields(f, line, len);
	switch (d->state) {
	case DOVECOT_VERSION:
		return (heard_version(d, f, n));
	case DOVECOT_SHAKE:
		if (field_is(&f[0], "MECH") && n > 1 && field_is(&f[1], "PLAIN"))
			d->plain = 1;
		if (!field_is(&f[0], "DONE"))
			break;
		if (!d->plain)
			return (later(d, "it does not know mechanism PLAIN; see auth_mechanisms of Dovecot"));
		d->state = DOVECOT_ASKED;
		return (DOVECOT_ASK);
	case DOVECOT_ASKED:
		return (heard_answer(d, f, n));
	}
	return (DOVECOT_MORE);
}

static enum dovecot_said
heard_version(struct dovecot *d, const struct field *f, size_t n)
{
	if (n < 3 || !field_is(&f[0], "VERSION"))
		return (later(d, "it does not begin as Dovecot's auth socket for clients does"));
	if (!field_is(&f[1], "1"))
		return (later(d, "it speaks another version of the protocol than 1"));
	d->state = DOVECOT_SHAKE;
	return (DOVECOT_MORE);
}

/* An answer counts only if it is one to our question.  What Dovecot has not verified, or lets nobody log in by, is not right. */
static enum dovecot_said
heard_answer(struct dovecot *d, const struct field *f, size_t n)
{
	int	 ok = field_is(&f[0], "OK"), fail = field_is(&f[0], "FAIL");

	if (field_is(&f[0], "CONT"))
		return (later(d, "it wants more than name and password"));
	if (!ok && !fail)
		return (DOVECOT_MORE);
	if (n < 2 || !field_is(&f[1], "1"))
		return (later(d, "it answers a question that was not asked"));
	if (n == FIELDS_MAX)
		return (later(d, "its answer has too many fields"));
	if (ok && (field_named(f, n, "proxy") || field_named(f, n, "proxy_maybe")))
		return (later(d, "it would hand the login on to another server, which alone may know whether the password is right"));
	if (ok)
		return (field_named(f, n, "nologin") ? DOVECOT_NO : DOVECOT_YES);
	for (; n > 2; n--)
		if (field_is(&f[n - 1], "temp") || field_is(&f[n - 1], "code=temp_fail"))
			return (later(d, "it cannot tell now; its log says why"));
	return (DOVECOT_NO);
}

static enum dovecot_said
later(struct dovecot *d, const char *why)
{
	d->why = why;
	return (DOVECOT_LATER);
}

/* Cuts a line at its tabs, into one field at least and FIELDS_MAX at most, and returns how many. */
static size_t
line_fields(struct field *f, const uint8_t *p, size_t len)
{
	const uint8_t	*tab;
	size_t		 n = 0;

	do {
		tab = len == 0 ? NULL : memchr(p, '\t', len);
		f[n].p = p;
		f[n].len = tab == NULL ? len : (size_t)(tab - p);
		p = tab == NULL ? p : tab + 1;
		len = tab == NULL ? 0 : len - f[n].len - 1;
		n++;
	} while (tab != NULL && n < FIELDS_MAX);
	return (n);
}

static int
field_is(const struct field *f, const char *word)
{
	return (f->len == strlen(word) && (f->len == 0 || memcmp(f->p, word, f->len) == 0));
}

/* Whether one of the fields behind the first two has this name, with a value or without. */
static int
field_named(const struct field *f, size_t n, const char *name)
{
	size_t	 i, len = strlen(name);

	for (i = 2; i < n; i++)
		if (f[i].len >= len && memcmp(f[i].p, name, len) == 0 && (f[i].len == len || f[i].p[len] == '='))
			return (1);
	return (0);
}
