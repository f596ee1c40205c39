# SPDX-License-Identifier: ISC
"""
Nothing is final whose body exists nowhere: files that vanish from the spool while their recipients wait, are in quarantine, or are to
be reported are retrieved again for those recipients, and only for them.
"""
import os
import shutil
import sqlite3
import time

import pytest

from lib import corpus, rig as rigs
from lib.relay import PEOPLE, PM, SENDER, again, due, listed, mail, seen, states
from servers.smtp import OK, PERM, TEMP

DAY = 86400


@pytest.fixture
def lmtp(unified, smtp):
    """The next hop of all accounts but the postmaster's."""
    m, write = smtp("lmtp"), unified.write_db
    unified.nexthop("hop", m)

    def write_db():
        write()
        unified.sqlite("UPDATE account SET nexthop = 'hop' WHERE name <> 'postmaster';")
    unified.write_db = write_db
    return m


@pytest.fixture
def reports(unified, smtp):
    m = smtp("smtp")
    unified.nexthop("reports", m)
    unified.settings["report_nexthop"] = "reports"
    return m


def vanish(rig, sql="SELECT link FROM relay"):
    """The files of some rows; the daemon may run."""
    links = [link for link, in rig.state(sql)]
    assert links
    for link in links:
        os.unlink(os.path.join(rig.mail, "spool", link))


def bodies(rig):
    names = ["wanted", "here", "lost"]
    return {d: names[b] for d, b in rig.state("SELECT dest, body FROM relay")}


@pytest.fixture
def waiting(unified, lmtp, pop3):
    """anna waits for the next hop, bert has it."""
    lmtp.answers = {PEOPLE[0]: [TEMP, OK]}
    server = pop3(messages=[mail("m", PEOPLE[:2])])
    unified.record(PM, "r", server, special="X-Real-To")
    assert unified.once().code == 0
    assert states(unified) == {PEOPLE[0]: "waiting"} and lmtp.taken() == [PEOPLE[1]]
    return server


@pytest.mark.parametrize("how", ["gone", "empty"])
def test_waiting(unified, lmtp, waiting, how):
    """The disk was lost while the daemon was down: retrieved again, for the one that is open only, whatever the age."""
    if how == "gone":
        vanish(unified)
    else:
        (link,), = unified.state("SELECT link FROM relay")
        os.truncate(os.path.join(unified.mail, "spool", link), 0)
    due(unified, "arrived = arrived - 432000, next = 0")
    result = unified.once()
    assert result.code == 0 and "wanted again" in result.log
    assert len(waiting.box.left()) == 1			# nothing is deleted before everybody has it
    again(unified)
    assert lmtp.taken().count(PEOPLE[0]) == 1 and lmtp.taken().count(PEOPLE[1]) == 1
    assert waiting.count("retr") == 2
    assert waiting.box.left() == [] and states(unified) == {} and unified.spooled() == []


def test_vanishes_in_life(unified, lmtp, pop3):
    """The file is missed by the connection that wants to send it."""
    lmtp.default = TEMP
    server = pop3(messages=[mail("m", PEOPLE[:1])])
    unified.record(PM, "r", server, special="X-Real-To")
    daemon = unified.start()
    row, = rigs.wait_for(lambda: [q for q in listed(unified) if q["tries"] == 1], "the first try")
    lmtp.default = OK
    vanish(unified)
    answer = unified.ctl("quarantine", "release", str(row["id"]), check=False)
    assert answer.code == 1 and "retrieved again" in answer.log
    assert listed(unified)[0]["state"] == "wanted" and "wanted" in unified.ctl("queue").log
    unified.ctl("poll", "all")
    rigs.wait_for(lambda: lmtp.taken() == PEOPLE[:1], "the delivery")
    rigs.wait_for(lambda: listed(unified) == [], "its row to go")
    unified.ctl("poll", "all")
    rigs.wait_for(lambda: server.box.left() == [], "the deletion")
    assert daemon.stop() == 0
    assert lmtp.taken() == PEOPLE[:1]


def test_missed_by_its_connection(unified, lmtp, pop3):
    """Gone while they wait for a next hop that rests: the connection finds that out, and nothing ages into a failure."""
    greeting, lmtp.greeting = lmtp.greeting, "421 4.3.2 too busy"
    server = pop3(messages=[mail("m%d" % i, PEOPLE[:1]) for i in range(4)])
    unified.record(PM, "r", server, special="X-Real-To")
    daemon = unified.start()
    rigs.wait_for(lambda: len(listed(unified)) == 4 and "next try in 60 s" in daemon.log(), "the pause")
    rigs.wait_for(lambda: sum(q["tries"] for q in listed(unified)) == lmtp.connections, "the connections to end")
    vanish(unified)
    lmtp.greeting = greeting
    unified.ctl("reload")
    rigs.wait_for(lambda: "wanted" in [q["state"] for q in listed(unified)], "the miss")
    assert daemon.stop() == 0 and lmtp.mails == []
    for _ in range(3):
        due(unified, "arrived = arrived - 432000, next = 0")
        assert unified.once().code == 0
    assert sorted(corpus.ident_of(m.data) for m in lmtp.mails) == ["m0", "m1", "m2", "m3"]
    assert server.box.left() == [] and unified.spooled() == []


@pytest.mark.parametrize("leave", [0, 1])
def test_quarantine(unified, lmtp, pop3, leave):
    """In quarantine it was final; its file vanishes, and the provider still has it: it comes back into the quarantine."""
    lmtp.default = PERM
    server = pop3(messages=[corpus.mail("m", [("Return-Path", "<>"), ("X-Real-To", PEOPLE[0])])])
    unified.record(PM, "r", server, special="X-Real-To", leave=1)
    assert unified.once().code == 0
    assert states(unified) == {PEOPLE[0]: "quarantined"} and seen(unified) == [0]
    vanish(unified)
    if leave == 0:
        unified.sqlite("UPDATE rpop SET leave = 0;")
    result = unified.once()
    assert result.code == 0
    if leave == 1 or bodies(unified) == {PEOPLE[0]: "wanted"}:
        assert unified.once().code == 0
    assert bodies(unified) == {PEOPLE[0]: "here"} and states(unified) == {PEOPLE[0]: "quarantined"}
    assert len(unified.spooled()) == 1 and seen(unified)[0] != 5
    assert len(server.box.left()) in (leave, 1)
    assert unified.once().code == 0
    assert len(server.box.left()) == leave and len(unified.spooled()) == 1


def test_lost(unified, lmtp, pop3):
    """Nobody has it any more: told, not shown as if it were in quarantine, not retried; found again when the file comes back."""
    lmtp.default = PERM
    server = pop3(messages=[corpus.mail("m", [("Return-Path", "<>"), ("X-Real-To", PEOPLE[0])])])
    unified.record(PM, "r", server, special="X-Real-To")
    assert unified.once().code == 0
    assert server.box.left() == [] and seen(unified) == [3]
    (link,), = unified.state("SELECT link FROM relay")
    path = os.path.join(unified.mail, "spool", link)
    os.rename(path, os.path.join(unified.dir, "aside"))
    result = unified.once()
    assert result.code == 0 and "lost: its file is missing" in result.log
    assert bodies(unified) == {PEOPLE[0]: "lost"}
    notes = [n for n in unified.delivered()["example.org/postmaster"] if b"Mail was lost" in n]
    assert len(notes) == 1
    assert unified.once().code == 0			# once
    assert len([n for n in unified.delivered()["example.org/postmaster"] if b"Mail was lost" in n]) == 1
    daemon = unified.start()
    row, = listed(unified)
    assert row["state"] == "lost" and listed(unified, ["quarantine"]) == []
    assert "lost" in unified.ctl("quarantine", "release", str(row["id"]), check=False).log
    assert daemon.stop() == 0
    os.rename(os.path.join(unified.dir, "aside"), path)
    daemon = unified.start()
    row, = listed(unified, ["quarantine"])
    assert row["state"] == "quarantined"
    lmtp.default = OK
    unified.ctl("quarantine", "release", str(row["id"]))
    rigs.wait_for(lambda: lmtp.taken() == PEOPLE[:1], "the delivery")
    assert daemon.stop() == 0


def test_lost_is_dropped(unified, lmtp, pop3):
    lmtp.default = PERM
    unified.record(PM, "r", pop3(messages=[corpus.mail("m", [("Return-Path", "<>"), ("X-Real-To", PEOPLE[0])])]),
        special="X-Real-To")
    assert unified.once().code == 0
    vanish(unified)
    daemon = unified.start()
    row, = rigs.wait_for(lambda: [q for q in listed(unified) if q["state"] == "lost"], "the loss")
    unified.ctl("quarantine", "drop", str(row["id"]))
    assert listed(unified) == []
    assert daemon.stop() == 0


def test_gone_from_the_provider(unified, lmtp, waiting):
    """Wanted, and two complete listings a day apart do not name it: lost, and told."""
    vanish(unified)
    waiting.box.messages.clear()
    assert unified.once().code == 0
    assert bodies(unified) == {PEOPLE[0]: "wanted"} and seen(unified) == [5]
    due(unified)
    with sqlite3.connect(unified.statedb) as c:
        c.execute("UPDATE seen SET gone = ?", (int(time.time()) - 2 * DAY,))
    assert unified.once().code == 0
    assert bodies(unified) == {PEOPLE[0]: "lost"}
    assert lmtp.taken() == [PEOPLE[1]]
    assert any(b"Mail was lost" in n for n in unified.delivered()["example.org/postmaster"])


def test_report(unified, lmtp, reports, pop3):
    """To be reported, and the original's file is missing: retrieved again, then reported once."""
    lmtp.default = PERM
    server = pop3(messages=[mail("m", PEOPLE[:1])])
    unified.record(PM, "r", server, special="X-Real-To")
    unified.once("-K", "rpopd:master.relay_after", hooks=True)
    assert states(unified) == {PEOPLE[0]: "failed"}
    vanish(unified)
    for _ in range(3):
        assert unified.once().code == 0
    assert reports.taken() == [SENDER] and states(unified) == {}
    assert server.box.left() == [] and unified.spooled() == []


def test_report_itself(unified, lmtp, reports, pop3):
    """The report is written and waits; its file vanishes: told, not tried for ever."""
    lmtp.default = PERM
    reports.default = TEMP
    unified.record(PM, "r", pop3(messages=[mail("m", PEOPLE[:1])]), special="X-Real-To")
    assert unified.once().code == 0
    assert states(unified) == {SENDER: "waiting"}
    vanish(unified)
    due(unified)
    result = unified.once()
    assert result.code == 0 and "lost" in result.log
    assert bodies(unified) == {SENDER: "lost"}


def test_other_recipients_now(unified, lmtp, waiting):
    """Between the two retrievals the routes were changed: who waits gets it all the same."""
    vanish(unified)
    unified.sqlite("DELETE FROM account WHERE name = 'anna'; DELETE FROM account WHERE name = 'bert';", check=False)
    assert unified.once().code == 0
    again(unified)
    assert lmtp.taken().count(PEOPLE[0]) == 1
    assert states(unified) == {} and waiting.box.left() == []


KILLS = ["rpopd:master.relay_checked", "rpopd:master.queue_before", "rpopd:master.queue_change", "rpopd:master.queue_changed", "rpopd:master.queue_attach",
    "rpopd:master.commit_before", "rpopd:master.commit_after", "rpopd:master.committed_sent", "deliverer:deliverer.committed",
    "rpopd:master.queue_sending", "rpopd:master.queue_sent", "rpopd:master.queue_proof"]


@pytest.mark.parametrize("point", KILLS)
def test_killed(unified, lmtp, waiting, point):
    """A process dies at one step of it."""
    vanish(unified)
    due(unified)
    unified.once("-K", point, hooks=True)
    for _ in range(5):
        if states(unified):
            due(unified, "next = 0")
        unified.once()
    assert states(unified) == {} and waiting.box.left() == [] and unified.spooled() == []
    assert lmtp.taken().count(PEOPLE[1]) == 1
    assert 1 <= lmtp.taken().count(PEOPLE[0]) <= (2 if point in ("rpopd:master.queue_before", "rpopd:master.queue_change") else 1)


def test_killed_at_loss(unified, lmtp, pop3):
    lmtp.default = PERM
    unified.record(PM, "r", pop3(messages=[corpus.mail("m", [("Return-Path", "<>"), ("X-Real-To", PEOPLE[0])])]),
        special="X-Real-To")
    assert unified.once().code == 0
    vanish(unified)
    unified.once("-K", "rpopd:master.relay_lost", hooks=True)
    assert unified.once().code == 0
    assert bodies(unified) == {PEOPLE[0]: "lost"}


@pytest.mark.parametrize("point", ["master.relay_want", "master.queue_change", "master.relay_wanted"])
def test_killed_at_the_miss(unified, lmtp, pop3, point):
    """In the life that misses it."""
    lmtp.default = TEMP
    server = pop3(messages=[mail("m", PEOPLE[:1])])
    unified.record(PM, "r", server, special="X-Real-To")
    assert unified.once().code == 0
    daemon = unified.start("-K", "rpopd:" + point, hooks=True)
    row, = listed(unified)
    vanish(unified)
    unified.ctl("quarantine", "release", str(row["id"]), check=False)
    daemon.wait()
    assert daemon.proc.returncode < 0
    lmtp.default = OK
    for _ in range(4):
        due(unified, "next = 0")
        assert unified.once().code == 0
    assert lmtp.taken() == PEOPLE[:1] and server.box.left() == [] and unified.spooled() == []


def test_id_given_again(unified, lmtp, waiting):
    """Wanted, and its unique-id is another message's by now: that one is delivered, and the first is not taken for it."""
    vanish(unified)
    uid = waiting.box.messages[0].uid
    waiting.box.messages.clear()
    waiting.box.add(mail("other", PEOPLE[1:2]), uid)
    due(unified, "next = 0")
    for _ in range(3):
        assert unified.once().code == 0
    assert [corpus.ident_of(m.data) for m in lmtp.mails if PEOPLE[1] in m.taken()] == ["m", "other"]
    assert not any(PEOPLE[0] in m.taken() for m in lmtp.mails)


# --- pending deliveries whose file is missing ---

MAILDIR = "example.org/postmaster"


def lose_root(rig):
    """The file system of the mail root was lost; an administrator says so."""
    shutil.rmtree(rig.mail)
    rig.declare()


def later(rig, n=5):
    for _ in range(n):
        due(rig, "next = 0")
        assert rig.once().code == 0


@pytest.fixture
def decided(unified, lmtp, pop3):
    """Decided and no more: anna's and bert's wait for a next hop, the postmaster's is not yet in his Maildir."""
    lmtp.answers = {PEOPLE[0]: [TEMP, OK]}
    server = pop3(messages=[mail("m", [PEOPLE[0], PEOPLE[1], PM])])
    unified.record(PM, "r", server, special="X-Real-To")
    unified.once("-K", "rpopd:master.commit_after", hooks=True)
    assert unified.state("SELECT dest FROM pending") == [(MAILDIR,)] and len(states(unified)) == 2
    return server


def test_missing_and_waiting(unified, lmtp, pop3):
    """Nobody has it yet: one waits for a next hop, another one's is not yet in its Maildir.  The mail root is lost: both get it."""
    lmtp.answers = {PEOPLE[0]: [TEMP, OK]}
    server = pop3(messages=[mail("m", [PEOPLE[0], PM])])
    unified.record(PM, "r", server, special="X-Real-To")
    unified.once("-K", "rpopd:master.commit_after", hooks=True)
    lose_root(unified)
    later(unified)
    assert lmtp.taken() == [PEOPLE[0]] and unified.idents()[MAILDIR] == ["m"]
    assert server.box.left() == [] and states(unified) == {} and unified.spooled() == []


@pytest.mark.parametrize("suppress", [0, 1])
def test_missing_and_taken(unified, lmtp, pop3, suppress):
    """One has it, another one's is missing before it is in its Maildir: nobody gets it twice, whether copies are suppressed or not."""
    server = pop3(messages=[mail("m", [PEOPLE[1], PM])])
    unified.record(PM, "r", server, special="X-Real-To", suppress=suppress)
    unified.once("-K", "rpopd:master.commit_after", hooks=True)
    link, = unified.state("SELECT link FROM pending")
    os.unlink(os.path.join(unified.mail, "spool", link[0]))
    unified.declare()
    later(unified)
    assert lmtp.taken() == [PEOPLE[1]] and unified.idents()[MAILDIR] == ["m"]
    assert server.box.left() == [] and states(unified) == {} and unified.spooled() == []


def test_missing_archive(personal, smtp, pop3):
    """A personal record, an archive at a next hop: neither the owner nor the archive gets it twice."""
    hop = smtp("lmtp")
    hop.answers = {"archive@example.org": [TEMP, OK]}
    personal.nexthop("hop", hop)
    personal.account("archive@example.org")
    personal.settings["archive"] = "archive@example.org"
    server = pop3(messages=[corpus.mail("m")])
    personal.record("anna@example.org", "r", server)
    personal.write_db()
    personal.sqlite("UPDATE account SET nexthop = 'hop' WHERE name = 'archive';")
    personal.once("-K", "rpopd:master.commit_after", hooks=True)
    assert len(personal.state("SELECT 1 FROM relay")) == 1 and len(personal.state("SELECT 1 FROM pending")) == 1
    lose_root(personal)
    later(personal)
    assert hop.taken() == ["archive@example.org"]
    assert personal.idents()["example.org/anna"] == ["m"] and server.box.left() == []


@pytest.mark.parametrize("turns", [0, 1])
def test_missing_and_gone(unified, lmtp, pop3, turns):
    """Its server deletes what is wanted: the owner hears that it is lost; should it be listed again, it is delivered."""
    server = pop3(messages=[mail("m", [PM])])
    unified.record(PM, "r", server, special="X-Real-To")
    unified.once("-K", "rpopd:master.commit_after", hooks=True)
    kept = list(server.box.messages)
    server.box.messages.clear()
    lose_root(unified)
    later(unified, 2)
    assert bodies(unified) == {MAILDIR: "wanted"}
    if turns:
        server.box.messages.extend(kept)
    else:
        with sqlite3.connect(unified.statedb) as c:
            c.execute("UPDATE seen SET gone = ?", (int(time.time()) - 2 * DAY,))
    later(unified, 3)
    if turns:
        assert unified.idents()[MAILDIR] == ["m"] and states(unified) == {} and server.box.left() == []
    else:
        assert bodies(unified) == {MAILDIR: "lost"}
        assert any(b"Mail was lost" in n for n in unified.delivered()[MAILDIR])


MISSING = ["rpopd:master.missing", "rpopd:master.state_missing", "rpopd:master.missed", "rpopd:master.replayed", "rpopd:master.relay_checked",
    "rpopd:master.queue_attach", "rpopd:master.commit_before", "rpopd:master.commit_after", "rpopd:master.committed_sent",
    "deliverer:deliverer.committed", "rpopd:master.relay_move", "rpopd:master.queue_before", "rpopd:master.queue_change", "rpopd:master.queue_changed",
    "rpopd:master.relay_moved", "deliverer:deliverer.queue_move", "deliverer:deliverer.queue_moved", "deliverer:deliverer.queue_settle", "rpopd:master.root_durable"]


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("point", MISSING)
def test_killed_missing(unified, lmtp, decided, point, nth):
    """A process dies at one step of it."""
    lose_root(unified)
    due(unified, "next = 0")
    unified.once("-K", "%s:%d" % (point, nth), hooks=True)
    later(unified)
    assert unified.idents()[MAILDIR].count("m") == 1
    doubt = point in ("rpopd:master.queue_before", "rpopd:master.queue_change")	# a next hop's answer may be what was not written down
    assert all(1 <= lmtp.taken().count(p) <= (2 if doubt else 1) for p in PEOPLE[:2])
    assert decided.box.left() == [] and states(unified) == {} and unified.spooled() == []
    assert unified.state("SELECT count(*) FROM pending") == [(0,)]
    assert not any(b"Mail was lost" in n for n in unified.delivered()[MAILDIR])


# --- max_size ---

@pytest.mark.parametrize("oversize", ["skip", "headers"])
def test_wanted_and_over_max_size(unified, lmtp, pop3, oversize):
    """Taken while there was no limit, and its file is missing: it is retrieved as a whole, whatever the limit is now."""
    lmtp.answers = {PEOPLE[0]: [TEMP, OK]}
    server = pop3(messages=[mail("m", PEOPLE[:2], body=BODY)])
    unified.record(PM, "r", server, special="X-Real-To")
    assert unified.once().code == 0
    vanish(unified)
    unified.sqlite("UPDATE rpop SET max_size = 20000, oversize = '%s';" % oversize)
    later(unified, 3)
    assert sorted(lmtp.taken()) == PEOPLE[:2] and {len(m.data) > len(BODY) for m in lmtp.mails} == {True}
    assert states(unified) == {} and server.box.left() == [] and unified.spooled() == []


BODY = b"octets and more\r\n" * 3000


def test_header_and_its_file(unified, lmtp, pop3):
    """A header that was delivered alone and waits for a next hop: it is asked for again, for the one that is open only."""
    lmtp.answers = {PEOPLE[0]: [TEMP, OK]}
    server = pop3(messages=[mail("m", PEOPLE[:2], body=BODY)])
    unified.record(PM, "r", server, special="X-Real-To", max_size=20000, oversize="headers")
    assert unified.once().code == 0
    assert states(unified) == {PEOPLE[0]: "waiting"} and lmtp.taken() == [PEOPLE[1]]
    vanish(unified)
    later(unified, 3)
    assert sorted(lmtp.taken()) == PEOPLE[:2] and len(server.box.left()) == 1
    assert states(unified) == {} and unified.spooled() == []
    assert MAILDIR not in unified.delivered()			# nobody is told of a loss
    asked = server.count("top")
    later(unified, 2)
    assert server.count("top") == asked


def test_header_and_maildir(personal, pop3):
    """Likewise, with the mail root lost before it is in its Maildir."""
    server = pop3(messages=[corpus.mail("m", body=BODY)])
    personal.record("anna@example.org", "r", server, max_size=20000, oversize="headers")
    personal.once("-K", "rpopd:master.commit_after", hooks=True)
    assert personal.state("SELECT count(*) FROM pending") == [(1,)]
    lose_root(personal)
    later(personal, 4)
    assert personal.idents()["example.org/anna"] == ["m"] and len(server.box.left()) == 1
    assert states(personal) == {} and personal.spooled() == []


# --- unique-ids that are given again ---

def test_missing_and_given_again(unified, pop3):
    """What waits for a broken place was deleted, and its unique-id is another message's by now.  Its file vanishes: that is told, and the
    other one, which is left on its server, does not come twice."""
    server = pop3(messages=[mail("before", [PEOPLE[0]])])
    unified.record(PM, "r", server, special="X-Real-To", leave=1, suppress=0)
    unified.once()
    server.box.add(mail("waits", [PEOPLE[0]]), "same")
    unified.once("-K", "rpopd:master.commit_after", hooks=True)
    with sqlite3.connect(unified.statedb) as c:
        c.execute("DELETE FROM unproven")			# its session was in step, and deleted it
        c.execute("UPDATE seen SET state = 3 WHERE CAST(uid AS TEXT) = 'same'")
    new = os.path.join(unified.mail, "example.org/anna", "new")
    os.chmod(new, 0o500)
    server.box.messages.pop()
    server.box.add(mail("other", [PM]), "same")
    unified.once()
    assert unified.idents()[MAILDIR] == ["other"] and unified.state("SELECT count(*) FROM pending") == [(1,)]
    vanish(unified, "SELECT link FROM pending")
    os.chmod(new, 0o700)
    unified.declare()
    later(unified, 3)
    assert unified.idents()["example.org/anna"] == ["before"] and unified.idents()[MAILDIR].count("other") == 1
    assert bodies(unified) == {"example.org/anna": "lost"}
    assert any(b"Mail was lost" in n for n in unified.delivered()[MAILDIR])
