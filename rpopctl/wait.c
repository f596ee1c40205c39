/* SPDX-License-Identifier: ISC */
/*
 * rpopctl poll -w: ask for polls, and wait until they are over.
 *
 * The daemon counts the requests for each record (asked), and says which of them are served (answered): a session serves the
 * requests that came before it began, and one that goes on at once in a further session serves them with the last one.  So a poll
 * that ends between two looks is seen, and one that was under way when the request came is not taken for it.
 *
 *	what a look finds of a record		it is
 *	answered has reached what was asked	over, as its last poll says
 *	not there, or disabled, or fewer asked	over: it was removed, disabled, or made another mailbox's
 *	its schedule is closed, its host delayed	over: it is not polled soon
 *	anything else				waited for
 */
#include <sys/types.h>

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/array.h"
#include "common/clock.h"
#include "common/compat.h"
#include "rpopctl.h"

#define LOOK_FIRST	100		/* ms until the first look; until each further one it is twice as long, up to LOOK_MOST */
#define LOOK_MOST	1000
#define PLAIN_MSEC	5000		/* between two lines about the progress, where there is no terminal */
#define LINE		2048

struct waited {				/* a record that was asked for */
	char		 account[PROTO_RECORD_SIZE];
	char		 name[PROTO_RECORD_SIZE];
	uint32_t	 asked;			/* the request that is waited for; 0: not known yet */
	uint64_t	 before;		/* messages ahead of it */
	int		 over, failed;
	uint64_t	 messages;		/* since then, once it is over */
	uint32_t	 left;			/* on the server */
	char		 text[PROTO_TEXT_SIZE + LINE];	/* what has become of it */
};

struct waiting {
	struct session	*session;
	struct out	 o;			/* where it is now */
	struct request	 look;			/* for a look at the records */
	struct waited	*records;
	size_t		 n, nover;
	int64_t		 said;			/* monotonic ms, of the last line about the progress */
	char		 line[LINE];		/* this line */
	int		 shown;			/* it is on the terminal, without an end */
};

static int	 wait_begin(struct waiting *, char *);
static void	 wait_add(struct waiting *, const struct ctl_record *);
static int	 wait_look(struct waiting *);
static const struct ctl_record *wait_find(const struct waited *, const struct items *, size_t);
static int	 wait_judge(struct waited *, const struct ctl_record *, int64_t);
static void	 wait_over(struct waited *, const struct ctl_record *);
static void	 wait_tell(struct waiting *, const struct waited *);
static void	 wait_progress(struct waiting *, const struct ctl_record *);
static void	 wait_clear(struct waiting *);
static int	 wait_end(struct waiting *);
static void	 wait_json(const struct waiting *, int);

/* poll with options: -w NAME, or NAME -w. */
int
wait_run(struct session *s)
{
	struct waiting	 w = { .session = s, .o = *s->o };
	int		 ch, delay, status;

	while ((ch = getopt(s->argc, s->argv, "w")) != -1)
		if (ch != 'w')
			return (1);
	if (optind + 1 != s->argc)
		errx(1, "poll -w: wants NAME|all, and nothing else");
	if (wait_begin(&w, s->argv[optind]) == -1)
		return (1);
	for (delay = LOOK_FIRST; (status = wait_look(&w)) == 0 && w.nover < w.n && screen_signal() == 0;) {
		(void)screen_wait(delay);
		delay = delay * 2 < LOOK_MOST ? delay * 2 : LOOK_MOST;
	}
	wait_clear(&w);
	if (w.nover < w.n)
		warnx("the poll goes on; 'rpopctl show account %s' tells how far it is", s->argv[optind]);
	if (screen_signal() != 0)
		return (screen_die(screen_signal()));
	status = status == -1 ? 1 : wait_end(&w);
	free(w.records);
	return (status);
}

/* Which records there are, and the request itself.  0, or -1: there is nothing to be waited for, and why was said. */
static int
wait_begin(struct waiting *w, char *name)
{
	char			*all[] = { "status" }, *one[] = { "show", "account", name }, *poll[] = { "poll", name };
	const struct items	*records;
	struct request		 req;
	struct reply		 rep;
	char			 error[256];
	size_t			 i;
	int			 every = strcmp(name, "all") == 0, refused;

	if (command_parse(2, poll, &req, error, sizeof(error)) == -1 ||
	    command_parse(every ? 1 : 3, every ? all : one, &w->look, error, sizeof(error)) == -1)
		errx(1, "%s", error);
	if (session_ask(w->session, &w->look, &rep) == -1)
		return (-1);
	records = reply_items(&rep, IMSG_CTL_RECORD);
	for (i = 0; rep.ok && i < records->n; i++)
		wait_add(w, (const struct ctl_record *)records->v + i);
	reply_free(&rep);
	screen_signals();
	if (session_ask(w->session, &req, &rep) == -1)
		return (-1);
	w->said = clock_msec();
	refused = !rep.ok;
	if (refused || !w->session->json)
		(void)session_answer(w->session, &req, &rep);
	reply_free(&rep);
	return (refused ? -1 : 0);
}

/* One more record, unless it is disabled, and not asked for. */
static void
wait_add(struct waiting *w, const struct ctl_record *r)
{
	struct waited	*v;

	if (!r->enabled)
		return;
	if ((v = array_grow(w->records, w->n, sizeof(*v))) == NULL)
		err(1, NULL);
	w->records = v;
	v = &w->records[w->n++];
	memset(v, 0, sizeof(*v));
	strlcpy(v->account, r->account, sizeof(v->account));
	strlcpy(v->name, r->name, sizeof(v->name));
	v->before = r->messages;
}

/* Look at the records once.  0, or -1: the daemon does not answer, which was said. */
static int
wait_look(struct waiting *w)
{
	const struct ctl_record	*r, *shown = NULL;
	struct reply		 rep;
	size_t			 i;

	if (session_ask(w->session, &w->look, &rep) == -1) {
		wait_clear(w);
		return (-1);
	}
	if (!rep.ok) {
		wait_clear(w);
		(void)session_answer(w->session, &w->look, &rep);
		reply_free(&rep);
		return (-1);
	}
	w->o.now = time(NULL);
	for (i = 0; i < w->n; i++) {
		if (w->records[i].over)
			continue;
		r = wait_find(&w->records[i], reply_items(&rep, IMSG_CTL_RECORD), i);
		if (!wait_judge(&w->records[i], r, w->o.now)) {
			if (shown == NULL || (shown->planned == 0 && r->planned > 0))
				shown = r;
			continue;
		}
		w->records[i].over = 1;
		w->nover++;
		wait_tell(w, &w->records[i]);
	}
	if (shown != NULL)
		wait_progress(w, shown);
	reply_free(&rep);
	return (session_flush(&w->o) == 0 ? 0 : -1);
}

/* The record in an answer, where it most likely stands at this place; NULL: it is gone. */
static const struct ctl_record *
wait_find(const struct waited *v, const struct items *records, size_t place)
{
	const struct ctl_record	*r = records->v;
	size_t			 i, k;

	for (i = 0; i < records->n; i++) {
		k = (place + i) % records->n;
		if (strcmp(r[k].account, v->account) == 0 && strcmp(r[k].name, v->name) == 0)
			return (&r[k]);
	}
	return (NULL);
}

/* 1: the poll of the record is over, or is not to be waited for, and v says so; 0: it is waited for. */
static int
wait_judge(struct waited *v, const struct ctl_record *r, int64_t now)
{
	char	 until[64];

	v->failed = 1;
	if (r == NULL)
		strlcpy(v->text, "was removed meanwhile", sizeof(v->text));
	else if (!r->enabled)
		strlcpy(v->text, "was disabled meanwhile", sizeof(v->text));
	else if (r->asked < v->asked || r->asked == 0)
		strlcpy(v->text, "was changed meanwhile, and is another mailbox's now", sizeof(v->text));
	else {
		if (v->asked == 0)
			v->asked = r->asked;
		if (r->answered >= v->asked)
			wait_over(v, r);
		else if (strcmp(r->state, "window") == 0 || strcmp(r->state, "host-delay") == 0)
			snprintf(v->text, sizeof(v->text), "not polled: %s%s%s", state_sentence(r->state), r->next_poll > now ? ", " : "",
			    r->next_poll > now ? text_until(until, sizeof(until), now, r->next_poll) : "");
		else
			return (0);
	}
	return (1);
}

/* The poll is over: how it went. */
static void
wait_over(struct waited *v, const struct ctl_record *r)
{
	char	 messages[32], kept[32], aside[48] = "";

	v->failed = *r->last_error != '\0';
	v->messages = r->messages >= v->before ? r->messages - v->before : r->messages;
	v->left = r->kept;
	text_number(messages, sizeof(messages), v->messages);
	text_number(kept, sizeof(kept), r->kept);
	if (r->aside > 0)
		snprintf(aside, sizeof(aside), ", %u set aside", r->aside);
	snprintf(v->text, sizeof(v->text), "%s message%s, %s left%s, %s%s", messages, v->messages == 1 ? "" : "s", kept, aside,
	    v->failed ? "failed: " : "nothing failed", r->last_error);
}

/* People hear what has become of a record as soon as it is known. */
static void
wait_tell(struct waiting *w, const struct waited *v)
{
	char	 line[sizeof(v->account) + sizeof(v->name) + sizeof(v->text) + 8];

	if (w->session->json)
		return;
	wait_clear(w);
	snprintf(line, sizeof(line), "%s/%s: %s", v->account, v->name, v->text);
	print_wrapped(&w->o, line, 4);
}

/* A line about what is waited for: on a terminal in the place of the last one, else now and then, if it is another one. */
static void
wait_progress(struct waiting *w, const struct ctl_record *r)
{
	char	 raw[LINE], line[LINE], progress[128], until[64], many[64] = "";
	int64_t	 now = clock_msec();
	const char *where;

	if (w->session->json)
		return;
	if (w->n > 1)
		snprintf(many, sizeof(many), "%zu of %zu records; ", w->nover, w->n);
	text_progress(progress, sizeof(progress), r);
	where = strcmp(r->state, "idle") == 0 ? text_until(until, sizeof(until), w->o.now, r->next_poll) : r->state;
	snprintf(raw, sizeof(raw), "%s%s/%s: %s%s%s", many, r->account, r->name, where, *progress != '\0' ? ", " : "", progress);
	text_vis(line, sizeof(line), raw);
	if (w->o.width > 0)
		fprintf(w->o.fp, "\r%s\033[K", text_cut(line, w->o.width - 1));
	else if (now - w->said < PLAIN_MSEC || strcmp(line, w->line) == 0)
		return;
	else
		fprintf(w->o.fp, "%s\n", line);
	w->shown = w->o.width > 0;
	w->said = now;
	strlcpy(w->line, line, sizeof(w->line));
}

/* The terminal has no line about the progress any more. */
static void
wait_clear(struct waiting *w)
{
	if (w->shown)
		fputs("\r\033[K", w->o.fp);
	w->shown = 0;
	(void)fflush(w->o.fp);
}

/* All are over; returns the exit status. */
static int
wait_end(struct waiting *w)
{
	size_t	 i, failed = 0;

	for (i = 0; i < w->n; i++)
		failed += w->records[i].failed;
	if (w->session->json)
		wait_json(w, failed == 0);
	return (session_flush(&w->o) == 0 && failed == 0 ? 0 : 1);
}

/* What has become of each record, for programs. */
static void
wait_json(const struct waiting *w, int ok)
{
	const struct waited	*v;

	fprintf(w->o.fp, "{\"ok\":%s,\"records\":[", ok ? "true" : "false");
	for (v = w->records; v < w->records + w->n; v++) {
		fputs(v == w->records ? "{\"account\":" : ",{\"account\":", w->o.fp);
		json_string(w->o.fp, v->account, strlen(v->account));
		fputs(",\"name\":", w->o.fp);
		json_string(w->o.fp, v->name, strlen(v->name));
		fprintf(w->o.fp, ",\"ok\":%s,\"messages\":%" PRIu64 ",\"left\":%u,\"text\":", v->failed ? "false" : "true",
		    v->messages, v->left);
		json_string(w->o.fp, v->text, strlen(v->text));
		putc('}', w->o.fp);
	}
	fputs("]}\n", w->o.fp);
}
