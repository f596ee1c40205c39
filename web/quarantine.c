/* SPDX-License-Identifier: ISC */
/*
 * The page of the quarantine: what could not be delivered, and messages and files that were set aside.  They are released, also to
 * another address, or dropped, which a page of its own asks about first.  A message is shown as the text that it is, and never
 * as something that a browser would act on.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "queue.h"

#define MESSAGE_SHOWN	1048576		/* octets of a message that are shown */

static void	 quarantine_page(struct visit *, const char *said);
static void	 quarantine_listed(struct visit *, const struct queued_list *);
static void	 quarantine_actions(struct visit *, const struct ctl_queued *, const char *);
static void	 quarantine_release(struct visit *, const char *);
static void	 quarantine_ask(struct visit *, const char *);
static void	 quarantine_message(struct visit *, const char *);
static int	 message_take(void *, uint32_t, struct imsg *);
static int	 message_copy(struct answer *, int);
static int	 quarantine_take(void *, uint32_t, struct imsg *);
static int	 quarantine_typed(struct visit *, const char *, char *);

void
show_quarantine(struct visit *v)
{
	const char	*drop = form_get(&v->req.query, "drop");

	if (strcmp(v->req.path, "/admin/quarantine/message") == 0)
		quarantine_message(v, form_get(&v->req.query, "id"));
	else if (drop != NULL)
		quarantine_ask(v, drop);
	else
		quarantine_page(v, NULL);
}

/* Fields release and to, or drop. */
void
change_quarantine(struct visit *v)
{
	const char		*release = form_get(&v->req.form, "release"), *drop = form_get(&v->req.form, "drop");
	const char		*name = release != NULL ? release : drop;
	struct ctl_quarantine	 m;
	char			 said[sizeof(v->said)];
	int			 done = -1;

	memset(&m, 0, sizeof(m));
	m.act = release != NULL ? QUARANTINE_RELEASE : QUARANTINE_DROP;
	if (name == NULL || (release != NULL && drop != NULL)) {
		page_error(v, 400, "The form that came is not one of this page.");
		return;
	}
	if (queued_parse(name, &m) == -1)
		strlcpy(v->said, "There is nothing of that number.", sizeof(v->said));
	else if (release != NULL && quarantine_typed(v, "to", m.to) == -1)
		strlcpy(v->said, "That is no address: it is too long.", sizeof(v->said));
	else
		done = ask(v, IMSG_CTL_QUARANTINE, &m, sizeof(m), quarantine_take, NULL);
	if (done == 0) {
		answer_see(&v->answer, &v->req, "/admin/quarantine");
		return;
	}
	strlcpy(said, v->said, sizeof(said));
	v->said[0] = '\0';
	v->answer.status = 422;
	quarantine_page(v, said);
}

/* Nothing comes ahead of the sentence that answers. */
static int
quarantine_take(void *arg __unused, uint32_t type __unused, struct imsg *imsg __unused)
{
	return (-1);
}

/* What was typed as an address, without blanks around it; empty if there is none.  0, or -1: it does not fit. */
static int
quarantine_typed(struct visit *v, const char *field, char *to)
{
	const char	*p = form_get(&v->req.form, field);
	size_t		 n;

	to[0] = '\0';
	if (p == NULL)
		return (0);
	p += strspn(p, " \t");
	for (n = strlen(p); n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t'); n--)
		;
	if (n >= PROTO_ADDR_SIZE)
		return (-1);
	memcpy(to, p, n);
	to[n] = '\0';
	return (0);
}

/* The page; said: what was refused, or NULL. */
static void
quarantine_page(struct visit *v, const char *said)
{
	struct ctl_quarantine	 m;
	struct queued_list	 l = { .n = 0 };

	memset(&m, 0, sizeof(m));
	m.act = QUARANTINE_LIST;
	page_begin(v, "Quarantine");
	if (said != NULL)
		page_note(v, "bad", said);
	if (queued_get(v, IMSG_CTL_QUARANTINE, &m, sizeof(m), &l) == -1) {
		v->answer.status = 503;
		page_note(v, "bad", v->said);
	} else
		quarantine_listed(v, &l);
	free(l.v);
	page_end(v);
}

static void
quarantine_listed(struct visit *v, const struct queued_list *l)
{
	struct answer	*a = &v->answer;

	if (l->all == 0) {
		put(a, "<p class=\"lead\">Nothing is in quarantine.</p>\n");
		return;
	}
	put(a, "<p class=\"lead\">What could not be delivered, and what was set aside. Released, it goes where it was meant to "
	    "go, or to the address that is typed.</p>\n");
	queued_boxes(v, l, quarantine_actions);
	if (l->all > l->n)
		putf(a, "<p>And %zu more, which <code>rpopctl quarantine</code> lists.</p>\n", l->all - l->n);
	if (l->all > 1 && (v->me.rights & WEB_SERVER_ADMIN) != 0) {
		put(a, "<div class=\"buttons\">");
		queued_button(v, 0, "/admin/quarantine", "release", "all", "Release everything", "second");
		queued_button(v, 1, "/admin/quarantine", "drop", "all", "Drop everything", "danger");
		put(a, "</div>\n");
	}
}

static void
quarantine_actions(struct visit *v, const struct ctl_queued *m, const char *name)
{
	if ((v->me.rights & WEB_SERVER_ADMIN) == 0)
		return;
	put(&v->answer, "<div class=\"buttons\">");
	if (m->id != 0 || m->file[0] != '\0')
		queued_button(v, 1, "/admin/quarantine/message", "id", name, "Show", "second");
	queued_button(v, 1, "/admin/quarantine", "drop", name, "Drop", "danger");
	put(&v->answer, "</div>\n");
	quarantine_release(v, name);
}

/* The form that releases one, with a field for another address. */
static void
quarantine_release(struct visit *v, const char *name)
{
	struct answer	*a = &v->answer;

	page_form(v, "/admin/quarantine");
	put(a, "<input type=\"hidden\" name=\"release\" value=\"");
	text(a, name);
	put(a, "\">\n<div class=\"narrow\"><label>Release to <input type=\"text\" inputmode=\"email\" name=\"to\" "
	    "autocomplete=\"off\" placeholder=\"where it was meant to go\"></label>\n<p class=\"buttons\">"
	    "<button type=\"submit\" class=\"second\" aria-label=\"Release: ");
	text(a, name);
	put(a, "\">Release</button></p></div></form>\n");
}

/* The page that asks whether something is to be dropped. */
static void
quarantine_ask(struct visit *v, const char *name)
{
	struct answer		*a = &v->answer;
	struct ctl_quarantine	 m;

	memset(&m, 0, sizeof(m));
	if (queued_parse(name, &m) == -1) {
		page_error(v, 404, "There is nothing of that number.");
		return;
	}
	page_begin(v, "Drop");
	put(a, "<p class=\"lead\">");
	if (m.id == 0 && m.mailbox == 0 && m.file[0] == '\0')
		put(a, "Everything in quarantine is removed for good, whoever it was for.");
	else if (m.mailbox != 0) {
		put(a, "The message ");
		text(a, name);
		put(a, " is not retrieved any more; it stays on its server.");
	} else {
		put(a, "The message ");
		text(a, name);
		put(a, " is removed for good.");
	}
	put(a, "</p>\n");
	page_form(v, "/admin/quarantine");
	put(a, "<input type=\"hidden\" name=\"drop\" value=\"");
	text(a, name);
	put(a, "\">\n<p class=\"buttons\"><button type=\"submit\" class=\"danger\">Drop it</button> <a class=\"button\" href=\"");
	put_path(a, &v->req, "/admin/quarantine");
	put(a, "\">Keep it</a></p>\n</form>\n");
	page_end(v);
}

/* A message as text, at most its first MESSAGE_SHOWN octets. */
static void
quarantine_message(struct visit *v, const char *name)
{
	struct answer		*a = &v->answer;
	struct ctl_quarantine	 m;
	int			 fd = -1;

	memset(&m, 0, sizeof(m));
	m.act = QUARANTINE_SHOW;
	if (name == NULL || queued_parse(name, &m) == -1 || (m.id == 0 && m.file[0] == '\0')) {
		page_error(v, 404, "There is no such message here.");
		return;
	}
	if (ask(v, IMSG_CTL_QUARANTINE, &m, sizeof(m), message_take, &fd) == -1) {
		if (fd != -1)
			close(fd);
		page_error(v, 404, v->said);
		return;
	}
	if (fd == -1)
		page_error(v, 503, "The message cannot be read now; try again.");
	else {
		a->type = "text/plain; charset=utf-8";
		if (message_copy(a, fd) == -1)
			a->full = 1;
		close(fd);
	}
}

static int
message_take(void *arg, uint32_t type, struct imsg *imsg)
{
	int	*fd = arg;

	if (type != IMSG_CTL_LINE || *fd != -1)
		return (-1);
	*fd = imsg_get_fd(imsg);
	return (0);
}

/* The octets that fd is open for; of the control characters only those that make lines and columns.  0 or -1. */
static int
message_copy(struct answer *a, int fd)
{
	static const char	 rest[] = "\n[The message is longer than that; rpopctl quarantine show has all of it.]\n";
	uint8_t			 data[16384];
	ssize_t			 n, i;
	size_t			 left = MESSAGE_SHOWN;

	while ((n = read(fd, data, left < sizeof(data) ? left + 1 : sizeof(data))) > 0) {
		for (i = 0; i < n; i++)
			if ((data[i] < ' ' && data[i] != '\n' && data[i] != '\t' && data[i] != '\r') || data[i] == 0x7f)
				data[i] = '?';
		if (buf_add(&a->body, data, (size_t)n < left ? (size_t)n : left) == -1)
			return (-1);
		if ((size_t)n > left)
			return (buf_add(&a->body, rest, sizeof(rest) - 1));
		left -= n;
	}
	return (n == 0 ? 0 : -1);
}
