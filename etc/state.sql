-- SPDX-License-Identifier: ISC
-- Schema 5 of state.db, which rpopd creates and keeps; compiled into it, and run in a transaction.  See rpopd.db(5).
-- A migration from an older schema runs this text, too: tables that it leaves as they are exist already then.
-- Times are seconds of the epoch.  Numbers that stand for states are those of enums in rpopd/state/state.h.

PRAGMA application_id = 1919971187;	-- "rpos"
PRAGMA user_version = 5;

-- A remote mailbox, as one record names it.  Ids are never used again.  A record that is changed gets another mailbox, and what is
-- known of the former one goes along if its first listing proves that it is the same.
-- listed: time of its first complete listing.
-- removed: since when no record names it; its state is kept for settings.keep_state_days.
-- created: when a record named it first.
-- origin: where its state comes from, in words; NULL: it is its own.
-- forgotten: when the administrator asked for everything once more: copies that were delivered until then do not count.
-- empty: when a listing without a message came before the first that could be compared with a former mailbox.
CREATE TABLE IF NOT EXISTS mailbox (
	id	INTEGER PRIMARY KEY AUTOINCREMENT,
	account	TEXT NOT NULL,
	record	TEXT NOT NULL,
	host	TEXT NOT NULL,
	port	INTEGER NOT NULL,
	login	BLOB NOT NULL,
	listed	INTEGER,
	removed	INTEGER,
	created	INTEGER,
	origin	TEXT,
	forgotten	INTEGER,
	empty	INTEGER,
	UNIQUE (account, record, host, port, login)
) STRICT;
CREATE INDEX IF NOT EXISTS mailbox_removed ON mailbox (removed) WHERE removed IS NOT NULL;

-- Every message ever taken from a mailbox, until it is gone from there for good.
-- uid: its unique-id, or "sha256:<hexadecimal digest>:<n>" for a message without a unique-id that can be trusted.
-- state: 0 kept, 1 deleting, 2 deletion denied, 3 deleted, 4 marked as delivered without ever having been retrieved (its sha256
-- is all zero: not known), 5 taken, but a row of relay is not final: neither retrieved nor deleted.
-- gone: time of the first complete listing without the message.
-- since: time of its delivery, or of the marking.
-- listed: its size by the server's LIST, NULL: not known; with another size there, the unique-id has been given to another message.
-- size: octets that came.
-- The order of columns is that of their use: a poll visits the first six of every row.
CREATE TABLE IF NOT EXISTS seen (
	mailbox	INTEGER NOT NULL,
	uid	BLOB NOT NULL,
	state	INTEGER NOT NULL CHECK (state BETWEEN 0 AND 5),
	gone	INTEGER,
	since	INTEGER NOT NULL,
	listed	INTEGER,
	size	INTEGER NOT NULL,
	sha256	BLOB NOT NULL CHECK (length(sha256) = 32),
	PRIMARY KEY (mailbox, uid)
) STRICT, WITHOUT ROWID;

-- A digest of the header of a message that is still on its server, or may be.  By it the message is recognised before it is
-- deleted in another session than the one that retrieved it, and when its unique-id has changed.
CREATE TABLE IF NOT EXISTS fingerprint (
	mailbox		INTEGER NOT NULL,
	uid		BLOB NOT NULL,
	fingerprint	BLOB NOT NULL CHECK (length(fingerprint) = 32),
	PRIMARY KEY (mailbox, uid)
) STRICT, WITHOUT ROWID;

-- A mailbox whose session is running, or was when the master died: whether the server's answers were in step is not known of what
-- was committed since then.
CREATE TABLE IF NOT EXISTS unproven (
	mailbox	INTEGER NOT NULL PRIMARY KEY,
	since	INTEGER NOT NULL
) STRICT;

-- A delivery to a Maildir that is decided, but perhaps not yet in place.  A row whose file is nowhere becomes one of relay, with
-- the Maildir as dest, and the message is retrieved again for it alone.
-- link: the file in the spool.  dest: the Maildir.
-- copy: key of its row in table copy, NULL: none.
-- sha256: of the message, as in seen; NULL: not known, a report, or sent here.
CREATE TABLE IF NOT EXISTS pending (
	id	INTEGER PRIMARY KEY AUTOINCREMENT,
	mailbox	INTEGER NOT NULL,
	uid	BLOB NOT NULL,
	link	TEXT NOT NULL,
	dest	TEXT NOT NULL,
	copy	BLOB,
	sha256	BLOB CHECK (length(sha256) = 32)
) STRICT;
CREATE INDEX IF NOT EXISTS pending_message ON pending (mailbox, uid);

-- Every next hop that mail was handed on to.  Tables relay and relay_count name them by id, which is never used again.
-- nexthop, name, address: those of the row of rpopd.db that it was last; a row with two of the three is the same next hop.
-- gone: since when rpopd.db has had it no longer; then only name and address together bring it back.
-- A row without a name comes from an older schema, which had none, and is known by nexthop.
CREATE TABLE IF NOT EXISTS hop (
	id	INTEGER PRIMARY KEY AUTOINCREMENT,
	nexthop	INTEGER NOT NULL,
	name	TEXT NOT NULL,
	address	TEXT NOT NULL,
	gone	INTEGER
) STRICT;

-- A recipient that is not in a Maildir: he is at a next hop, in quarantine, or failed.
-- uid: empty for reports and notices, which rpopd wrote itself: no message on a server waits for them.
-- mailbox: 0 for what an account sent over a session of popd, with 'sent: ' and a number as uid, here and in pending and handled.
-- link: the file in the spool, which stays there as long as the row.
-- nexthop: an id of table hop, and dest is the address to hand on to; 0: dest is the Maildir that a quarantined message was meant
-- for (state 1), or that one waits for whose file was missing before it was moved there (state 0).
-- client: numeric address that gave the message to the provider, empty: not known.
-- notify: whether the sender is told of a failure, 0 never, 1 yes.
-- after: what the row in seen becomes when no row of the message is open any more: 0 kept, 1 deleting.
-- state: 0 waiting, due at next; 1 quarantined; 2 failed for good, its report is due.
-- arrived: when the recipient was taken, or released.
-- body: 1 the file is in the spool, so that the message is safe here; 0 it is missing and wanted: the message is retrieved again,
-- and nothing about it is final until then; 2 it is missing, and the server has the message no longer.
-- sent: when it was handed on, as long as no result is written down; 0: it is not on its way.
-- sha256: of the message, as in seen, since a unique-id may be another message's by now; NULL: not known, or a report.
-- copy: as in pending, of a row that was one; its row there is forgotten when the message is lost.
CREATE TABLE IF NOT EXISTS relay (
	id		INTEGER PRIMARY KEY AUTOINCREMENT,
	mailbox		INTEGER NOT NULL,
	uid		BLOB NOT NULL,
	link		TEXT NOT NULL UNIQUE,
	nexthop		INTEGER NOT NULL,
	dest		TEXT NOT NULL,
	original	TEXT NOT NULL,
	sender		TEXT NOT NULL,
	client		TEXT NOT NULL,
	notify		INTEGER NOT NULL CHECK (notify IN (0, 1)),
	after		INTEGER NOT NULL CHECK (after IN (0, 1)),
	state		INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2),
	arrived		INTEGER NOT NULL,
	next		INTEGER NOT NULL,
	tries		INTEGER NOT NULL,
	status		TEXT NOT NULL,
	body		INTEGER NOT NULL DEFAULT 1 CHECK (body BETWEEN 0 AND 2),
	sent		INTEGER NOT NULL DEFAULT 0,
	sha256		BLOB CHECK (length(sha256) = 32),
	copy		BLOB
) STRICT;
CREATE INDEX IF NOT EXISTS relay_message ON relay (mailbox, uid);
CREATE INDEX IF NOT EXISTS relay_quarantine ON relay (mailbox) WHERE state = 1 AND body = 1 AND uid <> x'';
CREATE INDEX IF NOT EXISTS relay_wanted ON relay (mailbox, uid) WHERE body = 0;
CREATE INDEX IF NOT EXISTS relay_sent ON relay (nexthop) WHERE sent > 0;

-- Who has got which message of unified records.
-- key: the first 16 octets of SHA-256 over the message's identity and the recipient.
-- mailbox, uid: the message that was delivered, as it was named then; NULL: it was before this was kept.
CREATE TABLE IF NOT EXISTS copy (
	key	BLOB NOT NULL PRIMARY KEY CHECK (length(key) = 16),
	since	INTEGER NOT NULL,
	mailbox	INTEGER,
	uid	BLOB
) STRICT, WITHOUT ROWID;

-- What became of each message, and why, for rpopctl find and explain; kept for settings.history_days.
-- id: grows, and is never given again while table found has it.
-- mailbox, uid: as in seen, as the message is named now; one that is named by a unique-id which another one had is the last of them.
-- since: when.  size: octets that came.
-- msgid: its Message-ID without the brackets, vis-encoded and perhaps cut; empty: it has none.  sender: reverse-path.
-- note: why, in lines; empty with a personal record.
-- results: a line for each thing that became of a recipient.
CREATE TABLE IF NOT EXISTS handled (
	id	INTEGER PRIMARY KEY,
	mailbox	INTEGER NOT NULL,
	uid	BLOB NOT NULL,
	since	INTEGER NOT NULL,
	size	INTEGER NOT NULL,
	msgid	TEXT NOT NULL,
	sender	TEXT NOT NULL,
	note	TEXT NOT NULL,
	results	TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS handled_message ON handled (mailbox, uid);
CREATE INDEX IF NOT EXISTS handled_since ON handled (since);

-- What messages of table handled are found by: Message-ID, sender, recipients.
-- bucket: the quotient of id by a number that state/history.c has; it keeps together what is written at one time.
-- key: a number that stands for such a word, made with the secret 'find'.
CREATE TABLE IF NOT EXISTS found (
	bucket	INTEGER NOT NULL,
	key	INTEGER NOT NULL,
	id	INTEGER NOT NULL,
	PRIMARY KEY (bucket, key, id)
) STRICT, WITHOUT ROWID;

-- What next hops have done with recipients.  in_doubt: the reply to a message's end was lost.
CREATE TABLE IF NOT EXISTS relay_count (
	nexthop		INTEGER NOT NULL PRIMARY KEY,
	accepted	INTEGER NOT NULL,
	refused		INTEGER NOT NULL,
	retried		INTEGER NOT NULL,
	in_doubt	INTEGER NOT NULL
) STRICT;

-- What was written to whom about what, so that it is not written again within a day, whatever is restarted meanwhile.
-- address: of an account here, or of a sender.  at: when.
CREATE TABLE IF NOT EXISTS told (
	address	TEXT NOT NULL,
	about	TEXT NOT NULL,
	at	INTEGER NOT NULL,
	PRIMARY KEY (address, about)
) STRICT, WITHOUT ROWID;

-- Messages that were in flight when the deliverer died (deaths), or when their session failed (failures); among the failures are
-- refusals by the server (refusals).
-- gone: as in seen.  since: the last time.  size: as listed, 0: not known.
CREATE TABLE IF NOT EXISTS suspect (
	mailbox		INTEGER NOT NULL,
	uid		BLOB NOT NULL,
	deaths		INTEGER NOT NULL,
	failures	INTEGER NOT NULL,
	gone		INTEGER,
	since		INTEGER NOT NULL,
	reason		TEXT NOT NULL,
	size		INTEGER NOT NULL DEFAULT 0,
	refusals	INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (mailbox, uid)
) STRICT, WITHOUT ROWID;

-- Messages over max_size, which are reported.
-- state: 1 skipped, 2 the header was delivered, 3 the server did not give the header.
-- gone: as in seen.  size: as listed.  sha256: of the header that was delivered.
CREATE TABLE IF NOT EXISTS oversize (
	mailbox	INTEGER NOT NULL,
	uid	BLOB NOT NULL,
	state	INTEGER NOT NULL CHECK (state BETWEEN 1 AND 3),
	gone	INTEGER,
	size	INTEGER NOT NULL,
	since	INTEGER NOT NULL,
	sha256	BLOB CHECK (length(sha256) = 32),
	PRIMARY KEY (mailbox, uid)
) STRICT, WITHOUT ROWID;

-- Mailboxes that are paused, because the server has given their messages new unique-ids.
-- known, unknown: how many known messages were missing, and how many unknown ones were there.
-- answer: the administrator's, NULL none yet, 0 retrieve, 1 they count as delivered.
CREATE TABLE IF NOT EXISTS renumbered (
	mailbox	INTEGER NOT NULL PRIMARY KEY,
	since	INTEGER NOT NULL,
	known	INTEGER NOT NULL,
	unknown	INTEGER NOT NULL,
	answer	INTEGER CHECK (answer IN (0, 1))
) STRICT;

-- How the polls of a mailbox went.
-- failing: time of the first failure since the last success, 0 none.
-- no_capa: since when the server is not asked for its capabilities, because it does not stand that; 0 it is asked.
-- retrieved: beginning of the last session that left new messages on the server and has not seen them since.
-- vanished: such sessions in a row whose messages were all gone when they should have been listed again; 2: that was told.
CREATE TABLE IF NOT EXISTS record_state (
	mailbox		INTEGER NOT NULL PRIMARY KEY,
	last_success	INTEGER NOT NULL,
	last_attempt	INTEGER NOT NULL,
	failures	INTEGER NOT NULL,
	messages	INTEGER NOT NULL,
	octets		INTEGER NOT NULL,
	polls		INTEGER NOT NULL,
	error		TEXT NOT NULL,
	failing		INTEGER NOT NULL DEFAULT 0,
	no_capa		INTEGER NOT NULL DEFAULT 0,
	retrieved	INTEGER NOT NULL DEFAULT 0,
	vanished	INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Records with special header fields whose last messages had none of them.
-- special: the fields, with the trusted hop behind a space.  messages: how many in a row.  told: the postmaster was told.
CREATE TABLE IF NOT EXISTS unfound (
	mailbox		INTEGER NOT NULL PRIMARY KEY,
	special		TEXT NOT NULL,
	messages	INTEGER NOT NULL,
	told		INTEGER NOT NULL CHECK (told IN (0, 1))
) STRICT;

-- What has come of the refresh tokens that the administrator entered.
-- origin: the SHA-256 of such a token, or of a client's data.
-- refresh: what the provider put in its place.
-- suspended: why no requests are made while cause, a digest of record and client, is the same.
-- ends: when the provider will take the token no more, as it said last at the time said; 0: it does not say.
-- warned: the owner was told.
CREATE TABLE IF NOT EXISTS token (
	origin		BLOB NOT NULL PRIMARY KEY CHECK (length(origin) = 32),
	refresh		BLOB,
	cause		BLOB CHECK (length(cause) = 32),
	suspended	TEXT,
	since		INTEGER NOT NULL,
	ends		INTEGER NOT NULL DEFAULT 0,
	said		INTEGER NOT NULL DEFAULT 0,
	warned		INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- What users are told at popd, in place of their mailboxes: one at each login with the right password.
-- account: its address.  made: when it was asked for.  told: when a client had taken it, NULL: not yet.
CREATE TABLE IF NOT EXISTS alert (
	id	INTEGER PRIMARY KEY AUTOINCREMENT,
	account	TEXT NOT NULL,
	text	TEXT NOT NULL,
	made	INTEGER NOT NULL,
	told	INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS alert_account ON alert (account, id);
CREATE INDEX IF NOT EXISTS alert_next ON alert (account, id) WHERE told IS NULL;

-- When an account was last logged in to with POP3; an account that never was has no row.
-- account: its address.  client: the address that the login came from.
CREATE TABLE IF NOT EXISTS last_login (
	account	TEXT NOT NULL PRIMARY KEY,
	at	INTEGER NOT NULL,
	client	TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Single numbers.
-- session: the last session number that was reserved.  pruned: when old rows were removed last.
-- quarantined: deliveries that went into quarantine since the postmaster was told last.
-- proof: when something was written last only to know that it can be done.
CREATE TABLE IF NOT EXISTS meta (
	key	TEXT NOT NULL PRIMARY KEY,
	value	INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO meta (key, value) VALUES ('session', 1);

-- The mail root that this state belongs to: its file .rpopd has the same identity, and a counter that was this one's at some time
-- between the one known to be durable there and now.
-- counter: grows with every durable transaction.  durable: what is known to be durable in the mail root.
-- life: the first session number of the last life of the daemon whose start was completed.
-- joined: 0 no mail root is known, 1 they belong together, 2 an administrator declared it: what is in the spool proves nothing yet,
-- 3 a mail root was taken as it was found; 2 and 3 become 1 when a start is completed.
CREATE TABLE IF NOT EXISTS root (
	one		INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
	identity	BLOB NOT NULL CHECK (length(identity) = 16),
	counter		INTEGER NOT NULL,
	durable		INTEGER NOT NULL,
	life		INTEGER NOT NULL,
	joined		INTEGER NOT NULL CHECK (joined BETWEEN 0 AND 3)
) STRICT;
INSERT OR IGNORE INTO root (one, identity, counter, durable, life, joined)
	SELECT 1, randomblob(16), 1, 0, value, 0 FROM meta WHERE key = 'session';

-- Links in the spool whose rows are gone: they are to be removed, or are removed and not known to be durably so.
-- counter: of the transaction that dropped the row.
CREATE TABLE IF NOT EXISTS spent (
	link	TEXT NOT NULL PRIMARY KEY,
	counter	INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS spent_counter ON spent (counter);

-- Keys.  mark: of the trace mark in messages that passed through here.  find: of what table found has.
CREATE TABLE IF NOT EXISTS secret (
	name	TEXT NOT NULL PRIMARY KEY,
	value	BLOB NOT NULL CHECK (length(value) = 32)
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO secret (name, value) VALUES ('mark', randomblob(32)), ('find', randomblob(32));

-- What follows is for people; the program does not use it.
CREATE VIEW mailboxes (id, account, record, host, port, login, last_success, last_attempt, error, failures, messages, octets,
    polls, kept, undeleted, waiting, oversize, paused, removed, origin) AS
	SELECT m.id, m.account, m.record, m.host, m.port, CAST(m.login AS TEXT),
	    datetime(nullif(r.last_success, 0), 'unixepoch', 'localtime'),
	    datetime(nullif(r.last_attempt, 0), 'unixepoch', 'localtime'),
	    r.error, r.failures, r.messages, r.octets, r.polls,
	    (SELECT count(*) FROM seen s WHERE s.mailbox = m.id AND s.state IN (0, 4)),
	    (SELECT count(*) FROM seen s WHERE s.mailbox = m.id AND s.state IN (1, 2)),
	    (SELECT count(*) FROM seen s WHERE s.mailbox = m.id AND s.state = 5),
	    (SELECT count(*) FROM oversize o WHERE o.mailbox = m.id),
	    (SELECT datetime(n.since, 'unixepoch', 'localtime') FROM renumbered n WHERE n.mailbox = m.id),
	    datetime(m.removed, 'unixepoch', 'localtime'), m.origin
	FROM mailbox m LEFT JOIN record_state r ON r.mailbox = m.id;

CREATE VIEW messages (mailbox, account, record, uid, state, since, gone_since, listed, size, sha256) AS
	SELECT m.id, m.account, m.record, CAST(s.uid AS TEXT),
	    CASE s.state WHEN 0 THEN 'kept' WHEN 1 THEN 'deleting' WHEN 2 THEN 'denied' WHEN 3 THEN 'deleted' WHEN 4 THEN 'marked'
	    ELSE 'waiting' END,
	    datetime(s.since, 'unixepoch', 'localtime'), datetime(s.gone, 'unixepoch', 'localtime'), s.listed, s.size,
	    CASE s.state WHEN 4 THEN NULL ELSE lower(hex(s.sha256)) END
	FROM mailbox m JOIN seen s ON s.mailbox = m.id;

CREATE VIEW history (id, since, account, record, mailbox, uid, size, message_id, sender, results) AS
	SELECT h.id, datetime(h.since, 'unixepoch', 'localtime'), m.account, m.record, h.mailbox, CAST(h.uid AS TEXT), h.size, h.msgid,
	    h.sender, h.results
	FROM handled h LEFT JOIN mailbox m ON m.id = h.mailbox;

CREATE VIEW queue (id, account, record, uid, nexthop, recipient, sender, state, arrived, next_try, tries, status) AS
	SELECT r.id, m.account, m.record, CAST(r.uid AS TEXT), (SELECT h.name FROM hop h WHERE h.id = r.nexthop), r.dest, r.sender,
	    CASE r.body WHEN 0 THEN 'wanted' WHEN 2 THEN 'lost' ELSE
	    CASE r.state WHEN 0 THEN 'waiting' WHEN 1 THEN 'quarantined' ELSE 'failed' END END,
	    datetime(r.arrived, 'unixepoch', 'localtime'), datetime(r.next, 'unixepoch', 'localtime'), r.tries, r.status
	FROM relay r LEFT JOIN mailbox m ON m.id = r.mailbox;

CREATE VIEW copies (key, since, mailbox, account, record, uid) AS
	SELECT lower(hex(c.key)), datetime(c.since, 'unixepoch', 'localtime'), c.mailbox, m.account, m.record, CAST(c.uid AS TEXT)
	FROM copy c LEFT JOIN mailbox m ON m.id = c.mailbox;

CREATE VIEW tokens (origin, replaced, suspended, since, ends) AS
	SELECT lower(hex(origin)), CASE WHEN refresh IS NULL THEN 'no' ELSE 'yes' END, suspended,
	    datetime(since, 'unixepoch', 'localtime'), datetime(nullif(ends, 0), 'unixepoch', 'localtime')
	FROM token;

CREATE VIEW suspects (mailbox, account, record, uid, deaths, failures, refusals, aside, last_time, reason) AS
	SELECT m.id, m.account, m.record, CAST(s.uid AS TEXT), s.deaths, s.failures, s.refusals,
	    CASE WHEN s.deaths >= 3 OR s.failures >= 5 THEN 'yes' ELSE 'no' END,
	    datetime(s.since, 'unixepoch', 'localtime'), s.reason
	FROM suspect s LEFT JOIN mailbox m ON m.id = s.mailbox;

CREATE VIEW oversized (mailbox, account, record, uid, size, state, since) AS
	SELECT m.id, m.account, m.record, CAST(o.uid AS TEXT), o.size,
	    CASE o.state WHEN 2 THEN 'header delivered' WHEN 3 THEN 'skipped, no header' ELSE 'skipped' END,
	    datetime(o.since, 'unixepoch', 'localtime')
	FROM oversize o LEFT JOIN mailbox m ON m.id = o.mailbox;
