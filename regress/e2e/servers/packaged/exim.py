# SPDX-License-Identifier: ISC
"""Exim with Debian's split configuration."""
from .mta import OTHER, UNIFIED, Mta, Provider

CONF = """\
dc_eximconfig_configtype='internet'
dc_other_hostnames='provider.example;example.org'
dc_local_interfaces='127.0.0.1.%d'
dc_readhost=''
dc_relay_domains=''
dc_minimaldns='true'
dc_relay_nets='127.0.0.1'
dc_smarthost=''
CFILEMODE='644'
dc_use_split_config='true'
dc_hide_mailname=''
dc_mailname_in_oh='true'
dc_localdelivery='maildir_home'
"""
START = """
mkdir -p /var/spool/exim4 /var/log/exim4 /run/exim4 /var/lib/exim4
chown -R Debian-exim /var/spool/exim4 /var/log/exim4 /run/exim4
echo provider.example >/etc/mailname
update-exim4.conf
"""
DAEMON = "exec exim4 -bdf -q1m"


class Base(Mta):
    package = "exim4-daemon-light"
    users = (("Debian-exim", 60913), UNIFIED, OTHER)

    def prepare(self):
        super().prepare()
        self.put("/etc/aliases", "postmaster: other\n")
        self.put("/etc/exim4/update-exim4.conf.conf", CONF % self.smtp_port)

    def log(self):
        text = super().log()
        for name in ("mainlog", "paniclog", "rejectlog"):
            try:
                with open(self.path("upper", "var", "log", "exim4", name), errors="replace") as f:
                    text += f.read()
            except FileNotFoundError:
                pass
        return text


class Exim(Base, Provider):
    recipe = "exim"

    def prepare(self):
        super().prepare()
        self.put_recipe("router", "/etc/exim4/conf.d/router/150_unified")
        self.put_recipe("transport", "/etc/exim4/conf.d/transport/30_unified")

    def command(self):
        return START + "dovecot -F & " + DAEMON
