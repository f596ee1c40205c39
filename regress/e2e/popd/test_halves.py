# SPDX-License-Identifier: ISC
"""A rpopd that polls another one's popd, both killed at random: every message exactly once.  The long campaign is make halves."""
import os
import random

from lib.halves import Halves
from popd.test_popd import free_port


def test_killed(pki):
    halves = Halves(pki, random.Random(os.environ.get("RPOPD_SEED", "halves")), free_port())
    try:
        halves.play(15)
    except BaseException:
        print(halves.log())
        raise
    finally:
        halves.close()
