# SPDX-License-Identifier: ISC
"""A server that has given its messages new unique-ids: nothing is delivered twice, and nothing new is lost."""
import re
import signal
import sqlite3
import time

import pytest

from lib import corpus, rig as rigs
from servers import behaviours as B
from servers.pop3 import Behaviour

ANNA = "example.org/anna"


def mails(prefix, n, first=0):
    return [corpus.mail("%s%d" % (prefix, i)) for i in range(first, first + n)]


def idents(rig):
    """As Rig.idents(), without our own notices to the owner."""
    found = {where: [i for i in ids if i != "?"] for where, ids in rig.idents().items()}
    return {where: ids for where, ids in found.items() if ids}


def notices(rig, word):
    return sum(word in d for data in rig.delivered().values() for d in data if b"X-Test-Id:" not in d)


def names(prefix, n):
    return sorted("%s%d" % (prefix, i) for i in range(n))


def renumber(server, salt="moved", change=lambda data: data):
    """The provider moves the mailbox: other unique-ids, another order."""
    with server.box.lock:
        for i, m in enumerate(server.box.messages):
            m.uid = b"%s-%06d" % (salt.encode(), i * 7919 % 1000003)
            m.data = change(m.data)
        server.box.messages.reverse()


def work(rig, **columns):
    return rig.record("anna@example.org", "work", rig.server, leave=1, **columns)


@pytest.fixture
def moved(personal, pop3):
    """A rig whose record has delivered 60 messages, which then were renumbered."""
    def make(n=60, change=lambda data: data, behaviour=None):
        personal.server = pop3(behaviour, mails("m", n))
        work(personal)
        assert personal.once().code == 0
        assert idents(personal) == {ANNA: names("m", n)}
        renumber(personal.server, change=change)
        return personal
    return make


def test_big_migration(moved):
    """2,500 messages: none is delivered again, the new ones are."""
    rig = moved(2500)
    for data in mails("m", 15, 2500):
        rig.server.box.add(data, uid="moved-new-%d" % hash(data))
    assert rig.once().code == 0
    assert rig.server.count("retr") == 2515
    assert idents(rig) == {ANNA: names("m", 2515)}
    tops = rig.server.count("top")
    assert tops == 2515
    assert rig.once().code == 0
    assert rig.server.count("top") == tops
    assert idents(rig) == {ANNA: names("m", 2515)}
    assert rig.state("SELECT count(*) FROM seen WHERE CAST(uid AS TEXT) NOT LIKE 'moved%'") == [(0,)]


def test_server_writes_its_own_fields(moved):
    """What a store adds on the way is not part of what a message is recognised by."""
    rig = moved(change=lambda data: b"X-Mozilla-Status: 0001\r\nStatus: RO\r\n" + data)
    assert rig.once().code == 0
    assert idents(rig) == {ANNA: names("m", 60)}


def test_lost_in_between(moved):
    """The connection is lost in the middle of the comparison: nothing has happened, the next session does it all."""
    rig = moved()
    rig.server.behaviour = B.Cut("top", 0.5, nth=30)
    assert rig.once().code == 1
    rig.server.behaviour = Behaviour()
    assert rig.once().code == 0
    assert idents(rig) == {ANNA: names("m", 60)}


@pytest.mark.parametrize("point", ["master.planned", "master.done", "master.state_change", "fetcher:fetcher.listed"])
def test_killed(moved, point):
    rig = moved()
    rig.server.box.add(corpus.mail("m60"), uid="moved-x")
    rig.once("-K", (point if ":" in point else "rpopd:" + point) + ":1", hooks=True)
    for _ in range(2):
        assert rig.once().code == 0
    assert idents(rig) == {ANNA: names("m", 61)}


def strangers(rig):
    """Messages nobody has seen, in a mailbox of about the same size."""
    with rig.server.box.lock:
        rig.server.box.messages[:] = []
    for data in mails("x", 60):
        rig.server.box.add(data, uid="strange-%d" % hash(data))


def test_pause(moved):
    """Too many strangers: the administrator decides.  Said once, durable, and nothing is gone meanwhile."""
    rig = moved()
    strangers(rig)
    tops = rig.server.count("top")
    for _ in range(3):
        assert rig.once().code == 1
    assert idents(rig) == {ANNA: names("m", 60)}
    assert rig.server.count("top") == tops + 60, "compared once"
    assert "dele" not in [name for s in rig.server.sessions for name in s.names()]
    assert all(s.names()[-1] == "quit" for s in rig.server.sessions)
    assert rig.state("SELECT known, unknown, answer FROM renumbered") == [(60, 60, None)]
    assert rig.state("SELECT count(*) FROM seen WHERE gone IS NOT NULL") == [(0,)]
    log = rig.log()
    assert len(re.findall(r"paused: the server has renumbered", log)) >= 1
    assert notices(rig, b"rpopctl renumbered retrieve") == 1


@pytest.mark.parametrize("answer", ["retrieve", "seen"])
def test_answer(moved, answer):
    rig = moved()
    strangers(rig)
    assert rig.once().code == 1
    daemon = rig.start()
    name = "anna@example.org/work"
    assert rig.ctl("renumbered", answer, "nobody@example.org/work", check=False).code != 0
    rigs.wait_for(lambda: rig.status()["records"][0]["state"] == "idle", "the first poll")
    assert "renumbered" in rig.ctl("show", "account", "anna@example.org").log
    assert name in rig.ctl("renumbered", answer, name).log
    rigs.wait_for(lambda: rig.status()["records"][0]["last_error"] is None, "the poll to be good")
    assert rig.ctl("renumbered", answer, name, check=False).code != 0, "not paused any more"
    assert daemon.stop() == 0
    rig.server.box.add(corpus.mail("late"), uid="late")
    for _ in range(2):
        assert rig.once().code == 0
    want = names("m", 60) + ["late"] + (names("x", 60) if answer == "retrieve" else [])
    assert idents(rig) == {ANNA: sorted(want)}
    assert len(rig.server.box.left()) == 61


@pytest.mark.parametrize("point", ["master.state_change", "master.answered", "master.planned"])
@pytest.mark.parametrize("answer", ["retrieve", "seen"])
def test_killed_at_the_answer(moved, answer, point):
    rig = moved()
    strangers(rig)
    assert rig.once().code == 1
    import sqlite3
    with sqlite3.connect(rig.statedb) as c:
        c.execute("UPDATE renumbered SET answer = ?", (int(answer == "seen"),))
    assert rig.once("-K", "rpopd:%s:1" % point, hooks=True).code == -signal.SIGKILL
    for _ in range(2):
        assert rig.once().code == 0
    assert idents(rig) == {ANNA: sorted(names("m", 60) + (names("x", 60) if answer == "retrieve" else []))}


@pytest.mark.parametrize("point", ["master.paused"])
def test_killed_at_the_pause(moved, point):
    rig = moved()
    strangers(rig)
    assert rig.once("-K", "rpopd:%s:1" % point, hooks=True).code == -signal.SIGKILL
    assert rig.once().code == 1
    assert idents(rig) == {ANNA: names("m", 60)}


def test_old_ones_come_back(moved):
    rig = moved()
    messages = list(rig.server.box.messages)
    for m, i in zip(reversed(messages), range(1, 61)):
        m.uid = b"uid-%05d" % i
    strangers(rig)
    assert rig.once().code == 1
    rig.server.box.messages[:] = messages
    rig.server.box.add(corpus.mail("m60"), uid="uid-new")
    assert rig.once().code == 0
    assert idents(rig) == {ANNA: names("m", 61)}
    assert rig.state("SELECT count(*) FROM renumbered") == [(0,)]


class NoTop(Behaviour):
    capabilities = ["USER", "UIDL", "PIPELINING"]

    def cmd_top(self, s, arg):
        self.err(s, "top", b"unknown command")


def test_without_top(moved):
    """Nothing to compare: pause at once."""
    rig = moved(behaviour=NoTop())
    assert rig.once().code == 1
    assert idents(rig) == {ANNA: names("m", 60)}
    assert rig.state("SELECT count(*) FROM renumbered") == [(1,)]


def test_top_refused(moved):
    """Offered, and refused for each message."""
    rig = moved()
    rig.server.behaviour.cmd_top = lambda s, arg: rig.server.behaviour.err(s, "top", b"not now")
    assert rig.once().code == 1
    assert idents(rig) == {ANNA: names("m", 60)}


def test_few_are_new_mail(personal, pop3):
    """Somebody else emptied the mailbox, and a few messages came: no case for an administrator."""
    s = pop3(messages=mails("m", 25))
    personal.record("anna@example.org", "work", s, leave=1)
    assert personal.once().code == 0
    with s.box.lock:
        s.box.messages[:] = []
    for data in mails("n", 15):
        s.box.add(data)
    assert personal.once().code == 0
    assert idents(personal) == {ANNA: sorted(names("m", 25) + names("n", 15))}


def test_twins(moved):
    """Two messages of one header, one of them new: both are retrieved, and only the new one is delivered."""
    rig = moved()
    known = rig.server.box.messages[0].data
    rig.server.box.add(known.replace(b"\r\n\r\n", b"\r\n\r\nanother text\r\n", 1), uid="moved-twin")
    assert rig.once().code == 0
    assert sum(idents(rig)[ANNA].count(n) for n in names("m", 60)) == 61
    assert sum(b"another text" in d for d in rig.delivered()[ANNA]) == 1
    assert rig.once().code == 0
    assert len(idents(rig)[ANNA]) == 61


# --- a few messages ---

@pytest.mark.parametrize("top", ["TOP", "no TOP"])
@pytest.mark.parametrize("leave", [0, 1])
def test_few(personal, pop3, leave, top):
    """A server that counts anew in each session, and refuses to delete: each message comes once, new ones, too, and none is held up."""
    class Anew(B.NewUids, B.QuitRefused):
        capabilities = [c for c in Behaviour.capabilities if c != "TOP" or top == "TOP"]

        def cmd_top(self, s, arg):
            if top == "TOP":
                return super().cmd_top(s, arg)
            return self.err(s, "top", b"unknown command")

    server = pop3(Anew(), mails("m", 4))
    personal.record("anna@example.org", "work", server, leave=leave)
    for n in range(4):
        assert personal.once().code == 0
        assert idents(personal) == {ANNA: names("m", 4 + n)}
        server.box.add(mails("m", 1, 4 + n)[0])
    assert len(server.box.left()) == 8
    assert notices(personal, b"renumbered") == 0
    assert server.count("retr") == 4 + 5 + 6 + 7


def test_emptied_and_filled_again(personal, pop3):
    """What was known is gone, and as many others are there: they are mail like any other."""
    server = personal.server = pop3(None, mails("m", 5))
    work(personal)
    assert personal.once().code == 0
    with server.box.lock:
        server.box.messages.clear()
    for data in mails("m", 30, 5):
        server.box.add(data)
    assert personal.once().code == 0
    assert idents(personal) == {ANNA: names("m", 35)}
    assert server.count("retr") == 35


def test_renumbered_while_deleting(personal, pop3):
    """The answer to QUIT was lost and nothing was deleted, then the provider moves the mailbox: deleted in the end, and never twice."""
    server = personal.server = pop3(B.LoseAtQuit(), mails("m", 5))
    personal.record("anna@example.org", "work", server)
    personal.once()
    assert len(server.box.left()) == 5
    server.behaviour = Behaviour()
    renumber(server)
    assert personal.once().code == 0
    assert idents(personal) == {ANNA: names("m", 5)}
    assert server.box.left() == []


# --- what is missing and what is new have much in common ---

def emptied(server, *messages):
    """Somebody has deleted what was there, and other mail has come."""
    with server.box.lock:
        server.box.messages.clear()
    for data in messages:
        server.box.add(data)


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("field", ["X-Real-To", "X-Original-To", "Delivered-To", "Envelope-To", "X-Envelope-To"])
def test_copy_for_another(unified, pop3, field, lost):
    """The provider's copies of one message, which differ in a field that stores write: each is delivered."""
    def copy(name):
        return corpus.mail("twofold", [(field, name + "@example.org")], to="undisclosed-recipients:;")

    server = pop3(B.ExpungeThenLose() if lost else None, [copy("anna")])
    unified.record("postmaster@example.org", "u", server, special=field, leave=0 if lost else 1)
    unified.once()
    assert idents(unified) == {ANNA: ["twofold"]}
    server.behaviour = Behaviour()
    emptied(server, copy("bert"))
    for _ in range(2):
        assert unified.once().code == 0
        assert idents(unified) == {ANNA: ["twofold"], "example.org/bert": ["twofold"]}


def test_copies_in_a_mass(unified, pop3):
    """As many of them as make a mass: the old ones are known, and the copies for another recipient are delivered."""
    def copy(i, name):
        return corpus.mail("m%d" % i, [("X-Original-To", name + "@example.org")], to="undisclosed-recipients:;")

    server = pop3(None, [copy(i, "anna") for i in range(40)])
    unified.record("postmaster@example.org", "u", server, special="X-Original-To", leave=1)
    assert unified.once().code == 0
    assert idents(unified) == {ANNA: names("m", 40)}
    emptied(server, *[copy(i, "anna") for i in range(20)], *[copy(i, "bert") for i in range(20, 40)])
    renumber(server)
    for _ in range(2):
        assert unified.once().code == 0
        assert idents(unified) == {ANNA: names("m", 40), "example.org/bert": sorted("m%d" % i for i in range(20, 40))}
    assert notices(unified, b"renumbered") == 0


def test_another_body(personal, pop3):
    """Somebody who knows a header in advance has sent a text of his own under it."""
    server = pop3(messages=[corpus.mail("post", body=b"forged text, pad.\r\n")])
    personal.record("anna@example.org", "work", server, leave=1)
    assert personal.once().code == 0
    emptied(server, corpus.mail("post", body=b"what the list was\r\n"))
    assert personal.once().code == 0
    assert any(b"what the list was" in d for d in personal.delivered()[ANNA])


@pytest.mark.parametrize("lost", [False, True])
def test_equal_alarms(personal, pop3, lost):
    """What a device writes has no header of its own: the second one is delivered, although the first is missing."""
    alarm = b"From: ups@example.net\r\nTo: anna@example.org\r\nSubject: on battery\r\n\r\nOn battery.\r\n"
    server = pop3(B.ExpungeThenLose() if lost else None, [alarm])
    personal.record("anna@example.org", "ups", server, leave=0 if lost else 1)
    personal.once()
    server.behaviour = Behaviour()
    emptied(server, alarm)
    assert personal.once().code == 0
    assert len(personal.delivered()[ANNA]) == 2


def test_set_aside_beside(personal, pop3):
    """A message that is set aside stays so while others are missing and new ones are there."""
    server = pop3(messages=mails("g", 1))
    server.box.add(corpus.mail("aside"), uid="aside")
    personal.record("anna@example.org", "work", server, leave=1)
    personal.once()
    with sqlite3.connect(personal.statedb) as c:
        c.execute("DELETE FROM seen WHERE uid = ?", (b"aside",))
        c.execute("INSERT INTO suspect (mailbox, uid, deaths, failures, since, reason) VALUES (1, ?, 3, 0, ?, '')", (b"aside", int(time.time())))
    personal.empty()
    with server.box.lock:
        del server.box.messages[0]
    server.box.add(corpus.mail("g1"))
    before = server.count("retr")
    assert personal.once().code == 0
    assert idents(personal) == {ANNA: ["g1"]} and server.count("retr") == before + 1


def test_reused_beside(personal, pop3):
    """A message under a unique-id whose own was deleted is retrieved at once, while others are missing and new ones are there."""
    server = pop3(messages=mails("r", 1))
    personal.record("anna@example.org", "work", server)
    assert personal.once().code == 0 and server.box.left() == []
    personal.sqlite("UPDATE rpop SET leave = 1;")
    server.box.add(corpus.mail("k0"), uid="k0")
    assert personal.once().code == 0
    emptied(server)
    server.box.add(corpus.mail("again"), uid="uid-00001")
    server.box.add(corpus.mail("k1"), uid="k1")
    assert personal.once().code == 0
    assert idents(personal) == {ANNA: ["again", "k0", "k1", "r0"]}


def test_moved_with_fields(moved):
    """What the move has added to each message is no other size at the next poll."""
    rig = moved(change=lambda data: b"X-Mozilla-Status: 0001\r\n" + data)
    for _ in range(3):
        assert rig.once().code == 0
        assert idents(rig) == {ANNA: names("m", 60)}
    assert rig.server.count("top") == rig.server.count("retr") == 60
