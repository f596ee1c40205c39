# SPDX-License-Identifier: ISC
"""A session of popd asks its mailbox for messages ahead of the client, who notices nothing of it, whatever he does next."""
import os
import threading

import pytest

from lib import popdrig as P, rig as rigs

MESSAGES = [b"Subject: %d\n\nbody %d\n" % (i, i) for i in range(1, 31)]


class Box(P.Mailbox):
    """Messages from a number on are handed out when the test says so, the message `swapped` with another one's number."""

    def __init__(self, *args, hold=None, swapped=None, gone=None, **rest):
        super().__init__(*args, **rest)
        self.hold, self.swapped, self.gone, self.go = hold, swapped, gone, threading.Event()

    def fetch(self, msgno):
        if self.hold is not None and msgno >= self.hold:
            assert self.go.wait(rigs.PATIENCE)
        if msgno == self.gone:
            self.errors[msgno - 1] = 2		# ENOENT
        super().fetch(msgno + 1 if msgno == self.swapped else msgno)


@pytest.fixture
def popd():
    p = P.Popd()
    p.messages, p.box = MESSAGES, {}

    def login(session):
        session.give_auth()
        box = Box(MESSAGES, log=p.log, **p.box)
        p.boxes.append(box)
        session.open(box)
    p.login = login
    p.listen()
    yield p
    p.close()


def body(c, msgno):
    """The answer to RETR, which was sent."""
    assert c.line().startswith("+OK")
    lines = []
    while True:
        line = c.line()
        if line == ".":
            assert lines == ["Subject: %d" % msgno, "", "body %d" % msgno]
            return
        lines.append(line)


def retr(c, *numbers):
    c.send("".join("RETR %d\r\n" % n for n in numbers))
    for n in numbers:
        body(c, n)


def files(pid):
    """How many of the mailbox's files a process has open."""
    return sum("memfd:message" in os.readlink("/proc/%d/fd/%s" % (pid, fd)) for fd in os.listdir("/proc/%d/fd" % pid))


def test_all_in_order(popd):
    """Each message is asked for once, and comes, whether the client sends commands ahead or one by one."""
    c = popd.client(login=True)
    retr(c, *range(1, 16))
    for n in range(16, 31):
        retr(c, n)
    assert c.ask("QUIT").startswith("+OK")
    assert popd.boxes[0].fetched == list(range(1, 31))
    rigs.wait_for(lambda: popd.boxes[0].seen == list(range(1, 31)), "what was seen")


def test_only_what_is_retrieved_is_seen(popd):
    c = popd.client(login=True)
    retr(c, 1, 2, 3)
    assert c.ask("QUIT").startswith("+OK")
    rigs.wait_for(lambda: popd.boxes[0].seen == [1, 2, 3], "what was seen")
    assert len(popd.boxes[0].fetched) > 3 and popd.boxes[0].deleted == []


def test_one_message_alone(popd):
    c = popd.client(login=True)
    retr(c, 7)
    assert c.ask("QUIT").startswith("+OK")
    assert popd.boxes[0].fetched == [7]


@pytest.mark.parametrize("numbers", [[1, 2, 9, 10, 11, 3], [1, 2, 2, 1], [1, 2, 30, 1, 2, 3], [5, 6, 7, 6, 8, 9, 12, 13]])
def test_jumps(popd, numbers):
    c = popd.client(login=True)
    retr(c, *numbers)
    assert c.ask("QUIT").startswith("+OK")


def test_top_and_retr(popd):
    c = popd.client(login=True)
    for n in range(1, 10):
        c.send("TOP %d 0\r\nRETR %d\r\n" % (n, n))
        assert c.line().startswith("+OK")
        assert [c.line() for _ in range(3)] == ["Subject: %d" % n, "", "."]
        body(c, n)


def test_deleted_on_the_way(popd):
    """A client that deletes what it has retrieved, as most do."""
    c = popd.client(login=True)
    for n in range(1, 31):
        retr(c, n)
        assert c.ask("DELE %d" % n).startswith("+OK")
    assert c.ask("QUIT").startswith("+OK")
    assert popd.boxes[0].deleted == list(range(1, 31))


@pytest.mark.parametrize("last", ["QUIT", "hangs up", "NOOP"])
def test_answers_that_come_too_late(popd, last):
    """What was asked for and is not wanted any more is in nobody's way."""
    popd.box = {"hold": 3}
    c = popd.client(login=True)
    retr(c, 1, 2)
    if last == "QUIT":
        c.send("DELE 5\r\nQUIT\r\n")
        assert c.line().startswith("+OK")
    elif last == "NOOP":
        assert c.ask("NOOP").startswith("+OK")
    else:
        c.close()
    popd.boxes[0].go.set()
    if last == "QUIT":
        assert c.line().startswith("+OK")
        assert popd.boxes[0].deleted == [5]
    elif last == "NOOP":
        retr(c, 3, 4)
        assert c.ask("QUIT").startswith("+OK")
    rigs.wait_for(lambda: popd.boxes[0].stopped.is_set(), "the end of the session")
    assert popd.boxes[0].deleted == ([5] if last == "QUIT" else [])


def test_submission_meanwhile(popd):
    """XTND XMIT begins while answers are on their way."""
    popd.box = {"hold": 3}
    c = popd.client(login=True)
    retr(c, 1, 2)
    c.send("XTND XMIT\r\n")
    popd.boxes[0].go.set()
    assert c.line()[:4] in ("+OK ", "-ERR")		# this master takes no messages
    c.close()
    rigs.wait_for(lambda: popd.boxes[0].stopped.is_set(), "the end of the session")
    assert not any("breaks the rules" in line or "not allowed" in line for line in popd.log)


def test_gone_is_told_when_it_is_wanted(popd):
    """A message that somebody has removed is an error to the client that retrieves it, and to no other."""
    popd.box = {"gone": 4}
    c = popd.client(login=True)
    retr(c, 1, 2, 3)
    assert c.ask("NOOP").startswith("+OK")
    assert c.ask("RETR 4").startswith("-ERR message 4 is gone")
    retr(c, 5, 6)


def test_idle_session_holds_nothing(popd):
    """Files that the client does not retrieve are let go, so that a full Maildir that is cleaned gives its room back."""
    c = popd.client(login=True)
    retr(c, 1, 2)
    rigs.wait_for(lambda: len(popd.boxes[0].fetched) == 9, "the messages ahead")
    rigs.wait_for(lambda: files(popd.pid()) == 0, "the files to be closed")
    retr(c, 3, 4)
    assert c.ask("QUIT").startswith("+OK")


def test_another_message(popd):
    """A mailbox that hands out what it was not asked for has broken the rules, and the session is at its end."""
    popd.box = {"swapped": 5}
    c = popd.client(login=True)
    retr(c, 1, 2, 3)
    c.send("RETR 4\r\nRETR 5\r\n")
    c.rest()
    assert popd.ended() == "failed"
    popd.logged("BOX_MESSAGE")
    assert popd.boxes[0].deleted == []
