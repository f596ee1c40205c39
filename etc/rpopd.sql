-- SPDX-License-Identifier: ISC
-- Schema 5 of rpopd.db, the administrator's store; see rpopd.db(5).
-- rpopctl init makes a store of it; it is compiled into rpopd.
--
-- sqlite3(1) does not enforce foreign keys by default: they are declared for the record and for the daemon's foreign_key_check,
-- and triggers enforce them.  The name of a CHECK is the sentence the administrator reads.

BEGIN IMMEDIATE;
PRAGMA application_id = 1919971184;	-- "rpop"
PRAGMA user_version = 5;

CREATE TABLE domain (
	name	TEXT NOT NULL PRIMARY KEY,
	address	TEXT,
	source_routes	INTEGER NOT NULL DEFAULT 0,
	CONSTRAINT "domain: source_routes must be 0, or 1: local%host@domain and host!local@domain stand for local@host" CHECK (
	    source_routes IN (0, 1)),
	CONSTRAINT "domain: address must be numeric addresses of this host, separated by commas, or NULL" CHECK (
	    length(CAST(address AS BLOB)) BETWEEN 2 AND 500 AND address NOT GLOB '*[^0-9a-fA-F.:,]*' AND ',' || address || ',' NOT GLOB '*,,*'),
	CONSTRAINT "domain: a name with letters beyond ASCII is written as its A-label, which the command 'idn2 NAME' prints" CHECK (
	    name NOT GLOB '*[' || char(128) || '-' || char(1114111) || ']*'),
	CONSTRAINT "domain: 'spool' is the name of the spool below the mail root" CHECK (name <> 'spool'),
	CONSTRAINT "domain: a name is in lower case: labels of letters, digits and hyphens, joined by dots, 253 at most" CHECK (
	    length(CAST(name AS BLOB)) BETWEEN 1 AND 253 AND name NOT GLOB '*[^a-z0-9.-]*' AND
	    '.' || name || '.' NOT GLOB '*..*' AND '.' || name NOT GLOB '*.-*' AND name || '.' NOT GLOB '*-.*')
) STRICT, WITHOUT ROWID;

-- Where messages are handed on to: an LMTP or SMTP server, never looked up as MX.  Ids are never used again.
CREATE TABLE nexthop (
	id		INTEGER PRIMARY KEY AUTOINCREMENT,
	name		TEXT NOT NULL UNIQUE,
	protocol	TEXT NOT NULL DEFAULT 'lmtp',
	address		TEXT NOT NULL,
	tls		TEXT NOT NULL DEFAULT 'none',
	tls_name	TEXT,
	ca_file		TEXT,
	auth_name	TEXT,
	password	ANY,
	helo		TEXT,
	xclient		INTEGER NOT NULL DEFAULT 0,
	null_sender	TEXT NOT NULL DEFAULT 'auto',
	connections	INTEGER NOT NULL DEFAULT 2,
	timeout		INTEGER NOT NULL DEFAULT 300,
	keep_trace	INTEGER NOT NULL DEFAULT 0,
	bounce_to	TEXT,
	CONSTRAINT "nexthop: keep_trace must be 0, or 1: Delivered-To fields of the provider go to the next hop, too" CHECK (
	    keep_trace IN (0, 1)),
	CONSTRAINT "nexthop: bounce_to must be an address, local-part@domain in lower case, that routes to a place here, or NULL" CHECK (
	    bounce_to = lower(bounce_to) AND length(CAST(bounce_to AS BLOB)) <= 318 AND bounce_to GLOB '?*@?*' AND
	    bounce_to NOT GLOB '[*]@*' AND instr(CAST(bounce_to AS BLOB), x'00') = 0 AND
	    bounce_to NOT GLOB '*[' || char(1) || '-' || char(32) || char(127) || ']*'),
	CONSTRAINT "nexthop: bounce_to and null_sender 'always' exclude each other" CHECK (
	    bounce_to IS NULL OR null_sender <> 'always'),
	CONSTRAINT "nexthop: id must be 1..4294967295" CHECK (id BETWEEN 1 AND 4294967295),
	CONSTRAINT "nexthop: name must be 1 to 64 octets of text without control characters" CHECK (
	    length(CAST(name AS BLOB)) BETWEEN 1 AND 64 AND instr(CAST(name AS BLOB), x'00') = 0 AND
	    name NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*'),
	CONSTRAINT "nexthop: protocol must be lmtp or smtp" CHECK (protocol IN ('lmtp', 'smtp')),
	CONSTRAINT "nexthop: address is host or host:port alone, or the path of a socket, without a scheme such as smtp:// or unix:" CHECK (
	    address GLOB '/*' OR address NOT GLOB '*/*'),
	CONSTRAINT "nexthop: address must be host, host:port, [v6], [v6]:port, or the absolute path of a socket of at most 107 octets" CHECK (
	    CASE WHEN address GLOB '/*' THEN address GLOB '/?*' AND length(CAST(address AS BLOB)) <= 107 AND
	    '/' || address || '/' NOT GLOB '*/../*' AND instr(CAST(address AS BLOB), x'00') = 0 AND
	    address NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*'
	    WHEN address GLOB '[[]*]*' THEN length(address) <= 60 AND address NOT GLOB '*[^][0-9a-fA-F:.]*'
	    ELSE length(CAST(address AS BLOB)) BETWEEN 1 AND 259 AND address NOT GLOB '*[^a-zA-Z0-9._:-]*' AND
	    address NOT GLOB '[.:-]*' AND address NOT GLOB '*:*:*' AND address NOT GLOB '*..*' END),
	CONSTRAINT "nexthop: the port behind the host must be :1 to :65535" CHECK (address GLOB '/*' OR
	    CASE WHEN address GLOB '[[]*]' THEN 1 WHEN address GLOB '[[]*]:[1-9]*' THEN
	    substr(address, instr(address, ']') + 2) NOT GLOB '*[^0-9]*' AND CAST(substr(address, instr(address, ']') + 2) AS INTEGER) <= 65535
	    WHEN address GLOB '[[]*' THEN 0 WHEN address GLOB '*:*' THEN address GLOB '*:[1-9]*' AND
	    substr(address, instr(address, ':') + 1) NOT GLOB '*[^0-9]*' AND CAST(substr(address, instr(address, ':') + 1) AS INTEGER) <= 65535
	    ELSE 1 END),
	CONSTRAINT "nexthop: tls must be none, stls (STARTTLS) or tls" CHECK (tls IN ('none', 'stls', 'tls')),
	CONSTRAINT "nexthop: a socket in the file system takes no tls" CHECK (tls = 'none' OR address NOT GLOB '/*'),
	CONSTRAINT "nexthop: tls_name and ca_file are for tls and stls" CHECK (tls <> 'none' OR coalesce(tls_name, ca_file) IS NULL),
	CONSTRAINT "nexthop: tls_name must be the host name in the server's certificate, or NULL" CHECK (
	    length(CAST(tls_name AS BLOB)) BETWEEN 1 AND 253 AND tls_name NOT GLOB '*[^a-zA-Z0-9._:-]*'),
	CONSTRAINT "nexthop: ca_file must be an absolute path without .. or control characters, or NULL" CHECK (
	    ca_file GLOB '/?*' AND length(CAST(ca_file AS BLOB)) <= 1023 AND '/' || ca_file || '/' NOT GLOB '*/../*' AND
	    instr(CAST(ca_file AS BLOB), x'00') = 0 AND ca_file NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*'),
	CONSTRAINT "nexthop: auth_name and password belong together" CHECK ((auth_name IS NULL) = (password IS NULL)),
	CONSTRAINT "nexthop: a password is sent under TLS only, or to a socket; set tls to tls or stls" CHECK (
	    password IS NULL OR tls <> 'none' OR address GLOB '/*'),
	CONSTRAINT "nexthop: auth_name must be 1 to 512 octets without CR, LF or NUL" CHECK (
	    length(CAST(auth_name AS BLOB)) BETWEEN 1 AND 512 AND instr(CAST(auth_name AS BLOB), x'0d') = 0 AND
	    instr(CAST(auth_name AS BLOB), x'0a') = 0 AND instr(CAST(auth_name AS BLOB), x'00') = 0),
	CONSTRAINT "nexthop: password must be text in quotes, or a blob, of 1 to 1024 octets without CR, LF or NUL" CHECK (password IS NULL OR
	    typeof(password) IN ('text', 'blob') AND length(CAST(password AS BLOB)) BETWEEN 1 AND 1024 AND
	    instr(CAST(password AS BLOB), x'0d') = 0 AND instr(CAST(password AS BLOB), x'0a') = 0 AND
	    instr(CAST(password AS BLOB), x'00') = 0),
	CONSTRAINT "nexthop: helo must be a host name, or NULL for settings.hostname" CHECK (
	    length(CAST(helo AS BLOB)) BETWEEN 1 AND 253 AND helo NOT GLOB '*[^a-zA-Z0-9._-]*' AND
	    helo NOT GLOB '[.-]*' AND helo NOT GLOB '*.' AND helo NOT GLOB '*..*'),
	CONSTRAINT "nexthop: xclient must be 0 or 1" CHECK (xclient IN (0, 1)),
	CONSTRAINT "nexthop: null_sender must be auto, never or always" CHECK (null_sender IN ('auto', 'never', 'always')),
	CONSTRAINT "nexthop: connections must be 1..100" CHECK (connections BETWEEN 1 AND 100),
	CONSTRAINT "nexthop: timeout must be 10..3600 seconds" CHECK (timeout BETWEEN 10 AND 3600)
) STRICT;

CREATE TABLE account (
	id		INTEGER PRIMARY KEY AUTOINCREMENT,
	name		TEXT NOT NULL,
	domain		TEXT NOT NULL REFERENCES domain (name) ON DELETE RESTRICT ON UPDATE RESTRICT,
	nexthop		TEXT REFERENCES nexthop (name) ON DELETE RESTRICT ON UPDATE RESTRICT,
	password	ANY,
	can_modify_rpop	INTEGER NOT NULL DEFAULT 0,
	max_records	INTEGER,
	min_period	INTEGER,
	unix_user	TEXT UNIQUE,
	pop		INTEGER NOT NULL DEFAULT 1,
	login_delay	INTEGER,
	sessions	INTEGER NOT NULL DEFAULT 10,
	expire_days	INTEGER,
	unified		INTEGER NOT NULL DEFAULT 0,
	submit		INTEGER NOT NULL DEFAULT 0,
	address		TEXT NOT NULL GENERATED ALWAYS AS (name || '@' || domain) STORED UNIQUE,
	CONSTRAINT "account: password must be a string of crypt(3), {PLAIN} and the password, or {SCRAM-SHA-256} and its verifier, or NULL" CHECK (
	    password IS NULL OR typeof(password) IN ('text', 'blob') AND length(CAST(password AS BLOB)) BETWEEN 1 AND 1031 AND
	    instr(CAST(password AS BLOB), x'0d') = 0 AND instr(CAST(password AS BLOB), x'0a') = 0 AND
	    instr(CAST(password AS BLOB), x'00') = 0 AND (CAST(password AS TEXT) GLOB '$*' OR CAST(password AS TEXT) GLOB '{PLAIN}?*' OR
	    CAST(password AS TEXT) GLOB '{SCRAM-SHA-256}[1-9]*,?*,?*,?*')),
	CONSTRAINT "account: password by crypt(3) must be yescrypt ($y$), gost-yescrypt ($gy$), scrypt ($7$), bcrypt ($2b$), SHA-512 ($6$) or SHA-256 ($5$); MD5 and DES are too weak" CHECK (
	    CAST(password AS TEXT) NOT GLOB '$*' OR CAST(password AS TEXT) GLOB '$y$?*$?*$?*' OR CAST(password AS TEXT) GLOB '$gy$?*$?*$?*' OR
	    CAST(password AS TEXT) GLOB '$7$?*$?*' OR CAST(password AS TEXT) GLOB '$2[aby]$[0-9][0-9]$?*' OR
	    CAST(password AS TEXT) GLOB '$[56]$?*$?*'),
	CONSTRAINT "account: can_modify_rpop must be 0, or 1: its user keeps the records of the account himself" CHECK (
	    can_modify_rpop IN (0, 1)),
	CONSTRAINT "account: max_records must be 0..1000 records of the user's own, or NULL for settings.user_max_records" CHECK (
	    max_records BETWEEN 0 AND 1000),
	CONSTRAINT "account: min_period must be 10..31536000 seconds, or NULL for settings.user_min_period" CHECK (
	    min_period BETWEEN 10 AND 31536000),
	CONSTRAINT "account: unix_user must be the name of a system user, not root, or NULL" CHECK (
	    length(CAST(unix_user AS BLOB)) BETWEEN 1 AND 32 AND unix_user NOT GLOB '*[^a-zA-Z0-9._-]*' AND
	    unix_user NOT GLOB '-*' AND unix_user <> 'root'),
	CONSTRAINT "account: pop must be 1, or 0: its mail is not read with POP3" CHECK (pop IN (0, 1)),
	CONSTRAINT "account: login_delay must be 0..86400 seconds between two logins, or NULL for settings.pop_login_delay" CHECK (
	    login_delay BETWEEN 0 AND 86400),
	CONSTRAINT "account: sessions must be 1..1000 at once" CHECK (sessions BETWEEN 1 AND 1000),
	CONSTRAINT "account: expire_days must be 1..36500 days after which what was read is removed, or NULL for never" CHECK (
	    expire_days BETWEEN 1 AND 36500),
	CONSTRAINT "account: unified must be 0, or 1: its mail says which addresses it came for, and each of them can be read by itself" CHECK (
	    unified IN (0, 1)),
	CONSTRAINT "account: submit must be 0, or 1: its owner may send mail over a session of POP3 (XTND XMIT)" CHECK (submit IN (0, 1)),
	CONSTRAINT "account: id must be 1..4294967295" CHECK (id BETWEEN 1 AND 4294967295),
	CONSTRAINT "account: a name is in lower case: letters, digits and . _ + = & ' -, 1 to 64 of them" CHECK (
	    length(CAST(name AS BLOB)) BETWEEN 1 AND 64 AND name NOT GLOB '*[^a-z0-9._+=&''-]*'),
	CONSTRAINT "account: a name neither begins with . or - nor ends with a dot nor has two dots in a row" CHECK (
	    name NOT GLOB '[.-]*' AND name NOT GLOB '*.' AND name NOT GLOB '*..*')
) STRICT;

CREATE INDEX account_logins ON account (id) WHERE password IS NOT NULL;

-- Whose accounts administer the server, and whose administer domains: they keep records of others through the daemon.
CREATE TABLE server_admin (
	account		TEXT NOT NULL PRIMARY KEY REFERENCES account (address) ON DELETE RESTRICT ON UPDATE RESTRICT
) STRICT, WITHOUT ROWID;

CREATE TABLE domain_admin (
	account		TEXT NOT NULL REFERENCES account (address) ON DELETE RESTRICT ON UPDATE RESTRICT,
	domain		TEXT NOT NULL REFERENCES domain (name) ON DELETE RESTRICT ON UPDATE RESTRICT,
	can_modify_rpop	INTEGER NOT NULL DEFAULT 1,
	can_access_mailboxes	INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (account, domain),
	CONSTRAINT "domain_admin: can_access_mailboxes must be 0, or 1: he reads the mail of the domain's accounts with POP3" CHECK (
	    can_access_mailboxes IN (0, 1)),
	CONSTRAINT "domain_admin: can_modify_rpop must be 1, or 0: the records of the domain can be looked at only" CHECK (
	    can_modify_rpop IN (0, 1))
) STRICT, WITHOUT ROWID;

-- What becomes of an address that is not an account's own; several rows of one address are several targets.  Looked up: the address
-- itself, then without its +detail, then *@domain.  A target is looked up again, unless there is a nexthop.
CREATE TABLE route (
	address	TEXT NOT NULL,
	target	TEXT,
	folder	TEXT,
	nexthop	TEXT REFERENCES nexthop (name) ON DELETE RESTRICT ON UPDATE RESTRICT,
	action	TEXT NOT NULL DEFAULT 'deliver',
	text	TEXT,
	CONSTRAINT "route: address must be local-part@domain or *@domain in lower case, without spaces or control characters" CHECK (
	    address = lower(address) AND length(CAST(address AS BLOB)) <= 318 AND address GLOB '?*@?*' AND
	    instr(CAST(address AS BLOB), x'00') = 0 AND
	    address NOT GLOB '*[' || char(1) || '-' || char(32) || char(127) || ']*'),
	CONSTRAINT "route: target must be local-part@domain or *@domain in lower case, without spaces or control characters" CHECK (
	    target = lower(target) AND length(CAST(target AS BLOB)) <= 318 AND target GLOB '?*@?*' AND
	    instr(CAST(target AS BLOB), x'00') = 0 AND
	    target NOT GLOB '*[' || char(1) || '-' || char(32) || char(127) || ']*'),
	CONSTRAINT "route: target *@domain is for addresses *@domain" CHECK (
	    target IS NULL OR target NOT GLOB '[*]@*' OR address GLOB '[*]@*'),
	CONSTRAINT "route: action must be deliver, reject or discard" CHECK (action IN ('deliver', 'reject', 'discard')),
	CONSTRAINT "route: action deliver needs a target or a nexthop, reject and discard have neither" CHECK (
	    CASE action WHEN 'deliver' THEN coalesce(target, nexthop) IS NOT NULL
	    ELSE coalesce(target, nexthop, folder) IS NULL END),
	CONSTRAINT "route: folder is for a target that is an account, without nexthop" CHECK (
	    folder IS NULL OR target IS NOT NULL AND target NOT GLOB '[*]@*' AND nexthop IS NULL),
	CONSTRAINT "route: folder must be a folder such as Lists or Lists/bsd, 127 octets at most, or NULL" CHECK (
	    length(CAST(folder AS BLOB)) BETWEEN 1 AND 127 AND '/' || replace(folder, '.', '/') || '/' NOT GLOB '*//*' AND
	    instr(CAST(folder AS BLOB), x'00') = 0 AND folder NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*'),
	CONSTRAINT "route: text is the reason of a reject, 1 to 200 printable ASCII characters" CHECK (text IS NULL OR
	    action = 'reject' AND length(CAST(text AS BLOB)) BETWEEN 1 AND 200 AND text NOT GLOB '*[^ -~]*')
) STRICT;
CREATE UNIQUE INDEX route_address ON route (address, ifnull(target, ''), ifnull(nexthop, ''), ifnull(folder, ''));

CREATE TABLE settings (
	id		INTEGER NOT NULL PRIMARY KEY DEFAULT 1,
	main_domain	TEXT REFERENCES domain (name) ON DELETE RESTRICT ON UPDATE RESTRICT,
	mail_root	TEXT NOT NULL DEFAULT '/var/spool/rpopd',
	ca_dir		TEXT NOT NULL DEFAULT '/etc/ssl/certs',
	hostname	TEXT,
	nameservers	TEXT,
	processors	INTEGER NOT NULL DEFAULT 100,
	use_apop	INTEGER NOT NULL DEFAULT 1,
	idle_timeout	INTEGER NOT NULL DEFAULT 180,
	session_timeout	INTEGER NOT NULL DEFAULT 3600,
	delay_failed_hosts	INTEGER NOT NULL DEFAULT 300,
	delay_failed_accounts	INTEGER NOT NULL DEFAULT 300,
	host_sessions	INTEGER NOT NULL DEFAULT 10,
	schedule	TEXT,
	source_address	TEXT,
	use_domain_addresses	INTEGER NOT NULL DEFAULT 0,
	self_poll	INTEGER NOT NULL DEFAULT 0,
	socks		TEXT,
	log_level	TEXT NOT NULL DEFAULT 'problems',
	nexthop		TEXT REFERENCES nexthop (name) ON DELETE RESTRICT ON UPDATE RESTRICT,
	report_nexthop	TEXT REFERENCES nexthop (name) ON DELETE RESTRICT ON UPDATE RESTRICT,
	archive		TEXT,
	detail		TEXT NOT NULL DEFAULT '+',
	hop_limit	INTEGER NOT NULL DEFAULT 100,
	queue_age	INTEGER NOT NULL DEFAULT 432000,
	queue_limit	INTEGER NOT NULL DEFAULT 10000,
	keep_state_days	INTEGER NOT NULL DEFAULT 30,
	min_free	INTEGER NOT NULL DEFAULT 200,
	history_days	INTEGER NOT NULL DEFAULT 30,
	user_min_period	INTEGER NOT NULL DEFAULT 600,
	user_max_records	INTEGER NOT NULL DEFAULT 5,
	unified_field	TEXT NOT NULL DEFAULT 'X-Real-To',
	pop_channels	INTEGER NOT NULL DEFAULT 100,
	pop_per_address	INTEGER NOT NULL DEFAULT 20,
	pop_login_delay	INTEGER NOT NULL DEFAULT 0,
	pop_idle	INTEGER NOT NULL DEFAULT 600,
	pop_clear	TEXT NOT NULL DEFAULT 'local',
	pop_apop	INTEGER NOT NULL DEFAULT 1,
	pop_log_level	TEXT,
	pop_auth	TEXT NOT NULL DEFAULT 'store',
	pop_auth_user	TEXT,
	submit_nexthop	TEXT REFERENCES nexthop (name) ON DELETE RESTRICT ON UPDATE RESTRICT,
	submit_limit	INTEGER NOT NULL DEFAULT 60,
	submit_recipients	INTEGER NOT NULL DEFAULT 100,
	submit_size	INTEGER NOT NULL DEFAULT 26214400,
	web_socket	TEXT,
	web_group	TEXT,
	CONSTRAINT "settings: unified_field must be the name of one header field, at most 77 octets, without a colon" CHECK (
	    length(CAST(unified_field AS BLOB)) BETWEEN 1 AND 77 AND unified_field NOT GLOB '*[^!-)+-9;-~]*'),
	CONSTRAINT "settings: unified_field names a field that is taken out of the mail of unified accounts; it cannot be one that belongs to messages" CHECK (
	    lower(unified_field) NOT IN ('to', 'cc', 'bcc', 'return-path', 'received', 'from', 'sender', 'reply-to', 'date', 'subject',
	    'message-id', 'in-reply-to', 'references', 'mime-version', 'dkim-signature', 'comments', 'keywords', 'authentication-results',
	    'received-spf', 'mail-followup-to', 'errors-to', 'return-receipt-to', 'disposition-notification-to') AND
	    lower(unified_field) NOT GLOB 'content-*' AND lower(unified_field) NOT GLOB 'resent-*' AND
	    lower(unified_field) NOT GLOB 'list-*' AND lower(unified_field) NOT GLOB 'arc-*' AND
	    lower(unified_field) NOT GLOB 'x-rpopd-*'),
	CONSTRAINT "settings: pop_channels must be 0..10000 sessions of mail programs at once; 0: nothing listens" CHECK (
	    pop_channels BETWEEN 0 AND 10000),
	CONSTRAINT "settings: pop_per_address must be 1..10000 sessions of one address at once" CHECK (pop_per_address BETWEEN 1 AND 10000),
	CONSTRAINT "settings: pop_login_delay must be 0..86400 seconds between two logins of an account" CHECK (
	    pop_login_delay BETWEEN 0 AND 86400),
	CONSTRAINT "settings: pop_idle must be 600..86400 seconds; RFC 1939 wants ten minutes at least" CHECK (pop_idle BETWEEN 600 AND 86400),
	CONSTRAINT "settings: pop_clear must be never, local or always: from where passwords may come without TLS" CHECK (
	    pop_clear IN ('never', 'local', 'always')),
	CONSTRAINT "settings: pop_apop must be 0 or 1" CHECK (pop_apop IN (0, 1)),
	CONSTRAINT "settings: pop_log_level must be crashes, failures, major, problems, low or all, or NULL for the level of everything else" CHECK (
	    pop_log_level IN ('crashes', 'failures', 'major', 'problems', 'low', 'all')),
	CONSTRAINT "settings: pop_auth must be store, the path of Dovecot's auth socket, or checkpassword: and a command, an absolute path and words behind it" CHECK (
	    pop_auth = 'store' OR
	    instr(CAST(pop_auth AS BLOB), x'00') = 0 AND pop_auth NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*' AND
	    '/' || pop_auth || '/' NOT GLOB '*/../*' AND
	    (pop_auth GLOB '/?*' AND length(CAST(pop_auth AS BLOB)) <= 103 OR
	    pop_auth GLOB 'checkpassword:/?*' AND length(CAST(pop_auth AS BLOB)) <= 1023 AND ' ' || pop_auth || ' ' NOT GLOB '*  *')),
	CONSTRAINT "settings: pop_auth_user is the system user that the program of pop_auth runs as, not root" CHECK (pop_auth_user IS NULL OR
	    pop_auth GLOB 'checkpassword:*' AND length(CAST(pop_auth_user AS BLOB)) BETWEEN 1 AND 32 AND
	    pop_auth_user NOT GLOB '*[^a-zA-Z0-9._-]*' AND pop_auth_user NOT GLOB '-*' AND pop_auth_user <> 'root'),
	CONSTRAINT "settings: submit_limit must be 1..100000 messages that an account sends in an hour" CHECK (submit_limit BETWEEN 1 AND 100000),
	CONSTRAINT "settings: submit_recipients must be 1..1000 addresses that a message is sent to" CHECK (
	    submit_recipients BETWEEN 1 AND 1000),
	CONSTRAINT "settings: submit_size must be 1024..1073741824 octets of a message that is sent" CHECK (
	    submit_size BETWEEN 1024 AND 1073741824),
	CONSTRAINT "settings: web_socket must be the absolute path, of at most 103 octets, of the socket that a web server speaks FastCGI to, or NULL" CHECK (
	    web_socket GLOB '/?*' AND length(CAST(web_socket AS BLOB)) <= 103 AND '/' || web_socket || '/' NOT GLOB '*/../*' AND
	    web_socket NOT GLOB '*/' AND instr(CAST(web_socket AS BLOB), x'00') = 0 AND
	    web_socket NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*'),
	CONSTRAINT "settings: web_group must be the system group whose members may connect to web_socket, or NULL for root alone" CHECK (
	    length(CAST(web_group AS BLOB)) BETWEEN 1 AND 32 AND web_group NOT GLOB '*[^a-zA-Z0-9._-]*' AND web_group NOT GLOB '-*'),
	CONSTRAINT "settings: history_days must be 0..3650 days" CHECK (history_days BETWEEN 0 AND 3650),
	CONSTRAINT "settings: user_min_period must be 10..31536000 seconds" CHECK (user_min_period BETWEEN 10 AND 31536000),
	CONSTRAINT "settings: user_max_records must be 0..1000 records" CHECK (user_max_records BETWEEN 0 AND 1000),
	CONSTRAINT "settings: min_free must be 0..1048576 MiB" CHECK (min_free BETWEEN 0 AND 1048576),
	CONSTRAINT "settings: keep_state_days must be 0..3650 days" CHECK (keep_state_days BETWEEN 0 AND 3650),
	CONSTRAINT "settings: archive must be an address, local-part@domain in lower case, that routes to a place here, or NULL" CHECK (
	    archive = lower(archive) AND length(CAST(archive AS BLOB)) <= 318 AND archive GLOB '?*@?*' AND archive NOT GLOB '[*]@*' AND
	    instr(CAST(archive AS BLOB), x'00') = 0 AND archive NOT GLOB '*[' || char(1) || '-' || char(32) || char(127) || ']*'),
	CONSTRAINT "settings: detail must be the character between user and detail in addresses, one of + - = . _ #, or empty" CHECK (
	    detail IN ('', '+', '-', '=', '.', '_', '#')),
	CONSTRAINT "settings: hop_limit must be 10..1000 Received fields" CHECK (hop_limit BETWEEN 10 AND 1000),
	CONSTRAINT "settings: queue_age must be 600..2592000 seconds" CHECK (queue_age BETWEEN 600 AND 2592000),
	CONSTRAINT "settings: queue_limit must be 1..1000000 deliveries" CHECK (queue_limit BETWEEN 1 AND 1000000),
	CONSTRAINT "settings: there is exactly one row, with id 1" CHECK (id = 1),
	CONSTRAINT "settings: mail_root must be an absolute path without .. or control characters" CHECK (
	    mail_root GLOB '/?*' AND length(CAST(mail_root AS BLOB)) <= 1023 AND '/' || mail_root || '/' NOT GLOB '*/../*' AND
	    instr(CAST(mail_root AS BLOB), x'00') = 0 AND
	    mail_root NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*'),
	CONSTRAINT "settings: ca_dir must be an absolute path without .. or control characters" CHECK (
	    ca_dir GLOB '/?*' AND length(CAST(ca_dir AS BLOB)) <= 1023 AND '/' || ca_dir || '/' NOT GLOB '*/../*' AND
	    instr(CAST(ca_dir AS BLOB), x'00') = 0 AND ca_dir NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*'),
	CONSTRAINT "settings: hostname must be a host name, or NULL for the system's own" CHECK (
	    length(CAST(hostname AS BLOB)) BETWEEN 1 AND 253 AND hostname NOT GLOB '*[^a-zA-Z0-9._-]*' AND
	    hostname NOT GLOB '[.-]*' AND hostname NOT GLOB '*.' AND hostname NOT GLOB '*..*'),
	CONSTRAINT "settings: nameservers must be numeric addresses, ip or ip:port or [v6]:port, by commas, or NULL" CHECK (
	    length(CAST(nameservers AS BLOB)) BETWEEN 2 AND 255 AND nameservers NOT GLOB '*[^][0-9a-fA-F.:,]*'),
	CONSTRAINT "settings: processors must be 0..1000" CHECK (processors BETWEEN 0 AND 1000),
	CONSTRAINT "settings: use_apop must be 0 or 1" CHECK (use_apop IN (0, 1)),
	CONSTRAINT "settings: idle_timeout must be 10..3600 seconds" CHECK (idle_timeout BETWEEN 10 AND 3600),
	CONSTRAINT "settings: session_timeout must be 60..86400 seconds and not shorter than idle_timeout" CHECK (
	    session_timeout BETWEEN 60 AND 86400 AND session_timeout >= idle_timeout),
	CONSTRAINT "settings: delay_failed_hosts must be 10..604800 seconds" CHECK (delay_failed_hosts BETWEEN 10 AND 604800),
	CONSTRAINT "settings: delay_failed_accounts must be 10..604800 seconds" CHECK (delay_failed_accounts BETWEEN 10 AND 604800),
	CONSTRAINT "settings: host_sessions must be 1..1000" CHECK (host_sessions BETWEEN 1 AND 1000),
	CONSTRAINT "settings: source_address must be numeric addresses of this host, one per family, by commas, or NULL" CHECK (
	    length(CAST(source_address AS BLOB)) BETWEEN 2 AND 500 AND source_address NOT GLOB '*[^0-9a-fA-F.:,]*' AND ',' || source_address || ',' NOT GLOB '*,,*'),
	CONSTRAINT "settings: use_domain_addresses must be 0 or 1" CHECK (use_domain_addresses IN (0, 1)),
	CONSTRAINT "settings: self_poll must be 0 or 1" CHECK (self_poll IN (0, 1)),
	CONSTRAINT "settings: socks must be the SOCKS5 server's numeric address and port, ip:port or [v6]:port, or NULL" CHECK (
	    length(CAST(socks AS BLOB)) BETWEEN 9 AND 63 AND socks NOT GLOB '*[^][0-9a-fA-F.:]*' AND socks GLOB '*:[1-9]*'),
	CONSTRAINT "settings: log_level must be crashes, failures, major, problems, low or all" CHECK (
	    log_level IN ('crashes', 'failures', 'major', 'problems', 'low', 'all'))
) STRICT;

-- Windows of time in which polling is permitted; those of one name belong together.  days: those on which a window begins, 1 is
-- Monday.  A window that ends before it begins ends on the next day.  pause: the least time between two polls of a record that the
-- window permits.
CREATE TABLE schedule (
	name	TEXT NOT NULL,
	days	TEXT NOT NULL DEFAULT '1234567',
	begins	TEXT NOT NULL DEFAULT '00:00',
	ends	TEXT NOT NULL DEFAULT '24:00',
	pause	INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (name, days, begins),
	CONSTRAINT "schedule: name must be 1 to 64 octets of text without control characters" CHECK (
	    length(CAST(name AS BLOB)) BETWEEN 1 AND 64 AND instr(CAST(name AS BLOB), x'00') = 0 AND
	    name NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*'),
	CONSTRAINT "schedule: days must be digits 1 (Monday) to 7 (Sunday), such as 12345" CHECK (
	    length(CAST(days AS BLOB)) BETWEEN 1 AND 7 AND days NOT GLOB '*[^1-7]*'),
	CONSTRAINT "schedule: begins must be a time of day, 00:00 to 23:59" CHECK (
	    begins GLOB '[0-2][0-9]:[0-5][0-9]' AND begins < '24:00'),
	CONSTRAINT "schedule: ends must be a time of day, 00:00 to 24:00, other than begins" CHECK (
	    ends GLOB '[0-2][0-9]:[0-5][0-9]' AND ends <= '24:00' AND ends <> begins),
	CONSTRAINT "schedule: pause must be 0..86400 seconds" CHECK (pause BETWEEN 0 AND 86400)
) STRICT, WITHOUT ROWID;

-- What an OAuth identity provider knows this site by.
CREATE TABLE oauth_client (
	name		TEXT NOT NULL PRIMARY KEY,
	token_url	TEXT NOT NULL,
	device_url	TEXT,
	client_id	TEXT NOT NULL,
	client_secret	ANY,
	scope		TEXT,
	grant_type	TEXT NOT NULL DEFAULT 'refresh_token',
	ca_file		TEXT,
	CONSTRAINT "oauth_client: name must be 1 to 64 octets of text without control characters" CHECK (
	    length(CAST(name AS BLOB)) BETWEEN 1 AND 64 AND instr(CAST(name AS BLOB), x'00') = 0 AND
	    name NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*'),
	CONSTRAINT "oauth_client: token_url must be https://host/path or https://host:port/path, 1000 octets at most" CHECK (
	    length(CAST(token_url AS BLOB)) <= 1000 AND token_url GLOB 'https://[a-zA-Z0-9[]*/*' AND
	    token_url NOT GLOB '*[^!-~]*' AND token_url NOT GLOB '*[@#]*'),
	CONSTRAINT "oauth_client: device_url must be https://host/path or https://host:port/path, 1000 octets at most, or NULL" CHECK (
	    length(CAST(device_url AS BLOB)) <= 1000 AND device_url GLOB 'https://[a-zA-Z0-9[]*/*' AND
	    device_url NOT GLOB '*[^!-~]*' AND device_url NOT GLOB '*[@#]*'),
	CONSTRAINT "oauth_client: client_id must be 1 to 512 printable ASCII characters" CHECK (
	    length(CAST(client_id AS BLOB)) BETWEEN 1 AND 512 AND client_id NOT GLOB '*[^ -~]*'),
	CONSTRAINT "oauth_client: client_secret must be text in quotes, or a blob, of 1 to 1024 octets, or NULL" CHECK (
	    client_secret IS NULL OR
	    typeof(client_secret) IN ('text', 'blob') AND length(CAST(client_secret AS BLOB)) BETWEEN 1 AND 1024),
	CONSTRAINT "oauth_client: scope must be 1 to 1000 printable ASCII characters, or NULL" CHECK (
	    length(CAST(scope AS BLOB)) BETWEEN 1 AND 1000 AND scope NOT GLOB '*[^ -~]*'),
	CONSTRAINT "oauth_client: grant_type must be refresh_token or client_credentials" CHECK (
	    grant_type IN ('refresh_token', 'client_credentials')),
	CONSTRAINT "oauth_client: client_credentials need a client_secret" CHECK (
	    grant_type <> 'client_credentials' OR client_secret IS NOT NULL),
	CONSTRAINT "oauth_client: ca_file must be an absolute path without .. or control characters, or NULL" CHECK (
	    ca_file GLOB '/?*' AND length(CAST(ca_file AS BLOB)) <= 1023 AND '/' || ca_file || '/' NOT GLOB '*/../*' AND
	    instr(CAST(ca_file AS BLOB), x'00') = 0 AND ca_file NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*')
) STRICT;

-- Where popd listens for mail programs.  Without a row nothing does.
CREATE TABLE listener (
	address		TEXT NOT NULL,
	port		INTEGER NOT NULL,
	tls		TEXT NOT NULL DEFAULT 'tls',
	cert		TEXT,
	key		TEXT,
	channels	INTEGER NOT NULL DEFAULT 100,
	PRIMARY KEY (address, port),
	CONSTRAINT "listener: address must be a numeric address of this host, without brackets, or '*' for all" CHECK (address = '*' OR
	    length(CAST(address AS BLOB)) BETWEEN 2 AND 47 AND address NOT GLOB '*[^0-9a-fA-F.:]*'),
	CONSTRAINT "listener: port must be 1..65535; 110 is that of POP3, 995 that of POP3 under TLS" CHECK (port BETWEEN 1 AND 65535),
	CONSTRAINT "listener: tls must be tls, stls or none" CHECK (tls IN ('tls', 'stls', 'none')),
	CONSTRAINT "listener: cert must be an absolute path without .. or control characters, or NULL" CHECK (
	    cert GLOB '/?*' AND length(CAST(cert AS BLOB)) <= 1023 AND '/' || cert || '/' NOT GLOB '*/../*' AND
	    instr(CAST(cert AS BLOB), x'00') = 0 AND cert NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*'),
	CONSTRAINT "listener: key must be an absolute path without .. or control characters, or NULL" CHECK (
	    key GLOB '/?*' AND length(CAST(key AS BLOB)) <= 1023 AND '/' || key || '/' NOT GLOB '*/../*' AND
	    instr(CAST(key AS BLOB), x'00') = 0 AND key NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*'),
	CONSTRAINT "listener: tls and stls need cert and key, the files of the server's certificate and of the key to it" CHECK (
	    tls = 'none' OR cert IS NOT NULL AND key IS NOT NULL),
	CONSTRAINT "listener: cert and key are for tls and stls" CHECK (tls <> 'none' OR coalesce(cert, key) IS NULL),
	CONSTRAINT "listener: channels must be 1..10000 sessions at once" CHECK (channels BETWEEN 1 AND 10000)
) STRICT, WITHOUT ROWID;

-- Further certificates of a listener with TLS.  A client that says which name it connected to gets the one that has this name.
CREATE TABLE certificate (
	address		TEXT NOT NULL,
	port		INTEGER NOT NULL,
	cert		TEXT NOT NULL,
	key		TEXT NOT NULL,
	PRIMARY KEY (address, port, cert),
	FOREIGN KEY (address, port) REFERENCES listener (address, port) ON DELETE RESTRICT ON UPDATE RESTRICT,
	CONSTRAINT "certificate: port must be 1..65535, that of a row of table listener" CHECK (port BETWEEN 1 AND 65535),
	CONSTRAINT "certificate: cert must be an absolute path without .. or control characters" CHECK (
	    cert GLOB '/?*' AND length(CAST(cert AS BLOB)) <= 1023 AND '/' || cert || '/' NOT GLOB '*/../*' AND
	    instr(CAST(cert AS BLOB), x'00') = 0 AND cert NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*'),
	CONSTRAINT "certificate: key must be an absolute path without .. or control characters" CHECK (
	    key GLOB '/?*' AND length(CAST(key AS BLOB)) <= 1023 AND '/' || key || '/' NOT GLOB '*/../*' AND
	    instr(CAST(key AS BLOB), x'00') = 0 AND key NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*')
) STRICT, WITHOUT ROWID;

-- Who reads folders of others with POP3.  Rights are letters of RFC 4314: r opens the folder, s marks what was retrieved as read, t
-- deletes; l, the folder is there, gives nothing in POP3.
CREATE TABLE acl (
	owner		TEXT NOT NULL REFERENCES account (address) ON DELETE RESTRICT ON UPDATE RESTRICT,
	folder		TEXT NOT NULL,
	who		TEXT NOT NULL,
	rights		TEXT NOT NULL,
	PRIMARY KEY (owner, folder, who),
	CONSTRAINT "acl: folder must be INBOX, or a folder such as Lists or Lists/bsd, 127 octets at most" CHECK (
	    length(CAST(folder AS BLOB)) BETWEEN 1 AND 127 AND '/' || replace(folder, '.', '/') || '/' NOT GLOB '*//*' AND
	    instr(CAST(folder AS BLOB), x'00') = 0 AND folder NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*' AND
	    (upper(folder) <> 'INBOX' OR folder = 'INBOX')),
	CONSTRAINT "acl: who must be the address of an account, *@ and a domain, or anyone" CHECK (who = 'anyone' OR
	    who = lower(who) AND length(CAST(who AS BLOB)) <= 318 AND who GLOB '?*@?*' AND instr(CAST(who AS BLOB), x'00') = 0),
	CONSTRAINT "acl: rights must be letters of l (it is there), r (read), s (mark as read) and t (delete), each once" CHECK (
	    rights GLOB '[lrst]*' AND rights NOT GLOB '*[^lrst]*' AND length(replace(rights, 'l', '')) >= length(rights) - 1 AND
	    length(replace(rights, 'r', '')) >= length(rights) - 1 AND length(replace(rights, 's', '')) >= length(rights) - 1 AND
	    length(replace(rights, 't', '')) >= length(rights) - 1)
) STRICT, WITHOUT ROWID;

CREATE TABLE rpop (
	account		TEXT NOT NULL REFERENCES account (address) ON DELETE RESTRICT ON UPDATE RESTRICT,
	name		TEXT NOT NULL,
	domain		TEXT NOT NULL,
	auth_name	TEXT NOT NULL,
	password	ANY,
	period		INTEGER DEFAULT 600,
	mailbox		TEXT,
	special		TEXT,
	special_nth	INTEGER,
	trusted_hop	TEXT,
	strip_prefix	TEXT,
	received_for	INTEGER NOT NULL DEFAULT 0,
	domains		TEXT,
	suppress	INTEGER NOT NULL DEFAULT 1,
	local_domain	TEXT REFERENCES domain (name) ON DELETE RESTRICT ON UPDATE RESTRICT,
	leave		INTEGER NOT NULL DEFAULT 1,
	tls		TEXT NOT NULL DEFAULT 'tls',
	apop		INTEGER NOT NULL DEFAULT 0,
	auth		TEXT NOT NULL DEFAULT 'auto',
	oauth_client	TEXT REFERENCES oauth_client (name) ON DELETE RESTRICT ON UPDATE RESTRICT,
	refresh_token	ANY,
	token_command	TEXT,
	token_user	TEXT,
	tls_min		TEXT,
	tls_ciphers	TEXT,
	tls_name	TEXT,
	tls_pins	TEXT,
	ca_file		TEXT,
	tls_cert	TEXT,
	tls_key		TEXT,
	schedule	TEXT,
	max_size	INTEGER,
	oversize	TEXT NOT NULL DEFAULT 'skip',
	session_messages	INTEGER,
	session_octets	INTEGER,
	leave_days	INTEGER,
	first_poll	TEXT NOT NULL DEFAULT 'retrieve',
	self_service	INTEGER NOT NULL DEFAULT 0,
	rset		INTEGER NOT NULL DEFAULT 0,
	host		TEXT GENERATED ALWAYS AS (CASE
	    WHEN domain GLOB '[[]*]*' THEN substr(domain, 2, instr(domain, ']') - 2)
	    WHEN domain GLOB '*:*' THEN substr(domain, 1, instr(domain, ':') - 1)
	    ELSE domain END) VIRTUAL,
	port_text	TEXT GENERATED ALWAYS AS (CASE
	    WHEN domain GLOB '[[]*]*' THEN substr(domain, instr(domain, ']') + 1)
	    WHEN domain GLOB '*:*' THEN substr(domain, instr(domain, ':'))
	    ELSE '' END) VIRTUAL,
	PRIMARY KEY (account, name),
	CONSTRAINT "rpop: name must be 1 to 127 octets of text without control characters" CHECK (
	    length(CAST(name AS BLOB)) BETWEEN 1 AND 127 AND instr(CAST(name AS BLOB), x'00') = 0 AND
	    name NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*'),
	CONSTRAINT "rpop: domain is the host alone, or host:port, without a scheme such as https:// and without a path" CHECK (
	    domain NOT GLOB '*/*'),
	CONSTRAINT "rpop: domain with letters beyond ASCII is written as its A-label, which the command 'idn2 NAME' prints" CHECK (
	    domain NOT GLOB '*[' || char(128) || '-' || char(1114111) || ']*'),
	CONSTRAINT "rpop: domain must be the remote host: host, host:port, [v6] or [v6]:port" CHECK (
	    length(CAST(domain AS BLOB)) BETWEEN 1 AND 262 AND length(host) BETWEEN 1 AND 253 AND
	    CASE WHEN domain GLOB '[[]*]*' THEN host GLOB '*:*' AND host NOT GLOB '*[^0-9a-fA-F:.]*'
	    ELSE host NOT GLOB '*[^a-zA-Z0-9._-]*' AND host NOT GLOB '[.-]*' AND host NOT GLOB '*.' AND host NOT GLOB '*..*' END),
	CONSTRAINT "rpop: the port behind the host must be :1 to :65535, and an IPv6 address stands in brackets" CHECK (
	    port_text = '' OR port_text GLOB ':[1-9]*' AND length(port_text) <= 6 AND substr(port_text, 2) NOT GLOB '*[^0-9]*' AND
	    CAST(substr(port_text, 2) AS INTEGER) <= 65535),
	CONSTRAINT "rpop: auth_name must be 1 to 512 octets" CHECK (length(CAST(auth_name AS BLOB)) BETWEEN 1 AND 512),
	CONSTRAINT "rpop: auth_name must not contain CR, LF or NUL" CHECK (instr(CAST(auth_name AS BLOB), x'0d') = 0 AND
	    instr(CAST(auth_name AS BLOB), x'0a') = 0 AND instr(CAST(auth_name AS BLOB), x'00') = 0),
	CONSTRAINT "rpop: password must be text in quotes, or a blob, of 1 to 1024 octets" CHECK (password IS NULL OR
	    typeof(password) IN ('text', 'blob') AND length(CAST(password AS BLOB)) BETWEEN 1 AND 1024),
	CONSTRAINT "rpop: password must not contain CR, LF or NUL" CHECK (instr(CAST(password AS BLOB), x'0d') = 0 AND
	    instr(CAST(password AS BLOB), x'0a') = 0 AND instr(CAST(password AS BLOB), x'00') = 0),
	CONSTRAINT "rpop: a record that is polled needs a password, an oauth_client, a token_command or auth 'external'" CHECK (
	    period IS NULL OR password IS NOT NULL OR oauth_client IS NOT NULL OR token_command IS NOT NULL OR auth = 'external'),
	CONSTRAINT "rpop: password, oauth_client and token_command exclude each other" CHECK (
	    (password IS NOT NULL) + (oauth_client IS NOT NULL) + (token_command IS NOT NULL) <= 1),
	CONSTRAINT "rpop: auth must be auto, external, oauthbearer, xoauth2, scram-sha-256, scram-sha-1, cram-md5, plain, login, user, apop, ntlm or msn" CHECK (
	    auth IN ('auto', 'external', 'oauthbearer', 'xoauth2', 'scram-sha-256', 'scram-sha-1', 'cram-md5', 'plain', 'login',
	    'user', 'apop', 'ntlm', 'msn')),
	CONSTRAINT "rpop: auth oauthbearer and xoauth2 need an oauth_client or a token_command, and these need one of them, or auto" CHECK (
	    CASE WHEN oauth_client IS NOT NULL OR token_command IS NOT NULL THEN auth IN ('auto', 'oauthbearer', 'xoauth2')
	    ELSE auth NOT IN ('oauthbearer', 'xoauth2') END),
	CONSTRAINT "rpop: tokens are sent under TLS only; set tls to tls or stls" CHECK (
	    tls <> 'none' OR oauth_client IS NULL AND token_command IS NULL),
	CONSTRAINT "rpop: auth external needs tls_cert and tls_key" CHECK (auth <> 'external' OR tls_cert IS NOT NULL),
	CONSTRAINT "rpop: refresh_token must be text in quotes, or a blob, of 1 to 8000 octets, or NULL" CHECK (refresh_token IS NULL OR
	    typeof(refresh_token) IN ('text', 'blob') AND length(CAST(refresh_token AS BLOB)) BETWEEN 1 AND 8000),
	CONSTRAINT "rpop: refresh_token belongs to an oauth_client" CHECK (refresh_token IS NULL OR oauth_client IS NOT NULL),
	CONSTRAINT "rpop: token_command must be an absolute path, then words separated by single spaces; no shell sees it" CHECK (
	    token_command GLOB '/?*' AND length(CAST(token_command AS BLOB)) <= 1023 AND
	    ' ' || token_command || ' ' NOT GLOB '*  *' AND instr(CAST(token_command AS BLOB), x'00') = 0 AND
	    token_command NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*'),
	CONSTRAINT "rpop: token_user is the system user that token_command runs as, not root" CHECK (token_user IS NULL OR
	    token_command IS NOT NULL AND length(CAST(token_user AS BLOB)) BETWEEN 1 AND 32 AND
	    token_user NOT GLOB '*[^a-zA-Z0-9._-]*' AND token_user NOT GLOB '-*' AND token_user <> 'root'),
	CONSTRAINT "rpop: tls_min must be 1.0, 1.1, 1.2 or 1.3, or NULL for 1.2" CHECK (tls_min IN ('1.0', '1.1', '1.2', '1.3')),
	CONSTRAINT "rpop: tls_ciphers must be an OpenSSL cipher list of 1 to 500 characters, or NULL" CHECK (
	    length(CAST(tls_ciphers AS BLOB)) BETWEEN 1 AND 500 AND tls_ciphers NOT GLOB '*[^a-zA-Z0-9:+!@=,_ -]*'),
	CONSTRAINT "rpop: tls_name must be the host name in the server's certificate, or NULL" CHECK (
	    length(CAST(tls_name AS BLOB)) BETWEEN 1 AND 253 AND tls_name NOT GLOB '*[^a-zA-Z0-9._:-]*'),
	CONSTRAINT "rpop: tls_pins must be 1 to 8 SHA-256 sums of certificates, 64 hexadecimal digits each, separated by spaces" CHECK (
	    tls_pins NOT GLOB '*[^0-9a-fA-F ]*' AND length(tls_pins) % 65 = 64 AND length(tls_pins) <= 519 AND
	    length(replace(tls_pins, ' ', '')) = (length(tls_pins) + 1) / 65 * 64),
	CONSTRAINT "rpop: ca_file must be an absolute path without .. or control characters, or NULL" CHECK (
	    ca_file GLOB '/?*' AND length(CAST(ca_file AS BLOB)) <= 1023 AND '/' || ca_file || '/' NOT GLOB '*/../*' AND
	    instr(CAST(ca_file AS BLOB), x'00') = 0 AND ca_file NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*'),
	CONSTRAINT "rpop: tls_cert must be an absolute path without .. or control characters, or NULL" CHECK (
	    tls_cert GLOB '/?*' AND length(CAST(tls_cert AS BLOB)) <= 1023 AND '/' || tls_cert || '/' NOT GLOB '*/../*' AND
	    instr(CAST(tls_cert AS BLOB), x'00') = 0 AND tls_cert NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*'),
	CONSTRAINT "rpop: tls_key must be an absolute path without .. or control characters, or NULL" CHECK (
	    tls_key GLOB '/?*' AND length(CAST(tls_key AS BLOB)) <= 1023 AND '/' || tls_key || '/' NOT GLOB '*/../*' AND
	    instr(CAST(tls_key AS BLOB), x'00') = 0 AND tls_key NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*'),
	CONSTRAINT "rpop: tls_cert and tls_key belong together" CHECK ((tls_cert IS NULL) = (tls_key IS NULL)),
	CONSTRAINT "rpop: tls_min, tls_ciphers, tls_name, tls_pins, ca_file and tls_cert are for tls and stls" CHECK (tls <> 'none' OR
	    coalesce(tls_min, tls_ciphers, tls_name, tls_pins, ca_file, tls_cert) IS NULL),
	CONSTRAINT "rpop: max_size must be 1..2147483647 octets, or NULL for no limit" CHECK (max_size BETWEEN 1 AND 2147483647),
	CONSTRAINT "rpop: oversize must be skip or headers" CHECK (oversize IN ('skip', 'headers')),
	CONSTRAINT "rpop: session_messages must be 1..1000000, or NULL for no limit" CHECK (session_messages BETWEEN 1 AND 1000000),
	CONSTRAINT "rpop: session_octets must be 1..1000000000000, or NULL for no limit" CHECK (
	    session_octets BETWEEN 1 AND 1000000000000),
	CONSTRAINT "rpop: leave_days must be 1..36500 days after which what was left is deleted, or NULL" CHECK (
	    leave_days BETWEEN 1 AND 36500),
	CONSTRAINT "rpop: leave_days is for records with leave" CHECK (leave_days IS NULL OR leave = 1),
	CONSTRAINT "rpop: first_poll must be retrieve, or mark: then what is there already counts as delivered" CHECK (
	    first_poll IN ('retrieve', 'mark')),
	CONSTRAINT "rpop: first_poll 'mark' is for records with leave, or it would delete mail nobody has" CHECK (
	    first_poll <> 'mark' OR leave = 1),
	CONSTRAINT "rpop: self_service must be 0 or 1" CHECK (self_service IN (0, 1)),
	CONSTRAINT "rpop: rset must be 0 or 1" CHECK (rset IN (0, 1)),
	CONSTRAINT "rpop: period must be 10..31536000 seconds, or NULL for disabled" CHECK (period BETWEEN 10 AND 31536000),
	CONSTRAINT "rpop: mailbox and special exclude each other" CHECK (mailbox IS NULL OR special IS NULL),
	CONSTRAINT "rpop: mailbox must be a folder such as Lists or Lists/bsd, 127 octets at most, or NULL for the inbox" CHECK (
	    length(CAST(mailbox AS BLOB)) BETWEEN 1 AND 127 AND '/' || replace(mailbox, '.', '/') || '/' NOT GLOB '*//*' AND
	    instr(CAST(mailbox AS BLOB), x'00') = 0 AND mailbox NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*'),
	CONSTRAINT "rpop: special must be '*' or names of header fields separated by single spaces, 255 octets at most, without colons" CHECK (
	    length(CAST(special AS BLOB)) BETWEEN 1 AND 255 AND special NOT GLOB '*[^ !-9;-~]*' AND
	    ' ' || special || ' ' NOT GLOB '*  *' AND (special = '*' OR ' ' || special || ' ' NOT GLOB '* [*] *')),
	CONSTRAINT "rpop: special cannot be To, Cc or Bcc, which do not say whom a message was sent to; special '*' distributes by them" CHECK (
	    special IS NULL OR (' ' || lower(special) || ' ') NOT GLOB '* to *' AND (' ' || lower(special) || ' ') NOT GLOB '* cc *' AND
	    (' ' || lower(special) || ' ') NOT GLOB '* bcc *'),
	CONSTRAINT "rpop: special cannot be Received; what that has behind 'for' counts with received_for 1, beside the provider's field" CHECK (
	    special IS NULL OR (' ' || lower(special) || ' ') NOT GLOB '* received *'),
	CONSTRAINT "rpop: special names fields that are taken out of the message; it cannot be one that belongs to it" CHECK (
	    special IS NULL OR (' ' || lower(special) || ' ') NOT GLOB '* return-path *' AND
	    (' ' || lower(special) || ' ') NOT GLOB '* from *' AND (' ' || lower(special) || ' ') NOT GLOB '* sender *' AND
	    (' ' || lower(special) || ' ') NOT GLOB '* reply-to *' AND (' ' || lower(special) || ' ') NOT GLOB '* date *' AND
	    (' ' || lower(special) || ' ') NOT GLOB '* subject *' AND
	    (' ' || lower(special) || ' ') NOT GLOB '* message-id *' AND
	    (' ' || lower(special) || ' ') NOT GLOB '* in-reply-to *' AND
	    (' ' || lower(special) || ' ') NOT GLOB '* references *' AND
	    (' ' || lower(special) || ' ') NOT GLOB '* mime-version *' AND
	    (' ' || lower(special) || ' ') NOT GLOB '* dkim-signature *' AND
	    (' ' || lower(special) || ' ') NOT GLOB '* comments *' AND (' ' || lower(special) || ' ') NOT GLOB '* keywords *' AND
	    (' ' || lower(special) || ' ') NOT GLOB '* authentication-results *' AND
	    (' ' || lower(special) || ' ') NOT GLOB '* received-spf *' AND
	    (' ' || lower(special) || ' ') NOT GLOB '* mail-followup-to *' AND
	    (' ' || lower(special) || ' ') NOT GLOB '* errors-to *' AND
	    (' ' || lower(special) || ' ') NOT GLOB '* return-receipt-to *' AND
	    (' ' || lower(special) || ' ') NOT GLOB '* disposition-notification-to *' AND
	    (' ' || lower(special)) NOT GLOB '* content-*' AND (' ' || lower(special)) NOT GLOB '* resent-*' AND
	    (' ' || lower(special)) NOT GLOB '* list-*' AND (' ' || lower(special)) NOT GLOB '* arc-*' AND
	    (' ' || lower(special)) NOT GLOB '* x-rpopd-*'),
	CONSTRAINT "rpop: special_nth must be 1..100: only this field of that name counts, from the top, or NULL for all" CHECK (
	    special_nth BETWEEN 1 AND 100),
	CONSTRAINT "rpop: trusted_hop must be the host name in the 'by' part of the provider's first Received field, or NULL" CHECK (
	    length(CAST(trusted_hop AS BLOB)) BETWEEN 1 AND 253 AND trusted_hop NOT GLOB '*[^a-zA-Z0-9._-]*'),
	CONSTRAINT "rpop: strip_prefix must be what the provider puts before local parts, 1 to 63 octets without spaces, or NULL" CHECK (
	    length(CAST(strip_prefix AS BLOB)) BETWEEN 1 AND 63 AND strip_prefix NOT GLOB '*[^!-?A-~]*'),
	CONSTRAINT "rpop: received_for must be 0, or 1: without an address in the special field, that behind 'for' in the provider's Received" CHECK (
	    received_for IN (0, 1)),
	CONSTRAINT "rpop: received_for needs trusted_hop, or anybody could write such a field" CHECK (received_for = 0 OR trusted_hop IS NOT NULL),
	CONSTRAINT "rpop: special_nth, trusted_hop and strip_prefix are for records with a special header field" CHECK (
	    coalesce(special_nth, trusted_hop, strip_prefix) IS NULL OR special IS NOT NULL AND special <> '*'),
	CONSTRAINT "rpop: domains must be names of table domain separated by single spaces, 1000 octets at most, or NULL for all" CHECK (
	    length(CAST(domains AS BLOB)) BETWEEN 1 AND 1000 AND domains NOT GLOB '*[^a-z0-9. -]*' AND
	    ' ' || domains || ' ' NOT GLOB '*  *'),
	CONSTRAINT "rpop: domains is for records with special" CHECK (domains IS NULL OR special IS NOT NULL),
	CONSTRAINT "rpop: suppress must be 0, or 1: no second copy of a message to the same recipient" CHECK (suppress IN (0, 1)),
	CONSTRAINT "rpop: local_domain is for records with special" CHECK (local_domain IS NULL OR special IS NOT NULL),
	CONSTRAINT "rpop: leave must be 0 or 1" CHECK (leave IN (0, 1)),
	CONSTRAINT "rpop: tls must be tls, stls or none" CHECK (tls IN ('tls', 'stls', 'none')),
	CONSTRAINT "rpop: apop must be 0 or 1" CHECK (apop IN (0, 1))
) STRICT;

-- Triggers that check references, since sqlite3(1) does not.

CREATE TRIGGER account_insert BEFORE INSERT ON account BEGIN
	SELECT RAISE(ABORT, 'account: no such domain; insert it into table domain first')
	    WHERE NOT EXISTS (SELECT 1 FROM domain WHERE name = NEW.domain);
	SELECT RAISE(ABORT, 'account: this address is an alias in table route; delete that row first')
	    WHERE EXISTS (SELECT 1 FROM route WHERE address = NEW.name || '@' || NEW.domain);
	SELECT RAISE(ABORT, 'account: nexthop is not in table nexthop; insert it there first')
	    WHERE NEW.nexthop IS NOT NULL AND NOT EXISTS (SELECT 1 FROM nexthop WHERE name = NEW.nexthop);
END;

CREATE TRIGGER account_update BEFORE UPDATE OF name, domain ON account BEGIN
	SELECT RAISE(ABORT, 'account: no such domain; insert it into table domain first')
	    WHERE NOT EXISTS (SELECT 1 FROM domain WHERE name = NEW.domain);
	SELECT RAISE(ABORT, 'account: this address is an alias in table route; delete that row first')
	    WHERE EXISTS (SELECT 1 FROM route WHERE address = NEW.name || '@' || NEW.domain);
	SELECT RAISE(ABORT, 'account: records in table rpop belong to it; delete or move them first')
	    WHERE OLD.address <> NEW.name || '@' || NEW.domain AND EXISTS (SELECT 1 FROM rpop WHERE account = OLD.address);
	SELECT RAISE(ABORT, 'account: aliases in table route point to it; delete or move them first')
	    WHERE OLD.address <> NEW.name || '@' || NEW.domain AND EXISTS (
	    SELECT 1 FROM route WHERE target = OLD.address AND nexthop IS NULL);
	SELECT RAISE(ABORT, 'account: settings.archive is its address; change that first')
	    WHERE OLD.address <> NEW.name || '@' || NEW.domain AND EXISTS (SELECT 1 FROM settings WHERE archive = OLD.address);
	SELECT RAISE(ABORT, 'account: it administers the server or domains; delete its rows in server_admin and domain_admin first')
	    WHERE OLD.address <> NEW.name || '@' || NEW.domain AND EXISTS (SELECT 1 FROM administrators WHERE account = OLD.address);
	SELECT RAISE(ABORT, 'account: rows of table acl are about it; delete them first')
	    WHERE OLD.address <> NEW.name || '@' || NEW.domain AND EXISTS (SELECT 1 FROM acl WHERE OLD.address IN (owner, who));
END;

CREATE TRIGGER account_nexthop BEFORE UPDATE OF nexthop ON account BEGIN
	SELECT RAISE(ABORT, 'account: nexthop is not in table nexthop; insert it there first')
	    WHERE NEW.nexthop IS NOT NULL AND NOT EXISTS (SELECT 1 FROM nexthop WHERE name = NEW.nexthop);
END;

CREATE TRIGGER account_delete BEFORE DELETE ON account BEGIN
	SELECT RAISE(ABORT, 'account: records in table rpop belong to it; delete or move them first')
	    WHERE EXISTS (SELECT 1 FROM rpop WHERE account = OLD.address);
	SELECT RAISE(ABORT, 'account: aliases in table route point to it; delete or move them first')
	    WHERE EXISTS (SELECT 1 FROM route WHERE target = OLD.address AND nexthop IS NULL);
	SELECT RAISE(ABORT, 'account: settings.archive is its address; change that first')
	    WHERE EXISTS (SELECT 1 FROM settings WHERE archive = OLD.address);
	SELECT RAISE(ABORT, 'account: it administers the server or domains; delete its rows in server_admin and domain_admin first')
	    WHERE EXISTS (SELECT 1 FROM administrators WHERE account = OLD.address);
	SELECT RAISE(ABORT, 'account: rows of table acl are about it; delete them first')
	    WHERE EXISTS (SELECT 1 FROM acl WHERE OLD.address IN (owner, who));
END;

CREATE TRIGGER server_admin_insert BEFORE INSERT ON server_admin BEGIN
	SELECT RAISE(ABORT, 'server_admin: account is not the address of an account; insert it into view accounts first')
	    WHERE NOT EXISTS (SELECT 1 FROM account WHERE address = NEW.account);
END;

CREATE TRIGGER server_admin_update BEFORE UPDATE ON server_admin BEGIN
	SELECT RAISE(ABORT, 'server_admin: account is not the address of an account; insert it into view accounts first')
	    WHERE NOT EXISTS (SELECT 1 FROM account WHERE address = NEW.account);
END;

CREATE TRIGGER domain_admin_insert BEFORE INSERT ON domain_admin BEGIN
	SELECT RAISE(ABORT, 'domain_admin: account is not the address of an account; insert it into view accounts first')
	    WHERE NOT EXISTS (SELECT 1 FROM account WHERE address = NEW.account);
	SELECT RAISE(ABORT, 'domain_admin: no such domain; insert it into table domain first')
	    WHERE NOT EXISTS (SELECT 1 FROM domain WHERE name = NEW.domain);
END;

CREATE TRIGGER domain_admin_update BEFORE UPDATE ON domain_admin BEGIN
	SELECT RAISE(ABORT, 'domain_admin: account is not the address of an account; insert it into view accounts first')
	    WHERE NOT EXISTS (SELECT 1 FROM account WHERE address = NEW.account);
	SELECT RAISE(ABORT, 'domain_admin: no such domain; insert it into table domain first')
	    WHERE NOT EXISTS (SELECT 1 FROM domain WHERE name = NEW.domain);
END;

CREATE TRIGGER listener_insert BEFORE INSERT ON listener BEGIN
	SELECT RAISE(ABORT, 'listener: the sockets are more than 16, of which * is two')
	    WHERE (SELECT count(*) + total(address = '*') FROM listener) + 1 + (NEW.address = '*') > 16;
	SELECT RAISE(ABORT, 'listener: * and another row have the same port; one of them is enough')
	    WHERE EXISTS (SELECT 1 FROM listener WHERE port = NEW.port AND (address = '*') <> (NEW.address = '*'));
END;

CREATE TRIGGER listener_update BEFORE UPDATE ON listener BEGIN
	SELECT RAISE(ABORT, 'listener: the sockets are more than 16, of which * is two')
	    WHERE (SELECT count(*) + total(address = '*') FROM listener WHERE address <> OLD.address OR port <> OLD.port) + 1 + (NEW.address = '*') > 16;
	SELECT RAISE(ABORT, 'listener: * and another row have the same port; one of them is enough')
	    WHERE EXISTS (SELECT 1 FROM listener WHERE port = NEW.port AND (address = '*') <> (NEW.address = '*') AND (address <> OLD.address OR port <> OLD.port));
END;

CREATE TRIGGER listener_certificate BEFORE UPDATE ON listener
    WHEN NEW.address <> OLD.address OR NEW.port <> OLD.port OR NEW.tls = 'none' BEGIN
	SELECT RAISE(ABORT, 'listener: rows of table certificate are about it; delete or move them first')
	    WHERE EXISTS (SELECT 1 FROM certificate WHERE address = OLD.address AND port = OLD.port);
END;

CREATE TRIGGER listener_delete BEFORE DELETE ON listener BEGIN
	SELECT RAISE(ABORT, 'listener: rows of table certificate are about it; delete or move them first')
	    WHERE EXISTS (SELECT 1 FROM certificate WHERE address = OLD.address AND port = OLD.port);
END;

CREATE TRIGGER certificate_insert BEFORE INSERT ON certificate BEGIN
	SELECT RAISE(ABORT, 'certificate: no listener with TLS has this address and port; insert it into table listener first')
	    WHERE NOT EXISTS (SELECT 1 FROM listener WHERE address = NEW.address AND port = NEW.port AND tls <> 'none');
	SELECT RAISE(ABORT, 'certificate: a listener has 64 of them at most')
	    WHERE (SELECT count(*) FROM certificate WHERE address = NEW.address AND port = NEW.port) >= 64;
END;

CREATE TRIGGER certificate_update BEFORE UPDATE OF address, port ON certificate BEGIN
	SELECT RAISE(ABORT, 'certificate: no listener with TLS has this address and port; insert it into table listener first')
	    WHERE NOT EXISTS (SELECT 1 FROM listener WHERE address = NEW.address AND port = NEW.port AND tls <> 'none');
	SELECT RAISE(ABORT, 'certificate: a listener has 64 of them at most')
	    WHERE (NEW.address <> OLD.address OR NEW.port <> OLD.port) AND
	    (SELECT count(*) FROM certificate WHERE address = NEW.address AND port = NEW.port) >= 64;
END;

CREATE TRIGGER acl_insert BEFORE INSERT ON acl BEGIN
	SELECT RAISE(ABORT, 'acl: owner is not the address of an account; insert it into view accounts first')
	    WHERE NOT EXISTS (SELECT 1 FROM account WHERE address = NEW.owner);
	SELECT RAISE(ABORT, 'acl: who is neither the address of an account nor *@ and a domain of table domain nor anyone')
	    WHERE NEW.who <> 'anyone' AND NOT EXISTS (SELECT 1 FROM account WHERE address = NEW.who) AND NOT EXISTS (
	    SELECT 1 FROM domain WHERE '*@' || name = NEW.who);
END;

CREATE TRIGGER acl_update BEFORE UPDATE ON acl BEGIN
	SELECT RAISE(ABORT, 'acl: owner is not the address of an account; insert it into view accounts first')
	    WHERE NOT EXISTS (SELECT 1 FROM account WHERE address = NEW.owner);
	SELECT RAISE(ABORT, 'acl: who is neither the address of an account nor *@ and a domain of table domain nor anyone')
	    WHERE NEW.who <> 'anyone' AND NOT EXISTS (SELECT 1 FROM account WHERE address = NEW.who) AND NOT EXISTS (
	    SELECT 1 FROM domain WHERE '*@' || name = NEW.who);
END;

CREATE TRIGGER nexthop_update BEFORE UPDATE OF name ON nexthop WHEN NEW.name <> OLD.name BEGIN
	SELECT RAISE(ABORT, 'nexthop: accounts, routes or settings use it; change them first')
	    WHERE EXISTS (SELECT 1 FROM nexthop_use WHERE name = OLD.name);
END;

CREATE TRIGGER nexthop_delete BEFORE DELETE ON nexthop BEGIN
	SELECT RAISE(ABORT, 'nexthop: accounts, routes or settings use it; change them first')
	    WHERE EXISTS (SELECT 1 FROM nexthop_use WHERE name = OLD.name);
END;

CREATE TRIGGER domain_update BEFORE UPDATE OF name ON domain WHEN NEW.name <> OLD.name BEGIN
	SELECT RAISE(ABORT, 'domain: accounts, aliases, records, administrators, rights or settings still use it')
	    WHERE EXISTS (SELECT 1 FROM domain_use WHERE name = OLD.name);
END;

CREATE TRIGGER domain_delete BEFORE DELETE ON domain BEGIN
	SELECT RAISE(ABORT, 'domain: accounts, aliases, records, administrators, rights or settings still use it')
	    WHERE EXISTS (SELECT 1 FROM domain_use WHERE name = OLD.name);
END;

CREATE TRIGGER route_insert BEFORE INSERT ON route BEGIN
	SELECT RAISE(ABORT, 'route: a loop: the target is the address itself')
	    WHERE NEW.nexthop IS NULL AND NEW.target = NEW.address;
	SELECT RAISE(ABORT, 'route: target is neither an account nor an address of this table; insert that first, or name a nexthop')
	    WHERE NEW.nexthop IS NULL AND NEW.target NOT GLOB '[*]@*' AND NOT EXISTS (
	    SELECT 1 FROM account WHERE address = NEW.target) AND NOT EXISTS (
	    SELECT 1 FROM route WHERE address = NEW.target) AND NOT EXISTS (
	    SELECT 1 FROM domain d JOIN route r ON r.address = '*@' || d.name WHERE
	    substr(NEW.target, -length(d.name) - 1) = '@' || d.name) AND NOT EXISTS (
	    SELECT 1 FROM settings s, account a WHERE s.detail <> '' AND
	    substr(NEW.target, 1, length(a.name) + 1) = a.name || s.detail AND
	    substr(NEW.target, -length(a.domain) - 1) = '@' || a.domain) AND NOT EXISTS (
	    SELECT 1 FROM settings s, domain d, route r WHERE s.detail <> '' AND
	    substr(NEW.target, -length(d.name) - 1) = '@' || d.name AND substr(r.address, -length(d.name) - 1) = '@' || d.name AND
	    substr(NEW.target, 1, length(r.address) - length(d.name)) =
	    substr(r.address, 1, length(r.address) - length(d.name) - 1) || s.detail);
	SELECT RAISE(ABORT, 'route: the domain of target is not in table domain; insert it there first, or name a nexthop')
	    WHERE NEW.nexthop IS NULL AND NEW.target GLOB '[*]@*' AND NOT EXISTS (
	    SELECT 1 FROM domain WHERE name = substr(NEW.target, 3));
	SELECT RAISE(ABORT, 'route: folder is for a target that is an account')
	    WHERE NEW.folder IS NOT NULL AND NOT EXISTS (SELECT 1 FROM account WHERE address = NEW.target);
	SELECT RAISE(ABORT, 'route: nexthop is not in table nexthop; insert it there first')
	    WHERE NEW.nexthop IS NOT NULL AND NOT EXISTS (SELECT 1 FROM nexthop WHERE name = NEW.nexthop);
	SELECT RAISE(ABORT, 'route: address is an account of its own')
	    WHERE EXISTS (SELECT 1 FROM account WHERE address = NEW.address);
	SELECT RAISE(ABORT, 'route: the domain of address is not in table domain, or the part before it is not 1 to 64 long')
	    WHERE NEW.address GLOB '?*@?*' AND NOT EXISTS (SELECT 1 FROM domain WHERE
	    substr(lower(NEW.address), -length(name) - 1) = '@' || name AND
	    length(CAST(NEW.address AS BLOB)) - length(name) - 1 BETWEEN 1 AND 64);
END;

CREATE TRIGGER route_update BEFORE UPDATE ON route BEGIN
	SELECT RAISE(ABORT, 'route: a loop: the target is the address itself')
	    WHERE NEW.nexthop IS NULL AND NEW.target = NEW.address;
	SELECT RAISE(ABORT, 'route: target is neither an account nor an address of this table; insert that first, or name a nexthop')
	    WHERE NEW.nexthop IS NULL AND NEW.target NOT GLOB '[*]@*' AND NOT EXISTS (
	    SELECT 1 FROM account WHERE address = NEW.target) AND NOT EXISTS (
	    SELECT 1 FROM route WHERE address = NEW.target) AND NOT EXISTS (
	    SELECT 1 FROM domain d JOIN route r ON r.address = '*@' || d.name WHERE
	    substr(NEW.target, -length(d.name) - 1) = '@' || d.name) AND NOT EXISTS (
	    SELECT 1 FROM settings s, account a WHERE s.detail <> '' AND
	    substr(NEW.target, 1, length(a.name) + 1) = a.name || s.detail AND
	    substr(NEW.target, -length(a.domain) - 1) = '@' || a.domain) AND NOT EXISTS (
	    SELECT 1 FROM settings s, domain d, route r WHERE s.detail <> '' AND
	    substr(NEW.target, -length(d.name) - 1) = '@' || d.name AND substr(r.address, -length(d.name) - 1) = '@' || d.name AND
	    substr(NEW.target, 1, length(r.address) - length(d.name)) =
	    substr(r.address, 1, length(r.address) - length(d.name) - 1) || s.detail);
	SELECT RAISE(ABORT, 'route: the domain of target is not in table domain; insert it there first, or name a nexthop')
	    WHERE NEW.nexthop IS NULL AND NEW.target GLOB '[*]@*' AND NOT EXISTS (
	    SELECT 1 FROM domain WHERE name = substr(NEW.target, 3));
	SELECT RAISE(ABORT, 'route: folder is for a target that is an account')
	    WHERE NEW.folder IS NOT NULL AND NOT EXISTS (SELECT 1 FROM account WHERE address = NEW.target);
	SELECT RAISE(ABORT, 'route: nexthop is not in table nexthop; insert it there first')
	    WHERE NEW.nexthop IS NOT NULL AND NOT EXISTS (SELECT 1 FROM nexthop WHERE name = NEW.nexthop);
	SELECT RAISE(ABORT, 'route: address is an account of its own')
	    WHERE EXISTS (SELECT 1 FROM account WHERE address = NEW.address);
	SELECT RAISE(ABORT, 'route: the domain of address is not in table domain, or the part before it is not 1 to 64 long')
	    WHERE NEW.address GLOB '?*@?*' AND NOT EXISTS (SELECT 1 FROM domain WHERE
	    substr(lower(NEW.address), -length(name) - 1) = '@' || name AND
	    length(CAST(NEW.address AS BLOB)) - length(name) - 1 BETWEEN 1 AND 64);
END;

CREATE TRIGGER settings_insert BEFORE INSERT ON settings BEGIN
	SELECT RAISE(ABORT, 'settings: the row exists; use UPDATE') WHERE EXISTS (SELECT 1 FROM settings);
END;

CREATE TRIGGER settings_delete BEFORE DELETE ON settings BEGIN
	SELECT RAISE(ABORT, 'settings: the row cannot be deleted; use UPDATE');
END;

CREATE TRIGGER settings_update BEFORE UPDATE OF main_domain ON settings BEGIN
	SELECT RAISE(ABORT, 'settings: main_domain is not in table domain')
	    WHERE NEW.main_domain IS NOT NULL AND NOT EXISTS (SELECT 1 FROM domain WHERE name = NEW.main_domain);
	SELECT RAISE(ABORT, 'settings: records with special belong to the postmaster of main_domain; remove those records first')
	    WHERE NEW.main_domain IS NOT OLD.main_domain AND EXISTS (SELECT 1 FROM rpop WHERE special IS NOT NULL);
END;

CREATE TRIGGER settings_nexthop BEFORE UPDATE OF nexthop, report_nexthop, submit_nexthop ON settings BEGIN
	SELECT RAISE(ABORT, 'settings: nexthop is not in table nexthop; insert it there first')
	    WHERE NEW.nexthop IS NOT NULL AND NOT EXISTS (SELECT 1 FROM nexthop WHERE name = NEW.nexthop);
	SELECT RAISE(ABORT, 'settings: report_nexthop is not in table nexthop; insert it there first')
	    WHERE NEW.report_nexthop IS NOT NULL AND NOT EXISTS (SELECT 1 FROM nexthop WHERE name = NEW.report_nexthop);
	SELECT RAISE(ABORT, 'settings: submit_nexthop is not in table nexthop; insert it there first')
	    WHERE NEW.submit_nexthop IS NOT NULL AND NOT EXISTS (SELECT 1 FROM nexthop WHERE name = NEW.submit_nexthop);
END;

CREATE TRIGGER settings_archive BEFORE UPDATE OF archive ON settings BEGIN
	SELECT RAISE(ABORT, 'settings: archive is neither an account nor an address of table route')
	    WHERE NEW.archive IS NOT NULL AND NOT EXISTS (SELECT 1 FROM account WHERE address = NEW.archive) AND NOT EXISTS (
	    SELECT 1 FROM route WHERE address = NEW.archive);
END;

CREATE TRIGGER rpop_insert BEFORE INSERT ON rpop BEGIN
	SELECT RAISE(ABORT, 'rpop: account is not the address of an account; insert it into view accounts first')
	    WHERE NOT EXISTS (SELECT 1 FROM account WHERE address = NEW.account);
	SELECT RAISE(ABORT, 'rpop: special is for records of the postmaster of settings.main_domain only')
	    WHERE NEW.special IS NOT NULL AND NOT EXISTS (
	    SELECT 1 FROM settings WHERE 'postmaster@' || main_domain = NEW.account);
	SELECT RAISE(ABORT, 'rpop: domains names one that is not in table domain, or one twice')
	    WHERE NEW.domains IS NOT NULL AND NEW.domains NOT GLOB '*  *' AND (SELECT count(*) FROM domain WHERE
	    instr(' ' || NEW.domains || ' ', ' ' || name || ' ') > 0) <> length(NEW.domains) - length(replace(NEW.domains, ' ', '')) + 1;
	SELECT RAISE(ABORT, 'rpop: local_domain is not in table domain')
	    WHERE NEW.local_domain IS NOT NULL AND NOT EXISTS (SELECT 1 FROM domain WHERE name = NEW.local_domain);
	SELECT RAISE(ABORT, 'rpop: schedule is not in table schedule')
	    WHERE NEW.schedule IS NOT NULL AND NOT EXISTS (SELECT 1 FROM schedule WHERE name = NEW.schedule);
	SELECT RAISE(ABORT, 'rpop: oauth_client is not in table oauth_client')
	    WHERE NEW.oauth_client IS NOT NULL AND NOT EXISTS (SELECT 1 FROM oauth_client WHERE name = NEW.oauth_client);
	SELECT RAISE(ABORT, 'rpop: an oauth_client with grant_type refresh_token needs a refresh_token in the record')
	    WHERE NEW.oauth_client IS NOT NULL AND NEW.refresh_token IS NULL AND NEW.period IS NOT NULL AND EXISTS (
	    SELECT 1 FROM oauth_client WHERE name = NEW.oauth_client AND grant_type = 'refresh_token');
END;

CREATE TRIGGER rpop_update BEFORE UPDATE ON rpop BEGIN
	SELECT RAISE(ABORT, 'rpop: account is not the address of an account; insert it into view accounts first')
	    WHERE NOT EXISTS (SELECT 1 FROM account WHERE address = NEW.account);
	SELECT RAISE(ABORT, 'rpop: special is for records of the postmaster of settings.main_domain only')
	    WHERE NEW.special IS NOT NULL AND NOT EXISTS (
	    SELECT 1 FROM settings WHERE 'postmaster@' || main_domain = NEW.account);
	SELECT RAISE(ABORT, 'rpop: domains names one that is not in table domain, or one twice')
	    WHERE NEW.domains IS NOT NULL AND NEW.domains NOT GLOB '*  *' AND (SELECT count(*) FROM domain WHERE
	    instr(' ' || NEW.domains || ' ', ' ' || name || ' ') > 0) <> length(NEW.domains) - length(replace(NEW.domains, ' ', '')) + 1;
	SELECT RAISE(ABORT, 'rpop: local_domain is not in table domain')
	    WHERE NEW.local_domain IS NOT NULL AND NOT EXISTS (SELECT 1 FROM domain WHERE name = NEW.local_domain);
	SELECT RAISE(ABORT, 'rpop: schedule is not in table schedule')
	    WHERE NEW.schedule IS NOT NULL AND NOT EXISTS (SELECT 1 FROM schedule WHERE name = NEW.schedule);
	SELECT RAISE(ABORT, 'rpop: oauth_client is not in table oauth_client')
	    WHERE NEW.oauth_client IS NOT NULL AND NOT EXISTS (SELECT 1 FROM oauth_client WHERE name = NEW.oauth_client);
	SELECT RAISE(ABORT, 'rpop: an oauth_client with grant_type refresh_token needs a refresh_token in the record')
	    WHERE NEW.oauth_client IS NOT NULL AND NEW.refresh_token IS NULL AND NEW.period IS NOT NULL AND EXISTS (
	    SELECT 1 FROM oauth_client WHERE name = NEW.oauth_client AND grant_type = 'refresh_token');
END;

CREATE TRIGGER settings_schedule BEFORE UPDATE OF schedule ON settings BEGIN
	SELECT RAISE(ABORT, 'settings: schedule is not in table schedule')
	    WHERE NEW.schedule IS NOT NULL AND NOT EXISTS (SELECT 1 FROM schedule WHERE name = NEW.schedule);
END;

CREATE TRIGGER schedule_update BEFORE UPDATE OF name ON schedule WHEN NEW.name <> OLD.name BEGIN
	SELECT RAISE(ABORT, 'schedule: records or settings use this name and it would have no window left')
	    WHERE (SELECT count(*) FROM schedule WHERE name = OLD.name) = 1 AND (
	    EXISTS (SELECT 1 FROM rpop WHERE schedule = OLD.name) OR EXISTS (SELECT 1 FROM settings WHERE schedule = OLD.name));
END;

CREATE TRIGGER schedule_delete BEFORE DELETE ON schedule BEGIN
	SELECT RAISE(ABORT, 'schedule: records or settings use this name and it would have no window left')
	    WHERE (SELECT count(*) FROM schedule WHERE name = OLD.name) = 1 AND (
	    EXISTS (SELECT 1 FROM rpop WHERE schedule = OLD.name) OR EXISTS (SELECT 1 FROM settings WHERE schedule = OLD.name));
END;

CREATE TRIGGER oauth_client_update BEFORE UPDATE OF name ON oauth_client WHEN NEW.name <> OLD.name BEGIN
	SELECT RAISE(ABORT, 'oauth_client: records in table rpop use it; change them first')
	    WHERE EXISTS (SELECT 1 FROM rpop WHERE oauth_client = OLD.name);
END;

CREATE TRIGGER oauth_client_delete BEFORE DELETE ON oauth_client BEGIN
	SELECT RAISE(ABORT, 'oauth_client: records in table rpop use it; change them first')
	    WHERE EXISTS (SELECT 1 FROM rpop WHERE oauth_client = OLD.name);
END;

-- Views for people; domain_use and nexthop_use are used by the triggers, too.

CREATE VIEW nexthop_use (name, used_by) AS
	SELECT nexthop, 'account ' || address FROM account WHERE nexthop IS NOT NULL UNION ALL
	SELECT nexthop, 'route ' || address FROM route WHERE nexthop IS NOT NULL UNION ALL
	SELECT nexthop, 'settings' FROM settings WHERE nexthop IS NOT NULL UNION ALL
	SELECT report_nexthop, 'settings' FROM settings WHERE report_nexthop IS NOT NULL UNION ALL
	SELECT submit_nexthop, 'settings' FROM settings WHERE submit_nexthop IS NOT NULL;

CREATE VIEW administrators (account, administers, can_modify_rpop) AS
	SELECT account, 'server', 1 FROM server_admin UNION ALL
	SELECT account, domain, can_modify_rpop FROM domain_admin;
CREATE VIEW domain_use (name, used_by) AS
	SELECT domain, 'account ' || address FROM account UNION ALL
	SELECT d.name, 'route ' || r.address FROM domain d JOIN route r
	    ON substr(r.address, -length(d.name) - 1) = '@' || d.name UNION ALL
	SELECT substr(target, 3), 'route ' || address FROM route WHERE target GLOB '[*]@*' AND nexthop IS NULL UNION ALL
	SELECT d.name, 'rpop ' || p.account || '/' || p.name FROM domain d JOIN rpop p
	    ON instr(' ' || p.domains || ' ', ' ' || d.name || ' ') > 0 UNION ALL
	SELECT local_domain, 'rpop ' || account || '/' || name FROM rpop WHERE local_domain IS NOT NULL UNION ALL
	SELECT domain, 'domain_admin ' || account FROM domain_admin UNION ALL
	SELECT substr(who, 3), 'acl ' || owner || ' ' || folder FROM acl WHERE who GLOB '[*]@*' UNION ALL
	SELECT main_domain, 'settings' FROM settings WHERE main_domain IS NOT NULL;

CREATE VIEW accounts (address, aliases, records) AS
	SELECT a.address, (SELECT group_concat(r.address, ', ') FROM route r WHERE r.target = a.address AND r.nexthop IS NULL),
	    (SELECT count(*) FROM rpop p WHERE p.account = a.address)
	FROM account a ORDER BY a.domain, a.name;

-- INSERT INTO accounts (address) VALUES ('anna@example.org') makes the account, and its domain where that is new.
CREATE TRIGGER accounts_insert INSTEAD OF INSERT ON accounts BEGIN
	SELECT RAISE(ABORT, 'accounts: address must be local-part@domain')
	    WHERE NEW.address IS NULL OR NEW.address NOT GLOB '?*@?*';
	INSERT INTO domain (name) SELECT substr(NEW.address, instr(NEW.address, '@') + 1)
	    WHERE NOT EXISTS (SELECT 1 FROM domain WHERE name = substr(NEW.address, instr(NEW.address, '@') + 1));
	INSERT INTO account (name, domain) VALUES (substr(NEW.address, 1, instr(NEW.address, '@') - 1),
	    substr(NEW.address, instr(NEW.address, '@') + 1));
END;

CREATE VIEW records (account, name, host, port, tls, auth_name, auth, credential, mode, folder, every, leave, apop) AS
	SELECT account, name, host, CASE WHEN port_text <> '' THEN CAST(substr(port_text, 2) AS INTEGER) WHEN tls = 'tls' THEN 995
	    ELSE 110 END, tls, auth_name, auth, CASE WHEN password IS NOT NULL THEN 'password' WHEN oauth_client IS NOT NULL THEN 'oauth_client ' ||
	    oauth_client WHEN token_command IS NOT NULL THEN 'token_command' WHEN auth = 'external' THEN 'certificate'
	    ELSE 'missing' END,
	    CASE WHEN special IS NULL THEN 'to the owner' WHEN special = '*' THEN 'by To, Cc, Bcc' ELSE 'by ' || special END,
	    ifnull(mailbox, CASE WHEN special IS NULL THEN 'inbox' END), CASE WHEN period IS NULL THEN 'disabled'
	    WHEN period % 3600 = 0 THEN (period / 3600) || ' h' WHEN period % 60 = 0 THEN (period / 60) || ' min'
	    ELSE period || ' s' END,
	    CASE WHEN leave_days IS NOT NULL THEN leave_days || ' days' WHEN leave = 1 THEN 'yes' ELSE 'no' END, CASE apop WHEN 1 THEN 'yes' ELSE 'no' END
	FROM rpop ORDER BY account, name;

INSERT INTO settings DEFAULT VALUES;
COMMIT;
