# SPDX-License-Identifier: ISC
"""
Handing on to a next hop: each recipient's own result, kept across restarts; deletion when all are final; reports where they are due
and nowhere else.
"""
import email
import email.policy
import itertools
import json
import os
import re
import sqlite3
import time

import pytest

from lib import corpus, rig as rigs
from lib.relay import PEOPLE, PM, SENDER, again, due, listed, mail, seen, states
from servers.smtp import OK, PERM, TEMP


@pytest.fixture(params=["lmtp", "smtp"])
def protocol(request):
    return request.param


@pytest.fixture
def hop(unified, smtp, protocol):
    """The next hop of all accounts."""
    m = smtp(protocol)
    unified.nexthop("hop", m)
    unified.settings["nexthop"] = "hop"
    return m


@pytest.fixture
def lmtp(unified, smtp):
    m = smtp("lmtp")
    unified.nexthop("hop", m)
    unified.settings["nexthop"] = "hop"
    return m


@pytest.fixture
def reports(unified, smtp):
    """The next hop of reports."""
    m = smtp("smtp")
    unified.nexthop("reports", m)
    unified.settings["report_nexthop"] = "reports"
    return m


# --- results ---

def test_delivered(unified, hop, pop3):
    """Octets, envelope, order of fields; nothing is left in the spool, and the remote copy goes in the same session."""
    server = pop3(messages=[mail("m1"), corpus.mail("m2", [("X-Real-To", "anna@example.org"), ("Return-Path", "<>")])])
    unified.record(PM, "r", server, special="X-Real-To")
    assert unified.once().code == 0
    assert sorted(hop.taken()) == sorted(PEOPLE + ["anna@example.org"])
    by = {corpus.ident_of(m.data): m for m in hop.mails}
    assert by["m1"].sender == SENDER and by["m2"].sender == ""
    assert [a for a, _ in by["m1"].rcpts] == PEOPLE
    assert b"\nX-Real-To" not in by["m1"].data and by["m1"].data.startswith(b"Received: ")
    head, body = by["m1"].data.split(b"\r\n\r\n", 1)
    assert body == mail("m1").split(b"\r\n\r\n", 1)[1] and b"return-path" not in head.lower()
    assert server.box.left() == []
    assert unified.spooled() == [] and states(unified) == {}
    assert unified.delivered() == {}


@pytest.mark.parametrize("answers", list(itertools.permutations([OK, TEMP, PERM])), ids=lambda a: "-".join(x[:3] for x in a))
def test_every_order(unified, lmtp, reports, pop3, answers):
    """250, 451 and 550 in every order: only the 451 is tried again, with the others' results kept across a restart."""
    lmtp.answers = {a: [r, OK] if r == TEMP else r for a, r in zip(PEOPLE, answers)}
    server = pop3(messages=[mail("m")])
    unified.record(PM, "r", server, special="X-Real-To")
    assert unified.once().code == 0
    temp = PEOPLE[answers.index(TEMP)]
    assert states(unified) == {temp: "waiting"}
    assert server.box.left() != [] and seen(unified) == [5]
    again(unified)
    assert sorted(lmtp.taken()) == sorted(PEOPLE[i] for i in range(3) if answers[i] != PERM)
    assert [a for a, _ in lmtp.mails[1].rcpts] == [temp]
    assert server.box.left() == [] and seen(unified) == [3]
    assert unified.spooled() == []
    assert reports.taken() == [SENDER]
    assert PEOPLE[answers.index(PERM)].encode() in reports.mails[0].data


def test_rcpt_refused(unified, hop, reports, pop3):
    """Answers to RCPT itself."""
    hop.answers = {PEOPLE[0]: "rcpt: " + PERM, PEOPLE[1]: ["rcpt: " + TEMP, OK]}
    server = pop3(messages=[mail("m")])
    unified.record(PM, "r", server, special="X-Real-To")
    assert unified.once().code == 0
    assert hop.taken() == [PEOPLE[2]] and states(unified) == {PEOPLE[1]: "waiting"}
    assert reports.taken() == [SENDER]
    again(unified)
    assert hop.taken() == [PEOPLE[2], PEOPLE[1]]
    assert server.box.left() == []


def test_leave(unified, lmtp, pop3):
    """leave = 1: handed on once, kept on the server, also while it waits."""
    lmtp.answers = {PEOPLE[0]: [TEMP, OK]}
    server = pop3(messages=[mail("m")])
    unified.record(PM, "r", server, special="X-Real-To", leave=1)
    for _ in range(3):
        assert unified.once().code == 0
        if states(unified):
            due(unified)
    assert sorted(lmtp.taken()) == PEOPLE
    assert len(server.box.left()) == 1 and seen(unified) == [0]
    assert server.count("retr") == 1


def test_socket(unified, smtp, pop3):
    """LMTP on a socket in the file system."""
    m = smtp("lmtp", path=os.path.join(unified.dir, "lmtp.sock"))
    unified.nexthop("hop", m)
    unified.settings["nexthop"] = "hop"
    unified.record(PM, "r", pop3(messages=[mail("m")]), special="X-Real-To")
    assert unified.once().code == 0
    assert m.taken() == PEOPLE


def test_some_here_some_there(unified, lmtp, pop3):
    """One message with recipients in Maildirs, at a next hop and at another one."""
    del unified.settings["nexthop"]
    unified.record(PM, "r", pop3(messages=[mail("m")]), special="X-Real-To")
    unified.write_db()
    unified.sqlite("UPDATE account SET nexthop = 'hop' WHERE name = 'bert';")
    assert unified.once().code == 0
    assert lmtp.taken() == ["bert@example.org"]
    assert unified.idents() == {"example.org/anna": ["m"], "example.org/info": ["m"]}


# --- doubt, failures of the hop ---

@pytest.mark.parametrize("point", ["dot", "data", "rcpt", "mail"])
def test_dropped(unified, hop, pop3, point):
    """A connection that is lost: everything is tried again; only behind the final dot it is in doubt, and counted."""
    hop.drop = {point: 1}
    server = pop3(messages=[mail("m")])
    unified.record(PM, "r", server, special="X-Real-To")
    assert unified.once().code == 0
    assert set(states(unified)) == set(PEOPLE) and server.box.left() != []
    in_doubt = unified.state("SELECT coalesce(sum(in_doubt), 0) FROM relay_count")[0][0]
    assert in_doubt == (3 if point == "dot" else 0)
    again(unified)
    assert states(unified) == {} and server.box.left() == []
    assert sorted(hop.mails[-1].taken()) == PEOPLE
    assert len(hop.mails) == (2 if point == "dot" else 1)


@pytest.mark.parametrize("how", ["greeting", "dead", "drop", "mail", "data"])
def test_pause(unified, lmtp, pop3, how):
    """A hop that says 421, or does not answer, is not asked again for each of a hundred messages."""
    if how == "dead":
        lmtp.stop()
    lmtp.greeting = "421 4.3.2 too busy" if how == "greeting" else lmtp.greeting
    lmtp.drop = {{"drop": "greeting"}.get(how, how): 1000} if how in ("drop", "mail", "data") else {}
    server = pop3(messages=[mail("m%d" % i, PEOPLE[:1]) for i in range(100)])
    unified.record(PM, "r", server, special="X-Real-To")
    result = unified.once()
    assert result.code == 0
    assert lmtp.connections <= 2
    assert len(unified.state("SELECT id FROM relay WHERE state = 0")) == 100
    assert len(re.findall("messages? waits?, next try in 60 s", result.log)) == 1
    assert len(server.box.left()) == 100


def test_no_sender(unified, lmtp, pop3):
    """A sender that can never work keeps no -1 from its end; what is due waits for a better day."""
    unified.libexec = os.path.join(unified.dir, "libexec")
    os.mkdir(unified.libexec)
    for name in set(rigs.USERS) - {"rpopd", "sender"}:
        os.symlink(os.path.join(rigs.BUILD, name), os.path.join(unified.libexec, name))
    os.symlink("/bin/false", os.path.join(unified.libexec, "sender"))
    server = pop3(messages=[mail("m")])
    unified.record(PM, "r", server, special="X-Real-To")
    result = unified.once()
    assert result.code == 1 and "sender cannot start" in result.log
    assert set(states(unified)) == set(PEOPLE) and len(server.box.left()) == 1
    unified.libexec = None
    again(unified)
    assert lmtp.taken() == PEOPLE and server.box.left() == []


def test_sour(unified, lmtp, pop3):
    """A rate limit that comes as 451 to each message makes the hop rest, too: it is not asked for all of them."""
    lmtp.default = "rcpt: 451 4.7.1 rate limit"
    unified.record(PM, "r", pop3(messages=[mail("m%d" % i, PEOPLE[:1]) for i in range(100)]), special="X-Real-To")
    unified.once()
    assert len([c for c in lmtp.commands if c.startswith("RCPT")]) <= 2 * 10
    assert len(unified.state("SELECT id FROM relay")) == 100


def test_back_off(unified, lmtp, pop3):
    """1, 2, 4 minutes ...; the age limit makes a failure of it."""
    lmtp.answers = {PEOPLE[0]: TEMP}
    unified.record(PM, "r", pop3(messages=[mail("m", PEOPLE[:1])]), special="X-Real-To")
    for minutes in (1, 2, 4):
        before = time.time()
        assert unified.once().code == 0
        (wait,), = unified.state("SELECT next FROM relay")
        assert before + minutes * 60 - 2 <= wait <= time.time() + minutes * 60
        due(unified)
    due(unified, "arrived = arrived - 432000, next = 0")
    assert unified.once().code == 0
    assert states(unified) == {}
    report = lmtp.mails[-1].data
    assert b"\nStatus: 4.4.7\r\n" in report and b"within 5 days" in report


@pytest.mark.parametrize("how", ["all", "next hop", "number"])
def test_queue_retry(unified, lmtp, pop3, how):
    """What waits for minutes is tried at once when the administrator says so."""
    lmtp.default = TEMP
    server = pop3(messages=[mail("m%d" % i, PEOPLE[:1]) for i in range(3)])
    unified.record(PM, "r", server, special="X-Real-To")
    daemon = unified.start()
    rigs.wait_for(lambda: unified.state("SELECT count(*) FROM relay WHERE tries = 1 AND sent = 0") == [(3,)], "the first tries")
    (hop,), = unified.state("SELECT name FROM hop LIMIT 1")
    (number,), = unified.state("SELECT min(id) FROM relay")
    lmtp.default = OK
    for words, said in ((["999999"], "does not wait"), (["nix"], "is neither a next hop nor"), ([], "retry: NEXTHOP|ID|all missing")):
        result = unified.ctl("queue", "retry", *words, check=False)
        assert result.code == 1 and said in result.log
    assert lmtp.taken() == []
    result = unified.ctl("queue", "retry", {"all": "all", "next hop": hop, "number": str(number)}[how])
    assert ("1 delivery is tried now" if how == "number" else "3 deliveries are tried now") in result.log
    n = 1 if how == "number" else 3
    rigs.wait_for(lambda: lmtp.taken() == PEOPLE[:1] * n, "the second tries")
    rigs.wait_for(lambda: unified.state("SELECT count(*) FROM relay") == [(3 - n,)], "the results")
    assert daemon.stop() == 0


def test_full(unified, lmtp, pop3):
    """Over queue_limit nothing is polled until there is room."""
    lmtp.default = TEMP
    unified.settings["queue_limit"] = 5
    server = pop3(messages=[mail("m%d" % i, PEOPLE[:1]) for i in range(6)])
    unified.record(PM, "r", server, special="X-Real-To", period=10)
    daemon = unified.start()
    rigs.wait_for(lambda: "the queue is full" in daemon.log(), "a full queue")
    before = len(server.sessions)
    unified.ctl("poll", "all")
    rigs.wait_for(lambda: unified.status()["records"][0]["state"] == "queue-full", "the state")
    assert len(server.sessions) == before
    assert daemon.stop() == 0
    lmtp.default = OK
    due(unified)
    daemon = unified.start()
    rigs.wait_for(lambda: len(lmtp.taken()) == 6, "the queue to be emptied")
    rigs.wait_for(lambda: len(server.sessions) > before, "polls again")
    assert daemon.stop() == 0


def test_slow(unified, lmtp, pop3):
    """A stop waits for the answer to what has been sent: nobody gets it twice."""
    lmtp.delay = 1.5
    server = pop3(messages=[mail("m")])
    unified.record(PM, "r", server, special="X-Real-To")
    daemon = unified.start()
    rigs.wait_for(lambda: lmtp.mails, "the message to be sent")
    assert daemon.stop() == 0
    assert states(unified) == {}
    assert unified.once().code == 0
    assert len(lmtp.mails) == 1 and server.box.left() == []


# --- reports ---

def parse(data):
    """(original recipient, final recipient, status, text of the diagnosis, Subject of the original) of a report."""
    m = email.message_from_bytes(data, policy=email.policy.default)
    assert m.get_content_type() == "multipart/report" and m.get_param("report-type") == "delivery-status"
    assert not m.defects
    words, status, header = m.iter_parts()
    assert words.get_content_type() == "text/plain" and header.get_content_type() == "text/rfc822-headers"
    per_message, per_recipient = status.get_payload()
    assert per_message["Reporting-MTA"] == "dns; rig.test" and per_message["Arrival-Date"]
    assert per_recipient["Action"] == "failed"
    original = email.message_from_string(header.get_payload(decode=True).decode())
    return (per_recipient["Original-Recipient"], per_recipient["Final-Recipient"], per_recipient["Status"],
        per_recipient["Diagnostic-Code"], original["Subject"])


def test_report(unified, hop, reports, pop3):
    """A report goes to the Return-Path address, from the null sender, through the next hop for reports."""
    hop.default = PERM
    server = pop3(messages=[mail("m", PEOPLE[:1])])
    unified.record(PM, "r", server, special="X-Real-To")
    assert unified.once().code == 0
    report, = reports.mails
    assert report.sender == "" and report.taken() == [SENDER]
    original, final, status, diagnosis, subject = parse(report.data)
    assert final == "rfc822; " + PEOPLE[0] and status == "5.1.1" and "no such user" in diagnosis
    assert subject == "Test m"
    assert email.message_from_bytes(report.data)["To"] == "<%s>" % SENDER
    assert server.box.left() == [] and unified.spooled() == [] and states(unified) == {}


def test_report_to_postmaster(unified, lmtp, pop3):
    """Without a next hop for reports the postmaster reads them: in his Maildir, if his mail stays here."""
    lmtp.default = PERM
    del unified.settings["nexthop"]
    unified.record(PM, "r", pop3(messages=[mail("m", PEOPLE[:1])]), special="X-Real-To")
    unified.write_db()
    unified.sqlite("UPDATE account SET nexthop = 'hop' WHERE name = 'anna';")
    assert unified.once().code == 0
    report, = unified.delivered()["example.org/postmaster"]
    assert parse(report)[2] == "5.1.1"
    assert unified.spooled() == [] and states(unified) == {}


@pytest.mark.parametrize("kind", ["star", "personal", "null"])
def test_no_report(unified, hop, reports, pop3, kind):
    """No report in `*` mode, of personal records and to the null sender: the message is kept in quarantine, and the
    postmaster is told."""
    hop.answers = {PEOPLE[0]: PERM}
    null = [("Return-Path", "<>")] if kind == "null" else []
    messages = [corpus.mail("m%d" % i, [("X-Real-To", PEOPLE[0])] + null) for i in range(3)]
    server = pop3(messages=messages)
    if kind == "personal":
        unified.record(PEOPLE[0], "r", server)
    else:
        unified.record(PM, "r", server, special="*" if kind == "star" else "X-Real-To")
    assert unified.once().code == 0
    assert reports.mails == []
    assert unified.state("SELECT count(*), min(state), max(state) FROM relay") == [(3, 1, 1)]
    assert server.box.left() == []			# it is safe here
    note, = [m.data for m in hop.mails if m.taken() == [PM]]
    assert b"\nSubject: Mail in quarantine: " in note and b"5.1.1" in note
    assert len(unified.spooled()) == 3


@pytest.mark.parametrize("dsn", [True, False])
def test_notify(unified, hop, pop3, dsn):
    """NOTIFY is FAILURE with a special header, NEVER without; where NEVER cannot be said over SMTP, the null sender says it."""
    if not dsn:
        hop.extensions.remove("DSN")
    unified.record(PM, "special", pop3(messages=[mail("failure", PEOPLE[:1])]), special="X-Real-To")
    unified.record(PEOPLE[1], "personal", pop3(messages=[corpus.mail("never")]))
    assert unified.once().code == 0
    by = {corpus.ident_of(m.data): m for m in hop.mails}
    if dsn:
        assert "NOTIFY=FAILURE" in by["failure"].rcpts[0][1] and "NOTIFY=NEVER" in by["never"].rcpts[0][1]
        assert "RET=HDRS" in by["failure"].params and by["never"].sender == SENDER
    else:
        assert by["failure"].rcpts[0][1] == [] and by["failure"].sender == SENDER
        assert by["never"].sender == ("" if hop.protocol == "smtp" else SENDER)


def test_report_of_report(unified, lmtp, reports, pop3):
    """A report that cannot be delivered is kept, not reported."""
    lmtp.default = reports.default = PERM
    server = pop3(messages=[mail("m", PEOPLE[:1])])
    unified.record(PM, "r", server, special="X-Real-To")
    assert unified.once().code == 0
    assert states(unified) == {SENDER: "quarantined"}
    assert server.box.left() == []
    assert unified.once().code == 0
    assert len(reports.mails) == 1


def test_rejected_by_route(unified, lmtp, reports, pop3):
    """A row of table route with action reject fails at once."""
    unified.record(PM, "r", pop3(messages=[mail("m", ["closed@example.org"])]), special="X-Real-To")
    unified.write_db()
    unified.sqlite("INSERT INTO route (address, action, text) VALUES ('closed@example.org', 'reject', 'this address is closed');")
    assert unified.once().code == 0
    report, = reports.mails
    assert "this address is closed" in parse(report.data)[3]
    assert lmtp.mails == []


def groups(data):
    """[(final recipient, status, diagnosis)] of a report."""
    m = email.message_from_bytes(data, policy=email.policy.default)
    status = [p for p in m.walk() if p.get_content_type() == "message/delivery-status"][0].get_payload()[1:]
    return [(b["Final-Recipient"].split("; ")[1], b["Status"], b["Diagnostic-Code"]) for b in status]


@pytest.mark.parametrize("answer", [PERM, "rcpt: " + PERM], ids=["dot", "rcpt"])
def test_one_report(unified, hop, reports, pop3, answer):
    """Hundreds of recipients who fail are one report, in however many transactions they were handed on."""
    who = ["u%d@example.net" % i for i in range(399)]
    hop.answers = {a: answer for a in who}
    server = pop3(messages=[corpus.mail("m", [("X-Real-To", ",\r\n\t".join(who + PEOPLE[:1]))])])
    unified.record(PM, "r", server, special="X-Real-To")
    unified.write_db()
    unified.sqlite("INSERT INTO domain (name) VALUES ('example.net'); INSERT INTO route (address, nexthop) VALUES ('*@example.net', 'hop');")
    assert unified.once().code == 0
    report, = reports.mails
    assert report.taken() == [SENDER]
    told = groups(report.data)
    if hop.protocol == "smtp" and answer == PERM:
        who = who + PEOPLE[:1]			# one answer for all of a transaction
    else:
        assert hop.taken() == PEOPLE[:1]
    assert sorted(t[0] for t in told) == sorted(who)
    assert {t[1:] for t in told} == {("5.1.1", "smtp; 550 5.1.1 no such user here")}
    assert unified.once().code == 0
    assert server.box.left() == [] and unified.spooled() == [] and len(reports.mails) == 1


def test_later_failures(unified, lmtp, reports, pop3):
    """What fails after the report waits until a day has passed since, and is one more report, over restarts."""
    lmtp.answers = {PEOPLE[0]: PERM, PEOPLE[1]: [TEMP, PERM], PEOPLE[2]: [TEMP, PERM]}
    server = pop3(messages=[mail("m")])
    unified.record(PM, "r", server, special="X-Real-To")
    assert unified.once().code == 0
    assert [g[0] for g in groups(reports.mails[0].data)] == PEOPLE[:1]
    due(unified)
    assert unified.once().code == 0
    assert len(reports.mails) == 1 and set(states(unified).values()) == {"failed"} and server.box.left() != []
    assert unified.once().code == 0
    assert len(reports.mails) == 1
    with sqlite3.connect(unified.statedb) as c:
        c.execute("UPDATE told SET at = at - 86400")
    assert unified.once().code == 0
    assert sorted(g[0] for g in groups(reports.mails[1].data)) == PEOPLE[1:]
    assert unified.once().code == 0
    assert server.box.left() == [] and unified.spooled() == [] and len(reports.mails) == 2


def test_postmasters_reports_handed_on(unified, lmtp, pop3):
    """Without a next hop for reports the postmaster gets them: by his own next hop, if his mail has one."""
    lmtp.answers = {PEOPLE[0]: PERM}
    unified.record(PM, "r", pop3(messages=[mail("m", PEOPLE[:1])]), special="X-Real-To")
    assert unified.once().code == 0
    report = lmtp.mails[-1]
    assert report.taken() == [PM] and report.sender == "" and b"settings.report_nexthop" in report.data
    assert groups(report.data) == [(PEOPLE[0], "5.1.1", "smtp; 550 5.1.1 no such user here")]
    assert unified.delivered() == {} and unified.spooled() == [] and states(unified) == {}


# --- what does not go along ---

TRACED = [("Delivered-To", "anna@example.org"), ("X-Real-To", "anna@example.org"), ("X-Original-To", "anna@example.org"),
    ("Delivered-To", "mailbox 17\r\n\tat the provider")]


@pytest.mark.parametrize("keep", [0, 1])
def test_delivered_to(unified, hop, pop3, keep):
    """The provider's Delivered-To fields stay behind, unless the next hop's row has them go along; everything else is as it was."""
    unified.nexthops[0]["keep_trace"] = keep
    sent = corpus.mail("m", TRACED, body=b"Delivered-To: is quoted here\r\n")
    unified.record(PM, "r", pop3(messages=[sent]), special="X-Real-To")
    assert unified.once().code == 0
    got, = hop.mails
    head, body = got.data.split(b"\r\n\r\n", 1)
    assert body == b"Delivered-To: is quoted here\r\n"
    assert head.count(b"\nDelivered-To: ") == 2 * keep and head.count(b"mailbox 17") == keep
    assert b"\nX-Original-To: " in head and b"\nSubject: Test m\r\n" in head


def test_delivered_to_in_maildir(unified, pop3):
    """What is delivered here keeps them."""
    unified.record(PM, "r", pop3(messages=[corpus.mail("m", TRACED)]), special="X-Real-To")
    assert unified.once().code == 0
    data, = unified.delivered()["example.org/anna"]
    assert data.count(b"\nDelivered-To: ") == 2


def test_bounce_to(unified, hop, pop3):
    """bounce_to is the envelope sender of what must not be reported, so that somebody here hears of later failures: not of messages that are
    reported to their senders, nor of those without a sender, nor of our own."""
    unified.nexthops[0]["bounce_to"] = "info@example.org"
    unified.record(PEOPLE[1], "personal", pop3(messages=[corpus.mail("never"), corpus.mail("null", [("Return-Path", "<>")]),
        corpus.mail("big", body=b"x\r\n" * 3000)]), max_size=3000)
    unified.record(PM, "special", pop3(messages=[mail("failure", PEOPLE[:1])]), special="X-Real-To")
    assert unified.once().code == 0
    by = {corpus.ident_of(m.data): m for m in hop.mails}
    assert by["never"].sender == "info@example.org" and "NOTIFY=FAILURE" in by["never"].rcpts[0][1]
    assert by["null"].sender == "" and by["failure"].sender == SENDER
    notice, = [m for m in hop.mails if b"too large" in m.data]
    assert notice.sender == "" and "NOTIFY=NEVER" in notice.rcpts[0][1]


@pytest.mark.parametrize("column,sentence", [({"bounce_to": "nobody@example.org"}, "bounce_to is 'nobody@example.org', which is neither an account nor"),
    ({"bounce_to": "Info@example.org"}, "bounce_to must be an address"), ({"keep_trace": 2}, "keep_trace must be 0, or 1"),
    ({"bounce_to": "info@example.org", "null_sender": "always"}, "bounce_to and null_sender 'always' exclude each other")])
def test_columns_checked(unified, lmtp, column, sentence):
    unified.nexthops[0].update(column)
    try:
        unified.write_db()
        text = unified.once().log
    except AssertionError as e:
        text = str(e)
    assert sentence in text


# --- quarantine ---

@pytest.fixture
def held(unified, lmtp, pop3):
    """A running daemon with two messages in quarantine: for a next hop."""
    lmtp.answers = {PEOPLE[0]: PERM}
    server = pop3(messages=[corpus.mail("m%d" % i, [("Return-Path", "<>"), ("X-Real-To", PEOPLE[0])]) for i in range(2)])
    unified.record(PM, "r", server, special="X-Real-To")
    daemon = unified.start()
    rigs.wait_for(lambda: len(listed(unified)) == 2 and lmtp.taken() == [PM], "two messages in quarantine, and the note")
    lmtp.answers = {}
    lmtp.mails.clear()
    yield daemon
    assert daemon.stop() == 0


def test_quarantine_list_show(unified, held):
    one, two = listed(unified, ["quarantine"])
    assert one["state"] == "quarantined" and one["recipient"] == PEOPLE[0] and one["nexthop"] == "hop" and one["sender"] == ""
    assert one["status"].startswith("550 5.1.1 ") and one["record"] == PM + "/r"
    assert listed(unified) == [one, two]
    text = unified.ctl("quarantine").log
    assert "quarantined  anna@example.org  by hop" in text and "no such user" in text
    shown = unified.ctl("quarantine", "show", str(one["id"])).log
    assert json.loads(unified.ctl("-j", "quarantine", "show", str(one["id"])).log) == {"ok": True, "lines": shown.splitlines()}
    assert "X-Test-Id: m" in shown and shown.startswith("Received: ")
    assert unified.ctl("quarantine", "show", "999", check=False).code == 1
    assert unified.ctl("quarantine", "release", "rubbish", check=False).code == 1


def test_quarantine_release(unified, lmtp, held):
    one, two = listed(unified, ["quarantine"])
    unified.ctl("quarantine", "release", str(one["id"]))
    rigs.wait_for(lambda: lmtp.taken() == PEOPLE[:1] or lmtp.taken().count(PEOPLE[0]) == 1, "the delivery")
    rigs.wait_for(lambda: len(listed(unified)) == 1, "its row to go")
    unified.ctl("quarantine", "release", str(two["id"]), "bert@example.org")
    rigs.wait_for(lambda: "bert@example.org" in lmtp.taken(), "the delivery to another address")
    rigs.wait_for(lambda: unified.spooled() == [], "an empty spool")
    assert listed(unified) == [] and unified.ctl("queue").log == "empty\n"


def test_quarantine_drop(unified, lmtp, held):
    one, two = listed(unified, ["quarantine"])
    unified.ctl("quarantine", "drop", str(one["id"]))
    assert [q["id"] for q in listed(unified)] == [two["id"]]
    assert unified.ctl("quarantine", "drop", "all").log == "1 dropped\n"
    rigs.wait_for(lambda: unified.spooled() == [], "an empty spool")
    assert lmtp.taken() == []


def test_quarantine_into_maildir(unified, held):
    """Released to an account whose mail stays here: into its Maildir."""
    unified.sqlite("UPDATE settings SET nexthop = NULL;")
    unified.ctl("reload")
    assert unified.ctl("quarantine", "release", "all", "sales@example.org").log == "2 released\n"
    rigs.wait_for(lambda: unified.idents().get("example.org/bert") == ["m0", "m1"], "both in the Maildir")
    rigs.wait_for(lambda: unified.spooled() == [], "an empty spool")
    rigs.wait_for(lambda: unified.state("SELECT count(*) FROM pending") == [(0,)], "the rows to go")
    assert unified.ctl("quarantine", "list").log == "empty\n"


def test_release_what_waits(unified, lmtp, pop3):
    """A row of the queue that is released is tried now."""
    lmtp.default = TEMP
    unified.record(PM, "r", pop3(messages=[mail("m", PEOPLE[:1])]), special="X-Real-To")
    daemon = unified.start()
    row, = rigs.wait_for(lambda: [q for q in listed(unified) if q["tries"] == 1], "the first try")
    lmtp.default = OK
    unified.ctl("quarantine", "release", str(row["id"]))
    rigs.wait_for(lambda: lmtp.taken() == PEOPLE[:1], "the delivery")
    assert daemon.stop() == 0


def test_loop(unified, pop3):
    """A message of ours that comes back is quarantined for its Maildir, and can be released into it."""
    server = pop3(messages=[mail("m", PEOPLE[:1])])
    unified.record(PM, "r", server, special="X-Real-To", suppress=0)
    assert unified.once().code == 0
    (data,), = unified.delivered().values()
    server.box.add(b"X-Real-To: anna@example.org\r\n" + data.split(b"\n", 1)[1].replace(b"\n", b"\r\n"))
    daemon = unified.start()
    row, = rigs.wait_for(lambda: listed(unified, ["quarantine"]), "the loop to be noticed")
    assert row["nexthop"] == "" and row["recipient"] == "example.org/anna"
    unified.ctl("quarantine", "release", str(row["id"]))
    rigs.wait_for(lambda: unified.idents()["example.org/anna"] == ["m", "m"], "the release")
    assert daemon.stop() == 0


# --- kill tests: state/relay.c, relay/result.c, relay/dsn.c, deliverer/queue.c ---

KILLS = ["rpopd:master.relay_before", "rpopd:master.relay_after", "rpopd:master.queue_before", "rpopd:master.queue_change", "rpopd:master.queue_changed",
    "rpopd:master.send", "rpopd:master.sent", "rpopd:master.reported", "rpopd:master.queue_report", "rpopd:master.queue_reported",
    "rpopd:master.report_after", "deliverer:deliverer.report", "deliverer:deliverer.named:2", "deliverer:deliverer.queue_remove",
    "rpopd:master.commit_before", "rpopd:master.commit_after", "rpopd:master.committed_sent"]


@pytest.mark.parametrize("point", KILLS)
def test_killed(unified, lmtp, reports, pop3, point):
    """A process dies at one step; afterwards each recipient has the message, and the sender one report: at most one more of either, where
    the next hop's answer had come and was not committed."""
    lmtp.answers = {PEOPLE[1]: [TEMP, OK], PEOPLE[2]: PERM}
    server = pop3(messages=[mail("m")])
    unified.record(PM, "r", server, special="X-Real-To")
    unified.once("-K", point, hooks=True)
    for _ in range(4):
        if states(unified):
            due(unified, "next = 0")
        unified.once()
    assert states(unified) == {} and server.box.left() == [] and unified.spooled() == []
    twice = 2 if point in ("rpopd:master.relay_before", "rpopd:master.queue_before", "rpopd:master.queue_change", "rpopd:master.sent",
        "rpopd:master.send") else 1
    for who in PEOPLE[:2]:
        assert 1 <= lmtp.taken().count(who) <= twice, who
    assert len(reports.taken()) == 1
