/* SPDX-License-Identifier: ISC */
/* rpopctl alert: the requests that the words stand for, and how alerts are shown. */
#include <sys/types.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "rpopctl.h"

#define INDENT	8	/* of the text of an alert */

static int	 alert_words(struct session *, int least, int most);

/* rpopctl alert [ADDRESS TEXT]; returns the exit status. */
int
alert_run(struct session *s)
{
	struct ctl_alert	 m = { .remove = 0 };
	struct request		 req = { .type = IMSG_CTL_ALERT, .data = &m, .len = sizeof(m) };

	if (s->argc == 1)
		return (alert_list(s));
	if (alert_words(s, 2, 2) == -1)
		return (1);
	if (s->argv[1][0] == '\0' || strlcpy(m.account, s->argv[1], sizeof(m.account)) >= sizeof(m.account)) {
		warnx("alert: that is no address of an account");
		return (1);
	}
	if (strlcpy(m.text, s->argv[2], sizeof(m.text)) >= sizeof(m.text)) {
		warnx("alert: the text is too long: a reply has room for %zu octets, and it has %zu", sizeof(m.text) - 1,
		    strlen(s->argv[2]));
		return (1);
	}
	return (session_request(s, &req));
}

/* rpopctl alert list [ADDRESS] */
int
alert_list(struct session *s)
{
	struct request	 req = {
		.type = IMSG_CTL_ALERTS, .items = { IMSG_CTL_ALERTED }, .listing = 1, .len = sizeof(struct ctl_name)
	};

	if (alert_words(s, 0, 1) == -1)
		return (1);
	if (s->argc > 1 && strlcpy(req.u.name.name, s->argv[1], sizeof(req.u.name.name)) >= sizeof(req.u.name.name)) {
		warnx("alert: that is no address of an account");
		return (1);
	}
	return (session_request(s, &req));
}

/* rpopctl alert remove ID|ADDRESS */
int
alert_remove(struct session *s)
{
	struct ctl_alert	 m = { .remove = 1 };
	struct request		 req = { .type = IMSG_CTL_ALERT, .data = &m, .len = sizeof(m) };
	const char		*error = NULL, *word;

	if (alert_words(s, 1, 1) == -1)
		return (1);
	word = s->argv[1];
	if (strchr(word, '@') == NULL)
		m.id = strtonum(word, 1, INT64_MAX, &error);
	else if (strlcpy(m.account, word, sizeof(m.account)) >= sizeof(m.account))
		error = "too long";
	if (error == NULL)
		return (session_request(s, &req));
	warnx("alert: remove wants the number of an alert, or an account's address for all of them");
	return (1);
}

/* Takes a "--" out that stands ahead of the arguments.  0, or -1: they are too few or too many, which was said. */
static int
alert_words(struct session *s, int least, int most)
{
	if (s->argc > 1 && strcmp(s->argv[1], "--") == 0) {
		s->argv++;
		s->argc--;
	}
	if (s->argc - 1 >= least && s->argc - 1 <= most)
		return (0);
	if (least == 2)
		warnx("alert: wants an account's address, and a text that is quoted as one word");
	else
		warnx("alert: too %s arguments", s->argc - 1 < least ? "few" : "many");
	return (-1);
}

/* The number that remove wants, whose alert it is, since when, and below it its text. */
void
alerts_print(const struct out *o, const struct request *req __unused, const struct items *items)
{
	const struct ctl_alerted	*m = items->v;
	char				 account[sizeof(m->account) * 4], when[32];
	size_t				 i;

	if (items->n == 0)
		fprintf(o->fp, "none\n");
	for (i = 0; i < items->n; i++, m++) {
		fprintf(o->fp, "%lld  %s  made %s, ", (long long)m->id, text_vis(account, sizeof(account), m->account),
		    text_ago(when, sizeof(when), o->now, m->made));
		if (m->told == 0)
			fprintf(o->fp, "not told yet\n");
		else
			fprintf(o->fp, "told %s\n", text_ago(when, sizeof(when), o->now, m->told));
		fprintf(o->fp, "%*s", INDENT, "");
		print_wrapped(o, m->text, INDENT);
	}
}
