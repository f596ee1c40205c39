#!/bin/sh
# SPDX-License-Identifier: ISC
# Tests once more with every program under ASan and UBSan.  Run it in a tree of its own: objects are not told apart.
# usage: asan.sh [all]
# Without an argument: the unit tests, and the end-to-end tests in which octets from outside meet the code that reads them.  With all:
# every one but test_sandbox.py, because a sanitizer cannot live under the system-call filter (common/sandbox/sandbox.h), and
# test_scale.py, because two hundred sanitized sessions at once say more about the machine than about them.
set -eu
cd "$(dirname "$0")/.."
case ${1-} in
'')	pattern='admin/(control|edit_socket|import_fetchmail|try|user)
delivery/(bytes|decide|differential|envelope|names|poison|samples|unified)
oauth/(device|oauth)
poll/(auth|capa|hostile|personal|tls)
popd/(alert|elsewhere|hostile_client|login|mailbox|session|session_bytes|session_life|session_sni|session_tls|signer|sni|unified|utf8|xmit)
relay/(body|notice|sender)
security/(auth|dialer)' ;;
all)	pattern='.*/.*' RPOPD_CAMPAIGN=1
	export RPOPD_CAMPAIGN ;;
*)	echo "usage: asan.sh [all]" >&2; exit 2 ;;
esac
shift $#
flags='-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer'
make -j2 CFLAGS='-O1 -g' HARDEN= HARDEN_LD= EXTRA_CFLAGS="$flags" all test-programs unit >/dev/null
# A jailed process has no /proc, which the leak check needs; the unit tests are not jailed.
sh regress/run.sh unit
# What is freed is kept for a while; as much as 256 MB of it, as usual, would be taken for growth.
ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:quarantine_size_mb=64
UBSAN_OPTIONS=print_stacktrace=1
export ASAN_OPTIONS UBSAN_OPTIONS
for test in regress/e2e/*/test_*.py; do
	case $test in
	*/test_sandbox.py | */test_scale.py) continue ;;
	esac
	name=${test#regress/e2e/}
	name=${name%%/*}/${name##*/test_}
	if echo "${name%.py}" | grep -E -q -x "$pattern"; then
		set -- "$@" "$test"
	fi
done
[ $# -gt 0 ]
sh regress/run.sh e2e "$@"
