# SPDX-License-Identifier: ISC
"""Postfix, as a provider by the recipe of its own, and in front of Dovecot by Dovecot's."""
from servers.dovecot import free_port

from .mta import OTHER, UNIFIED, Mta, Provider

MAIN = """\
compatibility_level = 3.6
queue_directory = /var/spool/postfix
data_directory = /var/lib/postfix
myhostname = provider.example
mydestination = %s
mynetworks = 127.0.0.0/8
inet_interfaces = loopback-only
inet_protocols = ipv4
home_mailbox = Maildir/
alias_maps =
alias_database =
biff = no
maillog_file = /data/maillog
maillog_file_prefixes = /data
smtpd_authorized_xclient_hosts = 127.0.0.1
default_database_type = texthash
"""
MASTER = """\
127.0.0.1:%d inet n     -       y       -       -       smtpd
pickup    unix  n       -       y       60      1       pickup
cleanup   unix  n       -       y       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       y       1000?   1       tlsmgr
rewrite   unix  -       -       y       -       -       trivial-rewrite
bounce    unix  -       -       y       -       0       bounce
defer     unix  -       -       y       -       0       bounce
trace     unix  -       -       y       -       0       bounce
verify    unix  -       -       y       -       1       verify
flush     unix  n       -       y       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
smtp      unix  -       -       y       -       -       smtp
relay     unix  -       -       y       -       -       smtp
showq     unix  n       -       y       -       -       showq
error     unix  -       -       y       -       -       error
retry     unix  -       -       y       -       -       error
discard   unix  -       -       y       -       -       discard
local     unix  -       n       n       -       -       local
virtual   unix  -       n       n       -       -       virtual
lmtp      unix  -       -       y       -       -       lmtp
anvil     unix  -       -       y       -       1       anvil
scache    unix  -       -       y       -       1       scache
postlog   unix-dgram n  -       n       -       1       postlogd
"""
USERS = (("postfix", 60911), ("postdrop", 60912))
START = """
mkdir -p /var/lib/postfix && chown postfix /var/lib/postfix
cp /etc/hosts /etc/resolv.conf /etc/services /var/spool/postfix/etc/ 2>/dev/null || true
postfix set-permissions create-missing >/dev/null 2>&1 || true
postfix check
"""


class Base(Mta):
    package = "postfix"
    users = USERS + (UNIFIED, OTHER)
    domains = "provider.example, localhost"

    def prepare(self):
        super().prepare()
        self.put("/etc/postfix/main.cf", MAIN % self.domains + self.main_cf())
        self.put("/etc/postfix/master.cf", MASTER % self.smtp_port + self.master_cf())

    def main_cf(self):
        return ""

    def master_cf(self):
        return ""

    def log(self):
        text = super().log()
        try:
            with open(self.path("data", "maillog"), errors="replace") as f:
                return text + f.read()
        except FileNotFoundError:
            return text


class Postfix(Base, Provider):
    recipe, hop = "postfix", "unified.localhost"

    def prepare(self):
        self.again_port = free_port()
        super().prepare()
        for name in ("unified-strip", "unified-add"):
            self.put_recipe(name, "/etc/postfix/" + name)

    def main_cf(self):
        return self.recipe_text("main.cf").replace("10026", str(self.again_port))

    def master_cf(self):
        return self.recipe_text("master.cf").replace("10026", str(self.again_port))

    def command(self):
        return START + "dovecot -F & exec postfix start-fg"


class DovecotLmtp(Base, Provider):
    """Dovecot's recipe; the login is any address of the domain."""
    recipe, hop = "dovecot", "provider.example"
    login = "postmaster@example.org"

    def prepare(self):
        super().prepare()
        self.put_recipe("unified.conf", "/etc/dovecot/unified.conf")
        for name in ("unified-domains", "unified.sieve"):
            self.put_recipe(name, "/etc/dovecot/" + name)

    def mailbox_conf(self):
        return "!include unified.conf\n"

    def main_cf(self):
        """The lines that the recipe names."""
        lines = self.recipe_text("unified.conf").split("\n")
        return "".join(line.strip("#\t ") + "\n" for line in lines if line.startswith("#\tvirtual_"))

    def command(self):
        return START + "sievec /etc/dovecot/unified.sieve; dovecot -F & exec postfix start-fg"
