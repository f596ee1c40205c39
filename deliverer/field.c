/* SPDX-License-Identifier: ISC */
/* What a header field is, by its name; what in To, Cc and Bcc is no address because there is none to be named. */
#include <string.h>
#include <strings.h>

#include "common/compat.h"
#include "deliverer.h"

static int	 field_is(const uint8_t *, size_t, const char *, size_t);

/* *name: for FIELD_SPECIAL, which name of the list it is, from 0. */
enum field_kind
field_kind(const struct header *h, const uint8_t *p, size_t len, uint32_t *name)
{
	static const struct {
		const char	*name;
		size_t		 len;
		enum field_kind	 kind;
		uint32_t	 modes;		/* in which it is that; bits by enum dist_mode */
	}	 kinds[] = {
		{ "Received", 8, FIELD_RECEIVED, 1 << DIST_OWNER | 1 << DIST_FIELD | 1 << DIST_STAR },
		{ "Return-Path", 11, FIELD_RETURN_PATH, 1 << DIST_OWNER | 1 << DIST_FIELD | 1 << DIST_STAR },
		{ MARK_FIELD, sizeof(MARK_FIELD) - 1, FIELD_MARK, 1 << DIST_OWNER | 1 << DIST_FIELD | 1 << DIST_STAR },
		{ "To", 2, FIELD_TO, 1 << DIST_STAR },
		{ "Cc", 2, FIELD_CC, 1 << DIST_STAR },
		{ "Bcc", 3, FIELD_BCC, 1 << DIST_STAR }
	};
	const char	*word;
	size_t		 i, n;

	*name = 0;
	for (word = h->special; *word != '\0'; word += n + (word[n] == ' ')) {
		n = strcspn(word, " ");
		if (len > 0 && field_is(p, len, word, n))
			return (FIELD_SPECIAL);
		++*name;
	}
	*name = 0;
	for (i = 0; i < nitems(kinds); i++)
		if (kinds[i].modes & 1U << h->mode && field_is(p, len, kinds[i].name, kinds[i].len))
			return (kinds[i].kind);
	return (FIELD_OTHER);
}

static int
field_is(const uint8_t *p, size_t len, const char *name, size_t namelen)
{
	return (len == namelen && strncasecmp((const char *)p, name, len) == 0);
}

/* Empty brackets, or what mail programs write in the place of recipients that they do not tell, with or without a group's colon. */
int
field_nobody(const uint8_t *p, size_t len)
{
	static const char *const	 words[] = {
		"undisclosed", "unlisted-recipients", "unlisted recipients", "recipient list", "no to-header", "no recipients"
	};
	size_t	 i, n;

	if (len > 0 && memchr(p, '@', len) != NULL)
		return (0);
	while (len > 0 && strchr(" \t<>\"'([", *p) != NULL && *p != '\0') {
		p++;
		len--;
	}
	for (i = 0; i < nitems(words); i++) {
		n = strlen(words[i]);
		if (len >= n && strncasecmp((const char *)p, words[i], n) == 0)
			return (1);
	}
	return (len == 0);
}
