/* SPDX-License-Identifier: ISC */
/*
 * What there was of mail programs since the start, for rpopctl status.  A session's messages and octets count when it has ended, and
 * are what it said itself: a session in bad hands can make them wrong, and nothing depends on them.
 */
#include <string.h>

#include "common/ipc/proto_ctl.h"
#include "pop_int.h"

static uint64_t	 counts[COUNT_MAX];
static uint32_t	 most;			/* sessions at once */

void
count_add(enum pop_count what, uint64_t n)
{
	counts[what] += n;
}

/* So many sessions run now. */
void
count_running(uint32_t n)
{
	if (n > most)
		most = n;
}

/* Somebody was not logged in.  An alert, and what was no login at all, count as neither. */
void
count_denied(enum pop_code code)
{
	static const enum pop_count	 what[POP_CODE_MAX] = {
		[POP_CODE_NONE] = COUNT_MAX, [POP_CODE_ALERT] = COUNT_MAX, [POP_CODE_AUTH] = COUNT_WRONG,
		[POP_CODE_IN_USE] = COUNT_LIMITED, [POP_CODE_LOGIN_DELAY] = COUNT_LIMITED, [POP_CODE_SYS_TEMP] = COUNT_FAILED,
		[POP_CODE_SYS_PERM] = COUNT_FAILED
	};

	if (what[code] != COUNT_MAX)
		counts[what[code]]++;
}

/* A session has ended, and has said this of itself. */
void
count_ended(const struct msg_pop_end *m)
{
	counts[COUNT_RETRIEVED] += m->retrieved;
	counts[COUNT_LOOKED] += m->topped;
	counts[COUNT_DELETED] += m->deleted;
	counts[COUNT_OCTETS] += m->octets_out;
}

void
count_sums(struct ctl_daemon *m)
{
	m->readers_peak = most;
	m->connections = counts[COUNT_CONNECTIONS];
	m->turned_channels = counts[COUNT_CHANNELS];
	m->turned_listener = counts[COUNT_LISTENER];
	m->turned_address = counts[COUNT_ADDRESS];
	m->turned_blocked = counts[COUNT_BLOCKED];
	m->logins = counts[COUNT_LOGINS];
	m->logins_wrong = counts[COUNT_WRONG];
	m->logins_limited = counts[COUNT_LIMITED];
	m->logins_failed = counts[COUNT_FAILED];
	m->read_messages = counts[COUNT_RETRIEVED];
	m->read_looked = counts[COUNT_LOOKED];
	m->read_deleted = counts[COUNT_DELETED];
	m->read_octets = counts[COUNT_OCTETS];
}
