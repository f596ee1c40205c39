# SPDX-License-Identifier: ISC
"""The program web and what a web server, of whatever kind, sends it: FastCGI whole, cut, wrong, too much."""
import struct

import pytest

from lib import fcgirig as F, rig as rigs


@pytest.fixture
def web():
    w = F.Web().listen()
    yield w
    w.all_ended()
    assert w.close() == 0


def alive(web):
    assert web.ask("/style.css").status == 200


def test_login_page(web):
    a = web.ask("/")
    assert a.status == 200 and 'name="address"' in a.page and 'name="password"' in a.page
    assert a.ends == [(1, (0, 0))] and a.records[-1][0] == F.END and (F.STDOUT, 1, b"") in a.records
    assert a.headers["Content-Security-Policy"] == \
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    assert a.headers["X-Content-Type-Options"] == "nosniff" and a.headers["Referrer-Policy"] == "no-referrer"
    assert a.headers["Cache-Control"] == "no-store" and a.headers["Content-Type"] == "text/html; charset=utf-8"
    assert int(a.headers["Content-Length"]) == len(a.body) and "<script" not in a.page and "style=" not in a.page
    assert bytes(web.enters[0].client) == b"192.0.2.7" and web.enters[0].tokens == 0 and web.enters[0].change == 0


def test_style(web):
    a = web.ask("/style.css")
    assert a.status == 200 and a.headers["Content-Type"] == "text/css; charset=utf-8" and b"prefers-color-scheme" in a.body
    assert "no-store" not in a.headers["Cache-Control"] and web.enters == []


def test_head(web):
    a, b = web.ask("/style.css", "HEAD"), web.ask("/style.css")
    assert a.status == 200 and a.body == b"" and a.headers == b.headers


@pytest.mark.parametrize("piece,padding", [(1, 0), (1, 7), (7, 255), (None, 3)])
def test_pieces(web, piece, padding):
    """In records of any size, and with padding, it is the same request."""
    a = F.Answer(web.raw(F.request("/logout?x=1", "POST", F.form(a="b"), piece=piece, padding=padding, HTTP_COOKIE=F.COOKIE)))
    assert a.status == 303 and web.logouts == [True] and web.enters[0].change == 1 and bytes(web.enters[0].form) == F.FORM


def test_octet_by_octet(web):
    with web.connect() as sock:
        for octet in F.request("/style.css"):
            sock.sendall(bytes([octet]))
        assert F.Answer(web.rest(sock)).status == 200


def test_every_truncation(web):
    """A request that is cut anywhere has no answer and no effect; the process ends, and others go on."""
    whole = F.request("/logout", "POST", F.form(), HTTP_COOKIE=F.COOKIE)
    for n in range(len(whole)):
        assert web.raw(whole[:n], end=True) == b"", n
    assert web.logouts == [] and web.enters == []
    assert F.Answer(web.raw(whole)).status == 303 and web.logouts == [True]


@pytest.mark.parametrize("octets", [
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    F.record(F.BEGIN, b"\0\1\0\0\0\0\0\0", version=2),
    F.record(F.BEGIN, b"\0\1\0"),						# too short
    F.record(F.BEGIN, b"\0\1\0\0\0\0\0\0" * 2),				# too long
    F.request()[:16] + F.request()[:16],					# begun twice
    F.request()[:16] + F.record(F.STDIN, b"x"),				# a body ahead of the parameters' end
    F.request()[:16] + F.record(F.PARAMS, F.params()) + F.record(F.PARAMS) + F.record(F.PARAMS, b"x"),
    F.request()[:16] + F.record(F.STDOUT, b"x"),
    F.request()[:16] + F.record(F.DATA, b"x"),
    F.request()[:16] + F.record(77, b"x"),
    F.request()[:16] + F.record(F.PARAMS, b"\x05\x05hello") + F.record(F.PARAMS),	# lengths that lie
    F.request()[:16] + F.record(F.PARAMS, b"\xff\xff\xff\xff\x01") + F.record(F.PARAMS),
    F.request()[:16] + F.record(F.PARAMS, b"\x01\xff\xff\xff\xffa") + F.record(F.PARAMS),
    F.request()[:16] + F.record(F.PARAMS, b"\xff\xff") + F.record(F.PARAMS),
    F.record(F.GET_VALUES, b"\x05\x05hello", 0),
    F.record(99, b"", 0) * 300,						# more answers than are kept
], ids=lambda octets: "")
def test_not_fastcgi(web, octets):
    """The connection ends without an answer to a request."""
    assert web.raw(octets + b"\1" * 70000, end=True) == b""
    alive(web)


def test_length_of_a_record_lies(web):
    """It is longer than what comes: the rest is waited for, and is what a later record would have been."""
    assert web.raw(F.request()[:16] + F.record(F.PARAMS, F.params(), length=len(F.params()) + 8) + F.record(F.PARAMS), end=True) == b""


def test_values(web):
    asked = F.pair("FCGI_MPXS_CONNS", "") + F.pair("FCGI_MAX_CONNS", "") + F.pair("SOMETHING", "x") + F.pair("FCGI_MPXS_CONNS", "")
    a = F.Answer(web.raw(F.record(F.GET_VALUES, asked, 0) + F.request("/style.css")))
    assert a.status == 200
    kind, number, values = a.records[0]
    assert (kind, number) == (F.VALUES, 0) and values == F.pair("FCGI_MPXS_CONNS", "0") + F.pair("FCGI_MAX_CONNS", "64")


def test_unknown_management(web):
    a = F.Answer(web.raw(F.record(99, b"abc", 0, 5) + F.request("/style.css")))
    assert a.status == 200 and a.records[0] == (F.UNKNOWN, 0, bytes([99]) + bytes(7))


def test_multiplexed(web):
    """Another request on the same connection is refused; what is said of it counts for nothing."""
    one = F.request("/style.css", number=7)
    other = F.request("/", number=8)
    a = F.Answer(web.raw(one[:16] + other + one[16:]))
    assert a.status == 200 and a.headers["Content-Type"].startswith("text/css")
    assert a.ends == [(8, (0, 1)), (7, (0, 0))] and web.enters == []


def test_records_of_no_request(web):
    a = F.Answer(web.raw(F.record(F.PARAMS, b"\xff", 3) + F.record(F.STDIN, b"x", 3) + F.record(F.ABORT, b"", 3) + F.request("/style.css")))
    assert a.status == 200 and a.ends == [(1, (0, 0))]


@pytest.mark.parametrize("role", [0, 2, 3, 65535])
def test_role(web, role):
    a = F.Answer(web.raw(F.record(F.BEGIN, struct.pack(">HB5x", role, 0)) + F.request()[16:]))
    assert a.octets == b"" and a.ends == [(1, (0, 3))] and web.enters == []


def test_abort(web):
    whole = F.request("/logout", "POST", F.form(), HTTP_COOKIE=F.COOKIE)
    for n in (16, 16 + 40, len(whole) - 8):
        cut = n if n != 56 else 16
        a = F.Answer(web.raw(whole[:cut] + F.record(F.ABORT)))
        assert a.octets == b"" and a.ends == [(1, (0, 0))]
    assert web.logouts == [] and web.enters == []


@pytest.mark.parametrize("kept", [0, 1])
def test_connection_ends(web, kept):
    """There is one request for each connection, also for a web server that would like to keep it."""
    assert F.Answer(web.raw(F.record(F.BEGIN, struct.pack(">HB5x", 1, kept)) + F.request("/style.css")[16:])).status == 200


@pytest.mark.parametrize("size,status", [(60000, 200), (66000, 431), (1000000, 431)])
def test_long_parameters(web, size, status):
    a = F.Answer(web.raw(F.request("/style.css", HTTP_X_LONG="x" * size)))
    assert a.status == status and (status == 200 or "Nothing was changed" in a.page)


@pytest.mark.parametrize("size,status", [(1048576, 303), (1048577, 413), (3000000, 413)])
def test_long_body(web, size, status):
    body = F.form(a="")
    body += b"x" * (size - len(body))
    a = F.Answer(web.raw(F.request("/logout", "POST", body, HTTP_COOKIE=F.COOKIE)))
    assert a.status == status and len(web.enters) == (status == 303)


@pytest.mark.parametrize("count,status", [(20000, 303), (20001, 400)])
def test_many_fields(web, count, status):
    body = F.form() + b"&a=" * (count - 1)
    assert web.post("/logout", body).status == status


@pytest.mark.parametrize("body", [b"a=%", b"a=%4", b"a=%zz", b"a=%00", b"%00=a", b"a=%ff", b"a=\xff", b"a=%c3%28", b"a\0=b"])
def test_bad_form(web, body):
    assert web.post("/logout", F.form() + b"&" + body).status == 400 and web.logouts == []


@pytest.mark.parametrize("more,status", [
    ({"CONTENT_TYPE": None}, 415), ({"CONTENT_TYPE": "multipart/form-data; boundary=x"}, 415), ({"CONTENT_TYPE": "text/plain"}, 415),
    ({"CONTENT_TYPE": "application/x-www-form-urlencodedx"}, 415),
    ({"CONTENT_TYPE": "application/x-www-form-urlencoded; charset=UTF-8"}, 303),
    ({"CONTENT_LENGTH": "1"}, 400), ({"CONTENT_LENGTH": "-1"}, 400), ({"CONTENT_LENGTH": "99999999999999999999"}, 400),
    ({"CONTENT_LENGTH": ""}, 303), ({"CONTENT_LENGTH": None}, 303),
    ({"REQUEST_METHOD": None}, 400), ({"REQUEST_URI": None}, 400), ({"REQUEST_URI": "/logout\0x"}, 400),
    ({"REQUEST_METHOD": "PUT"}, 405), ({"REQUEST_METHOD": "OPTIONS"}, 405), ({"REQUEST_METHOD": "post"}, 405), ({"QUERY_STRING": "a=%"}, 400),
])
def test_parameters(web, more, status):
    values = dict(HTTP_COOKIE=F.COOKIE)
    values.update(more)
    a = F.Answer(web.raw(F.request("/logout", "POST", F.form(), **values)))
    assert a.status == status and len(web.logouts) == (status == 303)
    assert status != 405 or a.headers["Allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize("path", ["/nowhere", "/records/", "//records", "/records/../records", "/./records", "/re%63ords", "records", "*",
    "http://mail.example.org/records", "/" + "x" * 5000, "/records\n"])
def test_no_such_page(web, path):
    assert web.get(path).status == 404 and web.enters == []


@pytest.mark.parametrize("more,base", [
    ({}, ""), ({"RPOPD_BASE": "/mail"}, "/mail"), ({"RPOPD_BASE": "/mail/"}, "/mail"), ({"RPOPD_BASE": "/a/b"}, "/a/b"),
    ({"RPOPD_BASE": "/", }, ""), ({"SCRIPT_NAME": "/mail", "PATH_INFO": "/"}, "/mail"), ({"SCRIPT_NAME": "/", "PATH_INFO": ""}, ""),
    ({"SCRIPT_NAME": "", "PATH_INFO": "/"}, ""),
])
def test_base(web, more, base):
    a = F.Answer(web.raw(F.request(base + "/", **more)))
    assert a.status == 200 and 'href="%s/style.css"' % base in a.page and 'action="%s/"' % base in a.page
    if "RPOPD_BASE" in more and base:
        assert F.Answer(web.raw(F.request(base, **more))).status == 200
        assert F.Answer(web.raw(F.request(base + "x/", **more))).status == 404


def test_many_at_once(web):
    """More connections than there may be processes: all are answered, the later ones when earlier ones have been."""
    socks = [web.connect() for _ in range(100)]
    for sock in socks:
        sock.sendall(F.request("/style.css")[:-8])
    with web.changed:
        assert web.changed.wait_for(lambda: len(web.requests) == 64, rigs.PATIENCE)
    for sock in socks:
        sock.sendall(F.request("/style.css")[-8:])
    for sock in socks:
        assert F.Answer(web.rest(sock)).status == 200
        sock.close()
    rigs.wait_for(lambda: len(web.requests) == 100, "the requests")


def test_unlisten(web):
    """What was begun goes on; nothing new comes until there is a socket again."""
    old = web.connect()
    with web.changed:
        assert web.changed.wait_for(lambda: web.requests, rigs.PATIENCE)
    web.channel.send("IMSG_WEB_UNLISTEN")
    rigs.wait_for(lambda: any("listens no more" in line for line in web.log), "the end of the socket")
    with pytest.raises(ConnectionRefusedError):
        web.connect()
    old.sendall(F.request("/style.css"))
    assert F.Answer(web.rest(old)).status == 200
    old.close()
    web.listen()
    rigs.wait_for(lambda: sum("the web page listens" == line.split(": ")[-1] for line in web.log) == 2, "the next socket")
    alive(web)
    web.listen()		# one in the place of the other
    rigs.wait_for(lambda: sum("the web page listens" == line.split(": ")[-1] for line in web.log) == 3, "another socket")
    alive(web)
