# SPDX-License-Identifier: ISC
"""
Servers that hang up at CAPA, at AUTH alone, or answer CAPA in one line: polled all the same, without the question, which is
remembered; and nobody who cuts the answer gains a weaker login by it.
"""
import sqlite3

import pytest

from lib import corpus, rig as rigs
from servers.pop3 import Behaviour, Close

ANNA = "anna@example.org"
BOX = "example.org/anna"


class HangsUp(Behaviour):
    def cmd_capa(self, s, arg):
        raise Close


class OneLine(Behaviour):
    """The list in the first line, and no end of it."""

    def cmd_capa(self, s, arg):
        self.ok(s, "capa", b"TOP UIDL USER")


class HangsUpAtAuth(Behaviour):
    """CAPA is refused, and AUTH alone is too much."""

    def cmd_capa(self, s, arg):
        self.err(s, "capa", b"unknown command")

    def cmd_auth(self, s, arg):
        raise Close


class HangsUpWithChallenge(HangsUp):
    apop = True


def mails(n):
    return [corpus.mail("m%d" % i) for i in range(n)]


def write(rig, sql):
    with sqlite3.connect(rig.statedb) as c:
        c.execute(sql)


@pytest.mark.parametrize("behaviour,mode,auth", [(b, m, a) for b in (HangsUp, OneLine, HangsUpAtAuth)
    for m, a in (("plain", "user"), ("stls", "auto"), ("pop3s", "auto")) if b is not HangsUpAtAuth or a == "auto"])
def test_once_more_without(personal, pop3, behaviour, mode, auth):
    """The same poll brings the mail; the next ones do not ask, and pay one connection."""
    server = pop3(behaviour(), mails(2), mode)
    personal.record(ANNA, "r", server, auth=auth)
    first = personal.once()
    assert first.code == 0 and "once more without CAPA" in first.log, first.log
    assert personal.idents()[BOX] == ["m0", "m1"]
    assert len(server.sessions) == 2
    server.box.add(corpus.mail("m2"))
    assert personal.once().code == 0
    assert len(server.sessions) == 3 and "capa" not in server.sessions[2].names()
    assert "m2" in personal.idents()[BOX]
    assert personal.state("SELECT failures FROM record_state") == [(0,)]


def test_asked_again_after_a_week(personal, pop3):
    server = pop3(HangsUp(), mails(1))
    personal.record(ANNA, "r", server, auth="user")
    assert personal.once().code == 0
    write(personal, "UPDATE record_state SET no_capa = no_capa - 7 * 86400")
    server.behaviour = Behaviour()
    assert personal.once().code == 0
    assert "capa" in server.sessions[-1].names()


def test_nothing_weaker_in_the_dark(personal, pop3):
    """tls none and auth auto: whoever cuts the answer to CAPA gets no password."""
    server = pop3(HangsUp(), mails(1))
    personal.record(ANNA, "r", server)
    result = personal.once()
    assert result.code == 1 and personal.idents() == {}
    assert len(server.sessions) == 1 and server.sessions[0].names() == ["capa"]


def test_apop_in_the_dark(personal, pop3):
    """A record that permits APOP gets it, and without a challenge nothing."""
    server = pop3(HangsUpWithChallenge(), mails(1))
    personal.record(ANNA, "r", server, apop=1)
    assert personal.once().code == 0
    assert "apop" in server.sessions[1].names() and "user" not in server.sessions[1].names()
    server.behaviour = HangsUp()
    server.box.add(corpus.mail("m1"))
    result = personal.once()
    assert result.code == 1 and "set auth to user" in result.log
    assert not any("user" in s.names() or "pass" in s.names() for s in server.sessions)


def test_a_dead_server_is_no_reason(personal, pop3):
    """It hangs up at everything: the second connection is made once, not at every poll, and nothing is remembered."""
    class Dead(HangsUp):
        def cmd_user(self, s, arg):
            raise Close
    server = pop3(Dead(), mails(1))
    personal.record(ANNA, "r", server, auth="user")
    personal.settings["delay_failed_hosts"] = 10
    daemon = personal.start()
    rigs.wait_for(lambda: len(server.sessions) >= 2, "both attempts")

    def third():
        personal.ctl("poll", "all")
        return len(server.sessions) >= 3
    rigs.wait_for(third, "the next poll")
    rigs.wait_for(lambda: personal.status()["records"][0]["state"] not in ("dialing", "starting"), "its end")
    assert daemon.log().count("once more without CAPA") == 1
    assert personal.state("SELECT no_capa FROM record_state") == [(0,)]
    daemon.stop()
