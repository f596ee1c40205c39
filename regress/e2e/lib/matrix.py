# SPDX-License-Identifier: ISC
"""
Many misbehaving servers against one daemon: a record for each behaviour, an honest record beside them, every octet sent to a
server captured.  A first round of polls meets the misbehaviour, later ones find honest servers, and then everything must be there
once.
"""
import os
import random
import re
import threading
import time

from lib import corpus, rig as rigs, sniff
from servers.hostile import ALL, ROUNDS, TOKEN
from servers.pop3 import Behaviour, Pop3Server

LOGIN, SECRET = b"zq-login-4711", b"zq-s3cret-word"
MAILS = [corpus.mail(ident, body=corpus.text(random.Random(ident), 3)) for ident in ALL]
BODIES = {ident: corpus.expected(m) for ident, m in zip(ALL, MAILS)}
TOO_SOON = 300		# s between logins where a server wants more and does not say how many
FETCHER_KB = (400 if rigs.SANITIZED else 24) * 1024		# resident, of a session
ANNA, GOOD = "example.org/anna", "example.org/postmaster"
FIRST_PORT = 2000


class Cell:
    """One behaviour in one variant: its server, its record, and what went wrong."""

    def __init__(self, case, number, pki, mode, leave, octets):
        self.case, self.mode, self.leave, self.octets = case, mode, leave, octets
        self.name = "%s %s" % (case.name, mode)
        self.folder = "b%03d" % number
        self.hostile = self.dress(case.make())
        self.server = Pop3Server(pki, self.hostile, MAILS, mode, port=FIRST_PORT + number, octets=octets)
        self.host = case.host or "localhost"
        self.problems = []
        self.errors = []		# after each round
        self.polls = 0			# before this round
        self.made = time.monotonic()

    @staticmethod
    def dress(behaviour):
        behaviour.user, behaviour.password = LOGIN, SECRET
        return behaviour

    def turn_honest(self):
        self.server.behaviour = self.dress((self.case.honest or Behaviour)())

    def check(self, truth, text, *args):
        if not truth:
            self.problems.append(text % args if args else text)

    def first_round(self, row, got):
        """The outcome the registry asks for."""
        outcome, words = self.case.expects(self.leave)
        self.errors.append(row["last_error"])
        error = row["last_error"] or ""
        own = self.own(got)
        want = self.case.delivers(outcome)
        late = self.late and not error
        self.check(want is None or own == want or (late and own == ALL), "delivered %s instead of %s", own, want)
        if outcome in ("R0", "R1", "R2") or words:
            late |= self.octets and self.mode == "stls" and outcome in ("R0", "R1") and error.startswith("TLS: ")
            self.check(late or re.search(words, error), "error is %r, not /%s/", error, words)
        elif words is not None:
            self.check(not error, "unexpected error %r", error)
        self.check(not self.extra(got) or self.case.extra or self.late, "delivered what was no message: %s", got)
        for word in self.case.never:
            self.check(self.server.count(word) == 0, "%s was sent", word)

    def later_round(self, row, got):
        self.errors.append(row["last_error"])
        own = self.own(got)
        self.check(len(set(own)) == len(own), "doubled: %s", own)
        self.check(set(own) <= set(ALL), "delivered %s", own)

    @property
    def late(self):
        """Octet by octet an answer nobody asked for may come late enough to be one: a STAT of an empty mailbox, the status of CAPA,
        or of the next RETR, whose own is the first line of its message then.  Deletion needs its proof of being in step nevertheless."""
        return self.octets and "not given" in (self.case.words or "")

    @staticmethod
    def own(got):
        return sorted(x for x in got if x in BODIES)

    @staticmethod
    def extra(got):
        return [x for x in got if x not in BODIES]

    def last_round(self, row, got):
        """The server has been honest for two polls: everything is there, once."""
        if self.case.patience:
            allowed = 1 + int(time.monotonic() - self.made) // TOO_SOON
            self.check(len(self.server.sessions) <= allowed, "%d logins in spite of what was asked for", len(self.server.sessions))
            return
        own, extra = self.own(got), self.extra(got)
        self.check(not row["last_error"], "error although the server is honest: %r", row["last_error"])
        self.check(own == ALL, "in the end there are %s", own)
        self.check(not extra or self.case.extra or self.late, "in the end there is more: %s", extra)
        left = len(self.server.box.left())
        self.check(self.case.left is None or left == (len(ALL) if self.leave else 0), "%d messages are left on the server", left)
        if self.case.outcome == "R3" and not self.leave:
            again = sum(s.names().count("retr") for s in self.server.sessions[1:])
            self.check(again == 0, "retrieved again: %d", again)

    def credentials(self):
        """Nothing of a login in what the server got outside TLS, nor a repetition of it."""
        if self.mode != "plain":
            leak = sniff.leaks(self.server.clear_octets(), [LOGIN, SECRET, TOKEN])
            self.check(leak is None, "in clear: %r", leak)
            for word in (b"USER", b"PASS", b"APOP", b"AUTH"):
                self.check(word not in self.server.clear_octets().upper(), "%s in clear", word.decode())
        for s in self.server.sessions:
            self.check(sum(s.names().count(x) for x in ("pass", "apop", "auth")) <= 2, "more than one login in a session")

    def captured(self, octets):
        """What the network saw for this server's port."""
        secrets = [LOGIN, SECRET, TOKEN] + [a for s in self.server.sessions for n, a in s.commands if s.tls and len(a) > 20]
        secrets += [r for r in getattr(self.hostile, "responses", []) if len(r) > 20]
        leak = sniff.leaks(octets, secrets)
        self.check(leak is None, "on the wire: %r", leak)


class Matrix:
    """All cells of one variant: cells is a list of (case, mode); leave and octets hold for all of them."""

    def __init__(self, pki, cells, leave=0, octets=False):
        self.pki, self.leave = pki, leave
        self.rig = rigs.Rig(pki)
        self.rig.account("postmaster@example.org")
        self.rig.account("anna@example.org")
        slow = rigs.SANITIZED or (octets and any(mode != "plain" for _, mode in cells))
        # If some waited for a processor, sessions that stall on a busy machine would end before their idle clock does.
        processors = 40 if slow and not rigs.SANITIZED else len(cells) + 1
        self.rig.settings.update(idle_timeout=50 if slow else 20, session_timeout=120 if slow else 60, processors=processors,
            host_sessions=1000)
        self.cells, self.problems = [], []
        for number, (case, mode) in enumerate(cells):
            cell = Cell(case, number, pki, mode, leave, octets)
            self.cells.append(cell)
            columns = {"password": SECRET.decode(), "host": cell.host, "leave": leave, "mailbox": cell.folder}
            self.rig.record("anna@example.org", cell.name, cell.server, LOGIN.decode(), **{**columns, **case.columns})
        self.honest = Pop3Server(pki, mode="pop3s", port=FIRST_PORT + len(cells))
        self.rig.record("postmaster@example.org", "good", self.honest)
        self.peak, self.watching = 0, True

    def watch(self):
        """Resident memory of sessions, as far as a glance at a time shows it."""
        template = self.daemon.one("template")
        while self.watching:
            for pid in (rigs.read_proc(template, "task/%d/children" % template) or "").split():
                m = re.search(r"^VmHWM:\s+(\d+)", rigs.read_proc(int(pid), "status") or "", re.M)
                if m:
                    self.peak = max(self.peak, int(m.group(1)))
            time.sleep(0.02)

    def descriptors(self):
        """{role: open descriptors} of the processes that stay."""
        found = {}
        for role, pids in self.daemon.processes().items():
            if role != "session":
                found[role] = sum(len(os.listdir("/proc/%d/fd" % p)) for p in pids)
        return found

    def rows(self):
        return {(r["account"], r["name"]): r for r in self.rig.status()["records"]}

    def settle(self, polls):
        """Every record has been polled, and no session is left on either side."""
        patient = {("anna@example.org", c.name) for c in self.cells if c.case.patience}

        def done():
            rows = self.rows()
            polled = all(r["polls"] >= (1 if k in patient else polls.get(k, 0) + 1) for k, r in rows.items())
            return polled and self.rig.status()["daemon"]["sessions"] == 0 and rows
        rows = rigs.wait_for(done, "the end of every session", 200)
        for c in self.cells:
            rigs.wait_for(lambda: c.server.open == 0, "the end of the session at " + c.name, 30)
        return rows

    def delivered(self):
        """{folder: names of what lies in it}; what is not one of MAILS octet for octet has none of their names."""
        found = {}
        for where, data in self.rig.delivered().items():
            names = []
            if "/." not in where:
                continue		# notices to the owner
            for d in data:
                ident = corpus.ident_of(d) or "?"
                names.append(ident if corpus.split_prologue(d)[3] == BODIES.get(ident) else "altered-" + ident)
            found[where] = names
        return found

    def round(self, number):
        """One poll of everything, judged."""
        self.honest.box.add(corpus.mail("good%d" % number))
        polls = {}
        if number > 1:
            polls = {k: r["polls"] for k, r in self.rows().items()}
            self.rig.ctl("poll", "all")
        rows = self.settle(polls)
        got = self.delivered()
        good = len(self.rig.idents().get(GOOD, []))
        self.check(good == number, "round %d: the honest record has %d messages", number, good)
        self.check(not rows["postmaster@example.org", "good"]["last_error"], "the honest record has an error")
        for c in self.cells:
            row, mine = rows["anna@example.org", c.name], got.get(ANNA + "/." + c.folder, [])
            (c.first_round if number == 1 else c.last_round if number == ROUNDS else c.later_round)(row, mine)

    def check(self, truth, text, *args):
        if not truth:
            self.problems.append(text % args if args else text)

    def play(self):
        self.daemon = self.rig.start()
        watcher = threading.Thread(target=self.watch, daemon=True)
        watcher.start()
        self.round(1)
        for c in self.cells:
            if c.case.rounds < 2:
                c.turn_honest()
        self.round(2)
        for c in self.cells:
            if c.case.rounds < ROUNDS:
                c.turn_honest()
        self.round(3)
        before = self.descriptors()
        self.round(ROUNDS)
        after = self.descriptors()
        self.check(before == after, "descriptors: %s, before %s", after, before)
        self.check(self.rig.spooled() == [], "left in the spool: %s", self.rig.spooled())
        self.watching = False
        watcher.join()
        self.check(0 < self.peak < FETCHER_KB, "a session took %d kB", self.peak)
        shown = self.rig.ctl("-j", "status").log + self.rig.ctl("show", "account", "anna@example.org").log
        self.check(self.daemon.stop() == 0, "exit status")
        sound(self, self.daemon.log())
        hidden = SECRET.decode() not in shown and TOKEN.decode() not in shown and not re.search(RAW, shown)
        self.check(hidden, "rpopctl shows what it must not")

    def run(self):
        """Play it, with every octet captured."""
        sniffer = sniff.Sniffer()
        try:
            self.play()
        finally:
            self.watching = False
            dropped = sniffer.stop()
            self.log = self.rig.log()
            self.rig.close()
            for server in [c.server for c in self.cells] + [self.honest]:
                server.stop()
        self.check(dropped == 0, "the sniffer missed %d packets", dropped)
        for c in self.cells:
            octets = sniffer.streams.get(c.server.port, b"")
            c.credentials()
            if c.mode != "plain":
                c.captured(octets)
            elif c.server.count("pass") > 0:
                c.check(sniff.leaks(octets, [SECRET]), "the sniffer is deaf")


RAW = "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f]"


def sound(self, log):
    self.check(SECRET.decode() not in log and TOKEN.decode() not in log, "a secret is in the log")
    self.check(not re.search(r"signal (4|6|7|8|11|31)\b|AddressSanitizer|runtime error|assert", log), "a process crashed")
    self.check(not re.search(RAW, log), "raw octets of a server in the log")


def run(pki, cells, **more):
    """A finished Matrix."""
    network = sniff.Network()
    try:
        matrix = Matrix(pki, cells, **more)
        matrix.run()
        return matrix
    finally:
        network.close()
