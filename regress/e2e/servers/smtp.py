# SPDX-License-Identifier: ISC
"""
An SMTP or LMTP server to be told what to answer: to each recipient in RCPT or at the end of the message, in the greeting, to MAIL; to
drop the connection at a point, to be slow, to offer what it likes.  On TCP or on a socket in the file system.  Every transaction
is recorded, octet for octet, with what was answered.
"""
import os
import re
import socket
import threading
import time

OK = "250 2.1.5 fine"
TEMP = "451 4.2.0 try again later"
PERM = "550 5.1.1 no such user here"


class Gone(Exception):
    """End this connection now."""


class Transaction:
    def __init__(self, sender, params):
        self.sender, self.params = sender, params
        self.rcpts = []			# (address, parameters) that were accepted in RCPT
        self.refused = []		# (address, reply)
        self.client = None		# by XCLIENT
        self.data = None		# as received, dots unstuffed
        self.answers = {}		# address: reply to it at the end
        self.told = []			# who the replies at the end that were given are about
        self.dropped = False		# by us, before they were all given
        self.followed = False		# by another command: the client has done with the replies
        self.life = None		# SmtpServer.life when the connection began

    def taken(self):
        """Who has got it."""
        return [a for a, _ in self.rcpts if self.answers.get(a, "")[:1] == "2"]


class SmtpServer:
    """
    answers[address] is a reply, or a list of replies of which each is used once and the last one for good; "rcpt: 550 ..." is given
    to RCPT instead of at the end.  SMTP has one reply at the end: the worst of what its recipients have.
    """
    def __init__(self, protocol="lmtp", path=None, extensions=("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "DSN"), port=0):
        self.protocol, self.path = protocol, path
        self.extensions = list(extensions)
        self.answers = {}
        self.default = OK
        self.greeting = "220 mta.test ready"
        self.mail = OK			# to MAIL FROM
        self.drop = {}			# {"greeting" | "mail" | "rcpt" | "data" | "dot" | "reply": how many times}
        self.delay = 0.0		# s before the replies at the end
        self.hold = None		# an Event: nothing is answered at the end until it is set
        self.life = None		# for the test's own use
        self.mails, self.connections, self.commands = [], 0, []
        self.open = self.most_open = 0
        self.stopping = False
        self.lock = threading.Lock()
        if path:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(path)
            self.listener.listen(50)
        else:
            self.listener = socket.create_server(("127.0.0.1", port), backlog=50)
            self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self):
        """For column nexthop.address."""
        return self.path or "127.0.0.1:%d" % self.port

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            if self.stopping:
                sock.close()
                return
            with self.lock:
                self.connections += 1
                self.open += 1
                self.most_open = max(self.most_open, self.open)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            sock.settimeout(120)
            Conversation(self, sock).run()
        except (Gone, OSError):
            pass
        finally:
            sock.close()
            with self.lock:
                self.open -= 1

    def reply(self, address):
        """(at RCPT or not, text)"""
        r = self.answers.get(address, self.default)
        if isinstance(r, list):
            with self.lock:
                r = r.pop(0) if len(r) > 1 else r[0]
        return (True, r[6:]) if r.startswith("rcpt: ") else (False, r)

    def dropping(self, point):
        with self.lock:
            if self.drop.get(point, 0) > 0:
                self.drop[point] -= 1
                return True
        return False

    def taken(self):
        """Every address for every message it was given, in order."""
        return [a for m in self.mails for a in m.taken()]

    def stop(self):
        self.stopping = True
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        if self.path and os.path.exists(self.path):
            os.unlink(self.path)


class Conversation:
    def __init__(self, server, sock):
        self.server, self.sock, self.buffer = server, sock, b""
        self.mail, self.ends, self.client = None, {}, None
        self.last, self.life = None, server.life

    def say(self, text):
        self.sock.sendall(text.encode() + b"\r\n")

    def line(self):
        while b"\r\n" not in self.buffer:
            data = self.sock.recv(65536)
            if not data:
                raise Gone
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def maybe_drop(self, point):
        if self.server.dropping(point):
            raise Gone

    def run(self):
        self.maybe_drop("greeting")
        self.say(self.server.greeting)
        if not self.server.greeting.startswith("2"):
            return
        while True:
            line = self.line().decode("utf-8", "surrogateescape")
            if self.last:
                self.last.followed = True
            word = line.split(" ")[0].upper()
            self.server.commands.append(line)
            handler = getattr(self, "do_" + word.lower(), None)
            if handler is None:
                self.say("500 5.5.1 unknown")
            elif handler(line[len(word) + 1:]):
                return

    def do_lhlo(self, arg):
        lines = ["mta.test"] + self.server.extensions
        for i, text in enumerate(lines):
            self.say("250%s%s" % (" " if i == len(lines) - 1 else "-", text))

    do_ehlo = do_lhlo

    def do_helo(self, arg):
        self.say("250 mta.test")

    def do_xclient(self, arg):
        self.client = arg.partition("ADDR=")[2]
        self.say(self.server.greeting)

    def do_mail(self, arg):
        self.maybe_drop("mail")
        m = re.match(r"FROM:<(.*?)>(?: (.*))?$", arg, re.I)
        assert m, arg
        if self.server.mail.startswith("2"):
            self.mail, self.ends = Transaction(m.group(1), (m.group(2) or "").split()), {}
            self.mail.client = self.client
        self.say(self.server.mail)

    def do_rcpt(self, arg):
        self.maybe_drop("rcpt")
        m = re.match(r"TO:<(.*?)>(?: (.*))?$", arg, re.I)
        if not m or self.mail is None:
            return self.say("503 5.5.1 MAIL first")
        early, text = self.server.reply(m.group(1))
        if early:
            self.mail.refused.append((m.group(1), text))
            return self.say(text)
        self.mail.rcpts.append((m.group(1), (m.group(2) or "").split()))
        self.ends[m.group(1)] = text
        self.say(OK)

    def do_data(self, arg):
        if self.mail is None or not self.mail.rcpts:
            return self.say("503 5.5.1 no recipients")
        self.maybe_drop("data")
        self.say("354 go")
        while b"\r\n.\r\n" not in b"\r\n" + self.buffer:
            data = self.sock.recv(65536)
            if not data:
                raise Gone
            self.buffer += data
        body, self.buffer = (b"\r\n" + self.buffer).split(b"\r\n.\r\n", 1)
        self.last = mail = self.mail
        self.mail, mail.life = None, self.life
        mail.data = (body + b"\r\n").replace(b"\r\n..", b"\r\n.")[2:]
        replies = [self.ends[a] for a, _ in mail.rcpts]
        if self.server.protocol == "smtp":
            replies = [max(replies)] * len(replies)		# 250 < 451 < 550
        mail.answers = {a: r for (a, _), r in zip(mail.rcpts, replies)}
        with self.server.lock:
            self.server.mails.append(mail)
        mail.dropped = self.server.dropping("dot")
        if mail.dropped:
            raise Gone
        time.sleep(self.server.delay)
        if self.server.hold:
            self.server.hold.wait(60)
        self.end(mail, replies)

    def end(self, mail, replies):
        if self.server.protocol == "smtp":
            self.say(replies[0])
            mail.told = [a for a, _ in mail.rcpts]
            return
        for (address, _), r in zip(mail.rcpts, replies):
            if self.server.dropping("reply"):
                mail.dropped = True
                raise Gone
            self.say(r)
            mail.told.append(address)

    def do_rset(self, arg):
        self.mail = None
        self.say("250 2.0.0 fine")

    def do_noop(self, arg):
        self.say("250 2.0.0 fine")

    def do_quit(self, arg):
        self.say("221 2.0.0 bye")
        return True
