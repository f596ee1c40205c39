# SPDX-License-Identifier: ISC
"""
What must have become of every letter when a story is over and everything works again.

	a letter				must be
	deleted by a session of ours		safe: with everybody it was for, or reported, or in quarantine with its body
	still at the provider			the same, unless the record marked it, or its listing cannot be told from that of a
						letter that was delivered before, and nothing is deleted here
	gone from the provider otherwise	nowhere twice
	any					with nobody twice, unless its unique-id was changed, the state was put back, or the answer
						of a next hop was lost
	any					with nobody it was not for

An empty list of complaints is a good end.
"""
import collections
import email
import os
import re

from lib import corpus


def about(data):
    """(ident, None) of a letter; (ident, {addresses}) of a report; (None, None) of other notes."""
    head = re.split(rb"\r?\n\r?\n", data, maxsplit=1)[0]
    if b"multipart/report" not in head:
        return corpus.ident_of(data), None
    parts = email.message_from_bytes(data).get_payload()
    who = {re.sub(r"^(rfc822|utf-8); *", "", group["Final-Recipient"]) for group in parts[1].get_payload()[1:]}
    return corpus.ident_of(parts[2].get_payload(decode=True) or parts[2].as_bytes()), who


class Ledger:
    """places[ident, local part]: how often it is there for good; kept: likewise, reported or in quarantine."""

    def __init__(self, world):
        self.world = world
        self.places, self.kept = collections.Counter(), collections.Counter()
        self.lost_answers = collections.Counter()
        self.wrong = []
        for where, mails in world.rig.delivered().items():
            for data in mails:
                self.local(where.split("/")[-1], data)
        for mail in world.mails():
            self.taken(mail)
        self.quarantine()

    def local(self, who, data):
        ident, reported = about(data)
        if reported is not None:
            self.kept.update((ident, a.split("@")[0]) for a in reported)
        elif ident:
            self.places[ident, who] += 1

    def taken(self, mail):
        ident, reported = about(mail.data)
        for address in mail.taken():
            if reported is not None:
                self.kept.update((ident, a.split("@")[0]) for a in reported)
            elif ident:
                self.places[ident, address.split("@")[0]] += 1
                unread = mail.dropped and address not in mail.told or mail.life in self.world.hard
                self.lost_answers[ident, address.split("@")[0]] += not mail.followed and unread

    def quarantine(self):
        """What is kept here: in quarantine, or for a next hop that is there no more until the administrator says where it is to go."""
        there = ", ".join("'%s'" % name for name in self.world.hops) or "''"
        rows = self.world.state("SELECT link, dest FROM relay WHERE state = 1 OR (state IN (0, 2) AND nexthop IN"
            " (SELECT id FROM hop WHERE name NOT IN (%s)))" % there)
        for link, dest in rows:
            path = os.path.join(self.world.rig.mail, "spool", link)
            if not os.path.exists(path):
                self.wrong.append("kept for %s without a body" % dest)
                continue
            with open(path, "rb") as f:
                ident, _ = about(f.read())
            who = dest.split("@")[0] if "@" in dest else dest.split("/")[1]
            self.kept[ident, who] += 1


def complaints(world):
    ledger = Ledger(world)
    wrong = list(ledger.wrong)
    paused = {r for r, in world.state("SELECT m.record FROM renumbered n JOIN mailbox m ON m.id = n.mailbox")}
    known = {}
    for box in world.boxes:
        present = set(map(id, box.present()))
        excused = box.record in paused or getattr(box, "mark", False)
        for letter in box.letters:
            for who in letter.wants:
                known.setdefault((letter.ident, who), []).append(letter)
                letter.open = id(letter) in present and not excused and not (box.leave and "looks like another" in letter.why)
    for (ident, who), letters in known.items():
        n = ledger.places[ident, who]
        safe = n + ledger.kept[ident, who]
        least = sum(a.expunged or a.open for a in letters) if "alarm" in ident else any(a.expunged or a.open for a in letters)
        most = len(letters) if "alarm" in ident else 1
        if safe < least:
            wrong.append("%s: %s for %s, %d of %d (%s)" % ("lost" if any(a.expunged for a in letters) else "withheld", ident, who, safe,
                least, ", ".join("%r %s" % (a.uid, "deleted by us" if a.expunged else "there" if a.open else "gone") for a in letters)))
        if n > most + ledger.lost_answers[ident, who] and not any(a.why & {"may come again", "old"} for a in letters):
            wrong.append("doubled: %s, %d times with %s" % (ident, n, who))
    idents = {ident for ident, _ in known}
    wrong += ["misplaced: %s with %s" % pair for pair in ledger.places if pair[0] in idents and pair not in known]
    return wrong
