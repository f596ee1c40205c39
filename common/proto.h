/* SPDX-License-Identifier: ISC */
/*
 * The wire format between the processes of one machine: message types, payloads, limits.  Host byte order, payload structs
 * zeroed before filling, strings in fixed arrays that end in NUL (proto_str() checks).  Nothing here carries a pointer, a uid,
 * a process id or an absolute path.  The receiver's rule table (rules.h) says which types it takes, how long they are, and in which
 * state; anything else ends the peer's work.
 *
 * M master, D dialer, T fetcher template, F fetcher session, V deliverer, C rpopctl.
 */
#ifndef PROTO_H
#define PROTO_H

#include <sys/types.h>

#include <stdint.h>

#define PROTO_VERSION		1

#define PROTO_UID_MAX		70	/* RFC 1939: a unique-id is 1 to 70 octets, 0x21..0x7e */
#define PROTO_HOST_SIZE		256	/* host name or literal, NUL included */
#define PROTO_USER_SIZE		513	/* login at the remote host */
#define PROTO_SECRET_MAX	1024	/* password octets */
#define PROTO_TEXT_SIZE		256	/* human-readable reason, already vis-encoded */
#define PROTO_LINK_SIZE		128	/* name in the spool, which is the file's name in new/ too */
#define PROTO_DEST_SIZE		512	/* directory below the mail root, e.g. example.org/anna/.Lists */
#define PROTO_DIR_SIZE		384	/* account's directory below the mail root: domain/local-part */
#define PROTO_ADDR_SIZE		330	/* local-part@domain */
#define PROTO_FIELD_SIZE	78	/* header field name */
#define PROTO_MAILBOX_SIZE	128	/* Maildir++ folder: "Lists/bsd" or "Lists.bsd" */
#define PROTO_RECORD_SIZE	448	/* "account/record" for logs and the trace field */
#define PROTO_DIGEST_LEN	32	/* SHA-256 */
#define PROTO_MSGS_MAX		1000000	/* messages in one remote mailbox */
#define PROTO_DATA_MAX		16000	/* octets in one IMSG_MSG_DATA */
#define PROTO_FRAME_MAX		16000	/* octets in one packed frame (UIDS, PLAN, VERDICT, DELETED, COMMITTED) */
#define PROTO_RCPT_MAX		2000	/* recipients of one message */
#define PROTO_BATCH_MAX		4096	/* receipts in one batch */
#define PROTO_BATCH_RCPTS	8192	/* recipients in one batch */

enum imsg_type {
	IMSG_NONE = 0,

	/* any child -> M */
	IMSG_READY,		/* uint32_t PROTO_VERSION: locked in, waiting for work */
	IMSG_LOG,		/* struct msg_log */
	/* M -> any child */
	IMSG_VERBOSE,		/* uint32_t level */

	/* M <-> D */
	IMSG_DIAL,		/* M: struct msg_dial */
	IMSG_DIAL_CANCEL,	/* M: uint32_t id */
	IMSG_DIALED,		/* D: struct msg_dialed + connected non-blocking TCP socket */
	IMSG_DIAL_FAILED,	/* D: struct msg_dial_failed */

	/* M <-> T */
	IMSG_SESSION_FORK,	/* M: uint32_t session + the child's end of its channel to the master */
	IMSG_SESSION_KILL,	/* M: uint32_t session: SIGKILL it; SESSION_EXIT follows */
	IMSG_SESSION_EXIT,	/* T: struct msg_session_exit */

	/* M -> F, in this order before anything else */
	IMSG_FETCH_SOCKET,	/* (empty) + connected socket */
	IMSG_FETCH_PIPE,	/* (empty) + message pipe to the deliverer */
	IMSG_FETCH_START,	/* struct msg_fetch_start */
	IMSG_FETCH_SECRET,	/* 0..PROTO_SECRET_MAX octets; work begins */
	/* F -> M */
	IMSG_FETCH_STAT,	/* struct msg_fetch_stat: logged in, size of the mailbox; once */
	IMSG_FETCH_UIDS,	/* packed: uint32_t msgno, uint8_t len, uid; only valid, well-formed lines */
	IMSG_FETCH_LISTED,	/* struct msg_fetch_listed: end of the listing */
	/* M -> F */
	IMSG_FETCH_PLAN,	/* packed: uint32_t msgno, uint8_t enum plan_action; absent = leave alone */
	IMSG_FETCH_PLAN_END,	/* uint32_t entries in all */
	IMSG_FETCH_VERDICT,	/* packed: uint32_t msgno, uint8_t enum verdict; one per message sent to V */
	IMSG_FETCH_STOP,	/* (empty): start no further RETR, take the verdicts, DELE, QUIT */
	/* F -> M */
	IMSG_FETCH_SKIPPED,	/* struct msg_fetch_text: RETR refused (-ERR); no verdict is due */
	IMSG_FETCH_DENIED,	/* struct msg_fetch_text: DELE refused (-ERR) */
	IMSG_FETCH_DELETED,	/* packed: uint32_t msgno: DELE answered +OK; sent before DONE */
	IMSG_FETCH_DONE,	/* struct msg_fetch_done: QUIT answered +OK; the last message */
	IMSG_FETCH_FAILED,	/* struct msg_fetch_failed: the last message */

	/* F -> V, on the one-way message pipe */
	IMSG_MSG_BEGIN,		/* struct msg_begin */
	IMSG_MSG_DATA,		/* 1..PROTO_DATA_MAX octets, dot-unstuffed, CRLF as sent */
	IMSG_MSG_END,		/* struct msg_end: complete, CRLF.CRLF was seen */
	IMSG_MSG_ABORT,		/* uint32_t msgno: forget it */

	/* M -> V */
	IMSG_ROUTE_START,	/* struct msg_route_start: a new table begins */
	IMSG_ROUTE_ACCOUNT,	/* struct msg_route_account */
	IMSG_ROUTE_ADDRESS,	/* struct msg_route_address */
	IMSG_ROUTE_END,		/* struct msg_route_start again: swap if the counts agree */
	IMSG_REPLAY,		/* struct msg_rcpt: committed earlier; link still in the spool: rename it, gone: done */
	IMSG_REPLAY_END,	/* (empty): clear the rest of the spool, answer RECOVERED */
	IMSG_SESSION_OPEN,	/* struct msg_session_open + V's end of the message pipe */
	IMSG_COMMITTED,		/* struct msg_committed, then count octets enum commit_verdict in receipt order */
	/* V -> M */
	IMSG_SUSPECT,		/* struct msg_suspect: found in the spool, never committed; before RECOVERED */
	IMSG_RECOVERED,		/* (empty): every replayed link is in place and durable */
	IMSG_RECEIPT,		/* struct msg_receipt: durable in the spool */
	IMSG_RECEIPT_RCPT,	/* struct msg_rcpt: one per recipient, right behind its receipt */
	IMSG_BATCH,		/* struct msg_batch: ends a batch of receipts; COMMITTED is due */
	IMSG_SETTLED,		/* uint32_t batch: its renames are durable */
	IMSG_REFUSED,		/* struct msg_refused: not taken, stays on the server */
	IMSG_SESSION_CLOSED,	/* struct msg_session_closed: pipe at its end, every receipt of the session is out */

	/* C <-> M; requests carry PROTO_VERSION in peerid */
	IMSG_CTL_STATUS,	/* C: (empty); M: struct ctl_status */
	IMSG_CTL_ACCOUNT,	/* C: struct ctl_name: records of one account; M: as CTL_RECORD */
	IMSG_CTL_RECORD,	/* M: struct ctl_record, one per record */
	IMSG_CTL_RELOAD,	/* C */
	IMSG_CTL_POLL,		/* C: struct ctl_name: record, account, or "all" */
	IMSG_CTL_VERBOSE,	/* C: uint32_t level */
	IMSG_CTL_STOP,		/* C */
	IMSG_CTL_END,		/* M: (empty) end of a listing */
	IMSG_CTL_OK,		/* M: struct ctl_text */
	IMSG_CTL_FAIL,		/* M: struct ctl_text */
	IMSG_MAX
};

enum fail_why {			/* what kind of failure; decides back-off and wording */
	WHY_NONE = 0,
	WHY_DNS_TEMP, WHY_DNS_PERM,
	WHY_REFUSED, WHY_UNREACHABLE, WHY_TIMEOUT,
	WHY_TLS,		/* handshake or certificate */
	WHY_AUTH,		/* login refused */
	WHY_BUSY,		/* mailbox locked, try later */
	WHY_PROTO,		/* the server broke the protocol */
	WHY_CLOSED,		/* connection lost */
	WHY_CONFIG,		/* this record cannot work as written */
	WHY_LOCAL_TEMP,		/* our side: disk full, I/O error, process died */
	WHY_STOPPED,
	WHY_MAX
};

enum fetch_stage { STAGE_CONNECT, STAGE_TLS, STAGE_GREETING, STAGE_CAPA, STAGE_LOGIN, STAGE_LIST, STAGE_RETR, STAGE_DELE, STAGE_QUIT,
	STAGE_DELIVER, STAGE_MAX };

enum tls_mode { TLS_MODE_TLS = 1, TLS_MODE_STLS, TLS_MODE_NONE };
enum dist_mode { DIST_OWNER = 1, DIST_FIELD, DIST_STAR };	/* personal; special header; To/Cc/Bcc */
enum plan_action { PLAN_RETR = 1, PLAN_DELE, PLAN_RETR_ALONE };	/* ALONE: a suspect, nothing else in flight until its verdict */
/* COMPLETE: every message named once and well.  CONFUSED: number 0, one named twice, or shifted: no unique-id can be believed. */
enum listing { LISTING_PARTIAL = 0, LISTING_COMPLETE = 1, LISTING_CONFUSED = 2 };
enum verdict { VERDICT_KEEP = 1, VERDICT_DELE };
enum commit_verdict { COMMIT_DELIVER = 1, COMMIT_DISCARD };	/* DISCARD: known by its digest, unlink it */

struct msg_log {
	int32_t		 priority;
	char		 text[512];
};

struct msg_dial {
	uint32_t	 id;
	uint32_t	 timeout;		/* ms for everything */
	uint16_t	 port;
	char		 host[PROTO_HOST_SIZE];
};

struct msg_dialed {
	uint32_t	 id;
	char		 address[48];		/* numeric, for log and trace field */
};

struct msg_dial_failed {
	uint32_t	 id;
	uint32_t	 why;			/* enum fail_why */
	char		 text[PROTO_TEXT_SIZE];
};

struct msg_session_exit {
	uint32_t	 session;
	uint32_t	 signaled;		/* 1: code is a signal number, 0: exit status */
	uint32_t	 code;
};

struct msg_fetch_start {
	uint32_t	 session;
	uint32_t	 tls;			/* enum tls_mode */
	uint32_t	 apop;			/* record flag AND global switch (S26) */
	uint32_t	 leave;			/* 1: UIDL is needed, else the record fails */
	uint32_t	 want_sizes;		/* 1: ask for LIST together with UIDL */
	uint32_t	 idle_timeout;		/* ms without a byte from the server */
	uint32_t	 total_timeout;		/* ms for the whole session */
	char		 host[PROTO_HOST_SIZE];	/* name the certificate must carry, and SNI */
	char		 user[PROTO_USER_SIZE];
	char		 record[PROTO_RECORD_SIZE];	/* for log lines */
};

struct msg_fetch_stat {
	uint32_t	 count;			/* messages */
	uint32_t	 has_uidl;
	uint64_t	 octets;		/* a hint */
};

struct msg_fetch_listed {
	uint32_t	 lines;			/* UIDL lines seen, bad ones included */
	uint32_t	 state;			/* enum listing */
};

struct msg_fetch_text {
	uint32_t	 msgno;
	char		 text[PROTO_TEXT_SIZE];
};

struct msg_fetch_done {
	uint32_t	 retrieved;
	uint32_t	 deleted;
	uint64_t	 octets;
	uint32_t	 quit_ok;		/* 1: QUIT answered +OK, so deletions are done; 0: -ERR, some are not */
};

struct msg_fetch_failed {
	uint32_t	 stage;			/* enum fetch_stage */
	uint32_t	 why;			/* enum fail_why */
	char		 text[PROTO_TEXT_SIZE];
};

struct msg_begin {
	uint32_t	 msgno;
	uint32_t	 size;			/* as listed; a hint, 0 = unknown */
};

struct msg_end {
	uint32_t	 msgno;
	uint64_t	 octets;		/* sum of the DATA payloads */
	uint8_t		 digest[PROTO_DIGEST_LEN];	/* SHA-256 over them */
};

struct msg_route_start {
	uint32_t	 generation;
	uint32_t	 accounts;
	uint32_t	 addresses;
	uint32_t	 postmaster;		/* account id of the main domain's postmaster */
	char		 hostname[PROTO_HOST_SIZE];	/* ours, for the trace field and file names */
};

struct msg_route_account {
	uint32_t	 account;		/* id, not 0 */
	char		 dir[PROTO_DIR_SIZE];	/* domain/local-part, below the mail root */
};

struct msg_route_address {
	uint32_t	 account;
	char		 address[PROTO_ADDR_SIZE];	/* local-part@domain in lower case */
};

struct msg_session_open {
	uint32_t	 session;
	uint32_t	 mode;			/* enum dist_mode */
	uint32_t	 account;		/* owner */
	uint32_t	 tls;			/* enum tls_mode, for the trace field */
	char		 special[PROTO_FIELD_SIZE];	/* DIST_FIELD: the envelope header's name */
	char		 domain[PROTO_HOST_SIZE];	/* local domain of the record: completes bare local parts */
	char		 mailbox[PROTO_MAILBOX_SIZE];	/* folder, empty = INBOX; DIST_OWNER only */
	char		 host[PROTO_HOST_SIZE];	/* polled host, for the trace field */
	char		 address[48];		/* its numeric address */
	char		 record[PROTO_RECORD_SIZE];
};

struct msg_committed {
	uint32_t	 batch;
	uint32_t	 count;
};

struct msg_suspect {
	uint32_t	 session;
	uint32_t	 msgno;
};

struct msg_receipt {
	uint32_t	 session;
	uint32_t	 msgno;
	uint32_t	 recipients;		/* 1..PROTO_RCPT_MAX, that many IMSG_RECEIPT_RCPT follow */
	uint32_t	 fallback;		/* 1: went to the postmaster, reason in the message */
	uint64_t	 octets;
	uint8_t		 digest[PROTO_DIGEST_LEN];
};

struct msg_rcpt {
	char		 link[PROTO_LINK_SIZE];
	char		 dest[PROTO_DEST_SIZE];	/* Maildir directory; the file goes to its new/ */
};

struct msg_batch {
	uint32_t	 batch;			/* counts up from 1 in one life of the deliverer */
	uint32_t	 count;			/* receipts in it */
};

struct msg_refused {
	uint32_t	 session;
	uint32_t	 msgno;
	uint32_t	 why;			/* WHY_LOCAL_TEMP, WHY_CONFIG, WHY_PROTO */
	char		 text[PROTO_TEXT_SIZE];
};

struct msg_session_closed {
	uint32_t	 session;
	uint32_t	 broken;		/* 1: the peer broke the pipe's rules */
};

struct ctl_name {
	char		 name[PROTO_RECORD_SIZE];
};

struct ctl_text {
	char		 text[PROTO_TEXT_SIZE * 2];
};

struct ctl_status {
	int64_t		 started;		/* epoch */
	int64_t		 loaded;		/* epoch of the last good (re)load */
	uint32_t	 records, enabled, sessions, processors;
	uint32_t	 config_changed;	/* rpopd.db was edited since the last load */
	uint32_t	 verbose;
	uint32_t	 pending;		/* committed deliveries not yet settled */
	char		 version[32];
	char		 load_error[PROTO_TEXT_SIZE];	/* last refused reload, empty = none */
};

struct ctl_record {
	char		 account[PROTO_RECORD_SIZE];	/* local-part@domain */
	char		 name[PROTO_RECORD_SIZE];
	char		 host[PROTO_HOST_SIZE];
	char		 user[PROTO_USER_SIZE];
	char		 mode[PROTO_FIELD_SIZE];	/* "owner", "*", or the field name */
	char		 state[16];		/* disabled, idle, queued, or a session state's name */
	char		 error[PROTO_TEXT_SIZE];	/* last failure, empty if the last poll succeeded (S33) */
	uint32_t	 port, tls, leave, enabled;
	uint32_t	 period;		/* s */
	uint32_t	 failures;		/* in a row */
	int64_t		 last_success;		/* epoch, 0 = never */
	int64_t		 last_attempt;
	int64_t		 next_poll;		/* epoch, 0 = not scheduled */
	uint64_t	 messages, octets, polls;	/* since ever */
	uint32_t	 undeleted;		/* delivered, deletion not confirmed */
	uint32_t	 kept;			/* left on the server */
	uint32_t	 suspects, aside;	/* see rpopd.db(5) */
};

/* proto.c */
const char	*imsg_type_str(uint32_t);
const char	*fail_why_str(uint32_t);
const char	*fetch_stage_str(uint32_t);
const char	*tls_mode_str(uint32_t);
int		 proto_str(const char *, size_t);	/* 1: the array holds a NUL, 0: not */

#endif
