# SPDX-License-Identifier: ISC
"""Passwords of accounts: set by rpopctl at a terminal or from standard input, verified by a process of its own, and seen nowhere."""
import os
import subprocess

import pytest

from lib import rig as rigs
from lib.console import Console

ANNA = "anna@example.org"
WORD, OTHER = "s3cret-wörd", "an0ther-word"
ADDRESS = "SELECT %s FROM account WHERE name = 'anna';"


def ctl(rig, *args, words=(), user=None):
    """rpopctl with these lines on standard input, run by root or by a system user at the users' socket: (exit status, output)."""
    who = {"user": user, "group": "nogroup", "extra_groups": []} if user else {}
    p = subprocess.run(rigs.traced([os.path.join(rigs.BUILD, "rpopctl"), "-s", os.path.join(rig.run, "user.sock" if user else "rpopd.sock"),
        *args]), input="".join(w + "\n" for w in words).encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        timeout=rigs.PATIENCE, **who)
    return p.returncode, p.stdout.decode()


def stored(rig):
    return rig.sqlite(ADDRESS % "password")[1].strip()


def check(rig, word):
    return ctl(rig, "account", "check", ANNA, words=[word])


def test_set_and_check(personal):
    """No process as long as nobody has a password; then one, and what is set counts at once.  The exit status tells right from wrong."""
    daemon = personal.start()
    assert daemon.processes()["auth"] == []
    assert check(personal, WORD) == (1, "rpopctl: the password is wrong, or there is none for this address\n")
    code, out = ctl(personal, "account", "password", ANNA, words=[WORD])
    assert (code, out) == (0, "1 account changed: password set\n")
    assert stored(personal).startswith("$y$")
    daemon.one("auth")
    assert check(personal, WORD) == (0, "the password is right\n")
    assert check(personal, OTHER)[0] == 1
    ctl(personal, "account", "password", ANNA, words=[OTHER])
    assert check(personal, OTHER)[0] == 0
    assert "change by root: account anna@example.org: changed: password set" in daemon.log()
    assert WORD not in daemon.log() and OTHER not in daemon.log()
    assert daemon.stop() == 0


@pytest.mark.parametrize("option,form", [("--scram", "{SCRAM-SHA-256}10000,"), ("--plain", "{PLAIN}" + WORD)])
def test_forms(personal, option, form):
    daemon = personal.start()
    code, out = ctl(personal, "account", "password", option, ANNA, words=[WORD])
    assert code == 0 and ("whoever reads that file" in out) == (option == "--plain")
    assert stored(personal).startswith(form)
    assert check(personal, WORD) == (0, "the password is right\n")
    assert check(personal, WORD + "x")[0] == 1
    assert ctl(personal, "account", "password", "--none", ANNA) == (0, "1 account changed: password removed\n")
    assert stored(personal) == ""
    assert check(personal, WORD)[0] == 1
    assert WORD not in daemon.log()


def test_refused(personal):
    """Nothing is changed by what is no password, whose account is none, or that was typed as an argument."""
    daemon = personal.start()
    for args, words, said in ((["password", ANNA], [""], "the secret is empty"), (["password", ANNA], [], "ended before the secret came"),
            (["password", ANNA, WORD], [], "is never an argument"), (["password"], [WORD], "the account's address is missing"),
            (["password", "nobody@example.org"], [WORD], "there is no such account"),
            (["password", ANNA], ["x" * 1000], "--scram takes 1024"), (["password", "--plain", ANNA], ["x" * 1025], "longer than 1024"),
            (["password", ANNA], ["a\rb"], "carriage return"), (["check", "nobody@example.org"], [WORD], "or there is none for this address")):
        code, out = ctl(personal, "account", *args, words=words)
        assert code == 1 and said in out, out
    assert stored(personal) == "" and daemon.processes()["auth"] == []
    assert ctl(personal, "account", "set", ANNA, "password=" + WORD)[0] == 1


def test_user(personal):
    """He changes his own with the old one, which is verified, and nobody else's; the first one comes from root."""
    personal.write_db()
    personal.sqlite("UPDATE account SET unix_user = 'games' WHERE name = 'anna'")
    daemon = personal.start()
    assert ctl(personal, "account", "password", words=[OTHER, WORD], user="games") == (1,
        "rpopctl: the old password is wrong; nothing was changed\n")
    assert ctl(personal, "account", "password", ANNA, words=[WORD])[0] == 0
    for words, wanted in (([OTHER, OTHER], "the old password is wrong; nothing was changed"), ([WORD], "ended before the secret came"),
            ([WORD, OTHER], "1 account changed: password changed")):
        code, out = ctl(personal, "account", "password", words=words, user="games")
        assert code == (0 if "1 account" in wanted else 1) and wanted in out
    assert ctl(personal, "account", "check", words=[OTHER], user="games") == (0, "the password is right\n")
    assert "change by anna@example.org (uid 5): account anna@example.org: changed: password changed" in daemon.log()
    for args in (["password", "postmaster@example.org"], ["check", "postmaster@example.org"]):
        code, out = ctl(personal, "account", *args, words=[OTHER, WORD], user="games")
        assert code == 1 and "postmaster@example.org: is no account of yours" in out
    code, out = ctl(personal, "account", "password", words=[WORD, OTHER], user="news")
    assert code == 1 and "no account here is yours" in out
    assert ctl(personal, "account", "password", "--none", words=[OTHER], user="games") == (0, "1 account changed: password removed\n")
    assert WORD not in daemon.log() and OTHER not in daemon.log()


def test_terminal(personal):
    """Asked twice, without echo; while it is typed and afterwards it is in no list of processes and no environment."""
    daemon = personal.start()
    console = Console(personal, "account", "password", ANNA)
    at = console.shows("New password of anna@example.org: ")
    rigs.wait_for(lambda: not console.same(), "the echo to be off")
    for what in ("cmdline", "environ"):
        assert WORD not in rigs.read_proc(console.proc.pid, what)
    status = rigs.read_proc(console.proc.pid, "status")
    assert "NoNewPrivs:\t1" in status and "Seccomp:\t%d" % rigs.FILTERED in status
    console.keys(WORD + "\n")
    at = console.shows("Once more, New password of anna@example.org: ", at)
    console.keys(WORD + "\n")
    console.shows("1 account changed: password set", at)
    assert console.end() == 0 and console.same()
    assert "s3cret" not in console.text
    assert check(personal, WORD)[0] == 0
    console = Console(personal, "account", "password", ANNA)
    console.shows("New password of anna@example.org: ")
    console.keys(OTHER + "\n")
    console.shows("Once more, ")
    console.keys(WORD + "\n")
    console.shows("the two that were typed differ; nothing was changed")
    assert console.end() == 1 and console.same() and check(personal, WORD)[0] == 0
    assert daemon.stop() == 0


def test_nowhere_in_memory(personal):
    """Neither the master nor the template has a password that was set or verified, right or wrong, and no file has it."""
    daemon = personal.start()
    ctl(personal, "account", "password", ANNA, words=[WORD])
    assert check(personal, WORD)[0] == 0 and check(personal, OTHER)[0] == 1
    for role in ("rpopd", "auth", "deliverer", "fetcher", "dialer"):
        for pid in daemon.processes().get(role, []):
            held = rigs.memory(pid)
            assert WORD.encode() not in held and OTHER.encode() not in held, role
    for top, _dirs, names in os.walk(personal.dir):
        for name in names:
            path = os.path.join(top, name)
            if os.path.isfile(path):
                with open(path, "rb") as f:
                    data = f.read()
                assert WORD.encode() not in data and OTHER.encode() not in data, path


def test_process_dies(personal):
    """Who gave the password is told to try again, the next one is verified, and the template is the same."""
    personal.write_db()
    personal.sqlite("UPDATE account SET password = '{PLAIN}%s' WHERE name = 'anna'" % OTHER)
    daemon = personal.start("-K", "auth:auth.answer:1", hooks=True)
    template = daemon.one("auth")
    assert check(personal, OTHER) == (1, "rpopctl: the password could not be verified now; try again\n")
    assert "login of anna@example.org: its auth process died: signal 9 (Killed)" in daemon.log()
    assert daemon.one("auth") == template


def test_process_says_more(personal):
    """One in bad hands answers for others, too: it is not believed, and its own password was not verified."""
    personal.write_db()
    personal.sqlite("UPDATE account SET password = '{PLAIN}%s' WHERE name = 'anna'" % OTHER)
    daemon = personal.start("-P", "auth:act:others", hooks=True)
    assert check(personal, OTHER) == (1, "rpopctl: the password could not be verified now; try again\n")
    assert "its auth process broke the rules: AUTH_DONE" in daemon.log()


def test_template_dies(personal):
    """It is started again, and passwords are verified then."""
    personal.write_db()
    personal.sqlite("UPDATE account SET password = '{PLAIN}%s' WHERE name = 'anna'" % OTHER)
    daemon = personal.start()
    os.kill(daemon.one("auth"), 9)
    rigs.wait_for(lambda: "was started in its place" in daemon.log(), "another template")
    assert check(personal, OTHER)[0] == 0


def test_reload_without(personal):
    """With the last password the process goes."""
    personal.write_db()
    personal.sqlite("UPDATE account SET password = '{PLAIN}%s' WHERE name = 'anna'" % OTHER)
    daemon = personal.start()
    daemon.one("auth")
    personal.sqlite("UPDATE account SET password = NULL")
    personal.ctl("reload")
    rigs.wait_for(lambda: daemon.processes()["auth"] == [], "the end of the process")
    assert daemon.stop() == 0
