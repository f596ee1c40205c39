# SPDX-License-Identifier: ISC
"""
Programs that read mail with POP3: how each is told to retrieve all of a mailbox, what it cannot, and what it does to messages by
itself.  They run as nobody, in a directory of their own, without any configuration of this machine's.
"""
import os
import pathlib
import poplib
import pty
import re
import select
import shutil
import ssl
import subprocess
import time
import types
import urllib.parse

from lib import corpus, getmail
from lib import rig as rigs
from lib.rig import Result

MODES = ("clear", "stls", "tls")
CR = "a CR within a line is no octet for it"
NUL = "a line ends at a NUL"
FROM = "a line From is left out"
HEAD = "a header that is none gets another one, or an end"
LONG = "it breaks lines of more than 8 kB"
SASL = {word: word for word in ("user", "apop", "plain", "login", "cram-md5", "scram-sha-1", "scram-sha-256")}


def wire(data):
    """What goes out over POP3 for a file's octets, as a program that ends lines with LF keeps it."""
    data = data.replace(b"\r\n", b"\n")
    return data if data.endswith(b"\n") or not data else data + b"\n"


class Client:
    """
    One program that reads the mailbox of user at a port of localhost.  How it logs in is auth, one of the class's mechanisms, or
    None: as it likes.
    """
    modes = MODES		# how it connects
    keeps = True		# it knows by the unique-id what it has retrieved
    marks = True		# what it leaves is seen: it uses RETR
    mechanisms = {}		# that it can be told to use: the daemon's word for each
    alters = {}			# samples that it brings, and not as they are: why
    cannot = {}			# samples that it does not bring: why
    refusal = "AUTH"		# what of the server's answer to a wrong password it shows

    def __init__(self, pki, port, mode, user, password, auth=None):
        self.pki, self.port, self.mode, self.user, self.password, self.auth = pki, port, mode, user, password, auth
        self.host = "localhost"
        self.home = pathlib.Path(rigs.scratch("rpcl."))
        self.ca = shutil.copy(pki.path("ca.pem"), self.home)
        for sub in ("got", "Maildir", "Maildir/new", "Maildir/cur", "Maildir/tmp"):
            (self.home / sub).mkdir(0o700)
        self.setup()
        self.own()

    def setup(self):
        pass

    def own(self):
        for path in (self.home, *self.home.rglob("*")):
            shutil.chown(path, "nobody", "nogroup")

    def write(self, name, text):
        path = self.home / name
        path.touch(0o600)
        path.write_text(text)
        return str(path)

    def program(self, *argv, typed="", **env):
        """The program's end: its status, and what it said."""
        env = {"HOME": str(self.home), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **env}
        p = subprocess.run(argv, env=env, cwd=self.home, input=typed, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", timeout=2 * rigs.PATIENCE, user="nobody", group="nogroup", extra_groups=[], check=False)
        return Result(p.returncode, p.stdout)

    def fetch(self, leave):
        """All that is new, left on the server or deleted there: Result."""
        raise NotImplementedError

    def raw(self):
        """The contents of what has come."""
        return [p.read_bytes() for sub in ("got", "Maildir/new", "Maildir/cur") for p in sorted((self.home / sub).iterdir())]

    def got(self):
        """The same, without what the program has added."""
        return [self.bare(data) for data in self.raw()]

    def bare(self, data):
        return data

    def expected(self, data):
        """What the program makes of a file of the server's."""
        return wire(data)

    def close(self):
        shutil.rmtree(self.home)


class Poplib(Client):
    """Python's poplib, within this process."""
    keeps = False
    mechanisms = {"user": "user", "apop": "apop"}
    cannot = dict.fromkeys(("longline", "longdots", "folded"), "its lines have at most 2048 octets")

    def connect(self):
        context = ssl.create_default_context(cafile=self.ca)
        if self.mode == "tls":
            return poplib.POP3_SSL(self.host, self.port, timeout=rigs.PATIENCE, context=context)
        p = poplib.POP3(self.host, self.port, timeout=rigs.PATIENCE)
        if self.mode == "stls":
            p.stls(context=context)
        return p

    def fetch(self, leave):
        try:
            p = self.connect()
            if self.auth == "apop":
                p.apop(self.user, self.password)
            else:
                p.user(self.user)
                p.pass_(self.password)
            for n in range(1, p.stat()[0] + 1):
                (self.home / "got" / str(n)).write_bytes(b"".join(line + b"\n" for line in p.retr(n)[1]))
                if not leave:
                    p.dele(n)
            p.quit()
        except poplib.error_proto as e:
            return Result(1, str(e))
        return Result(0, "")


PERL = """
use strict;
use Net::POP3;
use Authen::SASL;
my ($host, $port, $mode, $ca, $user, $password, $auth, $leave) = @ARGV;
my %tls = (SSL_ca_file => $ca, SSL_verify_mode => 1);
my $pop = Net::POP3->new($host, Port => $port, Timeout => 60, $mode eq 'tls' ? (SSL => 1, %tls) : ()) or die "connect: $@";
$mode ne 'stls' or $pop->starttls(%tls) or die 'stls: ' . $pop->message;
my $n = $auth eq 'apop' ? $pop->apop($user, $password)
    : $auth eq 'user' ? $pop->login($user, $password)
    : $pop->auth(Authen::SASL->new(mechanism => $auth, callback => { user => $user, authname => '', pass => $password }))
    ? $pop->popstat : undef;
defined $n or die 'login: ' . $pop->code . ' ' . $pop->message;
for my $i (sort { $a <=> $b } keys %{$pop->list}) {
    open my $out, '>:raw', "got/$i" or die $!;
    $pop->get($i, $out) or die "get $i: " . $pop->message;
    close $out or die $!;
    $leave or $pop->delete($i) or die "delete $i: " . $pop->message;
}
$pop->quit or die 'quit: ' . $pop->message;
"""


class NetPop3(Client):
    """Perl's Net::POP3."""
    keeps = False
    mechanisms = {"user": "user", "apop": "apop", "PLAIN": "plain", "LOGIN": "login", "CRAM-MD5": "cram-md5"}
    refusal = "wrong name or password"

    def expected(self, data):
        """IO::Socket::SSL's getline() is in the place of Net::Cmd's and leaves CR LF."""
        return wire(data) if self.mode == "clear" else wire(data).replace(b"\n", b"\r\n")

    def fetch(self, leave):
        return self.program("perl", "-e", PERL, self.host, str(self.port), self.mode, self.ca, self.user, self.password,
            self.auth or "user", "1" if leave else "")


class Mpop(Client):
    """mpop, with its own Received field left out."""
    refusal = "authentication failed"
    mechanisms = SASL

    def setup(self):
        self.rc = self.write("mpoprc", "account a\nhost %s\nport %d\nuser %s\npassword %s\nauth %s\n%s"
            "received_header off\ndelivery maildir %s/Maildir\nuidls_file %s/uidls\n" % (self.host, self.port, self.user,
            self.password, self.auth or "on", "" if self.mode == "clear" else "tls on\ntls_starttls %s\ntls_trust_file %s\n" % (
            "on" if self.mode == "stls" else "off", self.ca), self.home, self.home))

    def fetch(self, leave):
        return self.program("mpop", "-q", "-C", self.rc, "--keep=" + ("on" if leave else "off"), "a")


class Fetchmail(Client):
    """fetchmail, which hands each message to a program.  What it is to leave it gets with TOP."""
    marks = False
    mechanisms = {"password": "user", "cram-md5": "cram-md5"}
    alters = {"longline": LONG, "longdots": LONG, "noblank": HEAD, "noendhead": HEAD, "nofields": HEAD, "nohead": HEAD,
        "blank": HEAD, "empty": HEAD, "mbox": FROM}

    def expected(self, data):
        """Told to strip CR, it would strip those within a line, too."""
        return wire(data).replace(b"\n", b"\r\n")

    def setup(self):
        tls = {"clear": "sslproto ''", "stls": "sslproto 'TLS1.2+'", "tls": "ssl"}[self.mode]
        if self.mode != "clear":
            tls += " sslcertck sslcertfile '%s'" % self.ca
        self.rc = self.write("fetchmailrc", "set no bouncemail\nset idfile '%s/ids'\nset invisible\n"
            "poll %s protocol pop3 port %d uidl%s bad-header accept\nuser '%s' password '%s' is 'anna' here "
            "no rewrite no stripcr %s mda 'cat >$(mktemp %s/got/XXXXXXXX)'\n" % (self.home, self.host, self.port,
            " auth " + self.auth if self.auth else "", self.user, self.password, tls, self.home))

    def fetch(self, leave):
        r = self.program("fetchmail", "-f", self.rc, "-v", "--nosyslog", "--nodetach", "--pidfile", str(self.home / "pid"),
            "--keep" if leave else "--nokeep")
        return Result(0, r.log) if r.code == 1 else r		# nothing new


class Getmail(Client):
    """getmail, with its own Delivered-To and Received fields left out."""
    modes = ("clear", "tls")			# it has no STLS
    mechanisms = {"user": "user", "apop": "apop"}
    alters = {"barecr": CR, "allbytes": CR, "nocolon": HEAD, "blank": HEAD, "empty": HEAD, "nofields": HEAD, "noblank": HEAD,
        "noendhead": HEAD, "mbox": FROM}

    def bare(self, data):
        """It takes Return-Path fields away and writes one on top."""
        first, _, rest = data.partition(b"\n")
        assert first.startswith(b"Return-Path: "), first
        return rest

    def expected(self, data):
        return corpus.expected(wire(data).replace(b"\n", b"\r\n"))

    def setup(self):
        tls = "ca_certs = %s\nssl_cert_hostname = localhost\n" % self.ca if self.mode == "tls" else ""
        for name, delete in (("leave", "false"), ("delete", "true")):
            self.write(name, "[retriever]\ntype = SimplePOP3%sRetriever\nserver = %s\nport = %d\nusername = %s\npassword = %s\n"
                "use_apop = %s\n%s[destination]\ntype = Maildir\npath = %s/Maildir/\n[options]\nread_all = false\ndelete = %s\n"
                "delivered_to = false\nreceived = false\n" % ("SSL" if self.mode == "tls" else "", self.host, self.port, self.user,
                self.password, self.auth == "apop", tls, self.home, delete))

    def fetch(self, leave):
        return self.program(*getmail.ARGV, "--getmaildir", str(self.home), "-r", str(self.home / ("leave" if leave else "delete")))


class Fdm(Client):
    """fdm, with its own Received field left out."""
    mechanisms = {"user": "user", "apop": "apop"}
    alters = {"nul": NUL, "allbytes": NUL, "mbox": FROM}
    cannot = {"empty": "it ends the session at an empty message"}

    def setup(self):
        for name, keep in (("leave", ' keep'), ("delete", "")):
            self.write(name, 'set lock-file "%s/lock"\nset no-received\nset verify-certificates\nset maximum-size 20M\n'
                'action "in" maildir "%s/Maildir"\naccount "a" pop3%s server "%s" port %d user "%s" pass "%s" '
                'new-only cache "%s/cache"%s%s%s\nmatch all action "in"\n' % (self.home, self.home,
                "s" if self.mode == "tls" else "", self.host, self.port, self.user, self.password, self.home,
                "" if self.auth == "apop" else " no-apop", " starttls" if self.mode == "stls" else "", keep))

    def fetch(self, leave):
        r = self.program("fdm", "-v", "-f", str(self.home / ("leave" if leave else "delete")), "fetch", SSL_CERT_FILE=self.ca)
        return Result(1, r.log) if "aborted" in r.log else r	# the status does not tell


class Curl(Client):
    """curl, which knows single messages: the numbers come from a listing."""
    keeps = False
    mechanisms = {"PLAIN": "plain", "LOGIN": "login", "CRAM-MD5": "cram-md5", "+APOP": "apop"}	# Debian's has no SCRAM
    refusal = "Login denied"
    alters = {"empty": "it ends a message with CR LF, which none is there for"}

    def curl(self, *args):
        options = ["curl", "-sS", "--cacert", self.ca, "--user", self.user + ":" + self.password]
        if self.mode == "stls":
            options.append("--ssl-reqd")
        if self.auth:
            options += ["--login-options", "AUTH=" + self.auth]
        return self.program(*options, *args)

    def fetch(self, leave):
        url = "pop3%s://%s:%d/" % ("s" if self.mode == "tls" else "", self.host, self.port)
        r = self.curl(url)
        numbers = [line.split()[0] for line in r.log.splitlines() if line]
        if r.code != 0 or not numbers:
            return r
        r = self.curl(*[a for n in numbers for a in ("-o", "%s/got/%s" % (self.home, n), url + n)])
        if r.code != 0 or leave:
            return r
        options = []
        for n in numbers:
            options += ["-X", "DELE " + n, "-I", url, "-sS", "--cacert", self.ca, "--user", self.user + ":" + self.password]
            options += ["--ssl-reqd"] if self.mode == "stls" else []
            options.append("--next")
        return self.curl(*options[:-1])

    def expected(self, data):
        return wire(data).replace(b"\n", b"\r\n")


class Neomutt(Client):
    """neomutt, whose function <fetch-mail> brings a mailbox into a Maildir.  It wants a terminal."""
    keeps = False
    refusal = "failed"
    mechanisms = {"user": "user", "apop": "apop"}	# of SASL, it takes no names when it is built with GNU SASL
    alters = {"nul": NUL, "allbytes": NUL}

    def setup(self):
        self.rc = self.write("muttrc", "set mbox_type=Maildir spool_file=%s/Maildir folder=%s sleep_time=0 quit=yes\n"
            "set pop_host='pop%s://%s:%d' pop_user='%s' pop_pass='%s' pop_auth_try_all=no pop_last=no %s\n"
            "set ssl_starttls=%s ssl_force_tls=%s ssl_ca_certificates_file='%s' certificate_file=%s/certificates\n" % (self.home,
            self.home, "s" if self.mode == "tls" else "", self.host, self.port, self.user, self.password,
            "pop_authenticators=" + self.auth if self.auth else "", *["no" if self.mode == "clear" else "yes"] * 2, self.ca,
            self.home))

    def fetch(self, leave):
        pid, fd = pty.fork()
        if pid == 0:
            try:
                os.chdir(self.home)
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
                os.execvpe("neomutt", ["neomutt", "-n", "-F", self.rc, "-e", "set pop_delete=" + ("no" if leave else "yes"),
                    "-e", "push <fetch-mail>"], {"HOME": str(self.home), "PATH": os.environ["PATH"], "TERM": "vt100",
                    "LC_ALL": "C.UTF-8"})
            finally:
                os._exit(127)
        text = ""
        deadline = time.monotonic() + rigs.PATIENCE
        asked = False
        while time.monotonic() < deadline:
            if select.select([fd], [], [], 0.1)[0]:
                try:
                    text += os.read(fd, 65536).decode(errors="replace")
                except OSError:
                    break
            if not asked and re.search("messages? read|No new mail|failed|Error|error", text):
                os.write(fd, b"q")
                asked = True
        os.close(fd)
        try:
            os.kill(pid, 9)
        except ProcessLookupError:
            pass
        os.waitpid(pid, 0)
        return Result(0 if re.search("messages? read|No new mail", text) else 1, text)


class Snail(Client):
    """s-nail, which opens the mailbox as a folder and copies it into another."""
    keeps = False
    mechanisms = {"plain": "user", "apop": "apop"}
    alters = {"barecr": CR, "nocolon": HEAD, "nofields": HEAD, "mbox": "a line From begins a message in its eyes"}

    def expected(self, data):
        """An empty line ends a message in its folders."""
        data = wire(data)
        return data if data == b"\n" or data.endswith(b"\n\n") else data + b"\n"

    def setup(self):
        self.rc = self.write("mailrc", "set v15-compat tls-verify=strict tls-ca-file=%s tls-ca-no-defaults %s %s\n" % (self.ca,
            "pop3-use-starttls" if self.mode == "stls" else "", "" if self.auth == "apop" else "pop3-no-apop"))

    def fetch(self, leave):
        url = "pop3%s://%s:%s@%s:%d" % ("s" if self.mode == "tls" else "", urllib.parse.quote(self.user, ""),
            urllib.parse.quote(self.password), self.host, self.port)
        r = self.program("s-nail", "-:u", "-#", "-f", url, typed="copy * maildir://%s/Maildir\n%squit\n" % (self.home,
            "" if leave else "delete *\n"), MAILRC=self.rc)
        return Result(1, r.log) if "POP3 error" in r.log else r	# likewise


class Rpopd(Client):
    """rpopd itself, with stores and a mail root of its own."""
    mechanisms = SASL
    refusal = "wrong name or password"

    def setup(self):
        self.rig = rigs.Rig(self.pki)
        self.rig.account("postmaster@example.net")
        self.rig.account("anna@example.net")
        server = types.SimpleNamespace(host=self.host, port=self.port)
        tls = "none" if self.mode == "clear" else self.mode
        self.rig.record("anna@example.net", "isp", server, self.user, self.password, tls=tls, auth=self.auth or "auto")
        self.rig.write_db()

    def fetch(self, leave):
        self.rig.sqlite("UPDATE rpop SET leave = %d" % leave)
        return self.rig.once()

    def raw(self):
        return [data for where in self.rig.delivered().values() for data in where]

    def bare(self, data):
        return corpus.split_prologue(data)[3]

    def expected(self, data):
        return corpus.expected(wire(data).replace(b"\n", b"\r\n"))

    def close(self):
        self.rig.close()
        super().close()


CLIENTS = {"poplib": Poplib, "net-pop3": NetPop3, "mpop": Mpop, "fetchmail": Fetchmail, "getmail": Getmail, "fdm": Fdm,
    "curl": Curl, "neomutt": Neomutt, "s-nail": Snail, "rpopd": Rpopd}
