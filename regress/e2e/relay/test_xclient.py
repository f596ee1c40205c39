# SPDX-License-Identifier: ISC
"""XCLIENT: the next hop is told who gave the message to the provider, by the trusted hop's Received field, and nothing else."""
import sqlite3

import pytest

from lib import corpus
from servers.smtp import OK, TEMP

PM = "postmaster@example.org"
HOP = "mx1.provider.example"
OFFER = ("PIPELINING", "8BITMIME", "DSN", "XCLIENT NAME ADDR")


def trace(client="unknown [192.0.2.7]", helo="mail.sender.example"):
    return ("Received", "from %s (%s)\r\n\tby %s (Postfix) with ESMTP id 4AbCdE1\r\n\tfor <anna@example.org>;"
        " Fri,  1 Mar 2024 12:00:00 +0000" % (helo, client, HOP))


def mail(ident, *fields):
    return corpus.mail(ident, [("X-Real-To", "anna@example.org, bert@example.org"), *fields])


def run(rig, smtp, pop3, messages, protocol="smtp", offer=OFFER, xclient=1, **record):
    """The next hop, and {ident: the client it was told}."""
    m = smtp(protocol, extensions=offer)
    rig.nexthop("hop", m, xclient=xclient)
    rig.settings["nexthop"] = "hop"
    server = pop3(messages=messages)
    rig.record(PM, "r", server, special="X-Real-To", **record)
    assert rig.once().code == 0
    assert server.box.left() == [] and len(m.mails) == len(messages)
    return m, {corpus.ident_of(t.data): t.client for t in m.mails}


def used(m):
    return [c for c in m.commands if c.upper().startswith("XCLIENT")]


@pytest.mark.parametrize("protocol", ["lmtp", "smtp"])
def test_told(unified, smtp, pop3, protocol):
    m, clients = run(unified, smtp, pop3, [mail("m", trace())], protocol, trusted_hop=HOP)
    assert clients == {"m": "192.0.2.7"} and used(m) == ["XCLIENT ADDR=192.0.2.7"]
    assert m.commands.index(used(m)[0]) < [c[:4] for c in m.commands].index("MAIL")


def test_each_its_own(unified, smtp, pop3):
    """Messages over one connection: what was said of one does not stand for another, and the sender's word does not count."""
    m, clients = run(unified, smtp, pop3, [mail("four", trace()), mail("six", trace("h.example [IPv6:2001:db8:0::9]")),
        mail("none", trace("unknown")), mail("private", trace("localhost [127.0.0.1]")),
        mail("forged", trace("unknown", "x ([198.51.100.9])"), trace("unknown [198.51.100.9]")),
        mail("helo", trace(helo="[198.51.100.9]"))], trusted_hop=HOP)
    clients = {i: None if c == "[UNAVAILABLE]" else c for i, c in clients.items()}
    assert clients == {"four": "192.0.2.7", "six": "IPV6:2001:db8::9", "none": None, "private": None, "forged": None,
        "helo": "192.0.2.7"}


@pytest.mark.parametrize("how", ["no trusted hop", "not offered", "off"])
def test_not_used(unified, smtp, pop3, how):
    m, clients = run(unified, smtp, pop3, [mail("m", trace())], offer=OFFER[:3] if how == "not offered" else OFFER,
        xclient=how != "off", **{} if how == "no trusted hop" else {"trusted_hop": HOP})
    assert clients == {"m": None} and used(m) == []


def test_second_attempt(unified, smtp, pop3):
    """It is kept with the row, across a restart."""
    m = smtp("lmtp", extensions=OFFER)
    m.answers = {"bert@example.org": [TEMP, OK]}
    unified.nexthop("hop", m, xclient=1)
    unified.settings["nexthop"] = "hop"
    unified.record(PM, "r", pop3(messages=[mail("m", trace())]), special="X-Real-To", trusted_hop=HOP)
    assert unified.once().code == 0
    assert unified.state("SELECT dest, client FROM relay") == [("bert@example.org", "192.0.2.7")]
    with sqlite3.connect(unified.statedb) as c:
        c.execute("UPDATE relay SET next = strftime('%s') - 1")
    assert unified.once().code == 0
    assert [(t.client, t.taken()) for t in m.mails] == [("192.0.2.7", ["anna@example.org"]), ("192.0.2.7", ["bert@example.org"])]
