/* SPDX-License-Identifier: ISC */
/* The messages by their numbers: name, size, and whether a descriptor rides along; and the version of the whole list. */
#include <stddef.h>
#include <string.h>

#include "common/compat.h"
#include "common/verifier.h"
#include "proto.h"
#include "proto_auth.h"
#include "proto_mailbox.h"
#include "proto_popd.h"
#include "proto_ctl.h"
#include "proto_deliverer.h"
#include "proto_dialer.h"
#include "proto_fetcher.h"
#include "proto_oauth.h"
#include "proto_pipe.h"
#include "proto_sender.h"
#include "proto_signer.h"
#include "proto_web.h"

/* What messages.h says of a payload and a descriptor, as values of struct message_kind. */
#define EMPTY			0, 0
#define ONE(type)		sizeof(type), sizeof(type)
#define OCTETS(min, max)	min, max
#define HEAD(type, min, max)	sizeof(type) + (min), sizeof(type) + (max)
#define NO_FD			0
#define FD			1
#define FD_MAYBE		MESSAGE_FD_MAYBE

/* FNV-1a of 32 bits. */
#define FNV_BASIS		2166136261U
#define FNV_PRIME		16777619U

static uint32_t	 fnv(uint32_t, const void *, size_t);

static const struct message_kind	 messages[IMSG_MAX] = {
#define MESSAGE(type, way, payload, descriptor)	[type] = { &#type[sizeof("IMSG_") - 1], payload, descriptor },
#include "messages.h"
#undef MESSAGE
};

const struct message_kind *
message_kind(uint32_t type)
{
	return (type < nitems(messages) && messages[type].name != NULL ? &messages[type] : NULL);
}

const char *
message_name(uint32_t type)
{
	const struct message_kind	*m = message_kind(type);

	return (m == NULL ? "unknown" : m->name);
}

/*
 * The version of the protocol between the processes and with rpopctl: a hash of number, name and payload's size of every message.
 * Both sides of a channel compare it, since a program of another release may be at the other end.  A payload that changes its
 * meaning and not its size needs another name for its message.
 */
uint32_t
message_version(void)
{
	static uint32_t			 version;
	const struct message_kind	*m;
	uint32_t			 type;

	if (version != 0)
		return (version);
	version = FNV_BASIS;
	for (type = IMSG_NONE + 1; type < IMSG_MAX; type++) {
		m = &messages[type];
		version = fnv(version, &type, sizeof(type));
		version = fnv(version, m->name, strlen(m->name));
		version = fnv(version, &m->min, sizeof(m->min));
		version = fnv(version, &m->max, sizeof(m->max));
		version = fnv(version, &m->fd, sizeof(m->fd));
	}
	return (version);
}

/* The hash of what was hashed before, and of these octets behind it. */
static uint32_t
fnv(uint32_t hash, const void *data, size_t len)
{
	const uint8_t	*p = data;

	while (len-- > 0)
		hash = (hash ^ *p++) * FNV_PRIME;
	return (hash);
}
