/* SPDX-License-Identifier: ISC */
/*
 * From an older schema of state.db to the present one: what is done before the present schema is loaded and after it, all in one
 * transaction.  The text of the schema is etc/state.sql; its CREATE TABLE IF NOT EXISTS leaves alone what exists.
 *
 * A table that gets a column is altered in the text of every version that has it and keeps it.
 */
#include <stddef.h>
#include <stdint.h>

#include "common/compat.h"
#include "common/hook.h"
#include "common/log.h"
#include "state_int.h"

#define NOW	"CAST(strftime('%s', 'now') AS INTEGER)"

/* Table handled got a row for each message in place of one for each unique-id; what it has from before is found by its day. */
#define HANDLED_BEFORE	"ALTER TABLE handled RENAME TO handled_4;"
#define HANDLED_AFTER	"INSERT INTO handled (mailbox, uid, since, size, msgid, sender, note, results)"					\
    " SELECT h.mailbox, h.uid, h.since, ifnull((SELECT s.size FROM seen s WHERE s.mailbox = h.mailbox AND s.uid = h.uid), 0), '',"	\
    " h.sender, h.note, h.results FROM handled_4 h ORDER BY h.since; DROP TABLE handled_4;"

static const struct migration {
	int		 version;		/* what it begins with; it ends with the present one */
	const char	*before, *after;	/* statements to be run before the present schema is loaded, and after it */
}	 migrations[] = {
	{
		1,
		"DROP VIEW mailboxes; DROP VIEW messages; DROP VIEW suspects;"
		"ALTER TABLE mailbox ADD COLUMN listed INTEGER;"
		"ALTER TABLE mailbox ADD COLUMN removed INTEGER;"
		"ALTER TABLE mailbox ADD COLUMN created INTEGER;"
		"ALTER TABLE mailbox ADD COLUMN origin TEXT;"
		"ALTER TABLE mailbox ADD COLUMN forgotten INTEGER;"
		"ALTER TABLE mailbox ADD COLUMN empty INTEGER;"
		"ALTER TABLE pending ADD COLUMN copy BLOB;"
		"ALTER TABLE pending ADD COLUMN sha256 BLOB CHECK (length(sha256) = 32);"
		"ALTER TABLE record_state ADD COLUMN failing INTEGER NOT NULL DEFAULT 0;"
		"ALTER TABLE record_state ADD COLUMN no_capa INTEGER NOT NULL DEFAULT 0;"
		"ALTER TABLE record_state ADD COLUMN retrieved INTEGER NOT NULL DEFAULT 0;"
		"ALTER TABLE record_state ADD COLUMN vanished INTEGER NOT NULL DEFAULT 0;"
		"ALTER TABLE seen RENAME TO seen_1;"
		"ALTER TABLE suspect RENAME TO suspect_1;",

		"INSERT INTO seen (mailbox, uid, state, gone, since, size, sha256)"
		" SELECT mailbox, uid, state, gone, " NOW ", size, sha256 FROM seen_1;"
		"DROP TABLE seen_1;"
		"UPDATE pending SET sha256 = (SELECT s.sha256 FROM seen s WHERE s.mailbox = pending.mailbox AND s.uid = pending.uid);"
		"INSERT INTO suspect (mailbox, uid, deaths, failures, gone, since, reason)"
		" SELECT mailbox, uid, deaths, 0, gone, since, reason FROM suspect_1;"
		"DROP TABLE suspect_1;"
		/* A mailbox that was ever polled with success, or of which something is known, has had its first listing. */
		"UPDATE mailbox SET listed = " NOW " WHERE id IN (SELECT mailbox FROM seen UNION SELECT mailbox FROM suspect"
		" UNION SELECT mailbox FROM record_state WHERE last_success > 0);"
	}, {
		2,
		"DROP VIEW mailboxes; DROP VIEW messages; DROP VIEW queue; DROP VIEW tokens; DROP VIEW suspects; DROP VIEW oversized;"
		"ALTER TABLE print RENAME TO fingerprint;"
		"ALTER TABLE copy ADD COLUMN mailbox INTEGER;"
		"ALTER TABLE copy ADD COLUMN uid BLOB;"
		"ALTER TABLE mailbox ADD COLUMN removed INTEGER;"
		"ALTER TABLE mailbox ADD COLUMN created INTEGER;"
		"ALTER TABLE mailbox ADD COLUMN origin TEXT;"
		"ALTER TABLE mailbox ADD COLUMN forgotten INTEGER;"
		"ALTER TABLE mailbox ADD COLUMN empty INTEGER;"
		"ALTER TABLE relay ADD COLUMN body INTEGER NOT NULL DEFAULT 1 CHECK (body BETWEEN 0 AND 2);"
		"ALTER TABLE relay ADD COLUMN sent INTEGER NOT NULL DEFAULT 0;"
		"ALTER TABLE relay ADD COLUMN sha256 BLOB CHECK (length(sha256) = 32);"
		"UPDATE relay SET sha256 = (SELECT s.sha256 FROM seen s WHERE s.mailbox = relay.mailbox AND s.uid = relay.uid AND s.state <> 4);"
		"ALTER TABLE relay ADD COLUMN copy BLOB;"
		"ALTER TABLE pending ADD COLUMN copy BLOB;"
		"ALTER TABLE pending ADD COLUMN sha256 BLOB CHECK (length(sha256) = 32);"
		"UPDATE pending SET sha256 = (SELECT s.sha256 FROM seen s WHERE s.mailbox = pending.mailbox AND s.uid = pending.uid"
		" AND s.state <> 4);"
		"ALTER TABLE seen ADD COLUMN listed INTEGER;"
		"ALTER TABLE suspect ADD COLUMN size INTEGER NOT NULL DEFAULT 0;"
		"ALTER TABLE oversize ADD COLUMN sha256 BLOB CHECK (length(sha256) = 32);"
		"ALTER TABLE record_state ADD COLUMN no_capa INTEGER NOT NULL DEFAULT 0;"
		"ALTER TABLE record_state ADD COLUMN retrieved INTEGER NOT NULL DEFAULT 0;"
		"ALTER TABLE record_state ADD COLUMN vanished INTEGER NOT NULL DEFAULT 0;"
		"ALTER TABLE suspect ADD COLUMN refusals INTEGER NOT NULL DEFAULT 0;"
		HANDLED_BEFORE,

		/* Their names are learned by the first load. */
		"INSERT INTO hop (id, nexthop, name, address, gone) SELECT nexthop, nexthop, '', '', NULL FROM ("
		"SELECT nexthop FROM relay UNION SELECT nexthop FROM relay_count) WHERE nexthop > 0;"
		HANDLED_AFTER
	}, {
		3,
		"DROP VIEW mailboxes; DROP VIEW messages; DROP VIEW queue; DROP VIEW copies; DROP VIEW tokens; DROP VIEW suspects;"
		"DROP VIEW oversized;"
		"ALTER TABLE print RENAME TO fingerprint;"
		HANDLED_BEFORE,

		HANDLED_AFTER
	}, {
		4,
		"DROP VIEW mailboxes; DROP VIEW messages; DROP VIEW queue; DROP VIEW copies; DROP VIEW tokens; DROP VIEW suspects;"
		"DROP VIEW oversized;"
		HANDLED_BEFORE,

		HANDLED_AFTER
	}
};

/*
 * From an older schema to the present one, in one transaction: killed in the middle, it is begun again at the next start.  0, or
 * -1: the connection has the error.
 */
int
migrate(sqlite3 *db, const char *name, int64_t version)
{
	const struct migration	*m = migrations;

	if (version == STATE_SCHEMA)
		return (0);
	while (m->version != version)
		if (++m == migrations + nitems(migrations))
			return (-1);
	if (sql_exec(db, "BEGIN IMMEDIATE") == -1 || sql_exec(db, m->before) == -1 || sql_exec(db, state_schema) == -1 ||
	    sql_exec(db, m->after) == -1)
		return (-1);
	HOOK("master.state_migrate");
	if (sql_exec(db, "COMMIT") == -1)
		return (-1);
	HOOK("master.state_migrated");
	log_info("%s: brought from schema version %lld to %d", name, (long long)version, STATE_SCHEMA);
	return (0);
}
