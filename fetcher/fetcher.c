/* SPDX-License-Identifier: ISC */
/* The fetcher program: a template that forks a session for each poll. */
#include "common/compat.h"
#include "common/template.h"
#include "fetcher.h"

static void	 fetcher_warm(void);

static const struct template	 fetcher = {
	.role = SANDBOX_TEMPLATE, .forks = SANDBOX_SESSION, .warm = fetcher_warm, .run = session_run
};

int
main(int argc, char *argv[])
{
	template_main(&fetcher, argc, argv);
}

static void
fetcher_warm(void)
{
	conn_warm();
	sasl_warm();
}
