/* SPDX-License-Identifier: ISC */
/*
 * A header without the fields of one name: in whatever case that is written, with blanks ahead of the colon, with continuation
 * lines, and as often as it comes.  What a field is, header.c has decided already, and its line ends are LF: nothing else
 * changes.
 */
#include <string.h>
#include <strings.h>

#include "common/compat.h"
#include "deliverer.h"

#define STRIP_HELD	998	/* octets up to the colon, as header.c has it */

static int	 strip_more(const struct strip *, int);

void
strip_init(struct strip *s, const char *field)
{
	memset(s, 0, sizeof(*s));
	strlcpy(s->field, field, sizeof(s->field));
	buf_init(&s->held, STRIP_HELD);
}

int
strip_feed(struct strip *s, const uint8_t *p, size_t len, struct buf *out)
{
	const uint8_t	*lf;
	size_t		 n;

	for (; len > 0; p += n, len -= n) {
		n = 0;
		if (s->inside) {
			lf = memchr(p, '\n', len);
			n = lf == NULL ? len : (size_t)(lf - p) + 1;
			if (!s->dropping && buf_add(out, p, n) == -1)
				return (-1);
			s->inside = lf == NULL;
		} else if (buf_len(&s->held) == 0 && (*p == ' ' || *p == '\t')) {
			s->inside = 1;		/* a blank continues the field */
		} else if (strip_more(s, *p)) {
			if (buf_add(&s->held, p, n = 1) == -1)
				return (-1);
		} else {
			s->inside = 1;
			s->dropping = *p == ':' && buf_len(&s->held) >= strlen(s->field);
			if (!s->dropping && buf_len(&s->held) > 0 && buf_add(out, buf_data(&s->held), buf_len(&s->held)) == -1)
				return (-1);
			buf_consume(&s->held, buf_len(&s->held));
		}
	}
	return (0);
}

int
strip_finish(struct strip *s, struct buf *out)
{
	int	 error = buf_len(&s->held) > 0 ? buf_add(out, buf_data(&s->held), buf_len(&s->held)) : 0;

	buf_free(&s->held);
	return (error);
}

/* Whether the line may begin such a field, with this octet behind those that are held. */
static int
strip_more(const struct strip *s, int c)
{
	size_t	 n = buf_len(&s->held), len = strlen(s->field);
	char	 octet[2] = { (char)c, '\0' }, want[2] = { '\0', '\0' };

	if (n >= len)
		return (n < STRIP_HELD && (c == ' ' || c == '\t'));
	want[0] = s->field[n];
	return (c != '\0' && strcasecmp(octet, want) == 0);
}
