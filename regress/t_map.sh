#!/bin/sh
# SPDX-License-Identifier: ISC
# DEVELOPERS.md leads to what exists: each `file.c:function` that it names is a function of that file, each file and folder of the product
# or of the tests that it names is there, and each room has its line in the map.
set -u
cd "$(dirname "$0")/.." || exit 1
tmp=$(mktemp -d "${TMPDIR:-/tmp}/rpmap.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
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

# Everything in backticks, one a line.
# shellcheck disable=SC2016 # nothing is to be expanded
grep -o '`[^`]*`' DEVELOPERS.md | tr -d '`' | sort -u >"$tmp/words"

grep -E '^[a-z_/]+\.c:[a-z_0-9]+$' "$tmp/words" >"$tmp/functions"
while IFS=: read -r file function; do
	[ -f "$file" ] || { echo "$file: no such file" >>"$tmp/bad"; continue; }
	grep -q "^$function(" "$file" || echo "$file has no function $function()" >>"$tmp/bad"
done <"$tmp/functions"
[ "$(wc -l <"$tmp/functions")" -ge 40 ] || echo "the map names $(wc -l <"$tmp/functions") functions only" >>"$tmp/bad"
verdict "every function of the map exists"

: >"$tmp/bad"
grep -E '^(common|rpopd|dialer|fetcher|deliverer|oauth|sender|auth|mailbox|popd|signer|rpopctl|regress|etc|bench)/[A-Za-z_/.0-9]*$' "$tmp/words" | while read -r path; do
	[ -e "$path" ] || echo "$path: neither file nor folder" >>"$tmp/bad"
done
sed -n 's|.*\(unit/[a-z_/]*\.c\).*|regress/\1|p; s|.*\(e2e/[a-z_/]*\.py\).*|regress/\1|p' "$tmp/words" | while read -r path; do
	[ -e "$path" ] || echo "$path: no such test" >>"$tmp/bad"
done
verdict "every file and folder that is named exists"

: >"$tmp/bad"
for room in rpopd/*/ rpopd/poll/*/ common/*/; do
	grep -q "\`$room\`" DEVELOPERS.md || echo "no word about $room" >>"$tmp/bad"
done
verdict "every room has its line"

echo "1..$n"
[ $failed -eq 0 ]
