# SPDX-License-Identifier: ISC
"""The login: refusals of all kinds, echoes of the secret, challenges that are none."""
from servers.behaviours import Apop, ApopBad, Appends, EchoPassword, PassWithoutLogin, Says
from servers.pop3 import Behaviour, Close

from . import LF, add
from .cuts import lockstep


class Refuses(Behaviour):
    """PASS is refused with this text."""

    def __init__(self, text):
        super().__init__()
        self.text = text

    def cmd_pass(self, s, arg):
        self.err(s, "login", self.text)


class RefusesUser(Behaviour):
    """USER is refused: no such mailbox.  The rest of the flight too."""

    def cmd_user(self, s, arg):
        self.err(s, "user", b"[AUTH] no mailbox here")

    def cmd_pass(self, s, arg):
        self.err(s, "login", b"USER first")


class EchoUser(Behaviour):
    """Shows what it was told, encoded in base64 and in hex, too."""

    def cmd_pass(self, s, arg):
        self.err(s, "login", b"user %s said %s twice: %s" % (s.user, arg, arg))


class LogsInAnyway(Behaviour):
    """-ERR to PASS, but the session is open."""

    def cmd_pass(self, s, arg):
        super().cmd_pass(s, arg)

    def ok(self, s, point, text=b""):
        if point == "login":
            return self.err(s, point, b"[AUTH] wrong password")
        super().ok(s, point, text)


class HandsOver(Behaviour):
    """After the login another program answers, and what had been read ahead is lost, PIPELINING or not (as with Courier)."""

    def login(self, s):
        s.buffer = b""
        s.sock.settimeout(0.3)
        try:
            s.recv()
        except Close:
            pass
        s.sock.settimeout(self.shutdown_wait)
        super().login(s)


class ApopRefused(Apop):
    """APOP is offered and refused: the password must not follow in clear."""

    def cmd_apop(self, s, arg):
        self.err(s, "login", b"[AUTH] digest wrong")


def refuses(name, text, words, **more):
    add("login-" + name, lambda: Refuses(text), "R1", "^login: .*" + words, **more)


def says(name, data, outcome="R1", words="^login: .*neither"):
    add("login-" + name, lambda: Says("login", data), outcome, words)


refuses("refused", b"[AUTH] no", "login refused")
refuses("refused-bare", b"", "login refused")
refuses("busy", b"[IN-USE] mailbox is locked", "mailbox is locked")
refuses("too-soon", b"[LOGIN-DELAY] minimum time between mail checks", "minimum time", patience=True)
refuses("sys-temp", b"[SYS/TEMP] backend away", "backend away")
refuses("sys-perm", b"[SYS/PERM] no backend", "no backend")
refuses("alert", b"ALERT: your mailbox moves next week", "your mailbox moves")
refuses("unknown-code", b"[X-WHAT/EVER/DEEPER] cannot", "login refused.*cannot")
refuses("open-bracket", b"[AUTH no end", "login refused")
refuses("long-text", b"[AUTH] " + b"y" * 900, "login refused")
refuses("formats", b"[AUTH] %s%s%n%x", "login refused.*%s")
refuses("binary", bytes(x for x in range(256) if x not in (10, 13)), "login refused")
add("login-user-refused", RefusesUser, "R1", "^login: .*no mailbox here")
add("login-echo", EchoPassword, "R1", "^login: .*is wrong")
add("login-echo-twice", EchoUser, "R1", "^login: .*said")
add("login-err-but-open", LogsInAnyway, "R1", "^login: .*wrong password")
says("garbage", b"OK maybe" + LF)
says("http", b"HTTP/1.1 200 OK" + LF)
says("challenge", b"+ Y2hhbGxlbmdl" + LF)
says("empty-line", LF)
says("glued", b"+OKwelcome" + LF)
says("lf", b"+OK\n", "OK", "")
says("long", b"+OK " + b"w" * 3000 + LF, "OK", "")
add("login-two", lambda: lockstep(Appends("login", b"+OK 0 0" + LF)), "R1", "not given")
add("login-stat-forged", lambda: Appends("login", b"+OK 0 0" + LF), "R1", "not given|neither|mailbox size")
add("login-hands-over", HandsOver, "OK")
add("login-preauth", PassWithoutLogin, "OK", modes=("plain", "pop3s"))

APOP = {"apop": 1}
for name, challenge in {"none": b"no brackets", "empty": b"<>", "no-at": b"<noat>", "two-at": b"<a@b@c>", "blank": b"<a b@c>",
    "two": b"<a@b> <c@d>", "eightbit": b"<\xff@b>", "open": b"<a@b", "control": b"<a\x01@b>", "long": b"<" + b"x" * 300 + b"@b>",
    "nested": b"<<a@b>>", "nul": b"<a\0@b>", "no-left": b"<@b>", "no-right": b"<a@>"}.items():
    add("apop-" + name, lambda challenge=challenge: ApopBad(challenge), "OK", columns=APOP, never=("apop",))
add("apop-refused", ApopRefused, "R1", "^login: .*digest wrong", columns=APOP, modes=("plain", "pop3s"),
    never=("user", "pass", "auth"))
# RFC 2595, section 4: what came in clear is not the server's word
add("apop-before-stls", ApopRefused, "OK", columns=APOP, modes=("stls",), never=("apop",))
