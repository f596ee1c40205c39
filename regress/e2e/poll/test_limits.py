# SPDX-License-Identifier: ISC
"""Limits of a record: size, number and age of messages, the first poll; messages at which sessions fail."""
import os
import signal
import time

import pytest

from lib import corpus, rig as rigs
from servers import behaviours as B
from servers.pop3 import Behaviour, Close

ANNA = "example.org/anna"
DAY = 86400


def mails(prefix, n, **kw):
    return [corpus.mail("%s%d" % (prefix, i), **kw) for i in range(n)]


def big(ident, octets=50_000):
    return corpus.mail(ident, body=b"octets and more\r\n" * (octets // 17))


def idents(rig):
    """As Rig.idents(), without our own notices to the owner."""
    found = {where: [i for i in ids if i != "?"] for where, ids in rig.idents().items()}
    return {where: ids for where, ids in found.items() if ids}


def notices(rig, word):
    return sum(word in d for data in rig.delivered().values() for d in data if b"X-Test-Id:" not in d)


def names(prefix, n):
    return sorted("%s%d" % (prefix, i) for i in range(n))


def age(rig, days, where="1"):
    """As if everything had been delivered days ago.  The daemon does not run."""
    import sqlite3
    with sqlite3.connect(rig.statedb) as c:
        c.execute("UPDATE seen SET since = since - ? WHERE " + where, (days * DAY,))


def forget_tries(rig):
    import sqlite3
    with sqlite3.connect(rig.statedb) as c:
        c.execute("UPDATE suspect SET since = since - ?", (DAY + 60,))


# --- max_size ---

@pytest.mark.parametrize("leave", [0, 1])
def test_oversize_is_skipped_and_reported_once(personal, pop3, leave):
    s = pop3(messages=mails("s", 2) + [big("big")] + mails("t", 2))
    row = personal.record("anna@example.org", "work", s, leave=leave, max_size=20_000)
    for _ in range(3):
        assert personal.once().code == 0
    assert idents(personal)[ANNA] == ["s0", "s1", "t0", "t1"]
    assert big("big") in s.box.left()
    assert len(s.box.left()) == (5 if leave else 1)
    assert sum("over max_size" in line for line in personal.log().splitlines()) == 1
    assert notices(personal, b"%d" % len(big("big"))) == 1
    assert personal.state("SELECT size, state FROM oversized") == [(len(big("big")), "skipped")]
    row["max_size"] = 100_000	# raised: an ordinary message
    personal.write_db()
    assert personal.once().code == 0
    assert idents(personal)[ANNA] == ["big", "s0", "s1", "t0", "t1"]
    assert personal.state("SELECT count(*) FROM oversize") == [(0,)]


@pytest.mark.parametrize("leave", [0, 1])
def test_oversize_header(personal, pop3, leave):
    """The header is delivered once; the message stays on the server, with leave = 0 too."""
    s = pop3(messages=mails("s", 2) + [big("big")])
    row = personal.record("anna@example.org", "work", s, leave=leave, max_size=20_000, oversize="headers")
    for _ in range(3):
        assert personal.once().code == 0
    assert idents(personal)[ANNA] == ["big", "s0", "s1"]
    assert max(len(d) for d in personal.delivered()[ANNA]) < 5000
    assert big("big") in s.box.left()
    assert s.count("top") == 1
    row["max_size"] = None
    personal.write_db()
    assert personal.once().code == 0
    assert idents(personal)[ANNA] == ["big", "big", "s0", "s1"]
    assert len(s.box.left()) == (3 if leave else 0)


def test_oversize_header_over_the_limit(personal, pop3):
    """The limit is for messages: a header that is longer is delivered all the same, also where TOP sends the body behind it."""
    class Whole(Behaviour):
        def cmd_top(self, s, arg):
            super().cmd_top(s, arg.split()[0] + b" 100000")
    for name, behaviour in (("top", Behaviour()), ("whole", Whole())):
        s = pop3(behaviour, [corpus.mail(name, [("X-Long", "y" * 900)] * 8, body=b"octets and more\r\n" * 1000)])
        personal.record("anna@example.org", name, s, max_size=5000, oversize="headers")
    assert personal.once().code == 0
    assert idents(personal)[ANNA] == ["top", "whole"]
    assert all(5000 < len(d) < 10_000 for d in personal.delivered()[ANNA])


def test_oversize_header_without_top(personal, pop3):
    class NoTop(Behaviour):
        capabilities = ["USER", "UIDL"]

        def cmd_top(self, s, arg):
            self.err(s, "top", b"unknown command")
    s = pop3(NoTop(), [big("big")] + mails("s", 1))
    personal.record("anna@example.org", "work", s, max_size=20_000, oversize="headers")
    for _ in range(3):
        assert personal.once().code == 0
    assert idents(personal)[ANNA] == ["s0"]
    assert s.count("top") == 1, "refused once, and asked for again"
    assert sum("over max_size" in line for line in personal.log().splitlines()) == 1


def test_size_not_known(personal, pop3):
    """A server without LIST: nothing can be skipped; what comes in counts, the others come, nothing is lost."""
    s = pop3(B.Says("list", b"-ERR unknown\r\n"), [big("big"), corpus.mail("small")])
    personal.record("anna@example.org", "work", s, max_size=20_000)
    assert "larger than max_size" in personal.once().log
    personal.once()
    assert idents(personal)[ANNA] == ["small"]
    personal.records[0]["max_size"] = 200_000
    personal.write_db()
    personal.once()
    assert sorted(idents(personal)[ANNA]) == ["big", "small"]


# --- session_messages, session_octets ---

@pytest.mark.parametrize("leave", [0, 1])
@pytest.mark.parametrize("limit", [{"session_messages": 4}, {"session_octets": 10_000}])
def test_a_session_takes_so_many(personal, pop3, limit, leave):
    """The oldest first; the rest follows at once in the next sessions."""
    s = pop3(messages=mails("n", 10, body=b"x" * 70 + b"\r\n" + b"y" * 2000 + b"\r\n"))
    personal.record("anna@example.org", "work", s, leave=leave, **limit)
    assert personal.once().code == 0
    assert idents(personal)[ANNA] == names("n", 10)
    assert len(s.sessions) >= 3
    took = [[arg for name, arg in x.commands if name == "retr"] for x in s.sessions]
    assert max(len(t) for t in took) <= 4
    if not leave:
        assert s.box.left() == []
    else:
        assert took[0] == [b"1", b"2", b"3", b"4"][:len(took[0])]


class Portion(Behaviour):
    """Shows the oldest messages only, as some big providers do."""

    def view(self, s, messages):
        return list(messages)[:250]


def test_a_server_that_shows_a_part(personal, pop3):
    """Sessions follow one another until there is no more to be had."""
    s = pop3(Portion(), mails("n", 600))
    personal.record("anna@example.org", "work", s)
    assert personal.once().code == 0
    assert idents(personal)[ANNA] == names("n", 600)
    assert s.box.left() == [] and len(s.sessions) == 3


def test_one_message_may_pass_the_octets(personal, pop3):
    s = pop3(messages=[big("b0"), big("b1")])
    personal.record("anna@example.org", "work", s, session_octets=100)
    assert personal.once().code == 0
    assert idents(personal)[ANNA] == ["b0", "b1"]


# --- leave_days ---

def test_leave_days(personal, pop3):
    s = pop3(messages=mails("d", 3))
    personal.record("anna@example.org", "work", s, leave=1, leave_days=30)
    assert personal.once().code == 0
    age(personal, 29)
    assert personal.once().code == 0
    assert len(s.box.left()) == 3
    s.box.add(corpus.mail("d3"))
    assert personal.once().code == 0
    age(personal, 2, "uid <> CAST('uid-00004' AS BLOB)")
    assert personal.once().code == 0
    assert s.box.left() == [corpus.mail("d3")]
    assert idents(personal)[ANNA] == names("d", 4)


@pytest.mark.parametrize("lost", [B.LoseAtQuit, B.QuitRefused, B.RefuseDele, B.IgnoreDele])
def test_leave_days_again(personal, pop3, lost):
    """A deletion that failed is repeated, and nothing is retrieved for it."""
    s = pop3(messages=mails("d", 3))
    personal.record("anna@example.org", "work", s, leave=1, leave_days=5)
    assert personal.once().code == 0
    age(personal, 6)
    s.behaviour = lost()
    personal.once()
    s.behaviour = Behaviour()
    retrieved = s.count("retr")
    for _ in range(3):
        assert personal.once().code == 0
    assert s.box.left() == []
    assert s.count("retr") == retrieved or lost is B.IgnoreDele
    assert idents(personal)[ANNA] == names("d", 3)


def test_leave_days_spares_the_oversize(personal, pop3):
    s = pop3(messages=[big("big")] + mails("d", 1))
    personal.record("anna@example.org", "work", s, leave=1, leave_days=5, max_size=20_000)
    assert personal.once().code == 0
    age(personal, 6)
    assert personal.once().code == 0
    assert s.box.left() == [big("big")]


# --- first_poll = 'mark' ---

def test_first_poll_marks(personal, pop3):
    s = pop3(messages=mails("old", 40))
    row = personal.record("anna@example.org", "work", s, leave=1, first_poll="mark", leave_days=1)
    result = personal.once()
    assert result.code == 0
    assert "40 messages marked as seen" in result.log
    s.box.add(corpus.mail("new"))
    assert personal.once().code == 0
    assert idents(personal) == {ANNA: ["new"]}
    assert s.count("retr") == 1
    age(personal, 3)
    assert personal.once().code == 0
    assert len(s.box.left()) == 40, "leave_days deletes what was delivered, and nothing else"
    row.update(leave=0, first_poll="retrieve", leave_days=None)
    personal.write_db()
    assert personal.once().code == 0
    assert len(s.box.left()) == 40, "what nobody has is not deleted"


def test_first_poll_of_an_empty_mailbox(personal, pop3):
    s = pop3()
    personal.record("anna@example.org", "work", s, leave=1, first_poll="mark")
    assert personal.once().code == 0
    s.box.add(corpus.mail("new"))
    assert personal.once().code == 0
    assert idents(personal) == {ANNA: ["new"]}


def test_mark_is_for_the_first_poll(personal, pop3):
    """Set on a record that has been polled: nothing is marked."""
    s = pop3(messages=mails("a", 1))
    row = personal.record("anna@example.org", "work", s, leave=1)
    assert personal.once().code == 0
    row["first_poll"] = "mark"
    personal.write_db()
    s.box.add(corpus.mail("a1"))
    assert personal.once().code == 0
    assert idents(personal) == {ANNA: ["a0", "a1"]}


def test_mark_needs_a_whole_listing(personal, pop3):
    s = pop3(B.Listing(lambda lines: lines[:2]), mails("c", 5))
    personal.record("anna@example.org", "work", s, leave=1, first_poll="mark")
    assert personal.once().code == 1
    assert idents(personal) == {}
    assert personal.state("SELECT count(*) FROM seen") == [(0,)]
    s.behaviour = Behaviour()
    assert personal.once().code == 0
    assert personal.state("SELECT count(*) FROM seen WHERE state = 4") == [(5,)]
    assert idents(personal) == {}


def test_mark_with_a_bad_uid(personal, pop3):
    """What cannot be marked is retrieved, and once only."""
    s = pop3(B.Uids([b"one", b"", b"three"]), mails("b", 3))
    personal.record("anna@example.org", "work", s, leave=1, first_poll="mark")
    for _ in range(3):
        assert personal.once().code == 0
    assert idents(personal) == {ANNA: ["b1"]}


@pytest.mark.parametrize("point", ["master.marking", "master.state_change", "master.marked", "master.planned"])
def test_killed_while_marking(personal, pop3, point):
    s = pop3(messages=mails("old", 30))
    personal.record("anna@example.org", "work", s, leave=1, first_poll="mark")
    assert personal.once("-K", "rpopd:%s:1" % point, hooks=True).code == -signal.SIGKILL
    marked = personal.state("SELECT count(*) FROM seen")[0][0]
    assert marked == (0 if point in ("master.marking", "master.state_change") else 30), "all or nothing"
    s.box.add(corpus.mail("late"))
    assert personal.once().code == 0
    if marked:
        assert idents(personal) == {ANNA: ["late"]}
    else:
        assert idents(personal) == {}
    assert personal.state("SELECT count(*) FROM seen WHERE state = 4") == [(marked or 31,)]


# --- messages at which sessions fail ---

class BadMessage(Behaviour):
    """The connection is lost in the middle of one message, whenever it is asked for."""

    def __init__(self, ident, pipelining=True):
        super().__init__()
        self.ident = b"X-Test-Id: " + ident.encode() + b"\r\n"
        if not pipelining:
            self.capabilities = ["TOP", "USER", "UIDL"]

    def cmd_retr(self, s, arg):
        data = self.body(s, int(arg))
        if self.ident in data:
            s.send(b"+OK\r\n" + data[:100])
            raise Close
        super().cmd_retr(s, arg)


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("at", [0, 2, 4])
@pytest.mark.parametrize("leave", [0, 1])
def test_bad_message(personal, pop3, at, leave, pipelining):
    """It comes last, is set aside after five failures, and then is tried once a day; the rest is served all the time."""
    good = mails("g", 4)
    s = pop3(BadMessage("bad", pipelining), good[:at] + [corpus.mail("bad")] + good[at:])
    personal.record("anna@example.org", "work", s, leave=leave)
    personal.once()
    assert personal.once().code == 0, "everything else came in: the record is well"
    assert idents(personal) == {ANNA: names("g", 4)}
    for i in range(4):
        personal.once()
    assert personal.state("SELECT failures, aside FROM suspects") == [(5, "yes")]
    retrieved = s.count("retr")
    s.box.add(corpus.mail("g4"))
    assert personal.once().code == 0
    assert s.count("retr") == retrieved + 1
    assert idents(personal) == {ANNA: names("g", 5)}
    assert corpus.mail("bad") in s.box.left()
    assert len(s.box.left()) == (6 if leave else 1)
    assert notices(personal, b"cannot be retrieved") == 1
    forget_tries(personal)
    personal.once()
    assert s.count("retr") == retrieved + 2, "once a day"
    personal.once()
    assert s.count("retr") == retrieved + 2
    forget_tries(personal)
    s.behaviour = Behaviour()
    assert personal.once().code == 0
    assert "bad" in idents(personal)[ANNA]
    assert personal.state("SELECT count(*) FROM suspect") == [(0,)]


def test_bad_message_in_status(personal, pop3):
    s = pop3(BadMessage("bad"), [corpus.mail("bad")])
    personal.record("anna@example.org", "work", s)
    for _ in range(5):
        personal.once()
    d = personal.start()
    record = personal.status()["records"][0]
    assert record["suspects"] == 1 and record["aside"] == 1
    assert d.stop() == 0


def test_bad_network(personal, pop3):
    """The connection is lost at another message each time: nothing is set aside, everything comes in."""
    class Worse(Behaviour):
        left = 3

        def cmd_retr(self, s, arg):
            if self.left == 0:
                s.send(b"+OK\r\n" + self.body(s, int(arg))[:100])
                self.left = 3
                raise Close
            self.left -= 1
            super().cmd_retr(s, arg)
    s = pop3(Worse(), mails("n", 12))
    personal.record("anna@example.org", "work", s, leave=1)
    for _ in range(12):
        personal.once()
    assert idents(personal) == {ANNA: names("n", 12)}
    assert personal.state("SELECT count(*) FROM suspect") == [(0,)]


# --- a session in doubt ---

@pytest.mark.parametrize("leave", [0, 1])
def test_out_of_step_is_compared_again(personal, pop3, leave):
    """Each message was taken for its neighbour: all of them are delivered in the end, and none twice."""
    s = pop3(B.StaleRetr(), mails("o", 6))
    personal.record("anna@example.org", "work", s, leave=leave)
    assert personal.once().code == 1
    s.behaviour = Behaviour()
    for _ in range(2):
        assert personal.once().code == 0
    delivered = idents(personal)[ANNA]
    assert [d for d in delivered if d[0] == "o"] == names("o", 6)
    assert len(s.box.left()) == (6 if leave else 0)


@pytest.mark.parametrize("leave", [0, 1])
@pytest.mark.parametrize("point", ["master.commit_after", "master.verdict_sent", "master.done", "master.proving", "master.state_unprove"])
def test_out_of_step_and_killed(personal, pop3, point, leave):
    """The master dies without learning that the session was out of step."""
    s = pop3(B.StaleRetr(), mails("o", 6))
    personal.record("anna@example.org", "work", s, leave=leave)
    personal.once("-K", "rpopd:%s:1" % point, hooks=True)
    s.behaviour = Behaviour()
    for _ in range(3):
        personal.once()
    delivered = idents(personal)[ANNA]
    assert [d for d in delivered if d[0] == "o"] == names("o", 6)
    assert len(s.box.left()) == (6 if leave else 0)
    assert personal.state("SELECT count(*) FROM unproven") == [(0,)]


@pytest.mark.parametrize("leave", [0, 1])
def test_an_interrupted_session_is_not_repeated(personal, pop3, leave):
    """What a session has committed before it is cut is not retrieved again."""
    s = pop3(B.Cut("retr", 0.5, nth=180), mails("i", 200))
    personal.record("anna@example.org", "work", s, leave=leave)
    assert personal.once().code == 1
    s.behaviour = Behaviour()
    before = s.count("retr")
    assert personal.once().code == 0
    assert idents(personal)[ANNA] == names("i", 200)
    assert s.count("retr") - before < 160
    assert len(s.box.left()) == (200 if leave else 0)


# --- the store ---

def old_state(rig):
    data = os.path.join(rigs.REPO, "regress", "data", "state-1.sql")
    import subprocess
    with open(data) as f:
        subprocess.run(["sqlite3", "-bail", rig.statedb], input=f.read(), text=True, check=True)
    os.chmod(rig.statedb, 0o600)


@pytest.mark.parametrize("point", [None, "master.state_migrate", "master.state_migrated"])
def test_upgrade_of_the_state(personal, pop3, point):
    """A store of version 1 is brought up at start; killed in the middle, at the next one.  Nothing is retrieved again."""
    import sqlite3
    s = pop3(messages=mails("u", 5))
    personal.record("anna@example.org", "work", s, leave=1)
    personal.write_db()
    assert personal.once().code == 0
    rows = personal.state("SELECT uid, state, gone, size, sha256 FROM seen")
    boxes = personal.state("SELECT id, account, record, host, port, login FROM mailbox")
    for suffix in ("", "-wal", "-shm"):
        if os.path.exists(personal.statedb + suffix):
            os.unlink(personal.statedb + suffix)
    os.unlink(os.path.join(personal.mail, ".rpopd"))	# that version left none
    old_state(personal)
    with sqlite3.connect(personal.statedb) as c:
        c.executemany("INSERT INTO mailbox VALUES (?, ?, ?, ?, ?, ?)", boxes)
        c.executemany("INSERT INTO seen VALUES (1, ?, ?, ?, ?, ?)", rows)
    if point:
        assert personal.once("-K", "rpopd:%s:1" % point, hooks=True).code == -signal.SIGKILL
    assert personal.once().code == 0
    assert s.count("retr") == 5
    assert personal.state("PRAGMA user_version") == [(5,)]
    now = time.time()
    assert all(now - 600 < since <= now for since, in personal.state("SELECT since FROM seen"))
    assert idents(personal) == {ANNA: names("u", 5)}
