# SPDX-License-Identifier: ISC
"""Arguments that are missing, too many, no numbers, numbers of nothing."""
from . import BAD, ERR, LISTED, LONG, NONE, OK, add

# What is no number, or one of no message.
NUMBERS = {
    "zero": ("0", NONE), "zeros": ("00", BAD), "leading-zero": ("01", BAD), "negative": ("-1", BAD), "plus": ("+1", BAD),
    "letters": ("1xyz", BAD), "word": ("one", BAD), "hex": ("0x1", BAD), "fraction": ("1.0", BAD), "exponent": ("1e0", BAD),
    "four": ("4", NONE), "2-to-31": ("2147483648", NONE), "2-to-32": ("4294967296", NONE), "wraps-to-one": ("4294967297", NONE),
    "2-to-64": ("18446744073709551616", BAD), "wraps-64": ("18446744073709551617", BAD), "11-digits": ("99999999999", BAD),
    "240-digits": ("9" * 240, BAD), "400-digits": ("9" * 400, LONG), "format": ("%n", BAD), "format-number": ("1%s%n", BAD),
    "tab": ("\t1", BAD), "two-blanks": (" 1", BAD), "list": ("1,2", BAD), "range": ("1:3", BAD), "star": ("*", BAD), "quoted": ('"1"', BAD),
    "8-bit": ("\u0661", BAD), "path": ("../1", BAD), "escape": ("\x1b[2J", BAD), "unique-id": ("1.M1.rig", BAD),
}

for _verb in ("LIST", "UIDL", "RETR", "DELE", "TOP"):
    for _name, (_number, _answer) in NUMBERS.items():
        add("number-%s-%s" % (_verb.lower(), _name), [("%s %s%s" % (_verb, _number, " 1" if _verb == "TOP" else ""), _answer)], start="in")

for _name, _command, _answer in (
        ("list-two", "LIST 1 2", BAD), ("uidl-two", "UIDL 1 2", BAD), ("retr-none", "RETR", BAD), ("retr-blank", "RETR ", BAD),
        ("retr-two", "RETR 1 2", BAD), ("dele-none", "DELE", BAD), ("dele-two", "DELE 1 2", BAD), ("top-none", "TOP", BAD),
        ("top-one", "TOP 1", BAD), ("top-three", "TOP 1 2 3", BAD), ("top-negative", "TOP 1 -1", BAD), ("top-letters", "TOP 1 x", BAD),
        ("top-huge", "TOP 1 " + "9" * 200, BAD), ("top-format", "TOP 1 %n", BAD), ("top-tab", "TOP\t1\t1", BAD),
        ("top-of-nothing", "TOP 0 0", NONE), ("top-all", "TOP 1 4294967295", LISTED + OK), ("top-2-to-32", "TOP 1 4294967296", LISTED + OK),
        ("stat-one", "STAT 1", BAD), ("noop-one", "NOOP x", BAD), ("rset-one", "RSET 1", BAD), ("capa-one", "CAPA x", BAD),
        ("quit-one", "QUIT now", BAD), ("quit-blanks", "QUIT          now", BAD)):
    add("arguments-" + _name, [(_command, _answer)], start="in")

for _name, _command, _answer in (
        ("user-none", "USER", BAD), ("user-blank", "USER ", BAD), ("user-tab", "USER\tanna", BAD), ("user-too-long", "USER " + "u" * 249, LONG),
        ("pass-none", "PASS", BAD), ("pass-alone", "PASS zq-s3cret", BAD), ("apop-none", "APOP", BAD), ("apop-one", "APOP anna", BAD),
        ("apop-blank", "APOP  ", BAD), ("apop-short", "APOP anna 0123", ERR), ("apop-long", "APOP anna " + "0" * 33, ERR),
        ("apop-no-digits", "APOP anna " + "g" * 32, ERR), ("apop-too-long", "APOP " + "a" * 300 + " " + "0" * 32, LONG),
        ("stls-one", "STLS now", BAD), ("auth-blanks", "AUTH  PLAIN", ERR), ("auth-tab", "AUTH\tPLAIN", BAD),
        ("auth-format", "AUTH %s%n", ERR), ("auth-long-name", "AUTH " + "M" * 5000, ERR), ("auth-too-long", "AUTH PLAIN " + "A" * 12278, LONG),
        ("auth-external", "AUTH EXTERNAL =", ERR), ("auth-anonymous", "AUTH ANONYMOUS eA==", ERR), ("auth-xoauth2", "AUTH XOAUTH2", ERR),
        ("auth-gssapi", "AUTH GSSAPI", ERR), ("auth-ntlm", "AUTH NTLM", ERR), ("auth-scram-plus", "AUTH SCRAM-SHA-256-PLUS", ERR),
        ("quit-zero", "QUIT 0", BAD)):
    add("arguments-" + _name, [(_command, _answer)])

for _name, _argument, _answer in (
        ("utf8-user", "UTF8 USER", BAD), ("utf8-off", "UTF8 OFF", BAD), ("utf8-8-bit", b"UTF8 \xff\r\n", BAD), ("lang-8-bit", b"LANG \xff\xfe\r\n", BAD),
        ("lang-format", "LANG %s%n", BAD), ("lang-path", "LANG ../../etc/passwd", BAD), ("lang-hyphens", "LANG " + "-" * 200, BAD),
        ("lang-subtags", "LANG " + "a-" * 120 + "a", ERR), ("lang-long", "LANG " + "a" * 240, BAD), ("lang-too-long", "LANG " + "a-" * 200 + "a", LONG),
        ("lang-escape", "LANG \x1b[2J", BAD), ("lang-two", "LANG en fr", BAD), ("lang-locale", "LANG en_US.UTF-8", BAD)):
    add("arguments-" + _name, [(_argument, _answer), ("LANG *", OK)])
for _count in (3, 300):
    add("arguments-utf8-again-%d" % _count, [(b"UTF8\r\n" * _count, [OK] * _count)])
