/* SPDX-License-Identifier: ISC */
/*
 * The signer, which has the private keys of the listeners: between the master and it, and between a session of popd and it.  A
 * session gets a channel of its own when its client wants TLS.  One signature is what a handshake takes, and all that such a
 * channel is good for.
 */
#ifndef PROTO_SIGNER_H
#define PROTO_SIGNER_H

#include "proto.h"

#define PROTO_LISTENERS_MAX	16
#define PROTO_CERTIFICATES_MAX	64	/* that a listener has beside its own */
/* Keys that are kept at once, of a certificate in force, ahead of that, and tried; as many certificates may be on their way out. */
#define PROTO_KEYS_MAX		(PROTO_LISTENERS_MAX * 3 * (2 * PROTO_CERTIFICATES_MAX + 1))
#define PROTO_KEYID_LEN		32	/* of a key's name: the SHA-256 of its SubjectPublicKeyInfo in DER */
#define PROTO_TBS_MAX		64	/* octets of a digest that is to be signed */
#define PROTO_SIGNATURE_MAX	1024	/* octets of a signature: RSA with 8192 bits */

/*
 * How a digest is signed: as RSASSA-PKCS1-v1_5 or RSASSA-PSS (RFC 8017 section 8), with a salt as long as the digest; or by ECDSA.
 */
enum sign_scheme { SIGN_PKCS1, SIGN_PSS, SIGN_ECDSA, SIGN_SCHEME_MAX };

struct msg_sign_part {			/* octets of a key in PEM follow it in the same message */
	uint32_t	 id;			/* of the key, not 0 */
	uint32_t	 reserved;
};

struct msg_sign_key {			/* a key is whole */
	uint32_t	 id;
	uint32_t	 listener;		/* whose sessions may have it used */
	uint32_t	 octets;		/* of it, in SIGN_PEM ahead of this */
};

struct msg_sign_kept {			/* what came of it */
	uint32_t	 id;
	uint32_t	 refused;		/* 1: it does not do */
	uint8_t		 keyid[PROTO_KEYID_LEN];
	char		 text[PROTO_TEXT_SIZE];	/* with refused: why */
};

struct msg_sign {			/* the digest follows it in the same message */
	uint32_t	 scheme;		/* enum sign_scheme */
	uint32_t	 reserved;
	uint8_t		 keyid[PROTO_KEYID_LEN];
};

#endif
