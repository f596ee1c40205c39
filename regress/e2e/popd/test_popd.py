# SPDX-License-Identifier: ISC
"""Mail that is read with POP3 from the daemon itself: listeners, logins, mailboxes, limits, and what becomes of sessions."""
import json
import os
import poplib
import pwd
import re
import resource
import shutil
import signal
import socket
import ssl
import threading

import pytest

from lib import rig as rigs

MESSAGE = b"From: a@example.net\r\nSubject: hello\r\n\r\nfirst\r\n.dot\r\n"
HELD = set()


def free_port(address="127.0.0.1"):
    """A port that nobody uses, and no other test of this process gets."""
    while True:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as s:
            s.bind((address, 0))
            port = s.getsockname()[1]
        if port not in HELD:
            HELD.add(port)
            return port


class Mail:
    """A rig with accounts that have passwords and mail, and listeners."""

    def __init__(self, rig):
        self.rig = rig
        for name in ("postmaster", "anna", "bert"):
            rig.account(name + "@example.org")
        rig.account("anna@example.com")
        rig.write_db()
        rig.sqlite("""UPDATE account SET password = '{PLAIN}s3cret-' || name; INSERT INTO route (address, target) VALUES
            ('sales@example.org', 'bert@example.org'), ('both@example.org', 'anna@example.org'), ('both@example.org', 'bert@example.org');""")
        self.port = self.listen()

    def listen(self, address="127.0.0.1", tls="none", **columns):
        row = {"address": address, "port": columns.pop("port", None) or free_port(address.replace("*", "127.0.0.1")), "tls": tls}
        if tls != "none":
            row["cert"] = self.rig.pki.path("good.pem")
            row["key"] = self.rig.pki.path("good.key")
            os.chmod(row["key"], 0o600)
        self.rig.sqlite(rigs.insert("listener", dict(row, **columns)))
        return row["port"]

    def put(self, dest, data=MESSAGE, name="1.M1.rig"):
        """A message in a Maildir below the mail root."""
        owner = pwd.getpwnam("_rpopm")
        path = os.path.join(self.rig.mail, dest)
        for part in ("", "new", "cur", "tmp"):
            os.makedirs(os.path.join(path, part), exist_ok=True)
        with open(os.path.join(path, "new", name), "wb") as f:
            f.write(data.replace(b"\r\n", b"\n"))
        for top, _, files in os.walk(os.path.join(self.rig.mail, dest.split("/")[0])):
            for each in [top] + [os.path.join(top, f) for f in files]:
                os.chown(each, owner.pw_uid, owner.pw_gid)

    def start(self, *args, **kwargs):
        self.daemon = self.rig.start(*args, **kwargs)
        rigs.wait_for(lambda: "popd ready" in self.daemon.log() and "mailbox ready" in self.daemon.log(), "popd")
        return self

    def connect(self, port=None, host="127.0.0.1"):
        return poplib.POP3(host, port or self.port, timeout=rigs.PATIENCE)

    def login(self, name, password=None, **kwargs):
        """A session that has logged in; (session, None), or (session, the answer)."""
        p = self.connect(**kwargs)
        try:
            p.user(name)
            p.pass_(password or "s3cret-" + name.rpartition("#")[2].split("@")[0])
        except poplib.error_proto as e:
            return p, e.args[0].decode() if isinstance(e.args[0], bytes) else e.args[0]
        return p, None

    def count(self, name, **kwargs):
        """How many messages somebody finds."""
        p, why = self.login(name, **kwargs)
        assert why is None, why
        n = p.stat()[0]
        p.quit()
        return n

    def reload(self):
        self.rig.ctl("reload")

    def status(self):
        return self.rig.status()["daemon"]

    def who(self):
        return json.loads(self.rig.ctl("-j", "who").log)["sessions"]


@pytest.fixture
def mail(rig):
    return Mail(rig)


def test_no_core(mail):
    """No password and no mail gets into a core of these processes: its size is 0, and they are not dumpable, so /proc is root's."""
    mail.put("example.org/anna")
    p, why = mail.start().login("anna@example.org")
    assert why is None
    found = mail.daemon.processes()
    for role in ("popd", "pop", "mailbox", "box"):
        assert found[role], role
        for pid in found[role]:
            limits = rigs.read_proc(pid, "limits")
            assert re.search(r"^Max core file size +0 +0 ", limits, re.M), role
            assert {os.stat("/proc/%d/%s" % (pid, name)).st_uid for name in ("status", "maps", "mem")} == {0}, role
            assert "\nUid:\t0\t" not in rigs.read_proc(pid, "status"), role
    p.quit()


def refused(port, host="127.0.0.1"):
    try:
        socket.create_connection((host, port), 5).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        pass  # The handshake was done ahead of the end of the listener.
    return False


def test_off_by_default(personal):
    """Without a listener, and with no channels, nothing listens and no process runs."""
    d = personal.start().ready()
    found = d.processes()
    assert found["popd"] == found["mailbox"] == []
    assert personal.status()["daemon"]["readers_most"] == 0
    port = free_port()
    personal.sqlite("INSERT INTO listener (address, port, tls) VALUES ('127.0.0.1', %d, 'none'); UPDATE settings SET pop_channels = 0" % port)
    personal.ctl("reload")
    assert d.processes()["popd"] == [] and refused(port)
    personal.ctl("setting", "set", "pop_channels=5")
    rigs.wait_for(lambda: d.processes()["popd"] and d.processes()["mailbox"], "popd")
    rigs.wait_for(lambda: not refused(port), "the listener")
    personal.ctl("listener", "remove", "127.0.0.1", str(port))
    rigs.wait_for(lambda: refused(port) and not d.processes()["popd"] and not d.processes()["mailbox"], "its end")


def test_mail(mail):
    """List, retrieve, delete; what was retrieved is marked, and what was deleted is gone."""
    mail.put("example.org/anna")
    mail.put("example.org/anna", b"Subject: two\r\n\r\nx\r\n", "2.M2.rig")
    mail.start()
    p, why = mail.login("anna@example.org")
    assert why is None and p.stat()[0] == 2
    assert b"\r\n".join(p.retr(1)[1]) + b"\r\n" == MESSAGE
    assert p.uidl()[1] == [b"1 1.M1.rig", b"2 2.M2.rig"]
    p.dele(2)
    who = mail.who()
    assert [(w["account"], w["mailbox"], w["client"], w["tls"], w["state"]) for w in who] == [
        ("anna@example.org", "INBOX", "127.0.0.1", False, "reading")]
    assert "anna@example.org" in mail.rig.ctl("who").log and mail.status()["readers"] == 1
    assert p.quit().startswith(b"+OK")
    assert os.listdir(os.path.join(mail.rig.mail, "example.org/anna/cur")) == ["1.M1.rig:2,S"]
    assert os.listdir(os.path.join(mail.rig.mail, "example.org/anna/new")) == []
    rigs.wait_for(lambda: "anna@example.org, INBOX, by user, 1 retrieved, 0 looked at, 1 deleted, from 127.0.0.1 port" in mail.daemon.log(),
        "the line in the log")
    assert "s3cret" not in mail.daemon.log() and mail.count("bert@example.org") == 0
    assert not os.path.exists(os.path.join(mail.rig.mail, "example.org/bert"))
    rigs.wait_for(lambda: mail.who() == [], "the end of the sessions")
    assert mail.rig.ctl("who").log == "nobody\n"
    assert mail.daemon.stop() == 0


def test_tls(mail):
    """A listener for TLS, and one with STLS; a password in clear is refused where it may not come so."""
    tls, stls = mail.listen(tls="tls"), mail.listen(tls="stls")
    mail.rig.sqlite("UPDATE settings SET pop_clear = 'never'")
    mail.put("example.org/anna")
    mail.start()
    context = ssl.create_default_context(cafile=mail.rig.pki.path("ca.pem"))
    p = poplib.POP3_SSL("localhost", tls, timeout=rigs.PATIENCE, context=context)
    p.user("anna@example.org")
    p.pass_("s3cret-anna")
    assert p.stat()[0] == 1 and mail.who()[0]["tls"] is True
    p.quit()
    p = poplib.POP3("localhost", stls, timeout=rigs.PATIENCE)
    with pytest.raises(poplib.error_proto, match="STLS first"):
        p.user("anna@example.org")
    p.stls(context=context)
    p.user("anna@example.org")
    p.pass_("s3cret-anna")
    rigs.wait_for(lambda: mail.who()[0]["tls"], "word of TLS")
    p.quit()
    assert "STLS" not in mail.connect().capa()
    with pytest.raises(poplib.error_proto, match="no password in clear"):
        mail.connect().user("anna@example.org")
    rigs.wait_for(lambda: mail.daemon.log().count("TLSv1.3, ") == 2, "both lines")


def test_names(mail):
    """Names without a domain, aliases, details, folders; what leads nowhere is answered as a wrong password is."""
    mail.put("example.org/anna")
    mail.put("example.org/bert", name="3.M3.rig")
    mail.put("example.org/bert", name="4.M4.rig")
    mail.put("example.com/anna", name="5.M5.rig")
    mail.put("example.com/anna", name="6.M6.rig")
    mail.put("example.com/anna", name="7.M7.rig")
    mail.put("example.org/anna/.Lists.bsd", name="8.M8.rig")
    mail.put("example.org/anna/.Lists.bsd", name="9.M9.rig")
    mail.rig.sqlite("UPDATE domain SET address = '127.0.0.2' WHERE name = 'example.com'")
    other = mail.listen("127.0.0.2")
    mail.start()
    assert mail.count("anna") == mail.count("ANNA@Example.ORG", password="s3cret-anna") == mail.count("INBOX#anna") == 1
    assert mail.count("anna+x@example.org", password="s3cret-anna") == 1
    assert mail.count("sales", password="s3cret-bert") == 2
    assert mail.count("anna", port=other, host="127.0.0.2") == mail.count("anna@example.com") == 3
    assert mail.count("Lists/bsd#anna@example.org") == mail.count("Lists.bsd#anna") == 2
    for name in ("Lists/none#anna", "../bert#anna", "~bert/INBOX#anna", "~nobody#anna", "~nobody/x#anna"):
        assert mail.login(name)[1] == "-ERR [SYS/PERM] no such mailbox", name
    assert not os.path.exists(os.path.join(mail.rig.mail, "example.org/anna/.Lists.none"))
    mail.rig.sqlite("INSERT INTO route (address, target) VALUES ('*@example.com', 'anna@example.com')")
    mail.reload()
    assert mail.count("anna@example.com") == 3
    for name in ("both", "nobody@example.org", "nobody@example.com"):
        assert mail.login(name, "s3cret-anna")[1] == "-ERR [AUTH] wrong name or password", name


def test_wrong_password(mail):
    mail.start()
    p, why = mail.login("anna", "wrong")
    assert why == "-ERR [AUTH] wrong name or password"
    p.user("anna")
    assert p.pass_("s3cret-anna").startswith(b"+OK")
    mail.rig.ctl("account", "set", "bert@example.org", "pop=0")
    assert mail.login("bert")[1] == "-ERR [AUTH] wrong name or password"
    assert mail.daemon.log().count("wrong") >= 2 and "s3cret" not in mail.daemon.log()


def test_rights(mail):
    """Folders of others: nothing without a right, each right by itself, all with that of a domain's administrator."""
    mail.put("example.org/anna")
    mail.put("example.org/anna/.Lists", name="2.M2.rig")
    mail.rig.sqlite("""INSERT INTO acl VALUES ('anna@example.org', 'INBOX', 'bert@example.org', 'r'),
        ('anna@example.org', 'Lists', 'anyone', 'lrs'), ('anna@example.org', 'None', 'anyone', 'lrst');
        INSERT INTO domain_admin (account, domain, can_access_mailboxes) VALUES ('anna@example.com', 'example.org', 1)""")
    mail.start()
    p, why = mail.login("~anna#bert")
    assert why is None and p.stat()[0] == 1
    assert [w["mailbox"] for w in mail.who()] == ["~anna/INBOX"]
    p.retr(1)
    with pytest.raises(poplib.error_proto):
        p.dele(1)
    p.quit()
    assert os.listdir(os.path.join(mail.rig.mail, "example.org/anna/new")) == ["1.M1.rig"]
    p, why = mail.login("~anna/Lists#bert")
    p.retr(1)
    with pytest.raises(poplib.error_proto):
        p.dele(1)
    p.quit()
    assert os.listdir(os.path.join(mail.rig.mail, "example.org/anna/.Lists/cur")) == ["2.M2.rig:2,S"]
    assert mail.login("~anna/None#bert")[1] == mail.login("~anna/Other#bert")[1] == "-ERR [SYS/PERM] no such mailbox"
    p, why = mail.login("~anna@example.org#anna@example.com")
    p.dele(1)
    p.quit()
    assert os.listdir(os.path.join(mail.rig.mail, "example.org/anna/new")) == []
    # A right that is taken away ends the session that it had.
    p, why = mail.login("~anna/Lists#bert")
    mail.rig.ctl("access", "remove", "anna@example.org", "Lists", "anyone")
    rigs.wait_for(lambda: mail.who() == [], "the end of the session")
    assert mail.login("~anna/Lists#bert")[1] == "-ERR [SYS/PERM] no such mailbox"


@pytest.mark.parametrize("taken", ("acl", "domain_admin", "seen"))
def test_right_taken_away(mail, taken):
    """A session does not keep a right that was taken away: what it has marked is not deleted.  A right that is given ends none."""
    mail.put("example.org/anna")
    mail.rig.sqlite("INSERT INTO acl VALUES ('anna@example.org', 'INBOX', 'bert@example.org', '%s')" % ("r" if taken == "domain_admin" else "lrst"))
    if taken == "domain_admin":
        mail.rig.sqlite("INSERT INTO domain_admin (account, domain, can_access_mailboxes) VALUES ('bert@example.org', 'example.org', 1)")
    mail.start()
    p, why = mail.login("~anna#bert")
    assert why is None
    p.dele(1)
    mail.rig.sqlite("INSERT INTO acl VALUES ('anna@example.org', 'INBOX', 'anyone', 'l')")
    mail.reload()
    assert p.stat() == (0, 0)
    mail.rig.sqlite("UPDATE domain_admin SET can_access_mailboxes = 0" if taken == "domain_admin" else
        "UPDATE acl SET rights = '%s' WHERE who = 'bert@example.org'" % ("lrs" if taken == "acl" else "lrt"))
    mail.reload()
    rigs.wait_for(lambda: mail.who() == [], "the end of the session")
    with pytest.raises((poplib.error_proto, OSError)):
        p.quit()
    assert "its rights in this mailbox have become fewer" in mail.daemon.log()
    p, why = mail.login("~anna#bert")
    assert why is None and p.stat()[0] == 1
    if taken != "seen":
        with pytest.raises(poplib.error_proto):
            p.dele(1)


def test_delay_and_sessions(mail):
    mail.rig.sqlite("UPDATE account SET sessions = 1, login_delay = 500 WHERE name = 'anna'; UPDATE account SET sessions = 2 WHERE name = 'bert'")
    mail.start()
    assert mail.connect().capa()["LOGIN-DELAY"] == ["500", "USER"]
    assert mail.login("anna", "wrong")[1].startswith("-ERR [AUTH]")
    p, why = mail.login("anna")
    assert why is None
    assert mail.login("anna")[1] == "-ERR [IN-USE] there are 1 sessions of this account already"
    p.quit()
    rigs.wait_for(lambda: mail.login("anna")[1].startswith("-ERR [LOGIN-DELAY] wait "), "the end of the session")
    held = [mail.login("bert") for _ in range(2)]
    assert [why for _, why in held] == [None, None]
    assert mail.login("bert")[1].startswith("-ERR [IN-USE]")


def test_channels(mail):
    """One connection too many is answered and closed, the others go on; a listener has a limit of its own."""
    narrow = mail.listen(channels=1)
    mail.rig.sqlite("UPDATE settings SET pop_channels = 3")
    mail.start()
    held = [mail.connect(narrow)]
    with pytest.raises(poplib.error_proto, match="SYS/TEMP"):
        mail.connect(narrow)
    held += [mail.connect(), mail.connect()]
    with pytest.raises(poplib.error_proto, match="SYS/TEMP"):
        mail.connect()
    for p in held:
        assert "TOP" in p.capa()
    held.pop().close()
    rigs.wait_for(lambda: mail.status()["readers"] == 2, "room")
    mail.connect().quit()
    mail.rig.ctl("setting", "set", "pop_per_address=1")
    with pytest.raises(poplib.error_proto, match="SYS/TEMP"):
        mail.connect()


def test_few_descriptors(mail):
    """There are no more sessions than descriptors of the master do for, and the log says what to change; the soft limit is raised."""
    mail.rig.sqlite("UPDATE settings SET pop_channels = 5000, pop_per_address = 1000, processors = 5")
    mail.rig.before = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (200, 360))
    mail.start()
    rigs.wait_for(lambda: "settings.pop_channels is 5000, but this process may have 360 descriptors (RLIMIT_NOFILE), which do for 6 "
        "sessions: no more are taken; set pop_channels to that, or LimitNOFILE in rpopd.service to 20340 or more" in mail.daemon.log(), "the line")
    assert mail.status()["readers_most"] == 6
    held = [mail.login("anna") for _ in range(6)]
    assert [why for _, why in held] == [None] * 6
    with pytest.raises(poplib.error_proto, match="SYS/TEMP"):
        mail.connect()
    mail.rig.ctl("setting", "set", "pop_channels=6")
    assert mail.status()["readers_most"] == 6 and mail.daemon.log().count("RLIMIT_NOFILE") == 1


def test_reload(mail):
    """A listener is moved, another one gets a certificate; sessions go on.  An account that is removed ends its session only."""
    mail.put("example.org/anna")
    mail.start()
    p, why = mail.login("anna")
    q, why = mail.login("bert")
    moved = free_port()
    pid = mail.daemon.one("popd")
    mail.rig.sqlite("UPDATE listener SET port = %d" % moved)
    mail.reload()
    rigs.wait_for(lambda: refused(mail.port), "the old port")
    assert mail.count("anna", port=moved) == 1 and p.stat()[0] == 1 and q.stat()[0] == 0
    mail.rig.sqlite("UPDATE listener SET tls = 'stls', cert = '%s', key = '%s'" % (mail.rig.pki.path("good.pem"), mail.rig.pki.path("good.key")))
    os.chmod(mail.rig.pki.path("good.key"), 0o600)
    mail.reload()
    rigs.wait_for(lambda: "STLS" in mail.connect(moved).capa(), "STLS")
    assert mail.daemon.one("popd") == pid and p.stat()[0] == 1
    mail.rig.ctl("account", "remove", "bert@example.org", check=False)
    mail.rig.sqlite("DELETE FROM route; DELETE FROM account WHERE name = 'bert'")
    mail.reload()
    rigs.wait_for(lambda: [w["account"] for w in mail.who() if w["account"]] == ["anna@example.org"], "the end of bert's session")
    assert p.stat()[0] == 1
    mail.rig.ctl("account", "set", "anna@example.org", "pop=0")
    rigs.wait_for(lambda: not [w for w in mail.who() if w["account"]], "the end of anna's session")


def test_another_mail_root(mail):
    """Where the mail root is not there, or another directory without its mark, nobody finds an empty mailbox in its place."""
    mail.put("example.org/anna")
    mail.start()
    assert mail.count("anna") == 1
    os.rename(mail.rig.mail, mail.rig.mail + ".away")
    late = "-ERR [SYS/TEMP] the mailbox cannot be opened now, try again later"
    assert mail.login("anna")[1] == late
    os.mkdir(mail.rig.mail, 0o755)
    assert mail.login("anna")[1] == late
    os.rmdir(mail.rig.mail)
    os.rename(mail.rig.mail + ".away", mail.rig.mail)
    assert mail.count("anna") == 1


def test_cannot_listen(mail):
    """An address in use and one that this host does not have are named; the rest works; a reload tries again."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        taken = s.getsockname()[1]
        mail.listen(port=taken)
        mail.listen("192.0.2.1", port=1110)
        mail.start()
        assert mail.count("anna") == 0
        log = mail.daemon.log()
        assert "listener 127.0.0.1/%d: cannot listen: Address already in use; another program has the port" % taken in log
        assert "listener 192.0.2.1/1110: cannot listen: Cannot assign requested address; no interface" in log
        assert mail.status()["not_listening"] == 2 and mail.status()["listening"] == 1
        assert "2 of the sockets for mail programs do not work" in mail.rig.ctl("status").log
    mail.rig.sqlite("DELETE FROM listener WHERE address = '192.0.2.1'")
    mail.reload()
    assert mail.count("anna", port=taken) == 0 and mail.status()["not_listening"] == 0


def test_bad_files(mail):
    """A key that others can read is named at the reload, which changes nothing then."""
    mail.start()
    key = os.path.join(mail.rig.dir, "open.key")
    shutil.copy(mail.rig.pki.path("good.key"), key)
    os.chmod(key, 0o644)
    mail.rig.sqlite("INSERT INTO listener (address, port, cert, key) VALUES ('127.0.0.1', %d, '%s', '%s')" % (free_port(),
        mail.rig.pki.path("good.pem"), key))
    r = mail.rig.ctl("reload", check=False)
    assert r.code != 0 and "key is open to others than root; chmod 600" in r.log
    assert mail.count("anna") == 0


def peer_cert(port):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), rigs.PATIENCE) as s, context.wrap_socket(s) as t:
        return t.getpeercert(binary_form=True)


def replace(path, data, mode=0o600):
    with open(path + ".new", "wb") as f:
        f.write(data)
    os.chmod(path + ".new", mode)
    os.replace(path + ".new", path)


def read(path):
    with open(path, "rb") as f:
        return f.read()


def test_pair_that_does_not_fit(mail):
    """A certificate of another key, and damaged files: told with row, files and cause; the pair in force stays, for a new popd, too."""
    cert, key = (os.path.join(mail.rig.dir, "listener." + end) for end in ("pem", "key"))
    good, other = (mail.rig.pki.cert(name) for name in ("good", "unknown"))
    replace(cert, read(good[0]), 0o644)
    replace(key, read(good[1]))
    port = mail.listen(tls="tls", cert=cert, key=key)
    mail.start()
    before = peer_cert(port)
    shown = lambda: json.loads(mail.rig.ctl("-j", "listener", "list").log)["listeners"]
    assert [r["trouble"] for r in shown()] == [None, None]
    nonsense = b"-----BEGIN CERTIFICATE-----\nbm9uc2Vuc2U=\n-----END CERTIFICATE-----\n"
    for bad_cert, bad_key in ((other[0], good[1]), (good[0], other[1]), (None, good[1])):
        replace(cert, read(bad_cert) if bad_cert else nonsense, 0o644)
        replace(key, read(bad_key))
        mail.reload()
        rigs.wait_for(lambda: [r["port"] for r in shown() if r["trouble"]] == [port], "the answer")
        trouble = [r["trouble"] for r in shown() if r["trouble"]][0]
        assert trouble.startswith("certificate and key cannot be used, those before them are used on: "), trouble
        assert cert in trouble and key in trouble and "correct the files" in trouble and "PRIVATE" not in trouble
        assert "listener 127.0.0.1/%d: certificate and key" % port in mail.daemon.log()
        assert "127.0.0.1/%d: certificate and key" % port in mail.rig.ctl("listener", "list").log
        assert mail.status()["not_listening"] == 1
        assert peer_cert(port) == before
        pid = mail.daemon.one("popd")
        os.kill(pid, signal.SIGKILL)
        rigs.wait_for(lambda: mail.daemon.processes()["popd"] not in ([], [pid]), "another popd")
        assert peer_cert(port) == before
        replace(cert, read(good[0]), 0o644)
        replace(key, read(good[1]))
        mail.reload()
        rigs.wait_for(lambda: not any(r["trouble"] for r in shown()), "the end of the trouble")
    assert "trouble" not in mail.rig.ctl("export", "sql").log
    replace(cert, read(other[0]), 0o644)
    replace(key, read(other[1]))
    mail.reload()
    rigs.wait_for(lambda: peer_cert(port) != before, "the other certificate")


def test_no_pair_ever(mail):
    """A listener that never had a pair does not serve, until there are files that do; mail in clear is served."""
    cert, key = (os.path.join(mail.rig.dir, "listener." + end) for end in ("pem", "key"))
    good = mail.rig.pki.cert("good")
    replace(cert, read(mail.rig.pki.cert("unknown")[0]), 0o644)
    replace(key, read(good[1]))
    port = mail.listen(tls="tls", cert=cert, key=key)
    mail.start()
    rigs.wait_for(lambda: "certificate and key cannot be used: " in mail.daemon.log(), "the answer")
    assert mail.count("anna") == 0
    replace(cert, read(good[0]), 0o644)
    mail.reload()
    assert peer_cert(port)


def test_timestamp(mail):
    """The greeting's timestamp is 32 digits nobody could know, and this server's name, and nothing else of the master's memory."""
    mail.start()
    seen = set()
    for _ in range(20):
        p = mail.connect()
        found = re.fullmatch(r"\+OK (\S+) POP3 server ready <([0-9a-f]{32})@(\S+)>", p.getwelcome().decode("ascii"))
        assert found and found.group(1) == found.group(3)
        seen.add(found.group(2))
        p.quit()
    assert len(seen) == 20


def test_more_logins_than_a_template_forks(mail):
    """Templates are replaced when they have forked a thousand times, and nobody is refused for that."""
    mail.start()
    asked = b"USER %s\r\nPASS s3cret-%s\r\nQUIT\r\n"
    refused = []

    def log_in(name):
        for _ in range(260):
            with socket.create_connection(("127.0.0.1", mail.port), rigs.PATIENCE) as s:
                s.sendall(asked % (name, name))
                with s.makefile("rb") as f:
                    lines = f.read().splitlines()
            if [line[:3] for line in lines] != [b"+OK"] * 4:
                refused.append(lines)
    clients = [threading.Thread(target=log_in, args=(name,)) for name in (b"anna", b"bert") * 2]
    for c in clients:
        c.start()
    for c in clients:
        c.join()
    assert refused == []
    assert mail.daemon.log().count("mailbox ready") == mail.daemon.log().count("popd ready") == 2
    rigs.wait_for(lambda: mail.who() == [], "the end of the sessions")
    mail.count("anna")
    rigs.wait_for(lambda: len(mail.daemon.processes()["mailbox"]) == 1, "the end of the old template")


def test_who_does_not_shake_hands(mail):
    """One address has the sessions that it may have and no more, also where popd was replaced; who is one too many there is gone at once."""
    tls = mail.listen(tls="tls")
    mail.rig.sqlite("UPDATE settings SET pop_per_address = 2")
    mail.start()
    held = [socket.create_connection(("127.0.0.1", tls), rigs.PATIENCE) for _ in range(2)]
    rigs.wait_for(lambda: len(mail.who()) == 2, "both")
    while mail.daemon.log().count("popd ready") < 2:
        with socket.create_connection(("127.0.0.1", mail.port), rigs.PATIENCE, ("127.0.0.2", 0)) as s:
            try:
                s.sendall(b"QUIT\r\n")
                while s.recv(4096):
                    pass
            except ConnectionError:
                pass  # It was sent away, since those ahead of it were still there.
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", tls), rigs.PATIENCE) as s:
            assert s.recv(1) == b""
    rigs.wait_for(lambda: len(mail.who()) == 2, "their end")
    for s in held:
        s.close()


@pytest.mark.parametrize("role", ["pop", "box", "popd", "mailbox", "auth"])
def test_deaths(mail, role):
    """Whoever is killed: nothing is deleted without QUIT, others go on or can come again."""
    mail.put("example.org/anna")
    mail.start()
    rigs.wait_for(lambda: "auth ready" in mail.daemon.log(), "auth")
    other, why = mail.login("bert")
    assert why is None
    before = set(mail.daemon.processes()[role]) if role in ("pop", "box") else set()
    p, why = mail.login("anna")
    p.dele(1)
    victim = (set(mail.daemon.processes()[role]) - before).pop()
    os.kill(victim, signal.SIGKILL)
    rigs.wait_for(lambda: victim not in mail.daemon.processes()[role], "its end")
    if role in ("pop", "box"):
        assert other.stat()[0] == 0
    rigs.wait_for(lambda: mail.login("anna")[1] is None, "another login")
    assert os.listdir(os.path.join(mail.rig.mail, "example.org/anna/new")) == ["1.M1.rig"]
    assert mail.daemon.running()


def test_stop(mail):
    """Sessions are told to end, and what was retrieved is marked before the daemon is gone."""
    mail.put("example.org/anna")
    mail.start()
    p, why = mail.login("anna")
    p.retr(1)
    assert mail.daemon.stop() == 0
    assert os.listdir(os.path.join(mail.rig.mail, "example.org/anna/cur")) == ["1.M1.rig:2,S"]
    assert refused(mail.port)
