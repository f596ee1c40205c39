/* SPDX-License-Identifier: ISC */
/* links: deliverer */
/*
 * The position rule: what senders can write, under what providers write on top of it.  In each combination the provider's field
 * counts and no other does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/compat.h"
#include "deliverer/deliverer.h"

#define HOP	"mx1.provider.example"

/* Trace blocks as mail servers write them; HELO: what the sender says his name is. */
static const char *const	 providers[] = {
	/* Postfix */
	"X-Real-To: genuine\nReceived: from HELO (unknown [192.0.2.7])\n\tby " HOP " (Postfix) with ESMTP id 4AbCdE1\n"
	    "\tfor <anna@example.org>; Fri,  1 Mar 2024 12:00:00 +0000 (UTC)\n",
	/* the same, then LMTP to the store; the field above both */
	"Return-Path: <a@b>\nX-Real-To: genuine\nReceived: from " HOP " ([10.0.0.1])\n\tby store.provider.example with LMTP\n"
	    "\tid abc\n\tfor <anna@example.org>; Fri, 01 Mar 2024 12:00:01 +0000\nReceived: from HELO (helo.example [192.0.2.7])\n"
	    "\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits))\n\t(No client certificate requested)\n"
	    "\tby " HOP " (Postfix) with ESMTPS id 1\n\tfor <anna@example.org>; Fri, 1 Mar 2024 12:00:00 +0000\n",
	/* Exim */
	"X-Real-To: genuine\nReceived: from [192.0.2.7] (helo=HELO)\n\tby " HOP " with esmtps  (TLS1.3) tls TLS_AES_256_GCM_SHA384\n"
	    "\t(Exim 4.96)\n\t(envelope-from <a@b>)\n\tid 1rfAbC\n\tfor anna@example.org;\n\tFri, 01 Mar 2024 12:00:00 +0000\n",
	/* sendmail: the field behind its own Received field, but above that of the first host */
	"Received: from " HOP " (" HOP " [10.0.0.1])\n\tby store.provider.example (8.17.1/8.17.1) with ESMTPS id 42\n"
	    "\tfor <anna@example.org>; Fri, 1 Mar 2024 12:00:01 GMT\nX-Real-To: genuine\nReceived: from HELO (h.example [192.0.2.7])\n"
	    "\tby " HOP " (8.17.1/8.17.1) with ESMTP id 421\n\tfor <anna@example.org>; Fri, 1 Mar 2024 12:00:00 GMT\n",
	/* qmail */
	"Delivered-To: x\nX-Real-To: genuine\nReceived: (qmail 12345 invoked by uid 89); 1 Mar 2024 12:00:00 -0000\n"
	    "Received: from unknown (HELO HELO) (192.0.2.7)\n  by " HOP " with SMTP; 1 Mar 2024 12:00:00 -0000\n",
	/* Exchange */
	"X-Real-To: genuine\nReceived: from EX1.provider.example (2001:db8::1) by\n EX2.provider.example (2001:db8::2) with Microsoft\n"
	    " SMTP Server (version=TLS1_2, cipher=X) id 15.1.1; Fri, 1 Mar 2024 12:00:01 +0000\n"
	    "Received: from HELO (192.0.2.7) by " HOP "\n (10.0.0.1) with SMTP Server id 15; Fri, 1 Mar 2024 12:00:00 +0000\n",
	/* in upper case with a comment without a blank in front, an absolute name, other blanks */
	"X-Real-To: genuine\nReceived: FROM HELO BY MX1.Provider.Example(x) WITH SMTP; Fri, 1 Mar 2024 12:00:00 +0000\n",
	"X-Real-To: genuine\nReceived: from HELO by\n " HOP ".\n with SMTP; Fri, 1 Mar 2024 12:00:00 +0000\n",
	"X-Real-To: genuine\nReceived: from HELO\tby\t \t" HOP "; Fri, 1 Mar 2024 12:00:00 +0000\n",
	/* the message passed the host twice, around a filter */
	"X-Real-To: genuine\nReceived: from localhost (localhost [127.0.0.1])\n\tby " HOP " (Postfix) with ESMTP id 2; Fri, 1 Mar 2024"
	    " 12:00:01 +0000\nReceived: from HELO ([192.0.2.7])\n\tby " HOP " (Postfix) with ESMTP id 1; Fri, 1 Mar 2024 12:00:00\n"
};

static const char *const	 helos[] = {
	"mail.sender.example", "[192.0.2.7]", "(", ")", "((((", "\"", "\\", "(\\", "by", "(by", "by-other.example",
	"mx1.provider.example", "by." HOP, "xby " HOP, ";", "<", "(comment", "mx1.provider.example.evil.example", "\x80\xff"
};

/* What a sender writes into the message. */
static const char *const	 senders[] = {
	"", "X-Real-To: forged\n", "x-real-to : forged\n\tforged\n", "X-Real-To: forged\nX-Real-To: forged\n",
	"Received: from a by b; x\nX-Real-To: forged\n",
	"X-Real-To: forged\nReceived: from a by " HOP "; Fri, 1 Mar 2024 12:00:00 +0000\n",
	"X-Real-To: forged\nReceived: from a\n\tby " HOP " (Postfix) with ESMTP id 4AbCdE1; x\nX-Real-To: forged\n",
	"X-Real-To: forged\nReceived: by " HOP "\nX-Real-To: forged\nReceived: by " HOP "\nX-Real-To: forged\n",
	"X-Real-To: forged\nReceived: (by " HOP ")\n", "Subject: x\nX-Real-To: forged\nTo: a@b\n",
	" folded\nX-Real-To: forged\n", "X-Real-To:forged\n\n"
};

static struct msg_session_open	 session;

/* Bodies of the fields that count, without the blank in front, one comma behind each. */
static void
counted(const char *text, struct envelope *e, char *buf, size_t size)
{
	const struct field	*f;
	struct header		 h;
	size_t			 i;

	header_init(&h, DIST_FIELD, session.special);
	assert_true(header_feed(&h, (const uint8_t *)text, strlen(text)) >= 0);
	assert_int_equal(header_finish(&h), 0);
	envelope_choose(&session, &h, e);
	buf[0] = '\0';
	for (i = e->first; e->found && i < e->limit; i++) {
		f = &h.fields[i];
		if (f->kind != FIELD_SPECIAL || f->name != e->name)
			continue;
		size -= snprintf(buf, size, "%.*s,", (int)f->len - 1, (const char *)header_text(&h, f) + 1);
		buf += strlen(buf);
		if (e->one)
			break;
	}
	header_free(&h);
}

static void
trust(const char *special, const char *hop)
{
	memset(&session, 0, sizeof(session));
	strlcpy(session.special, special, sizeof(session.special));
	strlcpy(session.trusted_hop, hop, sizeof(session.trusted_hop));
}

static void
forged(void **state)
{
	char		 text[8192], got[1024];
	const char	*helo;
	size_t		 i, j, k, n = 0, accepted = 0, genuine = 0;
	struct envelope	 e;

	(void)state;
	trust("X-Real-To", HOP);
	for (i = 0; i < nitems(providers); i++)
		for (j = 0; j < nitems(helos); j++)
			for (k = 0; k < nitems(senders); k++) {
				helo = strstr(providers[i], "HELO HELO") != NULL ? strstr(providers[i], "HELO HELO") + 5 :
				    strstr(providers[i], "HELO");
				snprintf(text, sizeof(text), "%.*s%s%s%sSubject: x\n\nbody\n", (int)(helo - providers[i]), providers[i],
				    helos[j], helo + 4, senders[k]);
				counted(text, &e, got, sizeof(got));
				n++;
				genuine += strcmp(got, "genuine,") == 0;
				accepted += strstr(got, "forged") != NULL;
				if (strcmp(got, "genuine,") != 0)
					print_error("%s: `%s'\n", text, got);
			}
	print_message("%zu headers: %zu genuine fields accepted, %zu forged\n", n, genuine, accepted);
	assert_int_equal(genuine, n);
	assert_int_equal(accepted, 0);
}

/* Without the provider's trace nothing counts: what the sender wrote reaches nobody. */
static void
no_trace(void **state)
{
	static const char *const	 tops[] = {
		"", "Received: from a by other.example; x\n", "Received: from " HOP " by other.example; x\n",
		"Received: from a by " HOP ".evil.example; x\n", "Received: from a by evil-" HOP "; x\n",
		"Received: from a by mx1.provider.examples; x\n", "Received: from a nearby " HOP "; x\n", "Received: by" HOP "\n",
		"X-Received: by " HOP "\n", "Received: from a by mx1.provider\n .example\n"
	};
	char				 text[1024], got[256];
	struct envelope			 e;
	size_t				 i;

	(void)state;
	trust("X-Real-To", HOP);
	for (i = 0; i < nitems(tops); i++) {
		snprintf(text, sizeof(text), "X-Real-To: forged\n%sX-Real-To: forged\n\n", tops[i]);
		counted(text, &e, got, sizeof(got));
		if (e.found || e.hop || e.distrusted != 2)
			fail_msg("`%s': `%s'", text, got);
	}
	counted("Received: by " HOP "\nX-Real-To: forged\n\n", &e, got, sizeof(got));
	assert_true(!e.found && e.hop && e.distrusted == 1);
}

/* Together with a list of names and a place. */
static void
chosen(void **state)
{
	static const struct {
		uint32_t	 nth;
		const char	*hop, *text, *want, *name;
	}	 samples[] = {
		{ 0, "", "X-B: b\nX-A: a\n\n", "a,", "X-A" },
		{ 0, "", "X-B: b\nX-B: c\n\n", "b,c,", "X-B" },
		{ 0, HOP, "X-B: b\nReceived: by " HOP "\nX-A: forged\n\n", "b,", "X-B" },
		{ 0, HOP, "X-B: b\nX-A: a\nReceived: by " HOP "\nX-A: forged\n\n", "a,", "X-A" },
		{ 1, "", "X-B: b\nX-A: a\nX-A: c\n\n", "a,", "X-A" },
		{ 2, "", "X-B: b\nX-A: a\nX-A: c\nX-A: d\n\n", "c,", "X-A" },
		{ 2, "", "X-B: b\nX-B: c\nX-A: a\n\n", "c,", "X-B" },
		{ 2, HOP, "X-A: a\nX-B: b\nX-B: c\nReceived: by " HOP "\nX-A: forged\n\n", "c,", "X-B" },
		{ 3, "", "X-A: a\nX-A: b\n\n", "", "X-A X-B" },
		{ 0, "", "X-C: a\n\n", "", "X-A X-B" }
	};
	char		 got[256];
	struct envelope	 e;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(samples); i++) {
		trust("X-A X-B", samples[i].hop);
		session.special_nth = samples[i].nth;
		counted(samples[i].text, &e, got, sizeof(got));
		if (strcmp(got, samples[i].want) != 0 || strcmp(e.text, samples[i].name) != 0)
			fail_msg("`%s': `%s' of %s", samples[i].text, got, e.text);
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = { cmocka_unit_test(forged), cmocka_unit_test(no_trace), cmocka_unit_test(chosen) };

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
