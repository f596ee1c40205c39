# SPDX-License-Identifier: ISC
"""rpopctl oauth login: a refresh token from zero (RFC 8628), from what the person sees to the poll that uses it."""
import json
import os
import pty
import re
import signal
import sqlite3
import subprocess
import time

import pytest

from lib import corpus, rig as rigs
from servers.idp import DEVICE_CODE, DEVICE_GRANT, REFRESH, USER_CODE, Idp
from servers.logins import Tokens

ANNA = "example.org/anna"
NAME = "anna@example.org/work"
TOKEN = "rt-device"
SECRETS = (DEVICE_CODE, TOKEN, REFRESH, "at-")


@pytest.fixture
def world(personal, pop3, pki):
    """A provider, a server that takes its tokens, a record without a refresh token, and the daemon: world(...) -> (idp, daemon)"""
    made = []

    def make(client={}, start=True, args=(), hooks=False, **columns):
        idp = Idp(pki)
        made.append(idp)
        server = pop3(Tokens(), [corpus.mail("m0")], "pop3s")
        idp.access = lambda user: server.behaviour.good.add("at-%d" % idp.serial) or "at-%d" % idp.serial
        personal.client("idp", idp, **{"device_url": idp.url("/device"), **client})
        columns.setdefault("period", None)
        columns.setdefault("oauth_client", "idp")
        personal.record("anna@example.org", "work", server, password=None, leave=1, **columns)
        return idp, personal.start(*args, hooks=hooks) if start else None
    yield make
    for idp in made:
        idp.stop()


class Login:
    """rpopctl oauth login, while it runs."""

    def __init__(self, rig, name=NAME, *options):
        self.out = os.path.join(rig.dir, "login.%s" % time.monotonic_ns())
        argv = rigs.traced([os.path.join(rigs.BUILD, "rpopctl"), "-s", os.path.join(rig.run, "rpopd.sock"), *options, "oauth", "login", name])
        with open(self.out, "wb") as f:
            self.proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=f, stderr=f)

    def text(self):
        with open(self.out) as f:
            return f.read()

    def says(self, text):
        rigs.wait_for(lambda: text in self.text() or self.proc.poll() is not None, text)
        assert text in self.text(), self.text()

    def end(self, status, text):
        """Its sentence, when it is over; nothing secret was said."""
        assert self.proc.wait(rigs.PATIENCE) == status, self.text()
        said = self.text()
        assert text in said, said
        assert not [s for s in SECRETS if s in said]
        return said


def login(rig, status, text, *options):
    return Login(rig, NAME, *options).end(status, text)


def stored(rig):
    with sqlite3.connect("file:%s?mode=ro" % rig.db, uri=True, timeout=30) as c:
        return c.execute("SELECT refresh_token, typeof(refresh_token) FROM rpop WHERE name = 'work'").fetchone()


def nothing(rig, idp):
    """Nothing is stored, nothing secret is in a log, and nobody asks any more."""
    assert stored(rig) == (None, "null")
    assert rig.state("SELECT * FROM token") == []
    assert not [s for s in SECRETS if s in rig.log()]
    polls = idp.polls()
    login_again = Login(rig)
    login_again.says(USER_CODE)		# there is room for another one: the first is over
    login_again.proc.send_signal(signal.SIGINT)
    login_again.end(1, "given up")
    assert idp.polls() <= polls + 1


# --- granted ---

def test_from_zero(personal, world):
    """Address and code come at once; with the consent the record has its token, and when it is enabled it brings its mail."""
    idp, daemon = world(client={"scope": "pop offline_access", "client_secret": "s & s%"})
    person = Login(personal)
    person.says("Waiting until ")
    assert re.search(r"\n    https://idp\.example/device\n    %s\n\n" % USER_CODE, person.text())
    assert "    https://idp.example/device?c=%s\n" % USER_CODE in person.text()
    rigs.wait_for(lambda: idp.polls() > 1, "two questions")
    assert stored(personal) == (None, "null")
    idp.decision = "granted"
    person.end(0, "the refresh token of %s is stored; it is disabled: rpopctl record enable has it polled" % NAME)
    assert stored(personal) == (TOKEN, "text")
    first, second = idp.requests[0], idp.requests[1]
    assert first["path"] == "/device" and second["path"] == "/token"
    assert first["form"] == {"client_id": "rig-client", "client_secret": "s & s%", "scope": "pop offline_access"}
    assert second["form"] == {"grant_type": DEVICE_GRANT, "device_code": DEVICE_CODE, "client_id": "rig-client",
        "client_secret": "s & s%"}
    assert personal.status()["daemon"]["config_changed"] is False
    personal.ctl("record", "enable", NAME, "3600")
    rigs.wait_for(lambda: personal.idents() == {ANNA: ["m0"]}, "the mail")
    assert idp.requests[-1]["form"]["refresh_token"] == TOKEN
    assert not [s for s in SECRETS if s in personal.log()]


def test_a_lost_grant_is_replaced(personal, world):
    """A record that was suspended is polled at once; what had become of the old token is forgotten."""
    idp, daemon = world(period=3600, refresh_token=REFRESH)
    rigs.wait_for(lambda: personal.state("SELECT suspended FROM token"), "the suspension")
    idp.decision = "granted"
    login(personal, 0, "is stored; it is polled now")
    rigs.wait_for(lambda: "m0" in personal.idents().get(ANNA, []), "the mail")
    assert stored(personal)[0] == TOKEN
    assert personal.state("SELECT * FROM token") == []


def test_a_rotated_token_is_replaced(personal, world):
    """The daemon's own newest token counts no more, in state.db and in memory."""
    idp, daemon = world(period=3600, refresh_token=REFRESH, start=False)
    idp.grants[REFRESH], idp.rotate = "user", True
    daemon = personal.start()
    rigs.wait_for(lambda: personal.state("SELECT refresh FROM token") == [(b"rt-rotated-1",)], "the rotation")
    idp.decision, idp.rotate = "granted", False
    login(personal, 0, "is stored")
    rigs.wait_for(lambda: idp.requests[-1]["form"].get("refresh_token") == TOKEN, "the next poll")
    assert personal.state("SELECT * FROM token") == []


@pytest.mark.parametrize("void", ["suspended", "rotated"])
def test_the_same_token_again(personal, world, void):
    """Some providers give the same token once more: it is good again, whatever state.db knew of it."""
    idp, daemon = world(period=3600, refresh_token=REFRESH, start=False)
    if void == "rotated":
        idp.grants[REFRESH], idp.rotate = "user", True
    daemon = personal.start()
    rigs.wait_for(lambda: personal.state("SELECT * FROM token WHERE refresh IS NOT NULL OR suspended IS NOT NULL"), "a row")
    idp.decision, idp.granting, idp.rotate = "granted", REFRESH, False
    before = idp.count()
    login(personal, 0, "is stored")
    rigs.wait_for(lambda: idp.count() > before + 2, "a request for an access token")
    assert idp.requests[-1]["form"]["refresh_token"] == REFRESH
    rigs.wait_for(lambda: "m0" in personal.idents().get(ANNA, []), "the mail")
    assert personal.state("SELECT * FROM token") == []


def test_for_programs(personal, world):
    """An object a line: the code at once, each question, the end.  slow_down adds five seconds."""
    idp, daemon = world()
    idp.decisions = ["authorization_pending", "slow_down"]
    idp.decision = "granted"
    lines = [json.loads(line) for line in login(personal, 0, '"ok":true', "-j").splitlines()]
    assert [line["login"]["interval"] for line in lines[:-1]] == [1, 1, 6]
    assert [line["login"]["asked"] for line in lines[:-1]] == [0, 1, 2]
    assert lines[0]["login"]["user_code"] == USER_CODE and lines[0]["login"]["uri"] == "https://idp.example/device"
    assert lines[0]["login"]["trouble"] is None and lines[-1]["ok"] is True


def test_on_a_terminal(personal, world):
    idp, daemon = world()
    master, slave = pty.openpty()
    p = subprocess.Popen([os.path.join(rigs.BUILD, "rpopctl"), "-s", os.path.join(personal.run, "rpopd.sock"), "oauth", "login", NAME],
        stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    seen = b""
    while b"asked 2 times, " not in seen:
        seen += os.read(master, 4096)
    assert b"asked 1 time, " in seen
    idp.decision = "granted"
    while b"is stored; " not in seen:
        seen += os.read(master, 4096)
    assert p.wait(rigs.PATIENCE) == 0
    assert not [c for c in seen if c < 32 and c not in b"\r\n"]
    os.close(master)


def test_a_provider_that_is_away_for_a_while(personal, world):
    idp, daemon = world()
    person = Login(personal)
    rigs.wait_for(lambda: idp.polls() > 0, "a question")
    idp.stop()
    person.says("; tried again in 2 s")
    assert "localhost: " in person.text()
    idp.decision = "granted"
    idp.start()
    person.end(0, "is stored")


def test_answers_of_other_styles(personal, world):
    """Google's status and name, and an interval that nobody says: RFC 8628 has 5 s for that."""
    idp, daemon = world()
    idp.device = {"verification_uri": None, "verification_uri_complete": 7, "verification_url": "https://idp.example/google"}
    idp.behave = lambda h, form: h.reply(*idp.answer_device(form)) if h.path == "/device" else h.reply(428,
        {"error": "authorization_pending"})
    person = Login(personal, NAME, "-j")
    rigs.wait_for(lambda: idp.polls() > 0, "a question")
    idp.behave, idp.decision = None, "granted"
    lines = [json.loads(line) for line in person.end(0, "is stored").splitlines()]
    assert [(line["login"]["uri"], line["login"]["uri_complete"], line["login"]["interval"]) for line in lines[:-1]] == [
        ("https://idp.example/google", None, 5)] * 2


# --- not granted ---

@pytest.mark.parametrize("decision,text", [
    ("access_denied", "the login was refused at the provider; nothing is stored (oauth_client idp: access_denied: said the provider)"),
    ("authorization_declined", "the login was refused at the provider"),
    ("expired_token", "the code has expired; try again"),
    ("invalid_grant", "the code is void"),
    ("invalid_client", "correct client_id and client_secret"),
    ("unauthorized_client", "does not let this client log in with a device code"),
    ("something_new", "the provider of oauth_client idp gives no login: something_new: said the provider"),
])
def test_refused(personal, world, decision, text):
    idp, daemon = world()
    idp.decisions = ["authorization_pending", decision]
    login(personal, 1, text)
    assert idp.polls() == 2
    nothing(personal, idp)


def test_nobody_agrees(personal, world):
    """The daemon's own clock ends it."""
    idp, daemon = world()
    idp.device = {"interval": 1, "expires_in": 2}
    login(personal, 1, "nobody has agreed at the provider in time")
    rigs.wait_for(lambda: daemon.processes()["request"] == [], "the end of the last question")
    idp.device = {"interval": 300, "expires_in": 1}
    polls = idp.polls()
    login(personal, 1, "nobody has agreed at the provider in time")
    assert idp.polls() == polls


def test_wrong_client(personal, world):
    idp, daemon = world(client={"client_secret": "of another client"})
    idp.clients["rig-client"] = "s"
    login(personal, 1, "correct client_id and client_secret (oauth_client idp: invalid_client: wrong secret)")
    assert stored(personal) == (None, "null")


def test_no_refresh_token(personal, world):
    idp, daemon = world()
    idp.decision, idp.granting = "granted", None
    login(personal, 1, "without a refresh token: scope does not ask for one")
    nothing(personal, idp)


def says(data):
    return lambda h, form: h.raw(data)


def http_of(body, head=b"HTTP/1.1 200 OK\r\n"):
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


DEVICE = b'"device_code": "d", "user_code": "u", "verification_uri": "https://h/"'
BAD = {
    "garbage": (says(b"\0\1\2\3" * 100 + b"\n"), "NUL in the response's header"),
    "no JSON": (says(http_of(b"<html>" * 1000)), "no JSON object"),
    "nothing": (says(b""), "ended before"),
    "cut": (says(http_of(b"{" + DEVICE + b', "expires_in": 9}')[:-5]), "ended before"),
    "404": (says(http_of(b"<html>", b"HTTP/1.1 404 X\r\n")), "is device_url right?"),
    "500": (says(http_of(b"oops", b"HTTP/1.1 500 X\r\n")), "HTTP status 500"),
    "redirect": (says(b"HTTP/1.1 302 X\r\nLocation: https://localhost/\r\nContent-Length: 0\r\n\r\n"), "redirect"),
    "no code": (says(http_of(b'{"user_code": "u"}')), "no usable device_code"),
    "terminal": (says(http_of(b'{"device_code": "d", "user_code": "\\u001b[2J", "verification_uri": "https://h/"}')),
        "no usable user_code"),
    "another scheme": (says(http_of(b'{"device_code": "d", "user_code": "u", "verification_uri": "file:///x"}')),
        "no usable verification_uri"),
    "for ever": (says(http_of(b"{" + DEVICE + b"}")), "no usable expires_in"),
    "hardly ever": (says(http_of(b"{" + DEVICE + b', "expires_in": 900, "interval": 301}')), "no usable interval"),
    "too large": (says(http_of(b"{" + DEVICE + b', "x": "%s"}' % (b"x" * 70000))), "too long"),
    "unsupported": (says(http_of(b'{"error": "invalid_scope", "error_description": "\\u001b]0;x\\u0007"}', b"HTTP/1.1 400 X\r\n")),
        "correct scope (oauth_client idp: invalid_scope: \\033]0;x\\a)"),
}


def test_device_endpoints_that_fail(personal, world):
    """A sentence for each, no octet of theirs that a terminal obeys, and room for the next login."""
    idp, daemon = world()
    for behave, sentence in BAD.values():
        idp.behave = behave
        said = login(personal, 1, sentence)
        assert "\x1b" not in said and "\x07" not in said
    idp.behave = None
    nothing(personal, idp)


def test_polls_that_fail(personal, world):
    """What is no answer does not end the login; the code is asked about less often."""
    idp, daemon = world()
    bad = [http_of(b"oops", b"HTTP/1.1 500 X\r\n"), http_of(b'{"error": "slow_down"}', b"HTTP/1.1 503 X\r\n"), b"garbage\n"]
    idp.behave = lambda h, form: h.reply(*idp.answer_device(form)) if h.path == "/device" else h.raw(bad.pop(0)) if bad else h.reply(
        *idp.answer(form))
    idp.decision = "granted"
    said = login(personal, 0, "is stored")
    assert re.findall("tried again in ([0-9]+) s", said) == ["2", "4", "8"]


def test_device_endpoint_that_stalls(personal, world):
    idp, daemon = world()
    idp.behave = lambda h, form: time.sleep(60)
    login(personal, 1, "the provider does not answer")
    assert stored(personal) == (None, "null")


def test_bad_certificate(personal, pop3, pki, world):
    idp, daemon = world(client={"device_url": "https://127.0.0.1:1/device"}, start=False)
    other = Idp(pki, cert="expired")
    personal.clients[0]["device_url"] = other.url("/device")
    personal.start()
    login(personal, 1, "TLS: ")
    assert other.count() == 0
    other.stop()


@pytest.mark.parametrize("why,client,columns,text", [
    ("no client", {}, {"oauth_client": None}, "the record has no oauth_client"),
    ("no device_url", {"device_url": None}, {}, "oauth_client idp has no device_url"),
    ("client_credentials", {"grant_type": "client_credentials", "client_secret": "s"}, {}, "oauth_client idp logs in by client_credentials, which takes no refresh token"),
])
def test_records_without(personal, world, why, client, columns, text):
    idp, daemon = world(client=client, **columns)
    login(personal, 1, "%s: %s" % (NAME, text))
    assert idp.count() == 0


def test_names(personal, world):
    idp, daemon = world()
    for name in ("anna@example.org", "anna@example.org/other", "x"):
        Login(personal, name).end(1, "%s: no such record is loaded" % name)
    for words in ([], ["a", "b"], [""], ["-x"]):
        assert "wants one RECORD" in personal.ctl("oauth", "login", *words, check=False).log
    assert idp.count() == 0


def test_only_root(personal, world):
    idp, daemon = world()
    sock = os.path.join(personal.run, "rpopd.sock")
    os.chmod(sock, 0o666)
    p = subprocess.run([os.path.join(rigs.BUILD, "rpopctl"), "-s", sock, "oauth", "login", NAME], user="nobody", group="nogroup",
        extra_groups=[], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert p.returncode == 1 and "only root may do that" in p.stdout
    assert idp.count() == 0


# --- limits, and who leaves ---

def test_who_leaves_ends_it(personal, world):
    idp, daemon = world()
    for sig, status, text in ((signal.SIGINT, 1, "given up; nothing is stored"), (signal.SIGKILL, -signal.SIGKILL, "")):
        polls = idp.polls()
        person = Login(personal)
        rigs.wait_for(lambda: idp.polls() > polls, "a question")
        person.proc.send_signal(sig)
        person.end(status, text)
        rigs.wait_for(lambda: "login given up" in daemon.log() or sig == signal.SIGINT, "its end")
    nothing(personal, idp)


def test_who_leaves_while_it_is_granted(personal, world):
    """The answer is on its way when nobody waits any more: it is dropped."""
    idp, daemon = world(args=("-v",))
    late = []

    def behave(h, form):
        if h.path == "/device":
            return h.reply(*idp.answer_device(form))
        late.append(h)
        while len(late) < 2:
            time.sleep(0.05)
        h.reply(*idp.answer(form))
    idp.behave, idp.decision = behave, "granted"
    person = Login(personal)
    rigs.wait_for(lambda: late, "the question")
    person.proc.send_signal(signal.SIGINT)
    person.end(1, "given up")
    Login(personal).says(USER_CODE)		# so the first is over
    late.append(None)
    rigs.wait_for(lambda: stored(personal) == (TOKEN, "text"), "what the second one gets")
    assert daemon.log().count("is stored") <= 1


def test_one_for_a_record_and_four_in_all(personal, world, pop3):
    idp, daemon = world(start=False)
    server = pop3(Tokens(), [corpus.mail("m0")], "pop3s")
    for i in range(4):
        personal.record("anna@example.org", "r%d" % i, server, user="u%d" % i, password=None, period=None, oauth_client="idp")
    personal.start()
    running = [Login(personal)] + [Login(personal, "anna@example.org/r%d" % i) for i in range(3)]
    for one in running:
        one.says(USER_CODE)
    login(personal, 1, "a login of this record is under way already")
    Login(personal, "anna@example.org/r3").end(1, "4 logins are under way; try again when one is over")
    running[1].proc.send_signal(signal.SIGINT)
    running[1].end(1, "given up")
    last = Login(personal, "anna@example.org/r3")
    last.says(USER_CODE)
    idp.decision = "granted"
    for one in (running[0], running[2], running[3], last):
        one.end(0, "is stored")


def test_stop(personal, world):
    """Nobody waits for people."""
    idp, daemon = world()
    person = Login(personal)
    person.says(USER_CODE)
    assert daemon.stop() == 0
    person.end(1, "rpopd is stopping; nothing is stored")
    assert stored(personal) == (None, "null")


def test_record_that_changes(personal, world):
    idp, daemon = world()
    person = Login(personal)
    person.says(USER_CODE)
    personal.sqlite("UPDATE rpop SET auth_name = 'somebody else'")
    person.end(1, "the record was changed since the store was loaded; reload")
    assert stored(personal) == (None, "null")


def test_edits_that_are_not_in_force(personal, world):
    """What an administrator has edited elsewhere and not reloaded neither comes into force nor is in the way."""
    idp, daemon = world()
    personal.sqlite("INSERT INTO accounts (address) VALUES ('half@example.org'); UPDATE settings SET processors = 3")
    before = personal.status()["daemon"]["processors"]
    idp.decision = "granted"
    login(personal, 0, "is stored")
    assert stored(personal) == (TOKEN, "text")
    assert personal.status()["daemon"]["processors"] == before and personal.status()["daemon"]["config_changed"] is True


def test_reload_goes_by(personal, world):
    idp, daemon = world()
    person = Login(personal)
    person.says(USER_CODE)
    for _ in range(3):
        personal.ctl("reload")
    idp.decision = "granted"
    person.end(0, "is stored")
    assert stored(personal) == (TOKEN, "text")


# --- storing ---

def test_store_that_is_locked(personal, world):
    """The token waits in memory, the person is told why."""
    idp, daemon = world()
    lock = sqlite3.connect(personal.db, isolation_level=None, timeout=30)
    lock.execute("BEGIN IMMEDIATE")
    idp.decision = "granted"
    person = Login(personal)
    person.says("locked by somebody's open transaction")
    assert stored(personal) == (None, "null")
    lock.execute("ROLLBACK")
    lock.close()
    person.end(0, "is stored")
    assert stored(personal) == (TOKEN, "text")


@pytest.mark.parametrize("point,token", [("granted", REFRESH), ("forgotten", REFRESH), ("stored", TOKEN)])
def test_killed(personal, world, point, token):
    """The table in rpopd/token/login.c: the old token or the new one, never half of it; what holds is used by the next start."""
    idp, daemon = world(period=None, refresh_token=REFRESH, args=("-K", "rpopd:master.login_%s" % point), hooks=True)
    idp.grants[REFRESH] = "user"
    idp.decision = "granted"
    login(personal, 1, "rpopd closed the connection before its answer was complete")
    daemon.proc.wait(rigs.PATIENCE)
    personal.sqlite("UPDATE rpop SET period = 3600")
    assert stored(personal)[0] == token
    assert personal.once().code == 0
    assert idp.requests[-1]["form"]["refresh_token"] == token
    assert personal.idents() == {ANNA: ["m0"]}


def test_killed_with_the_same_token(personal, world):
    """A provider that gives the old token again: killed between the stores, the record has a good one."""
    idp, daemon = world(period=3600, refresh_token=REFRESH, args=("-K", "rpopd:master.login_forgotten"), hooks=True)
    rigs.wait_for(lambda: personal.state("SELECT suspended FROM token"), "the suspension")
    idp.decision, idp.granting = "granted", REFRESH
    login(personal, 1, "rpopd closed the connection")
    daemon.proc.wait(rigs.PATIENCE)
    assert personal.once().code == 0
    assert "m0" in personal.idents()[ANNA]
