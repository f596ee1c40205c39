#!/bin/sh
# SPDX-License-Identifier: ISC
# rpopctl(8) names every member that JSON may have, and every command; what completes commands in bash, zsh and fish knows them, too.
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
all 'the completion has each command' etc/completion/rpopctl-complete $commands

# The columns that take a unit are those of which the schema says that they are seconds, and the manual names them.
n=$((n + 1))
schema=$(sed -n 's/.*"\([a-z_]*\): \([a-z_]*\) must be [0-9.]* seconds.*/\1 \2/p' etc/rpopd.sql | sort)
table=$(sed -n 's/^	{ "\([a-z]*\)", "\([a-z_]*\)" },*$/\1 \2/p' rpopctl/duration.c | sort)
if [ -n "$schema" ] && [ "$schema" = "$table" ]; then
	echo "ok $n - lengths of time are the columns that the schema has in seconds"
else
	echo "not ok $n - lengths of time are the columns that the schema has in seconds"
	printf '%s\n--\n%s\n' "$schema" "$table" | sed 's/^/# /'
fi
n=$((n + 1))
missing=
for column in $(printf '%s\n' "$table" | sed 's/.* //'); do
	sed -n '/^.Sh KEEPING RECORDS/,/^.Bl/p' rpopctl/rpopctl.8 | grep -qw "$column" || missing="$missing $column"
done
[ -z "$missing" ] && echo "ok $n - the manual has them" || echo "not ok $n - the manual has them:$missing"
echo "1..$n"
