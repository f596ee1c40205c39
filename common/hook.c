/* SPDX-License-Identifier: ISC */
/* Kill points: a process that ends itself at a named step, so that tests can show what survives. */
#ifdef RPOPD_HOOKS

#include <err.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compat.h"
#include "hook.h"
#include "log.h"
#include "common/sandbox/sandbox.h"

#define HOOK_FLOOD	(-1)		/* in place of a signal: many log lines */
#define HOOK_LINES	20000

static const struct hook_signal {
	const char	*name;
	int		 number;
} hook_signals[] = {
	{ "kill", SIGKILL }, { "abrt", SIGABRT }, { "segv", SIGSEGV }, { "term", SIGTERM }, { "stop", SIGSTOP },
	{ "flood", HOOK_FLOOD }
};

static char		 hook_point[64];	/* the point that is armed; empty: none */
static uint32_t		 hook_left;
static int		 hook_signal = SIGKILL;
static const char	*hook_what;		/* the argument of -P */
static uint64_t		 work, work_before, work_most;

static int	 hook_signal_number(const char *);
static void	 hook_flood(void);

static int
hook_signal_number(const char *name)
{
	size_t	 i;

	for (i = 0; i < nitems(hook_signals); i++) {
		if (strcmp(hook_signals[i].name, name) == 0)
			return (hook_signals[i].number);
	}
	errx(1, "unknown signal in hook: %s", name);
}

/* Arms the point of a specification, as hook.h has it; NULL or "" disarms. */
void
hook_set(const char *spec)
{
	const char	*errstr;
	char		 buf[128], *p = buf, *point, *n, *sig;

	hook_point[0] = '\0';
	if (spec == NULL || *spec == '\0')
		return;
	if (strlcpy(buf, spec, sizeof(buf)) >= sizeof(buf))
		errx(1, "hook too long");
	point = strsep(&p, ":");
	n = strsep(&p, ":");
	sig = strsep(&p, ":");
	hook_left = 1;
	if (n != NULL && *n != '\0') {
		hook_left = (uint32_t)strtonum(n, 1, UINT32_MAX, &errstr);
		if (errstr != NULL)
			errx(1, "hook count is %s: %s", errstr, n);
	}
	hook_signal = sig == NULL || *sig == '\0' ? SIGKILL : hook_signal_number(sig);
	if (strlcpy(hook_point, point, sizeof(hook_point)) >= sizeof(hook_point))
		errx(1, "hook point too long");
}

void
hook_reach(const char *point)
{
	sigset_t	 set;

	if (hook_point[0] == '\0' || strcmp(hook_point, point) != 0 || --hook_left > 0)
		return;
	hook_point[0] = '\0';
	if (hook_signal == HOOK_FLOOD) {
		hook_flood();
		return;
	}
	if (hook_signal != SIGKILL && hook_signal != SIGSTOP)
		signal(hook_signal, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, hook_signal);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(hook_signal);
}

/* Writes many log lines, slowly enough that the channel takes them. */
static void
hook_flood(void)
{
	int	 i;

	for (i = 1; i <= HOOK_LINES; i++) {
		log_warnx("flood %d", i);
		if (i % 200 == 0)
			(void)poll(NULL, 0, 2);
	}
}

void
hook_work(uint64_t n)
{
	work += n;
}

void
hook_turn(void)
{
	if (work - work_before > work_most)
		work_most = work - work_before;
	work_before = work;
}

void
hook_report(void)
{
	hook_turn();
	log_info("most work in one turn: %llu", (unsigned long long)work_most);
}

int
hook_option(int ch, const char *arg)
{
	if (ch == 'K')
		hook_set(arg);
	else if (ch == 'P')
		hook_what = arg;
	else if (ch == 'F')
		fault_set(arg);
	else
		return (0);
	return (1);
}

int
hook_acting(const char *what)
{
	return (hook_what != NULL && strncmp(hook_what, "act:", 4) == 0 && strcmp(hook_what + 4, what) == 0);
}

/* Tries what -P names; "fork:what" narrows a template to what its forks are first. */
void
hook_probe(enum sandbox_role forks, int no_seccomp)
{
	if (hook_what == NULL || strncmp(hook_what, "act:", 4) == 0)
		return;
	if (strncmp(hook_what, "fork:", 5) == 0) {
		sandbox_fork(forks, no_seccomp);
		hook_what += 5;
	}
	sandbox_probe(hook_what);
}

#endif
