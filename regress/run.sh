#!/bin/sh
# SPDX-License-Identifier: ISC
# Every test: unit tests (build/unit/test_*), shell tests (regress/t_*.sh, TAP on standard output), end-to-end tests (pytest).
# Output of failures only, one progress line per file.  The last line is "N passed, N failed".
# usage: run.sh [unit | shell | e2e [file ...]]; without arguments everything.  RPOPD_JOBS: end-to-end files at a time, default 4.
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
	for t in "$build"/unit/*/test_*; do
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
		report "${t#"$build"/}" "$ok" "$bad" "$tmp/out"
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

# e2e [FILE...]: several pytests at a time, the long files in shards; counts come from their JUnit files.
e2e() {
	[ $# -gt 0 ] || set -- "$here"/e2e/*/test_*.py
	mkdir -p "$tmp/e2e"
	for t; do
		case $t in
		*test_hostile.py) shards=6 ;;
		*test_commit.py | *test_tls.py) shards=3 ;;
		*test_auth.py | *test_nexthop.py | *test_provider.py | *test_relay.py | *test_reused.py | *test_sandbox.py) shards=2 ;;
		*) shards=1 ;;
		esac
		for n in $(seq 0 $((shards - 1))); do
			echo "$t $n/$shards"
		done
	done | xargs -P "${RPOPD_JOBS:-4}" -n 2 sh "$here/run.sh" shard "$tmp/e2e"
	for result in "$tmp"/e2e/*.count; do
		read -r ok bad <"$result"
		passed=$((passed + ok))
		failed=$((failed + bad))
	done
}

# shard DIRECTORY FILE N/M: one pytest of every Mth test of a file; its counts go to a file in DIRECTORY.
shard() {
	out=$1/${2##*/}.${3%/*}
	RPOPD_SHARD=$3 PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -m pytest -q -p no:cacheprovider --tb=short --color=no \
	    --junitxml="$out.xml" "$2" >"$out.out" 2>&1 </dev/null
	# shellcheck disable=SC2046
	set -- "$2" "$3" $(/usr/bin/python3 "$here/e2e/lib/junit.py" "$out.xml" $?)
	echo "$3 $4" >"$out.count"
	dir=${1%/*}
	report "e2e/${dir##*/}/${1##*/} ${2%/1}" "$3" "$4" "$out.out"
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
	shard)	shard "$@"; exit 0 ;;
	*)	echo "usage: run.sh [unit | shell | e2e [file ...]]" >&2; exit 2 ;;
	esac
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
