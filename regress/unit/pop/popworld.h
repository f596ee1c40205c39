/* SPDX-License-Identifier: ISC */
/*
 * The world of the room of mail that is read here: no clock but the test's, a configuration made of accounts and rows, and a log
 * that is kept.  Each test program includes it once.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <time.h>

#include <cmocka.h>

#include "common/compat.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "rpopd/pop/pop_int.h"
#include "rpopd/turn/turn.h"

struct config		*config_running;
int			 turn_stopping;

static struct config	 config;
static char		 logged[8192];

static void
sink(enum log_level level, const char *text)
{
	(void)level;
	strlcat(logged, text, sizeof(logged));
	strlcat(logged, "\n", sizeof(logged));
}

/* Another configuration is in force, with these accounts, ids from 1 on, and rows of addresses and targets; both end with NULL. */
static inline void
world_routes(const char *const *dirs, const char *const (*rows)[2], int detail)
{
	static const char *const	 none[1];
	struct route_account		 a = { .id = 0 };
	struct route_row		 r = { .folder = "", .text = "", .action = ROUTE_DELIVER };
	uint32_t			 naccounts = 0, nrows = 0;

	dirs = dirs == NULL ? none : dirs;
	while (dirs[naccounts] != NULL)
		naccounts++;
	while (rows != NULL && rows[nrows][0] != NULL)
		nrows++;
	route_free(config.routes);
	assert_non_null(config.routes = route_new(naccounts, 2, nrows, detail));
	for (; *dirs != NULL; dirs++) {
		a.id++;
		a.dir = *dirs;
		a.unified = strstr(*dirs, "/unified") != NULL;
		assert_int_equal(route_account_add(config.routes, &a), 0);
	}
	assert_int_equal(route_domain_add(config.routes, "a.org", 0), 0);
	assert_int_equal(route_domain_add(config.routes, "b.org", 0), 0);
	for (; nrows > 0; nrows--, rows++) {
		r.address = (*rows)[0];
		r.target = (*rows)[1];
		assert_int_equal(route_row_add(config.routes, &r), 0);
	}
	config.settings.detail = (char)detail;
}

static inline int
world_begin(void **state)
{
	(void)state;
	log_setsink(sink);
	logged[0] = '\0';
	config_running = &config;
	turn_stopping = 0;
	return (0);
}
