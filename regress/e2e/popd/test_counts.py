# SPDX-License-Identifier: ISC
"""What rpopctl status says of mail programs since the start: connections, logins, messages, and who was sent away by which limit."""
import os
import socket

import pytest

from lib import rig as rigs
from test_popd import MESSAGE, Mail, mail  # noqa: F401

NAMES = ["connections", "logins", "logins_wrong", "logins_limited", "logins_failed", "turned_channels", "turned_listener",
    "turned_address", "turned_blocked", "read_messages", "read_looked", "read_deleted"]


def counted(mail, **expected):
    """Waits until the numbers are these; all others are 0."""
    wanted = dict(dict.fromkeys(NAMES, 0), **expected)

    def told():
        status = mail.status()
        return {n: status[n] for n in NAMES} == wanted
    try:
        rigs.wait_for(told, "the numbers")
    except AssertionError:
        status = mail.status()
        assert {n: status[n] for n in NAMES} == wanted
    return mail.status()


def sent_away(mail, port=None, source="127.0.0.1"):
    with socket.create_connection(("127.0.0.1", port or mail.port), rigs.PATIENCE, (source, 0)) as s, s.makefile("rb") as f:
        return f.read().startswith(b"-ERR [SYS/TEMP] too many")


def test_logins_and_messages(mail):
    """Each login counts once, by what came of it; messages and octets when the session has ended."""
    for n in range(3):
        mail.put("example.org/anna", name="%d.M1.rig" % n)
    mail.rig.sqlite("UPDATE account SET sessions = 1 WHERE name = 'anna'; UPDATE account SET login_delay = 5000 WHERE name = 'bert'")
    mail.start()
    assert counted(mail)["read_octets"] == 0
    p, why = mail.login("anna")
    assert mail.login("anna")[1].startswith("-ERR [IN-USE]")
    assert mail.login("anna", "wrong")[1].startswith("-ERR [AUTH]")
    assert mail.login("nobody", "wrong")[1].startswith("-ERR [AUTH]")
    assert mail.count("bert") == 0
    assert mail.login("bert")[1].startswith("-ERR [LOGIN-DELAY]")
    assert mail.login("Lists#bert")[1].startswith("-ERR ")
    p.retr(1)
    p.retr(2)
    p.top(3, 0)
    p.dele(1)
    counted(mail, connections=7, logins=2, logins_wrong=2, logins_limited=3)
    assert mail.status()["readers"] >= 1 and mail.status()["readers_peak"] >= 2
    p.quit()
    status = counted(mail, connections=7, logins=2, logins_wrong=2, logins_limited=3, read_messages=2, read_looked=1, read_deleted=1)
    assert status["read_octets"] > 2 * len(MESSAGE)
    shown = mail.rig.ctl("status").log
    assert "since the start 7 connections, 2 logins; refused 2 for the password, 3 for a limit of the account, 0 for trouble\n" in shown
    assert "handed out 2 messages, " in shown and "sent away" not in shown
    # An alert is neither, and what is not there is trouble.
    mail.rig.ctl("alert", "anna@example.org", "hello")
    assert "ALERT" in mail.login("anna")[1]
    assert mail.login("Lists#anna")[1].startswith("-ERR [SYS/PERM]")
    counted(mail, connections=9, logins=2, logins_wrong=2, logins_limited=3, logins_failed=1, read_messages=2, read_looked=1, read_deleted=1)
    mail.reload()
    assert mail.status()["logins"] == 2
    mail.daemon.stop()
    mail.start()
    counted(mail)


def test_killed_session(mail):
    """What a session did that died is not known; it is gone all the same."""
    mail.put("example.org/anna")
    mail.start()
    p, why = mail.login("anna")
    p.retr(1)
    os.kill(mail.daemon.one("pop"), 9)
    rigs.wait_for(lambda: mail.status()["readers"] == 0, "its end")
    counted(mail, connections=1, logins=1)


@pytest.mark.parametrize("limit", ["channels", "listener", "address"])
def test_sent_away(mail, limit):
    """Connections that are one too many count by the limit that they met."""
    other = mail.listen(channels=2 if limit == "listener" else 100)
    mail.rig.sqlite("UPDATE settings SET pop_channels = %d, pop_per_address = %d" % (2 if limit == "channels" else 100,
        2 if limit == "address" else 100))
    mail.start()
    held = [mail.connect(other) for _ in range(2)]
    for _ in range(30):			# more than popd tells one by one
        assert sent_away(mail, other)
    counted(mail, connections=2, **{"turned_" + limit: 30})
    assert "sent away %d for too many in all, %d of a listener, %d of an address, 0 for failed logins\n" % tuple(
        30 * (limit == name) for name in ("channels", "listener", "address")) in mail.rig.ctl("status").log
    if limit == "listener":
        mail.connect().quit()
        counted(mail, connections=3, turned_listener=30)
    for p in held:
        p.quit()
    rigs.wait_for(lambda: mail.status()["readers"] == 0, "their end")
    assert mail.status()["readers_peak"] == (3 if limit == "listener" else 2)


def test_listener_trouble(mail):
    """Status has what is in the way of each listener, as it is now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        taken = s.getsockname()[1]
        mail.listen(port=taken)
        mail.listen("192.0.2.1", port=1110)
        mail.start()
        trouble = mail.status()["listener_trouble"]
        assert len(trouble) == 2 and trouble[0].startswith("127.0.0.1/%d: cannot listen: Address already in use" % taken), trouble
        assert trouble[1].startswith("192.0.2.1/1110: cannot listen: Cannot assign requested address")
        assert "note: listener 127.0.0.1/%d: cannot listen" % taken in mail.rig.ctl("status").log
    mail.reload()
    assert [t.split(":")[0] for t in mail.status()["listener_trouble"]] == ["192.0.2.1/1110"]
    mail.rig.sqlite("DELETE FROM listener WHERE address = '192.0.2.1'")
    mail.reload()
    assert mail.status()["listener_trouble"] == [] and mail.status()["not_listening"] == 0
