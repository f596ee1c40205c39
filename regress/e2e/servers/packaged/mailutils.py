# SPDX-License-Identifier: ISC
"""GNU Mailutils: USER and PASS, APOP, STLS, POP3S, mbox."""
from . import Mbox

CONF = """\
mailbox { mail-spool "/data/mail"; mailbox-type "mbox"; };
logging { syslog no; };
apop-database-file "/etc/apop.db";
pam { service "gnu-mailutils"; };
auth { authorization system; authentication pam; };
tls { ssl-certificate-file "/etc/pop3d.crt"; ssl-key-file "/etc/pop3d.key"; };
mode daemon;
foreground yes;
max-children 40;
server 127.0.0.1:%d { tls-mode ondemand; };
server 127.0.0.1:%d { tls-mode connection; };
"""


class Mailutils(Mbox):
    package = "mailutils-pop3d"
    modes = ("none", "stls", "tls")

    def prepare(self):
        cert, key = self.pki.cert()
        for name, path in (("crt", cert), ("key", key)):
            with open(path) as f:
                self.put("/etc/pop3d." + name, f.read(), 0o600)
        self.put("/etc/mailutils.d/pop3d", CONF % (self.port, self.sport))
        self.put("/etc/pam.d/gnu-mailutils", "auth required pam_unix.so\naccount required pam_unix.so\n")
        self.put("/data/secrets", "".join("%s %s\n" % (u, self.apop_secret(u)) for u in self.names), 0o600)

    def apop_secret(self, user):
        return "apop-" + user

    def command(self):
        return "popauth --create --file /data/secrets --output /etc/apop.db; exec /usr/sbin/pop3d --no-config " \
            "--config-file /etc/mailutils.d/pop3d"
