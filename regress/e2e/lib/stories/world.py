# SPDX-License-Identifier: ISC
"""One world: an installation of rpopd, the mailboxes it polls, the hops it hands on to, and what each step of a story does to them."""
import os
import pwd
import random
import shutil
import sqlite3

from lib import rig as rigs
from servers.smtp import OK, PERM, TEMP, SmtpServer

from .server import Mailbox

PEOPLE = ["anna", "bert"]
KINDS = ["delete", "leave", "unified"]
REPLIES = {"ok": OK, "later": TEMP, "never": PERM}
DAY = 86400


class World:
    """Steps are methods do_X(rng, ...): each applies as far as it can, and never fails because of what earlier steps left."""

    def __init__(self, pki, seed):
        rng = random.Random("world %s" % seed)
        self.pki, self.seed = pki, seed
        self.rig = rigs.Rig(pki, delay_failed_accounts=10, delay_failed_hosts=10)
        self.life, self.hard = 0, set()		# hard: lives of the daemon that ended by a kill
        self.boxes, self.hops, self.stopped_hops = [], {}, []
        self.names = iter("hop%d" % n for n in range(1, 1000))
        self.broken = set()			# accounts whose new/ cannot be written
        self.saved = None			# (directory with a copy of state.db, letters expunged by then)
        for who in ["postmaster"] + PEOPLE:
            self.rig.account(who + "@example.org")
        for i, kind in enumerate(rng.sample(KINDS, rng.choice([1, 1, 2]))):
            self.record(rng, "b%d" % i, kind)
        self.rig.write_db()
        if rng.random() < 0.6:
            self.add_hop(rng)

    def record(self, rng, name, kind):
        box = Mailbox(self.pki, name, rng.choice(["counter", "lowest", "lowest", "digest"]), rng.random() < 0.5)
        box.kind, box.leave, box.record = kind, int(kind == "leave" or rng.random() < 0.2), name
        box.owner = "postmaster" if kind == "unified" else rng.choice(PEOPLE)
        self.boxes.append(box)
        columns = {"leave": box.leave, "special": "X-Real-To" if kind == "unified" else None}
        if box.leave and rng.random() < 0.15:
            columns["leave_days"] = 5
        if box.leave and rng.random() < 0.15:
            box.mark = True
            columns["first_poll"] = "mark"
        self.rig.record(box.owner + "@example.org", name, box.server, **columns)

    def add_hop(self, rng):
        hop = SmtpServer(rng.choice(["lmtp", "smtp"]))
        name = next(self.names)
        hop.who = rng.choice(PEOPLE)
        self.hops[name] = hop
        self.sql("INSERT INTO nexthop (name, protocol, address, timeout) VALUES ('%s', '%s', '%s', 30);"
            "UPDATE account SET nexthop = '%s' WHERE name = '%s';" % (name, hop.protocol, hop.address, name, hop.who))

    def sql(self, text):
        return self.rig.sqlite(text, check=False)

    def rows(self, text):
        with sqlite3.connect(self.rig.db, timeout=30) as c:
            return c.execute(text).fetchall()

    def state(self, text, *args):
        """Write to state.db, as no administrator should; the daemon does not run."""
        if os.path.exists(self.rig.statedb):
            try:
                with sqlite3.connect(self.rig.statedb, timeout=30) as c:
                    return c.execute(text, args).fetchall()
            except sqlite3.OperationalError:
                return []
        return []

    def mails(self):
        return [m for hop in list(self.hops.values()) + self.stopped_hops for m in hop.mails]

    # --- the provider ---
    def do_arrive(self, rng, which, n):
        box = self.boxes[which % len(self.boxes)]
        for _ in range(n):
            if box.kind == "unified":
                wants = rng.choice([["anna"], ["bert"], ["anna", "bert"], ["postmaster"]])
                headers = [("X-Real-To", ", ".join(w + "@example.org" for w in wants))]
            else:
                wants, headers = [box.owner], []
            box.arrive(rng, wants, headers)

    def unified(self):
        return next((box for box in self.boxes if box.kind == "unified"), None)

    def do_copies(self, rng):
        if self.unified():
            self.unified().copies(rng.choice([["anna", "bert"], ["anna", "bert", "anna"], ["bert", "bert"]]))

    def do_alarms(self, rng, n):
        if self.unified():
            self.unified().alarms(n, rng.choice(PEOPLE))

    def do_elsewhere(self, rng, which, everything):
        """Somebody deletes at the provider what he likes."""
        box = self.boxes[which % len(self.boxes)]
        n = len(box.messages())
        box.remove(range(n) if everything else rng.sample(range(n), rng.randrange(n + 1)) if n else [])

    def do_renumber(self, rng, which):
        self.boxes[which % len(self.boxes)].renumber()

    def do_backup_box(self, rng, which):
        self.boxes[which % len(self.boxes)].backup()

    def do_restore_box(self, rng, which):
        self.boxes[which % len(self.boxes)].restore()

    def do_replace_box(self, rng, which):
        """Another machine at the provider, empty, whose numbers begin again."""
        box = self.boxes[which % len(self.boxes)]
        box.remove(range(len(box.messages())))
        if box.policy == "counter":
            box.number = 0

    # --- rpopd ---
    def run(self, *args, hooks=False):
        self.life += 1
        for hop in self.hops.values():
            hop.life = self.life
        result = self.rig.once(*args, hooks=hooks, timeout=120)
        if result.code < 0:
            self.hard.add(self.life)
        for d in self.rig.runs[-1:]:
            d.kill()
        return result

    def do_poll(self, rng):
        return self.run()

    def do_mischief(self, rng, which, what):
        box = self.boxes[which % len(self.boxes)]
        box.office.mischief = what
        self.run()
        box.office.mischief = None

    def do_kill(self, rng, process, hook, n):
        self.hard.add(self.life + 1)
        self.run("-K", "%s:%s:%d" % (process, hook, n), hooks=True)

    def do_days(self, rng, days):
        """Time passes: every time that is stored becomes older."""
        for table, columns in (("seen", ("gone", "since")), ("suspect", ("gone", "since")), ("oversize", ("gone", "since")),
            ("copy", ("since",)), ("handled", ("since",)), ("relay", ("next",)), ("mailbox", ("listed", "removed"))):
            for c in columns:
                self.state("UPDATE %s SET %s = %s - ? WHERE %s > 1000000000" % (table, c, c, c), days * DAY)
        self.state("UPDATE meta SET value = value - ? WHERE key = 'pruned'", days * DAY)
        for box in self.boxes:
            for letter in box.letters:
                if days >= 14:
                    letter.why.add("old")

    def do_due(self, rng):
        """All that waits for a next hop is due."""
        self.state("UPDATE relay SET next = 0")

    # --- next hops ---
    def do_hop(self, rng, mode):
        for hop in self.hops.values():
            hop.default = REPLIES.get(mode, OK)
            hop.drop = {"dot": 1} if mode == "drop" else {}

    def do_new_hop(self, rng):
        """The hop in use is removed, and another server gets its place."""
        for name in list(self.hops):
            self.sql("UPDATE account SET nexthop = NULL WHERE nexthop = '%s'; DELETE FROM nexthop WHERE name = '%s';" % (name, name))
            hop = self.hops.pop(name)
            hop.removed_at = self.life
            self.stopped_hops.append(hop)
        self.add_hop(rng)

    def do_no_hop(self, rng):
        self.sql("UPDATE account SET nexthop = NULL;")

    # --- the administrator ---
    def key(self, box):
        return "account = '%s@example.org' AND name = '%s'" % (box.owner, box.record)

    def do_leave(self, rng, which):
        box = self.boxes[which % len(self.boxes)]
        box.leave = 1 - box.leave
        self.sql("UPDATE rpop SET leave = %d, leave_days = NULL, first_poll = 'retrieve' WHERE %s;" % (box.leave, self.key(box)))

    def do_port(self, rng, which):
        box = self.boxes[which % len(self.boxes)]
        box.another_port(self.pki)
        self.sql("UPDATE rpop SET domain = 'localhost:%d' WHERE %s;" % (box.server.port, self.key(box)))

    def do_readd(self, rng, which):
        """The record is removed, the daemon runs without it, and it is there again."""
        box = self.boxes[which % len(self.boxes)]
        self.sql("CREATE TABLE gone AS SELECT * FROM rpop WHERE %s; DELETE FROM rpop WHERE %s;" % (self.key(box), self.key(box)))
        self.run()
        columns = [c for c, in self.rows("SELECT name FROM pragma_table_info('rpop')")]
        self.sql("INSERT INTO rpop (%s) SELECT %s FROM gone; DROP TABLE gone;" % (", ".join(columns), ", ".join(columns)))

    def do_max_size(self, rng, which, octets):
        box = self.boxes[which % len(self.boxes)]
        self.sql("UPDATE rpop SET max_size = %s WHERE %s;" % (octets or "NULL", self.key(box)))

    def do_release(self, rng):
        """What is in quarantine is to be delivered."""
        daemon = self.rig.start()
        self.life += 1
        for hop in self.hops.values():
            hop.life = self.life
        self.rig.ctl("quarantine", "release", "all", check=False)
        daemon.stop()

    def do_rename(self, rng, which):
        box = self.boxes[which % len(self.boxes)]
        old, box.record = self.key(box), box.record + "x"
        self.sql("UPDATE rpop SET name = '%s' WHERE %s;" % (box.record, old))

    # --- disks ---
    def do_lose_body(self, rng):
        """Files of the spool that are held for next hops vanish."""
        spool = os.path.join(self.rig.mail, "spool")
        held = [link for link, in self.state("SELECT link FROM relay WHERE state IN (0, 2)")]
        for link in held:
            if rng.random() < 0.5 and os.path.exists(os.path.join(spool, link)):
                os.unlink(os.path.join(spool, link))

    def do_break(self, rng, who):
        new = os.path.join(self.rig.mail, "example.org", PEOPLE[who % 2], "new")
        if os.path.isdir(new):
            os.chown(new, 0, 0)
            os.chmod(new, 0o700)
            self.broken.add(new)

    def do_mend(self, rng):
        owner = pwd.getpwnam("_rpopm")
        for new in self.broken:
            os.chown(new, owner.pw_uid, owner.pw_gid)
        self.broken.clear()

    def do_save_state(self, rng):
        """A backup of state.db, made as rpopd(8) says."""
        if os.path.exists(self.rig.statedb):
            copy = os.path.join(self.rig.dir, "saved.db")
            if os.path.exists(copy):
                os.unlink(copy)
            with sqlite3.connect(self.rig.statedb, timeout=30) as c, sqlite3.connect(copy) as to:
                c.backup(to)
            self.saved = copy

    def do_wrong_state(self, rng):
        """The backup of state.db is put in place, the daemon must refuse it if anything has been committed since; then it is taken back."""
        if self.saved is None or not os.path.exists(self.rig.statedb):
            return
        aside = os.path.join(self.rig.dir, "aside")
        os.makedirs(aside, exist_ok=True)
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(self.rig.statedb + suffix):
                shutil.move(self.rig.statedb + suffix, os.path.join(aside, "state.db" + suffix))
        shutil.copy(self.saved, self.rig.statedb)
        os.chmod(self.rig.statedb, 0o600)
        self.refused = self.run()
        told = "older than mail_root" in self.refused.log and self.refused.code != 0
        if told:
            for suffix in ("", "-wal", "-shm"):
                if os.path.exists(self.rig.statedb + suffix):
                    os.unlink(self.rig.statedb + suffix)
                if os.path.exists(os.path.join(aside, "state.db" + suffix)):
                    shutil.move(os.path.join(aside, "state.db" + suffix), self.rig.statedb + suffix)
        else:				# nothing was committed since, or the daemon did not notice: what was delivered may come again
            for box in self.boxes:
                for letter in box.letters:
                    letter.why.add("may come again")

    # --- the end ---
    def drain(self):
        """Everything works again, and runs follow each other until one has nothing left to do."""
        rng = random.Random(0)
        self.do_mend(rng)
        self.sql("UPDATE rpop SET max_size = NULL;")
        self.do_hop(rng, "ok")
        result = None
        for i in range(10):
            self.do_due(rng)
            self.state("UPDATE suspect SET since = 0")
            waited = self.state("SELECT count(*) FROM relay WHERE state IN (0, 2)")
            result = self.run()
            left = self.state("SELECT count(*) FROM relay WHERE state IN (0, 2)")
            if i > 1 and result.code == 0 and waited == left:
                return True
        self.last = result
        return False

    def close(self):
        for box in self.boxes:
            box.stop()
        for hop in list(self.hops.values()) + self.stopped_hops:
            hop.stop()
        self.rig.close()
