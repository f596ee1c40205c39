/* SPDX-License-Identifier: ISC */
/* links: deliverer */
/* The sender's address in Received fields of a trusted hop: the provider's word, never the sender's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/compat.h"
#include "deliverer/deliverer.h"

#define HOP	"mx1.provider.example"
#define BY	" by " HOP " (Postfix) with ESMTP id 4AbCdE1 for <anna@example.org>; Fri,  1 Mar 2024 12:00:00 +0000"

static void
forms(void **state)
{
	static const struct {
		const char	*text, *want;
	}	 samples[] = {
		{ " from helo (mail.sender.example [192.0.2.7])" BY, "192.0.2.7" },
		{ " from helo (unknown [192.0.2.7])" BY, "192.0.2.7" },
		{ " from helo ([192.0.2.7])" BY, "192.0.2.7" },
		{ " FROM helo\t(Unknown\r\t[192.0.2.7])\r\t" BY, "192.0.2.7" },
		{ " from [198.51.100.9] (unknown [192.0.2.7])" BY, "192.0.2.7" },
		{ " from helo (mail.sender.example [192.0.2.7] (may be forged))" BY, "192.0.2.7" },
		{ " from helo (h.example [192.0.2.7]) (using TLSv1.3 with cipher X (256/256 bits))"
		    " (No client certificate requested)" BY, "192.0.2.7" },
		{ " from h.example ([192.0.2.7]:4711 helo=helo) by " HOP " with esmtps (TLS1.3)", "192.0.2.7" },
		{ " from h.example ([2001:db8::7] helo=helo) by " HOP, "2001:db8::7" },
		{ " from helo (h.example [IPv6:2001:db8::7])" BY, "2001:db8::7" },
		{ " from helo ([ipv6:2001:0DB8:0:0:0:0:0:7])" BY, "2001:db8::7" },
		/* no address, or none in this form */
		{ " from helo" BY, "" }, { " from helo (unknown)" BY, "" }, { " from helo (192.0.2.7)" BY, "" }, { BY, "" },
		{ "", "" },
		{ " from [192.0.2.7] (helo=helo) by " HOP, "" }, { " from [192.0.2.7]" BY, "" },
		{ " (h.example [192.0.2.7])" BY, "" },
		{ " from (h.example [192.0.2.7])" BY, "" }, { " from helo(h.example [192.0.2.7])" BY, "" },
		{ " from helo (h.example [192.0.2.7]) by other.example", "" }, { " from helo (h.example [192.0.2.7])", "" },
		{ " by " HOP " from helo (h.example [192.0.2.7])", "" },
		{ " from helo by " HOP " (h.example [192.0.2.7])", "" },
		{ " from helo (h.example [192.0.2.7]) by other.example (x [192.0.2.8])" BY, "" },
		/* no literal */
		{ " from helo ([192.0.2])" BY, "" }, { " from helo ([192.0.2.256])" BY, "" },
		{ " from helo ([192.0.2.07 ])" BY, "" },
		{ " from helo ([ 192.0.2.7])" BY, "" }, { " from helo ([192.0.2.7)" BY, "" },
		{ " from helo ([192.0.2.7]" BY, "" },
		{ " from helo ([192.0.2.7]x)" BY, "" }, { " from helo ([])" BY, "" }, { " from helo ([IPv6:])" BY, "" },
		{ " from helo ([IPv6:192.0.2.7])" BY, "" }, { " from helo ([IPv6:2001:db8::7%lo])" BY, "" },
		{ " from helo ([2001:db8:0:0:0:0:0:0:7])" BY, "" }, { " from helo ([mail.example])" BY, "" },
		{ " from helo ([00000000000000000000000000000000000000000000000000000000000192.0.2.7])" BY, "" },
		/* more than one */
		{ " from helo ([192.0.2.7] [192.0.2.8])" BY, "" }, { " from helo ([192.0.2.7]) ([192.0.2.8])" BY, "" },
		{ " from helo ([192.0.2.7]) (192.0.2.8)" BY, "" }, { " from helo ([192.0.2.7])" BY " by " HOP, "" },
		/* of the provider's own network */
		{ " from localhost (localhost [127.0.0.1])" BY, "" }, { " from helo ([127.0.0.1])" BY, "" },
		{ " from helo ([10.1.2.3])" BY, "" }, { " from helo ([172.31.0.1])" BY, "" },
		{ " from helo ([172.32.0.1])" BY, "172.32.0.1" },
		{ " from helo ([192.168.0.1])" BY, "" }, { " from helo ([100.64.0.1])" BY, "" },
		{ " from helo ([0.0.0.0])" BY, "" },
		{ " from helo ([255.255.255.255])" BY, "" }, { " from helo ([IPv6:::1])" BY, "" },
		{ " from helo ([IPv6:fe80::1])" BY, "" },
		{ " from helo ([IPv6:fd00::1])" BY, "" }, { " from helo ([IPv6:::ffff:192.0.2.7])" BY, "" }
	};
	char	 got[PROTO_CLIENT_SIZE];
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(samples); i++) {
		memset(got, 'x', sizeof(got));
		client_find((const uint8_t *)samples[i].text, strlen(samples[i].text), HOP, got);
		if (strcmp(got, samples[i].want) != 0)
			fail_msg("`%s': `%s'", samples[i].text, got);
	}
	client_find((const uint8_t *)" from x ([192.0.2.7\0])" BY, sizeof(" from x ([192.0.2.7\0])" BY) - 1, HOP, got);
	assert_string_equal(got, "");
}

/* %s is what the sender says his name is, written as it came, as careless servers do. */
static void
hostile(void **state)
{
	static const struct {
		const char	*before, *after;
		int		 found;		/* with a plain name */
	}	 fields[] = {
		{ " from ", " (mail.sender.example [192.0.2.7])\t" BY, 1 },
		{ " from ", " ([192.0.2.7])" BY, 1 },
		{ " from ", " (h.example [192.0.2.7]) (using TLSv1.3 with cipher X (256/256 bits))" BY, 1 },
		{ " from h.example ([192.0.2.7] helo=", ") by " HOP " with esmtp", 1 },
		{ " from [192.0.2.7] (helo=", ") by " HOP " with esmtp", 0 },
		{ " from unknown (HELO ", ") (192.0.2.7) by " HOP " with SMTP", 0 },
		{ " from ", " (192.0.2.7) by " HOP " (10.0.0.1) with SMTP", 0 },
		{ " from ", " (unknown) by " HOP " with SMTP", 0 },
		{ " from ", " (2001:db8::7) by " HOP " with SMTP", 0 },
		{ " from h.example (h.example [192.0.2.7]) (Client CN \"", "\", Issuer \"x\" (not verified))" BY, 1 }
	};
	static const char *const	 helos[] = {
		"x", "[198.51.100.9]", "([198.51.100.9])", "(h.example [198.51.100.9])", "x (h.example [198.51.100.9])",
		"x ([198.51.100.9])", "x ([198.51.100.9]) (", "x ([198.51.100.9]) ((", "x ([198.51.100.9]",
		"x ([198.51.100.9] ",
		"x ([198.51.100.9] (", "x) (h.example [198.51.100.9]", "x) ([198.51.100.9]) (", "x ([198.51.100.9]) \"",
		"x ([198.51.100.9]) \\",
		"x ([198.51.100.9]) (\\",
		"x ([198.51.100.9])" BY, "x ([198.51.100.9]) by " HOP, "x ([198.51.100.9]) by " HOP " (",
		"x ([198.51.100.9]) by other.example", "x ([198.51.100.9]) (by " HOP, "x (by " HOP ") ([198.51.100.9])",
		"[198.51.100.9]) ([198.51.100.9]", "x from x ([198.51.100.9])", "(", ")", "[", "]", "((((", "))))", "\"",
		"\\", "", " ",
		"by", "by " HOP, "x ([198.51.100.9]) ;", "x ([IPv6:2001:db8::9])", "x\r\t([198.51.100.9])",
		"\x80 ([198.51.100.9])"
	};
	char				 text[1024], got[PROTO_CLIENT_SIZE];
	size_t				 i, j;

	(void)state;
	for (i = 0; i < nitems(fields); i++)
		for (j = 0; j < nitems(helos); j++) {
			snprintf(text, sizeof(text), "%s%s%s", fields[i].before, helos[j], fields[i].after);
			client_find((const uint8_t *)text, strlen(text), HOP, got);
			if ((got[0] != '\0' && strcmp(got, "192.0.2.7") != 0) || (j == 0 && fields[i].found != (got[0] != '\0')))
				fail_msg("`%s': `%s'", text, got);
		}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = { cmocka_unit_test(forms), cmocka_unit_test(hostile) };

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
