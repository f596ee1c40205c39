#!/bin/sh
# SPDX-License-Identifier: ISC
# The C files in these folders that belong to this system.  A file for some systems only says so by the end of its name: _linux,
# _openbsd, _posix (any other than Linux), _none (any without a sandbox of its own).  OpenBSD has imsg(3) in its libutil.
# usage: sources.sh FOLDER...
set -eu
case $(uname -s) in
Linux)		skip='_(openbsd|posix|none)\.c$' ;;
OpenBSD)	skip='_(linux|none)\.c$|/(imsg|imsg_io|ibuf)\.c$' ;;
*)		skip='_(linux|openbsd)\.c$' ;;
esac
for folder; do
	ls "$folder"/*.c
done | grep -Ev "$skip"
