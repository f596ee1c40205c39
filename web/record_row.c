/* SPDX-License-Identifier: ISC */
/*
 * One record as people see it: a row of fields in the vendor's order, what came of its last poll, and what is wrong with what was
 * typed.  A record that the visitor may only look at has the same fields, which cannot be changed and are not sent.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sha2.h>

#include "common/hex.h"
#include "common/utf8.h"
#include "records.h"

static const char *row_value(const struct records *, const struct record_row *, const char *);
static int	 row_checked(const struct records *, const struct record_row *, const char *);
static const char *row_wrong_column(const char *);
static void	 row_cell(const struct records *, const struct record_row *, const char *, const char *, const char *);
static void	 row_id(const struct records *, const struct record_row *, const char *);
static void	 row_text(const struct records *, const struct record_row *, const char *, const char *, unsigned int);
static void	 row_tick(const struct records *, const struct record_row *, const char *, const char *);
static void	 row_option(const struct records *, const char *, const char *, int);
static void	 row_period(const struct records *, const struct record_row *);
static void	 row_tls(const struct records *, const struct record_row *);
static void	 row_password(const struct records *, const struct record_row *);
static void	 row_hidden(const struct records *, const struct record_row *);
static void	 row_shown(const struct records *, const struct record_row *, const char *[RECORD_FIELDS]);
static void	 row_state(const struct records *, const struct record_row *);
static void	 row_last(const struct records *, const struct record_state *);
static void	 row_next(const struct records *, const struct record_state *);
static void	 row_error(const struct records *, const struct record_row *);
static void	 row_meanwhile(const struct records *, const struct record_row *);
static void	 row_buttons(const struct records *, const struct record_row *);
static const struct record_state *row_status(const struct records *, const char *);
static int	 status_order(const void *, const void *);
static void	 period_text(char *, size_t, const char *);

#define NEW_PERIOD	600	/* s, as in the schema */

static const struct {
	uint32_t	 seconds;
	const char	*text;
} periods[] = {
	{ 60, "1 minute" }, { 120, "2 minutes" }, { 180, "3 minutes" }, { 300, "5 minutes" }, { 600, "10 minutes" }, { 900, "15 minutes" },
	{ 1200, "20 minutes" }, { 1800, "30 minutes" }, { 3600, "1 hour" }, { 7200, "2 hours" }, { 10800, "3 hours" },
	{ 21600, "6 hours" }, { 43200, "12 hours" }, { 86400, "1 day" }, { 172800, "2 days" }, { 604800, "1 week" }
};

/* Values of column tls, and what they mean. */
static const struct { const char *value, *text; } modes[] = {
	{ "tls", "TLS" }, { "stls", "STLS" }, { "none", "none" }
};

/* What may help after a failure, by the stage of the session that the daemon names first. */
static const struct { const char *stage, *remedy; } remedies[] = {
	{ "connect: ", "Compare \"at Host\" with what the provider says: name, port behind a colon, and TLS belong together." },
	{ "TLS: ", "Compare \"at Host\" and TLS with what the provider says; the certificate must be for that name." },
	{ "greeting: ", "Compare \"at Host\" and TLS with what the provider says: a server that speaks TLS only is silent to others." },
	{ "login: ", "Enter account and password again; some providers want a password for programs, or POP3 switched on at their site." },
	{ "OAuth token: ", "Its access has to be granted anew; an administrator can do that." },
	{ "delivery: ", "The message could not be stored here; an administrator has to look at it." },
};

/* States of the schedule's that people are told of; all others but idle are those of a session. */
static const struct { const char *state, *text; } schedule_states[] = {
	{ "disabled", "disabled" },
	{ "queued", "waits for its turn" },
	{ "queued-slow", "waits for its turn behind others, since its last session stalled" },
	{ "window", "its schedule does not permit polling now" },
	{ "host-delay", "its host failed, and is tried again later" },
	{ "disk-full", "waits until there is room on this server's disk" },
	{ "queue-full", "waits until other deliveries have gone" },
};

void
record_head(const struct records *p)
{
	struct answer	*a = &p->v->answer;

	put(a, "<div class=\"record head\" aria-hidden=\"true\">"
	    "<div class=\"cell\">Name</div><div class=\"cell\">Poll Every</div><div class=\"cell\">Account</div>"
	    "<div class=\"cell\">at Host</div><div class=\"cell\">Password</div><div class=\"cell\">Leave</div>"
	    "<div class=\"cell\">APOP</div><div class=\"cell\">TLS</div><div class=\"cell\">");
	put(a, p->special ? "Special" : "Mailbox");
	put(a, "</div></div>\n");
}

void
record_show(const struct records *p, const struct record_row *r)
{
	struct answer	*a = &p->v->answer;
	const char	*name = r->at == -1 ? "" : table_value(p->rows, r->at, "name");

	put(a, r->error != NULL ? "<div class=\"record wrong\" role=\"group\" aria-label=\"" :
	    r->at == -1 ? "<div class=\"record new\" role=\"group\" aria-label=\"" : "<div class=\"record\" role=\"group\" aria-label=\"");
	text(a, r->at == -1 ? "a new record" : name);
	put(a, "\">\n");
	row_text(p, r, "name", "Name", RECORD_NAME_MAX);
	row_period(p, r);
	row_text(p, r, "auth_name", "Account", PROTO_USER_SIZE - 1);
	row_text(p, r, "domain", "at Host", PROTO_HOST_SIZE + 6);
	row_password(p, r);
	row_tick(p, r, "leave", "Leave");
	row_tick(p, r, "apop", "APOP");
	row_tls(p, r);
	if (p->special)
		row_text(p, r, "special", "Special", PROTO_SPECIAL_SIZE - 1);
	else
		row_text(p, r, "mailbox", "Mailbox", PROTO_MAILBOX_SIZE - 1);
	row_state(p, r);
	put(a, "</div>\n");
}

/* What the list of periods has for a value of the column; "": it is a period that the list does not have. */
const char *
record_period_value(const struct records *p, const char *period)
{
	static char	 text[16];
	size_t		 i;

	if (period == NULL)
		return ("disabled");
	for (i = 0; i < nitems(periods); i++) {
		snprintf(text, sizeof(text), "%u", periods[i].seconds);
		if (periods[i].seconds >= p->least && strcmp(text, period) == 0)
			return (text);
	}
	return ("");
}

int
record_shows(const char *value)
{
	const unsigned char	*s = (const unsigned char *)value;

	if (!utf8_valid(value, strlen(value)))
		return (0);
	for (; *s != '\0'; s++)
		if (*s < ' ' || *s == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0) ||		/* C0, DEL, C1 */
		    (s[0] == 0xef && s[1] == 0xbf && s[2] >= 0xbe) || (s[0] == 0xef && s[1] == 0xb7 && s[2] >= 0x90 && s[2] <= 0xaf) ||
		    (s[0] >= 0xf0 && (s[1] & 0xf) == 0xf && s[2] == 0xbf && s[3] >= 0xbe))	/* no characters of Unicode */
			return (0);
	return (1);
}

void
record_digest(const char *const values[RECORD_FIELDS], char hex[RECORD_HASH_DIGITS + 1])
{
	SHA2_CTX	 ctx;
	uint8_t		 digest[SHA256_DIGEST_LENGTH];
	size_t		 i;

	SHA256Init(&ctx);
	for (i = 0; i < RECORD_FIELDS; i++)
		SHA256Update(&ctx, (const uint8_t *)values[i], strlen(values[i]) + 1);
	SHA256Final(digest, &ctx);
	hex_encode(hex, digest, sizeof(digest));
	hex[RECORD_HASH_DIGITS] = '\0';
}

/* What stands in a field of text: what was typed, else what the store has.  Never NULL. */
static const char *
row_value(const struct records *p, const struct record_row *r, const char *column)
{
	const char	*value = NULL;

	if (r->typed != NULL)
		value = form_row(r->typed, r->tn, column);
	if (value == NULL && r->at != -1)
		value = table_value(p->rows, r->at, column);
	if (value == NULL && r->at == -1 && strcmp(column, "tls") == 0)
		value = "tls";
	return (value == NULL ? "" : value);
}

static int
row_checked(const struct records *p, const struct record_row *r, const char *column)
{
	const char	*value;

	if (r->typed != NULL)
		return (form_row(r->typed, r->tn, column) != NULL);
	if (r->at == -1)
		return (strcmp(column, "leave") == 0);
	value = table_value(p->rows, r->at, column);
	return (value != NULL && strcmp(value, "1") == 0);
}

/* The column that a sentence of the schema is about, "rpop: COLUMN ..."; NULL: it says none. */
static const char *
row_wrong_column(const char *error)
{
	static const char *const	 columns[] = { "name", "period", "auth_name", "domain", "password", "tls", "special", "mailbox" };
	size_t				 i, n;

	if (error == NULL || strncmp(error, "rpop: ", 6) != 0)
		return (NULL);
	n = strcspn(error + 6, " ");
	for (i = 0; i < nitems(columns); i++)
		if (strlen(columns[i]) == n && strncmp(columns[i], error + 6, n) == 0)
			return (columns[i]);
	return (NULL);
}

/* A cell begins: its label, and the field up to its name and state.  field is "input" and its type, or "select". */
static void
row_cell(const struct records *p, const struct record_row *r, const char *column, const char *label, const char *field)
{
	struct answer	*a = &p->v->answer;
	const char	*wrong = row_wrong_column(r->error);

	put(a, strstr(field, "checkbox") != NULL ? "<div class=\"cell tick\"><label for=\"" : "<div class=\"cell\"><label for=\"");
	row_id(p, r, column);
	put(a, "\">");
	put(a, label);
	put(a, "</label> <");
	put(a, field);
	put(a, " id=\"");
	row_id(p, r, column);
	if (r->fixed == NULL) {
		put(a, "\" name=\"");
		row_id(p, r, column);
	}
	put(a, "\"");
	if (wrong != NULL && strcmp(wrong, column) == 0)
		put(a, " aria-invalid=\"true\"");
	if (r->error != NULL)
		putf(a, " aria-describedby=\"error.%zu\"", r->n);
}

static void
row_id(const struct records *p, const struct record_row *r, const char *column)
{
	put(&p->v->answer, column);
	putf(&p->v->answer, ".%zu", r->n);
}

static void
row_text(const struct records *p, const struct record_row *r, const char *column, const char *label, unsigned int max)
{
	struct answer		*a = &p->v->answer;
	struct record_row	 fixed = *r;
	const char		*value = row_value(p, r, column);

	/* What a browser would bring back as something else is no field that is sent, and stays as it is. */
	if (r->fixed == NULL && (!record_shows(value) || (strcmp(column, "special") == 0 && !p->server)))
		fixed.fixed = column;
	row_cell(p, &fixed, column, label, "input type=\"text\"");
	put(a, " value=\"");
	text(a, value);
	put(a, "\"");
	if (fixed.fixed != NULL)
		put(a, " readonly");
	else
		putf(a, " maxlength=\"%u\" autocomplete=\"off\" autocapitalize=\"none\" spellcheck=\"false\"", max);
	put(a, "></div>\n");
}

static void
row_tick(const struct records *p, const struct record_row *r, const char *column, const char *label)
{
	struct answer	*a = &p->v->answer;

	row_cell(p, r, column, label, "input type=\"checkbox\" value=\"1\"");
	put(a, row_checked(p, r, column) ? " checked" : "");
	put(a, r->fixed != NULL ? " disabled></div>\n" : "></div>\n");
}

static void
row_option(const struct records *p, const char *value, const char *label, int selected)
{
	struct answer	*a = &p->v->answer;

	put(a, "<option value=\"");
	text(a, value);
	put(a, selected ? "\" selected>" : "\">");
	text(a, label);
	put(a, "</option>");
}

/* A period that the list does not have is kept by a line of its own. */
static void
row_period(const struct records *p, const struct record_row *r)
{
	struct answer	*a = &p->v->answer;
	char		 wanted[32], value[16], odd[64];
	const char	*is = r->at == -1 ? NULL : table_value(p->rows, r->at, "period"), *typed = NULL;
	size_t		 i;

	if (r->typed != NULL)
		typed = form_row(r->typed, r->tn, "period");
	if (typed != NULL)
		strlcpy(wanted, typed, sizeof(wanted));
	else if (r->at == -1)
		snprintf(wanted, sizeof(wanted), "%u", p->least > NEW_PERIOD ? p->least : NEW_PERIOD);
	else
		strlcpy(wanted, record_period_value(p, is), sizeof(wanted));
	row_cell(p, r, "period", "Poll Every", "select");
	put(a, r->fixed != NULL ? " disabled>" : ">");
	if (r->at != -1 && *record_period_value(p, is) == '\0') {
		period_text(odd, sizeof(odd), is);
		row_option(p, "", odd, *wanted == '\0');
	} else if (r->at == -1 && p->least > NEW_PERIOD && *record_period_value(p, wanted) == '\0') {
		snprintf(value, sizeof(value), "%u", p->least);
		period_text(odd, sizeof(odd), value);
		row_option(p, value, odd, strcmp(wanted, value) == 0);
	}
	row_option(p, "never", r->at == -1 ? "Never" : "Never (remove)", strcmp(wanted, "never") == 0);
	row_option(p, "disabled", "Disabled", strcmp(wanted, "disabled") == 0);
	for (i = 0; i < nitems(periods); i++) {
		snprintf(value, sizeof(value), "%u", periods[i].seconds);
		if (periods[i].seconds >= p->least)
			row_option(p, value, periods[i].text, strcmp(wanted, value) == 0);
	}
	put(a, "</select></div>\n");
}

static void
row_tls(const struct records *p, const struct record_row *r)
{
	const char	*value = row_value(p, r, "tls");
	size_t		 i;

	row_cell(p, r, "tls", "TLS", "select");
	put(&p->v->answer, r->fixed != NULL ? " disabled>" : ">");
	for (i = 0; i < nitems(modes); i++)
		row_option(p, modes[i].value, modes[i].text, strcmp(value, modes[i].value) == 0);
	put(&p->v->answer, "</select></div>\n");
}

/* What was typed is not there again: it would be in the page, and in what keeps pages. */
static void
row_password(const struct records *p, const struct record_row *r)
{
	struct answer		*a = &p->v->answer;
	const char		*typed = r->typed == NULL ? NULL : form_row(r->typed, r->tn, "password");
	struct record_row	 fixed = *r;
	int			 token, set;

	set = r->at != -1 && table_secret(p->rows, r->at, "password");
	token = r->at != -1 && (table_value(p->rows, r->at, "oauth_client") != NULL ||
	    table_value(p->rows, r->at, "token_command") != NULL);
	if (token)
		fixed.fixed = "";
	row_cell(p, &fixed, "password", "Password", "input type=\"password\"");
	put(a, " value=\"\" autocomplete=\"new-password\"");
	if (fixed.fixed != NULL)
		put(a, token ? " placeholder=\"by token\" readonly" : set ? " placeholder=\"set\" readonly" : " placeholder=\"none\" readonly");
	else {
		putf(a, " maxlength=\"%d\"", PROTO_SECRET_MAX);
		put(a, typed != NULL && *typed != '\0' ? " placeholder=\"enter it again\"" : set ? " placeholder=\"unchanged\"" : "");
	}
	put(a, "></div>\n");
}

/* What the form brings back beside the fields: which record it was, in which state, and as what it was shown. */
static void
row_hidden(const struct records *p, const struct record_row *r)
{
	struct answer	*a = &p->v->answer;
	const char	*values[RECORD_FIELDS];
	char		 digest[RECORD_HASH_DIGITS + 1] = "";

	if (r->typed == NULL) {
		row_shown(p, r, values);
		record_digest(values, digest);
	}
	putf(a, "<input type=\"hidden\" name=\"row.%zu\" value=\"", r->n);
	text(a, r->at == -1 ? "" : table_value(p->rows, r->at, "name"));
	putf(a, "\"><input type=\"hidden\" name=\"was.%zu\" value=\"", r->n);
	text(a, r->at == -1 ? "" : table_hash(p->rows, r->at));
	putf(a, "\"><input type=\"hidden\" name=\"shown.%zu\" value=\"", r->n);
	text(a, digest);
	put(a, "\">\n");
}

/* The values that a browser brings back if nobody edits the row. */
static void
row_shown(const struct records *p, const struct record_row *r, const char *values[RECORD_FIELDS])
{
	static char	 least[16];
	const char	*folder = p->special ? "special" : "mailbox";
	size_t		 i;

	snprintf(least, sizeof(least), "%u", p->least > NEW_PERIOD ? p->least : NEW_PERIOD);
	values[RECORD_NAME] = row_value(p, r, "name");
	values[RECORD_PERIOD] = r->at == -1 ? least : record_period_value(p, table_value(p->rows, r->at, "period"));
	values[RECORD_AUTH_NAME] = row_value(p, r, "auth_name");
	values[RECORD_DOMAIN] = row_value(p, r, "domain");
	values[RECORD_LEAVE] = row_checked(p, r, "leave") ? "1" : "";
	values[RECORD_APOP] = row_checked(p, r, "apop") ? "1" : "";
	values[RECORD_TLS] = row_value(p, r, "tls");
	values[RECORD_FOLDER] = p->special && !p->server ? "" : row_value(p, r, folder);
	for (i = 0; i < RECORD_FIELDS; i++)
		if (!record_shows(values[i]))
			values[i] = "";
}

/* The lines below the fields: what is wrong, what came of the last poll, and what can be done. */
static void
row_state(const struct records *p, const struct record_row *r)
{
	struct answer	*a = &p->v->answer;

	if (r->error != NULL)
		row_error(p, r);
	put(a, "<div class=\"cell state\">\n");
	if (r->fixed == NULL)
		row_hidden(p, r);
	if (r->at != -1) {
		row_last(p, row_status(p, table_value(p->rows, r->at, "name")));
		row_buttons(p, r);
	} else
		put(a, "<p class=\"dim\">A new record: give it a name, and press Update.</p>\n");
	if (r->fixed != NULL && *r->fixed != '\0') {
		put(a, "<p class=\"dim\">");
		text(a, r->fixed);
		put(a, "</p>\n");
	}
	put(a, "</div>\n");
}

/* When the last poll succeeded, or why it failed, since when, and what may help. */
static void
row_last(const struct records *p, const struct record_state *s)
{
	struct answer	*a = &p->v->answer;
	size_t		 i;

	put(a, "<p><strong>Last:</strong> ");
	if (s == NULL)
		put(a, "not known");
	else if (s->error[0] != '\0') {
		put(a, "<span class=\"ill\">");
		text(a, s->error);
		put(a, "</span>");
		if (s->failing != 0) {
			put(a, "; failing since ");
			text_time(a, s->failing);
		}
		if (s->failures > 1)
			putf(a, ", %u times in a row", s->failures);
	} else if (s->success != 0) {
		put(a, "<span class=\"ok\">");
		text_time(a, s->success);
		put(a, "</span>");
	} else
		put(a, "never yet");
	if (s != NULL)
		row_next(p, s);
	for (i = 0; s != NULL && i < nitems(remedies); i++)
		if (strncmp(s->error, remedies[i].stage, strlen(remedies[i].stage)) == 0) {
			put(a, ".<br>");
			put(a, remedies[i].remedy);
		}
	put(a, "</p>\n");
}

/* What it waits for, or how far it is. */
static void
row_next(const struct records *p, const struct record_state *s)
{
	struct answer	*a = &p->v->answer;
	size_t		 i;

	if (strcmp(s->state, "idle") == 0) {
		if (s->next != 0) {
			put(a, "; next poll ");
			text_time(a, s->next);
		}
		return;
	}
	for (i = 0; i < nitems(schedule_states) && strcmp(s->state, schedule_states[i].state) != 0; i++)
		continue;
	put(a, "; ");
	put(a, i < nitems(schedule_states) ? schedule_states[i].text : "is being polled now");
	if (s->planned > 0)
		putf(a, ": %u of %u messages", s->fetched, s->planned);
}

static void
row_error(const struct records *p, const struct record_row *r)
{
	struct answer	*a = &p->v->answer;
	const char	*typed = r->typed == NULL ? NULL : form_row(r->typed, r->tn, "password");

	putf(a, "<div class=\"cell state\">\n<p class=\"error\" id=\"error.%zu\">", r->n);
	text(a, r->error);
	if (typed != NULL && *typed != '\0')
		put(a, ". The password has to be entered again");
	put(a, "</p>\n");
	if (r->typed != NULL && r->at != -1)
		row_meanwhile(p, r);
	put(a, "</div>\n");
}

/* What a record has become meanwhile, where that is not what is in the fields. */
static void
row_meanwhile(const struct records *p, const struct record_row *r)
{
	static const struct { const char *column, *label; } told[] = {
		{ "period", "Poll Every" }, { "auth_name", "Account" }, { "domain", "at Host" }, { "leave", "Leave" }, { "apop", "APOP" },
		{ "tls", "TLS" }, { "mailbox", "Mailbox" }, { "special", "Special" }
	};
	struct answer	*a = &p->v->answer;
	const char	*was = form_row(r->typed, r->tn, "was"), *value;
	char		 odd[64];
	size_t		 i;

	if (was == NULL || strcmp(was, table_hash(p->rows, r->at)) == 0)
		return;
	put(a, "<p class=\"hint\">As somebody else has left it:");
	for (i = 0; i < nitems(told); i++) {
		if ((value = table_value(p->rows, r->at, told[i].column)) == NULL && strcmp(told[i].column, "period") != 0)
			continue;
		put(a, i == 0 ? " " : ", ");
		put(a, told[i].label);
		put(a, " ");
		if (strcmp(told[i].column, "period") == 0)
			period_text(odd, sizeof(odd), value);
		if (strcmp(told[i].column, "leave") == 0 || strcmp(told[i].column, "apop") == 0)
			put(a, strcmp(value, "1") == 0 ? "yes" : "no");
		else
			text(a, i == 0 ? odd : value);
	}
	put(a, ". Update puts what you see in the fields in its place.</p>\n");
}

/* The button belongs to a form behind this one; where a browser does not know that, this form says the same. */
static void
row_buttons(const struct records *p, const struct record_row *r)
{
	struct answer	*a = &p->v->answer;
	const char	*name = table_value(p->rows, r->at, "name");

	if (!record_shows(name))
		return;
	putf(a, "<button class=\"second\" type=\"submit\" form=\"poll\" name=\"poll.%zu\" value=\"", r->n);
	text(a, name);
	put(a, "\">Poll now</button> <a class=\"button\" href=\"");
	record_query(p->v, "/records/try", p->account, name);
	put(a, "\">Try</a>\n");
}

static const struct record_state *
row_status(const struct records *p, const char *name)
{
	struct record_state	 key;

	strlcpy(key.name, name, sizeof(key.name));
	return (p->nstates == 0 ? NULL : bsearch(&key, p->states, p->nstates, sizeof(key), status_order));
}

static int
status_order(const void *a, const void *b)
{
	return (strcmp(((const struct record_state *)a)->name, ((const struct record_state *)b)->name));
}

/* A period in words; NULL: disabled. */
static void
period_text(char *text, size_t size, const char *period)
{
	const char	*wrong;
	long long	 s;
	size_t		 i;

	strlcpy(text, period == NULL ? "Disabled" : period, size);
	if (period == NULL || ((s = strtonum(period, 1, UINT32_MAX, &wrong)) == 0 && wrong != NULL))
		return;
	for (i = 0; i < nitems(periods) && (long long)periods[i].seconds != s; i++)
		continue;
	if (i < nitems(periods))
		strlcpy(text, periods[i].text, size);
	else if (s % 3600 == 0)
		snprintf(text, size, "%lld hours", s / 3600);
	else if (s % 60 == 0)
		snprintf(text, size, "%lld minutes", s / 60);
	else
		snprintf(text, size, "%lld seconds", s);
}
