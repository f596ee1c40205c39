# SPDX-License-Identifier: ISC
"""rpopctl and the control socket: what it answers, and what it does not put up with."""
import json
import os
import random
import re
import select
import socket
import stat
import struct
import subprocess
import sys

import pytest

from lib import corpus, proto, rig as rigs
from servers import behaviours as B

ANNA = "example.org/anna"


@pytest.fixture
def running(personal, pop3):
    personal.good, personal.bad = pop3(messages=[corpus.mail("one")]), pop3(B.RefuseLogin(), [corpus.mail("never")])
    personal.record("anna@example.org", "good", personal.good, leave=1)
    personal.record("anna@example.org", "bad", personal.bad)
    personal.record("postmaster@example.org", "off", personal.good, period=None)
    personal.daemon = personal.start()
    rigs.wait_for(lambda: all(r["polls"] or not r["enabled"] for r in personal.status()["records"]) and
        all(r["state"] in ("idle", "disabled") for r in personal.status()["records"]), "the first polls")
    yield personal
    assert personal.daemon.stop() == 0


def rows(rig):
    return {r["name"]: r for r in rig.status()["records"]}


def test_status_json(running):
    status = running.status()
    assert status["daemon"]["records"] == 3 and status["daemon"]["enabled"] == 2
    assert status["daemon"]["load_error"] in ("", None) and status["daemon"]["config_changed"] is False
    r = rows(running)
    assert len(r) == 3
    assert r["good"]["last_error"] in ("", None) and r["good"]["last_success"] and r["good"]["messages"] == 1 and r["good"]["kept"] == 1
    assert "login" in r["bad"]["last_error"] and not r["bad"]["last_success"] and r["bad"]["failures"] == 1
    assert r["off"]["state"] == "disabled" and r["off"]["enabled"] is False


def test_status_table(running):
    text = running.ctl("status").log
    assert len([line for line in text.splitlines() if "good" in line or "bad" in line or "off" in line]) >= 3
    assert running.ctl().log.split()[:1] == text.split()[:1]	# the default command
    assert "s3cret-word" not in text and "s3cret-word" not in running.ctl("-j", "status").log


def test_exactly_one_of_success_and_error(running):
    """The status shows the last success or the last error; it changes after every poll."""
    assert rows(running)["bad"]["last_error"]
    running.bad.behaviour = B.Behaviour()
    running.ctl("poll", "anna@example.org/bad")
    rigs.wait_for(lambda: not rows(running)["bad"]["last_error"] and rows(running)["bad"]["last_success"], "the error to go")
    running.bad.behaviour = B.RefuseLogin()
    running.ctl("poll", "anna@example.org/bad")
    rigs.wait_for(lambda: rows(running)["bad"]["last_error"], "the error to come back")


def test_show_account(running):
    text = running.ctl("show", "account", "anna@example.org").log
    assert "good" in text and "bad" in text and "off" not in text.split()
    assert "s3cret-word" not in text
    assert running.ctl("show", "account", "nobody@example.org", check=False).code != 0


@pytest.mark.parametrize("name,moved", [("all", {"good", "bad"}), ("anna@example.org", {"good", "bad"}),
    ("anna@example.org/good", {"good"})])
def test_poll(running, name, moved):
    before = {n: r["polls"] for n, r in rows(running).items()}
    running.ctl("poll", name)
    rigs.wait_for(lambda: {n for n, r in rows(running).items() if r["polls"] > before[n]} == moved, "the polls of " + name)


def test_poll_of_nothing_is_an_error(running):
    for name in ("nobody@example.org", "anna@example.org/none", ""):
        assert running.ctl("poll", name, check=False).code != 0


def test_log_level(running):
    running.ctl("log", "all")
    assert running.status()["daemon"]["log_level"] == "all"
    running.ctl("log", "f")
    assert running.status()["daemon"]["log_level"] == "failures"


def test_usage_errors(running):
    """One line that says what is wrong, and a hint."""
    for words, said in ((["frobnicate"], "frobnicate: unknown command; one of access, account, "), (["show"], "show: what? one of account"),
        (["poll"], "poll: NAME|all missing"), (["status", "extra"], "status: too many arguments"), (["-x"], "usage: rpopctl [-hjV]"),
        (["log", "debug"], "debug: unknown level; one of crashes, failures, major, problems, low, all"), (["queue", "mov"], "move: NEXTHOP"),
        (["quarantine", "show", "x"], "show: wants ID; what was given is empty, too long or none")):
        result = running.ctl(*words, check=False)
        assert result.code == 1 and said in result.log and "rpopctl -h lists the commands" in result.log
        assert len(result.log.splitlines()) == (3 if words == ["-x"] else 1)
    assert "  try " in running.ctl("-h").log
    for words, said in ((["-h"], "-n  check the configuration"), (["-x"], "usage: rpopd"), (["now"], "now: no arguments are taken"),
        (["-l", "build"], "must be an absolute path")):
        p = subprocess.run([os.path.join(rigs.BUILD, "rpopd")] + words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert p.returncode == (words != ["-h"]) and said in p.stdout


def test_what_a_check_finds(personal, pop3):
    """rpopd -n names a program that is not where it is looked for, a mail root that is missing, a state.db that is damaged."""
    personal.record("anna@example.org", "good", pop3(messages=[corpus.mail("one")]), leave=1)
    assert personal.once().code == 0

    def check(*said, args=()):
        for words in (["-n"], ["-1"]):
            p = subprocess.run(personal.argv(*words, *args), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=rigs.PATIENCE)
            assert (p.returncode == 0) == (not said), p.stdout
            for word in said:
                assert word in p.stdout, p.stdout
    check()
    check("/nowhere/dialer: No such file or directory; run make install with the paths that rpopd was made with, or name", args=("-l", "/nowhere"))
    os.rename(personal.mail, personal.mail + ".away")
    check("mail_root %s does not exist" % personal.mail)
    os.rename(personal.mail + ".away", personal.mail)
    with open(personal.statedb, "rb") as f:
        sound = f.read()
    for damaged in (b"no database at all" * 100, sound[:100] + b"\xff" * 4000 + sound[4100:]):
        with open(personal.statedb, "wb") as f:
            f.write(damaged)
        check("state.db")
    with open(personal.statedb, "wb") as f:
        f.write(sound)
    check()


def test_disabled(running):
    running.sqlite("UPDATE rpop SET period = NULL WHERE name = 'good'")
    running.ctl("reload")
    result = running.ctl("poll", "anna@example.org/good", check=False)
    assert result.code == 1 and "anna@example.org/good: is disabled (period NULL)" in result.log
    result = running.ctl("poll", "anna@example.org/none", check=False)
    assert result.code == 1 and "no such record or account" in result.log
    running.sqlite("UPDATE settings SET processors = 0; UPDATE rpop SET period = 600")
    running.ctl("reload")
    assert "when settings.processors is not 0 any more" in running.ctl("poll", "anna@example.org/good").log
    assert "settings.processors is 0" in running.ctl("try", "anna@example.org/good", check=False).log


def test_stop(personal, pop3):
    personal.record("anna@example.org", "good", pop3(messages=[corpus.mail("one")]))
    daemon = personal.start()
    personal.ctl("stop")
    assert daemon.wait() == 0
    daemon.orphans_gone()
    assert personal.ctl("status", check=False).code != 0


def test_socket_is_closed_to_others(running):
    path = os.path.join(running.run, "rpopd.sock")
    st = os.stat(path)
    assert stat.S_ISSOCK(st.st_mode) and st.st_uid == 0 and st.st_mode & 0o007 == 0
    p = subprocess.run(["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
        os.path.join(rigs.BUILD, "rpopctl"), "-s", path, "status"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    assert p.returncode != 0


def test_peer_is_checked_even_if_the_socket_is_open(running):
    """Peer credentials decide, not the mode of the file."""
    path = os.path.join(running.run, "rpopd.sock")
    os.chmod(path, 0o666)
    os.chmod(running.run, 0o755)
    for words in (["stop"], ["poll", "all"], ["log", "all"], ["reload"]):
        p = subprocess.run(["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
            os.path.join(rigs.BUILD, "rpopctl"), "-s", path] + words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        assert p.returncode != 0
    assert running.daemon.running()
    assert running.status()["daemon"]["log_level"] == "low"


def connect(rig):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(30)

    def tried():
        try:
            s.connect(os.path.join(rig.run, "rpopd.sock"))
            return True
        except BlockingIOError:		# the backlog is full for the moment
            return False
    rigs.wait_for(tried, "the control socket to accept", 10)
    return s


def test_garbage(running):
    """A bad control client is closed, and nobody else notices."""
    rng = random.Random(4711)
    for i in range(150):
        with connect(running) as s:
            data = rng.randbytes(rng.randrange(1, 3000))
            if i % 3 == 0:		# a plausible imsg header: type, length, peerid, pid
                data = struct.pack("=IIII", rng.randrange(0, 90), rng.choice([0, 15, 16, 17, 20000, 2**31, 2**32 - 1]),
                    rng.choice([0, 1, 2**32 - 1]), 0) + data
            try:
                s.sendall(data)
                if i % 2:
                    s.shutdown(socket.SHUT_WR)
                    s.recv(4096)
            except OSError:
                pass
    assert running.daemon.running()
    assert len(running.status()["records"]) == 3


def test_descriptors_are_not_taken(running):
    """A client that passes descriptors fills no table of the master's."""
    before = len(os.listdir("/proc/%d/fd" % running.daemon.pid))
    for _ in range(50):
        with connect(running) as s:
            with open("/dev/null") as f:
                try:
                    socket.send_fds(s, [b"\0" * 64], [f.fileno()] * 20)
                except OSError:
                    pass
    assert len(running.status()["records"]) == 3
    rigs.wait_for(lambda: len(os.listdir("/proc/%d/fd" % running.daemon.pid)) <= before + 1, "the descriptors to be closed")


def test_many_silent_clients(running):
    """Clients that connect and say nothing, or never read, leave the daemon serving mail."""
    held = []
    try:
        for _ in range(200):
            try:
                held.append(connect(running))
            except (OSError, AssertionError):
                break
        running.good.box.add(corpus.mail("two"))
        running.daemon.proc.send_signal(1)		# SIGHUP: polls go on as before
        assert running.daemon.running()
    finally:
        for s in held:
            s.close()
    rigs.wait_for(lambda: running.ctl("poll", "all", check=False).code == 0, "the control socket to be free again")
    rigs.wait_for(lambda: "two" in running.idents()[ANNA], "mail to come in")


def test_json_is_json_whatever_the_names_are(personal, pop3):
    s = pop3(B.EchoPassword(), [corpus.mail("x")])
    for name in ("quote\" and \\", "ünï cödé", "tab-less", "{}[]:,", "%s%n"):
        personal.record("anna@example.org", name, s)
    daemon = personal.start()
    rigs.wait_for(lambda: all(r["polls"] for r in personal.status()["records"]), "the polls")
    assert len(json.loads(personal.ctl("-j", "status").log)["records"]) == 5
    assert len(json.loads(personal.ctl("-j", "show", "account", "anna@example.org").log)["records"]) == 5
    assert daemon.stop() == 0


def refusal(s, version):
    """Ask for the status in this version of the protocol, which is a wrong one: the right one, and the sentence."""
    s.sendall(struct.pack("=IIII", proto.TYPES["IMSG_CTL_STATUS"], 16, version, 0))
    answer = b""
    while len(answer) < 16 or len(answer) < struct.unpack_from("=I", answer, 4)[0]:
        answer += s.recv(65536)
    kind, _, right, _ = struct.unpack_from("=IIII", answer)
    assert kind == proto.TYPES["IMSG_CTL_FAIL"]
    return right, answer[16:].split(b"\0")[0].decode("ascii")


def test_another_version(running):
    """A client of another release hears why it is refused, and which version it would have needed."""
    with connect(running) as s:
        right, sentence = refusal(s, 0)
        assert right != 0 and sentence == "rpopctl and rpopd are of different versions: restart rpopd after an upgrade"
        assert refusal(s, right ^ 1) == (right, sentence)


def flood(s, data, most):
    """Send as much of it as the other side takes, again and again; how many octets that was, most at least if there is no end."""
    s.setblocking(False)
    sent = 0
    while sent < most and select.select([], [s], [], 5)[1]:
        try:
            sent += s.send(data)
        except BlockingIOError:
            pass
    return sent


def test_answers_that_nobody_takes(running):
    """A client that only asks is not heard any more once its answers are queued; others are."""
    def resident():
        return int(re.search(r"VmRSS:\s+(\d+)", rigs.read_proc(running.daemon.pid, "status")).group(1))
    with connect(running) as s:
        version, _ = refusal(s, 0)
    before, ask = resident(), struct.pack("=IIII", proto.TYPES["IMSG_CTL_STATUS"], 16, version, 0) * 4096
    held = [connect(running) for _ in range(4)]
    try:
        for s in held:
            assert flood(s, ask, 16 << 20) < 8 << 20, "everything is read, and answered"
            assert len(running.status()["records"]) == 3
        assert resident() - before < 16 << 10, "kilobytes more"
        held[0].settimeout(30)
        assert held[0].recv(16), "what was asked is answered, in turn"
    finally:
        for s in held:
            s.close()
    assert len(running.status()["records"]) == 3


def test_one_who_asks_nothing_is_closed(running):
    with connect(running) as s:
        s.settimeout(rigs.PATIENCE)
        assert s.recv(1) == b""
    assert running.daemon.running()


HOLD = """
import socket, sys
held = []
for _ in range(40):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(5)
    try:
        s.connect(sys.argv[1])
    except OSError:
        continue
    held.append(s)
print(len(held), flush=True)
sys.stdin.read()
"""


def test_root_has_places_of_its_own(running):
    """Whoever may look cannot keep root out."""
    path = os.path.join(running.run, "rpopd.sock")
    os.chmod(path, 0o666)
    os.chmod(running.run, 0o755)
    p = subprocess.Popen(["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", sys.executable, "-c", HOLD, path],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert int(p.stdout.readline()) >= 8, "others may look, too"
        for _ in range(5):
            assert len(running.status()["records"]) == 3
    finally:
        p.communicate(b"")


def test_no_process_is_in_the_sockets_group(running):
    gid = os.stat(os.path.join(running.run, "rpopd.sock")).st_gid
    running.daemon.ready()
    for role, pids in running.daemon.processes().items():
        for pid in pids:
            status = rigs.read_proc(pid, "status")
            gids = set(re.search(r"^Gid:\s+(.*)$", status, re.M).group(1).split() + re.search(r"^Groups:\s*(.*)$", status, re.M).group(1).split())
            assert role == "rpopd" or str(gid) not in gids, role
