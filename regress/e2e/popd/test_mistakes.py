# SPDX-License-Identifier: ISC
"""What people get wrong who set popd up: the log, rpopctl status and rpopctl listener list say what is wrong, and what helps."""
import json
import os
import poplib
import re

import pytest

from lib import rig as rigs
from test_popd import Mail, mail, read, replace  # noqa: F401

WHY = [("anna@example.org", "wr0ng-word", r"wrong password of anna@example\.org$"),
    ("both@example.org", "wr0ng-word", r"wrong password: no account has this name$"),
    ("ana@example.org", "s3cret-anna", r"wrong password: no account has this name$"),
    ("sales@example.org", "wr0ng-word", r"wrong password of bert@example\.org$"),
    ("postmaster@example.org", "s3cret-postmaster", r"wrong password: postmaster@example\.org may not log in, since its account\.pop is 0$"),
    ("anna@example.com", "s3cret-anna", r"wrong password: anna@example\.com has none; rpopctl account password anna@example\.com sets one$")]


def test_why_not(mail):
    """The log tells the reasons apart, the client hears one answer; what is no account's name, and might be a password, is not logged."""
    mail.rig.verbose = []
    mail.rig.sqlite("""UPDATE account SET pop = 0 WHERE address = 'postmaster@example.org';
        UPDATE account SET password = NULL WHERE address = 'anna@example.com'""")
    mail.daemon = mail.rig.start()
    rigs.wait_for(lambda: mail.count("bert") == 0, "popd")
    answers = set()
    for name, password, line in WHY:
        before = len(mail.daemon.log())
        answers.add(mail.login(name, password)[1])
        log = mail.daemon.log()[before:]
        assert re.search(r"^POP \d+: login from 127\.0\.0\.1: " + line, log, re.M), (name, log)
        assert "s3cret" not in log and "wr0ng" not in log and "ana@" not in log
    assert answers == {"-ERR [AUTH] wrong name or password"}


def test_nobody_has_a_password(mail):
    """Where no account has one, the log says once what is missing; the first one is enough, without a reload."""
    mail.rig.verbose = []
    mail.rig.sqlite("UPDATE account SET password = NULL")
    mail.daemon = mail.rig.start()
    rigs.wait_for(lambda: "listens" in mail.daemon.log(), "the listener")
    for _ in range(2):
        rigs.wait_for(lambda: "[SYS/TEMP]" in mail.login("anna")[1], "popd")
    assert mail.daemon.log().count("nobody can log in: no account has a password; rpopctl account password sets one") == 1
    mail.rig.ctl("account", "password", "anna@example.org", typed="s3cret-anna\n")
    rigs.wait_for(lambda: mail.login("anna")[1] is None, "the login")


def test_nothing_listens(mail):
    """With pop_channels 0 each row and the status say why nothing listens."""
    mail.rig.sqlite("UPDATE settings SET pop_channels = 0")
    mail.daemon = mail.rig.start()
    why = "settings.pop_channels is 0: nothing listens"
    shown = lambda: json.loads(mail.rig.ctl("-j", "listener", "list").log)["listeners"]
    assert [r["trouble"] for r in shown()] == [why] and mail.status()["listener_trouble"] == ["all: " + why]
    assert why in mail.rig.ctl("status").log and mail.status()["not_listening"] == 0
    mail.rig.ctl("setting", "set", "pop_channels=10")
    assert [r["trouble"] for r in shown()] == [None] and mail.status()["listener_trouble"] == []


def test_expired_certificate(mail):
    """A certificate that has expired is served, and said to be what it is: in the log, once, by status and by the list of listeners."""
    cert, key = (os.path.join(mail.rig.dir, "listener." + end) for end in ("pem", "key"))
    old, new = mail.rig.pki.cert("expired"), mail.rig.pki.cert("good")
    replace(cert, read(old[0]), 0o644)
    replace(key, read(old[1]))
    port = mail.listen(tls="tls", cert=cert, key=key)
    mail.start()
    why = "the certificate has expired on 2020-02-01, and mail programs refuse it; put a renewed one in its place, the files are looked at each minute"
    shown = lambda: {r["port"]: r["trouble"] for r in json.loads(mail.rig.ctl("-j", "listener", "list").log)["listeners"]}
    rigs.wait_for(lambda: shown() == {mail.port: None, port: why}, "the answer")
    assert mail.status()["listener_trouble"] == ["127.0.0.1/%d: %s" % (port, why)] and mail.status()["not_listening"] == 0
    assert "note: listener 127.0.0.1/%d: the certificate has expired" % port in mail.rig.ctl("status").log
    mail.reload()
    assert mail.daemon.log().count("listener 127.0.0.1/%d: %s" % (port, why)) == 1
    replace(cert, read(new[0]), 0o644)
    replace(key, read(new[1]))
    mail.reload()
    rigs.wait_for(lambda: shown()[port] is None, "the renewed one")


def test_belongs_to_another(mail):
    """A Maildir, and a message, that are not _rpopm's: the log says what, and what they must be; the client is told that something is wrong."""
    mail.put("example.org/anna")
    mail.start()
    path = os.path.join(mail.rig.mail, "example.org/anna")
    owner = os.stat(path).st_uid
    p, why = mail.login("anna")
    assert why is None and p.stat()[0] == 1
    message = os.path.join(path, "new", "1.M1.rig")
    os.chown(message, 1, 1)
    for _ in range(2):
        with pytest.raises(poplib.error_proto, match="cannot be read"):
            p.retr(1)
    assert mail.daemon.log().count("message 1 cannot be read: Permission denied, it must be a file of _rpopm's: 1.M1.rig") == 1
    p.quit()
    os.chown(message, owner, owner)
    os.chown(path, 1, 1)
    os.chmod(path, 0o700)
    assert mail.login("anna")[1].startswith("-ERR [SYS/PERM]")
    assert "cannot be opened: example.org/anna: Permission denied; the mail root and all below it must belong to _rpopm" in mail.daemon.log()


def test_password_in_clear(mail):
    """Who may not give his password in clear is refused ahead of it, by USER and by AUTH, and the log says once in a session which setting that is."""
    mail.rig.verbose = []
    mail.rig.sqlite("UPDATE settings SET pop_clear = 'never'")
    mail.daemon = mail.rig.start()
    rigs.wait_for(lambda: "listens" in mail.daemon.log(), "the listener")
    p, why = mail.login("anna")
    assert why == "-ERR no password in clear on this connection"
    with pytest.raises(poplib.error_proto, match="no password in clear"):
        p._shortcmd("AUTH PLAIN AGFubmEAczNjcmV0")
    p.quit()
    line = r"^POP \d+ \[127\.0\.0\.1\]: a password in clear was refused, see settings\.pop_clear: the mail program should use TLS$"
    rigs.wait_for(lambda: re.search(line, mail.daemon.log(), re.M), "the line")
    rigs.wait_for(lambda: mail.status()["readers"] == 0, "the end")
    assert len(re.findall(line, mail.daemon.log(), re.M)) == 1
