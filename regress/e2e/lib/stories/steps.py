# SPDX-License-Identifier: ISC
"""Which steps a story is made of, and how often each comes.  A step is (name, seed, arguments...); world.py does it."""
import random

from .server import MISCHIEF

KILLS = {
    "rpopd": ["master.planned", "master.receipts", "master.commit_before", "master.commit_after", "master.committed_sent",
        "master.verdict_sent", "master.settled", "master.done", "master.queue_before", "master.queue_change", "master.queue_changed", "master.queue_report"],
    "fetcher": ["fetcher.listed", "fetcher.end", "fetcher.dele", "fetcher.quit", "fetcher.quit_ok"],
    "deliverer": ["deliverer.begin", "deliverer.named", "deliverer.written", "deliverer.fsync_spool", "deliverer.receipt",
        "deliverer.committed", "deliverer.rename", "deliverer.renamed", "deliverer.settle", "deliverer.replay", "deliverer.queue_remove"],
    "sender": ["sender.dot", "sender.dot_sent", "sender.told"],
}

WEIGHTS = {"arrive": 26, "poll": 24, "mischief": 10, "kill": 10, "elsewhere": 6, "renumber": 1, "backup_box": 2, "restore_box": 3,
    "replace_box": 2, "hop": 8, "due": 4, "new_hop": 2, "no_hop": 1, "leave": 3, "port": 2, "rename": 2, "readd": 2, "max_size": 2,
    "release": 1, "copies": 3, "alarms": 3, "days": 4, "lose_body": 3,
    "break": 2, "mend": 2, "save_state": 2, "wrong_state": 2}


def step(rng):
    name = rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    head = (name, rng.getrandbits(30))
    if name == "arrive":
        return head + (rng.randrange(2), rng.choice([1, 1, 2, 3, 6]))
    if name == "mischief":
        return head + (rng.randrange(2), rng.choice(MISCHIEF))
    if name == "kill":
        process = rng.choice(list(KILLS))
        return head + (process, rng.choice(KILLS[process]), rng.choice([1, 1, 2, 3]))
    if name == "elsewhere":
        return head + (rng.randrange(2), rng.random() < 0.5)
    if name == "hop":
        return head + (rng.choice(["ok", "ok", "later", "later", "never", "drop"]),)
    if name == "days":
        return head + (rng.choice([1, 2, 2, 6, 20]),)
    if name == "break":
        return head + (rng.randrange(2),)
    if name == "max_size":
        return head + (rng.randrange(2), rng.choice([0, 600, 900]))
    if name == "alarms":
        return head + (rng.randrange(1, 4),)
    if name in ("renumber", "backup_box", "restore_box", "replace_box", "leave", "port", "rename", "readd"):
        return head + (rng.randrange(2),)
    return head


def story(seed, length=None):
    """The steps of a world; something arrives and is polled at first, so that there is something to go wrong."""
    rng = random.Random("story %s" % seed)
    begin = [("arrive", rng.getrandbits(30), i, rng.choice([1, 3, 8])) for i in range(2)] + [("poll", 0)]
    return begin + [step(rng) for _ in range(length or rng.randrange(8, 40))]


def told(steps):
    """A story in words."""
    return "\n".join("  %2d. %s %s" % (i, s[0], " ".join(str(a) for a in s[2:])) for i, s in enumerate(steps, 1))
