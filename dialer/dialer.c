/* SPDX-License-Identifier: ISC */
/* The dialer's main program and its end of the channel to the master. */
#include <sys/time.h>
#include <sys/resource.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dialer.h"
#include "common/hook.h"
#include "common/ipc/imsg.h"
#include "common/log.h"
#include "common/proc_main.h"
#include "common/ipc/rules.h"

#define DIALER_HOSTS		"/etc/hosts"
#define DIALER_DNS_TIMEOUT	2000		/* ms, first try */
#define DIALER_TIMEOUT_MAX	3600000		/* ms, a whole job */
#define DIALER_DESCRIPTORS	(DIALER_JOBS_MAX * 4)

static void	 dialer_prepare(const struct proc_conf *);
static int	 dialer_dial(void *, struct imsg *);
static int	 dialer_cancel(void *, struct imsg *);
static void	 dialer_descriptors(void);

static const struct rule dialer_rules[] = {
	{ IMSG_DIAL,		RULES_ANY,	dialer_dial },
	{ IMSG_DIAL_CANCEL,	RULES_ANY,	dialer_cancel },
	{ IMSG_LOG_LEVEL,	RULES_ANY,	proc_log_level }
};

static const struct process	 dialer = {
	.role = SANDBOX_DIALER,
	.rules = dialer_rules,
	.nrules = nitems(dialer_rules),
	.prepare = dialer_prepare
};

int
main(int argc, char *argv[])
{
	proc_main(&dialer, argc, argv);
}

/* The hosts file and the resolver's configuration are read while there is a file system. */
static void
dialer_prepare(const struct proc_conf *conf)
{
	if (hosts_load(DIALER_HOSTS) == -1 && errno != ENOENT)
		log_warn("%s", DIALER_HOSTS);
	dns_init(conf->arg, DIALER_DNS_TIMEOUT);
	dialer_descriptors();
}

void
dialer_connected(uint32_t id, int fd, const char *address)
{
	struct msg_dialed	 m;

	HOOK("dialer.connected");
	memset(&m, 0, sizeof(m));
	m.id = id;
	strlcpy(m.address, address, sizeof(m.address));
	HOOK_SOCKET(&fd, &m.id);
	log_debug("dial %u: connected to %s", id, address);
	if (link_send(&proc_master, IMSG_DIALED, fd, &m, sizeof(m)) == -1)
		fatal("channel to the master");
	/* Written at once where possible, which saves a round of the event loop; the link finds errors by itself. */
	(void)imsgbuf_write(&proc_master.ibuf);
	HOOK("dialer.dialed");
}

void
dialer_failed(uint32_t id, enum fail_why why, const char *text)
{
	struct msg_dial_failed	 m;

	memset(&m, 0, sizeof(m));
	m.id = id;
	m.why = why;
	strlcpy(m.text, text, sizeof(m.text));
	log_debug("dial %u: %s", id, text);
	if (link_send(&proc_master, IMSG_DIAL_FAILED, -1, &m, sizeof(m)) == -1)
		fatal("channel to the master");
}

static int
dialer_dial(void *arg, struct imsg *imsg)
{
	struct msg_dial	 m;
	size_t		 i;

	(void)arg;
	if (rules_payload(imsg, &m) == -1 || !proto_str(m.host, sizeof(m.host)) || m.port == 0 || m.timeout == 0 ||
	    m.timeout > DIALER_TIMEOUT_MAX || (m.flags & ~(DIAL_SELF | DIAL_PUBLIC)) != 0 || !proto_str(m.socks, sizeof(m.socks)) ||
	    dial_exists(m.id))
		return (-1);
	for (i = 0; i < nitems(m.source); i++)
		if (!proto_str(m.source[i], sizeof(m.source[i])))
			return (-1);
	HOOK("dialer.dial");
	dial_start(&m);
	return (0);
}

static int
dialer_cancel(void *arg, struct imsg *imsg)
{
	uint32_t	 id;

	(void)arg;
	if (rules_payload(imsg, &id) == -1)
		return (-1);
	dial_cancel(id);
	return (0);
}

/*
 * Raise the limit of descriptors: every job may have several attempts under way.  Where the hard limit is lower, a job that finds
 * no descriptor fails and says so.
 */
static void
dialer_descriptors(void)
{
	struct rlimit	 rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		fatal("getrlimit");
	if (rl.rlim_cur >= DIALER_DESCRIPTORS)
		return;
	rl.rlim_cur = rl.rlim_max < DIALER_DESCRIPTORS ? rl.rlim_max : DIALER_DESCRIPTORS;
	if (setrlimit(RLIMIT_NOFILE, &rl) == -1)
		log_warn("setrlimit");
}
