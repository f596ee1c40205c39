# SPDX-License-Identifier: ISC
"""A session of popd: each command in each state, with every kind of argument; logins; what the log has of them."""
import base64
import re

import pytest

from lib import popdrig as P, rig as rigs

MESSAGES = [b"Subject: one\n\nfirst\nsecond\nthird\n", b"Subject: two\n\n.\n..\nend", b"Subject: three\n"]
SIZES = [len(P.on_the_wire(m)) for m in MESSAGES]
LISTED = ["%d %d" % (i + 1, n) for i, n in enumerate(SIZES)]
UIDS = ["%d uid-%d" % (i, i) for i in (1, 2, 3)]
BAD = r"-ERR (usage|unknown|you|log|line|[A-Z0-9]+:|(STLS|APOP) is not offered) ?.*"
GONE = r"-ERR message \d is deleted"
NONE = r"-ERR no such message.*"
NO_LANG = r"-ERR no such language.*"
LAST = ["UTF8 USER", "LANG", "IMPLEMENTATION rpopd"]
LANGUAGES = ["en English", "i-default English, as by default"]


@pytest.fixture
def popd():
    p = P.Popd()
    p.messages = MESSAGES
    p.listen()
    yield p
    p.close()


@pytest.fixture(scope="module")
def shared():
    p = P.Popd()
    p.messages = MESSAGES
    p.listen()
    yield p
    p.close()


# (commands whose answers do not count, command, answer, further lines or None)
AHEAD = [
    ("NOOP", BAD), ("STAT", BAD), ("LIST", BAD), ("LIST 1", BAD), ("RETR 1", BAD), ("DELE 1", BAD), ("RSET", BAD), ("TOP 1 1", BAD),
    ("UIDL", BAD), ("UIDL 1", BAD), ("LAST", BAD), ("XTND XLST", BAD), ("", BAD), (" ", BAD), (":", BAD),
    (" USER x", BAD), ("USER", BAD), ("USER ", BAD), ("PASS", BAD), ("PASS x", BAD), ("PASS ", BAD), ("APOP", BAD), ("APOP x", BAD),
    ("STLS", BAD), ("STLS x", BAD), ("CAPA x", BAD), ("QUIT x", BAD), ("AUTH NONSENSE", r"-ERR mechanism not offered"),
    ("AUTH EXTERNAL", r"-ERR mechanism not offered"), ("AUTH  PLAIN", r"-ERR mechanism not offered"), ("USER\tx", BAD),
    ("USER anna", r"\+OK .*"), ("user anna", r"\+OK .*"), ("UsEr a b c", r"\+OK .*"), ("USER  ", r"\+OK .*"), ("USER %s%n", r"\+OK .*"),
    ("USER " + "x" * 248, r"\+OK .*"), ("USER " + "x" * 249, r"-ERR line too long"), ("\x80\xff", BAD), ("QUITX", BAD), ("QUI", BAD),
    ("QUIT", r"\+OK bye"), ("quit", r"\+OK bye"), ("NUL\0L", r"-ERR line with a NUL"), ("QUIT\0", r"-ERR line with a NUL"),
    ("APOP anna 0123", r"-ERR APOP is not offered"),
    ("UTF8", r"\+OK .*"), ("utf8", r"\+OK .*"), ("UTF8 ", r"\+OK .*"), ("UTF8 USER", BAD), ("UTF8 x", BAD), ("UTF-8", BAD), ("LANG *", r"\+OK en .*"),
    ("LANG en", r"\+OK en .*"), ("lang EN-gb-oxendict", r"\+OK en .*"), ("LANG I-Default", r"\+OK i-default .*"), ("LANG MUL", NO_LANG),
    ("LANG e", NO_LANG), ("LANG eng", NO_LANG), ("LANG i", NO_LANG), ("LANG x-en", NO_LANG), ("LANG en ", BAD), ("LANG  en", BAD),
    ("LANG en-", BAD), ("LANG -en", BAD), ("LANG en--gb", BAD), ("LANG 1n", BAD), ("LANG abcdefghi", BAD), ("LANG *-en", BAD),
    ("LANG en_GB", BAD), ("LANG %s%n", BAD), ("LANG \x80", BAD), ("LANGX", BAD),
]
NUMBERS = ["0", "00", "01", "-1", "+1", "1xyz", "x", "4294967297", "9" * 240, "1.0", "0x1", "1 ", " 1", "\t1", "1\t", "1,2", "1-2",
    "99999999999", "18446744073709551616", "1 2", "4"]
THERE = {"1 ": True}		# blanks at the end do not count


def answer_to(number):
    if THERE.get(number):
        return r"\+OK.*"
    return NONE if number in ("0", "4", "4294967297") else BAD


BEHIND = [
    ([], "STAT", r"\+OK 3 %d" % sum(SIZES), None),
    ([], "STAT x", BAD, None), ([], "NOOP", r"\+OK.*", None), ([], "NOOP x", BAD, None), ([], "noop", r"\+OK.*", None),
    ([], "RSET", r"\+OK.*", None), ([], "RSET 1", BAD, None),
    ([], "LIST", r"\+OK.*", LISTED), ([], "LIST ", r"\+OK.*", LISTED), ([], "list", r"\+OK.*", LISTED),
    ([], "LIST 1", r"\+OK " + LISTED[0], None), ([], "LIST 3", r"\+OK " + LISTED[2], None),
    ([], "UIDL", r"\+OK.*", UIDS), ([], "UIDL 2", r"\+OK 2 uid-2", None),
    ([], "RETR 1", r"\+OK %d octets" % SIZES[0], ["Subject: one", "", "first", "second", "third"]),
    ([], "RETR 2", r"\+OK %d octets" % SIZES[1], ["Subject: two", "", "..", "...", "end"]),
    ([], "RETR 3", r"\+OK %d octets" % SIZES[2], ["Subject: three"]),
    ([], "RETR", BAD, None), ([], "DELE", BAD, None), ([], "TOP", BAD, None), ([], "TOP 1", BAD, None), ([], "TOP 1 2 3", BAD, None),
    ([], "TOP 1 0", r"\+OK.*", ["Subject: one", ""]), ([], "TOP 1 1", r"\+OK.*", ["Subject: one", "", "first"]),
    ([], "TOP 1 3", r"\+OK.*", ["Subject: one", "", "first", "second", "third"]),
    ([], "TOP 1 4", r"\+OK.*", ["Subject: one", "", "first", "second", "third"]),
    ([], "TOP 1 2147483648", r"\+OK.*", ["Subject: one", "", "first", "second", "third"]),
    ([], "TOP 1 18446744073709551616", BAD, None), ([], "TOP 1 -1", BAD, None), ([], "TOP 1 x", BAD, None), ([], "TOP 1 01", BAD, None),
    ([], "TOP 2 1", r"\+OK.*", ["Subject: two", "", ".."]), ([], "TOP 2 3", r"\+OK.*", ["Subject: two", "", "..", "...", "end"]),
    ([], "TOP 3 0", r"\+OK.*", ["Subject: three", ""]), ([], "TOP 3 9", r"\+OK.*", ["Subject: three", ""]),
    ([], "TOP 4 1", NONE, None), ([], "TOP 0 1", NONE, None), ([], "TOP  1 1", BAD, None), ([], "TOP 1  1", BAD, None),
    ([], "DELE 1", r"\+OK.*", None), (["DELE 1"], "DELE 1", GONE, None), (["DELE 1"], "RETR 1", GONE, None),
    (["DELE 1"], "TOP 1 1", GONE, None), (["DELE 1"], "LIST 1", GONE, None), (["DELE 1"], "UIDL 1", GONE, None),
    (["DELE 1"], "LIST", r"\+OK.*", LISTED[1:]), (["DELE 2"], "UIDL", r"\+OK.*", [UIDS[0], UIDS[2]]),
    (["DELE 1"], "STAT", r"\+OK 2 %d" % sum(SIZES[1:]), None), (["DELE 1", "RSET"], "STAT", r"\+OK 3 %d" % sum(SIZES), None),
    (["DELE 1", "RSET"], "LIST 1", r"\+OK " + LISTED[0], None), (["DELE 1", "RSET"], "UIDL", r"\+OK.*", UIDS),
    (["DELE 1", "DELE 2", "DELE 3"], "LIST", r"\+OK.*", []), (["DELE 1", "DELE 2", "DELE 3"], "UIDL", r"\+OK.*", []),
    (["DELE 1", "DELE 2", "DELE 3"], "STAT", r"\+OK 0 0", None), (["DELE 3", "RSET", "DELE 3"], "STAT", r"\+OK 2 .*", None),
    ([], "USER anna", BAD, None), ([], "PASS x", BAD, None), ([], "APOP a b", BAD, None), ([], "AUTH", BAD, None),
    ([], "AUTH PLAIN", BAD, None), ([], "STLS", BAD, None), ([], "LAST", BAD, None), ([], "XTND XMIT", BAD, None),
    ([], "XTND XLST", BAD, None), ([], "UTF8", BAD, None), ([], "UTF8 x", BAD, None), ([], "LANG *", r"\+OK en .*", None), ([], "LANG", r"\+OK.*", LANGUAGES),
    ([], "LANG i-default", r"\+OK i-default .*", None), ([], "LANG fr", NO_LANG, None), ([], "LANG fr en", BAD, None), ([], "", BAD, None), ([], ":", BAD, None),
    ([], "x" * 253, BAD, None), ([], "x" * 254, r"-ERR line too long", None), ([], "RETR 1\0", r"-ERR line with a NUL", None),
    ([], "QUIT", r"\+OK bye", None), ([], "QUIT now", BAD, None),
] + [([], "%s %s%s" % (verb, number, " 1" if verb == "TOP" else ""), r"-ERR.*" if verb == "TOP" and number == "1 " else answer_to(number),
    None) for verb in ("LIST", "UIDL", "DELE", "RETR", "TOP") for number in NUMBERS]


@pytest.mark.parametrize("command,answer", AHEAD)
def test_ahead_of_the_login(shared, command, answer):
    c = shared.client()
    assert re.fullmatch(answer, c.ask(command))
    if not command.lower() == "quit":
        assert c.ask("CAPA").startswith("+OK") and c.listed()[0] == "TOP"
    else:
        assert c.line() is None
    c.close()


@pytest.mark.parametrize("before,command,answer,lines", BEHIND)
def test_behind_the_login(shared, before, command, answer, lines):
    c = shared.client(login=True)
    for other in before:
        assert c.ask(other).startswith("+OK")
    told = c.ask(command)
    assert re.fullmatch(answer, told), told
    if lines is not None:
        assert c.listed() == lines
    elif command.startswith("RETR") and told.startswith("+OK"):
        c.body()
    if command == "QUIT":
        assert c.line() is None
    else:
        assert c.ask("NOOP").startswith("+OK")
    c.close()


def test_the_table_is_long():
    assert len(AHEAD) + len(BEHIND) >= 120


def test_whole_session(popd):
    c = popd.client(login=True)
    for i in (1, 2):
        c.ask("RETR %d" % i)
        assert c.body() == P.stuffed(P.on_the_wire(MESSAGES[i - 1]))
    c.ask("TOP 3 0")
    c.body()
    c.ask("RETR 1")
    c.body()
    assert c.ask("DELE 2").startswith("+OK")
    assert c.ask("QUIT") == "+OK bye" and c.line() is None
    assert popd.ended() == "quit"
    box, end = popd.boxes[0], popd.sessions[0].end
    assert box.stopped.wait(rigs.PATIENCE)
    assert (box.seen, box.deleted, box.quit) == ([1, 2], [2], True)
    assert (end.retrieved, end.topped, end.deleted, end.bad, end.tls) == (3, 1, 1, 0, b"")
    assert end.octets_in > 0 and end.octets_out > sum(SIZES)


def test_empty_mailbox(popd):
    popd.messages = []
    c = popd.client(login=True)
    assert c.ask("STAT") == "+OK 0 0"
    for command in ("LIST", "UIDL"):
        assert c.ask(command).startswith("+OK") and c.listed() == []
    for command in ("LIST 1", "UIDL 1", "RETR 1", "TOP 1 1", "DELE 1"):
        assert re.fullmatch(NONE, c.ask(command))
    assert c.ask("QUIT") == "+OK bye"
    assert popd.ended() == "quit"


def test_rights(popd):
    popd.rights = P.READ
    c = popd.client(login=True)
    assert c.ask("DELE 1") == "-ERR you may not delete messages in this mailbox"
    c.ask("RETR 1")
    c.body()
    assert c.ask("QUIT") == "+OK bye"
    popd.ended()
    assert popd.boxes[0].stopped.wait(rigs.PATIENCE) and popd.boxes[0].seen == [] and popd.boxes[0].deleted == []


def test_not_removed(popd):
    popd.box_options = {"failed": 1}
    c = popd.client(login=True)
    for i in (1, 2):
        c.ask("DELE %d" % i)
    assert c.ask("QUIT") == "-ERR [SYS/TEMP] 1 message not removed" and c.line() is None
    assert popd.ended() == "quit" and popd.sessions[0].end.deleted == 1


def test_gone_unreadable_changed(popd):
    popd.box_options = {"errors": {0: 2, 1: 5}, "sizes": {2: 99999}}
    c = popd.client(login=True)
    assert c.ask("RETR 1") == "-ERR message 1 is gone"
    assert c.ask("TOP 1 1") == "-ERR message 1 is gone"
    assert c.ask("RETR 2") == "-ERR [SYS/TEMP] message 2 cannot be read"
    assert c.ask("LIST 3") == "+OK 3 99999"
    assert c.ask("RETR 3") == "+OK %d octets" % SIZES[2]
    assert c.body() == P.stuffed(P.on_the_wire(MESSAGES[2]))
    assert c.ask("QUIT") == "+OK bye"


def capa(c):
    assert c.ask("CAPA").startswith("+OK")
    return c.listed()


@pytest.mark.parametrize("start,ahead", [
    ({}, ["USER", "SASL SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN", "EXPIRE NEVER"]),
    ({"clear": 0}, ["SASL SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5", "EXPIRE NEVER"]),
    ({"mechs": 1 << P.MECHS["PLAIN"]}, ["USER", "SASL PLAIN", "EXPIRE NEVER"]),
    ({"mechs": 1 << P.MECHS["PLAIN"], "clear": 0}, ["EXPIRE NEVER"]), ({"mechs": 0}, ["USER", "EXPIRE NEVER"]),
    ({"login_delay": 60, "mechs": 0}, ["USER", "LOGIN-DELAY 60", "EXPIRE NEVER"]),
    ({"login_delay": 60, "login_delay_user": 1, "mechs": 0}, ["USER", "LOGIN-DELAY 60 USER", "EXPIRE NEVER"]),
    ({"expire": 30, "mechs": 0}, ["USER", "EXPIRE 30"]), ({"expire": 0, "expire_user": 1, "mechs": 0}, ["USER", "EXPIRE 0 USER"]),
])
def test_capa(start, ahead):
    always = ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING"]
    popd = P.Popd(**start)
    popd.listen()
    c = popd.client()
    assert capa(c) == always + ahead + LAST
    if "USER" in ahead:
        c.ask("USER anna")
        popd.login = lambda s: (s.give_auth(), s.open(P.Mailbox([]), login_delay=7, expire=9))
        assert c.ask("PASS x").startswith("+OK")
        assert capa(c) == always + ["LOGIN-DELAY 7", "EXPIRE 9"] + LAST
    else:
        assert c.ask("USER anna") == "-ERR no password in clear on this connection"
    popd.close()


def test_no_password_in_clear():
    popd = P.Popd(clear=0)
    popd.listen()
    c = popd.client()
    assert c.ask("USER anna") == "-ERR no password in clear on this connection"
    assert c.ask("AUTH PLAIN") == "-ERR no password in clear: use STLS first"
    assert c.ask("AUTH LOGIN") == "-ERR no password in clear: use STLS first"
    assert c.ask("PASS secret").startswith("-ERR")
    assert c.ask("AUTH").startswith("+OK") and c.listed() == ["SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5"]
    popd.login = lambda s: (s.give_auth(), s.auth.send("IMSG_LOGIN_CHALLENGE", b"Y2g="))
    assert c.ask("AUTH CRAM-MD5") == "+ Y2g="
    assert popd.sessions[0].logins == [P.MECHS["CRAM-MD5"]]
    popd.close()


# --- logins ---

@pytest.mark.parametrize("code,text,answer", [
    (P.NONE, b"not here", "-ERR not here"), (P.NONE, b"", "-ERR login failed"), (P.AUTH, b"wrong", "-ERR [AUTH] wrong"),
    (P.IN_USE, b"busy", "-ERR [IN-USE] busy"), (P.LOGIN_DELAY, b"wait 9 s", "-ERR [LOGIN-DELAY] wait 9 s"),
    (P.SYS_TEMP, b"later", "-ERR [SYS/TEMP] later"), (P.SYS_PERM, b"no such mailbox", "-ERR [SYS/PERM] no such mailbox"),
    (P.ALERT, b"read this", "-ERR ALERT: read this"),
])
@pytest.mark.parametrize("auth", [False, True])
def test_denied(shared, code, text, answer, auth):
    """At once or after a look at it; and the next login works.  Of an alert the master hears that it went out, ahead of that."""
    sessions = []

    def once(session):
        sessions.append(session)
        shared.login = shared.accept
        if auth:
            session.give_auth()
        session.denied(code, text)
    c = shared.client()
    c.ask("USER anna")
    shared.login = once
    assert c.ask("PASS x") == answer
    assert c.ask("PASS x") == "-ERR PASS: USER first"
    c.ask("USER anna")
    assert c.ask("PASS x").startswith("+OK 3 messages")
    assert [session.alerted for session in sessions] == [int(code == P.ALERT)]
    c.close()


@pytest.mark.parametrize("user,password", [("anna", "secret"), (" anna ", " a  b "), ("a#b%n:c@d", "%s%n@#"), ("x" * 248, "y" * 1024),
    ("\xfc\xff", "\xe4\x01\x7f"), ("~boss/INBOX#anna", ":")])
def test_user_pass_octets(popd, user, password):
    c = popd.client()
    assert c.ask("USER " + user).startswith("+OK")
    assert c.ask("PASS " + password).startswith("+OK")
    assert popd.sessions[0].began == [(P.MECHS["USER"], 0, user.encode("latin-1") + b"\0" + password.encode("latin-1"))]


def test_password_too_long(popd):
    c = popd.client()
    c.ask("USER anna")
    assert c.ask("PASS " + "y" * 1025) == "-ERR line too long"
    assert popd.sessions[0].logins == []


@pytest.mark.parametrize("command,began", [
    ("AUTH PLAIN", ("PLAIN", 0, b"")), ("auth plain", ("PLAIN", 0, b"")), ("AUTH PLAIN ", ("PLAIN", 0, b"")),
    ("AUTH PLAIN =", ("PLAIN", 1, b"=")), ("AUTH PLAIN AGEAYg==", ("PLAIN", 1, b"AGEAYg==")), ("AUTH LOGIN", ("LOGIN", 0, b"")),
    ("AUTH SCRAM-SHA-256 biws", ("SCRAM-SHA-256", 1, b"biws")), ("AUTH CRAM-MD5", ("CRAM-MD5", 0, b"")),
    ("AUTH PLAIN !\x80 nonsense", ("PLAIN", 1, b"!\x80 nonsense")), ("AUTH PLAIN " + "A" * 12275, ("PLAIN", 1, b"A" * 12275)),
])
@pytest.mark.parametrize("octets", [False, True])
def test_auth(popd, command, began, octets):
    """The initial response as it was typed, in one piece or octet by octet."""
    c = popd.client()
    data = (command + "\r\n").encode("latin-1")
    if octets and len(data) < 100:
        for i in range(len(data)):
            c.send(data[i:i + 1])
    else:
        c.send(data)
    assert c.line().startswith("+OK 3 messages")
    assert popd.sessions[0].began == [(P.MECHS[began[0]],) + began[1:]]


def test_auth_line_too_long(popd):
    c = popd.client()
    assert c.ask("AUTH PLAIN " + "A" * 12276) == "-ERR line too long"
    assert c.ask("AUTH").startswith("+OK") and c.listed() == ["SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN"]


class Exchange:
    """An auth process that gives these challenges, and then has its last word."""

    def __init__(self, challenges, denied=None):
        self.challenges, self.denied, self.heard = challenges, denied, []

    def __call__(self, session):
        session.give_auth()
        for challenge in self.challenges:
            session.auth.send("IMSG_LOGIN_CHALLENGE", challenge)
            told = session.auth.receive()
            if told is None:
                return
            self.heard.append(told[1])
            if told[1] == b"*":
                session.denied(P.NONE, b"cancelled")
                return
        if self.denied:
            session.denied(*self.denied)
        else:
            session.popd.opened(session)


@pytest.mark.parametrize("challenge", [b"", b"VXNlcm5hbWU6", base64.b64encode(b"x" * 9000)])
def test_challenges(popd, challenge):
    popd.login = Exchange([challenge, b"YWdhaW4="])
    c = popd.client()
    assert c.ask("AUTH LOGIN") == "+ " + challenge.decode()
    assert c.ask("YW5uYQ==") == "+ YWdhaW4="
    assert c.ask("").startswith("+OK 3 messages")
    assert popd.login.heard == [b"YW5uYQ==", b""]


@pytest.mark.parametrize("line", ["*", "A" * 12287, "a\0b"])
def test_cancelled(popd, line):
    """By the client, and by a line that cannot be."""
    popd.login = Exchange([b""])
    c = popd.client()
    assert c.ask("AUTH PLAIN") == "+ "
    assert c.ask(line) == "-ERR cancelled"
    assert popd.login.heard == [b"*"]
    assert c.ask("CAPA").startswith("+OK")
    c.listed()
    popd.login = popd.accept
    assert c.ask("AUTH PLAIN =").startswith("+OK 3 messages")


def test_denied_while_the_client_owes_a_line(popd):
    """The line is not taken for a command, and not logged."""
    popd.login = lambda s: (s.give_auth(), s.auth.send("IMSG_LOGIN_CHALLENGE", b""), s.denied(P.SYS_TEMP, b"later"))
    c = popd.client()
    assert c.ask("AUTH PLAIN") == "+ "
    assert c.ask("U0VDUkVU") == "-ERR [SYS/TEMP] later"
    assert c.ask("NOOP").startswith("-ERR NOOP")
    assert not any("U0VDUkVU" in line for line in popd.log)


def test_apop():
    popd = P.Popd(apop=b"<1.2@pop.example.org>")
    popd.listen()
    c = popd.connect()
    assert c.line() == "+OK pop.example.org POP3 server ready <1.2@pop.example.org>"
    for bad in ("APOP", "APOP ", "APOP x", "APOP  x", "APOP x "):
        assert c.ask(bad).startswith("-ERR usage") or bad == "APOP  x"
        c.ask("CAPA")
        c.listed()
    assert c.ask("APOP a b c4c9334bac560ecc979e58001b3e22fb").startswith("+OK 0 messages")
    assert popd.sessions[0].began[-1] == (P.MECHS["APOP"], 0, b"a b\0c4c9334bac560ecc979e58001b3e22fb")
    popd.close()


def test_refused_at_the_greeting():
    popd = P.Popd(refusal=b"[SYS/TEMP] come again", apop=b"<1@x>")
    popd.listen()
    c = popd.connect()
    assert c.rest() == b"-ERR [SYS/TEMP] come again\r\n"
    assert popd.ended() == "stopped"
    popd.close()


def test_no_secret_in_the_log(popd):
    secrets = ["hunter2", "TopSecret", "U2VjcmV0", "0123456789abcdef0123456789abcdef", "lostpass", "c3RhbmRhbG9uZQ=="]
    popd.login = Exchange([b"R28gb24="], (P.AUTH, b"wrong"))
    c = popd.client()
    c.ask("USER anna\x1b[31m%s%n")
    c.ask("pass hunter2")
    c.ask("U2VjcmV0")
    c.ask("PASS hunter2")			# no USER: refused
    c.ask("APOP anna 0123456789abcdef0123456789abcdef")
    c.ask("CAPA")
    c.listed()
    c.ask("lostpass lostpass")			# no command
    c.ask(" PASS TopSecret")
    c.ask("CAPA")
    c.listed()
    c.ask("AUTH PLAIN U2VjcmV0")
    c.ask("c3RhbmRhbG9uZQ==")
    popd.login = popd.accept
    c.ask("USER anna")
    assert c.ask("PASS TopSecret").startswith("+OK")
    c.ask("PASS TopSecret")
    c.ask("AUTH PLAIN U2VjcmV0")
    c.ask("QUIT")
    popd.ended()
    text = "\n".join(popd.log)
    for secret in secrets:
        assert secret not in text
    assert "POP 1: < USER anna\\033[31m%s%n" in text and "POP 1: < PASS ..." in text and "POP 1: < AUTH ..." in text
    assert "\x1b" not in text
