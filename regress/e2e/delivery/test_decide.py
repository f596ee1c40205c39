# SPDX-License-Identifier: ISC
"""The master decides again about destinations: what is written down already, and what comes while the table changes."""
import os
import sqlite3

import pytest

from lib import corpus, rig as rigs

ANNA = "example.org/anna"


# Whoever wrote them: they are told at each start, by number, and hold up nobody else.
@pytest.mark.parametrize("dest", ["../../etc/cron.d", "/etc/cron.d", "example.org/../../etc", "example.org/anna/.x/..", "", "spool",
    "spool/aside"])
def test_bad_pending_row(personal, pop3, dest):
    server = pop3(messages=[corpus.mail("m1")])
    personal.record("anna@example.org", "isp", server)
    assert personal.once().code == 0
    with sqlite3.connect(personal.statedb) as c:
        c.execute("INSERT INTO pending (id, mailbox, uid, link, dest) VALUES (77, 1, x'61', '1.M1P1S1N1R0.x', ?)", (dest,))
    link = os.path.join(personal.mail, "spool", "1.M1P1S1N1R0.x")
    with open(link, "wb") as f:
        f.write(corpus.mail("kept"))
    os.chown(link, os.stat(personal.mail).st_uid, os.stat(personal.mail).st_gid)
    server.box.add(corpus.mail("m2"))
    for _ in range(2):
        daemon = personal.start()
        rigs.wait_for(lambda: personal.idents().get(ANNA) == ["m1", "m2"], "the mail of others")
        rigs.wait_for(lambda: "row 77 of pending cannot be right" in daemon.log(), "the row's number")
        assert daemon.stop() == 0
    assert personal.state("SELECT dest FROM pending WHERE id = 77") == [(dest,)]
    assert not os.path.exists(os.path.join(personal.dir, "etc"))
    assert any("kept" in (corpus.ident_of(open(os.path.join(top, f), "rb").read()) or "") for top, _, files in os.walk(personal.mail)
        for f in files), "its file is still there"


# A deliverer that was taken over says where a message of anna's goes: nobody else gets it, and she does when the deliverer is honest.
@pytest.mark.parametrize("what, wanted", [("stranger", "next hop 1"), ("outside", "kind 1"), ("neighbour", "kind 1")])
def test_a_deliverer_in_bad_hands(personal, pop3, smtp, what, wanted):
    hop = smtp()
    personal.nexthop("hop", hop)
    personal.account("bert@example.org")
    server = pop3(messages=[corpus.mail("m1")])
    personal.record("anna@example.org", "isp", server)
    personal.write_db()
    if what == "stranger":
        personal.sqlite("UPDATE account SET nexthop = 'hop' WHERE name = 'anna';")
    daemon = personal.start("-P", "deliverer:act:" + what, hooks=True)
    rigs.wait_for(lambda: "isp: message 1: the deliverer says that it goes to" in daemon.log(), "the master's judgement")
    assert "(%s), which neither the record nor a row of table route says" % wanted in daemon.log()
    assert daemon.stop() in (0, 1)
    assert len(server.box.left()) == 1, "it stays on the server"
    assert personal.state("SELECT count(*) FROM pending") == personal.state("SELECT count(*) FROM relay") == [(0,)]
    assert hop.mails == [] and personal.idents() == {}
    assert not os.path.exists(os.path.join(personal.dir, "etc"))
    assert personal.once().code == 0
    assert [m.taken() for m in hop.mails] == ([["anna@example.org"]] if what == "stranger" else [])
    assert personal.idents() == ({} if what == "stranger" else {ANNA: ["m1"]})
