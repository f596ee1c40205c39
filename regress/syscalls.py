#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""
What the processes of a traced run did behind their lock-in, compared with the tables of system calls.
usage: syscalls.py TABLE DIRECTORY
TABLE: what build/test/syscalls printed.  DIRECTORY: what RPOPD_TRACE of regress/e2e/lib/rig.py named.
Each rule must have been used in each of its roles, unless the table says why it is there although no test makes the call; and each
call that was made must have a rule.  Exit status 0: so it is.
"""
import collections
import os
import re
import sys

CALL = re.compile(r"(?:^|\s)(\w+)\(([^)]*)\)?\s*(?:=|<unfinished|$)")
EXEC = re.compile(r'^execve\("([^"]*)".* = 0$')
FILTER = re.compile(r"^seccomp\(0x1, (?:0|0x4), 0x[0-9a-f]+\)\s+= 0$")
CLONE = re.compile(r"\bclone\(.*\)\s+= (0x[0-9a-f]+|[0-9]+)")
ROLES = {"dialer": "dialer", "fetcher": "template", "deliverer": "deliverer", "oauth": "template", "sender": "template",
    "auth": "template", "mailbox": "template", "signer": "signer", "rpopctl": "rpopctl"}
FORKS = {"fetcher": "session", "oauth": "oauth", "sender": "sender", "auth": "auth", "mailbox": "mailbox"}	# by the template's program


class Rule:
    """One line of the table."""

    def __init__(self, line):
        line, _, self.unseen = line.partition("\t# ")
        self.role, self.action, self.call, *checks = line.split()
        self.line, self.used = line, 0
        self.checks = [re.match(r"(\d)(?:&(\w+))?(<?=)(\w+)$", c).groups() for c in checks]

    def fits(self, args, pid):
        for number, mask, relation, value in self.checks:
            if int(number) >= len(args):
                return False
            arg, value = args[int(number)], pid if value == "self" else int(value, 16)
            if mask:
                arg &= int(mask, 16)
            elif relation == "=" and value < 1 << 32:
                arg &= 0xffffffff
            if arg > value if relation == "<=" else arg != value:
                return False
        return True


def forked(path):
    """{pid: role} of what a template whose trace this is has forked."""
    program, found = None, {}
    with open(path, errors="replace") as f:
        for line in f:
            m = EXEC.match(line)
            if m:
                program = os.path.basename(m.group(1))
            m = CLONE.search(line)
            if m and program in FORKS:
                found[int(m.group(1), 0)] = FORKS[program]
    return found


def trace(path, forks):
    """(role, calls behind the lock-in, calls of a fork before it), or None: not locked in."""
    with open(path, errors="replace") as f:
        lines = f.read().split("\n")
    program, locked = None, None
    for i, line in enumerate(lines):
        m = EXEC.match(line)
        if m:
            program, locked = os.path.basename(m.group(1)), None
        elif FILTER.match(line):
            locked = i
    if locked is None:
        return None
    if program is None:
        role = forks.get(int(path.rpartition(".")[2]))
        return (role, lines[locked + 1:], lines[:locked + 1]) if role else None
    return (ROLES[program], lines[locked + 1:], []) if program in ROLES else None


def main(table, directory):
    with open(table) as f:
        rules = [Rule(line.rstrip("\n")) for line in f if line.strip()]
    index = collections.defaultdict(list)
    for rule in rules:
        index[rule.role, rule.call].append(rule)
    unknown, processes = collections.Counter(), collections.Counter()

    def note(role, lines, pid):
        for line in lines:
            m = CALL.search(line)
            if line.startswith(("+++", "---")) or not m:
                continue
            call = m.group(1)
            args = [int(a, 16) for a in m.group(2).split(", ") if re.fullmatch(r"0x[0-9a-f]+|\d+", a)]
            fitting = [r for r in index[role, call] if r.fits(args, pid)]
            for rule in fitting:
                rule.used += 1
            if not fitting:
                unknown["%s %s(%s)" % (role, call, re.sub(r"0x[0-9a-f]{9,}", "pointer", m.group(2)))] += 1

    for top, _, names in os.walk(directory):
        forks = {}
        for name in names:
            forks.update(forked(os.path.join(top, name)))
        for name in names:
            found = trace(os.path.join(top, name), forks)
            if found:
                processes[found[0]] += 1
                note(found[0], found[1], int(name.rpartition(".")[2]))
                note("template", found[2], int(name.rpartition(".")[2]))
    print("processes:", ", ".join("%d %s" % (n, role) for role, n in sorted(processes.items())))
    idle = [r for r in rules if r.action == "allow" and not r.used and not r.unseen]
    known = [r for r in rules if r.action == "allow" and r.used and r.unseen]
    for role in sorted(set(r.role for r in rules)):
        mine = [r for r in rules if r.role == role and r.action == "allow"]
        print("%-10s %2d calls allowed, %2d of them used; %2d rules, %2d used" % (role, len({r.call for r in mine}),
            len({r.call for r in mine if r.used}), len(mine), len([r for r in mine if r.used])))
    for r in known:
        print("seen although %r:" % r.unseen, r.line)
    for r in idle:
        print("ALLOWED, NOT USED:", r.line)
    for what, n in sorted(unknown.items()):
        print("USED, NOT ALLOWED:", what, n)
    return 1 if idle or unknown else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
