#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""
Routes: load a store with many rows in table route, check it, and hand the table to the deliverer.

    routes.py [rows]		default 1000000; needs root and a build

Prints the processor time and the peak memory of `rpopd -n`, which reads, judges and walks everything as a start or a reload does, and
with a daemon the time from its start to a deliverer that knows the table, and the memory of both processes.
"""
import grp
import os
import pwd
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("RPOPD_BUILD", os.path.join(TOP, "build"))
ACCOUNTS = 1000


def make(path, rows, mail):
    """A chain in every tenth row, the others straight to an account."""
    db = sqlite3.connect(path)
    with open(os.path.join(TOP, "etc", "rpopd.sql")) as f:
        db.executescript(f.read())
    db.execute("INSERT INTO accounts (address) VALUES ('postmaster@example.org')")
    db.executemany("INSERT INTO accounts (address) VALUES (?)", (("user%d@example.org" % i,) for i in range(ACCOUNTS)))
    db.execute("UPDATE settings SET main_domain = 'example.org', mail_root = ?", (mail,))
    db.executescript("DROP TRIGGER route_insert")	# the load judges all of it again
    db.executemany("INSERT INTO route (address, target) VALUES (?, ?)", (("first.last%d@example.org" % i, "first.last%d@example.org" %
        (i - 1) if i % 10 == 9 else "user%d@example.org" % (i % ACCOUNTS)) for i in range(rows)))
    db.commit()
    db.close()


def memory(pid):
    with open("/proc/%d/status" % pid) as f:
        return {k: int(v.split()[0]) for k, v in (line.split(":") for line in f if line.startswith(("VmRSS", "VmHWM")))}


def child(pid, name):
    for p in os.listdir("/proc"):
        try:
            with open("/proc/%s/stat" % p) as f:
                fields = f.read().rsplit(")", 1)
            if fields[0].endswith("(" + name) and int(fields[1].split()[1]) == pid:
                return int(p)
        except (OSError, ValueError):
            continue
    return None


def load(db, run):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    subprocess.run([os.path.join(BUILD, "rpopd"), "-n", "-f", db, "-l", BUILD, "-r", run], check=True)
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    print("load and check: %.2f s processor, %.2f s elapsed, %d MiB at most" % (after.ru_utime + after.ru_stime - before.ru_utime -
        before.ru_stime, wall, after.ru_maxrss / 1024))


def daemon(db, run, log, rows):
    """The last row's place is told once the deliverer has the table."""
    ask = [os.path.join(BUILD, "rpopctl"), "-s", os.path.join(run, "rpopd.sock"), "route", "first.last%d@example.org" % (rows - 1)]
    start = time.monotonic()
    p = subprocess.Popen([os.path.join(BUILD, "rpopd"), "-d", "-v", "-f", db, "-l", BUILD, "-r", run], stderr=log, stdout=log)
    try:
        while True:
            if b"=> account" in subprocess.run(ask, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout:
                break
            if p.poll() is not None or time.monotonic() > start + 600:
                sys.exit("rpopd did not start, see its log:\n" + open(log.name).read())
            time.sleep(0.05)
        print("from the start to a deliverer that has the table: %.2f s elapsed" % (time.monotonic() - start))
        for name, pid in (("rpopd", p.pid), ("deliverer", child(p.pid, "deliverer"))):
            m = memory(pid)
            print("%s: %d MiB, at most %d MiB" % (name, m["VmRSS"] / 1024, m["VmHWM"] / 1024))
    finally:
        p.send_signal(signal.SIGTERM)
        p.wait()


def main():
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1000000
    os.umask(0o077)
    tmp = tempfile.mkdtemp(prefix="rproutes.")
    os.chmod(tmp, 0o755)
    try:
        mail, run, db = (os.path.join(tmp, n) for n in ("mail", "run", "rpopd.db"))
        os.mkdir(mail)
        os.chown(mail, pwd.getpwnam("_rpopm").pw_uid, grp.getgrnam("_rpopm").gr_gid)
        os.mkdir(run, 0o755)
        make(db, rows, mail)
        print("%d rows, store of %d MiB" % (rows, os.path.getsize(db) >> 20))
        load(db, run)
        with open(os.path.join(tmp, "log"), "w") as log:
            daemon(db, run, log, rows)
    finally:
        shutil.rmtree(tmp)


main()
