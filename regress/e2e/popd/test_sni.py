# SPDX-License-Identifier: ISC
"""Further certificates of listeners: rows that come, change and go, those that do not do, deaths, and where their keys are."""
import json
import os
import poplib
import signal
import subprocess

import pytest

from lib import rig as rigs
from popd.test_popd import MESSAGE, Mail, read, replace
from popd.test_session_sni import VERSIONS, context, der, make
from popd.test_signer import holds, secrets


class Names(Mail):
    """A rig with a listener for TLS and one with STLS, that have the same certificates, and files for more."""

    def __init__(self, rig):
        super().__init__(rig)
        self.own = self.pair("own", "own.example", kind="rsa")
        self.ports = {mode: self.listen(tls=mode, cert=self.own[0], key=self.own[1]) for mode in ("tls", "stls")}

    def pair(self, name, *names, **kwargs):
        return make(self.rig.dir, name, *names, **kwargs)

    def add(self, pair, cert=None):
        for port in self.ports.values():
            self.rig.sqlite(rigs.insert("certificate", {"address": "127.0.0.1", "port": port, "cert": cert or pair[0], "key": pair[1]}))

    def session(self, name, mode="tls", version=None):
        """A session with somebody logged in who has asked for a name."""
        if mode == "tls":
            p = poplib.POP3_SSL.__new__(poplib.POP3_SSL)
            wrap = context(version)
            p.context = type("Context", (), {"wrap_socket": lambda _, sock, server_hostname: wrap.wrap_socket(sock, server_hostname=name)})()
            p.keyfile = p.certfile = None
            poplib.POP3.__init__(p, "127.0.0.1", self.ports[mode], rigs.PATIENCE)
        else:
            p = self.connect(self.ports[mode])
            p.host = name
            p.stls(context(version))
        p.user("anna")
        p.pass_("s3cret-anna")
        return p

    def given(self, name, mode="tls", version=None):
        p = self.session(name, mode, version)
        shown = p.sock.getpeercert(binary_form=True)
        p.quit()
        return shown

    def gets(self, name, pair):
        """Waits until both listeners show somebody who asks for a name this certificate."""
        def shown():
            try:
                return all(self.given(name, mode) == der(pair) for mode in self.ports)
            except (OSError, EOFError, poplib.error_proto):
                return False		# the signer is not there yet
        rigs.wait_for(shown, "the certificate for " + name)

    def trouble(self):
        """What is in the way: {file of the certificate: why}, of the listener for TLS."""
        rows = json.loads(self.rig.ctl("-j", "certificate", "list", "127.0.0.1").log)["certificates"]
        return {r["cert"]: r["trouble"] for r in rows if r["port"] == self.ports["tls"] and r["trouble"]}


@pytest.fixture
def names(rig):
    return Names(rig)


def test_chosen(names):
    """By name, over both listeners and in both versions; mail is retrieved, and the log is quiet."""
    names.put("example.org/anna")
    pairs = {"pop.example.org": names.pair("org", "pop.example.org", "*.example.com"),
        "pop.example.net": names.pair("net", "pop.example.net", kind="rsa")}
    for pair in pairs.values():
        names.add(pair)
    names.start()
    for name, pair in pairs.items():
        names.gets(name, pair)
    pairs.update({"POP.Example.Org": pairs["pop.example.org"], "x.example.com": pairs["pop.example.org"], "example.com": names.own,
        "pop.example": names.own, "own.example": names.own, None: names.own})
    for name, pair in pairs.items():
        for version in VERSIONS:
            for mode in ("tls", "stls") if name else ("tls",):
                assert names.given(name, mode, version) == der(pair), (name, mode)
    p = names.session("pop.example.net")
    assert b"\r\n".join(p.retr(1)[1]) + b"\r\n" == MESSAGE
    log = names.daemon.log()
    assert "broke the rules" not in log and "cannot be used" not in log and names.trouble() == {}


def test_rpopctl(names):
    """Rows are added, changed and taken away while the daemon runs."""
    first, second = names.pair("first", "a.example"), names.pair("second", "a.example", kind="rsa")
    names.start()
    names.gets("a.example", names.own)
    ports = [str(p) for p in names.ports.values()]
    for port in ports:
        names.rig.ctl("certificate", "add", "127.0.0.1", port, first[0], "key=" + first[1])
    names.gets("a.example", first)
    shown = names.rig.ctl("certificate", "list").log
    assert first[0] in shown and first[1] in shown and ports[0] in shown
    refused = names.rig.ctl("listener", "remove", "127.0.0.1", ports[0], check=False)
    assert "rows of table certificate are about it" in refused.log
    for port in ports:
        names.rig.ctl("certificate", "add", "127.0.0.1", port, second[0], "key=" + second[1])
        names.rig.ctl("certificate", "remove", "127.0.0.1", port, first[0])
    names.gets("a.example", second)
    for port in ports:
        names.rig.ctl("certificate", "remove", "127.0.0.1", port, second[0])
    names.gets("a.example", names.own)
    assert "no listener with TLS" in names.rig.ctl("certificate", "add", "127.0.0.1", str(names.port), first[0], "key=" + first[1], check=False).log
    for port in ports:
        names.rig.ctl("listener", "remove", "127.0.0.1", port)
    rigs.wait_for(lambda: names.daemon.processes()["signer"] == [], "the end of the signer")


def test_reload(names):
    """One is added, one replaced, one taken away; sessions that were connected shake hands with those of before."""
    a, b, c = names.pair("a", "a.example"), names.pair("b", "b.example", kind="rsa"), names.pair("c", "c.example")
    names.add(a)
    names.add(b)
    names.start()
    names.gets("b.example", b)
    names.gets("a.example", a)
    held = {name: names.connect(names.ports["stls"]) for name in ("a.example", "b.example", "c.example")}
    was = der(a)
    # What takes the place of a is there when a goes: nobody who asks for it gets another one.
    renewed = names.pair("renewed", "a.example")
    for old, new in zip(a, renewed):
        replace(old, read(new), 0o600 if old == a[1] else 0o644)
    names.add(c)
    names.rig.sqlite("DELETE FROM certificate WHERE cert = '%s'" % b[0])
    names.reload()
    names.gets("a.example", renewed)
    names.gets("c.example", c)
    names.gets("b.example", names.own)
    for name, shown in (("a.example", was), ("b.example", der(b)), ("c.example", der(names.own))):
        p = held[name]
        p.host = name
        p.stls(context())
        assert p.sock.getpeercert(binary_form=True) == shown, name
        p.user("anna")
        p.pass_("s3cret-anna")
    assert "broke the rules" not in names.daemon.log() and "does not sign" not in names.daemon.log()


def test_bad_rows(names):
    """Each is told with its row, its file and why; what it had is kept, and all others, new ones among them, are served."""
    good, a = names.pair("good2", "good.example"), names.pair("a", "a.example")
    names.add(good)
    names.add(a)
    names.start()
    names.gets("a.example", a)
    names.gets("good.example", good)
    kept, other = der(a), names.pair("other", "a.example")
    files = [read(f) for f in a]
    ed = [os.path.join(names.rig.dir, "ed" + end) for end in (".pem", ".key")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", ed[1], "-out", ed[0], "-subj", "/CN=e", "-addext",
        "subjectAltName=DNS:a.example"], check=True, capture_output=True)
    expired, nameless = names.pair("expired", "a.example", expired=True), names.pair("nameless")
    for why, cert, key, mode in (("the key is not that of the certificate", files[0], read(other[1]), 0o600),
            ("the key is not that of the certificate", read(other[0]), files[1], 0o600),
            ("the certificate cannot be read", b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n", files[1], 0o600),
            ("the key is neither of RSA nor of EC", read(ed[0]), read(ed[1]), 0o600),
            ("has no dNSName", read(nameless[0]), read(nameless[1]), 0o600),
            ("the certificate has expired on 2020-02-01", read(expired[0]), read(expired[1]), 0o600)):
        replace(a[0], cert, 0o644)
        replace(a[1], key, mode)
        names.reload()
        rigs.wait_for(lambda: why in names.trouble().get(a[0], ""), why)
        assert "listener 127.0.0.1/%d %s: " % (names.ports["tls"], a[0]) in names.daemon.log()
        assert names.given("a.example") == kept and names.given("a.example", "stls") == kept
        names.gets("good.example", good)
    assert list(names.trouble()) == [a[0]]
    listed = names.rig.ctl("certificate", "list").log
    assert "127.0.0.1/%d %s: certificate and key cannot be used, those before" % (names.ports["tls"], a[0]) in listed
    assert "listener 127.0.0.1/%d %s: certificate and key cannot" % (names.ports["tls"], a[0]) in " ".join(names.rig.ctl("status").log.split())
    daemon = names.status()
    assert daemon["not_listening"] == 0 and daemon["listening"] == 3
    # What cannot even be read has the reload refused, as that of the listener itself has.
    replace(a[0], files[0], 0o644)
    for why, key, mode in (("key is open to others than root; chmod 600", files[1], 0o644),
            ("key has no private key in PEM in it", files[0], 0o600), ("key cannot be opened: No such file or directory", None, 0)):
        os.unlink(a[1])
        if key:
            replace(a[1], key, mode)
        told = names.rig.ctl("reload", check=False)
        assert told.code != 0 and "certificate 127.0.0.1/" in told.log and a[0] + ": " + why in told.log and a[1] in told.log
        assert names.given("a.example") == kept
    # A new row beside it, and a new popd: the former is served, and what was in force is.
    replace(a[1], read(other[1]))
    names.add(names.pair("new", "new.example"))
    names.reload()
    names.gets("new.example", (os.path.join(names.rig.dir, "new.pem"),))
    pid = names.daemon.one("popd")
    os.kill(pid, signal.SIGKILL)
    rigs.wait_for(lambda: names.daemon.processes()["popd"] not in ([], [pid]), "another popd")
    for name in ("good.example", "new.example"):
        names.gets(name, (os.path.join(names.rig.dir, "good2.pem" if name == "good.example" else "new.pem"),))
    rigs.wait_for(lambda: names.given("a.example") == kept, "what was in force")
    # The signer had the only copy of its key: the others are served again.
    os.kill(names.daemon.one("signer"), signal.SIGKILL)
    names.gets("good.example", good)
    with pytest.raises((OSError, EOFError)):
        names.given("a.example")
    replace(a[1], files[1])
    names.reload()
    names.gets("a.example", a)
    assert names.trouble() == {}


def test_bad_from_the_start(names):
    """A further certificate that does not do is in nobody's way, and is served when it does; one that has expired is served, and told."""
    a, b = names.pair("a", "a.example"), names.pair("b", "b.example", expired=True)
    key = read(a[1])
    replace(a[1], read(names.own[1]))
    names.add(a)
    names.add(b)
    names.add(("/nonexistent/c.pem", "/nonexistent/c.key"))
    names.start()
    names.gets("a.example", names.own)
    names.gets("b.example", b)
    found = names.trouble()
    assert "the key is not that of the certificate" in found[a[0]] and "has expired on 2020-02-01, and mail programs refuse it" in found[b[0]]
    assert "cannot be opened" in found["/nonexistent/c.pem"]
    log = names.daemon.log()
    assert "certificate 127.0.0.1/%d /nonexistent/c.pem: cert cannot be opened" % names.ports["tls"] in log
    replace(a[1], key)
    names.rig.sqlite("DELETE FROM certificate WHERE cert GLOB '/nonexistent/*'")
    names.reload()
    names.gets("a.example", a)


def test_expired_own(names):
    """The listener's own: one that has expired does not take the place of another one, and is told when it does expire."""
    names.start()
    was = der(names.own)
    names.gets("own.example", names.own)
    expired = names.pair("expired", "own.example", expired=True)
    for old, new in zip(names.own, expired):
        replace(old, read(new), 0o600 if old == names.own[1] else 0o644)
    names.reload()
    rigs.wait_for(lambda: "cannot be used, those before them are used on: the certificate has expired on 2020-02-01" in names.daemon.log(), "it")
    assert names.given("own.example") == was
    # Who has nothing else serves it.
    port = names.listen(tls="tls", cert=expired[0], key=expired[1])
    names.reload()
    rigs.wait_for(lambda: "listener 127.0.0.1/%d: the certificate has expired on 2020-02-01, and mail programs refuse it; put a renewed one in its place, the files are looked at each minute" % port
        in names.daemon.log(), "the word of it")
    names.ports["tls"] = port
    assert names.given(None) == der(expired)


def test_signer_dies(names):
    """The next signer gets all keys; sessions go on."""
    pairs = [names.pair("n%d" % i, "n%d.example" % i) for i in range(4)]
    for pair in pairs:
        names.add(pair)
    names.start()
    for i, pair in enumerate(pairs):
        names.gets("n%d.example" % i, pair)
    held = names.session("n2.example")
    os.kill(names.daemon.one("signer"), signal.SIGKILL)
    for i, pair in enumerate(pairs):
        names.gets("n%d.example" % i, pair)
    assert held.noop()


@pytest.mark.unsanitized	# the sanitizer keeps what was freed
def test_memory(names):
    """The key of a further certificate is in the signer only; that of one that has left is wiped when another one leaves."""
    a, b = names.pair("a", "a.example"), names.pair("b", "b.example")
    wanted = secrets(a[1])
    names.add(a)
    names.add(b)
    names.start()
    names.gets("a.example", a)
    names.gets("b.example", b)
    held = names.session("a.example")
    for role, pids in names.daemon.processes().items():
        for pid in pids if role != "signer" else []:
            assert holds(pid, wanted) == set(), role
    signer = names.daemon.one("signer")
    assert holds(signer, wanted)
    for pair in (a, b):
        names.rig.sqlite("DELETE FROM certificate WHERE cert = '%s'" % pair[0])
        names.reload()
        names.gets("%s.example" % ("a" if pair is a else "b"), names.own)
        if pair is a:
            assert holds(signer, wanted)
    rigs.wait_for(lambda: not any("line" in n or "+" in n for n in holds(signer, wanted)), "the end of the key")
    assert held.noop()


def test_other_listener(names):
    """A name that only another listener has is unknown here."""
    a = names.pair("a", "a.example")
    names.rig.sqlite(rigs.insert("certificate", {"address": "127.0.0.1", "port": names.ports["stls"], "cert": a[0], "key": a[1]}))
    names.start()
    rigs.wait_for(lambda: names.given("a.example", "stls") == der(a), "the certificate")
    assert names.given("a.example", "tls") == der(names.own)


def test_limit(names):
    """The store takes 64 for a listener, and all of them are served."""
    pairs = [names.pair("n%d" % i, "n%d.example" % i) for i in range(64)]
    port = names.ports["tls"]
    rows = "".join("INSERT INTO certificate VALUES ('127.0.0.1', %d, '%s', '%s');" % (port, *pair) for pair in pairs)
    names.rig.sqlite(rows)
    names.start()
    for i in (0, 63, 17):
        rigs.wait_for(lambda: names.given("n%d.example" % i) == der(pairs[i]), "one of them")
    refused = names.rig.ctl("certificate", "add", "127.0.0.1", str(port), names.own[0], "key=" + names.own[1], check=False)
    assert "a listener has 64 of them at most" in refused.log
    # All of them go, and as many come.
    os.symlink(names.rig.dir, os.path.join(names.rig.dir, "same"))
    names.rig.sqlite("DELETE FROM certificate;" + rows.replace(names.rig.dir, os.path.join(names.rig.dir, "same")))
    names.reload()
    rigs.wait_for(lambda: names.trouble() == {} and names.given("n5.example") == der(pairs[5]), "the others")
    assert "there are too many" not in names.daemon.log()
