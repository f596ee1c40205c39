/* SPDX-License-Identifier: ISC */
/*
 * The sender: hands messages on to next hops over SMTP (RFC 5321) or LMTP (RFC 2033), on sockets that are connected already,
 * each in a process of its own, which a template forks.  The protocol does no I/O: octets in, commands out, what became of each
 * recipient through struct smtp_ops.
 */
#ifndef SENDER_H
#define SENDER_H

#include <sys/types.h>

#include <stdint.h>

#include "common/sasl/auth_mask.h"
#include "common/buf.h"
#include "common/compat.h"
#include "common/ipc/proto_sender.h"
#include "common/sasl/sasl_line.h"

/* --- body.c: a message's content on its way into DATA --- */

enum body_state { BODY_BOL, BODY_TEXT, BODY_CR };

struct body {
	enum body_state	 state;
	uint64_t	 octets;	/* counted with CRLF at line ends, without the dots that are put in (RFC 1870) */
	int		 eight_bit;	/* octets above 127 were seen */
};

void	 body_begin(struct body *);
int	 body_feed(struct body *, const uint8_t *, size_t, struct buf *);
int	 body_end(struct body *, struct buf *);

/* --- trace.c: fields that a next hop does not get --- */

#define TRACE_HELD	64		/* octets that are held back at most */

enum trace_state { TRACE_LINE, TRACE_NAME, TRACE_REST, TRACE_CR, TRACE_OVER };

struct trace {
	enum trace_state state;
	int		 skip;		/* the line is of a field that is left out */
	size_t		 n;
	uint8_t		 held[TRACE_HELD];
};

void	 trace_begin(struct trace *, int keep);	/* keep: no field is left out */
size_t	 trace_feed(struct trace *, const uint8_t *, size_t, uint8_t *);
size_t	 trace_end(struct trace *, uint8_t *);

/* --- smtp_reply.c: replies and what a greeting offers --- */

#define REPLY_LINE_MAX	2000		/* octets of a reply line, line end left out; RFC 5321 has 512 */
#define REPLY_LINES_MAX	100		/* of one reply */
#define REPLY_TEXT_MAX	512		/* octets of a reply's text that are kept */
#define STATUS_SIZE	12		/* of an enhanced status code, RFC 3463 */

struct smtp_reply {
	int		 code;		/* three digits */
	int		 lines;
	size_t		 len;
	char		 status[STATUS_SIZE];	/* enhanced, of the first line that has one; empty: none */
	uint8_t		 text[REPLY_TEXT_MAX];	/* of all lines, without codes; remote text */
};

enum smtp_cap { CAP_PIPELINING = 0x01, CAP_SIZE = 0x02, CAP_8BITMIME = 0x04, CAP_SMTPUTF8 = 0x08, CAP_DSN = 0x10,
	CAP_STARTTLS = 0x20, CAP_AUTH = 0x40, CAP_XCLIENT = 0x80 };

struct smtp_offer {			/* what the next hop offers in its reply to EHLO or LHLO */
	uint32_t	 caps;		/* enum smtp_cap */
	uint32_t	 mechs;		/* 1 << enum auth_mech */
	uint64_t	 size;		/* octets of a message at most, 0 = not said */
};

int	 smtp_reply_line(struct smtp_reply *, const uint8_t *, size_t, const uint8_t **, size_t *);
void	 smtp_reply_status(const struct smtp_reply *, char *, size_t);
void	 smtp_offer_line(struct smtp_offer *, const uint8_t *, size_t);

/* --- smtp_address.c --- */

#define PATH_SIZE	(PROTO_SENDER_SIZE * 2)	/* a local part may need quotes and backslashes */

enum smtp_path { PATH_BAD = -1, PATH_ASCII, PATH_UTF8 };

enum smtp_path	 smtp_path(const char *, char *, size_t);
int		 smtp_xtext(const char *, char *, size_t);
int		 smtp_client(const char *, char *, size_t);

/* --- smtp.c, smtp_login.c, smtp_mail.c: one session --- */

#define SMTP_WINDOW	100		/* commands in flight with a next hop that pipelines */

/*
 * HANDSHAKE: the caller does the handshake, then smtp_secured(); READY: smtp_give() is waited for; BODY: smtp_body() is.
 */
enum smtp_state { SMTP_HANDSHAKE, SMTP_GREETING, SMTP_HELLO, SMTP_STARTTLS, SMTP_LOGIN, SMTP_READY, SMTP_XCLIENT, SMTP_ENVELOPE,
	SMTP_DATA, SMTP_BODY, SMTP_DOT, SMTP_RSET, SMTP_QUIT, SMTP_DONE, SMTP_FAILED, SMTP_STATE_MAX };
enum smtp_cmd { CMD_GREETING, CMD_EHLO, CMD_HELO, CMD_STARTTLS, CMD_AUTH, CMD_CANCEL, CMD_XCLIENT, CMD_MAIL, CMD_RCPT, CMD_DATA,
	CMD_DOT, CMD_RSET, CMD_QUIT, CMD_MAX };

struct smtp_rcpt {
	char			*address, *original;	/* original NULL: it is the address */
	enum send_result	 result;	/* 0: not known yet */
	int			 accepted;	/* the next hop has accepted RCPT */
	uint32_t		 code;
	char			 status[STATUS_SIZE];
	char			*text;		/* the next hop's, encoded */
};

struct smtp_mail {			/* owned by the caller, who keeps it until ops.mail or the end of the session */
	struct msg_send_mail	 m;
	struct smtp_rcpt	*rcpts;
	uint32_t		 n;
	uint64_t		 size;		/* octets, as struct body counts */
	int			 eight_bit;
};

struct smtp_ops {
	/* A recipient, by its index, has its result; in their order, each once. */
	void	(*rcpt)(void *, uint32_t, const struct smtp_rcpt *);
	void	(*mail)(void *);	/* all recipients have theirs: another message may come */
};

struct smtp_due {			/* replies that are waited for */
	enum smtp_cmd	 cmd;
	uint32_t	 rcpt;		/* of CMD_RCPT */
	uint32_t	 left;		/* how many replies: LMTP answers a message once for each recipient */
	uint64_t	 end;		/* offset behind the command, counted as queued */
};

struct smtp_login {
	int			 again;		/* a login was made before XCLIENT */
	int			 done;
	uint8_t			*secret;
	size_t			 secret_len;
	struct sasl_line	 sasl;
};

struct smtp {
	const struct smtp_ops	*ops;
	void			*arg;
	const struct msg_send_start *start;
	enum smtp_state		 state;
	int			 secure;	/* under TLS */
	int			 quitting;
	struct smtp_offer	 offer;
	struct buf		 out;
	int			 secret_out;	/* a credential is or was in out: wipe it when sent */
	uint64_t		 queued, written;	/* octets since the begin of the session */
	uint64_t		 progress;	/* grows with what proves the next hop alive, for the caller's clock */
	struct smtp_due		 due[SMTP_WINDOW];
	uint32_t		 first, ndue;
	struct smtp_reply	 reply;
	size_t			 linelen;
	uint8_t			 line[REPLY_LINE_MAX + 2];
	struct smtp_login	 login;
	struct auth_mask	 mask;
	char			 client[64];	/* value of XCLIENT ADDR in force; empty: none */
	int			 no_xclient;	/* XCLIENT was refused */
	/* the message in hand */
	struct smtp_mail	*mail;
	struct body		 body;
	int			 begun;		/* MAIL was queued: from now on each recipient gets a result */
	int			 null_sender;
	int			 utf8;		/* an address needs SMTPUTF8 */
	int			 refused;	/* MAIL was refused */
	uint32_t		 next;		/* index of the recipient to be sent next; after DATA, to be answered next */
	uint32_t		 accepted;
	uint32_t		 told;		/* number of recipients that ops.rcpt was called for */
	uint64_t		 dot_end;	/* offset behind the final dot, 0: it is not queued */
	/* of a session that has failed */
	enum fail_why		 why;
	int			 temp;		/* the next hop asked for a pause */
	char			 text[PROTO_TEXT_SIZE];
};

typedef int	(*smtp_handler)(struct smtp *, uint32_t, const struct smtp_reply *);

/* For the caller. */
int	 smtp_init(struct smtp *, const struct smtp_ops *, void *, const struct msg_send_start *, const void *, size_t);
void	 smtp_free(struct smtp *);
void	 smtp_secured(struct smtp *);
int	 smtp_input(struct smtp *, const uint8_t *, size_t);
void	 smtp_sent(struct smtp *, size_t);
void	 smtp_lost(struct smtp *, enum fail_why, const char *);
void	 smtp_give(struct smtp *, struct smtp_mail *);
int	 smtp_body(struct smtp *, const uint8_t *, size_t);
int	 smtp_body_end(struct smtp *);
void	 smtp_quit(struct smtp *);
int	 smtp_over(const struct smtp *);
uint32_t smtp_timeout(const struct smtp *);
int	 smtp_fail(struct smtp *, enum fail_why, int, const char *, ...) __attribute__((__format__(printf, 4, 5)));

/* Among these three files. */
int	 smtp_queue(struct smtp *, enum smtp_cmd, uint32_t, const char *, ...) __attribute__((__format__(printf, 4, 5)));
int	 smtp_expect(struct smtp *, enum smtp_cmd, uint32_t, uint32_t);
int	 smtp_ready(struct smtp *);
char	*smtp_text(const struct smtp *, char *, size_t, const struct smtp_reply *);
int	 smtp_lmtp(const struct smtp *);

void	 login_init(struct smtp *, const void *, size_t);
void	 login_free(struct smtp *);
int	 login_hello(struct smtp *);
extern const smtp_handler	 login_handlers[CMD_MAX];

int	 mail_begin(struct smtp *);
int	 mail_bye(struct smtp *, enum smtp_cmd, const struct smtp_reply *);
void	 mail_settle(struct smtp *);
extern const smtp_handler	 mail_handlers[CMD_MAX];

/* --- job.c: the one session's descriptors and clock --- */

/* What the master says.  0, or -1: not now, or not of this session. */
int	 job_begin(const struct msg_send_start *, int);	/* the descriptor is consumed */
int	 job_ca(uint32_t id, const void *, size_t);
int	 job_go(uint32_t id, const void *, size_t);
int	 job_mail(const struct msg_send_mail *, int);
int	 job_rcpt(const struct msg_send_rcpt *);
int	 job_quit(uint32_t id);
void	 job_ready(void);
void	 job_late(void);

/* --- sender.c --- */

/* Results for the master; the process is to end after sender_end(). */
void	 sender_rcpt(uint32_t, uint32_t, uint32_t, const struct smtp_rcpt *);
void	 sender_mail(uint32_t, uint32_t);
void	 sender_end(uint32_t, enum fail_why, int, const char *);

#endif
