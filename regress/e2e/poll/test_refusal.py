# SPDX-License-Identifier: ISC
"""
Messages that the server lists and does not give: RETR answered -ERR (RFC 1939, RFC 3206).  Everything else is served; the refusal
is said in the log, counted in status, and told to the owner once when the message is set aside.
"""
import json

import pytest

from lib import corpus, rig as rigs
from servers.behaviours import NoUidl
from servers.pop3 import Behaviour

ANNA = "anna@example.org"
BOX = "example.org/anna"
SIGNS = b"[SYS/PERM] \x1b[31mcorrupted"


class Refuses(Behaviour):
    """RETR of these unique-ids is refused with these words."""

    def __init__(self, words, uids=(b"uid-00002",), base=Behaviour):
        super().__init__()
        self.words, self.uids = words, list(uids)

    def cmd_retr(self, s, arg):
        if s.valid(arg) and s.view[int(arg) - 1].uid in self.uids:
            return self.err(s, "retr", self.words)
        super().cmd_retr(s, arg)


class RefusesWithoutUidl(NoUidl, Refuses):
    pass


def mails(n):
    return [corpus.mail("m%d" % i) for i in range(n)]


def notices(rig):
    return [m for m in rig.delivered().get(BOX, []) if b"X-Test-Id" not in m]


def write(rig, sql):
    """Edit state.db, the daemon being down."""
    import sqlite3
    with sqlite3.connect(rig.statedb) as c:
        c.execute(sql)


def test_refused_for_ever(personal, pop3):
    """Said at the default log level, told once, set aside after five polls, then tried once a day."""
    behaviour = Refuses(SIGNS)
    server = pop3(behaviour, mails(3))
    personal.verbose = []
    personal.record(ANNA, "r", server)
    first = personal.once()
    assert first.code == 0 and "1 refused by the server" in first.log and "uid-00002: [SYS/PERM] \\033[31mcorrupted" in first.log
    assert personal.idents()[BOX] == ["m0", "m2"]
    for _ in range(4):
        assert notices(personal) == []
        assert personal.once().code == 1, "nothing else was asked for"
    told, = notices(personal)
    for words in (b"message uid-00002 cannot be retrieved", b"refused 5 times", b"[SYS/PERM] \\033[31mcorrupted",
        b"Its unique-id: uid-00002"):
        assert words in told
    assert personal.state("SELECT deaths, failures, refusals, aside FROM suspects") == [(0, 5, 5, "yes")]
    asked = server.count("retr")
    for _ in range(3):
        assert personal.once().code == 0
    assert server.count("retr") == asked, "set aside, and still asked for"
    write(personal, "UPDATE suspect SET since = since - 86401")
    assert personal.once().code == 0
    assert server.count("retr") == asked + 1
    assert len(notices(personal)) == 1
    behaviour.uids = []
    write(personal, "UPDATE suspect SET since = since - 86401")
    assert personal.once().code == 0
    assert "m1" in personal.idents()[BOX] and personal.state("SELECT * FROM suspect") == [] and server.box.left() == []


class RefusesWithoutTop(Refuses):
    capabilities = ["USER", "UIDL", "PIPELINING"]

    def cmd_top(self, s, arg):
        self.err(s, "top", b"unknown command")


def test_released_after_delivery(personal, pop3):
    """A message that was delivered is to be compared before its deletion, and is refused: released, it is deleted and not doubled."""
    behaviour = RefusesWithoutTop(SIGNS, uids=())
    server = pop3(behaviour, mails(3))
    row = personal.record(ANNA, "r", server, leave=1)
    assert personal.once().code == 0
    row["leave"] = 0
    personal.write_db()
    behaviour.uids = [b"uid-00002"]
    for _ in range(5):
        personal.once()
    assert server.box.left() == mails(3)[1:2]
    daemon = personal.start()
    aside, = [q for q in json.loads(personal.ctl("-j", "quarantine").log)["queue"] if q["state"] == "aside"]
    behaviour.uids = []
    personal.ctl("quarantine", "release", "%d-%s" % (aside["mailbox"], aside["uid"]))
    rigs.wait_for(lambda: server.box.left() == [], "the released message to be deleted")
    assert daemon.stop() == 0
    assert sorted(i for i in personal.idents()[BOX] if i != "?") == ["m0", "m1", "m2"]


@pytest.mark.parametrize("act", ["release", "drop"])
@pytest.mark.parametrize("uid", ["a\\b", "\\" * 70])
def test_backslash(personal, pop3, uid, act):
    """A unique-id is named as it is shown."""
    behaviour = Refuses(SIGNS, uids=[uid.encode()])
    server = pop3(behaviour)
    server.box.add(corpus.mail("m"), uid)
    personal.record(ANNA, "r", server)
    for _ in range(5):
        personal.once()
    daemon = personal.start()
    aside, = [q for q in json.loads(personal.ctl("-j", "quarantine").log)["queue"] if q["state"] == "aside"]
    name = "%d-%s" % (aside["mailbox"], aside["uid"])
    assert name in personal.ctl("quarantine").log
    behaviour.uids = []
    personal.ctl("quarantine", act, name)
    if act == "release":
        rigs.wait_for(lambda: server.box.left() == [], "the released message to be deleted")
    assert [q for q in json.loads(personal.ctl("-j", "quarantine").log)["queue"] if q["state"] == "aside"] == []
    assert daemon.stop() == 0
    assert ("m" in personal.idents()[BOX]) == (act == "release") and len(server.box.left()) == (act == "drop")


def test_status(personal, pop3):
    server = pop3(Refuses(b"no"), mails(3))
    personal.record(ANNA, "r", server)
    personal.once()
    daemon = personal.start()
    row, = personal.status()["records"]
    assert (row["refused"], row["suspects"], row["aside"]) == (1, 1, 0)
    assert "not given by the server" in personal.ctl("show", "account", ANNA).log
    daemon.stop()


def test_new_mail_does_not_wait(personal, pop3):
    """A message that is refused is no reason to call a poll failed that brought another one."""
    server = pop3(Refuses(b"[SYS/PERM] corrupted"), mails(2))
    personal.record(ANNA, "r", server, leave=1)
    for n in range(2, 6):
        server.box.add(corpus.mail("m%d" % n))
        assert personal.once().code == 0
    assert personal.idents()[BOX] == ["m0", "m2", "m3", "m4", "m5"]


def test_vanished(personal, pop3):
    """Deleted by somebody else while the session runs: no alarm, and the next listing is without it."""
    server = pop3(Refuses(b"no such message"), mails(1) + mails(1))
    server.box.messages.pop(0)
    personal.record(ANNA, "r", server)
    assert personal.once().code == 0
    server.box.messages.clear()
    daemon = personal.start()
    rigs.wait_for(lambda: personal.state("SELECT gone FROM suspect WHERE gone IS NOT NULL"), "the next listing")
    row, = personal.status()["records"]
    assert (row["refused"], row["suspects"], row["last_error"]) == (0, 0, None)
    assert notices(personal) == []
    daemon.stop()


def test_refused_for_now(personal, pop3):
    """[SYS/TEMP]: the poll has failed, but the message is not set aside before the server had hours."""
    server = pop3(Refuses(b"[SYS/TEMP] index is being rebuilt"), mails(2))
    personal.record(ANNA, "r", server)
    assert personal.once().code == 0
    result = personal.once()
    assert result.code == 1 and "refuses every message that was asked for: [SYS/TEMP] index is being rebuilt" in result.log
    for _ in range(5):
        assert personal.once().code == 1
    assert personal.state("SELECT failures FROM suspect") == [(1,)]
    write(personal, "UPDATE suspect SET since = since - 3601")
    personal.once()
    assert personal.state("SELECT failures FROM suspect") == [(2,)]


def test_many_at_once(personal, pop3):
    """One message to the owner, however many are refused."""
    uids = [b"uid-%05d" % n for n in range(1, 41)]
    server = pop3(Refuses(b"[SYS/PERM] no storage", uids), mails(41))
    personal.record(ANNA, "r", server)
    assert personal.once().code == 0
    for _ in range(4):
        assert personal.once().code == 1
    told, = notices(personal)
    assert b"40 messages cannot be retrieved" in told and b"and more" in told
    assert personal.state("SELECT count(*) FROM suspects WHERE aside = 'yes'") == [(40,)]


def test_without_unique_ids(personal, pop3):
    """What has no unique-id cannot be set aside: told after five polls in a row."""
    server = pop3(RefusesWithoutUidl(b"corrupted"), mails(2))
    personal.record(ANNA, "r", server)
    daemon = personal.start()
    for n in range(1, 8):
        rigs.wait_for(lambda: len(server.sessions) >= n and personal.status()["records"][0]["state"] == "idle", "poll %d" % n)
        personal.ctl("poll", "all")
    rigs.wait_for(lambda: notices(personal), "the notice")
    assert b"1 message cannot be retrieved" in notices(personal)[0] and b"corrupted" in notices(personal)[0]
    daemon.stop()
    assert len(notices(personal)) == 1


def test_session_that_breaks_later(personal, pop3):
    """Counted as well if the session fails behind it."""
    class Breaks(Refuses):
        def cmd_quit(self, s, arg):
            s.sock.close()
            super().cmd_quit(s, arg)
    server = pop3(Breaks(b"[SYS/PERM] corrupted"), mails(2))
    personal.record(ANNA, "r", server)
    assert personal.once().code == 1
    assert personal.state("SELECT failures, refusals FROM suspect") == [(1, 1)]


def test_more_than_the_listing_names(personal, pop3):
    """STAT counts a thousand and two that UIDL leaves out: what is not even tried is told."""
    class Nameless(Behaviour):
        def listing(self, s):
            return []
    server = pop3(Nameless(), mails(1002))
    personal.record(ANNA, "r", server, leave=1)
    first = personal.once()
    assert "2 of those are not retrieved" in first.log
    told, = notices(personal)
    assert b"2 messages are not in the server's listing" in b" ".join(told.split())
