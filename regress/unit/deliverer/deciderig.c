/* SPDX-License-Identifier: ISC */
/* A routing table, a session, and who gets a message by them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/compat.h"
#include "deliverer/deliverer.h"
#include "deciderig.h"

const char *const	 people[4] = { "postmaster", "anna", "bo", "carl" };

struct msg_session_open	 session;
struct recipients	 to;

void
mode(enum dist_mode m, const char *special)
{
	memset(&session, 0, sizeof(session));
	session.session = 12;
	session.mode = m;
	session.account = 3;
	session.tls = TLS_MODE_TLS;
	strlcpy(session.special, special, sizeof(session.special));
	strlcpy(session.domain, "Example.org", sizeof(session.domain));
	strlcpy(session.host, "pop.example.net", sizeof(session.host));
	strlcpy(session.address, "192.0.2.1", sizeof(session.address));
}

static const struct route_row	 rows[] = {
	{ "sales@example.org", "anna@example.org", "", "", ROUTE_DELIVER, 0 },
	/* from here on with routes only */
	{ "all@example.org", "anna@example.org", "", "", ROUTE_DELIVER, 0 },
	{ "all@example.org", "carl@example.org", "", "", ROUTE_DELIVER, 0 },
	{ "all@example.org", "away@example.net", "", "", ROUTE_DELIVER, 9 },
	{ "bsd@example.org", "carl@example.org", "Lists/bsd", "", ROUTE_DELIVER, 0 },
	{ "gone@example.org", "", "", "moved away", ROUTE_REJECT, 0 },
	{ "trap@example.org", "", "", "", ROUTE_DISCARD, 0 },
	{ "*@example.net", "*@example.org", "", "", ROUTE_DELIVER, 0 },
	{ "*@old.example", "", "", "", ROUTE_DELIVER, 8 },
	{ "archive@example.org", "carl@example.org", "Archive", "", ROUTE_DELIVER, 0 }
};

static const struct {
	const char	*name;
	int		 source_routes;
}	 domains[] = { { "example.org", 1 }, { "example.net", 0 }, { "old.example", 0 } };

struct msg_route_start	 start;

void
load_table(uint32_t more, int routes)
{
	struct msg_route_account	 account;
	struct msg_route_domain		 domain;
	struct route_table		*table;
	uint8_t				 frame[4096];
	uint32_t			 i, next = 0;
	size_t				 len;

	memset(&account, 0, sizeof(account));
	start.accounts = nitems(people) + more;
	start.rows = routes ? nitems(rows) : 1;
	start.domains = routes ? nitems(domains) : 0;
	start.postmaster = 1;
	start.detail = routes ? '+' : 0;
	strlcpy(start.hostname, "mx.example.org", sizeof(start.hostname));
	assert_int_equal(routes_start(&start), 0);
	for (i = 0; i < start.accounts; i++) {
		account.account = i + 1;
		account.nexthop = routes && i == 2 ? 7 : 0;
		if (i < nitems(people))
			snprintf(account.dir, sizeof(account.dir), "example.org/%s", people[i]);
		else
			snprintf(account.dir, sizeof(account.dir), "example.org/u%u", i);
		assert_int_equal(routes_account(&account), 0);
	}
	for (i = 0; i < start.domains; i++) {
		memset(&domain, 0, sizeof(domain));
		domain.source_routes = domains[i].source_routes;
		strlcpy(domain.name, domains[i].name, sizeof(domain.name));
		assert_int_equal(routes_domain(&domain), 0);
	}
	assert_non_null(table = route_new(0, 0, start.rows, 0));
	for (i = 0; i < start.rows; i++)
		assert_int_equal(route_row_add(table, &rows[i]), 0);
	assert_int_not_equal(len = route_rows_pack(table, &next, frame, sizeof(frame)), 0);
	route_free(table);
	assert_int_equal(routes_rows(frame, len), 0);
	assert_int_equal(routes_end(&start), 0);
}

void
load(uint32_t more)
{
	memset(&start, 0, sizeof(start));
	load_table(more, 0);
}

void
load_routes(void)
{
	memset(&start, 0, sizeof(start));
	start.hop_limit = 20;
	memset(start.mark, 'k', sizeof(start.mark));
	load_table(0, 1);
}

int
decide(const char *text, size_t len)
{
	struct header	 h;
	int		 n;

	header_init(&h, session.mode, session.special);
	assert_true(header_feed(&h, (const uint8_t *)text, len) >= 0);
	assert_int_equal(header_finish(&h), 0);
	n = recipients_decide(&session, &h, &to);
	header_free(&h);
	return (n);
}

static void
place(const struct place *p, char *buf, size_t size)
{
	static const char *const	 marks[] = { "", "", "", "?", "!", "-" };
	size_t				 n = strlen(buf);

	assert_true(p->kind >= RCPT_MAILDIR && p->kind <= RCPT_DISCARD);
	n += snprintf(buf + n, size - n, "%s", marks[p->kind]);
	if (start.hop_limit > 0 && p->notify == NOTIFY_NEVER)
		n += snprintf(buf + n, size - n, "~");
	n += snprintf(buf + n, size - n, "%s", strncmp(p->dest, "example.org/", 12) == 0 ? p->dest + 12 : p->dest);
	if (p->nexthop != 0)
		n += snprintf(buf + n, size - n, ">%u", p->nexthop);
	if (p->original != NULL && p->kind != RCPT_MAILDIR)
		n += snprintf(buf + n, size - n, "(%s)", p->original);
	if (p->kind == RCPT_REJECT)
		snprintf(buf + n, size - n, "=%s", p->reason);
}

void
check(const struct sample *s, size_t n)
{
	char	 names[512];
	size_t	 i, k;

	for (i = 0; i < n; i++) {
		assert_int_equal(decide(s[i].header, strlen(s[i].header)), 0);
		names[0] = '\0';
		for (k = 0; k < to.places.n; k++) {
			strlcat(names, k > 0 ? " " : "", sizeof(names));
			place(&to.places.list[k], names, sizeof(names));
		}
		if (strcmp(names, s[i].to) != 0)
			fail_msg("`%s': to `%s', expected `%s'", s[i].header, names, s[i].to);
		if (to.fallback != (s[i].reason != NULL) || (to.fallback && strstr(to.reason, s[i].reason) == NULL))
			fail_msg("`%s': reason `%s', expected `%s'", s[i].header, to.reason,
			    s[i].reason != NULL ? s[i].reason : "");
		assert_string_equal(to.sender, s[i].sender);
		recipients_free(&to);
	}
}

int
alone(const char *name)
{
	return (to.places.n == 1 && to.places.list[0].kind == RCPT_MAILDIR && strcmp(to.places.list[0].dest + 12, name) == 0);
}

size_t
crowd(char *text, size_t size, const char *field, uint32_t n)
{
	size_t		 len;
	uint32_t	 i;

	len = snprintf(text, size, "%s: ", field);
	for (i = 0; i < n; i++)
		len += snprintf(text + len, size - len, "%su%u@example.org", i > 0 ? ",\n " : "", (uint32_t)nitems(people) + i);
	return (len + snprintf(text + len, size - len, "\n\n"));
}
