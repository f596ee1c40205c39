#!/bin/sh
# SPDX-License-Identifier: ISC
# Edits of rpopd.db in sqlite3(1), as an administrator makes them: wrong ones are refused with the right sentence, right ones pass.
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
tmp=$(mktemp -d "${TMPDIR:-/tmp}/rpschema.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP
base=$tmp/base.db
n=0
failed=0

sql() {
	sqlite3 -batch -bail -init /dev/null "$1" "$2" 2>&1
}

verdict() {
	n=$((n + 1))
	if [ "$1" = ok ]; then
		echo "ok $n - $2"
	else
		failed=$((failed + 1))
		echo "not ok $n - $2"
		echo "# $3"
	fi
}

# same GOT WANTED WHAT
same() {
	if [ "$1" = "$2" ]; then
		verdict ok "$3"
	else
		verdict not "$3" "wanted '$2', got: $1"
	fi
}

# refuse SENTENCE SQL: SQL fails, the message carries SENTENCE, and nothing changed.
refuse() {
	cp "$base" "$tmp/t.db"
	before=$(sqlite3 -batch -init /dev/null "$tmp/t.db" .dump)
	if out=$(sql "$tmp/t.db" "$2"); then
		verdict not "refused: $2" "it was accepted"
		return
	fi
	after=$(sqlite3 -batch -init /dev/null "$tmp/t.db" .dump)
	case $out in
	*"$1"*)	same "$after" "$before" "refused: $2" ;;
	*)	verdict not "refused: $2" "wanted '$1', got: $out" ;;
	esac
}

# accept SQL [QUERY ANSWER]
accept() {
	cp "$base" "$tmp/t.db"
	if ! out=$(sql "$tmp/t.db" "$1"); then
		verdict not "accepted: $1" "$out"
		return
	fi
	if [ $# -eq 3 ]; then
		out=$(sql "$tmp/t.db" "$2")
		[ "$out" = "$3" ] || { verdict not "accepted: $1" "$2: wanted '$3', got '$out'"; return; }
	fi
	out=$(sql "$tmp/t.db" "PRAGMA integrity_check; PRAGMA foreign_key_check;")
	same "$out" ok "accepted: $1"
}

# new_rpop COLUMN VALUE: a good record but for one column.
new_rpop() {
	echo "INSERT INTO rpop (account, name, domain, auth_name, password, $1) VALUES ('anna@example.org', 'x', 'pop.example.net', 'anna', 'pw', $2)"
}

out=$(sqlite3 -batch -bail -init /dev/null "$base" <"$top/etc/rpopd.sql" 2>&1; echo $?)
same "$out" 0 "rpopd.sql loads"
sql "$base" "INSERT INTO accounts (address) VALUES ('postmaster@example.org'), ('anna@example.org'), ('bert@example.com');
    UPDATE settings SET main_domain = 'example.org';
    INSERT INTO route (address, target) VALUES ('sales@example.org', 'anna@example.org');
    INSERT INTO rpop (account, name, domain, auth_name, password) VALUES ('anna@example.org', 'work', 'pop.example.net', 'anna', 'pw');
    INSERT INTO rpop (account, name, domain, auth_name, password, special)
	VALUES ('postmaster@example.org', 'all', 'pop.example.net', 'example.org', 'pw', 'X-Real-To');" || exit 1

# domain and account
lower="domain: a name is in lower case: labels of letters, digits and hyphens, joined by dots, 253 at most"
refuse "$lower" "INSERT INTO domain (name) VALUES ('Example.net')"
refuse "$lower" "INSERT INTO domain (name) VALUES ('a..b')"
refuse "$lower" "INSERT INTO domain (name) VALUES ('.')"
refuse "$lower" "INSERT INTO domain (name) VALUES ('../etc')"
refuse "$lower" "INSERT INTO domain (name) VALUES ('-a.example')"
refuse "$lower" "INSERT INTO domain (name) VALUES ('')"
alabel="a name with letters beyond ASCII is written as its A-label, which the command 'idn2 NAME' prints"
refuse "domain: $alabel" "INSERT INTO domain (name) VALUES ('müller.example')"
refuse "domain: $alabel" "INSERT INTO accounts (address) VALUES ('anna@müller.example')"
refuse "domain: $alabel" "INSERT INTO accounts (address) VALUES ('anna@例子.example')"
accept "INSERT INTO accounts (address) VALUES ('anna@xn--mller-kva.example'); DELETE FROM account WHERE domain GLOB 'xn*'; DELETE FROM domain WHERE name GLOB 'xn*'"
refuse "domain: 'spool' is the name of the spool below the mail root" "INSERT INTO domain (name) VALUES ('spool')"
refuse "domain: accounts, aliases, records, administrators, rights or settings still use it" "DELETE FROM domain WHERE name = 'example.org'"
refuse "domain: accounts, aliases, records, administrators, rights or settings still use it" "UPDATE domain SET name = 'example.info' WHERE name = 'example.com'"
letters="account: a name is in lower case: letters, digits and . _ + = & ' -, 1 to 64 of them"
refuse "$letters" "INSERT INTO account (name, domain) VALUES ('Bert', 'example.org')"
refuse "$letters" "INSERT INTO account (name, domain) VALUES ('a/b', 'example.org')"
refuse "$letters" "UPDATE account SET name = '' WHERE name = 'bert'"
refuse "account: a name neither begins with . or - nor ends with a dot nor has two dots in a row" \
    "INSERT INTO account (name, domain) VALUES ('..', 'example.org')"
refuse "account: a name neither begins with . or - nor ends with a dot nor has two dots in a row" \
    "INSERT INTO account (name, domain) VALUES ('-rf', 'example.org')"
refuse "account: no such domain; insert it into table domain first" "INSERT INTO account (name, domain) VALUES ('bert', 'example.net')"
refuse "account: no such domain; insert it into table domain first" "UPDATE account SET domain = 'example.net' WHERE name = 'bert'"
refuse "account: this address is an alias in table route; delete that row first" "INSERT INTO accounts (address) VALUES ('sales@example.org')"
refuse "account: records in table rpop belong to it; delete or move them first" "DELETE FROM account WHERE name = 'postmaster'"
refuse "account: records in table rpop belong to it; delete or move them first" "UPDATE account SET name = 'hanna' WHERE name = 'anna'"
refuse "account: aliases in table route point to it; delete or move them first" \
    "BEGIN; DELETE FROM rpop; DELETE FROM account WHERE name = 'anna'"
refuse "UNIQUE constraint failed: account.address" "INSERT INTO accounts (address) VALUES ('anna@example.org')"
refuse "accounts: address must be local-part@domain" "INSERT INTO accounts (address) VALUES ('anna')"

# route
route="INSERT INTO route (address, target) VALUES"
hop="INSERT INTO nexthop (name, address) VALUES ('mx', 'mx.example.net:25')"
notarget="route: target is neither an account nor an address of this table; insert that first, or name a nexthop"
refuse "$notarget" "$route ('info@example.org', 'nobody@example.org')"
refuse "$notarget" "$route ('info@example.org', 'anna@example.net')"
refuse "$notarget" "$route ('info@example.org', 'anna-x@example.org')"
refuse "$notarget" "BEGIN; UPDATE settings SET detail = ''; $route ('info@example.org', 'anna+x@example.org')"
refuse "route: a loop: the target is the address itself" "UPDATE route SET target = 'sales@example.org'"
refuse "route: a loop: the target is the address itself" "$route ('sales@example.org', 'sales@example.org')"
refuse "route: the domain of target is not in table domain; insert it there first, or name a nexthop" "$route ('*@example.org', '*@example.net')"
refuse "route: target *@domain is for addresses *@domain" "$route ('info@example.org', '*@example.com')"
refuse "route: folder is for a target that is an account" \
    "INSERT INTO route (address, target, folder) VALUES ('info@example.org', 'sales@example.org', 'Lists')"
refuse "route: folder must be a folder such as Lists or Lists/bsd" \
    "INSERT INTO route (address, target, folder) VALUES ('info@example.org', 'anna@example.org', '../x')"
refuse "route: nexthop is not in table nexthop; insert it there first" "INSERT INTO route (address, nexthop) VALUES ('*@example.org', 'mx')"
refuse "route: action must be deliver, reject or discard" "INSERT INTO route (address, action) VALUES ('x@example.org', 'bounce')"
refuse "route: action deliver needs a target or a nexthop, reject and discard have neither" "INSERT INTO route (address) VALUES ('x@example.org')"
refuse "route: action deliver needs a target or a nexthop, reject and discard have neither" \
    "INSERT INTO route (address, action, target) VALUES ('x@example.org', 'reject', 'anna@example.org')"
refuse "route: text is the reason of a reject" "INSERT INTO route (address, action, text) VALUES ('x@example.org', 'discard', 'no')"
refuse "UNIQUE constraint failed: index 'route_address'" "$route ('sales@example.org', 'anna@example.org')"
refuse "route: address is an account of its own" "$route ('bert@example.com', 'anna@example.org')"
nodomain="route: the domain of address is not in table domain, or the part before it is not 1 to 64 long"
refuse "$nodomain" "$route ('info@example.net', 'anna@example.org')"
refuse "$nodomain" "$route ('*@example.net', 'anna@example.org')"
refuse "$nodomain" "$route (printf('%.65c', 'a') || '@example.org', 'anna@example.org')"
form="route: address must be local-part@domain or *@domain in lower case, without spaces or control characters"
refuse "$form" "$route ('Info@example.org', 'anna@example.org')"
refuse "$form" "UPDATE route SET address = 'in fo@example.org'"
refuse "$form" "$route ('info', 'anna@example.org')"

# nexthop
refuse "nexthop: address must be host, host:port, [v6], [v6]:port, or the absolute path of a socket" "INSERT INTO nexthop (name, address) VALUES ('n', 'a b')"
refuse "nexthop: address must be host, host:port, [v6], [v6]:port, or the absolute path of a socket" "INSERT INTO nexthop (name, address) VALUES ('n', '/run/../x')"
scheme="nexthop: address is host or host:port alone, or the path of a socket, without a scheme such as smtp:// or unix:"
refuse "$scheme" "INSERT INTO nexthop (name, address) VALUES ('n', 'smtp://mx.example.net')"
refuse "$scheme" "INSERT INTO nexthop (name, address) VALUES ('n', 'unix:/run/dovecot/lmtp')"
refuse "nexthop: the port behind the host must be :1 to :65535" "INSERT INTO nexthop (name, address) VALUES ('n', 'h:65536')"
refuse "nexthop: the port behind the host must be :1 to :65535" "INSERT INTO nexthop (name, address) VALUES ('n', '[::1]:0')"
refuse "nexthop: protocol must be lmtp or smtp" "INSERT INTO nexthop (name, address, protocol) VALUES ('n', 'h', 'uucp')"
refuse "nexthop: a password is sent under TLS only, or to a socket" \
    "INSERT INTO nexthop (name, address, auth_name, password) VALUES ('n', 'h', 'u', 'p')"
refuse "nexthop: auth_name and password belong together" "INSERT INTO nexthop (name, address, auth_name) VALUES ('n', '/s', 'u')"
refuse "nexthop: a socket in the file system takes no tls" "INSERT INTO nexthop (name, address, tls) VALUES ('n', '/s', 'tls')"
refuse "nexthop: connections must be 1..100" "INSERT INTO nexthop (name, address, connections) VALUES ('n', 'h', 0)"
refuse "nexthop: timeout must be 10..3600 seconds" "INSERT INTO nexthop (name, address, timeout) VALUES ('n', 'h', 5)"
refuse "nexthop: keep_trace must be 0, or 1" "INSERT INTO nexthop (name, address, keep_trace) VALUES ('n', 'h', 2)"
refuse "nexthop: bounce_to must be an address" "INSERT INTO nexthop (name, address, bounce_to) VALUES ('n', 'h', 'Info@example.org')"
refuse "nexthop: bounce_to must be an address" "INSERT INTO nexthop (name, address, bounce_to) VALUES ('n', 'h', '*@example.org')"
refuse "nexthop: bounce_to and null_sender 'always' exclude each other" \
    "INSERT INTO nexthop (name, address, bounce_to, null_sender) VALUES ('n', 'h', 'info@example.org', 'always')"
used="nexthop: accounts, routes or settings use it; change them first"
refuse "$used" "BEGIN; $hop; UPDATE account SET nexthop = 'mx' WHERE name = 'anna'; DELETE FROM nexthop"
refuse "$used" "BEGIN; $hop; UPDATE settings SET report_nexthop = 'mx'; UPDATE nexthop SET name = 'mx2'"
refuse "$used" "BEGIN; $hop; UPDATE settings SET nexthop = 'mx'; DELETE FROM nexthop"
refuse "$used" "BEGIN; $hop; INSERT INTO route (address, nexthop) VALUES ('*@example.org', 'mx'); DELETE FROM nexthop"
refuse "account: nexthop is not in table nexthop; insert it there first" "UPDATE account SET nexthop = 'mx'"
refuse "account: nexthop is not in table nexthop; insert it there first" \
    "INSERT INTO account (name, domain, nexthop) VALUES ('x', 'example.org', 'mx')"
refuse "settings: nexthop is not in table nexthop; insert it there first" "UPDATE settings SET nexthop = 'mx'"
refuse "settings: report_nexthop is not in table nexthop; insert it there first" "UPDATE settings SET report_nexthop = 'mx'"
refuse "settings: submit_nexthop is not in table nexthop; insert it there first" "UPDATE settings SET submit_nexthop = 'mx'"
refuse "$used" "BEGIN; $hop; UPDATE settings SET submit_nexthop = 'mx'; DELETE FROM nexthop WHERE name = 'mx'"
refuse "settings: archive is neither an account nor an address of table route" "UPDATE settings SET archive = 'all@example.org'"
refuse "settings: detail must be the character between user and detail" "UPDATE settings SET detail = 'x'"
refuse "settings: hop_limit must be 10..1000" "UPDATE settings SET hop_limit = 5"
refuse "settings: queue_age must be 600..2592000 seconds" "UPDATE settings SET queue_age = 1"
refuse "settings: queue_limit must be 1..1000000 deliveries" "UPDATE settings SET queue_limit = 0"
refuse "settings: min_free must be 0..1048576 MiB" "UPDATE settings SET min_free = -1"
refuse "settings: keep_state_days must be 0..3650 days" "UPDATE settings SET keep_state_days = 3651"
refuse "account: settings.archive is its address; change that first" \
    "BEGIN; UPDATE settings SET archive = 'bert@example.com'; DELETE FROM account WHERE name = 'bert'"
refuse "domain: source_routes must be 0, or 1" "UPDATE domain SET source_routes = 2"
refuse "domain: accounts, aliases, records, administrators, rights or settings still use it" \
    "BEGIN; INSERT INTO domain (name) VALUES ('d.example'); $route ('*@example.org', '*@d.example'); DELETE FROM domain WHERE name = 'd.example'"

# settings
refuse "settings: the row exists; use UPDATE" "INSERT INTO settings DEFAULT VALUES"
refuse "settings: the row cannot be deleted; use UPDATE" "DELETE FROM settings"
refuse "settings: there is exactly one row, with id 1" "UPDATE settings SET id = 2"
refuse "settings: main_domain is not in table domain" "UPDATE settings SET main_domain = 'example.net'"
refuse "settings: records with special belong to the postmaster of main_domain; remove those records first" \
    "UPDATE settings SET main_domain = 'example.com'"
refuse "settings: mail_root must be an absolute path without .. or control characters" "UPDATE settings SET mail_root = 'mail'"
refuse "settings: ca_dir must be an absolute path without .. or control characters" "UPDATE settings SET ca_dir = '/etc/../tmp'"
refuse "settings: hostname must be a host name, or NULL for the system's own" "UPDATE settings SET hostname = 'a b'"
refuse "settings: nameservers must be numeric addresses" "UPDATE settings SET nameservers = 'dns.example.org'"
refuse "settings: processors must be 0..1000" "UPDATE settings SET processors = -1"
refuse "settings: use_apop must be 0 or 1" "UPDATE settings SET use_apop = 2"
refuse "settings: idle_timeout must be 10..3600 seconds" "UPDATE settings SET idle_timeout = 1"
refuse "settings: session_timeout must be 60..86400 seconds and not shorter than idle_timeout" "UPDATE settings SET session_timeout = 100"
refuse "settings: delay_failed_accounts must be 10..604800 seconds" "UPDATE settings SET delay_failed_accounts = 0"
refuse "cannot store TEXT value in INTEGER column settings.processors" "UPDATE settings SET processors = 'many'"

source="settings: source_address must be numeric addresses of this host, one per family, by commas, or NULL"
refuse "$source" "UPDATE settings SET source_address = 'localhost'"
refuse "$source" "UPDATE settings SET source_address = '192.0.2.1,,::1'"
refuse "settings: socks must be the SOCKS5 server's numeric address and port" "UPDATE settings SET socks = 'proxy.example.org:1080'"
refuse "settings: log_level must be crashes, failures, major, problems, low or all" "UPDATE settings SET log_level = 'loud'"
refuse "settings: host_sessions must be 1..1000" "UPDATE settings SET host_sessions = 0"
refuse "settings: delay_failed_hosts must be 10..604800 seconds" "UPDATE settings SET delay_failed_hosts = 0"
refuse "settings: self_poll must be 0 or 1" "UPDATE settings SET self_poll = 2"
refuse "settings: use_domain_addresses must be 0 or 1" "UPDATE settings SET use_domain_addresses = 2"
refuse "domain: address must be numeric addresses of this host" "UPDATE domain SET address = 'mail'"
client="INSERT INTO oauth_client (name, token_url, client_id) VALUES ('c', 'https://h/', 'i')"

# rpop
refuse "rpop: account is not the address of an account; insert it into view accounts first" \
    "INSERT INTO rpop (account, name, domain, auth_name, password) VALUES ('nobody@example.org', 'x', 'h', 'u', 'p')"
refuse "rpop: account is not the address of an account; insert it into view accounts first" "UPDATE rpop SET account = 'sales@example.org'"
refuse "UNIQUE constraint failed: rpop.account, rpop.name" "UPDATE rpop SET account = 'anna@example.org', name = 'work', special = NULL"
refuse "rpop: name must be 1 to 127 octets of text without control characters" "UPDATE rpop SET name = 'a' || char(10) || 'b'"
# SQLite's own words, which rpopd.db(5) explains; digits in quotes are a number
refuse "cannot store TEXT value in INTEGER column rpop.period" "UPDATE rpop SET period = '10m'"
accept "UPDATE rpop SET period = '600' WHERE name = 'work'" "SELECT typeof(period) FROM rpop WHERE name = 'work'" integer
scheme="rpop: domain is the host alone, or host:port, without a scheme such as https:// and without a path"
refuse "$scheme" "UPDATE rpop SET domain = 'https://pop.example.org'"
refuse "$scheme" "UPDATE rpop SET domain = 'pop://pop.example.org:110'"
refuse "$scheme" "UPDATE rpop SET domain = 'pop.example.org/'"
host="rpop: domain must be the remote host: host, host:port, [v6] or [v6]:port"
refuse "$host" "UPDATE rpop SET domain = 'pop example'"
refuse "$host" "UPDATE rpop SET domain = '::1'"
refuse "$host" "UPDATE rpop SET domain = '[10.0.0.1]'"
refuse "$host" "UPDATE rpop SET domain = 'pop.example.net.'"
port="rpop: the port behind the host must be :1 to :65535, and an IPv6 address stands in brackets"
refuse "$port" "UPDATE rpop SET domain = 'pop.example.net:0'"
refuse "$port" "UPDATE rpop SET domain = 'pop.example.net:65536'"
refuse "$port" "UPDATE rpop SET domain = '2001:db8::1'"
refuse "$port" "UPDATE rpop SET domain = '[::1]:pop3'"
refuse "rpop: auth_name must be 1 to 512 octets" "$(new_rpop mailbox "NULL" | sed "s/'anna', 'pw'/'', 'pw'/")"
refuse "rpop: auth_name must not contain CR, LF or NUL" "UPDATE rpop SET auth_name = 'a' || char(13, 10) || 'DELE 1'"
refuse "rpop: auth_name must not contain CR, LF or NUL" "UPDATE rpop SET auth_name = 'a' || char(0)"
refuse "rpop: password must be text in quotes, or a blob, of 1 to 1024 octets" "UPDATE rpop SET password = 12345"
refuse "rpop: password must be text in quotes, or a blob, of 1 to 1024 octets" "UPDATE rpop SET password = ''"
refuse "rpop: password must be text in quotes, or a blob, of 1 to 1024 octets" "UPDATE rpop SET password = zeroblob(1025)"
refuse "rpop: password must not contain CR, LF or NUL" "UPDATE rpop SET password = 'a' || char(10)"
refuse "rpop: password must not contain CR, LF or NUL" "UPDATE rpop SET password = x'610061'"
refuse "rpop: a record that is polled needs a password, an oauth_client, a token_command or auth" "UPDATE rpop SET password = NULL"
refuse "rpop: period must be 10..31536000 seconds, or NULL for disabled" "UPDATE rpop SET period = 9"
refuse "cannot store TEXT value in INTEGER column rpop.period" "UPDATE rpop SET period = '10 min'"
refuse "rpop: mailbox and special exclude each other" "UPDATE rpop SET mailbox = 'Lists' WHERE name = 'all'"
folder="rpop: mailbox must be a folder such as Lists or Lists/bsd, 127 octets at most, or NULL for the inbox"
refuse "$folder" "$(new_rpop mailbox "'../anna'")"
refuse "$folder" "$(new_rpop mailbox "'/etc'")"
refuse "$folder" "$(new_rpop mailbox "''")"
refuse "rpop: special is for records of the postmaster of settings.main_domain only" "$(new_rpop special "'*'")"
refuse "rpop: special is for records of the postmaster of settings.main_domain only" "UPDATE rpop SET special = 'X' WHERE name = 'work'"
refuse "rpop: special must be '*' or names of header fields separated by single spaces" "UPDATE rpop SET special = 'X-Real-To:' WHERE name = 'all'"
refuse "rpop: special names fields that are taken out of the message; it cannot be one that belongs to it" \
    "UPDATE rpop SET special = 'return-path' WHERE name = 'all'"
belongs="rpop: special names fields that are taken out of the message; it cannot be one that belongs to it"
for name in From 'X-Real-To subject' 'Content-Language X-A' 'X-A RESENT-TO X-B' List-Id ARC-Seal X-Rpopd-Mark Message-ID Received-SPF; do
	refuse "$belongs" "UPDATE rpop SET special = '$name' WHERE name = 'all'"
done
for name in To cc 'X-Real-To BCC' 'To X-Real-To'; do
	refuse "rpop: special cannot be To, Cc or Bcc, which do not say whom a message was sent to; special '*' distributes by them" \
	    "UPDATE rpop SET special = '$name' WHERE name = 'all'"
done
refuse "rpop: special cannot be Received; what that has behind 'for' counts with received_for 1, beside the provider's field" \
    "UPDATE rpop SET special = 'X-A received' WHERE name = 'all'"
refuse "rpop: received_for needs trusted_hop, or anybody could write such a field" "UPDATE rpop SET received_for = 1 WHERE name = 'all'"
refuse "rpop: received_for must be 0, or 1" "UPDATE rpop SET received_for = 2, trusted_hop = 'mx.example.net' WHERE name = 'all'"
accept "UPDATE rpop SET special = 'Apparently-To Envelope-To X-To X-Received To-X', received_for = 1, trusted_hop = 'mx.example.net' WHERE name = 'all'"
refuse "rpop: local_domain is not in table domain" "UPDATE rpop SET local_domain = 'example.net' WHERE name = 'all'"
refuse "rpop: local_domain is for records with special" "$(new_rpop local_domain "'example.com'")"
refuse "rpop: domains names one that is not in table domain, or one twice" "UPDATE rpop SET domains = 'example.org example.net' WHERE name = 'all'"
refuse "rpop: domains is for records with special" "UPDATE rpop SET domains = 'example.org' WHERE name = 'work'"
refuse "domain: accounts, aliases, records, administrators, rights or settings still use it" "BEGIN; INSERT INTO domain (name) VALUES ('d.example');
    UPDATE rpop SET domains = 'example.org d.example' WHERE name = 'all'; DELETE FROM domain WHERE name = 'd.example'"
refuse "rpop: leave must be 0 or 1" "UPDATE rpop SET leave = 2"
refuse "rpop: tls must be tls, stls or none" "UPDATE rpop SET tls = 'sslv3'"
refuse "rpop: apop must be 0 or 1" "UPDATE rpop SET apop = -1"
refuse "cannot UPDATE generated column" "UPDATE rpop SET host = 'x'"
refuse "rpop: auth must be auto, external" "UPDATE rpop SET auth = 'gssapi'"
refuse "rpop: auth oauthbearer and xoauth2 need an oauth_client or a token_command" "UPDATE rpop SET auth = 'xoauth2'"
refuse "rpop: auth external needs tls_cert and tls_key" "UPDATE rpop SET auth = 'external'"
refuse "rpop: password, oauth_client and token_command exclude each other" "UPDATE rpop SET token_command = '/bin/x'"
refuse "rpop: token_command must be an absolute path, then words" "UPDATE rpop SET password = NULL, token_command = 'x y'"
refuse "rpop: token_command must be an absolute path, then words" "UPDATE rpop SET password = NULL, token_command = '/x  y'"
refuse "rpop: token_user is the system user that token_command runs as, not root" \
    "UPDATE rpop SET password = NULL, token_command = '/x', token_user = 'root'"
refuse "rpop: token_user is the system user that token_command runs as, not root" "UPDATE rpop SET token_user = 'anna'"
refuse "rpop: tokens are sent under TLS only; set tls to tls or stls" \
    "UPDATE rpop SET password = NULL, token_command = '/x', tls = 'none'"
refuse "rpop: oauth_client is not in table oauth_client" "UPDATE rpop SET password = NULL, oauth_client = 'x'"
refuse "rpop: an oauth_client with grant_type refresh_token needs a refresh_token in the record" \
    "BEGIN; $client; UPDATE rpop SET password = NULL, oauth_client = 'c'"
refuse "rpop: refresh_token belongs to an oauth_client" "UPDATE rpop SET refresh_token = 'x'"
refuse "rpop: refresh_token must be text in quotes" "BEGIN; $client; UPDATE rpop SET password = NULL, oauth_client = 'c', refresh_token = 1"
refuse "rpop: tls_min must be 1.0, 1.1, 1.2 or 1.3" "UPDATE rpop SET tls_min = '1.4'"
refuse "rpop: tls_ciphers must be an OpenSSL cipher list" "UPDATE rpop SET tls_ciphers = 'a;b'"
refuse "rpop: tls_name must be the host name in the server's certificate" "UPDATE rpop SET tls_name = 'a b'"
pins="rpop: tls_pins must be 1 to 8 SHA-256 sums of certificates, 64 hexadecimal digits each, separated by spaces"
refuse "$pins" "UPDATE rpop SET tls_pins = 'ab'"
refuse "$pins" "UPDATE rpop SET tls_pins = printf('%.*c', 129, 'a')"
refuse "$pins" "UPDATE rpop SET tls_pins = printf('%.*c', 583, 'a')"
for column in ca_file tls_cert tls_key; do
	refuse "rpop: $column must be an absolute path without .. or control characters" "UPDATE rpop SET $column = '/a/../b'"
done
refuse "rpop: tls_cert and tls_key belong together" "UPDATE rpop SET tls_cert = '/c'"
refuse "are for tls and stls" "UPDATE rpop SET tls = 'none', tls_min = '1.0'"
refuse "rpop: schedule is not in table schedule" "UPDATE rpop SET schedule = 'x'"
refuse "rpop: max_size must be 1..2147483647 octets" "UPDATE rpop SET max_size = 0"
refuse "rpop: oversize must be skip or headers" "UPDATE rpop SET oversize = 'delete'"
refuse "rpop: session_messages must be 1..1000000" "UPDATE rpop SET session_messages = 0"
refuse "rpop: session_octets must be 1..1000000000000" "UPDATE rpop SET session_octets = 0"
refuse "rpop: leave_days must be 1..36500 days" "UPDATE rpop SET leave = 1, leave_days = 0"
refuse "rpop: leave_days is for records with leave" "UPDATE rpop SET leave = 0, leave_days = 7"
refuse "rpop: first_poll must be retrieve, or mark" "UPDATE rpop SET first_poll = 'skip'"
refuse "rpop: first_poll 'mark' is for records with leave" "UPDATE rpop SET leave = 0, first_poll = 'mark'"
refuse "rpop: rset must be 0 or 1" "UPDATE rpop SET rset = 2"
refuse "rpop: self_service must be 0 or 1" "UPDATE rpop SET self_service = 2"

# schedule, oauth_client
refuse "schedule: days must be digits 1 (Monday) to 7 (Sunday)" "INSERT INTO schedule (name, days) VALUES ('o', '08')"
refuse "schedule: begins must be a time of day" "INSERT INTO schedule (name, begins) VALUES ('o', '24:00')"
refuse "schedule: ends must be a time of day" "INSERT INTO schedule (name, ends) VALUES ('o', '24:01')"
refuse "schedule: ends must be a time of day" "INSERT INTO schedule (name, begins, ends) VALUES ('o', '08:00', '08:00')"
refuse "schedule: pause must be 0..86400 seconds" "INSERT INTO schedule (name, pause) VALUES ('o', 86401)"
used="schedule: records or settings use this name and it would have no window left"
refuse "$used" "BEGIN; INSERT INTO schedule (name) VALUES ('o'); UPDATE settings SET schedule = 'o'; DELETE FROM schedule"
refuse "$used" "BEGIN; INSERT INTO schedule (name) VALUES ('o'); UPDATE rpop SET schedule = 'o'; UPDATE schedule SET name = 'p'"
refuse "settings: schedule is not in table schedule" "UPDATE settings SET schedule = 'x'"
refuse "oauth_client: token_url must be https://host/path" "INSERT INTO oauth_client (name, token_url, client_id) VALUES ('c', 'http://h/', 'i')"
refuse "oauth_client: client_credentials need a client_secret" \
    "INSERT INTO oauth_client (name, token_url, client_id, grant_type) VALUES ('c', 'https://h/', 'i', 'client_credentials')"
refuse "oauth_client: records in table rpop use it; change them first" \
    "BEGIN; $client; UPDATE rpop SET password = NULL, oauth_client = 'c', refresh_token = 'r'; DELETE FROM oauth_client"
form="account: password must be a string of crypt(3), {PLAIN} and the password, or {SCRAM-SHA-256} and its verifier, or NULL"
refuse "$form" "UPDATE account SET password = 'secret'"
refuse "$form" "UPDATE account SET password = '{plain}secret'"
refuse "$form" "UPDATE account SET password = '{PLAIN}a' || char(10)"
refuse "$form" "UPDATE account SET password = 5"
refuse "$form" "UPDATE account SET password = '{PLAIN}'"
refuse "$form" "UPDATE account SET password = '{SCRAM-SHA-256}4096,c2FsdA==,c3RvcmVk'"
refuse "$form" "UPDATE account SET password = '{PLAIN}' || hex(zeroblob(513))"
weak="account: password by crypt(3) must be yescrypt (\$y\$), gost-yescrypt (\$gy\$), scrypt (\$7\$), bcrypt (\$2b\$), SHA-512 (\$6\$) or SHA-256 (\$5\$)"
refuse "$weak" "UPDATE account SET password = '\$1\$exJ1YF0i\$RBRX7j5p3dlX4LWwGEqZ90'"
refuse "$weak" "UPDATE account SET password = '\$2x\$05\$OJkIs3x.z9JqpRdDPP/bHuKhvUV3ClLndFBonuCpJ8AydTaTwCi1O'"
refuse "$weak" "UPDATE account SET password = '\$y\$j9T\$cut'"
refuse "account: can_modify_rpop must be 0, or 1" "UPDATE account SET can_modify_rpop = 2"
refuse "account: max_records must be 0..1000 records of the user's own" "UPDATE account SET max_records = 1001"
refuse "account: min_period must be 10..31536000 seconds" "UPDATE account SET min_period = 9"
refuse "account: unix_user must be the name of a system user, not root" "UPDATE account SET unix_user = 'root' WHERE name = 'anna'"
refuse "account: unix_user must be the name of a system user, not root" "UPDATE account SET unix_user = '-x' WHERE name = 'anna'"
refuse "UNIQUE constraint failed: account.unix_user" "UPDATE account SET unix_user = 'anna'"
refuse "server_admin: account is not the address of an account" "INSERT INTO server_admin VALUES ('x@example.org')"
refuse "server_admin: account is not the address of an account" \
    "BEGIN; INSERT INTO server_admin VALUES ('anna@example.org'); UPDATE server_admin SET account = 'x'"
refuse "domain_admin: account is not the address of an account" "INSERT INTO domain_admin (account, domain, can_modify_rpop) VALUES ('x@example.org', 'example.org', 1)"
refuse "domain_admin: no such domain" "INSERT INTO domain_admin (account, domain, can_modify_rpop) VALUES ('anna@example.org', 'example.info', 1)"
refuse "domain_admin: no such domain" \
    "BEGIN; INSERT INTO domain_admin (account, domain, can_modify_rpop) VALUES ('anna@example.org', 'example.org', 1); UPDATE domain_admin SET domain = 'example.info'"
refuse "domain_admin: can_modify_rpop must be 1, or 0" "INSERT INTO domain_admin (account, domain, can_modify_rpop) VALUES ('anna@example.org', 'example.org', 2)"
refuse "domain_admin: can_access_mailboxes must be 0, or 1" "INSERT INTO domain_admin (account, domain, can_access_mailboxes) VALUES ('anna@example.org', 'example.org', 2)"
refuse "account: it administers the server or domains" "BEGIN; INSERT INTO server_admin VALUES ('bert@example.com'); DELETE FROM account WHERE name = 'bert'"
refuse "account: it administers the server or domains" \
    "BEGIN; INSERT INTO domain_admin (account, domain, can_modify_rpop) VALUES ('bert@example.com', 'example.org', 1); UPDATE account SET name = 'bart' WHERE name = 'bert'"
refuse "settings: history_days must be 0..3650 days" "UPDATE settings SET history_days = 3651"
refuse "settings: user_min_period must be 10..31536000 seconds" "UPDATE settings SET user_min_period = 9"
refuse "settings: user_max_records must be 0..1000 records" "UPDATE settings SET user_max_records = 1001"
refuse "oauth_client: device_url must be https://host/path" "BEGIN; $client; UPDATE oauth_client SET device_url = 'http://h/'"
refuse "account: pop must be 1, or 0" "UPDATE account SET pop = 2"
refuse "account: login_delay must be 0..86400 seconds" "UPDATE account SET login_delay = 86401"
refuse "account: sessions must be 1..1000 at once" "UPDATE account SET sessions = 0"
refuse "account: expire_days must be 1..36500 days" "UPDATE account SET expire_days = 0"
refuse "settings: pop_channels must be 0..10000 sessions" "UPDATE settings SET pop_channels = 10001"
refuse "account: unified must be 0, or 1" "UPDATE account SET unified = 2"
refuse "account: submit must be 0, or 1" "UPDATE account SET submit = 2"
refuse "settings: submit_limit must be 1..100000 messages" "UPDATE settings SET submit_limit = 0"
refuse "settings: submit_recipients must be 1..1000 addresses" "UPDATE settings SET submit_recipients = 1001"
refuse "settings: submit_size must be 1024..1073741824 octets" "UPDATE settings SET submit_size = 1023"
refuse "settings: unified_field must be the name of one header field" "UPDATE settings SET unified_field = 'X-A X-B'"
refuse "settings: unified_field must be the name of one header field" "UPDATE settings SET unified_field = '*'"
refuse "settings: unified_field must be the name of one header field" "UPDATE settings SET unified_field = 'X:'"
refuse "settings: unified_field must be the name of one header field" "UPDATE settings SET unified_field = ''"
refuse "settings: unified_field names a field that is taken out" "UPDATE settings SET unified_field = 'Received'"
refuse "settings: unified_field names a field that is taken out" "UPDATE settings SET unified_field = 'List-Id'"
refuse "settings: pop_per_address must be 1..10000 sessions" "UPDATE settings SET pop_per_address = 0"
refuse "settings: pop_login_delay must be 0..86400 seconds" "UPDATE settings SET pop_login_delay = -1"
refuse "settings: pop_idle must be 600..86400 seconds; RFC 1939 wants ten minutes at least" "UPDATE settings SET pop_idle = 599"
refuse "settings: pop_clear must be never, local or always" "UPDATE settings SET pop_clear = 'tls'"
refuse "settings: pop_apop must be 0 or 1" "UPDATE settings SET pop_apop = 2"
refuse "settings: pop_log_level must be crashes, failures, major, problems, low or all, or NULL for the level of everything else" \
    "UPDATE settings SET pop_log_level = 'loud'"
for value in "'dovecot'" "'run/auth'" "'/'" "''" "NULL" "'/run/../auth'" "'/run/au' || char(10) || 'th'" "'/' || printf('%103.103d', 0)" \
    "'checkpassword:'" "'checkpassword:x'" "'checkpassword:/x  y'" "'checkpassword:/x '" "'checkpassword:/../x'" "'Store'"; do
	refuse "pop_auth" "UPDATE settings SET pop_auth = $value"
done
refuse "settings: pop_auth_user is the system user" "UPDATE settings SET pop_auth_user = 'nobody'"
refuse "settings: pop_auth_user is the system user" "UPDATE settings SET pop_auth = '/run/auth', pop_auth_user = 'nobody'"
refuse "settings: pop_auth_user is the system user" "UPDATE settings SET pop_auth = 'checkpassword:/x', pop_auth_user = 'root'"
refuse "settings: pop_auth_user is the system user" "UPDATE settings SET pop_auth = 'checkpassword:/x', pop_auth_user = '-x'"
accept "UPDATE settings SET pop_auth = 'checkpassword:/x y z', pop_auth_user = 'mail'"
accept "UPDATE settings SET pop_auth = 'checkpassword:/x', pop_auth_user = NULL"
accept "UPDATE settings SET pop_auth = '/run/dovecot/auth-rpopd'"
for value in "'rpopd/web.sock'" "'/'" "''" "'/run/../web.sock'" "'/run/web/'" "'/run/we' || char(10) || 'b'" "'/' || printf('%103.103d', 0)"; do
	refuse "settings: web_socket must be the absolute path" "UPDATE settings SET web_socket = $value"
done
accept "UPDATE settings SET web_socket = '/run/rpopd/web.sock', web_group = 'www-data'"
accept "UPDATE settings SET web_socket = '/' || printf('%102.102d', 0), web_group = NULL"
for value in "''" "'-x'" "'a b'" "'a' || char(10)" "'a:b'" "printf('%33.33d', 0)"; do
	refuse "settings: web_group must be the system group" "UPDATE settings SET web_group = $value"
done
accept "UPDATE settings SET web_socket = NULL, web_group = NULL"
accept "UPDATE settings SET pop_auth = 'store'"

# listener, certificate and acl
listen="INSERT INTO listener (address, port, tls, cert, key) VALUES"
numeric="listener: address must be a numeric address of this host, without brackets, or '*' for all"
refuse "$numeric" "$listen ('localhost', 110, 'none', NULL, NULL)"
refuse "$numeric" "$listen ('[::1]', 110, 'none', NULL, NULL)"
refuse "$numeric" "$listen ('', 110, 'none', NULL, NULL)"
refuse "listener: port must be 1..65535" "$listen ('*', 0, 'none', NULL, NULL)"
refuse "listener: port must be 1..65535" "$listen ('*', 65536, 'none', NULL, NULL)"
refuse "listener: tls must be tls, stls or none" "$listen ('*', 110, 'ssl', '/c', '/k')"
refuse "listener: tls and stls need cert and key" "$listen ('*', 995, 'tls', NULL, NULL)"
refuse "listener: tls and stls need cert and key" "$listen ('*', 110, 'stls', '/c', NULL)"
refuse "listener: cert and key are for tls and stls" "$listen ('*', 110, 'none', '/c', '/k')"
refuse "listener: cert must be an absolute path" "$listen ('*', 995, 'tls', 'c', '/k')"
refuse "listener: cert must be an absolute path" "$listen ('*', 995, 'tls', '/a/../c', '/k')"
refuse "listener: key must be an absolute path" "$listen ('*', 995, 'tls', '/c', 'k')"
refuse "listener: channels must be 1..10000 sessions at once" \
    "INSERT INTO listener (address, port, tls, channels) VALUES ('*', 110, 'none', 0)"
refuse "listener: the sockets are more than 16, of which * is two" "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9)
    INSERT INTO listener (address, port, tls) SELECT '*', 110 + i, 'none' FROM n"
refuse "listener: * and another row have the same port" "$listen ('*', 110, 'none', NULL, NULL), ('127.0.0.1', 110, 'none', NULL, NULL)"
refuse "listener: * and another row have the same port" \
    "BEGIN; $listen ('::1', 110, 'none', NULL, NULL), ('127.0.0.1', 110, 'none', NULL, NULL); UPDATE listener SET address = '*' WHERE address = '::1'"
refuse "UNIQUE constraint failed" "$listen ('::1', 110, 'none', NULL, NULL), ('::1', 110, 'none', NULL, NULL)"
tls="INSERT INTO listener (address, port, cert, key) VALUES ('*', 995, '/c', '/k'), ('*', 996, '/c', '/k')"
further="INSERT INTO certificate (address, port, cert, key) VALUES"
none="certificate: no listener with TLS has this address and port; insert it into table listener first"
refuse "$none" "$further ('*', 995, '/c', '/k')"
refuse "$none" "BEGIN; $listen ('*', 110, 'none', NULL, NULL); $further ('*', 110, '/c', '/k')"
refuse "$none" "BEGIN; $tls; $further ('*', 995, '/c', '/k'); UPDATE certificate SET port = 997"
refuse "certificate: cert must be an absolute path without .." "BEGIN; $tls; $further ('*', 995, 'c', '/k')"
refuse "certificate: cert must be an absolute path without .." "BEGIN; $tls; $further ('*', 995, '/a/../c', '/k')"
refuse "certificate: key must be an absolute path without .." "BEGIN; $tls; $further ('*', 995, '/c', 'k')"
refuse "NOT NULL constraint failed: certificate.key" "BEGIN; $tls; $further ('*', 995, '/c', NULL)"
refuse "UNIQUE constraint failed" "BEGIN; $tls; $further ('*', 995, '/c', '/k'), ('*', 995, '/c', '/l')"
all="INSERT INTO certificate (address, port, cert, key) SELECT '*', 995, '/c' || i, '/k' FROM n"
refuse "certificate: a listener has 64 of them at most" "BEGIN; $tls; WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 65) $all"
refuse "certificate: a listener has 64 of them at most" "BEGIN; $tls; WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 64) $all;
    $further ('*', 996, '/d', '/k'); UPDATE certificate SET port = 995 WHERE port = 996"
their="listener: rows of table certificate are about it; delete or move them first"
for change in "DELETE FROM listener WHERE port = 995" "UPDATE listener SET port = 997 WHERE port = 995" "UPDATE listener SET address = '::' WHERE port = 995" \
    "UPDATE listener SET tls = 'none', cert = NULL, key = NULL WHERE port = 995"; do
	refuse "$their" "BEGIN; $tls; $further ('*', 995, '/c', '/k'); $change"
done
accept "$tls; WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 64) $all; UPDATE certificate SET key = '/l';
    UPDATE certificate SET port = 996 WHERE cert = '/c7'; UPDATE listener SET tls = 'stls', channels = 7, cert = '/d' WHERE port = 995;
    UPDATE listener SET tls = 'none', cert = NULL, key = NULL WHERE port = 997" \
    "SELECT count(*) || max(key) || (SELECT max(cert) FROM certificate WHERE port = 996) FROM certificate" "64/l/c7"

acl="INSERT INTO acl (owner, folder, who, rights) VALUES"
refuse "acl: owner is not the address of an account" "$acl ('x@example.org', 'INBOX', 'anyone', 'r')"
refuse "acl: owner is not the address of an account" \
    "BEGIN; $acl ('anna@example.org', 'INBOX', 'anyone', 'r'); UPDATE acl SET owner = 'x@example.org'"
refuse "acl: folder must be INBOX, or a folder such as Lists" "$acl ('anna@example.org', 'inbox', 'anyone', 'r')"
refuse "acl: folder must be INBOX, or a folder such as Lists" "$acl ('anna@example.org', '../x', 'anyone', 'r')"
nobody="acl: who is neither the address of an account nor *@ and a domain of table domain nor anyone"
refuse "$nobody" "$acl ('anna@example.org', 'INBOX', 'x@example.org', 'r')"
refuse "$nobody" "$acl ('anna@example.org', 'INBOX', '*@example.info', 'r')"
refuse "$nobody" "BEGIN; $acl ('anna@example.org', 'INBOX', 'anyone', 'r'); UPDATE acl SET who = 'somebody'"
letters="acl: rights must be letters of l (it is there), r (read), s (mark as read) and t (delete), each once"
refuse "$letters" "$acl ('anna@example.org', 'INBOX', 'anyone', '')"
refuse "$letters" "$acl ('anna@example.org', 'INBOX', 'anyone', 'rw')"
refuse "$letters" "$acl ('anna@example.org', 'INBOX', 'anyone', 'rr')"
refuse "account: rows of table acl are about it; delete them first" "BEGIN; $acl ('bert@example.com', 'INBOX', 'anyone', 'r'); DELETE FROM account WHERE name = 'bert'"
refuse "account: rows of table acl are about it; delete them first" \
    "BEGIN; $acl ('anna@example.org', 'INBOX', 'bert@example.com', 'r'); UPDATE account SET name = 'bart' WHERE name = 'bert'"
refuse "domain: accounts, aliases, records, administrators, rights or settings still use it" "BEGIN; INSERT INTO domain (name) VALUES ('example.net');
    $acl ('anna@example.org', 'INBOX', '*@example.net', 'r'); DELETE FROM domain WHERE name = 'example.net'"

# what is right
accept "$listen ('*', 110, 'stls', '/c', '/k'), ('::1', 995, 'tls', '/c', '/k'), ('192.0.2.1', 995, 'tls', '/c', '/k'), ('127.0.0.1', 1110, 'none', NULL, NULL);
    UPDATE listener SET port = 111 WHERE address = '*'; UPDATE listener SET address = '::' WHERE address = '*'" "SELECT sum(channels) FROM listener" 400
accept "$acl ('anna@example.org', 'INBOX', 'bert@example.com', 'lrst'), ('anna@example.org', 'Lists/bsd', '*@example.com', 'rs'), ('bert@example.com', 'INBOX', 'anyone', 'l')" \
    "SELECT used_by FROM domain_use WHERE used_by GLOB 'acl*'" "acl anna@example.org Lists/bsd"
accept "UPDATE account SET unified = 1; UPDATE settings SET unified_field = 'X-Envelope-To'"
accept "UPDATE account SET pop = 0, login_delay = 0, sessions = 1000, expire_days = 30; UPDATE account SET login_delay = NULL;
    UPDATE settings SET pop_channels = 0, pop_per_address = 1, pop_login_delay = 60, pop_idle = 86400, pop_clear = 'never', pop_apop = 0, pop_log_level = 'all'"
accept "UPDATE account SET password = '{PLAIN}x', can_modify_rpop = 1, max_records = 0, min_period = 60;
    UPDATE account SET unix_user = 'anna', password = '\$y\$j9T\$x\$y' WHERE name = 'anna'; INSERT INTO server_admin VALUES ('anna@example.org');
    INSERT INTO domain_admin (account, domain, can_modify_rpop) VALUES ('anna@example.org', 'example.com', 0);
    UPDATE account SET password = '{SCRAM-SHA-256}4096,c2FsdA==,c3RvcmVk,c2VydmVy' WHERE name = 'bert';
    UPDATE account SET password = x'7b504c41494e7dff' WHERE name = 'postmaster';
    UPDATE account SET password = '\$6\$x\$y' WHERE name = 'bert'; UPDATE account SET password = '\$2b\$05\$xy' WHERE name = 'bert'" \
    "SELECT group_concat(administers) FROM administrators" \
    "server,example.com"
accept "INSERT INTO accounts (address) VALUES ('carl.o''neill+x@mail.example.net')" "SELECT name FROM domain ORDER BY 1" \
    "$(printf 'example.com\nexample.org\nmail.example.net')"
accept "INSERT INTO domain (name) VALUES ('xn--bcher-kva.example')"
accept "INSERT INTO account (name, domain) VALUES ('a', 'example.com')"
accept "$route ('o''brien@lists@example.com', 'bert@example.com')"
accept "$route ('all@example.org', 'anna@example.org'), ('all@example.org', 'sales@example.org'), ('x@example.org', 'sales+x@example.org'),
    ('y@example.org', 'anna+a+b@example.org'), ('*@example.com', '*@example.org'), ('z@example.org', 'any@example.com')" \
    "SELECT count(*) FROM route" 7
accept "$hop; INSERT INTO route (address, nexthop) VALUES ('*@example.com', 'mx');
    INSERT INTO route (address, target, nexthop) VALUES ('out@example.org', 'some@where.example', 'mx'), ('*@example.org', '*@else.example', 'mx');
    UPDATE account SET nexthop = 'mx' WHERE name = 'anna'; UPDATE settings SET nexthop = 'mx', report_nexthop = 'mx'" \
    "SELECT count(*) FROM nexthop_use WHERE name = 'mx'" 6
accept "$hop; INSERT INTO route (address, target, nexthop) VALUES ('x@example.org', 'bert@example.com', 'mx'); DELETE FROM account WHERE name = 'bert'"
accept "INSERT INTO route (address, action, text) VALUES ('gone@example.org', 'reject', 'moved'), ('noise@example.org', 'discard', NULL);
    INSERT INTO route (address, target, folder) VALUES ('bsd@example.org', 'anna@example.org', 'Lists/bsd'), ('bsd@example.org', 'anna@example.org', NULL)"
accept "INSERT INTO nexthop (name, protocol, address, tls, auth_name, password) VALUES ('a', 'smtp', '[2001:db8::1]:587', 'stls', 'u', x'e4'),
    ('b', 'lmtp', '/run/dovecot/lmtp', 'none', NULL, NULL), ('c', 'smtp', '192.0.2.1', 'tls', NULL, NULL)" "SELECT max(id) FROM nexthop" 3
accept "UPDATE settings SET archive = 'sales@example.org', detail = ''" "SELECT detail FROM settings" ""
accept "UPDATE rpop SET domains = 'example.com example.org', special_nth = 1, trusted_hop = 'mx.example.net', strip_prefix = 'v-' WHERE name = 'all'"
accept "DELETE FROM account WHERE name = 'bert'; DELETE FROM domain WHERE name = 'example.com'" "SELECT count(*) FROM domain" 1
accept "DELETE FROM rpop; DELETE FROM route; DELETE FROM account; UPDATE settings SET main_domain = NULL; DELETE FROM domain" \
    "SELECT count(*) FROM domain_use" 0
accept "UPDATE account SET name = 'bart' WHERE name = 'bert'" "SELECT address FROM account WHERE name = 'bart'" bart@example.com
accept "UPDATE settings SET processors = 0, use_apop = 0, hostname = 'mx.example.org', nameservers = '127.0.0.1:5353,[::1]:53,2001:db8::1'"
accept "$(new_rpop period 60)" "SELECT host, port, every, credential, mode, folder FROM records WHERE name = 'x'" \
    "pop.example.net|995|1 min|password|to the owner|inbox"
accept "$(new_rpop tls "'stls'")" "SELECT port, every FROM records WHERE name = 'x'" "110|10 min"
accept "UPDATE rpop SET domain = '[2001:db8::1]:1995' WHERE name = 'work'" "SELECT host, port FROM records WHERE name = 'work'" \
    "2001:db8::1|1995"
accept "UPDATE rpop SET domain = 'POP.Example.net:111', tls = 'none', leave = 1, apop = 1"
accept "UPDATE rpop SET period = NULL, password = NULL WHERE name = 'work'" \
    "SELECT every, credential FROM records WHERE name = 'work'" "disabled|missing"
accept "UPDATE rpop SET auth_name = 'mailbox#~other/a%b c@dom', password = x'e4f6fc'"
accept "$(new_rpop mailbox "'Lists/open bsd.misc'")" "SELECT folder FROM records WHERE name = 'x'" "Lists/open bsd.misc"
accept "UPDATE rpop SET special = '*' WHERE name = 'all'" "SELECT mode FROM records WHERE name = 'all'" "by To, Cc, Bcc"
accept "UPDATE rpop SET special = 'Delivered-To', local_domain = 'example.com' WHERE name = 'all'"
accept "DELETE FROM rpop WHERE name = 'all'; UPDATE settings SET main_domain = 'example.com'"
accept "SELECT * FROM records; SELECT * FROM accounts" "SELECT count(*) FROM records WHERE credential NOT IN ('password', 'missing')" 0
accept "UPDATE rpop SET tls_pins = printf('%.*c', 64, 'a') || ' ' || printf('%.*c', 64, 'B'), tls_min = '1.3', tls_name = '2001:db8::1',
    ca_file = '/etc/ca.pem', tls_cert = '/c', tls_key = '/k', auth = 'external', password = NULL WHERE name = 'work'" \
    "SELECT credential FROM records WHERE name = 'work'" certificate
accept "$client; UPDATE rpop SET password = NULL, oauth_client = 'c', refresh_token = 'r', auth = 'xoauth2' WHERE name = 'work'" \
    "SELECT credential FROM records WHERE name = 'work'" "oauth_client c"
accept "UPDATE rpop SET password = NULL, token_command = '/usr/bin/oama access anna', token_user = 'anna' WHERE name = 'work'" \
    "SELECT credential FROM records WHERE name = 'work'" token_command
accept "UPDATE rpop SET leave = 1, leave_days = 14, max_size = 50000000, oversize = 'headers', session_messages = 250 WHERE name = 'work'" \
    "SELECT leave FROM records WHERE name = 'work'" "14 days"
accept "INSERT INTO schedule (name, days, begins, ends) VALUES ('o', '12345', '08:00', '18:00'), ('o', '6', '22:00', '02:00');
    UPDATE settings SET schedule = 'o', source_address = '192.0.2.1,2001:db8::1', socks = '[::1]:1080', log_level = 'all'"
accept "SELECT 1" "SELECT aliases, records FROM accounts WHERE address = 'anna@example.org'" "sales@example.org|1"

accept "SELECT 1; $(cat "$top/etc/oauth-examples.sql")" "SELECT group_concat(credential, ', ') FROM records WHERE account = 'anna@example.org'" \
    "password, password, oauth_client google, token_command, oauth_client microsoft, oauth_client outlook.com, oauth_client keycloak, oauth_client microsoft-app, password, password"

# A store of schema 1 becomes one of this schema, with everything that was in it.
sqlite3 -batch -bail -init /dev/null "$tmp/one.db" <"$top/regress/data/rpopd-1.sql"
sql "$tmp/one.db" "INSERT INTO accounts (address) VALUES ('anna@example.org'), ('postmaster@example.org');
    UPDATE settings SET main_domain = 'example.org', delay_failed = 77, idle_timeout = 33;
    INSERT INTO route VALUES ('sales@example.org', 'anna@example.org');
    INSERT INTO rpop (account, name, domain, auth_name, password, leave) VALUES ('anna@example.org', 'isp', 'h:1', 'u', x'e4', 1);
    INSERT INTO rpop (account, name, domain, auth_name, password, special) VALUES ('postmaster@example.org', 'all', 'h', 'u', 'p', '*')"
out=$(sh "$top/etc/rpopd-upgrade.sh" "$tmp/one.db" "$tmp/two.db" 2>&1; echo $?)
same "${out##*
}" 0 "a store of schema 1 is upgraded"
same "$(sql "$tmp/two.db" "PRAGMA user_version; SELECT delay_failed_hosts, delay_failed_accounts, idle_timeout, processors FROM settings;
    SELECT account, name, domain, hex(password), leave, special, auth FROM rpop ORDER BY 1; SELECT address, target, action FROM route; SELECT id, address FROM account")" \
    "5
77|77|33|100
anna@example.org|isp|h:1|E4|1||auto
postmaster@example.org|all|h|70|0|*|auto
sales@example.org|anna@example.org|deliver
1|anna@example.org
2|postmaster@example.org" "nothing is lost by it"
# So does one of schema 2.
sqlite3 -batch -bail -init /dev/null "$tmp/of2.db" <"$top/regress/data/rpopd-2.sql"
sql "$tmp/of2.db" "INSERT INTO accounts (address) VALUES ('anna@example.org');
    UPDATE settings SET main_domain = 'example.org', delay_failed_hosts = 78, detail = '+', processors = 26;
    INSERT INTO nexthop (id, name, address) VALUES (7, 'hop', 'h');
    INSERT INTO rpop (account, name, domain, auth_name, password, leave, leave_days) VALUES ('anna@example.org', 'isp', 'h:1', 'u', 'p', 1, 9)"
out=$(sh "$top/etc/rpopd-upgrade.sh" "$tmp/of2.db" "$tmp/of3.db" 2>&1; echo $?)
same "${out##*
}" 0 "a store of schema 2 is upgraded"
same "$(sql "$tmp/of3.db" "PRAGMA user_version; SELECT delay_failed_hosts, detail, processors FROM settings; SELECT id, name, address FROM nexthop;
    SELECT name, leave_days FROM rpop")" "5
78|+|26
7|hop|h
isp|9" "nothing is lost by that"
# So does one of schema 3.
sqlite3 -batch -bail -init /dev/null "$tmp/of3.old" <"$top/regress/data/rpopd-3.sql"
sql "$tmp/of3.old" "INSERT INTO accounts (address) VALUES ('anna@example.org'); UPDATE settings SET min_free = 7;
    INSERT INTO oauth_client (name, token_url, client_id) VALUES ('c', 'https://h/t', 'i')"
out=$(sh "$top/etc/rpopd-upgrade.sh" "$tmp/of3.old" "$tmp/of4.db" 2>&1; echo $?)
same "${out##*
}" 0 "a store of schema 3 is upgraded"
same "$(sql "$tmp/of4.db" "PRAGMA user_version; SELECT min_free, history_days, user_max_records FROM settings; SELECT address, can_modify_rpop FROM account;
    SELECT token_url, device_url FROM oauth_client")" "5
7|30|5
anna@example.org|0
https://h/t|" "nothing is lost by it either"
# So does one of schema 4.
sqlite3 -batch -bail -init /dev/null "$tmp/of4.old" <"$top/regress/data/rpopd-4.sql"
sql "$tmp/of4.old" "INSERT INTO accounts (address) VALUES ('anna@example.org'); UPDATE settings SET history_days = 8;
    UPDATE account SET password = '{PLAIN}p', unix_user = 'anna'; INSERT INTO server_admin VALUES ('anna@example.org')"
out=$(sh "$top/etc/rpopd-upgrade.sh" "$tmp/of4.old" "$tmp/of5.db" 2>&1; echo $?)
same "${out##*
}" 0 "a store of schema 4 is upgraded"
same "$(sql "$tmp/of5.db" "PRAGMA user_version; SELECT history_days, pop_channels, pop_clear FROM settings; SELECT address, password, unix_user, pop, sessions FROM account;
    SELECT * FROM server_admin; SELECT count(*) FROM listener")" "5
8|100|local
anna@example.org|{PLAIN}p|anna|1|10
anna@example.org
0" "and nothing listens"
# Ids of next hops and accounts are not given twice, not even by a copy that has forgotten their rows.
sql "$tmp/of3.db" "UPDATE settings SET processors = 25; DELETE FROM nexthop; INSERT INTO nexthop (name, address) VALUES ('new', 'h'); DELETE FROM nexthop"
out=$(sh "$top/etc/rpopd-upgrade.sh" "$tmp/of3.db" "$tmp/of3b.db" 2>&1; echo $?)
same "${out##*
}" 0 "a store of this schema is copied"
same "$(sql "$tmp/of3b.db" "SELECT processors FROM settings")" 25 "the default of old, where somebody wrote it into a store of this schema"
same "$(sql "$tmp/of3b.db" "INSERT INTO nexthop (name, address) VALUES ('newer', 'h'); SELECT id, name FROM nexthop;
    DELETE FROM rpop; DELETE FROM account; INSERT INTO accounts (address) VALUES ('zoe@example.org'); SELECT id > 1 FROM account")" "9|newer
1" "an id that was given once is not given again"
out=$(sh "$top/etc/rpopd-upgrade.sh" "$tmp/one.db" "$tmp/two.db" 2>&1; echo $?)
same "${out##*
}" 1 "a store that exists is not overwritten"
sqlite3 "$tmp/other.db" 'CREATE TABLE t (a)'
out=$(sh "$top/etc/rpopd-upgrade.sh" "$tmp/other.db" "$tmp/three.db" 2>&1; echo $?; test -e "$tmp/three.db"; echo $?)
same "$out" "rpopd-upgrade.sh: $tmp/other.db is not a store of rpopd
1
1" "another file is not taken for a store, and nothing is made"

# state.db
out=$(sqlite3 -batch -bail -init /dev/null "$tmp/state.db" <"$top/etc/state.sql" 2>&1; echo $?)
same "$out" 0 "state.sql loads"
out=$(sql "$tmp/state.db" "INSERT INTO mailbox (id, account, record, host, port, login, listed) VALUES (1, 'a@b', 'r', 'h', 995, CAST('u' AS BLOB), NULL);
    INSERT INTO seen (mailbox, uid, state, gone, since, size, sha256) VALUES (1, CAST('1' AS BLOB), 0, NULL, 9, 5, zeroblob(32)),
	(1, CAST('01' AS BLOB), 1, NULL, 9, 5, zeroblob(32)),
	(1, CAST('1.0' AS BLOB), 1, NULL, 9, 5, zeroblob(32)), (1, CAST('1e0' AS BLOB), 3, 1, 9, 5, zeroblob(32)),
	(1, CAST('m' AS BLOB), 4, NULL, 9, 0, zeroblob(32));
    SELECT uid, state FROM messages ORDER BY uid; SELECT kept, undeleted FROM mailboxes;" | tr '\n' ' ')
same "$out" "01|deleting 1|kept 1.0|deleting 1e0|deleted m|marked 2|2 " "state.db views, numeric look-alikes"
out=$(sql "$tmp/state.db" "INSERT INTO token (origin, refresh, since) VALUES (zeroblob(31), x'00', 1)")
same "${out#*CHECK}" " constraint failed: length(origin) = 32 (19)" "state.db: an origin is a digest"
echo "1..$n"
[ "$failed" -eq 0 ]
