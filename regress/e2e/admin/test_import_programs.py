# SPDX-License-Identifier: ISC
"""
What rpopctl's import makes of files of mpop, getmail and fdm, against these programs themselves: mpop -P, getmail --dump and
fdm -nvvv of the files in regress/data and of parts of them, refusals included, and the files of seen unique-ids that they have
written after a session with Dovecot.  RPOPD_DIFF=N: N times as many parts; RPOPD_SEED: others.
"""
import os
import pathlib
import poplib
import random
import re
import shutil
import sqlite3
import subprocess

import pytest

from lib import getmail, rig

DRIVE = os.path.join(rig.BUILD, "unit", "import", "drive_import")
SCALE = int(os.environ.get("RPOPD_DIFF", "1"))
DATA = os.path.join(rig.REPO, "regress", "data")

pytestmark = pytest.mark.skipif(None in map(shutil.which, ("mpop", "getmail", "fdm")), reason="mpop, getmail or fdm is missing")


def samples(name):
    with open(os.path.join(DATA, name), encoding="ascii") as f:
        parts = re.split(r"^---- (.*)\n", f.read(), flags=re.M)[1:]
    return [pytest.param(title, text, id=title) for title, text in zip(parts[::2], parts[1::2])]


def run(argv, home, **kwargs):
    env = {"HOME": str(home), "LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]}
    return subprocess.run(argv, env=env, cwd=str(home), capture_output=True, timeout=120, check=False, stdin=subprocess.DEVNULL,
                          **kwargs)


def write(path, text):
    path.touch(0o600)
    path.write_text(text)
    return str(path)


class Told:
    """What drive_import tells of a file."""
    def __init__(self, name, path, *seen):
        p = subprocess.run([DRIVE, name, path, *seen], capture_output=True, timeout=60, check=False)
        assert p.returncode in (0, 1), p.stderr
        self.text = p.stdout.decode()
        m = re.match(r"error (\d+) ", self.text)
        self.error = int(m.group(1)) if m else None
        self.records, self.asked, self.seen = [], [], []
        for line in self.text.splitlines():
            if line.startswith("record "):
                self.records.append({})
                self.asked.append(set())
                self.seen.append([])
            elif self.records and re.match(r"[a-z_]+=", line):
                column, value = line.split("=", 1)
                self.records[-1][column] = None if value == "NULL" else value
            elif self.records and line.startswith("question "):
                self.asked[-1].add(line.split()[2].rstrip(":"))
            elif line.startswith("seen "):
                self.seen[-1].append(line[5:])


@pytest.fixture(name="fits", scope="module")
def fits_():
    """The store takes a record, whose questions are answered."""
    store = sqlite3.connect(":memory:", isolation_level=None)
    with open(os.path.join(rig.REPO, "etc", "rpopd.sql"), encoding="utf-8") as f:
        store.executescript(f.read())
    store.execute("INSERT INTO domain (name) VALUES ('main.example')")
    store.execute("INSERT INTO account (name, domain) VALUES ('postmaster', 'main.example')")
    store.execute("UPDATE settings SET main_domain = 'main.example'")
    answers = {"domain": "pop.example.net", "auth_name": "anna", "password": "p", "tls": "stls", "auth": "auto", "max_size": "1000",
               "special": "X-Original-To"}

    def fits(told):
        for cells, asked in zip(told.records, told.asked):
            row = dict(cells, account="postmaster@main.example", **{column: answers[column] for column in asked - {"account"}})
            store.execute("BEGIN")
            store.execute("INSERT INTO rpop (%s) VALUES (%s)" % (", ".join(row), ", ".join("?" * len(row))), tuple(row.values()))
            store.execute("ROLLBACK")
    return fits


def domain(host, port, tls):
    host = "[%s]" % host if ":" in host else host
    return host if port == (995 if tls == "tls" else 110) else "%s:%d" % (host, port)


def expect(text, cells, wanted):
    assert {column: cells.get(column) for column in wanted} == wanted, text


@pytest.mark.parametrize("name,text", samples("mpoprc.txt"))
def test_mpop(tmp_path, fits, name, text):
    rc = write(tmp_path / "mpoprc", text.replace("\n", "\r\n") if name == "crlf" else text)
    told = Told("mpop", rc)
    p = run(["mpop", "-P", "-C", rc, "--", "no such account"], tmp_path)
    err = p.stderr.decode()
    if "no account no such account" not in err:
        m = re.search(r": line (\d+)", err)
        assert told.error == int(m.group(1)), (err, told.text)
        return
    assert told.error is None, told.text
    fits(told)
    for cells, asked in zip(told.records, told.asked):
        p = run(["mpop", "-P", "-C", rc, "--", cells["name"]], tmp_path)
        if p.returncode != 0:
            assert re.search("requires|no delivery", p.stderr.decode()), p.stderr
            continue
        theirs = dict(line.split(" = ", 1) for line in p.stdout.decode().splitlines()[1:])
        mpop_compare(text, cells, asked, theirs)


def mpop_compare(text, cells, asked, theirs):
    tls = "none" if theirs["tls"] == "off" else "stls" if theirs["tls_starttls"] == "on" else "tls"
    wanted = {"tls": tls, "domain": domain(theirs["host"], int(theirs["port"]), tls), "leave": "01"[theirs["keep"] == "on"]}
    user = theirs["user"]
    if user != "(not set)":
        wanted["auth_name"] = user + ("@" + theirs["ntlmdomain"] if theirs["auth"] == "NTLM" else "")
    assert ("auth_name" in asked) == (user == "(not set)")
    wanted["auth"] = theirs["auth"].lower() if theirs["auth"] != "choose" else "scram-sha-256" if tls == "none" else None
    assert ("password" in cells) == (theirs["password"] == "*" and theirs["passwordeval"] == "(not set)")
    assert ("password" in asked) == ("password" not in cells)
    sizes = [int(theirs[word]) for word in ("killsize", "skipsize") if theirs[word] != "off"]
    wanted["max_size"] = str(min(sizes) - 1) if sizes and 1 < min(sizes) <= 2147483648 else None
    pin = theirs["tls_fingerprint"].replace(":", "").lower()
    wanted["tls_pins"] = pin if tls != "none" and len(pin) == 64 else None
    wanted["tls_name"] = theirs["tls_host_override"] if theirs["tls_host_override"] != "(not set)" else None
    trust = theirs["tls_trust_file"]
    own = tls != "none" and trust.startswith("/") and "ca-certificates" not in trust and theirs["tls_fingerprint"] == "(not set)"
    wanted["ca_file"] = trust if own and theirs["tls_certcheck"] == "on" else None
    for column, word in (("tls_cert", "tls_cert_file"), ("tls_key", "tls_key_file")):
        wanted[column] = theirs[word] if tls != "none" and theirs[word] != "(not set)" else None
    expect(text, cells, wanted)


def getmail_files(tmp_path):
    for d in ("Maildir", "Maildir/cur", "Maildir/new", "Maildir/tmp"):
        (tmp_path / d).mkdir()
    for f in ("mbox", "ca.pem"):
        (tmp_path / f).touch()


@pytest.mark.parametrize("name,text", samples("getmailrc.txt"))
def test_getmail(tmp_path, fits, name, text):
    getmail_files(tmp_path)
    rc = write(tmp_path / "rc", text.replace("@DIR@", str(tmp_path)))
    told = Told("getmail", rc)
    p = run(["getmail", "--getmaildir", str(tmp_path), "-r", rc, "--dump"], tmp_path)
    out = p.stdout.decode()
    if p.returncode != 0 or "Error initializing" in p.stderr.decode():
        if name == "fingerprint-short":
            return				# which getmail finds when it connects
        assert told.error is not None, (out, p.stderr, told.text)
        return
    if name == "fingerprint-short":
        assert told.error is not None
        return
    assert told.error is None, (told.text, out)
    fits(told)
    m = re.search(r"retriever: +(\w+)\((.*)\)$", out, re.M)
    theirs = dict(re.findall(r'(\w+)="(.*?)"(?:, |$)', m.group(2)))
    options = dict(re.findall(r"^    (\w+) : (.*)$", out, re.M))
    if "IMAP" in m.group(1):
        assert not told.records
        return
    getmail_compare(text, told.records[0], told.asked[0], m.group(1), theirs, options)


def getmail_compare(text, cells, asked, kind, theirs, options):
    tls = "tls" if "SSL" in kind else "none"
    wanted = {"tls": tls, "domain": domain(theirs["server"], int(theirs["port"]), tls), "auth_name": theirs["username"],
              "auth": "apop" if theirs["use_apop"] == "True" else None}
    assert ("password" in asked) == ("password" not in cells)
    assert ("password" in cells) == bool(re.search(r"^\s*password =", text[text.index("[retriever]"):], re.M))
    wanted["leave"] = "01"[options["delete"] == "False"]
    for column, word in (("max_size", "max_message_size"), ("session_messages", "max_messages_per_session"),
                         ("session_octets", "max_bytes_per_session"), ("leave_days", "delete_after")):
        wanted[column] = options[word] if options[word] != "0" and (word != "delete_after" or wanted["leave"] == "1") else None
    if "Multidrop" in kind and "SDPS" not in kind:
        field, _, nth = theirs["envelope_recipient"].partition(":")
        wanted.update(account="postmaster", special=field, special_nth=nth or "1")
    if tls == "tls":
        none = ("None", "()", None)
        for column, word in (("ca_file", "ca_certs"), ("tls_cert", "certfile"), ("tls_key", "keyfile"),
                             ("tls_ciphers", "ssl_ciphers"), ("tls_name", "ssl_cert_hostname")):
            wanted[column] = None if theirs.get(word) in none else theirs[word]
        pins = [pin.replace(":", "").lower() for pin in re.findall(r"'([0-9a-fA-F:]+)'", theirs["ssl_fingerprints"])]
        wanted["tls_pins"] = " ".join(pins) or None
    expect(text, cells, wanted)


@pytest.mark.parametrize("name,text", samples("fdmconf.txt"))
def test_fdm(tmp_path, fits, name, text):
    rc = write(tmp_path / "fdm.conf", text)
    told = Told("fdm", rc)
    p = run(["fdm", "-f", rc, "-nvvv"], tmp_path)
    out = p.stdout.decode() + p.stderr.decode()
    if p.returncode != 0:
        assert told.error is not None, (out, told.text)
        return
    assert told.error is None, (told.text, out)
    fits(told)
    found = re.findall(r'^added account "(.*?)":(?: users=(.*?))? fetch=(pop3s?) server "(.*?)" port (\S+) user "(.*?)"$', out,
                       re.M)
    if "old-only" in text:
        found = []
    assert len(found) == len(told.records), (told.text, out)
    for (account, users, kind, host, port, user), cells, asked in zip(found, told.records, told.asked):
        tls = "tls" if kind == "pop3s" else "stls" if "starttls" in text else "none"
        number = {"pop3": 110, "pop3s": 995}.get(port) or int(port)
        assert cells["tls"] == tls and cells["name"] == account, (text, told.text)
        assert cells["domain"] == domain(host, number, tls) if "domain" not in asked else "%(" in text, told.text
        assert cells["auth_name"] == user if "auth_name" not in asked else "$(" in text, told.text
        if users:
            assert cells["account"] == users.split('"')[1], told.text
        keep = re.search(r"\bkeep\b", text) is not None
        assert len(found) > 1 or cells["leave"] == "01"[keep], told.text


def parts(name, times=3):
    """Every file ends too early, somewhere."""
    rng = random.Random("%s %s" % (os.environ.get("RPOPD_SEED", "rpopd"), name))
    texts = [sample.values[1] for sample in samples(name)]
    return [text[:rng.randrange(len(text) + 1)] for text in texts for _ in range(times * SCALE)]


def test_parts_mpop(tmp_path):
    refused = 0
    for text in parts("mpoprc.txt"):
        rc = write(tmp_path / "rc", text)
        told, err = Told("mpop", rc), run(["mpop", "-P", "-C", rc, "--", "no such account"], tmp_path).stderr.decode()
        m = re.search(r": line (\d+)", err)
        assert told.error == (int(m.group(1)) if m else None), (text, err, told.text)
        refused += m is not None
    assert refused >= 15


def test_parts_getmail(tmp_path):
    getmail_files(tmp_path)
    refused = 0
    for text in parts("getmailrc.txt", 1):
        rc = write(tmp_path / "rc", text.replace("@DIR@", str(tmp_path)))
        told, p = Told("getmail", rc), run(["getmail", "--getmaildir", str(tmp_path), "-r", rc, "--dump"], tmp_path)
        bad = p.returncode != 0 or b"Error initializing" in p.stderr
        refused += bad
        # files and directories, which are not looked at here
        if not re.search("Maildir|path|ssl_fing|must end|does not exist", text[-60:] + p.stderr.decode()):
            assert (told.error is not None) == bad, (text, p.stderr, told.text)
    assert refused >= 25


def test_parts_fdm(tmp_path):
    refused = 0
    for text in parts("fdmconf.txt"):
        rc = write(tmp_path / "rc", text)
        told, p = Told("fdm", rc), run(["fdm", "-f", rc, "-nvvv"], tmp_path)
        if ".netrc" not in p.stderr.decode():		# which fdm reads while it parses
            assert (told.error is not None) == (p.returncode != 0), (text, p.stderr, told.text)
        refused += p.returncode != 0
    assert refused >= 50


def uids(server, user, password):
    pop = poplib.POP3("127.0.0.1", server.port)
    pop.user(user)
    pop.pass_(password)
    listed = [line.split()[1].decode() for line in pop.uidl()[1]]
    pop.quit()
    return sorted(listed)


@pytest.fixture(name="mailbox")
def a_mailbox(dovecot_server):
    user = "import%d" % os.getpid() + os.urandom(4).hex()
    password = dovecot_server.add_user(user)
    for i in range(5):
        dovecot_server.add(user, b"From: a@example.net\nSubject: %d\n\ntext\n" % i)
    return dovecot_server, user, password


@pytest.fixture(name="home")
def a_home():
    """A directory of nobody's with a Maildir, since getmail and fdm do less as root."""
    home = pathlib.Path(rig.scratch("rpim."))
    for d in ("Maildir", "Maildir/cur", "Maildir/new", "Maildir/tmp"):
        (home / d).mkdir()
    yield home
    shutil.rmtree(home)


def fetch(home, argv):
    for path in (home, *home.rglob("*")):
        shutil.chown(path, "nobody", "nogroup")
    p = run(argv, home, user="nobody", group="nogroup", extra_groups=[])
    assert p.returncode == 0, (p.stdout, p.stderr)
    assert len(os.listdir(home / "Maildir" / "new")) >= 5


def test_seen_mpop(home, mailbox):
    server, user, password = mailbox
    other = server.add_user(user + "x")
    server.add(user + "x", b"Subject: other\n\ntext\n")
    rc = write(home / "rc", "defaults\nhost 127.0.0.1\nport %d\nkeep on\nauth user\n"
               "delivery maildir %s/Maildir\nuidls_file %s/uidls\n"
               "account a\nuser %s\npassword %s\naccount b\nuser %sx\npassword %s\n"
               % (server.port, home, home, user, password, user, other))
    fetch(home, ["mpop", "-q", "-C", rc, "-a"])
    told = Told("mpop", rc, str(home / "uidls"))
    assert sorted(told.seen[0]) == uids(server, user, password) and len(told.seen[0]) == 5
    assert told.seen[1] == uids(server, user + "x", other)


def test_seen_getmail(home, mailbox):
    server, user, password = mailbox
    rc = write(home / "rc", "[retriever]\ntype = SimplePOP3Retriever\nserver = 127.0.0.1\nport = %d\nusername = %s\npassword = %s\n"
               "[destination]\ntype = Maildir\npath = %s/Maildir/\n[options]\nread_all = no\n"
               % (server.port, user, password, home))
    fetch(home, [*getmail.ARGV, "--getmaildir", str(home), "-r", rc])
    seen = [f for f in os.listdir(home) if f.startswith("oldmail-")]
    assert seen == ["oldmail-127.0.0.1-%d-%s" % (server.port, user)]
    told = Told("getmail", rc, str(home / seen[0]))
    assert sorted(told.seen[0]) == uids(server, user, password) and len(told.seen[0]) == 5
    other = shutil.copy(home / seen[0], home / "oldmail-127.0.0.1-110-x")
    assert Told("getmail", rc, str(other)).error == 0


def test_seen_fdm(home, mailbox):
    server, user, password = mailbox
    rc = write(home / "fdm.conf", 'set lock-file "%s/lock"\naction "in" maildir "%s/Maildir"\n'
               'account "a" pop3 server "127.0.0.1" port %d user "%s" pass "%s" new-only cache "%s/cache" no-apop keep\n'
               'account "b" disabled pop3 server "h" user "u" pass "p" new-only cache "/b"\nmatch all action "in"\n'
               % (home, home, server.port, user, password, home))
    fetch(home, ["fdm", "-f", rc, "-a", "a", "fetch"])
    told = Told("fdm", rc, str(home / "cache"))
    assert sorted(told.seen[0]) == uids(server, user, password) and len(told.seen[0]) == 5
    assert told.seen[1] == []
