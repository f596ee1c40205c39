/* SPDX-License-Identifier: ISC */
/* Names and passwords as SASLprep (RFC 4013) has them, for those who log in here and those who set a password. */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include <gsasl.h>

#include "common/compat.h"
#include "common/utf8.h"
#include "prepare.h"

static ssize_t	 prepare_string(char *, size_t, const char *, Gsasl_saslprep_flags);

/*
 * Puts what SASLprep (RFC 4013) makes of a name or a password that was typed, or of one that was stored, into out, and a NUL behind
 * it.  ASCII stays as it is, whatever octets these are.  Returns its length; -1: it is not UTF-8, has signs that no name or
 * password may have (RFC 6856 section 2.2), or does not fit.
 */
ssize_t
sasl_prepare(void *out, size_t size, const void *typed, size_t len, int stored)
{
	const uint8_t	*p = typed;
	char		*in;
	size_t		 i;
	ssize_t		 n;

	for (i = 0; i < len && p[i] < 0x80; i++)
		continue;
	if (i == len && len < size) {
		memcpy(out, typed, len);
		((char *)out)[len] = '\0';
		return ((ssize_t)len);
	}
	if (i == len || memchr(typed, '\0', len) != NULL || !utf8_valid(typed, len) || (in = strndup(typed, len)) == NULL)
		return (-1);
	n = prepare_string(out, size, in, 0);
	/* Versions of the library differ in what this flag allows; with one of the two, what is unassigned is refused. */
	if (stored ? n != -1 : n == -1)
		n = prepare_string(out, size, in, GSASL_ALLOW_UNASSIGNED);
	freezero(in, len);
	return (n);
}

/* What the library makes of a string: its length, or -1. */
static ssize_t
prepare_string(char *out, size_t size, const char *in, Gsasl_saslprep_flags flags)
{
	char	*made = NULL;
	ssize_t	 n = -1;

	if (gsasl_saslprep(in, flags, &made, NULL) == GSASL_OK && strlen(made) < size)
		n = (ssize_t)strlcpy(out, made, size);
	if (made != NULL)
		explicit_bzero(made, strlen(made));
	gsasl_free(made);
	return (n);
}
