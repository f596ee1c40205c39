#!/bin/sh
# SPDX-License-Identifier: ISC
# Build regress/unit/test_*.c, and the drive_*.c that other tests talk to, into build/unit.  The first lines name what it links:
#	/* links: common/buf.c ... */	sources besides its own
#	/* libs: -lfoo */		libraries
# usage: build-unit.sh CFLAGS...; rebuilds a test when anything it was made of is newer (its .d file) or the flags differ.
set -eu
cd "$(dirname "$0")/.."
mkdir -p build/unit
echo "${CC:-cc} $*" >build/unit/flags.new
cmp -s build/unit/flags.new build/unit/flags || rm -f build/unit/test_* build/unit/drive_*
mv build/unit/flags.new build/unit/flags

# Is the program there and newer than everything its dependency list names?
fresh() {
	[ -x "$1" ] && [ -f "$1.d" ] || return 1
	# shellcheck disable=SC2046
	newer=$(find $(sed -e 's/^[^:]*://' -e 's/\\$//' "$1.d") -newer "$1" 2>&1) && [ -z "$newer" ]
}

for test in regress/unit/test_*.c regress/unit/drive_*.c; do
	bin=build/unit/$(basename "$test" .c)
	! fresh "$bin" || continue
	links=$(sed -n 's|^/\* links: \(.*\) \*/$|\1|p' "$test" | head -n 1)
	libs=$(sed -n 's|^/\* libs: \(.*\) \*/$|\1|p' "$test" | head -n 1)
	rm -f "$bin.d"
	for src in "$test" $links; do
		"${CC:-cc}" "$@" -MM "$src" >>"$bin.d"
	done
	# shellcheck disable=SC2086
	"${CC:-cc}" "$@" -o "$bin" "$test" $links $libs -lcmocka ${UNIT_LIBS--lmd -lbsd}
done
