# SPDX-License-Identifier: ISC
"""The completion of rpopctl's words in bash, zsh and fish, at a terminal each, by what `make install` puts there; and its table."""
import os
import pty
import re
import select
import sqlite3
import subprocess

import pytest

from lib import rig as rigs

ENGINE = rigs.REPO + "/etc/completion/rpopctl-complete"
RPOPCTL = """#!/bin/sh
case "$*" in
*"record list")	echo '{"ok":true,"records":[{"account":"anna@example.org","name":"isp","period":600},{"account":"bert@example.org","name":"gmx"}]}' ;;
*"account list")	echo '{"ok":true,"accounts":[{"domain":"example.org","address":"anna@example.org","nexthop":null}]}' ;;
*"nexthop list")	echo '{"ok":true,"nexthops":[{"name":"hub","address":"h"}]}' ;;
*"domain list")	echo '{"ok":true,"domains":[{"name":"example.org"},{"name":"example.net"}]}' ;;
*)	printf 'GOT'; printf '<%s>' "$@"; echo ;;
esac
"""

# Who else keeps a column: what names a row, what is asked for, what the store makes itself.
COLUMNS = {
    "record": ("rpop", "account name password refresh_token"), "account": ("account", "id name domain password"),
    "administrator": ("domain_admin", "account domain"), "client": ("oauth_client", "name client_secret"), "domain": ("domain", "name"),
    "access": ("acl", "owner folder who"), "listener": ("listener", "address port"),
    "certificate": ("certificate", "address port cert"),
    "nexthop": ("nexthop", "id name password"), "route": ("route", "address target"), "schedule": ("schedule", "name days begins"),
    "setting": ("settings", "id"),
}


@pytest.fixture
def fake(tmp_path):
    """A directory ahead in PATH with a rpopctl that says what it was given."""
    path = tmp_path / "bin"
    path.mkdir()
    (path / "rpopctl").write_text(RPOPCTL)
    (path / "rpopctl").chmod(0o755)
    # A fish that finds this directory does not read all manual pages of the system in the background.
    (tmp_path / ".local/share/fish/generated_completions").mkdir(parents=True)
    return dict(os.environ, PATH="%s:%s" % (path, os.environ["PATH"]), HOME=str(tmp_path), TERM="dumb", LC_ALL="C.UTF-8")


def complete(fake, *words):
    p = subprocess.run(["sh", ENGINE] + list(words), env=fake, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True)
    return p.stdout.splitlines()


def test_table(fake):
    assert complete(fake, "rec") == ["record"]
    assert complete(fake, "re") == ["record", "reload", "renumbered"]
    assert complete(fake, "record", "") == sorted("add disable enable list password poll remove set try".split())
    assert complete(fake, "record", "set", "") == ["anna@example.org/isp", "bert@example.org/gmx"]
    assert complete(fake, "-s", "/sock", "-j", "record", "set", "b") == ["bert@example.org/gmx"]
    assert complete(fake, "record", "set", "anna@example.org/isp", "tls_p") == ["tls_pins="]
    assert complete(fake, "record", "add", "anna@example.org/x", "--") == ["--no-try"]
    assert complete(fake, "poll", "") == ["-w", "all", "anna@example.org", "anna@example.org/isp", "bert@example.org", "bert@example.org/gmx"]
    assert complete(fake, "queue", "move", "hub", "") == complete(fake, "nexthop", "remove", "") == ["hub"]
    assert complete(fake, "domain", "set", "") == ["example.net", "example.org"]
    assert complete(fake, "administrator", "add", "anna@example.org", "") == ["example.net", "example.org", "server"]
    assert complete(fake, "import", "mpop", "/") == complete(fake, "-s", "") == complete(fake, "backup", "-f", "") == ["/"]
    assert complete(fake, "init", "-f", "x", "") == ["--domain"]
    assert complete(fake, "stop", "") == complete(fake, "record", "set", "*") == complete(fake, "nonsense", "") == []


@pytest.mark.parametrize("noun", sorted(COLUMNS))
def test_columns(fake, noun):
    """The columns are those of the schema."""
    table, without = COLUMNS[noun]
    store = sqlite3.connect(":memory:")
    with open(rigs.REPO + "/etc/rpopd.sql") as f:
        store.executescript(f.read())
    want = {name for name, in store.execute("SELECT name FROM pragma_table_info(?)", (table,))} - set(without.split())
    words = [noun, "set"] + ([] if noun == "setting" else ["x@y/z"]) + {"administrator": ["d"], "listener": ["110"], "certificate": ["995", "/c"], "access": ["INBOX", "anyone"]}.get(noun, []) + [""]
    assert set(complete(fake, *words)) == {name + "=" for name in want}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """What make install puts where each shell looks, with the program that they share."""
    dest = tmp_path_factory.mktemp("dest")
    prefix = "/opt/rpopd"
    with open(rigs.REPO + "/Makefile") as f:
        recipe = re.search(r"^install: all\n(.*?)\n\n", f.read(), re.S | re.M).group(0)
    (dest / "Makefile").write_text("PREFIX = %s\nSHAREDIR = ${PREFIX}/share/rpopd\nBASHDIR = ${PREFIX}/share/bash-completion/completions\n"
        "ZSHDIR = ${PREFIX}/share/zsh/site-functions\nFISHDIR = ${PREFIX}/share/fish/vendor_completions.d\ninstall:\n\tmkdir -p ${DESTDIR}${SHAREDIR}\n" % prefix +
        "".join(line + "\n" for line in recipe.split("\n") if "omplet" in line or "DIR} ${DESTDIR}${ZSHDIR}" in line))
    subprocess.run(["make", "-s", "-f", str(dest / "Makefile"), "install", "DESTDIR=%s" % dest], cwd=rigs.REPO, check=True)
    where = {}
    for shell, name in (("bash", "bash-completion/completions/rpopctl"), ("zsh", "zsh/site-functions/_rpopctl"),
                        ("fish", "fish/vendor_completions.d/rpopctl.fish")):
        path = dest / "opt/rpopd/share" / name
        text = path.read_text()
        assert prefix + "/share/rpopd/rpopctl-complete" in text and "/usr/share/rpopd" not in text
        path.write_text(text.replace(prefix, "%s%s" % (dest, prefix)))
        where[shell] = path
    assert os.access(str(dest) + prefix + "/share/rpopd/rpopctl-complete", os.X_OK)
    return where


SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], lambda p: "source %s; PS1='ready'; bind 'set bell-style none'\n" % p),
    "zsh": (["zsh", "-f", "-i"], lambda p: "fpath=(%s $fpath); autoload -U compinit; compinit -u -D; PS1='re''ady'; unsetopt beep\n" % p.parent),
    "fish": (["fish", "--private", "-i"], lambda p: "source %s; function fish_prompt; echo 're''ady'; end\n" % p),
}


class Shell:
    def __init__(self, name, path, env):
        argv, setup = SHELLS[name]
        self.text = ""
        pid, self.fd = pty.fork()
        if pid == 0:
            os.execvpe(argv[0], argv, env)
        self.pid = pid
        self.keys(setup(path).replace("PS1='ready'", "PS1='re''ady'"))
        self.shows("ready")

    def keys(self, text):
        os.write(self.fd, text.encode())

    def shows(self, pattern):
        def found():
            while select.select([self.fd], [], [], 0)[0]:
                try:
                    data = os.read(self.fd, 65536).decode("utf-8", "replace")
                except OSError:
                    break
                if "\x1b[0c" in data or "\x1b[c" in data:	# fish asks what terminal that is
                    os.write(self.fd, b"\x1b[?1;2c")
                self.text += data
            return re.search(pattern, self.text)
        return rigs.wait_for(found, pattern)

    def close(self):
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


@pytest.mark.parametrize("typed, got", [
    ("rpopctl renum\tret\tann\t\n", "<renumbered><retrieve><anna@example.org/isp>"),
    ("rpopctl record set ann\t special_\t3\n", "<record><set><anna@example.org/isp><special_nth=3>"),
    ("rpopctl administrator add ann\t ser\t\n", "<administrator><add><anna@example.org><server>"),
    ("rpopctl queue retry hu\t\n", "<queue><retry><hub>"),
])
@pytest.mark.parametrize("shell", sorted(SHELLS))
def test_shell(fake, installed, shell, typed, got):
    """Words that are typed in part are completed, and the command gets them whole."""
    s = Shell(shell, installed[shell], fake)
    try:
        parts = re.findall(r"[^\t\n]+|[\t\n]", typed)
        for part in parts:
            s.keys(part)
        s.shows(re.escape("GOT" + got))
    finally:
        s.close()
