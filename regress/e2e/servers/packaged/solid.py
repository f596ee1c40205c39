# SPDX-License-Identifier: ISC
"""Solid POP3: USER and PASS, APOP, Maildir, no TLS, no SASL."""
import os
import shutil

from . import Maildir

CONF = """\
<Global>
	MailDropName	"Maildir"
	MailDropType	maildir
	LogStatistics	no
	AllowAPOP	yes
</Global>
"""


class Solid(Maildir):
    package = "solid-pop3d"
    users = (("spop3d", 60902),)

    def prepare(self):
        self.put("/etc/spop3d.conf", CONF)
        self.put("/data/secrets", "".join("%s:%s\n" % (u, self.apop_secret(u)) for u in self.names), 0o600)
        shutil.copy(os.path.join(os.path.dirname(os.path.abspath(__file__)), "apop.py"), self.path("over", "apop.py"))
        for user in self.names:
            self.folder(user)

    def apop_secret(self, user):
        return "apop-" + user

    def command(self):
        return "/usr/bin/python3 /apop.py /usr/bin/pop_auth ! </data/secrets; " + self.inetd("/usr/sbin/solid-pop3d")
