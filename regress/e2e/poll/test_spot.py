# SPDX-License-Identifier: ISC
"""Spot checks of a large mailbox in place of whole listings: what is new is still seen, and nothing is retrieved twice."""
import pytest

from lib import corpus, rig as rigs

ANNA = "example.org/anna"
N = 1200


@pytest.fixture
def large(personal, pop3):
    """A daemon whose record has marked 1,200 messages and listed them once more."""
    s = pop3(messages=[corpus.mail("old%04d" % i) for i in range(N)])
    row = personal.record("anna@example.org", "work", s, leave=1, first_poll="mark")
    personal.server, personal.row, personal.daemon = s, row, personal.start()
    wait(personal, 1)
    yield personal
    assert personal.daemon.stop() == 0


def wait(rig, polls):
    rigs.wait_for(lambda: rig.status()["records"][0]["polls"] >= polls and rig.status()["records"][0]["state"] == "idle", "a poll")


def poll(rig):
    """One more poll; its UIDL commands."""
    n = rig.status()["records"][0]["polls"]
    rig.ctl("poll", "all")
    wait(rig, n + 1)
    assert rig.status()["records"][0]["last_error"] is None
    return [arg for name, arg in rig.server.sessions[-1].commands if name == "uidl"]


def spot(args):
    return len(args) == 8 and b"" not in args


def test_quiet(large):
    """Nothing new: a few numbers, others after each whole listing."""
    first = poll(large)
    assert spot(first) and {b"1", b"%d" % N, b"%d" % (N - 1)} <= set(first)
    assert poll(large) == first
    for _ in range(18):
        args = poll(large)
    assert spot(args)
    assert poll(large) == [b""], "a whole listing now and then"
    assert spot(poll(large)) and poll(large) != first
    assert large.delivered() == {}


def test_new_message(large):
    assert spot(poll(large))
    large.server.box.add(corpus.mail("new"))
    args = poll(large)
    assert args[-1] == b"" and large.idents() == {ANNA: ["new"]}
    assert spot(poll(large))
    assert large.idents() == {ANNA: ["new"]}


def test_exchanged_message(large):
    """One gone and one come: the number is the same, the size is not."""
    with large.server.box.lock:
        del large.server.box.messages[500]
    large.server.box.add(corpus.mail("new-and-of-another-size"))
    assert poll(large)[-1] == b""
    assert large.idents() == {ANNA: ["new-and-of-another-size"]}


def test_exchanged_message_of_the_same_size(large):
    """The last number always is among those asked for, so a new message behind the others is seen at once."""
    with large.server.box.lock:
        gone = large.server.box.messages.pop(500)
    large.server.box.add(corpus.mail("new", body=b"").ljust(len(gone.data), b"x"))
    assert poll(large)[-1] == b""
    assert large.idents() == {ANNA: ["new"]}


def test_replaced_in_place(large):
    """In the same place and of the same size: the next whole listing sees it."""
    asked = {int(n) for n in poll(large)}
    place = next(i for i in range(2, N) if i + 1 not in asked)
    with large.server.box.lock:
        m = large.server.box.messages[place]
        m.uid, m.data = b"another", corpus.mail("new", body=b"").ljust(len(m.data), b"x")
    assert spot(poll(large))
    assert large.delivered() == {}
    large.ctl("reload")
    assert poll(large) == [b""]
    assert large.idents() == {ANNA: ["new"]}


def test_failure_ends_it(large):
    assert spot(poll(large))
    large.server.behaviour.password = b"changed"
    n = large.status()["records"][0]["polls"]
    large.ctl("poll", "all")
    wait(large, n + 1)
    large.server.behaviour.password = b"s3cret-word"
    assert poll(large) == [b""]
