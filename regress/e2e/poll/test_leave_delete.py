# SPDX-License-Identifier: ISC
"""Leave and delete, UIDs, lost and ignored deletions, servers without UIDL."""
import pytest

from lib import corpus
from servers import behaviours as B
from servers.pop3 import Behaviour

ANNA = "example.org/anna"


def mails(prefix, n):
    return [corpus.mail("%s%d" % (prefix, i)) for i in range(n)]


def names(prefix, n):
    return sorted("%s%d" % (prefix, i) for i in range(n))


def test_leave_ten_polls(personal, dovecot_server, mailbox):
    user, password = mailbox(mails("l", 5))
    personal.record("anna@example.org", "work", dovecot_server, user, password, leave=1)
    for _ in range(10):
        assert personal.once().code == 0
    assert personal.idents() == {ANNA: names("l", 5)}
    assert len(dovecot_server.messages(user)) == 5
    dovecot_server.add(user, corpus.mail("l5"))
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: names("l", 6)}
    assert len(dovecot_server.messages(user)) == 6


def test_leave_then_delete(personal, dovecot_server, mailbox):
    """Messages delivered under leave are deleted, not delivered again, when the record says delete."""
    user, password = mailbox(mails("d", 4))
    row = personal.record("anna@example.org", "work", dovecot_server, user, password, leave=1)
    assert personal.once().code == 0
    row["leave"] = 0
    personal.write_db()
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: names("d", 4)}
    assert dovecot_server.messages(user) == []


def test_leave_on_two_records(personal, pop3):
    """UID state follows no other record: two records of the same mailbox deliver each for themselves."""
    s = pop3(messages=mails("t", 2))
    personal.record("anna@example.org", "one", s, leave=1)
    personal.record("anna@example.org", "two", s, leave=1)
    assert personal.once().code == 0
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: ["t0", "t0", "t1", "t1"]}


def test_repointed_record_starts_afresh(personal, pop3):
    one, two = pop3(messages=mails("a", 2)), pop3(messages=mails("b", 2))
    row = personal.record("anna@example.org", "work", one, leave=1)
    assert personal.once().code == 0
    row["domain"] = "localhost:%d" % two.port
    personal.write_db()
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: ["a0", "a1", "b0", "b1"]}


def test_leave_needs_uidl(personal, pop3):
    """With leave a server without UIDL yields a clear record error, not duplicates."""
    s = pop3(B.NoUidl(), mails("n", 2))
    personal.record("anna@example.org", "work", s, leave=1)
    for _ in range(2):
        assert personal.once().code == 1
    assert personal.delivered() == {}
    assert len(s.box.left()) == 2
    d = personal.start()
    assert "UIDL" in personal.ctl("show", "account", "anna@example.org").log
    d.stop()


def test_delete_without_uidl(personal, pop3):
    s = pop3(B.NoUidl(), mails("n", 3))
    personal.record("anna@example.org", "work", s)
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: names("n", 3)}
    assert s.box.left() == []
    s.box.add(corpus.mail("n3"))
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: names("n", 4)}


def test_delete_without_uidl_survives_a_lost_quit(personal, pop3):
    """The digest stands in for the UID until the deletion is confirmed."""
    s = pop3(B.LoseAtQuit(), mails("q", 3))
    s.behaviour.cmd_uidl = lambda session, arg: session.behaviour.err(session, "uidl")
    personal.record("anna@example.org", "work", s)
    assert personal.once().code == 1
    s.behaviour = B.NoUidl()
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: names("q", 3)}
    assert s.box.left() == []


@pytest.mark.parametrize("lost", [B.LoseAtQuit, B.ExpungeThenLose, B.QuitRefused])
def test_quit_not_confirmed(personal, pop3, lost):
    """Deletion unconfirmed: next time DELE without RETR, never a second copy."""
    s = pop3(lost(), mails("q", 5))
    personal.record("anna@example.org", "work", s)
    personal.once()
    assert personal.idents() == {ANNA: names("q", 5)}
    retrieved = s.count("retr")
    s.behaviour = Behaviour()
    assert personal.once().code == 0
    assert s.count("retr") == retrieved
    assert s.box.left() == []
    assert personal.idents() == {ANNA: names("q", 5)}


def test_server_ignores_dele(personal, pop3):
    """A message that is listed again after a confirmed deletion, with the same content, is deleted again, and not delivered."""
    s = pop3(B.IgnoreDele(), mails("i", 3))
    personal.record("anna@example.org", "work", s)
    for _ in range(4):
        personal.once()
        assert personal.idents() == {ANNA: names("i", 3)}
    s.behaviour = Behaviour()
    assert personal.once().code == 0
    assert s.box.left() == []
    assert personal.idents() == {ANNA: names("i", 3)}


def test_uid_reused_for_another_message(personal, pop3):
    s = pop3(B.ReuseUid(), mails("r", 1))
    personal.record("anna@example.org", "work", s)
    for n in range(1, 4):
        assert personal.once().code == 0
        assert personal.idents() == {ANNA: names("r", n)}
        assert s.box.left() == []
        s.box.add(corpus.mail("r%d" % n))


def test_dele_refused(personal, pop3):
    """A refused DELE is reported, and the message is not fetched again."""
    s = pop3(B.RefuseDele(), mails("x", 3))
    personal.record("anna@example.org", "work", s)
    personal.once()
    retrieved = s.count("retr")
    personal.once()
    assert s.count("retr") == retrieved
    assert personal.idents() == {ANNA: names("x", 3)}
    assert len(s.box.left()) == 3
    s.behaviour = Behaviour()
    assert personal.once().code == 0
    assert s.box.left() == []
    assert personal.idents() == {ANNA: names("x", 3)}


def test_retr_refused(personal, pop3):
    """A message that vanished is skipped and the session goes on."""
    s = pop3(B.RefuseRetr(2, 4), mails("v", 5))
    personal.record("anna@example.org", "work", s)
    personal.once()
    assert personal.idents() == {ANNA: ["v0", "v2", "v4"]}
    assert s.box.left() == [corpus.mail("v1"), corpus.mail("v3")]
    s.behaviour = Behaviour()
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: names("v", 5)}


def test_renumbering_server(personal, pop3):
    """Descending DELEs do no harm where numbers close up at once."""
    s = pop3(B.RenumberOnDele(), mails("n", 6))
    personal.record("anna@example.org", "work", s)
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: names("n", 6)}
    assert s.box.left() == []


def test_renumbering_server_with_a_refused_message(personal, pop3):
    class Both(B.RenumberOnDele, B.RefuseRetr):
        pass
    s = pop3(Both(3), mails("n", 6))
    personal.record("anna@example.org", "work", s)
    personal.once()
    assert s.box.left() == [corpus.mail("n2")]
    assert personal.idents() == {ANNA: ["n0", "n1", "n3", "n4", "n5"]}


SIX = [b"1", b"01", b"1.0", b"1e3", b"AbC", b"abc"]


def test_uids_are_opaque(personal, pop3):
    """UIDs are octets: six of them that look alike are six messages."""
    s = pop3(B.Uids(SIX), mails("o", 6))
    personal.record("anna@example.org", "work", s, leave=1)
    for _ in range(3):
        assert personal.once().code == 0
    assert personal.idents() == {ANNA: names("o", 6)}
    assert s.count("retr") == 6


BAD = {"control": b"a\x01b", "eightbit": b"a\xffb", "long": b"x" * 71, "empty": b"", "blank": b"a b"}


@pytest.mark.parametrize("kind", sorted(BAD))
@pytest.mark.parametrize("leave", [0, 1])
def test_bad_uid(personal, pop3, kind, leave):
    """A bad UID spoils that message's UID, not the poll: all is delivered once, in leave mode too, poll after poll."""
    s = pop3(B.Uids([b"good-1", BAD[kind], b"good-3"]), mails("b", 3))
    personal.record("anna@example.org", "work", s, leave=leave)
    for _ in range(3):
        personal.once()
        assert personal.idents() == {ANNA: names("b", 3)}
    assert len(s.box.left()) == (3 if leave else 0)


@pytest.mark.parametrize("leave", [0, 1])
def test_duplicate_uids(personal, pop3, leave):
    s = pop3(B.Uids([b"same", b"same", b"other"]), mails("d", 3))
    personal.record("anna@example.org", "work", s, leave=leave)
    for _ in range(3):
        personal.once()
        assert personal.idents() == {ANNA: names("d", 3)}
    assert len(s.box.left()) == (3 if leave else 0)


def test_uids_and_quotes(personal, pop3):
    uids = [b"'; DROP TABLE seen; --", b"\"", b"..", b"../../x", b"%s%n"]
    uids = [u.replace(b" ", b"_") for u in uids]
    s = pop3(B.Uids(uids), mails("s", 5))
    personal.record("anna@example.org", "work", s, leave=1)
    for _ in range(2):
        assert personal.once().code == 0
    assert personal.idents() == {ANNA: names("s", 5)}


def test_cut_listing_forgets_nothing(personal, pop3):
    """Cut, empty or failed listings never make a UID gone."""
    s = pop3(messages=mails("c", 6))
    personal.record("anna@example.org", "work", s, leave=1)
    assert personal.once().code == 0
    for behaviour in (B.Cut("uidl", 20), B.Cut("uidl", 0.5), B.Says("uidl", b"+OK\r\n.\r\n"), B.Says("uidl", b"-ERR later\r\n"),
            B.Listing(lambda lines: lines[:2])):
        s.behaviour = behaviour
        personal.once()
        assert personal.idents() == {ANNA: names("c", 6)}
    s.behaviour = Behaviour()
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: names("c", 6)}
    seen = s.count("retr")      # what had no unique-id was retrieved and recognised
    assert personal.once().code == 0
    assert s.count("retr") == seen


def test_cut_mailbox_empty_then_full(personal, pop3):
    """A mailbox that is empty for a session (STAT 0) and then full again."""
    s = pop3(messages=mails("e", 3))
    personal.record("anna@example.org", "work", s, leave=1)
    assert personal.once().code == 0
    messages, s.box.messages = s.box.messages, []
    assert personal.once().code == 0
    s.box.messages = messages
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: names("e", 3)}


def test_state_survives_disabling(personal, dovecot_server, mailbox):
    """A disabled record keeps its UID state."""
    user, password = mailbox(mails("k", 3))
    row = personal.record("anna@example.org", "work", dovecot_server, user, password, leave=1)
    assert personal.once().code == 0
    row["period"] = None
    personal.write_db()
    personal.once()
    row["period"] = 3600
    personal.write_db()
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: names("k", 3)}


def test_new_mail_during_the_session(personal, pop3):
    """What arrives while a session runs waits for the next one, and nothing of it is deleted."""
    class Arrives(Behaviour):
        def cmd_retr(self, s, arg):
            super().cmd_retr(s, arg)
            if arg == b"1":
                s.box.add(corpus.mail("w2"))
    s = pop3(Arrives(), mails("w", 2))
    personal.record("anna@example.org", "work", s)
    assert personal.once().code == 0
    assert s.box.left() == [corpus.mail("w2")]
    s.behaviour = Behaviour()
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: names("w", 3)}
