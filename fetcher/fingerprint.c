/* SPDX-License-Identifier: ISC */
/*
 * What a message is recognised by on another server, or on the same one after it gave all messages new numbers: SHA-256 over the
 * fields of its header, each as name in lower case, ':', value, LF.  Of the value, runs of blanks, tabs, CRs and folds count as one
 * blank, and those at its ends not at all.
 *
 * Left out is what stores and migrations write (table below), and each Received but the last: a message that was sent on once more
 * has got new ones on top, while the one at the bottom is of the host where it began.  The digest of that last Received goes behind
 * the fields.
 *
 * The header ends with the first empty line, with a line that is no field (a name has at most FINGERPRINT_NAME_MAX octets, no
 * blanks, no controls; mbox's "From " line on top is skipped), or after HEADER_MAX octets.  No field that counts: all octets 0,
 * which means none.
 *
 * What devices write has the same header every time, but for the time at which it came to the first server.  A header without that
 * (a Received whose value has a ';', RFC 5321 section 4.4), and without a Message-ID and a Date, tells no message from another one.
 */
#include <sys/types.h>

#include <stdint.h>
#include <string.h>

#include <openssl/evp.h>

#include "common/compat.h"
#include "pop3.h"

#define HEADER_MAX	262144

static void	 octet_feed(struct fingerprint *, uint8_t);
static size_t	 value_feed(struct fingerprint *, const uint8_t *, size_t);
static void	 name_octet(struct fingerprint *, uint8_t);
static void	 name_end(struct fingerprint *, uint8_t);
static void	 field_open(struct fingerprint *);
static void	 field_close(struct fingerprint *);
static int	 field_counts(const char *);
static void	 out_to(struct fingerprint *, EVP_MD_CTX *);
static void	 out_add(struct fingerprint *, const void *, size_t);
static void	 out_flush(struct fingerprint *);

/* Makes ready a fingerprint.  0, or -1: no memory. */
int
fingerprint_init(struct fingerprint *f)
{
	f->state = FINGERPRINT_END;
	f->md = EVP_MD_CTX_new();
	f->trace = EVP_MD_CTX_new();
	return (f->md == NULL || f->trace == NULL ? -1 : 0);
}

void
fingerprint_free(struct fingerprint *f)
{
	EVP_MD_CTX_free(f->md);
	EVP_MD_CTX_free(f->trace);
	f->md = f->trace = NULL;
}

/* A message begins with the next octet. */
void
fingerprint_begin(struct fingerprint *f)
{
	f->state = FINGERPRINT_BOL;
	f->sink = f->md;
	f->failed = f->traced = f->timed = f->dated = f->named = f->open = f->keep = 0;
	f->octets = f->fields = f->lines = 0;
	f->outlen = 0;
	if (EVP_DigestInit_ex(f->md, stream_sha256(), NULL) != 1)
		f->failed = 1;
}

/* Takes octets of the message, without dot-stuffing; those behind the header cost nothing. */
void
fingerprint_feed(struct fingerprint *f, const uint8_t *p, size_t len)
{
	size_t	 n;

	if (f->state == FINGERPRINT_END)
		return;
	if (len > HEADER_MAX - f->octets)
		len = HEADER_MAX - f->octets;
	f->octets += (uint32_t)len;
	for (; len > 0 && f->state != FINGERPRINT_END; p += n, len -= n) {
		n = 1;
		if (f->state == FINGERPRINT_VALUE || f->state == FINGERPRINT_SKIP)
			n = value_feed(f, p, len);
		else
			octet_feed(f, *p);
	}
	if (f->octets == HEADER_MAX)
		f->state = FINGERPRINT_END;
}

/* The message is complete: writes its fingerprint.  0, or -1: SHA-256 failed. */
int
fingerprint_finish(struct fingerprint *f, uint8_t digest[PROTO_DIGEST_LEN])
{
	field_close(f);
	out_flush(f);
	if (f->traced && (EVP_DigestFinal_ex(f->trace, digest, NULL) != 1 ||
	    EVP_DigestUpdate(f->md, digest, PROTO_DIGEST_LEN) != 1))
		f->failed = 1;
	if (EVP_DigestFinal_ex(f->md, digest, NULL) != 1)
		f->failed = 1;
	if (f->fields == 0)
		memset(digest, 0, PROTO_DIGEST_LEN);
	f->state = FINGERPRINT_END;
	return (f->failed ? -1 : 0);
}

int
fingerprint_tells(const struct fingerprint *f)
{
	return (f->timed || (f->dated && f->named));
}

/* Takes an octet at the begin of a line, or up to the colon. */
static void
octet_feed(struct fingerprint *f, uint8_t c)
{
	switch (f->state) {
	case FINGERPRINT_BOL:
		f->lines++;
		if (c == '\r')
			f->state = FINGERPRINT_BOL_CR;
		else if ((c == ' ' || c == '\t') && f->open) {
			f->state = FINGERPRINT_VALUE;
			f->blank = 1;
		} else {
			field_close(f);
			f->namelen = 0;
			f->state = FINGERPRINT_NAME;
			name_octet(f, c);
		}
		break;
	case FINGERPRINT_BOL_CR:
		if (c != '\r')
			f->state = FINGERPRINT_END;
		break;
	case FINGERPRINT_NAME:
		name_octet(f, c);
		break;
	default:
		name_end(f, c);
		break;
	}
}

static void
name_octet(struct fingerprint *f, uint8_t c)
{
	if (c < 33 || c > 126 || c == ':')
		name_end(f, c);
	else if (f->namelen == FINGERPRINT_NAME_MAX)
		f->state = FINGERPRINT_END;
	else
		f->name[f->namelen++] = (char)(c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c);
}

/* Takes an octet ahead of the colon that is not of the name, which may be white space only. */
static void
name_end(struct fingerprint *f, uint8_t c)
{
	f->name[f->namelen] = '\0';
	if (c == ':' && f->namelen > 0)
		field_open(f);
	else if (c == ' ' && f->state == FINGERPRINT_NAME && f->lines == 1 &&
	    (strcmp(f->name, "from") == 0 || strcmp(f->name, ">from") == 0))
		f->state = FINGERPRINT_SKIP;
	else if ((c == ' ' || c == '\t') && f->namelen > 0)
		f->state = FINGERPRINT_NAME_WSP;
	else
		f->state = FINGERPRINT_END;
}

/* Takes octets up to the end of the line, at most.  Returns their number. */
static size_t
value_feed(struct fingerprint *f, const uint8_t *p, size_t len)
{
	const uint8_t	*lf = memchr(p, '\n', len);
	size_t		 i, from, n = lf == NULL ? len : (size_t)(lf - p);

	for (i = 0; f->keep && i < n;) {
		if (p[i] == ' ' || p[i] == '\t' || p[i] == '\r') {
			f->blank = 1;
			i++;
			continue;
		}
		for (from = i; i < n && p[i] != ' ' && p[i] != '\t' && p[i] != '\r'; i++)
			;
		if (f->blank && f->text)
			out_add(f, " ", 1);
		f->blank = 0;
		f->text = 1;
		out_add(f, p + from, i - from);
	}
	if (f->keep && f->sink == f->trace && memchr(p, ';', n) != NULL)
		f->timed = 1;
	if (lf == NULL)
		return (len);
	f->state = FINGERPRINT_BOL;
	return (n + 1);
}

static void
field_open(struct fingerprint *f)
{
	f->state = FINGERPRINT_VALUE;
	f->open = 1;
	f->blank = f->text = 0;
	f->keep = field_counts(f->name);
	if (!f->keep)
		return;
	f->fields++;
	if (strcmp(f->name, "received") == 0) {
		out_to(f, f->trace);
		f->outlen = 0;		/* octets of the Received field before this one */
		f->traced = 1;
		f->timed = 0;
		if (EVP_DigestInit_ex(f->trace, stream_sha256(), NULL) != 1)
			f->failed = 1;
	} else
		out_to(f, f->md);
	out_add(f, f->name, f->namelen);
	out_add(f, ":", 1);
}

static void
field_close(struct fingerprint *f)
{
	if (f->keep)
		out_add(f, "\n", 1);
	if (f->keep && f->text && strcmp(f->name, "date") == 0)
		f->dated = 1;
	if (f->keep && f->text && strcmp(f->name, "message-id") == 0)
		f->named = 1;
	f->open = f->keep = 0;
}

/* Whether a field counts: it is none that a store, a delivery agent or a mail program writes into a message that it has. */
static int
field_counts(const char *name)
{
	static const char	*const left_out[] = { "content-length", "delivered-to", "delivery-date", "envelope-to", "lines",
	    "return-path", "status", "x-envelope-to", "x-imap", "x-imapbase", "x-keywords", "x-original-to", "x-status", "x-uid",
	    "x-uidl" };
	static const char	*const families[] = { "x-evolution", "x-gmail-", "x-gm-", "x-mozilla-" };
	size_t			 i;

	for (i = 0; i < nitems(left_out); i++)
		if (strcmp(name, left_out[i]) == 0)
			return (0);
	for (i = 0; i < nitems(families); i++)
		if (strncmp(name, families[i], strlen(families[i])) == 0)
			return (0);
	return (1);
}

static void
out_to(struct fingerprint *f, EVP_MD_CTX *sink)
{
	if (sink == f->sink)
		return;
	out_flush(f);
	f->sink = sink;
}

static void
out_add(struct fingerprint *f, const void *p, size_t len)
{
	if (len > sizeof(f->out) - f->outlen)
		out_flush(f);
	if (len > sizeof(f->out)) {
		if (EVP_DigestUpdate(f->sink, p, len) != 1)
			f->failed = 1;
		return;
	}
	memcpy(f->out + f->outlen, p, len);
	f->outlen += len;
}

static void
out_flush(struct fingerprint *f)
{
	if (f->outlen > 0 && EVP_DigestUpdate(f->sink, f->out, f->outlen) != 1)
		f->failed = 1;
	f->outlen = 0;
}
