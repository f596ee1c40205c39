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
refuse "$lower" "INSERT INTO domain VALUES ('Example.net')"
refuse "$lower" "INSERT INTO domain VALUES ('a..b')"
refuse "$lower" "INSERT INTO domain VALUES ('.')"
refuse "$lower" "INSERT INTO domain VALUES ('../etc')"
refuse "$lower" "INSERT INTO domain VALUES ('-a.example')"
refuse "$lower" "INSERT INTO domain VALUES ('')"
refuse "domain: 'spool' is the name of the spool below the mail root" "INSERT INTO domain VALUES ('spool')"
refuse "domain: accounts, aliases, records or settings still use it" "DELETE FROM domain WHERE name = 'example.org'"
refuse "domain: accounts, aliases, records or settings still use it" "UPDATE domain SET name = 'example.info' WHERE name = 'example.com'"
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
refuse "route: target is not the address of an account" "INSERT INTO route VALUES ('info@example.org', 'nobody@example.org')"
refuse "route: target is not the address of an account" "UPDATE route SET target = 'sales@example.org'"
refuse "route: address is an account of its own" "INSERT INTO route VALUES ('bert@example.com', 'anna@example.org')"
nodomain="route: the domain of address is not in table domain, or the part before it is not 1 to 64 long"
refuse "$nodomain" "INSERT INTO route VALUES ('info@example.net', 'anna@example.org')"
refuse "$nodomain" "INSERT INTO route VALUES (printf('%.65c', 'a') || '@example.org', 'anna@example.org')"
form="route: address must be local-part@domain in lower case, without spaces or control characters"
refuse "$form" "INSERT INTO route VALUES ('Info@example.org', 'anna@example.org')"
refuse "$form" "UPDATE route SET address = 'in fo@example.org'"
refuse "$form" "INSERT INTO route VALUES ('info', 'anna@example.org')"

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
refuse "settings: delay_failed must be 10..604800 seconds" "UPDATE settings SET delay_failed = 0"
refuse "cannot store TEXT value in INTEGER column settings.processors" "UPDATE settings SET processors = 'many'"

# rpop
refuse "rpop: account is not the address of an account; insert it into view accounts first" \
    "INSERT INTO rpop (account, name, domain, auth_name, password) VALUES ('nobody@example.org', 'x', 'h', 'u', 'p')"
refuse "rpop: account is not the address of an account; insert it into view accounts first" "UPDATE rpop SET account = 'sales@example.org'"
refuse "UNIQUE constraint failed: rpop.account, rpop.name" "UPDATE rpop SET account = 'anna@example.org', name = 'work', special = NULL"
refuse "rpop: name must be 1 to 127 octets of text without control characters" "UPDATE rpop SET name = 'a' || char(10) || 'b'"
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
refuse "rpop: a record that is polled needs a password; set period to NULL until there is one" "UPDATE rpop SET password = NULL"
refuse "rpop: period must be 10..31536000 seconds, or NULL for disabled" "UPDATE rpop SET period = 9"
refuse "cannot store TEXT value in INTEGER column rpop.period" "UPDATE rpop SET period = '10 min'"
refuse "rpop: mailbox and special exclude each other" "UPDATE rpop SET mailbox = 'Lists' WHERE name = 'all'"
folder="rpop: mailbox must be a folder such as Lists or Lists/bsd, 127 octets at most, or NULL for the inbox"
refuse "$folder" "$(new_rpop mailbox "'../anna'")"
refuse "$folder" "$(new_rpop mailbox "'/etc'")"
refuse "$folder" "$(new_rpop mailbox "''")"
refuse "rpop: special is for records of the postmaster of settings.main_domain only" "$(new_rpop special "'*'")"
refuse "rpop: special is for records of the postmaster of settings.main_domain only" "UPDATE rpop SET special = 'X' WHERE name = 'work'"
refuse "rpop: special must be '*' or the name of a header field" "UPDATE rpop SET special = 'X-Real-To:' WHERE name = 'all'"
refuse "rpop: special names a field that is taken out of the message; it cannot be one that belongs to it" \
    "UPDATE rpop SET special = 'return-path' WHERE name = 'all'"
refuse "rpop: local_domain is not in table domain" "UPDATE rpop SET local_domain = 'example.net' WHERE name = 'all'"
refuse "rpop: local_domain is for records with special" "$(new_rpop local_domain "'example.com'")"
refuse "rpop: leave must be 0 or 1" "UPDATE rpop SET leave = 2"
refuse "rpop: tls must be tls, stls or none" "UPDATE rpop SET tls = 'sslv3'"
refuse "rpop: apop must be 0 or 1" "UPDATE rpop SET apop = -1"
refuse "cannot UPDATE generated column" "UPDATE rpop SET host = 'x'"

# what is right
accept "INSERT INTO accounts (address) VALUES ('carl.o''neill+x@mail.example.net')" "SELECT name FROM domain ORDER BY 1" \
    "$(printf 'example.com\nexample.org\nmail.example.net')"
accept "INSERT INTO domain VALUES ('xn--bcher-kva.example')"
accept "INSERT INTO account (name, domain) VALUES ('a', 'example.com')"
accept "INSERT INTO route VALUES ('o''brien@lists@example.com', 'bert@example.com')"
accept "DELETE FROM account WHERE name = 'bert'; DELETE FROM domain WHERE name = 'example.com'" "SELECT count(*) FROM domain" 1
accept "DELETE FROM rpop; DELETE FROM route; DELETE FROM account; UPDATE settings SET main_domain = NULL; DELETE FROM domain" \
    "SELECT count(*) FROM domain_use" 0
accept "UPDATE account SET name = 'bart' WHERE name = 'bert'" "SELECT address FROM account WHERE name = 'bart'" bart@example.com
accept "UPDATE settings SET processors = 0, use_apop = 0, hostname = 'mx.example.org', nameservers = '127.0.0.1:5353,[::1]:53,2001:db8::1'"
accept "$(new_rpop period 60)" "SELECT host, port, every, password, mode, folder FROM records WHERE name = 'x'" \
    "pop.example.net|995|1 min|set|to the owner|inbox"
accept "$(new_rpop tls "'stls'")" "SELECT port, every FROM records WHERE name = 'x'" "110|10 min"
accept "UPDATE rpop SET domain = '[2001:db8::1]:1995' WHERE name = 'work'" "SELECT host, port FROM records WHERE name = 'work'" \
    "2001:db8::1|1995"
accept "UPDATE rpop SET domain = 'POP.Example.net:111', tls = 'none', leave = 1, apop = 1"
accept "UPDATE rpop SET period = NULL, password = NULL WHERE name = 'work'" \
    "SELECT every, password FROM records WHERE name = 'work'" "disabled|missing"
accept "UPDATE rpop SET auth_name = 'mailbox#~other/a%b c@dom', password = x'e4f6fc'"
accept "$(new_rpop mailbox "'Lists/open bsd.misc'")" "SELECT folder FROM records WHERE name = 'x'" "Lists/open bsd.misc"
accept "UPDATE rpop SET special = '*' WHERE name = 'all'" "SELECT mode FROM records WHERE name = 'all'" "by To, Cc, Bcc"
accept "UPDATE rpop SET special = 'Delivered-To', local_domain = 'example.com' WHERE name = 'all'"
accept "DELETE FROM rpop WHERE name = 'all'; UPDATE settings SET main_domain = 'example.com'"
accept "SELECT * FROM records; SELECT * FROM accounts" "SELECT count(*) FROM records WHERE password NOT IN ('set', 'missing')" 0
accept "SELECT 1" "SELECT aliases, records FROM accounts WHERE address = 'anna@example.org'" "sales@example.org|1"

# state.db
out=$(sqlite3 -batch -bail -init /dev/null "$tmp/state.db" <"$top/etc/state.sql" 2>&1; echo $?)
same "$out" 0 "state.sql loads"
out=$(sql "$tmp/state.db" "INSERT INTO mailbox VALUES (1, 'a@b', 'r', 'h', 995, CAST('u' AS BLOB));
    INSERT INTO seen VALUES (1, CAST('1' AS BLOB), 0, NULL, 5, zeroblob(32)), (1, CAST('01' AS BLOB), 1, NULL, 5, zeroblob(32)),
	(1, CAST('1.0' AS BLOB), 1, NULL, 5, zeroblob(32)), (1, CAST('1e0' AS BLOB), 3, 1, 5, zeroblob(32));
    SELECT uid, state FROM messages ORDER BY uid; SELECT kept, undeleted FROM mailboxes;" | tr '\n' ' ')
same "$out" "01|deleting 1|kept 1.0|deleting 1e0|deleted 1|2 " "state.db views, numeric look-alikes"
echo "1..$n"
[ "$failed" -eq 0 ]
