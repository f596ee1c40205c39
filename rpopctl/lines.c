/* SPDX-License-Identifier: ISC */
/* Answers that are lines of text. */
#include <string.h>

#include "rpopctl.h"

/* What follows a line's first word is indented where it is broken. */
void
lines_print(const struct out *o, const struct reply *rep)
{
	size_t	 i;

	for (i = 0; i < rep->nlines; i++)
		print_wrapped(o, rep->lines[i], 4);
}

void
lines_json(FILE *fp, const struct reply *rep)
{
	size_t	 i;

	fputs("\"lines\":[", fp);
	for (i = 0; i < rep->nlines; i++) {
		if (i > 0)
			putc(',', fp);
		json_string(fp, rep->lines[i], strlen(rep->lines[i]));
	}
	fputs("]}\n", fp);
}
