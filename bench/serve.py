#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
popd beside Dovecot and popa3d: CPU of all processes of a server, for the same clients and the same mail.  Every row is measured with
each server in turn, as often as there are rounds; the table has medians, and the lowest and highest value.

usage: serve.py [-n ROUNDS] [-s SHARE] [ROW ...]	needs root, and what bench.py needs; -s 100: a hundredth of the mail and logins
Rows: see ROWS below; without a name all of them.  RPOPD_BUILD names the programs (default ../build), BENCH_QUIET the seconds that are
waited for an idle machine before each figure.
"""
import argparse
import collections
import os
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
tempfile.tempdir = os.environ.get("BENCH_MAIL", "/dev/shm")
os.environ.setdefault("BENCH_BIN", os.path.join(HERE, "bin"))
import bench  # noqa: E402
import popservers  # noqa: E402

WINDOW = 64			# commands that are sent ahead of their answers
CORPORA = {"small": ("small", 10000), "mixed": ("mixed", 2000), "tiny": ("tiny", 50000), "many": ("tiny", 100000)}
LOGINS, IDLE = 1000, 200
ENOUGH = 0.02			# s; a server that used less in so long has nothing to do


class Client:
    """A session that has logged in."""

    def __init__(self, server, user, tls):
        self.sock = socket.create_connection(("127.0.0.1", server.tls_port if tls else server.port), 120)
        self.buffer = b""
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.sock = context.wrap_socket(self.sock)
        self.line()
        self.ask("USER " + server.login(user))
        self.ask("PASS " + server.password(user))

    def more(self):
        data = self.sock.recv(262144)
        if not data:
            sys.exit("the server hung up: %r" % self.buffer[-200:])
        self.buffer += data

    def line(self):
        while b"\r\n" not in self.buffer:
            self.more()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        if not line.startswith(b"+OK"):
            sys.exit("the server says %r" % line)
        return line

    def ask(self, command):
        self.sock.sendall(command.encode() + b"\r\n")
        return self.line()

    def bodies(self, n):
        """So many answers of several lines are thrown away; returns their octets."""
        octets, rest, self.buffer = len(self.buffer), self.buffer, b""
        n -= rest.count(b"\r\n.\r\n")
        while n > 0:
            data = self.sock.recv(1 << 20)
            if not data:
                sys.exit("the server hung up")
            octets += len(data)
            tail = rest[-4:] + data
            n -= tail.count(b"\r\n.\r\n")
            rest = tail
        return octets

    def retrieve(self, n):
        octets = 0
        for first in range(1, n + 1, WINDOW):
            some = range(first, min(first + WINDOW, n + 1))
            self.sock.sendall("".join("RETR %d\r\n" % i for i in some).encode())
            octets += self.bodies(len(some))
        return octets

    def delete(self, n):
        for first in range(1, n + 1, WINDOW):
            some = range(first, min(first + WINDOW, n + 1))
            self.sock.sendall("".join("DELE %d\r\n" % i for i in some).encode())
            for _ in some:
                self.line()

    def quit(self):
        self.ask("QUIT")
        self.sock.close()


class Measure:
    """What the rows are measured with: the corpora, and how much of everything there is."""

    def __init__(self, directory, share):
        self.share, self.serial = share, 0
        self.mail = os.path.join(directory, "pristine")
        for user, (kind, n) in CORPORA.items():
            subprocess.run([os.path.join(HERE, "mkcorpus.py"), self.mail, kind, user, str(self.count(n))], check=True,
                stdout=subprocess.DEVNULL)
        subprocess.run([os.path.join(HERE, "mkcorpus.py"), self.mail, "small", "five", "5"], check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["chown", "-R", "%d:%d" % popservers.OWNER[2:4], self.mail], check=True)

    def count(self, n):
        return max(1, n // self.share)

    def fill(self, server, user):
        server.fill(user, os.path.join(self.mail, user if user in CORPORA else "five", "Maildir"))

    @staticmethod
    def quiet(server):
        """CPU of the server, when it has nothing to do."""
        used = server.group.cpu()
        while True:
            time.sleep(0.3)
            now = server.group.cpu()
            if now - used < ENOUGH * 0.3:
                return now
            used = now

    def cpu(self, server, work, *args):
        """ms of CPU that the server needs for some work."""
        bench.wait_quiet(int(os.environ.get("BENCH_QUIET", "10")))
        before = self.quiet(server)
        work(*args)
        return (self.quiet(server) - before) * 1000

    # --- rows ---
    def login(self, server, tls):
        users = ["e%d" % i for i in range(8)]
        for user in users:
            self.fill(server, user)
            if server.maildirs:
                server.settle(user)
        n = self.count(LOGINS)

        def work(n):
            for i in range(n):
                c = Client(server, users[i % len(users)], tls)
                c.ask("STAT")
                c.quit()
        work(len(users))		# whatever is made at a first login
        return self.cpu(server, work, n) / n

    def login_clear(self, server):
        return self.login(server, False)

    def login_tls(self, server):
        return self.login(server, True)

    def get(self, server, user, tls):
        """(ms, messages, MB)"""
        self.fill(server, user)
        n, got = self.count(CORPORA[user][1]), []
        c = Client(server, user, tls)		# opened, listed and seen is not what is measured here
        c.quit()

        def work():
            c = Client(server, user, tls)
            got.append(c.retrieve(n))
            c.quit()
        return self.cpu(server, work), n, got[0] / 1e6

    def small_tls(self, server):
        ms, n, _ = self.get(server, "small", True)
        return ms / n

    def small_clear(self, server):
        ms, n, _ = self.get(server, "small", False)
        return ms / n

    def mixed_tls(self, server):
        ms, _, mb = self.get(server, "mixed", True)
        return ms / mb

    def listing(self, server, user):
        c = Client(server, user, False)
        c.ask("STAT")
        for command in ("LIST", "UIDL"):
            c.ask(command)
            while not (c.buffer.endswith(b"\r\n.\r\n") or c.buffer == b".\r\n"):
                c.more()
            c.buffer = b""
        c.quit()

    def open_cold(self, server):
        self.fill(server, "tiny")
        if server.maildirs:
            server.settle("tiny")
        return self.cpu(server, self.listing, server, "tiny")

    def open_same(self, server):
        self.open_cold(server)
        if server.maildirs:
            self.listing(server, "tiny")
        return self.cpu(server, self.listing, server, "tiny")

    def open_new(self, server):
        if not server.maildirs:
            return None
        self.open_cold(server)
        self.listing(server, "tiny")
        self.serial += 1
        server.add("tiny", self.serial)
        server.settle("tiny")
        return self.cpu(server, self.listing, server, "tiny")

    def idle(self, server, tls):
        """kB for each session that has logged in and says nothing."""
        server.fresh()
        self.fill(server, "e0")
        for _ in range(3):
            Client(server, "e0", tls).quit()
        self.quiet(server)
        before, n = server.group.pss(), self.count(IDLE)
        if server.maildirs:
            users = ["e0"] * n
        else:		# who keeps a mailbox to himself
            users = ["e%d" % (i % 8) for i in range(min(n, 8))]
            for user in users:
                self.fill(server, user)
        clients = [Client(server, user, tls) for user in users]
        self.quiet(server)
        used = server.group.pss() - before
        for c in clients:
            c.quit()
        return used / len(users)

    def idle_clear(self, server):
        return self.idle(server, False)

    def idle_tls(self, server):
        return self.idle(server, True)

    def delete(self, server):
        self.fill(server, "many")
        Client(server, "many", False).quit()

        def work():
            c = Client(server, "many", False)
            c.delete(self.count(CORPORA["many"][1]))
            c.quit()
        return self.cpu(server, work)


# name: (what the table calls it, digits, whether it is with TLS)
ROWS = collections.OrderedDict([
    ("login_clear", ("login, STAT, QUIT, in clear: CPU ms", 2, False)),
    ("login_tls", ("the same with TLS 1.3, P-256: CPU ms", 2, True)),
    ("small_clear", ("10,000 messages of 4 KB, in clear: CPU ms per message", 4, False)),
    ("small_tls", ("the same with TLS: CPU ms per message", 4, True)),
    ("mixed_tls", ("2,000 mixed messages, 166 MB, with TLS: CPU ms per MB", 2, True)),
    ("open_same", ("50,000 messages, STAT, LIST, UIDL, nothing new: CPU ms", 1, False)),
    ("open_new", ("the same, one new message: CPU ms", 1, False)),
    ("open_cold", ("the same, without an index: CPU ms", 1, False)),
    ("idle_clear", ("idle session, in clear: kB", 0, False)),
    ("idle_tls", ("idle session with TLS: kB", 0, True)),
    ("delete", ("100,000 deletions: CPU ms", 0, False))])


def noted(n):
    return "1 in %d of the mail, the logins and the sessions; " % n if n > 1 else ""


def cell(values, digits):
    if not values:
        return "-"
    return "%.*f (%.*f-%.*f)" % (digits, statistics.median(values), digits, min(values), digits, max(values))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("-n", type=int, default=3)
    ap.add_argument("-s", type=int, default=1)
    ap.add_argument("rows", nargs="*", metavar="ROW")
    args = ap.parse_args()
    rows = args.rows or list(ROWS)
    if not os.path.exists(os.environ["BENCH_BIN"] + "/forkserve"):
        subprocess.run(["make", "-s", "-C", HERE, "BIN=" + os.environ["BENCH_BIN"]], check=True)
    directory = tempfile.mkdtemp(prefix="popserve.")
    os.chmod(directory, 0o755)
    running, found = [], collections.defaultdict(list)
    try:
        measure = Measure(directory, args.s)
        running = popservers.all_servers(directory)
        for _ in range(args.n):
            for row in rows:
                for server in running:
                    value = None
                    if server.tls_port or not ROWS[row][2]:
                        value = getattr(measure, row)(server)
                    if value is not None:
                        found[row, server.name].append(value)
                        print("%s, %s: %.4f" % (row, server.name, value), file=sys.stderr)
    finally:
        for server in running:
            server.close()
        shutil.rmtree(directory, ignore_errors=True)
    print("%smedians of %d rounds (lowest-highest), load average %.1f\n" % (noted(args.s), args.n, os.getloadavg()[0]))
    print("| | %s |" % " | ".join(s.name for s in running) + "\n|---" * 1 + "|---" * len(running) + "|")
    for row in rows:
        print("| %s | %s |" % (ROWS[row][0], " | ".join(cell(found[row, s.name], ROWS[row][1]) for s in running)))


if __name__ == "__main__":
    main()
