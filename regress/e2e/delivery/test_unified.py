# SPDX-License-Identifier: ISC
"""Unified domain mailboxes: by special header and by To/Cc/Bcc."""
import json

import pytest

from lib import corpus

PM = "postmaster@example.org"


def dirs(who):
    return {"example.org/" + w for w in who}


def check(rig, cases):
    got = {}
    for where, idents in rig.idents().items():
        for ident in idents:
            got.setdefault(ident, []).append(where)
    for ident, wire, who in cases:
        assert sorted(got.pop(ident, [])) == sorted(dirs(who)), ident
    assert got == {}


@pytest.mark.parametrize("tls", ["tls", "stls"])
def test_special_header(unified, dovecot_server, mailbox, tls):
    cases = corpus.unified_field("f-")
    user, password = mailbox([wire for _, wire, _ in cases], "example.org%d" % (tls == "tls"))
    unified.record(PM, "unified", dovecot_server, user, password, special="X-Real-To", tls=tls)
    assert unified.once().code == 0
    check(unified, cases)
    assert dovecot_server.messages(user) == []
    for where, data in unified.delivered().items():
        for d in data:
            assert b"x-real-to:" not in d.lower().split(b"\n\n")[0]
            assert d.lower().split(b"\n\n")[0].count(b"\nreturn-path:") + d.startswith(b"Return-Path:") == 1


def test_star(unified, dovecot_server, mailbox):
    cases = corpus.unified_star("s-")
    user, password = mailbox([wire for _, wire, _ in cases])
    unified.record(PM, "star", dovecot_server, user, password, special="*")
    assert unified.once().code == 0
    check(unified, cases)


def test_reason_is_told(unified, pop3):
    """Postmaster fallback carries its reason; regular delivery to the postmaster does not."""
    s = pop3(messages=[corpus.mail("lost", to="someone@elsewhere.example"),
        corpus.mail("own", [("X-Real-To", PM)]), corpus.mail("known", [("X-Real-To", "anna@example.org")])])
    unified.record(PM, "unified", s, special="X-Real-To")
    assert unified.once().code == 0
    reasons = {corpus.ident_of(d): corpus.split_prologue(d)[2] for ds in unified.delivered().values() for d in ds}
    assert reasons["lost"] and reasons["own"] == b"" and reasons["known"] == b""


def test_never_falls_from_field_to_to(unified, pop3):
    """Special header absent: never a silent fall to To/Cc, which would tell Bcc recipients' names or go to the wrong people."""
    unified.record(PM, "unified", pop3(messages=[corpus.mail("n", to="anna@example.org")]), special="X-Real-To")
    assert unified.once().code == 0
    assert unified.idents() == {"example.org/postmaster": ["n"]}


def test_other_field_name(unified, pop3):
    unified.record(PM, "unified", pop3(messages=[corpus.mail("d", [("Delivered-To", "bert@example.org"), ("X-Real-To", "anna")])]),
        special="Delivered-To")
    assert unified.once().code == 0
    assert unified.idents() == {"example.org/bert": ["d"]}


def test_two_domains_and_a_personal_record(unified, dovecot_server, mailbox):
    """Two unified records for two domains, a bare local part means the record's own domain; a personal record besides."""
    unified.account("anna@example.net")
    boxes = [mailbox([corpus.mail("org", [("X-Real-To", "anna")])]), mailbox([corpus.mail("net", [("X-Real-To", "anna")])]),
        mailbox([corpus.mail("own", [("X-Real-To", "bert")])])]
    unified.record(PM, "org", dovecot_server, *boxes[0], special="X-Real-To")
    unified.record(PM, "net", dovecot_server, *boxes[1], special="X-Real-To", local_domain="example.net")
    unified.record("anna@example.net", "mine", dovecot_server, *boxes[2])
    assert unified.once().code == 0
    assert unified.idents() == {"example.org/anna": ["org"], "example.net/anna": ["net", "own"]}


def test_hostile_names(unified, pop3):
    """Local parts that look like paths, folders or commands are nobody's address; nothing is created for them."""
    import os
    names = ["../../../etc/passwd", "..", ".", "spool", "anna/../bert", "anna\\0", "|/bin/sh", "anna/.Lists", "-anna", "%s%n",
        "anna=x", "\"anna bert\"", "spool/x"]
    s = pop3(messages=[corpus.mail("h%d" % i, [("X-Real-To", "%s@example.org" % n)]) for i, n in enumerate(names)])
    unified.record(PM, "unified", s, special="X-Real-To")
    assert unified.once().code == 0
    assert unified.idents() == {"example.org/postmaster": sorted("h%d" % i for i in range(len(names)))}
    assert sorted(os.listdir(unified.mail)) == [".rpopd", "example.org", "spool"]
    assert os.path.isfile(os.path.join(unified.mail, ".rpopd")) and os.listdir(os.path.join(unified.mail, "spool")) == []
    assert os.listdir(os.path.join(unified.mail, "example.org")) == ["postmaster"]


def test_names_of_every_kind(unified, pop3):
    """What stands before an address in brackets is a name: other addresses, at signs, quotes, octets in whatever character set."""
    names = ["anna@example.org", "bert@example.org", "'anna@example.org'", "x@elsewhere.example", "Anna @ Work", b"J\xfcrgen", b'"J\xfcrgen"',
        b"(J\xfcrgen)", "[sales]", "EXAMPLE\\anna", "=?utf-8?q?bert@example.org?=", b"\x83\x5c\x83\x8f"]
    names = [n if isinstance(n, bytes) else n.encode() for n in names]
    messages = [corpus.mail("n%d" % i, to=n + b" <anna@example.org>") for i, n in enumerate(names)]
    fields = [corpus.mail("f%d" % i, [("X-Real-To", n + b" <anna@example.org>")]) for i, n in enumerate(names)]
    unified.record(PM, "star", pop3(messages=messages), special="*")
    unified.record(PM, "field", pop3(messages=fields), special="X-Real-To")
    assert unified.once().code == 0
    assert unified.idents() == {"example.org/anna": sorted("%s%d" % (x, i) for i in range(len(names)) for x in "fn")}


def test_what_cannot_be_read_is_told(unified, pop3):
    """Beside a good address in To, Cc and Bcc, too: the postmaster gets a copy, try and explain show what could not be read.  Placeholders
    for nobody and addresses of elsewhere are no reason."""
    bad = [b"anna@example.org, b\xe4rt@example.org", "anna@example.org, bert@@example.org", "anna@example.org, Bert > <bert@example.org>",
        "anna@example.org, <bert@example.org"]
    good = ["anna@example.org, someone@elsewhere.example", "undisclosed-recipients:;", "anna@example.org, nobody@example.org"]
    messages = [corpus.mail("bad%d" % i, to=a) for i, a in enumerate(bad)]
    messages += [corpus.mail("good%d" % i, [("Cc", "anna@example.org")], to=a) for i, a in enumerate(good)]
    server = pop3(messages=messages)
    row = unified.record(PM, "star", server, special="*", period=None)
    d = unified.start().ready()
    tried = json.loads(unified.ctl("-j", "try", PM + "/star").log)
    assert "cannot be read: b\\344rt@example.org" in json.dumps(tried).replace("\\\\", "\\")
    d.stop()
    row["period"] = 3600
    unified.write_db()
    assert unified.once().code == 0
    names = sorted("bad%d" % i for i in range(len(bad)))
    assert unified.idents() == {"example.org/anna": names + sorted("good%d" % i for i in range(len(good))), "example.org/postmaster": names}
    for data in unified.delivered()["example.org/postmaster"]:
        assert b"an address in To, Cc or Bcc cannot be understood" in corpus.split_prologue(data)[2]
    unified.start().ready()
    uids = [u.decode() for u, in unified.state("SELECT uid FROM seen ORDER BY uid")]
    told = [unified.ctl("explain", PM + "/star", u).log for u in uids]
    assert [t.count("cannot be read: ") for t in told] == [1] * len(bad) + [0] * len(good)
    assert r"cannot be read: b\344rt@example.org" in told[0] and "cannot be read: bert@@example.org" in told[1]


def test_a_domain_in_its_own_letters(unified, pop3):
    """U-label and A-label of a domain here are one, in every form that IDNA takes for the same, in To and in the provider's field."""
    unified.account("anna@xn--mller-kva.example")
    forms = ["anna@m\u00fcller.example", "anna@M\u00dcLLER.EXAMPLE", "anna@mu\u0308ller.example", "anna@\uff4d\u00fcller\u3002example",
        "anna@XN--MLLER-KVA.example", "M\u00fcller <anna@m\u00fcller.example>"]
    others = ["anna@muller.example", "anna@m\u00fcller.example.org", "anna@m%C3%BCller.example", "anna\uff20m\u00fcller.example"]
    unified.record(PM, "star", pop3(messages=[corpus.mail("s%d" % i, to=a) for i, a in enumerate(forms + others)]), special="*")
    unified.record(PM, "field", pop3(messages=[corpus.mail("f%d" % i, [("X-Real-To", a)]) for i, a in enumerate(forms + others)]),
        special="X-Real-To")
    assert unified.once().code == 0
    known, unknown = ([sorted("%s%d" % (x, i) for i in r for x in "fs") for r in (range(6), range(6, 10))])
    assert unified.idents() == {"xn--mller-kva.example/anna": known, "example.org/postmaster": unknown}


def test_many_recipients_share_one_file(unified, pop3):
    """One file, hard-linked into each Maildir."""
    import glob
    import os
    for i in range(40):
        unified.account("user%d@example.org" % i)
    to = ",\r\n ".join("user%d@example.org" % i for i in range(40))
    unified.record(PM, "unified", pop3(messages=[corpus.mail("many", [("X-Real-To", to)])]), special="X-Real-To")
    assert unified.once().code == 0
    files = glob.glob(os.path.join(unified.mail, "example.org", "user*", "new", "*"))
    assert len(files) == 40
    assert {os.stat(f).st_nlink for f in files} == {40}


def test_linear_time_header(unified, pop3):
    """Quadratic parsers die on these; a generous bound only tells a hang from work."""
    evil = [("X-Real-To", ";" * 100000), ("To", "(" * 100000), ("Cc", "<" * 100000), ("X-Real-To", ",".join(["a@b"] * 20000))]
    s = pop3(messages=[corpus.mail("e%d" % i, [h]) for i, h in enumerate(evil)])
    unified.record(PM, "unified", s, special="X-Real-To")
    star = pop3(messages=[corpus.mail("t%d" % i, [("To", v)]) for i, (_, v) in enumerate(evil)])
    unified.record(PM, "star", star, special="*")
    assert unified.once().code == 0
    assert unified.idents() == {"example.org/postmaster": ["e0", "e1", "e2", "e3", "t0", "t1", "t2", "t3"]}
