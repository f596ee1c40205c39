# SPDX-License-Identifier: ISC
"""When rpopd stays away: failed hosts, a host's ceiling, closed windows, what servers ask for."""
import sqlite3
import threading
import time

import pytest

from lib import corpus, rig as rigs
from servers import behaviours as B
from servers.pop3 import Behaviour, Close

ANNA = "example.org/anna"


def rows(rig):
    return {r["name"]: r for r in rig.status()["records"]}


class Dead(Behaviour):
    """Nobody gets as far as a login.  full: a greeting says why."""

    def __init__(self, full):
        super().__init__()
        self.full, self.times = full, []

    def greeting(self, s):
        self.times.append(time.monotonic())
        if not self.full:
            raise Close
        return b"-ERR too many connections, come again\r\n"


class Slow(Behaviour):
    def login(self, s):
        time.sleep(0.4)
        super().login(s)


class Logins(Behaviour):
    """Notes when each login was tried; refuses those that `answers` has a text for."""

    def __init__(self, *answers, capabilities=()):
        super().__init__()
        self.capabilities = self.capabilities + list(capabilities)
        self.answers, self.times = list(answers), []

    def cmd_pass(self, s, arg):
        self.times.append(time.monotonic())
        if self.answers:
            return self.err(s, "login", self.answers.pop(0))
        super().cmd_pass(s, arg)


# --- hosts ---

@pytest.mark.parametrize("full", [False, True])
def test_dead_host(personal, pop3, full):
    """60 records of a dead host: one connection for each delay, while other hosts are polled; when it is back, all are served."""
    dead, live = pop3(Dead(full)), pop3()
    personal.settings["delay_failed_hosts"] = 10
    for i in range(60):
        personal.record("anna@example.org", "dead%02d" % i, dead, period=10)
    for i in range(3):
        personal.record("anna@example.org", "live%d" % i, live, period=10)
    daemon = personal.start()
    times = dead.behaviour.times
    rigs.wait_for(lambda: len(times) == 1, "the first try")
    rigs.wait_for(lambda: all(r["state"] == "host-delay" for n, r in rows(personal).items() if n < "live"), "the delay")
    tried = [r for n, r in rows(personal).items() if n < "live" and r["last_attempt"]]
    assert len(tried) == 1 and "greeting" in tried[0]["last_error"] and tried[0]["failures"] == 0
    assert "host-delay" in personal.ctl("status").log
    rigs.wait_for(lambda: len(times) == 2, "the second try")
    assert times[1] - times[0] >= 9.9
    assert live.behaviour.sessions >= 3
    before = len(live.sessions)
    rigs.wait_for(lambda: len(live.sessions) >= before + 3, "more polls of the live host")
    assert len(times) == 2 or times[2] - times[1] >= 19.9, "the delay doubles"
    assert daemon.log().count("is delayed for") == 1
    dead.behaviour = Behaviour()
    personal.ctl("poll", "anna@example.org/dead33")
    rigs.wait_for(lambda: all(r["last_success"] and not r["last_error"] for r in rows(personal).values()), "everybody's poll")
    assert len(times) <= 3
    assert daemon.log().count("answers again") == 1
    assert dead.most_open <= 10
    assert daemon.stop() == 0


def test_dead_host_once(personal, pop3):
    """-1 waits for nobody: one try, exit status 1, the records of other hosts are polled."""
    dead, live = pop3(Dead(False)), pop3(messages=[corpus.mail("live")])
    for i in range(20):
        personal.record("anna@example.org", "dead%02d" % i, dead)
    personal.record("anna@example.org", "live", live)
    result = personal.once()
    assert result.code == 1
    assert len(dead.behaviour.times) == 1
    assert result.log.count("not polled: its host failed") == 19
    assert personal.idents() == {ANNA: ["live"]}


def test_bad_record(personal, pop3):
    """A refused password and a lost connection delay their own record, not its neighbours on the same host."""
    server = pop3(messages=[corpus.mail("m%d" % i) for i in range(3)])
    personal.record("anna@example.org", "bad", server, password="wrong", period=10)
    personal.record("anna@example.org", "good", server, period=10)
    daemon = personal.start()
    rigs.wait_for(lambda: len([s for s in server.sessions if s.logged_in]) >= 3, "three polls of the good one")
    r = rows(personal)
    assert r["bad"]["failures"] == 1 and not r["good"]["last_error"]
    server.behaviour = B.Cut("retr", 10)
    server.box.add(corpus.mail("late"))
    rigs.wait_for(lambda: rows(personal)["good"]["last_error"], "the lost connection")
    r = rows(personal)
    assert r["good"]["failures"] == 1 and r["bad"]["state"] == "idle"
    assert daemon.stop() == 0


def test_host_ceiling(personal, pop3):
    """host_sessions with one host and port, and as many with another one beside it."""
    one, two = pop3(Slow()), pop3(Slow())
    personal.settings["host_sessions"] = 3
    for i in range(12):
        personal.record("anna@example.org", "one%02d" % i, one, leave=1)
        personal.record("anna@example.org", "two%02d" % i, two, leave=1)
    assert personal.once().code == 0
    assert one.most_open == 3 and two.most_open == 3
    assert len(one.sessions) == 12 and len(two.sessions) == 12


# --- windows ---

def window(begins, ends):
    """Hours from now, as a row's times."""
    times = [time.strftime("%H:%M", time.localtime(time.time() + h * 3600)) for h in (begins, ends)]
    return "begins = '%s', ends = '%s'" % tuple(times)


@pytest.fixture
def windowed(personal, pop3):
    """Two records, of two servers; schedule 'w' permits nothing now, and neither has it yet."""
    servers = {"held": pop3(messages=[corpus.mail("held")]), "free": pop3(messages=[corpus.mail("free")])}
    for name, server in servers.items():
        personal.record("anna@example.org", name, server, period=10)
    personal.write_db()
    personal.sqlite("INSERT INTO schedule (name) VALUES ('w'); UPDATE schedule SET %s;" % window(2, 3))
    return servers


def test_closed_window(personal, windowed):
    """No connection while it is closed, asked for or not; a reload with an open one begins."""
    held, free = windowed["held"], windowed["free"]
    personal.sqlite("UPDATE rpop SET schedule = 'w' WHERE name = 'held';")
    daemon = personal.start()
    text = personal.ctl("poll", "anna@example.org/held").log
    with sqlite3.connect(personal.db) as c:
        opens = c.execute("SELECT begins FROM schedule WHERE name = 'w'").fetchone()[0]
    assert "not permitted until" in text and opens in text
    rigs.wait_for(lambda: len(free.sessions) >= 2, "two polls of the other record")
    r = rows(personal)["held"]
    assert r["state"] == "window" and r["next_poll"] and not r["last_attempt"]
    assert held.sessions == []
    personal.sqlite("UPDATE schedule SET %s;" % window(-1, 1))
    personal.ctl("reload")
    rigs.wait_for(lambda: personal.idents() == {ANNA: ["free", "held"]}, "the held record's message")
    assert daemon.stop() == 0


def test_closed_for_all(personal, windowed):
    """The settings' schedule holds every record; both schedules must permit."""
    personal.sqlite("UPDATE settings SET schedule = 'w';")
    result = personal.once()
    assert result.code == 0 and result.log.count("schedule does not permit") == 2
    assert windowed["held"].sessions == [] and windowed["free"].sessions == []
    personal.sqlite("INSERT INTO schedule (name) VALUES ('always'); UPDATE rpop SET schedule = 'always';")
    assert personal.once().code == 0
    assert windowed["held"].sessions == [] and windowed["free"].sessions == []
    personal.sqlite("UPDATE schedule SET %s WHERE name = 'w';" % window(-1, 1))
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: ["free", "held"]}


def test_window_closes(personal, windowed):
    """A session that has its connection when the window closes finishes its work; the next poll waits."""
    held, free, goon = windowed["held"], windowed["free"], threading.Event()

    class Waits(Behaviour):
        def cmd_retr(self, s, arg):
            goon.wait(60)
            super().cmd_retr(s, arg)
    held.behaviour = Waits()
    personal.sqlite("UPDATE schedule SET %s; UPDATE rpop SET schedule = 'w' WHERE name = 'held';" % window(-1, 1))
    daemon = personal.start()
    rigs.wait_for(lambda: held.count("retr") == 1, "the message's retrieval")
    personal.sqlite("UPDATE schedule SET %s;" % window(2, 3))
    personal.ctl("reload")
    goon.set()
    rigs.wait_for(lambda: rows(personal)["held"]["last_success"], "the end of the session")
    assert "held" in personal.idents()[ANNA]
    before = len(free.sessions)
    rigs.wait_for(lambda: len(free.sessions) >= before + 2, "two polls of the other record")
    assert len(held.sessions) == 1
    assert daemon.stop() == 0


# --- what servers ask for ---

def test_login_delay(personal, pop3):
    """LOGIN-DELAY is longer than the period: no login comes earlier, not even when asked for."""
    server = pop3(Logins(capabilities=["LOGIN-DELAY 13"]))
    personal.record("anna@example.org", "work", server, period=10)
    daemon = personal.start()
    times = server.behaviour.times
    rigs.wait_for(lambda: rows(personal)["work"]["last_success"], "the first poll")
    assert rows(personal)["work"]["login_delay"] == 13
    text = personal.ctl("poll", "all").log
    assert "permit the next login" in text
    rigs.wait_for(lambda: len(times) == 3, "three logins")
    assert min(b - a for a, b in zip(times, times[1:])) >= 13
    assert daemon.stop() == 0


def test_too_soon(personal, pop3):
    """A login refused as too soon is no bad password: no failure is counted, and the next one waits longer."""
    server = pop3(Logins(b"[LOGIN-DELAY] minimum time between mail checks violation"), [corpus.mail("m")])
    personal.record("anna@example.org", "work", server, period=10)
    daemon = personal.start()
    rigs.wait_for(lambda: rows(personal)["work"]["last_error"], "the refusal")
    r = rows(personal)["work"]
    assert r["failures"] == 0 and r["login_delay"] == 300
    assert "permit the next login" in personal.ctl("poll", "all").log
    assert len(server.behaviour.times) == 1
    assert daemon.stop() == 0


def test_locked(personal, pop3):
    """A locked mailbox is tried again within the period, and counts as no failure of the record."""
    server = pop3(Logins(*[b"[IN-USE] do you have another POP session running?"] * 2), [corpus.mail("m")])
    personal.record("anna@example.org", "work", server, period=10)
    daemon = personal.start()
    rigs.wait_for(lambda: rows(personal)["work"]["last_error"], "the refusal")
    assert rows(personal)["work"]["failures"] == 0
    rigs.wait_for(lambda: personal.idents() == {ANNA: ["m"]}, "the message")
    assert len(server.behaviour.times) == 3
    rigs.wait_for(lambda: "works again" in daemon.log(), "the end of that session")
    assert daemon.log().count("): login: ") == 1
    assert daemon.stop() == 0


def test_alerts(personal, pop3):
    """ALERT texts reach the owner, one for each login, and then the login succeeds with the same password."""
    server = pop3(Logins(b"ALERT: your mailbox is nearly full", b"ALERT: maintenance on Sunday"), [corpus.mail("m")])
    personal.record("anna@example.org", "work", server, period=10)
    daemon = personal.start()
    rigs.wait_for(lambda: "m" in personal.idents().get(ANNA, []), "the message")
    mails = rigs.wait_for(lambda: len(personal.delivered()[ANNA]) == 3 and personal.delivered()[ANNA], "the notices")
    for text in (b"your mailbox is nearly full", b"maintenance on Sunday"):
        assert sum(text in b" ".join(m.split()) for m in mails) == 1
    rigs.wait_for(lambda: not rows(personal)["work"]["last_error"], "the status")
    assert rows(personal)["work"]["failures"] == 0
    assert daemon.stop() == 0


def test_alarm(personal, pop3):
    """A record that fails for a day: its owner is told once, and once more when it works again."""
    server = pop3(B.RefuseLogin(), [corpus.mail("m")])
    personal.record("anna@example.org", "work", server)

    def mails(word):
        return sum(word in b" ".join(m.split()) for m in personal.delivered().get(ANNA, []))

    def later(hours):
        with sqlite3.connect(personal.statedb) as c:
            c.execute("UPDATE record_state SET failing = failing - ?, last_attempt = last_attempt - ?", (hours * 3600, hours * 3600))

    assert personal.once().code == 1
    later(20)
    assert personal.once().code == 1
    assert mails(b"No mail from") == 0
    later(5)
    for _ in range(3):
        assert personal.once().code == 1
    assert mails(b"No mail from") == 1
    server.behaviour = Behaviour()
    assert personal.once().code == 0
    assert mails(b"Mail from") == 1 and personal.idents()[ANNA].count("m") == 1
    assert personal.once().code == 0
    assert mails(b"Mail from") == 1
