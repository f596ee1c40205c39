# SPDX-License-Identifier: ISC
"""
Misbehaving servers.  Whatever a server does, nothing partial is delivered, nothing twice, no secret is shown,
nothing crashes, another record is served in the same run; and when the server behaves again, everything is there exactly once.
"""
import re

import pytest

import behaviours as B
import corpus
from popd import Behaviour

ANNA = "example.org/anna"
GOOD = "example.org/postmaster"
N = 6
MAILS = [corpus.mail("h%d" % i) for i in range(N)]
ALL = ["h%d" % i for i in range(N)]
SECRET = "s3cret-word"
LF = b"\r\n"


def lockstep(behaviour):
    behaviour.capabilities = ["USER", "UIDL"]
    return behaviour


def lines(change):
    return lambda: B.Listing(change)


# name: (behaviour, does the first poll fail, what it delivers; None = either is right as long as the end is)
CUTS = {"cut-%s-%s" % (p, k): (lambda p=p, k=k: B.Cut(p, k), True, []) for p, k in
    [("greeting", 0), ("greeting", 2), ("capa", 0.5), ("user", 0), ("user", 4), ("login", 0), ("login", 3), ("stat", 3),
    ("uidl", 0), ("uidl", 0.5), ("uidl", -2), ("uidl", -3), ("retr", 0), ("retr", 0.5), ("retr", -5), ("retr", -3), ("retr", -2),
    ("retr", -1)]}
CUTS.update({"cut-4th-%s" % k: (lambda k=k: B.Cut("retr", k, nth=4), True, None) for k in (0, 3, 0.5, -5, -3, -2, -1)})
CUTS.update({"cut-lockstep-%s" % k: (lambda k=k: lockstep(B.Cut("retr", k, nth=3)), True, ["h0", "h1"]) for k in (0, 0.5, -3, -1)})
CUTS.update({"cut-%s" % p: (lambda p=p, n=n: B.Cut(p, 0, nth=n), True, ALL) for p, n in [("dele", 1), ("dele", 3), ("quit", 1)]})

STAT = {"stat-" + n: (lambda t=t: B.Stat(t), bad, None) for n, t, bad in
    [("words", b"six messages", True), ("none", b"", True), ("negative", b"-1 100", True), ("overflow", b"4294967302 100", True),
    ("overflow64", b"18446744073709551622 1", True), ("huge", b"99999999999999999999999 1", True), ("signed", b"+6 100", True),
    ("more", b"9 100", None), ("fewer", b"4 100", None), ("zero", b"0 0", None), ("million", b"3000000 100", None),
    ("hugesize", b"6 99999999999999999999999999", None), ("extra", b"6 100 more words", None)]}

UIDL = {"uidl-" + n: (f, None, None) for n, f in {
    "zero-based": lines(lambda x: [b"%d %s" % (i, l.split()[1]) for i, l in enumerate(x)]),
    "one-above": lines(lambda x: x + [b"7 uid-x"]),
    "shifted": lines(lambda x: [b"%d %s" % (i + 2, l.split()[1]) for i, l in enumerate(x)]),
    "all-one": lines(lambda x: [b"1 " + l.split()[1] for l in x]),
    "repeated": lines(lambda x: x[:2] + [b"2 uid-other"] + x[2:]),
    "repeated-same": lines(lambda x: x[:2] + x[1:]),
    "huge": lines(lambda x: x + [b"4294967297 wraps", b"18446744073709551617 wraps64", b"99999999999999999999999999 huge"]),
    "negative": lines(lambda x: x + [b"-1 minus"]),
    "no-uid": lines(lambda x: x[:1] + [b"2"] + x[2:]),
    "no-number": lines(lambda x: x[:1] + [b"uid-00002"] + x[2:]),
    "blank-line": lines(lambda x: x[:3] + [b""] + x[3:]),
    "extra-words": lines(lambda x: [l + b" and more" for l in x]),
    "long-line": lines(lambda x: x + [b"6 " + b"y" * 100_000]),
    "nul": lines(lambda x: x[:5] + [b"6 a\0b"]),
    "missing": lines(lambda x: x[::2]),
    "reversed": B.ShuffledUidl,
    "err": lambda: B.Says("uidl", b"-ERR no listing today" + LF),
    "other-each-time": B.NewUids}.items()}
UIDL["uidl-other-each-time"] = (B.NewUids, False, ALL)
UIDL["uidl-reversed"] = (B.ShuffledUidl, False, ALL)
UIDL["uidl-one-above"] = (UIDL["uidl-one-above"][0], None, ALL)

REPLIES = {
    "capa-refused": (B.NoCapa, False, ALL),
    "capa-empty": (lambda: B.Says("capa", b"+OK" + LF + b"." + LF), None, None),
    "capa-garbage": (lambda: B.Says("capa", b"+OK" + LF + b"\xff\0\x01 UIDL" + LF + LF + b"PIPELINING PIPELINING" + LF + b"." + LF), None, None),
    "capa-endless": (lambda: B.Endless("capa", b"+OK" + LF, b"X-CAPABILITY nonsense" + LF), None, None),
    "greeting-err": (lambda: B.Says("greeting", b"-ERR go away" + LF), True, []),
    "greeting-garbage": (lambda: B.Says("greeting", b"220 smtp.example ESMTP" + LF), True, []),
    "greeting-binary": (lambda: B.Says("greeting", bytes(range(256)) + LF), True, []),
    "greeting-endless": (lambda: B.Endless("greeting", b"+OK ", b"x"), True, []),
    "greeting-late-flood": (lambda: B.Appends("greeting", (b"+OK flood" + LF) * 1000), True, []),
    "login-garbage": (lambda: B.Says("login", b"OK maybe" + LF), True, []),
    "login-lf": (lambda: B.Says("login", b"+OK\n"), None, None),
    "login-challenge": (lambda: B.Says("login", b"+ Y2hhbGxlbmdl" + LF), True, []),
    "login-refused": (B.RefuseLogin, True, []),
    "login-busy": (B.Busy, True, []),
    "login-echo": (B.EchoPassword, True, []),
    "login-stale": (lambda: lockstep(B.Appends("login", b"+OK 0 0" + LF)), True, []),
    "preauth": (B.PassWithoutLogin, None, None),
    "uidl-endless-lines": (lambda: B.Endless("uidl", b"+OK" + LF, b"1 uid-endless" + LF), True, []),
    "uidl-endless-line": (lambda: B.Endless("uidl", b"+OK" + LF + b"1 ", b"x"), True, []),
    "retr-garbage": (lambda: B.Says("retr", b"\x16\x03\x01 what" + LF, nth=3), True, None),
    "retr-no-status": (lambda: B.Says("retr", b"Subject: no status line" + LF + LF + b"text" + LF + b"." + LF, nth=2), True, None),
    "retr-refused": (lambda: B.RefuseRetr(1, 3, 6), None, ["h1", "h3", "h4"]),
    "retr-status-endless": (lambda: B.Endless("retr", b"+OK ", b"y"), True, []),
    "retr-stale-line": (lambda: lockstep(B.Appends("retr", b"+OK extra" + LF)), True, None),
    "retr-stale-answer": (lambda: lockstep(B.StaleRetr()), True, None),
    "list-lies": (lambda: B.Lists(lambda x: [b"%d 99999999999999999999" % (i + 1) for i in range(N)]), None, ALL),
    "list-short": (lambda: B.Lists(lambda x: x[:2]), None, ALL),
    "list-garbage": (lambda: B.Lists(lambda x: [b"zero none", b"", b"-1 -1", b"0 0", b"7 7", b"4294967297 5"]), None, ALL),
    "list-one-refused": (lambda: B.Says("list1", b"-ERR no argument" + LF), False, ALL),
    "list-one-refused-lockstep": (lambda: lockstep(B.Says("list1", b"-ERR no argument" + LF)), False, ALL),
    "list-refused": (lambda: B.Says("list", b"-ERR" + LF), None, ALL),
    "dele-refused": (B.RefuseDele, None, ALL),
    "dele-garbage": (lambda: B.Says("dele", b"maybe" + LF), True, ALL),
    "dele-ignored": (B.IgnoreDele, False, ALL),
    "renumber-on-dele": (B.RenumberOnDele, False, ALL),
    "quit-lost": (B.LoseAtQuit, True, ALL),
    "quit-refused": (B.QuitRefused, None, ALL),
    "quit-garbage": (lambda: B.Says("quit", b"\xff\xfe" + LF), None, ALL),
    "expunge-lost": (B.ExpungeThenLose, True, ALL),
    "no-uidl": (B.NoUidl, False, ALL),
    "drip": (B.Drip, False, ALL),
    "no-pipelining": (lambda: lockstep(Behaviour()), False, ALL)}

CASES = {**CUTS, **STAT, **UIDL, **REPLIES}


def sound(log):
    assert SECRET not in log
    assert not re.search(r"signal (4|6|7|8|11|31)\b|AddressSanitizer|runtime error|assert", log), "a process crashed"
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", log), "raw octets of the server in the log"


@pytest.fixture
def arena(personal, popd):
    """Runs one behaviour beside an honest server; then lets the server behave and looks at the end."""
    class Arena:
        rig = personal

        def begin(self, behaviour, mode="plain", **columns):
            self.server = popd(behaviour, MAILS, mode)
            self.good = popd(messages=[corpus.mail("good")])
            personal.settings.update(idle_timeout=10, session_timeout=60)
            self.row = personal.record("anna@example.org", "hostile", self.server, **columns)
            personal.record("postmaster@example.org", "good", self.good)
            result = personal.once()
            sound(result.log)
            got = personal.idents()
            assert got.get(GOOD) == ["good"], "the other record was not served"
            # "extra" is what a server made up and sent as several messages
            own = [x for x in got.get(ANNA, []) if x != "extra"]
            assert len(set(own)) == len(own)
            assert set(own) <= set(ALL)
            return result.code, got.get(ANNA, [])

        def finish(self):
            self.server.behaviour = Behaviour()
            for _ in range(2):
                result = personal.once()
            assert result.code == 0
            assert [x for x in personal.idents()[ANNA] if x != "extra"] == ALL
            got = sorted(corpus.split_prologue(d)[3] for d in personal.delivered()[ANNA] if b"X-Test-Id: extra" not in d)
            assert got == sorted(corpus.expected(m) for m in MAILS)
            assert len(self.server.box.left()) == (N if self.row.get("leave") else 0)
            assert personal.spooled() == []
    return Arena()


@pytest.mark.parametrize("leave", [0, 1])
@pytest.mark.parametrize("name", sorted(CASES))
def test_behaviour(arena, name, leave):
    make, fails, delivers = CASES[name]
    code, got = arena.begin(make(), leave=leave)
    if leave and name in ("no-uidl",):
        fails, delivers = True, []
    if leave and name in ("uidl-other-each-time",):
        assert got == ALL
        return				# new unique-ids are new messages: nothing more can be asked
    if leave and name.split("-")[0] == "dele" or leave and name in ("cut-dele",):
        fails = False
    if fails is not None:
        assert code == int(fails)
    if delivers is not None:
        assert got == delivers
    arena.finish()


@pytest.mark.parametrize("leave", [0, 1])
def test_out_of_step(arena, leave):
    """One answer too many while commands are in flight: each message is taken for its neighbour, and none of them may go."""
    code, _ = arena.begin(B.StaleRetr(), leave=leave)
    assert code == 1
    assert any("out of step" in e for e, in arena.rig.state("SELECT error FROM mailboxes"))
    assert len(arena.server.box.left()) == N
    assert "dele" not in arena.server.sessions[0].names()
    assert ("list", b"%d" % N) in arena.server.sessions[0].commands


@pytest.mark.parametrize("mode", ["stls", "pop3s"])
@pytest.mark.parametrize("name", sorted(n for n in CASES if n.startswith("cut-") or n in ("login-echo", "drip", "retr-garbage",
    "uidl-endless-line", "dele-ignored")))
def test_behaviour_over_tls(arena, name, mode):
    make, fails, delivers = CASES[name]
    code, got = arena.begin(make(), mode)
    if fails is not None:
        assert code == int(fails)
    if delivers is not None:
        assert got == delivers
    no_credentials(arena.server)
    arena.finish()
    no_credentials(arena.server)


def no_credentials(server):
    clear = server.clear_octets().upper()
    for word in (b"USER", b"PASS", b"APOP", b"AUTH", SECRET.encode().upper()):
        assert word not in clear


STLS = {
    "inject": B.StlsInject,
    "refused": B.StlsRefused,
    "garbage": lambda: B.StlsRefused(b"what?\r\n"),
    "not-offered": B.StlsNotOffered,
    "silent-clear": B.StlsThenClear,
    "ok-lf": lambda: B.StlsRefused(b"+OK\n+OK\n"),
    "preauth": B.PassWithoutLogin,
    "greeting-flood": lambda: B.Appends("greeting", b"+OK\r\n+OK\r\n+OK\r\n"),
    "capa-flood": lambda: B.Appends("capa", b"+OK\r\n+OK\r\n")}


@pytest.mark.parametrize("name", sorted(STLS))
def test_stls(arena, name):
    """Musts 6 and 7: no credential before TLS, whatever greeting, CAPA or STLS answers."""
    behaviour = STLS[name]()
    code, got = arena.begin(behaviour, "stls")
    if name != "preauth":
        assert code == 1 and got == []
    no_credentials(arena.server)
    arena.finish()


def test_capabilities_from_before_tls_are_forgotten(arena):
    """CAPA is asked again; PIPELINING seen only in clear is not used."""
    class Liar(Behaviour):
        def capa(self, s):
            return ["USER", "UIDL"] if s.tls else ["USER", "UIDL", "PIPELINING", "STLS"]
    code, got = arena.begin(Liar(), "stls")
    assert code == 0 and got == ALL
    assert arena.server.sessions[0].names()[:3] == ["capa", "stls", "capa"]


@pytest.mark.parametrize("mode", ["stls", "pop3s"])
@pytest.mark.parametrize("cert", ["expired", "wrongname", "unknown", "selfsigned"])
def test_bad_certificate(arena, cert, mode):
    code, got = arena.begin(B.Cert(cert), mode)
    assert code == 1 and got == []
    assert not [s for s in arena.server.sessions if s.secure]
    no_credentials(arena.server)
    arena.finish()


def test_plain_server_on_the_tls_port(arena):
    """tls = 'tls' against a server that speaks in clear: fails, and nothing of the login leaves."""
    code, got = arena.begin(Behaviour(), "plain", tls="tls")
    assert code == 1 and got == []
    no_credentials(arena.server)


def test_certificate_without_the_address(arena):
    """The name of the record counts, not what the certificate's commonName says."""
    code, _ = arena.begin(B.Cert("wrongname"), "pop3s", host="127.0.0.1")
    assert code == 1


@pytest.mark.parametrize("challenge", [b"no brackets", b"<>", b"<noat>", b"<a@b@c>", b"<a b@c>", b"<a@b> <c@d>", b"<\xff@b>", b"<a@b",
    b"<a\x01@b>", b"<" + b"x" * 300 + b"@b>", b"<<a@b>>"])
def test_apop_challenge(arena, challenge):
    """Must 9: a challenge that is no strict msg-id is no APOP offer: no digest over it is ever sent."""
    arena.begin(B.ApopBad(challenge), apop=1)
    assert "apop" not in arena.server.sessions[0].names()
    arena.finish()


def test_login_is_tried_once(arena):
    arena.begin(B.RefuseLogin())
    assert arena.server.count("pass") == 1


def test_error_text_is_shown_escaped_and_without_the_secret(arena):
    arena.begin(B.EchoPassword())
    daemon = arena.rig.start()
    shown = arena.rig.ctl("show", "account", "anna@example.org").log + arena.rig.ctl("-j", "status").log
    daemon.stop()
    assert SECRET not in shown and "\x1b" not in shown and "\x9b" not in shown
    assert "is wrong" in shown
    arena.finish()


STALLS = {"stall-%s" % p: (lambda p=p, k=k: B.Stall(p, k), m) for p, k, m in [("greeting", 0, "plain"), ("capa", 3, "plain"),
    ("login", 0, "plain"), ("stat", 0, "plain"), ("uidl", 0.5, "plain"), ("retr", 0, "plain"), ("dele", 0, "plain"),
    ("quit", 0, "plain"), ("stls", 0, "stls")]}
STALLS["stall-retr-half"] = (lambda: B.Stall("retr", 0.5, nth=3), "pop3s")
STALLS["stall-handshake"] = (B.HandshakeStall, "pop3s")
STALLS["slow-drip"] = (B.SlowDrip, "plain")


def test_stalls(personal, popd):
    """Every wait has its clocks (must 10): all these servers at once, and the daemon gets rid of each."""
    personal.settings.update(idle_timeout=10, session_timeout=60, processors=100)
    servers = {}
    for name, (make, mode) in STALLS.items():
        mails = [corpus.mail("%s-%d" % (name, i)) for i in range(4)]
        servers[name] = popd(make(), mails, mode)
        personal.record("anna@example.org", name, servers[name])
    personal.record("postmaster@example.org", "good", popd(messages=[corpus.mail("good")]))
    result = personal.once(timeout=300)
    assert result.code == 1
    sound(result.log)
    assert personal.idents()[GOOD] == ["good"]
    for s in servers.values():
        s.behaviour = Behaviour()
    for _ in range(2):
        result = personal.once()
    assert result.code == 0
    assert personal.idents()[ANNA] == sorted("%s-%d" % (n, i) for n in STALLS for i in range(4))
    for s in servers.values():
        assert s.box.left() == []


def test_refused_connection_and_no_such_host(personal, popd):
    from dovecot import free_port
    s = popd(messages=[corpus.mail("x")])
    personal.record("anna@example.org", "closed", s)["domain"] = "127.0.0.1:%d" % free_port()
    personal.record("anna@example.org", "nohost", s)["domain"] = "no-such-host.invalid"
    personal.record("anna@example.org", "good", s)
    result = personal.once()
    assert result.code == 1
    assert personal.idents() == {ANNA: ["x"]}


def test_endless_message(personal, popd):
    """A message that goes on and on, and is cut after 300 MB: nothing of it is delivered, others are served, nothing stays in the spool."""
    class Endless(Behaviour):
        def cmd_retr(self, s, arg):
            if arg != b"2":
                return super().cmd_retr(s, arg)
            endless = B.Endless("retr", b"+OK\r\nSubject: endless\r\n\r\n", b"x" * 998 + LF, limit=300_000_000)
            endless.wire(s, "retr", b"")
    s = popd(Endless(), MAILS[:3])
    personal.record("anna@example.org", "endless", s)
    personal.record("postmaster@example.org", "good", popd(messages=[corpus.mail("good")]))
    result = personal.once(timeout=300)
    sound(result.log)
    assert result.code == 1
    assert personal.idents().get(GOOD) == ["good"]
    assert set(personal.idents().get(ANNA, [])) <= {"h0", "h2"}
    assert personal.spooled() == []
