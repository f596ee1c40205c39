/* SPDX-License-Identifier: ISC */
/*
 * What a client sends behind XTND XMIT: a message with CRLF at each line's end, with a dot ahead of each line that begins with one,
 * and a line with a dot alone behind it.  Only CRLF "." CRLF ends it.  What could be read in two ways further on, such as a CR or
 * an LF alone, is a fault, and so is a line that is too long; a message with a fault is swallowed to its end.
 */
#include <sys/types.h>

#include <string.h>

#include "common/utf8.h"
#include "popd.h"

enum {
	AT_LINE,		/* at the begin of a line */
	IN_LINE,
	AT_CR,			/* behind a CR */
	AT_DOT,			/* behind a dot at the begin of a line, which is not the message's */
	AT_DOT_CR		/* behind that and a CR */
};

static int	 unstuff_octet(struct unstuff *, uint8_t, uint8_t *, size_t *);
static void	 unstuff_text(struct unstuff *, uint8_t, uint8_t *, size_t *);
static void	 unstuff_make(struct unstuff *, uint8_t, uint8_t *, size_t *);
static void	 unstuff_line(struct unstuff *, uint8_t *, size_t *);
static void	 unstuff_fail(struct unstuff *, enum unstuff_fault);

void
unstuff_begin(struct unstuff *u, uint64_t most, int utf8)
{
	memset(u, 0, sizeof(*u));
	u->state = AT_LINE;
	u->header = 1;
	u->most = most;
	u->utf8 = utf8;
}

/*
 * Takes octets of the client's; *used of them, all unless the message has ended.  Writes *made octets of the message to out, which
 * has room for one more than there are.  1: the message has ended; 0: it goes on.
 */
int
unstuff_take(struct unstuff *u, const uint8_t *p, size_t len, size_t *used, uint8_t *out, size_t *made)
{
	size_t	 i;
	int	 end = 0;

	*made = 0;
	for (i = 0; i < len && !end; i++)
		end = unstuff_octet(u, p[i], out, made);
	*used = i;
	if (u->fault != UNSTUFF_GOOD)
		u->wasted += i;
	return (end);
}

/* What is said of a fault. */
const char *
unstuff_why(enum unstuff_fault fault)
{
	static const char *const	 words[UNSTUFF_MAX] = {
		[UNSTUFF_LONG] = "a line of the message is longer than 998 octets",
		[UNSTUFF_BARE] = "a line of the message does not end with CRLF",
		[UNSTUFF_NUL] = "the message has a NUL",
		[UNSTUFF_EIGHT] = "the message's header is beyond ASCII, for which UTF8 is to be said ahead of the login",
		[UNSTUFF_UTF8] = "the message's header is no UTF-8",
		[UNSTUFF_SIZE] = "the message is too large"
	};

	return (fault > UNSTUFF_GOOD && fault < UNSTUFF_MAX ? words[fault] : "");
}

static int
unstuff_octet(struct unstuff *u, uint8_t c, uint8_t *out, size_t *made)
{
	switch (u->state) {
	case AT_LINE:
		if (c == '.') {
			u->state = AT_DOT;
			return (0);
		}
		break;
	case AT_CR:
		if (c == '\n') {
			unstuff_line(u, out, made);
			return (0);
		}
		unstuff_fail(u, UNSTUFF_BARE);
		break;
	case AT_DOT:
		if (c == '\r') {
			u->state = AT_DOT_CR;
			return (0);
		}
		break;
	case AT_DOT_CR:
		if (c == '\n')
			return (1);
		unstuff_fail(u, UNSTUFF_BARE);
		break;
	default:
		break;
	}
	unstuff_text(u, c, out, made);
	return (0);
}

/* An octet of a line. */
static void
unstuff_text(struct unstuff *u, uint8_t c, uint8_t *out, size_t *made)
{
	if (c == '\r') {
		u->state = AT_CR;
		return;
	}
	u->state = IN_LINE;
	if (c == '\n')
		unstuff_fail(u, UNSTUFF_BARE);
	else if (c == '\0')
		unstuff_fail(u, UNSTUFF_NUL);
	else if (u->column == UNSTUFF_LINE)
		unstuff_fail(u, UNSTUFF_LONG);
	else if (u->header && c >= 0x80 && !u->utf8)
		unstuff_fail(u, UNSTUFF_EIGHT);
	if (u->fault != UNSTUFF_GOOD)
		return;
	if (u->header)
		u->line[u->column] = c;
	u->column++;
	unstuff_make(u, c, out, made);
}

static void
unstuff_make(struct unstuff *u, uint8_t c, uint8_t *out, size_t *made)
{
	if (u->octets == u->most)
		unstuff_fail(u, UNSTUFF_SIZE);
	if (u->fault != UNSTUFF_GOOD)
		return;
	out[(*made)++] = c;
	u->octets++;
}

/* A line is at its end. */
static void
unstuff_line(struct unstuff *u, uint8_t *out, size_t *made)
{
	if (u->header && !utf8_valid(u->line, u->column))
		unstuff_fail(u, UNSTUFF_UTF8);
	if (u->column == 0)
		u->header = 0;
	u->column = 0;
	u->state = AT_LINE;
	unstuff_make(u, '\r', out, made);
	unstuff_make(u, '\n', out, made);
}

static void
unstuff_fail(struct unstuff *u, enum unstuff_fault fault)
{
	if (u->fault == UNSTUFF_GOOD)
		u->fault = fault;
}
