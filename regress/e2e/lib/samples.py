# SPDX-License-Identifier: ISC
"""The samples of regress/data: inputs of the header and address parsers with the results that are right."""
import os
import re

from lib import rig

DATA = os.path.join(rig.REPO, "regress", "data")
ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|([rnt0\\]))")
END = re.compile(r"(?:\\n|\\c)$")
PLAIN = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\"}


def octets(text):
    out, at = b"", 0
    for m in ESCAPE.finditer(text):
        out += text[at:m.start()].encode() + (bytes.fromhex(m.group(1)) if m.group(1) else PLAIN[m.group(2)])
        at = m.end()
    return out + text[at:].encode()


def pair(text):
    """(local part unquoted, domain) of an address as RFC 5321 writes it."""
    data = octets(text)
    if data.startswith(b'"'):
        local, _, domain = data[1:].rpartition(b'"')
        return re.sub(rb"\\(.)", rb"\1", local), domain[1:]
    local, _, domain = data.rpartition(b"@")
    return (local, domain) if local else (data, b"")


def pairs(text):
    return [pair(t) for t in text.split(" | ") if t.strip()]


def read(name):
    with open(os.path.join(DATA, name), encoding="utf-8", newline="\n") as f:
        return [(n, line.rstrip("\n")) for n, line in enumerate(f, 1)]


def addresses():
    """[(line number, kind, octets, [(local part, domain)] or the word null, elements dropped)]"""
    out = []
    for n, line in read("addresses.txt"):
        if line and not line.startswith("#"):
            kind, text, wanted, dropped = line.split("\t")
            out.append((n, kind, octets(text), "null" if wanted == "<>" else pairs(wanted), int(dropped)))
    return out


class Message:
    """A sample of headers.txt: what comes in, what goes out, what is found in it (None: of no interest)."""

    def __init__(self, line, title):
        self.line, self.title = line, title
        self.mode, _, self.field = title.split(" ")[0].partition(":")
        self.wire = self.out = b""
        self.sender = self.rcpt = None

    def add(self, line):
        end = {"\\n": b"\n", "\\c": b""}[END.search(line).group()] if END.search(line) else b"\r\n"
        text = octets(END.sub("", line[1:]))
        self.wire += text + end
        if line[0] == "+":
            self.out += text + (end and b"\n")
        elif line[0] == "*":
            self.out += text + end

    def expect(self, what, value):
        if what == "rcpt":
            self.rcpt = pairs(value)
        else:
            self.sender = value if value in ("<>", "none") else pair(value)


def messages():
    out = []
    for n, line in read("headers.txt"):
        if line.startswith("= "):
            out.append(Message(n, line[2:]))
        elif line.startswith("> "):
            what, _, value = line[2:].partition(" ")
            out[-1].expect(what, value)
        elif line and line[0] in "+-*":
            out[-1].add(line)
        else:
            assert not line or line[0] == "#", "headers.txt:%d" % n
    return out
