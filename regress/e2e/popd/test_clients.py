# SPDX-License-Identifier: ISC
"""
Programs that people read mail with, against the daemon: in clear, with STLS, with TLS; leaving, deleting; with each way to log in
that they can be told; with a wrong password.  lib/popclients.py has the programs, and what each of them cannot.
"""
import collections
import email
import email.header
import email.utils
import itertools
import os
import pwd
import re

import pytest

from lib import corpus
from lib import rig as rigs
from lib.popclients import CLIENTS
from popd.test_popd import Mail

OWNER = pwd.getpwnam("_rpopm")
SERIAL = itertools.count(1)
ACCOUNTS = 120
SAMPLES = {name: data.replace(b"\r\n", b"\n") for name, data in {**corpus.awkward("c"), **corpus.bare("c")}.items()}
SAMPLES.update({"noend": b"Subject: x\n\nno end", "noendhead": b"Subject: no end",
    "crlf": b"Subject: x\r\n\r\none\r\ntwo\nthree\r\n.\r\n"})
MATRIX = [(name, mode) for name, client in CLIENTS.items() for mode in client.modes]
LOGINS = [(name, auth) for name, client in CLIENTS.items() for auth in client.mechanisms]


class Site(Mail):
    """Accounts with passwords and mail, and a listener for each way to connect."""

    def __init__(self, rig):
        for n in range(1, ACCOUNTS):
            rig.account("u%d@example.org" % n)
        super().__init__(rig)
        self.ports = {"clear": self.port, "stls": self.listen(tls="stls"), "tls": self.listen(tls="tls")}
        self.start()

    def fill(self, user, samples):
        """These messages, and nothing else, are new in the account's Maildir."""
        self.put("example.org/" + user)
        new = os.path.join(self.rig.mail, "example.org", user, "new")
        os.unlink(os.path.join(new, "1.M1.rig"))
        for i, (name, data) in enumerate(samples.items(), 1):
            path = os.path.join(new, "%d.M1.%s" % (1700000000 + i, name))
            with open(path, "wb") as f:
                f.write(data)
            os.chown(path, OWNER.pw_uid, OWNER.pw_gid)

    def files(self, user):
        """Names of messages below the account's Maildir: new/NAME or cur/NAME:2,FLAGS."""
        top = os.path.join(self.rig.mail, "example.org", user)
        return sorted(sub + "/" + name for sub in ("new", "cur") for name in os.listdir(os.path.join(top, sub)))

    def ends(self, user):
        """What the log says at the end of each session of an account."""
        return re.findall(r"^POP \d+: %s@example\.org, (.*)$" % user, self.daemon.log(), re.M)


@pytest.fixture(scope="module")
def site(pki):
    rig = rigs.Rig(pki)
    try:
        site = Site(rig)
        yield site
        assert site.daemon.stop() == 0 and "s3cret" not in site.daemon.log()
    finally:
        rig.close()


@pytest.fixture
def user(site):
    """An account that no other test has."""
    return "u%d" % next(SERIAL)


@pytest.fixture
def client(site, user, pki):
    """Makes a client of that account: client(name, mode, auth)."""
    made = []

    def make(name, mode, auth=None):
        made.append(CLIENTS[name](pki, site.ports[mode], mode, user + "@example.org", "s3cret-" + user, auth))
        return made[0]
    yield make
    for c in made:
        c.close()


def brought(c, samples):
    """What has come is what was there, octet for octet, but for what the program alters by its nature."""
    got = collections.Counter(c.got())
    exact = collections.Counter(c.expected(data) for name, data in samples.items() if name not in c.alters)
    missing = [name for name, data in samples.items() if name not in c.alters and c.expected(data) in exact - got]
    assert not missing, "%s; instead there is %r" % (missing, [data[:200] for data in got - exact])
    assert sum(got.values()) == len(samples)
    ids = [corpus.ident_of(data) for data in c.raw()]
    assert sorted(filter(None, ids)) == sorted(filter(None, map(corpus.ident_of, samples.values())))


@pytest.mark.parametrize("leave", [True, False], ids=["leave", "delete"])
@pytest.mark.parametrize("name, mode", MATRIX)
def test_retrieve(site, user, client, name, mode, leave):
    """
    Everything comes once.  What is left is all there, seen if the program said RETR, and does not come again to a program that
    keeps unique-ids; what is deleted is gone.
    """
    c = client(name, mode)
    samples = {s: data for s, data in SAMPLES.items() if s not in c.cannot}
    site.fill(user, samples)
    result = c.fetch(leave)
    assert result.code == 0, result.log
    brought(c, samples)
    if not leave:
        rigs.wait_for(lambda: site.files(user) == [], "an empty Maildir")
        assert c.fetch(leave).code == 0
        brought(c, samples)
        return
    seen = ["%s.M1.%s%s" % ("cur/%d" % n if c.marks else "new/%d" % n, s, ":2,S" if c.marks else "")
        for n, s in enumerate(samples, 1700000001)]
    rigs.wait_for(lambda: site.files(user) == seen, "what is left to be seen")
    sessions = rigs.wait_for(lambda: len(site.ends(user)), "the end of the session")
    if c.keeps:
        assert c.fetch(leave).code == 0
        rigs.wait_for(lambda: len(site.ends(user)) > sessions, "the end of the second session")
        assert ", 0 retrieved, 0 looked at, 0 deleted," in site.ends(user)[-1]
        brought(c, samples)
        assert site.files(user) == seen
    assert all("TLS" in end for end in site.ends(user)) == (mode != "clear")


UTF8_HEADER = ('From: "Müller, Jörg" <joerg@example.org>\nTo: зоя@example.org\nSubject: Füße und 日本語\nX-Test-Id: utf8header\n'
    'Content-Type: text/plain; charset=utf-8\n\nGrüße\n').encode()


@pytest.mark.parametrize("name", CLIENTS)
def test_header_in_utf8(site, user, client, name):
    """A program that does not say UTF8 gets a header in ASCII, which says the same; one that does, rpopd, gets every octet."""
    c = client(name, "clear")
    site.fill(user, {"utf8header": UTF8_HEADER})
    result = c.fetch(False)
    assert result.code == 0 and len(c.raw()) == 1, result.log
    assert site.files(user) == []
    if name == "rpopd":
        assert c.got() == [c.expected(UTF8_HEADER)]
        return
    head, body = c.raw()[0].replace(b"\r\n", b"\n").split(b"\n\n", 1)
    message = email.message_from_bytes(head + b"\n\n")
    assert head.isascii() and "Grüße".encode() in body
    assert str(email.header.make_header(email.header.decode_header(message["Subject"]))) == "Füße und 日本語"
    (shown, address), = email.utils.getaddresses([message["From"]])
    assert address == "joerg@example.org" and str(email.header.make_header(email.header.decode_header(shown))) == "Müller, Jörg"
    assert email.utils.parseaddr(message["To"])[1] == "invalid@internationalized-address.invalid"


@pytest.mark.parametrize("name, auth", LOGINS)
def test_login(site, user, client, name, auth):
    """Each way to log in that a program can be told works with a password that the daemon can read, and is what was used."""
    site.fill(user, {"plain": SAMPLES["plain"]})
    c = client(name, "clear", auth)
    result = c.fetch(True)
    assert result.code == 0 and len(c.got()) == 1, result.log
    rigs.wait_for(lambda: site.ends(user), "the end of the session")
    assert {end.split(", ")[1] for end in site.ends(user)} == {"by " + c.mechanisms[auth]}


@pytest.mark.parametrize("name", CLIENTS)
def test_wrong_password(rig, pki, name):
    """The program says so and brings nothing; the mail stays as it is, and comes with the right password."""
    site = Site(rig)
    samples = {s: SAMPLES[s] for s in ("plain", "dots")}
    site.fill("anna", samples)
    before = site.files("anna")
    c = CLIENTS[name](pki, site.port, "clear", "anna@example.org", "wrong-word")
    try:
        result = c.fetch(False)
        assert result.code != 0 and c.refusal in result.log, (result.code, result.log)
        assert c.got() == [] and site.files("anna") == before
        rigs.wait_for(lambda: site.who() == [], "the end of the session")
        assert site.count("anna") == len(samples)
    finally:
        c.close()
    c = CLIENTS[name](pki, site.port, "clear", "anna@example.org", "s3cret-anna")
    try:
        result = c.fetch(False)
        assert result.code == 0, result.log
        brought(c, samples)
    finally:
        c.close()
    assert site.daemon.stop() == 0 and site.files("anna") == []
    assert "s3cret" not in site.daemon.log() and "wrong-word" not in site.daemon.log()
