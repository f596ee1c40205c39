/* SPDX-License-Identifier: ISC */
/*
 * System-call filters, made of the tables in seccomp_table_linux.c.  What no rule names kills the process, so that a violation is
 * seen; a few calls that libraries try and can do without get an errno.
 */
#include <sys/types.h>
#include <sys/syscall.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <seccomp.h>
#include <string.h>
#include <unistd.h>

#include "common/compat.h"
#include "common/log.h"
#include "sandbox.h"
#include "seccomp_int.h"

#define PROGRAM_MAX	1024	/* instructions of a fork's filter */

static void	 seccomp_rule(scmp_filter_ctx, uint32_t, int, const struct scmp_arg_cmp *, pid_t);
static void	 seccomp_tables(scmp_filter_ctx, enum sandbox_role, pid_t);
static scmp_filter_ctx	 seccomp_build(enum sandbox_role, pid_t);

/* A fork's filter, compiled once in the template: building it anew in each fork would cost as much as the fork. */
static struct sock_fprog	 fork_program;
static enum sandbox_role	 fork_role = SANDBOX_TEMPLATE;	/* SANDBOX_TEMPLATE: there is none */

/* Adds the rules of a role to a filter, except for calls that this architecture does not have.  SECCOMP_SELF stands for self. */
static void
seccomp_rule(scmp_filter_ctx ctx, uint32_t action, int nr, const struct scmp_arg_cmp *args, pid_t self)
{
	struct scmp_arg_cmp	 arg[SECCOMP_ARGS];
	unsigned int		 n;
	int			 error;

	if (nr < 0)
		return;
	for (n = 0; n < SECCOMP_ARGS && args[n].op != 0; n++) {
		arg[n] = args[n];
		if (arg[n].op == SCMP_CMP_MASKED_EQ && arg[n].datum_b == SECCOMP_SELF)
			arg[n].datum_b = (scmp_datum_t)self;
	}
	if ((error = seccomp_rule_add_array(ctx, action, nr, n, arg)) != 0)
		fatalx("seccomp rule for call %d: %s", nr, strerror(-error));
}

/* A fork is under its template's filter as well as its own. */
static void
seccomp_tables(scmp_filter_ctx ctx, enum sandbox_role role, pid_t self)
{
	unsigned int	 roles = 1U << role;
	size_t		 i;

	if (fork_role != SANDBOX_TEMPLATE)
		roles |= 1U << fork_role;
	for (i = 0; i < seccomp_nallowed; i++)
		if (seccomp_allowed[i].roles & roles)
			seccomp_rule(ctx, SCMP_ACT_ALLOW, seccomp_allowed[i].nr, seccomp_allowed[i].arg, self);
	for (i = 0; i < seccomp_nrefused; i++)
		if (seccomp_refused[i].roles & roles)
			seccomp_rule(ctx, SCMP_ACT_ERRNO((uint32_t)seccomp_refused[i].error), seccomp_refused[i].nr,
			    seccomp_refused[i].arg, self);
}

/* Makes a filter; the library lets it refuse foreign architectures, x32 included. */
static scmp_filter_ctx
seccomp_build(enum sandbox_role role, pid_t self)
{
	scmp_filter_ctx	 ctx;
	int		 error;

	if ((ctx = seccomp_init(SCMP_ACT_KILL_PROCESS)) == NULL)
		fatalx("seccomp_init");
	if ((error = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS)) != 0 ||
	    (error = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 1)) != 0)
		fatalx("seccomp attribute: %s", strerror(-error));
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);	/* binary tree; a slower filter does as well */
	seccomp_tables(ctx, role, self);
	return (ctx);
}

/*
 * Compiles a filter.  The library writes to a descriptor only, so it goes through a pipe, whose buffer has room for many programs.
 */
void
seccomp_template(enum sandbox_role forks)
{
	static struct sock_filter	 code[PROGRAM_MAX];
	scmp_filter_ctx			 ctx = seccomp_build(forks, SECCOMP_SELF);
	ssize_t				 n;
	int				 fd[2], error;

	if (pipe(fd) == -1)
		fatal("pipe");
	if ((error = seccomp_export_bpf(ctx, fd[1])) != 0)
		fatalx("seccomp_export_bpf: %s", strerror(-error));
	if ((n = read(fd[0], code, sizeof(code))) <= 0 || n == sizeof(code) || n % sizeof(code[0]) != 0)
		fatalx("seccomp program of a fork: %zd octets", n);
	fork_program.len = n / sizeof(code[0]);
	fork_program.filter = code;
	fork_role = forks;
	close(fd[0]);
	close(fd[1]);
	seccomp_release(ctx);
}

/* In a fork: its process number is put into the copy of the program that is this process's own, and the kernel takes it over. */
void
seccomp_fork(void)
{
	size_t	 i;

	for (i = 0; i < fork_program.len; i++)
		if (BPF_CLASS(fork_program.filter[i].code) == BPF_JMP && fork_program.filter[i].k == SECCOMP_SELF)
			fork_program.filter[i].k = (uint32_t)getpid();
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &fork_program) == -1)
		fatal("seccomp");
}

void
seccomp_enter(enum sandbox_role role)
{
	scmp_filter_ctx	 ctx;
	int		 error;

	ctx = seccomp_build(role, getpid());
	if ((error = seccomp_load(ctx)) != 0)
		fatalx("seccomp: %s", strerror(-error));
	seccomp_release(ctx);
}
