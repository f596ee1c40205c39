/* SPDX-License-Identifier: ISC */
/* What an import came to, as lines of text that tests compare. */
#ifndef IMPORTRIG_H
#define IMPORTRIG_H

#include "rpopctl/import/import.h"

/*
 * error LINE SENTENCE, or for each record
 *	record LINE
 *	COLUMN=VALUE
 *	note|lost|question LINE [COLUMN: ]SENTENCE
 *	seen UNIQUE-ID
 * and for what is about the file
 *	file note|lost|question LINE SENTENCE
 */
char	*told(const struct import *);				/* to be freed */
char	*told_file(const struct import_format *, const char *);	/* of a text that is parsed */
char	*told_seen(const struct import_format *, const char *, const char *path, const char *seen);

/* A text, and lines that must, or must not, be among those that it comes to; a line may be told by its beginning. */
struct told_case {
	const char	*text;
	const char	*lines[6];		/* '!' ahead of one that must not be there */
};
void	 told_cases(const struct import_format *, const struct told_case *, size_t, const char *before, const char *behind);
void	 told_seen_cases(const struct import_format *, const char *text, const char *path, const struct told_case *, size_t);
/* No part of the text, and none with an octet changed, does harm: what is parsed can be told, what is not has an error. */
void	 told_broken(const struct import_format *, const char *);

#endif
