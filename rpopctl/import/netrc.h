/* SPDX-License-Identifier: ISC */
/* A ~/.netrc, as fetchmail and the programs that took its code from there read it. */
#ifndef NETRC_H
#define NETRC_H

#include <stddef.h>

struct netrc_entry {
	char	*machine;
	char	*login;
	char	*password;		/* NULL: none */
	size_t	 place;			/* in the file */
};

struct netrc {
	struct netrc_entry	*entries;	/* those with a machine and a login, in order */
	size_t			 n;
};

/*
 * What cannot be understood is passed over, as the programs do with a warning: the line of the first such word, or 0.  netrc_free()
 * wipes every password.
 */
unsigned int netrc_read(struct netrc *, const char *, size_t);
void	 netrc_free(struct netrc *);
const char *netrc_password(const struct netrc *, const char *machine, const char *login);	/* NULL: none */

#endif
