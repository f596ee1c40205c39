#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
What distribution costs: 10,000 messages of 4 KB of one mailbox over TLS, by a unified record with X-Real-To, to five accounts
each and to one account each (the five in turn); Maildirs, `rpopd -1`, everything durable before DELE.  Rounds are interleaved.

usage: distribute.py [ROUNDS [MESSAGES]]
Needs what bench.py needs; TMPDIR decides where the Maildirs are, RPOPD_BUILD names the programs (default ../build).
"""
import os
import pwd
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import bench  # noqa: E402

BUILD = os.path.abspath(os.environ.get("RPOPD_BUILD", f"{HERE}/../build"))
KINDS = {"to1": 1, "to5": 5}


def prepare(state, user, srv):
    """A store with a unified record; the mail root beside it."""
    os.makedirs(f"{state}/ca")
    os.makedirs(f"{state}/mail")
    owner = pwd.getpwnam("_rpopm")
    os.chown(f"{state}/mail", owner.pw_uid, owner.pw_gid)
    shutil.copy(srv.ca, f"{state}/ca/1.pem")
    subprocess.run(["openssl", "rehash", f"{state}/ca"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with sqlite3.connect(f"{state}/rpopd.db") as db:
        os.chmod(f"{state}/rpopd.db", 0o600)
        db.executescript(open(f"{HERE}/../etc/rpopd.sql").read())
        for name in ("postmaster", "u0", "u1", "u2", "u3", "u4"):
            db.execute("INSERT INTO accounts (address) VALUES (?)", (f"{name}@bench.example",))
        db.execute("UPDATE settings SET mail_root = ?, ca_dir = ?, self_poll = 1, main_domain = 'bench.example'",
            (f"{state}/mail", f"{state}/ca"))
        db.execute("INSERT INTO rpop (account, name, domain, auth_name, password, period, leave, tls, special) VALUES"
            " ('postmaster@bench.example', 'all', ?, ?, 'secret', 3600, 0, 'tls', 'X-Real-To')",
            (f"localhost:{srv.base + 995}", user))
    db.close()


def delivered(state):
    return sum(len(files) for top, _, files in os.walk(f"{state}/mail") if os.path.basename(top) == "new")


def run(work, kind, count, srv):
    """One retrieval; {wall, user, sys, noise}"""
    srv.restore(kind)
    state = tempfile.mkdtemp(prefix=f"{kind}.", dir=work)
    os.chmod(state, 0o755)
    prepare(state, kind, srv)
    os.sync()
    bench.wait_quiet(int(os.environ.get("BENCH_QUIET", "10")))
    busy, known = bench.cpu_busy(), bench.cpu_known()
    subprocess.run([f"{srv.bin}/measure", f"{state}/result", "600", f"{BUILD}/rpopd", "-1", "-l", BUILD, "-f",
        f"{state}/rpopd.db", "-r", f"{state}/run"], stdin=subprocess.DEVNULL,
        stdout=open(f"{state}/log", "wb"), stderr=subprocess.STDOUT)
    code, wall, user, system, _ = open(f"{state}/result").read().split()
    r = {"wall": float(wall), "user": float(user), "sys": float(system), "cpu": float(user) + float(system)}
    r["noise"] = max(0, bench.cpu_busy() - busy - (bench.cpu_known() - known) - r["cpu"]) / max(r["wall"], 0.01)
    got = delivered(state)
    time.sleep(0.2)
    if code != "0" or got != count * KINDS[kind] or srv.left(kind):
        sys.exit(f"{kind}: exit {code}, {got} delivered, {srv.left(kind)} left: "
            f"{open(f'{state}/log', errors='replace').read()[-600:]}")
    shutil.rmtree(state)
    return r


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 10000
    bin_ = os.environ.get("BENCH_BIN", f"{HERE}/bin")
    if not os.path.exists(f"{bin_}/popget"):
        subprocess.run(["make", "-s", "-C", HERE, f"BIN={bin_}"], check=True)
    bench.CORPORA.update({kind: (kind, count) for kind in KINDS})
    sdir = os.environ.get("BENCH_SERVER_DIR") or tempfile.mkdtemp(prefix="popbench-srv.", dir="/dev/shm")
    srv = bench.Server(sdir, int(os.environ.get("BENCH_PORTBASE", "20000")), bin_)
    work = tempfile.mkdtemp(prefix="popbench.")
    os.chmod(work, 0o755)
    rows = {kind: [] for kind in KINDS}
    try:
        for _ in range(rounds):
            for kind in KINDS:
                rows[kind].append(run(work, kind, count, srv))
                print(kind, " ".join(f"{k} {v:.2f}" for k, v in rows[kind][-1].items()), file=sys.stderr)
    finally:
        srv.stop()
        shutil.rmtree(work, ignore_errors=True)
        if "BENCH_SERVER_DIR" not in os.environ:
            time.sleep(0.5)
            shutil.rmtree(sdir, ignore_errors=True)
    middle = {kind: {k: statistics.median(r[k] for r in rs) for k in rs[0]} for kind, rs in rows.items()}
    print(f"{count} messages, medians of {rounds} rounds:\n\n"
        "| recipients | wall s (min-max) | CPU s | user s | sys s | foreign CPU |\n|---|---|---|---|---|---|")
    for kind, m in middle.items():
        walls = [r["wall"] for r in rows[kind]]
        print(f"| {KINDS[kind]} | {m['wall']:.2f} ({min(walls):.2f}-{max(walls):.2f}) | {m['cpu']:.2f} | {m['user']:.2f} | "
            f"{m['sys']:.2f} | {m['noise']:.2f} |")
    ratio = {k: middle["to5"][k] / middle["to1"][k] for k in ("wall", "cpu")}
    print(f"\n5 to 1: wall {ratio['wall']:.2f}, CPU {ratio['cpu']:.2f}")


if __name__ == "__main__":
    main()
