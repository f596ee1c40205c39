# SPDX-License-Identifier: ISC
"""The server falls silent, or all but silent: every wait has its clocks."""
import ssl
import time

from servers.behaviours import SlowDrip, Stall
from servers.pop3 import Behaviour, Close

from . import ALL, add

IDLE = "no (answer|greeting) for"
SLOW = "took too long|less than [0-9]+ octets"


class HandshakeStall(Behaviour):
    """Never answers the ClientHello."""

    def hello(self, s):
        s.gone()


class HandshakeDrip(Behaviour):
    """The first flight of TLS, an octet at a time: always something, never enough."""

    def context(self, s, context):
        heard, said = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(heard, said, server_side=True)
        while said.pending == 0:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                if said.pending == 0:
                    heard.write(s.recv())
        end = time.monotonic() + self.shutdown_wait
        for octet in said.read():
            if time.monotonic() > end or s.server.stopping:
                break
            s.send(bytes([octet]))
            time.sleep(0.3)
        raise Close


class Trickle(SlowDrip):
    """One octet every 0.3 s, in the answer at point."""

    def __init__(self, point, first, octet):
        super().__init__()
        self.point, self.first, self.octet = point, first, octet

    def wire(self, s, point, data):
        if point != self.point:
            return s.send(data)
        s.send(self.first)
        super().wire(s, "retr", self.octet)


def stall(name, point, keep, outcome, stage, nth=1, **more):
    add("stall-" + name, lambda: Stall(point, keep, nth=nth), outcome, "^(%s): .*%s" % (stage, IDLE), **more)


stall("greeting", "greeting", 0, "R0", "greeting")
stall("greeting-half", "greeting", 3, "R0", "greeting")
stall("capa", "capa", 0, "R0", "CAPA", modes=("plain",))
stall("capa-half", "capa", 0.5, "R0", "CAPA", modes=("plain",))
for keep, name in ((0, "capa"), (0.5, "capa-half")):	# and once more without the question
    add("stall-%s-tls" % name, lambda keep=keep: Stall("capa", keep), "OK", modes=("stls", "pop3s"))
stall("stls", "stls", 0, "R0", "TLS", modes=("stls",))
stall("user", "user", 0, "R1", "login")
stall("login", "login", 0, "R1", "login")
stall("login-half", "login", 4, "R1", "login")
stall("stat", "stat", 0, "R1", "listing")
stall("list", "list", 0.5, "R1", "listing")
stall("uidl", "uidl", 0, "R1", "listing")
stall("uidl-half", "uidl", 0.5, "R1", "listing")
stall("uidl-end", "uidl", -3, "R1", "listing")
stall("retr", "retr", 0, "R2", "RETR", got=[])
stall("retr-half", "retr", 0.5, "R2", "RETR", nth=3, got=ALL[:2])
stall("retr-end", "retr", -3, "R2", "RETR", nth=5, got=ALL[:4])
stall("dele", "dele", 0, "R3", "DELE|QUIT", leave=("OK", ""))
stall("dele-later", "dele", 2, "R3", "DELE|QUIT", nth=3, leave=("OK", ""))
stall("quit", "quit", 0, "R3", "QUIT")
stall("quit-half", "quit", 2, "R3", "QUIT")
add("stall-handshake", HandshakeStall, "R0", "^TLS: .*" + IDLE, modes=("stls", "pop3s"))

add("drip-greeting", lambda: Trickle("greeting", b"+OK ", b"x"), "R0", SLOW, slow=True)
add("drip-capa", lambda: Trickle("capa", b"+OK\r\n", b"x"), "R0", SLOW, slow=True, modes=("plain",))
add("drip-capa-tls", lambda: Trickle("capa", b"+OK\r\n", b"x"), "OK", slow=True, modes=("stls", "pop3s"))
add("drip-login", lambda: Trickle("login", b"+OK ", b"x"), "R1", SLOW, slow=True)
add("drip-uidl", lambda: Trickle("uidl", b"+OK\r\n1 ", b"x"), "R1", SLOW, slow=True)
add("drip-message", SlowDrip, "R2", SLOW, got=[], slow=True)
add("drip-handshake", HandshakeDrip, "R0", "^TLS: .*(%s|%s)" % (IDLE, SLOW), modes=("stls", "pop3s"), slow=True)
