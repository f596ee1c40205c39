# SPDX-License-Identifier: ISC
"""Every way to log in: a real Dovecot, and scripted servers for what it does not do."""
import base64
import os
import select
import shutil

import pytest

from lib import corpus, rig as rigs
from servers import behaviours as B
from servers.dovecot import Dovecot
from servers.logins import NameServer, NoCapa, Sasl, ntlm_challenge, ntlm_v1
from servers.pop3 import Behaviour

ANNA = "example.org/anna"
MECHS = ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"]
SECRET = "s3cret-word"
EXTRA = """\
auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256 external
ssl_ca = <%s
ssl_require_crl = no
ssl_verify_client_cert = yes
auth_ssl_username_from_cert = yes
passdb {
  driver = static
  args = nopassword=y
  mechanisms = external
}
"""


@pytest.fixture(scope="module")
def sasl_server(pki):
    """A Dovecot with every mechanism that it and we have."""
    directory = rigs.scratch("rpds.")
    server = None
    try:
        server = Dovecot(directory, pki, EXTRA % pki.path("clientca.pem"))
        yield server
    finally:
        if server:
            server.stop()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def nameserver():
    server = NameServer()
    yield server
    server.close()


def user_of(server, name, password="s3cret-%s"):
    password = server.add_user(name, password)
    server.add(name, corpus.mail("m"))
    return name, password


def method(server, user):
    """What Dovecot's log says the user logged in by."""
    lines = [x for x in server.log().splitlines() if "Login: user=<%s>" % user in x]
    assert len(lines) == 1
    return lines[0].split("method=")[1].split(",")[0]


def error(rig):
    return rig.state("SELECT error FROM mailboxes")[0][0]


def b64(text):
    return base64.b64encode(text.encode()).decode()


# --- Dovecot ---

@pytest.mark.parametrize("tls", ["tls", "none"])
@pytest.mark.parametrize("auth", ["auto", "user"] + [m.lower() for m in MECHS])
def test_dovecot(personal, sasl_server, auth, tls):
    """Each by its name; 'auto' takes the strongest."""
    user, password = user_of(sasl_server, "d-%s-%s" % (auth, tls))
    personal.record("anna@example.org", "work", sasl_server, user, password, auth=auth, tls=tls)
    result = personal.once()
    assert result.code == 0
    assert personal.idents() == {ANNA: ["m"]}
    assert method(sasl_server, user) == {"auto": "SCRAM-SHA-256", "user": "PLAIN"}.get(auth, auth.upper())
    assert password not in result.log and b64(password) not in result.log


@pytest.mark.parametrize("auth", ["auto", "user"] + [m.lower() for m in MECHS])
def test_dovecot_wrong_password(personal, sasl_server, auth):
    """One refusal, no second way, nothing delivered."""
    user, _ = user_of(sasl_server, "w-" + auth)
    personal.record("anna@example.org", "work", sasl_server, user, "not-the-Password", auth=auth)
    result = personal.once()
    assert result.code == 1
    assert personal.delivered() == {}
    assert "login" in error(personal) and "refused" in error(personal)
    assert "not-the-Password" not in result.log
    lines = [x for x in sasl_server.log().splitlines() if "user=<%s>" % user in x]
    assert len(lines) == 1 and "1 attempts" in lines[0]


@pytest.mark.parametrize("auth", ["auto", "user", "plain", "login", "scram-sha-1", "scram-sha-256"])
def test_dovecot_beyond_ascii(personal, sasl_server, auth):
    user, password = user_of(sasl_server, "jörg-%s@exämple.org" % auth, "pässwörd ひみつ %%")
    personal.record("anna@example.org", "work", sasl_server, user, password, auth=auth)
    result = personal.once()
    assert result.code == 0
    assert personal.idents() == {ANNA: ["m"]}
    assert password not in result.log


def test_dovecot_long_name_and_password(personal, sasl_server):
    """Too long for the AUTH line: the two-line form."""
    user, password = user_of(sasl_server, "u" * 150, "p" * 150)
    personal.record("anna@example.org", "work", sasl_server, user, password, auth="plain")
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: ["m"]}


def test_dovecot_not_offered(personal, dovecot_server, mailbox):
    """A list without the mechanism that is named."""
    user, password = mailbox([corpus.mail("m")])
    personal.record("anna@example.org", "work", dovecot_server, user, password, auth="scram-sha-256")
    assert personal.once().code == 1
    assert "does not offer SCRAM-SHA-256, but PLAIN LOGIN" in error(personal)


@pytest.mark.parametrize("tls", ["tls", "stls"])
@pytest.mark.parametrize("auth", ["external", "auto"])
def test_dovecot_external(personal, sasl_server, pki, tmp_path, auth, tls):
    """The certificate logs in; with 'auto' because there is one and EXTERNAL is offered.  No password is needed."""
    if "localhost" not in sasl_server.homes:
        sasl_server.add_user("localhost")		# the certificate's common name
    sasl_server.add("localhost", corpus.mail("x"))
    before = sasl_server.log().count("method=EXTERNAL")
    names = str(tmp_path / "c.pem"), str(tmp_path / "c.key")
    shutil.copyfile(pki.path("client.pem"), names[0])
    shutil.copyfile(pki.path("client.key"), names[1])
    os.chmod(names[1], 0o600)
    personal.record("anna@example.org", "work", sasl_server, "localhost", None if auth == "external" else "unused", auth=auth, tls=tls,
        tls_cert=names[0], tls_key=names[1])
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: ["x"]}
    assert sasl_server.log().count("method=EXTERNAL") == before + 1


def test_wrong_server(personal, pop3):
    """A server that says +OK without knowing the password gets no mail of ours and gives none."""
    class Liar(Sasl):
        def auth_scram_sha_256(self, s, initial):
            return True
    s = pop3(Liar("SCRAM-SHA-256"), [corpus.mail("m")], "pop3s")
    personal.record("anna@example.org", "work", s, tls="tls")
    assert personal.once().code == 1
    assert "did not prove" in error(personal)
    assert personal.delivered() == {}
    assert SECRET.encode() not in s.sessions[0].secure


# --- the choice ---

def test_nothing_behind_a_login(personal, pop3):
    """PIPELINING or not: what is sent ahead of the login's answer would be lost where another program takes over (Courier)."""
    class HandsOver(Sasl):
        def login(self, s):
            assert s.buffer == b"" and not select.select([s.sock], [], [], 0.1)[0]
            super().login(s)
    for mechs in (("PLAIN",), ("LOGIN",), ()):
        s = pop3(HandsOver(*mechs, capabilities=["USER", "UIDL", "PIPELINING"]), [corpus.mail("m")])
        personal.record("anna@example.org", "r%d" % len(mechs) + "".join(mechs), s)
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: ["m"] * 3}


@pytest.mark.parametrize("mechs,auth,tls,tried", [
    (("PLAIN", "LOGIN"), "auto", "tls", ["PLAIN"]),
    (("LOGIN", "CRAM-MD5"), "auto", "tls", ["LOGIN"]),
    (("PLAIN", "LOGIN", "CRAM-MD5"), "auto", "none", ["CRAM-MD5"]),
    (("PLAIN", "NTLM", "MSN"), "auto", "none", ["PLAIN"]),
    (("PLAIN", "NTLM"), "user", "tls", []),
    (("PLAIN", "CRAM-MD5"), "cram-md5", "tls", ["CRAM-MD5"])])
def test_choice(personal, pop3, mechs, auth, tls, tried):
    behaviour = Sasl(*mechs)
    s = pop3(behaviour, [corpus.mail("m")], "pop3s" if tls == "tls" else "plain")
    personal.record("anna@example.org", "work", s, auth=auth, tls=tls)
    assert personal.once().code == 0
    assert behaviour.tried == tried
    assert personal.idents() == {ANNA: ["m"]}


@pytest.mark.parametrize("auth", ["auto", "plain", "login", "cram-md5", "ntlm"])
def test_refusal_is_final(personal, pop3, auth):
    """Nothing else is tried, and neither password nor its base64 reaches log or status, although the server echoes them."""
    echo = b"[AUTH] AUTH PLAIN " + base64.b64encode(b"\0user\0" + SECRET.encode()) + b" " + base64.b64encode(SECRET.encode()) + \
        b" " + SECRET.encode()

    class Echo(Sasl):
        password = b"another"

        def err(self, s, point, text=b"no"):
            super().err(s, point, b"[AUTH] you said " + self.responses[-1] + b" " + echo if point == "login" else text)
    behaviour = Echo("PLAIN", "LOGIN", "CRAM-MD5", "NTLM")
    s = pop3(behaviour, [corpus.mail("m")])
    personal.record("anna@example.org", "work", s, auth=auth)
    d = personal.start("-v")
    rigs.wait_for(lambda: personal.status()["records"][0]["failures"], "the failure")
    assert behaviour.tried == [{"auto": "CRAM-MD5"}.get(auth, auth.upper())]
    assert s.count("user") == s.count("pass") == s.count("apop") == 0
    for text in (d.log(), personal.ctl("-j", "status").log, error(personal)):
        assert SECRET not in text
        assert not [r for r in behaviour.responses if r.decode() in text and r.decode() != b64("user")]
    if auth == "login":
        assert b64(SECRET) not in d.log()


def test_apop_by_name(personal, pop3):
    s = pop3(B.Apop(), [corpus.mail("m")])
    personal.record("anna@example.org", "work", s, auth="apop")
    assert personal.once().code == 0
    assert "apop" in s.sessions[0].names() and "pass" not in s.sessions[0].names()
    assert personal.idents() == {ANNA: ["m"]}


@pytest.mark.parametrize("globally,offered,part", [(0, 1, "use_apop"), (1, 0, "timestamp")])
def test_apop_by_name_is_not_possible(personal, pop3, globally, offered, part):
    """The switch and the challenge hold for auth 'apop', too; no clear password instead."""
    s = pop3(B.Apop() if offered else None, [corpus.mail("m")])
    personal.settings["use_apop"] = globally
    personal.record("anna@example.org", "work", s, auth="apop")
    assert personal.once().code == 1
    assert part in error(personal)
    assert not set(s.sessions[0].names()) & {"user", "pass", "apop", "auth"}


@pytest.mark.parametrize("mechs,tried", [(("PLAIN", "CRAM-MD5"), ["CRAM-MD5"]), ((), [])])
def test_empty_auth(personal, pop3, mechs, tried):
    """Where CAPA is missing, AUTH alone asks for the mechanisms."""
    behaviour = NoCapa(*mechs)
    s = pop3(behaviour, [corpus.mail("m")])
    personal.record("anna@example.org", "work", s)
    assert personal.once().code == 0
    assert ("auth", b"") in s.sessions[0].commands
    assert behaviour.tried == tried
    assert personal.idents() == {ANNA: ["m"]}


@pytest.mark.parametrize("pipelining", [[], ["PIPELINING"]], ids=["lockstep", "pipelining"])
def test_initial_response_passed_over(personal, pop3, pipelining):
    """A server that knows only the two-line form asks again, and gets it."""
    class TwoLines(Sasl):
        def auth_plain(self, s, initial):
            self.wire(s, "challenge", b"+ \r\n")
            line = s.readline()
            self.responses.append(line)
            return base64.b64decode(line) == b"\0user\0" + SECRET.encode()
    behaviour = TwoLines("PLAIN", capabilities=["USER", "UIDL"] + pipelining)
    s = pop3(behaviour, [corpus.mail("m")])
    personal.record("anna@example.org", "work", s)
    assert personal.once().code == 0
    assert behaviour.tried == ["PLAIN"]
    assert personal.idents() == {ANNA: ["m"]}


@pytest.mark.parametrize("challenge,part", [
    (b"+ not base64!\r\n", "base64"), (b"+ Zg=\r\n", "base64"), (b"+ \xff\xfe\r\n", "base64"),
    (b"+OK\r\n", "before the exchange was over"), (b"hello\r\n", "neither"), (b"-ERR [SYS/TEMP] later\r\n", "later")])
def test_bad_challenge(personal, pop3, challenge, part):
    class Bad(Sasl):
        def auth_cram_md5(self, s, initial):
            s.send(challenge)
            return s.readline() == b"*" and False
    s = pop3(Bad("CRAM-MD5"), [corpus.mail("m")])
    personal.record("anna@example.org", "work", s)
    assert personal.once().code == 1
    assert part in error(personal)
    assert s.sessions[0].names()[-1] in ("auth", "quit")


def test_endless_challenges(personal, pop3):
    class Endless(Sasl):
        def auth_login(self, s, initial):
            while True:
                self.ask(s, b"More:")
    behaviour = Endless("LOGIN", capabilities=["USER", "UIDL"])
    s = pop3(behaviour, [corpus.mail("m")])
    personal.record("anna@example.org", "work", s)
    assert personal.once().code == 1
    assert behaviour.responses[-1] == b"*" and len(behaviour.responses) <= 6


# --- NTLM and MSN ---

def test_ntlm_vector():
    """The definition, checked against the worked example of MS-NLMP section 4.2.2: password "Password", this nonce."""
    assert ntlm_v1(b"Password", bytes.fromhex("0123456789abcdef")).hex() == "67c43011f30298a2ad35ece64f16331c44bdbed927841f94"


def ntlm_server(pop3, *mechs):
    behaviour = Sasl(*mechs)
    behaviour.user, behaviour.password = b"tim", b"tanstaaftanstaaf"
    return behaviour, pop3(behaviour, [corpus.mail("m")])


@pytest.mark.parametrize("auth", ["ntlm", "msn"])
def test_ntlm_by_name(personal, pop3, auth):
    behaviour, s = ntlm_server(pop3, "NTLM", "MSN")
    personal.record("anna@example.org", "work", s, "tim", "tanstaaftanstaaf", auth=auth)
    assert personal.once().code == 0
    assert behaviour.tried == [auth.upper()]
    assert personal.idents() == {ANNA: ["m"]}


@pytest.mark.parametrize("host,tried", [("pop3.email.msn.com", ["MSN"]), ("msn.com.example.org", ["PLAIN"])])
def test_msn_by_host(personal, pop3, nameserver, host, tried):
    """A host below msn.com gets AUTH MSN, another host does not."""
    behaviour, s = ntlm_server(pop3, "PLAIN", "NTLM", "MSN")
    personal.settings["nameservers"] = nameserver.address
    personal.record("anna@example.org", "work", s, "tim", "tanstaaftanstaaf", host=host)
    assert personal.once().code == 0
    assert behaviour.tried == tried
    assert personal.idents() == {ANNA: ["m"]}


@pytest.mark.parametrize("change", [lambda c: c[:20], lambda c: c[:12] + b"\xff\xff\xff\xff" + c[16:],
    lambda c: c[:16] + b"\xf0\xff\xff\xff" + c[20:], lambda c: c[:8] + b"\3" + c[9:], lambda c: c + b"\0" * 1200, lambda c: b""],
    ids=["short", "length", "offset", "type", "long", "empty"])
def test_ntlm_lies(personal, pop3, change):
    """CVE-2012-3482: lengths and offsets of a challenge are not believed."""
    behaviour, s = ntlm_server(pop3, "NTLM")
    behaviour.challenge = lambda s: change(ntlm_challenge())
    personal.record("anna@example.org", "work", s, "tim", "tanstaaftanstaaf", auth="ntlm")
    result = personal.once()
    assert result.code == 1
    assert "NTLM" in error(personal) and "signal" not in result.log
    assert behaviour.responses[-1] == b"*"


# --- what a server says besides ---

@pytest.mark.parametrize("text,part", [
    (b"[LOGIN-DELAY] minimum time between logins is 5 minutes", "too soon"), (b"[IN-USE] locked", "busy"),
    (b"[SYS/TEMP] database down", "trouble"), (b"[SYS/PERM] mailbox damaged", "trouble"), (b"[AUTH] wrong", "refused"),
    (b"ALERT: your quota is used up", "your quota is used up"), (b"[ALERT] your quota is used up", "your quota is used up")])
@pytest.mark.parametrize("auth", ["user", "plain"])
def test_codes(personal, pop3, auth, text, part):
    """What kind of refusal it is shows in the status, and it is not called a wrong password if it is not."""
    class Refuse(Sasl):
        def cmd_pass(self, s, arg):
            self.err(s, "login", text)

        def auth_plain(self, s, initial):
            return False
    s = pop3(Refuse("PLAIN", refusal=text), [corpus.mail("m")])
    personal.record("anna@example.org", "work", s, auth=auth)
    assert personal.once().code == 1
    assert part in error(personal)
    assert ("login refused: " in error(personal)) == (part == "refused")


def test_full_server(personal, pop3):
    """A server that is full says so in its greeting, and the status says it, too."""
    s = pop3(B.Says("greeting", b"-ERR too many connections\r\n"))
    personal.record("anna@example.org", "work", s)
    assert personal.once().code == 1
    assert "takes no connection" in error(personal) and "too many connections" in error(personal)


def test_values_by_user(personal, pop3):
    """LOGIN-DELAY and EXPIRE that depend on the user are asked for again after the login."""
    class ByUser(Behaviour):
        def capa(self, s):
            return super().capa(s) + ["LOGIN-DELAY 900" if s.logged_in else "LOGIN-DELAY 300 USER"]
    s = pop3(ByUser(), [corpus.mail("m")])
    personal.record("anna@example.org", "work", s)
    assert personal.once().code == 0
    assert s.sessions[0].names().count("capa") == 2
    assert personal.idents() == {ANNA: ["m"]}


@pytest.mark.parametrize("user", ["mailbox#joe", "~other/mailbox#joe@example.com", "joe%example.com", "a b/c", "jö"])
def test_names_over_sasl(personal, pop3, user):
    """Login names go octet for octet over SASL, too, with the forms for other mailboxes."""
    behaviour = Sasl("PLAIN")
    behaviour.user = user.encode()
    s = pop3(behaviour, [corpus.mail("m")])
    personal.record("anna@example.org", "work", s, user)
    assert personal.once().code == 0
    assert behaviour.tried == ["PLAIN"]
    assert personal.idents() == {ANNA: ["m"]}


def test_octets_that_are_no_utf8(personal, pop3):
    """A password in Latin-1: PLAIN sends it as it is, 'auto' knows that SCRAM could not."""
    behaviour = Sasl("PLAIN", "SCRAM-SHA-256")
    behaviour.password = b"p\xe4ss\xff"
    s = pop3(behaviour, [corpus.mail("m")])
    personal.record("anna@example.org", "work", s, password=None, period=None)
    personal.write_db()
    personal.sqlite("UPDATE rpop SET password = x'70e47373ff', period = 3600;")
    assert personal.once().code == 0
    assert behaviour.tried == ["PLAIN"]
    assert personal.idents() == {ANNA: ["m"]}


@pytest.mark.parametrize("mode,tls", [("pop3s", "tls"), ("stls", "stls")])
@pytest.mark.parametrize("auth", ["auto", "plain", "login", "cram-md5", "ntlm", "scram-sha-1"])
def test_nothing_in_clear(personal, pop3, mode, tls, auth):
    """No octet of a login goes ahead of TLS."""
    behaviour = Sasl("PLAIN", "LOGIN", "CRAM-MD5", "NTLM")
    s = pop3(behaviour, [corpus.mail("m")], mode)
    personal.record("anna@example.org", "work", s, tls=tls, auth=auth)
    personal.once()
    clear = bytes(s.sessions[0].clear)
    assert b"AUTH" not in clear and b"USER" not in clear and b"user" not in clear and SECRET.encode() not in clear
    assert set(clear.split()) <= {b"CAPA", b"STLS"} if tls == "stls" else True
