# SPDX-License-Identifier: ISC
"""
A real rpopd with this file in the place of web: of the listener and of each of its requests.  The program that rpopd starts as web hands
its channel over and waits.
"""
import array
import hashlib
import os
import shutil
import socket
import struct
import threading

from lib import proto, rig as rigs
from lib.popdrig import Channel

PROGRAM = """#!/usr/bin/python3 -I
import array, os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(os.path.join(os.path.dirname(os.path.realpath(sys.argv[0])), "stage"))
s.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [3]))])
os.close(3)
s.recv(1)
"""
NOBODY, FORGED, ENTERED = range(3)
SERVER_ADMIN, DOMAIN_ADMIN, MODIFY, PASSWORD = 1, 2, 4, 8
USER = 10	# enum auth_mech
NAMES = {n: name for name, n in proto.TYPES.items()}
ADD, NEED, SET, REMOVE = range(4)
NULL, NUMBER, TEXT, BLOB, SECRET = range(5)


def pack_cells(values):
    """Cells of a dict; None is the store's NULL."""
    return b"".join(struct.pack("=BBH", NULL if v is None else TEXT, len(c), len(v or "")) + c.encode() + (v or "").encode()
        for c, v in values.items())


def cells(octets):
    """[(column, kind, value, the cell's octets)]"""
    found = []
    while octets:
        kind, column, length = struct.unpack("=BBH", octets[:4])
        whole = 4 + column + length
        found.append((octets[4:4 + column].decode(), kind, octets[4 + column:whole].decode(), octets[:whole]))
        octets = octets[whole:]
    return found


def version_of(rig):
    """What both ends of a channel compare, as the control socket tells it."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(rigs.PATIENCE)
        s.connect(os.path.join(rig.run, "rpopd.sock"))
        s.sendall(struct.pack("=IIII16s", proto.TYPES["IMSG_CTL_ROWS"], 32, 0, 0, b"domain"))
        return struct.unpack("=IIII", s.recv(16, socket.MSG_WAITALL))[2]


class Control:
    """The control channel of a request."""

    def __init__(self, fd, version):
        self.s, self.version = socket.socket(fileno=fd), version
        self.s.settimeout(rigs.PATIENCE)

    def send(self, name, payload=b"", version=None):
        self.s.sendall(struct.pack("=IIII", proto.TYPES[name], 16 + len(payload), version or self.version, 0) + payload)

    def take(self, n):
        got, ancillary = b"", []
        while len(got) < n:
            part, more, _, _ = self.s.recvmsg(n - len(got), socket.CMSG_SPACE(16))
            if not part:
                raise EOFError
            got += part
            ancillary += more
        for _, _, data in ancillary:
            for fd in array.array("i", data):
                os.close(fd)
        return got

    def answer(self):
        """(messages, last): up to the end, OK or FAIL; of these two the sentence.  None: the channel was closed."""
        found = []
        try:
            while True:
                number, size, _, _ = struct.unpack("=IIII", self.take(16))
                payload = self.take((size & 0x7fffffff) - 16)
                name = NAMES[number][len("IMSG_CTL_"):]
                if name in ("OK", "FAIL", "END"):
                    return found, (name, payload.split(b"\0")[0].decode())
                found.append((name, payload))
        except (EOFError, ConnectionResetError, BrokenPipeError):
            return None

    def ask(self, name, payload=b"", **kwargs):
        try:
            self.send(name, payload, **kwargs)
        except (BrokenPipeError, ConnectionResetError):
            return None
        return self.answer()

    def rows(self, table, **values):
        """The rows, each a list of cells; or the sentence that refuses them."""
        found, (end, text) = self.ask("IMSG_CTL_ROWS", struct.pack("16s", table.encode()) + pack_cells(values))
        return [cells(payload) for _, payload in found] if end == "END" else text

    def change(self, act, table, key, was=None, more=0, **values):
        head = struct.pack("=III16sI32s", act, more, len(key), table.encode(), was is not None, was or b"")
        payload = head + pack_cells(key) + pack_cells(values)
        if more:
            return self.send("IMSG_CTL_CHANGE", payload)
        answer = self.ask("IMSG_CTL_CHANGE", payload)
        return answer and answer[1]

    def name(self, message, name=""):
        answer = self.ask(message, struct.pack("448s", name.encode()))
        return answer and answer[1]

    def password(self, old, new, account=""):
        """Sets another password of the account, {PLAIN}."""
        verifier = b"{PLAIN}" + new.encode()
        answer = self.ask("IMSG_CTL_PASSWORD", password_head(len(old), account) + old.encode() + verifier)
        return answer and answer[1]

    def close(self):
        self.s.close()


def password_head(old, account=""):
    return struct.pack("=330sHI", account.encode(), old, 1)


def digest(row, columns):
    """What a page remembers of a row: of the cells that are columns of the table."""
    return hashlib.sha256(b"".join(octets for name, _, _, octets in row if name in columns)).digest()


class Request:
    """A request's process."""

    def __init__(self, stage):
        self.stage, self.id = stage, stage.number()
        ours, theirs = socket.socketpair()
        self.channel = Channel(ours, stage.log)
        ours.settimeout(rigs.PATIENCE)
        with theirs:
            stage.channel.send("IMSG_WEB_REQUEST", struct.pack("=I", self.id), theirs.fileno())

    def enter(self, token=None, form=None, client=b"192.0.2.7"):
        """(entry, fields, control channel or None)"""
        self.channel.send("IMSG_WEB_ENTER", struct.pack("=II32s32s48s", token is not None, form is not None, token or b"", form or b"", client))
        told = self.channel.receive()
        if told is None:
            return None
        name, data, fd = told
        assert name == "IMSG_WEB_ENTERED"
        entry, rights, min_period, max_records, is_unified = struct.unpack("=IIIII", data[:20])
        account, host = (data[52 + a:52 + b].split(b"\0")[0].decode() for a, b in ((0, 330), (330, 586)))
        fields = {"rights": rights, "min_period": min_period, "max_records": max_records, "unified": is_unified, "form": data[20:52],
            "account": account, "host": host}
        return entry, fields, None if fd is None else Control(fd, self.stage.version)

    def begin(self, client=b"192.0.2.7"):
        """The channel to an auth process, or the sentence that there is none."""
        self.channel.send("IMSG_WEB_BEGIN", struct.pack("=48s", client))
        told = self.channel.receive()
        if told is None:
            return None
        name, data, fd = told
        if name == "IMSG_WEB_DENIED":
            return data.split(b"\0")[0].decode()
        assert name == "IMSG_WEB_AUTH"
        return Channel(socket.socket(fileno=fd), self.stage.log)

    def login(self, address, password, client=b"192.0.2.7"):
        """The token, octets; or the sentence that denies it."""
        auth = self.begin(client)
        if not isinstance(auth, Channel):
            return auth
        auth.send("IMSG_LOGIN_BEGIN", struct.pack("=II", USER, 1) + address.encode() + b"\0" + password.encode())
        name, data, _ = self.channel.receive()
        auth.close()
        if name == "IMSG_WEB_SESSION":
            return data
        assert name == "IMSG_WEB_DENIED"
        return data.split(b"\0")[0].decode()

    def end(self, signaled=0, code=0):
        self.stage.channel.send("IMSG_FORK_EXIT", struct.pack("=III", self.id, signaled, code))
        self.channel.close()


class Stage:
    """rpopd with settings.web_socket, and web played here.  heard: what the listener was told."""

    def __init__(self, rig, group=None, hooks=False):
        self.rig, self.log, self.heard, self.last, self.fd = rig, [], [], 0, None
        self.dir = rigs.scratch("rpstage.")
        for name in os.listdir(rigs.HOOKS if hooks else rigs.BUILD):
            if name != "web":
                os.symlink(os.path.join(rigs.HOOKS if hooks else rigs.BUILD, name), os.path.join(self.dir, name))
        with open(os.path.join(self.dir, "web"), "w") as program:
            program.write(PROGRAM)
        os.chmod(os.path.join(self.dir, "web"), 0o755)
        self.stage = socket.socket(socket.AF_UNIX)
        self.stage.bind(os.path.join(self.dir, "stage"))
        self.stage.listen(8)
        self.stage.settimeout(rigs.PATIENCE)
        self.socket = os.path.join(rig.run, "web.sock")
        rig.settings["web_socket"] = self.socket
        if group is not None:
            rig.settings["web_group"] = group
        rig.libexec = self.dir
        self.daemon = rig.daemon = rig.start()
        self.version = version_of(rig)
        self.players = []
        self.take_part()

    def take_part(self):
        """A listener has been started: it is played from now on."""
        player, _ = self.stage.accept()
        _, ancillary, _, _ = player.recvmsg(1, socket.CMSG_SPACE(16))
        fd = array.array("i", ancillary[0][2])[0]
        self.channel = Channel(socket.socket(fileno=fd), self.log)
        self.players.append(player)
        self.channel.send("IMSG_READY", struct.pack("=I", self.version))
        threading.Thread(target=self.hear, args=(self.channel,), daemon=True).start()
        return self.channel

    def hear(self, channel):
        while (told := channel.receive()) is not None:
            name, _, fd = told
            if name == "IMSG_WEB_LISTEN":
                self.fd = fd
            self.heard.append(name)

    def told(self, name, n=1):
        rigs.wait_for(lambda: self.heard.count(name) >= n, name)

    def number(self):
        self.last += 1
        return self.last

    def request(self):
        return Request(self)

    def logged_in(self, address, password):
        """A token."""
        r = self.request()
        assert r.enter()[0] == NOBODY
        token = r.login(address, password)
        r.end()
        assert isinstance(token, bytes), token
        return token

    def form(self, token):
        r = self.request()
        entry, fields, control = r.enter(token)
        assert entry == ENTERED
        control.close()
        r.end()
        return fields["form"]

    def entry(self, token, **kwargs):
        r = self.request()
        entry, _, control = r.enter(token, **kwargs)
        if control:
            control.close()
        r.end()
        return entry

    def control(self, token, change=True):
        """The control channel of a request of this session's."""
        entry, _, control = self.request().enter(token, form=self.form(token) if change else None)
        assert entry == ENTERED
        return control

    def close(self):
        self.stage.close()
        for player in self.players:
            player.close()
        shutil.rmtree(self.dir, ignore_errors=True)
