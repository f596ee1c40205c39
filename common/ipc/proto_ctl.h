/* SPDX-License-Identifier: ISC */
/*
 * Between rpopctl and the master: requests and answers on the control socket.  JSON calls the members of ctl_daemon, ctl_record,
 * ctl_tried, ctl_queued, ctl_reader, ctl_alerted and ctl_login as they are called here.
 */
#ifndef PROTO_CTL_H
#define PROTO_CTL_H

#include "proto.h"
#include "proto_oauth.h"
#include "proto_popd.h"

struct ctl_name {			/* of what the request is about: see messages.h */
	char		 name[PROTO_RECORD_SIZE];
};

struct ctl_renumber {
	char		 name[PROTO_RECORD_SIZE];	/* account/record */
	uint32_t	 seen;			/* 1: what is unknown counts as delivered; 0: it is retrieved */
};

struct ctl_explain {
	int64_t		 mailbox;		/* id in state.db, if name is empty */
	char		 name[PROTO_RECORD_SIZE];	/* account/record */
	char		 uid[PROTO_UID_MAX * 4 + 1];	/* unique-id or digest key, as it is or vis-encoded */
};

#define CTL_FIND_MAX		10000	/* messages in one answer */
#define CTL_RESULTS_SIZE	2048

enum ctl_word { CTL_WORD_ANY, CTL_WORD_ID, CTL_WORD_FROM, CTL_WORD_TO, CTL_WORD_MAX };	/* as enum history_word */
struct ctl_find {			/* messages that have everything which is given */
	uint32_t	 given;			/* bits by enum ctl_word: this word counts */
	uint32_t	 limit;			/* 1..CTL_FIND_MAX, the last ones */
	int64_t		 since, until;		/* handled from since on, and before until */
	char		 words[CTL_WORD_MAX][PROTO_SENDER_SIZE];	/* Message-ID or address without brackets, or @domain */
};

struct ctl_found {			/* a message that was found */
	int64_t		 since;			/* when it was handled */
	int64_t		 mailbox;		/* id in state.db */
	uint64_t	 size;			/* octets */
	char		 record[PROTO_RECORD_SIZE];	/* account/record, as it was called last; empty: not known any more */
	char		 uid[PROTO_UID_MAX * 4 + 1];
	char		 message_id[PROTO_MSGID_SIZE];	/* vis-encoded; empty: it has none */
	char		 sender[PROTO_SENDER_SIZE];	/* empty: null */
	char		 results[CTL_RESULTS_SIZE];	/* what became of its recipients: lines that end in \n */
};

struct ctl_quarantine {
	uint32_t	 act;			/* enum quarantine_act */
	uint32_t	 reserved;
	int64_t		 id;			/* of the row in state.db; 0: all of them, for RELEASE and DROP, or: */
	int64_t		 mailbox;		/* a message set aside, on the server; 0: none */
	char		 uid[PROTO_UID_MAX * 4 + 1];	/* vis-encoded, as struct ctl_queued has it */
	char		 to[PROTO_ADDR_SIZE];	/* RELEASE: to this address instead; empty: where it was meant to go */
	char		 file[PROTO_LINK_SIZE];	/* of the spool, without id and mailbox; to empty: to the postmaster */
};

struct ctl_move {
	char		 from[72];		/* names of next hops */
	char		 to[72];
};

/*
 * What became of a recipient that is not in its mailbox.  WAITING, QUARANTINED and FAILED are as column state of table relay has
 * them.  The file of WANTED is missing, and the message is retrieved again; nobody has that of LOST any more.
 */
enum queue_state { QUEUE_WAITING, QUEUE_QUARANTINED, QUEUE_FAILED, QUEUE_WANTED, QUEUE_LOST };

struct ctl_queued {			/* a recipient that is not in its mailbox */
	int64_t		 id;			/* 0: the message is still on the server, set aside */
	int64_t		 mailbox;		/* id in state.db */
	int64_t		 arrived, next;		/* epoch */
	uint32_t	 state;			/* enum queue_state */
	uint32_t	 tries;
	char		 record[PROTO_RECORD_SIZE];	/* account/record, empty: gone */
	char		 uid[PROTO_UID_MAX * 4 + 1];
	char		 nexthop[PROTO_TEXT_SIZE];
	char		 recipient[PROTO_DEST_SIZE];
	char		 sender[PROTO_SENDER_SIZE];
	char		 status[PROTO_TEXT_SIZE];
	char		 file[PROTO_LINK_SIZE];	/* not empty: set aside in the spool, no row knows it; only arrived counts */
};

struct ctl_tried {			/* a message on the server, looked at by a session that changes nothing */
	uint32_t	 number;		/* on the server */
	uint32_t	 size;			/* by LIST, 0 = not known */
	char		 state[16];		/* new, delivered, ...: rpopctl(8) lists them */
	char		 what[PROTO_TEXT_SIZE];	/* what the next poll would do with it, in words */
	char		 uid[PROTO_UID_MAX + 2];	/* empty: none that can be trusted */
	char		 why[PROTO_TRIED_SIZE];	/* lines, as in msg_session_tried; empty: its header was not looked at */
};

struct ctl_envelope {			/* fields with envelope recipients in the messages of a trial */
	uint32_t	 special;		/* 1: those that the record names, 0: others that may be the right ones */
	uint32_t	 looked;		/* messages that were looked at */
	uint32_t	 messages;		/* of these, messages with such a field */
	uint32_t	 counted;		/* special: of these, messages in which one counts, or "for" in Received in its place */
	char		 name[PROTO_SPECIAL_SIZE];	/* of the field; special: as in column special */
};

/*
 * Unique-ids that another retriever has seen, of the mailbox of a record that may be yet to be made.  They may come in several
 * messages, none with more than PROTO_SEEN_MAX of them; the answer to the last one says that all of them are durable.
 */
#define PROTO_SEEN_MAX		256
#define PROTO_SEEN_OCTETS	12000	/* of one message, packed */
struct ctl_seen {
	uint32_t	 tls;			/* enum tls_mode: the port, if domain has none */
	uint32_t	 last;
	char		 account[PROTO_RECORD_SIZE];	/* local-part@domain; these four are columns of table rpop */
	char		 name[PROTO_RECORD_SIZE];
	char		 domain[PROTO_HOST_SIZE + 8];
	char		 auth_name[PROTO_USER_SIZE];
};

#define CTL_TABLE_SIZE		16	/* of a name of a table of rpopd.db, with its NUL */

/*
 * What is to be done with a row: ADD makes it; NEED makes it, unless there is one with that key; SET changes it; REMOVE removes it,
 * and every row that the given part of its key names.
 */
enum change_act { CHANGE_ADD, CHANGE_NEED, CHANGE_SET, CHANGE_REMOVE, CHANGE_MAX };

/*
 * A change of a row of rpopd.db; cells follow (cells.h), those of the key first.  Changes with more set are held until the last one
 * of their batch, and all of them are done then, or none.
 */
struct ctl_change {
	uint32_t	 act;			/* enum change_act */
	uint32_t	 more;			/* 1: others follow, with which this one is done */
	uint32_t	 nkeys;			/* so many of the cells are the key; for ADD and NEED they are values, too */
	char		 table[CTL_TABLE_SIZE];
	uint32_t	 guarded;		/* 1: SET and REMOVE are for the row only whose cells have this digest: */
	uint8_t		 was[PROTO_DIGEST_LEN];	/* SHA-256 of the cells of its columns, as CTL_ROW had them, secrets as SECRET */
};

/* A password of an account is verified, or another one is set: the old password follows, then the new one's verifier. */
struct ctl_password {
	char		 account[PROTO_ADDR_SIZE];	/* empty: the client's own */
	uint16_t	 old;			/* octets of the old password; 0: none is given */
	uint32_t	 set;			/* 1: what follows that is the account's verifier, no octets: it has none; 0: nothing is set */
};

/* What is asked of a table: the rows that have the cells which follow.  The answer's rows are cells. */
struct ctl_rows {
	char		 table[CTL_TABLE_SIZE];
};

struct ctl_login {			/* how far a login at an identity provider is (RFC 8628); strings are printable ASCII */
	char		 uri[PROTO_URL_SIZE];	/* of the page where a person enters the code */
	char		 uri_complete[PROTO_URL_SIZE];	/* of a page that has it already; empty: none */
	char		 user_code[PROTO_USER_CODE_SIZE];
	int64_t		 ends;			/* epoch: by when it must be done */
	uint32_t	 asked;			/* so often the provider was asked whether it is */
	uint32_t	 interval;		/* s until it is asked again */
	char		 trouble[PROTO_TEXT_SIZE];	/* what is in the way of that; empty: nothing */
};

struct ctl_text {			/* a sentence, or a line */
	char		 text[PROTO_TEXT_SIZE * 2];
};

struct ctl_daemon {
	int64_t		 started;		/* epoch */
	int64_t		 loaded;		/* epoch of the last good (re)load */
	uint32_t	 records, enabled, sessions, processors;
	uint32_t	 config_changed;	/* rpopd.db was edited since the last load */
	uint32_t	 log_level;		/* enum log_level */
	uint32_t	 pending;		/* committed deliveries not yet settled */
	uint32_t	 waiting;		/* deliveries that wait for a next hop */
	uint32_t	 quarantined;		/* deliveries in quarantine, messages of the daemon's own included */
	uint32_t	 reports;		/* failed deliveries whose report is due */
	uint32_t	 suspects, aside;	/* messages of all records, see rpopd.db(5); suspects include aside */
	uint32_t	 oversize;		/* messages over max_size on their servers */
	char		 version[32];
	char		 load_error[PROTO_TEXT_SIZE];	/* last refused reload, empty = none */
	char		 mail_root_error[PROTO_TEXT_SIZE];	/* why nothing is polled, in words; empty: no reason */
	char		 blocked_maildir[PROTO_TEXT_SIZE];	/* the first that is blocked, and why */
	uint32_t	 blocked_maildirs;	/* Maildirs that have mail waiting and cannot be written to */
	uint32_t	 unknown_files;		/* files set aside in the spool, which no row knows */
	uint32_t	 readers, readers_most;	/* sessions of mail programs, and how many there may be; most 0: nothing listens */
	uint32_t	 listening, not_listening;	/* sockets for them, and those that do not work */
	char		 listener_trouble[2048];	/* of these, lines that end in \n, as many as fit */
	/* of mail programs, since the start: */
	uint32_t	 readers_peak;		/* sessions at once, at most */
	uint64_t	 connections;		/* that were greeted, and those sent away: */
	uint64_t	 turned_channels, turned_listener, turned_address;	/* too many in all, of a listener, of an address */
	uint64_t	 turned_blocked;	/* too many failed logins from their network */
	uint64_t	 logins;		/* that got a mailbox, and those refused: */
	uint64_t	 logins_wrong;		/* name or password */
	uint64_t	 logins_limited;	/* account.sessions, login_delay */
	uint64_t	 logins_failed;		/* something does not work, or there is no such mailbox */
	uint64_t	 read_messages, read_looked, read_deleted;	/* RETR, TOP, DELE, of sessions that have ended */
	uint64_t	 read_octets;		/* that went out to their clients */
	char		 password_error[PROTO_TEXT_SIZE];	/* why nobody's password can be verified; empty: no reason is known */
};

struct ctl_alert {			/* an alert is made, or removed */
	int64_t		 id;			/* of the one that is removed; 0: all of an account are, or one is made */
	uint32_t	 remove;		/* 1: it is removed */
	char		 account[PROTO_ADDR_SIZE];	/* empty: id says whose it is */
	char		 text[PROTO_ALERT_SIZE];	/* of the one that is made */
};

struct ctl_alerted {			/* an alert that there is */
	int64_t		 id;
	int64_t		 made, told;		/* epoch; told 0: not yet */
	char		 account[PROTO_ADDR_SIZE];
	char		 text[PROTO_ALERT_SIZE];
};

struct ctl_reader {			/* a session of a mail program */
	int64_t		 since;			/* epoch: the connection */
	uint32_t	 session;		/* its number in the log */
	uint32_t	 tls;			/* 1: under TLS */
	char		 tls_version[16];	/* empty: in clear, or the handshake goes on */
	char		 cipher[PROTO_CIPHER_SIZE];	/* likewise */
	char		 account[PROTO_ADDR_SIZE];	/* empty: nobody has logged in */
	char		 mailbox[PROTO_ADDR_SIZE + PROTO_MAILBOX_SIZE + 2];	/* INBOX, a folder, or ~owner/folder */
	char		 client[PROTO_CLIENT_SIZE];	/* numeric address */
	char		 state[16];		/* greeted, login, opening, reading */
};

struct ctl_record {
	char		 account[PROTO_RECORD_SIZE];	/* local-part@domain */
	char		 name[PROTO_RECORD_SIZE];
	char		 host[PROTO_HOST_SIZE];
	char		 user[PROTO_USER_SIZE];
	char		 mode[PROTO_FIELD_SIZE];	/* "owner", "*", or the field name */
	char		 state[16];		/* disabled, idle, window, host-delay, queued, or a session state's name */
	char		 last_error[PROTO_TEXT_SIZE];	/* last failure; empty if the last poll succeeded */
	uint32_t	 port, tls, leave, enabled;
	uint32_t	 period;		/* s */
	uint32_t	 failures;		/* in a row, of the record's own */
	uint32_t	 login_delay;		/* s between logins that the server wants, 0 = none known */
	uint32_t	 expire;		/* days the server keeps messages, as msg_fetch_stat */
	int64_t		 last_success;		/* epoch, 0 = never */
	int64_t		 last_attempt;
	int64_t		 failing_since;		/* the first failure since the last success, 0 = the last poll succeeded */
	int64_t		 next_poll;		/* epoch, 0 = not scheduled */
	uint64_t	 messages, octets, polls;	/* since ever */
	uint32_t	 undeleted;		/* delivered, deletion not confirmed */
	uint32_t	 kept;			/* left on the server */
	uint32_t	 waiting;		/* taken, but not every recipient has it for good */
	uint32_t	 unfound;		/* the last so many messages had none of the special fields */
	uint32_t	 refused;		/* suspects that the server does not give */
	uint32_t	 quarantined;		/* deliveries in quarantine here */
	uint32_t	 suspects, aside;	/* see rpopd.db(5) */
	char		 origin[PROTO_ORIGIN_SIZE];	/* which mailbox its state comes from; empty: it is its own */
	/* requests to poll it since the daemon was started: all, and the last one whose poll is over; see rpopctl(8), JSON */
	uint32_t	 asked, answered;
	/* what its running session retrieves, if it does */
	uint32_t	 planned, fetched;	/* messages; fetched: committed, or refused by the server */
	uint64_t	 planned_octets, fetched_octets;	/* planned_octets 0: the server did not tell each size */
	uint32_t	 seconds_left;		/* at the session's own rate, UINT32_MAX: not known */
};

#endif
