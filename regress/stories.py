# SPDX-License-Identifier: ISC
"""
The stories campaign (make stories): random worlds, see e2e/lib/stories.  A story that ends badly is told again with fewer and fewer steps,
and printed.

usage: stories.py [worlds [seed]]	default 200, and a seed from the clock
       stories.py 1 SEED		one world again; RPOPD_STEPS=1 prints its steps and the daemon's log
"""
import os
import shutil
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "e2e"))
from lib import rig as rigs  # noqa: E402
from lib.pki import Pki  # noqa: E402
from lib.stories import shrink, steps  # noqa: E402


def main():
    worlds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    directory = rigs.scratch("rpstories.")
    bad = told = 0
    begun = time.monotonic()
    print("stories: %d worlds, from seed %d" % (worlds, seed), flush=True)
    try:
        pki = Pki(os.path.join(directory, "ca"))
        for n in range(seed, seed + worlds):
            story = steps.story(n)
            told += len(story)
            try:
                wrong, log = shrink.tell(pki, n, story)
            except AssertionError as e:
                wrong, log = ["failed: %s" % e], ""
            if os.environ.get("RPOPD_STEPS"):
                print(steps.told(story) + "\n" + log)
            if not wrong:
                continue
            bad += 1
            print("world %d (%d steps): %s" % (n, len(story), "; ".join(wrong[:4])), flush=True)
            if not os.environ.get("RPOPD_NO_SHRINK") and not wrong[0].startswith("failed"):
                short = shrink.shrink(pki, n, story)
                wrong, log = shrink.tell(pki, n, short)
                print("%s\n  ends in: %s" % (steps.told(short), "; ".join(wrong[:4])), flush=True)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print("%d worlds, %d steps, %d ended badly; %d s" % (worlds, told, bad, time.monotonic() - begun))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
