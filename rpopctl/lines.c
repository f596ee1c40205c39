/* SPDX-License-Identifier: ISC */
/* Answers that are lines of text. */
#include <stdlib.h>
#include <string.h>

#include "rpopctl.h"

#define LINES_MAX	10000

/* Keep one more.  0, or -1: too many, or memory. */
int
lines_add(struct reply *rep, const struct ctl_text *m)
{
	struct ctl_text	*grown;
	size_t		 size;

	if (rep->nlines >= LINES_MAX)
		return (-1);
	if (rep->nlines == rep->lines_size) {
		size = rep->lines_size == 0 ? 16 : rep->lines_size * 2;
		if ((grown = reallocarray(rep->lines, size, sizeof(*grown))) == NULL)
			return (-1);
		rep->lines = grown;
		rep->lines_size = size;
	}
	rep->lines[rep->nlines++] = *m;
	return (0);
}

void
lines_print(const struct out *o, const struct reply *rep)
{
	size_t	 i;

	for (i = 0; i < rep->nlines; i++)
		print_wrapped(o, rep->lines[i].text, 4);
}

/* {"ok":true,"lines":[...]} */
void
lines_json(FILE *fp, const struct reply *rep)
{
	size_t	 i;

	fputs("\"ok\":true,\"lines\":[", fp);
	for (i = 0; i < rep->nlines; i++) {
		if (i > 0)
			putc(',', fp);
		json_string(fp, rep->lines[i].text, strlen(rep->lines[i].text));
	}
	fputs("]}\n", fp);
}
