# SPDX-License-Identifier: ISC
"""Lies in the answers to STAT, LIST and UIDL: numbers, lines and unique-ids."""
from servers.behaviours import Endless, Listing, Lists, NewUids, NoUidl, Says, ShuffledUidl, Stat, Uids

from . import ALL, COUNT, LF, ROUNDS, add

BAD = "^listing: .*mailbox size"
SHORT = "^listing: "

for name, text in [("words", b"five messages"), ("none", b""), ("negative", b"-1 100"), ("overflow64", b"18446744073709551621 1"),
    ("overflow63", b"9223372036854775808 1"), ("huge", b"99999999999999999999999 1"), ("signed", b"+5 100"), ("hex", b"0x5 100"),
    ("glued", b"5, 100")]:
    add("stat-" + name, lambda text=text: Stat(text), "R1", BAD)
add("stat-overflow32", lambda: Stat(b"4294967301 100"), "R1", "^listing: more than")
add("stat-million", lambda: Stat(b"3000000 100"), "R1", "^listing: more than")
add("stat-refused", lambda: Says("stat", b"-ERR no STAT here" + LF), "R1", BAD)
add("stat-garbage", lambda: Says("stat", b"5 2000" + LF), "R1", "^listing: .*neither")
add("stat-more", lambda: Stat(b"9 100"), "OK")
add("stat-fewer", lambda: Stat(b"3 100"), "OK", got=ALL[:3])
add("stat-zero", lambda: Stat(b"0 0"), "OK", got=[])
add("stat-hugesize", lambda: Stat(b"5 99999999999999999999999999"), "OK")
add("stat-zerosize", lambda: Stat(b"5 0"), "OK")
add("stat-nosize", lambda: Stat(b"5"), "OK")
add("stat-extra", lambda: Stat(b"5 100 more words"), "OK")
add("stat-zeros", lambda: Stat(b"0000000005 0000100"), "OK")


def sizes(name, change, outcome="OK", words="", **more):
    add("list-" + name, lambda: Lists(change), outcome, words, **more)


sizes("huge", lambda x: [b"%d 99999999999999999999" % (i + 1) for i in range(COUNT)])
sizes("wraps", lambda x: [b"%d 4294967296" % (i + 1) for i in range(COUNT)])
sizes("zero", lambda x: [b"%d 0" % (i + 1) for i in range(COUNT)])
sizes("negative", lambda x: [b"%d -700" % (i + 1) for i in range(COUNT)])
sizes("short", lambda x: x[:2])
sizes("empty", lambda x: [])
sizes("repeated", lambda x: x + x)
sizes("garbage", lambda x: [b"zero none", b"", b"-1 -1", b"0 0", b"7 7", b"4294967297 5"])
sizes("long-line", lambda x: x + [b"y" * 100_000])
sizes("endless", lambda x: x * 100, "R1", "^listing: .*does not end")
add("list-one-refused", lambda: Says("list1", b"-ERR no argument" + LF), "OK")
add("list-one-garbage", lambda: Says("list1", b"+OK what?" + LF), "R2", "out of step", got=ALL, never=("dele",))
add("list-refused", lambda: Says("list", b"-ERR" + LF), "OK")
add("list-endless-line", lambda: Endless("list", b"+OK" + LF + b"1 ", b"1", limit=20_000_000), "R1", "^listing: ")


def lines(name, change, outcome="OK", words="", **more):
    add("uidl-" + name, lambda: Listing(change), outcome, words, **more)


def uid(x, i):
    return x[i].split()[1]


lines("zero-based", lambda x: [b"%d %s" % (i, uid(x, i)) for i in range(len(x))])
lines("shifted", lambda x: [b"%d %s" % (i + 2, uid(x, i)) for i in range(len(x))])
lines("all-one", lambda x: [b"1 " + uid(x, i) for i in range(len(x))])
lines("rotated", lambda x: [b"%d %s" % (i + 1, uid(x, (i + 1) % len(x))) for i in range(len(x))])
lines("repeated", lambda x: x[:2] + [b"2 uid-other"] + x[2:])
lines("repeated-same", lambda x: x[:2] + x[1:])
lines("one-above", lambda x: x + [b"%d uid-x" % (len(x) + 1)])
lines("huge", lambda x: x + [b"4294967297 wraps", b"18446744073709551617 wraps64", b"99999999999999999999999999 huge"])
lines("negative", lambda x: x + [b"-1 minus"])
lines("signed", lambda x: [b"+" + l for l in x])
lines("no-uid", lambda x: x[:1] + [b"2"] + x[2:])
lines("no-number", lambda x: x[:1] + [b"uid-00002"] + x[2:])
lines("blank-line", lambda x: x[:3] + [b""] + x[3:])
lines("extra-words", lambda x: [l + b" and more" for l in x])
lines("two-blanks", lambda x: [l.replace(b" ", b"  ") for l in x])
lines("tabs", lambda x: [l.replace(b" ", b"\t") for l in x])
lines("trailing-blanks", lambda x: [l + b"   " for l in x])
lines("leading-blanks", lambda x: [b"  " + l for l in x])
lines("leading-zeros", lambda x: [b"000" + l for l in x])
lines("dot-stuffed", lambda x: [b"." + l for l in x])
lines("long-line", lambda x: x + [b"5 " + b"y" * 100_000])
lines("line-of-the-cap", lambda x: x + [b"5 " + b"y" * 1022])
for length in (71, 500, 2044, 2045, 2046, 2047, 2048, 100_000):
    lines("length-%d" % length, lambda x, n=length: x[:2] + [b"3 " + b"y" * n] + x[3:], rounds=2)
lines("nul", lambda x: x[:4] + [b"5 a\0b"])
lines("bare-cr", lambda x: x[:4] + [b"5 a\rb"])
lines("missing", lambda x: x[::2])
lines("empty", lambda x: [])
lines("too-many", lambda x: x * 100, "R1", "^listing: .*does not end")
lines("controls", lambda x: [l + b"\x1b[2J\x9b\x07" for l in x])
add("uidl-reversed", ShuffledUidl, "OK")
add("uidl-other-each-time", NewUids, "OK", rounds=2)
add("uidl-refused", NoUidl, "OK", leave=("R1", "^listing: .*UIDL|^login: .*UIDL|unique-id"))
add("uidl-err-once", lambda: Says("uidl", b"-ERR no listing today" + LF), "OK", leave=("R1", "UIDL|unique-id"))
add("uidl-garbage", lambda: Says("uidl", b"1 uid-00001" + LF), "R1", "^listing: .*neither")
add("uidl-endless-lines", lambda: Endless("uidl", b"+OK" + LF, b"1 uid-endless" + LF, limit=20_000_000), "R1",
    "^listing: .*does not end")
add("uidl-endless-line", lambda: Endless("uidl", b"+OK" + LF + b"1 ", b"x", limit=20_000_000), "R1", "^listing: .*does not end")

# What is kept under such an identifier must be found under it again
for name, uids in {
    "numbers": [b"1", b"01", b"1.0", b"1e0", b"0x1"],
    "case": [b"AbC", b"abc", b"ABC", b"aBc", b"abC"],
    "sql": [b"'", b"';DROP/**/TABLE/**/seen;--", b"%27", b"\"", b"NULL"],
    "paths": [b"../../etc/passwd", b"/etc/passwd", b".", b"..", b"a/b:2,S"],
    "formats": [b"%s%s%s%n", b"%x", b"$(id)", b"`id`", b"\\0"],
    "punctuation": [b"!", b"~", b"<>", b"=", b"#"],
    "longest": [b"%d" % i + b"x" * 69 for i in range(COUNT)],
    "prefixes": [b"a", b"aa", b"aaa", b"aaaa", b"aaaaa"],
    "two-same": [b"u1", b"twice", b"twice", b"u4", b"u5"]}.items():
    add("uids-" + name, lambda uids=uids: Uids(uids), "OK", rounds=ROUNDS)
for name, uids in {
    "too-long": [b"%d" % i + b"x" * 70 for i in range(COUNT)],
    "eightbit": [b"\xe4\xf6%d" % i for i in range(COUNT)],
    "empty": [b""] * COUNT,
    "same": [b"one-for-all"] * COUNT,
    "controls": [b"\x01%d" % i for i in range(COUNT)],
    "blank-inside": [b"a %d" % i for i in range(COUNT)]}.items():
    add("uids-" + name, lambda uids=uids: Uids(uids), "OK", rounds=2)
