# SPDX-License-Identifier: ISC
"""Very much at once: commands ahead of their answers, answers that nobody reads, and readers that take their time."""
from . import END, LISTED, OK, WHOLE, add

LIMIT = 64 << 20		# octets that a daemon which buffers without bound would have taken by then


def pipelined(name, command, answer, count, start="in"):
    add("flood-" + name, [((command.encode() + b"\r\n") * count, [answer] * count)], start=start, modes=WHOLE)


def unread(name, command, start="in"):
    """Nothing of the answers is read: the daemon stops to read, too, and keeps what fits into its buffers."""
    def play(v):
        sent = v.client.pour(v.fill(command) * 200, LIMIT)
        assert sent < LIMIT, "%d octets went out, and no answer was read" % sent
        v.other_is_served()
        v.client.reset()
    add("flood-unread-" + name, play, start=start, ends=True, modes=WHOLE)


def slow_reader(v):
    """An octet at a time is read of what was asked for at once; everything comes, in order."""
    v.client.send(b"RETR 1\r\nUIDL 1\r\nRETR 1\r\nLIST 1\r\n")
    sent = bytearray()
    while not sent.endswith(b"+OK 1 %d\r\n" % v.size(1)):
        octet = v.client.sock.recv(1)
        assert octet, "the end behind %r" % bytes(sent[-60:])
        sent += octet
    assert sent.count(b"\r\n.\r\n") == 2 and b"+OK 1 1.M1.rig\r\n" in sent, bytes(sent)


def drained_later(v):
    """What was asked for without reading is all there when the client reads at last."""
    count = 300
    v.client.send(b"RETR 2\r\n" * count)
    for _ in range(count):
        v.client.expect(b"", LISTED + OK)


for _command in ("NOOP", "STAT", "RSET", "LIST 1", "UIDL 2"):
    pipelined("pipelined-" + _command.lower().replace(" ", "-"), _command, OK, 2000)
for _command in ("LIST", "UIDL", "RETR 1", "TOP 2 1", "CAPA"):
    pipelined("pipelined-whole-" + _command.lower().replace(" ", "-"), _command, LISTED + OK, 300)
pipelined("capa", "CAPA", LISTED + OK, 500, start="ready")
pipelined("user", "USER {user}", OK, 2000, start="ready")
unread("noop", b"NOOP\r\n")
unread("retr", b"RETR 3\r\n")
unread("capa", b"CAPA\r\n", start="ready")
unread("auth", b"AUTH\r\n", start="ready")
unread("dele", b"DELE 1\r\nRSET\r\n")
unread("user", b"USER {user}\r\n", start="ready")
add("flood-slow-reader", slow_reader, start="in", modes=WHOLE)
add("flood-drained-later", drained_later, start="in", modes=WHOLE)
add("flood-dele-and-quit", [(b"DELE 1\r\nDELE 2\r\nDELE 3\r\n" + b"RSET\r\n" * 500 + b"QUIT\r\n", [OK] * 504), (b"", END)], start="in", ends=True,
    modes=WHOLE)
