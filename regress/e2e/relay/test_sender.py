# SPDX-License-Identifier: ISC
"""The sender process, told what to do by a script and talking to scripted next hops."""
import base64
import os
import random
import socket
import struct
import time

import pytest

from lib.senderrig import LMTP, SMTP, STLS, TLS, Mail, Rcpt, Sender

PIPE = ("250-hop", "250-PIPELINING", "250-8BITMIME", "250 SIZE 100000000")


@pytest.fixture
def sender(pki):
    s = Sender(pki)
    yield s
    s.close()
    assert s.status == 0


def greet(peer, hello="EHLO ", caps=PIPE):
    peer.say("220 hop")
    peer.expect(hello, *caps)


def take(peer, rcpts=1, answer="250 2.0.0 ok"):
    """A message from a pipelining client; its octets."""
    peer.expect("MAIL FROM:", "250 ok")
    for _ in range(rcpts):
        peer.expect("RCPT TO:", "250 ok")
    peer.expect("DATA", "354 go")
    data = peer.message()
    peer.say(answer)
    return data


def test_messages_and_quit(sender):
    """Several messages in one session, from where the descriptor stands."""
    got = []

    def script(peer):
        greet(peer)
        got.append(take(peer, 2))
        got.append(take(peer, 1, "452 4.3.1 full"))
        peer.expect("QUIT", "221 bye")
    job = sender.open(script)
    sender.mail(job, b"Return-Path: <x>\nA: b\n\n.\nhi\r\nthere\rend", "a@y", "b@y", skip=17)
    assert sender.results() == ([("accepted", 250, "2.0.0", "ok")] * 2, "done")
    sender.mail(job, b"", "c@y", number=2)
    assert sender.results() == ([("temp", 452, "4.3.1", "full")], "done")
    sender.quit(job)
    assert sender.results() == ([], ("NONE", 0, ""))
    sender.finish()
    assert got == [b"A: b\r\n\r\n..\r\nhi\r\nthere\r\nend\r\n", b""]


@pytest.mark.parametrize("options,kept", [({}, 0), ({"keep_trace": 0}, 0), ({"keep_trace": 1}, 1)])
@pytest.mark.parametrize("protocol,hello", [(SMTP, "EHLO "), (LMTP, "LHLO ")])
def test_delivered_to(sender, protocol, hello, options, kept):
    """Delivered-To fields stay behind unless they are to be kept, in each message of a session, and SIZE is that of what is sent."""
    sizes, got = [], []

    def script(peer):
        greet(peer, hello)
        for _ in range(2):
            sizes.append(peer.expect("MAIL FROM:", "250 ok"))
            peer.expect("RCPT TO:", "250 ok")
            peer.expect("DATA", "354 go")
            got.append(peer.message())
            peer.say("250 ok")
        peer.expect("QUIT", "221 bye")
    job = sender.open(script, protocol, **options)
    for number in 1, 2:
        sender.mail(job, b"delivered-TO: a@y\n\tand more\nX-Delivered-To: b\nDelivered-To: c@y\nA: b\n\nDelivered-To: d\n", "a@y",
            number=number)
        assert sender.results() == ([("accepted", 250, "2.0.0", "ok")], "done")
    sender.quit(job)
    assert sender.results()[1][0] == "NONE"
    sender.finish()
    first, second = b"delivered-TO: a@y\r\n\tand more\r\n" * kept, b"Delivered-To: c@y\r\n" * kept
    sent = first + b"X-Delivered-To: b\r\n" + second + b"A: b\r\n\r\nDelivered-To: d\r\n"
    assert got == [sent] * 2
    assert all(" SIZE=%d" % len(sent) in line for line in sizes)


def test_large_message(sender):
    """Megabytes with every octet, larger than all buffers, to a next hop that reads slowly at first."""
    rng = random.Random(4)
    octets = bytes(sorted(set(range(256)) - set(b"\r\n")))
    lines = [rng.choice([b"", b".", b".."]) + bytes(rng.choices(octets, k=rng.randrange(120))) for _ in range(50000)]
    got = []

    def script(peer):
        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        greet(peer)
        assert "SIZE=%d BODY=8BITMIME" % sum(len(line) + 2 for line in lines) in peer.expect("MAIL", "250 ok")
        peer.expect("RCPT", "250 ok")
        peer.expect("DATA", "354 go")
        got.append(peer.message())
        peer.say("250 ok")
    job = sender.open(script)
    sender.mail(job, b"\n".join(lines) + b"\n", "a@y")
    assert sender.results()[0][0][0] == "accepted"
    sender.finish()
    assert [line[1:] if line.startswith(b".") else line for line in got[0].split(b"\r\n")] == lines + [b""]


def test_lmtp(sender):
    def script(peer):
        greet(peer, "LHLO ")
        peer.expect("MAIL FROM:<s@x>", "250 ok")
        peer.expect("RCPT TO:<a@y>", "250 ok")
        peer.expect("RCPT TO:<b@y>", "550 5.1.1 no")
        peer.expect("RCPT TO:<c@y>", "250 ok")
        peer.expect("DATA", "354 go")
        peer.message()
        peer.say("250 2.1.5 a ok", "450 4.2.1 c later")
        peer.expect("QUIT", "221 bye")
    job = sender.open(script, LMTP)
    sender.mail(job, b"x\n", "a@y", "b@y", "c@y")
    assert sender.results() == ([("accepted", 250, "2.1.5", "a ok"), ("perm", 550, "5.1.1", "no"),
        ("temp", 450, "4.2.1", "c later")], "done")
    sender.quit(job)
    assert sender.results()[1][0] == "NONE"
    sender.finish()


@pytest.mark.parametrize("tls", [TLS, STLS])
@pytest.mark.parametrize("own_ca", [False, True])
def test_tls(sender, pki, tls, own_ca):
    def script(peer):
        if tls == STLS:
            greet(peer, caps=("250-hop", "250 STARTTLS"))
            peer.expect("STARTTLS", "220 go")
        peer.secure(pki, "unknown" if own_ca else "good")
        if tls == TLS:
            peer.say("220 hop")
        peer.expect("EHLO ", *PIPE)
        take(peer)
        peer.expect("QUIT", "221 bye")
    ca = None
    if own_ca:
        with open(pki.path("otherca.pem"), "rb") as f:
            ca = f.read()
    job = sender.open(script, tls=tls, ca=ca)
    sender.mail(job, b"x\n" * 100000, "a@y")
    assert sender.results()[0][0][0] == "accepted"
    sender.quit(job)
    assert sender.results()[1][0] == "NONE"
    sender.finish()


@pytest.mark.parametrize("tls", [TLS, STLS])
@pytest.mark.parametrize("cert", ["wrongname", "unknown", "expired", "selfsigned"])
def test_wrong_certificate(sender, pki, tls, cert):
    """No octet of mail or credential, and the recipients stay unanswered."""
    seen = []

    def script(peer):
        if tls == STLS:
            greet(peer, caps=("250-hop", "250-AUTH PLAIN", "250 STARTTLS"))
            peer.expect("STARTTLS", "220 go")
        try:
            peer.secure(pki, cert)
            if tls == TLS:
                peer.say("220 hop")
            seen.append(peer.line())
        except OSError:
            pass
    job = sender.open(script, tls=tls, user=b"fred", password=b"wonderwall")
    sender.mail(job, b"x\n", "a@y")
    told, (why, temp, text) = sender.results()
    assert (told, why, temp) == ([], "TLS", 0)
    assert "certificate" in text.lower()
    sender.finish()
    assert seen in ([], [None])


def test_injection_behind_starttls(sender, pki):
    """Plain octets behind the answer to STARTTLS would be read as the server's own, under TLS."""
    def script(peer):
        greet(peer, caps=("250-hop", "250 STARTTLS"))
        peer.expect("STARTTLS", "220 go", "250 injected")
        assert peer.line() is None
    sender.mail(sender.open(script, tls=STLS), b"x\n", "a@y")
    told, (why, _, text) = sender.results()
    assert (told, why) == ([], "PROTO") and "STARTTLS" in text
    sender.finish()


def test_starttls_not_offered(sender):
    def script(peer):
        greet(peer)
        assert peer.line() is None
    sender.mail(sender.open(script, tls=STLS), b"x\n", "a@y")
    assert sender.results() == ([], ("TLS", 0, "the next hop does not offer STARTTLS"))
    sender.finish()


@pytest.mark.parametrize("reply,why,temp", [("235 in", None, 0), ("535 5.7.8 wonderwall is wrong", "AUTH", 0),
    ("454 4.7.0 later", "SERVER_TEMP", 1)])
def test_auth(sender, pki, reply, why, temp):
    def script(peer):
        peer.secure(pki)
        greet(peer, caps=("250-hop", "250 AUTH LOGIN PLAIN"))
        line = peer.expect("AUTH PLAIN ", reply)
        assert base64.b64decode(line.split()[2]) == b"\0fred\0wonderwall"
        if why is None:
            take(peer)
            peer.expect("QUIT", "221 bye")
    job = sender.open(script, tls=TLS, user=b"fred", password=b"wonderwall")
    sender.mail(job, b"x\n", "a@y")
    told, end = sender.results()
    if why is None:
        assert told[0][0] == "accepted"
        sender.quit(job)
        end = sender.results()[1]
    else:
        assert told == [] and end[:2] == (why, temp)
    sender.finish()
    assert "wonderwall" not in str(end) + "".join(sender.log)
    assert base64.b64encode(b"\0fred\0wonderwall").decode() not in str(end) + "".join(sender.log)
    assert any("AUTH PLAIN ****" in line for line in sender.log)


def drop_after(peer, hello, step):
    if step == "greeting":
        peer.say("220 hop")
        peer.line()
        return
    greet(peer, hello)
    peer.expect("MAIL", "250 ok")
    if step == "mail":
        return
    peer.expect("RCPT", "250 ok")
    peer.expect("RCPT", "550 5.1.1 no")
    peer.expect("DATA", "354 go")
    if step == "data":
        return
    peer.message()


@pytest.mark.parametrize("step,results", [("greeting", []), ("mail", ["temp", "temp"]), ("data", ["temp", "perm"]),
    ("dot", ["doubt", "perm"])])
@pytest.mark.parametrize("protocol", [SMTP, LMTP])
def test_connection_lost(sender, protocol, step, results):
    """Doubt is for those only who may have got the whole message."""
    def script(peer):
        drop_after(peer, "LHLO " if protocol == LMTP else "EHLO ", step)
    job = sender.open(script, protocol)
    sender.mail(job, b"x\n" * 4000000, "a@y", "b@y")  # more than waits in sockets: without a reader the end cannot go out
    told, end = sender.results()
    assert [t[0] for t in told] == results
    assert end[0] == "CLOSED"
    sender.finish()


def test_timeout(sender):
    """A next hop that is silent; its octets count for nothing, whole replies do."""
    def script(peer):
        peer.say("220 hop")
        for _ in range(40):
            try:
                peer.sock.sendall(b"2")
            except OSError:
                return
            time.sleep(0.1)
    sender.mail(sender.open(script, timeout=1000), b"x\n", "a@y")
    assert sender.results() == ([], ("TIMEOUT", 0, "the next hop does not answer within 1 s"))


@pytest.mark.parametrize("octets", [5, 1000])
def test_not_the_message(sender, octets):
    """A spool file that is not as long as was said is not sent; the session goes on."""
    def script(peer):
        greet(peer)
        take(peer)
        peer.expect("QUIT", "221 bye")
    job = sender.open(script)
    sender.mail(job, b"0123456789\n", "a@y", "b@y", octets=octets)
    assert sender.results() == ([("temp", 0, "4.3.0", "the message in the spool cannot be read")] * 2, "done")
    sender.mail(job, b"x\n", "a@y", number=2)
    assert sender.results()[0][0][0] == "accepted"
    sender.quit(job)
    assert sender.results()[1][0] == "NONE"
    sender.finish()


def test_pipe_for_a_message(sender):
    """A descriptor that could keep everybody waiting."""
    def script(peer):
        greet(peer)
        peer.line()
    job = sender.open(script)
    r, w = os.pipe()
    sender.tell(job, "IMSG_SEND_MAIL", Mail(id=job, mail=1, octets=1, rcpts=1, sender=b""), r)
    sender.tell(job, "IMSG_SEND_RCPT", Rcpt(id=job, mail=1, rcpt=0, address=b"a@y"))
    assert sender.results()[0][0][0] == "temp"
    os.close(r)
    os.close(w)


def test_many_sessions(sender):
    """At once, one of them stuck in the middle of a message."""
    def stuck(peer):
        greet(peer)
        peer.expect("MAIL", "250 ok")
        peer.expect("RCPT", "250 ok")
        peer.expect("DATA", "354 go")
        time.sleep(2)

    def script(peer):
        greet(peer)
        take(peer)
        peer.expect("QUIT", "221 bye")
    slow = sender.open(stuck)
    sender.mail(slow, b"x" * 5_000_000, "a@y")
    jobs = [sender.open(script) for _ in range(20)]
    for job in jobs:
        sender.mail(job, b"x\n" * 1000, "a@y")
        sender.quit(job)
    ended = set()
    while len(ended) < len(jobs):
        name, m = sender.receive()
        if name == "IMSG_SENT_RCPT":
            assert m.id != slow and m.result == 1
        elif name == "IMSG_SENT_END":
            assert m.why == 0
            ended.add(m.id)
    assert ended == set(jobs)


def test_ended_sessions_are_passed_over(sender):
    """What the master sent before it heard of the end."""
    job = sender.open(lambda peer: peer.say("554 no"))
    assert sender.results()[1][0] == "SERVER_PERM"
    sender.mail(job, b"x\n", "a@y")
    sender.quit(job)
    again = sender.open(lambda peer: peer.say("421 later"))
    assert sender.results()[1][:2] == ("SERVER_TEMP", 1)
    assert again != job


@pytest.mark.parametrize("broken", [
    ("IMSG_SEND_QUIT", b"xx"), ("IMSG_SEND_SECRET", b"x"), ("IMSG_DIAL", b""), ("IMSG_SENT_MAIL", struct.pack("=II", 1, 1))])
def test_master_that_breaks_the_rules(pki, broken):
    s = Sender(pki)
    try:
        job = s.fork()
        s.tell(job, *broken)
        assert s.receive() is None and s.exited(job) == 1
    finally:
        s.close()
    assert s.status == 0


@pytest.mark.parametrize("point,seen", [("sender.dot", 0), ("sender.dot_sent", 1), ("sender.told", 1)])
def test_killed(pki, point, seen):
    """Before the final dot the next hop has nothing; from there on the master hears nothing, and must take it for doubt."""
    got = []

    def script(peer):
        greet(peer)
        peer.expect("MAIL", "250 ok")
        peer.expect("RCPT", "250 ok")
        peer.expect("DATA", "354 go")
        try:
            got.append(peer.message())
            peer.say("250 ok")
        except (AssertionError, OSError):
            pass
    s = Sender(pki, "-K", point)
    try:
        job = s.open(script)
        s.mail(job, b"x\n", "a@y")
        heard = s.receive()
        assert heard is None or (point == "sender.told" and heard[0] == "IMSG_SENT_RCPT" and s.receive() is None)
        s.finish()
        assert s.exited(job) == -9 and len(got) == seen
    finally:
        s.close()
    assert s.status == 0
