/* SPDX-License-Identifier: ISC */
/* The messages by their numbers: name, size, and whether a descriptor rides along. */
#include <stddef.h>

#include "common/compat.h"
#include "proto.h"
#include "proto_ctl.h"
#include "proto_deliverer.h"
#include "proto_dialer.h"
#include "proto_fetcher.h"
#include "proto_oauth.h"
#include "proto_pipe.h"
#include "proto_sender.h"

/* What messages.h says of a payload and a descriptor, as values of struct message_kind. */
#define EMPTY			0, 0
#define ONE(type)		sizeof(type), sizeof(type)
#define OCTETS(min, max)	min, max
#define HEAD(type, min, max)	sizeof(type) + (min), sizeof(type) + (max)
#define NO_FD			0
#define FD			1
#define FD_MAYBE		MESSAGE_FD_MAYBE

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
