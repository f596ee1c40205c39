# SPDX-License-Identifier: ISC
"""
How the envelope is read out of the header, and what becomes of it: names and places of fields, the position rule, prefixes,
domains, percent and bang forms, archive, shared folders, copies, loops.
"""
import re
import signal
import sqlite3

import pytest

from lib import corpus

PM = "postmaster@example.org"
HOP = "mx1.provider.example"
NOTE = {"?": ["postmaster"]}		# the one that says there is something in quarantine


def trace(by=HOP, helo="mail.sender.example"):
    return ("Received", "from %s (unknown [192.0.2.7])\r\n\tby %s (Postfix) with ESMTP id 4AbCdE1\r\n\tfor <x@example.org>;"
        " Fri,  1 Mar 2024 12:00:00 +0000" % (helo, by))


def places(rig):
    """{ident: sorted local parts (and folders)}"""
    got = {}
    for where, idents in rig.idents().items():
        for ident in idents:
            got.setdefault(ident, []).append(where.replace("example.org/", "", 1))
    return {ident: sorted(where) for ident, where in got.items()}


def reasons(rig):
    return {corpus.ident_of(d): corpus.split_prologue(d)[2].decode() for ds in rig.delivered().values() for d in ds}


def relay(rig):
    return rig.state("SELECT dest, state, nexthop, notify, status FROM relay ORDER BY dest")


def edit(rig, sql):
    rig.write_db()
    rig.sqlite(sql)


def test_list_of_names(unified, pop3):
    """The first name of the list that is there counts, alone; all of them are taken out."""
    s = pop3(messages=[corpus.mail("second", [("Delivered-To", "anna")]),
        corpus.mail("first", [("Delivered-To", "anna"), ("X-Real-To", "bert")]),
        corpus.mail("empty", [("Delivered-To", "anna"), ("X-Real-To", "")]),
        corpus.mail("none", [("X-Envelope-To", "anna")])])
    unified.record(PM, "unified", s, special="X-Real-To Delivered-To")
    assert unified.once().code == 0
    assert places(unified) == {"second": ["anna"], "first": ["bert"], "empty": ["postmaster"], "none": ["postmaster"]}
    for data in (d for ds in unified.delivered().values() for d in ds):
        assert not re.search(rb"(?mi)^(delivered-to|x-real-to)\s*:", data.split(b"\n\n")[0])
    assert "no X-Real-To Delivered-To field" in reasons(unified)["none"]


def test_nth_field(unified, pop3):
    s = pop3(messages=[corpus.mail("two", [("Delivered-To", "anna"), ("Delivered-To", "bert"), ("Delivered-To", "info")]),
        corpus.mail("one", [("Delivered-To", "anna")])])
    unified.record(PM, "unified", s, special="Delivered-To", special_nth=2)
    assert unified.once().code == 0
    assert places(unified) == {"two": ["bert"], "one": ["postmaster"]}


def test_trusted_hop(unified, pop3):
    """What the sender wrote does not count, whatever Received fields of the provider he writes under it."""
    forged = ("X-Real-To", "anna")
    s = pop3(messages=[corpus.mail("genuine", [("X-Real-To", "bert"), trace()]),
        corpus.mail("forged", [("X-Real-To", "bert"), trace(), forged, trace(), forged]),
        corpus.mail("only", [trace(), forged, trace()]),
        corpus.mail("helo", [("X-Real-To", "bert"), trace(helo="(((\""), forged, trace()]),
        corpus.mail("elsewhere", [forged, trace("mx.other.example"), ("Received", "from %s by mx.other.example; x" % HOP)])])
    unified.record(PM, "unified", s, special="X-Real-To", trusted_hop=HOP)
    assert unified.once().code == 0
    assert places(unified) == {"genuine": ["bert"], "forged": ["bert"], "only": ["postmaster"], "helo": ["bert"],
        "elsewhere": ["postmaster"]}
    why = reasons(unified)
    assert "no X-Real-To field stands above the Received field by %s" % HOP in why["only"]
    assert "no Received field by %s" % HOP in why["elsewhere"]


def test_received_for(unified, pop3):
    """A provider that tells the recipient in its own Received field only: an option, down to the trusted hop, and no further."""
    def path(to, by=HOP, helo="mail.sender.example"):
        return ("Received", trace(by, helo)[1].replace("<x@example.org>", to))
    mails = [corpus.mail("one", [path("<bert@example.org>")]), corpus.mail("bare", [path("sales@example.org")]),
        corpus.mail("above", [path("<bert@example.org>", "in.provider.example"), ("Received", "from a by %s; x" % HOP)]),
        corpus.mail("below", [("Received", "from a by %s; x" % HOP), path("<bert@example.org>", "mx.sender.example")]),
        corpus.mail("below-too", [("Received", "from a by %s; x" % HOP), path("<bert@example.org>")]),
        corpus.mail("elsewhere", [path("<bert@example.org>", "mx.sender.example")]),
        corpus.mail("two", [path("<bert@example.org>, <anna@example.org>")]), corpus.mail("broken", [path("<bert@@example.org>")]),
        corpus.mail("helo", [path("<bert@example.org>", helo="for <anna@example.org>")]),
        corpus.mail("field", [("X-Real-To", "info"), path("<bert@example.org>")]), corpus.mail("unknown", [path("<nobody@example.org>")])]
    off = pop3(messages=mails)
    on = pop3(messages=[m.replace(b"X-Test-Id: ", b"X-Test-Id: on-") for m in mails])
    unified.record(PM, "off", off, special="X-Real-To", trusted_hop=HOP, suppress=0)
    unified.record(PM, "on", on, special="X-Real-To", trusted_hop=HOP, received_for=1, suppress=0)
    assert unified.once().code == 0
    found = {"one": ["bert"], "bare": ["bert"], "above": ["bert"], "field": ["info"]}
    names = [corpus.ident_of(m) for m in mails]
    want = {"on-" + n: found.get(n, ["postmaster"]) for n in names}
    want.update({n: ["info"] if n == "field" else ["postmaster"] for n in names})
    assert places(unified) == want
    assert "an envelope recipient in the Received field is unknown here" in reasons(unified)["on-unknown"]


def unfound(rig):
    return [(r["name"], r["unfound"]) for r in rig.status()["records"]]


def told(rig):
    """What the postmaster was told about fields that no message has."""
    return sorted(re.search(rb"No message from \S+ has the field (.+)", d).group(1).decode() for d in rig.delivered().get("example.org/postmaster", [])
        if b"No message from" in d)


def a_day_later(rig):
    """What was told was told so long ago that it may be told again."""
    with sqlite3.connect(rig.statedb, timeout=30) as c:
        c.execute("UPDATE told SET at = at - 86401")


def test_a_field_that_nobody_writes(unified, pop3):
    """None of the last 20 messages has it: in the status, and told once, whatever starts and polls follow; until it is there, or another
    is looked for."""
    s = pop3(messages=[corpus.mail("a%d" % i, [("X-Real-To", "anna")]) for i in range(19)])
    row = unified.record(PM, "r", s, special="X-Reel-To", leave=0)

    def poll(*messages):
        for m in messages:
            s.box.add(m)
        unified.write_db()
        assert unified.once().code == 0
        daemon = unified.start()
        (name, n), = unfound(unified)
        shown = [unified.ctl(*words).log for words in (("status",), ("show", "account", PM))]
        assert all(("field missing" in x) == (n >= 20) for x in shown), shown
        daemon.stop()
        return n

    assert poll() == 19 and told(unified) == []
    assert poll(corpus.mail("b")) == 20 and told(unified) == ["X-Reel-To"]
    assert poll(*[corpus.mail("c%d" % i) for i in range(25)]) == 45 and told(unified) == ["X-Reel-To"]
    assert poll(corpus.mail("d"), corpus.mail("e", [("X-Reel-To", "anna")]), corpus.mail("f")) == 1
    a_day_later(unified)
    assert poll(*[corpus.mail("g%d" % i) for i in range(19)]) == 20 and told(unified) == ["X-Reel-To"] * 2
    row["special"] = "X-Rael-To"
    assert poll(corpus.mail("h")) == 1
    assert poll(*[corpus.mail("i%d" % i) for i in range(20)]) == 21 and told(unified) == ["X-Rael-To"] + ["X-Reel-To"] * 2


def test_a_field_that_nobody_writes_killed(unified, pop3):
    """Stored, and dead before the notice: the status still says it, and it is not told twice."""
    s = pop3(messages=[corpus.mail("a%d" % i) for i in range(20)])
    unified.record(PM, "r", s, special="X-Reel-To", leave=0)
    assert unified.once("-K", "rpopd:master.unfound:1", hooks=True).code == -signal.SIGKILL
    s.box.add(corpus.mail("b"))
    assert unified.once().code == 0
    assert unified.state("SELECT special, messages, told FROM unfound") == [("X-Reel-To", 21, 1)]
    assert told(unified) == [] and len(unified.idents()["example.org/postmaster"]) == 21


def test_prefix(unified, pop3):
    s = pop3(messages=[corpus.mail("prefixed", [("Delivered-To", "mbox-user-anna@example.org")]),
        corpus.mail("alias", [("Delivered-To", "mbox-user-sales")]), corpus.mail("without", [("Delivered-To", "bert")])])
    unified.record(PM, "unified", s, special="Delivered-To", strip_prefix="mbox-user-")
    assert unified.once().code == 0
    assert places(unified) == {"prefixed": ["anna"], "alias": ["bert"], "without": ["bert"]}


def test_domains(unified, pop3):
    """One record serves a list of domains; an address outside of them goes to the postmaster, although it is known here."""
    unified.account("anna@example.net")
    unified.account("anna@example.com")
    s = pop3(messages=[corpus.mail("net", [("X-Real-To", "anna@example.net")]), corpus.mail("com", [("X-Real-To", "anna@example.com")]),
        corpus.mail("org", [("X-Real-To", "anna@example.org, anna@example.com")])])
    star = pop3(messages=[corpus.mail("s", to="anna@example.org, anna@example.net")])
    unified.record(PM, "unified", s, special="X-Real-To", domains="example.net example.com")
    unified.record(PM, "star", star, special="*", domains="example.net example.com")
    assert unified.once().code == 0
    assert places(unified) == {"net": ["example.net/anna"], "com": ["example.com/anna"], "org": ["example.com/anna", "postmaster"],
        "s": ["example.net/anna"]}
    assert "not in the record's domains" in reasons(unified)["org"]


def test_percent_and_bang(unified, pop3):
    """Percent and bang forms are rewritten only where the domain's row allows it."""
    unified.account("carl@example.net")
    forms = {"percent": "anna%example.org@example.net", "bang": "example.org!anna@example.net", "mixed": "carl%example.net",
        "far": "x%elsewhere.example@example.net"}
    s = pop3(messages=[corpus.mail(i, [("X-Real-To", a)]) for i, a in forms.items()])
    star = pop3(messages=[corpus.mail("s-" + i, to=a + "@example.org" * ("@" not in a)) for i, a in forms.items()])
    unified.record(PM, "unified", s, special="X-Real-To")
    unified.record(PM, "star", star, special="*")
    edit(unified, "UPDATE domain SET source_routes = 1 WHERE name = 'example.net';")
    assert unified.once().code == 0
    assert places(unified) == {"percent": ["anna"], "bang": ["anna"], "mixed": ["postmaster"], "far": ["postmaster"],
        "s-percent": ["anna"], "s-bang": ["anna"], "s-mixed": ["postmaster"], "s-far": ["postmaster"]}


def test_archive(unified, pop3):
    """The archive gets each message once, whoever gets it; but for what goes straight into a folder."""
    unified.account("archive@example.org")
    mails = [corpus.mail("many", [("X-Real-To", "anna, bert, info")]), corpus.mail("lost", [("X-Real-To", "nobody")]),
        corpus.mail("direct", [("X-Real-To", "archive, anna")])]
    unified.record(PM, "unified", pop3(messages=mails), special="X-Real-To")
    unified.record("anna@example.org", "own", pop3(messages=[corpus.mail("personal")]))
    unified.record("anna@example.org", "folder", pop3(messages=[corpus.mail("foldered")]), mailbox="Lists/bsd")
    edit(unified, "UPDATE settings SET archive = 'archive@example.org';")
    assert unified.once().code == 0
    assert places(unified) == {"many": ["anna", "archive", "bert", "info"], "lost": ["archive", "postmaster"],
        "direct": ["anna", "archive"], "personal": ["anna", "archive"], "foldered": ["anna/.Lists.bsd"]}


def test_shared_folder(unified, pop3):
    """A route leads into a folder of an account, also in `*` mode."""
    unified.account("public@example.org")
    s = pop3(messages=[corpus.mail("f", [("X-Real-To", "announce, anna")])])
    star = pop3(messages=[corpus.mail("s", to="announce@example.org, x@elsewhere.example")])
    unified.record(PM, "unified", s, special="X-Real-To")
    unified.record(PM, "star", star, special="*")
    edit(unified, "INSERT INTO route (address, target, folder) VALUES ('announce@example.org', 'public@example.org', 'Shared/News');")
    assert unified.once().code == 0
    assert places(unified) == {"f": ["anna", "public/.Shared.News"], "s": ["public/.Shared.News"]}


def test_several_targets_and_refusals(unified, pop3):
    """Aliases to several accounts, discard, reject; nothing of a discarded message is left."""
    s = pop3(messages=[corpus.mail("all", [("X-Real-To", "all")]), corpus.mail("trap", [("X-Real-To", "trap")]),
        corpus.mail("gone", [("X-Real-To", "gone, anna")])])
    unified.record(PM, "unified", s, special="X-Real-To")
    edit(unified, "INSERT INTO route (address, target) VALUES ('all@example.org', 'anna@example.org'),"
        " ('all@example.org', 'sales@example.org');"
        "INSERT INTO route (address, action) VALUES ('trap@example.org', 'discard');"
        "INSERT INTO route (address, action, text) VALUES ('gone@example.org', 'reject', 'moved away');")
    assert unified.once().code == 0
    # without a next hop for reports the postmaster gets it
    assert places(unified) == {"all": ["anna", "bert"], "gone": ["anna", "postmaster"]}
    (report,) = unified.delivered()["example.org/postmaster"]
    assert b"gone@example.org" in report and b"moved away" in report
    assert relay(unified) == [] and unified.spooled() == []


def test_star_yields_accounts_only(unified, pop3):
    """Whatever rows there are, To, Cc and Bcc never produce a recipient that is not an account here."""
    s = pop3(messages=[corpus.mail("mix", to="anna@example.org, x@old.example, all@example.org, gone@example.org"),
        corpus.mail("foreign", to="x@old.example, gone@example.org, catch@example.org"),
        corpus.mail("storm", to=",\r\n ".join("u%d@old.example" % i for i in range(500)))])
    unified.record(PM, "star", s, special="*")
    edit(unified, "INSERT INTO domain (name) VALUES ('old.example');"
        "INSERT INTO nexthop (name, address) VALUES ('old', '127.0.0.1:1');"
        "INSERT INTO route (address, nexthop) VALUES ('*@old.example', 'old'), ('*@example.org', 'old');"
        "INSERT INTO route (address, target, nexthop) VALUES ('all@example.org', 'x@old.example', 'old');"
        "INSERT INTO route (address, target) VALUES ('all@example.org', 'bert@example.org');"
        "INSERT INTO route (address, action) VALUES ('gone@example.org', 'reject');")
    assert unified.once().code == 0
    assert places(unified) == {"mix": ["anna", "bert"], "foreign": ["postmaster"], "storm": ["postmaster"]}
    assert relay(unified) == [] and unified.spooled() == []


def copy(ident, n, **more):
    """The nth copy a provider makes of a message: other trace, another envelope field."""
    return corpus.mail(ident, [("X-Real-To", more.pop("field", None)), ("Received", "by store%d.provider.example; x" % n)], **more)


def test_copies(unified, dovecot_server, mailbox):
    """Three copies for three recipients are one copy each, across sessions; the same Message-ID does not make a copy."""
    to = "anna@example.org, bert@example.org, info@example.org"
    user, password = mailbox([copy("one", n, to=to) for n in range(3)])
    row = unified.record(PM, "star", dovecot_server, user, password, special="*")
    assert unified.once().code == 0
    assert places(unified) == {"one": ["anna", "bert", "info"]}
    dovecot_server.add(user, copy("one", 3, to=to))
    dovecot_server.add(user, copy("one", 4, to=to, body=b"Another text.\r\n"))
    unified.empty()
    assert unified.once().code == 0
    assert places(unified) == {"one": ["anna", "bert", "info"]}
    assert all(b"Another text." in d for ds in unified.delivered().values() for d in ds)
    row["suppress"] = 0
    unified.write_db()
    dovecot_server.add(user, copy("one", 5, to=to))
    unified.empty()
    assert unified.once().code == 0
    assert places(unified) == {"one": ["anna", "bert", "info"]}


def test_copies_by_field(unified, pop3):
    """Each copy for its own recipient: none of them is taken for another's."""
    s = pop3(messages=[copy("m", n, field=who, to="list@elsewhere.example") for n, who in enumerate(["anna", "bert", "anna", "info"])])
    unified.record(PM, "unified", s, special="X-Real-To")
    assert unified.once().code == 0
    assert places(unified) == {"m": ["anna", "bert", "info"]}


LOST = re.compile(rb"(?m)^X-Rpopd-Reason: [^\n]*(?:\n\t[^\n]*)*")


def test_postmaster_is_told_the_addresses(unified, pop3):
    """His copy names what fell back to him, and nobody else's does; about other addresses it is another one, about the same not."""
    hidden = "secret@example.org"
    s = pop3(messages=[corpus.mail("alone", [("X-Real-To", hidden)]), corpus.mail("beside", [("X-Real-To", "anna, %s, bert" % hidden)]),
        corpus.mail("both", [("X-Real-To", "postmaster, %s, other@elsewhere.example, %s" % (hidden, hidden.upper()))]),
        corpus.mail("crowd", [("X-Real-To", ",\r\n ".join("u%d@example.org" % i for i in range(300)))])] +
        [copy("m", n, field=who) for n, who in enumerate(["x1", "x2", "x3", "X1@example.org", "x2", "anna, x3", "postmaster", "x4, x5", "x5, x4"])])
    unified.record(PM, "unified", s, special="X-Real-To")
    assert unified.once().code == 0
    got = {corpus.ident_of(d): d for d in unified.delivered()["example.org/postmaster"] if corpus.ident_of(d) != "m"}
    why = {i: LOST.search(d).group().decode() for i, d in got.items()}
    assert why["alone"] == "X-Rpopd-Reason: an envelope recipient in the X-Real-To field is unknown here:\n\t" + hidden
    assert why["beside"] == why["alone"]
    assert why["both"] == why["alone"] + ",\n\tother@elsewhere.example"
    assert len(why["crowd"].splitlines()) == 52 and why["crowd"].endswith("u49@example.org\n\tand 250 more")
    for who in ("anna", "bert"):
        (data,) = (d for d in unified.delivered()["example.org/" + who] if corpus.ident_of(d) == "beside")
        assert b"secret" not in data and b"unknown here\n" in data
        assert data.split(b"\nX-Test-Id")[1] == got["beside"].split(b"\nX-Test-Id")[1]
    mine = [LOST.search(d) for d in unified.delivered()["example.org/postmaster"] if corpus.ident_of(d) == "m"]
    assert sorted(m.group().decode().split("\n", 1)[1].replace("@example.org", "").split() for m in mine if m) == [
        ["x1"], ["x2"], ["x3"], ["x4,", "x5"]]
    assert len(mine) == 5 and places(unified)["m"] == ["anna"] + ["postmaster"] * 5
    assert unified.spooled() == []


def test_postmaster_elsewhere(unified, smtp, pop3):
    """His own copy goes to his next hop by itself, whoever else gets the message there."""
    hop = smtp("lmtp")
    unified.nexthop("hop", hop)
    unified.settings["nexthop"] = "hop"
    unified.settings["archive"] = "info@example.org"
    s = pop3(messages=[corpus.mail("m", [("X-Real-To", "anna, secret, bert")])])
    unified.record(PM, "unified", s, special="X-Real-To")
    assert unified.once().code == 0
    sent = {tuple(sorted(a for a, _ in m.rcpts)): m.data for m in hop.mails}
    assert sorted(a for rcpts in sent for a in rcpts) == ["anna@example.org", "bert@example.org", "info@example.org", PM]
    assert [rcpts for rcpts, data in sent.items() if b"secret@example.org" in data] == [(PM,)]
    assert unified.spooled() == [] and s.box.left() == []


@pytest.mark.parametrize("point", ["deliverer.further", "deliverer.filled", "deliverer.header", "deliverer.named", "deliverer.named:2", "deliverer.written",
    "deliverer.fsync_files", "deliverer.fsync_spool", "deliverer.receipt", "deliverer.committed", "deliverer.rename:2", "deliverer.rename:3",
    "deliverer.renamed", "deliverer.settle"])
def test_killed_with_a_file_of_his_own(unified, pop3, point):
    s = pop3(messages=[corpus.mail("m", [("X-Real-To", "anna, secret, bert")])])
    unified.record(PM, "unified", s, special="X-Real-To")
    result = unified.once("-K", "deliverer:" + point, hooks=True)
    assert "died" in result.log or "signal 9" in result.log, "the point was not reached"
    for _ in range(3):
        unified.once()
    assert places(unified) == {"m": ["anna", "bert", "postmaster"]}
    (data,) = unified.delivered()["example.org/postmaster"]
    assert b"secret@example.org" in data
    assert s.box.left() == [] and unified.spooled() == []


def back(data, *headers):
    """A delivered message as it comes back by way of a mail server: trace fields on top, CRLF."""
    top = b"".join(b"%s: %s\r\n" % (n.encode(), v.encode()) for n, v in headers)
    return b"Return-Path: <x@y.example>\r\nReceived: by relay.example; x\r\n" + top + re.sub(rb"(?<!\r)\n", b"\r\n",
        re.sub(rb"\AReturn-Path: [^\n]*\n", b"", data))


def test_loop(unified, dovecot_server, mailbox):
    """What comes back to the mailbox it was taken from is kept in quarantine; a mark on another message, or a made-up one, is nothing."""
    user, password = mailbox([corpus.mail("l", [("X-Real-To", "anna")]), corpus.mail("m", [("X-Real-To", "anna")])])
    unified.record(PM, "unified", dovecot_server, user, password, special="X-Real-To")
    assert unified.once().code == 0
    assert places(unified) == {"l": ["anna"], "m": ["anna"]}
    data = {corpus.ident_of(d): d for d in unified.delivered()["example.org/anna"]}
    mark = re.search(rb"(?m)^X-Rpopd-Mark: ([0-9a-f]{64})$", data["l"]).group(1).decode()
    assert mark.encode() not in data["m"]
    unified.empty()
    dovecot_server.add(user, back(data["l"], ("X-Real-To", "anna, bert")))
    dovecot_server.add(user, corpus.mail("copied", [("X-Real-To", "bert"), ("X-Rpopd-Mark", mark)]))
    dovecot_server.add(user, corpus.mail("madeup", [("X-Real-To", "bert"), ("X-Rpopd-Mark", "0" * 64)]))
    dovecot_server.add(user, back(data["m"].replace(b"Subject: Test", b"Subject: Re: Test"), ("X-Real-To", "anna")))
    assert unified.once().code == 0
    assert places(unified) == {"copied": ["bert"], "madeup": ["bert"], "m": ["anna"], **NOTE}
    rows = relay(unified)
    assert [r[:4] for r in rows] == [("example.org/anna", 1, 0, 0), ("example.org/bert", 1, 0, 0)]
    assert all("a mail loop" in r[4] for r in rows)
    assert len(unified.spooled()) == 2
    assert dovecot_server.messages(user) == []


def test_loop_of_a_personal_record(personal, dovecot_server, mailbox):
    user, password = mailbox([corpus.mail("p")])
    personal.record("anna@example.org", "own", dovecot_server, user, password)
    assert personal.once().code == 0
    (data,) = personal.delivered()["example.org/anna"]
    personal.empty()
    dovecot_server.add(user, back(data))
    assert personal.once().code == 0
    assert places(personal) == {"?": ["anna", "postmaster"]}
    assert [r[:2] for r in relay(personal)] == [("example.org/anna", 1)]


def test_hop_limit(unified, pop3):
    hops = [("Received", "by hop%d.example; x" % i) for i in range(12)]
    s = pop3(messages=[corpus.mail("many", [("X-Real-To", "anna, bert")] + hops), corpus.mail("few", [("X-Real-To", "anna")] + hops[:10])])
    unified.record(PM, "unified", s, special="X-Real-To")
    edit(unified, "UPDATE settings SET hop_limit = 10;")
    assert unified.once().code == 0
    assert places(unified) == {"few": ["anna"], **NOTE}
    rows = relay(unified)
    assert [r[0] for r in rows] == ["example.org/anna", "example.org/bert"]
    assert all(r[1] == 1 and "more than 10 Received fields" in r[4] for r in rows)


def test_next_hops(unified, pop3):
    """A unified record's recipients at next hops: reports on failure for the special header, none for `*`."""
    s = pop3(messages=[corpus.mail("f", [("X-Real-To", "John.Doe@old.example, anna, bert")])])
    star = pop3(messages=[corpus.mail("s", to="bert@example.org, anna@example.org")])
    unified.record(PM, "unified", s, special="X-Real-To")
    unified.record(PM, "star", star, special="*")
    edit(unified, "INSERT INTO domain (name) VALUES ('old.example');"
        "INSERT INTO nexthop (id, name, address) VALUES (7, 'old', '127.0.0.1:1'), (8, 'lmtp', '/nonexistent/lmtp');"
        "INSERT INTO route (address, nexthop) VALUES ('*@old.example', 'old');"
        "UPDATE account SET nexthop = 'lmtp' WHERE name = 'bert';")
    unified.once()
    assert places(unified) == {"f": ["anna"], "s": ["anna"]}
    hops = dict(unified.state("SELECT name, id FROM hop"))
    assert sorted((r[0], r[2], r[3]) for r in relay(unified)) == [("John.Doe@old.example", hops["old"], 1),
        ("bert@example.org", hops["lmtp"], 0), ("bert@example.org", hops["lmtp"], 1)]
