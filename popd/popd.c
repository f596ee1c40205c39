/* SPDX-License-Identifier: ISC */
/* The popd program: a listener that forks a session for each connection. */
#include "common/template.h"
#include "popd.h"

int
main(int argc, char *argv[])
{
	const struct template	 popd = {
		.role = SANDBOX_LISTENER,
		.forks = SANDBOX_POP,
		.warm = tls_warm,
		.run = session_run,
		.begin = listener_begin,
		.ended = accept_ended,
		.rules = listener_rules,
		.nrules = listener_nrules
	};

	template_main(&popd, argc, argv);
}
