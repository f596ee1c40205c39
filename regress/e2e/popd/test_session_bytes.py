# SPDX-License-Identifier: ISC
"""What a session of popd sends: every size, every kind of line end, whatever the segments; commands in one write and in pieces."""
import os
import random
import struct
import threading

import pytest

from lib import popdrig as P, rig as rigs


@pytest.fixture
def popd():
    p = P.Popd(level="problems")
    p.listen()
    yield p
    p.close()


def retrieved(c, message, number=1, command=None):
    """Retrieves a message and compares everything; returns its octets on the wire."""
    wire = P.on_the_wire(message)
    assert c.ask(command or "RETR %d" % number) == "+OK %d octets" % len(wire)
    want = P.stuffed(wire)
    got = c.exactly(len(want))
    assert got == want, "a message of %d octets" % len(message)
    return wire


def filled(n, seed=0):
    """n octets of lines of all lengths, the last of them ended in one way or the other."""
    r = random.Random(seed + n)
    data = bytearray()
    while len(data) < n:
        data += b"." * r.choice((0, 0, 0, 1, 2)) + b"x" * r.choice((0, 1, 70, 71, 72, 997)) + r.choice((b"\n", b"\n", b"\r\n", b"\r"))
    return bytes(data[:n])


SAMPLES = {
    "nothing": b"", "LF": b"\n", "CRLF": b"\r\n", "CR": b"\r", "dot": b".", "dots": b".\n..\n...\n.", "dot CRLF": b".\r\n.\r\n",
    "dot CR": b".\r.\r", "lone dot in the middle": b"a\n.\nb\n", "end of message": b"a: b\n\nx\r\n.\r\nQUIT\r\n", "no body": b"a: b\n",
    "no body, empty line": b"a: b\n\n", "no header": b"\nbody\n", "no final LF": b"a: b\n\nbody", "final CR": b"a: b\n\nbody\r",
    "CR CR LF": b"a\r\r\nb\n", "LF CR": b"a\n\rb\n\r", "NUL": b"a\0b\0\n\0", "8 bit": bytes(range(256)) * 3, "mixed": b"a\nb\r\nc\rd\n\r\n\n",
    "long line": b"x" * 1000000, "long line of dots": b"." * 1000000, "CRs": b"\r" * 100000, "LFs": b"\n" * 100000,
    "lines of a dot": b".\n" * 100000, "dot behind a buffer": b"x" * 65535 + b"\n." + b"y" * 65535 + b"\n.\n",
}


def test_numbers(popd):
    """Numbers and sizes of one to seven digits, unique-ids of all lengths, with gaps where messages are marked, over many buffers."""
    count = 11111
    sizes = [10 ** (i % 8) - i % 3 % 2 for i in range(count)]
    uids = [b"%d-" % i + b"u" * (i % 60) for i in range(1, count + 1)]
    popd.messages = [b""] * count
    popd.box_options = {"uids": uids, "sizes": dict(enumerate(sizes))}
    c = popd.client(login=True)
    marked = set(range(8, 12)) | set(range(90, 120)) | {1, 1000, 9999, 10000, count}
    for n in marked:
        assert c.ask("DELE %d" % n).startswith("+OK")
    left = [n for n in range(1, count + 1) if n not in marked]
    assert c.ask("LIST").startswith("+OK %d " % len(left)) and c.listed() == ["%d %d" % (n, sizes[n - 1]) for n in left]
    assert c.ask("UIDL").startswith("+OK") and c.listed() == ["%d %s" % (n, uids[n - 1].decode()) for n in left]


@pytest.mark.parametrize("tls", [False, True])
def test_samples(popd, pki, tls):
    popd.messages = list(SAMPLES.values())
    popd.listen(pem=pki.cert("good"), tls=tls)
    c = popd.client(login=True, tls=tls)
    assert c.ask("LIST").startswith("+OK")
    assert c.listed() == ["%d %d" % (i, len(P.on_the_wire(m))) for i, m in enumerate(popd.messages, 1)]
    for i, m in enumerate(popd.messages, 1):
        retrieved(c, m, i)
    assert c.ask("QUIT") == "+OK bye"
    assert popd.ended() == "quit"
    assert not [line for line in popd.log if "octets, not" in line]


def body_lines(wire, n):
    """What TOP gives of a message: its header, an empty line, n lines of the body."""
    lines = wire.split(b"\r\n")[:-1]
    head = lines.index(b"") if b"" in lines else len(lines)
    return b"".join(line + b"\r\n" for line in lines[:head] + [b""] + lines[head + 1:head + 1 + n])


@pytest.mark.parametrize("n", [0, 1, 2, 3, 1000000])
def test_top_samples(popd, n):
    popd.messages = list(SAMPLES.values()) + [filled(i) for i in range(200)]
    c = popd.client(login=True)
    for i, m in enumerate(popd.messages, 1):
        assert c.ask("TOP %d %d" % (i, n)).startswith("+OK")
        assert c.body() == P.stuffed(body_lines(P.on_the_wire(m), n)), (i, m[:100])
    assert c.ask("QUIT") == "+OK bye"
    popd.ended()
    assert popd.boxes[0].stopped.wait(rigs.PATIENCE) and popd.boxes[0].seen == []


def test_every_size(popd):
    """All sizes up to 5,000, and those around the sizes of buffers, pipelined; every message is seen."""
    around = [b + d for b in (8192, 16384, 32768, 49152, 65536, 65536 * 2, 65536 * 3) for d in range(-12, 13)]
    popd.messages = [filled(n) for n in list(range(5001)) + around]
    c = popd.client(login=True)
    count = len(popd.messages)
    writer = threading.Thread(target=lambda: c.send("".join("RETR %d\r\n" % (i + 1) for i in range(count))), daemon=True)
    writer.start()
    for m in popd.messages:
        wire = P.on_the_wire(m)
        assert c.line() == "+OK %d octets" % len(wire)
        want = P.stuffed(wire)
        assert c.exactly(len(want)) == want, "a message of %d octets" % len(m)
    writer.join()
    assert c.ask("QUIT") == "+OK bye"
    assert popd.ended() == "quit" and popd.boxes[0].stopped.wait(rigs.PATIENCE)
    assert popd.boxes[0].seen == list(range(1, count + 1))
    assert popd.sessions[0].end.retrieved == count


def script(n, seed):
    """n commands, and what is to come back for them."""
    r = random.Random(seed)
    sizes = [len(P.on_the_wire(m)) for m in PIPE_MESSAGES]
    commands, answers, gone = [], [], set()
    for _ in range(n):
        i = r.randrange(len(sizes))
        kind = r.choice(("NOOP", "STAT", "LIST", "UIDL", "RETR", "LISTS", "RSET", "DELE", "TOP"))
        left = [k for k in range(len(sizes)) if k not in gone]
        if kind == "STAT":
            commands.append(b"STAT")
            answers.append(b"+OK %d %d\r\n" % (len(left), sum(sizes[k] for k in left)))
        elif kind == "NOOP":
            commands.append(b"NOOP")
            answers.append(b"+OK nothing done\r\n")
        elif kind == "RSET":
            gone.clear()
            commands.append(b"RSET")
            answers.append(b"+OK %d messages (%d octets)\r\n" % (len(sizes), sum(sizes)))
        elif kind == "LISTS":
            commands.append(b"LIST")
            answers.append(b"+OK %d message%s\r\n" % (len(left), b"" if len(left) == 1 else b"s") +
                b"".join(b"%d %d\r\n" % (k + 1, sizes[k]) for k in left) + b".\r\n")
        elif i in gone:
            commands.append(b"%s %d%s" % (kind.encode(), i + 1, b" 0" if kind == "TOP" else b""))
            answers.append(b"-ERR message %d is deleted\r\n" % (i + 1))
        elif kind == "DELE":
            gone.add(i)
            commands.append(b"DELE %d" % (i + 1))
            answers.append(b"+OK message %d deleted\r\n" % (i + 1))
        elif kind == "LIST":
            commands.append(b"LIST %d" % (i + 1))
            answers.append(b"+OK %d %d\r\n" % (i + 1, sizes[i]))
        elif kind == "UIDL":
            commands.append(b"UIDL %d" % (i + 1))
            answers.append(b"+OK %d uid-%d\r\n" % (i + 1, i + 1))
        elif kind == "RETR":
            commands.append(b"RETR %d" % (i + 1))
            answers.append(b"+OK %d octets\r\n" % sizes[i] + P.stuffed(P.on_the_wire(PIPE_MESSAGES[i])))
        else:
            commands.append(b"TOP %d 0" % (i + 1))
            answers.append(b"+OK the beginning of message %d follows\r\n" % (i + 1) +
                P.stuffed(body_lines(P.on_the_wire(PIPE_MESSAGES[i]), 0)))
    return b"".join(line + b"\r\n" for line in commands), b"".join(answers)


PIPE_MESSAGES = [filled(n, 7) for n in (0, 1, 100, 4000, 20000)]


@pytest.mark.parametrize("tls", [False, True])
def test_pipelined(popd, pki, tls):
    """10,000 commands in one write."""
    popd.messages = PIPE_MESSAGES
    popd.listen(pem=pki.cert("good"), tls=tls)
    c = popd.client(login=True, tls=tls)
    data, want = script(10000, 1)
    if tls:
        c.sock.setblocking(True)
    writer = threading.Thread(target=c.send, args=(data + b"QUIT\r\n",), daemon=True)
    if tls:			# one object of ssl is not for two threads
        chunks = [data[i:i + 2000] for i in range(0, len(data), 2000)] + [b"QUIT\r\n"]
        got = b""
        for chunk in chunks:
            c.send(chunk)
    else:
        writer.start()
    got = c.exactly(len(want))
    assert got == want
    assert c.line() == "+OK bye" and c.line() is None
    assert popd.ended() == "quit"


@pytest.mark.parametrize("pieces", [1, 2, 3])
def test_split(popd, pieces):
    """A few commands in segments of one, two and three octets."""
    popd.messages = PIPE_MESSAGES
    c = popd.client(login=True)
    data, want = script(120, pieces)
    for i in range(0, len(data), pieces):
        c.send(data[i:i + pieces])
    assert c.exactly(len(want)) == want


def test_line_ends(popd):
    """LF alone ends a line, too; a CR in it is part of it."""
    c = popd.client(login=True)
    c.send(b"NOOP\nNOOP\r\n\nNOOP\r\r\n")
    assert [c.line()[:4] for _ in range(4)] == ["+OK ", "+OK ", "-ERR", "-ERR"]


def test_too_long_is_one_line(popd):
    """A megabyte without an end, then a command in it that must not count, then one that must."""
    c = popd.client(login=True)
    c.send(b"x" * 1000000 + b"QUIT")
    c.send(b"\r\nNOOP\r\n")
    assert c.line() == "-ERR line too long" and c.line().startswith("+OK")


def test_a_reader_of_nothing(popd):
    """What it asks for waits in the socket, not in memory."""
    popd.messages = [b"x" * 200000]
    c = popd.client(login=True)
    pid = popd.pid()
    c.sock.settimeout(2)
    sent = 0
    try:
        while sent < 200_000_000:
            sent += c.sock.send(b"RETR 1\r\n" * 8000)
    except TimeoutError:
        pass
    status = dict(line.split(":\t", 1) for line in rigs.read_proc(pid, "status").splitlines() if ":\t" in line)
    assert rigs.SANITIZED or int(status["RssAnon"].split()[0]) < 2000
    assert len(popd.boxes[0].fetched) < 1000
    assert sent < 200_000_000
    c.close()
    assert popd.ended() == "closed"


def test_million_messages(popd):
    """Little memory for many messages; LIST, UIDL and the deletion of all of them."""
    count = 200000

    class Big(P.Mailbox):
        def __init__(self, *args, **kwargs):
            super().__init__([], **kwargs)
            self.count = count

        def serve(self):
            entries = b"".join(struct.pack("=QB", 1000 + i, 40) + b"%040d" % i for i in range(self.count))
            for i in range(0, len(entries), 49 * 320):
                self.channel.send("IMSG_BOX_ENTRIES", entries[i:i + 49 * 320])
            self.channel.send("IMSG_BOX_LISTED", struct.pack("=IIQ", self.count, 0, sum(1000 + i for i in range(self.count))))
            self.messages = []
            while True:
                name, data, _ = self.channel.receive()
                if name == "IMSG_BOX_QUIT":
                    break
                assert name == "IMSG_BOX_DELETE"
                self.deleted += struct.unpack("=%dI" % (len(data) // 4), data)
            self.channel.send("IMSG_BOX_DONE", struct.pack("=II", len(self.deleted), 0))

    popd.login = lambda s: (s.give_auth(), popd.boxes.append(Big()), s.open(popd.boxes[-1]))
    c = popd.client(login=True)
    status = dict(line.split(":\t", 1) for line in rigs.read_proc(popd.pid(), "status").splitlines() if ":\t" in line)
    assert rigs.SANITIZED or int(status["RssAnon"].split()[0]) < 2000 + count * 55 // 1024
    assert c.ask("LIST").startswith("+OK") and c.listed() == ["%d %d" % (i + 1, 1000 + i) for i in range(count)]
    assert c.ask("UIDL").startswith("+OK") and c.listed() == ["%d %040d" % (i + 1, i) for i in range(count)]
    c.send("".join("DELE %d\r\n" % i for i in range(1, 20001)))
    for i in range(1, 20001):
        assert c.line() == "+OK message %d deleted" % i
    assert c.ask("QUIT") == "+OK bye"
    assert popd.ended() == "quit" and popd.boxes[0].deleted == list(range(1, 20001))


class Changing(P.Mailbox):
    """What it says of the file's octets is off by this many."""
    off = 0

    def file(self, i):
        fd, size = super().file(i)
        return fd, size + self.off


def test_file_becomes_shorter(popd):
    """The session ends, and the message has no end."""
    message = b"a: b\n\n" + b"x" * 300000 + b"\n"

    def login(session):
        session.give_auth()
        box = Changing([message])
        box.off = 10
        popd.boxes.append(box)
        session.open(box)
    popd.login = login
    c = popd.client(login=True)
    assert c.ask("RETR 1").startswith("+OK")
    rest = c.rest()
    assert not rest.endswith(b"\r\n.\r\n") and b"\r\n.\r\n" not in rest
    assert popd.ended() == "failed"
    assert popd.boxes[0].stopped.wait(rigs.PATIENCE) and popd.boxes[0].seen == [] and not popd.boxes[0].quit
    popd.logged("has become shorter")


def test_big_file(popd):
    """More than 2 GB, as a sparse file, up to its beginning only: the number is right."""
    size = 2 * 1024 ** 3 + 1

    class Sparse(P.Mailbox):
        def size(self, i):
            return size + 2

        def fetch(self, msgno):
            fd = os.memfd_create("sparse")
            os.ftruncate(fd, size)
            self.channel.send("IMSG_BOX_MESSAGE", P.Message(msgno=msgno, file_octets=size, octets=size + 2), fd)
            os.close(fd)

    popd.login = lambda s: (s.give_auth(), s.open(Sparse([b""])))
    c = popd.client(login=True)
    assert c.ask("LIST 1") == "+OK 1 %d" % (size + 2)
    assert c.ask("RETR 1") == "+OK %d octets" % (size + 2)
    assert c.exactly(1000000) == b"\0" * 1000000
    c.close()
    assert popd.ended() == "closed"
