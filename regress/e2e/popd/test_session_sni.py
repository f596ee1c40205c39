# SPDX-License-Identifier: ISC
"""popd with several certificates for a listener: which one a client gets by the name that it asks for, and which are not taken."""
import itertools
import os
import re
import socket
import ssl
import struct
import subprocess

import pytest

from lib import popdrig as P, rig as rigs

KINDS = {"rsa": ("rsa:2048",), "ec": ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")}
VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
DATED = "[ca]\ndefault_ca=d\n[d]\ndatabase={0}.index\nserial={0}.serial\nnew_certs_dir={1}\ndefault_md=sha256\npolicy=p\n" \
    "copy_extensions=copy\n[p]\ncommonName=supplied\n"


def make(directory, name, *names, kind="ec", days=20, expired=False):
    """A certificate that signs itself, with these dNSNames: (certificate file, key file)."""
    cert, key = (os.path.join(str(directory), name + end) for end in (".pem", ".key"))
    san = ["-addext", "subjectAltName=" + ",".join("DNS:" + n for n in names)] if names else []
    req = ["openssl", "req", "-newkey", *KINDS[kind], "-nodes", "-keyout", key, "-subj", "/CN=cn." + name, *san]
    if not expired:
        subprocess.run(req + ["-x509", "-days", str(days), "-out", cert], check=True, capture_output=True)
    else:
        subprocess.run(req + ["-out", cert + ".csr"], check=True, capture_output=True)
        for end, text in ((".index", ""), (".serial", "01\n"), (".conf", DATED.format(cert, directory))):
            with open(cert + end, "w") as f:
                f.write(text)
        subprocess.run(["openssl", "ca", "-batch", "-config", cert + ".conf", "-selfsign", "-in", cert + ".csr", "-keyfile", key, "-startdate",
            "20200101000000Z", "-enddate", "20200201000000Z", "-out", cert, "-notext"], check=True, capture_output=True)
    os.chmod(cert, 0o644)
    os.chmod(key, 0o600)
    return cert, key


def der(pair):
    with open(pair[0]) as f:
        return ssl.PEM_cert_to_DER_cert(f.read())


def context(version=None):
    made = P.tls_context()
    if version:
        made.minimum_version = made.maximum_version = version
    return made


@pytest.fixture
def popd():
    p = P.Popd(clear=0)
    p.messages = [b"Subject: one\n\nfirst\n"]
    yield p
    p.close()


def given(popd, name, ident=1, stls=False, version=None):
    """The certificate that a client gets who asks for a name."""
    c = popd.connect(ident)
    if stls:
        assert c.line().startswith("+OK") and c.ask("STLS").startswith("+OK")
    c.sock = context(version).wrap_socket(c.sock, server_hostname=name)
    if not stls:
        assert c.line().startswith("+OK")
    assert c.ask("USER anna").startswith("+OK") and c.ask("PASS x").startswith("+OK 1 message")
    shown = c.sock.getpeercert(binary_form=True)
    c.close()
    return shown


def test_chosen(popd, tmp_path):
    """Exact name, wildcard of one label, any case, unknown, none; by STLS, too; RSA and EC; both versions."""
    own = make(tmp_path, "own", "own.example", "*.wild.example", kind="rsa")
    ec = make(tmp_path, "ec", "mail.example.org", "pop.example.org", "own.example")
    rsa = make(tmp_path, "rsa", "*.example.net", "Example.NET", kind="rsa")
    star = make(tmp_path, "star", "*.example.org", "*.wild.example", "w*.example.com", "*.*.example.com")
    expected = {
        "mail.example.org": ec, "pop.example.org": ec, "MAIL.Example.ORG": ec, "a.example.net": rsa, "A.EXAMPLE.NET": rsa,
        "example.net": rsa, "imap.example.org": star, "a.b.example.org": own, "example.org": own, "own.example": own,
        "x.wild.example": own, "elsewhere.example": own, "wx.example.com": own, "a.b.example.com": own, "cn.ec": own, "org": own,
        "mail.example.org.elsewhere.example": own, "127.0.0.1": own, None: own, "a" * 63 + "." + "b" * 63 + ".example.org": own,
    }
    for ident, tls in ((1, True), (2, False)):
        popd.listen(ident, tls=tls, pem=own)
        assert popd.answer(ident) == ""
        for i, pair in enumerate((ec, rsa, star)):
            assert popd.certificate(100 * ident + i, ident, pair) == ""
    for name, pair in expected.items():
        for version in VERSIONS:
            assert given(popd, name, version=version) == der(pair), (name, version)
            assert given(popd, name, 2, True, version) == der(pair), (name, version)
    assert not any("broke the rules" in line for line in popd.log + popd.signer.log)


def test_signatures(popd, tmp_path):
    """The key is that of the certificate: s_client names the kind of each signature, and the clients above verify them."""
    own, ec = make(tmp_path, "own", "own.example", kind="rsa"), make(tmp_path, "ec", "ec.example")
    popd.listen(1, tls=True, pem=own)
    assert popd.answer(1) == "" and popd.certificate(10, 1, ec) == ""
    port = popd.listening[1][0][1]
    for (name, kind), version in itertools.product((("own.example", "RSA-PSS"), ("ec.example", "ECDSA")), ("-tls1_2", "-tls1_3")):
        told = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % port, version, "-servername", name], input=b"QUIT\r\n",
            capture_output=True, timeout=rigs.PATIENCE).stdout.decode()
        assert re.search(r"^Peer signature type: (.*)$", told, re.M).group(1) == kind, told
        assert "BEGIN CERTIFICATE" in told and "Reused" not in told


def test_chain(popd, pki, tmp_path):
    """What stands behind a further certificate in its file goes to the client."""
    popd.listen(1, tls=True, pem=make(tmp_path, "own", "own.example"))
    cert, key = pki.cert("good")
    both = tmp_path / "chain.pem"
    both.write_bytes(b"".join(open(f, "rb").read() for f in (cert, pki.path("ca.pem"))))
    assert popd.answer(1) == "" and popd.certificate(10, 1, (str(both), key)) == ""
    c = popd.connect()
    c.sock = ssl.create_default_context(cafile=pki.path("ca.pem")).wrap_socket(c.sock, server_hostname="localhost")
    assert c.line().startswith("+OK")
    told = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % popd.listening[1][0][1], "-servername", "localhost", "-showcerts"],
        input=b"QUIT\r\n", capture_output=True, timeout=rigs.PATIENCE).stdout.decode()
    assert told.count("BEGIN CERTIFICATE") == 2


def test_same_name_twice(popd, tmp_path):
    """The one that is valid longest counts, in whatever order they come; the listener's own goes first."""
    short, long = make(tmp_path, "short", "a.example", days=5), make(tmp_path, "long", "a.example", days=50)
    for ident, order in ((1, (short, long)), (2, (long, short))):
        popd.listen(ident, tls=True, pem=make(tmp_path, "own", "own.example"))
        assert popd.answer(ident) == ""
        for i, pair in enumerate(order):
            assert popd.certificate(100 * ident + i, ident, pair) == ""
        assert given(popd, "a.example", ident) == der(long)
    popd.listen(3, tls=True, pem=short)
    assert popd.answer(3) == "" and popd.certificate(300, 3, long) == ""
    assert given(popd, "a.example", 3) == der(short)


def test_changes(popd, tmp_path):
    """One is added, replaced and taken away, and the listener's own is replaced; sessions of before go on, and shake hands as before."""
    own, a, b, c = (make(tmp_path, name, name + ".example") for name in ("own", "a", "b", "c"))
    popd.listen(1, pem=own)
    assert popd.answer(1) == ""
    before = popd.client()
    assert popd.certificate(10, 1, a) == "" and popd.certificate(11, 1, b) == ""
    assert given(popd, "a.example", stls=True) == der(a) and given(popd, "b.example", stls=True) == der(b)
    assert before.ask("STLS").startswith("+OK")
    before.sock = context().wrap_socket(before.sock, server_hostname="a.example")
    assert before.sock.getpeercert(binary_form=True) == der(own)
    held = popd.client()
    renewed = make(tmp_path, "renewed", "a.example")
    assert popd.certificate(10, 1, renewed) == ""
    popd.unlisten(11)
    popd.listen(1, pem=c)
    assert popd.answer(1) == ""
    assert given(popd, "a.example", stls=True) == der(renewed)
    assert given(popd, "b.example", stls=True) == der(c) == given(popd, None, stls=True)
    assert held.ask("STLS").startswith("+OK")
    held.sock = context().wrap_socket(held.sock, server_hostname="a.example")
    assert held.sock.getpeercert(binary_form=True) == der(a)
    popd.unlisten(1)
    popd.listen(1, pem=own)
    assert popd.answer(1) == ""
    assert given(popd, "a.example", stls=True) == der(own)


def test_not_taken(popd, tmp_path, pki):
    """The master hears why, and what was there before stays."""
    own, a = make(tmp_path, "own", "own.example"), make(tmp_path, "a", "a.example")
    nonsense = tmp_path / "nonsense"
    nonsense.write_bytes(b"-----BEGIN CERTIFICATE-----\nbm9uc2Vuc2U=\n-----END CERTIFICATE-----\n")
    weak = (str(tmp_path / "weak.pem"), str(tmp_path / "weak.key"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:512", "-nodes", "-keyout", weak[1], "-out", weak[0], "-subj", "/CN=w", "-addext",
        "subjectAltName=DNS:w.example"], check=True, capture_output=True)
    popd.listen(1, tls=True, pem=own)
    assert popd.answer(1) == "" and popd.certificate(10, 1, a) == ""
    assert popd.told.until > 0
    for pair, why in (((a[0], own[1]), "the key is not that of the certificate"), ((str(nonsense), a[1]), "the certificate cannot be read"),
            (make(tmp_path, "nameless"), "the certificate has no dNSName, by which a client could ask for it"), (weak, "the certificate cannot be used: ee key too small"),
            (make(tmp_path, "old", "a.example", expired=True), "the certificate has expired on 2020-02-01")):
        for ident in (10, 11) if "expired" not in why else (10,):
            assert why in popd.certificate(ident, 1, pair)
        assert given(popd, "a.example") == der(a)
    popd.channel.send("IMSG_POP_CHAIN", struct.pack("=II", 12, 0) + b"x")
    popd.channel.send("IMSG_POP_CERTIFICATE", struct.pack("=III", 12, 1, 2) + bytes(32))
    assert "did not arrive whole" in popd.answer(12)
    # What expires has nobody to take its place; the same holds for the listener's own.
    old = make(tmp_path, "older", "o.example", expired=True)
    assert popd.certificate(11, 1, old) == "" and popd.told.until == 1580515200
    assert given(popd, "o.example") == der(old)
    popd.listen(1, tls=True, pem=old)
    assert popd.answer(1) == "the certificate has expired on 2020-02-01"
    popd.listen(2, tls=True, pem=old)
    assert popd.answer(2) == "" and popd.told.until == 1580515200
    assert given(popd, None, 2) == der(old)


@pytest.mark.parametrize("what", [(1, 1), (0, 1), (10, 2), (10, 0)])
def test_master_breaks_the_rules(tmp_path, what):
    """A certificate of no number, of a listener's, and for no listener."""
    popd = P.Popd()
    popd.listen(1, tls=True, pem=make(tmp_path, "own", "own.example"))
    assert popd.answer(1) == ""
    popd.channel.send("IMSG_POP_CERTIFICATE", struct.pack("=III", *what, 0) + bytes(32))
    popd.process.wait(rigs.PATIENCE)
    assert popd.process.returncode == 1
    with pytest.raises(AssertionError):
        popd.close()


def test_many(popd, tmp_path):
    """As many as there may be, beside as many that are to leave; one more breaks the rules."""
    own = make(tmp_path, "own", "own.example")
    popd.listen(1, tls=True, pem=own)
    assert popd.answer(1) == ""
    pairs = [make(tmp_path, "n%d" % i, "n%d.example" % i) for i in range(8)]
    for i in range(128):
        assert popd.certificate(1000 + i, 1, pairs[i % 8]) == ""
    for i in range(8):
        assert given(popd, "n%d.example" % i) == der(pairs[i])
    for i in range(120):
        popd.unlisten(1000 + i)
    assert popd.certificate(5000, 1, own) == "" and given(popd, "n7.example") == der(pairs[7])
    for i in range(119):
        assert popd.certificate(2000 + i, 1, pairs[i % 8]) == ""
    popd.chain(3000, 1, own)
    popd.channel.send("IMSG_POP_CERTIFICATE", struct.pack("=III", 3000, 1, *popd.chain(3000, 1, own)[:1]) + bytes(32))
    assert popd.answer(3000) != ""


def test_odd_names(popd, tmp_path, pki):
    """Names with a NUL are nobody's, and whatever a client asks for, it gets some certificate or none."""
    own = make(tmp_path, "own", "own.example")
    popd.listen(1, tls=True, pem=own)
    assert popd.answer(1) == ""
    assert popd.certificate(10, 1, make(tmp_path, "a", "*.a.example")) == ""
    assert "no dNSName" in popd.certificate(11, 1, pki.cert("nul"))
    port = popd.listening[1][0][1]
    for name in ("*.a.example", ".", "..", ".a.example", "a", "x" * 255, "x" * 400, "%n", "a.example.", "\x7f.a.example", " "):
        told = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % port, "-servername", name], input=b"QUIT\r\n",
            capture_output=True, timeout=rigs.PATIENCE)
        assert told.returncode in (0, 1)
    assert given(popd, "x.a.example") and given(popd, None) == der(own)
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.sendall(b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03")
    assert popd.process.poll() is None
