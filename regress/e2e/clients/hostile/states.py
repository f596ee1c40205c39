# SPDX-License-Identifier: ISC
"""Commands at the wrong time, and commands of other servers."""
from . import BAD, END, ERR, LISTED, OK, WHOLE, add

LOGIN = [("USER {user}", OK), ("PASS {secret}", OK)]

for _command in ("STAT", "LIST", "LIST 1", "RETR 1", "DELE 1", "TOP 1 1", "UIDL", "UIDL 1", "NOOP", "RSET"):
    add("state-early-" + _command.lower().replace(" ", "-"), [(_command, BAD)])
for _name, _command in (("user", "USER {user}"), ("pass", "PASS {secret}"), ("apop", "APOP {user} " + "0" * 32), ("auth", "AUTH"),
        ("auth-plain", "AUTH PLAIN"), ("auth-initial", "AUTH PLAIN AHgAeA=="), ("stls", "STLS")):
    add("state-in-" + _name, [(_command, BAD)], start="in")
for _command in ("LAST", "XTND XLST", "XTND XMIT", "UTF-8", "XSENDER 1", "RPOP anna", "HELP", "XAUTHLIST", "GURL", "EXPN", "IDLE",
        "NOOP\x0b", "SLTS", "STARTTLS", "LOGIN anna x", "ID (x)", "XCLIENT ADDR=192.0.2.1"):
    _name = _command.lower().split(" ")[0].rstrip("\x0b") + ("-" + _command.lower()[5:] if _command.startswith("XTND") else "")
    _name += "-vt" if "\x0b" in _command else ""
    add("state-unknown-" + _name, [(_command, BAD)])
    add("state-in-unknown-" + _name, [(_command, BAD)], start="in")

add("state-in-utf8", [("UTF8", BAD)] * 19, start="in")
add("state-utf8-between", [("USER {user}", OK), ("UTF8", OK), ("LANG", LISTED + OK), ("PASS {secret}", OK), ("UTF8", BAD), ("STAT", OK)])
add("state-utf8-pipelined", [(b"UTF8\r\nUSER {user}\r\nPASS {secret}\r\nUTF8\r\nLANG *\r\n", [OK, OK, OK, BAD, OK])])
add("state-pass-twice", [("USER {user}", OK), ("PASS {secret}", OK), ("PASS {secret}", BAD), ("STAT", OK)])
add("state-user-forgotten-by-apop", [("USER {user}", OK), ("APOP x", BAD), ("CAPA", LISTED + OK), ("PASS {secret}", OK)])
add("state-user-replaced", [("USER nobody", OK), ("USER {user}", OK), ("PASS {secret}", OK)])
add("state-login-twice", LOGIN + [("USER {user}", BAD), ("PASS {secret}", BAD), ("STAT", OK)])
add("state-quit-first", [("QUIT", OK), (b"", END)], ends=True)
add("state-quit-between", [("USER {user}", OK), ("QUIT", OK), (b"", END)], ends=True)
add("state-behind-quit", [(b"QUIT\r\nCAPA\r\nUSER x\r\n", OK), (b"", END)], ends=True)
add("state-in-behind-quit", [(b"QUIT\r\nDELE 1\r\nQUIT\r\n", OK), (b"", END)], start="in", ends=True)
add("state-deleted-and-asked-for", [("DELE 1", OK), ("RETR 1", ERR), ("TOP 1 0", ERR), ("LIST 1", ERR), ("UIDL 1", ERR), ("DELE 1", ERR),
    ("RSET", OK), ("RETR 1", LISTED + OK)], start="in")
add("state-capabilities-differ", [("CAPA", LISTED + OK)] * 20 + LOGIN + [("CAPA", LISTED + OK)] * 20)
add("state-everything-pipelined", [(b"USER {user}\r\nPASS {secret}\r\nSTAT\r\nDELE 1\r\nRSET\r\nNOOP\r\n", [OK] * 6)])
add("state-guess-behind-a-login", [(b"USER {user}\r\nPASS {secret}\r\nUSER nobody\r\nPASS zq-s3cret-x\r\n", [OK, OK, BAD, BAD])])
add("state-commands-behind-a-wrong-password", [(b"USER {user}\r\nPASS zq-s3cret-no\r\nSTAT\r\nDELE 1\r\nCAPA\r\n",
    [OK, r"-ERR \[AUTH\].*", BAD, BAD, LISTED + OK])], modes=WHOLE)
