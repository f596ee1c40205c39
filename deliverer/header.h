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

#define HEADER_MAX	262144		/* octets of header looked at; more goes to the postmaster in unified modes */
#define HEADER_FIELDS	8192		/* fields collected */

/* identity.c: what is the same in every copy of a message, taken while the header and the body pass. */
#define IDENTITY_SLOTS	14

#define IDENTITY_TEXT	998		/* octets of a field's body that are kept (RFC 5322 section 2.1.1) */

struct identity_field {			/* a field that a message has once */
	uint32_t	 fields;	/* how many there are */
	size_t		 len;		/* of the first one's body; 0 too if it is longer than text */
	uint8_t		 text[IDENTITY_TEXT];
};

struct identity {
	SHA2_CTX	 slots[IDENTITY_SLOTS], body;
	uint32_t	 used;		/* bits by slot */
	int		 slot;		/* of the field that passes, -1: of no concern */
	int		 blank, begun, body_begun;
	struct identity_field *kept;	/* of the field that passes; NULL: its body is not kept */
	struct identity_field msgid, date;
};

void	 identity_init(struct identity *);
void	 identity_field(struct identity *, const uint8_t *name, size_t);
void	 identity_text(struct identity *, const uint8_t *, size_t);
void	 identity_body(struct identity *, const uint8_t *, size_t);
void	 identity_header(const struct identity *, uint8_t digest[PROTO_DIGEST_LEN]);
void	 identity_final(const struct identity *, int headers, uint8_t digest[PROTO_DIGEST_LEN]);

struct header;
struct msg_session_open;

/* proof.c: whether what is the same makes it a copy. */
void	 proof_identity(const struct msg_session_open *, const struct header *, int headers, uint8_t digest[PROTO_DIGEST_LEN]);
int	 proof_id(const uint8_t *, size_t);		/* 1: a plausible Message-ID */
int	 proof_date(const uint8_t *, size_t, time_t now);	/* 1: a plausible Date */

/*
 * header.c: push parser.  Bytes of a message in, bytes to be delivered out (CRLF to LF, Return-Path and the special fields
 * removed with all their continuation lines), and the bodies of the fields that decide about the recipients.
 */
enum field_kind { FIELD_OTHER, FIELD_RETURN_PATH, FIELD_SPECIAL, FIELD_TO, FIELD_CC, FIELD_BCC, FIELD_RECEIVED, FIELD_MARK };

struct field {				/* with DIST_OWNER Received fields are not among them, only counted */
	enum field_kind	 kind;
	uint32_t	 name;		/* SPECIAL: which name of the list */
	size_t		 off, len;	/* body in header.bodies, unfolded, without the final line end */
};

struct header {
	enum dist_mode	 mode;
	char		 special[PROTO_SPECIAL_SIZE];	/* names, single spaces between */
	/*
	 * Header bytes to deliver, LF line ends, the empty line that ended the header included: the caller writes these and goes
	 * on with the body, and inserts nothing.  Drained by the caller when done, and after each call once too big.
	 */
	struct buf	 kept;
	struct buf	 bodies;
	struct field	*fields;
	size_t		 nfields;
	uint32_t	 hops;		/* Received fields */
	struct identity	 identity;
	int		 done;		/* the empty line, a line that is no field, or the end of the message was seen */
	int		 toobig;	/* over HEADER_MAX or HEADER_FIELDS: decide now; the parser goes on removing fields */
	/* private to header.c below */
	int		 state, dropping, collecting, first, cr;
	size_t		 seen;
	struct buf	 line;		/* start of a line that may yet turn out to be a field */
};

void	 header_init(struct header *, enum dist_mode, const char *special);
void	 header_free(struct header *);
/*
 * Take the next octets of the message.  Returns how many were consumed: all, or fewer when the header ended among them (done is
 * set).  It ends behind the empty line, which is in kept, or before a line that is no field: octets of that line taken by earlier
 * calls are in kept, the rest is not consumed, and no empty line is made up.  What follows is body.  -1 on memory shortage.
 */
ssize_t	 header_feed(struct header *, const uint8_t *, size_t);
int	 header_finish(struct header *);	/* the message ended inside its header: done is set; 0 or -1 */
const uint8_t	*header_text(const struct header *, const struct field *);	/* its body */
int	 field_nobody(const uint8_t *, size_t);	/* field.c: an element of an address list that stands for nobody: 0/1 */
enum field_kind	 field_kind(const struct header *, const uint8_t *, size_t, uint32_t *name);	/* field.c */

/* mark.c */
#define MARK_FIELD	"X-Rpopd-Mark"
#define MARK_SIZE	(2 * PROTO_DIGEST_LEN + 1)

void	 mark_make(const uint8_t key[PROTO_DIGEST_LEN], int64_t mailbox, const struct identity *, char mark[MARK_SIZE]);
int	 mark_found(const struct header *, const char *mark);

/* envelope.c: which of the special fields count. */
struct envelope {
	int		 hop;		/* 0: the trusted hop's Received field is missing */
	int		 found;		/* 0: no field counts */
	int		 one;		/* only the first */
	uint32_t	 name;
	size_t		 first, limit;	/* in header.fields */
	uint32_t	 fields;	/* that count, */
	uint32_t	 distrusted;	/* that do not, by their position */
	char		 text[PROTO_SPECIAL_SIZE];	/* the name; all of them if none was found */
};
void	 envelope_choose(const struct msg_session_open *, const struct header *, struct envelope *);
/*
 * The address behind "for" in the provider's own Received fields, from the trusted hop's upwards: the first of them that has one.
 * 1: text and len are what stands there; 0: none has one; -1: it is in doubt.
 */
int	 envelope_for(const struct msg_session_open *, const struct header *, const struct envelope *, const uint8_t **, size_t *);
size_t	 envelope_own(const struct msg_session_open *, const struct header *);	/* index behind the provider's own trace */
ssize_t	 envelope_by(const uint8_t *, size_t, const char *hop);	/* where a Received field names it behind "by"; -1 */
int	 envelope_ishost(int);			/* an octet of a host's name */

/* client.c */
void	 client_find(const uint8_t *, size_t, const char *hop, char client[PROTO_CLIENT_SIZE]);

#endif
