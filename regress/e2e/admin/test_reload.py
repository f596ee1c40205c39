# SPDX-License-Identifier: ISC
"""Stores and reload: all or nothing, a bad row keeps the running configuration, edits by hand never block a commit."""
import os
import signal
import sqlite3
import subprocess

import pytest

from lib import corpus, rig as rigs

ANNA = "example.org/anna"


def names(rig):
    return sorted(r["name"] for r in rig.status()["records"])


def check(rig):
    """rpopd -n: (status, output)"""
    p = subprocess.run(rig.argv("-n"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    return p.returncode, p.stdout


def bad_row(rig, sql):
    """What the triggers and CHECKs would refuse, as a damaged or foreign store may have it."""
    db = sqlite3.connect(rig.db)
    db.executescript("PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF; PRAGMA writable_schema = ON;"
        "DROP TRIGGER rpop_insert; DROP TRIGGER rpop_update; DROP TRIGGER account_delete;" + sql)
    db.close()


@pytest.fixture
def running(personal, pop3):
    server = pop3(messages=[corpus.mail("one")])
    personal.record("anna@example.org", "first", server)
    personal.daemon = personal.start()
    rigs.wait_for(lambda: personal.idents() == {ANNA: ["one"]}, "the first message")
    personal.server = server
    return personal


def add(rig, name, server):
    row = {"account": "anna@example.org", "name": name, "domain": "localhost:%d" % server.port, "auth_name": "user",
        "password": "s3cret-word", "period": 3600, "tls": "none"}
    rig.sqlite(rigs.insert("rpop", row))


@pytest.mark.parametrize("how", ["rpopctl", "SIGHUP"])
def test_new_record(running, pop3, how):
    """A change takes effect without a restart; rpopctl says that the store was edited before."""
    add(running, "second", pop3(messages=[corpus.mail("two")]))
    rigs.wait_for(lambda: running.status()["daemon"]["config_changed"], "the edit to be noticed")
    if how == "SIGHUP":
        os.kill(running.daemon.pid, signal.SIGHUP)
    else:
        running.ctl("reload")
    rigs.wait_for(lambda: running.idents() == {ANNA: ["one", "two"]}, "the second record's message")
    assert names(running) == sorted(["first", "second"]) or len(names(running)) == 2
    assert running.daemon.stop() == 0


def test_removed_record(running):
    running.sqlite("DELETE FROM rpop;")
    running.ctl("reload")
    assert running.status()["records"] == []
    assert running.daemon.stop() == 0


BAD = {
    "rpop: host": "UPDATE rpop SET domain = 'no host:at all';",
    "rpop: period": "UPDATE rpop SET period = -5;",
    "rpop: tls": "UPDATE rpop SET tls = 'maybe';",
    "rpop: owner": "UPDATE rpop SET account = 'nobody@example.org';",
    "rpop: crlf": "UPDATE rpop SET password = 'a' || char(13) || char(10) || 'DELE 1';",
    "rpop: user crlf": "UPDATE rpop SET auth_name = 'a' || char(10) || 'b';",
    "rpop: special of a user": "UPDATE rpop SET special = 'X-Real-To';",
    "rpop: mailbox": "UPDATE rpop SET mailbox = '../../etc';",
    "settings: processors": "UPDATE settings SET processors = -1;",
    "settings: ca_dir": "UPDATE settings SET ca_dir = 'relative';",
}


@pytest.mark.parametrize("name", sorted(BAD))
def test_sqlite_refuses(personal, pop3, name):
    """A wrong edit in sqlite3(1) is refused with a sentence."""
    personal.record("anna@example.org", "first", pop3())
    personal.write_db()
    code, text = personal.sqlite(BAD[name], check=False)
    assert code != 0
    table = name.split(":")[0]
    assert table + ": " in text and len(text.split()) > 4


@pytest.mark.parametrize("name", sorted(BAD))
def test_bad_row_keeps_the_configuration(running, pop3, name):
    """One bad row anywhere, and nothing of the edited store is taken; the other records go on as before."""
    add(running, "second", pop3())
    running.ctl("reload")
    bad_row(running, BAD[name].replace(";", " WHERE name = 'second';") if name.startswith("rpop") else BAD[name])
    running.sqlite("UPDATE rpop SET period = 20 WHERE name = 'first';", check=False)
    code, text = check(running)
    assert code != 0 and name.split(":")[0] in text
    result = running.ctl("reload", check=False)
    assert result.code != 0 and len(result.log.split()) > 3
    status = running.status()
    assert status["daemon"]["load_error"]
    assert sorted((r["name"], r["period"]) for r in status["records"]) == [("first", 3600), ("second", 3600)]
    running.server.box.add(corpus.mail("more"))
    running.ctl("poll", "anna@example.org/first")
    rigs.wait_for(lambda: running.idents() == {ANNA: ["more", "one"]}, "the old configuration to go on")
    assert running.daemon.stop() == 0


def test_check_names_every_bad_row(personal, pop3):
    for i in range(3):
        personal.record("anna@example.org", "record-%d" % i, pop3())
    personal.write_db()
    assert check(personal)[0] == 0
    bad_row(personal, "UPDATE rpop SET period = -1 WHERE name = 'record-0'; UPDATE rpop SET tls = 'x' WHERE name = 'record-2';")
    code, text = check(personal)
    assert code != 0 and "record-0" in text and "record-2" in text and "record-1" not in text


def test_open_edit_blocks_nothing(running, pop3):
    """An administrator's BEGIN IMMEDIATE, left open, delays no commit and no delivery."""
    db = sqlite3.connect(running.db, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    db.execute("UPDATE rpop SET period = 7200")
    for i in range(3):
        running.server.box.add(corpus.mail("during-%d" % i))
        running.ctl("poll", "all")
        rigs.wait_for(lambda: "during-%d" % i in running.idents()[ANNA], "delivery beside the open edit")
        rigs.wait_for(lambda: running.server.box.left() == [], "deletion")
    db.execute("ROLLBACK")
    db.close()
    assert running.daemon.stop() == 0


def test_reload_during_an_open_edit(running):
    """Reads the last committed state, or says that the store is busy; never half of it."""
    db = sqlite3.connect(running.db, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    db.execute("DELETE FROM rpop")
    running.ctl("reload", check=False)
    assert len(running.status()["records"]) == 1
    db.execute("ROLLBACK")
    db.close()
    running.ctl("reload")
    assert len(running.status()["records"]) == 1
    assert running.daemon.stop() == 0


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_open_store_is_refused(personal, pop3, mode):
    personal.record("anna@example.org", "first", pop3())
    personal.write_db()
    os.chmod(personal.db, mode)
    result = personal.once()
    assert result.code != 0
    assert personal.delivered() == {}


def test_state_survives_and_is_pruned(running, pop3):
    """UID state goes with its record, and only with it: after keep_state_days, here none."""
    running.sqlite("UPDATE settings SET keep_state_days = 0;")
    assert running.state("SELECT count(*) FROM mailbox") == [(1,)]
    add(running, "second", pop3(messages=[corpus.mail("two")]))
    running.ctl("reload")
    rigs.wait_for(lambda: running.state("SELECT count(*) FROM mailbox") == [(2,)], "the second mailbox")
    running.sqlite("DELETE FROM rpop WHERE name = 'first';")
    running.ctl("reload")
    rigs.wait_for(lambda: running.state("SELECT record FROM mailbox") == [("second",)], "the first one's state to go")
    assert running.daemon.stop() == 0


@pytest.mark.parametrize("damage", ["truncate", "garbage"])
def test_corrupt_state_stops(personal, pop3, damage):
    """A damaged store means stop and say so, never start afresh with an empty table."""
    s = pop3(messages=[corpus.mail("c%d" % i) for i in range(5)])
    personal.record("anna@example.org", "work", s, leave=1)
    assert personal.once().code == 0
    with open(personal.statedb, "r+b") as f:
        if damage == "truncate":
            f.truncate(5000)
        else:
            f.seek(0)
            f.write(b"garbage!" * 1024)
    for suffix in ("-wal", "-shm"):
        if os.path.exists(personal.statedb + suffix):
            os.unlink(personal.statedb + suffix)
    result = personal.once()
    assert result.code != 0 and "state.db" in result.log
    assert personal.idents() == {ANNA: ["c%d" % i for i in range(5)]}


def test_two_daemons_on_one_store(running):
    result = running.once()
    assert result.code == 1 and len(result.log.split()) > 3
    assert running.daemon.running()
    assert running.daemon.stop() == 0


def test_reload_during_polls(personal, pop3):
    """Dialer and template are replaced while records are dialing; no session fails by it, and nobody dies."""
    server = pop3(messages=[corpus.mail("m%d" % i) for i in range(3)])
    for i in range(10):
        personal.record("anna@example.org", "r%02d" % i, server, leave=1)
    daemon = personal.start()
    for _ in range(20):
        personal.ctl("poll", "all")
        personal.ctl("reload")
    rigs.wait_for(lambda: all(r["state"] == "idle" for r in personal.status()["records"]), "the sessions to end")
    assert daemon.running()
    assert [r["failures"] for r in personal.status()["records"]] == [0] * 10
    assert daemon.stop() == 0
    assert "died" not in daemon.log()
    assert len(personal.idents()[ANNA]) == 30


def test_account_of_a_recovery(personal, pop3):
    """An account that is added while the deliverer still recovers is known to it when it takes its first message."""
    daemon = personal.start("-K", "deliverer:deliverer.recover:1:stop", hooks=True)
    stopped = []

    def stops():
        stopped[:] = [pid for pid in daemon.processes()["deliverer"] if "State:\tT" in (rigs.read_proc(pid, "status") or "")]
        return stopped
    rigs.wait_for(stops, "the deliverer to begin its recovery")
    personal.ctl("account", "add", "bert@example.org")
    personal.ctl("record", "add", "bert@example.org/isp", "domain=localhost:%d" % pop3(messages=[corpus.mail("one")]).port,
        "auth_name=user", "tls=none", "--no-try", typed="s3cret-word\n")
    os.kill(stopped[0], signal.SIGCONT)
    rigs.wait_for(lambda: personal.idents() == {"example.org/bert": ["one"]}, "the message of the new account")
    assert personal.status()["records"][0]["failures"] == 0
    assert daemon.stop() == 0
