# SPDX-License-Identifier: ISC
"""The dialer as the master starts it: chroot, uid, system-call filter, channel on descriptor 3, name server on loopback."""
import array
import collections
import os
import pwd
import shutil
import socket
import struct
import subprocess
import time

import pytest

from lib import proto, rig as rigs
from servers.nameserver import NameServer

READY, LOG, VERBOSE, DIAL, CANCEL, DIALED, FAILED = (proto.TYPES["IMSG_" + name] for name in (
    "READY", "LOG", "LOG_LEVEL", "DIAL", "DIAL_CANCEL", "DIALED", "DIAL_FAILED"))
DNS_TEMP, DNS_PERM, REFUSED, UNREACHABLE, TIMEOUT = 1, 2, 3, 4, 5
SELF, PUBLIC = 1, 2
HEADER = struct.Struct("=IIII")
DIALING = struct.Struct("=IIHH256s384s64s")	# id, timeout, port, flags, host, sources, SOCKS server
FD_MARK = 0x80000000

Message = collections.namedtuple("Message", "type data fds")


class Dialer:
    def __init__(self, nameserver, *options):
        self.root = rigs.scratch("rpdl.")
        os.chmod(self.root, 0o755)
        self.sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        argv = [os.path.join(rigs.BUILD, "test", "dialer"), "-c", self.root, "-u", "_rpopd"]
        if nameserver:
            argv += ["-a", nameserver]
        self.process = subprocess.Popen(argv + list(options), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        pass_fds=(3,), preexec_fn=lambda: os.dup2(theirs.fileno(), 3, inheritable=True))
        theirs.close()
        self.buffer, self.fds, self.logs = b"", [], []

    def close(self):
        self.sock.close()
        try:
            self.process.wait(rigs.PATIENCE)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.process.stderr.close()
            shutil.rmtree(self.root)
            for fd in self.fds:
                os.close(fd)

    def send(self, kind, data):
        self.sock.sendall(HEADER.pack(kind, HEADER.size + len(data), 0, 0) + data)

    def dial(self, number, host, port, timeout=60000, flags=SELF, sources=(), socks=""):
        packed = b"".join(struct.pack("48s", x.encode()) for x in sources)
        self.send(DIAL, DIALING.pack(number, timeout, port, flags, host.encode(), packed, socks.encode()))

    def receive(self):
        """The next message that is no log line; None at the end of the channel."""
        self.sock.settimeout(rigs.PATIENCE)
        while True:
            if len(self.buffer) >= HEADER.size:
                kind, size, _, _ = HEADER.unpack_from(self.buffer)
                marked, size = size & FD_MARK, size & ~FD_MARK
                if len(self.buffer) >= size:
                    data, self.buffer = self.buffer[HEADER.size:size], self.buffer[size:]
                    if kind != LOG:
                        return Message(kind, data, [self.fds.pop(0)] if marked else [])
                    self.logs.append(text(data[4:]))
                    continue
            data, ancillary, _, _ = self.sock.recvmsg(65536, socket.CMSG_SPACE(64))
            for level, kind, raw in ancillary:
                assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
                self.fds.extend(array.array("i", raw))
            if not data:
                return None
            self.buffer += data

    def ready(self):
        message = self.receive()
        assert (message.type, len(message.data)) == (READY, 4)
        return self

    def failed(self):
        message = self.receive()
        assert message.type == FAILED and not message.fds
        return struct.unpack_from("=II", message.data) + (text(message.data[8:]),)


def text(raw):
    return raw.split(b"\0")[0].decode("ascii")


@pytest.fixture
def nameserver():
    server = NameServer()
    yield server
    server.close()


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as s:
        yield s


@pytest.fixture
def dialer(nameserver):
    d = Dialer(nameserver.address, "-v", "low").ready()
    yield d
    d.close()


def check_connected(dialer, listener, number, address):
    message = dialer.receive()
    assert message.type == DIALED
    assert struct.unpack_from("=I", message.data)[0] == number and text(message.data[4:]) == address
    with socket.socket(fileno=message.fds[0]) as s:
        peer = listener.accept()[0]
        with peer:
            assert not os.get_blocking(s.fileno())
            peer.sendall(b"+OK")
            s.setblocking(True)
            assert s.recv(3) == b"+OK"


def test_locked_in(dialer):
    """Ready means: other uid, empty root, no capability, no way up, a filter."""
    pid = dialer.process.pid
    with open("/proc/%d/status" % pid, encoding="ascii") as f:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
    uid = str(pwd.getpwnam("_rpopd").pw_uid)
    assert status["Uid"].split() == [uid] * 4
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == str(rigs.FILTERED)
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[name], 16) == 0
    assert os.path.samefile("/proc/%d/root" % pid, dialer.root)
    kinds = sorted(os.readlink("/proc/%d/fd/%s" % (pid, fd)).split(":")[0] for fd in os.listdir("/proc/%d/fd" % pid))
    assert kinds.count("socket") <= 2	# the channel, and nothing left of the name servers


def test_name_in_chroot(dialer, nameserver, listener):
    """glibc would ask 127.0.0.1:53 from inside the chroot; the configured server must be the one that is asked."""
    dialer.dial(7, "pop.good.test", listener.getsockname()[1])
    check_connected(dialer, listener, 7, "127.0.0.1")
    assert nameserver.names == ["pop.good.test"] * 2
    assert any("7: connected to 127.0.0.1" in line for line in dialer.logs)


def test_truncated_in_chroot(dialer, listener):
    dialer.dial(8, "big.good.test", listener.getsockname()[1])
    check_connected(dialer, listener, 8, "127.0.0.1")


def test_no_dns_for(dialer, nameserver, listener):
    """Literals of both families, localhost and hosts(5) names never reach the name server, in a root without /etc/hosts."""
    port = listener.getsockname()[1]
    for number, host in enumerate(("127.0.0.1", "localhost", "pop.localhost")):
        dialer.dial(number, host, port)
        check_connected(dialer, listener, number, "127.0.0.1")
    dialer.dial(9, "[::1]", port)
    assert dialer.failed()[:2] == (9, REFUSED)
    dialer.dial(10, "127.1", port)
    assert dialer.failed()[2] == "look up 127.1:%d: neither an address nor a host name (check the record's host)" % port
    assert nameserver.names == []


def test_connected_once_and_for_all(dialer, listener):
    """What is handed over counts as connected: after a reset no flag of sendmsg(2) takes it to somebody else."""
    dialer.dial(1, "127.0.0.1", listener.getsockname()[1])
    message = dialer.receive()
    assert message.type == DIALED
    peer = listener.accept()[0]
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    with socket.socket(fileno=message.fds[0]) as s, socket.create_server(("127.0.0.2", 0)) as inner:
        inner.setblocking(False)
        for _ in range(3):
            with pytest.raises(OSError):
                s.sendmsg([b"x"], [], socket.MSG_FASTOPEN, inner.getsockname())
        with pytest.raises(BlockingIOError):
            inner.accept()


def test_failures(dialer):
    dialer.dial(1, "nowhere.test", 995)
    assert dialer.failed() == (1, DNS_PERM, "look up nowhere.test:995: no such host (check the host's name)")
    dialer.dial(2, "x.dead.test", 995, 300)
    number, why, sentence = dialer.failed()
    assert (number, why) == (2, DNS_TEMP) and "the name servers took too long" in sentence
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        dialer.dial(3, "127.0.0.1", s.getsockname()[1])
        number, why, sentence = dialer.failed()
        assert (number, why) == (3, REFUSED) and "127.0.0.1: Connection refused" in sentence


def test_many(dialer, listener):
    """Descriptors of many answers in a row each arrive with their own message."""
    listener.listen(400)
    for number in range(300):
        dialer.dial(number, "pop%d.good.test" % (number % 7), listener.getsockname()[1])
    numbers = set()
    for _ in range(300):
        message = dialer.receive()
        assert message.type == DIALED and len(message.fds) == 1
        with socket.socket(fileno=message.fds[0]) as s:
            assert s.getpeername() == listener.getsockname()
        numbers.add(struct.unpack_from("=I", message.data)[0])
    assert numbers == set(range(300))
    deadline = time.monotonic() + rigs.PATIENCE
    while len(os.listdir("/proc/%d/fd" % dialer.process.pid)) > 9 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(os.listdir("/proc/%d/fd" % dialer.process.pid)) <= 9


def test_cancel(dialer, listener):
    dialer.dial(1, "x.dead.test", 995)
    dialer.send(CANCEL, struct.pack("=I", 1))
    dialer.send(CANCEL, struct.pack("=I", 77))
    dialer.dial(1, "127.0.0.1", listener.getsockname()[1])
    check_connected(dialer, listener, 1, "127.0.0.1")


def test_master_gone(dialer):
    dialer.dial(1, "x.dead.test", 995)
    dialer.sock.shutdown(socket.SHUT_WR)
    assert dialer.process.wait(rigs.PATIENCE) == 0


@pytest.mark.parametrize("kind,data", [
    (READY, struct.pack("=I", 1)),
    (99, b""),
    (DIAL, b""),
    (CANCEL, b"12345"),
    (DIAL, DIALING.pack(1, 1000, 0, 0, b"127.0.0.1", b"", b"")),
    (DIAL, DIALING.pack(1, 0, 995, 0, b"127.0.0.1", b"", b"")),
    (DIAL, DIALING.pack(1, 2 ** 32 - 1, 995, 0, b"127.0.0.1", b"", b"")),
    (DIAL, DIALING.pack(1, 1000, 995, 4, b"127.0.0.1", b"", b"")),
    (DIAL, DIALING.pack(1, 1000, 995, 0, b"a" * 256, b"", b"")),
    (DIAL, DIALING.pack(1, 1000, 995, 0, b"127.0.0.1", b"1" * 48, b"")),
    (DIAL, DIALING.pack(1, 1000, 995, 0, b"127.0.0.1", b"", b"1" * 64)),
], ids=["direction", "unknown", "short", "long", "port", "no-timeout", "timeout", "flags", "unterminated", "source", "socks"])
def test_rules(dialer, kind, data):
    """A master that breaks the rules ends the dialer, with a sentence (the channel is closed by then: on standard error)."""
    dialer.send(kind, data)
    assert dialer.receive() is None
    assert dialer.process.wait(rigs.PATIENCE) == 1
    assert b"channel to the master: " in dialer.process.stderr.read()


def test_same_id_twice(dialer):
    dialer.dial(5, "x.dead.test", 995)
    dialer.dial(5, "x.dead.test", 995)
    assert dialer.receive() is None
    assert dialer.process.wait(rigs.PATIENCE) == 1


@pytest.mark.parametrize("point,answers", [("dialer.dial", 0), ("dialer.connected", 0), ("dialer.dialed", 1)])
def test_kill_points(nameserver, listener, point, answers):
    dialer = Dialer(nameserver.address, "-K", point).ready()
    try:
        dialer.dial(1, "pop.good.test", listener.getsockname()[1])
        got = []
        while (message := dialer.receive()) is not None:
            got.append(message.type)
            for fd in message.fds:
                os.close(fd)
        assert got == [DIALED] * answers
        assert dialer.process.wait(rigs.PATIENCE) == -9
    finally:
        dialer.close()
