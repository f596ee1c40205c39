# SPDX-License-Identifier: ISC
"""How a session of popd ends: clocks, abuse, the master's wish, and the death of each of those it talks to at each step."""
import os
import signal
import socket
import time

import pytest

from lib import popdrig as P, rig as rigs

MESSAGES = [b"Subject: one\n\nfirst\n", b"x" * 3000000]


def serving(*options, **start):
    popd = P.Popd(*options, **start)
    popd.messages = MESSAGES
    popd.listen()
    return popd


@pytest.fixture
def popd():
    p = serving()
    yield p
    p.close()


# --- clocks ---

@pytest.mark.parametrize("start,login,end", [
    ({"login_timeout": 300}, False, "timeout"), ({"idle_timeout": 300}, True, "timeout"), ({"session_timeout": 300}, False, "timeout"),
])
def test_clock(start, login, end):
    """Nothing is said, and nothing deleted."""
    popd = serving(**start)
    c = popd.client(login=login)
    if login:
        assert c.ask("DELE 1").startswith("+OK")
    assert c.rest() == b""
    assert popd.ended() == end
    if login:
        assert popd.boxes[0].stopped.wait(rigs.PATIENCE) and not popd.boxes[0].quit and popd.boxes[0].deleted == []
    popd.close()


def test_login_clock_is_for_the_login_only():
    popd = serving(login_timeout=2000)
    c = popd.client(login=True)
    time.sleep(2.2)		# the clock that must not run
    assert c.ask("NOOP").startswith("+OK")
    popd.close()


@pytest.mark.parametrize("code,text", [(None, "+OK"), (P.SYS_TEMP, "-ERR [SYS/TEMP] later")])
def test_login_clock_does_not_run_while_others_work(code, text):
    """A large mailbox takes its time to open; and who is denied in the end has what was left of his own."""
    popd = serving(login_timeout=1500)

    def login(session):
        session.give_auth()
        time.sleep(2)		# the clock that must not run
        if code is None:
            session.open(P.Mailbox(MESSAGES))
        else:
            session.denied(code, b"later")
    popd.login = login
    c = popd.client()
    c.ask("USER anna")
    assert c.ask("PASS x").startswith(text)
    assert c.ask("CAPA").startswith("+OK")
    popd.close()


def test_a_drop_a_while_keeps_nobody_in():
    """Octets do not prolong the login."""
    popd = serving(login_timeout=700)
    c = popd.client()
    try:
        while True:
            c.send("x")
            time.sleep(0.05)
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert popd.ended() == "timeout"
    popd.close()


def test_reads_nothing():
    popd = serving(idle_timeout=500)
    c = popd.client(login=True)
    c.send("RETR 2\r\n" * 10)
    assert popd.ended() == "timeout"
    assert popd.boxes[0].stopped.wait(rigs.PATIENCE) and 2 not in popd.boxes[0].seen[5:]
    popd.close()


# --- abuse ---

@pytest.mark.parametrize("login,most", [(False, 5), (True, 20)])
@pytest.mark.parametrize("bad", ["NONSENSE", "", "RETR x", "x" * 300, "a\0b", "TOP 1"])
def test_bad_commands(popd, login, most, bad):
    """In a row; one good one between them, and it begins anew.  The last one is answered, and then nobody listens."""
    c = popd.client(login=login)
    for _ in range(most - 1):
        assert c.ask(bad).startswith("-ERR")
    assert c.ask("CAPA").startswith("+OK")
    c.listed()
    c.send((bad + "\r\n") * (most - 1))
    for _ in range(most - 1):
        assert c.line() != "-ERR too many bad commands"
    c.send((bad + "\r\n") * 50)
    assert c.line() == "-ERR too many bad commands" and c.line() is None
    assert popd.ended() == "abuse"
    assert popd.sessions[0].end.bad == 2 * most - 1


@pytest.mark.parametrize("bad", ["PASS x", "STLS", "APOP x", "USER"])
def test_too_early_is_abuse(popd, bad):
    """What a command itself refuses for its time or its arguments counts like everything else."""
    c = popd.client()
    for _ in range(4):
        assert c.ask(bad).startswith("-ERR")
    assert c.ask("USER anna").startswith("+OK")
    for _ in range(4):
        assert not c.ask("STAT").startswith("-ERR too many")
    assert c.ask("NOOP") == "-ERR too many bad commands" and c.line() is None
    assert popd.ended() == "abuse"


@pytest.mark.parametrize("bad", ["PASS x", "STLS"])
def test_too_early_for_long(popd, bad):
    c = popd.client()
    for _ in range(4):
        assert not c.ask(bad).startswith("-ERR too many")
    assert c.ask(bad) == "-ERR too many bad commands" and c.line() is None
    assert popd.ended() == "abuse"


def test_numbers_that_are_not_there_are_no_abuse(popd):
    c = popd.client(login=True)
    for _ in range(50):
        assert c.ask("RETR 77").startswith("-ERR no such")


# --- the client goes ---

@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("sent", [b"", b"US", b"USER anna\r\n", b"USER anna\r\nPASS x\r\nDELE 1\r\n", b"USER anna\r\nPASS x\r\nLIST\r\nUIDL\r\n",
    b"USER anna\r\nPASS x\r\nDELE 1\r\nRETR 2\r\nRETR 2\r\n", b"USER anna\r\nPASS x\r\nDELE 1\r\nQUI"])
def test_client_goes(popd, sent, reset):
    c = popd.client()
    c.send(sent)
    if b"PASS" in sent:
        popd.wait(lambda: popd.boxes, "the mailbox")
    if reset:
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    c.close()
    assert popd.ended() == "closed"
    for box in popd.boxes:
        assert box.stopped.wait(rigs.PATIENCE) and not box.quit and box.deleted == []


def test_half_closed(popd):
    """Who sends everything and then no more gets everything."""
    c = popd.client()
    c.send(b"USER anna\r\nPASS x\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n")
    c.sock.shutdown(socket.SHUT_WR)
    assert c.rest().endswith(b"+OK message 1 deleted\r\n+OK bye\r\n")
    assert popd.ended() == "quit" and popd.boxes[0].deleted == [1]


def test_quit_and_gone(popd):
    """The deletion that was asked for happens, whether somebody hears of it or not."""
    c = popd.client(login=True)
    c.send(b"DELE 1\r\nQUIT\r\n")
    rigs.wait_for(lambda: popd.boxes[0].quit, "QUIT at the mailbox")
    c.close()
    assert popd.ended() == "quit"
    assert popd.boxes[0].stopped.wait(rigs.PATIENCE) and popd.boxes[0].deleted == [1] and popd.boxes[0].quit


def test_every_octet():
    """A session that is cut behind each of its octets deletes nothing, up to the last one of QUIT."""
    popd = serving()
    data = b"USER anna\r\nPASS x\r\nDELE 1\r\nRETR 1\r\nQUIT\n"
    for n in range(len(data) + 1):
        c = popd.client()
        c.send(data[:n])
        if n == len(data):		# who goes without reading may reset the connection under QUIT
            c.rest()
        c.close()
        popd.ended(n)
        assert n == len(data) or popd.sessions[n].end.deleted == 0
    for box in popd.boxes:
        assert box.stopped.wait(rigs.PATIENCE)
    assert [box.deleted for box in popd.boxes if box.deleted] == [[1]] and sum(box.quit for box in popd.boxes) == 1
    popd.close()


# --- the mailbox dies ---

@pytest.mark.parametrize("dies", ["begin", "entries"])
def test_mailbox_dies_ahead_of_the_listing(popd, dies):
    """Somebody may try again."""
    popd.box_options = {"dies": dies}
    c = popd.client()
    c.ask("USER anna")
    assert c.ask("PASS x") == "-ERR [SYS/TEMP] the mailbox cannot be opened now"
    popd.sessions[0].denied(P.SYS_TEMP, b"said already")
    assert c.ask("NOOP").startswith("-ERR NOOP: log in")
    popd.box_options = {}
    c.ask("USER anna")
    assert c.ask("PASS x").startswith("+OK 2 messages")


def test_mailbox_dies_idle(popd):
    popd.box_options = {"dies": "listed"}
    c = popd.client(login=True)
    assert c.line() is None
    assert popd.ended() == "failed"


@pytest.mark.parametrize("command", ["RETR 1", "TOP 1 1"])
def test_mailbox_dies_when_asked(popd, command):
    popd.box_options = {"dies": "asked"}
    c = popd.client(login=True)
    assert c.ask(command) == "-ERR [SYS/TEMP] the mailbox is gone" and c.line() is None
    assert popd.ended() == "failed"


def test_mailbox_dies_behind_a_message(popd):
    """The message that it had handed over goes out whole."""
    popd.box_options = {"dies": "fetch"}
    c = popd.client(login=True)
    assert c.ask("RETR 2").startswith("+OK")
    assert c.body() == P.stuffed(P.on_the_wire(MESSAGES[1])) and c.line() is None
    assert popd.ended() == "failed"


def test_mailbox_dies_at_quit(popd):
    popd.box_options = {"dies": "quit"}
    c = popd.client(login=True)
    c.ask("DELE 1")
    assert c.ask("QUIT") == "-ERR [SYS/TEMP] the mailbox is gone, messages may not have been removed" and c.line() is None
    assert popd.ended() == "failed"


def test_quit_behind_what_is_read_slowly(popd):
    """All that was asked for goes out first, then what was marked is deleted, and then the client hears of it."""
    c = popd.client(login=True)
    c.send(b"RETR 2\r\nDELE 2\r\nQUIT\r\n")
    rigs.wait_for(lambda: popd.boxes[0].fetched == [2], "the message on its way")
    assert c.line().startswith("+OK")
    assert c.body() == MESSAGES[1] + b"\r\n.\r\n"
    assert c.line().startswith("+OK message 2 deleted") and c.line().startswith("+OK")
    assert popd.ended() == "quit" and popd.boxes[0].deleted == [2]


def test_logins_that_are_none_are_bad_commands(popd):
    """They cost an auth process each, and no password is tried: five in a row are the end."""
    def login(session):
        session.give_auth()
        session.denied(0, b"that is no login")
    popd.login = login
    c = popd.client()
    for _ in range(4):
        assert c.ask("AUTH PLAIN =") == "-ERR that is no login"
    assert c.ask("AUTH PLAIN =") == "-ERR too many bad commands" and c.line() is None
    assert popd.ended() == "abuse"


# --- it lies ---

def liar(popd, *messages):
    def login(session):
        session.give_auth()
        box = P.Mailbox([])
        box.serve = lambda: ([box.channel.send(*m) for m in messages], box.channel.receive(), box.channel.receive())
        session.open(box)
    popd.login = login
    c = popd.client()
    c.ask("USER anna")
    return c, c.ask("PASS x")


def entry(uid, size=1):
    return size.to_bytes(8, "little") + bytes([len(uid)]) + uid


LISTED0 = ("IMSG_BOX_LISTED", b"\0" * 16)


@pytest.mark.parametrize("messages", [
    [("IMSG_BOX_ENTRIES", b"x" * 10)], [("IMSG_BOX_ENTRIES", entry(b"a b"))], [("IMSG_BOX_ENTRIES", entry(b"x" * 71))],
    [("IMSG_BOX_ENTRIES", entry(b"ok") + b"\0" * 9)], [("IMSG_BOX_ENTRIES", entry(b"ok", 2 ** 63))], [("IMSG_BOX_ENTRIES", entry(b"ok")), LISTED0],
    [("IMSG_BOX_DONE", b"\0" * 8)], [("IMSG_BOX_MESSAGE", b"\0" * 24)], [("IMSG_POP_STOP", b"")], [("IMSG_BOX_LISTED", b"\0" * 15)],
])
def test_mailbox_lies(popd, messages):
    c, answer = liar(popd, *messages)
    assert answer == "-ERR [SYS/TEMP] the mailbox cannot be opened now"
    assert c.ask("NOOP").startswith("-ERR NOOP: log in")
    popd.logged("channel to the mailbox")


@pytest.mark.parametrize("message", [("IMSG_BOX_MESSAGE", bytes(P.Message(msgno=1, error=2))), LISTED0, ("IMSG_BOX_DONE", b"\0" * 8)])
def test_mailbox_lies_later(popd, message):
    c, answer = liar(popd, LISTED0, message)
    assert answer.startswith("+OK 0 messages")
    assert c.rest() == b""
    assert popd.ended() == "failed"


# --- auth and master ---

def test_auth_dies(popd):
    """The master says what that means, when it knows."""
    def login(session):
        session.give_auth()
        session.auth.close()
        session.auth = None
        session.denied(P.SYS_TEMP, b"no verification now")
    popd.login = login
    c = popd.client()
    c.ask("USER anna")
    assert c.ask("PASS x") == "-ERR [SYS/TEMP] no verification now"


def test_auth_dies_in_an_exchange(popd):
    def login(session):
        session.give_auth()
        session.auth.send("IMSG_LOGIN_CHALLENGE", b"")
        session.auth.close()
        session.auth = None
        session.denied(P.SYS_TEMP, b"no verification now")
    popd.login = login
    c = popd.client()
    assert c.ask("AUTH PLAIN") == "+ "
    assert c.ask("QQ==") == "-ERR [SYS/TEMP] no verification now"


@pytest.mark.parametrize("challenge", [b"two\r\nlines", b"a b", b"\0"])
def test_auth_lies(popd, challenge):
    """Its challenge does not reach the client."""
    popd.login = lambda s: (s.give_auth(), s.auth.send("IMSG_LOGIN_CHALLENGE", challenge), s.auth.receive(), s.denied(P.SYS_TEMP, b"no"))
    c = popd.client()
    assert c.ask("AUTH PLAIN") == "-ERR [SYS/TEMP] no"


STEPS = [b"", b"USER anna\r\n", b"USER anna\r\nPASS x\r\n", b"USER anna\r\nPASS x\r\nDELE 1\r\nRETR 2\r\n"]


@pytest.mark.parametrize("sent", STEPS)
def test_master_stops(popd, sent):
    """POP_STOP: the connection is closed without a word, and nothing deleted."""
    c = popd.client()
    c.send(sent)
    if b"PASS" in sent:
        popd.wait(lambda: popd.boxes, "the mailbox")
        while not c.line().startswith("+OK 2"):
            pass
    popd.sessions[0].channel.send("IMSG_POP_STOP")
    c.rest()
    assert popd.ended() == "stopped"
    for box in popd.boxes:
        assert box.stopped.wait(rigs.PATIENCE) and not box.quit


@pytest.mark.parametrize("sent", STEPS)
def test_master_gone(popd, sent):
    c = popd.client()
    c.send(sent)
    popd.sessions[0].channel.sock.shutdown(socket.SHUT_RDWR)
    c.rest()
    popd.wait(lambda: popd.exits, "its end")
    assert list(popd.exits.values()) == [0]


@pytest.mark.parametrize("message", [("IMSG_POP_OPENED", b"\0" * 16), ("IMSG_POP_START", bytes(P.Start())), ("IMSG_BOX_QUIT", b""),
    ("IMSG_POP_DENIED", b"\0" * 10), ("IMSG_POP_DENIED", bytes(P.Denied(code=99)))])
def test_master_breaks_the_rules(popd, message):
    c = popd.client()
    popd.sessions[0].channel.send(*message)
    assert c.rest() == b""
    popd.wait(lambda: popd.exits, "its end")
    assert list(popd.exits.values()) == [1]
    popd.logged("channel to the master")


def test_killed(popd):
    """FORK_KILL, and a signal: the master hears of both, others go on."""
    clients = [popd.client(login=True) for _ in range(3)]
    popd.channel.send("IMSG_FORK_KILL", popd.sessions[0].id.to_bytes(4, "little"))
    popd.wait(lambda: popd.sessions[0].id in popd.exits, "its end")
    os.kill(popd.pid(), signal.SIGKILL)
    popd.wait(lambda: len(popd.exits) == 2, "the end of the other one")
    assert set(popd.exits.values()) == {-signal.SIGKILL}
    assert sorted((c.ask("NOOP") or "gone") for c in clients if not gone(c)) == ["+OK nothing done"]


def gone(c):
    try:
        c.send("NOOP\r\n")
        return c.line() is None
    except OSError:
        return True


POINTS = ["popd.login", "popd.auth", "popd.listed", "popd.fetch", "popd.sent", "popd.quit", "popd.end"]


@pytest.mark.parametrize("point", POINTS)
def test_killed_at(point):
    """The process dies at a step: what was not asked for by QUIT is not asked of the mailbox."""
    popd = serving("-K", point)
    c = popd.client()
    c.send(b"USER anna\r\nPASS x\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n")
    c.rest()
    popd.wait(lambda: popd.exits, "its end")
    assert list(popd.exits.values()) == [-signal.SIGKILL]
    for box in popd.boxes:
        assert box.stopped.wait(rigs.PATIENCE)
        assert box.quit == (point == "popd.end")
    popd.close()
