# SPDX-License-Identifier: ISC
"""Nothing goes out that cannot be written down: a state.db that cannot be written, restarts, and what is counted as in doubt."""
import contextlib
import signal
import sqlite3

import pytest

from lib import rig as rigs
from lib.relay import PEOPLE, PM, due, listed, mail, states


@pytest.fixture
def lmtp(unified, smtp):
    m = smtp("lmtp")
    unified.nexthop("hop", m)
    unified.settings["nexthop"] = "hop"
    return m


@contextlib.contextmanager
def locked(rig):
    """Nobody else can write to state.db."""
    c = sqlite3.connect(rig.statedb, isolation_level=None, timeout=60)
    c.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        c.execute("ROLLBACK")
        c.close()


def doubts(rig):
    return rig.state("SELECT coalesce(sum(in_doubt), 0) FROM relay_count")[0][0]


@pytest.fixture
def waiting(unified, lmtp, pop3):
    """Three recipients of one message wait, and are due."""
    server = pop3(messages=[mail("m")])
    unified.record(PM, "r", server, special="X-Real-To")
    lmtp.greeting = "421 4.3.2 too busy"
    assert unified.once().code == 0
    lmtp.greeting = "220 here"
    due(unified)
    return server


def test_no_proof(unified, lmtp, waiting):
    """A store that cannot be written when the daemon starts: nothing goes out, however often that is."""
    with locked(unified):
        for _ in range(3):
            daemon = unified.start()
            rigs.wait_for(lambda: "nothing is handed on meanwhile" in daemon.log(), "the refusal")
            assert daemon.stop() == 0
        result = unified.once()
        assert result.code == 1
        assert "state.db: locked by another process; nothing is polled, delivered or handed on by this run" in result.log
        assert lmtp.mails == []
    assert unified.once().code == 0
    assert lmtp.taken() == PEOPLE and doubts(unified) == 0 and states(unified) == {}


def test_works_again(unified, lmtp, waiting):
    """No restart is needed."""
    with locked(unified):
        daemon = unified.start()
        rigs.wait_for(lambda: "nothing is handed on meanwhile" in daemon.log(), "the refusal")
        assert "deliverer ready" not in daemon.log()
        assert "locked by another process" in unified.ctl("status").log
    daemon.ready()
    rigs.wait_for(lambda: lmtp.taken() == PEOPLE, "the delivery")
    rigs.wait_for(lambda: listed(unified) == [], "the results")
    assert daemon.stop() == 0 and doubts(unified) == 0


def test_restarts(unified, lmtp, waiting):
    """The hop accepts, its answers cannot be written, three orderly restarts: one copy more, which is counted for each recipient."""
    lmtp.delay = 2
    daemon = unified.start().ready()
    rigs.wait_for(lambda: lmtp.mails, "the message to be on its way")
    with locked(unified):
        rigs.wait_for(lambda: "results of deliveries wait" in daemon.log(), "the answer")
        assert daemon.stop() == 1
        assert daemon.log().count("in doubt, it is handed on again by the next start") == 3
        lmtp.delay = 0
        for _ in range(3):
            daemon = unified.start()
            rigs.wait_for(lambda: "nothing is handed on meanwhile" in daemon.log(), "the refusal")
            assert daemon.stop() == 0
        assert len(lmtp.mails) == 1 and doubts(unified) == 0
    result = unified.once()
    assert result.code == 0 and result.log.count("in doubt: it was on its way when rpopd ended") == 3
    assert doubts(unified) == 3 and len(lmtp.mails) == 2 and states(unified) == {}
    assert unified.once().code == 0
    assert doubts(unified) == 3 and len(lmtp.mails) == 2 and waiting.box.left() == []


def test_stop_waits(unified, lmtp, waiting):
    """A stop keeps results until they are written."""
    lmtp.delay = 2
    daemon = unified.start().ready()
    rigs.wait_for(lambda: lmtp.mails, "the message to be on its way")
    with locked(unified):
        rigs.wait_for(lambda: "results of deliveries wait" in daemon.log(), "the answer")
        daemon.proc.send_signal(signal.SIGTERM)
        rigs.wait_for(lambda: "stopping" in daemon.log(), "the stop")
    assert daemon.wait() == 0
    assert states(unified) == {} and doubts(unified) == 0
    assert unified.once().code == 0
    assert len(lmtp.mails) == 1


@pytest.mark.parametrize("point,sent,counted", [("master.queue_sending", 0, 0), ("master.queue_sent", 0, 3), ("master.sent", 1, 3),
    ("master.queue_before", 1, 3), ("master.queue_change", 1, 3), ("master.queue_changed", 1, 0)])
def test_killed(unified, lmtp, waiting, point, sent, counted):
    """What was noted as on its way, and has no result that is written, is in doubt; counted by the next life, once."""
    unified.once("-K", "rpopd:" + point, hooks=True)
    assert len(lmtp.mails) in ([sent] if point != "master.queue_sent" else [0, 1])
    unified.once("-K", "rpopd:master.queue_proof", hooks=True)
    assert doubts(unified) == 0
    for _ in range(3):
        assert unified.once().code == 0
    assert doubts(unified) == counted
    assert states(unified) == {} and waiting.box.left() == []
    assert set(lmtp.taken()) == set(PEOPLE)
