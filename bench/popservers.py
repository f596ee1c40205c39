# SPDX-License-Identifier: ISC
"""
POP3 servers that serve.py compares: popd of the build, Dovecot, and popa3d where its package is.  Each runs in a control group of its
own, whose CPU the kernel counts; their mail is on a tmpfs, and their certificate is the same.
"""
import os
import pwd
import shutil
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "regress", "e2e"))
from lib import rig as rigs  # noqa: E402
from servers import packaged  # noqa: E402
from servers.packaged.popa3d import Popa3d as PackagedPopa3d  # noqa: E402

OWNER = pwd.getpwnam("_rpopm")
GROUPS = "/sys/fs/cgroup"
PORTBASE = int(os.environ.get("BENCH_PORTBASE", "20000"))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Group:
    """A control group, version 1 or 2: CPU of all that ever ran in it, and who is in it."""

    def __init__(self, name):
        old = os.path.join(GROUPS, "cpuacct")
        self.dir = os.path.join(old if os.path.isdir(old) else GROUPS, "rpopbench.%d.%s" % (os.getpid(), name))
        self.parent = os.path.dirname(self.dir)
        os.mkdir(self.dir)

    def __enter__(self):
        """What is started meanwhile is in the group."""
        self.move(self.dir)

    def __exit__(self, *_):
        self.move(self.parent)

    @staticmethod
    def move(to):
        with open(os.path.join(to, "cgroup.procs"), "w") as f:
            f.write(str(os.getpid()))

    def cpu(self):
        """Seconds."""
        usage = os.path.join(self.dir, "cpuacct.usage")
        if os.path.exists(usage):
            with open(usage) as f:
                return int(f.read()) / 1e9
        with open(os.path.join(self.dir, "cpu.stat")) as f:
            return int(dict(line.split() for line in f)["usage_usec"]) / 1e6

    def pids(self):
        with open(os.path.join(self.dir, "cgroup.procs")) as f:
            return [int(x) for x in f.read().split()]

    def pss(self):
        """kB of all processes, what they share counted once (proc(5))."""
        total = 0
        for pid in self.pids():
            for line in (rigs.read_proc(pid, "smaps_rollup") or "").splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        return total

    def close(self):
        for _ in range(100):
            try:
                os.rmdir(self.dir)
                return
            except OSError:
                time.sleep(0.05)


class Server:
    """port, tls_port (None: no TLS), password; where a user's Maildir is, and how the server is made to forget what it knows of it."""
    tls_port = None
    maildirs = True
    forgets = ()

    def __init__(self, directory, cert):
        self.dir, self.cert = directory, cert
        self.group = Group(self.name)
        try:
            with self.group:
                self.start()
            rigs.wait_for(self.greets, "a greeting of " + self.name)
        except BaseException:
            self.stop()
            raise

    def greets(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as s:
                s.settimeout(5)
                return s.recv(3) == b"+OK"
        except OSError:
            return False

    def fresh(self):
        """No process is left of sessions that are over."""

    def password(self, user):
        return "secret"

    def login(self, user):
        return user

    def fill(self, user, source):
        """The user's mailbox has the messages of a Maildir, and nothing is known of them."""
        path = self.maildir(user)
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path)
        for part in ("cur", "new", "tmp"):
            subprocess.run(["cp", "-al", os.path.join(source, part), path], check=True)
        self.own(path)

    def own(self, path):
        for each in [path] + [os.path.join(path, part) for part in ("cur", "new", "tmp")]:
            os.chown(each, OWNER.pw_uid, OWNER.pw_gid)

    def add(self, user, serial):
        """One message is delivered."""
        name = os.path.join(self.maildir(user), "%s", "18000%05d.M1P1.bench,S=14,W=16" % serial)
        with open(name % "tmp", "w") as f:
            f.write("Subject: new\n\n")
        os.chown(name % "tmp", OWNER.pw_uid, OWNER.pw_gid)
        os.rename(name % "tmp", name % "new")

    def settle(self, user):
        """As if the Maildir had not been changed for a minute: what is within a clock's tick is read again by everybody."""
        for part in ("cur", "new"):
            path = os.path.join(self.maildir(user), part)
            st = os.stat(path)
            os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns - 60 * 10**9))

    def forget(self, user):
        for name in os.listdir(self.maildir(user)):
            if name.startswith(self.forgets):
                os.unlink(os.path.join(self.maildir(user), name))

    def close(self):
        self.stop()
        self.group.close()


class Popd(Server):
    name = "popd"
    forgets = ("popd.",)

    class Pki:
        certs = "/etc/ssl/certs"

    def start(self):
        self.rig = rigs.Rig(self.Pki, pop_channels=2000, pop_per_address=2000)
        self.rig.verbose = []
        for name in ["postmaster"] + USERS:
            self.rig.account(name + "@bench.example")
        self.rig.write_db()
        self.port, self.tls_port = free_port(), free_port()
        for port, tls in ((self.port, "none"), (self.tls_port, "tls")):
            row = {"address": "127.0.0.1", "port": port, "tls": tls, "channels": 2000}
            if tls == "tls":
                row.update(cert=self.cert + ".pem", key=self.cert + ".key")
            self.rig.sqlite(rigs.insert("listener", row))
        self.rig.sqlite("UPDATE account SET password = '{PLAIN}secret', sessions = 1000;")
        self.daemon = self.rig.start()

    def login(self, user):
        return user + "@bench.example"

    def maildir(self, user):
        return os.path.join(self.rig.mail, "bench.example", user)

    def own(self, path):
        os.chown(os.path.dirname(path), OWNER.pw_uid, OWNER.pw_gid)
        super().own(path)

    def stop(self):
        self.rig.close()


class Dovecot(Server):
    name = "Dovecot"
    forgets = ("dovecot",)

    def start(self):
        self.port, self.tls_port = PORTBASE + 110, PORTBASE + 995
        for src, dst in ((".pem", "srv.pem"), (".key", "srv.key"), (".pem", "ca.pem")):
            shutil.copy(self.cert + src, os.path.join(self.dir, dst))
        subprocess.run([os.path.join(HERE, "server.sh"), "start", self.dir, str(PORTBASE)], check=True,
            env=dict(os.environ, BENCH_UID=OWNER.pw_name, BENCH_GID=str(OWNER.pw_gid)))
        rigs.wait_for(lambda: os.path.exists(os.path.join(self.dir, "run", "master.pid")), "Dovecot")

    def maildir(self, user):
        return os.path.join(self.dir, "mail", user, "Maildir")

    def own(self, path):
        os.chown(os.path.dirname(path), OWNER.pw_uid, OWNER.pw_gid)
        super().own(path)

    def fresh(self):
        """It keeps processes for the next sessions."""
        self.stop()
        with self.group:
            self.start()
        rigs.wait_for(self.greets, "a greeting of Dovecot")

    def stop(self):
        subprocess.run([os.path.join(HERE, "server.sh"), "stop", self.dir], check=True)
        rigs.wait_for(lambda: self.group.pids() == [], "the end of Dovecot")


class Popa3d(Server):
    """One process for a connection, started by a program that does nothing else; mail is in one file, and there is no TLS."""
    name = "popa3d"
    maildirs = False

    class Package(PackagedPopa3d):
        capacity = 40

        def accounts(self):
            """md5-crypt, since its work is not what is measured."""
            super().accounts()
            line = subprocess.run(["openssl", "passwd", "-1", "secret"], check=True, text=True, stdout=subprocess.PIPE).stdout.strip()
            self.put("/etc/shadow", "".join("%s:%s:19000:0:99999:7:::\n" % (n, line) for n in self.names), 0o600)

        def inetd(self, *argv):
            shutil.copy(os.path.join(os.environ["BENCH_BIN"], "forkserve"), self.path("over", "forkserve"))
            return "exec /forkserve %d %s" % (self.port, " ".join(argv))

    def start(self):
        self.server = self.Package(self.dir, None)
        self.port = self.server.port
        self.names = dict(zip(USERS, self.server.names))

    def login(self, user):
        return self.names[user]

    def fill(self, user, source):
        path = os.path.join(self.dir, "data", "mail", self.names[user])
        with open(path, "wb") as out:
            for part in ("cur", "new"):
                for name in sorted(os.listdir(os.path.join(source, part))):
                    with open(os.path.join(source, part, name), "rb") as f:
                        out.write(self.server.separator + f.read().replace(b"\nFrom ", b"\n>From ") + b"\n")
        os.chown(path, self.server.owner(self.names[user]), self.server.uid)
        os.chmod(path, 0o660)

    def stop(self):
        self.server.stop()


USERS = ["small", "mixed", "tiny", "many"] + ["e%d" % i for i in range(8)]


def all_servers(directory):
    """Those that can be run here, running."""
    cert = os.path.join(directory, "cert")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", cert + ".key", "-out", cert + ".pem"],
        check=True, stderr=subprocess.DEVNULL)
    os.chmod(cert + ".key", 0o600)
    kinds = [Popd, Dovecot]
    why = packaged.missing("popa3d")
    if why is None:
        kinds.append(Popa3d)
    else:
        print("popa3d: %s" % why, file=sys.stderr)
    running = []
    try:
        for kind in kinds:
            where = os.path.join(directory, kind.name)
            os.mkdir(where)
            running.append(kind(where, cert))
    except BaseException:
        for server in running:
            server.close()
        raise
    return running
