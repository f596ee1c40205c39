/* SPDX-License-Identifier: ISC */
/* The ways to log in that a session offers. */
#include <sys/types.h>

#include <string.h>
#include <strings.h>

#include "popd.h"

static int	 mech_offered(const struct session *, size_t);

/* SASL mechanisms, as AUTH names them; clear: whoever listens learns the password. */
static const struct {
	const char	*name;
	enum auth_mech	 mech;
	int		 clear;
} mechs[] = {
	{ "SCRAM-SHA-256", AUTH_SCRAM_SHA_256, 0 },
	{ "SCRAM-SHA-1", AUTH_SCRAM_SHA_1, 0 },
	{ "CRAM-MD5", AUTH_CRAM_MD5, 0 },
	{ "PLAIN", AUTH_PLAIN, 1 },
	{ "LOGIN", AUTH_LOGIN, 1 }
};

/* 1: a password may come as it is. */
int
mech_clear(const struct session *s)
{
	return (s->conn.tls != NULL || s->start.clear);
}

static int
mech_offered(const struct session *s, size_t i)
{
	return ((s->start.mechs & (1u << mechs[i].mech)) != 0 && (!mechs[i].clear || mech_clear(s)));
}

/* The name of the ith mechanism that is offered, from 0; NULL: there are no more. */
const char *
mech_name(const struct session *s, unsigned int i)
{
	size_t	 k;

	for (k = 0; k < nitems(mechs); k++)
		if (mech_offered(s, k) && i-- == 0)
			return (mechs[k].name);
	return (NULL);
}

/* The mechanism of this name, if some account can use it; *offered: 1, it may be used here.  AUTH_AUTO: there is none. */
enum auth_mech
mech_find(const struct session *s, const uint8_t *name, size_t len, int *offered)
{
	size_t	 i;

	for (i = 0; i < nitems(mechs); i++)
		if (strlen(mechs[i].name) == len && strncasecmp(mechs[i].name, (const char *)name, len) == 0)
			break;
	if (i == nitems(mechs) || (s->start.mechs & (1u << mechs[i].mech)) == 0)
		return (AUTH_AUTO);
	*offered = mech_offered(s, i);
	return (mechs[i].mech);
}
