# SPDX-License-Identifier: ISC
"""STLS with something behind it, again, at the wrong time; handshakes that stop, are rubbish, or are too old; octets in clear."""
import ssl

from clients.pop3 import client_hello, tls_context

from . import BAD, CLEAR, END, LISTED, OK, SECURE, add


def injected(name, what):
    """What lies in clear behind STLS is dropped: the first answer behind the handshake is that to what was said in TLS."""
    def play(v):
        v.client.send(b"STLS\r\n" + v.fill(what))
        v.client.expect(b"", OK)
        v.client.secure()
        assert not v.client.waiting, v.client.waiting
        v.client.expect("CAPA", LISTED + OK)
        v.client.expect("STAT", BAD)
        v.client.expect("PASS {secret}", BAD)
        v.client.expect("USER {user}", OK)
        v.client.expect("PASS {secret}", OK)
    add("stls-injected-" + name, play, start="greeted", modes=("stls",))


for _name, _what in (("noop", b"NOOP\r\n"), ("capa", b"CAPA\r\n"), ("user", b"USER {user}\r\n"), ("login", b"USER {user}\r\nPASS {secret}\r\n"),
        ("part", b"USE"), ("user-name-part", b"USER an"),
        ("quit", b"QUIT\r\n"), ("stls", b"STLS\r\n"), ("many", b"NOOP\r\n" * 1000),
        ("nonsense", b"nonsense\r\n" * 20), ("nul", b"\0\r\n"), ("lf", b"\n"), ("auth", b"AUTH PLAIN\r\n{plain}\r\n"), ("deletion", b"DELE 1\r\nQUIT\r\n")):
    injected(_name, _what)


def user_forgotten(v):
    v.client.expect("USER {user}", OK)
    v.client.expect("STLS", OK)
    v.client.secure()
    v.client.expect("PASS {secret}", BAD)


def injected_in_pieces(v):
    """The end of STLS and what is behind it come in one piece, everything ahead of them before."""
    v.client.send(b"STLS\r")
    v.client.send(b"\nUSER x\r\n")
    v.client.expect(b"", OK)
    v.client.secure()
    v.client.expect("PASS {secret}", BAD)


def rubbish(name, octets, modes=SECURE, closes=True):
    """These octets where a handshake belongs."""
    def play(v):
        v.to_handshake()
        v.client.send(octets)
        if closes:
            v.client.finish_sending()
            v.client.rest()
    add("tls-" + name, play, start="raw", ends=True, modes=modes)


def hello_parts(v):
    """A handshake that goes no further than each of some octets."""
    hello = client_hello(v.context)
    v.client.close()
    for n in list(range(0, 64)) + list(range(64, len(hello), 37)):
        c = v.connect(start="raw", source=n)
        v.to_handshake(c)
        c.send(hello[:n])
        (c.reset if n % 2 else c.close)()


def held(v):
    """Thirty handshakes that do not go on, at once, in the way of nobody."""
    hello = client_hello(v.context)
    v.client.close()
    clients = [v.connect(start="raw", source=n) for n in range(30)]
    for n, c in enumerate(clients):
        v.to_handshake(c)
        c.send(hello[:n * len(hello) // 30])
    v.connect(source=99).expect("CAPA", LISTED + OK)
    for c in clients:
        c.reset()


def old_version(v):
    v.to_handshake()
    try:
        v.client.secure(tls_context(v.pki, legacy=True))
        raise AssertionError("a handshake with " + v.client.sock.version())
    except (ssl.SSLError, ConnectionResetError):
        pass


def altered(v):
    """An octet of the record is not what it was."""
    hello = bytearray(client_hello(v.context))
    hello[len(hello) // 2:] = b"\xaa" * (len(hello) - len(hello) // 2)
    v.to_handshake()
    v.client.send(bytes(hello))
    v.client.finish_sending()
    v.client.rest()


def clear_within(v):
    """Octets in clear where a record belongs, behind the handshake: the session is over."""
    v.below_tls(b"QUIT\r\n" * 50)
    v.client.finish_sending()
    v.client.rest()


for _name, _octets in (("pop3", b"USER anna\r\nPASS zq-s3cret\r\n"), ("http", b"GET / HTTP/1.0\r\n\r\n"), ("empty", b""), ("zeros", b"\0" * 5000),
        ("ones", b"\xff" * 5000), ("pattern", bytes(range(256)) * 40), ("sslv2", b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + b"\7" * 37),
        ("sslv3", b"\x16\x03\x00\x00\x2f\x01\x00\x00\x2b\x03\x00" + b"\0" * 41), ("length-65535", b"\x16\x03\x01\xff\xff" + b"x" * 40000),
        ("length-0", b"\x16\x03\x01\x00\x00" * 200), ("hello-length", b"\x16\x03\x01\x00\x04\x01\xff\xff\xff"),
        ("alert", b"\x15\x03\x03\x00\x02\x02\x28"),
        ("warnings", b"\x15\x03\x03\x00\x02\x01\x5a" * 300), ("heartbeat", b"\x18\x03\x02\x00\x03\x01\x40\x00"),
        ("change-cipher", b"\x14\x03\x03\x00\x01\x01" * 50), ("data", b"\x17\x03\x03\x00\x06CAPA\r\n"), ("unknown-type", b"\x63\x03\x03\x00\x01x"),
        ("unknown-version", b"\x16\x7f\x7f\x00\x01x"), ("megabyte", b"\x16" * (1 << 20)), ("one-octet", b"\x16")):
    rubbish(_name, _octets)
rubbish("hung-up", b"\x16\x03\x01", closes=False)

add("stls-user-forgotten", user_forgotten, start="greeted", modes=("stls",))
add("stls-injected-in-pieces", injected_in_pieces, start="greeted", modes=("stls",))
add("stls-not-offered", [("STLS", BAD), ("STLS", BAD), ("USER {user}", OK), ("PASS {secret}", OK)], modes=CLEAR)
add("stls-twice", [("STLS", BAD), ("USER {user}", OK), ("STLS", BAD), ("CAPA", LISTED + OK), ("PASS {secret}", OK)], modes=SECURE)
add("stls-in", [("STLS", BAD)], start="in")
add("stls-until-the-end", [("STLS", BAD)] * 4 + [("STLS", r"-ERR too many.*"), (b"", END)], ends=True)
add("stls-argument", [("STLS x", BAD), ("STLS", OK)], start="greeted", ends=True, modes=("stls",))
add("stls-in-clear-then", [("STLS", OK), (b"CAPA\r\n", None)], start="greeted", ends=True, modes=("stls",))
add("stls-hung-up", [("STLS", OK)], start="greeted", ends=True, modes=("stls",))
add("stls-not-awaited", [(b"STLS\r\n", None)], start="raw", ends=True, modes=("stls",))
add("tls-hello-parts", hello_parts, start="raw", ends=True, modes=SECURE)
add("tls-held", held, start="raw", ends=True, modes=SECURE)
add("tls-old-version", old_version, start="raw", ends=True, modes=SECURE)
add("tls-altered", altered, start="raw", ends=True, modes=SECURE)
add("tls-clear-within", clear_within, ends=True, modes=SECURE)
add("tls-clear-within-in", clear_within, start="in", ends=True, modes=SECURE)
add("tls-expected-in-clear", lambda v: v.tls_on_clear(), start="raw", ends=True, modes=("clear",))
