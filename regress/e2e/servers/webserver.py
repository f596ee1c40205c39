# SPDX-License-Identifier: ISC
"""
The distribution's web servers in front of the socket of rpopd's web page, each with its sample of etc/web: what is to be changed in a
sample is changed, and the rest is what an administrator gets.  One port of loopback speaks TLS, another one does not.
"""
import os
import signal
import socket
import subprocess
import time

from lib import rig as rigs
from lib.rig import REPO
from .dovecot import free_port

SAMPLES = os.path.join(REPO, "etc", "web")


class WebServer:
    """Runs in the foreground from a scratch directory, as root; its workers are who the server says."""

    sample = ""		# in etc/web
    below = ()		# changes that put the pages below /mail, as the sample's comment says
    program = ""
    limits = True	# it hands on no form of more than 1 MiB
    signal = signal.SIGTERM

    def __init__(self, directory, pki, web_socket, base=""):
        self.dir, self.socket, self.base = directory, web_socket, base
        self.port, self.plain, self.redirect = free_port(), free_port(), free_port()
        self.cert, self.key = pki.cert()
        for name in ("empty", "tmp"):
            os.mkdir(self.path(name))
            os.chmod(self.path(name), 0o777)
        self.proc = None
        with open(self.path("conf"), "w") as f:
            f.write(self.conf())
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def path(self, name):
        return os.path.join(self.dir, name)

    def url(self, path="/"):
        return "https://localhost:%d%s%s" % (self.port, self.base, path)

    def changed(self, *changes):
        """The sample with (old, new) each in place; one that has nothing to change is an error."""
        with open(os.path.join(SAMPLES, self.sample)) as f:
            text = f.read()
        for old, new in changes + (("/run/rpopd/web.sock", self.socket),) + (self.below if self.base else ()):
            assert old in text, "%s is not in etc/web/%s" % (old, self.sample)
            text = text.replace(old, new)
        return text

    def certificate(self):
        return (("/etc/ssl/mail.example.org.pem", self.cert), ("/etc/ssl/private/mail.example.org.key", self.key))

    def start(self):
        with open(self.path("output"), "ab") as out:
            self.proc = subprocess.Popen(self.argv(), stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=self.dir,
                start_new_session=True, env=dict(os.environ, HOME=self.dir))
        deadline = time.monotonic() + rigs.PATIENCE
        for port in (self.port, self.plain):
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 5).close()
                    break
                except OSError:
                    if self.proc.poll() is not None or time.monotonic() > deadline:
                        raise RuntimeError("%s did not start:\n%s" % (self.program, self.log()))
                    time.sleep(0.05)

    def stop(self):
        if self.proc is None:
            return
        self.proc.send_signal(self.signal)
        try:
            self.proc.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.proc.pid, signal.SIGKILL)
            self.proc.wait()
        self.proc = None

    def log(self):
        text = ""
        for name in ("output", "errors"):
            if os.path.exists(self.path(name)):
                with open(self.path(name), errors="replace") as f:
                    text += f.read()
        return text


NGINX = """\
daemon off;
worker_processes 1;
user www-data;
pid %(dir)s/pid;
error_log %(dir)s/errors;
events { worker_connections 256; }
http {
access_log off;
client_body_temp_path %(dir)s/tmp/b; proxy_temp_path %(dir)s/tmp/p; fastcgi_temp_path %(dir)s/tmp/f;
uwsgi_temp_path %(dir)s/tmp/u; scgi_temp_path %(dir)s/tmp/s;
%(sample)s
}
"""


class Nginx(WebServer):
    sample = "nginx.conf"
    program = "/usr/sbin/nginx"
    below = (("location / {", "location /mail/ {\nfastcgi_split_path_info ^(/mail)(/.*)$;"), ('SCRIPT_NAME "";', "SCRIPT_NAME $fastcgi_script_name;"),
        ("PATH_INFO $uri;", "PATH_INFO $fastcgi_path_info;"))

    def conf(self):
        return NGINX % {"dir": self.dir, "sample": self.changed(*self.certificate(), ("listen [::]:80;", ""),
            ("listen [::]:443 ssl http2;", ""), ("listen 80;", "listen 127.0.0.1:%d;" % self.redirect),
            ("listen 443 ssl http2;", "listen 127.0.0.1:%d ssl http2; listen 127.0.0.1:%d;" % (self.port, self.plain)),
            ("https://mail.example.org$", "https://localhost:%d$" % self.port), ("server_name mail.example.org", "server_name localhost"))}

    def argv(self):
        return [self.program, "-p", self.dir, "-e", self.path("errors"), "-c", self.path("conf")]


LIGHTTPD = """\
server.document-root = "%(dir)s/empty"
server.upload-dirs = ( "%(dir)s/tmp" )
server.bind = "127.0.0.1"
server.port = %(plain)d
server.username = "www-data"
server.groupname = "www-data"
%(sample)s
"""


class Lighttpd(WebServer):
    sample = "lighttpd.conf"
    program = "/usr/sbin/lighttpd"

    def conf(self):
        return LIGHTTPD % {"dir": self.dir, "plain": self.plain, "sample": self.changed(*self.certificate(),
            ('== ":443"', '== "127.0.0.1:%d"' % self.port), ('== "mail.example.org"', '== "localhost"'))}

    def argv(self):
        return [self.program, "-D", "-f", self.path("conf")]


APACHE = """\
ServerRoot %(dir)s
ServerName localhost
PidFile %(dir)s/pid
ErrorLog %(dir)s/errors
DefaultRuntimeDir %(dir)s
DocumentRoot %(dir)s/empty
User www-data
Group www-data
Listen 127.0.0.1:%(port)d
Listen 127.0.0.1:%(plain)d
StartServers 1
ThreadsPerChild 25
MaxRequestWorkers 50
%(modules)s
%(sample)s
<VirtualHost *:%(plain)d>
%(proxy)s
</VirtualHost>
"""


class Apache(WebServer):
    sample = "apache.conf"
    program = "/usr/sbin/apache2"
    limits = False

    def conf(self):
        modules = "\n".join("LoadModule %s_module /usr/lib/apache2/modules/mod_%s.so" % (m, m)
            for m in ("mpm_event", "authz_core", "socache_shmcb", "ssl", "proxy", "proxy_fcgi"))
        sample = self.changed(*self.certificate(), ("<VirtualHost *:443>", "<VirtualHost *:%d>" % self.port),
            ("ServerName mail.example.org", "ServerName localhost"))
        proxy = "\n".join(line for line in sample.splitlines() if line.strip().startswith("Proxy"))
        return APACHE % {"dir": self.dir, "port": self.port, "plain": self.plain, "modules": modules, "sample": sample, "proxy": proxy}

    def argv(self):
        return [self.program, "-D", "FOREGROUND", "-f", self.path("conf")]


CADDY = """\
{
	admin off
	auto_https disable_redirects
	storage file_system %(dir)s/tmp
	default_bind 127.0.0.1
}
%(sample)s
%(plain)s
"""


class Caddy(WebServer):
    sample = "Caddyfile"
    program = "/usr/bin/caddy"

    def conf(self):
        def site(head):
            return self.changed(("mail.example.org {", head))
        return CADDY % {"dir": self.dir, "plain": site("http://localhost:%d {" % self.plain),
            "sample": site("https://localhost:%d {\n\ttls %s %s" % (self.port, self.cert, self.key))}

    def argv(self):
        return [self.program, "run", "--adapter", "caddyfile", "--config", self.path("conf")]


SERVERS = {"nginx": Nginx, "lighttpd": Lighttpd, "apache": Apache, "caddy": Caddy}
