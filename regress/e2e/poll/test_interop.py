# SPDX-License-Identifier: ISC
"""
Every POP3 server that Debian 12 packages, Dovecot apart (test_personal.py and others): retrieve, leave, delete, a wrong password, a
connection lost in QUIT, and TLS, APOP and SASL where offered.
"""
import os
import shutil
import socket
import threading
import time

import pytest

from lib import corpus, rig as rigs
from servers import packaged
from servers.packaged.courier import Courier
from servers.packaged.cyrus import Cyrus
from servers.packaged.mailutils import Mailutils
from servers.packaged.popa3d import Popa3d
from servers.packaged.solid import Solid

ANNA = "example.org/anna"
SERVERS = {"courier": Courier, "cyrus": Cyrus, "mailutils": Mailutils, "popa3d": Popa3d, "solid": Solid}


class NoRoom(Mailutils):
    """It can write no temporary file: it deletes nothing, says so at QUIT, and its unique-ids are other ones in each session."""
    temporary = "/nonexistent"


# what a server's own store does not change by its nature: no bare LF or NUL, no lines beyond RFC 5322
KINDS = ("plain", "eightbit", "dots", "folded", "nullsender")


@pytest.fixture(scope="session")
def running(pki):
    """Starts a server by name, once."""
    started, directories = {}, []

    def get(name):
        make = SERVERS.get(name, NoRoom)
        if name not in started:
            why = packaged.missing(make.package)
            if why:
                pytest.skip(why)
            directories.append(rigs.scratch("rpsv."))
            started[name] = make(os.path.join(directories[-1]), pki)
        return started[name]
    yield get
    for s in started.values():
        s.stop()
    for d in directories:
        shutil.rmtree(d, ignore_errors=True)


class Relay:
    """Between the client and a server; ends both connections when the client says QUIT, which the server does not get to hear."""

    def __init__(self, port):
        self.port_behind, self.host, self.cutting = port, "localhost", True
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.port_behind))
            threading.Thread(target=self._copy, args=(server, client, False), daemon=True).start()
            self._copy(client, server, self.cutting)

    @staticmethod
    def _copy(source, sink, watch):
        try:
            while data := source.recv(65536):
                if watch and b"QUIT\r\n" in data:
                    sink.sendall(data[:data.index(b"QUIT\r\n")])
                    break
                sink.sendall(data)
        except OSError:
            pass
        for s in (source, sink):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def fields(data):
    return corpus.split_fields(data.replace(b"\n", b"\r\n"))


def kept(delivered, sent):
    """Is this the message?  Servers add fields of their own; they must not lose, reorder or change one, nor an octet of the body."""
    got, body = fields(corpus.split_prologue(delivered)[3])
    want, original = fields(corpus.expected(sent))
    rest = iter(got)
    return body == original and all(any(w == g for g in rest) for w in want)


def check(rig, sent):
    """Exactly these messages were delivered, whatever order."""
    got = rig.delivered().get(ANNA, [])
    assert sorted(corpus.ident_of(d) for d in got) == sorted(corpus.ident_of(m) for m in sent)
    for data in got:
        match = next(m for m in sent if corpus.ident_of(m) == corpus.ident_of(data))
        assert kept(data, match), "altered: %r\n%r" % (match[:600], data[:1000])


def record(rig, server, login, tls="none", **columns):
    user, password = login
    columns.setdefault("password", password)
    return rig.record("anna@example.org", "box", server, user, tls=tls, **columns)


def poll(rig, server):
    """Once more, as soon as the server likes it; returns the exit status."""
    time.sleep(server.login_delay + 1 if server.login_delay and rig.runs else 0)
    return rig.once().code


def mails(prefix, n=4):
    return [corpus.mail("%s%d" % (prefix, i)) for i in range(n)]


def each(attribute):
    return [(n, x) for n, s in SERVERS.items() for x in getattr(s, attribute)]


@pytest.mark.parametrize("name,tls", each("modes"))
def test_delete(personal, running, name, tls):
    server = running(name)
    sent = [corpus.awkward("%s-%s-" % (name, tls))[k] for k in KINDS] + [corpus.big("%s-%s-big" % (name, tls), 300_000)]
    login = server.add_user(sent)
    record(personal, server, login, tls)
    result = personal.once()
    assert result.code == 0
    check(personal, sent)
    assert server.left(login[0]) == 0


@pytest.mark.parametrize("leave", [0, 1])
def test_no_room(personal, running, leave):
    """Each message comes once, however often its unique-id changes; and what the server says to QUIT is told."""
    server = running("no-room")
    sent = mails("room%d-" % leave)
    login = server.add_user(sent)
    record(personal, server, login, leave=leave)
    for n in range(3):
        result = personal.once()
        assert result.code == 0
        check(personal, sent)
        assert server.left(login[0]) == len(sent)
        assert ("QUIT was refused: Some deleted messages not removed: " in result.log) == (leave == 0)
        sent = sent + mails("room%d-later%d" % (leave, n), 1)
        server.deliver(login[0], sent[-1])


@pytest.mark.parametrize("name", list(SERVERS))
def test_leave(personal, running, name):
    """Ten polls (three where the server asks for a delay), mail coming in meanwhile: each message once, all of them stay."""
    server = running(name)
    sent = mails(name)
    login = server.add_user(sent)
    record(personal, server, login, leave=1)
    for n in range(3 if server.login_delay else 10):
        assert poll(personal, server) == 0
        check(personal, sent)
        if n in (0, 5):
            sent = sent + mails("%s-later%d" % (name, n), 1)
            server.deliver(login[0], sent[-1])
    assert server.left(login[0]) == len(sent)


@pytest.mark.parametrize("name", list(SERVERS))
def test_lost_in_quit(personal, running, name):
    """The deletion is not confirmed and did not happen: next time it is repeated, and nothing comes twice."""
    server = running(name)
    sent = mails(name)
    login = server.add_user(sent)
    relay = Relay(server.port)
    record(personal, relay, login)
    assert personal.once().code == 1
    check(personal, sent)
    relay.cutting = False
    rigs.wait_for(lambda: poll(personal, server) == 0, "the server to unlock the mailbox")
    check(personal, sent)
    relay.listener.close()
    assert server.left(login[0]) == 0


@pytest.mark.parametrize("name", list(SERVERS))
def test_wrong_password(personal, running, name):
    server = running(name)
    login = server.add_user(mails(name, 1))
    record(personal, server, login, password="not-the-password")
    result = personal.once()
    assert result.code == 1
    assert "login: login refused" in result.log and "not-the-password" not in result.log
    assert personal.delivered() == {} and server.left(login[0]) == 1


@pytest.mark.parametrize("name", [n for n, s in SERVERS.items() if s.apop_secret])
def test_apop(personal, running, name):
    server = running(name)
    sent = mails(name)
    login = server.add_user(sent)
    record(personal, server, login, password=server.apop_secret(login[0]), apop=1)
    result = personal.once("-v")
    assert result.code == 0
    check(personal, sent)


@pytest.mark.parametrize("name,mechanism", each("mechanisms"))
def test_sasl(personal, running, name, mechanism):
    server = running(name)
    sent = mails(name, 2)
    login = server.add_user(sent)
    record(personal, server, login, "tls" if mechanism in ("plain", "login") else "none", auth=mechanism)
    assert personal.once().code == 0
    check(personal, sent)
    assert server.left(login[0]) == 0
