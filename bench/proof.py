#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
What it costs to prove that a message is the one that its unique-id stands for: commands, octets and round trips on the wire, and CPU
of all rpopd processes, of one `rpopd -1` each, against the scripted server of the tests in clear.

usage: proof.py [ROUNDS [MESSAGES]]	needs root; RPOPD_BUILD names the programs (default ../build)

	retrieve	retrieve and delete in one session: no proof
	idle		kept messages, nothing new, a whole listing
	delete		kept messages are to be deleted now: the headers prove them
	delete-no-top	the same, from a server without TOP: retrieved and compared
	back		the mailbox was empty at one poll, and is back
"""
import os
import resource
import statistics
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "regress", "e2e"))
from lib import corpus, rig as rigs  # noqa: E402
from lib.pki import Pki  # noqa: E402
from servers.pop3 import Behaviour, Pop3Server  # noqa: E402


class Counting(Behaviour):
    """Octets that the server sends, and how often it waits for the client."""

    def __init__(self):
        super().__init__()
        self.sent = 0

    def wire(self, s, point, data):
        self.sent += len(data)
        super().wire(s, point, data)


class NoTop(Counting):
    capabilities = ["USER", "UIDL", "PIPELINING"]

    def cmd_top(self, s, arg):
        self.err(s, "top", b"unknown command")


def poll(rig, server):
    """(commands, octets to the server, octets from it, CPU ms)"""
    sent, n = server.behaviour.sent, len(server.sessions)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = rig.once()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if result.code != 0:
        sys.exit(result.log)
    new = server.sessions[n:]
    return (sum(len(s.commands) for s in new), sum(len(s.clear) for s in new), server.behaviour.sent - sent,
        1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime))


def scenario(pki, name, count):
    rig = rigs.Rig(pki)
    rig.verbose = []
    server = Pop3Server(pki, (NoTop if name == "delete-no-top" else Counting)(),
        [corpus.mail("m%05d" % i, body=b"x" * 70 + b"\r\n" * 45 + b"y" * 3000 + b"\r\n") for i in range(count)])
    try:
        rig.account("postmaster@example.org")
        rig.account("anna@example.org")
        row = rig.record("anna@example.org", "work", server, leave=name != "retrieve")
        if name == "retrieve":
            return poll(rig, server)
        poll(rig, server)
        if name.startswith("delete"):
            row["leave"] = 0
            rig.write_db()
        if name == "back":
            messages, server.box.messages = server.box.messages, []
            poll(rig, server)
            server.box.messages = messages
        return poll(rig, server)
    finally:
        server.stop()
        rig.close()


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    directory = rigs.scratch("rpproof.")
    pki = Pki(os.path.join(directory, "ca"))
    print("load average %.1f, %d CPUs, %d messages, %d rounds" % (os.getloadavg()[0], os.cpu_count(), count, rounds))
    for name in ("retrieve", "idle", "delete", "delete-no-top", "back"):
        got = [scenario(pki, name, count) for _ in range(rounds)]
        cpu = sorted(g[3] for g in got)
        print("%-14s commands %5d  octets out %7d  in %8d  CPU ms %.0f %.0f %.0f (min median max)" % ((name,) + got[0][:3] +
            (cpu[0], statistics.median(cpu), cpu[-1])))


if __name__ == "__main__":
    main()
