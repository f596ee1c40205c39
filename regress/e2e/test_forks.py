# SPDX-License-Identifier: ISC
"""
One process per token request: what it holds is one request's, and what becomes of it, or what it says, is that
request's matter alone.
"""
import os
import re
import signal
import threading

import pytest

import corpus
import rig as rigs
from idp import Idp
from test_oauth import Tokens


def sockets(pid):
    return [t for t in (os.readlink("/proc/%d/fd/%s" % (pid, n)) for n in os.listdir("/proc/%d/fd" % pid)) if t.startswith("socket:")]


def others(pid):
    """Descriptors besides, those of standard input, output and error left out."""
    names = [n for n in os.listdir("/proc/%d/fd" % pid) if int(n) > 2]
    return [t for t in (os.readlink("/proc/%d/fd/%s" % (pid, n)) for n in names) if not t.startswith("socket:")]


def memory(pid):
    """All that the process could write to: heap, stack, data."""
    found = []
    with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb", 0) as mem:
        for line in maps:
            m = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
            if m:
                start, end = (int(x, 16) for x in m.groups())
                mem.seek(start)
                found.append(mem.read(end - start))
    return b"\0".join(found)


def holders(daemon, role, words):
    """{word: [pid]}: which processes of this role have seen it."""
    seen = {pid: memory(pid) for pid in daemon.processes()[role]}
    return {w: [pid for pid in seen if w.encode() in seen[pid]] for w in words}


# --- token requests ---

@pytest.fixture
def two(pki, personal, popd):
    """Two records, each with a provider of its own, which answers when answer is set."""
    answer, made = threading.Event(), []
    for name in "left", "right":
        idp, server = Idp(pki), popd(Tokens("at-" + name), [corpus.mail("m-" + name)], "pop3s")
        idp.grants["refresh-of-" + name] = "user"
        idp.access = lambda user, name=name: "at-" + name
        idp.behave = lambda h, form, idp=idp: answer.wait(rigs.PATIENCE) and h.reply(*idp.answer(form))
        personal.client(name, idp, client_secret="secret-of-" + name)
        personal.record("anna@example.org", name, server, password=None, oauth_client=name, refresh_token="refresh-of-" + name)
        made.append(idp)
    yield personal, made, answer
    answer.set()
    for idp in made:
        idp.stop()


WORDS = [kind + "-of-" + name for name in ("left", "right") for kind in ("secret", "refresh")]


def test_requests_apart(two):
    """Each process has its channel and its connection and knows one client's words; the template knows none."""
    rig, idps, answer = two
    daemon = rig.start()
    rigs.wait_for(lambda: all(idp.count() for idp in idps), "both requests")
    assert len(daemon.processes()["request"]) == 2
    for pid in daemon.processes()["request"]:
        assert len(sockets(pid)) == 2 and others(pid) == []
    who = holders(daemon, "request", WORDS)
    assert all(len(pids) == 1 for pids in who.values()), who
    assert who["secret-of-left"] == who["refresh-of-left"] != who["secret-of-right"] == who["refresh-of-right"]
    assert holders(daemon, "oauth", WORDS) == {w: [] for w in WORDS}
    answer.set()
    rigs.wait_for(lambda: rig.idents() == {"example.org/anna": ["m-left", "m-right"]}, "the mail")
    rigs.wait_for(lambda: daemon.processes()["request"] == [], "the end of both processes")
    assert "died" not in daemon.log() and daemon.stop() == 0


def test_request_dies(two):
    """The record that waits for it fails; the other one gets its mail, and the template lives on."""
    rig, idps, answer = two
    daemon = rig.start()
    rigs.wait_for(lambda: all(idp.count() for idp in idps), "both requests")
    template = daemon.one("oauth")
    os.kill(holders(daemon, "request", WORDS)["secret-of-left"][0], signal.SIGKILL)
    rigs.wait_for(lambda: rig.state("SELECT count(*) FROM record_state WHERE error = 'OAuth token: the oauth process died'") == [(1,)],
        "the failure of one")
    assert re.search(r"token request \d+, localhost: its oauth process died: signal 9 ", daemon.log())
    answer.set()
    rigs.wait_for(lambda: rig.idents() == {"example.org/anna": ["m-right"]}, "the other's mail")
    rig.ctl("poll", "all")
    rigs.wait_for(lambda: rig.idents() == {"example.org/anna": ["m-left", "m-right"]}, "the mail")
    assert daemon.one("oauth") == template


def test_request_says_more(two):
    """One in bad hands answers for others, too: it is not believed, and its own request has failed."""
    rig, idps, answer = two
    daemon = rig.start("-P", "oauth:act:others", hooks=True)
    rigs.wait_for(lambda: all(idp.count() for idp in idps), "both requests")
    answer.set()
    rigs.wait_for(lambda: daemon.log().count("its oauth process broke the rules: TOKEN_GRANTED") == 2, "the master's judgement")
    rigs.wait_for(lambda: rig.state("SELECT count(*) FROM record_state WHERE error LIKE '%the oauth process died'") == [(2,)],
        "both to fail")
    assert rig.idents() == {}
