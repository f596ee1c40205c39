# SPDX-License-Identifier: ISC
"""What rpopctl tells of polls that are under way."""
import pytest

from lib import corpus, rig as rigs
from servers.gate import Gate, Sizeless

ANNA = "anna@example.org"


@pytest.fixture
def gated(personal, pop3):
    """A record whose server holds back its messages, and the daemon; `personal.gate` lets them go."""
    def make(n, behaviour=None, **columns):
        personal.gate = behaviour or Gate()
        personal.server = pop3(personal.gate, [corpus.mail("m%d" % i) for i in range(n)])
        personal.record(ANNA, "isp", personal.server, **columns)
        personal.daemon = personal.start()
        return personal
    yield make
    personal.gate.let(100000)
    assert personal.daemon.stop() == 0


def row(rig, name="isp"):
    found, = [r for r in rig.status()["records"] if r["name"] == name]
    return found


def test_progress(gated):
    """Messages and octets of those that the session is to retrieve, and no time before there is a rate to go by."""
    rig = gated(40)
    total = sum(len(m) for m in rig.server.box.left())
    first = rigs.wait_for(lambda: row(rig)["planned"] and row(rig), "the plan")
    assert first["state"] == "fetching" and first["planned"] == 40 and first["fetched"] == 0 and first["planned_octets"] == total
    assert first["fetched_octets"] == 0 and first["seconds_left"] is None
    assert "0 of 40 messages, 0 octets of %.1f kB\n" % (total / 1000) in rig.ctl("show", "account", ANNA).log

    rig.gate.let(2)
    later = rigs.wait_for(lambda: row(rig)["seconds_left"] is not None and row(rig), "an estimate")
    assert later["fetched"] == 2 and 0 < later["fetched_octets"] < total and later["seconds_left"] > 0
    assert " left\n" in rig.ctl("status").log and "2 of 40 messages" in rig.ctl("status").log
    rig.gate.let(40)
    rigs.wait_for(lambda: row(rig)["polls"], "the poll")
    assert row(rig)["planned"] == 0 and row(rig)["seconds_left"] is None and row(rig)["messages"] == 40
    assert " messages, " not in rig.ctl("status").log


def test_sizes_that_are_not_told(gated):
    rig = gated(3, Sizeless())
    rig.gate.let()
    r = rigs.wait_for(lambda: row(rig)["fetched"] and row(rig), "a message")
    assert r["planned"] == 3 and r["fetched"] == 1 and r["planned_octets"] is None and r["fetched_octets"] > 0
    assert "1 of 3 messages, " in rig.ctl("status").log and "octets of" not in rig.ctl("status").log


def test_a_message_that_is_not_to_be_had(gated):
    """It is answered for as well."""
    class Refuses(Gate):
        def cmd_retr(self, s, arg):
            if arg == b"1":
                return self.err(s, "gone", b"[SYS/PERM] not this one")
            super().cmd_retr(s, arg)
    rig = gated(3, Refuses())
    r = rigs.wait_for(lambda: row(rig)["fetched"] and row(rig), "the refusal")
    assert r["planned"] == 3 and r["fetched"] == 1
