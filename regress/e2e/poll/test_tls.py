# SPDX-License-Identifier: ISC
"""
TLS as records want it: own CAs, pins, client keys, versions, ciphers and names, over POP3S and STLS.  Where it fails, nothing of
the login has left, and the error says what failed and what can be done.
"""
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading

import pytest

from lib import corpus, rig as rigs
from servers import behaviours as B
from servers.dovecot import Dovecot, free_port
from servers.pop3 import Behaviour

ANNA = "anna@example.org"
MODES = pytest.mark.parametrize("mode", ["pop3s", "stls"])
V10, V11, V12, V13 = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


class Tls(Behaviour):
    """A server with ideas about TLS: certificate, the only version it speaks, ciphers, whose client certificates it wants."""

    def __init__(self, cert="good", version=None, ciphers=None, clients=None):
        super().__init__()
        self.cert, self.version, self.ciphers, self.clients = cert, version, ciphers, clients
        self.asked = []				# names in SNI, None for none

    def context(self, s, context):
        if self.version in (V10, V11):
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
        if self.version:
            context.minimum_version = self.version
            context.maximum_version = self.version
        if self.ciphers:
            context.set_ciphers(self.ciphers)
        if self.clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(s.server.pki.path(self.clients + ".pem"))
        context.set_alpn_protocols(["pop3"])
        context.sni_callback = lambda sock, name, ctx: self.asked.append(name)


@pytest.fixture
def poll(personal, pop3):
    """poll(behaviour, mode, **columns): one poll of a mailbox with one message.  Returns (server, log)."""
    def run(behaviour, mode="pop3s", good=True, **columns):
        server = pop3(behaviour, [corpus.mail("m")], mode)
        personal.record(ANNA, "r", server, **columns)
        result = personal.once()
        if good:
            assert result.code == 0, result.log
            assert personal.idents() == {"example.org/anna": ["m"]}
            assert server.box.left() == []
        else:
            assert result.code == 1
            assert personal.idents().get("example.org/anna", []) == []
        return server, result.log
    return run


def nothing_left(server):
    """No octet of a login, in clear or otherwise."""
    for s in server.sessions:
        for octets in (bytes(s.clear), bytes(s.secure)):
            for word in (b"USER", b"PASS", b"APOP", b"AUTH", b"S3CRET-WORD"):
                assert word not in octets.upper()


@pytest.fixture
def refused(poll):
    """As poll(), for what must fail: nothing of the login has left, and the error has these words."""
    def run(behaviour, mode, *words, **columns):
        server, log = poll(behaviour, mode, good=False, **columns)
        assert server.sessions
        nothing_left(server)
        for word in words:
            assert word in log
        return server, log
    return run


# --- who the server is ---

@MODES
def test_own_ca(poll, pki, mode):
    poll(Tls("unknown"), mode, ca_file=pki.path("otherca.pem"))


@MODES
def test_private_ca_is_not_trusted_by_itself(refused, mode):
    refused(Tls("unknown"), mode, "unable to get local issuer", "or into ca_file")


@MODES
def test_own_ca_replaces_the_trusted_ones(refused, pki, mode):
    refused(Tls("good"), mode, "ca_file does not have the CA that signed it", ca_file=pki.path("otherca.pem"))


@pytest.mark.parametrize("cert,words", [("wrongname", "or set tls_name"), ("expired", "unless our clock is wrong"),
    ("selfsigned", "ca_file does not have this certificate")])
@MODES
def test_own_ca_is_no_excuse(refused, pki, cert, words, mode):
    refused(Tls(cert), mode, words, ca_file=pki.path("ca.pem"))


@MODES
def test_self_signed_as_ca_file(poll, pki, mode):
    poll(Tls("selfsigned"), mode, ca_file=pki.path("selfsigned.pem"))


@pytest.mark.parametrize("cert", ["selfsigned", "expiredself", "expired", "wrongname", "unknown", "good"])
@MODES
def test_pin(poll, pki, cert, mode):
    """The certificate named by its digest is taken, whoever signed it, for whatever name and time."""
    poll(Tls(cert), mode, tls_pins=pki.pin(cert))


@MODES
def test_one_of_several_pins(poll, pki, mode):
    poll(Tls("selfsigned"), mode, tls_pins=" ".join([pki.pin("good"), "0" * 64, pki.pin("selfsigned").lower()]))


@pytest.mark.parametrize("cert", ["good", "selfsigned"])
@MODES
def test_wrong_pin(refused, pki, cert, mode):
    """A certificate that would be trusted otherwise is refused, too; the error has its digest."""
    server, _ = refused(Tls(cert), mode, pki.pin(cert).lower(), "is not in tls_pins",
        tls_pins=pki.pin("wrongname") + " " + pki.pin("v6"))
    assert not any(s.secure for s in server.sessions)


@MODES
def test_pin_and_own_ca(poll, pki, mode):
    poll(Tls("unknown"), mode, tls_pins=pki.pin("unknown"), ca_file=pki.path("otherca.pem"))


@pytest.mark.parametrize("pin,ca,words", [("unknown", "ca", "ca_file does not have the CA"),
    ("good", "otherca", "is not in tls_pins")])
@MODES
def test_pin_and_own_ca_must_both_hold(refused, pki, pin, ca, words, mode):
    refused(Tls("unknown"), mode, words, tls_pins=pki.pin(pin), ca_file=pki.path(ca + ".pem"))


@pytest.mark.parametrize("cert,name,sni", [("wrongname", "elsewhere.example", "elsewhere.example"), ("good", "127.0.0.1", None),
    ("v6", "::1", None), ("good", "LOCALHOST", "LOCALHOST")])
@MODES
def test_name(poll, cert, name, sni, mode):
    behaviour = Tls(cert)
    poll(behaviour, mode, tls_name=name)
    assert behaviour.asked == [sni]


@pytest.mark.parametrize("cert,name", [("good", "elsewhere.example"), ("wrongname", "example"), ("v6", "localhost"),
    ("good", "127.0.0.2"), ("good", "::1")])
@MODES
def test_wrong_name(refused, cert, name, mode):
    refused(Tls(cert), mode, "not present in server certificate", "set tls_name", tls_name=name)


# --- versions and ciphers ---

@MODES
def test_default_version(poll, mode):
    assert ": TLSv1.3 " in poll(Tls(), mode)[1]


@pytest.mark.parametrize("version,least", [(V12, None), (V12, "1.2"), (V13, "1.3"), (V11, "1.1"), (V10, "1.0"), (V12, "1.0"),
    (V13, "1.0")])
@MODES
def test_version(poll, version, least, mode):
    _, log = poll(Tls(version=version), mode, tls_min=least)
    assert ": %s " % {V10: "TLSv1", V11: "TLSv1.1", V12: "TLSv1.2", V13: "TLSv1.3"}[version] in log


@pytest.mark.parametrize("version,least,words", [(V12, "1.3", "lower tls_min"), (V11, None, "set tls_min to 1.0 or 1.1"),
    (V10, None, "set tls_min to 1.0 or 1.1"), (V10, "1.1", "older still than tls_min"), (V11, "1.2", "set tls_min to 1.0")])
@MODES
def test_version_refused(refused, version, least, words, mode):
    refused(Tls(version=version), mode, words, tls_min=least)


OLD_CIPHER = "ECDHE-ECDSA-AES128-SHA"


@MODES
def test_ciphers(poll, mode):
    _, log = poll(Tls(version=V12, ciphers=OLD_CIPHER), mode, tls_ciphers="ECDHE-ECDSA-CHACHA20-POLY1305:" + OLD_CIPHER)
    assert "TLSv1.2 " + OLD_CIPHER in log


@MODES
def test_no_cipher_in_common(refused, mode):
    refused(Tls(version=V12, ciphers=OLD_CIPHER), mode, "handshake failure", "see tls_ciphers and tls_min",
        tls_ciphers="ECDHE+AESGCM")


@MODES
def test_ciphers_with_old_version(poll, mode):
    _, log = poll(Tls(version=V10, ciphers=OLD_CIPHER + ":@SECLEVEL=0"), mode, tls_min="1.0", tls_ciphers=OLD_CIPHER)
    assert "TLSv1 " + OLD_CIPHER in log


@MODES
def test_no_such_cipher(refused, mode):
    refused(Tls(), mode, "tls_ciphers is no OpenSSL cipher list", tls_ciphers="NO-SUCH-CIPHER")


@pytest.mark.parametrize("ciphers", ["aNULL:@SECLEVEL=0", "eNULL:@SECLEVEL=0"])
@pytest.mark.parametrize("pinned", [0, 1])
@MODES
def test_neither_anonymous_nor_unencrypted(refused, pki, ciphers, pinned, mode):
    columns = {"tls_pins": pki.pin("good")} if pinned else {}
    refused(Tls(version=V12, ciphers=ciphers), mode, "alert handshake failure",
        tls_ciphers="ALL:COMPLEMENTOFALL:@SECLEVEL=0", **columns)


# --- who we are ---

@pytest.fixture
def keys(pki, tmp_path):
    """keys("client") -> columns for a copy of that certificate and key."""
    def make(cert, key=None):
        names = str(tmp_path / (cert + ".pem")), str(tmp_path / ((key or cert) + ".key"))
        shutil.copyfile(pki.path(cert + ".pem"), names[0])
        shutil.copyfile(pki.path((key or cert) + ".key"), names[1])
        os.chmod(names[1], 0o600)
        return {"tls_cert": names[0], "tls_key": names[1]}
    return make


VERSIONS = pytest.mark.parametrize("version", [V12, V13])


@VERSIONS
@MODES
def test_client_key(poll, keys, version, mode):
    poll(Tls(version=version, clients="clientca"), mode, **keys("client"))


@VERSIONS
@MODES
def test_client_key_wanted(refused, version, mode):
    """TLS 1.3: the server says so when the handshake is over for the client."""
    _, log = refused(Tls(version=version, clients="clientca"), mode, "tls_cert")
    assert "alert" in log


@VERSIONS
@MODES
def test_client_key_of_a_stranger(refused, keys, version, mode):
    refused(Tls(version=version, clients="clientca"), mode, "the server does not accept tls_cert", **keys("stranger"))


@MODES
def test_client_key_of_another_certificate(refused, keys, mode):
    refused(Tls(clients="clientca"), mode, "tls_key is not the key to tls_cert", **keys("client", "stranger"))


def test_client_key_with_everything_else(poll, pki, keys):
    poll(Tls("expiredself", version=V11, clients="clientca"), "stls", tls_min="1.1", tls_pins=pki.pin("expiredself"),
        tls_ciphers="DEFAULT", tls_name="old.example", **keys("client"))


def test_broken_files(refused, pki, keys, tmp_path):
    """What looks like PEM and is none is found by the session, before anything is sent."""
    bad = tmp_path / "bad.pem"
    bad.write_text("-----BEGIN CERTIFICATE-----\nbm90aGluZw==\n-----END CERTIFICATE-----\n")
    server, _ = refused(Tls(), "pop3s", "ca_file has no certificate", ca_file=str(bad))
    assert not server.sessions[0].tls


def test_broken_certificate_and_key(personal, pop3, pki, keys, tmp_path):
    columns = keys("client")
    server = pop3(Tls(), [corpus.mail("m")], "pop3s")
    for n, (column, text, words) in enumerate([("tls_cert", "CERTIFICATE", "tls_cert is no certificate"),
        ("tls_key", "PRIVATE KEY", "tls_key is no private key")]):
        bad = tmp_path / ("bad%d" % n)
        bad.write_text("-----BEGIN %s-----\nbm90aGluZw==\n-----END %s-----\n" % (text, text))
        os.chmod(bad, 0o600)
        personal.records.clear()
        personal.record(ANNA, "r", server, **dict(columns, **{column: str(bad)}))
        personal.write_db()
        result = personal.once()
        assert result.code == 1 and words in result.log
    nothing_left(server)


# --- files ---

def spoil_empty(path):
    open(path, "w").close()


def spoil_text(path):
    with open(path, "w") as f:
        f.write("no PEM at all\n")


def spoil_large(path):
    with open(path, "ab") as f:
        f.write(b"\n" * 262144)


def spoil_directory(path):
    os.unlink(path)
    os.mkdir(path)


def spoil_fifo(path):
    os.unlink(path)
    os.mkfifo(path, 0o600)


def spoil_link(path):
    os.unlink(path)
    os.symlink("/dev/zero", path)


def spoil_encrypted(path):
    subprocess.run(["openssl", "pkey", "-in", path, "-out", path + ".enc", "-aes128", "-passout", "pass:x"], check=True)
    os.chmod(path + ".enc", 0o600)
    os.rename(path + ".enc", path)


SPOILT = [("ca_file", os.unlink, "ca_file cannot be opened: No such file"), ("tls_cert", spoil_empty, "tls_cert is empty"),
    ("tls_key", spoil_text, "tls_key has no private key"), ("ca_file", spoil_text, "ca_file has no certificate"),
    ("ca_file", spoil_large, "ca_file is larger than 262144"), ("tls_cert", spoil_directory, "tls_cert is not a regular file"),
    ("ca_file", spoil_fifo, "ca_file is not a regular file"), ("ca_file", spoil_link, "ca_file is not a regular file"),
    ("tls_key", lambda p: os.chmod(p, 0o644), "tls_key is open to others than root; chmod 600"),
    ("tls_key", lambda p: os.chmod(p, 0o640), "tls_key is open to others than root; chmod 600"),
    ("tls_key", lambda p: os.chown(p, 65534, 65534), "tls_key does not belong to root"),
    ("ca_file", lambda p: os.chmod(p, 0o666), "ca_file can be changed by others than root"),
    ("tls_key", spoil_encrypted, "tls_key is encrypted")]


@pytest.fixture
def named(personal, pop3, pki, keys, tmp_path):
    """A record with all three files, and the server it is for: (columns, server)."""
    columns = dict(keys("client"), ca_file=str(tmp_path / "ca.pem"))
    shutil.copyfile(pki.path("ca.pem"), columns["ca_file"])
    server = pop3(Tls(clients="clientca"), [corpus.mail("m")], "pop3s")
    personal.record(ANNA, "r", server, **columns)
    personal.write_db()
    return columns, server


@pytest.mark.parametrize("column,spoil,words", SPOILT)
def test_file_at_load(personal, named, column, spoil, words):
    """rpopd -n names row, column, fault, remedy and path; a record that is not polled may wait for its files."""
    path = named[0][column]
    spoil(path)
    check = subprocess.run(personal.argv("-n"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    assert check.returncode != 0
    assert "rpop anna@example.org/r: " + words in check.stdout and path in check.stdout
    personal.sqlite("UPDATE rpop SET period = NULL;")
    assert subprocess.run(personal.argv("-n"), timeout=60).returncode == 0


def test_missing_file_stops_no_start(personal, named, pop3):
    """At the start the others are polled all the same; a reload is refused, as with any other bad row."""
    other = pop3(Tls(), [corpus.mail("o")], "pop3s")
    personal.record(ANNA, "fine", other)
    personal.write_db()
    os.unlink(named[0]["ca_file"])
    daemon = personal.start()
    rigs.wait_for(lambda: other.box.left() == [], "the other record's poll")
    rigs.wait_for(lambda: "ca_file cannot be opened" in json.dumps(personal.status()), "the record's error")
    result = personal.ctl("reload", check=False)
    assert result.code != 0 and "ca_file cannot be opened" in result.log
    assert daemon.stop() == 0


def test_files_of_self_service(personal, named):
    personal.sqlite("UPDATE rpop SET self_service = 1;")
    check = subprocess.run(personal.argv("-n"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    assert check.returncode != 0 and "ca_file is not for self-service records" in check.stdout


@pytest.mark.parametrize("column,spoil,words", [SPOILT[0], SPOILT[8]])
def test_file_at_poll(personal, named, column, spoil, words):
    """Files are read anew for each session; the daemon's other records do not notice."""
    columns, server = named
    with open(columns[column], "rb") as f:
        good = f.read()
    daemon = personal.start()
    rigs.wait_for(lambda: server.box.left() == [], "the first poll")
    server.box.add(corpus.mail("n"))
    spoil(columns[column])
    sessions = len(server.sessions)
    rigs.wait_for(lambda: personal.ctl("poll", ANNA + "/r", check=False).code == 0, "the poll")
    rigs.wait_for(lambda: words in daemon.log(), "the error")
    assert columns[column] in daemon.log()
    assert not any(s.tls for s in server.sessions[sessions:])
    if os.path.exists(columns[column]):
        os.unlink(columns[column])
    with open(columns[column], "wb") as f:
        os.fchmod(f.fileno(), 0o600)
        f.write(good)
    rigs.wait_for(lambda: personal.ctl("poll", ANNA + "/r", check=False).code == 0, "the poll")
    rigs.wait_for(lambda: server.box.left() == [], "the poll after the repair")
    assert daemon.stop() == 0
    assert "PRIVATE KEY" not in daemon.log()


# --- ends and delays ---

class Ends(Behaviour):
    """How TLS ends: with or without close_notify, behind the answer to QUIT or in the middle of message 2."""

    def __init__(self, where, notify):
        super().__init__()
        self.where, self.notify = where, notify

    def end(self, s):
        if self.notify:
            s.sock.settimeout(1)
            try:
                s.sock.unwrap()
            except OSError:
                pass
        try:
            s.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        raise B.Close

    def wire(self, s, point, data):
        if point == "retr" and self.where == "retr" and s.commands[-1][1] == b"2":
            s.send(data[:len(data) // 2])
            self.end(s)
        s.send(data)
        if point == "quit":
            self.end(s)


@pytest.mark.parametrize("notify", [0, 1])
@pytest.mark.parametrize("where", ["quit", "retr"])
@MODES
def test_end_of_tls(personal, pop3, where, notify, mode):
    """After +OK to QUIT any end will do; before, none is the end of a message."""
    server = pop3(Ends(where, notify), [corpus.mail("a"), corpus.mail("b")], mode)
    personal.record(ANNA, "r", server)
    result = personal.once()
    if where == "quit":
        assert result.code == 0 and server.box.left() == []
    else:
        assert result.code == 1
        assert set(personal.idents().get("example.org/anna", [])) <= {"a"}
        assert len(server.box.left()) == 2
    server.behaviour = Behaviour()
    assert personal.once().code == 0
    assert personal.idents() == {"example.org/anna": ["a", "b"]}


class Dripper:
    """A relay to a server that lets the server's TLS through one octet at a time: never silent, never done."""

    def __init__(self, server):
        self.server, self.host, self.tls = server, "localhost", server.tls
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.done = threading.Event()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        down, _ = self.listener.accept()
        up = socket.create_connection(("127.0.0.1", self.server.port))
        threading.Thread(target=self.copy, args=(down, up), daemon=True).start()
        try:
            while data := up.recv(65536):
                if data[0] != 0x16:
                    down.sendall(data)
                    continue
                for i in range(len(data)):
                    down.sendall(data[i:i + 1])
                    if self.done.wait(0.1):
                        return
        except OSError:
            pass
        finally:
            down.close()
            up.close()

    def copy(self, down, up):
        try:
            while data := down.recv(65536):
                up.sendall(data)
            up.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def test_handshake_in_drops(personal, pop3):
    """The idle clock runs over the handshake as a whole."""
    personal.settings.update(idle_timeout=10, session_timeout=60)
    servers = [pop3(Tls(), [corpus.mail("m")], mode) for mode in ("pop3s", "stls")]
    drippers = [Dripper(s) for s in servers]
    for i, d in enumerate(drippers):
        personal.record(ANNA, "r%d" % i, d)
    result = personal.once()
    assert result.code == 1
    assert result.log.count("no answer for 10 seconds") == 2
    for d in drippers:
        d.done.set()
    for s in servers:
        nothing_left(s)


# --- ALPN ---

@MODES
def test_alpn(poll, mode):
    seen = []

    class Alpn(Tls):
        def wire(self, s, point, data):
            if s.tls:
                seen.append(s.sock.selected_alpn_protocol())
            s.send(data)
    poll(Alpn(), mode)
    assert set(seen) == {"pop3"}


def test_alpn_refused(personal, pki):
    """openssl(1), as Python's servers overlook it."""
    cert, key = pki.cert()
    port = free_port()
    with subprocess.Popen(["openssl", "s_server", "-accept", str(port), "-cert", cert, "-key", key, "-alpn", "imap", "-quiet"],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        def up():
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", port)) == 0
        try:
            rigs.wait_for(up, "s_server")
            server.host, server.port, server.tls = "localhost", port, "tls"
            personal.record(ANNA, "r", server)
            result = personal.once()
        finally:
            server.kill()
    assert result.code == 1
    assert "does not offer POP3 (ALPN)" in result.log


# --- a real server ---

@pytest.fixture(scope="module")
def strict_dovecot(pki):
    """One with a private certificate that wants a client certificate, too."""
    directory = rigs.scratch("rpdt.")
    server = None

    class Unknown:
        def cert(self):
            return pki.cert("unknown")
    try:
        server = Dovecot(directory, Unknown(), "ssl_ca = <%s\nssl_require_crl = no\nssl_verify_client_cert = yes\n"
            "auth_ssl_require_client_cert = yes\n" % pki.path("clientca.pem"))
        yield server
    finally:
        if server:
            server.stop()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.mark.parametrize("how", ["ca_file", "tls_pins"])
@pytest.mark.parametrize("tls", ["tls", "stls"])
def test_dovecot(personal, strict_dovecot, pki, keys, how, tls):
    user = "u-%s-%s" % (how, tls)
    password = strict_dovecot.add_user(user)
    strict_dovecot.add(user, corpus.mail("d"))
    row = personal.record(ANNA, "r", strict_dovecot, user, password, tls=tls, **keys("client"))
    row[how] = pki.path("otherca.pem") if how == "ca_file" else pki.pin("unknown")
    assert personal.once().code == 0
    assert personal.idents() == {"example.org/anna": ["d"]}
    row.update(tls_cert=None, tls_key=None)
    strict_dovecot.add(user, corpus.mail("e"))
    personal.write_db()
    assert personal.once().code == 1
    assert personal.idents() == {"example.org/anna": ["d"]}


# --- the trusted certificates change under the daemon ---

@pytest.fixture
def own_ca_dir(personal, pki, tmp_path):
    """A directory of trusted certificates that may be written."""
    path = tmp_path / "certs"
    shutil.copytree(pki.certs, path, symlinks=True)
    os.chmod(tmp_path, 0o755)
    personal.settings["ca_dir"] = str(path)
    return path


def trust(directory, pki, name):
    shutil.copy(pki.path(name + ".pem"), directory / (name + ".pem"))
    subprocess.run(["openssl", "rehash", str(directory)], check=True)


def test_new_trusted_certificate(personal, pop3, pki, own_ca_dir):
    """What is added to ca_dir counts without a reload: at the next attempt after a failure, at once."""
    server = pop3(Tls("unknown"), [corpus.mail("m")], "pop3s")
    personal.record(ANNA, "r", server)
    daemon = personal.start()
    rigs.wait_for(lambda: "certificate" in (personal.status()["records"][0]["last_error"] or ""), "the failure")
    trust(own_ca_dir, pki, "otherca")
    personal.ctl("poll", "all")
    rigs.wait_for(lambda: personal.idents().get("example.org/anna"), "the mail")
    assert "ca_dir %s has changed" % own_ca_dir in daemon.log()
    assert "reloaded" not in daemon.log()


def test_trusted_certificates_out_of_reach(personal, pop3, pki, own_ca_dir):
    """A directory that is gone for a while is told once, and what was read of it goes on counting."""
    bad, good = pop3(Tls("unknown"), [], "pop3s"), pop3(None, [corpus.mail("m")], "pop3s")
    personal.record(ANNA, "bad", bad)
    personal.record(ANNA, "good", good)
    daemon = personal.start()
    rigs.wait_for(lambda: personal.status()["records"][0]["last_error"] and personal.idents(), "the failure, and the mail")
    os.rename(own_ca_dir, str(own_ca_dir) + ".away")
    for n in (2, 3):
        personal.ctl("poll", ANNA + "/bad")
        rigs.wait_for(lambda: len(bad.sessions) >= n, "attempt %d" % n)
    good.box.add(corpus.mail("later"))
    personal.ctl("poll", ANNA + "/good")
    rigs.wait_for(lambda: len(personal.idents()["example.org/anna"]) > 1, "the next mail")
    assert daemon.log().count("trusted certificates stay as they were read last: ca_dir %s: No such file" % own_ca_dir) == 1
