# SPDX-License-Identifier: ISC
"""Access tokens from an identity provider: grants, rotation, expiry, refusal, and everything a provider can do wrong."""
import json
import os
import shutil
import signal
import sqlite3
import threading
import time

import pytest

from lib import corpus, rig as rigs
from servers.dovecot import Dovecot
from servers.idp import JWT_KEY, REFRESH, Idp, jwt
from servers.logins import Tokens

ANNA = "example.org/anna"


@pytest.fixture(scope="module")
def oauth_dovecot(pki):
    directory = rigs.scratch("rpdo.")
    server = None
    try:
        server = Dovecot(directory, pki, jwt_key=JWT_KEY)
        yield server
    finally:
        if server:
            server.stop()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def idps(pki):
    made = []

    def make(**options):
        made.append(Idp(pki, **options))
        return made[-1]
    yield make
    for idp in made:
        idp.stop()


@pytest.fixture
def world(personal, pop3, idps):
    """A provider, a server that takes its tokens, and a record: world(...) -> (idp, server)"""
    def make(messages=1, rotate=False, lifetime=3600, cert="good", client={}, **columns):
        idp = idps(rotate=rotate, lifetime=lifetime, cert=cert)
        idp.grants[REFRESH] = "user"
        server = pop3(Tokens(), [corpus.mail("m%d" % i) for i in range(messages)], "pop3s")
        idp.access = lambda user: server.behaviour.good.add("at-%d" % idp.serial) or "at-%d" % idp.serial
        personal.client("idp", idp, **client)
        columns.setdefault("refresh_token", REFRESH)
        personal.record("anna@example.org", "work", server, password=None, oauth_client="idp", leave=1, **columns)
        return idp, server
    return make


def error_of(rig):
    return rig.state("SELECT error FROM record_state")[0][0]


def no_secrets(rig, *more):
    log = rig.log() + str(rig.state("SELECT error FROM record_state"))
    for secret in (REFRESH, "at-1", "rt-rotated") + more:
        assert secret not in log


# --- the good ways ---

def test_refresh_token(personal, world):
    idp, server = world(2)
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: ["m0", "m1"]}
    request = idp.requests[0]
    assert request["form"] == {"grant_type": "refresh_token", "refresh_token": REFRESH, "client_id": "rig-client"}
    assert request["path"] == "/token"
    assert request["headers"]["Content-Type"] == "application/x-www-form-urlencoded"
    assert request["headers"]["Accept"] == "application/json"
    assert request["headers"]["Host"] == "localhost:%d" % idp.port
    assert idp.count() == 1 and server.behaviour.tried == ["at-1"]
    no_secrets(personal)


def test_client_credentials(personal, world):
    """Two records of one client share one token."""
    idp, server = world(client={"grant_type": "client_credentials", "client_secret": "s & s%", "scope": "https://x.test/.default"},
        refresh_token=None)
    personal.record("anna@example.org", "second", server, user="user2", password=None, oauth_client="idp", leave=1)
    assert personal.once().code == 0
    assert idp.count() == 1
    assert idp.requests[0]["form"] == {"grant_type": "client_credentials", "client_id": "rig-client", "client_secret": "s & s%",
        "scope": "https://x.test/.default"}
    assert server.behaviour.tried == ["at-1", "at-1"]


def poll(rig, name="anna@example.org/work"):
    """One more poll, waited for."""
    before = rig.state("SELECT polls FROM record_state") or [(0,)]
    rig.ctl("poll", name)
    rigs.wait_for(lambda: rig.state("SELECT polls FROM record_state") > before, "a poll")


def first_poll(rig):
    rigs.wait_for(lambda: rig.state("SELECT polls FROM record_state") == [(1,)], "the first poll")


def test_token_is_kept_between_polls(personal, world):
    idp, server = world(period=3600)
    personal.start()
    first_poll(personal)
    for _ in range(4):
        poll(personal)
    assert idp.count() == 1
    assert server.behaviour.tried == ["at-1"] * 5


def test_token_is_renewed_before_its_end(personal, world):
    """Less than a minute is left from the beginning: each poll asks."""
    idp, server = world(lifetime=59)
    personal.start()
    first_poll(personal)
    poll(personal)
    assert server.behaviour.tried == ["at-1", "at-2"] and idp.count() == 2


def test_reload_keeps_the_token(personal, world):
    idp, server = world()
    personal.start()
    first_poll(personal)
    personal.ctl("reload")
    poll(personal)
    assert idp.count() == 1


def test_one_more_login_after_a_refusal(personal, world):
    """The server withdraws the token: one new one, at once, and no failure is counted."""
    idp, server = world()
    personal.start()
    first_poll(personal)
    server.behaviour.good.clear()
    poll(personal)
    assert idp.count() == 2
    assert server.behaviour.tried == ["at-1", "at-1", "at-2"]
    assert personal.state("SELECT failures, error FROM record_state") == [(0, "")]


def test_no_second_renewal(personal, world):
    """New tokens are refused too: it is a failure, and later polls do not ask for more."""
    idp, server = world()
    personal.start()
    first_poll(personal)
    idp.access = lambda user: "bad-%d" % idp.serial
    server.behaviour.good.clear()
    for _ in range(3):
        poll(personal)
    assert idp.count() == 2
    assert server.behaviour.tried == ["at-1", "at-1", "bad-2", "bad-2", "bad-2"]
    assert personal.state("SELECT failures FROM record_state") == [(3,)]
    server.behaviour.good.add("bad-2")
    poll(personal)
    assert personal.state("SELECT failures FROM record_state") == [(0,)]
    no_secrets(personal, "bad-2")


def test_many_records_one_grant(personal, world):
    """One request, however many wait for it; a rotating provider would punish two."""
    idp, server = world(rotate=True)
    for i in range(7):
        personal.record("anna@example.org", "r%d" % i, server, user="user%d" % i, password=None, oauth_client="idp", leave=1,
            refresh_token=REFRESH)
    assert personal.once().code == 0
    assert idp.count() == 1 and server.behaviour.tried == ["at-1"] * 8


def test_own_ca_file(personal, world, pki):
    """Nothing but ca_file is trusted."""
    idp, server = world(client={"ca_file": pki.path("ca.pem")})
    assert personal.once().code == 0


# --- rotation ---

def test_rotated_token_is_used(personal, world):
    idp, server = world(rotate=True)
    for n in (1, 2, 3):
        assert personal.once().code == 0
        assert idp.count() == n
    assert [r["form"]["refresh_token"] for r in idp.requests] == [REFRESH, "rt-rotated-1", "rt-rotated-2"]
    assert os.stat(personal.statedb).st_mode & 0o077 == 0
    no_secrets(personal)


def test_a_new_token_of_the_administrator_wins(personal, world):
    idp, server = world(rotate=True)
    assert personal.once().code == 0
    idp.grants["second"] = "user"
    personal.sqlite("UPDATE rpop SET refresh_token = 'second'")
    assert personal.once().code == 0
    assert idp.requests[1]["form"]["refresh_token"] == "second"
    assert len(personal.state("SELECT * FROM token")) == 1


def test_a_record_that_moves_keeps_its_grant(personal, world, pop3):
    """Another host is another mailbox, but the administrator's refresh token is long void."""
    idp, server = world(rotate=True)
    assert personal.once().code == 0
    other = pop3(server.behaviour, [corpus.mail("new")], "pop3s")
    personal.sqlite("UPDATE rpop SET domain = 'localhost:%d'" % other.port)
    assert personal.once().code == 0
    assert idp.requests[1]["form"]["refresh_token"] == "rt-rotated-1"
    assert personal.idents() == {ANNA: ["m0", "new"]}


def test_killed_after_storing(personal, world):
    """Nothing is lost once the new refresh token is stored."""
    idp, server = world(rotate=True)
    personal.once("-K", "rpopd:master.token_stored", hooks=True)
    assert idp.count() == 1 and server.behaviour.tried == []
    assert personal.once().code == 0
    assert idp.requests[1]["form"]["refresh_token"] == "rt-rotated-1"


@pytest.mark.parametrize("point", ["rpopd:master.token_answer", "oauth:oauth.answer"])
def test_killed_before_storing(personal, world, point):
    """The unavoidable window: the provider has answered and the answer is lost.  The record says so and what to do."""
    idp, server = world(rotate=True)
    personal.once("-K", point, hooks=True)
    assert idp.count() == 1 and server.behaviour.tried == []
    assert personal.once().code == 1
    assert "invalid_grant" in error_of(personal) and "get a new refresh token" in error_of(personal)


def test_store_that_is_locked(personal, world):
    """The answer waits in memory until it can be stored; the access token is not used before."""
    idp, server = world(rotate=True)
    started = threading.Event()
    idp.behave = lambda h, form: started.wait(60) and h.reply(*idp.answer(form))
    daemon = personal.start("-K", "rpopd:master.token_answer:1:stop", hooks=True)
    started.set()
    rigs.wait_for(lambda: "T (stopped)" in (rigs.read_proc(daemon.pid, "status") or ""), "the master to stand still")
    lock = sqlite3.connect(personal.statedb, isolation_level=None, timeout=30)
    lock.execute("BEGIN IMMEDIATE")
    os.kill(daemon.pid, signal.SIGCONT)
    rigs.wait_for(lambda: "waits in memory" in daemon.log(), "the failure")
    assert server.behaviour.tried == []
    lock.execute("ROLLBACK")
    lock.close()
    rigs.wait_for(lambda: "new refresh token is stored" in daemon.log(), "the store")
    personal.ctl("poll", "all")
    rigs.wait_for(lambda: personal.idents() == {ANNA: ["m0"]}, "the mail")
    assert idp.count() == 1
    assert personal.state("SELECT refresh FROM token") == [(b"rt-rotated-1",)]


# --- the end of a refresh token ---

DAY = 86400


def notices(rig):
    return [m for m in rig.delivered().get(ANNA, []) if b"the login ends on" in m.replace(b"\n ", b" ")]


def polls(rig, idp, *steps):
    """Each step: days since the one before, days that the refresh token has left, notices so far."""
    for days, left, told in steps:
        with sqlite3.connect(rig.statedb, timeout=30) as c:
            c.execute("UPDATE token SET said = said - ?, ends = ends - ?", (days * DAY, days * DAY))
        idp.extra = {"refresh_token_expires_in": left * DAY}
        assert rig.once().code == 0
        assert len(notices(rig)) == told, (days, left)


def test_end_is_told_once(personal, world):
    """In the week before it; once more when it has been put off and comes near again."""
    idp, server = world(rotate=True)
    idp.extra = {"refresh_token_expires_in": 8 * DAY}
    assert personal.once().code == 0
    polls(personal, idp, (0.9, 7.1, 0), (1.1, 6, 1), (1, 5, 1), (1, 60, 1), (1, 59, 1), (54, 5, 2), (1, 4, 2))
    text = notices(personal)[0]
    assert b"Get a new refresh token" in text and b"anna@example.org/work" in text
    assert "the provider takes the refresh token until" in personal.log()
    (ends,), = personal.state("SELECT ends FROM token WHERE warned AND refresh IS NOT NULL")
    assert abs(ends - time.time() - 4 * DAY) < DAY
    assert personal.state("SELECT ends FROM tokens")[0][0] == time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(ends))


@pytest.mark.parametrize("lifetime", [1800, 3 * DAY])
def test_end_that_is_put_off(personal, world, lifetime):
    """Each request puts it off: there is nothing to be told, however near it is."""
    idp, server = world()
    idp.extra = {"refresh_token_expires_in": lifetime}
    assert personal.once().code == 0
    polls(personal, idp, *[(days, lifetime / DAY, 0) for days in (0, 0.01, 0.1, 1)])
    assert idp.count() == 5


def test_end_that_nobody_knows(personal, world):
    idp, server = world()
    assert personal.once().code == 0
    assert personal.state("SELECT * FROM token") == []


# --- the grant is lost ---

@pytest.mark.parametrize("code,remedy", [("invalid_grant", "get a new refresh token and store it in the record"),
    ("invalid_client", "correct the row in oauth_client"), ("unauthorized_client", "correct the row in oauth_client")])
def test_lost_grant_is_suspended(personal, world, code, remedy):
    idp, server = world()
    idp.behave = lambda h, form: h.reply(400, {"error": code, "error_description": "a reason"})
    assert personal.once().code == 1
    assert error_of(personal) == "OAuth token: %s: a reason: %s" % (code, remedy)
    idp.behave = None
    assert personal.once().code == 1		# not even after a restart
    assert idp.count() == 1
    assert error_of(personal) == "OAuth token: %s: a reason: %s" % (code, remedy)
    personal.sqlite("UPDATE oauth_client SET scope = 'other'")
    assert personal.once().code == 0
    assert idp.count() == 2


def test_suspension_ends_at_reload(personal, world):
    idp, server = world()
    idp.grants.clear()
    personal.start()
    first_poll(personal)
    personal.ctl("reload")
    poll(personal)
    assert idp.count() == 1
    notices = rigs.wait_for(lambda: personal.delivered().get(ANNA), "a notice")
    assert len(notices) == 1 and b"get a new refresh token" in b" ".join(notices[0].split())
    personal.empty()
    idp.grants["new"] = "user"
    personal.sqlite("UPDATE rpop SET refresh_token = 'new'")
    personal.ctl("reload")
    rigs.wait_for(lambda: personal.idents() == {ANNA: ["m0"]}, "the mail")
    assert idp.count() == 2 and len(personal.state("SELECT * FROM token")) == 0


def test_lost_grant_of_another_record(personal, world, pop3):
    """Only the record it is about."""
    idp, server = world()
    idp.grants.clear()
    other = pop3(messages=[corpus.mail("other")], mode="pop3s")
    personal.record("anna@example.org", "other", other, leave=1)
    assert personal.once().code == 1
    assert "other" in personal.idents()[ANNA]


# --- providers that fail ---

def drip(data):
    def behave(h, form):
        for i in range(len(data)):
            h.raw(data[i:i + 1])
            time.sleep(0.002)
    return behave


def says(data):
    return lambda h, form: h.raw(data)


def http_of(body, head=b"HTTP/1.1 200 OK\r\n"):
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


GOOD = json.dumps({"access_token": "at-1", "expires_in": 3600, "token_type": "bearer"}).encode()

FINE = {
    "drip": drip(http_of(GOOD)),
    "chunked": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
        b"".join(b"%x;x=y\r\n%s\r\n" % (len(GOOD[i:i + 7]), GOOD[i:i + 7]) for i in range(0, len(GOOD), 7)) + b"0\r\nA: b\r\n\r\n"),
    "until close": says(b"HTTP/1.0 200\r\n\r\n" + GOOD),
    "interim": says(b"HTTP/1.1 100 Continue\r\n\r\n" + http_of(GOOD)),
    "no lifetime": says(http_of(b'{"access_token": "at-1", "more": [[{"x": [1, 2, null]}], true]}')),
    "lifetime in quotes": says(http_of(b'{"access_token": "at-1", "expires_in": "3600"}')),
    "escapes": says(http_of(b'{"access_t\\u006fken": "\\u0061t-1"}')),
}

BAD = {
    "500": (says(http_of(b"oops", b"HTTP/1.1 500 X\r\n")), "HTTP status 500"),
    "503 with an error": (says(http_of(b'{"error": "invalid_grant"}', b"HTTP/1.1 503 X\r\n")), "invalid_grant"),
    "429": (says(http_of(b"", b"HTTP/1.1 429 X\r\n")), "HTTP status 429"),
    "a passing error": (says(http_of(b'{"error": "temporarily_unavailable"}', b"HTTP/1.1 400 X\r\n")), "temporarily_unavailable"),
    "redirect": (says(b"HTTP/1.1 302 X\r\nLocation: https://localhost/\r\nContent-Length: 0\r\n\r\n"), "redirect"),
    "404": (says(http_of(b"<html>", b"HTTP/1.1 404 X\r\n")), "is token_url right?"),
    "garbage": (says(b"\0\1\2\3" * 100 + b"\n"), "NUL in the response's header"),
    "another protocol": (says(b"+OK POP3 ready\r\n"), "no HTTP/1 response"),
    "no JSON": (says(http_of(b"<html>" * 1000)), "no JSON object"),
    "no object": (says(http_of(b'["access_token"]')), "no JSON object"),
    "name twice": (says(http_of(b'{"access_token": "at-1", "access_token": "at-2"}')), "no JSON object"),
    "deep": (says(http_of(b'{"a":' * 10000)), "no JSON object"),
    "missing": (says(http_of(b'{"expires_in": 3600}')), "no usable access_token"),
    "of another kind": (says(http_of(b'{"access_token": 17}')), "no usable access_token"),
    "odd characters": (says(http_of(b'{"access_token": "at-1\\u0001auth=x"}')), "no usable access_token"),
    "line end": (says(http_of(b'{"access_token": "at-1\\r\\nDELE 1"}')), "no usable access_token"),
    "too long": (says(http_of(b'{"access_token": "%s"}' % (b"a" * 8193))), "no usable access_token"),
    "refresh odd": (says(http_of(b'{"access_token": "at-1", "refresh_token": "\\u0000"}')), "no JSON object"),
    "another type": (says(http_of(b'{"access_token": "at-1", "token_type": "mac"}')), "not of type Bearer"),
    "huge length": (says(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n"), "too long"),
    "huge body": (says(b"HTTP/1.1 200 OK\r\n\r\n" + b"{" * 1_000_000), "too long"),
    "huge header": (says(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 10000), "header is too long"),
    "huge line": (says(b"HTTP/1.1 200 OK\r\nA: " + b"b" * 10000), "line of the response is too long"),
    "huge chunk": (says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n"), "too long"),
    "cut header": (says(b"HTTP/1.1 200 OK\r\n"), "ended before"),
    "cut body": (says(http_of(GOOD)[:-5]), "ended before"),
    "nothing": (says(b""), "ended before"),
    "smuggling": (says(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "both Content-Length"),
    "gzip": (says(http_of(b"\x1f\x8b", b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n")), "encoded"),
}


@pytest.mark.parametrize("name", FINE)
def test_provider_of_another_style(personal, world, name):
    idp, server = world()
    server.behaviour.good.add("at-1")
    idp.behave = FINE[name]
    assert personal.once().code == 0


@pytest.mark.parametrize("name", BAD)
def test_provider_that_fails(personal, world, pop3, name):
    """A failure of this record that passes: no suspension, nothing logged in, other records unaffected."""
    idp, server = world()
    other = pop3(messages=[corpus.mail("other")], mode="pop3s")
    personal.record("anna@example.org", "other", other, leave=1)
    idp.behave, sentence = BAD[name]
    assert personal.once().code == 1
    errors = dict(personal.state("SELECT m.record, r.error FROM record_state r JOIN mailbox m ON m.id = r.mailbox"))
    assert errors["other"] == "" and errors["work"].startswith("OAuth token: ") and sentence in errors["work"]
    assert server.behaviour.tried == [] and personal.idents() == {ANNA: ["other"]}
    assert personal.state("SELECT * FROM token") == []
    no_secrets(personal)
    idp.behave = None
    personal.start()
    personal.ctl("poll", "all")
    rigs.wait_for(lambda: personal.idents() == {ANNA: ["m0", "other"]}, "the mail")


def test_description_with_secrets(personal, world):
    """What the provider says is shown, but not what it repeats of ours, nor a terminal's control characters."""
    idp, server = world(client={"client_secret": "top-secret"})
    idp.behave = lambda h, form: h.reply(400, {"error": "invalid_grant", "error_description": "\x1b[2Jsee " + form["refresh_token"]})
    assert personal.once().code == 1
    assert REFRESH not in error_of(personal) and "\x1b" not in error_of(personal)
    no_secrets(personal, "top-secret")


def test_provider_is_down(personal, world):
    idp, server = world()
    idp.stop()
    assert personal.once().code == 1
    assert "OAuth token: localhost: " in error_of(personal)
    assert personal.state("SELECT * FROM token") == []
    idp.start()
    assert personal.once().code == 0


@pytest.mark.parametrize("cert", ["wrongname", "expired", "unknown", "selfsigned"])
def test_provider_with_a_bad_certificate(personal, world, cert):
    idp, server = world(cert=cert)
    assert personal.once().code == 1
    assert "TLS: " in error_of(personal)
    assert idp.count() == 0 and server.behaviour.tried == []


def test_provider_that_stalls(personal, world, pop3):
    """Its own clock ends it; meanwhile others are polled."""
    idp, server = world()
    idp.behave = lambda h, form: time.sleep(60)
    other = pop3(messages=[corpus.mail("other")], mode="pop3s")
    personal.record("anna@example.org", "other", other, leave=1)
    personal.start()
    rigs.wait_for(lambda: personal.idents() == {ANNA: ["other"]} and idp.count() == 1, "the other record")
    rigs.wait_for(lambda: "does not answer" in str(personal.state("SELECT error FROM record_state")), "the failure")


def test_provider_that_stalls_holds_up_nobody_twice(personal, world):
    """Records of other grants of that provider do not wait in turn for the same silence."""
    personal.settings["processors"] = 1
    idp, server = world()
    for i in range(5):
        personal.record("anna@example.org", "r%d" % i, server, user="u%d" % i, password=None, oauth_client="idp", refresh_token="t%d" % i)
    idp.behave = lambda h, form: time.sleep(60)
    assert personal.once().code == 1
    assert idp.count() == 1
    assert [e for e, in personal.state("SELECT error FROM record_state")] == ["OAuth token: the provider does not answer"] * 6


def test_process_dies(personal, world):
    """The oauth process is started again; the record is polled again."""
    idp, server = world()
    idp.behave = lambda h, form: time.sleep(60)
    daemon = personal.start()
    rigs.wait_for(lambda: idp.count() == 1, "a request")
    os.kill(daemon.one("oauth"), signal.SIGKILL)
    rigs.wait_for(lambda: "the oauth process died" in str(personal.state("SELECT error FROM record_state")), "the failure")
    idp.behave = None
    personal.ctl("poll", "all")
    rigs.wait_for(lambda: personal.idents() == {ANNA: ["m0"]}, "the mail")


def test_stop_waits_for_the_answer(personal, world):
    """A refresh token on its way is stored before the daemon ends."""
    idp, server = world(rotate=True)

    def late(h, form):
        answer = idp.answer(form)
        time.sleep(1)
        h.reply(*answer)
    idp.behave = late
    daemon = personal.start()
    rigs.wait_for(lambda: idp.count() == 1, "a request")
    assert daemon.stop() == 0
    assert personal.state("SELECT refresh FROM token") == [(b"rt-rotated-1",)]


# --- the process ---

def test_process_only_where_it_is_needed(personal, dovecot_server, mailbox, idps):
    user, password = mailbox()
    personal.record("anna@example.org", "work", dovecot_server, user, password)
    daemon = personal.start()
    rigs.wait_for(lambda: daemon.processes()["deliverer"], "the children")
    assert daemon.processes()["oauth"] == []
    assert not os.path.exists(os.path.join(personal.run, "oauth"))
    idp = idps()
    personal.sqlite(rigs.insert("oauth_client", {"name": "idp", "token_url": idp.url(), "client_id": "c"}))
    personal.ctl("reload")
    daemon.one("oauth")
    personal.sqlite("DELETE FROM oauth_client")
    personal.ctl("reload")
    rigs.wait_for(lambda: daemon.processes()["oauth"] == [], "the process to go")


def test_token_of_8192_octets(personal, world):
    idp, server = world()
    token = "x" * 8192
    server.behaviour.good.add(token)
    idp.behave = lambda h, form: h.reply(200, {"access_token": token, "refresh_token": "y" * 8192})
    assert personal.once().code == 0
    assert personal.state("SELECT length(refresh) FROM token") == [(8192,)]


# --- against Dovecot ---

@pytest.mark.parametrize("auth", ["auto", "xoauth2", "oauthbearer"])
@pytest.mark.parametrize("tls", ["tls", "stls"])
def test_dovecot(personal, oauth_dovecot, idps, auth, tls):
    """Dovecot checks our provider's tokens with the provider's key."""
    idp = idps()
    user = "o-%s-%s" % (auth, tls)
    oauth_dovecot.add_user(user)
    oauth_dovecot.add(user, corpus.mail("d"))
    idp.grants[REFRESH] = user
    idp.access = jwt
    personal.client("idp", idp)
    personal.record("anna@example.org", "work", oauth_dovecot, user, None, tls=tls, auth=auth, oauth_client="idp",
        refresh_token=REFRESH, leave=1)
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: ["d"]}


def test_dovecot_refuses(personal, oauth_dovecot, idps):
    idp = idps()
    oauth_dovecot.add_user("o-bad")
    idp.grants[REFRESH] = "o-bad"
    idp.access = lambda user: jwt(user, key=b"somebody else's")
    personal.client("idp", idp)
    personal.record("anna@example.org", "work", oauth_dovecot, "o-bad", None, oauth_client="idp", refresh_token=REFRESH)
    assert personal.once().code == 1
    assert error_of(personal).startswith("login: ")
    assert idp.issued[0] not in personal.log()
