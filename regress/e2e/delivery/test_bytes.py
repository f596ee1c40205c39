# SPDX-License-Identifier: ISC
"""Octet for octet: everything but Return-Path, the special field and CRLF to LF is what the server sent."""
import pytest

from lib import corpus
from servers import behaviours as B

ANNA = "example.org/anna"
AWKWARD = corpus.awkward("w-")
SMALL = {n: d for n, d in AWKWARD.items() if len(d) < 100_000}


def bodies(rig, where=ANNA):
    return [corpus.split_prologue(d)[3] for d in rig.delivered().get(where, [])]


@pytest.mark.parametrize("mode", ["plain", "stls", "pop3s"])
def test_awkward(personal, pop3, mode):
    s = pop3(messages=list(AWKWARD.values()), mode=mode)
    personal.record("anna@example.org", "work", s)
    assert personal.once().code == 0
    got = {corpus.ident_of(d): corpus.split_prologue(d)[3] for d in personal.delivered()[ANNA]}
    assert sorted(got) == sorted("w-" + n for n in AWKWARD)
    for name, wire in AWKWARD.items():
        assert got["w-" + name] == corpus.expected(wire), name
    assert s.box.left() == []


@pytest.mark.parametrize("name", sorted(corpus.bare("")))
def test_odd_shapes(personal, pop3, name):
    wire = corpus.bare("x-")[name]
    s = pop3(messages=[wire])
    personal.record("anna@example.org", "work", s)
    assert personal.once().code == 0
    assert s.box.left() == []
    assert len(personal.delivered()[ANNA]) == 1
    got = bodies(personal)[0]
    want = corpus.expected(wire)
    assert got in (want, b"\n" + want, want + b"\n"), "only an empty line may be added between header and body"


@pytest.mark.parametrize("capabilities", [["USER", "UIDL"], ["USER", "UIDL", "PIPELINING"]])
@pytest.mark.parametrize("octets", [1, 7, 1460])
def test_segmentation(personal, pop3, octets, capabilities):
    behaviour = B.Segments(octets)
    behaviour.capabilities = capabilities
    data = [d for d in SMALL.values() if len(d) < 8000]
    personal.record("anna@example.org", "work", pop3(behaviour, data))
    assert personal.once().code == 0
    assert sorted(bodies(personal)) == sorted(corpus.expected(d) for d in data)


@pytest.mark.parametrize("special", ["X-Real-To", "*"])
def test_unified_keeps_octets(unified, pop3, special):
    """The awkward corpus through both unified modes: the special field goes, and nothing else."""
    field = b"X-Real-To: anna@example.org,\r\n\tbert@example.org\r\nx-real-to: anna\r\n"
    data = [field + d for n, d in AWKWARD.items() if n != "nocolon" or special != "*"]	# there, To is no field any more
    unified.record("postmaster@example.org", "all", pop3(messages=data), special=special)
    assert unified.once().code == 0
    want = sorted(corpus.expected(d, special) for d in data)
    assert sorted(bodies(unified)) == want
    if special != "*":
        assert sorted(bodies(unified, "example.org/bert")) == want


def test_dovecot_no_final_newline(personal, dovecot_server, mailbox):
    data = corpus.mail("n", body=b"no newline at the end")
    user, password = mailbox([data])
    personal.record("anna@example.org", "work", dovecot_server, user, password)
    assert personal.once().code == 0
    assert bodies(personal) == [corpus.expected(data) + b"\n"]


def test_return_path_of_the_poll(personal, pop3):
    """Exactly one Return-Path, the one the message came with, <> stays <>."""
    cases = {"<>": b"<>", "<a@b.example>": b"<a@b.example>", "a@b.example": b"<a@b.example>"}
    s = pop3(messages=[corpus.mail("rp%d" % i, [("Return-Path", v)]) for i, v in enumerate(cases)])
    personal.record("anna@example.org", "work", s)
    assert personal.once().code == 0
    got = {corpus.ident_of(d): d for d in personal.delivered()[ANNA]}
    for i, value in enumerate(cases.values()):
        data = got["rp%d" % i]
        assert data.startswith(b"Return-Path: " + value + b"\n")
        assert data.lower().count(b"return-path:") == 1


def test_header_over_the_limit(unified, pop3):
    """A header over the parser's bound is nobody's loss: the postmaster gets it whole, with the reason."""
    wire = b"".join(b"X-Pad-%d: %s\r\n" % (i, b"y" * 900) for i in range(400)) + corpus.mail("huge", [("X-Real-To", "anna@example.org")])
    unified.record("postmaster@example.org", "all", pop3(messages=[wire]), special="X-Real-To")
    assert unified.once().code == 0
    got = unified.delivered()
    assert list(got) == ["example.org/postmaster"]
    _, _, reason, rest = corpus.split_prologue(got["example.org/postmaster"][0])
    assert reason
    assert rest == corpus.expected(wire, "X-Real-To")
