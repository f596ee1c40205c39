/* SPDX-License-Identifier: ISC */
/* Address lists: what comes out is clean, and written anew and read again it is the same address and nothing else. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/mail/mailaddr.h"

struct list {
	const uint8_t	*p;
	size_t		 len;
	int		 flags;
};

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static int
same(void *arg, const struct mailaddr *a, const uint8_t *text, size_t len)
{
	const struct mailaddr	*b = arg;

	(void)text;
	(void)len;
	if (a == NULL || strcmp(a->local, b->local) != 0 || strcmp(a->domain, b->domain) != 0)
		abort();
	return (0);
}

static void
check(const struct mailaddr *a, int flags)
{
	struct mailaddr	 path, copy = *a;
	char		 buf[2 * MAILADDR_LOCAL_MAX + MAILADDR_DOMAIN_MAX + 8];
	const char	*s;
	int		 n;

	for (s = a->local; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			abort();
	for (s = a->domain; *s != '\0'; s++)
		if ((unsigned char)*s <= ' ' || (unsigned char)*s > '~' || strchr("<>@,;:\\\"()", *s) != NULL)
			if (*s != ':' || a->domain[0] != '[')
				abort();
	if (a->local[0] == '\0' || (a->domain[0] == '\0' && !(flags & MAILADDR_BARE)))
		abort();
	if ((n = mailaddr_format(a, buf, sizeof(buf))) <= 0 || (size_t)n != strlen(buf))
		abort();
	if (mailaddr_list((uint8_t *)buf, n, flags, same, &copy, NULL) != 1)
		abort();
	if (a->domain[0] != '\0' && mailaddr_path((uint8_t *)buf, n, &path) != 1)
		abort();
}

static int
found(void *arg, const struct mailaddr *a, const uint8_t *text, size_t len)
{
	struct list	*l = arg;

	if (text < l->p || len > l->len || (size_t)(text - l->p) > l->len - len)
		abort();
	if (a != NULL)
		check(a, l->flags);
	return (0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct mailaddr	 a;
	struct list	 l = { data, len, 0 };
	int		 bad;

	for (; l.flags <= MAILADDR_BARE; l.flags++)
		mailaddr_list(data, len, l.flags, found, &l, &bad);
	if (mailaddr_path(data, len, &a) == 1)
		check(&a, 0);
	return (0);
}
