# SPDX-License-Identifier: ISC
"""The auth program alone: its template and the processes that it forks, asked as the master and a session of popd would ask them."""
import array
import base64
import hashlib
import hmac
import os
import select
import shutil
import socket
import struct
import subprocess

from lib import rig as rigs
from lib.proto import TYPES

FD_MARK = 0x80000000
NO, YES, BROKEN, MALFORMED, GONE = range(5)
MECHS = {"SCRAM-SHA-256": 5, "SCRAM-SHA-1": 6, "CRAM-MD5": 7, "PLAIN": 8, "LOGIN": 9, "USER": 10, "APOP": 11}	# enum auth_mech
APOP = "<1896.697170952@pop.example.org>"
NAMES = {n: name for name, n in TYPES.items()}


class Auth:
    def __init__(self, *options, hooks=True):
        self.dir = rigs.scratch("rpauth.")
        self.log, self.last, self.buffers = [], 0, {}
        self.sock, theirs = socket.socketpair()
        self.sock.settimeout(rigs.PATIENCE)
        with theirs:
            argv = [os.path.join(rigs.HOOKS if hooks else rigs.BUILD, "auth"), "-c", self.dir, "-u", "_rpopa", "-v", "all", *options]
            self.process = subprocess.Popen(rigs.traced(argv), preexec_fn=lambda: os.dup2(theirs.fileno(), 3), close_fds=False,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert self.message(self.sock)[0] == "IMSG_READY"

    def send(self, sock, name, data, fd=None):
        head = struct.pack("=IIII", TYPES[name], (16 + len(data)) | (FD_MARK if fd is not None else 0), 0, 0)
        rights = [] if fd is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
        sock.sendmsg([head + data], rights)

    def message(self, sock):
        """(name, payload) of the next message, log lines kept aside; None: the channel is at its end."""
        while True:
            data = self.buffers.get(sock, b"")
            if len(data) >= 16 and len(data) >= struct.unpack("=I", data[4:8])[0]:
                number, length = struct.unpack("=II", data[:8])
                self.buffers[sock] = data[length:]
                if NAMES[number] != "IMSG_LOG":
                    return NAMES[number], data[16:length]
                self.log.append(data[20:length].split(b"\0")[0].decode())
                continue
            try:
                more = sock.recv(65536)
            except ConnectionResetError:
                more = b""
            if not more:
                return None
            self.buffers[sock] = data + more

    def fork(self):
        """(id, channel) of a fresh process."""
        self.last += 1
        ours, theirs = socket.socketpair()
        ours.settimeout(rigs.PATIENCE)
        with theirs:
            self.send(self.sock, "IMSG_FORK", struct.pack("=I", self.last), theirs.fileno())
        return self.last, ours

    def forked(self):
        """The process id of the only process that was forked and lives; None: it is not there yet."""
        for pid in (int(p) for p in os.listdir("/proc") if p.isdigit()):
            if rigs.parent_of(pid) == self.process.pid and "Seccomp_filters:\t2" in rigs.read_proc(pid, "status"):
                return pid
        return None

    def ended(self, number):
        """How the process with this number ended: its exit status, or minus the number of the signal."""
        name, data = self.message(self.sock)
        ident, signaled, code = struct.unpack("=III", data)
        assert (name, ident) == ("IMSG_FORK_EXIT", number)
        return -code if signaled else code

    def part(self, sock, name, number, octets):
        self.send(sock, name, struct.pack("=II", number, 0) + octets)

    def verify(self, verifier, password):
        """What a fresh process says of a password, and that it has ended well then."""
        number, sock = self.fork()
        with sock:
            self.part(sock, "IMSG_AUTH_START", number, verifier)
            self.part(sock, "IMSG_AUTH_PASSWORD", number, password)
            name, data = self.message(sock)
            assert name == "IMSG_AUTH_DONE" and self.message(sock) is None
        ident, verdict = struct.unpack("=II", data)
        assert ident == number and self.ended(number) == 0
        return verdict

    def either(self, *socks):
        """Which of these has something to read, its end included."""
        for sock in socks:
            if self.buffers.get(sock):
                return sock
        ready, _, _ = select.select(socks, [], [], rigs.PATIENCE)
        assert ready
        return ready[0]

    def login(self, mechs=MECHS, apop=APOP):
        return Login(self, mechs, apop)

    def close(self):
        self.sock.close()
        try:
            self.status = self.process.wait(rigs.PATIENCE)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            shutil.rmtree(self.dir)


class Login:
    """A login at popd: this side is its master and its session."""
    def __init__(self, auth, mechs, apop):
        self.auth = auth
        self.number, self.master = auth.fork()
        self.session, theirs = socket.socketpair()
        self.session.settimeout(rigs.PATIENCE)
        theirs.setblocking(False)
        with theirs:
            auth.send(self.master, "IMSG_AUTH_LOGIN", struct.pack("=II256s128s", self.number, sum(1 << MECHS[m] for m in mechs),
                b"pop.example.org", apop.encode()), theirs.fileno())

    def begin(self, mech, octets=b"", initial=1):
        self.auth.send(self.session, "IMSG_LOGIN_BEGIN", struct.pack("=II", MECHS.get(mech, mech), initial) + octets)

    def respond(self, octets):
        self.auth.send(self.session, "IMSG_LOGIN_RESPONSE", octets)

    def say(self, octets):
        self.respond(base64.b64encode(octets))

    def last(self):
        """The client has heard that it was right."""
        self.respond(b"")

    def challenge(self):
        """What the session is to send, without base64; None: the channel is at its end."""
        m = self.auth.message(self.session)
        if m is None:
            return None
        assert m[0] == "IMSG_LOGIN_CHALLENGE"
        return base64.b64decode(m[1], validate=True)

    def heard(self, name):
        """The payload of the master's next message, which is of this name."""
        m = self.auth.message(self.master)
        assert m is not None and m[0] == name, m
        return m[1]

    def lookup(self):
        """(account, mailbox, owner)"""
        number, self.mech, account, mailbox, owner = struct.unpack("=II330s128s330s", self.heard("IMSG_AUTH_LOOKUP"))
        assert number == self.number
        return tuple(x.split(b"\0")[0] for x in (account, mailbox, owner))

    def verifier(self, octets, key=b"k" * 32, proof=None):
        self.auth.send(self.master, "IMSG_AUTH_VERIFIER", struct.pack("=II32s32s", self.number, proof is not None, key, proof or b"") + octets)

    def turn(self):
        assert struct.unpack("=I", self.heard("IMSG_AUTH_ASK"))[0] == self.number
        self.auth.send(self.master, "IMSG_AUTH_TURN", struct.pack("=I", self.number))

    def result(self):
        """The verdict; the process has ended well then.  self.given, self.text: what came with it."""
        name, data = self.auth.message(self.master)
        self.given = None
        if name == "IMSG_AUTH_GIVEN":
            self.given = data[8:]
            name, data = self.auth.message(self.master)
        number, verdict, _, _, text = struct.unpack("=IIII256s", data)
        assert name == "IMSG_AUTH_RESULT"
        assert number == self.number and self.auth.message(self.master) is None and self.auth.ended(self.number) == 0
        self.text = text.split(b"\0")[0].decode()
        self.master.close()
        self.session.close()
        return verdict

    def run(self, mech, name, password, verifier, authzid=b"", **proof):
        """A whole login as a client would do it that has this name and password.  The verdict; self.who is what was asked for."""
        return CLIENTS[mech](self, mech, name, password, verifier, authzid, **proof)


def client_user(login, mech, name, password, verifier, authzid, **proof):
    login.begin(mech, name + b"\0" + password)
    return client_end(login, verifier, **proof)


def client_apop(login, mech, name, password, verifier, authzid, **proof):
    login.begin(mech, name + b"\0" + hashlib.md5(APOP.encode() + password).hexdigest().encode())
    return client_end(login, verifier, **proof)


def client_plain(login, mech, name, password, verifier, authzid, **proof):
    login.begin(mech, base64.b64encode(b"\0".join((authzid, name, password))))
    return client_end(login, verifier, **proof)


def client_login(login, mech, name, password, verifier, authzid, **proof):
    login.begin(mech, initial=0)
    for octets in (name, password):
        assert login.challenge()
        login.say(octets)
    return client_end(login, verifier, **proof)


def client_cram(login, mech, name, password, verifier, authzid, **proof):
    login.begin(mech, initial=0)
    login.say(name + b" " + hmac.new(password, login.challenge(), "md5").hexdigest().encode())
    return client_end(login, verifier, **proof)


def client_end(login, verifier, **proof):
    login.who = login.lookup()
    login.verifier(verifier, **proof)
    return login.result()


def client_scram(login, mech, name, password, verifier, authzid, **proof):
    digest = mech[6:].replace("-", "").lower()
    head = b"n," + (b"a=" + authzid if authzid else b"") + b","
    bare = b"n=" + name.replace(b"=", b"=3D").replace(b",", b"=2C") + b",r=rOprNGfwEbeRWgbNEkqO"
    login.begin(mech, base64.b64encode(head + bare))
    login.who = login.lookup()
    login.verifier(verifier, **proof)
    login.first = first = login.challenge()
    fields = dict(f.split(b"=", 1) for f in first.split(b","))
    salted = hashlib.pbkdf2_hmac(digest, password, base64.b64decode(fields[b"s"]), int(fields[b"i"]))
    key = hmac.digest(salted, b"Client Key", digest)
    final = b"c=" + base64.b64encode(head) + b",r=" + fields[b"r"]
    said = bare + b"," + first + b"," + final
    signature = hmac.digest(hashlib.new(digest, key).digest(), said, digest)
    login.say(final + b",p=" + base64.b64encode(bytes(a ^ b for a, b in zip(key, signature))))
    login.turn()
    m = login.auth.message(login.master)
    if m[0] != "IMSG_AUTH_RIGHT":
        login.auth.buffers[login.master] = struct.pack("=IIII", TYPES[m[0]], 16 + len(m[1]), 0, 0) + m[1] + login.auth.buffers[login.master]
        return login.result()
    assert login.challenge() == b"v=" + base64.b64encode(hmac.digest(hmac.digest(salted, b"Server Key", digest), said, digest))
    login.last()
    return login.result()


CLIENTS = {"USER": client_user, "APOP": client_apop, "PLAIN": client_plain, "LOGIN": client_login, "CRAM-MD5": client_cram,
    "SCRAM-SHA-1": client_scram, "SCRAM-SHA-256": client_scram}
