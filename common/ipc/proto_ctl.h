/* SPDX-License-Identifier: ISC */
/*
 * Between rpopctl and the master: requests and answers on the control socket.  JSON calls the members of ctl_daemon, ctl_record,
 * ctl_tried and ctl_queued as they are called here.
 */
#ifndef PROTO_CTL_H
#define PROTO_CTL_H

#include "proto.h"

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
};

#endif
