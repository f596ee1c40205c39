/* SPDX-License-Identifier: ISC */
/* A command's requests over its one connection, one behind the other, and what is printed of an answer. */
#include <sys/types.h>

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rpopctl.h"

/*
 * Make a request.  Returns 0: there is an answer, a refusal perhaps, to be given to reply_free(); or -1: there is none, why was
 * said, and nothing more can be asked over this connection.
 */
int
session_ask(struct session *s, const struct request *req, struct reply *rep)
{
	char	 error[512];

	memset(rep, 0, sizeof(*rep));
	rep->fd = -1;
	if (client_request(s->fd, req, rep, error, sizeof(error)) == 0)
		return (0);
	if (screen_signal() == 0)
		warnx("%s", error);
	reply_free(rep);
	return (-1);
}

/* Print an answer; returns the exit status. */
int
session_answer(struct session *s, const struct request *req, const struct reply *rep)
{
	const struct out	*o = s->o;
	char			 text[sizeof(rep->text.text) * 4];
	int			 unknown;

	unknown = req->type == IMSG_CTL_ACCOUNT && rep->ok && reply_items(rep, IMSG_CTL_RECORD)->n == 0;
	if (rep->ok && rep->fd != -1) {
		if ((s->json ? json_mail(o->fp, rep->fd) : print_mail(o, rep->fd)) == -1)
			err(1, "message");
	} else if (s->json)
		json_reply(o->fp, req, rep);
	else if (unknown && req->u.name.name[0] == '\0')
		warnx("no record is yours yet; rpopctl record add makes one");
	else if (unknown)
		warnx("%s: no such account, or it has no records", text_vis(text, sizeof(text), req->u.name.name));
	else
		print_reply(o, req, rep);
	if (!rep->ok && !s->json) {
		fflush(o->fp);
		warnx("%s", text_vis(text, sizeof(text), rep->text.text));
	}
	if (session_flush(o) != 0)
		return (1);
	return (rep->ok && !unknown ? 0 : 1);
}

/* Everything is to be on standard output now.  0; or 1, which was said unless nobody reads there any more. */
int
session_flush(const struct out *o)
{
	if (fflush(o->fp) != EOF && !ferror(o->fp))
		return (0);
	if (errno != EPIPE)
		warn("standard output");
	return (1);
}

/* Make a request and print its answer; returns the exit status. */
int
session_request(struct session *s, const struct request *req)
{
	struct reply	 rep;
	int		 status;

	if (session_ask(s, req, &rep) == -1)
		return (1);
	status = session_answer(s, req, &rep);
	reply_free(&rep);
	return (status);
}
