/* SPDX-License-Identifier: ISC */
/* links: fetcher */
/* libs: -lcrypto -lgsasl -lmd */
/* A server's octets into the protocol engine, with a master that retrieves and deletes everything.  First octet: how. */
#include <sys/types.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fetcher/pop3.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void f_stat(void *a, uint32_t n, uint64_t o, int u) { (void)a; (void)o; (void)u; if (n > PROTO_MSGS_MAX) abort(); }
static void f_uid(void *a, uint32_t n, const uint8_t *u, size_t l)
{
	if (n == 0 || n > ((struct pop3 *)a)->count || l - 1 >= PROTO_UID_MAX || memchr(u, ' ', l) != NULL)
		abort();
}
static void f_listed(void *a, uint32_t l, enum listing c) { if (c == LISTING_COMPLETE && l != ((struct pop3 *)a)->count) abort(); }
static void f_text(void *a, uint32_t n, enum fail_why w, const char *t) { (void)a; (void)n; if (w >= WHY_MAX || strstr(t, "s3cret") != NULL) abort(); }
static void f_deleted(void *a, uint32_t n) { (void)a; (void)n; }
static void f_begin(void *a, uint32_t n, uint32_t s, int h) { (void)a; (void)n; (void)s; if (h != (n % 3 == 0)) abort(); }
static void f_data(void *a, const uint8_t *d, size_t l) { (void)a; (void)d; if (l == 0 || l > PROTO_DATA_MAX) abort(); }
static void f_end(void *a, uint32_t n, uint64_t o, const uint8_t *d, const uint8_t *f) { (void)a; (void)n; (void)o; (void)d; (void)f; }
static void f_fingerprint(void *a, uint32_t n, const uint8_t *f) { (void)f; if (((struct pop3 *)a)->state != POP3_FINGERPRINT || n == 0) abort(); }
static void f_fingerprinted(void *a) { if (((struct pop3 *)a)->state != POP3_PLAN || ((struct pop3 *)a)->ndue != 0) abort(); }

static void
master(struct pop3 *p)
{
	uint32_t	 i, max = p->count < 100 ? p->count : 100, first = p->retrs == 0;

	if (p->state == POP3_HANDSHAKE)
		pop3_secured(p);
	if (p->state == POP3_PLAN && p->partly)
		(void)pop3_list(p);
	for (i = 1; p->state == POP3_PLAN && i <= max; i++)
		(void)pop3_plan(p, i, i % 4 == 0 && first ? ACTION_FINGERPRINT : i % 7 == 0 ? ACTION_RETR_ALONE :
		    i % 5 == 0 ? ACTION_DELE : i % 3 == 0 ? ACTION_HEADERS : ACTION_RETR);
	if (p->state == POP3_PLAN)
		(void)pop3_plan_end(p, p->planned);
	for (i = 1; p->waiting > 0 && i <= max; i++)
		if (p->flags[i] & FLAG_SENT)
			(void)pop3_verdict(p, i, i & 1 ? VERDICT_DELE : VERDICT_KEEP);
	pop3_sent(p, buf_len(&p->out));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct pop3_ops	 ops = { f_stat, f_uid, f_listed, f_text, f_text, f_deleted, f_begin, f_data, f_end,
	    f_fingerprint, f_fingerprinted };
	static struct pop3		 pop3;
	struct pop3			*p = &pop3;
	uint8_t				 how = len > 0 ? data[0] : 0;
	size_t				 n, seg = how & 0x10 ? 1 : how & 0x20 ? 7 : len;
	struct msg_fetch_start		 start = { .probes = how >> 6 & 3, .probe = { 1, 2, 4 },
	    .tls = TLS_MODE_TLS + how % 3, .auth = AUTH_AUTO, .apop = how >> 2 & 1, .want_sizes = how >> 3 & 1, .rset = how & 1,
	    .user = "user" };

	memset(p, 0, sizeof(*p));
	if (pop3_init(p, &ops, p, &start, "s3cret", 6) == -1)
		abort();
	if (start.tls == TLS_MODE_TLS)
		pop3_secured(p);
	for (data += len > 0, len -= len > 0; len > 0 && !pop3_over(p); data += n, len -= n) {
		n = seg < len ? seg : len;
		(void)pop3_input(p, data, n);
		master(p);
	}
	pop3_closed(p, "end");
	if (pop3_blame(p) > p->count || (p->state == POP3_DONE && p->unproven))
		abort();
	if (strstr(p->text, "s3cret") != NULL || !pop3_over(p))
		abort();
	pop3_free(p);
	return (0);
}
