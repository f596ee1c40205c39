# SPDX-License-Identifier: ISC
"""rpopctl init and rpopctl backup: whole files, root's alone, never in the place of others, whatever dies or is full; and a backup that
is put back brings nothing twice and loses nothing that its servers still have."""
import os
import shutil
import signal
import sqlite3
import stat
import subprocess

import pytest

from lib import corpus, rig as rigs

ANNA = "example.org/anna"
CTL = os.path.join(rigs.BUILD, "rpopctl")


def run(*argv, code=None, **how):
    p = subprocess.run(list(argv), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=rigs.PATIENCE, **how)
    if code is not None:
        assert p.returncode == code, p.stdout
    return p


def init(store, *args, code=0):
    return run(CTL, "init", "-f", store, *args, code=code).stdout


def backup(rig, name="backup", code=0):
    """The directory, and what was said."""
    path = os.path.join(rig.dir, name)
    return path, run(CTL, "backup", "-f", rig.db, path, code=code).stdout


def query(path, sql):
    with sqlite3.connect("file:%s?mode=ro" % path, uri=True, timeout=30) as c:
        return c.execute(sql).fetchall()


def dump(path):
    with sqlite3.connect("file:%s?mode=ro" % path, uri=True, timeout=30) as c:
        return list(c.iterdump())


def closed(path, directory):
    st = os.stat(path)
    return st.st_uid == 0 and stat.S_IMODE(st.st_mode) == (0o700 if directory else 0o600)


def around(path):
    """Everything beside a path, but the lock of a store."""
    return sorted(n for n in os.listdir(os.path.dirname(path)) if not n.endswith(".lock"))


@pytest.fixture
def store(rig):
    return os.path.join(rig.dir, "new", "rpopd.db")


# --- init ---

def test_init(store):
    """An equal store to the one that sqlite3(1) makes of the installed schema."""
    assert init(store) == store + ": made\n"
    assert closed(store, False) and closed(os.path.dirname(store), True) and around(store) == ["rpopd.db"]
    with open(rigs.REPO + "/etc/rpopd.sql") as f:
        with sqlite3.connect(":memory:") as c:
            c.executescript(f.read())
            assert list(c.iterdump()) == dump(store)
            assert query(store, "PRAGMA user_version") == c.execute("PRAGMA user_version").fetchall()
    assert query(store, "PRAGMA application_id") == [(0x72706f70,)]


def test_init_with_a_domain(rig, store):
    """Two words and the daemon starts: the domain in lower case, its postmaster, the main domain."""
    assert "with domain example.org and account postmaster@example.org" in init(store, "--domain", "Example.ORG")
    assert query(store, "SELECT main_domain FROM settings") == [("example.org",)]
    assert query(store, "SELECT address FROM account") == [("postmaster@example.org",)]
    with sqlite3.connect(store) as c:
        c.execute("UPDATE settings SET mail_root = ?, ca_dir = ?", (rig.mail, rig.pki.certs))
    assert "configuration OK" in run(os.path.join(rigs.BUILD, "rpopd"), "-n", "-f", store, "-l", rigs.BUILD, code=0).stdout


@pytest.mark.parametrize("domain, sentence", [
    ("a'); DROP TABLE account; --", "a domain consists of labels"), ("", "its value is missing"), ("m\u00fcller.example", "idn2"),
    ("spool", "'spool' is the name of the spool"), ("a..b", "joined by dots"), ("x" * 300, "253 at most"),
    ("a" * 250 + ".org", "253 at most"),
])
def test_init_refuses_a_domain(store, domain, sentence):
    assert sentence in init(store, "--domain", domain, code=1)
    assert not os.path.exists(store) and not os.path.exists(store + ".new")


@pytest.mark.parametrize("what", ["store", "empty", "link", "dangling", "directory", "journal", "wal"])
def test_init_replaces_nothing(rig, store, what):
    os.mkdir(os.path.dirname(store), 0o700)
    there = store + {"journal": "-journal", "wal": "-wal"}.get(what, "")
    if what == "store":
        init(store)
    elif what in ("link", "dangling"):
        os.symlink(os.path.join(rig.dir, "target"), store)
        if what == "link":
            open(os.path.join(rig.dir, "target"), "w").close()
    elif what == "directory":
        os.mkdir(store)
    else:
        open(there, "w").close()
    before = os.lstat(there)
    assert there + (": is left of a store that is gone" if there != store else ": exists already") in init(store, code=1)
    assert os.lstat(there).st_ino == before.st_ino and os.lstat(there).st_mtime_ns == before.st_mtime_ns
    assert around(store) == [os.path.basename(there)] and not os.path.lexists(os.path.join(rig.dir, "target")) == (what != "link")


def test_init_where_it_cannot_be(rig, store):
    assert "No such file" in init(os.path.join(rig.dir, "no", "such", "rpopd.db"), code=1)
    os.mkdir(os.path.dirname(store))
    os.chmod(os.path.dirname(store), 0o777)
    assert "others can write directory" in init(store, code=1)
    assert around(store) == []


@pytest.mark.parametrize("command", [["init"], ["backup", "x"]])
def test_not_root(rig, command):
    """Others are told so, before anything is looked at."""
    out = run(CTL, *command, "-f", os.path.join(rig.dir, "x.db"), code=1, user="nobody", cwd="/").stdout
    assert "need root privileges" in out and not os.path.exists(os.path.join(rig.dir, "x.db"))


def test_init_killed(store):
    """Killed ahead of the new name: no store, and the next one is whole."""
    os.mkdir(os.path.dirname(store), 0o700)
    p = run(os.path.join(rigs.HOOKS, "rpopd"), "-I", "-f", store, "-K", "rpopd:store.written")
    assert p.returncode == -signal.SIGKILL and around(store) == ["rpopd.db.new"]
    init(store)
    assert around(store) == ["rpopd.db"] and query(store, "SELECT count(*) FROM settings") == [(1,)]


@pytest.fixture
def small(rig):
    """A file system with room for a little."""
    where = os.path.join(rig.dir, "small")
    os.mkdir(where, 0o700)
    run("mount", "-t", "tmpfs", "-o", "size=96k,mode=0700", "rpopd-test", where, code=0)
    yield where
    run("umount", "-l", where, code=0)


def test_init_without_room(small):
    assert "no space left" in init(os.path.join(small, "rpopd.db"), code=1)
    assert around(os.path.join(small, "x")) == []


def test_no_store_is_told_how_to_make_one(rig, store):
    out = run(os.path.join(rigs.BUILD, "rpopd"), "-n", "-f", store, "-l", rigs.BUILD, code=1).stdout
    os.mkdir(os.path.dirname(store), 0o700)
    out += run(os.path.join(rigs.BUILD, "rpopd"), "-n", "-f", store, "-l", rigs.BUILD, code=1).stdout
    assert "rpopctl init makes a store" in out


def test_unit_waits_for_a_store():
    """A machine without a store does not start the daemon, again and again."""
    with open(rigs.REPO + "/etc/rpopd.service") as f:
        unit = f.read()
    assert "ConditionPathExists=/var/lib/rpopd/rpopd.db\n" in unit.split("[Service]")[0]


# --- backup ---

def test_backup(personal, pop3):
    """Both stores as they are, complete, root's alone, while the daemon goes on."""
    s = pop3(messages=[corpus.mail("one"), corpus.mail("two")])
    personal.record("anna@example.org", "isp", s, leave=1)
    daemon = personal.start().ready()
    rigs.wait_for(lambda: personal.idents() == {ANNA: ["one", "two"]}, "the mail")
    path, said = backup(personal)
    assert said == path + ": rpopd.db and state.db of one moment\n"
    assert closed(path, True) and sorted(os.listdir(path)) == ["rpopd.db", "state.db"]
    assert all(closed(os.path.join(path, n), False) for n in os.listdir(path))
    assert dump(os.path.join(path, "rpopd.db")) == dump(personal.db)
    seen = "SELECT uid, state, size, sha256 FROM seen ORDER BY uid"
    assert query(os.path.join(path, "state.db"), seen) == personal.state(seen) and len(personal.state(seen)) == 2
    assert query(os.path.join(path, "state.db"), "PRAGMA integrity_check") == [("ok",)]
    assert not os.path.exists(path + ".part") and daemon.running()


def test_backup_of_a_new_store(rig, store):
    init(store)
    path = os.path.join(rig.dir, "b")
    assert "there is no state.db yet" in run(CTL, "backup", path + "/", "-f", store, code=0).stdout
    assert os.listdir(path) == ["rpopd.db"] and dump(os.path.join(path, "rpopd.db")) == dump(store)


def test_backup_behind_a_kill(personal, pop3):
    """What the daemon had committed when it was killed is in the write-ahead log, and in the backup."""
    s = pop3(messages=[corpus.mail("one")])
    personal.record("anna@example.org", "isp", s, leave=1)
    daemon = personal.start().ready()
    rigs.wait_for(lambda: personal.state("SELECT count(*) FROM seen") == [(1,)], "the commit")
    daemon.kill()
    assert os.path.getsize(personal.statedb + "-wal") > 0
    path, _ = backup(personal)
    assert query(os.path.join(path, "state.db"), "SELECT count(*) FROM seen") == [(1,)]


@pytest.mark.parametrize("what", ["directory", "empty", "file", "link", "dangling"])
def test_backup_replaces_nothing(personal, what):
    personal.write_db()
    path = os.path.join(personal.dir, "backup")
    target = os.path.join(personal.dir, "target")
    if what in ("directory", "empty"):
        os.mkdir(path)
        if what == "directory":
            open(os.path.join(path, "rpopd.db"), "w").close()
    elif what == "file":
        open(path, "w").close()
    else:
        os.symlink(target, path)
        if what == "link":
            os.mkdir(target)
    before = os.lstat(path)
    assert path + ": exists already; it stays as it is" in backup(personal, code=1)[1]
    after = os.lstat(path)
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns) and not os.path.lexists(path + ".part")
    assert what != "link" or os.listdir(target) == []


@pytest.mark.parametrize("what", ["link", "others", "open", "full"])
def test_backup_trusts_no_remains(personal, what):
    """What somebody else has put where the parts go is neither written to nor emptied."""
    personal.write_db()
    part, target = os.path.join(personal.dir, "backup.part"), os.path.join(personal.dir, "target")
    os.mkdir(target, 0o700)
    open(os.path.join(target, "rpopd.db"), "w").close()
    if what == "link":
        os.symlink(target, part)
    else:
        os.rename(target, part)
        target = part
    if what == "others":
        shutil.chown(part, "nobody")
    elif what == "open":
        os.chmod(part, 0o755)
    elif what == "full":
        os.mkdir(os.path.join(part, "state.db"))
    backup(personal, code=1)
    assert not os.path.exists(os.path.join(personal.dir, "backup"))
    assert what == "full" or os.listdir(target) == ["rpopd.db"]


POINTS = ["backup.pages", "backup.copied", "backup.copied:2", "backup.durable"]


@pytest.mark.parametrize("point", POINTS)
def test_backup_killed(personal, pop3, point):
    """Killed anywhere: nothing has the name of a backup, and the next one is whole."""
    personal.record("anna@example.org", "isp", pop3(messages=[corpus.mail("one")]))
    personal.once()
    with sqlite3.connect(personal.db) as c:
        c.executemany("INSERT INTO accounts (address) VALUES (?)", [("user%05d@example.org" % i,) for i in range(8000)])
    path = os.path.join(personal.dir, "backup")
    p = run(os.path.join(rigs.HOOKS, "rpopd"), "-B", path, "-f", personal.db, "-K", "rpopd:" + point)
    assert p.returncode == -signal.SIGKILL and not os.path.exists(path) and closed(path + ".part", True)
    backup(personal)
    assert not os.path.exists(path + ".part") and dump(os.path.join(path, "rpopd.db")) == dump(personal.db)


def test_backup_without_room(personal, small):
    """A full disk is told, and nothing of it stays."""
    personal.write_db()
    out = run(CTL, "backup", "-f", personal.db, os.path.join(small, "b"), code=1).stdout
    assert "no space left" in out and os.listdir(small) == []


def test_backup_to_what_cannot_be_written(personal, small):
    personal.write_db()
    run("mount", "-o", "remount,ro", small, code=0)
    assert "Read-only file system" in run(CTL, "backup", "-f", personal.db, os.path.join(small, "b"), code=1).stdout
    assert "No such file" in backup(personal, "no/such", code=1)[1]


def test_backup_twice_at_once(personal):
    """A second one of the same name is refused while the first is made, and harms it not."""
    personal.write_db()
    path = os.path.join(personal.dir, "backup")
    first = subprocess.Popen([os.path.join(rigs.HOOKS, "rpopd"), "-B", path, "-f", personal.db, "-K", "rpopd:backup.copied:1:stop"],
        stdout=subprocess.PIPE, text=True)
    rigs.wait_for(lambda: "T (stopped)" in (rigs.read_proc(first.pid, "status") or ""), "the first to stand still")
    assert "another backup of that name is being made" in backup(personal, code=1)[1]
    os.kill(first.pid, signal.SIGCONT)
    assert first.wait(rigs.PATIENCE) == 0 and dump(os.path.join(path, "rpopd.db")) == dump(personal.db)


def test_backup_of_a_damaged_store(personal):
    """A copy of what is damaged is no backup."""
    personal.write_db()
    with open(personal.db, "r+b") as f:
        f.seek(4096 * 2)
        f.write(b"\xff" * 4096)
    assert "damaged" in backup(personal, code=1)[1] and not os.path.exists(os.path.join(personal.dir, "backup.part"))
    open(personal.db, "w").close()
    assert "what was in it is lost" in backup(personal, code=1)[1]


def test_stores_agree(personal, pop3):
    """While the backup is made of state.db, rpopd.db is changed and mail arrives: neither is in it, and neither waits for its end."""
    s = pop3(messages=[corpus.mail("one")])
    personal.record("anna@example.org", "isp", s, leave=1)
    personal.start().ready()
    rigs.wait_for(lambda: personal.idents() == {ANNA: ["one"]}, "the mail")
    path = os.path.join(personal.dir, "backup")
    copying = subprocess.Popen([os.path.join(rigs.HOOKS, "rpopd"), "-B", path, "-f", personal.db, "-K", "rpopd:backup.copied:1:stop"])
    rigs.wait_for(lambda: "T (stopped)" in (rigs.read_proc(copying.pid, "status") or ""), "the copy of rpopd.db")
    s.box.add(corpus.mail("two"))
    personal.ctl("record", "set", "anna@example.org/isp", "period=1234")
    personal.ctl("poll", "-w", "all")
    assert personal.idents() == {ANNA: ["one", "two"]}
    os.kill(copying.pid, signal.SIGCONT)
    assert copying.wait(rigs.PATIENCE) == 0
    assert query(os.path.join(path, "rpopd.db"), "SELECT period FROM rpop") == [(3600,)]
    assert query(os.path.join(path, "state.db"), "SELECT count(*) FROM seen") == [(1,)]


def test_lock_of_the_copy(personal, pop3):
    """Nobody commits to rpopd.db while it is being copied: the copy is of one moment, page by page."""
    personal.record("anna@example.org", "isp", pop3(messages=[]), leave=1)
    personal.once()
    with sqlite3.connect(personal.db) as c:
        c.executemany("INSERT INTO accounts (address) VALUES (?)", [("user%05d@example.org" % i,) for i in range(8000)])
    c.close()
    path = os.path.join(personal.dir, "backup")
    copying = subprocess.Popen([os.path.join(rigs.HOOKS, "rpopd"), "-B", path, "-f", personal.db, "-K", "rpopd:backup.pages:1:stop"])
    try:
        rigs.wait_for(lambda: "T (stopped)" in (rigs.read_proc(copying.pid, "status") or ""), "the copy of some pages")
        c = sqlite3.connect(personal.db, timeout=0, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            c.execute("UPDATE settings SET processors = 7")
        c.close()
    finally:
        os.kill(copying.pid, signal.SIGCONT)
    assert copying.wait(rigs.PATIENCE) == 0
    assert query(os.path.join(path, "rpopd.db"), "SELECT processors FROM settings") == [(100,)]


# --- restore, as rpopd(8) says it ---

def restore(rig, path):
    for name in ("rpopd.db", "rpopd.db-journal", "state.db", "state.db-wal", "state.db-shm"):
        if os.path.exists(os.path.join(rig.dir, name)):
            os.unlink(os.path.join(rig.dir, name))
    run("cp -p %s/* %s" % (path, rig.dir), shell=True, code=0)


def test_restore(personal, pop3):
    """Both stores are put back: what came ahead of the backup never comes again; what came since and was left on its server comes once
    more, as the manual says; what is new comes."""
    s = pop3(messages=[corpus.mail("ahead")])
    personal.record("anna@example.org", "isp", s, leave=1)
    daemon = personal.start().ready()
    rigs.wait_for(lambda: personal.idents() == {ANNA: ["ahead"]}, "the mail")
    path, _ = backup(personal)
    s.box.add(corpus.mail("since"))
    personal.ctl("record", "set", "anna@example.org/isp", "mailbox=Other")
    personal.ctl("poll", "-w", "all")
    assert daemon.stop() == 0
    restore(personal, path)
    refused = personal.once()
    assert refused.code == 1 and "rpopd -A" in refused.log
    personal.declare()
    s.box.add(corpus.mail("new"))
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: ["ahead", "new", "since"], ANNA + "/.Other": ["since"]}, personal.idents()


def test_restore_of_one_moment(personal, pop3):
    """With the mail root of the same moment, behind a stop, nothing is declared and nothing comes twice."""
    s = pop3(messages=[corpus.mail("one"), corpus.mail("two")])
    personal.record("anna@example.org", "isp", s, leave=1)
    assert personal.once().code == 0
    path, _ = backup(personal)
    run("cp", "-a", personal.mail, personal.mail + ".copy", code=0)
    s.box.add(corpus.mail("three"))
    assert personal.once().code == 0
    shutil.rmtree(personal.mail)
    os.rename(personal.mail + ".copy", personal.mail)
    restore(personal, path)
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: ["one", "three", "two"]}
