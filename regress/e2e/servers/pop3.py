# SPDX-License-Identifier: ISC
"""
A POP3 server to be told how to misbehave.  An honest one by default: class Behaviour answers each command from a small mailbox
model, and every octet it sends passes Behaviour.wire(), where subclasses (behaviours.py) cut, delay and lie.  Plain, STLS and
POP3S; every octet received is recorded, with whether it came before or after TLS.
"""
import hashlib
import re
import socket
import ssl
import struct
import threading
import time

OCTETS_MAX = 4000		# of one answer that leave singly; a flood goes on in larger pieces


class Close(Exception):
    """End this connection now."""


class Message:
    def __init__(self, uid, data):
        self.uid = uid.encode() if isinstance(uid, str) else uid
        self.data = data


class Box:
    """A mailbox: its messages, in order.  Deletion takes place at QUIT."""

    def __init__(self, messages=()):
        self.lock = threading.Lock()
        self.messages = []
        self.serial = 0
        for m in messages:
            self.add(m)

    def add(self, data, uid=None):
        with self.lock:
            self.serial += 1
            self.messages.append(Message(uid if uid is not None else "uid-%05d" % self.serial, data))

    def left(self):
        with self.lock:
            return [m.data for m in self.messages]


def stuffed(data):
    """As it goes over the wire, final dot included.  Only CRLF ends a line."""
    if data[:1] == b".":
        data = b"." + data
    data = data.replace(b"\r\n.", b"\r\n..")
    return data + (b"" if data.endswith(b"\r\n") or not data else b"\r\n") + b".\r\n"


class Behaviour:
    """Honest.  cmd_X(session, argument) answers command X; points name what is being sent, for wire()."""
    capabilities = ["TOP", "USER", "UIDL", "RESP-CODES", "PIPELINING"]
    apop = False
    cert = "good"
    user, password = b"user", b"s3cret-word"
    shutdown_wait = 300			# s; a stalled client is dropped at last

    def __init__(self):
        self.sessions = 0		# sessions begun so far

    # --- what subclasses override ---
    def wire(self, s, point, data):
        s.send(data)

    def greeting(self, s):
        return b"+OK ready" + (b" " + s.challenge if self.apop else b"") + b"\r\n"

    def hello(self, s):
        """The client is about to say its ClientHello."""

    def context(self, s, context):
        """What TLS is done with; the certificate is already in."""

    def view(self, s, messages):
        return list(messages)

    def capa(self, s):
        return self.capabilities + (["STLS"] if s.server.mode == "stls" and not s.tls else [])

    def body(self, s, n):
        return s.view[n - 1].data

    def uid(self, s, n):
        return s.view[n - 1].uid

    def listing(self, s):
        """Numbers and UIDs of UIDL, as octet lines without CRLF."""
        return [b"%d %s" % (n, self.uid(s, n)) for n in s.numbers()]

    def expunge(self, s):
        gone = [s.view[n - 1] for n in s.deleted]
        with s.box.lock:
            s.box.messages[:] = [m for m in s.box.messages if not any(m is g for g in gone)]

    # --- commands ---
    def ok(self, s, point, text=b""):
        self.wire(s, point, b"+OK" + (b" " + text if text else b"") + b"\r\n")

    def err(self, s, point, text=b"no"):
        self.wire(s, point, b"-ERR " + text + b"\r\n")

    def lines(self, s, point, lines, first=b"+OK\r\n"):
        self.wire(s, point, first + b"".join(x + b"\r\n" for x in lines) + b".\r\n")

    def cmd_capa(self, s, arg):
        self.lines(s, "capa", [c.encode() for c in self.capa(s)])

    def cmd_stls(self, s, arg):
        if s.server.mode != "stls" or s.tls:
            return self.err(s, "stls")
        self.ok(s, "stls", b"begin")
        s.handshake()

    def login(self, s):
        s.logged_in = True
        with s.box.lock:
            s.view = self.view(s, s.box.messages)
        self.ok(s, "login", b"welcome")

    def cmd_user(self, s, arg):
        s.user = arg
        self.ok(s, "user")

    def cmd_pass(self, s, arg):
        if (s.user, arg) != (self.user, self.password):
            return self.err(s, "login", b"[AUTH] wrong")
        self.login(s)

    def cmd_apop(self, s, arg):
        want = hashlib.md5(s.challenge + self.password).hexdigest().encode()
        if not self.apop or arg != self.user + b" " + want:
            return self.err(s, "login", b"[AUTH] wrong")
        self.login(s)

    def cmd_stat(self, s, arg):
        n = s.numbers()
        self.ok(s, "stat", b"%d %d" % (len(n), sum(len(s.view[i - 1].data) for i in n)))

    def cmd_list(self, s, arg):
        if arg:
            return self.ok(s, "list1", b"%s %d" % (arg, len(s.view[int(arg) - 1].data))) if s.valid(arg) else self.err(s, "list1")
        self.lines(s, "list", [b"%d %d" % (n, len(s.view[n - 1].data)) for n in s.numbers()])

    def cmd_uidl(self, s, arg):
        if arg:
            return self.ok(s, "uidl1", b"%d %s" % (int(arg), self.uid(s, int(arg)))) if s.valid(arg) else self.err(s, "uidl1")
        self.lines(s, "uidl", self.listing(s))

    def cmd_retr(self, s, arg):
        if not s.valid(arg):
            return self.err(s, "retr")
        self.wire(s, "retr", b"+OK\r\n" + stuffed(self.body(s, int(arg))))

    def cmd_top(self, s, arg):
        n, _, count = arg.partition(b" ")
        if not s.valid(n) or not count.isdigit():
            return self.err(s, "top")
        header, empty, body = self.body(s, int(n)).partition(b"\r\n\r\n")
        self.wire(s, "top", b"+OK\r\n" + stuffed(header + empty + b"".join(body.splitlines(True)[:int(count)])))

    def cmd_dele(self, s, arg):
        if not s.valid(arg):
            return self.err(s, "dele")
        s.deleted.append(int(arg))
        self.ok(s, "dele")

    def cmd_noop(self, s, arg):
        self.ok(s, "noop")

    def cmd_rset(self, s, arg):
        s.deleted = []
        self.ok(s, "rset")

    def cmd_quit(self, s, arg):
        if s.logged_in:
            self.expunge(s)
        s.server.count_out(s)       # before the answer: the client may be back before this thread is gone
        self.ok(s, "quit", b"bye")
        raise Close

    def cmd_auth(self, s, arg):
        self.err(s, "auth")

    def unknown(self, s, arg):
        self.err(s, "unknown")


NEEDS_LOGIN = {"stat", "list", "uidl", "retr", "top", "dele", "noop", "rset"}


class Session:
    def __init__(self, server, sock, number):
        self.server, self.sock, self.number = server, sock, number
        self.behaviour, self.box = server.behaviour, server.box
        self.challenge = b"<%d.%d@pop3.example>" % (number, time.time_ns())
        self.counted = 1            # among the open sessions
        self.tls = self.logged_in = False
        self.user = None
        self.view, self.deleted, self.commands = [], [], []
        self.buffer = b""
        self.clear, self.secure = bytearray(), bytearray()
        self.tls_error = None
        self.ended = threading.Event()

    def numbers(self):
        return [n for n in range(1, len(self.view) + 1) if n not in self.deleted]

    def valid(self, arg):
        return bool(re.fullmatch(rb"[0-9]{1,9}", arg)) and int(arg) in self.numbers()

    def send(self, data):
        try:
            if self.server.octets:
                for i in range(min(len(data), OCTETS_MAX)):
                    self.sock.sendall(data[i:i + 1])
                data = data[OCTETS_MAX:]
            self.sock.sendall(data)
        except OSError:
            raise Close

    def reset(self):
        """What is closed now ends with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def recv(self):
        try:
            data = self.sock.recv(65536)
        except OSError:
            raise Close
        if not data:
            raise Close
        (self.secure if self.tls else self.clear).extend(data)
        return data

    def readline(self):
        while b"\n" not in self.buffer:
            self.buffer += self.recv()
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.rstrip(b"\r")

    def handshake(self):
        self.behaviour.hello(self)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.server.pki.cert(self.behaviour.cert))
        self.behaviour.context(self, context)
        try:
            self.sock = context.wrap_socket(self.sock, server_side=True)
        except (OSError, ValueError) as e:
            self.tls_error = e
            raise Close
        self.tls = True
        self.buffer = b""

    def gone(self):
        """Wait until the client leaves (or the bound is reached), then end."""
        deadline = time.monotonic() + self.behaviour.shutdown_wait
        while time.monotonic() < deadline and not self.server.stopping:
            self.sock.settimeout(0.2)
            try:
                data = self.sock.recv(65536)
            except (TimeoutError, ssl.SSLWantReadError):
                continue
            except OSError:
                break
            if not data:
                break
            (self.secure if self.tls else self.clear).extend(data)
        raise Close

    def run(self):
        b = self.behaviour
        try:
            self.sock.settimeout(b.shutdown_wait)
            if self.server.mode == "pop3s":
                b.wire(self, "handshake", b"")
                self.handshake()
            b.wire(self, "greeting", b.greeting(self))
            while True:
                line = self.readline()
                word, _, arg = line.partition(b" ")
                name = word.decode("latin-1").lower()
                self.commands.append((name, arg))
                handler = getattr(b, "cmd_" + name, b.unknown)
                if name in NEEDS_LOGIN and not self.logged_in:
                    b.err(self, "unknown", b"not now")
                else:
                    handler(self, arg)
        except Close:
            pass
        finally:
            try:
                self.sock.close()
            except OSError:
                pass
            self.ended.set()

    def names(self):
        return [name for name, _ in self.commands]


class Pop3Server:
    """A server on a free loopback port; behaviour and box may be exchanged between sessions.  octets: one octet per segment."""

    def __init__(self, pki, behaviour=None, messages=(), mode="plain", address="127.0.0.1", port=0, octets=False):
        self.pki, self.mode, self.address, self.octets = pki, mode, address, octets
        self.behaviour = behaviour or Behaviour()
        self.box = Box(messages)
        self.sessions = []
        self.open = self.most_open = 0
        self.stopping = False
        self.lock = threading.Lock()
        self.listener = socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET,
            backlog=128, dualstack_ipv6=address == "::")
        self.port = self.listener.getsockname()[1]
        self.host = "localhost"
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        while True:
            try:
                sock, peer = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            s = Session(self, sock, len(self.sessions))
            s.peer = peer[0]
            self.behaviour.sessions += 1
            with self.lock:
                self.sessions.append(s)
                self.open += 1
                self.most_open = max(self.most_open, self.open)
            threading.Thread(target=self._serve, args=(s,), daemon=True).start()

    def _serve(self, s):
        try:
            s.run()
        finally:
            self.count_out(s)

    def count_out(self, s):
        with self.lock:
            self.open -= s.counted
            s.counted = 0

    def stop(self):
        self.stopping = True
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for s in self.sessions:
            try:
                s.sock.close()
            except OSError:
                pass

    def clear_octets(self):
        """Everything received outside TLS in all sessions."""
        return b"".join(bytes(s.clear) for s in self.sessions)

    def count(self, command):
        return sum(s.names().count(command) for s in self.sessions)

    @property
    def tls(self):
        """Value of the record's column for this server."""
        return {"plain": "none", "stls": "stls", "pop3s": "tls"}[self.mode]
