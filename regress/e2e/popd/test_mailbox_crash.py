# SPDX-License-Identifier: ISC
"""
The process of a mailbox killed at each step of what it does to a Maildir, calls that fail, disks that are full; and many opening and
changing one Maildir at random.
"""
import errno
import itertools
import os
import random
import signal
import subprocess
import threading
import time

import pytest

from lib import rig as rigs
from lib.boxrig import USER, Boxes

COUNT = 6


def filled(boxes, sizes=False):
    md = boxes.maildir()
    for i in range(COUNT):
        md.add(b"message %d\n" % i, sizes=sizes)
    return md


def whole(boxes, removed=()):
    """A process that nothing happens to lists what is there, each message once and whole."""
    box = boxes.open()
    listed = box.listing()
    for i, (octets, uid) in enumerate(listed, 1):
        data, m = box.fetch(i)
        n = int(uid.split(".")[0]) - 1700000001
        assert data == b"message %d\n" % n and m.octets == octets == len(data) + 1 and n not in removed
    assert box.leave() == (0, 0, 0)
    return len(listed)


# Kill point, nth time: how many messages are left when all were seen and the first four were to be deleted; and flags that are written.
STEPS = [("mailbox.scan", 1, 6, 0), ("mailbox.opened", 1, 6, 0), ("mailbox.listed", 1, 6, 0), ("mailbox.index", 1, 6, 0),
    ("mailbox.index_rename", 1, 6, 0), ("mailbox.index_renamed", 1, 6, 0), ("mailbox.named", 1, 6, 0), ("mailbox.seen", 1, 6, 0),
    ("mailbox.seen", 2, 6, 1), ("mailbox.unlink", 1, 6, 2), ("mailbox.unlink", 2, 5, 2), ("mailbox.unlink", 4, 3, 2),
    ("mailbox.unlinked", 1, 2, 2), ("mailbox.synced", 1, 2, 2), ("mailbox.done", 1, 2, 2), ("mailbox.over", 1, 2, 2)]


@pytest.mark.parametrize("point,nth,left,flags", STEPS, ids=["%s-%d" % s[:2] for s in STEPS])
def test_killed(point, nth, left, flags):
    boxes = Boxes("-K", "%s:%d" % (point, nth))
    try:
        md = filled(boxes)
        box = boxes.open()
        told = False
        try:
            box.listing()
            box.fetch(1)
            box.seen(*range(1, COUNT + 1))
            box.delete(1, 2, 3, 4)
            box.session.send("IMSG_BOX_QUIT")
            while (got := box.session.receive()) is not None:
                told |= got[0] == "IMSG_BOX_DONE"
        except (OSError, TypeError, AttributeError, AssertionError):
            pass			# it was killed on the way
        assert boxes.ended(box.id) == -signal.SIGKILL
        box.close()
        assert len(md.files()) == left and len([f for f in md.files() if f.endswith(":2,S")]) == flags
        # Whoever was told has what was told, and the temporary file, which another process may be writing, hinders nobody.
        assert told == (point in ("mailbox.done", "mailbox.over"))
    finally:
        boxes.own = False
        boxes.close()
    other = Boxes(root=boxes.root)
    other.own = True
    assert whole(other, removed=[] if left == 6 else range(6 - left)) == left
    assert whole(other) == left
    other.close()


def test_killed_expiring():
    boxes = Boxes("-K", "mailbox.expire:3")
    md = boxes.maildir()
    for i in range(COUNT):
        os.utime(md.add(b"a\n", "%d.a:2,S" % (1000000000 + i), sub="cur"), (1000000000, 1000000000))
    md.add(b"a\n", "%d.young" % (time.time() - 60))
    box = boxes.open(expire=1)
    assert box.opened is None and boxes.ended(box.id) == -signal.SIGKILL and len(md.files()) == COUNT - 1
    box.close()
    boxes.close()


def test_left_behind():
    """A temporary index that a killed process left is removed when it is old."""
    boxes = Boxes()
    md = filled(boxes)
    md.age()
    with open(md.index + ".new", "wb") as f:
        f.write(b"half")
    os.chown(md.index + ".new", USER.pw_uid, USER.pw_gid)
    assert whole(boxes) == COUNT and not os.path.exists(md.index)
    os.utime(md.index + ".new", (1, 1))
    assert whole(boxes) == COUNT and os.path.exists(md.index) and not os.path.exists(md.index + ".new")
    boxes.close()


FAULTS = [("unlinkat", 1), ("unlinkat", 3), ("fsync", 1), ("fsync", 2)]


@pytest.mark.parametrize("call,nth", FAULTS, ids=["%s-%d" % f for f in FAULTS])
def test_deletion_fails(call, nth):
    """What could not be removed, or may come back, is told, and the rest is removed."""
    boxes = Boxes("-F", "%s:%d" % (call, nth))
    md = filled(boxes)
    os.rename(os.path.join(md.top, "new", "1700000001.M1P1.host"), os.path.join(md.top, "cur", "1700000001.M1P1.host:2,"))
    box = boxes.open()
    box.listing()
    box.delete(1, 2, 3)
    done = box.quit()
    assert done == ({"unlinkat": (2, 1), "fsync": (1, 2) if nth == 1 else (2, 1)}[call])
    assert box.result() == (0,) + done
    assert len(md.files()) == COUNT - 3 + (call == "unlinkat")
    boxes.close()


@pytest.mark.parametrize("call", ["openat", "readdir", "fdopendir", "fstat", "read", "write", "poll", "sendmsg", "recvmsg", "malloc", "calloc",
    "realloc", "renameat"])
def test_one_call_fails(call):
    """Any call, anywhere on the way: nothing is deleted that should not be, and the next process finds everything."""
    for nth in range(1, 40, 3):
        try:
            boxes = Boxes("-F", "%s:%d" % (call, nth))
        except AssertionError:
            continue		# the template itself had no chance
        md, box = filled(boxes), None
        try:
            box = boxes.open()
            box.listing()
            box.fetch(2)
            box.delete(1)
            deleted, failed = box.quit()
            assert deleted + failed == 1
        except (OSError, AssertionError, TypeError, AttributeError):
            pass
        assert len(md.files()) >= COUNT - 1
        if box is not None:
            box.close()
        boxes.own = False
        boxes.close()
        other = Boxes(root=boxes.root)
        other.own = True
        assert whole(other) == len(md.files())
        other.close()


@pytest.fixture
def small_disk():
    top = rigs.scratch("rpbox.")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=755", "none", top], check=True)
    yield top
    subprocess.run(["umount", top], check=True)
    os.rmdir(top)


def test_full_disk(small_disk):
    """Without room there is no index, and everything else works."""
    boxes = Boxes(root=small_disk)
    md = filled(boxes)
    md.age()
    with open(os.path.join(small_disk, "big"), "wb", buffering=0) as f, pytest.raises(OSError):
        while True:
            f.write(bytes(4096))
    assert whole(boxes) == COUNT
    assert not os.path.exists(md.index) or os.path.getsize(md.index) > 0
    box = boxes.open()
    box.listing()
    box.seen(2)
    box.delete(1)
    assert box.quit() == (1, 0) and box.result() == (1, 1, 0)
    boxes.close()


def test_read_only(small_disk):
    """A mail root that cannot be written: messages are listed and retrieved, deletions are refused, flags are not set."""
    boxes = Boxes(root=small_disk)
    md = filled(boxes)
    md.age()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert whole(boxes) == COUNT
    box = boxes.open()
    box.listing()
    box.seen(2)
    box.delete(1, 3)
    assert box.quit() == (0, 2) and box.result() == (0, 0, 2)
    assert len(md.files()) == COUNT
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    boxes.close()


def hostile_index(md, data):
    with open(md.index, "wb") as f:
        f.write(data)
    os.chown(md.index, USER.pw_uid, USER.pw_gid)


def test_hostile_index():
    """Damaged ones, links, others' files: made anew, never believed, and nobody else's file is touched."""
    boxes = Boxes()
    md = filled(boxes)
    md.age()
    assert whole(boxes) == COUNT
    with open(md.index, "rb") as f:
        good = f.read()
    for n in range(60):
        hostile_index(md, good[:n * len(good) // 60] if n % 2 else bytes(random.Random(n).randbytes(n * 40)))
        assert whole(boxes) == COUNT
        with open(md.index, "rb") as f:
            assert len(f.read()) == len(good)
    secret = os.path.join(boxes.root, "theirs")
    hostile_index(md, good)
    os.rename(md.index, secret)
    os.symlink(secret, md.index)
    assert whole(boxes) == COUNT and not os.path.islink(md.index)
    with open(secret, "rb") as f:
        assert f.read() == good
    os.chown(md.index, 1, 1)
    assert whole(boxes) == COUNT and os.stat(md.index).st_uid == USER.pw_uid
    # One of another time, whose directories have changed since: read, and of no consequence.
    hostile_index(md, good)
    os.unlink(os.path.join(md.top, "new", "1700000003.M3P1.host"))
    assert whole(boxes, removed=[2]) == COUNT - 1
    boxes.close()


def test_interleavings():
    """1,000 random steps of deliveries, other programs and sessions: each opening lists exactly what is there at that moment."""
    rng = random.Random(int(os.environ.get("RPOPD_SEED", "4711")))
    boxes = Boxes()
    md = boxes.maildir()
    there = {}				# unique-id: content

    def some():
        return rng.choice(md.files()) if md.files() else None

    def deliver():
        for _ in range(rng.randint(1, 3)):
            content = b"x" * rng.randint(0, 50) + b"\n"
            path = md.add(content, sizes=rng.random() < 0.5)
            there[os.path.basename(path).split(",")[0]] = content

    def rename():
        name = some()
        if name:
            base = name[4:].split(":")[0]
            os.rename(os.path.join(md.top, name), os.path.join(md.top, "cur", base + ":2," + "".join(sorted(rng.sample("DFRST", rng.randint(0, 5))))))

    def remove():
        name = some()
        if name and rng.random() < 0.3:
            os.unlink(os.path.join(md.top, name))
            del there[name[4:].split(":")[0].split(",")[0]]

    def age():
        md.age(rng.choice((1, 3, 100)))

    def lose():
        if os.path.exists(md.index):
            os.unlink(md.index)

    def session():
        box = boxes.open()
        listed = [u for _, u in box.listing()]
        assert sorted(listed) == sorted(there) and len(set(listed)) == len(listed)
        for _ in range(rng.randint(0, 2)):
            rng.choice((deliver, rename, remove))()
        numbers = rng.sample(range(1, len(listed) + 1), min(len(listed), rng.randint(0, 4)))
        for n in numbers:
            data, _ = box.fetch(n)
            assert data == there.get(listed[n - 1])
        if numbers and rng.random() < 0.5:
            box.seen(*numbers)
        if rng.random() < 0.4:
            doomed = numbers[:2] if len(there) > 10 else []
            if doomed:
                box.delete(*doomed)
            assert box.quit() == (len(doomed), 0)
            for n in doomed:
                there.pop(listed[n - 1], None)
            box.result()
        else:
            box.leave()

    for _ in range(1000):
        rng.choice((deliver, rename, rename, remove, age, lose, session, session, session))()
    session()
    assert len(md.files()) == len(there)
    boxes.close()


def test_renamed_without_a_pause():
    """While another program renames files all the time, no message is missing in a listing, and none counts as deleted that is there."""
    boxes = Boxes()
    md = boxes.maildir()
    for _ in range(3000):
        md.add(b"stays\n", sub="cur")
    stop, left = threading.Event(), 3000

    def others():
        for flags in itertools.cycle((":2,F", ":2,")):
            for name in md.files():
                if stop.is_set():
                    return
                try:
                    os.rename(os.path.join(md.top, name), os.path.join(md.top, name.split(":")[0] + flags))
                except FileNotFoundError:
                    pass
    thread = threading.Thread(target=others)
    thread.start()
    try:
        for _ in range(8):
            box = boxes.open()
            listed = [uid for _, uid in box.listing()]
            assert len(listed) >= left
            numbers = range(1, box.opened.messages + 1, 20)
            for n in numbers[:20]:
                data, m = box.fetch(n)
                there = any(name[4:].startswith(listed[n - 1]) for name in md.files())
                assert data == b"stays\n" or m.error == (errno.EAGAIN if there else errno.ENOENT)
            box.delete(*numbers)
            deleted, failed = box.quit()
            assert deleted + failed == len(numbers)
            box.result()
            left -= deleted
    finally:
        stop.set()
        thread.join()
    assert len(md.files()) == left
    boxes.close()


def test_beside_others():
    """Sessions at the same time as somebody who renames and delivers without a pause: nothing is lost, and nothing but what was named."""
    boxes = Boxes()
    md = boxes.maildir()
    for _ in range(200):
        md.add(b"stays\n")
    stop = threading.Event()

    def others():
        rng = random.Random(1)
        while not stop.is_set():
            for name in md.files():
                try:
                    os.rename(os.path.join(md.top, name), os.path.join(md.top, "cur", name[4:].split(":")[0] + ":2," + rng.choice(("", "F", "R", "FR"))))
                except FileNotFoundError:
                    pass
            md.add(b"late\n", "%d.late" % (1800000000 + md.serial))
    thread = threading.Thread(target=others)
    thread.start()
    try:
        for turn in range(30):
            box = boxes.open()
            listed = [u for _, u in box.listing()]
            mine = [i for i, u in enumerate(listed, 1) if not u.endswith("late")]
            assert len(mine) >= 200 - 2 * turn and len(set(listed)) == len(listed)
            data, m = box.fetch(mine[0])
            assert data == b"stays\n" or m.error
            box.delete(*mine[:2])
            box.seen(*mine[2:20])
            assert box.quit() == (2, 0)
            box.result()
    finally:
        stop.set()
        thread.join()
    assert len([f for f in md.files() if "late" not in f]) == 200 - 60
    boxes.close()
