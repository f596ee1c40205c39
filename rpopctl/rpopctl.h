/* SPDX-License-Identifier: ISC */
/*
 * rpopctl: the command line of the control socket.
 *
 *	command.c	what can be typed, and which request it becomes
 *	client.c	one request to the daemon, and its answer
 *	reply.c		what an answer may consist of: fields, and lists as people see them
 *	json.c		an answer for programs
 *	print.c		an answer for people; the daemon and its records
 *	text.c		times, sizes and strings as people read them
 */
#ifndef RPOPCTL_H
#define RPOPCTL_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "common/compat.h"
#include "common/ipc/proto_ctl.h"

struct imsg;

#define REQUEST_ITEMS	3

/* What a command line asks the daemon for. */
struct request {
	uint32_t	 type;			/* enum imsg_type */
	uint32_t	 items[REQUEST_ITEMS];	/* types of what may come ahead of the end of the answer; 0 behind them */
	int		 listing;		/* 1: CTL_END ends the answer, 0: CTL_OK, with a sentence */
	int		 patient;		/* 1: the answer may take any time */
	const char	*second;		/* second argument of the command line; NULL: there is none */
	size_t		 len;			/* of the payload */
	union {
		struct ctl_name	 name;
		struct ctl_renumber renumber;
		struct ctl_quarantine quarantine;
		struct ctl_move	 move;
		struct ctl_explain explain;
		uint32_t	 level;
	} u;
};

/* Messages of one type, in the order of arrival. */
struct items {
	void		*v;			/* array of the type's struct */
	size_t		 n;
};

#define REPLY_KINDS	8		/* there is room for so many kinds of messages */

/* Everything the daemon answered. */
struct reply {
	int		 ok;			/* 0: CTL_FAIL */
	struct ctl_text	 text;			/* of CTL_OK and CTL_FAIL */
	struct items	 items[REPLY_KINDS];	/* see reply_items() */
	int		 fd;			/* of a message to be shown; -1: none */
};

/* Where human-readable output goes. */
struct out {
	FILE	*fp;
	int	 width;		/* columns of the terminal; 0: no terminal, nothing is cut or wrapped */
	time_t	 now;
};

enum field_kind {
	FIELD_TEXT,		/* string; null in JSON if it is empty */
	FIELD_STRING,		/* string, also if it is empty */
	FIELD_LINES,		/* string of lines that end in \n: an array of strings */
	FIELD_NUMBER,		/* uint32_t, uint64_t, or an int64_t that is not negative */
	FIELD_NUMBER_OR_NULL,	/* likewise; 0 is null */
	FIELD_OCTETS,		/* as FIELD_NUMBER; people are told it with a unit */
	FIELD_BOOL,		/* uint32_t: true unless it is 0 */
	FIELD_TIME,		/* int64_t, s since the epoch; 0 is null */
	FIELD_DAYS,		/* uint32_t; UINT32_MAX is null */
	FIELD_NAME,		/* uint32_t: its name */
	FIELD_MADE		/* string made of the whole struct */
};

/*
 * A member of a struct that the daemon sends.  A counter with words is told to people, too, if it is not 0: in the status of the
 * daemon as "N words", on the page of a record as "label N words".
 */
struct field {
	const char	*json;		/* the name of the member, in JSON, too */
	enum field_kind	 kind;
	size_t		 offset, size;	/* of the member; a name's or made string's is not looked at for an end */
	const char	*(*name)(uint32_t);	/* FIELD_NAME */
	const char	*(*made)(const void *);	/* FIELD_MADE */
	uint32_t	 rank;		/* in the order in which people are told, from 1; 0: they are not */
	const char	*label, *words;
	size_t		 less;		/* offset of a counter that is part of this one and told by itself; 0: none */
};

/* A kind of message that an answer may consist of. */
struct reply_kind {
	uint32_t	 type;		/* enum imsg_type */
	size_t		 size;		/* of its struct */
	size_t		 max;		/* messages in one answer; 1: exactly one is due */
	const char	*json;		/* name of the object, if one is due, or of the array */
	const struct field *fields;	/* a single one: JSON has an array of strings, not of objects */
	size_t		 nfields;
	int		 despite;	/* 1: printed also if a failure ends the answer */
	int		(*sound)(const void *);	/* NULL, or 1: its numbers are good; strings are looked at by the fields */
	int		(*order)(const void *, const void *);	/* for qsort(3); NULL: as they arrived */
	void		(*print)(const struct out *, const struct request *, const struct items *);
};

/* command.c */
int	 command_parse(int argc, char *const argv[], struct request *, char *err, size_t errsize);
void	 command_usage(FILE *);

/* client.c */
int	 client_connect(const char *path, char *error, size_t size);
int	 client_request(int fd, const struct request *, struct reply *, char *error, size_t size);

/* reply.c */
const struct reply_kind	*reply_kind(uint32_t type);	/* NULL: nothing that an answer may consist of */
const struct items	*reply_items(const struct reply *, uint32_t type);	/* there may be none in it */
int			 reply_add(struct reply *, struct imsg *);
int			 reply_complete(struct reply *, const struct request *);
uint64_t		 field_number(const struct field *, const void *);
const struct field	*field_told(const struct reply_kind *, uint32_t rank);
uint64_t		 field_told_number(const struct field *, const void *);

/* json.c */
void	 json_string(FILE *, const char *, size_t);
void	 json_reply(FILE *, const struct request *, const struct reply *);

/* print.c */
void	 print_reply(const struct out *, const struct request *, const struct reply *);
int	 print_mail(const struct out *, int fd);
void	 print_wrapped(const struct out *, const char *text, int indent);
void	 print_daemon(const struct out *, const struct request *, const struct items *);
void	 print_records(const struct out *, const struct request *, const struct items *);

/* text.c */
char	*text_vis(char *dst, size_t size, const char *src);
char	*text_cut(char *, size_t width);
const char *text_line(const char *text, char *line, size_t size);
char	*text_span(char *dst, size_t size, int64_t seconds);
char	*text_ago(char *dst, size_t size, int64_t now, int64_t when);
char	*text_until(char *dst, size_t size, int64_t now, int64_t when);
char	*text_local(char *dst, size_t size, int64_t when);
char	*text_utc(char *dst, size_t size, int64_t when);
char	*text_octets(char *dst, size_t size, uint64_t octets);

#endif
