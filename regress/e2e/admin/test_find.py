# SPDX-License-Identifier: ISC
"""
Where did it come from, where did it go: a line in the log and a row in state.db for each message, and rpopctl find.
"""
import json
import os
import re
import subprocess
import time

from lib import corpus, rig as rigs

PM = "postmaster@example.org"


def found(rig, *keys):
    answer = rig.ctl("-j", "find", *keys, check=False)
    messages = json.loads(answer.log)["messages"]
    assert answer.code == (0 if messages else 1)
    return messages


def ids(rig, *keys):
    return [m["message_id"] for m in found(rig, *keys)]


def test_personal(personal, pop3):
    """A personal record's message is told in the log and remembered, with the folder that it went to."""
    server = pop3(messages=[corpus.mail("m1"), corpus.mail("m2", sender="dora@lists.example")])
    personal.record("anna@example.org", "r", server, mailbox="Lists/bsd")
    run = personal.once()
    assert run.code == 0
    assert re.search(r"anna@example\.org/r[^\n]*: uid=uid-00001 id=<m1@sender\.example> size=\d+ from=<carl@sender\.example> "
        r"delivered example\.org/anna/\.Lists\.bsd\n", run.log), run.log
    assert run.log.count(" id=<") == 2
    daemon = personal.start()
    m, = found(personal, "id=<M1@sender.example>")
    assert m["sender"] == "carl@sender.example" and m["record"] == "anna@example.org/r" and m["uid"] == "uid-00001"
    assert m["results"] == ["delivered example.org/anna/.Lists.bsd"] and m["size"] > 100
    assert ids(personal, "anna@example.org") == ["m2@sender.example", "m1@sender.example"]
    assert ids(personal, "to=@example.org", "from=@lists.example") == ["m2@sender.example"]
    today = time.strftime("%Y-%m-%d")
    assert len(ids(personal, "day=2026-01-01.." + today)) == 2 and ids(personal, "day=2001-01-01") == []
    assert ids(personal, "limit=1", "to=anna@example.org") == ["m2@sender.example"]
    text = personal.ctl("find", "m1@sender.example").log
    assert "from <carl@sender.example>, " in text and "unique-id uid-00001" in text
    nothing = personal.ctl("find", "nobody@example.net", check=False)
    assert nothing.code == 1 and "no such message" in nothing.log
    assert personal.ctl("find", check=False).code == 1
    assert daemon.stop() == 0


def test_unified(unified, smtp, pop3):
    """Several recipients, one of them at a next hop, whose answer is told when it has come; a copy is told as one."""
    rcpts = "anna@example.org, bert@example.org, info@example.org"
    server = pop3(messages=[corpus.mail("m", [("X-Real-To", rcpts), ("Received", "from h%d by p\r\n\twith ESMTP id %d; "
        "Fri, 01 Mar 2024 12:00:0%d +0000" % (n, n, n))]) for n in (1, 2)])
    hop = smtp("lmtp")
    unified.nexthop("hop", hop)
    unified.record(PM, "r", server, special="X-Real-To")
    unified.write_db()
    unified.sqlite("UPDATE account SET nexthop = 'hop' WHERE name = 'bert';")
    run = unified.once()
    assert run.code == 0
    daemon = unified.start()
    second, first = found(unified, "to=bert@example.org", "id=m@sender.example")
    assert first["results"][:3] == ["delivered example.org/anna", "waiting bert@example.org at next hop hop", "delivered example.org/info"]
    assert first["results"][3].startswith("accepted bert@example.org by next hop hop")
    assert [r for r in second["results"] if r.startswith("copy suppressed")] == [
        "copy suppressed " + who for who in ("example.org/anna", "bert@example.org", "example.org/info")]
    assert "delivered example.org/anna, waiting bert@example.org at next hop hop, delivered example.org/info\n" in run.log
    assert "copy suppressed example.org/anna, copy suppressed bert@example.org" in run.log
    assert len(ids(unified, "info@example.org")) == 2
    assert daemon.stop() == 0


def test_hostile(personal, pop3):
    """Message-IDs of 10,000 octets, with escape sequences, with NUL: bounded and encoded in the log, in JSON and for people."""
    long = b"Message-ID: <" + b"x" * 9000 + b"@long.example>\r\n"
    server = pop3(messages=[corpus.mail("a", [("Message-ID", None)]), long + corpus.mail("b", [("Message-ID", None)]),
        b"Message-ID: <\x1b]0;pwned\x07\x00\\@esc.example>\r\n" + corpus.mail("c", [("Message-ID", None)])])
    personal.record("anna@example.org", "r", server)
    run = personal.once()
    assert run.code == 0 and len(server.box.left()) == 0
    lines = [x for x in run.log.split("\n") if " id=<" in x]
    assert len(lines) == 3 and all(len(x) < 1100 for x in lines)
    assert "\x1b" not in run.log and "\x00" not in run.log
    assert any("id=<\\033]0;pwned\\a\\000\\\\@esc.example>" in x for x in lines)
    daemon = personal.start()
    assert ids(personal, "anna@example.org") == ["\\033]0;pwned\\a\\000\\\\@esc.example", "x" * 200, None]
    assert ids(personal, "@esc.example") == ["\\033]0;pwned\\a\\000\\\\@esc.example"]
    assert ids(personal, "id=\\033]0;pwned\\a\\000\\\\@esc.example") == ["\\033]0;pwned\\a\\000\\\\@esc.example"]
    assert ids(personal, "id=" + "x" * 700) == ["x" * 200]
    text = personal.ctl("find", "anna@example.org").log
    assert "\x1b" not in text and "\x07" not in text and "\x00" not in text
    assert daemon.stop() == 0


def test_none(personal, pop3):
    """history_days 0: nothing is kept, and what was kept goes at the load."""
    server = pop3(messages=[corpus.mail("m1")])
    personal.record("anna@example.org", "r", server)
    assert personal.once().code == 0
    assert personal.state("SELECT count(*), (SELECT count(*) FROM found) FROM handled") == [(1, 3)]
    personal.sqlite("UPDATE settings SET history_days = 0;")
    assert personal.once().code == 0
    assert personal.state("SELECT count(*) FROM handled") == [(0,)]


def test_who_may_look(personal, pop3):
    """Who may connect to the control socket may look, as with explain."""
    server = pop3(messages=[corpus.mail("m1")])
    personal.record("anna@example.org", "r", server)
    assert personal.once().code == 0
    daemon = personal.start()
    path = os.path.join(personal.run, "rpopd.sock")
    os.chmod(path, 0o666)
    os.chmod(personal.run, 0o755)
    p = subprocess.run(["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", os.path.join(rigs.BUILD, "rpopctl"), "-s", path,
        "find", "m1@sender.example"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    assert p.returncode == 0 and b"delivered example.org/anna" in p.stdout
    assert daemon.stop() == 0


def test_many_recipients(unified, pop3):
    """A message for more recipients than an answer or a row has room for is found by each of them."""
    people = [unified.account("person%03d@example.org" % i) for i in range(250)]
    server = pop3(messages=[corpus.mail("m", [("X-Real-To", ",\r\n\t".join(people))])])
    unified.record(PM, "r", server, special="X-Real-To")
    run = unified.once()
    assert run.code == 0 and sum(map(len, unified.idents().values())) == 250
    line, = re.findall(r"uid=uid-00001 id=[^\n]*", run.log)
    assert len(line) < 1024 and re.search(r", and \d+ more$", line)
    daemon = unified.start()
    for who in (people[0], people[100], people[249]):
        m, = found(unified, "to=" + who)
        assert m["results"][0] == "delivered example.org/person000" and "(more: see rpopctl explain)" in m["results"]
        assert re.match(r"and \d+ more$", m["results"][-1])
    assert daemon.stop() == 0
