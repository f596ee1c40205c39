/* SPDX-License-Identifier: ISC */
/*
 * Login names:
 *
 *	login	= [ box "#" ] account
 *	box	= folder / "~" owner [ "/" folder ]
 *
 * The last "#" is the one that divides, since a folder's name may have one; "~" counts at the start only.  Which account a name
 * means, and whether there is one, is the master's to say: a name comes to it octet for octet, but that addresses are as SASLprep
 * has them (RFC 6856 section 2.2), in lower case.
 */
#include <sys/types.h>

#include <string.h>

#include "common/compat.h"
#include "common/sasl/prepare.h"
#include "common/utf8.h"
#include "auth.h"

static int	 name_copy(char *, size_t, const char *, const char *, int);

/*
 * Takes a login name apart.  One that can be nobody's leaves everything empty: it has a control character, a part that is too long,
 * or an empty part, is no UTF-8, or SASLprep refuses an address of it.
 */
void
name_parse(struct msg_auth_lookup *who, const void *name, size_t len)
{
	const char	*p = name, *end = p + len, *hash = memrchr(p, '#', len), *slash;
	int		 good = 1;

	memset(who->account, 0, sizeof(who->account));
	memset(who->mailbox, 0, sizeof(who->mailbox));
	memset(who->owner, 0, sizeof(who->owner));
	if (hash != NULL && *p == '~') {
		if ((slash = memchr(p, '/', (size_t)(hash - p))) != NULL)
			good = name_copy(who->mailbox, sizeof(who->mailbox), slash + 1, hash, 0);
		good = good && name_copy(who->owner, sizeof(who->owner), p + 1, slash != NULL ? slash : hash, 1);
	} else if (hash != NULL)
		good = name_copy(who->mailbox, sizeof(who->mailbox), p, hash, 0);
	if (good && name_copy(who->account, sizeof(who->account), hash != NULL ? hash + 1 : p, end, 1))
		return;
	memset(who->account, 0, sizeof(who->account));
	memset(who->mailbox, 0, sizeof(who->mailbox));
	memset(who->owner, 0, sizeof(who->owner));
}

/* Copies a part of the name, an address prepared, and its ASCII in lower case.  1, or 0: it is no good. */
static int
name_copy(char *dst, size_t size, const char *p, const char *end, int address)
{
	size_t	 i, len = (size_t)(end - p);
	ssize_t	 n = (ssize_t)len;

	if (len == 0 || len >= size || !utf8_valid(p, len))
		return (0);
	if (!address)
		memcpy(dst, p, len);
	else if ((n = sasl_prepare(dst, size, p, len, 0)) <= 0)
		return (0);
	for (i = 0; i < (size_t)n; i++) {
		if ((unsigned char)dst[i] < ' ' || dst[i] == 0x7f)
			return (0);
		if (address && dst[i] >= 'A' && dst[i] <= 'Z')
			dst[i] = (char)(dst[i] - 'A' + 'a');
	}
	return (1);
}
