# SPDX-License-Identifier: ISC
"""Cyrus: USER and PASS, APOP, STLS, POP3S, SASL with whatever libsasl2's modules bring (PLAIN, LOGIN, CRAM-MD5, SCRAM, NTLM)."""
import poplib
import smtplib

from . import Server

IMAPD = """\
configdirectory: /data/cyrus
partition-default: /data/spool
defaultpartition: default
proc_path: /run/cyrus/proc
mboxname_lockpath: /run/cyrus/lock
lmtpsocket: /data/lmtp
servername: cyrus.example
admins: cyrus
unixhierarchysep: no
autocreate_quota: 0
autocreate_post: yes
allowplaintext: yes
allowapop: yes
munge8bit: no
popminpoll: 0
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: /data/sasldb2
sasl_mech_list: PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256 NTLM
tls_server_cert: /etc/cyrus.pem
tls_server_key: /etc/cyrus.key
tls_versions: tls1_2 tls1_3
"""
CYRUS = """\
START {
	recover	cmd="/usr/sbin/cyrus ctl_cyrusdb -r"
}
SERVICES {
	pop3	cmd="pop3d" listen="127.0.0.1:%d" prefork=0 maxchild=40
	pop3s	cmd="pop3d -s" listen="127.0.0.1:%d" prefork=0 maxchild=40
	lmtp	cmd="lmtpd" listen="/data/lmtp" prefork=0 maxchild=5
}
EVENTS {
}
"""
COMMAND = r"""
mkdir -p /run/cyrus/proc /run/cyrus/lock /data/cyrus /data/spool
while IFS=: read -r user secret; do
	printf '%s\n' "$secret" | saslpasswd2 -p -c -f /data/sasldb2 -u cyrus.example $user
done </data/secrets
chown -R cyrus /run/cyrus /data/cyrus /data/spool /data/sasldb2
exec /usr/lib/cyrus/bin/master -D
"""


class Cyrus(Server):
    package = "cyrus-pop3d"
    users = (("cyrus", 60904),)
    modes = ("none", "stls", "tls")
    mechanisms = ("plain", "login", "cram-md5", "scram-sha-1", "scram-sha-256", "ntlm")

    def prepare(self):
        cert, key = self.pki.cert()
        for name, path in (("pem", cert), ("key", key)):
            with open(path) as f:
                self.put("/etc/cyrus." + name, f.read())
        self.put("/etc/imapd.conf", IMAPD)
        self.put("/etc/cyrus.conf", CYRUS % (self.port, self.sport))
        self.put("/data/secrets", "".join("%s:%s\n" % (u, self.password_of(u)) for u in self.names), 0o600)

    def command(self):
        return COMMAND

    def apop_secret(self, user):
        return self.password_of(user)

    def deliver(self, user, data):
        with smtplib.LMTP(self.path("data", "lmtp")) as lmtp:
            lmtp.sendmail("carl@sender.example", user, data)

    def left(self, user):
        c = poplib.POP3("127.0.0.1", self.port, timeout=20)
        c.user(user)
        c.pass_(self.password_of(user))
        n = c.stat()[0]
        c.quit()
        return n
