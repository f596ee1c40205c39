/* SPDX-License-Identifier: ISC */
/* Columns that are lengths of time: people write 15m or 2h, the store has seconds. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "rpopctl.h"

/* The columns of rpopd.db that are seconds. */
static const struct {
	const char	*table, *column;
} columns[] = {
	{ "account", "login_delay" },
	{ "account", "min_period" },
	{ "nexthop", "timeout" },
	{ "rpop", "period" },
	{ "schedule", "pause" },
	{ "settings", "delay_failed_accounts" },
	{ "settings", "delay_failed_hosts" },
	{ "settings", "idle_timeout" },
	{ "settings", "pop_idle" },
	{ "settings", "pop_login_delay" },
	{ "settings", "queue_age" },
	{ "settings", "session_timeout" },
	{ "settings", "user_min_period" }
};

static const struct {
	const char	*name;
	long long	 seconds;
} units[] = {
	{ "s", 1 },
	{ "m", 60 },
	{ "min", 60 },
	{ "h", 3600 },
	{ "d", 86400 }
};

static int	 duration_column(const char *, const char *);

/*
 * The value as the store has it: of a column of seconds a number with a unit is converted, into number; everything else is left to the
 * store's own judgement.  NULL: it is a column of seconds and this is no length of time, which was said.
 */
const char *
duration_value(const char *table, const char *column, const char *value, char *number, size_t size)
{
	const char	*error, *unit = value + strspn(value, "0123456789");
	char		 digits[16], shown[128];
	long long	 n;
	size_t		 i;

	if (!duration_column(table, column) || *unit == '\0')
		return (value);
	snprintf(digits, sizeof(digits), "%.*s", (int)(unit - value), value);
	n = strtonum(digits, 0, INT32_MAX, &error);
	for (i = 0; i < nitems(units) && strcmp(units[i].name, unit) != 0; i++)
		continue;
	if (error == NULL && unit - value < (ptrdiff_t)sizeof(digits) && i < nitems(units)) {
		snprintf(number, size, "%lld", n * units[i].seconds);
		return (number);
	}
	warnx("%s: '%s' is no length of time: a number of seconds, or one with s, m (or min), h or d behind it, such as 10m", column,
	    text_vis(shown, sizeof(shown), value));
	return (NULL);
}

static int
duration_column(const char *table, const char *column)
{
	size_t	 i;

	for (i = 0; i < nitems(columns); i++)
		if (strcmp(columns[i].table, table) == 0 && strcmp(columns[i].column, column) == 0)
			return (1);
	return (0);
}
