# SPDX-License-Identifier: ISC
"""
Both halves at work, and both of them killed: one rpopd retrieves mail into a unified account, whose mailbox its popd serves; another
one polls that in delete mode, and distributes what it finds.  Whatever is killed, and whenever, every message is in the end exactly
once in each right Maildir of the second one, and nowhere else.
"""
import collections
import os
import signal
import time
import types

from lib import corpus
from lib import rig as rigs
from servers.pop3 import Pop3Server

PASSWORD = "s3cret-client"
DOMAIN = "client1.example"
PEOPLE = ["anna", "bert", "info"]
LIVES = 8		# undisturbed polls in which everything must have arrived
# The processes of the half that serves and of the one that retrieves, and how often each is chosen.
SERVER = {"rpopd": 3, "all": 2, "popd": 2, "pop": 6, "mailbox": 2, "box": 6, "auth": 2, "verification": 2, "deliverer": 3, "template": 1,
    "session": 2, "dialer": 1}
CLIENT = {"rpopd": 3, "all": 2, "dialer": 1, "template": 2, "session": 6, "deliverer": 5}
SERVER_STEPS = ["popd:popd.fork", "popd:popd.login", "popd:popd.auth", "popd:popd.listed", "popd:popd.fetch", "popd:popd.sent", "popd:popd.quit",
    "popd:popd.end", "auth:auth.answer", "auth:auth.result", "mailbox:mailbox.locked", "mailbox:mailbox.scan", "mailbox:mailbox.opened",
    "mailbox:mailbox.listed", "mailbox:mailbox.index", "mailbox:mailbox.index_rename", "mailbox:mailbox.index_renamed",
    "mailbox:mailbox.named", "mailbox:mailbox.seen", "mailbox:mailbox.unlink", "mailbox:mailbox.unlinked", "mailbox:mailbox.synced",
    "mailbox:mailbox.done", "mailbox:mailbox.over", "deliverer:deliverer.rename", "deliverer:deliverer.receipt",
    "rpopd:master.commit_before", "rpopd:master.commit_after"]
CLIENT_STEPS = ["rpopd:master.planned", "rpopd:master.receipts", "rpopd:master.commit_before", "rpopd:master.commit_after",
    "rpopd:master.verdict_sent", "rpopd:master.settled", "rpopd:master.done", "fetcher:fetcher.listed", "fetcher:fetcher.data",
    "fetcher:fetcher.end", "fetcher:fetcher.verdict", "fetcher:fetcher.dele", "fetcher:fetcher.quit", "fetcher:fetcher.quit_ok",
    "deliverer:deliverer.begin", "deliverer:deliverer.written", "deliverer:deliverer.fsync_spool", "deliverer:deliverer.receipt",
    "deliverer:deliverer.committed", "deliverer:deliverer.rename", "deliverer:deliverer.renamed"]


class Wrong(Exception):
    pass


class Half:
    """One rpopd, which runs or was killed."""

    def __init__(self, rig, roles, steps):
        self.rig, self.roles, self.steps, self.daemon = rig, roles, steps, None
        self.lives = self.planned = 0		# of the latter, a process was to kill itself

    def running(self):
        return self.daemon is not None and self.daemon.running()

    def live(self, rng):
        """Another life, if there is none; in half of them a process will kill itself at some step."""
        if self.running():
            return
        args = []
        if rng.random() < 0.5:
            args = ["-K", "%s:%d" % (rng.choice(self.steps), rng.choice([1, 1, 2, 3, 5]))]
            self.planned += 1
        self.lives += 1
        self.daemon = rigs.Daemon(self.rig, self.rig.argv(*args, hooks=True))

    def hurt(self, rng):
        """kill -9 of some process; what it was, or None."""
        found = self.daemon.processes()
        role = rng.choices(list(self.roles), list(self.roles.values()))[0]
        victims = [p for pids in found.values() for p in pids] if role == "all" else found[role][-1:]
        rng.shuffle(victims)
        hit = None
        for pid in victims:
            try:
                os.kill(pid, signal.SIGKILL)
                hit = role
            except ProcessLookupError:
                pass
        return hit

    def end(self):
        if self.running():
            self.daemon.stop(signal.SIGKILL)
        if self.daemon:
            self.daemon.orphans_gone()


class Halves:
    """An origin, two installations, and what must come of them."""

    def __init__(self, pki, rng, port):
        self.rng, self.serial, self.killed = rng, 0, collections.Counter()
        self.want = collections.Counter()
        self.origin = Pop3Server(pki)
        self.server = Half(self.serving(pki, port), SERVER, SERVER_STEPS)
        self.client = Half(self.retrieving(pki, port), CLIENT, CLIENT_STEPS)
        self.sides = {"server": self.server, "client": self.client}

    def serving(self, pki, port):
        rig = rigs.Rig(pki, delay_failed_accounts=10, hostname="mx.example.org", pop_per_address=1000)
        for name in ("postmaster", "client"):
            rig.account(name + "@example.org")
        rig.record("postmaster@example.org", "domain", self.origin, special="X-Envelope", period=10)
        rig.write_db()
        rig.sqlite("""UPDATE account SET password = '{PLAIN}%s', unified = name = 'client', sessions = 1000;
            INSERT INTO domain (name) VALUES ('%s'); INSERT INTO route (address, target) VALUES ('*@%s', 'client@example.org');""" %
            (PASSWORD, DOMAIN, DOMAIN))
        rig.sqlite(rigs.insert("listener", {"address": "127.0.0.1", "port": port, "tls": "none"}))
        return rig

    @staticmethod
    def retrieving(pki, port):
        rig = rigs.Rig(pki, delay_failed_accounts=10)
        for name in ["postmaster"] + PEOPLE:
            rig.account("%s@%s" % (name, DOMAIN))
        there = types.SimpleNamespace(host="127.0.0.1", port=port, tls="none")
        rig.record("postmaster@" + DOMAIN, "isp", there, "client@example.org", PASSWORD, special="X-Real-To", trusted_hop="mx.example.org",
            period=10)
        rig.write_db()
        return rig

    def arrive(self, n):
        """So many new messages at the origin."""
        for _ in range(n):
            self.serial += 1
            ident = "h%05d" % self.serial
            who = self.rng.choice([["anna"], ["bert"], ["anna", "bert"], ["info", "bert", "anna"], ["nobody"]])
            body = b"some octets of text\r\n" * self.rng.choice([0, 0, 1, 20, 300, 6000])
            self.origin.box.add(corpus.mail(ident, [("X-Envelope", ", ".join("%s@%s" % (w, DOMAIN) for w in who))], body), "u" + ident)
            self.want.update(("%s/%s" % (DOMAIN, w if w != "nobody" else "postmaster"), ident) for w in who)

    def poll(self):
        for half in self.sides.values():
            if half.running() and self.rng.random() < 0.8:
                half.rig.ctl("poll", "all", check=False)

    def round(self, most):
        """Some mail, some work, some kills; how many kills."""
        for half in self.sides.values():
            half.live(self.rng)
        kills = 0
        for _ in range(self.rng.randrange(1, 5)):
            if kills >= most:
                break
            self.arrive(self.rng.randrange(0, 4))
            self.poll()
            time.sleep(self.rng.choice([0.02, 0.05, 0.1, 0.2, 0.4]))
            name = self.rng.choice(list(self.sides))
            half = self.sides[name]
            role = half.hurt(self.rng) if half.running() else None
            if role:
                self.killed["%s %s" % (name, role)] += 1
                kills += 1
        return kills

    def play(self, kills):
        """So many kills, and the count."""
        self.arrive(10)
        while sum(self.killed.values()) < kills:
            self.round(kills - sum(self.killed.values()))
        self.finish()

    def drain(self):
        """Undisturbed, until nothing is left anywhere."""
        for half in self.sides.values():
            half.end()
        serving = self.server.rig.start()
        try:
            self.server.rig.ctl("poll", "-w", "all", check=False)
            for _ in range(LIVES):
                self.server.rig.ctl("poll", "-w", "all", check=False)
                code = self.client.rig.once(timeout=300).code
                if code == 0 and not self.origin.box.left() and not any(self.server.rig.idents().values()):
                    return
        finally:
            serving.stop()
        raise Wrong("%d undisturbed polls, and %d messages at the origin, %s in between" % (LIVES, len(self.origin.box.left()),
            self.server.rig.idents()))

    def finish(self):
        """The count."""
        self.drain()
        have = collections.Counter((where, ident) for where, idents in self.client.rig.idents().items() for ident in idents)
        if have != self.want:
            raise Wrong("lost: %s; twice, or misplaced: %s" % (sorted(self.want - have), sorted(have - self.want)))
        for name, half in self.sides.items():
            left = half.rig.spooled(), half.rig.state("SELECT count(*) FROM pending")[0][0]
            if left != ([], 0):
                raise Wrong("left in the spool and pending at the %s: %r" % (name, left))

    def log(self):
        return "".join("=== %s\n%s" % (name, half.rig.log()[-60000:]) for name, half in self.sides.items())

    def close(self):
        for half in self.sides.values():
            half.rig.close()
        self.origin.stop()
