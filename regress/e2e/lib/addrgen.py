# SPDX-License-Identifier: ISC
"""Address lists and headers by the grammar of RFC 5322, obsolete forms and RFC 6532 included, and damaged ones; seeded."""

WORDS = ["a", "bo", "Anna", "x-y_z", "o'neil", "list+tag=x", "=?utf-8?q?J=C3=B8rgen?=",
    "j\u00f8rgen", "\u4f8b", "1", "{}|~", "!#$%&*/^`"]
LABELS = ["example", "org", "Example", "x", "sub-domain", "b\u00fccher", "\u4f8b\u5b50", "xn--bcher-kva", "42"]
QUOTED = ["", "Lee, Anna", "a b", "<evil@x.test>", "a@b", "x\\\"y", "\\\\", "(no comment",
    ";", "..", "j\u00f8", "tab\there", "x\r\n y", "\\a"]
COMMENTS = ["c", "", "a (nested (twice)) b", "\\(", "\\)", "evil@x.test", "\", <", "j\u00f8", "a,b;c", "\r\n fold", "\\\\"]
DAMAGE = [",", ";", ":", "<", ">", "@", ".", "\"", "(", ")", "[", "]", "\\", " ", "\t", "\r\n ",
    "\r", "\n", "\0", "\x01", "\x7f", "a", "j\u00f8", "\u0085"]


def blank(rng, odds=0.15):
    """CFWS, or nothing."""
    out = ""
    while rng.random() < odds:
        out += rng.choice([" ", " ", "\t", "\r\n ", "\r\n\t", "(%s)" % rng.choice(COMMENTS)])
    return out


def quoted(rng):
    return '"%s"' % rng.choice(QUOTED)


def word(rng):
    return quoted(rng) if rng.random() < 0.2 else rng.choice(WORDS)


def local_part(rng):
    """A dot-atom, a quoted string, or the obsolete mixture with white space around the dots."""
    if rng.random() < 0.15:
        return quoted(rng)
    dot = rng.random() < 0.2
    words = [word(rng) if dot else rng.choice(WORDS) for _ in range(rng.choice([1, 1, 1, 2, 3]))]
    return "".join((blank(rng) + "." + blank(rng) if dot else ".") + w if i else w for i, w in enumerate(words))


def domain(rng):
    if rng.random() < 0.08:
        return rng.choice(["[192.0.2.1]", "[IPv6:2001:db8::1]", "[ 192.0.2.1 ]"])
    dot = rng.random() < 0.1
    labels = [rng.choice(LABELS) for _ in range(rng.choice([1, 2, 2, 3]))]
    return "".join((blank(rng) + "." + blank(rng) if dot else ".") + x if i else x for i, x in enumerate(labels))


def addr_spec(rng):
    return local_part(rng) + blank(rng, 0.08) + "@" + blank(rng, 0.08) + domain(rng)


def mailbox(rng):
    if rng.random() < 0.4:
        return addr_spec(rng)
    route = ""
    if rng.random() < 0.05:
        route = ",".join("@" + domain(rng) for _ in range(rng.choice([1, 2]))) + ":"
    phrase = ""
    for _ in range(rng.choice([0, 1, 2, 2, 3])):
        phrase += word(rng) + rng.choice([" ", " ", ". ", "\r\n ", " (%s) " % rng.choice(COMMENTS)])
    return phrase + "<" + route + blank(rng, 0.08) + addr_spec(rng) + blank(rng, 0.08) + ">"


def element(rng):
    if rng.random() < 0.1:
        members = ",".join(blank(rng) + mailbox(rng) + blank(rng) for _ in range(rng.choice([0, 1, 2, 3])))
        return "%s:%s;" % (rng.choice(["friends", "undisclosed-recipients", "my \"good\" ones", "x.y"]), members)
    if rng.random() < 0.04:
        return ""
    return mailbox(rng)


def address_list(rng):
    return ",".join(blank(rng) + element(rng) + blank(rng) for _ in range(rng.choice([1, 1, 2, 2, 3, 5])))


def damaged(rng, text):
    """The same with a few characters taken out, put in, or moved."""
    for _ in range(rng.choice([1, 1, 2, 3])):
        at = rng.randrange(len(text) + 1)
        what = rng.random()
        if what < 0.4:
            text = text[:at] + rng.choice(DAMAGE) + text[at:]
        elif what < 0.7:
            text = text[:at] + text[at + 1:]
        elif what < 0.85:
            text = text[:at] + rng.choice(DAMAGE) + text[at + 1:]
        else:
            to = rng.randrange(len(text) + 1)
            text = text[:at] + text[to:to + rng.randrange(12)] + text[at:]
    return text


NAMES = [b"To", b"CC", b"bcc", b"Return-Path", b"Received", b"Subject", b"X-Real-To", b"Resent-To", b"Too", b"X!#$~", b"T"]
VALUES = [b"a@b.test", b" a@b.test", b"\tAnna <a@b.test>,\r\n c@d.test", b"", b" ", b" x\r\n\ty\r\n z",
    b" \xff\xfe 8-bit", b" NUL\0here",
    b" bare\rCR: x", b" CRs\r\r", b" colon: x", b" j\xc3\xb8rgen@x.test", b" fold\n with LF", b" x\r\n \r\n \r\n"]
ODD = [b"no field\r\n", b": no name\r\n", b"From a@b.test now\r\n", b">From a@b.test now\r\n",
    b" blank first\r\n", b"\tTo: x\r\n", b"T\xf6: x\r\n",
    b"To\r\n", b"To x: y\r\n", b"\rTo: x\r\n", b"To:x\rCc: y\r\n", b"\x7f: x\r\n", b"To\0: x\r\n"]


def header(rng):
    """A message of which the header matters; one in three is odd somewhere."""
    out = b""
    for i in range(rng.randrange(8)):
        if rng.random() < 0.08:
            out += rng.choice(ODD)
        value = rng.choice(VALUES) if rng.random() < 0.7 else b" " + address_list(rng).encode()
        out += rng.choice(NAMES) + rng.choice([b"", b"", b"", b" ", b"\t \t"]) + b":" + value
        out += rng.choice([b"\r\n", b"\r\n", b"\r\n", b"\n"])
    if rng.random() < 0.9:
        out += rng.choice([b"\r\n", b"\r\n", b"\n"]) + rng.choice([b"", b"body\r\n", b"To: body@x.test\r\n", b" \r\nx"])
    elif rng.random() < 0.5:
        out = out[:rng.randrange(len(out) + 1)]
    return out
