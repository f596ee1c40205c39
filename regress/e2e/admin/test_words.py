# SPDX-License-Identifier: ISC
"""What a postmaster reads when a server is not what its record says: the cause, the server's words, what can be done."""
import re
import socket
import sqlite3
import threading

import pytest

from lib import corpus, rig as rigs
from servers import behaviours as B
from servers.pop3 import Behaviour

ANNA = "anna@example.org"


def error(rig):
    """The last error of the only record."""
    return "".join(text for text, in rig.state("SELECT error FROM record_state"))


@pytest.mark.parametrize("greeting,hint", [(b"* OK [CAPABILITY IMAP4rev1] ready", "an IMAP server"), (b"220 mx.example ESMTP", "an SMTP server"),
    (b"220 ftp.example ready", "an SMTP or FTP server"), (b"SSH-2.0-OpenSSH_9.9", "an SSH server"), (b"HTTP/1.1 400 Bad Request", "an HTTP server")])
def test_another_service(personal, pop3, greeting, hint):
    personal.record(ANNA, "work", pop3(B.Says("greeting", greeting + b"\r\n")))
    assert personal.once().code == 1
    assert error(personal).startswith("greeting: answer is neither +OK nor -ERR: " + greeting.decode())
    assert re.search(hint + r"; POP3 is port 995 or 110\)$", error(personal)), error(personal)


def test_an_empty_line(personal, pop3):
    personal.record(ANNA, "work", pop3(B.Says("greeting", b"\r\n")))
    assert personal.once().code == 1
    assert error(personal) == "greeting: answer is neither +OK nor -ERR: an empty line"


@pytest.mark.parametrize("words,told", [(b"[AUTH] Authentication failed.", "[AUTH] Authentication failed."), (b"", "no reason given")])
def test_login_refused(personal, pop3, words, told):
    """By what, as whom, in whose words, and what to look at; never the password."""
    personal.record(ANNA, "work", pop3(B.Says("login", b"-ERR " + words + b"\r\n")))
    result = personal.once()
    assert error(personal) == "login: login refused: %s (as user by user: check auth_name and password; some providers want an " \
        "application password)" % told
    assert "s3cret-word" not in result.log


def test_a_name_that_is_the_password(personal, pop3):
    personal.record(ANNA, "work", pop3(B.Says("login", b"-ERR no\r\n")), user="s3cret-word")
    result = personal.once()
    assert "login refused: no (as " in error(personal)
    assert "s3cret-word" not in result.log + error(personal)


def test_no_greeting_in_clear(personal):
    """A port that waits for TLS says nothing."""
    listener = socket.create_server(("127.0.0.1", 0))
    held = []
    threading.Thread(target=lambda: held.append(listener.accept()), daemon=True).start()
    personal.settings["idle_timeout"] = 10
    class Mute:
        host, port, tls = "127.0.0.1", listener.getsockname()[1], "none"

    personal.record(ANNA, "work", Mute)
    assert personal.once().code == 1
    assert error(personal) == "greeting: no greeting for 10 seconds (a TLS port? set tls to tls)"
    listener.close()


class Uidless(Behaviour):
    """Refuses UIDL; says so in CAPA, or not."""
    words = b"no such command"

    def __init__(self, named):
        super().__init__()
        self.capabilities = ["USER", "TOP"] + (["UIDL"] if named else [])

    def cmd_uidl(self, s, arg):
        self.err(s, "uidl", self.words)


def test_uidl_refused(personal, pop3):
    """That leave must be given up is said when capabilities and two sessions agree, and no sooner; a reload between them does not matter."""
    personal.record(ANNA, "work", pop3(Uidless(False), [corpus.mail("m")]), leave=1)
    personal.start()
    rigs.wait_for(lambda: error(personal) == "listing: UIDL refused, which is needed to leave messages on the server: no such command",
        "the first refusal")
    personal.ctl("reload")
    polls = personal.status()["records"][0]["polls"]
    personal.ctl("poll", ANNA + "/work")
    rigs.wait_for(lambda: personal.status()["records"][0]["polls"] > polls, "the second poll")
    assert error(personal) == "listing: the server has no UIDL (no such command), so messages cannot be left on it: ask the provider, " \
        "or set leave = 0, by which they are deleted there"


def test_uidl_refused_by_a_server_that_has_it(personal, pop3):
    s = pop3(Uidless(True), [corpus.mail("m")])
    personal.record(ANNA, "work", s, leave=1)
    for _ in range(3):
        personal.once()
        assert error(personal).startswith("listing: UIDL refused") and "leave = 0" not in error(personal)
    s.behaviour = Behaviour()
    assert personal.once().code == 0
    assert personal.idents() == {"example.org/anna": ["m"]}


def test_greeting_refused(personal, pop3):
    """Only [IN-USE] is a mailbox that is busy."""
    personal.record(ANNA, "work", pop3(B.Says("greeting", b"-ERR go away\r\n")))
    log = personal.once().log
    assert "busy" not in log and "the server takes no connection: go away" in error(personal)


@pytest.mark.parametrize("uids", [[b"x" * 71, b"y" * 3000, b"short"], [b"a b", b"\xe4", b"\x01c"]])
def test_ids_that_are_none(personal, pop3, uids):
    """Left on the server: each comes once, later polls retrieve nothing, and it is said once, reloads or not."""
    s = pop3(B.Uids(uids), [corpus.mail("m%d" % i) for i in range(3)])
    personal.record(ANNA, "work", s, leave=1)
    personal.start()
    rigs.wait_for(lambda: sorted(personal.idents().get("example.org/anna", [])) == ["m0", "m1", "m2"], "the messages")
    for _ in range(2):
        personal.ctl("reload")
        polls = personal.status()["records"][0]["polls"]
        personal.ctl("poll", ANNA + "/work")
        rigs.wait_for(lambda: personal.status()["records"][0]["polls"] > polls, "the poll")
    assert s.count("retr") == 3
    log = personal.runs[-1].log()
    assert len(re.findall(r"no unique-ids? by RFC 1939", log)) == 1
    assert personal.status()["records"][0]["kept"] == 3


def test_known_by_content_before(personal, pop3):
    """A state in which such messages are known by their content's digest: compared once, not delivered again, known by the id then."""
    s = pop3(B.Uids([b"a b", b"c d"]), [corpus.mail("m0"), corpus.mail("m1")])
    personal.record(ANNA, "work", s, leave=1)
    personal.once()
    db = sqlite3.connect(personal.statedb)
    for uid, digest in db.execute("SELECT uid, sha256 FROM seen").fetchall():
        db.execute("UPDATE seen SET uid = ? WHERE uid = ?", (b"sha256:" + digest.hex().encode() + b":1", uid))
    db.commit()
    db.close()
    result = personal.once()
    assert result.code == 0 and "2 known already" in result.log
    assert personal.idents() == {"example.org/anna": ["m0", "m1"]}
    assert s.count("retr") == 4
    personal.once()
    assert s.count("retr") == 4
    assert all(uid.startswith(b"uid:") for uid, in personal.state("SELECT uid FROM seen"))


def test_max_size_of_what_comes_in(personal, pop3):
    """The server's listing says little, the message does not end: what comes in counts."""
    class Small(B.Endless):
        def cmd_list(self, s, arg):
            if arg:
                return super().cmd_list(s, arg)
            self.lines(s, "list", [b"%d 500" % n for n in s.numbers()])

    s = pop3(Small("retr", b"+OK\r\nSubject: x\r\n\r\n", b"for ever\r\n", limit=50_000_000), [corpus.mail("m")])
    personal.record(ANNA, "work", s, max_size=100000)
    assert personal.once().code == 1
    assert "message 1 is larger than max_size (100000 octets), whatever the server's listing says" in error(personal)
    assert personal.idents() == {} and personal.spooled() == []


class Modest(Behaviour):
    """Its listing counts less than comes in, and it pads one message so that more comes in than any count of its octets explains."""

    def __init__(self, listed, padded=None):
        super().__init__()
        self.listed, self.padded, self.sent = listed, padded, 0

    def cmd_list(self, s, arg):
        if arg:
            return super().cmd_list(s, arg)
        self.lines(s, "list", [b"%d %d" % (n, self.listed(s.view[n - 1].data)) for n in s.numbers()])

    def body(self, s, n):
        data = super().body(s, n)
        if self.padded is None or self.padded not in data:
            return data
        self.sent += 1
        return data + b"more\r\n" * 30_000


def notices(rig):
    """Messages to the owner that tell of one which cannot be retrieved."""
    return sum(b"cannot be retrieved" in d for data in rig.delivered().values() for d in data if b"X-Test-Id:" not in d)


@pytest.mark.parametrize("leave", [0, 1])
def test_a_listing_that_counts_less(personal, pop3, leave):
    """Line ends of one octet, stuffed dots: what the listing says fits is delivered, and once."""
    message = corpus.mail("short-lines", body=b"\r\n.\r\n" * 20_000)
    s = pop3(Modest(lambda data: len(data.replace(b"\r\n", b"\n"))), [message, corpus.mail("m")])
    personal.record(ANNA, "work", s, leave=leave, max_size=len(message) * 2 // 3)
    for _ in range(3):
        assert personal.once().code == 0
    assert personal.idents() == {"example.org/anna": ["m", "short-lines"]}
    assert s.count("retr") == 2
    assert len(s.box.left()) == (2 if leave else 0)


@pytest.mark.parametrize("leave", [0, 1])
def test_a_listing_that_lies_of_the_size(personal, pop3, leave):
    """Never lost and not retrieved at each poll: set aside after five, told once, left there, the others come."""
    s = pop3(Modest(lambda data: 500, b"padded"), [corpus.mail("m"), corpus.mail("padded")])
    personal.record(ANNA, "work", s, leave=leave, max_size=50_000)
    for _ in range(8):
        personal.once()
    assert s.behaviour.sent == 5
    assert len(re.findall(r"set aside: 5 sessions failed at it \(message \d is larger than max_size \(50000 octets\)", personal.log())) == 1
    assert notices(personal) == 1
    assert [i for i in personal.idents()["example.org/anna"] if i != "?"] == ["m"]
    assert corpus.mail("padded") in s.box.left()
    assert personal.once().code == 0
    assert s.behaviour.sent == 5


def test_no_ca_dir_where_none_is_used(personal, pop3, pki):
    """Every record has a ca_file: nobody needs hashed certificates."""
    personal.settings["ca_dir"] = personal.dir + "/nowhere"
    personal.record(ANNA, "work", pop3(messages=[corpus.mail("m")], mode="pop3s"), ca_file=pki.path("ca.pem"))
    assert personal.once().code == 0
    assert personal.idents() == {"example.org/anna": ["m"]}
