#!/bin/sh
# SPDX-License-Identifier: ISC
# make bench: rpopd beside its peers and the limit clients, in one run, on a journalled file system of its own (a loop-mounted image
# with direct I/O; see README.md for why).  Prints Markdown.  Needs root, 10 GB in $BENCH_DIR (default /var/tmp), and 25 quiet minutes.
# usage: run.sh [ROUNDS]
set -eu
cd "$(dirname "$0")"
rounds=${1:-3}
dir=$(mktemp -d "${BENCH_DIR:-/var/tmp}/rpopbench.XXXXXX")
server=$(mktemp -d /dev/shm/rpopbench.XXXXXX)
loop=
cleanup() {
	[ ! -f "$server/run/master.pid" ] || ./server.sh stop "$server" || true
	umount "$dir/mnt" 2>/dev/null || true
	[ -z "$loop" ] || losetup -d "$loop" || true
	rm -rf "$dir" "$server"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP
mkdir "$dir/mnt"
truncate -s 8G "$dir/image"
mkfs.ext4 -q -F "$dir/image"
loop=$(losetup --direct-io=on -f --show "$dir/image")
mount "$loop" "$dir/mnt"
chmod 755 "$dir" "$dir/mnt"
TMPDIR=$dir/mnt BENCH_SERVER_DIR=$server BENCH_BIN=$dir/bin
export TMPDIR BENCH_SERVER_DIR BENCH_BIN
chmod 755 "$server"

[ -x "$BENCH_BIN/measure" ] || make -s "BIN=$BENCH_BIN"
./server.sh start "$server" 20000	# one server for everything

head() { printf '\n### %s\n' "$*"; }
run() { python3 ./bench.py --md --server-dir "$server" "$@"; }

printf 'Machine: %s, %s CPUs, kernel %s; %s\n' "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | sort -u)" "$(nproc)" "$(uname -r)" "$(date +%F)"
head '10,000 messages of 4 KB over TLS, delete'
run small-delete -n "$rounds" limit:gwb limit:gwb,g128 limit:syncfs rpopd mpop
head '2,000 mixed messages, 166 MB, over TLS, delete'
run mixed-delete -n "$rounds" limit:gwb limit:syncfs rpopd mpop
head 'Distribution: 10,000 messages to one and to five accounts each'
python3 ./distribute.py "$rounds"
head '100 messages at 100 ms round trip'
run rtt-delete --rtt 100 -n "$rounds" limit:discard limit:gwb rpopd mpop
head '200 empty mailboxes, system CA set, one invocation'
run accounts-empty --ca bundle -n "$rounds" rpopd mpop limit:discard
head '50,000 messages left on the server, one invocation'
run idle-50k -n "$rounds" rpopd mpop limit:discard
head 'A poll in a running daemon, system CA set'
python3 ./poll.py empty-200 5
python3 ./poll.py idle-50k 20
head 'Memory at 10,000 records'
python3 ./poll.py records-10k 1
head 'popd beside Dovecot and popa3d'
BENCH_PORTBASE=21000 /usr/bin/python3 ./serve.py -n "$rounds"
