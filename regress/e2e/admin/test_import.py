# SPDX-License-Identifier: ISC
"""
Coming from another retriever: the real programs retrieve from a real Dovecot, more mail comes, and rpopd takes over with what they have
seen.  Exactly the new messages come, and none twice, whatever kills the daemon on the way.
"""
import json
import os
import shutil
import sqlite3
import subprocess

import pytest

from lib import corpus, getmail, rig as rigs

ANNA = "example.org/anna"


def mails(prefix, n):
    return [corpus.mail("%s%d" % (prefix, i)) for i in range(n)]


def names(prefix, n):
    return ["%s%d" % (prefix, i) for i in range(n)]


class Program:
    """Another retriever in a directory of its own; it delivers into a Maildir there."""

    def __init__(self, directory, server, user, password, leave):
        self.dir, self.server, self.user, self.password, self.leave = directory, server, user, password, leave
        os.makedirs(os.path.join(directory, "Maildir", "new"))
        os.makedirs(os.path.join(directory, "Maildir", "cur"))
        os.makedirs(os.path.join(directory, "Maildir", "tmp"))
        self.config = self.path(self.file)
        with open(self.config, "w") as f:
            f.write(self.text())
        os.chmod(self.config, 0o600)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def run(self):
        p = subprocess.run(self.argv(), cwd=self.dir, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=rigs.PATIENCE, env={"HOME": self.dir, "PATH": os.environ["PATH"], "FETCHMAILHOME": self.dir, "USER": "root", "LOGNAME": "root"})
        assert p.returncode == 0, "%s: %s" % (self.name, p.stdout)

    def delivered(self):
        """How many messages it has delivered."""
        return sum(len(os.listdir(self.path("Maildir", d))) for d in ("new", "cur"))


class Fetchmail(Program):
    name, file = "fetchmail", "fetchmailrc"

    def text(self):
        return ("poll localhost protocol pop3 port %d uidl\n  user \"%s\" password \"%s\" is anna here sslproto ''\n"
            "  mda \"cat >%s/Maildir/new/$(mktemp -u XXXXXXXXXX)\" %s\n" % (self.server.port, self.user, self.password, self.dir,
            "keep" if self.leave else "nokeep"))

    def argv(self):
        return ["fetchmail", "--nosyslog", "-f", self.config, "-i", self.path(".fetchids"), "--pidfile", self.path("pid")]

    def seen(self):
        return [self.path(".fetchids")] if os.path.exists(self.path(".fetchids")) else []


class Getmail(Program):
    name, file = "getmail", "getmailrc"

    def text(self):
        return ("[retriever]\ntype = SimplePOP3Retriever\nserver = localhost\nport = %d\nusername = %s\npassword = %s\n"
            "[destination]\ntype = Maildir\npath = %s/Maildir/\nuser = nobody\n[options]\nread_all = false\ndelete = %s\n" % (self.server.port, self.user,
            self.password, self.dir, "false" if self.leave else "true"))

    def argv(self):
        subprocess.run(["chown", "-R", "nobody", self.path("Maildir")], check=True)
        for directory in (os.path.dirname(self.dir), self.dir):
            os.chmod(directory, 0o755)
        return [*getmail.ARGV, "--getmaildir", self.dir, "--rcfile", self.config]

    def seen(self):
        return [self.path(f) for f in os.listdir(self.dir) if f.startswith("oldmail-")]


class Mpop(Program):
    name, file = "mpop", "mpoprc"

    def text(self):
        return ("account box\nhost localhost\nport %d\nuser %s\npassword %s\nauth user\ntls off\ndelivery maildir %s/Maildir\n"
            "uidls_file %s/uidls\nkeep %s\n" % (self.server.port, self.user, self.password, self.dir, self.dir, "on" if self.leave else "off"))

    def argv(self):
        return ["mpop", "-C", self.config, "-q", "box"]

    def seen(self):
        return [self.path("uidls")]


class Fdm(Program):
    name, file = "fdm", "fdm.conf"

    def text(self):
        return ("account \"box\" pop3 server \"localhost\" port %d user \"%s\" pass \"%s\" new-only cache \"%s/cache\" %s\n"
            "action \"in\" maildir \"%s/Maildir\"\nmatch all action \"in\"\n" % (self.server.port, self.user, self.password, self.dir,
            "keep" if self.leave else "", self.dir))

    def argv(self):
        os.chmod(self.dir, 0o777)		# its fetching part is of a user of its own
        os.chmod(os.path.dirname(self.dir), 0o755)
        return ["fdm", "-f", self.config, "fetch"]

    def seen(self):
        return [self.path("cache")]


PROGRAMS = {p.name: p for p in (Fdm, Fetchmail, Getmail, Mpop)}


@pytest.fixture
def world(personal, dovecot_server, mailbox):
    """A mailbox, and a program by its name: world(name, leave) has retrieved five messages of it; three more have come since."""
    directory = rigs.scratch("rpimport.")

    def make(name, leave):
        personal.user, password = mailbox(mails("old", 5))
        program = PROGRAMS[name](os.path.join(directory, name), dovecot_server, personal.user, password, leave)
        program.run()
        assert program.delivered() == 5
        assert len(dovecot_server.messages(personal.user)) == (5 if leave else 0)
        for data in mails("new", 3):
            dovecot_server.add(personal.user, data)
        return program
    yield make
    shutil.rmtree(directory, ignore_errors=True)


def words(program, *more):
    """The command."""
    seen = [w for path in program.seen() for w in ("--seen", path)]
    return ["import", program.name, program.config] + seen + ["account=anna@example.org", "period=3600"] + list(more)


def polled(rig):
    """The record has had its poll."""
    rigs.wait_for(lambda: [r for r in rig.status()["records"] if r["last_success"] is not None and r["state"] == "idle"], "the poll")


def again(rig):
    before = rig.status()["records"][0]["polls"]
    rig.ctl("poll", "all")
    rigs.wait_for(lambda: rig.status()["records"][0]["polls"] > before, "another poll")


@pytest.mark.parametrize("leave", [1, 0])
@pytest.mark.parametrize("name", PROGRAMS)
def test_takes_over(world, personal, dovecot_server, name, leave):
    program = world(name, leave)
    d = personal.start()
    shown = personal.ctl(*words(program))
    assert "anna@example.org/" in shown.log and "Nothing is changed" in shown.log
    assert program.password not in shown.log
    assert personal.status()["records"] == []
    done = personal.ctl(*words(program, "--apply"))
    assert program.password not in done.log
    polled(personal)
    assert personal.idents() == {ANNA: sorted(names("new", 3))}
    again(personal)
    assert personal.idents() == {ANNA: sorted(names("new", 3))}
    assert len(dovecot_server.messages(personal.user)) == (8 if leave else 0)
    assert "renumbered" not in d.log()
    d.stop()


@pytest.mark.parametrize("name", PROGRAMS)
def test_seen_is_never_deleted(world, personal, dovecot_server, name):
    """It left its mail there, and rpopd is to delete: what only its unique-id speaks for stays, and comes when it is asked for."""
    program = world(name, 1)
    d = personal.start()
    personal.ctl(*words(program, "--apply", "leave=0"))
    polled(personal)
    again(personal)
    assert personal.idents() == {ANNA: sorted(names("new", 3))}
    assert len(dovecot_server.messages(personal.user)) == 5
    record = personal.status()["records"][0]
    personal.ctl("forget", "%s/%s" % (record["account"], record["name"]))
    again(personal)
    assert personal.idents() == {ANNA: sorted(names("new", 3) + names("old", 5))}
    assert dovecot_server.messages(personal.user) == []
    d.stop()


POINTS = ["rpopd:master.state_import:%d" % n for n in (1, 2, 3)] + ["rpopd:master.state_imported:%d" % n for n in (1, 2, 3)] + [
    "rpopd:edit.done:1", "rpopd:edit.committed:1"]


@pytest.mark.parametrize("point", POINTS)
def test_killed(world, personal, dovecot_server, point):
    """The daemon dies at each step: no record without what was seen, and the same command once more brings it about."""
    program = world("mpop", 1)
    with open(program.path("uidls")) as f:
        seen = f.read().replace("\n 5 localhost ", "\n 605 localhost ")
    with open(program.path("uidls"), "w") as f:
        f.write(seen + "".join("stale%06d\n" % n for n in range(600)))	# three portions
    d = personal.start("-K", point, hooks=True)
    r = personal.ctl(*words(program, "--apply"), check=False)
    assert r.code == 1 and "rpopd closed the connection" in r.log
    d.wait()
    d.kill()
    d = personal.start()
    made = personal.status()["records"] != []
    assert made == (point == "rpopd:edit.committed:1")
    assert personal.ctl(*words(program, "--apply"), check=False).code == (2 if made else 0)
    polled(personal)
    again(personal)
    assert personal.idents() == {ANNA: sorted(names("new", 3))}
    assert personal.state("SELECT count(*) FROM seen WHERE state = 4") == [(605,)]
    assert d.stop() == 0


def dictionary(rig, text):
    path = os.path.join(rig.dir, "rpop.txt")
    with open(path, "w") as f:
        f.write(text)
    return path


ISP = 'isp={domain="pop.example.net";authName=anna;password=%s;period=Disabled;TLS=YES;};'


def rows(rig, columns="account, name, domain, password"):
    with sqlite3.connect("file:%s?mode=ro" % rig.db, uri=True, timeout=30) as c:
        return c.execute("SELECT %s FROM rpop ORDER BY account, name" % columns).fetchall()


def test_questions(personal):
    """What is open is named, and nothing is changed until it is answered; an answer may be for one record."""
    path = dictionary(personal, "{%s two={authName=a;domain=p;password=x;TLS=YES;period=1d;};}" % (ISP % "s3cret"))
    d = personal.start()
    for more in ([], ["--apply"], ["--apply", "isp:account=anna@example.org"]):
        r = personal.ctl("import", "communigate", path, *more, check=False)
        assert r.code == 2
        assert "answer account=VALUE" in r.log
        assert "s3cret" not in r.log
        assert rows(personal) == []
    for words, what in ((["nobody:account=x"], "nobody is no record of this file"), (["account"], "is no answer"),
            (["password=x"], "password is no answer of the command line"), (["A=x"], "is no column's name"),
            (["--nothing"], "no option --nothing"), (["--seen", path], "communigate has no use for --seen")):
        r = personal.ctl("import", "communigate", path, *words, check=False)
        assert r.code == 1 and what in r.log
    r = personal.ctl("import", "communigate", path, "--apply", "isp:account=ANNA", "two:account=postmaster", "perriod=7", check=False)
    assert r.code == 1 and "perriod" in r.log
    assert rows(personal) == []
    r = personal.ctl("import", "communigate", path, "--apply", "isp:account=ANNA", "two:account=postmaster", "two:period=")
    assert rows(personal) == [("anna@example.org", "isp", "pop.example.net", "s3cret"), ("postmaster@example.org", "two", "p", "x")]
    assert len(personal.status()["records"]) == 2
    d.stop()


def test_replace(personal):
    """A record that is there is changed only if that is said; all of an account, with the difference shown first."""
    d = personal.start()
    personal.ctl("import", "communigate", dictionary(personal, "{%s}" % (ISP % "one")), "--apply", "account=anna")
    personal.sqlite("UPDATE rpop SET leave_days = 9, leave = 1")
    personal.ctl("reload")
    text = '{isp={domain="%s";authName=anna;TLS=YES;period=1d;leave=YES;}; b={domain=x;authName=y;password=z;TLS=YES;period=Disabled;};}'
    path = dictionary(personal, text % "pop.example.net")
    for more in ([], ["--apply"]):
        r = personal.ctl("import", "communigate", path, "account=anna", *more, check=False)
        assert r.code == 2 and "isp is there already; --replace changes it" in r.log
    r = personal.ctl("import", "communigate", path, "account=anna", "--replace")
    assert "period=86400, was NULL" in r.log and "password" not in r.log.split("anna@example.org/b")[0]
    personal.ctl("import", "communigate", path, "account=anna", "--replace", "--apply")
    # what the file does not say stays: the password, and columns that it has no key for
    assert rows(personal, "name, domain, password, leave_days") == [("b", "x", "z", None), ("isp", "pop.example.net", "one", 9)]
    # a password is for the server that it was given for
    path = dictionary(personal, text % "pop.example.com")
    r = personal.ctl("import", "communigate", path, "account=anna", "--replace")
    assert "domain=pop.example.com, was pop.example.net" in r.log and "password is asked for" in r.log
    personal.ctl("import", "communigate", path, "account=anna", "--replace", "--apply", typed="new\n")
    assert rows(personal, "name, domain, password") == [("b", "x", "z"), ("isp", "pop.example.com", "new")]
    path = dictionary(personal, "{%s}" % (ISP % "two"))
    r = personal.ctl("import", "communigate", path, "account=anna", "leave_days=", "--replace-all")
    assert "anna@example.org/b is removed" in r.log
    assert len(rows(personal)) == 2
    personal.ctl("import", "communigate", path, "account=anna", "leave_days=", "--replace-all", "--apply")
    assert rows(personal) == [("anna@example.org", "isp", "pop.example.net", "two")]
    d.stop()


def test_password_is_asked_for(personal):
    """A password that the file does not have comes from the terminal, or from standard input, and is in no output."""
    path = dictionary(personal, '{isp={domain="pop.example.net";authName=anna;TLS=YES;period=Disabled;};}')
    d = personal.start()
    assert "password is asked for with --apply" in personal.ctl("import", "communigate", path, "account=anna").log
    r = personal.ctl("import", "communigate", path, "account=anna", "--apply", check=False)
    assert r.code == 1 and rows(personal) == []
    r = personal.ctl("import", "communigate", path, "account=anna", "--apply", typed="typ3d\n")
    assert "typ3d" not in r.log and rows(personal)[0][3] == "typ3d"
    r = personal.ctl("import", "communigate", "-", "account=postmaster", "--apply", typed="{%s}" % (ISP % "fr0mfile"))
    assert rows(personal)[1][3] == "fr0mfile"
    d.stop()


def test_files(personal, tmp_path):
    """A file that cannot be read, or understood, is named, with the line."""
    d = personal.start()
    secret = tmp_path / "fetchmailrc.gpg"
    secret.write_bytes(b"\x85\x01\x0c")
    armored = tmp_path / "rc"
    armored.write_text("-----BEGIN PGP MESSAGE-----\n")
    for path, what in ((str(secret), "is encrypted; decrypt it into a pipe"), (str(armored), "is encrypted"),
            (str(tmp_path / "none"), "No such file"), (str(tmp_path), "Is a directory"),
            (dictionary(personal, "{isp={\n\nauthName=};}"), "rpop.txt: line 3: a string is due here")):
        r = personal.ctl("import", "communigate", path, check=False)
        assert r.code == 1 and what in r.log
        assert "Traceback" not in r.log
    large = tmp_path / "large"
    with open(large, "wb") as f:
        f.truncate((4 << 20) + 1)
    assert "is larger than 4 MiB" in personal.ctl("import", "communigate", str(large), check=False).log
    assert "no format pine; one of" in personal.ctl("import", "pine", "x", check=False).log
    assert "FORMAT FILE missing" in personal.ctl("import", check=False).log
    d.stop()


def test_json(personal):
    path = dictionary(personal, "{%s}" % (ISP % "s3cret"))
    d = personal.start()
    r = personal.ctl("-j", "import", "communigate", path, check=False)
    assert r.code == 2
    got = json.loads(r.log)
    assert got["ok"] is False and got["open"] == 1 and got["imported"][0]["columns"]["password"] == "set"
    assert [n["column"] for n in got["imported"][0]["notes"] if n["weight"] == "question"] == ["account"]
    got = json.loads(personal.ctl("-j", "import", "communigate", path, "account=anna", "--apply").log)
    assert got["ok"] and got["applied"] and got["imported"][0]["columns"]["account"] == "anna@example.org"
    got = json.loads(personal.ctl("-j", "import", "communigate", dictionary(personal, "{"), check=False).log)
    assert got["ok"] is False and got["line"] == 1
    d.stop()


def test_many(personal, tmp_path):
    """A hundred thousand unique-ids, in portions, and a password out of .netrc."""
    config, seen, netrc = tmp_path / "fetchmailrc", tmp_path / ".fetchids", tmp_path / ".netrc"
    config.write_text("poll pop.example.net protocol pop3 uidl\n  user anna is anna here ssl keep\n")
    seen.write_text("".join("anna@pop.example.net uid%06d\n" % n for n in range(100000)))
    netrc.write_text("machine pop.example.net login anna password fr0m-netrc\n")
    d = personal.start()
    words = ["import", "fetchmail", str(config), "--seen", str(seen), "--netrc", str(netrc), "account=anna", "period="]
    r = personal.ctl(*words, "--apply")
    assert "100000 seen unique-ids count as delivered" in " ".join(r.log.split()) and "fr0m-netrc" not in r.log
    assert rows(personal, "password") == [("fr0m-netrc",)]
    assert personal.state("SELECT count(*) FROM seen WHERE state = 4") == [(100000,)]
    d.stop()
