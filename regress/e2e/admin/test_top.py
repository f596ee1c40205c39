# SPDX-License-Identifier: ISC
"""rpopctl top: what has work, at a terminal and in a pipe; the terminal is given back as it was."""
import re
import signal
import subprocess

import pytest

from lib import corpus, rig as rigs
from lib.console import Console
from servers.gate import Gate

ANNA = "anna@example.org"
ISP = ANNA + "/isp"


@pytest.fixture
def world(personal, pop3):
    """A daemon with a record whose session waits for the gate, and idle ones; begin() is rpopctl top."""
    personal.gate = Gate()
    personal.server = pop3(personal.gate, [corpus.mail("m%d" % i) for i in range(3)])
    personal.record(ANNA, "isp", personal.server)
    personal.record(ANNA, "idle", pop3())
    personal.record(ANNA, "off", pop3(), period=None)
    personal.daemon = personal.start()
    rigs.wait_for(lambda: {r["name"]: (r["state"], r["planned"]) for r in personal.status()["records"]} ==
        {"isp": ("fetching", 3), "idle": ("idle", 0), "off": ("disabled", 0)}, "the session")
    consoles = []

    def begin(*words, **how):
        consoles.append(Console(personal, "top", *words, **how))
        return consoles[-1]
    personal.begin = begin
    yield personal
    personal.gate.let(100)
    for c in consoles:
        c.close()
    assert personal.daemon.stop() == 0


ROW = ISP + r"  fetching     0 of 3 messages, 0 octets of [0-9.]+ kB\x1b\[K\r\n"


def test_keys(world):
    c = world.begin()
    at = c.shows(r"\x1b\[Hrpopd [^\r]*: 1 of at most \d+ sessions, 1 record with work; q ends\x1b\[K\r\n"
        r"RECORD +STATE +PROGRESS\x1b\[K\r\n" + ROW + r"\x1b\[J")
    assert c.raw()
    c.keys("x")
    world.gate.let()
    at = c.shows(ISP + "  fetching     1 of 3 messages, ", at)
    world.gate.let(2)
    c.shows(r"0 records with work; q ends\x1b\[K\r\nRECORD  STATE        PROGRESS\x1b\[K\r\n\x1b\[J", at)
    assert "/idle" not in c.text and "/off" not in c.text and c.raw()
    c.keys("q")
    assert c.end() == 0 and c.same()


def test_resize(world):
    c = world.begin(rows=24, columns=100)
    at = c.shows(ROW)
    c.size(4, 40)
    at = c.shows(r"\x1b\[J", at)
    at = c.shows(r"\x1b\[H[^\r]{1,40}\x1b\[K\r\n[^H]*?\x1b\[J", at)
    last = c.text[:at].rpartition("\x1b[H")[2]
    lines = last.split("\x1b[K\r\n")
    assert len(lines) == 4 and all(len(line) <= 40 for line in lines)
    c.size(3, 40)
    at = c.shows(r"\x1b\[H[^\r]{1,40}\x1b\[K\r\n\.\.\.\x1b\[K\r\n\x1b\[J", at)
    c.keys("q")
    assert c.end() == 0 and c.same()


@pytest.mark.parametrize("signo", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_signals(world, signo):
    c = world.begin()
    c.shows(ROW)
    assert c.raw() and not c.same()
    c.proc.send_signal(signo)
    assert c.end() == -signo and c.same()


def test_stopped(world):
    """While it is stopped the terminal is as it was; when it goes on, keys count again."""
    c = world.begin(job='"$@"; echo is stopped; read -r; fg; echo has ended $?')
    at = c.shows(ROW)
    assert c.raw()
    c.keys("\x1a")
    at = c.shows("is stopped", at)
    assert c.same()
    c.keys("\n")
    at = c.shows(ROW, at)
    rigs.wait_for(c.raw, "the keys")
    c.keys("q")
    c.shows("has ended 0", at)
    assert c.end() == 0 and c.same()


def test_daemon_ends(world):
    c = world.begin()
    c.shows(ROW)
    world.gate.let(100)
    world.ctl("stop")
    assert c.end() == 1 and c.same() and "rpopd" in c.text.splitlines()[-1]
    world.daemon.wait()


def test_confined(world):
    """Ahead of the first key it is under its filter, as every command is."""
    c = world.begin()
    c.shows(ROW)
    status = rigs.read_proc(c.proc.pid, "status")
    assert re.search(r"^Seccomp:\s+%d$" % rigs.FILTERED, status, re.M) and re.search(r"^NoNewPrivs:\s+1$", status, re.M)
    assert re.search(r"^CapEff:\s+0+$", status, re.M)
    c.keys("q")
    assert c.end() == 0


def test_no_keys(world):
    """Standard input is no terminal: there is a picture all the same, and signals end it."""
    c = world.begin(stdin=subprocess.DEVNULL)
    c.shows(ROW)
    c.proc.send_signal(signal.SIGINT)
    assert c.end() == -signal.SIGINT and c.same()


def test_plain(world):
    """One table, then what changes; nothing for a terminal."""
    c = world.begin(tty=False)
    c.shows(r"^rpopd [^\n]*1 record with work\nRECORD +STATE +PROGRESS\n%s  fetching     0 of 3 messages, [^\n]*\n" % ISP)
    world.gate.let(3)
    c.shows(r"\d %s: over\n" % ISP)
    world.server.box.add(corpus.mail("another"))
    world.ctl("poll", ISP)
    c.shows(r"\d %s: fetching, 0 of 1 messages, [^\n]*\n" % ISP)
    c.proc.send_signal(signal.SIGTERM)
    assert c.end() == -signal.SIGTERM and "\x1b" not in c.text and c.text.count("RECORD") == 1


def test_usage(world):
    for words, said in ((["top", "x"], "too many arguments"), (["-j", "top"], "has no JSON")):
        result = world.ctl(*words, check=False)
        assert result.code == 1 and said in result.log
