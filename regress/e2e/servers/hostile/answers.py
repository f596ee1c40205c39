# SPDX-License-Identifier: ISC
"""Greeting, CAPA and answers in general: garbage, floods, answers nobody asked for."""
from servers.behaviours import Appends, Drip, Endless, NoCapa, Says, Segments
from servers.pop3 import Behaviour

from . import ALL, COUNT, LF, add
from .cuts import lockstep

NEITHER = "neither"
ENDLESS = "does not end"
UNASKED = "a command that was not given"


class Early(Behaviour):
    """The answer to each command is sent before the command."""

    def greeting(self, s):
        return b"+OK ready" + LF + b"+OK" + LF + b"USER" + LF + b"." + LF + b"+OK" + LF + b"+OK" + LF + b"%d 100" % COUNT + LF

    def wire(self, s, point, data):
        if point == "greeting":
            s.send(data)


class Late(Behaviour):
    """Each answer is held back until the next command has come: one behind for ever."""
    capabilities = ["USER", "UIDL", "PIPELINING"]

    def wire(self, s, point, data):
        if point in ("greeting", "handshake", "capa", "stls"):
            return s.send(data)
        held, s.held = getattr(s, "held", None), data
        if held is not None:
            s.send(held)
        if point == "quit":
            s.send(data)


class Split(Behaviour):
    """CR and LF in different segments, everywhere."""

    def wire(self, s, point, data):
        for i, part in enumerate(data.split(b"\r")):
            s.send((b"\r" if i else b"") + part[:1])
            s.send(part[1:])


class LineFeeds(Behaviour):
    """Line ends are LF alone wherever no message goes over the wire."""

    def wire(self, s, point, data):
        s.send(data if point == "retr" else data.replace(b"\r\n", b"\n"))


class Shouts(Behaviour):
    """Texts behind each indicator: controls, formats, 8-bit."""

    def ok(self, s, point, text=b""):
        super().ok(s, point, text if point in ("stat", "uidl1", "list1") else b"\x1b[31m%s%n \xff\xfe\x9b2J " + text)


class Lower(Behaviour):
    """Indicators in lower case, which are none (RFC 1939, section 3)."""

    def wire(self, s, point, data):
        s.send(data.replace(b"+OK", b"+ok", 1))


def says(name, point, data, outcome, words="", nth=None, **more):
    add(name, lambda: Says(point, data, nth), outcome, words, **more)


says("greeting-err", "greeting", b"-ERR go away" + LF, "R0", "^greeting: .*takes no connection.*go away")
says("greeting-busy", "greeting", b"-ERR [SYS/TEMP] too many connections" + LF, "R0", "^greeting: .*too many connections")
says("greeting-smtp", "greeting", b"220 smtp.example ESMTP" + LF, "R0", "^greeting: .*" + NEITHER)
says("greeting-imap", "greeting", b"* OK IMAP4rev1 ready" + LF, "R0", "^greeting: .*" + NEITHER)
says("greeting-http", "greeting", b"HTTP/1.1 400 Bad Request" + LF + LF + b"<html>" + LF, "R0", "^greeting: .*" + NEITHER)
says("greeting-binary", "greeting", bytes(range(256)) + LF, "R0", "^greeting: .*" + NEITHER)
says("greeting-empty-line", "greeting", LF, "R0", "^greeting: .*" + NEITHER)
says("greeting-glued", "greeting", b"+OKAY ready" + LF, "R0", "^greeting: .*" + NEITHER)
says("greeting-nul", "greeting", b"+OK \0\0ready\0" + LF, "OK")
says("greeting-two", "greeting", b"+OK one" + LF + b"+OK two" + LF, "R1", UNASKED + "|neither|does not end|no answer|mailbox size")
add("greeting-endless", lambda: Endless("greeting", b"+OK ", b"x", limit=20_000_000), "R0", "^greeting: .*" + ENDLESS)
add("greeting-flood", lambda: Appends("greeting", (b"+OK flood" + LF) * 1000), "R0", UNASKED + "|does not end")
add("greeting-without-blanks", lambda: Says("greeting", b"+OK" + LF), "OK")

add("capa-refused", NoCapa, "OK", modes=("plain", "pop3s"))
add("capa-refused-stls", NoCapa, "OK", modes=("stls",))
says("capa-garbage-status", "capa", b"CAPA?" + LF, "R0", "^CAPA: .*" + NEITHER)
says("capa-empty", "capa", b"+OK" + LF + b"." + LF, "OK")
says("capa-garbage", "capa", b"+OK" + LF + b"\xff\0\x01 UIDL" + LF + LF + b"PIPELINING PIPELINING" + LF + b"." + LF, "OK")
says("capa-case", "capa", b"+OK" + LF + b"pIpElInInG" + LF + b"uidl" + LF + b"stls" + LF + b"." + LF, "OK")
says("capa-no-list", "capa", b"+OK nothing follows" + LF, "R0", "^CAPA: .*no answer for", modes=("plain",))
says("capa-no-list-tls", "capa", b"+OK nothing follows" + LF, "OK", modes=("stls", "pop3s"))
says("capa-long-line", "capa", b"+OK" + LF + b"X" * 5000 + LF + b"." + LF, "OK")
says("capa-lies", "capa", b"+OK" + LF + b"USER" + LF + b"UIDL" + LF + b"PIPELINING" + LF + b"TOP" + LF +
    b"SASL" + LF + b"SASL X-NONE" + LF + b"LOGIN-DELAY -5" + LF + b"EXPIRE 99999999999999999999" + LF +
    b"STLS" + LF + b"." + LF, "OK")
says("capa-numbers", "capa", b"+OK" + LF + b"LOGIN-DELAY" + LF + b"LOGIN-DELAY 99999999999999999999" + LF + b"EXPIRE" + LF +
    b"EXPIRE 0x10 USER" + LF + b"UIDL" + LF + b"." + LF, "OK")
add("capa-endless", lambda: Endless("capa", b"+OK" + LF, b"X-CAPABILITY nonsense" + LF, limit=20_000_000), "R0",
    "^CAPA: .*does not end")
add("capa-endless-line", lambda: Endless("capa", b"+OK" + LF, b"X", limit=20_000_000), "R0", "^CAPA: .*" + ENDLESS)
add("capa-flood", lambda: lockstep(Appends("capa", b"+OK flood" + LF)), "R1", UNASKED + "|mailbox size")

# octet by octet they may come late enough to count: then it goes on until one is not what it should be
add("early", Early, "R1", UNASKED + "|neither|mailbox size|no answer")
add("late", Late, "R2", "neither|no answer|mailbox size|not given", modes=("plain", "pop3s"), extra=True)
add("lower-case", Lower, "R0", NEITHER)
add("shouts", Shouts, "OK")
add("line-feeds", LineFeeds, "OK")
add("split-line-ends", Split, "OK")
add("drip", Drip, "OK")
add("segments-7", lambda: Segments(7), "OK")
add("segments-1460", lambda: Segments(1460), "OK")
add("lockstep", lambda: lockstep(Behaviour()), "OK")

says("user-garbage", "user", b"331 password please" + LF, "R1", "^login: .*" + NEITHER)
says("user-two", "user", b"+OK" + LF + b"+OK" + LF, "R1", "neither|mailbox size|not given", extra=True)
says("retr-garbage", "retr", b"\x16\x03\x01 what" + LF, "R2", "^RETR: .*" + NEITHER, nth=3, got=ALL[:2])
says("retr-no-status", "retr", b"Subject: no status line" + LF + LF + b"text" + LF + b"." + LF, "R2",
    "^RETR: .*" + NEITHER, nth=2, got=ALL[:1])
says("retr-continuation", "retr", b"+ go on" + LF, "R2", "^RETR: .*" + NEITHER, nth=1, got=[])
says("retr-empty-line", "retr", LF, "R2", "^RETR: .*" + NEITHER, nth=2, got=ALL[:1])
add("retr-status-endless", lambda: Endless("retr", b"+OK ", b"y", limit=20_000_000), "R2", "^RETR: .*" + ENDLESS, got=[])
says("dele-garbage", "dele", b"maybe" + LF, "R3", NEITHER, leave=("OK", ""))
says("dele-endless", "dele", b"+OK " + b"z" * 5000 + LF, "OK")
says("quit-garbage", "quit", b"\xff\xfe" + LF, "R3", NEITHER)
says("quit-two", "quit", b"+OK" + LF + b"+OK" + LF, "R3", None)
says("quit-long", "quit", b"+OK " + b"z" * 5000 + LF, "OK")
