# SPDX-License-Identifier: ISC
"""
Each recipient has each message once, whatever the provider stored, over restarts and deaths; and rpopctl explain says why.
"""
import collections
import json
import signal

import pytest

from lib import corpus, rig as rigs
from servers import behaviours as B

PM = "postmaster@example.org"
PEOPLE = ["anna@example.org", "bert@example.org", "info@example.org"]


def copy(ident, n, rcpts=PEOPLE, **kwargs):
    """The n-th copy of a message: the way it came is its own."""
    return corpus.mail(ident, [("X-Real-To", ", ".join(rcpts)), ("Received", "from hop%d.example by provider%d.example\r\n"
        "\twith ESMTP id %d; Fri, 01 Mar 2024 12:00:0%d +0000" % (n, n, n * 17, n))], **kwargs)


def each(ident, times=1):
    return {"example.org/" + a.split("@")[0]: [ident] * times for a in PEOPLE}


def test_one_session(unified, pop3):
    server = pop3(messages=[copy("m", n) for n in range(3)])
    unified.record(PM, "r", server, special="X-Real-To")
    assert unified.once().code == 0
    assert unified.idents() == each("m")
    assert server.box.left() == [] and unified.spooled() == []
    assert unified.state("SELECT count(*) FROM copy") == [(3,)]


def test_told(unified, pop3):
    """A session says how many copies it suppressed, beside what it had retrieved before and what a route discards."""
    server = pop3(messages=[copy("m", n) for n in range(3)] + [copy("trap", 0, ["trap@example.org"])])
    unified.record(PM, "r", server, special="X-Real-To")
    unified.write_db()
    unified.sqlite("INSERT INTO route (address, action) VALUES ('trap@example.org', 'discard');")
    assert "1 message (" in (log := unified.once().log) and "retrieved, 4 deleted, 2 copies suppressed, 1 discarded, " in log
    server.box.add(copy("m", 3, PEOPLE + ["postmaster@example.org"]))
    log = unified.once().log
    assert "1 message (" in log and "retrieved, 1 deleted, 1 copy suppressed, " in log and "known already" not in log
    assert unified.idents() == {**each("m"), "example.org/postmaster": ["m"]}


def test_across_sessions(unified, pop3):
    """In other sessions, after a restart, in the mailbox of another record; a recipient who was not among them gets it."""
    first, second = pop3(messages=[copy("m", 0, PEOPLE[:2])]), pop3()
    unified.record(PM, "one", first, special="X-Real-To")
    unified.record(PM, "two", second, special="X-Real-To")
    assert unified.once().code == 0
    first.box.add(copy("m", 1))
    assert unified.once().code == 0
    second.box.add(copy("m", 2))
    assert unified.once().code == 0
    assert unified.idents() == each("m")
    assert first.box.left() == [] and second.box.left() == []


def test_left_on_the_server(unified, pop3):
    server = pop3(messages=[copy("m", n) for n in range(3)])
    unified.record(PM, "r", server, special="X-Real-To", leave=1)
    for _ in range(2):
        assert unified.once().code == 0
        assert unified.idents() == each("m")
    assert len(server.box.left()) == 3
    assert unified.state("SELECT DISTINCT state FROM seen") == [(0,)]


def test_same_message_id(unified, pop3):
    """Two messages that carry one Message-ID are two messages."""
    unified.record(PM, "r", pop3(messages=[copy("m", 0, body=b"one\r\n"), copy("m", 0, body=b"another\r\n"),
        corpus.mail("m", [("X-Real-To", ", ".join(PEOPLE)), ("Subject", "a third")], b"one\r\n")]), special="X-Real-To")
    assert unified.once().code == 0
    assert unified.idents() == each("m", 3)


def alarm(n, store=1, *more, relay=None):
    """The n-th alarm of a device, each with the same text; it may pass a relay before the provider gets it."""
    day = "Fri, 0%d Mar 2024 12:00:0%d +0000" % (n, n)
    hops = [("Received", "from mx.provider.example by store%d.provider.example id %d; %s" % (store, 10 * n + store, day))]
    if relay:
        hops.append(("Received", "from ups.example by %s id %d;\r\n\t%s" % (relay, n, day)))
    return corpus.mail("ups", hops + [("X-Real-To", "anna@example.org"), ("Message-ID", None), ("Date", None)] + list(more),
        b"UPS is on battery.\r\n")


CONSTANT = ("Message-ID", "<alarm@ups.example>")


@pytest.mark.parametrize("special", ["X-Real-To", "*"])
@pytest.mark.parametrize("more", [[], [CONSTANT], [CONSTANT, ("Date", "Thu, 01 Jan 1970 00:00:07 +0000")],
    [CONSTANT, CONSTANT, ("Date", "Fri, 01 Mar 2024 12:00:00 +0000")], [("Message-ID", "<1>"), ("Date", "Fri, 01 Mar 2024 12:00:00 +0000")]])
def test_equal_alarms(unified, pop3, special, more):
    """What has no Message-ID and Date of its own is news each time, also with a trace from before the provider."""
    server = pop3(messages=[alarm(1, 1, *more), alarm(2, 1, *more), alarm(1, 1, *more, relay="relay.example")])
    unified.record(PM, "r", server, special=special)
    assert unified.once().code == 0
    server.box.add(alarm(5, 1, *more))
    server.box.add(alarm(5, 1, *more, relay="relay.example"))
    log = unified.once().log
    assert unified.idents() == {"example.org/anna": ["ups"] * 5} and server.box.left() == []
    assert "suppressed" not in log and unified.state("SELECT count(*) FROM copy") == [(2,)]


def test_copies_of_an_alarm(unified, pop3):
    """The provider's copies of one delivery have a trace in common below the provider's own."""
    server = pop3(messages=[alarm(1, n, relay="relay.example") for n in range(3)] + [alarm(2, 0, relay="relay.example")])
    unified.record(PM, "r", server, special="X-Real-To")
    assert ", 2 copies suppressed, " in unified.once().log
    assert unified.idents() == {"example.org/anna": ["ups"] * 2} and server.box.left() == []


def test_copies_of_an_alarm_below_the_trusted_hop(unified, pop3):
    """A provider that hands copies from host to host: where its trace begins is what trusted_hop says."""
    hop = ("Received", "from relay.example by mx.provider.example id %d; Fri, 01 Mar 2024 12:00:01 +0000")
    mails = [corpus.mail("ups", [("X-Real-To", "anna@example.org"), ("Received", "by store.provider.example id %d" % n),
        (hop[0], hop[1] % n), ("Received", "from ups.example by relay.example id 7; Fri, 01 Mar 2024 12:00:00 +0000"),
        ("Message-ID", None), ("Date", None)], b"UPS is on battery.\r\n") for n in range(2)]
    row = unified.record(PM, "r", pop3(messages=mails), special="X-Real-To", leave=1)
    assert unified.once().code == 0
    assert unified.idents() == {"example.org/anna": ["ups"] * 2}
    unified.empty()
    second = pop3(messages=mails)
    unified.record(PM, "s", second, special="X-Real-To", trusted_hop="mx.provider.example")
    row["period"] = None
    unified.write_db()
    assert ", 1 copy suppressed, " in unified.once().log
    assert unified.idents() == {"example.org/anna": ["ups"]}


def test_switched_off(unified, pop3):
    unified.record(PM, "r", pop3(messages=[copy("m", n) for n in range(3)]), special="X-Real-To", suppress=0)
    assert unified.once().code == 0
    assert unified.idents() == each("m", 3)


def sent(hop):
    """{ident: addresses}; each message came once."""
    got = {corpus.ident_of(m.data): [a for a, _ in m.rcpts] for m in hop.mails}
    assert len(got) == len(hop.mails)
    return got


@pytest.mark.parametrize("protocol", ["lmtp", "smtp"])
def test_next_hop_comes_and_goes(unified, smtp, pop3, protocol):
    """A copy is known by whose it is: an account has its mail whether it went to a Maildir or to a next hop."""
    hop = smtp(protocol)
    unified.nexthop("hop", hop)
    server = pop3(messages=[copy("before", 0)])
    unified.record(PM, "r", server, special="X-Real-To")
    assert unified.once().code == 0
    unified.sqlite("UPDATE account SET nexthop = 'hop' WHERE name = 'bert';")
    for ident, n in (("before", 1), ("during", 0)):
        server.box.add(copy(ident, n))
    assert unified.once().code == 0
    assert sent(hop) == {"during": ["bert@example.org"]}
    unified.sqlite("UPDATE account SET nexthop = NULL WHERE name = 'bert';")
    for ident, n in (("before", 2), ("during", 1), ("after", 0)):
        server.box.add(copy(ident, n))
    assert unified.once().code == 0
    assert len(hop.mails) == 1 and server.box.left() == []
    assert unified.idents() == {"example.org/anna": ["after", "before", "during"], "example.org/info": ["after", "before", "during"],
        "example.org/bert": ["after", "before"]}


@pytest.mark.parametrize("protocol", ["lmtp", "smtp"])
def test_details_of_one_account(unified, smtp, pop3, protocol):
    """An account that is named twice, with a detail and without, gets a message once: at its own address, or at the first."""
    hop = smtp(protocol)
    unified.nexthop("hop", hop)
    server = pop3(messages=[copy("both", 0, ["bert+x@example.org", "bert@example.org"]),
        copy("details", 0, ["Bert+x@example.org", "bert+y@example.org"]), copy("alone", 0, ["bert+x@example.org"]),
        copy("alone", 1, ["bert@example.org"]), copy("alias", 0, ["bert+x@example.org", "sales@example.org"])])
    unified.record(PM, "r", server, special="X-Real-To")
    unified.write_db()
    unified.sqlite("UPDATE account SET nexthop = 'hop' WHERE name = 'bert';")
    assert unified.once().code == 0
    assert sent(hop) == {"both": ["bert@example.org"], "details": ["bert+x@example.org"],
        "alone": ["bert+x@example.org"], "alias": ["bert@example.org"]}
    assert server.box.left() == [] and unified.delivered() == {}


def test_folders_are_places(unified, pop3):
    """A folder that a route leads to is a place of its own beside the inbox of its account."""
    server = pop3(messages=[copy("m", n, [who]) for n, who in enumerate(["anna@example.org", "news@example.org"] * 2)])
    unified.record(PM, "r", server, special="X-Real-To")
    unified.write_db()
    unified.sqlite("INSERT INTO route (address, target, folder) VALUES ('news@example.org', 'anna@example.org', 'News');")
    assert ", 2 copies suppressed, " in unified.once().log
    assert unified.idents() == {"example.org/anna": ["m"], "example.org/anna/.News": ["m"]}


def test_personal(personal, pop3):
    """What lies in a person's own mailbox is his, however often; it is found again, and not remembered as a copy."""
    personal.record("anna@example.org", "r", pop3(messages=[copy("m", n) for n in range(3)]))
    assert personal.once().code == 0
    assert personal.idents() == {"example.org/anna": ["m"] * 3}
    for table, rows in (("copy", 0), ("handled", 3), ("relay", 0)):
        assert personal.state("SELECT count(*) FROM " + table) == [(rows,)]


def mixed(unified, smtp, server):
    """bert's mail is handed on, the others' is not."""
    m = smtp("lmtp")
    unified.nexthop("hop", m)
    unified.record(PM, "r", server, special="X-Real-To")
    unified.write_db()
    unified.sqlite("UPDATE account SET nexthop = 'hop' WHERE name = 'bert';")
    return m


POINTS = ["rpopd:master.state_commit_before", "rpopd:master.state_commit_open", "rpopd:master.state_commit_done", "rpopd:master.commit_after",
    "rpopd:master.committed_sent", "rpopd:master.verdict_sent", "rpopd:master.final", "rpopd:master.queue_changed",
    "rpopd:master.settled", "deliverer:deliverer.fsync_spool", "deliverer:deliverer.receipt", "deliverer:deliverer.committed",
    "deliverer:deliverer.discard", "deliverer:deliverer.discard:4", "deliverer:deliverer.rename", "deliverer:deliverer.renamed", "deliverer:deliverer.settle", "deliverer:deliverer.queue_remove"]


@pytest.mark.parametrize("point", POINTS)
def test_killed(unified, smtp, pop3, point):
    """Copies, Maildirs and a next hop in one batch; a process dies at one step."""
    server = pop3(messages=[copy("m", n) for n in range(3)] + [copy("other", 0)])
    lmtp = mixed(unified, smtp, server)
    result = unified.once("-K", point, hooks=True)
    assert result.code == -signal.SIGKILL or "signal 9" in result.log or "died" in result.log, "the point was not reached"
    for _ in range(3):
        unified.once()
    want = {"example.org/" + who: ["m", "other"] for who in ("anna", "info")}
    assert unified.idents() == want
    got = collections.Counter(corpus.ident_of(m.data) for m in lmtp.mails)
    # Where the next hop has said yes to one while the result of the other is committed, that one may come again.
    twice = point in ("rpopd:master.final", "rpopd:master.queue_changed")
    assert sorted(got) == ["m", "other"] and sum(got.values()) <= 2 + twice
    assert server.box.left() == [] and unified.spooled() == []
    assert unified.state("SELECT (SELECT count(*) FROM relay), (SELECT count(*) FROM pending)") == [(0, 0)]


def test_killed_at_replay(unified, smtp, pop3):
    """The second death while links are held and replayed."""
    server = pop3(messages=[copy("m", 0), copy("other", 0)])
    lmtp = mixed(unified, smtp, server)
    unified.once("-K", "rpopd:master.commit_after", hooks=True)
    unified.once("-K", "deliverer:deliverer.replay:2", hooks=True)
    for _ in range(3):
        unified.once()
    assert unified.idents() == {"example.org/" + who: ["m", "other"] for who in ("anna", "info")}
    assert sorted(corpus.ident_of(m.data) for m in lmtp.mails) == ["m", "other"]
    assert server.box.left() == [] and unified.spooled() == []


@pytest.mark.parametrize("point", ["rpopd:master.queue_before", "rpopd:master.queue_change", "rpopd:master.queue_changed",
    "deliverer:deliverer.queue_move", "deliverer:deliverer.queue_moved", "deliverer:deliverer.queue_settle"])
def test_killed_at_release(unified, pop3, point):
    """Out of the quarantine into a Maildir: once, whoever dies."""
    server = pop3(messages=[copy("m", 0, PEOPLE[:1])])
    unified.record(PM, "r", server, special="X-Real-To", suppress=0)
    assert unified.once().code == 0
    (data,), = unified.delivered().values()
    server.box.add(b"X-Real-To: anna@example.org\r\n" + data.split(b"\n", 1)[1].replace(b"\n", b"\r\n"))
    assert unified.once().code == 0
    unified.empty()
    (row,), = unified.state("SELECT id FROM relay WHERE state = 1")
    daemon = unified.start("-K", point, hooks=True)
    unified.ctl("quarantine", "release", str(row), check=False)
    rigs.wait_for(lambda: not daemon.running() or "died" in daemon.log(), "a death")
    if daemon.running():
        daemon.stop()
    daemon = unified.start()
    if unified.state("SELECT count(*) FROM relay") != [(0,)]:
        unified.ctl("quarantine", "release", str(row))
    rigs.wait_for(lambda: unified.idents().get("example.org/anna") == ["m"], "the release")
    rigs.wait_for(lambda: unified.state("SELECT count(*) FROM pending") == [(0,)], "the row to go")
    assert daemon.stop() == 0
    assert unified.idents() == {"example.org/anna": ["m"]} and unified.spooled() == []


def test_stop_while_waiting(unified, smtp, pop3):
    """A session that waits for a next hop ends when it is told to; the message stays on the server until the next one."""
    server = pop3(messages=[copy("m", 0)])
    lmtp = mixed(unified, smtp, server)
    lmtp.answers = {"bert@example.org": "451 4.2.0 later"}
    assert unified.once().code == 0
    assert len(server.box.left()) == 1
    assert unified.state("SELECT state FROM seen") == [(5,)]
    daemon = unified.start()
    record, = unified.status()["records"]
    assert record["waiting"] == 1 and record["kept"] == record["undeleted"] == 0
    assert daemon.stop() == 0
    lmtp.answers = {}
    assert unified.once().code == 0		# not due: neither retrieved nor deleted meanwhile
    assert len(server.box.left()) == 1 and unified.idents() == {"example.org/anna": ["m"], "example.org/info": ["m"]}


# --- explain ---

def lines(rig, *args):
    return json.loads(rig.ctl("-j", "explain", *args).log)["lines"]


def test_explain(unified, smtp, pop3):
    server = pop3(messages=[copy("m", n) for n in range(2)])
    lmtp = mixed(unified, smtp, server)
    lmtp.answers = {"bert@example.org": "451 4.2.0 later"}
    assert unified.once().code == 0
    uids = [u for u, in unified.state("SELECT CAST(uid AS TEXT) FROM seen ORDER BY state DESC")]
    (mailbox,), = unified.state("SELECT id FROM mailbox")
    daemon = unified.start()
    got = lines(unified, PM + "/r", uids[0])
    assert "record: %s/r, %s:%d" % (PM, server.host, server.port) in got
    assert any(x.startswith("state: taken, not every recipient") for x in got)
    assert "sender: <carl@sender.example>" in got
    assert "result: delivered example.org/anna" in got and "result: waiting bert@example.org at next hop hop" in got
    assert any(x.startswith("why: ") and "X-Real-To" in x for x in got)
    assert any("bert@example.org at next hop hop, tried 1 time" in x and x.endswith(" later") for x in got)
    assert lines(unified, str(mailbox), uids[0]) == got
    text = unified.ctl("explain", str(mailbox), uids[0]).log
    assert "sender: <carl@sender.example>\n" in text and "result: delivered example.org/anna\n" in text
    (since,), = unified.state("SELECT datetime(since, 'unixepoch', 'localtime') FROM seen WHERE uid = CAST('%s' AS BLOB)" % uids[0])
    assert [x for x in lines(unified, PM + "/r", uids[1]) if x.startswith("result: ")] == [
        "result: a copy of the message taken %s as %s of %s/r" % (since, uids[0], PM)] + [
        "result: copy suppressed " + who for who in ("example.org/anna", "bert@example.org", "example.org/info")]
    failed = unified.ctl("explain", PM + "/r", "no-such-uid", check=False)
    assert failed.code == 1 and "nothing is known" in failed.log
    assert unified.ctl("explain", PM + "/s", uids[0], check=False).code == 1
    assert unified.ctl("explain", PM, uids[0], check=False).code == 1
    assert unified.ctl("explain", PM + "/r", check=False).code == 1
    assert daemon.stop() == 0


def test_explain_takes_what_it_shows(personal, pop3):
    """A unique-id with a backslash: as it is first, then as explain and the log show it."""
    uids = [b"a\\b", b"c\\d", b"c\\\\d", b"\\" * 70]
    personal.record("anna@example.org", "r", pop3(B.Uids(uids), [copy("m%d" % i, 0) for i in range(4)]), leave=1)
    assert personal.once().code == 0
    daemon = personal.start()

    def shown(uid):
        return next(x[len("unique-id: "):] for x in lines(personal, "anna@example.org/r", uid) if x.startswith("unique-id: "))
    for uid in uids:
        assert shown(uid.decode()) == uid.decode().replace("\\", "\\\\")
    assert shown("a\\\\b") == "a\\\\b"
    assert shown("\\" * 140) == "\\" * 140
    assert shown("c\\\\d") == "c" + "\\" * 4 + "d", "what is one of its own is that one"
    failed = personal.ctl("explain", "anna@example.org/r", "no\\qsuch", check=False)
    assert failed.code == 1
    assert daemon.stop() == 0


def test_explain_personal(personal, pop3):
    server = pop3(messages=[copy("m", 0)])
    personal.record("anna@example.org", "r", server, mailbox="Lists/bsd", leave=1)
    assert personal.once().code == 0
    (uid,), = personal.state("SELECT CAST(uid AS TEXT) FROM seen")
    daemon = personal.start()
    got = lines(personal, "anna@example.org/r", uid)
    assert "state: delivered, left on the server" in got
    assert "why: personal record: everything to anna@example.org, folder Lists/bsd" in got
    assert "result: delivered example.org/anna/.Lists.bsd" in got and "sender: <carl@sender.example>" in got
    assert not any(x.startswith("queue") for x in got)
    assert daemon.stop() == 0
