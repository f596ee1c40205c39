#!/bin/sh
# SPDX-License-Identifier: ISC
# Every test: unit tests (build/unit/*/test_*), shell tests (regress/t_*.sh, TAP on standard output), end-to-end tests (pytest).
# Several files at a time; output of failures only, one progress line per file.  The last line is "N passed, N failed".
# usage: run.sh [unit | shell | e2e [file ...]]; without arguments everything.
# RPOPD_AGAIN=1: what has failed is run once more in the end, one at a time, and that counts; what failed first stays in the output.
# RPOPD_JOBS: files at a time, default three for each processor, since most tests wait for something now and then.
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(dirname "$here")
build=${RPOPD_BUILD:-$top/build}
export RPOPD_BUILD="$build"

# report OUT NAME PASSED FAILED: one progress line with the seconds since the file was begun (OUT.time), the output (OUT.out) where
# something failed, and the counts (OUT.count).
report() {
	echo "$3 $4" >"$1.count"
	printf '%-40s %4d passed, %d failed, %d s\n' "$2" "$3" "$4" "$(($(date +%s) - $(cat "$1.time")))"
	if [ "$4" -gt 0 ]; then
		cat "$1.out"
	fi
}

# count PATTERN FILE
count() {
	grep -c "$1" "$2" || true
}

# unit OUT PROGRAM: one program.  One that dies or fails without saying which test counts as one failure more.
unit() {
	timeout -k 10 600 "$2" >"$1.out" 2>&1 </dev/null
	rc=$?
	ok=$(count '^\[ *OK *\]' "$1.out")
	bad=$(count '^\[ *FAILED *\] [a-zA-Z_]*$' "$1.out")
	bad2=$(sed -n 's/^\[  FAILED  \] \([0-9][0-9]*\) test(s).*/\1/p' "$1.out" | tail -n 1)
	[ -z "$bad2" ] || bad=$bad2
	if [ $rc -ne 0 ] && [ "$bad" -eq 0 ]; then
		bad=1
		echo "exit status $rc" >>"$1.out"
	fi
	if [ $rc -eq 0 ] && [ "$ok" -eq 0 ] && [ "$bad" -eq 0 ]; then
		bad=1
		echo "no test ran" >>"$1.out"
	fi
	report "$1" "${2#"$build"/}" "$ok" "$bad"
}

# shell OUT SCRIPT: one script.
shell() {
	sh "$2" >"$1.out" 2>&1 </dev/null
	rc=$?
	ok=$(count '^ok' "$1.out")
	bad=$(count '^not ok' "$1.out")
	if [ $rc -ne 0 ] && [ "$bad" -eq 0 ]; then
		bad=1
		echo "exit status $rc" >>"$1.out"
	fi
	report "$1" "${2##*/}" "$ok" "$bad"
}

# e2e OUT FILE N/M: one pytest of every Mth test of a file; the counts come from its JUnit file.
e2e() {
	out=$1
	dir=${2%/*}
	name=e2e/${dir##*/}/${2##*/}
	[ "${3#*/}" -eq 1 ] || name="$name $((${3%/*} + 1))/${3#*/}"
	RPOPD_SHARD=$3 PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -m pytest -q -p no:cacheprovider --tb=short --color=no \
	    --junitxml="$out.xml" "$2" >"$out.out" 2>&1 </dev/null
	# shellcheck disable=SC2046
	set -- $(/usr/bin/python3 "$here/e2e/lib/junit.py" "$out.xml" $?)
	report "$out" "$name" "$1" "$2"
}

# What is to be run, a line each: a rank, the kind, the file, the part.  What takes longest has rank 1 and is begun first, so that
# nothing of it runs alone in the end; and files of very many tests are run in parts.
list_unit() {
	for t in "$build"/unit/*/test_*; do
		case ${t##*/} in
		*.*) continue ;;
		test_config) rank=1 ;;
		*) rank=4 ;;
		esac
		[ -x "$t" ] && echo "$rank unit $t 0/1"
	done
}

list_shell() {
	for t in "$here"/t_*.sh; do
		[ -f "$t" ] && echo "3 shell $t 0/1"
	done
}

list_e2e() {
	[ $# -gt 0 ] || set -- "$here"/e2e/*/test_*.py
	for t; do
		case $t in
		*/test_hostile.py) rank=1 parts=6 ;;
		*/test_hostile_client.py) rank=1 parts=4 ;;
		*/test_manners.py) rank=1 parts=3 ;;
		*/test_masses.py | */test_reused.py) rank=1 parts=2 ;;
		*/test_budget.py | */test_interop.py | */test_scale.py | */test_stories.py) rank=1 parts=1 ;;
		*/test_clients.py | */test_commit.py | */test_import_programs.py | */test_tls.py | */test_xmit.py) rank=2 parts=3 ;;
		*/test_auth.py | */test_elsewhere.py | */test_nexthop.py | */test_provider.py | */test_relay.py | */test_sandbox.py) rank=2 parts=2 ;;
		*/test_body.py | */test_control.py | */test_forks.py | */test_limits.py | */test_oauth.py | */test_proof.py) rank=2 parts=1 ;;
		*/test_web_admin.py | */test_escaping.py | */test_looks.py | */test_pages.py | */test_without_script.py) rank=2 parts=1 ;;
		*/test_renumber.py | */test_share.py | */test_signals.py | */test_token_command.py) rank=2 parts=1 ;;
		*) rank=3 parts=1 ;;
		esac
		for n in $(seq 0 $((parts - 1))); do
			[ "$n" -lt 3 ] || rank=2	# not all of them at once
			echo "$rank e2e $t $n/$parts"
		done
	done
}

if [ "${1-}" = one ]; then	# one RANK KIND FILE PART, for ourselves
	out=$RPOPD_COUNTS/$(echo "$3.$4.$5" | tr / _)
	date +%s >"$out.time"
	echo "$*" >"$out.args"
	"$3" "$out" "$4" "$5"
	exit 0
fi
RPOPD_COUNTS=$(mktemp -d "${TMPDIR:-/tmp}/rpregress.XXXXXX") || exit 1
export RPOPD_COUNTS
trap 'rm -rf "$RPOPD_COUNTS"' EXIT
trap 'exit 130' INT TERM HUP
if [ $# -eq 0 ]; then
	list_unit
	list_shell
	list_e2e
else
	kind=$1
	shift
	case $kind in
	unit | shell | e2e) "list_$kind" "$@" ;;
	*)	echo "usage: run.sh [unit | shell | e2e [file ...]]" >&2; exit 2 ;;
	esac
fi >"$RPOPD_COUNTS/list"
jobs=${RPOPD_JOBS:-$((3 * $(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)))}
sort -s -n -k 1,1 "$RPOPD_COUNTS/list" | xargs -P "$jobs" -n 4 sh "$here/run.sh" one
if [ -n "${RPOPD_AGAIN-}" ]; then
	for count in "$RPOPD_COUNTS"/*.count; do
		if [ -e "$count" ] && ! grep -q ' 0$' "$count"; then
			echo "once more, by itself:"
			# shellcheck disable=SC2046
			sh "$here/run.sh" $(cat "${count%.count}.args")
		fi
	done
fi
awk -v due="$(wc -l <"$RPOPD_COUNTS/list")" 'FNR == 1 { due-- } { passed += $1; failed += $2 }
    END { failed += due; print passed + 0 " passed, " failed " failed"; exit failed > 0 }' /dev/null "$RPOPD_COUNTS"/*.count
