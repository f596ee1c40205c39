/* SPDX-License-Identifier: ISC */
/* A getmailrc that becomes a record. */
#ifndef GETMAIL_INT_H
#define GETMAIL_INT_H

#include "ini.h"
#include "python.h"

struct getmail {
	struct import		*imp;
	const struct ini	*ini;
	struct import_record	*record;
	const char		*type;		/* of the retriever */
	int			 tls;
	int			 multidrop;	/* the retriever knows the recipient of each message */
};

/* true, yes, on, 1 and their opposites in any case; -1: it is none of them */
int	 getmail_bool(const char *);
/* A tuple of strings.  PYTHON_BAD comes with an error. */
enum python_result getmail_tuple(struct getmail *, const struct ini_option *, struct python *);

int	 getmail_options(struct getmail *);		/* section [options] */
int	 getmail_destination(struct getmail *);		/* section [destination], which says whose mail it is */
int	 getmail_tls(struct getmail *, const struct ini_section *);	/* ssl_* and their like of a retriever */
void	 getmail_seen_name(const struct import_record *, char *, size_t);	/* of the file, which user and port are in */
int	 getmail_seen(struct import *, const char *, const char *, size_t);

#endif
