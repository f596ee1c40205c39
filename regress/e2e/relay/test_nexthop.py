# SPDX-License-Identifier: ISC
"""
Real next hops: Dovecot by LMTP with Sieve, Postfix and Exim by SMTP.  Recipients are taken, put off or refused in every order; who has been
refused is reported where a report is due, and nowhere else; the provider's copy goes when everybody's fate is known, not before.
"""
import email
import itertools
import re
import shutil
import sqlite3

import pytest

from lib import corpus, rig as rigs
from servers import packaged
from servers.packaged.nexthops import DovecotHop, EximHop, PostfixHop

PM = "postmaster@example.org"
NAMES = ("anna", "bert", "info")
ORDERS = list(itertools.permutations(NAMES))
CARL = "carl@sender.example"


@pytest.fixture(scope="module")
def hops(pki):
    """Starts a next hop by name, once."""
    started, directory = {}, rigs.scratch("rpnh.")
    makers = {"dovecot": DovecotHop, "bounce": lambda d, p: DovecotHop(d, p, False), "exim": EximHop,
        "postfix": lambda d, p: PostfixHop(d, p, logins=get("dovecot")),
        "filter": lambda d, p: PostfixHop(d, p, get("dovecot").lmtp_port)}

    def get(name):
        if name not in started:
            package = {"exim": EximHop, "postfix": PostfixHop, "filter": PostfixHop}.get(name)
            why = package and packaged.missing(package.package)
            if why:
                pytest.skip(why)
            started[name] = makers[name](directory + "/" + name, pki)
        return started[name]
    yield get
    for s in started.values():
        s.stop()
    shutil.rmtree(directory, ignore_errors=True)


def use(rig, row, accounts=NAMES, reports=True, **settings):
    """The store, with this next hop for these accounts and for reports."""
    rig.settings.update(settings)
    rig.write_db()
    sql = [rigs.insert("nexthop", dict(row, name="hop"))]
    sql += ["UPDATE account SET nexthop = 'hop' WHERE name = '%s';" % a for a in accounts]
    rig.sqlite("\n".join(sql + (["UPDATE settings SET report_nexthop = 'hop';"] if reports else [])))


def again(rig):
    """As if an hour had passed: what waits is tried now."""
    with sqlite3.connect(rig.statedb, timeout=30) as c:
        c.execute("UPDATE relay SET next = 0")


def poll(rig):
    result = rig.once()
    assert result.code == 0, result.log[-3000:]


def idents(mails, prefix):
    """X-Test-Ids, sorted, of the messages themselves, not of reports about them."""
    heads = (m.split(b"\n\n")[0].replace(b"\r\n", b"\n") for m in mails)
    return sorted(i for i in (corpus.ident_of(h + b"\n") for h in heads) if i and i.startswith(prefix))


def reports(hop, prefix):
    """{X-Test-Id: final recipients} of the reports that the sender has got; each report is of one message."""
    found = {}
    for data in hop.got("carl"):
        m = email.message_from_bytes(data)
        if m.get_content_type() != "multipart/report":
            continue
        ident = corpus.ident_of(data)
        if ident and ident.startswith(prefix):
            assert m["Return-Path"].strip() == "<>"
            parts = list(m.walk())
            status = [p for p in parts if p.get_content_type() == "message/delivery-status"]
            assert len(status) == 1
            for block in status[0].get_payload():
                if block["Final-Recipient"]:
                    assert block["Action"] == "failed" and block["Status"].startswith("5."), str(block)
                    found.setdefault(ident, []).append(block["Final-Recipient"].split(";")[1].strip())
    return found


def waiting(rig):
    return rig.state("SELECT count(*) FROM relay WHERE state = 0")[0][0]


HOPS = {"dovecot": ("dovecot", {}), "socket": ("dovecot", {"socket": True}), "postfix": ("postfix", {}), "exim": ("exim", {}),
    "postfix-nodsn": ("postfix", {"dsn": False}), "exim-nodsn": ("exim", {"dsn": False})}


@pytest.mark.parametrize("name", list(HOPS))
def test_every_order(unified, pop3, hops, name):
    """anna is taken, bert put off, info refused, whoever is named first; then bert is taken, too."""
    hop, options = hops(HOPS[name][0]), HOPS[name][1]
    prefix = "o-%s-" % name
    sent = [corpus.mail("%s%d" % (prefix, i), [("X-Real-To", ", ".join(o))], to="all@example.org") for i, o in enumerate(ORDERS)]
    all_ids = sorted(corpus.ident_of(m) for m in sent)
    server = pop3(messages=sent)
    unified.record(PM, "domain", server, special="X-Real-To")
    use(unified, hop.row(**options))
    hop.answer("bert", 451)
    hop.answer("info", 550)
    try:
        poll(unified)
        rigs.wait_for(lambda: idents(hop.got("anna"), prefix) == all_ids, "anna's mail")
        assert idents(hop.got("bert"), prefix) == idents(hop.got("info"), prefix) == []
        rigs.wait_for(lambda: sorted(reports(hop, prefix)) == all_ids, "six reports")
        assert set(map(tuple, reports(hop, prefix).values())) == {("info@example.org",)}
        assert waiting(unified) == len(sent)
        assert len(server.box.left()) == len(sent), "bert's fate is not known yet"
    finally:
        hop.answer("bert", 250)
    again(unified)
    poll(unified)
    rigs.wait_for(lambda: idents(hop.got("bert"), prefix) == all_ids, "bert's mail")
    poll(unified)
    assert server.box.left() == [] and waiting(unified) == 0 and unified.spooled() == []
    hop.answer("info", 250)
    assert idents(hop.got("anna"), prefix) == idents(hop.got("bert"), prefix) == all_ids and idents(hop.got("info"), prefix) == []
    assert sorted(reports(hop, prefix)) == all_ids and all(len(r) == 1 for r in reports(hop, prefix).values())
    for data in hop.got("anna") + hop.got("bert"):
        if (corpus.ident_of(data) or "").startswith(prefix):
            assert data.count(b"\nReturn-Path:") + data.count(b"\nReturn-path:") + data[:12].lower().count(b"return-path:") == 1
            assert b"X-Real-To" not in data


@pytest.mark.parametrize("name,code", [("dovecot", 452), ("bounce", 552)])
def test_full_mailbox(unified, pop3, hops, name, code):
    """LMTP's replies behind the message, one for each recipient: that bert's mailbox is full concerns bert alone."""
    hop, prefix = hops(name), "f-%d-" % code
    sent = [corpus.mail("%s%d" % (prefix, i), [("X-Real-To", ", ".join(o))], to="all@example.org") for i, o in enumerate(ORDERS)]
    all_ids = sorted(corpus.ident_of(m) for m in sent)
    server = pop3(messages=sent)
    unified.record(PM, "domain", server, special="X-Real-To")
    use(unified, hop.row())
    hop.answer("bert", code)
    try:
        poll(unified)
        assert idents(hop.got("anna"), prefix) == idents(hop.got("info"), prefix) == all_ids
        assert idents(hop.got("bert"), prefix) == []
        assert waiting(unified) == (len(sent) if code == 452 else 0)
    finally:
        hop.answer("bert", 250)
    again(unified)
    poll(unified)
    poll(unified)
    assert idents(hop.got("bert"), prefix) == (all_ids if code == 452 else [])
    assert reports(hop, prefix) == ({} if code == 452 else {i: ["bert@example.org"] for i in all_ids})
    assert server.box.left() == []
    assert idents(hop.got("anna"), prefix) == idents(hop.got("info"), prefix) == all_ids


def test_sieve(unified, pop3, hops):
    """A filter behind the next hop sees everything: bert's script sorts by the subject and by the envelope's detail."""
    hop = hops("dovecot")
    hop.sieve("bert", 'require ["fileinto", "envelope", "subaddress"];\n'
        'if header :contains "subject" "Test s-1" { fileinto "Work"; }\nelsif envelope :detail "to" "lists" { fileinto "Lists"; }\n')
    unified.aliases.append(("team@example.org", "bert@example.org"))
    server = pop3(messages=[corpus.mail("s-1", [("X-Real-To", "bert")]), corpus.mail("s-2", [("X-Real-To", "bert")]),
        corpus.mail("s-3", [("X-Real-To", "bert+lists")]), corpus.mail("s-4", [("X-Real-To", "team")])])
    unified.record(PM, "domain", server, special="X-Real-To")
    use(unified, hop.row(socket=True))
    poll(unified)
    assert idents(hop.got("bert"), "s-") == ["s-2", "s-4"]
    assert idents(hop.got("bert", ".Work"), "s-") == ["s-1"] and idents(hop.got("bert", ".Lists"), "s-") == ["s-3"]
    assert unified.delivered() == {} and server.box.left() == []


def test_personal(personal, pop3, hops):
    """A folder is served here, without any filter; everything else goes the account's way, and is never reported."""
    hop = hops("dovecot")
    folder, plain = pop3(messages=[corpus.mail("p-1")]), pop3(messages=[corpus.mail("p-2", to="bert@example.org")])
    personal.record("anna@example.org", "folder", folder, mailbox="Lists/bsd")
    personal.record("anna@example.org", "plain", plain)
    use(personal, hop.row(), ["anna"])
    poll(personal)
    assert personal.idents() == {"example.org/anna/.Lists.bsd": ["p-1"]}
    assert idents(hop.got("anna"), "p-") == ["p-2"]
    assert folder.box.left() == plain.box.left() == []
    plain.box.add(corpus.mail("p-3"))
    hop.answer("anna", 550)
    try:
        poll(personal)
    finally:
        hop.answer("anna", 250)
    assert reports(hop, "p-") == {} and idents(hop.got("anna"), "p-") == ["p-2"]
    assert personal.state("SELECT count(*) FROM relay WHERE state = 1") == [(1,)]


@pytest.mark.parametrize("name,special,dsn,reported", [("postfix", "X-Real-To", True, True), ("postfix", "X-Real-To", False, True),
    ("postfix", "*", True, False), ("postfix", "*", False, False), ("exim", "X-Real-To", True, True), ("exim", "*", True, False),
    ("exim", "*", False, False)])
def test_fails_behind_the_next_hop(unified, pop3, hops, name, special, dsn, reported):
    """The next hop takes it and cannot deliver.  It reports to the sender of a special header's message, and not of others:
    it was told so by DSN, or has no sender to report to."""
    hop, prefix = hops(name), "d-%s-%d-%d-" % (name, special == "*", dsn)
    unified.account("later@example.org")
    server = pop3(messages=[corpus.mail(prefix + "1", [] if special == "*" else [("X-Real-To", "later, anna")],
        to="later@example.org, anna@example.org")])
    unified.record(PM, "domain", server, special=special)
    use(unified, hop.row(dsn=dsn), NAMES + ("later",))
    poll(unified)
    rigs.wait_for(lambda: idents(hop.got("anna"), prefix) == [prefix + "1"], "anna's copy")
    assert server.box.left() == []
    if reported:
        rigs.wait_for(lambda: reports(hop, prefix), "the report")
    marker = corpus.mail(prefix + "end", [("X-Real-To", "later, info")])	# what is behind it in the queue tells that it is over
    unified.records[0]["special"] = "X-Real-To"
    server.box.add(marker)
    use(unified, hop.row(dsn=True), NAMES + ("later",))
    poll(unified)
    rigs.wait_for(lambda: prefix + "end" in reports(hop, prefix), "the report of a later message")
    assert (prefix + "1" in reports(hop, prefix)) == reported
    sender = [m for m in hop.got("anna") if corpus.ident_of(m) == prefix + "1"][0].split(b"\n")[0].split(b": ")[1]
    assert sender == (b"<>" if special == "*" and not dsn else b"<" + CARL.encode() + b">")


@pytest.mark.parametrize("name", ["dovecot", "postfix", "exim"])
def test_star_is_never_reported(unified, pop3, hops, name):
    """A recipient of `*` mode refused in the dialogue: nobody hears of it but the postmaster, the message is kept in
    quarantine, the provider's copy may go."""
    hop, prefix = hops(name), "q-%s-" % name
    server = pop3(messages=[corpus.mail(prefix + "1", to="anna@example.org, info@example.org")])
    unified.record(PM, "domain", server, special="*")
    use(unified, hop.row())
    hop.answer("info", 550)
    try:
        poll(unified)
    finally:
        hop.answer("info", 250)
    rigs.wait_for(lambda: idents(hop.got("anna"), prefix) == [prefix + "1"], "anna's copy")
    assert reports(hop, prefix) == {} and server.box.left() == []
    assert unified.state("SELECT count(*) FROM relay WHERE state = 1") == [(1,)]


def test_filter(unified, pop3, hops):
    """A content filter as the accounts' next hop: it marks the mail and hands it on to where it is kept."""
    hop = hops("dovecot")
    server = pop3(messages=[corpus.mail("c-1", [("X-Real-To", "anna, bert")])])
    unified.record(PM, "domain", server, special="X-Real-To")
    use(unified, hops("filter").row(), reports=False)
    poll(unified)
    for who in ("anna", "bert"):
        rigs.wait_for(lambda: idents(hop.got(who), "c-") == ["c-1"], "filtered mail")
        assert b"\nX-Filtered: yes\n" in [m for m in hop.got(who) if corpus.ident_of(m) == "c-1"][0].replace(b"\r\n", b"\n")
    assert server.box.left() == []


def test_certificate(unified, pop3, hops):
    """The next hop's certificate is verified; a name that is not in it is as good as no next hop."""
    hop = hops("postfix")
    server = pop3(messages=[corpus.mail("t-1", [("X-Real-To", "anna")])])
    unified.record(PM, "domain", server, special="X-Real-To")
    use(unified, dict(hop.row(), tls="stls", tls_name="other.example"))
    unified.once()
    assert idents(hop.got("anna"), "t-") == [] and waiting(unified) == 1 and len(server.box.left()) == 1
    use(unified, dict(hop.row(), tls="stls"))
    again(unified)
    poll(unified)
    rigs.wait_for(lambda: idents(hop.got("anna"), "t-") == ["t-1"], "the message")


@pytest.mark.parametrize("tls", ["tls", "stls"])
@pytest.mark.parametrize("name", ["exim", "postfix"])
def test_login(unified, pop3, hops, name, tls):
    """A next hop that takes mail only after a login.  A wrong password loses nothing."""
    hop, ident = hops(name), "l-" + tls
    server = pop3(messages=[corpus.mail(ident, [("X-Real-To", "anna")])])
    unified.record(PM, "domain", server, special="X-Real-To")
    use(unified, hop.login_row(tls, "wrong"))
    unified.once()
    assert idents(hop.got("anna"), "l-" + tls) == [] and waiting(unified) == 1 and len(server.box.left()) == 1
    use(unified, hop.login_row(tls))
    again(unified)
    poll(unified)
    rigs.wait_for(lambda: idents(hop.got("anna"), "l-" + tls) == [ident], "the message")
    assert hop.password not in unified.log() and "wrong" not in unified.log()


def test_client_told(unified, pop3, hops):
    """XCLIENT: Postfix notes, and decides by, who gave the message to the provider."""
    hop = hops("postfix")
    trace = "from mail.sender.example (unknown [192.0.2.7])\r\n\tby mx1.provider.example (Postfix) with ESMTP id 4AbCdE1;" \
        "\r\n\tFri,  1 Mar 2024 12:00:00 +0000"
    server = pop3(messages=[corpus.mail("x-told", [("X-Real-To", "anna"), ("Received", trace)])])
    unified.record(PM, "domain", server, special="X-Real-To", trusted_hop="mx1.provider.example")
    use(unified, dict(hop.row(), xclient=1))
    poll(unified)
    rigs.wait_for(lambda: idents(hop.got("anna"), "x-told") == ["x-told"], "the message")
    data, = [m for m in hop.got("anna") if corpus.ident_of(m) == "x-told"]
    assert re.search(rb"\nReceived: from rig\.test \([^\n]*\[192\.0\.2\.7\]\)\n\tby provider\.example", data)


@pytest.mark.parametrize("name", ["postfix", "exim"])
def test_delivered_to(personal, pop3, hops, name):
    """A provider that delivers to the very address that is served here says so in Delivered-To, by which Postfix sees a loop."""
    hop, ident = hops(name), "dt-" + name
    server = pop3(messages=[corpus.mail(ident, [("Delivered-To", "anna@example.org")])])
    personal.record("anna@example.org", "isp", server)
    use(personal, hop.row(), ["anna"])
    poll(personal)
    rigs.wait_for(lambda: idents(hop.got("anna"), ident) == [ident], "the message")
    assert server.box.left() == []


def test_bounce_to(personal, pop3, hops):
    """Somebody here hears of what the next hop accepts and cannot deliver: with the loop that is kept in for once."""
    hop, ident = hops("postfix"), "bt-1"
    personal.account("info@example.org")
    server = pop3(messages=[corpus.mail(ident, [("Delivered-To", "anna@example.org")])])
    personal.record("anna@example.org", "isp", server)
    use(personal, dict(hop.row(), keep_trace=1, bounce_to="info@example.org"), ["anna"])
    poll(personal)
    rigs.wait_for(lambda: [m for m in hop.got("info") if ident.encode() in m and b"forwarding loop" in m], "the bounce")
    assert idents(hop.got("anna"), ident) == [] and reports(hop, ident) == {}


def test_bodies(unified, pop3, hops):
    """What the next hop has got is what was sent: dots, eight bits, long lines, a header and nothing else."""
    hop = hops("dovecot")
    kinds = ("plain", "eightbit", "dots", "folded", "headeronly", "blanklines", "longdots")
    awkward = corpus.awkward("w-")
    sent = {k: awkward[k].replace(b"X-Test-Id:", b"X-Real-To: anna\r\nX-Test-Id:", 1) for k in kinds}
    server = pop3(messages=list(sent.values()))
    unified.record(PM, "domain", server, special="X-Real-To")
    use(unified, hop.row())
    poll(unified)
    got = {corpus.ident_of(m): m for m in hop.got("anna")}
    for kind in kinds:
        want = corpus.expected(sent[kind], "X-Real-To")
        assert got["w-" + kind].replace(b"\r\n", b"\n").endswith(want), kind
    assert server.box.left() == []


def test_smtp_smuggling(unified, pop3, hops):
    """Bare CR and LF around a dot end no message at any next hop (CVE-2023-51764 and its kin)."""
    evil = b"one\n.\nMAIL FROM:<evil@sender.example>\nRCPT TO:<bert@example.org>\nDATA\nX-Test-Id: g-evil\n\nx\n.\n" \
        b"two\r.\rMAIL FROM:<evil@sender.example>\r\n.\rRSET\r\nthree\n.\r\nMAIL FROM:<evil@sender.example>\r\nend\r\n"
    for name in ("dovecot", "postfix", "exim"):
        hop = hops(name)
        server = pop3(messages=[corpus.mail("g-" + name, [("X-Real-To", "anna")], evil)])
        unified.records.clear()
        unified.record(PM, name, server, special="X-Real-To")
        use(unified, hop.row())
        poll(unified)
        rigs.wait_for(lambda: idents(hop.got("anna"), "g-") == ["g-" + name], "the message")
        assert b"RCPT TO:<bert@example.org>" in [m for m in hop.got("anna") if corpus.ident_of(m) == "g-" + name][0]
        assert idents(hop.got("bert"), "g-") == []
        assert server.box.left() == []
