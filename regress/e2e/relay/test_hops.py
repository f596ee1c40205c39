# SPDX-License-Identifier: ISC
"""What waits for a next hop never goes to another one, whatever name, number or place the administrator gives to that."""
import pytest

from lib import rig as rigs
from lib.relay import PEOPLE, PM, due, listed, mail, states
from servers.smtp import OK, TEMP


@pytest.fixture
def one(unified, smtp):
    """Where mail waits."""
    m = smtp("lmtp")
    m.default = TEMP
    unified.nexthop("one", m)
    unified.settings["nexthop"] = "one"
    return m


@pytest.fixture
def waiting(unified, one, pop3):
    server = pop3(messages=[mail("m", PEOPLE[:1])])
    unified.record(PM, "r", server, special="X-Real-To")
    assert unified.once().code == 0
    assert states(unified) == {PEOPLE[0]: "waiting"}
    one.default = OK
    due(unified)
    return server


def used_by_nobody(rig):
    rig.sqlite("UPDATE settings SET nexthop = NULL;")


def insert(name, hop, number=None):
    columns = "id, " if number is not None else ""
    values = "%d, " % number if number is not None else ""
    return "INSERT INTO nexthop (%sname, protocol, address) VALUES (%s'%s', '%s', '%s');" % (columns, values, name, hop.protocol,
        hop.address)


def number(rig):
    return int(rig.sqlite("SELECT id FROM nexthop WHERE name = 'one';")[1].strip())


@pytest.mark.parametrize("name", ["two", "one"])
@pytest.mark.parametrize("reload", [False, True])
def test_number_used_again(unified, one, waiting, smtp, name, reload):
    """Row b is deleted, another one inserted, which gets its number, and perhaps its name: it does not get its mail."""
    other = smtp("lmtp")
    old = number(unified)
    used_by_nobody(unified)
    if reload:
        unified.sqlite("DELETE FROM nexthop;")
        assert unified.once().code == 0
    # Number and name together are the same row to whoever did not see it go.
    again = old if reload or name == "two" else None
    unified.sqlite("DELETE FROM nexthop; " + insert(name, other, again))
    result = unified.once()
    assert result.code == 0 and other.mails == [] and len(one.mails) == 1
    assert "next hop one was removed or is another one now, and 1 delivery is left for it" in result.log
    assert states(unified) == {PEOPLE[0]: "waiting"} and len(waiting.box.left()) == 1


def test_numbers_are_not_used_again(unified, one, smtp):
    """Not by the store itself, for next hops as for accounts."""
    unified.write_db()
    old = number(unified)
    used_by_nobody(unified)
    unified.sqlite("DELETE FROM nexthop; " + insert("two", smtp("lmtp")))
    assert int(unified.sqlite("SELECT id FROM nexthop WHERE name = 'two';")[1].strip()) > old
    zoe = "INSERT INTO account (name, domain) VALUES ('zoe', 'example.org'); SELECT id FROM account WHERE name = 'zoe';"
    first = int(unified.sqlite(zoe)[1].strip())
    assert int(unified.sqlite("DELETE FROM account WHERE name = 'zoe'; " + zoe)[1].strip()) > first


@pytest.mark.parametrize("change", ["address", "name", "again", "store"])
def test_still_the_same(unified, one, waiting, smtp, change):
    """It has moved, was renamed, or was inserted again as it was, by itself or with the whole store: its mail goes to it."""
    to, other = one, smtp("lmtp")
    old = number(unified)
    used_by_nobody(unified)
    if change == "address":
        to = other
        unified.sqlite("UPDATE nexthop SET address = '%s';" % other.address)
    elif change == "name":
        unified.sqlite("UPDATE nexthop SET name = 'uno';")
    elif change == "again":
        unified.sqlite("DELETE FROM nexthop; " + insert("one", one))
        assert number(unified) != old
    else:
        unified.sqlite("DELETE FROM nexthop; " + insert("first", other, old) + insert("one", one, old + 1))
    assert unified.once().code == 0
    assert to.taken() == PEOPLE[:1] and len(other.mails) == (change == "address")


@pytest.fixture
def removed(unified, one, waiting, smtp):
    """A daemon that runs when the next hop is removed and another one is inserted."""
    one.default = TEMP
    other = smtp("lmtp")
    daemon = unified.start().ready()
    rigs.wait_for(lambda: [q for q in listed(unified) if q["tries"] == 2], "the second try")
    used_by_nobody(unified)
    unified.sqlite("DELETE FROM nexthop; " + insert("two", other))
    unified.ctl("reload")
    yield daemon, other
    assert daemon.stop() == 0


def test_told_and_moved(unified, one, removed):
    """The reload says so; the queue names it; nothing goes out until it is moved."""
    daemon, other = removed
    assert "next hop one was removed or is another one now, and 1 delivery is left for it" in daemon.log()
    row, = listed(unified)
    assert row["nexthop"] == "one" and row["state"] == "waiting"
    answer = unified.ctl("quarantine", "release", str(row["id"]), check=False)
    assert answer.code == 1 and "next hop one was removed" in answer.log and "queue move" in answer.log
    assert unified.ctl("queue", "move", "none", "two", check=False).code == 1
    assert unified.ctl("queue", "move", "one", "none", check=False).code == 1
    assert other.mails == []
    assert unified.ctl("queue", "move", "one", "two").log == "1 moved to two\n"
    rigs.wait_for(lambda: other.taken() == PEOPLE[:1], "the delivery")
    rigs.wait_for(lambda: listed(unified) == [], "its row to go")
    assert unified.ctl("queue", "list").log == "empty\n"


def test_inserted_again(unified, one, removed):
    """Name and address as they were: what waited goes there."""
    daemon, other = removed
    one.default = OK
    unified.sqlite(insert("one", one))
    unified.ctl("reload")
    row, = listed(unified)
    unified.ctl("quarantine", "release", str(row["id"]))
    rigs.wait_for(lambda: one.taken() == PEOPLE[:1], "the delivery")
    assert other.mails == []


def test_account_gone(unified, pop3):
    """What is in quarantine for an account that is gone is not put where nobody reads it, nor counted as delivered."""
    server = pop3(messages=[mail("m", PEOPLE[:1])])
    unified.record(PM, "r", server, special="X-Real-To", suppress=0)
    assert unified.once().code == 0
    (data,), = unified.delivered().values()
    server.box.add(b"X-Real-To: anna@example.org\r\n" + data.split(b"\n", 1)[1].replace(b"\n", b"\r\n"))
    daemon = unified.start()
    row, = rigs.wait_for(lambda: listed(unified, ["quarantine"]), "the loop to be noticed")
    unified.sqlite("DELETE FROM route WHERE target = 'anna@example.org'; DELETE FROM account WHERE name = 'anna';")
    unified.ctl("reload")
    answer = unified.ctl("quarantine", "release", str(row["id"]), check=False)
    assert answer.code == 1 and "there is no account anna@example.org any more" in answer.log
    assert len(listed(unified, ["quarantine"])) == 1 and unified.state("SELECT count(*) FROM pending") == [(0,)]
    unified.ctl("quarantine", "release", str(row["id"]), "bert@example.org")
    rigs.wait_for(lambda: unified.idents().get("example.org/bert") == ["m"], "the release")
    assert daemon.stop() == 0


def test_killed(unified, one, waiting, smtp):
    """In the middle of learning which next hop is which."""
    other = smtp("lmtp")
    used_by_nobody(unified)
    unified.sqlite("DELETE FROM nexthop; " + insert("two", other))
    unified.once("-K", "rpopd:master.state_hops", hooks=True)
    assert unified.once().code == 0
    assert other.mails == [] and states(unified) == {PEOPLE[0]: "waiting"}
