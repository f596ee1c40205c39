/* SPDX-License-Identifier: ISC */
/* Values written in Python: numbers, strings, tuples.  Nothing is called, and no name but True, False and None is known. */
#ifndef PYTHON_H
#define PYTHON_H

#include <stddef.h>
#include <stdint.h>

enum python_kind {
	PYTHON_NONE, PYTHON_NUMBER, PYTHON_STRING, PYTHON_TUPLE
};

struct python {
	enum python_kind	 kind;
	int64_t			 number;
	char			*string;	/* len octets and a NUL */
	size_t			 len, size;
	struct python		*items;
	size_t			 nitems;
};

enum python_result {
	PYTHON_OK,
	PYTHON_BAD,		/* no Python */
	PYTHON_CODE		/* it may be, but whoever wants to know the value has to run it */
};

enum python_result python_read(struct python *, const char *);	/* the value is to be freed anyway */
void	 python_free(struct python *);				/* wipes it */
/* int() of a text, as Python has it: white space, a sign, digits with single underscores between them.  -1: it is none */
int	 python_int(const char *, int64_t *);

#endif
