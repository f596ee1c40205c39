# SPDX-License-Identifier: ISC
"""
The commit rule under kill -9: a process dies at one step, the daemon is started again, and every message
is exactly once in every right mailbox, none is lost, and the server's mailboxes are as they should be.
"""
import collections
import os
import re
import signal

import pytest

from lib import corpus, rig as rigs
from servers.pop3 import Behaviour

MASTER = ["master.dialed", "master.planned", "master.receipts", "master.commit_before", "master.commit_after", "master.committed_sent",
    "master.verdict_sent", "master.settled", "master.done"]
DIALER = ["dialer.dial", "dialer.connected", "dialer.dialed"]
TEMPLATE = ["template.fork"]
SESSION = ["fetcher.listed", "fetcher.begin", "fetcher.data", "fetcher.end", "fetcher.verdict", "fetcher.dele", "fetcher.quit",
    "fetcher.quit_ok"]
DELIVERER = ["deliverer.begin", "deliverer.header", "deliverer.named", "deliverer.written", "deliverer.fsync_files", "deliverer.fsync_spool",
    "deliverer.receipt", "deliverer.committed", "deliverer.rename", "deliverer.renamed", "deliverer.settle"]
PROCESS = [("rpopd", MASTER), ("dialer", DIALER), ("fetcher", TEMPLATE), ("fetcher", SESSION), ("deliverer", DELIVERER)]
# Points that each message or each of the three sessions reaches in one process: the first time and the third.  The others: the first.
MANY = DIALER + ["master.dialed", "master.planned", "fetcher.begin", "fetcher.data", "fetcher.end", "deliverer.begin",
    "deliverer.header", "deliverer.named", "deliverer.written", "deliverer.rename"]
POINTS = [("%s:%s" % (process, point), nth) for process, points in PROCESS for point in points
    for nth in ((1, 3) if point in MANY else (1,))]


class Traffic:
    """Three mailboxes on Dovecot: personal (deleted), personal (left), unified (deleted); and what must come of them."""

    def __init__(self, rig, server, mailbox, tls="tls"):
        self.rig, self.server, self.serial = rig, server, 0
        self.want = collections.Counter()
        self.kept = 0
        self.boxes = {}
        for kind in ("personal", "left", "unified"):
            self.boxes[kind], password = mailbox()
            rig.record("postmaster@example.org" if kind == "unified" else "anna@example.org", kind, server, self.boxes[kind],
                password, tls=tls, leave=kind == "left", special="X-Real-To" if kind == "unified" else None)

    def arrive(self, kind, n, octets=0):
        for _ in range(n):
            self.serial += 1
            ident = "%s-%04d" % (kind, self.serial)
            who = ["anna"]
            if kind == "unified":
                who = [["anna"], ["anna", "bert"], ["bert", "info", "postmaster"], ["nobody"]][self.serial % 4]
            body = None if not octets else b"octets " * (octets // 7) + b"\r\n"
            self.server.add(self.boxes[kind], corpus.mail(ident, [("X-Real-To", ", ".join(who))], body))
            self.want.update(("example.org/" + (w if w != "nobody" else "postmaster"), ident) for w in who)
            self.kept += kind == "left"

    def check(self):
        have = collections.Counter((where, ident) for where, idents in self.rig.idents().items() for ident in idents)
        assert have - self.want == collections.Counter(), "doubled or misplaced"
        assert self.want - have == collections.Counter(), "lost"
        assert {k: len(self.server.messages(u)) for k, u in self.boxes.items()} == {"personal": 0, "left": self.kept, "unified": 0}
        assert self.rig.state("SELECT count(*) FROM pending") == [(0,)]
        # Rows of messages that are gone from the server stay for a day; none may still wait for its deletion there.
        assert self.rig.state("SELECT count(*) FROM seen WHERE state IN (1, 2) AND gone IS NULL") == [(0,)]
        assert self.rig.spooled() == []
        # What became of a message is remembered with it, or not at all.
        for a, b in (("seen", "handled"), ("handled", "seen")):
            assert self.rig.state("SELECT count(*) FROM %s a WHERE NOT EXISTS (SELECT 1 FROM %s b WHERE b.mailbox = a.mailbox AND"
                " b.uid = a.uid)" % (a, b)) == [(0,)]

    def finish(self, hooks=False):
        """Poll until a run has no complaint, no suspect waits for its turn, and no message that is known by its digest only, as
        after a session that died behind its QUIT, may be among those that are new."""
        for _ in range(8):
            if self.rig.once(hooks=hooks).code == 0 and self.rig.state("SELECT (SELECT count(*) FROM suspect),"
                    " (SELECT count(*) FROM seen WHERE length(uid) > 70 AND gone IS NULL)") == [(0, 0)]:
                return
        raise AssertionError("eight runs, and still failing")


@pytest.fixture
def traffic(unified, dovecot_server, mailbox):
    return Traffic(unified, dovecot_server, mailbox)


def fill(traffic):
    traffic.arrive("personal", 7)
    traffic.arrive("left", 5)
    traffic.arrive("unified", 9)
    traffic.arrive("unified", 2, 200_000)


def died(result):
    return result.code == -signal.SIGKILL or re.search(r"signal 9\b|\bdied\b", result.log)


@pytest.mark.parametrize("point,nth", POINTS)
def test_killed_at(unified, traffic, point, nth):
    fill(traffic)
    result = unified.once("-K", "%s:%d" % (point, nth), hooks=True)
    assert died(result), "the point was not reached"
    traffic.finish()
    traffic.check()


@pytest.mark.parametrize("first", ["deliverer:deliverer.committed:1", "deliverer:deliverer.rename:1", "deliverer:deliverer.rename:4",
    "deliverer:deliverer.renamed:1", "rpopd:master.commit_after:1", "rpopd:master.committed_sent:1"])
@pytest.mark.parametrize("second", ["deliverer:deliverer.replay:1", "deliverer:deliverer.replay:3", "rpopd:master.dialed:1"])
def test_killed_again_in_recovery(unified, traffic, first, second):
    """A second death while the first one is being repaired."""
    fill(traffic)
    assert unified.once("-K", "rpopd:master.commit_after:1", hooks=True).code == -signal.SIGKILL
    unified.once("-K", first, hooks=True)
    unified.once("-K", second, hooks=True, timeout=rigs.PATIENCE)
    traffic.finish()
    traffic.check()


@pytest.mark.parametrize("point", ["rpopd:master.commit_before", "rpopd:master.commit_after", "deliverer:deliverer.rename",
    "fetcher:fetcher.quit"])
def test_twice_the_same_death(unified, traffic, point):
    fill(traffic)
    for _ in range(2):
        unified.once("-K", point, hooks=True)
        traffic.arrive("personal", 2)
    traffic.finish()
    traffic.check()


@pytest.mark.parametrize("role", ["rpopd", "dialer", "template", "session", "deliverer", "all"])
def test_running_daemon(unified, traffic, role):
    """The daemon under traffic loses a process again and again; the others go on, or everything is started anew."""
    traffic.arrive("personal", 20, 300_000)
    traffic.arrive("unified", 20, 100_000)
    daemon = unified.start()
    for turn in range(6):
        traffic.arrive("left", 3)
        traffic.arrive("personal", 3, 100_000)
        unified.ctl("poll", "all", check=False)
        found = daemon.processes()
        if role == "session":
            found = rigs.wait_for(lambda: (lambda p: p if p["session"] or not busy(unified) else None)(daemon.processes()), "a session")
        victims = [p for r, pids in found.items() for p in pids if role in (r, "all")]
        for pid in sorted(victims, reverse=turn % 2 == 0):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if role in ("rpopd", "all"):
            daemon.proc.wait(30)
            daemon = unified.start()
        else:
            assert daemon.running()
    rigs.wait_for(lambda: not busy(unified), "the sessions to end")
    assert daemon.stop() == 0
    traffic.finish()
    traffic.check()


def busy(rig):
    return any(r["state"] not in ("idle", "disabled") for r in rig.status()["records"])


def test_no_child_outlives_the_master(unified, traffic):
    fill(traffic)
    daemon = unified.start()
    rigs.wait_for(lambda: all(daemon.processes()[r] for r in ("dialer", "template", "deliverer")), "the children")
    os.kill(daemon.pid, signal.SIGKILL)
    daemon.proc.wait(30)
    daemon.orphans_gone()


class Spoils(Behaviour):
    """Before the last message it makes the Maildir unwritable, so that what is committed waits; before QUIT the deliverer dies."""

    def __init__(self, rig):
        super().__init__()
        self.rig = rig

    def cmd_retr(self, s, arg):
        if int(arg) == len(s.view):
            new = os.path.join(self.rig.mail, "example.org", "anna", "new")
            os.chown(new, 0, 0)
            os.chmod(new, 0o555)
        super().cmd_retr(s, arg)

    def cmd_quit(self, s, arg):
        for pid in self.rig.runs[-1].processes()["deliverer"]:
            os.kill(pid, signal.SIGKILL)
        super().cmd_quit(s, arg)


def test_single_run_ends_if_the_replay_is_deadly(personal, pop3):
    """The deliverer was ready, and then dies in every replay: a single run says so and ends; a repaired one delivers."""
    server = pop3(messages=[corpus.mail("m1")])
    personal.record("anna@example.org", "isp", server)
    assert personal.once().code == 0
    server.behaviour = Spoils(personal)
    for i in range(4):
        server.box.add(corpus.mail("n%d" % i))
    result = personal.once("-K", "deliverer:deliverer.replay:1", hooks=True)
    assert result.code == 1
    assert "before it was ready" in result.log
    new = os.path.join(personal.mail, "example.org", "anna", "new")
    owner = os.stat(personal.mail)
    os.chown(new, owner.st_uid, owner.st_gid)
    os.chmod(new, 0o700)
    server.behaviour = Behaviour()
    personal.once()
    assert personal.once().code == 0
    assert personal.idents() == {"example.org/anna": ["m1", "n0", "n1", "n2", "n3"]}


def test_single_run_ends_with_its_last_move(personal, pop3):
    """When the last move is durable and nothing else is awaited, a single run ends: the timer that drops such rows later is not met."""
    server = pop3(messages=[corpus.mail("m%d" % i) for i in range(3)])
    personal.record("anna@example.org", "isp", server)
    assert personal.once("-K", "rpopd:master.flush", hooks=True).code == 0
    assert personal.idents() == {"example.org/anna": ["m0", "m1", "m2"]}
    assert personal.state("SELECT count(*) FROM pending") == [(0,)]
