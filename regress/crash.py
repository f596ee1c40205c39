# SPDX-License-Identifier: ISC
"""
The crash campaign (make crash): a daemon over a Dovecot with traffic, one of its processes or all of them killed again and again,
at random moments and at random steps of the commit protocol and of handing on, new mail arriving in between.  Some accounts are
behind next hops that defer, refuse and drop connections now and then.  In the end every message must be exactly once in every
right Maildir, and have been taken by every right next hop, once unless the answer was lost, or be reported or in quarantine where
it was refused; none lost, the server's mailboxes and the spool as they should be.

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
import crash_hops as hops  # noqa: E402
from lib import corpus, rig as rigs  # noqa: E402
from lib.pki import Pki  # noqa: E402
from servers.dovecot import Dovecot  # noqa: E402

BATCH = 100		# kills until the mailboxes are checked and the installation is made anew
ROLES = ["rpopd", "dialer", "template", "session", "deliverer", "sender", "connection", "all"]
POINTS = {
    "rpopd": ["master.dialed", "master.planned", "master.receipts", "master.commit_before", "master.commit_after",
        "master.committed_sent", "master.verdict_sent", "master.settled", "master.done", "master.send", "master.sent",
        "master.relay_before", "master.relay_after", "master.queue_before", "master.queue_change", "master.queue_changed", "master.final",
        "master.queue_report", "master.queue_reported", "master.reported", "master.report_after", "master.replayed", "master.root_durable"],
    "dialer": ["dialer.dial", "dialer.connected", "dialer.dialed"],
    "fetcher": ["template.fork", "fetcher.listed", "fetcher.begin", "fetcher.data", "fetcher.end", "fetcher.verdict", "fetcher.dele",
        "fetcher.quit", "fetcher.quit_ok"],
    "deliverer": ["deliverer.begin", "deliverer.header", "deliverer.named", "deliverer.written", "deliverer.fsync_files",
        "deliverer.fsync_spool", "deliverer.receipt", "deliverer.committed", "deliverer.rename", "deliverer.renamed", "deliverer.settle",
        "deliverer.replay", "deliverer.queue_remove", "deliverer.report", "deliverer.notice", "deliverer.spent", "deliverer.flight",
        "deliverer.root", "deliverer.rooted"],
    "sender": ["sender.dot", "sender.dot_sent", "sender.told"],
}
PEOPLE = ["anna", "bert", "info", "carl", "dora"]
RECORDS = [("a-personal", None, 0), ("b-left", None, 1), ("c-unified", "X-Real-To", 0), ("d-star", "*", 0)]


class Wrong(Exception):
    pass


class Batch:
    """One installation with its mailboxes, and what must come of them."""

    def __init__(self, pki, server, rng, serial):
        self.rng, self.server = rng, server
        self.rig = rigs.Rig(pki, delay_failed_accounts=10, processors=10)
        self.want = collections.Counter()
        self.handed, self.bodies = set(), {}	# (ident, address) of what goes to next hops; {ident: octets}
        self.hard = set()			# lives in which the master or the sender may have been killed
        self.users, self.left = {}, 0
        self.serial = 0
        self.arrived = 0
        for name in ["postmaster"] + PEOPLE:
            self.rig.account(name + "@example.org")
        self.hops, self.away = self.next_hops(rng, serial)
        for name, special, leave in RECORDS:
            user = "%s-%d" % (name, serial)
            password = server.add_user(user)
            self.users[name] = user
            self.rig.record("postmaster@example.org" if special else "anna@example.org", name, server, user, password,
                tls=rng.choice(["tls", "stls"]), leave=leave, special=special, period=10)
        self.rig.write_db()
        for who, hop in self.away.items():
            self.rig.sqlite("UPDATE account SET nexthop = '%s' WHERE name = '%s';" % (hop, who))

    def next_hops(self, rng, serial):
        """Three of the people behind one each; reports go through a fourth, or to the postmaster."""
        made = {"socket": hops.Hop("lmtp", rng.random(), path=os.path.join(self.rig.dir, "lmtp.sock")),
            "lmtp": hops.Hop("lmtp", rng.random()), "smtp": hops.Hop("smtp", rng.random())}
        away = dict(zip(rng.sample(PEOPLE, 4), ["socket", "lmtp", "smtp", "lmtp"]))
        if serial % 2 == 1:
            made["reports"] = hops.Hop("smtp", rng.random())
            self.rig.settings["report_nexthop"] = "reports"
        for name, hop in made.items():
            self.rig.nexthop(name, hop)
        return list(made.values()), away

    def live(self, life):
        """Another daemon is about to be started."""
        for hop in self.hops:
            hop.life, hop.delay = life, self.rng.choice([0, 0, 0.02, 0.1])
        if self.rng.random() < 0.8:
            hops.due(self.rig)

    def arrive(self, n):
        for _ in range(n):
            name, special, leave = self.rng.choice(RECORDS)
            self.serial += 1
            ident = "%s-%05d" % (name, self.serial)
            who = self.rng.choice([["anna"], ["bert"], ["anna", "bert"], ["info", "postmaster", "anna"], ["nobody"],
                PEOPLE, ["carl", "dora"]])
            addresses = ", ".join(w + "@example.org" for w in who)
            size = self.rng.choice([0, 0, 1, 20, 300, 6000])
            data = corpus.mail(ident, [("X-Real-To", addresses)] if special == "X-Real-To" else [],
                b"some octets of text\r\n" * size, to=addresses)
            self.server.add(self.users[name], data)
            if special is None:
                who = ["anna"]
            self.bodies[ident] = data.split(b"\r\n\r\n", 1)[1]
            self.handed.update((ident, w + "@example.org") for w in who if w in self.away)
            self.want.update(("example.org/" + (w if w != "nobody" else "postmaster"), ident) for w in who if w not in self.away)
            self.left += leave
            self.arrived += 1

    def drain(self, life):
        """Undisturbed runs until one has no complaint, and one more, in which what is final by then is deleted."""
        for hop in self.hops:
            hop.calm, hop.life, hop.delay = True, life, 0
        for _ in range(8):
            waited = hops.due(self.rig)
            if self.rig.once(timeout=300).code == 0 and waited == 0 and \
                self.rig.state("SELECT count(*) FROM relay WHERE state IN (0, 2)")[0][0] == 0:
                return
        raise Wrong("eight undisturbed runs, and still failing")

    def finish(self, life):
        """The count."""
        self.drain(life)
        self.ledger = hops.Ledger(self.rig, self.hops, self.hard)
        have = self.ledger.maildirs
        lost, extra = self.want - have, have - self.want
        if lost or extra:
            raise Wrong("lost: %s\ndoubled or misplaced: %s" % (sorted(lost), sorted(extra)))
        complaints = self.ledger.check(self.handed, self.bodies)
        if complaints:
            raise Wrong("\n".join(complaints))
        for name, special, leave in RECORDS:
            n = len(self.server.messages(self.users[name]))
            if n != (self.left if leave else 0):
                raise Wrong("%s: %d messages on the server" % (name, n))
        for what, n in (("pending", self.rig.state("SELECT count(*) FROM pending")[0][0]),
            ("files in the spool without a row, or rows without a file,", len(set(self.rig.spooled()) ^
            {link for link, in self.rig.state("SELECT link FROM relay")})),
                ("suspects", self.rig.state("SELECT count(*) FROM suspect WHERE deaths >= 3")[0][0])):
            if n:
                raise Wrong("%d %s left" % (n, what))

    def close(self):
        for hop in self.hops:
            hop.stop()
        self.rig.close()


class Campaign:
    def __init__(self, kills, seed):
        self.kills, self.rng = kills, random.Random(seed)
        self.done = collections.Counter()
        self.starts = self.messages = 0
        self.sums = collections.Counter()
        self.steps = collections.Counter()

    def start(self, batch):
        """A daemon; in half of the cases one that will kill a process of its own at some step."""
        self.starts += 1
        batch.live(self.starts)
        args = []
        if self.rng.random() < 0.5:
            process = self.rng.choice(sorted(POINTS))
            point = self.rng.choice(POINTS[process])
            args = ["-K", "%s:%s:%d" % (process, point, self.rng.choice([1, 1, 2, 3, 5, 8]))]
            if process in ("rpopd", "sender"):
                batch.hard.add(self.starts)
        return rigs.Daemon(batch.rig, batch.rig.argv(*args, hooks=True)), args

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
        if kills:
            self.steps[args[1].rsplit(":", 1)[0]] += 1
        for _ in range(self.rng.randrange(1, 6)):
            if not daemon.running() or kills >= left:
                break
            batch.arrive(self.rng.randrange(0, 5))
            if self.rng.random() < 0.7:
                batch.rig.ctl("poll", "all", check=False)
            time.sleep(self.rng.choice([0, 0.01, 0.03, 0.06, 0.1, 0.2]))
            if self.rng.random() < 0.05:
                batch.rig.ctl("quarantine", "release", "all", check=False)
            role = self.rng.choices(ROLES, [3, 3, 3, 5, 5, 2, 5, 2])[0]
            if role in ("rpopd", "sender", "connection", "all"):
                batch.hard.add(self.starts)
            if daemon.running() and self.hurt(daemon, role):
                self.done[role] += 1
                kills += 1
        if daemon.running() and kills < left and self.rng.random() < 0.3 and self.hurt(daemon, "all"):
            batch.hard.add(self.starts)
            self.done["all"] += 1
            kills += 1
        if daemon.running():
            sig = self.rng.choice([signal.SIGTERM, signal.SIGKILL])
            if sig == signal.SIGKILL:
                batch.hard.add(self.starts)
            daemon.stop(sig)
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
                self.starts += 1
                batch.finish(self.starts)
            except (Wrong, AssertionError):
                sys.stdout.write(batch.rig.log()[-50000:])
                raise
            finally:
                batch.close()
            self.count(batch)
            print("%5d kills, %6d messages, %6d in Maildirs, each exactly once; %s; %d s" % (sum(self.done.values()),
                self.messages, self.sums["in Maildirs"], self.hop_figures(), time.monotonic() - begun), flush=True)

    def count(self, batch):
        self.messages += batch.arrived
        self.sums.update({"in Maildirs": sum(batch.want.values()), "handed on": len(batch.handed),
            "reported": len(batch.ledger.reported()), "kept": len(batch.ledger.kept), "notes": batch.ledger.notes,
            "doubled": batch.ledger.by_drop + batch.ledger.by_kill, "by_drop": batch.ledger.by_drop,
            "deferrals": sum(h.deferrals for h in batch.hops), "drops": sum(h.drops for h in batch.hops)})

    def hop_figures(self):
        return ("%(handed on)d for next hops, of them %(reported)d reported, %(kept)d in quarantine (%(notes)d notes); "
            "%(deferrals)d deferrals, %(drops)d drops; doubled in the window: %(doubled)d, of them %(by_drop)d by a drop" %
            self.sums)


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
    print("%d kills in %d lives of the daemon, %d messages, %d in Maildirs: none lost, none doubled, servers consistent" %
        (sum(campaign.done.values()), campaign.starts, campaign.messages, campaign.sums["in Maildirs"]))
    print(campaign.hop_figures())
    print("steps: %s" % ", ".join("%s %d" % pair for pair in sorted(campaign.steps.items())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
