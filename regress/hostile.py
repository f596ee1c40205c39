# SPDX-License-Identifier: ISC
"""The misbehaving POP3 server by itself: hostile.py --list; hostile.py BEHAVIOUR PORT."""
import argparse
import os
import re
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "e2e"))
from lib import corpus, pki  # noqa: E402
from servers.hostile import ALL, load  # noqa: E402
from servers.pop3 import Pop3Server  # noqa: E402

TEXT = """\
A POP3 server with a mailbox of five messages that misbehaves as its name says, in every session, until it is interrupted.
The login is %s, the password %s.  What the client says is shown as it comes."""


def describe(case):
    """One line of what the behaviour does."""
    doc = (case.make().__class__.__doc__ or "").strip()
    return re.split(r"(?<=[.;])\s", " ".join(doc.split()))[0]


def show(server):
    """Prints each session's commands while the server runs."""
    shown = {}
    while True:
        for s in list(server.sessions):
            for word, arg in s.commands[shown.get(s.number, 0):]:
                print("%d%s %s %s" % (s.number, " TLS" if s.tls else "", word.upper(), arg.decode("latin-1")), flush=True)
                shown[s.number] = shown.get(s.number, 0) + 1
        time.sleep(0.1)


def main(argv=None):
    registry = load()
    any_case = next(iter(registry.values())).make()
    parser = argparse.ArgumentParser(prog="hostile.py", formatter_class=argparse.RawDescriptionHelpFormatter,
        description=TEXT % (any_case.user.decode(), any_case.password.decode()))
    parser.add_argument("behaviour", nargs="?", help="one of --list")
    parser.add_argument("port", nargs="?", type=int, default=0, help="to listen on; 0, the default: any")
    parser.add_argument("--list", action="store_true", help="all behaviours, the outcome a client should have, what they are")
    parser.add_argument("--mode", choices=("plain", "stls", "pop3s"), default="plain")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--octets", action="store_true", help="send one octet per segment")
    args = parser.parse_args(argv)
    if args.list:
        for case in registry.values():
            print("%-28s %s  %s" % (case.name, case.outcome, describe(case)))
        return
    if args.behaviour not in registry:
        parser.error("no such behaviour; see --list")
    with tempfile.TemporaryDirectory() as directory:
        certificates = pki.Pki(os.path.join(directory, "ca"))
        server = Pop3Server(certificates, registry[args.behaviour].make(), [corpus.mail(i) for i in ALL], args.mode,
            args.host, args.port, args.octets)
        print("%s:%d; the certificate's CA is %s" % (args.host, server.port, certificates.path("ca.pem")), flush=True)
        try:
            show(server)
        except KeyboardInterrupt:
            server.stop()


if __name__ == "__main__":
    main()
