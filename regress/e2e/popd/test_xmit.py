# SPDX-License-Identifier: ISC
"""XTND XMIT: a client sends a message over its session.  +OK means that it is committed, -ERR that nothing of it ever will be."""
import os
import re
import socket
import sqlite3
import struct
import threading

import pytest

from lib import popdrig, rig as rigs
from test_popd import Mail, mail  # noqa: F401

FAR = ["x@far.example", "y@far.example"]
FROM = b"From: Anna <anna@example.org>\r\n"
HELLO = FROM + b"To: bert@example.org, x@far.example\r\nSubject: hello\r\n\r\nhello\r\n"


@pytest.fixture
def sends(mail, smtp):
    """Accounts of which anna may send, and a next hop for others."""
    mail.hop = smtp("smtp")
    mail.rig.sqlite(rigs.insert("nexthop", {"name": "out", "protocol": "smtp", "address": mail.hop.address, "timeout": 30}) +
        "UPDATE settings SET submit_nexthop = 'out'; UPDATE account SET submit = 1 WHERE address = 'anna@example.org';")
    start = mail.start

    def begin(*args, **kwargs):
        start(*args, **kwargs)
        rigs.wait_for(lambda: mail.rig.ctl("route", "anna@example.org", check=False).code == 0, "the deliverer")
        return mail
    mail.start = begin
    return mail


class Session(popdrig.Client):
    """A session of a client that has logged in."""

    def __init__(self, mail, name="anna", utf8=False):
        super().__init__(socket.create_connection(("127.0.0.1", mail.port)))
        assert self.line().startswith("+OK")
        if utf8:
            assert self.ask("UTF8").startswith("+OK")
        self.ask("USER " + name)
        assert self.ask("PASS s3cret-" + name).startswith("+OK")

    def xmit(self, data):
        """Sends a message; the last answer, None: the connection is at its end."""
        try:
            said = self.ask("XTND XMIT")
            if said is None or not said.startswith("+OK"):
                return said
            self.send(popdrig.stuffed(data))
            return self.line()
        except (BrokenPipeError, ConnectionResetError):
            return None


def held(mail):
    """Rows of what waits for a place or a next hop."""
    return mail.rig.state("SELECT link FROM pending UNION ALL SELECT link FROM relay")


def nothing(mail):
    """Nothing of a message is anywhere."""
    assert held(mail) == [] and mail.rig.delivered() == {} and mail.hop.mails == []
    rigs.wait_for(lambda: [n for n in mail.rig.spooled() if n != "aside"] == [], "the spool to be empty")


def got(mail, where):
    return mail.rig.delivered().get("example.org/" + where, [])


def fields(data, name):
    """The bodies of a header's fields of this name, unfolded."""
    head = re.sub(rb"\r?\n[ \t]+", b" ", data.replace(b"\r\n", b"\n").split(b"\n\n")[0])
    return [line.split(b":", 1)[1].strip() for line in head.split(b"\n") if line.lower().startswith(name.lower() + b":")]


def test_sent(sends):
    """Everybody in To, Cc and Bcc gets it once, here and elsewhere; Bcc is not in it, and Date and Message-ID are."""
    sends.start()
    s = Session(sends)
    assert "XTND" not in "".join([s.ask("CAPA")] + s.listed())
    assert s.xmit(b"Bcc: postmaster@example.org,\r\n y@far.example\r\nFrom: Anna <Anna@Example.org>\r\nTo: Sales <sales@example.org>\r\n"
        b"cc: x@far.example\r\nSubject: all\r\n\r\n.\r\n..\r\ntext \xc3\xa9\r\n") == "+OK the message is taken"
    assert s.ask("STAT") == "+OK 0 0"
    rigs.wait_for(lambda: got(sends, "bert") and got(sends, "postmaster") and sends.hop.taken(), "it to arrive")
    here, = got(sends, "bert")
    other, = got(sends, "postmaster")
    there, = sends.hop.mails
    assert here == other and sorted(there.taken()) == FAR and there.sender == "anna@example.org"
    there = there.data
    for data in (here, there):
        assert not fields(data, b"Bcc") and b"y@far.example" not in data
        assert fields(data, b"Message-ID") == fields(here, b"Message-ID") != [] and fields(data, b"Date") == fields(here, b"Date") != []
        assert data.replace(b"\r\n", b"\n").endswith(b"\n\n.\n..\ntext \xc3\xa9\n")
    assert here.startswith(b"Return-Path: <anna@example.org>\nReceived: from [127.0.0.1]\n\tby rig.test (rpopd) with POP3 id S")
    assert re.fullmatch(rb"<[0-9a-f.]+\.S\d+@rig.test>", fields(here, b"Message-ID")[0])
    rigs.wait_for(lambda: held(sends) == [], "the queue to be empty")
    found = sends.rig.ctl("find", "from=anna@example.org").log
    assert "bert" in found and "x@far.example" in found
    # The next one has a Date and a Message-ID of its own.
    own = HELLO[:-9] + b"Date: Mon, 30 Nov 2026 10:00:00 +0000\r\nMessage-ID: <own@example.org>\r\n\r\nhello\r\n"
    assert s.xmit(own).startswith("+OK")
    rigs.wait_for(lambda: len(got(sends, "bert")) == 2 and len(sends.hop.mails) == 2, "the second one")
    assert fields(got(sends, "bert")[1], b"Message-ID") == [b"<own@example.org>"] and len(fields(got(sends, "bert")[1], b"Date")) == 1
    assert "POP " in sends.daemon.log() and "anna@example.org by XTND XMIT: uid=" in sends.daemon.log()


def test_octets(sends):
    """The message is what was sent, dots aside, however it is cut on its way; so are a hundred of them, one behind the other."""
    sends.start()
    s = Session(sends)
    body = b"".join(b"." * (i % 5) + b"x" * (i * 7 % 995) + b"\r\n" for i in range(1500))
    data = FROM + b"To: bert@example.org\r\n\r\n" + body
    assert s.ask("XTND XMIT").startswith("+OK")
    wire = popdrig.stuffed(data)
    for at in range(0, 200):
        s.send(wire[at:at + 1])
    for at in range(200, len(wire), 4099):
        s.send(wire[at:at + 4099])
    assert s.line().startswith("+OK")
    # Somebody who does not wait gets the same.
    s.send(b"NOOP\r\nXTND XMIT\r\n" + popdrig.stuffed(HELLO) + b"STAT\r\n")
    assert [s.line().split(" ")[0] for _ in range(4)] == ["+OK"] * 4
    rigs.wait_for(lambda: len(got(sends, "bert")) == 2, "both")
    long = max(got(sends, "bert"), key=len)
    assert long.endswith(b"\n\n" + body.replace(b"\r\n", b"\n"))


REFUSED = [
    (b"To: bert@example.org\r\n\r\nx\r\n", "there is no From field"),
    (b"From: bert@example.org\r\nTo: bert@example.org\r\n\r\nx\r\n", "the address in From is not one of yours: bert@example.org"),
    (b"From: both@example.org\r\nTo: bert@example.org\r\n\r\nx\r\n", "the address in From is not one of yours: both@example.org"),
    (FROM + b"Sender: x@far.example\r\nTo: bert@example.org\r\n\r\nx\r\n", "the address in Sender is not one of yours: x@far.example"),
    (FROM + b"To: bert@example.org, nobody@example.org, x@far.example\r\n\r\nx\r\n", "no such recipient here: nobody@example.org"),
    (FROM + b"To: bert\r\n\r\nx\r\n", "there is something in To, Cc or Bcc that is no address: bert"),
    (FROM + b"Subject: nobody\r\n\r\nx\r\n", "there is no recipient in To, Cc or Bcc"),
    (FROM + b"Resent-To: x@far.example\r\nTo: bert@example.org\r\n\r\nx\r\n", "a message with Resent fields is not sent from here"),
    (b"", "there is no From field"),
    (FROM + b"To: bert@example.org\r\n\r\n" + b"x" * 999 + b"\r\n", "a line of the message is longer than 998 octets"),
    (FROM + b"To: bert@example.org\r\n\r\n" + b"x" * 100000 + b"\r\n", "a line of the message is longer than 998 octets"),
    (FROM + b"To: bert@example.org\r\n\r\na\nb\r\n", "a line of the message does not end with CRLF"),
    (FROM + b"To: bert@example.org\r\n\r\na\n.\nb\r\n", "a line of the message does not end with CRLF"),
    (FROM + b"To: bert@example.org\r\n\r\na\rb\r\n", "a line of the message does not end with CRLF"),
    (FROM + b"To: bert@example.org\r\n\r\na\0b\r\n", "the message has a NUL"),
    (FROM + b"To: bert@example.org\r\nSubject: \xc3\xa9\r\n\r\nx\r\n",
        "the message's header is beyond ASCII, for which UTF8 is to be said ahead of the login"),
]


def test_refused(sends):
    """Whatever is wrong with a message, nobody gets it, its sender hears what it is, and the session goes on."""
    sends.start()
    s = Session(sends)
    for data, why in REFUSED:
        assert s.xmit(data) == "-ERR " + why
        assert s.ask("NOOP").startswith("+OK")
    nothing(sends)
    assert s.xmit(HELLO).startswith("+OK")


def test_utf8(sends):
    """A header in UTF-8 goes if the client has said UTF8, and one that is no UTF-8 does not."""
    sends.start()
    s = Session(sends, utf8=True)
    assert s.xmit(FROM + b"To: bert@example.org\r\nSubject: \xe9\r\n\r\nx\r\n") == "-ERR the message's header is no UTF-8"
    nothing(sends)
    assert s.xmit(FROM + b"To: J\xc3\xbcrg <bert@example.org>\r\nSubject: \xc3\xa9\r\n\r\n\xe9\r\n").startswith("+OK")
    rigs.wait_for(lambda: got(sends, "bert"), "it to arrive")
    assert b"\nSubject: \xc3\xa9\n\n\xe9\n" in got(sends, "bert")[0]


def test_rights(sends):
    """Without the right, or without a next hop for others, the answer is -ERR at once; both may be taken away meanwhile."""
    sends.start()
    s = sends.connect()
    s.sock.sendall(b"XTND XMIT\r\n")
    assert s.file.readline().startswith(b"-ERR XTND: log in first")
    anna, bert = Session(sends), Session(sends, "bert")
    assert bert.ask("XTND XMIT") == "-ERR you may not send mail from here"
    for line in ("XTND", "XTND XLST", "XTND XMIT now", "XTND XMITX"):
        assert anna.ask(line) == "-ERR usage: XTND XMIT"
    assert anna.ask("xtnd xmit ").startswith("+OK")
    anna.send(popdrig.stuffed(b"x\r\n"))
    assert anna.line().startswith("-ERR")
    sends.rig.ctl("account", "set", "anna@example.org", "submit=0")
    assert anna.ask("XTND XMIT") == "-ERR you may not send mail from here"
    sends.rig.ctl("account", "set", "anna@example.org", "submit=1")
    assert anna.ask("XTND XMIT").startswith("+OK")
    anna.send(b".\r\n")
    assert anna.line().startswith("-ERR")
    sends.rig.ctl("setting", "set", "submit_nexthop=")
    assert anna.ask("XTND XMIT") == "-ERR you may not send mail from here"
    assert Session(sends).ask("XTND XMIT") == "-ERR you may not send mail from here"
    nothing(sends)


def test_limits(sends):
    """Octets, recipients, and messages within an hour; what is refused counts for none."""
    sends.rig.sqlite("UPDATE settings SET submit_size = 2048, submit_recipients = 3, submit_limit = 3")
    sends.start()
    s = Session(sends)
    head = FROM + b"To: bert@example.org\r\n\r\n"
    whole = head + b"x\r\n" * ((2048 - len(head)) // 3)
    whole = whole[:-2] + b"y" * (2048 - len(whole)) + b"\r\n"
    assert len(whole) == 2048
    assert s.xmit(whole[:-2] + b"y\r\n") == "-ERR the message is too large"
    assert s.xmit(whole + b"x\r\n" * 100000) == "-ERR the message is too large"
    assert s.xmit(FROM + b"To: a@far.example, b@far.example, A@far.example\r\nBcc: c@far.example, d@far.example\r\n\r\n") == \
        "-ERR there are more than 3 recipients"
    nothing(sends)
    assert s.xmit(whole).startswith("+OK")
    for _ in range(2):
        assert s.xmit(HELLO).startswith("+OK")
    assert s.xmit(HELLO) == "-ERR you have sent 3 messages within an hour, try again later"
    assert Session(sends).xmit(HELLO).startswith("-ERR you have sent 3 messages")
    rigs.wait_for(lambda: len(got(sends, "bert")) == 3, "all to arrive")


def test_endless(sends):
    """Who sends and sends is heard for a while only."""
    sends.rig.sqlite("UPDATE settings SET submit_size = 2048")
    sends.start()
    s = Session(sends)
    assert s.ask("XTND XMIT").startswith("+OK")
    with pytest.raises(OSError):
        while True:
            s.send(b"x" * 70 + b"\r\n" * 1000)
    nothing(sends)
    rigs.wait_for(lambda: "too many bad commands" in sends.daemon.log() or sends.who() == [], "the session to end")


def test_cut(sends):
    """A client that goes in the middle, wherever that is, has sent nothing; what looks like a command there is text."""
    sends.start()
    wire = popdrig.stuffed(HELLO[:-2] + b"\r\nRSET\r\nQUIT\r\n.x\r\n")
    for at in list(range(0, 60, 7)) + [len(wire) - n for n in range(1, 8)]:
        s = Session(sends)
        assert s.ask("XTND XMIT").startswith("+OK")
        s.send(wire[:at])
        if at % 2:
            s.sock.shutdown(socket.SHUT_WR)
            assert s.rest() == b""
        s.close()
    rigs.wait_for(lambda: sends.who() == [], "the sessions to end")
    nothing(sends)
    s = Session(sends)
    assert s.xmit(popdrig.on_the_wire(HELLO + b"RSET\nQUIT\n")).startswith("+OK")
    assert s.ask("QUIT") == "+OK bye"
    rigs.wait_for(lambda: got(sends, "bert"), "it to arrive")
    assert got(sends, "bert")[0].endswith(b"\n\nhello\nRSET\nQUIT\n")


def test_reported(sends):
    """What a next hop refuses for good is reported to who sent it, and to nobody else."""
    sends.hop.answers["x@far.example"] = "rcpt: 550 5.1.1 no such user there"
    sends.start()
    assert Session(sends).xmit(HELLO).startswith("+OK")
    rigs.wait_for(lambda: got(sends, "anna"), "the report")
    report, = got(sends, "anna")
    assert fields(report, b"To") == [b"<anna@example.org>"] and b"no such user there" in report and b"x@far.example" in report
    assert report.startswith(b"Return-Path: <>\n") and len(got(sends, "bert")) == 1 and got(sends, "postmaster") == []
    rigs.wait_for(lambda: held(sends) == [], "the queue to be empty")


def test_store_locked(sends):
    """state.db takes nothing: the client hears -ERR, and then it is -ERR, whatever the store does later."""
    sends.start()
    s = Session(sends)
    db = sqlite3.connect(sends.rig.statedb, isolation_level=None, timeout=30)
    db.execute("BEGIN IMMEDIATE")
    assert s.xmit(HELLO) == "-ERR [SYS/TEMP] the message cannot be taken now, try again later"
    assert s.xmit(HELLO) == "-ERR [SYS/TEMP] the message cannot be taken now, try again later"
    db.execute("ROLLBACK")
    db.close()
    rigs.wait_for(lambda: "commits work again" in sends.daemon.log(), "the store")
    nothing(sends)
    assert s.xmit(HELLO).startswith("+OK")
    rigs.wait_for(lambda: len(got(sends, "bert")) == 1 and len(sends.hop.mails) == 1, "it to arrive")


def test_unified(sends):
    """A unified account's copy names its own address; nobody else's does, and a hidden recipient stays hidden."""
    sends.rig.sqlite("UPDATE account SET unified = 1 WHERE name = 'bert'; INSERT INTO route (address, target) VALUES"
        " ('shop@example.org', 'bert@example.org')")
    sends.start()
    assert Session(sends).xmit(FROM + b"X-Real-To: forged@example.org\r\nTo: postmaster@example.org\r\nBcc: shop@example.org\r\n\r\nx\r\n") == \
        "+OK the message is taken"
    rigs.wait_for(lambda: got(sends, "bert") and got(sends, "postmaster"), "it to arrive")
    hidden, seen = got(sends, "bert")[0], got(sends, "postmaster")[0]
    assert fields(hidden, b"X-Real-To") == [b"shop@example.org"] and b"shop" not in seen
    assert fields(hidden, b"Message-ID") == fields(seen, b"Message-ID") and fields(hidden, b"Date") == fields(seen, b"Date")


# Who dies, where; whether the message is taken then, None: the answer says it.
KILLS = [("popd", p, taken) for p, taken in (("popd.xmit", 0), ("popd.xmit_begin", 0), ("popd.xmit_whole", 0), ("popd.xmit_done", 1))] + \
    [("deliverer", p, 0) for p in ("deliverer.begin", "deliverer.header", "deliverer.named", "deliverer.written", "deliverer.fsync_files",
        "deliverer.fsync_spool")] + \
    [("deliverer", "deliverer.receipt", None)] + \
    [("deliverer", p, 1) for p in ("deliverer.committed", "deliverer.rename", "deliverer.renamed", "deliverer.settle")] + \
    [("rpopd", p, 0) for p in ("master.submit", "master.receipts", "master.commit_before", "master.state_commit_before",
        "master.state_commit_open")] + \
    [("rpopd", p, 1) for p in ("master.state_commit_done", "master.commit_after", "master.committed_sent", "master.submit_taken",
        "master.verdict_sent", "master.settled")]


@pytest.mark.parametrize("process, point, taken", KILLS)
def test_killed(sends, process, point, taken):
    """Whoever is killed at whatever step: +OK is once for everybody, -ERR is never, and no answer is one of these."""
    sends.start("-K", "%s:%s:1" % (process, point), hooks=True)
    said = Session(sends).xmit(HELLO)
    if process == "rpopd":
        sends.daemon.wait()
        assert said is None or (taken and said.startswith("+OK"))
    elif process == "popd":
        assert said is None
    else:
        assert said is not None
    if taken is None:
        taken = said.startswith("+OK")
    elif said is not None:
        assert said.startswith("+OK") == bool(taken), said
    if not taken and process != "rpopd":
        nothing(sends)
    if process == "deliverer":
        rigs.wait_for(lambda: re.search(r"deliverer\[\d+\] died", sends.daemon.log()), "its end")
    if process != "rpopd":
        sends.daemon.stop()
    sends.daemon.kill()
    sends.start()
    if not taken:
        nothing(sends)
        assert Session(sends).xmit(HELLO).startswith("+OK")
    rigs.wait_for(lambda: got(sends, "bert") and sends.hop.mails and held(sends) == [], "it to arrive")
    assert len(got(sends, "bert")) == 1
    assert sends.hop.taken() == ["x@far.example"] or any(m.dropped or not m.followed for m in sends.hop.mails)


@pytest.mark.parametrize("point", [None, "master.commit_before", "master.commit_after", "master.committed_sent"])
def test_killed_void(sends, point):
    """Once the client has heard -ERR because state.db is locked, nothing comes of it, whenever the daemon dies."""
    if point:
        # The client hears -ERR when the second try has failed; the one behind that is the first that could make the message count.
        nth = 3 if point == "master.commit_before" else 1
        sends.start("-K", "rpopd:%s:%d" % (point, nth), hooks=True)
    else:
        sends.start()
    db = sqlite3.connect(sends.rig.statedb, isolation_level=None, timeout=30)
    db.execute("BEGIN IMMEDIATE")
    said = Session(sends).xmit(HELLO)
    assert said == "-ERR [SYS/TEMP] the message cannot be taken now, try again later"
    if point is None:
        sends.daemon.kill()
    db.execute("ROLLBACK")
    db.close()
    if point:
        sends.daemon.wait()
    sends.daemon.kill()
    sends.start()
    nothing(sends)


def test_disk(sends):
    """The disk takes nothing: -ERR, which counts, and the next message goes."""
    sends.start("-F", "deliverer:linkat:1:28", hooks=True)
    s = Session(sends)
    assert s.xmit(HELLO) == "-ERR [SYS/TEMP] the message cannot be taken now, try again later"
    nothing(sends)
    assert s.xmit(HELLO).startswith("+OK")
    rigs.wait_for(lambda: got(sends, "bert") and sends.hop.mails and held(sends) == [], "the second one")
    assert len(got(sends, "bert")) == 1 and len(sends.hop.mails) == 1 and "spool" in sends.daemon.log()


def test_lost(sends):
    """A file that is gone from the spool is on no server: who has not got the message is told of as lost, the others have it."""
    sends.hop.default = "451 4.2.0 later"
    sends.start()
    assert Session(sends).xmit(HELLO).startswith("+OK")
    rigs.wait_for(lambda: got(sends, "bert") and sends.hop.mails, "it to be tried")
    sends.daemon.stop()
    (link,), = held(sends)
    os.unlink(os.path.join(sends.rig.mail, "spool", link))
    sends.start()
    rigs.wait_for(lambda: any(b"Subject: Mail was lost" in m for m in got(sends, "postmaster")), "the note")
    assert sends.rig.state("SELECT body, dest FROM relay") == [(2, "x@far.example")] and len(got(sends, "bert")) == 1


# --- popd alone, this file being master and deliverer ---

class Pipe:
    """The deliverer's end of a message pipe."""

    def __init__(self, log):
        ours, self.theirs = socket.socketpair()
        self.channel, self.data, self.ended = popdrig.Channel(ours, log), b"", False

    def read(self):
        while True:
            told = self.channel.receive()
            if told is None:
                return self
            name, data, _ = told
            if name == "IMSG_MSG_DATA":
                self.data += data
            elif name == "IMSG_MSG_END":
                self.ended = struct.unpack("=IxxxxQ", data[:16])[1]


@pytest.fixture
def alone():
    made = []

    def make(**start):
        popd = popdrig.Popd(**start)
        popd.submit, popd.pipes, popd.most = 1, [], 100000

        def give(session):
            pipe = Pipe(popd.log)
            popd.pipes.append(pipe)
            with pipe.theirs:
                session.channel.send("IMSG_POP_PIPE", struct.pack("=Q", popd.most), pipe.theirs.fileno())
        popd.xmit = give
        made.append(popd)
        return popd
    yield make
    for popd in made:
        popd.close()


def begin(popd):
    if not popd.listening:
        popd.listen()
    c = popd.client(login=True)
    assert c.ask("XTND XMIT").startswith("+OK")
    return c


def done(popd, taken, code=0, text=b""):
    popd.sessions[-1].channel.send("IMSG_POP_XMIT_DONE", struct.pack("=II256s", taken, code, text))


def test_time_is_up(alone):
    """A client that falls silent in the middle is cut off, and its message has no end."""
    popd = alone(idle_timeout=3000)
    c = begin(popd)
    c.send(HELLO[:30])
    assert c.rest() == b""
    pipe = popd.pipes[0].read()
    assert pipe.ended is False and HELLO.startswith(pipe.data)
    rigs.wait_for(lambda: popd.sessions[0].end is not None, "its last word")
    assert popdrig.ENDS[popd.sessions[0].end.how] == "timeout"


def test_answered_early(alone):
    """The deliverer dies in the middle: what the client goes on sending is no command, and then it hears what became of it."""
    popd = alone()
    c = begin(popd)
    c.send(HELLO)
    done(popd, 0, popdrig.SYS_TEMP, b"gone")
    assert popd.pipes[0].read().ended is False
    c.send(b"DELE 1\r\nQUIT\r\n.\r\n")
    assert c.line() == "-ERR [SYS/TEMP] gone"
    assert c.ask("NOOP").startswith("+OK")


def test_told_when_it_is_known(alone):
    """+OK comes with the master's word and not ahead of it, and not without the end of the message."""
    popd = alone()
    c = begin(popd)
    c.send(popdrig.stuffed(HELLO))
    assert popd.pipes[0].read().ended == len(HELLO) and popd.pipes[0].data == HELLO
    c.send(b"NOOP\r\n")
    done(popd, 1)
    assert c.line() == "+OK the message is taken" and c.line().startswith("+OK")


def test_stopped(alone):
    """A session that is to end waits for the answer to a message that is whole, and for nothing else."""
    popd = alone()
    c = begin(popd)
    c.send(popdrig.stuffed(HELLO))
    popd.pipes[0].read()
    popd.sessions[-1].channel.send("IMSG_POP_STOP")
    done(popd, 1)
    assert c.line() == "+OK the message is taken" and c.rest() == b""
    c = begin(popd)
    c.send(HELLO)
    popd.sessions[-1].channel.send("IMSG_POP_STOP")
    assert c.rest() == b"" and popd.pipes[1].read().ended is False


def test_slow_deliverer(alone):
    """A deliverer that reads late gets all of it, and the session does not keep it meanwhile."""
    popd = alone()
    popd.most = 8 << 20
    c = begin(popd)
    data = FROM + b"\r\n" + (b"y" * 70 + b"\r\n") * 100000
    sender = threading.Thread(target=c.send, args=(popdrig.stuffed(data),), daemon=True)
    sender.start()
    popd.pipes[0].channel.sock.recv(1, socket.MSG_PEEK)
    # A sanitizer keeps what is freed, and more beside it.
    assert rigs.SANITIZED or max(len(rigs.memory(popd.pid())) for _ in range(20)) < 2 << 20
    assert sender.is_alive()
    pipe = popd.pipes[0].read()
    sender.join(rigs.PATIENCE)
    assert pipe.ended == len(data) and pipe.data == data
    done(popd, 1)
    assert c.line().startswith("+OK")
