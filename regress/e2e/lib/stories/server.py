# SPDX-License-Identifier: ISC
"""The provider's side of a story: a mailbox whose letters are known one by one, and a POP3 server that shows it."""
import hashlib

from lib import corpus
from servers.pop3 import Behaviour, Close, Pop3Server

MISCHIEF = ["lose_quit", "expunge_lose", "quit_refused", "cut_retr", "deny_dele", "ignore_dele", "no_top", "empty"]


class Letter:
    """A message that came to a provider.  wants: local parts of the accounts that must have it; why: excuses, see verdict.py."""

    def __init__(self, ident, data, wants, box):
        self.ident, self.data, self.wants, self.box = ident, data, frozenset(wants), box
        self.why = set()
        self.uid = None
        self.expunged = False		# a session of ours deleted it
        self.listed = 0			# complete listings that had it


class Office(Behaviour):
    """Honest but for the next session's mischief, which is done once."""

    def __init__(self, mailbox):
        super().__init__()
        self.mailbox, self.mischief = mailbox, None

    def take(self, *names):
        """Is one of these due?  It is done with then."""
        if self.mischief in names:
            done, self.mischief = self.mischief, None
            return done
        return None

    def view(self, s, messages):
        s.mischief = self.take(*MISCHIEF)
        return [] if s.mischief == "empty" else list(messages)

    def capa(self, s):
        return [c for c in super().capa(s) if c != "TOP" or getattr(s, "mischief", None) != "no_top"]

    def cmd_top(self, s, arg):
        return self.err(s, "top", b"unknown") if s.mischief == "no_top" else super().cmd_top(s, arg)

    def cmd_uidl(self, s, arg):
        super().cmd_uidl(s, arg)
        if not arg and s.mischief != "empty":
            for m in s.view:
                m.letter.listed += 1
        if not arg:
            self.mailbox.shown = {m.uid for m in s.view}

    def cmd_retr(self, s, arg):
        if s.mischief == "cut_retr":
            raise Close
        super().cmd_retr(s, arg)

    def cmd_dele(self, s, arg):
        return self.err(s, "dele", b"not allowed") if s.mischief == "deny_dele" else super().cmd_dele(s, arg)

    def expunge(self, s):
        if s.mischief == "ignore_dele":
            return
        for n in s.deleted:
            s.view[n - 1].letter.expunged = True
        super().expunge(s)

    def cmd_quit(self, s, arg):
        if s.mischief == "expunge_lose" and s.logged_in:
            self.expunge(s)
        if s.mischief in ("expunge_lose", "lose_quit"):
            raise Close
        if s.mischief == "quit_refused":
            self.err(s, "quit", b"some deleted messages not removed")
            raise Close
        super().cmd_quit(s, arg)


class Mailbox:
    """
    One remote mailbox.  policy names how unique-ids are given: "counter" (never again), "lowest" (the lowest number that is free now),
    "digest" (of the message).
    """

    def __init__(self, pki, name, policy, same_size):
        self.name, self.policy, self.same_size = name, policy, same_size
        self.serial, self.number = 0, 0
        self.letters = []			# all there ever were
        self.kept = None			# a backup: [(letter, uid)]
        self.shown = set()			# unique-ids of the last listing
        self.ever = {}				# unique-id: sizes of letters it was ever given to
        self.server = Pop3Server(pki, Office(self), mode="plain")
        self.others = []			# servers at other ports over the same mailbox

    @property
    def office(self):
        return self.server.behaviour

    def messages(self):
        return self.server.box.messages

    def present(self):
        return [m.letter for m in self.messages()]

    def next_uid(self, data):
        self.number += 1
        if self.policy == "counter":
            return b"c%06d" % self.number
        if self.policy == "digest":
            return hashlib.md5(data).hexdigest().encode()
        taken = {m.uid for m in self.messages()}
        return next(b"%d" % n for n in range(1, len(taken) + 2) if b"%d" % n not in taken)

    def arrive(self, rng, wants, headers=()):
        self.serial += 1
        ident = "%s-%04d" % (self.name, self.serial)
        body = b"text of a letter\r\n" * (3 if self.same_size else rng.randrange(1, 60))
        data = corpus.mail(ident, headers, body + b"no %s\r\n" % ident.encode(), to=", ".join("%s@example.org" % w for w in sorted(wants)))
        letter = Letter(ident, data, wants, self)
        self.letters.append(letter)
        self.put(letter, self.next_uid(data))
        return letter

    def copies(self, wants):
        """A provider that stores one copy for each recipient: the same message, the field at its top differs."""
        self.serial += 1
        ident = "%s-%04d" % (self.name, self.serial)
        for who in wants:
            data = corpus.mail(ident, [("X-Real-To", who + "@example.org")], b"for several\r\n", to="all@example.org")
            letter = Letter(ident, data, [who], self)
            self.letters.append(letter)
            self.put(letter, self.next_uid(data))

    def alarms(self, n, who):
        """A device says the same again: nothing but the provider's own trace tells the messages apart."""
        ident = "%s-alarm-%s" % (self.name, who)
        for _ in range(n):
            self.serial += 1
            trace = "from ups.example by pop.provider.example id %d; Fri, 01 Mar 2024 12:00:00 +0000" % (100000 + self.serial)
            data = corpus.mail(ident, [("X-Real-To", who + "@example.org"), ("Message-ID", None), ("Date", None),
                ("Received", trace)], b"on battery\r\n")
            letter = Letter(ident, data, [who], self)
            self.letters.append(letter)
            self.put(letter, self.next_uid(data))

    def put(self, letter, uid):
        """A letter is there (again).  One that cannot be told from an earlier one by its listing may be hidden while nothing is deleted."""
        if uid in self.shown and len(letter.data) in self.ever.get(uid, ()) and letter.uid != uid:
            letter.why.add("looks like another")
        self.ever.setdefault(uid, set()).add(len(letter.data))
        letter.uid = uid
        letter.expunged = False
        self.server.box.add(letter.data, uid)
        self.messages()[-1].letter = letter

    def remove(self, chosen):
        with self.server.box.lock:
            self.messages()[:] = [m for i, m in enumerate(self.messages()) if i not in chosen]

    def renumber(self):
        """New unique-ids for all: what was left here may come once more."""
        letters = self.present()
        self.remove(range(len(letters)))
        for letter in letters:
            self.number += 1
            letter.why.add("may come again")
            self.put(letter, b"r%06d" % self.number)

    def backup(self):
        self.kept = [(m.letter, m.uid) for m in self.messages()]

    def restore(self):
        """The provider's machine is put back to its backup; what came since is gone there."""
        if self.kept is not None:
            self.remove(range(len(self.messages())))
            for letter, uid in self.kept:
                self.put(letter, uid)

    def another_port(self, pki):
        """The same mailbox behind another port."""
        other = Pop3Server(pki, self.office, mode="plain")
        other.box = self.server.box
        self.others.append(self.server)
        self.server = other

    def stop(self):
        for server in self.others + [self.server]:
            server.stop()
