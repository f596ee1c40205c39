#!/bin/sh
# SPDX-License-Identifier: ISC
# Build regress/unit/test_*.c into build/unit.  A test's first lines name what it links:
#	/* links: common/buf.c ... */	sources besides its own
#	/* libs: -lfoo */		libraries
# usage: build-unit.sh CFLAGS...; rebuilds what is older than any source or header.
set -eu
cd "$(dirname "$0")/.."
mkdir -p build/unit
newest=$(find common rpopd dialer fetcher deliverer rpopctl regress/unit etc -name '*.[ch]' -o -name 'state.sql' | xargs ls -t | head -n 1)
for test in regress/unit/test_*.c; do
	bin=build/unit/$(basename "$test" .c)
	[ ! -x "$bin" ] || [ -z "$(find "$newest" -newer "$bin")" ] || rm -f "$bin"
	[ ! -x "$bin" ] || continue
	links=$(sed -n 's|^/\* links: \(.*\) \*/$|\1|p' "$test" | head -n 1)
	libs=$(sed -n 's|^/\* libs: \(.*\) \*/$|\1|p' "$test" | head -n 1)
	# shellcheck disable=SC2086
	${CC:-cc} "$@" -o "$bin" "$test" $links $libs -lcmocka ${UNIT_LIBS--lmd -lbsd}
done
