# SPDX-License-Identifier: ISC
"""
popd, Dovecot and the daemon's own deliveries on one Maildir: they agree on messages and flags, and whatever they do at the
same time loses no message, doubles none, and loses no flag.  Dovecot's pop3c storage copies a mailbox out of popd.
"""
import collections
import concurrent.futures
import imaplib
import os
import poplib
import pwd
import random
import re
import shutil
import subprocess

import pytest

from lib import corpus
from lib import rig as rigs
from lib.popclients import wire
from popd.test_popd import Mail
from servers.pop3 import Pop3Server

OWNER = pwd.getpwnam("_rpopm")
CONF = """\
base_dir = %(dir)s/run
state_dir = %(dir)s/state
log_path = %(dir)s/log
protocols = imap
ssl = no
mail_location = maildir:%(maildir)s
mail_uid = _rpopm
mail_gid = _rpopm
first_valid_uid = 1
namespace inbox {
  inbox = yes
  separator = /
  prefix =
}
"""
ROUNDS = int(os.environ.get("RPOPD_ROUNDS", "80"))	# of four operations at once
SEED = os.environ.get("RPOPD_SEED", "together")


class Dovecot:
    """A Dovecot for one Maildir, that listens nowhere: sessions of IMAP over pipes, and doveadm."""

    def __init__(self, maildir):
        self.dir = rigs.scratch("rpdove.")
        self.conf = os.path.join(self.dir, "dovecot.conf")
        with open(self.conf, "w") as f:
            f.write(CONF % {"dir": self.dir, "maildir": maildir})
        os.chown(self.dir, OWNER.pw_uid, OWNER.pw_gid)
        self.master = None

    def start(self):
        """Its services, of which doveadm wants the one that resolves names."""
        with open(os.path.join(self.dir, "stderr"), "wb") as err:
            self.master = subprocess.Popen(["dovecot", "-F", "-c", self.conf, "-o", "protocols="], stdin=subprocess.DEVNULL,
                stdout=err, stderr=err)
        rigs.wait_for(lambda: os.path.exists(os.path.join(self.dir, "run", "dns-client")), "Dovecot's services")

    def imap(self):
        """A session that has selected the mailbox."""
        session = imaplib.IMAP4_stream("USER=anna HOME=%s exec doveadm -c %s exec imap 2>/dev/null" % (self.dir, self.conf))
        assert session.state == "AUTH" and session.select("INBOX")[0] == "OK"
        return session

    def doveadm(self, *args):
        p = subprocess.run(["doveadm", "-c", self.conf, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "USER": "anna", "HOME": self.dir}, check=False)
        assert p.returncode == 0, p.stdout
        return p.stdout

    def close(self):
        if self.master:
            self.master.terminate()
            self.master.wait(rigs.PATIENCE)
        shutil.rmtree(self.dir)


def uids(imap):
    """{X-Test-Id: IMAP's UID} of what the session knows now."""
    imap.noop()
    status, found = imap.uid("FETCH", "1:*", "(UID BODY.PEEK[HEADER.FIELDS (X-TEST-ID)])")
    assert status == "OK"
    pairs = [(corpus.ident_of(x[1]), int(re.search(rb"UID (\d+)", x[0]).group(1))) for x in found if isinstance(x, tuple)]
    assert len(dict(pairs)) == len(pairs), "one message twice: %s" % sorted(pairs)
    return dict(pairs)


def flags(imap):
    """{X-Test-Id: its flags and keywords}"""
    known = {uid: ident for ident, uid in uids(imap).items()}
    _, found = imap.uid("FETCH", "1:*", "(UID FLAGS)")
    lines = [x.decode() for x in found if x]
    parsed = [(int(re.search(r"UID (\d+)", x).group(1)), set(re.search(r"FLAGS \((.*?)\)", x).group(1).split())) for x in lines]
    return {known[uid]: f - {"\\Recent"} for uid, f in parsed}


class Together(Mail):
    """anna's Maildir, read by popd and by a Dovecot, filled by polls of another server."""

    def __init__(self, rig, pki):
        super().__init__(rig)
        self.origin = Pop3Server(pki)
        rig.sqlite(rigs.insert("rpop", {"account": "anna@example.org", "name": "isp", "domain": "localhost:%d" % self.origin.port,
            "auth_name": "user", "password": "s3cret-word", "tls": "none", "period": 3600, "leave": 0}))
        self.path = os.path.join(rig.mail, "example.org", "anna")
        self.dovecot = Dovecot(self.path)
        self.sent = {}
        self.start()

    def files(self):
        """{X-Test-Id: (flags of the name, octets)} of the Maildir.  No message is there twice."""
        found = {}
        for sub in ("new", "cur"):
            for name in os.listdir(os.path.join(self.path, sub)):
                with open(os.path.join(self.path, sub, name), "rb") as f:
                    data = f.read()
                ident = corpus.ident_of(data)
                assert ident not in found, "twice: %s" % ident
                found[ident] = (set(name.partition(":2,")[2]), data)
        return found

    def deliver(self, *idents, **headers):
        """These come from the other server into the Maildir; waits for that."""
        for ident in idents:
            self.sent[ident] = corpus.mail(ident, list(headers.items()))
            self.origin.box.add(self.sent[ident], "o" + ident)
        self.rig.ctl("poll", "anna@example.org/isp")
        rigs.wait_for(lambda: not self.origin.box.left(), "the poll")
        rigs.wait_for(lambda: self.rig.status()["daemon"]["sessions"] == 0, "the end of the poll")

    def unique_ids(self):
        """[(unique-id, octets, X-Test-Id)], as a fresh session lists them."""
        p, why = self.login("anna")
        assert why is None, why
        listed = [(u.split()[1].decode(), int(n.split()[1])) for u, n in zip(p.uidl()[1], p.list()[1])]
        found = [x + (corpus.ident_of(b"\r\n".join(p.top(i, 0)[1])),) for i, x in enumerate(listed, 1)]
        p.quit()
        return found

    def close(self):
        self.dovecot.close()
        self.origin.stop()


@pytest.fixture
def together(rig, pki):
    t = Together(rig, pki)
    yield t
    t.close()
    assert t.daemon.stop() == 0


def test_agree(together):
    """Dovecot's IMAP and popd have the same messages, sizes and octets; what one of them marks or removes, the other one knows."""
    t = together
    idents = ["a%d" % i for i in range(1, 9)]
    t.deliver(*idents)
    imap = t.dovecot.imap()
    known = uids(imap)
    assert sorted(known) == idents and flags(imap) == {i: set() for i in idents}
    p, why = t.login("anna")
    numbers = {ident: n for n, (_, _, ident) in enumerate(t.unique_ids(), 1)}
    assert sorted(numbers) == idents
    for ident in idents:
        got = b"".join(line + b"\r\n" for line in p.top(numbers[ident], 1000)[1])
        _, found = imap.uid("FETCH", str(known[ident]), "(RFC822.SIZE BODY.PEEK[])")
        assert found[0][1] == got and int(re.search(rb"SIZE (\d+)", found[0][0]).group(1)) == len(got)
        assert int(p.list(numbers[ident]).split()[2]) == len(got)
    assert flags(imap) == {i: set() for i in idents}		# TOP marks nothing
    imap.uid("STORE", "%d,%d" % (known["a2"], known["a3"]), "+FLAGS", "(\\Flagged \\Answered myword)")
    imap.uid("STORE", str(known["a4"]), "+FLAGS", "(\\Seen)")
    for ident in ("a1", "a2", "a4", "a5"):
        p.retr(numbers[ident])
    for ident in ("a3", "a5"):
        p.dele(numbers[ident])
    p.quit()
    rest = [i for i in idents if i not in ("a3", "a5")]
    wanted = {i: set() for i in rest}
    wanted.update(a1={"\\Seen"}, a2={"\\Seen", "\\Flagged", "\\Answered", "myword"}, a4={"\\Seen"})
    rigs.wait_for(lambda: t.who() == [], "the end of the session")
    assert flags(imap) == wanted
    before = t.unique_ids()
    assert sorted(i for _, _, i in before) == rest
    # Without QUIT nothing is removed, and what was retrieved is seen.
    p, why = t.login("anna")
    numbers = {ident: n for n, (_, _, ident) in enumerate(before, 1)}
    p.retr(numbers["a6"])
    p.dele(numbers["a7"])
    p.close()
    rigs.wait_for(lambda: "S" in t.files()["a6"][0], "what was retrieved to be seen")
    wanted["a6"] = {"\\Seen"}
    assert flags(imap) == wanted and t.unique_ids() == before
    # What Dovecot takes away is not listed any more, and an open session hears of it when it asks for it.
    p, why = t.login("anna")
    imap.uid("STORE", str(known["a8"]), "+FLAGS", "(\\Deleted)")
    imap.expunge()
    with pytest.raises(poplib.error_proto):
        p.retr(numbers["a8"])
    p.retr(numbers["a7"])
    p.quit()
    assert t.unique_ids() == [x for x in before if x[2] != "a8"]
    del wanted["a8"]
    wanted["a7"] = {"\\Seen"}
    assert flags(imap) == wanted
    imap.logout()
    # A Dovecot that knows nothing of all that finds the same.
    for name in os.listdir(t.path):
        if name.startswith("dovecot.index"):
            os.unlink(os.path.join(t.path, name))
    imap = t.dovecot.imap()
    assert flags(imap) == wanted
    imap.logout()


def test_unique_ids(together):
    """Unique-ids are the same after flags were set, without the index, after a restart, and in a copy of the mail root."""
    t = together
    t.deliver(*["u%d" % i for i in range(1, 13)])
    before = t.unique_ids()
    assert len({u for u, _, _ in before}) == 12
    imap = t.dovecot.imap()
    imap.uid("STORE", "1:6", "+FLAGS", "(\\Seen \\Flagged word)")
    assert t.unique_ids() == before
    index = os.path.join(t.path, "popd.index")
    if os.path.exists(index):
        os.unlink(index)
    assert t.unique_ids() == before
    assert t.daemon.stop() == 0
    t.start()
    assert t.unique_ids() == before
    assert t.daemon.stop() == 0
    os.rename(t.rig.mail, t.rig.mail + ".old")
    subprocess.run(["cp", "-a", t.rig.mail + ".old", t.rig.mail], check=True)
    t.start()
    assert t.unique_ids() == before
    # A new one never has an old one's.
    p, why = t.login("anna")
    for n in range(1, 13):
        p.dele(n)
    p.quit()
    t.deliver(*["v%d" % i for i in range(1, 13)])
    assert not {u for u, _, _ in t.unique_ids()} & {u for u, _, _ in before}
    imap.shutdown()


def test_pop3c(together):
    """
    doveadm sync copies a mailbox of popd's octet for octet, and a second time brings what is new.  In clear: with TLS, the pop3c of
    Dovecot 2.3.19 waits for ever behind its handshake, with Dovecot's own server, too.
    """
    t = together
    samples = {k: v.replace(b"\r\n", b"\n") for k, v in corpus.awkward("c").items()}
    t.dovecot.start()
    t.deliver("d1", "d2")
    for i, (name, data) in enumerate(samples.items(), 1):
        t.put("example.org/anna", b"", "%d.M1.%s" % (1600000000 + i, name))
        with open(os.path.join(t.path, "new", "%d.M1.%s" % (1600000000 + i, name)), "wb") as f:
            f.write(data)
    maildir = os.path.join(t.dovecot.dir, "Maildir")
    for sub in ("", "new", "cur", "tmp"):
        os.mkdir(os.path.join(maildir, sub))
        os.chown(os.path.join(maildir, sub), OWNER.pw_uid, OWNER.pw_gid)
    settings = {"mail_location": "maildir:" + maildir, "pop3c_host": "localhost", "pop3c_port": t.port,
        "pop3c_user": "anna@example.org",
        "pop3c_password": "s3cret-anna"}

    def sync():
        options = [x for k, v in settings.items() for x in ("-o", "%s=%s" % (k, v))]
        t.dovecot.doveadm(*options, "sync", "-1", "-R", "pop3c:")
        found = []
        for sub in ("new", "cur"):
            for name in os.listdir(os.path.join(maildir, sub)):
                with open(os.path.join(maildir, sub, name), "rb") as f:
                    found.append(f.read())
        return collections.Counter(found)
    wanted = collections.Counter(wire(data) for _, data in t.files().values())
    assert sum(wanted.values()) == len(samples) + 2
    assert sync() == wanted
    t.deliver("d3")
    wanted[wire(t.files()["d3"][1])] += 1
    assert sync() == wanted
    assert len(t.files()) == len(samples) + 3


class Session:
    """A reader by POP3, whose steps are drawn at random; what it did is in the oracle when a step is over."""

    def __init__(self, oracle, rng):
        self.oracle, self.rng, self.p = oracle, rng, None
        self.listed, self.marked, self.retrieved = [], set(), set()

    def step(self):
        if self.p is None:
            self.open()
        else:
            self.rng.choice([self.retr, self.retr, self.retr, self.dele, self.dele, self.rset, self.quit, self.quit, self.drop])()

    def open(self):
        there = set(self.oracle.there())
        self.p, why = self.oracle.t.login("anna")
        assert why is None, why
        listed = [u.split()[1].decode() for u in self.p.uidl()[1]]
        assert len(set(listed)) == len(listed)
        self.listed = [self.ident(n, uid) for n, uid in enumerate(listed, 1)]
        self.oracle.missed.append(there - set(self.listed))

    def ident(self, n, uid):
        """The message behind a unique-id, which is the same for ever; None: it has gone meanwhile."""
        known = self.oracle.unique
        if uid not in known:
            try:
                known[uid] = corpus.ident_of(b"\r\n".join(self.p.top(n, 0)[1]))
            except poplib.error_proto:
                return None
        return known[uid]

    def pick(self):
        return self.rng.randrange(len(self.listed)) + 1 if self.listed else None

    def retr(self):
        n = self.pick()
        if n is None or self.listed[n - 1] is None or n in self.marked:
            return
        ident = self.listed[n - 1]
        try:
            got = b"".join(line + b"\r\n" for line in self.p.retr(n)[1])
        except poplib.error_proto:
            self.oracle.missed.append({ident})
            return
        assert corpus.ident_of(got) == ident and got.endswith(self.oracle.t.sent[ident].partition(b"\r\n\r\n")[2])
        self.retrieved.add(ident)

    def dele(self):
        n = self.pick()
        if n is not None and n not in self.marked and self.listed[n - 1]:
            self.p.dele(n)
            self.marked.add(n)

    def rset(self):
        self.p.rset()
        self.marked.clear()

    def quit(self):
        self.oracle.removed |= {self.listed[n - 1] for n in self.marked}
        assert self.p.quit().startswith(b"+OK")
        self.over()

    def drop(self):
        self.p.close()
        self.over()

    def over(self):
        self.oracle.seen |= self.retrieved
        self.p = None
        self.marked, self.retrieved = set(), set()

    def end(self):
        if self.p:
            self.quit()


class Reader:
    """A session of IMAP with Dovecot, likewise."""
    FLAGS = ("\\Flagged", "\\Answered", "\\Draft", "\\Seen", "one", "two")

    def __init__(self, oracle, rng):
        self.oracle, self.rng = oracle, rng
        self.imap = oracle.t.dovecot.imap()

    def step(self):
        there = set(self.oracle.there())
        known = uids(self.imap)
        self.oracle.missed.append(there - set(known))
        some = self.rng.sample(sorted(known), min(len(known), self.rng.randrange(1, 4)))
        if some:
            self.rng.choice([self.add, self.add, self.add, self.take, self.expunge])(known, some)

    def add(self, known, some):
        flag = self.rng.choice(self.FLAGS)
        self.store(known, some, "+FLAGS", flag)
        for ident in some:
            self.oracle.flags[ident].add(flag)

    def take(self, known, some):
        flag = self.rng.choice([f for f in self.FLAGS if f != "\\Seen"])
        self.store(known, some, "-FLAGS", flag)
        for ident in some:
            self.oracle.flags[ident].discard(flag)

    def store(self, known, some, what, flag):
        assert self.imap.uid("STORE", ",".join(str(known[i]) for i in some), what, "(%s)" % flag)[0] in ("OK", "NO")

    def expunge(self, known, some):
        self.oracle.removed.add(some[0])
        self.store(known, some[:1], "+FLAGS", "\\Deleted")
        assert self.imap.uid("EXPUNGE", str(known[some[0]]))[0] == "OK"

    def end(self):
        self.imap.logout()


class Deliverer:
    """Polls of another server, likewise."""

    def __init__(self, oracle, rng):
        self.oracle, self.rng, self.serial = oracle, rng, 0

    def step(self):
        new = ["m%d" % (self.serial + i) for i in range(self.rng.randrange(1, 4))]
        self.serial += len(new)
        self.oracle.t.deliver(*new)
        self.oracle.delivered |= set(new)

    def end(self):
        pass


class Oracle:
    """
    What must be there: delivered and not removed.  missed: messages that somebody did not find in a step; at the end of a round,
    all of them must have been removed.
    """

    def __init__(self, together):
        self.t = together
        self.delivered, self.removed, self.seen = set(), set(), set()
        self.flags = collections.defaultdict(set)
        self.unique, self.missed = {}, []

    def there(self):
        return self.delivered - self.removed

    def judge(self):
        for idents in self.missed:
            assert idents <= self.removed, "not found: %s" % sorted(idents - self.removed)
        self.missed = []
        assert len(set(self.unique.values())) == len(self.unique), "two unique-ids of one message"

    def final(self):
        """The files are what must be there, whole, with each flag; and both readers say so."""
        def marked():
            files = self.t.files()
            return all("S" in f for i, (f, _) in files.items() if i in self.seen)
        rigs.wait_for(lambda: self.t.who() == [], "the end of all sessions")
        rigs.wait_for(marked, "what was retrieved to be seen")
        files = self.t.files()
        assert set(files) == self.there()
        for ident, (_, data) in files.items():
            assert corpus.split_prologue(data)[3] == corpus.expected(self.t.sent[ident])
        imap = self.t.dovecot.imap()
        found = flags(imap)
        imap.logout()
        wanted = {i: self.flags[i] | ({"\\Seen"} if i in self.seen else set()) for i in self.there()}
        assert found == wanted
        listed = self.t.unique_ids()
        assert sorted(i for _, _, i in listed) == sorted(self.there())
        assert all(self.unique.get(u, i) == i for u, _, i in listed)


ACTORS = 4


def at_once(together, seed, rounds):
    """The actors, so many times at the same time; the oracle, when all is as it says."""
    oracle = Oracle(together)
    actors = [make(oracle, random.Random("%s %d" % (seed, n))) for n, make in enumerate((Session, Session, Reader, Deliverer))]
    assert len(actors) == ACTORS
    actors[3].step()
    with concurrent.futures.ThreadPoolExecutor(len(actors)) as pool:
        for _ in range(rounds):
            for step in [pool.submit(actor.step) for actor in actors]:
                step.result()
            oracle.judge()
    for actor in actors:
        actor.end()
    oracle.final()
    return oracle


def test_at_once(together):
    """
    Two sessions of popd, one of IMAP, and deliveries: in each round, each of them does something at random at the same time.  The long
    campaign is make together.
    """
    oracle = at_once(together, SEED, ROUNDS)
    assert len(oracle.delivered) > ROUNDS and oracle.seen and len(oracle.removed) > ROUNDS // 8
