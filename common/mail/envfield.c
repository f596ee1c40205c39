/* SPDX-License-Identifier: ISC */
/*
 * Names of the header fields in which providers are known to keep a message's envelope recipients.  A trial tells which of them
 * messages have; they count only where a record names them.
 */
#include <string.h>
#include <strings.h>

#include "envfield.h"

static const char *const	 names[ENVFIELD_MAX] = {
	"Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "X-Real-To", "X-Delivered-To", "X-Rcpt-To", "X-Recipient",
	"X-Apparently-To", "X-Forwarded-To", "X-MDaemon-Deliver-To",
	[ENVFIELD_FOR] = "Received (for)"
};

int
envfield_find(const uint8_t *name, size_t len)
{
	int	 i;

	for (i = 0; i < ENVFIELD_FOR; i++)
		if (len == strlen(names[i]) && strncasecmp((const char *)name, names[i], len) == 0)
			return (i);
	return (-1);
}

const char *
envfield_name(size_t i)
{
	return (names[i]);
}
