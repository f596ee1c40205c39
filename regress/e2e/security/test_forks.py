# SPDX-License-Identifier: ISC
"""
One process per token request and per connection to a next hop: what it holds is that one's, and what becomes of it, or what it
says, is that one's matter alone.
"""
import errno
import os
import re
import signal
import socket
import threading
import types

import pytest

from lib import corpus, rig as rigs
from servers.idp import Idp
from servers.logins import Tokens


def descriptors(pid):
    """What they are, those of standard input, output and error left out."""
    return [os.readlink("/proc/%d/fd/%s" % (pid, n)) for n in os.listdir("/proc/%d/fd" % pid) if int(n) > 2]


def sockets(pid):
    return [t for t in descriptors(pid) if t.startswith("socket:")]


def others(pid):
    return [t for t in descriptors(pid) if not t.startswith("socket:")]


def holders(daemon, role, words):
    """{word: [pid]}: which processes of this role have seen it."""
    seen = {pid: rigs.memory(pid) for pid in daemon.processes()[role]}
    return {w: [pid for pid in seen if w.encode() in seen[pid]] for w in words}


# --- token requests ---

@pytest.fixture
def two(pki, personal, pop3):
    """Two records, each with a provider of its own, which answers when answer is set."""
    answer, made = threading.Event(), []
    for name in "left", "right":
        idp, server = Idp(pki), pop3(Tokens("at-" + name), [corpus.mail("m-" + name)], "pop3s")
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
    os.kill(holders(daemon, "request", ["secret-of-left"])["secret-of-left"][0], signal.SIGKILL)
    failed = "SELECT count(*) FROM record_state WHERE error = 'OAuth token: the oauth process died'"
    rigs.wait_for(lambda: rig.state(failed) == [(1,)], "the failure of one")
    rigs.wait_for(lambda: re.search(r"token request \d+, localhost: its oauth process died: signal 9 ", daemon.log()), "the log")
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


# --- connections to next hops ---

PM = "postmaster@example.org"
HOPS = {"left": "anna", "right": "bert"}
PASSWORDS = ["word-of-left", "word-of-right"]


def to_each(rig, pop3):
    """A message for each of the two next hops, each of which has an account."""
    server = pop3(messages=[corpus.mail("m-" + hop, [("X-Real-To", who + "@example.org")]) for hop, who in HOPS.items()])
    rig.record(PM, "r", server, special="X-Real-To")
    rig.write_db()
    for hop, who in HOPS.items():
        rig.sqlite("UPDATE account SET nexthop = '%s' WHERE name = '%s'" % (hop, who))


@pytest.fixture
def silent(unified, pop3):
    """Next hops that take a connection and say nothing."""
    listeners = []
    for hop in HOPS:
        path = os.path.join(unified.dir, hop + ".sock")
        listeners.append(socket.socket(socket.AF_UNIX))
        listeners[-1].bind(path)
        listeners[-1].listen(8)
        unified.nexthop(hop, types.SimpleNamespace(protocol="lmtp", address=path), auth_name="rpopd", password="word-of-" + hop)
    to_each(unified, pop3)
    yield unified
    for listener in listeners:
        listener.close()


@pytest.fixture
def held(unified, pop3, smtp):
    """Next hops that have each their message and answer when the event is set."""
    answer, hops = threading.Event(), {}
    for hop in HOPS:
        hops[hop] = smtp("lmtp")
        hops[hop].hold = answer
        unified.nexthop(hop, hops[hop])
    to_each(unified, pop3)
    yield unified, hops, answer
    answer.set()


def test_connections_apart(silent):
    """Each process has its channel and its connection and knows one next hop's password; the template knows none."""
    daemon = silent.start()
    rigs.wait_for(lambda: len(daemon.processes()["connection"]) == 2, "both connections")
    rigs.wait_for(lambda: all(holders(daemon, "connection", PASSWORDS).values()), "the passwords")
    for pid in daemon.processes()["connection"]:
        assert len(sockets(pid)) == 2 and all(silent.mail in t for t in others(pid)), others(pid)
    who = holders(daemon, "connection", PASSWORDS)
    assert all(len(pids) == 1 for pids in who.values()) and who[PASSWORDS[0]] != who[PASSWORDS[1]], who
    assert holders(daemon, "sender", PASSWORDS) == {w: [] for w in PASSWORDS}
    assert daemon.stop() in (0, 1)


def in_both(rig, hops):
    rigs.wait_for(lambda: all(len(h.mails) == 1 and h.mails[0].data for h in hops.values()), "a message at each next hop")


def test_connection_dies(held):
    """What was on its way is in doubt, and its next hop has a pause; the other one has its message, and the template lives on."""
    rig, hops, answer = held
    daemon = rig.start()
    in_both(rig, hops)
    template = daemon.one("sender")
    who = holders(daemon, "connection", ["m-left", "m-right"])
    assert all(len(pids) == 1 for pids in who.values()) and who["m-left"] != who["m-right"], who
    os.kill(who["m-left"][0], signal.SIGKILL)
    rigs.wait_for(lambda: "next hop left: its sender process died: signal 9 " in daemon.log(), "the log")
    rigs.wait_for(lambda: "next hop left: the sender process died; 1 message waits, next try in 60 s" in daemon.log(), "the pause")
    answer.set()
    rigs.wait_for(lambda: rig.state("SELECT status, tries FROM relay") == [("4.3.0 the sender died", 1)], "the other's result")
    assert hops["right"].taken() == ["bert@example.org"]
    rig.ctl("queue", "retry", "all")
    rigs.wait_for(lambda: rig.state("SELECT * FROM relay") == [], "the second attempt")
    assert hops["left"].connections == 2 and hops["right"].connections == 1 and daemon.one("sender") == template
    rigs.wait_for(lambda: daemon.processes()["connection"] == [], "the end of the processes")
    assert daemon.stop() == 0


def test_connection_says_more(held):
    """One in bad hands tells of another's recipients, too: it is not believed, and its own are in doubt."""
    rig, hops, answer = held
    daemon = rig.start("-P", "sender:act:others", hooks=True)
    in_both(rig, hops)
    answer.set()
    rigs.wait_for(lambda: daemon.log().count("its sender process broke the rules: SENT_RCPT") == 2, "the master's judgement")
    rigs.wait_for(lambda: rig.state("SELECT status FROM relay") == [("4.3.0 the sender died",)] * 2, "both to be in doubt")


def test_connections_of_one_hop(unified, smtp, pop3):
    """Each has a process of its own, and each process more than one message."""
    hop = smtp("lmtp")
    unified.nexthop("hop", hop, connections=3)
    unified.settings["nexthop"] = "hop"
    hop.delay = 0.2
    unified.record(PM, "r", pop3(messages=[corpus.mail("m%d" % i, [("X-Real-To", "anna@example.org")]) for i in range(30)]),
        special="X-Real-To")
    daemon, most = unified.start(), 0
    while len(hop.mails) < 30:
        most = max(most, len(daemon.processes()["connection"]))
    rigs.wait_for(lambda: unified.state("SELECT * FROM relay") == [], "the results")
    assert 1 <= hop.connections < 30 and hop.most_open <= 3 and 1 <= most <= 4
    assert daemon.stop() == 0


# --- a process that cannot be made ---

@pytest.mark.parametrize("process,call,n,words", [
    ("sender", "fork", 1, "next hop hop: its sender process died: exit 1"),
    ("sender", "dup2", 1, "next hop hop: its sender process died: exit 1"),
    ("sender", "poll", 1, "next hop hop: its sender process died: exit 1"),
    ("rpopd", "socketpair", 7, "next hop hop: no channel for the sender process")])
def test_no_process(unified, smtp, pop3, process, call, n, words):
    """The next hop has a pause and is tried again; nothing was sent meanwhile.  The template, and the daemon, live on."""
    hop = smtp("lmtp")
    unified.nexthop("hop", hop)
    unified.settings["nexthop"] = "hop"
    unified.record(PM, "r", pop3(messages=[corpus.mail("m", [("X-Real-To", "anna@example.org")])]), special="X-Real-To")
    daemon = unified.start("-F", "%s:%s:%d:%d" % (process, call, n, errno.ENOMEM), hooks=True)
    rigs.wait_for(lambda: words in daemon.log() and "1 message waits, next try in 60 s" in daemon.log(), "the failure")
    assert unified.state("SELECT tries, sent FROM relay") in ([(0, 0)], [(1, 0)])
    template = daemon.one("sender")
    unified.ctl("queue", "retry", "all")
    rigs.wait_for(lambda: unified.state("SELECT * FROM relay") == [], "the second attempt")
    assert hop.taken() == ["anna@example.org"] and daemon.one("sender") == template
    assert daemon.stop() == 0


@pytest.mark.parametrize("call", ["fork", "dup2", "poll"])
def test_no_process_for_a_request(two, call):
    """One of the two records fails, and is polled again."""
    rig, _idps, answer = two
    answer.set()
    daemon = rig.start("-F", "oauth:%s:1:%d" % (call, errno.ENOMEM), hooks=True)
    rigs.wait_for(lambda: ": its oauth process died: exit 1" in daemon.log(), "the failure")
    failed = "SELECT count(*) FROM record_state WHERE error LIKE '%the oauth process died'"
    rigs.wait_for(lambda: rig.state(failed) == [(1,)], "the record")
    rig.ctl("poll", "all")
    rigs.wait_for(lambda: rig.idents() == {"example.org/anna": ["m-left", "m-right"]}, "the mail")
    assert daemon.log().count("its oauth process died") == 1 and daemon.stop() == 0
