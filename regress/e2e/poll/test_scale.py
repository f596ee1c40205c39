# SPDX-License-Identifier: ISC
"""Two hundred sessions at once on live hosts, beside five hundred records on dead ones: the live ones keep their periods."""
import re
import socket
import threading
import time

import pytest

from lib import corpus, rig as rigs, sniff
from servers.pop3 import Behaviour, Pop3Server

ANNA = "example.org/anna"
HOSTS, EACH = 20, 10			# live; 10 is what host_sessions allows
DEAD = 250				# records on each dead host
PERIOD = DELAY = 10			# s, the least that settings allow
DEAD_HOST = "127.0.3.1"
REFUSING, SILENT = 1998, 1999		# ports of it
LET_IN = 12				# sessions a new host may get before it is known to be dead: the probe, and host_sessions


class Gathers(Behaviour):
    """After the login nothing goes on until every one of the live sessions is there; once."""
    here, everybody = 0, threading.Event()
    lock = threading.Lock()

    def cmd_retr(self, s, arg):
        with Gathers.lock:
            Gathers.here += 1
            if Gathers.here >= HOSTS * EACH:
                Gathers.everybody.set()
        Gathers.everybody.wait(60)
        super().cmd_retr(s, arg)


@pytest.fixture
def network():
    n = sniff.Network()
    yield n
    n.close()


def black_hole():
    """A port whose SYNs are dropped: nobody accepts, and the queue is full.  Returns what keeps it so."""
    held = [socket.create_server((DEAD_HOST, SILENT), backlog=0)]
    while True:
        s = socket.socket()
        s.settimeout(0.5)
        try:
            s.connect((DEAD_HOST, SILENT))
        except TimeoutError:
            s.close()
            return held
        held.append(s)


def rows(rig):
    return {r["name"]: r for r in rig.status()["records"]}


def test_live_hosts_keep_their_periods(network, personal):
    held = black_hole()
    sniffer = sniff.Sniffer()		# now: what fills the queue is not to be counted
    personal.settings.update(processors=HOSTS * EACH + 2 * LET_IN, idle_timeout=30, session_timeout=300, delay_failed_hosts=DELAY,
        delay_failed_accounts=DELAY)
    live = [Pop3Server(personal.pki, Gathers(), [corpus.mail("first%d" % i)], "plain", "127.0.1.%d" % (i + 1), 2000 + i) for i in range(HOSTS)]
    for i, server in enumerate(live):
        for n in range(EACH):
            personal.record("anna@example.org", "live%d-%d" % (i, n), server, host=server.address, leave=1, period=PERIOD)
    for n in range(DEAD):
        for port in (REFUSING, SILENT):
            row = personal.record("anna@example.org", "dead%d-%d" % (port, n), live[0], period=PERIOD)
            row["domain"] = "%s:%d" % (DEAD_HOST, port)
    begun = time.monotonic()
    daemon = personal.start()
    try:
        assert Gathers.everybody.wait(rigs.PATIENCE), "only %d live sessions at once" % Gathers.here
        # polled again and again, none is left behind: when the first has had five polls, the last has had three
        rigs.wait_for(lambda: max(r["polls"] for k, r in rows(personal).items() if k.startswith("live")) >= 5, "five polls", 180)
        least = min((r["polls"], k) for k, r in rows(personal).items() if k.startswith("live"))
        assert least[0] >= 3, "%s was polled %d times only" % (least[1], least[0])
        for i, server in enumerate(live):
            server.box.add(corpus.mail("second%d" % i))
        rigs.wait_for(lambda: len(personal.idents().get(ANNA, [])) == 2 * HOSTS * EACH, "the second message of every live record")
        elapsed = time.monotonic() - begun
        known = rows(personal)
    finally:
        daemon.stop()
        dropped = sniffer.stop()
        for s in live:
            s.stop()
        for s in held:
            s.close()
    assert dropped == 0
    assert personal.idents()[ANNA] == sorted(["%s%d" % (w, i) for w in ("first", "second") for i in range(HOSTS)] * EACH)
    assert not [k for k, r in known.items() if k.startswith("live") and r["last_error"]]
    # one probe per delay and host, however many records
    for port in (REFUSING, SILENT):
        probes = len(sniffer.attempts.get(port, ()))
        assert 0 < probes <= elapsed / DELAY + LET_IN, "%d connections to port %d in %d s" % (probes, port, elapsed)
    assert not re.search(r"signal \d+", daemon.log())
