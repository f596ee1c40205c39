/* SPDX-License-Identifier: ISC */
/* What goes to the client: one buffer, which is written when it is full or when there is nothing else to do. */
#include <sys/types.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "popd.h"

struct out	 session_out;

static void	 reply_v(struct out *, const char *, const char *, va_list) __attribute__((__format__(printf, 3, 0)));

static const char *const	 codes[POP_CODE_MAX] = {
	[POP_CODE_NONE] = "",
	[POP_CODE_AUTH] = "[AUTH] ",
	[POP_CODE_IN_USE] = "[IN-USE] ",
	[POP_CODE_LOGIN_DELAY] = "[LOGIN-DELAY] ",
	[POP_CODE_SYS_TEMP] = "[SYS/TEMP] ",
	[POP_CODE_SYS_PERM] = "[SYS/PERM] ",
	[POP_CODE_ALERT] = "ALERT: "
};

/* Octets that may be added. */
size_t
out_room(const struct out *o)
{
	return (sizeof(o->buf) - o->len);
}

/* Where they go. */
uint8_t *
out_space(struct out *o)
{
	return (o->buf + o->len);
}

void
out_added(struct out *o, size_t n)
{
	o->len += n;
	if (o->len > o->high)
		o->high = o->len;
	o->made += n;
}

/* Octets that are not written yet. */
size_t
out_waiting(const struct out *o)
{
	return (o->len - o->off);
}

void
out_written(struct out *o, size_t n)
{
	o->off += n;
	o->sent += n;
	if (o->off == o->len)
		o->off = o->len = 0;
}

/* What waits is moved to the front, if there is little room behind it. */
void
out_settle(struct out *o)
{
	if (o->off == 0 || out_room(o) >= OUT_COMMAND)
		return;
	memmove(o->buf, o->buf + o->off, o->len - o->off);
	o->len -= o->off;
	o->off = 0;
}

/* Adds octets, for which the caller has looked that there is room. */
void
out_add(struct out *o, const void *data, size_t len)
{
	if (len > 0)
		memcpy(out_space(o), data, len);
	out_added(o, len);
}

/* Adds a formatted line, at most REPLY_MAX octets with its CRLF, and logs it unless it is a line of a listing. */
static void
reply_v(struct out *o, const char *head, const char *fmt, va_list ap)
{
	char	 line[REPLY_MAX - 1];
	size_t	 n = strlcpy(line, head, sizeof(line));
	int	 m;

	if ((m = vsnprintf(line + n, sizeof(line) - n, fmt, ap)) < 0)
		m = 0;
	n += (size_t)m < sizeof(line) - n ? (size_t)m : sizeof(line) - n - 1;
	if (head[0] != '\0' && log_getlevel() >= LOG_LEVEL_LOW)
		log_debug("POP %u: > %s", o->session, line);
	out_add(o, line, n);
	out_add(o, "\r\n", 2);
}

void
reply_line(struct out *o, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	reply_v(o, "", fmt, ap);
	va_end(ap);
}

void
reply_ok(struct out *o, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	reply_v(o, "+OK ", fmt, ap);
	va_end(ap);
}

void
reply_err(struct out *o, enum pop_code code, const char *fmt, ...)
{
	char	 head[32];
	va_list	 ap;

	snprintf(head, sizeof(head), "-ERR %s", codes[code]);
	va_start(ap, fmt);
	reply_v(o, head, fmt, ap);
	va_end(ap);
}
