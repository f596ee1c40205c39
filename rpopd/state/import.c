/* SPDX-License-Identifier: ISC */
/*
 * state.db: messages that another retriever has seen, by their unique-ids.  Each becomes a row MARKED, without size, digest and
 * fingerprint: it counts as delivered, and nobody deletes it, because nothing proves what was delivered under its unique-id.
 *
 *	killed			what is there at the next start
 *	ahead of a slice	the slices before it, or some of them after a power failure; the record is made behind the last one
 *	behind the last one	every row, durably; of a mailbox that no record names, which is removed like any other of that kind
 *
 * Written once more, the same unique-ids change nothing.  What rpopd knows of a unique-id itself stands: it says more.
 */
#include <stddef.h>
#include <stdint.h>

#include "common/hook.h"
#include "state_int.h"

enum db
state_import_seen(int64_t mailbox, const struct state_uid *uids, size_t n, int64_t now, int durable)
{
	sqlite3_stmt	*st;
	enum db		 result;
	size_t		 i;
	int		 failed = 0;

	if ((result = state_begin(durable ? STATE_DURABLE : STATE_LAZY)) != DB_OK)
		return (result);
	for (i = 0; i < n && !failed; i++)
		failed = (st = state_query(Q_SEEN_IMPORT)) == NULL || state_bind_uid(st, mailbox, uids[i].uid, uids[i].len) == -1 ||
		    sqlite3_bind_int64(st, 3, now) != SQLITE_OK || state_step(st) == -1;
	HOOK("master.state_import");
	if ((result = state_end(failed)) == DB_OK)
		HOOK("master.state_imported");
	return (result);
}
