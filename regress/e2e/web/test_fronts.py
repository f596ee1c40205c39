# SPDX-License-Identifier: ISC
"""The web page behind each web server with its sample: log in, change, log out; and without TLS there is no login (U30)."""
import pytest

from lib import website
from lib.website import ANNA, COOKIE, added
from servers import webserver

pytestmark = website.needed()


@pytest.fixture(params=list(webserver.SERVERS) + ["nginx below /mail"])
def front(rig, request):
    name, _, base = request.param.partition(" below ")
    s = website.Site(rig, webserver.SERVERS[name], base)
    yield s.start()
    s.close()


def test_flow(front):
    b = front.browser(ANNA)
    form = b.get("/records").form("update")
    page = b.submit(form, added(form, "work", auth_name="a <&> ä+%"), "update")
    assert page.status == 200 and front.rows("SELECT auth_name FROM rpop WHERE name = 'work';") == [["a <&> ä+%"]]
    assert "content-security-policy" in page.head and b.get("/style.css").status == 200
    assert all(link.startswith(b.base + "/") or link.startswith("#") for link in page.links), page.links
    form = page.form("update")
    assert b.submit(form, added(form, "x" * 200), "update").status == 422
    b.submit([f for f in page.forms if f.action.endswith("/logout")][0])
    assert COOKIE not in b.cookies


def test_plain(front):
    """Without TLS: a sentence in place of the form; a password that is sent all the same logs nobody in."""
    b = front.browser(plain=True)
    page = b.get("/")
    assert "password" not in {name for form in page.forms for name in form.names()} and "HTTPS" in page.text
    page = b.post(b.base + "/", [("address", ANNA), ("password", website.password(ANNA))])
    assert COOKIE not in b.cookies and ANNA not in page.text
    b.cookies = front.browser(ANNA).cookies
    assert ANNA not in b.get("/records").text


def test_address(front):
    """The log says who has logged in, and from which address."""
    front.browser(ANNA)
    assert [line for line in front.rig.log().splitlines() if ANNA in line and "127.0.0.1" in line]
