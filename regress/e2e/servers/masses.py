# SPDX-License-Identifier: ISC
"""A POP3 server with very many equal messages under unique-ids of their own, which ends its sessions badly."""
import threading
import time

from servers.pop3 import Behaviour, Close, stuffed

BODY = b"From: mass@example.net\r\nSubject: the same\r\n\r\nthe same\r\n"
OTHER = b"Subject: not asked for\r\n\r\n"


class Mass(Behaviour):
    """n messages of one content; every session lists unique-ids that begin with the next prefix, or with the same one."""

    def __init__(self, n, ending="honest", fresh=False):
        super().__init__()
        self.n, self.ending, self.fresh, self.retrieved, self.round = n, ending, fresh, 0, 0
        self.answer = b"+OK\r\n" + stuffed(BODY)

    def login(self, s):
        s.logged_in = True
        s.round, self.round = self.round, self.round + (1 if self.fresh else 0)
        s.left = self.n
        self.ok(s, "login")

    def cmd_stat(self, s, arg):
        self.ok(s, "stat", b"%d %d" % (self.n, self.n * len(BODY)))

    def cmd_list(self, s, arg):
        if arg:
            return s.send(b"+OK %s %d\r\n" % (arg, len(BODY)))
        self.lines(s, "list", [b"%d %d" % (i, len(BODY)) for i in range(1, self.n + 1)])

    def cmd_uidl(self, s, arg):
        self.lines(s, "uidl", [b"%d m%03d.%07d" % (i, s.round, i) for i in range(1, self.n + 1)])

    def cmd_retr(self, s, arg):
        self.retrieved += 1
        s.left -= 1
        if s.left > 0 or self.ending == "honest":
            s.send(self.answer)
        elif self.ending == "garbage":
            s.send(b"%% neither +OK nor -ERR\r\n")
            self.ended(s)
        elif self.ending == "hangup":
            self.ended(s)
        else:			# mixed up: what comes is an answer to nothing, and the listing changes meanwhile
            s.send(b"+OK\r\n" + stuffed(OTHER) + b"+OK\r\n" + stuffed(OTHER) * 2)

    def ended(self, s):
        raise Close

    def cmd_top(self, s, arg):
        s.send(b"+OK\r\n" + stuffed(BODY))

    def cmd_dele(self, s, arg):
        s.send(b"+OK\r\n")

    def expunge(self, s):
        pass


class Asker(threading.Thread):
    """Asks for the status again and again; longest: s that an answer took, for people."""

    def __init__(self, rig):
        super().__init__(daemon=True)
        self.rig, self.longest, self.answers, self.refused, self.over = rig, 0, 0, 0, threading.Event()

    def run(self):
        while not self.over.wait(0.05):
            begun = time.monotonic()
            self.refused += self.rig.ctl("status", check=False).code != 0
            self.longest = max(self.longest, time.monotonic() - begun)
            self.answers += 1

    def end(self):
        self.over.set()
        self.join()
