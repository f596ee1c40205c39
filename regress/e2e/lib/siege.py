# SPDX-License-Identifier: ISC
"""
Many misbehaving clients against one daemon with all its processes: an account and addresses of its own for each misbehaviour, an
honest client beside them the whole time.  Each has its own verdict; what no client may do to the daemon is judged in the end.
"""
import base64
import json
import os
import pwd
import queue
import re
import select
import socket
import ssl
import threading

from clients.hostile import END, LISTED, MESSAGES, PER_ADDRESS, SESSIONS
from clients.pop3 import Client, tls_context
from lib import rig as rigs, sniff

WORKERS = 12 if rigs.SANITIZED else 32		# misbehaviours at once
SECRET = "zq-s3cret-word"			# every password that is right or wrong begins like it
MARK = b"zq-s3cret"
GREETING = r"\+OK rig\.test POP3 server ready <.*>"
BODIES = [b"Subject: one\r\n\r\nfirst\r\n.dot\r\n..\r\n", b"Subject: two\r\n\r\n" + bytes(range(0xa0, 0x100)) + b"\r\n",
    b"Subject: three\r\n\r\n" + b"a line of text, not very long\r\n" * 700]
TROUBLE = r"signal \d|Sanitizer|runtime error|assert|died|broke the rules|killed|cannot begin"
RAW = "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f]"
GROWTH = (256 if rigs.SANITIZED else 16) << 10	# kB that a process may grow
STAY = ("rpopd", "popd", "auth", "mailbox", "signer")
FORKED = ("pop", "box", "verification")


class Spoken(Client):
    """A client that knows what must come back; `fill` puts the account's name and password into what is sent."""

    def __init__(self, visit, *args):
        self.fill = visit.fill
        super().__init__(*args)

    def expect(self, sent, answer):
        """One step, as clients/hostile has it."""
        if isinstance(sent, str):
            sent = sent.encode() + b"\r\n"
        self.send(self.fill(sent))
        for each in answer if isinstance(answer, list) else [answer]:
            self.hear(sent, each)

    def hear(self, sent, answer):
        if answer is None:
            return
        if answer is END:
            rest = self.rest()
            assert rest == b"", "behind %r comes %r" % (sent[:60], rest[:200])
            return
        line = self.line()
        assert line is not None, "the end in place of an answer to %r" % sent[:60]
        assert re.fullmatch(answer, line, re.S), "%r is answered by %r, not %s" % (sent[:60], line[:200], answer)
        assert len(line) <= 510, "an answer of %d octets to %r" % (len(line), sent[:60])
        if answer.startswith(LISTED):
            self.listed()


class Visit:
    """One misbehaviour in one variant: its account, its addresses, its connections, and what went wrong."""

    def __init__(self, siege, case, number):
        self.siege, self.case, self.number, self.mode = siege, case, number, siege.mode
        self.user = "c%03d@example.org" % number
        self.context, self.pki = siege.context, siege.pki
        self.network = "127.%d.%d." % (10 + number // 250, number % 250)
        self.clients, self.problems = [], []
        self.words = {"user": self.user, "secret": SECRET, "plain": self.coded("\0%s\0%s" % (self.user, SECRET)),
            "plain_as_bert": self.coded("honest@example.org\0%s\0%s" % (self.user, SECRET)), "user64": self.coded(self.user),
            "secret64": self.coded(SECRET), "scram": self.coded("n,,n=%s,r=rOprNGfwEbeRWgbNEkqO" % self.user),
            "cram_wrong": self.coded(self.user + " " + "0" * 32)}

    @staticmethod
    def coded(text):
        return base64.b64encode(text.encode()).decode()

    def fill(self, octets):
        """{user}, {secret} and the others, as they are for this account."""
        return re.sub(rb"\{([a-z_0-9]+)\}", lambda m: self.words.get(m[1].decode(), m[0].decode()).encode(), octets)

    # --- connections ---
    def connect(self, start="ready", source=1):
        """One more connection, from one of 250 addresses of the network."""
        c = Spoken(self, self.siege.ports[self.mode], self.network + str(source % 250 + 1), self.context, self.mode == "octets")
        self.clients.append(c)
        if start in ("raw", "greeting"):
            if self.mode == "tls" and start == "greeting":
                c.secure()
            return c
        if self.mode == "tls":
            c.secure()
        c.expect(b"", GREETING)
        if self.mode == "stls" and start != "greeted":
            c.expect("STLS", r"\+OK begin TLS")
            c.secure()
        if start == "in":
            c.expect("USER {user}", r"\+OK.*")
            c.expect("PASS {secret}", r"\+OK %d messages .*" % MESSAGES)
        return c

    def to_handshake(self, client=None):
        """The next octets are those of a handshake."""
        if self.mode == "stls":
            (client or self.client).expect(b"", GREETING)
            (client or self.client).expect("STLS", r"\+OK begin TLS")

    def below_tls(self, octets):
        """Octets that go out as they are, beside what TLS sends."""
        os.write(self.client.sock.fileno(), octets)

    def tls_on_clear(self):
        """A client that begins TLS where there is none."""
        try:
            self.client.secure()
            raise AssertionError("there is TLS")
        except ssl.SSLError:
            pass

    # --- what is true meanwhile ---
    def other_is_served(self):
        self.siege.honest_visit(self.siege.ports["clear"])

    def waits_for_login(self):
        """The daemon is at work on a login of ours."""
        rigs.wait_for(lambda: [w for w in self.siege.who() if w["client"].startswith(self.network) and w["state"] == "login"], "the login")

    def first_to_hear(self, clients):
        """Which of them has an answer first; of several, the first of the list."""
        ready = select.select([c.sock for c in clients], [], [], rigs.PATIENCE)[0]
        return next(c for c in clients if c.sock in ready)

    @staticmethod
    def size(n):
        return len(BODIES[n - 1])

    # --- the verdict ---
    def play(self):
        """What it does, and whether that is answered as it must be."""
        try:
            self.client = self.connect(self.case.start)
            if callable(self.case.steps):
                self.case.steps(self)
            else:
                for sent, answer in self.case.steps:
                    self.client.expect(sent, answer)
            if not self.case.ends:
                self.client.expect("CAPA", LISTED + r"\+OK.*")
        except (AssertionError, OSError) as e:
            self.problems.append("%s: %s" % (type(e).__name__, e))
        finally:
            # A session that waits for its turn to log in hears of a client that is gone by a reset only.
            for c in self.clients:
                (c.reset if self.case.late else c.close)()

    def judge(self):
        """What is there afterwards, and whether the daemon told a password."""
        path = os.path.join(self.siege.rig.mail, "example.org", self.user.split("@")[0])
        names = [n for part in ("new", "cur") for n in os.listdir(os.path.join(path, part))]
        left = sorted(int(n.split(".")[0]) for n in names)
        if left != sorted(self.case.left):
            self.problems.append("messages %s are there, not %s" % (left, sorted(self.case.left)))
        for c in self.clients:
            if sniff.leaks(c.heard, [MARK]):
                self.problems.append("the daemon answered with a password")


class Siege:
    """All misbehaviours of one variant."""

    def __init__(self, pki, cases, mode):
        self.pki, self.mode, self.context = pki, mode, tls_context(pki)
        self.problems, self.honest_visits, self.over = [], 0, threading.Event()
        self.one_honest = threading.Lock()	# of one account and one address, few logins wait at once
        self.rig = rigs.Rig(pki, pop_channels=2000, pop_per_address=PER_ADDRESS)
        self.rig.verbose = ["-vv"]
        self.rig.account("postmaster@example.org")
        self.rig.account("honest@example.org")
        self.visits = [Visit(self, case, n) for n, case in enumerate(cases)]
        self.rig.write_db()
        self.ports = {}
        self.listen()
        accounts = "".join(rigs.insert("accounts", {"address": v.user}) for v in self.visits)
        self.rig.sqlite("BEGIN; " + accounts + "COMMIT; UPDATE account SET password = '{PLAIN}%s', sessions = %d;" % (SECRET, SESSIONS))
        senders = ", ".join(rigs.quote(v.user) for v in self.visits if v.case.name.startswith("send-"))
        self.rig.sqlite(rigs.insert("nexthop", {"name": "out", "address": "127.0.0.1:9"}) + "UPDATE settings SET submit_nexthop = 'out';"
            " UPDATE account SET submit = 1 WHERE address IN (%s);" % senders)
        for name in ["honest"] + [v.user.split("@")[0] for v in self.visits]:
            self.fill_mailbox(name)

    def listen(self):
        """A listener of each kind; what is played in segments of one octet is in clear."""
        sockets = [socket.socket() for _ in range(3)]
        for s, tls in zip(sockets, ("none", "stls", "tls")):
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
            row = {"address": "127.0.0.1", "port": port, "tls": tls, "channels": 2000}
            if tls != "none":
                row.update(cert=self.pki.path("good.pem"), key=self.pki.path("good.key"))
                os.chmod(row["key"], 0o600)
            self.rig.sqlite(rigs.insert("listener", row))
            self.ports[tls] = port
        for s in sockets:
            s.close()
        self.ports["clear"] = self.ports["octets"] = self.ports["none"]

    def fill_mailbox(self, name):
        owner = pwd.getpwnam("_rpopm")
        path = os.path.join(self.rig.mail, "example.org", name)
        for part in ("", "new", "cur", "tmp"):
            os.makedirs(os.path.join(path, part), exist_ok=True)
        for n, body in enumerate(BODIES, 1):
            with open(os.path.join(path, "new", "%d.M%d.rig" % (n, n)), "wb") as f:
                f.write(body.replace(b"\r\n", b"\n"))
        for top, _, files in os.walk(path):
            for each in [top] + [os.path.join(top, f) for f in files]:
                os.chown(each, owner.pw_uid, owner.pw_gid)

    def check(self, truth, text, *args):
        if not truth:
            self.problems.append(text % args if args else text)

    def who(self):
        return json.loads(self.rig.ctl("-j", "who").log)["sessions"]

    # --- the honest client ---
    def honest_visit(self, port):
        """Somebody logs in and retrieves his mail."""
        with self.one_honest:
            self.honest_session(port)

    def honest_session(self, port):
        c = Client(port, "127.0.0.9", self.context)
        assert c.line().startswith("+OK"), "no greeting for the honest client"
        for command, answer in (("USER honest", "+OK send PASS"), ("PASS " + SECRET, "+OK 3 messages"), ("STAT", "+OK 3 ")):
            heard = c.ask(command)
            assert heard is not None and heard.startswith(answer), "the honest client hears %r" % heard
        for n, body in enumerate(BODIES, 1):
            assert c.ask("RETR %d" % n) == "+OK %d octets" % len(body)
            assert "\r\n".join(c.listed() + [""]) == body.decode("latin-1"), "the honest client's message %d" % n
        assert c.ask("QUIT") == "+OK bye"
        c.close()

    def honest(self):
        while not self.over.is_set():
            try:
                self.honest_visit(self.ports["none"])
                self.honest_visits += 1
            except (AssertionError, OSError) as e:
                self.problems.append("the honest client: %s %s" % (type(e).__name__, e))
                return
            self.over.wait(0.05)

    # --- the daemon ---
    def measure(self):
        """{role: (descriptors, kB resident)} of the processes that stay, when there is no session.  A template that has forked very
        often is replaced, which is no death: the log has those."""
        def quiet():
            found = self.daemon.processes()
            return not self.who() and not any(found[r] for r in FORKED) and all(found[r] for r in STAY) and found
        processes, found = rigs.wait_for(quiet, "the end of every session"), {}
        for role in STAY:
            pid = processes[role][-1]
            resident = re.search(r"^VmRSS:\s+(\d+)", rigs.read_proc(pid, "status"), re.M)
            found[role] = len(os.listdir("/proc/%d/fd" % pid)), int(resident[1])
        return found

    def measure_again(self, before):
        """Likewise, when templates that were replaced have gone, and whoever asked the daemon for something, with their descriptors."""
        def back():
            if len(self.daemon.processes()["mailbox"]) > 1:
                self.honest_visit(self.ports["none"])		# the next login lets the old one go
            found = self.measure()
            return all(found[role][0] <= before[role][0] for role in STAY) and found
        try:
            return rigs.wait_for(back, "as many descriptors as before")
        except AssertionError:
            return self.measure()

    def phase(self, visits):
        """These misbehaviours, some of them at a time."""
        todo = queue.SimpleQueue()
        for v in visits:
            todo.put(v)

        def work():
            while True:
                try:
                    todo.get_nowait().play()
                except queue.Empty:
                    return
        workers = [threading.Thread(target=work, daemon=True) for _ in range(WORKERS)]
        for w in workers:
            w.start()
        for w in workers:
            w.join()

    def play(self):
        self.daemon = self.rig.start()
        rigs.wait_for(lambda: all(x in self.daemon.log() for x in ("popd ready", "mailbox ready", "auth ready")), "the processes")
        for port in (self.ports["none"],) * 20:
            self.honest_visit(port)
        before = self.measure()
        beside = threading.Thread(target=self.honest, daemon=True)
        beside.start()
        # The slowest, whose names begin so, come first, and those that hold up others of their kind when all others are done.
        self.visits.sort(key=lambda v: not v.case.name.startswith("c"))
        for late in (False, True):
            self.phase([v for v in self.visits if v.case.late == late])
        self.over.set()
        beside.join()
        self.honest_visit(self.ports["none"])
        after = self.measure_again(before)
        self.check(self.honest_visits > 0, "the honest client was never served")
        for role in STAY:
            descriptors, resident = (after[role][i] - before[role][i] for i in (0, 1))
            self.check(descriptors <= 0, "%s has %d descriptors, before %d", role, after[role][0], before[role][0])
            self.check(resident <= GROWTH, "%s has %d kB, before %d", role, after[role][1], before[role][1])
        self.check(self.daemon.stop() == 0, "exit status")
        self.sound(self.daemon.log())
        for v in self.visits:
            v.judge()

    def sound(self, log):
        for line in log.split("\n"):
            self.check(not re.search(TROUBLE, line), "in the log: %s", line)
            self.check(not re.search(RAW, line), "raw octets in the log: %r", line)
        leak = sniff.leaks(log.encode(), [MARK])
        self.check(not leak, "a password is in the log, as %r", leak)

    def run(self):
        try:
            self.play()
        finally:
            self.over.set()
            self.log = self.rig.log()
            self.rig.close()


def run(pki, cases, mode):
    """A finished Siege."""
    siege = Siege(pki, cases, mode)
    siege.run()
    return siege
