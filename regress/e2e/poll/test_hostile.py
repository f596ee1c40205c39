# SPDX-License-Identifier: ISC
"""
Misbehaving servers (hostile/), all of them in every variant.  Whatever a server does, nothing partial is delivered, nothing
twice, no secret is shown or sent in clear, nothing crashes, another record is served beside it; and when the server behaves
again, everything is there exactly once.  One daemon meets all behaviours of a variant at once (matrix.py); each has its own verdict.
"""
import os

import pytest

from lib import corpus, matrix, rig as rigs, sniff
from servers import behaviours as B, hostile
from servers.pop3 import Behaviour, Pop3Server

ANNA = "example.org/anna"
GOOD = "example.org/postmaster"
REGISTRY = hostile.load()

# variant: (modes, slow ones, leave, one octet per segment); the longest first
VARIANTS = {
    "octets": (("plain",), False, 0, True),
    "slow": (hostile.MODES, True, 0, False),
    "leave": (("plain",), False, 1, False),
    "pop3s": (("pop3s",), False, 1, False),
    "stls": (("stls",), False, 0, False),
    "plain": (("plain",), False, 0, False)}

if os.environ.get("RPOPD_CAMPAIGN"):		# long, and hard on a small machine: a TLS record for each octet
    VARIANTS.update({"octets-pop3s": (("pop3s",), False, 0, True), "octets-stls": (("stls",), False, 0, True)})
elif rigs.SANITIZED:		# What a sanitizer looks for is in what is read, whether in clear or not; a hundred handshakes at once are long.
    VARIANTS = {name: VARIANTS[name] for name in ("octets", "leave", "plain")}


def cells(variant):
    modes, slow, _, _ = VARIANTS[variant]
    return [(c, m) for c in REGISTRY.values() for m in modes if m in c.modes and c.slow == slow]


ALL_CELLS = [(v, "%s %s" % (c.name, m)) for v in VARIANTS for c, m in cells(v)]


@pytest.fixture(scope="module")
def played(pki):
    """The matrix of a variant, played once."""
    done = {}

    def play(variant):
        if variant not in done:
            _, _, leave, octets = VARIANTS[variant]
            try:
                done[variant] = matrix.run(pki, cells(variant), leave=leave, octets=octets)
            except BaseException as e:		# pylint: disable=broad-except
                done[variant] = e
        if isinstance(done[variant], BaseException):
            pytest.fail("the run broke off: %s" % done[variant])
        return done[variant]
    return play


def test_there_are_enough():
    assert len(REGISTRY) >= 150
    assert all(c.modes and c.outcome in ("R0", "R1", "R2", "R3", "OK") for c in REGISTRY.values())


@pytest.mark.parametrize("variant", list(VARIANTS))
def test_daemon(played, variant):
    """The honest record beside them, memory, descriptors, log, spool, and a sniffer that hears."""
    m = played(variant)
    assert m.problems == [], m.log[-10000:]


@pytest.mark.parametrize("variant,name", ALL_CELLS, ids=["%s-%s" % x for x in ALL_CELLS])
def test_behaviour(played, variant, name):
    m = played(variant)
    cell = next(c for c in m.cells if c.name == name)
    assert cell.problems == [], "errors %s, log:\n%s" % (cell.errors, "\n".join(x for x in m.log.split("\n") if name in x))


@pytest.fixture
def beside(personal, pop3):
    """Polls one more server once, beside an honest one: (status, what was delivered, the server)."""
    def poll(behaviour, mode, **columns):
        server = pop3(behaviour, matrix.MAILS, mode)
        personal.record("anna@example.org", "hostile", server, **columns)
        personal.record("postmaster@example.org", "good", pop3(messages=[corpus.mail("good")]))
        result = personal.once(timeout=300)
        assert personal.idents().get(GOOD) == ["good"]
        assert personal.spooled() == []
        return result.code, personal.idents().get(ANNA, []), server
    return poll


def no_credentials(server):
    assert sniff.leaks(server.clear_octets(), [server.behaviour.password, b"USER", b"PASS", b"APOP", b"AUTH"]) is None


def test_capabilities_from_before_tls_are_forgotten(beside):
    """CAPA is asked again; PIPELINING seen only in clear is not used."""
    code, got, server = beside(REGISTRY["stls-other-capabilities"].make(), "stls")
    assert code == 0 and got == hostile.ALL
    assert server.sessions[0].names()[:3] == ["capa", "stls", "capa"]


def test_plain_server_on_the_tls_port(beside):
    """tls = 'tls' against a server that speaks in clear: fails, and nothing of the login leaves."""
    code, got, server = beside(Behaviour(), "plain", tls="tls")
    assert code == 1 and got == []
    no_credentials(server)


def test_certificate_without_the_address(beside):
    """The name of the record counts, not what the certificate's commonName says."""
    code, got, server = beside(B.Cert("wrongname"), "pop3s", host="127.0.0.1")
    assert code == 1 and got == []
    no_credentials(server)


def test_refused_connection_and_no_such_host(personal, pop3):
    from servers.dovecot import free_port
    s = pop3(messages=[corpus.mail("x")])
    personal.record("anna@example.org", "closed", s)["domain"] = "127.0.0.1:%d" % free_port()
    personal.record("anna@example.org", "nohost", s)["domain"] = "no-such-host.invalid"
    personal.record("anna@example.org", "good", s)
    result = personal.once()
    assert result.code == 1
    assert personal.idents() == {ANNA: ["x"]}


def test_huge_message(beside):
    """A message that goes on for 300 MB and is cut: nothing of it is delivered, nothing stays in the spool."""
    class Huge(Behaviour):
        def cmd_retr(self, s, arg):
            if arg != b"2":
                return super().cmd_retr(s, arg)
            B.Endless("retr", b"+OK\r\nSubject: endless\r\n\r\n", b"x" * 998 + b"\r\n", limit=300_000_000).wire(s, "retr", b"")
    code, got, _ = beside(Huge(), "plain")
    assert code == 1
    assert set(got) <= set(hostile.ALL) - {"h1"}


def test_sniffer_hears_a_login_in_clear(personal, pop3):
    """The check itself: without TLS the password is on the wire, under TLS the same check finds nothing."""
    network = sniff.Network()
    try:
        heard = {}
        for mode in ("plain", "pop3s"):
            sniffer = sniff.Sniffer()
            server = Pop3Server(personal.pki, messages=[corpus.mail("x")], mode=mode, port=2500)
            personal.records.clear()
            personal.record("anna@example.org", mode, server)
            personal.write_db()
            assert personal.once().code == 0
            server.stop()
            assert sniffer.stop() == 0
            heard[mode] = sniff.leaks(sniffer.streams[2500], [b"s3cret-word"])
        assert heard == {"plain": b"s3cret-word", "pop3s": None}
    finally:
        network.close()
