/* SPDX-License-Identifier: ISC */
/*
 * POP3 without I/O (RFC 1939, 2449, 2595, 5034): bytes in, commands out, what was found out through struct pop3_ops.
 */
#ifndef POP3_H
#define POP3_H

#include <sys/types.h>

#include <stdint.h>

#include "common/buf.h"
#include "common/ipc/proto_fetcher.h"
#include "common/ipc/proto_pipe.h"
#include "login.h"

#define REPLY_LINE_MAX	MASK_LINE_MAX	/* octets of one reply line, line end left out; a challenge of NTLM is the longest */
#define MESSAGE_MAX	((uint64_t)1 << 31)	/* octets of one message, whatever its record permits */
#define REPLY_PASS_MAX	262144		/* octets of one line that are passed over behind those */
#define LIST_SLACK	100		/* a listing may have 2 * messages + this many lines */
#define CHALLENGE_MAX	255		/* APOP challenge, brackets included */
#define WINDOW_COUNT	128		/* RETR or DELE in flight when the server pipelines */
#define DUE_MAX		(WINDOW_COUNT + 8)	/* replies outstanding */
#define CHECK_EVERY	64		/* messages between two questions whether answers are in step */
struct evp_md_ctx_st; struct evp_md_st;

/* fingerprint.c: what a message's header is recognised by, on whatever server it lies. */
#define FINGERPRINT_NAME	80		/* octets of a field name, NUL left out */
enum fingerprint_state { PRINT_BOL, PRINT_BOL_CR, PRINT_NAME, PRINT_NAME_WSP, PRINT_VALUE, PRINT_SKIP, PRINT_END };

struct fingerprint {
	struct evp_md_ctx_st	*md, *trace;	/* of all fields; of the last Received so far */
	struct evp_md_ctx_st	*sink;		/* one of them: whose octets are in out */
	enum fingerprint_state	 state;
	int			 failed, traced;
	int			 timed;		/* the last Received so far has a time */
	int			 dated, named;	/* there was a Date with a value, a Message-ID with one */
	int			 open, keep;	/* a field has begun; it counts */
	int			 blank, text;	/* of its value: white space is due; something was there */
	uint32_t		 octets, fields, lines;
	size_t			 namelen, outlen;
	char			 name[FINGERPRINT_NAME + 1];
	uint8_t			 out[512];
};

int	 fingerprint_init(struct fingerprint *);
void	 fingerprint_free(struct fingerprint *);
void	 fingerprint_begin(struct fingerprint *);
void	 fingerprint_feed(struct fingerprint *, const uint8_t *, size_t);
int	 fingerprint_finish(struct fingerprint *, uint8_t digest[PROTO_DIGEST_LEN]);
int	 fingerprint_tells(const struct fingerprint *);	/* behind finish: 1: no other message has this header */

/* content.c: the octets that a message's digest is made of. */
#define CONTENT_NAME_MAX	24		/* octets of a field name; a longer one is none of those that are left out */
enum content_state { CONTENT_BOL, CONTENT_NAME, CONTENT_LINE, CONTENT_BODY };

struct content {
	struct evp_md_ctx_st	*md;
	enum content_state	 state;
	int			 left_out;	/* the field that has begun */
	size_t			 namelen;
	char			 name[CONTENT_NAME_MAX + 1];
};

void	 content_begin(struct content *, struct evp_md_ctx_st *);
int	 content_feed(struct content *, const uint8_t *, size_t);
int	 content_end(struct content *);

/*
 * stream.c: a retrieved message.  Takes the octets behind the +OK line, undoes the dot-stuffing, stops behind CRLF "." CRLF and
 * hands out what is left in frames of PROTO_DATA_MAX (the last one may be shorter), whatever the segmentation of the input.
 */
enum stream_state { STREAM_BOL, STREAM_BOL_CR, STREAM_DOT, STREAM_DOT_CR, STREAM_TEXT, STREAM_CR, STREAM_END };
enum stream_mode { STREAM_WHOLE, STREAM_HEADER, STREAM_PRINT };	/* hand out all, nothing behind the first empty line, nothing */

struct stream {
	void			(*data)(void *, const uint8_t *, size_t);
	void			*arg;
	struct evp_md_ctx_st	*md;
	struct fingerprint	 print;
	struct content		 content;
	enum stream_state	 state;
	enum stream_mode	 mode;
	int			 behind;	/* the first empty line */
	uint64_t		 octets;	/* handed out or in frame */
	uint64_t		 taken, max;	/* unstuffed, whatever became of them */
	size_t			 used;		/* of frame */
	uint8_t			 frame[PROTO_DATA_MAX];
};

int	 stream_init(struct stream *, void (*)(void *, const uint8_t *, size_t), void *);
void	 stream_free(struct stream *);
int	 stream_begin(struct stream *, enum stream_mode);
ssize_t	 stream_feed(struct stream *, const uint8_t *, size_t);
int	 stream_finish(struct stream *, uint8_t digest[PROTO_DIGEST_LEN], uint8_t print[PROTO_DIGEST_LEN]);
int	 stream_done(const struct stream *);
const struct evp_md_st	*stream_sha256(void);

/* pop3.c: the protocol engine; pop3_cmd.c: what each reply means.  HANDSHAKE: the caller runs TLS, then pop3_secured(); PLAN: the
 * master's turn; PRINT: fingerprints, then PLAN again; ALONE: one suspect at a time, last verdicts. */
enum pop3_state { POP3_GREETING, POP3_CAPA, POP3_STLS, POP3_HANDSHAKE, POP3_LOGIN, POP3_LIST, POP3_PLAN, POP3_PRINT, POP3_RETR,
	POP3_ALONE, POP3_DELE, POP3_QUIT, POP3_DONE, POP3_FAILED, POP3_STATE_MAX };
enum pop3_part { PART_STATUS, PART_LINES, PART_BODY };	/* of a reply */

enum pop3_flag {		/* for each message number */
	FLAG_LISTED = 0x01, FLAG_TOLD = 0x02,	/* a UIDL line named it; its unique-id went to the master */
	FLAG_RETR = 0x04, FLAG_ALONE = 0x08, FLAG_DELE = 0x10,	/* planned; DELE may be granted later, too */
	FLAG_WAIT = 0x20, FLAG_SENT = 0x40,	/* begun at the deliverer, verdict due; complete there */
	FLAG_HEADERS = 0x80, FLAG_PRINT = 0x100, FLAG_REFUSED = 0x200,	/* planned, two ways of TOP; no fingerprint to be had */
	FLAG_ANY_SIZE = 0x400			/* max_size does not count */
};
#define FLAG_LISTING	(FLAG_LISTED | FLAG_TOLD)
#define FLAG_PLANNED	(FLAG_RETR | FLAG_ALONE | FLAG_DELE | FLAG_HEADERS | FLAG_PRINT)

enum pop3_confused { CONFUSED_FOR_SURE = 0x01, CONFUSED_IF_GAPS = 0x02 };
struct pop3_ops {		/* what the engine has found out */
	void	(*stat)(void *, uint32_t count, uint64_t octets, int has_uidl);
	void	(*uid)(void *, uint32_t msgno, const uint8_t *, size_t);
	void	(*listed)(void *, uint32_t lines, enum listing);
	void	(*skipped)(void *, uint32_t msgno, enum fail_why, const char *text);	/* by the reply's code, or WHY_NONE */
	void	(*denied)(void *, uint32_t msgno, enum fail_why, const char *text);
	void	(*deleted)(void *, uint32_t msgno);
	void	(*begin)(void *, uint32_t msgno, uint32_t size, int headers);
	void	(*data)(void *, const uint8_t *, size_t);
	void	(*end)(void *, uint32_t msgno, uint64_t octets, const uint8_t *digest, const uint8_t *print);
	void	(*print)(void *, uint32_t msgno, const uint8_t *print);
	void	(*printed)(void *);	/* every fingerprint of the plan is answered: PLAN again */
};
struct pop3_due {		/* one reply outstanding */
	enum pop3_cmd	 cmd;
	uint32_t	 msgno;
	uint64_t	 end;		/* offset in the command stream behind the command */
};

struct pop3 {
	const struct pop3_ops	*ops;
	void			*arg;
	const struct msg_fetch_start *start;
	enum pop3_state		 state;
	enum pop3_part		 part;		/* of the reply now coming in */
	uint32_t		 named;		/* numbers that UIDL lines had */
	int			 confused;	/* enum pop3_confused: what else they had */
	uint32_t		 caps;
	int			 secure, stop, quit_ok;	/* secure: verified TLS is up */
	char			 quit_text[PROTO_TEXT_SIZE];	/* the server's words where QUIT was refused */
	struct buf		 out;		/* commands to write */
	uint64_t		 queued, written;	/* octets of them since the start */
	struct pop3_due		 due[DUE_MAX];	/* ring */
	size_t			 due_head, ndue;
	uint64_t		 due_octets;	/* hinted, of the RETRs in it */
	uint64_t		 replies;	/* complete ones, counts up */
	uint8_t			 line[REPLY_LINE_MAX + 2];
	size_t			 linelen;
	int			 cut;		/* line is the begin of one that is too long; the rest is passed over */
	uint64_t		 passed;	/* octets of it */
	uint64_t		 lines;		/* of the multi-line reply so far */
	char			 challenge[CHALLENGE_MAX + 1];	/* empty: APOP not offered */
	struct offer		 offer;
	struct login		 login;
	uint8_t			 secret[PROTO_TOKEN_MAX];	/* password or access token */
	size_t			 secretlen;
	int			 secret_out;	/* it is or was in out */
	struct auth_mask	 mask;
	uint64_t		 octets;	/* by STAT */
	uint32_t		 count, good;	/* messages by STAT; with a UIDL line that tells a unique-id */
	uint32_t		 derived;	/* of these: a digest stands in for what is none */
	char			 uidl[PROTO_TEXT_SIZE];	/* the refusal of UIDL */
	uint16_t		*flags;		/* [count + 1], enum pop3_flag */
	uint32_t		*sizes;		/* [count + 1], hints, or NULL */
	uint32_t		 probed;	/* probes that had an answer */
	int			 partly, told;	/* only probes were asked for so far; ops->stat() was called */
	uint32_t		 planned, prints, retrs, alones;
	int			 touched;	/* a message, or its header, was asked for */
	uint32_t		 base, asked;	/* first and last message asked for and not proven to be itself; 0 = none */
	uint32_t		 since;		/* messages asked for since the last LIST n */
	enum pop3_cmd		 second;	/* question behind a refused one: CHECK or COUNT, else 0 */
	int			 unproven;	/* something came in since the last proof */
	int			 doubt, mixed;	/* maybe, certainly answers were taken for another's */
	uint32_t		 cursor, current;	/* next message number to look at; coming in, 0 = none */
	uint32_t		 waiting;	/* verdicts outstanding */
	struct stream		 stream;
	uint32_t		 retrieved, deleted;
	uint64_t		 fetched;	/* octets */
	char			 refusal[PROTO_TEXT_SIZE];	/* the last one of a fingerprint */
	enum fetch_stage	 stage;		/* of the failure */
	enum fail_why		 why;
	char			 text[PROTO_TEXT_SIZE];
};

int	 pop3_init(struct pop3 *, const struct pop3_ops *, void *, const struct msg_fetch_start *, const void *, size_t);
void	 pop3_free(struct pop3 *);
void	 pop3_has_key(struct pop3 *);
void	 pop3_secured(struct pop3 *);
int	 pop3_input(struct pop3 *, const uint8_t *, size_t);
void	 pop3_sent(struct pop3 *, size_t);
void	 pop3_closed(struct pop3 *, const char *);
int	 pop3_over(const struct pop3 *);
int	 pop3_expects(const struct pop3 *);
int	 pop3_midreply(const struct pop3 *);
int	 pop3_listless(const struct pop3 *);
enum fetch_stage pop3_stage(enum pop3_state);
int	 pop3_fail(struct pop3 *, enum fail_why, const char *, ...) __attribute__((__format__(printf, 3, 4)));

uint32_t pop3_blame(const struct pop3 *);
int	 pop3_confused(const struct pop3 *);
void	 pop3_unproven(const struct pop3 *, uint32_t *, uint32_t *);

/* pop3_run.c: what the master has to say, and what may be sent without a new reply. */
int	 pop3_list(struct pop3 *);
int	 pop3_plan(struct pop3 *, uint32_t, uint32_t);
int	 pop3_plan_end(struct pop3 *, uint32_t);
int	 pop3_verdict(struct pop3 *, uint32_t, uint32_t);
void	 pop3_stop(struct pop3 *);
void	 pop3_advance(struct pop3 *);
uint32_t pop3_hint(const struct pop3 *, const struct pop3_due *);

/* trace.c */
void	 pop3_trace_sent(const char *verb, uint32_t);
void	 pop3_trace_got(const struct pop3 *, const uint8_t *, size_t);

/* Between the files of the engine: pop3_cmd.c, pop3_list.c, pop3_check.c. */
typedef int	 pop3_status_fn(struct pop3 *, uint32_t msgno, const struct reply *);

int	 pop3_queue(struct pop3 *, enum pop3_cmd, uint32_t);
void	 pop3_enter(struct pop3 *, enum pop3_state);
int	 pop3_survey(struct pop3 *);
int	 pop3_pipelines(const struct pop3 *);
char	*pop3_text(struct pop3 *, char *, size_t, const struct reply *);
int	 pop3_status(struct pop3 *, const struct pop3_due *, const uint8_t *, size_t);
int	 pop3_lineof(struct pop3 *, enum pop3_cmd, const uint8_t *, size_t);
int	 pop3_endof(struct pop3 *, enum pop3_cmd);
int	 pop3_bodyend(struct pop3 *);

pop3_status_fn	 list_stat, list_list, list_uidl, list_probe;
int	 list_again(struct pop3 *);
int	 list_size(struct pop3 *, const uint8_t *, size_t);
int	 list_sizes_end(struct pop3 *);
int	 list_uid(struct pop3 *, const uint8_t *, size_t);
int	 list_uids_end(struct pop3 *);

pop3_status_fn	 check_list, check_count;
int	 check_queue(struct pop3 *);
int	 check_wait(struct pop3 *);
void	 check_came(struct pop3 *, const struct reply *);

#endif
