/* SPDX-License-Identifier: ISC */
/*
 * From one schema of state.db to the next: what is done before the new schema is loaded and after it, all in one transaction.  The
 * text of the schema is etc/state.sql.
 */
#include "store_sql.h"

#define NOW	"CAST(strftime('%s', 'now') AS INTEGER)"

const char	 state_before_2[] =
    "DROP VIEW mailboxes; DROP VIEW messages; DROP VIEW suspects;"
    "ALTER TABLE mailbox ADD COLUMN listed INTEGER;"
    "ALTER TABLE record_state ADD COLUMN failing INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE seen RENAME TO seen_1;"
    "ALTER TABLE suspect RENAME TO suspect_1;";

/* A mailbox that was ever polled with success, or of which something is known, has had its first listing. */
const char	 state_after_2[] =
    "INSERT INTO seen (mailbox, uid, state, gone, since, size, sha256)"
    " SELECT mailbox, uid, state, gone, " NOW ", size, sha256 FROM seen_1;"
    "DROP TABLE seen_1;"
    "INSERT INTO suspect (mailbox, uid, deaths, failures, gone, since, reason)"
    " SELECT mailbox, uid, deaths, 0, gone, since, reason FROM suspect_1;"
    "DROP TABLE suspect_1;"
    "UPDATE mailbox SET listed = " NOW " WHERE id IN (SELECT mailbox FROM seen UNION SELECT mailbox FROM suspect"
    " UNION SELECT mailbox FROM record_state WHERE last_success > 0);";
