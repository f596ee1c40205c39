# SPDX-License-Identifier: ISC
"""The listener of popd: who is let in, who is turned away, changes while sessions go on."""
import os
import socket
import struct

import pytest

from lib import popdrig as P, rig as rigs

TURNED = b"-ERR [SYS/TEMP] too many sessions, try again later\r\n"


@pytest.fixture
def popd():
    p = P.Popd()
    p.listen()
    yield p
    p.close()


def leaves(popd, c, count):
    """A client goes, and its place is free."""
    c.close()
    popd.wait(lambda: len(popd.exits) >= count, "the end of a session")


def test_told(popd):
    c = popd.client()
    told = popd.sessions[0].peer
    address = c.sock.getsockname()
    assert (told.listener, told.peer, told.local, told.peer_port) == (1, b"127.0.0.1", b"127.0.0.1", address[1])
    assert told.id != 0


@pytest.mark.parametrize("limit", ["all", "listener", "address"])
def test_limit(pki, limit):
    """One more hears it, and goes; when another one has gone, there is room."""
    popd = P.Popd(channels=3 if limit == "all" else 100, per_address=3 if limit == "address" else 100)
    popd.listen(1, channels=3 if limit == "listener" else 100)
    popd.listen(2, tls=True, pem=pki.cert("good"), channels=100)
    clients = [popd.client() for _ in range(3)]
    for _ in range(3):
        assert popd.connect().rest() == TURNED
    if limit != "listener":
        assert popd.connect(2).rest() == b""
    else:
        popd.client(2, tls=True).close()
        popd.wait(lambda: len(popd.exits) == 1, "the end of a session")
    popd.wait(lambda: len(popd.turned) >= (3 if limit == "listener" else 4), "POP_TURNED")
    kind = ["all", "listener", "address"].index(limit)
    assert {(t.listener, t.limit, t.peer) for t in popd.turned} <= {(i, kind, b"127.0.0.1") for i in (1, 2)}
    if limit == "address":
        c = popd.connect(source="127.0.0.7")
        assert c.line().startswith("+OK")
        leaves(popd, c, 1)
    gone = len(popd.exits)
    leaves(popd, clients.pop(), gone + 1)
    clients.append(popd.client())
    assert popd.connect().rest() == TURNED
    popd.limits(100, 100)
    if limit == "listener":
        popd.listen(1, channels=100)
    rigs.wait_for(lambda: popd.connect().line().startswith("+OK"), "room by other limits")
    popd.close()


def test_none_at_all():
    popd = P.Popd(channels=0)
    popd.listen()
    assert popd.connect().rest() == TURNED
    popd.close()


def test_turned_are_bounded():
    """The master hears of a few of very many, and of the number of all."""
    popd = P.Popd(channels=0)
    popd.listen()
    for _ in range(600):
        assert popd.connect().rest() == TURNED
    rigs.wait_for(lambda: sum(t.channels + t.at_listener + t.at_address for t in list(popd.turned)) == 600, "the number of all")
    popd.limits(10, 10)
    rigs.wait_for(lambda: popd.connect().line().startswith("+OK"), "room")
    assert 1 <= len(popd.turned) < 600
    popd.close()


@pytest.mark.skipif(not os.path.exists("/proc/net/if_inet6"), reason="no IPv6")
def test_ipv6():
    popd = P.Popd(per_address=2)
    popd.listen(1, address="::1", family=socket.AF_INET6)
    popd.listen(2, address="::", family=socket.AF_INET6)
    clients = [popd.client(1)]
    assert popd.sessions[0].peer.peer == b"::1" and popd.sessions[0].peer.local == b"::1"
    popd.listening[3] = (("127.0.0.1", popd.listening[2][0][1]), socket.AF_INET)
    clients += [popd.client(3), popd.client(3)]
    assert popd.sessions[1].peer.peer == b"127.0.0.1"
    assert popd.connect(3).rest() == TURNED
    clients.append(popd.client(1))
    assert popd.connect(1).rest() == TURNED
    popd.close()


def test_unlisten(popd):
    """Sessions go on, and count; connections are refused."""
    c = popd.client(login=True)
    popd.unlisten(1)
    popd.unlisten(77)

    def refused():
        try:
            popd.connect().close()
        except ConnectionRefusedError:
            return True
        except ConnectionResetError:
            pass  # Its handshake was done, and the listener closed behind it.
        return False
    rigs.wait_for(refused, "refusal")
    assert c.ask("NOOP").startswith("+OK")
    popd.listen(1, channels=1)
    assert popd.connect().rest() == TURNED


def test_replaced(popd):
    """A listener of the same number takes the place of the old one."""
    c, old = popd.client(login=True), popd.listening[1]
    popd.listen(1)
    popd.client()
    popd.listening[9] = old
    with pytest.raises(ConnectionRefusedError):
        popd.connect(9)
    assert c.ask("NOOP").startswith("+OK")


def test_as_many_as_there_may_be(popd):
    for i in range(2, 17):
        popd.listen(i)
    for i in range(1, 17):
        popd.client(i).close()


@pytest.mark.parametrize("message", [("IMSG_POP_UNLISTEN", b"\0" * 4), ("IMSG_POP_LIMITS", b"x"), ("IMSG_POP_CHAIN", b"\1\0\0\0\0\0\0\0"),
    ("IMSG_POP_STOP", b""), ("IMSG_FORK_KILL", b"")])
def test_master_breaks_the_rules(message):
    popd = P.Popd()
    popd.channel.send(*message)
    popd.process.wait(rigs.PATIENCE)
    assert popd.process.returncode == 1
    with pytest.raises(AssertionError):
        popd.close()


def test_fork_is_not_asked_for():
    """A listener forks for connections only."""
    popd = P.Popd()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        popd.channel.send("IMSG_FORK", struct.pack("=I", 1), theirs.fileno())
        popd.process.wait(rigs.PATIENCE)
    assert popd.process.returncode == 1
    with pytest.raises(AssertionError):
        popd.close()


def test_sessions_end_with_the_listener():
    popd = P.Popd()
    popd.listen()
    clients = [popd.client(login=True) for _ in range(3)]
    popd.process.kill()
    for c in clients:
        assert c.rest() == b""
    with pytest.raises((AssertionError, OSError)):
        popd.close()


def test_slow_ones_keep_nobody_out(popd):
    """Two hundred who say nothing, and one who is served."""
    idle = [popd.connect() for _ in range(200)]
    c = popd.client(login=True)
    assert c.ask("QUIT") == "+OK bye"
    for other in idle:
        other.close()


PROBES = ["open_passwd", "open_write", "socket_inet", "socket_unix", "bind", "listen", "connect", "fork", "execve", "ptrace_parent", "kill_parent",
    "mmap_exec", "mprotect_exec", "memfd_create", "pipe2", "socketpair", "dup", "epoll_create1", "fcntl_dupfd", "setsockopt_rcvbuf",
    "clone_parent", "pidfd_open", "io_uring_setup"]


@pytest.mark.unsanitized	# there is no filter
@pytest.mark.parametrize("probe", PROBES)
def test_session_probes(probe):
    """What a session must not be able to do; a listener may fork and make channels, and no more."""
    for role in ("fork:", ""):
        if role == "" and probe in ("fork", "socketpair"):
            continue
        with pytest.raises((AssertionError, OSError)):
            P.Popd("-P", role + probe)
        status = P.last_status()
        assert status in (0, -31), "%s%s: %r" % (role, probe, status)
