/* SPDX-License-Identifier: ISC */
/* A mail root in a scratch directory, and a master that only takes notes. */
#ifndef SPOOLROOT_H
#define SPOOLROOT_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

struct note {				/* one message to the master, in order */
	uint32_t	 type;
	size_t		 len;
	uint8_t		 data[4096];
};

extern struct note	*notes;
extern size_t		 nnotes;
extern int		 recovered;	/* master_recovered() calls */

int	 root_setup(void **);		/* cmocka's set-up and tear-down: spool, Maildirs and batches, nothing open */
int	 root_teardown(void **);
int	 root_fd(void);
const char	*root_path(const char *below);	/* static buffer */
void	 root_routes(const char *const *locals, size_t n);	/* accounts example.org/<local>, ids from 1, the first is postmaster */
size_t	 root_count(const char *dir);	/* entries of a directory below the root */
int	 root_clear(const char *dir);	/* remove it and what is in it; 0/-1 */
uint8_t	*root_read(const char *path, size_t *len);	/* the caller frees */
int	 root_sized(const char *path);	/* 1: the name ends in the sizes of the file, 0 */
size_t	 root_unsized(const char *dir);	/* number of files in a directory whose names do not */
void	 root_write(const char *path, const void *, size_t);
void	 notes_clear(void);
size_t	 notes_count(uint32_t type);
const struct note	*notes_nth(uint32_t type, size_t n);	/* NULL if there are fewer */
void	 root_commit(int verdict);	/* answer every batch noted and not answered */

#endif
