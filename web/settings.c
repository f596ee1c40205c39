/* SPDX-License-Identifier: ISC */
/*
 * The two pages of settings, "/admin/rpop" and "/admin/pop": one table of fields makes both, and says what is saved.  Only columns
 * that differ from the row in the store are changed, and only if the row is the one that was shown.
 */
#include <stdlib.h>
#include <string.h>

#include "web.h"

#define CHOICES_MAX	200	/* names of another table that a page offers; with more of them the name is typed */
#define VALUE_SIZE	2048	/* of a value of this table, with its NUL */

enum leaf { RPOP, POP, LEAF_MAX };
/* FIXED: only root sets it, at the control socket, and it is shown. */
enum kind { NUMBER, TEXT, YESNO, CHOICE, NAMED, FIXED };

struct choice { const char *value, *label; };

struct setting {
	enum leaf		 leaf;
	enum kind		 kind;
	const char		*column, *label;
	const char		*unit;		/* NUMBER, or NULL */
	int			 null;		/* 1: no value is the store's NULL */
	const char		*none;		/* what no value means, as a choice has it */
	const struct choice	*choices;	/* CHOICE */
	const char		*table;		/* NAMED: the value is in column name of this table */
	const char		*help;
	const char		*group;		/* of the first one of a group: its title */
};

static const struct choice	 levels[] = {
	{ "crashes", "Crashes Only" }, { "failures", "Failures" }, { "major", "Major" }, { "problems", "Problems" },
	{ "low", "Low-Level" }, { "all", "All Info" }, { NULL, NULL }
};
static const struct choice	 clear[] = {
	{ "never", "never" }, { "local", "from this machine only" }, { "always", "from everywhere" }, { NULL, NULL }
};
static const struct choice	 yesno[] = { { "0", "no" }, { "1", "yes" }, { NULL, NULL } };
static const struct choice	 details[] = {
	{ "", "none" }, { "+", "+" }, { "-", "-" }, { "=", "=" }, { ".", "." }, { "_", "_" }, { "#", "#" }, { NULL, NULL }
};

static const struct setting	 settings[] = {
	{ RPOP, CHOICE, "log_level", "Log Level", .choices = levels, .group = "Polling",
	    .help = "What is logged: Major or Problems as a rule, Low-Level or All Info while something is looked into." },
	{ RPOP, NUMBER, "processors", "Processors", "sessions",
	    .help = "Sessions with remote servers at the same time, 0 to 1000. With 0 nothing is polled. Default 100." },
	{ RPOP, NUMBER, "delay_failed_hosts", "Delay Failed Hosts for", "seconds",
	    .help = "Until a host that failed is tried again, 10 to 604800; longer after each try in vain. Default 300." },
	{ RPOP, NUMBER, "delay_failed_accounts", "Delay Failed Accounts for", "seconds",
	    .help = "Until a record is polled again that failed by itself, by a wrong password for example, 10 to 604800. "
	    "Default 300." },
	{ RPOP, NUMBER, "host_sessions", "Sessions of a Host", "sessions",
	    .help = "At the same time with one host and port, 1 to 1000. Default 10." },
	{ RPOP, YESNO, "use_apop", "Use APOP", .help = "With no, no record uses APOP, whatever it says itself." },
	{ RPOP, YESNO, "self_poll", "Allow Self-Poll",
	    .help = "With no, a record whose server turns out to be this machine is not polled: its mail would go round in a "
	    "circle." },
	{ RPOP, NAMED, "schedule", "Schedule", .null = 1, .none = "always", .table = "schedule",
	    .help = "The windows of time in which records are polled." },
	{ RPOP, TEXT, "source_address", "Source IP Address", .null = 1, .group = "Connections",
	    .help = "Numeric addresses of this machine to connect from, one of each family, separated by commas. Empty: the "
	    "system chooses." },
	{ RPOP, YESNO, "use_domain_addresses", "Use Domain IP Addresses",
	    .help = "With yes, personal records connect from the address of their account's domain, if that has one." },
	{ RPOP, NUMBER, "idle_timeout", "Idle Timeout", "seconds",
	    .help = "Without an octet from the server, until a session is given up, 10 to 3600. Default 180." },
	{ RPOP, NUMBER, "session_timeout", "Session Timeout", "seconds",
	    .help = "That a session may last, 60 to 86400, and not less than the idle timeout. Default 3600." },
	{ RPOP, TEXT, "hostname", "Host Name", .null = 1,
	    .help = "Of this machine, in trace fields and names of files. Empty: the system's own." },
	{ RPOP, FIXED, "nameservers", "Name Servers", .null = 1, .none = "those of the system" },
	{ RPOP, FIXED, "socks", "SOCKS Server", .null = 1, .none = "none" },
	{ RPOP, FIXED, "ca_dir", "Trusted Certificates", .null = 0 },
	{ RPOP, NUMBER, "user_min_period", "Minimum Poll Period of Users", "seconds", .group = "Records of users",
	    .help = "The least that users may set for records of their own, 10 to 31536000. Default 600." },
	{ RPOP, NUMBER, "user_max_records", "Maximum Records of a User", "records",
	    .help = "That a user may make himself, 0 to 1000. Default 5." },
	{ RPOP, NAMED, "main_domain", "Main Domain", .null = 1, .none = "none", .table = "domain", .group = "Delivery",
	    .help = "Its postmaster has the records of unified mailboxes, and gets what is for nobody." },
	{ RPOP, NAMED, "nexthop", "Deliver by", .null = 1, .none = "storing in Maildirs", .table = "nexthop",
	    .help = "The next hop that takes the mail of all accounts that have none of their own." },
	{ RPOP, NAMED, "report_nexthop", "Reports by", .null = 1, .none = "the postmaster gets them", .table = "nexthop",
	    .help = "The next hop that takes reports of failed deliveries." },
	{ RPOP, TEXT, "archive", "Archive", .null = 1,
	    .help = "An address here that gets a copy of every message. Empty: none." },
	{ RPOP, CHOICE, "detail", "Detail Separator", .choices = details,
	    .help = "The character between user and detail in addresses: user+detail@domain." },
	{ RPOP, NUMBER, "hop_limit", "Hop Limit", "Received fields",
	    .help = "A message with more of them has gone round in a circle, 10 to 1000. Default 100." },
	{ RPOP, FIXED, "mail_root", "Mail Root", .null = 0 },
	{ RPOP, NUMBER, "queue_age", "Queue Age", "seconds", .group = "Limits",
	    .help = "That a recipient waits for its next hop until it has failed, 600 to 2592000. Default 432000, five days." },
	{ RPOP, NUMBER, "queue_limit", "Queue Limit", "deliveries",
	    .help = "With more of them waiting, 1 to 1000000, nothing is polled. Default 10000." },
	{ RPOP, NUMBER, "min_free", "Free Room", "MiB",
	    .help = "With less on the disks of mail root and state, 0 to 1048576, nothing is polled. Default 200." },
	{ RPOP, NUMBER, "keep_state_days", "Keep State", "days",
	    .help = "Of a mailbox that no record names any more, 0 to 3650, so that its mail does not come twice. Default 30." },
	{ RPOP, NUMBER, "history_days", "Keep History", "days",
	    .help = "Of what became of each message, 0 to 3650; 0: none is kept. Default 30." },

	{ POP, CHOICE, "pop_log_level", "Log Level", .null = 1, .none = "as everything else", .choices = levels,
	    .group = "Mail programs",
	    .help = "What is logged of sessions of mail programs, their logins and mailboxes." },
	{ POP, NUMBER, "pop_channels", "Channels", "sessions",
	    .help = "Sessions of mail programs at the same time, 0 to 10000. With 0 nothing listens. Default 100." },
	{ POP, NUMBER, "pop_per_address", "Channels of an Address", "sessions",
	    .help = "Such sessions from one address at the same time, 1 to 10000. Default 20." },
	{ POP, NUMBER, "pop_idle", "Idle Timeout", "seconds",
	    .help = "Without a command of the mail program, until its session is closed, 600 to 86400. Default 600." },
	{ POP, TEXT, "unified_field", "Unified Field",
	    .help = "The header field that names whom a message came for, in the mail of unified accounts. Default X-Real-To." },
	{ POP, CHOICE, "pop_clear", "Passwords in Clear", .choices = clear, .group = "Logging in",
	    .help = "From where passwords may come without TLS." },
	{ POP, YESNO, "pop_apop", "Offer APOP",
	    .help = "With yes, it is offered if some account has a password that APOP can use." },
	{ POP, NUMBER, "pop_login_delay", "Login Delay", "seconds",
	    .help = "Between two logins of an account, 0 to 86400, unless the account has a delay of its own. Default 0." },
	{ POP, FIXED, "pop_auth", "Passwords Verified by", .null = 0 },
	{ POP, FIXED, "pop_auth_user", "System User of That", .null = 1, .none = "_rpopc" },
	{ POP, NAMED, "submit_nexthop", "Send by", .null = 1, .none = "nobody sends", .table = "nexthop",
	    .group = "Sending (XTND XMIT)",
	    .help = "The next hop that takes mail to others which mail programs send." },
	{ POP, NUMBER, "submit_limit", "Messages in an Hour", "messages",
	    .help = "That an account may send, 1 to 100000. Default 60." },
	{ POP, NUMBER, "submit_recipients", "Recipients of a Message", "addresses", .help = "1 to 1000. Default 100." },
	{ POP, NUMBER, "submit_size", "Size of a Message", "octets", .help = "1024 to 1073741824. Default 26214400." },
	{ POP, FIXED, "web_socket", "Socket", .null = 1, .none = "none", .group = "These pages" },
	{ POP, FIXED, "web_group", "Group of the Web Server", .null = 1, .none = "root alone" }
};

static const struct { const char *path, *title; } leaves[LEAF_MAX] = {
	[RPOP] = { "/admin/rpop", "RPOP settings" },
	[POP] = { "/admin/pop", "POP settings" }
};

static enum leaf settings_leaf(const struct visit *);
static void	 settings_page(struct visit *, const char *said);
static void	 settings_group(struct answer *, const struct setting *, int *);
static void	 settings_field(struct visit *, const struct setting *, const char *now, const char *said);
static void	 settings_input(struct visit *, const struct setting *, const char *value, int wrong);
static void	 settings_select(struct visit *, const struct setting *, const char *value, int wrong, const struct table *);
static void	 settings_option(struct answer *, const char *value, const char *label, int selected);
static void	 settings_attributes(struct answer *, const struct setting *, int wrong);
static void	 settings_fixed(struct answer *, const struct setting *, const char *value);
static size_t	 settings_changes(struct visit *, const struct table *, struct pair *, char (*)[VALUE_SIZE]);
static int	 settings_typed(const struct visit *, const struct setting *, char *, size_t);
static const char *settings_value(const struct table *, const struct setting *);
static const struct setting *settings_blamed(struct visit *, enum leaf, const struct table *, const char *said);
static const char *settings_word(const char *, const char *);
static void	 settings_listeners(struct visit *);

void
show_settings(struct visit *v)
{
	settings_page(v, NULL);
}

void
change_settings(struct visit *v)
{
	struct pair	 pairs[nitems(settings)];
	char		(*values)[VALUE_SIZE], said[sizeof(v->said)];
	const char	*was = form_get(&v->req.form, "was");
	struct table	*t;
	size_t		 n;
	int		 done = -1;

	if (was == NULL || strlen(was) != 64 || strspn(was, "0123456789abcdef") != 64) {
		page_error(v, 400, "The form that came is not one of this page.");
		return;
	}
	if ((values = calloc(nitems(settings), sizeof(*values))) == NULL || (t = table_get(v, "settings", NULL, 0)) == NULL) {
		page_error(v, 503, values == NULL ? "There is no memory for that now; try again." : v->said);
		free(values);
		return;
	}
	strlcpy(v->said, "Nothing was changed.", sizeof(v->said));
	if (table_rows(t) == 1 && (n = settings_changes(v, t, pairs, values)) <= nitems(settings))
		done = n == 0 ? 0 : table_change(v, CHANGE_SET, "settings", pairs, n, 0, was, 0);
	else
		strlcpy(v->said, "Nothing was saved: a value is too long.", sizeof(v->said));
	table_free(t);
	free(values);
	if (done == 0) {
		answer_see(&v->answer, &v->req, leaves[settings_leaf(v)].path);
		return;
	}
	strlcpy(said, v->said, sizeof(said));
	v->said[0] = '\0';
	v->answer.status = 422;
	settings_page(v, said);
}

static enum leaf
settings_leaf(const struct visit *v)
{
	return (strcmp(v->req.path, leaves[POP].path) == 0 ? POP : RPOP);
}

/* A page; said: why nothing was saved, and what was typed is shown again.  NULL: the page as it is. */
static void
settings_page(struct visit *v, const char *said)
{
	struct answer		*a = &v->answer;
	const struct setting	*s, *blamed = NULL;
	struct table		*t;
	enum leaf		 leaf = settings_leaf(v);
	int			 open = 0;

	page_begin(v, leaves[leaf].title);
	if ((t = table_get(v, "settings", NULL, 0)) == NULL || table_rows(t) != 1) {
		v->answer.status = 503;
		page_note(v, "bad", t == NULL ? v->said : "The daemon has no settings now; try again.");
		if (t != NULL)
			table_free(t);
		page_end(v);
		return;
	}
	if (said != NULL && (blamed = settings_blamed(v, leaf, t, said)) != NULL)
		page_note(v, "bad", "Nothing was saved: one of the values below cannot be.");
	else if (said != NULL)
		page_note(v, "bad", *said != '\0' ? said : "Nothing was saved.");
	page_form(v, leaves[leaf].path);
	put(a, "<div class=\"fields\">\n<input type=\"hidden\" name=\"was\" value=\"");
	text(a, table_hash(t, 0));
	put(a, "\">\n");
	for (s = settings; s < settings + nitems(settings); s++) {
		if (s->leaf != leaf)
			continue;
		settings_group(a, s, &open);
		settings_field(v, s, settings_value(t, s), s == blamed ? said : NULL);
	}
	put(a, "</fieldset>\n</div>\n<p class=\"buttons\"><button type=\"submit\" name=\"update\" value=\"1\">"
	    "Update</button></p>\n</form>\n");
	table_free(t);
	if (leaf == POP)
		settings_listeners(v);
	page_end(v);
}

/* A field with a title begins a group. */
static void
settings_group(struct answer *a, const struct setting *s, int *open)
{
	if (s->group == NULL)
		return;
	put(a, *open ? "</fieldset>\n<fieldset><legend>" : "<fieldset><legend>");
	put(a, s->group);
	put(a, "</legend>\n");
	*open = 1;
}

/* A line of the form.  now: what the store has; said: what is wrong with what was typed, or NULL. */
static void
settings_field(struct visit *v, const struct setting *s, const char *now, const char *said)
{
	struct answer	*a = &v->answer;
	char		 typed[VALUE_SIZE];
	int		 again = v->req.method == METHOD_POST && settings_typed(v, s, typed, sizeof(typed)) == 1;

	if (s->kind == FIXED) {
		settings_fixed(a, s, now);
		return;
	}
	put(a, "<div class=\"field\"><label for=\"f-");
	put(a, s->column);
	put(a, "\">");
	put(a, s->label);
	if (s->unit != NULL) {
		put(a, " <span class=\"dim\">(");
		put(a, s->unit);
		put(a, ")</span>");
	}
	put(a, "</label>\n");
	settings_input(v, s, again ? typed : now, said != NULL);
	put(a, "\n<p class=\"help\" id=\"h-");
	put(a, s->column);
	put(a, "\">");
	put(a, s->help);
	put(a, "</p>\n");
	if (said != NULL) {
		put(a, "<p class=\"error\" id=\"e-");
		put(a, s->column);
		put(a, "\">");
		text(a, said);
		put(a, "</p>\n");
	}
	if (again && strcmp(typed, now) != 0) {
		put(a, "<p class=\"help\">Not saved; it is ");
		text(a, *now != '\0' ? now : s->none != NULL ? s->none : "empty");
		put(a, " now.</p>\n");
	}
	put(a, "</div>\n");
}

/* The field itself. */
static void
settings_input(struct visit *v, const struct setting *s, const char *value, int wrong)
{
	struct answer	*a = &v->answer;
	struct table	*names = NULL;

	if (s->kind == NAMED && (names = table_get(v, s->table, NULL, 0)) != NULL && table_rows(names) > CHOICES_MAX) {
		table_free(names);
		names = NULL;
	}
	if (names != NULL || s->kind == CHOICE || s->kind == YESNO)
		settings_select(v, s, value, wrong, names);
	else {
		put(a, "<input type=\"text\"");
		settings_attributes(a, s, wrong);
		put(a, s->kind == NUMBER ? " inputmode=\"numeric\"" : " autocapitalize=\"none\" spellcheck=\"false\"");
		put(a, " value=\"");
		text(a, value);
		put(a, "\">");
	}
	if (names != NULL)
		table_free(names);
}

/* What there is to choose from, and the value itself if that is not among it. */
static void
settings_select(struct visit *v, const struct setting *s, const char *value, int wrong, const struct table *names)
{
	const struct choice	*c = s->kind == YESNO ? yesno : s->choices;
	struct answer		*a = &v->answer;
	const char		*name, *last = NULL;
	size_t			 i;
	int			 found = s->null && *value == '\0';

	put(a, "<select");
	settings_attributes(a, s, wrong);
	put(a, ">\n");
	if (s->null)
		settings_option(a, "", s->none, found);
	for (; c != NULL && c->value != NULL; c++) {
		settings_option(a, c->value, c->label, strcmp(c->value, value) == 0);
		found |= strcmp(c->value, value) == 0;
	}
	for (i = 0; names != NULL && i < table_rows(names); i++) {
		if ((name = table_value(names, i, "name")) == NULL || (last != NULL && strcmp(last, name) == 0))
			continue;
		settings_option(a, name, name, strcmp(name, value) == 0);
		found |= strcmp(name, value) == 0;
		last = name;
	}
	if (!found)
		settings_option(a, value, value, 1);
	put(a, "</select>");
}

static void
settings_option(struct answer *a, const char *value, const char *label, int selected)
{
	put(a, "<option value=\"");
	text(a, value);
	put(a, selected ? "\" selected>" : "\">");
	text(a, label);
	put(a, "</option>\n");
}

static void
settings_attributes(struct answer *a, const struct setting *s, int wrong)
{
	put(a, " id=\"f-");
	put(a, s->column);
	put(a, "\" name=\"");
	put(a, s->column);
	put(a, "\" aria-describedby=\"h-");
	put(a, s->column);
	if (wrong) {
		put(a, " e-");
		put(a, s->column);
		put(a, "\" aria-invalid=\"true");
	}
	put(a, "\"");
}

/* A setting that only root changes. */
static void
settings_fixed(struct answer *a, const struct setting *s, const char *value)
{
	put(a, "<div class=\"field\"><b>");
	put(a, s->label);
	put(a, "</b>\n<p>");
	text(a, *value == '\0' && s->none != NULL ? s->none : value);
	put(a, " <span class=\"dim\">(set by root: ");
	put(a, s->column);
	put(a, ")</span></p></div>\n");
}

/* What the store has: empty for its NULL. */
static const char *
settings_value(const struct table *t, const struct setting *s)
{
	const char	*value = table_value(t, 0, s->column);

	return (value == NULL ? "" : value);
}

/* What was typed into a field, without blanks around it.  1; 0: the form has no such field; -1: it does not fit. */
static int
settings_typed(const struct visit *v, const struct setting *s, char *value, size_t size)
{
	const char	*p = s->kind == FIXED ? NULL : form_get(&v->req.form, s->column);
	size_t		 n;

	if (p == NULL)
		return (0);
	p += strspn(p, " \t\r\n");
	for (n = strlen(p); n > 0 && strchr(" \t\r\n", p[n - 1]) != NULL; n--)
		;
	if (n >= size)
		return (-1);
	memcpy(value, p, n);
	value[n] = '\0';
	return (1);
}

/* The columns that were given another value, with values in the array of that name.  How many, or SIZE_MAX: one is too long. */
static size_t
settings_changes(struct visit *v, const struct table *t, struct pair *pairs, char (*values)[VALUE_SIZE])
{
	const struct setting	*s;
	enum leaf		 leaf = settings_leaf(v);
	size_t			 n = 0;
	int			 typed;

	for (s = settings; s < settings + nitems(settings); s++) {
		if (s->leaf != leaf || (typed = settings_typed(v, s, values[n], VALUE_SIZE)) == 0)
			continue;
		if (typed == -1)
			return (SIZE_MAX);
		if (strcmp(values[n], settings_value(t, s)) == 0)
			continue;
		pairs[n].column = s->column;
		pairs[n].value = s->null && values[n][0] == '\0' ? NULL : values[n];
		n++;
	}
	return (n);
}

/* The field that a refusal is about: of those that were to be changed the one that the sentence names first.  NULL: none. */
static const struct setting *
settings_blamed(struct visit *v, enum leaf leaf, const struct table *t, const char *said)
{
	const struct setting	*s, *blamed = NULL;
	const char		*at, *first = NULL;
	char			 typed[VALUE_SIZE];

	for (s = settings; s < settings + nitems(settings); s++) {
		if (s->leaf != leaf || settings_typed(v, s, typed, sizeof(typed)) != 1 ||
		    strcmp(typed, settings_value(t, s)) == 0 || (at = settings_word(said, s->column)) == NULL)
			continue;
		if (first == NULL || at < first) {
			first = at;
			blamed = s;
		}
	}
	return (blamed);
}

/* Where a column is named in a sentence, as a word of its own; NULL: nowhere. */
static const char *
settings_word(const char *sentence, const char *column)
{
	static const char	 letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
	const char		*p;
	size_t			 len = strlen(column);

	for (p = sentence; (p = strstr(p, column)) != NULL; p++)
		if ((p == sentence || strchr(letters, p[-1]) == NULL) && (p[len] == '\0' || strchr(letters, p[len]) == NULL))
			break;
	return (p);
}

/* The listeners, and what is wrong with them: a table to look at. */
static void
settings_listeners(struct visit *v)
{
	static const char *const	 columns[] = { "address", "port", "tls", "channels", "cert" };
	struct answer			*a = &v->answer;
	struct table			*t;
	const char			*value, *trouble;
	size_t				 i, c;

	put(a, "<h2 id=\"listeners\">Listener</h2>\n<p class=\"lead\">Where mail programs connect. Root changes listeners, with "
	    "the command <code>rpopctl listener</code>.</p>\n");
	if ((t = table_get(v, "listener", NULL, 0)) == NULL) {
		page_note(v, "bad", v->said);
		return;
	}
	if (table_rows(t) == 0)
		page_note(v, "hint", "There is no listener: mail programs cannot connect.");
	else
		put(a, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"listeners\"><table>\n<thead><tr>"
		    "<th scope=\"col\">Address</th><th scope=\"col\">Port</th><th scope=\"col\">TLS</th>"
		    "<th scope=\"col\">Channels</th><th scope=\"col\">Certificate</th>"
		    "<th scope=\"col\">State</th></tr></thead>\n<tbody>\n");
	for (i = 0; i < table_rows(t); i++) {
		trouble = table_value(t, i, "trouble");
		put(a, trouble != NULL ? "<tr class=\"wrong\">" : "<tr>");
		for (c = 0; c < nitems(columns); c++) {
			put(a, "<td>");
			text(a, (value = table_value(t, i, columns[c])) == NULL ? "" : value);
			put(a, "</td>");
		}
		put(a, trouble != NULL ? "<td class=\"long\"><span class=\"ill\">" : "<td><span class=\"ok\">");
		text(a, trouble != NULL ? trouble : "works");
		put(a, "</span></td></tr>\n");
	}
	if (table_rows(t) > 0)
		put(a, "</tbody></table></div>\n");
	table_free(t);
}
