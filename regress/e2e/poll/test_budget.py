# SPDX-License-Identifier: ISC
"""One budget of listed messages over all sessions: who would pass it ends with a reason and has its turn later; small ones never wait."""
import threading

import pytest

from lib import corpus, rig as rigs
from servers.masses import Mass
from servers.pop3 import Close, Pop3Server

REASON = "messages beside those that other sessions have listed (2000000 at once, half of them of one owner or host): it is polled again within a minute"
LINES = {}


def uidl(n):
    """The lines of a listing, without its end."""
    if n not in LINES:
        LINES[n] = b"+OK\r\n" + b"".join(b"%d %d\r\n" % (i, i) for i in range(1, n + 1))
    return LINES[n]


class Listing(Mass):
    """Says that it has so many messages, lists so many, and says nothing more until it may: ahead of the end, or to RETR."""

    def __init__(self, stat, listed, hold):
        super().__init__(stat)
        self.listed, self.hold, self.asked, self.go = listed, hold, 0, threading.Event()
        self.sent, self.others = threading.Event(), ()		# the listing is out; who has to have that done before

    def wait(self):
        self.go.wait(10 * rigs.PATIENCE)
        raise Close

    def cmd_list(self, s, arg):
        s.send(b"+OK %s 1\r\n" % arg if arg else b"+OK\r\n.\r\n")

    def cmd_uidl(self, s, arg):
        for other in self.others:
            other.sent.wait(10 * rigs.PATIENCE)
        s.send(uidl(self.listed))
        self.sent.set()
        if self.hold == "uidl":
            self.wait()
        s.send(b".\r\n")

    def cmd_retr(self, s, arg):
        self.asked += 1
        if self.hold == "retr":
            self.wait()
        raise Close


@pytest.fixture
def listing(personal):
    servers = []
    personal.settings.update(idle_timeout=600, session_timeout=3600)

    def make(name, stat, listed, hold=None, **columns):
        server = Pop3Server(personal.pki, Listing(stat, listed, hold), (), "plain")
        servers.append(server)
        # hosts and owners have shares of their own
        personal.account("%s@example.org" % name)
        personal.record("%s@example.org" % name, "all", server, leave=1, **columns)
        return server.behaviour
    yield make
    for s in servers:
        s.behaviour.go.set()
        s.stop()


def of(rig, name):
    return [r for r in rig.status()["records"] if r["account"] == name + "@example.org"][0]


def test_too_many_at_once(personal, listing, pop3):
    a, b = listing("a", 900000, 900000, "uidl"), listing("b", 900000, 900000, "uidl")
    c = listing("c", 300000, 300000)
    c.others = (a, b)
    small = pop3(messages=[corpus.mail("s%d" % i) for i in range(10)])
    personal.record("anna@example.org", "small", small)
    daemon = personal.start().ready()
    rigs.wait_for(lambda: personal.ctl("poll", "c@example.org") and REASON in (of(personal, "c")["last_error"] or "") and
        [of(personal, name)["state"] for name in ("a", "b")] == ["listing", "listing"], "the reason", 10 * rigs.PATIENCE)
    assert "c@example.org/all: localhost" in daemon.log() and "its 300000 " + REASON in daemon.log()
    assert of(personal, "c")["failures"] == 0
    for i in range(10, 20):
        small.box.add(corpus.mail("s%d" % i))
    personal.ctl("poll", "anna@example.org")
    rigs.wait_for(lambda: small.box.left() == [], "the small one")
    asked = c.asked
    a.go.set()
    b.go.set()
    rigs.wait_for(lambda: c.asked > asked, "the turn of the one that waited", 10 * rigs.PATIENCE)
    assert daemon.stop() == 0


def test_a_number_is_no_listing(personal, listing):
    """Servers that say a million and list nothing keep nobody out, however long they take."""
    servers = [listing("h%d" % i, 1000000, 1, "retr") for i in range(4)]
    daemon = personal.start().ready()
    rigs.wait_for(lambda: all(b.asked for b in servers), "all of them", 10 * rigs.PATIENCE)
    assert [of(personal, "h%d" % i)["state"] for i in range(4)] == ["fetching"] * 4
    assert "are more than" not in daemon.log()
    daemon.kill()
