/* SPDX-License-Identifier: ISC */
/*
 * Prints the tables of system calls, a line for each role and rule:
 *	dialer allow sendto 3=0x4000 4=0x0
 *	dialer refuse ioctl ENOTTY
 * An argument by its number (from 0), then "=" a value, "<=" the largest, "&" a mask "=" what is left of it; "self" is the number
 * of the process itself.  Behind "#": why it is allowed although no test makes the call.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "common/sandbox/sandbox.h"
#include "common/sandbox/seccomp_int.h"

static void	 arguments(const struct scmp_arg_cmp *);
static void	 role(const char *, unsigned int);

static const struct {
	const char		*name;
	enum sandbox_role	 role;
} roles[] = {
	{ "dialer", SANDBOX_DIALER }, { "template", SANDBOX_TEMPLATE }, { "session", SANDBOX_SESSION },
	{ "deliverer", SANDBOX_DELIVERER }, { "oauth", SANDBOX_OAUTH }, { "sender", SANDBOX_SENDER },
	{ "auth", SANDBOX_AUTH }, { "mailbox", SANDBOX_MAILBOX }, { "listener", SANDBOX_LISTENER },
	{ "pop", SANDBOX_POP }, { "web", SANDBOX_WEB }, { "signer", SANDBOX_SIGNER }, { "rpopctl", SANDBOX_CTL }
};

int
main(void)
{
	size_t	 i;

	for (i = 0; i < nitems(roles); i++)
		role(roles[i].name, 1U << roles[i].role);
	return (ferror(stdout) != 0 || fflush(stdout) == EOF);
}

static void
role(const char *name, unsigned int bit)
{
	char	*call;
	size_t	 i;

	for (i = 0; i < seccomp_nallowed; i++) {
		if ((seccomp_allowed[i].roles & bit) == 0 ||
		    (call = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, seccomp_allowed[i].nr)) == NULL)
			continue;
		printf("%s allow %s", name, call);
		arguments(seccomp_allowed[i].arg);
		if (seccomp_allowed[i].unseen != NULL)
			printf("\t# %s", seccomp_allowed[i].unseen);
		else if (seccomp_allowed[i].nr < 0)
			printf("\t# not on this architecture");
		printf("\n");
		free(call);
	}
	for (i = 0; i < seccomp_nrefused; i++) {
		if ((seccomp_refused[i].roles & bit) == 0 ||
		    (call = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, seccomp_refused[i].nr)) == NULL)
			continue;
		printf("%s refuse %s", name, call);
		arguments(seccomp_refused[i].arg);
		printf("\t# %s\n", strerror(seccomp_refused[i].error));
		free(call);
	}
}

static void
arguments(const struct scmp_arg_cmp *arg)
{
	const uint64_t	 all = UINT32_MAX;
	size_t		 i;

	for (i = 0; i < SECCOMP_ARGS && arg[i].op != 0; i++) {
		printf(" %u", arg[i].arg);
		if (arg[i].op == SCMP_CMP_LE)
			printf("<=0x%llx", (unsigned long long)arg[i].datum_a);
		else if (arg[i].op == SCMP_CMP_EQ)
			printf("=0x%llx", (unsigned long long)arg[i].datum_a);
		else if (arg[i].datum_a == all && arg[i].datum_b == SECCOMP_SELF)
			printf("=self");
		else if (arg[i].datum_a == all)
			printf("=0x%llx", (unsigned long long)arg[i].datum_b);
		else
			printf("&0x%llx=0x%llx", (unsigned long long)arg[i].datum_a, (unsigned long long)arg[i].datum_b);
	}
}
