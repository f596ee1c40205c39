# SPDX-License-Identifier: ISC
"""
Provider side and client side together: etc/provider's recipes as they stand, in the packages they are for.  Mail comes
in by SMTP, all of a domain's into one mailbox; rpopd collects it by POP3, and everybody has got what was sent to him, once.
"""
import re
import shutil

import pytest

from lib import corpus, rig as rigs
from servers import packaged
from servers.packaged.exim import Exim
from servers.packaged.opensmtpd import OpenSmtpd
from servers.packaged.postfix import DovecotLmtp, Postfix
from servers.packaged.sendmail import Sendmail

PM = "postmaster@example.org"
MTAS = {"postfix": Postfix, "exim": Exim, "dovecot": DovecotLmtp, "opensmtpd": OpenSmtpd, "sendmail": Sendmail}
FORGED = [("X-Real-To", "info@example.org"), ("x-real-to", "<info@example.org>,\r\n\tbert@example.org"),
    ("X-REAL-TO", "postmaster"), ("x-real-to ", "info@example.org")]
# name: envelope recipients, header fields; who gets it is the envelope's business alone
MAILS = {
    "one": (["anna"], [("To", "anna@example.org")]),
    "three": (["anna", "bert", "info"], [("To", "anna@example.org, bert@example.org"), ("Cc", "info@example.org")]),
    "bcc": (["anna", "bert"], [("To", "anna@example.org")]),
    "list": (["info", "anna"], [("To", "list@lists.example"), ("List-Id", "<list.lists.example>"), ("Sender", "owner@lists.example")]),
    "other": (["bert"], [("To", "anna@example.org"), ("Delivered-To", "anna@example.org"), ("X-Original-To", "anna@example.org")]),
    "nobody": (["whoever"], [("To", "anna@example.org")]),
    "alias": (["sales"], [("To", "sales@example.org")]),
    "none": (["anna"], [("To", "undisclosed-recipients:;")]),
}
GETS = {"whoever": "postmaster", "sales": "bert"}


@pytest.fixture(scope="module", params=list(MTAS))
def provider(request, pki):
    mta = MTAS[request.param]
    why = packaged.missing(mta.package)
    if why:
        pytest.skip(why)
    directory = rigs.scratch("rpmt.")
    server = None
    try:
        server = mta(directory + "/root", pki)
        yield server
    finally:
        if server:
            server.stop()
        shutil.rmtree(directory, ignore_errors=True)


def at(names, domain="example.org"):
    return ["%s@%s" % (n, domain) for n in names]


def collect(rig, server, copies, **columns):
    """One poll, when so many copies lie in the mailbox, which is empty afterwards."""
    rigs.wait_for(lambda: server.left(server.login) >= copies, "%d copies\n%s" % (copies, server.log()[-4000:]))
    assert server.left(server.login) == copies
    rig.record(PM, "domain", server, server.login, server.password, tls="none", special="X-Real-To", **columns)
    assert rig.once().code == 0
    assert server.left(server.login) == 0


def ids(prefix, cases):
    got = {}
    for name in cases:
        for who in MAILS[name][0]:
            got.setdefault("example.org/" + GETS.get(who, who), []).append(prefix + name)
    return {where: sorted(idents) for where, idents in got.items()}


def test_everybody_once(unified, provider):
    """To, Cc, Bcc, a list, names in the header that are nobody's business, an alias, an unknown name: the envelope decides."""
    for name, (who, fields) in MAILS.items():
        provider.send("carl@sender.example", at(who), corpus.mail("e-" + name, fields))
    collect(unified, provider, sum(len(who) for who, _ in MAILS.values()))
    assert unified.idents() == ids("e-", MAILS)
    for where, mails in unified.delivered().items():
        for data in mails:
            head = data.split(b"\n\n")[0]
            assert not re.search(rb"(?mi)^X-Real-To", head)
            assert head.startswith(b"Return-Path: <carl@sender.example>\n")


def test_bcc_stays_secret(unified, provider):
    """No copy of a message names a recipient of another copy, nor does the one for somebody outside the domain."""
    provider.send("carl@sender.example", at(["anna", "bert"]) + ["other@provider.example"],
        corpus.mail("b-1", to="undisclosed-recipients:;"))
    rigs.wait_for(lambda: provider.others(), "the copy of somebody else")
    collect(unified, provider, 2)
    assert unified.idents() == {"example.org/anna": ["b-1"], "example.org/bert": ["b-1"]}
    [anna], [bert] = unified.delivered()["example.org/anna"], unified.delivered()["example.org/bert"]
    [other] = [m for m in provider.others() if corpus.ident_of(m) == "b-1"]
    assert b"bert" not in anna and b"anna" not in bert and b"anna" not in other and b"bert" not in other


def test_forged_field(unified, provider):
    """The sender's own X-Real-To, in whatever spelling, brings a message to nobody."""
    for i, field in enumerate(FORGED):
        provider.send("carl@sender.example", at(["anna"]), corpus.mail("f-%d" % i, [field]))
    provider.send("carl@sender.example", at(["bert"]), corpus.mail("f-all", FORGED))
    collect(unified, provider, len(FORGED) + 1)
    assert unified.idents() == {"example.org/anna": ["f-%d" % i for i in range(len(FORGED))], "example.org/bert": ["f-all"]}


def test_addresses_as_they_are(unified, provider):
    """Case does not matter; a null sender stays one; a hundred recipients are a hundred copies."""
    names = ["user%d" % i for i in range(60)]
    for name in names:
        unified.account(name + "@example.org")
    provider.send("", ["Anna@Example.ORG"], corpus.mail("a-null", [("Return-Path", None)]))
    provider.send("carl@sender.example", at(names), corpus.mail("a-many", to="list@lists.example"))
    collect(unified, provider, 61)
    assert unified.idents() == dict({"example.org/" + n: ["a-many"] for n in names}, **{"example.org/anna": ["a-null"]})
    assert unified.delivered()["example.org/anna"][0].startswith(b"Return-Path: <>\n")


def test_trusted_hop(unified, provider):
    """Where the field stands above the provider's own Received fields (not with Exim) the position can be asked for."""
    provider.send("carl@sender.example", at(["anna", "bert"]), corpus.mail("t-1", FORGED, to="list@lists.example"))
    collect(unified, provider, 2, trusted_hop=provider.hop)
    assert unified.idents() == {"example.org/anna": ["t-1"], "example.org/bert": ["t-1"]}
