# SPDX-License-Identifier: ISC
"""rpopctl poll -w: it ends when the polls that it asked for have, no sooner and no later, and says what came of them."""
import json
import signal
import time

import pytest

from lib import corpus, rig as rigs
from lib.console import Console
from servers import behaviours as B
from servers.gate import Gate

ANNA = "anna@example.org"
ISP = ANNA + "/isp"


@pytest.fixture
def world(personal, pop3):
    """A daemon whose record has had its first poll, of no messages; begin() is rpopctl with these words, in the background."""
    personal.gate = Gate()
    personal.server = pop3(personal.gate)
    personal.row = personal.record(ANNA, "isp", personal.server)
    consoles = []

    def begin(*words, **how):
        consoles.append(Console(personal, *words, **how))
        return consoles[-1]

    def start():
        personal.daemon = personal.start()
        rigs.wait_for(lambda: all(r["polls"] or not r["enabled"] for r in personal.status()["records"]), "the first polls")
    personal.begin, personal.go = begin, start
    yield personal
    personal.gate.let(100000)
    for c in consoles:
        c.close()
    assert personal.daemon.stop() == 0


def mails(rig, *names):
    for name in names:
        rig.server.box.add(corpus.mail(name))


def row(rig, name="isp"):
    found, = [r for r in rig.status()["records"] if r["name"] == name]
    return found


def asked(rig, n=1):
    rigs.wait_for(lambda: row(rig)["asked"] == n, "the request")


def test_wait(world):
    """Nothing but the end of the poll ends it, and what is said then is what came."""
    world.go()
    mails(world, "one", "two", "three")
    c = world.begin("poll", "-w", ISP, tty=False)
    rigs.wait_for(lambda: row(world)["planned"] == 3, "the plan")
    world.gate.let(2)
    rigs.wait_for(lambda: row(world)["fetched"] == 2, "two messages")
    c.read()
    assert c.proc.poll() is None and "nothing failed" not in c.text
    world.gate.let()
    assert c.end() == 0
    assert c.text.startswith("1 record will be polled now\n")
    assert c.text.splitlines()[-1] == ISP + ": 3 messages, 0 left, nothing failed"


def test_poll_under_way(world):
    """A session that began ahead of the request is not what was asked for."""
    world.go()
    mails(world, "early")
    world.ctl("poll", ISP)
    rigs.wait_for(lambda: row(world)["planned"] == 1, "the session")
    c = world.begin("poll", ISP, "-w", tty=False)
    asked(world, 2)
    mails(world, "late")
    world.gate.let()
    rigs.wait_for(lambda: row(world)["polls"] == 2 and row(world)["planned"] == 1, "the next session")
    assert row(world)["answered"] == 1 and c.proc.poll() is None
    world.gate.let()
    assert c.end() == 0 and c.text.splitlines()[-1] == ISP + ": 2 messages, 0 left, nothing failed"
    assert row(world)["answered"] == 2


def test_no_end_is_missed(world):
    """Polls that are over before anybody looks."""
    world.gate.let(1000)
    world.go()
    for i in range(12):
        mails(world, "m%d" % i)
        text = world.ctl("poll", "-w", "all" if i % 2 else ANNA).log
        assert text.splitlines()[-1] == ISP + ": 1 message, 0 left, nothing failed"
        assert row(world)["messages"] == i + 1


def test_goes_on_at_once(world):
    """A poll that needs several sessions is one."""
    world.row.update(session_messages=2, leave=1)
    world.gate.let(1000)
    world.go()
    mails(world, *["m%d" % i for i in range(5)])
    assert world.ctl("poll", "-w", ISP).log.splitlines()[-1] == ISP + ": 5 messages, 5 left, nothing failed"


def test_failure(world, pop3):
    bad = pop3(B.RefuseLogin())
    world.record(ANNA, "bad", bad)
    world.go()
    result = world.ctl("poll", "-w", ANNA, check=False)
    assert result.code == 1
    said = set(result.log.splitlines()[-2:])
    assert ISP + ": 0 messages, 0 left, nothing failed" in said
    assert any(line.startswith(ANNA + "/bad: 0 messages, 0 left, failed: login: ") for line in said)
    answer = json.loads(world.ctl("-j", "poll", ANNA, "-w", check=False).log)
    assert answer["ok"] is False and {(r["name"], r["ok"]) for r in answer["records"]} == {("isp", True), ("bad", False)}
    assert json.loads(world.ctl("-j", "poll", "-w", ISP).log) == {"ok": True, "records": [{"account": ANNA, "name": "isp", "ok": True,
        "messages": 0, "left": 0, "text": "0 messages, 0 left, nothing failed"}]}
    for words, said in ((["-w"], "wants NAME|all"), (["-w", ISP, "x"], "wants NAME|all"), (["-x", ISP], "invalid option"),
        (["-w", "nobody@example.org"], "no such record")):
        result = world.ctl("poll", *words, check=False)
        assert result.code == 1 and said in result.log


@pytest.mark.parametrize("sql,said", [("DELETE FROM rpop", "was removed meanwhile"),
    ("UPDATE rpop SET period = NULL", "was disabled meanwhile"),
    ("UPDATE rpop SET auth_name = 'another'", "was changed meanwhile, and is another mailbox's now")])
def test_record_gone(world, sql, said):
    world.go()
    mails(world, "one")
    c = world.begin("poll", "-w", ISP, tty=False)
    asked(world)
    rigs.wait_for(lambda: row(world)["planned"] == 1, "the session")
    world.sqlite(sql)
    world.ctl("reload")
    assert c.end() == 1 and c.text.splitlines()[-1] == ISP + ": " + said


def test_not_polled_soon(world, pop3):
    """Records of a dead host, and of a closed schedule: no wait until they are polled some day."""
    dead = pop3()
    for name in ("dead", "dead too"):
        world.record(ANNA, name, dead)
    world.record(ANNA, "closed", pop3(), period=3600)
    world.go()
    dead.stop()
    hour = (time.localtime().tm_hour + 12) % 24
    world.sqlite("INSERT INTO schedule (name) VALUES ('w'); UPDATE schedule SET begins = '%02d:00', ends = '%02d:30' WHERE name = 'w';"
        "UPDATE rpop SET schedule = 'w' WHERE name = 'closed';" % (hour, hour))
    world.ctl("reload")
    result = world.ctl("poll", "-w", ANNA, check=False)
    said = dict(line.split(": ", 1) for line in result.log.splitlines() if line.startswith(ANNA))
    assert result.code == 1 and said[ISP].endswith("nothing failed")
    assert said[ANNA + "/closed"].startswith("not polled: its schedule does not permit polling now, in ")
    both = sorted([said[ANNA + "/dead"], said[ANNA + "/dead too"]])
    assert both[0].startswith("0 messages, 0 left, failed: ")
    assert both[1].startswith("not polled: its host failed; ") or both[1].startswith("0 messages, 0 left, failed: ")


@pytest.mark.parametrize("signo", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(world, signo):
    """The poll goes on, and that is said."""
    world.go()
    mails(world, "one")
    c = world.begin("poll", "-w", ISP, tty=signo == signal.SIGINT)
    rigs.wait_for(lambda: row(world)["planned"] == 1, "the session")
    c.shows("fetching" if signo == signal.SIGINT else "polled now")
    c.proc.send_signal(signo)
    assert c.end() == -signo and "the poll goes on; 'rpopctl show account %s' tells how far it is" % ISP in c.text
    world.gate.let()
    rigs.wait_for(lambda: row(world)["messages"] == 1, "the poll")


def test_daemon_ends(world):
    world.go()
    mails(world, "one")
    c = world.begin("poll", "-w", ISP, tty=False)
    rigs.wait_for(lambda: row(world)["planned"] == 1, "the session")
    world.gate.let()
    world.ctl("stop")
    c.end()
    world.daemon.wait()
    assert "nothing failed" in c.text or c.proc.returncode == 1


def test_terminal(world):
    """One line, drawn again in its place, and gone at the end."""
    world.go()
    mails(world, "one", "two")
    c = world.begin("poll", "-w", ISP, columns=60)
    c.shows(r"\r%s: fetching, 0 of 2 messages, [^\n]*\x1b\[K" % ISP)
    world.gate.let()
    c.shows(r"\r%s: fetching, 1 of 2 messages, [^\n]*\x1b\[K" % ISP)
    world.gate.let()
    assert c.end() == 0
    lines = c.text.split("\r\n")
    assert len(lines) == 3 and lines[1].endswith("\r\x1b[K" + ISP + ": 2 messages, 0 left, nothing failed")
    assert all(len(part) < 60 + len("\x1b[K") for part in lines[1].split("\r"))
