# SPDX-License-Identifier: ISC
"""The test servers themselves, against Python's own client: a broken server would make every other result worthless."""
import poplib
import ssl

import pytest

from lib import corpus
from servers import behaviours as B
from servers.pop3 import Behaviour


def client(server, pki, tls):
    context = ssl.create_default_context(capath=pki.certs)
    if tls == "tls":
        port = getattr(server, "sport", server.port)
        return poplib.POP3_SSL("localhost", port, context=context, timeout=60)
    p = poplib.POP3("localhost", server.port, timeout=60)
    if tls == "stls":
        p.stls(context)
    return p


def fetch(p):
    return [b"".join(x + b"\r\n" for x in p.retr(n + 1)[1]) for n in range(p.stat()[0])]


@pytest.mark.parametrize("tls", ["none", "stls", "tls"])
def test_dovecot(dovecot_server, mailbox, pki, tls):
    data = corpus.mail("d")
    user, password = mailbox([data])
    p = client(dovecot_server, pki, tls)
    p.user(user)
    p.pass_(password)
    assert fetch(p) == [data]
    p.dele(1)
    p.quit()
    assert dovecot_server.messages(user) == []


def test_dovecot_apop(dovecot_server, mailbox, pki):
    user, password = mailbox([corpus.mail("d")])
    p = client(dovecot_server, pki, "tls")
    p.apop(user, password)
    assert p.stat()[0] == 1
    p.quit()


@pytest.mark.parametrize("mode", ["plain", "stls", "pop3s"])
def test_popd(pop3, pki, mode):
    data = [corpus.mail("a"), corpus.awkward("")["dots"]]
    s = pop3(Behaviour(), data, mode)
    p = client(s, pki, s.tls)
    p.user("user")
    p.pass_("s3cret-word")
    assert fetch(p) == data
    assert p.uidl()[1] == [b"1 uid-00001", b"2 uid-00002"]
    assert p.list(2) == b"+OK 2 %d" % len(data[1])
    assert p.top(1, 0)[1] == data[0].partition(b"\r\n\r\n")[0].split(b"\r\n") + [b""]
    with pytest.raises(poplib.error_proto):
        p.list(3)
    p.dele(2)
    p.quit()
    assert s.box.left() == data[:1]
    assert (b"s3cret-word" in s.clear_octets()) == (mode == "plain")


def test_popd_apop_and_wrong_password(pop3, pki):
    s = pop3(B.Apop(), [corpus.mail("a")])
    p = client(s, pki, "none")
    p.apop("user", "s3cret-word")
    p.quit()
    p = client(s, pki, "none")
    p.user("user")
    with pytest.raises(poplib.error_proto):
        p.pass_("wrong")


@pytest.mark.parametrize("cert", ["expired", "wrongname", "unknown", "selfsigned"])
def test_bad_certificates_are_bad(pop3, pki, cert):
    with pytest.raises(ssl.SSLCertVerificationError):
        client(pop3(B.Cert(cert), [], "pop3s"), pki, "tls")
