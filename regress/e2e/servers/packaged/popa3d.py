# SPDX-License-Identifier: ISC
"""popa3d: USER and PASS, mbox, no TLS, no APOP, no SASL."""
from . import Mbox


class Popa3d(Mbox):
    package = "popa3d"
    users = (("popa3d", 60901),)

    def prepare(self):
        pass

    def command(self):
        return "rm -rf /var/mail && ln -s /data/mail /var/mail && " + self.inetd("/usr/sbin/popa3d")
