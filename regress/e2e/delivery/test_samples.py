# SPDX-License-Identifier: ISC
"""Header and address parsers on the samples of regress/data, each with the result that is right."""
import pytest

from lib import drive, samples


def test_addresses():
    listed = samples.addresses()
    answers = drive.ask([(kind, data) for _, kind, data, _, _ in listed])
    wrong = []
    for (n, kind, data, wanted, dropped), (lines, bad) in zip(listed, answers):
        found = [tuple(line[1:]) for line in lines if line[0] == "addr"]
        if ["null"] in lines:
            found = "null"
        if found != wanted or bad != dropped:
            wrong.append("addresses.txt:%d: %s %r: %r and %d dropped, not %r and %d" % (n, kind, data, found, bad, wanted,
                dropped))
    assert not wrong, "\n".join(wrong)


def recipients(mode, fields):
    """What is in the fields that this mode looks at."""
    bodies = [body for kind, body in fields if kind != "return-path"]
    return [p for found, _ in drive.lists(bodies, "bare" if mode == "field" else "list") for p in found]


def sender(fields):
    for lines, bad in drive.ask([("path", body) for kind, body in fields if kind == "return-path"]):
        if not bad:
            return "<>" if ["null"] in lines else tuple(lines[0][1:])
    return "none"


@pytest.mark.parametrize("piece", [0, 1, 7])
def test_headers(piece):
    """However the message is cut: what is delivered, the sender, the recipients."""
    wrong = []
    for m in samples.messages():
        [(fields, kept, rest)] = drive.headers([m.wire], m.mode, m.field, piece)
        if kept + rest != m.out:
            wrong.append("headers.txt:%d: delivered %r, not %r" % (m.line, kept + rest, m.out))
        if m.sender and sender(fields) != m.sender:
            wrong.append("headers.txt:%d: sender %r, not %r" % (m.line, sender(fields), m.sender))
        if m.rcpt is not None and recipients(m.mode, fields) != m.rcpt:
            wrong.append("headers.txt:%d: recipients %r, not %r" % (m.line, recipients(m.mode, fields), m.rcpt))
    assert not wrong, "\n".join(wrong)


def test_number_of_samples():
    assert len(samples.addresses()) + len(samples.messages()) >= 300
