# SPDX-License-Identifier: ISC
"""XTND XMIT, by accounts that may send: messages that nobody can send, and clients that go in the middle of one."""
from . import BAD, ERR, OK, WHOLE, add

FROM = b"From: {user}\r\n"
NOBODY = FROM + b"To: nobody@example.org\r\n"


def message(name, data, answer=ERR, **more):
    """A message that is refused when it is at its end; the session goes on."""
    add("send-" + name, [("XTND XMIT", OK), (data + b"\r\n.\r\n", answer)], start="in", **more)


add("send-early", [("XTND XMIT", BAD), ("XTND", BAD)])
add("send-other-words", [("XTND XMITS", BAD), ("XTND  XMIT", BAD), ("XTND XMIT\tx", BAD), ("XTND XMIT 1", BAD)], start="in")
message("nothing", b"")
message("commands", b"DELE 1\r\nDELE 2\r\nQUIT\r\nRSET\r\nSTLS\r\nXTND XMIT")
message("dots", b"..\r\n...\r\n.x\r\n..")
message("no-from", b"To: honest@example.org\r\n\r\nx", r"-ERR there is no From field")
message("forged", b"From: honest@example.org\r\nTo: honest@example.org\r\n\r\nx", r"-ERR the address in From is not one of yours.*")
message("forged-twice", FROM + b"From: honest@example.org\r\nTo: honest@example.org\r\n\r\nx", r"-ERR there are several From fields")
message("forged-sender", FROM + b"Sender: honest@example.org\r\nTo: honest@example.org\r\n\r\nx", r"-ERR the address in Sender .*")
message("format", b"From: %s%n%x@%s\r\nTo: %n@example.org\r\n\r\nx")
message("escapes", b"From: \x1b[2J@example.org\r\nTo: \x1b]0;x\x07@example.org\r\n\r\nx")
message("nobody", NOBODY + b"\r\nx", r"-ERR no such recipient here: nobody@example.org")
message("path", FROM + b"To: ../../etc/passwd@example.org\r\n\r\nx", r"-ERR no such recipient here: .*")
message("wild", FROM + b"To: *@example.org\r\n\r\nx", r"-ERR no such recipient here: .*")
message("long-line", NOBODY + b"\r\n" + b"x" * 100000, r"-ERR a line of the message is longer than 998 octets", modes=WHOLE)
message("long-field", FROM + b"To: " + b"x" * 2000 + b"@example.org\r\n\r\nx", r"-ERR a line .*", modes=WHOLE)
message("bare-lf", NOBODY + b"\r\na\n.\nDELE 1\nb", r"-ERR a line of the message does not end with CRLF")
message("bare-cr", NOBODY + b"\r\na\r.\rDELE 1\rb", r"-ERR a line of the message does not end with CRLF")
message("crcrlf", NOBODY + b"\r\na\r\r\n.x", r"-ERR a line of the message does not end with CRLF")
message("nul", NOBODY + b"\r\na\0b", r"-ERR the message has a NUL")
message("beyond-ascii", NOBODY + b"Subject: \xff\xfe\r\n\r\nx", r"-ERR the message's header is beyond ASCII.*")
message("large-header", NOBODY + b"X-Field: value\r\n" * 30000 + b"\r\nx", r"-ERR the header is too large", modes=WHOLE)
message("many-fields", FROM + b"To: nobody@example.org\r\n" * 9000 + b"\r\nx", modes=WHOLE)
message("many-recipients", FROM + b"".join(b"To: u%d@far.example\r\n" % i for i in range(3000)) + b"\r\nx",
    r"-ERR there are more than 100 recipients", modes=WHOLE)
message("deep-comments", FROM + b"To: " + b"(\r\n " * 20000 + b"nobody@example.org\r\n\r\nx", modes=WHOLE)
message("quotes", FROM + b'To: "' + b"\\\r\n " * 20000 + b"nobody@example.org\r\n\r\nx", modes=WHOLE)
add("send-ahead", [(b"XTND XMIT\r\n.\r\nXTND XMIT\r\n" + NOBODY + b"\r\n.\r\nNOOP\r\n", [OK, ERR, OK, ERR, OK])], start="in")
add("send-again", [(b"XTND XMIT\r\n.\r\n" * 200, [OK, ERR] * 200)], start="in", modes=WHOLE)
add("send-and-go", [("XTND XMIT", OK)], start="in", ends=True)
add("send-half-and-go", [("XTND XMIT", OK), (FROM + b"To: honest@example.org\r\n\r\nhalf\r\n", None)], start="in", ends=True)
add("send-dot-and-go", [("XTND XMIT", OK), (FROM + b"To: honest@example.org\r\n\r\nhalf\r\n.\r", None)], start="in", ends=True)
add("send-all-and-go", [("XTND XMIT", OK), (NOBODY + b"\r\nall\r\n.\r\n", None)], start="in", ends=True)
