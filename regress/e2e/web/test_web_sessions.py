# SPDX-License-Identifier: ISC
"""Sessions of the web page: the cookie, what ends a session, and guesses (U24)."""
import os
import secrets

from lib import website
from lib.website import ANNA, COOKIE, PM

pytestmark = website.needed()

GUESSES = 100000 if os.environ.get("RPOPD_CAMPAIGN") else 300


def is_in(browser, who=ANNA):
    """Whether a browser is logged in; what it gets if not has nothing of the account's."""
    page = browser.get("/records")
    assert (who in page.text) != ("password" in {name for form in page.forms for name in form.names()}), page.text
    return who in page.text


def end(site, browser):
    return browser.submit([f for f in browser.get("/records").forms if f.action.endswith("/logout")][0])


def test_cookie(site):
    """256 random bits, for this host, TLS and requests of this site alone, and until the browser ends."""
    site.start()
    seen = set()
    for _ in range(3):
        value, attributes = site.browser(ANNA).cookies[COOKIE]
        assert len(value) == 64 and set(value) <= set("0123456789abcdef") and value not in seen
        assert {a.lower() for a in attributes} == {"path=/", "secure", "httponly", "samesite=strict"}
        seen.add(value)


def test_nobody(site):
    """No page but the login without a session, and the login for what is not a session."""
    site.start()
    for path in website.PAGES:
        page = site.browser().get(path)
        assert page.form("password") and "isp" not in page.text
    b = site.browser()
    for value in ("", "x", "0" * 64, "g" * 64, "a" * 100000, '"' + "0" * 64 + '"'):
        b.cookies = {COOKIE: (value, [])}
        assert b.send("GET", b.base + "/records").status in (200, 303, 400, 403, 413, 431)


def test_logout(site):
    """A session ends for every tab that has its cookie, and for that one only."""
    site.start()
    tab, other = site.browser(ANNA), site.browser(ANNA)
    twin = site.browser()
    twin.cookies = dict(tab.cookies)
    assert is_in(twin)
    end(site, tab)
    assert COOKIE not in tab.cookies and not is_in(twin) and is_in(other)


def test_change_of_password(site):
    """All sessions of an account end with its password, whoever changes it; no other account's do."""
    site.start()
    first, admin = site.browser(ANNA), site.browser(PM)
    site.rig.ctl("account", "password", ANNA, typed="n3w-word\n")
    assert not is_in(first) and is_in(admin, PM)
    again = site.browser()
    again.log_in(ANNA, "n3w-word")
    assert is_in(again)
    other = site.browser()
    other.log_in(ANNA, "n3w-word")
    form = again.get("/password").form("again")
    again.submit(form, {"old": "n3w-word", "new": "n3wer-word", "again": "n3wer-word"})
    assert not is_in(other)


def test_rights_taken(site):
    """Rights count at once: who is no administrator any more has no page of theirs."""
    site.start()
    admin = site.browser(PM)
    assert admin.get("/admin/rpop").status == 200
    site.rig.sqlite("DELETE FROM server_admin;")
    site.rig.ctl("reload")
    assert admin.get("/admin/rpop").status in (403, 404)


def test_account_removed(site):
    site.start()
    b = site.browser("carl@example.com")
    site.rig.sqlite("DELETE FROM account WHERE address = 'carl@example.com';")
    site.rig.ctl("reload")
    assert not is_in(b, "carl@example.com")


def test_restart(site):
    """A restart of the daemon ends all of them, and nothing of them is in a file."""
    site.start()
    b = site.browser(ANNA)
    token = b.cookies[COOKIE][0]
    site.restart()
    assert not is_in(b)
    for name in os.listdir(site.rig.dir):
        path = os.path.join(site.rig.dir, name)
        if os.path.isfile(path):
            with open(path, "rb") as f:
                data = f.read()
            assert token.encode() not in data and bytes.fromhex(token) not in data, name
    assert website.password(ANNA) not in site.rig.log()


def test_many_sessions(site):
    """An account has ten sessions at most: an eleventh ends the oldest, or is refused."""
    site.start()
    browsers = []
    for _ in range(11):
        b = site.browser()
        b.log_in(ANNA, website.password(ANNA))
        browsers.append(b)
    assert sum(COOKIE in b.cookies and is_in(b) for b in browsers) == 10


def test_guesses(site):
    """No guess is right, and the one who is logged in does not notice them.  (RPOPD_CAMPAIGN: a hundred thousand.)"""
    site.start()
    b, guesser = site.browser(ANNA), site.browser()
    token = b.cookies[COOKIE][0]
    for i in range(GUESSES):
        guess = secrets.token_hex(32) if i % 2 else token[:i % 64] + secrets.token_hex(32)[i % 64:]
        if guess == token:
            continue
        guesser.cookies = {COOKIE: (guess, [])}
        page = guesser.get("/records")
        assert ANNA not in page.text
    assert is_in(b)


def test_wrong_password(site):
    """A wrong password, an unknown account and one without a password are refused in the same words."""
    site.rig.sqlite("UPDATE account SET password = NULL WHERE name = 'bert';")
    site.start()
    said = set()
    for address, word in ((ANNA, "wrong"), ("nobody@example.org", "wrong"), ("bert@example.org", ""), ("bert@example.org", "wrong")):
        b = site.browser()
        page = b.log_in(address, word)
        assert COOKIE not in b.cookies and page.form("password")["address"] == address and not page.form("password")["password"]
        said.add(page.text.replace(address, ""))
    assert len(said) <= 2, said	# an empty password may be named as such
