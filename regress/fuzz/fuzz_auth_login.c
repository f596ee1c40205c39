/* SPDX-License-Identifier: ISC */
/* links: auth/login.c auth/mech.c auth/name.c auth/scram.c auth/verify.c */
/* libs: -lgsasl -lcrypt -lmd */
/*
 * What a client says in a login, whatever it is: one result, no crash, a name that can be logged, and no login that is right by a
 * password that nobody has.  Input: mechanism, form of the verifier (an octet each), then messages: length (2 octets), octets.  The
 * highest bit of a length: they are encoded in base64 first.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/auth.h"
#include "common/sasl/base64.h"

#define SCRAM	"{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const struct { const char *octets; size_t len; } forms[] = {
	{ "{PLAIN}\0\0\0\0\0\0\0\0", 15 }, { SCRAM, sizeof(SCRAM) - 1 },
	{ "{PLAIN}fM0bZ8QyNq3rT5vXk2Lw", 27 }, { "$9$", 3 },
};
static const uint8_t	*form;
static int		 lookups, results, asks, challenges, turn, named;

void
say_challenge(const void *p, size_t len)
{
	if (len > PROTO_SASL_MAX || results > 0 || (len > 0 && p == NULL))
		abort();
	challenges++;
}

void
say_lookup(const struct msg_auth_lookup *m)
{
	if (lookups++ > 0 || results > 0 || !proto_text(m->account, sizeof(m->account)) || !proto_text(m->mailbox, sizeof(m->mailbox)) ||
	    !proto_text(m->owner, sizeof(m->owner)) || (m->account[0] == '\0' && (m->mailbox[0] != '\0' || m->owner[0] != '\0')))
		abort();
	named = 1;
}

/* Nobody else is asked here. */
void
source_ask(const struct msg_auth_source *m, int fd, const void *p, size_t len, int denied, void (*done)(enum auth_verdict))
{
	(void)m; (void)fd; (void)p; (void)len; (void)denied; (void)done;
	abort();
}

void say_ask(uint32_t id) { if (id != 7 || asks++ > 0) abort(); turn = 1; }
void say_right(uint32_t id) { (void)id; abort(); }
void say_given(uint32_t id, const void *p, size_t len) { (void)id; (void)p; (void)len; abort(); }

void
say_result(const struct msg_auth_result *m)
{
	if (results++ > 0 || m->verdict == AUTH_VERDICT_YES || !proto_text(m->text, sizeof(m->text)) ||
	    (m->verdict == AUTH_VERDICT_MALFORMED) != (m->text[0] != '\0') || (m->verdict <= AUTH_VERDICT_BROKEN && lookups != 1))
		abort();
}

/* The session says this; 1: it broke the rules. */
static int
say(int first, uint8_t mech, const uint8_t *p, size_t len, int code)
{
	struct msg_login_begin	 m = { mech % AUTH_MAX, len > 0 || (mech & 0x80) != 0 };
	struct buf		 b;
	int			 bad;

	buf_init(&b, 4 * (len + 4));
	if (code ? base64_encode(&b, p, len) : buf_add(&b, p, len))
		abort();
	bad = first ? login_begin(&m, buf_data(&b), buf_len(&b)) : login_response(buf_data(&b), buf_len(&b));
	buf_free(&b);
	return (bad == -1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct msg_auth_login	 conf = { .id = 7, .mechs = UINT32_MAX, .host = "pop.example.org", .apop = "<1.2@pop.example.org>" };
	struct msg_auth_verifier m = { .id = 7, .has_proof = 1 };
	size_t			 n, f;
	uint8_t			 mech;
	int			 first = 1, gone = 0, code;

	if (len < 2)
		return (0);
	mech = p[0];
	f = p[1] % (sizeof(forms) / sizeof(forms[0]));
	form = (const uint8_t *)forms[f].octets;
	lookups = results = asks = challenges = turn = named = 0;
	memset(&login, 0, sizeof(login));
	engine_warm();
	if (login_expect(&conf) == -1)
		abort();
	for (p += 2, len -= 2; len >= 2 && results == 0 && !gone; p += n, len -= n) {
		n = p[0] | (size_t)(p[1] & 0x7f) << 8;
		code = p[1] & 0x80;
		p += 2;
		len -= 2;
		if (n > len)
			n = len;
		gone = say(first, mech, p, n, code);
		first = 0;
		if (named && results == 0 && login_verifier(&m, form, forms[f].len) == -1)
			abort();
		named = 0;
		if (turn && results == 0 && login_turn(7) == -1)
			abort();
		turn = 0;
	}
	login_gone();
	if (results != 1 || login.state != LOGIN_OVER || login.session != NULL)
		abort();
	return (0);
}
