# SPDX-License-Identifier: ISC
"""What the deliverer's header and address parsers make of any octets, by way of build/unit/deliverer/drive_mail."""
import os
import subprocess

from lib import rig

PROGRAM = os.path.join(rig.BUILD, "unit", "deliverer", "drive_mail")


def octets(word):
    assert word.startswith("x")
    return bytes.fromhex(word[1:])


def ask(requests):
    """[(kind, data)] or [(kind, data, piece, field)] -> [(lines, number)]; a line is [word, octets, ...]."""
    text = b""
    parts = []
    for r in requests:
        kind, data, piece, field = r if len(r) == 4 else r + (0, "")
        parts.append(b"%s %d %d %s\n" % (kind.encode(), piece, len(data), field.encode()) + data)
    text = b"".join(parts)
    p = subprocess.run([PROGRAM], input=text, stdout=subprocess.PIPE, timeout=rig.PATIENCE)
    assert p.returncode == 0, "drive_mail ended with %d" % p.returncode
    answers, lines = [], []
    for line in p.stdout.decode().splitlines():
        word, *rest = line.split(" ")
        if word == "end":
            answers.append((lines, int(rest[0])))
            lines = []
        else:
            lines.append([word] + [octets(x) for x in rest])
    assert len(answers) == len(parts)
    return answers


def lists(bodies, kind="list"):
    """[body] -> [([(local part, domain)], elements dropped)]"""
    return [([tuple(line[1:]) for line in lines if line[0] == "addr"], bad) for lines, bad in ask([(kind, b) for b in bodies])]


def headers(messages, kind, field="", piece=0):
    """[message] -> [([(field kind, body)], header delivered, what follows it)]"""
    out = []
    for lines, _ in ask([(kind, m, piece, field) for m in messages]):
        assert lines[-1][0] == "kept"
        out.append(([tuple(line) for line in lines[:-1]], lines[-1][1], lines[-1][2]))
    return out
