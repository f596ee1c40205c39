/* SPDX-License-Identifier: ISC */
/* The tables of system calls, for seccomp_linux.c, which makes filters of them, and for the program that prints them. */
#ifndef SECCOMP_INT_H
#define SECCOMP_INT_H

#include <seccomp.h>
#include <stddef.h>

#define SECCOMP_ARGS	3

/* In the place of a value: the process's own number, which is not known when the table is written. */
#define SECCOMP_SELF	0x53454c46U

/*
 * A call that is allowed when every argument named is as it says.  unseen: why it is allowed although the tests never make it
 * (DEVELOPERS.md, "Adding a system call"); NULL: they make it, in every role it is allowed to.
 */
struct sysrule {
	int			 nr;		/* negative: this architecture has no such call */
	unsigned int		 roles;		/* bits of 1 << enum sandbox_role */
	struct scmp_arg_cmp	 arg[SECCOMP_ARGS];	/* op 0: no further check */
	const char		*unseen;
};

/* A call that gets an errno and never reaches the kernel. */
struct refusal {
	int			 nr;
	unsigned int		 roles;
	int			 error;
	struct scmp_arg_cmp	 arg[SECCOMP_ARGS];
};

extern const struct sysrule	 seccomp_allowed[];
extern const size_t		 seccomp_nallowed;
extern const struct refusal	 seccomp_refused[];
extern const size_t		 seccomp_nrefused;

#endif
