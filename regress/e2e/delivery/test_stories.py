# SPDX-License-Identifier: ISC
"""A bounded share of the stories campaign (make stories): random worlds from fixed seeds; and whether a bad end would be seen."""
import os
import random

import pytest

from lib.stories import shrink, steps, verdict, world


@pytest.mark.parametrize("seed", range(1, 17))
def test_story(pki, seed):
    story = steps.story(seed)
    wrong, log = shrink.tell(pki, seed, story)
    assert not wrong, "\n".join(wrong + [steps.told(story), log[-20000:]])


def test_the_verdict_sees(pki):
    """A letter that is there twice, and one that is gone from its Maildir, are complained of."""
    w = world.World(pki, 3)
    w.sql("UPDATE rpop SET first_poll = 'retrieve';")
    for box in w.boxes:
        box.mark = False
    try:
        w.do_no_hop(None)
        w.do_arrive(random.Random(1), 0, 3)
        w.drain()
        assert verdict.complaints(w) == []
        new = [os.path.join(top, f) for top, _, files in os.walk(w.rig.mail) if os.path.basename(top) == "new" for f in files]
        with open(new[0], "rb") as f:
            letter = verdict.about(f.read())[0]
        again = os.path.join(os.path.dirname(new[0]), "again-" + os.path.basename(new[0]))
        os.link(new[0], again)
        assert any(x.startswith("doubled: %s" % letter) for x in verdict.complaints(w))
        os.unlink(new[0])
        os.unlink(again)
        assert any(letter in x and x.startswith(("lost", "withheld")) for x in verdict.complaints(w))
    finally:
        w.close()
