/* SPDX-License-Identifier: ISC */
/* Files of sections and options, as Python's RawConfigParser reads them. */
#ifndef INI_H
#define INI_H

#include "import_int.h"

struct ini_option {
	unsigned int	 line;
	char		*name;		/* in lower case */
	char		*value;		/* lines, with one octet 0x0a between them; len octets and a NUL */
	size_t		 len;
	size_t		 size;
};

struct ini_section {
	unsigned int		 line;
	char			*name;
	struct ini_option	*options;
	size_t			 noptions;
};

struct ini {
	struct ini_section	*sections;
	size_t			 nsections;
};

int	 ini_read(struct import *, struct ini *, const char *, size_t);	/* 0; -1 with an error; the struct is to be freed anyway */
void	 ini_free(struct ini *);					/* wipes every value */
const struct ini_section *ini_section(const struct ini *, const char *);	/* NULL: there is none */
const struct ini_option *ini_option(const struct ini_section *, const char *);	/* likewise; the section may be NULL */

#endif
