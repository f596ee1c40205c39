/* SPDX-License-Identifier: ISC */
/* The command line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/hook.h"
#include "common/log.h"
#include "config.h"

struct options	 options;

static void	 options_usage(void) __dead;
#ifdef RPOPD_HOOKS
static void	 options_hook(int, char *, const char **, const char **);
#define HOOK_OPTS	"F:K:P:"
#else
#define HOOK_OPTS	""
#endif

#define OPTIONS_USAGE	"usage: rpopd [-1AdhInSvV] [-B directory] [-D domain] [-f store] [-l libexec] [-r rundir]\n"
#define OPTIONS_HELP \
	"  -1  poll every enabled record once, and end\n" \
	"  -A  declare that state.db and mail root belong together, after a restore\n" \
	"  -B  copy both stores into this new directory, and end\n" \
	"  -D  with -I: the main domain of the new store\n" \
	"  -d  stay in the foreground, log to standard error\n" \
	"  -f  the administrator's store\n" \
	"  -I  make a new store, and end\n" \
	"  -l  directory of the child programs\n" \
	"  -n  check the configuration, and end\n" \
	"  -r  run directory, with the control socket\n" \
	"  -S  no system-call filters\n" \
	"  -v  say more; twice: everything\n" \
	"  -V  print the version\n"

void
options_parse(struct options *o, int argc, char *argv[])
{
	int	 c;

	memset(o, 0, sizeof(*o));
	o->store = RPOPD_STATEDIR "/rpopd.db";
	o->libexec = RPOPD_LIBEXECDIR;
	o->rundir = RPOPD_RUNDIR;
	while ((c = getopt(argc, argv, "1AB:D:df:hIl:nr:SvV" HOOK_OPTS)) != -1) {
		switch (c) {
		case '1': o->once = 1; break;
		case 'A': o->declare = 1; break;
		case 'B': o->backup = optarg; break;
		case 'D': o->domain = optarg; break;
		case 'd': o->debug = 1; break;
		case 'f': o->store = optarg; break;
		case 'h':
			printf(OPTIONS_USAGE OPTIONS_HELP);
			exit(0);
		case 'I': o->create = 1; break;
		case 'l': o->libexec = optarg; break;
		case 'n': o->check = 1; break;
		case 'r': o->rundir = optarg; break;
		case 'S': o->no_seccomp = 1; break;
		case 'v': o->verbose++; break;
		case 'V':
			printf("rpopd %s\n", RPOPD_VERSION);
			exit(0);
#ifdef RPOPD_HOOKS
		case 'K': options_hook(c, optarg, &o->hook_process, &o->hook); break;
		case 'F': options_hook(c, optarg, &o->fault_process, &o->fault); break;
		case 'P': options_hook(c, optarg, &o->probe_process, &o->probe); break;
#endif
		default:
			options_usage();
		}
	}
	if (argc != optind) {
		fprintf(stderr, "rpopd: %s: no arguments are taken, only options\n", argv[optind]);
		options_usage();
	}
	if (o->domain != NULL && !o->create) {
		fprintf(stderr, "rpopd: -D %s: goes with -I only\n", o->domain);
		options_usage();
	}
	if (o->libexec[0] != '/') {
		fprintf(stderr, "rpopd: -l %s: must be an absolute path\n", o->libexec);
		options_usage();
	}
}

/* The path of state.db, which lies beside the administrator's store. */
void
options_state_path(char *path, size_t size)
{
	const char	*slash = strrchr(options.store, '/');

	snprintf(path, size, "%.*sstate.db", slash == NULL ? 0 : (int)(slash - options.store) + 1, options.store);
}

static void
options_usage(void)
{
	fprintf(stderr, OPTIONS_USAGE "rpopd -h says what they do\n");
	exit(1);
}

#ifdef RPOPD_HOOKS
/* Takes the argument of a test option apart: "process:point[:n[:signal]]", "process:call[:n[:errno]]" or "process:probe". */
static void
options_hook(int option, char *arg, const char **process, const char **rest)
{
	char	*colon;

	if ((colon = strchr(arg, ':')) == NULL)
		options_usage();
	*colon = '\0';
	*process = arg;
	*rest = colon + 1;
	if (strcmp(arg, "rpopd") == 0)
		hook_option(option, *rest);
}
#endif
