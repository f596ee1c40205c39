# SPDX-License-Identifier: ISC
"""
state.db and the mail root belong together: whatever is older, empty, another one or not mounted is refused at the start with the way
out; files in the spool that state.db does not know are set aside, never removed; and one place that cannot be written to stops one
account.  Stories of restored backups, copies of stores, file systems that come and go.
"""
import os
import shutil
import signal
import subprocess

import pytest

from lib import corpus, rig as rigs
from servers.smtp import OK, PERM, TEMP

PM = "postmaster@example.org"
ANNA = "example.org/anna"
BERT = "example.org/bert"


def backup(rig, name="backup.db"):
    """As the manual says it: a copy of state.db while the daemon runs, or not."""
    path = os.path.join(rig.dir, name)
    subprocess.run(["sqlite3", rig.statedb, ".backup '%s'" % path], check=True)
    return path


def restore(rig, path):
    for suffix in ("", "-wal", "-shm"):
        if os.path.exists(rig.statedb + suffix):
            os.unlink(rig.statedb + suffix)
    if path:
        shutil.copy(path, rig.statedb)
        os.chmod(rig.statedb, 0o600)


def refused(rig, *words, args=()):
    """The start ends with a sentence that says what resolves it, and rpopd -n says the same."""
    result = rig.once(*args)
    assert result.code == 1 and "rpopd -A" in result.log, result.log
    p = subprocess.run(rig.argv("-n"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert p.returncode == 1, p.stdout
    for word in words:
        assert word in result.log and word in p.stdout


@pytest.mark.parametrize("by", ["link", "directory", "file"])
def test_parent_that_others_write(personal, by):
    """Between making the mail root and giving it to _rpopm something else gets its name: that stays as it is, and the start is refused."""
    target = os.path.join(personal.dir, "target")
    os.makedirs(os.path.join(target, "sub"))
    os.chmod(target, 0o755)
    os.rmdir(personal.mail) if os.path.isdir(personal.mail) else None
    personal.write_db()
    daemon = rigs.Daemon(personal, personal.argv("-K", "rpopd:master.root_made:1:stop", hooks=True))
    rigs.wait_for(lambda: "T (stopped)" in (rigs.read_proc(daemon.pid, "status") or ""), "the master to stand still")
    os.rmdir(personal.mail)
    if by == "link":
        os.symlink(target, personal.mail)
    elif by == "directory":
        os.rename(target, personal.mail)
    else:
        os.link(personal.db, personal.mail)
    os.kill(daemon.pid, signal.SIGCONT)
    assert daemon.wait(rigs.PATIENCE) == 1
    assert "mail_root" in daemon.log()
    assert os.stat(personal.mail).st_uid == 0
    os.rename(personal.mail, target) if by == "directory" else os.unlink(personal.mail)
    assert personal.once().code == 0


def aside(rig):
    path = os.path.join(rig.mail, "spool", "aside")
    return sorted(os.listdir(path)) if os.path.isdir(path) else []


def contents(rig):
    """X-Test-Ids of what is set aside."""
    found = []
    for name in aside(rig):
        with open(os.path.join(rig.mail, "spool", "aside", name), "rb") as f:
            found.append(corpus.ident_of(f.read()))
    return sorted(found)


def daemon_of(rig):
    return rig.status()["daemon"]


@pytest.fixture
def people(rig, pop3):
    """anna and bert, a mailbox each."""
    rig.account(PM)
    boxes = {}
    for name in ("anna", "bert"):
        rig.account(name + "@example.org")
        boxes[name] = pop3()
        rig.record(name + "@example.org", "box", boxes[name])
    rig.boxes = boxes
    return rig


def arrive(rig, name, ident):
    rig.boxes[name].box.add(corpus.mail(ident))


@pytest.fixture
def quarantined(people, smtp):
    """anna's mail goes to a next hop that refuses what nobody may be told of: one message is in quarantine, and its provider's copy
    is deleted."""
    hop = smtp("lmtp")
    hop.default = PERM
    people.nexthop("hop", hop)
    people.boxes["anna"].box.add(corpus.mail("first", [("Return-Path", "<>")]))
    people.write_db()
    people.sqlite("UPDATE account SET nexthop = 'hop' WHERE name = 'anna';")
    people.hop = hop
    return people


def hold(rig):
    """Poll until the message is in quarantine and deleted at its provider."""
    rig.once()
    rig.once()
    assert rig.state("SELECT state FROM relay") == [(1,)] and len(rig.spooled()) == 1
    assert rig.boxes["anna"].box.left() == []


def test_restored_state(quarantined):
    """Yesterday's state.db knows nothing of what is in quarantine today: refused; declared to belong together, the file is set aside."""
    rig = quarantined
    rig.sqlite("UPDATE rpop SET period = NULL WHERE account = 'anna@example.org';")
    rig.once()
    old = backup(rig)
    rig.sqlite("UPDATE rpop SET period = 3600;")
    hold(rig)
    restore(rig, old)
    refused(rig, "state.db is older than mail_root")
    assert len(rig.spooled()) == 1 and aside(rig) == []
    rig.declare()
    daemon = rig.start().ready()
    rigs.wait_for(lambda: daemon_of(rig)["unknown_files"] == 1, "the count")
    assert contents(rig) == ["first"] and "set aside" in rig.ctl("status").log
    rigs.wait_for(lambda: rig.delivered().get("example.org/postmaster"), "the notice")
    assert daemon.stop() == 0
    rig.once()
    assert contents(rig) == ["first"]		# and there it stays, told once
    assert len([m for m in rig.delivered()["example.org/postmaster"] if b"files were set aside" in m]) == 1


def test_removed_state(quarantined):
    """state.db removed to start afresh: what was in quarantine exists nowhere else."""
    rig = quarantined
    hold(rig)
    restore(rig, None)
    refused(rig, "state.db is new, but mail_root")
    assert len(rig.spooled()) == 1
    rig.declare()
    rig.once()
    assert contents(rig) == ["first"]


@pytest.fixture
def strays(people):
    """A running daemon with two files set aside."""
    people.once()
    for n in range(2):
        name = "1700000000.M%dP2S3N4R0.rig.test" % n
        people.old.add(name)
        path = os.path.join(people.mail, "spool", name)
        with open(path, "wb") as f:
            f.write(corpus.mail("stray%d" % n))
        shutil.chown(path, "_rpopm", "_rpopm")
    people.declare()
    daemon = people.start().ready()
    rigs.wait_for(lambda: daemon_of(people)["unknown_files"] == 2, "the count")
    yield daemon
    assert daemon.stop() == 0


def test_aside_commands(people, strays):
    """What is set aside can be seen, delivered, and dropped."""
    first, second = ["aside/" + name for name in aside(people)]
    listing = people.ctl("quarantine").log
    assert first in listing and second in listing and "not known to state.db" in listing
    assert "X-Test-Id: stray0" in people.ctl("quarantine", "show", first).log
    assert people.ctl("quarantine", "show", "aside/none", check=False).code == 1
    assert people.ctl("quarantine", "release", "aside/../state.db", check=False).code == 1
    people.ctl("quarantine", "release", first, "anna@example.org")
    assert people.idents()[ANNA] == ["stray0"] and contents(people) == ["stray1"]
    assert people.ctl("quarantine", "release", first, check=False).code == 1
    people.ctl("quarantine", "release", second)
    assert "stray1" in people.idents()["example.org/postmaster"] and aside(people) == []
    assert daemon_of(people)["unknown_files"] == 0


def test_aside_drop(people, strays):
    first, second = ["aside/" + name for name in aside(people)]
    people.ctl("quarantine", "drop", first)
    assert contents(people) == ["stray1"] and daemon_of(people)["unknown_files"] == 1
    assert people.ctl("quarantine", "drop", "all").log == "0 dropped\n"	# of state.db's; a file is named
    assert contents(people) == ["stray1"]


@pytest.mark.parametrize("point", ["deliverer.act", "deliverer.acted"])
def test_killed_releasing(people, strays, point):
    """A release is one rename: the file is in one place, whenever the deliverer dies."""
    assert strays.stop() == 0
    daemon = people.start("-K", "deliverer:" + point, hooks=True).ready()
    rigs.wait_for(lambda: daemon_of(people)["unknown_files"] == 2, "the count")
    name = aside(people)[0]
    assert people.ctl("quarantine", "release", "aside/" + name, "anna@example.org", check=False).code == 1
    rigs.wait_for(lambda: daemon.log().count("deliverer ready") == 2, "another deliverer")
    if point == "deliverer.act":
        assert contents(people) == ["stray0", "stray1"] and ANNA not in people.idents()
    else:
        assert contents(people) == ["stray1"] and people.idents()[ANNA] == ["stray0"]
    assert daemon.stop() == 0


def test_same_run(people):
    """Hours are not needed: a copy of minutes ago is older, too."""
    arrive(people, "anna", "one")
    daemon = people.start().ready()
    rigs.wait_for(lambda: people.idents().get(ANNA) == ["one"], "the first")
    old = backup(people)
    arrive(people, "anna", "two")
    people.ctl("poll", "all")
    rigs.wait_for(lambda: people.idents().get(ANNA) == ["one", "two"], "the second")
    assert daemon.stop() == 0
    now = backup(people, "now.db")
    restore(people, old)
    refused(people, "state.db is older")
    restore(people, now)
    assert people.once().code == 0


def test_restored_mail_root(people):
    """The mail root of yesterday beside today's state.db: said so; -A makes what is missing there be retrieved again."""
    arrive(people, "anna", "one")
    people.once()
    copy = os.path.join(people.dir, "copy")
    subprocess.run(["cp", "-a", people.mail, copy], check=True)
    for n in range(3):
        arrive(people, "bert", "b%d" % n)
        people.once()
    shutil.rmtree(people.mail)
    os.rename(copy, people.mail)
    refused(people, "is older than state.db")
    people.declare()
    assert people.once().code == 0


def test_backup_of_both(people):
    """As the manual says it: state.db and mail root of one moment agree; what was left on a server since is retrieved again."""
    people.records[0]["leave"] = 1
    arrive(people, "anna", "one")
    people.once()
    for database in ("rpopd.db", "state.db"):
        subprocess.run(["sqlite3", database, ".backup '%s/backup-%s'" % (people.dir, database)], cwd=people.dir, check=True)
    copy = os.path.join(people.dir, "copy")
    subprocess.run(["cp", "-a", people.mail, copy], check=True)
    arrive(people, "anna", "two")
    people.once()
    shutil.rmtree(people.mail)
    os.rename(copy, people.mail)
    restore(people, os.path.join(people.dir, "backup-state.db"))
    shutil.copy(os.path.join(people.dir, "backup-rpopd.db"), people.db)
    os.chmod(people.db, 0o600)
    assert people.idents() == {ANNA: ["one"]}
    assert people.once().code == 0
    assert people.idents() == {ANNA: ["one", "two"]}


def copied(rig):
    """Another store beside a copy of rpopd.db, and the arguments to run it."""
    other = os.path.join(rig.dir, "other")
    os.mkdir(other, 0o700)
    shutil.copy(rig.db, os.path.join(other, "rpopd.db"))
    os.chmod(os.path.join(other, "rpopd.db"), 0o600)
    return ["-f", os.path.join(other, "rpopd.db"), "-r", os.path.join(other, "run")]


def test_copied_store(quarantined):
    """A trial with a copy of rpopd.db must not take the mail root from under the daemon."""
    rig = quarantined
    hold(rig)
    args = copied(rig)
    daemon = rig.start().ready()
    # Even one that belongs to this mail root: a copy of state.db lies beside the copy of rpopd.db.
    shutil.copy(backup(rig), os.path.join(os.path.dirname(args[1]), "state.db"))
    os.chmod(os.path.join(os.path.dirname(args[1]), "state.db"), 0o600)
    result = rig.once(*args)
    assert result.code == 1 and "another rpopd is running on it" in result.log
    assert "process %d" % daemon.pid in result.log and rig.db in result.log
    assert daemon.stop() == 0
    for suffix in ("", "-wal", "-shm"):
        if os.path.exists(os.path.join(os.path.dirname(args[1]), "state.db" + suffix)):
            os.unlink(os.path.join(os.path.dirname(args[1]), "state.db" + suffix))
    result = rig.once(*args)
    assert result.code == 1 and "belongs to another state.db" in result.log
    assert len(rig.spooled()) == 1 and aside(rig) == []


def test_between_commit_and_rename(people):
    """Killed behind the commit, then started with another state: five messages that are nowhere else."""
    for n in range(5):
        arrive(people, "anna", "m%d" % n)
    people.once("-K", "rpopd:master.commit_after", hooks=True)
    args = copied(people)
    for _ in range(2):
        assert people.once(*args).code == 1
    people.once()
    people.once()
    assert people.idents()[ANNA] == ["m%d" % n for n in range(5)] and people.boxes["anna"].box.left() == []


def test_not_mounted(people):
    """Killed behind the commit, started with the file system of the mail root not mounted: no empty one is made."""
    arrive(people, "anna", "one")
    people.once("-K", "rpopd:master.commit_after", hooks=True)
    away = people.mail + ".away"
    os.rename(people.mail, away)
    refused(people, "is its file system mounted?")
    assert not os.path.exists(people.mail)
    os.mkdir(people.mail, 0o700)			# the mount point
    shutil.chown(people.mail, "_rpopm", "_rpopm")
    refused(people, "is its file system mounted?")
    assert os.listdir(people.mail) == []
    os.rmdir(people.mail)
    os.rename(away, people.mail)
    assert people.once().code == 0
    assert people.idents() == {ANNA: ["one"]}


def test_new_mail_root(people):
    """An administrator who means it: an empty mail root from now on."""
    arrive(people, "anna", "one")
    people.once("-K", "rpopd:master.commit_after", hooks=True)
    shutil.rmtree(people.mail)
    refused(people, "does not exist")
    people.declare()
    people.once()
    people.once()
    # It was committed and is neither in the spool nor delivered: retrieved again.
    assert people.idents() == {ANNA: ["one"]} and people.boxes["anna"].box.left() == []


def test_hidden_while_running(people):
    """Something is mounted over the mail root: nothing is polled until it is gone."""
    daemon = people.start().ready()
    rigs.wait_for(lambda: all(r["polls"] for r in people.status()["records"]), "the first polls")
    arrive(people, "anna", "one")
    owner = os.stat(people.mail)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0700,uid=%d,gid=%d" % (owner.st_uid, owner.st_gid), "rpopd-test", people.mail],
        check=True)
    try:
        people.ctl("poll", "all")
        rigs.wait_for(lambda: daemon_of(people)["mail_root_error"], "the status")
        assert "nothing is polled" in people.ctl("status").log
        assert os.listdir(people.mail) == [] and len(people.boxes["anna"].box.left()) == 1
    finally:
        subprocess.run(["umount", people.mail], check=True)
    rigs.wait_for(lambda: people.idents() == {ANNA: ["one"]}, "the delivery")
    assert not daemon_of(people)["mail_root_error"] and daemon.stop() == 0


def test_one_place_broken(people):
    """Killed behind the commit; then anna's new/ cannot be written to: bert's mail comes, anna's waits and is not lost."""
    arrive(people, "anna", "before")
    people.once()
    arrive(people, "anna", "committed")
    people.once("-K", "rpopd:master.commit_after", hooks=True)
    new = os.path.join(people.mail, ANNA, "new")
    os.chmod(new, 0o500)
    arrive(people, "anna", "later")
    arrive(people, "bert", "other")
    daemon = people.start().ready()
    rigs.wait_for(lambda: people.idents().get(BERT) == ["other"], "everybody else's mail")
    rigs.wait_for(lambda: daemon_of(people)["blocked_maildirs"] == 1, "the status")
    assert new + ": Permission denied" in daemon_of(people)["blocked_maildir"] and new in people.ctl("status").log
    assert new + ": Permission denied" in daemon.log()
    assert people.idents()[ANNA] == ["before"] and len(people.boxes["anna"].box.left()) >= 1
    os.chmod(new, 0o700)
    rigs.wait_for(lambda: "committed" in people.idents()[ANNA], "what was committed")
    rigs.wait_for(lambda: daemon_of(people)["blocked_maildirs"] == 0, "the status")
    people.ctl("poll", "all")
    rigs.wait_for(lambda: people.idents()[ANNA] == ["before", "committed", "later"], "the rest")
    rigs.wait_for(lambda: people.state("SELECT count(*) FROM pending") == [(0,)], "the rows to go")
    assert daemon.stop() == 0 and people.spooled() == []


def test_stop_without_deliverer(people):
    """A stop waits for mail that was taken and is not in its place yet, but not for that of a deliverer that has died."""
    arrive(people, "anna", "before")
    people.once()
    new = os.path.join(people.mail, ANNA, "new")
    os.chmod(new, 0o500)
    arrive(people, "anna", "taken")
    daemon = people.start().ready()
    rigs.wait_for(lambda: "committed mail waits for its Maildir" in daemon.log(), "the move to fail")
    rigs.wait_for(lambda: daemon_of(people)["sessions"] == 0, "the sessions to end")
    deliverer = daemon.one("deliverer")
    daemon.proc.send_signal(signal.SIGTERM)
    rigs.wait_for(lambda: "stopping" in daemon.log(), "the stop")
    os.kill(deliverer, signal.SIGKILL)
    assert daemon.stop() == 0 and "in time" not in daemon.log()
    os.chmod(new, 0o700)
    people.once()
    assert people.idents()[ANNA] == ["before", "taken"]


def test_waiting_and_lost(people):
    """What waits for a broken place is known by its digest since a session without an end; then the mail root is lost: it comes again."""
    arrive(people, "anna", "before")
    people.once()
    arrive(people, "anna", "committed")
    people.once("-K", "rpopd:master.commit_after", hooks=True)
    os.chmod(os.path.join(people.mail, ANNA, "new"), 0o500)
    daemon = people.start().ready()
    rigs.wait_for(lambda: daemon_of(people)["blocked_maildirs"] == 1, "the status")
    rigs.wait_for(lambda: people.state("SELECT count(*) FROM unproven") == [(0,)], "the next session")
    assert daemon.stop() == 0
    assert people.state("SELECT count(*) FROM seen WHERE CAST(uid AS TEXT) LIKE 'sha256:%'") == [(1,)]
    shutil.rmtree(people.mail)
    people.declare()
    for _ in range(2):
        people.once()
    assert people.idents() == {ANNA: ["committed"]} and people.boxes["anna"].box.left() == []


def test_odd_rows(people):
    """A row that cannot be right stops nobody, and makes nothing be removed."""
    people.once()
    stray = os.path.join(people.mail, "spool", "1700000000.M1P2S3N4R0.rig.test")
    with open(stray, "wb") as f:
        f.write(corpus.mail("stray"))
    subprocess.run(["sqlite3", people.statedb, "INSERT INTO pending (mailbox, uid, link, dest) VALUES (1, x'41', '../x', '/etc'),"
        " (1, x'42', '1.M2P3S4N5R0.h', hex(zeroblob(400)));"], check=True)
    arrive(people, "bert", "other")
    result = people.once()
    assert result.code == 0 and result.log.count("cannot be right") >= 2
    assert people.idents()[BERT] == ["other"] and contents(people) == ["stray"]


@pytest.mark.parametrize("point", ["master.root_file", "master.root_linked", "master.root_joined"])
def test_killed_joining(people, point):
    """The very first start, at every step of its taking the mail root."""
    arrive(people, "anna", "one")
    assert people.once("-K", "rpopd:" + point, hooks=True).code == -signal.SIGKILL
    assert people.once().code == 0
    assert people.idents() == {ANNA: ["one"]}


@pytest.mark.parametrize("point", ["master.root_declared", "master.root_file", "master.root_linked"])
def test_killed_declaring(quarantined, point):
    rig = quarantined
    hold(rig)
    restore(rig, None)
    p = subprocess.run(rig.argv("-A", "-K", "rpopd:" + point, hooks=True))
    assert p.returncode == -signal.SIGKILL
    if point != "master.root_linked":
        refused(rig, "belongs to another state.db")
        rig.declare()
    rig.once()
    assert contents(rig) == ["first"] and aside(rig) == rig_links(rig)


def rig_links(rig):
    assert [n for n in rig.spooled() if n != "aside"] == []
    return aside(rig)


@pytest.mark.parametrize("point", ["deliverer.aside", "deliverer.asided", "deliverer.root"])
def test_killed_setting_aside(quarantined, point):
    rig = quarantined
    hold(rig)
    restore(rig, None)
    rig.declare()
    rig.once("-K", "deliverer:" + point, hooks=True)
    rig.once()
    assert contents(rig) == ["first"] and len(aside(rig)) == 1 and rig_links(rig)


@pytest.mark.parametrize("point", ["rpopd:master.missing", "rpopd:master.missed", "rpopd:master.replayed"])
def test_killed_wanting(people, point):
    """A message whose file is gone is wanted again, whenever the start that finds it out dies."""
    arrive(people, "anna", "one")
    people.once("-K", "rpopd:master.commit_after", hooks=True)
    shutil.rmtree(people.mail)
    people.declare()
    people.once("-K", point, hooks=True)
    people.once()
    people.once()
    assert people.idents() == {ANNA: ["one"]} and people.boxes["anna"].box.left() == []


@pytest.mark.parametrize("point", ["rpopd:master.queue_changed", "deliverer:deliverer.queue_remove", "deliverer:deliverer.spent", "deliverer:deliverer.rooted",
    "rpopd:master.root_durable"])
def test_killed_removing_links(quarantined, point):
    """A recipient is done, its link in the spool is to go: nobody takes it for an unknown file."""
    rig = quarantined
    rig.hop.default = OK
    if point == "deliverer:deliverer.spent":
        rig.once("-K", "rpopd:master.queue_changed", hooks=True)
    rig.once("-K", point, hooks=True)
    rig.once()
    rig.once()
    assert [n for n in rig.spooled()] == [] and rig.state("SELECT count(*) FROM relay") == [(0,)]


@pytest.mark.parametrize("point", ["deliverer.flight"])
def test_killed_removing_flight(people, point):
    """What was in flight at a death is removed; dying over that changes nothing."""
    for n in range(3):
        arrive(people, "anna", "m%d" % n)
    people.once("-K", "rpopd:master.receipts", hooks=True)
    people.once("-K", "deliverer:" + point, hooks=True)
    people.once()
    people.once()
    assert people.idents() == {ANNA: ["m0", "m1", "m2"]} and people.spooled() == []


def test_waiting_hop_restored(quarantined):
    """state.db of before a message was handed on: refused, since it would be handed on twice."""
    rig = quarantined
    rig.hop.default = TEMP
    rig.once()
    old = backup(rig)
    rig.hop.default = OK
    subprocess.run(["sqlite3", rig.statedb, "UPDATE relay SET next = 0;"], check=True)
    rig.once()
    assert len(rig.hop.taken()) == 1
    restore(rig, old)
    refused(rig, "state.db is older")
