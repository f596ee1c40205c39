# SPDX-License-Identifier: ISC
"""Whatever somebody types or stores comes back as text, and nothing of it runs (U22)."""
import itertools
import random
import urllib.parse

import pytest

from clients.chrome import Chrome
from lib import rig as rigs, website
from lib.website import ANNA, PM, changes

pytestmark = website.needed()

RAN = "window.ran=(window.ran||0)+1"
WAYS_OUT = ["", '"', "'", "`", ">", '">', "'>", "</option></select>", "</textarea>", "</title>", "-->", "]]>", "&quot;>", "&#34;>", '\\">', "\u00bb>"]
THINGS = ["<script>%s</script>", "<img src=x onerror=%s>", "<svg onload=%s>", "<b onmouseover=%s>", "javascript:%s", " autofocus onfocus=%s x=",
    "<style>*{display:none}</style>%s", "<base href=//x.example/>%s", "<form action=//x.example/>%s", "<meta http-equiv=refresh content=0>%s",
    "&lt;script&gt;%s", "&amp;amp;%s", "<!-- %s", "<![CDATA[%s", "%%3cscript%%3e%s", "{{%s}}", "${%s}", "<script", "</", "&#x3c;script&#x3e;%s"]


def hostile(most, seed="rpopd"):
    """That many strings without control characters, all different: those that are known to be bad, and mixtures of their pieces."""
    rng = random.Random(seed)
    found = []
    for out, thing in itertools.product(WAYS_OUT, THINGS):
        found.append(out + (thing % RAN if "%s" in thing else thing))
    pieces = WAYS_OUT + ["<", ">", "&", "=", "script", "onload", "\u00e4", "\u202e", "\ufeff", "\U0001f600", "  ", "%00", "%0d%0a", "&nbsp;", "\u2028"]
    while len(found) < most:
        found.append("".join(rng.choice(pieces) for _ in range(rng.randint(1, 12))))
    return list(dict.fromkeys("%d%s" % (i, s) for i, s in enumerate(found)))[:most]


@pytest.fixture
def stored(site):
    """A thousand records with hostile names, logins and folders in the store, made there by the administrator."""
    strings = hostile(3000)
    rows = []
    for i in range(1000):
        name, login, folder = strings[3 * i:3 * i + 3]
        folder = folder.replace("/", "|").replace(".", ":")
        rows.append({"account": ANNA, "name": name[:60].strip(), "domain": "pop.example.net", "auth_name": login, "password": "x", "period": None,
            "mailbox": "F" + folder[:60].strip()})
    site.rig.sqlite("BEGIN;\n" + "\n".join(rigs.insert("rpop", r) for r in rows) + "\nCOMMIT;")
    site.start()
    return rows


def test_stored(site, stored):
    """Each field of each record has what the store has, octet for octet."""
    page = site.browser(PM).get("/admin/records?account=" + ANNA)
    assert page.read.wrong == []
    for column in ("name", "auth_name", "mailbox"):
        assert {r[column] for r in stored} <= set(values(page, column)), column


def values(page, column):
    """What the fields of a column have, also those that are not sent."""
    return [attrs.get("value") for tag, attrs in page.read.elements if tag == "input" and (attrs.get("name") or attrs.get("id", "")).startswith(column + ".")]


def test_stored_in_chromium(site, stored):
    """The same in Chromium: no element and no script comes out of it."""
    chrome = Chrome()
    try:
        tab = chrome.tab()
        site.enter(tab, PM)
        tab.go(site.url("/admin/records?account=" + ANNA))
        for column in ("name", "auth_name", "mailbox"):
            there = tab.js("[...document.querySelectorAll('input')].filter(e => (e.name || e.id).startsWith('%s.')).map(e => e.value)" % column)
            assert {r[column] for r in stored} <= set(there), column
        assert tab.js("window.ran") is None
        assert tab.js("document.querySelectorAll('script, style, img, svg, base, iframe, meta[http-equiv], form[action*=\"x.example\"]').length") == 0
        assert tab.js("[...document.querySelectorAll('*')].flatMap(e => [...e.attributes]).filter(a => a.name.startsWith('on')).length") == 0
        for path in ("/admin/status", "/admin/accounts", "/admin/queue"):
            tab.go(site.url(path))
            assert tab.js("window.ran") is None and tab.js("document.querySelectorAll('script, img, svg').length") == 0
        assert not tab.inject()
    finally:
        chrome.close()


def test_typed(site):
    """What is refused is shown as it was typed: every text field of a record, in pages of many rows."""
    for i in range(200):
        site.own_record(ANNA, "r%03d" % i)
    site.start()
    b = site.browser(PM)
    strings = hostile(2000)
    columns = ("name", "domain", "auth_name", "mailbox")
    for at in range(0, 1600, 800):
        form = b.get("/admin/records?account=" + ANNA).form("update")
        typed = {}
        for i in range(200):
            typed.update(changes(form, "r%03d" % i, **{c: strings[at + 4 * i + k] for k, c in enumerate(columns)}))
        page = b.submit(form, typed, "update")
        assert page.status == 422 and page.read.wrong == []
        again = page.form("update")
        wrong = [(n, v, again[n]) for n, v in typed.items() if again[n] != v]
        assert wrong == []
    assert site.rows("SELECT count(*) FROM rpop WHERE domain = 'pop.example.net';") == [["201"]]


@pytest.mark.parametrize("seed", range(4))
def test_addresses(site, seed):
    """The address that is typed at the login, and what stands in the page's address, are text as well."""
    site.start()
    b, admin = site.browser(), site.browser(PM)
    for text in hostile(320)[seed * 20:seed * 20 + 20]:
        page = b.submit(b.get("/").form("password"), {"address": text, "password": ""})
        assert page.read.wrong == [] and page.form("address")["address"] == text
        for path in ("/admin/records?account=", "/records/try?record=", "/admin/quarantine?id="):
            page = admin.get(path + urllib.parse.quote(text))
            assert page.read.wrong == [] and not {"script", "img", "svg"} & {tag for tag, _ in page.read.elements}
