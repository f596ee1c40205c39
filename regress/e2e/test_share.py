# SPDX-License-Identifier: ISC
"""Fair shares of the processors: whose turn it is when more records are due than sessions may run (S10)."""
import threading

import pytest

import corpus
import rig as rigs
from popd import Behaviour

ANNA, BERT = "example.org/anna", "example.org/bert"


class Stalls(Behaviour):
    """No answer to the password until the test says so, one at a time."""

    def __init__(self):
        super().__init__()
        self.here, self.goon = threading.Semaphore(0), threading.Semaphore(0)

    def cmd_pass(self, s, arg):
        self.here.release()
        self.goon.acquire(timeout=120)
        super().cmd_pass(s, arg)


@pytest.fixture
def two(personal):
    personal.account("bert@example.org")
    return personal


def rows(rig):
    return {r["name"]: r for r in rig.status()["records"]}


def test_an_owner_with_many(two, popd):
    """An owner whose servers hold all processors, with as many records more waiting: the next free one is another owner's."""
    slow, work = popd(Stalls()), popd(messages=[corpus.mail("work")])
    two.settings["processors"] = 3
    for i in range(12):
        two.record("anna@example.org", "slow%02d" % i, slow, period=600)
    two.record("bert@example.org", "work", work, period=None)
    daemon = two.start()
    for _ in range(3):
        assert slow.behaviour.here.acquire(timeout=60)
    two.sqlite("UPDATE rpop SET period = 600;")
    two.ctl("reload")
    rigs.wait_for(lambda: rows(two)["work"]["state"] == "queued", "the other owner to wait")
    before = len(slow.sessions)
    slow.behaviour.goon.release()
    rigs.wait_for(lambda: two.idents() == {BERT: ["work"]}, "the other owner's message")
    assert len(slow.sessions) <= before + 1
    for _ in range(100):
        slow.behaviour.goon.release()
    rigs.wait_for(lambda: all(r["last_success"] for r in rows(two).values()), "everybody's poll")
    assert daemon.stop() == 0
