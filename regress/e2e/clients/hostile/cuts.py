# SPDX-License-Identifier: ISC
"""A session that ends at each of its octets, of the client's and of the daemon's, broken or closed."""
from lib import rig as rigs

from . import OK, WHOLE, add

SCRIPT = b"USER {user}\r\nPASS {secret}\r\nLIST\r\nUIDL\r\nRETR 1\r\nDELE 1\r\nDELE 2\r\nQUI"
ANSWERS = 260		# octets of the daemon's to hang up at, behind the greeting
STRIDE = 7 if rigs.SANITIZED else 1	# octets of the client's from one end to the next
STEP = 5		# of these; the misbehaviours begin at different ones


def said(v, reset):
    """The client says no more behind each octet of its own."""
    script = v.fill(SCRIPT)
    v.client.close()
    for n in range(0, len(script) + 1, STRIDE):
        c = v.connect(source=n)
        c.send(script[:n])
        (c.reset if reset else c.close)()


def heard(v, reset):
    """The client is gone behind so many octets of the answers."""
    script = v.fill(SCRIPT) + b"\r\n"
    v.client.close()
    for n in range(v.number % STEP, ANSWERS, STEP * STRIDE):
        c = v.connect(source=n)
        c.send(script)
        for _ in range(n):
            assert c.octet() is not None, "the end behind fewer than %d octets" % n
        (c.reset if reset else c.close)()


def half_said(v):
    """The client closes its half behind each octet, and hears everything that it is owed."""
    script = v.fill(b"CAPA\r\nUSER {user}\r\nPASS {secret}\r\nRETR 1\r\nDELE 1\r\nQUI")
    v.client.close()
    for n in range(0, len(script) + 1, 2 * STRIDE):
        c = v.connect(source=n)
        c.send(script[:n])
        c.finish_sending()
        heard = c.rest()
        assert n < 6 or heard.startswith(b"+OK"), heard[:100]


add("cut-said-closed", lambda v: said(v, False), ends=True, modes=WHOLE)
add("cut-said-reset", lambda v: said(v, True), ends=True, modes=WHOLE)
add("cut-heard-closed", lambda v: heard(v, False), ends=True, modes=WHOLE)
add("cut-heard-reset", lambda v: heard(v, True), ends=True, modes=WHOLE)
add("cut-half-said", half_said, ends=True, modes=("clear",))
add("cut-in-list", [("LIST", OK)], start="in", ends=True)
add("cut-in-uidl", [("UIDL", OK)], start="in", ends=True)
add("cut-in-retr", [("RETR 3", OK)], start="in", ends=True)
add("cut-in-capa", [("CAPA", OK)], ends=True)
add("cut-in-quit", [("QUIT", None)], start="in", ends=True)
