# SPDX-License-Identifier: ISC
"""What administrators do at the web page: settings, accounts, queue, quarantine, alerts; and trials and polls of anybody (U31, U32)."""
import json

import pytest

from lib import corpus, rig as rigs, website
from lib.website import ANNA, DORA, PM

pytestmark = website.needed()


def alerts(site):
    return json.loads(site.rig.ctl("-j", "alert", "list").log)["alerts"]


def settled(site):
    rigs.wait_for(lambda: all(r["state"] in ("idle", "disabled") for r in site.rig.status()["records"]), "the polls to end")


def test_queue(relayed):
    """What waits is listed with its reason; the button has it tried again."""
    b = relayed.browser(PM)
    page = b.get("/admin/queue")
    assert "sales@example.org" in page.text and "office" in page.text
    form = next(f for f in page.forms if "retry" in f and f["retry"] == "all")
    assert b.submit(form).status == 200
    rigs.wait_for(lambda: "sales@example.org" in relayed.hop.taken(), "the message")


def test_quarantine_release(relayed):
    """A message in quarantine is shown as text only, and released to whom the administrator says."""
    b = relayed.browser(PM)
    page = b.get("/admin/quarantine")
    assert "archive@example.org" in page.text
    show = next(f for f in page.forms if f.action.endswith("/quarantine/message"))
    shown = b.submit(show)
    assert shown.status == 200 and shown.head["content-type"].startswith("text/plain") and shown.head["x-content-type-options"] == "nosniff"
    assert b"<script>held</script>" in shown.body and "default-src 'none'" in shown.head["content-security-policy"]
    page = b.submit(page.form("release"), {"to": "nobody at all"})
    assert page.status == 422 and relayed.listed("quarantine")
    page = b.submit(b.get("/admin/quarantine").form("release"), {"to": ANNA})
    assert page.status == 200
    rigs.wait_for(lambda: "held" in relayed.rig.idents().get("example.org/anna", []), "the release")
    assert relayed.listed("quarantine") == []


def test_quarantine_drop(relayed):
    """Dropping asks first, and GET drops nothing."""
    b = relayed.browser(PM)
    page = b.get("/admin/quarantine")
    ask = next(f for f in page.forms if "drop" in f)
    page = b.submit(ask)
    assert relayed.listed("quarantine") or ask.method == "post"
    if ask.method == "get":
        page = b.submit(next(f for f in page.forms if "drop" in f and f.method == "post"))
    assert page.status == 200 and relayed.listed("quarantine") == []
    assert "held" not in str(relayed.rig.idents())


def test_alerts(site):
    """An alert is made, listed and removed; what is no address or no text is refused beside what was typed."""
    site.start()
    b = site.browser(PM)
    page = b.submit(b.get("/admin/alerts").form("text"), {"account": ANNA, "text": "the <disk> & more"})
    assert page.status == 200 and "the <disk> & more" in page.text
    alert, = alerts(site)
    assert (alert["account"], alert["text"]) == (ANNA, "the <disk> & more")
    page = b.submit(page.form("text"), {"account": "nobody@example.org", "text": "kept"})
    assert page.status == 422 and page.form("text")["text"] == "kept" and page.form("text")["account"] == "nobody@example.org"
    b.submit(next(f for f in page.forms if "remove" in [n for n, _ in f.buttons]), button="remove")
    assert alerts(site) == []


def test_every_setting(site):
    """Each setting is on one of both pages; saving a page as it is changes none of them."""
    site.start()
    b = site.browser(PM)
    before = site.rows("SELECT * FROM settings;")
    seen, said = set(), ""
    for path in ("/admin/rpop", "/admin/pop"):
        page = b.get(path)
        form = page.form("was")
        seen |= set(form.names())
        said += page.text
        assert b.submit(form).status == 200
    columns = {row[1] for row in site.rows("PRAGMA table_info(settings);")} - {"id"}
    assert sorted(c for c in columns if c not in seen and "set by root: %s" % c not in said) == []
    assert site.rows("SELECT * FROM settings;") == before


@pytest.mark.parametrize("column,good,bad", [("processors", "7", "1001"), ("user_max_records", "9", "x"), ("pop_idle", "700", "599"),
    ("pop_per_address", "3", "0"), ("detail", "-", "--"), ("unified_field", "X-Their-To", "To"), ("source_address", "127.0.0.1", "localhost")])
def test_setting(site, column, good, bad):
    """A good value is in the store and in force; a bad one is the constraint's sentence, and nothing is changed."""
    site.start()
    b = site.browser(PM)
    path = next(p for p in ("/admin/rpop", "/admin/pop") if column in b.get(p).form("was"))
    assert b.submit(b.get(path).form("was"), {column: good}).status == 200
    assert site.rows("SELECT %s FROM settings;" % column) == [[good]]
    page = b.submit(b.get(path).form("was"), {column: bad})
    assert page.status == 422 and column in page.text
    assert site.rows("SELECT %s FROM settings;" % column) == [[good]]


def test_setting_alone(site):
    """A change of one setting does not bring into force what somebody else has begun in the store, nor does that stop it."""
    site.start()
    b = site.browser(PM)
    form = b.get("/admin/rpop").form("was")
    site.rig.sqlite(rigs.insert("rpop", {"account": ANNA, "name": "pending", "domain": "pop.example.net", "auth_name": "user",
        "password": "x", "period": 3600}))
    assert b.submit(form, {"processors": "7"}).status == 200
    assert [r["name"] for r in site.rig.status()["records"]] == ["isp"]


def test_settings_meanwhile(site):
    site.start()
    b, other = site.browser(PM), site.browser(PM)
    forms = [x.get("/admin/rpop").form("was") for x in (b, other)]
    assert b.submit(forms[0], {"processors": "7"}).status == 200
    page = other.submit(forms[1], {"processors": "8"})
    assert page.status == 422 and "meanwhile" in page.text
    assert site.rows("SELECT processors FROM settings;") == [["7"]]


def test_accounts(site):
    """A domain's administrator sees the accounts of his domain, the server's all; nobody else's can be reached."""
    site.start()
    domain, server = site.browser(DORA), site.browser(PM)
    assert "carl@example.com" not in domain.get("/admin/accounts").text and "carl@example.com" in server.get("/admin/accounts").text
    assert domain.get("/admin/records?account=" + ANNA).form("update")
    page = domain.get("/admin/records?account=carl@example.com")
    assert page.status in (403, 404, 422) or "update" not in {name for f in page.forms for name, _ in f.buttons}


def test_trial(site, mailbox, dovecot_server):
    """Try says what a poll would do, and does nothing; Poll now polls."""
    user, word = mailbox([corpus.mail("one"), corpus.mail("two")])
    row = site.rig.record(ANNA, "mine", dovecot_server, user, word, period=None)
    site.rig.sqlite(rigs.insert("rpop", row))
    site.start()
    b = site.browser(PM)
    page = b.get("/admin/records?account=" + ANNA)
    links = [link for link in page.links if "/try?" in link and "mine" in link]
    trial = b.send("GET", links[0])
    page = b.submit(trial.forms[-1] if "record" in trial.forms[-1] else trial.form("record"))
    assert page.status == 200 and page.text.count("would be retrieved") == 2
    assert site.rig.delivered() == {} and len(dovecot_server.messages(user)) == 2


def test_poll_now(site, mailbox, dovecot_server):
    user, word = mailbox([corpus.mail("one")])
    site.rig.sqlite(rigs.insert("rpop", site.rig.record(ANNA, "mine", dovecot_server, user, word)))
    site.start()
    rigs.wait_for(lambda: site.rig.idents() == {"example.org/anna": ["one"]}, "the first poll")
    settled(site)
    dovecot_server.add(user, corpus.mail("two"))
    b = site.browser(PM)
    page = b.get("/admin/records?account=" + ANNA)
    form = next(f for f in page.forms if f.action.endswith("/poll"))
    button = next(name for name, value in form.buttons if value == "mine")
    assert b.submit(form, button=button).status == 200
    rigs.wait_for(lambda: site.rig.idents() == {"example.org/anna": ["one", "two"]}, "the second poll")


def test_off(rig):
    """Without web_socket there is no process, and no socket."""
    s = website.Site(rig)
    rig.sqlite("UPDATE settings SET web_socket = NULL, web_group = NULL;")
    daemon = rig.start().ready()
    assert "web ready" not in daemon.log() and not [p for p in daemon.processes().get("web", [])]
    rig.sqlite("UPDATE settings SET web_socket = '%s', web_group = 'www-data';" % s.socket)
    rig.ctl("reload")
    rigs.wait_for(lambda: "web ready" in daemon.log(), "the web page")
    rig.sqlite("UPDATE settings SET web_socket = NULL, web_group = NULL;")
    rig.ctl("reload")
    rigs.wait_for(lambda: not daemon.processes().get("web", []), "its end")
