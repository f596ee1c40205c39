-- SPDX-License-Identifier: ISC
-- Schema 1 of state.db, which rpopd creates and keeps; compiled into it.  See rpopd.db(5).

BEGIN IMMEDIATE;
PRAGMA application_id = 1919971187;	-- "rpos"
PRAGMA user_version = 1;

-- A remote mailbox: a record that is pointed elsewhere starts afresh.  Ids are never used again.
CREATE TABLE mailbox (
	id	INTEGER PRIMARY KEY AUTOINCREMENT,
	account	TEXT NOT NULL,
	record	TEXT NOT NULL,
	host	TEXT NOT NULL,
	port	INTEGER NOT NULL,
	login	BLOB NOT NULL,
	UNIQUE (account, record, host, port, login)
) STRICT;

-- Every message ever taken from a mailbox, until it is gone from there for good.
-- state: 0 kept, 1 deleting, 2 deletion denied, 3 deleted.  gone: time of the first complete listing without it.
CREATE TABLE seen (
	mailbox	INTEGER NOT NULL,
	uid	BLOB NOT NULL,
	state	INTEGER NOT NULL CHECK (state BETWEEN 0 AND 3),
	gone	INTEGER,
	size	INTEGER NOT NULL,
	sha256	BLOB NOT NULL CHECK (length(sha256) = 32),
	PRIMARY KEY (mailbox, uid)
) STRICT, WITHOUT ROWID;

-- Decided, but perhaps not yet in place: link in the spool, dest is the Maildir.
CREATE TABLE pending (
	id	INTEGER PRIMARY KEY AUTOINCREMENT,
	mailbox	INTEGER NOT NULL,
	uid	BLOB NOT NULL,
	link	TEXT NOT NULL,
	dest	TEXT NOT NULL
) STRICT;

-- In flight when the deliverer died.
CREATE TABLE suspect (
	mailbox	INTEGER NOT NULL,
	uid	BLOB NOT NULL,
	deaths	INTEGER NOT NULL,
	gone	INTEGER,
	since	INTEGER NOT NULL,
	reason	TEXT NOT NULL,
	PRIMARY KEY (mailbox, uid)
) STRICT, WITHOUT ROWID;

CREATE TABLE record_state (
	mailbox		INTEGER NOT NULL PRIMARY KEY,
	last_success	INTEGER NOT NULL,
	last_attempt	INTEGER NOT NULL,
	failures	INTEGER NOT NULL,
	messages	INTEGER NOT NULL,
	octets		INTEGER NOT NULL,
	polls		INTEGER NOT NULL,
	error		TEXT NOT NULL
) STRICT;

CREATE TABLE meta (
	key	TEXT NOT NULL PRIMARY KEY,
	value	INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO meta (key, value) VALUES ('session', 1);

-- For people.
CREATE VIEW mailboxes (id, account, record, host, port, login, last_success, last_attempt, error, failures, messages, octets,
    polls, kept, undeleted) AS
	SELECT m.id, m.account, m.record, m.host, m.port, CAST(m.login AS TEXT),
	    datetime(nullif(r.last_success, 0), 'unixepoch', 'localtime'),
	    datetime(nullif(r.last_attempt, 0), 'unixepoch', 'localtime'),
	    r.error, r.failures, r.messages, r.octets, r.polls,
	    (SELECT count(*) FROM seen s WHERE s.mailbox = m.id AND s.state = 0),
	    (SELECT count(*) FROM seen s WHERE s.mailbox = m.id AND s.state IN (1, 2))
	FROM mailbox m LEFT JOIN record_state r ON r.mailbox = m.id;

CREATE VIEW messages (mailbox, account, record, uid, state, gone_since, size, sha256) AS
	SELECT m.id, m.account, m.record, CAST(s.uid AS TEXT),
	    CASE s.state WHEN 0 THEN 'kept' WHEN 1 THEN 'deleting' WHEN 2 THEN 'denied' ELSE 'deleted' END,
	    datetime(s.gone, 'unixepoch', 'localtime'), s.size, lower(hex(s.sha256))
	FROM mailbox m JOIN seen s ON s.mailbox = m.id;

CREATE VIEW suspects (mailbox, account, record, uid, deaths, aside, last_death, reason) AS
	SELECT m.id, m.account, m.record, CAST(s.uid AS TEXT), s.deaths, CASE WHEN s.deaths >= 3 THEN 'yes' ELSE 'no' END,
	    datetime(s.since, 'unixepoch', 'localtime'), s.reason
	FROM suspect s LEFT JOIN mailbox m ON m.id = s.mailbox;
COMMIT;
