# SPDX-License-Identifier: ISC
"""The means of the tests with Chromium: what they call good is good, and what they call bad is found, on pages made for it."""
import os
import shutil
import urllib.parse

import pytest

from clients.chrome import Chrome
from lib import rig as rigs
from servers import fastcgi, webserver

FORM = """<!DOCTYPE html><html lang="en"><meta name="viewport" content="width=device-width"><title>t</title><style>%s</style><body><form method="post" action="/saved">
<label>Name <input name="name"></label><label>Tick <input type="checkbox" name="tick" value="1"></label>
<label>Choice <select name="choice"><option value="a">A</option><option value="b">B</option></select></label>
<button name="update" value="">Update</button></form>%s"""
POLICY = "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"


def script(request):
    if request.PATH_INFO == "/saved":
        fields = urllib.parse.parse_qsl(request.body.decode(), keep_blank_values=True)
        return fastcgi.page(200, "<!DOCTYPE html><title>saved</title><p>%s</p>" % fields, POLICY,
            "Set-Cookie: __Host-x=1; Path=/; Secure; HttpOnly; SameSite=Strict")
    if request.PATH_INFO == "/loose":
        return fastcgi.page(200, FORM % ("", ""))
    style, more = BAD.get(request.PATH_INFO, ("", ""))
    return fastcgi.page(200, FORM % (style, more), POLICY)


BAD = {
    "/wide": ("p { width: 500px }", "<p>wide</p>"),
    "/pale": ("p { color: #999; background: #fff }", "<p>pale words</p>"),
    "/dark": ("@media (prefers-color-scheme: dark) { body { background: #111; color: #eee } b { color: #444 } }", "<b>dark words</b>"),
    "/unlabelled": ("", "<input name='lonely'>"),
}


@pytest.fixture(scope="module")
def chrome():
    c = Chrome()
    yield c
    c.close()


@pytest.fixture(scope="module")
def front(pki):
    directory = rigs.scratch("rpwc.")
    responder = fastcgi.Responder(os.path.join(directory, "web.sock"), script)
    server = None
    try:
        server = webserver.Nginx(directory, pki, responder.path)
        yield server
    finally:
        if server:
            server.stop()
        responder.stop()
        shutil.rmtree(directory)


@pytest.fixture
def tab(chrome):
    t = chrome.tab()
    yield t
    t.close()


def test_flow(front, tab):
    """A form is filled, sent, and the answer read; its cookie is there."""
    tab.go(front.url())
    tab.fill(name="a <&> ä", tick=True, choice="b")
    tab.press("button[name=update]")
    assert tab.path() == "/saved" and "('name', 'a <&> ä'), ('tick', '1'), ('choice', 'b'), ('update', '')" in tab.text()
    cookie = tab.cookies()["__Host-x"]
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, True, "Strict", "/")


def test_keyboard(front, tab):
    """The same by keys alone."""
    tab.go(front.url())
    assert tab.tab_to("name") == ["name"]
    tab.type("anna")
    tab.tab_to("tick")
    tab.key(" ")
    tab.tab_to("choice")
    tab.key("ArrowDown")
    tab.tab_to("update")
    tab.forget()
    tab.key("Enter")
    tab.settle()
    assert "('name', 'anna'), ('tick', '1'), ('choice', 'b'), ('update', '')" in tab.text()


def test_apart(front, chrome, tab):
    """Two browsers have no cookie in common."""
    tab.go(front.url("/saved"))
    other = chrome.tab()
    other.go(front.url())
    assert "__Host-x" in tab.cookies() and other.cookies() == {}
    other.close()


def test_injected(front, tab):
    """A script that is put into a page runs, unless the policy forbids it."""
    tab.go(front.url("/loose"))
    assert tab.inject()
    tab.go(front.url())
    assert not tab.inject()


def test_looks(front, tab):
    tab.look(360)
    tab.go(front.url())
    assert tab.sideways() <= 0 and tab.contrast()[0] > 4.5 and tab.unlabelled() == []
    tab.go(front.url("/wide"))
    assert tab.sideways() > 100
    tab.go(front.url("/saved"))	# it has no viewport
    assert tab.sideways() > 100
    tab.go(front.url("/pale"))
    assert tab.contrast()[0] < 3 and tab.contrast()[1] == "P: pale words"
    tab.go(front.url("/dark"))
    assert tab.contrast()[0] > 4.5
    tab.look(360, dark=True)
    assert tab.contrast()[0] < 3 and tab.contrast()[1] == "B: dark words"
    tab.go(front.url("/unlabelled"))
    assert tab.unlabelled() == ["lonely"]


def test_screenshot(front, tab, tmp_path):
    tab.look(800)
    tab.go(front.url())
    tab.screenshot(str(tmp_path / "x.png"))
    data = (tmp_path / "x.png").read_bytes()
    assert data.startswith(b"\x89PNG") and int.from_bytes(data[16:20], "big") == 800
