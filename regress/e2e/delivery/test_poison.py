# SPDX-License-Identifier: ISC
"""A message that kills the deliverer stops neither its mailbox nor the daemon.  Test build: the deliverer aborts on a message with
the header field X-Poison-Test: abort."""
import json

import pytest

from lib import corpus, rig as rigs
from servers.pop3 import Behaviour

ANNA = "example.org/anna"
PATIENCE = 2 * rigs.PATIENCE


def poison(ident):
    return corpus.mail(ident, [("X-Poison-Test", "abort")])


def mails(prefix, n):
    return [corpus.mail("%s%d" % (prefix, i)) for i in range(n)]


def polls(rig, n):
    for _ in range(n):
        rig.once(hooks=True, timeout=PATIENCE)


@pytest.mark.parametrize("at", [0, 3, 6])
@pytest.mark.parametrize("leave", [0, 1])
def test_poison(personal, pop3, at, leave):
    """The rest of the mailbox is served, the poisonous message stays on the server, set aside with its reason."""
    good = mails("g", 6)
    s = pop3(messages=good[:at] + [poison("bad")] + good[at:])
    other = pop3(messages=mails("o", 3))
    personal.record("anna@example.org", "poisoned", s, leave=leave)
    personal.record("postmaster@example.org", "other", other)
    polls(personal, 8)
    assert personal.idents() == {ANNA: ["g%d" % i for i in range(6)], "example.org/postmaster": ["o0", "o1", "o2"]}
    assert poison("bad") in s.box.left()
    assert len(s.box.left()) == (7 if leave else 1)
    assert [r[0] for r in personal.state("SELECT deaths FROM suspect")] == [3]
    retrieved = s.count("retr")
    polls(personal, 2)
    assert s.count("retr") == retrieved, "set aside, and still retrieved"
    s.box.add(corpus.mail("late"))
    polls(personal, 1)
    assert "late" in personal.idents()[ANNA]


def test_two_poisons(personal, pop3):
    s = pop3(messages=[poison("bad1")] + mails("g", 4) + [poison("bad2")])
    personal.record("anna@example.org", "poisoned", s)
    polls(personal, 14)
    assert personal.idents() == {ANNA: ["g0", "g1", "g2", "g3"]}
    assert s.box.left() == [poison("bad1"), poison("bad2")]


def aside(rig):
    """(what rpopctl wants to be told, its row) of each message that is set aside."""
    return [("%d-%s" % (q["mailbox"], q["uid"]), q) for q in json.loads(rig.ctl("-j", "quarantine").log)["queue"] if q["state"] == "aside"]


def test_aside_released_dropped(personal, pop3):
    """Listed with the quarantine; released it is retrieved like any other, dropped never again; the server keeps it meanwhile."""
    s = pop3(messages=[poison("bad1"), poison("bad2")])
    personal.record("anna@example.org", "poisoned", s)
    polls(personal, 12)
    assert [r[0] for r in personal.state("SELECT deaths FROM suspect")] == [3, 3]
    daemon = personal.start()
    (one, row), (two, _) = aside(personal)
    assert row["id"] is None and row["record"] == "anna@example.org/poisoned"
    assert "set aside on its server" in personal.ctl("quarantine").log
    assert personal.ctl("quarantine", "release", "1-nothing", check=False).code == 1
    assert personal.ctl("quarantine", "drop", two).code == 0
    assert personal.ctl("quarantine", "release", one).code == 0
    assert aside(personal) == []
    personal.ctl("poll", "all")
    rigs.wait_for(lambda: personal.idents().get(ANNA) == ["bad1"], "the released message")
    rigs.wait_for(lambda: idle(personal), "the session to end")
    assert s.box.left() == [poison("bad2")]
    retrieved = s.count("retr")
    personal.ctl("poll", "all")
    rigs.wait_for(lambda: len(s.sessions) >= 14 and idle(personal), "one more session")
    assert s.count("retr") == retrieved and personal.idents() == {ANNA: ["bad1"]}
    assert daemon.stop() == 0


def test_running_daemon(personal, pop3):
    """The daemon itself goes on, and says what is wrong."""
    s = pop3(messages=mails("g", 4) + [poison("bad")])
    other = pop3(messages=mails("o", 3))
    personal.settings["delay_failed_accounts"] = 10
    personal.record("anna@example.org", "poisoned", s, period=10)
    personal.record("postmaster@example.org", "other", other, period=10)
    daemon = personal.start(hooks=True)
    for turn in range(6):
        rigs.wait_for(lambda: personal.ctl("poll", "all", check=False).code == 0, "the control socket")
        rigs.wait_for(lambda: idle(personal), "the sessions to end", PATIENCE)
    rigs.wait_for(lambda: personal.idents().get(ANNA) == ["g0", "g1", "g2", "g3"], "the good messages")
    rigs.wait_for(lambda: record(personal, "poisoned")["aside"] == 1 or not personal.ctl("poll", "all"), "the poison to be set aside",
        PATIENCE)
    other.box.add(corpus.mail("late"))
    personal.ctl("poll", "all")
    rigs.wait_for(lambda: "late" in personal.idents()["example.org/postmaster"], "new mail of the other record")
    assert daemon.stop() == 0


def record(rig, name):
    return [r for r in rig.status()["records"] if r["name"].endswith(name)][0]


def idle(rig):
    return all(r["state"] in ("idle", "disabled") for r in rig.status()["records"])


def test_refused_retr_blocks_nobody(personal, pop3):
    """A message the server will not give, first in the box, poll after poll."""
    class Never(Behaviour):
        def cmd_retr(self, s, arg):
            return self.err(s, "retr", b"internal error") if arg == b"1" else super().cmd_retr(s, arg)
    s = pop3(Never(), mails("r", 3))
    personal.record("anna@example.org", "work", s)
    for _ in range(3):
        personal.once()
    assert personal.idents() == {ANNA: ["r1", "r2"]}
