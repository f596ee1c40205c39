#!/bin/sh
# SPDX-License-Identifier: ISC
# Every test: unit tests (build/unit/test_*), shell tests (regress/t_*.sh, TAP on standard output), end-to-end tests (pytest).
# Output of failures only, one progress line per file.  The last line is "N passed, N failed".
# usage: run.sh [unit] [shell] [e2e [pytest arguments]]; without arguments everything.
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(dirname "$here")
build=${RPOPD_BUILD:-$top/build}
export RPOPD_BUILD="$build"
tmp=$(mktemp -d "${TMPDIR:-/tmp}/rpregress.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP
passed=0
failed=0

# report FILE PASSED FAILED OUTPUT: one progress line, and the output where something failed.
report() {
	passed=$((passed + $2))
	failed=$((failed + $3))
	printf '%-40s %4d passed, %d failed\n' "$1" "$2" "$3"
	if [ "$3" -gt 0 ]; then
		cat "$4"
	fi
}

# count PATTERN FILE
count() {
	grep -c "$1" "$2" || true
}

# A test program that dies or fails without saying which test counts as one failure more.
unit() {
	for t in "$build"/unit/test_*; do
		case ${t##*/} in *.*) continue ;; esac
		[ -x "$t" ] || continue
		timeout -k 10 600 "$t" >"$tmp/out" 2>&1 </dev/null
		rc=$?
		ok=$(count '^\[ *OK *\]' "$tmp/out")
		bad=$(count '^\[ *FAILED *\] [a-zA-Z_]*$' "$tmp/out")
		bad2=$(sed -n 's/^\[  FAILED  \] \([0-9][0-9]*\) test(s).*/\1/p' "$tmp/out" | tail -n 1)
		[ -z "$bad2" ] || bad=$bad2
		if [ $rc -ne 0 ] && [ "$bad" -eq 0 ]; then
			bad=1
			echo "exit status $rc" >>"$tmp/out"
		fi
		if [ $rc -eq 0 ] && [ "$ok" -eq 0 ] && [ "$bad" -eq 0 ]; then
			bad=1
			echo "no test ran" >>"$tmp/out"
		fi
		report "unit/${t##*/}" "$ok" "$bad" "$tmp/out"
	done
}

shell() {
	for t in "$here"/t_*.sh; do
		[ -f "$t" ] || continue
		sh "$t" >"$tmp/out" 2>&1 </dev/null
		rc=$?
		ok=$(count '^ok' "$tmp/out")
		bad=$(count '^not ok' "$tmp/out")
		if [ $rc -ne 0 ] && [ "$bad" -eq 0 ]; then
			bad=1
			echo "exit status $rc" >>"$tmp/out"
		fi
		report "${t##*/}" "$ok" "$bad" "$tmp/out"
	done
}

# e2e [FILE...]: pytest once per file, so that progress is seen; counts come from its JUnit file.
e2e() {
	[ $# -gt 0 ] || set -- "$here"/e2e/test_*.py
	for t in "$@"; do
		rm -f "$tmp/junit.xml"
		PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -m pytest -q -p no:cacheprovider --tb=short --color=no --junitxml="$tmp/junit.xml" \
		    "$t" >"$tmp/out" 2>&1 </dev/null
		rc=$?
		# shellcheck disable=SC2046
		set -- $(/usr/bin/python3 "$here/e2e/junit.py" "$tmp/junit.xml" $rc)
		report "e2e/${t##*/}" "$1" "$2" "$tmp/out"
	done
}

if [ $# -eq 0 ]; then
	unit
	shell
	e2e
else
	kind=$1
	shift
	case $kind in
	unit)	unit ;;
	shell)	shell ;;
	e2e)	e2e "$@" ;;
	*)	echo "usage: run.sh [unit | shell | e2e [file ...]]" >&2; exit 2 ;;
	esac
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
