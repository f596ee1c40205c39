# SPDX-License-Identifier: ISC
"""
The web page as the master sees it: its socket, requests, logins, sessions of browsers and their ends; the listener and its requests are
played by the test.
"""
import grp
import os
import socket
import stat
import struct

import pytest

from lib import rig as rigs
from lib.edits import rows
from lib.webstand import (ADD, ENTERED, FORGED, MODIFY, NOBODY, PASSWORD, REMOVE, SET, USER, Stage, digest)

ANNA, BEN = "anna@example.org", "ben@example.org"
WORDS = {ANNA: "a word of Anna's", BEN: "Ben has one, too"}
WRONG = "wrong name or password"


@pytest.fixture
def world(rig):
    rig.account("postmaster@example.org")
    for address in WORDS:
        rig.account(address)
    rig.write_db()
    for address, word in WORDS.items():
        rig.sqlite("UPDATE account SET password = '{PLAIN}' || %s, can_modify_rpop = 1 WHERE address = %s;" % (rigs.quote(word), rigs.quote(address)))
    return rig


@pytest.fixture
def stage(world):
    stages = []

    def make(**kwargs):
        # The settings of the rig are those of the store as it is made; here it is there already.
        group = kwargs.get("group")
        path = os.path.join(world.run, "web.sock")
        world.sqlite("UPDATE settings SET web_socket = %s, web_group = %s;" % (rigs.quote(path), rigs.quote(group)))
        stages.append(Stage(world, **kwargs))
        return stages[-1]
    yield make
    for s in stages:
        s.close()


def test_off(world):
    """Without web_socket there is neither a process nor a socket, and no program is needed."""
    daemon = world.start()
    assert "web" not in [p[0] for p in daemon.processes()] and not os.path.exists(os.path.join(world.run, "web.sock"))


def test_socket(stage, world):
    """Root and the group can connect, and nobody else; the listener gets the socket; it goes with the setting, and comes again."""
    s = stage(group="_rpopctl")
    s.told("IMSG_WEB_LISTEN")
    st = os.stat(s.socket)
    assert stat.S_IMODE(st.st_mode) == 0o660 and st.st_uid == 0 and st.st_gid == grp.getgrnam("_rpopctl").gr_gid
    with socket.socket(socket.AF_UNIX) as c:
        c.connect(s.socket)
        assert socket.socket(fileno=os.dup(s.fd)).accept()
    token = s.logged_in(ANNA, WORDS[ANNA])
    assert s.entry(token) == ENTERED
    assert world.ctl("setting", "set", "web_group=").code == 0
    s.told("IMSG_WEB_LISTEN", 2)
    assert os.stat(s.socket).st_gid == 0 and s.entry(token) == ENTERED
    assert world.ctl("setting", "set", "web_socket=").code == 0
    assert not os.path.exists(s.socket)
    s.told("IMSG_WEB_UNLISTEN")


def test_socket_refused(stage, world):
    """What is no socket stays where it is, and an unknown group opens nothing to anybody; both are told, and tried again."""
    s = stage()
    with open(world.run + "/letter", "w") as f:
        f.write("mine")
    world.ctl("setting", "set", "web_socket=" + world.run + "/letter")
    rigs.wait_for(lambda: "there is something else in its place" in s.daemon.log(), "the sentence")
    assert open(world.run + "/letter").read() == "mine"
    world.ctl("setting", "set", "web_socket=" + s.socket, "web_group=no-such-group")
    rigs.wait_for(lambda: "there is no group no-such-group (web_group)" in s.daemon.log(), "the sentence")
    assert not os.path.exists(s.socket)


def test_listener_dies(stage):
    """Its successor gets the socket, and sessions of browsers go on."""
    s = stage()
    token = s.logged_in(ANNA, WORDS[ANNA])
    s.channel.sock.shutdown(socket.SHUT_RDWR)
    s.players.pop().close()
    s.take_part()
    s.told("IMSG_WEB_LISTEN", 2)
    assert s.entry(token) == ENTERED


def test_login(stage):
    """A session has a token of its own, and what a page has to know; no other token is one."""
    s = stage()
    token = s.logged_in("anna", WORDS[ANNA])
    entry, fields, control = s.request().enter(token)
    assert (entry, fields["account"], fields["host"]) == (ENTERED, ANNA, "rig.test")
    assert fields["rights"] == MODIFY | PASSWORD and fields["min_period"] == 600 and fields["max_records"] == 5
    assert token not in (fields["form"], b"") and control.rows("account")[0]
    other = s.logged_in(ANNA, WORDS[ANNA])
    assert other != token and s.form(other) != fields["form"]
    for wrong in (bytes(32), token[::-1], fields["form"], bytes([token[0] ^ 1]) + token[1:]):
        assert s.entry(wrong) == NOBODY
    assert s.entry(None) == NOBODY


@pytest.mark.parametrize("name, word", [(ANNA, "wrong"), (ANNA, WORDS[BEN]), ("nobody@example.org", WORDS[ANNA]), ("postmaster@example.org", ""),
    ("box#" + ANNA, WORDS[ANNA]), ("~%s/INBOX#%s" % (BEN, ANNA), WORDS[ANNA])])
def test_login_denied(stage, name, word):
    s = stage()
    r = s.request()
    r.enter()
    assert r.login(name, word, client=b"127.0.0.1") in (WRONG, "that is no login", "no login")
    assert isinstance(r.login(ANNA, WORDS[ANNA], client=b"127.0.0.1"), bytes)	# the same request may try again


def test_logout(stage):
    """Ends this session, and no other one of the account's; without what the form had it ends the request."""
    s = stage()
    first, second = (s.logged_in(ANNA, WORDS[ANNA]) for _ in range(2))
    r = s.request()
    r.enter(first, form=s.form(first))
    r.channel.send("IMSG_WEB_LOGOUT")
    rigs.wait_for(lambda: s.entry(first) == NOBODY, "the end of the session")
    assert s.entry(second) == ENTERED
    r = s.request()
    r.enter(second)
    r.channel.send("IMSG_WEB_LOGOUT")
    assert r.channel.receive() is None and s.entry(second) == ENTERED


def test_forms(stage):
    """What another session's form has, or none, changes nothing: there is no channel then."""
    s = stage()
    mine, other = s.logged_in(ANNA, WORDS[ANNA]), s.logged_in(BEN, WORDS[BEN])
    for form in (bytes(32), s.form(other), mine):
        r = s.request()
        entry, _, control = r.enter(mine, form=form)
        assert (entry, control) == (FORGED, None)
        r.channel.send("IMSG_WEB_LOGOUT")
        assert r.channel.receive() is None
    assert s.entry(mine) == ENTERED and s.entry(mine, form=s.form(mine)) == ENTERED


CHANGES = {
    "own": lambda s, token: s.control(token).password(WORDS[ANNA], "the next"),
    "root": lambda s, token: s.rig.sqlite("UPDATE account SET password = '{PLAIN}x' WHERE address = '%s';" % ANNA),
    "none": lambda s, token: s.rig.sqlite("UPDATE account SET password = NULL WHERE address = '%s';" % ANNA),
    "account": lambda s, token: s.rig.ctl("account", "remove", ANNA),
    "reload": lambda s, token: (s.rig.sqlite("UPDATE account SET password = '{PLAIN}x' WHERE address = '%s';" % ANNA), s.rig.ctl("reload")),
}


@pytest.mark.parametrize("how", CHANGES)
def test_password_ends_sessions(stage, how):
    """All sessions of the account end with its password, whoever changes it and however; others go on."""
    s = stage()
    tokens, other = [s.logged_in(ANNA, WORDS[ANNA]) for _ in range(2)], s.logged_in(BEN, WORDS[BEN])
    CHANGES[how](s, tokens[0])
    assert [s.entry(t) for t in tokens] == [NOBODY] * 2 and s.entry(other) == ENTERED


def test_too_many_sessions(stage):
    """The eleventh of an account takes the place of the one that was not used for longest."""
    s = stage()
    tokens = [s.logged_in(ANNA, WORDS[ANNA]) for _ in range(10)]
    assert s.entry(tokens[0]) == ENTERED
    tokens.append(s.logged_in(ANNA, WORDS[ANNA]))
    assert [s.entry(t) for t in tokens] == [ENTERED, NOBODY] + [ENTERED] * 9


def test_restart(stage, world):
    s = stage()
    token = s.logged_in(ANNA, WORDS[ANNA])
    s.close()
    assert s.daemon.stop() == 0
    assert not os.path.exists(s.socket)
    s = stage()
    assert s.entry(token) == NOBODY


def test_failures_are_counted_together(stage, world):
    """Of an account, and of a network: who guessed at the web page is sent away at popd, too."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    world.sqlite("INSERT INTO listener (address, port, tls) VALUES ('127.0.0.1', %d, 'none');" % port)
    s = stage()
    network = [b"127.0.1.%d" % n for n in range(1, 21)]
    guesses = []
    for client in network:
        r = s.request()
        r.enter()
        guesses.append((r, r.begin(client)))
    for n, (r, auth) in enumerate(guesses):
        auth.send("IMSG_LOGIN_BEGIN", struct.pack("=II", USER, 1) + b"nobody%d@example.org\0wrong" % n)
    for r, _ in guesses:
        name, data, _ = r.channel.receive()
        assert (name, data.split(b"\0")[0].decode()) == ("IMSG_WEB_DENIED", WRONG)
    r = s.request()
    r.enter()
    assert r.begin(network[0]) == "too many failed logins from your network, try again later"
    assert "logins from 127.0.1.0/24: 20 failed" in s.daemon.log()

    def greeting(source):
        with socket.create_connection(("127.0.0.1", port), timeout=rigs.PATIENCE, source_address=(source, 0)) as c:
            return c.recv(512)
    assert greeting("127.0.1.99").startswith(b"-ERR [SYS/TEMP] too many failed logins from your network")
    assert greeting("127.0.2.99").startswith(b"+OK")
    assert isinstance(s.logged_in(ANNA, WORDS[ANNA]), bytes)


LIES = {
    "enter-twice": lambda r: (r.enter(), r.channel.send("IMSG_WEB_ENTER", bytes(120))),
    "begin-first": lambda r: r.channel.send("IMSG_WEB_BEGIN", bytes(48)),
    "logout-first": lambda r: r.channel.send("IMSG_WEB_LOGOUT"),
    "logout-of-nobody": lambda r: (r.enter(), r.channel.send("IMSG_WEB_LOGOUT")),
    "begin-twice": lambda r: (r.enter(), r.begin(), r.channel.send("IMSG_WEB_BEGIN", bytes(48))),
    "client": lambda r: r.channel.send("IMSG_WEB_ENTER", struct.pack("=II64s48s", 0, 0, b"", b"not an address")),
    "client-without-end": lambda r: r.channel.send("IMSG_WEB_ENTER", struct.pack("=II64s48s", 0, 0, b"", b"1" * 48)),
    "tokens": lambda r: r.channel.send("IMSG_WEB_ENTER", struct.pack("=II112s", 2, 0, b"")),
    "change": lambda r: r.channel.send("IMSG_WEB_ENTER", struct.pack("=II112s", 0, 2, b"")),
    "short": lambda r: r.channel.send("IMSG_WEB_ENTER", bytes(119)),
    "control": lambda r: r.channel.send("IMSG_CTL_STOP"),
    "answer": lambda r: r.channel.send("IMSG_WEB_SESSION", bytes(32)),
    "listener": lambda r: r.channel.send("IMSG_FORK_EXIT", bytes(12)),
}


@pytest.mark.parametrize("lie", LIES)
def test_liar(stage, lie):
    """Ends the request that tells it, and nothing else."""
    s = stage()
    token = s.logged_in(ANNA, WORDS[ANNA])
    r = s.request()
    LIES[lie](r)
    assert r.channel.receive() is None
    assert s.entry(token) == ENTERED


def test_lost_update(stage, world):
    """Of two who saw the same row, the second one to change or remove it is told; what he saw last he may change."""
    s = stage()
    columns = {r[1] for r in rows(world, "PRAGMA table_xinfo(rpop)")} | {r[1] for r in rows(world, "PRAGMA table_xinfo(account)")}
    token = s.logged_in(ANNA, WORDS[ANNA])
    key = {"account": ANNA, "name": "isp"}

    def seen():
        return digest(s.control(token, change=False).rows("rpop")[0], columns)
    assert s.control(token).change(ADD, "rpop", key, domain="192.0.2.1", auth_name="anna", password="x", period="3600")[0] == "OK"
    was = seen()
    assert s.control(token).change(SET, "rpop", key, was=was, period="4000")[0] == "OK"
    meanwhile = ("FAIL", ANNA + "/isp: somebody has changed it meanwhile: look at it again")
    assert s.control(token).change(SET, "rpop", key, was=was, period="5000") == meanwhile
    assert s.control(token).change(REMOVE, "rpop", key, was=was) == meanwhile
    assert rows(world, "SELECT period FROM rpop") == [(4000,)]
    world.sqlite("UPDATE rpop SET period = 4500;")		# not in force, and changed all the same
    assert s.control(token).change(SET, "rpop", key, was=seen(), period="5000") == meanwhile
    assert world.ctl("reload").code == 0
    assert s.control(token).change(SET, "rpop", key, was=seen(), period="5000", password="y")[0] == "OK"
    assert s.control(token).change(REMOVE, "rpop", key, was=seen())[0] == "OK"
    assert rows(world, "SELECT 1 FROM rpop") == []


def test_changes_are_named(stage):
    """The log tells who changed something, and that it was at the web page."""
    s = stage()
    token = s.logged_in(ANNA, WORDS[ANNA])
    assert s.control(token).change(ADD, "rpop", {"account": ANNA, "name": "isp"}, domain="192.0.2.1", auth_name="anna", password="x", period="3600")[0] == "OK"
    assert "change by %s (web page): " % ANNA in s.daemon.log()
