# SPDX-License-Identifier: ISC
"""
What rpopd itself writes to owners and to the postmaster: it goes the way mail for that account goes, once a day about one thing, and is the
cause of nothing further.
"""
import re
import sqlite3

import pytest

from lib import corpus, rig as rigs
from servers.pop3 import Behaviour, Close
from servers.smtp import OK, PERM, TEMP

PM = "postmaster@example.org"
ANNA = "anna@example.org"
BERT = "bert@example.org"


@pytest.fixture
def lmtp(unified, smtp):
    m = smtp("lmtp")
    unified.nexthop("hop", m)
    unified.settings["nexthop"] = "hop"
    return m


def subject(data):
    return re.sub(r"\r?\n ", " ", re.search(rb"(?mi)^Subject: (.*(?:\r?\n[ \t].*)*)", data).group(1).decode()).strip()


def notices(hop):
    """Those that a next hop was given to deliver: [(recipient, subject)]"""
    return [(m.taken()[0], subject(m.data)) for m in hop.mails if m.taken() and b"\nAuto-Submitted: auto-generated" in m.data]


def big(server_for, rig, **columns):
    """A record with a message that is too large: its owner is told."""
    s = server_for(messages=[corpus.mail("big", body=b"x\r\n" * 3000)])
    rig.record(BERT, "isp", s, max_size=1000, **columns)
    return s


class Bad(Behaviour):
    """One message cuts every session."""

    def cmd_retr(self, s, a):
        if s.view[int(a) - 1].uid == b"uid-00002":
            raise Close
        Behaviour.cmd_retr(self, s, a)


def forget(rig, sql="at = at - 86400"):
    """As if a day had passed; the daemon must not run."""
    with sqlite3.connect(rig.statedb, timeout=30) as c:
        c.execute("UPDATE told SET " + sql)


# --- the way ---

def test_handed_on(unified, lmtp, pop3):
    """Owners whose mail goes to a next hop read there what there is to say: null sender, nobody is to report it, nothing stays here."""
    big(pop3, unified)
    assert unified.once().code == 0
    mail, = lmtp.mails
    assert mail.taken() == [BERT] and mail.sender == "" and "too large" in subject(mail.data)
    assert "NOTIFY=NEVER" in mail.rcpts[0][1]
    assert b"\nAuto-Submitted: auto-generated\r\n" in mail.data and b"Return-Path" not in mail.data
    assert unified.delivered() == {} and unified.spooled() == []
    assert unified.state("SELECT count(*) FROM relay") == [(0,)]


def test_some_here_some_there(unified, smtp, pop3):
    """Each account by its own way."""
    m = smtp("lmtp")
    unified.nexthop("hop", m)
    big(pop3, unified)
    unified.record(ANNA, "isp", pop3(messages=[corpus.mail("large", body=b"x\r\n" * 3000)]), max_size=1000)
    unified.write_db()
    unified.sqlite("UPDATE account SET nexthop = 'hop' WHERE name = 'bert';")
    assert unified.once().code == 0
    assert [w for w, _ in notices(m)] == [BERT]
    note, = unified.delivered()["example.org/anna"]
    assert note.startswith(b"Return-Path: <>\n") and "too large" in subject(note)


def test_set_aside(unified, lmtp, pop3):
    """A message that makes every session fail: told once, by the way of the owner's mail."""
    s = pop3(messages=[corpus.mail("m%d" % i) for i in range(3)], behaviour=Bad())
    unified.record(ANNA, "isp", s)
    for _ in range(7):
        unified.once()
    assert [n for n in notices(lmtp) if "cannot be retrieved" in n[1]] == [(ANNA, ANNA + "/isp: message uid-00002 cannot be retrieved")]
    assert unified.delivered() == {}


def test_waits(unified, lmtp, pop3):
    """A next hop that puts it off gets it later, as any other mail; a restart between loses nothing."""
    lmtp.answers = {BERT: [TEMP, OK]}
    big(pop3, unified)
    assert unified.once().code == 0
    assert unified.state("SELECT state, sender, dest, length(uid) FROM relay") == [(0, "", BERT, 0)]
    with sqlite3.connect(unified.statedb) as c:
        c.execute("UPDATE relay SET next = 0")
    assert unified.once().code == 0
    assert len(notices(lmtp)) == 1 and unified.spooled() == []


def test_refused(unified, lmtp, pop3):
    """A next hop that refuses it for good: a line in the log, and it is in quarantine, of which nobody is written to: no loop, no storm."""
    lmtp.default = PERM
    big(pop3, unified)
    result = unified.once()
    assert result.code == 0
    assert unified.state("SELECT state, dest FROM relay") == [(1, BERT)]
    assert len(re.findall(r"delivery \d+: next hop hop: quarantined", result.log)) == 1
    for _ in range(2):
        forget(unified)
        assert unified.once().code == 0
    assert len(lmtp.mails) == 1 and unified.delivered() == {}
    daemon = unified.start()
    assert unified.status()["daemon"]["quarantined"] == 1
    lmtp.default = OK
    unified.ctl("quarantine", "release", "all")
    rigs.wait_for(lambda: notices(lmtp), "the notice")
    assert daemon.stop() == 0


def test_quarantine_note_refused(unified, lmtp, pop3):
    """Neither does the note about the quarantine breed another one, nor one a day."""
    lmtp.default = PERM
    unified.record(ANNA, "isp", pop3(messages=[corpus.mail("m")]))
    assert unified.once().code == 0
    for _ in range(3):
        forget(unified)
        assert unified.once().code == 0
    assert sorted(unified.state("SELECT dest, length(uid) > 0 FROM relay WHERE state = 1")) == [(ANNA, 1), (PM, 0)]
    assert len(lmtp.mails) == 2


# --- how often ---

def test_daily_over_restarts(unified, pop3):
    """About one thing once a day, whatever is restarted between; a time that a wrong clock wrote silences nobody."""
    s = big(pop3, unified)
    told = lambda: len(unified.delivered()["example.org/bert"])
    for n in range(3):
        assert unified.once().code == 0
        assert told() == 1
        with sqlite3.connect(unified.statedb) as c:
            c.execute("DELETE FROM oversize")	# it is as if it had come just now
    forget(unified)
    assert unified.once().code == 0
    assert told() == 2
    with sqlite3.connect(unified.statedb) as c:
        c.execute("DELETE FROM oversize")
    forget(unified, "at = at + 1000000")
    assert unified.once().code == 0
    assert told() == 3
    assert len(s.box.left()) == 1


def test_quarantine_grows(unified, lmtp, pop3):
    """The first message in quarantine is told at once; what comes within the day is told a day later, over restarts; then there is
    silence until there is more.  status has the number."""
    lmtp.answers = {ANNA: PERM}
    server = pop3(messages=[corpus.mail("m0")])
    unified.record(ANNA, "isp", server)
    assert unified.once().code == 0
    assert notices(lmtp) == [(PM, "Mail in quarantine: 1 new, 1 in all")]
    for i in range(1, 6):
        server.box.add(corpus.mail("m%d" % i))
        assert unified.once().code == 0
    assert len(notices(lmtp)) == 1
    forget(unified)
    assert unified.once().code == 0
    assert notices(lmtp)[1:] == [(PM, "Mail in quarantine: 5 new, 6 in all")]
    note = [m.data for m in lmtp.mails if b"5 new" in m.data][0]
    assert b"next hop hop: 6, the last one: 5.1.1" in note
    for _ in range(2):
        forget(unified)
        assert unified.once().code == 0
    assert len(notices(lmtp)) == 2
    daemon = unified.start()
    assert unified.status()["daemon"]["quarantined"] == 6 and "6 in quarantine" in unified.ctl("status").log
    unified.ctl("quarantine", "drop", "all")
    assert unified.status()["daemon"]["quarantined"] == 0 and "quarantine" not in unified.ctl("status").log
    assert daemon.stop() == 0


def test_counts(unified, lmtp, pop3):
    """What is neither delivered nor on its way stands in status and in its JSON."""
    lmtp.answers = {ANNA: TEMP}
    unified.record(ANNA, "isp", pop3(messages=[corpus.mail("w%d" % i) for i in range(2)]))
    big(pop3, unified)
    daemon = unified.start()
    rigs.wait_for(lambda: unified.status()["daemon"]["waiting"] == 2 and unified.status()["daemon"]["oversize"] == 1, "the counts")
    rigs.wait_for(lambda: "2 waiting for a next hop, 1 oversize\n" in unified.ctl("status").log, "the counts in words")
    counts = unified.status()["daemon"]
    assert [counts[k] for k in ("quarantined", "reports", "aside", "suspects")] == [0, 0, 0, 0]
    assert daemon.stop() == 0


# --- kill tests: notice.c ---

@pytest.mark.parametrize("point", ["deliverer:deliverer.named", "deliverer:deliverer.notice", "rpopd:master.noticed", "rpopd:master.notice_open",
    "rpopd:master.notice_done", "rpopd:master.notice_after", "rpopd:master.send"])
def test_killed(unified, lmtp, pop3, point):
    """A process dies at one step of a notice (the deliverer each time that it is asked for it): what is behind its commit is delivered, what
    is ahead of it leaves nothing; never many."""
    big(pop3, unified)
    unified.once("-K", point, hooks=True)
    committed = unified.state("SELECT count(*) FROM told")[0][0]
    assert committed == (point in ("rpopd:master.notice_done", "rpopd:master.notice_after", "rpopd:master.send"))
    for _ in range(3):
        assert unified.once().code == 0
    assert len(notices(lmtp)) == committed
    assert unified.spooled() == [] and unified.delivered() == {}
    assert unified.state("SELECT count(*) FROM relay") == [(0,)]


HOPS = [("Received", "by hop%d.example; x" % i) for i in range(101)]


def written(rig, name):
    """Subjects of what we have written to this account."""
    return [subject(d) for d in rig.delivered().get("example.org/" + name, []) if b"\nAuto-Submitted: auto-generated" in d]


@pytest.mark.parametrize("main", [True, False])
def test_the_owner_hears_of_the_quarantine(rig, pop3, main):
    """A message over the hop limit, with a main domain and in a store that has none: the owner is told, and every view says so."""
    if main:
        rig.account("postmaster@example.org")
    else:
        rig.settings["main_domain"] = None
    rig.account("anna@example.org")
    rig.account("bert@example.org")
    s = pop3(messages=[corpus.mail("round", HOPS), corpus.mail("plain", HOPS[:100])])
    rig.record("anna@example.org", "work", s)
    rig.record("bert@example.org", "other", pop3(messages=[corpus.mail("b")]))
    uid = s.box.messages[0].uid.decode()
    result = rig.once()
    assert result.code == 0
    assert ", 1 to quarantine" in result.log and "2 messages (" in result.log
    assert "notice not sent" not in result.log and "nobody" not in result.log
    assert s.box.left() == []
    assert rig.idents()["example.org/anna"].count("plain") == 1
    assert len(written(rig, "anna")) == 1 and "in quarantine" in written(rig, "anna")[0]
    assert written(rig, "bert") == []
    if main:
        assert written(rig, "postmaster") == ["Mail in quarantine: 1 new, 1 in all"]
    rig.once()
    assert len(written(rig, "anna")) == 1
    rig.start().ready()
    assert [r["quarantined"] for r in rig.status()["records"]] == [1, 0]
    assert "1 in quarantine" in rig.ctl("show", "account", "anna@example.org").log
    assert "1 in quarantine" in rig.ctl("status").log
    told = rig.ctl("explain", "anna@example.org/work", uid).log
    assert "taken, for 1 recipient in quarantine here; deleted on the server" in told and "state: delivered" not in told
    rig.ctl("quarantine", "release", "all")
    rigs.wait_for(lambda: "round" in rig.idents()["example.org/anna"], "what was released")
    rigs.wait_for(lambda: [r["quarantined"] for r in rig.status()["records"]] == [0, 0], "the row to go")
    assert "state: delivered" in rig.ctl("explain", "anna@example.org/work", uid).log


def test_owners_hear_of_the_quarantine_once_a_day(rig, pop3):
    """Without a main domain: what comes within the day is told a day later, over restarts."""
    rig.settings["main_domain"] = None
    rig.account("anna@example.org")
    s = pop3(messages=[corpus.mail("a", HOPS)])
    rig.record("anna@example.org", "work", s)
    rig.once()
    s.box.add(corpus.mail("b", HOPS))
    rig.once()
    assert written(rig, "anna") == ["Mail for you in quarantine: 1"]
    db = sqlite3.connect(rig.statedb)
    db.execute("UPDATE told SET at = at - 86400")
    db.commit()
    db.close()
    rig.once()
    assert sorted(written(rig, "anna")) == ["Mail for you in quarantine: 1", "Mail for you in quarantine: 2"]
    rig.once()
    assert len(written(rig, "anna")) == 2
