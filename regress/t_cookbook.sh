#!/bin/sh
# SPDX-License-Identifier: ISC
# rpopd-cookbook(7): each command has words that rpopctl knows and columns that the store has, and each recipe is typed by a
# test or says that none does.
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
build=${RPOPD_BUILD:-$top/build}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/rpcook.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP
page=$top/etc/rpopd-cookbook.7
test=$top/regress/e2e/admin/test_cookbook.py
n=0
failed=0

# verdict WHAT: good if $tmp/bad is empty; its lines are what is wrong.
verdict() {
	n=$((n + 1))
	if [ -s "$tmp/bad" ]; then
		failed=$((failed + 1))
		echo "not ok $n - $1"
		sed 's/^/# /' "$tmp/bad"
	else
		echo "ok $n - $1"
	fi
}

# table NOUN: the table that the noun's rows are in.
table() {
	case $1 in
	record)		echo rpop ;;
	client)		echo oauth_client ;;
	setting)	echo settings ;;
	*)		echo "$1" ;;
	esac
}

/usr/bin/python3 "$top/regress/e2e/lib/cookbook.py" >"$tmp/commands" || exit 1
"$build/rpopctl" -h | sed -n 's/^  \([a-z]*\) *\([^ ]*\).*/\1 \2/p' >"$tmp/known"
sqlite3 "$tmp/db" <"$top/etc/rpopd.sql" >/dev/null || exit 1

: >"$tmp/bad"
cut -f 2 "$tmp/commands" | while read -r noun verb rest; do
	if ! grep -q "^$noun " "$tmp/known"; then
		echo "rpopctl has no $noun: $noun $verb $rest"
	elif grep -q "^$noun list$" "$tmp/known" && ! grep -qx "$noun $verb" "$tmp/known"; then
		echo "$noun has no $verb: $noun $verb $rest"
	fi
done >>"$tmp/bad"
[ "$(wc -l <"$tmp/commands")" -ge 40 ] || echo "the page has $(wc -l <"$tmp/commands") commands only" >>"$tmp/bad"
verdict "each command is one that rpopctl has"

cut -f 2 "$tmp/commands" | while read -r noun verb rest; do
	case $verb in
	add|set)
		sqlite3 "$tmp/db" "SELECT name FROM pragma_table_xinfo('$(table "$noun")')" >"$tmp/columns"
		echo "$rest" | tr "'" ' ' | tr ' ' '\n' | sed -n 's/^\([a-z_]*\)=.*/\1/p' | while read -r column; do
			grep -qx "$column" "$tmp/columns" || echo "$noun has no column $column"
		done ;;
	esac
done >"$tmp/bad"
verdict "each column is one that the store has"

sed -n 's/^\.Ss //p' "$page" | while read -r recipe; do
	awk -v name="$recipe" '/^\.S[sh] / { on = $0 == ".Ss " name } on' "$page" >"$tmp/text"
	if grep -q '^# \|^\$ ' "$tmp/text" && ! grep -qF "\"$recipe\"" "$test" && ! grep -q '^Not run by the tests' "$tmp/text"; then
		echo "no test types \"$recipe\""
	fi
done >"$tmp/bad"
verdict "each recipe is typed by a test, or says that it is not"

echo "1..$n"
[ $failed -eq 0 ]
