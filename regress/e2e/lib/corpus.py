# SPDX-License-Identifier: ISC
"""
Messages for the tests, as they go over the wire (CRLF, not dot-stuffed), and what must come out of the daemon for each.
Every message made here carries X-Test-Id, by which copies are counted, unless its point is to have no such header.
"""
import random
import re

WORDS = "the of and to in is that for as was with be by on not he at are this have from or had an they which one you were " \
    "meeting invoice server project release schedule regards attached review update backup network budget quarter".split()

ID = re.compile(rb"(?mi)^X-Test-Id: (\S+)")


def ident_of(data):
    m = ID.search(data)
    return m.group(1).decode() if m else None


def text(rng, lines=12):
    return b"".join(" ".join(rng.choice(WORDS) for _ in range(rng.randrange(4, 12))).encode() + b"\r\n" for _ in range(lines))


def mail(ident, headers=(), body=None, to="anna@example.org", sender="carl@sender.example"):
    """A complete, realistic message; headers are (name, value) pairs on top of the usual ones.  A header None removes a default."""
    rng = random.Random(ident)
    fields = [("Return-Path", "<%s>" % sender), ("Received", "from mx.sender.example (mx.sender.example [192.0.2.7])\r\n"
        "\tby pop.provider.example with ESMTPS id %08X;\r\n\tFri, 01 Mar 2024 12:00:00 +0000" % rng.getrandbits(32)),
        ("Message-ID", "<%s@sender.example>" % ident), ("Date", "Fri, 01 Mar 2024 12:00:00 +0000"),
        ("From", "Carl Sender <%s>" % sender), ("To", to), ("Subject", "Test %s" % ident), ("X-Test-Id", ident)]
    replaced = {name.lower() for name, _ in headers}
    fields = [f for f in fields if f[0].lower() not in replaced]
    fields = [f for f in headers if f[1] is not None] + fields
    out = b""
    for name, value in fields:
        if isinstance(value, str):
            value = value.encode()
        out += name.encode() + b": " + value + b"\r\n"
    return out + b"\r\n" + (text(rng) if body is None else body)


def big(ident, octets):
    rng = random.Random(ident)
    line = bytes(rng.choice(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") for _ in range(76)) + b"\r\n"
    return mail(ident, [("Content-Transfer-Encoding", "base64")], line * (octets // len(line)))


def awkward(prefix):
    """{name: wire octets}: every octet of these must survive, whatever the mode is.  Only what POP3 can carry: all end in CRLF."""
    def m(name, body, *headers):
        return mail(prefix + name, list(headers), body)
    return {
        "plain": m("plain", b"Hello.\r\n"),
        "eightbit": m("eightbit", "Grüße aus Köln\r\n".encode() + bytes(range(128, 256)) + b"\r\n"),
        "headeightbit": m("headeightbit", b"x\r\n", ("Subject", b"\xe4\xf6\xfc raw latin-1 \xff")),
        "dots": m("dots", b".\r\n..\r\n...\r\n.leading\r\n\r\n.\r\nend.\r\n.\r\n"),
        "barelf": m("barelf", b"one\ntwo\n\nthree\r\n"),
        "lfdotlf": m("lfdotlf", b"before\n.\nafter\n.\r\nmore\r\n\n.\n\r\nlast\r\n"),
        "barecr": m("barecr", b"one\rtwo\r\rthree\r.\r\r\nfour\r\r\r\n\r\r\n"),
        "nul": m("nul", b"a\0b\0\0\r\n\0\r\n"),
        "allbytes": m("allbytes", bytes(range(256)) * 40 + b"\r\n"),
        "longline": m("longline", b"x" * 1_000_000 + b"\r\nend\r\n"),
        "longdots": m("longdots", b"." * 70_000 + b"\r\n" + b".\r\n" * 5_000),
        "big": big(prefix + "big", 5_000_000),
        "folded": m("folded", b"x\r\n", ("Subject", "a\r\n folded\r\n\tsubject"), ("X-Long", "y\r\n " + "z" * 5000)),
        "headeronly": m("headeronly", b""),
        "blanklines": m("blanklines", b"\r\n" * 300),
        "returnpaths": m("returnpaths", b"Return-Path: <body@stays.example>\r\n", ("Return-Path", "<>"),
            ("rEtUrN-pAtH", "<second@sender.example>\r\n\tcontinued"), ("X-Return-Path", "<stays@sender.example>")),
        "nullsender": m("nullsender", b"x\r\n", ("Return-Path", "<>")),
        "noreturnpath": m("noreturnpath", b"x\r\n", ("Return-Path", None)),
        "nocolon": m("nocolon", b"x\r\n", ("X-A", "b\r\nthis line has no colon\r\nX-B: c")),
        "manyfields": m("manyfields", b"x\r\n", *[("X-F%d" % i, "v") for i in range(3000)]),
    }


def bare(prefix):
    """Odd shapes without the usual header: {name: wire octets}.  None carries X-Test-Id in a place a parser must find it."""
    p = prefix.encode()
    return {
        "empty": b"",
        "blank": b"\r\n",
        "nohead": b"\r\nX-Test-Id: %snohead\r\nbody right from the start\r\n" % p,
        "noblank": b"X-Test-Id: %snoblank\r\nSubject: the header is all there is\r\n" % p,
        "nofields": b"no field here %s\r\njust two lines\r\n" % p,
        "mbox": b"From carl@sender.example Fri Mar  1 12:00:00 2024\r\nX-Test-Id: %smbox\r\n\r\nbody\r\n" % p,
    }


def split_fields(wire):
    """(list of raw header fields with their continuation lines, the rest: from the empty line or the first line that is no field)"""
    fields, pos = [], 0
    while pos < len(wire):
        end = wire.find(b"\r\n", pos)
        end = len(wire) if end < 0 else end + 2
        line = wire[pos:end]
        if line == b"\r\n" or not (line[:1] in b" \t" and fields or re.match(rb"[!-9;-~]+[ \t]*:", line)):
            break
        if line[:1] in b" \t" and fields:
            fields[-1] += line
        else:
            fields.append(line)
        pos = end
    return fields, wire[pos:]


def expected(wire, special=None):
    """What must lie in the Maildir below the lines the daemon puts on top."""
    gone = {b"return-path"} | ({special.lower().encode()} if special else set())
    fields, rest = split_fields(wire)
    kept = [f for f in fields if f.split(b":")[0].strip().lower() not in gone]
    return (b"".join(kept) + rest).replace(b"\r\n", b"\n")


PROLOGUE = re.compile(rb"\A(Return-Path: [^\n]*\n)?(Received: [^\n]*\n(?:[ \t][^\n]*\n)*)"
    rb"(?:X-Rpopd-Mark: [0-9a-f]{64}\n)?(X-Rpopd-Reason: [^\n]*\n(?:[ \t][^\n]*\n)*)?")


def split_prologue(data):
    """(Return-Path line or b'', trace field, reason field or b'', the rest) of a delivered message."""
    m = PROLOGUE.match(data)
    assert m, "no trace field on top of %r" % data[:300]
    return (m.group(1) or b"", m.group(2), m.group(3) or b"", data[m.end():])


POSTMASTER = {"postmaster"}


def unified_field(prefix, field="X-Real-To"):
    """[(ident, wire, local parts that must get one copy each)] for a record with a special header; accounts anna, bert
    (alias sales), info and postmaster, all @example.org."""
    cases = [
        ("one", [(field, "anna@example.org")], {"anna"}),
        ("two", [(field, "anna@example.org, bert@example.org")], {"anna", "bert"}),
        ("twofields", [(field, "anna@example.org"), (field, "Bert <bert@example.org>")], {"anna", "bert"}),
        ("three", [(field, "anna@example.org,bert@example.org"), (field, "info@example.org")], {"anna", "bert", "info"}),
        ("barelocal", [(field, "bert")], {"bert"}),
        ("barebracket", [(field, "<anna>")], {"anna"}),
        ("case", [(field.upper(), "ANNA@Example.ORG")], {"anna"}),
        ("alias", [(field, "sales@example.org")], {"bert"}),
        ("aliasdup", [(field, "sales@example.org, bert@example.org, bert")], {"bert"}),
        ("folded", [(field, "anna@example.org,\r\n\tbert@example.org,\r\n  info@example.org")], {"anna", "bert", "info"}),
        ("ignoresto", [(field, "bert@example.org"), ("To", "anna@example.org"), ("Cc", "info@example.org")], {"bert"}),
        ("absent", [], POSTMASTER),
        ("unknown", [(field, "nobody-here@example.org")], POSTMASTER),
        ("unusable", [(field, "this is (not an address")], POSTMASTER),
        ("nullpath", [(field, "anna@example.org"), ("Return-Path", "<>")], {"anna"}),
        ("midbody", [(field, "anna@example.org")], {"anna"}),
    ]
    return [(prefix + n, mail(prefix + n, h, to="someone@elsewhere.example"), who) for n, h, who in cases]


def unified_star(prefix):
    """The same for '*' mode."""
    a, b, i = "anna@example.org", "bert@example.org", "info@example.org"
    cases = [
        ("to", [("To", "Anna <%s>" % a)], {"anna"}),
        ("tocc", [("To", a), ("Cc", "\"Bert, the second\" <%s>" % b)], {"anna", "bert"}),
        ("bcconly", [("To", "undisclosed-recipients:;"), ("Bcc", b)], {"bert"}),
        ("group", [("To", "Staff: Anna <%s>, %s;, %s" % (a, b, i))], {"anna", "bert", "info"}),
        ("comments", [("To", "anna(the (nested) one)@(dot)example.org (comment, %s)" % b)], {"anna"}),
        ("quoted", [("To", "\"anna\"@example.org")], {"anna"}),
        ("quotedname", [("To", "\"%s\" <someone@elsewhere.example>, %s" % (a, b))], {"bert"}),
        ("foldedto", [("To", "Anna\r\n\t<%s>,\r\n Bert\r\n <%s>" % (a, b))], {"anna", "bert"}),
        ("repeated", [("To", a), ("To", b), ("Cc", i)], {"anna", "bert", "info"}),
        ("dup", [("To", "%s, %s" % (a, a)), ("Cc", a)], {"anna"}),
        ("mixedcase", [("tO", "ANNA@EXAMPLE.ORG")], {"anna"}),
        ("foreign", [("To", "%s, someone@elsewhere.example, nobody-here@example.org" % a)], {"anna"}),
        ("alias", [("To", "Sales <sales@example.org>")], {"bert"}),
        ("onlyforeign", [("To", "someone@elsewhere.example")], POSTMASTER),
        ("noto", [("To", None)], POSTMASTER),
        ("emptyto", [("To", "")], POSTMASTER),
        ("xrealto", [("To", a), ("X-Real-To", b)], {"anna"}),
        ("encodedname", [("To", "=?utf-8?q?Anna_=3Cbert=40example=2Eorg=3E?= <%s>" % a)], {"anna"}),
        ("doubtful", [("To", "anna@example.org@evil.example")], POSTMASTER),
    ]
    return [(prefix + n, mail(prefix + n, h), who) for n, h, who in cases]
