# SPDX-License-Identifier: ISC
"""DELE without a QUIT in all ways, and sessions that delete the same messages side by side."""
from . import ALL, BAD, CLEAR, END, ERR, LISTED, LONG, MANY, NUL, OK, SECURE, add

MARKED = [("DELE 1", OK), ("DELE 2", OK), ("DELE 3", OK), ("STAT", r"\+OK 0 0")]


def marked(name, steps, **more):
    add("deletion-" + name, MARKED + steps, start="in", **more)


marked("hung-up", [], ends=True)
marked("noop", [("NOOP", OK)])
marked("quit-without-end", [(b"QUIT", None)], ends=True)
marked("quit-cr", [(b"QUIT\r", None)], ends=True)
marked("qui", [("QUI", BAD)])
marked("quit-argument", [("QUIT now", BAD)])
marked("quit-blank-ahead", [(" QUIT", BAD)])
marked("quit-nul", [(b"QUIT\0\r\n", NUL)])
marked("quit-nul-within", [(b"QU\0IT\r\n", NUL)])
marked("quit-behind-a-long-line", [(b"x" * 400 + b"QUIT\r\n", LONG)])
marked("quit-behind-cr", [(b"NOOP\rQUIT\r\n", BAD)])
marked("quit-in-an-argument", [("NOOP QUIT", BAD)])
marked("quit-tab", [("QUIT\t", BAD)])
marked("quit-8-bit", [(b"\xd1UIT\r\n", BAD)])
marked("rset", [("RSET", OK), ("STAT", r"\+OK 3 .*"), ("QUIT", OK), (b"", END)], ends=True)
marked("rset-pipelined", [(b"RSET\r\nQUIT\r\n", [OK, OK]), (b"", END)], ends=True)
marked("abuse", [(b"nonsense\r\n" * 20, [BAD] * 19 + [MANY]), (b"", END)], ends=True)
marked("login-again", [("USER {user}", BAD), ("PASS {secret}", BAD)])
marked("all-kinds-of-nonsense", [("DELE 0", ERR), ("DELE 4", ERR), ("DELE 1", ERR), ("DELE -1", ERR), ("DELE *", ERR)])
marked("quit", [("QUIT", OK), (b"", END)], ends=True, left=frozenset())
marked("quit-lf", [(b"QUIT\n", OK), (b"", END)], ends=True, left=frozenset())
marked("quit-twice", [(b"QUIT\r\nQUIT\r\n", OK), (b"", END)], ends=True, left=frozenset())
add("deletion-of-one", [("DELE 2", OK), ("DELE 2", ERR), ("QUIT", OK), (b"", END)], start="in", ends=True, left=ALL - {2})
add("deletion-by-top", [("TOP 1 0", LISTED + OK), ("RETR 2", LISTED + OK), ("QUIT", OK), (b"", END)], start="in", ends=True)
add("deletion-ahead-of-the-login", [("DELE 1", BAD), ("USER {user}", OK), ("PASS {secret}", OK), ("QUIT", OK), (b"", END)], ends=True)
add("deletion-pipelined-with-the-login", [(b"DELE 1\r\nUSER {user}\r\nPASS {secret}\r\nDELE 2\r\nQUIT\r\n", [BAD, OK, OK, OK, OK]), (b"", END)],
    ends=True, left=ALL - {2})
add("deletion-back-and-forth", [("DELE 1", OK), ("RSET", OK)] * 200 + [("DELE 3", OK), ("QUIT", OK), (b"", END)],
    start="in", ends=True, left=ALL - {3})


def mark(c):
    for i in ALL:
        c.expect("DELE %d" % i, OK)


def reset(v):
    mark(v.client)
    v.client.reset()


def half_closed(v):
    """The client says that it will say no more: everything asked for is answered, and nothing is deleted."""
    mark(v.client)
    v.client.send(b"NOOP\r\nLIST\r\n")
    v.client.finish_sending()
    v.client.expect(b"", OK)
    v.client.expect(b"", LISTED + OK)
    v.client.expect(b"", END)


def half_closed_quit(v):
    mark(v.client)
    v.client.send(b"QUIT\r\n")
    v.client.finish_sending()
    v.client.expect(b"", OK)
    v.client.expect(b"", END)


def half_closed_below_tls(v):
    """Without the alert that ends TLS somebody may have cut the connection."""
    mark(v.client)
    v.client.finish_sending()
    v.client.rest()


def rubbish_in_tls(v):
    """Octets that are no record, in the middle of a session: whoever can write into the connection deletes nothing."""
    mark(v.client)
    v.below_tls(b"QUIT\r\n" * 100)
    v.client.rest()


def hung_up_behind_retr(v):
    v.client.expect("DELE 1", OK)
    v.client.send(b"RETR 3\r\n" * 50)
    v.client.line()
    v.client.reset()


def together(v):
    """Three sessions delete everything at the same time; each message is gone once, and nobody fails."""
    others = [v.connect(start="in") for _ in range(2)]
    for c in [v.client] + others:
        mark(c)
    for c in [v.client] + others:
        c.send(b"QUIT\r\n")
    for c in [v.client] + others:
        c.expect(b"", OK)
        c.expect(b"", END)


def one_behind_the_other(v):
    """One session deletes what another one lists: that hears so, and deletes what is there still."""
    other = v.connect(start="in")
    other.expect("DELE 1", OK)
    other.expect("QUIT", OK)
    other.expect(b"", END)
    v.client.expect("LIST 1", OK)
    v.client.expect("RETR 1", r"-ERR message 1 is gone")
    v.client.expect("TOP 1 0", r"-ERR message 1 is gone")
    v.client.expect("RETR 2", LISTED + OK)
    v.client.expect("DELE 1", OK)
    v.client.expect("DELE 2", OK)
    v.client.expect("QUIT", OK)
    v.client.expect(b"", END)


def one_quits_one_does_not(v):
    other = v.connect(start="in")
    mark(other)
    v.client.expect("DELE 3", OK)
    v.client.expect("QUIT", OK)
    other.reset()


add("deletion-reset", reset, start="in", ends=True)
add("deletion-half-closed", half_closed, start="in", ends=True, modes=CLEAR)
add("deletion-half-closed-quit", half_closed_quit, start="in", ends=True, left=frozenset(), modes=CLEAR)
add("deletion-half-closed-below-tls", half_closed_below_tls, start="in", ends=True, modes=SECURE)
add("deletion-rubbish-in-tls", rubbish_in_tls, start="in", ends=True, modes=SECURE)
add("deletion-hung-up-behind-retr", hung_up_behind_retr, start="in", ends=True)
add("deletion-together", together, start="in", ends=True, left=frozenset())
add("deletion-one-behind-the-other", one_behind_the_other, start="in", ends=True, left=ALL - {1, 2})
add("deletion-one-quits-one-does-not", one_quits_one_does_not, start="in", ends=True, left=ALL - {3})
