/* SPDX-License-Identifier: ISC */
/* Every statement that state.db ever runs, prepared once. */
#include "store_sql.h"

const char *const	 state_texts[Q_MAX] = {
	[Q_BEGIN] = "BEGIN IMMEDIATE",
	[Q_COMMIT] = "COMMIT",
	[Q_ROLLBACK] = "ROLLBACK",
	[Q_SEEN_INSERT] = "INSERT INTO seen (mailbox, uid, state, gone, size, sha256) VALUES (?1, ?2, ?3, NULL, ?4, ?5)"
	    " ON CONFLICT DO NOTHING",
	[Q_SEEN_GET] = "SELECT size, sha256 FROM seen WHERE mailbox = ?1 AND uid = ?2",
	[Q_SEEN_REPLACE] = "UPDATE seen SET state = ?3, gone = NULL, size = ?4, sha256 = ?5 WHERE mailbox = ?1 AND uid = ?2",
	[Q_SEEN_VISIT] = "SELECT visit(uid, state, gone) FROM seen WHERE mailbox = ?1",
	[Q_SEEN_COUNT] = "SELECT count(*) FROM seen WHERE mailbox = ?1",
	[Q_SEEN_GONE] = "UPDATE seen SET gone = ifnull(gone, ?3) WHERE mailbox = ?1 AND uid = ?2",
	[Q_SEEN_BACK] = "UPDATE seen SET gone = NULL WHERE mailbox = ?1 AND uid = ?2",
	[Q_SEEN_FORGET] = "DELETE FROM seen WHERE mailbox = ?1 AND uid = ?2",
	[Q_SEEN_STATE] = "UPDATE seen SET state = ?3 WHERE mailbox = ?1 AND uid = ?2",
	[Q_SEEN_KEY] = "UPDATE OR REPLACE seen SET uid = ?3 WHERE mailbox = ?1 AND uid = ?2",
	[Q_SEEN_COUNTS] = "SELECT count(*) FILTER (WHERE state IN (1, 2) AND gone IS NULL), count(*) FILTER (WHERE state = 0) FROM seen"
	    " WHERE mailbox = ?1",
	[Q_SEEN_PURGE] = "DELETE FROM seen WHERE mailbox = ?1",
	[Q_SEEN_NEXT] = "SELECT min(mailbox) FROM seen WHERE mailbox > ?1",
	[Q_PENDING_INSERT] = "INSERT INTO pending (mailbox, uid, link, dest) VALUES (?1, ?2, ?3, ?4)",
	[Q_PENDING_DROP] = "DELETE FROM pending WHERE id BETWEEN ?1 AND ?2",
	[Q_PENDING_LIST] = "SELECT id, link, dest FROM pending ORDER BY id",
	[Q_PENDING_COUNT] = "SELECT count(*) FROM pending",
	[Q_SUSPECT_ANY] = "SELECT EXISTS (SELECT 1 FROM suspect)",
	[Q_SUSPECT_ADD] = "INSERT INTO suspect (mailbox, uid, deaths, gone, since, reason) VALUES (?1, ?2, 1, NULL, ?3, ?4)"
	    " ON CONFLICT DO UPDATE SET deaths = deaths + 1, gone = NULL, since = ?3, reason = ?4 RETURNING deaths",
	[Q_SUSPECT_CLEAR] = "DELETE FROM suspect WHERE mailbox = ?1 AND uid = ?2",
	[Q_SUSPECT_LIST] = "SELECT uid, deaths, gone FROM suspect WHERE mailbox = ?1 ORDER BY uid",
	[Q_SUSPECT_GONE] = "UPDATE suspect SET gone = ifnull(gone, ?3) WHERE mailbox = ?1 AND uid = ?2",
	[Q_SUSPECT_BACK] = "UPDATE suspect SET gone = NULL WHERE mailbox = ?1 AND uid = ?2",
	[Q_SUSPECT_COUNTS] = "SELECT count(*), count(*) FILTER (WHERE deaths >= ?2) FROM suspect WHERE mailbox = ?1",
	[Q_SUSPECT_PURGE] = "DELETE FROM suspect WHERE mailbox = ?1",
	[Q_SUSPECT_NEXT] = "SELECT min(mailbox) FROM suspect WHERE mailbox > ?1",
	[Q_MAILBOX_GET] = "SELECT id FROM mailbox WHERE account = ?1 AND record = ?2 AND host = ?3 AND port = ?4 AND login = ?5",
	[Q_MAILBOX_ADD] = "INSERT INTO mailbox (account, record, host, port, login) VALUES (?1, ?2, ?3, ?4, ?5)",
	[Q_MAILBOX_LIST] = "SELECT id FROM mailbox",
	[Q_MAILBOX_DROP] = "DELETE FROM mailbox WHERE id = ?1",
	[Q_RECORD_GET] = "SELECT last_success, last_attempt, failures, messages, octets, polls, error FROM record_state"
	    " WHERE mailbox = ?1",
	[Q_RECORD_PUT] = "INSERT OR REPLACE INTO record_state (mailbox, last_success, last_attempt, failures, messages, octets,"
	    " polls, error) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	[Q_RECORD_DROP] = "DELETE FROM record_state WHERE mailbox = ?1",
	[Q_SESSION_PUT] = "UPDATE meta SET value = ?1 WHERE key = 'session'"
};
