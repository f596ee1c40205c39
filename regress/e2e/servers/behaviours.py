# SPDX-License-Identifier: ISC
"""Named ways in which a POP3 server misbehaves, over pop3.Behaviour."""
import time

from servers.pop3 import Behaviour, Close, stuffed


class Cut(Behaviour):
    """The connection ends when keep octets (or that fraction) of the answer at point are out, at the nth such answer."""

    def __init__(self, point, keep=0, nth=1, reset=False):
        super().__init__()
        self.point, self.keep, self.nth, self.reset = point, keep, nth, reset
        self.met = 0

    def wire(self, s, point, data):
        if point == self.point:
            self.met += 1
            if self.met == self.nth:
                n = int(len(data) * self.keep) if isinstance(self.keep, float) else self.keep
                if n < 0:
                    n += len(data)
                s.send(data[:n])
                if self.reset:
                    s.reset()
                raise Close
        s.send(data)


class Stall(Cut):
    """As Cut, but the connection stays open and silent."""

    def wire(self, s, point, data):
        try:
            super().wire(s, point, data)
        except Close:
            s.gone()


class Drip(Behaviour):
    """One octet per segment, everywhere."""

    def wire(self, s, point, data):
        for i in range(len(data)):
            s.send(data[i:i + 1])


class SlowDrip(Behaviour):
    """One octet every 0.3 s in a message: never idle, never done."""

    def wire(self, s, point, data):
        if point != "retr":
            return s.send(data)
        end = time.monotonic() + self.shutdown_wait
        while time.monotonic() < end and not s.server.stopping:
            s.send(b"+" if data[:1] == b"+" else b"x")
            data = b"x"
            time.sleep(0.3)
        raise Close


class Says(Behaviour):
    """A fixed answer at one point, in place of the honest one; the session goes on."""

    def __init__(self, point, data, nth=None):
        super().__init__()
        self.point, self.data, self.nth, self.met = point, data, nth, 0

    def wire(self, s, point, data):
        if point == self.point:
            self.met += 1
            if self.nth in (None, self.met):
                data = self.data
        s.send(data)


class Appends(Says):
    """Octets nobody asked for, behind the honest answer at one point."""

    def wire(self, s, point, data):
        s.send(data + (self.data if point == self.point else b""))


class Endless(Behaviour):
    """At point, the same octets again and again until the client leaves, at most limit octets."""

    def __init__(self, point, first, repeat, limit=400_000_000):
        super().__init__()
        self.point, self.first, self.repeat, self.limit = point, first, repeat, limit
        self.sent = 0

    def wire(self, s, point, data):
        if point != self.point:
            return s.send(data)
        s.send(self.first)
        chunk = self.repeat * max(1, 65536 // len(self.repeat))
        while self.sent < self.limit and not s.server.stopping:
            s.send(chunk)
            self.sent += len(chunk)
        raise Close


class NoUidl(Behaviour):
    """No UIDL."""
    capabilities = ["TOP", "USER"]

    def cmd_uidl(self, s, arg):
        self.err(s, "uidl", b"unknown command")


class NoCapa(Behaviour):
    """No CAPA."""

    def cmd_capa(self, s, arg):
        self.err(s, "capa", b"unknown command")


class Listing(Behaviour):
    """UIDL lines made by a function of the honest ones."""

    def __init__(self, change):
        super().__init__()
        self.change = change

    def listing(self, s):
        return self.change(super().listing(s))


class Uids(Behaviour):
    """UIDs by number from a list; b'' stays empty."""

    def __init__(self, uids):
        super().__init__()
        self.uids = uids

    def uid(self, s, n):
        return self.uids[n - 1] if n <= len(self.uids) else super().uid(s, n)


class Stat(Behaviour):
    """A fixed text in answer to STAT."""

    def __init__(self, text):
        super().__init__()
        self.text = text

    def cmd_stat(self, s, arg):
        self.ok(s, "stat", self.text)


class Lists(Behaviour):
    """LIST lines made by a function of the honest ones."""

    def __init__(self, change):
        super().__init__()
        self.change = change

    def cmd_list(self, s, arg):
        if arg:
            return super().cmd_list(s, arg)
        self.lines(s, "list", self.change([b"%d %d" % (n, len(s.view[n - 1].data)) for n in s.numbers()]))


class RefuseRetr(Behaviour):
    """RETR of these numbers is refused."""

    def __init__(self, *numbers):
        super().__init__()
        self.numbers = [b"%d" % n for n in numbers]

    def cmd_retr(self, s, arg):
        if arg in self.numbers:
            return self.err(s, "retr", b"message vanished")
        super().cmd_retr(s, arg)


class RefuseDele(Behaviour):
    """DELE is refused."""

    def cmd_dele(self, s, arg):
        self.err(s, "dele", b"[PERM] deletion not allowed")


class IgnoreDele(Behaviour):
    """Confirms everything, deletes nothing."""

    def expunge(self, s):
        pass


class LoseAtQuit(Behaviour):
    """Deletes nothing and hangs up instead of answering QUIT."""

    def cmd_quit(self, s, arg):
        raise Close


class ExpungeThenLose(Behaviour):
    """Deletes, and hangs up instead of answering QUIT."""

    def cmd_quit(self, s, arg):
        self.expunge(s)
        raise Close


class QuitRefused(Behaviour):
    """Some messages not removed (RFC 1939, -ERR to QUIT)."""

    def cmd_quit(self, s, arg):
        self.err(s, "quit", b"some deleted messages not removed")
        raise Close


class ReuseUid(Behaviour):
    """After a confirmed deletion the first UID is given to the next message."""

    def uid(self, s, n):
        return b"uid-reused" if n == 1 else super().uid(s, n)


class RenumberOnDele(Behaviour):
    """Message numbers close up at once after DELE."""

    def view(self, s, messages):
        s.removed = []
        return list(messages)

    def cmd_dele(self, s, arg):
        if not s.valid(arg):
            return self.err(s, "dele")
        s.removed.append(s.view.pop(int(arg) - 1))
        self.ok(s, "dele")

    def expunge(self, s):
        with s.box.lock:
            s.box.messages[:] = [m for m in s.box.messages if not any(m is g for g in s.removed)]


class ShuffledUidl(Behaviour):
    """UIDL lines in reverse order."""

    def listing(self, s):
        return super().listing(s)[::-1]


class NewUids(Behaviour):
    """Different UIDs in every session."""

    def uid(self, s, n):
        return b"s%d-%d" % (s.number, n)


class StlsInject(Behaviour):
    """Octets in clear right behind the +OK to STLS, which a careless client takes for TLS ones."""

    def cmd_stls(self, s, arg):
        s.send(b"+OK begin\r\n+OK\r\n+OK injected\r\n")
        s.handshake()


class StlsRefused(Behaviour):
    """STLS is refused, or answered by something else."""

    def __init__(self, answer=b"-ERR not today\r\n"):
        super().__init__()
        self.answer = answer

    def cmd_stls(self, s, arg):
        s.send(self.answer)


class StlsNotOffered(StlsRefused):
    """STLS is neither offered nor taken."""

    def capa(self, s):
        return self.capabilities


class StlsThenClear(Behaviour):
    """+OK to STLS, then goes on in clear."""

    def cmd_stls(self, s, arg):
        s.send(b"+OK begin\r\n")
        s.recv()
        s.send(b"+OK still in clear\r\n")
        s.gone()


class Cert(Behaviour):
    """A certificate with a fault."""

    def __init__(self, cert):
        super().__init__()
        self.cert = cert


class EchoPassword(Behaviour):
    """Login refused, with the password and terminal control in the text."""

    def cmd_pass(self, s, arg):
        self.err(s, "login", b"[AUTH] \x1b[31mPASS " + arg + b" \x9b2J\x07 is wrong %s%n" + b"z" * 300)


class RefuseLogin(Behaviour):
    def cmd_pass(self, s, arg):
        self.err(s, "login", b"[AUTH] no")


class Apop(Behaviour):
    apop = True


class ApopBad(Apop):
    """A greeting whose challenge is not a strict msg-id."""

    def __init__(self, challenge):
        super().__init__()
        self.bad = challenge

    def greeting(self, s):
        return b"+OK " + self.bad + b"\r\n"


class PassWithoutLogin(Behaviour):
    """Answers USER +OK and skips PASS: claims to be logged in already."""

    def greeting(self, s):
        s.logged_in = True
        s.view = list(s.box.messages)
        return b"+OK PREAUTH already logged in\r\n"


class StaleRetr(Behaviour):
    """The answer to RETR n is followed by an extra, complete answer."""

    def cmd_retr(self, s, arg):
        super().cmd_retr(s, arg)
        s.send(b"+OK\r\n" + stuffed(b"Subject: extra\r\nX-Test-Id: extra\r\n\r\nnobody asked for this\r\n"))


class Segments(Behaviour):
    """The answers to RETR in segments of n octets."""

    def __init__(self, octets):
        super().__init__()
        self.octets = octets

    def wire(self, s, point, data):
        for i in range(0, len(data), self.octets):
            s.send(data[i:i + self.octets])
