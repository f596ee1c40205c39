/* SPDX-License-Identifier: ISC */
/*
 * Logging, the same calls in every process.  The master writes to syslog (LOG_MAIL) or standard error; children send
 * IMSG_LOG to the master and never open a log themselves.
 */
#ifndef LOG_H
#define LOG_H

#include <stdarg.h>
#include <stddef.h>

#include "compat.h"

/* How much is logged, each level with all before it; the names are those of settings.log_level. */
enum log_level {
	LOG_LEVEL_CRASHES = 1,	/* what ends a process */
	LOG_LEVEL_FAILURES,	/* polls and deliveries that failed */
	LOG_LEVEL_MAJOR,	/* start, stop, reload, children; each message that was taken */
	LOG_LEVEL_PROBLEMS,	/* the default: work done, irregularities met */
	LOG_LEVEL_LOW,		/* protocol: states, commands and answers */
	LOG_LEVEL_ALL		/* link: every message between processes, every connection attempt */
};

/* A function that lines go to; text is one encoded line without its end. */
typedef void	(*log_sink)(enum log_level, const char *text);

void	 log_init(const char *procname, int debug, enum log_level);	/* debug: stderr, else syslog(LOG_MAIL) */
void	 log_setsink(log_sink);		/* children: replaces stderr/syslog */
void	 log_setlevel(enum log_level);
enum log_level log_getlevel(void);
enum log_level log_level_parse(const char *);	/* 0: no such name */
const char *log_level_str(enum log_level);
/* Of a process that has other levels beside its own: a line is written if its level is at most the first one. */
void	 log_at(enum log_level most, enum log_level, const char *, ...) __attribute__((__format__(printf, 3, 4)));
void	 log_line(enum log_level most, enum log_level, const char *text);	/* text is a child's line, which is encoded already */

void	 fatal(const char *, ...) __dead __attribute__((__format__(printf, 1, 2)));	/* CRASHES, appends strerror(errno) */
void	 fatalx(const char *, ...) __dead __attribute__((__format__(printf, 1, 2)));	/* CRASHES */
void	 log_warn(const char *, ...) __attribute__((__format__(printf, 1, 2)));	/* FAILURES, appends strerror(errno) */
void	 log_warnx(const char *, ...) __attribute__((__format__(printf, 1, 2)));	/* FAILURES */
void	 log_notice(const char *, ...) __attribute__((__format__(printf, 1, 2)));	/* MAJOR */
void	 log_info(const char *, ...) __attribute__((__format__(printf, 1, 2)));	/* PROBLEMS */
void	 log_debug(const char *, ...) __attribute__((__format__(printf, 1, 2)));	/* LOW */
void	 log_trace(const char *, ...) __attribute__((__format__(printf, 1, 2)));	/* ALL */

#define LOG_VIS_MAX	200	/* octets of remote text that are shown in one place */
/*
 * Encodes srclen octets of remote text, of which LOG_VIS_MAX at most count, as vis(3) does, into dst, and ends it with a NUL.  Everything
 * from outside that reaches a log, a status text or a terminal goes through this function.  Returns dst.
 */
char	*log_vis(char *dst, size_t dstsize, const void *src, size_t srclen);

/* The end of a word for a number of things. */
#define PLURAL(n)	((n) == 1 ? "" : "s")

#endif
