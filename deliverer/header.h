/* SPDX-License-Identifier: ISC */
/* What is read out of a message's header.  Included by deliverer.h. */
#ifndef HEADER_H
#define HEADER_H

#include <sys/types.h>

#include <sha2.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "common/buf.h"
#include "common/ipc/proto.h"

/* Octets of a header that are looked at; with more, unified modes send the message to the postmaster. */
#define HEADER_MAX	262144
#define HEADER_FIELDS	8192		/* fields that are collected */

/* identity.c: what is the same in every copy of a message, taken while header and body pass. */
#define IDENTITY_SLOTS	14

#define IDENTITY_TEXT	998		/* octets of a field's body that are kept (RFC 5322 section 2.1.1) */

struct identity_field {			/* a field that a message has once */
	uint32_t	 fields;	/* how many there are */
	size_t		 len;		/* octets of the first one's body; 0 also if it is longer than text */
	size_t		 held;		/* octets of it that are in text, also if it is longer */
	uint8_t		 text[IDENTITY_TEXT];
};

struct identity {
	SHA2_CTX	 slots[IDENTITY_SLOTS], body;
	uint32_t	 used;		/* bits by slot */
	int		 slot;		/* of the field that passes; -1: it does not count */
	int		 blank, begun, body_begun;
	struct identity_field *kept;	/* where the body of the field that passes is kept; NULL: it is not */
	struct identity_field msgid, date;
};

void	 identity_init(struct identity *);
void	 identity_field(struct identity *, const uint8_t *name, size_t);
void	 identity_text(struct identity *, const uint8_t *, size_t);
void	 identity_body(struct identity *, const uint8_t *, size_t);
void	 identity_header(const struct identity *, uint8_t digest[PROTO_DIGEST_LEN]);
void	 identity_final(const struct identity *, int headers, uint8_t digest[PROTO_DIGEST_LEN]);
void	 identity_msgid(const struct identity *, char *, size_t);	/* as in struct msg_receipt */

struct header;
struct msg_session_open;

/* proof.c: whether a message with the same identity is a copy. */
void	 proof_identity(const struct msg_session_open *, const struct header *, int headers, uint8_t digest[PROTO_DIGEST_LEN]);
int	 proof_id(const uint8_t *, size_t);		/* 1: a plausible Message-ID */
int	 proof_date(const uint8_t *, size_t, time_t now);	/* 1: a plausible Date */

/*
 * header.c: a push parser.  Octets of a message go in; octets to be delivered come out, with LF for CRLF and without Return-Path,
 * the special fields, and Bcc of what is sent; and so do the bodies of the fields that decide about recipients.
 */
enum field_kind { FIELD_OTHER, FIELD_RETURN_PATH, FIELD_SPECIAL, FIELD_TO, FIELD_CC, FIELD_BCC, FIELD_RECEIVED, FIELD_MARK,
	FIELD_FROM, FIELD_SENDER, FIELD_RESENT };

struct field {				/* with DIST_OWNER Received fields are only counted */
	enum field_kind	 kind;
	uint32_t	 name;		/* SPECIAL: which name of the list it has */
	size_t		 off, len;	/* its body in header.bodies, unfolded, without the final line end */
};

struct header {
	enum dist_mode	 mode;
	char		 special[PROTO_SPECIAL_SIZE];	/* names, with single spaces between them */
	/*
	 * Octets of the header to deliver, with LF for CRLF and the empty line at its end: the caller writes them and goes on with
	 * the body, and inserts nothing.  The caller takes them when done is set, and after each call when toobig is.
	 */
	struct buf	 kept;
	struct buf	 bodies;
	struct field	*fields;
	size_t		 nfields;
	uint32_t	 hops;		/* number of Received fields */
	uint32_t	 likely;	/* DIST_FIELD: fields besides the special ones, bits by common/mail/envfield.h */
	struct identity	 identity;
	int		 done;		/* the empty line, a line that is no field, or the end of the message was seen */
	int		 toobig;	/* 1: over HEADER_MAX or HEADER_FIELDS, so decide now; fields are still removed */
	/* of header.c only */
	int		 state, dropping, collecting, first, cr;
	size_t		 seen;
	struct buf	 line;		/* begin of a line that may be a field */
};

void	 header_init(struct header *, enum dist_mode, const char *special);
void	 header_free(struct header *);
/*
 * Takes the next octets of the message.  Returns how many were consumed: all, or fewer when the header has ended among them, and
 * done is set; -1: no memory.  The header ends behind the empty line, which is in kept, or ahead of a line that is no field: octets
 * of that line from earlier calls are in kept, the others are not consumed, and no empty line is added.  What follows is the body.
 */
ssize_t	 header_feed(struct header *, const uint8_t *, size_t);
int	 header_finish(struct header *);	/* the message has ended inside its header, and done is set; 0 or -1 */
const uint8_t	*header_text(const struct header *, const struct field *);	/* the body of a field */
int	 field_nobody(const uint8_t *, size_t);	/* 1: the element of an address list stands for nobody */
enum field_kind	 field_kind(const struct header *, const uint8_t *, size_t, uint32_t *name);

/* mark.c */
#define MARK_FIELD	"X-Rpopd-Mark"
#define MARK_SIZE	(2 * PROTO_DIGEST_LEN + 1)

void	 mark_make(const uint8_t key[PROTO_DIGEST_LEN], int64_t mailbox, const struct identity *, char mark[MARK_SIZE]);
int	 mark_found(const struct header *, const char *mark);

/* envelope.c: which of the special fields count. */
struct envelope {
	int		 hop;		/* 0: the trusted hop's Received field is missing */
	int		 found;		/* 0: no field counts */
	int		 one;		/* 1: only the first field counts */
	uint32_t	 name;
	size_t		 first, limit;	/* in header.fields */
	uint32_t	 fields;	/* number of fields that count */
	uint32_t	 distrusted;	/* number of fields that do not count because of their position */
	char		 text[PROTO_SPECIAL_SIZE];	/* the name of the fields; all names if none was found */
};
void	 envelope_choose(const struct msg_session_open *, const struct header *, struct envelope *);
/*
 * Finds the address behind "for" in the provider's own Received fields: in the first one that has it, from the trusted hop's
 * upwards.  1: text and len are what stands there; 0: none has it; -1: it is doubtful.
 */
int	 envelope_for(const struct msg_session_open *, const struct header *, const struct envelope *, const uint8_t **, size_t *);
int	 envelope_has_for(const struct header *);	/* 1: some Received field has one address behind "for" */
size_t	 envelope_own(const struct msg_session_open *, const struct header *);	/* index behind the provider's own trace */
/* Offset where a Received field names hop behind "by"; -1: it does not. */
ssize_t	 envelope_by(const uint8_t *, size_t, const char *hop);
int	 envelope_ishost(int);			/* 1: an octet that a host's name may have */

/* client.c */
void	 client_find(const uint8_t *, size_t, const char *hop, char client[PROTO_CLIENT_SIZE]);

#endif
