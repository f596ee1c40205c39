/* SPDX-License-Identifier: ISC */
/* rpopctl status with options: the records that somebody has to look at, for people and for a monitoring script. */
#include <sys/types.h>

#include <err.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "rpopctl.h"

static int	 failing_record(const void *);
static void	 failing_print(const struct out *, const struct ctl_record *);
static const char *failing_block(const struct ctl_record *);

/* status --failing; the exit status is 1 if there is a record to be told, or if nothing is polled at all. */
int
failing_run(struct session *s)
{
	static const struct option	 options[] = { { "failing", no_argument, NULL, 'f' }, { NULL, 0, NULL, 0 } };
	char				*status[] = { "status" }, error[256];
	const struct ctl_record		*r;
	const struct ctl_daemon		*d;
	const struct items		*records;
	struct request			 req;
	struct reply			 rep;
	size_t				 i;
	int				 found;

	while ((found = getopt_long(s->argc, s->argv, "", options, NULL)) != -1)
		if (found != 'f')
			return (1);
	if (optind < s->argc)
		errx(1, "status: too many arguments");
	if (command_parse(1, status, &req, error, sizeof(error)) == -1 || session_ask(s, &req, &rep) == -1)
		return (1);
	found = 0;
	if (rep.ok) {
		d = reply_items(&rep, IMSG_CTL_DAEMON)->v;
		reply_keep(&rep, IMSG_CTL_RECORD, failing_record);
		records = reply_items(&rep, IMSG_CTL_RECORD);
		found = records->n > 0 || *d->mail_root_error != '\0' || d->blocked_maildirs > 0;
		r = records->v;
		if (!s->json)
			(void)print_blocked(s->o, d);
		for (i = 0; !s->json && i < records->n; i++)
			failing_print(s->o, &r[i]);
		if (!s->json && !found && s->o->width > 0)	/* cron(8) mails what it is told */
			fprintf(s->o->fp, "no record fails\n");
	}
	if ((s->json || !rep.ok ? session_answer(s, &req, &rep) : session_flush(s->o)) != 0)
		found = 1;
	reply_free(&rep);
	return (found);
}

/* 1: the last poll of this record failed, or it is paused, or held up by what does not pass by itself. */
static int
failing_record(const void *record)
{
	const struct ctl_record	*r = record;

	return (r->enabled && (*r->last_error != '\0' || failing_block(r) != NULL));
}

/* What holds up a record that is due; NULL: nothing, or what is usual. */
static const char *
failing_block(const struct ctl_record *r)
{
	static const char *const	 blocks[] = { "host-delay", "disk-full", "queue-full" };
	size_t				 i;

	for (i = 0; i < nitems(blocks); i++)
		if (strcmp(r->state, blocks[i]) == 0)
			return (state_sentence(r->state));
	return (NULL);
}

/* One paragraph: which record, since when, and why. */
static void
failing_print(const struct out *o, const struct ctl_record *r)
{
	char		 line[PROTO_TEXT_SIZE * 8], when[64], ago[64], times[32] = "";
	const char	*block = failing_block(r);
	int		 n;

	n = snprintf(line, sizeof(line), "%s/%s: ", r->account, r->name);
	if (r->failures > 1)
		snprintf(times, sizeof(times), ", %u in a row", r->failures);
	if (r->failing_since != 0)
		n += snprintf(line + n, sizeof(line) - n, "failing since %s (%s)%s: ",
		    text_local(when, sizeof(when), r->failing_since), text_ago(ago, sizeof(ago), o->now, r->failing_since), times);
	else
		n += snprintf(line + n, sizeof(line) - n, "last success %s: ", text_ago(ago, sizeof(ago), o->now, r->last_success));
	snprintf(line + n, sizeof(line) - n, "%s%s%s", r->last_error, *r->last_error != '\0' && block != NULL ? "; " : "",
	    block != NULL ? block : "");
	print_wrapped(o, line, 4);
}
