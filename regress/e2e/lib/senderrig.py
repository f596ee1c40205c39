# SPDX-License-Identifier: ISC
"""The sender alone: a template of the test build and its forks, told what to do as the master would; next hops are scripted."""
import array
import ctypes
import os
import select
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time

from lib import rig as rigs
from lib.proto import TYPES, WHY

FD_MARK = 0x80000000
LMTP, SMTP = 1, 2
TLS, STLS, NONE = 1, 2, 3
RESULTS = {1: "accepted", 2: "temp", 3: "perm", 4: "doubt"}


def _struct(name, *fields):
    return type(name, (ctypes.Structure,), {"_fields_": [(f, t) for t, names in fields for f in names.split()]})


U32, U64 = ctypes.c_uint32, ctypes.c_uint64
Log = _struct("Log", (U32, "level"), (ctypes.c_char * 512, "text"))
Start = _struct("Start", (U32, "id protocol tls own_ca auth xclient null_sender keep_trace timeout"),
    (ctypes.c_char * 256, "helo tls_name"), (ctypes.c_char * 513, "user"))
Mail = _struct("Mail", (U32, "id mail"), (U64, "octets"), (U32, "rcpts notify"), (ctypes.c_char * 776, "sender"),
    (ctypes.c_char * 64, "envid"), (ctypes.c_char * 48, "client"))
Rcpt = _struct("Rcpt", (U32, "id mail rcpt reserved"), (ctypes.c_char * 330, "address original"))
SentRcpt = _struct("SentRcpt", (U32, "id mail rcpt result code"), (ctypes.c_char * 12, "status"), (ctypes.c_char * 256, "text"))
SentMail = _struct("SentMail", (U32, "id mail"))
SentEnd = _struct("SentEnd", (U32, "id why temp reserved"), (ctypes.c_char * 256, "text"))
Exit = _struct("Exit", (U32, "id signaled code"))
TOLD = {"IMSG_LOG": Log, "IMSG_FORK_EXIT": Exit, "IMSG_SENT_RCPT": SentRcpt, "IMSG_SENT_MAIL": SentMail, "IMSG_SENT_END": SentEnd}
NAMES = {n: name for name, n in TYPES.items()}


class Peer(threading.Thread):
    """A next hop: script(peer) in a thread.  What it read is in transcript; an exception of its own is raised by finish()."""

    def __init__(self, sock, script):
        super().__init__(daemon=True)
        self.sock, self.script, self.error = sock, script, None
        self.buffer, self.transcript = b"", []
        self.sock.settimeout(rigs.PATIENCE)
        self.start()

    def run(self):
        try:
            self.script(self)
        except Exception as e:	# pylint: disable=broad-except
            self.error = e
        finally:
            self.sock.close()

    def say(self, *lines):
        self.sock.sendall(b"".join(line.encode("latin-1") + b"\r\n" for line in lines))

    def line(self):
        """The next line, without its end; None at the end of the connection."""
        while b"\n" not in self.buffer:
            data = self.sock.recv(65536)
            if not data:
                return None
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        assert line.endswith(b"\r"), "a bare LF: %r" % line
        self.transcript.append(line[:-1].decode("latin-1"))
        return self.transcript[-1]

    def expect(self, start, *answer):
        line = self.line()
        assert line is not None and line.startswith(start), "%r instead of %r" % (line, start)
        self.say(*answer)
        return line

    def message(self):
        """All of DATA up to the final dot, as octets, stuffed dots included."""
        while not (self.buffer.startswith(b".\r\n") or b"\r\n.\r\n" in self.buffer):
            data = self.sock.recv(65536)
            assert data, "the message has no end"
            self.buffer += data
        if self.buffer.startswith(b".\r\n"):
            self.buffer = self.buffer[3:]
            return b""
        data, self.buffer = self.buffer.split(b"\r\n.\r\n", 1)
        return data + b"\r\n"

    def secure(self, pki, cert="good"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pki.cert(cert))
        self.sock = context.wrap_socket(self.sock, server_side=True)

    def finish(self):
        self.join(rigs.PATIENCE)
        assert not self.is_alive(), "the next hop's script hangs"
        if self.error:
            raise self.error


class Sender:
    def __init__(self, pki, *options):
        self.dir = rigs.scratch("rpsend.")
        root = os.path.join(self.dir, "root")
        shutil.copytree(pki.certs, os.path.join(root, "certs"), symlinks=False)
        os.chmod(root, 0o755)
        os.chmod(os.path.join(root, "certs"), 0o755)
        self.log, self.peers, self.ids = [], [], 0
        self.channels, self.ended, self.exits = {}, set(), {}
        self.sock, theirs = socket.socketpair()
        self.buffers = {self.sock: b""}
        with theirs:
            argv = [os.path.join(rigs.HOOKS, "sender"), "-c", root, "-u", "_rpops", "-v", "all", *options]
            self.process = subprocess.Popen(argv, preexec_fn=lambda: os.dup2(theirs.fileno(), 3), close_fds=False,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        assert len(self.wait("IMSG_READY")) == 4

    def fork(self):
        """A process for one more session; its id."""
        self.ids += 1
        ours, theirs = socket.socketpair()
        self.buffers[ours], self.channels[self.ids] = b"", ours
        with theirs:
            self.send("IMSG_FORK", struct.pack("=I", self.ids), theirs.fileno(), self.sock)
        return self.ids

    def exited(self, job):
        """How its process ended: a signal's number is negative."""
        while job not in self.exits:
            assert select.select([self.sock], [], [], rigs.PATIENCE)[0] and self.read(self.sock), "no end of the process"
            self.next(self.sock)
        return self.exits[job]

    def close(self):
        for sock in self.buffers:
            sock.close()
        try:
            self.status = self.process.wait(rigs.PATIENCE)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            shutil.rmtree(self.dir)

    # --- the channel ---

    def send(self, name, data, fd, sock):
        data = bytes(data)
        head = struct.pack("=IIII", TYPES[name], (16 + len(data)) | (FD_MARK if fd is not None else 0), 0, 0)
        rights = [] if fd is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
        sock.sendmsg([head + data], rights)

    def tell(self, job, name, data=b"", fd=None):
        """To the process of a session.  One that has ended hears nothing any more."""
        try:
            self.send(name, data, fd, self.channels[job])
        except (BrokenPipeError, ConnectionResetError):
            pass

    def receive(self, timeout=rigs.PATIENCE):
        """(name, struct or octets) of the next message of any process, log lines left out; None if one is gone that has not said so."""
        deadline = time.monotonic() + timeout
        while True:
            for sock in self.buffers:
                told = self.next(sock)
                if told is not None:
                    return told
            open_ = [sock for sock in self.buffers if sock.fileno() != -1]
            ready = select.select(open_, [], [], max(0, deadline - time.monotonic()))[0]
            assert ready, "the sender says nothing"
            if not self.read(ready[0]) and ready[0] not in self.ended:
                return None

    def next(self, sock):
        """Of what was read of one process; None: there is no more but log lines and the ends of processes, which are noted."""
        while len(self.buffers[sock]) >= 16:
            number, length = struct.unpack("=II", self.buffers[sock][:8])
            if len(self.buffers[sock]) < length:
                return None
            data, self.buffers[sock] = self.buffers[sock][16:length], self.buffers[sock][length:]
            told = self.taken(sock, NAMES[number], data)
            if told is not None:
                return told
        return None

    def read(self, sock):
        """More octets of a process; False: it has closed its channel."""
        try:
            data = sock.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            sock.close()
        self.buffers[sock] += data
        return bool(data)

    def taken(self, sock, name, data):
        """A message for the caller, or None: a line of the log, or the end of a process."""
        if name in TOLD:
            assert len(data) == ctypes.sizeof(TOLD[name])
            data = TOLD[name].from_buffer_copy(data)
        if name == "IMSG_LOG":
            self.log.append(data.text.decode())
        elif name == "IMSG_FORK_EXIT":
            self.exits[data.id] = -data.code if data.signaled else data.code
        else:
            if name == "IMSG_SENT_END":
                self.ended.add(sock)
            return name, data
        return None

    def wait(self, name):
        got = self.receive()
        assert got is not None and got[0] == name, "%r instead of %s; %r" % (got and got[0], name, self.log[-5:])
        return got[1]

    # --- what the master does ---

    def open(self, script, protocol=SMTP, tls=NONE, user=None, password=b"", ca=None, **options):
        """A session with a next hop that follows script(peer); its id."""
        job = self.fork()
        ours, theirs = socket.socketpair()
        self.peers.append(Peer(theirs, script))
        values = {"timeout": int(rigs.PATIENCE * 1000), "helo": b"us.example", "tls_name": b"localhost"}
        values.update(options)
        with ours:
            self.tell(job, "IMSG_SEND_START", Start(id=job, protocol=protocol, tls=tls, auth=user is not None, user=user or b"",
                own_ca=ca is not None, **values), ours.fileno())
        if ca is not None:
            self.tell(job, "IMSG_SEND_CA", struct.pack("=II", job, 0) + ca)
        self.tell(job, "IMSG_SEND_SECRET", struct.pack("=II", job, 0) + password)
        return job

    def mail(self, job, content, *rcpts, number=1, sender=b"s@x", notify=1, skip=0, octets=None, **options):
        """Content from octet skip on goes to these recipients: "address" or ("address", "original")."""
        with tempfile.TemporaryFile() as f:
            f.write(content)
            f.seek(skip)
            self.tell(job, "IMSG_SEND_MAIL", Mail(id=job, mail=number, octets=len(content) - skip if octets is None else octets,
                rcpts=len(rcpts), notify=notify, sender=sender, **options), f.fileno())
        for i, rcpt in enumerate(rcpts):
            address, original = rcpt if isinstance(rcpt, tuple) else (rcpt, "")
            self.tell(job, "IMSG_SEND_RCPT", Rcpt(id=job, mail=number, rcpt=i, address=address.encode(), original=original.encode()))

    def quit(self, job):
        self.tell(job, "IMSG_SEND_QUIT", struct.pack("=I", job))

    def results(self):
        """[(result, code, status, text)] of one message, or those it got before its session ended; then "done" or the end."""
        told = []
        while True:
            name, m = self.receive()
            if name == "IMSG_SENT_RCPT":
                assert m.rcpt == len(told)
                told.append((RESULTS[m.result], m.code, m.status.decode(), m.text.decode()))
            elif name == "IMSG_SENT_MAIL":
                return told, "done"
            else:
                assert name == "IMSG_SENT_END"
                return told, (WHY[m.why], m.temp, m.text.decode())

    def finish(self):
        for peer in self.peers:
            peer.finish()
