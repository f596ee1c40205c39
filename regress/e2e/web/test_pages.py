# SPDX-License-Identifier: ISC
"""The web page in Chromium, as people use it: log in, records, trials, passwords, and what administrators have (U20)."""
import pytest

from clients.chrome import Chrome
from lib import corpus, rig as rigs, website
from lib.website import ANNA, BERT, COOKIE, DORA, PAGES, PM, SERVER

pytestmark = website.needed()


@pytest.fixture(scope="module")
def chrome():
    c = Chrome()
    yield c
    c.close()


@pytest.fixture
def tab(chrome):
    t = chrome.tab()
    yield t
    t.close()


def number(tab, name):
    """The number of a record's row, "" for the row that adds one."""
    for field, value in tab.js("[...document.querySelectorAll('[name^=\"row.\"]')].map(e => [e.name, e.value])"):
        if value == name:
            return field.partition(".")[2]
    raise AssertionError("no row of %r: %s" % (name, tab.text()))


def fill_row(tab, record, **columns):
    n = number(tab, record)
    tab.fill_in({"%s.%s" % (column, n): value for column, value in columns.items()})
    return n


def update(tab):
    tab.press("button[name=update]")


def around(tab, n):
    """The text of a record's row, with what is said beside it."""
    return tab.js('document.querySelector("[name=\\"row.%s\\"]").closest(".record, tr, fieldset").innerText' % n)


def test_login(site, tab):
    """A wrong password says so and keeps the address; the right one leads to the records; the cookie is as it has to be."""
    site.start()
    tab.go(site.url())
    assert tab.js("document.querySelector('input[name=password]').type") == "password"
    tab.fill(address=ANNA, password="wrong")
    tab.press("form:has([name=password]) button")
    assert tab.js("!!document.querySelector('input[name=password]')") and tab.value("address") == ANNA and tab.value("password") == ""
    assert COOKIE not in tab.cookies() and tab.js("document.querySelector('.note.bad, .error').innerText")
    site.enter(tab, ANNA)
    cookie = tab.cookies()[COOKIE]
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"], cookie["path"], cookie["session"]) == (True, True, "Strict", "/", True)
    assert len(cookie["value"]) == 64 and tab.path() == "/records" and ANNA in tab.text()


def test_add_change_remove(site, tab):
    """An empty row adds a record, Update changes it, Disabled keeps it, Never removes it; an empty password stays what it was."""
    site.start()
    site.enter(tab, ANNA)
    fill_row(tab, "", name="work", period="3600", auth_name="anna", domain="pop.example.com", password="s3cret-work", leave=False)
    update(tab)
    assert site.rows("SELECT auth_name, domain, password, period, leave, self_service FROM rpop WHERE name = 'work';") == [
        ["anna", "pop.example.com", "s3cret-work", "3600", "0", "1"]]
    n = number(tab, "work")
    assert tab.value("password." + n) == "" and "s3cret-work" not in tab.js("document.documentElement.outerHTML")
    fill_row(tab, "work", period="7200", leave=True)
    update(tab)
    assert site.rows("SELECT password, period, leave FROM rpop WHERE name = 'work';") == [["s3cret-work", "7200", "1"]]
    fill_row(tab, "work", period="disabled")
    update(tab)
    assert site.period("work") == "" and "work" in site.names()
    fill_row(tab, "work", period="never")
    update(tab)
    assert site.names() == ["isp"]


def test_several_at_once(site, tab):
    """One Update changes, removes and adds, all of it."""
    site.own_record(ANNA, "old")
    site.start()
    site.enter(tab, ANNA)
    fill_row(tab, "isp", leave=False)
    fill_row(tab, "old", period="never")
    fill_row(tab, "", name="new", period="disabled", auth_name="anna", domain="pop.example.com", password="s3cret-new")
    update(tab)
    assert site.names() == ["isp", "new"] and site.rows("SELECT leave FROM rpop WHERE name = 'isp';") == [["0"]]


def test_error_beside_its_row(site, tab):
    """What is refused stands beside its row, with what was typed, but never the password; nothing is changed."""
    site.own_record(ANNA, "good")
    site.start()
    site.enter(tab, ANNA)
    n = fill_row(tab, "isp", domain="https://pop.example.net/", password="s3cret-new")
    update(tab)
    assert "without a scheme such as https://" in around(tab, n)
    assert tab.value("domain." + n) == "https://pop.example.net/" and tab.value("password." + n) == ""
    assert "s3cret-new" not in tab.js("document.documentElement.outerHTML")
    assert "without a scheme" not in around(tab, number(tab, "good"))
    assert site.rows("SELECT domain, password FROM rpop WHERE name = 'isp';") == [["pop.example.net", "s3cret-word"]]


def test_last(site, tab, mailbox, dovecot_server):
    """Last shows a time after a good poll, and the error after a bad one."""
    user, word = mailbox([corpus.mail("one")])
    for name, typed in (("good", word), ("bad", "s3cret-wrong")):
        row = site.rig.record(ANNA, name, dovecot_server, user, typed, mailbox="Lists")
        site.rig.sqlite(rigs.insert("rpop", row))
    site.start()
    rigs.wait_for(lambda: all(r["last_error"] or r.get("last_success") for r in site.rig.status()["records"] if r["name"] != "isp"), "the polls")
    site.enter(tab, ANNA)
    texts = {name: tab.js('[...document.querySelectorAll(".record, tr")].map(e => [...e.querySelectorAll("input")].some(i => i.value == "%s")'
        ' ? e.innerText : "").join("")' % name) for name in ("good", "bad")}
    assert "login" in texts["bad"] and "login" not in texts["good"]
    assert tab.js("document.querySelectorAll('time').length") >= 1


def test_not_allowed(site, tab):
    """Who does not keep his records himself sees them, and has no button that changes one."""
    site.own_record(BERT, "his")
    site.start()
    site.enter(tab, BERT)
    assert tab.js("[...document.querySelectorAll('input')].some(e => e.value == 'his')") or "his" in tab.text()
    assert not tab.js("!!document.querySelector('button[name=update]')")


def test_password(site, tab, chrome):
    """The old password is needed, both new ones agree; afterwards other browsers are out, and the new password is right."""
    site.start()
    other = chrome.tab()
    site.enter(other, ANNA)
    site.enter(tab, ANNA)
    for old, new, again in (("wrong", "n3w-word", "n3w-word"), ("s3cret-anna", "n3w-word", "n3w-other")):
        tab.go(site.url("/password"))
        tab.fill(old=old, new=new, again=again)
        tab.press("form:has([name=again]) button")
        assert tab.js("!!document.querySelector('.note.bad, .error')"), tab.text()
    assert site.rig.ctl("account", "check", ANNA, typed="s3cret-anna\n").code == 0
    tab.go(site.url("/password"))
    tab.fill(old="s3cret-anna", new="n3w-word", again="n3w-word")
    tab.press("form:has([name=again]) button")
    assert site.rig.ctl("account", "check", ANNA, typed="n3w-word\n").code == 0
    other.go(site.url("/records"))
    assert other.js("!!document.querySelector('input[name=password]')")
    other.close()


def test_logout(site, tab, chrome):
    site.start()
    site.enter(tab, ANNA)
    tab.press("form[action$='/logout'] button")
    tab.go(site.url("/records"))
    assert tab.js("!!document.querySelector('input[name=password]')") and ANNA not in tab.text()


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("who", [ANNA, DORA, PM])
def test_every_page(site, tab, path, who):
    """Each page comes for whom it is, and for nobody else; the navigation has what he may see."""
    site.start()
    site.enter(tab, who)
    tab.go(site.url(path))
    ranks = [ANNA, DORA, PM]
    if ranks.index(who) >= ranks.index(PAGES[path]):
        assert tab.js("document.querySelectorAll('main h1').length") == 1
        links = tab.js("[...document.querySelectorAll('nav a')].map(e => e.getAttribute('href'))")
        assert path in links or "?" in path, links
    else:
        assert tab.js("performance.getEntriesByType('navigation')[0].responseStatus") in (403, 404), tab.text()


def test_settings(site, tab):
    """A setting is changed; a wrong value says the constraint's sentence, and shows what was typed."""
    site.start()
    site.enter(tab, SERVER)
    tab.go(site.url("/admin/rpop"))
    tab.fill(delay_failed_hosts="600")
    tab.press("form:has([name=delay_failed_hosts]) button")
    assert site.rows("SELECT delay_failed_hosts FROM settings;") == [["600"]]
    tab.go(site.url("/admin/rpop"))
    tab.fill(delay_failed_hosts="5")
    tab.press("form:has([name=delay_failed_hosts]) button")
    assert "delay_failed_hosts must be 10..604800 seconds" in tab.text() and tab.value("delay_failed_hosts") == "5"
    assert site.rows("SELECT delay_failed_hosts FROM settings;") == [["600"]]


def test_lost_update(site, tab, chrome):
    """Two browsers, one row: the second one is told, and changes nothing."""
    site.start()
    other = chrome.tab()
    for each in (tab, other):
        site.enter(each, ANNA)
    fill_row(tab, "isp", period="3600")
    update(tab)
    n = fill_row(other, "isp", period="7200")
    update(other)
    assert "meanwhile" in around(other, n)
    assert site.period("isp") == "3600"
    other.close()
