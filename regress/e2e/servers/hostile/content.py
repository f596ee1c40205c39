# SPDX-License-Identifier: ISC
"""Messages that are not what they should be, or end where they should not, or never."""
from servers.behaviours import Appends, Endless, RefuseRetr, StaleRetr
from servers.pop3 import Behaviour, Close, stuffed

from . import ALL, LF, add
from .cuts import lockstep

HEAD = b"+OK" + LF + b"Subject: s" + LF + LF


class EndlessMessage(Behaviour):
    """The third message goes on and on, then the connection ends."""

    def __init__(self, first, repeat):
        super().__init__()
        self.endless = Endless("retr", b"+OK" + LF + first, repeat, limit=20_000_000)

    def cmd_retr(self, s, arg):
        if arg != b"3":
            return super().cmd_retr(s, arg)
        self.endless.wire(s, "retr", b"")


class FalseEnd(Behaviour):
    """Message 3 ends in what is no end; then silence, or the connection ends."""

    def __init__(self, end, close):
        super().__init__()
        self.end, self.close = end, close

    def cmd_retr(self, s, arg):
        if arg != b"3":
            return super().cmd_retr(s, arg)
        s.send(HEAD + b"text" + self.end)
        if not self.close:
            s.gone()
        raise Close


class Stray(Behaviour):
    """The octets given come behind the end of message 2."""

    def __init__(self, data):
        super().__init__()
        self.data = data

    def cmd_retr(self, s, arg):
        super().cmd_retr(s, arg)
        if arg == b"2":
            s.send(self.data)


class Swapped(Behaviour):
    """RETR 2 is answered with message 3, and 3 with 2: only the octets can tell."""

    def body(self, s, n):
        return super().body(s, {2: 3, 3: 2}.get(n, n))


class Octets(Behaviour):
    """+OK with a number of octets that is a lie."""

    def __init__(self, text):
        super().__init__()
        self.text = text

    def cmd_retr(self, s, arg):
        self.wire(s, "retr", b"+OK " + self.text + LF + stuffed(self.body(s, int(arg))))


IDLE = "^RETR: .*no answer for"
for name, end in {"lf-dot-lf": b"\n.\n", "lf-dot-crlf": b"\n.\r\n", "crlf-dot-lf": b"\r\n.\n", "cr-dot-cr": b"\r.\r",
    "dot-cr": b"\r\n.\r", "dot-only": b"\r\n.", "dot-blank": b"\r\n. \r\n", "dot-dot": b"\r\n..\r\n", "nul-dot": b"\0.\0",
    "text-dot": b"text.\r\n"}.items():
    add("end-" + name, lambda end=end: FalseEnd(end, False), "R2", IDLE, got=ALL[:2])
    add("end-%s-cut" % name, lambda end=end: FalseEnd(end, True), "R2", "^RETR: .*(closed|lost)", got=ALL[:2])

add("message-endless-line", lambda: EndlessMessage(HEAD, b"x"), "R2", "^RETR: ", got=ALL[:2])
add("message-endless-lines", lambda: EndlessMessage(HEAD, b"x" * 70 + LF), "R2", "^RETR: ", got=ALL[:2])
add("message-endless-header", lambda: EndlessMessage(b"", b"X-Header: y" + LF), "R2", "^RETR: ", got=ALL[:2])
add("message-endless-field", lambda: EndlessMessage(b"Subject: s" + LF, b" folded" + LF), "R2", "^RETR: ", got=ALL[:2])
add("message-endless-dots", lambda: EndlessMessage(HEAD, b".." + LF), "R2", "^RETR: ", got=ALL[:2])
add("message-endless-nul", lambda: EndlessMessage(HEAD, b"\0"), "R2", "^RETR: ", got=ALL[:2])

add("retr-refused", lambda: RefuseRetr(1, 3, 5), "OK", got=["h1", "h3"])
add("retr-all-refused", lambda: RefuseRetr(1, 2, 3, 4, 5), "OK", got=[])
for name, text in {"zero": b"0 octets", "huge": b"99999999999999999999 octets", "negative": b"-1 octets",
    "format": b"%d%n octets"}.items():
    add("retr-octets-" + name, lambda text=text: Octets(text), "OK")
add("retr-swapped", Swapped, "OK")
add("retr-stale-line", lambda: lockstep(Appends("retr", b"+OK extra" + LF)), "R2", "not given|neither")
add("retr-stale-err", lambda: lockstep(Appends("retr", b"-ERR extra" + LF)), "R2", "not given|neither")
add("retr-stale-dot", lambda: lockstep(Appends("retr", b"." + LF)), "R2", "not given|neither")
add("retr-stale-pipelined", lambda: Appends("retr", b"stray" + LF), "R2", "not given|neither")
# Nothing is deleted in a session whose answers do not prove to be in step.
add("retr-stale-answer", lambda: lockstep(StaleRetr()), "R2", "not given|neither|out of step", extra=True, never=("dele",))
add("retr-out-of-step", StaleRetr, "R2", "not given|neither|out of step", extra=True, never=("dele",))
add("retr-stray-garbage", lambda: Stray(b"\xff\xff\xff" + LF), "R2", "not given|neither", got=None)
add("retr-stray-crlf", lambda: Stray(LF), "R2", "not given|neither", got=None)
