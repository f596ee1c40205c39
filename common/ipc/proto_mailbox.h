/* SPDX-License-Identifier: ISC */
/*
 * The process of one mailbox: it has one Maildir, and serves one session of popd.  A message's number is its place in the listing,
 * from 1, and stays so for the session's life.
 */
#ifndef PROTO_MAILBOX_H
#define PROTO_MAILBOX_H

#include "proto.h"

struct msg_box_start {			/* master to mailbox, with the channel to the session */
	uint32_t	 session;		/* for log lines */
	uint32_t	 rights;		/* POP_RIGHT_* of proto_popd.h */
	uint32_t	 expire;		/* days after which what was seen is removed at the opening; UINT32_MAX: never */
	uint32_t	 must_exist;		/* 1: a Maildir that does not exist cannot be opened; 0: it is empty */
	uint32_t	 detail;		/* the character ahead of an address's detail, 0: none; details of address are its own mail */
	char		 dir[PROTO_DEST_SIZE];	/* of the Maildir, below the mail root */
	char		 field[PROTO_FIELD_SIZE];	/* only messages that name the address in this field; empty: all */
	char		 address[PROTO_ADDR_SIZE];	/* lower case */
};

struct msg_box_opened {			/* to the master */
	uint32_t	 messages;
	uint32_t	 scanned;		/* 1: directories were read, 0: the index was enough */
	uint64_t	 octets;		/* on the wire */
};

struct msg_box_failed {			/* to the master; the last message: the mailbox was not opened */
	uint32_t	 temporary;		/* 1: it may work later, 0: it needs somebody here */
	uint32_t	 missing;		/* 1: it does not exist, and must */
	char		 text[PROTO_TEXT_SIZE];
};

struct msg_box_result {			/* to the master, the last message: what became of the mailbox */
	uint32_t	 seen, deleted, failed;
};

/*
 * BOX_ENTRIES to the session: packed, in the order of the numbers: uint64_t octets on the wire (without what stuffs dots), uint8_t
 * len, unique-id of len octets (RFC 1939: 1 to 70 octets of 0x21 to 0x7e).
 */

struct msg_box_listed {			/* to the session: the listing is complete */
	uint32_t	 messages;
	uint64_t	 octets;
};

struct msg_box_message {		/* to the session, in answer to BOX_FETCH, with the open file unless there is an error */
	uint32_t	 msgno;
	uint32_t	 error;			/* 0, ENOENT: it is gone; else an errno */
	uint64_t	 file_octets;		/* of the file */
	uint64_t	 octets;		/* on the wire, as they are now: with CRLF for LF, and at the end */
};

struct msg_box_done {			/* to the session, in answer to BOX_QUIT: durable, as far as it did not fail */
	uint32_t	 deleted;		/* messages that were to be deleted and are gone, by whomever */
	uint32_t	 failed;		/* that are still there */
};

#endif
