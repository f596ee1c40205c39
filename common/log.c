/* SPDX-License-Identifier: ISC */
/* Logging: format, encode, hand the line to the sink. */
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "log.h"

#define LOG_LINE_SIZE	1024
#define LOG_VIS_MAX	200	/* octets of remote text in one place */

static void	 log_v(int, int, const char *, va_list) __attribute__((__format__(printf, 3, 0)));
static size_t	 log_vis_octet(char *, uint8_t);

static int	 log_debugging = 1;	/* until log_init(): standard error */
static int	 log_verbose;
static log_sink	 log_to;

void
log_init(const char *procname, int debug, int verbose)
{
	log_debugging = debug;
	log_verbose = verbose;
	log_to = NULL;
	if (!debug)
		openlog(procname, LOG_PID | LOG_NDELAY, LOG_MAIL);
}

void
log_setsink(log_sink sink)
{
	log_to = sink;
}

void
log_setverbose(int verbose)
{
	log_verbose = verbose;
}

enum log_level
log_level_parse(const char *name)
{
	static const char *const	 names[] = { "crashes", "failures", "major", "problems", "low", "all" };
	size_t				 i;

	for (i = 0; i < nitems(names); i++)
		if (strcmp(name, names[i]) == 0)
			return (LOG_LEVEL_CRASHES + i);
	return (0);
}

int
log_getverbose(void)
{
	return (log_verbose);
}

/* Whatever the text holds, one line of printable ASCII comes out: a child that lies cannot forge lines or steer a terminal. */
void
log_line(int priority, const char *text)
{
	char	 line[LOG_LINE_SIZE];
	size_t	 i;

	for (i = 0; text[i] != '\0' && i < sizeof(line) - 1; i++)
		line[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	line[i] = '\0';
	if (log_to != NULL)
		log_to(priority, line);
	else if (log_debugging)
		fprintf(stderr, "%s\n", line);
	else
		syslog(priority, "%s", line);
}

/* error: an errno to append, or 0.  Leaves errno alone. */
static void
log_v(int priority, int error, const char *fmt, va_list ap)
{
	char	 line[LOG_LINE_SIZE];
	int	 save_errno = errno;
	int	 n;

	n = vsnprintf(line, sizeof(line), fmt, ap);
	if (n < 0)
		n = 0;
	if (error != 0 && (size_t)n < sizeof(line))
		snprintf(line + n, sizeof(line) - (size_t)n, "%s%s", n > 0 ? ": " : "", strerror(error));
	log_line(priority, line);
	errno = save_errno;
}

void
fatal(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	log_v(LOG_CRIT, errno, fmt, ap);
	va_end(ap);
	exit(1);
}

void
fatalx(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	log_v(LOG_CRIT, 0, fmt, ap);
	va_end(ap);
	exit(1);
}

void
log_warn(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	log_v(LOG_ERR, errno, fmt, ap);
	va_end(ap);
}

void
log_warnx(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	log_v(LOG_ERR, 0, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	log_v(LOG_INFO, 0, fmt, ap);
	va_end(ap);
}

void
log_debug(const char *fmt, ...)
{
	va_list	 ap;

	if (!log_verbose)
		return;
	va_start(ap, fmt);
	log_v(LOG_DEBUG, 0, fmt, ap);
	va_end(ap);
}

/* One octet in vis(3) form (C style, else octal), NUL-terminated; returns its length, at most 4. */
static size_t
log_vis_octet(char *dst, uint8_t c)
{
	static const char	 plain[] = "\\\a\b\t\n\v\f\r", name[] = "\\abtnvfr";
	const char		*p;

	if (c != '\0' && (p = strchr(plain, c)) != NULL)
		return ((size_t)snprintf(dst, 5, "\\%c", name[p - plain]));
	if (c >= ' ' && c <= '~')
		return ((size_t)snprintf(dst, 5, "%c", c));
	return ((size_t)snprintf(dst, 5, "\\%03o", c));
}

char *
log_vis(char *dst, size_t dstsize, const void *src, size_t srclen)
{
	const uint8_t	*p = src;
	char		 enc[5];
	size_t		 i, n, pos = 0;

	if (dstsize == 0)
		return (dst);
	for (i = 0; i < srclen && i < LOG_VIS_MAX; i++) {
		n = log_vis_octet(enc, p[i]);
		if (n >= dstsize - pos)
			break;
		memcpy(dst + pos, enc, n);
		pos += n;
	}
	dst[pos] = '\0';
	return (dst);
}
