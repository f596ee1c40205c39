/* SPDX-License-Identifier: ISC */
/* Between the master and the deliverer: addresses, the mail root, receipts, the spool. */
#ifndef PROTO_DELIVERER_H
#define PROTO_DELIVERER_H

#include "proto.h"

#define PROTO_NOTE_SIZE		1024	/* why a message goes where it goes: lines of printable ASCII */
#define PROTO_COPY_LEN		16	/* octets that a recipient's copy of a message is known by */
#define PROTO_BATCH_MAX		4096	/* receipts in one batch */
#define PROTO_BATCH_RCPTS	8192	/* recipients in one batch */

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
	char		 hostname[PROTO_HOST_SIZE];	/* of this machine, for the trace field and file names */
	char		 unified_field[PROTO_FIELD_SIZE];	/* names in a unified account's mail the addresses that it came for */
};

struct msg_route_account {
	uint32_t	 account;		/* id, not 0 */
	uint32_t	 nexthop;		/* id of the next hop that gets its mail; 0: Maildir */
	uint32_t	 unified;		/* 1: its mail says which addresses it came for */
	uint32_t	 reserved;
	char		 dir[PROTO_DIR_SIZE];	/* domain/local-part, below the mail root */
};

struct msg_route_domain {
	uint32_t	 source_routes;		/* percent and bang forms are rewritten */
	char		 name[PROTO_HOST_SIZE];
};

/*
 * A row of table route as IMSG_ROUTE_ROWS packs them: this head, then four strings, each with its NUL: address, target, folder,
 * text; "" stands for NULL.  There is no padding in between.
 */
struct msg_route_row {
	uint16_t	 len;			/* of everything, head included */
	uint16_t	 action;		/* enum route_action, see common/route/route.h */
	uint32_t	 nexthop;		/* id, 0: none */
};

struct msg_route_ask {
	uint32_t	 id;
	uint32_t	 reserved;
	char		 address[PROTO_ADDR_SIZE];	/* as a person writes it */
};

struct msg_route_told {
	uint32_t	 id;
	uint32_t	 last;			/* 1: no more lines; 2: likewise, the text says why it cannot be asked */
	char		 text[PROTO_TEXT_SIZE * 2];	/* printable ASCII, may be empty with last */
};

struct msg_root_identity {
	uint8_t		 identity[16];
	uint64_t	 counter;
	uint32_t	 life;			/* files of sessions from this number on may go; UINT32_MAX: none */
	uint32_t	 proven;		/* 1: a replayed link that is missing was delivered; 0: only if its place has it */
};

/*
 * REJECT: the recipient fails at once, by a row of table route.  DISCARD: by such a row nobody gets the message; it is the only
 * recipient of the message then, and no row of state.db comes of it.
 */
enum rcpt_kind { RCPT_MAILDIR = 1, RCPT_RELAY, RCPT_QUARANTINE, RCPT_REJECT, RCPT_DISCARD };

struct msg_rcpt {
	uint32_t	 kind;			/* enum rcpt_kind */
	uint32_t	 nexthop;		/* RELAY: id; QUARANTINE: likewise, or 0: meant for a Maildir */
	uint32_t	 notify;		/* enum notify */
	uint32_t	 named;			/* 1: the file names addresses that are for nobody else's eyes */
	char		 link[PROTO_LINK_SIZE];
	char		 dest[PROTO_DEST_SIZE];	/* MAILDIR: directory with the new/; else an address, or what it was meant for */
	char		 original[PROTO_ADDR_SIZE];	/* the address as found in the message; empty: the same, or there is none */
	char		 reason[PROTO_TEXT_SIZE];	/* QUARANTINE, REJECT: why */
	uint8_t		 copy[PROTO_COPY_LEN];	/* in a receipt: what this copy is known by; zero: follows from kind and dest */
};

struct msg_link {
	uint32_t	 id;			/* chosen by M, comes back */
	uint32_t	 reserved;
	char		 link[PROTO_LINK_SIZE];
};

/* LATER: cannot be moved yet, SPOOL_MOVED follows.  MISSING: its file is nowhere.  ODD: no row can say such a thing. */
enum replay_result { REPLAY_LATER = 1, REPLAY_MISSING, REPLAY_IRREGULAR };

struct msg_replay_result {
	uint32_t	 what;			/* enum replay_result */
	uint32_t	 row;			/* place in the order of REPLAY_ROW, from 0; UINT32_MAX: not one of them */
	char		 link[PROTO_LINK_SIZE];
};

struct msg_replay_suspect {
	uint32_t	 session;
	uint32_t	 msgno;
};

struct msg_maildir_blocked {			/* mail waits for a directory, or no longer */
	uint32_t	 error;			/* errno; 0: nothing waits any more */
	uint32_t	 reserved;
	char		 dest[PROTO_DEST_SIZE];	/* directory below the mail root */
};

struct msg_session_open {
	uint32_t	 session;
	uint32_t	 mode;			/* enum dist_mode */
	uint32_t	 account;		/* owner; DIST_SUBMIT: who sends */
	uint32_t	 tls;			/* enum tls_mode, for the trace field */
	uint32_t	 try;			/* 1: decide, tell (IMSG_SESSION_TRIED), keep nothing */
	uint32_t	 suppress;		/* 1: no second copy to the same recipient; unified modes */
	uint32_t	 special_nth;		/* only this field of the name counts, from the top; 0: all */
	uint32_t	 received_for;		/* 1: without an address there, "for" in Received counts, down to trusted_hop's */
	uint32_t	 nexthop;		/* DIST_SUBMIT: id, for addresses elsewhere */
	uint32_t	 recipients;		/* DIST_SUBMIT: addresses that a message may have, at most */
	uint64_t	 octets;		/* of a message, at most; 0: any that is taken at all */
	int64_t		 mailbox_id;		/* for the trace mark */
	char		 trusted_hop[PROTO_HOST_SIZE];	/* fields above this one's Received only; empty: all */
	char		 strip_prefix[PROTO_PREFIX_SIZE];	/* before local parts; empty: none */
	char		 domains[PROTO_DOMAINS_SIZE];	/* recipients in these only; empty: in any */
	char		 special[PROTO_SPECIAL_SIZE];	/* DIST_FIELD: names of envelope headers; the first that is there counts */
	char		 domain[PROTO_HOST_SIZE];	/* local domain of the record: completes bare local parts */
	char		 mailbox[PROTO_MAILBOX_SIZE];	/* folder, empty = INBOX; DIST_OWNER only */
	char		 host[PROTO_HOST_SIZE];	/* polled host, for the trace field */
	char		 address[48];		/* its numeric address */
	char		 record[PROTO_RECORD_SIZE];
};

struct msg_session_tried {
	uint32_t	 session, msgno;
	uint32_t	 looked;		/* 1: a special field was looked for; without it the other three are 0 */
	uint32_t	 had;			/* 1: some field of these names is there, wherever it stands */
	uint32_t	 counted;		/* 1: one counts, or "for" in Received does in its place */
	uint32_t	 likely;		/* bits by common/mail/envfield.h: other fields that are there and may be the right ones */
	char		 text[PROTO_TRIED_SIZE];	/* lines of printable ASCII, each ended by \n */
};

struct msg_session_closed {
	uint32_t	 session;
	uint32_t	 broken;		/* 1: the peer broke the pipe's rules */
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
	char		 msgid[PROTO_MSGID_SIZE];	/* printable ASCII; empty: it has none */
	char		 sender[PROTO_SENDER_SIZE];	/* reverse-path; empty: null */
};

struct msg_receipt_note {			/* of a message from a unified record, or with recipients that are not Maildirs */
	char		 note[PROTO_NOTE_SIZE];	/* lines: field used, rule, recipients */
	char		 client[PROTO_CLIENT_SIZE];	/* numeric address that gave it to the trusted hop; empty: not known */
};

struct msg_receipt_batch {
	uint32_t	 batch;			/* counts up from 1 in one life of the deliverer */
	uint32_t	 count;			/* receipts in it */
};

/*
 * What becomes of a recipient's link.  DISCARD: the message is known by its digest, the link goes.  HOLD: it is known, but a row
 * waits for it whose file was missing: the link stays in the spool.
 */
enum commit_verdict { COMMIT_DELIVER = 1, COMMIT_DISCARD, COMMIT_HOLD };

struct msg_receipt_committed {		/* then count octets enum commit_verdict, one a recipient, in the order of receipts */
	uint32_t	 batch;
	uint32_t	 count;			/* recipients in the batch */
};

struct msg_receipt_refused {
	uint32_t	 session;
	uint32_t	 msgno;
	uint32_t	 why;			/* WHY_LOCAL_TEMP, WHY_CONFIG, WHY_PROTO */
	char		 text[PROTO_TEXT_SIZE];
};

struct msg_spool_opened {
	uint32_t	 id;
	uint32_t	 error;			/* errno; 0: there is a descriptor, behind our own Return-Path line */
	uint64_t	 octets;		/* from the descriptor's offset on */
};

struct msg_set_aside_file {			/* of the spool, not known to state.db */
	uint32_t	 fresh;			/* 1: set aside just now; 0: earlier */
	uint32_t	 reserved;
	int64_t		 since;			/* epoch: it was written */
	uint64_t	 octets;
	char		 name[PROTO_LINK_SIZE];
};

struct msg_set_aside_act {
	uint32_t	 id;			/* chosen by M, comes back */
	uint32_t	 act;			/* enum quarantine_act: SHOW, RELEASE, DROP */
	char		 name[PROTO_LINK_SIZE];
	char		 dest[PROTO_DEST_SIZE];	/* RELEASE: the Maildir that gets it */
};

struct msg_set_aside_done {
	uint32_t	 id;
	uint32_t	 error;			/* errno; 0: done, durably */
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

struct msg_notice_made {
	uint32_t	 id;
	uint32_t	 error;			/* errno; 0: made */
	char		 link[PROTO_LINK_SIZE];	/* held: in the spool; else empty */
};

struct msg_dsn {			/* about recipients of one message in the spool */
	uint32_t	 id;
	uint32_t	 postmaster;		/* 1: it goes to the postmaster in the sender's place */
	uint32_t	 rcpts;			/* 1..PROTO_RCPT_MAX, that many IMSG_DSN_RCPT follow */
	uint32_t	 reserved;
	int64_t		 arrived;		/* epoch */
	char		 link[PROTO_LINK_SIZE];
	char		 sender[PROTO_SENDER_SIZE];	/* whom to tell; never empty */
};

struct msg_dsn_rcpt {
	uint32_t	 id;
	uint32_t	 code;			/* of the next hop's reply; 0: it is not its word */
	char		 recipient[PROTO_ADDR_SIZE];	/* final recipient */
	char		 original[PROTO_ADDR_SIZE];	/* as found in the message; empty: the same */
	char		 status[12];		/* enhanced status code, 5.1.1 */
	char		 remote[PROTO_HOST_SIZE];	/* the next hop; empty: none, or a socket */
	char		 text[PROTO_TEXT_SIZE];	/* diagnostic, vis-encoded */
};

struct msg_dsn_made {
	uint32_t	 id;
	uint32_t	 error;			/* errno; 0: made */
	char		 link[PROTO_LINK_SIZE];	/* of the notification in the spool */
};

#endif
