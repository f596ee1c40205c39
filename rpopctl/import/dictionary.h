/* SPDX-License-Identifier: ISC */
/*
 * CommuniGate's text form of dictionaries: {key=value; ...}, where a value is a string, a dictionary, or something else that
 * records have no use for.
 */
#ifndef DICTIONARY_H
#define DICTIONARY_H

#include <stdio.h>

#include "import.h"

enum dictionary_kind { DICTIONARY_STRING, DICTIONARY_TABLE, DICTIONARY_OTHER };

struct dictionary_entry;

struct dictionary {			/* a value */
	enum dictionary_kind	 kind;
	unsigned int		 line;		/* where it begins */
	char			*octets;	/* STRING: len of them and a NUL; none of them is NUL */
	size_t			 len;
	struct dictionary_entry	*entries;	/* TABLE: n of them, in the order of the text */
	size_t			 n;
};

struct dictionary_entry {
	char			*key;		/* a string likewise; no two of a table are equal */
	size_t			 keylen;
	unsigned int		 line;
	struct dictionary	 value;
};

/* The dictionary that a text is, into *d, which dictionary_free() is called for in any case.  0, or -1 with an error. */
int	 dictionary_parse(struct import *, const char *, size_t, struct dictionary *d);
void	 dictionary_free(struct dictionary *);		/* wipes every string */
const struct dictionary	*dictionary_get(const struct dictionary *, const char *key);	/* NULL: a table without that key */
/* Writes a string, in quotes where it needs them. */
void	 dictionary_write(FILE *, const char *, size_t);

#endif
