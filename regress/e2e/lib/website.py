# SPDX-License-Identifier: ISC
"""A whole installation with its web page: the daemon, a web server in front of it, accounts of every kind, and browsers."""
import json
import os

from clients.browser import Browser
from servers import webserver
from . import rig as rigs

ANNA, BERT, CARL, DORA, PM = "anna@example.org", "bert@example.org", "carl@example.com", "dora@example.org", "postmaster@example.org"
COOKIE = "__Host-rpopd"
LOOSE = ("web", "rpopd", "auth")	# programs that the page needs

# Every page, with who may see it: of the accounts above, in this order: user, administrator of a domain, of the server.
USER, DOMAIN, SERVER = ANNA, DORA, PM
PAGES = {
    "/records": USER,
    "/records/try?record=isp": USER,
    "/password": USER,
    "/admin/accounts": DOMAIN,
    "/admin/records?account=" + ANNA: DOMAIN,
    "/admin/rpop": SERVER,
    "/admin/pop": SERVER,
    "/admin/status": SERVER,
    "/admin/queue": SERVER,
    "/admin/quarantine": SERVER,
    "/admin/alerts": SERVER,
}


def lacking():
    """What this build lacks for a web page, as a sentence; None: nothing."""
    for program in LOOSE:
        if not os.path.exists(os.path.join(rigs.BUILD, program)):
            return "this build has no program " + program
    with open(os.path.join(rigs.REPO, "etc", "rpopd.sql")) as f:
        if "web_socket" not in f.read():
            return "the schema has no settings.web_socket"
    return None


def needed():
    """For a test file's pytestmark."""
    import pytest	# demonstrations do without it
    return pytest.mark.skipif(lacking() is not None, reason=str(lacking()))


def password(address):
    return "s3cret-" + address.split("@")[0]


class Site:
    """
    Anna keeps her records herself, Bert does not; Carl's domain is another one, Dora administers example.org, and the postmaster the
    server.  Anna has the record "isp", which is her own, and nothing answers there.
    """

    def __init__(self, rig, server=webserver.Nginx, base="", words=None):
        """words: {address: password} of those that are not password()'s."""
        self.rig, self.kind, self.base, self.words = rig, server, base, words or {}
        self.server = self.daemon = None
        for address in (PM, ANNA, BERT, DORA, CARL):
            rig.account(address)
        self.socket = os.path.join(rig.dir, "web.sock")
        rig.settings.update(web_socket=self.socket, web_group="www-data", hostname="mail.example.org")
        rig.write_db()
        rig.sqlite("""UPDATE account SET password = '{PLAIN}s3cret-' || name, can_modify_rpop = name IN ('anna', 'carl');
            INSERT INTO server_admin VALUES ('%s'); INSERT INTO domain_admin (account, domain) VALUES ('%s', 'example.org');""" % (PM, DORA))
        for address, word in self.words.items():
            rig.sqlite("UPDATE account SET password = '{PLAIN}%s' WHERE address = '%s';" % (word, address))
        self.own_record(ANNA, "isp")

    def own_record(self, account, name, **columns):
        """A record that its owner has made: it polls no address of this machine."""
        row = {"account": account, "name": name, "domain": "pop.example.net", "auth_name": "user", "password": "s3cret-word",
            "period": None, "self_service": 1}
        row.update(columns)
        self.rig.sqlite(rigs.insert("rpop", row))

    def start(self):
        self.daemon = self.rig.start()
        rigs.wait_for(lambda: all(name + " ready" in self.daemon.log() for name in ("web", "auth")) and os.path.exists(self.socket),
            "the web page")
        directory = os.path.join(self.rig.dir, "front")
        os.mkdir(directory, 0o755)
        self.server = self.kind(directory, self.rig.pki, self.socket, self.base)
        return self

    def restart(self):
        self.daemon.stop()
        self.daemon = self.rig.start()
        rigs.wait_for(lambda: all(name + " ready" in self.daemon.log() for name in ("web", "auth")) and os.path.exists(self.socket),
            "the web page")

    def url(self, path="/"):
        return self.server.url(path)

    def rows(self, sql):
        """What the store has, as lists of text."""
        return [line.split("|") for line in self.rig.sqlite(sql)[1].splitlines()]

    def listed(self, what):
        """What rpopctl lists: queue or quarantine."""
        return json.loads(self.rig.ctl("-j", what).log)["queue"]

    def names(self, account=ANNA):
        return [row[0] for row in self.rows("SELECT name FROM rpop WHERE account = '%s' ORDER BY name;" % account)]

    def period(self, name, account=ANNA):
        """None: there is no such record; "": it is disabled."""
        found = self.rows("SELECT ifnull(period, '') FROM rpop WHERE account = '%s' AND name = '%s';" % (account, name))
        return found[0][0] if found else (None if name not in self.names(account) else "")

    def browser(self, address=None, plain=False):
        """One without scripts; logged in, if that is somebody."""
        b = Browser(self.server.plain if plain else self.server.port, None if plain else self.rig.pki, self.base)
        if address is not None:
            page = b.log_in(address, self.words.get(address, password(address)))
            assert page.status == 200 and COOKIE in b.cookies, page.text
        return b

    def enter(self, tab, address):
        """The same with Chromium."""
        tab.go(self.url())
        tab.fill(address=address, password=self.words.get(address, password(address)))
        tab.press("form:has([name=password]) button")
        assert "/records" in tab.path() or "/admin" in tab.path(), tab.text()

    def close(self):
        if self.server:
            self.server.stop()


def row_of(form, name):
    """The number of a record's row in a form; name "": the row that adds one."""
    for field, value in form.fields:
        if field.startswith("row.") and value == name:
            return field.partition(".")[2]
    raise AssertionError("no row of %r: %s" % (name, form.names()))


def changes(form, record, /, **columns):
    """{field: value} for a record's row."""
    n = row_of(form, record)
    return {"%s.%s" % (column, n): value for column, value in columns.items()}


def added(form, name, /, **columns):
    """{field: value} that adds a record, which is not polled."""
    values = dict({"name": name, "period": "disabled", "auth_name": "user", "domain": "pop.example.net", "password": "s3cret-word"}, **columns)
    return changes(form, "", **values)
