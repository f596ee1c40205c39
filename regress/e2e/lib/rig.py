# SPDX-License-Identifier: ISC
"""
One scratch installation of the program under test: stores, mail root, run directory; runs it once or as a daemon, and reads back
what it did.  Everything started here is stopped by process id in close().
"""
import array
import itertools
import json
import os
import pwd
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time

from . import corpus

REPO = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
BUILD = os.path.abspath(os.environ.get("RPOPD_BUILD", os.path.join(REPO, "build")))
HOOKS = os.path.join(BUILD, "test")
USERS = {"rpopd": "root", "dialer": "_rpopd", "fetcher": "_rpopf", "deliverer": "_rpopm", "oauth": "_rpopo",
    "sender": "_rpops", "auth": "_rpopa", "mailbox": "_rpopm", "popd": "_rpopl", "web": "_rpopw", "signer": "_rpopk"}
PATIENCE = float(os.environ.get("RPOPD_PATIENCE", "90"))	# s; a bound for hangs, never a measure
SANITIZED = "ASAN_OPTIONS" in os.environ		# several times as slow and as large, and without the filter of system calls
FILTERED = 0 if SANITIZED else 2			# "Seccomp" of a process's status
TRACES = os.environ.get("RPOPD_TRACE")	# a directory: every system call is written down there, one file a process (make trace)


def scratch(prefix="rp."):
    """A new directory that servers under other uids can reach; the caller removes it."""
    path = tempfile.mkdtemp(prefix=prefix)
    os.chmod(path, 0o755)
    return path


def wait_for(condition, what, timeout=PATIENCE):
    """The first true value of condition(); fails after timeout."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("waited %d s in vain for: %s" % (timeout, what))
        time.sleep(0.03)


# What a template forks.
FORKS = {"template": "session", "oauth": "request", "sender": "connection", "auth": "verification", "popd": "pop", "mailbox": "box", "web": "page"}


def traced(argv):
    """argv, so that its system calls and those of its children are written down if that is wanted; the process keeps its number."""
    if TRACES is None:
        return argv
    name = os.path.join(tempfile.mkdtemp(prefix="t.", dir=TRACES), "trace")
    return ["strace", "-D", "-qq", "-ff", "-s", "96", "-e", "signal=none", "-e", "raw=!execve", "-o", name, "--"] + argv


def quote(value):
    if value is None:
        return "NULL"
    if isinstance(value, (int, float)):
        return str(int(value))
    return "'" + str(value).replace("'", "''") + "'"


def insert(table, row):
    return "INSERT INTO %s (%s) VALUES (%s);" % (table, ", ".join(row), ", ".join(quote(v) for v in row.values()))


def wire(data):
    """Octets with CRLF for each end of a line: what W says in the name of a file, and Dovecot calls its virtual size."""
    return len(data) + len(re.findall(rb"(?<!\r)\n", data))


def sizes(name):
    """(S, W) of a delivered file's name; None: it has not both of them, as those of older versions."""
    m = re.search(r",S=(\d+),W=(\d+)(?::2,[A-Za-z]*)?\Z", name)
    return tuple(map(int, m.groups())) if m else None


def read_proc(pid, name):
    try:
        with open("/proc/%d/%s" % (pid, name)) as f:
            return f.read()
    except OSError:
        return None


def memory(pid):
    """
    All that the process could write to and has: heap, stack, data; no page that it never touched, of which a sanitizer has terabytes.
    Nothing, if the process has ended.
    """
    page = os.sysconf("SC_PAGE_SIZE")
    found = []
    try:
        with open("/proc/%d/smaps" % pid) as smaps, open("/proc/%d/pagemap" % pid, "rb", 0) as pagemap, \
                open("/proc/%d/mem" % pid, "rb", 0) as mem:
            for start, end in re.findall(r"^([0-9a-f]+)-([0-9a-f]+) rw.*\n(?:\w+: .*\n)*?Rss: +[1-9]", smaps.read(), re.M):
                start, end = int(start, 16), int(end, 16)
                if end - start > 256 << 20:
                    continue
                pagemap.seek(start // page * 8)
                pages = array.array("Q", pagemap.read((end - start) // page * 8))
                for there, run in itertools.groupby(enumerate(pages), lambda x: x[1] >> 62 != 0):
                    if there:
                        run = list(run)
                        mem.seek(start + run[0][0] * page)
                        found.append(mem.read(len(run) * page))
    except (FileNotFoundError, ProcessLookupError):
        return b""
    return b"\0".join(found)


def parent_of(pid):
    m = re.search(r"^PPid:\s+(\d+)", read_proc(pid, "status") or "", re.M)
    return int(m.group(1)) if m else None


def alive(pid):
    status = read_proc(pid, "status")
    return status is not None and not re.search(r"^State:\s+[ZX]", status, re.M)


class Result:
    def __init__(self, code, log):
        self.code, self.log = code, log


class Daemon:
    """A running rpopd; its log goes to a file."""

    def __init__(self, rig, argv):
        self.rig = rig
        self.logfile = os.path.join(rig.dir, "log.%d" % len(rig.runs))
        self.children = set()
        with open(self.logfile, "wb") as out:
            self.proc = subprocess.Popen(traced(argv), stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd="/",
                start_new_session=True, preexec_fn=rig.before)
        self.pid = self.proc.pid
        rig.runs.append(self)

    def log(self):
        with open(self.logfile, errors="replace") as f:
            return f.read()

    def processes(self):
        """{role: [pid, ...]} of everything alive below this master; a session is a fetcher whose parent is a fetcher, and so with FORKS."""
        found = {"rpopd": [self.pid], "dialer": [], "template": [], "session": [], "deliverer": [], "oauth": [], "request": [],
            "sender": [], "connection": [], "auth": [], "verification": [], "popd": [], "pop": [], "mailbox": [], "box": [],
            "signer": [], "web": [], "page": []}
        below, family, queue = {self.pid: "rpopd"}, {}, [self.pid]
        for pid in sorted(int(p) for p in os.listdir("/proc") if p.isdigit()):
            family.setdefault(parent_of(pid), []).append(pid)
        while queue:			# a child's number may be the lower one: they begin anew at some time
            parent = queue.pop(0)
            children = family.pop(parent, [])
            queue += children
            self.below(parent, children, below, found)
        return found

    def below(self, parent, pids, below, found):
        """Note the roles of one process's children."""
        for pid in pids:
            if parent not in below or not alive(pid):
                continue
            argv = (read_proc(pid, "cmdline") or "").split("\0")[0]
            name = os.path.basename(argv.split(" ")[0].rstrip(":"))
            if below[parent] in FORKS:
                name = FORKS[below[parent]]
            elif name == "fetcher":
                name = "template"
            if name in found:
                found[name].append(pid)
                below[pid] = name
                self.children.add(pid)

    def one(self, role):
        """The pid of the only process of this role, once it is there."""
        return wait_for(lambda: self.processes()[role], "a %s process" % role)[0]

    def ready(self):
        """Every process that a session needs is there; returns the daemon."""
        wait_for(lambda: all(child + " ready" in self.log() for child in ("dialer", "fetcher", "deliverer")), "the processes")
        return self

    def wait(self, timeout=PATIENCE):
        return self.proc.wait(timeout)

    def running(self):
        return self.proc.poll() is None

    def stop(self, sig=signal.SIGTERM, timeout=PATIENCE):
        """Returns the exit status; every process below is gone afterwards."""
        if self.running():
            self.processes()
            self.proc.send_signal(sig)
        try:
            code = self.proc.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("rpopd did not stop on signal %d; log:\n%s" % (sig, self.log()))
        self.orphans_gone()
        return code

    def orphans_gone(self):
        wait_for(lambda: not [p for p in self.children if self.ours(p)], "the children to leave", 30)

    def ours(self, pid):
        """A process of the build under test, and alive: its number may have been given to another program."""
        try:
            return os.readlink("/proc/%d/exe" % pid).startswith(BUILD + "/") and alive(pid)
        except OSError:
            return False

    def kill(self):
        """Everything that is left of it.  Children of a master that has ended have another parent, and are known or not to be found."""
        if self.running():
            self.processes()
        for pid in [self.pid] + list(self.children):
            if pid == self.pid and self.running() or self.ours(pid):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        self.proc.wait(30)


class Rig:
    """settings, accounts and records are plain dicts of columns; write_db() turns them into rpopd.db with sqlite3's own dialect."""

    before = None		# called in the process that becomes the daemon

    def __init__(self, pki, **settings):
        self.pki = pki
        self.dir = scratch()
        self.mail = os.path.join(self.dir, "mail")
        self.run = os.path.join(self.dir, "run")
        self.db = os.path.join(self.dir, "rpopd.db")
        self.statedb = os.path.join(self.dir, "state.db")
        self.runs = []
        self.libexec = None     # where other programs than those just built are
        self.old = set()	# names of files that are a test's own, as older versions made them: without sizes
        owner = pwd.getpwnam("_rpopm")
        os.mkdir(self.mail, 0o700)
        os.chown(self.mail, owner.pw_uid, owner.pw_gid)
        os.mkdir(self.run, 0o755)
        self.settings = {"mail_root": self.mail, "ca_dir": pki.certs, "hostname": "rig.test", "self_poll": 1}
        self.settings.update(settings)
        self.verbose = ["-v"]
        self.accounts, self.aliases, self.clients, self.records, self.nexthops = [], [], [], [], []

    # --- configuration ---
    def account(self, address, aliases=()):
        """A local account; the first one's domain is the main domain.  Aliases are full addresses."""
        self.accounts.append(address)
        self.aliases += [(a, address) for a in aliases]
        return address

    def record(self, owner, name, server, user="user", password="s3cret-word", **columns):
        """A row of rpop for a Pop3Server or Dovecot; returns the dict, which may be changed before write_db()."""
        tls = columns.setdefault("tls", getattr(server, "tls", "tls"))
        port = server.sport if tls == "tls" and hasattr(server, "sport") else server.port
        row = {"account": owner, "name": name, "domain": "%s:%d" % (columns.pop("host", server.host), port),
            "auth_name": user, "password": password, "period": 3600, "leave": 0}
        row.update(columns)
        self.records.append(row)
        return row

    def client(self, name, idp, **columns):
        """A row of oauth_client for an Idp."""
        row = {"name": name, "token_url": idp.url(), "client_id": "rig-client"}
        row.update(columns)
        self.clients.append(row)
        return row

    def nexthop(self, name, server, **columns):
        """A row of nexthop for an SmtpServer or another; returns the dict.  Its id is its place, from 1."""
        row = {"id": len(self.nexthops) + 1, "name": name, "protocol": server.protocol, "address": server.address, "timeout": 30}
        row.update(columns)
        self.nexthops.append(row)
        return row

    def sql(self):
        """The statements an administrator would type."""
        rows = [insert("nexthop", n) for n in self.nexthops]
        rows += [insert("accounts", {"address": a}) for a in self.accounts]
        rows += [insert("route", {"address": a, "target": t}) for a, t in self.aliases]
        pairs = dict({"main_domain": self.accounts[0].split("@")[1]}, **self.settings)
        rows.append("UPDATE settings SET %s;" % ", ".join("%s = %s" % (k, quote(v)) for k, v in pairs.items()))
        rows += [insert("oauth_client", c) for c in self.clients]
        return rows + [insert("rpop", r) for r in self.records]

    def write_db(self):
        for suffix in ("", "-wal", "-shm", "-journal"):
            if os.path.exists(self.db + suffix):
                os.unlink(self.db + suffix)
        made = subprocess.run([os.path.join(BUILD, "rpopctl"), "init", "-f", self.db], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True)
        assert made.returncode == 0, made.stdout
        self.sqlite("\n".join(self.sql()) + "\n")

    def sqlite(self, sql, check=True):
        """Run statements in sqlite3(1), as an administrator does.  Returns (status, output)."""
        p = subprocess.run(["sqlite3", "-bail", "-cmd", ".timeout 30000", self.db], input=sql, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if check:
            assert p.returncode == 0, "sqlite3: %s\n%s" % (p.stdout, sql[-2000:])
        return p.returncode, p.stdout

    # --- running ---
    def argv(self, *args, hooks=False):
        where = HOOKS if hooks else BUILD
        return [os.path.join(where, "rpopd"), "-d", "-f", self.db, "-l", self.libexec or where, "-r", self.run] + self.verbose + list(args)

    def start(self, *args, hooks=False):
        """A daemon in the foreground, ready for control requests."""
        if not os.path.exists(self.db):
            self.write_db()
        d = Daemon(self, self.argv(*args, hooks=hooks))
        control = os.path.join(self.run, "rpopd.sock")

        def ready():
            if not d.running():
                raise AssertionError("rpopd ended with %s; log:\n%s" % (d.proc.returncode, d.log()))
            return os.path.exists(control) and self.ctl("status", check=False).code == 0
        wait_for(ready, "the control socket")
        return d

    def once(self, *args, hooks=False, timeout=PATIENCE):
        """rpopd -1.  Returns Result; a hang is a failure."""
        if not os.path.exists(self.db):
            self.write_db()
        d = Daemon(self, self.argv("-1", *args, hooks=hooks))
        try:
            code = d.wait(timeout)
        except subprocess.TimeoutExpired:
            d.processes()
            d.kill()
            raise AssertionError("rpopd -1 hangs; end of its log:\n" + d.log()[-4000:])
        return Result(code, d.log())

    def declare(self):
        """rpopd -A: state.db and the mail root belong together from now on, whatever they were."""
        p = subprocess.run(self.argv("-A"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert p.returncode == 0, p.stdout

    def ctl(self, *args, check=True, typed=""):
        """rpopctl, with typed on its standard input."""
        p = subprocess.run(traced([os.path.join(BUILD, "rpopctl"), "-s", os.path.join(self.run, "rpopd.sock")] + list(args)),
            input=typed, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE)
        if check:
            assert p.returncode == 0, "rpopctl %s: %s" % (" ".join(args), p.stdout)
        return Result(p.returncode, p.stdout)

    def status(self):
        return json.loads(self.ctl("-j", "status").log)

    def log(self):
        return "".join("--- run %d (%s)\n%s" % (i, d.proc.poll(), d.log()) for i, d in enumerate(self.runs))

    # --- results ---
    def state(self, sql, *args):
        """Rows of state.db."""
        with sqlite3.connect("file:%s?mode=ro" % self.statedb, uri=True, timeout=30) as c:
            return c.execute(sql, args).fetchall()

    def delivered(self):
        """{directory below the mail root: [contents]} of every new/ and cur/.  Every name there says the sizes of its file."""
        found = {}
        for top, dirs, files in os.walk(self.mail):
            if os.path.basename(top) not in ("new", "cur"):
                continue
            where = os.path.relpath(os.path.dirname(top), self.mail)
            for name in sorted(files):
                with open(os.path.join(top, name), "rb") as f:
                    data = f.read()
                found.setdefault(where, []).append(data)
                assert name in self.old or sizes(name) == (len(data), wire(data)), "%s, of %d octets" % (name, len(data))
        return found

    def idents(self):
        """{directory: sorted X-Test-Ids}"""
        return {where: sorted(corpus.ident_of(d) or "?" for d in data) for where, data in self.delivered().items()}

    def spooled(self):
        path = os.path.join(self.mail, "spool")
        return sorted(os.listdir(path)) if os.path.isdir(path) else []

    def empty(self):
        """Forget all delivered mail (not the state)."""
        for top, dirs, files in os.walk(self.mail):
            if os.path.basename(top) in ("new", "cur"):
                for name in files:
                    os.unlink(os.path.join(top, name))

    def close(self):
        for d in self.runs:
            d.kill()
        shutil.rmtree(self.dir, ignore_errors=True)
