# SPDX-License-Identifier: ISC
"""
The next hops of the crash campaign: servers that now and then defer, refuse, or drop the connection, and the account of what
they took.  A message may come twice to a recipient only where the answer to its first arrival was lost: the connection ended with
it, by this end or by the death of the sender or the master.  A client that goes on in the dialogue has had the answer committed.
"""
import collections
import email
import os
import random
import re
import sqlite3

from lib import corpus
from servers.smtp import OK, PERM, TEMP, SmtpServer

DROPS = {"greeting": 0.01, "mail": 0.01, "rcpt": 0.01, "data": 0.01, "dot": 0.06, "reply": 0.04}
DEFERRED, REFUSED = 0.05, 0.08
RETURN_PATH = "carl@sender.example"


class Hop(SmtpServer):
    """Wild until calm is set."""

    def __init__(self, protocol, seed, **kwargs):
        self.calm = False
        self.random = random.Random(seed)
        self.deferrals = self.drops = 0
        self.refused = collections.Counter()	# at RCPT: perhaps nobody saw which message it was
        super().__init__(protocol, **kwargs)

    def reply(self, address):
        chance = self.random.random()
        if self.calm or chance > DEFERRED + REFUSED:
            return False, OK
        early = self.random.random() < 0.5
        self.deferrals += chance < DEFERRED
        self.refused[address] += early and chance >= DEFERRED
        return early, TEMP if chance < DEFERRED else PERM

    def dropping(self, point):
        drop = not self.calm and self.random.random() < DROPS[point]
        self.drops += drop
        return drop

    def account(self, ledger):
        for mail in self.mails:
            if corpus.ident_of(mail.data) is None and is_note(mail.data):
                ledger.notes += 1
                continue
            for address in mail.taken():
                ledger.takings[what(mail.data), address].append(mail)


def what(data):
    """(identity, None), or (identity, recipients) of what a report is about; (None, None): a note to the postmaster."""
    ident = corpus.ident_of(data)
    if b"multipart/report" not in data.split(b"\n\n")[0].split(b"\r\n\r\n")[0]:
        return ident, None
    _, status, header = email.message_from_bytes(data).get_payload()
    ident = corpus.ident_of(header.get_payload(decode=True))
    return ident, tuple(sorted(re.sub(r"^rfc822; *", "", group["Final-Recipient"]) for group in status.get_payload()[1:]))


def is_note(data):
    """A word of rpopd's own to an owner or the postmaster."""
    return re.search(rb"(?m)^Auto-Submitted: auto-generated", data) is not None


class Ledger:
    """What became of each message for each recipient behind a next hop, and of reports."""

    def __init__(self, rig, hops, hard):
        self.rig, self.hard = rig, hard		# hard: lives of the daemon in which master or sender were killed
        self.takings = collections.defaultdict(list)
        self.refused, self.early = refusals(hops), sum((hop.refused for hop in hops), collections.Counter())
        self.wrong, self.by_drop, self.by_kill, self.notes = [], 0, 0, 0
        for hop in hops:
            hop.account(self)
        self.reports, self.maildirs = collections.Counter(), collections.Counter()
        for where, mails in rig.delivered().items():
            for data in mails:
                self.maildir(where, data)
        self.kept = collections.Counter()
        for link, dest in rig.state("SELECT link, dest FROM relay WHERE state = 1"):
            self.quarantined(link, dest)

    def maildir(self, where, data):
        ident, about = what(data)
        if about:
            self.reports.update((ident, address) for address in about)
        elif ident or not is_note(data):
            self.maildirs[where, ident] += 1
        else:
            self.notes += 1

    def quarantined(self, link, dest):
        try:
            with open(os.path.join(self.rig.mail, "spool", link), "rb") as f:
                self.kept[what(f.read()), dest] += 1
        except FileNotFoundError:
            self.wrong.append("quarantined for %s, and no file %s" % (dest, link))

    def lost_answer(self, mail, address):
        """Nobody on the other side can know that this was taken."""
        if mail.followed:
            return False
        return mail.dropped and address not in mail.told or mail.life in self.hard

    def check(self, want, bodies):
        """want: {(ident, address)}; bodies: {ident: octets}.  Returns complaints."""
        reported = self.reported()
        for ident, address in sorted(want):
            pair = ((ident, None), address)
            failed = (ident, address) in reported or pair in self.kept
            if not failed and pair not in self.takings:
                self.wrong.append("lost: %s to %s" % (ident, address))
            if failed and (ident, address) not in self.refused:
                self.early[address] -= 1
                if self.early[address] < 0:
                    self.wrong.append("given up without a refusal: %s to %s" % (ident, address))
            if (ident, address) in reported and pair in self.kept:
                self.wrong.append("reported and quarantined: %s to %s" % (ident, address))
            if failed and not all(self.lost_answer(m, address) for m in self.takings.get(pair, ())):
                self.wrong.append("given up after it was taken: %s to %s" % (ident, address))
        self.wrong += ["reported, of nobody's: %s to %s" % pair for pair in sorted(reported - want)]
        self.wrong += ["reported twice: %s to %s" % pair for pair, n in sorted(self.reports.items()) if n > 1]
        self.wrong += ["quarantined twice: %s" % (pair,) for pair, n in self.kept.items() if n > 1]
        for (message, address), mails in sorted(self.takings.items(), key=str):
            self.check_taken(message, address, mails, want, bodies)
        return self.wrong

    def reported(self):
        """{(ident, address)} of which there is a report, wherever it is."""
        return set(self.reports) | {(message[0], address) for message, _ in list(self.takings) + list(self.kept) if message[1]
            for address in message[1]}

    def check_taken(self, message, address, mails, want, bodies):
        if address != RETURN_PATH if message[1] else (message[0], address) not in want:
            self.wrong.append("misplaced: %s to %s" % (message, address))
        if message[1] is None and any(m.data.split(b"\r\n\r\n", 1)[1] != bodies.get(message[0]) for m in mails):
            self.wrong.append("not its octets: %s to %s" % (message[0], address))
        for m in mails[:-1]:
            if self.lost_answer(m, address):
                dropped = m.dropped and address not in m.told
                self.by_drop += dropped
                self.by_kill += not dropped
            else:
                self.wrong.append("doubled: %s to %s; the answer to the first was %s" % (message, address,
                    "read" if m.followed else "given, and nobody killed"))


def refusals(hops):
    """{(ident, address)} that a 5xx was the answer to, at RCPT or at the end."""
    found = set()
    for hop in hops:
        for mail in hop.mails:
            found |= {(what(mail.data)[0], a) for a, r in mail.answers.items() if r.startswith("5")}
    return found


def due(rig):
    """All that waits is due, and how many that are; the daemon must not run.  A day has gone since any sender was told of a message:
    what failed behind its first report is in the next one."""
    if not os.path.exists(rig.statedb):
        return 0
    try:
        with sqlite3.connect(rig.statedb, timeout=30) as c:
            c.execute("UPDATE told SET at = at - 86401 WHERE about LIKE '%.rig.test,S=%'")
            return c.execute("UPDATE relay SET next = 0 WHERE state IN (0, 2)").rowcount
    except sqlite3.OperationalError:
        return 0	# killed before it had its tables
