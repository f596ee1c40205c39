/* SPDX-License-Identifier: ISC */
/*
 * Of each kind of failure: whose it is, and how long it takes until the next try.  Response codes (RFC 2449 section 8, RFC
 * 3206) make it shorter or longer.
 */
#include "common/compat.h"
#include "rpopd/config/config.h"
#include "sched_int.h"

#define ACCOUNTS	UINT32_MAX	/* settings.delay_failed_accounts */
#define PERIOD		0		/* as if nothing had happened */
#define GROWTH		4		/* doublings */
#define HOUR		3600
#define DAY		86400
#define TOO_SOON	300		/* s between logins for a server that refuses without saying how many it wants */

struct policy {
	uint32_t	 base;		/* s */
	uint8_t		 patience;	/* tries before it begins to double */
	uint8_t		 growth;	/* how often it doubles */
	uint8_t		 soon;		/* 1: no longer than the period; 0: no shorter */
	uint8_t		 counts;	/* among the record's failures in a row, which outlive a restart */
	uint8_t		 host;		/* before the login it is the host's failure, not the record's */
	uint8_t		 reached;	/* the host has shown that it is there */
};

static const struct policy	 policies[WHY_MAX] = {
	/*			  base		patience growth	 soon counts host reached */
	[WHY_NONE] =		{ PERIOD,	0, 0,		0, 0, 0, 1 },
	[WHY_DNS_TEMP] =	{ ACCOUNTS,	0, GROWTH,	0, 1, 1, 0 },
	[WHY_DNS_PERM] =	{ ACCOUNTS,	0, GROWTH,	0, 1, 1, 0 },
	[WHY_REFUSED] =		{ ACCOUNTS,	0, GROWTH,	0, 1, 1, 0 },
	[WHY_UNREACHABLE] =	{ ACCOUNTS,	0, GROWTH,	0, 1, 1, 0 },
	[WHY_TIMEOUT] =		{ ACCOUNTS,	0, GROWTH,	0, 1, 1, 1 },
	[WHY_TLS] =		{ ACCOUNTS,	0, GROWTH,	0, 1, 0, 1 },
	[WHY_AUTH] =		{ ACCOUNTS,	0, GROWTH,	0, 1, 0, 1 },
	[WHY_BUSY] =		{ 60,		5, GROWTH,	1, 0, 1, 1 },
	[WHY_PROTO] =		{ ACCOUNTS,	0, GROWTH,	0, 1, 1, 1 },
	[WHY_CLOSED] =		{ ACCOUNTS,	0, GROWTH,	0, 1, 1, 1 },
	[WHY_CONFIG] =		{ ACCOUNTS,	0, GROWTH,	0, 1, 0, 0 },
	[WHY_LOCAL_TEMP] =	{ ACCOUNTS,	0, 2,		0, 1, 0, 0 },
	[WHY_STOPPED] =		{ PERIOD,	0, 0,		0, 0, 0, 0 },
	[WHY_TOO_SOON] =	{ PERIOD,	0, 0,		0, 0, 0, 1 },
	[WHY_ALERT] =		{ 300,		0, 0,		1, 0, 0, 1 },
	[WHY_SERVER_TEMP] =	{ 60,		1, GROWTH,	1, 0, 1, 1 },
	[WHY_SERVER_PERM] =	{ HOUR,		0, 2,		0, 1, 1, 1 },
	[WHY_SELF] =		{ ACCOUNTS,	0, GROWTH,	0, 1, 0, 0 },
	[WHY_POLICY] =		{ ACCOUNTS,	0, GROWTH,	0, 1, 0, 0 },
	[WHY_TOKEN_TEMP] =	{ 60,		1, GROWTH,	1, 0, 0, 0 },
	[WHY_TOKEN_PERM] =	{ 6 * HOUR,	0, 0,		0, 1, 0, 0 },
	[WHY_RENUMBERED] =	{ PERIOD,	0, 0,		0, 1, 0, 1 },
	[WHY_CROWDED] =		{ PERIOD,	0, 0,		0, 0, 0, 0 },
	[WHY_BUDGET] =		{ 60,		0, 0,		1, 0, 0, 1 },
};

/*
 * 1: the failure is the host's, with all its records.  During the TLS handshake silence and a lost connection are; the rest
 * depends on the record's own TLS columns.
 */
int
retry_blames_host(enum fetch_stage stage, enum fail_why why)
{
	if (stage == STAGE_TLS)
		return (why == WHY_TIMEOUT || why == WHY_CLOSED);
	return (policies[why].host && stage < STAGE_LOGIN);
}

/* 1: the failure shows that the host is there, so that others may try. */
int
retry_reached(enum fetch_stage stage, enum fail_why why)
{
	return (policies[why].reached && !retry_blames_host(stage, why) && stage != STAGE_TOKEN);
}

/* 1: the failure counts among the record's failures in a row. */
int
retry_counts(enum fail_why why)
{
	return (policies[why].counts);
}

/* Seconds from the record's last attempt to the next one, by what the last one came to. */
int64_t
retry_delay(const struct task *t)
{
	const struct policy	*p = &policies[t->why];
	int64_t			 period = retry_period(t), delay;
	uint32_t		 n;

	if (t->why == WHY_NONE && t->rs.failures > 0)
		p = &policies[WHY_AUTH];	/* of an earlier life: the most careful one */
	if (p->base == PERIOD)
		return (period);
	delay = p->base == ACCOUNTS ? config_running->settings.delay_failed_accounts : p->base;
	n = p->counts ? t->rs.failures : t->tries;
	n = n > p->patience + 1u ? n - p->patience - 1 : 0;
	delay <<= n > p->growth ? p->growth : n;
	if (p->soon)
		return (delay < period ? delay : period);
	return (delay > period ? delay : period);
}

/*
 * Seconds between two polls of the record: its period, but what the server wants between logins at least, and so little that
 * there are two polls in the time for which the server keeps messages (RFC 2449 section 6.7, EXPIRE).
 */
int64_t
retry_period(const struct task *t)
{
	int64_t	 period = t->rec->period;

	if (t->expire != 0 && t->expire != UINT32_MAX && period > t->expire * (DAY / 2LL))
		period = t->expire * (DAY / 2LL);
	return (period > t->login_delay ? period : t->login_delay);
}

/*
 * A poll has told how many seconds the server wants between logins (RFC 2449 section 6.5, LOGIN-DELAY; 0: not told).  A login
 * that was refused as too soon although the last wish was obeyed means that the server wants more.
 */
void
retry_learn(struct task *t, enum fail_why why, uint32_t login_delay)
{
	if (login_delay > DAY)
		login_delay = DAY;
	if (why != WHY_TOO_SOON) {
		if (login_delay != 0)
			t->login_delay = login_delay;
	} else if (login_delay > t->login_delay)
		t->login_delay = login_delay;
	else if (t->login_delay == 0)
		t->login_delay = TOO_SOON;
	else if (t->login_delay < HOUR)
		t->login_delay *= 2;
}
