/* SPDX-License-Identifier: ISC */
/* links: fetcher */
/* libs: -lcrypto -lmd */
/* Dot-unstuffing: in one piece and in pieces gives the same octets, the same end, the same digest. */
#include <sys/types.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "fetcher/pop3.h"

struct result {
	uint8_t	 digest[PROTO_DIGEST_LEN], fingerprint[PROTO_DIGEST_LEN];
	uint8_t	 octets[65536];
	size_t	 len, used;
	int	 done;
};

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
collect(void *arg, const uint8_t *p, size_t len)
{
	struct result	*r = arg;

	if (len == 0 || len > PROTO_DATA_MAX || len > sizeof(r->octets) - r->len)
		abort();
	memcpy(r->octets + r->len, p, len);
	r->len += len;
}

static void
run(struct result *r, enum stream_mode mode, const uint8_t *p, size_t len, size_t seg)
{
	static struct stream	 s;
	size_t			 n;

	r->len = r->used = 0;
	if (stream_init(&s, collect, r) == -1 || stream_begin(&s, mode) == -1)
		abort();
	while (r->used < len && !stream_done(&s)) {
		n = seg < len - r->used ? seg : len - r->used;
		r->used += (size_t)stream_feed(&s, p + r->used, n);
	}
	if ((r->done = stream_done(&s)) && (stream_finish(&s, r->digest, r->fingerprint) == -1 ||
	    (mode != STREAM_FINGERPRINT && s.octets != r->len)))
		abort();
	stream_free(&s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct result	 a, b;
	enum stream_mode	 mode;

	if (len < 2 || len > sizeof(a.octets))
		return (0);
	mode = data[0] / 40 % 3;
	run(&a, mode, data + 1, len - 1, len);
	run(&b, mode, data + 1, len - 1, (size_t)data[0] % 40 + 1);
	if (a.done != b.done || a.used != b.used || (a.done && (a.len != b.len || memcmp(a.octets, b.octets, a.len) != 0 ||
	    memcmp(a.fingerprint, b.fingerprint, sizeof(a.fingerprint)) != 0 ||
	    (mode != STREAM_FINGERPRINT && memcmp(a.digest, b.digest, sizeof(a.digest)) != 0))))
		abort();
	if (mode == STREAM_WHOLE)
		return (0);
	run(&b, STREAM_WHOLE, data + 1, len - 1, len);	/* the header of it is the same */
	if (a.done != b.done || a.used != b.used || (a.done && (memcmp(a.octets, b.octets, a.len) != 0 ||
	    memcmp(a.fingerprint, b.fingerprint, sizeof(a.fingerprint)) != 0)))
		abort();
	return (0);
}
