# SPDX-License-Identifier: ISC
"""Every page at three widths, light and dark: nothing sideways, contrast, labels, and all of it by keyboard (U33)."""
import pytest

from clients.chrome import Chrome
from lib import website
from lib.website import ANNA, PAGES, PM

pytestmark = website.needed()

WIDTHS = (360, 800, 1280)
LEAST = 4.5	# WCAG 2, level AA


@pytest.fixture(scope="module")
def chrome():
    c = Chrome()
    yield c
    c.close()


def judge(site, tab, path):
    """One page in all its looks."""
    for width in WIDTHS:
        for dark in (False, True):
            tab.look(width, dark)
            tab.go(site.url(path))
            assert tab.sideways() <= 0, (width, dark)
            ratio, what = tab.contrast()
            assert ratio >= LEAST, (width, dark, what)
            assert tab.unlabelled() == []


@pytest.mark.parametrize("path", ["/"] + list(PAGES))
def test_looks(site, chrome, path):
    for i in range(20):
        site.own_record(PM if path == "/records" else ANNA, "provider %d" % i, auth_name="somebody.with.a.long.name@provider.example")
    site.start()
    tab = chrome.tab()
    if path != "/":
        site.enter(tab, ANNA if PAGES[path] == ANNA else PM)
    judge(site, tab, path)
    tab.close()


@pytest.mark.parametrize("path", ["/admin/queue", "/admin/quarantine", "/admin/alerts", "/admin/status"])
def test_looks_full(relayed, chrome, path):
    """Pages that are short as a rule, with something to show."""
    tab = chrome.tab()
    relayed.enter(tab, PM)
    judge(relayed, tab, path)
    tab.close()


def test_keyboard(site, chrome):
    """Log in, add a record, remove it, log out: no mouse."""
    site.start()
    tab = chrome.tab()

    def enter():
        tab.forget()
        tab.key("Enter")
        tab.settle()
    tab.go(site.url())
    if tab.focus() != "address":
        tab.tab_to("address")
    tab.type(ANNA)
    tab.tab_to("password")
    tab.type(website.password(ANNA))
    enter()
    tab.go(site.url("/records"))
    n = next(field.partition(".")[2] for field, value in tab.js("[...document.querySelectorAll('[name^=\"row.\"]')].map(e => [e.name, e.value])")
        if value == "")
    for column, value in (("name", "work"), ("auth_name", "anna"), ("domain", "pop.example.net"), ("password", "s3cret-work")):
        tab.tab_to("%s.%s" % (column, n))
        tab.type(value)
    tab.tab_to("update")
    enter()
    assert "work" in site.names()
    tab.key("Tab")
    shown = tab.js("getComputedStyle(document.activeElement).outlineStyle")
    assert shown not in (None, "none"), "who has the keyboard cannot be seen"
    tab.close()
