# SPDX-License-Identifier: ISC
"""The process of a mailbox: what it lists, hands out, notes and removes, and what it does not."""
import base64
import contextlib
import errno
import hashlib
import os
import shutil
import signal
import time

import pytest

from lib import rig as rigs
from lib.boxrig import DELETE, READ, SEEN, USER, Boxes, Start, wire

SAMPLES = {
    "crlf": b"Subject: a\r\n\r\ntext\r\n", "lf": b"Subject: a\n\ntext\n", "mixed": b"Subject: a\r\n\ntext\r\nmore\n", "cr": b"a\rb\r\rc\r\n\r\n",
    "last-cr": b"a\n\r", "no-end": b"Subject: a\n\ntext", "no-end-crlf": b"a\r\n\r\ntext", "empty": b"", "lf-alone": b"\n", "crlf-alone": b"\r\n",
    "nul": b"a\0b\n\0\n", "8bit": bytes(range(256)) * 3, "no-header": b"\n\ntext\n", "no-body": b"Subject: a\n", "dots": b".\n..\n.",
    "long-line": b"x" * 1000000 + b"\ny", "at-block": b"x" * 65535 + b"\r\n" + b"z\n", "lf-at-block": b"x" * 65536 + b"\n", "much": b"ab\n" * 100000,
}


@pytest.fixture
def boxes():
    b = Boxes()
    yield b
    b.close()
    assert b.status == 0


@pytest.mark.parametrize("sizes", [False, True], ids=["read", "named"])
def test_bytes(boxes, sizes):
    """Every sample's octets are listed, and handed out, as they go over the wire; the second opening needs no directory."""
    md = boxes.maildir()
    for content in SAMPLES.values():
        md.add(content, sizes=sizes)
    ended = [len(wire(c)) if not sizes or c.endswith(b"\n") or not c else len(wire(c)) - 2 for c in SAMPLES.values()]
    md.age()
    for again in range(3):
        box = boxes.open()
        assert box.opened.scanned == (0 if again else 1)
        listed = box.listing()
        assert [o for o, _ in listed] == ended
        assert [u for _, u in listed] == ["%d.M%dP1.host" % (1700000000 + i, i) for i in range(1, len(SAMPLES) + 1)]
        for i, content in enumerate(SAMPLES.values(), 1):
            data, m = box.fetch(i)
            assert data == content and m.octets == len(wire(content))
        ended = [len(wire(c)) for c in SAMPLES.values()]	# a name does not tell that the last line has no end; whoever fetches it learns
        assert box.leave() == (0, 0, 0)


def test_empty(boxes):
    """Nothing at all, a Maildir without directories, and empty ones: no message, and nothing is made."""
    boxes.maildir()
    shutil.rmtree(os.path.join(boxes.root, "example.org", "anna", "new"))
    os.mkdir(os.path.join(boxes.root, "example.org", "bert"))
    boxes.maildir("example.org/carl")
    for name in ("anna", "bert", "carl", "dora"):
        box = boxes.open("example.org/" + name)
        assert box.listing() == [] and box.quit() == (0, 0)
        assert box.result() == (0, 0, 0)
    assert sorted(os.listdir(os.path.join(boxes.root, "example.org"))) == ["anna", "bert", "carl"]
    assert not os.path.exists(os.path.join(boxes.root, "example.org", "anna", "new"))


def test_missing(boxes):
    """A folder that must exist and does not is told as such; a Maildir that has one of its directories exists."""
    boxes.maildir()
    os.makedirs(os.path.join(boxes.root, "example.org", "bert"))
    shutil.rmtree(os.path.join(boxes.root, "example.org", "anna", "cur"))
    for path in ("example.org/anna/.Lists", "example.org/bert", "elsewhere/carl"):
        box = boxes.open(path, must_exist=1)
        assert (box.failed.missing, box.failed.temporary) == (1, 0) and box.session.receive() is None
        box.close()
    box = boxes.open(must_exist=1)
    assert box.listing() == [] and box.leave() == (0, 0, 0)


@pytest.mark.parametrize("path", ["", "/", "/etc", "..", "example.org/..", "example.org/../../etc", "example.org//anna", "example.org/anna/",
    ".", "example.org/./anna", "example.org/...", "x" * 256])
def test_no_path(boxes, path):
    boxes.maildir()
    box = boxes.open(path)
    assert box.failed.temporary == box.failed.missing == 0 and box.failed.text.startswith(b"not a directory of the mail root: ")
    assert box.session.receive() is None and boxes.ended(box.id) == 0
    box.close()


@pytest.mark.parametrize("where", ["example.org", "example.org/link", "example.org/anna/new"])
def test_link(boxes, where):
    """No link is followed on the way to the messages."""
    boxes.maildir("other/anna").add(b"a\n")
    os.makedirs(os.path.join(boxes.root, "example.org"), exist_ok=True)
    path = {"example.org": "example.org/anna", "example.org/link": "example.org/link"}.get(where, "example.org/anna")
    if where == "example.org":
        os.rmdir(os.path.join(boxes.root, where))
        os.symlink("other", os.path.join(boxes.root, where))
    elif where == "example.org/link":
        os.symlink("../other/anna", os.path.join(boxes.root, where))
    else:
        md = boxes.maildir()
        os.rmdir(os.path.join(md.top, "new"))
        os.symlink("../../other/anna/new", os.path.join(md.top, "new"))
    box = boxes.open(path)
    assert box.failed is not None and box.failed.temporary == 0
    box.close()


def derived(text):
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def test_unique_ids_and_order(boxes):
    """By seconds, microseconds, name; unique-ids are what the names begin with, or its digest; what is no message is not there."""
    md = boxes.maildir()
    names = ["5.M2P1.h", "5.M10P1.h", "5.M10P1.h+", "10.M1P1.h:2,", "11.x,S=3,W=4", "11.y" + "z" * 66, "11.y" + "z" * 67, "12.u\xfc", "13.a b", "14.t",
        "14.t,S=7", "15.,S=1,W=2"]
    for name in reversed(names):
        md.add(b"ab\n", name, sub="cur" if ":" in name else "new")
    md.add(b"x", ".hidden")
    os.mkdir(os.path.join(md.top, "new", "1.directory"))
    os.symlink("5.M2P1.h", os.path.join(md.top, "new", "1.link"))
    os.mkfifo(os.path.join(md.top, "new", "1.fifo"))
    path = md.add(b"theirs", "1.theirs")
    os.chown(path, 1, 1)
    box = boxes.open()
    assert [u for _, u in box.listing()] == ["5.M2P1.h", "5.M10P1.h", "5.M10P1.h+", "10.M1P1.h", "11.x", "11.y" + "z" * 66, derived("11.y" + "z" * 67),
        derived("12.u\xfc"), derived("13.a b"), "14.t", derived("14.t,S=7"), "15."]
    assert box.leave() == (0, 0, 0)


def test_twice(boxes):
    """A message that is in new/ and cur/ while somebody renames it counts once."""
    md = boxes.maildir()
    md.add(b"a\n", "5.x")
    md.add(b"a\n", "5.x:2,F", sub="cur")
    box = boxes.open()
    assert [u for _, u in box.listing()] == ["5.x"]
    assert box.leave() == (0, 0, 0)


def test_stable_ids(boxes):
    """Over flags, a lost index, a copy of the mail root and the other directory: the same."""
    md = boxes.maildir()
    for i in range(20):
        md.add(b"a\n" * i)
    first = boxes.open()
    ids = first.listing()
    first.seen(*range(1, 11))
    assert first.quit() == (0, 0) and first.result() == (10, 0, 0)
    os.unlink(md.index)
    shutil.copytree(os.path.join(boxes.root, "example.org"), os.path.join(boxes.root, "copy"))
    os.system("chown -R _rpopm: '%s'" % os.path.join(boxes.root, "copy"))
    for path in ("example.org/anna", "copy/anna"):
        box = boxes.open(path)
        assert box.listing() == ids
        assert box.leave() == (0, 0, 0)


def test_new_ones(boxes):
    """What is delivered meanwhile is not listed, and comes last the next time."""
    md = boxes.maildir()
    md.add(b"a\n")
    md.age()
    box = boxes.open()
    listed = box.listing()
    md.add(b"b\n", "1700000000.M5P1.late")
    assert box.fetch(1)[0] == b"a\n" and box.leave() == (0, 0, 0)
    box = boxes.open()
    assert box.opened.scanned == 1 and [u for _, u in box.listing()] == ["1700000000.M5P1.late", listed[0][1]]
    assert box.leave() == (0, 0, 0)


def test_gone_and_renamed(boxes):
    """Others rename and remove: what was renamed is found, what is gone is told, the rest goes on."""
    md = boxes.maildir()
    paths = [md.add(b"%d\n" % i) for i in range(6)]
    box = boxes.open()
    box.listing()
    os.rename(paths[0], paths[0].replace("/new/", "/cur/") + ":2,F")
    os.rename(paths[1], paths[1].replace("/new/", "/cur/") + ":2,RS")
    os.unlink(paths[2])
    os.unlink(paths[3])
    assert box.fetch(1)[0] == b"0\n" and box.fetch(2)[0] == b"1\n"
    assert box.fetch(3)[1].error == box.fetch(4)[1].error == errno.ENOENT
    assert box.fetch(5)[0] == b"4\n"
    box.seen(1, 2, 3)
    box.delete(2, 4, 5)
    assert box.quit() == (3, 0)
    assert box.result() == (1, 3, 0)
    assert md.files() == ["cur/1700000001.M1P1.host:2,FS", "new/1700000006.M6P1.host"]


def test_replaced(boxes):
    """A file that is longer or shorter than it was: its own octets count, now and at the next opening, and none is a link or a stranger's."""
    md = boxes.maildir()
    paths = [md.add(b"0123456789\n", sizes=True) for _ in range(5)]
    md.age()
    box = boxes.open()
    assert [o for o, _ in box.listing()] == [12] * 5
    for path, content in zip(paths, (b"long\n" * 50, b"", b"no end     ")):
        with open(path, "wb") as f:
            f.write(content)
    os.unlink(paths[3])
    os.symlink(paths[4], paths[3])
    os.chown(paths[4], 1, 1)
    assert [box.fetch(i)[1].octets for i in (1, 2, 3)] == [300, 0, 13]
    assert box.fetch(4)[1].error == errno.ELOOP and box.fetch(5)[1].error == errno.EACCES
    assert box.leave() == (0, 0, 0)
    md.age()
    box = boxes.open()
    assert [o for o, _ in box.listing()][:3] == [300, 0, 13]
    assert box.leave() == (0, 0, 0)


FLAGS = {"a": ("new", "", "S"), "b": ("cur", ":2,", "S"), "c": ("cur", ":2,F", "FS"), "d": ("cur", ":2,Tab", "STab"), "e": ("cur", ":2,S", "S"),
    "f": ("new", ":2,R", "RS"), "g": ("cur", ":2,FR,X=1", "FRS,X=1"), "h": ("cur", ":2,bD", "DSb"), "i": ("cur", ":1,x", None)}


@pytest.mark.parametrize("end", ["quit", "gone", "idle"])
def test_seen(boxes, end):
    """S is added in its place, other flags and keywords stay; at QUIT, at the loss of the session, and when nothing is said for a while."""
    md = boxes.maildir()
    for name, (sub, info, _) in FLAGS.items():
        md.add(b"a\n", "5.M1P1." + name + info, sub=sub)
    wanted = sorted("cur/5.M1P1.%s:%s" % (n, "1,x" if after is None else "2," + after) for n, (_, _, after) in FLAGS.items())
    box = boxes.open()
    box.listing()
    box.seen(*range(1, len(FLAGS) + 1))
    if end == "idle":
        rigs.wait_for(lambda: md.files() == wanted, "the flags to be written")
    if end == "quit":
        assert box.quit() == (0, 0)
        assert box.result() == (len(FLAGS) - 2, 0, 0)
    else:
        assert box.leave() == (len(FLAGS) - 2, 0, 0)
    assert md.files() == wanted


def test_seen_names_taken(boxes):
    """Nothing is overwritten, and a name that would be too long stays."""
    md = boxes.maildir()
    md.add(b"a\n", "5." + "x" * 250)
    path = md.add(b"first\n", "6.x")
    box = boxes.open()
    box.listing()
    md.add(b"other\n", "6.x:2,S", sub="cur")
    box.seen(1, 2)
    assert box.leave()[0] <= 1
    assert os.path.exists(path) or os.path.exists(path.replace("/new/", "/cur/") + ":2,S")
    assert len(md.files()) == 3


def test_delete(boxes):
    """Exactly what was named is gone, those gone already count; a deleted one gets no flag."""
    md = boxes.maildir()
    paths = [md.add(b"a\n") for _ in range(5)]
    box = boxes.open()
    box.listing()
    box.seen(1, 2, 3)
    box.delete(2, 4)
    box.delete(2)
    os.unlink(paths[3])
    assert box.quit() == (2, 0)
    assert box.result() == (2, 2, 0)
    assert md.files() == ["cur/1700000001.M1P1.host:2,S", "cur/1700000003.M3P1.host:2,S", "new/1700000005.M5P1.host"]


def test_no_quit(boxes):
    md = boxes.maildir()
    for _ in range(3):
        md.add(b"a\n")
    box = boxes.open()
    box.listing()
    box.delete(1, 2, 3)
    assert box.leave() == (0, 0, 0)
    assert len(md.files()) == 3


@pytest.mark.parametrize("rights,call", [(READ | SEEN, "delete"), (READ | DELETE, "seen"), (READ, "seen")])
def test_rights(boxes, rights, call):
    """Without a right its message breaks the rules, and nothing happens."""
    md = boxes.maildir()
    md.add(b"a\n")
    box = boxes.open(rights=rights)
    box.listing()
    getattr(box, call)(1)
    assert box.session.receive() is None
    assert box.result() == (0, 0, 0)
    assert md.files() == ["new/1700000001.M1P1.host"] and any("breaks the rules" in line for line in boxes.log)


LIES = {
    "fetch-0": lambda s: s.ask(0), "fetch-too-high": lambda s: s.ask(4), "fetch-highest": lambda s: s.ask(0xffffffff),
    "fetch-short": lambda s: s.session.send("IMSG_BOX_FETCH", b"ab"), "fetch-long": lambda s: s.session.send("IMSG_BOX_FETCH", bytes(8)),
    "fetch-descriptor": lambda s: s.session.send("IMSG_BOX_FETCH", b"\1\0\0\0", 0),
    "seen-0": lambda s: s.seen(0), "seen-too-high": lambda s: s.seen(1, 2, 4), "seen-odd": lambda s: s.session.send("IMSG_BOX_SEEN", b"\1\0\0\0\2"),
    "seen-none": lambda s: s.session.send("IMSG_BOX_SEEN", b""), "delete-0": lambda s: s.delete(1, 0), "delete-too-high": lambda s: s.delete(4),
    "quit-long": lambda s: s.session.send("IMSG_BOX_QUIT", b"x"), "its-own": lambda s: s.session.send("IMSG_BOX_DONE", bytes(8)),
    "the-master's": lambda s: s.session.send("IMSG_BOX_START", bytes(512)), "unknown": lambda s: s.session.sock.send(b"\xff\xff\0\0\x10\0\0\0" + bytes(8)),
    "garbage": lambda s: s.session.sock.send(b"\xff" * 64),
}


@pytest.mark.parametrize("lie", LIES)
def test_lie(boxes, lie):
    """It ends that process, and nothing is deleted, by BOX_QUIT behind it neither."""
    md = boxes.maildir()
    for _ in range(3):
        md.add(b"a\n")
    box = boxes.open()
    box.listing()
    LIES[lie](box)
    try:
        box.delete(1)
        box.session.send("IMSG_BOX_QUIT")
    except OSError:
        pass
    while box.session.receive() is not None:
        pass
    assert box.result()[1:] == (0, 0)
    assert len(md.files()) == 3 and any(line.startswith("session 7: ") for line in boxes.log)


def test_after_quit(boxes):
    """Behind BOX_QUIT nothing is taken any more, and it has counted."""
    md = boxes.maildir()
    for _ in range(2):
        md.add(b"a\n")
    box = boxes.open()
    box.listing()
    box.delete(1)
    box.session.send("IMSG_BOX_QUIT")
    with contextlib.suppress(BrokenPipeError):	# It may have ended already.
        box.delete(2)
        box.session.send("IMSG_BOX_QUIT")
    assert box.session.wait("IMSG_BOX_DONE").deleted == 1
    assert box.result() == (0, 1, 0)
    assert len(md.files()) == 1


def test_quit_and_gone(boxes):
    """A session that dies behind its BOX_QUIT has said it."""
    md = boxes.maildir()
    for _ in range(2):
        md.add(b"a\n")
    box = boxes.open()
    box.listing()
    box.delete(2)
    box.session.send("IMSG_BOX_QUIT")
    assert box.leave() == (0, 1, 0)
    assert len(md.files()) == 1


def test_asked_and_gone(boxes):
    """A session that dies without having taken what it asked for is heard to its end: the process notes what was seen, and ends."""
    md = boxes.maildir()
    for i in range(12):
        md.add(b"a\n")
    box = boxes.open()
    box.listing()
    with open("/proc/%d/task/%d/children" % (boxes.process.pid, boxes.process.pid)) as f:
        pid = int(f.read())
    os.kill(pid, signal.SIGSTOP)
    for i in range(1, 13):
        box.ask(i)
    box.seen(3)
    box.session.close()
    os.kill(pid, signal.SIGCONT)
    assert box.result() == (1, 0, 0)
    assert [name for name in md.files() if name.startswith("cur/") and name.endswith(":2,S")] != []


def test_pipelined(boxes):
    """Hundreds of messages asked for at once, of a session that does not read: each comes, in order, and few descriptors are open."""
    md = boxes.maildir()
    for i in range(300):
        md.add(b"%d\n" % i)
    box = boxes.open()
    box.listing()
    for i in range(1, 301):
        box.ask(i)
    assert [box.answer(i)[0] for i in range(1, 301)] == [b"%d\n" % i for i in range(300)]
    assert box.leave() == (0, 0, 0)


def test_expire(boxes):
    """What is seen and older than so many days goes at the opening; what is not seen, or in new/, or has no time stays."""
    md = boxes.maildir()
    now = int(time.time())
    aged(md, now - 3 * 86400 - 60, "old:2,S")
    aged(md, now - 3 * 86400 + 600, "young:2,S")
    aged(md, now - 9 * 86400, "unseen:2,F")
    aged(md, now - 9 * 86400, "new", sub="new")
    md.add(b"a\n", "%d.copied:2,S" % (now - 9 * 86400), sub="cur")
    md.add(b"a\n", "timeless:2,S", sub="cur")
    box = boxes.open()
    assert len(box.listing()) == 6
    assert box.leave() == (0, 0, 0)
    box = boxes.open(expire=3)
    assert sorted(u.partition(".")[2] or u for _, u in box.listing()) == ["copied", "new", "timeless", "unseen", "young"]
    assert box.leave() == (0, 0, 0)
    assert len(md.files()) == 5


def aged(md, seconds, name, sub="cur"):
    """A message that was delivered then."""
    os.utime(md.add(b"a\n", "%d.%s" % (seconds, name), sub=sub), (seconds, seconds))


@pytest.mark.parametrize("last", (29, 31, 4000))
def test_expire_and_the_clock(boxes, last):
    """If nothing tells what the clock was within the last thirty days, it may have jumped: nothing is removed, for a week."""
    md = boxes.maildir()
    now = int(time.time())
    aged(md, now - last * 86400, "last")
    aged(md, now - 5000 * 86400, "old:2,S")
    for _ in range(2):
        box = boxes.open(expire=1)
        assert len(box.listing()) == (1 if last < 30 else 2)
        assert box.leave() == (0, 0, 0)
    # New mail does not end the week.
    aged(md, now - 10, "now", sub="new")
    box = boxes.open(expire=1)
    assert len(box.listing()) == (2 if last < 30 else 3)
    assert box.leave() == (0, 0, 0)


def test_no_start(boxes):
    """A process that hears no BOX_START ends with its channel; two of them, or one that is no such one, end it, too."""
    number, sock = boxes.fork()
    sock.close()
    assert boxes.ended(number) == 0
    box = boxes.open()
    box.listing()
    box.master.send("IMSG_BOX_START", Start(), 0)
    while box.master.receive() is not None:
        pass
    assert boxes.ended(box.id) == 1
    box.close()


def test_user():
    """Everything is done as the owner of the Maildirs, by the program that is installed, too."""
    b = Boxes(hooks=False)
    md = b.maildir()
    md.add(b"a\nb", sizes=True)
    md.add(b"a\nb")
    md.age()
    box = b.open()
    assert [o for o, _ in box.listing()] == [4, 6]
    assert box.fetch(1)[1].octets == 6
    box.seen(1)
    box.delete(2)
    assert box.quit() == (1, 0) and box.result() == (1, 1, 0)
    st = os.stat(md.index)
    assert (st.st_uid, st.st_mode & 0o777) == (USER.pw_uid, 0o600)
    b.close()
    assert b.status == 0
