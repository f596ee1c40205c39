#!/bin/sh
# SPDX-License-Identifier: ISC
# The hardening flags that a compiler takes without a word of complaint, on one line.
# usage: cc-flags.sh CC
#
# Bounds of objects at run time, stack canaries, a probe for each page of a large frame, indirect branches to marked places only,
# and local variables that begin as zeros.
set -u
cc=$*
found=

# takes FLAG...: the compiler does, for a program that includes something of the C library.
takes() {
	# shellcheck disable=SC2086 # $cc may have words
	printf '#include <string.h>\nint main(void) { return (0); }\n' | $cc -O2 -Werror "$@" -x c -c -o /dev/null - 2>/dev/null
}

# first CANDIDATE...: the first one that the compiler takes; a candidate may have several words.
first() {
	for candidate; do
		# shellcheck disable=SC2086
		if takes $candidate; then
			found="$found $candidate"
			return
		fi
	done
}

first '-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3' '-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2'
first -fstack-protector-strong
first -fstack-clash-protection
first -fcf-protection -mbranch-protection=standard
# clang before 16 wants to hear that zeros are meant
first -ftrivial-auto-var-init=zero \
    '-ftrivial-auto-var-init=zero -enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang'
echo "${found# }"
