/* SPDX-License-Identifier: ISC */
/*
 * The end of a refresh token, where the provider says when it comes: the record's owner hears of it a week before, while the
 * token can be renewed without a gap.  Many providers put the end off with every request; then there is nothing to be said.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "rpopd/config/config.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "token_int.h"

#define WARNING		(7 * 86400)	/* s before the end */
#define JUDGE		60		/* s between two statements that can be compared */

static int	 expiry_stays(const struct token_row *, int64_t, int64_t);
static void	 expiry_warn(const struct grant *, int64_t);
static void	 expiry_notice(const struct run *, const char *);

/* The provider has said, with an access token, that the grant's refresh token lives for so many seconds. */
void
expiry_said(struct grant *g, uint32_t lifetime)
{
	static struct token_row	 row;
	int64_t			 now = time(NULL), ends = now + lifetime;
	int			 near;

	if (state_token_get(g->key, &row) == DB_FAILED)
		return;
	if (row.ends == 0 || now < row.said || now - row.said >= JUDGE) {
		near = lifetime < WARNING && expiry_stays(&row, ends, now);
		if (state_token_end(g->key, ends, now, near) == DB_OK && near && !row.warned)
			expiry_warn(g, ends);
	}
	explicit_bzero(&row, sizeof(row));
}

/*
 * 1: the end has not been put off by as much as half the time since it was said last, so it is going to come; 0: it has, or the
 * end was said for the first time, and nobody can know yet.
 */
static int
expiry_stays(const struct token_row *row, int64_t ends, int64_t now)
{
	return (row->ends != 0 && now > row->said && ends - row->ends < (now - row->said) / 2);
}

/* The owners of the records whose sessions use the grant now are told. */
static void
expiry_warn(const struct grant *g, int64_t ends)
{
	struct token_user	*u;
	struct tm		 tm;
	time_t			 when = ends;
	char			 date[32] = "";

	if (localtime_r(&when, &tm) != NULL)
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M", &tm);
	TAILQ_FOREACH(u, &g->users, entry)
		if (u->run->task != NULL)
			expiry_notice(u->run, date);
}

static void
expiry_notice(const struct run *r, const char *date)
{
	const struct record	*rec = r->task->rec;
	char			 subject[PROTO_TEXT_SIZE];

	log_warnx("%s: the provider takes the refresh token until %s only", r->label, date);
	snprintf(subject, sizeof(subject), "Mail from %.100s: the login ends on %s", rec->host, date);
	notice_send(rec->account, r->label, subject, "The permission with which the record %s logs in to %s ends on %s; its "
	    "identity provider says so.\nAfter that nothing is fetched.\n\nGet a new refresh token before, and store it in the record.\n",
	    r->label, rec->host, date);
}
