# SPDX-License-Identifier: ISC
"""The process of a mailbox beside Dovecot, locked in, with very many messages, and as one of several addresses sees it."""
import ctypes
import errno
import os
import re
import subprocess

import pytest

from lib import rig as rigs
from lib.boxrig import USER, Boxes, wire


@pytest.fixture
def boxes():
    b = Boxes()
    yield b
    b.close()
    assert b.status == 0


@pytest.mark.skipif(ctypes.CDLL(None).syscall(444, None, 0, 1) < 2, reason="a kernel without Landlock")
def test_trespass():
    """Nothing outside of its Maildir: by path, by "..", by a link, by a descriptor that was open before."""
    boxes = Boxes("-P", "act:trespass")
    md, other = boxes.maildir(), boxes.maildir("example.org/bert")
    md.add(b"mine\n", "1.a")
    other.add(b"theirs\n", "1.b")
    os.symlink(os.path.join("/example.org/bert/new/1.b"), os.path.join(md.top, "new", "link"))
    box = boxes.open()
    assert [u for _, u in box.listing()] == ["1.a"] and box.leave() == (0, 0, 0)
    told = dict(re.findall(r"^trespass ([\w-]+): (.*)$", "\n".join(boxes.log), re.M))
    assert told.pop("own") == "allowed" and told.pop("link") == os.strerror(errno.ELOOP)
    for what in ("move-out", "move-in"):
        assert told.pop(what) in (os.strerror(errno.EACCES), os.strerror(errno.EXDEV))
    assert told == {w: os.strerror(errno.EACCES) for w in ("absolute", "dots", "parent", "through-link", "kept", "kept-list", "make", "remove")}
    assert other.files() == ["new/1.b"] and "new/1.a" in md.files()
    boxes.close()


DOVECOT = """\
base_dir = %(dir)s/run
state_dir = %(dir)s/state
log_path = %(dir)s/log
protocols =
ssl = no
mail_location = maildir:%(maildir)s
mail_uid = _rpopm
mail_gid = _rpopm
first_valid_uid = 1
namespace inbox {
  inbox = yes
}
"""


def test_dovecot(boxes):
    """Dovecot finds the same messages, of the same octets, with the flags that were set here; and its own flags are kept."""
    top = rigs.scratch("rpdove.")
    md = boxes.maildir()
    contents = [b"Subject: %d\n\n" % i + b"line\n" * i for i in range(8)] + [b"Subject: crlf\r\n\r\ntext\r\n"]
    for i, c in enumerate(contents):
        md.add(c, sizes=i % 2 == 0)
    conf = os.path.join(top, "dovecot.conf")
    with open(conf, "w") as f:
        f.write(DOVECOT % {"dir": top, "maildir": md.top})
    os.chown(top, USER.pw_uid, USER.pw_gid)

    def doveadm(*args):
        return subprocess.run(["doveadm", "-c", conf, *args], check=True, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "USER": "anna", "HOME": top}).stdout

    def fetched():
        """{number: (octets, flags)} as Dovecot has it."""
        text = doveadm("-f", "tab", "fetch", "uid size.virtual flags", "mailbox", "INBOX", "all")
        return {int(n): (int(o), set(f.split())) for n, o, f in (line.split("\t") for line in text.splitlines()[1:])}
    box = boxes.open()
    listed = box.listing()
    box.seen(1, 3, 5)
    assert box.leave() == (3, 0, 0)
    found = fetched()
    assert [found[i][0] for i in sorted(found)] == [o for o, _ in listed] == [len(wire(c)) for c in contents]
    assert [i for i in sorted(found) if "\\Seen" in found[i][1]] == [1, 3, 5]
    doveadm("flags", "add", "\\Flagged \\Answered myword", "mailbox", "INBOX", "uid", "2:3")
    box = boxes.open()
    assert box.listing() == listed
    box.seen(2, 4)
    box.delete(5, 6)
    assert box.quit() == (2, 0) and box.result() == (2, 2, 0)
    found = fetched()
    assert sorted(found) == [1, 2, 3, 4, 7, 8, 9]
    assert [i for i in sorted(found) if "\\Seen" in found[i][1]] == [1, 2, 3, 4]
    assert all({"\\Flagged", "\\Answered", "myword"} <= found[i][1] for i in (2, 3))
    # What Dovecot removes is gone here.
    doveadm("expunge", "mailbox", "INBOX", "uid", "1")
    box = boxes.open()
    assert [u for _, u in box.listing()] == [u for i, (_, u) in enumerate(listed, 1) if i in (2, 3, 4, 7, 8, 9)]
    assert box.leave() == (0, 0, 0)
    subprocess.run(["rm", "-rf", top], check=True)


def test_scale(boxes):
    """100,000 messages: all listed, the second time without a directory; all seen; all deleted but one."""
    n = 100000
    md = boxes.maildir()
    for i in range(n):
        os.close(os.open(os.path.join(md.top, "new", "%d.M%dP1S2N%dR1.host,S=0,W=0" % (1700000000 + i // 7, i % 7, i)), os.O_CREAT | os.O_WRONLY))
    md.age()
    first = boxes.open()
    listed = first.listing()
    assert len(listed) == n and len({u for _, u in listed}) == n and first.leave() == (0, 0, 0)
    box = boxes.open()
    assert box.opened.scanned == 0 and box.listing() == listed
    for i in range(1, n + 1, 4000):
        box.seen(*range(i, i + 4000))
    assert box.leave() == (n, 0, 0)
    box = boxes.open()
    assert box.listing() == listed
    for i in range(1, n, 3999):
        box.delete(*range(i, min(i + 3999, n)))
    assert box.quit() == (n - 1, 0) and box.result() == (0, n - 1, 0)
    assert len(md.files()) == 1


HEAD = b"Return-Path: <s@x>\n"
TRACE = b"Received: from x by y\n\tfor <z@x>; date\n"
VIEWS = {
    "one": (HEAD + b"X-Real-To: anna@client1.example\n" + TRACE + b"\ntext\n", {"anna"}),
    "two": (HEAD + b"X-Real-To: anna@client1.example, bert@client1.example\n" + TRACE + b"\n", {"anna", "bert"}),
    "case": (b"x-REAL-to : ANNA@Client1.EXAMPLE\r\n" + TRACE + b"\n", {"anna"}),
    "folded": (b"X-Real-To: bert@client1.example,\n\tanna@client1.example\n" + TRACE + b"\n", {"anna", "bert"}),
    "twice": (b"X-Real-To: bert@client1.example\nX-Other: anna@client1.example\nX-Real-To: anna@client1.example\n" + TRACE, {"anna", "bert"}),
    "forged": (HEAD + b"X-Real-To: bert@client1.example\n" + TRACE + b"X-Real-To: anna@client1.example\n\n", {"bert"}),
    "forged-only": (HEAD + TRACE + b"X-Real-To: anna@client1.example\n\n", set()),
    "in-the-text": (HEAD + b"\nX-Real-To: anna@client1.example\n", set()),
    "part-of": (b"X-Real-To: xanna@client1.example, anna@client1.example.org, nna@client1.example\n" + TRACE, set()),
    "other-field": (b"X-Real-Too: anna@client1.example\nX-Real: anna@client1.example\n To: anna@client1.example\n" + TRACE, set()),
    "no-end": (b"X-Real-To: anna@client1.example", set()), "empty": (b"", set()), "nothing": (b"X-Real-To:\n" + TRACE, set()),
    "many": (b"X-Real-To: " + b",\n ".join(b"u%d@client1.example" % i for i in range(2000)) + b",\n anna@client1.example\n" + TRACE, {"anna"}),
}


def view(boxes, who, **options):
    box = boxes.open(field="X-Real-To", address=who + "@client1.example", **options)
    return box, [u for _, u in box.listing()]


@pytest.mark.parametrize("index", [True, False], ids=["index", "no-index"])
def test_views(boxes, index):
    """Each address sees what names it above the first Received, with the unique-ids of the whole mailbox; the index is of the whole one."""
    md = boxes.maildir()
    for name, (content, _) in VIEWS.items():
        md.add(content, "%d.%s" % (5 + len(md.files()), name), sizes=len(name) % 2 == 0)
    md.age()
    if not index:
        os.mkdir(md.index)
    for turn in range(2):
        for who in ("anna", "bert", "carl"):
            box, found = view(boxes, who)
            assert [u.split(".")[1] for u in found] == [n for n, (_, whom) in VIEWS.items() if who in whom]
            assert box.opened.scanned == (0 if index and (turn, who) != (0, "anna") else 1)
            if found:
                assert box.fetch(len(found))[0] == VIEWS[found[-1].split(".")[1]][0]
            assert box.leave() == (0, 0, 0)
        box = boxes.open()
        assert len(box.listing()) == len(VIEWS) and box.leave() == (0, 0, 0)


def test_another_field(boxes):
    """What the index notes of one field is nothing of another; and a view deletes in it only."""
    md = boxes.maildir()
    md.add(b"X-Real-To: anna@client1.example\nX-Other: bert@client1.example\n\n", "5.a")
    md.add(b"X-Real-To: bert@client1.example\n\n", "6.b")
    md.age()
    for _ in range(2):
        box, found = view(boxes, "anna")
        assert found == ["5.a"] and box.leave() == (0, 0, 0)
        box = boxes.open(field="x-other", address="bert@client1.example")
        assert [u for _, u in box.listing()] == ["5.a"] and box.leave() == (0, 0, 0)
    box, found = view(boxes, "bert")
    assert found == ["6.b"]
    box.delete(1)
    assert box.quit() == (1, 0) and box.result() == (0, 1, 0)
    assert md.files() == ["new/5.a"]
