# SPDX-License-Identifier: ISC
"""The users' socket: who somebody is the system says, and he keeps what is his within his rights."""
import json
import os
import pwd
import subprocess
import threading

import pytest

from lib import corpus, rig as rigs
from lib.edits import refused, rows, where

ANNA, BERT, CARL, PM = "anna@example.org", "bert@example.org", "carl@example.com", "postmaster@example.org"
# system users that every Debian has, and whose account each is
OWNERS = {"games": ANNA, "news": BERT, "uucp": CARL, "man": PM, "proxy": None}
ROOT, GAMES, NEWS, UUCP, MAN, PROXY = "root", "games", "news", "uucp", "man", "proxy"


def as_user(rig, user, *words, typed="", control=False):
    """rpopctl run by a system user; the users' socket, or the control socket."""
    pw = pwd.getpwnam(user)
    sock = os.path.join(rig.run, "rpopd.sock" if control else "user.sock")
    p = subprocess.run([os.path.join(rigs.BUILD, "rpopctl"), "-s", sock] + list(words), input=typed, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=rigs.PATIENCE, user=pw.pw_uid, group=pw.pw_gid, extra_groups=[])
    return rigs.Result(p.returncode, p.stdout)


def add(rig, user, name, server, *words, typed="s3cret-word\n", control=False):
    return as_user(rig, user, "record", "add", name, where(server), "auth_name=user", "tls=none", "--no-try", *words, typed=typed,
        control=control)


@pytest.fixture
def users(rig, pop3):
    """Accounts of two domains, their owners, an administrator of each kind; nobody's socket is closed to the tests' users."""
    for a in (PM, ANNA, BERT, CARL):
        rig.account(a)
    rig.write_db()
    for user, a in OWNERS.items():
        if a is not None:
            rig.sqlite("UPDATE account SET unix_user = '%s' WHERE address = '%s';" % (user, a))
    rig.sqlite("""UPDATE account SET can_modify_rpop = 1 WHERE address = '%s'; INSERT INTO domain_admin (account, domain, can_modify_rpop) VALUES ('%s', 'example.com', 1);
        INSERT INTO server_admin VALUES ('%s');""" % (ANNA, BERT, PM))
    os.chmod(rig.dir, 0o755)
    rig.server = pop3(messages=[corpus.mail("one")])
    rig.start().ready()
    return rig


def test_own_records(users):
    """An ordinary user lists, adds, changes, tries, polls and removes records of his own, and sees no other's, and no password."""
    s = users.server
    users.ctl("record", "add", BERT + "/his", where(s), "auth_name=user", "tls=none", "--no-try", "period=", typed="other-word\n")
    out = add(users, GAMES, "isp", s)
    assert out.code == 0 and "1 record added" in out.log, out.log
    assert rows(users, "SELECT account, name, self_service, password FROM rpop WHERE name = 'isp'") == [(ANNA, "isp", 1, "s3cret-word")]
    out = as_user(users, GAMES, "-j", "record", "list")
    found = json.loads(out.log)["records"]
    assert [(r["account"], r["name"], r["password"]) for r in found] == [(ANNA, "isp", True)]
    assert "s3cret" not in out.log and "other-word" not in out.log
    out = as_user(users, GAMES, "record", "set", "isp", "leave=0", "period=900")
    assert "leave 1 -> 0, period 600 -> 900" in out.log, out.log
    status = json.loads(as_user(users, GAMES, "-j").log)["records"]
    assert [(r["account"], r["name"]) for r in status] == [(ANNA, "isp")]
    assert "his" not in as_user(users, GAMES, "status").log
    rigs.wait_for(lambda: users.status()["daemon"]["sessions"] == 0, "the poll to end")
    for words in (["record", "poll", "isp"], ["record", "try", "isp"]):
        refused(as_user(users, GAMES, *words), "once in 60 s is what users may ask for")
    for words in (["record", "try", BERT + "/his"], ["poll", BERT], ["show", "account", BERT], ["poll", "nobody@example.org"], ["poll", "all@x"]):
        refused(as_user(users, GAMES, *words), "that is no account or record of yours")
    assert "1 record removed" in as_user(users, GAMES, "record", "remove", "isp").log
    assert users.status()["records"][0]["name"] == "his" and len(users.status()["records"]) == 1


def test_try_then_polled(users):
    """record add of a user: the trial comes first, and private addresses stay out of reach."""
    out = as_user(users, GAMES, "record", "add", "isp", where(users.server), "auth_name=user", "tls=none", typed="s3cret-word\n")
    assert out.code == 1 and "the record was not kept" in out.log, out.log
    assert rows(users, "SELECT * FROM rpop") == []
    assert users.server.sessions == []


def test_nobody(users):
    """A system user without an account is told so, and so is root; administrators' requests are not taken here."""
    for user in (PROXY, ROOT):
        refused(as_user(users, user, "record", "list"), "no account here is yours")
        refused(as_user(users, user, "status"), "no account here is yours")
        refused(add(users, user, "isp", users.server), "no account here is yours")
    for words in (["reload"], ["stop"], ["log", "all"], ["queue"], ["quarantine", "drop", "all"], ["forget", ANNA + "/isp"]):
        for user in (ROOT, GAMES, MAN):
            refused(as_user(users, user, *words), "at the control socket")
    assert users.runs[0].running() and "stopping" not in users.log()


@pytest.mark.parametrize("column", ["special=X-To", "token_command=/bin/sh -c", "tls_cert=/c", "tls_key=/k", "ca_file=/c", "oauth_client=c",
    "self_service=0", "schedule=s", "local_domain=example.com", "trusted_hop=h", "domains=example.org", "token_user=games"])
def test_reserved_columns(users, column):
    """Columns that are not a user's or a domain administrator's to set, in a new record and an old one."""
    for user, name in ((GAMES, "isp"), (NEWS, CARL + "/isp")):
        refused(add(users, user, name, users.server, column), "only")
        assert add(users, user, name, users.server).code == 0
        refused(as_user(users, user, "record", "set", name, column), "only")
        assert as_user(users, user, "record", "remove", name).code == 0
    assert rows(users, "SELECT * FROM rpop") == []


def test_limits(users):
    """Least period and most records; an administrator's records do not count, and he may set any period."""
    s = users.server
    refused(add(users, GAMES, "isp", s, "period=599"), "period must be 600 seconds at least")
    users.ctl("record", "add", ANNA + "/adm", where(s), "auth_name=user", "tls=none", "--no-try", "period=60", typed="x\n")
    users.ctl("account", "set", ANNA, "max_records=2", "min_period=700")
    refused(add(users, GAMES, "a", s), "period must be 700 seconds at least")
    assert add(users, GAMES, "a", s, "period=700").code == 0
    users.ctl("record", "set", ANNA + "/a", "period=100")
    assert as_user(users, GAMES, "record", "set", "a", "leave=0").code == 0
    refused(as_user(users, GAMES, "record", "set", "a", "period=200"), "700 seconds at least")
    assert as_user(users, GAMES, "record", "disable", "a").code == 0
    results = []
    threads = [threading.Thread(target=lambda i=i: results.append(add(users, GAMES, "t%d" % i, s, "period=700"))) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(r.code for r in results) == [0, 1, 1, 1], [r.log for r in results]
    refused(add(users, GAMES, "more", s, "period=700"), "an account may have 2 records of its user's own")
    refused(as_user(users, GAMES, "record", "set", "adm", "leave=0"), "made by an administrator")
    refused(as_user(users, GAMES, "record", "remove", "adm"), "made by an administrator")


def test_without_the_right(users):
    """Without can_modify_rpop reads work, and each write is refused with one sentence."""
    users.ctl("record", "add", BERT + "/his", where(users.server), "auth_name=user", "tls=none", "--no-try", "self_service=1", typed="x\n")
    assert "his" in as_user(users, NEWS, "record", "list").log
    sentence = "records of %s are kept by administrators" % BERT
    refused(add(users, NEWS, "isp", users.server), sentence)
    refused(as_user(users, NEWS, "record", "set", "his", "leave=0"), sentence)
    refused(as_user(users, NEWS, "record", "remove", "his"), sentence)


def test_domain_administrator(users):
    """All in his domain, and nothing outside; not what has reserved columns; without the right he looks only."""
    s = users.server
    assert add(users, NEWS, CARL + "/isp", s, "period=60").code == 0
    assert rows(users, "SELECT self_service FROM rpop") == [(1,)]
    assert "carl" in as_user(users, NEWS, "account", "list").log and "anna" not in as_user(users, NEWS, "account", "list").log
    assert as_user(users, NEWS, "record", "set", CARL + "/isp", "leave=0").code == 0
    refused(as_user(users, NEWS, "record", "set", CARL + "/isp", "account=" + ANNA, typed="x\n"), "is no account of yours")
    refused(add(users, NEWS, ANNA + "/isp", s), "is no account of yours")
    refused(add(users, NEWS, "no@example.org/isp", s), "is no account of yours")
    for words in (["setting", "set", "processors=1"], ["account", "add", "x@example.com"], ["domain", "remove", "example.com"],
            ["administrator", "add", BERT, "example.org"], ["administrator", "add", BERT, "server"]):
        refused(as_user(users, NEWS, *words), "only an administrator of the server may do that")
    users.ctl("administrator", "set", BERT, "example.com", "can_modify_rpop=0")
    refused(as_user(users, NEWS, "record", "remove", CARL + "/isp"), "you may look at the records of this domain")
    assert "isp" in as_user(users, NEWS, "record", "list").log
    users.ctl("administrator", "remove", BERT, "example.com")
    assert "isp" not in as_user(users, NEWS, "record", "list").log


def test_main_domain_administrator(users):
    """The administrator of the main domain does not lead its unified record elsewhere."""
    users.ctl("administrator", "add", BERT, "example.org")
    users.ctl("record", "add", PM + "/all", where(users.server), "auth_name=user", "tls=none", "--no-try", "special=X-To", typed="x\n")
    for words in (["set", PM + "/all", "domain=evil.example:110"], ["set", PM + "/all", "leave=0"], ["remove", PM + "/all"]):
        refused(as_user(users, NEWS, "record", *words, typed="x\n"), "made by an administrator of the server")


def test_server_administrator(users):
    """An account of server_admin keeps everything but what runs programs or moves the mail."""
    assert add(users, MAN, ANNA + "/isp", users.server, "period=60").code == 0
    assert rows(users, "SELECT self_service FROM rpop") == [(0,)]
    assert "processors 100 -> 5" in as_user(users, MAN, "setting", "set", "processors=5").log
    for words in (["record", "set", ANNA + "/isp", "token_command=/bin/true"], ["setting", "set", "mail_root=/tmp"],
            ["account", "set", PM, "unix_user=games"], ["record", "set", ANNA + "/isp", "ca_file=" + users.statedb],
            ["setting", "set", "nameservers=127.0.0.9"], ["setting", "set", "socks=127.0.0.9:1"],
            ["setting", "set", "pop_auth=/run/x"], ["setting", "set", "pop_auth=checkpassword:/bin/true"],
            ["nexthop", "add", "h", "address=/run/x"], ["client", "add", "c", "token_url=https://h/t", "client_id=i"]):
        refused(as_user(users, MAN, *words), "only root may set that")
    assert "change by %s (uid %d): settings" % (PM, pwd.getpwnam(MAN).pw_uid) in users.log()


def test_audit(users):
    """Each change is one line of the log: who, what row, which columns, and no password."""
    add(users, GAMES, "isp", users.server)
    as_user(users, GAMES, "record", "password", "isp", typed="third-word\n")
    log = users.log()
    assert "change by %s (uid %d): rpop %s/isp: added: domain, auth_name, tls, password" % (ANNA, pwd.getpwnam(GAMES).pw_uid, ANNA) in log
    assert "rpop %s/isp: changed: password changed" % ANNA in log
    assert "s3cret-word" not in log and "third-word" not in log


def test_clients_of_one_user(users):
    """One system user cannot take the places of others."""
    path = os.path.join(users.run, "user.sock")
    held = []
    code = "import socket, sys, time\nheld = []\nfor i in range(70):\n s = socket.socket(socket.AF_UNIX)\n s.connect(%r)\n held.append(s)\n" \
        "print('held', flush=True)\nsys.stdin.read()" % path
    pw = pwd.getpwnam(PROXY)
    p = subprocess.Popen(["/usr/bin/python3", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, user=pw.pw_uid, group=pw.pw_gid,
        extra_groups=[])
    try:
        assert p.stdout.readline() == b"held\n"
        assert as_user(users, GAMES, "record", "list").code == 0
        assert users.ctl("status").code == 0
    finally:
        p.communicate()
    del held


WAYS = {"user": False, "control": True}
# who may change what: (user, record's account, way) of those whose change is taken
TAKEN = {(GAMES, ANNA, "user"), (NEWS, CARL, "user"), (MAN, ANNA, "user"), (MAN, BERT, "user"), (MAN, CARL, "user"), (MAN, PM, "user"),
    (ROOT, ANNA, "control"), (ROOT, BERT, "control"), (ROOT, CARL, "control"), (ROOT, PM, "control")}
SEEN = TAKEN | {(NEWS, BERT, "user"), (UUCP, CARL, "user")}


@pytest.mark.parametrize("way", sorted(WAYS))
@pytest.mark.parametrize("user", [ROOT, GAMES, NEWS, UUCP, MAN, PROXY])
def test_matrix(users, user, way):
    """Who adds, sees, changes and removes a record of whom, by which way in."""
    for account in (ANNA, BERT, CARL, PM):
        name = account + "/m"
        seen, taken = (user, account, way) in SEEN, (user, account, way) in TAKEN
        assert (add(users, user, name, users.server, control=WAYS[way]).code == 0) == taken, (user, name, way)
        if not taken:
            users.ctl("record", "add", name, where(users.server), "auth_name=user", "tls=none", "--no-try", "self_service=1", typed="x\n")
        out = as_user(users, user, "-j", "record", "list", control=WAYS[way])
        found = [r["account"] for r in json.loads(out.log).get("records", [])] if out.code == 0 else []
        assert (account in found) == seen, (user, account, way, out.log)
        out = as_user(users, user, "record", "set", name, "leave=0", control=WAYS[way])
        assert (out.code == 0) == taken, (user, account, way, out.log)
        assert (as_user(users, user, "record", "remove", name, control=WAYS[way]).code == 0) == taken
        assert len(rows(users, "SELECT * FROM rpop")) == (0 if taken else 1)
        if not taken:
            users.ctl("record", "remove", name)


def read_sockets(pid):
    """The connected sockets of a process, as text; "" as long as it has none."""
    found = []
    for fd in os.listdir("/proc/%d/fd" % pid):
        try:
            found.append(os.readlink("/proc/%d/fd/%s" % (pid, fd)))
        except OSError:
            pass
    return "unix" if sum(x.startswith("socket:") for x in found) else ""


def test_rights_are_those_of_now(users):
    """A connection that was opened with more rights has them no longer than they are in force."""
    p = subprocess.Popen([os.path.join(rigs.BUILD, "rpopctl"), "-s", os.path.join(users.run, "user.sock"), "record", "add", ANNA + "/x",
        where(users.server), "auth_name=user", "tls=none", "--no-try"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, user=pwd.getpwnam(MAN).pw_uid, group=pwd.getpwnam(MAN).pw_gid, extra_groups=[])
    rigs.wait_for(lambda: "unix" in read_sockets(p.pid), "rpopctl to be connected")
    users.ctl("administrator", "remove", PM, "server")
    out, _ = p.communicate("word\n", timeout=rigs.PATIENCE)
    assert p.returncode == 1 and "is no account of yours" in out, out
    assert rows(users, "SELECT * FROM rpop") == []


def test_tokens_stay(users):
    """A record with a client or program of an administrator's is not led elsewhere by its user."""
    users.ctl("client", "add", "c", "token_url=https://idp.example/t", "client_id=i")
    assert add(users, GAMES, "isp", users.server, "period=").code == 0
    users.sqlite("UPDATE rpop SET password = NULL, oauth_client = 'c', refresh_token = 'r', tls = 'tls' WHERE name = 'isp';")
    users.ctl("reload")
    for word in ("domain=evil.example", "auth_name=x", "tls_name=evil.example"):
        refused(as_user(users, GAMES, "record", "set", "isp", word, typed="x\n"), "made by an administrator")


def test_password_is_for_its_account(users):
    """Nobody takes a record and its password over into another account."""
    users.ctl("account", "set", BERT, "can_modify_rpop=1")
    assert add(users, NEWS, CARL + "/isp", users.server).code == 0
    out = as_user(users, NEWS, "record", "set", CARL + "/isp", "account=" + BERT)
    assert out.code == 1
    assert rows(users, "SELECT account FROM rpop") == [(CARL,)]


def test_too_many_changes(users):
    """A user's changes are so many at once, and others are not held up by them."""
    assert add(users, GAMES, "isp", users.server).code == 0
    results = [as_user(users, GAMES, "record", "set", "isp", "period=%d" % (700 + i)) for i in range(22)]
    assert results[0].code == 0 and "too many changes at once" in results[-1].log
    assert add(users, NEWS, CARL + "/isp", users.server).code == 0
