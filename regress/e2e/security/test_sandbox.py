# SPDX-License-Identifier: ISC
"""
The sandbox as the kernel sees it: each process of a running daemon read from /proc while a session stands in the middle of a
message, forbidden calls tried in each role (test build), and the libraries each binary is linked with.
"""
import errno
import os
import pwd
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
import types

import pytest

from lib import corpus, rig as rigs
from lib.authrig import Auth
from servers import behaviours as B
from servers.idp import Idp
from servers.smtp import SmtpServer

ROLES = ["rpopd", "dialer", "template", "session", "deliverer", "oauth", "request", "sender", "connection", "auth", "verification"]
CHILDREN = ROLES[1:]
# CHOWN DAC_OVERRIDE FOWNER KILL SETGID SETUID SETPCAP SYS_CHROOT
MASTER_CAPS = sum(1 << n for n in (0, 1, 3, 5, 6, 7, 8, 18))


class Seen:
    """What /proc says of one process."""

    def __init__(self, pid):
        text = rigs.read_proc(pid, "status")
        self.status = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
        self.root = os.readlink("/proc/%d/root" % pid)
        self.cwd = os.readlink("/proc/%d/cwd" % pid)
        self.environ = rigs.read_proc(pid, "environ").split("\0")
        self.cmdline = rigs.read_proc(pid, "cmdline")
        self.limits = {line[:26].strip(): line[26:].split()[:2] for line in rigs.read_proc(pid, "limits").splitlines()}
        self.fds = {int(n): os.readlink("/proc/%d/fd/%s" % (pid, n)) for n in os.listdir("/proc/%d/fd" % pid)}
        self.maps = rigs.read_proc(pid, "maps")
        self.owners = {os.stat("/proc/%d/%s" % (pid, name)).st_uid for name in ("status", "maps", "mem", "environ")}

    def ids(self, name):
        return {int(x) for x in self.status[name].split()}

    def caps(self, name):
        return int(self.status[name], 16)


@pytest.fixture(scope="module")
def seen(pki):
    """{role: Seen} of a daemon with one session half-way through a message, a token request and a connection to a next hop."""
    from servers.pop3 import Pop3Server
    rig, idp = rigs.Rig(pki), Idp(pki)
    server = Pop3Server(pki, B.Stall("retr", 0.5), [corpus.big("half", 1_000_000)], "pop3s")
    other = Pop3Server(pki, B.Behaviour(), [corpus.mail("handed")], "pop3s")
    hop = SmtpServer("lmtp")
    hop.hold = threading.Event()
    alone = Auth(hooks=False)			# a process for a password that does not come
    number, channel = alone.fork()
    try:
        rig.account("postmaster@example.org")
        rig.record("postmaster@example.org", "half", server)
        idp.behave = lambda handler, form: time.sleep(20)
        rig.client("idp", idp, client_secret="s3cret-word")
        rig.record("postmaster@example.org", "asking", server, password=None, oauth_client="idp", refresh_token="s3cret-word")
        rig.account("anna@example.org")
        rig.nexthop("hop", hop)
        rig.record("anna@example.org", "handed", other)
        rig.write_db()
        rig.sqlite("UPDATE account SET nexthop = 'hop', password = '{PLAIN}s3cret-word' WHERE name = 'anna'")
        alone.part(channel, "IMSG_AUTH_START", number, b"{PLAIN}s3cret-word")
        daemon = rig.start()
        rigs.wait_for(lambda: server.count("retr") and rig.spooled() and idp.count() and hop.mails, "the session to be in the middle")
        found = {role: pids[0] for role, pids in daemon.processes().items() if pids}
        found["verification"] = rigs.wait_for(lambda: alone.forked(), "the process for a password")
        result = {role: Seen(pid) for role, pid in found.items()}
        result["rig"], result["log"] = rig, daemon.logfile
        yield result
    finally:
        hop.hold.set()
        for peer in (server, other, idp, hop):
            peer.stop()
        channel.close()
        alone.close()
        rig.close()


@pytest.mark.parametrize("role", ROLES)
def test_there(seen, role):
    assert role in seen


@pytest.mark.parametrize("role,user", [("dialer", "_rpopd"), ("template", "_rpopf"), ("session", "_rpopf"), ("deliverer", "_rpopm"),
    ("oauth", "_rpopo"), ("request", "_rpopo"), ("sender", "_rpops"), ("connection", "_rpops"),
    ("auth", "_rpopa"), ("verification", "_rpopa")])
def test_uid_and_groups(seen, role, user):
    pw = pwd.getpwnam(user)
    assert seen[role].ids("Uid") == {pw.pw_uid}
    assert seen[role].ids("Gid") == {pw.pw_gid}
    assert seen[role].ids("Groups") <= {pw.pw_gid}


@pytest.mark.parametrize("role,root", [("dialer", "run/dialer"), ("template", "run/fetcher"), ("session", "run/fetcher"),
    ("deliverer", "mail"), ("oauth", "run/oauth"), ("request", "run/oauth"),
    ("sender", "run/sender"), ("connection", "run/sender"), ("auth", "run/auth")])
def test_root_directory(seen, role, root):
    assert seen[role].root == seen[role].cwd == os.path.join(seen["rig"].dir, root)


def test_jails_hold_nothing_but_certificates(seen):
    run = os.path.join(seen["rig"].dir, "run")
    assert os.listdir(os.path.join(run, "dialer")) == os.listdir(os.path.join(run, "auth")) == []
    assert os.listdir(os.path.join(run, "fetcher")) == os.listdir(os.path.join(run, "oauth")) == ["certs"]
    for name in ("dialer", "auth", "fetcher", "fetcher/certs", "oauth", "oauth/certs"):
        st = os.stat(os.path.join(run, name))
        assert st.st_uid == 0 and st.st_mode & 0o022 == 0


@pytest.mark.parametrize("role", CHILDREN)
def test_kernel_confinement(seen, role):
    assert seen[role].status["NoNewPrivs"] == "1"
    assert seen[role].status["Seccomp"] == "2"
    assert int(seen[role].status.get("Seccomp_filters", "1")) >= 1


def test_confinement_of_the_master(seen):
    assert seen["rpopd"].status["NoNewPrivs"] == "1" and seen["rpopd"].status["Seccomp"] == "2"
    assert int(seen["rpopd"].status.get("Seccomp_filters", "1")) == 1


def test_memory_of_the_master(seen):
    """It holds passwords: root without CAP_SYS_PTRACE, as in a container, may not look at it."""
    reached = [subprocess.run(["setpriv", "--bounding-set", "-sys_ptrace", "readlink", "/proc/%s/exe" % pid],
        stdout=subprocess.DEVNULL).returncode for pid in ("self", seen["rpopd"].status["Pid"])]
    assert reached == [0, 1]


@pytest.mark.parametrize("role", ROLES)
def test_no_core(seen, role):
    """No password gets into a core: its size is 0, and the process is not dumpable, so that its files in /proc are root's."""
    assert seen[role].limits["Max core file size"] == ["0", "0"]
    assert (0 in seen[role].ids("Uid")) == (role == "rpopd")	# whose own test is the one above
    assert seen[role].owners == {0}


@pytest.mark.parametrize("role", CHILDREN)
def test_no_capabilities(seen, role):
    assert [seen[role].caps(n) for n in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")] == [0] * 5


def test_capabilities_of_the_master(seen):
    for name in ("CapPrm", "CapEff", "CapBnd"):
        assert seen["rpopd"].caps(name) & ~MASTER_CAPS == 0
    assert seen["rpopd"].caps("CapInh") == seen["rpopd"].caps("CapAmb") == 0


@pytest.mark.parametrize("role", CHILDREN)
def test_descriptors(seen, role):
    """Sockets and the event loop; the deliverer's own files besides, and the message that a sender has; never a store."""
    for n, target in seen[role].fds.items():
        kind = target.split(":")[0]
        allowed = target == "/dev/null" or kind in ("socket", "anon_inode", "pipe") or (n == 2 and target == seen["log"])
        if role == "deliverer":
            allowed = allowed or target == seen["rig"].mail or target.startswith(seen["rig"].mail + "/")
        if role == "connection":
            allowed = allowed or target.startswith(os.path.join(seen["rig"].mail, "spool") + "/")
        assert allowed, "descriptor %d is %s" % (n, target)
    assert not any("rpopd.db" in t or "state.db" in t for t in seen[role].fds.values())


@pytest.mark.parametrize("role,sockets", [("session", 3), ("request", 2), ("connection", 2), ("verification", 1)])
def test_descriptors_of_a_fork(seen, role, sockets):
    """Exactly those: server but for a password, master, and of a session deliverer; of a connection to a next hop the message besides."""
    assert len([t for t in seen[role].fds.values() if t.startswith("socket:")]) == sockets
    assert len([n for n in seen[role].fds if n > 2]) == sockets + (role == "connection")


@pytest.mark.parametrize("role", ["template", "session", "oauth", "request", "sender", "connection", "auth", "verification"])
def test_descriptors_at_most(seen, role):
    assert len(seen[role].fds) <= 12


@pytest.mark.parametrize("role", ROLES)
def test_no_secret_outside_memory(seen, role):
    assert "s3cret-word" not in seen[role].cmdline
    assert not any("s3cret-word" in e for e in seen[role].environ)


@pytest.mark.parametrize("role", ROLES)
def test_no_writable_code(seen, role):
    assert not re.search(r"^\S+ .w.?x", seen[role].maps, re.M) and not re.search(r"^\S+ rwx", seen[role].maps, re.M)


@pytest.mark.parametrize("role", CHILDREN)
def test_limits(seen, role):
    if role not in ("template", "oauth", "sender", "auth"):
        assert seen[role].limits["Max processes"] == ["0", "0"]
    if role != "deliverer":
        assert seen[role].limits["Max file size"] == ["0", "0"]
    if role in ("session", "request", "connection", "verification"):
        assert int(seen[role].limits["Max open files"][0]) <= 64


def test_stores_are_closed_to_others(seen):
    for name in ("rpopd.db", "state.db"):
        st = os.stat(os.path.join(seen["rig"].dir, name))
        assert st.st_uid == 0 and st.st_mode & 0o077 == 0


# --- forbidden calls ---

INNER_PORT = 4711	# common/sandbox/probe.c
PROBES_FILE = os.path.join(rigs.REPO, "common", "sandbox", "probe.c")


def probe_names():
    """The names that common/sandbox/probe.c knows."""
    try:
        with open(PROBES_FILE) as f:
            return sorted(set(re.findall(r"PROBE\((\w+)\)", f.read())) - {"name"}) or ["(no names in common/sandbox/probe.c)"]
    except OSError:
        return ["(no common/sandbox/probe.c)"]


PROCESSES = ["dialer", "fetcher", "fetcher:fork", "deliverer", "oauth", "oauth:fork", "sender", "sender:fork", "auth", "auth:fork",
    "mailbox", "mailbox:fork"]
if os.path.exists(os.path.join(rigs.HOOKS, "web")):
    PROCESSES += ["web", "web:fork"]


@pytest.fixture(scope="module")
def jails():
    """{program: its root directory}"""
    top = rigs.scratch()
    made = {name: os.path.join(top, name) for name in ("dialer", "fetcher", "deliverer", "oauth", "sender", "auth", "mailbox", "web")}
    for path in made.values():
        os.mkdir(path, 0o755)
    for name in ("fetcher", "oauth", "sender"):
        os.mkdir(os.path.join(made[name], "certs"), 0o755)
    pw = pwd.getpwnam("_rpopm")
    for name in ("deliverer", "mailbox"):
        os.chown(made[name], pw.pw_uid, pw.pw_gid)
    yield made
    shutil.rmtree(top)


@pytest.mark.parametrize("what", probe_names())
@pytest.mark.parametrize("process", PROCESSES)
def test_forbidden(jails, process, what):
    """Ended by the filter, or refused (exit 0); 42 means that it worked."""
    name, _, narrowed = process.partition(":")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        p = subprocess.run([os.path.join(rigs.HOOKS, name), "-c", jails[name], "-u", rigs.USERS[name], "-P",
            narrowed + ":" + what if narrowed else what], preexec_fn=lambda: os.dup2(theirs.fileno(), 3), close_fds=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    if what in OWN_WORK.get(process, ()):
        assert p.returncode == 42, "what the role needs is forbidden: %d" % p.returncode
    else:
        assert p.returncode in (-signal.SIGSYS, 0), "%d %r" % (p.returncode, p.stdout)


def inner_service():
    """The one that the probes try to reach, which has one port for all: another of these tests may have it at this moment."""
    def free():
        try:
            return socket.create_server(("127.0.0.2", INNER_PORT))
        except OSError as e:
            assert e.errno == errno.EADDRINUSE
    return rigs.wait_for(free, "the inner service's port")


@pytest.mark.parametrize("what", ["sendmsg_fastopen", "sendto_fastopen"])
@pytest.mark.parametrize("process", PROCESSES)
def test_no_new_connection(jails, process, what):
    """A socket still on its way to be connected, whose peer has reset it, can be sent elsewhere by a flag of the sending calls."""
    name, _, narrowed = process.partition(":")
    with socket.create_server(("127.0.0.1", 0)) as server, inner_service() as inner, \
            socket.socket() as theirs:
        inner.setblocking(False)
        theirs.setblocking(False)
        with pytest.raises(BlockingIOError):
            theirs.connect(server.getsockname())
        peer = server.accept()[0]
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        p = subprocess.run([os.path.join(rigs.HOOKS, name), "-c", jails[name], "-u", rigs.USERS[name], "-P",
            narrowed + ":" + what if narrowed else what], preexec_fn=lambda: os.dup2(theirs.fileno(), 3), close_fds=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        with pytest.raises(BlockingIOError):
            inner.accept()
    assert p.returncode == -signal.SIGSYS, "%d %r" % (p.returncode, p.stdout)


# What neither the master nor anything it starts has any use for.
NEVER_CALLED = ["ptrace_parent", "mount", "umount2", "unshare", "setns", "bpf", "userfaultfd", "keyctl", "add_key",
    "perf_event_open", "open_by_handle_at", "init_module", "kexec_load", "process_vm_readv", "io_uring_setup", "clone_namespace",
    "settimeofday", "socket_alg", "socket_vsock"]


@pytest.mark.parametrize("what", NEVER_CALLED + ["clone3"])
def test_forbidden_to_the_master(personal, what):
    """EPERM, which programs of token_command live with as well: they inherit it."""
    r = personal.once("-P", "rpopd:" + what, hooks=True)
    wanted = "Function not implemented" if what == "clone3" else "Operation not permitted"
    assert (r.code, "refused: %s\n" % wanted in r.log) == (0, True), r.log


# Each role's own work; everything else must fail in it.
OWN_WORK = {"dialer": {"socket_inet", "socket_udp", "bind", "connect"}, "fetcher": {"fork"}, "oauth": {"fork"}, "sender": {"fork"},
    "auth": {"fork"}, "mailbox": {"fork"}, "web": {"fork", "socketpair"}, "deliverer": {"open_write"}}


# --- a dialer that was taken over ---

@pytest.fixture
def deaf(personal):
    """Two records whose servers take a connection and then read nothing."""
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    for n, s in enumerate(servers):
        personal.record("anna@example.org", "deaf%d" % n, types.SimpleNamespace(host="127.0.0.1", port=s.getsockname()[1], tls="none"))
    yield personal
    for s in servers:
        s.close()


def test_lingering_connection(deaf):
    """Octets that nobody takes, and SO_LINGER for an hour, on a connection that the master has to close: it does not wait.  The second
    dial's line comes behind what the first one handed over, on one channel."""
    daemon = deaf.start("-S", "-P", "dialer:act:linger", hooks=True)
    rigs.wait_for(lambda: daemon.log().count(": connected to 127.0.0.1") >= 2, "two connections")
    assert len(deaf.status()["records"]) == 2
    deaf.ctl("reload")
    assert daemon.stop() in (0, 1)


def test_lingering_is_forbidden(deaf):
    daemon = deaf.start("-P", "dialer:act:linger", hooks=True)
    rigs.wait_for(lambda: re.search(r"dialer\[\d+\] died: signal %d " % signal.SIGSYS, daemon.log()), "the filter")
    assert len(deaf.status()["records"]) == 2


@pytest.mark.parametrize("what", ["listening", "udp", "unix", "pipe", "blocking"])
def test_no_connection_at_all(deaf, what):
    """Whatever else a dialer has open, the master neither keeps nor passes on."""
    daemon = deaf.start("-S", "-P", "dialer:act:" + what, hooks=True)
    rigs.wait_for(lambda: "dialer broke the rules" in daemon.log(), "the master's judgement")
    assert len(deaf.status()["records"]) == 2


# --- libraries ---

BASE = {"libc", "libbsd", "libmd", "libseccomp", "ld-linux-x86-64", "ld-linux-aarch64"}
LIBRARIES = {
    "rpopd": {"libsqlite3", "libevent_core"},
    "dialer": {"libcares", "libevent_core"},
    "fetcher": {"libtls", "libssl", "libcrypto", "libgsasl", "libevent_core"},
    "deliverer": {"libevent_core", "libidn2"},
    "oauth": {"libtls", "libssl", "libcrypto", "libjansson", "libevent_core"},
    "sender": {"libtls", "libssl", "libcrypto", "libgsasl", "libevent_core"},
    "auth": {"libgsasl", "libcrypt", "libevent_core"},
    "rpopctl": {"libgsasl", "libcrypt"},
}
# What must not even come along through another library.
NEVER = {"rpopd": {"libtls", "libssl", "libcrypto", "libcares", "libgsasl", "libjansson"}, "dialer": {"libsqlite3", "libtls", "libssl", "libcrypto"},
    "fetcher": {"libsqlite3", "libcares", "libjansson"}, "oauth": {"libsqlite3", "libcares", "libgsasl"},
    "sender": {"libsqlite3", "libcares", "libjansson"}, "auth": {"libsqlite3", "libtls", "libssl", "libcrypto", "libcares", "libjansson"},
    "deliverer": {"libsqlite3", "libtls", "libssl", "libcrypto", "libcares"},
    "rpopctl": {"libsqlite3", "libtls", "libssl", "libcrypto", "libcares", "libevent_core"}}


@pytest.mark.parametrize("binary", sorted(LIBRARIES))
def test_links_only_its_libraries(binary):
    path = os.path.join(rigs.BUILD, binary)
    out = subprocess.run(["readelf", "-dW", path], check=True, stdout=subprocess.PIPE, text=True).stdout
    needed = {n.split(".so")[0] for n in re.findall(r"\(NEEDED\).*\[(.*)\]", out)}
    assert needed - BASE <= LIBRARIES[binary] | {"libevent_core-2.1"}
    ldd = subprocess.run(["ldd", path], check=True, stdout=subprocess.PIPE, text=True).stdout
    every = {line.split()[0].split(".so")[0] for line in ldd.splitlines()}
    assert not every & NEVER[binary]


@pytest.mark.parametrize("binary", sorted(LIBRARIES))
def test_hardened(binary):
    """PIE, full RELRO, no executable stack."""
    path = os.path.join(rigs.BUILD, binary)
    out = subprocess.run(["readelf", "-hldW", path], check=True, stdout=subprocess.PIPE, text=True).stdout
    assert re.search(r"Type:\s+DYN", out)
    assert "GNU_RELRO" in out and re.search(r"FLAGS.*(BIND_NOW|NOW)", out)
    assert re.search(r"GNU_STACK\s.*RW ", out)


@pytest.mark.parametrize("cc", ["gcc", "clang"])
def test_flags_of_the_compilers(cc):
    """Both compilers of Debian 12 know them all; what one does not know is left out, not an error."""
    out = subprocess.run(["sh", os.path.join(rigs.REPO, "etc", "cc-flags.sh"), cc], check=True, stdout=subprocess.PIPE, text=True).stdout
    wanted = ["-D_FORTIFY_SOURCE=3", "-fstack-protector-strong", "-fstack-clash-protection", "-ftrivial-auto-var-init=zero"]
    wanted += ["-fcf-protection"] if os.uname().machine == "x86_64" else []
    assert [w for w in wanted if w not in out.split()] == []


@pytest.mark.parametrize("binary", sorted(LIBRARIES))
def test_built_with_the_flags(binary):
    """Functions begin with a mark for indirect branches, and the C library's checking functions are called."""
    path = os.path.join(rigs.BUILD, binary)
    with open(path, "rb") as f:
        data = f.read()
    assert b"__snprintf_chk" in data
    if os.uname().machine == "x86_64":
        assert data.count(bytes.fromhex("f30f1efa")) > 50


def test_shipping_build_has_no_hooks():
    for binary in LIBRARIES:
        with open(os.path.join(rigs.BUILD, binary), "rb") as f:
            data = f.read()
        assert b"deliverer.rename" not in data and b"X-Poison-Test" not in data and b"master.commit_before" not in data
