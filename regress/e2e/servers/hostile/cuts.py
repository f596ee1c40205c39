# SPDX-License-Identifier: ISC
"""The connection ends: at each protocol point, by FIN, RST or close_notify, in the middle of a line and between lines."""
import ssl

from servers.behaviours import Cut
from servers.pop3 import Close

from . import ALL, add

TLS = ("stls", "pop3s")
CLOSED = "closed the connection|connection lost|connection was lost|[Rr]eset by peer"


class Notify(Cut):
    """Ends as Cut does, but as TLS should be ended: with close_notify."""

    def wire(self, s, point, data):
        try:
            super().wire(s, point, data)
        except Close:
            if s.tls:
                s.sock.settimeout(2)
                try:
                    s.sock.unwrap()
                except (OSError, ssl.SSLError):
                    pass
            raise


class HandshakeCut(Cut):
    """Goes away in the handshake, when so many octets of its first flight are out (STLS: and at once)."""

    def __init__(self, keep):
        super().__init__("handshake")
        self.keep = keep

    def hello(self, s):
        s.recv()
        s.send(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03"[:self.keep])
        raise Close


def lockstep(behaviour):
    """No pipelining: one command, one answer."""
    behaviour.capabilities = ["USER", "UIDL"]
    return behaviour


WHERE = {"none": 0, "half": 0.5, "two": 2, "status": 5, "no-lf": -1, "no-crlf": -2, "no-dot": -3, "no-end": -5}


def cut(point, where, outcome, words, got=None, nth=1, label=None, **more):
    add("cut-%s-%s" % (label or point, where), lambda: Cut(point, WHERE[where], nth=nth), outcome,
        "(%s).*(%s)" % (words, CLOSED), got=got, **more)


for where in ("none", "two", "no-lf"):
    cut("greeting", where, "R0", "^greeting: ")
for where in ("none", "two", "half", "no-dot", "no-lf"):
    cut("capa", where, "R0", "^CAPA: ", modes=("plain",))
    # Behind TLS the poll is made once more without the question.
    add("cut-capa-tls-%s" % where, lambda where=where: Cut("capa", WHERE[where]), "OK", modes=TLS)
for where in ("none", "two", "no-lf"):
    cut("stls", where, "R0", "^TLS: ", modes=("stls",))
for where in ("none", "half"):
    cut("user", where, "R1", "^login: ")
for where in ("none", "two", "no-lf"):
    cut("login", where, "R1", "^login: ")
for where in ("none", "two", "no-lf"):
    cut("stat", where, "R1", "^listing: ")
for where in ("none", "status", "half", "no-dot"):
    cut("list", where, "R1", "^listing: ")
for where in ("none", "status", "half", "no-dot", "no-crlf", "no-lf"):
    cut("uidl", where, "R1", "^listing: ")
for where in ("none", "two", "status", "half", "no-end", "no-dot", "no-crlf", "no-lf"):
    cut("retr", where, "R2", "^RETR: ", got=[])
    cut("retr", where, "R2", "^RETR: ", got=ALL[:3], nth=4, label="4th")
for where in ("none", "half", "no-dot", "no-lf"):
    add("cut-lockstep-%s" % where, lambda where=where: lockstep(Cut("retr", WHERE[where], nth=3)), "R2", "^RETR: ", got=ALL[:2])
cut("dele", "none", "R3", "^DELE: |^QUIT: ", leave=("OK", ""))
cut("dele", "two", "R3", "^DELE: |^QUIT: ", nth=3, leave=("OK", ""))
cut("dele", "no-lf", "R3", "^DELE: |^QUIT: ", nth=5, leave=("OK", ""))
cut("quit", "none", "R3", "^QUIT: ")
cut("quit", "two", "R3", "^QUIT: ")

for point, outcome, got, stage in [("greeting", "R0", None, "greeting|connect"), ("login", "R1", None, "login"),
    ("uidl", "R1", None, "listing"), ("retr", "R2", [], "RETR"), ("quit", "R3", None, "QUIT")]:
    add("reset-%s" % point, lambda point=point: Cut(point, 0.5, reset=True), outcome,
        "^(%s): .*(%s)" % (stage, CLOSED), got=got)
add("reset-dele", lambda: Cut("dele", 0, nth=2, reset=True), "R3", CLOSED, leave=("OK", ""))
for point, outcome, got, stage in [("login", "R1", None, "login"), ("uidl", "R1", None, "listing"), ("retr", "R2", [], "RETR"),
    ("quit", "R3", None, "QUIT")]:
    add("notify-%s" % point, lambda point=point: Notify(point, 0.5), outcome, "^%s: .*(%s)" % (stage, CLOSED), got=got, modes=TLS)
for keep in (0, 3, 11):
    add("cut-handshake-%d" % keep, lambda keep=keep: HandshakeCut(keep), "R0", "^TLS: ", modes=TLS)
