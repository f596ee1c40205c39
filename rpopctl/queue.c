/* SPDX-License-Identifier: ISC */
/* Recipients that wait for a next hop, and messages in quarantine. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rpopctl.h"

#define QUEUED_MAX	2000000

static const char *const	 states[] = { "waiting", "quarantined", "failed", "wanted", "lost" };

int
queue_add(struct reply *rep, const struct ctl_queued *m)
{
	struct ctl_queued	*grown;
	size_t			 size;

	if (rep->nqueued >= QUEUED_MAX || m->state >= nitems(states) || !proto_str(m->record, sizeof(m->record)) ||
	    !proto_str(m->uid, sizeof(m->uid)) || !proto_str(m->nexthop, sizeof(m->nexthop)) ||
	    !proto_str(m->recipient, sizeof(m->recipient)) || !proto_str(m->sender, sizeof(m->sender)) ||
	    !proto_str(m->status, sizeof(m->status)) || !proto_str(m->file, sizeof(m->file)))
		return (-1);
	if (rep->nqueued == rep->queued_size) {
		size = rep->queued_size == 0 ? 64 : rep->queued_size * 2;
		if ((grown = reallocarray(rep->queued, size, sizeof(*grown))) == NULL)
			return (-1);
		rep->queued = grown;
		rep->queued_size = size;
	}
	rep->queued[rep->nqueued++] = *m;
	return (0);
}

/* The number that the other commands want, in front; what is on its server yet has mailbox and unique-id instead. */
void
queue_print(const struct out *o, const struct reply *rep)
{
	const struct ctl_queued	*m;
	char			 a[PROTO_DEST_SIZE * 4], b[PROTO_SENDER_SIZE * 4], c[PROTO_TEXT_SIZE * 4], when[32];
	size_t			 i;

	if (rep->nqueued == 0)
		fprintf(o->fp, "empty\n");
	for (i = 0; i < rep->nqueued; i++) {
		m = &rep->queued[i];
		if (m->file[0] != '\0') {
			fprintf(o->fp, "aside/%s  in the spool, not known to state.db, %s\n", text_vis(a, sizeof(a), m->file),
			    text_ago(when, sizeof(when), o->now, m->arrived));
			continue;
		}
		if (m->id != 0)
			fprintf(o->fp, "%lld  %s  %s", (long long)m->id, states[m->state], text_vis(a, sizeof(a), m->recipient));
		else
			fprintf(o->fp, "%lld-%s  set aside on its server", (long long)m->mailbox, text_vis(a, sizeof(a), m->uid));
		if (m->nexthop[0] != '\0')
			fprintf(o->fp, "  by %s", text_vis(c, sizeof(c), m->nexthop));
		fprintf(o->fp, "\n        ");
		if (m->id != 0)
			fprintf(o->fp, "from <%s>, ", text_vis(b, sizeof(b), m->sender));
		fprintf(o->fp, "%s", text_ago(when, sizeof(when), o->now, m->arrived));
		if (m->record[0] != '\0')
			fprintf(o->fp, ", %s", text_vis(b, sizeof(b), m->record));
		if (m->tries > 0)
			fprintf(o->fp, ", tried %u time%s", m->tries, m->tries == 1 ? "" : "s");
		if (m->id != 0 && m->state == 0)
			fprintf(o->fp, ", next %s", text_until(when, sizeof(when), o->now, m->next));
		if (m->status[0] != '\0') {
			fprintf(o->fp, "\n        ");
			print_wrapped(o, text_vis(c, sizeof(c), m->status), 8);
		} else
			fprintf(o->fp, "\n");
	}
}

static void
queue_text(FILE *fp, const char *name, const char *text)
{
	fprintf(fp, ",\"%s\":", name);
	json_string(fp, text, strlen(text));
}

static void
queue_time(FILE *fp, const char *name, int64_t when)
{
	char	 text[32];

	fprintf(fp, ",\"%s\":", name);
	if (when == 0)
		fputs("null", fp);
	else {
		text_utc(text, sizeof(text), when);
		json_string(fp, text, strlen(text));
	}
}

/* {"ok":true,"queue":[{...}, ...]}; id is null for what is on its server yet. */
void
queue_json(FILE *fp, const struct reply *rep)
{
	const struct ctl_queued	*m;
	size_t			 i;

	fputs("\"ok\":true,\"queue\":[", fp);
	for (i = 0; i < rep->nqueued; i++) {
		m = &rep->queued[i];
		fprintf(fp, "%s{\"id\":", i > 0 ? "," : "");
		if (m->id != 0)
			fprintf(fp, "%lld", (long long)m->id);
		else
			fputs("null", fp);
		fprintf(fp, ",\"mailbox\":%lld,\"tries\":%u", (long long)m->mailbox, m->tries);
		queue_text(fp, "file", m->file);
		queue_text(fp, "uid", m->uid);
		queue_text(fp, "state", m->file[0] != '\0' ? "unknown" : m->id != 0 ? states[m->state] : "aside");
		queue_text(fp, "record", m->record);
		queue_text(fp, "nexthop", m->nexthop);
		queue_text(fp, "recipient", m->recipient);
		queue_text(fp, "sender", m->sender);
		queue_text(fp, "status", m->status);
		queue_time(fp, "arrived", m->arrived);
		queue_time(fp, "next", m->next);
		putc('}', fp);
	}
	fputs("]}\n", fp);
}

/* On a terminal nothing that it would obey, in one octet or in two: only ASCII gets through. */
int
queue_show(const struct out *o, int fd)
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
