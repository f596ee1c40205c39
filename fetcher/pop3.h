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
#define FINGERPRINT_NAME_MAX	80		/* octets of a field name, NUL left out */
enum fingerprint_state { FINGERPRINT_BOL, FINGERPRINT_BOL_CR, FINGERPRINT_NAME, FINGERPRINT_NAME_WSP, FINGERPRINT_VALUE,
	FINGERPRINT_SKIP, FINGERPRINT_END };

struct fingerprint {
	struct evp_md_ctx_st	*md, *trace;	/* the digest of all fields; that of the last Received so far */
	struct evp_md_ctx_st	*sink;		/* one of the two: the octets in out are for it */
	enum fingerprint_state	 state;
	int			 failed, traced;
	int			 timed;		/* the last Received so far has a time */
	int			 dated, named;	/* there was a Date with a value; a Message-ID with one */
	int			 open, keep;	/* a field has begun; that field counts */
	int			 blank, text;	/* of the field's value: white space is due; it has had some text */
	uint32_t		 octets, fields, lines;
	size_t			 namelen, outlen;
	char			 name[FINGERPRINT_NAME_MAX + 1];
	uint8_t			 out[512];
};

int	 fingerprint_init(struct fingerprint *);
void	 fingerprint_free(struct fingerprint *);
void	 fingerprint_begin(struct fingerprint *);
void	 fingerprint_feed(struct fingerprint *, const uint8_t *, size_t);
int	 fingerprint_finish(struct fingerprint *, uint8_t digest[PROTO_DIGEST_LEN]);
int	 fingerprint_tells(const struct fingerprint *);	/* after fingerprint_finish(): whether no other message has this header */

/* content.c: the octets that the digest of a message is made of. */
#define CONTENT_NAME_MAX	24		/* octets of a field name; a longer one is none of those that are left out */
enum content_state { CONTENT_BOL, CONTENT_NAME, CONTENT_LINE, CONTENT_BODY };

struct content {
	struct evp_md_ctx_st	*md;
	enum content_state	 state;
	int			 left_out;	/* 1: the field that has begun is left out */
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
/* WHOLE: everything is handed out; HEADER: nothing behind the first empty line; FINGERPRINT: nothing. */
enum stream_mode { STREAM_WHOLE, STREAM_HEADER, STREAM_FINGERPRINT };

struct stream {
	void			(*data)(void *, const uint8_t *, size_t);
	void			*arg;
	struct evp_md_ctx_st	*md;
	struct fingerprint	 fingerprint;
	struct content		 content;
	enum stream_state	 state;
	enum stream_mode	 mode;
	int			 behind;	/* 1: the first empty line has come */
	uint64_t		 octets;	/* that were handed out or are in frame */
	uint64_t		 taken, max;	/* octets of the message so far; the most that it may have */
	size_t			 used;		/* octets in frame */
	uint8_t			 frame[PROTO_DATA_MAX];
};

int	 stream_init(struct stream *, void (*)(void *, const uint8_t *, size_t), void *);
void	 stream_free(struct stream *);
int	 stream_begin(struct stream *, enum stream_mode);
ssize_t	 stream_feed(struct stream *, const uint8_t *, size_t);
int	 stream_finish(struct stream *, uint8_t digest[PROTO_DIGEST_LEN], uint8_t fingerprint[PROTO_DIGEST_LEN]);
int	 stream_done(const struct stream *);
const struct evp_md_st	*stream_sha256(void);

/*
 * pop3.c: the protocol engine; pop3_cmd.c: what each reply means.  HANDSHAKE: the caller does the handshake, then pop3_secured();
 * PLAN: the master is to make a plan; FINGERPRINT: fingerprints are got, then PLAN again; ALONE: one suspect at a time, and the
 * last verdicts.
 */
enum pop3_state { POP3_GREETING, POP3_CAPA, POP3_STLS, POP3_HANDSHAKE, POP3_LOGIN, POP3_LIST, POP3_PLAN, POP3_FINGERPRINT,
	POP3_RETR, POP3_ALONE, POP3_DELE, POP3_QUIT, POP3_DONE, POP3_FAILED, POP3_STATE_MAX };
enum pop3_part { PART_STATUS, PART_LINES, PART_BODY };	/* what comes next of a reply */

enum pop3_flag {		/* for each message number */
	FLAG_LISTED = 0x01, FLAG_TOLD = 0x02,	/* a UIDL line has named it; the master has its unique-id */
	FLAG_RETR = 0x04, FLAG_ALONE = 0x08, FLAG_DELE = 0x10,	/* planned so; DELE may also come later, as a verdict */
	FLAG_WAIT = 0x20, FLAG_SENT = 0x40,	/* begun at the deliverer, and its verdict is due; complete there */
	FLAG_HEADERS = 0x80, FLAG_FINGERPRINT = 0x100, FLAG_REFUSED = 0x200,	/* planned so, both by TOP; it has no fingerprint */
	FLAG_ANY_SIZE = 0x400			/* max_size does not count for it */
};
#define FLAG_LISTING	(FLAG_LISTED | FLAG_TOLD)
#define FLAG_PLANNED	(FLAG_RETR | FLAG_ALONE | FLAG_DELE | FLAG_HEADERS | FLAG_FINGERPRINT)

enum pop3_confused { CONFUSED_FOR_SURE = 0x01, CONFUSED_IF_GAPS = 0x02 };
struct pop3_ops {		/* what the engine has found out */
	void	(*stat)(void *, uint32_t count, uint64_t octets, int has_uidl);
	void	(*uid)(void *, uint32_t msgno, const uint8_t *, size_t);
	void	(*listed)(void *, uint32_t lines, enum listing);
	void	(*skipped)(void *, uint32_t msgno, enum fail_why, const char *text);	/* reason by code, or WHY_NONE */
	void	(*denied)(void *, uint32_t msgno, enum fail_why, const char *text);
	void	(*deleted)(void *, uint32_t msgno);
	void	(*begin)(void *, uint32_t msgno, uint32_t size, int headers);
	void	(*data)(void *, const uint8_t *, size_t);
	void	(*end)(void *, uint32_t msgno, uint64_t octets, const uint8_t *digest, const uint8_t *fingerprint);
	void	(*fingerprint)(void *, uint32_t msgno, const uint8_t *fingerprint);
	void	(*fingerprinted)(void *);	/* all fingerprints of the plan are told or refused: PLAN again */
};
struct pop3_due {		/* a reply that is waited for */
	enum pop3_cmd	 cmd;
	uint32_t	 msgno;
	uint64_t	 end;		/* offset in the command stream behind the command */
};

struct pop3 {
	const struct pop3_ops	*ops;
	void			*arg;
	const struct msg_fetch_start *start;
	enum pop3_state		 state;
	enum pop3_part		 part;		/* what comes next of the reply that comes in */
	uint32_t		 named;		/* number of messages that UIDL lines have named */
	int			 confused;	/* enum pop3_confused: what is wrong with the UIDL lines */
	uint32_t		 caps;
	int			 secure, stop, quit_ok;	/* verified TLS is up; no RETR any more; QUIT was answered by +OK */
	char			 quit_text[PROTO_TEXT_SIZE];	/* the server's words where QUIT was refused */
	struct buf		 out;		/* commands to write */
	uint64_t		 queued, written;	/* octets of commands since the start */
	struct pop3_due		 due[DUE_MAX];	/* ring */
	size_t			 due_head, ndue;
	uint64_t		 due_octets;	/* octets that the replies in due are expected to have */
	uint64_t		 replies;	/* number of complete replies since the start */
	uint8_t			 line[REPLY_LINE_MAX + 2];
	size_t			 linelen;
	int			 cut;		/* 1: line is the begin of one that is too long, whose rest is passed over */
	uint64_t		 passed;	/* octets of that line that were passed over */
	uint64_t		 lines;		/* of the reply that comes in, so far */
	char			 challenge[CHALLENGE_MAX + 1];	/* empty: APOP is not offered */
	struct offer		 offer;
	struct login		 login;
	uint8_t			 secret[PROTO_TOKEN_MAX];	/* password or access token */
	size_t			 secretlen;
	int			 secret_out;	/* 1: the secret is or was in out */
	struct auth_mask	 mask;
	uint64_t		 octets;	/* of the mailbox, by STAT */
	uint32_t		 count, good;	/* messages by STAT; those of which UIDL has told a unique-id */
	uint32_t		 derived;	/* of the latter, those with a digest in place of something that is no unique-id */
	char			 uidl[PROTO_TEXT_SIZE];	/* the server's words where it has refused UIDL */
	uint16_t		*flags;		/* [count + 1], enum pop3_flag */
	uint32_t		*sizes;		/* [count + 1], hints, or NULL */
	uint32_t		 probed;	/* probes that had an answer */
	int			 partly, told;	/* only probes were asked for; ops->stat() was called */
	uint32_t		 planned, fingerprints, retrs, alones;
	int			 touched;	/* 1: a message, or its header, was asked for */
	uint32_t		 base, asked;	/* first and last message that is not proven to be the one asked for; 0: none */
	uint32_t		 since;		/* messages asked for since the last LIST n */
	enum pop3_cmd		 second;	/* the question that follows a refused one: CHECK or COUNT, else 0 */
	int			 unproven;	/* 1: something came in since the last proof */
	int			 doubt, mixed;	/* answers may have been, or were, taken for those to other questions */
	uint32_t		 cursor, current;	/* message to look at next; the one that comes in, 0 = none */
	uint32_t		 waiting;	/* number of verdicts that are due */
	struct stream		 stream;
	uint32_t		 retrieved, deleted;
	uint64_t		 fetched;	/* octets of messages */
	char			 refusal[PROTO_TEXT_SIZE];	/* the server's words where it last refused a fingerprint */
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
