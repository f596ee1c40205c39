/* SPDX-License-Identifier: ISC */
/* The page of the queue: recipients that wait for a next hop, and what is tried again now. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "queue.h"

#define HOPS_SHOWN	100	/* next hops on the page; of the others there are recipients only */

struct hop {
	const char	*name;
	size_t		 waiting;
	int64_t		 next;			/* epoch: the first try of all of them */
};

static void	 queue_page(struct visit *, const char *said);
static void	 queue_listed(struct visit *, const struct queued_list *);
static void	 queue_hops(struct visit *, const struct queued_list *);
static void	 queue_hop(struct hop *, size_t *, const struct ctl_queued *);
static void	 queue_actions(struct visit *, const struct ctl_queued *, const char *);
static int	 queued_take(void *, uint32_t, struct imsg *);
static void	 queued_facts(struct answer *, const struct ctl_queued *, const char *);
static void	 queued_fact(struct answer *, const char *, const char *);
static void	 queued_why(struct answer *, const struct ctl_queued *);
static const char *queued_state(const struct ctl_queued *);

void
show_queue(struct visit *v)
{
	queue_page(v, NULL);
}

/* Field retry: a row's number, the name of a next hop, or "all". */
void
change_queue(struct visit *v)
{
	const char	*what = form_get(&v->req.form, "retry");
	char		 said[sizeof(v->said)];

	if (what == NULL || *what == '\0' || strlen(what) >= PROTO_RECORD_SIZE) {
		page_error(v, 400, "The form that came is not one of this page.");
		return;
	}
	if (ask_name(v, IMSG_CTL_RETRY, what) == 0) {
		answer_see(&v->answer, &v->req, "/admin/queue");
		return;
	}
	strlcpy(said, v->said, sizeof(said));
	v->said[0] = '\0';
	v->answer.status = 422;
	queue_page(v, said);
}

/* The page; said: what was refused, or NULL. */
static void
queue_page(struct visit *v, const char *said)
{
	struct queued_list	 l = { .waiting = 1 };

	page_begin(v, "Queue");
	if (said != NULL)
		page_note(v, "bad", said);
	if (queued_get(v, IMSG_CTL_QUEUE, NULL, 0, &l) == -1) {
		v->answer.status = 503;
		page_note(v, "bad", v->said);
	} else
		queue_listed(v, &l);
	free(l.v);
	page_end(v);
}

static void
queue_listed(struct visit *v, const struct queued_list *l)
{
	struct answer	*a = &v->answer;

	if (l->all == 0)
		put(a, "<p class=\"lead\">Nothing waits for a next hop.</p>\n");
	else {
		putf(a, "<p class=\"lead\">Recipients that wait for a next hop: %zu.</p>\n", l->all);
		queue_hops(v, l);
		put(a, "<h2>Recipients</h2>\n");
		queued_boxes(v, l, queue_actions);
		if (l->all > l->n)
			putf(a, "<p>And %zu more, which <code>rpopctl queue</code> lists.</p>\n", l->all - l->n);
	}
	if (l->others > 0) {
		put(a, "<p><a href=\"");
		put_path(a, &v->req, "/admin/quarantine");
		putf(a, "\">In quarantine: %zu</a>.</p>\n", l->others);
	}
}

/* A line for each next hop that one of the listed recipients waits for. */
static void
queue_hops(struct visit *v, const struct queued_list *l)
{
	struct answer	*a = &v->answer;
	struct hop	 hops[HOPS_SHOWN];
	size_t		 i, n = 0;

	for (i = 0; i < l->n; i++)
		queue_hop(hops, &n, &l->v[i]);
	if (n > 0)
		put(a, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Next hops\"><table>\n<thead><tr>"
		    "<th scope=\"col\">Next hop</th><th scope=\"col\">Waiting</th><th scope=\"col\">Action</th>"
		    "<th scope=\"col\">Next try</th></tr></thead>\n<tbody>\n");
	for (i = 0; i < n; i++) {
		put(a, "<tr><td>");
		text(a, hops[i].name);
		putf(a, "</td><td class=\"num\">%zu</td><td class=\"act\">", hops[i].waiting);
		queued_button(v, 0, "/admin/queue", "retry", hops[i].name, "Try all now", "second");
		put(a, "</td><td>");
		text_time(a, hops[i].next);
		put(a, "</td></tr>\n");
	}
	if (n > 0)
		put(a, "</tbody></table></div>\n");
	put(a, "<div class=\"buttons\">");
	queued_button(v, 0, "/admin/queue", "retry", "all", "Try everything now", "second");
	put(a, "</div>\n");
}

/* Counts a recipient for its next hop. */
static void
queue_hop(struct hop *hops, size_t *n, const struct ctl_queued *m)
{
	size_t	 i;

	if (m->state != QUEUE_WAITING || m->nexthop[0] == '\0')
		return;
	for (i = 0; i < *n && strcmp(hops[i].name, m->nexthop) != 0; i++)
		;
	if (i == HOPS_SHOWN)
		return;
	if (i == *n)
		hops[(*n)++] = (struct hop){ .name = m->nexthop, .next = m->next };
	hops[i].waiting++;
	if (m->next < hops[i].next)
		hops[i].next = m->next;
}

static void
queue_actions(struct visit *v, const struct ctl_queued *m, const char *name)
{
	put(&v->answer, "<div class=\"buttons\">");
	if (m->state == QUEUE_WAITING)
		queued_button(v, 0, "/admin/queue", "retry", name, "Try now", "second");
	if (m->state == QUEUE_WAITING || m->state == QUEUE_FAILED)
		queued_button(v, 1, "/admin/quarantine/message", "id", name, "Show", "second");
	put(&v->answer, "</div>\n");
}

int
queued_get(struct visit *v, uint32_t type, const void *data, size_t len, struct queued_list *l)
{
	if ((l->v = calloc(QUEUED_SHOWN, sizeof(*l->v))) == NULL) {
		strlcpy(v->said, "There is no memory for that now; try again.", sizeof(v->said));
		return (-1);
	}
	return (ask(v, type, data, len, queued_take, l));
}

static int
queued_take(void *arg, uint32_t type, struct imsg *imsg)
{
	struct queued_list	*l = arg;
	struct ctl_queued	*m, over;

	m = l->n < QUEUED_SHOWN ? &l->v[l->n] : &over;
	if (type != IMSG_CTL_QUEUED || imsg_get_data(imsg, m, sizeof(*m)) == -1 || !proto_str(m->record, sizeof(m->record)) ||
	    !proto_str(m->uid, sizeof(m->uid)) || !proto_str(m->nexthop, sizeof(m->nexthop)) ||
	    !proto_str(m->recipient, sizeof(m->recipient)) || !proto_str(m->sender, sizeof(m->sender)) ||
	    !proto_str(m->status, sizeof(m->status)) || !proto_str(m->file, sizeof(m->file)))
		return (-1);
	if (l->waiting && m->state == QUEUE_QUARANTINED) {
		l->others++;
		return (0);
	}
	l->all++;
	if (m != &over)
		l->n++;
	return (0);
}

char *
queued_name(const struct ctl_queued *m, char *name, size_t size)
{
	if (m->file[0] != '\0')
		snprintf(name, size, "aside/%.*s", (int)sizeof(m->file), m->file);
	else if (m->id != 0)
		snprintf(name, size, "%" PRId64, m->id);
	else
		snprintf(name, size, "%" PRId64 "-%.*s", m->mailbox, (int)sizeof(m->uid), m->uid);
	return (name);
}

int
queued_parse(const char *name, struct ctl_quarantine *m)
{
	const char	*error, *uid;
	char		 number[32];

	if (strcmp(name, "all") == 0)
		return (0);
	if (strncmp(name, "aside/", 6) == 0)
		return (name[6] == '\0' || strlcpy(m->file, name + 6, sizeof(m->file)) >= sizeof(m->file) ? -1 : 0);
	if ((uid = strchr(name, '-')) == NULL) {
		m->id = strtonum(name, 1, INT64_MAX, &error);
		return (error == NULL ? 0 : -1);
	}
	snprintf(number, sizeof(number), "%.*s", (int)(uid - name < 30 ? uid - name : 30), name);
	m->mailbox = strtonum(number, 1, INT64_MAX, &error);
	return (error != NULL || uid[1] == '\0' || strlcpy(m->uid, uid + 1, sizeof(m->uid)) >= sizeof(m->uid) ? -1 : 0);
}

/* A box for each, with what actions() makes of it at its end. */
void
queued_boxes(struct visit *v, const struct queued_list *l, void (*actions)(struct visit *, const struct ctl_queued *, const char *))
{
	struct answer	*a = &v->answer;
	char		 name[QUEUED_NAME_SIZE];
	size_t		 i;

	for (i = 0; i < l->n; i++) {
		put(a, "<section class=\"box\" aria-label=\"");
		text(a, queued_name(&l->v[i], name, sizeof(name)));
		put(a, "\">\n<dl class=\"facts\">\n");
		queued_facts(a, &l->v[i], name);
		put(a, "</dl>\n");
		actions(v, &l->v[i], name);
		put(a, "</section>\n");
	}
}

static void
queued_facts(struct answer *a, const struct ctl_queued *m, const char *name)
{
	queued_fact(a, "Number", name);
	if (m->file[0] != '\0')
		queued_fact(a, "What", "a file of the spool that belongs to nobody");
	else if (m->id == 0)
		queued_fact(a, "What", "a message that is still on its server");
	else {
		queued_fact(a, "Recipient", m->recipient);
		queued_fact(a, "From", m->sender[0] == '\0' ? "<>" : m->sender);
	}
	if (m->record[0] != '\0')
		queued_fact(a, "Record", m->record);
	put(a, "<dt>Since</dt><dd>");
	text_time(a, m->arrived);
	put(a, "</dd>\n<dt>State</dt><dd>");
	queued_why(a, m);
	put(a, "</dd>\n");
	if (m->status[0] != '\0')
		queued_fact(a, "Why", m->status);
}

static void
queued_fact(struct answer *a, const char *name, const char *value)
{
	put(a, "<dt>");
	put(a, name);
	put(a, "</dt><dd>");
	text(a, value);
	put(a, "</dd>\n");
}

/* What it waits for, and when it is tried again. */
static void
queued_why(struct answer *a, const struct ctl_queued *m)
{
	put(a, queued_state(m));
	if (m->nexthop[0] != '\0') {
		put(a, m->state == QUEUE_WAITING ? " for " : ", next hop ");
		text(a, m->nexthop);
	}
	if (m->tries > 0)
		putf(a, ", tries %u", m->tries);
	if (m->id != 0 && m->state == QUEUE_WAITING) {
		put(a, ", next ");
		text_time(a, m->next);
	}
}

static const char *
queued_state(const struct ctl_queued *m)
{
	static const char *const	 states[] = {
		[QUEUE_WAITING] = "waits", [QUEUE_QUARANTINED] = "in quarantine", [QUEUE_FAILED] = "failed, its report is due",
		[QUEUE_WANTED] = "its file is missing, and the message is retrieved again",
		[QUEUE_LOST] = "its file is missing, and nobody has the message any more"
	};

	if (m->file[0] != '\0' || m->id == 0)
		return ("set aside");
	return (m->state < nitems(states) ? states[m->state] : "in a state that is not known here");
}

/* It is labelled with what it is about, too. */
void
queued_button(struct visit *v, int get, const char *path, const char *field, const char *name, const char *label, const char *class)
{
	struct answer	*a = &v->answer;

	if (get) {
		put(a, "<form method=\"get\" action=\"");
		put_path(a, &v->req, path);
		put(a, "\">");
	} else
		page_form(v, path);
	put(a, "<input type=\"hidden\" name=\"");
	put(a, field);
	put(a, "\" value=\"");
	text(a, name);
	put(a, "\"><button type=\"submit\" class=\"");
	put(a, class);
	put(a, "\" aria-label=\"");
	put(a, label);
	put(a, ": ");
	text(a, name);
	put(a, "\">");
	put(a, label);
	put(a, "</button> </form>\n");
}
