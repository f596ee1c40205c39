# SPDX-License-Identifier: ISC
"""
The storm of a connector that re-mails what it fetches to everybody in To: in `*` mode hundreds of foreign recipients, in every
form an address can have, create no recipient that is not a mailbox here, whatever the routes and next hops are.  What cannot be read
among them may be meant for somebody here, and gives the postmaster one copy, but nobody else any.
"""
import json
import random
import socket

import pytest

from lib import corpus

PM = "postmaster@example.org"
HOSTS = ["elsewhere.example", "old.example", "sub.example.org", "example.org.evil.example", "xexample.org", "[192.0.2.1]", "localhost"]


class Trap:
    """A next hop nobody may ever talk to."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]

    def untouched(self):
        try:
            self.socket.accept()
        except BlockingIOError:
            return True
        return False


@pytest.fixture
def trap():
    t = Trap()
    yield t
    t.socket.close()


FORMS = ["%(u)s@%(h)s", "Some Body <%(u)s@%(h)s>", "\"Body, Some\" <%(u)s@%(h)s>", "%(u)s (anna@example.org) <%(u)s@%(h)s>",
    "\"anna@example.org\" <%(u)s@%(h)s>", "<@example.org:%(u)s@%(h)s>", "<@example.org,@%(h)s:%(u)s@%(h)s>",
    "\"%(u)s@%(h)s\"@example.org", "team: %(u)s@%(h)s, %(u)s2@%(h)s;", "=?utf-8?q?anna=40example=2Eorg?= <%(u)s@%(h)s>",
    "%(u)s @ %(h)s", "unknown-%(u)s@example.org"]
# Not read with an address literal, whose brackets are in no quotes.
DETOURS = ["%(u)s%%%(h)s@example.org", "%(h)s!%(u)s@example.org"]


def foreign(rng, n, unread):
    """Addresses that are nobody's here, plain and in all the disguises that once fooled somebody; unread: and such as cannot be read."""
    kinds = [(form, HOSTS) for form in FORMS]
    kinds += [(form, HOSTS if unread else [h for h in HOSTS if h[0] != "["]) for form in DETOURS]
    kinds += [("%(u)s", HOSTS)] if unread else []
    return [form % {"u": "u%05d" % rng.randrange(100000), "h": rng.choice(hosts)} for form, hosts in rng.choices(kinds, k=n)]


def folded(addresses):
    return ",\r\n\t".join(addresses)


def storm(ident, rng, local=(), unread=False):
    """A message to hundreds, and to these here."""
    to, cc, bcc = [foreign(rng, n, unread) for n in (300, 200, 100)]
    for address in local:
        into = rng.choice([to, cc, bcc])
        into.insert(rng.randrange(len(into)), address)
    half = len(to) // 2
    return corpus.mail(ident, [("To", folded(to[:half])), ("To", folded(to[half:])), ("Cc", folded(cc)), ("Bcc", folded(bcc)),
        ("Resent-To", folded(foreign(rng, 20, True))), ("Reply-To", "anna@example.org"), ("X-Real-To", "bert@example.org"),
        ("Disposition-Notification-To", "anna@example.org")])


def routed(rig, trap):
    """Next hops for everything that is not here, and for what is unknown here."""
    rig.write_db()
    rig.sqlite("""
        INSERT INTO nexthop (name, protocol, address) VALUES ('trap', 'smtp', '%s');
        INSERT INTO domain (name, source_routes) VALUES ('old.example', 1);
        UPDATE domain SET source_routes = 1 WHERE name = 'example.org';
        UPDATE settings SET report_nexthop = 'trap';
        INSERT INTO route (address, nexthop) VALUES ('*@old.example', 'trap'), ('*@example.org', 'trap');
        INSERT INTO route (address, target, nexthop) VALUES ('list@example.org', 'everybody@elsewhere.example', 'trap');
        """ % trap.address)


@pytest.mark.parametrize("routes", [False, True])
def test_star(unified, pop3, trap, routes):
    """
    What is for somebody here goes there and nowhere else; what is for nobody, or has an address that cannot be read, to the postmaster,
    once, with the reason.
    """
    rng = random.Random(21)
    everybody = ["anna@example.org", "Sales <SALES@example.org>", "info@example.org"]
    mails = [storm("some%d" % i, rng, everybody[:1 + i % 3], i >= 3) for i in range(6)] + \
        [storm("none%d" % i, rng, (), i >= 2) for i in range(4)] + [storm("list", rng, ["list@example.org"])]
    s = pop3(messages=mails)
    unified.record(PM, "star", s, special="*")
    if routes:
        routed(unified, trap)
    else:
        unified.write_db()
    assert unified.once().code == 0
    found = unified.idents()
    some = ["some%d" % i for i in range(6)]
    assert found.pop("example.org/anna") == some
    assert found.pop("example.org/bert") == [x for i, x in enumerate(some) if i % 3 >= 1]
    assert found.pop("example.org/info") == [x for i, x in enumerate(some) if i % 3 == 2]
    unread = ["none2", "none3", "some3", "some4", "some5"]
    nobodys = ["list", "none0", "none1"]
    assert found.pop("example.org/postmaster") == sorted(unread + nobodys)
    assert found == {} and unified.spooled() == []
    for data in unified.delivered()["example.org/postmaster"]:
        reason = corpus.split_prologue(data)[2]
        assert reason.count(b"X-Rpopd-Reason:") == 1
        assert (b"an address in To, Cc or Bcc cannot be understood" in reason) == (corpus.ident_of(data) in unread)
        assert (b"no address in To, Cc or Bcc belongs to an account here" in reason) == (corpus.ident_of(data) in nobodys)
    for where in "anna", "bert", "info":
        for data in unified.delivered()["example.org/" + where]:
            reason = corpus.split_prologue(data)[2]		# the postmaster's, without addresses
            assert bool(reason) == (corpus.ident_of(data) in unread) and b"@" not in reason
    assert unified.state("SELECT * FROM relay") == []
    assert trap.untouched()
    assert s.box.left() == []
    assert unified.once().code == 0		# and it is over
    assert sum(len(v) for v in unified.idents().values()) == 20 and trap.untouched()


def test_try_tells_the_same(unified, pop3, trap):
    """The trial of such a mailbox names nobody else either."""
    rng = random.Random(22)
    anna = ["anna@example.org"]
    mails = [storm("m", rng, anna), storm("n", rng), storm("unread m", rng, anna, True), storm("unread n", rng, (), True)]
    unified.record(PM, "star", pop3(messages=mails), special="*", period=None)
    routed(unified, trap)
    unified.start().ready()
    told = json.loads(unified.ctl("-j", "try", PM + "/star").log)["messages"]
    places = [[line for line in m["why"] if line.startswith("=>")] for m in told]
    anna, postmaster = "=> Maildir example.org/anna", "=> Maildir example.org/postmaster"
    assert places == [[anna], [postmaster], [anna, postmaster], [postmaster]]
    assert trap.untouched()
