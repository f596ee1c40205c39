# SPDX-License-Identifier: ISC
"""
The names of delivered files say how large they are, in the file and on the wire: every kind of file, as a count has it (lib/rig.py,
delivered()), and as Dovecot has it, which then need not open them.  Names of older versions go on as they are.
"""
import os
import random
import re
import shutil
import sqlite3
import subprocess

import pytest

from lib import corpus, rig as rigs
from lib.relay import again, listed, mail
from servers.smtp import OK, PERM, TEMP

PM = "postmaster@example.org"
ANNA = "example.org/anna"
SAMPLES = {
    "lf": b"A: b\nC: d\n\nx\ny\n", "crlf": b"A: b\r\nC: d\r\n\r\nx\r\ny\r\n", "mixed": b"A: b\r\nC: d\n\nx\r\ny\nz\r\n",
    "bare cr": b"A: b\nC: d\n\nx\ry\r\rz\n\r\n\r", "cr cr lf": b"A: b\r\r\nC: d\n\r\r\n\nx\r\r\n\r\r\n",
    "nul": b"A: b\n\nx\0y\0\nz\0", "nul in the header": b"A: \0b\n\0C: d\n\nx\0\0\n\0", "no final lf": b"A: b\n\nxyz",
    "a header without its lf": b"A: b\nC: d", "no body": b"A: b\nC: d\n", "an empty body": b"A: b\nC: d\n\n",
    "no header": b"\nbody\nmore\n", "no field": b"just text\nmore\n\nx", "cr at the end": b"A: b\n\nx\r",
    "crlf cr": b"A: b\r\n\r\nx\r\n\r", "cr at a line's start": b"A: b\rc\n\rD: e\n\n\r\nx\n",
    "only lf": b"\n", "only crlf": b"\r\n", "only cr": b"\r", "one octet": b"x",
    "dots": b"A: b\n\n.\n..\n.x\n", "8-bit": b"A: \xff\n\n\xe9\n\x85\n",
    "parts": b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"b\"\n\npre\n--b\n\nx\r\n--b\nA: b\n\nq\n--b--\nepi",
    "a message in it": b"MIME-Version: 1.0\nContent-Type: message/rfc822\n\nA: b\r\n\nx\ny", "mbox": b"From x\nA: b\n\nFrom y\n",
    "long lines": b"A: b\n\n" + b"x" * 100_000 + b"\ny" + b"z" * 70_000,
}
CONF = """\
base_dir = %(dir)s/run
log_path = %(dir)s/log
mail_location = maildir:%(dir)s/Maildir
mail_uid = nobody
mail_gid = nogroup
first_valid_uid = 1
ssl = no
"""


class Reader:
    """Dovecot, by itself, on a Maildir that it has never seen."""

    def __init__(self):
        self.dir = rigs.scratch("rpdn.")
        self.maildir = os.path.join(self.dir, "Maildir")
        with open(os.path.join(self.dir, "conf"), "w") as f:
            f.write(CONF % {"dir": self.dir})
        for sub in ("", "cur", "new", "tmp"):
            os.mkdir(os.path.join(self.maildir, sub))

    def put(self, name, data):
        with open(os.path.join(self.maildir, "new", name), "wb") as f:
            f.write(data)

    def doveadm(self, *args, before=(), typed=None):
        subprocess.run(["chown", "-R", "nobody:nogroup", self.maildir], check=True)
        argv = list(before) + ["doveadm", "-c", os.path.join(self.dir, "conf")] + list(args)
        p = subprocess.run(argv, input=typed, text=True, timeout=300, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True,
            env=dict(os.environ, USER="reader", HOME=self.dir))
        assert p.stderr == "" or typed, p.stderr
        return p.stdout

    def sizes(self):
        """{name: (octets of the file, of the same with CRLF)} as Dovecot has them."""
        names = self.doveadm("-f", "tab", "fetch", "uid guid", "mailbox", "INBOX", "all").splitlines()[1:]
        rows = self.doveadm("-f", "tab", "fetch", "uid size.physical size.virtual", "mailbox", "INBOX", "all").splitlines()[1:]
        found = dict(line.split("\t") for line in names)
        return {found[uid]: (int(physical), int(virtual)) for uid, physical, virtual in (line.split("\t") for line in rows)}

    def session(self):
        """A POP3 session that asks for all there is to list: ([size of each message], names of messages that were opened)."""
        trace = os.path.join(self.dir, "trace")
        said = self.doveadm("exec", "pop3", typed="STAT\r\nLIST\r\nUIDL\r\nQUIT\r\n",
            before=["strace", "-f", "-qq", "-s", "512", "-e", "signal=none", "-e", "trace=open,openat,openat2", "-o", trace])
        stat, *lines = said.splitlines()
        octets = [int(line.split(" ")[1]) for line in lines[1:lines.index(".")]]
        assert re.fullmatch(r"\+OK %d %d" % (len(octets), sum(octets)), stat) and lines[-1].startswith("+OK")
        with open(trace) as f:
            opened = set(re.findall(r'open(?:at2?)?\([^"]*"[^"]*/(?:new|cur)/([^/":]+)[^"]*"', f.read()))
        return octets, opened

    def close(self):
        shutil.rmtree(self.dir)


@pytest.fixture
def reader():
    """Makes a Dovecot for a Maildir of its own: reader()."""
    made = []

    def make():
        made.append(Reader())
        return made[-1]
    yield make
    for r in made:
        r.close()


def names(rig, where=ANNA):
    return sorted(os.listdir(os.path.join(rig.mail, where, "new")))


def content(rig, name, where=ANNA):
    with open(os.path.join(rig.mail, where, "new", name), "rb") as f:
        return f.read()


def strip(name):
    """A name as older versions made it."""
    return re.sub(r",S=\d+,W=\d+\Z", "", name)


# --- Dovecot ---

def test_dovecots_rule(reader):
    """What Dovecot computes if the name says nothing: an LF without a CR counts twice, a last line without an LF adds nothing."""
    rng = random.Random(7)
    data = list(SAMPLES.values()) + [bytes(rng.choice(b"\r\n\r\n\0A:b x") for _ in range(rng.randrange(1, 60))) for _ in range(300)]
    r = reader()
    for i, d in enumerate(data):
        r.put("%d.M%dP1.h" % (1700000000 + i, i), d)
    found = r.sizes()
    assert len(found) == len(data)
    for i, d in enumerate(data):
        assert found["%d.M%dP1.h" % (1700000000 + i, i)] == (len(d), rigs.wire(d)), d[:100]


def test_opened_cold(personal, pop3, reader):
    """Dovecot lists a Maildir of some hundred messages and opens none of them; without sizes in their names it has to open all."""
    rng = random.Random(9)
    messages = list(SAMPLES.values()) + list(corpus.bare("x-").values())
    messages += [d for d in corpus.awkward("w-").values() if len(d) < 100_000]
    for i in range(300):
        body = bytes(rng.choice(b"\r\n\r\n\0ab ") for _ in range(rng.randrange(1, 200)))
        messages.append(corpus.mail("r%d" % i, body=body))
    personal.record("anna@example.org", "isp", pop3(messages=messages))
    assert personal.once().code == 0
    have = names(personal)
    assert len(have) == len(messages) and len(personal.delivered()[ANNA]) == len(messages)
    cold, older = reader(), reader()
    for name in have:
        cold.put(name, content(personal, name))
        older.put(strip(name), content(personal, name))
    octets, opened = cold.session()
    assert opened == set() and sorted(octets) == sorted(rigs.sizes(name)[1] for name in have)
    computed, opened = older.session()
    assert opened == {strip(name) for name in have} and sorted(computed) == sorted(octets)
    assert older.sizes() == {strip(name): rigs.sizes(name) for name in have}


# --- every kind of file ---

def kinds(rig):
    """What was delivered, by what it says it is: {kind: number of files}, each of which has its sizes in its name."""
    marks = [("report", b"\nAuto-Submitted: auto-replied\n"), ("notice", b"\nAuto-Submitted: auto-generated\n"),
        ("header only", b"\nX-Rpopd-Reason: header only"), ("his own", b"\tsecret@example.org"), ("other", b"")]
    found = {}
    for data in (d for mails in rig.delivered().values() for d in mails):
        kind = next(kind for kind, mark in marks if mark in data)
        found[kind] = found.get(kind, 0) + 1
    return found


def test_every_kind(unified, smtp, pop3):
    """Links of one file, the postmaster's own, a folder's, a header alone, a notice, a report, what was in quarantine."""
    hop = smtp("lmtp")
    hop.answers = {"bert@example.org": PERM}
    unified.nexthop("hop", hop)
    null = ("Return-Path", "<>")
    messages = [mail("links", ["anna", "info"], body=b"a\r\r\nb\nc\r\n"), mail("own", ["anna", "secret"], body=b"\n\r\n\rx\r\n"),
        mail("failed", ["bert"]), corpus.mail("held", [null, ("X-Real-To", "bert")])]
    unified.record(PM, "all", pop3(messages=messages), special="X-Real-To")
    unified.record("info@example.org", "folder", pop3(messages=[corpus.mail("folder")]), mailbox="Lists/bsd")
    large = pop3(messages=[corpus.mail("large", body=b"x\r\n" * 3000)])
    unified.record("anna@example.org", "large", large, max_size=1000, oversize="headers")
    unified.write_db()
    unified.sqlite("UPDATE account SET nexthop = 'hop' WHERE name = 'bert';")
    daemon = unified.start()
    row, = rigs.wait_for(lambda: listed(unified, ["quarantine"]), "the message in quarantine")
    rigs.wait_for(lambda: kinds(unified).get("report"), "the report")
    unified.ctl("quarantine", "release", str(row["id"]), "info@example.org")
    rigs.wait_for(lambda: "held" in unified.idents()["example.org/info"], "the release")
    rigs.wait_for(lambda: not unified.spooled() and kinds(unified).get("notice"), "the notice of the quarantine")
    assert daemon.stop() == 0
    assert kinds(unified) == {"report": 1, "notice": 1, "header only": 1, "his own": 1, "other": 5}
    assert unified.idents()["example.org/info"] == ["held", "links"]
    assert unified.idents()["example.org/info/.Lists.bsd"] == ["folder"]
    links = {os.stat(os.path.join(unified.mail, where, "new", name)).st_nlink for where in (ANNA, "example.org/info")
        for name in names(unified, where) if corpus.ident_of(content(unified, name, where)) == "links"}
    assert links == {2}


def test_set_aside(unified, smtp, pop3):
    """A file that state.db does not know keeps its sizes; one that is shorter than they say loses them, and can be delivered."""
    hop = smtp("lmtp")
    hop.default = TEMP
    unified.nexthop("hop", hop)
    unified.record(PM, "all", pop3(messages=[mail("a", ["bert"]), mail("b", ["bert"])]), special="X-Real-To")
    unified.write_db()
    unified.sqlite("UPDATE account SET nexthop = 'hop' WHERE name = 'bert';")
    unified.once()
    whole, cut = unified.spooled()
    os.truncate(os.path.join(unified.mail, "spool", cut), 300)
    for suffix in ("", "-wal", "-shm"):
        if os.path.exists(unified.statedb + suffix):
            os.unlink(unified.statedb + suffix)
    unified.sqlite("UPDATE rpop SET period = NULL;")
    unified.declare()
    unified.old.add(strip(cut))
    daemon = unified.start().ready()
    rigs.wait_for(lambda: unified.status()["daemon"]["unknown_files"] == 2, "the count")
    for name in (whole, strip(cut)):
        unified.ctl("quarantine", "release", "aside/" + name, "anna@example.org")
    assert daemon.stop() == 0
    assert names(unified) == sorted([whole, strip(cut)]) and len(unified.delivered()[ANNA]) == 2


# --- names of older versions ---

@pytest.fixture
def upgraded(unified, smtp, pop3):
    """An older version has committed a message for a Maildir and a next hop, and has died; and has delivered one before."""
    hop = smtp("lmtp")
    unified.nexthop("hop", hop)
    server = pop3(messages=[mail("m", ["anna", "bert"])])
    unified.record(PM, "all", server, special="X-Real-To")
    unified.write_db()
    unified.sqlite("UPDATE account SET nexthop = 'hop' WHERE name = 'bert';")
    unified.once("-K", "rpopd:master.commit_after", hooks=True)
    with sqlite3.connect(unified.statedb) as c:
        for table in ("pending", "relay"):
            (link,), = c.execute("SELECT link FROM " + table)
            assert link in unified.spooled() and strip(link) != link
            c.execute("UPDATE %s SET link = ?" % table, (strip(link),))
            os.rename(os.path.join(unified.mail, "spool", link), os.path.join(unified.mail, "spool", strip(link)))
            unified.old.add(strip(link))
    unified.hop, unified.box = hop, server.box
    return unified


def test_upgrade(upgraded):
    """What waits under names without sizes goes on, under the names it has."""
    upgraded.hop.answers = {"bert@example.org": [TEMP, OK]}
    upgraded.once()
    again(upgraded)
    assert upgraded.idents() == {ANNA: ["m"]} and set(names(upgraded)) < upgraded.old
    assert upgraded.hop.taken() == ["bert@example.org"]
    assert upgraded.spooled() == [] and upgraded.box.left() == []
    have = names(upgraded)
    upgraded.box.add(mail("n", ["anna"]))
    assert upgraded.once().code == 0
    assert upgraded.idents() == {ANNA: ["m", "n"]} and set(have) < set(names(upgraded))


def test_upgrade_quarantined(upgraded):
    upgraded.hop.answers = {"bert@example.org": PERM}
    with sqlite3.connect(upgraded.statedb) as c:
        c.execute("UPDATE relay SET sender = ''")
    daemon = upgraded.start()
    row, = rigs.wait_for(lambda: listed(upgraded, ["quarantine"]), "the message in quarantine")
    upgraded.ctl("quarantine", "release", str(row["id"]), "info@example.org")
    rigs.wait_for(lambda: upgraded.idents().get("example.org/info") == ["m"], "the release")
    assert set(names(upgraded, "example.org/info")) < upgraded.old
    rigs.wait_for(lambda: upgraded.spooled() == [], "an empty spool")
    assert daemon.stop() == 0
