# SPDX-License-Identifier: ISC
"""settings.pop_log_level: how much is logged of mail programs, whatever the level of everything else is."""
import re

import pytest

from lib import rig as rigs
from test_popd import Mail, mail  # noqa: F401

LEVELS = ["crashes", "failures", "major", "problems", "low", "all"]
# What a session in which a wrong password comes before the right one leaves in the log: the level from which on, and the line.
KINDS = [
    ("major", r"^POP \d+: anna@example\.org, INBOX, by user, "),
    ("problems", r"^POP \d+: login from 127\.0\.0\.1: wrong password of anna@example\.org$"),
    ("low", r"^POP \d+.*: < STAT$"),
    ("low", r"^POP \d+.*: < PASS \.\.\.$"),
    ("low", r"^POP \d+.*: > \+OK "),
    ("low", r"^POP \d+: nobody logged in, "),
    ("all", r"^POP \d+.*: \d+ octets read$"),
    ("all", r"^POP \d+.*: \d+ octets written$"),
]


def started(mail):
    """A daemon at levels of which nobody knows whether they tell that popd is ready."""
    mail.daemon = mail.rig.start()
    rigs.wait_for(lambda: mail.login("bert")[1] is None, "popd")


def sessions(mail):
    """One in which somebody logs in, and one in which nobody does; returns what they left in the log."""
    before = len(mail.daemon.log())
    assert mail.connect().quit().startswith(b"+OK")
    p, why = mail.login("anna", "wr0ng-word")
    assert why.startswith("-ERR [AUTH]")
    p.user("anna")
    p.pass_("s3cret-anna")
    p.stat()
    p.quit()
    rigs.wait_for(lambda: mail.who() == [], "the end of the sessions")
    return mail.daemon.log()[before:]


def kinds(log):
    assert "s3cret" not in log and "wr0ng" not in log
    return [k for k in KINDS if re.search(k[1], log, re.M)]


def wanted(level):
    return [k for k in KINDS if LEVELS.index(k[0]) <= LEVELS.index(level)]


@pytest.mark.parametrize("verbose", [[], ["-vv"]])
def test_levels(mail, verbose):
    """Each level has what belongs to it, with the daemon at its lowest one and at its highest one; a reload is enough for another."""
    mail.rig.verbose = verbose
    mail.rig.sqlite("UPDATE settings SET log_level = 'crashes', pop_log_level = 'all'")
    started(mail)
    for level in ["all"] + LEVELS:
        mail.rig.sqlite("UPDATE settings SET pop_log_level = '%s'" % level)
        mail.reload()
        log = sessions(mail)
        assert kinds(log) == wanted(level), (level, log)
        assert mail.status()["log_level"] == ("all" if verbose else "crashes")
        if not verbose:
            assert [line for line in log.splitlines() if not re.search(r"\bPOP\b", line)] == []


def test_running_sessions(mail):
    """Sessions that are open follow a reload; what rpopctl log says is not theirs."""
    mail.rig.verbose = []
    mail.rig.sqlite("UPDATE settings SET pop_log_level = 'problems'")
    started(mail)
    p, why = mail.login("anna")
    assert why is None
    mail.rig.ctl("log", "all")
    p.noop()
    mail.rig.ctl("log", "crashes")
    assert "< NOOP" not in mail.daemon.log()
    for level, told in (("all", True), ("failures", False)):
        mail.rig.sqlite("UPDATE settings SET pop_log_level = '%s'" % level)
        before = len(mail.daemon.log())
        mail.reload()

        def asked():
            p.noop()
            return "< NOOP" in mail.daemon.log()[before:]
        if told:
            rigs.wait_for(asked, "the session to follow")
    p.quit()
    rigs.wait_for(lambda: mail.who() == [], "its end")
    assert "anna@example.org, INBOX, by user" not in mail.daemon.log()


def test_as_everything_else(mail):
    """Without it mail programs are logged as everything else is: -v and rpopctl log count."""
    mail.start()
    assert kinds(sessions(mail)) == wanted("low")
    mail.rig.ctl("log", "failures")
    assert kinds(sessions(mail)) == []
    mail.rig.ctl("setting", "set", "pop_log_level=major")
    assert kinds(sessions(mail)) == wanted("major")
    mail.rig.ctl("setting", "set", "pop_log_level=")
    assert kinds(sessions(mail)) == wanted("failures")
    mail.reload()
    assert kinds(sessions(mail)) == wanted("low")
    assert mail.rig.ctl("setting", "set", "pop_log_level=loud", check=False).code == 1
