# SPDX-License-Identifier: ISC
"""What tests of handing on to next hops have in common: people, a message for them, and what state.db and rpopctl say of the queue."""
import json
import sqlite3

from . import corpus

PM = "postmaster@example.org"
PEOPLE = ["anna@example.org", "bert@example.org", "info@example.org"]
SENDER = "carl@sender.example"


def mail(ident, rcpts=PEOPLE, **kwargs):
    """A message whose special field X-Real-To names these."""
    return corpus.mail(ident, [("X-Real-To", ", ".join(rcpts))], **kwargs)


def due(rig, sql="next = strftime('%s') - 1"):
    """Everything that waits is due; the daemon must not run."""
    with sqlite3.connect(rig.statedb) as c:
        c.execute("UPDATE relay SET " + sql)


def again(rig):
    """The queue's second attempt, and a session behind it: that one deletes what is final by now."""
    due(rig)
    assert rig.once().code == 0
    assert rig.once().code == 0


def states(rig):
    """{recipient: state} of what is in the queue."""
    names = ["waiting", "quarantined", "failed"]
    return {d: names[s] for d, s in rig.state("SELECT dest, state FROM relay")}


def seen(rig):
    """States of all that is known of the remote mailboxes, in order."""
    return sorted(s for s, in rig.state("SELECT state FROM seen"))


def listed(rig, what=("queue",)):
    """What rpopctl lists as the queue, or as the quarantine."""
    return json.loads(rig.ctl("-j", *what).log)["queue"]
