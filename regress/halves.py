# SPDX-License-Identifier: ISC
"""
The campaign of both halves (make halves): a rpopd that polls the popd of another one, in delete mode, of a unified account, while processes
of both are killed at random; see e2e/lib/halves.py.

usage: halves.py [kills [seed]]		default 2000, and a seed from the clock
"""
import collections
import os
import random
import shutil
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "e2e"))
from lib import rig as rigs  # noqa: E402
from lib.halves import Halves, Wrong  # noqa: E402
from lib.pki import Pki  # noqa: E402
from servers.dovecot import free_port  # noqa: E402

WORLD = 60		# kills until everything is counted, and both installations are made anew


def main():
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    directory = rigs.scratch("rphalves.")
    done, messages, lives, planned, begun = collections.Counter(), 0, 0, 0, time.monotonic()
    print("halves: %d kills, from seed %d" % (kills, seed), flush=True)
    try:
        pki = Pki(os.path.join(directory, "ca"))
        while sum(done.values()) < kills:
            halves = Halves(pki, random.Random(seed), free_port())
            try:
                halves.play(min(WORLD, kills - sum(done.values())))
            except (Wrong, AssertionError) as e:
                sys.stdout.write(halves.log())
                print("FAILED in the world of seed %d, behind %d kills: %s" % (seed, sum(done.values()), e))
                return 1
            finally:
                halves.close()
            done += halves.killed
            messages += halves.serial
            lives += sum(h.lives for h in halves.sides.values())
            planned += sum(h.planned for h in halves.sides.values())
            print("%5d kills, %d messages, each exactly once; %d lives, %d with a step that kills; %d s" % (sum(done.values()), messages,
                lives, planned, time.monotonic() - begun), flush=True)
            seed += 1
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print("kills: %s" % ", ".join("%s %d" % pair for pair in sorted(done.items())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
