# SPDX-License-Identifier: ISC
"""Alerts: what an account's user is told at a login, in place of his mailbox."""
import json
import os
import poplib
import pwd
import sqlite3
import subprocess
import types

import pytest

from lib import rig as rigs
from test_popd import Mail, mail  # noqa: F401

ANNA, BERT = "anna@example.org", "bert@example.org"
MOST = 498


def alerts(rig, *args):
    return json.loads(rig.ctl("-j", "alert", "list", *args).log)["alerts"]


def as_user(mail, user, *words):
    """rpopctl run by a system user, at the users' socket."""
    pw = pwd.getpwnam(user)
    p = subprocess.run([os.path.join(rigs.BUILD, "rpopctl"), "-s", os.path.join(mail.rig.run, "user.sock")] + list(words),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=rigs.PATIENCE, user=pw.pw_uid, group=pw.pw_gid, extra_groups=[])
    return rigs.Result(p.returncode, p.stdout)


def store(mail):
    """state.db as a connection that commits each statement."""
    return sqlite3.connect(mail.rig.statedb, isolation_level=None, timeout=30)


def open_alerts(mail):
    return [a["text"] for a in alerts(mail.rig) if a["told"] is None]


def test_each_login_one(mail):
    """The next login with the right password is told the first one, then the second; then it works.  A wrong password is told nothing."""
    mail.put("example.org/anna")
    mail.start()
    assert "(alert 1)" in mail.rig.ctl("alert", "Anna@Example.org", "the disk is full").log
    mail.rig.ctl("alert", ANNA, "read -- \\ %s \"this\" [AUTH] `too`")
    assert mail.login("anna", "wrong")[1] == "-ERR [AUTH] wrong name or password"
    assert mail.count("bert") == 0
    assert [(a["id"], a["account"], a["told"]) for a in alerts(mail.rig)] == [(1, ANNA, None), (2, ANNA, None)]
    p, why = mail.login("anna")
    assert why == "-ERR ALERT: the disk is full"
    # The same connection may go on.
    p.user("anna")
    with pytest.raises(poplib.error_proto, match="ALERT: read -- "):
        p.pass_("s3cret-anna")
    p.user("anna")
    assert p.pass_("s3cret-anna").startswith(b"+OK") and p.stat()[0] == 1
    p.quit()
    assert mail.count("anna") == 1
    rigs.wait_for(lambda: open_alerts(mail) == [], "both to be written down")
    assert "told" in mail.rig.ctl("alert").log and alerts(mail.rig, BERT) == []


def test_pipelined(mail):
    """Logins that are sent ahead get one alert each, whatever else they bring."""
    mail.start()
    for n in range(3):
        mail.rig.ctl("alert", ANNA, "number %d" % n)
    p = mail.connect()
    p.sock.sendall(b"USER anna\r\nPASS s3cret-anna\r\n" * 4 + b"QUIT\r\n")
    lines = [p.file.readline() for _ in range(9)]
    assert [line for line in lines[1::2]] == [b"-ERR ALERT: number %d\r\n" % n for n in range(3)] + [b"+OK 0 messages (0 octets)\r\n"]
    rigs.wait_for(lambda: open_alerts(mail) == [], "all to be written down")


@pytest.mark.parametrize("mech", ["apop", "PLAIN", "LOGIN", "CRAM-MD5"])
def test_mechanisms(mail, mech):
    """Whatever the mechanism is; test_own_retriever has SCRAM."""
    mail.start()
    mail.rig.ctl("alert", ANNA, "hello")
    if mech == "apop":
        with pytest.raises(poplib.error_proto, match="ALERT: hello"):
            mail.connect().apop("anna", "s3cret-anna")
        assert mail.connect().apop("anna", "s3cret-anna").startswith(b"+OK")
        return
    url = "pop3://127.0.0.1:%d/" % mail.port
    argv = ["curl", "-sv", "--login-options", "AUTH=" + mech, "-u", "anna:s3cret-anna", url]
    first = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=rigs.PATIENCE)
    assert first.returncode != 0 and "-ERR ALERT: hello" in first.stdout
    assert subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=rigs.PATIENCE).returncode == 0


def test_refused_texts(mail):
    """One line of printable ASCII that fits into a reply, for an account that there is."""
    mail.start()
    for text in ("two\r\nlines", "two\nlines", "tab\there", "bell\a", "\x7f"):
        done = mail.rig.ctl("alert", ANNA, text, check=False)
        assert done.code == 1 and "control character" in done.log, text
    assert "printable ASCII" in mail.rig.ctl("alert", ANNA, "Grüße", check=False).log
    assert "no text" in mail.rig.ctl("alert", ANNA, "", check=False).log
    assert "room for %d octets" % MOST in mail.rig.ctl("alert", ANNA, "x" * (MOST + 1), check=False).log
    assert "no such account" in mail.rig.ctl("alert", "nobody@example.org", "x", check=False).log
    assert "quoted as one word" in mail.rig.ctl("alert", ANNA, "two", "words", check=False).log
    assert alerts(mail.rig) == []
    mail.rig.ctl("alert", ANNA, "x" * MOST)
    p = mail.connect()
    p.sock.sendall(b"USER anna\r\nPASS s3cret-anna\r\n")
    p.file.readline()
    line = p.file.readline()
    assert line == b"-ERR ALERT: " + b"x" * MOST + b"\r\n" and len(line) == 512


def test_bounded_and_removed(mail):
    """So many for an account and no more; one or all are removed; what was told makes room; an account's end is theirs."""
    mail.start()
    db = store(mail)
    db.execute("""WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 100)
        INSERT INTO alert (account, text, made) SELECT 'anna@example.org', 'number ' || n, 1 FROM n""")
    db.close()
    done = mail.rig.ctl("alert", ANNA, "one too many", check=False)
    assert done.code == 1 and "has 100 alerts that are not told yet" in done.log
    mail.rig.ctl("alert", BERT, "another account's")
    assert mail.login("anna")[1] == "-ERR ALERT: number 1"
    rigs.wait_for(lambda: len(open_alerts(mail)) == 100, "one to be written down")
    mail.rig.ctl("alert", ANNA, "now there is room")
    assert len(alerts(mail.rig, ANNA)) == 100 and open_alerts(mail)[0] == "number 2"
    mail.rig.ctl("alert", "remove", "2")
    assert mail.rig.ctl("alert", "remove", "2", check=False).code == 1
    assert mail.login("anna")[1] == "-ERR ALERT: number 3"
    mail.rig.ctl("alert", "remove", ANNA)
    assert mail.login("anna")[1] is None and open_alerts(mail) == ["another account's"]
    mail.rig.sqlite("DELETE FROM route; DELETE FROM account WHERE name = 'bert'")
    assert len(alerts(mail.rig)) == 1
    mail.reload()
    assert alerts(mail.rig) == []


def test_rights(mail):
    """Administrators of its domain and of the server make and remove them; users and watchers do not; each sees his own."""
    mail.rig.sqlite("""INSERT INTO account (name, domain) VALUES ('carl', 'example.com');
        INSERT INTO domain_admin (account, domain, can_modify_rpop) VALUES ('bert@example.org', 'example.org', 1),
            ('carl@example.com', 'example.org', 0);
        UPDATE account SET unix_user = 'games' WHERE name = 'anna' AND domain = 'example.org';
        UPDATE account SET unix_user = 'news' WHERE name = 'bert'; UPDATE account SET unix_user = 'uucp' WHERE name = 'carl'""")
    os.chmod(mail.rig.dir, 0o755)
    mail.start()
    for user in ("games", "uucp", "proxy"):
        assert as_user(mail, user, "alert", ANNA, "x").code == 1, user
    done = as_user(mail, "news", "alert", ANNA, "from the administrator")
    assert done.code == 0, done.log
    assert "no such account, or none of yours" in as_user(mail, "news", "alert", "carl@example.com", "x").log
    mail.rig.ctl("alert", "carl@example.com", "from root")
    assert "change by bert@example.org" in mail.daemon.log() and "change by root: account carl@example.com: alert 2 added" in mail.daemon.log()
    seen = {user: as_user(mail, user, "alert").log for user in ("games", "news", "uucp", "proxy")}
    assert "administrator" in seen["games"] and "administrator" in seen["news"] and "root" in seen["uucp"] and seen["proxy"] == "none\n"
    assert "from root" not in seen["games"] + seen["news"]
    assert as_user(mail, "news", "alert", "remove", "2").log == as_user(mail, "news", "alert", "remove", "7").log.replace("7:", "2:")
    assert as_user(mail, "games", "alert", "remove", "1").code == 1
    assert as_user(mail, "news", "alert", "remove", "1").code == 0
    assert [a["id"] for a in alerts(mail.rig)] == [2]


@pytest.mark.parametrize("process, point, kept, seen", [
    ("rpopd", "master.alert_add", 0, False),
    ("rpopd", "master.alert_added", 1, False),
    ("popd", "popd.login", 1, False),
    ("popd", "popd.alert", 1, True),
    ("rpopd", "master.alert_tell", 1, True),
    ("rpopd", "master.alert_told", 0, True),
])
def test_killed(mail, process, point, kept, seen):
    """Whoever is killed at whatever step: an alert that was taken for good is told, and told again if that is not written down."""
    mail.start("-K", "%s:%s:1" % (process, point), hooks=True)
    done = mail.rig.ctl("alert", ANNA, "once at least", check=False)
    if point.startswith("master.alert_add"):
        assert done.code == 1
    else:
        assert done.code == 0
        try:
            why = mail.login("anna")[1]
        except (EOFError, OSError, poplib.error_proto) as e:
            why = str(e)
        assert ("ALERT: once at least" in why) == seen
    if process == "rpopd":
        mail.daemon.wait()
    mail.daemon.kill()
    mail.start()
    assert len(open_alerts(mail)) == kept
    if kept:
        assert mail.login("anna")[1] == "-ERR ALERT: once at least"
        rigs.wait_for(lambda: open_alerts(mail) == [], "it to be written down")
    assert mail.login("anna")[1] is None


def test_not_taken(mail):
    """A client that is told and does not wait to hear it: an alert in the hands of one session is not told by another meanwhile."""
    mail.start()
    mail.rig.ctl("alert", ANNA, "first")
    mail.rig.ctl("alert", ANNA, "second")
    sessions = [mail.connect() for _ in range(3)]
    for n, p in enumerate(sessions):
        p.sock.sendall(b"USER anna\r\nPASS s3cret-anna\r\n")
        if n == 1:	# Of logins of one account from one address few may wait.
            rigs.wait_for(lambda: mail.daemon.log().count("answered with alert") == 2, "two that are told")
    answers = []
    for p in sessions:
        p.file.readline()
        answers.append(p.file.readline())
    assert sorted(answers) == [b"+OK 0 messages (0 octets)\r\n", b"-ERR ALERT: first\r\n", b"-ERR ALERT: second\r\n"]


def test_store_locked(mail):
    """Somebody has state.db locked: who was told is told nothing twice, and that is written later."""
    mail.start()
    mail.rig.ctl("alert", ANNA, "hello")
    db = store(mail)
    db.execute("BEGIN IMMEDIATE")
    assert mail.login("anna")[1] == "-ERR ALERT: hello"
    assert mail.login("anna")[1] is None
    db.execute("ROLLBACK")
    db.close()
    assert open_alerts(mail) == ["hello"]
    mail.rig.ctl("alert", ANNA, "again")
    assert mail.login("anna")[1] == "-ERR ALERT: again"
    rigs.wait_for(lambda: open_alerts(mail) == [], "both to be written down")


@pytest.mark.parametrize("auth", ["user", "scram-sha-256"])
def test_own_retriever(mail, pki, auth):
    """rpopd that polls such an account tells its owner, and does not take it for a wrong password."""
    mail.put("example.org/anna")
    mail.start()
    mail.rig.ctl("alert", ANNA, "your quota is used up")
    client = rigs.Rig(pki)
    try:
        client.account("postmaster@example.net")
        client.account("anna@example.net")
        client.record("anna@example.net", "isp", types.SimpleNamespace(host="127.0.0.1", port=mail.port), "anna", "s3cret-anna", tls="none",
            auth=auth)
        client.write_db()
        done = client.once()
        assert done.code != 0 and "login put off, the server has a message: ALERT: your quota is used up" in done.log
        told = [data for where in client.delivered().values() for data in where]
        assert len(told) == 1 and b"ALERT: your quota is used up" in told[0] and b"name and the password are accepted" in told[0]
        assert client.once().code == 0
        assert sum(len(where) for where in client.delivered().values()) == 2
    finally:
        client.close()
