# SPDX-License-Identifier: ISC
"""token_command: somebody else's program gives the access token, and can do nothing else to us."""
import os
import pwd
import signal

import pytest

from lib import corpus, rig as rigs
from servers.logins import Tokens

ANNA = "example.org/anna"


@pytest.fixture
def command(personal, pop3):
    """command(script, ...) -> server; the script's lines run under sh as a program of root's."""
    def make(script, name="helper", args="", mode=0o755, token="at-cmd", **columns):
        path = os.path.join(personal.dir, name)
        with open(path, "w") as f:
            f.write("#!/bin/sh\n%s\n" % script)
        os.chmod(path, mode)
        server = pop3(Tokens(token), [corpus.mail("m")], "pop3s")
        personal.record("anna@example.org", "work", server, password=None, token_command=path + args, leave=1, **columns)
        return server
    return make


@pytest.fixture
def writable(personal):
    """A directory that the command's user can write to."""
    path = os.path.join(personal.dir, "out")
    os.mkdir(path)
    os.chmod(path, 0o777)
    return path


def error_of(rig):
    return rig.state("SELECT error FROM record_state")[0][0]


def read(path):
    with open(path) as f:
        return f.read()


def polls(rig, n):
    rigs.wait_for(lambda: rig.state("SELECT polls FROM record_state") == [(n,)], "poll %d" % n)


def test_first_line_is_the_token(personal, command):
    server = command("echo at-cmd; echo 3600; echo more")
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: ["m"]}
    assert server.behaviour.tried == ["at-cmd"]
    assert "at-cmd" not in personal.log()


def test_what_it_runs_as(personal, command, writable):
    """Its own user and group, nothing in the environment, no open file, no terminal, no group of ours."""
    command("id -u >{0}/id; id -G >>{0}/id; ls -l /proc/self/fd >{0}/fds; cat /proc/self/status >{0}/status; "
        "tr '\\0' '\\n' </proc/$$/environ >{0}/env; pwd >{0}/pwd; ulimit -c >{0}/core; ps -o sid= -p $$ >{0}/sid; echo $$ >>{0}/sid; "
        "umask >{0}/umask; echo \"$1|$2|$#\" >{0}/args; echo at-cmd".format(writable), args=" one $HOME;two")
    assert personal.once().code == 0
    pw = pwd.getpwnam("_rpopc")
    assert read(writable + "/id").split() == [str(pw.pw_uid), str(pw.pw_gid)]
    assert read(writable + "/env") == ""
    assert read(writable + "/pwd") == "/\n" and read(writable + "/core") == "0\n" and read(writable + "/umask") == "0077\n"
    fds = [line.split()[-3:] for line in read(writable + "/fds").splitlines()[1:]]
    assert ["0", "->", "/dev/null"] in fds
    assert {f[0] for f in fds} <= {"0", "1", "2", "3"}		# 3 is ls's own directory
    assert "NoNewPrivs:\t1" in read(writable + "/status")
    assert "Seccomp:\t%d" % rigs.FILTERED in read(writable + "/status")
    sid, own = read(writable + "/sid").split()
    assert sid == own
    assert read(writable + "/args") == "one|$HOME;two|2\n"


def test_another_user(personal, command, writable):
    command("id -un >%s/id; echo at-cmd" % writable, token_user="nobody")
    assert personal.once().code == 0
    assert read(writable + "/id") == "nobody\n"


@pytest.mark.parametrize("user,sentence", [("no-such-user", "no such user"), ("_rpopm", "not for this"), ("_rpopf", "not for this")])
def test_wrong_user(personal, command, user, sentence):
    server = command("echo at-cmd", token_user=user)
    assert personal.once().code == 1
    assert sentence in error_of(personal) and server.sessions == []


def test_token_is_kept_between_polls(personal, command, writable):
    server = command("echo x >>%s/runs; echo at-cmd; echo 3600" % writable)
    personal.start()
    polls(personal, 1)
    for n in (2, 3, 4):
        personal.ctl("poll", "all")
        polls(personal, n)
    assert read(writable + "/runs") == "x\n" and server.behaviour.tried == ["at-cmd"] * 4


def test_short_life(personal, command, writable):
    command("echo x >>%s/runs; echo at-cmd; echo 30" % writable)
    personal.start()
    polls(personal, 1)
    personal.ctl("poll", "all")
    polls(personal, 2)
    assert read(writable + "/runs") == "x\nx\n"


def test_once_more_after_a_refusal(personal, command, writable):
    server = command("echo x >>{0}/runs; [ -f {0}/new ] && echo at-cmd || {{ touch {0}/new; echo at-old; }}".format(writable))
    server.behaviour.good.add("at-old")
    personal.start()
    polls(personal, 1)
    server.behaviour.good.discard("at-old")
    personal.ctl("poll", "all")
    polls(personal, 2)
    assert server.behaviour.tried == ["at-old", "at-old", "at-cmd"]
    assert personal.state("SELECT failures FROM record_state") == [(0,)]


def test_shared_by_records(personal, command, writable):
    server = command("echo x >>%s/runs; sleep 0.5; echo at-cmd" % writable)
    row = personal.records[0]
    personal.records += [dict(row, name="r%d" % i, auth_name="u%d" % i) for i in range(4)]
    assert personal.once().code == 0
    assert read(writable + "/runs") == "x\n" and len(server.behaviour.tried) == 5


FAILS = {
    "fails": ("echo at-cmd; echo 'no network today' >&2; echo second >&2; exit 3", "token_command: exit 3: no network today"),
    "prints nothing": ("exit 0", "printed no token"),
    "prints spaces": ("echo 'no token'", "is no token"),
    "prints controls": ("printf 'at\\033[2J\\n'", "is no token"),
    "prints too long a line": ("head -c 8193 /dev/zero | tr '\\0' a", "more than 8192 octets"),
    "prints without end": ("yes", "printed more than 16384 octets"),
    "is killed": ("kill -9 $$", "signal 9"),
    "says the token on stderr": ("echo at-cmd-long-enough; echo oops at-cmd-long-enough >&2; exit 1", "exit 1: oops ..."),
    "says escapes on stderr": ("printf 'a\\033[2Jb\\n' >&2; exit 1", "exit 1: a\\033[2Jb"),
}


@pytest.mark.parametrize("name", FAILS)
def test_command_that(personal, command, pop3, name):
    script, sentence = FAILS[name]
    server = command(script)
    other = pop3(messages=[corpus.mail("other")], mode="pop3s")
    personal.record("anna@example.org", "other", other, leave=1)
    assert personal.once().code == 1
    errors = dict(personal.state("SELECT m.record, r.error FROM record_state r JOIN mailbox m ON m.id = r.mailbox"))
    assert sentence in errors["work"] and errors["other"] == ""
    assert server.sessions == [] and personal.idents() == {ANNA: ["other"]}
    assert "at-cmd" not in personal.log().replace(server.host, "")


# How a program leaves something behind: beside itself, in another process group and session, and as a grandchild that nobody is the
# parent of any more.  %s is where it says its number.
LEAVES = {
    "child": "sleep 1000 & echo $! >%s",
    "session": "setsid sh -c 'echo $$ >%s; exec sleep 1000' & :",
    "daemon": "setsid sh -c 'setsid sh -c \"echo \\$\\$ >%s; exec sleep 1000\" & exit 0'",
}
WAITS = "; until [ -s %s ]; do sleep 0.01; done; "


def test_slow_command_and_its_children(personal, command, writable):
    """After 30 seconds everything is killed."""
    pid = writable + "/pid"
    command(LEAVES["daemon"] % pid + WAITS.replace("%s", pid) + "echo at-cmd; exec sleep 1000")
    assert personal.once().code == 1
    assert "did not end within 30 seconds" in error_of(personal)
    assert not rigs.alive(int(read(pid)))


@pytest.mark.parametrize("how", LEAVES)
def test_children_left_behind(personal, command, writable, how):
    """They neither hold up the answer nor live on."""
    pid = writable + "/pid"
    command(LEAVES[how] % pid + WAITS.replace("%s", pid) + "echo at-cmd")
    assert personal.once().code == 0
    assert not rigs.alive(int(read(pid)))


def test_number_of_processes(personal, command, writable):
    command("sh -c 'ulimit -p' >%s/limit; echo at-cmd" % writable)
    assert personal.once().code == 0
    assert read(writable + "/limit") == "512\n"


@pytest.mark.parametrize("end", ["stop", "kill"])
@pytest.mark.parametrize("how", LEAVES)
def test_end_of_the_daemon(personal, command, writable, how, end):
    """Nothing lives on, however the daemon ends."""
    pid = writable + "/pid"
    command(LEAVES[how] % pid + "; echo $$ >%s/own; exec sleep 1000" % writable)
    daemon = personal.start()
    numbers = [pid, writable + "/own"]
    rigs.wait_for(lambda: all(os.path.exists(p) and read(p) for p in numbers), "the command")
    if end == "stop":
        assert daemon.stop() == 0
    else:
        daemon.processes()
        os.kill(daemon.pid, signal.SIGKILL)
    for p in numbers:
        rigs.wait_for(lambda: not rigs.alive(int(read(p))), "the command to be gone")


def test_limits(personal, command, writable):
    command("ulimit -n >{0}/l; ulimit -t >>{0}/l; ulimit -d >>{0}/l; echo at-cmd".format(writable))
    assert personal.once().code == 0
    assert read(writable + "/l").split() == ["64", "10", str(512 * 1024)]


@pytest.mark.parametrize("change,sentence", [
    (lambda p: os.chmod(p, 0o775), "can be written by others"),
    (lambda p: os.chown(p, pwd.getpwnam("nobody").pw_uid, 0), "must belong to root or to token_user"),
    (lambda p: os.chmod(p, 0o644), "is no program"),
    (lambda p: os.unlink(p), "No such file"),
])
def test_program_file(personal, command, change, sentence):
    server = command("echo at-cmd")
    change(os.path.join(personal.dir, "helper"))
    assert personal.once().code == 1
    assert sentence in error_of(personal) and server.sessions == []


def test_program_of_its_user(personal, command):
    command("echo at-cmd")
    pw = pwd.getpwnam("_rpopc")
    os.chown(os.path.join(personal.dir, "helper"), pw.pw_uid, pw.pw_gid)
    assert personal.once().code == 0


def test_not_for_self_service(personal, command):
    server = command("echo at-cmd", self_service=1)
    assert personal.once().code == 1
    assert "not for self-service" in error_of(personal) and server.sessions == []
