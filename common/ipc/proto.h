/* SPDX-License-Identifier: ISC */
/*
 * The wire format between the processes of one machine: message types, payloads, limits.  Host byte order, payload structs
 * zeroed before filling, strings in fixed arrays that end in NUL (proto_str() checks).  Nothing here carries a pointer, a uid,
 * a process id or an absolute path.  The receiver's rule table (rules.h) says which types it takes, how long they are, and in which
 * state; anything else ends the peer's work.
 *
 * M master, D dialer, T template, F fetcher session, V deliverer, C rpopctl; O a fork of oauth, S one of the sender.
 */
#ifndef PROTO_H
#define PROTO_H

#include <sys/types.h>

#include <stdint.h>

#define PROTO_VERSION		2

#define PROTO_UID_MAX		70	/* RFC 1939: a unique-id is 1 to 70 octets, 0x21..0x7e */
#define PROTO_HOST_SIZE		256	/* host name or literal, NUL included */
#define PROTO_USER_SIZE		513	/* login at the remote host */
#define PROTO_SECRET_MAX	1024	/* password octets */
#define PROTO_ORIGIN_SIZE	512	/* which mailbox a state comes from, in words */
#define PROTO_UID_DERIVED	"uid:"	/* and 64 hexadecimal digits: SHA-256 of what a server has in place of a unique-id */
#define PROTO_TEXT_SIZE		256	/* human-readable reason, already vis-encoded */
#define PROTO_LINK_SIZE		128	/* name in the spool, which is the file's name in new/ too */
#define PROTO_DEST_SIZE		512	/* directory below the mail root, e.g. example.org/anna/.Lists */
#define PROTO_DIR_SIZE		384	/* account's directory below the mail root: domain/local-part */
#define PROTO_ADDR_SIZE		330	/* local-part@domain */
#define PROTO_FIELD_SIZE	78	/* header field name */
#define PROTO_SPECIAL_SIZE	256	/* names of header fields, separated by spaces */
#define PROTO_DOMAINS_SIZE	1001	/* names of domains, separated by spaces */
#define PROTO_PREFIX_SIZE	64	/* before local parts */
#define PROTO_SENDER_SIZE	776	/* reverse-path without brackets */
#define PROTO_CLIENT_SIZE	48	/* numeric address of who gave a message to the provider */
#define PROTO_NOTE_SIZE		1024	/* why a message goes where it goes: lines of printable ASCII */
#define PROTO_TRIED_SIZE	2048	/* likewise, and who would get it */
#define PROTO_COPY_LEN		16	/* octets that a recipient's copy of a message is known by */
#define PROTO_SOCKET_SIZE	108	/* path of a socket */
#define PROTO_MAILS_MAX		100	/* messages in one SMTP or LMTP session */
#define PROTO_MAILBOX_SIZE	128	/* Maildir++ folder: "Lists/bsd" or "Lists.bsd" */
#define PROTO_RECORD_SIZE	448	/* "account/record" for logs and the trace field */
#define PROTO_DIGEST_LEN	32	/* SHA-256 */
#define PROTO_MSGS_MAX		1000000	/* messages in one remote mailbox */
#define PROTO_DATA_MAX		16000	/* octets in one IMSG_MSG_DATA */
#define PROTO_FRAME_MAX		16000	/* octets in one packed frame (UIDS, PLAN, VERDICT, DELETED, COMMITTED) */
#define PROTO_RCPT_MAX		2000	/* recipients of one message */
#define PROTO_BATCH_MAX		4096	/* receipts in one batch */
#define PROTO_BATCH_RCPTS	8192	/* recipients in one batch */
#define PROTO_PINS_MAX		8	/* SHA-256 pins of one record */
#define PROTO_CIPHERS_SIZE	512
#define PROTO_PEM_MAX		262144	/* octets of one PEM file of a record */
#define PROTO_PROBES		8	/* message numbers asked for singly in place of a whole UIDL */
#define PROTO_TOKEN_MAX		8192	/* octets of an OAuth access or refresh token */
#define PROTO_URL_SIZE		1024
#define PROTO_SOURCES_MAX	8	/* source addresses of one connection */

enum imsg_type {
	IMSG_NONE = 0,

	/* any child -> M */
	IMSG_READY,		/* uint32_t PROTO_VERSION: locked in, waiting for work */
	IMSG_LOG,		/* struct msg_log */
	/* M -> any child */
	IMSG_LOG_LEVEL,		/* uint32_t enum log_level */

	/* M <-> D */
	IMSG_DIAL,		/* M: struct msg_dial */
	IMSG_DIAL_CANCEL,	/* M: uint32_t id */
	IMSG_DIALED,		/* D: struct msg_dialed + connected non-blocking TCP socket */
	IMSG_DIAL_FAILED,	/* D: struct msg_dial_failed */

	/* M <-> T */
	IMSG_FORK,		/* M: uint32_t id, not 0 + the fork's end of its channel to the master */
	IMSG_FORK_KILL,		/* M: uint32_t id: SIGKILL it; FORK_EXIT follows */
	IMSG_FORK_EXIT,		/* T: struct msg_fork_exit */

	/* M -> F, in this order before anything else */
	IMSG_FETCH_SOCKET,	/* (empty) + connected socket */
	IMSG_FETCH_PIPE,	/* (empty) + message pipe to the deliverer */
	IMSG_FETCH_START,	/* struct msg_fetch_start */
	IMSG_FETCH_CA,		/* 1..PROTO_FRAME_MAX octets of the record's own CA file, in pieces; these three with tls only */
	IMSG_FETCH_CERT,	/* likewise, of its client certificate */
	IMSG_FETCH_KEY,		/* likewise, of the key to it; wiped after use */
	IMSG_FETCH_SECRET,	/* 0..PROTO_TOKEN_MAX octets, password or access token; work begins */
	/* F -> M */
	IMSG_FETCH_STAT,	/* struct msg_fetch_stat: logged in, size of the mailbox; once */
	IMSG_FETCH_UIDS,	/* packed: uint32_t msgno, uint8_t len, uid; only valid, well-formed lines */
	IMSG_FETCH_SIZES,	/* packed: uint32_t msgno, uint32_t size by LIST, where want_sizes asked for it; before LISTED */
	IMSG_FETCH_LISTED,	/* struct msg_fetch_listed: end of the listing */
	IMSG_FETCH_PROGRESS,	/* (empty): the server has gone on since, or it is M or V that is waited for; once in 2 s at most */
	IMSG_FETCH_FINGERPRINTS,	/* packed: uint32_t msgno, uint8_t fingerprint[PROTO_DIGEST_LEN]; answers to PLAN_FINGERPRINT */
	/* M -> F */
	IMSG_FETCH_LIST,	/* (empty): probes were not enough; list everything, UIDS and LISTED follow again */
	IMSG_FETCH_PLAN,	/* packed: uint32_t msgno, uint8_t enum plan_action, PLAN_ANY_SIZE; absent = leave alone */
	IMSG_FETCH_PLAN_END,	/* uint32_t entries in all */
	IMSG_FETCH_VERDICT,	/* packed: uint32_t msgno, uint8_t enum verdict; one per message sent to V */
	IMSG_FETCH_STOP,	/* (empty): start no further RETR, take the verdicts, DELE, QUIT */
	IMSG_FETCH_CUT,		/* (empty): the server is not waited for any longer; FAILED follows */
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
	IMSG_ROUTE_DOMAIN,	/* struct msg_route_domain */
	IMSG_ROUTE_ROWS,	/* packed rows of table route, see common/route/route.h */
	IMSG_ROUTE_END,		/* struct msg_route_start again: swap if the counts agree */
	IMSG_REPLAY,		/* struct msg_rcpt: committed earlier; link still in the spool: rename it, gone: done */
	IMSG_HOLD,		/* struct msg_link: the link of a relay row stays in the spool; before REPLAY_END */
	IMSG_REPLAY_END,	/* uint32_t sure: 1: every row was sent; clear the rest of the spool, answer RECOVERED */
	IMSG_SESSION_OPEN,	/* struct msg_session_open + V's end of the message pipe */
	IMSG_COMMITTED,		/* struct msg_committed, then count octets enum commit_verdict, one per recipient in the order of receipts */
	IMSG_ROOT,		/* struct msg_root: what the mail root's file must say; ahead of everything else, once */
	IMSG_ROOT_COUNTER,	/* uint64_t: likewise, from now on */
	IMSG_SPENT,		/* struct msg_link: its row is gone, remove the link; before REPLAY_END */
	IMSG_ASIDE_ACT,		/* struct msg_aside_act: an administrator's word about a file that is set aside */
	/* V -> M */
	IMSG_ROOTED,		/* uint64_t: the counter durable in the mail root, and everything that was asked for ahead of it */
	IMSG_REPLAYED,		/* struct msg_replayed: what is odd about a row; before RECOVERED, MISSING at any time */
	IMSG_PLACE,		/* struct msg_place: mail waits for a directory, or no longer */
	IMSG_ASIDE,		/* struct msg_aside: a file that is set aside in the spool */
	IMSG_ASIDE_DONE,	/* struct msg_aside_done: RELEASE and DROP; SHOW is answered by SPOOL_OPENED */
	IMSG_SUSPECT,		/* struct msg_suspect: found in the spool, never committed; before RECOVERED */
	IMSG_RECOVERED,		/* uint32_t: 1: every replayed link is in place and durable, but those that REPLAYED named; 0: perhaps not */
	IMSG_RECEIPT,		/* struct msg_receipt: durable in the spool */
	IMSG_RECEIPT_NOTE,	/* struct msg_note: right behind its receipt if receipt.noted */
	IMSG_RECEIPT_RCPT,	/* struct msg_rcpt: one per recipient, behind its receipt and note */
	IMSG_BATCH,		/* struct msg_batch: ends a batch of receipts; COMMITTED is due */
	IMSG_SETTLED,		/* uint32_t batch: its renames are durable */
	IMSG_REFUSED,		/* struct msg_refused: not taken, stays on the server */
	IMSG_SESSION_CLOSED,	/* struct msg_session_closed: pipe at its end, every receipt of the session is out */
	/* M -> V */
	IMSG_NOTICE,		/* struct msg_notice: a message of ours for an account here */

	/* V -> M */
	IMSG_NOTICED,		/* struct msg_noticed: durable, or not made */

	/* M <-> V: messages that wait in the spool for a next hop, or in quarantine */
	IMSG_SPOOL_OPEN,	/* M: struct msg_link: open it for reading */
	IMSG_SPOOL_OPENED,	/* V: struct msg_spool_opened + descriptor; without one if error is set */
	IMSG_SPOOL_REMOVE,	/* M: struct msg_link: its row is gone */
	IMSG_SPOOL_MOVE,	/* M: struct msg_rcpt, pending by now: into its Maildir */
	IMSG_SPOOL_MOVED,	/* V: struct msg_link: durable in place */
	IMSG_REPORT,		/* M: struct msg_report: make a delivery status notification (RFC 3464) about: */
	IMSG_REPORT_RCPT,	/* M: struct msg_report_rcpt; the last one starts it */
	IMSG_REPORTED,		/* V: struct msg_reported: durable in the spool, or not made */

	/* M -> V: questions */
	IMSG_ROUTE_ASK,		/* struct msg_route_ask */
	/* V -> M */
	IMSG_ROUTE_TOLD,	/* struct msg_told: a line of the answer */
	IMSG_TRIED,		/* struct msg_tried: where a message of a session that only tries would go; once for each */

	/* M -> S, one session with a next hop */
	IMSG_SEND_START,	/* struct msg_send_start + connected socket */
	IMSG_SEND_CA,		/* struct msg_send_part + 1..PROTO_FRAME_MAX octets of the next hop's own CA file, in pieces */
	IMSG_SEND_SECRET,	/* struct msg_send_part + 0..PROTO_SECRET_MAX octets; work begins: connects, logs in, waits for mail */
	IMSG_SEND_MAIL,		/* struct msg_send_mail + descriptor of the message, at its first octet to be sent */
	IMSG_SEND_RCPT,		/* struct msg_send_rcpt: its recipients follow, as many as announced; the last one starts it */
	IMSG_SEND_QUIT,		/* uint32_t id: no more mail; QUIT */
	/* S -> M */
	IMSG_SENT_RCPT,		/* struct msg_sent_rcpt: the fate of one recipient; in order, each once */
	IMSG_SENT_MAIL,		/* struct msg_sent_mail: all recipients of a message are answered; ready for the next */
	IMSG_SENT_END,		/* struct msg_sent_end: the session is over; recipients not answered were not sent */

	/* M -> O, one request in this order; work begins with the last */
	IMSG_TOKEN_START,	/* struct msg_token_start + socket connected to the token endpoint */
	IMSG_TOKEN_CA,		/* struct msg_token_part + 1..PROTO_FRAME_MAX octets of the client's own CA file, in pieces */
	IMSG_TOKEN_CLIENT,	/* struct msg_token_part + client secret, 0..PROTO_SECRET_MAX octets */
	IMSG_TOKEN_REFRESH,	/* struct msg_token_part + refresh token, 0..PROTO_TOKEN_MAX octets */
	/* O -> M: GRANTED, after ROTATED if there is a new refresh token, or FAILED */
	IMSG_TOKEN_ROTATED,	/* struct msg_token_part + refresh token that stands in for the one sent */
	IMSG_TOKEN_GRANTED,	/* struct msg_token_granted + access token */
	IMSG_TOKEN_FAILED,	/* struct msg_token_failed */

	/* C <-> M; requests carry PROTO_VERSION in peerid */
	IMSG_CTL_STATUS,	/* C: (empty); M: struct ctl_status */
	IMSG_CTL_ACCOUNT,	/* C: struct ctl_name: records of one account; M: as CTL_RECORD */
	IMSG_CTL_RECORD,	/* M: struct ctl_record, one per record */
	IMSG_CTL_RELOAD,	/* C */
	IMSG_CTL_POLL,		/* C: struct ctl_name: record, account, or "all" */
	IMSG_CTL_LOG_LEVEL,	/* C: uint32_t enum log_level */
	IMSG_CTL_STOP,		/* C */
	IMSG_CTL_RENUMBER,	/* C: struct ctl_renumber: what to do about a renumbered mailbox */
	IMSG_CTL_FORGET,	/* C: struct ctl_name: account/record, of which everything is to come once more */
	IMSG_CTL_ROUTE,		/* C: struct ctl_name: an address; M: CTL_LINE..., CTL_END */
	IMSG_CTL_TRY,		/* C: struct ctl_name: account/record; M: CTL_TRIED..., CTL_OK or CTL_FAIL */
	IMSG_CTL_TRIED,		/* M: struct ctl_tried, in any order */
	IMSG_CTL_EXPLAIN,	/* C: struct ctl_explain; M: CTL_LINE..., CTL_END or CTL_FAIL */
	IMSG_CTL_QUEUE,		/* C: (empty); M: struct ctl_queued, one per relay row; CTL_END */
	IMSG_CTL_RETRY,		/* C: struct ctl_name: "all", a next hop, or the number of a row: what waits is tried now */
	IMSG_CTL_MOVE,		/* C: struct ctl_move: what waits for a next hop, to another one */
	IMSG_CTL_QUARANTINE,	/* C: struct ctl_quarantine; M: CTL_QUEUE..., CTL_LINE, CTL_END, CTL_OK or CTL_FAIL */
	IMSG_CTL_LINE,		/* M: struct ctl_text; with a descriptor: a message, to be read to its end */
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
	WHY_TOO_SOON,		/* LOGIN-DELAY: the server wants fewer logins (RFC 2449) */
	WHY_ALERT,		/* the server has a text for the user; the credentials are fine (S61) */
	WHY_SERVER_TEMP,	/* SYS/TEMP: the server's trouble, will pass (RFC 3206) */
	WHY_SERVER_PERM,	/* SYS/PERM: the server's trouble, needs somebody there */
	WHY_SELF,		/* the address is one of our own (S17) */
	WHY_POLICY,		/* the address is not for self-service records; one neutral text */
	WHY_TOKEN_TEMP,		/* no access token now */
	WHY_TOKEN_PERM,		/* the grant is gone: suspended until the row changes */
	WHY_RENUMBERED,		/* the server has renumbered its messages; the administrator decides */
	WHY_CROWDED,		/* no progress while others waited for a processor */
	WHY_BUDGET,		/* our side: other sessions have listed too many messages just now */
	WHY_MAX
};

enum fetch_stage { STAGE_CONNECT, STAGE_TLS, STAGE_GREETING, STAGE_CAPA, STAGE_LOGIN, STAGE_LIST, STAGE_RETR, STAGE_DELE, STAGE_QUIT,
	STAGE_DELIVER, STAGE_TOKEN, STAGE_MAX };

enum pem_kind { PEM_CA, PEM_CERT, PEM_KEY, PEM_MAX };	/* IMSG_FETCH_CA + kind */
enum tls_mode { TLS_MODE_TLS = 1, TLS_MODE_STLS, TLS_MODE_NONE };
enum dist_mode { DIST_OWNER = 1, DIST_FIELD, DIST_STAR };	/* personal; special header; To/Cc/Bcc */
/* ALONE: a suspect, nothing else in flight until its verdict.  HEADERS: TOP n 0 goes to V.  FINGERPRINT: TOP n 0, digested for M. */
enum plan_action { PLAN_RETR = 1, PLAN_DELE, PLAN_RETR_ALONE, PLAN_HEADERS, PLAN_FINGERPRINT };
#define PLAN_ANY_SIZE	0x80		/* set in an action on its way to F: max_size does not count for this message */
/*
 * COMPLETE: every message named once and well.  CONFUSED: number 0, one named twice, or shifted: no unique-id can be believed.
 * PROBED: only the probes were asked for; M answers with FETCH_LIST or a plan without entries.
 */
enum listing { LISTING_PARTIAL = 0, LISTING_COMPLETE = 1, LISTING_CONFUSED = 2, LISTING_PROBED = 3 };
/* AUTO: what the server offers, best first, as the record allows.  Names: auth_mech_str(). */
enum auth_mech { AUTH_AUTO = 1, AUTH_EXTERNAL, AUTH_OAUTHBEARER, AUTH_XOAUTH2, AUTH_SCRAM_SHA_256, AUTH_SCRAM_SHA_1, AUTH_CRAM_MD5,
	AUTH_PLAIN, AUTH_LOGIN, AUTH_USER, AUTH_APOP, AUTH_NTLM, AUTH_MSN, AUTH_MAX };
enum dial_flag { DIAL_SELF = 0x01, DIAL_PUBLIC = 0x02 };	/* our own addresses allowed (S17); public ones only */
enum verdict { VERDICT_KEEP = 1, VERDICT_DELE };
/* DISCARD: known by its digest, unlink it.  HOLD: likewise, but somebody waits for it whose file was missing: it stays in the spool */
enum commit_verdict { COMMIT_DELIVER = 1, COMMIT_DISCARD, COMMIT_HOLD };

struct msg_log {
	uint32_t	 level;			/* enum log_level */
	char		 text[512];
};

struct msg_dial {
	uint32_t	 id;
	uint32_t	 timeout;		/* ms for everything */
	uint16_t	 port;
	uint16_t	 flags;			/* enum dial_flag */
	char		 host[PROTO_HOST_SIZE];
	char		 source[PROTO_SOURCES_MAX][48];	/* numeric, to connect from, best first; none: any (S12) */
	char		 socks[64];		/* SOCKS5 server, ip:port or [v6]:port; empty: none */
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

struct msg_fork_exit {
	uint32_t	 id;
	uint32_t	 signaled;		/* 1: code is a signal number, 0: exit status */
	uint32_t	 code;
};

struct msg_fetch_start {
	uint32_t	 session;
	uint32_t	 tls;			/* enum tls_mode */
	uint32_t	 auth;			/* enum auth_mech */
	uint32_t	 apop;			/* record flag AND global switch (S26) */
	uint32_t	 port;			/* polled, for OAUTHBEARER */
	uint32_t	 token;			/* the secret is an OAuth access token */
	uint32_t	 leave;			/* 1: UIDL is needed, else the record fails */
	uint32_t	 want_sizes;		/* 1: ask for LIST together with UIDL */
	uint32_t	 prove_each;		/* 1: ask for a proof that answers are in step behind each message, not now and then */
	uint32_t	 no_capa;		/* 1: the server is not asked for its capabilities: it does not stand that */
	uint32_t	 rset;			/* 1: RSET ahead of the first DELE, or of QUIT, once messages were asked for */
	uint32_t	 max_size;		/* octets that a whole message may have, twice that many if LIST says that it fits; 0: any */
	uint32_t	 probes;		/* how many of probe; 0: UIDL as a whole */
	uint32_t	 probe[PROTO_PROBES];	/* message numbers, ascending */
	uint32_t	 tls_min;		/* 10, 11, 12 or 13: TLS 1.x; 0: the default, 12 */
	uint32_t	 npins;
	uint8_t		 pins[PROTO_PINS_MAX][PROTO_DIGEST_LEN];	/* SHA-256 of the certificate (DER); any of them */
	char		 ciphers[PROTO_CIPHERS_SIZE];	/* empty: the default */
	uint32_t	 idle_timeout;		/* ms without a byte from the server */
	uint32_t	 total_timeout;		/* ms for the whole session */
	char		 host[PROTO_HOST_SIZE];	/* polled host: SASL's, and for AUTH MSN's rule (S55) */
	char		 tls_name[PROTO_HOST_SIZE];	/* name the certificate must carry, and SNI */
	char		 user[PROTO_USER_SIZE];
	char		 record[PROTO_RECORD_SIZE];	/* for log lines */
};

struct msg_fetch_stat {
	uint32_t	 count;			/* messages */
	uint32_t	 has_uidl;
	uint64_t	 octets;		/* a hint */
	uint32_t	 has_top;
	uint32_t	 login_delay;		/* s by CAPA after login, 0 = none said */
	uint32_t	 expire;		/* days by CAPA, UINT32_MAX = never or not said; 0: what was retrieved goes at once */
	char		 mech[16];		/* how it logged in */
	uint32_t	 capa_uidl;		/* CAPA says that there is UIDL */
	char		 refusal[PROTO_TEXT_SIZE];	/* without has_uidl: what the server said to UIDL */
};

struct msg_fetch_listed {
	uint32_t	 lines;			/* UIDL lines seen, bad ones included */
	uint32_t	 state;			/* enum listing */
	uint32_t	 derived;		/* unique-ids that break RFC 1939, in whose place a digest of them stands */
};

struct msg_fetch_text {
	uint32_t	 msgno;
	uint32_t	 why;			/* enum fail_why, by the reply's code; WHY_NONE: it has none that says so */
	char		 text[PROTO_TEXT_SIZE];
};

struct msg_fetch_done {
	uint32_t	 retrieved;
	uint32_t	 deleted;
	uint64_t	 octets;
	uint32_t	 quit_ok;		/* 1: QUIT answered +OK, so deletions are done; 0: -ERR, some are not */
	char		 text[PROTO_TEXT_SIZE];	/* with -ERR, the server's words */
};

struct msg_fetch_failed {
	uint32_t	 stage;			/* enum fetch_stage */
	uint32_t	 why;			/* enum fail_why */
	uint32_t	 msgno;			/* that was coming in or about to; 0 = none */
	uint32_t	 confused;		/* 1: answers and messages of this session may have been mixed up: trust no unique-id of it */
	uint32_t	 first, last;		/* or at least none of those in between that came in: not proven to be the ones asked for */
	uint32_t	 login_delay;		/* s by CAPA, 0 = none said */
	char		 text[PROTO_TEXT_SIZE];
};

struct msg_begin {
	uint32_t	 msgno;
	uint32_t	 size;			/* as listed; a hint, 0 = unknown */
	uint32_t	 headers;		/* 1: the header only (PLAN_HEADERS) */
};

struct msg_end {
	uint32_t	 msgno;
	uint64_t	 octets;		/* sum of the DATA payloads */
	uint8_t		 digest[PROTO_DIGEST_LEN];	/* SHA-256 over them */
	uint8_t		 fingerprint[PROTO_DIGEST_LEN];	/* fingerprint of the header, see fetcher/fingerprint.c */
};

struct msg_route_start {
	uint32_t	 generation;
	uint32_t	 accounts;
	uint32_t	 domains;
	uint32_t	 rows;			/* of table route */
	uint32_t	 postmaster;		/* account id of the main domain's postmaster */
	uint32_t	 hop_limit;		/* Received fields of a message; more is a loop */
	uint32_t	 detail;		/* the character between user and detail, 0: none */
	uint8_t		 mark[PROTO_DIGEST_LEN];	/* key of the trace mark */
	char		 archive[PROTO_ADDR_SIZE];	/* gets a copy of everything; empty: none */
	char		 hostname[PROTO_HOST_SIZE];	/* ours, for the trace field and file names */
};

struct msg_route_account {
	uint32_t	 account;		/* id, not 0 */
	uint32_t	 nexthop;		/* its mail is handed on there; 0: Maildir */
	char		 dir[PROTO_DIR_SIZE];	/* domain/local-part, below the mail root */
};

struct msg_route_domain {
	uint32_t	 source_routes;		/* percent and bang forms are rewritten */
	char		 name[PROTO_HOST_SIZE];
};

struct msg_route_ask {
	uint32_t	 id;
	uint32_t	 reserved;
	char		 address[PROTO_ADDR_SIZE];	/* as a person writes it */
};

struct msg_told {
	uint32_t	 id;
	uint32_t	 last;			/* 1: no more lines; 2: likewise, the text says why it cannot be asked */
	char		 text[PROTO_TEXT_SIZE * 2];	/* printable ASCII, may be empty with last */
};

struct msg_tried {
	uint32_t	 session, msgno;
	char		 text[PROTO_TRIED_SIZE];	/* lines of printable ASCII, each ended by \n */
};

struct msg_session_open {
	uint32_t	 session;
	uint32_t	 mode;			/* enum dist_mode */
	uint32_t	 account;		/* owner */
	uint32_t	 tls;			/* enum tls_mode, for the trace field */
	uint32_t	 try;			/* 1: decide, tell (IMSG_TRIED), keep nothing */
	uint32_t	 suppress;		/* 1: no second copy to the same recipient; unified modes */
	uint32_t	 special_nth;		/* only this field of the name counts, from the top; 0: all */
	uint32_t	 received_for;		/* 1: without an address there, that behind "for" in Received down to trusted_hop's */
	int64_t		 mailbox_id;		/* for the trace mark */
	char		 trusted_hop[PROTO_HOST_SIZE];	/* fields above this one's Received only; empty: all */
	char		 strip_prefix[PROTO_PREFIX_SIZE];	/* before local parts; empty: none */
	char		 domains[PROTO_DOMAINS_SIZE];	/* recipients in these only; empty: in any */
	char		 special[PROTO_SPECIAL_SIZE];	/* DIST_FIELD: names of envelope headers; the first one that is there counts */
	char		 domain[PROTO_HOST_SIZE];	/* local domain of the record: completes bare local parts */
	char		 mailbox[PROTO_MAILBOX_SIZE];	/* folder, empty = INBOX; DIST_OWNER only */
	char		 host[PROTO_HOST_SIZE];	/* polled host, for the trace field */
	char		 address[48];		/* its numeric address */
	char		 record[PROTO_RECORD_SIZE];
};

struct msg_committed {
	uint32_t	 batch;
	uint32_t	 count;			/* recipients in the batch */
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
	uint8_t		 fingerprint[PROTO_DIGEST_LEN];	/* from msg_end */
	uint8_t		 identity[PROTO_DIGEST_LEN];	/* the same for every copy of one message; all zero: not to be suppressed */
	uint32_t	 noted;			/* 1: IMSG_RECEIPT_NOTE follows */
	uint32_t	 unfound;		/* 1: none of the special fields was there, or counted */
};

struct msg_note {			/* of a message from a unified record, or with recipients that are not Maildirs */
	char		 sender[PROTO_SENDER_SIZE];	/* reverse-path; empty: null */
	char		 note[PROTO_NOTE_SIZE];	/* lines: field used, rule, recipients */
	char		 client[PROTO_CLIENT_SIZE];	/* numeric address that gave it to the trusted hop; empty: not known */
};

struct msg_link {
	uint32_t	 id;			/* chosen by M, comes back */
	uint32_t	 reserved;
	char		 link[PROTO_LINK_SIZE];
};

struct msg_spool_opened {
	uint32_t	 id;
	uint32_t	 error;			/* errno; 0: there is a descriptor, behind our own Return-Path line */
	uint64_t	 octets;		/* from there on */
};

struct msg_report {			/* about recipients of one message in the spool */
	uint32_t	 id;
	uint32_t	 postmaster;		/* 1: it goes to the postmaster in the sender's place */
	uint32_t	 rcpts;			/* 1..PROTO_RCPT_MAX, that many IMSG_REPORT_RCPT follow */
	uint32_t	 reserved;
	int64_t		 arrived;		/* epoch */
	char		 link[PROTO_LINK_SIZE];
	char		 sender[PROTO_SENDER_SIZE];	/* whom to tell; never empty */
};

struct msg_report_rcpt {
	uint32_t	 id;
	uint32_t	 code;			/* of the next hop's reply; 0: it is not its word */
	char		 recipient[PROTO_ADDR_SIZE];	/* final recipient */
	char		 original[PROTO_ADDR_SIZE];	/* as found in the message; empty: the same */
	char		 status[12];		/* enhanced status code, 5.1.1 */
	char		 remote[PROTO_HOST_SIZE];	/* the next hop; empty: none, or a socket */
	char		 text[PROTO_TEXT_SIZE];	/* diagnostic, vis-encoded */
};

struct msg_reported {
	uint32_t	 id;
	uint32_t	 error;			/* errno; 0: made */
	char		 link[PROTO_LINK_SIZE];	/* the report's */
};

enum send_protocol { SEND_LMTP = 1, SEND_SMTP };
enum null_sender { NULL_SENDER_AUTO = 0, NULL_SENDER_NEVER, NULL_SENDER_ALWAYS };
enum notify { NOTIFY_NEVER = 0, NOTIFY_FAILURE };
enum send_result { SEND_ACCEPTED = 1, SEND_TEMP, SEND_PERM, SEND_DOUBT };	/* DOUBT: the reply to the message's end was lost */

struct msg_send_start {
	uint32_t	 id;
	uint32_t	 protocol;		/* enum send_protocol */
	uint32_t	 tls;			/* enum tls_mode */
	uint32_t	 own_ca;		/* IMSG_SEND_CA follow: nothing but these is trusted */
	uint32_t	 auth;			/* 1: log in as user */
	uint32_t	 xclient;		/* use XCLIENT where offered and mail.client is set */
	uint32_t	 null_sender;		/* enum null_sender */
	uint32_t	 keep_trace;		/* 1: Delivered-To fields go along */
	uint32_t	 timeout;		/* ms without an answer */
	char		 helo[PROTO_HOST_SIZE];
	char		 tls_name[PROTO_HOST_SIZE];
	char		 user[PROTO_USER_SIZE];
};

struct msg_send_part {			/* the octets follow it in the same message */
	uint32_t	 id;
	uint32_t	 reserved;
};

struct msg_send_mail {
	uint32_t	 id;
	uint32_t	 mail;			/* number in the session, from 1 */
	uint64_t	 octets;
	uint32_t	 rcpts;			/* 1..PROTO_RCPT_MAX */
	uint32_t	 notify;		/* enum notify, of all of them */
	char		 sender[PROTO_SENDER_SIZE];
	char		 envid[64];		/* for DSN; printable ASCII */
	char		 client[PROTO_CLIENT_SIZE];	/* as in struct msg_note, for XCLIENT */
};

struct msg_send_rcpt {
	uint32_t	 id, mail, rcpt;	/* rcpt from 0 */
	uint32_t	 reserved;
	char		 address[PROTO_ADDR_SIZE];
	char		 original[PROTO_ADDR_SIZE];	/* empty: the same */
};

struct msg_sent_rcpt {
	uint32_t	 id, mail, rcpt;
	uint32_t	 result;		/* enum send_result */
	uint32_t	 code;			/* of the reply; 0: it is ours */
	char		 status[12];		/* enhanced status code, or made from the reply code */
	char		 text[PROTO_TEXT_SIZE];	/* vis-encoded */
};

struct msg_sent_mail {
	uint32_t	 id, mail;
};

struct msg_sent_end {
	uint32_t	 id;
	uint32_t	 why;			/* enum fail_why; WHY_NONE after QUIT */
	uint32_t	 temp;			/* 1: the next hop asked for a pause (421, 4xx before any mail) */
	uint32_t	 reserved;
	char		 text[PROTO_TEXT_SIZE];
};

struct msg_notice {
	uint32_t	 id;			/* chosen by M, comes back */
	uint32_t	 account;		/* id */
	uint32_t	 held;			/* 1: it stays in the spool, M makes a row for it; 0: into the account's Maildir */
	uint32_t	 reserved;
	char		 record[PROTO_RECORD_SIZE];
	char		 subject[PROTO_TEXT_SIZE];	/* vis-encoded: ASCII without line ends */
	char		 text[4 * PROTO_TEXT_SIZE];	/* likewise, but lines end in \n */
};

struct msg_noticed {
	uint32_t	 id;
	uint32_t	 error;			/* errno; 0: made */
	char		 link[PROTO_LINK_SIZE];	/* held: in the spool; else empty */
};

struct msg_token_start {
	uint32_t	 id;
	uint32_t	 client_credentials;	/* else grant_type refresh_token */
	uint32_t	 own_ca;		/* IMSG_TOKEN_CA follow: nothing but these is trusted */
	uint16_t	 port;
	uint16_t	 reserved;
	char		 host[PROTO_HOST_SIZE];
	char		 path[PROTO_URL_SIZE];
	char		 client_id[PROTO_USER_SIZE];
	char		 scope[PROTO_URL_SIZE];	/* empty: none */
};

struct msg_token_part {			/* the octets follow it in the same message */
	uint32_t	 id;
	uint32_t	 value;
};

struct msg_token_granted {		/* the access token follows it in the same message */
	uint32_t	 id;
	uint32_t	 lifetime;		/* s, 0 = not said */
	uint32_t	 refresh_lifetime;	/* of the refresh token that holds now; likewise */
	uint32_t	 reserved;
};

struct msg_token_failed {
	uint32_t	 id;
	uint32_t	 why;			/* WHY_TOKEN_TEMP, WHY_TOKEN_PERM */
	char		 text[PROTO_TEXT_SIZE];
};

struct msg_root {
	uint8_t		 identity[16];
	uint64_t	 counter;
	uint32_t	 life;			/* first session number of what may be removed as having been in flight; UINT32_MAX: nothing */
	uint32_t	 proven;		/* 1: a replayed link that is missing was delivered; 0: only if its place has it */
};

enum replayed { REPLAYED_LATER = 1, REPLAYED_MISSING, REPLAYED_ODD };	/* cannot be moved yet, SPOOL_MOVED follows; its file is nowhere; no row can say so */

struct msg_replayed {
	uint32_t	 what;			/* enum replayed */
	uint32_t	 row;			/* place in the order of REPLAY, from 0; UINT32_MAX: not a replayed one */
	char		 link[PROTO_LINK_SIZE];
};

struct msg_place {
	uint32_t	 error;			/* errno; 0: nothing waits any more */
	uint32_t	 reserved;
	char		 dest[PROTO_DEST_SIZE];	/* directory below the mail root */
};

struct msg_aside {
	uint32_t	 fresh;			/* 1: set aside just now; 0: earlier */
	uint32_t	 reserved;
	int64_t		 since;			/* epoch: it was written */
	uint64_t	 octets;
	char		 name[PROTO_LINK_SIZE];
};

struct msg_aside_act {
	uint32_t	 id;			/* chosen by M, comes back */
	uint32_t	 act;			/* enum quarantine_act: SHOW, RELEASE, DROP */
	char		 name[PROTO_LINK_SIZE];
	char		 dest[PROTO_DEST_SIZE];	/* RELEASE: the Maildir that gets it */
};

struct msg_aside_done {
	uint32_t	 id;
	uint32_t	 error;			/* errno; 0: done, durably */
};

/* REJECT: fails at once, by a row of table route.  DISCARD: nobody gets the message, likewise; its only recipient, and no row comes of it. */
enum rcpt_kind { RCPT_MAILDIR = 1, RCPT_RELAY, RCPT_QUARANTINE, RCPT_REJECT, RCPT_DISCARD };

struct msg_rcpt {
	uint32_t	 kind;			/* enum rcpt_kind */
	uint32_t	 nexthop;		/* RELAY: id; QUARANTINE: likewise, or 0: meant for a Maildir */
	uint32_t	 notify;		/* enum notify */
	uint32_t	 reserved;
	char		 link[PROTO_LINK_SIZE];
	char		 dest[PROTO_DEST_SIZE];	/* MAILDIR: directory, the file goes to its new/; else an address, or what it was meant for */
	char		 original[PROTO_ADDR_SIZE];	/* RELAY, REJECT: the address as found in the message; empty: the same */
	char		 reason[PROTO_TEXT_SIZE];	/* QUARANTINE, REJECT: why */
	uint8_t		 copy[PROTO_COPY_LEN];	/* in a receipt: what it is known by for this recipient; zero: follows from kind and dest */
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

#include "proto_ctl.h"

/* proto.c */
const char	*imsg_type_str(uint32_t);
const char	*fail_why_str(uint32_t);
const char	*fetch_stage_str(uint32_t);
const char	*tls_mode_str(uint32_t);
const char	*auth_mech_str(uint32_t);	/* as in column auth */
int		 proto_str(const char *, size_t);	/* 1: the array holds a NUL, 0: not */
int		 proto_text(const char *, size_t);	/* 1: and no control characters before it */
int		 proto_client(const char *, size_t);	/* 1: and nothing, or a numeric address, before it */

#endif
