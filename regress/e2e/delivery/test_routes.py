# SPDX-License-Identifier: ISC
"""Table route: aliases, details, patterns, folders, refusals; loops named at load; rpopctl route."""
import json
import os
import pwd
import sqlite3
import subprocess

import pytest

from lib import corpus, rig as rigs
from servers.dovecot import Dovecot

PM = "postmaster@example.org"

ROUTES = """
INSERT INTO domain (name, source_routes) VALUES ('old.example', 0), ('example.com', 1), ('catch.example', 0);
INSERT INTO nexthop (id, name, protocol, address) VALUES (7, 'old server', 'smtp', '192.0.2.1:26'), (8, 'local', 'lmtp', '/run/lmtp');
INSERT INTO account (name, domain, nexthop) VALUES ('away', 'example.org', 'local');
INSERT INTO accounts (address) VALUES ('dora+eva@example.org');
INSERT INTO route (address, target) VALUES ('team@example.org', 'anna@example.org'), ('team@example.org', 'bert@example.org'),
    ('all@example.org', 'team@example.org'), ('all@example.org', 'info@example.org'), ('all@example.org', 'sales@example.org'),
    ('*@old.example', '*@example.org'), ('*@catch.example', 'info@example.org'), ('boss@old.example', 'bert@example.org');
INSERT INTO route (address, target, folder) VALUES ('bsd@example.org', 'anna@example.org', 'Lists/bsd');
INSERT INTO route (address, nexthop) VALUES ('*@example.com', 'old server');
INSERT INTO route (address, target, nexthop) VALUES ('moved@example.org', 'new.name@elsewhere.example', 'old server');
INSERT INTO route (address, action, text) VALUES ('gone@example.org', 'reject', 'no longer here');
INSERT INTO route (address, action) VALUES ('noise@example.org', 'discard');
"""

# address in the envelope, directories it leads to
CASES = [
    ("anna@example.org", ["anna"]),
    ("Anna+Shopping@Example.ORG", ["anna"]),
    ("dora+eva@example.org", ["dora+eva"]),
    ("dora+eva+x@example.org", ["dora+eva"]),
    ("dora@example.org", ["postmaster"]),
    ("team@example.org", ["anna", "bert"]),
    ("team+urgent@example.org", ["anna", "bert"]),
    ("all@example.org", ["anna", "bert", "info"]),
    ("anna@old.example", ["anna"]),
    ("anna+x@old.example", ["anna"]),
    ("all@old.example", ["anna", "bert", "info"]),
    ("boss@old.example", ["bert"]),
    ("nobody@old.example", ["postmaster"]),
    ("who.ever+x@catch.example", ["info"]),
    ("bsd@example.org", ["anna/.Lists.bsd"]),
    ("bsd@example.org, anna@example.org, team@example.org", ["anna", "anna/.Lists.bsd", "bert"]),
]


@pytest.fixture
def routed(unified):
    unified.write_db()
    unified.sqlite(ROUTES)
    return unified


def running(rig):
    """A daemon whose deliverer has the table."""
    d = rig.start()
    rigs.wait_for(lambda: rig.ctl("route", PM, check=False).code == 0, "an answer of the deliverer")
    return d


def add(rig, server, **columns):
    row = rig.record(PM, "unified", server, special="X-Real-To", **columns)
    rig.sqlite(rigs.insert("rpop", row))


def check(rig):
    """rpopd -n"""
    d = rigs.Daemon(rig, rig.argv("-n"))
    return d.wait(), d.log()


def damage(rig, sql):
    """What the triggers would refuse."""
    db = sqlite3.connect(rig.db)
    db.executescript("DROP TRIGGER route_insert; DROP TRIGGER route_update; DROP TRIGGER account_delete;" + sql)
    db.close()


def test_distribution(routed, pop3):
    s = pop3(messages=[corpus.mail("r%d" % i, [("X-Real-To", a)]) for i, (a, _) in enumerate(CASES)])
    add(routed, s)
    assert routed.once().code == 0
    got = {}
    for where, idents in routed.idents().items():
        for ident in idents:
            got.setdefault(ident, []).append(where)
    for i, (address, who) in enumerate(CASES):
        assert sorted(got["r%d" % i]) == ["example.org/" + w for w in who], address


@pytest.fixture
def people(pki):
    """A Dovecot that can say who its users are: those of its second userdb."""
    directory = rigs.scratch("rpdv.")
    with open(os.path.join(directory, "people"), "w") as f:
        f.write("from-dovecot@example.org::65534:65534::/nonexistent::\n")
    d = Dovecot(directory, pki, "userdb {\n  driver = passwd-file\n  args = %s/people\n}\n" % directory)
    yield d
    d.stop()


def test_accounts_from_elsewhere(routed, people):
    """The commands of rpopd.db(5) that make accounts of a machine's and of Dovecot's users; a second run changes nothing."""
    with open(os.path.join(rigs.REPO, "rpopd", "rpopd.db.5")) as f:
        script = f.read().split("whenever there are new ones:\n.Bd -literal -offset indent\n")[1].split(".Ed")[0]
    script = script.replace("\n#", "\n").lstrip("#").replace("doveadm user", "doveadm -c %s user" % people.path("dovecot.conf"))
    assert "getent" in script and "doveadm" in script and "\\" not in script
    for _ in range(2):
        p = subprocess.run(["sh", "-ec", script], cwd=os.path.dirname(routed.db), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert p.returncode == 0 and "near line" not in p.stdout, p.stdout
        wanted = {u.pw_name for u in pwd.getpwall() if 1000 <= u.pw_uid < 60000} | {"from-dovecot"}
        assert wanted <= {name for name, in sqlite3.connect(routed.db).execute("SELECT name FROM account WHERE domain = 'example.org'")}
    assert check(routed)[0] == 0


def test_detail_is_a_setting(routed, pop3):
    routed.sqlite("UPDATE settings SET detail = '-';")
    add(routed, pop3(messages=[corpus.mail("minus", [("X-Real-To", "anna-x@example.org")]),
        corpus.mail("plus", [("X-Real-To", "anna+x@example.org")])]))
    assert routed.once().code == 0
    assert routed.idents() == {"example.org/anna": ["minus"], "example.org/postmaster": ["plus"]}


EXPLAINED = [
    ("anna+x@old.example", ["anna+x@old.example: row *@old.example -> *@example.org",
        "anna+x@example.org: an account, without its detail", "=> account example.org/anna: Maildir example.org/anna"]),
    ("all@example.org", ["all@example.org: row all@example.org -> team@example.org",
        "team@example.org: row team@example.org -> anna@example.org", "anna@example.org: an account",
        "team@example.org: row team@example.org -> bert@example.org", "bert@example.org: an account",
        "all@example.org: row all@example.org -> info@example.org", "info@example.org: an account",
        "all@example.org: row all@example.org -> sales@example.org", "sales@example.org: row sales@example.org -> bert@example.org",
        "bert@example.org: an account",
        "=> account example.org/anna: Maildir example.org/anna", "=> account example.org/bert: Maildir example.org/bert",
        "=> account example.org/info: Maildir example.org/info"]),
    ("bsd@example.org", ["bsd@example.org: row bsd@example.org -> anna@example.org, folder Lists/bsd",
        "=> account example.org/anna: Maildir example.org/anna/.Lists.bsd"]),
    ("x+y@example.com", ["x+y@example.com: row *@example.com", "x+y@example.com: handed on to next hop old server",
        "=> next hop old server as x+y@example.com; ignored where special is '*'"]),
    ("moved@example.org", ["moved@example.org: row moved@example.org -> new.name@elsewhere.example",
        "moved@example.org: handed on to next hop old server",
        "=> next hop old server as new.name@elsewhere.example; ignored where special is '*'"]),
    ("away+x@example.org", ["away+x@example.org: an account, without its detail",
        "=> account example.org/away: next hop local as away+x@example.org"]),
    ("gone@example.org", ["gone@example.org: row gone@example.org rejects: no longer here",
        "=> rejected: no longer here; ignored where special is '*'"]),
    ("noise@example.org", ["noise@example.org: row noise@example.org discards", "=> discarded; ignored where special is '*'"]),
    ("nobody@example.org", ["nobody@example.org: not known here",
        "=> nowhere; from a special header it goes to the postmaster, from To, Cc and Bcc it is ignored"]),
    ("someone@elsewhere.example", ["someone@elsewhere.example: not known here",
        "=> nowhere; from a special header it goes to the postmaster, from To, Cc and Bcc it is ignored"]),
    ("anna%example.org@example.com", ["anna%example.org@example.com: stands for anna@example.org, as source_routes of its domain allows",
        "anna@example.org: an account", "=> account example.org/anna: Maildir example.org/anna"]),
    ("anna%example.org@example.org", ["anna%example.org@example.org: not known here",
        "=> nowhere; from a special header it goes to the postmaster, from To, Cc and Bcc it is ignored"]),
    ("<anna@example.org>", ["anna@example.org: an account", "=> account example.org/anna: Maildir example.org/anna"]),
]


def test_explained(routed):
    d = running(routed)
    for address, lines in EXPLAINED:
        answer = routed.ctl("-j", "route", address)
        assert json.loads(answer.log) == {"ok": True, "lines": lines}, address
    assert routed.ctl("route", "gone@example.org").log == "\n".join(dict(EXPLAINED)["gone@example.org"]) + "\n"
    for address in ("anna", "a b@\x1b[1m", "no@body@x", "x" * 400 + "@example.org"):
        answer = routed.ctl("-j", "ro", address, check=False)
        assert answer.code == 1 and json.loads(answer.log)["ok"] is False
        assert len(address) > 320 or "not an address: write local-part@domain" in routed.ctl("route", address, check=False).log
    assert d.stop() == 0


def test_too_long(routed, pop3):
    """A copy whose rewritten address is too long goes to the postmaster, beside the places that can be reached; route says so."""
    far = ".".join(["d" * 60] * 3) + ".example"
    routed.sqlite("INSERT INTO route (address, target, nexthop) VALUES ('*@catch.example', '*@%s', 'old server');" % far)
    address = "x" * 150 + "@catch.example"
    add(routed, pop3(messages=[corpus.mail("long", [("X-Real-To", address)])]))
    d = running(routed)
    lines = json.loads(routed.ctl("-j", "route", address).log)["lines"]
    assert "=> account example.org/info: Maildir example.org/info" in lines
    assert lines[-1].startswith("=> and, from a special header, to the postmaster: an address becomes too long")
    rigs.wait_for(lambda: len(routed.idents()) == 2, "the message in two Maildirs")
    assert routed.idents() == {"example.org/info": ["long"], "example.org/postmaster": ["long"]}
    assert d.stop() == 0


LOOP = "INSERT INTO route (address, target) VALUES ('x@example.org', 'y@example.org'), ('y@example.org', '%s');"


@pytest.mark.parametrize("sql,sentence", [
    (LOOP % "x@example.org", "route x@example.org: a loop: x@example.org -> y@example.org -> x@example.org"),
    (LOOP % "y@example.org", "route y@example.org: a loop: y@example.org -> y@example.org"),
    ("INSERT INTO route (address, target) VALUES ('*@example.org', '*@old.example')",
        "route *@old.example: a loop: *@old.example -> *@example.org -> *@old.example"),
    (LOOP % "typo@example.org", "route y@example.org: target typo@example.org leads nowhere: make it an account or an address of "
        "table route, or name a nexthop"),
    ("INSERT INTO route (address, target) VALUES ('z@example.org', 'z@elsewhere.example')",
        "route z@example.org: target z@elsewhere.example leads nowhere"),
    ("INSERT INTO route (address, target, folder) VALUES ('z@example.org', 'team@example.org', 'X')",
        "route z@example.org: folder is for a target that is an account, which team@example.org is not"),
    ("INSERT INTO route (address, target) VALUES ('z@elsewhere.example', 'anna@example.org')",
        "route z@elsewhere.example: the domain of address is not in table domain"),
    ("INSERT INTO route (address, target) VALUES ('anna@example.org', 'bert@example.org')",
        "route anna@example.org: address is an account of its own"),
    ("INSERT INTO route (address, nexthop) VALUES ('z@example.org', 'none')",
        "route z@example.org: nexthop is 'none', which is not in table nexthop"),
    ("DELETE FROM account WHERE name = 'info'", "route all@example.org: target info@example.org leads nowhere"),
])
def test_bad_route(routed, pop3, sql, sentence):
    """Named at load, and a reload leaves the old table in force."""
    server = pop3(messages=[corpus.mail("one", [("X-Real-To", "all@example.org")])])
    d = running(routed)
    damage(routed, sql)
    code, log = check(routed)
    assert code == 1 and sentence in log
    answer = routed.ctl("reload", check=False)
    assert answer.code == 1 and sentence in answer.log
    assert "=> account example.org/info" in routed.ctl("route", "all@example.org").log
    routed.sqlite("DELETE FROM route WHERE address GLOB '[xyz]@*' OR address IN ('*@example.org', 'anna@example.org');"
        "INSERT OR IGNORE INTO accounts (address) SELECT 'info@example.org' WHERE NOT EXISTS (SELECT 1 FROM account WHERE name = 'info');")
    add(routed, server)
    routed.ctl("reload")
    rigs.wait_for(lambda: len(routed.idents()) == 3, "the message in three Maildirs")
    assert d.stop() == 0


def test_reload_changes_routes(routed, pop3):
    """A table swapped while the daemon runs, in both directions."""
    d = running(routed)
    assert "row sales@example.org -> bert@example.org" in routed.ctl("route", "sales@example.org").log
    routed.sqlite("UPDATE route SET target = 'anna@example.org' WHERE address = 'sales@example.org';")
    assert "row sales@example.org -> bert@example.org" in routed.ctl("route", "sales@example.org").log
    routed.ctl("reload")
    rigs.wait_for(lambda: "row sales@example.org -> anna@example.org" in routed.ctl("route", "sales@example.org").log, "the new table")
    add(routed, pop3(messages=[corpus.mail("one", [("X-Real-To", "sales@example.org")])]))
    routed.ctl("reload")
    rigs.wait_for(lambda: routed.idents() == {"example.org/anna": ["one"]}, "the message")
    assert d.stop() == 0


def test_many(unified, pop3):
    """A table of many frames, and the first, the last and a missing row of it."""
    unified.write_db()
    db = sqlite3.connect(unified.db)
    db.executemany("INSERT INTO route (address, target) VALUES (?, ?)",
        (("alias%d@example.org" % i, ("anna", "bert", "info")[i % 3] + "@example.org") for i in range(20000)))
    db.commit()
    db.close()
    add(unified, pop3(messages=[corpus.mail(n, [("X-Real-To", n + "@example.org")]) for n in ("alias0", "alias19999", "alias20000")]))
    assert unified.once().code == 0
    assert unified.idents() == {"example.org/anna": ["alias0"], "example.org/bert": ["alias19999"], "example.org/postmaster": ["alias20000"]}


def test_asked_while_the_deliverer_is_gone(routed):
    """The question ends when the deliverer does, and is answered by the next one."""
    d = running(routed)
    first = d.one("deliverer")
    os.kill(first, 9)
    rigs.wait_for(lambda: routed.ctl("route", PM, check=False).code == 0 and d.processes()["deliverer"] not in ([], [first]),
        "another deliverer")
    assert d.stop() == 0
