/* SPDX-License-Identifier: ISC */
/* links: fetcher */
/* libs: -lcrypto -lmd */
/* The fingerprint of a header: the same in one piece and in pieces, whatever is behind it or was rewritten in it. */
#include <sys/types.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fetcher/pop3.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
run(const char *before, const uint8_t *p, size_t len, size_t seg, const char *behind, uint8_t *fingerprint)
{
	static struct fingerprint	 f;
	size_t				 n;

	if (f.md == NULL && fingerprint_init(&f) == -1)
		abort();
	fingerprint_begin(&f);
	fingerprint_feed(&f, (const uint8_t *)before, strlen(before));
	for (; len > 0; p += n, len -= n) {
		n = seg < len ? seg : len;
		fingerprint_feed(&f, p, n);
	}
	fingerprint_feed(&f, (const uint8_t *)behind, strlen(behind));
	if (fingerprint_finish(&f, fingerprint) == -1)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t	 a[PROTO_DIGEST_LEN], b[PROTO_DIGEST_LEN];
	size_t	 seg;

	if (len < 2)
		return (0);
	seg = (size_t)data[0] % 40 + 1;
	data++;
	len--;
	run("", data, len, len, "", a);
	run("", data, len, seg, "", b);
	if (memcmp(a, b, sizeof(a)) != 0)
		abort();
	run("A: b\r\n", data, len, len, "\r\n\r\n", a);
	run("A: b\r\n", data, len, len, "\r\n\r\nC: d\r\n", b);
	if (memcmp(a, b, sizeof(a)) != 0)
		abort();
	run("Return-Path: <>\r\nA: b\r\nX-UIDL: 5\r\n", data, len, seg, "\r\n\r\n", b);
	/* A first line that continues the one above, continues another one here. */
	if (data[0] != ' ' && data[0] != '\t' && memcmp(a, b, sizeof(a)) != 0)
		abort();
	return (0);
}
