/* SPDX-License-Identifier: ISC */
/* links: auth/dovecot.c */
/*
 * Dovecot's side of its auth socket, whatever it says and however it is cut: one question at most, at most one answer, and yes only
 * behind a line that says OK to question 1 and neither proxy nor nologin.  Input: the first octet says how it is cut.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/auth.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct dovecot		 d;
	enum dovecot_said	 said = DOVECOT_MORE;
	const uint8_t		*yes = (const uint8_t *)"OK\t1";
	size_t			 n, piece, asked = 0, i;

	if (len < 1)
		return (0);
	piece = *data++ % 97 + 1;
	len--;
	dovecot_begin(&d);
	for (i = 0; i < len && (said == DOVECOT_MORE || said == DOVECOT_ASK); i += n) {
		n = len - i < piece ? len - i : piece;
		said = dovecot_heard(&d, data + i, n);
		if (said == DOVECOT_ASK && asked++ > 0)
			abort();
		if ((said == DOVECOT_YES || said == DOVECOT_NO) && asked != 1)
			abort();
		if ((said == DOVECOT_LATER) != (d.why != NULL) || buf_len(&d.in) > DOVECOT_LINE)
			abort();
	}
	if (said == DOVECOT_YES && (memmem(data, len, yes, 4) == NULL || memmem(data, len, "\nDONE", 5) == NULL))
		abort();
	dovecot_end(&d);
	return (0);
}
