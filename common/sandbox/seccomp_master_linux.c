/* SPDX-License-Identifier: ISC */
/*
 * The master's filter.  The programs that the master starts inherit it, those of token_command included, so it names calls that
 * none of them has any use for.  Such a call gets EPERM, which somebody else's program can live with.  Children have filters of
 * their own besides, under which such a call ends them.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>

#include "common/compat.h"
#include "common/log.h"
#include "sandbox.h"
#include "seccomp_int.h"

/* A call with any of these bits set in its first argument. */
#define WITH(bit)	{ 0, SCMP_CMP_MASKED_EQ, (bit), (bit) }
#define ABOVE(value)	{ 0, SCMP_CMP_GT, (value), 0 }
#define FIRST_IS(value)	{ 0, SCMP_CMP_EQ, (value), 0 }
#define ANY		{ 0, 0, 0, 0 }

static void	 master_rule(scmp_filter_ctx, int, int, const struct scmp_arg_cmp *);

static const struct {
	int			 nr;
	struct scmp_arg_cmp	 arg;
} denied[] = {
	/* memory, descriptors and course of other processes */
	{ SCMP_SYS(ptrace), ANY }, { SCMP_SYS(process_vm_readv), ANY }, { SCMP_SYS(process_vm_writev), ANY },
	{ SCMP_SYS(process_madvise), ANY }, { SCMP_SYS(process_mrelease), ANY }, { SCMP_SYS(pidfd_getfd), ANY },
	{ SCMP_SYS(kcmp), ANY }, { SCMP_SYS(move_pages), ANY }, { SCMP_SYS(migrate_pages), ANY },

	/* code in the kernel, and another kernel */
	{ SCMP_SYS(bpf), ANY }, { SCMP_SYS(perf_event_open), ANY }, { SCMP_SYS(init_module), ANY },
	{ SCMP_SYS(finit_module), ANY }, { SCMP_SYS(delete_module), ANY }, { SCMP_SYS(create_module), ANY },
	{ SCMP_SYS(kexec_load), ANY }, { SCMP_SYS(kexec_file_load), ANY }, { SCMP_SYS(lookup_dcookie), ANY },

	/* what helps most in attacks on a kernel */
	{ SCMP_SYS(userfaultfd), ANY }, { SCMP_SYS(io_uring_setup), ANY }, { SCMP_SYS(io_uring_enter), ANY },
	{ SCMP_SYS(io_uring_register), ANY }, { SCMP_SYS(add_key), ANY }, { SCMP_SYS(request_key), ANY },
	{ SCMP_SYS(keyctl), ANY }, { SCMP_SYS(modify_ldt), ANY }, { SCMP_SYS(iopl), ANY }, { SCMP_SYS(ioperm), ANY },
	{ SCMP_SYS(vm86), ANY }, { SCMP_SYS(vm86old), ANY },

	/* file systems and name spaces */
	{ SCMP_SYS(mount), ANY }, { SCMP_SYS(umount), ANY }, { SCMP_SYS(umount2), ANY }, { SCMP_SYS(pivot_root), ANY },
	{ SCMP_SYS(move_mount), ANY }, { SCMP_SYS(open_tree), ANY }, { SCMP_SYS(fsopen), ANY }, { SCMP_SYS(fsconfig), ANY },
	{ SCMP_SYS(fsmount), ANY }, { SCMP_SYS(fspick), ANY }, { SCMP_SYS(mount_setattr), ANY }, { SCMP_SYS(unshare), ANY },
	{ SCMP_SYS(setns), ANY }, { SCMP_SYS(open_by_handle_at), ANY }, { SCMP_SYS(name_to_handle_at), ANY },
	{ SCMP_SYS(fanotify_init), ANY }, { SCMP_SYS(fanotify_mark), ANY }, { SCMP_SYS(quotactl), ANY },
	{ SCMP_SYS(quotactl_fd), ANY }, { SCMP_SYS(swapon), ANY }, { SCMP_SYS(swapoff), ANY }, { SCMP_SYS(acct), ANY },
	{ SCMP_SYS(uselib), ANY }, { SCMP_SYS(sysfs), ANY }, { SCMP_SYS(ustat), ANY }, { SCMP_SYS(_sysctl), ANY },
	{ SCMP_SYS(nfsservctl), ANY },
	{ SCMP_SYS(clone), WITH(CLONE_NEWNS) }, { SCMP_SYS(clone), WITH(CLONE_NEWCGROUP) }, { SCMP_SYS(clone), WITH(CLONE_NEWUTS) },
	{ SCMP_SYS(clone), WITH(CLONE_NEWIPC) }, { SCMP_SYS(clone), WITH(CLONE_NEWUSER) }, { SCMP_SYS(clone), WITH(CLONE_NEWPID) },
	{ SCMP_SYS(clone), WITH(CLONE_NEWNET) },

	/* the machine */
	{ SCMP_SYS(reboot), ANY }, { SCMP_SYS(settimeofday), ANY }, { SCMP_SYS(stime), ANY }, { SCMP_SYS(clock_settime), ANY },
	{ SCMP_SYS(clock_adjtime), ANY }, { SCMP_SYS(adjtimex), ANY }, { SCMP_SYS(sethostname), ANY },
	{ SCMP_SYS(setdomainname), ANY }, { SCMP_SYS(syslog), ANY }, { SCMP_SYS(vhangup), ANY },

	/* networks other than this machine's own sockets, IP, and what the C library asks the kernel about interfaces */
	{ SCMP_SYS(socket), ABOVE(AF_NETLINK) }, { SCMP_SYS(socket), FIRST_IS(AF_KEY) },
};

/* Calls that get an answer after which the C library takes an older call, whose flags a filter can look at. */
static const int	 missing[] = { SCMP_SYS(clone3) };

static void
master_rule(scmp_filter_ctx ctx, int error, int nr, const struct scmp_arg_cmp *arg)
{
	int	 rv;

	if (nr < 0)
		return;
	if ((rv = seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO((uint32_t)error), nr, arg->op != 0, arg)) != 0)
		fatalx("seccomp rule for call %d: %s", nr, strerror(-rv));
}

/* A program of token_command may be of the other word size that this machine runs: the same rules are added for that. */
void
seccomp_master(void)
{
	static const struct scmp_arg_cmp	 any = ANY;
	static const uint32_t			 others[] = { SCMP_ARCH_X86, SCMP_ARCH_ARM };
	scmp_filter_ctx				 ctx;
	size_t					 i;
	int					 rv;

	if ((ctx = seccomp_init(SCMP_ACT_ALLOW)) == NULL)
		fatalx("seccomp_init");
	if ((rv = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS))) != 0 ||
	    (rv = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 1)) != 0)
		fatalx("seccomp attribute: %s", strerror(-rv));
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);	/* a binary tree; without it the filter is only slower */
	for (i = 0; i < nitems(others); i++)
		if (seccomp_arch_native() == (i == 0 ? SCMP_ARCH_X86_64 : SCMP_ARCH_AARCH64) &&
		    (rv = seccomp_arch_add(ctx, others[i])) != 0)
			fatalx("seccomp: %s", strerror(-rv));
	for (i = 0; i < nitems(denied); i++)
		master_rule(ctx, EPERM, denied[i].nr, &denied[i].arg);
	for (i = 0; i < nitems(missing); i++)
		master_rule(ctx, ENOSYS, missing[i], &any);
	if ((rv = seccomp_load(ctx)) != 0)
		fatalx("seccomp: %s", strerror(-rv));
	seccomp_release(ctx);
}
