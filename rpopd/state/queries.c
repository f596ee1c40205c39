/* SPDX-License-Identifier: ISC */
/*
 * Every statement that state.db ever runs, prepared once.  A name in braces stands for its number, so that the text says which
 * state it means and no value of an enum is written twice; query_names has them.
 */
#include <stdio.h>
#include <string.h>

#include "common/compat.h"
#include "state_int.h"

#define RELAY_COLUMNS	"id, mailbox, uid, link, nexthop, dest, original, sender, notify, after, state, arrived, next, tries,"	\
			" status, client, body, sent, sha256"

#define OF_RECORD	" (SELECT id FROM mailbox WHERE account = ?1 AND record = ?2)"
#define SET_ASIDE	"deaths >= {SUSPECT_DEATHS} OR failures >= {SUSPECT_FAILURES}"
#define DELIVERED	"({SEEN_KEPT}, {SEEN_DELETING}, {SEEN_DENIED})"
/* What waits in quarantine for an administrator, but for reports and notices; the index relay_quarantine has the same condition. */
#define QUARANTINED	"state = {RELAY_QUARANTINED} AND body = {BODY_HERE} AND uid <> x''"

/* What is told of a message, and the ids of those in bucket ?3 that have a word. */
#define HANDLED_COLUMNS	"h.id, h.mailbox, h.uid, h.since, h.size, h.msgid, h.sender, h.results, m.account || '/' || m.record"
#define OF_WORD(first, last, kind)	"(SELECT f.id FROM found f WHERE f.bucket = ?3 AND f.key BETWEEN " first " AND " last		\
    " AND (" kind " = 0 OR f.key & 3 = " kind "))"

#define NAMED(x)	{ #x, x }
static const struct {
	const char	*name;
	int		 number;
}	 query_names[] = {
	NAMED(SEEN_KEPT), NAMED(SEEN_DELETING), NAMED(SEEN_DENIED), NAMED(SEEN_DELETED), NAMED(SEEN_MARKED), NAMED(SEEN_WAITING),
	NAMED(OVERSIZE_HEADER), NAMED(RELAY_WAITING), NAMED(RELAY_QUARANTINED), NAMED(RELAY_FAILED), NAMED(BODY_WANTED), NAMED(BODY_HERE),
	NAMED(RENUMBER_ASKED), NAMED(RENUMBER_RETRIEVE), NAMED(RENUMBER_SEEN), NAMED(ROOT_NEW), NAMED(ROOT_JOINED), NAMED(ROOT_DECLARED),
	NAMED(NOTIFY_NEVER), NAMED(SUSPECT_DEATHS), NAMED(SUSPECT_FAILURES), NAMED(STATE_SLICE), NAMED(STATE_PAGE), NAMED(PROTO_UID_MAX),
	NAMED(PROTO_DIGEST_LEN), NAMED(ALERTS_MAX),
	{ NULL, 0 }
};

static const char *const	 texts[Q_MAX] = {
	[Q_BEGIN] = "BEGIN IMMEDIATE",
	[Q_COMMIT] = "COMMIT",
	[Q_ROLLBACK] = "ROLLBACK",
	[Q_SET_ASIDE_LIST] = "SELECT mailbox, uid, since, reason FROM suspect WHERE " SET_ASIDE,
	[Q_SEEN_INSERT] = "INSERT INTO seen (mailbox, uid, state, gone, since, listed, size, sha256) VALUES (?1, ?2, ?3, NULL, ?6,"
	    " nullif(?7, 0), ?4, ?5) ON CONFLICT DO NOTHING",
	[Q_SEEN_GET] = "SELECT size, sha256, state, gone FROM seen WHERE mailbox = ?1 AND uid = ?2",
	[Q_SEEN_ROW] = "SELECT state, gone, since, size FROM seen WHERE mailbox = ?1 AND uid = ?2",
	[Q_SEEN_REPLACE] = "UPDATE seen SET state = ?3, gone = NULL, since = ?6, listed = nullif(?7, 0), size = ?4, sha256 = ?5"
	    " WHERE mailbox = ?1 AND uid = ?2",
	[Q_SEEN_AGAIN] = "UPDATE seen SET state = iif(state = {SEEN_WAITING}, {SEEN_WAITING}, ?3), gone = NULL, listed ="
	    " ifnull(nullif(?7, 0), listed)"
	    " WHERE mailbox = ?1 AND uid = ?2",
	[Q_SEEN_MARK] = "INSERT INTO seen (mailbox, uid, state, gone, since, listed, size, sha256) VALUES (?1, ?2, {SEEN_MARKED},"
	    " NULL, ?3, nullif(?4, 0), 0, zeroblob({PROTO_DIGEST_LEN})) ON CONFLICT DO UPDATE SET gone = NULL, since = ?3,"
	    " listed = nullif(?4, 0) WHERE state = {SEEN_MARKED}",
	[Q_SEEN_IMPORT] = "INSERT OR IGNORE INTO seen (mailbox, uid, state, gone, since, listed, size, sha256) VALUES (?1, ?2,"
	    " {SEEN_MARKED}, NULL, ?3, NULL, 0, zeroblob({PROTO_DIGEST_LEN}))",
	[Q_SEEN_VISIT] = "SELECT visit(uid, state, gone, since, ifnull(listed, -size)) FROM seen WHERE mailbox = ?1"
	    " AND uid > ?2 AND uid <= ?3",
	/* The octet that no unique-id has is behind all of them. */
	[Q_SEEN_END] = "SELECT ifnull(min(uid), x'ff') FROM ("
	    "SELECT * FROM (SELECT uid FROM seen WHERE mailbox = ?1 AND uid > ?2 ORDER BY uid LIMIT 1 OFFSET ?3)"
	    " UNION ALL SELECT * FROM (SELECT uid FROM suspect WHERE mailbox = ?1 AND uid > ?2 ORDER BY uid LIMIT 1 OFFSET ?3)"
	    " UNION ALL SELECT * FROM (SELECT uid FROM oversize WHERE mailbox = ?1 AND uid > ?2 ORDER BY uid LIMIT 1 OFFSET ?3)"
	    " UNION ALL SELECT * FROM (SELECT uid FROM relay WHERE mailbox = ?1 AND body = {BODY_WANTED} AND uid > ?2"
	    " ORDER BY uid LIMIT 1 OFFSET ?3))",
	[Q_SEEN_COUNT] = "SELECT count(*) FROM (SELECT 1 FROM seen WHERE mailbox = ?1 LIMIT ?2)",
	[Q_SEEN_OPEN] = "SELECT EXISTS (SELECT 1 FROM seen WHERE mailbox = ?1 AND state <> {SEEN_DELETED})",
	[Q_SEEN_SIZE] = "UPDATE seen SET listed = nullif(?3, 0) WHERE mailbox = ?1 AND uid = ?2",
	[Q_SEEN_GONE] = "UPDATE seen SET gone = min(ifnull(gone, ?3), ?3) WHERE mailbox = ?1 AND uid = ?2",
	[Q_SEEN_BACK] = "UPDATE seen SET gone = NULL WHERE mailbox = ?1 AND uid = ?2",
	[Q_SEEN_FORGET] = "DELETE FROM seen WHERE mailbox = ?1 AND uid = ?2",
	[Q_SEEN_STATE] = "UPDATE seen SET state = ?3 WHERE mailbox = ?1 AND uid = ?2",
	[Q_SEEN_FINAL] = "UPDATE seen SET state = ?3 WHERE mailbox = ?1 AND uid = ?2 AND state = {SEEN_WAITING}"
	    " AND (?4 IS NULL OR sha256 = ?4)",
	[Q_SEEN_SINCE] = "UPDATE seen SET since = ?3 WHERE mailbox = ?1 AND uid = ?2",
	[Q_SEEN_KEY] = "UPDATE OR REPLACE seen SET uid = ?3, gone = NULL WHERE mailbox = ?1 AND uid = ?2",
	[Q_SEEN_COUNTS] = "SELECT count(*) FILTER (WHERE state IN ({SEEN_DELETING}, {SEEN_DENIED}) AND gone IS NULL),"
	    " count(*) FILTER (WHERE state IN ({SEEN_KEPT}, {SEEN_MARKED})),"
	    " count(*) FILTER (WHERE state = {SEEN_WAITING}), count(*), max(uid) FROM (SELECT uid, state, gone FROM seen WHERE"
	    " mailbox = ?1 AND uid > ?2"
	    " ORDER BY uid LIMIT ?3)",
	[Q_SEEN_PURGE] = "DELETE FROM seen WHERE mailbox = ?1 AND uid IN (SELECT uid FROM seen WHERE mailbox = ?1 LIMIT ?2)",
	[Q_SEEN_NEXT] = "SELECT min(mailbox) FROM seen WHERE mailbox > ?1",
	[Q_FINGERPRINT_GET] = "SELECT fingerprint FROM fingerprint WHERE mailbox = ?1 AND uid = ?2",
	[Q_FINGERPRINT_PUT] = "INSERT OR REPLACE INTO fingerprint (mailbox, uid, fingerprint) VALUES (?1, ?2, ?3)",
	[Q_FINGERPRINT_FORGET] = "DELETE FROM fingerprint WHERE mailbox = ?1 AND uid = ?2",
	[Q_FINGERPRINT_KEY] = "UPDATE OR REPLACE fingerprint SET uid = ?3 WHERE mailbox = ?1 AND uid = ?2",
	[Q_FINGERPRINT_PURGE] = "DELETE FROM fingerprint WHERE mailbox = ?1 AND uid IN (SELECT uid FROM fingerprint WHERE mailbox"
	    " = ?1 LIMIT ?2)",
	[Q_UNPROVEN_GET] = "SELECT since FROM unproven WHERE mailbox = ?1",
	[Q_UNPROVEN_PUT] = "INSERT INTO unproven (mailbox, since) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
	[Q_UNPROVEN_DROP] = "DELETE FROM unproven WHERE mailbox = ?1",
	[Q_UNPROVEN_ROWS] = "SELECT uid, state, since, sha256 FROM seen WHERE mailbox = ?1 AND uid > ?2 ORDER BY uid LIMIT ?3",
	[Q_PENDING_INSERT] = "INSERT INTO pending (mailbox, uid, link, dest, copy, sha256) VALUES (?1, ?2, ?3, ?4, ?5,"
	    " ?6)",
	[Q_PENDING_OF] = "INSERT INTO pending (mailbox, uid, link, dest, copy, sha256) SELECT mailbox, uid, link, ?2, copy, sha256"
	    " FROM relay WHERE id = ?1",
	[Q_PENDING_ROW] = "SELECT id, mailbox, uid, dest FROM pending WHERE id = ?1 OR (?1 = 0 AND link = ?2)",
	[Q_PENDING_KEY] = "UPDATE pending SET uid = ?3 WHERE mailbox = ?1 AND uid = ?2",
	[Q_PENDING_DROP] = "DELETE FROM pending WHERE id BETWEEN ?1 AND ?2",
	[Q_PENDING_LIST] = "SELECT id, link, dest FROM pending ORDER BY id",
	/*
	 * What the message becomes when the row is final is what it is now; of a message that waits already, what keeps it on its
	 * server.
	 */
	[Q_RELAY_MISSED] = "INSERT INTO relay (mailbox, uid, link, nexthop, dest, original, sender, client, notify, after, state, arrived,"
	    " next, tries, status, body, sha256, copy) SELECT p.mailbox, p.uid, p.link, 0, p.dest, '', ifnull((SELECT h.sender"
	    " FROM handled h WHERE h.mailbox = p.mailbox AND h.uid = p.uid ORDER BY h.id DESC LIMIT 1), ''), '',"
	    " {NOTIFY_NEVER}, ifnull(iif(s.state = {SEEN_WAITING},"
	    " (SELECT min(r.after) FROM relay r WHERE r.mailbox = p.mailbox AND r.uid = p.uid),"
	    " iif(s.state IN ({SEEN_DELETING}, {SEEN_DENIED}, {SEEN_DELETED}), {SEEN_DELETING}, {SEEN_KEPT})), {SEEN_KEPT}),"
	    " {RELAY_WAITING}, ?2, ?2, 0, ?3, {BODY_WANTED}, p.sha256, p.copy FROM pending p"
	    " LEFT JOIN seen s ON s.mailbox = p.mailbox AND s.uid = p.uid AND (p.sha256 IS NULL OR s.sha256 = p.sha256) WHERE p.id = ?1",
	/*
	 * A message that was deleted, as far as its server said, waits too; but not one whose key is a digest, because of two
	 * equal messages nobody knows which one is listed.
	 */
	[Q_SEEN_MISSED] = "UPDATE seen SET state = {SEEN_WAITING} FROM pending p WHERE p.id = ?1 AND seen.mailbox = p.mailbox AND"
	    " seen.uid = p.uid"
	    " AND (seen.state IN " DELIVERED " OR (seen.state = {SEEN_DELETED} AND length(seen.uid) <= {PROTO_UID_MAX}))"
	    " AND (p.sha256 IS NULL OR seen.sha256 = p.sha256)",
	[Q_RELAY_LINKS] = "SELECT link FROM relay WHERE body <> {BODY_WANTED}",
	[Q_RELAY_INSERT] = "INSERT INTO relay (mailbox, uid, link, nexthop, dest, original, sender, notify, after, state, arrived,"
	    " next, tries, status, client, sha256) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
	[Q_RELAY_LIST] = "SELECT " RELAY_COLUMNS " FROM relay ORDER BY id",
	[Q_RELAY_GET] = "SELECT " RELAY_COLUMNS " FROM relay WHERE id = ?1",
	[Q_RELAY_OF] = "SELECT " RELAY_COLUMNS " FROM relay WHERE mailbox = ?1 AND uid = ?2 ORDER BY id",
	[Q_RELAY_OPEN] = "SELECT EXISTS (SELECT 1 FROM relay WHERE mailbox = ?1 AND uid = ?2"
	    " AND (body = {BODY_WANTED} OR (body = {BODY_HERE} AND state IN ({RELAY_WAITING}, {RELAY_FAILED}))) AND (sha256 IS"
	    " NULL OR ?3 IS NULL OR sha256 = ?3))",
	[Q_RELAY_BODY] = "UPDATE relay SET body = ?2, sent = 0, status = ifnull(?3, status) WHERE id = ?1",
	/* What the message becomes again when none of its rows is open any more: what it is now. */
	[Q_RELAY_AFTER] = "UPDATE relay SET after = ifnull((SELECT iif(s.state = {SEEN_KEPT}, {SEEN_KEPT}, {SEEN_DELETING}) FROM seen s"
	    " WHERE s.mailbox = relay.mailbox AND s.uid = relay.uid AND s.state IN " DELIVERED " AND (relay.sha256 IS NULL OR"
	    " s.sha256 = relay.sha256)), after) WHERE id = ?1",
	[Q_SEEN_WANT] = "UPDATE seen SET state = {SEEN_WAITING} WHERE mailbox = ?1 AND uid = ?2 AND state IN " DELIVERED
	    " AND (?3 IS NULL OR sha256 = ?3)",
	[Q_RELAY_WANTED] = "SELECT " RELAY_COLUMNS " FROM relay WHERE mailbox = ?1 AND uid = ?2 AND body = {BODY_WANTED}"
	    " AND (sha256 IS NULL OR sha256 = ?3) ORDER BY id",
	[Q_RELAY_ATTACH] = "UPDATE relay SET link = ?2, body = {BODY_HERE}, next = ?3, sent = 0 WHERE id = ?1",
	/*
	 * Wanted rows whose server has the message no longer: its row in seen is gone, or another message's, or says that it was
	 * deleted; of a header that was delivered alone, the row in oversize is gone.
	 */
	[Q_RELAY_ORPHANS] = "SELECT " RELAY_COLUMNS " FROM relay WHERE body = {BODY_WANTED} AND NOT EXISTS (SELECT 1 FROM seen s WHERE"
	    " s.mailbox = relay.mailbox AND s.uid = relay.uid AND s.state NOT IN ({SEEN_DELETED}, {SEEN_MARKED})"
	    " AND (relay.sha256 IS NULL OR s.sha256 = relay.sha256)) AND NOT EXISTS (SELECT 1 FROM oversize o WHERE"
	    " o.mailbox = relay.mailbox AND o.uid = relay.uid AND o.state = {OVERSIZE_HEADER} AND (relay.sha256 IS NULL OR"
	    " o.sha256 = relay.sha256))"
	    " ORDER BY mailbox, id LIMIT {STATE_SLICE}",
	[Q_RELAY_SENT] = "UPDATE relay SET sent = ?2 WHERE id = ?1",
	[Q_DOUBT_COUNT] = "INSERT INTO relay_count (nexthop, accepted, refused, retried, in_doubt) SELECT nexthop, 0, 0, 0, count(*)"
	    " FROM relay WHERE sent > 0 AND nexthop > 0 GROUP BY nexthop"
	    " ON CONFLICT DO UPDATE SET in_doubt = in_doubt + excluded.in_doubt",
	[Q_DOUBT_CLEAR] = "UPDATE relay SET sent = 0 WHERE sent > 0",
	[Q_RELAY_REHOP] = "UPDATE relay SET nexthop = ?2, arrived = ?3, next = ?3, tries = 0 WHERE id = ?1",
	[Q_HOP_LIST] = "SELECT id, nexthop, name, address, gone IS NOT NULL FROM hop ORDER BY id DESC",
	[Q_HOP_NAME] = "SELECT name FROM hop WHERE id = ?1",
	[Q_HOP_ADD] = "INSERT INTO hop (nexthop, name, address, gone) VALUES (?1, ?2, ?3, NULL)",
	[Q_HOP_PUT] = "UPDATE hop SET nexthop = ?1, name = ?2, address = ?3, gone = NULL WHERE id = ?4",
	[Q_HOP_GONE] = "UPDATE hop SET gone = ?2 WHERE id = ?1",
	[Q_PROOF_PUT] = "INSERT OR REPLACE INTO meta (key, value) VALUES ('proof', ?1)",
	[Q_RELAY_DROP] = "DELETE FROM relay WHERE id = ?1",
	[Q_RELAY_AGAIN] = "UPDATE relay SET next = ?2, tries = tries + 1, sent = 0, status = ifnull(?3, status) WHERE id = ?1",
	[Q_RELAY_STATE] = "UPDATE relay SET state = ?2, sent = 0, status = ifnull(?3, status) WHERE id = ?1",
	[Q_RELAY_RELEASE] = "UPDATE relay SET state = {RELAY_WAITING}, arrived = ?2, next = ?2, tries = 0, sent = 0, status ="
	    " ifnull(?3, status),"
	    " nexthop = iif(?5 = '', nexthop, ?4), dest = iif(?5 = '', dest, ?5) WHERE id = ?1",
	[Q_RELAY_KEY] = "UPDATE relay SET uid = ?3 WHERE mailbox = ?1 AND uid = ?2",
	[Q_RELAY_COUNTED] = "INSERT INTO relay_count (nexthop, accepted, refused, retried, in_doubt) VALUES (?1, ?2, ?3, ?4, ?5)"
	    " ON CONFLICT DO UPDATE SET accepted = accepted + ?2, refused = refused + ?3, retried = retried + ?4,"
	    " in_doubt = in_doubt + ?5",
	/* A copy from before the administrator asked for everything of this record once more does not count. */
	[Q_COPY_GET] = "SELECT c.mailbox, c.uid, m.account || '/' || m.record, datetime(c.since, 'unixepoch', 'localtime')"
	    " FROM copy c LEFT JOIN mailbox m ON m.id = c.mailbox WHERE (c.key = ?1 OR (c.key = ?3 AND c.mailbox IS NULL))"
	    " AND c.since > ifnull((SELECT forgotten FROM mailbox WHERE id = ?2), -1)",
	[Q_COPY_ADD] = "INSERT INTO copy (mailbox, uid, key, since)"
	    " VALUES (?1, ?2, ?3, max(?4, ifnull((SELECT forgotten + 1 FROM mailbox WHERE id = ?1), 0)))"
	    " ON CONFLICT DO UPDATE SET mailbox = excluded.mailbox, uid = excluded.uid, since = excluded.since"
	    " WHERE since <= (SELECT forgotten FROM mailbox WHERE id = ?1)",
	[Q_COPY_FORGET] = "DELETE FROM copy WHERE key = (SELECT copy FROM relay WHERE id = ?1)",
	[Q_COPY_PRUNE] = "DELETE FROM copy WHERE since < ?1",
	/* Should somebody have put a row there, mail does not wait for that. */
	[Q_HANDLED_PUT] = "INSERT OR REPLACE INTO handled (mailbox, uid, id, since, size, msgid, sender, note, results) VALUES (?1, ?2, ?3, ?4, ?5,"
	    " ?6, ?7, ?8, ?9)",
	[Q_HANDLED_GET] = "SELECT since, sender, note, results, msgid FROM handled WHERE mailbox = ?1 AND uid = ?2 ORDER BY id DESC LIMIT 1",
	[Q_HANDLED_RESULT] = "UPDATE handled SET results = results || ?3 WHERE id = (SELECT max(id) FROM handled WHERE mailbox = ?1"
	    " AND uid = ?2) AND length(results) < 8000",
	[Q_HANDLED_KEY] = "UPDATE handled SET uid = ?3 WHERE mailbox = ?1 AND uid = ?2",
	[Q_HANDLED_OLD] = "DELETE FROM handled WHERE id IN (SELECT id FROM handled WHERE since < ?1 ORDER BY since LIMIT {STATE_SLICE})",
	[Q_HANDLED_FIRST] = "SELECT min(id) FROM handled WHERE ?1 = 0",
	[Q_HANDLED_DAY] = "SELECT " HANDLED_COLUMNS " FROM handled h LEFT JOIN mailbox m ON m.id = h.mailbox"
	    " WHERE h.since >= ?1 AND h.since < ?2 AND (h.since, h.id) < (?3, ?4) ORDER BY h.since DESC, h.id DESC LIMIT ?5",
	/* ?6 is the last of a bucket's messages that is looked at; each word has three numbers, of which the first may be NULL. */
	[Q_HANDLED_FIND] = "SELECT " HANDLED_COLUMNS " FROM handled h LEFT JOIN mailbox m ON m.id = h.mailbox"
	    " WHERE h.id IN " OF_WORD("?6", "?7", "?8") " AND h.id <= ?4 AND h.since >= ?1 AND h.since < ?2"
	    " AND (?9 IS NULL OR h.id IN " OF_WORD("?9", "?10", "?11") ") AND (?12 IS NULL OR h.id IN " OF_WORD("?12", "?13", "?14") ")"
	    " AND (?15 IS NULL OR h.id IN " OF_WORD("?15", "?16", "?17") ") ORDER BY h.id DESC LIMIT ?5",
	[Q_FOUND_ADD] = "INSERT INTO found (bucket, key, id) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
	[Q_FOUND_OLD] = "DELETE FROM found WHERE (bucket, key, id) IN (SELECT bucket, key, id FROM found WHERE bucket < ?1"
	    " LIMIT {STATE_PAGE})",
	[Q_PRUNED_GET] = "SELECT value FROM meta WHERE key = 'pruned' AND ?1 = 0",
	[Q_PRUNED_PUT] = "INSERT OR REPLACE INTO meta (key, value) VALUES ('pruned', ?1)",
	[Q_TOLD_GET] = "SELECT at FROM told WHERE address = ?1 AND about = ?2",
	[Q_TOLD_PUT] = "INSERT OR REPLACE INTO told (address, about, at) VALUES (?1, ?2, ?3)",
	[Q_TOLD_PRUNE] = "DELETE FROM told WHERE at < ?1",
	[Q_HELD_GET] = "SELECT value FROM meta WHERE key = 'quarantined' AND ?1 = 0",
	[Q_HELD_ADD] = "INSERT INTO meta (key, value) VALUES ('quarantined', max(0, ?1))"
	    " ON CONFLICT DO UPDATE SET value = max(0, value + ?1)",
	[Q_HELD_OF] = "SELECT count(*) FROM relay WHERE " QUARANTINED " AND mailbox = ?1",
	[Q_HELD_NEXTHOPS] = "SELECT nexthop, count(*), sum(count(*)) OVER (), status, max(id) FROM relay WHERE " QUARANTINED
	    " GROUP BY nexthop ORDER BY max(id) DESC",
	[Q_HELD_MAILBOXES] = "SELECT mailbox, count(*), sum(count(*)) OVER (), status, max(id) FROM relay WHERE " QUARANTINED
	    " GROUP BY mailbox ORDER BY mailbox",
	[Q_IRREGULAR_SUMS] = "SELECT count(*), count(*) FILTER (WHERE " SET_ASIDE "), (SELECT count(*) FROM oversize)"
	    " FROM suspect",
	[Q_IRREGULAR_ANY] = "SELECT EXISTS (SELECT 1 FROM suspect), EXISTS (SELECT 1 FROM oversize)",
	[Q_IRREGULAR_LIST] = "SELECT uid, max(deaths), max(failures), max(failed), max(oversize), max(gone), max(size), max(whole),"
	    " max(wanted) FROM ("
	    "SELECT uid, deaths, failures, since AS failed, 0 AS oversize, gone, size, 0 AS whole, 0 AS wanted"
	    " FROM suspect WHERE mailbox = ?1 AND uid > ?2 AND uid <= ?3"
	    " UNION ALL SELECT uid, 0, 0, 0, state, gone, 0, size, 0 FROM oversize WHERE mailbox = ?1 AND uid > ?2 AND uid <= ?3"
	    " UNION ALL SELECT uid, 0, 0, 0, 0, NULL, 0, 0, 1 FROM relay WHERE mailbox = ?1 AND body = {BODY_WANTED} AND uid > ?2"
	    " AND uid <= ?3)"
	    " GROUP BY uid ORDER BY uid",
	[Q_IRREGULAR_GET] = "SELECT (SELECT deaths FROM suspect WHERE mailbox = ?1 AND uid = ?2), (SELECT failures FROM suspect"
	    " WHERE mailbox = ?1 AND uid = ?2), (SELECT state FROM oversize WHERE mailbox = ?1 AND uid = ?2)",
	[Q_SUSPECT_ADD] = "INSERT INTO suspect (mailbox, uid, deaths, failures, gone, since, reason, size) VALUES (?1, ?2, 1, 0, NULL,"
	    " ?3, ?4, ?5) ON CONFLICT DO UPDATE SET deaths = deaths + 1, gone = NULL, since = ?3, reason = ?4, size = ?5 RETURNING deaths",
	[Q_FAILURE_ADD] = "INSERT INTO suspect (mailbox, uid, deaths, failures, gone, since, reason, size) VALUES (?1, ?2, 0, 1, NULL,"
	    " ?3, ?4, ?5) ON CONFLICT DO UPDATE SET failures = failures + 1, gone = NULL, since = ?3, reason = ?4, size = ?5"
	    " RETURNING failures",
	[Q_REFUSAL_ADD] = "INSERT INTO suspect (mailbox, uid, deaths, failures, refusals, gone, since, reason, size) VALUES (?1, ?2, 0,"
	    " 1, 1, NULL, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET failures = failures + 1, refusals = refusals + 1, gone = NULL,"
	    " since = ?3, reason = ?4, size = ?5",
	[Q_SUSPECT_CLEAR] = "DELETE FROM suspect WHERE mailbox = ?1 AND uid = ?2",
	[Q_SUSPECT_GONE] = "UPDATE suspect SET gone = min(ifnull(gone, ?3), ?3) WHERE mailbox = ?1 AND uid = ?2",
	[Q_SUSPECT_BACK] = "UPDATE suspect SET gone = NULL WHERE mailbox = ?1 AND uid = ?2",
	[Q_SUSPECT_COUNTS] = "SELECT count(*), count(*) FILTER (WHERE " SET_ASIDE "),"
	    " count(*) FILTER (WHERE refusals > 0) FROM suspect WHERE mailbox = ?1 AND gone IS NULL",
	[Q_SUSPECT_PURGE] = "DELETE FROM suspect WHERE mailbox = ?1 AND uid IN (SELECT uid FROM suspect WHERE mailbox = ?1 LIMIT ?2)",
	[Q_SUSPECT_NEXT] = "SELECT min(mailbox) FROM suspect WHERE mailbox > ?1",
	[Q_OVERSIZE_GET] = "SELECT state, sha256, size FROM oversize WHERE mailbox = ?1 AND uid = ?2",
	[Q_OVERSIZE_PUT] = "INSERT OR REPLACE INTO oversize (mailbox, uid, state, gone, size, since, sha256) VALUES (?1, ?2, ?3,"
	    " NULL, ?4, ?5, ?6)",
	[Q_OVERSIZE_CLEAR] = "DELETE FROM oversize WHERE mailbox = ?1 AND uid = ?2",
	[Q_OVERSIZE_GONE] = "UPDATE oversize SET gone = min(ifnull(gone, ?3), ?3) WHERE mailbox = ?1 AND uid = ?2",
	[Q_OVERSIZE_BACK] = "UPDATE oversize SET gone = NULL WHERE mailbox = ?1 AND uid = ?2",
	[Q_OVERSIZE_PURGE] = "DELETE FROM oversize WHERE mailbox = ?1 AND uid IN (SELECT uid FROM oversize WHERE mailbox = ?1 LIMIT ?2)",
	[Q_MAILBOX_GET] = "SELECT id, removed IS NOT NULL FROM mailbox WHERE account = ?1 AND record = ?2 AND host = ?3 AND port = ?4"
	    " AND login = ?5",
	/* What an administrator asked for once more is asked for of the record, wherever it points. */
	[Q_MAILBOX_ADD] = "INSERT INTO mailbox (account, record, host, port, login, created, forgotten) VALUES (?1, ?2, ?3, ?4, ?5, ?6,"
	    " (SELECT max(forgotten) FROM mailbox WHERE account = ?1 AND record = ?2))",
	[Q_MAILBOX_LIST] = "SELECT id, removed FROM mailbox ORDER BY id",
	[Q_MAILBOX_BACK] = "UPDATE mailbox SET removed = NULL WHERE id = ?1",
	[Q_MAILBOX_REMOVED] = "UPDATE mailbox SET removed = ?2 WHERE id = ?1",
	[Q_MAILBOX_DROP] = "DELETE FROM mailbox WHERE id = ?1",
	[Q_MAILBOX_LISTED] = "SELECT listed IS NOT NULL FROM mailbox WHERE id = ?1",
	[Q_MAILBOX_EMPTY] = "UPDATE mailbox SET empty = ifnull(empty, ?2) WHERE id = ?1",
	[Q_MAILBOX_LIST_IT] = "UPDATE mailbox SET listed = ifnull(listed, ?2) WHERE id = ?1",
	[Q_MAILBOX_ORIGIN] = "SELECT origin FROM mailbox WHERE id = ?1",
	[Q_MAILBOX_FORGET] = "UPDATE mailbox SET forgotten = max(?2, (SELECT ifnull(max(since), 0) FROM copy)) WHERE id = ?1",
	[Q_FORMER_LIST] = "SELECT f.id, f.account, f.record, f.host, f.port, f.login, f.removed >= ifnull(m.created, 0)"
	    " FROM mailbox m, mailbox f WHERE m.id = ?1 AND f.removed IS NOT NULL AND f.id <> m.id ORDER BY f.removed DESC, f.id DESC",
	[Q_FORMER_ROWS] = "SELECT uid, ifnull(listed, size), gone IS NOT NULL FROM seen WHERE mailbox = ?1"
	    " AND state <> {SEEN_DELETED} AND length(uid) <= {PROTO_UID_MAX}",
	[Q_FORMER_UNMARK] = "DELETE FROM seen WHERE mailbox = ?1 AND state = {SEEN_MARKED}",
	[Q_FORMER_COMPARE] = "UPDATE seen SET state = {SEEN_DELETED} WHERE mailbox = ?1 AND state IN " DELIVERED
	    " AND length(uid) <= {PROTO_UID_MAX}",
	[Q_FORMER_WAITING] = "SELECT uid FROM seen WHERE mailbox = ?1 AND state = {SEEN_WAITING} AND length(uid) <= {PROTO_UID_MAX}",
	[Q_FORMER_NAME] = "UPDATE mailbox SET account = ?1, record = ?2, host = ?3, port = ?4, login = ?5, origin = ?7,"
	    " removed = NULL, listed = ifnull(listed, ?8) WHERE id = ?6",
	[Q_SEEN_ABSENT] = "UPDATE seen SET gone = m.empty FROM mailbox m WHERE m.id = ?2 AND m.empty IS NOT NULL AND mailbox = ?1"
	    " AND gone IS NULL",
	[Q_SUSPECT_ABSENT] = "UPDATE suspect SET gone = m.empty FROM mailbox m WHERE m.id = ?2 AND m.empty IS NOT NULL"
	    " AND mailbox = ?1 AND gone IS NULL",
	[Q_OVERSIZE_ABSENT] = "UPDATE oversize SET gone = m.empty FROM mailbox m WHERE m.id = ?2 AND m.empty IS NOT NULL"
	    " AND mailbox = ?1 AND gone IS NULL",
	/* What a former mailbox knows of a message says more than that it is marked. */
	[Q_MARKS_KNOWN] = "DELETE FROM seen WHERE mailbox = ?2 AND state = {SEEN_MARKED} AND EXISTS (SELECT 1 FROM seen f"
	    " WHERE f.mailbox = ?1 AND f.uid = seen.uid AND f.gone IS NULL AND f.state IN ({SEEN_KEPT}, {SEEN_DELETING},"
	    " {SEEN_DENIED}, {SEEN_WAITING}))",
	[Q_SEEN_MOVE] = "UPDATE OR REPLACE seen SET mailbox = ?1 WHERE mailbox = ?2",
	[Q_FINGERPRINT_MOVE] = "UPDATE OR REPLACE fingerprint SET mailbox = ?1 WHERE mailbox = ?2",
	[Q_SUSPECT_MOVE] = "UPDATE OR REPLACE suspect SET mailbox = ?1 WHERE mailbox = ?2",
	[Q_OVERSIZE_MOVE] = "UPDATE OR REPLACE oversize SET mailbox = ?1 WHERE mailbox = ?2",
	[Q_HANDLED_MOVE] = "UPDATE OR REPLACE handled SET mailbox = ?1 WHERE mailbox = ?2",
	[Q_PENDING_MOVE] = "UPDATE pending SET mailbox = ?1 WHERE mailbox = ?2",
	[Q_COPY_MOVE] = "UPDATE copy SET mailbox = ?1 WHERE mailbox = ?2",
	[Q_RELAY_MOVE] = "UPDATE relay SET mailbox = ?1 WHERE mailbox = ?2",
	[Q_FORGET_COUNT] = "SELECT count(*) FROM seen WHERE mailbox IN" OF_RECORD " AND state NOT IN ({SEEN_DELETED},"
	    " {SEEN_WAITING}) AND gone IS NULL",
	[Q_FORGET_WAITING] = "SELECT count(*) FROM seen WHERE mailbox IN" OF_RECORD " AND state = {SEEN_WAITING}",
	[Q_FORGET_FINGERPRINT] = "DELETE FROM fingerprint WHERE mailbox IN" OF_RECORD " AND NOT EXISTS (SELECT 1 FROM seen s"
	    " WHERE s.mailbox = fingerprint.mailbox AND s.uid = fingerprint.uid AND s.state = {SEEN_WAITING})",
	[Q_FORGET_SEEN] = "DELETE FROM seen WHERE mailbox IN" OF_RECORD " AND state <> {SEEN_WAITING}",
	[Q_FORGET_SUSPECT] = "DELETE FROM suspect WHERE mailbox IN" OF_RECORD " AND deaths = 0",
	[Q_FORGET_OVERSIZE] = "DELETE FROM oversize WHERE mailbox IN" OF_RECORD,
	[Q_FORGET_RENUMBERED] = "DELETE FROM renumbered WHERE mailbox IN" OF_RECORD,
	[Q_FORGET_MAILBOX] = "UPDATE mailbox SET forgotten = max(?3, (SELECT ifnull(max(since), 0) FROM copy)),"
	    " listed = ifnull(listed, ?3) WHERE account = ?1 AND record = ?2",
	[Q_RENUMBER_GET] = "SELECT CASE answer WHEN 0 THEN {RENUMBER_RETRIEVE} WHEN 1 THEN {RENUMBER_SEEN} ELSE {RENUMBER_ASKED} END"
	    " FROM renumbered WHERE mailbox = ?1",
	[Q_RENUMBER_SINCE] = "SELECT since FROM renumbered WHERE mailbox = ?1",
	[Q_RENUMBER_PUT] = "INSERT OR REPLACE INTO renumbered (mailbox, since, known, unknown, answer) VALUES (?1, ?2, ?3, ?4, NULL)",
	[Q_RENUMBER_ANSWER] = "UPDATE renumbered SET answer = ?2 WHERE mailbox = ?1",
	[Q_RENUMBER_DROP] = "DELETE FROM renumbered WHERE mailbox = ?1",
	[Q_RECORD_GET] = "SELECT last_success, last_attempt, failures, messages, octets, polls, error, failing, no_capa, retrieved,"
	    " vanished FROM record_state WHERE mailbox = ?1",
	[Q_RECORD_PUT] = "INSERT OR REPLACE INTO record_state (mailbox, last_success, last_attempt, failures, messages, octets,"
	    " polls, failing, no_capa, retrieved, vanished, error) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
	[Q_UNFOUND_GET] = "SELECT messages, told FROM unfound WHERE mailbox = ?1 AND special = ?2",
	[Q_UNFOUND_PUT] = "INSERT OR REPLACE INTO unfound (mailbox, special, messages, told) VALUES (?1, ?2, ?3, ?4)",
	[Q_UNFOUND_DROP] = "DELETE FROM unfound WHERE mailbox = ?1",
	[Q_RECORD_DROP] = "DELETE FROM record_state WHERE mailbox = ?1",
	[Q_CLAMP_RELAY] = "UPDATE relay SET next = iif(next > ?2, ?1, next), arrived = iif(arrived > ?2, ?1, arrived) WHERE"
	    " next > ?2 OR arrived > ?2",
	[Q_CLAMP_COPY] = "UPDATE copy SET since = iif(since > ?2, ?1, since) WHERE since > ?2",
	[Q_CLAMP_HANDLED] = "UPDATE handled SET since = iif(since > ?2, ?1, since) WHERE since > ?2",
	[Q_CLAMP_SUSPECT] = "UPDATE suspect SET since = iif(since > ?2, ?1, since), gone = iif(gone > ?2, ?1, gone) WHERE since"
	    " > ?2 OR gone > ?2",
	[Q_CLAMP_OVERSIZE] = "UPDATE oversize SET since = iif(since > ?2, ?1, since), gone = iif(gone > ?2, ?1, gone) WHERE since"
	    " > ?2 OR gone > ?2",
	[Q_CLAMP_MAILBOX] = "UPDATE mailbox SET listed = iif(listed > ?2, ?1, listed), removed = iif(removed > ?2, ?1, removed),"
	    " created = iif(created > ?2, ?1, created) WHERE listed > ?2 OR removed > ?2 OR created > ?2",
	[Q_CLAMP_RENUMBERED] = "UPDATE renumbered SET since = iif(since > ?2, ?1, since) WHERE since > ?2",
	[Q_CLAMP_UNPROVEN] = "UPDATE unproven SET since = iif(since > ?2, ?1, since) WHERE since > ?2",
	[Q_CLAMP_RECORD] = "UPDATE record_state SET last_success = iif(last_success > ?2, ?1, last_success), last_attempt ="
	    " iif(last_attempt > ?2, ?1, last_attempt), failing = iif(failing > ?2, ?1, failing), no_capa ="
	    " iif(no_capa > ?2, 0, no_capa), retrieved = iif(retrieved > ?2, ?1, retrieved) WHERE last_success > ?2 OR last_attempt > ?2"
	    " OR failing > ?2 OR no_capa > ?2 OR retrieved > ?2",
	[Q_CLAMP_TOKEN] = "UPDATE token SET since = min(since, ?1), ends = 0, said = 0 WHERE since > ?2 OR said > ?2",
	[Q_CLAMP_META] = "UPDATE meta SET value = ?1 WHERE key = 'pruned' AND value > ?2",
	[Q_CLAMP_ALERT] = "UPDATE alert SET made = min(made, ?1), told = min(told, ?1) WHERE made > ?2 OR told > ?2",
	[Q_CLAMP_LOGIN] = "UPDATE last_login SET at = ?1 WHERE at > ?2",
	[Q_ROOT_COUNT] = "UPDATE root SET counter = counter + 1, durable = max(durable, ?1) RETURNING counter",
	[Q_ROOT_JOINED] = "UPDATE root SET joined = ?1",
	[Q_ROOT_DECLARED] = "UPDATE root SET joined = {ROOT_DECLARED}, identity = ?1, counter = max(counter, ?2) + 1, durable = 0",
	[Q_ROOT_STARTED] = "UPDATE root SET joined = iif(joined = {ROOT_NEW}, joined, {ROOT_JOINED}), life = ?1",
	[Q_SPENT_ADD] = "INSERT OR IGNORE INTO spent (link, counter) SELECT ?1, counter + 1 FROM root",
	[Q_SPENT_LIST] = "SELECT link FROM spent",
	[Q_SPENT_DROP] = "DELETE FROM spent WHERE counter < ?1",
	[Q_SESSION_PUT] = "UPDATE meta SET value = ?1 WHERE key = 'session'",
	[Q_MARK_GET] = "SELECT value FROM secret WHERE name = 'mark'",
	[Q_ALERT_ADD] = "INSERT INTO alert (account, text, made, told) SELECT ?1, ?2, ?3, NULL"
	    " WHERE (SELECT count(*) FROM alert WHERE account = ?1 AND told IS NULL) < {ALERTS_MAX} RETURNING id",
	/* Of those that were told the oldest make room. */
	[Q_ALERT_TRIM] = "DELETE FROM alert WHERE id IN (SELECT id FROM alert WHERE account = ?1 ORDER BY told IS NULL DESC, id DESC"
	    " LIMIT -1 OFFSET {ALERTS_MAX})",
	[Q_ALERT_NEXT] = "SELECT id, text FROM alert WHERE account = ?1 AND told IS NULL ORDER BY id",
	[Q_ALERT_TOLD] = "UPDATE alert SET told = ?2 WHERE id IN (SELECT value FROM json_each(?1)) AND told IS NULL",
	[Q_ALERT_GET] = "SELECT account FROM alert WHERE id = ?1",
	[Q_ALERT_REMOVE] = "DELETE FROM alert WHERE account = ?1 AND (?2 = 0 OR id = ?2)",
	[Q_ALERT_PAGE] = "SELECT id, account, text, made, ifnull(told, 0) FROM alert WHERE (account, id) > (?1, ?2)"
	    " AND (?3 = '' OR account = ?3) ORDER BY account, id LIMIT ?4",
	[Q_ALERT_ANY] = "SELECT EXISTS (SELECT 1 FROM alert) WHERE ?1 = 0",
	[Q_ALERT_PRUNE] = "DELETE FROM alert WHERE account IN (SELECT account FROM (SELECT DISTINCT account FROM alert) WHERE NOT"
	    " kept(account)) AND ?1 = 0",
	[Q_ALERT_OLD] = "DELETE FROM alert WHERE told < ?1",
	[Q_LOGIN_PUT] = "INSERT INTO last_login (account, at, client) SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'),"
	    " json_extract(value, '$[2]') FROM json_each(?1) WHERE 1 ON CONFLICT DO UPDATE SET at = excluded.at, client ="
	    " excluded.client",
	[Q_LOGIN_ALL] = "SELECT account, at, client FROM last_login",
	[Q_LOGIN_PRUNE] = "DELETE FROM last_login WHERE NOT kept(account) AND ?1 = 0",
	[Q_TOKEN_GET] = "SELECT refresh, cause, suspended, ends, said, warned FROM token WHERE origin = ?1",
	[Q_TOKEN_ROTATE] = "INSERT INTO token (origin, refresh, since) VALUES (?1, ?2, ?3)"
	    " ON CONFLICT DO UPDATE SET refresh = ?2, since = ?3, cause = NULL, suspended = NULL",
	[Q_TOKEN_SUSPEND] = "INSERT INTO token (origin, cause, since, suspended) VALUES (?1, ?2, ?3, ?4)"
	    " ON CONFLICT DO UPDATE SET cause = ?2, since = ?3, suspended = ?4",
	[Q_TOKEN_END] = "INSERT INTO token (origin, since, ends, said, warned) VALUES (?1, ?3, ?2, ?3, ?4)"
	    " ON CONFLICT DO UPDATE SET ends = ?2, said = ?3, warned = ?4",
	[Q_TOKEN_LIST] = "SELECT origin FROM token",
	[Q_TOKEN_DROP] = "DELETE FROM token WHERE origin = ?1"
};

/*
 * The text of a statement, with numbers in place of the names.  A name that is not known, or a text that is longer than size,
 * becomes one that SQLite refuses.
 */
void
query_text(enum state_sql q, char *text, size_t size)
{
	const char	*from = texts[q];
	size_t		 i, len, used = 0;

	while (*from != '\0' && used + 1 < size) {
		if (*from != '{') {
			text[used++] = *from++;
			continue;
		}
		len = strcspn(from + 1, "}");
		for (i = 0; i < nitems(query_names) - 1; i++)
			if (strlen(query_names[i].name) == len && strncmp(query_names[i].name, from + 1, len) == 0)
				break;
		used += (size_t)snprintf(text + used, size - used, query_names[i].name == NULL ? "{" : "%d", query_names[i].number);
		from += query_names[i].name == NULL ? 1 : len + 2;
	}
	text[used < size ? used : size - 1] = '\0';
}
