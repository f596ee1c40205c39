# SPDX-License-Identifier: ISC
"""A POP3 client that says whatever it is told to: in clear, behind STLS, with TLS, or in segments of one octet."""
import socket
import ssl
import struct

from lib import rig as rigs

SLOW_PART = 4096		# octets of one call that go out one by one; the rest of it goes out at once
PIECE = 65536


def tls_context(pki, legacy=False):
    """What a mail program uses; legacy: one that knows TLS 1.0 and 1.1 only."""
    context = ssl.create_default_context(cafile=pki.path("ca.pem"))
    if legacy:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


class Client:
    """One connection, from an address of its own, to a port of the daemon's; what it hears is kept in `heard`."""

    def __init__(self, port, source, context, octets=False):
        self.context, self.octets = context, octets
        self.heard, self.waiting = bytearray(), bytearray()
        self.sock = socket.create_connection(("127.0.0.1", port), rigs.PATIENCE, (source, 0))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    # --- what goes out ---
    def send(self, data):
        """As many octets of it as the daemon takes before it hangs up."""
        data = data.encode() if isinstance(data, str) else data
        try:
            for i in range(min(len(data), SLOW_PART) if self.octets else 0):
                self.sock.sendall(data[i:i + 1])
            self.sock.sendall(data[SLOW_PART:] if self.octets else data)
        except (ConnectionResetError, BrokenPipeError, ssl.SSLError):
            pass

    def say(self, line):
        """A line, with its end."""
        self.send((line.encode() if isinstance(line, str) else line) + b"\r\n")

    def pour(self, data, limit):
        """Says it again and again, and reads nothing, until no octet of it goes out any more.  Returns how many went out."""
        sent = 0
        self.sock.settimeout(0)
        try:
            while sent < limit:
                sent += self.sock.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError):
            pass
        finally:
            self.sock.settimeout(rigs.PATIENCE)
        return sent

    # --- what comes back ---
    def more(self):
        """False: there is no more."""
        try:
            data = self.sock.recv(PIECE)
        except (ConnectionResetError, BrokenPipeError, ssl.SSLError):
            data = b""
        self.heard += data
        self.waiting += data
        return data != b""

    def line(self):
        """One line without its end; None: the connection has ended."""
        while b"\n" not in self.waiting:
            if not self.more():
                return None
        line, _, self.waiting = self.waiting.partition(b"\n")
        return bytes(line.removesuffix(b"\r")).decode("latin-1")

    def octet(self):
        """The next octet; None: the connection has ended."""
        if not self.waiting and not self.more():
            return None
        return self.waiting.pop(0)

    def listed(self):
        """The lines up to the one with the dot alone."""
        lines = []
        while (line := self.line()) not in (".", None):
            lines.append(line[1:] if line.startswith(".") else line)
        assert line == ".", "the end within a listing of %d lines" % len(lines)
        return lines

    def ask(self, line):
        self.say(line)
        return self.line()

    def rest(self):
        """Everything up to the end of the connection."""
        while self.more():
            pass
        rest, self.waiting = bytes(self.waiting), bytearray()
        return rest

    # --- TLS, and the end ---
    def secure(self, context=None):
        """Handshake now."""
        self.sock = (context or self.context).wrap_socket(self.sock, server_hostname="localhost")

    def finish_sending(self):
        """The client's half of the connection is closed, below TLS."""
        try:
            socket.socket.shutdown(self.sock, socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.sock.close()

    def reset(self):
        """Hangs up so that the daemon's system hears of a broken connection."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


def client_hello(context):
    """The first octets of a handshake."""
    out = ssl.MemoryBIO()
    try:
        context.wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost").do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()
