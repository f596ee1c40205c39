/* SPDX-License-Identifier: ISC */
/*
 * The page of records, of the visitor's own account or of one that he administers.  Update changes every row that was edited, each
 * by itself: a row that is refused is shown again as it was typed, with the reason, and the others are changed all the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/hex.h"
#include "records.h"

#define ROWS_MAX	2000	/* of a form */
#define STATES_MAX	100000

struct refused {			/* a row of the form, and why it was refused */
	size_t	 n;
	char	 text[RECORD_ERROR_SIZE];
};
struct refusals {
	struct refused	*v;
	size_t		 n;
	char		 asked[PROTO_RECORD_SIZE];	/* not of a form's row: the record with this name could not be polled */
	size_t		 done[RECORD_DONE_MAX];
};

static int	 records_open(struct records *, struct visit *, const struct form *);
static void	 records_rights(struct records *);
static int	 records_administers(struct records *);
static int	 records_unified(const struct records *);
static int	 records_states(struct records *);
static int	 records_state(void *, uint32_t, struct imsg *);
static int	 states_order(const void *, const void *);
static void	 records_close(struct records *);
static void	 records_page(struct records *, const struct refusals *);
static void	 records_lead(const struct records *);
static void	 records_done(const struct refusals *, char *, size_t);
static void	 records_rows(const struct records *, const struct refusals *);
static void	 records_new(const struct records *, const struct refusals *, size_t);
static void	 records_behind(const struct records *);
static const char *records_fixed(const struct records *, size_t);
static size_t	 records_own(const struct records *);
static const struct refused *refused_of(const struct records *, const struct refusals *, const char *);
static void	 refuse(struct refusals *, size_t, const char *);
static void	 records_again(struct records *, struct refusals *);
static int	 records_went(struct visit *, const char *);
static const char *poll_button(const struct form *);
static void	 records_poll(struct visit *);
static int	 encoded_as_it_is(unsigned char);

void
show_records(struct visit *v)
{
	struct records	 p;

	if (records_open(&p, v, &v->req.query) == -1)
		return;
	records_page(&p, NULL);
	records_close(&p);
}

void
change_records(struct visit *v)
{
	struct records	 p;
	struct refusals	 bad;
	char		 err[RECORD_ERROR_SIZE];
	size_t		 n, at = 0, all;
	enum record_done	 done;

	if (poll_button(&v->req.form) != NULL) {	/* of a browser that knows no button of another form */
		records_poll(v);
		return;
	}
	if (records_open(&p, v, &v->req.form) == -1)
		return;
	memset(&bad, 0, sizeof(bad));
	for (n = 0; n < ROWS_MAX && form_row(&v->req.form, n, "row") != NULL; n++) {
		done = record_take(&p, n, &at, err, sizeof(err));
		bad.done[done]++;
		if (done == RECORD_REFUSED)
			refuse(&bad, n, err);
	}
	all = bad.done[RECORD_ADDED] + bad.done[RECORD_CHANGED] + bad.done[RECORD_REMOVED];
	/* Of one change the daemon has said more. */
	if (all > 1)
		records_done(&bad, v->said, sizeof(v->said));
	else if (all == 0)
		strlcpy(v->said, "Nothing was changed: it is so already.", sizeof(v->said));
	if (bad.done[RECORD_REFUSED] > 0 || !records_went(v, p.account))
		records_again(&p, &bad);
	free(bad.v);
	records_close(&p);
}

/* "/records/poll" */
void
change_poll(struct visit *v)
{
	records_poll(v);
}

/*
 * The record that a form or query names, of the account that it names or of the visitor's own, as the daemon wants it: 0; or -1: it
 * names none, and there is a page that says so.
 */
int
record_named(struct visit *v, const struct form *f, struct ctl_name *m, const char **account, const char **record)
{
	memset(m, 0, sizeof(*m));
	if ((*account = form_get(f, "account")) == NULL || **account == '\0')
		*account = v->me.account;
	if ((*record = form_get(f, "record")) == NULL)
		*record = poll_button(f);
	if (*record != NULL && **record != '\0' && (size_t)snprintf(m->name, sizeof(m->name), "%s/%s", *account, *record) <
	    sizeof(m->name))
		return (0);
	page_error(v, 404, "There is no such record.");
	return (-1);
}

void
record_query(struct visit *v, const char *path, const char *account, const char *record)
{
	struct answer	*a = &v->answer;
	int		 own = strcmp(account, v->me.account) == 0;

	put_path(a, &v->req, path);
	if (!own || record != NULL)
		put(a, "?");
	if (!own) {
		put(a, "account=");
		record_encoded(a, account);
	}
	if (record != NULL) {
		put(a, own ? "record=" : "&amp;record=");
		record_encoded(a, record);
	}
}

void
record_hidden(struct visit *v, const char *account, const char *record)
{
	struct answer	*a = &v->answer;

	if (strcmp(account, v->me.account) != 0) {
		put(a, "<input type=\"hidden\" name=\"account\" value=\"");
		text(a, account);
		put(a, "\">");
	}
	if (record != NULL) {
		put(a, "<input type=\"hidden\" name=\"record\" value=\"");
		text(a, record);
		put(a, "\">");
	}
}

size_t
record_address(const char *page, const char *account, char *path, size_t size)
{
	const unsigned char	*s;
	size_t			 n;

	if ((n = (size_t)snprintf(path, size, "%s?account=", page)) >= size)
		return (0);
	for (s = (const unsigned char *)account; *s != '\0' && n + 3 < size; s++)
		n += (size_t)snprintf(path + n, size - n, encoded_as_it_is(*s) ? "%c" : "%%%02X", *s);
	return (*s == '\0' ? n : 0);
}

/* Reads whose records are wanted, and what there is.  0; or -1, with a page that says why not. */
static int
records_open(struct records *p, struct visit *v, const struct form *f)
{
	struct pair	 whose = { "account", NULL };
	const char	*account = NULL;

	memset(p, 0, sizeof(*p));
	p->v = v;
	p->admin = strncmp(v->req.path, "/admin/", 7) == 0;
	if (p->admin && ((account = form_get(f, "account")) == NULL || *account == '\0')) {
		page_error(v, 404, "Whose records? The account's address is missing.");
		return (-1);
	}
	if (strlcpy(p->account, account == NULL ? v->me.account : account, sizeof(p->account)) >= sizeof(p->account)) {
		page_error(v, 404, "There is no such account.");
		return (-1);
	}
	whose.value = p->account;
	records_rights(p);
	if ((p->rows = table_get(v, "rpop", &whose, 1)) == NULL) {
		page_error(v, 503, v->said);
		return (-1);
	}
	if (p->admin && table_rows(p->rows) == 0 && strcmp(p->account, v->me.account) != 0) {
		struct pair	 address = { "address", p->account };
		struct table	*t = table_get(v, "account", &address, 1);
		size_t		 n = t == NULL ? 0 : table_rows(t);

		if (t != NULL)
			table_free(t);
		if (n == 0) {
			records_close(p);
			page_error(v, 404, "There is no such account, or it is none that you administer.");
			return (-1);
		}
	}
	return (0);
}

/* What the visitor may do here.  The master decides it again for each change; this is for what the page offers. */
static void
records_rights(struct records *p)
{
	const struct msg_web_entered	*me = &p->v->me;
	int				 own = strcmp(p->account, me->account) == 0;

	p->server = (me->rights & WEB_SERVER_ADMIN) != 0;
	p->domain = (me->rights & WEB_DOMAIN_ADMIN) != 0 && records_administers(p);
	p->modify = p->server || p->domain || (own && (me->rights & WEB_MODIFY) != 0);
	p->least = p->server || p->domain ? 0 : me->min_period;
	p->special = own ? me->unified != 0 : p->server && records_unified(p);
}

/* 1: he is an administrator of the account's domain, and may change records there. */
static int
records_administers(struct records *p)
{
	const char	*at = strrchr(p->account, '@'), *value;
	struct pair	 cells[2] = { { "account", p->v->me.account }, { "domain", at == NULL ? "" : at + 1 } };
	struct table	*t = table_get(p->v, "domain_admin", cells, 2);
	int		 may = 0;

	if (t == NULL)
		return (0);
	may = table_rows(t) > 0 && (value = table_value(t, 0, "can_modify_rpop")) != NULL && strcmp(value, "1") == 0;
	table_free(t);
	return (may);
}

/* 1: the account is the main domain's postmaster, whose records may be for a whole domain. */
static int
records_unified(const struct records *p)
{
	struct table	*t;
	const char	*domain;
	int		 is;

	if (strncmp(p->account, "postmaster@", 11) != 0 || (t = table_get(p->v, "settings", NULL, 0)) == NULL)
		return (0);
	is = table_rows(t) > 0 && (domain = table_value(t, 0, "main_domain")) != NULL && strcmp(domain, p->account + 11) == 0;
	table_free(t);
	return (is);
}

/* What the daemon says of each record's polls.  0; or -1, and v->said. */
static int
records_states(struct records *p)
{
	struct ctl_name	 m;

	memset(&m, 0, sizeof(m));
	strlcpy(m.name, p->account, sizeof(m.name));
	if (ask(p->v, IMSG_CTL_ACCOUNT, &m, sizeof(m), records_state, p) == -1)
		return (-1);
	/* qsort(3) of the C library would ask the system for its memory, which a request may not. */
	if (p->nstates > 1 && heapsort(p->states, p->nstates, sizeof(*p->states), states_order) == -1)
		p->nstates = 0;
	return (0);
}

static int
records_state(void *arg, uint32_t type, struct imsg *imsg)
{
	struct records		*p = arg;
	struct ctl_record	 m;
	struct record_state	*s;

	if (type != IMSG_CTL_RECORD || imsg_get_data(imsg, &m, sizeof(m)) == -1 || p->nstates >= STATES_MAX ||
	    !proto_str(m.name, sizeof(m.name)) || !proto_str(m.state, sizeof(m.state)) || !proto_str(m.last_error, sizeof(m.last_error)) ||
	    (s = array_grow(p->states, p->nstates, sizeof(*s))) == NULL)
		return (-1);
	p->states = s;
	s += p->nstates++;
	memset(s, 0, sizeof(*s));
	strlcpy(s->name, m.name, sizeof(s->name));
	strlcpy(s->state, m.state, sizeof(s->state));
	strlcpy(s->error, m.last_error, sizeof(s->error));
	s->success = m.last_success;
	s->failing = m.failing_since;
	s->next = m.next_poll;
	s->failures = m.failures;
	s->planned = m.planned;
	s->fetched = m.fetched;
	return (0);
}

static int
states_order(const void *a, const void *b)
{
	return (strcmp(((const struct record_state *)a)->name, ((const struct record_state *)b)->name));
}

static void
records_close(struct records *p)
{
	if (p->rows != NULL)
		table_free(p->rows);
	free(p->states);
	memset(p, 0, sizeof(*p));
}

/* The page.  bad: what was refused; NULL: nothing. */
static void
records_page(struct records *p, const struct refusals *bad)
{
	struct visit	*v = p->v;
	char		 why[sizeof(v->said)] = "", done[160];

	if (records_states(p) == -1)
		strlcpy(why, v->said, sizeof(why));
	page_begin(v, p->admin ? "Records" : "Your records");
	if (*why != '\0')
		page_note(v, "bad", why);
	if (bad != NULL) {
		records_done(bad, done, sizeof(done));
		if (*done != '\0')
			page_note(v, "good", done);
	}
	if (bad != NULL && bad->asked[0] != '\0')
		page_note(v, "bad", bad->n > 0 && record_find(p, bad->asked, 0) == -1 ? bad->v[0].text :
		    "The record is not polled now; why stands below it.");
	else if (bad != NULL && bad->done[RECORD_REFUSED] > 0)
		page_note(v, "bad", bad->done[RECORD_ADDED] + bad->done[RECORD_CHANGED] + bad->done[RECORD_REMOVED] == 0 ?
		    "Nothing was changed; why stands below each record." : "Not everything was changed; why stands below each record.");
	records_lead(p);
	records_rows(p, bad);
	page_end(v);
}

/* What the page is about, and what is to be done first where there is nothing yet. */
static void
records_lead(const struct records *p)
{
	struct visit	*v = p->v;

	if (p->admin) {
		put(&v->answer, "<p class=\"lead\">Mail that is fetched for ");
		text(&v->answer, p->account);
		put(&v->answer, ".</p>\n");
	}
	if (table_rows(p->rows) == 0 && p->modify)
		page_note(v, "hint", "There is no record yet. Fill in the fields below: a name of your choice, and account, host and password "
		    "as your provider says. Then press Update: the mail there is fetched from then on.");
	else if (table_rows(p->rows) == 0 && p->admin)
		page_note(v, "hint", "There is no record. You may look at the records of this domain, and not change them.");
	else if (table_rows(p->rows) == 0)
		page_note(v, "hint", "There is no record yet, so no mail is fetched. An administrator makes them, or lets you do it "
		    "(account.can_modify_rpop).");
	else if (!p->modify)
		page_note(v, "hint", p->admin ? "You may look at the records of this domain, and not change them." :
		    "Your records are kept by administrators: you can look at them, have them polled and try them, and not change them. "
		    "An administrator may let you do it (account.can_modify_rpop).");
}

/* What an update has done, in words: nothing, if it has done nothing. */
static void
records_done(const struct refusals *bad, char *done, size_t size)
{
	static const struct { enum record_done done; const char *name; } counts[] = {
		{ RECORD_ADDED, "added" }, { RECORD_CHANGED, "changed" }, { RECORD_REMOVED, "removed" }
	};
	char	 part[48];
	size_t	 i, n;

	*done = '\0';
	for (i = 0; i < nitems(counts); i++) {
		if ((n = bad->done[counts[i].done]) == 0)
			continue;
		snprintf(part, sizeof(part), "%s%zu record%s %s", *done == '\0' ? "" : ", ", n, n == 1 ? "" : "s", counts[i].name);
		strlcat(done, part, size);
	}
}

/* All rows, in one form, and the button. */
static void
records_rows(const struct records *p, const struct refusals *bad)
{
	struct visit		*v = p->v;
	const struct refused	*x;
	struct record_row	 r;
	size_t			 i, n = 0, rows = table_rows(p->rows);
	int			 asked;

	if (rows == 0 && !p->modify)
		return;
	page_form(v, p->admin ? "/admin/records" : "/records");
	if (p->admin) {
		put(&v->answer, "<input type=\"hidden\" name=\"account\" value=\"");
		text(&v->answer, p->account);
		put(&v->answer, "\">\n");
	}
	put(&v->answer, "<div class=\"records\">\n");
	record_head(p);
	/* Rows that can be changed are numbered without a gap; the others have numbers behind these. */
	for (i = 0; i < rows; i++) {
		memset(&r, 0, sizeof(r));
		r.at = i;
		r.fixed = records_fixed(p, i);
		r.n = r.fixed == NULL ? n++ : ROWS_MAX + i;
		asked = bad != NULL && bad->n > 0 && bad->asked[0] != '\0' && strcmp(bad->asked, table_value(p->rows, i, "name")) == 0;
		if (asked)
			r.error = bad->v[0].text;
		else if (bad != NULL && r.fixed == NULL && (x = refused_of(p, bad, table_value(p->rows, i, "name"))) != NULL) {
			r.error = x->text;
			r.typed = &v->req.form;
			r.tn = x->n;
		}
		record_show(p, &r);
	}
	if (p->modify)
		records_new(p, bad, n);
	put(&v->answer, "</div>\n");
	if (p->modify)
		put(&v->answer, "<p class=\"buttons\"><button type=\"submit\" name=\"update\" value=\"1\">Update</button></p>\n");
	put(&v->answer, "</form>\n");
	if (rows > 0)
		records_behind(p);
}

/* Rows that are no records: what was typed for such that are not there, and then an empty one. */
static void
records_new(const struct records *p, const struct refusals *bad, size_t n)
{
	struct record_row	 r = { .at = -1 };
	size_t			 i;

	for (i = 0; bad != NULL && bad->asked[0] == '\0' && i < bad->n; i++) {
		if (record_find(p, record_typed(p->v, bad->v[i].n, "row"), 0) != -1)
			continue;
		r.n = n++;
		r.error = bad->v[i].text;
		r.typed = &p->v->req.form;
		r.tn = bad->v[i].n;
		record_show(p, &r);
		if (*record_typed(p->v, r.tn, "row") == '\0')
			return;
	}
	if (!p->server && !p->domain && records_own(p) >= p->v->me.max_records) {
		putf(&p->v->answer, "<p class=\"dim\">You have %zu record", records_own(p));
		put(&p->v->answer, records_own(p) == 1 ? "" : "s");
		put(&p->v->answer, " of your own, and may have no more.</p>\n");
		return;
	}
	r = (struct record_row){ .at = -1, .n = n };
	record_show(p, &r);
}

/* The form of the buttons with which a record is polled: a form cannot be within another one. */
static void
records_behind(const struct records *p)
{
	struct visit	*v = p->v;
	struct answer	*a = &v->answer;
	char		 hex[2 * PROTO_TOKEN_LEN + 1];

	hex_encode(hex, v->me.form, sizeof(v->me.form));
	hex[sizeof(hex) - 1] = '\0';
	put(a, "<form id=\"poll\" method=\"post\" action=\"");
	put_path(a, &v->req, "/records/poll");
	put(a, "\"><input type=\"hidden\" name=\"form\" value=\"");
	text(a, hex);
	put(a, "\">");
	record_hidden(v, p->account, NULL);
	put(a, "</form>\n");
}

/* Why the visitor may only look at a record; NULL: he can change it; "": why stands above all of them. */
static const char *
records_fixed(const struct records *p, size_t row)
{
	static const char *const	 reserved[] = { "special", "token_command", "tls_cert", "ca_file", "oauth_client" };
	const char			*own;
	size_t				 i;

	if (!p->modify)
		return ("");
	if (!record_shows(table_value(p->rows, row, "name")))
		return ("Its name has octets that no field of a page can have: it can be changed with rpopctl(8).");
	if (p->server)
		return (NULL);
	own = table_value(p->rows, row, "self_service");
	if (!p->domain && (own == NULL || strcmp(own, "1") != 0))
		return ("Made by an administrator: you can look at it only.");
	for (i = 0; i < nitems(reserved); i++)
		if (table_value(p->rows, row, reserved[i]) != NULL)
			return ("Made by an administrator of the server: you can look at it only.");
	return (NULL);
}

/* How many records the user has made himself. */
static size_t
records_own(const struct records *p)
{
	const char	*own;
	size_t		 i, n = 0;

	for (i = 0; i < table_rows(p->rows); i++)
		n += (own = table_value(p->rows, i, "self_service")) != NULL && strcmp(own, "1") == 0;
	return (n);
}

/* The refused row of the form that is about this record, or NULL. */
static const struct refused *
refused_of(const struct records *p, const struct refusals *bad, const char *name)
{
	size_t	 i;

	for (i = 0; i < bad->n && bad->asked[0] == '\0'; i++)
		if (strcmp(record_typed(p->v, bad->v[i].n, "row"), name) == 0)
			return (&bad->v[i]);
	return (NULL);
}

static void
refuse(struct refusals *bad, size_t n, const char *why)
{
	struct refused	*x;

	if ((x = array_grow(bad->v, bad->n, sizeof(*x))) == NULL)
		return;		/* it is counted, and so told above */
	bad->v = x;
	x += bad->n++;
	x->n = n;
	strlcpy(x->text, why, sizeof(x->text));
}

/* The page once more, with what the store has now and what was refused. */
static void
records_again(struct records *p, struct refusals *bad)
{
	struct pair	 whose = { "account", p->account };
	struct table	*rows = table_get(p->v, "rpop", &whose, 1);

	if (rows == NULL) {
		page_error(p->v, 503, p->v->said);
		return;
	}
	table_free(p->rows);
	p->rows = rows;
	p->v->answer.status = bad->done[RECORD_REFUSED] > 0 ? 422 : 200;
	records_page(p, bad);
}

/* Goes on to the page of the account's records, where v->said is told: 1; or 0: its address is too long for that. */
static int
records_went(struct visit *v, const char *account)
{
	char	 path[sizeof(v->answer.location)];

	if (strcmp(account, v->me.account) == 0)
		strlcpy(path, "/records", sizeof(path));
	else if (record_address("/admin/records", account, path, sizeof(path) - sizeof(v->req.base)) == 0)
		return (0);
	answer_see(&v->answer, &v->req, path);
	return (1);
}

/* The record whose button to poll it was pressed; NULL: none was. */
static const char *
poll_button(const struct form *f)
{
	size_t	 i;

	for (i = 0; i < f->n; i++)
		if (strncmp(f->v[i].name, "poll.", 5) == 0)
			return (f->v[i].value);
	return (NULL);
}

/* Has a record polled, and goes on to the page of the account's records. */
static void
records_poll(struct visit *v)
{
	struct records	 p;
	struct refusals	 bad;
	struct ctl_name	 m;
	const char	*account, *name;

	if (record_named(v, &v->req.form, &m, &account, &name) == -1)
		return;
	if (ask_name(v, IMSG_CTL_POLL, m.name) == 0) {
		if (!records_went(v, account))
			page_error(v, 200, v->said);
		return;
	}
	memset(&bad, 0, sizeof(bad));
	refuse(&bad, 0, v->said);
	bad.done[RECORD_REFUSED] = 1;
	strlcpy(bad.asked, name, sizeof(bad.asked));
	strlcpy(v->req.path, strcmp(account, v->me.account) == 0 ? "/records" : "/admin/records", sizeof(v->req.path));
	if (records_open(&p, v, &v->req.form) == 0) {
		v->answer.status = 422;
		records_page(&p, &bad);
		records_close(&p);
	}
	free(bad.v);
}

void
record_encoded(struct answer *a, const char *value)
{
	const unsigned char	*s = (const unsigned char *)value;

	for (; *s != '\0'; s++)
		if (encoded_as_it_is(*s))
			text_len(a, (const char *)s, 1);
		else
			putf(a, "%%%02X", *s);
}

static int
encoded_as_it_is(unsigned char c)
{
	return ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' ||
	    c == '~');
}
