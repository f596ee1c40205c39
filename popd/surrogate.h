/* SPDX-License-Identifier: ISC */
/* The header of a message for a client that did not say UTF8 (RFC 6858): surrogate.c and what it is made of. */
#ifndef SURROGATE_H
#define SURROGATE_H

#include <sys/types.h>

#include <stdint.h>

#include "common/buf.h"
#include "common/compat.h"

#define SURROGATE_LOOK	131072		/* octets that a header may have of which a surrogate is made */
#define SURROGATE_MAX	1048576		/* octets of a surrogate */
#define SURROGATE_ADDRESS_TEXT	"<invalid@internationalized-address.invalid>"

enum surrogate_look { SURROGATE_NONE, SURROGATE_NEEDED, SURROGATE_MORE };
enum surrogate_kind { SURROGATE_TEXT, SURROGATE_ADDRESS, SURROGATE_PATH, SURROGATE_MIME, SURROGATE_PROGRAM };

enum surrogate_look	 surrogate_look(const uint8_t *, size_t, int all, size_t *len);
int			 surrogate_make(struct buf *, const uint8_t *, size_t);

/* --- coder.c: a field as it is written, with encoded-words (RFC 2047) and lines that are not long --- */

struct coder {
	struct buf	*out;
	size_t		 column;
	size_t		 gap;		/* 1: a blank is due ahead of the next word */
	int		 any;		/* 1: there was a word */
	int		 coded;		/* 1: the last word is encoded */
	int		 failed;
};

int	 coder_ascii(const uint8_t *, size_t);
size_t	 coder_blank(const uint8_t *, size_t);
int	 coder_is_word(const uint8_t *, size_t);
void	 coder_octets(struct coder *, const void *, size_t);
void	 coder_word(struct coder *, const void *, size_t);
void	 coder_words(struct coder *, const uint8_t *, size_t);
void	 coder_encode(struct coder *, const char *lead, const uint8_t *, size_t);
void	 coder_text(struct coder *, const uint8_t *, size_t);

/* --- surrogate_value.c: values that have a syntax; they are altered where they lie --- */

void	 surrogate_address(struct coder *, uint8_t *, size_t, int path);
size_t	 surrogate_bare(const uint8_t *, size_t);
void	 surrogate_mime(struct coder *, uint8_t *, size_t);

#endif
