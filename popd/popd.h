/* SPDX-License-Identifier: ISC */
/*
 * The POP3 server.  A listener accepts connections and forks a session for each, which speaks POP3 (RFC 1939) with one client.  A
 * session opens nothing by itself: it has the client's connection, and channels to the master, to the signer during a handshake of
 * TLS, to an auth process while somebody logs in, and to the process of the mailbox afterwards, which hands it one open message at
 * a time.
 *
 *	popd.c		the program
 *	listener.c	the listeners: sockets, certificates and limits that the master sends
 *	accept.c	connections: which are taken, and the forks for them
 *	tls.c		TLS as a server, and the octets of a connection with or without it
 *	cert.c		certificates of a listener, by their names
 *	sign.c		signatures, which the signer makes
 *	session.c	a session's life: start, loop, clock, end
 *	channel.c	its channels, and what comes over them
 *	line.c		what the client sends, cut into lines
 *	pop3.c		commands: found, checked, run
 *	pop3_table.c	the commands as a table
 *	pop3_auth.c	commands ahead of the login, and logging in
 *	pop3_trans.c	commands behind it
 *	mech.c		the ways to log in
 *	capa.c		what the server can do; UTF8 and LANG
 *	job.c		answers that do not fit into the buffer, in pieces
 *	ahead.c		messages that the mailbox is asked for ahead of the client
 *	retr.c		from a file to a reply
 *	xmit.c		XTND XMIT: a message of the client's on its way to the deliverer
 *	unstuff.c	from what the client sends to a message
 *	surrogate.c	a header for a client that did not say UTF8
 *	surrogate_value.c	addresses and parameters in that
 *	coder.c		encoded-words in that
 *	reply.c		what goes to the client
 *	listing.c	the messages
 */
#ifndef POPD_H
#define POPD_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/compat.h"
#include "common/ipc/imsg.h"
#include "common/ipc/proto_auth.h"
#include "common/ipc/proto_mailbox.h"
#include "common/ipc/proto_popd.h"
#include "common/ipc/rules.h"
#include "common/timer.h"

#define LINE_MAX_COMMAND	255	/* octets of a command with its CRLF (RFC 2449 section 4) */
#define LINE_MAX_PASS		(PROTO_SECRET_MAX + 7)	/* "PASS ", CRLF */
#define LINE_MAX_SASL		PROTO_SASL_MAX
#define LINE_BUF		16384
#define OUT_BUF			65536
#define OUT_COMMAND		16384	/* room for the answer to any command that is no job, a challenge included */
#define REPLY_MAX		512	/* octets of a reply line with its CRLF (RFC 2449 section 4) */
#define RETR_ROOM		4	/* octets of room without which retr_convert() does nothing */
#define RETR_END		8	/* octets that retr_end() may write */

/* --- line.c --- */

enum line_kind { LINE_NONE, LINE_GOOD, LINE_LONG, LINE_NUL };

struct lines {
	size_t	 off, len;		/* what waits is from off to len */
	int	 swallow;		/* 1: a line that was too long is not at its end yet */
	uint8_t	 buf[LINE_BUF];
};

uint8_t		*line_space(struct lines *, size_t *have);
void		 line_added(struct lines *, size_t);
enum line_kind	 line_next(struct lines *, size_t (*limit)(const uint8_t *, size_t), uint8_t **line, size_t *len);
void		 line_wipe(uint8_t *, size_t);
size_t		 line_clear(struct lines *);
int		 line_waiting(const struct lines *);

/* --- reply.c --- */

struct out {
	size_t	 off, len;		/* what waits is from off to len */
	size_t	 high;			/* how much of the buffer was used since it was given back to the system */
	uint64_t made, sent;		/* octets since the beginning, added and written */
	uint32_t session;		/* for the log */
	uint8_t	 buf[OUT_BUF];
};

extern struct out	 session_out;	/* what goes to the client */

size_t	 out_room(const struct out *);
uint8_t	*out_space(struct out *);
void	 out_added(struct out *, size_t);
size_t	 out_waiting(const struct out *);
void	 out_written(struct out *, size_t);	/* so many of what waits */
void	 out_settle(struct out *);
void	 out_add(struct out *, const void *, size_t);
void	 reply_line(struct out *, const char *, ...) __attribute__((__format__(printf, 2, 3)));	/* a line of a listing */
void	 reply_ok(struct out *, const char *, ...) __attribute__((__format__(printf, 2, 3)));
void	 reply_err(struct out *, enum pop_code, const char *, ...) __attribute__((__format__(printf, 3, 4)));

/* --- retr.c --- */

struct retr {
	int		 top;		/* the header and so many lines only */
	int		 body;		/* with top: the header has ended */
	int		 enough;
	int		 cr;		/* the last octet was a CR */
	uint64_t	 column;	/* octets of this line up to here */
	uint64_t	 lines;		/* of the body that are still wanted */
	uint64_t	 octets;	/* written, the line with the dot aside */
	uint64_t	 stuffed;	/* dots among them that were added */
};

void	 retr_begin(struct retr *, int top, uint64_t lines);
size_t	 retr_convert(struct retr *, const uint8_t *, size_t, uint8_t *, size_t room, size_t *made);
size_t	 retr_end(struct retr *, uint8_t *);
int	 retr_enough(const struct retr *);
uint64_t retr_octets(const struct retr *);
uint64_t retr_size(const uint8_t *, size_t);

/* --- unstuff.c --- */

#define UNSTUFF_LINE	998		/* octets of a line of a message without its CRLF (RFC 5322 section 2.1.1) */

enum unstuff_fault { UNSTUFF_GOOD, UNSTUFF_LONG, UNSTUFF_BARE, UNSTUFF_NUL, UNSTUFF_EIGHT, UNSTUFF_UTF8, UNSTUFF_SIZE,
	UNSTUFF_MAX };

struct unstuff {
	int		 state;
	int		 utf8;		/* 1: the header may be in UTF-8 */
	int		 header;	/* 1: the empty line behind it has not come */
	enum unstuff_fault fault;	/* the first one; behind it nothing is made */
	size_t		 column;	/* octets of this line */
	uint64_t	 most;		/* octets that there may be */
	uint64_t	 octets;	/* made */
	uint64_t	 wasted;	/* taken since there is a fault */
	uint8_t		 line[UNSTUFF_LINE];	/* of the header, with utf8 */
};

void	 unstuff_begin(struct unstuff *, uint64_t most, int utf8);
int	 unstuff_take(struct unstuff *, const uint8_t *, size_t, size_t *used, uint8_t *out, size_t *made);
const char	*unstuff_why(enum unstuff_fault);

/* --- listing.c --- */

struct listing {
	uint32_t	 n;		/* messages; their numbers are 1 to n */
	uint32_t	 left;		/* that are not marked as deleted */
	uint64_t	 octets;	/* of those */
	uint64_t	*sizes;
	uint8_t		*flags;
	uint8_t		*uids;		/* for each message the length of its unique-id, then that */
	uint32_t	*places;	/* where in uids every so many messages begin */
	size_t		 uids_len, uids_size;
	uint32_t	 size;		/* messages that there is room for */
};

int		 listing_add(struct listing *, const uint8_t *, size_t);
int		 listing_end(struct listing *, const struct msg_box_listed *);
void		 listing_free(struct listing *);
int		 listing_has(const struct listing *, uint64_t msgno);
int		 listing_deleted(const struct listing *, uint32_t msgno);
uint64_t	 listing_size(const struct listing *, uint32_t msgno);
const uint8_t	*listing_uid(const struct listing *, uint32_t msgno, size_t *len);
const uint8_t	*listing_next(const struct listing *, uint32_t msgno, const uint8_t *before, size_t *len);
void		 listing_delete(struct listing *, uint32_t msgno);
void		 listing_reset(struct listing *);
int		 listing_seen(struct listing *, uint32_t msgno);

/* --- tls.c --- */

struct certs;
struct tls;

struct conn {			/* the client's connection */
	int		 fd;
	struct tls	*tls;		/* NULL: in clear */
	short		 reads, writes;	/* what reading and writing wait for, of poll(2) */
	uint64_t	 in, out;	/* octets, ahead of TLS */
};

void		 tls_warm(void);
struct tls	*tls_context(const uint8_t *chain, size_t, const uint8_t keyid[PROTO_KEYID_LEN], struct certs *, char *err, size_t);
int		 conn_secure(struct conn *, struct tls *context);
int		 conn_handshake(struct conn *, char *err, size_t);
ssize_t		 conn_read(struct conn *, void *, size_t);
ssize_t		 conn_write(struct conn *, const void *, size_t);
void		 conn_secured(const struct conn *, struct msg_pop_secure *);
void		 conn_goodbye(struct conn *);

#define CONN_LATER	(-1)	/* of conn_read() and conn_write(): it waits */
#define CONN_BROKEN	(-2)

/* --- cert.c --- */

struct cert;			/* a certificate and its names */

void		 cert_warm(void);
struct cert	*cert_new(uint32_t id, const void *chain, size_t, const uint8_t keyid[PROTO_KEYID_LEN], char *err, size_t);
int		 cert_named(const struct cert *);	/* 1: it has a name that a client could ask for */
int		 cert_worse(const struct cert *, const struct cert *old, char *err, size_t);
int64_t		 cert_until(const struct cert *);	/* epoch: when it expires */
void		 cert_free(struct cert *);

struct certs	*certs_new(void);
void		 certs_follow(struct certs *);
void		 certs_own(struct certs *, struct cert *);
void		 certs_try(const struct certs *, const struct cert *, char *err, size_t);
const struct cert	*certs_has(const struct certs *, uint32_t id);
int		 certs_add(struct certs *, struct cert *);
int		 certs_remove(struct certs *, uint32_t id);
const struct cert	*certs_find(const struct certs *, const char *asked);
void		 certs_free(struct certs *);

/* --- sign.c --- */

struct evp_pkey_st;

void	 sign_warm(void);
void	 sign_key(const struct evp_pkey_st *, const uint8_t keyid[PROTO_KEYID_LEN]);
int	 sign_keyid(const void *chain, size_t, uint8_t keyid[PROTO_KEYID_LEN]);
void	 sign_open(int fd);
void	 sign_until(int64_t);
void	 sign_close(void);

/* --- session.c --- */

enum pop_state {
	POP_STARTING,		/* the master's word is waited for */
	POP_HANDSHAKE,		/* of TLS */
	POP_AUTHORIZATION,
	POP_ASKED,		/* the master was asked for an auth process */
	POP_JUDGED,		/* auth process and master are at work */
	POP_EXCHANGE,		/* the client's next line is for the auth process */
	POP_REFUSED,		/* the client's next line is for nobody: the login was denied in the meantime */
	POP_LISTING,		/* logged in: the mailbox is listed */
	POP_TRANSACTION,
	POP_XMIT_ASKED,		/* the master was asked for a message pipe */
	POP_XMIT,		/* the client sends a message */
	POP_XMIT_WAIT,		/* it has sent it: what became of it is waited for */
	POP_UPDATE,		/* the mailbox deletes */
	POP_ENDING		/* the last words go out */
};

enum job_kind { JOB_NONE, JOB_LIST, JOB_UIDL, JOB_FETCH, JOB_SEND, JOB_DELETE };

struct job {			/* an answer that is not complete */
	enum job_kind	 kind;
	uint32_t	 msgno;
	int		 top;
	uint64_t	 lines;
	int		 fd;		/* the message's file */
	uint64_t	 at, end;	/* octets of the file that were read, and that it has */
	uint64_t	 announced;
	size_t		 off, len;	/* of what was read of it and not converted */
	struct buf	 head;		/* what goes out ahead of that in the place of its header */
	struct retr	 retr;
};

#define AHEAD		8	/* messages that are asked for or here, ahead of what the client wants */

enum ahead_is { AHEAD_ASKED, AHEAD_DROPPED, AHEAD_HERE };	/* DROPPED: asked for, and not wanted any more */

struct ahead_message {
	uint32_t		 msgno;
	enum ahead_is		 is;
	struct msg_box_message	 answer;	/* with HERE, */
	int			 fd;		/* and the message's file, or -1 */
};

struct ahead {			/* in the order in which the mailbox was asked */
	uint32_t		 last;		/* message that the client wanted */
	uint32_t		 n;
	/* What was dropped is answered ahead of the next message that is wanted, and nothing else is asked for meanwhile. */
	struct ahead_message	 messages[2 * AHEAD + 1];
};

struct channel {
	struct imsgbuf		 ibuf;
	const char		*name;
	const struct rule	*rules;
	size_t			 nrules;
	int			 open;
};

#define SEEN_MAX	256	/* messages on their way in the output buffer */

/* Whether the session has the signer for its handshake. */
enum signs { SIGNS_NOT, SIGNS_ASKED, SIGNS_YES, SIGNS_DENIED };

struct session {
	uint32_t		 state;		/* enum pop_state */
	struct msg_pop_start	 start;
	struct msg_pop_opened	 opened;
	struct msg_pop_denied	 denied;	/* with POP_REFUSED */
	struct conn		 conn;
	struct tls		*context;	/* of the listener; NULL: no TLS here */
	int			 tls_first;	/* TLS from the first octet */
	int			 readable;	/* there may be octets to read */
	int			 eof;		/* there are none any more */
	int			 lost;		/* the mailbox's process is gone */
	int			 refused;	/* the greeting was the end */
	int			 utf8;		/* the client has said UTF8 */
	enum signs		 signs;
	struct channel		 master, auth, box, pipe;
	/* The login that is asked for: octets in the line buffer, which is not read into until then. */
	enum auth_mech		 mech;
	int			 initial;
	uint8_t			*secret;
	size_t			 secret_len;
	size_t			 user_len;
	uint8_t			 user[LINE_MAX_COMMAND];	/* of USER and APOP; user_len 0: none */
	struct unstuff		 unstuff;	/* of the message that the client sends */
	struct msg_pop_xmit_done sent;		/* what became of it, */
	int			 answered;	/* 1: which is known */
	int			 stopping;	/* it ends when that is told */
	struct listing		 listing;
	struct job		 job;
	struct ahead		 ahead;
	unsigned int		 bad_row;	/* commands in a row */
	int64_t			 began, moved, until;	/* ms: the start, the last octet, the end of a wait for the last words */
	int64_t			 asked, waited;	/* ms: since when others are at work on a login; how long they were before */
	uint64_t		 alert;		/* an alert is told when so many octets are written; 0: none is on its way */
	enum pop_end		 how;
	struct msg_pop_end	 told;
	size_t			 nseen;
	struct { uint32_t msgno; uint64_t at; } seen[SEEN_MAX];	/* retrieved whole when so many octets were written */
};

void	 session_prepare(struct tls *context, int tls_first);
void	 session_run(pid_t, int) __dead;
void	 session_end(struct session *, enum pop_end);
void	 session_bad(struct session *, const char *, ...) __attribute__((__format__(printf, 2, 3)));
int	 session_secure(const struct session *);
void	 session_greet(struct session *);
void	 session_lost(struct session *);

extern struct lines	 session_in;

/* --- channel.c --- */

void	 channel_master(struct session *);
void	 channel_close(struct channel *);
void	 channel_put(struct channel *, uint32_t type, const void *, size_t);
void	 channel_flush(struct channel *);
void	 channel_send(struct channel *, uint32_t type, const void *, size_t);
void	 channel_event(struct session *, struct channel *, short);

/* --- ahead.c --- */

size_t	 ahead_want(struct ahead *, const struct listing *, uint32_t msgno, uint32_t ask[AHEAD]);
int	 ahead_take(struct ahead *, const struct msg_box_message *, int fd);
int	 ahead_get(struct ahead *, uint32_t msgno, struct msg_box_message *, int *fd);
void	 ahead_drop(struct ahead *);

/* --- mech.c --- */

int	 mech_clear(const struct session *);
const char	*mech_name(const struct session *, unsigned int i);
enum auth_mech	 mech_find(const struct session *, const uint8_t *, size_t, int *offered);

/* --- pop3*.c, capa.c, job.c --- */

struct args {
	unsigned int	 n;		/* arguments that were given */
	uint64_t	 msgno;
	uint64_t	 lines;
	uint8_t		*rest;		/* what is behind the verb, as it is */
	size_t		 restlen;
};

struct command {
	const char	*verb;
	uint32_t	 states;	/* 1u << enum pop_state */
	const char	*takes;		/* "m" a message, "l" lines, "*" the rest, "t" a language; behind "?" it may be left out */
	int		 secret;	/* its arguments are not logged */
	void		(*run)(struct session *, const struct args *);
	const char	*usage;
};

extern const struct command	 pop3_commands[];
extern const size_t		 pop3_ncommands;

int	 pop3_line(struct session *);
const struct command	*pop3_find(const uint8_t *, size_t, size_t *verblen);
int	 pop3_args(const struct command *, uint8_t *, size_t, struct args *);
size_t	 pop3_limit(const uint8_t *, size_t);

void	 pop3_apop(struct session *, const struct args *);
void	 pop3_auth(struct session *, const struct args *);
void	 pop3_capa(struct session *, const struct args *);
void	 pop3_dele(struct session *, const struct args *);
void	 pop3_lang(struct session *, const struct args *);
void	 pop3_list(struct session *, const struct args *);
void	 pop3_noop(struct session *, const struct args *);
void	 pop3_pass(struct session *, const struct args *);
void	 pop3_quit(struct session *, const struct args *);
void	 pop3_retr(struct session *, const struct args *);
void	 pop3_rset(struct session *, const struct args *);
void	 pop3_stat(struct session *, const struct args *);
void	 pop3_stls(struct session *, const struct args *);
void	 pop3_top(struct session *, const struct args *);
void	 pop3_uidl(struct session *, const struct args *);
void	 pop3_user(struct session *, const struct args *);
void	 pop3_utf8(struct session *, const struct args *);
void	 pop3_xtnd(struct session *, const struct args *);

void	 login_begin(struct session *);
void	 login_challenge(struct session *, const uint8_t *, size_t);
void	 login_response(struct session *, uint8_t *, size_t);
void	 login_denied(struct session *, const struct msg_pop_denied *);
void	 login_opened(struct session *);
void	 login_forget(struct session *);

void	 xmit_begin(struct session *, const struct msg_pop_pipe *);
int	 xmit_input(struct session *);
int	 xmit_full(struct session *);
void	 xmit_drained(struct session *);
void	 xmit_done(struct session *, const struct msg_pop_xmit_done *);

void	 job_listing(struct session *, enum job_kind);
void	 job_fetch(struct session *, uint32_t msgno, int top, uint64_t lines);
void	 job_arrived(struct session *);
void	 job_update(struct session *);
int	 job_step(struct session *);
void	 job_release(void);

/* --- listener.c and accept.c --- */

struct listener {
	uint32_t	 id;
	int		 tls;
	uint32_t	 channels;
	int		 fd;		/* -1: it listens no more */
	struct tls	*context;	/* NULL: no TLS */
	struct certs	*certs;
	struct event	 ev;
	struct timer	 pause;		/* until connections are taken again */
};

extern struct msg_pop_limits	 listener_limits;

void	 listener_begin(void);
void	 listener_settle(void);
void	 accept_watch(struct listener *);
void	 accept_unwatch(struct listener *);
void	 accept_ended(uint32_t fork);

extern const struct rule	 listener_rules[];
extern const size_t		 listener_nrules;

#endif
