/* SPDX-License-Identifier: ISC */
/* Logging: format, encode, hand the line to the sink. */
#include <sys/stat.h>

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "log.h"

#define LOG_LINE_SIZE	1024

static void	 log_v(enum log_level, enum log_level, int, const char *, va_list) __attribute__((__format__(printf, 4, 0)));
static size_t	 log_vis_octet(char *, uint8_t);
static int	 log_is_journal(const char *);

/* Names of the levels, and their priorities of syslog(3), which has none below LOG_DEBUG. */
static const struct {
	const char	*name;
	int		 priority;
} levels[LOG_LEVEL_ALL + 1] = {
	[LOG_LEVEL_CRASHES] = { "crashes", LOG_CRIT },
	[LOG_LEVEL_FAILURES] = { "failures", LOG_ERR },
	[LOG_LEVEL_MAJOR] = { "major", LOG_NOTICE },
	[LOG_LEVEL_PROBLEMS] = { "problems", LOG_INFO },
	[LOG_LEVEL_LOW] = { "low", LOG_DEBUG },
	[LOG_LEVEL_ALL] = { "all", LOG_DEBUG }
};

static int		 log_debugging = 1;	/* lines go to standard error, as they do ahead of log_init() */
static enum log_level	 log_level = LOG_LEVEL_PROBLEMS;
static log_sink		 log_to;
static int		 log_journal;		/* standard error goes to the journal, which takes a priority ahead of a line */

void
log_init(const char *procname, int debug, enum log_level level)
{
	log_debugging = debug;
	log_level = level;
	log_to = NULL;
	log_journal = debug && log_is_journal(getenv("JOURNAL_STREAM"));
	if (!debug)
		openlog(procname, LOG_PID | LOG_NDELAY, LOG_MAIL);
}

/* Whether standard error is the stream that JOURNAL_STREAM of systemd.exec(5) names, "device:inode". */
static int
log_is_journal(const char *stream)
{
	struct stat	 st;
	char		 text[64];

	if (stream == NULL || fstat(STDERR_FILENO, &st) == -1)
		return (0);
	snprintf(text, sizeof(text), "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	return (strcmp(stream, text) == 0);
}

void
log_setsink(log_sink sink)
{
	log_to = sink;
}

void
log_setlevel(enum log_level level)
{
	log_level = level;
}

enum log_level
log_getlevel(void)
{
	return (log_level);
}

enum log_level
log_level_parse(const char *name)
{
	enum log_level	 level;

	for (level = LOG_LEVEL_CRASHES; level <= LOG_LEVEL_ALL; level++)
		if (strcmp(name, levels[level].name) == 0)
			return (level);
	return (0);
}

const char *
log_level_str(enum log_level level)
{
	return (level >= LOG_LEVEL_CRASHES && level <= LOG_LEVEL_ALL ? levels[level].name : "unknown");
}

/* Writes one line of printable ASCII, whatever the text has in it: a child that lies cannot forge lines or steer a terminal. */
void
log_line(enum log_level most, enum log_level level, const char *text)
{
	char	 line[LOG_LINE_SIZE];
	size_t	 i;

	if (level > most)
		return;
	for (i = 0; text[i] != '\0' && i < sizeof(line) - 1; i++)
		line[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	line[i] = '\0';
	if (log_to != NULL)
		log_to(level, line);
	else if (log_debugging && log_journal)
		fprintf(stderr, "<%d>%s\n", levels[level].priority, line);
	else if (log_debugging)
		fprintf(stderr, "%s\n", line);
	else
		syslog(levels[level].priority, "%s", line);
}

/* Formats and writes a line, with the words of error, an errno, behind it unless that is 0.  errno stays as it is. */
static void
log_v(enum log_level most, enum log_level level, int error, const char *fmt, va_list ap)
{
	char	 line[LOG_LINE_SIZE];
	int	 save_errno = errno;
	int	 n;

	if (level > most)
		return;
	n = vsnprintf(line, sizeof(line), fmt, ap);
	if (n < 0)
		n = 0;
	if (error != 0 && (size_t)n < sizeof(line))
		snprintf(line + n, sizeof(line) - (size_t)n, "%s%s", n > 0 ? ": " : "", strerror(error));
	log_line(most, level, line);
	errno = save_errno;
}

void
fatal(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	log_v(log_level, LOG_LEVEL_CRASHES, errno, fmt, ap);
	va_end(ap);
	exit(1);
}

void
fatalx(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	log_v(log_level, LOG_LEVEL_CRASHES, 0, fmt, ap);
	va_end(ap);
	exit(1);
}

void
log_warn(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	log_v(log_level, LOG_LEVEL_FAILURES, errno, fmt, ap);
	va_end(ap);
}

void
log_warnx(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	log_v(log_level, LOG_LEVEL_FAILURES, 0, fmt, ap);
	va_end(ap);
}

void
log_notice(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	log_v(log_level, LOG_LEVEL_MAJOR, 0, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	log_v(log_level, LOG_LEVEL_PROBLEMS, 0, fmt, ap);
	va_end(ap);
}

void
log_debug(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	log_v(log_level, LOG_LEVEL_LOW, 0, fmt, ap);
	va_end(ap);
}

void
log_trace(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	log_v(log_level, LOG_LEVEL_ALL, 0, fmt, ap);
	va_end(ap);
}

void
log_at(enum log_level most, enum log_level level, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	log_v(most, level, 0, fmt, ap);
	va_end(ap);
}

/* Writes an octet in the form of vis(3), in C style or else octal; returns its length, at most 4. */
static size_t
log_vis_octet(char *dst, uint8_t c)
{
	static const char	 plain[] = "\\\a\b\t\n\v\f\r", name[] = "\\abtnvfr";
	const char		*p;

	if (c >= ' ' && c <= '~' && c != '\\') {
		dst[0] = (char)c;
		return (1);
	}
	if (c != '\0' && (p = strchr(plain, c)) != NULL)
		return ((size_t)snprintf(dst, 5, "\\%c", name[p - plain]));
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
