# SPDX-License-Identifier: ISC
"""
Where clients come from and go to: listeners on all addresses and on single ones of either family, what counts as one address with
IPv6, and from where a password may come in clear.  In a network of its own, whose interface has several addresses.
"""
import base64
import hashlib
import select
import socket
import threading

import pytest

from lib import popdrig as P, rig as rigs
from lib.netns import network
from test_popd import Mail, free_port

V4, V4_OTHER = "10.9.0.1", "10.9.0.2"
V6, V6_NEAR, V6_FAR = "2001:db8:9::1", "2001:db8:9::2", "2001:db8:a::1"	# the second one is in the /64 of the first one
GUESSING = ["10.9.1.%d" % n for n in range(1, 23)]
ADDRESSES = [a + "/32" for a in [V4, V4_OTHER] + GUESSING] + [a + "/128" for a in (V6, V6_NEAR, V6_FAR)]


@pytest.fixture
def lan():
    with network(*ADDRESSES):
        yield


@pytest.fixture
def mail(lan, pki):
    rig = rigs.Rig(pki)
    yield Mail(rig)
    rig.close()


class Client(P.Client):
    """A client at an address, at a listener; greeting is None if the connection was refused."""

    def __init__(self, host, port, source=None):
        try:
            sock = socket.create_connection((host, port), rigs.PATIENCE, (source, 0) if source else None)
        except ConnectionRefusedError:
            self.greeting = None
            return
        super().__init__(sock)
        self.greeting = self.line()

    def login(self, name, password=None):
        assert self.greeting.startswith("+OK"), self.greeting
        answer = self.ask("USER " + name)
        return self.ask("PASS " + (password or "s3cret-" + name)) if answer.startswith("+OK") else answer

    def leave(self):
        assert self.ask("QUIT").startswith("+OK")
        self.rest()
        self.sock.close()


def test_all_addresses(mail):
    """'*' is every address of both families; one address in its place is that one, and sessions go on."""
    port = mail.listen("*")
    mail.rig.sqlite("UPDATE settings SET pop_clear = 'always'")
    mail.start()
    everywhere = ["127.0.0.1", "127.0.0.2", V4, V4_OTHER, "::1", V6, V6_FAR]
    for host in everywhere:
        c = Client(host, port)
        assert c.login("anna").startswith("+OK"), host
        assert [w["client"] for w in mail.who() if w["account"]] == [c.sock.getsockname()[0]]
        c.leave()
        rigs.wait_for(lambda: mail.who() == [], "its end")
    assert mail.status()["listening"] == 3 and mail.status()["not_listening"] == 0
    assert mail.daemon.log().count("listener */%d: listens, IPv" % port) == 2
    kept = Client(V6, port)
    assert kept.login("anna").startswith("+OK")
    for only in ("::1", V4):
        mail.rig.sqlite("UPDATE listener SET address = '%s' WHERE port = %d" % (only, port))
        mail.reload()
        rigs.wait_for(lambda: [h for h in everywhere if Client(h, port).greeting] == [only], "one address")
    mail.rig.sqlite("UPDATE listener SET address = '*' WHERE port = %d" % port)
    mail.reload()
    rigs.wait_for(lambda: all(Client(h, port).greeting for h in everywhere), "all of them")
    assert kept.ask("STAT") == "+OK 0 0"
    kept.leave()


def test_one_address_of_each_family(mail):
    """A port may have a listener for each address, with a mode of its own; both families, one certificate."""
    port = free_port()
    mail.rig.sqlite("UPDATE settings SET pop_clear = 'always'")
    mail.listen(V6, port=port)
    mail.listen(V4, tls="stls", port=port)
    mail.listen(V6_NEAR, tls="stls", port=port)
    mail.start()
    capa = {}
    for host in (V4, V6, V6_NEAR):
        c = Client(host, port)
        assert c.ask("CAPA").startswith("+OK")
        capa[host] = "STLS" in c.listed()
        assert c.login("bert").startswith("+OK")
        c.leave()
    assert capa == {V4: True, V6: False, V6_NEAR: True}
    assert [h for h in (V4_OTHER, "::1", "127.0.0.1", V6_FAR) if Client(h, port).greeting] == []
    assert mail.rig.state("SELECT count(*) FROM sqlite_master WHERE name = 'last_login'") == [(1,)]


def test_sessions_of_a_network(mail):
    """With IPv6 the /64 is what has so many sessions at once; with IPv4 the address."""
    port = mail.listen("*")
    mail.rig.sqlite("UPDATE settings SET pop_per_address = 2")
    mail.start()
    held = [Client(V6, port, V6), Client(V6, port, V6_NEAR), Client(V6, port, V6_FAR), Client(V4, port, V4), Client(V4, port, V4)]
    assert all(c.greeting.startswith("+OK") for c in held)
    for host, source in ((V6, V6), (V6, V6_NEAR), (V4, V4)):
        assert Client(host, port, source).greeting.startswith("-ERR [SYS/TEMP] too many"), source
    for host, source in ((V6, V6_FAR), (V4, V4_OTHER)):
        held.append(Client(host, port, source))
        assert held[-1].greeting.startswith("+OK"), source
    assert Client(V6, port, V6_FAR).greeting.startswith("-ERR [SYS/TEMP] too many")
    rigs.wait_for(lambda: mail.status()["turned_address"] == 4, "all that were sent away")
    held.pop(0).leave()
    rigs.wait_for(lambda: Client(V6, port, V6_NEAR).greeting.startswith("+OK"), "room for another one of the network")


def test_guessing_from_a_network(mail):
    """Who guesses at one address of a /64 has the next one wait, too, at whatever account: nothing is verified there before his answer."""
    port = mail.listen("*")
    mail.rig.sqlite("UPDATE settings SET pop_clear = 'always'")
    mail.start()
    guesses = [Client(V6, port, V6) for _ in range(2)]
    assert guesses[0].login("anna", "wrong").startswith("-ERR [AUTH]")
    near, far = Client(V6, port, V6_NEAR), Client(V6, port, V6_FAR)
    for c in (near, far):
        assert c.ask("USER bert").startswith("+OK")
    assert guesses[1].ask("USER anna").startswith("+OK")
    guesses[1].send("PASS wrong\r\n")
    rigs.wait_for(lambda: [w for w in mail.who() if w["state"] == "login"], "his second guess")
    near.send("PASS s3cret-bert\r\n")
    assert far.ask("PASS s3cret-bert").startswith("+OK")
    select.select([near.sock], [], [], rigs.PATIENCE)
    assert select.select([guesses[1].sock], [], [], 0)[0], "somebody of his network was verified ahead of the answer to his guess"
    assert guesses[1].line().startswith("-ERR [AUTH]") and near.line().startswith("+OK")


def test_network_that_guesses(mail):
    """Twenty failures of a /24, at whatever of its addresses: its connections are refused; those of others are not."""
    port = mail.listen("*")
    mail.rig.sqlite("UPDATE settings SET pop_clear = 'always'")
    mail.start()
    answers = []

    def guess(n):
        answers.append(Client(V4, port, GUESSING[n]).login("nobody-%d" % n, "wrong"))
    threads = [threading.Thread(target=guess, args=(n,)) for n in range(20)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert [a[:11] for a in answers] == ["-ERR [AUTH]"] * 20
    rigs.wait_for(lambda: "connections from there are refused" in mail.daemon.log(), "the line in the log")
    for source in (GUESSING[0], GUESSING[21]):
        assert Client(V4, port, source).greeting.startswith("-ERR [SYS/TEMP] too many failed logins from your network")
    rigs.wait_for(lambda: mail.status()["turned_blocked"] == 2, "both to be counted")
    for host, source in ((V4, V4_OTHER), (V6, V6)):
        assert Client(host, port, source).login("anna").startswith("+OK"), source


def test_password_in_clear(mail):
    """With pop_clear local, the loopback's own addresses may say a password in clear, and nobody else, whatever he connects to."""
    port, stls = mail.listen("*"), mail.listen("*", tls="stls")
    mail.start()
    assert mail.rig.sqlite("SELECT pop_clear FROM settings;")[1].strip() == "local"
    plain = "AUTH PLAIN " + base64.b64encode(b"\0anna\0s3cret-anna").decode()
    for host, source, may in (("127.0.0.1", "127.0.0.1", True), ("127.0.0.1", "127.0.0.9", True), ("::1", "::1", True),
            (V4, "127.0.0.1", True), (V4, V4_OTHER, False), (V4, V4, False), ("127.0.0.1", V4, False), (V6, V6_NEAR, False),
            ("::1", V6, False)):
        for at in (port, stls):
            c = Client(host, at, source)
            assert c.ask("CAPA").startswith("+OK")
            capa = c.listed()
            assert ("USER" in capa) == may and any("PLAIN" in line for line in capa) == may, (host, source, capa)
            assert c.ask(plain).startswith("+OK" if may else "-ERR"), (host, source)
            c = Client(host, at, source)
            assert c.login("anna").startswith("+OK" if may else "-ERR"), (host, source)
    # With TLS anybody may.
    c = Client(V4, stls, V4_OTHER)
    assert c.ask("STLS").startswith("+OK")
    c.secure(P.tls_context())
    assert c.ask("USER anna").startswith("+OK") and c.ask("PASS s3cret-anna").startswith("+OK")
    # The digest of APOP is no password.
    c = Client(V4, port, V4_OTHER)
    stamp = c.greeting[c.greeting.index("<"):]
    assert c.ask("APOP anna " + hashlib.md5((stamp + "s3cret-anna").encode()).hexdigest()).startswith("+OK")
    for value, may in (("always", True), ("never", False)):
        mail.rig.sqlite("UPDATE settings SET pop_clear = '%s'" % value)
        mail.reload()
        for host, source in (("127.0.0.1", "127.0.0.1"), (V4, V4_OTHER), (V6, V6_FAR)):
            assert Client(host, port, source).login("anna").startswith("+OK" if may else "-ERR"), (value, source)
    assert "s3cret" not in mail.daemon.log()
