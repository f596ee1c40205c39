/* SPDX-License-Identifier: ISC */
/*
 * The end of a refresh token, where the provider says when it comes (P5): its owner hears of it a week before, while it can be
 * renewed without a gap.  Many providers put it off with every request; then there is nothing to be said.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "rpopd/config/config.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/poll/poll.h"
#include "rpopd/state/state.h"
#include "token.h"

#define WARNING		(7 * 86400)	/* s before the end */
#define JUDGE		60		/* s between two statements that can be compared */

static int	 end_stays(const struct token_row *, int64_t, int64_t);
static void	 end_warn(const struct grant *, int64_t);
static void	 end_notice(const struct session *, const char *);

void
token_end_said(struct grant *g, uint32_t lifetime)
{
	static struct token_row	 row;
	int64_t			 now = time(NULL), ends = now + lifetime;
	int			 near;

	if (state_token_get(g->key, &row) == DB_FAILED)
		return;
	if (row.ends == 0 || now < row.said || now - row.said >= JUDGE) {
		near = lifetime < WARNING && end_stays(&row, ends, now);
		if (state_token_end(g->key, ends, now, near) == DB_OK && near && !row.warned)
			end_warn(g, ends);
	}
	explicit_bzero(&row, sizeof(row));
}

/* 1: it has not been put off by as much as half the time since it was said last.  The first time nobody can know. */
static int
end_stays(const struct token_row *row, int64_t ends, int64_t now)
{
	return (row->ends != 0 && now > row->said && ends - row->ends < (now - row->said) / 2);
}

static void
end_warn(const struct grant *g, int64_t ends)
{
	struct session	*s;
	struct tm	 tm;
	time_t		 when = ends;
	char		 date[32] = "";

	if (localtime_r(&when, &tm) != NULL)
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M", &tm);
	SESSION_FOREACH(s)
		if (s->grant == g && s->run.task != NULL)
			end_notice(s, date);
}

static void
end_notice(const struct session *s, const char *date)
{
	const struct record	*rec = s->run.task->rec;
	char			 subject[PROTO_TEXT_SIZE];

	log_warnx("%s: the provider takes the refresh token until %s only", s->label, date);
	snprintf(subject, sizeof(subject), "Mail from %.100s: the login ends on %s", rec->host, date);
	notice_send(rec->account, s->label, subject, "The permission with which the record %s logs in to %s ends on %s; its identity "
	    "provider says so.\nAfter that nothing is fetched.\n\nGet a new refresh token before, and store it in the record.\n", s->label,
	    rec->host, date);
}
