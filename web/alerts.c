/* SPDX-License-Identifier: ISC */
/* The page of alerts, which users are told at their next logins with a mail program: they are listed, made and removed. */
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "web.h"

#define ALERTS_SHOWN	500	/* on the page; the others are counted */

struct alerts {
	struct ctl_alerted	*v;
	size_t			 n, all;
};

static void	 alerts_page(struct visit *, const char *said);
static int	 alerts_take(void *, uint32_t, struct imsg *);
static int	 alerts_answer(void *, uint32_t, struct imsg *);
static void	 alerts_boxes(struct visit *, const struct alerts *);
static void	 alerts_form(struct visit *, int again);
static void	 alerts_input(struct visit *, int again, const char *name, const char *label, const char *help, unsigned int most);
static int	 alerts_wish(struct visit *, struct ctl_alert *);

void
show_alerts(struct visit *v)
{
	alerts_page(v, NULL);
}

/* Field remove: the number of an alert.  Or account and text: of one that is made. */
void
change_alerts(struct visit *v)
{
	struct ctl_alert	 m;
	char			 said[sizeof(v->said)];

	if (alerts_wish(v, &m) == 0 && ask(v, IMSG_CTL_ALERT, &m, sizeof(m), alerts_answer, NULL) == 0) {
		answer_see(&v->answer, &v->req, "/admin/alerts");
		return;
	}
	strlcpy(said, v->said, sizeof(said));
	v->said[0] = '\0';
	v->answer.status = 422;
	alerts_page(v, said);
}

/* What the form asks for.  0; or -1, and v->said says what is wrong with it. */
static int
alerts_wish(struct visit *v, struct ctl_alert *m)
{
	const char	*id = form_get(&v->req.form, "remove"), *account = form_get(&v->req.form, "account");
	const char	*alert = form_get(&v->req.form, "text"), *error = NULL;

	memset(m, 0, sizeof(*m));
	if (id != NULL) {
		m->remove = 1;
		m->id = strtonum(id, 1, INT64_MAX, &error);
		if (error == NULL)
			return (0);
		strlcpy(v->said, "There is no alert of that number.", sizeof(v->said));
	} else if (account == NULL || account[strspn(account, " ")] == '\0')
		strlcpy(v->said, "An alert is for an account: its address is missing.", sizeof(v->said));
	else if (alert == NULL || *alert == '\0')
		strlcpy(v->said, "The alert has no text.", sizeof(v->said));
	else {
		account += strspn(account, " ");
		if (strlcpy(m->account, account, sizeof(m->account)) >= sizeof(m->account))
			strlcpy(v->said, "That is no address of an account: it is too long.", sizeof(v->said));
		else if (strlcpy(m->text, alert, sizeof(m->text)) >= sizeof(m->text))
			strlcpy(v->said, "The text is too long: an alert is one line of a mail program.", sizeof(v->said));
		else {
			m->account[strcspn(m->account, " ")] = '\0';
			return (0);
		}
	}
	return (-1);
}

/* Nothing comes ahead of the sentence that answers. */
static int
alerts_answer(void *arg __unused, uint32_t type __unused, struct imsg *imsg __unused)
{
	return (-1);
}

/* The page; said: what was refused, or NULL. */
static void
alerts_page(struct visit *v, const char *said)
{
	struct alerts	 l = { .n = 0 };
	struct ctl_name	 all;

	memset(&all, 0, sizeof(all));
	page_begin(v, "Alerts");
	if (said != NULL)
		page_note(v, "bad", said);
	put(&v->answer, "<p class=\"lead\">An alert is told once, in the place of the next login of its account with "
	    "a mail program.</p>\n");
	if (ask(v, IMSG_CTL_ALERTS, &all, sizeof(all), alerts_take, &l) == -1) {
		v->answer.status = 503;
		page_note(v, "bad", v->said);
	} else {
		alerts_form(v, said != NULL);
		alerts_boxes(v, &l);
	}
	free(l.v);
	page_end(v);
}

static int
alerts_take(void *arg, uint32_t type, struct imsg *imsg)
{
	struct alerts		*l = arg;
	struct ctl_alerted	 m, *grown;

	if (type != IMSG_CTL_ALERTED || imsg_get_data(imsg, &m, sizeof(m)) == -1 || !proto_str(m.account, sizeof(m.account)) ||
	    !proto_str(m.text, sizeof(m.text)))
		return (-1);
	if (l->all++ >= ALERTS_SHOWN)
		return (0);
	if ((grown = array_grow(l->v, l->n, sizeof(*l->v))) == NULL)
		return (-1);
	l->v = grown;
	l->v[l->n++] = m;
	return (0);
}

/* The alerts that there are. */
static void
alerts_boxes(struct visit *v, const struct alerts *l)
{
	struct answer	*a = &v->answer;
	size_t		 i;

	put(a, "<h2>Alerts that there are</h2>\n");
	if (l->all == 0) {
		put(a, "<p>None.</p>\n");
		return;
	}
	for (i = 0; i < l->n; i++) {
		put(a, "<section class=\"box\" aria-label=\"");
		text(a, l->v[i].account);
		put(a, "\">\n<p>");
		text(a, l->v[i].text);
		put(a, "</p>\n<p class=\"dim\">for ");
		text(a, l->v[i].account);
		put(a, ", made ");
		text_time(a, l->v[i].made);
		put(a, l->v[i].told != 0 ? ", told " : ", not told yet");
		if (l->v[i].told != 0)
			text_time(a, l->v[i].told);
		put(a, "</p>\n");
		page_form(v, "/admin/alerts");
		putf(a, "<button type=\"submit\" class=\"second\" name=\"remove\" value=\"%lld\" aria-label=\"Remove alert %lld\">"
		    "Remove</button></form></section>\n", (long long)l->v[i].id, (long long)l->v[i].id);
	}
	if (l->all > l->n)
		putf(a, "<p>And %zu more, which <code>rpopctl alert list</code> has.</p>\n", l->all - l->n);
}

/* The form that makes one; again: with what was typed, which was refused. */
static void
alerts_form(struct visit *v, int again)
{
	struct answer	*a = &v->answer;

	put(a, "<section class=\"box\" aria-labelledby=\"new\"><h2 id=\"new\">A new one</h2>\n");
	page_form(v, "/admin/alerts");
	put(a, "<div class=\"fields\">\n");
	alerts_input(v, again, "account", "Account", "The address of an account here.", PROTO_ADDR_SIZE - 1);
	alerts_input(v, again, "text", "Text", "One line of letters without accents, digits and signs, which is all that POP3 "
	    "can tell.", PROTO_ALERT_SIZE - 1);
	put(a, "</div>\n<p class=\"buttons\"><button type=\"submit\">Make alert</button></p>\n</form></section>\n");
}

static void
alerts_input(struct visit *v, int again, const char *name, const char *label, const char *help, unsigned int most)
{
	struct answer	*a = &v->answer;
	const char	*typed = again ? form_get(&v->req.form, name) : NULL;

	put(a, "<div class=\"field\"><label for=\"f-");
	put(a, name);
	put(a, "\">");
	put(a, label);
	put(a, "</label>\n<input type=\"text\" id=\"f-");
	put(a, name);
	put(a, "\" name=\"");
	put(a, name);
	put(a, "\" aria-describedby=\"h-");
	put(a, name);
	putf(a, "\" maxlength=\"%u\" value=\"", most);
	text(a, typed == NULL ? "" : typed);
	put(a, "\">\n<p class=\"help\" id=\"h-");
	put(a, name);
	put(a, "\">");
	put(a, help);
	put(a, "</p></div>\n");
}
