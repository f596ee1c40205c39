/* SPDX-License-Identifier: ISC */
/*
 * Keeping a secret out of every text that a server sends.  The secret is wiped once it is on its way, but a server may echo it at
 * any later time, as it is or in base64: what stays is a salted digest, which is compared with each run of octets of the same
 * length.
 */
#include <sys/types.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sha2.h>

#include "auth_mask.h"
#include "base64.h"
#include "common/compat.h"
#include "common/log.h"

#define CODED_MIN	4	/* octets of a secret whose base64 is worth looking for */
#define RUN_MIN		24	/* octets of an unbroken run that looks like base64; see run_hidden() for URLs */

static void	 mask_apply(const struct auth_mask *, enum auth_masked, uint8_t *, size_t);
static void	 runs_apply(uint8_t *, size_t);
static int	 run_octet(uint8_t);
static int	 run_hidden(const uint8_t *, size_t);
static void	 mask_digest(const struct auth_mask *, const uint8_t *, size_t, uint8_t *);

/* Makes a mask that knows a secret, as it is and in base64.  0, or -1: no memory. */
int
auth_mask_init(struct auth_mask *m, const void *secret, size_t len)
{
	struct buf	 coded;
	int		 r = 0;

	memset(m, 0, sizeof(*m));
	arc4random_buf(m->salt, sizeof(m->salt));
	if (len >= CODED_MIN && len <= MASK_LINE_MAX / 4 * 3) {
		buf_init(&coded, MASK_LINE_MAX + 4);
		if ((r = base64_encode(&coded, secret, len)) == 0)
			auth_mask_set(m, MASK_CODED, buf_data(&coded), buf_len(&coded));
		buf_free(&coded);	/* wipes */
	}
	auth_mask_set(m, MASK_SECRET, secret, len);
	return (r);
}

/*
 * Lets a mask know one more secret, in place of the one of this kind that it knew.  Base64 is known with and without its padding.
 * A secret longer than any line is not looked for, as it never comes as a whole: it is a token, whose parts runs_apply() finds.
 */
void
auth_mask_set(struct auth_mask *m, enum auth_masked which, const void *secret, size_t len)
{
	const uint8_t	*p = secret;
	size_t		 i;

	m->of[which].len = 0;
	while (which != MASK_SECRET && len > 0 && p[len - 1] == '=')
		len--;
	if (len == 0 || len > MASK_LINE_MAX)
		return;
	for (m->of[which].sum = 0, i = 0; i < len; i++)
		m->of[which].sum += p[i];
	m->of[which].len = len;
	mask_digest(m, p, len, m->of[which].digest);
}

/* Makes one line of remote text fit for a log: secrets are masked, then it is cut to MASK_TEXT octets and encoded.  Returns dst. */
char *
auth_mask_text(const struct auth_mask *m, char *dst, size_t dstsize, const uint8_t *text, size_t len)
{
	uint8_t	 tmp[MASK_LINE_MAX];
	int	 i;

	if (len > sizeof(tmp))
		len = sizeof(tmp);
	memcpy(tmp, text, len);
	for (i = 0; i < MASK_MAX; i++)
		mask_apply(m, i, tmp, len);
	if (m->runs)
		runs_apply(tmp, len);
	log_vis(dst, dstsize, tmp, len < MASK_TEXT ? len : MASK_TEXT);
	explicit_bzero(tmp, sizeof(tmp));
	return (dst);
}

/* Overwrites each occurrence of a secret in text, overlapping ones too. */
static void
mask_apply(const struct auth_mask *m, enum auth_masked which, uint8_t *text, size_t len)
{
	uint8_t		 copy[MASK_LINE_MAX], digest[PROTO_DIGEST_LEN];
	size_t		 i, n = m->of[which].len;
	uint32_t	 sum = 0;

	if (n == 0 || n > len)
		return;
	memcpy(copy, text, len);
	for (i = 0; i < len; i++) {
		sum += copy[i];
		if (i + 1 < n)
			continue;
		if (i >= n)
			sum -= copy[i - n];
		if (sum != m->of[which].sum)
			continue;
		mask_digest(m, copy + i + 1 - n, n, digest);
		if (memcmp(digest, m->of[which].digest, sizeof(digest)) == 0)
			memset(text + i + 1 - n, '*', n);
	}
	explicit_bzero(copy, sizeof(copy));
}

/* Overwrites long runs that look like base64: they may be a part of a credential or a token, which no digest knows. */
static void
runs_apply(uint8_t *text, size_t len)
{
	size_t	 i, n;

	for (i = 0; i < len; i += n > 0 ? n : 1) {
		for (n = 0; i + n < len && run_octet(text[i + n]); n++)
			;
		if (run_hidden(text + i, n))
			memset(text + i, '*', n);
	}
}

/* Whether an octet is one of base64, or of base64 for URLs. */
static int
run_octet(uint8_t c)
{
	return ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || memchr("+/=-_", c, 5) != NULL);
}

/* Whether a run is to be hidden.  One with lower case letters alone, or without a digit, is a word or a path. */
static int
run_hidden(const uint8_t *p, size_t len)
{
	int	 upper = 0, lower = 0, digit = 0;
	size_t	 i;

	for (i = 0; i < len; i++) {
		upper |= p[i] >= 'A' && p[i] <= 'Z';
		lower |= p[i] >= 'a' && p[i] <= 'z';
		digit |= p[i] >= '0' && p[i] <= '9';
	}
	return (len >= RUN_MIN && upper && lower && digit);
}

static void
mask_digest(const struct auth_mask *m, const uint8_t *p, size_t len, uint8_t *digest)
{
	SHA2_CTX	 ctx;

	SHA256Init(&ctx);
	SHA256Update(&ctx, m->salt, sizeof(m->salt));
	SHA256Update(&ctx, p, len);
	SHA256Final(digest, &ctx);
	explicit_bzero(&ctx, sizeof(ctx));
}
