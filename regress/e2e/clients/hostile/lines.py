# SPDX-License-Identifier: ISC
"""Lines that are none, too long, of odd octets or with odd ends, ahead of the login and behind it."""
from . import BAD, END, ERR, LISTED, LONG, MANY, NONE, NUL, OK, add

MEGABYTE = 1 << 20
# name: (what is sent, what comes back ahead of the login, and behind it)
LINES = {
    "empty": (b"\r\n", BAD, BAD),
    "empty-lf": (b"\n", BAD, BAD),
    "blank": (b" \r\n", BAD, BAD),
    "tab": (b"\t\r\n", BAD, BAD),
    "colon": (b":\r\n", BAD, BAD),
    "verb-with-colon": (b"CAPA: x\r\n", BAD, BAD),
    "dot": (b".\r\n", BAD, BAD),
    "star": (b"*\r\n", BAD, BAD),
    "plus": (b"+ \r\n", BAD, BAD),
    "answer": (b"+OK\r\n", BAD, BAD),
    "one-letter": (b"Q\r\n", BAD, BAD),
    "blank-ahead": (b" CAPA\r\n", BAD, BAD),
    "verb-too-long": (b"CAPACITY\r\n", BAD, BAD),
    "nul-alone": (b"\0\r\n", NUL, NUL),
    "nul-ahead": (b"\0CAPA\r\n", NUL, NUL),
    "nul-behind": (b"QUIT\0\r\n", NUL, NUL),
    "nul-and-more": (b"LIST\0 1\r\n", NUL, NUL),
    "nul-at-the-end": (b"CAPA\r\0\n", NUL, NUL),
    "nuls-250": (b"\0" * 250 + b"\r\n", NUL, NUL),
    "8-bit": (bytes(range(0x80, 0x100)) + b"\r\n", BAD, BAD),
    "utf-8": ("ЛИСТ é\r\n".encode(), BAD, BAD),
    "bad-utf-8": (b"\xc3\x28\xf8\xa1\xa1\xa1\xa1\r\n", BAD, BAD),
    "utf-16": ("CAPA".encode("utf-16-be") + b"\r\n", NUL, NUL),
    "byte-order-mark": (b"\xef\xbb\xbfCAPA\r\n", BAD, BAD),
    "control": (bytes(range(1, 10)) + b"\x0b\x0c" + bytes(range(14, 32)) + b"\x7f\r\n", BAD, BAD),
    "escape": (b"\x1b]0;owned\x07\x1b[2J\x1b[31m\r\n", BAD, BAD),
    "escape-8-bit": (b"\x9b2J\x9d0;owned\x9c\r\n", BAD, BAD),
    "backspace": (b"CAPX\x08A\r\n", BAD, BAD),
    "format": (b"%s%s%s%n%n%n\r\n", BAD, BAD),
    "format-positions": (b"%1$s%99999$n %999999999d\r\n", BAD, BAD),
    "telnet": (b"\xff\xf4\xff\xfd\x06CAPA\r\n", BAD, BAD),
    "http": (b"GET / HTTP/1.1\r\n", BAD, BAD),
    "smtp": (b"EHLO example.net\r\n", BAD, BAD),
    "imap": (b"a1 LOGIN anna x\r\n", BAD, BAD),
    "proxy": (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 110\r\n", BAD, BAD),
    "shell": (b"() { :;}; /bin/id\r\n", BAD, BAD),
    "jndi": (b"${jndi:ldap://192.0.2.1/a}\r\n", BAD, BAD),
    "longest": (b"x" * 253 + b"\r\n", BAD, BAD),
    "longest-lf": (b"x" * 254 + b"\n", BAD, BAD),
    "one-too-long": (b"x" * 254 + b"\r\n", LONG, LONG),
    "long-verb": (b"CAPA" * 100 + b"\r\n", LONG, LONG),
    "hidden-quit": (b"x" * 255 + b"\rQUIT\r\n", LONG, LONG),
    "hidden-behind-the-buffer": (b"x" * 16384 + b"QUIT\r\n", LONG, LONG),
    "megabyte": (b"y" * MEGABYTE + b"\r\n", LONG, LONG),
    "megabyte-of-nul": (b"\0" * MEGABYTE + b"\r\n", LONG, LONG),
    "megabyte-of-cr": (b"\r" * MEGABYTE + b"\n", LONG, LONG),
    "cr-only": (b"NOOP\rNOOP\rNOOP\r\n", BAD, BAD),
    "cr-cr-lf": (b"NOOP\r\r\n", BAD, BAD),
    "lf-cr": (b"NOOP\n\r\n", [BAD, BAD], [OK, BAD]),
    "lf-only": (b"CAPA\n", LISTED + OK, LISTED + OK),
    "lower-case": (b"cApA\r\n", LISTED + OK, LISTED + OK),
}

for _name, (_sent, _ahead, _behind) in LINES.items():
    add("line-" + _name, [(_sent, _ahead)])
    add("line-in-" + _name, [(_sent, _behind)], start="in")

add("line-never-ends", [(b"NOOP", None)], ends=True)
add("line-in-never-ends", [(b"DELE 1", None)], start="in", ends=True)
add("line-megabyte-never-ends", [(b"z" * MEGABYTE, None)], ends=True)
add("line-five-bad", [("nonsense", BAD)] * 4 + [("nonsense", MANY), (b"", END)], ends=True)
add("line-five-bad-at-once", [(b"nonsense\r\n" * 5000, [BAD] * 4 + [MANY]), (b"", END)], ends=True)
add("line-five-too-long", [(b"x" * 300 + b"\r\n", LONG)] * 4 + [(b"x" * 300 + b"\r\n", MANY), (b"", END)], ends=True)
add("line-five-nul", [(b"\0\r\n", NUL)] * 4 + [(b"\0\r\n", MANY), (b"", END)], ends=True)
add("line-bad-but-not-in-a-row", ([("nonsense", BAD)] * 4 + [("CAPA", LISTED + OK)]) * 5)
add("line-in-twenty-bad", [("nonsense", BAD)] * 19 + [("nonsense", MANY), (b"", END)], start="in", ends=True)
add("line-in-twenty-at-once", [(b"nonsense\r\n" * 2000, [BAD] * 19 + [MANY]), (b"", END)], start="in", ends=True)
add("line-in-no-such-message-is-no-abuse", [("LIST 99", NONE)] * 50, start="in")
add("line-greeting-not-awaited", [(b"", None)], start="raw", ends=True)
add("line-mechanism-never-offered", [("AUTH NONSENSE", ERR)] * 9)
