# SPDX-License-Identifier: ISC
"""
The web page to be looked at: a private Dovecot as the provider, the daemon with settings.web_socket, and nginx with TLS on loopback.
Prints where the page is and who may log in, and ends with Ctrl-C.  The world that it makes is that of the screenshots, too.
"""
import contextlib
import json
import os
import secrets
import signal
import sys

from demo import run, say, step
from lib import corpus, rig as rigs, website
from lib.website import ANNA, BERT, DORA, PM, Site
from servers.smtp import SmtpServer

LETTERS = [("Offer 2024-117", "sales@provider.example"), ("Re: meeting on Thursday", "carla@friends.example"), ("Invoice 4711", "billing@isp.example")]
WHO = ((ANNA, "keeps her records herself"), (BERT, "sees his, and changes none"), (DORA, "administers example.org"), (PM, "administers the server"))


def provider(server, user, letters=LETTERS, to=()):
    """A mailbox with some letters; to: whom each is for, as a provider of a whole domain says it.  Returns the password."""
    word = server.add_user(user)
    for i, (subject, sender) in enumerate(letters):
        header = [("From", sender), ("Subject", subject), ("To", user)] + [("X-Real-To", name) for name in to[i:i + 1]]
        server.add(user, corpus.mail("%s-%d" % (user, i), header))
    return word


def furnish(site, server, scanner):
    """
    Records that work, one that does not, one of a whole domain, a next hop that does not answer, and one that refuses a report, which
    is held then.
    """
    rig = site.rig
    rig.sqlite("""INSERT INTO nexthop (name, protocol, address) VALUES ('office', 'lmtp', '%s'), ('scanner', 'lmtp', '%s');
        INSERT INTO route (address, nexthop) VALUES ('sales@example.org', 'office'), ('archive@example.org', 'scanner');"""
        % (os.path.join(rig.dir, "nobody.sock"), scanner.address))
    domain = "example.org@provider.example"
    records = [(ANNA, "private", "anna@provider.example", {"mailbox": "Private", "period": 900}),
        (ANNA, "old address", "anna.alt@provider.example", {"leave": 1}), (BERT, "work", "bert@provider.example", {"tls": "stls", "leave": 1}),
        (PM, "domain", domain, {"special": "X-Real-To", "period": 300})]
    for owner, name, user, columns in records:
        word = provider(server, user, to=("sales", "anna", "bert") if user == domain else ())
        row = rig.record(owner, name, server, user, "s3cret-mistyped" if name == "old address" else word, **columns)
        rig.sqlite(rigs.insert("rpop", row))
    server.add(domain, corpus.mail("held", [("Return-Path", "<>"), ("X-Real-To", "archive"), ("Subject", "Undelivered mail")]))


@contextlib.contextmanager
def world(rig, server):
    """A Site that runs, whose records have been polled."""
    words = {address: secrets.token_urlsafe(9) for address, _ in WHO}
    scanner = SmtpServer("lmtp")
    scanner.answers = {"archive@example.org": "550 5.7.1 no reports here"}
    site = Site(rig, words=words)
    try:
        furnish(site, server, scanner)
        site.start()
        rigs.wait_for(lambda: all(r["polls"] or r["state"] == "disabled" for r in rig.status()["records"]), "the first polls")
        rigs.wait_for(lambda: json.loads(rig.ctl("-j", "quarantine").log)["queue"], "the message in quarantine")
        rig.ctl("alert", ANNA, "The server is restarted on Sunday at 20:00.")
        yield site
    finally:
        site.close()
        scanner.stop()


def show(rig, server):
    why = website.lacking()
    if why is not None:
        say("demo-web: " + why)
        return 1
    step("A private Dovecot, the daemon, and nginx in front of its web page")
    with world(rig, server) as site:
        say("   rpopd.db                      %s" % rig.db)
        say("   rpopctl -s %s/rpopd.sock\n" % rig.run)
        say("   %s" % site.url())
        say("   The certificate is of this demonstration's own authority, %s: a browser asks about it.\n" % rig.pki.path("ca.pem"))
        for address, what in WHO:
            say("   %-26s %-16s %s" % (address, site.words[address], what))
        say("\n   Ctrl-C ends it, and removes all of it.")
        while site.daemon.running():
            signal.pause()
        say("The daemon has ended:\n" + site.daemon.log())
    return 1


if __name__ == "__main__":
    sys.exit(run(show))
