# SPDX-License-Identifier: ISC
"""
UTF8 and LANG (RFC 6856): where they can be said; what a message with a header in UTF-8 is with and without the former, as Python's
parser reads it; octets that are announced.
"""
import email
import email.header
import email.policy
import email.utils
import poplib
import random
import re

import pytest

from lib import popdrig as P

NOBODY = "invalid@internationalized-address.invalid"
BODY = "Grüße\n.\n".encode() + b"\xff\xfe\n"
HEADER = ('Return-Path: <jörg@example.org>\nReceived: from müller by x\nFrom: "Müller, Jörg" <joerg@example.org>\nTo: anna@example.org,\n'
    ' jörg@exämple.org, Зоя <zoya@example.org>\nSubject: Füße und 日本語, plain words\n behind them\nX-Ascii: as\n\tit is\n'
    'Message-ID: <1@example.org>\nContent-Type: application/pdf; name="Übung 1.pdf"\n').encode()
MESSAGE = HEADER + b"\n" + BODY


@pytest.fixture
def popd():
    p = P.Popd(level="problems")
    p.listen()
    yield p
    p.close()


def client(popd, *messages, utf8=False, **options):
    popd.messages = list(messages)
    c = popd.connect(**options)
    assert c.line().startswith("+OK")
    if utf8:
        assert c.ask("UTF8").startswith("+OK")
    assert c.ask("USER anna").startswith("+OK") and c.ask("PASS x").startswith("+OK")
    return c


def retrieved(c, command="RETR 1"):
    """A message as it is on the wire, without stuffed dots; RETR announces exactly its octets."""
    told = c.ask(command)
    assert told.startswith("+OK"), told
    wire = c.body()
    assert wire.endswith(b"\r\n.\r\n") or wire == b".\r\n"
    wire = (b"\r\n" + wire[:-3]).replace(b"\r\n..", b"\r\n.")[2:]
    if command.startswith("RETR"):
        assert told == "+OK %d octets" % len(wire)
    return wire


def words(value):
    """What a reader sees of a field with encoded-words."""
    return str(email.header.make_header(email.header.decode_header(value.replace("\r\n", ""))))


def test_as_it_is(popd):
    """With UTF8 every octet, with RETR and TOP."""
    c = client(popd, MESSAGE, utf8=True)
    assert retrieved(c) == P.on_the_wire(MESSAGE)
    assert retrieved(c, "TOP 1 0") == P.on_the_wire(HEADER + b"\n")
    assert c.ask("LIST 1") == "+OK 1 %d" % len(P.on_the_wire(MESSAGE))


def test_surrogate(popd):
    """Without it the header is ASCII, in lines that are not long, and says the same; the body is as it was."""
    c = client(popd, MESSAGE)
    got = retrieved(c)
    head, body = got.split(b"\r\n\r\n", 1)
    assert body == P.on_the_wire(BODY) and head.isascii() and max(map(len, head.split(b"\r\n"))) <= 76
    message = email.message_from_bytes(got)
    assert message["Return-Path"] == "<%s>" % NOBODY and message["Received"] is None and message["X-Ascii"] == "as\r\n\tit is"
    assert words(message["Subject"]) == "Füße und 日本語, plain words behind them"
    assert email.utils.getaddresses([message["From"]])[0][1] == "joerg@example.org"
    assert words(email.utils.parseaddr(message["From"])[0]) == "Müller, Jörg"
    to = [(words(name), address) for name, address in email.utils.getaddresses([message["To"]])]
    assert to == [("", "anna@example.org"), ("jörg@exämple.org", NOBODY), ("Зоя", "zoya@example.org")]
    assert message.get_filename() is None or message.get_filename() == "Übung 1.pdf"
    assert email.utils.collapse_rfc2231_value(message.get_param("name")) == "Übung 1.pdf"
    assert retrieved(c, "TOP 1 0") == head + b"\r\n\r\n" and retrieved(c, "TOP 1 1") == head + b"\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n"
    assert retrieved(c, "TOP 1 9") == got
    assert popd.sessions[0].peer is not None and c.ask("QUIT") == "+OK bye" and popd.ended() == "quit"
    assert popd.boxes[0].seen == [1]


UNCHANGED = [b"Subject: \xe4\n\nx\n", b"\n" + BODY, BODY, b"a line\n" + HEADER + b"\n", b"", "Ä: x\n\n".encode(),
    b"Subject: x\n" + BODY, b"S: " + b"x" * 200000 + "ä\n\n".encode(), b"Subject: =?UTF-8?Q?=C3=A4?=\n\n" + BODY]


@pytest.mark.parametrize("utf8", [False, True])
def test_unchanged(popd, utf8):
    """What is ASCII, is no UTF-8, or no header goes out as it is, whatever the mode."""
    c = client(popd, *UNCHANGED, utf8=utf8)
    for i, message in enumerate(UNCHANGED, 1):
        assert retrieved(c, "RETR %d" % i) == P.on_the_wire(message), message[:200]


CUT = {"no end": "Subject: ä", "one line": "Subject: ä\r\n", "dot": "Subject: ä\r\n\r\n.\r\n", "left out": "Received: ä\n",
    "all left out": "Received: ä\n\n", "dots": "A: .\n ä\n\n.\n", "words": "Subject: " + "ä " * 40000 + "\n\nbody\n",
    "fields": "A: b\n" * 15000 + "S: ä\n\n" + "x" * 70000,
    "addresses": "To: " + ",\n ".join("ä%d@example.org" % i for i in range(3000)) + "\n\n"}
LONG = {"text": "Subject: " + "ä" * 70000 + "\n\n", "fields": "S: ä\n" + "A: b\n" * 30000 + "\n", "addresses": "To: " + "ä," * 30000 + "\n\n"}


@pytest.mark.parametrize("name", CUT)
def test_octets(popd, name):
    """What RETR announces is what comes, where the header is cut off, empty or long, too."""
    c = client(popd, CUT[name].encode())
    got = retrieved(c)
    head = got.split(b"\r\n\r\n")[0]
    assert head.isascii() and got != P.on_the_wire(CUT[name].encode())
    assert retrieved(c, "TOP 1 0")[:len(head)] == head


def test_header_that_ends_early(popd):
    """It ends ahead of a line that is no field, and what is behind that stays."""
    got = retrieved(client(popd, "X: ä\nno field ä\nY: ä\n\nä\n".encode()))
    assert got == "X: =?UTF-8?B?w6Q=?=\r\nno field ä\r\nY: ä\r\n\r\nä\r\n".encode()


@pytest.mark.parametrize("name", LONG)
def test_too_long(popd, name):
    """A header that is out of all proportion does not go out, if it would have to be changed; the session goes on."""
    message = LONG[name].encode()
    c = client(popd, message, b"Subject: x\n")
    for command in ("RETR 1", "TOP 1 0"):
        assert c.ask(command).startswith("-ERR [UTF8] message 1 ")
    assert retrieved(c, "RETR 2") == b"Subject: x\r\n"
    assert retrieved(client(popd, message, utf8=True)) == P.on_the_wire(message)


WORDS = ["a", "ä", "日本語", "=?UTF-8?Q?=C3=A4?=", "Wort", "(x)", "ü" * 40, "x" * 60, "_", "\"", "Ünïcode", "зоя", "😀", ",", ":"]


def test_random_subjects(popd):
    """Whatever words a subject has, a reader sees the same of it."""
    r = random.Random(6856)
    subjects = [" ".join(r.choice(WORDS) for _ in range(r.randrange(1, 12))) for _ in range(300)]
    subjects = [s for s in subjects if not s.isascii()]
    c = client(popd, *(("Subject: %s\n\n" % s).encode() for s in subjects))
    for i, subject in enumerate(subjects, 1):
        got = retrieved(c, "RETR %d" % i)
        seen = re.sub(r"=\?UTF-8\?Q\?=C3=A4\?=( (?==))?", "ä", subject)		# blanks between encoded-words are none
        assert got.isascii() and words(got[9:-4].decode()) == seen, got


def test_random_addresses(popd):
    """Whatever an address list has, the addresses in ASCII stay, and each other one is nobody's."""
    r = random.Random(6858)
    names = ["", "Anna ", '"Anna B." ', "Jörg ", '"Müller, Jörg" ', '"日本 \\" 語" x ', "=?UTF-8?Q?=C3=A4?= ä "]
    for _ in range(200):
        addresses = ["%s@example.org" % r.choice(("a", "b.c", "jörg", "зоя")) for _ in range(r.randrange(1, 8))]
        value = ",\n ".join("%s<%s>" % (r.choice(names), a) if r.random() < .7 else a + r.choice(("", " (Jörg)", " (x)")) for a in addresses)
        if value.isascii():
            continue
        got = retrieved(client(popd, ("To: %s\n\n" % value).encode()))
        assert got.isascii()
        want = [a if a.isascii() else NOBODY for a in addresses]
        assert [a for _, a in email.utils.getaddresses([email.message_from_bytes(got)["To"]])] == want, got


def test_forgotten_with_stls(popd, pki):
    """What was said in clear does not count: the mode is as at the greeting."""
    popd.listen(pem=pki.cert("good"))
    popd.messages = [MESSAGE]
    c = popd.connect()
    c.line()
    assert c.ask("UTF8").startswith("+OK") and c.ask("STLS").startswith("+OK")
    c.secure()
    c.ask("USER anna")
    assert c.ask("PASS x").startswith("+OK")
    assert retrieved(c).split(b"\r\n\r\n")[0].isascii()


def test_behind_a_refused_login(popd):
    """UTF8 holds for the login that comes to something."""
    c = popd.connect()
    c.line()
    popd.messages = [MESSAGE]
    c.ask("UTF8")
    popd.login = lambda s: s.denied(P.AUTH, b"no")
    c.ask("USER anna")
    assert c.ask("PASS x").startswith("-ERR [AUTH]")
    popd.login = popd.accept
    c.ask("USER anna")
    assert c.ask("PASS x").startswith("+OK")
    assert retrieved(c) == P.on_the_wire(MESSAGE)


def test_capabilities(popd):
    """Both are named in both states."""
    c = popd.connect()
    c.line()
    for _ in range(2):
        assert c.ask("CAPA").startswith("+OK")
        assert {"UTF8 USER", "LANG"} <= set(c.listed())
        c.ask("USER anna")
        c.ask("PASS x")


def test_poplib(popd):
    """Python's client says UTF8 by itself."""
    popd.messages = [MESSAGE]
    for utf8 in (True, False):
        pop = poplib.POP3("127.0.0.1", popd.connect().sock.getpeername()[1])
        assert pop.capa()["UTF8"] == ["USER"]
        if utf8:
            assert pop.utf8().startswith(b"+OK")
        pop.user("anna")
        pop.pass_("x")
        _, lines, octets = pop.retr(1)
        assert octets == sum(len(line) + 2 for line in lines)
        assert (lines == P.on_the_wire(MESSAGE).split(b"\r\n")[:-1]) == utf8
        pop.quit()


def test_short_writes(popd):
    """A surrogate whose client takes it slowly is the same."""
    message = ("Subject: " + "ä wort " * 5000 + "\n\n").encode() + b"x\n" * 100000
    want = retrieved(client(popd, message))
    c = client(popd, message)
    c.sock.setsockopt(P.socket.SOL_SOCKET, P.socket.SO_RCVBUF, 4096)
    c.send("RETR 1\r\n")
    assert c.line() == "+OK %d octets" % len(want)
    assert (b"\r\n" + c.body()[:-3]).replace(b"\r\n..", b"\r\n.")[2:] == want
