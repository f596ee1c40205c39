# SPDX-License-Identifier: ISC
"""popd and TLS: from the first octet and by STLS, what is said in clear behind STLS, versions, certificates."""
import itertools
import re
import socket
import ssl
import struct
import subprocess

import pytest

from lib import popdrig as P, rig as rigs

MESSAGES = [b"Subject: one\n\nfirst\n"]
STATES = [b"", b"USER anna\r\n", b"CAPA\r\n", b"AUTH\r\n"]


@pytest.fixture
def popd(pki):
    p = P.Popd(clear=0)
    p.messages = MESSAGES
    p.listen(1, pem=pki.cert("good"))
    p.listen(2, tls=True, pem=pki.cert("good"))
    yield p
    p.close()


def test_tls_first(popd, pki):
    context = ssl.create_default_context(cafile=pki.path("ca.pem"))
    c = popd.connect(2)
    c.sock = context.wrap_socket(c.sock, server_hostname="localhost")
    assert c.line().startswith("+OK pop.example.org")
    assert c.ask("STLS") == "-ERR STLS: TLS is there already"
    assert c.ask("CAPA").startswith("+OK")
    names = c.listed()
    assert "USER" in names and "STLS" not in names and "SASL SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN" in names
    assert c.ask("USER anna").startswith("+OK") and c.ask("PASS x").startswith("+OK 1 message")
    assert c.ask("QUIT") == "+OK bye"
    assert c.line() is None
    assert popd.ended() == "quit"
    assert popd.sessions[0].secure == 1 and popd.sessions[0].end.tls.startswith(b"TLSv1.")


def test_stls(popd):
    c = popd.client()
    assert c.ask("USER anna") == "-ERR no password in clear: use STLS first"
    assert c.ask("CAPA").startswith("+OK")
    names = c.listed()
    assert "STLS" in names and "USER" not in names
    assert c.ask("STLS") == "+OK begin TLS"
    c.secure()
    assert c.ask("STLS") == "-ERR STLS: TLS is there already"
    assert c.ask("CAPA").startswith("+OK")
    names = c.listed()
    assert "STLS" not in names and "USER" in names
    assert c.ask("USER anna").startswith("+OK") and c.ask("PASS x").startswith("+OK 1 message")
    assert c.ask("STLS").startswith("-ERR STLS: you are logged in")
    assert c.ask("RETR 1").startswith("+OK") and c.body() == P.stuffed(P.on_the_wire(MESSAGES[0]))
    assert c.ask("QUIT") == "+OK bye"
    assert popd.ended() == "quit" and popd.sessions[0].secure == 1


def test_user_is_forgotten(pki):
    popd = P.Popd(clear=1)
    popd.listen(1, pem=pki.cert("good"))
    c = popd.client()
    assert c.ask("USER mallory").startswith("+OK")
    c.ask("STLS")
    c.secure()
    assert c.ask("PASS x") == "-ERR PASS: USER first"
    assert popd.sessions[0].logins == []
    popd.close()


@pytest.mark.parametrize("behind", [b"U", b"USER mallory\r\n", b"USER mallory\r\nPASS x\r\n", b"QUIT\r\n", b"x" * 10000])
def test_injection(popd, behind):
    """What came in one segment with STLS is dropped, and counted."""
    c = popd.client()
    c.send(b"STLS\r\n" + behind)
    assert c.line() == "+OK begin TLS"
    c.secure()
    assert c.ask("NOOP").startswith("-ERR NOOP: log in first")
    assert c.ask("PASS x") == "-ERR PASS: USER first"
    assert popd.sessions[0].logins == []
    popd.logged("%d octets in clear behind STLS were dropped" % len(behind))
    assert c.ask("QUIT") == "+OK bye"
    assert popd.ended() == "quit" and popd.sessions[0].end.bad == 3


@pytest.mark.parametrize("split", range(1, 26, 3))
def test_injection_split(popd, split):
    """What comes later than STLS is no handshake, or dropped; never is it a command."""
    data = b"STLS\r\nUSER mallory\r\nPASS x\r\n"
    c = popd.client()
    c.send(data[:split])
    c.send(data[split:])
    c.line()
    try:
        c.secure()
        assert c.ask("NOOP").startswith("-ERR NOOP: log in first")
    except (ssl.SSLError, OSError):
        assert popd.ended() == "tls"
    assert popd.sessions[0].logins == []


def test_plaintext_on_a_tls_port(popd):
    c = popd.connect(2)
    c.send(b"USER anna\r\nPASS secret\r\n" * 10)
    assert b"+OK" not in c.rest() and b"-ERR" not in c.rest()
    assert popd.ended() == "tls"
    assert not any("secret" in line for line in popd.log)


@pytest.mark.parametrize("hello", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 20])
@pytest.mark.parametrize("stls", [False, True])
def test_handshake_never_finished(pki, hello, stls):
    popd = P.Popd(login_timeout=1000)
    popd.listen(1, pem=pki.cert("good"), tls=not stls)
    c = popd.connect()
    if stls:
        c.line()
        assert c.ask("STLS").startswith("+OK")
    c.send(hello)
    c.rest()
    assert popd.ended() in ("timeout", "tls")
    popd.close()


@pytest.mark.parametrize("version,good", [("TLSv1", False), ("TLSv1_1", False), ("TLSv1_2", True), ("TLSv1_3", True)])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_versions(popd, version, good):
    context = P.tls_context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    c = popd.connect(2)
    if good:
        c.secure(context)
        assert c.line().startswith("+OK")
        c.ask("QUIT")
        popd.ended()
        assert popd.sessions[0].end.tls == version.replace("_", ".").encode()
    else:
        with pytest.raises((ssl.SSLError, OSError)):
            c.secure(context)
        assert popd.ended() == "tls"


def test_no_renegotiation(popd):
    """A client that wants another handshake does not get one."""
    address, _ = popd.listening[2]
    got = subprocess.run(["openssl", "s_client", "-connect", "%s:%d" % address, "-tls1_2", "-quiet", "-no_ign_eof"], input=b"R\nNOOP\n",
        capture_output=True, timeout=rigs.PATIENCE).stdout
    assert b"NOOP" not in got or b"-ERR" in got
    told = subprocess.run(["openssl", "s_client", "-connect", "%s:%d" % address, "-tls1_2"], input=b"QUIT\r\n", capture_output=True,
        timeout=rigs.PATIENCE).stdout
    assert b"Compression: NONE" in told
    assert b"TLS session ticket:" not in told


def make(tmp_path, name, *algorithm):
    key, cert = str(tmp_path / (name + ".key")), str(tmp_path / (name + ".pem"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", *algorithm, "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj",
        "/CN=localhost"], check=True, capture_output=True)
    return cert, key


def test_kinds_of_keys(tmp_path):
    """RSA and ECDSA, each with both versions, and with groups of either kind for the key exchange; listeners of both beside each other."""
    popd = P.Popd()
    for i, algorithm in enumerate((("rsa:2048",), ("rsa:4096",), ("ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            ("ec", "-pkeyopt", "ec_paramgen_curve:P-384")), 1):
        popd.listen(i, tls=True, pem=make(tmp_path, "k%d" % i, *algorithm))
        # TLS 1.2 has one list for both the exchange and the certificate (RFC 8422 section 5.1).
        groups = [None] + (["prime256v1"] if i != 4 else []) + (["secp384r1"] if i != 3 else [])
        for version, group in itertools.product((ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3), groups):
            context = P.tls_context()
            context.minimum_version = context.maximum_version = version
            if group:
                context.set_ecdh_curve(group)
            c = popd.connect(i)
            c.secure(context)
            assert c.line().startswith("+OK")
            c.close()
    popd.close()


def certificate(popd, ident):
    c = popd.connect(ident)
    c.secure()
    return c.sock.getpeercert(binary_form=True)


def test_bad_certificates(popd, pki, tmp_path):
    """The master hears why, and the listener stays as it was."""
    good, key = pki.cert("good")
    other = make(tmp_path, "other", "rsa:2048")
    nonsense = tmp_path / "nonsense"
    nonsense.write_bytes(b"-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    before, was = certificate(popd, 2), popd.listening[2]
    for pair in ((good, other[1]), (other[0], key), (str(nonsense), key), (good, str(nonsense)), (key, good)):
        popd.answers.clear()
        popd.listen(2, tls=True, pem=pair)
        assert popd.answer(2)
        popd.listening[2] = was
        assert certificate(popd, 2) == before
    popd.listen(2, tls=True)
    assert popd.answer(2) == "TLS needs a certificate"
    popd.listening[2] = was
    popd.listen(2, tls=True, pem=other)
    assert popd.answer(2) == ""
    rigs.wait_for(lambda: certificate(popd, 2) != before, "the other certificate")
    assert not any("PRIVATE" in line for line in popd.log)


def test_pieces(popd, pki):
    """However the certificate is cut; and a piece that is missing is noticed."""
    for pieces in (1, 7, 15000):
        popd.listen(3, tls=True, pem=pki.cert("good"), pieces=pieces)
        rigs.wait_for(lambda: certificate(popd, 3), "a connection")
    popd.channel.send("IMSG_POP_CHAIN", b"\4\0\0\0\0\0\0\0x")
    with socket.socket() as sock:
        popd.channel.send("IMSG_POP_LISTEN", struct.pack("=IIII", 4, 1, 1, 2) + bytes(32), sock.fileno())
    assert "did not arrive whole" in popd.answer(4)


def test_goodbye(popd):
    """close_notify: the end of TLS is no truncation."""
    c = popd.client(2, tls=True)
    assert re.match(r"\+OK", c.ask("QUIT"))
    assert c.sock.recv(100) == b""
