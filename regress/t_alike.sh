#!/bin/sh
# SPDX-License-Identifier: ISC
# Nothing is written twice: no two files of the product share a run of eight equal lines, see alike.py.
set -u
here=$(cd "$(dirname "$0")" && pwd)
if out=$(/usr/bin/python3 "$here/alike.py"); then
	echo "ok 1 - no run of eight equal lines in two files"
else
	echo "not ok 1 - runs of eight equal lines in two files"
	echo "$out" | sed 's/^/# /'
fi
# The search itself: a copy is found whatever its blanks and comments are, and named with both places.
tmp=$(mktemp -d "${TMPDIR:-/tmp}/rpalike.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
mkdir "$tmp/regress" "$tmp/one" "$tmp/two"
cp "$here/alike.py" "$tmp/regress"
for i in 1 2 3 4 5 6 7 8; do
	printf '#include <x%d.h>\n\tcall(%d);\n' $i $i
done >"$tmp/one/a.c"
for i in 1 2 3 4 5 6 7 8; do
	printf 'call( %d ); /* as\n * above */\n{\n}\n' $i
done >"$tmp/two/b.c"
out=$(/usr/bin/python3 "$tmp/regress/alike.py" one two)
if [ $? -eq 1 ] && [ "$out" = "one/a.c:2 two/b.c:1 8 lines" ]; then
	echo "ok 2 - a copy is found"
else
	echo "not ok 2 - a copy is found: $out"
fi
sed -i 's/8);/9);/' "$tmp/one/a.c"
if out=$(/usr/bin/python3 "$tmp/regress/alike.py" one two) && [ -z "$out" ]; then
	echo "ok 3 - seven lines are no copy"
else
	echo "not ok 3 - seven lines are no copy: $out"
fi
echo 1..3
