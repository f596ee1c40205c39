/* SPDX-License-Identifier: ISC */
/* The answer to try: each message on the server, and where it would go. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpopctl.h"

#define INDENT		8

static int	 tried_order(const void *, const void *);
static const char *tried_line(const char *, char *, size_t);

/* They came as they were decided. */
void
tried_sort(struct reply *rep)
{
	if (rep->ntried > 0)
		qsort(rep->tried, rep->ntried, sizeof(*rep->tried), tried_order);
}

static int
tried_order(const void *a, const void *b)
{
	uint32_t	 x = ((const struct ctl_tried *)a)->msgno, y = ((const struct ctl_tried *)b)->msgno;

	return ((x > y) - (x < y));
}

/* A line for each message, and what there is to say of it below. */
void
tried_print(const struct out *o, const struct reply *rep)
{
	const struct ctl_tried	*m;
	const char		*p;
	char			 line[PROTO_TRIED_SIZE], uid[sizeof(m->uid) * 4], state[sizeof(m->state) * 4], size[32];
	size_t			 i;

	for (i = 0; i < rep->ntried; i++) {
		m = &rep->tried[i];
		strlcpy(size, "?", sizeof(size));
		if (m->size != 0)
			text_octets(size, sizeof(size), m->size);
		fprintf(o->fp, "%6u  %11s  %-9s  %s\n", m->msgno, size, text_vis(state, sizeof(state), m->state),
		    *m->uid == '\0' ? "-" : text_vis(uid, sizeof(uid), m->uid));
		fprintf(o->fp, "%*s", INDENT, "");
		print_wrapped(o, m->what, INDENT);
		for (p = m->text; *p != '\0';) {
			p = tried_line(p, line, sizeof(line));
			fprintf(o->fp, "%*s", INDENT, "");
			print_wrapped(o, line, INDENT);
		}
	}
}

/* One line without its end; returns what is behind it. */
static const char *
tried_line(const char *p, char *line, size_t size)
{
	size_t	 n = strcspn(p, "\n");

	snprintf(line, size, "%.*s", (int)n, p);
	return (p + n + (p[n] == '\n'));
}

void
tried_json(FILE *fp, const struct reply *rep)
{
	const struct ctl_tried	*m;
	const char		*p;
	char			 line[PROTO_TRIED_SIZE];
	size_t			 i;

	fputs(",\"messages\":[", fp);
	for (i = 0; i < rep->ntried; i++) {
		m = &rep->tried[i];
		fprintf(fp, "%s{\"number\":%u,\"size\":", i > 0 ? "," : "", m->msgno);
		if (m->size != 0)
			fprintf(fp, "%u", m->size);
		else
			fputs("null", fp);
		fputs(",\"uid\":", fp);
		if (*m->uid != '\0')
			json_string(fp, m->uid, strlen(m->uid));
		else
			fputs("null", fp);
		fputs(",\"state\":", fp);
		json_string(fp, m->state, strlen(m->state));
		fputs(",\"what\":", fp);
		json_string(fp, m->what, strlen(m->what));
		fputs(",\"why\":[", fp);
		for (p = m->text; *p != '\0';) {
			p = tried_line(p, line, sizeof(line));
			json_string(fp, line, strlen(line));
			if (*p != '\0')
				putc(',', fp);
		}
		fputs("]}", fp);
	}
	putc(']', fp);
}
