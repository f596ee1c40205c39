# SPDX-License-Identifier: ISC
"""A private Dovecot on loopback: POP3 with STLS on one free port, POP3S on another, one Maildir and password per user."""
import base64
import hashlib
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import threading
import time

CONF = """\
base_dir = %(dir)s/run
state_dir = %(dir)s/state
log_path = %(dir)s/dovecot.log
protocols = pop3
listen = 127.0.0.1
ssl = yes
ssl_cert = <%(cert)s
ssl_key = <%(key)s
ssl_min_protocol = TLSv1.2
disable_plaintext_auth = no
auth_mechanisms = plain login apop
auth_username_chars =
auth_username_format =
auth_failure_delay = 0
auth_cache_size = 0
mail_location = maildir:~/Maildir
mail_max_userip_connections = 500
first_valid_uid = 1
passdb {
  driver = passwd-file
  args = scheme=plain username_format=%%u %(dir)s/users/%%{sha1:user}
}
userdb {
  driver = passwd-file
  args = username_format=%%u %(dir)s/users/%%{sha1:user}
}
service pop3-login {
  inet_listener pop3 {
    port = %(port)d
  }
  inet_listener pop3s {
    port = %(sport)d
    ssl = yes
  }
  service_count = 0
  process_min_avail = 1
}
service pop3 {
  process_limit = 256
  service_count = 100
}
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  unix_listener stats-writer {
    mode = 0666
  }
}
"""

# For those who log in with access tokens: JWTs, checked with a key of their maker's.
OAUTH = """\
auth_mechanisms = plain login xoauth2 oauthbearer
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = %(dir)s/oauth2.conf
}
"""
OAUTH_CONF = """\
introspection_mode = local
local_validation_key_dict = fs:posix:prefix=%(dir)s/keys/
username_attribute = sub
"""


def free_port():
    """Below the range of ports that connections get, so that none of them takes it before Dovecot does."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Dovecot:
    def __init__(self, directory, pki, extra="", jwt_key=None):
        nobody = pwd.getpwnam("nobody")
        self.uid, self.gid = nobody.pw_uid, nobody.pw_gid
        self.dir = directory
        self.host = "localhost"
        self.homes, self.passwords = {}, {}
        self.serial = 0
        self.lock = threading.Lock()
        for d in ("run", "state", "mail", "users"):
            os.makedirs(os.path.join(directory, d))
        os.chown(os.path.join(directory, "mail"), self.uid, self.gid)
        self.port, self.sport = free_port(), free_port()
        cert, key = pki.cert()
        with open(self.path("dovecot.conf"), "w") as f:
            f.write(CONF % {"dir": directory, "cert": cert, "key": key, "port": self.port, "sport": self.sport} + extra)
            if jwt_key is not None:
                f.write(OAUTH % {"dir": directory})
                self._write_oauth(jwt_key)
        self.proc = None
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def _write_oauth(self, jwt_key):
        with open(self.path("oauth2.conf"), "w") as f:
            f.write(OAUTH_CONF % {"dir": self.dir})
        os.makedirs(self.path("keys", "default", "HS256"))
        with open(self.path("keys", "default", "HS256", "default"), "w") as f:
            f.write(base64.b64encode(jwt_key).decode())

    def start(self):
        with open(self.path("stderr"), "ab") as err:
            self.proc = subprocess.Popen(["dovecot", "-F", "-c", self.path("dovecot.conf")], stdin=subprocess.DEVNULL,
                stdout=err, stderr=err, start_new_session=True)
        deadline = time.monotonic() + 60
        for port in (self.port, self.sport):
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 5).close()
                    break
                except OSError:
                    if self.proc.poll() is not None or time.monotonic() > deadline:
                        raise RuntimeError("dovecot did not start:\n" + self.log())
                    time.sleep(0.05)

    def stop(self):
        if self.proc is None:
            return
        self.proc.terminate()
        try:
            self.proc.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.proc.pid, signal.SIGKILL)
            self.proc.wait()
        self.proc = None

    def log(self):
        text = ""
        for name in ("stderr", "dovecot.log"):
            if os.path.exists(self.path(name)):
                with open(self.path(name), errors="replace") as f:
                    text += f.read()
        return text

    def _write_user(self, user):
        """One file per user: Dovecot looks at a file it knows only once a second."""
        name = self.path("users", hashlib.sha1(user.encode()).hexdigest())
        with open(name + ".new", "w") as f:
            f.write("%s:{PLAIN}%s:%d:%d::%s::\n" % (user, self.passwords[user], self.uid, self.gid, self.homes[user]))
        os.chmod(name + ".new", 0o644)
        os.rename(name + ".new", name)

    def add_user(self, user, password="s3cret-%s"):
        """A new, empty mailbox.  Returns the password."""
        if "%s" in password:
            password = password % user.replace(":", "-")
        home = self.path("mail", "u%d" % len(self.homes))
        for d in ("", "Maildir", "Maildir/cur", "Maildir/new", "Maildir/tmp"):
            os.makedirs(os.path.join(home, d), exist_ok=True)
            os.chown(os.path.join(home, d), self.uid, self.gid)
        self.homes[user], self.passwords[user] = home, password
        self._write_user(user)
        return password

    def set_password(self, user, password):
        self.passwords[user] = password
        self._write_user(user)

    def add(self, user, data):
        """One more message; LF or CRLF line ends, stored with LF."""
        with self.lock:
            self.serial += 1
            serial = self.serial
        name = "%d.M%06dP1.origin" % (1700000000 + serial, serial % 1000000)
        tmp = os.path.join(self.homes[user], "Maildir", "tmp", name)
        with open(tmp, "wb") as f:
            f.write(data.replace(b"\r\n", b"\n"))
        os.chown(tmp, self.uid, self.gid)
        os.rename(tmp, os.path.join(self.homes[user], "Maildir", "new", name))

    def messages(self, user):
        """Contents of what is left in the mailbox."""
        found = []
        for sub in ("new", "cur"):
            directory = os.path.join(self.homes[user], "Maildir", sub)
            for name in sorted(os.listdir(directory)):
                try:
                    with open(os.path.join(directory, name), "rb") as f:
                        found.append(f.read())
                except FileNotFoundError:
                    pass
        return found

    def clear(self, user):
        shutil.rmtree(os.path.join(self.homes[user], "Maildir"))
        for d in ("Maildir", "Maildir/cur", "Maildir/new", "Maildir/tmp"):
            os.makedirs(os.path.join(self.homes[user], d))
            os.chown(os.path.join(self.homes[user], d), self.uid, self.gid)
