#!/bin/sh
# SPDX-License-Identifier: ISC
# Build regress/unit/test_*.c, and the drive_*.c that other tests talk to, into build/unit.  The first lines name what one links:
#	/* links: common/buf.c ... */	sources besides its own
#	/* libs: -lfoo ... */		libraries; a -DNAME among them is for compiling its sources
# usage: build-unit.sh CFLAGS...
#
# A source is compiled once for all tests that link it, and once more for each other set of -D.  The rules for that are written to
# build/unit/rules.mk; an object is made anew when anything it was made of is newer, and everything is when the flags differ.
set -eu
cd "$(dirname "$0")/.."
out=build/unit
mkdir -p $out
echo "${CC:-cc} $*" >$out/flags.new
cmp -s $out/flags.new $out/flags || rm -rf $out/obj $out/test_* $out/drive_*
mv $out/flags.new $out/flags
mkdir -p $out/obj

# words "-D*"|"" TEXT: its words that are such definitions, or those that are not.
words() {
	for word in $2; do
		case $word in
		-D*) [ -z "$1" ] || printf ' %s' "$word" ;;
		*) [ -n "$1" ] || printf ' %s' "$word" ;;
		esac
	done
}

# The rule of one object; $1: its name, $2: the source, $3: definitions.
object() {
	# shellcheck disable=SC2016 # make expands these
	printf '%s: %s\n\t@${CC} ${UNIT_FLAGS}%s -MMD -MP -MF %s -MT %s -c -o %s %s\n' "$1" "$2" "$3" "${1%.o}.d" "$1" "$1" "$2"
}

# The flags as the shell that make starts must read them.
flags=
for flag; do
	flags="$flags '$flag'"
done

# All rules: first the programs, and on the side what each object is made of.
{
	programs=
	: >$out/objects.new
	for test in regress/unit/test_*.c regress/unit/drive_*.c; do
		bin=$out/$(basename "$test" .c)
		programs="$programs $bin"
		links=$(sed -n 's|^/\* links: \(.*\) \*/$|\1|p' "$test" | head -n 1)
		libs=$(sed -n 's|^/\* libs: \(.*\) \*/$|\1|p' "$test" | head -n 1)
		defs=$(words -D "$libs")
		objs=
		for src in $test $links; do
			obj=$out/obj/$(echo "${src%.c}$defs" | tr '/ ' '_+').o
			objs="$objs $obj"
			echo "$obj $src $defs" >>$out/objects.new
		done
		# shellcheck disable=SC2016 # make expands these
		printf '%s:%s\n\t@${CC} ${UNIT_FLAGS} -o %s%s%s -lcmocka ${UNIT_LIBS}\n' "$bin" "$objs" "$bin" "$objs" "$(words '' "$libs")"
	done
	sort -u $out/objects.new | while read -r obj src defs; do
		object "$obj" "$src" "${defs:+ $defs}"
	done
	rm $out/objects.new
	cat $out/obj/*.d 2>/dev/null || true
	echo "programs:$programs"
} >$out/rules.mk
case ${MAKEFLAGS-} in *jobserver*) jobs= ;; *) jobs=-j2 ;; esac	# a make that calls this has jobs to give
# shellcheck disable=SC2086 # no word where there is none
${MAKE:-make} -s $jobs -f $out/rules.mk CC="${CC:-cc}" UNIT_FLAGS="$flags" UNIT_LIBS="${UNIT_LIBS--Wl,--as-needed -lidn2 -lmd -lbsd}" programs
