# SPDX-License-Identifier: ISC
"""A scripted FastCGI responder at a unix socket, which stands in the place of rpopd's web page behind a web server."""
import os
import socket
import struct
import threading

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT = range(1, 7)


class Request:
    def __init__(self, params, body):
        self.params, self.body = params, body

    def __getattr__(self, name):
        """A parameter, as request.PATH_INFO; empty if there is none."""
        if not name.isupper():
            raise AttributeError(name)
        return self.params.get(name, "")


def take(data, at):
    """One length of the parameters' encoding, and where the next octet is."""
    if data[at] < 128:
        return data[at], at + 1
    return struct.unpack_from(">I", data, at)[0] & 0x7fffffff, at + 4


def pairs(data):
    """The parameters as text."""
    found, at = {}, 0
    while at < len(data):
        name, at = take(data, at)
        value, at = take(data, at)
        found[data[at:at + name].decode()] = data[at + name:at + name + value].decode(errors="surrogateescape")
        at += name + value
    return found


def record(kind, number, data=b""):
    return struct.pack(">BBHHBB", 1, kind, number, len(data), 0, 0) + data


def answer_of(number, data):
    """The records of a whole answer: the octets of CGI's answer in STDOUT, and END."""
    out = b"".join(record(STDOUT, number, data[i:i + 32768]) for i in range(0, len(data), 32768))
    return out + record(STDOUT, number) + record(END, number, bytes(8))


def page(status, text, *fields, kind="text/html; charset=utf-8"):
    """What CGI answers."""
    head = ["Status: %d" % status, "Content-Type: " + kind] + list(fields)
    return ("\r\n".join(head) + "\r\n\r\n" + text).encode()


class Responder:
    """
    script(Request) returns what page() makes.  One thread for each connection; requests has what came, the latest last.
    """

    def __init__(self, path, script):
        self.path, self.script = path, script
        self.requests = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        os.chmod(path, 0o666)
        self.listener.listen(64)
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection, connection.makefile("rb") as stream:
            request, number = self.read(stream)
            if request is None:
                return
            self.requests.append(request)
            try:
                connection.sendall(answer_of(number, self.script(request)))
            except OSError:
                pass

    def read(self, stream):
        """(Request, its number); None if the web server has thought better of it."""
        params, body = b"", b""
        while True:
            head = stream.read(8)
            if len(head) < 8:
                return None, 0
            _, kind, number, length, padding, _ = struct.unpack(">BBHHBB", head)
            data = stream.read(length)
            stream.read(padding)
            if kind == ABORT:
                return None, 0
            if kind == PARAMS:
                params += data
            if kind == STDIN:
                body += data
                if length == 0:
                    return Request(pairs(params), body), number

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()
        os.unlink(self.path)
