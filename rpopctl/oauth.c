/* SPDX-License-Identifier: ISC */
/*
 * A login at an identity provider, which a person ends at a web page: the address and the code are told at once, and then how it
 * gets on.  Everything of that comes from a remote server, by way of the daemon, and is encoded before it is shown.
 */
#include <sys/types.h>

#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rpopctl.h"

static void	 login_json(struct session *, const void *);
static void	 login_tell(struct session *, const void *);
static void	 login_address(const struct out *, const struct ctl_login *);
static void	 login_progress(const struct out *, const struct ctl_login *);
static void	 login_given_up(int);

/* rpopctl oauth login; returns the exit status. */
int
oauth_login(struct session *s)
{
	struct request	 req = { .type = IMSG_CTL_OAUTH_LOGIN, .items = { IMSG_CTL_LOGIN }, .patient = 1, .len = sizeof(req.u.name),
			    .arrived = s->json ? login_json : login_tell, .session = s }, end;
	struct reply	 rep;
	const char	*name = s->argc == 2 ? s->argv[1] : s->argc == 3 && strcmp(s->argv[1], "--") == 0 ? s->argv[2] : "";
	int		 status;

	if (*name == '\0' || (s->argc == 2 && *name == '-') ||
	    strlcpy(req.u.name.name, name, sizeof(req.u.name.name)) >= sizeof(req.u.name.name))
		errx(1, "login: wants one RECORD, as account/record; rpopctl -h lists the commands");
	signal(SIGINT, login_given_up);
	if (session_ask(s, &req, &rep) == -1)
		return (1);
	end = req;
	end.items[0] = 0;		/* they are told already */
	if (s->o->width > 0 && !s->json)
		fprintf(s->o->fp, "\r%*s\r", s->o->width - 1, "");
	status = session_answer(s, &end, &rep);
	reply_free(&rep);
	return (status);
}

/* Interrupted: the daemon notices that nobody waits any more. */
static void
login_given_up(int sig)
{
	static const char	 text[] = "\nrpopctl: given up; nothing is stored, unless it was granted in this moment\n";

	(void)sig;
	if (write(STDERR_FILENO, text, sizeof(text) - 1) == -1)
		_exit(2);
	_exit(1);
}

/* An object on a line of its own. */
static void
login_json(struct session *s, const void *item)
{
	json_message(s->o->fp, reply_kind(IMSG_CTL_LOGIN), item);
	fflush(s->o->fp);
}

/* The first message brings the address; each other one that the provider was asked, or could not be. */
static void
login_tell(struct session *s, const void *item)
{
	const struct ctl_login	*m = item;

	if (m->asked == 0 && *m->trouble == '\0')
		login_address(s->o, m);
	login_progress(s->o, m);
	fflush(s->o->fp);
}

/* What the person is to do.  The code must be seen whole and be copied from, so nothing here is wrapped. */
static void
login_address(const struct out *o, const struct ctl_login *m)
{
	char	 uri[sizeof(m->uri) * 4], code[sizeof(m->user_code) * 4], when[64];

	fprintf(o->fp, "Open this page in a browser, on any machine, and enter the code; agree there as the user of the mailbox:\n\n"
	    "    %s\n    %s\n\n", text_vis(uri, sizeof(uri), m->uri), text_vis(code, sizeof(code), m->user_code));
	if (*m->uri_complete != '\0')
		fprintf(o->fp, "This page has the code already:\n\n    %s\n\n", text_vis(uri, sizeof(uri), m->uri_complete));
	fprintf(o->fp, "Waiting until %s; interrupting this gives up.\n", text_local(when, sizeof(when), m->ends));
}

/* On a terminal one line, written over; elsewhere only what is in the way. */
static void
login_progress(const struct out *o, const struct ctl_login *m)
{
	char	 trouble[sizeof(m->trouble) * 4], line[sizeof(trouble) + 128], span[32];
	time_t	 now = time(NULL);

	text_vis(trouble, sizeof(trouble), m->trouble);
	if (o->width == 0) {
		if (*trouble != '\0')
			fprintf(o->fp, "%s; tried again in %u s\n", trouble, m->interval);
		return;
	}
	snprintf(line, sizeof(line), "asked %u time%s, %s left%s%s", m->asked, m->asked == 1 ? "" : "s",
	    text_span(span, sizeof(span), m->ends > now ? m->ends - now : 0), *trouble != '\0' ? ": " : "", trouble);
	fprintf(o->fp, "\r%-*s\r", o->width - 1, text_cut(line, o->width - 1));
}
