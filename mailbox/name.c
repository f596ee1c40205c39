/* SPDX-License-Identifier: ISC */
/*
 * What a file's name in a Maildir says of its message: "seconds.Mmicroseconds...,S=octets,W=octets:2,flags".  What is ahead of the
 * colon stays the same as long as the message is there; what is ahead of the first comma besides is what its unique-id is made of.
 */
#include <sys/types.h>

#include <sha2.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/sasl/base64.h"
#include "mailbox.h"

#define INFO	":2,"			/* ahead of flags, one letter each, in alphabetical order */
#define INFO_LEN	(sizeof(INFO) - 1)
#define DERIVED_LEN	43		/* base64url of a SHA-256 without the sign that fills it up */

static int	 octets_order(const char *, size_t, const char *, size_t);
static size_t	 uid_derive(const char *, size_t, char *);
static size_t	 number(const char *, size_t, uint64_t *);
static const char	*name_value(const char *, size_t, char);

/* How many octets are ahead of the colon, behind which flags stand. */
size_t
name_base(const char *name, size_t len)
{
	const char	*colon = memchr(name, ':', len);

	return (colon == NULL ? len : (size_t)(colon - name));
}

/* How many octets are ahead of the first comma or colon. */
size_t
name_unique(const char *name, size_t len)
{
	const char	*comma = memchr(name, ',', len);

	return (name_base(name, comma == NULL ? len : (size_t)(comma - name)));
}

/* The digits at the begin of some octets as a number; returns how many there are, 0 also if the number is too large. */
static size_t
number(const char *p, size_t len, uint64_t *n)
{
	size_t	 i;

	*n = 0;
	for (i = 0; i < len && p[i] >= '0' && p[i] <= '9'; i++) {
		if (*n > (UINT64_MAX - 9) / 10)
			return (0);
		*n = *n * 10 + (uint64_t)(p[i] - '0');
	}
	return (i);
}

/* The time of a delivery as one number that grows with it: seconds, and microseconds if the name has them. */
uint64_t
name_time(const char *name, size_t len)
{
	uint64_t	 sec, usec = 0;
	size_t		 n;

	if ((n = number(name, len, &sec)) == 0)
		return (0);
	if (sec > UINT64_MAX >> 20)
		sec = UINT64_MAX >> 20;
	if (len - n > 2 && name[n] == '.' && name[n + 1] == 'M' &&
	    (number(name + n + 2, len - n - 2, &usec) == 0 || usec > 999999))
		usec = 0;
	return (sec << 20 | usec);
}

static int
octets_order(const char *a, size_t alen, const char *b, size_t blen)
{
	int	 r = memcmp(a, b, alen < blen ? alen : blen);

	return (r != 0 ? r : (alen > blen) - (alen < blen));
}

/*
 * The order of names of one time, as strcmp(3) returns it.  Names of which one unique-id would be made are beside each other, so
 * that they are seen.
 */
int
name_order(const char *a, size_t alen, const char *b, size_t blen)
{
	int	 r = octets_order(a, name_unique(a, alen), b, name_unique(b, blen));

	return (r != 0 ? r : octets_order(a, name_base(a, alen), b, name_base(b, blen)));
}

/*
 * Writes a message's unique-id (RFC 1939), of PROTO_UID_MAX octets at most, and returns its length.  twin: another message in the
 * mailbox has the one that this would have.
 */
size_t
name_uid(const char *name, size_t len, int twin, char *uid)
{
	size_t	 n = name_unique(name, len);

	if (twin || n == 0)
		return (uid_derive(name, name_base(name, len), uid));
	if (n > PROTO_UID_MAX || !proto_visible(name, n))
		return (uid_derive(name, n, uid));
	memcpy(uid, name, n);
	return (n);
}

static size_t
uid_derive(const char *p, size_t len, char *uid)
{
	SHA2_CTX	 ctx;
	struct buf	 b;
	uint8_t		 digest[SHA256_DIGEST_LENGTH];
	size_t		 i;

	SHA256Init(&ctx);
	SHA256Update(&ctx, (const uint8_t *)p, len);
	SHA256Final(digest, &ctx);
	buf_init(&b, 64);
	if (base64_encode(&b, digest, sizeof(digest)) == -1)
		return (0);
	memcpy(uid, buf_data(&b), DERIVED_LEN);
	buf_free(&b);
	for (i = 0; i < DERIVED_LEN; i++)
		uid[i] = uid[i] == '+' ? '-' : uid[i] == '/' ? '_' : uid[i];
	return (DERIVED_LEN);
}

/* What stands behind ",X=" in a name ahead of its flags; NULL: there is no such thing. */
static const char *
name_value(const char *name, size_t base, char letter)
{
	size_t	 i;

	for (i = 0; i + 3 < base; i++)
		if (name[i] == ',' && name[i + 1] == letter && name[i + 2] == '=')
			return (name + i + 3);
	return (NULL);
}

/* The octets of a message's file and those of it with CRLF for every LF, as its name says them.  0, or -1: it does not say both. */
int
name_sizes(const char *name, size_t len, uint64_t *file, uint64_t *wire)
{
	size_t		 base = name_base(name, len), n;
	const char	*s = name_value(name, base, 'S'), *w = name_value(name, base, 'W');

	if (s == NULL || w == NULL)
		return (-1);
	if ((n = number(s, (size_t)(name + base - s), file)) == 0 || (s + n < name + base && s[n] != ','))
		return (-1);
	if ((n = number(w, (size_t)(name + base - w), wire)) == 0 || (w + n < name + base && w[n] != ','))
		return (-1);
	return (*wire >= *file && *wire - *file <= *file ? 0 : -1);
}

/* Whether its flags say that a message was seen. */
int
name_seen(const char *name, size_t len)
{
	size_t	 i = name_base(name, len);

	if (len - i < INFO_LEN || memcmp(name + i, INFO, INFO_LEN) != 0)
		return (0);
	for (i += INFO_LEN; i < len && name[i] != ','; i++)
		if (name[i] == 'S')
			return (1);
	return (0);
}

/*
 * Writes the name that a message has in cur/ when it was seen: other flags stay, in order, and what others put behind them.
 * Returns its length, or 0: there is none, since the name would be too long or what is behind its colon is not understood.
 */
size_t
name_set_seen(const char *name, size_t len, char *seen)
{
	size_t	 base = name_base(name, len), i, n;
	int	 had = name_seen(name, len), c;

	if (len > base && (len - base < INFO_LEN || memcmp(name + base, INFO, INFO_LEN) != 0))
		return (0);
	if (len + (len == base ? INFO_LEN : 0) + !had > NAME_LEN_MAX)
		return (0);
	memcpy(seen, name, base);
	memcpy(seen + base, INFO, INFO_LEN);
	n = base + INFO_LEN;
	i = len == base ? len : n;
	if (!had)
		seen[n++] = 'S';
	for (; i < len && name[i] != ','; i++) {
		size_t	 at = n++;

		for (c = name[i]; at > base + INFO_LEN && (unsigned char)seen[at - 1] > (unsigned char)c; at--)
			seen[at] = seen[at - 1];
		seen[at] = (char)c;
	}
	memcpy(seen + n, name + i, len - i);
	return (n + len - i);
}
