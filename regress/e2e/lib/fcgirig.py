# SPDX-License-Identifier: ISC
"""
The program web alone: its listener and the requests that it forks, with this file in the place of the master, of the auth processes, of
the daemon at the control channel, and of the web server.
"""
import array
import contextlib
import ctypes
import os
import shutil
import socket
import struct
import threading
import urllib.parse

from lib import popdrig, rig as rigs
from lib.popdrig import Channel, FD_MARK, NAMES, U32, _struct
from lib.proto import TYPES

NOBODY, FORGED, ENTERED = range(3)
SERVER_ADMIN, DOMAIN_ADMIN, MODIFY, PASSWORD = 1, 2, 4, 8
TOKEN = bytes(range(32))
FORM = bytes(range(100, 132))
BYTES32 = ctypes.c_uint8 * 32
COOKIE = "__Host-rpopd=" + TOKEN.hex()

Enter = _struct("Enter", (U32, "tokens change"), (BYTES32, "token form"), (ctypes.c_char * 48, "client"))
Entered = _struct("Entered", (U32, "entry rights min_period max_records unified"), (BYTES32, "form"), (ctypes.c_char * 330, "account"),
    (ctypes.c_char * 256, "host"))
Login = _struct("Login", (U32, "mech initial"))

# types of records
BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, STDERR, DATA, GET_VALUES, VALUES, UNKNOWN = range(1, 12)


# --- the web server ---

def record(kind, content=b"", number=1, padding=0, length=None, version=1):
    return struct.pack(">BBHHBB", version, kind, number, len(content) if length is None else length, padding, 0) + content + b"p" * padding


def pair(name, value):
    def size(n):
        return bytes([n]) if n < 128 else struct.pack(">I", n | 0x80000000)
    name, value = (x if isinstance(x, bytes) else x.encode() for x in (name, value))
    return size(len(name)) + size(len(value)) + name + value


def params(path="/", method="GET", **more):
    """Parameters as a web server makes them; underscores of HTTP_ names included."""
    path, _, query = path.partition("?")
    values = {"REQUEST_METHOD": method, "REQUEST_URI": path + ("?" + query if query else ""), "QUERY_STRING": query, "SCRIPT_NAME": path,
        "HTTPS": "on", "REMOTE_ADDR": "192.0.2.7", "HTTP_HOST": "mail.example.org", "SERVER_PROTOCOL": "HTTP/1.1"}
    values.update(more)
    return b"".join(pair(k, v) for k, v in values.items() if v is not None)


def request(path="/", method="GET", body=b"", number=1, padding=0, piece=None, **more):
    """All octets of a request, in records of so many octets."""
    if method == "POST":
        more.setdefault("CONTENT_TYPE", "application/x-www-form-urlencoded")
        more.setdefault("CONTENT_LENGTH", str(len(body)))
    data = record(BEGIN, struct.pack(">HB5x", 1, 0), number, padding)
    for kind, stream in ((PARAMS, params(path, method, **more)), (STDIN, body)):
        size = piece or 65535
        for i in range(0, len(stream), size):
            data += record(kind, stream[i:i + size], number, padding)
        data += record(kind, b"", number, padding)
    return data


def form(_form=FORM, **values):
    fields = [("form", _form.hex())] if _form is not None else []
    return urllib.parse.urlencode(fields + list(values.items())).encode()


class Answer:
    """What the web server got: records, and what they say."""

    def __init__(self, data):
        self.records, self.raw = [], data
        while len(data) >= 8:
            version, kind, number, length, padding, _ = struct.unpack(">BBHHBB", data[:8])
            assert version == 1 and len(data) >= 8 + length + padding
            self.records.append((kind, number, data[8:8 + length]))
            data = data[8 + length + padding:]
        assert data == b""
        self.octets = b"".join(content for kind, _, content in self.records if kind == STDOUT)
        self.ends = [(number, struct.unpack(">IB", content[:5])) for kind, number, content in self.records if kind == END]
        self.status, self.headers, self.body = None, {}, b""
        if self.octets:
            head, self.body = self.octets.split(b"\r\n\r\n", 1)
            self.fields = [line.split(": ", 1) for line in head.decode().split("\r\n")]
            self.headers = dict(self.fields)
            self.status = int(self.headers["Status"].split()[0])
            assert len(self.fields) == len(self.headers), "a header field is there twice"

    @property
    def let_in(self):
        """It is the page itself that answers, whatever it has to say."""
        return self.status in (200, 422, 501, 503)

    @property
    def page(self):
        return self.body.decode()


# --- the master ---

class Control(threading.Thread):
    """The daemon at the control channel: answers are told by answer(name, payload), a list of (name, payload)."""

    def __init__(self, answer, told):
        super().__init__(daemon=True)
        self.sock, self.theirs = socket.socketpair()
        self.answer, self.told = answer, told

    def run(self):
        buffer = b""
        with self.sock, contextlib.suppress(ConnectionResetError, BrokenPipeError):
            while True:
                more = self.sock.recv(65536)
                if not more:
                    return
                buffer += more
                while len(buffer) >= 16:
                    kind, length, version, _ = struct.unpack("=IIII", buffer[:16])
                    if len(buffer) < length:
                        break
                    data, buffer = buffer[16:length], buffer[length:]
                    self.told.append((NAMES[kind], data))
                    for item in self.answer(NAMES[kind], data):
                        name, payload, *rest = item
                        change = rest[0] if rest else {}
                        if name is None:
                            return
                        self.sock.sendall(struct.pack("=IIII", TYPES[name], 16 + len(payload), version + change.get("version", 0), 0) +
                            payload)


def text(words):
    return words.encode().ljust(512, b"\0")


def cells(**values):
    """A row's cells: None is NULL, True a secret."""
    data = b""
    for name, value in values.items():
        kind = 0 if value is None else 4 if value is True else 1 if isinstance(value, int) else 2
        octets = b"" if value is None or value is True else str(value).encode()
        data += struct.pack("=BBH", kind, len(name), len(octets)) + name.encode() + octets
    return data


class Web:
    """The listener, and the master's view of its requests."""

    def __init__(self, *options, hooks=True):
        self.dir = rigs.scratch("rpweb.")
        os.mkdir(self.dir + "/root")
        self.path = self.dir + "/web.sock"
        self.rights, self.account, self.host = MODIFY | PASSWORD, b"anna@example.org", b"mail.example.org"
        self.answer = lambda name, data: [("IMSG_CTL_FAIL", text("nothing of that kind"))]
        self.entered = {}		# further fields of Entered
        self.deaf = False		# the master does not answer
        self.logins, self.enters, self.logouts, self.told, self.exits, self.requests = [], [], [], [], [], []
        self.password = b"s3cret"
        self.denied = "Address or password is wrong."
        self.connected, self.served = 0, 0
        self.changed = threading.Condition()
        self.process, self.channel = popdrig.start_program("web", rigs.USERS["web"], self.dir + "/root", "all", options, hooks)
        self.log = self.channel.log
        threading.Thread(target=self.run, daemon=True).start()

    def listen(self):
        with socket.socket(socket.AF_UNIX) as sock:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path)
            sock.bind(self.path)
            sock.listen(128)
            self.channel.send("IMSG_WEB_LISTEN", b"", sock.fileno())
        return self

    def run(self):
        while True:
            told = self.channel.receive()
            if told is None:
                return
            name, data, fd = told
            if name == "IMSG_WEB_REQUEST":
                channel = Channel(socket.socket(fileno=fd), self.log)
                thread = threading.Thread(target=self.serve, args=(channel,), daemon=True)
                with self.changed:
                    self.requests.append(struct.unpack("=I", data)[0])
                    self.changed.notify_all()
                thread.start()
            elif name == "IMSG_FORK_EXIT":
                with self.changed:
                    self.exits.append(struct.unpack("=III", data))
                    self.changed.notify_all()

    def serve(self, channel):
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while True:
                told = channel.receive()
                if told is None:
                    break
                self.heard(channel, *told)
        channel.close()
        with self.changed:
            self.served += 1
            self.changed.notify_all()

    def heard(self, channel, name, data, _):
        if self.deaf:
            return
        if name == "IMSG_WEB_ENTER":
            self.enter(channel, Enter.from_buffer_copy(data))
        elif name == "IMSG_WEB_BEGIN":
            self.login(channel)
        else:
            assert name == "IMSG_WEB_LOGOUT" and data == b""
            self.logouts.append(True)

    def enter(self, channel, m):
        self.enters.append(m)
        entry = NOBODY if not m.tokens or bytes(m.token) != TOKEN else FORGED if m.change and bytes(m.form) != FORM else ENTERED
        told = Entered(entry=entry, host=self.host)
        if entry != ENTERED:
            channel.send("IMSG_WEB_ENTERED", told)
            return
        told = Entered(entry=entry, host=self.host, account=self.account, rights=self.rights, min_period=300, max_records=10,
            form=BYTES32(*FORM), **self.entered)
        control = Control(self.answer, self.told)
        control.start()
        with control.theirs:
            channel.send("IMSG_WEB_ENTERED", told, control.theirs.fileno())

    def login(self, channel):
        ours, theirs = socket.socketpair()
        auth = Channel(ours, self.log)
        with theirs:
            channel.send("IMSG_WEB_AUTH", b"", theirs.fileno())
        data = auth.expect("IMSG_LOGIN_BEGIN")
        head = Login.from_buffer_copy(data)
        address, password = data[ctypes.sizeof(Login):].split(b"\0")
        self.logins.append((head.mech, head.initial, address, password))
        if password == self.password:
            channel.send("IMSG_WEB_SESSION", TOKEN)
        else:
            channel.send("IMSG_WEB_DENIED", self.denied.encode().ljust(256, b"\0"))
        auth.close()

    # --- the web server's side ---

    def connect(self):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(rigs.PATIENCE)
        sock.connect(self.path)
        self.connected += 1
        return sock

    @staticmethod
    def rest(sock):
        data = b""
        with contextlib.suppress(ConnectionResetError):
            while True:
                more = sock.recv(262144)
                if not more:
                    break
                data += more
        return data

    def raw(self, octets, end=False):
        """What comes back for these octets; end: no more of them follow.  All that the request says to the master is heard then."""
        with self.connect() as sock:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                sock.sendall(octets)
                if end:
                    sock.shutdown(socket.SHUT_WR)
            data = self.rest(sock)
        with self.changed:
            assert self.changed.wait_for(lambda: self.served == self.connected, rigs.PATIENCE)
        return data

    def ask(self, path="/", method="GET", body=b"", cookie=None, **more):
        if cookie:
            more["HTTP_COOKIE"] = cookie
        return Answer(self.raw(request(path, method, body, **more)))

    def get(self, path="/", cookie=COOKIE, **more):
        return self.ask(path, cookie=cookie, **more)

    def post(self, path, body, cookie=COOKIE, **more):
        return self.ask(path, "POST", body, cookie=cookie, **more)

    def all_ended(self):
        """Every request has ended, and with status 0."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.exits) == len(self.requests), rigs.PATIENCE), (self.requests, self.exits)
            assert all(e[1:] == (0, 0) for e in self.exits), self.exits

    def close(self):
        self.channel.sock.shutdown(socket.SHUT_RDWR)
        try:
            status = self.process.wait(rigs.PATIENCE)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait(rigs.PATIENCE)
            shutil.rmtree(self.dir)
        return status
