/* SPDX-License-Identifier: ISC */
/* A record is tried: its server is logged in to and its messages are looked at, and nothing is changed, there or here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "records.h"

#define TRIED_SHOWN	1000	/* messages on one page */
#define ENVELOPES_SHOWN	32	/* fields with envelope recipients */

struct tried {				/* what a trial has said so far */
	struct ctl_tried	*v;
	size_t			 n, all;		/* kept, and in all */
	struct ctl_envelope	*fields;
	size_t			 nfields;
};

static void	 try_page(struct visit *, const char *, const char *, const struct tried *, const char *, int);
static void	 try_form(struct visit *, const char *, const char *, int);
static int	 try_take(void *, uint32_t, struct imsg *);
static int	 try_message(struct tried *, struct imsg *);
static int	 try_field(struct tried *, struct imsg *);
static int	 try_order(const void *, const void *);
static void	 try_fields(struct visit *, const struct tried *);
static void	 try_table(struct visit *, const struct tried *);
static void	 try_row(struct visit *, const struct ctl_tried *);

/* "/records/try?record=": what a trial is, and the button. */
void
show_try(struct visit *v)
{
	struct ctl_name	 m;
	const char	*account, *record;

	if (record_named(v, &v->req.query, &m, &account, &record) == 0)
		try_page(v, account, record, NULL, NULL, 0);
}

void
change_try(struct visit *v)
{
	struct tried	 t;
	struct ctl_name	 m;
	const char	*account, *record;
	char		 said[sizeof(v->said)];
	int		 done;

	if (record_named(v, &v->req.form, &m, &account, &record) == -1)
		return;
	memset(&t, 0, sizeof(t));
	done = ask(v, IMSG_CTL_TRY, &m, sizeof(m), try_take, &t) == 0;
	strlcpy(said, v->said, sizeof(said));
	if (!done)
		v->answer.status = 422;
	if (t.n > 1)	/* qsort(3) would ask the system for its memory; without order it is a page as well */
		(void)heapsort(t.v, t.n, sizeof(*t.v), try_order);
	try_page(v, account, record, &t, said, done);
	free(t.v);
	free(t.fields);
}

/* The page.  t: what the trial has said, and with said how it ended, well (done) or not; NULL: there was none. */
static void
try_page(struct visit *v, const char *account, const char *record, const struct tried *t, const char *said, int done)
{
	struct answer	*a = &v->answer;

	page_begin(v, "Try a record");
	put(a, "<p class=\"lead\">Record <strong>");
	text(a, record);
	put(a, "</strong> of ");
	text(a, account);
	put(a, "</p>\n");
	if (t == NULL)
		put(a, "<p class=\"lead\">A trial logs in to the server of this record and looks at the messages there. It says what the next "
		    "poll would do with each; nothing is retrieved, delivered or deleted. It takes some seconds.</p>\n");
	else {
		page_note(v, done ? "good" : "bad", *said != '\0' ? said : done ? "The trial is over." : "The trial came to nothing.");
		try_fields(v, t);
		if (t->n > 0)
			try_table(v, t);
		else if (done)
			put(a, "<p>There is no message on the server.</p>\n");
	}
	try_form(v, account, record, t != NULL);
	page_end(v);
}

static void
try_form(struct visit *v, const char *account, const char *record, int again)
{
	struct answer	*a = &v->answer;

	page_form(v, "/records/try");
	record_hidden(v, account, record);
	put(a, "<p class=\"buttons\"><button type=\"submit\">");
	put(a, again ? "Try again" : "Try");
	put(a, "</button> <a class=\"button\" href=\"");
	record_query(v, strcmp(account, v->me.account) == 0 ? "/records" : "/admin/records", account, NULL);
	put(a, "\">Back to the records</a></p>\n</form>\n");
}

static int
try_take(void *arg, uint32_t type, struct imsg *imsg)
{
	if (type == IMSG_CTL_TRIED)
		return (try_message(arg, imsg));
	return (type == IMSG_CTL_ENVELOPE ? try_field(arg, imsg) : -1);
}

static int
try_message(struct tried *t, struct imsg *imsg)
{
	struct ctl_tried	 m, *x;

	if (imsg_get_data(imsg, &m, sizeof(m)) == -1 || !proto_str(m.state, sizeof(m.state)) || !proto_str(m.what, sizeof(m.what)) ||
	    !proto_str(m.uid, sizeof(m.uid)) || !proto_str(m.why, sizeof(m.why)))
		return (-1);
	t->all++;
	if (t->n == TRIED_SHOWN)
		return (0);
	if ((x = array_grow(t->v, t->n, sizeof(*x))) == NULL)
		return (-1);
	t->v = x;
	t->v[t->n++] = m;
	return (0);
}

static int
try_field(struct tried *t, struct imsg *imsg)
{
	struct ctl_envelope	 m, *x;

	if (imsg_get_data(imsg, &m, sizeof(m)) == -1 || !proto_str(m.name, sizeof(m.name)))
		return (-1);
	if (t->nfields == ENVELOPES_SHOWN)
		return (0);
	if ((x = array_grow(t->fields, t->nfields, sizeof(*x))) == NULL)
		return (-1);
	t->fields = x;
	t->fields[t->nfields++] = m;
	return (0);
}

static int
try_order(const void *a, const void *b)
{
	uint32_t	 x = ((const struct ctl_tried *)a)->number, y = ((const struct ctl_tried *)b)->number;

	return ((x > y) - (x < y));
}

/* In how many messages the fields were that say whom a message came for: those of the record, and others that may be right. */
static void
try_fields(struct visit *v, const struct tried *t)
{
	struct answer	*a = &v->answer;
	size_t		 i;

	if (t->nfields == 0)
		return;
	put(a, "<ul>\n");
	for (i = 0; i < t->nfields; i++) {
		put(a, t->fields[i].special ? "<li>Special: " : "<li>Maybe meant for Special: ");
		text(a, t->fields[i].name);
		putf(a, " was in %u of %u messages looked at", t->fields[i].messages, t->fields[i].looked);
		if (t->fields[i].special && t->fields[i].counted != t->fields[i].messages)
			putf(a, ", and an address counts in %u", t->fields[i].counted);
		put(a, "</li>\n");
	}
	put(a, "</ul>\n");
}

static void
try_table(struct visit *v, const struct tried *t)
{
	struct answer	*a = &v->answer;
	size_t		 i;

	if (t->all > t->n)
		putf(a, "<p>These are %zu of %zu messages; rpopctl(8) tells all of them.</p>\n", t->n, t->all);
	put(a, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Messages on the server\">\n<table>\n<thead><tr>"
	    "<th scope=\"col\">No.</th><th scope=\"col\">Octets</th><th scope=\"col\">State</th><th scope=\"col\">Next poll</th>"
	    "<th scope=\"col\">Unique-id</th></tr></thead>\n<tbody>\n");
	for (i = 0; i < t->n; i++)
		try_row(v, &t->v[i]);
	put(a, "</tbody>\n</table>\n</div>\n");
}

static void
try_row(struct visit *v, const struct ctl_tried *m)
{
	struct answer	*a = &v->answer;
	const char	*line;
	size_t		 len;

	putf(a, "<tr><td class=\"num\">%u</td><td class=\"num\">", m->number);
	if (m->size == 0)
		put(a, "?");
	else
		putf(a, "%u", m->size);
	put(a, "</td><td>");
	text(a, m->state);
	put(a, "</td><td class=\"long\">");
	text(a, m->what);
	for (line = m->why; *line != '\0'; line += len + (line[len] == '\n')) {
		put(a, "<br><span class=\"dim\">");
		len = strcspn(line, "\n");
		text_len(a, line, len);
		put(a, "</span>");
	}
	put(a, "</td><td class=\"long\">");
	text(a, *m->uid == '\0' ? "-" : m->uid);
	put(a, "</td></tr>\n");
}
