# SPDX-License-Identifier: ISC
"""rpopctl status --failing: what somebody has to look at, and nothing else."""
import json

import pytest

from lib import corpus, rig as rigs
from servers import behaviours as B

ANNA = "anna@example.org"


@pytest.fixture
def some_fail(personal, pop3):
    personal.bad = pop3(B.RefuseLogin(), [corpus.mail("never")])
    personal.record(ANNA, "good", pop3(messages=[corpus.mail("one")]))
    personal.record(ANNA, "bad", personal.bad)
    gone = pop3()
    personal.record(ANNA, "dead", gone)
    personal.record(ANNA, "dead too", gone)
    gone.stop()
    personal.daemon = personal.start()
    rigs.wait_for(lambda: settled(personal), "the first polls")
    yield personal
    assert personal.daemon.stop() == 0


def settled(rig):
    r = {r["name"]: r for r in rig.status()["records"]}
    return r["good"]["polls"] and r["bad"]["polls"] and {r["dead"]["state"], r["dead too"]["state"]} == {"host-delay"} and \
        r["good"]["state"] == r["bad"]["state"] == "idle"


def failing(rig, code):
    result = rig.ctl("-j", "status", "--failing", check=False)
    assert result.code == code
    answer = json.loads(result.log)
    assert answer["daemon"]["records"] == 4
    return {r["name"]: r for r in answer["records"]}


def test_failing(some_fail):
    rig = some_fail
    r = failing(rig, 1)
    assert set(r) == {"bad", "dead", "dead too"}
    assert r["bad"]["failing_since"] and "login" in r["bad"]["last_error"]
    good, = [row for row in rig.status()["records"] if row["name"] == "good"]
    assert good["failing_since"] is None
    result = rig.ctl("status", "--failing", check=False)
    assert result.code == 1 and "good" not in result.log and "rpopd " not in result.log
    lines = {line.split(": ")[0]: line for line in result.log.splitlines()}
    assert set(lines) == {ANNA + "/bad", ANNA + "/dead", ANNA + "/dead too"}
    assert ": failing since 20" in lines[ANNA + "/bad"] and "login refused" in lines[ANNA + "/bad"]
    assert "its host failed; one of its records tries again" in lines[ANNA + "/dead too"]

    rig.bad.behaviour = B.Behaviour()
    rig.ctl("poll", ANNA + "/bad")
    rig.sqlite("UPDATE rpop SET period = NULL WHERE name LIKE 'dead%'")
    rig.ctl("reload")
    rigs.wait_for(lambda: rig.ctl("status", "--failing", check=False).code == 0, "nothing to fail any more")
    assert rig.ctl("status", "--failing").log == "" and failing(rig, 0) == {}


def test_options(some_fail):
    for words in (["--failing", "all"], ["--fail", "x"], ["--wrong"], ["-x"]):
        assert some_fail.ctl("status", *words, check=False).code == 1
