#!/bin/sh
# SPDX-License-Identifier: ISC
# Build and run the fuzz targets under ASan and UBSan: fuzz.sh [SECONDS [TARGET...]] -- CFLAGS...;
# without arguments 600 seconds each.
# New inputs go to build/fuzz/corpus, findings to build/fuzz; the seeds in regress/fuzz/corpus are not touched.
set -eu
cd "$(dirname "$0")/.."
seconds=600
case $1 in
--)	;;
*)	seconds=$1; shift ;;
esac
targets=
while [ "$1" != -- ]; do
	targets="$targets regress/fuzz/fuzz_$1.c"
	shift
done
shift
targets=${targets:-$(echo regress/fuzz/fuzz_*.c)}
# shellcheck disable=SC2086
CC=clang UNIT_OUT=build/fuzz sh regress/build-unit.sh $targets -- -g -O1 -fsanitize=fuzzer,address,undefined \
    -fno-sanitize-recover=all "$@"
failed=0
for src in $targets; do
	name=${src##*/fuzz_}
	name=${name%.c}
	seeds=regress/fuzz/corpus/$name
	bin=build/fuzz/fuzz_$name
	log=build/fuzz/$name.log
	mkdir -p "build/fuzz/corpus/$name" "$seeds"
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
