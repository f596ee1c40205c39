# SPDX-License-Identifier: ISC
"""The server's side of SASL and of access tokens over pop3.Behaviour, NTLM computed from its definition, and a name server for one address."""
import base64
import hmac
import re
import socket
import struct
import subprocess
import threading

from servers.pop3 import Behaviour


def openssl(*args, data):
    return subprocess.run(["openssl", *args, "-provider", "legacy", "-provider", "default"], input=data, check=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout


def des(key7, block):
    """One block under 56 bits of key, spread over eight octets."""
    bits = int.from_bytes(key7, "big")
    key = bytes((bits >> (49 - 7 * i) & 0x7f) << 1 for i in range(8))
    return openssl("enc", "-des-ecb", "-nopad", "-K", key.hex(), data=block)


def ntlm_v1(password, nonce):
    """The NT response: three times DES of the server's nonce under the MD4 of the password."""
    key = openssl("dgst", "-md4", "-binary", data=password.decode().encode("utf-16-le")).ljust(21, b"\0")
    return b"".join(des(key[i:i + 7], nonce) for i in (0, 7, 14))


NONCE = bytes.fromhex("0123456789abcdef")


def ntlm_challenge(domain="MAIL"):
    name = domain.encode("utf-16-le")
    head = struct.pack("<8sIHHII8s8xHHI", b"NTLMSSP", 2, len(name), len(name), 48, 0x8201, NONCE, 0, 0, 48 + len(name))
    return head + name


def ntlm_field(message, at):
    """A field of an AUTHENTICATE message by its descriptor."""
    size, _, offset = struct.unpack_from("<HHI", message, at)
    assert offset + size <= len(message)
    return message[offset:offset + size]


class Cancelled(Exception):
    pass


class Sasl(Behaviour):
    """Offers these mechanisms in CAPA; responses and the end of each exchange are kept for the test."""

    def __init__(self, *mechs, capabilities=None, refusal=b"[AUTH] wrong"):
        super().__init__()
        self.mechs, self.refusal = mechs, refusal
        self.tried, self.responses = [], []
        if capabilities is not None:
            self.capabilities = capabilities

    def capa(self, s):
        return super().capa(s) + ["SASL " + " ".join(self.mechs)]

    def ask(self, s, challenge, raw=False):
        """A challenge out, the decoded response in."""
        self.wire(s, "challenge", b"+ " + (challenge if raw else base64.b64encode(challenge)) + b"\r\n")
        line = s.readline()
        self.responses.append(line)
        if line == b"*":
            raise Cancelled
        return base64.b64decode(line, validate=True)

    def cmd_auth(self, s, arg):
        mech, _, initial = arg.partition(b" ")
        self.tried.append(mech.decode())
        if initial:
            self.responses.append(initial)
        try:
            handler = getattr(self, "auth_" + mech.decode().lower().replace("-", "_"), None)
            good = handler is not None and handler(s, initial)
        except Cancelled:
            return self.err(s, "login", b"cancelled")
        if not good:
            return self.err(s, "login", self.refusal)
        self.login(s)

    def auth_plain(self, s, initial):
        message = base64.b64decode(initial, validate=True) if initial else self.ask(s, b"")
        return message == b"\0" + self.user + b"\0" + self.password

    def auth_login(self, s, initial):
        return self.ask(s, b"Username:") == self.user and self.ask(s, b"Password:") == self.password

    def auth_cram_md5(self, s, initial):
        want = hmac.new(self.password, s.challenge, "md5").hexdigest().encode()
        return self.ask(s, s.challenge) == self.user + b" " + want

    def auth_ntlm(self, s, initial):
        negotiate = self.ask(s, b"NTLM go ahead", raw=True)
        if negotiate[:12] != b"NTLMSSP\0\1\0\0\0":
            return False
        reply = self.ask(s, self.challenge(s))
        return reply[:12] == b"NTLMSSP\0\3\0\0\0" and ntlm_field(reply, 20) == ntlm_v1(self.password, NONCE) and \
            ntlm_field(reply, 36).decode("utf-16-le").encode() == self.user and \
            ntlm_field(reply, 28).decode("utf-16-le") == "MAIL"

    auth_msn = auth_ntlm

    def challenge(self, s):
        return ntlm_challenge()


class NoCapa(Sasl):
    """Knows no CAPA; AUTH alone lists the mechanisms, or not."""

    def cmd_capa(self, s, arg):
        self.err(s, "capa", b"unknown command")

    def cmd_auth(self, s, arg):
        if arg:
            return super().cmd_auth(s, arg)
        if not self.mechs:
            return self.err(s, "auth", b"unknown command")
        self.lines(s, "auth", [m.encode() for m in self.mechs])


class Tokens(Behaviour):
    """Logs in whoever brings an access token that is in good; everything else is refused."""
    capabilities = ["TOP", "UIDL", "RESP-CODES", "PIPELINING", "SASL XOAUTH2 OAUTHBEARER"]

    def __init__(self, *good):
        super().__init__()
        self.good, self.tried = set(good), []

    def cmd_auth(self, s, arg):
        assert arg.upper() in (b"XOAUTH2", b"OAUTHBEARER")
        s.send(b"+ \r\n")
        token = re.search(rb"auth=Bearer ([^\x01]*)\x01", base64.b64decode(s.readline())).group(1).decode()
        self.tried.append(token)
        if token in self.good:
            return self.login(s)
        s.send(b"+ " + base64.b64encode(b'{"status":"401"}') + b"\r\n")
        s.readline()
        self.err(s, "login", b"[AUTH] invalid token")


class NameServer:
    """Every name has the address 127.0.0.1 and no other."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                query, peer = self.socket.recvfrom(512)
            except OSError:
                return
            end = query.index(0, 12) + 5
            kind = struct.unpack_from(">H", query, end - 4)[0]
            answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1" if kind == 1 else b""
            self.socket.sendto(query[:2] + struct.pack(">HHHHH", 0x8180, 1, 1 if answer else 0, 0, 0) + query[12:end] + answer, peer)

    def close(self):
        self.socket.close()
