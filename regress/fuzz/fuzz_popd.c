/* SPDX-License-Identifier: ISC */
/* links: popd/line.c popd/pop3_table.c popd/retr.c popd/unstuff.c */
/*
 * What a client sends to popd, in pieces: lines and their arguments are the same as in one piece, none is longer than it may be,
 * none has a NUL.  And a message's octets, which the converter makes a reply of: undone, that is the message again, and it ends
 * where it should.  What a client sends as a message is the same in pieces, and ends where CRLF "." CRLF is.  Input: size of a
 * piece, room, then the octets.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "popd/popd.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define NO_COMMAND(name)	void name(struct session *s, const struct args *a) { (void)s; (void)a; }
NO_COMMAND(pop3_apop)
NO_COMMAND(pop3_auth)
NO_COMMAND(pop3_capa)
NO_COMMAND(pop3_dele)
NO_COMMAND(pop3_lang)
NO_COMMAND(pop3_list)
NO_COMMAND(pop3_noop)
NO_COMMAND(pop3_pass)
NO_COMMAND(pop3_quit)
NO_COMMAND(pop3_retr)
NO_COMMAND(pop3_rset)
NO_COMMAND(pop3_stat)
NO_COMMAND(pop3_stls)
NO_COMMAND(pop3_top)
NO_COMMAND(pop3_uidl)
NO_COMMAND(pop3_user)
NO_COMMAND(pop3_utf8)
NO_COMMAND(pop3_xtnd)

static struct lines	 in;

/* A number for all that comes of these octets, so many at a time. */
static uint64_t
lines_sum(const uint8_t *p, size_t len, size_t piece)
{
	const struct command	*c;
	struct args		 a;
	enum line_kind		 kind;
	uint8_t			*space, *line;
	size_t			 have, n, linelen, verb, i;
	uint64_t		 sum = 1;

	memset(&in, 0, sizeof(in));
	while (len > 0) {
		if ((space = line_space(&in, &have)) == NULL || have == 0)
			abort();
		n = len < piece ? len : piece;
		n = n < have ? n : have;
		memcpy(space, p, n);
		line_added(&in, n);
		p += n;
		len -= n;
		while ((kind = line_next(&in, pop3_limit, &line, &linelen)) != LINE_NONE) {
			sum = sum * 31 + (uint64_t)kind;
			if (kind != LINE_GOOD)
				continue;
			if (memchr(line, '\0', linelen) != NULL || memchr(line, '\n', linelen) != NULL ||
			    linelen >= pop3_limit(line, linelen))
				abort();
			for (i = 0; i < linelen; i++)
				sum = sum * 31 + line[i];
			if ((c = pop3_find(line, linelen, &verb)) == NULL)
				continue;
			if (pop3_args(c, line + verb, linelen - verb, &a) == 0) {
				if (a.rest != NULL && (a.rest <= line || a.rest + a.restlen != line + linelen))
					abort();
				sum = sum * 31 + a.msgno + a.lines;
			}
			line_wipe(line, linelen);
		}
	}
	return (sum);
}

/* Undoes a reply: dots off, CRLF to LF. */
static size_t
undo(const uint8_t *p, size_t len, uint8_t *out)
{
	size_t	 i, n = 0;
	int	 bol = 1;

	for (i = 0; i < len; i++) {
		if (bol && p[i] == '.' && i + 1 < len) {
			bol = 0;
			continue;
		}
		if (p[i] == '\r' && i + 1 < len && p[i + 1] == '\n')
			continue;
		out[n++] = p[i];
		bol = p[i] == '\n';
	}
	return (n);
}

static void
message(const uint8_t *p, size_t len, size_t piece, size_t room)
{
	struct retr	 r;
	uint8_t		*out, *back, *plain;
	size_t		 at = 0, i = 0, n, made, undone, due;

	out = malloc(len * 2 + 64 + room);
	back = malloc(len * 2 + 64 + room);
	plain = malloc(len + 2);
	if (out == NULL || back == NULL || plain == NULL)
		abort();
	retr_begin(&r, 0, 0);
	while (i < len) {
		n = retr_convert(&r, p + i, len - i < piece ? len - i : piece, out + at, room, &made);
		if (n == 0 || made > room || made > 2 * n + 2)
			abort();
		i += n;
		at += made;
	}
	at += retr_end(&r, out + at);
	if (at < 3 || memcmp(out + at - 3, ".\r\n", 3) != 0 || (at > 3 && memcmp(out + at - 5, "\r\n", 2) != 0) ||
	    (at > 5 && memmem(out, at - 3, "\r\n.\r\n", 5) != NULL) || retr_octets(&r) > at - 3)
		abort();
	for (due = 0, i = 0; i < len; i++)
		if (!(p[i] == '\r' && i + 1 < len && p[i + 1] == '\n'))
			plain[due++] = p[i];
	if (len > 0 && p[len - 1] != '\n')
		plain[due++] = '\n';
	undone = undo(out, at - 3, back);
	if (undone != due || memcmp(back, plain, due) != 0)
		abort();
	free(out);
	free(back);
	free(plain);
}

/* What is made of octets that a client sends as a message, as a number; *taken: where it ends, SIZE_MAX: it does not. */
static uint64_t
sent_sum(const uint8_t *p, size_t len, size_t piece, int utf8, size_t *taken)
{
	static struct unstuff	 u;
	uint8_t			*out;
	size_t			 i, k, n, used, made;
	uint64_t		 sum = 1;
	int			 end = 0;

	if ((out = malloc(len + 1)) == NULL)
		abort();
	unstuff_begin(&u, 4096, utf8);
	for (i = 0; i < len && !end; i += used) {
		n = len - i < piece ? len - i : piece;
		end = unstuff_take(&u, p + i, n, &used, out, &made);
		if (used > n || made > n + 1 || (!end && used != n))
			abort();
		for (k = 0; k < made; k++)
			sum = sum * 31 + out[k];
	}
	*taken = end ? i : SIZE_MAX;
	free(out);
	return (sum * 31 + u.octets * UNSTUFF_MAX + u.fault);
}

static void
sent(const uint8_t *p, size_t len, size_t piece, int utf8)
{
	const uint8_t	*end;
	size_t		 whole, taken;
	uint64_t	 sum = sent_sum(p, len, SIZE_MAX, utf8, &whole);

	if (sent_sum(p, len, piece, utf8, &taken) != sum || taken != whole || sent_sum(p, len, 1, utf8, &taken) != sum ||
	    taken != whole)
		abort();
	end = len >= 3 && memcmp(p, ".\r\n", 3) == 0 ? p - 2 : memmem(p, len, "\r\n.\r\n", 5);
	if (whole != (end == NULL ? SIZE_MAX : (size_t)(end + 5 - p)))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	size_t	 piece, room;

	if (len < 2)
		return (0);
	piece = (size_t)p[0] + 1;
	room = (size_t)p[1] + RETR_ROOM;
	p += 2;
	len -= 2;
	if (lines_sum(p, len, piece) != lines_sum(p, len, SIZE_MAX) || lines_sum(p, len, 1) != lines_sum(p, len, piece))
		abort();
	message(p, len, piece, room);
	sent(p, len, piece, room & 1);
	return (0);
}
