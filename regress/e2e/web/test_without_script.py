# SPDX-License-Identifier: ISC
"""The web page without scripts, by plain requests, w3m and tidy: the same flows, and HTML that is in order (U21)."""
import os
import re
import subprocess

import pytest

from lib import rig as rigs, website
from lib.website import ANNA, COOKIE, DORA, PAGES, PM, added, changes

pytestmark = website.needed()

POLICY = {"default-src 'none'", "style-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"}
HANDLER = re.compile(r"\son[a-z]+\s*=|javascript:|<script|<style|\sstyle\s*=|<iframe|<object|<embed|<img", re.I)
# What tidy of Debian 12 does not know of HTML 5.
NEWER = re.compile(r'proprietary attribute "(aria-[a-z]+|autocapitalize|enterkeyhint|inputmode|spellcheck|minlength)"|attribute value "(off|none|username|current-password|new-password)"')


def test_flow(site):
    """Log in, add, change, disable, remove, log out."""
    site.start()
    b = site.browser(ANNA)
    form = b.get("/records").form("update")
    page = b.submit(form, added(form, "work", period="3600"), "update")
    assert page.status == 200 and site.period("work") == "3600"
    form = page.form("update")
    page = b.submit(form, changes(form, "work", period="disabled", auth_name="other", password="s3cret-other"), "update")
    assert site.rows("SELECT auth_name, password, period FROM rpop WHERE name = 'work';") == [["other", "s3cret-other", ""]]
    form = page.form("update")
    page = b.submit(form, changes(form, "work", period="never"), "update")
    assert site.names() == ["isp"] and page.status == 200
    out = [f for f in page.forms if f.action.endswith("/logout")]
    b.submit(out[0])
    assert COOKIE not in b.cookies and "password" in b.get("/records").form("password").names()


def test_renamed(site):
    """A record's name can be changed; a name that is taken is refused."""
    site.own_record(ANNA, "taken")
    site.start()
    b = site.browser(ANNA)
    form = b.get("/records").form("update")
    b.submit(form, changes(form, "isp", name="taken"), "update")
    assert site.names() == ["isp", "taken"]
    form = b.get("/records").form("update")
    b.submit(form, changes(form, "isp", name="renamed"), "update")
    assert site.names() == ["renamed", "taken"]
    assert site.rows("SELECT password FROM rpop WHERE name = 'renamed';") == [["s3cret-word"]]


def test_password_again(site):
    """A stored password is not sent to another host or as another login's: it has to be typed again."""
    site.start()
    b = site.browser(ANNA)
    for column, value in (("auth_name", "other"), ("domain", "pop.example.com"), ("domain", "pop.example.net:110")):
        form = b.get("/records").form("update")
        page = b.submit(form, changes(form, "isp", **{column: value}), "update")
        assert page.status == 422 and "give it again" in page.text
    assert site.rows("SELECT auth_name, domain FROM rpop;") == [["user", "pop.example.net"]]


def test_refused(site):
    """A refusal is a page with status 422; every row that is wrong says why, and nothing at all is changed."""
    site.start()
    b = site.browser(ANNA)
    form = b.get("/records").form("update")
    typed = dict(changes(form, "isp", domain="a b"), **added(form, "x" * 128))
    page = b.submit(form, typed, "update")
    assert page.status == 422 and "rpop: " in page.text and "s3cret-word" not in page.html
    assert site.names() == ["isp"] and site.rows("SELECT domain FROM rpop;") == [["pop.example.net"]]
    again = page.form("update")
    assert [again[n] for n in typed if n.startswith(("name", "domain", "auth_name"))] == [
        typed[n] for n in typed if n.startswith(("name", "domain", "auth_name"))]
    assert "wrong" in {c for _, attrs in page.read.elements for c in attrs.get("class", "").split()}


def test_least_period(site):
    """A user has no shorter period than settings.user_min_period, whatever he sends."""
    site.start()
    b = site.browser(ANNA)
    form = b.get("/records").form("update")
    assert b.submit(form, changes(form, "isp", period="60"), "update").status == 422
    assert site.period("isp") == ""


def test_reserved(site):
    """Columns that are not the user's cannot be set by what a browser would not send."""
    site.start()
    b = site.browser(ANNA)
    form = b.get("/records").form("update")
    extra = changes(form, "isp", special="*", token_command="/bin/true", self_service="0", ca_file="/etc/passwd", account=PM)
    b.submit(form, dict(extra, account=PM, **changes(form, "isp", leave=None)), "update")
    assert site.rows("SELECT account, special, token_command, self_service, ca_file FROM rpop;") == [[ANNA, "", "", "1", ""]]


@pytest.mark.parametrize("path", ["/"] + list(PAGES))
def test_html(relayed, path):
    """No script and no style within a page, the policy and its like with it, each field with a label, and nothing that tidy finds."""
    b = relayed.browser(None if path == "/" else PM if PAGES[path] != ANNA else ANNA)
    page = b.get(path)
    assert page.status == 200, page.text
    in_order(page)
    for form in page.forms:		# what a refusal looks like
        if form.method == "post" and not form.action.endswith("/logout") and path not in ("/", "/password"):
            in_order(b.submit(form, {name: "<&>" for name in form.names() if name not in ("form", "was")}))


def in_order(page):
    assert {p.strip() for p in page.head["content-security-policy"].split(";") if p.strip()} == POLICY
    assert (page.head["x-content-type-options"], page.head["referrer-policy"], page.head["cache-control"]) == ("nosniff", "no-referrer", "no-store")
    assert page.head["content-type"] == "text/html; charset=utf-8"
    assert page.html.startswith("<!DOCTYPE html>") and not HANDLER.search(page.html), HANDLER.search(page.html)
    assert page.read.wrong == []
    kinds = {attrs.get("lang") for tag, attrs in page.read.elements if tag == "html"}
    assert kinds == {"en"} and "main" in {tag for tag, _ in page.read.elements}
    ids = [attrs["id"] for _, attrs in page.read.elements if "id" in attrs]
    assert len(ids) == len(set(ids)), [i for i in ids if ids.count(i) > 1]
    for tag, attrs in page.read.elements:
        if tag in ("input", "select", "textarea") and attrs.get("type") != "hidden":
            assert attrs.get("id") in page.read.labelled or attrs["in label"] or attrs.get("aria-label"), attrs
    said = subprocess.run(["tidy", "-q", "-e", "-utf8", "--show-info", "no", "--drop-empty-elements", "no"], input=page.body,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE).stderr.decode()
    assert [line for line in said.splitlines() if not NEWER.search(line)] == []


def test_style(site):
    """The style sheet may be kept, needs nobody to be logged in, and is all that a page loads."""
    site.start()
    b = site.browser()
    page = b.get("/")
    assert [a["href"] for t, a in page.read.elements if t == "link" and a.get("rel") == "stylesheet"] == [b.base + "/style.css"]
    style = b.get("/style.css")
    assert style.status == 200 and style.head["content-type"].startswith("text/css") and "no-store" not in style.head.get("cache-control", "")
    assert "prefers-color-scheme" in style.body.decode() and "url(" not in style.body.decode()


def w3m(site, path, cookie=None):
    """What w3m shows of a page."""
    home = os.path.join(site.rig.dir, "w3m")
    os.makedirs(home, exist_ok=True)
    argv = ["w3m", "-dump", "-cols", "100", "-o", "ssl_ca_file=" + site.rig.pki.path("ca.pem"), "-o", "ssl_ca_path="]
    if cookie:
        argv += ["-header", "Cookie: %s=%s" % (COOKIE, cookie)]
    return subprocess.run(argv + [site.url(path)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=dict(os.environ, HOME=home, TERM="dumb", LC_ALL="C.UTF-8"), timeout=rigs.PATIENCE, text=True).stdout


def test_w3m(site):
    """Every page is of use in a terminal: its words, fields and buttons are there."""
    site.start()
    shown = w3m(site, "/")
    assert "Address" in shown and "Password" in shown, shown
    cookie = site.browser(ANNA).cookies[COOKIE][0]
    shown = w3m(site, "/records", cookie)
    assert "isp" in shown and "pop.example.net" in shown and "Poll Every" in shown and "Update" in shown, shown
    for who in (DORA, PM):
        cookie = site.browser(who).cookies[COOKIE][0]
        for path in ("/admin/accounts", "/admin/records?account=" + ANNA):
            assert ANNA in w3m(site, path, cookie)


def test_other_methods(site):
    """What is neither GET, HEAD nor POST is not permitted, and what is not there is not found."""
    site.start()
    b = site.browser(ANNA)
    for method in ("PUT", "DELETE", "OPTIONS", "PATCH"):
        assert b.send(method, b.base + "/records", b"" if method != "OPTIONS" else None).status in (403, 405, 501)
    for path in ("/nothing", "/records/x", "/admin", "/style.css/x", "/%2e%2e/etc/passwd"):
        assert b.get(path).status in (400, 404), path
    assert b.send("HEAD", b.base + "/records").body == b""
