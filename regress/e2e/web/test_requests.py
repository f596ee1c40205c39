# SPDX-License-Identifier: ISC
"""Who asks, and what that gets them, with the master played: cookies, logins, forms of others, connections that are not HTTPS."""
import signal
import threading

import pytest

from lib import fcgirig as F, rig as rigs

GONE = "The mail server does not answer just now"


@pytest.fixture
def web():
    w = F.Web().listen()
    yield w
    w.all_ended()
    assert w.close() == 0


# --- logging in and out ---

def login(web, **more):
    return web.post("/", F.form(None, address="Anna@example.org", password="s3cret"), cookie=None, **more)


def test_login(web):
    a = login(web)
    assert a.status == 303 and a.headers["Location"] == "/records" and a.body == b""
    assert a.headers["Set-Cookie"] == F.COOKIE + "; Path=/; Secure; HttpOnly; SameSite=Strict"
    assert web.logins == [(10, 1, b"Anna@example.org", b"s3cret")]		# AUTH_USER
    assert web.enters[0].tokens == 0 and web.enters[0].change == 0
    assert "s3cret" not in "\n".join(web.log) and F.TOKEN.hex() not in "\n".join(web.log)


def test_login_below_a_folder(web):
    a = F.Answer(web.raw(F.request("/mail/", "POST", F.form(None, address="a", password="s3cret"), RPOPD_BASE="/mail")))
    assert a.headers["Location"] == "/mail/records" and "; Path=/;" in a.headers["Set-Cookie"]


def test_login_denied(web):
    web.denied = "Too many <failed> logins: wait."
    a = web.post("/", F.form(None, address='x"><b>', password="wrong-one"), cookie=None)
    assert a.status == 403 and "Set-Cookie" not in a.headers
    assert "Too many &lt;failed&gt; logins: wait." in a.page and 'value="x&quot;&gt;&lt;b&gt;"' in a.page and "wrong-one" not in a.page


@pytest.mark.parametrize("values", [{}, {"address": "a"}, {"password": "x"}, {"address": "", "password": "x"}, {"address": "a", "password": ""}])
def test_login_incomplete(web, values):
    a = web.post("/", F.form(None, **values), cookie=None)
    assert a.status == 422 and web.logins == []


@pytest.mark.parametrize("address,password,status", [("a" * 329, "s3cret", 303), ("a" * 330, "s3cret", 403), ("a", "x" * 1024, 403),
    ("a", "x" * 1025, 403), ("a", "Größe ist gut+%", 403)])
def test_login_lengths(web, address, password, status):
    a = web.post("/", F.form(None, address=address, password=password), cookie=None)
    assert a.status == status and len(web.logins) == (len(address) < 330 and len(password) <= 1024)
    assert not web.logins or web.logins[0][2:] == (address.encode(), password.encode())


def test_login_of_somebody_else(web):
    """Who is logged in already is not asked about."""
    a = web.post("/", F.form(None, address="bert@example.org", password="s3cret"))
    assert a.status == 303 and web.enters[0].tokens == 0 and web.logins[0][2] == b"bert@example.org"


def test_logged_in_already(web):
    a = web.get("/")
    assert a.status == 303 and a.headers["Location"] == "/records"


def test_logout(web):
    a = web.post("/logout", F.form())
    assert a.status == 303 and a.headers["Location"] == "/" and web.logouts == [True]
    assert a.headers["Set-Cookie"] == "__Host-rpopd=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0"
    assert web.get("/logout").status == 405


# --- who asks ---

@pytest.mark.parametrize("cookie", [
    None, "", "other=1", "__Host-rpopd=", "__Host-rpopd=" + "0" * 63, "__Host-rpopd=" + "0" * 65, "__Host-rpopd=" + "g" * 64,
    "x__Host-rpopd=" + F.TOKEN.hex(), "__Host-rpopdx=" + F.TOKEN.hex(), "__Host-rpopd=" + F.TOKEN.hex().upper(),
    "__Host-rpopd=bad; " + F.COOKIE,
])
def test_no_cookie(web, cookie):
    a = web.get("/records", cookie)
    assert a.status == 303 and a.headers["Location"] == "/" and web.enters[0].tokens == 0
    a = web.post("/logout", F.form(), cookie)
    assert a.status == 403 and "Nothing was changed" in a.page and web.logouts == []


@pytest.mark.parametrize("cookie", [F.COOKIE, "a=b; %s" % F.COOKIE, "%s; c=d" % F.COOKIE, "a;b;; ;%s;" % F.COOKIE])
def test_cookie(web, cookie):
    assert web.get("/records", cookie).let_in and bytes(web.enters[0].token) == F.TOKEN


def test_session_is_over(web):
    assert web.get("/records", "__Host-rpopd=" + "ab" * 32).status == 303 and web.enters[0].tokens == 1


@pytest.mark.parametrize("form", [None, bytes(32), F.FORM[:31] + b"x", b"", F.FORM + b"x"])
def test_forged(web, form):
    """A form that is not of this session's pages changes nothing."""
    a = web.post("/logout", F.form(form))
    assert a.status == 403 and "Nothing was changed" in a.page and web.logouts == []
    assert web.enters[0].change == 1


@pytest.mark.parametrize("path,rights,may", [
    ("/records", 0, True), ("/password", F.PASSWORD, True), ("/password", F.MODIFY, False), ("/admin/accounts", F.DOMAIN_ADMIN, True),
    ("/admin/accounts", F.SERVER_ADMIN, True), ("/admin/accounts", F.MODIFY | F.PASSWORD, False), ("/admin/queue", F.SERVER_ADMIN, True),
    ("/admin/queue", F.DOMAIN_ADMIN | F.MODIFY | F.PASSWORD, False), ("/admin/rpop", F.DOMAIN_ADMIN, False),
])
def test_rights(web, path, rights, may):
    """Pages that are not for an account are not in its navigation, and are refused; the master decides besides."""
    web.rights = rights
    a = web.get(path)
    assert a.let_in == may and (a.status == 403) == (not may) and ('href="%s"' % path in a.page) == may


@pytest.mark.parametrize("more,cross", [
    ({"HTTP_SEC_FETCH_SITE": "same-origin"}, 0), ({"HTTP_SEC_FETCH_SITE": "none"}, 0), ({"HTTP_SEC_FETCH_SITE": "same-site"}, 1),
    ({"HTTP_SEC_FETCH_SITE": "cross-site"}, 1), ({"HTTP_SEC_FETCH_SITE": "nonsense"}, 1),
    ({"HTTP_SEC_FETCH_SITE": "same-origin", "HTTP_ORIGIN": "null"}, 0), ({"HTTP_ORIGIN": "null"}, 0),
    ({"HTTP_ORIGIN": "https://mail.example.org"}, 0), ({"HTTP_ORIGIN": "https://MAIL.example.org"}, 0),
    ({"HTTP_ORIGIN": "https://evil.example"}, 1), ({"HTTP_ORIGIN": "https://mail.example.org:444"}, 1),
    ({"HTTP_ORIGIN": "mail.example.org"}, 1), ({"HTTP_ORIGIN": "https://mail.example.org", "HTTP_HOST": None}, 1),
])
def test_other_sites(web, more, cross):
    """A form that another site has sent changes nothing, also a login; a link of another site is followed."""
    for path, body in (("/logout", F.form()), ("/", F.form(None, address="a", password="s3cret"))):
        assert web.post(path, body, **more).status == (403 if cross else 303)
    assert len(web.logouts) == len(web.logins) == 1 - cross
    assert web.get("/", cookie=None, **more).status == 200


@pytest.mark.parametrize("more,https", [
    ({"HTTPS": None}, 0), ({"HTTPS": "off"}, 0), ({"HTTPS": ""}, 0), ({"HTTPS": "on"}, 1), ({"HTTPS": "1"}, 1), ({"HTTPS": "ON"}, 1),
    ({"HTTPS": None, "REQUEST_SCHEME": "http"}, 0), ({"HTTPS": None, "REQUEST_SCHEME": "https"}, 1),
    ({"HTTPS": None, "HTTP_X_FORWARDED_PROTO": "https"}, 0),
])
def test_https(web, more, https):
    """Without it there is no form, no login, no page, and the master is not asked."""
    a = web.get("/", cookie=None, **more)
    assert a.status == 200 and ('name="password"' in a.page) == https and ("HTTPS has to" in a.page or "use HTTPS" in a.page) != https
    assert login(web, **more).status == (303 if https else 403)
    a = web.get("/records", **more)
    assert a.let_in if https else a.status == 303
    assert len(web.enters) == 3 * https


@pytest.mark.parametrize("address,told", [("192.0.2.7", b"192.0.2.7"), ("2001:db8::7", b"2001:db8::7"), ("", b""), (None, b""),
    ("mail.example.org", b""), ("1" * 60, b""), ("192.0.2.7\n", b"")])
def test_client(web, address, told):
    """The master hears of numeric addresses only."""
    web.get("/records", REMOTE_ADDR=address)
    assert web.enters[0].client == told


def test_names_are_escaped(web):
    web.host, web.account = b"<h>&\"'", b"<a>@example.org"
    page = web.get("/records").page
    assert "&lt;h&gt;&amp;&quot;&#39;" in page and "&lt;a&gt;@example.org" in page and "<h>" not in page and "<a>" not in page


@pytest.mark.parametrize("query", ["said=Done&seal=" + "0" * 32, "said=Done", "said=Done&seal=", "said=Done&seal=x", "seal=" + "0" * 32])
def test_nobody_else_says_something(web, query):
    assert "Done" not in web.get("/records?" + query).page


# --- a master that does not do its part ---

def test_deaf_master(web):
    """It takes the request, and closes the channel without a word."""
    web.heard = lambda channel, *told: channel.sock.shutdown(2)
    a = web.get("/records")
    assert a.status == 503 and GONE in a.page


@pytest.mark.parametrize("name,data", [
    ("IMSG_WEB_ENTERED", F.Entered(entry=3)), ("IMSG_WEB_ENTERED", F.Entered(entry=F.ENTERED)),		# without its channel
    ("IMSG_WEB_ENTERED", F.Entered(host=b"a\nb")), ("IMSG_WEB_ENTERED", b"short"), ("IMSG_WEB_SESSION", F.TOKEN),
    ("IMSG_WEB_DENIED", b"x".ljust(256, b"\0")), ("IMSG_WEB_LISTEN", b""), ("IMSG_POP_STOP", b""),
])
def test_master_breaks_the_rules(web, name, data):
    web.heard = lambda channel, *told: channel.send(name, data)
    assert web.get("/records").status == 503
    rigs.wait_for(lambda: any("channel to the master" in line for line in web.log), "a line in the log")


@pytest.mark.parametrize("name,data", [("IMSG_WEB_DENIED", b"a\x1bb".ljust(256, b"\0")), ("IMSG_WEB_DENIED", b"x" * 256), ("IMSG_WEB_SESSION", b"x")])
def test_login_breaks_the_rules(web, name, data):
    web.login = lambda channel: channel.send(name, data)
    a = login(web)
    assert a.status == 403 and GONE in a.page and "Set-Cookie" not in a.headers


def test_auth_process_dies(web):
    """What came of a login is the master's to say."""
    def dead(channel):
        ours, theirs = F.socket.socketpair()
        ours.close()
        with theirs:
            channel.send("IMSG_WEB_AUTH", b"", theirs.fileno())
        channel.send("IMSG_WEB_DENIED", b"Not now.".ljust(256, b"\0"))
    web.login = dead
    a = login(web)
    assert a.status == 403 and "Not now." in a.page


def test_nobody_is_waited_for_too_long():
    """Not a web server that says half a request or nothing, nor a master, nor the daemon at the control channel.  All wait at once."""
    web = F.Web().listen()
    heard, quiet = web.heard, threading.Event()

    def slowly(channel, name, data, fd):
        m = F.Enter.from_buffer_copy(data)
        if m.client == b"192.0.2.1":
            return			# and says nothing
        web.answer = lambda name, data: quiet.wait(rigs.PATIENCE) and []
        heard(channel, name, data, fd)
    web.heard = slowly
    silent, half, deaf, control = (web.connect() for _ in range(4))
    half.sendall(F.request("/records", HTTP_COOKIE=F.COOKIE)[:-9])
    deaf.sendall(F.request("/records", HTTP_COOKIE=F.COOKIE, REMOTE_ADDR="192.0.2.1"))
    control.sendall(F.request("/records", HTTP_COOKIE=F.COOKIE))
    assert web.rest(silent) == b"" and web.rest(half) == b""
    for sock in (deaf, control):
        a = F.Answer(web.rest(sock))
        assert a.let_in and GONE in a.page
    quiet.set()
    for sock in (silent, half, deaf, control):
        sock.close()
    web.all_ended()
    assert web.close() == 0


def test_web_server_is_gone():
    """One that does not wait for its answer."""
    web = F.Web().listen()
    with web.connect() as sock:
        sock.sendall(F.request("/style.css"))
    web.all_ended()
    assert web.close() == 0


def test_master_is_gone():
    """Its end is that of the listener and of all requests."""
    web = F.Web().listen()
    with web.connect() as sock:
        with web.changed:
            assert web.changed.wait_for(lambda: web.requests, rigs.PATIENCE)
        web.process.send_signal(signal.SIGKILL)
        web.process.wait(rigs.PATIENCE)
        assert web.rest(sock) == b""
    assert web.close() == -signal.SIGKILL
