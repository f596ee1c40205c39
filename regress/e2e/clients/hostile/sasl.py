# SPDX-License-Identifier: ISC
"""SASL exchanges with bad base64, early and late, cancelled, split, huge, of the wrong mechanism, and behind a login."""
import base64

from . import BAD, END, ERR, LISTED, MANY, MORE, OK, WHOLE, WRONG, add


def b64(octets):
    return base64.b64encode(octets).decode()


RIGHT = "{plain}"		# the account's own response to PLAIN
REFUSED = r"-ERR (?!\[).*"		# no login at all: neither wrong nor right

# Responses that are none of PLAIN's.
RESPONSES = {
    "no-base64": "!!!!", "one-letter": "A", "three-letters": "AAA", "padding-only": "====",
    "padding-within": "AA==AAAA", "padding-three": "A===",
    "blank-within": "AHg AeQ==", "blank-ahead": " AHgAeQ==", "blank-behind": "AHgAeQ== ", "tab": "AHg\tAeQ==", "url-alphabet": "_-_-", "8-bit": "\xff\xfe",
    "format": "%s%n",
    "newline-coded": b64(b"\r\n"), "no-nul": b64(b"anna"), "one-nul": b64(b"anna\0x"), "nuls": b64(b"\0\0"), "many-nuls": b64(b"\0" * 500),
    "three-nuls": b64(b"\0anna\0x\0y"), "no-name": b64(b"\0\0zq-s3cret-x"), "long-password": b64(b"\0anna\0" + b"w" * 1025),
    "command": "QUIT", "escape": "\x1b[2J", "plus": "+", "dot": ".", "letters-12285": "A" * 12285, "megabyte": "A" * (1 << 20),
}
for _name, _response in RESPONSES.items():
    _sent = _response.encode("latin-1") + b"\r\n"
    add("sasl-plain-" + _name, [("AUTH PLAIN", MORE), (_sent, REFUSED)])
    if len(_response) < 12000 and not _response.startswith(" "):
        add("sasl-initial-" + _name, [(b"AUTH PLAIN " + _sent, REFUSED)])

add("sasl-plain-nul", [("AUTH PLAIN", MORE), (b"AHg\0AeQ==\r\n", REFUSED)])
add("sasl-plain-empty", [("AUTH PLAIN", MORE), ("", REFUSED)])
add("sasl-plain-equals", [("AUTH PLAIN =", REFUSED)])
add("sasl-plain-other-identity", [("AUTH PLAIN " + b64(b"postmaster\0nobody-z\0zq-s3cret-z"), WRONG)])
add("sasl-identity-of-somebody-else", [("AUTH PLAIN {plain_as_bert}", WRONG)])
add("sasl-cancelled", [("AUTH PLAIN", MORE), ("*", REFUSED), ("AUTH PLAIN " + RIGHT, OK), ("STAT", OK)])
add("sasl-cancelled-often", [("AUTH PLAIN", MORE), ("*", REFUSED)] * 4 + [("AUTH PLAIN", MORE), ("*", MANY), (b"", END)], ends=True)
add("sasl-cancelled-initial", [("AUTH PLAIN *", REFUSED)])
add("sasl-early", [(b"AUTH PLAIN\r\n{plain}\r\nSTAT\r\n", [MORE, OK, OK])])
add("sasl-early-login", [(b"AUTH LOGIN\r\n{user64}\r\n{secret64}\r\nSTAT\r\n", [MORE, MORE, OK, OK])])
add("sasl-early-commands", [(b"AUTH PLAIN\r\nCAPA\r\nCAPA\r\n", [MORE, REFUSED, LISTED + OK])])
add("sasl-late", [("AUTH PLAIN", MORE), ("AUTH PLAIN", REFUSED), (RIGHT, BAD)])
add("sasl-response-without-auth", [(RIGHT, BAD)])
add("sasl-response-twice", [("AUTH PLAIN", MORE), (RIGHT, OK), (RIGHT, BAD), ("STAT", OK)])
add("sasl-behind-success", [("AUTH PLAIN " + RIGHT, OK), ("AUTH PLAIN " + RIGHT, BAD), ("AUTH", BAD), ("STAT", OK)])
add("sasl-behind-user", [("USER {user}", OK), ("PASS {secret}", OK), ("AUTH LOGIN", BAD), ("AUTH LOGIN {user64}", BAD)])
add("sasl-user-then-auth", [("USER nobody", OK), ("AUTH PLAIN " + RIGHT, OK)])
add("sasl-pass-within", [("AUTH LOGIN", MORE), ("PASS {secret}", REFUSED), ("AUTH LOGIN", MORE), ("*", REFUSED)])
add("sasl-quit-within", [("AUTH LOGIN", MORE), ("QUIT", MORE), ("*", REFUSED)])
add("sasl-stls-within", [("AUTH PLAIN", MORE), ("STLS", REFUSED)])
add("sasl-hung-up", [("AUTH PLAIN", MORE), (b"AHg", None)], ends=True)
add("sasl-hung-up-within-login", [("AUTH LOGIN {user64}", MORE), (b"", None)], ends=True)
add("sasl-hung-up-at-once", [("AUTH PLAIN", None)], ends=True)
add("sasl-hung-up-with-initial", [("AUTH PLAIN " + RIGHT, None)], ends=True)
add("sasl-lower-case", [("auth plain " + RIGHT, OK)])
add("sasl-lf", [(b"AUTH PLAIN\n", MORE), (b"{plain}\n", OK)])
add("sasl-split", [(b"AU", None), (b"TH PL", None), (b"AIN", None), (b"\r", None), (b"\n", MORE), (b"{plain}", None), (b"\r", None), (b"\n", OK)])
add("sasl-list-endlessly", [("AUTH", LISTED + OK)] * 200)
add("sasl-list-pipelined", [(b"AUTH\r\n" * 200, [LISTED + OK] * 200)], modes=WHOLE)

add("sasl-login-no-base64", [("AUTH LOGIN", MORE), ("!", REFUSED)])
add("sasl-login-empty-name", [("AUTH LOGIN", MORE), ("", REFUSED)])
add("sasl-login-empty-initial", [("AUTH LOGIN =", REFUSED)])
add("sasl-login-nul-in-password", [("AUTH LOGIN", MORE), ("{user64}", MORE), (b64(b"a\0b"), REFUSED)])
add("sasl-login-huge-password", [("AUTH LOGIN", MORE), ("{user64}", MORE), (b64(b"w" * 5000), REFUSED)])
add("sasl-login-huge-line", [("AUTH LOGIN", MORE), (b"A" * 50000 + b"\r\n", REFUSED)])
add("sasl-login-wrong", [("AUTH LOGIN {user64}", MORE), (b64(b"zq-s3cret-no"), WRONG)])
add("sasl-login-format", [("AUTH LOGIN " + b64(b"%n%n%n%s"), MORE), (b64(b"%n%n"), WRONG)])

for _mech in ("SCRAM-SHA-256", "SCRAM-SHA-1"):
    _name = "sasl-" + _mech.lower()
    for _what, _first in (("rubbish", b"rubbish"), ("empty", b""), ("binding", b"p=tls-unique,,n=anna,r=abc"), ("no-nonce", b"n,,n=anna"),
            ("no-name", b"n,,n=,r=abc"), ("extension", b"n,,m=x,n=anna,r=abc"), ("nul", b"n,,n=an\0na,r=abc"),
            ("nonce-huge", b"n,,n=anna,r=" + b"r" * 8000), ("commas", b"," * 500), ("8-bit", b"n,,n=\xff\xfe,r=abc"),
            ("format", b"%s%n,,n=%s,r=%n"), ("begin", b"n,,"), ("g", b"y")):
        add("%s-%s" % (_name, _what), [("AUTH %s %s" % (_mech, b64(_first) or "="), ERR)])
    for _what, _first in (("bad-escape", b"n,,n=an=na-%s,r=abc" % _mech.encode()), ("identity", b"n,a=bert=,n=anna-%s,r=abc" % _mech.encode())):
        add("%s-%s" % (_name, _what), [("AUTH %s %s" % (_mech, b64(_first)), MORE), ("cnViYmlzaA==", ERR)])
    for _what, _final in (("rubbish", "cnViYmlzaA=="), ("no-base64", "%%%"), ("cancelled", "*"), ("empty", ""), ("command", "CAPA"),
            ("nonce-of-its-own", b64(b"c=biws,r=abc,p=AAAA")), ("huge", b64(b"c=" + b"A" * 8000))):
        add("%s-final-%s" % (_name, _what), [("AUTH " + _mech, MORE), ("{scram}", MORE),
            (_final, ERR)])
    add(_name + "-given-up", [("AUTH " + _mech, MORE), ("{scram}", MORE)], ends=True)

for _what, _response in (("rubbish", "cnViYmlzaA=="), ("no-base64", "~"), ("cancelled", "*"), ("empty", ""), ("no-digest", b64(b"anna-none ")),
        ("short", b64(b"anna-short 0123")), ("no-digits", b64(b"anna-digits " + b"g" * 32)), ("huge", b64(b"a" * 8000 + b" " + b"0" * 32)),
        ("nul", b64(b"an\0na 0123"))):
    add("sasl-cram-md5-" + _what, [("AUTH CRAM-MD5", MORE), (_response, ERR)])
add("sasl-cram-md5-initial", [("AUTH CRAM-MD5 " + b64(b"anna " + b"0" * 32), ERR)])
add("sasl-cram-md5-wrong", [("AUTH CRAM-MD5", MORE), ("{cram_wrong}", WRONG)])
add("sasl-exchange-left-for-quit", [("AUTH CRAM-MD5", MORE), ("*", ERR), ("QUIT", OK), (b"", END)], ends=True)
