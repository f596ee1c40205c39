# SPDX-License-Identifier: ISC
"""
A server that lists very many messages, all of them equal, and ends its sessions badly: the daemon goes on with everything else.  How long
that takes is the machine's affair; what is counted is the work (statements, and rows visited) between two turns of the event loop.
"""
import os
import re
import signal

import pytest

from lib import rig as rigs
from servers.masses import Asker, Mass
from servers.pop3 import Pop3Server

ANNA = "example.org/anna"
SHARE = 8192			# of work in a turn: a slice has a quarter of that, a batch of receipts about as much
# The work of a turn does not depend on how many there are, as long as they are some slices; a hundred thousand take minutes.
VERY_MANY = 100_000 if os.environ.get("RPOPD_CAMPAIGN") else 20_000


def retrieved(rig):
    return rig.state("SELECT count(*) FROM seen WHERE state = 0 AND length(uid) <= 70")[0][0]


def files(rig):
    where = os.path.join(rig.mail, ANNA, "new")
    return len(os.listdir(where)) if os.path.isdir(where) else 0


def ended(rig, server, sessions):
    """So many sessions began, and none runs."""
    rigs.wait_for(lambda: len(server.sessions) >= sessions and rig.status()["records"][0]["state"] in ("idle", "queued", "host-delay"),
        "the end of session %d" % sessions, 10 * rigs.PATIENCE)


@pytest.fixture
def mass(personal):
    servers = []

    def make(n, ending, **columns):
        server = Pop3Server(personal.pki, Mass(n, ending, fresh=columns.pop("fresh", False)), (), "plain")
        servers.append(server)
        personal.settings.update(delay_failed_hosts=10, delay_failed_accounts=10, idle_timeout=600, session_timeout=3600)
        personal.record("anna@example.org", "mass", server, **columns)
        return server
    yield make
    for s in servers:
        s.stop()


# Equal messages under unique-ids of their own; after a session that was not in step each of them is retrieved and compared, and found.
@pytest.mark.parametrize("n,ending,fresh", [(VERY_MANY, "garbage", False), (10000, "hangup", False), (10000, "mixed", False), (10000, "garbage", True)])
def test_answers_all_the_time(personal, mass, n, ending, fresh):
    server = mass(n, ending, leave=1, fresh=fresh)
    others = 1 if ending == "mixed" else 0	# what came in place of the last one is a message, too
    daemon = personal.start(hooks=True)
    asker = Asker(personal)
    asker.start()
    try:
        ended(personal, server, 1)
        rigs.wait_for(lambda: files(personal) == n - 1 + others, "every message in its place")
        server.behaviour.ending = "honest"
        personal.ctl("poll", "all")
        ended(personal, server, 2)
    finally:
        asker.end()
        daemon.stop()
    assert asker.answers > 0 and not asker.refused
    assert files(personal) == n + others, "each of them once"
    assert retrieved(personal) == n
    assert personal.state("SELECT count(*) FROM unproven") == [(0,)]
    most = int(re.search(r"most work in one turn: (\d+)", daemon.log()).group(1))
    assert most <= SHARE, "%d in one turn" % most


# Slices of a session's end, and of the next one's: whichever was the last, nothing is lost or comes twice.
@pytest.mark.parametrize("session,point", [(1, "master.state_unprove:1"), (1, "master.state_unprove:4"), (1, "master.state_slice:2"), (1, "master.state_slice:6"),
    (2, "master.state_slice:1"), (2, "master.state_slice:5"), (2, "master.state_change:3")])
def test_killed_between_slices(personal, mass, session, point):
    n = 2000
    server = mass(n, "garbage", leave=1)
    if session == 2:
        assert personal.once().code == 1
    assert personal.once("-K", "rpopd:" + point, hooks=True).code == -signal.SIGKILL
    moved, pending = files(personal), personal.state("SELECT count(*) FROM pending")[0][0]
    assert moved <= n - 1 <= moved + pending, "each is in its place or written down"
    server.behaviour.ending = "honest"
    for _ in range(3):
        if personal.once().code == 0:
            break
    assert personal.once().code == 0
    assert files(personal) == n
    assert retrieved(personal) == n
    assert personal.state("SELECT count(*) FROM seen WHERE length(uid) > 70") == [(0,)]
