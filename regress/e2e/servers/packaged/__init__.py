# SPDX-License-Identifier: ISC
"""
POP3 servers of the distribution, each in a root directory of its own: the system, with the server's packages unpacked over it.  They
conflict with each other when installed, listen at the well-known port, and want users and configuration in /etc; here each finds all
of that, and nothing of it is seen outside or outlives the test.
"""
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time

from servers.dovecot import free_port

PACKAGES = "/var/cache/rpopd-regress"	# etc/install-deps.sh
INETD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "inetd.py")
FIRST_UID = 61000
START = r"""
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
for package in "$2"/*.deb; do
	dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C "$1/root"
done
cp -a "$1/over/." "$1/root/"
mount --rbind /dev "$1/root/dev"
mount -t proc proc "$1/root/proc"
mount -t tmpfs tmpfs "$1/root/run"
mount --bind "$1/data" "$1/root/data"
exec chroot "$1/root" /bin/sh -ec "$3"
"""


class Server:
    """
    One running server.  Subclasses say: package; system users it wants; prepare(), which writes its configuration with put();
    command, a shell script that runs in its root and stays; where mail lies.
    """
    package = None
    users = ()			# (name, uid) of its own, (name, uid, home) of those who have one
    modes = ("none",)		# values of the column tls it can serve
    mechanisms = ()		# of RFC 5034, as the column auth names them
    login_delay = 0		# s it asks for between logins (RFC 2449)
    apop_secret = None		# of a login, if there is APOP
    capacity = 20		# mailboxes, made before it starts
    temporary = "/tmp"		# where it is told to write temporary files

    def __init__(self, directory, pki):
        self.dir, self.pki, self.host = directory, pki, "localhost"
        self.port, self.sport = free_port(), free_port()
        self.passwords, self.taken = {}, 0
        for d in ("upper", "work", "root", "over", "data/mail"):
            os.makedirs(os.path.join(directory, d))
        self.uid = pwd.getpwnam("mail").pw_uid
        self.names = ["u%03d" % i for i in range(self.capacity)]
        self.accounts()
        self.prepare()
        os.mkdir(os.path.join(directory, "upper", "data"))
        self.start()

    # --- for subclasses ---
    def put(self, path, text, mode=0o644):
        """A file in the server's root; data/... is seen from outside, too."""
        real = os.path.join(self.dir, path.lstrip("/")) if path.startswith("/data") else self.path("over", path.lstrip("/"))
        os.makedirs(os.path.dirname(real), exist_ok=True)
        with open(real, "wb" if isinstance(text, bytes) else "w") as f:
            f.write(text)
        os.chmod(real, mode)

    def prepare(self):
        raise NotImplementedError

    def deliver(self, user, data):
        """One more message in the mailbox of a login."""
        raise NotImplementedError

    def left(self, user):
        """How many messages lie in the mailbox."""
        raise NotImplementedError

    def password_of(self, user):
        return "s3cret-" + user

    def path(self, *names):
        return os.path.join(self.dir, *names)

    # --- the system's part ---
    def accounts(self):
        """passwd, shadow and group of the root: the system's, those the packages would have made, and the mailboxes' owners."""
        with open("/etc/passwd") as f:
            passwd = f.read()
        with open("/etc/group") as f:
            group = f.read()
        shadow = ""
        for name, uid, *home in self.users:
            passwd += "%s:x:%d:%d::%s:/usr/sbin/nologin\n" % (name, uid, uid, "".join(home) or "/nonexistent")
            group += "%s:x:%d:\n" % (name, uid)
        hashes = subprocess.run(["openssl", "passwd", "-5", "-stdin"], input="\n".join(map(self.password_of, self.names)),
            text=True, check=True, stdout=subprocess.PIPE).stdout.split()
        for i, name in enumerate(self.names):
            passwd += "%s:x:%d:%d::/data/mail/%s:/bin/sh\n" % (name, FIRST_UID + i, FIRST_UID + i, name)
            group += "%s:x:%d:\n" % (name, FIRST_UID + i)
            shadow += "%s:%s:19000:0:99999:7:::\n" % (name, hashes[i])
        self.put("/etc/passwd", passwd)
        self.put("/etc/group", group)
        self.put("/etc/shadow", shadow, 0o600)
        # the ordinary PAM stack, without what other packages may have put into the system's
        for name in ("auth", "account", "session", "password"):
            self.put("/etc/pam.d/common-" + name, "%s required pam_unix.so\n" % name)

    def start(self):
        self.output = open(self.path("output"), "ab")
        self.proc = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "sh", "-ec",
            START, "start", self.dir, os.path.join(PACKAGES, self.package), self.command()], stdin=subprocess.DEVNULL,
            stdout=self.output, stderr=self.output, start_new_session=True, env=dict(os.environ, TMPDIR=self.temporary))
        deadline = time.monotonic() + 60
        while not self.ready():
            if self.proc.poll() is not None or time.monotonic() > deadline:
                log = self.log()
                self.stop()
                raise RuntimeError("%s did not start:\n%s" % (self.package, log))
            time.sleep(0.05)

    def ready(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 20) as s:
                s.settimeout(20)
                return s.recv(3) == b"+OK" and (s.sendall(b"QUIT\r\n") or True)
        except OSError:
            return False

    def stop(self):
        """The first process of its own process namespace goes, and all of them with it.  --kill-child alone is not enough: who
        changes his user, or is set-user-ID, forgets it."""
        if self.proc.poll() is None:
            with open("/proc/%d/task/%d/children" % (self.proc.pid, self.proc.pid)) as f:
                for pid in f.read().split():
                    os.kill(int(pid), signal.SIGKILL)
        self.proc.kill()
        self.proc.wait()
        self.output.close()

    def log(self):
        with open(self.path("output"), errors="replace") as f:
            return f.read()

    def inetd(self, *argv):
        """Command for a server that wants to be started for each connection."""
        shutil.copy(INETD, self.path("over", "inetd.py"))
        return "exec /usr/bin/python3 /inetd.py %d %s" % (self.port, " ".join(argv))

    # --- mailboxes ---
    def add_user(self, messages=()):
        """A mailbox with these messages: (login, password)."""
        user = self.names[self.taken]
        self.taken += 1
        for data in messages:
            self.deliver(user, data)
        return user, self.password_of(user)

    def owner(self, user):
        return FIRST_UID + self.names.index(user)


class Mbox(Server):
    """Mail lies in /data/mail/USER, LF line ends, in mbox format."""
    separator = b"From sender@sender.example Fri Mar  1 12:00:00 2024\n"

    def deliver(self, user, data):
        path = self.path("data", "mail", user)
        with open(path, "ab") as f:
            f.write(self.separator + data.replace(b"\r\n", b"\n") + b"\n")
        os.chown(path, self.owner(user), self.uid)
        os.chmod(path, 0o660)

    def left(self, user):
        with open(self.path("data", "mail", user), "rb") as f:
            return (b"\n" + f.read()).count(b"\nX-Test-Id:")


class Maildir(Server):
    """Mail lies in /data/mail/USER/Maildir."""

    def folder(self, user):
        top = self.path("data", "mail", user)
        for d in ("", "Maildir", "Maildir/cur", "Maildir/new", "Maildir/tmp"):
            if not os.path.isdir(os.path.join(top, d)):
                os.mkdir(os.path.join(top, d), 0o700)
                os.chown(os.path.join(top, d), self.owner(user), self.owner(user))

    def deliver(self, user, data):
        self.folder(user)
        self.serial = getattr(self, "serial", 0) + 1
        path = self.path("data", "mail", user, "Maildir", "new", "%d.M%dP1.origin" % (1700000000 + self.serial, self.serial))
        with open(path, "wb") as f:
            f.write(data.replace(b"\r\n", b"\n"))
        os.chown(path, self.owner(user), self.owner(user))

    def left(self, user):
        return len(glob.glob(self.path("data", "mail", user, "Maildir", "[nc]*", "*")))


def missing(package):
    """Why this server cannot be run here, or None."""
    if not glob.glob(os.path.join(PACKAGES, package, package + "_*.deb")):
        return "its package is not in %s; run etc/install-deps.sh test" % PACKAGES
    return None
