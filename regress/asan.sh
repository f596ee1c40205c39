#!/bin/sh
# SPDX-License-Identifier: ISC
# The tests once more with every program under ASan and UBSan.  Run it in a tree of its own: objects are not told apart.
# test_sandbox.py is left out, because a sanitizer cannot live under the system-call filter (common/sandbox/sandbox.h); test_scale.py, because
# two hundred sanitized sessions at once say more about the machine than about them.
set -eu
cd "$(dirname "$0")/.."
flags='-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer'
make -j2 CFLAGS='-O1 -g' HARDEN= HARDEN_LD= EXTRA_CFLAGS="$flags" all test-programs unit >/dev/null
# A jailed process has no /proc, which the leak check needs; the unit tests are not jailed.
sh regress/run.sh unit
ASAN_OPTIONS=detect_leaks=0:abort_on_error=1
UBSAN_OPTIONS=print_stacktrace=1
export ASAN_OPTIONS UBSAN_OPTIONS
for test in regress/e2e/*/test_*.py; do
	case $test in
	*/test_sandbox.py | */test_scale.py) ;;
	*) set -- "$@" "$test" ;;
	esac
done
sh regress/run.sh e2e "$@"
