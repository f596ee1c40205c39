#!/bin/sh
# SPDX-License-Identifier: ISC
# End-to-end tests with every system call written down, then compared with the tables: nothing is allowed that nothing uses.
# usage: trace.sh [file ...]; without arguments all of regress/e2e but those that wait for many processes.  Needs strace(1); slow.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=${RPOPD_BUILD:-$(dirname "$here")/build}
top=$(mktemp -d "${TMPDIR:-/tmp}/rptrace.XXXXXX")
trap 'rm -rf "$top"' EXIT
trap 'exit 130' INT TERM HUP
if [ $# -eq 0 ]; then
	for t in "$here"/e2e/*/test_*.py; do
		case $t in
		*/test_hostile.py | */test_sandbox.py | */test_scale.py | */test_stories.py | */test_storm.py) ;;
		*) set -- "$@" "$t" ;;
		esac
	done
fi
mkdir "$top/trace"
chmod 711 "$top" "$top/trace"
# A test that a slow process fails has made its calls all the same.
RPOPD_TRACE=$top/trace RPOPD_PATIENCE=${RPOPD_PATIENCE:-300} sh "$here/run.sh" e2e "$@" || true
"$build/test/syscalls" >"$top/table"
/usr/bin/python3 "$here/syscalls.py" "$top/table" "$top/trace"
