/* SPDX-License-Identifier: ISC */
/*
 * rpopctl: the command line of the control socket.
 *
 *	command.c	what can be typed, and which request it becomes
 *	client.c	one request to the daemon, and its answer
 *	session.c	requests over one connection, and what is printed of their answers
 *	failing.c	status --failing
 *	wait.c		poll -w
 *	top.c		top
 *	screen.c	the terminal of what goes on for a while, and the signals that end it
 *	reply.c		what an answer may consist of: fields, and lists as people see them
 *	tried.c		a trial, as people see it
 *	find.c		messages that came: what is looked for, and how it is shown
 *	json.c		an answer for programs
 *	print.c		an answer for people; the daemon and its records
 *	text.c		times, sizes and strings as people read them
 *	duration.c	columns that are lengths of time
 *	change.c	changes of rpopd.db on their way to the daemon
 *	rows.c		rows of rpopd.db, and how they are shown
 *	edit.c		commands that look at rows and change them
 *	record.c	commands about records that are more than a change of a row
 *	intake.c	records of the configuration of another retriever: see intake.h
 *	export.c	records as another program has them
 *	export_store.c	the store as SQL or as one JSON object
 *	store.c		commands that need no running daemon, which rpopd does as a program
 *	provider.c	what is known of providers
 *	oauth.c		a login at an identity provider, told as it gets on
 *	secret.c	a password, typed without echo or read from standard input
 *	password.c	passwords of accounts
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
#include "common/verifier.h"

struct imsg;
struct out;

#define REQUEST_ITEMS	3

/* What a command that makes several requests works with: one connection, in the sandbox. */
struct session {
	int		 fd;			/* connected to the daemon */
	const struct out *o;
	int		 json;			/* 1: one JSON object is to be printed */
	const char	*noun;			/* the first word of the command, in full */
	const char	*program;		/* as rpopctl was called */
	int		 argc;
	char		**argv;			/* for getopt(3): the last word of the command, then what follows it */
};

struct request_part {			/* a message of a request that takes several */
	const void	*data;
	size_t		 len;
};

/* What a command line asks the daemon for. */
struct request {
	int		(*run)(struct session *);	/* makes its requests itself, returns the exit status; or NULL */
	int		 local;			/* 1: run() needs no daemon; there is neither a connection nor a sandbox then */
	const char	*noun;			/* with run only, as argc and argv, and nothing else is set then */
	int		 argc;
	char		**argv;
	uint32_t	 type;			/* enum imsg_type */
	uint32_t	 items[REQUEST_ITEMS];	/* types of what may come ahead of the end of the answer; 0 behind them */
	int		 listing;		/* 1: CTL_END ends the answer, 0: CTL_OK, with a sentence */
	int		 patient;		/* 1: the answer may take any time */
	void		(*arrived)(struct session *, const void *);	/* of each item, which is not kept then; NULL: all are kept */
	struct session	*session;		/* for arrived */
	const char	*second;		/* second argument of the command line; NULL: there is none */
	const struct request_part *parts;	/* messages of the request's type that go ahead of it; NULL: none */
	size_t		 nparts;
	void		(*row)(void *, const uint8_t *, size_t);	/* takes the cells of each CTL_ROW; NULL: none is wanted */
	void		*row_arg;
	const void	*data;			/* the payload, if it is not in u */
	size_t		 len;			/* of the payload */
	union {
		struct ctl_name	 name;
		struct ctl_renumber renumber;
		struct ctl_quarantine quarantine;
		struct ctl_move	 move;
		struct ctl_explain explain;
		struct ctl_find	 find;
		uint32_t	 level;
	} u;
};

/* Messages of one type, in the order of arrival. */
struct items {
	void		*v;			/* array of the type's struct */
	size_t		 n;
};

#define REPLY_KINDS	10		/* there is room for so many kinds of messages */

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
	FIELD_NUMBER_OR_MAX,	/* uint32_t; UINT32_MAX is null */
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
int	 command_options(int *argc, char *argv[], int *json, const char **path);
int	 command_parse(int argc, char *argv[], struct request *, char *err, size_t errsize);
void	 command_usage(FILE *);

/* client.c */
int	 client_connect(const char *path, char *error, size_t size);
int	 client_request(int fd, const struct request *, struct reply *, char *error, size_t size);

/* session.c */
int	 session_ask(struct session *, const struct request *, struct reply *);
int	 session_answer(struct session *, const struct request *, const struct reply *);
int	 session_request(struct session *, const struct request *);
int	 session_flush(const struct out *);

/* screen.c */
void	 screen_size(int *rows, int *columns);
void	 screen_signals(void);
int	 screen_signal(void);
int	 screen_die(int signo);
void	 screen_open(void);
void	 screen_close(void);
int	 screen_wait(int msec);

/* top.c */
int	 top_run(struct session *);

/* wait.c */
int	 wait_run(struct session *);

/* failing.c */
int	 failing_run(struct session *);

/* reply.c */
const struct reply_kind	*reply_kind(uint32_t type);	/* NULL: nothing that an answer may consist of */
const struct items	*reply_items(const struct reply *, uint32_t type);	/* there may be none in it */
int			 reply_add(struct reply *, struct imsg *);
const void		*reply_take(struct reply *, uint32_t type);	/* the last one, out of the reply; good until the next comes */
int			 reply_complete(struct reply *, const struct request *);
void			 reply_sort(struct reply *, uint32_t type, int (*order)(const void *, const void *));
void			 reply_keep(struct reply *, uint32_t type, int (*wanted)(const void *));
void			 reply_free(struct reply *);
uint64_t		 field_number(const struct field *, const void *);
const struct field	*field_told(const struct reply_kind *, uint32_t rank);
uint64_t		 field_told_number(const struct field *, const void *);

/* tried.c */
int	 tried_order(const void *, const void *);
void	 tried_print(const struct out *, const struct request *, const struct items *);
void	 envelope_print(const struct out *, const struct request *, const struct items *);

#define INDENT		8	/* of what is said of an entry of a list */

/* find.c */
int	 find_run(struct session *);
int	 find_parse(int argc, char *argv[], struct request *, char *err, size_t errsize);
void	 found_print(const struct out *, const struct request *, const struct items *);

/* alert.c */
int	 alert_run(struct session *);
int	 alert_list(struct session *);
int	 alert_remove(struct session *);
void	 alerts_print(const struct out *, const struct request *, const struct items *);

/* oauth.c */
int	 oauth_login(struct session *);

/* json.c */
void	 json_message(FILE *, const struct reply_kind *, const void *);
void	 json_string(FILE *, const char *, size_t);
int	 json_mail(FILE *, int fd);
void	 json_reply(FILE *, const struct request *, const struct reply *);

/* print.c */
void	 print_reply(const struct out *, const struct request *, const struct reply *);
int	 print_mail(const struct out *, int fd);
void	 print_wrapped(const struct out *, const char *text, int indent);
int	 print_blocked(const struct out *, const struct ctl_daemon *);
const char *state_sentence(const char *);
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
char	*text_number(char *dst, size_t size, uint64_t number);
char	*text_progress(char *dst, size_t size, const struct ctl_record *);

/* change.c: a batch, all of which is done or nothing; it may hold secrets, which are wiped */
struct changes;

struct changes	*changes_new(void);
/* One more change; changes_cell() follows for each cell, those of the key first. */
void		 changes_add(struct changes *, enum change_act, const char *table, uint32_t nkeys);
int		 changes_cell(struct changes *, const char *column, const char *value, size_t len);	/* value NULL: the store's NULL */
size_t		 changes_number(const struct changes *);
int		 changes_send(struct session *, struct changes *, struct reply *);	/* as session_ask() */
void		 changes_free(struct changes *);

/* rows.c */
struct rows;

int		 rows_get(struct session *, const char *table, const char *const cells[][2], struct rows **);
size_t		 rows_number(const struct rows *);
/* The value of a row's column as text; NULL: NULL, or there is no such column. */
const char	*rows_value(const struct rows *, size_t row, const char *column);
int		 rows_secret(const struct rows *, size_t row, const char *column);	/* 1: there is a secret */
const char	*rows_column(const struct rows *, size_t i);	/* of the first row; NULL: it has no more */
void		 rows_print(struct session *, const struct rows *, const char *json, const char *const columns[]);
void		 rows_array(FILE *, const struct rows *);
int		 rows_quoted(const struct rows *, size_t row, const char *column);	/* 1: it is text, and no number */
void		 rows_free(struct rows *);

/* duration.c */
const char	*duration_value(const char *table, const char *column, const char *value, char *number, size_t size);

/* edit.c */
#define NOUN_KEYS	3
#define NOUN_COLUMNS	13

struct noun {				/* what people call the rows of a table */
	const char	*name, *table;
	const char	*keys[NOUN_KEYS];
	size_t		 required;		/* so many of them are given at least */
	const char	*json;			/* name of the array */
	const char	*secret;		/* the column that holds one; NULL: none does */
	const char	*columns[NOUN_COLUMNS + 1];	/* of a list, NULL behind them; none: all, one below the other */
};

const struct noun *noun_find(const char *);
/*
 * Takes the words that name a row off *argc and *argv, into keys: as many as there are, at least as many as are required.  0, or -1:
 * there are too few, which was said.
 */
int	 noun_keys(const struct noun *, int *argc, char ***argv, char *keys[NOUN_KEYS], size_t *nkeys);
/* Adds a change of the row, and column=value words as its cells.  0, or -1: a word is none, which was said. */
int	 noun_change(struct changes *, const struct noun *, enum change_act, char *const keys[], size_t nkeys, int argc, char **argv);
int	 noun_send(struct session *, struct changes *);	/* and prints the answer; the exit status */
int	 edit_list(struct session *);
int	 edit_add(struct session *);
int	 edit_set(struct session *);
int	 edit_remove(struct session *);
int	 edit_password(struct session *);

/* record.c */
int	 record_add(struct session *);
int	 record_set(struct session *);
int	 record_disable(struct session *);
int	 record_enable(struct session *);
int	 record_try(struct session *);
int	 record_poll(struct session *);

/* intake.c: rpopctl import */
int	 intake_ready(int argc, char *argv[], char *err, size_t errsize);
int	 intake_run(struct session *);

/* export.c */
int	 export_run(struct session *);

/* export_store.c: every table of the store as it is in force, without secrets; the exit status */
int	 export_sql(struct session *);
int	 export_object(struct session *);

/* store.c */
int	 store_init(struct session *);
int	 store_backup(struct session *);

/* provider.c */
struct provider {
	const char	*name, *domains;	/* domains of its addresses, with a space between two */
	const char	*host;			/* its POP3 server; NULL: it has none */
	enum { PROVIDER_ADDRESS, PROVIDER_LOCAL } login;	/* the address, or the local part of it */
	const char	*note;			/* what has to be switched on there, and which password it is; without host why there is none */
};

const struct provider *provider_find(const char *domain);
const struct provider *provider_nth(size_t);	/* NULL behind the last one */
int	 provider_fill(const char *domain, const char *name, const struct provider **, char *login, size_t);
int	 provider_list(struct session *);
/* password.c */
int		 account_password(struct session *);
int		 account_check(struct session *);

/* secret.c */
#define SECRET_MAX	1024		/* octets of a secret, without the NUL behind it */

const char	*secret_read(const char *prompt, char *buf, size_t size, int twice);

#endif
