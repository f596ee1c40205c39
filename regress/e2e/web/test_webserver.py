# SPDX-License-Identifier: ISC
"""
The samples of etc/web in nginx, lighttpd, Apache and Caddy: what each web server makes of a request for the page, and of its answer.
A scripted responder stands in the page's place.
"""
import concurrent.futures
import os
import shutil
import urllib.parse

import pytest

from clients.browser import Browser
from lib import rig as rigs
from servers import fastcgi, webserver

POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
COOKIE = "__Host-rpopd=%s; Path=/; Secure; HttpOnly; SameSite=Strict" % (64 * "a")


def script(request):
    if request.PATH_INFO == "/style.css":
        return fastcgi.page(200, "body { margin: 0 }", "Cache-Control: max-age=3600", kind="text/css")
    if request.PATH_INFO == "/go":
        return fastcgi.page(303, "", "Location: %s/records?x=1" % request.SCRIPT_NAME, "Set-Cookie: " + COOKIE)
    if request.PATH_INFO == "/long":
        return fastcgi.page(200, "<p>" + 200000 * "0123456789" + "</p>")
    if request.PATH_INFO.startswith("/status/"):
        return fastcgi.page(int(request.PATH_INFO[8:]), "<p>the page says why</p>")
    return fastcgi.page(200, "<p>here</p>", "Content-Security-Policy: " + POLICY, "X-Content-Type-Options: nosniff",
        "Referrer-Policy: no-referrer", "Cache-Control: no-store")


@pytest.fixture(scope="module", params=list(webserver.SERVERS) + ["nginx below /mail"])
def front(request, pki):
    """(web server, responder)"""
    name, _, base = request.param.partition(" below ")
    directory = rigs.scratch("rpws.")
    responder = fastcgi.Responder(os.path.join(directory, "web.sock"), script)
    server = None
    try:
        server = webserver.SERVERS[name](directory, pki, responder.path, base)
        yield server, responder
    finally:
        if server:
            server.stop()
        responder.stop()
        shutil.rmtree(directory)


@pytest.fixture
def browser(front, pki):
    return Browser(front[0].port, pki, front[0].base)


@pytest.mark.parametrize("path", ["/", "/records", "/admin/records", "/style.css", "/re%63ords"])
def test_request(front, browser, path):
    """Path, query, cookie, origin and address come as they are; HTTPS is said."""
    browser.cookies["__Host-rpopd"] = ("ab12", [])
    browser.cookies["other"] = ("x y", [])
    browser.send("GET", browser.base + path + "?account=a%2Bb%40example.org&x=", head={"Sec-Fetch-Site": "same-origin"})
    r = front[1].requests[-1]
    assert (r.REQUEST_METHOD, r.SCRIPT_NAME, r.PATH_INFO, r.body) == ("GET", browser.base, urllib.parse.unquote(path), b"")
    assert r.REQUEST_URI == browser.base + path + "?account=a%2Bb%40example.org&x="
    assert r.QUERY_STRING == "account=a%2Bb%40example.org&x=" and r.HTTP_COOKIE == "__Host-rpopd=ab12; other=x y"
    assert (r.HTTPS, r.REQUEST_SCHEME, r.REMOTE_ADDR, r.HTTP_SEC_FETCH_SITE) == ("on", "https", "127.0.0.1", "same-origin")
    assert r.HTTP_HOST == "localhost:%d" % browser.port and r.HTTP_ORIGIN == ""


def test_form(front, browser):
    """A form's octets come whole, with their length and type, and whence they are sent."""
    pairs = [("name.0", "a <&> ä"), ("password.0", "p;&=+% \r\n"), ("update", "")]
    assert browser.post(browser.base + "/records", pairs).status == 200
    r = front[1].requests[-1]
    assert (r.REQUEST_METHOD, r.CONTENT_TYPE, r.HTTP_ORIGIN) == ("POST", "application/x-www-form-urlencoded", browser.origin())
    assert urllib.parse.parse_qsl(r.body.decode(), keep_blank_values=True) == pairs and int(r.CONTENT_LENGTH) == len(r.body)


def test_large_form(front, browser):
    """A table of a thousand records comes through; more than 1 MiB does not, but for Apache, behind which the page itself refuses it."""
    body = b"x=" + b"y" * ((1 << 20) - 2)
    assert browser.send("POST", browser.base + "/records", body).status == 200
    assert len(front[1].requests[-1].body) == 1 << 20
    if not front[0].limits:
        return
    n = len(front[1].requests)
    try:
        status = browser.send("POST", browser.base + "/records", body + 100000 * b"y").status
    except OSError:
        status = 413	# said, and the connection closed before the client had sent everything
    assert status in (413, 502) and [len(r.body) for r in front[1].requests[n:] if len(r.body) > 1 << 20] == []


def test_answer(front, browser):
    """The page's header fields are what the browser gets."""
    page = browser.get("/")
    assert page.status == 200 and page.text == "here" and page.head["content-type"] == "text/html; charset=utf-8"
    assert [page.head[n] for n in ("content-security-policy", "x-content-type-options", "referrer-policy", "cache-control")] == [
        POLICY, "nosniff", "no-referrer", "no-store"]
    assert browser.get("/style.css").head["content-type"].startswith("text/css")
    head = browser.send("HEAD", browser.base + "/")
    assert head.status == 200 and head.body == b"" and front[1].requests[-1].REQUEST_METHOD == "HEAD"


@pytest.mark.parametrize("status", [403, 404, 422, 500, 501, 503])
def test_status(front, browser, status):
    """A page that comes with another status comes all the same."""
    page = browser.get("/status/%d" % status)
    assert (page.status, page.text) == (status, "the page says why")


def test_redirection(front, browser):
    """303 and its cookie reach the browser, which then asks for the other page with it."""
    page = browser.get("/go")
    r = front[1].requests[-1]
    assert page.status == 200 and (r.PATH_INFO, r.QUERY_STRING, r.HTTP_COOKIE) == ("/records", "x=1", "__Host-rpopd=" + 64 * "a")
    assert browser.cookies["__Host-rpopd"][1] == ["Path=/", "Secure", "HttpOnly", "SameSite=Strict"]


def test_long_page(browser):
    assert len(browser.get("/long").text) == 2000000


def test_many(front, browser, pki):
    """Twenty browsers at once get each its own page."""
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        pages = pool.map(lambda n: Browser(browser.port, pki, browser.base).get("/x%d" % n), range(60))
    assert {page.status for page in pages} == {200}
    assert {"/x%d" % n for n in range(60)} <= {r.PATH_INFO for r in front[1].requests}


def test_plain(front, browser):
    """Without TLS nothing says that there is any, whatever the browser sends."""
    Browser(front[0].plain, None, browser.base).send("GET", browser.base + "/", head={"HTTPS": "on", "X-Forwarded-Proto": "https"})
    r = front[1].requests[-1]
    assert r.HTTPS in ("", "off") and r.REQUEST_SCHEME != "https"


def test_underscores(front, browser):
    """A header field cannot pass for what the web server says itself."""
    browser.send("GET", browser.base + "/", head={"REMOTE_ADDR": "192.0.2.1", "HTTPS": "off", "SCRIPT_NAME": "/x", "Proxy": "http://192.0.2.1"})
    r = front[1].requests[-1]
    assert (r.REMOTE_ADDR, r.HTTPS, r.SCRIPT_NAME, r.PATH_INFO) == ("127.0.0.1", "on", browser.base, "/")
