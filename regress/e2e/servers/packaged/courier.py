# SPDX-License-Identifier: ISC
"""Courier: USER and PASS, STLS, POP3S, SASL PLAIN, LOGIN, CRAM-MD5, CRAM-SHA1, CRAM-SHA256; Maildir."""
from . import Maildir

COMMAND = r"""
mkdir -p /run/courier/authdaemon
{
while IFS=: read -r user secret; do
	entry=$(printf '%%s\n' "$secret" | userdbpw -hmac-md5)
	plain=$(printf '%%s\n' "$secret" | userdbpw -md5)
	id=$(id -u $user)
	printf '%%s\tuid=%%d|gid=%%d|home=/data/mail/%%s|mail=/data/mail/%%s/Maildir|systempw=%%s|hmac-md5pw=%%s\n' \
	    $user $id $id $user $user "$plain" "$entry"
done </data/secrets
} >/etc/courier/userdb
chmod 600 /etc/courier/userdb
makeuserdb
set -a
. /etc/courier/authdaemonrc
/usr/lib/courier/courier-authlib/authdaemond &
. /etc/courier/pop3d-ssl
. /etc/courier/pop3d
POP3AUTH='PLAIN LOGIN CRAM-MD5' POP3AUTH_TLS='PLAIN LOGIN CRAM-MD5' POP3_STARTTLS=YES COURIERTLS=/usr/bin/couriertls
TLS_CACHEFILE= TLS_CERTFILE=/etc/courier/server.pem TLS_PROTOCOL=TLSv1.2+ TLS_STARTTLS_PROTOCOL=TLSv1.2+ TLS_VERIFYPEER=NONE
tcpd='/usr/sbin/couriertcpd -address=127.0.0.1 -maxprocs=40 -maxperip=40 -nodnslookup -noidentlookup'
login='/usr/lib/courier/courier/courierpop3login /usr/lib/courier/courier/courierpop3d Maildir'
$tcpd %(sport)d /usr/bin/couriertls -server -tcpd $login &
$tcpd %(port)d $login &
wait
"""


class Courier(Maildir):
    package = "courier-pop"
    users = (("courier", 60903),)
    modes = ("none", "stls", "tls")
    login_delay = 10
    mechanisms = ("plain", "login", "cram-md5")	# of RFC 5034

    def prepare(self):
        cert, key = self.pki.cert()
        with open(cert) as c, open(key) as k:
            self.put("/etc/courier/server.pem", k.read() + c.read())
        self.put("/data/secrets", "".join("%s:%s\n" % (u, self.password_of(u)) for u in self.names), 0o600)
        self.put("/etc/courier/authdaemonrc", 'authmodulelist="authuserdb"\nauthmodulelistorig="authuserdb"\ndaemons=2\n'
            "authdaemonvar=/run/courier/authdaemon\n")
        for user in self.names:
            self.folder(user)

    def command(self):
        return COMMAND % {"port": self.port, "sport": self.sport}
