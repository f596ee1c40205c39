# SPDX-License-Identifier: ISC
"""Personal records against Dovecot over each transport."""
import pytest

from lib import corpus
from servers import behaviours as B

ANNA = "example.org/anna"


def mails(prefix, n):
    return [corpus.mail("%s%d" % (prefix, i)) for i in range(n)]


@pytest.mark.parametrize("tls", ["tls", "stls", "none"])
def test_each_transport(personal, dovecot_server, mailbox, tls):
    data = mails(tls, 7)
    user, password = mailbox(data)
    personal.record("anna@example.org", "work", dovecot_server, user, password, tls=tls)
    assert personal.once().code == 0
    got = personal.delivered()
    assert list(got) == [ANNA]
    assert sorted(corpus.split_prologue(d)[3] for d in got[ANNA]) == sorted(corpus.expected(d) for d in data)
    assert dovecot_server.messages(user) == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_host_forms(personal, dovecot_server, mailbox, host):
    user, password = mailbox(mails("h", 1))
    personal.record("anna@example.org", "work", dovecot_server, user, password, tls="tls", host=host)
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: ["h0"]}


def test_idle_poll_is_silent(personal, dovecot_server, mailbox):
    user, password = mailbox()
    personal.record("anna@example.org", "work", dovecot_server, user, password)
    result = personal.once()
    assert result.code == 0
    assert personal.delivered() == {}


def test_headers_do_not_matter(personal, dovecot_server, mailbox):
    """Everything goes to the owner, whatever To says."""
    personal.account("bert@example.org")
    user, password = mailbox([corpus.mail("o", [("X-Real-To", "bert@example.org")], to="bert@example.org")])
    personal.record("anna@example.org", "work", dovecot_server, user, password)
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: ["o"]}
    data = personal.delivered()[ANNA][0]
    assert b"\nX-Real-To: bert@example.org\n" in data


@pytest.mark.parametrize("folder,where", [("Lists", ".Lists"), ("Lists/bsd", ".Lists.bsd"), ("Lists.bsd", ".Lists.bsd")])
def test_folder(personal, dovecot_server, mailbox, folder, where):
    user, password = mailbox(mails("f", 3))
    personal.record("anna@example.org", "work", dovecot_server, user, password, mailbox=folder)
    assert personal.once().code == 0
    assert personal.idents() == {ANNA + "/" + where: ["f0", "f1", "f2"]}


def test_three_records_of_one_account(personal, dovecot_server, mailbox):
    boxes = [mailbox(mails("r%d-" % i, 4)) for i in range(3)]
    for i, (user, password) in enumerate(boxes):
        personal.record("anna@example.org", "record %d" % i, dovecot_server, user, password, tls=("tls", "stls", "none")[i])
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: sorted("r%d-%d" % (i, n) for i in range(3) for n in range(4))}


def test_same_record_name_of_two_accounts(personal, dovecot_server, mailbox):
    personal.account("bert@example.org")
    for who in ("anna", "bert"):
        user, password = mailbox([corpus.mail("for-" + who)])
        personal.record(who + "@example.org", "work", dovecot_server, user, password)
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: ["for-anna"], "example.org/bert": ["for-bert"]}


@pytest.mark.parametrize("user", ["joe@example.com", "a#b", "a/b", "~joe", "100%real", "a b", "mailbox#joe@example.com", "jö"])
def test_login_names_go_byte_for_byte(personal, pop3, user):
    s = pop3(messages=[corpus.mail("u")])
    s.behaviour.user = user.encode()
    personal.record("anna@example.org", "work", s, user)
    assert personal.once().code == 0
    assert ("user", user.encode()) in s.sessions[0].commands
    assert personal.idents() == {ANNA: ["u"]}


@pytest.mark.parametrize("password", ["pass word", " lead", "trail ", "ünïcödé", "%s%n", "a\tb", "'; DROP TABLE rpop; --", "x" * 200])
def test_passwords_go_byte_for_byte(personal, pop3, password):
    s = pop3(messages=[corpus.mail("p")])
    s.behaviour.password = password.encode()
    personal.record("anna@example.org", "work", s, password=password)
    result = personal.once()
    assert result.code == 0
    assert personal.idents() == {ANNA: ["p"]}
    assert password not in result.log


@pytest.mark.parametrize("record", [0, 1])
@pytest.mark.parametrize("globally", [0, 1])
@pytest.mark.parametrize("offered", [0, 1])
def test_apop_switches(personal, pop3, record, globally, offered):
    """APOP if the record, the global switch and the greeting all say so, else USER and PASS."""
    s = pop3(B.Apop() if offered else None, [corpus.mail("a")])
    personal.settings["use_apop"] = globally
    personal.record("anna@example.org", "work", s, apop=record)
    assert personal.once().code == 0
    names = s.sessions[0].names()
    assert ("apop" in names) == bool(record and globally and offered)
    assert ("pass" in names) != ("apop" in names)
    assert personal.idents() == {ANNA: ["a"]}


def test_apop_refused_is_final(personal, pop3):
    """A refused APOP is final: no second try with PASS."""
    s = pop3(B.Apop(), [corpus.mail("a")])
    s.behaviour.password = b"another"
    personal.record("anna@example.org", "work", s, apop=1)
    assert personal.once().code == 1
    assert "pass" not in s.sessions[0].names() and s.count("apop") == 1


def test_apop_dovecot(personal, dovecot_server, mailbox):
    user, password = mailbox(mails("ap", 2))
    personal.record("anna@example.org", "work", dovecot_server, user, password, apop=1)
    assert personal.once().code == 0
    assert personal.idents() == {ANNA: ["ap0", "ap1"]}


def test_one_failure_does_not_touch_others(personal, dovecot_server, mailbox):
    good, password = mailbox(mails("g", 2))
    bad, _ = mailbox(mails("b", 2))
    personal.record("anna@example.org", "good", dovecot_server, good, password)
    personal.record("anna@example.org", "bad", dovecot_server, bad, "wrong-Password")
    result = personal.once()
    assert result.code == 1
    assert personal.idents() == {ANNA: ["g0", "g1"]}
    assert len(dovecot_server.messages(bad)) == 2
    assert "wrong-Password" not in result.log


def test_trace_field(personal, dovecot_server, mailbox):
    user, password = mailbox(mails("t", 1))
    personal.record("anna@example.org", "work", dovecot_server, user, password)
    assert personal.once().code == 0
    path, trace, reason, _ = corpus.split_prologue(personal.delivered()[ANNA][0])
    assert path == b"Return-Path: <carl@sender.example>\n"
    assert b"localhost" in trace and b"127.0.0.1" in trace and b"rig.test" in trace
    assert reason == b""


def test_maildir_modes_and_names(personal, dovecot_server, mailbox):
    """Everything is the deliverer's own, closed to others; new/ holds plain files with one link."""
    import os
    import pwd
    user, password = mailbox(mails("m", 2))
    personal.record("anna@example.org", "work", dovecot_server, user, password)
    assert personal.once().code == 0
    uid = pwd.getpwnam("_rpopm").pw_uid
    for top, dirs, files in os.walk(personal.mail):
        for name in dirs + files:
            st = os.lstat(os.path.join(top, name))
            assert st.st_uid == uid and st.st_mode & 0o077 == 0, name
            if name in files:
                assert st.st_nlink == 1
    names = os.listdir(os.path.join(personal.mail, ANNA, "new"))
    assert len(names) == 2 and not [n for n in names if ":" in n or "/" in n or n.startswith(".")]
    assert personal.spooled() == []
