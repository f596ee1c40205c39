#!/bin/sh
# SPDX-License-Identifier: ISC
# Build regress/unit/FOLDER/test_*.c, and the drive_*.c that other tests talk to, into build/unit/FOLDER.  The first lines of each say
# what it links besides common:
#	/* links: rpopd/state ... */	folders of the product, and C files of its own
#	/* libs: -lfoo ... */		libraries; a -DNAME among them is for compiling everything that it links
# A folder is an archive: a symbol that the test defines itself is not taken from there.
# usage: build-unit.sh [SOURCE...] -- CFLAGS...; without sources all of them.  UNIT_OUT: where to, in place of build/unit.
#
# A source is compiled once for all tests that link its folder, and once more for each other set of -D.  The rules are written to
# rules.mk there; an object is made anew when anything it was made of is newer, and everything is when the flags differ.
set -eu
cd "$(dirname "$0")/.."
out=${UNIT_OUT:-build/unit}
tests=
while [ "$1" != -- ]; do
	tests="$tests $1"
	shift
done
shift
mkdir -p "$out"
echo "${CC:-cc} $*" >"$out/flags.new"
cmp -s "$out/flags.new" "$out/flags" || rm -rf "$out/obj" "$out"/*/test_* "$out"/*/drive_* "$out"/fuzz_*
mv "$out/flags.new" "$out/flags"
mkdir -p "$out/obj"

# words "-D*"|"" TEXT: its words that are such definitions, or those that are not.
words() {
	for word in $2; do
		case $word in
		-D*) [ -z "$1" ] || printf ' %s' "$word" ;;
		*) [ -n "$1" ] || printf ' %s' "$word" ;;
		esac
	done
}

# name SOURCE DEFINITIONS: where what is made of it lies.
name() {
	echo "$out/obj/$(echo "${1%.c}$2" | tr '/ ' '_+')"
}

# object SOURCE DEFINITIONS: the rule of one object.
object() {
	obj=$(name "$1" "$2")
	# shellcheck disable=SC2016 # make expands these
	printf '%s.o: %s\n\t@${CC} ${UNIT_FLAGS}%s -MMD -MP -MF %s.d -MT %s.o -c -o %s.o %s\n' \
	    "$obj" "$1" "$2" "$obj" "$obj" "$obj" "$1"
}

# archive FOLDER DEFINITIONS: the rules of a folder's archive and of what is in it; common is one with its sub-folders.
archive() {
	case $1 in
	common)	sources=$(sh etc/sources.sh common common/*/) ;;
	rpopd/state)	sources="$(sh etc/sources.sh "$1") build/state_schema.c" ;;
	*)	sources=$(sh etc/sources.sh "$1") ;;
	esac
	objs=
	for src in $sources; do
		objs="$objs $(name "$src" "$2").o"
		object "$src" "$2"
	done
	printf '%s.a:%s\n\t@rm -f %s.a && ar -crs %s.a%s\n' "$(name "$1" "$2")" "$objs" "$(name "$1" "$2")" "$(name "$1" "$2")" "$objs"
}

# The flags as the shell that make starts must read them.
flags=
for flag; do
	flags="$flags '$flag'"
done

# All rules: first the programs, and on the side which objects and archives they want.
{
	programs=
	: >"$out/parts.new"
	# shellcheck disable=SC2086
	for test in ${tests:-regress/unit/*/test_*.c regress/unit/*/drive_*.c}; do
		bin=${test#regress/*/}
		bin=$out/${bin%.c}
		mkdir -p "${bin%/*}"
		programs="$programs $bin"
		links=$(sed -n 's|^/\* links: \(.*\) \*/$|\1|p' "$test" | head -n 1)
		libs=$(sed -n 's|^/\* libs: \(.*\) \*/$|\1|p' "$test" | head -n 1)
		defs=$(words -D "$libs")
		objs=
		for part in $test $links common; do
			case $part in
			*.c)	objs="$objs $(name "$part" "$defs").o"; kind=object ;;
			*)	objs="$objs $(name "$part" "$defs").a"; kind=archive ;;
			esac
			echo "$kind $part $defs" >>"$out/parts.new"
		done
		# shellcheck disable=SC2016 # make expands these
		printf '%s:%s\n\t@${CC} ${UNIT_FLAGS} -o %s -Wl,--start-group%s -Wl,--end-group%s -lcmocka ${UNIT_LIBS}\n' \
		    "$bin" "$objs" "$bin" "$objs" "$(words '' "$libs")"
	done
	sort -u "$out/parts.new" | while read -r kind part defs; do
		$kind "$part" "${defs:+ $defs}"
	done
	rm "$out/parts.new"
	cat "$out"/obj/*.d 2>/dev/null || true
	echo "programs: $programs"
} >"$out/rules.mk"
case ${MAKEFLAGS-} in *jobserver*) jobs= ;; *) jobs=-j2 ;; esac	# a make that calls this has jobs to give
# shellcheck disable=SC2086 # no word where there is none
${MAKE:-make} -s $jobs -f "$out/rules.mk" CC="${CC:-cc}" UNIT_FLAGS="$flags" \
    UNIT_LIBS="${UNIT_LIBS--Wl,--as-needed -lidn2 -lgsasl -lcrypt -lseccomp -lmd -lbsd}" programs
