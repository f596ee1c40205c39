# SPDX-License-Identifier: ISC
"""
Nothing is deleted, skipped or hidden on the word of a unique-id alone: servers that give one again (RFC 1939 section 7), are
replaced or lose their mail in between.  Every new message comes, none comes twice, and no proof is asked for that is not needed.
"""
import sqlite3

import pytest

from lib import corpus, rig as rigs
from servers import behaviours as B
from servers.pop3 import Behaviour
from servers.smtp import OK, TEMP

ANNA = "example.org/anna"
DAY = 86400


def mails(prefix, n, octets=0):
    """Of different sizes."""
    return [corpus.mail("%s%d" % (prefix, i), body=b"x" * (octets + 7 * i) + b"\r\n") for i in range(n)]


def same_size(data, ident):
    """Another message of the very size."""
    other = corpus.mail(ident, body=b"")
    assert len(other) <= len(data) - 2
    return other + b"y" * (len(data) - 2 - len(other)) + b"\r\n"


def others(exact):
    """Five new messages; exact: of the sizes of the old ones."""
    return [same_size(m, "new%d" % i) for i, m in enumerate(mails("old", 5))] if exact else mails("new", 5, 1000)


def names(prefix, n):
    return sorted("%s%d" % (prefix, i) for i in range(n))


def idents(rig):
    found = {where: [i for i in ids if i != "?"] for where, ids in rig.idents().items()}
    return {where: ids for where, ids in found.items() if ids}


def fill(server, messages, first=1):
    """Unique-ids from a counter, from first on."""
    with server.box.lock:
        server.box.messages[:] = []
    for i, data in enumerate(messages):
        server.box.add(data, uid="%d" % (first + i))


def age(rig, days):
    with sqlite3.connect(rig.statedb) as c:
        c.execute("UPDATE seen SET since = since - ?, gone = gone - ?", (days * DAY, days * DAY))
        c.execute("UPDATE suspect SET gone = gone - ?", (days * DAY,))
        c.execute("UPDATE oversize SET gone = gone - ?", (days * DAY,))


def polls(rig, n=2):
    for _ in range(n):
        assert rig.once().code == 0


class NoTop(Behaviour):
    capabilities = ["USER", "UIDL", "PIPELINING"]

    def cmd_top(self, s, arg):
        self.err(s, "top", b"unknown command")


@pytest.fixture
def counted(personal, pop3):
    """A rig whose record has delivered five messages with unique-ids from a counter and left them."""
    def make(behaviour=None, messages=None, **columns):
        personal.server = pop3(behaviour)
        fill(personal.server, mails("old", 5) if messages is None else messages)
        personal.row = personal.record("anna@example.org", "work", personal.server, **dict({"leave": 1}, **columns))
        assert personal.once().code == 0
        return personal
    return make


def change(rig, **columns):
    rig.row.update(columns)
    rig.write_db()


# --- stories ---

@pytest.mark.parametrize("behaviour", [Behaviour, NoTop])
@pytest.mark.parametrize("exact", [True, False])
def test_emptied_elsewhere(counted, behaviour, exact):
    """Emptied, polled, new mail under the same unique-ids, also of the very sizes: it comes, and later goes."""
    rig = counted(behaviour())
    fill(rig.server, [])
    polls(rig)
    fill(rig.server, others(exact))
    polls(rig)
    assert idents(rig) == {ANNA: names("new", 5) + names("old", 5)}
    change(rig, leave=0)
    polls(rig)
    assert idents(rig) == {ANNA: names("new", 5) + names("old", 5)}
    assert rig.server.box.left() == []


@pytest.mark.parametrize("leave", [0, 1])
def test_machine_replaced(counted, leave):
    """Other mail under all unique-ids, never polled in between, all sizes differ."""
    rig = counted()
    fill(rig.server, mails("new", 5, 1000))
    change(rig, leave=leave)
    polls(rig)
    assert idents(rig) == {ANNA: names("new", 5) + names("old", 5)}
    assert len(rig.server.box.left()) == (5 if leave else 0)


@pytest.mark.parametrize("behaviour", [Behaviour, NoTop])
def test_machine_replaced_same_sizes(counted, behaviour):
    """The size says nothing; before anything is deleted the header does, or the message itself."""
    rig = counted(behaviour())
    fill(rig.server, others(True))
    change(rig, leave=0)
    polls(rig)
    assert idents(rig) == {ANNA: names("new", 5) + names("old", 5)}
    assert rig.server.box.left() == []


def alarm(n, word):
    """A device's, to a server that writes no Received: the same header and the same size each time."""
    return b"From: device@example.net\r\nTo: anna@example.org\r\nSubject: alarm\r\n\r\nsensor %02d: %s\r\n" % (n, word)


@pytest.mark.parametrize("how", ["replaced", "emptied"])
def test_equal_headers(counted, how):
    """Size and header agree, and prove nothing: others may have them.  The messages are retrieved and compared."""
    rig = counted(messages=[alarm(i, b"cold") for i in range(5)])
    if how == "emptied":
        fill(rig.server, [])
        polls(rig)
    fill(rig.server, [alarm(i, b"fire") for i in range(5)])
    if how == "replaced":
        change(rig, leave=0)
    polls(rig)
    words = sorted(m.strip()[-8:] for m in rig.delivered()[ANNA])
    assert words == sorted(b"%02d: %s" % (i, word) for i in range(5) for word in (b"cold", b"fire"))
    change(rig, leave=0)
    polls(rig)
    assert rig.server.box.left() == [] and len(rig.delivered()[ANNA]) == 10


def test_equal_headers_renumbered(counted):
    """A mailbox of such alarms, emptied elsewhere and full of new ones: they are not taken for the old ones under new unique-ids."""
    rig = counted(messages=[alarm(i, b"cold") for i in range(25)])
    fill(rig.server, [alarm(i, b"fire") for i in range(25)], first=101)
    result = rig.once()
    assert result.code == 1 and "headers cannot be compared" in result.log and "paused" in result.log
    daemon = rig.start()
    rig.ctl("renumbered", "retrieve", "anna@example.org/work")
    rigs.wait_for(lambda: len(rig.delivered()[ANNA]) == 51, "the alarms, and the notice")
    assert daemon.stop() == 0
    assert sum(b"fire" in m for m in rig.delivered()[ANNA]) == 25


def test_shifted(counted):
    """A server that counts anew: each message has its neighbour's unique-id.  Nothing comes twice, the new one comes."""
    rig = counted()
    fill(rig.server, mails("old", 5)[1:] + mails("new", 1, 5000))
    polls(rig, 3)
    assert idents(rig) == {ANNA: ["new0"] + names("old", 5)}
    fill(rig.server, mails("first", 1, 9000) + mails("old", 5)[1:] + mails("new", 1, 5000))
    polls(rig, 3)
    assert idents(rig) == {ANNA: ["first0", "new0"] + names("old", 5)}
    retrieved = rig.server.count("retr")
    polls(rig)
    assert rig.server.count("retr") == retrieved


def test_leave_then_delete_costs(counted):
    """The same mail, to be deleted now: proven by TOP, nothing is retrieved.  Without TOP it is, once."""
    rig = counted()
    retrieved = rig.server.count("retr")
    change(rig, leave=0)
    polls(rig)
    assert rig.server.box.left() == []
    assert (rig.server.count("retr"), rig.server.count("top")) == (retrieved, 5)
    assert idents(rig) == {ANNA: names("old", 5)}


@pytest.mark.parametrize("refuse", [NoTop, B.Cut])
def test_leave_then_delete_without_top(counted, refuse):
    """No TOP, or one that ends the session: what cannot be proven by its header is retrieved and compared."""
    rig = counted(NoTop() if refuse is NoTop else Behaviour())
    if refuse is B.Cut:
        rig.server.behaviour = B.Cut("top", 0.5)
    change(rig, leave=0)
    for _ in range(3):
        rig.once()
    assert idents(rig) == {ANNA: names("old", 5)}
    assert rig.server.box.left() == []
    assert rig.server.count("retr") == 10


@pytest.mark.parametrize("leave", [0, 1])
def test_one_session_asks_for_nothing(personal, pop3, leave):
    """What is retrieved and deleted in one session costs no command more, today and with rows from yesterday."""
    s = pop3()
    personal.record("anna@example.org", "work", s, leave=leave)
    for i in range(3):
        s.box.add(corpus.mail("m%d" % i))
        assert personal.once().code == 0
        want = ["capa", "user", "pass", "stat", "list", "uidl", "retr", "list"] + (["quit"] if leave else ["dele", "quit"])
        assert [n for n in s.sessions[-1].names() if n != "capa"] == want[1:]


@pytest.mark.parametrize("lost", [B.LoseAtQuit, B.ExpungeThenLose])
@pytest.mark.parametrize("exact", [True, False])
def test_quit_lost_and_reused(counted, lost, exact):
    """The answer to QUIT was lost, the mailbox was emptied, its unique-ids are given again at once."""
    rig = counted(messages=[], leave=0)
    fill(rig.server, mails("old", 5))
    rig.server.behaviour = lost()
    assert rig.once().code == 1
    rig.server.behaviour = Behaviour()
    fill(rig.server, others(exact))
    polls(rig)
    assert idents(rig) == {ANNA: names("new", 5) + names("old", 5)}
    assert rig.server.box.left() == []


@pytest.mark.parametrize("exact", [True, False])
def test_leave_days_and_reused(counted, exact):
    rig = counted(leave_days=5)
    age(rig, 6)
    fill(rig.server, others(exact))
    polls(rig)
    assert idents(rig) == {ANNA: names("new", 5) + names("old", 5)}
    assert len(rig.server.box.left()) == 5, "new mail is not yet old"


def test_leave_days_without_top(counted):
    """Retrieved and compared, then deleted in the same session."""
    rig = counted(NoTop(), leave_days=5)
    age(rig, 6)
    assert rig.once().code == 0
    assert rig.server.box.left() == []
    assert idents(rig) == {ANNA: names("old", 5)}


# --- first_poll = mark ---

def test_mark_and_another_size(counted):
    rig = counted(first_poll="mark")
    assert idents(rig) == {}
    fill(rig.server, mails("old", 4) + mails("new", 1, 1000))
    polls(rig)
    assert idents(rig) == {ANNA: ["new0"]}


def test_mark_and_back(counted):
    """A few marked unique-ids that were gone are back: new mail, whatever their sizes."""
    rig = counted(first_poll="mark")
    fill(rig.server, [])
    polls(rig)
    fill(rig.server, others(True))
    polls(rig)
    assert idents(rig) == {ANNA: names("new", 5)}


def test_marked_mailbox_flickers(counted):
    """Many that are back with the sizes they had prove each other; among them one has another size."""
    rig = counted(messages=mails("old", 40), first_poll="mark")
    for days in (0, 2):
        fill(rig.server, [])
        polls(rig)
        age(rig, days)
        assert rig.once().code == 0
        fill(rig.server, mails("old", 40))
        polls(rig)
        assert idents(rig) == {}
    fill(rig.server, [])
    polls(rig, 1)
    fill(rig.server, mails("old", 39) + mails("new", 1, 5000))
    polls(rig)
    assert idents(rig) == {ANNA: ["new0"]}


@pytest.mark.parametrize("behaviour", [Behaviour, NoTop])
@pytest.mark.parametrize("leave", [0, 1])
def test_empty_for_days_and_back(counted, behaviour, leave):
    """Nothing comes twice; without TOP it is retrieved and compared."""
    rig = counted(behaviour())
    old = rig.server.count("retr")
    fill(rig.server, [])
    polls(rig)
    age(rig, 2)
    polls(rig)
    change(rig, leave=leave)
    fill(rig.server, mails("old", 5))
    polls(rig)
    assert idents(rig) == {ANNA: names("old", 5)}
    assert rig.server.count("retr") == (old if behaviour is Behaviour else old + 5)
    assert len(rig.server.box.left()) == (5 if leave else 0)
    fill(rig.server, [])
    polls(rig)
    age(rig, 31)
    polls(rig)
    assert rig.state("SELECT count(*) FROM seen") == [(0,)], "remembered for a month"


# --- max_size, suspects ---

def big(ident, octets=50_000):
    return corpus.mail(ident, body=b"octets and more\r\n" * (octets // 17))


def test_oversize_reused(counted):
    """Another message under the unique-id of one that was too large: retrieved, or reported as itself."""
    rig = counted(messages=[big("big")], max_size=20_000)
    fill(rig.server, mails("new", 1))
    polls(rig)
    assert idents(rig) == {ANNA: ["new0"]}
    fill(rig.server, [big("big", 60_000)])
    polls(rig)
    fill(rig.server, [big("big", 70_000)])
    polls(rig)
    assert [size for size, in rig.state("SELECT size FROM oversize")] == [len(big("big", 70_000))]
    assert sum("over max_size" in line for line in rig.log().splitlines()) == 3


@pytest.mark.parametrize("away", [False, True])
def test_oversize_header_reused(counted, away):
    rig = counted(messages=[big("big0")], max_size=20_000, oversize="headers")
    assert idents(rig) == {ANNA: ["big0"]}
    for after in ([big("big1", 60_000)] if not away else [same_size(big("big0"), "big1")], None):
        if away:
            fill(rig.server, [])
            polls(rig)
        fill(rig.server, after or [m.data for m in rig.server.box.messages] or [same_size(big("big0"), "big1")])
        polls(rig)
        assert idents(rig) == {ANNA: ["big0", "big1"]}, "the new header once, and no header twice"


def test_aside_and_reused(counted):
    """A message at which sessions failed is set aside; another one under its unique-id is not."""
    rig = counted(messages=[])
    fill(rig.server, mails("bad", 1))
    rig.server.behaviour = B.Cut("retr", 0.5)
    for _ in range(6):
        rig.server.behaviour.met = 0
        rig.once()
    assert rig.state("SELECT aside FROM suspects") == [("yes",)]
    rig.server.behaviour = Behaviour()
    polls(rig, 1)
    assert idents(rig) == {}
    fill(rig.server, mails("new", 1, 1000))
    polls(rig)
    assert idents(rig) == {ANNA: ["new0"]}
    assert rig.state("SELECT count(*) FROM suspect") == [(0,)]


# --- messages that wait for a next hop ---

@pytest.fixture
def waiting(unified, smtp, pop3):
    """A rig whose one message, to be deleted, waits for its next hop."""
    hop = smtp("smtp")
    unified.nexthop("hop", hop)
    unified.settings["nexthop"] = "hop"
    hop.answers = {"anna@example.org": [TEMP, OK, OK, OK]}
    unified.server, unified.hop = pop3(), hop
    fill(unified.server, [held("old")])
    unified.record("postmaster@example.org", "r", unified.server, special="X-Real-To")
    assert unified.once().code == 0
    assert unified.state("SELECT state FROM seen") == [(5,)]
    return unified


def held(ident, extra=0):
    return corpus.mail(ident, [("X-Real-To", "anna@example.org")], b"z" * (100 + extra) + b"\r\n")


def due(rig):
    with sqlite3.connect(rig.statedb) as c:
        c.execute("UPDATE relay SET next = strftime('%s') - 1")


def handed(rig):
    return sorted(corpus.ident_of(m.data) for m in rig.hop.mails if m.taken())


@pytest.mark.parametrize("extra", [0, 500])
@pytest.mark.parametrize("polled", [False, True])
def test_waiting_and_reused(waiting, extra, polled):
    """Deleted elsewhere and its unique-id given again while it waits: the hop's answer is about the old one only."""
    fill(waiting.server, [held("new", extra)])
    if polled:
        assert waiting.once().code == 0
    due(waiting)
    for _ in range(3):
        assert waiting.once().code == 0
    assert handed(waiting) == ["new", "old"]
    assert waiting.server.box.left() == []
    assert waiting.state("SELECT count(*) FROM relay") == [(0,)]
    assert waiting.spooled() == []


def test_waiting_is_proven(waiting):
    """Accepted in a later session: proven by its header, and deleted without a second retrieval."""
    due(waiting)
    for _ in range(2):
        assert waiting.once().code == 0
    assert handed(waiting) == ["old"]
    assert waiting.server.box.left() == []
    assert (waiting.server.count("retr"), waiting.server.count("top")) == (1, 1)


def test_waiting_flickers(waiting):
    """Absent and back: the message goes on waiting, once."""
    old = [m.data for m in waiting.server.box.messages]
    fill(waiting.server, [])
    assert waiting.once().code == 0
    fill(waiting.server, old)
    assert waiting.once().code == 0
    assert waiting.state("SELECT state, gone FROM seen") == [(5, None)]
    due(waiting)
    for _ in range(2):
        assert waiting.once().code == 0
    assert handed(waiting) == ["old"]
    assert waiting.server.box.left() == []


# --- servers without UIDL ---

def test_equal_messages_without_uidl(personal, pop3):
    """Two in one listing are two; one more in a later session is one more, on the same day."""
    s = pop3(B.NoUidl(), mails("n", 1) * 2)
    personal.record("anna@example.org", "work", s)
    polls(personal, 1)
    assert idents(personal) == {ANNA: ["n0", "n0"]}
    for n in (3, 4):
        s.box.add(mails("n", 1)[0])
        polls(personal, 1)
        assert s.box.left() == []
        assert idents(personal) == {ANNA: ["n0"] * n}


# --- killed ---

@pytest.mark.parametrize("point", ["rpopd:master.state_change:1", "rpopd:master.proven:1", "rpopd:master.planned:1", "rpopd:master.planned:2",
    "rpopd:master.commit_before:1", "rpopd:master.commit_after:1", "rpopd:master.verdict_sent:1", "rpopd:master.done:1",
    "rpopd:master.state_change:2", "rpopd:master.proving:1", "rpopd:master.state_change:3", "fetcher:fetcher.dele:1", "fetcher:fetcher.quit:1",
    "fetcher:fetcher.quit_ok:1"])
@pytest.mark.parametrize("story", ["replaced", "sizes", "shifted", "emptied", "same"])
def test_killed(counted, story, point):
    """Wherever it ends: every new message once, no old one again, and all of them deleted."""
    rig = counted()
    if story == "emptied":
        fill(rig.server, [])
        polls(rig, 1)
    new = {"replaced": others(True), "sizes": others(False), "shifted": mails("old", 5)[1:] + mails("new", 1, 5000),
        "emptied": others(True), "same": mails("old", 5)}[story]
    fill(rig.server, new)
    change(rig, leave=0)
    rig.once("-K", point, hooks=True)
    for _ in range(4):
        rig.once()
    polls(rig, 1)
    want = {"same": [], "shifted": ["new0"]}.get(story, names("new", 5))
    assert idents(rig) == {ANNA: sorted(want + names("old", 5))}
    assert rig.server.box.left() == []


@pytest.mark.parametrize("point", ["rpopd:master.state_change:1", "rpopd:master.state_change:2", "rpopd:master.proven:1", "rpopd:master.commit_before:1",
    "rpopd:master.commit_after:1", "rpopd:master.done:1", "rpopd:master.proving:1"])
@pytest.mark.parametrize("behaviour", [Behaviour, NoTop])
def test_killed_when_expired(counted, behaviour, point):
    rig = counted(behaviour(), leave_days=5)
    age(rig, 6)
    rig.once("-K", point, hooks=True)
    for _ in range(3):
        rig.once()
    assert idents(rig) == {ANNA: names("old", 5)}
    assert rig.server.box.left() == []


@pytest.mark.parametrize("point", ["rpopd:master.state_change:1", "rpopd:master.proven:1", "rpopd:master.commit_before:1",
    "rpopd:master.commit_after:1", "rpopd:master.proving:1", "rpopd:master.state_change:2"])
def test_killed_while_waiting(waiting, point):
    fill(waiting.server, [held("new", 500)])
    waiting.once("-K", point, hooks=True)
    for _ in range(4):
        due(waiting)
        waiting.once()
    assert handed(waiting) == ["new", "old"]
    assert waiting.server.box.left() == []


@pytest.mark.parametrize("point", ["rpopd:master.proving:1", "rpopd:master.state_change:1", "rpopd:master.state_change:2"])
def test_killed_after_a_lost_quit(counted, point):
    """Before the fingerprints of what was not deleted are kept: then it is retrieved and compared."""
    rig = counted(messages=[], leave=0)
    fill(rig.server, mails("old", 5))
    rig.server.behaviour = B.LoseAtQuit()
    rig.once("-K", point, hooks=True)
    rig.server.behaviour = Behaviour()
    polls(rig)
    assert idents(rig) == {ANNA: names("old", 5)}
    assert rig.server.box.left() == []
