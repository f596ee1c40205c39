/* SPDX-License-Identifier: ISC */
/*
 * What an answer may consist of.  Each kind of message has its fields in a table: JSON, the sentences about counters, and the check
 * of its strings come from there.  A new counter is a member in proto_ctl.h and a line here.  Kinds that people see as lists have
 * their functions here, too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/array.h"
#include "common/ipc/rules.h"
#include "common/log.h"
#include "rpopctl.h"

#define FIELD(type, member, what, ...) \
	{ .json = #member, .kind = what, .offset = offsetof(struct type, member), .size = sizeof(((struct type *)NULL)->member), \
	    __VA_ARGS__ }
#define FIELDS(table)		table, nitems(table)

static int	 queued_sound(const void *);
static const char *queued_state(const void *);
static void	 queued_print(const struct out *, const struct request *, const struct items *);
static void	 queued_entry(const struct out *, const struct ctl_queued *);
static void	 readers_print(const struct out *, const struct request *, const struct items *);
static void	 lines_print(const struct out *, const struct request *, const struct items *);

static const char *const	 states[] = {
	[QUEUE_WAITING] = "waiting",
	[QUEUE_QUARANTINED] = "quarantined",
	[QUEUE_FAILED] = "failed",
	[QUEUE_WANTED] = "wanted",
	[QUEUE_LOST] = "lost"
};

static const struct field	 daemon_fields[] = {
	FIELD(ctl_daemon, version, FIELD_STRING),
	FIELD(ctl_daemon, started, FIELD_TIME),
	FIELD(ctl_daemon, loaded, FIELD_TIME),
	FIELD(ctl_daemon, config_changed, FIELD_BOOL),
	FIELD(ctl_daemon, load_error, FIELD_TEXT),
	FIELD(ctl_daemon, records, FIELD_NUMBER),
	FIELD(ctl_daemon, enabled, FIELD_NUMBER),
	FIELD(ctl_daemon, sessions, FIELD_NUMBER),
	FIELD(ctl_daemon, processors, FIELD_NUMBER),
	FIELD(ctl_daemon, pending, FIELD_NUMBER),
	FIELD(ctl_daemon, waiting, FIELD_NUMBER, .rank = 1, .words = "waiting for a next hop"),
	FIELD(ctl_daemon, quarantined, FIELD_NUMBER, .rank = 3, .words = "in quarantine"),
	FIELD(ctl_daemon, reports, FIELD_NUMBER, .rank = 2, .words = "reports due"),
	FIELD(ctl_daemon, aside, FIELD_NUMBER, .rank = 4, .words = "set aside"),
	FIELD(ctl_daemon, suspects, FIELD_NUMBER, .rank = 5, .words = "suspects",
	    .less = offsetof(struct ctl_daemon, aside)),
	FIELD(ctl_daemon, oversize, FIELD_NUMBER, .rank = 6, .words = "oversize"),
	FIELD(ctl_daemon, mail_root_error, FIELD_TEXT),
	FIELD(ctl_daemon, blocked_maildirs, FIELD_NUMBER),
	FIELD(ctl_daemon, blocked_maildir, FIELD_TEXT),
	FIELD(ctl_daemon, unknown_files, FIELD_NUMBER),
	FIELD(ctl_daemon, readers, FIELD_NUMBER),
	FIELD(ctl_daemon, readers_most, FIELD_NUMBER),
	FIELD(ctl_daemon, listening, FIELD_NUMBER),
	FIELD(ctl_daemon, not_listening, FIELD_NUMBER),
	FIELD(ctl_daemon, listener_trouble, FIELD_LINES),
	FIELD(ctl_daemon, readers_peak, FIELD_NUMBER),
	FIELD(ctl_daemon, connections, FIELD_NUMBER),
	FIELD(ctl_daemon, turned_channels, FIELD_NUMBER),
	FIELD(ctl_daemon, turned_listener, FIELD_NUMBER),
	FIELD(ctl_daemon, turned_address, FIELD_NUMBER),
	FIELD(ctl_daemon, turned_blocked, FIELD_NUMBER),
	FIELD(ctl_daemon, logins, FIELD_NUMBER),
	FIELD(ctl_daemon, logins_wrong, FIELD_NUMBER),
	FIELD(ctl_daemon, logins_limited, FIELD_NUMBER),
	FIELD(ctl_daemon, logins_failed, FIELD_NUMBER),
	FIELD(ctl_daemon, read_messages, FIELD_NUMBER),
	FIELD(ctl_daemon, read_looked, FIELD_NUMBER),
	FIELD(ctl_daemon, read_deleted, FIELD_NUMBER),
	FIELD(ctl_daemon, read_octets, FIELD_NUMBER),
	FIELD(ctl_daemon, password_error, FIELD_TEXT),
	FIELD(ctl_daemon, log_level, FIELD_NAME, .name = log_level_str)
};

static const struct field	 record_fields[] = {
	FIELD(ctl_record, account, FIELD_STRING),
	FIELD(ctl_record, name, FIELD_TEXT),
	FIELD(ctl_record, host, FIELD_TEXT),
	FIELD(ctl_record, port, FIELD_NUMBER),
	FIELD(ctl_record, tls, FIELD_NAME, .name = tls_mode_str),
	FIELD(ctl_record, user, FIELD_TEXT),
	FIELD(ctl_record, mode, FIELD_TEXT),
	FIELD(ctl_record, leave, FIELD_BOOL),
	FIELD(ctl_record, enabled, FIELD_BOOL),
	FIELD(ctl_record, period, FIELD_NUMBER),
	FIELD(ctl_record, state, FIELD_TEXT),
	FIELD(ctl_record, last_success, FIELD_TIME),
	FIELD(ctl_record, last_attempt, FIELD_TIME),
	FIELD(ctl_record, last_error, FIELD_TEXT),
	FIELD(ctl_record, failures, FIELD_NUMBER),
	FIELD(ctl_record, failing_since, FIELD_TIME),
	FIELD(ctl_record, next_poll, FIELD_TIME),
	FIELD(ctl_record, login_delay, FIELD_NUMBER),
	FIELD(ctl_record, expire, FIELD_NUMBER_OR_MAX),
	FIELD(ctl_record, polls, FIELD_NUMBER),
	FIELD(ctl_record, asked, FIELD_NUMBER),
	FIELD(ctl_record, answered, FIELD_NUMBER),
	FIELD(ctl_record, messages, FIELD_NUMBER),
	FIELD(ctl_record, octets, FIELD_NUMBER),
	FIELD(ctl_record, kept, FIELD_NUMBER, .rank = 1, .label = "kept",
	    .words = "delivered and left on the server"),
	FIELD(ctl_record, undeleted, FIELD_NUMBER, .rank = 4, .label = "undeleted",
	    .words = "delivered, deletion not yet confirmed by the server"),
	FIELD(ctl_record, waiting, FIELD_NUMBER, .rank = 2, .label = "waiting",
	    .words = "taken, not yet with every recipient"),
	FIELD(ctl_record, quarantined, FIELD_NUMBER, .rank = 3, .label = "quarantine",
	    .words = "in quarantine here, not delivered: see rpopctl quarantine"),
	FIELD(ctl_record, suspects, FIELD_NUMBER, .rank = 5, .label = "suspects",
	    .words = "at which a session failed or the deliverer died, tried again one at a time"),
	FIELD(ctl_record, aside, FIELD_NUMBER, .rank = 7, .label = "set aside",
	    .words = "left on the server because that happened repeatedly, see rpopd.db(5)"),
	FIELD(ctl_record, unfound, FIELD_NUMBER),
	FIELD(ctl_record, refused, FIELD_NUMBER, .rank = 6, .label = "refused",
	    .words = "of them not given by the server, see view suspects in rpopd.db(5)"),
	FIELD(ctl_record, origin, FIELD_TEXT),
	FIELD(ctl_record, planned, FIELD_NUMBER),
	FIELD(ctl_record, fetched, FIELD_NUMBER),
	FIELD(ctl_record, planned_octets, FIELD_NUMBER_OR_NULL),
	FIELD(ctl_record, fetched_octets, FIELD_NUMBER),
	FIELD(ctl_record, seconds_left, FIELD_NUMBER_OR_MAX)
};

static const struct field	 tried_fields[] = {
	FIELD(ctl_tried, number, FIELD_NUMBER),
	FIELD(ctl_tried, size, FIELD_NUMBER_OR_NULL),
	FIELD(ctl_tried, uid, FIELD_TEXT),
	FIELD(ctl_tried, state, FIELD_STRING),
	FIELD(ctl_tried, what, FIELD_STRING),
	FIELD(ctl_tried, why, FIELD_LINES)
};

static const struct field	 envelope_fields[] = {
	FIELD(ctl_envelope, name, FIELD_STRING),
	FIELD(ctl_envelope, special, FIELD_BOOL),
	FIELD(ctl_envelope, looked, FIELD_NUMBER),
	FIELD(ctl_envelope, messages, FIELD_NUMBER),
	FIELD(ctl_envelope, counted, FIELD_NUMBER)
};

static const struct field	 queued_fields[] = {
	FIELD(ctl_queued, id, FIELD_NUMBER_OR_NULL),
	FIELD(ctl_queued, mailbox, FIELD_NUMBER),
	FIELD(ctl_queued, tries, FIELD_NUMBER),
	FIELD(ctl_queued, file, FIELD_STRING),
	FIELD(ctl_queued, uid, FIELD_STRING),
	FIELD(ctl_queued, state, FIELD_MADE, .made = queued_state),
	FIELD(ctl_queued, record, FIELD_STRING),
	FIELD(ctl_queued, nexthop, FIELD_STRING),
	FIELD(ctl_queued, recipient, FIELD_STRING),
	FIELD(ctl_queued, sender, FIELD_STRING),
	FIELD(ctl_queued, status, FIELD_STRING),
	FIELD(ctl_queued, arrived, FIELD_TIME),
	FIELD(ctl_queued, next, FIELD_TIME)
};

static const struct field	 found_fields[] = {
	FIELD(ctl_found, since, FIELD_TIME),
	FIELD(ctl_found, message_id, FIELD_TEXT),
	FIELD(ctl_found, size, FIELD_NUMBER),
	FIELD(ctl_found, sender, FIELD_STRING),
	FIELD(ctl_found, record, FIELD_TEXT),
	FIELD(ctl_found, mailbox, FIELD_NUMBER),
	FIELD(ctl_found, uid, FIELD_STRING),
	FIELD(ctl_found, results, FIELD_LINES)
};

static const struct field	 login_fields[] = {
	FIELD(ctl_login, uri, FIELD_STRING),
	FIELD(ctl_login, uri_complete, FIELD_TEXT),
	FIELD(ctl_login, user_code, FIELD_STRING),
	FIELD(ctl_login, ends, FIELD_TIME),
	FIELD(ctl_login, asked, FIELD_NUMBER),
	FIELD(ctl_login, interval, FIELD_NUMBER),
	FIELD(ctl_login, trouble, FIELD_TEXT)
};

static const struct field	 reader_fields[] = {
	FIELD(ctl_reader, session, FIELD_NUMBER),
	FIELD(ctl_reader, account, FIELD_TEXT),
	FIELD(ctl_reader, mailbox, FIELD_TEXT),
	FIELD(ctl_reader, client, FIELD_STRING),
	FIELD(ctl_reader, tls, FIELD_BOOL),
	FIELD(ctl_reader, tls_version, FIELD_TEXT),
	FIELD(ctl_reader, cipher, FIELD_TEXT),
	FIELD(ctl_reader, state, FIELD_STRING),
	FIELD(ctl_reader, since, FIELD_TIME)
};

static const struct field	 alerted_fields[] = {
	FIELD(ctl_alerted, id, FIELD_NUMBER),
	FIELD(ctl_alerted, account, FIELD_STRING),
	FIELD(ctl_alerted, text, FIELD_STRING),
	FIELD(ctl_alerted, made, FIELD_TIME),
	FIELD(ctl_alerted, told, FIELD_TIME)
};

static const struct field	 line_fields[] = {
	FIELD(ctl_text, text, FIELD_STRING)
};

/* Each kind of message, with the most of them that one answer may have. */
static const struct reply_kind	 replies[] = {
	{ IMSG_CTL_DAEMON, sizeof(struct ctl_daemon), 1, "daemon", FIELDS(daemon_fields), 0, NULL, NULL, print_daemon },
	{ IMSG_CTL_RECORD, sizeof(struct ctl_record), 1000000, "records", FIELDS(record_fields), 0, NULL, NULL, print_records },
	{ IMSG_CTL_TRIED, sizeof(struct ctl_tried), 10000, "messages", FIELDS(tried_fields), 1, NULL, tried_order, tried_print },
	{ IMSG_CTL_ENVELOPE, sizeof(struct ctl_envelope), 64, "fields", FIELDS(envelope_fields), 0, NULL, NULL, envelope_print },
	{ IMSG_CTL_QUEUED, sizeof(struct ctl_queued), 2000000, "queue", FIELDS(queued_fields), 0, queued_sound, NULL,
	    queued_print },
	{ IMSG_CTL_FOUND, sizeof(struct ctl_found), CTL_FIND_MAX, "messages", FIELDS(found_fields), 0, NULL, NULL, found_print },
	{ IMSG_CTL_LOGIN, sizeof(struct ctl_login), 2, "login", FIELDS(login_fields), 0, NULL, NULL, NULL },
	{ IMSG_CTL_READER, sizeof(struct ctl_reader), 100000, "sessions", FIELDS(reader_fields), 0, NULL, NULL, readers_print },
	{ IMSG_CTL_ALERTED, sizeof(struct ctl_alerted), 1000000, "alerts", FIELDS(alerted_fields), 0, NULL, NULL, alerts_print },
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
	char			*item;
	void			*v;

	if (items->n >= k->max)
		return (-1);
	if ((v = array_grow(items->v, items->n, k->size)) == NULL)
		return (-1);
	items->v = v;
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

const void *
reply_take(struct reply *rep, uint32_t type)
{
	const struct reply_kind	*k = reply_kind(type);
	struct items		*items = &rep->items[k - replies];

	return ((const char *)items->v + --items->n * k->size);
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

/* Bring the messages of this type into an order, for qsort(3). */
void
reply_sort(struct reply *rep, uint32_t type, int (*order)(const void *, const void *))
{
	const struct reply_kind	*k = reply_kind(type);
	struct items		*items = &rep->items[k - replies];

	if (items->n > 0)
		qsort(items->v, items->n, k->size, order);
}

/* Of the messages of this type, keep the wanted ones. */
void
reply_keep(struct reply *rep, uint32_t type, int (*wanted)(const void *))
{
	const struct reply_kind	*k = reply_kind(type);
	struct items		*items = &rep->items[k - replies];
	char			*v = items->v;
	size_t			 i, n = 0;

	for (i = 0; i < items->n; i++)
		if (wanted(v + i * k->size))
			memmove(v + n++ * k->size, v + i * k->size, k->size);
	items->n = n;
}

/* Everything that the reply holds is given up. */
void
reply_free(struct reply *rep)
{
	size_t	 i;

	for (i = 0; i < REPLY_KINDS; i++)
		free(rep->items[i].v);
	memset(rep->items, 0, sizeof(rep->items));
	if (rep->fd != -1)
		close(rep->fd);
	rep->fd = -1;
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

/* The counter that people are told of in this rank, from 1; NULL: there are no more. */
const struct field *
field_told(const struct reply_kind *k, uint32_t rank)
{
	const struct field	*f;

	for (f = k->fields; f < k->fields + k->nfields; f++)
		if (f->rank == rank)
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
	if (m->id != 0 && m->state == QUEUE_WAITING)
		fprintf(o->fp, ", next %s", text_until(when, sizeof(when), o->now, m->next));
	if (m->status[0] != '\0') {
		fprintf(o->fp, "\n%*s", INDENT, "");
		print_wrapped(o, m->status, INDENT);
	} else
		fprintf(o->fp, "\n");
}

/* Sessions of mail programs, a line each. */
static void
readers_print(const struct out *o, const struct request *req __unused, const struct items *items)
{
	const struct ctl_reader	*m = items->v;
	char			 account[sizeof(m->account) * 4], mailbox[sizeof(m->mailbox) * 4], client[sizeof(m->client) * 4];
	char			 tls[(sizeof(m->tls_version) + sizeof(m->cipher)) * 4], name[sizeof(m->cipher) * 4], when[32];
	size_t			 i;

	if (items->n == 0)
		fprintf(o->fp, "nobody\n");
	for (i = 0; i < items->n; i++, m++) {
		strlcpy(tls, m->tls ? "TLS" : "in clear", sizeof(tls));
		if (*m->tls_version != '\0') {
			text_vis(tls, sizeof(tls), m->tls_version);
			strlcat(tls, " ", sizeof(tls));
			strlcat(tls, text_vis(name, sizeof(name), m->cipher), sizeof(tls));
		}
		fprintf(o->fp, "%-30s  %-16s  %s, %s, %s\n",
		    *m->account == '\0' ? "-" : text_vis(account, sizeof(account), m->account),
		    *m->mailbox == '\0' ? m->state : text_vis(mailbox, sizeof(mailbox), m->mailbox),
		    text_vis(client, sizeof(client), m->client),
		    tls, text_ago(when, sizeof(when), o->now, m->since));
	}
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
