/* SPDX-License-Identifier: ISC */
/* Replies (RFC 5321 section 4.2), their enhanced status codes (RFC 2034, 3463), the lines of an EHLO reply: total parsers. */
#include <sys/types.h>

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "sender.h"

static size_t	 reply_enhanced(int, const uint8_t *, size_t);
static size_t	 reply_number(const uint8_t *, size_t);
static void	 reply_keep(struct smtp_reply *, const uint8_t *, size_t);
static size_t	 word(const uint8_t **, size_t *, const uint8_t **);
static int	 word_is(const uint8_t *, size_t, const char *);
static void	 offer_size(struct smtp_offer *, const uint8_t *, size_t);
static void	 offer_auth(struct smtp_offer *, const uint8_t *, size_t);
static void	 offer_xclient(struct smtp_offer *, const uint8_t *, size_t);

/* The enhanced status codes that reply codes stand for where the next hop sends none. */
static const struct {
	int		 code;
	const char	*status;
} statuses[] = {
	{ 421, "4.3.2" },
	{ 452, "4.3.1" },
	{ 530, "5.7.0" },
	{ 535, "5.7.8" },
	{ 551, "5.1.6" },
	{ 552, "5.3.4" },
	{ 553, "5.1.3" },
};

static const struct {
	const char	*name;
	uint32_t	 cap;
	void		(*rest)(struct smtp_offer *, const uint8_t *, size_t);
} offers[] = {
	{ "PIPELINING", CAP_PIPELINING, NULL },
	{ "8BITMIME", CAP_8BITMIME, NULL },
	{ "SMTPUTF8", CAP_SMTPUTF8, NULL },
	{ "DSN", CAP_DSN, NULL },
	{ "STARTTLS", CAP_STARTTLS, NULL },
	{ "SIZE", CAP_SIZE, offer_size },
	{ "AUTH", CAP_AUTH, offer_auth },
	{ "XCLIENT", 0, offer_xclient },
};

static const enum auth_mech	 offered_mechs[] = { AUTH_SCRAM_SHA_256, AUTH_SCRAM_SHA_1, AUTH_CRAM_MD5, AUTH_PLAIN, AUTH_LOGIN };

/*
 * Takes the next line of a reply, whose struct begins as zeroes; *text is what follows the code.  1: the reply is complete; 0: more
 * lines follow; -1: the line is none of a reply, or there are too many.
 */
int
smtp_reply_line(struct smtp_reply *r, const uint8_t *line, size_t len, const uint8_t **text, size_t *textlen)
{
	size_t	 n;
	int	 code;

	if (len < 3 || line[0] < '2' || line[0] > '5' || !isdigit(line[1]) || !isdigit(line[2]) ||
	    (len > 3 && line[3] != ' ' && line[3] != '-'))
		return (-1);
	code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
	if ((r->lines > 0 && code != r->code) || ++r->lines > REPLY_LINES_MAX)
		return (-1);
	r->code = code;
	*text = line + (len > 3 ? 4 : 3);
	*textlen = len - (len > 3 ? 4 : 3);
	n = reply_enhanced(code, *text, *textlen);
	if (n > 0 && r->status[0] == '\0')
		snprintf(r->status, sizeof(r->status), "%.*s", (int)n, (const char *)*text);
	reply_keep(r, *text + n, *textlen - n);
	return (len == 3 || line[3] == ' ');
}

/* Appends a line to the text of a reply, behind a blank. */
static void
reply_keep(struct smtp_reply *r, const uint8_t *p, size_t len)
{
	for (; len > 0 && *p == ' '; p++, len--)
		;
	if (len == 0)
		return;
	if (r->len > 0 && r->len < sizeof(r->text))
		r->text[r->len++] = ' ';
	if (len > sizeof(r->text) - r->len)
		len = sizeof(r->text) - r->len;
	memcpy(r->text + r->len, p, len);
	r->len += len;
}

/* The length of an enhanced status code at p, of the same class as the reply's code; 0: there is none. */
static size_t
reply_enhanced(int code, const uint8_t *p, size_t len)
{
	size_t	 n, m;

	if (len < 5 || p[0] != code / 100 + '0' || p[1] != '.' || (n = reply_number(p + 2, len - 2)) == 0)
		return (0);
	n += 2;
	if (n == len || p[n++] != '.' || (m = reply_number(p + n, len - n)) == 0)
		return (0);
	n += m;
	return (n == len || p[n] == ' ' ? n : 0);
}

/* The length of a number of one to three digits at p, or 0. */
static size_t
reply_number(const uint8_t *p, size_t len)
{
	size_t	 n;

	for (n = 0; n < len && n < 3 && isdigit(p[n]); n++)
		;
	return (n);
}

/* Copies the reply's enhanced status code, or one made from its code. */
void
smtp_reply_status(const struct smtp_reply *r, char *dst, size_t size)
{
	size_t	 i;

	if (r->status[0] != '\0') {
		strlcpy(dst, r->status, size);
		return;
	}
	for (i = 0; i < nitems(statuses); i++)
		if (statuses[i].code == r->code) {
			strlcpy(dst, statuses[i].status, size);
			return;
		}
	snprintf(dst, size, "%d.0.0", r->code / 100);
}

/* Finds the next word of a line, *w, and moves *p and *len behind it.  Returns the word's length; 0: there is none. */
static size_t
word(const uint8_t **p, size_t *len, const uint8_t **w)
{
	size_t	 n;

	for (; *len > 0 && **p == ' '; (*p)++, (*len)--)
		;
	*w = *p;
	for (n = 0; n < *len && (*p)[n] != ' '; n++)
		;
	*p += n;
	*len -= n;
	return (n);
}

static int
word_is(const uint8_t *w, size_t len, const char *name)
{
	return (len == strlen(name) && strncasecmp((const char *)w, name, len) == 0);
}

/* Takes in a line of a reply to EHLO, other than the first.  "AUTH=" is how AUTH was written before there was an RFC. */
void
smtp_offer_line(struct smtp_offer *o, const uint8_t *p, size_t len)
{
	const uint8_t	*w;
	size_t		 n = word(&p, &len, &w), i;

	if (n > 5 && strncasecmp((const char *)w, "AUTH=", 5) == 0) {
		len += n - 5;
		p = w + 5;
		n = 4;
	}
	for (i = 0; i < nitems(offers); i++)
		if (word_is(w, n, offers[i].name)) {
			o->caps |= offers[i].cap;
			if (offers[i].rest != NULL)
				offers[i].rest(o, p, len);
			return;
		}
}

/*
 * Takes in the parameter of SIZE (RFC 1870): without a number, or with 0, there is no limit, and one that no message reaches is
 * none.
 */
static void
offer_size(struct smtp_offer *o, const uint8_t *p, size_t len)
{
	const uint8_t	*w;
	size_t		 n = word(&p, &len, &w), i;

	o->size = 0;
	if (n > 18)
		return;
	for (i = 0; i < n; i++) {
		if (!isdigit(w[i])) {
			o->size = 0;
			return;
		}
		o->size = o->size * 10 + (uint64_t)(w[i] - '0');
	}
}

static void
offer_auth(struct smtp_offer *o, const uint8_t *p, size_t len)
{
	const uint8_t	*w;
	size_t		 n, i;

	while ((n = word(&p, &len, &w)) > 0)
		for (i = 0; i < nitems(offered_mechs); i++)
			if (word_is(w, n, sasl_name(offered_mechs[i])))
				o->mechs |= 1U << offered_mechs[i];
}

static void
offer_xclient(struct smtp_offer *o, const uint8_t *p, size_t len)
{
	const uint8_t	*w;
	size_t		 n;

	while ((n = word(&p, &len, &w)) > 0)
		if (word_is(w, n, "ADDR"))
			o->caps |= CAP_XCLIENT;
}
