/* SPDX-License-Identifier: ISC */
/* links: popd/surrogate.c popd/surrogate_value.c popd/coder.c */
/*
 * A header for a client that did not say UTF8: where a header ends is the same with less of the message; what is made of it is ASCII
 * where it was UTF-8, has the fields that were ASCII, ends its lines, and is not made once more.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"
#include "popd/surrogate.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	enum surrogate_look	 look, other;
	struct buf		 a, b;
	uint8_t			*copy;
	size_t			 header, part, n;

	look = surrogate_look(data, len, 1, &header);
	if (look == SURROGATE_MORE || header > len || (look == SURROGATE_NONE) != coder_ascii(data, header))
		abort();
	for (n = 0; n < len && n < 64; n++) {
		other = surrogate_look(data, len - n, 0, &part);
		if (other != SURROGATE_MORE && part != header)
			abort();
	}
	if (look == SURROGATE_NONE)
		return (0);
	if ((copy = malloc(header)) == NULL)		/* so that not one octet behind it can be read */
		abort();
	memcpy(copy, data, header);
	buf_init(&a, SURROGATE_MAX);
	buf_init(&b, SURROGATE_MAX);
	if (surrogate_make(&a, copy, header) == 0) {
		if (utf8_valid(copy, header) && !coder_ascii(buf_data(&a), buf_len(&a)))
			abort();
		if (buf_len(&a) > 0 && copy[header - 1] == '\n' && buf_data(&a)[buf_len(&a) - 1] != '\n')
			abort();
		if (surrogate_make(&b, buf_data(&a), buf_len(&a)) == -1 || buf_len(&a) != buf_len(&b) ||
		    (buf_len(&a) > 0 && memcmp(buf_data(&a), buf_data(&b), buf_len(&a)) != 0))
			abort();
	}
	buf_free(&a);
	buf_free(&b);
	free(copy);
	return (0);
}
