/* SPDX-License-Identifier: ISC */
/* Address lists: one without doubt comes to the same when it is unfolded first; the routing table's keys are in lower case. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/mail/mailaddr.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static int
add(void *arg, const struct mailaddr *a, const uint8_t *text, size_t len)
{
	uint64_t	*hash = arg;
	const char	*s;
	char		 key[MAILADDR_LOCAL_MAX + MAILADDR_DOMAIN_MAX + 2];
	int		 n;

	(void)text;
	(void)len;
	if (a == NULL)
		return (0);
	for (s = a->local; *s != '\0'; s++)
		*hash = (*hash ^ (uint8_t)*s) * 1099511628211U;
	for (s = a->domain; *s != '\0'; s++)
		*hash = (*hash ^ (uint8_t)*s) * 1099511628211U + 1;
	if ((n = mailaddr_key(a, "x", key, sizeof(key))) < 3 || (size_t)n != strlen(key))
		abort();
	if (key[strcspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")] != '\0')
		abort();
	return (0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint64_t	 raw, hash;
	uint8_t		*p;
	size_t		 i, n = 0;
	int		 bad, flags;

	if ((p = malloc(len + 1)) == NULL)
		abort();
	for (i = 0; i < len; i++)
		if (data[i] != '\n' && (data[i] != '\r' || i + 1 == len || data[i + 1] != '\n'))
			p[n++] = data[i];
	for (flags = 0; flags <= MAILADDR_BARE; flags++) {
		raw = hash = 0;
		mailaddr_list(data, len, flags, add, &raw, &bad);
		if (bad != 0)
			continue;
		mailaddr_list(p, n, flags, add, &hash, &bad);
		if (bad != 0 || hash != raw)
			abort();
	}
	free(p);
	return (0);
}
