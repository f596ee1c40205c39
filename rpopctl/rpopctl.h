/* SPDX-License-Identifier: ISC */
/* rpopctl: the command line of the control socket. */
#ifndef RPOPCTL_H
#define RPOPCTL_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "common/compat.h"
#include "common/ipc/proto_ctl.h"

/* What a command line asks the daemon for. */
struct request {
	uint32_t	 type;			/* enum imsg_type */
	int		 listing;		/* 1: answered by records and CTL_END, 0: by CTL_OK, or: */
	int		 lines;			/* 1: by CTL_LINE and CTL_END */
	int		 queue;			/* 1: by CTL_QUEUE and CTL_END */
	const char	*second;		/* argument, where a command may have two; NULL: it has one */
	int		 patient;		/* the answer ends when it ends */
	size_t		 len;
	union {
		struct ctl_name	 name;
		struct ctl_renumber renumber;
		struct ctl_quarantine quarantine;
		struct ctl_move	 move;
		struct ctl_explain explain;
		uint32_t	 level;
	} u;
};

/* Everything the daemon answered. */
struct reply {
	int			 ok;		/* 0: CTL_FAIL */
	int			 has_status;
	struct ctl_daemon	 status;
	struct ctl_text		 text;		/* of CTL_OK and CTL_FAIL */
	struct ctl_record	*records;
	size_t			 nrecords, size;
	struct ctl_tried	*tried;		/* by message number */
	size_t			 ntried, tried_size;
	struct ctl_text		*lines;
	size_t			 nlines, lines_size;
	struct ctl_queued	*queued;
	size_t			 nqueued, queued_size;
	int			 fd;		/* of a message to be shown; -1: none */
};

/* Where human-readable output goes. */
struct out {
	FILE	*fp;
	int	 width;		/* columns of the terminal; 0: no terminal, nothing is cut or wrapped */
	time_t	 now;
};

/* command.c */
int	 command_parse(int argc, char *const argv[], struct request *, char *err, size_t errsize);
void	 command_usage(FILE *);

/* client.c */
int	 client_connect(const char *path, char *error, size_t size);
int	 client_request(int fd, const struct request *, struct reply *, char *error, size_t size);

/* print.c */
void	 print_reply(const struct out *, const struct request *, const struct reply *);
void	 print_wrapped(const struct out *, const char *text, int indent);

/* tried.c */
void	 tried_sort(struct reply *);
void	 tried_print(const struct out *, const struct reply *);
void	 tried_json(FILE *, const struct reply *);

/* queue.c */
int	 queue_add(struct reply *, const struct ctl_queued *);	/* 0, or -1: not as it must be, or memory */
void	 queue_print(const struct out *, const struct reply *);
void	 queue_json(FILE *, const struct reply *);
int	 queue_show(const struct out *, int fd);	/* a message; 0/-1 */

/* lines.c */
int	 lines_add(struct reply *, const struct ctl_text *);
void	 lines_print(const struct out *, const struct reply *);
void	 lines_json(FILE *, const struct reply *);

/* text.c */
char	*text_vis(char *dst, size_t size, const char *src);
char	*text_cut(char *, size_t width);
char	*text_span(char *dst, size_t size, int64_t seconds);
char	*text_ago(char *dst, size_t size, int64_t now, int64_t when);
char	*text_until(char *dst, size_t size, int64_t now, int64_t when);
char	*text_local(char *dst, size_t size, int64_t when);
char	*text_utc(char *dst, size_t size, int64_t when);
char	*text_octets(char *dst, size_t size, uint64_t octets);

/* json.c */
void	 json_string(FILE *, const char *, size_t);
void	 json_reply(FILE *, const struct request *, const struct reply *);

#endif
