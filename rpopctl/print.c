/* SPDX-License-Identifier: ISC */
/* An answer for people, cut or wrapped to the terminal: the state of the daemon, the table of its records, the page of one. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "rpopctl.h"

#define UNFOUND_MANY	20		/* messages without any special field that are worth a word */
#define CELL		1024		/* one vis-encoded table cell; longer texts are cut */
#define TEXT		(PROTO_TEXT_SIZE * 8)	/* one paragraph, likewise */

enum column { COL_RECORD, COL_HOST, COL_NEXT, COL_MESSAGES, COL_KEPT, COL_LAST, COL_MAX };

static const struct {
	const char	*title;
	int		 right;			/* numbers are right-aligned */
} columns[COL_MAX] = {
	{ "RECORD",	0 },
	{ "HOST",	0 },
	{ "NEXT",	0 },
	{ "MSGS",	1 },
	{ "KEPT",	1 },
	{ "LAST",	0 },
};

static void	 print_mail_root(const struct out *, const struct ctl_daemon *);
static void	 print_held(const struct out *, const struct ctl_daemon *);
static void	 print_readers(const struct out *, const struct ctl_daemon *);
static void	 print_listeners(const struct out *, const struct ctl_daemon *);
static void	 print_table(const struct out *, const struct ctl_record *, size_t);
static void	 print_account(const struct out *, const struct ctl_record *);
static void	 print_state(const struct out *, const struct ctl_record *);
static void	 print_origin(const struct out *, const struct ctl_record *);
static void	 print_wishes(const struct out *, const struct ctl_record *);
static void	 print_delivery(const struct out *, const struct ctl_record *);
static void	 print_counts(const struct out *, const struct ctl_record *);
static void	 cell_text(const struct out *, const struct ctl_record *, enum column, char *, size_t);
static void	 cell_host(const struct ctl_record *, char *, size_t);
static void	 cell_last(const struct out *, const struct ctl_record *, char *, size_t);
static void	 fit_columns(size_t *, size_t);
static void	 print_row(const struct out *, char [][CELL], const size_t *);
static const char *print_amount(char *, size_t, const struct field *, const void *);
static void	 print_field(const struct out *, const char *, const char *, ...) __attribute__((__format__(printf, 3, 4)));

/* An answer for people: what it consists of, then its sentence.  Of a failure, only what is worth a look despite it. */
void
print_reply(const struct out *o, const struct request *req, const struct reply *rep)
{
	const struct reply_kind	*k;
	size_t			 i;

	for (i = 0; i < REQUEST_ITEMS && req->items[i] != 0; i++) {
		k = reply_kind(req->items[i]);
		if (rep->ok || k->despite)
			k->print(o, req, reply_items(rep, k->type));
	}
	if (rep->ok && *rep->text.text != '\0')
		print_wrapped(o, rep->text.text, 0);
}

/* The message that fd is open for, to its end.  On a terminal only ASCII gets through, nothing that it would obey.  0, or -1. */
int
print_mail(const struct out *o, int fd)
{
	uint8_t	 data[16384];
	ssize_t	 n, i;

	while ((n = read(fd, data, sizeof(data))) > 0) {
		for (i = 0; i < n && o->width > 0; i++)
			if ((data[i] < ' ' && data[i] != '\n' && data[i] != '\t') || data[i] > '~')
				data[i] = '?';
		if (fwrite(data, 1, n, o->fp) != (size_t)n)
			return (-1);
	}
	return (n == 0 ? 0 : -1);
}

/* One paragraph, vis-encoded; on a terminal broken at spaces, further lines indented. */
void
print_wrapped(const struct out *o, const char *text, int indent)
{
	char	 buf[TEXT], *p = buf, *end;
	size_t	 room, len;

	text_vis(buf, sizeof(buf), text);
	room = o->width > indent + 10 ? (size_t)(o->width - indent) : 0;
	while (room != 0 && (len = strlen(p)) > room) {
		for (end = p + room; end > p && *end != ' '; end--)
			;
		if (end == p)
			end = p + room;		/* one long word */
		fprintf(o->fp, "%.*s\n%*s", (int)(end - p), p, indent, "");
		for (p = end; *p == ' '; p++)
			;
	}
	fprintf(o->fp, "%s\n", p);
}

/* What the daemon says of itself. */
void
print_daemon(const struct out *o, const struct request *req __unused, const struct items *items)
{
	const struct ctl_daemon	*st = items->v;
	char			 version[CELL], when[64], span[32], line[TEXT], text[PROTO_TEXT_SIZE * 4];

	text_vis(version, sizeof(version), st->version);
	fprintf(o->fp, "rpopd %s, up %s since %s, log level %s\n", version, text_span(span, sizeof(span), o->now - st->started),
	    text_local(when, sizeof(when), st->started), log_level_str(st->log_level));
	fprintf(o->fp, "records %u, enabled %u, loaded %s\n", st->records, st->enabled, text_local(when, sizeof(when), st->loaded));
	fprintf(o->fp, "sessions %u of at most %u, deliveries pending %u\n", st->sessions, st->processors, st->pending);
	print_readers(o, st);
	print_held(o, st);
	print_listeners(o, st);
	if (*st->password_error != '\0') {
		snprintf(line, sizeof(line), "note: logins fail: %s", text_vis(text, sizeof(text), st->password_error));
		print_wrapped(o, line, 6);
	}
	if (st->processors == 0)
		print_wrapped(o, "note: processors is 0, nothing is polled", 6);
	if (st->config_changed)
		print_wrapped(o, "note: rpopd.db was changed since it was loaded; 'rpopctl reload' puts the changes in force", 6);
	if (*st->load_error != '\0') {
		snprintf(line, sizeof(line), "note: the last reload was refused: %s", st->load_error);
		print_wrapped(o, line, 6);
	}
	print_mail_root(o, st);
}

/* Mail programs: how many there are, and what they did since the start, as far as they did anything. */
static void
print_readers(const struct out *o, const struct ctl_daemon *st)
{
	char	 line[TEXT], octets[32];

	if (st->readers_most == 0 && st->connections == 0)
		return;
	fprintf(o->fp, "mail programs %u of at most %u, %u at once so far, %u socket%s\n", st->readers, st->readers_most,
	    st->readers_peak, st->listening, PLURAL(st->listening));
	if (st->connections > 0) {
		snprintf(line, sizeof(line), "since the start %" PRIu64 " connection%s, %" PRIu64 " login%s; refused %" PRIu64
		    " for the password, %" PRIu64 " for a limit of the account, %" PRIu64 " for trouble", st->connections,
		    PLURAL(st->connections), st->logins, PLURAL(st->logins), st->logins_wrong, st->logins_limited, st->logins_failed);
		print_wrapped(o, line, 6);
		snprintf(line, sizeof(line), "handed out %" PRIu64 " message%s, %s; %" PRIu64 " looked at, %" PRIu64 " deleted",
		    st->read_messages, PLURAL(st->read_messages), text_octets(octets, sizeof(octets), st->read_octets),
		    st->read_looked, st->read_deleted);
		print_wrapped(o, line, 6);
	}
	if (st->turned_channels + st->turned_listener + st->turned_address + st->turned_blocked > 0) {
		snprintf(line, sizeof(line), "sent away %" PRIu64 " for too many in all, %" PRIu64 " of a listener, %" PRIu64
		    " of an address, %" PRIu64 " for failed logins", st->turned_channels, st->turned_listener, st->turned_address,
		    st->turned_blocked);
		print_wrapped(o, line, 6);
	}
}

/* Sockets for mail programs, and further certificates of theirs, that do not work, and what else is wrong with listeners. */
static void
print_listeners(const struct out *o, const struct ctl_daemon *st)
{
	const char	*p = st->listener_trouble;
	char		 line[TEXT], row[sizeof(st->listener_trouble)];

	if (st->not_listening > 0) {
		snprintf(line, sizeof(line), "note: %u of the sockets for mail programs do%s not work", st->not_listening,
		    st->not_listening == 1 ? "es" : "");
		print_wrapped(o, line, 6);
	}
	while (*p != '\0') {
		p = text_line(p, row, sizeof(row));
		snprintf(line, sizeof(line), "note: listener %.*s", (int)sizeof(line) - 32, row);
		print_wrapped(o, line, 6);
	}
}

/* What is wrong with the mail root, or wants somebody to look at it. */
static void
print_mail_root(const struct out *o, const struct ctl_daemon *st)
{
	char	 line[TEXT];

	(void)print_blocked(o, st);
	if (st->unknown_files > 0) {
		snprintf(line, sizeof(line), "note: %u file%s of the spool not known to state.db and set aside: "
		    "see 'rpopctl quarantine'", st->unknown_files, st->unknown_files == 1 ? "" : "s");
		print_wrapped(o, line, 6);
	}
}

/* What keeps mail from coming, whatever the records: why nothing is polled; Maildirs that cannot be written to.  1: there is some. */
int
print_blocked(const struct out *o, const struct ctl_daemon *st)
{
	char	 line[TEXT], text[PROTO_TEXT_SIZE * 4];

	if (*st->mail_root_error != '\0') {
		snprintf(line, sizeof(line), "note: nothing is polled: %s", text_vis(text, sizeof(text), st->mail_root_error));
		print_wrapped(o, line, 6);
	}
	if (st->blocked_maildirs > 0) {
		snprintf(line, sizeof(line), "note: %s%s", text_vis(text, sizeof(text), st->blocked_maildir),
		    st->blocked_maildirs > 1 ? " (and other places, see the log)" : "");
		print_wrapped(o, line, 6);
	}
	return (*st->mail_root_error != '\0' || st->blocked_maildirs > 0);
}

/* How much is neither in its mailbox nor on its way there. */
static void
print_held(const struct out *o, const struct ctl_daemon *st)
{
	const struct reply_kind	*k = reply_kind(IMSG_CTL_DAEMON);
	const struct field	*f;
	const char		*between = "";
	char			 amount[32];
	uint32_t		 rank;

	for (rank = 1; (f = field_told(k, rank)) != NULL; rank++) {
		if (field_told_number(f, st) > 0) {
			fprintf(o->fp, "%s%s %s", between, print_amount(amount, sizeof(amount), f, st), f->words);
			between = ", ";
		}
	}
	if (*between != '\0')
		putc('\n', o->fp);
	if (st->quarantined + st->aside > 0)
		print_wrapped(o, "note: 'rpopctl quarantine' lists what could not be delivered and what is set aside", 6);
}

/* The records: a table of all of them, or a page for each of one account. */
void
print_records(const struct out *o, const struct request *req, const struct items *items)
{
	const struct ctl_record	*records = items->v;
	size_t			 i;

	if (req->type != IMSG_CTL_ACCOUNT && items->n > 0)
		print_table(o, records, items->n);
	for (i = 0; req->type == IMSG_CTL_ACCOUNT && i < items->n; i++)
		print_account(o, &records[i]);
}

/* A row for each record, and on a terminal the progress of its session and the reason of a failure below it. */
static void
print_table(const struct out *o, const struct ctl_record *records, size_t n)
{
	char		 cells[COL_MAX][CELL], line[CELL];
	size_t		 width[COL_MAX], i, len;
	enum column	 c;

	for (c = 0; c < COL_MAX; c++) {
		width[c] = strlen(columns[c].title);
		for (i = 0; i < n; i++) {
			cell_text(o, &records[i], c, cells[c], CELL);
			if ((len = strlen(cells[c])) > width[c])
				width[c] = len;
		}
	}
	if (o->width > 0)
		fit_columns(width, o->width);
	putc('\n', o->fp);
	for (c = 0; c < COL_MAX; c++)
		strlcpy(cells[c], columns[c].title, CELL);
	print_row(o, cells, width);
	for (i = 0; i < n; i++) {
		for (c = 0; c < COL_MAX; c++)
			cell_text(o, &records[i], c, cells[c], CELL);
		print_row(o, cells, width);
		if (o->width > 0 && *text_progress(line, sizeof(line), &records[i]) != '\0') {
			fputs("    ", o->fp);
			print_wrapped(o, line, 4);
		}
		if (o->width > 0 && *records[i].last_error != '\0') {
			fputs("    ", o->fp);
			print_wrapped(o, records[i].last_error, 4);
		}
	}
}

/* Record and host names share what the other columns leave of the terminal; the record gets more when both are long. */
static void
fit_columns(size_t *width, size_t total)
{
	size_t		 used = width[COL_LAST], avail, host;
	enum column	 c;

	for (c = 0; c < COL_LAST; c++)
		used += 2 + (c == COL_RECORD || c == COL_HOST ? 0 : width[c]);
	avail = total > used + 16 ? total - used : 16;
	if (width[COL_RECORD] + width[COL_HOST] <= avail)
		return;
	host = width[COL_RECORD] < avail * 3 / 5 ? avail - width[COL_RECORD] : avail * 2 / 5;
	if (width[COL_HOST] > host)
		width[COL_HOST] = host;
	width[COL_RECORD] = avail - width[COL_HOST];
}

/* One row; cells are cut to the widths of their columns, the last one to the terminal. */
static void
print_row(const struct out *o, char cells[][CELL], const size_t *width)
{
	char		 line[COL_MAX * CELL] = "";
	size_t		 used = 0;
	enum column	 c;

	for (c = 0; c < COL_LAST; c++) {
		text_cut(cells[c], width[c]);
		used += snprintf(line + used, sizeof(line) - used, "%*s  ", columns[c].right ? (int)width[c] : -(int)width[c],
		    cells[c]);
	}
	strlcat(line, cells[COL_LAST], sizeof(line));
	fprintf(o->fp, "%s\n", text_cut(line, o->width));
}

/* The text of one cell, vis-encoded. */
static void
cell_text(const struct out *o, const struct ctl_record *r, enum column c, char *dst, size_t size)
{
	char	 raw[CELL], until[64];

	*raw = '\0';
	switch (c) {
	case COL_RECORD:
		snprintf(raw, sizeof(raw), "%s/%s", r->account, r->name);
		break;
	case COL_HOST:
		cell_host(r, raw, sizeof(raw));
		break;
	case COL_NEXT:
		if (strcmp(r->state, "idle") == 0)
			text_until(raw, sizeof(raw), o->now, r->next_poll);
		else if (r->next_poll > o->now && state_sentence(r->state) != NULL)
			snprintf(raw, sizeof(raw), "%s %s", r->state, text_until(until, sizeof(until), o->now, r->next_poll));
		else
			strlcpy(raw, r->state, sizeof(raw));
		break;
	case COL_MESSAGES:
		snprintf(raw, sizeof(raw), "%" PRIu64, r->messages);
		break;
	case COL_KEPT:
		snprintf(raw, sizeof(raw), "%u", r->kept);
		break;
	default:
		cell_last(o, r, raw, sizeof(raw));
		break;
	}
	text_vis(dst, size, raw);
}

/* The host, with the port only where it is not the one everybody uses. */
static void
cell_host(const struct ctl_record *r, char *dst, size_t size)
{
	uint32_t	 usual = r->tls == TLS_MODE_TLS ? 995 : 110;

	if (r->port == usual)
		strlcpy(dst, r->host, size);
	else if (strchr(r->host, ':') != NULL)
		snprintf(dst, size, "[%s]:%u", r->host, r->port);
	else
		snprintf(dst, size, "%s:%u", r->host, r->port);
}

/*
 * Either when the last poll succeeded or that it failed and why, never both; then what needs an eye, and how far the session is.
 * On a terminal the reason and the progress go below the row.
 */
static void
cell_last(const struct out *o, const struct ctl_record *r, char *dst, size_t size)
{
	char	 ago[64], times[32] = "", aside[48] = "", refused[32] = "", line[128], progress[128] = "";

	if (r->failures > 1)
		snprintf(times, sizeof(times), " %ux", r->failures);
	if (r->refused > 0)
		snprintf(refused, sizeof(refused), ", %u refused", r->refused);
	if (r->aside > 0)
		snprintf(aside, sizeof(aside), ", %u set aside", r->aside);
	if (r->unfound >= UNFOUND_MANY)
		strlcat(aside, ", field missing", sizeof(aside));
	if (o->width == 0 && r->planned > 0)
		snprintf(progress, sizeof(progress), ", now %s", text_progress(line, sizeof(line), r));
	if (*r->last_error == '\0')
		snprintf(dst, size, "%s%s%s%s", text_ago(ago, sizeof(ago), o->now, r->last_success), refused, aside, progress);
	else
		snprintf(dst, size, "failed%s%s%s%s%s%s", times, refused, aside, progress, o->width == 0 ? ": " : "",
		    o->width == 0 ? r->last_error : "");
}

/* The page of one record. */
static void
print_account(const struct out *o, const struct ctl_record *r)
{
	char	 raw[CELL], line[CELL], ago[64], until[64];

	cell_text(o, r, COL_RECORD, line, sizeof(line));
	fprintf(o->fp, "%s\n", line);
	print_field(o, "server", "%s, port %u, %s, login %s", r->host, r->port, tls_mode_str(r->tls), r->user);
	print_delivery(o, r);
	print_state(o, r);
	if (r->planned > 0)
		print_field(o, "progress", "%s", text_progress(line, sizeof(line), r));
	print_origin(o, r);
	print_wishes(o, r);
	print_field(o, "last success", "%s%s%s%s", text_local(raw, sizeof(raw), r->last_success), r->last_success != 0 ? " (" : "",
	    r->last_success != 0 ? text_ago(ago, sizeof(ago), o->now, r->last_success) : "", r->last_success != 0 ? ")" : "");
	if (*r->last_error != '\0' && r->failures > 0)
		print_field(o, "last failure", "%s (%s, %u in a row): %s", text_local(raw, sizeof(raw), r->last_attempt),
		    text_ago(ago, sizeof(ago), o->now, r->last_attempt), r->failures, r->last_error);
	else if (*r->last_error != '\0')
		print_field(o, "last failure", "%s (%s): %s", text_local(raw, sizeof(raw), r->last_attempt),
		    text_ago(ago, sizeof(ago), o->now, r->last_attempt), r->last_error);
	if (r->next_poll != 0)
		print_field(o, "next poll", "%s (%s)", text_local(raw, sizeof(raw), r->next_poll),
		    text_until(until, sizeof(until), o->now, r->next_poll));
	print_counts(o, r);
}

/* Why a record that is due is not polled; NULL where the word says it. */
const char *
state_sentence(const char *state)
{
	if (strcmp(state, "host-delay") == 0)
		return ("its host failed; one of its records tries again");
	if (strcmp(state, "window") == 0)
		return ("its schedule does not permit polling now");
	if (strcmp(state, "disk-full") == 0)
		return ("too little room on a disk, see rpopctl status");
	if (strcmp(state, "queue-full") == 0)
		return ("too many deliveries wait for their next hops");
	if (strcmp(state, "queued-slow") == 0)
		return ("its last session stalled, it waits in the slow lane");
	return (NULL);
}

/* The state of the record, why it is not polled, and how often it is. */
static void
print_state(const struct out *o, const struct ctl_record *r)
{
	const char	*why = state_sentence(r->state);
	char		 span[32], every[64] = "";

	if (r->enabled)
		snprintf(every, sizeof(every), ", every %s", text_span(span, sizeof(span), r->period));
	print_field(o, "state", "%s%s%s%s%s", r->state, why != NULL ? " (" : "", why != NULL ? why : "", why != NULL ? ")" : "",
	    every);
}

/* Which mailbox the state of the record comes from, if it is not its own. */
static void
print_origin(const struct out *o, const struct ctl_record *r)
{
	char	 text[sizeof(r->origin) * 4];

	if (r->origin[0] != '\0')
		print_field(o, "state from", "%s", text_vis(text, sizeof(text), r->origin));
}

/* What the server of the record has said about itself. */
static void
print_wishes(const struct out *o, const struct ctl_record *r)
{
	char	 span[32];

	if (r->login_delay > 0)
		print_field(o, "server wants", "%s between logins", text_span(span, sizeof(span), r->login_delay));
	if (r->expire == 0)
		print_field(o, "server keeps", "nothing that was retrieved");
	else if (r->expire != UINT32_MAX)
		print_field(o, "server keeps", "messages for %u day%s", r->expire, r->expire == 1 ? "" : "s");
}

/* Where the messages of the record go, and what becomes of them on the server. */
static void
print_delivery(const struct out *o, const struct ctl_record *r)
{
	const char	*end = r->leave ? "left on the server" : "deleted after delivery";

	if (strcmp(r->mode, "owner") == 0)
		print_field(o, "messages", "to %s, %s", r->account, end);
	else if (strcmp(r->mode, "*") == 0)
		print_field(o, "messages", "to the local addresses in To, Cc and Bcc, %s", end);
	else
		print_field(o, "messages", "to the addresses in %s, %s", r->mode, end);
}

/* The number in a field of a message as people are told it, into dst.  Returns dst. */
static const char *
print_amount(char *dst, size_t size, const struct field *f, const void *message)
{
	uint64_t	 n = field_told_number(f, message);

	if (f->kind == FIELD_OCTETS)
		return (text_octets(dst, size, n));
	snprintf(dst, size, "%" PRIu64, n);
	return (dst);
}

/* What the record has done so far, and its counters that are not 0. */
static void
print_counts(const struct out *o, const struct ctl_record *r)
{
	const struct reply_kind	*k = reply_kind(IMSG_CTL_RECORD);
	const struct field	*f;
	char			 octets[32], amount[32];
	uint32_t		 rank;

	print_field(o, "so far", "polls %" PRIu64 ", messages %" PRIu64 ", %s", r->polls, r->messages,
	    text_octets(octets, sizeof(octets), r->octets));
	for (rank = 1; (f = field_told(k, rank)) != NULL; rank++)
		if (field_told_number(f, r) > 0)
			print_field(o, f->label, "%s %s", print_amount(amount, sizeof(amount), f, r), f->words);
	if (r->unfound >= UNFOUND_MANY)
		print_field(o, "field missing", "none of the last %u messages has a field %s that counts, see special in "
		    "rpopd.db(5)", r->unfound, r->mode);
}

/* A line of the page of a record: name and text, which is wrapped behind the name. */
static void
print_field(const struct out *o, const char *name, const char *format, ...)
{
	char	 line[TEXT];
	va_list	 ap;

	fprintf(o->fp, "    %-14s ", name);
	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	print_wrapped(o, line, 19);
}
