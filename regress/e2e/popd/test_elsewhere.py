# SPDX-License-Identifier: ISC
"""
settings.pop_auth: passwords that Dovecot knows, or a program of checkpassword's kind.  Who logs in is an account of ours all the
same; death, silence and lies of the other side are [SYS/TEMP], and never a login.
"""
import base64
import os
import pwd
import shutil
import socket
import subprocess
import threading

import pytest

from lib import rig as rigs
from popd.test_popd import Mail, mail  # noqa: F401

CONF = """\
base_dir = %(dir)s/run
state_dir = %(dir)s/state
log_path = %(dir)s/log
protocols =
ssl = no
auth_mechanisms = %(mechanisms)s
auth_username_chars =
auth_verbose = yes
passdb {
  driver = passwd-file
  args = scheme=plain username_format=%%u %(dir)s/users
}
userdb {
  driver = static
  args = uid=65534 gid=65534 home=/nonexistent
}
service auth {
  unix_listener %(dir)s/sock/auth {
    mode = %(mode)s
    user = %(user)s
  }
}
service stats {
  unix_listener stats-writer {
    mode = 0666
  }
}
"""
WRONG = "-ERR [AUTH] wrong name or password"
LATER = "-ERR [SYS/TEMP] the password cannot be verified now, try again later"
WORD = "w0rd of Dovecot's"


class Dovecot:
    """Its auth service alone, with a socket for the auth processes."""

    def __init__(self, mechanisms="plain login", user="_rpopa", mode="0600"):
        self.dir = rigs.scratch("rpdauth.")
        os.mkdir(os.path.join(self.dir, "sock"))
        self.socket = os.path.join(self.dir, "sock", "auth")
        self.conf = os.path.join(self.dir, "dovecot.conf")
        with open(self.conf, "w") as f:
            f.write(CONF % {"dir": self.dir, "mechanisms": mechanisms, "user": user, "mode": mode})
        self.users()
        self.master = None
        self.start()

    def users(self, **passwords):
        """Names without a domain are in example.org."""
        with open(os.path.join(self.dir, "users.new"), "w") as f:
            for name, word in dict({"anna": WORD, "stranger": WORD, "off": WORD + "::::::nologin"}, **passwords).items():
                f.write("%s@example.org:%s\n" % (name, word))
        os.chmod(f.name, 0o644)
        os.rename(f.name, os.path.join(self.dir, "users"))

    def start(self):
        with open(os.path.join(self.dir, "stderr"), "ab") as err:
            self.master = subprocess.Popen(["dovecot", "-F", "-c", self.conf], stdin=subprocess.DEVNULL, stdout=err, stderr=err)
        rigs.wait_for(self.listens, "Dovecot's socket")

    def listens(self):
        with socket.socket(socket.AF_UNIX) as s:
            return s.connect_ex(self.socket) == 0

    def stop(self):
        if self.master is not None:
            self.master.terminate()
            self.master.wait(rigs.PATIENCE)
        self.master = None

    def log(self):
        with open(os.path.join(self.dir, "log"), errors="replace") as f:
            return f.read()

    def close(self):
        self.stop()
        shutil.rmtree(self.dir)


class Liar(threading.Thread):
    """A socket in Dovecot's place: says so much at once, and so much when it was asked; and keeps quiet then, or hangs up."""

    def __init__(self, directory, first=b"", then=None, quiet=False):
        super().__init__(daemon=True)
        self.first, self.then, self.quiet, self.heard, self.open = first, then, quiet, b"", []
        os.mkdir(directory)
        self.path = os.path.join(directory, "auth")
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(self.path)
        os.chmod(self.path, 0o666)
        self.sock.listen()
        self.start()

    def run(self):
        while True:
            try:
                c, _ = self.sock.accept()
            except OSError:
                return
            self.open.append(c)
            try:
                self.serve(c)
            except OSError:
                pass
            if not self.quiet:
                c.close()

    def serve(self, c):
        c.sendall(self.first)
        if self.then is None:
            return
        while b"\nAUTH\t" not in self.heard or not self.heard.endswith(b"\n"):
            data = c.recv(4096)
            if not data:
                return
            self.heard += data
        c.sendall(self.then)

    def close(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        for c in self.open:
            c.close()


HELLO = b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t7\nCUID\t1\nCOOKIE\tabc\nDONE\n"


@pytest.fixture
def dovecot():
    d = Dovecot()
    yield d
    d.close()


def use(mail, where, user=None):
    mail.rig.sqlite("UPDATE settings SET pop_auth = '%s', pop_auth_user = %s" % (where.replace("'", "''"), rigs.quote(user)))


class Client:
    """A session of popd, line by line."""

    def __init__(self, mail):
        self.sock = socket.create_connection(("127.0.0.1", mail.port), timeout=rigs.PATIENCE)
        self.file = self.sock.makefile("rb")
        self.greeting = self.file.readline()

    def say(self, line):
        self.sock.sendall(line + b"\r\n")
        return self.file.readline().decode().rstrip("\r\n")

    def capa(self):
        assert self.say(b"CAPA").startswith("+OK")
        return [line.decode().strip() for line in iter(self.file.readline, b".\r\n")]

    def user(self, name, word):
        assert self.say(b"USER " + name.encode()).startswith("+OK")
        return self.say(b"PASS " + word.encode())

    def plain(self, name, word):
        return self.say(b"AUTH PLAIN " + base64.b64encode(("\0%s\0%s" % (name, word)).encode()))

    def login(self, name, word):
        assert self.say(b"AUTH LOGIN").startswith("+ ")
        assert self.say(base64.b64encode(name.encode())).startswith("+ ")
        return self.say(base64.b64encode(word.encode()))

    def close(self):
        self.file.close()
        self.sock.close()


def once(mail, name, word, way="user"):
    """One login of one session: what the client hears."""
    c = Client(mail)
    said = getattr(c, way)(name, word)
    c.close()
    return said


def ready(mail):
    mail.start()
    rigs.wait_for(lambda: "auth ready" in mail.daemon.log(), "the auth template")
    return mail


def test_dovecot(mail, dovecot):
    """Each way that gives the password; no other one is announced, or works; neither the store's passwords nor a cache count."""
    use(mail, dovecot.socket)
    ready(mail)
    for way in ("user", "plain", "login"):
        assert once(mail, "anna@example.org", WORD, way).startswith("+OK"), mail.daemon.log()
    c = Client(mail)
    assert b"<" not in c.greeting
    assert sorted(line for line in c.capa() if line.split()[0] in ("SASL", "USER")) == ["SASL PLAIN LOGIN", "USER"]
    for mech in (b"SCRAM-SHA-256", b"SCRAM-SHA-1", b"CRAM-MD5"):
        assert c.say(b"AUTH " + mech).startswith("-ERR"), mech
    c.close()
    assert once(mail, "anna@example.org", "s3cret-anna") == WRONG
    dovecot.users(anna="another one")
    rigs.wait_for(lambda: once(mail, "anna@example.org", "another one").startswith("+OK"), "the new password")
    assert once(mail, "anna@example.org", WORD) == WRONG
    assert mail.status()["password_error"] is None
    log = mail.daemon.log()
    assert "s3cret-anna" not in log and WORD not in log and base64.b64encode(WORD.encode()).decode() not in log
    assert "rip" not in log and "127.0.0.1" in dovecot.log()
    assert WORD.encode() not in rigs.memory(mail.daemon.proc.pid)
    assert mail.daemon.stop() == 0


def test_accounts(mail, dovecot):
    """Names that one of the two does not know, and accounts that must not log in: all are answered as a wrong password is."""
    mail.rig.sqlite("UPDATE account SET pop = 0 WHERE name = 'bert'")
    dovecot.users(bert=WORD)
    use(mail, dovecot.socket)
    ready(mail)
    for name in ("stranger@example.org", "postmaster@example.org", "bert@example.org", "nobody@example.net", "a\tb@example.org"):
        assert once(mail, name, WORD) == WRONG, name
    assert once(mail, "sales@example.org", WORD) == WRONG
    assert once(mail, "anna+detail@example.org", WORD).startswith("+OK")
    assert once(mail, "ANNA@Example.Org", WORD).startswith("+OK")
    assert once(mail, "anna", WORD).startswith("+OK")
    assert mail.rig.ctl("account", "check", "anna@example.org", typed=WORD + "\n").code == 0
    for name in ("stranger@example.org", "postmaster@example.org"):
        assert mail.rig.ctl("account", "check", name, typed=WORD + "\n", check=False).code == 1


def test_nologin(mail, dovecot):
    """Whom Dovecot lets nobody log in as does not log in here, either."""
    mail.rig.account("off@example.org")
    mail.rig.write_db()
    mail.port = mail.listen()
    use(mail, dovecot.socket)
    ready(mail)
    assert once(mail, "off@example.org", WORD) == WRONG
    assert once(mail, "anna@example.org", WORD).startswith("+OK")


def test_dovecot_restarts(mail, dovecot):
    """Without Dovecot nobody logs in, is told so, and the administrator, why; with it all is well again by itself."""
    use(mail, dovecot.socket)
    ready(mail)
    assert once(mail, "anna@example.org", WORD).startswith("+OK")
    dovecot.stop()
    assert once(mail, "anna@example.org", WORD) == LATER
    assert once(mail, "nobody@example.org", WORD) == LATER
    why = mail.status()["password_error"]
    assert why.startswith("pop_auth: %s: " % dovecot.socket) and "is Dovecot running" in why
    assert "logins fail: pop_auth: " in mail.rig.ctl("status").log.replace("\n      ", " ")
    assert "is Dovecot running" in mail.rig.ctl("reload").log
    dovecot.start()
    assert once(mail, "anna@example.org", WORD).startswith("+OK")
    assert mail.status()["password_error"] is None
    assert "configuration reloaded\n" == mail.rig.ctl("reload").log


@pytest.mark.parametrize("mode", ["0600", "0660"])
def test_another_socket(mail, mode):
    """Where Dovecot does not let the user of the auth processes in, root does not go instead, and none of root's groups."""
    d = Dovecot(user="root", mode=mode)
    groups = os.getgroups()
    try:
        os.setgroups([0])
        use(mail, d.socket)
        ready(mail)
        assert "user = _rpopa" in mail.status()["password_error"]
        assert once(mail, "anna@example.org", WORD) == LATER
    finally:
        os.setgroups(groups)
        d.close()


LIES = {
    "closed": (b"", None, None),
    "garbage": (b"+OK POP3 ready\n", None, "does not begin as"),
    "another version": (HELLO.replace(b"VERSION\t1", b"VERSION\t2"), None, "another version"),
    "no PLAIN": (HELLO.replace(b"PLAIN", b"CRAM-MD5"), None, "mechanism PLAIN"),
    "endless line": (b"VERSION\t1\t1\n" + b"x" * 20000, None, "more than 16384 octets"),
    "endless lines": (b"VERSION\t1\t1\n" + b"MECH\tX\n" * 1000, None, "says too much"),
    "OK ahead of the question": (HELLO + b"OK\t1\tuser=anna\n", None, "ahead of a question"),
    "OK to another question": (HELLO, b"OK\t2\tuser=anna\n", "that was not asked"),
    "OK without a number": (HELLO, b"OK\n", "that was not asked"),
    "half an OK": (HELLO, b"OK\t1", "closed the connection"),
    "a proxy": (HELLO, b"OK\t1\tuser=anna\tproxy\thost=127.0.0.2\n", "another server"),
    "temporary": (HELLO, b"FAIL\t1\tuser=anna\ttemp\n", "cannot tell now"),
    "temporary by code": (HELLO, b"FAIL\t1\tuser=anna\tcode=temp_fail\n", "cannot tell now"),
    "one more challenge": (HELLO, b"CONT\t1\tAAAA\n", "more than name and password"),
    "closed when asked": (HELLO, b"", "closed the connection"),
}


@pytest.mark.parametrize("lie", LIES)
def test_lies(mail, lie):
    first, then, why = LIES[lie]
    liar = Liar(os.path.join(mail.rig.dir, "sock"), first, then)
    use(mail, liar.path)
    ready(mail)
    assert once(mail, "anna@example.org", WORD) == LATER
    assert once(mail, "nobody@example.org", WORD) == LATER
    if why is not None:
        assert why in mail.daemon.log()
    assert mail.status()["password_error"]
    assert WORD not in mail.daemon.log() and "broke the rules" not in mail.daemon.log()
    liar.close()


def test_question(mail):
    """What Dovecot is asked: whom, about which password, for which client; and an answer in pieces is one."""
    liar = Liar(os.path.join(mail.rig.dir, "sock"), HELLO, b"OK\t1\tuser=anna@example.org\n")
    use(mail, liar.path)
    ready(mail)
    assert once(mail, "Anna", WORD).startswith("+OK")
    lines = liar.heard.decode().splitlines()
    assert lines[0] == "VERSION\t1\t1" and lines[1].startswith("CPID\t") and int(lines[1].split("\t")[1]) > 1
    assert lines[2].split("\t")[:-1] == ["AUTH", "1", "PLAIN", "service=pop3", "secured", "nologin", "no-penalty", "rip=127.0.0.1"]
    assert base64.b64decode(lines[2].split("\t")[-1].removeprefix("resp=")) == ("\0anna@example.org\0" + WORD).encode()
    liar.close()


def test_silent(mail):
    """A Dovecot that says nothing has half a minute, and holds up nobody for longer; to hang up meanwhile is no way out."""
    liar = Liar(os.path.join(mail.rig.dir, "sock"), HELLO, b"", quiet=True)
    use(mail, liar.path)
    ready(mail)
    gone = Client(mail)
    gone.say(b"USER bert@example.org")
    gone.sock.sendall(b"PASS x\r\n")
    rigs.wait_for(lambda: b"AUTH\t" in liar.heard, "the question")
    gone.close()
    assert once(mail, "anna@example.org", WORD) == LATER
    assert "did not answer within 30 seconds" in mail.daemon.log()
    rigs.wait_for(lambda: not mail.daemon.processes()["verification"], "the end of both processes")
    liar.close()


def program(mail, body, name="checkpw", owner=None, mode=0o755):
    path = os.path.join(mail.rig.dir, name)
    with open(path, "w") as f:
        f.write("#!/usr/bin/perl\nopen(my $in, '<&=', 3) or exit 2; binmode $in; my $all = do { local $/; <$in> };\n"
            "my ($user, $word, $time, $rest) = split /\\0/, $all, -1;\n" + body)
    os.chmod(path, mode)
    if owner is not None:
        os.chown(path, pwd.getpwnam(owner).pw_uid, -1)
    return path


KNOWS = """exit 2 if !defined $rest || $rest ne '' || $time eq '';
exit 111 if $user eq 'bert@example.org';
exit ($word eq "w0rd of Dovecot's" && $user =~ /^(anna|stranger)\\@example.org$/ ? 0 : 1);
"""


def test_program(mail):
    """Each way that gives the password, and none else; right, wrong, later; the program hears of all names, and decides on none."""
    use(mail, "checkpassword:" + program(mail, KNOWS))
    ready(mail)
    for way in ("user", "plain", "login"):
        assert once(mail, "anna@example.org", WORD, way).startswith("+OK"), mail.daemon.log()
    assert once(mail, "anna@example.org", WORD + "x") == WRONG
    assert once(mail, "stranger@example.org", WORD) == WRONG
    assert once(mail, "postmaster@example.org", WORD) == WRONG
    assert once(mail, "bert@example.org", WORD) == LATER
    assert "cannot tell now" in mail.status()["password_error"]
    assert once(mail, "anna@example.org", "").startswith("-ERR")
    assert once(mail, "anna", WORD).startswith("+OK")
    assert mail.status()["password_error"] is None
    c = Client(mail)
    assert b"<" not in c.greeting
    assert [line for line in c.capa() if line.startswith("SASL")] == ["SASL PLAIN LOGIN"]
    c.close()
    assert mail.rig.ctl("account", "check", "anna@example.org", typed=WORD + "\n").code == 0
    assert mail.rig.ctl("account", "check", "anna@example.org", typed=WORD + "x\n", check=False).code == 1
    assert mail.rig.ctl("account", "check", "stranger@example.org", typed=WORD + "\n", check=False).code == 1
    assert WORD not in mail.daemon.log()
    assert mail.daemon.stop() == 0


def test_inside(mail):
    """Its user, no shell, no environment, no descriptor of ours but the pipe, and what comes by that."""
    out = os.path.join(mail.rig.dir, "out")
    os.mkdir(out)
    os.chmod(out, 0o777)
    path = program(mail, """my $out = shift;
open(my $f, '>', "$out/seen"); print $f join("\\n", "user $user", "word $word", "time $time", "args @ARGV", "uid $<", "gid $(",
    "dir " . readlink("/proc/self/cwd"), map { "env $_" } keys %ENV), "\\n";
for my $fd (glob("/proc/self/fd/*")) { my $to = readlink($fd); print $f "fd " . ($fd =~ s/.*\\///r) . " $to\\n" if defined $to; }
open(my $s, '<', '/proc/self/status'); print $f grep { /^(NoNewPrivs|Groups)/ } <$s>;
close $f; rename("$out/seen", "$out/done"); exit 0;
""")
    use(mail, "checkpassword:%s %s $HOME;two" % (path, out), "nobody")
    ready(mail)
    assert once(mail, "anna@example.org", WORD).startswith("+OK")
    with open(os.path.join(out, "done")) as f:
        seen = f.read().splitlines()
    nobody = pwd.getpwnam("nobody")
    assert seen[0] == "user anna@example.org" and seen[1] == "word " + WORD and seen[2].startswith("time Y")
    assert seen[3] == "args $HOME;two" and seen[4] == "uid %d" % nobody.pw_uid and seen[6] == "dir /"
    assert set(seen[5].split()[1:]) == {str(nobody.pw_gid)}
    assert not [line for line in seen if line.startswith("env ")]
    fds = {line.split()[1]: line.split()[2] for line in seen if line.startswith("fd ")}
    assert {fds[n] for n in "012"} == {"/dev/null"} and fds["3"].startswith("pipe:")
    # The rest is perl's: its script, and what it has opened since.
    assert all(to.startswith((mail.rig.dir, "/proc/")) for n, to in fds.items() if n not in "0123"), fds
    assert "NoNewPrivs:\t1" in seen and not [line for line in seen if line.startswith("Groups") and " 0 " in line]
    assert WORD not in mail.daemon.log() and WORD.encode() not in rigs.memory(mail.daemon.proc.pid)


ENDS = {
    "exit 2": ("exit 2;", "ended as none does that verifies passwords: exit 2"),
    "exit 100": ("exit 100;", "exit 100"),
    "killed": ("kill 9, $$; sleep 100;", "signal 9"),
    "dumped": ("kill 6, $$; sleep 100;", "signal 6"),
}


@pytest.mark.parametrize("end", ENDS)
def test_ends(mail, end):
    """What is neither yes nor no is no login, and no wrong password."""
    body, why = ENDS[end]
    use(mail, "checkpassword:" + program(mail, body))
    ready(mail)
    assert once(mail, "anna@example.org", WORD) == LATER
    assert once(mail, "nobody@example.org", WORD) == LATER
    assert why in mail.daemon.log() and why in mail.status()["password_error"]


def test_sleeps(mail):
    """A program that does not end is ended, and what it has started with it."""
    use(mail, "checkpassword:" + program(mail, "fork(); sleep 1000; exit 0;", "sleeper"))
    ready(mail)
    assert once(mail, "anna@example.org", WORD) == LATER
    assert "did not end within 30 seconds" in mail.daemon.log()
    commands = [rigs.read_proc(int(p), "cmdline") or "" for p in os.listdir("/proc") if p.isdigit()]
    assert not [c for c in commands if mail.rig.dir + "/sleeper" in c]


def test_reads_nothing(mail):
    """A program that hears nothing of the password may say no, and what it says is what counts."""
    path = os.path.join(mail.rig.dir, "no")
    with open(path, "w") as f:
        f.write("#!/bin/sh\nexit 1\n")
    os.chmod(path, 0o755)
    use(mail, "checkpassword:" + path)
    ready(mail)
    assert once(mail, "anna@example.org", "w" * 1000) == WRONG


@pytest.mark.parametrize("source", ["dovecot", "program"])
def test_killed(mail, source):
    """Whoever dies with the password in hand: no login, no word of a wrong password, and the next one is well."""
    d = Dovecot() if source == "dovecot" else None
    try:
        use(mail, d.socket if d else "checkpassword:" + program(mail, KNOWS))
        for point in ("auth.ask" if d else "auth.write", "auth.result"):
            mail.start("-K", "auth:%s:1" % point, hooks=True)
            rigs.wait_for(lambda: "auth ready" in mail.daemon.log(), "the auth template")
            assert once(mail, "anna@example.org", WORD) == LATER, point
            assert "signal 9" in mail.daemon.log()
            assert mail.daemon.stop() == 0
    finally:
        if d:
            d.close()


def test_reload(mail, dovecot):
    """From the store to Dovecot, to a program and back: each counts from the next login on, and so do the mechanisms."""
    ready(mail)
    assert once(mail, "anna@example.org", "s3cret-anna").startswith("+OK")
    stay = Client(mail)
    assert b"<" in stay.greeting
    use(mail, dovecot.socket)
    mail.reload()
    assert stay.say(b"APOP anna@example.org " + b"0" * 32).startswith("-ERR")
    assert once(mail, "anna@example.org", WORD).startswith("+OK")
    assert once(mail, "anna@example.org", "s3cret-anna") == WRONG
    use(mail, "checkpassword:" + program(mail, "exit ($word eq 'third' ? 0 : 1);"))
    mail.reload()
    assert once(mail, "anna@example.org", "third").startswith("+OK")
    assert once(mail, "anna@example.org", WORD) == WRONG
    use(mail, "store")
    mail.reload()
    assert once(mail, "anna@example.org", "s3cret-anna").startswith("+OK")
    assert once(mail, "anna@example.org", "third") == WRONG
    c = Client(mail)
    assert b"<" in c.greeting and "SASL SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN" in c.capa()
    c.close()
    stay.close()


def test_not_there(mail):
    """What cannot be used is said at once, with the setting and the remedy; logins fail for now, and everything else goes on."""
    use(mail, "/nonexistent/auth")
    ready(mail)
    plain, writable = program(mail, "exit 0;", "plain", mode=0o644), os.path.join(mail.rig.dir, "open")
    os.mkdir(writable)
    os.chmod(writable, 0o777)
    with socket.socket(socket.AF_UNIX) as s, socket.socket(socket.AF_UNIX) as other:
        s.bind(os.path.join(writable, "auth"))
        s.listen()
        other.bind(os.path.join(mail.rig.dir, "deaf"))
        os.chmod(os.path.join(mail.rig.dir, "deaf"), 0o666)
        for where, user, why in (("/nonexistent/auth", None, "has its service auth this unix_listener?"),
                (plain, None, "is no socket"),
                (os.path.join(writable, "auth"), None, "chmod o-w"), (mail.rig.dir + "/deaf", None, "nobody listens"),
                ("checkpassword:/nonexistent", None, "No such file"),
                ("checkpassword:" + plain, None, "is no program"), ("checkpassword:/usr/bin/true", "no-such-user", "no such user"),
                ("checkpassword:/usr/bin/true", "_rpopm", "not for this"),
                ("checkpassword:" + program(mail, "", "group", mode=0o775), None, "can be written by others"),
                ("checkpassword:" + program(mail, "", "other", owner="games"), None, "must belong to root or to pop_auth_user")):
            use(mail, where, user)
            said = mail.rig.ctl("reload").log
            assert "logins fail: pop_auth" in said and why in said, said
            assert why in mail.status()["password_error"]
            assert once(mail, "anna@example.org", WORD) == LATER, where
    use(mail, "store")
    assert mail.rig.ctl("reload").log == "configuration reloaded\n"
    assert once(mail, "anna@example.org", "s3cret-anna").startswith("+OK")


def test_own_password(mail, dovecot):
    """A user cannot set a password here that does not count here."""
    mail.rig.sqlite("UPDATE account SET unix_user = 'games' WHERE name = 'anna' AND domain = 'example.org'")
    use(mail, dovecot.socket)
    ready(mail)
    p = subprocess.run([os.path.join(rigs.BUILD, "rpopctl"), "-s", os.path.join(mail.rig.run, "user.sock"), "account", "password"],
        input="%s\nanother\n" % WORD, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, user="games", group="games",
        extra_groups=[], timeout=rigs.PATIENCE)
    assert p.returncode == 1 and "passwords are not kept here" in p.stdout
