# SPDX-License-Identifier: ISC
"""
What an import makes of fetchmail's files, against what fetchmail does at a server: when it uses TLS, which password it takes from
.netrc, what it writes into .fetchids, and whom it delivers to.
"""
import getpass
import os
import re
import shutil
import subprocess

import pytest

from lib import corpus, rig
from servers.pop3 import Behaviour

DRIVE = os.path.join(rig.BUILD, "unit", "import", "drive_import")

pytestmark = pytest.mark.skipif(shutil.which("fetchmail") is None, reason="fetchmail is not installed")


class Anybody(Behaviour):
    """Takes any password."""
    def cmd_pass(self, s, arg):
        self.login(s)

    def cmd_apop(self, s, arg):
        self.login(s)

    def greeting(self, s):
        return b"+OK <1.2@example.net>\r\n"


@pytest.fixture(name="home")
def a_home(tmp_path):
    return Home(tmp_path)


class Home:
    """Fetchmail's, with its files."""
    def __init__(self, path):
        self.path = path

    def write(self, name, text):
        file = self.path / name
        file.touch(0o600)
        file.write_text(text, encoding="ascii")
        return str(file)

    def fetch(self, text):
        """Fetchmail runs once, at whatever server the text names."""
        rc = self.write("fetchmailrc", text)
        env = dict(os.environ, HOME=str(self.path), FETCHMAILHOME=str(self.path), LC_ALL="C")
        env.pop("FETCHMAILUSER", None)
        p = subprocess.run(["fetchmail", "-f", rc, "-d0", "-N", "-v", "--nosyslog", "--pidfile", str(self.path / "pid")], env=env,
                           capture_output=True, timeout=120, check=False, stdin=subprocess.DEVNULL)
        assert b"syntax error" not in p.stderr and b"option after user" not in p.stderr, p.stderr
        return p

    def imported(self, text, *args):
        p = subprocess.run([DRIVE, "fetchmail", self.write("ours", text)] + list(args), capture_output=True, timeout=60, check=False)
        assert p.returncode == 0, p.stdout
        return p.stdout.decode()


def entry(server, options, proto="pop3", name="label.example"):
    """The mail is thrown away, having left its recipient in a file of the home."""
    return "poll %s via 127.0.0.1 proto %s port %d timeout 20 user u %s mda \"echo %%T >>$HOME/out; cat >/dev/null\"\n" % (
        name, proto, server.port, options)


TLS = [("", ""), ("sslcertck", ""), ("no sslcertck", ""), ("sslfingerprint 'AA'", ""), ("no sslcertck sslfingerprint 'AA'", ""),
       ("sslproto ''", ""), ("sslproto '' sslcertck", ""), ("sslproto 'auto'", ""), ("no sslcertck sslproto 'auto'", ""),
       ("no sslcertck sslproto tls1", ""), ("no sslcertck sslproto tls1+", ""), ("no sslcertck sslproto tls1.2+", ""),
       ("no sslcertck sslproto tls1.3", ""), ("no sslcertck sslproto ssl23", ""), ("no sslcertck sslproto nonsense", ""), ("no ssl", ""),
       ("", "apop"), ("sslproto 'auto' sslcertck", "apop")]


@pytest.mark.parametrize("options,proto", TLS)
def test_tls(home, pop3, options, proto):
    """At a server without STLS, and at one with it."""
    without, offered = pop3(Anybody(), [], "plain"), pop3(Anybody(), [], "stls")
    told = home.imported(entry(without, "pass p is a here " + options, proto or "pop3"))
    for server in (without, offered):
        home.fetch(entry(server, "pass p is a here " + options, proto or "pop3"))
    clear = b"PASS" in without.clear_octets() or b"APOP" in without.clear_octets()
    if not clear:
        assert "\ntls=stls\n" in told
        assert without.count("stls") == 1
    elif offered.count("stls"):
        assert "\nquestion 1 tls: " in told and "\ntls=" not in told
    else:
        assert "\ntls=none\n" in told


NETRC = ["machine label.example login u password one\n", "machine 127.0.0.1 login u password one\n",
         "machine 127.0.0.1 login u password one\nmachine label.example login u password two\n",
         "machine label.example login u password one\nmachine label.example login u password two\n",
         "machine label.example user u passwd one\n", "machine label.example login u password one login v\n",
         "machine label.example login u password one password two\n", "machine label.example password one\nmachine 127.0.0.1 login u password two\n",
         "default login u password one\n", "machine LABEL.example login u password one\n", "machine label.example login U password one\n",
         "machine label.example account x login u password \"a b\"\n", "machine label.example login u password ab\"c d\"e'f'\n",
         "machine label.example login u password \"a\\\"b\"\n", "machine label.example login u password a#b # c\n",
         "machine label.example login u password # c\none\n",
         "machine label.example macdef init\nmachine label.example login u password one\n\nmachine label.example login u password two\n",
         "login u password one machine label.example login u password two\n", "machine label.example login u password one port 3\n",
         "machine label.example\r\n login u\r\n\tpassword one\r\n", "machine label.example login u\nmachine 127.0.0.1 login u password two\n"]


@pytest.mark.parametrize("text", NETRC)
def test_netrc(home, pop3, text):
    server = pop3(Anybody())
    file = home.write(".netrc", text)
    home.fetch(entry(server, "is a here no sslcertck"))
    m = re.search(rb"PASS (.*)\r\n", server.clear_octets())
    told = home.imported(entry(server, "is a here no sslcertck"), "-n", file)
    if m is None:
        assert "\npassword=" not in told and "\nquestion 1 password: " in told
    else:
        assert "\npassword=%s\n" % m.group(1).decode() in told and "question 1 password: " not in told


@pytest.mark.parametrize("user", ["u", "u@example.net", "u v@w", "u@v@w"])
def test_fetchids(home, pop3, user):
    """What fetchmail has written is found again."""
    server = pop3(Anybody(), [corpus.mail("a"), corpus.mail("b")])
    text = entry(server, "pass p is a here keep no sslcertck").replace("user u", "user '%s'" % user)
    home.fetch(text)
    told = home.imported(text, str(home.path / ".fetchids"))
    assert re.findall(r"^seen (.*)$", told, re.M) == [m.uid.decode() for m in server.box.messages]
    assert "file lost" not in told


@pytest.mark.parametrize("options", ["is b here", "is b=c here", "is b=c", "is b@example.org here", "", "is b here smtpname x@y"])
def test_owner(home, pop3, options):
    server = pop3(Anybody(), [corpus.mail("a")])
    home.fetch(entry(server, "pass p no sslcertck " + options))
    recipient = (home.path / "out").read_text().strip()
    told = home.imported(entry(server, "pass p no sslcertck " + options))
    if recipient == getpass.getuser():
        assert "\nquestion 1 account: " in told
    else:
        assert "\naccount=%s\n" % recipient in told
