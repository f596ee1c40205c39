# SPDX-License-Identifier: ISC
"""TLS: stripped, injected into, with the wrong certificate, the wrong version, or not there at all."""
import socket
import ssl

from servers.behaviours import Appends, Cert, PassWithoutLogin, Says, StlsInject, StlsNotOffered, StlsRefused, StlsThenClear
from servers.pop3 import Behaviour, Close

from . import LF, add

STLS = ("stls",)
TLS = ("stls", "pop3s")


class Raw(Behaviour):
    """In place of the ServerHello: these octets; then silence or the end."""

    def __init__(self, data, then_close=False):
        super().__init__()
        self.data, self.then_close = data, then_close

    def hello(self, s):
        s.recv()
        s.send(self.data)
        if self.then_close:
            raise Close
        s.gone()


class Limits(Behaviour):
    """TLS of these versions or ciphers only."""

    def __init__(self, version=None, ciphers=None):
        super().__init__()
        self.version, self.ciphers = version, ciphers

    def context(self, s, context):
        if self.version is not None:
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = context.maximum_version = self.version
        if self.ciphers is not None:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(self.ciphers)


class AsksForCertificate(Behaviour):
    """Wants a certificate of the client, which has none."""

    def context(self, s, context):
        context.load_verify_locations(s.server.pki.path("ca.pem"))
        context.verify_mode = ssl.CERT_REQUIRED


class ClearMidway(Behaviour):
    """Under TLS up to a point, then octets in clear on the same connection."""

    def __init__(self, point):
        super().__init__()
        self.point = point

    def wire(self, s, point, data):
        if point == self.point and s.tls:
            fd = s.sock.detach()
            s.sock = socket.socket(fileno=fd)
            s.sock.sendall(data)
            s.sock.settimeout(self.shutdown_wait)
            s.tls = False
            s.gone()
        s.send(data)


class OtherCapabilities(Behaviour):
    """PIPELINING is offered in clear only: what was said before TLS counts for nothing."""

    def capa(self, s):
        return ["USER", "UIDL"] if s.tls else ["USER", "UIDL", "PIPELINING", "STLS"]

    def cmd_pass(self, s, arg):
        if b"\n" in s.buffer:
            return self.err(s, "login", b"a flight without leave")
        super().cmd_pass(s, arg)


class StlsTwice(Behaviour):
    """Offers STLS again under TLS."""

    def capa(self, s):
        return self.capabilities + ["STLS"]


REFUSES = "^TLS: .*refuses STLS"
add("stls-inject", StlsInject, "R0", "^TLS: .*in clear behind", modes=STLS)
add("stls-inject-one-octet", lambda: Says("stls", b"+OK" + LF + b"+"), "R0", "^TLS: ", modes=STLS)
add("stls-refused", StlsRefused, "R0", REFUSES, modes=STLS)
add("stls-refused-busy", lambda: StlsRefused(b"-ERR [SYS/TEMP] TLS not available now" + LF), "R0", REFUSES, modes=STLS)
add("stls-garbage", lambda: StlsRefused(b"what?" + LF), "R0", "^TLS: .*neither", modes=STLS)
add("stls-tls-at-once", lambda: StlsRefused(b"\x16\x03\x03\x00\x02\x02\x00" + LF), "R0", "^TLS: .*neither", modes=STLS)
add("stls-not-offered", StlsNotOffered, "R0", REFUSES, modes=STLS)
add("stls-silent-clear", StlsThenClear, "R0", "^TLS: ", modes=STLS)
add("stls-ok-lf", lambda: StlsRefused(b"+OK\n+OK\n"), "R0", "^TLS: ", modes=STLS)
add("stls-preauth", PassWithoutLogin, "OK", modes=STLS)
add("stls-greeting-flood", lambda: Appends("greeting", b"+OK" + LF + b"+OK" + LF), "R0", "not given", modes=STLS)
add("stls-capa-flood", lambda: Appends("capa", b"+OK" + LF + b"+OK" + LF), "R0", "not given", modes=STLS)
add("stls-again", StlsTwice, "OK", modes=TLS)
add("stls-other-capabilities", OtherCapabilities, "OK", modes=STLS)

for name, words in {"expired": "expired", "future": "not yet valid", "wrongname": "not present", "unknown": "issuer",
    "selfsigned": "self.signed", "commonname": "not present", "nul": "not present|NUL|invalid|subject",
    "clientonly": "purpose|unsuitable|unsupported", "wildcard": "not present"}.items():
    add("cert-" + name, lambda name=name: Cert(name), "R0", "^TLS: .*(%s)" % words, modes=TLS,
        host=name + ".localhost" if name in ("commonname", "nul", "wildcard") else None)

for name, data in {"clear-text": b"+OK ready" + LF, "http": b"HTTP/1.1 400 Bad Request" + LF + LF, "zeros": b"\0" * 300,
    "alert": b"\x15\x03\x03\x00\x02\x02\x28", "ssl2": b"\x80\x2e\x01\x00\x02\x00\x15",
    "huge-record": b"\x16\x03\x03\xff\xff" + b"\x02" * 70000, "bad-hello": b"\x16\x03\x03\x00\x04\x02\xff\xff\xff"}.items():
    add("tls-" + name, lambda data=data: Raw(data), "R0", "^TLS: ", modes=TLS)
add("tls-alert-close", lambda: Raw(b"\x15\x03\x03\x00\x02\x02\x50", True), "R0", "^TLS: ", modes=TLS)
add("tls-1.0", lambda: Limits(ssl.TLSVersion.TLSv1), "R0", "^TLS: ", modes=TLS)
add("tls-1.1", lambda: Limits(ssl.TLSVersion.TLSv1_1), "R0", "^TLS: ", modes=TLS)
add("tls-1.2-only", lambda: Limits(ssl.TLSVersion.TLSv1_2), "OK", modes=TLS)
add("tls-1.3-only", lambda: Limits(ssl.TLSVersion.TLSv1_3), "OK", modes=TLS)
add("tls-anonymous", lambda: Limits(ciphers="aNULL:@SECLEVEL=0"), "R0", "^TLS: ", modes=TLS)
add("tls-null-cipher", lambda: Limits(ciphers="eNULL:@SECLEVEL=0"), "R0", "^TLS: ", modes=TLS)
add("tls-wants-certificate", AsksForCertificate, "R0", "TLS", modes=TLS)
for point in ("greeting", "login", "retr", "quit"):
    add("tls-clear-at-" + point, lambda point=point: ClearMidway(point),
        {"greeting": "R0", "login": "R1", "retr": "R2", "quit": "R3"}[point], "TLS",
        modes=("pop3s",) if point == "greeting" else TLS)
