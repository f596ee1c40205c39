# SPDX-License-Identifier: ISC
"""
Real next hops.  Each takes mail for example.org and sender.example; answer() says what it tells of a recipient, at once and from then
on; got() is what a recipient has in his inbox.
"""
import glob
import hashlib
import os
import socketserver
import threading
import time

from servers.dovecot import Dovecot, free_port

from . import exim, postfix

PEOPLE = ("anna", "bert", "info", "postmaster", "carl", "later")	# carl@sender.example is the one who sends

DOVECOT = """\
protocols = pop3 lmtp
service lmtp {
  inet_listener lmtp {
    port = %(lmtp_port)d
  }
  unix_listener lmtp {
    mode = 0600
  }
}
service auth {
  inet_listener {
    port = %(auth_port)d
  }
}
protocol lmtp {
  mail_plugins = sieve quota
}
lda_mailbox_autocreate = yes
recipient_delimiter = +
plugin {
  sieve = file:~/sieve;active=~/.dovecot.sieve
  quota = count:User quota
  quota_vsizes = yes
  quota_grace = 0
}
"""


class DovecotHop(Dovecot):
    """LMTP with Sieve, over TCP and at a socket; later@ is not there.  auth_port: for an SMTP server that asks who may log in."""
    late = {452: "*:bytes=10", 552: "*:bytes=10"}	# said behind the message, of those whose mailbox is full

    def __init__(self, directory, pki, full_is_temporary=True):
        self.quota = {}
        self.lmtp_port, self.auth_port = free_port(), free_port()
        text = DOVECOT % {"lmtp_port": self.lmtp_port, "auth_port": self.auth_port}
        if full_is_temporary:
            text += "quota_full_tempfail = yes\n"
        super().__init__(directory, pki, text)
        for name in PEOPLE[:-1]:
            self.add_user(self.address(name))
        self.add_user("rpopd")

    def row(self, socket=False):
        return {"protocol": "lmtp", "address": self.path("run", "lmtp") if socket else "127.0.0.1:%d" % self.lmtp_port}

    @staticmethod
    def address(name):
        return name + ("@sender.example" if name == "carl" else "@example.org")

    def _write_user(self, user):
        super()._write_user(user)
        name = self._user_file(user)
        with open(name) as f:
            line = f.read().rstrip("\n")
        with open(name + ".new", "w") as f:
            f.write(line + ("userdb_quota_rule=%s" % self.quota[user] if user in self.quota else "") + "\n")
        os.chmod(name + ".new", 0o644)
        os.rename(name + ".new", name)

    def _user_file(self, user):
        return self.path("users", hashlib.sha1(user.encode()).hexdigest())

    def answer(self, name, code):
        """250; 550: no such user; 451: the user database fails; 452 and 552: over quota, told behind the message."""
        user = self.address(name)
        self.quota.pop(user, None)
        if code in self.late:
            self.quota[user] = self.late[code]
        self._write_user(user)
        if code == 550:
            os.unlink(self._user_file(user))
        elif code == 451:
            os.chmod(self._user_file(user), 0)
        time.sleep(1.1)	# Dovecot looks at a file it knows only once a second

    def got(self, name, folder=""):
        found = []
        for path in sorted(glob.glob(os.path.join(self.homes[self.address(name)], "Maildir", folder, "[nc]*", "*"))):
            with open(path, "rb") as f:
                found.append(f.read())
        return found

    def sieve(self, name, script):
        home = self.homes[self.address(name)]
        with open(os.path.join(home, ".dovecot.sieve"), "w") as f:
            f.write(script)
        os.chown(os.path.join(home, ".dovecot.sieve"), self.uid, self.gid)


class Policy(socketserver.ThreadingTCPServer):
    """Postfix asks here what becomes of a recipient (SMTPD_POLICY_README)."""
    allow_reuse_address, daemon_threads = True, True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Asked)
        self.port = self.server_address[1]
        self.answers = {}
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Asked(socketserver.StreamRequestHandler):
    def handle(self):
        recipient = ""
        for line in self.rfile:
            key, _, value = line.decode(errors="replace").rstrip("\n").partition("=")
            if key == "recipient":
                recipient = value.lower()
            elif not key:
                self.wfile.write(("action=%s\n\n" % self.server.answers.get(recipient.split("@")[0], "DUNNO")).encode())


# Two ports for those who log in: by TLS and STARTTLS; Dovecot says who may.
LOGIN = """\
127.0.0.1:%(tls_port)d inet n - y - - smtpd
    -o smtpd_tls_wrappermode=yes%(options)s
127.0.0.1:%(stls_port)d inet n - y - - smtpd
    -o smtpd_tls_security_level=encrypt%(options)s
"""
LOGIN_OPTIONS = "".join("\n    -o " + o for o in ("smtpd_sasl_auth_enable=yes", "smtpd_sasl_type=dovecot",
    "smtpd_sasl_path=inet:127.0.0.1:%d", "smtpd_client_restrictions=permit_sasl_authenticated,reject"))
ANSWERS = {250: "DUNNO", 451: "451 4.3.2 the mailbox is locked", 550: "550 5.1.1 there is nobody of that name"}


class Hop:
    """What the two SMTP servers have in common: mail is in the homes of users of their own root."""
    people = tuple((name, 61110 + i, "/home/" + name) for i, name in enumerate(PEOPLE))

    def row(self, dsn=True):
        return {"protocol": "smtp", "address": "localhost:%d" % (self.smtp_port if dsn else self.plain_port)}

    def login_row(self, tls, password=None):
        return {"protocol": "smtp", "address": "localhost:%d" % (self.tls_port if tls == "tls" else self.stls_port), "tls": tls,
            "auth_name": "rpopd", "password": password or self.password}

    def got(self, name):
        return self.maildir(name)


class PostfixHop(Hop, postfix.Base):
    """later@ is accepted and cannot be delivered then.  The second port offers no DSN.  onward: port of an LMTP server
    that gets everything, marked, as a filter would do it.  logins: a DovecotHop that knows who may log in."""
    users = postfix.USERS + Hop.people
    domains = postfix.Base.domains + ", sender.example, example.org"

    def __init__(self, directory, pki, onward=None, logins=None):
        self.policy, self.plain_port, self.onward, self.logins = Policy(), free_port(), onward, logins
        self.tls_port, self.stls_port = free_port(), free_port()
        self.password = logins and logins.passwords["rpopd"]
        super().__init__(directory, pki)

    def prepare(self):
        cert, key = self.pki.cert()
        for name, path in (("cert", cert), ("key", key)):
            with open(path) as f:
                self.put("/etc/postfix/%s.pem" % name, f.read(), 0o600)
        super().prepare()
        self.homes(*self.people)
        self.put("/home/later/.forward", '"|exit 67"\n')

    def main_cf(self):
        text = "smtpd_recipient_restrictions = check_policy_service inet:127.0.0.1:%d\n" \
            "smtpd_tls_cert_file = /etc/postfix/cert.pem\nsmtpd_tls_key_file = /etc/postfix/key.pem\n" \
            "smtpd_tls_security_level = may\nrecipient_delimiter = +\n" % self.policy.port
        if self.onward:
            text += "header_checks = regexp:/etc/postfix/mark\nlocal_transport = lmtp:inet:127.0.0.1:%d\n" \
                "local_recipient_maps =\nlmtp_destination_recipient_limit = 10\n" % self.onward
            self.put("/etc/postfix/mark", "/^Subject:/ PREPEND X-Filtered: yes\n")
        return text

    def master_cf(self):
        text = "127.0.0.1:%d inet n - y - - smtpd\n    -o smtpd_discard_ehlo_keywords=dsn,silent-discard\n" % self.plain_port
        if self.logins:
            text += LOGIN % dict(vars(self), options=LOGIN_OPTIONS % self.logins.auth_port)
        return text

    def command(self):
        return postfix.START + "exec postfix start-fg"

    def answer(self, name, code):
        self.policy.answers[name] = ANSWERS[code]

    def stop(self):
        super().stop()
        self.policy.shutdown()
        self.policy.server_close()


EXIM = """\
primary_hostname = provider.example
local_interfaces = 127.0.0.1
daemon_smtp_ports = %(smtp_port)d : %(plain_port)d : %(tls_port)d : %(stls_port)d
tls_on_connect_ports = %(tls_port)d
tls_advertise_hosts = ${if eq{$received_port}{%(stls_port)d}{*}}
tls_certificate = /etc/exim4/cert.pem
tls_privatekey = /etc/exim4/key.pem
notifier_socket =
dsn_advertise_hosts = ${if eq{$received_port}{%(smtp_port)d}{*}}
acl_smtp_rcpt = recipient
keep_environment =
begin acl
recipient:
  deny	condition = ${if or{{eq{$received_port}{%(tls_port)d}}{eq{$received_port}{%(stls_port)d}}}}
	!authenticated = *
	message = 5.7.0 log in first
  defer	condition = ${if eq{${lookup{$local_part}lsearch{/data/answers}}}{451}}
	message = 4.3.2 the mailbox is locked
  deny	condition = ${if eq{${lookup{$local_part}lsearch{/data/answers}}}{550}}
	message = 5.1.1 there is nobody of that name
  accept
begin routers
closed:
  driver = redirect
  local_parts = later
  allow_fail
  data = :fail: this mailbox is closed
homes:
  driver = accept
  domains = example.org : sender.example
  local_parts = lsearch;/etc/exim4/people
  transport = homes
begin transports
homes:
  driver = appendfile
  maildir_format
  directory = /home/$local_part_data/Maildir
  user = $local_part_data
  return_path_add
begin authenticators
cram:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = ${if eq{$auth1}{rpopd}{%(password)s}fail}
  server_set_id = $auth1
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and{{eq{$auth2}{rpopd}}{eq{$auth3}{%(password)s}}}}
  server_set_id = $auth2
"""


class EximHop(Hop, exim.Base):
    """As PostfixHop.  Two more ports, by TLS and STARTTLS, are for those who log in as rpopd."""
    password = "s3cret-exim"
    users = exim.Base.users[:1] + Hop.people

    def __init__(self, directory, pki):
        self.plain_port, self.tls_port, self.stls_port = free_port(), free_port(), free_port()
        self.answers = {}
        super().__init__(directory, pki)

    def prepare(self):
        super().prepare()
        self.homes(*self.people)
        self.put("/etc/exim4/exim4.conf", EXIM % dict(vars(self), password=self.password))
        for name, path in zip(("cert", "key"), self.pki.cert()):
            with open(path) as f:
                self.put("/etc/exim4/%s.pem" % name, f.read())
        self.put("/etc/exim4/people", "".join("%s: %s\n" % (p, p) for p in PEOPLE))
        self.put("/data/answers", "")

    def command(self):
        return exim.START.replace("update-exim4.conf\n", "") + exim.DAEMON

    def answer(self, name, code):
        self.answers[name] = code
        path = self.path("data", "answers")
        with open(path + ".new", "w") as f:
            f.write("".join("%s: %d\n" % a for a in self.answers.items()))
        os.rename(path + ".new", path)
