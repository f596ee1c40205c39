# SPDX-License-Identifier: ISC
"""Scheduler: ceiling of sessions, disabled records, periods, back-off."""
import time

import pytest

from lib import corpus, rig as rigs
from servers import behaviours as B
from servers.pop3 import Behaviour

ANNA = "example.org/anna"


class Slow(Behaviour):
    """Takes its time at login, so that sessions overlap."""

    def login(self, s):
        time.sleep(0.4)
        super().login(s)


def rows(rig):
    return {r["name"]: r for r in rig.status()["records"]}


@pytest.mark.parametrize("ceiling", [1, 3, 8])
def test_ceiling(personal, pop3, ceiling):
    """Never more sessions than processors, and as many as that while there is work."""
    server = pop3(Slow(), [corpus.mail("m%d" % i) for i in range(2)])
    personal.settings["processors"] = ceiling
    for i in range(12):
        personal.record("anna@example.org", "r%02d" % i, server, leave=1)
    assert personal.once().code == 0
    assert server.most_open == ceiling
    assert len(personal.idents()[ANNA]) == 24


def test_zero_processors(personal, pop3):
    """With processors = 0 no session is ever opened."""
    server = pop3(messages=[corpus.mail("m")])
    personal.settings["processors"] = 0
    personal.record("anna@example.org", "work", server)
    daemon = personal.start()
    personal.ctl("poll", "all", check=False)
    time.sleep(1)
    assert server.sessions == []
    personal.sqlite("UPDATE settings SET processors = 5;")
    personal.ctl("reload")
    rigs.wait_for(lambda: personal.idents() == {ANNA: ["m"]}, "the message")
    assert daemon.stop() == 0


def test_disabled_record(personal, pop3):
    off, on = pop3(messages=[corpus.mail("off")]), pop3(messages=[corpus.mail("on")])
    personal.record("anna@example.org", "off", off, period=None)
    personal.record("anna@example.org", "on", on, period=10)
    assert personal.once().code == 0
    daemon = personal.start()
    personal.ctl("poll", "all")
    rigs.wait_for(lambda: len(on.sessions) >= 3, "several polls of the other record")
    assert off.sessions == []
    assert rows(personal)["off"]["state"] == "disabled"
    assert daemon.stop() == 0


def test_period(personal, pop3):
    """Polled again and again without being asked."""
    server = pop3(messages=[corpus.mail("p0")])
    personal.record("anna@example.org", "work", server, period=10)
    daemon = personal.start()
    rigs.wait_for(lambda: len(server.sessions) == 1, "the first poll")
    server.box.add(corpus.mail("p1"))
    rigs.wait_for(lambda: personal.idents().get(ANNA) == ["p0", "p1"], "the second poll")
    assert daemon.stop() == 0


def test_backoff(personal, pop3):
    """After failures the waits grow; a success, and a restart, change it as they should."""
    server = pop3(B.RefuseLogin(), [corpus.mail("b")])
    personal.settings["delay_failed_accounts"] = 600
    personal.record("anna@example.org", "work", server, period=10)
    daemon = personal.start()
    waits = []
    for n in range(1, 4):
        rigs.wait_for(lambda: rows(personal)["work"]["failures"] == n and rows(personal)["work"]["state"] == "idle", "failure %d" % n)
        r = rows(personal)["work"]
        waits.append(r["next_poll_epoch"] - r["last_attempt_epoch"] if "next_poll_epoch" in r else when(r["next_poll"]) - when(r["last_attempt"]))
        if n < 3:
            personal.ctl("poll", "all")
    assert 590 <= waits[0] <= 700 and waits[1] > 1.5 * waits[0] and waits[2] > 1.5 * waits[1]
    assert daemon.stop() == 0
    before = len(server.sessions)
    daemon = personal.start()
    time.sleep(1)
    assert len(server.sessions) == before, "a restart forgets no back-off"
    server.behaviour = Behaviour()
    personal.ctl("poll", "all")
    rigs.wait_for(lambda: rows(personal)["work"]["failures"] == 0 and rows(personal)["work"]["last_success"], "the success")
    r = rows(personal)["work"]
    assert when(r["next_poll"]) - when(r["last_attempt"]) <= 60
    assert daemon.stop() == 0


def when(value):
    """Epoch seconds of a time in the JSON."""
    import datetime
    if isinstance(value, (int, float)):
        return value
    return datetime.datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()


def test_one_session_a_record(personal, pop3):
    """poll during a poll: no second session beside the first, one more behind it."""
    server = pop3(Slow(), [corpus.mail("m")])
    personal.record("anna@example.org", "work", server, leave=1)
    daemon = personal.start()
    rigs.wait_for(lambda: server.sessions, "the first session")
    for _ in range(5):
        personal.ctl("poll", "all")
    rigs.wait_for(lambda: len(server.sessions) >= 2, "the second session")
    rigs.wait_for(lambda: rows(personal)["work"]["state"] == "idle", "the end")
    assert server.most_open == 1
    assert len(server.sessions) <= 3
    assert personal.idents() == {ANNA: ["m"]}
    assert daemon.stop() == 0


def test_many_records(personal, pop3):
    """200 records of one server, as many at a time as one host may have, each its own mailbox state."""
    server = pop3(messages=[corpus.mail("m")])
    for i in range(200):
        personal.record("anna@example.org", "r%03d" % i, server, leave=1)
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: ["m"] * 200}
    assert server.most_open <= 10
    assert personal.once().code == 0
    assert len(personal.idents()[ANNA]) == 200
