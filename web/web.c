/* SPDX-License-Identifier: ISC */
/* The web program: a listener that forks a process for each connection of a web server's. */
#include "common/template.h"
#include "web.h"

static void	 web_warm(void);

int
main(int argc, char *argv[])
{
	const struct template	 web = {
		.role = SANDBOX_LISTENER,
		.forks = SANDBOX_WEB,
		.warm = web_warm,
		.run = visit_run,
		.ended = accept_ended,
		.rules = accept_rules,
		.nrules = accept_nrules
	};

	template_main(&web, argc, argv);
}

/* What each request would compute by itself. */
static void
web_warm(void)
{
	(void)message_version();
}
