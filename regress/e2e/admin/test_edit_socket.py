# SPDX-License-Identifier: ISC
"""Batches of changes at the sockets themselves: clients that leave in the middle, ask for something else meanwhile, or send much."""
import os
import socket
import sqlite3
import struct

import pytest

from lib import corpus, proto, rig as rigs
from lib.edits import rows

ANNA = "anna@example.org"
ADD, NEED, SET, REMOVE = range(4)
TEXT, BLOB = 2, 3


class Client:
    """A client that speaks for itself; the version it learns from an answer."""
    def __init__(self, rig, name="rpopd.sock"):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(rigs.PATIENCE)
        self.s.connect(os.path.join(rig.run, name))
        self.version = 0
        self.send("IMSG_CTL_ROWS", struct.pack("16s", b"domain"))
        self.version = self.answer()[1]

    def send(self, kind, payload=b""):
        self.s.sendall(struct.pack("=IIII", proto.TYPES[kind], 16 + len(payload), self.version, 0) + payload)

    def change(self, act, table, key, more=0, **values):
        cells = b"".join(struct.pack("=BBH", TEXT, len(c), len(v)) + c.encode() + v.encode()
            for c, v in list(key.items()) + list(values.items()))
        self.send("IMSG_CTL_CHANGE", struct.pack("=III16sI32s", act, more, len(key), table.encode(), 0, b"") + cells)

    def take(self, n):
        got = b""
        while len(got) < n:
            part = self.s.recv(n - len(got))
            if not part:
                raise EOFError
            got += part
        return got

    def answer(self):
        kind, size, version, _ = struct.unpack("=IIII", self.take(16))
        return kind, version, self.take(size - 16)

    def said(self):
        kind, _, payload = self.answer()
        return kind == proto.TYPES["IMSG_CTL_OK"], payload.split(b"\0")[0].decode()

    def leave(self):
        self.s.close()


@pytest.fixture
def served(personal, pop3):
    personal.record(ANNA, "isp", pop3(messages=[corpus.mail("one")]), period=None)
    personal.daemon = personal.start().ready()
    return personal


def domains(rig):
    return [r[0] for r in rows(rig, "SELECT name FROM domain WHERE name LIKE '%.net' ORDER BY name")]


def name_of(row):
    """The first cell of a row."""
    _, column, length = struct.unpack("=BBH", row[:4])
    return row[4 + column:4 + column + length].decode()


def test_asked_meanwhile(served):
    """A listing between two changes of a batch takes nothing of the batch away."""
    c = Client(served)
    c.change(ADD, "domain", {"name": "a.net"}, more=1)
    c.send("IMSG_CTL_ROWS", struct.pack("16s", b"settings"))
    assert c.answer()[0] == proto.TYPES["IMSG_CTL_ROW"] and c.answer()[0] == proto.TYPES["IMSG_CTL_END"]
    c.change(ADD, "domain", {"name": "b.net"})
    assert c.said() == (True, "2 domains added")
    assert domains(served) == ["a.net", "b.net"]


def test_reload_meanwhile(served):
    """A reload between two changes of a batch: it is done as one, in what is in force then."""
    c = Client(served)
    c.change(ADD, "domain", {"name": "b.net"}, more=1)
    served.sqlite("INSERT INTO domain (name) VALUES ('a.net');")
    assert served.ctl("reload").code == 0
    c.change(ADD, "domain", {"name": "c.net"})
    assert c.said() == (True, "2 domains added")
    assert domains(served) == ["a.net", "b.net", "c.net"]
    assert served.status()["daemon"]["config_changed"] is False


def test_listed_meanwhile(served):
    """Rows ahead of those that a slow client has taken so far go, and others come: it gets each row that stays once, in order."""
    n, c = 3000, Client(served)
    for i in range(n):
        c.change(ADD, "domain", {"name": "d%04d.net" % i}, more=int(i < n - 1))
    assert c.said() == (True, "3000 domains added")
    slow, got = Client(served), []
    slow.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.send("IMSG_CTL_ROWS", struct.pack("16s", b"domain"))
    while "d0010.net" not in got:
        got.append(name_of(slow.answer()[2]))
    for i in range(10):
        c.change(REMOVE, "domain", {"name": "d%04d.net" % i}, more=1)
    c.change(ADD, "domain", {"name": "a.net"}, more=1)
    c.change(ADD, "domain", {"name": "z.net"})
    assert c.said() == (True, "2 domains added, 10 domains removed")
    while True:
        kind, _, row = slow.answer()
        if kind == proto.TYPES["IMSG_CTL_END"]:
            break
        got.append(name_of(row))
    assert [g for g in got if g.endswith(".net")] == ["d%04d.net" % i for i in range(n)] + ["z.net"]


@pytest.mark.parametrize("point, kept", [("edit.change:1", 0), ("edit.change:2", 0), ("edit.change:3", 0), ("edit.done", 0),
    ("edit.committed", 1)])
def test_killed(personal, pop3, point, kept):
    """The master is killed in a batch of several tables: the next start has all of it or nothing."""
    personal.record(ANNA, "isp", pop3(messages=[]), period=None)
    d = personal.start("-K", "rpopd:" + point, hooks=True).ready()
    c = Client(personal)
    c.change(ADD, "domain", {"name": "a.net"}, more=1)
    c.change(ADD, "account", {"address": "eve@a.net"}, more=1)
    c.change(SET, "rpop", {"account": ANNA, "name": "isp"}, account="eve@a.net", password="another")
    with pytest.raises((EOFError, ConnectionResetError)):
        c.answer()
    assert d.wait() == -9
    d.kill()
    d = personal.start().ready()
    assert [len(domains(personal)), len(rows(personal, "SELECT * FROM account WHERE domain = 'a.net'")),
        len(rows(personal, "SELECT * FROM rpop WHERE account = 'eve@a.net' AND password = 'another'"))] == [kept] * 3
    assert [r["account"] for r in personal.status()["records"]] == ["eve@a.net" if kept else ANNA]


def test_left(served):
    """Who leaves in the middle of a batch, or while it waits for a lock, has changed nothing."""
    c = Client(served)
    c.change(ADD, "domain", {"name": "a.net"}, more=1)
    c.leave()
    db = sqlite3.connect(served.db, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    c = Client(served)
    c.change(ADD, "domain", {"name": "b.net"})
    other = Client(served)		# answered behind the other's change, which waits then
    c.leave()
    other.send("IMSG_CTL_ROWS", struct.pack("16s", b"domain"))
    other.answer()
    served.status()
    db.execute("ROLLBACK")
    db.close()
    served.ctl("domain", "add", "c.net")
    assert domains(served) == ["c.net"]
    assert served.daemon.running()


@pytest.mark.parametrize("payload", [b"", struct.pack("=III16s", ADD, 2, 0, b"domain"), struct.pack("=III16s", 4, 0, 0, b"domain"),
    struct.pack("=III16s", ADD, 0, 1, b"domain"), struct.pack("=III16s", ADD, 0, 0, b"d" * 16),
    struct.pack("=III16s", ADD, 0, 0, b"domain") + b"\x02\x04\xff\xffname"])
def test_garbage(served, payload):
    """What is no change closes its client, and nothing of its batch is done."""
    c = Client(served)
    c.change(ADD, "domain", {"name": "a.net"}, more=1)
    c.send("IMSG_CTL_CHANGE", payload)
    with pytest.raises((EOFError, ConnectionResetError)):
        c.said()
    assert domains(served) == [] and served.daemon.running()
    assert served.ctl("domain", "add", "c.net").code == 0


def held(pid, words):
    """Those of the words that are in the process's memory."""
    octets = rigs.memory(pid)
    return {w for w in words if w.encode() in octets}


def test_secrets(served):
    """Of passwords in changes, taken and refused ones, no octet stays in the daemon's memory, nor does its log have them."""
    word = "correct-horse-%s-staple"
    c = Client(served)
    key = {"account": ANNA, "name": "isp"}
    c.change(SET, "rpop", key, password=word % "taken")
    assert c.said()[0] is True
    c.change(SET, "rpop", key, password=word % "refused", period="5")
    assert c.said()[0] is False
    c.change(SET, "rpop", key, more=1, password=word % "first")
    c.change(SET, "rpop", key, password=word % "same")
    assert c.said()[0] is True
    c.change(SET, "rpop", key, password=word % "same")
    assert "nothing changed" in c.said()[1]
    c.change(ADD, "rpop", key, more=1, password=word % "unfinished")
    c.leave()
    user = Client(served, "user.sock")
    user.change(SET, "rpop", key, password=word % "nobody")
    assert user.said()[0] is False
    user.leave()
    served.status()
    served.status()
    words = [word % w for w in ("taken", "refused", "first", "same", "unfinished", "nobody")]
    assert held(served.daemon.pid, [ANNA]) == {ANNA}		# the search finds what is there
    assert held(served.daemon.pid, words + [w.encode().hex().upper() for w in words]) == set()
    log = served.daemon.log()
    assert "changed: password changed" in log and "correct-horse" not in log
