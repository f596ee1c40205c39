# SPDX-License-Identifier: ISC
"""The log: levels, the tag, and what never appears in it."""
import os
import re
import socket
import stat
import subprocess
import threading

import pytest

from lib import corpus, rig as rigs
from servers import behaviours as B
from servers.pop3 import Behaviour

LEVELS = ["crashes", "failures", "major", "problems", "low", "all"]
# A line of each kind, and the level from which on it is there.
KINDS = [("failures", r"bad: .*login refused"), ("major", r"^rpopd \S+ started"), ("major", r"^stopping"),
    ("problems", r"good: .* 1 message \([0-9]+ octets\) retrieved"), ("low", r"good: > RETR 1$"), ("low", r"good: > PASS \*\*\*\*$"),
    ("low", r"good: < \+OK welcome$"), ("low", r"good: session \d+ dialing"), ("all", r"^to dialer: DIAL, \d+ octets$"),
    ("all", r"^from dialer: DIALED, \d+ octets and a descriptor$"), ("all", r"^dialer: dial \d+: connecting to 127\.0\.0\.1, port"),
    ("all", r"^to anna@example.org/good: FETCH_START, ")]


@pytest.fixture
def two(personal, pop3):
    """One record that works and one whose login is refused; no -v."""
    server = pop3(messages=[corpus.mail("one")])
    personal.verbose = []
    personal.record("anna@example.org", "good", server)
    personal.record("anna@example.org", "bad", server, password="wr0ng-word")
    return personal


def polls(rig):
    return {r["name"]: r["polls"] for r in rig.status()["records"]}


def kinds(log):
    """The entries of KINDS that occur."""
    return [k for k in KINDS if re.search(k[1], log, re.M)]


def wanted(level):
    return [k for k in KINDS if LEVELS.index(k[0]) <= LEVELS.index(level)]


@pytest.mark.parametrize("level", LEVELS)
def test_levels(two, level):
    two.settings["log_level"] = level
    daemon = two.start()
    rigs.wait_for(lambda: all(polls(two).values()), "both polls")
    assert two.status()["daemon"]["log_level"] == level
    daemon.stop()
    log = daemon.log()
    assert kinds(log) == wanted(level)
    assert "s3cret-word" not in log and "wr0ng-word" not in log


@pytest.mark.parametrize("option,level", [("-v", "low"), ("-vv", "all")])
def test_option(two, option, level):
    two.settings["log_level"] = "crashes"
    two.verbose = [option]
    daemon = two.start()
    assert two.status()["daemon"]["log_level"] == level
    two.ctl("reload")
    assert two.status()["daemon"]["log_level"] == level
    daemon.stop()


def test_at_run_time(two):
    """Raised, lowered, and back to the store's at a reload."""
    daemon = two.start()
    rigs.wait_for(lambda: all(polls(two).values()), "both polls")
    for level in ["all", "low", "problems"]:
        assert level in two.ctl("log", level).log
        assert two.status()["daemon"]["log_level"] == level
        before, was = len(daemon.log()), polls(two)
        two.ctl("poll", "anna@example.org/good")
        rigs.wait_for(lambda: polls(two)["good"] > was["good"], "the poll")
        new = daemon.log()[before:]
        assert bool(re.search(r"^to dialer: DIAL,", new, re.M)) == (level == "all")
        assert bool(re.search(r"good: > STAT$", new, re.M)) == (level != "problems")
    two.ctl("log", "all")
    two.ctl("reload")
    assert two.status()["daemon"]["log_level"] == "problems"
    assert two.ctl("log", "brief", check=False).code != 0


def test_running_session(personal, pop3):
    """A session that is under way takes part in the change."""
    server = pop3(B.Stall("retr", 0.5), [corpus.mail("one")])
    personal.verbose = []
    personal.settings["idle_timeout"] = 10
    personal.record("anna@example.org", "slow", server)
    daemon = personal.start()
    rigs.wait_for(lambda: server.count("retr"), "the session to be in the middle")
    personal.ctl("log", "all")
    rigs.wait_for(lambda: "from anna@example.org/slow: FETCH_FAILED" in daemon.log(), "what the session says at last")


class Echo(Behaviour):
    """Says the password back, plainly and in pieces of sentences."""

    def cmd_pass(self, s, arg):
        self.err(s, "login", b"the password " + arg + b" is wrong, " + arg)


@pytest.mark.parametrize("mode,apop", [("plain", 0), ("pop3s", 0), ("plain", 1)])
def test_no_credential(personal, pop3, mode, apop):
    behaviour = Echo()
    behaviour.apop = bool(apop)
    personal.verbose = ["-vv"]
    personal.record("anna@example.org", "echo", pop3(behaviour, [corpus.mail("x")], mode), apop=apop)
    log = personal.once().log
    assert "s3cret-word" not in log
    assert not re.search(r"[0-9a-f]{32}", log)


def test_idle_polls_say_nothing(personal, pop3):
    """No line for a poll without work, at the default level."""
    personal.verbose = []
    personal.record("anna@example.org", "idle", pop3())
    assert personal.once().log == ""


def test_tag(two):
    """In syslog every line, a child's too, has facility mail and the tag rpopd; priorities follow the levels."""
    two.settings["log_level"] = "all"
    two.write_db()
    dev = os.path.join(two.dir, "dev")
    os.mkdir(dev)
    for name, minor in (("null", 3), ("zero", 5), ("random", 8), ("urandom", 9)):
        os.mknod(os.path.join(dev, name), 0o666 | stat.S_IFCHR, os.makedev(1, minor))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sink:
        sink.bind(os.path.join(dev, "log"))
        sink.settimeout(rigs.PATIENCE)
        lines = []

        def read():
            while not lines or not re.search(rb"rpopd \S+ ends", lines[-1]):
                lines.append(sink.recv(8192))
        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        argv = [a for a in two.argv() if a != "-d"]
        subprocess.run(["unshare", "-m", "sh", "-c", 'mount --bind "$0" /dev && exec "$@"', dev] + argv, check=True, timeout=60)
        rigs.wait_for(lambda: two.ctl("status", check=False).code == 0, "the control socket")
        rigs.wait_for(lambda: all(polls(two).values()), "both polls")
        two.ctl("stop")
        reader.join(rigs.PATIENCE)
        assert not reader.is_alive()
    priorities = set()
    for line in lines:
        m = re.match(rb"<(\d+)>\w{3} [ \d]\d \d\d:\d\d:\d\d rpopd\[\d+\]: \S", line)
        assert m, line
        assert int(m.group(1)) >> 3 == 2	# LOG_MAIL
        priorities.add(int(m.group(1)) & 7)
    assert priorities == {3, 5, 6, 7}
    assert any(b": dialer: dial " in x for x in lines) and any(b"/good: > RETR" in x for x in lines)


@pytest.mark.parametrize("n", [1, 150])
def test_refused_deletions_are_one_line(personal, pop3, n):
    """However many a server refuses: one line, with their number, one of them and the server's words; and not again."""
    s = pop3(B.RefuseDele(), [corpus.mail("m%d" % i) for i in range(n)])
    personal.verbose = []
    personal.record("anna@example.org", "work", s)
    for again in (False, True):
        log = personal.once().log
        lines = [l for l in log.splitlines() if "may not be deleted" in l]
        assert len(lines) == (0 if again else 1), log
        if lines:
            assert ("%d message%s delivered" % (n, " was" if n == 1 else "s were")) in lines[0]
            assert re.search(r"message \d+: \[PERM\] deletion not allowed", lines[0])
            assert len([l for l in log.splitlines() if " uid=" not in l]) < 20	# beside the line of each message
    assert s.count("dele") == 2 * n


def test_a_session_in_bad_hands_does_not_fill_the_log(personal, pop3):
    """It writes thousands of lines: a few are kept and the rest is counted in one line, and what another has to say is there."""
    personal.verbose = []
    personal.record("anna@example.org", "bad", pop3(messages=[corpus.mail("one")]))
    personal.record("anna@example.org", "good", pop3(messages=[corpus.mail("two")]))
    result = personal.once("-K", "fetcher:fetcher.begin:1:flood", hooks=True)
    for who in ("anna@example.org/bad", "anna@example.org/good"):
        lines = [l for l in result.log.splitlines() if l.startswith(who + ": flood ")]
        assert 10 <= len(lines) <= 40, "%s: %d" % (who, len(lines))
        left = re.findall(re.escape(who) + r": (\d+) lines left out of the log", result.log)
        assert len(left) == 1 and int(left[0]) > 1000, left
        assert re.search(re.escape(who) + r": .* 1 message \(\d+ octets\) retrieved", result.log)
    assert result.code == 0


def test_a_child_in_bad_hands_does_not_fill_the_log(personal, pop3):
    """The deliverer floods: the lines of sessions and of the master are there all the same."""
    personal.verbose = []
    personal.record("anna@example.org", "work", pop3(messages=[corpus.mail("one")]))
    result = personal.once("-K", "deliverer:deliverer.header:1:flood", hooks=True)
    assert len(re.findall(r"^deliverer: flood ", result.log, re.M)) <= 800
    assert re.search(r"^deliverer: \d+ lines left out of the log", result.log, re.M)
    assert re.search(r"work: .* 1 message \(\d+ octets\) retrieved", result.log)
    assert result.code == 0


def test_journal(two):
    """Standard error is the journal, as systemd.exec(5) says it: every line has its priority, so that journalctl -p finds failures."""
    two.write_db()
    path = os.path.join(two.dir, "journal")
    with open(path, "w+") as f:
        st = os.fstat(f.fileno())
        for stream in ("%d:%d" % (st.st_dev, st.st_ino), "1:2"):
            f.truncate(0)
            f.seek(0)
            subprocess.run(two.argv("-1", *(["-v"] if stream == "1:2" else [])), stderr=f, env=dict(os.environ, JOURNAL_STREAM=stream), timeout=rigs.PATIENCE)
            f.seek(0)
            lines = f.read().splitlines()
            assert lines
            if stream == "1:2":
                assert not any(line.startswith("<") for line in lines)
                continue
            assert all(re.match(r"<[2-7]>", line) for line in lines)
            assert [line[:3] for line in lines if "login refused" in line and "bad:" in line] == ["<3>"]
            assert [line[:3] for line in lines if "1 message " in line and "retrieved" in line] == ["<6>"]
