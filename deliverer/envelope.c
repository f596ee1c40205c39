/* SPDX-License-Identifier: ISC */
/*
 * Which of the fields with envelope recipients count.  Anybody can write such a field into a message; what the provider writes
 * stands above the Received field that its own first host has put on top of what the sender sent.  So with a trusted hop only
 * fields count that are above the topmost Received field with this host behind "by".  Such a "by" counts wherever it stands in the
 * field, also in comments: a sender who gets one into a field further up makes less count, never more.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/compat.h"
#include "deliverer.h"

#define NAMES_MAX	(PROTO_SPECIAL_SIZE / 2)

static size_t	 envelope_limit(const struct msg_session_open *, const struct header *);
static int	 envelope_for_in(const uint8_t *, size_t, const char *hop, const uint8_t **, size_t *);
static const uint8_t	*envelope_word(const uint8_t **, const uint8_t *, size_t *);
static const uint8_t	*envelope_skip(const uint8_t *, const uint8_t *);
static int	 envelope_is(const uint8_t *, size_t, const char *);
static void	 envelope_name(const char *, uint32_t, char *, size_t);

/*
 * Finds the fields that count.  Of the list of names only the first one counts that the message has, in the place that special_nth
 * asks for, if it does.  The fields are those from first to before limit of kind FIELD_SPECIAL with this name; with one, only the
 * first.
 */
void
envelope_choose(const struct msg_session_open *open, const struct header *h, struct envelope *e)
{
	uint32_t		 have[NAMES_MAX + 1] = { 0 }, want = open->special_nth == 0 ? 1 : open->special_nth;
	size_t			 at[NAMES_MAX + 1], i;
	const struct field	*f;

	memset(e, 0, sizeof(*e));
	e->limit = envelope_limit(open, h);
	e->hop = e->limit != SIZE_MAX;
	if (!e->hop)
		e->limit = 0;
	for (i = 0; i < h->nfields; i++) {
		f = &h->fields[i];
		if (f->kind != FIELD_SPECIAL || f->name > NAMES_MAX)
			continue;
		if (i >= e->limit)
			e->distrusted++;
		else if (++have[f->name] == want)
			at[f->name] = i;
	}
	for (i = 0; i <= NAMES_MAX && !e->found; i++) {
		if (have[i] < want)
			continue;
		e->found = 1;
		e->one = open->special_nth != 0;
		e->name = i;
		e->first = at[i];
		e->fields = e->one ? 1 : have[i];
	}
	if (e->found)
		envelope_name(open->special, e->name, e->text, sizeof(e->text));
	else
		strlcpy(e->text, open->special, sizeof(e->text));
}

/* The index of the trusted hop's Received field, from which on fields are the sender's; SIZE_MAX: there is none. */
static size_t
envelope_limit(const struct msg_session_open *open, const struct header *h)
{
	size_t	 i;

	if (open->trusted_hop[0] == '\0')
		return (h->nfields);
	for (i = 0; i < h->nfields; i++)
		if (h->fields[i].kind == FIELD_RECEIVED &&
		    envelope_by(header_text(h, &h->fields[i]), h->fields[i].len, open->trusted_hop) != -1)
			return (i);
	return (SIZE_MAX);
}

/*
 * The index from which on Received fields are those that the message brought along to the provider.  Without a trusted hop only the
 * topmost one is certainly the provider's, which has put the message into the mailbox.
 */
size_t
envelope_own(const struct msg_session_open *open, const struct header *h)
{
	size_t	 i;

	if (open->trusted_hop[0] != '\0')
		return ((i = envelope_limit(open, h)) == SIZE_MAX ? h->nfields : i + 1);
	for (i = 0; i < h->nfields && h->fields[i].kind != FIELD_RECEIVED; i++)
		;
	return (i < h->nfields ? i + 1 : i);
}

/* The offset of the first "by" that is followed by blanks and the host's name as a whole; -1: there is none. */
ssize_t
envelope_by(const uint8_t *p, size_t len, const char *host)
{
	size_t	 i, k, n = strlen(host);

	for (i = 0; i + 3 + n <= len; i++) {
		if ((i > 0 && envelope_ishost(p[i - 1])) || strncasecmp((const char *)p + i, "by", 2) != 0)
			continue;
		for (k = i + 2; k < len && (p[k] == ' ' || p[k] == '\t' || p[k] == '\r'); k++)
			;
		if (k == i + 2 || len - k < n || strncasecmp((const char *)p + k, host, n) != 0)
			continue;
		k += n;
		if (k < len && p[k] == '.')
			k++;
		if (k == len || !envelope_ishost(p[k]))
			return (i);
	}
	return (-1);
}

int
envelope_for(const struct msg_session_open *open, const struct header *h, const struct envelope *e, const uint8_t **text,
    size_t *len)
{
	const struct field	*f;
	size_t			 i;
	int			 what = 0;

	if (open->trusted_hop[0] == '\0' || !e->hop || e->limit >= h->nfields)
		return (0);
	for (i = e->limit + 1; i-- > 0 && what == 0;) {
		f = &h->fields[i];
		if (f->kind == FIELD_RECEIVED)
			what = envelope_for_in(header_text(h, f), f->len, i == e->limit ? open->trusted_hop : NULL, text, len);
	}
	return (what);
}

int
envelope_has_for(const struct header *h)
{
	const uint8_t	*text;
	size_t		 i, len;

	for (i = 0; i < h->nfields; i++)
		if (h->fields[i].kind == FIELD_RECEIVED &&
		    envelope_for_in(header_text(h, &h->fields[i]), h->fields[i].len, NULL, &text, &len) == 1)
			return (1);
	return (0);
}

/*
 * Reads the address behind "for" in one field.  The sender's own words (HELO) stand ahead of the provider's: so "by" and "for" have
 * to be there once each, outside of comments, in this order, with hop behind "by", and behind the address the next clause or the
 * end.  Whatever the sender puts in between, what the provider has written is there as well, and makes the field doubtful.
 */
static int
envelope_for_in(const uint8_t *p, size_t len, const char *hop, const uint8_t **text, size_t *textlen)
{
	const uint8_t	*w, *end = p + len;
	size_t		 n;
	int		 by = 0, found = 0, expect = 0;		/* expect: 1 hop, 2 the address, 3 what may follow it */

	while ((w = envelope_word(&p, end, &n)) != NULL && n > 0) {
		if (expect == 1 && hop != NULL && !envelope_is(w, n > 0 && w[n - 1] == '.' ? n - 1 : n, hop))
			return (-1);
		if (expect == 3 && *w != ';' && !envelope_is(w, n, "with") && !envelope_is(w, n, "id") && !envelope_is(w, n, "via"))
			return (-1);
		if (expect == 2) {
			*text = w;
			*textlen = n;
			expect = 3;
			continue;
		}
		expect = 0;
		if (envelope_is(w, n, "by")) {
			by++;
			expect = 1;
		} else if (envelope_is(w, n, "for")) {
			if (by == 0)
				return (-1);
			found++;
			expect = 2;
		}
	}
	if (found == 0 && w != NULL)
		return (0);
	return (w != NULL && found == 1 && by == 1 && expect != 2 ? 1 : -1);
}

/*
 * Finds the next word of a field: a semicolon, something in angle brackets, or octets without a blank.  *n 0: there is none; NULL:
 * a comment, a string or a bracket has no end.
 */
static const uint8_t *
envelope_word(const uint8_t **pp, const uint8_t *end, size_t *n)
{
	const uint8_t	*start, *p;

	if ((start = p = envelope_skip(*pp, end)) == NULL)
		return (NULL);
	if (p < end && *p == ';')
		p++;
	else if (p < end && *p == '<') {
		if ((p = memchr(p, '>', end - p)) == NULL)
			return (NULL);
		p++;
	} else
		for (; p < end && memchr(" \t\r\n;(<", *p, 7) == NULL; p++)
			if (*p == '\0' || *p == '"' || *p == '\\' || *p == ')' || *p == '>')
				return (NULL);
	*n = p - start;
	*pp = p;
	return (start);
}

/* Steps over blanks and comments; NULL: a comment has no end. */
static const uint8_t *
envelope_skip(const uint8_t *p, const uint8_t *end)
{
	size_t	 depth = 0;

	for (; p < end; p++) {
		if (*p == '(')
			depth++;
		else if (*p == ')' && depth > 0)
			depth--;
		else if (*p == '\\' && depth > 0) {
			if (++p == end)
				return (NULL);
		} else if (depth == 0 && *p != ' ' && *p != '\t' && *p != '\r' && *p != '\n')
			break;
	}
	return (depth == 0 ? p : NULL);
}

static int
envelope_is(const uint8_t *p, size_t len, const char *word)
{
	return (len == strlen(word) && strncasecmp((const char *)p, word, len) == 0);
}

int
envelope_ishost(int c)
{
	return ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.');
}

/* Copies the nth name of the list. */
static void
envelope_name(const char *list, uint32_t nth, char *buf, size_t size)
{
	while (nth-- > 0 && strchr(list, ' ') != NULL)
		list = strchr(list, ' ') + 1;
	snprintf(buf, size, "%.*s", (int)strcspn(list, " "), list);
}
