# SPDX-License-Identifier: ISC
"""
MTAs of the distribution, each in a root directory of its own: as the provider that keeps a domain's mail in one mailbox,
set up by the recipes in etc/provider as they stand, with a Dovecot for that mailbox; and as a next hop.
"""
import glob
import os
import smtplib
import socket

from lib import rig
from servers.dovecot import free_port

from . import Server

RECIPES = os.path.join(rig.REPO, "etc", "provider")
UNIFIED = ("unified", 61100, "/home/unified")	# whose mailbox is example.org's
OTHER = ("other", 61101, "/home/other")		# other@provider.example, somebody else's mailbox
DOVECOT = """\
protocols = pop3
hostname = provider.example
listen = 127.0.0.1
log_path = /data/dovecot.log
ssl_cert = </etc/dovecot.pem
ssl_key = </etc/dovecot.key
auth_failure_delay = 0
auth_username_format =
first_valid_uid = 1
mail_location = maildir:~/Maildir
service pop3-login {
  inet_listener pop3 {
    port = %(port)d
  }
  inet_listener pop3s {
    port = %(sport)d
    ssl = yes
  }
}
"""
MAILBOX = """\
passdb {
  driver = passwd-file
  args = /etc/dovecot/mailbox
}
userdb {
  driver = passwd-file
  args = /etc/dovecot/mailbox
}
"""


def greets(port, greeting):
    """Does a server answer there?"""
    try:
        with socket.create_connection(("127.0.0.1", port), 20) as s:
            s.settimeout(20)
            return s.recv(len(greeting)) == greeting and (s.sendall(b"QUIT\r\n") or True)
    except OSError:
        return False


class Mta(Server):
    """Its SMTP server listens at smtp_port; mail of its local users lies in their homes."""
    capacity = 0

    def __init__(self, directory, pki):
        self.smtp_port = free_port()
        super().__init__(directory, pki)

    def prepare(self):
        self.put("/etc/hosts", "127.0.0.1 localhost\n127.0.0.1 provider.example provider %s\n" % socket.gethostname())

    def ready(self):
        return greets(self.smtp_port, b"220")

    def send(self, sender, recipients, data):
        """One transaction; refused recipients are an error."""
        with smtplib.SMTP("127.0.0.1", self.smtp_port, "mx.sender.example", timeout=60) as smtp:
            refused = smtp.sendmail(sender, recipients, data)
        assert refused == {}, refused

    def maildir(self, user):
        """What lies in a local user's Maildir."""
        found = []
        for path in sorted(glob.glob(self.path("upper", "home", user, "Maildir", "[nc]*", "*"))):
            with open(path, "rb") as f:
                found.append(f.read())
        return found

    def homes(self, *users):
        for name, uid, home in users:
            os.makedirs(self.path("over", home[1:]), exist_ok=True)
            os.chown(self.path("over", home[1:]), uid, uid)


class Provider(Mta):
    """Serves the mailbox of example.org by POP3.  Subclasses say recipe, and install its files."""
    recipe = None
    hop = None				# for column trusted_hop, where X-Real-To stands above the Received fields
    login, password = "example.org", "secret"

    def prepare(self):
        super().prepare()
        self.homes(UNIFIED, OTHER)
        cert, key = self.pki.cert()
        for name, path in (("pem", cert), ("key", key)):
            with open(path) as f:
                self.put("/etc/dovecot." + name, f.read(), 0o600)
        self.put("/etc/dovecot/dovecot.conf", DOVECOT % {"port": self.port, "sport": self.sport} + self.mailbox_conf())
        self.put("/etc/dovecot/mailbox", "%s:{PLAIN}%s:%d:%d::%s::\n" % (self.login, self.password, UNIFIED[1], UNIFIED[1], UNIFIED[2]))

    def mailbox_conf(self):
        return MAILBOX

    def left(self, user):
        return len(self.maildir("unified"))

    def others(self):
        """What other@provider.example has got."""
        return self.maildir("other")

    def ready(self):
        return super().ready() and greets(self.port, b"+OK")

    def recipe_text(self, name):
        with open(os.path.join(RECIPES, self.recipe, name)) as f:
            return f.read()

    def put_recipe(self, name, path):
        """A file of the recipe, as it is."""
        self.put(path, self.recipe_text(name))

    def put_store(self):
        with open(os.path.join(RECIPES, "unified-store")) as f:
            self.put("/usr/local/libexec/unified-store", f.read(), 0o755)
