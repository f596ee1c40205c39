#!/bin/sh
# SPDX-License-Identifier: ISC
# Build and run the fuzz targets under ASan and UBSan: fuzz.sh [SECONDS [TARGET...]]; 600 seconds each without arguments.
# New inputs go to build/fuzz/corpus, findings to build/fuzz; the seeds in regress/fuzz/corpus are not touched.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-600}
[ $# -eq 0 ] || shift
mkdir -p build/fuzz
[ $# -gt 0 ] || set -- $(ls regress/fuzz/fuzz_*.c | sed 's|.*/fuzz_\(.*\)\.c|\1|')
failed=0
for name; do
	src=regress/fuzz/fuzz_$name.c
	links=$(sed -n 's|^/\* links: \(.*\) \*/$|\1|p' "$src" | head -n 1)
	libs=$(sed -n 's|^/\* libs: \(.*\) \*/$|\1|p' "$src" | head -n 1)
	# shellcheck disable=SC2046,SC2086
	clang -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
	    $(pkg-config --cflags libbsd-overlay) -D_GNU_SOURCE -DLIBBSD_OPENBSD_VIS -o build/fuzz/fuzz_$name "$src" $links $libs \
	    -lmd -lbsd
	mkdir -p "build/fuzz/corpus/$name"
	log=build/fuzz/$name.log
	if build/fuzz/fuzz_$name -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -print_final_stats=1 \
	    -artifact_prefix="build/fuzz/$name-" "build/fuzz/corpus/$name" $([ ! -d regress/fuzz/corpus/$name ] || echo regress/fuzz/corpus/$name) \
	    >"$log" 2>&1; then
		runs=$(sed -n 's/^stat::number_of_executed_units: //p' "$log")
		printf '%-12s %s runs, no finding\n' "$name" "$runs"
	else
		printf '%-12s FINDING, see %s\n' "$name" "$log"
		tail -n 30 "$log"
		failed=1
	fi
done
exit $failed
