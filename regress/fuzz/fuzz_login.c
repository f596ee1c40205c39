/* SPDX-License-Identifier: ISC */
/* links: fetcher */
/* libs: -lcrypto -lgsasl -lmd */
/* The server's side of every way to log in.  Octets 0 to 2: what the record says; then what the server sends, CAPA's answer first. */
#include <sys/types.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fetcher/pop3.h"

#define SECRET	"s3cret-w0rd"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void f_stat(void *a, uint32_t n, uint64_t o, int u) { (void)a; (void)n; (void)o; (void)u; }
static void f_uid(void *a, uint32_t n, const uint8_t *u, size_t l) { (void)a; (void)n; (void)u; (void)l; }
static void f_listed(void *a, uint32_t l, enum listing c) { (void)a; (void)l; (void)c; }

/* Logged in only behind an exchange that was completed, and nothing of the credential left. */
static void
check(const struct pop3 *p)
{
	if (p->state != POP3_FAILED && p->state >= POP3_LIST && (memcmp(p->secret, "\0\0\0\0", 4) != 0 || p->login.sasl.exchange.session != NULL ||
	    (p->login.sasl.exchange.mech != NULL && !p->login.sasl.exchange.done)))
		abort();
	if (strstr(p->text, SECRET) != NULL || strstr(p->text, "czNjcmV0LXcwcmQ") != NULL || p->login.sasl.rounds > SASL_ROUNDS + 1)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct pop3_ops	 ops = { .stat = f_stat, .uid = f_uid, .listed = f_listed };
	static struct pop3		 pop3;
	struct pop3			*p = &pop3;
	struct msg_fetch_start		 start = { .auth = AUTH_AUTO, .tls = TLS_MODE_TLS, .port = 995, .user = "tim", .host = "x.msn.com" };
	size_t				 n;

	if (len < 3)
		return (0);
	start.auth = AUTH_AUTO + data[0] % (AUTH_MAX - AUTH_AUTO);
	start.tls = data[1] & 1 ? TLS_MODE_NONE : TLS_MODE_TLS;
	start.apop = data[1] >> 1 & 1;
	start.token = data[1] >> 2 & 1;
	start.host[data[1] & 8 ? 0 : 9] = data[1] & 16 ? '\0' : 'j';
	start.user[0] = data[1] & 32 ? (char)0xc3 : 't';
	sasl_warm();
	memset(p, 0, sizeof(*p));
	if (pop3_init(p, &ops, p, &start, SECRET, strlen(SECRET)) == -1)
		abort();
	if (data[1] & 64)
		pop3_has_key(p);
	if (start.tls == TLS_MODE_TLS)
		pop3_secured(p);
	(void)pop3_input(p, (const uint8_t *)"+OK <a@b>\r\n", data[2] & 1 ? 11 : 3);
	for (data += 3, len -= 3; len > 0 && p->state < POP3_PLAN; data += n, len -= n) {
		pop3_sent(p, buf_len(&p->out));
		for (n = 0; n < len && (n == 0 || data[n - 1] != '\n'); n++)
			;
		(void)pop3_input(p, data, n);
		check(p);
	}
	pop3_closed(p, "end");
	check(p);
	pop3_free(p);
	return (0);
}
