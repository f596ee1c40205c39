/* SPDX-License-Identifier: ISC */
/* The small file in the mail root that says which state.db it belongs to. */
#ifndef ROOTFILE_H
#define ROOTFILE_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#define ROOTFILE_NAME	".rpopd"
#define ROOTFILE_ID_LEN	16		/* octets of an identity */
#define ROOTFILE_HOLDER	512		/* octets of the line about the daemon that uses the mail root, NUL included */

struct rootfile {
	uint8_t		 identity[ROOTFILE_ID_LEN];
	uint64_t	 counter;	/* of state.db, when it was last written here */
	char		 holder[ROOTFILE_HOLDER];	/* printable ASCII, for people; empty: none was written */
};

int	 rootfile_read(int fd, struct rootfile *);		/* 0, or -1 and errno; EINVAL: the file is no such one */
int	 rootfile_write(int fd, const struct rootfile *);	/* writes the file anew; 0, or -1 and errno */
int	 rootfile_holder(int fd, const char *);			/* writes the line for people alone; 0, or -1 and errno */
int	 rootfile_counter(int fd, uint64_t);			/* writes the counter alone, in place; 0, or -1 and errno */

#endif
