# SPDX-License-Identifier: ISC
"""Records and everything else of rpopd.db kept by rpopctl: in force at once, alone, and with the sentences of the store."""
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess

import pytest

from lib import corpus, rig as rigs
from lib.console import fresh
from lib.edits import listed, refused, rows, where

ANNA = "anna@example.org"
PM = "postmaster@example.org"


def add(rig, server, name=ANNA + "/isp", *words, typed="s3cret-word\n", check=True):
    return rig.ctl("record", "add", name, where(server), "auth_name=user", "tls=none", *words, typed=typed, check=check)


def test_first_record(personal, pop3):
    """Two commands from an empty store to the first mail, the password on standard input, without a reload."""
    s = pop3(messages=[corpus.mail("one"), corpus.mail("two")])
    personal.accounts = []
    personal.settings["main_domain"] = None
    with open(rigs.REPO + "/etc/rpopd.sql") as f:
        personal.sql = lambda: ["UPDATE settings SET mail_root = '%s', ca_dir = '%s', self_poll = 1;" % (personal.mail, personal.pki.certs)]
    d = personal.start().ready()
    assert "1 domain added, 1 account added" in personal.ctl("account", "add", ANNA).log or True
    out = add(personal, s, ANNA + "/isp", "leave=1").log
    assert "2 messages, 2 new" in out and "period none -> 600" in out, out
    rigs.wait_for(lambda: personal.idents() == {"example.org/anna": ["one", "two"]}, "the mail")
    assert rows(personal, "SELECT account, name, period, leave, password FROM rpop") == [(ANNA, "isp", 600, 1, "s3cret-word")]
    assert "s3cret-word" not in d.log()
    assert personal.status()["daemon"]["config_changed"] is False


def test_changes_are_told(personal, pop3):
    s = pop3(messages=[])
    personal.start().ready()
    add(personal, s)
    out = personal.ctl("record", "set", ANNA + "/isp", "period=300", "leave=0", "mailbox=Lists").log
    assert "1 record changed: period 600 -> 300, leave 1 -> 0, mailbox none -> Lists; " in out, out
    assert "nothing changed: it is so already" in personal.ctl("record", "set", ANNA + "/isp", "period=300").log
    assert "period 300 -> none; it is disabled" in personal.ctl("record", "disable", ANNA + "/isp").log
    assert "period none -> 900" in personal.ctl("record", "enable", ANNA + "/isp", "900").log
    assert "1 record removed" in personal.ctl("record", "remove", ANNA, "isp").log
    assert listed(personal, "record") == [] and personal.status()["records"] == []


def test_durations(personal, pop3):
    """Columns in seconds take a unit; the answer and the store have seconds."""
    s = pop3(messages=[])
    personal.start().ready()
    refused(add(personal, s, ANNA + "/isp", "period=soon", check=False), "'soon' is no length of time")
    assert rows(personal, "SELECT * FROM rpop") == []
    assert "period none -> 900" in add(personal, s, ANNA + "/isp", "period=15min").log
    for word, seconds in (("10m", 600), ("90s", 90), ("2h", 7200), ("1d", 86400), ("300", 300)):
        assert "-> %d; " % seconds in personal.ctl("record", "set", ANNA + "/isp", "period=" + word).log
        personal.ctl("record", "disable", ANNA + "/isp")
        assert "period none -> %d" % seconds in personal.ctl("record", "enable", ANNA + "/isp", word).log
    refused(personal.ctl("record", "enable", ANNA + "/isp", "often", check=False), "'often' is no length of time")
    assert "queue_age 432000 -> 172800" in personal.ctl("setting", "set", "queue_age=2d").log
    assert "change by root: settings: changed: queue_age" in personal.log()
    for word, sentence in (("pop_chanels=1", "settings has no pop_chanels; did you mean pop_channels?"),
        ("pop_channels=-1", "settings: pop_channels must be 0..10000"), ("pop_channels=many", "settings: pop_channels must be a whole number")):
        refused(personal.ctl("setting", "set", word, check=False), "rpopctl: " + sentence)
    assert rows(personal, "SELECT period, queue_age FROM rpop, settings") == [(300, 172800)]


@pytest.mark.parametrize("words, sentence", [
    (("perriod=300",), "did you mean period?"),
    (("port=995",), "did you mean domain?"),
    (("user=x",), "did you mean auth_name?"),
    (("xyzzy=1",), "rpopd.db(5) lists what there is"),
    (("max_size=10m",), "max_size must be a whole number, and not '10m'"),
    (("period=10x",), "period: '10x' is no length of time: a number of seconds, or one with s, m (or min), h or d behind it"),
    (("period=1\x1bm",), "period: '1\\033m' is no length of time"),
    (("period=9d9",), "is no length of time"),
    (("period=366d",), "rpop: period must be 10..31536000 seconds"),
    (("period=5",), "rpop: period must be 10..31536000 seconds"),
    (("host=x",), "host is given by the database"),
    (("special=X",), "special is for records of the postmaster of settings.main_domain only"),
    (("password=x",), "is never an argument"),
    (("leave",), "is no column=value"),
    (("schedule=night",), "schedule is not in table schedule"),
    (("auth=",), "rpop.auth must be given"),
    (("tls_name=a\x1b[2J",), "tls_name must be the host name"),
    ((), "nothing is to be set"),
])
def test_mistakes(personal, pop3, words, sentence):
    """A mistake is answered by a sentence, and changes nothing."""
    s = pop3(messages=[])
    personal.start().ready()
    add(personal, s)
    before = rows(personal, "SELECT * FROM rpop")
    refused(personal.ctl("record", "set", ANNA + "/isp", *words, check=False), sentence)
    assert rows(personal, "SELECT * FROM rpop") == before


def test_names(personal, pop3):
    s = pop3(messages=[])
    personal.start().ready()
    refused(personal.ctl("record", "set", ANNA + "/none", "period=60", check=False), ANNA + "/none: there is no such record")
    refused(add(personal, s, "bert@example.org/isp", "--no-try", check=False), "account is not the address of an account")
    add(personal, s)
    refused(add(personal, s, check=False), "there is such a record already")
    refused(personal.ctl("record", "add", check=False), "which record?")
    refused(personal.ctl("record", "set", "isp", "period=60", check=False), "record")
    refused(personal.ctl("account", "add", "anna", check=False), "local-part@domain")
    refused(personal.ctl("account", "remove", ANNA, check=False), "records in table rpop belong to it")


def test_a_trial_that_fails(personal, pop3):
    """A record whose login is refused is not kept, unless that is wanted."""
    s = pop3(messages=[])
    personal.start().ready()
    for _ in range(2):
        refused(add(personal, s, typed="wrong\n", check=False), "the record was not kept")
    assert rows(personal, "SELECT * FROM rpop") == []
    log = personal.log()
    assert log.count("tried: login: login refused") == 2 and "nothing changed" not in log and "counts again" not in log, log
    add(personal, s, ANNA + "/isp", "--no-try", typed="wrong\n")
    assert rows(personal, "SELECT password FROM rpop") == [("wrong",)]
    refused(add(personal, s, ANNA + "/b", typed="", check=False), "standard input ended")


def test_password_is_for_its_host(personal, pop3):
    """A record with another host or login wants its password again, whoever asks."""
    s = pop3(messages=[])
    personal.start().ready()
    add(personal, s)
    refused(personal.ctl("record", "set", ANNA + "/isp", "domain=evil.example", check=False), "standard input ended")
    out = personal.ctl("record", "set", ANNA + "/isp", "auth_name=other", typed="new-word\n").log
    assert "auth_name user -> other, password changed" in out and "new-word" not in out
    assert "password changed" in personal.ctl("record", "password", ANNA + "/isp", typed="third\n").log
    assert rows(personal, "SELECT auth_name, password FROM rpop") == [("other", "third")]


def test_others_edits_stay_out(personal, pop3):
    """An administrator's half-finished edit neither comes into force with a change nor is in its way."""
    s = pop3(messages=[])
    personal.start().ready()
    add(personal, s)
    personal.sqlite("""PRAGMA ignore_check_constraints = ON;
        INSERT INTO rpop (account, name, domain, auth_name, password, period) VALUES ('%s', 'half', 'bad host', 'u', 'p', 3);
        UPDATE settings SET processors = 7;""" % ANNA)
    assert personal.status()["daemon"]["config_changed"] is True
    personal.ctl("record", "set", ANNA + "/isp", "period=120")
    status = personal.status()
    assert [(r["name"], r["period"]) for r in status["records"]] == [("isp", 120)]
    assert status["daemon"]["processors"] == 100 and status["daemon"]["config_changed"] is True
    assert [r["name"] for r in listed(personal, "record")] == ["isp"]
    refused(personal.ctl("reload", check=False), "half")
    p = subprocess.run(personal.argv("-n"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert p.returncode == 1 and "half" in p.stdout


def test_everything_else(personal, pop3, smtp):
    """Domains, accounts, routes, next hops, schedules, clients, administrators and settings."""
    hop = smtp("lmtp")
    d = personal.start().ready()
    ctl = lambda *a, **k: personal.ctl(*a, **k).log
    assert "1 domain added" in ctl("domain", "add", "example.com")
    assert "1 account added" in ctl("account", "add", "carl@example.com", "max_records=2")
    assert "2 rows added" in ctl("account", "add", "dora@example.net")
    assert "1 nexthop added" in ctl("nexthop", "add", "hop", "protocol=lmtp", "address=" + hop.address)
    assert "1 route added" in ctl("route", "add", "sales@example.org", "carl@example.com")
    assert "1 route added" in ctl("route", "add", "out@example.org", "nexthop=hop")
    assert "carl" in ctl("route", "sales@example.org")
    assert "next hop hop" in ctl("route", "out@example.org")
    assert "1 window added" in ctl("schedule", "add", "office", "12345", "08:00", "ends=18:00")
    assert "1 client added" in ctl("client", "add", "c", "token_url=https://h.example/t", "client_id=i")
    assert "client_secret set" in ctl("client", "password", "c", typed="x\n")
    assert "1 administrator added" in ctl("administrator", "add", ANNA, "example.com")
    assert "1 administrator added" in ctl("administrator", "add", ANNA, "server")
    assert "server" in ctl("administrator", "list")
    assert "log_level problems -> low" in ctl("setting", "set", "log_level=low", "processors=3")
    assert personal.status()["daemon"]["processors"] == 3
    assert "processors=3\n" in ctl("setting", "list")
    refused(personal.ctl("nexthop", "remove", "hop", check=False), "accounts, routes or settings use it")
    refused(personal.ctl("setting", "set", "mail_root=/elsewhere", check=False), "restart rpopd")
    assert "1 route removed" in ctl("route", "remove", "out@example.org")
    assert "1 nexthop removed" in ctl("nexthop", "remove", "hop")
    assert {a["address"] for a in listed(personal, "account")} >= {ANNA, "carl@example.com", "dora@example.net"}
    assert listed(personal, "client")[0]["client_secret"] is True
    assert "change by root: account carl@example.com: added: max_records" in d.log()
    assert personal.status()["daemon"]["config_changed"] is False
    assert "configuration reloaded" in ctl("reload")



@pytest.mark.parametrize("point, kept", [("edit.done", False), ("edit.committed", True)])
@pytest.mark.parametrize("verb", ["add", "set", "remove"])
def test_killed(personal, pop3, point, kept, verb):
    """The master is killed ahead of COMMIT or behind it: the old row or the new one, and the next start agrees."""
    s = pop3(messages=[corpus.mail("one")])
    personal.record(ANNA, "isp", s, leave=1, period=500)
    d = personal.start("-K", "rpopd:%s" % point, hooks=True)
    if verb == "add":
        result = add(personal, s, ANNA + "/new", "--no-try", "leave=1", check=False)
    else:
        result = personal.ctl("record", verb, ANNA + "/isp", *(["period=700"] if verb == "set" else []), check=False)
    assert result.code == 1
    assert d.wait() == -9
    d.kill()
    old, new = [("isp", 500)], {"add": [("isp", 500), ("new", 600)], "set": [("isp", 700)], "remove": []}[verb]
    d = personal.start().ready()
    assert rows(personal, "SELECT name, period FROM rpop ORDER BY name") == (new if kept else old)
    assert [(r["name"], r["period"]) for r in personal.status()["records"]] == (new if kept else old)
    if verb == "set":
        rigs.wait_for(lambda: personal.idents() == {"example.org/anna": ["one"]}, "the mail, once")


def test_busy(personal, pop3):
    """Somebody's transaction in the store is waited for, and said when it does not end; the daemon serves others meanwhile."""
    s = pop3(messages=[])
    personal.start().ready()
    add(personal, s, ANNA + "/isp", "--no-try")
    with sqlite3.connect(personal.db, isolation_level=None) as c:
        c.execute("BEGIN IMMEDIATE")
        p = subprocess.Popen([rigs.BUILD + "/rpopctl", "-s", personal.run + "/rpopd.sock", "record", "set", ANNA + "/isp", "period=60"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert personal.status()["records"][0]["period"] == 600
        out, _ = p.communicate(timeout=rigs.PATIENCE)
        assert p.returncode == 1 and "locked by somebody's open transaction" in out
        p = subprocess.Popen([rigs.BUILD + "/rpopctl", "-s", personal.run + "/rpopd.sock", "record", "set", ANNA + "/isp", "period=70"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        personal.status()
        c.execute("ROLLBACK")
    out, _ = p.communicate(timeout=rigs.PATIENCE)
    assert p.returncode == 0 and "period 600 -> 70" in out, out
    c.close()


def test_read_while_committed(personal, pop3):
    """Somebody who reads the store keeps a change from being committed: it is tried again, and done once."""
    s = pop3(messages=[])
    personal.start().ready()
    add(personal, s, ANNA + "/isp", "--no-try")
    c = sqlite3.connect(personal.db, isolation_level=None)
    c.execute("BEGIN")
    c.execute("SELECT count(*) FROM rpop").fetchall()
    p = subprocess.Popen([rigs.BUILD + "/rpopctl", "-s", personal.run + "/rpopd.sock", "record", "set", ANNA + "/isp", "period=60"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    personal.status()
    c.execute("ROLLBACK")
    c.close()
    out, _ = p.communicate(timeout=rigs.PATIENCE)
    assert p.returncode == 0 and "period 600 -> 60" in out, out
    assert personal.status()["records"][0]["period"] == 60


def test_in_force(personal, pop3):
    """A record that is removed is polled no more and its session ends; one with another host starts afresh."""
    first, second = pop3(messages=[corpus.mail("one")]), pop3(messages=[corpus.mail("two")])
    d = personal.start().ready()
    add(personal, first, ANNA + "/isp", "leave=1")
    rigs.wait_for(lambda: personal.idents() == {"example.org/anna": ["one"]}, "the first mail")
    personal.ctl("record", "set", ANNA + "/isp", where(second), typed="s3cret-word\n")
    rigs.wait_for(lambda: personal.idents() == {"example.org/anna": ["one", "two"]}, "the other server's mail")
    pids = d.processes()
    assert personal.ctl("record", "remove", ANNA + "/isp").code == 0
    assert personal.status()["records"] == []
    assert d.processes()["deliverer"] == pids["deliverer"] and d.processes()["template"] == pids["template"]


def test_not_writable(personal, pop3):
    """A store that cannot be written is said to be so, and nothing changes in the running daemon."""
    s = pop3(messages=[])
    personal.start().ready()
    add(personal, s, ANNA + "/isp", "--no-try")
    subprocess.run(["chattr", "+i", personal.db], check=False)
    try:
        result = personal.ctl("record", "set", ANNA + "/isp", "period=60", check=False)
    finally:
        subprocess.run(["chattr", "-i", personal.db], check=False)
    if result.code == 1:
        assert "rpopd.db" in result.log
        assert personal.status()["records"][0]["period"] == 600
    personal.ctl("record", "set", ANNA + "/isp", "period=70")
def test_provider(personal, pop3):
    """An address is enough for a provider that is known: server and login are filled in, which is told."""
    personal.start().ready()
    rpopctl = lambda *words, typed="word\n", check=True: personal.ctl("record", "add", *words, "--no-try", "period=", typed=typed, check=check)
    assert "Google: domain=pop.gmail.com auth_name=Anna@GMail.com; " in rpopctl(ANNA + "/a", "auth_name=Anna@GMail.com").log
    assert "Free: domain=pop.free.fr auth_name=anna; " in rpopctl(ANNA + "/b", "auth_name=anna@free.fr").log
    assert "IONOS: domain=pop.ionos.de" in rpopctl(ANNA + "/c", "domain=ionos.de", "auth_name=anna@shop.example").log
    rpopctl(ANNA + "/d", "domain=pop.gmail.com:110", "auth_name=anna@free.fr")
    assert rows(personal, "SELECT name, domain, auth_name FROM rpop ORDER BY name") == [
        ("a", "pop.gmail.com", "Anna@GMail.com"), ("b", "pop.free.fr", "anna"), ("c", "pop.ionos.de", "anna@shop.example"),
        ("d", "pop.gmail.com:110", "anna@free.fr")]
    refused(rpopctl(ANNA + "/e", "auth_name=anna@example.net", check=False), "example.net is at none of the providers")
    refused(rpopctl(ANNA + "/e", "auth_name=anna", check=False), "domain= is missing")
    refused(rpopctl(ANNA + "/e", check=False), "domain= is missing")
    refused(rpopctl(ANNA + "/e", "auth_name=anna@icloud.com", check=False), "Apple: iCloud Mail has no POP3, only IMAP")
    refused(rpopctl(ANNA + "/e", "domain=me.com", "auth_name=a", check=False), "has no POP3")
    refused(rpopctl(ANNA + "/e", "auth_name=%s@gmail.com" % ("a" * 600), check=False), "too long for a login")
    refused(rpopctl(ANNA + "/e", "auth_name=a@b\x1b[2Jc", check=False), "b\\033[2Jc is at none")
    assert len(rows(personal, "SELECT * FROM rpop")) == 4
    assert json.loads(rpopctl("-j", ANNA + "/e", "auth_name=x@free.fr").log)["ok"] is True


def test_providers(rig):
    """The table is told without a daemon."""
    answer = json.loads(rig.ctl("-j", "providers").log)
    by_name = {p["name"]: p for p in answer["providers"]}
    assert answer["ok"] and by_name["GMX"]["host"] == "pop.gmx.net" and by_name["Apple"]["host"] is None
    out = rig.ctl("providers").log
    assert all(p["name"] in out and p["note"] in out and " ".join(p["domains"]) in out for p in answer["providers"])
    refused(rig.ctl("providers", "x", check=False), "too many arguments")


def test_lock_is_kept(personal, pop3):
    """Nobody else writes to the store, or commits, between the statements of a change and its COMMIT."""
    personal.record(ANNA, "isp", pop3(messages=[]), leave=1, period=500)
    d = personal.start("-K", "rpopd:edit.done:1:stop", hooks=True)
    p = subprocess.Popen([rigs.BUILD + "/rpopctl", "-s", personal.run + "/rpopd.sock", "record", "set", ANNA + "/isp", "period=700"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    rigs.wait_for(lambda: "State:\tT" in (rigs.read_proc(d.pid, "status") or ""), "the stop")
    try:
        c = sqlite3.connect(personal.db, timeout=0, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            c.execute("BEGIN IMMEDIATE")
        c.close()
    finally:
        os.kill(d.pid, signal.SIGCONT)
    out, _ = p.communicate(timeout=rigs.PATIENCE)
    assert p.returncode == 0 and "period 500 -> 700" in out, out


def test_store_as_certificate(personal, pop3):
    """A column that names one of the stores as a file is refused: reading it would take the store's locks away."""
    s = pop3(messages=[])
    d = personal.start().ready()
    add(personal, s, ANNA + "/isp", "--no-try")
    rigs.wait_for(lambda: personal.status()["records"][0]["polls"] > 0 and personal.status()["daemon"]["sessions"] == 0,
        "the first poll's end, which takes locks of its own")
    before = sorted(x.split()[5] for x in open("/proc/locks") if " %d " % d.pid in x)
    for name in (personal.statedb, personal.statedb + "-shm", personal.db):
        refused(personal.ctl("record", "set", ANNA + "/isp", "tls=tls", "ca_file=" + name, check=False), "one of the daemon's stores")
    assert sorted(x.split()[5] for x in open("/proc/locks") if " %d " % d.pid in x) == before and before != []


def test_routes_with_one_address(personal):
    """An address may have several rows of table route."""
    personal.start().ready()
    personal.ctl("route", "add", "all@example.org", ANNA)
    personal.ctl("route", "add", "all@example.org", PM)
    personal.ctl("route", "add", "all@example.org", "target=" + ANNA, "folder=Lists")
    assert len(listed(personal, "route")) == 3
    refused(personal.ctl("route", "add", "all@example.org", PM, check=False), "there is such a route already")
    assert "3 routes removed" in personal.ctl("route", "remove", "all@example.org").log


def test_files_of_others(personal, pop3, pki):
    """A file that cannot be used is a reason against a change of its own record, and of no other's."""
    s = pop3(messages=[])
    ca = os.path.join(personal.dir, "ca.pem")
    shutil.copy(pki.path("ca.pem"), ca)
    personal.record(ANNA, "other", s, tls="tls", ca_file=ca, period=86400)
    personal.start().ready()
    add(personal, s, ANNA + "/isp", "--no-try")
    os.unlink(ca)
    assert "period 600 -> 900" in personal.ctl("record", "set", ANNA + "/isp", "period=900").log
    refused(personal.ctl("record", "set", ANNA + "/other", "leave=1", check=False), "ca_file cannot be opened")


def test_refused_behind_the_trial(personal, pop3):
    """A record whose period is refused is not kept, however good its trial was."""
    s = pop3(messages=[corpus.mail("one")])
    personal.start().ready()
    refused(add(personal, s, ANNA + "/isp", "period=5", check=False), "period must be 10..31536000 seconds", "the record was not kept")
    assert rows(personal, "SELECT * FROM rpop") == [] and personal.idents() == {}


def test_interrupted_trial(personal, pop3):
    """Ctrl-C while a server is tried leaves a disabled record, and says so."""
    silent = socket.create_server(("127.0.0.1", 0))
    personal.start().ready()
    p = subprocess.Popen([rigs.BUILD + "/rpopctl", "-s", personal.run + "/rpopd.sock", "record", "add", ANNA + "/isp",
        "domain=127.0.0.1:%d" % silent.getsockname()[1], "auth_name=user", "tls=none"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, preexec_fn=fresh)
    p.stdin.write("word\n")
    p.stdin.flush()
    conn, _ = silent.accept()
    p.send_signal(signal.SIGINT)
    out, _ = p.communicate(timeout=rigs.PATIENCE)
    assert p.returncode == -signal.SIGINT and "interrupted: the record is there, disabled" in out, out
    assert rows(personal, "SELECT name, period FROM rpop") == [("isp", None)]
    conn.close()
    silent.close()
