/* SPDX-License-Identifier: ISC */
/*
 * rpopctl top: the records that have work, looked at each second.  On a terminal the picture is drawn again in its place, with
 * control functions of ECMA-48 only; elsewhere there is one table, and then a line for each record that begins, changes its state,
 * or is over.
 */
#include <sys/types.h>

#include <err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/compat.h"
#include "rpopctl.h"

#define LOOK_MSEC	1000
#define CELL		2048		/* a vis-encoded cell */
#define HOME		"\033[H"	/* CUP: the first column of the first line */
#define LINE_REST	"\033[K"	/* EL: nothing behind the cursor in its line */
#define SCREEN_REST	"\033[J"	/* ED: nor below it */

struct top {
	struct session	*session;
	struct out	 o;			/* where it is now */
	int		 rows;			/* of the terminal */
	size_t		 lines;			/* of the picture */
	int		 row;			/* of these, drawn so far */
	struct reply	 now, then;		/* the last answer, and the one before; records by their names */
};

static int	 top_look(struct top *);
static int	 top_order(const void *, const void *);
static int	 top_waits(const struct ctl_record *);
static void	 top_draw(struct top *);
static void	 top_table(struct top *);
static void	 top_row(struct top *, const struct ctl_record *, int);
static void	 top_line(struct top *, const char *, ...) __attribute__((__format__(printf, 2, 3)));
static void	 top_changes(struct top *);
static void	 top_change(struct top *, const struct ctl_record *, int);
static const char *top_label(const struct ctl_record *, char *, size_t);

/* top, which has neither arguments nor options. */
int
top_run(struct session *s)
{
	struct top	 t = { .session = s, .o = *s->o, .now.fd = -1, .then.fd = -1 };
	int64_t		 next = 0;
	int		 key = 0, status = 0, plain = s->o->width == 0, begun = 0;

	if (s->argc > 1)
		errx(1, "top: too many arguments");
	if (s->json)
		errx(1, "top: has no JSON; status has");
	if (plain)
		screen_signals();
	else
		screen_open();
	while (screen_signal() == 0 && key != 'q' && key != 'Q' && key != -1 && status == 0) {
		if (clock_msec() >= next) {
			next = clock_msec() + LOOK_MSEC;
			if ((status = top_look(&t)) != 0)
				break;
			if (plain && begun)
				top_changes(&t);
			else if (plain)
				top_table(&t);
			begun = 1;
		}
		if (!plain)
			top_draw(&t);
		status = session_flush(&t.o);
		key = screen_wait(next > clock_msec() ? (int)(next - clock_msec()) : 0);
	}
	screen_close();
	reply_free(&t.now);
	reply_free(&t.then);
	return (screen_signal() != 0 ? screen_die(screen_signal()) : status);
}

/* Ask the daemon once.  0, or 1: it does not answer, or refuses, which was said. */
static int
top_look(struct top *t)
{
	struct request	 req = { .type = IMSG_CTL_WORK, .items = { IMSG_CTL_DAEMON, IMSG_CTL_RECORD }, .listing = 1 };
	struct reply	 rep;

	if (session_ask(t->session, &req, &rep) == -1)
		return (1);
	if (!rep.ok) {
		(void)session_answer(t->session, &req, &rep);
		reply_free(&rep);
		return (1);
	}
	reply_sort(&rep, IMSG_CTL_RECORD, top_order);
	reply_free(&t->then);
	t->then = t->now;
	t->now = rep;
	t->o.now = time(NULL);
	return (0);
}

/* By account and name. */
static int
top_order(const void *a, const void *b)
{
	const struct ctl_record	*x = a, *y = b;
	int			 n = strcmp(x->account, y->account);

	return (n != 0 ? n : strcmp(x->name, y->name));
}

/* 1: the record has no session, and waits for one. */
static int
top_waits(const struct ctl_record *r)
{
	return (strncmp(r->state, "queued", 6) == 0 || strcmp(r->state, "idle") == 0 || state_sentence(r->state) != NULL);
}

/* The whole picture, as large as the terminal is now. */
static void
top_draw(struct top *t)
{
	screen_size(&t->rows, &t->o.width);
	if (t->rows == 0)
		return;		/* it is gone, and the next write says so */
	fputs(HOME, t->o.fp);
	t->row = 0;
	top_table(t);
	fputs(SCREEN_REST, t->o.fp);
}

/* What the daemon is at, the sessions, and below them what waits for one. */
static void
top_table(struct top *t)
{
	const struct items	*records = reply_items(&t->now, IMSG_CTL_RECORD);
	const struct ctl_daemon	*d = reply_items(&t->now, IMSG_CTL_DAEMON)->v;
	const struct ctl_record	*r = records->v;
	char			 text[CELL], up[32];
	size_t			 i, width = strlen("RECORD"), len;
	int			 waits;

	for (i = 0; i < records->n; i++)
		if ((len = strlen(top_label(&r[i], text, sizeof(text)))) > width)
			width = len;
	if (t->o.width > 0 && width > (size_t)t->o.width / 2)
		width = t->o.width / 2;
	t->lines = 2 + (*d->mail_root_error != '\0') + records->n;
	top_line(t, "rpopd %s, up %s: %u of at most %u sessions, %zu record%s with work%s",
	    text_vis(text, sizeof(text), d->version), text_span(up, sizeof(up), t->o.now - d->started), d->sessions, d->processors,
	    records->n, records->n == 1 ? "" : "s", t->o.width > 0 ? "; q ends" : "");
	if (*d->mail_root_error != '\0')
		top_line(t, "nothing is polled: %s", text_vis(text, sizeof(text), d->mail_root_error));
	top_line(t, "%-*s  %-11s  %s", (int)width, "RECORD", "STATE", "PROGRESS");
	for (waits = 0; waits <= 1; waits++)
		for (i = 0; i < records->n; i++)
			if (top_waits(&r[i]) == waits)
				top_row(t, &r[i], (int)width);
}

static void
top_row(struct top *t, const struct ctl_record *r, int width)
{
	char	 label[CELL], state[CELL], progress[128], until[64];

	top_label(r, label, sizeof(label));
	if (width < (int)strlen(label))
		text_cut(label, width);
	text_progress(progress, sizeof(progress), r);
	if (*progress == '\0' && r->next_poll > t->o.now)
		strlcpy(progress, text_until(until, sizeof(until), t->o.now, r->next_poll), sizeof(progress));
	top_line(t, "%-*s  %-11s  %s", width, label, text_vis(state, sizeof(state), r->state), progress);
}

/* A line of the picture, unless it is full; in its last one that there is more.  Without a terminal, a line as it is. */
static void
top_line(struct top *t, const char *fmt, ...)
{
	char	 line[CELL * 2];
	va_list	 ap;
	size_t	 len;

	if (t->o.width > 0 && t->row + 1 >= t->rows)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (t->o.width > 0 && t->row + 2 == t->rows && t->lines >= (size_t)t->rows)
		strlcpy(line, "...", sizeof(line));
	for (len = strlen(line); len > 0 && line[len - 1] == ' '; len--)
		line[len - 1] = '\0';
	fprintf(t->o.fp, "%s%s\n", text_cut(line, t->o.width), t->o.width > 0 ? LINE_REST : "");
	t->row++;
}

/* A line for each record that has begun, whose state is another one, or that is over. */
static void
top_changes(struct top *t)
{
	const struct items	*now = reply_items(&t->now, IMSG_CTL_RECORD), *then = reply_items(&t->then, IMSG_CTL_RECORD);
	const struct ctl_record	*a = then->v, *b = now->v;
	size_t			 i = 0, k = 0;
	int			 order;

	while (i < then->n || k < now->n) {
		order = i == then->n ? 1 : k == now->n ? -1 : top_order(&a[i], &b[k]);
		if (order < 0)
			top_change(t, &a[i], 1);
		else if (order > 0 || strcmp(a[i].state, b[k].state) != 0)
			top_change(t, &b[k], 0);
		i += order <= 0;
		k += order >= 0;
	}
}

static void
top_change(struct top *t, const struct ctl_record *r, int over)
{
	char	 label[CELL], state[CELL], progress[128] = "", when[64];

	text_local(when, sizeof(when), t->o.now);
	top_label(r, label, sizeof(label));
	text_vis(state, sizeof(state), r->state);
	if (!over)
		text_progress(progress, sizeof(progress), r);
	top_line(t, "%s %s: %s%s%s", when, label, over ? "over" : state, *progress != '\0' ? ", " : "", progress);
}

static const char *
top_label(const struct ctl_record *r, char *dst, size_t size)
{
	char	 raw[sizeof(r->account) + sizeof(r->name) + 1];

	snprintf(raw, sizeof(raw), "%s/%s", r->account, r->name);
	return (text_vis(dst, size, raw));
}
