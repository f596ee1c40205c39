# SPDX-License-Identifier: ISC
"""Requests that another site makes a browser send, and forms that are not of this session: nothing is changed by them (U23)."""
import urllib.parse

import pytest

from lib import website
from lib.website import ANNA, CARL, COOKIE, PM, added, changes

pytestmark = website.needed()


@pytest.fixture
def page(site):
    """(site, a browser that is logged in, the form of its records, what would be sent)"""
    site.start()
    b = site.browser(ANNA)
    form = b.get("/records").form("update")
    return site, b, form, changes(form, "isp", period="3600")


def unchanged(site):
    return site.rows("SELECT name, ifnull(period, '') FROM rpop;") == [["isp", ""]]


def test_right(page):
    """Without any lie it is a change, so that the tests below prove something."""
    site, b, form, what = page
    assert b.submit(form, what, "update").status == 200 and site.period("isp") == "3600"


@pytest.mark.parametrize("token", ["", None, "0" * 64, "x", "f" * 63, "f" * 65, "g" * 64])
def test_token(page, token):
    """A form's token that is wrong, or is not there."""
    site, b, form, what = page
    assert b.submit(form, dict(what, form=token), "update").status == 403 and unchanged(site)


@pytest.mark.parametrize("whose", [CARL, ANNA])
def test_token_of_another(page, whose):
    """The token of another's session, or of another session of the same account."""
    site, b, form, what = page
    other = site.browser(whose).get("/records").form("update")
    assert other["form"] != form["form"]
    assert b.submit(form, dict(what, form=other["form"]), "update").status == 403 and unchanged(site)


def test_token_of_before(page):
    """After logging out and in again, the form of before is too old."""
    site, b, form, what = page
    b.submit([f for f in b.get("/records").forms if f.action.endswith("/logout")][0])
    b.log_in(ANNA, website.password(ANNA))
    assert b.submit(form, what, "update").status == 403 and unchanged(site)


def test_token_is_not_the_session(page):
    """What a page shows is not what logs in."""
    site, b, form, what = page
    assert form["form"] != b.cookies[COOKIE][0] and len(form["form"]) == 64
    b.cookies[COOKIE] = (form["form"], [])
    b.submit(form, what, "update")
    assert unchanged(site)


@pytest.mark.parametrize("head", [{"Origin": "https://evil.example", "Sec-Fetch-Site": None},
    {"Origin": "https://localhost.evil.example", "Sec-Fetch-Site": None}, {"Origin": "https://localhost:1", "Sec-Fetch-Site": None},
    {"Origin": None, "Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}])
def test_cross_site(page, head):
    """A request that comes from elsewhere is refused, even with the right token."""
    site, b, form, what = page
    assert b.submit(form, what, "update", head=head).status == 403 and unchanged(site)


def test_old_browser(page):
    """A browser that says nothing about whence it comes is served."""
    site, b, form, what = page
    assert b.submit(form, what, "update", head={"Origin": None, "Sec-Fetch-Site": None}).status == 200 and not unchanged(site)


@pytest.mark.parametrize("path", ["/records", "/records/poll", "/records/try", "/password", "/logout", "/admin/records", "/admin/rpop", "/admin/alerts",
    "/admin/queue", "/admin/quarantine", "/admin/accounts"])
def test_get(site, path):
    """GET changes nothing, whatever stands in the address."""
    site.start()
    b = site.browser(PM)
    form = b.get("/admin/records?account=" + ANNA).form("update")
    before = site.rows("SELECT * FROM rpop;") + site.rows("SELECT * FROM settings;") + site.rows("SELECT password FROM account;")
    pairs = form.with_(dict(changes(form, "isp", period="3600"), old=website.password(PM), new="n3w", again="n3w", account=ANNA,
        delay_failed_hosts="999", text="hello", record="isp", id="1", release="1", drop="1", retry="1", update="", form=form["form"]))
    b.get(path + "?" + urllib.parse.urlencode(pairs))
    after = site.rows("SELECT * FROM rpop;") + site.rows("SELECT * FROM settings;") + site.rows("SELECT password FROM account;")
    assert after == before
    assert PM in b.get("/records").text	# it has not logged out either


def test_other_types(page):
    """A body that is no form of ours changes nothing: what another site can send without asking first is of three types."""
    site, b, form, what = page
    body = urllib.parse.urlencode(form.with_(what)).encode()
    for kind in ("text/plain", "multipart/form-data; boundary=x", "application/json", None):
        assert b.send("POST", form.action, body, head={"Content-Type": kind}).status in (400, 403, 415), kind
    assert unchanged(site)


def test_login_is_no_way_in(site):
    """Another site cannot log a browser in under a name of its own."""
    site.start()
    b = site.browser()
    form = b.get("/").form("password")
    page = b.submit(form, {"address": CARL, "password": website.password(CARL)}, head={"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"})
    assert page.status == 403 and COOKIE not in b.cookies


def test_twice(page):
    """The same form sent twice: the second time it is a row that has been changed meanwhile, or the same once more; never two records."""
    site, b, form, what = page
    new = added(form, "new")
    b.submit(form, new, "update")
    b.submit(form, new, "update")
    assert site.names() == ["isp", "new"]
