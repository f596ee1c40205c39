# SPDX-License-Identifier: ISC
"""OpenSMTPD, as a provider."""
from .mta import OTHER, UNIFIED, Provider

CONF = """\
listen on 127.0.0.1 port %d hostname provider.example
action "local" maildir
"""


class OpenSmtpd(Provider):
    package = "opensmtpd"
    users = (("opensmtpd", 60914), ("opensmtpq", 60915), UNIFIED, OTHER)
    recipe, hop = "opensmtpd", "provider.example"

    def prepare(self):
        super().prepare()
        self.put("/etc/smtpd.conf", CONF % self.smtp_port + self.recipe_text("smtpd.conf") +
            'match from any for domain "provider.example" action "local"\n')
        self.put_store()

    def command(self):
        return "dovecot -F & exec smtpd -d"
