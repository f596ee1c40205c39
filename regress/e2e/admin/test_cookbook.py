# SPDX-License-Identifier: ISC
"""
The recipes of rpopd-cookbook(7), typed as the page has them, from a store with nothing in it: only servers, paths and
the logins at real servers are those of the test.  POP3 servers, LMTP and SMTP next hops are real ones, where Debian has them.
"""
import os
import shutil

import pytest

from lib import corpus, rig as rigs
from lib.cookbook import recipes
from servers import packaged
from servers.dovecot import Dovecot
from servers.idp import JWT_KEY, Idp, jwt
from servers.logins import Tokens
from servers.packaged.nexthops import DovecotHop, PostfixHop
from servers.pop3 import Behaviour
from test_import import PROGRAMS
from test_user import as_user

ANNA, PM = "example.org/anna", "example.org/postmaster"
USER = "games"		# a system user that every Debian has, who is anna here

# Each has one record of a person's, which polls a real Dovecot here.
PERSONS = ["Yahoo", "GMX", "WEB.DE", "T-Online", "Orange", "mailcow", "docker-mailserver", "Mailu", "Mail-in-a-Box"]
# What the provider of each writes into a message for this local part, or lets stand there.
DOMAINS = {
    "X-Real-To": lambda who: [("X-Real-To", who + "@example.org")],
    "X-Original-To": lambda who: [("Delivered-To", "unified@provider.example"), ("X-Original-To", who + "@example.org")],
    "Delivered-To": lambda who: [("Delivered-To", "example-%s@example.org" % who)],
    "Envelope-To": lambda who: [("Envelope-To", who + "@example.org")],
    "No field": lambda who: [("To", who + "@example.org")],
}


class Kitchen:
    """A daemon on an empty store, in which recipes are typed."""

    def __init__(self, rig):
        self.rig = rig

    def cook(self, name, swap=(), typed="s3cret-word", only=lambda words: True):
        """Type the commands of a recipe.  swap: beginnings of words, and the words that stand for what begins so; each is used."""
        recipe, unused = recipes()[name], set(dict(swap))
        for prompt, words in recipe.commands:
            if not only(words):
                continue
            for old, new in dict(swap).items():
                unused -= {old} if any(w.startswith(old) for w in words) else set()
                words = [new if w.startswith(old) else w for w in words]
            self.type(prompt, words, typed, recipe)
        assert not unused, unused
        return recipe

    def type(self, prompt, words, typed, recipe):
        if prompt == "$":
            done = as_user(self.rig, USER, *words[1:], typed=typed + "\n")
            assert done.code == 0, done.log
        elif words[0] == "rpopctl":
            self.rig.ctl(*words[1:], typed=typed + "\n")
        else:
            assert words[0] == "sqlite3" and words[2].startswith(".read "), words
            self.rig.sqlite("\n".join(recipe.others))

    def gets(self, **idents):
        """Waits until this, and nothing else, lies in the Maildirs: anna=[...], postmaster=[...]."""
        wanted = {"example.org/" + who: ids for who, ids in idents.items()}
        rigs.wait_for(lambda: self.rig.idents() == wanted, wanted)


@pytest.fixture
def kitchen(rig):
    rig.sql = lambda: ["UPDATE settings SET mail_root = '%s', ca_dir = '%s', self_poll = 1, hostname = 'rig.test';"
        % (rig.mail, rig.pki.certs)]
    rig.start().ready()
    k = Kitchen(rig)
    k.cook("DESCRIPTION")
    return k


@pytest.fixture
def scratch():
    directory = rigs.scratch("rpcook.")
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def idp(pki):
    server = Idp(pki)
    yield server
    server.stop()


def at(server, user=None):
    """Words that name the provider's server, and if wanted the login, as swap of cook()."""
    swap = {"domain=": "domain=%s:%d" % (server.host, server.sport if hasattr(server, "sport") else server.port)}
    return dict(swap, **{"auth_name=": "auth_name=" + user}) if user else swap


@pytest.mark.parametrize("name", PERSONS)
def test_a_person(kitchen, dovecot_server, mailbox, name):
    """The mail comes at once, over TLS, stays on the server, and does not come again."""
    user, password = mailbox([corpus.mail("one"), corpus.mail("two")])
    kitchen.cook(name, at(dovecot_server, user), password)
    kitchen.gets(anna=["one", "two"])
    dovecot_server.add(user, corpus.mail("three"))
    kitchen.rig.ctl("poll", "-w", "anna@example.org")
    kitchen.gets(anna=["one", "three", "two"])
    assert len(dovecot_server.messages(user)) == 3


class Gmail(Behaviour):
    """Lists what no session that ended well has retrieved, and in recent mode everything."""

    def __init__(self, user):
        super().__init__()
        self.user, self.popped = user.encode(), set()

    def view(self, s, messages):
        return [m for m in messages if s.user.startswith(b"recent:") or m.uid not in self.popped]


def test_gmail(kitchen, pop3):
    """What was there stays there; what comes later comes once, whether another program has retrieved it or not."""
    server = pop3(Gmail(recipes()["Gmail"].value("auth_name")), [corpus.mail("before")], "pop3s")
    kitchen.cook("Gmail", at(server))
    rigs.wait_for(lambda: kitchen.rig.status()["records"][0]["polls"] >= 1, "the first poll")
    for ident in ("one", "two"):
        server.box.add(corpus.mail(ident))
    server.behaviour.popped = {m.uid for m in server.box.messages}
    for _ in range(2):
        kitchen.rig.ctl("poll", "-w", "anna@example.org")
        kitchen.gets(anna=["one", "two"])
    assert len(server.box.left()) == 3


TOKENS = {"Google Workspace": "1//0refresh", "Outlook.com and Microsoft 365, a person's mailbox": "M.C5-refresh"}


@pytest.mark.parametrize("name", TOKENS)
def test_refresh_token(kitchen, pop3, idp, name):
    """The refresh token, put into the store by hand, gets the access tokens that the server takes."""
    server = pop3(Tokens(), [], "pop3s")
    idp.access = lambda user: server.behaviour.good.add("at-%d" % idp.serial) or "at-%d" % idp.serial
    idp.grants[TOKENS[name]] = "anna"
    if "password" in str(recipes()[name].commands):
        idp.clients[recipes()[name].value("client_id")] = "s3cret-word"
    kitchen.cook(name, dict(at(server), **{"token_url=": "token_url=" + idp.url()}))
    rigs.wait_for(lambda: kitchen.rig.status()["records"][0]["polls"] >= 1, "the first poll")
    server.box.add(corpus.mail("one"))
    kitchen.rig.ctl("poll", "-w", "anna@example.org")
    kitchen.gets(anna=["one"])


@pytest.fixture
def tokens_dovecot(pki, scratch):
    server = Dovecot(scratch, pki, jwt_key=JWT_KEY)
    yield server
    server.stop()


def test_microsoft_application(kitchen, tokens_dovecot, idp):
    """The application's secret gets a token with which a real Dovecot lets it in."""
    recipe = recipes()["Microsoft 365, mailboxes of an organisation by the application"]
    user = recipe.value("auth_name")
    tokens_dovecot.add_user(user)
    tokens_dovecot.add(user, corpus.mail("one"))
    idp.access = lambda _: jwt(user)
    idp.clients[recipe.value("client_id")] = "s3cret-word"
    kitchen.cook(recipe.name, dict(at(tokens_dovecot), **{"token_url=": "token_url=" + idp.url()}))
    kitchen.gets(anna=["one"])
    assert idp.requests[0]["form"]["grant_type"] == "client_credentials"
    assert idp.requests[0]["form"]["scope"] == recipe.value("scope")


def domain(kitchen, server, mailbox, name, mails):
    """The record of a whole domain, by this recipe, with a real mailbox: its login."""
    user, password = mailbox(mails)
    kitchen.cook(name, at(server, user), password)
    return user


@pytest.mark.parametrize("name", DOMAINS)
def test_a_domain(kitchen, dovecot_server, mailbox, name):
    """Everybody gets his own, the postmaster what is for nobody, and then the mailbox is emptied."""
    field = DOMAINS[name]
    user = domain(kitchen, dovecot_server, mailbox, name, [corpus.mail("a", field("anna")), corpus.mail("p", field("postmaster"))])
    kitchen.gets(anna=["a"], postmaster=["p"])
    assert len(dovecot_server.messages(user)) == 2
    if name != "No field":
        dovecot_server.add(user, corpus.mail("n", field("nobody")))
        kitchen.rig.ctl("poll", "-w", "postmaster@example.org")
        kitchen.gets(anna=["a"], postmaster=["n", "p"])
    kitchen.cook("A WHOLE DOMAIN IN ONE MAILBOX")
    kitchen.rig.ctl("poll", "-w", "postmaster@example.org")
    assert dovecot_server.messages(user) == []


def test_dovecot_by_lmtp(kitchen, dovecot_server, mailbox, scratch, pki):
    """Mail of a domain goes into the mailboxes that Dovecot has, over its socket, and none into a Maildir here."""
    hop = DovecotHop(scratch + "/hop", pki)
    try:
        kitchen.cook("Dovecot by LMTP", {"address=": "address=" + hop.row(socket=True)["address"]})
        domain(kitchen, dovecot_server, mailbox, "X-Real-To", [corpus.mail(who[0], [("X-Real-To", who + "@example.org")])
            for who in ("anna", "postmaster")])
        rigs.wait_for(lambda: all(hop.got(who) for who in ("anna", "postmaster")), "the mail")
        assert [[corpus.ident_of(m) for m in hop.got(who)] for who in ("anna", "postmaster")] == [["a"], ["p"]]
        assert kitchen.rig.idents() == {}
    finally:
        hop.stop()


class Aliases(PostfixHop):
    def main_cf(self):
        return super().main_cf() + "virtual_alias_maps = inline:{sales@example.org=bert@example.org}\n"


@pytest.mark.parametrize("name", ["Postfix by SMTP, which has the aliases", "Exchange"])
def test_smtp_hop(kitchen, dovecot_server, mailbox, scratch, pki, name):
    """A Postfix gets what is for accounts and what is for addresses that it alone knows, and follows its aliases."""
    why = packaged.missing(PostfixHop.package)
    if why:
        pytest.skip(why)
    hop = Aliases(scratch + "/hop", pki)
    try:
        kitchen.cook(name, {"address=": "address=" + hop.row()["address"]})
        domain(kitchen, dovecot_server, mailbox, "X-Real-To", [corpus.mail(who[0], [("X-Real-To", who + "@example.org")])
            for who in ("anna", "sales", "info")])
        wanted = {"anna": ["a"], "bert": ["s"], "info": ["i"]}
        rigs.wait_for(lambda: all(hop.got(who) for who in wanted), "the mail")
        assert {who: [corpus.ident_of(m) for m in hop.got(who)] for who in wanted} == wanted
        assert kitchen.rig.idents() == {}
    finally:
        hop.stop()


def test_users(kitchen, pop3):
    """A user makes a record, sees it and removes it.  Its trial is left out: he may poll public addresses only."""
    name = "Users who keep records themselves"
    kitchen.cook(name, {"unix_user=": "unix_user=" + USER}, only=lambda words: "account" in words)
    page = Kitchen.type

    def without_trial(self, prompt, words, typed, recipe):
        page(self, prompt, words + (["--no-try"] if "add" in words else []), typed, recipe)
    kitchen.type = without_trial.__get__(kitchen)
    kitchen.cook(name, at(pop3()), only=lambda words: "add" in words)
    made = kitchen.rig.status()["records"]
    assert [(r["account"], r["name"]) for r in made] == [("anna@example.org", "isp")]
    assert "isp" in as_user(kitchen.rig, USER, "status").log
    kitchen.cook(name, only=lambda words: "remove" in words or "status" in words)
    assert kitchen.rig.status()["records"] == []


def test_domain_administrator(kitchen, pop3):
    """Who administers the domain makes a record for somebody else in it."""
    kitchen.cook("Users who keep records themselves", {"unix_user=": "unix_user=" + USER}, only=lambda words: "account" in words)
    words = ("record", "add", "postmaster@example.org/isp", at(pop3())["domain="], "auth_name=user", "--no-try")
    assert as_user(kitchen.rig, USER, *words, typed="s3cret-word\n").code == 1
    kitchen.cook("Somebody who keeps the records of a domain")
    done = as_user(kitchen.rig, USER, *words, typed="s3cret-word\n")
    assert done.code == 0, done.log


@pytest.mark.parametrize("name", ["fdm", "fetchmail", "getmail", "mpop"])
def test_moving_in(kitchen, dovecot_server, mailbox, scratch, name):
    """The real program has retrieved two messages and left them; what comes later comes here, and nothing twice."""
    user, password = mailbox([corpus.mail("old0"), corpus.mail("old1")])
    program = PROGRAMS[name](os.path.join(scratch, name), dovecot_server, user, password, True)
    program.run()
    assert program.delivered() == 2
    dovecot_server.add(user, corpus.mail("new"))
    config, seen = [w for w in recipes()[name].commands[0][1] if w.startswith("/home/")]
    kitchen.cook(name, {config: program.config, seen: program.seen()[0]}, password)
    kitchen.gets(anna=["new"])
    kitchen.rig.ctl("poll", "-w", "anna@example.org")
    kitchen.gets(anna=["new"])
    assert len(dovecot_server.messages(user)) == 3
