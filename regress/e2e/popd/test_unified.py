# SPDX-License-Identifier: ISC
"""
Unified accounts: one mailbox for all addresses of a domain.  What was delivered says whom it came for, and nobody can write that but
the deliverer; with POP3 each address sees its own mail, the account all of it; and rpopd takes such a mailbox apart again.
"""
import os
import poplib
import re
import types

import pytest

from lib import corpus
from lib import rig as rigs
from popd.test_popd import Mail

PM = "postmaster@example.org"
CLIENT = "example.org/client"
POINTS = ["header", "named", "named:2", "named:3", "further", "further:2", "filled", "filled:2", "written", "fsync_files", "fsync_spool",
    "receipt", "committed", "rename", "rename:2", "rename:3", "rename:4", "renamed", "settle"]


class Unified(Mail):
    """Accounts client and firm, which are unified, and have all addresses of client1.example and firm.example; anna and bert are not."""

    def __init__(self, rig):
        self.rig = rig
        for name in ("postmaster", "anna", "bert", "client", "firm"):
            rig.account(name + "@example.org")
        rig.settings["hostname"] = "mx.example.org"
        rig.write_db()
        rig.sqlite("""UPDATE account SET password = '{PLAIN}s3cret-' || name, unified = name IN ('client', 'firm');
            INSERT INTO domain (name) VALUES ('client1.example'), ('firm.example');
            INSERT INTO route (address, target) VALUES ('*@client1.example', 'client@example.org'),
            ('*@firm.example', 'firm@example.org'), ('sales@example.org', 'bert@example.org'),
            ('alias@client1.example', 'abcdef@client1.example'), ('team@client1.example', 'abcdef@client1.example'),
            ('team@client1.example', 'xyz@client1.example'), ('lists@client1.example', 'client@example.org');""")
        rig.sqlite("UPDATE route SET folder = 'Lists' WHERE address = 'lists@client1.example'")
        self.port = self.listen()

    def poll(self, server, messages, code=0, **columns):
        """Messages of (ident, envelope recipients, further headers) are retrieved and delivered."""
        columns.setdefault("special", "X-Real-To")
        for ident, to, headers in messages:
            server.box.add(corpus.mail(ident, ([("X-Real-To", to)] if to else []) + list(headers)))
        self.rig.sqlite(rigs.insert("rpop", self.rig.record(PM, "domain", server, **columns)))
        assert self.rig.once().code == code

    def view(self, name, password="s3cret-client"):
        """{unique-id: ident} of what a login sees."""
        p, why = self.login(name, password)
        assert why is None, why
        uids = [u.split()[1].decode() for u in p.uidl()[1]]
        idents = [corpus.ident_of(b"\n".join(p.top(i + 1, 0)[1]) + b"\n") for i in range(len(uids))]
        p.quit()
        return dict(zip(uids, idents))


@pytest.fixture
def mail(rig):
    return Unified(rig)


def names(data):
    """The value of the field on top, None if it is not there; nothing of that name stands anywhere else in the header."""
    header = data.split(b"\n\n")[0] + b"\n"
    found = [m.start() for m in re.finditer(rb"(?im)^x-real-to[ \t]*:", header)]
    if not found:
        return None
    assert len(found) == 1, header
    m = re.match(rb"Return-Path: [^\n]*\nX-Real-To: ((?:[^\n]|\n\t)*)\nReceived: ", header)
    assert m, header
    return m.group(1).replace(b"\n\t", b" ").decode()


def by_ident(rig):
    """{(directory, ident): the names}"""
    return {(where, corpus.ident_of(d)): names(d) for where, ds in rig.delivered().items() for d in ds}


def test_views(mail, pop3):
    """Each address sees its own mail, the account all; unique-ids and password are the same; nobody has none, and no filter is elsewhere."""
    mail.poll(pop3(), [("one", "abcdef@client1.example", ()), ("two", "XYZ@Client1.example", ()),
        ("both", "xyz@client1.example, abcdef@client1.example, abcdef@CLIENT1.example", ()), ("own", "client@example.org", ()),
        ("detail", "abcdef+x@client1.example", ()), ("alias", "alias@client1.example", ()), ("team", "team@client1.example", ()),
        ("sales", "sales@example.org", ()), ("anna", "anna@example.org", ()), ("list", "lists@client1.example", ())])
    assert by_ident(mail.rig) == {(CLIENT, "one"): "abcdef@client1.example", (CLIENT, "two"): "xyz@client1.example",
        (CLIENT, "both"): "xyz@client1.example, abcdef@client1.example", (CLIENT, "own"): "client@example.org",
        (CLIENT, "detail"): "abcdef+x@client1.example", (CLIENT, "alias"): "abcdef@client1.example",
        (CLIENT, "team"): "abcdef@client1.example, xyz@client1.example", (CLIENT + "/.Lists", "list"): "lists@client1.example",
        ("example.org/bert", "sales"): None, ("example.org/anna", "anna"): None}
    mail.start()
    everything = mail.view("client@example.org")
    assert sorted(everything.values()) == ["alias", "both", "detail", "one", "own", "team", "two"]
    for name, idents in (("abcdef@client1.example", ["alias", "both", "detail", "one", "team"]),
            ("ABCDEF@client1.example", ["alias", "both", "detail", "one", "team"]), ("xyz@client1.example", ["both", "team", "two"]),
            ("abcdef+x@client1.example", ["detail"]), ("alias@client1.example", ["alias", "both", "detail", "one", "team"]),
            ("nobody@client1.example", []), ("client", ["alias", "both", "detail", "one", "own", "team", "two"])):
        view = mail.view(name)
        assert sorted(view.values()) == idents, name
        assert view.items() <= everything.items(), name
    # a name of two of them is nobody's, as is that of another account's password
    for name in ("team@client1.example", "x@firm.example"):
        assert mail.login(name, "s3cret-client")[1].startswith("-ERR [AUTH]")
    # an alias of an account that is not unified sees everything; so does a detail
    assert set(mail.view("sales@example.org", "s3cret-bert").values()) == {"sales"} == set(mail.view("bert+x", "s3cret-bert").values())
    # a folder by an address
    assert list(mail.view("Lists#lists@client1.example").values()) == ["list"]
    assert list(mail.view("Lists#abcdef@client1.example").values()) == []
    assert list(mail.view("Lists#client@example.org").values()) == ["list"]


def test_delete_in_a_view(mail, pop3):
    """DELE deletes what was seen in that view, and nothing else; what both have is gone for both."""
    mail.poll(pop3(), [("one", "abcdef@client1.example", ()), ("two", "xyz@client1.example", ()),
        ("both", "xyz@client1.example, abcdef@client1.example", ()), ("own", "client@example.org", ())])
    mail.start()
    p, _ = mail.login("abcdef@client1.example", "s3cret-client")
    assert p.stat()[0] == 2
    for n in (1, 2):
        p.dele(n)
    with pytest.raises(poplib.error_proto):
        p.dele(3)
    p.quit()
    rigs.wait_for(lambda: sorted(mail.view("client@example.org").values()) == ["own", "two"], "the deletions")
    assert list(mail.view("xyz@client1.example").values()) == ["two"] and mail.view("abcdef@client1.example") == {}


def test_switched(mail, pop3):
    """Without unified, an address of *@domain is no login, an alias sees everything, and mail has no field; that can have another name."""
    mail.rig.sqlite("UPDATE account SET unified = 0; UPDATE settings SET unified_field = 'X-For'")
    server = pop3()
    mail.poll(server, [("before", "abcdef@client1.example", [("x-for", "sender's")])])
    (data,) = mail.rig.delivered()[CLIENT]
    assert names(data) is None and b"\nx-for: sender's\n" in data
    mail.start()
    with pytest.raises(AssertionError, match="wrong name or password"):
        mail.view("xyz@client1.example")
    mail.rig.ctl("route", "add", "client@client1.example", "target=client@example.org")
    assert list(mail.view("client@client1.example").values()) == ["before"]
    mail.rig.ctl("account", "set", "client@example.org", "unified=1")
    assert mail.view("client@client1.example") == {}
    assert mail.view("xyz@client1.example") == {} == mail.view("abcdef@client1.example")
    server.box.add(corpus.mail("after", [("X-Real-To", "abcdef@client1.example"), ("X-For", "sender's")]))
    mail.rig.ctl("poll", "-w", "all")
    data = [d for d in mail.rig.delivered()[CLIENT] if corpus.ident_of(d) == "after"][0]
    assert re.match(rb"Return-Path: .*\nX-For: abcdef@client1\.example\nReceived: ", data) and b"sender's" not in data
    assert list(mail.view("abcdef@client1.example").values()) == ["after"]
    assert sorted(mail.view("client").values()) == ["after", "before"]
    assert mail.rig.ctl("account", "set", "client@example.org", "unified=2", check=False).code != 0


FORGED = [("X-Real-To", "xyz@client1.example"), ("x-real-TO", "abcdef@client1.example,\r\n\txyz@client1.example"),
    ("X-Real-To ", "xyz@client1.example"), ("X-REAL-TO\t ", "\r\n xyz@client1.example\r\n\t,more@client1.example"),
    ("X-Real-To-Not", "stays"), ("X-Real-T", "stays, too")]


@pytest.mark.parametrize("where", ["top", "below"])
def test_forged(mail, pop3, where):
    """
    The field as a sender writes it, folded, twice, in another case, with blanks ahead of the colon, on top and below Received: it does
    not count, and is not there.  The same in ordinary mail is the sender's, and stays.
    """
    server = pop3()
    for ident, to in (("forged", "abcdef@client1.example"), ("ordinary", "anna@example.org"),
            ("shared", "anna@example.org, abcdef@client1.example"), ("none", "client@example.org")):
        data = corpus.mail(ident, [("X-Envelope", to)])
        fields = b"".join(b"%s: %s\r\n" % (n.encode(), v.encode()) for n, v in FORGED)
        head, body = data.split(b"\r\n\r\n", 1)
        data = fields + head if where == "top" else head + b"\r\n" + fields[:-2]
        server.box.add(data + b"\r\n\r\nX-Real-To: body\r\n" + body)
    mail.poll(server, [], special="X-Envelope")
    kept = b"X-Real-To-Not: stays\nX-Real-T: stays, too\n"
    for place, ident in ((CLIENT, "forged"), (CLIENT, "shared"), (CLIENT, "none")):
        (data,) = [d for d in mail.rig.delivered()[place] if corpus.ident_of(d) == ident]
        assert names(data) == ("client@example.org" if ident == "none" else "abcdef@client1.example")
        assert kept in data and b"more@" not in data and b"\n\nX-Real-To: body\n" in data
    for data in mail.rig.delivered()["example.org/anna"]:
        assert b"X-REAL-TO\t : \n xyz@client1.example\n\t,more@client1.example\n" + kept in data
        assert b"\nX-Real-To: abcdef" not in data and b"\n\nX-Real-To: body\n" in data
    mail.start()
    assert list(mail.view("xyz@client1.example").values()) == [] == list(mail.view("more@client1.example").values())
    assert sorted(mail.view("abcdef@client1.example").values()) == ["forged", "shared"]


def test_three_files(mail, pop3):
    """
    To two unified accounts and ordinary ones: a file for each that shows its own addresses, a shared one that shows none; whoever was
    written to in secret stays so.  The sizes in the names are right (the rig compares them).
    """
    everybody = "abcdef@client1.example, secret@client1.example, boss@firm.example, anna@example.org, bert@example.org"
    mail.poll(pop3(), [("m", everybody, ()), ("u", "abcdef@client1.example, boss@firm.example", ()),
        ("lost", "xyz@client1.example, nobody@example.org, anna@example.org", ())])
    assert by_ident(mail.rig) == {(CLIENT, "m"): "abcdef@client1.example, secret@client1.example",
        ("example.org/firm", "m"): "boss@firm.example", ("example.org/anna", "m"): None, ("example.org/bert", "m"): None,
        (CLIENT, "u"): "abcdef@client1.example", ("example.org/firm", "u"): "boss@firm.example",
        (CLIENT, "lost"): "xyz@client1.example", ("example.org/anna", "lost"): None, ("example.org/postmaster", "lost"): None}
    for where, ds in mail.rig.delivered().items():
        for d in ds:
            assert (b"secret@" in d) == (where == CLIENT and corpus.ident_of(d) == "m")
            assert (b"boss@" in d) == (where == "example.org/firm")
            assert (b"nobody@" in d) == (where == "example.org/postmaster")
    bodies = {corpus.split_prologue(re.sub(rb"\nX-Real-To: (?:[^\n]|\n\t)*\n", b"\n", d))[3] for ds in mail.rig.delivered().values()
        for d in ds if corpus.ident_of(d) == "m"}
    assert len(bodies) == 1
    inodes = {}
    for top, _, files in os.walk(os.path.join(mail.rig.mail, "example.org")):
        for name in files:
            st = os.stat(os.path.join(top, name))
            inodes.setdefault(st.st_ino, []).append((os.path.relpath(top, mail.rig.mail), st.st_nlink))
    assert sorted(sorted(w for w, _ in v) for v in inodes.values() if len(v) > 1) == [["example.org/anna/new", "example.org/bert/new"]]
    assert mail.rig.spooled() == []


def test_copies(mail, pop3):
    """The provider sends a copy for each recipient: suppression keeps one for each address, and none twice."""
    mail.poll(pop3(), [("c", "abcdef@client1.example", ()), ("c", "xyz@client1.example", ()), ("c", "xyz@client1.example", ())],
        suppress=1)
    mail.start()
    assert len(mail.view("abcdef@client1.example")) == len(mail.view("xyz@client1.example")) == 1


def test_own_record(mail, pop3):
    """A record of the account's own: its mail names the account, whatever the sender wrote."""
    server = pop3(messages=[corpus.mail("p", [("X-Real-To", "abcdef@client1.example")])])
    mail.rig.sqlite(rigs.insert("rpop", mail.rig.record("client@example.org", "isp", server)))
    assert mail.rig.once().code == 0
    assert by_ident(mail.rig) == {(CLIENT, "p"): "client@example.org"}


def test_too_many_names(mail, pop3):
    """More addresses than the field has room for: the postmaster has it, with the reason, and nobody finds half of it."""
    many = ",\r\n ".join("%s%d@client1.example" % ("n" * 50, i) for i in range(900))
    mail.poll(pop3(), [("many", many, ()), ("few", ",\r\n ".join("n%d@client1.example" % i for i in range(500)), ())])
    (data,) = mail.rig.delivered()["example.org/postmaster"]
    assert corpus.ident_of(data) == "many" and b"X-Rpopd-Reason: more addresses of one account than a header field has room for\n" in data
    mail.start()
    assert list(mail.view("n499@client1.example").values()) == ["few"] == list(mail.view("n0@client1.example").values())


@pytest.mark.parametrize("quarantine", [False, True])
def test_quarantine(mail, pop3, quarantine):
    """What was held up, and is delivered later, names its addresses as well."""
    hops = [("Received", "from a by b; x")] * (120 if quarantine else 1)
    mail.poll(pop3(), [("q", "abcdef@client1.example, anna@example.org", hops)])
    mail.start()
    if quarantine:
        assert by_ident(mail.rig) == {k: v for k, v in by_ident(mail.rig).items() if k[1] != "q"}
        for row in mail.rig.state("SELECT id FROM relay ORDER BY id"):
            mail.rig.ctl("quarantine", "release", str(row[0]))
    rigs.wait_for(lambda: {k: v for k, v in by_ident(mail.rig).items() if k[1] == "q"} == {(CLIENT, "q"): "abcdef@client1.example",
        ("example.org/anna", "q"): None}, "both copies")
    assert list(mail.view("abcdef@client1.example").values()) == ["q"] and mail.view("xyz@client1.example") == {}


@pytest.mark.parametrize("point", POINTS)
def test_killed(mail, pop3, point):
    """The deliverer dies at each step of a message that has four files: each is there once in the end, and right."""
    server = pop3(messages=[corpus.mail("m", [("X-Real-To",
        "abcdef@client1.example, boss@firm.example, anna@example.org, bert@example.org, secret@example.org")])])
    mail.rig.sqlite(rigs.insert("rpop", mail.rig.record(PM, "domain", server, special="X-Real-To")))
    result = mail.rig.once("-K", "deliverer:deliverer." + point, hooks=True)
    assert "died" in result.log or "signal 9" in result.log, "the point was not reached"
    for _ in range(3):
        mail.rig.once()
    assert by_ident(mail.rig) == {(CLIENT, "m"): "abcdef@client1.example", ("example.org/firm", "m"): "boss@firm.example",
        ("example.org/anna", "m"): None, ("example.org/bert", "m"): None, ("example.org/postmaster", "m"): None}
    assert sum(map(len, mail.rig.delivered().values())) == 5
    assert server.box.left() == [] and mail.rig.spooled() == []


def test_both_halves(mail, pop3, pki):
    """
    Another rpopd polls the account and distributes what it finds by the field: every message once, to the right accounts, and nothing
    of what a sender wrote counts.
    """
    messages = [("m%02d" % i, to, [("X-Envelope", to), ("x-real-to", "abcdef@client1.example, forged@client1.example")])
        for i, to in enumerate(["abcdef@client1.example", "xyz@client1.example", "abcdef@client1.example, xyz@client1.example",
            "nobody@client1.example", "xyz@client1.example, anna@example.org"] * 6)]
    mail.poll(pop3(), [(ident, None, headers) for ident, _, headers in messages], special="X-Envelope")
    mail.start()
    other = rigs.Rig(pki)
    try:
        for name in ("postmaster", "abcdef", "xyz", "forged"):
            other.account(name + "@client1.example")
        there = types.SimpleNamespace(host="127.0.0.1", port=mail.port, tls="none")
        other.record("postmaster@client1.example", "isp", there, "client@example.org", "s3cret-client", special="X-Real-To",
            trusted_hop="mx.example.org")
        for _ in range(2):
            assert other.once().code == 0
        want = {}
        for ident, to, _ in messages:
            for name in re.findall(r"(\w+)@client1", to):
                want.setdefault("client1.example/" + (name if name != "nobody" else "postmaster"), []).append(ident)
        assert other.idents() == want
        for d in other.delivered()["client1.example/xyz"]:
            assert b"abcdef" not in d.split(b"\n\n")[0] and b"forged" not in d
        assert mail.view("client@example.org") == {}
    finally:
        other.close()
