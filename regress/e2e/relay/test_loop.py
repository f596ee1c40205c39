# SPDX-License-Identifier: ISC
"""
Two rpopd that poll each other: each hands on what it fetches to the provider that the other one polls.  A message makes one
turn and stops in quarantine at the one who has seen it before; nobody can forge what it is known by.
"""
import pytest

from lib import corpus, rig as rigs
from servers.pop3 import Pop3Server

PM = "postmaster@example.org"
ANNA = "anna@example.org"
ROUNDS = 14
PM = "postmaster@example.org"


class Site:
    """An rpopd with a mailbox to poll, whose accounts are all behind a next hop: the provider of the other site."""

    def __init__(self, pki, smtp, **settings):
        self.rig = rigs.Rig(pki, **settings)
        for name in ("postmaster", "anna", "bert"):
            self.rig.account(name + "@example.org")
        self.server = Pop3Server(pki)
        self.hop = smtp("smtp")
        self.rig.nexthop("hop", self.hop)
        self.rig.settings["nexthop"] = "hop"
        self.handed = 0

    def record(self, **columns):
        self.rig.record(PM, "r", self.server, special="X-Real-To", **columns)

    def turn(self, other, change=lambda data: data):
        """Poll; what was handed on appears at the other's provider, which notes the envelope and may change the message."""
        assert self.rig.once().code == 0
        new = self.hop.mails[self.handed:]
        self.handed += len(new)
        for m in new:
            head = b"Return-Path: <%s>\r\nReceived: from rig.test by mx.provider.example;\r\n\tFri, 01 Mar 2024 12:00:00 +0000\r\n" % \
                m.sender.encode()
            other.server.box.add(b"".join(b"X-Real-To: " + a.encode() + b"\r\n" for a in m.taken()) + head + change(m.data))
        return len(new)

    def quarantined(self):
        return self.rig.state("SELECT dest, status FROM relay WHERE state = 1 ORDER BY dest")

    def close(self):
        self.server.stop()
        self.rig.close()


@pytest.fixture
def sites(pki, smtp):
    made = []

    def make(**settings):
        made.extend([Site(pki, smtp, **settings), Site(pki, smtp, **settings)])
        return made
    yield make
    for s in made:
        s.close()


def letter(ident, to=ANNA):
    return corpus.mail(ident, [("X-Real-To", to)])


@pytest.mark.parametrize("suppress", [0, 1])
def test_one_turn(sites, suppress):
    a, b = sites()
    a.record(suppress=suppress)
    b.record(suppress=suppress)
    for i in range(3):
        a.server.box.add(letter("m%d" % i))
    turns = [(a.turn(b), b.turn(a)) for _ in range(ROUNDS)]
    # The note about the quarantine goes the way of mail for the postmaster, which is a loop here, and ends like a letter in the quarantine
    # of the other site; so does the note about that one.
    assert turns == [(3, 3)] + [(1, 1)] * 3 + [(0, 0)] * (ROUNDS - 4)
    assert sorted(dest for dest, _ in a.quarantined()) == [ANNA] * 3 + [PM] and [dest for dest, _ in b.quarantined()] == [PM]
    assert all("loop" in status for _, status in a.quarantined())
    assert a.server.box.left() == b.server.box.left() == []
    assert len(a.rig.spooled()) == 4 and len(b.rig.spooled()) == 1
    assert corpus.ident_of(a.hop.mails[0].data) and b"X-Rpopd-Mark: " in a.hop.mails[0].data


def test_both_ways_at_once(sites):
    """Mail of each side in the other's loop."""
    a, b = sites()
    a.record()
    b.record()
    a.server.box.add(letter("from-a"))
    b.server.box.add(letter("from-b", "bert@example.org"))
    turns = [(a.turn(b), b.turn(a)) for _ in range(ROUNDS)]
    assert sum(x + y for x, y in turns) <= 10 and turns[-1] == (0, 0)
    assert sorted(dest for s in (a, b) for dest, _ in s.quarantined()) == [ANNA, "bert@example.org", PM, PM]


def test_changed_on_the_way(sites):
    """A provider that rewrites what a message is known by, or removes the mark: the hop limit ends it."""
    a, b = sites(hop_limit=12)
    a.record(suppress=0)
    b.record(suppress=0)
    a.server.box.add(letter("tagged"))

    def tag(data):
        return data.replace(b"Subject: ", b"Subject: [list] ").replace(b"X-Rpopd-Mark: ", b"X-Old: ")
    turns = [(a.turn(b, tag), b.turn(a, tag)) for _ in range(ROUNDS)]
    assert turns[0] == (1, 1) and turns[-1] == (0, 0)
    assert [status for s in (a, b) for _, status in s.quarantined() if "more than 12 Received fields" in status]
    assert sorted(dest for s in (a, b) for dest, _ in s.quarantined()) == [ANNA, PM, PM]


def test_forged_mark(sites):
    """A mark copied from another message, or made up, stops nothing."""
    a, b = sites()
    a.record()
    b.record()
    a.server.box.add(letter("first"))
    a.turn(b)
    mark = a.hop.mails[0].data.split(b"X-Rpopd-Mark: ")[1].split(b"\r\n")[0].decode()
    a.server.box.add(corpus.mail("second", [("X-Real-To", ANNA), ("X-Rpopd-Mark", mark)]))
    a.server.box.add(corpus.mail("third", [("X-Real-To", ANNA), ("X-Rpopd-Mark", "0" * len(mark))]))
    assert a.turn(b) == 2
    assert a.quarantined() == []


def test_try_tells_of_a_loop(sites):
    """The trial of a message that has come back: quarantine."""
    a, b = sites()
    a.record(period=3600)
    b.record()
    a.server.box.add(letter("m"))
    a.turn(b)
    b.turn(a)
    a.rig.records[0]["period"] = None
    a.rig.write_db()
    a.rig.start().ready()
    out = a.rig.ctl("try", PM + "/r").log
    assert "=> quarantine, meant for anna@example.org: a mail loop" in out
    assert a.quarantined() == []
