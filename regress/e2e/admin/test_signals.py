# SPDX-License-Identifier: ISC
"""Signals: a stop finishes the current message and says QUIT within a bounded time; nothing outlives the master."""
import fcntl
import os
import signal
import subprocess
import threading
import time

import pytest

from lib import corpus, rig as rigs
from servers import behaviours as B
from servers.pop3 import Behaviour

ANNA = "example.org/anna"


class Gate(Behaviour):
    """Sends half of the nth message, waits until the gate opens, and goes on."""
    capabilities = ["USER", "UIDL"]

    def __init__(self, nth):
        import threading
        super().__init__()
        self.nth, self.met = nth, 0
        self.reached, self.opened = threading.Event(), threading.Event()

    def wire(self, s, point, data):
        if point == "retr":
            self.met += 1
            if self.met == self.nth:
                s.send(data[:len(data) // 2])
                self.reached.set()
                self.opened.wait(60)
                return s.send(data[len(data) // 2:])
        s.send(data)


@pytest.mark.parametrize("how", ["TERM", "INT", "stop"])
def test_stop_in_mid_message(personal, pop3, how):
    """The current message is taken, no further one is begun, what was committed is deleted, QUIT is said."""
    server = pop3(Gate(3), [corpus.mail("s%d" % i) for i in range(10)])
    personal.record("anna@example.org", "work", server)
    daemon = personal.start()
    assert server.behaviour.reached.wait(60)
    daemon.processes()
    if how == "stop":
        personal.ctl("stop")
    else:
        daemon.proc.send_signal(getattr(signal, "SIG" + how))
    rigs.wait_for(lambda: "stopping" in daemon.log(), "the stop")
    time.sleep(1)	# for the word to reach the session
    server.behaviour.opened.set()
    assert daemon.wait() == 0
    daemon.orphans_gone()
    names = server.sessions[0].names()
    assert names[-1] == "quit"
    got = personal.idents()[ANNA]
    assert 3 <= len(got) < 10 and got == sorted(set(got))
    assert len(server.box.left()) == 10 - len(got)
    server.behaviour = Behaviour()
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: ["s%d" % i for i in range(10)]}
    assert server.box.left() == []


def test_stop_does_not_wait_for_ever(personal, pop3):
    """A server that is silent in the middle of a message cannot hold the stop up; the message comes with the next start."""
    server = pop3(B.Stall("retr", 0.5, nth=2), [corpus.mail("w%d" % i) for i in range(4)])
    personal.record("anna@example.org", "work", server)
    daemon = personal.start()
    rigs.wait_for(lambda: server.count("retr") >= 2, "the stall")
    assert daemon.stop(timeout=120) == 0
    server.behaviour = Behaviour()
    for _ in range(2):
        result = personal.once()
    assert result.code == 0
    assert personal.idents() == {ANNA: ["w%d" % i for i in range(4)]}


def test_stop_when_idle(personal, pop3):
    personal.record("anna@example.org", "work", pop3())
    daemon = personal.start()
    assert daemon.stop() == 0
    assert not os.path.exists(os.path.join(personal.run, "rpopd.sock")) or personal.ctl("status", check=False).code != 0


@pytest.mark.parametrize("role", ["dialer", "template", "deliverer"])
def test_child_is_restarted(personal, pop3, role):
    """A dead child is replaced, and polls go on."""
    server = pop3(messages=[corpus.mail("c0")])
    personal.record("anna@example.org", "work", server)
    daemon = personal.start()
    rigs.wait_for(lambda: personal.idents() == {ANNA: ["c0"]}, "the first message")
    for turn in range(1, 3):
        pid = daemon.one(role)
        os.kill(pid, signal.SIGKILL)
        rigs.wait_for(lambda: [p for p in daemon.processes()[role] if p != pid], "a new " + role)
        server.box.add(corpus.mail("c%d" % turn))
        rigs.wait_for(lambda: personal.ctl("poll", "all", check=False).code == 0 and len(personal.idents()[ANNA]) == turn + 1,
            "mail after the restart")
    assert personal.idents() == {ANNA: ["c0", "c1", "c2"]}
    assert daemon.stop() == 0


@pytest.mark.parametrize("stalled", [False, True])
def test_killed_master_leaves_nobody(personal, pop3, stalled):
    server = pop3(B.Stall("retr", 0.5) if stalled else None, [corpus.mail("k")])
    personal.record("anna@example.org", "work", server)
    daemon = personal.start()
    if stalled:
        rigs.wait_for(lambda: server.count("retr") and daemon.processes()["session"], "the session")
    rigs.wait_for(lambda: daemon.processes() and len(daemon.children) >= 3, "the children")
    os.kill(daemon.pid, signal.SIGKILL)
    daemon.proc.wait(30)
    daemon.orphans_gone()


def test_harmless_signals(personal, pop3):
    server = pop3(messages=[corpus.mail("h")])
    personal.record("anna@example.org", "work", server)
    daemon = personal.start()
    for sig in (signal.SIGPIPE, signal.SIGUSR1, signal.SIGHUP, signal.SIGCHLD, signal.SIGHUP):
        daemon.proc.send_signal(sig)
    rigs.wait_for(lambda: personal.idents() == {ANNA: ["h"]}, "the message")
    assert daemon.running()
    assert daemon.stop() == 0


def test_daemon_in_the_background(personal, pop3):
    """Without -d: returns at once, holds no terminal, stops by rpopctl."""
    import subprocess
    server = pop3(messages=[corpus.mail("b")])
    personal.record("anna@example.org", "work", server)
    personal.write_db()
    argv = [a for a in personal.argv() if a != "-d"]
    assert subprocess.run(argv, stdin=subprocess.DEVNULL, timeout=60).returncode == 0
    try:
        rigs.wait_for(lambda: personal.idents() == {ANNA: ["b"]}, "the message")
    finally:
        personal.ctl("stop")
    rigs.wait_for(lambda: personal.ctl("status", check=False).code != 0, "the stop")


def test_one_at_a_time(personal, pop3):
    """A second daemon on the same store is refused, and the first goes on; one that follows a killed one waits for its lock."""
    server = pop3(messages=[corpus.mail("m0")])
    personal.record("anna@example.org", "work", server, leave=1)
    daemon = personal.start()
    rigs.wait_for(lambda: personal.idents() == {"example.org/anna": ["m0"]}, "the message")
    result = personal.once()
    assert result.code == 1 and "rpopd.db.lock: another rpopd runs on this store" in result.log
    assert personal.ctl("status").code == 0 and daemon.stop() == 0
    holder = os.open(personal.db + ".lock", os.O_RDWR)
    fcntl.flock(holder, fcntl.LOCK_EX)
    timer = threading.Timer(0.5, os.close, [holder])
    timer.start()
    assert personal.once().code == 0
    timer.join()


def test_run_directory_of_another(personal, pop3, pki):
    """A daemon on another store does not take the control sockets of the one that runs; afterwards it may have them."""
    personal.record("anna@example.org", "work", pop3(messages=[]), leave=1)
    daemon = personal.start()
    rig = rigs.Rig(pki)
    rig.account("postmaster@example.com")
    rig.write_db()
    rig.run, own = personal.run, rig.run
    for args in ((), ("-1",)):
        other = subprocess.run(rig.argv(*args), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=rigs.PATIENCE)
        assert other.returncode == 1 and personal.run + ": another rpopd, on another store" in other.stdout and "-r" in other.stdout
        assert "anna@example.org/work" in personal.ctl("status").log
    assert daemon.stop() == 0
    assert rig.start().stop() == 0
    rig.run = own
    rig.close()
