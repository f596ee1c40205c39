# SPDX-License-Identifier: ISC
"""
account.expire_days with the daemon: what was read and is older goes at a login, and nothing else, whoever logs in and whatever the
clock did.  A clock cannot be set for one program: messages are aged instead, which is the same to a mailbox.
"""
import os
import time

import pytest

from lib import rig as rigs
from test_popd import Mail, mail  # noqa: F401

ANNA = "example.org/anna"
DAY = 86400


def put(mail, name, days, sub="cur", dest=ANNA):
    """A message that was delivered so many days ago."""
    at = int(time.time()) - int(days * DAY)
    mail.put(dest, name="%d.M1P1.%s" % (at, name))
    path = os.path.join(mail.rig.mail, dest)
    old = os.path.join(path, "new", "%d.M1P1.%s" % (at, name))
    os.utime(old, (at, at))
    if sub == "cur":
        os.rename(old, os.path.join(path, "cur", os.path.basename(old) + ":2,S"))


def there(mail, dest=ANNA):
    return sorted(name.split(":")[0].rpartition(".")[2] for sub in ("new", "cur")
        for name in os.listdir(os.path.join(mail.rig.mail, dest, sub)))


def expire(mail, days, name="anna"):
    mail.rig.sqlite("UPDATE account SET expire_days = %s WHERE name = '%s' AND domain = 'example.org'" % (days, name))


def announced(p):
    return p.capa()["EXPIRE"]


def test_removed(mail):
    """What was read and is too old is gone at the next login; what is new, unread or younger stays, and so does everybody else's."""
    for name, days, sub in (("old", 4, "cur"), ("young", 2.9, "cur"), ("unread", 400, "new"), ("fresh", 0, "new")):
        put(mail, name, days, sub)
    put(mail, "hers", 4, "cur", "example.org/bert")
    expire(mail, 3)
    mail.start()
    p = mail.connect()
    assert announced(p) == ["3", "USER"]
    assert mail.count("bert") == 1 and there(mail, "example.org/bert") == ["hers"]
    assert there(mail) == ["fresh", "old", "unread", "young"]
    p, why = mail.login("anna")
    assert why is None and announced(p) == ["3"]
    assert p.stat()[0] == 3 and there(mail) == ["fresh", "unread", "young"]
    # What this session reads is old enough at the next login, not ahead of it.
    found = {p.uidl(n).decode().split(".")[-1]: n for n in (1, 2, 3)}
    p.retr(found["unread"])
    p.quit()
    assert there(mail) == ["fresh", "unread", "young"]
    p, why = mail.login("anna")
    assert p.stat()[0] == 2 and there(mail) == ["fresh", "young"]
    assert announced(mail.login("bert")[0]) == ["NEVER"]


def test_setting(mail):
    """A reload is enough; NULL removes nothing; a session that is open keeps what it has listed."""
    put(mail, "old", 40)
    put(mail, "fresh", 0, "new")
    mail.start()
    assert "EXPIRE" in mail.connect().capa() and announced(mail.connect()) == ["NEVER"]
    p, why = mail.login("anna")
    assert p.stat()[0] == 2
    expire(mail, 30)
    mail.reload()
    assert p.stat()[0] == 2 and there(mail) == ["fresh", "old"]
    assert b"hello" in b"".join(p.retr(1)[1])
    assert mail.count("anna") == 1 and there(mail) == ["fresh"]
    assert p.stat()[0] == 2
    p.quit()
    put(mail, "again", 40)
    expire(mail, "NULL")
    mail.reload()
    assert mail.count("anna") == 2


def test_rights(mail):
    """Somebody who may not delete in a mailbox ages nothing there; who may removes what its owner's days say."""
    put(mail, "old", 4)
    put(mail, "fresh", 0, "new")
    expire(mail, 3)
    expire(mail, 1, "bert")
    mail.rig.sqlite("INSERT INTO acl (owner, folder, who, rights) VALUES ('anna@example.org', 'INBOX', 'bert@example.org', 'lrs')")
    mail.start()
    assert mail.count("~anna/INBOX#bert") == 2 and there(mail) == ["fresh", "old"]
    mail.rig.sqlite("UPDATE acl SET rights = 'lrst'")
    mail.reload()
    put(mail, "younger", 2)
    assert mail.count("~anna/INBOX#bert") == 2 and there(mail) == ["fresh", "younger"]


@pytest.mark.parametrize("days", [35, 4000])
def test_clock_jumped(mail, days):
    """All that is there was delivered long ago, as after a jump of the clock: nothing is removed for a week, new mail or not."""
    put(mail, "old", days)
    put(mail, "unread", days, "new")
    expire(mail, 3)
    mail.start()
    assert mail.count("anna") == 2
    rigs.wait_for(lambda: "no old message is removed now: the clock may have jumped" in mail.daemon.log(), "the line in the log")
    put(mail, "fresh", 0, "new")
    for _ in range(2):
        assert mail.count("anna") == 3
    mail.daemon.stop()
    mail.start()
    assert mail.count("anna") == 3 and there(mail) == ["fresh", "old", "unread"]


def test_delivered(mail, pop3):
    """Mail that this daemon retrieves itself, read with POP3, becomes old like any other."""
    server = pop3(None, [b"Subject: one\r\n\r\nx\r\n"])
    mail.rig.sqlite(rigs.insert("rpop", mail.rig.record("anna@example.org", "isp", server)))
    expire(mail, 3)
    mail.start()
    rigs.wait_for(lambda: len(there(mail)) == 1 if os.path.isdir(os.path.join(mail.rig.mail, ANNA, "new")) else False, "the delivery")
    p, why = mail.login("anna")
    p.retr(1)
    p.quit()
    assert mail.count("anna") == 1
    cur = os.path.join(mail.rig.mail, ANNA, "cur")
    name = os.listdir(cur)[0]
    old = int(time.time()) - 5 * DAY
    os.rename(os.path.join(cur, name), os.path.join(cur, "%d.%s" % (old, name.split(".", 1)[1])))
    os.utime(os.path.join(cur, "%d.%s" % (old, name.split(".", 1)[1])), (old, old))
    put(mail, "fresh", 0, "new")
    assert mail.count("anna") == 1 and there(mail) == ["fresh"]
