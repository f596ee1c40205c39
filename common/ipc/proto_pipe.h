/* SPDX-License-Identifier: ISC */
/* From a fetcher, or a session of popd whose client sends, to the deliverer: messages, on a one-way pipe of their own. */
#ifndef PROTO_PIPE_H
#define PROTO_PIPE_H

#include "proto.h"

#define PROTO_DATA_MAX		16000	/* octets in one IMSG_MSG_DATA */

struct msg_begin {
	uint32_t	 msgno;
	uint32_t	 size;			/* as listed; a hint, 0 = unknown */
	uint32_t	 headers;		/* 1: the header only (ACTION_HEADERS) */
};

struct msg_end {
	uint32_t	 msgno;
	uint64_t	 octets;		/* sum of the payloads of IMSG_MSG_DATA */
	uint8_t		 digest[PROTO_DIGEST_LEN];	/* SHA-256 over them */
	uint8_t		 fingerprint[PROTO_DIGEST_LEN];	/* fingerprint of the header, see fetcher/fingerprint.c */
};

#endif
