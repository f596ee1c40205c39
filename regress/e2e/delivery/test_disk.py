# SPDX-License-Identifier: ISC
"""Full disk, too little room and read-only mail root: nothing lost, a clear reason, recovery without restart."""
import contextlib
import os
import pwd
import shutil
import subprocess
import threading

from lib import corpus, rig as rigs
from servers.pop3 import Behaviour

ANNA = "example.org/anna"


def mount(*args):
    subprocess.run(["mount"] + list(args), check=True)


@contextlib.contextmanager
def tmpfs(rig, size):
    """The mail root on a small file system of its own."""
    owner = pwd.getpwnam("_rpopm")
    mount("-t", "tmpfs", "-o", "size=%s,mode=0700,uid=%d,gid=%d" % (size, owner.pw_uid, owner.pw_gid), "rpopd-test", rig.mail)
    try:
        yield
    finally:
        for d in rig.runs:
            if d.running():
                d.kill()
        subprocess.run(["umount", "-l", rig.mail], check=True)


def record(rig):
    return rig.status()["records"][0]


def poll(rig):
    """One poll now, and its end."""
    before = record(rig)["polls"]
    rig.ctl("poll", "all")
    rigs.wait_for(lambda: record(rig)["polls"] > before and record(rig)["state"] == "idle", "the poll to end")


def test_read_only_at_the_first_start(personal, pop3):
    """As under the unit with another mail_root: the error says what to do, whether the directory is there or not."""
    personal.record("anna@example.org", "work", pop3(messages=[corpus.mail("m1")]))
    root = personal.settings["mail_root"]
    with tmpfs(personal, "2m"):
        mount("-o", "remount,ro", personal.mail)
        for path in (root, root + "/below"):
            personal.settings["mail_root"] = path
            personal.write_db()
            run = personal.once()
            assert run.code == 1 and "Read-only file system; under systemd ReadWritePaths= must name it: systemctl edit rpopd" in run.log
            assert "mail_root %s" % path in run.log
        mount("-o", "remount,rw", personal.mail)
        personal.settings["mail_root"] = root
        personal.write_db()
        assert personal.once().code == 0 and personal.idents() == {ANNA: ["m1"]}


def test_full_disk(personal, pop3):
    data = [corpus.mail("f%d" % i, body=b"some text\r\n" * 20_000) for i in range(30)]	# 6.6 MB
    s = pop3(messages=data)
    personal.settings.update(delay_failed_accounts=10, min_free=0)
    personal.record("anna@example.org", "work", s)
    with tmpfs(personal, "2m"):
        daemon = personal.start().ready()
        pids = daemon.processes()
        rigs.wait_for(lambda: record(personal)["last_error"], "the error")
        rigs.wait_for(lambda: record(personal)["state"] == "idle", "the session to end")
        assert "space" in record(personal)["last_error"].lower()
        got = personal.idents().get(ANNA, [])
        assert len(got) == len(set(got)) and len(got) < 30
        # What is not delivered is still there.
        here = {corpus.ident_of(d) for d in s.box.left()}
        assert here | set(got) == {"f%d" % i for i in range(30)}
        mount("-o", "remount,size=64m", personal.mail)
        poll(personal)
        assert record(personal)["last_error"] in ("", None)
        assert personal.idents() == {ANNA: sorted("f%d" % i for i in range(30))}
        assert s.box.left() == []
        assert daemon.running() and daemon.processes()["deliverer"] == pids["deliverer"]
        assert [corpus.split_prologue(d)[3] for d in personal.delivered()[ANNA]].count(b"") == 0
        assert daemon.stop() == 0


def test_one_message_too_big_for_the_disk(personal, pop3):
    """The small ones around it are served."""
    s = pop3(messages=[corpus.mail("s0"), corpus.big("big", 5_000_000), corpus.mail("s1")])
    personal.settings["min_free"] = 0
    personal.record("anna@example.org", "work", s)
    with tmpfs(personal, "2m"):
        for _ in range(3):
            personal.once()
        got = personal.idents()[ANNA]
        assert "s0" in got and got.count("s0") == 1 and "big" not in got
        assert any(b"X-Test-Id: big\r\n" in d for d in s.box.left())
        assert [n for n in personal.spooled()] == []


def test_read_only_mail_root(personal, pop3):
    s = pop3(messages=[corpus.mail("r%d" % i) for i in range(5)])
    personal.record("anna@example.org", "work", s)
    with tmpfs(personal, "16m"):
        daemon = personal.start()
        rigs.wait_for(lambda: personal.idents().get(ANNA) == ["r0", "r1", "r2", "r3", "r4"], "the first five")
        rigs.wait_for(lambda: record(personal)["state"] == "idle" and not personal.status()["daemon"]["pending"], "quiet")
        mount("-o", "remount,ro", personal.mail)
        for i in range(5, 9):
            s.box.add(corpus.mail("r%d" % i))
        poll(personal)
        assert "read-only" in record(personal)["last_error"].lower()
        assert len(s.box.left()) == 4
        assert len(personal.idents()[ANNA]) == 5
        mount("-o", "remount,rw", personal.mail)
        poll(personal)
        assert personal.idents() == {ANNA: ["r%d" % i for i in range(9)]}
        assert s.box.left() == []
        assert daemon.stop() == 0


def in_root(rig, name, octets):
    """A file of that size beside the spool."""
    with open(os.path.join(rig.mail, name), "wb") as f:
        f.write(bytes(octets))


def test_too_little_room(unified, pop3):
    """Below min_free, in octets or inodes, nothing is polled, and it is told; a session that runs ends early; all goes on by itself."""
    s = pop3(messages=[corpus.mail("a0")])
    unified.settings["min_free"] = 8
    unified.record("postmaster@example.org", "work", s, period=10)
    with tmpfs(unified, "100m,nr_inodes=4000"):
        daemon = unified.start().ready()
        rigs.wait_for(lambda: s.box.left() == [], "the first one")
        in_root(unified, "ballast", 93 << 20)
        rigs.wait_for(lambda: unified.ctl("poll", "all") and record(unified)["state"] == "disk-full", "the state")
        s.box.add(corpus.mail("a1"))
        why = "mail_root %s: " % unified.mail
        told = unified.status()["daemon"]["mail_root_error"]
        assert told.startswith(why) and "MiB (settings.min_free); make room there, or lower min_free" in told.replace("KiB (", "MiB (")
        assert "note: nothing is polled: mail_root" in unified.ctl("status").log
        assert "1 record will be polled when nothing holds up all polls any more, see rpopctl status" in unified.ctl("poll", "all").log
        assert record(unified)["last_error"] in ("", None) and len(s.box.left()) == 1
        unified.ctl("poll", "all")
        rigs.wait_for(lambda: any(b"Subject: rpopd is short of disk space" in d
            for d in unified.delivered()["example.org/postmaster"]), "the notice")
        os.unlink(os.path.join(unified.mail, "ballast"))
        rigs.wait_for(lambda: s.box.left() == [], "the second one")
        assert not unified.status()["daemon"]["mail_root_error"]
        rigs.wait_for(lambda: record(unified)["state"] == "idle", "the end of its session")
        os.mkdir(os.path.join(unified.mail, "many"))
        for i in range(3600):
            os.mkdir(os.path.join(unified.mail, "many", str(i)))
        rigs.wait_for(lambda: unified.ctl("poll", "all") and "inodes free, less than 400; remove files there" in daemon.log(), "the inodes")
        s.box.add(corpus.mail("a2"))
        shutil.rmtree(os.path.join(unified.mail, "many"))
        rigs.wait_for(lambda: s.box.left() == [], "the third one")
        log = daemon.log()
        assert log.count("nothing is polled meanwhile, and the messages stay on the server") == 2
        assert log.count(why + "there is room again, polls go on") == 2
        assert daemon.stop() == 0


class Held(Behaviour):
    """Answers the fifth RETR only when told."""

    def __init__(self):
        super().__init__()
        self.retrieved, self.go = 0, threading.Event()

    def cmd_retr(self, s, arg):
        self.retrieved += 1
        if self.retrieved == 5:
            self.go.wait(rigs.PATIENCE)
        super().cmd_retr(s, arg)


def test_room_that_a_session_uses_up(personal, pop3):
    """It ends after the message that it is at, without an error; what it brought is deleted, and the rest follows."""
    everything = ["f%03d" % i for i in range(400)]	# more than are asked for ahead of their answers
    held = Held()
    s = pop3(held, [corpus.mail(name) for name in everything])
    personal.settings["min_free"] = 8
    personal.record("anna@example.org", "work", s)
    with tmpfs(personal, "100m"):
        daemon = personal.start().ready()
        try:
            rigs.wait_for(lambda: held.retrieved == 5, "the fifth message")
            in_root(personal, "ballast", 93 << 20)
            rigs.wait_for(lambda: "work: the session ends early, and is repeated: mail_root" in daemon.log(), "the end")
        finally:
            held.go.set()
        rigs.wait_for(lambda: record(personal)["state"] == "disk-full", "the state")
        got = personal.idents()[ANNA]
        assert 4 <= len(got) < 400 and {corpus.ident_of(d) for d in s.box.left()} == set(everything) - set(got)
        assert record(personal)["last_error"] in ("", None)
        os.unlink(os.path.join(personal.mail, "ballast"))
        rigs.wait_for(lambda: s.box.left() == [], "everything to be taken")
        rigs.wait_for(lambda: record(personal)["state"] == "idle", "the session to end")
        assert personal.idents()[ANNA] == everything
        assert record(personal)["last_error"] in ("", None) and daemon.stop() == 0


def test_too_little_room_once(personal, pop3):
    """-1 does not wait for room: it leaves everything there, says why, and has failed."""
    s = pop3(messages=[corpus.mail("a0")])
    personal.record("anna@example.org", "work", s)
    with tmpfs(personal, "50m"):
        in_root(personal, "ballast", 48 << 20)
        run = personal.once()
        assert run.code == 1 and "anna@example.org/work: not polled: mail_root %s: " % personal.mail in run.log
        assert len(s.box.left()) == 1 and not personal.idents()
        os.unlink(os.path.join(personal.mail, "ballast"))
        assert personal.once().code == 0 and personal.idents() == {ANNA: ["a0"]}


def fill(path, spare):
    """A file that takes all room but spare octets."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    size = 0
    try:
        while True:
            size += os.write(fd, b"x" * 4096)
    except OSError:
        os.ftruncate(fd, size - spare)
    finally:
        os.close(fd)


def test_full_disk_under_state_db(personal, pop3):
    """No room for the commit: no DELE, no delivery that is not recorded; all is well once there is room."""
    personal.settings["min_free"] = 0
    s = pop3(messages=[corpus.mail("s%d" % i) for i in range(400)])
    personal.record("anna@example.org", "work", s)
    personal.write_db()
    small = os.path.join(personal.dir, "small")
    os.mkdir(small, 0o700)
    mount("-t", "tmpfs", "-o", "size=192k,mode=0700", "rpopd-test", small)
    try:
        with open(personal.db, "rb") as f:
            data = f.read()
        personal.db, personal.statedb = os.path.join(small, "rpopd.db"), os.path.join(small, "state.db")
        # Room enough, without the ballast, for a log that nothing is written back from yet: one of 400 commits has some 500 KB.
        mount("-o", "remount,size=8m", small)
        with open(personal.db, "wb") as f:
            f.write(data)
        os.chmod(personal.db, 0o600)
        ballast = os.path.join(small, "ballast")
        fill(ballast, 256 * 1024)
        daemon = personal.start()
        rigs.wait_for(lambda: "no space left" in daemon.log().lower(), "the complaint")
        got = personal.idents().get(ANNA, [])
        assert len(got) == len(set(got)) and len(got) < 400
        assert set(got) | {corpus.ident_of(d) for d in s.box.left()} == {"s%d" % i for i in range(400)}
        os.unlink(ballast)
        rigs.wait_for(lambda: s.box.left() == [], "everything to be taken")
        rigs.wait_for(lambda: record(personal)["state"] == "idle", "the session to end")
        assert personal.idents() == {ANNA: sorted("s%d" % i for i in range(400))}
        assert daemon.stop() == 0
    finally:
        for d in personal.runs:
            if d.running():
                d.kill()
        subprocess.run(["umount", "-l", small], check=True)
