# SPDX-License-Identifier: ISC
"""Fair shares of the processors: whose turn it is when more records are due than sessions may run."""
import threading
import time

import pytest

from lib import corpus, rig as rigs
from servers.pop3 import Behaviour

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


def test_an_owner_with_many(two, pop3):
    """An owner whose servers hold all processors, with as many records more waiting: the next free one is another owner's."""
    slow, work = pop3(Stalls()), pop3(messages=[corpus.mail("work")])
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


class Deaf(Behaviour):
    """No answer to the password, until the test says that all is well again."""
    well = None

    def cmd_pass(self, s, arg):
        self.well.wait(120)
        super().cmd_pass(s, arg)


class Halts(Behaviour):
    """No answer to the RETR of the last message, until the test says that all is well again."""
    last = 70

    def __init__(self, well):
        super().__init__()
        self.here, self.well = threading.Event(), well

    def cmd_retr(self, s, arg):
        if int(arg) == self.last:
            self.here.set()
            self.well.wait(120)
        super().cmd_retr(s, arg)


class Steady(Behaviour):
    """A long message, a little in each second."""
    size, step = 60000, 5000

    def __init__(self):
        super().__init__()
        self.begun = threading.Event()

    def wire(self, s, point, data):
        if len(data) < self.size:
            return super().wire(s, point, data)
        self.begun.set()
        for i in range(0, len(data), self.step):
            s.send(data[i:i + self.step])
            time.sleep(1)


def stalling(rig, pop3, n):
    """So many records of one owner, each with a server of its own that is deaf."""
    well = threading.Event()
    servers = [pop3(Deaf(), [corpus.mail("slow%d" % i)]) for i in range(n)]
    for i, server in enumerate(servers):
        server.behaviour.well = well
        rig.record("anna@example.org", "slow%d" % i, server, period=600)
    return servers, well


def test_servers_that_stall(two, pop3):
    """Six of them and four processors: half go on serving those that work while the others are held, and nothing is lost for it."""
    two.settings.update(processors=4, idle_timeout=30)
    servers, well = stalling(two, pop3, 6)
    work = [pop3(messages=[corpus.mail("work%d" % i)]) for i in range(3)]
    for i, server in enumerate(work):
        two.record("bert@example.org", "work%d" % i, server, period=None)
    daemon = two.start()
    rigs.wait_for(lambda: two.status()["daemon"]["sessions"] == 4, "all processors to be held")
    two.sqlite("UPDATE rpop SET period = 600;")
    two.ctl("reload")
    rigs.wait_for(lambda: two.idents() == {BERT: ["work0", "work1", "work2"]}, "the mail of those that work")
    assert "no answer for" not in daemon.log(), "it came before any server's idle clock had run out"
    ended = [r for r in rows(two).values() if "without progress while others waited" in (r["last_error"] or "")]
    assert ended and all(r["failures"] == 0 and r["name"].startswith("slow") for r in ended)
    assert two.status()["daemon"]["sessions"] >= 2
    two.ctl("poll", "anna@example.org")
    well.set()
    rigs.wait_for(lambda: two.idents().get(ANNA) == ["slow%d" % i for i in range(6)], "the mail of those that stalled")
    rigs.wait_for(lambda: all(r["last_success"] and not r["last_error"] for r in rows(two).values()), "the end of their sessions")
    assert daemon.stop() == 0
    assert not [m for s in servers for m in s.box.left()]


def test_a_long_message(two, pop3):
    """One that comes steadily is progress: its session is not ended although others wait, and a server beside it stalls."""
    two.settings.update(processors=2, idle_timeout=15)
    big = corpus.mail("big") + b"0123456789abcdef" * 4 * 1000 + b"\r\n"
    steady, work = pop3(Steady(), [big]), pop3(messages=[corpus.mail("work")])
    two.record("anna@example.org", "steady", steady, period=600)
    servers, well = stalling(two, pop3, 1)
    two.record("bert@example.org", "work", work, period=None)
    daemon = two.start()
    assert steady.behaviour.begun.wait(60)
    two.sqlite("UPDATE rpop SET period = 600;")
    two.ctl("reload")
    rigs.wait_for(lambda: rows(two)["work"]["state"] == "queued", "somebody to wait")
    rigs.wait_for(lambda: two.idents().get(ANNA) == ["big"], "the long message")
    rigs.wait_for(lambda: two.idents().get(BERT) == ["work"], "the other one")
    assert steady.count("retr") == 1
    assert "others waited" not in daemon.log()
    well.set()
    assert daemon.stop() == 0


def test_ended_in_step(two, pop3):
    """A session that is ended for others says first how far it came: what came in step (asked every 64 messages) stands."""
    two.settings.update(processors=2, idle_timeout=30)
    well = threading.Event()
    names = [["m%d-%d" % (k, i) for i in range(Halts.last)] for k in range(2)]
    servers = [pop3(Halts(well), [corpus.mail(n) for n in names[k]]) for k in range(2)]
    for k, server in enumerate(servers):
        two.record("anna@example.org", "slow%d" % k, server, leave=1, period=600)
    two.record("bert@example.org", "work", pop3(messages=[corpus.mail("work")]), period=None)
    daemon = two.start()
    for server in servers:
        assert server.behaviour.here.wait(60)
    two.sqlite("UPDATE rpop SET period = 600;")
    two.ctl("reload")
    rigs.wait_for(lambda: two.idents().get(BERT) == ["work"], "the other owner's message")
    rigs.wait_for(lambda: any("others waited" in (r["last_error"] or "") for r in rows(two).values()), "one that was ended")
    well.set()
    two.ctl("poll", "anna@example.org")
    rigs.wait_for(lambda: two.idents().get(ANNA) == sorted(names[0] + names[1]), "all mail")
    rigs.wait_for(lambda: all(r["last_success"] and not r["last_error"] for r in rows(two).values()), "the ends of all sessions")
    log = daemon.log()
    assert daemon.stop() == 0
    assert "retrieved again" not in log
    assert all(s.count("retr") <= Halts.last + Halts.last - 64 for s in servers)
