# SPDX-License-Identifier: ISC
"""The last login of each account: shown, kept, and the beginning of LOGIN-DELAY over a restart and a clock that was set back."""
import json
import os
import re
import signal
import sqlite3
import subprocess
import time

import pytest

from lib import rig as rigs
from test_alert import as_user
from test_popd import Mail, mail  # noqa: F401

ANNA, BERT = "anna@example.org", "bert@example.org"


def stored(mail):
    return dict(mail.rig.state("SELECT account, at FROM last_login"))


def shown(mail, *args):
    return {a["address"]: (a["last_login"], a["last_client"]) for a in json.loads(mail.rig.ctl("-j", "account", "list", *args).log)["accounts"]}


def restart(mail, sig=signal.SIGTERM):
    if sig == signal.SIGKILL:
        mail.daemon.kill()
    else:
        assert mail.daemon.stop(sig) == 0
    mail.start()


def test_shown(mail):
    """A login is shown at once, from where it came, and written some seconds later; a wrong password and a USER alone are none."""
    begun = int(time.time())
    mail.start()
    assert shown(mail)[ANNA] == (None, None)
    assert mail.login("anna", "wrong")[1].startswith("-ERR [AUTH]")
    mail.connect().user("bert")
    mail.count("anna")
    at, client = shown(mail, ANNA)[ANNA]
    assert begun <= at <= time.time() and client == "127.0.0.1"
    assert shown(mail)[BERT] == (None, None)
    table = mail.rig.ctl("account", "list").log.splitlines()
    assert "LAST_LOGIN" in table[0].split()
    assert [bool(re.search(r" \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b", line)) for line in table[1:]].count(True) == 1
    rigs.wait_for(lambda: stored(mail) == {ANNA: at}, "it to be written")
    assert mail.rig.state("SELECT client FROM last_login") == [("127.0.0.1",)]
    assert "last_login" not in mail.rig.ctl("export", "sql").log
    assert mail.rig.ctl("account", "set", ANNA, "last_login=1", check=False).code == 1


def test_rights(mail):
    """A user sees his own, and nobody else's."""
    mail.rig.sqlite("UPDATE account SET unix_user = 'games' WHERE name = 'anna' AND domain = 'example.org'")
    os.chmod(mail.rig.dir, 0o755)
    mail.start()
    mail.count("anna@example.org")
    mail.count("bert")
    seen = as_user(mail, "games", "-j", "account", "list").log
    assert BERT not in seen and json.loads(seen)["accounts"][0]["last_client"] == "127.0.0.1"


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGKILL])
def test_delay_over_restart(mail, sig):
    """A stop keeps the last login whenever it was, a crash what was written: who comes too early waits on."""
    mail.rig.sqlite("UPDATE settings SET pop_login_delay = 80000")
    mail.start()
    mail.count("anna")
    if sig == signal.SIGKILL:
        rigs.wait_for(lambda: ANNA in stored(mail), "it to be written")
    restart(mail, sig)
    answer = mail.login("anna")[1]
    left = int(re.search(r"\[LOGIN-DELAY\] wait (\d+) seconds", answer).group(1))
    assert 0 < left <= 80000
    assert mail.count("bert") == 0
    before = stored(mail)[ANNA]
    restart(mail)
    assert stored(mail)[ANNA] == before		# one that was refused is none
    # The wait is over on the clock.
    mail.daemon.stop()
    with sqlite3.connect(mail.rig.statedb, timeout=30) as db:
        db.execute("UPDATE last_login SET at = at - 80001")
    mail.start()
    assert mail.count("anna") == 0


def test_clock_set_back(mail):
    """A login that lies in years to come counts as one of now: the wait is the delay, and an end of it."""
    mail.rig.sqlite("UPDATE account SET login_delay = 500 WHERE name = 'anna'; UPDATE account SET login_delay = 1 WHERE name = 'bert'")
    mail.start()
    mail.count("anna")
    mail.count("bert")
    mail.daemon.stop()
    with sqlite3.connect(mail.rig.statedb, timeout=30) as db:
        db.execute("UPDATE last_login SET at = at + 500000000")
    mail.start()
    left = int(re.search(r"wait (\d+) second", mail.login("anna")[1]).group(1))
    assert 0 < left <= 500
    rigs.wait_for(lambda: mail.login("bert")[1] is None, "the end of bert's delay")


def test_locked(mail):
    """Nobody's login waits while somebody has state.db locked; the last login is known all the same, and written at the end."""
    mail.start()
    db = sqlite3.connect(mail.rig.statedb, isolation_level=None, timeout=30)
    db.execute("BEGIN IMMEDIATE")
    assert mail.count("anna") == 0 and shown(mail)[ANNA][0]
    rigs.wait_for(lambda: "in use" in mail.daemon.log() or "locked" in mail.daemon.log(), "a try to write it")
    assert mail.count("bert") == 0
    db.execute("ROLLBACK")
    db.close()
    assert mail.daemon.stop() == 0
    assert set(stored(mail)) == {ANNA, BERT}


@pytest.mark.parametrize("point, kept", [("master.login_put", False), ("master.login_written", True)])
def test_killed(mail, point, kept):
    """Killed at either side of the transaction: nothing is half there, and the next start serves."""
    mail.rig.sqlite("UPDATE settings SET pop_login_delay = 80000")
    mail.start("-K", "rpopd:%s:1" % point, hooks=True)
    mail.count("anna")
    mail.daemon.wait()
    mail.daemon.kill()
    assert (ANNA in stored(mail)) == kept
    mail.start()
    assert (mail.login("anna")[1] is None) != kept


def test_account_removed(mail):
    """What is known of an account goes with it."""
    mail.start()
    mail.count("bert")
    rigs.wait_for(lambda: BERT in stored(mail), "it to be written")
    mail.rig.sqlite("DELETE FROM route; DELETE FROM account WHERE name = 'bert'")
    mail.reload()
    assert stored(mail) == {}
    mail.rig.ctl("account", "add", BERT)
    assert shown(mail)[BERT] == (None, None)


def test_backup(mail):
    """A backup has them, as it has the rest of state.db."""
    mail.start()
    mail.count("anna")
    rigs.wait_for(lambda: ANNA in stored(mail), "it to be written")
    where = os.path.join(mail.rig.dir, "backup")
    done = subprocess.run(mail.rig.argv("-B", where), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=rigs.PATIENCE)
    assert done.returncode == 0, done.stdout
    with sqlite3.connect(os.path.join(where, "state.db")) as db:
        assert [r[0] for r in db.execute("SELECT account FROM last_login")] == [ANNA]
