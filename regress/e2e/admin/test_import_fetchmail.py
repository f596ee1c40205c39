# SPDX-License-Identifier: ISC
"""
What rpopctl's import makes of a fetchmailrc, against fetchmail itself: what fetchmail --configdump says of the files in
regress/data/fetchmailrc.txt, of some of their parts, and of what a seeded generator makes of their words.  RPOPD_DIFF=N: N times as
many of the latter; RPOPD_SEED: others.  Fetchmail's refusals have to be ours, at the same word, and what becomes a record has to be
one that the store takes.
"""
import ast
import getpass
import os
import random
import re
import shutil
import sqlite3
import subprocess

import pytest

from lib import rig

DRIVE = os.path.join(rig.BUILD, "unit", "import", "drive_import")
SAMPLES = os.path.join(rig.REPO, "regress", "data", "fetchmailrc.txt")
SCALE = int(os.environ.get("RPOPD_DIFF", "1"))
RUNNER = getpass.getuser()		# whose mail and login it is where the file does not say
LOST = ("IMAP", "RPOP", "ETRN", "ODMR", "unknown?!?")
NAMED_PORTS = {"pop3": 110, "pop-3": 110, "pop3s": 995, "imap": 143, "imap2": 143, "imaps": 993}
TOGETHER = ("configuration invalid", "not compiled in", "idle mode does not work", "multiple \"defaults\"")	# what fits the grammar
AUTHS = {"any": None, "password": "user", "cram-md5": "cram-md5", "ntlm": "ntlm", "msn": "msn"}
TLS_MIN = {"tls1.2": "1.2", "tls1.2+": "1.2", "tls1.3": "1.3", "tls1.3+": "1.3"}

pytestmark = pytest.mark.skipif(shutil.which("fetchmail") is None, reason="fetchmail is not installed")


def samples():
    with open(SAMPLES, encoding="ascii") as f:
        parts = re.split(r"^---- (.*)\n", f.read(), flags=re.M)[1:]
    return dict(zip(parts[::2], parts[1::2]))


def fetchmail(tmp_path, text):
    """What fetchmail understands, or the word that it refuses and the line, or None: it refuses what the values mean together."""
    rc = tmp_path / "fetchmailrc"
    rc.touch(0o600)
    rc.write_bytes(text.encode("latin-1"))
    env = {"HOME": str(tmp_path), "LC_ALL": "C", "PATH": os.environ["PATH"]}
    p = subprocess.run(["fetchmail", "-f", str(rc), "--configdump"], env=env, capture_output=True, timeout=60, check=False,
                       stdin=subprocess.DEVNULL)
    err = p.stderr.decode("latin-1")
    if p.returncode != 0:
        m = re.search(r"^fetchmail:%s:(\d+): (syntax error|server option after user options) at (.*?)\n(?:fetchmail:|\Z)"
                      % re.escape(str(rc)), err, re.M | re.S)
        if m is not None:
            return (m.group(3) if m.group(2) == "syntax error" else "server option"), int(m.group(1))
        assert any(words in err for words in TOGETHER), (text, err)
        return ("defaults", 0) if "multiple \"defaults\"" in err else None
    out = p.stdout.decode("latin-1")
    out = out[out.index("fetchmailrc = ") + len("fetchmailrc = "):].replace("TRUE", "True").replace("FALSE", "False")
    out = re.sub(r"""\(("(?:[^"\\]|\\.)*"), (.*?)\)(?=, |\])""", lambda m: "(%s, '''%s''')" % (m.group(1), m.group(2)), out)
    out = out.replace("':[, '*'", "':['*'")
    return ast.literal_eval(out[:out.index("# End of init")])


def ours(tmp_path, text):
    rc = tmp_path / "ours"
    rc.write_bytes(text.encode("latin-1"))
    p = subprocess.run([DRIVE, "fetchmail", str(rc)], capture_output=True, timeout=60, check=False)
    assert p.returncode in (0, 1), (text, p.stderr)
    return p.stdout.decode("latin-1")


def records(told):
    result = []
    for line in told.splitlines():
        if line.startswith("record "):
            result.append(({}, set()))
        elif result and re.match(r"[a-z_]+=", line):
            column, value = line.split("=", 1)
            result[-1][0][column] = None if value == "NULL" else value
        elif result and line.startswith("question "):
            result[-1][1].add(line.split()[2].rstrip(":"))
    return result


def port(server):
    service = server["service"]
    if service is None:
        return None
    if service in NAMED_PORTS:
        return NAMED_PORTS[service]
    return int(service) if re.fullmatch("[0-9]+", service) and 0 < int(service) < 65536 else -1


def want(conf, server, user):
    """Columns, and questions, by what fetchmail has understood."""
    cells, asked = {}, set()
    tls = "tls" if user["ssl"] else "none" if server["protocol"] == "APOP" or user["sslproto"] == "" else "stls"
    if tls == "stls" and user["sslproto"] is None and not user["sslcertck"] and user["sslfingerprint"] is None:
        asked.add("tls")
    else:
        cells["tls"] = tls
    number = port(server)
    host = server["via"] or server["pollname"]
    host = host[:-1] if len(host) > 1 and host.endswith(".") else host
    if server["plugin"] is not None or number == -1 or not re.fullmatch("[a-zA-Z0-9_][a-zA-Z0-9._-]*", host):
        asked.add("domain")
    else:
        cells["domain"] = host if number in (None, 995 if tls == "tls" else 110) else "%s:%d" % (host, number)
    if user["remote"] in (RUNNER, ""):
        asked.add("auth_name")
    else:
        cells["auth_name"] = user["remote"]
    auth = server.get("auth", "external")
    if auth not in AUTHS and server["protocol"] != "APOP":
        asked.add("auth")
    elif server["protocol"] == "APOP" or AUTHS[auth] is not None:
        cells["auth"] = "apop" if server["protocol"] == "APOP" else AUTHS[auth]
    if auth in AUTHS and user["password"]:		# for others fetchmail puts the user's name there
        cells["password"] = user["password"]
    elif auth in AUTHS and server["active"]:
        asked.add("password")
    if server["protocol"] == "auto" and number is None and user["keep"]:
        asked.add("first_poll")
    period = (conf["poll_interval"] if conf["poll_interval"] > 0 else 600) * max(server["interval"], 1)
    cells["period"] = str(max(10, min(period, 31536000))) if server["active"] else None
    cells["leave"] = "1" if user["keep"] else "0"
    if user["keep"] and user["flush"]:
        cells["leave_days"] = "1"
    if user["limit"] > 0:
        cells["max_size"] = str(user["limit"])
    messages = [n for n in (user["fetchlimit"], 0 if user["keep"] else user["expunge"]) if n > 0]
    if messages:
        cells["session_messages"] = str(min(messages + [1000000]))
    owner(server, user, cells, asked)
    if cells.get("tls") in ("tls", "stls"):
        files(user, cells, asked)
    return cells, asked


def owner(server, user, cells, asked):
    names = [n if isinstance(n, str) else n[0] for n in user["localnames"]]
    wild = "*" in names
    names = [n for n in names if n != "*"]
    if not wild and len(names) == 1:
        name = names[0]
        if name == RUNNER:
            asked.add("account")
            return
        if "@" not in name and user["mda"] is None and user["smtpname"] is not None:
            name = user["smtpname"]
        elif "@" not in name and user["mda"] is None and re.fullmatch("[a-z0-9.-]+", user["smtpaddress"] or ""):
            name += "@" + user["smtpaddress"]
        if re.fullmatch(r"[a-z0-9_+=&'-][a-z0-9._+=&'-]*(@[a-z0-9.-]+)?", name.lower()):
            cells["account"] = name.lower()
        else:
            asked.add("account")
        return
    cells["account"] = "postmaster"
    envelope = (server["envelope"] or "*").rstrip(": ")
    if envelope.lower() in ("received", "*", "to", "cc", "bcc"):
        cells["special"] = "*"
    elif re.fullmatch("[!-~]+", envelope):
        cells["special"] = envelope
        cells["special_nth"] = str(max(server["envskip"], 0) + 1)
        if server["qvirtual"]:
            cells["strip_prefix"] = server["qvirtual"]
    else:
        asked.add("special")
    domains = []
    for name in server["localdomains"] + server["aka"]:
        name = name.lower()
        if name not in domains and re.fullmatch("([a-z0-9]([a-z0-9-]*[a-z0-9])?)([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*", name):
            domains.append(name)
    if domains:
        cells["domains"] = " ".join(domains)


def files(user, cells, asked):
    if user["sslproto"] and user["sslproto"].lower() in TLS_MIN:
        cells["tls_min"] = TLS_MIN[user["sslproto"].lower()]
    if user["sslcommonname"]:
        cells["tls_name"] = user["sslcommonname"]
    cert, key = user["sslcert"] or user["sslkey"], user["sslkey"] or user["sslcert"]
    if cert is not None:
        cells["tls_cert"], cells["tls_key"] = cert, key


@pytest.fixture(name="store", scope="module")
def a_store():
    store = sqlite3.connect(":memory:", isolation_level=None)
    with open(os.path.join(rig.REPO, "etc", "rpopd.sql"), encoding="utf-8") as f:
        store.executescript(f.read())
    store.execute("INSERT INTO domain (name) VALUES ('main.example')")
    store.execute("UPDATE settings SET main_domain = 'main.example'")
    return store


ANSWERS = {"account": "anna", "domain": "pop.example.net", "auth_name": "anna", "password": "p", "tls": "stls", "auth": "auto",
           "first_poll": "mark", "special": "X-Original-To", "special_nth": "1", "strip_prefix": "x-", "ca_file": "/f",
           "tls_cert": "/c", "tls_key": "/k"}


def fits(store, text, cells, asked):
    """The store takes the record, whose questions are answered."""
    row = dict(cells, **{column: ANSWERS[column] for column in asked})
    if row["account"].count("@") == 0:
        row["account"] += "@main.example"
    store.execute("BEGIN")
    for domain in set((row.get("domains") or "").split() + [row["account"].split("@")[1]]):
        store.execute("INSERT OR IGNORE INTO domain (name) VALUES (?)", (domain,))
    store.execute("INSERT INTO accounts (address) VALUES (?)", (row["account"],))
    try:
        store.execute("INSERT INTO rpop (%s) VALUES (%s)" % (", ".join(row), ", ".join("?" * len(row))), tuple(row.values()))
    except sqlite3.Error as e:
        raise AssertionError((text, row, str(e))) from e
    store.execute("ROLLBACK")


def compare(tmp_path, store, text):
    """1: a file that both understand, 0: one that both refuse."""
    theirs, told = fetchmail(tmp_path, text), ours(tmp_path, text)
    if theirs is None:
        return 0
    if isinstance(theirs, tuple):
        refused(text, theirs, told)
        return 0
    assert not told.startswith("error"), (text, told)
    wanted = []
    for server in theirs["servers"]:
        if server["protocol"] in LOST or server["service"] == "kpop" or (server["protocol"] == "auto" and port(server) in (143, 993)):
            continue
        wanted += [want(theirs, server, user) for user in server["users"]]
    got = records(told)
    assert len(got) == len(wanted), (text, told)
    for (cells, asked), (ours_cells, ours_asked) in zip(wanted, got):
        fits(store, text, ours_cells, ours_asked)
        different(text, cells, ours_cells, asked, ours_asked)
    return 1


def different(text, cells, ours_cells, asked, ours_asked):
    del ours_cells["name"]
    ours_cells.pop("ca_file", None)		# which --configdump does not tell
    if "auth" in asked:				# nor the password then
        ours_cells.pop("password", None)
        ours_asked.discard("password")
    if "special" in cells and cells["special"] != ours_cells.get("special"):
        assert "special" in ours_asked, (text, cells, ours_cells)	# SDPS, and names that rpopd refuses
        asked.add("special")
        for column in ("special", "special_nth", "strip_prefix"):
            cells.pop(column, None)
    assert cells == ours_cells, text
    assert asked == ours_asked, text


def refused(text, theirs, told):
    word, line = theirs
    m = re.match(r"error (\d+) (.*)", told, re.S)
    assert m is not None, (text, theirs, told)
    if word in ("end of input", "defaults"):
        return
    if word == "server option":			# which fetchmail reads to its end
        assert "it is an option of the server" in m.group(2), (text, told)
        return
    if m.group(2).startswith("the word behind the password"):		# it may be a part of that
        assert int(m.group(1)) == line, (text, theirs, told)
        return
    if "beyond what fetchmail can hold" in m.group(2) or m.group(2).startswith("no, a word"):
        return
    assert m.group(2).replace("\\\\", "\\").startswith(word[:20].split("\n")[0]), (text, theirs, told)
    if text.count("\n") == 0 or not re.search("[\"'][^\"']*\n", text):		# fetchmail does not count line ends in quotes
        assert int(m.group(1)) == line, (text, theirs, told)


def test_samples(tmp_path, store):
    files_ = samples()
    assert len(files_) >= 60
    good = sum(compare(tmp_path, store, text) for text in files_.values())
    assert good >= 40


def test_parts(tmp_path, store):
    """Every file ends too early at some of its words."""
    rng = random.Random("%s parts" % os.environ.get("RPOPD_SEED", "rpopd"))
    for text in samples().values():
        for _ in range(2 * SCALE):
            compare(tmp_path, store, text[:rng.randrange(len(text) + 1)])


def test_words(tmp_path, store):
    """Words of the files in another order, most of them where they might stand."""
    rng = random.Random("%s words" % os.environ.get("RPOPD_SEED", "rpopd"))
    server = """via h|proto pop3|proto IMAP|protocol apop|port 1110|service pop3s|interval 3|auth password|auth any|aka a.b c.d|local x.y|
        localdomains x z.y|envelope X-A|envelope 2 "Y:"|no envelope|noenvelope|qvirtual q-|no dns|nodns|uidl|timeout 5|plugin p|tracepolls|
        bad-header accept|principal p|interface "eth0/192.0.2.1"|with|and|;|,""".replace("\n", "").split("|")
    user = """pass p|password "q r"|keep|nokeep|no keep|fetchall|flush|ssl|no ssl|sslproto tls1.2+|sslproto ''|sslcertck|no sslcertck|
        sslfingerprint 'A'|sslcommonname n.m|sslcert /c|sslkey /k|limit 5|limit 0|fetchlimit 7|expunge 4|is a here|is b|to c d here|
        to * here|is e=f|is g there|mda "m"|smtphost s/25|smtpaddress s.t|smtpname t@u|idle|rewrite|nomimedec|antispam 1 2|folder f|
        wants|options|has|:""".replace("\n", "").split("|")
    wrong = ["here", "there", "=", "no", "12", "keep", "proto pop3", "\"", "'", "#", "\\\n", "user", "dns", "no dns", "b=c"]
    good = 0
    for _ in range(150 * SCALE):
        text = rng.choice(["", "set daemon 77\n", "set no syslog\n", "set postmaster = x\n"])
        for k in range(rng.randrange(1, 4)):
            text += "defaults" if k == 0 and rng.random() < 0.3 else rng.choice(["poll h%d" % k, "skip 'h%d'" % k, "server h%d" % k])
            parts = rng.choices(server, k=rng.randrange(5))
            for j in range(rng.randrange(3) if not text.endswith("defaults") else rng.randrange(2)):
                parts += ["user u%d" % j] + rng.choices(user, k=rng.randrange(7))
            if rng.random() < 0.2:
                parts.insert(rng.randrange(len(parts) + 1), rng.choice(wrong))
            text += "".join(" " + part.strip() for part in parts) + rng.choice(["\n", " # c\n", " "])
        good += compare(tmp_path, store, text)
    assert good >= 50 * SCALE
