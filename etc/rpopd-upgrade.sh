#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Make a store of this rpopd's schema from one of an older version.
#
#	rpopd-upgrade.sh OLD.db NEW.db		NEW.db must not exist; OLD.db is only read
#
# Columns that both versions have are copied, new ones get their defaults, and so does settings.processors where it had the default of
# old.  Then stop rpopd, move NEW.db into place, start it.

set -eu

die() {
	echo "rpopd-upgrade.sh: $*" >&2
	exit 1
}

[ $# -eq 2 ] || die 'usage: rpopd-upgrade.sh OLD.db NEW.db'
old=$1
new=$2
schema=$(dirname "$0")/rpopd.sql
[ -r "$schema" ] || die "$schema is missing"
[ -r "$old" ] || die "$old cannot be read"
[ ! -e "$new" ] || die "$new exists; choose another name"
case $old in *\'*) die 'no apostrophes in names, please' ;; esac

# Everything runs with the file closed to others; a failure leaves nothing behind.
umask 077
trap 'rm -f "$new"' EXIT

sql() {
	sqlite3 -batch -bail -init /dev/null "$new"
}

[ "$(sqlite3 -batch -init /dev/null "file:$old?mode=ro" 'PRAGMA application_id')" = 1919971184 ] || die "$old is not a store of rpopd"
sql <"$schema"

# Columns of a table that both have; generated ones are hidden from table_info.
common() {
	echo "ATTACH 'file:$old?mode=ro' AS old; SELECT group_concat(name, ', ') FROM pragma_table_info('$1', 'old')
	    WHERE name IN (SELECT name FROM pragma_table_info('$1', 'main'));" | sql
}

{
	echo "ATTACH 'file:$old?mode=ro' AS old; BEGIN IMMEDIATE;"
	for table in domain nexthop account server_admin domain_admin route schedule oauth_client listener certificate acl; do
		columns=$(common $table)
		[ -z "$columns" ] || echo "INSERT INTO main.$table ($columns) SELECT $columns FROM old.$table;"
	done
	# ids that were given once are not given again, also if their rows are gone
	if [ "$(sqlite3 -batch -init /dev/null "file:$old?mode=ro" "SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_sequence'")" != 0 ]; then
		echo "INSERT INTO main.sqlite_sequence (name, seq) SELECT name, 0 FROM old.sqlite_sequence WHERE name IN ('nexthop', 'account')"
		echo "    AND name NOT IN (SELECT name FROM main.sqlite_sequence);"
		echo "UPDATE main.sqlite_sequence SET seq = max(seq, ifnull((SELECT o.seq FROM old.sqlite_sequence o WHERE o.name ="
		echo "    main.sqlite_sequence.name), 0));"
	fi
	columns=$(common settings)
	echo "UPDATE main.settings SET ($columns) = (SELECT $columns FROM old.settings);"
	# until schema 1 there was one delay for both
	if echo "ATTACH 'file:$old?mode=ro' AS old; SELECT name FROM pragma_table_info('settings', 'old');" | sql | grep -qx delay_failed; then
		echo "UPDATE main.settings SET (delay_failed_hosts, delay_failed_accounts) ="
		echo "    (SELECT delay_failed, delay_failed FROM old.settings);"
	fi
	# until schema 2 the default was 25; who wrote that himself cannot be told from who never did
	if [ "$(sqlite3 -batch -init /dev/null "file:$old?mode=ro" 'PRAGMA user_version')" -lt 3 ]; then
		echo "UPDATE main.settings SET processors = 100 WHERE processors = 25;"
	fi
	columns=$(common rpop)
	echo "INSERT INTO main.rpop ($columns) SELECT $columns FROM old.rpop;"
	echo "COMMIT;"
} >"$new.sql"
sql <"$new.sql" || { rm -f "$new.sql"; die 'nothing was made'; }
rm -f "$new.sql"
trap - EXIT
echo "rpopd-upgrade.sh: $new is made from $old; stop rpopd, move it into place, start rpopd"
