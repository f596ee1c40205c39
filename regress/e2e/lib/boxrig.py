# SPDX-License-Identifier: ISC
"""The mailbox program alone: its template and the processes that it forks, driven as the master and a session of popd would."""
import array
import ctypes
import os
import pwd
import shutil
import socket
import struct
import subprocess

from lib import rig as rigs
from lib.proto import TYPES

FD_MARK = 0x80000000
NEVER = 0xffffffff
READ, SEEN, DELETE = 1, 2, 4
ALL = READ | SEEN | DELETE
NAMES = {n: name for name, n in TYPES.items()}
USER = pwd.getpwnam("_rpopm")


def _struct(name, *fields):
    return type(name, (ctypes.Structure,), {"_fields_": [(f, t) for t, names in fields for f in names.split()]})


U32, U64 = ctypes.c_uint32, ctypes.c_uint64
Start = _struct("Start", (U32, "session rights expire must_exist detail"), (ctypes.c_char * 512, "dir"), (ctypes.c_char * 78, "field"),
    (ctypes.c_char * 330, "address"))
Opened = _struct("Opened", (U32, "messages scanned"), (U64, "octets"))
Failed = _struct("Failed", (U32, "temporary missing"), (ctypes.c_char * 256, "text"))
Result = _struct("Result", (U32, "seen deleted failed"))
Listed = _struct("Listed", (U32, "messages"), (U64, "octets"))
Message = _struct("Message", (U32, "msgno error"), (U64, "file_octets octets"))
Done = _struct("Done", (U32, "deleted failed"))
STRUCTS = {"IMSG_BOX_OPENED": Opened, "IMSG_BOX_FAILED": Failed, "IMSG_BOX_RESULT": Result, "IMSG_BOX_LISTED": Listed,
    "IMSG_BOX_MESSAGE": Message, "IMSG_BOX_DONE": Done}


def wire(octets):
    """A message as POP3 sends it, dots apart."""
    text = octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return text if text.endswith(b"\n") or not text else text + b"\r\n"


class Channel:
    """One end of a channel: messages in, messages out, descriptors with them."""

    def __init__(self, sock, log):
        self.sock, self.log, self.buffer, self.fds = sock, log, b"", []
        sock.settimeout(rigs.PATIENCE)

    def send(self, name, data=b"", fd=None):
        data = bytes(data)
        head = struct.pack("=IIII", TYPES[name], (16 + len(data)) | (FD_MARK if fd is not None else 0), 0, 0)
        rights = [] if fd is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
        self.sock.sendmsg([head + data], rights)

    def receive(self):
        """(name, struct or octets, descriptor or None), log lines kept aside; None: the end."""
        while True:
            if len(self.buffer) >= 16:
                number, length = struct.unpack("=II", self.buffer[:8])
                size = length & ~FD_MARK
                if len(self.buffer) >= size:
                    data, self.buffer = self.buffer[16:size], self.buffer[size:]
                    name = NAMES[number]
                    fd = self.fds.pop(0) if length & FD_MARK else None
                    if name == "IMSG_LOG":
                        self.log.append(data[4:].split(b"\0")[0].decode())
                        continue
                    if name in STRUCTS:
                        assert len(data) == ctypes.sizeof(STRUCTS[name])
                        data = STRUCTS[name].from_buffer_copy(data)
                    return name, data, fd
            try:
                more, rights, _, _ = self.sock.recvmsg(65536, socket.CMSG_SPACE(4))
            except ConnectionResetError:
                more, rights = b"", []
            for _, _, octets in rights:
                self.fds += array.array("i", octets[:4])
            if not more:
                return None
            self.buffer += more

    def wait(self, name):
        got = self.receive()
        assert got is not None and got[0] == name, "%r instead of %s; %r" % (got and got[0], name, self.log[-5:])
        return got[1]

    def close(self):
        self.sock.close()
        for fd in self.fds:
            os.close(fd)


class Maildir:
    """A Maildir below the mail root, of the user that all are of."""

    def __init__(self, root, path, make=True):
        self.path, self.top, self.serial = path, os.path.join(root, path), 0
        if make:
            for d in ("", "new", "cur", "tmp"):
                os.makedirs(os.path.join(self.top, d), exist_ok=True)
            while path:
                for d in ("", "new", "cur", "tmp"):
                    where = os.path.join(root, path, d)
                    if os.path.isdir(where):
                        os.chown(where, USER.pw_uid, USER.pw_gid)
                path = os.path.dirname(path)

    def add(self, content, name=None, sub="new", sizes=False):
        """A delivery, as a deliverer makes it; the path."""
        self.serial += 1
        name = name or "%d.M%dP1.host" % (1700000000 + self.serial, self.serial)
        if sizes:
            name += ",S=%d,W=%d" % (len(content), len(content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")))
        tmp = os.path.join(self.top, "tmp", "t%d" % self.serial)
        with open(tmp, "wb") as f:
            f.write(content)
        os.chown(tmp, USER.pw_uid, USER.pw_gid)
        path = os.path.join(self.top, sub, name)
        os.rename(tmp, path)
        return path

    def files(self):
        return sorted("%s/%s" % (d, n) for d in ("new", "cur") for n in os.listdir(os.path.join(self.top, d)))

    def age(self, seconds=60):
        """As if nothing had been changed for so long."""
        for d in ("new", "cur"):
            path = os.path.join(self.top, d)
            st = os.stat(path)
            os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns - seconds * 10**9))

    @property
    def index(self):
        return os.path.join(self.top, "popd.index")


class Box:
    """One process with one mailbox."""

    def __init__(self, rig, path, rights=ALL, expire=NEVER, must_exist=0, field="", address="", session=7):
        self.rig = rig
        self.id, sock = rig.fork()
        self.master = Channel(sock, rig.log)
        ours, theirs = socket.socketpair()
        self.session = Channel(ours, rig.log)
        with theirs:
            self.master.send("IMSG_BOX_START", Start(session=session, rights=rights, expire=expire, must_exist=must_exist, dir=path.encode(),
                field=field.encode(), address=address.encode()), theirs.fileno())
        self.opened = self.failed = None
        got = self.master.receive()
        if got and got[0] == "IMSG_BOX_OPENED":
            self.opened = got[1]
        elif got:
            assert got[0] == "IMSG_BOX_FAILED"
            self.failed = got[1]

    def listing(self):
        """[(octets, unique-id)], as it is sent."""
        found = []
        while True:
            name, data, _ = self.session.receive()
            if name == "IMSG_BOX_LISTED":
                assert (data.messages, data.octets) == (len(found), sum(o for o, _ in found))
                assert (self.opened.messages, self.opened.octets) == (data.messages, data.octets)
                return found
            assert name == "IMSG_BOX_ENTRIES" and 10 <= len(data) <= 16000
            while data:
                octets, n = struct.unpack("=QB", data[:9])
                assert len(data) >= 9 + n
                found.append((octets, data[9:9 + n].decode()))
                data = data[9 + n:]

    def ask(self, msgno):
        self.session.send("IMSG_BOX_FETCH", struct.pack("=I", msgno))

    def answer(self, msgno):
        """(octets of the file, Message) or (None, Message)."""
        name, m, fd = self.session.receive()
        assert name == "IMSG_BOX_MESSAGE" and m.msgno == msgno and (fd is None) == (m.error != 0)
        if fd is None:
            return None, m
        with open(fd, "rb") as f:
            data = f.read()
        assert len(data) == m.file_octets and len(wire(data)) == m.octets
        return data, m

    def fetch(self, msgno):
        self.ask(msgno)
        return self.answer(msgno)

    def name(self, what, *numbers):
        self.session.send(what, struct.pack("=%dI" % len(numbers), *numbers))

    def seen(self, *numbers):
        self.name("IMSG_BOX_SEEN", *numbers)

    def delete(self, *numbers):
        self.name("IMSG_BOX_DELETE", *numbers)

    def quit(self):
        """(deleted, failed)"""
        self.session.send("IMSG_BOX_QUIT")
        done = self.session.wait("IMSG_BOX_DONE")
        return done.deleted, done.failed

    def result(self):
        """(seen, deleted, failed), behind which the process ends well."""
        r = self.master.wait("IMSG_BOX_RESULT")
        assert self.master.receive() is None
        assert self.rig.ended(self.id) == 0
        self.close()
        return r.seen, r.deleted, r.failed

    def leave(self):
        """The session is gone without a word."""
        self.session.close()
        return self.result()

    def close(self):
        self.session.close()
        self.master.close()


class Boxes:
    """The template, with a mail root of its own."""

    def __init__(self, *options, hooks=True, root=None):
        self.own = root is None
        self.root = root or rigs.scratch("rpbox.")
        os.chown(self.root, USER.pw_uid, USER.pw_gid)
        self.log, self.last = [], 0
        sock, theirs = socket.socketpair()
        self.channel = Channel(sock, self.log)
        self.exits = {}
        with theirs:
            argv = [os.path.join(rigs.HOOKS if hooks else rigs.BUILD, "mailbox"), "-c", self.root, "-u", "_rpopm", "-v", "all", *options]
            self.process = subprocess.Popen(rigs.traced(argv), preexec_fn=lambda: os.dup2(theirs.fileno(), 3), close_fds=False,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.channel.wait("IMSG_READY")

    def maildir(self, path="example.org/anna", make=True):
        return Maildir(self.root, path, make)

    def fork(self):
        self.last += 1
        ours, theirs = socket.socketpair()
        with theirs:
            self.channel.send("IMSG_FORK", struct.pack("=I", self.last), theirs.fileno())
        return self.last, ours

    def open(self, path="example.org/anna", **options):
        return Box(self, path, **options)

    def ended(self, number):
        """How the process with this number ended: its exit status, or minus the number of the signal."""
        while number not in self.exits:
            ident, signaled, code = struct.unpack("=III", self.channel.wait("IMSG_FORK_EXIT"))
            self.exits[ident] = -code if signaled else code
        return self.exits[number]

    def close(self):
        self.channel.close()
        try:
            self.status = self.process.wait(rigs.PATIENCE)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            if self.own:
                shutil.rmtree(self.root)
