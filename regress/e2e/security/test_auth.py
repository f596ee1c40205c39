# SPDX-License-Identifier: ISC
"""
The auth program alone: each form of verifier, within the limits and the filter that a process of its own has; and what is no
question ends that process only.
"""
import base64
import hashlib
import hmac
import signal
import struct
import subprocess

import pytest

from lib import rig as rigs
from lib.authrig import BROKEN, NO, YES, Auth

WORD = "s3cret wörd".encode()


def crypt(salt, word=WORD):
    """crypt(3) by perl, of the same library."""
    return subprocess.run(["perl", "-e", "binmode STDOUT; print crypt($ARGV[0], $ARGV[1])", word, salt], check=True,
        stdout=subprocess.PIPE).stdout


def scram(word=WORD, count=4096):
    salt = b"0123456789abcdef"
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


FORMS = {
    "yescrypt": lambda: crypt("$y$j9T$leQp0ux0iOBWs9bWQX0z/0"),
    "yescrypt-8": lambda: crypt("$y$jCT$8e3QXJ8.4WchXky34wJco0"),		# 128 MiB, the most that there is room for
    "gost-yescrypt": lambda: crypt("$gy$j9T$oWlb1A45xkzCWbkiccMrD0"),
    "scrypt": lambda: crypt("$7$CU..../....gyOUTv7uK8jcOXQB5PN0P0"),		# 64 MiB
    "bcrypt": lambda: crypt("$2b$05$dOPRKCAOSb8iQQdwVk0/aO"),
    "sha512": lambda: crypt("$6$zNTBCEiTTynb.ilA"),
    "sha256": lambda: crypt("$5$NEoEDNA9DgqqleIe"),
    "plain": lambda: b"{PLAIN}" + WORD,
    "scram": scram,
    "scram-dear": lambda: scram(count=100000),
}


@pytest.mark.parametrize("form", FORMS)
def test_form(auth, form):
    verifier = FORMS[form]()
    assert [auth.verify(verifier, w) for w in (WORD, WORD + b"x", WORD[:-1], b"x", WORD + b"\0")] == [YES, NO, NO, NO, NO]


UNUSABLE = {
    "md5": b"$1$exJ1YF0i$RBRX7j5p3dlX4LWwGEqZ90", "des": b"ab/fPHBPGxU9E", "other": b"{SHA}xyz", "dollar": b"$", "nul": b"\0",
    "scram": b"{SCRAM-SHA-256}1,2,3,4", "cut": b"$2b$31$", "long": b"$y$" + b"j" * 1000,
}
if not rigs.SANITIZED:		# which needs an address space without a limit
    UNUSABLE["a-gibibyte"] = b"$y$jFT$lcL7hBflO0fXyRLXa15go1$Pz5C.HSryySUoiLlLV.Q4SenIHwf0zC8PEL.UUumjPB"


@pytest.mark.parametrize("verifier", list(UNUSABLE.values()), ids=list(UNUSABLE))
def test_broken(auth, verifier):
    """What crypt(3) cannot or may not verify, that for want of memory too: it is told apart from a wrong password, and nobody dies."""
    assert auth.verify(verifier, WORD) == BROKEN


def test_dearest(auth):
    """A hash that computes for hours is ended, and the template forks on."""
    number, sock = auth.fork()
    with sock:
        auth.part(sock, "IMSG_AUTH_START", number, b"$6$rounds=999999999$zNTBCEiTTynb.ilA$" + b"." * 86)
        auth.part(sock, "IMSG_AUTH_PASSWORD", number, WORD)
        assert auth.message(sock) is None
    assert auth.ended(number) in (-signal.SIGXCPU, -signal.SIGKILL)
    assert auth.verify(b"{PLAIN}" + WORD, WORD) == YES


def part(number, octets):
    return struct.pack("=II", number, 0) + octets


LIES = {
    "password-first": lambda n: [("IMSG_AUTH_PASSWORD", part(n, WORD))],
    "two-verifiers": lambda n: [("IMSG_AUTH_START", part(n, b"{PLAIN}a"))] * 2,
    "no-number": lambda n: [("IMSG_AUTH_START", part(0, b"{PLAIN}a"))],
    "another-number": lambda n: [("IMSG_AUTH_START", part(n, b"{PLAIN}a")), ("IMSG_AUTH_PASSWORD", part(n + 1, b"a"))],
    "no-octets": lambda n: [("IMSG_AUTH_START", part(n, b""))],
    "half-a-head": lambda n: [("IMSG_AUTH_START", b"abcd")],
    "long-verifier": lambda n: [("IMSG_AUTH_START", part(n, b"v" * 1032))],
    "long-password": lambda n: [("IMSG_AUTH_START", part(n, b"{PLAIN}a")), ("IMSG_AUTH_PASSWORD", part(n, b"p" * 1025))],
    "no-password": lambda n: [("IMSG_AUTH_START", part(n, b"{PLAIN}a")), ("IMSG_AUTH_PASSWORD", part(n, b""))],
    "another's-message": lambda n: [("IMSG_TOKEN_CREDENTIAL", part(n, b"a"))],
    "its-own": lambda n: [("IMSG_AUTH_DONE", struct.pack("=II", n, 1))],
}


@pytest.mark.parametrize("lie", LIES)
def test_lie(auth, lie):
    """Such a process says no word but to the log, and ends; the next one works."""
    number, sock = auth.fork()
    with sock:
        for name, data in LIES[lie](number):
            try:
                auth.send(sock, name, data)
            except (BrokenPipeError, ConnectionResetError):
                break
        assert auth.message(sock) is None
    assert auth.ended(number) == 1
    assert auth.log and auth.log.pop().startswith("channel to the master: ")
    assert auth.verify(b"{PLAIN}a", b"a") == YES


def test_master_gone():
    """A process whose master is gone ends, and so does the template."""
    a = Auth()
    number, sock = a.fork()
    sock.close()
    assert a.ended(number) == 0
    a.close()
    assert a.status == 0


def test_shipped():
    """The program that is installed, too."""
    a = Auth(hooks=False)
    assert [a.verify(FORMS["yescrypt"](), w) for w in (WORD, b"x")] == [YES, NO]
    a.close()
