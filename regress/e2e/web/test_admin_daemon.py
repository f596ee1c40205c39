# SPDX-License-Identifier: ISC
"""
The pages of administrators with the daemon and the program web as they are: settings are read, saved, refused; what is in the queue
and in quarantine is seen, tried again, released, dropped; alerts are made and removed.
"""
import html
import json
import os
import re
import socket
import urllib.parse

import pytest

from lib import rig as rigs
from lib.relay import PEOPLE, PM, listed, mail, states
from servers.smtp import OK, TEMP

F = pytest.importorskip("lib.fcgirig", reason="the program web is not there yet")
ADMIN = "anna@example.org"
WORD = "a word of Anna's"
HOSTILE = "\"'><script>alert(1)</script>&amp;"


class Browser:
    """Somebody who has logged in, behind a web server that speaks to the daemon's socket."""

    def __init__(self, path):
        self.path, self.cookie = path, None

    def ask(self, path, method="GET", body=b""):
        more = {"HTTP_COOKIE": self.cookie} if self.cookie else {}
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(rigs.PATIENCE)
            sock.connect(self.path)
            sock.sendall(F.request(path, method, body, **more))
            answer = F.Answer(F.Web.rest(sock))
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        return answer

    def login(self, address, password):
        a = self.ask("/", "POST", urllib.parse.urlencode({"address": address, "password": password}).encode())
        assert a.status == 303, a.page
        self.cookie = a.headers["Set-Cookie"].split(";")[0]
        return self

    def get(self, path, status=200):
        a = self.ask(path)
        assert a.status == status, (a.status, a.headers, a.body)
        assert "<script" not in a.page or a.headers["Content-Type"].startswith("text/plain")
        return a

    def form(self, path, page=None):
        """Hidden and other fields of the page that belong to its main form, as a browser would send them."""
        page = page or self.get(path).page
        typed = re.findall(r'<input type="text"[^>]* name="([^"]*)"[^>]* value="([^"]*)"', page)
        fields = {name: html.unescape(value) for name, value in typed}
        fields.update(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', page))
        for name, options in re.findall(r'<select id="[^"]*" name="([^"]*)"[^>]*>(.*?)</select>', page, re.S):
            fields[name] = html.unescape(re.search(r'value="([^"]*)" selected', options).group(1))
        return fields

    def post(self, path, status=303, **fields):
        token = self.form(None, self.get("/admin/status").page)["form"]
        fields.setdefault("form", token)
        a = self.ask(path, "POST", urllib.parse.urlencode(fields).encode())
        assert a.status == status, (a.status, a.body)
        return a

    def follow(self, answer):
        """The page that a redirection leads to, which says what was done."""
        return self.get(answer.headers["Location"]).page


def prepare(rig):
    """Anna administers the server, Bert does not; both know a password."""
    rig.settings["web_socket"] = os.path.join(rig.run, "web.sock")
    rig.write_db()
    rig.sqlite("UPDATE account SET password = '{PLAIN}' || %s WHERE name IN ('anna', 'bert');" % rigs.quote(WORD))
    rig.sqlite("INSERT INTO server_admin VALUES (%s);" % rigs.quote(ADMIN))


def browse(rig, address=ADMIN):
    path = os.path.join(rig.run, "web.sock")
    rigs.wait_for(lambda: os.path.exists(path), "the socket of web")
    return Browser(path).login(address, WORD)


@pytest.fixture
def plain(unified):
    prepare(unified)
    daemon = unified.start().ready()
    yield browse(unified)
    assert daemon.stop() == 0


def html_entities(page):
    """The apostrophe has two names."""
    return page.replace("&#39;", "&#x27;")


def stored(rig, column):
    return rig.sqlite("SELECT %s FROM settings;" % column)[1].rstrip("\n")


PAGES = ["/admin/rpop", "/admin/pop", "/admin/status", "/admin/queue", "/admin/quarantine", "/admin/alerts"]


@pytest.mark.parametrize("path", PAGES)
def test_not_for_users(unified, plain, path):
    bert = browse(unified, "bert@example.org")
    assert bert.ask(path).status == 403 and bert.ask(path, "POST", b"").status in (403, 405)


@pytest.mark.parametrize("path,column,value,wrong,sentence", [
    ("/admin/rpop", "processors", "7", "1001", "settings: processors must be 0..1000"),
    ("/admin/rpop", "log_level", "all", "loud", "settings: log_level must be crashes, failures, major, problems, low or all"),
    ("/admin/rpop", "delay_failed_hosts", "60", "9", "settings: delay_failed_hosts must be 10..604800 seconds"),
    ("/admin/rpop", "delay_failed_accounts", "61", "x", "settings: delay_failed_accounts"),
    ("/admin/rpop", "source_address", "127.0.0.1", "here", "settings: source_address must be numeric addresses"),
    ("/admin/rpop", "use_domain_addresses", "1", "2", "settings: use_domain_addresses must be 0 or 1"),
    ("/admin/rpop", "use_apop", "0", "2", "settings: use_apop must be 0 or 1"),
    ("/admin/rpop", "user_min_period", "900", "0", "settings: user_min_period must be 10..31536000 seconds"),
    ("/admin/rpop", "user_max_records", "0", "1001", "settings: user_max_records must be 0..1000 records"),
    ("/admin/rpop", "hostname", "other.test", "-x", "settings: hostname must be a host name"),
    ("/admin/rpop", "detail", "-", "x", "settings: detail must be the character"),
    ("/admin/pop", "pop_channels", "250", "10001", "settings: pop_channels must be 0..10000 sessions"),
    ("/admin/pop", "pop_log_level", "low", "loud", "settings: pop_log_level must be crashes"),
    ("/admin/pop", "pop_clear", "never", "often", "settings: pop_clear must be never, local or always"),
    ("/admin/pop", "unified_field", "X-Envelope-To", "To", "settings: unified_field names a field"),
    ("/admin/pop", "submit_limit", "5", "0", "settings: submit_limit must be 1..100000 messages")])
def test_setting(unified, plain, path, column, value, wrong, sentence):
    """A value is saved and in force, the others stay as they are; a wrong one is refused beside its field, as the schema says."""
    before = unified.sqlite("SELECT * FROM settings;")[1]
    fields = plain.form(path)
    a = plain.post(path, 422, **dict(fields, **{column: wrong}))
    assert sentence in html.unescape(re.search(r'<p class="error" id="e-%s">([^<]*)<' % column, a.page).group(1))
    assert unified.sqlite("SELECT * FROM settings;")[1] == before
    page = plain.follow(plain.post(path, **dict(fields, **{column: value})))
    assert 'class="note good"' in page and stored(unified, column) == value
    assert plain.form(path)[column] == value
    plain.post(path, **dict(plain.form(path), **{column: fields[column]}))
    assert unified.sqlite("SELECT * FROM settings;")[1] == before


def test_setting_null(unified, plain):
    plain.post("/admin/rpop", **dict(plain.form("/admin/rpop"), hostname=""))
    assert unified.sqlite("SELECT hostname IS NULL FROM settings;")[1] == "1\n"


def test_reserved(unified, plain):
    """What only root may set is no field, and is not taken from a form that has it."""
    fields = plain.form("/admin/pop")
    assert "pop_auth" not in fields and "web_socket" not in fields
    plain.post("/admin/pop", **dict(fields, pop_auth="checkpassword:/bin/sh", mail_root="/tmp", pop_idle="700"))
    assert stored(unified, "pop_auth, mail_root, pop_idle") == "store|%s|700" % unified.mail


def test_lost_update(unified, plain):
    """Two browsers, one row: the second one is told, and sees what is there now."""
    other = browse(unified)
    mine, theirs = plain.form("/admin/rpop"), other.form("/admin/rpop")
    other.post("/admin/rpop", **dict(theirs, processors="50"))
    a = plain.post("/admin/rpop", 422, **dict(mine, host_sessions="3"))
    assert "somebody has changed it meanwhile" in a.page and "Not saved; it is 50 now." in a.page
    assert stored(unified, "processors, host_sessions") == "50|10"
    plain.post("/admin/rpop", **dict(plain.form("/admin/rpop"), host_sessions="3"))
    assert stored(unified, "processors, host_sessions") == "50|3"


def test_listeners(unified, plain):
    unified.sqlite("INSERT INTO listener (address, port, tls) VALUES ('192.0.2.77', 1110, 'none');")
    unified.ctl("reload")
    page = plain.get("/admin/pop").page
    assert "<td>192.0.2.77</td><td>1110</td><td>none</td>" in page and '<tr class="wrong">' in page


def test_status(unified, plain):
    page = plain.get("/admin/status").page
    assert "The daemon works." in page and "There are no records." in page
    name = HOSTILE.replace("/", "")
    unified.sqlite("INSERT INTO rpop (account, name, domain, auth_name, password, period) VALUES ('bert@example.org', %s,"
        " '127.0.0.1:9', 'u', 'p', 3600);" % rigs.quote(name))
    unified.ctl("reload")
    rigs.wait_for(lambda: "failed</span>: " in plain.get("/admin/status").page, "the failure of a record")
    page = plain.get("/admin/status").page
    assert "Records that want a look (1)" in page and "/" + html.escape(name) + "</a>" in html_entities(page)


@pytest.fixture
def held(unified, smtp, pop3):
    """One recipient waits for a next hop, and one message is in quarantine: it has been here before."""
    hop = smtp("lmtp")
    hop.default = TEMP
    unified.nexthop("hub", hop)
    server = pop3(messages=[mail("m", PEOPLE[2:])])
    unified.record(PM, "r", server, special="X-Real-To", suppress=0)
    prepare(unified)
    assert unified.once().code == 0
    (data,), = unified.delivered().values()
    unified.sqlite("UPDATE account SET nexthop = 'hub' WHERE name = 'bert';")
    server.box.add(b"X-Real-To: info@example.org\r\n" + data.split(b"\n", 1)[1].replace(b"\n", b"\r\n"))
    server.box.add(mail("n", PEOPLE[1:2]))
    daemon = unified.start()
    rigs.wait_for(lambda: listed(unified, ["quarantine"]) and len([q for q in listed(unified) if q["tries"] > 0]) == 1, "the queue")
    unified.hop = hop
    yield browse(unified)
    assert daemon.stop() == 0


def test_queue(unified, held):
    row, = [q for q in listed(unified) if q["state"] == "waiting"]
    page = held.get("/admin/queue").page
    assert "Recipients that wait for a next hop: 1." in page and "<dd>bert@example.org</dd>" in page and "waits for hub" in page
    assert "In quarantine: 1" in page
    tries = row["tries"]
    page = held.follow(held.post("/admin/queue", retry=str(row["id"])))
    assert "tried now" in page
    rigs.wait_for(lambda: [q for q in listed(unified) if q["state"] == "waiting" and q["tries"] > tries], "another try")
    a = held.get("/admin/quarantine/message?id=%d" % row["id"])
    assert a.headers["Content-Type"].startswith("text/plain") and b"X-Test-Id: n" in a.body
    unified.hop.default = OK
    held.post("/admin/queue", retry="hub")
    rigs.wait_for(lambda: unified.hop.taken() == ["bert@example.org"], "the delivery")
    assert "neither a next hop nor" in held.post("/admin/queue", 422, retry="<none>").page


def test_quarantine(unified, held):
    row, = listed(unified, ["quarantine"])
    page = held.get("/admin/quarantine").page
    assert "<dd>example.org/info</dd>" in page and 'name="release" value="%d"' % row["id"] in page
    a = held.get("/admin/quarantine/message?id=%d" % row["id"])
    assert a.headers["Content-Type"].startswith("text/plain") and b"X-Test-Id: m" in a.body
    page = held.get("/admin/quarantine?drop=%d" % row["id"]).page
    assert "is removed for good" in page and len(listed(unified, ["quarantine"])) == 1
    assert held.post("/admin/quarantine", 422, release=str(row["id"]), to="nobody@example.net").status == 422
    page = held.follow(held.post("/admin/quarantine", release=str(row["id"]), to="anna@example.org"))
    assert "Nothing is in quarantine." in page
    rigs.wait_for(lambda: unified.idents().get("example.org/anna") == ["m"], "the release")


def test_quarantine_drop(unified, held):
    row, = listed(unified, ["quarantine"])
    held.get("/admin/quarantine/message?id=999", 404)
    page = held.follow(held.post("/admin/quarantine", drop=str(row["id"])))
    assert 'class="note good"' in page and "Nothing is in quarantine." in page and listed(unified, ["quarantine"]) == []
    assert 'class="note bad"' in held.post("/admin/quarantine", 422, drop=str(row["id"])).page


def test_alerts(unified, plain):
    page = plain.follow(plain.post("/admin/alerts", account="bert@example.org", text="<b>The server moves</b>"))
    assert "&lt;b&gt;The server moves&lt;/b&gt;" in page and "is told at the next login" in page
    alert, = json.loads(unified.ctl("-j", "alert", "list").log)["alerts"]
    assert alert["account"] == "bert@example.org"
    a = plain.post("/admin/alerts", 422, account="nobody@example.org", text="x<y")
    assert "no such account" in a.page and 'value="x&lt;y"' in a.page
    page = plain.follow(plain.post("/admin/alerts", remove=str(alert["id"])))
    assert "<p>None.</p>" in page and json.loads(unified.ctl("-j", "alert", "list").log)["alerts"] == []
