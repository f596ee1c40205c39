# SPDX-License-Identifier: ISC
"""
A record whose port, host, login, name or account was changed: what is known of its mailbox goes along if the server's listing proves
that it is the same; a record that is to begin anew; and times that a clock which was ahead has left behind.
"""
import json
import signal
import sqlite3
import time

import pytest

from lib import corpus, rig as rigs
from servers.pop3 import Behaviour

ANNA, BERT = "example.org/anna", "example.org/bert"
FUTURE = 4000000000			# of a clock that was ahead


def mails(prefix, n, first=0):
    return [corpus.mail("%s%d" % (prefix, i)) for i in range(first, first + n)]


def names(prefix, n, first=0):
    return ["%s%d" % (prefix, i) for i in range(first, first + n)]


@pytest.fixture
def world(personal, pop3):
    """A record `isp` that has delivered 30 messages and left them; server.add() brings more, to whatever serves the mailbox."""
    personal.account("bert@example.org")
    personal.server = pop3(messages=mails("m", 30))
    personal.record("anna@example.org", "isp", personal.server, leave=1)
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: sorted(names("m", 30))}
    return personal


def other_port(world, pop3, server=None):
    """The same mailbox, served elsewhere."""
    s = pop3(mode="pop3s")
    s.box = (server or world.server).box
    return "domain = 'localhost:%d', tls = 'tls'" % s.port


def login(world):
    world.server.behaviour.user = b"user@example.net"
    return "auth_name = 'user@example.net'"


CHANGES = {
    "port": other_port,
    "host": lambda world, pop3: "domain = '127.0.0.1:%d'" % world.server.port,
    "login": lambda world, pop3: login(world),
    "record": lambda world, pop3: "name = 'provider'",
    "account": lambda world, pop3: "account = 'bert@example.org'",
}


@pytest.mark.parametrize("change", CHANGES)
def test_trial_of_changed(world, pop3, change):
    """A trial says what the poll then does, and takes nothing over: of the changed record, and of one that is in doubt."""
    world.sqlite("UPDATE rpop SET period = NULL, " + CHANGES[change](world, pop3))
    for data in mails("m", 5, 30):
        world.server.box.add(data)
    world.start().ready()
    name = {"record": "anna@example.org/provider", "account": "bert@example.org/isp"}.get(change, "anna@example.org/isp")
    boxes = world.state("SELECT * FROM mailbox")
    for _ in range(2):
        answer = json.loads(world.ctl("-j", "try", name).log)
        assert [m["state"] for m in answer["messages"]] == ["delivered"] * 30 + ["new"] * 5, answer["text"]
        assert "; the state of anna@example.org/isp at localhost:" in answer["text"] and "would go along;" in answer["text"]
    assert len(world.state("SELECT * FROM mailbox")) <= len(boxes) + 1 and world.state("SELECT count(*) FROM seen") == [(30,)]
    world.ctl("record", "enable", name)
    rigs.wait_for(lambda: sum(len(x) for x in world.idents().values()) == 35, "the new ones")
    answer = json.loads(world.ctl("-j", "try", name).log)
    assert {m["state"] for m in answer["messages"]} == {"delivered"} and "would go along" not in answer["text"]


def test_trial_in_doubt(world, pop3):
    """Half of the messages, other sizes of none, too few to prove it: they would be compared."""
    del world.server.box.messages[2:]
    world.sqlite("UPDATE rpop SET period = NULL, name = 'provider', account = 'bert@example.org'")
    with sqlite3.connect(world.statedb) as c:
        c.execute("DELETE FROM seen WHERE uid NOT IN (SELECT uid FROM seen ORDER BY uid LIMIT 2)")
    world.start().ready()
    answer = json.loads(world.ctl("-j", "try", "bert@example.org/provider").log)
    assert [m["state"] for m in answer["messages"]] == ["again", "again"], answer["text"]
    assert "would go along to compare with" in answer["text"]


@pytest.mark.parametrize("change", CHANGES)
def test_changed(world, pop3, change):
    """Nothing comes twice, what is new comes, and the change is said in one line; back again likewise."""
    was = "domain = 'localhost:%d', tls = 'none', auth_name = 'user', name = 'isp', account = 'anna@example.org'" % world.server.port
    set_to = CHANGES[change](world, pop3)
    world.sqlite("UPDATE rpop SET " + set_to)
    for data in mails("m", 5, 30):
        world.server.box.add(data)
    run = world.once()
    assert run.code == 0
    where = BERT if change == "account" else ANNA
    assert world.idents().get(where) == sorted(names("m", 5, 30) + (names("m", 30) if where == ANNA else []))
    assert sum(len(x) for x in world.idents().values()) == 35
    assert run.log.count("goes along: 30 of its 30 messages are here") == 1
    assert world.once().code == 0
    if change == "login":
        world.server.behaviour.user = b"user"
    world.sqlite("UPDATE rpop SET " + was)
    assert world.once().code == 0
    assert world.once().code == 0
    assert sum(len(x) for x in world.idents().values()) == 35
    assert world.state("SELECT count(*) FROM mailbox WHERE removed IS NULL") == [(1,)]
    assert world.state("SELECT messages, polls FROM record_state")[0] == (35, 5)


def test_shown(world, pop3):
    """show says where the state came from, in words and in JSON."""
    world.sqlite("UPDATE rpop SET " + other_port(world, pop3))
    assert world.once().code == 0
    d = world.start()
    origin = "anna@example.org/isp at localhost:%d, login user, on " % world.server.port
    rigs.wait_for(lambda: "idle" in world.ctl("show", "account", "anna@example.org").log, "the first poll")
    assert origin in " ".join(world.ctl("show", "account", "anna@example.org").log.split())
    record, = json.loads(world.ctl("-j", "show", "account", "anna@example.org").log)["records"]
    assert record["origin"].startswith(origin) and record["origin"].endswith("proven")
    d.stop()


def test_other_mailbox(world, pop3):
    """Counters as unique-ids, another mailbox: every message of it comes, and nothing is deleted there but what was delivered."""
    s = pop3(messages=mails("other", 30))
    world.sqlite("UPDATE rpop SET leave = 0, domain = 'localhost:%d'" % s.port)
    run = world.once()
    assert run.code == 0
    assert "it starts afresh" in run.log
    assert world.idents() == {ANNA: sorted(names("m", 30) + names("other", 30))}
    assert s.box.left() == []
    assert len(world.server.box.left()) == 30


@pytest.mark.parametrize("third", [False, True])
def test_shared(personal, pop3, third):
    """
    Two records have one remote mailbox, one has retrieved less, and both move at one load: each goes on where it was.  A third one that
    is polled before them takes nothing of theirs.
    """
    personal.account("bert@example.org")
    personal.account("aaron@example.org")
    s = pop3(messages=mails("m", 10))
    for owner in ("anna@example.org", "bert@example.org"):
        personal.record(owner, "isp", s, leave=1)
    assert personal.once().code == 0
    for data in mails("m", 5, 10):
        s.box.add(data)
    personal.sqlite("UPDATE rpop SET period = NULL WHERE account = 'bert@example.org'")
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: sorted(names("m", 15)), BERT: sorted(names("m", 10))}
    personal.sqlite("UPDATE rpop SET period = 3600, " + other_port(personal, pop3, s))
    if third:
        personal.sqlite("INSERT INTO rpop (account, name, domain, auth_name, password, tls) SELECT 'aaron@example.org', name, domain, "
            "auth_name, password, tls FROM rpop WHERE account = 'anna@example.org'")
    for _ in range(2):
        assert personal.once().code == 0
    everything = sorted(names("m", 15))
    assert personal.idents() == dict({ANNA: everything, BERT: everything}, **({"example.org/aaron": everything} if third else {}))


def test_few_messages(personal, pop3):
    """One message with its size is no proof: it is retrieved and compared, and does not come twice; another one would come."""
    s = pop3(messages=mails("a", 1))
    personal.record("anna@example.org", "isp", s, leave=1)
    assert personal.once().code == 0
    t = pop3()
    t.box = s.box
    personal.sqlite("UPDATE rpop SET domain = 'localhost:%d'" % t.port)
    run = personal.once()
    assert run.code == 0 and "only to compare with" in run.log
    assert personal.idents() == {ANNA: ["a0"]}
    assert t.count("retr") == 1
    assert personal.once().code == 0
    assert t.count("retr") == 1
    u = pop3(messages=[mails("a", 1)[0].replace(b"a0", b"b0")])
    personal.sqlite("UPDATE rpop SET domain = 'localhost:%d'" % u.port)
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: ["a0", "b0"]}


def test_equal_sizes_under_another_login(personal, pop3):
    """Alarms of two machines: the same counters, the same size.  A record that goes from one to the other misses none."""
    one = [corpus.mail("a%02d" % i, body=b"alarm\r\n") for i in range(40)]
    two = [corpus.mail("b%02d" % i, body=b"alarm\r\n") for i in range(40)]
    s, t = pop3(messages=one), pop3(messages=two)
    personal.record("anna@example.org", "alarms", s, leave=1)
    assert personal.once().code == 0
    t.behaviour.user = b"machine2"
    personal.sqlite("UPDATE rpop SET domain = 'localhost:%d', auth_name = 'machine2'" % t.port)
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: ["a%02d" % i for i in range(40)] + ["b%02d" % i for i in range(40)]}


def test_mark_is_for_the_first(personal, pop3):
    """first_poll = mark: a changed record marks nothing, neither in the same mailbox nor in another one."""
    s = pop3(messages=mails("old", 40))
    personal.record("anna@example.org", "isp", s, leave=1, first_poll="mark")
    assert personal.once().code == 0
    for data in mails("day", 6):
        s.box.add(data)
    assert personal.once().code == 0
    for data in mails("weekend", 25):
        s.box.add(data)
    t = pop3(mode="pop3s")
    t.box = s.box
    personal.sqlite("UPDATE rpop SET domain = 'localhost:%d', tls = 'tls'" % t.port)
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: sorted(names("day", 6) + names("weekend", 25))}
    u = pop3(messages=mails("new", 3))
    personal.sqlite("UPDATE rpop SET domain = 'localhost:%d', tls = 'none'" % u.port)
    run = personal.once()
    assert run.code == 0 and "nothing is marked" in run.log
    assert personal.idents() == {ANNA: sorted(names("day", 6) + names("weekend", 25) + names("new", 3))}


def test_mark_of_an_empty_mailbox(personal, pop3):
    """An empty listing proves nothing: the mailbox waits for its proof, and is never marked."""
    s = pop3(messages=mails("m", 25))
    personal.record("anna@example.org", "isp", s, leave=1, first_poll="mark")
    assert personal.once().code == 0
    s.box.add(mails("n", 1)[0])
    t = pop3()
    personal.sqlite("UPDATE rpop SET domain = 'localhost:%d'" % t.port)
    assert personal.once().code == 0
    t.box = s.box
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: ["n0"]}


@pytest.mark.parametrize("n", [1, 10])
def test_empty_before_the_move(personal, pop3, n):
    """The old port listed nothing for once, and then the record moves: what is back at the new one is known by its size."""
    s = pop3(messages=mails("m", n))
    personal.record("anna@example.org", "isp", s, leave=1)
    assert personal.once().code == 0
    s.box.messages, kept = [], s.box.messages
    assert personal.once().code == 0
    s.box.messages = kept
    t = pop3()
    t.box = s.box
    personal.sqlite("UPDATE rpop SET domain = 'localhost:%d'" % t.port)
    run = personal.once()
    assert run.code == 0 and "goes along" in run.log
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: names("m", n)}


@pytest.mark.parametrize("leave", [0, 1])
@pytest.mark.parametrize("same", [True, False])
def test_empty_before_the_proof(personal, pop3, leave, same):
    """The new port lists nothing at first.  Then the old messages are there, and come once; or others of the same numbers and sizes,
    and none is withheld or deleted unread."""
    s = pop3(messages=mails("m", 10))
    personal.record("anna@example.org", "isp", s, leave=1)
    assert personal.once().code == 0
    t = pop3()
    personal.sqlite("UPDATE rpop SET leave = %d, domain = 'localhost:%d'" % (leave, t.port))
    assert personal.once().code == 0
    if same:
        t.box = s.box
    else:
        for data in mails("n", 10):
            t.box.add(data)
    assert personal.once().code == 0
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: sorted(names("m", 10) + ([] if same else names("n", 10)))}
    assert len(t.box.left()) == (10 if leave else 0)


def test_mark_of_a_new_record(world, pop3):
    """A record of that name that was removed days ago is another record."""
    world.sqlite("DELETE FROM rpop")
    assert world.once().code == 0
    state(world, "UPDATE mailbox SET removed = removed - 86400")
    s = pop3(messages=mails("theirs", 5))
    s.behaviour.user = b"other"
    world.records[:] = []
    world.record("anna@example.org", "isp", s, user="other", leave=1, first_poll="mark")
    world.write_db()
    run = world.once()
    assert run.code == 0 and "5 messages marked as seen" in run.log and "rpopctl forget anna@example.org/isp" in run.log
    assert world.idents() == {ANNA: sorted(names("m", 30))}


def state(rig, sql):
    """Write into state.db, as nobody should."""
    with sqlite3.connect(rig.statedb, timeout=30) as c:
        c.executescript(sql)


def test_removed_and_back(world):
    """A record that is removed for a while goes on where it was, and says so."""
    rows = world.records[:]
    world.records[:] = []
    world.write_db()
    assert world.once().code == 0
    assert world.state("SELECT count(*) FROM seen") == [(30,)]
    world.records[:] = rows
    world.write_db()
    run = world.once()
    assert "30 messages; to get them once more: rpopctl forget anna@example.org/isp" in run.log
    assert world.idents() == {ANNA: sorted(names("m", 30))}


@pytest.mark.parametrize("days", [0, 30])
def test_keep_state_days(world, days):
    """When the days are over the state is dropped; with 0 at once."""
    world.settings["keep_state_days"] = days
    rows = world.records[:]
    world.records[:] = []
    world.write_db()
    assert world.once().code == 0
    if days:
        state(world, "UPDATE mailbox SET removed = removed - 31 * 86400")
        assert world.once().code == 0
    assert world.state("SELECT count(*) FROM seen") == [(0,)]
    world.records[:] = rows
    world.write_db()
    assert world.once().code == 0
    assert world.idents() == {ANNA: sorted(names("m", 30) * 2)}


@pytest.mark.parametrize("point", ["master.state_adopt", "master.state_adopted", "master.state_prune"])
def test_killed(world, pop3, point):
    """The master dies while the state goes along: before the commit nothing happened, after it everything did."""
    world.sqlite("UPDATE rpop SET " + other_port(world, pop3))
    assert world.once("-K", "rpopd:%s:1" % point, hooks=True).code == -signal.SIGKILL
    world.server.box.add(mails("m", 1, 30)[0])
    for _ in range(2):
        assert world.once().code == 0
    assert world.idents() == {ANNA: sorted(names("m", 31))}
    assert world.state("SELECT count(*) FROM mailbox") == [(1,)]


# --- forget ---

@pytest.fixture
def daemon(world):
    d = world.start()
    rigs.wait_for(lambda: world.status()["records"][0]["state"] == "idle", "the first poll")
    yield d
    d.stop()


def test_forget(world, daemon):
    text = world.ctl("forget", "anna@example.org/isp").log
    assert "30 messages are forgotten" in text
    world.ctl("poll", "anna@example.org/isp")
    rigs.wait_for(lambda: world.idents() == {ANNA: sorted(names("m", 30) * 2)}, "everything once more")
    rigs.wait_for(lambda: world.status()["records"][0]["state"] == "idle", "the end of the poll")
    answer = json.loads(world.ctl("-j", "forget", "anna@example.org/isp").log)
    assert answer["ok"] is True and "30 messages" in answer["text"]


@pytest.mark.parametrize("name", ["anna@example.org", "anna@example.org/", "all", "anna@example.org/none", "anna/isp", ""])
def test_forget_needs_a_record(world, daemon, name):
    assert world.ctl("forget", name, check=False).code != 0
    assert world.state("SELECT count(*) FROM seen") == [(30,)]


def test_forget_while_a_session_runs(personal, pop3):
    class Slow(Behaviour):
        def cmd_uidl(self, s, arg):
            rigs.wait_for(lambda: self.go, "leave to go on")
            super().cmd_uidl(s, arg)
    b = Slow()
    b.go = False
    s = pop3(b, mails("m", 3))
    personal.record("anna@example.org", "isp", s, leave=1)
    d = personal.start()
    rigs.wait_for(lambda: b.sessions == 1 and personal.status()["daemon"]["sessions"] == 1, "a session")
    answer = personal.ctl("forget", "anna@example.org/isp", check=False)
    b.go = True
    assert answer.code == 1 and "a session of this record is running" in answer.log
    d.stop()


def test_forget_a_removed_record(world):
    rows = world.records[:]
    world.records[:] = []
    world.write_db()
    d = world.start()
    assert "30 messages are forgotten" in world.ctl("forget", "anna@example.org/isp").log
    d.stop()
    world.records[:] = rows
    world.write_db()
    assert world.once().code == 0
    assert world.idents() == {ANNA: sorted(names("m", 30) * 2)}


@pytest.mark.parametrize("point", ["master.state_forget", "master.state_forgotten"])
def test_forget_killed(world, point):
    d = world.start("-K", "rpopd:%s:1" % point, hooks=True)
    rigs.wait_for(lambda: world.status()["records"][0]["state"] == "idle", "the first poll")
    world.ctl("forget", "anna@example.org/isp", check=False)
    assert d.wait() == -signal.SIGKILL
    assert world.once().code == 0
    assert world.idents() == {ANNA: sorted(names("m", 30) * (1 if point == "master.state_forget" else 2))}


def unified_record(rig, pop3):
    rig.server = pop3(messages=[corpus.mail("u%d" % i, [("X-Real-To", "anna, bert")]) for i in range(5)])
    rig.record("postmaster@example.org", "domain", rig.server, special="X-Real-To", leave=1)
    assert rig.once().code == 0
    assert rig.idents() == {ANNA: names("u", 5), BERT: names("u", 5)}


def test_forget_copies(unified, pop3):
    """The Maildirs are lost.  What the administrator asks for again comes, each recipient gets one, and then no more."""
    unified_record(unified, pop3)
    unified.empty()
    d = unified.start()
    rigs.wait_for(lambda: unified.status()["records"][0]["state"] == "idle", "the first poll")
    unified.ctl("forget", "postmaster@example.org/domain")
    unified.ctl("poll", "postmaster@example.org/domain")
    rigs.wait_for(lambda: unified.idents() == {ANNA: names("u", 5), BERT: names("u", 5)}, "everything once more")
    unified.server.box.add(corpus.mail("u4", [("X-Real-To", "anna")]))	# a copy of one that was delivered after that
    d.stop()
    assert unified.once().code == 0
    assert unified.idents() == {ANNA: names("u", 5), BERT: names("u", 5)}


def test_renumbered_retrieve_brings_copies(unified, pop3):
    """So does the answer `retrieve` for a renumbered mailbox."""
    unified.server = pop3(messages=[corpus.mail("u%02d" % i, [("X-Real-To", "anna")]) for i in range(30)])
    unified.record("postmaster@example.org", "domain", unified.server, special="X-Real-To", leave=1)
    assert unified.once().code == 0
    unified.empty()
    for i, m in enumerate(unified.server.box.messages):
        m.uid = b"new-%d" % i
    unified.server.behaviour.cmd_top = lambda s, arg: unified.server.behaviour.err(s, "top", b"not now")
    assert unified.once().code == 1
    d = unified.start()
    rigs.wait_for(lambda: unified.status()["records"][0]["state"] == "idle", "the first poll")
    unified.ctl("renumbered", "retrieve", "postmaster@example.org/domain")
    rigs.wait_for(lambda: unified.idents().get(ANNA) == ["u%02d" % i for i in range(30)], "everything once more")
    d.stop()


# --- a clock that was ahead ---

def test_clock_was_ahead(world):
    """Everything that has a time is dated far ahead: the daemon polls, and the rows come to their end like others."""
    world.server.box.messages.pop()
    assert world.once().code == 0
    state(world, "UPDATE seen SET since = %(t)d; UPDATE mailbox SET listed = %(t)d, created = %(t)d;"
        "UPDATE record_state SET last_success = %(t)d, last_attempt = %(t)d, failing = %(t)d;"
        "INSERT INTO suspect (mailbox, uid, deaths, failures, since, reason) VALUES (1, x'61', 0, 5, %(t)d, '');"
        "INSERT INTO handled (mailbox, uid, since, size, msgid, sender, note, results) VALUES (1, x'61', %(t)d, 1, '', '', '', '');"
        "INSERT INTO copy (key, since) VALUES (zeroblob(16), %(t)d);"
        "INSERT OR REPLACE INTO meta VALUES ('pruned', %(t)d)" % {"t": FUTURE})
    world.server.box.add(mails("m", 1, 30)[0])
    d = world.start()
    rigs.wait_for(lambda: "m30" in world.idents()[ANNA], "the next message")
    d.stop()
    assert "the clock was ahead" in d.log()
    now = time.time() + 60
    assert world.state("SELECT max(since) < ?1 FROM copy UNION SELECT max(since) < ?1 FROM handled UNION SELECT max(since) < ?1"
        " FROM suspect UNION SELECT max(last_success, last_attempt, failing) < ?1 FROM record_state UNION SELECT value < ?1 FROM meta"
        " WHERE key = 'pruned' UNION SELECT max(listed, created) < ?1 FROM mailbox", now) == [(1,)]
