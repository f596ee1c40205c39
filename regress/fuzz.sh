#!/bin/sh
# SPDX-License-Identifier: ISC
# Build and run the fuzz targets under ASan and UBSan: fuzz.sh [SECONDS [TARGET...]]; 600 seconds each without arguments.
# New inputs go to build/fuzz/corpus, findings to build/fuzz; the seeds in regress/fuzz/corpus are not touched.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-600}
[ $# -eq 0 ] || shift
if [ $# -eq 0 ]; then
	for src in regress/fuzz/fuzz_*.c; do
		name=${src##*/fuzz_}
		set -- "$@" "${name%.c}"
	done
fi
failed=0
for name; do
	src=regress/fuzz/fuzz_$name.c
	links=$(sed -n 's|^/\* links: \(.*\) \*/$|\1|p' "$src" | head -n 1)
	libs=$(sed -n 's|^/\* libs: \(.*\) \*/$|\1|p' "$src" | head -n 1)
	seeds=regress/fuzz/corpus/$name
	bin=build/fuzz/fuzz_$name
	log=build/fuzz/$name.log
	mkdir -p "build/fuzz/corpus/$name" "$seeds"
	# shellcheck disable=SC2046,SC2086
	clang -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
	    $(pkg-config --cflags libbsd-overlay) -D_GNU_SOURCE -DLIBBSD_OPENBSD_VIS \
	    '-DRPOPD_VERSION="fuzz"' -o "$bin" "$src" $links $libs -lidn2 -lmd -lbsd
	if "$bin" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -print_final_stats=1 \
	    -artifact_prefix="build/fuzz/$name-" "build/fuzz/corpus/$name" "$seeds" >"$log" 2>&1; then
		printf '%-12s %s runs, no finding\n' "$name" "$(sed -n 's/^stat::number_of_executed_units: //p' "$log")"
	else
		printf '%-12s FINDING, see %s\n' "$name" "$log"
		tail -n 30 "$log"
		failed=1
	fi
done
exit $failed
