/* SPDX-License-Identifier: ISC */
/*
 * Whether a message can be told from every other one, so that an equal one is a copy of it.  Devices send the same alarm again and
 * again, without a Message-ID or with a constant one, and without a Date or with that of a clock that nobody has set: equal
 * messages, of which each is to be delivered.
 *
 *	one Message-ID and one Date, both plausible	the identity of fields and body, see identity.c
 *	otherwise					the same, and the trace that the message brought along to the provider
 *	otherwise, and it brought none			nothing: every recipient gets it, whatever he has
 *
 * The trace is the Received fields below the provider's own: below the one of the trusted hop, or below the topmost where the
 * record names none.  All copies of one delivery share it, and each delivery has its own, as servers write the time and a number
 * into it; without a time in any of them it says nothing.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "common/compat.h"
#include "deliverer.h"

#define PROOF_ID_BARE	16		/* octets that a Message-ID without an @ has at least; shorter ones are "1", "alarm" */
#define PROOF_YEAR_MIN	1990

static int	 proof_trace(const struct msg_session_open *, const struct header *, uint8_t [PROTO_DIGEST_LEN]);
static void	 proof_received(SHA2_CTX *, const uint8_t *, size_t);
static int	 proof_dated(const uint8_t *, size_t, time_t);
static const uint8_t *proof_blanks(const uint8_t *, const uint8_t *);
static const uint8_t *proof_word(const uint8_t *, const uint8_t *, size_t);
static const uint8_t *proof_number(const uint8_t *, const uint8_t *, size_t, size_t, int *);
static const uint8_t *proof_time(const uint8_t *, const uint8_t *, int *);
static const uint8_t *proof_zone(const uint8_t *, const uint8_t *);

/* Writes the digest that copies of a message share; all zero: copies cannot be told.  headers: only the header was retrieved. */
void
proof_identity(const struct msg_session_open *open, const struct header *h, int headers, uint8_t digest[PROTO_DIGEST_LEN])
{
	const struct identity	*id = &h->identity;
	SHA2_CTX		 ctx;
	uint8_t			 trace[PROTO_DIGEST_LEN];

	identity_final(id, headers, digest);
	if (id->msgid.fields == 1 && proof_id(id->msgid.text, id->msgid.len) &&
	    id->date.fields == 1 && proof_date(id->date.text, id->date.len, time(NULL)))
		return;
	if (!proof_trace(open, h, trace)) {
		memset(digest, 0, PROTO_DIGEST_LEN);
		return;
	}
	SHA256Init(&ctx);
	SHA256Update(&ctx, (const uint8_t *)"trace", 5);
	SHA256Update(&ctx, digest, PROTO_DIGEST_LEN);
	SHA256Update(&ctx, trace, sizeof(trace));
	SHA256Final(digest, &ctx);
	digest[0] |= 1;
}

/* Whether the message has a trace that proves something, which one without all fields of its header has not. */
static int
proof_trace(const struct msg_session_open *open, const struct header *h, uint8_t digest[PROTO_DIGEST_LEN])
{
	const struct field	*f;
	SHA2_CTX		 ctx;
	time_t			 now = time(NULL);
	size_t			 i = envelope_own(open, h);
	int			 dated = 0;

	if (h->toobig)
		return (0);
	SHA256Init(&ctx);
	for (; i < h->nfields; i++) {
		f = &h->fields[i];
		if (f->kind != FIELD_RECEIVED)
			continue;
		proof_received(&ctx, header_text(h, f), f->len);
		dated |= proof_dated(header_text(h, f), f->len, now);
	}
	SHA256Final(digest, &ctx);
	return (dated);
}

/* Takes a field into the digest, however it is folded: blanks around it do not count, those within count as one. */
static void
proof_received(SHA2_CTX *ctx, const uint8_t *p, size_t len)
{
	const uint8_t	*end = p + len;
	size_t		 n;

	for (; p < end; p += n) {
		for (n = 0; p + n < end && p[n] != ' ' && p[n] != '\t' && p[n] != '\r'; n++)
			;
		if (n == 0) {
			n = 1;
			continue;
		}
		SHA256Update(ctx, (const uint8_t *)" ", 1);
		SHA256Update(ctx, p, n);
	}
	SHA256Update(ctx, (const uint8_t *)"\n", 1);
}

/* Whether a Received field ends in a plausible time (RFC 5322 section 3.6.7). */
static int
proof_dated(const uint8_t *p, size_t len, time_t now)
{
	const uint8_t	*semicolon = memrchr(p, ';', len);

	return (semicolon != NULL && proof_date(semicolon + 1, p + len - semicolon - 1, now));
}

/*
 * Whether a Message-ID (RFC 5322 section 3.6.4) is plausible: one identifier, with or without the brackets, that is more than a
 * word.
 */
int
proof_id(const uint8_t *p, size_t len)
{
	const uint8_t	*end = p + len, *start, *at;
	size_t		 n;
	int		 bracket;

	p = proof_blanks(p, end);
	bracket = p < end && *p == '<';
	start = p += bracket;
	while (p < end && *p > ' ' && *p != 0x7f && strchr("<>()", *p) == NULL)
		p++;
	n = p - start;
	if (bracket && (p == end || *p++ != '>'))
		return (0);
	if (proof_blanks(p, end) != end || n == 0)
		return (0);
	at = memrchr(start, '@', n);
	return (at != NULL ? at > start && at + 1 < start + n : n >= PROOF_ID_BARE);
}

/*
 * Whether a Date (RFC 5322 sections 3.3 and 4.3) is one that a clock has shown: not before 1990, not after the next year, and not
 * in the first hour of a year, where clocks stand that were never set.
 */
int
proof_date(const uint8_t *p, size_t len, time_t now)
{
	static const char	 days[] = "MonTueWedThuFriSatSun", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	const uint8_t		*end = p + len, *q;
	struct tm		 tm;
	int			 i, day, month, year, hour;

	p = proof_blanks(p, end);
	if ((q = proof_word(p, end, 3)) != NULL) {
		for (i = 0; i < 7 && strncasecmp((const char *)p, days + 3 * i, 3) != 0; i++)
			;
		q = proof_blanks(q, end);
		if (i == 7 || q == end || *q != ',')
			return (0);
		p = proof_blanks(q + 1, end);
	}
	if ((p = proof_number(p, end, 1, 2, &day)) == NULL || day < 1 || day > 31 || (q = proof_word(p, end, 3)) == NULL)
		return (0);
	for (month = 0; month < 12 && strncasecmp((const char *)p, months + 3 * month, 3) != 0; month++)
		;
	if (month == 12 || (p = proof_number(proof_blanks(q, end), end, 2, 4, &year)) == NULL ||
	    (p = proof_time(p, end, &hour)) == NULL || (p = proof_zone(p, end)) == NULL || p != end)
		return (0);
	if (year < 1000)
		year += year < 50 ? 2000 : 1900;
	if (gmtime_r(&now, &tm) == NULL || year < PROOF_YEAR_MIN || year > tm.tm_year + 1900 + 1)
		return (0);
	return (month > 0 || day > 1 || hour > 0);
}

/* Steps over blanks and comments; a comment without an end goes to the end of the field, and then something is missing. */
static const uint8_t *
proof_blanks(const uint8_t *p, const uint8_t *end)
{
	int	 depth = 0;

	for (; p < end; p++) {
		if (*p == '(')
			depth++;
		else if (depth > 0 && *p == '\\' && p + 1 < end)
			p++;
		else if (depth > 0 && *p == ')')
			depth--;
		else if (depth == 0 && *p != ' ' && *p != '\t' && *p != '\r')
			break;
	}
	return (p);
}

/* Steps over a word of n letters; NULL: there is none. */
static const uint8_t *
proof_word(const uint8_t *p, const uint8_t *end, size_t n)
{
	size_t	 i;

	for (i = 0; p + i < end && isascii(p[i]) && isalpha(p[i]); i++)
		;
	return (i == n ? p + n : NULL);
}

/* Steps over a number of min to max digits and the blanks that follow; NULL: there is none. */
static const uint8_t *
proof_number(const uint8_t *p, const uint8_t *end, size_t min, size_t max, int *value)
{
	size_t	 i;

	*value = 0;
	for (i = 0; p + i < end && p[i] >= '0' && p[i] <= '9' && i <= max; i++)
		*value = *value * 10 + p[i] - '0';
	return (i >= min && i <= max ? proof_blanks(p + i, end) : NULL);
}

/* Steps over hours, minutes and perhaps seconds; NULL: there are none. */
static const uint8_t *
proof_time(const uint8_t *p, const uint8_t *end, int *hour)
{
	int	 minute, second = 0;

	if ((p = proof_number(p, end, 2, 2, hour)) == NULL || p == end || *p != ':' ||
	    (p = proof_number(proof_blanks(p + 1, end), end, 2, 2, &minute)) == NULL)
		return (NULL);
	if (p < end && *p == ':' && (p = proof_number(proof_blanks(p + 1, end), end, 2, 2, &second)) == NULL)
		return (NULL);
	return (*hour < 24 && minute < 60 && second <= 60 ? p : NULL);
}

/* Steps over a zone, by number or by name, and what may follow; NULL: there is none. */
static const uint8_t *
proof_zone(const uint8_t *p, const uint8_t *end)
{
	const uint8_t	*q;
	size_t		 n;
	int		 offset;

	if (p < end && (*p == '+' || *p == '-'))
		return (proof_number(p + 1, end, 4, 4, &offset));
	for (n = 1; n <= 5; n++)
		if ((q = proof_word(p, end, n)) != NULL)
			return (proof_blanks(q, end));
	return (NULL);
}
