#!/usr/bin/env python3
"""POP3 retriever benchmark driver; see README.md.

usage: bench.py [options] SCENARIO TOOL[:VARIANT] ...
"""
import argparse, glob, json, os, shutil, socket, statistics, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
# name: (corpus user or users, mode, is an idle poll)
SCENARIOS = {
    "accounts-empty": (" ".join(f"e{i}" for i in range(200)), "delete", True),     # 200 empty mailboxes
    "accounts-five": (" ".join(f"f{i}" for i in range(200)), "delete", False),     # 200 x 5 messages
    "small-delete": ("small", "delete", False),   # 10,000 x 4 KB
    "mixed-delete": ("mixed", "delete", False),   # 2,000 messages, ~160 MB
    "rtt-delete":   ("rtt", "delete", False),     # 100 x 4 KB, for --rtt
    "five-leave":   ("f0", "leave", True),        # 5 seen messages
    "five-delete":  ("f0", "delete", False),      # 5 x 4 KB
    "idle-empty":   ("e0", "delete", True),       # empty mailbox
    "idle-10k":     ("u10k", "leave", True),      # 10,000 seen messages left on the server
    "idle-50k":     ("u50k", "leave", True),
}
CORPORA = {"small": ("small", 10000), "mixed": ("mixed", 2000), "rtt": ("small", 100), "u10k": ("tiny", 10000),
           "u50k": ("tiny", 50000)}
CORPORA.update({f"e{i}": ("small", 0) for i in range(200)})
CORPORA.update({f"f{i}": ("small", 5) for i in range(200)})


def sh(*a, **k):
    return subprocess.run(a, check=True, **k)


def wait_port(port, t=10):
    end = time.time() + t
    while time.time() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"port {port} does not answer")


class Server:
    """A private Dovecot with pristine copies of every corpus user."""

    def __init__(self, d, base, bin_):
        self.d, self.base, self.bin = d, base, bin_
        os.makedirs(d, exist_ok=True)
        os.chmod(d, 0o755)
        self.started = False
        try:
            socket.create_connection(("127.0.0.1", base + 110), 1).close()
        except OSError:
            sh(f"{HERE}/server.sh", "start", d, str(base))
            self.started = True
        wait_port(base + 110)
        self.ca = f"{d}/ca.pem"

    def stop(self):
        if self.started:
            sh(f"{HERE}/server.sh", "stop", self.d)

    def restore(self, user):
        """(Re)create a user's mailbox: messages as hard links, index files as copies."""
        src, dst = f"{self.d}/pristine/{user}/Maildir", f"{self.d}/mail/{user}/Maildir"
        if not os.path.isdir(src) or not os.path.exists(f"{src}/.warm"):
            shutil.rmtree(f"{self.d}/pristine/{user}", ignore_errors=True)
            kind, n = CORPORA[user]
            sh(f"{HERE}/mkcorpus.py", f"{self.d}/pristine", kind, user, str(n), stdout=subprocess.DEVNULL)
            self._copy(src, dst)
            sh(f"{self.bin}/popget", "-u", "localhost", str(self.base + 110), user, "secret", "x")
            time.sleep(0.05)
            shutil.rmtree(src)
            shutil.copytree(dst, src, copy_function=shutil.copy2)
            open(f"{src}/.warm", "w").close()
        self._copy(src, dst)

    def _copy(self, src, dst):
        shutil.rmtree(dst, ignore_errors=True)
        os.makedirs(dst)
        for d in ("cur", "new", "tmp"):
            if os.path.isdir(f"{src}/{d}"):
                sh("cp", "-al", f"{src}/{d}", f"{dst}/{d}")
        for f in glob.glob(f"{src}/dovecot*"):
            shutil.copy2(f, dst)
        if os.getuid() == 0:
            sh("chown", "-R", os.environ.get("BENCH_UID", "nobody") + ":" + os.environ.get("BENCH_GID", "nogroup"),
               os.path.dirname(dst))

    def left(self, user):
        return sum(len(os.listdir(f"{self.d}/mail/{user}/Maildir/{x}")) for x in ("cur", "new"))


def cpu_busy():
    """Seconds of CPU all of the machine has spent so far (user, nice, system, irq, softirq)."""
    f = open("/proc/stat").readline().split()
    return sum(int(f[i]) for i in (1, 2, 3, 6, 7)) / os.sysconf("SC_CLK_TCK")


def cpu_known():
    """CPU seconds of the server, sinks, proxies and kernel threads now alive."""
    t = 0
    for p in glob.glob("/proc/[0-9]*/stat"):
        try:
            s = open(p).read()
        except OSError:
            continue
        comm, rest = s[s.index("(") + 1:s.rindex(")")], s[s.rindex(")") + 2:].split()
        if rest[1] == "2" or comm in KNOWN:
            t += sum(map(int, rest[11:15 if comm in KNOWN else 13]))    # children that have exited, too
    return t / os.sysconf("SC_CLK_TCK")


def wait_quiet(limit):
    """Wait up to limit seconds for half a second without other load."""
    end = time.time() + limit
    while time.time() < end:
        b, k, t = cpu_busy(), cpu_known(), time.time()
        time.sleep(0.5)
        if (cpu_busy() - b - (cpu_known() - k)) / (time.time() - t) < 0.15:
            return


KNOWN = ("pop3", "pop3-login", "auth", "anvil", "log", "stats", "config", "dovecot", "delayproxy", "smtpsink")


NEED_ROOT = ("rpopd",)      # drop privileges themselves


def as_user(a, tool):
    if not a.user or tool in NEED_ROOT:
        return []
    return ["setpriv", "--reuid", a.user, "--regid", a.user, "--clear-groups"]


def run_tool(a, env, tool, timeout, bin_, state):
    out = f"{state}/measure.out"
    if os.path.exists(out):
        os.unlink(out)
    r = subprocess.run(as_user(a, tool) + [f"{bin_}/measure", out, str(timeout), f"{HERE}/adapters/{tool}", "run"], env=env,
                       stdin=subprocess.DEVNULL, stdout=open(f"{state}/stdout", "wb"), stderr=subprocess.STDOUT)
    rc, wall, user, sys_, rss = open(out).read().split()
    return dict(rc=int(rc), wall=float(wall), user=float(user), sys=float(sys_), cpu=float(user) + float(sys_),
                rss=int(rss) / 1024)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("scenario", choices=SCENARIOS)
    ap.add_argument("tools", nargs="+")
    ap.add_argument("-n", type=int, default=3, help="counted runs (default 3)")
    ap.add_argument("--retries", type=int, default=4,
                    help="repeat a run up to this often while others use more than 0.2 CPU (default 4)")
    ap.add_argument("--quiet-wait", type=float, default=10, metavar="S",
                    help="before each run wait up to S seconds for others to be idle (default 10)")
    ap.add_argument("--warmup", type=int, default=0)
    ap.add_argument("--tls", choices=("none", "tls"), default="tls")
    ap.add_argument("--as", dest="user", metavar="USER",
                    help="run the tools as USER (the driver is root; some peers refuse root)")
    ap.add_argument("--ca", choices=("one", "bundle"), default="one",
                    help="trust file: the bench CA alone, or appended to the system's bundle")
    ap.add_argument("--rtt", type=float, default=0, help="emulated round-trip time, ms")
    ap.add_argument("--timeout", type=int, default=180, help="seconds for one retrieval")
    ap.add_argument("--server-dir", default=os.environ.get("BENCH_SERVER_DIR"),
                    help="where the server keeps its mail (a tmpfs is best); default: a new temporary directory")
    ap.add_argument("--port-base", type=int, default=20000)
    ap.add_argument("--bin", default=os.environ.get("BENCH_BIN", f"{HERE}/bin"))
    ap.add_argument("--out", help="append one JSON line per run to this file")
    ap.add_argument("--md", action="store_true", help="print a Markdown table")
    args = ap.parse_args()
    if not os.path.exists(f"{args.bin}/measure"):
        sh("make", "-s", "-C", HERE, f"BIN={args.bin}")
    work = tempfile.mkdtemp(prefix="popbench.")
    os.chmod(work, 0o755)
    sdir, tmpsrv = args.server_dir, None
    if not sdir:
        sdir = tmpsrv = tempfile.mkdtemp(prefix="popbench-srv.", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    srv = Server(sdir, args.port_base, args.bin)
    users, mode, idle = SCENARIOS[args.scenario]
    users = users.split()
    user = users[0]
    if args.ca == "bundle":
        one_ca, srv.ca = srv.ca, f"{sdir}/bundle.pem"
        with open(srv.ca, "w") as f:
            f.write(open("/etc/ssl/certs/ca-certificates.crt").read() + open(one_ca).read())
    port = args.port_base + (995 if args.tls == "tls" else 110)
    proxy, rows = None, {t: [] for t in args.tools}
    try:
        total = octets = 0
        for u in users:
            srv.restore(u)
            corpus = f"{sdir}/pristine/{u}/Maildir"
            total += sum(len(os.listdir(f"{corpus}/{x}")) for x in ("cur", "new"))
            octets += sum(int(f.split(",W=")[1].split(":")[0]) for f in os.listdir(f"{corpus}/cur"))
        real = port
        if args.rtt:
            proxy = subprocess.Popen([f"{args.bin}/delayproxy", str(args.port_base + 900), "127.0.0.1", str(port), str(args.rtt)])
            real = args.port_base + 900
            wait_port(real)
        envs = {}
        uids = ""
        if idle and total:
            # adapters may seed their state from this list instead of fetching
            # everything once; they then leave a file $B_STATE/seeded
            import poplib
            c = poplib.POP3("localhost", args.port_base + 110)
            c.user(user)
            c.pass_("secret")
            uids = f"{work}/uids"
            with open(uids, "wb") as f:
                f.write(b"\n".join(x.split()[1] for x in c.uidl()[1]) + b"\n")
            c.quit()

        def setup(t, i):
            tool, _, variant = t.partition(":")
            state, md = f"{work}/{t}.{i}/state", f"{work}/{t}.{i}/Maildir"
            for d in (state, f"{md}/cur", f"{md}/new", f"{md}/tmp"):
                os.makedirs(d)
            env = dict(os.environ, B_HOST="localhost", B_PORT=str(real), B_TLS=args.tls, B_USER=user, B_USERS=" ".join(users), B_PASS="secret",
                       B_CA=srv.ca, B_MAILDIR=md, B_STATE=state, B_MODE=mode, B_BIN=args.bin, B_VARIANT=variant, B_UIDS=uids,
                       B_NEW="0" if idle else str(total), HOME=state, B_SINKPORT=str(args.port_base + 25))
            if as_user(args, tool):
                sh("chown", "-R", f"{args.user}:", os.path.dirname(state))
            sh(*as_user(args, tool), f"{HERE}/adapters/{tool}", "prepare", env=env)
            return env

        def one(t, env, expect):
            tool = t.partition(":")[0]
            md, state = env["B_MAILDIR"], env["B_STATE"]
            wait_quiet(args.quiet_wait)
            b0, k0 = cpu_busy(), cpu_known()
            r = run_tool(args, env, tool, args.timeout, args.bin, state)
            # CPU used by anybody else, in CPUs
            r["noise"] = round(max(0, cpu_busy() - b0 - (cpu_known() - k0) - r["cpu"]) / max(r["wall"], 0.01), 2)
            got = len(os.listdir(f"{md}/new"))
            dropped = t.startswith("limit:discard") or tool == "null"
            r["ok"] = dropped or got == expect
            r["got"] = got
            if mode == "delete" and tool != "null":
                end = time.time() + 2
                while any(map(srv.left, users)) and time.time() < end:
                    time.sleep(0.05)
                r["ok"] = r["ok"] and not any(map(srv.left, users))
            if not r["ok"]:
                print(f"# {t}: rc {r['rc']} got {got} of {expect}, left {sum(map(srv.left, users))}:",
                      open(f"{state}/stdout", errors="replace").read()[-400:], file=sys.stderr)
            return r

        # rounds are interleaved A B C A B C so that drift hits every tool alike
        for i in range(-args.warmup, args.n):
            for t in args.tools:
                tool = t.partition(":")[0]
                if idle and t in envs:
                    env = envs[t]
                else:
                    if not idle:
                        for u in users:
                            srv.restore(u)
                    env = setup(t, i)
                    if idle:
                        envs[t] = env
                        if total and tool not in ("limit", "null") and not os.path.exists(f"{env['B_STATE']}/seeded"):
                            one(t, env, total)      # fetch everything once: all seen
                os.sync() if not idle else None
                seeded = os.path.exists(f"{env['B_STATE']}/seeded")
                for attempt in range(args.retries + 1):
                    r = one(t, env, 0 if idle and (seeded or tool in ("limit", "null")) else total)
                    if r["noise"] < 0.2 or r["wall"] < 0.2 or attempt == args.retries:
                        break
                    # somebody else used this machine meanwhile: once more
                    if not idle:
                        subprocess.run(as_user(args, tool) + [f"{HERE}/adapters/{tool}", "cleanup"], env=env)
                        shutil.rmtree(os.path.dirname(env["B_STATE"]))
                        for u in users:
                            srv.restore(u)
                        env = setup(t, i)
                        os.sync()
                if not idle:
                    subprocess.run(as_user(args, tool) + [f"{HERE}/adapters/{tool}", "cleanup"], env=env)
                    shutil.rmtree(os.path.dirname(env["B_STATE"]))
                if i >= 0:
                    rows[t].append(r)
                if args.out:
                    with open(args.out, "a") as f:
                        f.write(json.dumps(dict(r, scenario=args.scenario, ca=args.ca, tls=args.tls, rtt=args.rtt, tool=t, run=i)) + "\n")
        for t, env in envs.items():
            subprocess.run(as_user(args, t.partition(':')[0]) + [f"{HERE}/adapters/{t.partition(':')[0]}", "cleanup"], env=env)
    finally:
        if proxy:
            proxy.terminate()
            proxy.wait()
        shutil.rmtree(work, ignore_errors=True)
        srv.stop()
        if tmpsrv:
            time.sleep(0.5)
            shutil.rmtree(tmpsrv, ignore_errors=True)

    print(f"\n{args.scenario}, {args.tls}, CA {args.ca}, rtt {args.rtt:g} ms: {total} messages, {octets / 1e6:.1f} MB, {args.n} runs, median (min-max)")
    if idle:
        head = ["tool", "wall ms", "cpu ms", "user ms", "sys ms", "RSS MB", "noise", "ok"]
    else:
        head = ["tool", "wall s", "cpu s", "user s", "sys s", "RSS MB", "msg/s", "MB/s", "noise", "ok"]
    k = 1000 if idle else 1

    def mm(v, p):
        return f"{statistics.median(v):.{p}f} ({min(v):.{p}f}-{max(v):.{p}f})"
    table = []
    for t, rs in rows.items():
        p = 1 if idle else 2
        row = [t] + [mm([r[x] * k for r in rs], p) for x in ("wall", "cpu")] + \
            [f"{statistics.median(r[x] * k for r in rs):.{p}f}" for x in ("user", "sys")] + \
            [f"{statistics.median(r['rss'] for r in rs):.1f}"]
        if not idle:
            w = statistics.median(r["wall"] for r in rs)
            row += [f"{total / w:.0f}", f"{octets / w / 1e6:.1f}"]
        row.append(f"{statistics.median(r['noise'] for r in rs):.2f}")
        row.append("yes" if all(r["ok"] for r in rs) else "NO")
        table.append(row)
    if args.md:
        print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
        for r in table:
            print("| " + " | ".join(r) + " |")
    else:
        wd = [max(len(r[i]) for r in [head] + table) for i in range(len(head))]
        for r in [head] + table:
            print("  ".join(c.ljust(w) for c, w in zip(r, wd)).rstrip())


if __name__ == "__main__":
    main()
