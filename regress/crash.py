# SPDX-License-Identifier: ISC
"""
The crash campaign (make crash): a daemon over a Dovecot with traffic, one of its processes or all of them killed again and again,
at random moments and at random steps of the commit protocol, new mail arriving in between.  In the end every message must be
exactly once in every right mailbox, none lost, and the server's mailboxes as they should be.

usage: crash.py [kills [seed]]		default 2000, and a seed from the clock
"""
import collections
import itertools
import os
import random
import shutil
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "e2e"))
import corpus  # noqa: E402
import rig as rigs  # noqa: E402
from dovecot import Dovecot  # noqa: E402
from pki import Pki  # noqa: E402

BATCH = 100		# kills until the mailboxes are checked and the installation is made anew
ROLES = ["rpopd", "dialer", "template", "session", "deliverer", "all"]
POINTS = {
    "rpopd": ["master.dialed", "master.planned", "master.receipts", "master.commit_before", "master.commit_after",
        "master.committed_sent", "master.verdict_sent", "master.settled", "master.done"],
    "dialer": ["dialer.dial", "dialer.connected", "dialer.dialed"],
    "fetcher": ["template.fork", "fetcher.listed", "fetcher.begin", "fetcher.data", "fetcher.end", "fetcher.verdict", "fetcher.dele",
        "fetcher.quit", "fetcher.quit_ok"],
    "deliverer": ["deliverer.begin", "deliverer.header", "deliverer.written", "deliverer.fsync_files", "deliverer.fsync_spool",
        "deliverer.receipt", "deliverer.committed", "deliverer.rename", "deliverer.renamed", "deliverer.settle",
        "deliverer.replay"],
}
RECORDS = [("a-personal", None, 0), ("b-left", None, 1), ("c-unified", "X-Real-To", 0), ("d-star", "*", 0)]


class Wrong(Exception):
    pass


class Batch:
    """One installation with its mailboxes, and what must come of them."""

    def __init__(self, pki, server, rng, serial):
        self.rng, self.server = rng, server
        self.rig = rigs.Rig(pki, delay_failed_accounts=10, processors=10)
        self.want = collections.Counter()
        self.users, self.left = {}, 0
        self.serial = 0
        self.arrived = 0
        for name in ("postmaster", "anna", "bert", "info"):
            self.rig.account(name + "@example.org")
        for name, special, leave in RECORDS:
            user = "%s-%d" % (name, serial)
            password = server.add_user(user)
            self.users[name] = user
            self.rig.record("postmaster@example.org" if special else "anna@example.org", name, server, user, password,
                tls=rng.choice(["tls", "stls"]), leave=leave, special=special, period=10)
        self.rig.write_db()

    def arrive(self, n):
        for _ in range(n):
            name, special, leave = self.rng.choice(RECORDS)
            self.serial += 1
            ident = "%s-%05d" % (name, self.serial)
            who = self.rng.choice([["anna"], ["bert"], ["anna", "bert"], ["info", "postmaster", "anna"], ["nobody"]])
            addresses = ", ".join(w + "@example.org" for w in who)
            size = self.rng.choice([0, 0, 1, 20, 300, 6000])
            data = corpus.mail(ident, [("X-Real-To", addresses)] if special == "X-Real-To" else [], b"some octets of text\r\n" * size,
                to=addresses)
            self.server.add(self.users[name], data)
            if special is None:
                who = ["anna"]
            self.want.update(("example.org/" + (w if w != "nobody" else "postmaster"), ident) for w in who)
            self.left += leave
            self.arrived += 1

    def finish(self):
        """Undisturbed runs until one has no complaint; then the count."""
        for _ in range(6):
            result = self.rig.once(timeout=300)
            if result.code == 0:
                break
        else:
            raise Wrong("six undisturbed runs, and still failing")
        have = collections.Counter((where, ident) for where, idents in self.rig.idents().items() for ident in idents)
        lost, extra = self.want - have, have - self.want
        if lost or extra:
            raise Wrong("lost: %s\ndoubled or misplaced: %s" % (sorted(lost), sorted(extra)))
        for name, special, leave in RECORDS:
            n = len(self.server.messages(self.users[name]))
            if n != (self.left if leave else 0):
                raise Wrong("%s: %d messages on the server" % (name, n))
        for what, n in (("pending", self.rig.state("SELECT count(*) FROM pending")[0][0]), ("spooled", len(self.rig.spooled())),
                ("suspects", self.rig.state("SELECT count(*) FROM suspect WHERE deaths >= 3")[0][0])):
            if n:
                raise Wrong("%d %s left" % (n, what))


class Campaign:
    def __init__(self, kills, seed):
        self.kills, self.rng = kills, random.Random(seed)
        self.done = collections.Counter()
        self.starts = self.messages = self.deliveries = 0

    def start(self, batch):
        """A daemon; in half of the cases one that will kill a process of its own at some step."""
        self.starts += 1
        args = []
        if self.rng.random() < 0.5:
            process = self.rng.choice(sorted(POINTS))
            point = self.rng.choice(POINTS[process])
            args = ["-K", "%s:%s:%d" % (process, point, self.rng.choice([1, 1, 2, 3, 5, 8]))]
        daemon = rigs.Daemon(batch.rig, batch.rig.argv(*args, hooks=True))
        return daemon, args

    def hurt(self, daemon, role):
        """kill -9; returns how many processes were hit."""
        found = daemon.processes()
        victims = [p for r, pids in found.items() for p in pids] if role == "all" else found[role][:1]
        self.rng.shuffle(victims)
        hit = 0
        for pid in victims:
            try:
                os.kill(pid, signal.SIGKILL)
                hit += 1
            except ProcessLookupError:
                pass
        return hit

    def at_a_step(self, batch, daemon):
        """Traffic until the process that was told to has killed itself, or for a short while; 1 if it has."""
        deadline = time.monotonic() + 1.5
        while time.monotonic() < deadline:
            if daemon.proc.poll() == -signal.SIGKILL or "died: signal 9" in daemon.log():
                self.done["at a step"] += 1
                return 1
            batch.arrive(self.rng.randrange(0, 2))
            batch.rig.ctl("poll", "all", check=False)
            time.sleep(0.03)
        return 0

    def round(self, batch, left):
        """One daemon's life: up to left kills."""
        daemon, args = self.start(batch)
        kills = self.at_a_step(batch, daemon) if args else 0
        for _ in range(self.rng.randrange(1, 6)):
            if not daemon.running() or kills >= left:
                break
            batch.arrive(self.rng.randrange(0, 5))
            if self.rng.random() < 0.7:
                batch.rig.ctl("poll", "all", check=False)
            time.sleep(self.rng.choice([0, 0.01, 0.03, 0.06, 0.1, 0.2]))
            role = self.rng.choices(ROLES, [3, 3, 3, 5, 5, 2])[0]
            if daemon.running() and self.hurt(daemon, role):
                self.done[role] += 1
                kills += 1
        if daemon.running() and kills < left and self.rng.random() < 0.3 and self.hurt(daemon, "all"):
            self.done["all"] += 1
            kills += 1
        if daemon.running():
            daemon.stop(self.rng.choice([signal.SIGTERM, signal.SIGKILL]))
        daemon.proc.wait(30)
        if self.rng.random() < 0.3:
            daemon.orphans_gone()	# otherwise the next life begins while children of the last one may still be dying
        return kills

    def run(self, pki, server):
        begun = time.monotonic()
        for serial in itertools.count():
            if sum(self.done.values()) >= self.kills:
                break
            batch = Batch(pki, server, self.rng, serial)
            try:
                batch.arrive(40)
                goal = min(self.kills, sum(self.done.values()) + BATCH)
                while sum(self.done.values()) < goal:
                    self.round(batch, goal - sum(self.done.values()))
                batch.finish()
            except (Wrong, AssertionError):
                sys.stdout.write(batch.rig.log()[-50000:])
                raise
            finally:
                batch.rig.close()
            self.messages += batch.arrived
            self.deliveries += sum(batch.want.values())
            print("%5d kills, %6d messages, %6d deliveries, each exactly once; %d s" % (sum(self.done.values()), self.messages,
                self.deliveries, time.monotonic() - begun), flush=True)


def interrupted(signum, frame):
    raise SystemExit(128 + signum)


def main():
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, interrupted)
    print("crash: %d kills, seed %d" % (kills, seed), flush=True)
    directory = rigs.scratch("rpcrash.")
    server = None
    campaign = Campaign(kills, seed)
    try:
        pki = Pki(os.path.join(directory, "ca"))
        os.mkdir(os.path.join(directory, "d"), 0o755)
        server = Dovecot(os.path.join(directory, "d"), pki)
        campaign.run(pki, server)
    except (Wrong, AssertionError) as e:
        print("FAILED after %d kills (seed %d): %s" % (sum(campaign.done.values()), seed, e))
        return 1
    finally:
        if server:
            server.stop()
        shutil.rmtree(directory, ignore_errors=True)
    print("kills: %s" % ", ".join("%s %d" % pair for pair in sorted(campaign.done.items())))
    print("%d kills in %d lives of the daemon, %d messages, %d deliveries: none lost, none doubled, servers consistent" %
        (sum(campaign.done.values()), campaign.starts, campaign.messages, campaign.deliveries))
    return 0


if __name__ == "__main__":
    sys.exit(main())
