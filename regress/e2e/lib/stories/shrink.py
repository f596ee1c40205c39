# SPDX-License-Identifier: ISC
"""Tell a story, and the shortest part of a bad one that still ends badly."""
import random

from .verdict import complaints
from .world import World


def tell(pki, seed, steps):
    """Complaints, and the log of the daemon's lives."""
    world = World(pki, seed)
    try:
        for step in steps:
            getattr(world, "do_" + step[0])(random.Random(step[1]), *step[2:])
        quiet = world.drain()
        wrong = complaints(world)
        if not quiet and not wrong:
            wrong = ["never quiet: " + world.last.log[-600:]]
        return wrong, world.rig.log() if wrong else ""
    finally:
        world.close()


def shrink(pki, seed, steps, tries=60):
    """Leaves out as many steps as possible; the complaint need not stay the same."""
    size = max(1, len(steps) // 2)
    while size >= 1 and tries > 0:
        i = 0
        while i < len(steps) and tries > 0:
            fewer = steps[:i] + steps[i + size:]
            tries -= 1
            if tell(pki, seed, fewer)[0]:
                steps = fewer
            else:
                i += size
        size //= 2
    return steps
