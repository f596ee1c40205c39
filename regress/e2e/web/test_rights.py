# SPDX-License-Identifier: ISC
"""
What each request of the web page may ask, by who is logged in: a table of all control requests.  The process of the request is played,
so that nothing but the master stands in the way.
"""
import struct

import pytest

from lib import proto, rig as rigs
from lib.edits import rows
from lib.webstand import ADD, ENTERED, REMOVE, SET, Stage, pack_cells, password_head

ANNA, BEN, DOM, ADMIN = "anna@example.org", "ben@example.net", "dom@example.org", "admin@example.org"
WORD = "the same for all of them"
USERS = {"user": ANNA, "domain": DOM, "server": ADMIN}


def name(text=""):
    return struct.pack("448s", text.encode())


def quarantine(act, row=0):
    return struct.pack("=IIqq281s330s160s5x", act, 0, row, 0, b"", b"", b"")


def change(act, table, key, **values):
    return struct.pack("=III16sI32s", act, 0, len(key), table.encode(), 0, b"") + pack_cells(key) + pack_cells(values)


NET = {"account": BEN, "name": "isp"}
OWN = {"account": ANNA, "name": "isp"}
# What is asked; then for who looks and for who changes, by "user", "domain", "server": + it is answered, - it is refused for who asks, F
# for something else, . the channel is closed.
MATRIX = {
    "status": ("IMSG_CTL_STATUS", b"", "--+", "--+"),
    "work": ("IMSG_CTL_WORK", b"", "--+", "--+"),
    "who": ("IMSG_CTL_WHO", b"", "--+", "--+"),
    "queue": ("IMSG_CTL_QUEUE", b"", "--+", "--+"),
    "quarantine": ("IMSG_CTL_QUARANTINE", quarantine(1), "--+", "--+"),
    "show": ("IMSG_CTL_QUARANTINE", quarantine(2, 7), "--F", "--F"),
    "release": ("IMSG_CTL_QUARANTINE", quarantine(3), "...", "--+"),
    "drop": ("IMSG_CTL_QUARANTINE", quarantine(4), "...", "--+"),
    "route": ("IMSG_CTL_ROUTE", name(BEN), "--+", "--+"),
    "retry": ("IMSG_CTL_RETRY", name("all"), "...", "--+"),
    "account": ("IMSG_CTL_ACCOUNT", name(), "+++", "+++"),
    "account-other": ("IMSG_CTL_ACCOUNT", name(BEN), "-++", "-++"),
    "alerts": ("IMSG_CTL_ALERTS", name(), "+++", "+++"),
    "rows-rpop": ("IMSG_CTL_ROWS", struct.pack("16s", b"rpop"), "+++", "+++"),
    "rows-settings": ("IMSG_CTL_ROWS", struct.pack("16s", b"settings"), "--+", "--+"),
    "poll": ("IMSG_CTL_POLL", name(ANNA + "/isp"), "...", "F-+"),	# asked a moment ago
    "poll-other": ("IMSG_CTL_POLL", name(BEN + "/isp"), "...", "-F+"),
    "poll-all": ("IMSG_CTL_POLL", name("all"), "...", "FFF"),
    "own": ("IMSG_CTL_CHANGE", change(SET, "rpop", OWN, period="7200"), "...", "+-+"),
    "other": ("IMSG_CTL_CHANGE", change(SET, "rpop", NET, period="7200"), "...", "-++"),
    "settings": ("IMSG_CTL_CHANGE", change(SET, "settings", {}, processors="7"), "...", "--+"),
    "accounts": ("IMSG_CTL_CHANGE", change(ADD, "account", {"address": "new@example.org"}), "...", "--+"),
    "remove": ("IMSG_CTL_CHANGE", change(REMOVE, "account", {"address": BEN}), "...", "--F"),
    "root-column": ("IMSG_CTL_CHANGE", change(SET, "settings", {}, web_socket="/tmp/x"), "...", "---"),
    "root-group": ("IMSG_CTL_CHANGE", change(SET, "settings", {}, web_group="users"), "...", "---"),
    "password-other": ("IMSG_CTL_PASSWORD", password_head(len(WORD), BEN) + WORD.encode() + b"{PLAIN}x", "...", "---"),
    "reload": ("IMSG_CTL_RELOAD", b"", "...", "..."),
    "stop": ("IMSG_CTL_STOP", b"", "...", "..."),
    "log-level": ("IMSG_CTL_LOG_LEVEL", struct.pack("=I", 6), "...", "..."),
    "forget": ("IMSG_CTL_FORGET", name(ANNA + "/isp"), "...", "..."),
    "secret": ("IMSG_CTL_SECRET", name(ANNA + "/isp"), "...", "..."),
    "oauth": ("IMSG_CTL_OAUTH_LOGIN", name(ANNA + "/isp"), "...", "..."),
}
# These have no line of their own: their payloads are longer than they are worth here, and their rules are of those above.
ELSEWHERE = {"IMSG_CTL_EXPLAIN", "IMSG_CTL_FIND", "IMSG_CTL_MOVE", "IMSG_CTL_TRY", "IMSG_CTL_ALERT", "IMSG_CTL_SEEN", "IMSG_CTL_RENUMBER"}


@pytest.fixture
def stage(rig):
    rig.account("postmaster@example.org")
    for address in (ANNA, BEN, DOM, ADMIN):
        rig.account(address)
    rig.settings["web_socket"] = rig.run + "/web.sock"
    rig.write_db()
    rig.sqlite("UPDATE account SET password = '{PLAIN}%s';" % WORD
        + "UPDATE account SET can_modify_rpop = 1 WHERE address = '%s';" % ANNA
        + "INSERT INTO server_admin (account) VALUES ('%s');" % ADMIN
        + "INSERT INTO domain_admin (account, domain, can_modify_rpop) VALUES ('%s', 'example.net', 1);" % DOM
        + "".join("INSERT INTO rpop (account, name, domain, auth_name, password, period, self_service) VALUES"
            " ('%s', 'isp', '192.0.2.1', 'u', 'p', 3600, 1);" % a for a in (ANNA, BEN)))
    s = Stage(rig)
    yield s
    s.close()


def test_all_requests_are_there():
    """Whatever rpopctl can ask is in the table."""
    asked = {n for n in proto.TYPES if n.startswith("IMSG_CTL_")}
    answers = {"IMSG_CTL_" + n for n in ("ROW", "DAEMON", "RECORD", "TRIED", "ENVELOPE", "QUEUED", "FOUND", "READER", "LOGIN", "ALERTED", "LINE",
        "END", "OK", "FAIL")}
    assert asked - answers == {m[0] for m in MATRIX.values()} | ELSEWHERE


def outcome(answer):
    if answer is None:
        return "."
    found, (end, text) = answer
    if end != "FAIL":
        return "+"
    refusals = ("only an administrator", "no account of yours", "no account or record of yours", "only root may", "only administrators may")
    return "-" if any(r in text for r in refusals) or "are kept by administrators" in text else "F"


@pytest.mark.parametrize("who", USERS)
def test_rights(stage, who):
    """Each request, to look and to change; what is refused changes nothing."""
    column = list(USERS).index(who)
    token = stage.logged_in(USERS[who], WORD)
    found, wanted = {}, {}
    for what, (message, payload, look, write) in MATRIX.items():
        for kind, allowed in ("look", look), ("change", write):
            before = rows(stage.rig, "SELECT * FROM rpop ORDER BY account"), rows(stage.rig, "SELECT address FROM account")
            r = stage.request()
            entry, _, control = r.enter(token, form=stage.form(token) if kind == "change" else None)
            assert entry == ENTERED
            answer = control.ask(message, payload)
            found[what, kind], wanted[what, kind] = outcome(answer), allowed[column]
            if allowed[column] != "+" and "password" not in what:
                assert before == (rows(stage.rig, "SELECT * FROM rpop ORDER BY account"), rows(stage.rig, "SELECT address FROM account"))
            control.close()
            r.end()
    assert found == wanted
    assert stage.daemon.running()


def test_rights_are_of_the_moment(stage):
    """Who is no administrator any more has lost that on channels that are open, too."""
    control = stage.control(stage.logged_in(ADMIN, WORD))
    assert outcome(control.ask("IMSG_CTL_QUEUE")) == "+"
    assert stage.rig.ctl("remove", "server_admin", ADMIN, check=False).code == 0 or \
        (stage.rig.sqlite("DELETE FROM server_admin;") and stage.rig.ctl("reload").code == 0)
    assert outcome(control.ask("IMSG_CTL_QUEUE")) == "-"


def test_nobody(stage):
    """There is no channel for who has no session."""
    entry, fields, control = stage.request().enter(bytes(32), form=bytes(32))
    assert control is None and fields["account"] == "" and fields["form"] == bytes(32)


def test_versions(stage):
    """A request of another release is told so."""
    control = stage.control(stage.logged_in(ANNA, WORD))
    _, (end, text) = control.ask("IMSG_CTL_ACCOUNT", name(), version=stage.version ^ 1)
    assert end == "FAIL" and "different versions" in text


def test_many_channels(stage):
    """An account's channels are few, and take nobody else's place."""
    token = stage.logged_in(ANNA, WORD)
    form = stage.form(token)
    open_ones = [stage.request().enter(token, form=form)[2] for _ in range(9)]
    assert outcome(open_ones[7].ask("IMSG_CTL_ACCOUNT", name())) == "+" and open_ones[8].ask("IMSG_CTL_ACCOUNT", name()) is None
    assert outcome(stage.control(stage.logged_in(DOM, WORD)).ask("IMSG_CTL_ACCOUNT", name())) == "+"
