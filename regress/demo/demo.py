# SPDX-License-Identifier: ISC
"""
The demo: a private Dovecot on loopback with three mailboxes, a scratch store made from demo.sql, one daemon that retrieves and
distributes everything, and popd, from which curl reads an account over TLS.  Exits 0 only if every message is exactly once where
it belongs, and unchanged, and all of the account's come out of popd.
"""
import collections
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))
from lib import corpus, rig as rigs  # noqa: E402
from lib.pki import Pki  # noqa: E402
from servers.dovecot import Dovecot  # noqa: E402

SUBJECTS = ["Offer 2024-117", "Re: meeting on Thursday", "Invoice 4711", "Backup report", "Welcome to the list", "Delivery note",
    "Holiday plans", "Re: Re: contract", "Server maintenance", "Lunch?"]
SECONDS = 180		# a bound for hangs


def say(text=""):
    print(text, flush=True)


def step(text):
    say("\n== " + text)


def daily(prefix, n, field, who):
    """n ordinary letters for the local parts who in turn."""
    for i in range(n):
        to = who[i % len(who)]
        ident = "%s-daily-%02d" % (prefix, i)
        yield ident, corpus.mail(ident, [("Subject", SUBJECTS[i % len(SUBJECTS)]), (field, to + "@example.org")]), {to}


def awkward(prefix, names, headers=b""):
    wires = corpus.awkward(prefix + "-")
    return [(prefix + "-" + n, headers + wires[n], {"anna"}) for n in names]


def mailboxes():
    """[(user, password, special or None, [(ident, wire, local parts)])]"""
    a = corpus.unified_field("a-") + list(daily("a", 12, "X-Real-To", ["anna", "bert", "info"]))
    a += awkward("a", ["eightbit", "dots", "big", "folded", "longline"], b"X-Real-To: anna\r\n")
    b = corpus.unified_star("b-") + list(daily("b", 9, "To", ["info", "bert", "anna"]))
    c = awkward("c", ["plain", "eightbit", "dots", "nullsender", "returnpaths", "headeronly"]) + list(daily("c", 6, "To", ["anna"]))
    c.append(("c-nofinal", corpus.mail("c-nofinal", body=b"There is no newline at the end of this"), {"anna"}))
    return [("example.org", "pass-unified", "X-Real-To", a), ("all@example.org", "pass-old", "*", b),
        ("anna@provider.example", "pass-anna", None, c)]


def wanted(boxes):
    """Counter of (directory, octets below the prologue)."""
    want = collections.Counter()
    for _, _, special, mails in boxes:
        for ident, wire, who in mails:
            data = corpus.expected(wire, special)
            data += b"" if data.endswith(b"\n") else b"\n"
            for w in who:
                want["example.org/" + w + ("" if special else "/.Private"), data] += 1
    return want


def found(rig):
    return collections.Counter((where, corpus.split_prologue(d)[3]) for where, data in rig.delivered().items() for d in data)


def count(rig):
    """Files in all new/ directories, without reading them."""
    return sum(len(files) for top, _, files in os.walk(rig.mail) if os.path.basename(top) == "new")


def compare(want, have):
    """Complaints, one per message that is missing, doubled or in a wrong place."""
    for key in sorted(set(want) | set(have)):
        if want[key] != have[key]:
            yield "%s in %s: %d wanted, %d there" % (corpus.ident_of(key[1]), key[0], want[key], have[key])


def tree(rig):
    for top, dirs, files in sorted(os.walk(rig.mail)):
        dirs.sort()
        if os.path.basename(top) == "new":
            say("  %-42s %3d messages" % (os.path.relpath(top, rig.mail) + "/", len(files)))
            for name in sorted(files)[:2]:
                say("      " + name)
            if len(files) > 2:
                say("      ...")


def progress(rig, total):
    """Show the count until everything is there; no new line where nothing moved."""
    shown, deadline = -1, time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        n = count(rig)
        if n != shown:
            say("   delivered: %3d of %d" % (n, total))
            shown = n
        if n >= total:
            return
        time.sleep(0.1)
    say("   gave up after %d s" % SECONDS)


def settled(rig):
    """No session is running any more, so that nothing can still arrive."""
    rigs.wait_for(lambda: not rig.spooled() and all(s in ("idle", "disabled") for s in states(rig)), "the sessions to end", SECONDS)


def states(rig):
    return [r["state"] for r in rig.status()["records"]]


def show_message(rig):
    for data in rig.delivered()["example.org/anna"]:
        if corpus.ident_of(data) == "a-two":
            for line in data.split(b"\n\n")[0].decode().splitlines():
                say("   " + line)


def read(rig):
    """Anna gets a password, the daemon a listener, and curl her mail.  Complaints, one per message that does not come, or not as it is."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    for words in (["account", "password", "anna@example.org"], ["listener", "add", "127.0.0.1", str(port),
            "cert=" + rig.pki.path("good.pem"), "key=" + rig.pki.path("good.key")]):
        say("   rpopctl " + " ".join(words))
        rig.ctl(*words, typed="anna's password\n")
    rigs.wait_for(lambda: all(name + " ready" in rig.log() for name in ("popd", "auth", "mailbox")), "popd", SECONDS)
    url = "pop3s://localhost:%d/" % port
    listing = curl(rig, url).split()
    say("   curl %s\n      %d messages, %d octets" % (url, len(listing) // 2, sum(int(n) for n in listing[1::2])))
    mine = collections.Counter(d.replace(b"\r\n", b"\n") for d in rig.delivered()["example.org/anna"])
    got = collections.Counter(curl(rig, url + n.decode()).replace(b"\r\n", b"\n") for n in listing[0::2])
    say("   curl %s1 ... %d\n      all as they lie in the Maildir" % (url, len(listing) // 2))
    for data in (mine - got) + (got - mine):
        yield "popd and the Maildir differ in " + str(corpus.ident_of(data))


def curl(rig, url):
    """What curl prints, who reads the password from its standard input."""
    return subprocess.run(["curl", "-sS", "-K", "-", "--cacert", rig.pki.path("ca.pem"), url], check=True, timeout=SECONDS,
        input=b'user = "anna@example.org:anna\'s password"\n', stdout=subprocess.PIPE).stdout


def demo(rig, server):
    boxes = mailboxes()
    want = wanted(boxes)
    for user, password, _, mails in boxes:
        server.add_user(user, password)
        for _, wire, _ in mails:
            server.add(user, wire)
    step("A private Dovecot on 127.0.0.1: POP3 with STLS on port %d, POP3S on port %d" % (server.port, server.sport))
    for user, _, special, mails in boxes:
        say("   %-22s %3d messages, %s" % (user, len(mails), {"X-Real-To": "with X-Real-To", "*": "to be split by To, Cc, Bcc",
            None: "personal, left on the server"}[special]))
    step("The store: rpopctl init, and this SQL")
    with open(os.path.join(HERE, "demo.sql")) as f:
        sql = f.read()
    for name, value in (("MAIL", rig.mail), ("CERTS", rig.pki.certs), ("POP3S", server.sport), ("POP3", server.port)):
        sql = sql.replace("@%s@" % name, str(value))
    say("".join("   " + line + "\n" for line in sql.splitlines()))
    rig.sql = lambda: [sql]
    rig.write_db()
    step("rpopd starts and polls; %d deliveries are due" % sum(want.values()))
    daemon = rig.start()
    progress(rig, sum(want.values()))
    settled(rig)
    step("A second poll: what was left on the server does not come again")
    polls = sum(r["polls"] for r in rig.status()["records"])
    rig.ctl("poll", "all")
    rigs.wait_for(lambda: sum(r["polls"] for r in rig.status()["records"]) >= polls + 3, "the second polls", SECONDS)
    settled(rig)
    step("rpopctl status")
    say(rig.ctl("status").log)
    step("Delivered, below the mail root")
    tree(rig)
    step("The header of one message that went to anna and bert")
    show_message(rig)
    step("Anna reads her mail over POP3")
    complaints = list(read(rig))
    daemon.stop()
    complaints += compare(want, found(rig))
    left = [len(server.messages(user)) for user, _, _, _ in boxes]
    if left != [0, 0, len(boxes[2][3])]:
        complaints.append("messages left on the server: %s" % left)
    for c in complaints:
        say("WRONG: " + c)
    if complaints:
        say(daemon.log())
        return 1
    step("%d messages, %d deliveries: each exactly once, in the right place, unchanged" % (sum(len(b[3]) for b in boxes),
        sum(want.values())))
    return 0


def interrupted(signum, frame):
    raise SystemExit(128 + signum)


def run(show):
    """show(rig, Dovecot) with a scratch installation and a private Dovecot, which are gone afterwards; returns an exit status."""
    if os.getuid() != 0:
        sys.exit("demo: needs root (three users, chroot)")
    for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, interrupted)
    directory = rigs.scratch("rpdemo.")
    server = rig = None
    code = 1
    try:
        pki = Pki(os.path.join(directory, "ca"))
        os.mkdir(os.path.join(directory, "dovecot"), 0o755)
        server = Dovecot(os.path.join(directory, "dovecot"), pki)
        rig = rigs.Rig(pki)
        code = show(rig, server)
    except (AssertionError, OSError, subprocess.SubprocessError, KeyError) as e:
        say("FAILED: %s" % e)
        say(rig.log() if rig else "")
    finally:
        for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(s, signal.SIG_IGN)
        try:
            if rig:
                rig.close()
        finally:
            if server:
                server.stop()
            shutil.rmtree(directory, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(run(demo))
