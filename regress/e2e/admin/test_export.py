# SPDX-License-Identifier: ISC
"""rpopctl export: records as dictionaries of CommuniGate and back, what is told of the rest, and the store as SQL and JSON."""
import json
import os
import sqlite3
import subprocess

import pytest

from lib import rig as rigs

COLUMNS = "account, name, domain, auth_name, CAST(password AS BLOB), period, mailbox, special, leave, apop, tls"


class Server:
    host, port, tls = "pop.example.net", 1110, "none"


def rows(rig, columns=COLUMNS):
    with sqlite3.connect("file:%s?mode=ro" % rig.db, uri=True, timeout=30) as c:
        return c.execute("SELECT %s FROM rpop ORDER BY account, name" % columns).fetchall()


@pytest.fixture
def store(personal):
    """Records that a dictionary can say, odd ones among them."""
    for owner, name, columns in (
            ("anna@example.org", "isp", dict(period=None, leave=1)),
            ("anna@example.org", 'my "isp"; {x}', dict(password='p"\\;{=}', apop=1, mailbox="Lists/bsd")),
            ("postmaster@example.org", "all", dict(special="X-Real-To", period=86400, user="m\u00fcller", tls="tls", password="\u00e4"))):
        personal.record(owner, name, Server, **dict(dict(period=None), **columns))
    return personal


def write(rig, text):
    path = os.path.join(rig.dir, "rpop.txt")
    with open(path, "w") as f:
        f.write(text)
    return path


def test_there_and_back(store):
    d = store.start()
    was = rows(store)
    text = store.ctl("export", "communigate", "--passwords").log
    assert "has exported its password" in d.log()
    store.sqlite("DELETE FROM rpop")
    store.ctl("reload")
    store.ctl("import", "communigate", write(store, text), "--apply")
    assert rows(store) == was
    one = store.ctl("export", "communigate", "anna@example.org", "--passwords").log
    store.ctl("import", "communigate", write(store, one), "account=anna", "--replace-all", "--apply")
    assert rows(store) == was
    d.stop()


def test_without_passwords(store):
    """No password is in it, and that is said, as is what a dictionary has no key for."""
    store.records[0].update(tls="stls", leave_days=30)
    d = store.start()
    r = store.ctl("export", "communigate")
    assert "s3cret" not in r.log and "authName = user" in r.log
    for what in ("password: is not written without --passwords", "tls = stls", "leave_days: a dictionary has no key for it"):
        assert "anna@example.org/isp: " + what in r.log
    got = json.loads(store.ctl("-j", "export", "communigate", "anna@example.org").log)
    assert got["ok"] and got["dictionary"].startswith("{\n") and len(got["lost"]) == 4
    assert "no such account" in store.ctl("export", "communigate", "nobody@example.org", check=False).log
    assert "there are communigate" in store.ctl("export", "pine", check=False).log
    d.stop()


def test_columns(personal):
    """The exporter knows every column of the schema, so that none is lost without a word."""
    personal.write_db()
    with sqlite3.connect("file:%s?mode=ro" % personal.db, uri=True) as c:
        columns = {row[1] for row in c.execute("PRAGMA table_info(rpop)")}
    with open(os.path.join(rigs.REPO, "rpopctl", "import", "communigate_write.c")) as f:
        known = f.read().split("communigate_columns[] = {")[1].split("NULL }")[0]
    assert columns == {word.strip().strip('"') for word in known.split(",") if word.strip()}


def test_store_as_sql(personal, pop3, smtp):
    """export sql makes an equal store, but for its secrets; export json has the same rows."""
    hop = smtp("lmtp")
    personal.nexthop("it's", hop)
    personal.client("app", type("Idp", (), {"url": lambda self: "https://idp.example/t"})(), client_secret="x", grant_type="client_credentials")
    personal.record("anna@example.org", "isp", pop3(messages=[]), mailbox="Lists/o'bsd", period=None)
    personal.record("anna@example.org", "app", pop3(messages=[]), password=None, oauth_client="app", tls="tls")
    personal.record("postmaster@example.org", "all", pop3(messages=[]), special="X-To", domains="example.org")
    personal.write_db()
    personal.sqlite("""INSERT INTO route (address, target) VALUES ('z@example.org', 'anna@example.org'), ('a@example.org', 'z@example.org');
        INSERT INTO route (address, nexthop) VALUES ('*@example.org', 'it''s');
        INSERT INTO route (address, action, text) VALUES ('gone@example.org', 'reject', 'it''s gone');
        INSERT INTO schedule (name, days) VALUES ('week', '12345'); UPDATE settings SET schedule = 'week', archive = 'z@example.org';
        INSERT INTO listener (address, port, tls) VALUES ('127.0.0.1', 1, 'none'); UPDATE settings SET pop_channels = 0;
        INSERT INTO listener (address, port, cert, key) VALUES ('127.0.0.1', 2, '/c', '/k'); INSERT INTO certificate VALUES ('127.0.0.1', 2, '/it''s', '/k');
        INSERT INTO acl VALUES ('anna@example.org', 'INBOX', 'anyone', 'lr');
        INSERT INTO domain_admin (account, domain, can_modify_rpop) VALUES ('anna@example.org', 'example.org', 0); INSERT INTO server_admin VALUES ('anna@example.org');
        UPDATE account SET unix_user = 'games', password = '{PLAIN}s3cret-too' WHERE name = 'anna';""")
    personal.start().ready()
    text = personal.ctl("export", "sql").log
    assert "s3cret" not in text and "disabled until its password is set again; period was 3600" in text
    store = os.path.join(personal.dir, "again", "rpopd.db")
    assert subprocess.run([rigs.BUILD + "/rpopctl", "init", "-f", store]).returncode == 0
    p = subprocess.run(["sqlite3", "-batch", "-bail", "-init", "/dev/null", store], input=text, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    assert p.returncode == 0 and p.stdout == "", p.stdout
    both = []
    for path in (personal.db, store):
        c = sqlite3.connect(path)
        both.append({t: c.execute(q).fetchall() for t, q in {
            "domain": "SELECT * FROM domain", "settings": "SELECT * FROM settings", "route": "SELECT * FROM route ORDER BY 1, 2",
            "schedule": "SELECT * FROM schedule", "listener": "SELECT * FROM listener", "certificate": "SELECT * FROM certificate",
             "acl": "SELECT * FROM acl", "admins": "SELECT * FROM administrators",
            "account": "SELECT id, name, domain, nexthop, can_modify_rpop, unix_user FROM account",
            "nexthop": "SELECT * FROM nexthop", "client": "SELECT name, token_url, client_id FROM oauth_client",
            "rpop": "SELECT account, name, domain, auth_name, mailbox, special, domains, leave, tls, oauth_client FROM rpop ORDER BY 1, 2"}.items()})
        c.close()
    assert both[0] == both[1]
    found = json.loads(personal.ctl("export", "json").log)
    assert found["ok"] is True and [r["name"] for r in found["records"]] == ["app", "isp", "all"]
    assert found["accounts"][0]["password"] in (True, None) and len(found["routes"]) == 4 and found["settings"][0]["schedule"] == "week"
