# SPDX-License-Identifier: ISC
"""rpopd and its web page together, with nothing played but the web server: raw FastCGI at settings.web_socket."""
import os
import re
import socket
import urllib.parse

import pytest

from lib import rig as rigs

F = pytest.importorskip("lib.fcgirig")
pytestmark = pytest.mark.skipif(not os.path.exists(os.path.join(rigs.BUILD, "web")), reason="the program web is not built")
ANNA, WORD = "anna@example.org", "a word of Anna's"
GONE = "The session is over"


class Site:
    """What a web server sees of the page, and a browser with one cookie."""

    def __init__(self, rig):
        self.rig, self.path, self.cookie = rig, os.path.join(rig.run, "web.sock"), None
        self.daemon = rig.daemon = rig.start()
        rigs.wait_for(lambda: "web ready" in self.daemon.log(), "the web page")

    def raw(self, octets):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(rigs.PATIENCE)
            s.connect(self.path)
            s.sendall(octets)
            return F.Answer(b"".join(iter(lambda: s.recv(65536), b"")))

    def ask(self, path="/", method="GET", body=b"", **more):
        if self.cookie:
            more.setdefault("HTTP_COOKIE", self.cookie)
        a = self.raw(F.request(path, method, body, **more))
        if "Set-Cookie" in a.headers:
            self.cookie = a.headers["Set-Cookie"].split(";")[0]
        return a

    def post(self, path, token=None, **values):
        values = dict({"form": token} if token else {}, **values)
        return self.ask(path, "POST", urllib.parse.urlencode(values).encode())

    def login(self, address=ANNA, word=WORD):
        return self.post("/", address=address, password=word)

    def form(self):
        """What a page's forms bring back."""
        return re.search(r'name="?form"? value="([0-9a-f]{64})"', self.ask("/records").page).group(1)


@pytest.fixture
def site(rig):
    rig.account("postmaster@example.org")
    rig.account(ANNA)
    rig.settings["web_socket"] = os.path.join(rig.run, "web.sock")
    rig.write_db()
    rig.sqlite("UPDATE account SET password = '{PLAIN}' || %s, can_modify_rpop = 1 WHERE address = '%s';" % (rigs.quote(WORD), ANNA))
    return Site(rig)


def test_login_and_out(site):
    a = site.login()
    assert a.status == 303 and a.headers["Location"] == "/records"
    assert "HttpOnly" in a.headers["Set-Cookie"] and WORD not in site.daemon.log()
    cookie = site.cookie
    assert site.ask("/records").status in (200, 501)
    a = site.post("/logout", site.form())
    assert a.status == 303
    site.cookie = cookie
    assert site.ask("/records").status == 303 and site.ask("/records").headers["Location"].startswith("/")
    assert site.login().status == 303 and site.cookie != cookie


def test_wrong(site):
    for address, word in ((ANNA, "wrong"), ("nobody@example.org", WORD)):
        a = site.login(address, word)
        assert a.status == 403 and "wrong name or password" in a.page and site.cookie is None


def test_forged(site):
    """A form of no session, of an old one, or none ends nothing."""
    site.login()
    old, cookie = site.form(), site.cookie
    site.cookie = None
    site.login()
    for token in (None, "0" * 64, old, site.cookie.split("=")[1]):
        assert site.post("/logout", token).status == 403
    assert site.ask("/records").status in (200, 501)
    site.cookie = cookie
    assert site.ask("/records").status in (200, 501)


def test_password_ends_session(site):
    site.login()
    site.rig.sqlite("UPDATE account SET password = '{PLAIN}another one' WHERE address = '%s';" % ANNA)
    assert site.ask("/records").status == 303
    assert site.login().status == 403 and site.login(word="another one").status == 303


def test_process(site):
    """The listener has its own user, an empty root and no privilege, and a request is one process."""
    site.login()
    pid = site.daemon.one("web")
    status = rigs.read_proc(pid, "status")
    status = status.decode() if isinstance(status, bytes) else status
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert set(fields["CapEff"]) == {"0"} and fields["NoNewPrivs"] == "1"
    if not rigs.SANITIZED:
        assert fields["Seccomp"] == "2"
    assert os.readlink("/proc/%d/root" % pid) == os.path.join(site.rig.run, "web") and os.listdir("/proc/%d/root" % pid) == []
    assert not any("web.sock" in line or "rpopd.db" in line for line in (os.readlink("/proc/%d/fd/%s" % (pid, f)) for f in
        os.listdir("/proc/%d/fd" % pid)))


def test_listener_dies(site):
    """Sessions go on with the next one, and a connection waits for it."""
    site.login()
    os.kill(site.daemon.one("web"), 9)
    assert site.ask("/records").status in (200, 501)
    assert "web[" in site.daemon.log()


def test_no_end_is_told(site):
    """A request ends without a word in the log."""
    site.login()
    for _ in range(5):
        site.ask("/records")
    assert "process died" not in site.daemon.log()


def test_many(site):
    """More requests than a listener serves before it is replaced: none is lost."""
    site.login()
    assert {site.ask("/records").status for _ in range(1100)} <= {200, 501}
    assert site.daemon.log().count("web ready") >= 2


def test_comes_and_goes(site):
    """Without web_socket the process ends; with another path it is there again."""
    site.login()
    site.rig.ctl("setting", "set", "web_socket=")
    rigs.wait_for(lambda: site.daemon.processes()["web"] == [], "the end of the process")
    assert not os.path.exists(site.path) and "web[" not in site.daemon.log()
    site.path += ".new"
    site.rig.ctl("setting", "set", "web_socket=" + site.path)
    assert site.ask("/records").status == 303 and site.login().status == 303
    site.path = site.path[:-4]
    site.rig.ctl("setting", "set", "web_socket=" + site.path)
    assert site.ask("/records").status in (200, 501) and not os.path.exists(site.path + ".new")
