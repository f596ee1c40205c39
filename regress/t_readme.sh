#!/bin/sh
# SPDX-License-Identifier: ISC
# Every SQL block of the README, in its order, on one new store; and every one of rpopd.db(5): each does what it says, and what is there
# in the end is a configuration that rpopd accepts.
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
build=${RPOPD_BUILD:-$top/build}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/rpreadme.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP
umask 077
if [ "$(id -u)" -ne 0 ]; then
	echo 'not run: a mail root is given away with chown, which needs root' >&2
	echo 'ok 1 # SKIP needs root'
	exit 0
fi
n=0
failed=0

verdict() {
	n=$((n + 1))
	if [ "$1" = ok ]; then
		echo "ok $n - $2"
	else
		failed=$((failed + 1))
		echo "not ok $n - $2"
		sed 's/^/# /' "$tmp/out"
	fi
}

store() {
	# as the README says it, but for the place
	command=$(sed -n 's/^    rpopctl \(init [^#]*\).*/\1/p' "$top/README.md")
	# shellcheck disable=SC2086 # words
	"$build/rpopctl" ${command:-none} -f "$1" >"$tmp/out" 2>&1 || { verdict no "the store: rpopctl ${command:-init}"; exit 1; }
	mkdir -p "$tmp/mail"
	chown _rpopm "$tmp/mail"
	sqlite3 -batch "$1" "UPDATE settings SET mail_root = '$tmp/mail'"
}

# run STORE BLOCK NAME
run() {
	if sqlite3 -batch -bail -init /dev/null "$1" <"$2" >"$tmp/out" 2>&1; then verdict ok "$3"; else verdict no "$3"; fi
}

check() {
	if "$build/rpopd" -n -f "$1" -l "$build" >"$tmp/out" 2>&1; then verdict ok "$2"; else verdict no "$2"; fi
}

store "$tmp/readme.db"
awk -v dir="$tmp" '/^```sql$/ { file = sprintf("%s/readme.%02d", dir, ++n); next } /^```$/ { file = "" } file != "" { print >file }' \
    "$top/README.md"
for block in "$tmp"/readme.[0-9]*; do
	run "$tmp/readme.db" "$block" "README, block ${block##*.}"
	check "$tmp/readme.db" "rpopd accepts it"
done
[ "$n" -ge 8 ] || { : >"$tmp/out"; verdict no "there are four blocks or more"; }
exit $((failed > 0))
