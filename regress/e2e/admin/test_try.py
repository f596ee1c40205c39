# SPDX-License-Identifier: ISC
"""rpopctl try: says where messages would go, and changes nothing on either side."""
import json
import os
import sqlite3
import subprocess
import time

import pytest

from lib import corpus, rig as rigs
from servers.idp import REFRESH, Idp
from servers.logins import Tokens
from servers.pop3 import Behaviour

PM = "postmaster@example.org"
ANNA = "anna@example.org"
LOOKS = {"capa", "auth", "user", "pass", "stat", "list", "uidl", "top", "quit", "stls"}


def mails(prefix, n, **kw):
    return [corpus.mail("%s%d" % (prefix, i), **kw) for i in range(n)]


def snapshot(rig, leave_out="-"):
    """Everything in state.db, and every file of the mail root with its contents."""
    with sqlite3.connect("file:%s?mode=ro" % rig.statedb, uri=True, timeout=30) as c:
        state = [line for line in c.iterdump() if not line.startswith(leave_out)]
    files = {}
    for top, dirs, names in os.walk(rig.mail):
        files[top] = None
        for name in names:
            path = os.path.join(top, name)
            if name == ".rpopd" and leave_out != "-":	# the same count
                continue
            with open(path, "rb") as f:
                files[path] = f.read()
    return state, files


def settled(rig, leave_out):
    """
    The snapshot once what a start and a poll write is written: five in a row are the same, and no delivery waits for the end of its
    batch, some seconds after the poll.
    """
    seen = []

    def five():
        seen.append(snapshot(rig, leave_out))
        pending = any(line.startswith('INSERT INTO "pending"') for line in seen[-1][0])
        return not pending and len(seen) >= 5 and all(x == seen[-1] for x in seen[-5:])
    rigs.wait_for(five, "the start's and the poll's writes")
    return seen[-1]


def attempt(rig, record, code=0, leave_out="-"):
    """rpopctl -j try, with the proof that nothing has changed here."""
    before = settled(rig, leave_out)
    result = rig.ctl("-j", "try", record, check=False)
    assert result.code == code, result.log
    assert snapshot(rig, leave_out) == before
    return json.loads(result.log)


def only_looked(server, sessions=None):
    for s in server.sessions if sessions is None else sessions:
        assert set(s.names()) <= LOOKS, s.names()
        assert all(arg.split()[1] == b"0" for name, arg in s.commands if name == "top")


def by_number(answer):
    numbers = [m["number"] for m in answer["messages"]]
    assert numbers == sorted(set(numbers))
    return {m["number"]: m for m in answer["messages"]}


def idle(rig):
    rigs.wait_for(lambda: rig.status()["daemon"]["sessions"] == 0, "the sessions to end")


@pytest.mark.parametrize("mode", ["plain", "stls", "pop3s"])
def test_personal(personal, pop3, mode):
    """A record that never ran, disabled: what is there, and that it goes to its owner."""
    s = pop3(messages=mails("m", 3), mode=mode)
    personal.record(ANNA, "work", s, period=None, mailbox="Lists/bsd")
    personal.start().ready()
    answer = attempt(personal, ANNA + "/work")
    assert answer["ok"] and "3 messages, 3 new" in answer["text"] and "nothing was changed" in answer["text"]
    assert ("the server: no TLS, login by" if mode == "plain" else "the server: TLSv1.3, login by") in answer["text"]
    assert answer["text"].endswith("with UIDL, with TOP") and "(offered: " in answer["text"]
    found = by_number(answer)
    assert sorted(found) == [1, 2, 3]
    for n, m in found.items():
        assert m["uid"] == "uid-%05d" % n and m["size"] == len(s.box.messages[n - 1].data) and m["state"] == "new"
        assert any("example.org/anna/.Lists.bsd" in line for line in m["why"]), m
    only_looked(s)
    assert len(s.box.left()) == 3 and s.count("top") == 3 and s.count("quit") == 1
    assert personal.status()["records"][0]["state"] == "disabled"


def test_unified(unified, pop3):
    """Both modes: every message of the corpus is told to go where a poll then puts it; the postmaster with the reason."""
    field, star = corpus.unified_field("f-"), corpus.unified_star("s-")
    servers = pop3(messages=[wire for _, wire, _ in field]), pop3(messages=[wire for _, wire, _ in star])
    rows = [unified.record(PM, "field", servers[0], special="X-Real-To", period=None),
        unified.record(PM, "star", servers[1], special="*", period=None)]
    d = unified.start().ready()
    for name, cases, server in (("field", field, servers[0]), ("star", star, servers[1])):
        found = by_number(attempt(unified, PM + "/" + name))
        for n, (ident, wire, who) in enumerate(cases, 1):
            told = "\n".join(found[n]["why"])
            for w in {"postmaster", "anna", "info", "bert"}:
                assert ("=> Maildir example.org/%s\n" % w in told + "\n") == (w in who), (ident, told)
        only_looked(server)
    assert "no address in To, Cc or Bcc belongs to an account here" in "\n".join(sum((m["why"] for m in found.values()), []))
    d.stop()
    for row in rows:
        row["period"] = 3600
    unified.write_db()
    assert unified.once().code == 0
    assert [s.box.left() for s in servers] == [[], []]


def test_envelope_field(unified, pop3):
    """How many messages have the field that the record names, and which others may be the right ones."""
    def mail(ident, *fields):
        return corpus.mail(ident, list(fields))
    has, hop = ("X-Real-To", "anna@example.org"), ("Received", "from a by mx.example.net; Fri, 1 Mar 2024 12:00:00 +0000")
    received = ("Received", "from a by mx.example.net with SMTP id 1 for <anna@example.org>; Fri, 1 Mar 2024 12:00:00 +0000")
    s = pop3(messages=[mail("a", has), mail("b", hop, has), mail("c", received, ("Delivered-To", "x"), ("delivered-TO", "y")),
        mail("d", has, hop), mail("e", ("X-Evil\x1b[2J-To", "a"), ("Subject", "Envelope-To: b"))])
    for name, special, more in (("some", "X-Real-To", {}), ("hop", "X-Real-To", {"trusted_hop": "mx.example.net"}),
            ("wrong", "X-Read-To X-Envelope-To", {}), ("star", "*", {})):
        unified.record(PM, name, s, special=special, period=None, **more)
    empty = pop3(messages=[mail("a")])
    unified.record(PM, "no", empty, special="X-Real-To", period=None)
    unified.start().ready()

    def fields(name):
        return [(f["name"], f["special"], f["looked"], f["messages"], f["counted"]) for f in attempt(unified, PM + "/" + name)["fields"]]
    others = [("Delivered-To", False, 5, 1, 0), ("Received (for)", False, 5, 1, 0)]
    assert fields("some") == [("X-Real-To", True, 5, 3, 3)] + others
    assert fields("hop") == [("X-Real-To", True, 5, 3, 1)] + others
    assert fields("wrong") == [("X-Read-To X-Envelope-To", True, 5, 0, 0), others[0], ("X-Real-To", False, 5, 3, 0), others[1]]
    assert fields("star") == []
    out = {name: unified.ctl("try", PM + "/" + name).log for name in ("some", "hop", "wrong", "no")}
    assert "\nX-Real-To was in 3 of 5 messages looked at\n" in out["some"]
    assert "X-Real-To was in 3 of 5 messages looked at, and counts in 1 only: see trusted_hop and special_nth" in out["hop"]
    assert ("X-Read-To or X-Envelope-To was in 0 of 5 messages looked at; these may be the provider's, see special in rpopd.db(5): "
        "Delivered-To in 1, X-Real-To in 3, Received (for) in 1\n") in out["wrong"]
    assert "X-Real-To was in 0 of 1 message looked at; nor was any other field" in out["no"]
    added = unified.ctl("record", "add", PM + "/new", "domain=localhost:%d" % s.port, "tls=none", "auth_name=user", "special=X-To",
        "period=1d", typed="s3cret-word\n").log
    assert "X-To was in 0 of 5 messages looked at; these may be" in added


def test_every_kind_of_place(unified, pop3, smtp):
    """A next hop, refusals, what is thrown away, folders: told, and nobody is asked."""
    hop = smtp("smtp")
    unified.nexthop("hop", hop)
    s = pop3(messages=[corpus.mail("m", [("X-Real-To", "Old@example.org, no@example.org, shared@example.org")]),
        corpus.mail("n", [("X-Real-To", "gone@example.org")])])
    unified.record(PM, "r", s, special="X-Real-To", period=None)
    unified.write_db()
    unified.sqlite("""
        INSERT INTO route (address, nexthop) VALUES ('old@example.org', 'hop');
        INSERT INTO route (address, action, text) VALUES ('no@example.org', 'reject', 'moved away'), ('gone@example.org', 'discard', NULL);
        INSERT INTO route (address, target, folder) VALUES ('shared@example.org', 'info@example.org', 'Shared');
        """)
    unified.start().ready()
    found = by_number(attempt(unified, PM + "/r"))
    places = {n: sorted(line for line in m["why"] if line.startswith("=> ")) for n, m in found.items()}
    assert places[1] == ["=> Maildir example.org/info/.Shared", "=> next hop 1, as Old@example.org, failure would be reported",
        "=> refused, no@example.org: moved away"]
    assert places[2] == ["=> discarded, gone@example.org"]
    assert hop.connections == 0
    only_looked(s)


def test_what_is_known(personal, pop3):
    """Delivered before, new (by a digest if its unique-id is none), over max_size, set aside, in no line of UIDL."""
    class Forgets(Behaviour):
        def cmd_uidl(self, s, arg):
            s.send(b"+OK\r\n" + b"".join(b"%d %s\r\n" % (n, self.uid(s, n)) for n in range(1, 8)) + b".\r\n")

    s = pop3(messages=mails("old", 2))
    row = personal.record(ANNA, "work", s, leave=1)
    assert personal.once().code == 0
    with sqlite3.connect(personal.statedb) as c:
        box = c.execute("SELECT id FROM mailbox").fetchone()[0]
        for uid, deaths, failures in ((b"aside", 3, 0), (b"suspect", 0, 1)):
            c.execute("INSERT INTO suspect (mailbox, uid, deaths, failures, since, reason) VALUES (?, ?, ?, ?, ?, '')",
                (box, uid, deaths, failures, int(time.time())))
    s.box.add(corpus.mail("new"))
    s.box.add(corpus.big("big", 30_000))
    s.box.add(corpus.mail("x"), "aside")
    s.box.add(corpus.mail("y"), "suspect")
    s.box.add(corpus.mail("z"), b"not valid")
    s.box.add(corpus.mail("zz"))
    s.behaviour = Forgets()
    row.update(period=None, max_size=20_000)
    personal.write_db()
    personal.start().ready()
    done = len(s.sessions)
    answer = attempt(personal, ANNA + "/work")
    found = by_number(answer)
    assert [found[n]["state"] for n in sorted(found)] == ["delivered", "delivered", "new", "oversize", "aside", "suspect", "new",
        "unnamed"]
    assert found[7]["uid"].startswith("uid:") and found[8]["uid"] is None and "stay on the server" in found[1]["what"]
    assert all("example.org/anna" in "".join(found[n]["why"]) for n in (1, 2, 3, 4, 7, 8))
    assert found[5]["why"] == found[6]["why"] == []
    assert "8 messages, 2 new, 1 unnamed, 2 delivered, 1 oversize, 1 suspect, 1 aside" in answer["text"]
    only_looked(s, s.sessions[done:])
    tops = [int(arg.split()[0]) for x in s.sessions[done:] for name, arg in x.commands if name == "top"]
    assert tops == [1, 2, 3, 4, 7, 8]


def test_text_output(personal, pop3):
    personal.record(ANNA, "work", pop3(messages=mails("m", 2)), period=None)
    personal.start().ready()
    out = personal.ctl("try", ANNA + "/work").log
    assert "     1  " in out and "uid-00002" in out and "example.org/anna" in out
    assert "; nothing was changed; the server: no TLS, login by" in out


def test_empty(personal, pop3):
    personal.record(ANNA, "work", pop3(), period=None)
    personal.start().ready()
    answer = attempt(personal, ANNA + "/work")
    assert answer["messages"] == [] and "0 messages" in answer["text"]


def test_the_newest_thousand(personal, pop3):
    s = pop3(messages=mails("m", 1500, body=b"x\r\n"))
    personal.record(ANNA, "work", s, period=None)
    personal.start().ready()
    answer = attempt(personal, ANNA + "/work")
    assert sorted(by_number(answer)) == list(range(501, 1501))
    assert "1500 messages, 1500 new; only the newest 1000 were looked at" in answer["text"]
    assert s.count("top") == 1000
    only_looked(s)


# --- what goes wrong ---

def test_failures_are_told(personal, pop3):
    """In the words of the status, and without a mark on the record."""
    s = pop3(messages=mails("m", 1))
    personal.record(ANNA, "wrong", s, password="not-this", period=None)
    s2 = pop3()
    s2.stop()
    personal.record(ANNA, "down", s2, period=None)
    personal.start().ready()
    answer = attempt(personal, ANNA + "/wrong", 1)
    assert not answer["ok"] and "login: " in answer["text"] and answer["messages"] == []
    answer = attempt(personal, ANNA + "/down", 1)
    assert "connect: " in answer["text"]
    for r in personal.status()["records"]:
        assert r["failures"] == 0 and r["last_error"] is None and r["last_attempt"] is None and r["polls"] == 0
    for name in ("nobody@example.org/x", ANNA, ANNA + "/other"):
        assert "no such record" in attempt(personal, name, 1)["text"]


class NoTop(Behaviour):
    def cmd_top(self, s, arg):
        self.err(s, "top", b"unknown command")


@pytest.mark.parametrize("listed", [True, False])
def test_without_top(personal, pop3, listed):
    """What is known is told all the same; that the rest cannot be found out, too."""
    behaviour = NoTop()
    behaviour.capabilities = ["USER", "UIDL"] + ["TOP"] * listed
    s = pop3(behaviour, mails("m", 2))
    personal.record(ANNA, "work", s, period=None)
    personal.start().ready()
    answer = attempt(personal, ANNA + "/work", 1)
    assert "TOP" in answer["text"] and [m["state"] for m in answer["messages"]] == ["new", "new"]
    assert s.count("top") == (2 if listed else 0)
    only_looked(s)


def test_one_header_is_refused(personal, pop3):
    class One(Behaviour):
        def cmd_top(self, s, arg):
            if arg.startswith(b"2 "):
                return self.err(s, "top", b"no such message")
            super().cmd_top(s, arg)
    personal.record(ANNA, "work", pop3(One(), mails("m", 3)), period=None)
    personal.start().ready()
    found = by_number(attempt(personal, ANNA + "/work"))
    assert "refused" in found[2]["why"][0] and "example.org/anna" in "".join(found[3]["why"])


# --- beside the schedule ---

def test_busy(personal, pop3):
    """A poll of the record is running: the trial waits until it is over."""
    class Slow(Behaviour):
        hold = True

        def cmd_stat(self, s, arg):
            rigs.wait_for(lambda: not self.hold, "leave")
            super().cmd_stat(s, arg)
    slow = Slow()
    s = pop3(slow, mails("m", 1))
    personal.record(ANNA, "work", s)
    personal.start().ready()
    rigs.wait_for(lambda: s.sessions, "the first poll")
    with subprocess.Popen([os.path.join(rigs.BUILD, "rpopctl"), "-s", os.path.join(personal.run, "rpopd.sock"), "try", ANNA + "/work"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as p:
        with pytest.raises(subprocess.TimeoutExpired):
            p.wait(1)		# it may be slow to ask, but there is no answer
        slow.hold = False
        assert "0 messages" in p.communicate(timeout=rigs.PATIENCE)[0] and p.returncode == 0
    assert personal.idents() == {"example.org/anna": ["m0"]}


def test_before_everything_is_ready(personal, pop3):
    """A trial, a question and a poll that follow a start at once are answered, not sent away."""
    personal.record(ANNA, "work", pop3(messages=mails("m", 2)), leave=1, period=None)
    for _ in range(3):
        daemon = personal.start()
        assert "2 messages" in personal.ctl("try", ANNA + "/work").log
        daemon.stop()
        daemon = personal.start()
        assert "Maildir example.org/anna" in personal.ctl("route", ANNA).log
        personal.ctl("reload")
        assert "2 messages" in personal.ctl("try", ANNA + "/work").log
        daemon.stop()


def test_schedule_is_not_disturbed(personal, pop3):
    """The next poll stands; its record is neither failed nor polled by a trial; poll-now meanwhile is obeyed."""
    s = pop3(messages=mails("m", 2))
    personal.record(ANNA, "work", s, leave=1)
    personal.start().ready()
    rigs.wait_for(lambda: personal.status()["records"][0]["last_success"], "the first poll")
    idle(personal)
    before = personal.status()["records"][0]
    attempt(personal, ANNA + "/work")
    idle(personal)
    after = personal.status()["records"][0]
    assert after["next_poll"][:16] == before["next_poll"][:16] or abs(seconds(after) - seconds(before)) <= 2
    assert {k: v for k, v in after.items() if k != "next_poll"} == {k: v for k, v in before.items() if k != "next_poll"}
    assert len(s.sessions) == 2
    s.box.add(corpus.mail("late"))
    personal.ctl("poll", ANNA)
    rigs.wait_for(lambda: "late" in personal.idents()["example.org/anna"], "the poll")


def seconds(record):
    return time.mktime(time.strptime(record["next_poll"], "%Y-%m-%dT%H:%M:%SZ"))


def test_login_delay(personal, pop3):
    """A server that wants time between logins has it, whoever logs in."""
    b = Behaviour()
    b.capabilities = b.capabilities + ["LOGIN-DELAY 600"]
    s = pop3(b, mails("m", 1))
    personal.record(ANNA, "work", s, period=None)
    personal.start().ready()
    attempt(personal, ANNA + "/work")
    idle(personal)
    answer = attempt(personal, ANNA + "/work", 1)
    assert "permit the next login in" in answer["text"]
    assert len(s.sessions) == 1


def test_processors(personal, pop3):
    personal.settings["processors"] = 0
    s = pop3(messages=mails("m", 1))
    personal.record(ANNA, "work", s, period=None)
    personal.start().ready()
    assert "processors" in attempt(personal, ANNA + "/work", 1)["text"]
    assert s.sessions == []


class Endless(Behaviour):
    """Takes its time for each header."""
    def cmd_top(self, s, arg):
        time.sleep(0.05)
        super().cmd_top(s, arg)


@pytest.mark.parametrize("where", ["top", "stat"])
def test_who_asked_leaves(personal, pop3, where):
    """Ctrl-C at rpopctl: the session ends with QUIT, long before it is through; the record is free again."""
    class Slow(Endless):
        capabilities = ["TOP", "USER", "UIDL"]

        def cmd_stat(self, s, arg):
            if where == "stat":
                rigs.wait_for(lambda: client.poll() is not None, "the client to leave")
            super().cmd_stat(s, arg)
    s = pop3(Slow(), mails("m", 900, body=b"x\r\n"))
    personal.record(ANNA, "work", s, period=None)
    d = personal.start().ready()
    before = settled(personal, "-")
    client = subprocess.Popen([os.path.join(rigs.BUILD, "rpopctl"), "-s", os.path.join(personal.run, "rpopd.sock"), "try",
        ANNA + "/work"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    rigs.wait_for(lambda: s.count(where), "the session")
    client.kill()
    client.wait()
    idle(personal)
    assert s.count("top") < 900 and s.count("quit") == 1
    only_looked(s)
    assert snapshot(personal) == before and d.running()
    assert personal.status()["records"][0]["state"] == "disabled"


def test_the_deliverer_dies(personal, pop3):
    """A header that kills the deliverer ends the trial with a word, and leaves no suspect."""
    s = pop3(messages=mails("m", 1) + [corpus.mail("poison", [("X-Poison-Test", "abort")])])
    personal.record(ANNA, "work", s, period=None)
    d = personal.start(hooks=True).ready()
    answer = attempt(personal, ANNA + "/work", 1)
    assert "the deliverer " in answer["text"]
    assert personal.state("SELECT * FROM suspect") == []
    idle(personal)
    assert d.running()


def test_access_token(personal, pop3, pki):
    """As in a poll: got once and kept; one that is refused is replaced and the trial goes on."""
    numbers = ('INSERT INTO "meta"', 'INSERT INTO "root"')	# the request to the provider has one, and that is counted
    idp = Idp(pki)
    try:
        idp.grants[REFRESH] = "user"
        server = pop3(Tokens(), mails("m", 1), "pop3s")
        idp.access = lambda user: server.behaviour.good.add("at-%d" % idp.serial) or "at-%d" % idp.serial
        personal.client("idp", idp)
        personal.record(ANNA, "work", server, password=None, oauth_client="idp", refresh_token=REFRESH, period=None)
        personal.start().ready()
        for tokens in (["at-1"], ["at-1", "at-1"]):
            assert attempt(personal, ANNA + "/work", leave_out=numbers)["ok"]
            assert server.behaviour.tried == tokens and idp.count() == 1
            idle(personal)
        server.behaviour.good.clear()
        answer = attempt(personal, ANNA + "/work", leave_out=numbers)
        assert answer["ok"] and len(answer["messages"]) == 1
        assert server.behaviour.tried == ["at-1", "at-1", "at-1", "at-2"] and idp.count() == 2
        assert "at-" not in json.dumps(answer)
    finally:
        idp.stop()
