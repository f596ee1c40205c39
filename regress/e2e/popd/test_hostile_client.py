# SPDX-License-Identifier: ISC
"""
Misbehaving clients of the POP3 server (clients/hostile/), all of them in clear, behind STLS, with TLS, and in segments of one octet,
against the daemon with all its processes.  Whatever a client does, no process dies, no password is told, nothing is deleted without
QUIT, and an honest client is served beside it.  One daemon meets all misbehaviours of a variant (lib/siege.py); each has its own verdict.
"""
import pytest

from clients import hostile
from lib import siege

REGISTRY = hostile.load()


def cases(variant):
    return [c for c in REGISTRY.values() if variant in c.modes]


ALL = [(v, c.name) for v in hostile.MODES for c in cases(v)]


@pytest.fixture(scope="module")
def played(pki):
    """The siege of a variant, played once."""
    done = {}

    def play(variant):
        if variant not in done:
            try:
                done[variant] = siege.run(pki, cases(variant), variant)
            except BaseException as e:		# pylint: disable=broad-except
                done[variant] = e
        if isinstance(done[variant], BaseException):
            pytest.fail("the run broke off: %r" % done[variant])
        return done[variant]
    return play


def test_there_are_enough():
    assert len(REGISTRY) >= 200
    assert all(c.modes and c.left <= hostile.ALL for c in REGISTRY.values())


@pytest.mark.parametrize("variant", hostile.MODES)
def test_daemon(played, variant):
    """The honest client beside them, processes, memory, descriptors, log."""
    s = played(variant)
    assert s.problems == [], s.log[-5000:]


@pytest.mark.parametrize("variant,name", ALL, ids=["%s-%s" % x for x in ALL])
def test_misbehaviour(played, variant, name):
    s = played(variant)
    visit = next(v for v in s.visits if v.case.name == name)
    assert visit.problems == [], "account %s, log:\n%s" % (visit.user, "\n".join(x for x in s.log.split("\n") if visit.network in x)[-3000:])
