#!/bin/sh
# SPDX-License-Identifier: ISC
# The main job on a real server, from nothing: see demo.py.  Needs root and a finished build; cleans up behind itself.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
RPOPD_BUILD=${RPOPD_BUILD:-$(dirname "$(dirname "$here")")/build}
export RPOPD_BUILD PYTHONDONTWRITEBYTECODE=1
exec /usr/bin/python3 "$here/demo.py"
