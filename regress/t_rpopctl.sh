#!/bin/sh
# SPDX-License-Identifier: ISC
# rpopctl(8) names every member that JSON may have, and every command; the completion for bash knows the commands, too.
set -u
cd "$(dirname "$0")/.." || exit 1
n=0

# all WHAT FILE WORD...: each word stands in the file.
all() {
	what=$1
	file=$2
	shift 2
	n=$((n + 1))
	missing=
	for word; do
		grep -qw -e "$word" "$file" || missing="$missing $word"
	done
	if [ $# -gt 10 ] && [ -z "$missing" ]; then
		echo "ok $n - $what"
	else
		echo "not ok $n - $what"
		echo "# $# words, missing in $file:$missing"
	fi
}

fields=$(sed -n 's/^	FIELD(ctl_[a-z]*, \([a-z_]*\),.*/\1/p' rpopctl/reply.c | sort -u)
commands=$(sed -n 's/^	{ \(\.name = \)\{0,1\}"\([a-z]*\)",.*/\2/p' rpopctl/command.c | sort -u)
# shellcheck disable=SC2086 # words
all 'the manual has each member of JSON' rpopctl/rpopctl.8 $fields
# shellcheck disable=SC2086
all 'the manual has each command' rpopctl/rpopctl.8 $commands
# shellcheck disable=SC2086
all 'the completion has each command' etc/rpopctl.bash $commands
echo "1..$n"
