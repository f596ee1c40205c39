# SPDX-License-Identifier: ISC
"""
The campaign of a shared Maildir (make together): two sessions of popd, one of Dovecot's IMAP and deliveries at once on one Maildir, at
random, with an oracle; see e2e/popd/test_together.py.

usage: together.py [operations [seed]]		default 10000, and a seed from the clock
"""
import os
import shutil
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "e2e"))
from lib import rig as rigs  # noqa: E402
from lib.pki import Pki  # noqa: E402
from popd import test_together as together  # noqa: E402

WORLD = 400		# operations on one Maildir


def main():
    operations = int(sys.argv[1]) if len(sys.argv) > 1 else 10000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    directory = rigs.scratch("rptogether.")
    done, sums, begun = 0, [0, 0, 0], time.monotonic()
    print("together: %d operations, from seed %d" % (operations, seed), flush=True)
    try:
        pki = Pki(os.path.join(directory, "ca"))
        while done < operations:
            rig = rigs.Rig(pki)
            world = together.Together(rig, pki)
            try:
                oracle = together.at_once(world, seed, WORLD // together.ACTORS)
                assert world.daemon.stop() == 0
            except AssertionError as e:
                sys.stdout.write(rig.log()[-50000:])
                print("FAILED in the world of seed %d, behind %d operations: %s" % (seed, done, e))
                return 1
            finally:
                world.close()
                rig.close()
            done, seed = done + WORLD, seed + 1
            sums = [a + len(b) for a, b in zip(sums, (oracle.delivered, oracle.removed, oracle.seen))]
            print("%6d operations: %d messages delivered, %d removed, %d retrieved; %d s" % (done, *sums, time.monotonic() - begun), flush=True)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
