/* SPDX-License-Identifier: ISC */
/*
 * What an answer may consist of.  Each kind of message has its fields in a table: JSON, the sentences about counters, and the check
 * of its strings come from there.  A new counter is a member in proto_ctl.h and a line here.  Kinds that people see as lists have
 * their functions here, too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/ipc/rules.h"
#include "common/log.h"
#include "rpopctl.h"

#define FIELD(name, what, type, member, ...) \
	{ .json = name, .kind = what, .offset = offsetof(struct type, member), .size = sizeof(((struct type *)NULL)->member), \
	    __VA_ARGS__ }
#define FIELDS(table)		table, nitems(table)

#define INDENT		8	/* of what is said of an entry of a list */

static int	 tried_order(const void *, const void *);
static void	 tried_print(const struct out *, const struct request *, const struct items *);
static int	 queued_sound(const void *);
static const char *queued_state(const void *);
static void	 queued_print(const struct out *, const struct request *, const struct items *);
static void	 queued_entry(const struct out *, const struct ctl_queued *);
static void	 lines_print(const struct out *, const struct request *, const struct items *);

static const char *const	 states[] = { "waiting", "quarantined", "failed", "wanted", "lost" };

static const struct field	 daemon_fields[] = {
	FIELD("version", FIELD_STRING, ctl_daemon, version),
	FIELD("started", FIELD_TIME, ctl_daemon, started),
	FIELD("loaded", FIELD_TIME, ctl_daemon, loaded),
	FIELD("config_changed", FIELD_BOOL, ctl_daemon, config_changed),
	FIELD("load_error", FIELD_TEXT, ctl_daemon, load_error),
	FIELD("records", FIELD_NUMBER, ctl_daemon, records),
	FIELD("enabled", FIELD_NUMBER, ctl_daemon, enabled),
	FIELD("sessions", FIELD_NUMBER, ctl_daemon, sessions),
	FIELD("processors", FIELD_NUMBER, ctl_daemon, processors),
	FIELD("pending", FIELD_NUMBER, ctl_daemon, pending),
	FIELD("waiting", FIELD_NUMBER, ctl_daemon, waiting, .place = 1, .words = "waiting for a next hop"),
	FIELD("quarantined", FIELD_NUMBER, ctl_daemon, quarantined, .place = 3, .words = "in quarantine"),
	FIELD("reports", FIELD_NUMBER, ctl_daemon, reports, .place = 2, .words = "reports due"),
	FIELD("aside", FIELD_NUMBER, ctl_daemon, aside, .place = 4, .words = "set aside"),
	FIELD("suspects", FIELD_NUMBER, ctl_daemon, suspects, .place = 5, .words = "suspects",
	    .less = offsetof(struct ctl_daemon, aside)),
	FIELD("oversize", FIELD_NUMBER, ctl_daemon, oversize, .place = 6, .words = "oversize"),
	FIELD("mail_root_error", FIELD_TEXT, ctl_daemon, root_error),
	FIELD("blocked_maildirs", FIELD_NUMBER, ctl_daemon, places),
	FIELD("blocked_maildir", FIELD_TEXT, ctl_daemon, place),
	FIELD("unknown_files", FIELD_NUMBER, ctl_daemon, unknown),
	FIELD("log_level", FIELD_NAME, ctl_daemon, log_level, .name = log_level_str)
};

static const struct field	 record_fields[] = {
	FIELD("account", FIELD_STRING, ctl_record, account),
	FIELD("name", FIELD_TEXT, ctl_record, name),
	FIELD("host", FIELD_TEXT, ctl_record, host),
	FIELD("port", FIELD_NUMBER, ctl_record, port),
	FIELD("tls", FIELD_NAME, ctl_record, tls, .name = tls_mode_str),
	FIELD("user", FIELD_TEXT, ctl_record, user),
	FIELD("mode", FIELD_TEXT, ctl_record, mode),
	FIELD("leave", FIELD_BOOL, ctl_record, leave),
	FIELD("enabled", FIELD_BOOL, ctl_record, enabled),
	FIELD("period", FIELD_NUMBER, ctl_record, period),
	FIELD("state", FIELD_TEXT, ctl_record, state),
	FIELD("last_success", FIELD_TIME, ctl_record, last_success),
	FIELD("last_attempt", FIELD_TIME, ctl_record, last_attempt),
	FIELD("last_error", FIELD_TEXT, ctl_record, error),
	FIELD("failures", FIELD_NUMBER, ctl_record, failures),
	FIELD("next_poll", FIELD_TIME, ctl_record, next_poll),
	FIELD("login_delay", FIELD_NUMBER, ctl_record, login_delay),
	FIELD("expire", FIELD_DAYS, ctl_record, expire),
	FIELD("polls", FIELD_NUMBER, ctl_record, polls),
	FIELD("messages", FIELD_NUMBER, ctl_record, messages),
	FIELD("octets", FIELD_NUMBER, ctl_record, octets),
	FIELD("kept", FIELD_NUMBER, ctl_record, kept, .place = 1, .label = "kept",
	    .words = "delivered and left on the server"),
	FIELD("undeleted", FIELD_NUMBER, ctl_record, undeleted, .place = 4, .label = "undeleted",
	    .words = "delivered, deletion not yet confirmed by the server"),
	FIELD("waiting", FIELD_NUMBER, ctl_record, waiting, .place = 2, .label = "waiting",
	    .words = "taken, not yet with every recipient"),
	FIELD("quarantined", FIELD_NUMBER, ctl_record, quarantined, .place = 3, .label = "quarantine",
	    .words = "in quarantine here, not delivered: see rpopctl quarantine"),
	FIELD("suspects", FIELD_NUMBER, ctl_record, suspects, .place = 5, .label = "suspects",
	    .words = "at which a session failed or the deliverer died, tried again one at a time"),
	FIELD("aside", FIELD_NUMBER, ctl_record, aside, .place = 7, .label = "set aside",
	    .words = "left on the server because that happened repeatedly, see rpopd.db(5)"),
	FIELD("unfound", FIELD_NUMBER, ctl_record, unfound),
	FIELD("refused", FIELD_NUMBER, ctl_record, refused, .place = 6, .label = "refused",
	    .words = "of them not given by the server, see view suspects in rpopd.db(5)"),
	FIELD("origin", FIELD_TEXT, ctl_record, origin)
};

static const struct field	 tried_fields[] = {
	FIELD("number", FIELD_NUMBER, ctl_tried, msgno),
	FIELD("size", FIELD_NUMBER_OR_NULL, ctl_tried, size),
	FIELD("uid", FIELD_TEXT, ctl_tried, uid),
	FIELD("state", FIELD_STRING, ctl_tried, state),
	FIELD("what", FIELD_STRING, ctl_tried, what),
	FIELD("why", FIELD_LINES, ctl_tried, text)
};

static const struct field	 queued_fields[] = {
	FIELD("id", FIELD_NUMBER_OR_NULL, ctl_queued, id),
	FIELD("mailbox", FIELD_NUMBER, ctl_queued, mailbox),
	FIELD("tries", FIELD_NUMBER, ctl_queued, tries),
	FIELD("file", FIELD_STRING, ctl_queued, file),
	FIELD("uid", FIELD_STRING, ctl_queued, uid),
	FIELD("state", FIELD_MADE, ctl_queued, state, .made = queued_state),
	FIELD("record", FIELD_STRING, ctl_queued, record),
	FIELD("nexthop", FIELD_STRING, ctl_queued, nexthop),
	FIELD("recipient", FIELD_STRING, ctl_queued, recipient),
	FIELD("sender", FIELD_STRING, ctl_queued, sender),
	FIELD("status", FIELD_STRING, ctl_queued, status),
	FIELD("arrived", FIELD_TIME, ctl_queued, arrived),
	FIELD("next", FIELD_TIME, ctl_queued, next)
};

static const struct field	 line_fields[] = {
	FIELD(NULL, FIELD_STRING, ctl_text, text)
};

/* Each kind of message, with the most of them that one answer may have. */
static const struct reply_kind	 replies[] = {
	{ IMSG_CTL_DAEMON, sizeof(struct ctl_daemon), 1, "daemon", FIELDS(daemon_fields), 0, NULL, NULL, print_daemon },
	{ IMSG_CTL_RECORD, sizeof(struct ctl_record), 1000000, "records", FIELDS(record_fields), 0, NULL, NULL, print_records },
	{ IMSG_CTL_TRIED, sizeof(struct ctl_tried), 10000, "messages", FIELDS(tried_fields), 1, NULL, tried_order, tried_print },
	{ IMSG_CTL_QUEUED, sizeof(struct ctl_queued), 2000000, "queue", FIELDS(queued_fields), 0, queued_sound, NULL,
	    queued_print },
	{ IMSG_CTL_LINE, sizeof(struct ctl_text), 10000, "lines", FIELDS(line_fields), 1, NULL, NULL, lines_print }
};

_Static_assert(nitems(replies) <= REPLY_KINDS, "struct reply has items of each kind");

const struct reply_kind *
reply_kind(uint32_t type)
{
	size_t	 i;

	for (i = 0; i < nitems(replies); i++)
		if (replies[i].type == type)
			return (&replies[i]);
	return (NULL);
}

const struct items *
reply_items(const struct reply *rep, uint32_t type)
{
	return (&rep->items[reply_kind(type) - replies]);
}

/*
 * Keep a message of one of the kinds.  0, or -1: it is not as it must be, there are too many, or no memory.  The arrays are the
 * caller's to free.
 */
int
reply_add(struct reply *rep, struct imsg *imsg)
{
	const struct reply_kind	*k = reply_kind(imsg_get_type(imsg));
	struct items		*items = &rep->items[k - replies];
	const struct field	*f;
	size_t			 size;
	char			*item;
	void			*v;

	if (items->n >= k->max)
		return (-1);
	if (items->n == items->size) {
		size = items->size == 0 ? 16 : items->size * 2;
		if ((v = reallocarray(items->v, size, k->size)) == NULL)
			return (-1);
		items->v = v;
		items->size = size;
	}
	item = (char *)items->v + items->n * k->size;
	if (imsg_get_data(imsg, item, k->size) == -1)
		return (-1);
	for (f = k->fields; f < k->fields + k->nfields; f++)
		if (f->kind <= FIELD_LINES && !proto_str(item + f->offset, f->size))
			return (-1);
	if (k->sound != NULL && !k->sound(item))
		return (-1);
	items->n++;
	return (0);
}

/* The answer to a request has come to its end: bring it into order.  0, or -1: something that was due is not in it. */
int
reply_complete(struct reply *rep, const struct request *req)
{
	const struct reply_kind	*k;
	struct items		*items;
	size_t			 i;

	for (i = 0; i < REQUEST_ITEMS && req->items[i] != 0; i++) {
		k = reply_kind(req->items[i]);
		items = &rep->items[k - replies];
		if (k->max == 1 && items->n == 0 && rep->ok)
			return (-1);
		if (k->order != NULL && items->n > 0)
			qsort(items->v, items->n, k->size, k->order);
	}
	return (0);
}

/* The value of a numeric field. */
uint64_t
field_number(const struct field *f, const void *item)
{
	const char	*p = (const char *)item + f->offset;
	uint64_t	 wide;
	uint32_t	 narrow;

	if (f->size == sizeof(wide)) {
		memcpy(&wide, p, sizeof(wide));
		return (wide);
	}
	memcpy(&narrow, p, sizeof(narrow));
	return (narrow);
}

/* The counter that people are told of at this place, from 1; NULL: there are no more. */
const struct field *
field_told(const struct reply_kind *k, uint32_t place)
{
	const struct field	*f;

	for (f = k->fields; f < k->fields + k->nfields; f++)
		if (f->place == place)
			return (f);
	return (NULL);
}

/* What people are told of a counter: without the part that is told by itself. */
uint64_t
field_told_number(const struct field *f, const void *item)
{
	uint32_t	 part = 0;

	if (f->less != 0)
		memcpy(&part, (const char *)item + f->less, sizeof(part));
	return (field_number(f, item) - part);
}

/* Messages of a trial arrive as they are decided, and are shown by their numbers. */
static int
tried_order(const void *a, const void *b)
{
	uint32_t	 x = ((const struct ctl_tried *)a)->msgno, y = ((const struct ctl_tried *)b)->msgno;

	return ((x > y) - (x < y));
}

/* A line for each message on the server, and below it what would be done with it and why. */
static void
tried_print(const struct out *o, const struct request *req __unused, const struct items *items)
{
	const struct ctl_tried	*m = items->v;
	const char		*p;
	char			 line[PROTO_TRIED_SIZE], uid[sizeof(m->uid) * 4], state[sizeof(m->state) * 4], size[32];
	size_t			 i;

	for (i = 0; i < items->n; i++, m++) {
		strlcpy(size, "?", sizeof(size));
		if (m->size != 0)
			text_octets(size, sizeof(size), m->size);
		fprintf(o->fp, "%6u  %11s  %-9s  %s\n", m->msgno, size, text_vis(state, sizeof(state), m->state),
		    *m->uid == '\0' ? "-" : text_vis(uid, sizeof(uid), m->uid));
		fprintf(o->fp, "%*s", INDENT, "");
		print_wrapped(o, m->what, INDENT);
		for (p = m->text; *p != '\0';) {
			p = text_line(p, line, sizeof(line));
			fprintf(o->fp, "%*s", INDENT, "");
			print_wrapped(o, line, INDENT);
		}
	}
}

/* 1: the state is one that has a name. */
static int
queued_sound(const void *item)
{
	return (((const struct ctl_queued *)item)->state < nitems(states));
}

/* The state of an entry of the queue in one word, as JSON has it. */
static const char *
queued_state(const void *queued)
{
	const struct ctl_queued	*m = queued;

	return (m->file[0] != '\0' ? "unknown" : m->id != 0 ? states[m->state] : "aside");
}

/* Recipients that wait for a next hop, messages in quarantine, and files that belong to nobody. */
static void
queued_print(const struct out *o, const struct request *req __unused, const struct items *items)
{
	const struct ctl_queued	*m = items->v;
	char			 name[sizeof(m->file) * 4], when[32];
	size_t			 i;

	if (items->n == 0)
		fprintf(o->fp, "empty\n");
	for (i = 0; i < items->n; i++, m++)
		if (m->file[0] != '\0')
			fprintf(o->fp, "aside/%s  in the spool, not known to state.db, %s\n", text_vis(name, sizeof(name), m->file),
			    text_ago(when, sizeof(when), o->now, m->arrived));
		else
			queued_entry(o, m);
}

/* The number that other commands want comes first; what is still on its server has mailbox and unique-id instead. */
static void
queued_entry(const struct out *o, const struct ctl_queued *m)
{
	char	 text[PROTO_SENDER_SIZE * 4], when[32];

	if (m->id != 0)
		fprintf(o->fp, "%lld  %s  %s", (long long)m->id, states[m->state], text_vis(text, sizeof(text), m->recipient));
	else
		fprintf(o->fp, "%lld-%s  set aside on its server", (long long)m->mailbox, text_vis(text, sizeof(text), m->uid));
	if (m->nexthop[0] != '\0')
		fprintf(o->fp, "  by %s", text_vis(text, sizeof(text), m->nexthop));
	fprintf(o->fp, "\n%*s", INDENT, "");
	if (m->id != 0)
		fprintf(o->fp, "from <%s>, ", text_vis(text, sizeof(text), m->sender));
	fprintf(o->fp, "%s", text_ago(when, sizeof(when), o->now, m->arrived));
	if (m->record[0] != '\0')
		fprintf(o->fp, ", %s", text_vis(text, sizeof(text), m->record));
	if (m->tries > 0)
		fprintf(o->fp, ", tried %u time%s", m->tries, m->tries == 1 ? "" : "s");
	if (m->id != 0 && m->state == 0)
		fprintf(o->fp, ", next %s", text_until(when, sizeof(when), o->now, m->next));
	if (m->status[0] != '\0') {
		fprintf(o->fp, "\n%*s", INDENT, "");
		print_wrapped(o, m->status, INDENT);
	} else
		fprintf(o->fp, "\n");
}

/* Answers that are lines of text. */
static void
lines_print(const struct out *o, const struct request *req __unused, const struct items *items)
{
	const struct ctl_text	*m = items->v;
	size_t			 i;

	for (i = 0; i < items->n; i++)
		print_wrapped(o, m[i].text, 4);
}
