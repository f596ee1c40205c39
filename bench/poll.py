#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
CPU of one poll in a running daemon, all processes, without start and stop: rpopd polls the same records again and again, and the
CPU times of its process tree before and after are compared.

usage: poll.py SCENARIO [ROUNDS]	scenarios: empty-200 (200 empty mailboxes), idle-50k, idle-10k (messages left on the
					server, all seen), records-10k (memory only: 10,000 records
					whose server refuses)
Needs what bench.py needs; RPOPD_BUILD names the programs (default ../build).
"""
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import bench  # noqa: E402

SCENARIOS = {"empty-200": ([f"e{i}" for i in range(200)], "delete"), "idle-50k": (["u50k"], "leave"), "idle-10k": (["u10k"], "leave"),
    "records-10k": ([f"e{i}" for i in range(10000)], "delete")}
TICK = os.sysconf("SC_CLK_TCK")


def tree(root):
    """pids of root and all its descendants"""
    kids = {}
    for p in os.listdir("/proc"):
        if p.isdigit():
            try:
                s = open(f"/proc/{p}/stat").read()
            except OSError:
                continue
            kids.setdefault(int(s[s.rindex(")") + 2:].split()[1]), []).append(int(p))
    out, todo = [], [root]
    while todo:
        out.append(todo.pop())
        todo += kids.get(out[-1], [])
    return out


def cpu(root):
    """Seconds of user and system time of the tree, children that were waited for included (nanoseconds where the kernel has them)."""
    t = 0
    for p in tree(root):
        try:
            s = open(f"/proc/{p}/stat").read()
        except OSError:
            continue
        f = s[s.rindex(")") + 2:].split()
        t += sum(map(int, f[11:15])) / TICK
    return t


def memory(root):
    """(name, resident, private) in KiB of every process"""
    out = []
    for p in tree(root):
        try:
            name = open(f"/proc/{p}/cmdline").read().split("\0")[0].rpartition("/")[2]
            f = dict(x.split(":") for x in open(f"/proc/{p}/smaps_rollup").read().splitlines()[1:])
        except (OSError, ValueError):
            continue
        k = {a: int(b.split()[0]) for a, b in f.items()}
        out.append((name, k["Rss"], k["Private_Clean"] + k["Private_Dirty"]))
    return out


def show(root):
    for name, rss, private in memory(root):
        print(f"    {name}: {rss} KiB resident, {private} KiB private")


def polls(db):
    return int(subprocess.run(["sqlite3", "-batch", "-init", "/dev/null", db, "SELECT ifnull(sum(polls), 0) FROM record_state"],
        capture_output=True, text=True, check=True).stdout)


def main():
    users, mode = SCENARIOS[sys.argv[1]]
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    bin_ = os.environ.get("BENCH_BIN", f"{HERE}/bin")
    if not os.path.exists(f"{bin_}/popget"):
        subprocess.run(["make", "-s", "-C", HERE, f"BIN={bin_}"], check=True)
    build = os.environ.get("RPOPD_BUILD", f"{HERE}/../build")
    sdir = os.environ.get("BENCH_SERVER_DIR") or tempfile.mkdtemp(prefix="popbench-srv.", dir="/dev/shm")
    time.sleep(1)       # a server just stopped still answers
    srv = bench.Server(sdir, 20000, bin_)
    work = tempfile.mkdtemp(prefix="popbench.")
    os.chmod(work, 0o755)
    bundle = f"{work}/bundle.pem"
    with open(bundle, "w") as f:
        f.write(open("/etc/ssl/certs/ca-certificates.crt").read() + open(srv.ca).read())
    for u in users[:200]:
        srv.restore(u)
    state = f"{work}/state"
    os.makedirs(state)
    os.makedirs(f"{work}/Maildir")
    env = dict(os.environ, B_HOST="localhost", B_PORT="20995", B_TLS="tls", B_USER=users[0], B_USERS=" ".join(users), B_PASS="secret",
        B_CA=bundle, B_MAILDIR=f"{work}/Maildir", B_STATE=state, B_MODE=mode, B_VARIANT="", RPOPD_BUILD=build)
    if sys.argv[1] == "records-10k":
        env["B_PORT"] = "1"
    daemon = None
    try:
        subprocess.run([f"{HERE}/adapters/rpopd", "prepare"], env=env, check=True)
        daemon = subprocess.Popen([f"{build}/rpopd", "-d", "-l", build, "-f", f"{state}/rpopd.db", "-r", f"{state}/run"])
        if sys.argv[1] == "records-10k":
            time.sleep(20)
            print(f"{polls(state + '/state.db')} polls of {len(users)} records so far")
            show(daemon.pid)
            return
        done = len(users)
        while not os.path.exists(f"{state}/state.db") or polls(f"{state}/state.db") < done:
            time.sleep(0.2)
        bench.wait_quiet(20)
        c0, w0 = cpu(daemon.pid), time.time()
        for _ in range(rounds):
            done += len(users)
            subprocess.run([f"{build}/rpopctl", "-s", f"{state}/run/rpopd.sock", "poll", "all"], check=True, stdout=subprocess.DEVNULL)
            while polls(f"{state}/state.db") < done:
                time.sleep(0.05)
        # rpopctl and sqlite3 are not in the tree
        n = rounds * len(users)
        print(f"{sys.argv[1]}: {n} polls, CPU {1000 * (cpu(daemon.pid) - c0) / n:.2f} ms each (all rpopd processes), "
            f"wall {1000 * (time.time() - w0) / n:.2f} ms each")
        show(daemon.pid)
    finally:
        if daemon:
            daemon.terminate()
            daemon.wait()
        srv.stop()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
