# SPDX-License-Identifier: ISC
"""SASL: challenges without end or sense, proofs that prove nothing, lists that list nothing (RFC 5034, 5802, 4616, 2195)."""
import base64
import hashlib
import hmac
import os
import re

from servers.behaviours import Endless
from servers.logins import Cancelled, NoCapa, Sasl, ntlm_challenge

from . import LF, TOKEN, add

B64 = base64.b64encode


class Ask(Sasl):
    """To AUTH LOGIN, PLAIN or CRAM-MD5: this line; the answer is refused, or there was no question."""

    def __init__(self, mech, line, capabilities=None):
        super().__init__(mech.upper(), capabilities=capabilities)
        self.line = line

    def cmd_auth(self, s, arg):
        self.tried.append(arg)
        s.send(self.line)
        if self.line[:1] == b"+":
            self.responses.append(s.readline())
        self.err(s, "login", b"[AUTH] no")


class MoreAndMore(Sasl):
    """Asks again, whatever the answer is."""

    def cmd_auth(self, s, arg):
        try:
            while True:
                self.ask(s, b"More:")
        except (Cancelled, ValueError):
            self.err(s, "login", b"cancelled")


class DeafToCancel(Sasl):
    """An unreadable challenge, and +OK to the cancellation."""

    def cmd_auth(self, s, arg):
        s.send(b"+ !!!" + LF)
        s.readline()
        self.login(s)


class ContinuesAfterEnd(Sasl):
    """A further challenge where the result is due."""

    def auth_plain(self, s, initial):
        good = super().auth_plain(s, initial)
        for _ in range(2):
            self.ask(s, b"one more thing")
        return good

    def cmd_auth(self, s, arg):
        try:
            super().cmd_auth(s, arg)
        except ValueError:
            self.err(s, "login", b"no")


class EchoesResponse(Sasl):
    """Refuses, with everything it was told in the text."""

    def err(self, s, point, text=b"no"):
        if point == "login":
            text = b"[AUTH] " + b" ".join([self.password, B64(self.password), B64(b"\0" + self.user + b"\0" + self.password)])
        super().err(s, point, text)

    def auth_plain(self, s, initial):
        super().auth_plain(s, initial)
        return False

    def auth_login(self, s, initial):
        super().auth_login(s, initial)
        return False


class Scram(Sasl):
    """SCRAM-SHA-256 with one fault."""
    iterations, salt = 4096, b"0123456789abcdef"

    def __init__(self, fault, iterations=b"4096"):
        super().__init__("SCRAM-SHA-256")
        self.fault, self.iterations = fault, iterations

    def final(self, message, s):
        """The last challenge, answered by an empty line."""
        self.wire(s, "challenge", b"+ " + B64(message) + LF)
        return s.readline() == b""

    def auth_scram_sha_256(self, s, initial):
        first = base64.b64decode(initial) if initial else self.ask(s, b"")
        bare = first.split(b",", 2)[2]
        nonce = re.search(rb"r=([^,]*)", bare).group(1) + b"SERVER" + B64(os.urandom(9))
        if self.fault == "nonce":
            nonce = (b"y" if nonce[:1] == b"x" else b"x") + nonce[1:]
        salt = b"!!!" if self.fault == "salt" else b"" if self.fault == "no-salt" else B64(self.salt)
        second = b"r=" + nonce + b",s=" + salt + b",i=" + self.iterations
        if self.fault == "extension":
            second = b"m=must," + second
        elif self.fault == "order":
            second = b"i=" + self.iterations + b",s=" + salt + b",r=" + nonce
        elif self.fault == "nul":
            second = second.replace(b",s=", b"\0,s=")
        third = self.ask(s, second)
        if self.fault == "none":
            return True				# +OK without a proof
        if self.fault == "error":
            return self.final(b"e=invalid-proof", s) and False
        salted = hashlib.pbkdf2_hmac("sha256", self.password, self.salt, int(self.iterations))
        server_key = hmac.digest(salted, b"Server Key", "sha256")
        proof = hmac.digest(server_key, bare + b"," + second + b"," + third.rsplit(b",p=", 1)[0], "sha256")
        if self.fault == "signature":
            proof = bytes(x ^ 1 for x in proof)
        elif self.fault == "signature-short":
            proof = proof[:16]
        elif self.fault == "signature-empty":
            proof = b""
        return self.final(b"v=" + B64(proof), s)


class AuthList(NoCapa):
    """Knows no CAPA; the list that AUTH alone gives is made of these octets."""

    def __init__(self, octets):
        super().__init__("PLAIN")
        self.octets = octets

    def cmd_auth(self, s, arg):
        if arg:
            return super().cmd_auth(s, arg)
        s.send(self.octets)


class AuthListEndless(Endless):
    """Knows no CAPA, and the list that AUTH alone gives never ends."""

    def __init__(self, repeat):
        super().__init__("auth", b"+OK" + LF, repeat, limit=20_000_000)

    def cmd_capa(self, s, arg):
        self.err(s, "capa", b"unknown command")


class Stripped(Sasl):
    """Under TLS the list of mechanisms is another one than in clear."""

    def capa(self, s):
        return self.capabilities + (["SASL LOGIN"] if s.tls else ["STLS", "SASL PLAIN EXTERNAL"])


class OAuth(Sasl):
    """An access token is the credential (RFC 7628, and XOAUTH2, which came before); refusals: what is said of a good one."""

    def __init__(self, mech, *refusals):
        super().__init__(mech)
        self.refusals = refusals

    def token(self, s, initial, want):
        good = (base64.b64decode(initial) if initial else self.ask(s, b"")) == want
        for text in self.refusals:
            self.ask(s, text)
        return good and not self.refusals

    def auth_xoauth2(self, s, initial):
        return self.token(s, initial, b"user=%s\1auth=Bearer %s\1\1" % (self.user, TOKEN))

    def auth_oauthbearer(self, s, initial):
        return self.token(s, initial, b"n,a=%s,\1host=%s\1port=%d\1auth=Bearer %s\1\1" % (self.user, s.server.host.encode(),
            s.server.port, TOKEN))


class Ntlm(Sasl):
    """The NTLM challenge, changed."""

    def __init__(self, change):
        super().__init__("NTLM")
        self.change = change

    def challenge(self, s):
        return self.change(ntlm_challenge())


PROOF = "^login: .*(SCRAM|did not prove|makes no sense)"


def one(name, make, outcome, words, auth):
    """With a mechanism that the record names: there is no way back to another one."""
    def honest():
        return Scram("") if auth == "scram-sha-256" else Sasl(auth.upper())
    add(name, make, outcome, words, columns={"auth": auth}, never=("user", "pass", "apop"), honest=honest)


def ask(name, mech, line, words):
    one("sasl-" + name, lambda: Ask(mech, line), "R1", "^login: .*(%s)" % words, mech)


ask("base64-text", "cram-md5", b"+ not base64!" + LF, "base64")
ask("base64-padding", "cram-md5", b"+ Zg=" + LF, "base64")
ask("base64-binary", "cram-md5", b"+ \xff\xfe\0" + LF, "base64")
ask("base64-long", "cram-md5", b"+ " + b"QUJD" * 2000 + LF, "longer than")
ask("challenge-empty", "cram-md5", b"+ " + LF, "refused")
ask("early-ok", "cram-md5", b"+OK" + LF, "before the exchange was over")
ask("early-garbage", "cram-md5", b"hello" + LF, "neither")
ask("early-err", "cram-md5", b"-ERR [SYS/TEMP] later" + LF, "later")
ask("plus-glued", "cram-md5", b"+Y2hhbGxlbmdl" + LF, "neither|base64|refused")
ask("unknown-mech", "plain", b"-ERR no such mechanism" + LF, "no such mechanism")
for mech in ("login", "cram-md5"):
    one("sasl-%s-for-ever" % mech, lambda mech=mech: MoreAndMore(mech.upper(), capabilities=["USER", "UIDL"]), "R1",
        "^login: .*goes on asking", mech)
for mech in ("plain", "login"):
    one("sasl-%s-echo" % mech, lambda mech=mech: EchoesResponse(mech.upper()), "R1", "^login: .*refused", mech)
one("sasl-deaf-to-cancel", lambda: DeafToCancel("CRAM-MD5"), "R1", "^login: .*base64", "cram-md5")
one("sasl-continues", lambda: ContinuesAfterEnd("PLAIN", capabilities=["USER", "UIDL"]), "R1",
    "^login: .*(asks for more|goes on asking)", "plain")
one("sasl-not-offered", lambda: Sasl("PLAIN"), "R1", "^login: .*does not offer", "scram-sha-256")
for name, refusal, words in (("refused", b"[AUTH] wrong", "wrong"), ("alert", b"[ALERT] call us", "call us"),
    ("sys-perm", b"[SYS/PERM] damaged", "damaged"), ("in-use", b"[IN-USE] locked", "locked")):
    ask(name, "plain", b"-ERR " + refusal + LF, words)

for fault in ("nonce", "salt", "no-salt", "extension", "order", "nul", "none", "signature", "signature-short",
    "signature-empty", "error"):
    one("scram-" + fault, lambda fault=fault: Scram(fault), "R1", PROOF, "scram-sha-256")
for name, count in {"zero": b"0", "one": b"1", "negative": b"-4096", "huge": b"2000000000", "overflow": b"4294971392",
    "words": b"many"}.items():
    one("scram-iterations-" + name, lambda count=count: Scram("none", count), "R1", "^login: .*iteration", "scram-sha-256")
one("scram-honest", lambda: Scram(""), "OK", "", "scram-sha-256")

for name, octets in {"garbage": b"\xff\0\x01" + LF + LF + b"PLAIN PLAIN PLAIN" + LF, "empty": b"",
    "lines": b"PLAIN" + LF + b"LOGIN" + LF}.items():
    add("auth-list-" + name, lambda octets=octets: AuthList(b"+OK" + LF + octets + b"." + LF), "OK")
add("auth-list-long", lambda: AuthList(b"+OK" + LF + b"X" * 5000 + LF + b"." + LF), "OK")
add("auth-list-status", lambda: AuthList(b"AUTH?" + LF), "R1", "neither")
add("auth-list-endless", lambda: AuthListEndless(b"X-NONSENSE" + LF), "R1", "does not end")
add("auth-list-endless-line", lambda: AuthListEndless(b"X"), "R1", "does not end")
add("sasl-none-known", lambda: Sasl("X-NONE", "GSSAPI", capabilities=["UIDL"]), "R1", "^login: .*no way to log in",
    never=("pass", "auth"))
add("sasl-stripped", Stripped, "OK", modes=("stls",), never=("pass",))

for name, change in {"short": lambda c: c[:20], "length": lambda c: c[:12] + b"\xff\xff\xff\xff" + c[16:],
    "offset": lambda c: c[:16] + b"\xf0\xff\xff\xff" + c[20:], "type": lambda c: c[:8] + b"\3" + c[9:],
    "empty": lambda c: b""}.items():
    one("ntlm-" + name, lambda change=change: Ntlm(change), "R1", "^login: .*NTLM", "ntlm")

JSON = b'{"status":"400","schemes":"Bearer","scope":"https://mail.example/"}'
for mech in ("XOAUTH2", "OAUTHBEARER"):
    for name, refusals, outcome, words in (("honest", (), "OK", ""), ("refused", (JSON,), "R1", "^login: .*refused.*400"),
        ("echo", (b'{"token":"' + TOKEN + b'"}',), "R1", "^login: .*refused"),
        ("binary", (bytes(range(256)),), "R1", "^login: .*refused"),
        ("for-ever", (JSON,) * 30, "R1", "^login: ")):
        add("%s-%s" % (mech.lower(), name), lambda mech=mech, refusals=refusals: OAuth(mech, *refusals), outcome, words,
            modes=("stls", "pop3s"), never=("user", "pass", "apop"), honest=lambda mech=mech: OAuth(mech),
            columns={"password": None, "token_command": "/bin/echo " + TOKEN.decode()})
