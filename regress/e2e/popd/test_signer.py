# SPDX-License-Identifier: ISC
"""The signer: logins over TLS with each kind of key, where a key is in memory and where not, what a session may ask, deaths."""
import itertools
import json
import os
import poplib
import pwd
import re
import signal
import socket
import ssl
import struct
import subprocess

import pytest

from lib import popdrig as P, rig as rigs
from popd.test_popd import MESSAGE, Mail, peer_cert, read, replace

KINDS = {"rsa": ("rsa:2048",), "ec": ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")}
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
PKCS1, PSS, ECDSA = range(3)


@pytest.fixture
def mail(rig):
    return Mail(rig)


def make(directory, kind, name=None):
    """A certificate and its key: (certificate file, key file)."""
    cert, key = (os.path.join(directory, (name or kind) + end) for end in (".pem", ".key"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", *KINDS[kind], "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj",
        "/CN=localhost"], check=True, capture_output=True)
    os.chmod(cert, 0o644)
    os.chmod(key, 0o600)
    return cert, key


def client_context(version=None):
    context = P.tls_context()
    if version:
        context.minimum_version = context.maximum_version = VERSIONS[version]
    return context


def secured(port, context, stls):
    if not stls:
        return poplib.POP3_SSL("127.0.0.1", port, timeout=rigs.PATIENCE, context=context)
    p = poplib.POP3("127.0.0.1", port, timeout=rigs.PATIENCE)
    p.stls(context)
    return p


def login(port, context=None, stls=False, name="anna"):
    """A session of hers under TLS."""
    p = secured(port, context or client_context(), stls)
    p.user(name)
    p.pass_("s3cret-" + name)
    return p


def eventually(port, stls=False):
    """Somebody logs in, when there is a signer again."""
    def served():
        try:
            return login(port, stls=stls)
        except (OSError, EOFError, poplib.error_proto):
            return None
    return rigs.wait_for(served, "a login over TLS")


def test_logins(mail):
    """RSA and EC, TLS 1.2 and 1.3, from the first octet and by STLS: somebody logs in and retrieves."""
    mail.put("example.org/anna")
    ports = {}
    for kind, tls in itertools.product(KINDS, ("tls", "stls")):
        cert, key = make(mail.rig.dir, kind, kind + tls)
        ports[kind, tls] = mail.listen(tls=tls, cert=cert, key=key)
    mail.start()
    for (kind, tls), version in itertools.product(ports, VERSIONS):
        p = login(ports[kind, tls], client_context(version), tls == "stls")
        assert p.sock.version() == "TLSv" + version
        assert b"\r\n".join(p.retr(1)[1]) + b"\r\n" == MESSAGE
        seen = [s for s in mail.who() if s["account"]]
        assert [(s["tls"], s["tls_version"], s["cipher"]) for s in seen] == [(True, p.sock.version(), p.sock.cipher()[0])]
        assert ", %s %s, " % (p.sock.version(), p.sock.cipher()[0]) in mail.rig.ctl("who").log
        p.quit()
        rigs.wait_for(lambda: not mail.who(), "its end")
        told = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % ports[kind, tls], "-tls" + version.replace(".", "_"),
            *(["-starttls", "pop3"] if tls == "stls" else [])], input=b"QUIT\r\n", capture_output=True, timeout=rigs.PATIENCE).stdout.decode()
        kind_told = re.search(r"Peer signature type: (.*)", told).group(1)
        assert kind_told == ("ECDSA" if kind == "ec" else "RSA-PSS"), told
    rigs.wait_for(lambda: not mail.who(), "their end")
    p = mail.connect(ports["ec", "stls"])
    assert [(s["tls"], s["tls_version"], s["cipher"]) for s in mail.who()] == [(False, None, None)]
    assert ", in clear, " in mail.rig.ctl("who").log
    p.quit()
    assert "broke the rules" not in mail.daemon.log()


def test_pkcs1(mail):
    """A client that knows no other signatures: RSASSA-PKCS1-v1_5, which TLS 1.2 has."""
    cert, key = make(mail.rig.dir, "rsa")
    port = mail.listen(tls="tls", cert=cert, key=key)
    mail.start()
    told = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % port, "-tls1_2", "-sigalgs", "rsa_pkcs1_sha256"],
        input=b"QUIT\r\n", capture_output=True, timeout=rigs.PATIENCE).stdout.decode()
    assert re.search(r"Peer signature type: RSA$", told, re.M), told


def secrets(key):
    """What a private key consists of, as it may lie in memory: {name: octets}."""
    out = subprocess.run(["openssl", "pkey", "-in", key, "-text", "-noout"], check=True, capture_output=True, text=True).stdout
    found = {}
    for name, digits in re.findall(r"^(priv|privateExponent|prime1|prime2|exponent1|exponent2|coefficient):\n((?: +[0-9a-f:]+\n)+)", out, re.M):
        number = bytes.fromhex(re.sub(r"[^0-9a-f]", "", digits)).lstrip(b"\0")
        # Whole, and its parts, in the order of a file and in that of OpenSSL's numbers.
        for at in sorted({0, len(number) // 2 // 8 * 8, len(number) // 8 * 8 - 16}):
            part = number[at:at + 16]
            found["%s+%d" % (name, at)] = part
            found["%s+%d reversed" % (name, at)] = part[::-1]
    lines = read(key).decode().split("\n")[1:-2]
    for i, line in enumerate(lines if len(lines) > 4 else lines[:2]):
        if len(lines) <= 4 or i > len(lines) // 2:		# the first half of an RSA key's is the public one
            found["line %d" % i] = line.encode()
    assert len(found) >= 6
    return found


def holds(pid, wanted):
    """The names of what is in a process's memory; nothing is in one that has ended, as those do that a reload replaces."""
    data = rigs.memory(pid)
    assert len(data) > 100000 or not rigs.alive(pid)
    return {name for name, octets in wanted.items() if octets in data}


@pytest.mark.unsanitized	# the sanitizer keeps what was freed
@pytest.mark.parametrize("kind", KINDS)
def test_memory(mail, kind):
    """No octet of a private key is anywhere but in the signer, after logins, a change of the pair, and refused files."""
    cert, key = make(mail.rig.dir, kind)
    first, second = secrets(key), None
    tls, stls = (mail.listen(tls=mode, cert=cert, key=key) for mode in ("tls", "stls"))
    mail.start()
    held = [login(tls), login(stls, stls=True), mail.connect(stls)]

    def check():
        found = mail.daemon.processes()
        assert len(found["pop"]) >= 3 and len(found["signer"]) == 1
        for role, pids in found.items():
            for pid in pids if role != "signer" else []:
                assert holds(pid, dict(first, **(second or {}))) == set(), role
        return holds(found["signer"][0], first if second is None else second)

    there = check()
    assert {name.partition("+")[0] for name in there} >= ({"priv"} if kind == "ec" else {"privateExponent", "prime1", "prime2"})
    # Another pair, then files that do not fit.
    new = make(mail.rig.dir, kind, "new")
    second = secrets(new[1])
    before = peer_cert(tls)
    for old, file in zip((cert, key), new):
        replace(old, read(file), 0o600 if old == key else 0o644)
    mail.reload()
    rigs.wait_for(lambda: peer_cert(tls) != before, "the other certificate")
    assert check()
    other = make(mail.rig.dir, kind, "other")
    replace(key, read(other[1]))
    mail.reload()
    rigs.wait_for(lambda: "certificate and key cannot be used, those before" in mail.daemon.log(), "the refusal")
    assert check()
    assert held[0].noop() and held[1].noop()
    # The key that is in force no more, and no session's, is wiped with the next change.
    replace(key, read(new[1]))
    mail.reload()
    for name in ("third", "fourth"):
        before = peer_cert(tls)
        for old, file in zip((cert, key), make(mail.rig.dir, kind, name)):
            replace(old, read(file), 0o600 if old == key else 0o644)
        mail.reload()
        rigs.wait_for(lambda: peer_cert(tls) != before and peer_cert(tls) == ssl.PEM_cert_to_DER_cert(read(cert).decode()), "the next one")
    pid = mail.daemon.one("signer")
    rigs.wait_for(lambda: not any("line" in n or "+" in n for n in holds(pid, first)), "the end of the first key")


def test_confined(mail):
    """The signer: its user, an empty directory, no descriptor of a file, no privilege, the filter."""
    port = mail.listen(tls="tls")
    mail.start()
    held = login(port)
    pid = mail.daemon.one("signer")
    status = dict(line.split(":\t", 1) for line in rigs.read_proc(pid, "status").splitlines() if ":\t" in line)
    uid = str(pwd.getpwnam("_rpopk").pw_uid)
    assert status["Uid"].split() == [uid] * 4 and status["NoNewPrivs"] == "1" and int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
    assert int(status["Seccomp"]) == rigs.FILTERED
    root = os.readlink("/proc/%d/root" % pid)
    assert root == os.path.join(mail.rig.dir, "run/signer") and os.listdir(root) == []
    assert os.stat(root).st_uid == 0 and os.stat(root).st_mode & 0o022 == 0
    kinds = [os.readlink("/proc/%d/fd/%s" % (pid, n)) for n in os.listdir("/proc/%d/fd" % pid) if int(n) > 2]
    assert sum(k.startswith("socket:") for k in kinds) == 1, "a session that has its TLS has no channel to the signer: %r" % kinds
    assert all(k.startswith(("socket:", "anon_inode:", "pipe:")) for k in kinds)
    limits = rigs.read_proc(pid, "limits")
    assert re.search(r"^Max core file size +0 +0 ", limits, re.M)
    assert {os.stat("/proc/%d/%s" % (pid, name)).st_uid for name in ("status", "maps", "mem")} == {0}
    assert held.noop()


def test_asked_twice(mail):
    """A session that was taken over and asks for another channel to the signer is killed; others are served."""
    port, stls = mail.listen(tls="tls"), mail.listen(tls="stls")
    mail.start("-P", "popd:act:again", hooks=True)
    other, why = mail.login("bert")
    assert why is None
    for _ in range(2):
        with pytest.raises((OSError, EOFError, poplib.error_proto)):
            login(port)
    with pytest.raises((OSError, EOFError, poplib.error_proto)):
        login(stls, stls=True)
    rigs.wait_for(lambda: mail.daemon.log().count("broke the rules: POP_SIGN") == 3, "the three of them")
    assert other.noop()
    assert mail.count("anna") == 0


def test_session_from_before_a_change(mail):
    """Who connected ahead of a change of the pair begins TLS behind it, with the certificate of before."""
    cert, key = make(mail.rig.dir, "ec")
    port = mail.listen(tls="stls", cert=cert, key=key)
    mail.start()
    was = ssl.PEM_cert_to_DER_cert(read(cert).decode())
    p = mail.connect(port)
    for old, file in zip((cert, key), make(mail.rig.dir, "rsa", "new")):
        replace(old, read(file), 0o600 if old == key else 0o644)
    mail.reload()
    now = ssl.PEM_cert_to_DER_cert(read(cert).decode())

    def shown():
        other = login(port, stls=True)
        return other.sock.getpeercert(binary_form=True)
    rigs.wait_for(lambda: shown() == now, "the other certificate")
    p.stls(client_context())
    assert p.sock.getpeercert(binary_form=True) == was
    p.user("anna")
    p.pass_("s3cret-anna")


def test_no_signer_without_tls(mail):
    """A listener in clear needs none; one with TLS does, from the reload on."""
    mail.start()
    assert mail.count("anna") == 0
    assert mail.daemon.processes()["signer"] == []
    port = mail.listen(tls="tls")
    mail.reload()
    eventually(port).quit()
    mail.rig.sqlite("DELETE FROM listener WHERE tls = 'tls'")
    mail.reload()
    rigs.wait_for(lambda: mail.daemon.processes()["signer"] == [], "the end of the signer")


def test_killed(mail):
    """Sessions go on, mail in clear is served, and TLS comes back by itself."""
    tls, stls = mail.listen(tls="tls"), mail.listen(tls="stls")
    mail.put("example.org/anna")
    mail.start()
    for _ in range(2):
        p, q = login(tls), mail.connect(stls)
        q.user("bert")
        victim = mail.daemon.one("signer")
        os.kill(victim, signal.SIGKILL)
        assert b"\r\n".join(p.retr(1)[1]) + b"\r\n" == MESSAGE
        assert mail.count("bert") == 0
        q.pass_("s3cret-bert")
        eventually(tls).quit()
        eventually(stls, True).quit()
        assert mail.daemon.one("signer") != victim
        assert p.noop()
    assert "signer[%d] died" % victim in mail.daemon.log()


@pytest.mark.parametrize("point", ["signer.kept:3", "signer.asked:2", "signer.signed:2"])
def test_killed_at(mail, point):
    """Wherever a signer dies: whoever shakes hands hears it, and the next one is served; each signer of these serves one."""
    cert, key = make(mail.rig.dir, "ec")
    tls, stls = (mail.listen(tls=mode, cert=cert, key=key) for mode in ("tls", "stls"))
    mail.start("-K", "signer:" + point, hooks=True)
    for port in (tls, stls, tls):
        eventually(port, port == stls).quit()
    for old, file in zip((cert, key), make(mail.rig.dir, "rsa", "new")):
        replace(old, read(file), 0o600 if old == key else 0o644)
    mail.reload()
    rigs.wait_for(lambda: re.search(r"signer\[\d+\] was started in its place", mail.daemon.log()), "another signer")
    now = ssl.PEM_cert_to_DER_cert(read(cert).decode())
    rigs.wait_for(lambda: eventually(tls).sock.getpeercert(binary_form=True) == now, "the other certificate")
    eventually(stls, True).quit()
    assert mail.daemon.running()


def test_killed_with_bad_files(mail):
    """The only copy of the key is gone, and the file is not it: TLS fails, cleanly, until the files do; the rest is served."""
    cert, key = make(mail.rig.dir, "ec")
    tls, stls = (mail.listen(tls=mode, cert=cert, key=key) for mode in ("tls", "stls"))
    mail.start()
    p = login(tls)
    good = read(key)
    replace(key, read(make(mail.rig.dir, "ec", "other")[1]))
    os.kill(mail.daemon.one("signer"), signal.SIGKILL)
    rigs.wait_for(lambda: mail.daemon.log().count("certificate and key cannot be used") >= 2, "the refusal")
    for port in (tls, stls):
        with pytest.raises((OSError, EOFError)):
            login(port, stls=port == stls)
    q = mail.connect(stls)
    q.user("bert")
    q.pass_("s3cret-bert")
    assert p.noop()
    shown = json.loads(mail.rig.ctl("-j", "listener", "list").log)["listeners"]
    assert sum("the key is not that of the certificate" in (r["trouble"] or "") for r in shown) == 2
    # Another popd gets the certificate that is in force, and listens.
    pid = mail.daemon.one("popd")
    os.kill(pid, signal.SIGKILL)
    rigs.wait_for(lambda: mail.daemon.processes()["popd"] not in ([], [pid]), "another popd")
    assert mail.connect(stls).noop
    replace(key, good)
    mail.reload()
    eventually(tls).quit()
    eventually(stls, True).quit()


def test_many_at_once(mail):
    """Two hundred handshakes at once: each gets its signature."""
    port = mail.listen(tls="tls", channels=500)
    mail.rig.sqlite("UPDATE settings SET pop_per_address = 500, pop_channels = 500")
    mail.start()
    context = client_context()
    socks = []
    for _ in range(200):
        s = context.wrap_socket(socket.create_connection(("127.0.0.1", port), rigs.PATIENCE), do_handshake_on_connect=False)
        s.setblocking(False)
        socks.append(s)

    def shaken(s):
        try:
            s.do_handshake()
            return True
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
    left = list(socks)

    def all_shaken():
        left[:] = [s for s in left if not shaken(s)]
        return not left
    rigs.wait_for(all_shaken, "two hundred handshakes")
    for s in socks:
        s.close()


def test_stalled(mail):
    """A signer that takes nothing: what waits for it in the master is bounded, mail in clear is served, and on it goes."""
    port = mail.listen(tls="tls", channels=500)
    mail.rig.sqlite("UPDATE settings SET pop_per_address = 500, pop_channels = 500")
    mail.start()
    eventually(port).quit()
    pid = mail.daemon.one("signer")
    os.kill(pid, signal.SIGSTOP)

    def turned_down():
        for _ in range(20):
            socket.create_connection(("127.0.0.1", port), rigs.PATIENCE).close()
        return "TLS failed: there is no signer now" in mail.daemon.log()
    rigs.wait_for(turned_down, "the end of the queue")
    assert mail.count("anna") == 0
    rigs.wait_for(lambda: not mail.who(), "the end of those who left")
    os.kill(pid, signal.SIGCONT)
    eventually(port).quit()
    assert mail.daemon.one("signer") == pid


@pytest.mark.unsanitized	# there is no lock-in that could be probed
def test_cannot_start(mail):
    """A signer that never gets ready: the row says so; mail in clear is served."""
    port = mail.listen(tls="tls")
    mail.start("-P", "signer:open_passwd", hooks=True)
    rigs.wait_for(lambda: "signer cannot start; see the lines above" in mail.daemon.log(), "three tries")
    mail.reload()
    shown = json.loads(mail.rig.ctl("-j", "listener", "list").log)["listeners"]
    assert [r["port"] for r in shown if "the signer, which is to have its key, cannot start" in (r["trouble"] or "")] == [port]
    assert mail.count("anna") == 0


# --- the signer alone ---

@pytest.fixture
def signer():
    s = P.Signer()
    yield s
    assert s.close() == 0


def ask(sock, scheme, keyid, digest):
    """SIGN; returns the signature, empty if there is none; None: the channel is closed."""
    channel = P.Channel(sock, [])
    sock.settimeout(rigs.PATIENCE)
    channel.send("IMSG_SIGN", struct.pack("=II", scheme, 0) + keyid + digest)
    told = channel.receive()
    assert told is None or told[0] == "IMSG_SIGNED"
    return told and told[1]


def verified(cert, scheme, digest, signature, directory):
    for name, data in (("digest", digest), ("signature", signature)):
        with open(os.path.join(directory, name), "wb") as f:
            f.write(data)
    options = [] if scheme == ECDSA else ["-pkeyopt", "rsa_padding_mode:" + ("pss" if scheme == PSS else "pkcs1")]
    r = subprocess.run(["openssl", "pkeyutl", "-verify", "-certin", "-inkey", cert, "-in", os.path.join(directory, "digest"), "-sigfile",
        os.path.join(directory, "signature"), "-pkeyopt", "digest:sha256", *options], capture_output=True)
    return r.returncode == 0


@pytest.mark.parametrize("kind,scheme", [("rsa", PKCS1), ("rsa", PSS), ("ec", ECDSA)])
def test_one_signature(signer, tmp_path, kind, scheme):
    """A channel gives one, and no second one, whatever is asked; the next channel does again."""
    cert, key = make(str(tmp_path), kind)
    keyid = bytes(signer.give(5, read(key)).keyid)
    digest = os.urandom(32)
    with signer.session(5) as sock:
        assert verified(cert, scheme, digest, ask(sock, scheme, keyid, digest), str(tmp_path))
        assert ask(sock, scheme, keyid, digest) is None
    with signer.session(5) as sock:
        assert ask(sock, scheme, bytes(32), digest) == b""		# a wrong question was the one, too
        assert ask(sock, scheme, keyid, digest) is None
    with signer.session(5) as sock:
        assert ask(sock, scheme, keyid, digest)


def test_whose_key(signer, tmp_path):
    """A session has keys of its own listener used, no others, and none that is forgotten."""
    (_, a), (_, b) = make(str(tmp_path), "ec", "a"), make(str(tmp_path), "rsa", "b")
    one, two = signer.give(1, read(a)), signer.give(2, read(b))
    for listener, told, scheme in itertools.product((1, 2, 3), (one, two), range(4)):
        with signer.session(listener) as sock:
            got = ask(sock, scheme, bytes(told.keyid), bytes(32))
        due = told is one and listener == 1 and scheme == ECDSA or told is two and listener == 2 and scheme in (PKCS1, PSS)
        assert bool(got) == due, (listener, scheme)
    signer.forget(one.id)
    with signer.session(1) as sock:
        assert ask(sock, ECDSA, bytes(one.keyid), bytes(32)) == b""
    with signer.session(2) as sock:
        assert ask(sock, PSS, bytes(two.keyid), bytes(32))


@pytest.mark.parametrize("octets", [b"", b"x", struct.pack("=IIII", 7, 16, 0, 0), struct.pack("=IIII", P.TYPES["IMSG_SIGN"], 16, 0, 0),
    struct.pack("=IIII", P.TYPES["IMSG_SIGN"], 16 + 40, 0, 0) + bytes(40), struct.pack("=IIII", P.TYPES["IMSG_SIGN"], 16 + 105, 0, 0) +
    bytes(105), struct.pack("=IIII", P.TYPES["IMSG_SIGN_FORGET"], 20, 0, 0) + b"\1\0\0\0", struct.pack("=IIII", P.TYPES["IMSG_SIGN"],
    0x7fffffff, 0, 0), struct.pack("=IIII", P.TYPES["IMSG_SIGN"], 0x80000000 | 104, 0, 0) + bytes(88), os.urandom(300)],
    ids=["nothing", "octet", "number", "no-question", "no-digest", "long", "masters", "huge", "descriptor", "random"])
def test_malformed(signer, tmp_path, octets):
    """What is no question ends that channel, and no other; the key stays."""
    _, key = make(str(tmp_path), "ec")
    keyid = bytes(signer.give(1, read(key)).keyid)
    other = signer.session(1)
    with signer.session(1) as sock:
        sock.settimeout(rigs.PATIENCE)
        sock.sendall(octets)
        sock.shutdown(socket.SHUT_WR)
        try:
            assert sock.recv(1000) == b""
        except ConnectionResetError:
            pass
    with other:
        assert ask(other, ECDSA, keyid, bytes(32))
    with signer.session(1) as sock:
        assert ask(sock, ECDSA, keyid, bytes(32))


def test_keys_that_do_not_do(signer, tmp_path):
    """The master hears why; what was kept is kept."""
    cert, key = make(str(tmp_path), "ec")
    keyid = bytes(signer.give(1, read(key), pieces=1).keyid)
    for data, why in ((b"x", "no private key"), (read(cert), "no private key"), (read(key)[:90], "no private key")):
        told = signer.give(1, data)
        assert why in told.text.decode()
    assert "did not arrive whole" in signer.give(1, read(key), octets=7).text.decode()
    with signer.session(1) as sock:
        assert ask(sock, ECDSA, keyid, bytes(32))
    assert not any("PRIVATE" in line for line in signer.log)


PROBES = ["open_passwd", "open_write", "socket_inet", "socket_unix", "bind", "listen", "connect", "fork", "execve", "ptrace_parent", "kill_parent",
    "mmap_exec", "mprotect_exec", "memfd_create", "pipe2", "socketpair", "dup", "epoll_create1", "fcntl_dupfd", "setsockopt_rcvbuf",
    "clone_parent", "pidfd_open", "io_uring_setup"]


@pytest.mark.unsanitized	# there is no filter
@pytest.mark.parametrize("probe", PROBES)
def test_probes(probe):
    """What the signer must not be able to do."""
    with pytest.raises((AssertionError, OSError)):
        P.Signer("-P", probe)
    status = P.last_status()
    assert status in (0, -31), "%s: %r" % (probe, status)


def test_same_key_written_otherwise(mail):
    """A certificate is renewed with the same key, whose point is compressed from then on: it has another name, which counts."""
    cert, key = make(mail.rig.dir, "ec")
    port = mail.listen(tls="tls", cert=cert, key=key)
    mail.start()
    login(port).quit()
    before = peer_cert(port)
    subprocess.run(["openssl", "ec", "-in", key, "-conv_form", "compressed", "-out", key + ".made"], check=True, capture_output=True)
    subprocess.run(["openssl", "req", "-x509", "-key", key + ".made", "-out", cert + ".made", "-days", "2", "-subj", "/CN=localhost"],
        check=True, capture_output=True)
    replace(cert, read(cert + ".made"), 0o644)
    replace(key, read(key + ".made"))
    mail.reload()
    rigs.wait_for(lambda: peer_cert(port) != before, "the other certificate")
    signer, = mail.daemon.processes()["signer"]
    os.kill(signer, signal.SIGKILL)		# the next one has the key by its new name only
    eventually(port).quit()
