#!/bin/sh
# SPDX-License-Identifier: ISC
# Every message of common/ipc/messages.h has a rule at those that its line names as receivers, and at nobody else.
set -u
cd "$(dirname "$0")/.." || exit 1
n=0

# result ok|"not ok" WHAT
result() {
	n=$((n + 1))
	echo "$1 $n - $2"
}

# rules PATH: the types in the rule tables there.
rules() {
	find "$1" -name '*.c' -exec sed -n 's/^[[:space:]]*{ \(IMSG_[A-Z_]*\),.*/\1/p' {} + | sort -u
}

# check WHO PATH LETTERS: what goes to one of these letters has a rule in PATH; the difference is told.
check() {
	had=$(rules "$2")
	due=$(sed -n "s/^MESSAGE(\(IMSG_[A-Z_]*\),[[:space:]]*[A-Z]_[$3],.*/\1/p" common/ipc/messages.h | sort -u)
	if [ -n "$due" ] && [ "$had" = "$due" ]; then
		result ok "$1"
	else
		result 'not ok' "$1"
		printf '# wanted:\n%s\n# rules:\n%s\n' "$due" "$had" | sed 's/^I/#	I/'
	fi
}

check master rpopd M
check templates common/template.c TA
check dialer dialer DA
check fetcher fetcher FA
check deliverer deliverer VA
check oauth oauth OA
check auth auth HA
check sender sender SA
check popd popd LPA
check mailbox mailbox XA
check signer signer KA
if [ -e web/web.c ]; then
	check web web WRA
fi
check rpopctl rpopctl C
if grep -v '^MESSAGE(IMSG_[A-Z_]*,[[:space:]]*[MADTFVSOHLPXKWRC]_[MADTFVSOHLPXKWRC], .*, \(NO_FD\|FD\|FD_MAYBE\))' common/ipc/messages.h | grep -q '^MESSAGE'; then
	result 'not ok' 'each line of the list has a type, a way, a payload and a descriptor'
else
	result ok 'each line of the list has a type, a way, a payload and a descriptor'
fi
echo "1..$n"
