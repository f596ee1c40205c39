/* SPDX-License-Identifier: ISC */
/* A scripted server and a recording master for tests of the protocol engine. */
#include <sys/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/compat.h"
#include "fetcher/pop3.h"
#include "pop3_script.h"

struct pop3			*p;
char				 events[65536];
size_t				 seg;

static struct msg_fetch_start	 start;
static uint8_t			 last[PROTO_DIGEST_LEN];	/* fingerprint */

static void event(const char *, ...) __attribute__((__format__(printf, 1, 2)));

static void
event(const char *fmt, ...)
{
	va_list	 ap;
	size_t	 n = strlen(events);

	va_start(ap, fmt);
	assert_true(vsnprintf(events + n, sizeof(events) - n, fmt, ap) < (int)(sizeof(events) - n));
	va_end(ap);
}

static void
on_stat(void *arg __unused, uint32_t count, uint64_t octets, int has_uidl)
{
	event("stat %u %llu %d\n", count, (unsigned long long)octets, has_uidl);
}

static void
on_uid(void *arg __unused, uint32_t msgno, const uint8_t *uid, size_t len)
{
	event("uid %u %.*s\n", msgno, (int)len, uid);
}

static void
on_listed(void *arg __unused, uint32_t lines, enum listing complete)
{
	event("listed %u %d\n", lines, complete);
}

static void
on_skipped(void *arg __unused, uint32_t msgno, enum fail_why why __unused, const char *text)
{
	event("skipped %u %s\n", msgno, text);
}

static void
on_denied(void *arg __unused, uint32_t msgno, enum fail_why why __unused, const char *text)
{
	event("denied %u %s\n", msgno, text);
}

static void
on_deleted(void *arg __unused, uint32_t msgno)
{
	event("deleted %u\n", msgno);
}

static void
on_begin(void *arg __unused, uint32_t msgno, uint32_t size, int headers)
{
	event("begin %u %u%s\n", msgno, size, headers ? " header" : "");
}

static void
on_data(void *arg __unused, const uint8_t *data __unused, size_t len)
{
	event("data %zu\n", len);
}

static void
on_end(void *arg __unused, uint32_t msgno, uint64_t octets, const uint8_t *digest __unused, const uint8_t *fingerprint __unused)
{
	event("end %u %llu\n", msgno, (unsigned long long)octets);
}

/* The same as the fingerprint before, or another one, or none. */
static void
on_fingerprint(void *arg __unused, uint32_t msgno, const uint8_t *fingerprint)
{
	static const uint8_t	 none[PROTO_DIGEST_LEN];

	event("fingerprint %u%s\n", msgno, memcmp(fingerprint, none, sizeof(none)) == 0 ? " none" : memcmp(fingerprint, last, sizeof(last)) == 0 ?
	    " same" : "");
	memcpy(last, fingerprint, sizeof(last));
}

static void
on_fingerprinted(void *arg __unused)
{
	event("fingerprinted\n");
}

static const struct pop3_ops ops = { on_stat, on_uid, on_listed, on_skipped, on_denied, on_deleted, on_begin, on_data, on_end,
    on_fingerprint, on_fingerprinted };

void
begin(enum tls_mode tls, int apop, int sizes, const char *secret)
{
	struct msg_fetch_start	 msg = { .tls = tls, .auth = AUTH_AUTO, .apop = (uint32_t)apop, .want_sizes = (uint32_t)sizes,
	    .user = "mrose" };

	begin_with(&msg, secret);
}

void
begin_with(const struct msg_fetch_start *msg, const char *secret)
{
	if (p != NULL) {
		pop3_free(p);
		free(p);
	}
	start = *msg;
	events[0] = '\0';
	memset(last, 0, sizeof(last));
	assert_non_null(p = calloc(1, sizeof(*p)));
	assert_int_equal(pop3_init(p, &ops, NULL, &start, secret, strlen(secret)), 0);
	if (start.tls == TLS_MODE_TLS)
		pop3_secured(p);
}

void
reset_too(void)
{
	start.rset = 1;
}

void
limit_to(uint32_t max_size)
{
	start.max_size = max_size;
}

/* Behind begin(): numbers to probe, 0 ends them. */
void
probe_for(uint32_t a, uint32_t b, uint32_t c)
{
	start.probe[0] = a;
	start.probe[1] = b;
	start.probe[2] = c;
	start.probes = a == 0 ? 0 : b == 0 ? 1 : c == 0 ? 2 : 3;
}

/* A plan with one entry for each number from first to last, and its end. */
void
plan_for(uint32_t first, uint32_t last, enum action action)
{
	uint32_t	 i;

	for (i = first; i <= last; i++)
		assert_int_equal(pop3_plan(p, i, action), 0);
	assert_int_equal(pop3_plan_end(p, last - first + 1), 0);
}

/* The server speaks; 0 or -1 as pop3_input(). */
int
say(const char *text)
{
	size_t	 n, len = strlen(text);

	for (; len > 0; text += n, len -= n) {
		n = seg == 0 || seg > len ? len : seg;
		if (pop3_input(p, (const uint8_t *)text, n) == -1)
			return (-1);
	}
	return (0);
}

/* Everything the engine wants to send; it counts as sent. */
const char *
sent(void)
{
	static char	 out[32768];
	size_t		 n = buf_len(&p->out);

	memcpy(out, n > 0 ? buf_data(&p->out) : (uint8_t *)out, n);
	out[n] = '\0';
	pop3_sent(p, n);
	return (out);
}

void
failed(enum fail_why why, enum fetch_stage stage)
{
	assert_int_equal(p->state, POP3_FAILED);
	assert_int_equal(p->why, why);
	assert_int_equal(p->stage, stage);
	assert_true(p->text[0] != '\0');
	assert_int_equal(say("+OK\r\n"), -1);
}

/* Up to the plan over a pipelining or a lock-step server, with n messages of 100 octets. */
void
to_plan(int pipe, unsigned int n)
{
	char		 line[64];
	unsigned int	 i;

	begin(TLS_MODE_TLS, 0, 0, "tanstaaf");
	SAY("+OK hello\r\n");
	SENT("CAPA\r\n");
	SAY(pipe ? CAPA_PIPE : CAPA_NONE);
	if (pipe) {
		SENT("USER mrose\r\nPASS tanstaaf\r\n");
		SAY("+OK\r\n+OK in\r\n");
		SENT("STAT\r\nUIDL\r\n");
	} else {
		SENT("USER mrose\r\n");
		SAY("+OK\r\n");
		SENT("PASS tanstaaf\r\n");
		SAY("+OK in\r\n");
		SENT("STAT\r\n");
	}
	snprintf(line, sizeof(line), "+OK %u %u\r\n", n, n * 100);
	SAY(line);
	if (!pipe)
		SENT("UIDL\r\n");
	SAY("+OK\r\n");
	for (i = 1; i <= n; i++) {
		snprintf(line, sizeof(line), "%u u%u\r\n", i, i);
		SAY(line);
	}
	SAY(".\r\n");
	assert_int_equal(p->state, POP3_PLAN);
	assert_int_equal(buf_len(&p->out), 0);
	events[0] = '\0';
}
