# SPDX-License-Identifier: ISC
"""
Logins at popd, by the auth program alone: each mechanism with each form of verifier, what is no login, and sessions that lie.  The
master and the session are played by the test.
"""
import base64
import hashlib
import hmac
import os
import random
import signal
import struct
import subprocess
import unicodedata

import pytest

from lib import rig as rigs
from lib.authrig import APOP, BROKEN, GONE, MALFORMED, MECHS, NO, YES, Auth

WORD = "s3cret wörd".encode()
GIVEN = ("USER", "PLAIN", "LOGIN")
FORMS = {
    "crypt": lambda word: subprocess.run(["perl", "-e", "binmode STDOUT; print crypt($ARGV[0], $ARGV[1])", word, "$5$rounds=1000$NEoEDNA9Dgqq"],
        check=True, stdout=subprocess.PIPE).stdout,
    "plain": lambda word: b"{PLAIN}" + word,
    "scram": lambda word: scram(word),
}
SERVES = {"crypt": GIVEN, "plain": tuple(MECHS), "scram": GIVEN + ("SCRAM-SHA-256",)}


def scram(word, salt=b"0123456789abcdef", count=4096):
    salted = hashlib.pbkdf2_hmac("sha256", word, salt, count)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    return b"{SCRAM-SHA-256}%d,%s,%s,%s" % (count, base64.b64encode(salt), base64.b64encode(stored), base64.b64encode(server))


@pytest.fixture(scope="module")
def auth():
    a = Auth()
    yield a
    a.close()
    assert a.status == 0


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("mech", MECHS)
def test_mechanism(auth, mech, form):
    """The right password is right where the verifier serves the mechanism; else the same steps end as a wrong password."""
    verifier = FORMS[form](WORD)
    login = auth.login()
    assert login.run(mech, b"Lists/bsd#Anna@Example.ORG", WORD, verifier) == (YES if mech in SERVES[form] else NO)
    assert login.who == (b"anna@example.org", b"Lists/bsd", b"") and login.mech == MECHS[mech] and login.text == ""
    assert login.given == (WORD if mech in GIVEN and form != "plain" else None)
    for wrong in (WORD + b"x", WORD[:-1], b"x"):
        login = auth.login()
        assert login.run(mech, b"anna", wrong, verifier) == NO
        assert login.who == (b"anna", b"", b"") and login.given is None and login.text == ""


@pytest.mark.parametrize("mech", MECHS)
def test_stand_in(auth, mech):
    """A verifier that stands in for none takes the same steps, and nothing fits it: no empty password, no NULs."""
    for verifier in (b"{PLAIN}" + bytes(6), b"$5$rounds=1000$NEoEDNA9Dgqq$" + b"." * 43, scram(b"x").rsplit(b",", 2)[0] + b"," + b"A" * 43 + b"=," + b"A" * 43 + b"="):
        for word in (b"x", b"") if mech not in GIVEN else (b"x", b"A"):
            assert auth.login().run(mech, b"nobody", word, verifier) == NO


@pytest.mark.parametrize("mech", GIVEN)
@pytest.mark.parametrize("form", FORMS)
def test_octets(auth, mech, form):
    """Passwords are octets of UTF-8: spaces at either end, signs that names have, and 1024 of them."""
    words = [b" two  spaces ", b"a#b@c%d:e/f~g", bytes(range(1, 128)), "pässwörd 日本".encode()] + ([b"p" * 1024] if form != "crypt" else [b"p" * 511])
    for word in words:
        if form == "scram" and b"\1" in word:
            continue
        verifier = FORMS[form](word)
        assert auth.login().run(mech, b"anna", word, verifier) == YES, word
        assert auth.login().run(mech, b"anna", word + b"x" if len(word) < 1024 else word[:-1], verifier) == NO, word


@pytest.mark.parametrize("mech", GIVEN)
@pytest.mark.parametrize("form", FORMS)
def test_prepared(auth, mech, form):
    """However a client composes it, a password is the same (RFC 4013); one that is no UTF-8, or that no password is, is wrong."""
    word = "pässwörd ½"
    prepared = unicodedata.normalize("NFKC", word).encode()
    for kind in ("NFC", "NFD", "NFKC", "NFKD"):
        login = auth.login()
        assert login.run(mech, b"anna", unicodedata.normalize(kind, word).encode(), FORMS[form](prepared)) == YES, kind
        if form == "crypt":				# the one that another process finds right, too
            assert login.given == prepared, kind
    if form != "scram":					# made by something that does not prepare
        assert auth.login().run(mech, b"anna", word.encode(), FORMS[form](word.encode())) == YES
    for wrong in ("p\xe4ss".encode("latin-1"), b"\xff\xfe\x80", b"\xc3", "a\u2028".encode(), "\ue000".encode(), b"\xed\xa0\x80"):
        login = auth.login()
        assert login.run(mech, b"anna", wrong, FORMS[form](wrong)) == NO and login.given is None, wrong


def test_prepared_apop(auth):
    """The digest is made of the password as SASLprep has it."""
    for stored in ("pässwörd".encode(), "pa\u0308sswo\u0308rd".encode()):
        assert auth.login().run("APOP", b"anna", "pässwörd".encode(), b"{PLAIN}" + stored) == YES
    assert auth.login().run("APOP", b"anna", b"p\xe4ss", b"{PLAIN}p\xe4ss") == NO


@pytest.mark.parametrize("mech", ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-1"))
def test_authorization_identity(auth, mech):
    """Nobody acts as somebody else; his own name is none."""
    verifier = b"{PLAIN}" + WORD
    assert auth.login().run(mech, b"anna", WORD, verifier, authzid=b"anna") == YES
    for other in (b"bert", b"Anna", b"anna@example.org", b"ann"):
        login = auth.login()
        assert login.run(mech, b"anna", WORD, verifier, authzid=other) == NO and login.given is None
        assert login.who[0] == b"anna"


def test_login_with_initial(auth):
    """AUTH LOGIN with the name on its line."""
    login = auth.login()
    login.begin("LOGIN", base64.b64encode(b"anna"))
    assert login.challenge() == b"Password:"
    login.say(WORD)
    assert login.lookup()[0] == b"anna"
    login.verifier(b"{PLAIN}" + WORD)
    assert login.result() == YES


@pytest.mark.parametrize("mech", ("PLAIN", "SCRAM-SHA-256"))
def test_without_initial(auth, mech):
    """An empty challenge asks for what could have stood on the line."""
    login = auth.login()
    login.begin(mech, initial=0)
    assert login.challenge() == b""
    login.say(b"\0anna\0" + WORD if mech == "PLAIN" else b"n,,n=anna,r=abc")
    assert login.lookup()[0] == b"anna"
    login.session.close()
    assert login.result() == GONE


def test_proof(auth):
    """A password that crypt(3) found right has a proof, and with that it is right without crypt(3); nothing else is."""
    key = os.urandom(32)
    login = auth.login()
    assert login.run("USER", b"anna", WORD, FORMS["crypt"](WORD), key=key) == YES
    assert login.given == WORD
    proof = hmac.digest(key, WORD, "sha256")
    dear = b"$6$rounds=999999999$zNTBCEiTTynb.ilA$" + b"." * 86		# its computation ends the process
    for mech in GIVEN:
        login = auth.login()
        assert login.run(mech, b"anna", WORD, dear, key=key, proof=proof) == YES and login.given is None
    assert auth.login().run("USER", b"anna", WORD + b"x", FORMS["crypt"](WORD), key=key, proof=proof) == NO
    assert auth.login().run("USER", b"anna", b"x", FORMS["crypt"](b"y"), key=key, proof=hmac.digest(b"k", b"x", "sha256")) == NO
    assert auth.login().run("USER", b"anna", b"x", FORMS["crypt"](b"y"), key=key, proof=bytes(32)) == NO
    assert auth.login().run("CRAM-MD5", b"anna", WORD, FORMS["crypt"](WORD), key=key, proof=proof) == NO


@pytest.mark.parametrize("mech", ("USER", "APOP"))
def test_initial_of_commands(auth, mech):
    """Commands with arguments have no initial response, and it does not matter what a session says of it."""
    for initial in (0, 1):
        login = auth.login()
        login.begin(mech, b"anna\0" + (WORD if mech == "USER" else hashlib.md5(APOP.encode() + WORD).hexdigest().encode()), initial)
        login.lookup()
        login.verifier(b"{PLAIN}" + WORD)
        assert login.result() == YES


def test_broken(auth):
    assert auth.login().run("PLAIN", b"anna", WORD, b"$2b$31$") == BROKEN


MALFORMED_LOGINS = {
    "not-offered": ("CRAM-MD5", b"", 0, ["PLAIN"]),
    "external": (2, b"", 0, list(MECHS)),
    "no-number": (99, b"", 0, list(MECHS)),
    "no-base64": ("PLAIN", b"AGFubmE", 1, list(MECHS)),
    "star": ("PLAIN", b"*", 1, list(MECHS)),
    "eight-bit": ("PLAIN", b"\xff\xff\xff\xff", 1, list(MECHS)),
    "no-nul": ("PLAIN", base64.b64encode(b"anna"), 1, list(MECHS)),
    "one-nul": ("PLAIN", base64.b64encode(b"\0anna"), 1, list(MECHS)),
    "three-nuls": ("PLAIN", base64.b64encode(b"\0anna\0a\0b"), 1, list(MECHS)),
    "no-name": ("PLAIN", base64.b64encode(b"\0\0secret"), 1, list(MECHS)),
    "empty": ("PLAIN", b"=", 1, list(MECHS)),
    "password-1025": ("PLAIN", base64.b64encode(b"\0anna\0" + b"p" * 1025), 1, list(MECHS)),
    "longest": ("PLAIN", base64.b64encode(b"\0anna\0" + b"p" * 9210), 1, list(MECHS)),
    "user-alone": ("USER", b"anna", 1, list(MECHS)),
    "user-nothing": ("USER", b"", 0, list(MECHS)),
    "user-nul": ("USER", b"anna\0a\0b", 1, list(MECHS)),
    "user-1025": ("USER", b"anna\0" + b"p" * 1025, 1, list(MECHS)),
    "nobody": ("USER", b"\0secret", 1, list(MECHS)),
    "apop-short": ("APOP", b"anna\0" + b"0" * 31, 1, list(MECHS)),
    "apop-long": ("APOP", b"anna\0" + b"0" * 33, 1, list(MECHS)),
    "apop-no-digits": ("APOP", b"anna\0" + b"g" * 32, 1, list(MECHS)),
    "apop-alone": ("APOP", b"anna", 1, list(MECHS)),
    "cram-initial": ("CRAM-MD5", base64.b64encode(b"anna " + b"0" * 32), 1, list(MECHS)),
    "scram-binding": ("SCRAM-SHA-256", base64.b64encode(b"p=tls-unique,,n=anna,r=abc"), 1, list(MECHS)),
    "scram-no-name": ("SCRAM-SHA-256", base64.b64encode(b"n,,n=,r=abc"), 1, list(MECHS)),
    "scram-no-nonce": ("SCRAM-SHA-256", base64.b64encode(b"n,,n=anna"), 1, list(MECHS)),
    "scram-nul": ("SCRAM-SHA-256", base64.b64encode(b"n,,n=an\0na,r=abc"), 1, list(MECHS)),
}


@pytest.mark.parametrize("case", MALFORMED_LOGINS)
def test_malformed(auth, case):
    """What is no login is said in a sentence, before the master hears of an account."""
    mech, octets, initial, mechs = MALFORMED_LOGINS[case]
    login = auth.login(mechs)
    login.begin(mech, octets, initial)
    assert login.result() == MALFORMED and login.text and "secret" not in login.text and login.text.isprintable()


def test_no_timestamp(auth):
    login = auth.login(apop="")
    login.begin("APOP", b"anna\0" + b"0" * 32)
    assert login.result() == MALFORMED


@pytest.mark.parametrize("mech,steps", [("CRAM-MD5", [b"anna 00"]), ("CRAM-MD5", [b"anna"]), ("CRAM-MD5", [b" " + b"0" * 32]),
    ("CRAM-MD5", [b"an\0na " + b"0" * 32]), ("LOGIN", [b""]), ("LOGIN", [b"anna", b"a\0b"]), ("LOGIN", [b"anna", b"p" * 1025])])
def test_malformed_later(auth, mech, steps):
    login = auth.login()
    login.begin(mech, initial=0)
    for octets in steps:
        assert login.challenge() is not None
        login.say(octets)
    assert login.result() == MALFORMED and login.text


SCRAM_FINALS = {
    "empty": b"", "nothing": b"x", "no-proof": b"c=biws,r=%s", "bad-proof": b"c=biws,r=%s,p=AAAA", "short-nonce": b"c=biws,r=abc,p=AAAA",
    "other-binding": b"c=eSws,r=%s,p=" + base64.b64encode(bytes(32)), "zeroes": b"c=biws,r=%s,p=" + base64.b64encode(bytes(32)),
    "extension": b"c=biws,m=x,r=%s,p=" + base64.b64encode(bytes(32)),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("final", SCRAM_FINALS)
def test_scram_final(auth, final, form):
    """Whatever comes in place of the client's proof is verified in its turn, and wrong; no last challenge tells anything."""
    login = auth.login()
    login.begin("SCRAM-SHA-256", base64.b64encode(b"n,,n=anna,r=abc"))
    login.lookup()
    login.verifier(FORMS[form](WORD))
    first = login.challenge()
    nonce = first.split(b",")[0][2:]
    assert nonce.startswith(b"abc") and len(nonce) > 20
    login.say(SCRAM_FINALS[final].replace(b"%s", nonce))
    login.turn()
    assert login.result() == NO


def test_scram_challenge(auth):
    """Salt and iterations are the verifier's; where it has none, nobody can tell: as many as others have."""
    firsts = {}
    for form in FORMS:
        login = auth.login()
        login.run("SCRAM-SHA-256", b"anna", WORD, FORMS[form](WORD))
        firsts[form] = dict(f.split(b"=", 1) for f in login.first.split(b","))
    assert {f[b"i"] for f in firsts.values()} == {b"4096"}
    assert {len(base64.b64decode(f[b"s"])) for f in firsts.values()} == {16}
    assert firsts["scram"][b"s"] == base64.b64encode(b"0123456789abcdef")


def lie_twice(login):
    login.begin("PLAIN", initial=0)
    login.begin("PLAIN", initial=0)


def lie_late(login):
    login.begin("USER", b"anna\0x")
    login.lookup()
    login.respond(b"")


LIES = {
    "response-first": lambda l: l.respond(b""),
    "twice": lie_twice,
    "behind-the-end": lie_late,
    "initial-2": lambda l: l.begin("PLAIN", b"", 2),
    "octets-without-initial": lambda l: l.begin("PLAIN", b"AAAA", 0),
    "too-long": lambda l: l.begin("PLAIN", b"A" * 12292),
    "half-a-head": lambda l: l.auth.send(l.session, "IMSG_LOGIN_BEGIN", b"abcd"),
    "the-master's": lambda l: l.auth.send(l.session, "IMSG_AUTH_TURN", struct.pack("=I", l.number)),
    "its-own": lambda l: l.auth.send(l.session, "IMSG_LOGIN_CHALLENGE", b"AAAA"),
    "a-verifier": lambda l: l.auth.send(l.session, "IMSG_AUTH_VERIFIER", struct.pack("=II64s", l.number, 0, b"") + b"{PLAIN}x"),
    "descriptor": lambda l: l.auth.send(l.session, "IMSG_LOGIN_BEGIN", struct.pack("=II", 8, 0), 0),
    "no-message": lambda l: l.session.send(b"x" * 64),
}


@pytest.mark.parametrize("lie", LIES)
def test_lie(auth, lie):
    """A session that breaks the rules logs nobody in; the master hears that it is gone, the log why."""
    login = auth.login()
    auth.log.clear()
    LIES[lie](login)
    assert login.result() == GONE
    assert auth.log and auth.log.pop().startswith("channel to the session: ")
    assert auth.login().run("PLAIN", b"anna", WORD, b"{PLAIN}" + WORD) == YES


MASTER_LIES = {
    "verifier-first": lambda l: l.verifier(b"{PLAIN}a"),
    "turn-first": lambda l: l.auth.send(l.master, "IMSG_AUTH_TURN", struct.pack("=I", l.number)),
    "a-password": lambda l: l.auth.part(l.master, "IMSG_AUTH_START", l.number, b"{PLAIN}a"),
}


@pytest.mark.parametrize("lie", MASTER_LIES)
def test_order(auth, lie):
    login = auth.login()
    MASTER_LIES[lie](login)
    assert auth.message(login.master) is None and auth.ended(login.number) == 1
    auth.log.clear()


def test_gone(auth):
    """A session that closes its channel ahead of the verifier has not tried a password; behind it, the result comes."""
    login = auth.login()
    login.session.close()
    assert login.result() == GONE
    login = auth.login()
    login.begin("CRAM-MD5", initial=0)
    assert login.challenge()
    login.session.close()
    assert login.result() == GONE
    login = auth.login()
    login.begin("PLAIN", base64.b64encode(b"\0anna\0x"))
    login.lookup()
    login.session.close()
    assert login.result() == GONE


def test_unanswered_right(auth):
    """With SCRAM, the turn is over when the password was right, though the client stays away; nobody is logged in then."""
    login = auth.login()
    login.last = login.session.close
    assert login.run("SCRAM-SHA-256", b"anna", WORD, scram(WORD)) == GONE


def mutations(seed, count):
    """Octets like those of logins, and what random changes make of them."""
    rnd = random.Random(seed)
    seeds = [b"\0anna\0" + WORD, b"n,,n=anna,r=abc", b"anna " + b"0" * 32, b"~boss/x#anna", b"c=biws,r=abc,p=AAAA", b""]
    for _ in range(count):
        octets = bytearray(rnd.choice(seeds))
        for _ in range(rnd.randrange(4)):
            what, at = rnd.randrange(3), rnd.randrange(len(octets) + 1)
            if what == 0:
                octets[at:at] = bytes([rnd.randrange(256)])
            elif what == 1:
                del octets[at:at + rnd.randrange(4)]
            elif at < len(octets):
                octets[at] ^= 1 << rnd.randrange(8)
        octets = bytes(octets)
        yield octets if rnd.randrange(6) == 0 else base64.b64encode(octets)[:rnd.choice((99999, 99999, 99999, 5))]


@pytest.mark.parametrize("mech", MECHS)
def test_mutations(auth, mech):
    """1,000 mutations in all: each process answers and ends well, and none of these logins is right."""
    rnd = random.Random(mech)
    stream = mutations(mech, 10 ** 6)
    for _ in range(143):
        login = auth.login()
        raw = mech in ("USER", "APOP")
        if raw or rnd.randrange(2):
            login.begin(mech, next(stream).replace(b" ", b"\0") if raw else next(stream))
        else:
            login.begin(mech, initial=0)
        named = False
        while True:
            ours = auth.either(login.master, login.session)
            if ours is login.session:
                if login.challenge() is None:
                    continue
                login.respond(next(stream))
                continue
            name, data = auth.message(login.master)
            if name == "IMSG_AUTH_LOOKUP":
                assert not named
                named = True
                login.verifier(b"{PLAIN}another")
            elif name == "IMSG_AUTH_ASK":
                auth.send(login.master, "IMSG_AUTH_TURN", struct.pack("=I", login.number))
            else:
                assert name == "IMSG_AUTH_RESULT"
                assert struct.unpack("=II", data[:8])[1] in (NO, MALFORMED)
                break
        assert auth.message(login.master) is None and auth.ended(login.number) == 0
        login.master.close()
        login.session.close()
    assert not auth.log


@pytest.mark.unsanitized	# a sanitizer keeps what was freed
@pytest.mark.parametrize("mech", GIVEN)
@pytest.mark.parametrize("word", [WORD, b"wrong p4ssword"], ids=["right", "wrong"])
def test_memory(mech, word):
    """When the answer is known, the process that verified a password does not have it any more, in whatever form it came."""
    a = Auth("-K", "auth.result:1:stop")
    login = a.login()
    forms = [word, base64.b64encode(word), base64.b64encode(b"\0anna\0" + word)]
    if mech == "USER":
        login.begin(mech, b"anna\0" + word)
    elif mech == "PLAIN":
        login.begin(mech, forms[2])
    else:
        login.begin(mech, base64.b64encode(b"anna"))
        assert login.challenge()
        login.say(word)
    login.lookup()
    pid = rigs.wait_for(a.forked, "the process")
    held = rigs.memory(pid)
    assert word in held						# it is found where it is
    login.verifier(FORMS["crypt"](WORD))
    rigs.wait_for(lambda: "State:\tT" in rigs.read_proc(pid, "status"), "the process at its answer")
    held = rigs.memory(pid)
    assert not any(form in held for form in forms)
    assert word not in rigs.memory(a.process.pid)
    os.kill(pid, signal.SIGCONT)
    assert login.result() == (YES if word == WORD else NO)
    a.close()


def test_shipped():
    """The program that is installed, too."""
    a = Auth(hooks=False)
    for mech in MECHS:
        assert a.login().run(mech, b"anna", WORD, b"{PLAIN}" + WORD) == YES
    a.close()
    assert a.status == 0
