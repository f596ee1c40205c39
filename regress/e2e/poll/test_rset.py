# SPDX-License-Identifier: ISC
"""
Servers that delete what was retrieved although the record leaves it there: rset takes the mark back, and without it that is told.
"""
from lib import corpus
from servers.pop3 import Behaviour

ANNA = "anna@example.org"
BOX = "example.org/anna"


class Marks(Behaviour):
    """What was handed out goes at QUIT, unless RSET takes that back."""

    def cmd_retr(self, s, arg):
        s.marked = getattr(s, "marked", []) + [int(arg)]
        super().cmd_retr(s, arg)

    def cmd_rset(self, s, arg):
        s.marked = []
        super().cmd_rset(s, arg)

    def expunge(self, s):
        s.deleted = list(set(s.deleted) | set(getattr(s, "marked", [])))
        super().expunge(s)


def notices(rig):
    return [m for m in rig.delivered().get(BOX, []) if b"X-Test-Id" not in m]


def rounds(rig, server, first, last):
    """A new message before each poll."""
    for n in range(first, last):
        server.box.add(corpus.mail("m%d" % n))
        assert rig.once().code == 0


def test_told_once(personal, pop3):
    """Twice in a row nothing of what was retrieved is there at the next poll: the owner is told, once."""
    server = pop3(Marks())
    personal.record(ANNA, "r", server, leave=1)
    rounds(personal, server, 0, 2)
    assert notices(personal) == []
    rounds(personal, server, 2, 7)
    told, = notices(personal)
    told = b" ".join(told.split())
    assert b"does not stay on the server" in told and b"rset = 1" in told
    assert "rset = 1" in personal.log()
    assert personal.idents()[BOX].count("?") == 1 and len(personal.idents()[BOX]) == 8


def test_rset(personal, pop3):
    """Behind the last RETR and ahead of QUIT; idle polls send none."""
    server = pop3(Marks())
    personal.record(ANNA, "r", server, leave=1, rset=1)
    rounds(personal, server, 0, 4)
    assert personal.once().code == 0
    assert notices(personal) == [] and len(server.box.left()) == 4
    assert [s.names().count("rset") for s in server.sessions] == [1, 1, 1, 1, 0]
    assert server.sessions[0].names()[-2:] == ["rset", "quit"]


def test_rset_and_deletions(personal, pop3):
    """Our own deletions come behind it."""
    server = pop3(Marks(), [corpus.mail("a"), corpus.mail("b")])
    personal.record(ANNA, "r", server, rset=1)
    assert personal.once().code == 0
    names = server.sessions[0].names()
    assert names.index("rset") < names.index("dele")
    assert server.box.left() == [] and personal.idents()[BOX] == ["a", "b"]


def test_somebody_deletes(personal, pop3):
    """Messages that stay for a poll, or of which one stays, are no reason."""
    server = pop3()
    personal.record(ANNA, "r", server, leave=1)
    for n in range(4):
        server.box.add(corpus.mail("a%d" % n))
        server.box.add(corpus.mail("b%d" % n))
        assert personal.once().code == 0
        del server.box.messages[-1]
    assert personal.once().code == 0
    assert notices(personal) == []
