# SPDX-License-Identifier: ISC
"""What servers do about DELE and QUIT, and to the mailbox between and within sessions."""
from servers.behaviours import Behaviour, ExpungeThenLose, IgnoreDele, LoseAtQuit, QuitRefused, RefuseDele, RenumberOnDele
from servers.pop3 import Close

from . import add

CLOSED = "closed|lost"


class RefuseSome(Behaviour):
    """DELE of even numbers is refused."""

    def cmd_dele(self, s, arg):
        if int(arg) % 2 == 0:
            return self.err(s, "dele", b"not this one")
        super().cmd_dele(s, arg)


class DeletesAtOnce(Behaviour):
    """DELE removes without waiting for QUIT."""

    def cmd_dele(self, s, arg):
        super().cmd_dele(s, arg)
        if s.valid(arg):
            return
        gone = s.view[int(arg) - 1]
        with s.box.lock:
            s.box.messages[:] = [m for m in s.box.messages if m is not gone]


class DeletesOnRetr(Behaviour):
    """What was retrieved is gone, DELE or not (some providers call it recent mode)."""

    def cmd_retr(self, s, arg):
        super().cmd_retr(s, arg)
        if s.valid(arg) and int(arg) not in s.deleted:
            s.retrieved = getattr(s, "retrieved", []) + [int(arg)]

    def expunge(self, s):
        s.deleted += [n for n in getattr(s, "retrieved", []) if n not in s.deleted]
        super().expunge(s)


class HidesRetrieved(Behaviour):
    """After a session that retrieved them messages are listed no more until they were absent once."""

    def __init__(self):
        super().__init__()
        self.hidden = []

    def view(self, s, messages):
        shown = [m for m in messages if not any(m is h for h in self.hidden)]
        self.hidden = []
        return shown

    def cmd_retr(self, s, arg):
        super().cmd_retr(s, arg)
        if s.valid(arg):
            self.hidden.append(s.view[int(arg) - 1])


class Resurrects(Behaviour):
    """Deleted messages are back in the next session, under the same unique-ids, behind the others."""

    def expunge(self, s):
        gone = [s.view[n - 1] for n in s.deleted]
        with s.box.lock:
            s.box.messages[:] = [m for m in s.box.messages if not any(m is g for g in gone)] + gone


class Shuffles(Behaviour):
    """Another order in each session."""

    def view(self, s, messages):
        n = s.number % len(messages) if messages else 0
        return messages[n:] + messages[:n]


class VanishMidway(Behaviour):
    """The mailbox is emptied under the session after the listing: each RETR is refused; next time all are back."""

    def cmd_retr(self, s, arg):
        self.err(s, "retr", b"no such message")


class QuitSilent(Behaviour):
    """QUIT is answered by a closed connection, deletion done."""

    def cmd_quit(self, s, arg):
        self.expunge(s)
        raise Close


add("dele-refused", RefuseDele, "OK", None)
add("dele-refused-some", RefuseSome, "OK", None)
add("dele-refused-for-ever", RefuseDele, "OK", None, rounds=2)
add("dele-ignored", IgnoreDele, "OK", rounds=2)
add("dele-at-once", DeletesAtOnce, "OK")
add("dele-on-retr", DeletesOnRetr, "OK", left=None)
add("dele-undone", Resurrects, "OK", rounds=2)
add("renumber-on-dele", RenumberOnDele, "OK")
add("quit-lost", LoseAtQuit, "R3", CLOSED, rounds=2)
add("quit-refused", QuitRefused, "R3", None, rounds=2)
add("expunge-lost", ExpungeThenLose, "R3", CLOSED)
add("expunge-silent", QuitSilent, "R3", CLOSED)
add("hides-retrieved", HidesRetrieved, "OK", rounds=2)
add("shuffles", Shuffles, "OK", rounds=2)
add("vanish-midway", VanishMidway, "OK", got=[])
