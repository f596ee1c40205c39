/* SPDX-License-Identifier: ISC */
/*
 * The page of the daemon's state: what wants somebody first, then what works, in few lines.  An administrator of domains gets the
 * records of their accounts.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/array.h"
#include "common/log.h"
#include "web.h"

#define RECORDS_SHOWN	500	/* of each kind; the others are counted */
#define READERS_SHOWN	500	/* sessions of mail programs, likewise */
#define ACCOUNTS_ASKED	200	/* of the domains of an administrator */
#define UNFOUND_MANY	20	/* messages without any special field that are worth a word, as rpopctl has it */
#define SENTENCE	(PROTO_TEXT_SIZE + 128)

struct records {			/* zeroed at first; free(v) */
	struct ctl_record	*v;
	size_t			 n, all;
};

struct state {
	struct ctl_daemon	 daemon;
	int			 told;		/* 1: the daemon has said it */
	struct records		 ill, fine;
};

struct readers {
	struct ctl_reader	*v;
	size_t			 n, all;
};

static int	 status_ask(struct visit *, struct state *);
static int	 status_take(void *, uint32_t, struct imsg *);
static int	 status_record(struct state *, const struct ctl_record *);
static int	 status_ill(const struct ctl_record *);
static void	 status_trouble(struct visit *, const struct ctl_daemon *);
static void	 status_note(struct visit *, const char *kind, const char *sentence, const char *foreign);
static void	 status_held(struct visit *, const struct ctl_daemon *);
static void	 status_daemon(struct visit *, const struct ctl_daemon *);
static void	 status_programs(struct answer *, const struct ctl_daemon *);
static void	 status_fact(struct answer *, const char *name);
static void	 status_octets(struct answer *, uint64_t);
static void	 status_span(struct answer *, int64_t);
static void	 records_boxes(struct visit *, const struct records *);
static void	 records_box(struct visit *, const struct ctl_record *);
static void	 records_table(struct visit *, const struct records *, const char *title);
static void	 records_row(struct visit *, const struct ctl_record *);
static void	 records_more(struct answer *, const struct records *);
static void	 records_server(struct answer *, const struct ctl_record *);
static void	 records_next(struct answer *, const struct ctl_record *);
static void	 records_last(struct answer *, const struct ctl_record *);
static void	 records_link(struct visit *, const struct ctl_record *);
static const char *records_why(const char *state);
static void	 readers_table(struct visit *);
static int	 readers_take(void *, uint32_t, struct imsg *);
static void	 readers_row(struct answer *, const struct ctl_reader *);

void
show_status(struct visit *v)
{
	struct state	*s = calloc(1, sizeof(*s));

	page_begin(v, "Status");
	if (s == NULL || status_ask(v, s) == -1) {
		v->answer.status = 503;
		page_note(v, "bad", s == NULL ? "There is no memory for that now; try again." : v->said);
	} else {
		if (s->told)
			status_trouble(v, &s->daemon);
		records_boxes(v, &s->ill);
		if (s->told)
			status_daemon(v, &s->daemon);
		records_table(v, &s->fine, s->ill.all == 0 ? "Records" : "Other records");
		if (s->ill.all + s->fine.all == 0)
			put(&v->answer, "<p>There are no records.</p>\n");
		if (s->told && s->daemon.readers > 0)
			readers_table(v);
	}
	if (s != NULL) {
		free(s->ill.v);
		free(s->fine.v);
		free(s);
	}
	page_end(v);
}

/* What the daemon says to this account: everything, or the records of those that it administers.  0; or -1 and v->said. */
static int
status_ask(struct visit *v, struct state *s)
{
	struct ctl_name	 name;
	struct table	*t;
	const char	*account, *last = "";
	size_t		 i, asked = 0;
	int		 got = 0;

	if ((v->me.rights & WEB_SERVER_ADMIN) != 0)
		return (ask(v, IMSG_CTL_STATUS, NULL, 0, status_take, s));
	if ((t = table_get(v, "rpop", NULL, 0)) == NULL)
		return (-1);
	/* The rows come in the order of their accounts. */
	for (i = 0; i < table_rows(t) && got == 0 && asked < ACCOUNTS_ASKED; i++) {
		if ((account = table_value(t, i, "account")) == NULL || strcmp(account, last) == 0)
			continue;
		memset(&name, 0, sizeof(name));
		strlcpy(name.name, account, sizeof(name.name));
		got = ask(v, IMSG_CTL_ACCOUNT, &name, sizeof(name), status_take, s);
		last = account;
		asked++;
	}
	table_free(t);
	return (got);
}

static int
status_take(void *arg, uint32_t type, struct imsg *imsg)
{
	struct state		*s = arg;
	struct ctl_daemon	*d = &s->daemon;
	struct ctl_record	 r;

	if (type == IMSG_CTL_DAEMON) {
		if (s->told || imsg_get_data(imsg, d, sizeof(*d)) == -1 || !proto_str(d->version, sizeof(d->version)) ||
		    !proto_str(d->load_error, sizeof(d->load_error)) ||
		    !proto_str(d->mail_root_error, sizeof(d->mail_root_error)) ||
		    !proto_str(d->blocked_maildir, sizeof(d->blocked_maildir)) ||
		    !proto_str(d->listener_trouble, sizeof(d->listener_trouble)) ||
		    !proto_str(d->password_error, sizeof(d->password_error)))
			return (-1);
		s->told = 1;
		return (0);
	}
	if (type != IMSG_CTL_RECORD || imsg_get_data(imsg, &r, sizeof(r)) == -1 || !proto_str(r.account, sizeof(r.account)) ||
	    !proto_str(r.name, sizeof(r.name)) || !proto_str(r.host, sizeof(r.host)) || !proto_str(r.mode, sizeof(r.mode)) ||
	    !proto_str(r.state, sizeof(r.state)) || !proto_str(r.last_error, sizeof(r.last_error)))
		return (-1);
	return (status_record(s, &r));
}

/* Keeps a record with those that want a look, or with the others. */
static int
status_record(struct state *s, const struct ctl_record *r)
{
	struct records		*l = status_ill(r) ? &s->ill : &s->fine;
	struct ctl_record	*grown;

	if (l->all++ >= RECORDS_SHOWN)
		return (0);
	if ((grown = array_grow(l->v, l->n, sizeof(*l->v))) == NULL)
		return (-1);
	l->v = grown;
	l->v[l->n++] = *r;
	return (0);
}

static int
status_ill(const struct ctl_record *r)
{
	return (r->last_error[0] != '\0' || r->refused > 0 || r->aside > 0 || r->quarantined > 0 || r->unfound >= UNFOUND_MANY);
}

/* What is wrong, as sentences; or that nothing is. */
static void
status_trouble(struct visit *v, const struct ctl_daemon *d)
{
	const char	*p = d->listener_trouble;
	char		 line[SENTENCE];
	size_t		 before = buf_len(&v->answer.body);

	if (d->mail_root_error[0] != '\0')
		status_note(v, "bad", "Nothing is polled: ", d->mail_root_error);
	if (d->processors == 0)
		status_note(v, "bad", "Nothing is polled: processors is 0.", "");
	if (d->blocked_maildirs > 0)
		status_note(v, "bad", d->blocked_maildirs > 1 ? "Several Maildirs cannot be written to, see the log: " : "",
		    d->blocked_maildir);
	if (d->password_error[0] != '\0')
		status_note(v, "bad", "Logins fail: ", d->password_error);
	if (d->load_error[0] != '\0')
		status_note(v, "bad", "The last reload was refused: ", d->load_error);
	if (d->not_listening > 0)
		status_note(v, "bad", "Some sockets for mail programs do not work.", "");
	for (; *p != '\0'; p += strcspn(p, "\n"), p += *p == '\n') {
		snprintf(line, sizeof(line), "%.*s", (int)strcspn(p, "\n"), p);
		status_note(v, "bad", "Listener ", line);
	}
	if (d->unknown_files > 0)
		status_note(v, "bad", "Files of the spool belong to nobody and were set aside: the quarantine has them.", "");
	if (d->config_changed)
		status_note(v, "hint", "rpopd.db was changed since it was loaded; 'rpopctl reload' puts the changes in force.", "");
	if (buf_len(&v->answer.body) == before)
		page_note(v, "good", "The daemon works.");
}

static void
status_note(struct visit *v, const char *kind, const char *sentence, const char *foreign)
{
	char	 line[SENTENCE + 128];

	snprintf(line, sizeof(line), "%s%s", sentence, foreign);
	page_note(v, kind, line);
}

/* How much is neither in its mailbox nor on its way there. */
static void
status_held(struct visit *v, const struct ctl_daemon *d)
{
	const struct { uint32_t n; const char *words, *path; } held[] = {
		{ d->waiting, " waiting for a next hop", "/admin/queue" },
		{ d->reports, " with a report that is due", "/admin/queue" },
		{ d->quarantined, " in quarantine", "/admin/quarantine" },
		{ d->aside, " set aside", "/admin/quarantine" },
		{ d->suspects > d->aside ? d->suspects - d->aside : 0, " at which a session failed", NULL },
		{ d->oversize, " over the size that is retrieved", NULL },
		{ d->unknown_files, " files of nobody", "/admin/quarantine" }
	};
	struct answer	*a = &v->answer;
	size_t		 i, shown = 0;

	status_fact(a, "Held");
	for (i = 0; i < nitems(held); i++) {
		if (held[i].n == 0)
			continue;
		put(a, shown++ > 0 ? ", " : "");
		if (held[i].path != NULL) {
			put(a, "<a href=\"");
			put_path(a, &v->req, held[i].path);
			put(a, "\">");
		}
		putf(a, "%u", held[i].n);
		put(a, held[i].words);
		put(a, held[i].path != NULL ? "</a>" : "");
	}
	put(a, shown == 0 ? "nothing</dd>\n" : "</dd>\n");
}

/* What the daemon says of itself. */
static void
status_daemon(struct visit *v, const struct ctl_daemon *d)
{
	struct answer	*a = &v->answer;

	put(a, "<h2>Daemon</h2>\n<dl class=\"facts\">\n");
	status_fact(a, "Version");
	text(a, d->version);
	put(a, ", for ");
	status_span(a, time(NULL) - d->started);
	put(a, ", since ");
	text_time(a, d->started);
	put(a, "</dd>\n");
	status_fact(a, "Settings");
	put(a, "loaded ");
	text_time(a, d->loaded);
	put(a, ", log level ");
	text(a, log_level_str(d->log_level));
	put(a, "</dd>\n");
	status_fact(a, "Records");
	putf(a, "%u, %u of them enabled</dd>\n", d->records, d->enabled);
	status_fact(a, "Sessions");
	putf(a, "%u of at most %u</dd>\n", d->sessions, d->processors);
	status_fact(a, "Deliveries");
	putf(a, "%u on their way</dd>\n", d->pending);
	status_held(v, d);
	if (d->readers_most > 0 || d->connections > 0)
		status_programs(a, d);
	put(a, "</dl>\n");
}

/* Mail programs: how many there are, and what they did since the start. */
static void
status_programs(struct answer *a, const struct ctl_daemon *d)
{
	status_fact(a, "Mail programs");
	putf(a, "%u of at most %u, %u at once so far, sockets %u</dd>\n", d->readers, d->readers_most, d->readers_peak,
	    d->listening);
	if (d->connections == 0)
		return;
	status_fact(a, "Since the start");
	putf(a, "connections %" PRIu64 ", logins %" PRIu64 "; refused for the password %" PRIu64
	    ", for a limit of the account %" PRIu64 ", for trouble %" PRIu64 "</dd>\n", d->connections, d->logins, d->logins_wrong,
	    d->logins_limited, d->logins_failed);
	status_fact(a, "Handed out");
	putf(a, "messages %" PRIu64 ", ", d->read_messages);
	status_octets(a, d->read_octets);
	putf(a, "; looked at %" PRIu64 ", deleted %" PRIu64 "</dd>\n", d->read_looked, d->read_deleted);
	if (d->turned_channels + d->turned_listener + d->turned_address + d->turned_blocked == 0)
		return;
	status_fact(a, "Sent away");
	putf(a, "for too many in all %" PRIu64 ", of a listener %" PRIu64 ", of an address %" PRIu64 ", for failed logins %" PRIu64
	    "</dd>\n", d->turned_channels, d->turned_listener, d->turned_address, d->turned_blocked);
}

static void
status_fact(struct answer *a, const char *name)
{
	put(a, "<dt>");
	put(a, name);
	put(a, "</dt><dd>");
}

/* A size in decimal units. */
static void
status_octets(struct answer *a, uint64_t octets)
{
	static const struct { uint64_t octets; const char *name; } units[] = {
		{ 1000000000000, " TB" }, { 1000000000, " GB" }, { 1000000, " MB" }, { 1000, " kB" }, { 1, " octets" }
	};
	size_t	 i;

	for (i = 0; i + 1 < nitems(units) && octets < units[i].octets; i++)
		;
	if (i + 1 < nitems(units))
		putf(a, "%.1f", (double)octets / units[i].octets);
	else
		putf(a, "%" PRIu64, octets);
	put(a, units[i].name);
}

/* A length of time. */
static void
status_span(struct answer *a, int64_t seconds)
{
	if (seconds >= 2 * 86400)
		putf(a, "%" PRId64 " days", seconds / 86400);
	else if (seconds >= 100 * 60)
		putf(a, "%" PRId64 " h", seconds / 3600);
	else
		putf(a, "%" PRId64 " min", seconds > 0 ? seconds / 60 : 0);
}

/* Records that want a look, a box each, so that the reason is seen on any screen. */
static void
records_boxes(struct visit *v, const struct records *l)
{
	size_t	 i;

	if (l->all == 0)
		return;
	putf(&v->answer, "<h2>Records that want a look (%zu)</h2>\n", l->all);
	for (i = 0; i < l->n; i++)
		records_box(v, &l->v[i]);
	records_more(&v->answer, l);
}

static void
records_box(struct visit *v, const struct ctl_record *r)
{
	struct answer	*a = &v->answer;

	put(a, "<section class=\"box\">\n<dl class=\"facts\">\n");
	status_fact(a, "Record");
	records_link(v, r);
	put(a, "</dd>\n");
	status_fact(a, "Last");
	records_last(a, r);
	put(a, "</dd>\n");
	status_fact(a, "Next");
	records_next(a, r);
	put(a, "</dd>\n");
	status_fact(a, "Host");
	records_server(a, r);
	put(a, "</dd>\n");
	status_fact(a, "So far");
	putf(a, "messages %" PRIu64 ", kept on the server %u</dd>\n</dl>\n</section>\n", r->messages, r->kept);
}

static void
records_more(struct answer *a, const struct records *l)
{
	if (l->all > l->n)
		putf(a, "<p>And %zu more, which <code>rpopctl status</code> lists.</p>\n", l->all - l->n);
}

static void
records_table(struct visit *v, const struct records *l, const char *title)
{
	struct answer	*a = &v->answer;
	size_t		 i;

	if (l->all == 0)
		return;
	put(a, "<h2 id=\"fine\">");
	put(a, title);
	putf(a, " (%zu)</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"fine\"><table>\n", l->all);
	put(a, "<thead><tr><th scope=\"col\">Record</th><th scope=\"col\">Last</th><th scope=\"col\">Next</th>"
	    "<th scope=\"col\">Host</th><th scope=\"col\">Messages</th><th scope=\"col\">Kept</th></tr></thead>\n<tbody>\n");
	for (i = 0; i < l->n; i++)
		records_row(v, &l->v[i]);
	put(a, "</tbody></table></div>\n");
	records_more(a, l);
}

static void
records_row(struct visit *v, const struct ctl_record *r)
{
	struct answer	*a = &v->answer;

	put(a, "<tr><td class=\"long\">");
	records_link(v, r);
	put(a, "</td><td>");
	records_last(a, r);
	put(a, "</td><td>");
	records_next(a, r);
	put(a, "</td><td>");
	records_server(a, r);
	putf(a, "</td><td class=\"num\">%" PRIu64 "</td><td class=\"num\">%u</td></tr>\n", r->messages, r->kept);
}

/* The host, with the port only where it is not the usual one. */
static void
records_server(struct answer *a, const struct ctl_record *r)
{
	text(a, r->host);
	if (r->port != (r->tls == TLS_MODE_TLS ? 995 : 110))
		putf(a, ":%u", r->port);
}

/* The record's name, which leads to the page of its account's records; what an address may have that a URL may not is encoded. */
static void
records_link(struct visit *v, const struct ctl_record *r)
{
	struct answer	*a = &v->answer;
	const uint8_t	*p;

	put(a, "<a href=\"");
	put_path(a, &v->req, "/admin/records?account=");
	for (p = (const uint8_t *)r->account; *p != '\0'; p++) {
		if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == '.' ||
		    *p == '-' || *p == '_' || *p == '@')
			putf(a, "%c", *p);
		else
			putf(a, "%%%02X", *p);
	}
	put(a, "\">");
	text(a, r->account);
	put(a, "/");
	text(a, r->name);
	put(a, "</a>");
}

/* When it is polled next, or what it does now. */
static void
records_next(struct answer *a, const struct ctl_record *r)
{
	const char	*why = records_why(r->state);
	int		 idle = strcmp(r->state, "idle") == 0;

	if (!idle)
		text(a, r->state);
	if (why != NULL) {
		put(a, " <span class=\"dim\">(");
		put(a, why);
		put(a, ")</span>");
	}
	if (r->next_poll != 0 && (idle || why != NULL)) {
		put(a, idle ? "" : " ");
		text_time(a, r->next_poll);
	}
	if (r->planned > 0)
		putf(a, "<br>%u of %u messages", r->fetched, r->planned);
}

/* When the last poll succeeded, or that it failed and why; then what else needs an eye. */
static void
records_last(struct answer *a, const struct ctl_record *r)
{
	const struct { uint32_t n; const char *words; } counts[] = {
		{ r->failures > 1 ? r->failures : 0, " failures in a row" }, { r->refused, " not given by the server" },
		{ r->aside, " set aside" }, { r->quarantined, " in quarantine" }
	};
	size_t	 i;

	if (r->last_error[0] != '\0') {
		put(a, "<span class=\"ill\">failed</span>: ");
		text(a, r->last_error);
	} else if (r->last_success != 0)
		text_time(a, r->last_success);
	else
		put(a, "never");
	for (i = 0; i < nitems(counts); i++)
		if (counts[i].n > 0) {
			putf(a, ", %u", counts[i].n);
			put(a, counts[i].words);
		}
	if (r->unfound >= UNFOUND_MANY) {
		putf(a, ", the last %u messages have no field ", r->unfound);
		text(a, r->mode);
	}
}

/* Why a record that is due is not polled; NULL where the word says it. */
static const char *
records_why(const char *state)
{
	static const struct { const char *state, *why; } reasons[] = {
		{ "host-delay", "its host failed, and is tried again" }, { "window", "its schedule does not permit it now" },
		{ "disk-full", "too little room on a disk" }, { "queue-full", "too many deliveries wait" },
		{ "queued-slow", "its last session stalled" }
	};
	size_t	 i;

	for (i = 0; i < nitems(reasons); i++)
		if (strcmp(reasons[i].state, state) == 0)
			return (reasons[i].why);
	return (NULL);
}

/* The sessions of mail programs.  It is the last thing on the page: where the daemon does not tell them, the page goes without. */
static void
readers_table(struct visit *v)
{
	struct answer	*a = &v->answer;
	struct readers	 l = { .n = 0 };
	size_t		 i;

	if (ask(v, IMSG_CTL_WHO, NULL, 0, readers_take, &l) == 0 && l.all > 0) {
		putf(a, "<h2 id=\"readers\">Mail programs (%zu)</h2>\n", l.all);
		put(a, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"readers\"><table>\n<thead><tr>"
		    "<th scope=\"col\">Account</th><th scope=\"col\">Mailbox</th><th scope=\"col\">From</th>"
		    "<th scope=\"col\">TLS</th><th scope=\"col\">Since</th></tr></thead>\n<tbody>\n");
		for (i = 0; i < l.n; i++)
			readers_row(a, &l.v[i]);
		put(a, "</tbody></table></div>\n");
		if (l.all > l.n)
			putf(a, "<p>And %zu more, which <code>rpopctl who</code> lists.</p>\n", l.all - l.n);
	}
	free(l.v);
}

static int
readers_take(void *arg, uint32_t type, struct imsg *imsg)
{
	struct readers		*l = arg;
	struct ctl_reader	 m, *grown;

	if (type != IMSG_CTL_READER || imsg_get_data(imsg, &m, sizeof(m)) == -1 || !proto_str(m.account, sizeof(m.account)) ||
	    !proto_str(m.mailbox, sizeof(m.mailbox)) || !proto_str(m.client, sizeof(m.client)) ||
	    !proto_str(m.state, sizeof(m.state)) || !proto_str(m.tls_version, sizeof(m.tls_version)) ||
	    !proto_str(m.cipher, sizeof(m.cipher)))
		return (-1);
	if (l->all++ >= READERS_SHOWN)
		return (0);
	if ((grown = array_grow(l->v, l->n, sizeof(*l->v))) == NULL)
		return (-1);
	l->v = grown;
	l->v[l->n++] = m;
	return (0);
}

static void
readers_row(struct answer *a, const struct ctl_reader *m)
{
	put(a, "<tr><td>");
	text(a, m->account[0] != '\0' ? m->account : "nobody yet");
	put(a, "</td><td>");
	text(a, m->mailbox[0] != '\0' ? m->mailbox : m->state);
	put(a, "</td><td>");
	text(a, m->client);
	put(a, "</td><td>");
	if (m->tls_version[0] != '\0') {
		text(a, m->tls_version);
		put(a, " ");
		text(a, m->cipher);
	} else
		put(a, m->tls ? "TLS" : "in clear");
	put(a, "</td><td>");
	text_time(a, m->since);
	put(a, "</td></tr>\n");
}
