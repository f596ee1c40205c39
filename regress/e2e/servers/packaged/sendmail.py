# SPDX-License-Identifier: ISC
"""sendmail, as a provider."""
from .mta import OTHER, UNIFIED, Provider

MC = """\
include(`/usr/share/sendmail/cf/m4/cf.m4')dnl
OSTYPE(`linux')dnl
DOMAIN(`generic')dnl
define(`confPID_FILE', `/run/sendmail.pid')dnl
define(`confDOMAIN_NAME', `provider.example')dnl
define(`LOCAL_MAILER_PATH', `/usr/local/libexec/keep')dnl
define(`LOCAL_MAILER_ARGS', `keep $u')dnl
define(`STATUS_FILE', `/run/statistics')dnl
define(`confREFUSE_LA', `1000')dnl
define(`confQUEUE_LA', `1000')dnl
FEATURE(`no_default_msa')dnl
FEATURE(`accept_unqualified_senders')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`access_db')dnl
FEATURE(`mailertable', `hash -o /etc/mail/mailertable')dnl
FEATURE(`unified', `unified')dnl
DAEMON_OPTIONS(`Addr=127.0.0.1, Port=%d, Name=MTA')dnl
MAILER(`local')dnl
MAILER(`smtp')dnl
"""
START = """
mkdir -p /run/sendmail
cd /etc/mail
m4 /etc/mail/sendmail.mc >sendmail.cf
echo 'To:example.org RELAY' | /usr/libexec/sendmail/makemap hash access
/usr/libexec/sendmail/makemap hash mailertable <mailertable
"""
# mail.local finds no way to lock a mailbox in here
KEEP = """#!/bin/sh
for user; do :; done
mkdir -p /home/$user/Maildir/new && exec cat >/home/$user/Maildir/new/$$
"""


class Sendmail(Provider):
    package = "sendmail-bin"
    users = (("smmta", 60916), ("smmsp", 60917), UNIFIED, OTHER)
    recipe, hop = "sendmail", "provider.example"

    def prepare(self):
        super().prepare()
        self.put("/etc/mail/sendmail.mc", MC % self.smtp_port)
        self.put("/etc/mail/local-host-names", "provider.example\n")
        self.put("/etc/mail/mailertable", "example.org\tunified:localhost\n")
        self.put("/etc/mail/aliases", "postmaster: root\n")
        self.put_store()
        self.put("/usr/local/libexec/keep", KEEP, 0o755)
        self.put_recipe("unified.m4", "/usr/share/sendmail/cf/feature/unified.m4")

    def command(self):
        return START + "dovecot -F & exec /usr/libexec/sendmail/sendmail -bD -q1m -C /etc/mail/sendmail.cf"
