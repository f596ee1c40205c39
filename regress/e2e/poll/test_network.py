# SPDX-License-Identifier: ISC
"""
Where connections come from and where they may not go: source addresses, self-poll, the address policy of self-service
records, SOCKS5.  In a network of its own, whose interface has several addresses.
"""
import json
import socket
import struct
import threading

import pytest

from lib import corpus, rig as rigs
from lib.netns import files, network
from servers.nameserver import NameServer
from servers.pop3 import Pop3Server

ADDRESSES = ["10.9.0.1/32", "10.9.0.2/32", "10.9.0.3/32", "8.8.8.8/32", "2001:db8:9::1/128", "2001:db8:9::2/128"]
NAMES = {"self4.test": ["127.0.0.1"], "self6.test": ["::1"], "iface.test": ["10.9.0.1"], "iface6.test": ["2001:db8:9::1"],
    "mapped.test": ["::ffff:127.0.0.1"], "private.test": ["10.77.0.1"], "ula.test": ["fd00::1"], "both.test": ["10.77.0.1", "fe80::1"],
    "nat64.test": ["64:ff9b::10.77.0.1"], "none.test": [], "public.test": ["8.8.8.8"]}
NEUTRAL = "connect: the host cannot be used"


@pytest.fixture
def lan():
    with network(*ADDRESSES):
        yield


@pytest.fixture
def names(lan):
    server = NameServer(NAMES)
    yield server
    server.close()


@pytest.fixture
def rig(lan, pki):
    r = rigs.Rig(pki)
    r.account("postmaster@example.org")
    r.account("anna@example.org")
    r.account("bert@example.net")
    yield r
    r.close()


def mails(prefix, n=1):
    return [corpus.mail("%s%d" % (prefix, i)) for i in range(n)]


def errors(rig):
    """{record: its last error} as the administrator reads them."""
    return {r["name"]: r["last_error"] for r in json.loads(rig.ctl("-j", "status").log)["records"]}


def polled(rig):
    """errors(), after the first poll of every record."""
    rig.start()
    rigs.wait_for(lambda: all(r["last_attempt"] for r in rig.status()["records"]), "the first polls")
    return errors(rig)


# --- source addresses ---

@pytest.mark.parametrize("listen,source", [("127.0.0.1", "10.9.0.2"), ("::1", "2001:db8:9::2"), ("127.0.0.1", "2001:db8:9::2,10.9.0.3")])
def test_source_address(rig, pop3, listen, source):
    server = Pop3Server(rig.pki, None, mails("s"), address=listen)
    rig.settings["source_address"] = source
    rig.record("anna@example.org", "r", server, host="[::1]" if ":" in listen else listen)
    assert rig.once().code == 0
    server.stop()
    assert [s.peer for s in server.sessions] == [source.split(",")[-1]]
    assert rig.idents() == {"example.org/anna": ["s0"]}


def test_no_source_address(rig, pop3):
    server = pop3(None, mails("s"))
    rig.record("anna@example.org", "r", server)
    assert rig.once().code == 0
    assert [s.peer for s in server.sessions] == ["127.0.0.1"]


@pytest.mark.parametrize("on", [0, 1])
def test_domain_addresses(rig, pki, on):
    """A personal record comes from the first usable address of its domain; a unified one never does."""
    servers = {name: Pop3Server(pki, None, [corpus.mail(name, to="anna@example.org")]) for name in ("personal", "unified", "plain")}
    rig.settings.update(source_address="10.9.0.2", use_domain_addresses=on)
    rig.record("anna@example.org", "personal", servers["personal"])
    rig.record("postmaster@example.org", "unified", servers["unified"], special="*")
    rig.record("bert@example.net", "plain", servers["plain"])
    rig.write_db()
    rig.sqlite("UPDATE domain SET address = '10.99.0.1,2001:db8:9::2,10.9.0.3,10.9.0.1' WHERE name = 'example.org';")
    assert rig.once().code == 0
    for s in servers.values():
        s.stop()
    assert {n: [x.peer for x in s.sessions] for n, s in servers.items()} == {"personal": ["10.9.0.3" if on else "10.9.0.2"],
        "unified": ["10.9.0.2"], "plain": ["10.9.0.2"]}


def test_source_gone(rig, pop3):
    """An address this machine does not have, and a host without an address of its family: errors that name the remedy."""
    server = pop3(None, mails("s"))
    rig.settings["source_address"] = "10.99.0.1"
    rig.record("anna@example.org", "gone", server, host="127.0.0.1")
    rig.record("anna@example.org", "family", server, host="[::1]")
    found = polled(rig)
    assert found["gone"] == "connect: connect from 10.99.0.1: Cannot assign requested address (correct settings.source_address " \
        "or domain.address)"
    assert found["family"].startswith("connect: no address of ::1 can be reached from source_address 10.99.0.1 ")
    assert server.sessions == []


# --- self-poll ---

OWN = ["127.0.0.1", "127.44.55.66", "localhost", "[::1]", "[::ffff:127.0.0.1]", "10.9.0.1", "[2001:db8:9::1]", "[::ffff:10.9.0.1]",
    "self4.test", "self6.test", "iface.test", "iface6.test"]


@pytest.mark.parametrize("on", [0, 1])
def test_self_poll(rig, pki, names, on):
    """With self_poll off an address of this machine is refused, with on it is polled.  Every address is served, so that
    a connection would be noticed."""
    server = Pop3Server(pki, address="::")
    rig.settings.update(self_poll=on, nameservers=names.address)
    for n, host in enumerate(OWN):
        rig.record("anna@example.org", "r%d" % n, server, host=host)
    found = polled(rig)
    server.stop()
    if on:
        assert not any(found.values())
        assert len(server.sessions) == len(OWN)
        return
    assert server.sessions == []
    for n, host in enumerate(OWN):
        assert found["r%d" % n].startswith("connect: %s is this machine (" % host.strip("[]")), host
        assert found["r%d" % n].endswith("); set settings.self_poll = 1 to poll it")
    assert rig.log().count("is this machine") >= len(OWN)


def test_nonlocal_bind(rig, pop3):
    """Where every address can be bound to, that it can says nothing: another test takes over."""
    for family in ("ipv4", "ipv6"):
        with open("/proc/sys/net/%s/ip_nonlocal_bind" % family, "w") as f:
            f.write("1")
    server = pop3(None, mails("n"))
    proxy = Socks(server.port)
    rig.settings.update(self_poll=0, socks=proxy.address)
    for name, host in (("far", "192.0.2.55"), ("far6", "[2001:db8::55]"), ("own", "10.9.0.1"), ("own6", "[2001:db8:9::1]")):
        rig.record("anna@example.org", name, server, host=host)
    found = polled(rig)
    proxy.stop()
    assert not found["far"] and not found["far6"]
    assert "is this machine" in found["own"] and "is this machine" in found["own6"]


# --- self-service ---

HIDDEN = ["127.0.0.1", "localhost", "[::1]", "[::ffff:10.9.0.1]", "10.9.0.1", "10.77.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "[fe80::1]", "[fd00::1]", "[64:ff9b::a4d:1]", "8.8.8.8", "0.0.0.0", "255.255.255.255", "224.0.0.1", "self4.test", "iface.test",
    "private.test", "ula.test", "both.test", "nat64.test", "mapped.test", "none.test", "no.such.test", "public.test"]


@pytest.mark.parametrize("self_poll", [0, 1])
def test_policy(rig, pop3, names, self_poll):
    """Whatever is refused reads the same, found or not; 8.8.8.8 is an address of ours here.  Nobody is connected to."""
    server = pop3()
    rig.settings.update(self_poll=self_poll, nameservers=names.address)
    for n, host in enumerate(HIDDEN):
        rig.record("anna@example.org", "r%d" % n, server, host=host, self_service=1)
    found = polled(rig)
    assert {HIDDEN[int(k[1:])]: v for k, v in found.items()} == dict.fromkeys(HIDDEN, NEUTRAL)
    assert server.sessions == []


def test_policy_for_administrators(rig, pop3):
    """The same host in a record of the administrator's is polled."""
    server = pop3(None, mails("a"))
    rig.record("anna@example.org", "r", server, host="127.0.0.1")
    assert rig.once().code == 0


# --- SOCKS5 ---

class Socks:
    """A SOCKS5 server that connects everybody to one port, and says what it is told to say."""

    def __init__(self, to, method=b"\5\0", reply=b"\5\0\0\1\12\0\0\1\4\70", split=False):
        self.to, self.method, self.reply, self.split = to, method, reply, split
        self.asked, self.socks = [], []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.socks.append(sock)
            threading.Thread(target=self.one, args=(sock,), daemon=True).start()

    def say(self, sock, data):
        for chunk in [data[i:i + 1] for i in range(len(data))] if self.split else [data]:
            sock.sendall(chunk)

    def one(self, sock):
        try:
            assert sock.recv(3, socket.MSG_WAITALL) == b"\5\1\0"
            self.say(sock, self.method)
            head = sock.recv(4, socket.MSG_WAITALL)
            if len(head) < 4:
                return
            family, size = {1: (socket.AF_INET, 4), 4: (socket.AF_INET6, 16)}[head[3]]
            rest = sock.recv(size + 2, socket.MSG_WAITALL)
            self.asked.append((socket.inet_ntop(family, rest[:size]), struct.unpack(">H", rest[size:])[0]))
            if self.reply[1:2] != b"\0":
                self.say(sock, self.reply)
                return
            with socket.create_connection(("127.0.0.1", self.to)) as far:
                # The answer and the mail server's first words in one segment.
                self.say(sock, self.reply + far.recv(4096))
                threading.Thread(target=self.copy, args=(far, sock), daemon=True).start()
                self.copy(sock, far)
        except OSError:
            pass
        finally:
            sock.close()

    def copy(self, a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


NAMED = b"\5\0\0\3\11localhost\1\2"
V6 = b"\5\0\0\4" + bytes(16) + b"\1\2"


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("reply", [b"\5\0\0\1\12\0\0\1\4\70", NAMED, V6], ids=["v4", "name", "v6"])
def test_socks(rig, pop3, reply, split):
    """The record is polled through it; the mail server's greeting arrives whole; the proxy itself may be at this machine."""
    server = pop3(None, mails("p", 3))
    proxy = Socks(server.port, reply=reply, split=split)
    rig.settings.update(self_poll=0, socks=proxy.address)
    rig.record("anna@example.org", "r", server, host="192.0.2.55")
    result = rig.once()
    proxy.stop()
    assert result.code == 0
    assert proxy.asked == [("192.0.2.55", server.port)]
    assert rig.idents() == {"example.org/anna": ["p0", "p1", "p2"]}


def test_socks_rules(rig, pop3, names):
    """Self-poll and policy look at the server's address, which is looked up here; names never reach the proxy."""
    server = pop3(None, mails("p"))
    proxy = Socks(server.port)
    rig.settings.update(self_poll=0, socks=proxy.address, nameservers=names.address)
    rig.record("anna@example.org", "self", server, host="10.9.0.1")
    rig.record("anna@example.org", "named", server, host="self4.test")
    rig.record("anna@example.org", "service", server, host="private.test", self_service=1)
    rig.record("anna@example.org", "far", server, host="private.test")
    found = polled(rig)
    proxy.stop()
    assert found["self"] == "connect: 10.9.0.1 is this machine (10.9.0.1); set settings.self_poll = 1 to poll it"
    assert found["named"] == "connect: self4.test is this machine (127.0.0.1); set settings.self_poll = 1 to poll it"
    assert found["service"] == NEUTRAL
    assert not found["far"]
    assert proxy.asked == [("10.77.0.1", server.port)]


@pytest.mark.parametrize("method,reply,text", [
    (b"\5\0", b"\5\1\0\1\0\0\0\0\0\0", "the SOCKS server could not connect"),
    (b"\5\0", b"\5\2\0\1\0\0\0\0\0\0", "the SOCKS server does not allow it"),
    (b"\5\0", b"\5\4\0\1\0\0\0\0\0\0", "host unreachable from the SOCKS server"),
    (b"\5\0", b"\5\5\0\1\0\0\0\0\0\0", "Connection refused, says the SOCKS server"),
    (b"\5\0", b"\5\5", "Connection refused, says the SOCKS server"),
    (b"\5\377", b"", "the SOCKS server wants a login"),
    (b"\5\2", b"", "settings.socks is not a SOCKS5 server"),
    (b"HTTP/1.0 400\r\n", b"", "settings.socks is not a SOCKS5 server"),
    (b"", b"", "the SOCKS server closed the connection"),
], ids=["general", "rules", "host", "refused", "short", "login", "method", "http", "silent"])
def test_socks_failures(rig, pop3, method, reply, text):
    server = pop3()
    proxy = Socks(server.port, method=method, reply=reply)
    if not method:
        proxy.one = lambda sock: (sock.recv(3, socket.MSG_WAITALL), sock.close())
    rig.settings.update(socks=proxy.address)
    rig.record("anna@example.org", "r", server, host="192.0.2.55")
    found = polled(rig)
    proxy.stop()
    assert text in found["r"]
    assert "192.0.2.55" in found["r"]


def test_socks_away(rig, pop3):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        rig.settings.update(socks="127.0.0.1:%d" % s.getsockname()[1])
        rig.record("anna@example.org", "r", pop3(), host="192.0.2.55")
        assert "192.0.2.55: SOCKS server: Connection refused" in polled(rig)["r"]


# --- files that the dialer has read change under the daemon ---

@pytest.fixture
def etc(lan, tmp_path):
    """Files of our own as /etc/resolv.conf and /etc/hosts: {name: path}."""
    own = {}
    for name in ("resolv.conf", "hosts"):
        own[name] = str(tmp_path / name)
        with open(own[name], "w") as f:
            f.write("nameserver 127.0.0.9\n" if name == "resolv.conf" else "")
    with files({"/etc/" + name: path for name, path in own.items()}):
        yield own


def put(path, text):
    with open(path, "w") as f:
        f.write(text)


def polled_in_time(rig, dialer, daemon):
    """Without a reload: the mail comes, by another dialer."""
    def arrived():
        rig.ctl("poll", "all")
        return rig.idents().get("example.org/anna")
    assert rigs.wait_for(arrived, "the mail") == ["m0"]
    assert daemon.one("dialer") != dialer
    assert "reloaded" not in daemon.log()


def test_resolv_conf_replaced(etc, rig, pop3):
    """Another network: the name server that the dialer read of is gone, and resolv.conf names one that answers."""
    server = pop3(None, mails("m"))
    names = NameServer(port=53)
    rig.record("anna@example.org", "r", server, host="pop.good.test")
    daemon = rig.start()
    dialer = daemon.one("dialer")
    rigs.wait_for(lambda: errors(rig)["r"], "the failure")
    assert "name server" in errors(rig)["r"]
    put(etc["resolv.conf"], "nameserver 127.0.0.1\n")
    polled_in_time(rig, dialer, daemon)
    assert names.names
    names.close()


def test_hosts_replaced(etc, rig, pop3, names):
    server = pop3(None, mails("m"))
    rig.settings["nameservers"] = names.address
    rig.record("anna@example.org", "r", server, host="pop.hosted.test")
    daemon = rig.start()
    dialer = daemon.one("dialer")
    rigs.wait_for(lambda: errors(rig)["r"], "the failure")
    assert "no such host" in errors(rig)["r"]
    put(etc["hosts"], "127.0.0.1 pop.hosted.test\n")
    polled_in_time(rig, dialer, daemon)


def test_a_dial_outlives_its_dialer(etc, rig, pop3):
    """The old dialer finishes what it has begun, and goes; what comes after it is the new one's."""
    names = NameServer(port=53)
    server = pop3(None, mails("m"))
    rig.record("anna@example.org", "slow", server, host="pop.dead.test")
    rig.record("anna@example.org", "r", server, host="127.0.0.1")
    put(etc["resolv.conf"], "nameserver 127.0.0.1\n")
    daemon = rig.start()
    old = daemon.one("dialer")
    rigs.wait_for(lambda: names.names and rig.idents().get("example.org/anna"), "the question, and the first mail")
    put(etc["hosts"], "127.0.0.1 other.test\n")

    def another():
        rig.ctl("poll", "anna@example.org/r")
        return daemon.log().count("hosts has changed") and [p for p in daemon.processes().get("dialer", []) if p != old]
    rigs.wait_for(another, "another dialer")
    server.box.add(corpus.mail("later"))
    rig.ctl("poll", "anna@example.org/r")
    rigs.wait_for(lambda: len(rig.idents()["example.org/anna"]) > 1, "the mail")
    assert rigs.alive(old)
    assert "no name server answered" in rigs.wait_for(lambda: errors(rig)["slow"], "the end of the slow dial")
    rigs.wait_for(lambda: not rigs.alive(old), "the end of the old dialer")
    assert "died" not in daemon.log()
    names.close()
