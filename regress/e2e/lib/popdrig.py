# SPDX-License-Identifier: ISC
"""
popd alone: its listener and the sessions that it forks, with this file in the place of the master, of the auth processes and of the
mailboxes.  The signer and clients are real.
"""
import array
import ctypes
import os
import shutil
import socket
import ssl
import struct
import subprocess
import threading

from lib import rig as rigs
from lib.proto import TYPES

FD_MARK = 0x80000000
U32, U64 = ctypes.c_uint32, ctypes.c_uint64
NEVER = 0xffffffff
READ, SEEN, DELETE = 1, 2, 4
NONE, AUTH, IN_USE, LOGIN_DELAY, SYS_TEMP, SYS_PERM, ALERT = range(7)
ENDS = ["quit", "closed", "timeout", "abuse", "stopped", "failed", "tls"]
# enum auth_mech
MECHS = {name: i for i, name in enumerate(["AUTO", "EXTERNAL", "OAUTHBEARER", "XOAUTH2", "SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5",
    "PLAIN", "LOGIN", "USER", "APOP"], 1)}
ALL_MECHS = sum(1 << MECHS[m] for m in ("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN"))
NAMES = {n: name for name, n in TYPES.items()}


def _struct(name, *fields):
    return type(name, (ctypes.Structure,), {"_fields_": [(f, t) for t, names in fields for f in names.split()]})


Start = _struct("Start", (U32, "session clear mechs login_delay login_delay_user expire expire_user idle_timeout login_timeout"
    " session_timeout"), (ctypes.c_char * 256, "refusal host"), (ctypes.c_char * 128, "apop"))
Denied = _struct("Denied", (U32, "code"), (ctypes.c_char * 499, "text"))
Opened = _struct("Opened", (U32, "rights login_delay expire submit"))
Forked = _struct("Forked", (U32, "id listener"), (ctypes.c_char * 48, "peer local"), (U32, "peer_port"))
Listening = _struct("Listening", (U32, "id refused"), (U64, "until"), (ctypes.c_char * 256, "text"))
Kept = _struct("Kept", (U32, "id refused"), (ctypes.c_uint8 * 32, "keyid"), (ctypes.c_char * 256, "text"))
Turned = _struct("Turned", (U32, "listener limit channels at_listener at_address"), (ctypes.c_char * 48, "peer"))
End = _struct("End", (U32, "how retrieved topped deleted bad"), (ctypes.c_char * 16, "tls"), (U64, "octets_in octets_out"))
Message = _struct("Message", (U32, "msgno error"), (U64, "file_octets octets"))
Exit = _struct("Exit", (U32, "id signaled code"))


def on_the_wire(data):
    """A message as a client gets it, before dots are stuffed."""
    data = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return data if data == b"" or data.endswith(b"\n") else data + b"\r\n"


def stuffed(data):
    """What follows the reply to RETR, of a message as it is on the wire."""
    return (b"\r\n" + data).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"


class Channel:
    """One end of a channel; what arrives are (name, payload, descriptor or None), log lines aside."""

    def __init__(self, sock, log):
        self.sock, self.log, self.buffer, self.fds, self.lock = sock, log, b"", [], threading.Lock()
        self.sock.settimeout(None)	# it is a thread's, which waits as long as those do that it plays

    def send(self, name, data=b"", fd=None):
        data = bytes(data)
        head = struct.pack("=IIII", TYPES[name], (16 + len(data)) | (FD_MARK if fd is not None else 0), 0, 0)
        rights = [] if fd is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
        with self.lock:
            data = head + data
            data = data[self.sock.sendmsg([data], rights):]
            if data:
                self.sock.sendall(data)

    def receive(self):
        """The next message; None: the channel is at its end."""
        while True:
            if len(self.buffer) >= 16:
                number, length = struct.unpack("=II", self.buffer[:8])
                marked, length = length & FD_MARK, length & ~FD_MARK
                if len(self.buffer) >= length:
                    data, self.buffer = self.buffer[16:length], self.buffer[length:]
                    if NAMES[number] != "IMSG_LOG":
                        return NAMES[number], data, self.fds.pop(0) if marked else None
                    self.log.append(data[4:].split(b"\0")[0].decode())
                    continue
            try:
                more, ancillary, _, _ = self.sock.recvmsg(65536, socket.CMSG_SPACE(64))
            except (ConnectionResetError, OSError):
                more, ancillary = b"", []
            for level, kind, data in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    self.fds.extend(array.array("i", data[:len(data) - len(data) % 4]))
            if not more:
                return None
            self.buffer += more

    def expect(self, name):
        told = self.receive()
        assert told is not None and told[0] == name, "%r instead of %s; %r" % (told and told[0], name, self.log[-5:])
        return told[1]

    def close(self):
        self.sock.close()


class Mailbox(threading.Thread):
    """The process of a mailbox.  deaths: where it dies, "entries", "listed", "fetch", "quit"."""

    def __init__(self, messages, uids=None, log=None, dies=None, failed=0, sizes=None, errors=None, frame=15000):
        super().__init__(daemon=True)
        self.messages, self.dies, self.failed, self.log = messages, dies, failed, log if log is not None else []
        self.uids = uids or [b"uid-%d" % (i + 1) for i in range(len(messages))]
        self.sizes, self.errors, self.frame = sizes or {}, errors or {}, frame
        self.seen, self.deleted, self.fetched, self.quit = [], [], [], False
        ours, self.theirs = socket.socketpair()
        self.channel = Channel(ours, self.log)
        self.files, self.stopped = [], threading.Event()

    def size(self, i):
        return self.sizes.get(i, len(on_the_wire(self.messages[i])))

    def listing(self):
        packed = b""
        for i, uid in enumerate(self.uids):
            entry = struct.pack("=QB", self.size(i), len(uid)) + uid
            if len(packed) + len(entry) > self.frame:
                self.channel.send("IMSG_BOX_ENTRIES", packed)
                packed = b""
            packed += entry
        if packed:
            self.channel.send("IMSG_BOX_ENTRIES", packed)

    def run(self):
        try:
            self.serve()
        except (BrokenPipeError, ConnectionResetError):
            pass
        finally:
            self.channel.close()
            for fd in self.files:
                os.close(fd)
            self.stopped.set()

    def serve(self):
        if self.dies == "begin":
            return
        self.listing()
        if self.dies == "entries":
            return
        self.channel.send("IMSG_BOX_LISTED", struct.pack("=IIQ", len(self.messages), 0,
            sum(self.size(i) for i in range(len(self.messages)))))
        if self.dies == "listed":
            return
        while True:
            told = self.channel.receive()
            if told is None:
                return
            name, data, _ = told
            if name == "IMSG_BOX_FETCH":
                self.fetch(struct.unpack("=I", data)[0])
                if self.dies == "fetch":
                    return
            elif name == "IMSG_BOX_SEEN":
                self.seen += struct.unpack("=%dI" % (len(data) // 4), data)
            elif name == "IMSG_BOX_DELETE":
                self.deleted += struct.unpack("=%dI" % (len(data) // 4), data)
            else:
                assert name == "IMSG_BOX_QUIT"
                self.quit = True
                if self.dies == "quit":
                    return
                self.channel.send("IMSG_BOX_DONE", struct.pack("=II", len(self.deleted) - self.failed, self.failed))

    def file(self, i):
        fd = os.memfd_create("message")
        data = self.messages[i]
        while data:
            data = data[os.write(fd, data):]
        return fd, len(self.messages[i])

    def fetch(self, msgno):
        self.fetched.append(msgno)
        if self.dies == "asked":
            self.channel.sock.shutdown(socket.SHUT_RDWR)
            return
        i = msgno - 1
        if i in self.errors:
            self.channel.send("IMSG_BOX_MESSAGE", Message(msgno=msgno, error=self.errors[i]))
            return
        fd, size = self.file(i)
        self.channel.send("IMSG_BOX_MESSAGE", Message(msgno=msgno, file_octets=size, octets=len(on_the_wire(self.messages[i]))), fd)
        os.close(fd)


class Started:
    last = None


def start_program(name, user, root, level, options=(), hooks=True):
    """A child of the master's, which is ready: (process, channel)."""
    log = []
    sock, theirs = socket.socketpair()
    with theirs:
        argv = [os.path.join(rigs.HOOKS if hooks else rigs.BUILD, name), "-c", root, "-u", user, "-v", level, *options]
        process = subprocess.Popen(rigs.traced(argv), preexec_fn=lambda: os.dup2(theirs.fileno(), 3), close_fds=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    Started.last = process
    channel = Channel(sock, log)
    sock.settimeout(rigs.PATIENCE)
    channel.expect("IMSG_READY")
    sock.settimeout(None)
    return process, channel


class Signer:
    """The signer, with this file in the place of the master."""

    def __init__(self, *options, hooks=True, level="all"):
        self.dir = rigs.scratch("rpsign.")
        self.numbers, self.lock = 0, threading.Lock()
        self.process, self.channel = start_program("signer", rigs.USERS["signer"], self.dir, level, options, hooks)
        self.log = self.channel.log
        self.channel.sock.settimeout(rigs.PATIENCE)

    def give(self, listener, key, pieces=1000, octets=None):
        """A key, in PEM; returns what came of it."""
        with self.lock:
            self.numbers += 1
            for i in range(0, len(key), pieces):
                self.channel.send("IMSG_SIGN_PEM", struct.pack("=II", self.numbers, 0) + key[i:i + pieces])
            self.channel.send("IMSG_SIGN_KEY", struct.pack("=III", self.numbers, listener, len(key) if octets is None else octets))
            told = Kept.from_buffer_copy(self.channel.expect("IMSG_SIGN_KEPT"))
        assert told.id == self.numbers and bool(told.refused) == bool(told.text)
        return told

    def forget(self, number):
        self.channel.send("IMSG_SIGN_FORGET", struct.pack("=I", number))

    def session(self, listener):
        """A session's end of a channel, a socket."""
        ours, theirs = socket.socketpair()
        with theirs:
            self.channel.send("IMSG_SIGN_SESSION", struct.pack("=I", listener), theirs.fileno())
        return ours

    def kill(self):
        self.process.kill()
        self.process.wait(rigs.PATIENCE)

    def close(self):
        self.channel.close()
        try:
            status = self.process.wait(rigs.PATIENCE)
        finally:
            if self.process.poll() is None:
                self.kill()
            shutil.rmtree(self.dir)
        return status


class Session:
    """The master's view of one session, in a thread: it starts it, and answers its logins as told."""

    def __init__(self, popd, told, fd):
        self.popd, self.id, self.peer = popd, told.id, told
        self.channel = Channel(socket.socket(fileno=fd), popd.log)
        self.secure, self.alerted, self.end, self.logins, self.began = 0, 0, None, [], []
        self.over = threading.Event()
        self.auth = None
        self.thread = threading.Thread(target=self.run, daemon=True)

    def begin(self):
        values = dict(session=self.id, clear=1, mechs=ALL_MECHS, expire=NEVER, idle_timeout=600000, login_timeout=600000,
            session_timeout=6000000, host=b"pop.example.org")
        values.update(self.popd.start)
        self.channel.send("IMSG_POP_START", Start(**values))
        self.thread.start()

    def run(self):
        try:
            while True:
                told = self.channel.receive()
                if told is None:
                    break
                try:
                    self.heard(*told)
                except (BrokenPipeError, ConnectionResetError):
                    pass		# what it said ahead of its end is yet to be read
        finally:
            if self.auth:
                self.auth.close()
            self.channel.close()
            self.over.set()

    def heard(self, name, data, _):
        if name == "IMSG_POP_SIGN":
            self.sign()
        elif name == "IMSG_POP_SECURE":
            self.secure += 1
        elif name == "IMSG_POP_ALERTED":
            self.alerted += 1
        elif name == "IMSG_POP_XMIT":
            self.popd.xmit(self)
        elif name == "IMSG_POP_END":
            self.end = End.from_buffer_copy(data)
        else:
            assert name == "IMSG_POP_LOGIN"
            self.logins.append(struct.unpack("=I", data)[0])
            self.popd.login(self)

    def sign(self):
        signer = self.popd.signer
        if signer is None or signer.process.poll() is not None:
            self.channel.send("IMSG_POP_SIGNER")
            return
        with signer.session(self.peer.listener) as ours:
            self.channel.send("IMSG_POP_SIGNER", b"", ours.fileno())

    def denied(self, code, text=b""):
        self.channel.send("IMSG_POP_DENIED", Denied(code=code, text=text))

    def give_auth(self):
        """An auth process; returns (mechanism, initial, octets) of LOGIN_BEGIN."""
        ours, theirs = socket.socketpair()
        self.auth = Channel(ours, self.popd.log)
        with theirs:
            self.channel.send("IMSG_POP_AUTH", b"", theirs.fileno())
        told = self.auth.receive()
        if told is None:
            return None
        assert told[0] == "IMSG_LOGIN_BEGIN"
        mech, initial = struct.unpack("=II", told[1][:8])
        self.began.append((mech, initial, told[1][8:]))
        return self.began[-1]

    def open(self, box, rights=READ | SEEN | DELETE, login_delay=0, expire=NEVER):
        if self.auth:
            self.auth.close()
            self.auth = None
        try:
            with box.theirs:
                self.channel.send("IMSG_POP_OPENED", Opened(rights=rights, login_delay=login_delay, expire=expire,
                    submit=self.popd.submit), box.theirs.fileno())
        finally:
            box.start()			# one that nobody was told of is at its end at once


class Client:
    """A client of the server, raw."""

    def __init__(self, sock):
        self.sock, self.buffer = sock, b""
        self.sock.settimeout(rigs.PATIENCE)

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode("latin-1"))

    def more(self):
        try:
            data = self.sock.recv(262144)
        except (ConnectionResetError, BrokenPipeError, ssl.SSLError):
            data = b""
        self.buffer += data
        return bool(data)

    def line(self):
        """The next line without its CRLF; None at the end."""
        while b"\r\n" not in self.buffer:
            if not self.more():
                return None
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line.decode("latin-1")

    def exactly(self, n):
        """So many octets, or those up to the end."""
        data = bytearray(self.buffer)
        self.buffer = b""
        while len(data) < n and self.more():
            data += self.buffer
            self.buffer = b""
        data, self.buffer = bytes(data[:n]), bytes(data[n:])
        return data

    def body(self):
        """A reply's further lines, as they came, with the one that ends them."""
        at = 0
        while True:
            if self.buffer.startswith(b".\r\n"):
                end = 3
                break
            end = self.buffer.find(b"\r\n.\r\n", max(0, at - 5))
            if end != -1:
                end += 5
                break
            at = len(self.buffer)
            assert self.more(), "the reply has no end: %r" % self.buffer[-200:]
        data, self.buffer = self.buffer[:end], self.buffer[end:]
        return data

    def listed(self):
        return self.body().decode("latin-1").split("\r\n")[:-2]

    def ask(self, command):
        self.send(command + "\r\n")
        return self.line()

    def rest(self):
        """Everything up to the end of the connection."""
        while self.more():
            pass
        data, self.buffer = self.buffer, b""
        return data

    def secure(self, context=None):
        self.sock = (context or tls_context()).wrap_socket(self.sock, suppress_ragged_eofs=False)

    def close(self):
        self.sock.close()


def tls_context(**options):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for name, value in options.items():
        setattr(context, name, value)
    return context


def last_status():
    """How the program that was started last has ended."""
    return Started.last.wait(rigs.PATIENCE)


class Popd:
    """start: members of POP_START that differ; login(session): what the master does with a login."""

    def __init__(self, *options, hooks=True, level="all", channels=1000, per_address=1000, **start):
        self.dir = rigs.scratch("rppopd.")
        self.sessions, self.turned, self.answers, self.exits = [], [], [], {}
        self.start, self.boxes, self.messages, self.rights = start, [], [], READ | SEEN | DELETE
        self.box_options, self.changed = {}, threading.Condition()
        self.hold = False	# sessions are not begun
        self.submit, self.xmit = 0, None	# 1: clients may send, which xmit(session) answers
        self.signer = None	# started for the first key
        self.process, self.channel = start_program("popd", "_rpopl", self.dir, level, options, hooks)
        self.log = self.channel.log
        self.limits(channels, per_address)
        self.login = self.accept
        self.listening = {}
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            told = self.channel.receive()
            if told is None:
                return
            name, data, fd = told
            with self.changed:
                if name == "IMSG_POP_SESSION":
                    session = Session(self, Forked.from_buffer_copy(data), fd)
                    self.sessions.append(session)
                    if not self.hold:
                        session.begin()
                elif name == "IMSG_POP_TURNED":
                    self.turned.append(Turned.from_buffer_copy(data))
                elif name == "IMSG_POP_LISTENING":
                    self.answers.append(Listening.from_buffer_copy(data))
                else:
                    assert name == "IMSG_FORK_EXIT"
                    m = Exit.from_buffer_copy(data)
                    self.exits[m.id] = -m.code if m.signaled else m.code
                self.changed.notify_all()

    # --- the master ---

    def limits(self, channels, per_address):
        self.channel.send("IMSG_POP_LIMITS", struct.pack("=II", channels, per_address))

    def listen(self, ident=1, tls=False, pem=None, channels=1000, address="127.0.0.1", family=socket.AF_INET, pieces=1000):
        """A listener; pem: (file of the chain, file of the key).  Returns its address."""
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, 0))
        sock.listen(200)
        octets, keyid = self.chain(ident, ident, pem, pieces) if pem else (0, bytes(32))
        self.listening[ident] = (sock.getsockname(), family)
        with sock:
            self.channel.send("IMSG_POP_LISTEN", struct.pack("=IIII", ident, int(tls), channels, octets) + keyid, sock.fileno())
        return self.listening[ident][0]

    def certificate(self, ident, listener, pem):
        """A further certificate of a listener, with a number of its own; returns why it was refused, empty: it was taken."""
        octets, keyid = self.chain(ident, listener, pem)
        self.channel.send("IMSG_POP_CERTIFICATE", struct.pack("=III", ident, listener, octets) + keyid)
        return self.answer(ident)

    def chain(self, ident, listener, pem, pieces=1000):
        """Sends (file of the chain, file of the key): the octets of the former, and the name of the latter."""
        with open(pem[0], "rb") as f:
            chain = f.read()
        keyid = self.key(listener, pem[1], pieces)
        for i in range(0, len(chain), pieces):
            self.channel.send("IMSG_POP_CHAIN", struct.pack("=II", ident, 0) + chain[i:i + pieces])
        return len(chain), keyid

    def key(self, ident, path, pieces=1000):
        """Gives a listener's key to the signer; returns its name, of zeros for one that is refused."""
        if self.signer is None:
            self.signer = Signer()
        with open(path, "rb") as f:
            return bytes(self.signer.give(ident, f.read(), pieces).keyid)

    def answer(self, ident):
        """Why the last POP_LISTEN or POP_CERTIFICATE was refused; empty: it was taken."""
        self.wait(lambda: self.answers and self.answers[-1].id == ident, "the answer of listener %d" % ident)
        told = self.told = self.answers.pop()
        assert bool(told.refused) == bool(told.text)
        return told.text.decode()

    def unlisten(self, ident=1):
        self.channel.send("IMSG_POP_UNLISTEN", struct.pack("=I", ident))

    def wait(self, condition, what):
        with self.changed:
            assert self.changed.wait_for(condition, rigs.PATIENCE), "waited in vain for %s: %r" % (what, self.log[-5:])
        return condition()

    def accept(self, session):
        """Anybody may log in, and has the messages of this server; a password "wrong" is."""
        began = session.give_auth()
        if began is None:
            return
        if began[0] == MECHS["USER"] and began[2].endswith(b"\0wrong"):
            session.denied(AUTH, b"wrong name or password")
            return
        self.opened(session)

    def opened(self, session):
        box = Mailbox(self.messages, log=self.log, **self.box_options)
        with self.changed:
            self.boxes.append(box)
            self.changed.notify_all()
        session.open(box, self.rights)

    # --- clients ---

    def connect(self, ident=1, source=None):
        address, family = self.listening[ident]
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.settimeout(rigs.PATIENCE)
        if source:
            sock.bind((source, 0))
        sock.connect(address)
        return Client(sock)

    def client(self, ident=1, login=False, tls=False):
        """A client that was greeted, and is logged in if that is wanted."""
        c = self.connect(ident)
        if tls:
            c.secure()
        assert c.line().startswith("+OK ")
        if login:
            assert c.ask("USER anna").startswith("+OK")
            assert c.ask("PASS secret").startswith("+OK")
        return c

    def ended(self, number=0):
        """How a session ended, as it said itself, and that its process ended well."""
        self.wait(lambda: len(self.sessions) > number, "session %d" % number)
        session = self.sessions[number]
        assert session.over.wait(rigs.PATIENCE), "session %d does not end" % number
        self.wait(lambda: session.id in self.exits, "the end of the process")
        assert self.exits[session.id] == 0
        assert session.end is not None, "it ended without a word: %r" % self.log[-5:]
        return ENDS[session.end.how]

    def logged(self, text):
        """Waits for a line of the log."""
        rigs.wait_for(lambda: any(text in line for line in list(self.log)), "a line of the log: " + text)

    def pid(self, number=-1):
        """The process of a session."""
        pids = [int(p) for p in os.listdir("/proc") if p.isdigit() and rigs.parent_of(int(p)) == self.process.pid]
        return sorted(pids)[number]

    def close(self):
        for session in self.sessions:
            if not session.over.is_set():
                try:
                    session.channel.sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.channel.sock.shutdown(socket.SHUT_RDWR)
        try:
            self.status = self.process.wait(rigs.PATIENCE)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.thread.join(rigs.PATIENCE)
            self.channel.close()
            shutil.rmtree(self.dir)
            if self.signer:
                self.signer.close()
        assert self.status == 0, "the listener ended with %d: %r" % (self.status, self.log[-5:])
