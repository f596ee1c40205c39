/* SPDX-License-Identifier: ISC */
/* A trial as people see it: its messages, and which fields with envelope recipients they have. */
#include <stdio.h>
#include <string.h>

#include "rpopctl.h"

static void	 envelope_others(const struct ctl_envelope *, size_t, char *, size_t);

/* Messages of a trial arrive as they are decided, and are shown by their numbers. */
int
tried_order(const void *a, const void *b)
{
	uint32_t	 x = ((const struct ctl_tried *)a)->number, y = ((const struct ctl_tried *)b)->number;

	return ((x > y) - (x < y));
}

/* A line for each message on the server, and below it what would be done with it and why. */
void
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
		fprintf(o->fp, "%6u  %11s  %-9s  %s\n", m->number, size, text_vis(state, sizeof(state), m->state),
		    *m->uid == '\0' ? "-" : text_vis(uid, sizeof(uid), m->uid));
		fprintf(o->fp, "%*s", INDENT, "");
		print_wrapped(o, m->what, INDENT);
		for (p = m->why; *p != '\0';) {
			p = text_line(p, line, sizeof(line));
			fprintf(o->fp, "%*s", INDENT, "");
			print_wrapped(o, line, INDENT);
		}
	}
}

/*
 * A sentence about the fields that the record names, which come first: where they are in no message, with the others that may be
 * the right ones.
 */
void
envelope_print(const struct out *o, const struct request *req __unused, const struct items *items)
{
	const struct ctl_envelope	*m = items->v;
	const char			*p;
	char				 names[2 * sizeof(m->name)] = "", line[2048], part[160];

	if (items->n == 0)
		return;
	for (p = m->name; *p != '\0'; p += strcspn(p, " "), p += *p == ' ') {
		snprintf(part, sizeof(part), "%s%.*s", p == m->name ? "" : " or ", (int)strcspn(p, " "), p);
		strlcat(names, part, sizeof(names));
	}
	snprintf(line, sizeof(line), "%s was in %u of %u message%s looked at", names, m->messages, m->looked,
	    m->looked == 1 ? "" : "s");
	if (m->counted < m->messages)
		snprintf(part, sizeof(part), ", and counts in %u only: see trusted_hop and special_nth in rpopd.db(5)", m->counted);
	else if (m->counted > m->messages)
		snprintf(part, sizeof(part), "; the address behind \"for\" in Received counts in %u", m->counted - m->messages);
	else
		*part = '\0';
	strlcat(line, part, sizeof(line));
	if (m->messages == 0)
		envelope_others(m + 1, items->n - 1, line, sizeof(line));
	print_wrapped(o, line, 4);
}

/* Adds to the sentence which fields may be the right ones, if any. */
static void
envelope_others(const struct ctl_envelope *m, size_t n, char *line, size_t size)
{
	char	 part[sizeof(m->name) + 32];
	size_t	 i;

	strlcat(line, n == 0 ? "; nor was any other field that providers are known to keep envelope recipients in" :
	    "; these may be the provider's, see special in rpopd.db(5): ", size);
	for (i = 0; i < n; i++) {
		snprintf(part, sizeof(part), "%s%s in %u", i == 0 ? "" : ", ", m[i].name, m[i].messages);
		strlcat(line, part, size);
	}
}
