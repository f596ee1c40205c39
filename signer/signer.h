/* SPDX-License-Identifier: ISC */
/*
 * The signer: the only process with the private keys of popd's listeners.  The master gives it keys, and a channel for each session
 * that begins a handshake of TLS; on that it answers one request, with one signature.  No octet of a key leaves it.
 *
 *	signer.c	the program, and what the master says
 *	key.c		the keys, and what is signed with them
 *	peer.c		sessions of popd, each with its channel
 */
#ifndef SIGNER_H
#define SIGNER_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "common/ipc/imsg.h"
#include "common/ipc/proto_signer.h"

/* --- key.c --- */

void	 key_warm(void);
int	 key_keep(uint32_t id, uint32_t listener, const void *pem, size_t, uint8_t keyid[PROTO_KEYID_LEN], char *err, size_t);
void	 key_forget(uint32_t id);
size_t	 key_sign(uint32_t listener, const struct msg_sign *, const uint8_t *digest, size_t, uint8_t signature[PROTO_SIGNATURE_MAX]);

/* --- peer.c --- */

int	 peer_new(void *, struct imsg *);	/* SIGN_SESSION */

#endif
