/* SPDX-License-Identifier: ISC */
/* Answers for people that are lists: the messages of a trial, the queue and the quarantine, lines of text; and a single message. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rpopctl.h"

#define INDENT		8

static void	 queue_entry(const struct out *, const struct ctl_queued *);

static const char *const	 states[] = { "waiting", "quarantined", "failed", "wanted", "lost" };

/* A line for each message on the server, and below it what would be done with it and why. */
void
listing_tried(const struct out *o, const struct request *req __unused, const struct items *items)
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

/* Recipients that wait for a next hop, messages in quarantine, and files that belong to nobody. */
void
listing_queue(const struct out *o, const struct request *req __unused, const struct items *items)
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
			queue_entry(o, m);
}

/* The number that other commands want comes first; what is still on its server has mailbox and unique-id instead. */
static void
queue_entry(const struct out *o, const struct ctl_queued *m)
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

/* The state of an entry of the queue in one word, as JSON has it. */
const char *
listing_state(const void *queued)
{
	const struct ctl_queued	*m = queued;

	return (m->file[0] != '\0' ? "unknown" : m->id != 0 ? states[m->state] : "aside");
}

/* Answers that are lines of text. */
void
listing_lines(const struct out *o, const struct request *req __unused, const struct items *items)
{
	const struct ctl_text	*m = items->v;
	size_t			 i;

	for (i = 0; i < items->n; i++)
		print_wrapped(o, m[i].text, 4);
}

/* The message that fd is open for, to its end.  On a terminal only ASCII gets through, nothing that it would obey.  0, or -1. */
int
listing_message(const struct out *o, int fd)
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
