#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
The arrows between the object files of each program, as nm(1) shows them: a file uses another one if it has an undefined symbol that the
other defines.  A room (a folder of rpopd/) may use the rooms below it and none above, nor include their headers; no folder may have a
knot, that is, files that all use each other by some way round, of more than KNOT files.

usage: rooms.py [-s]	TAP on standard output; with -s a table of files, arrows, exported symbols and the largest knot, a line a folder
"""
import collections
import glob
import os
import re
import subprocess
import sys

KNOT = 8
# Bottom to top; what lies in rpopd/ itself is above all.
ROOMS = ["turn", "db", "config", "state", "child", "delivery", "sched", "token", "auth", "pop", "relay", "poll/plan", "poll", "edit", "control", "web", ""]
FOLDERS = ["common", "dialer", "fetcher", "deliverer", "oauth", "sender", "auth", "mailbox", "popd", "signer", "web", "rpopctl", "rpopd"]

os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))


def objects(folder):
    """The objects of a folder and of its sub-folders, without the suffix."""
    found = glob.glob(folder + "/*.o") + glob.glob(folder + "/**/*.o")
    found += glob.glob(folder + "/*/*/*.o")
    return sorted({name[:-2] for name in found if os.path.exists(name[:-2] + ".c")})


def symbols(obj):
    """What it defines for others, and what it wants of them."""
    defines, wants = set(), set()
    for line in subprocess.run(["nm", obj + ".o"], check=True, capture_output=True, text=True).stdout.splitlines():
        kind, name = line.split()[-2:]
        if kind == "U":
            wants.add(name)
        elif kind in "TDBRCVW":
            defines.add(name)
    return defines, wants


def knots(graph):
    """The strongly connected components of more than one file (Tarjan's algorithm), largest first."""
    order, low, stack, found = {}, {}, [], []

    def visit(node):
        order[node] = low[node] = len(order)
        stack.append(node)
        for other in graph[node]:
            if other not in order:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], order[other])
        if low[node] == order[node]:
            part = stack[stack.index(node):]
            del stack[stack.index(node):]
            if len(part) > 1:
                found.append(sorted(part))

    for node in sorted(graph):
        if node not in order:
            visit(node)
    return sorted(found, key=len, reverse=True)


def folder_of(obj):
    """The folder of a file of rpopd/, as ROOMS has it."""
    return os.path.dirname(obj)[len("rpopd"):].lstrip("/")


def room(obj):
    """The number of its room, lowest first."""
    return ROOMS.index(folder_of(obj))


def unlisted():
    """A sentence about each folder of rpopd/ with sources or headers that is in no list, so that nobody knows what is above it."""
    names = glob.glob("rpopd/*/*.[ch]") + glob.glob("rpopd/*/*/*.[ch]")
    return ["rpopd/%s is in no list: name it in ROOMS, at its place" % folder
            for folder in sorted({folder_of(name) for name in names} - set(ROOMS))]


def arrows(names):
    """{(user, used): symbols}, and how many symbols the files export."""
    where, wanted = {}, {}
    for name in names:
        defines, wanted[name] = symbols(name)
        for symbol in defines:
            where[symbol] = name
    found = collections.defaultdict(list)
    for name in names:
        for symbol in sorted(wanted[name]):
            if where.get(symbol, name) != name:
                found[name, where[symbol]].append(symbol)
    return found, len(where)


def includes():
    """A sentence about each header of a room above that a file of rpopd/ includes."""
    found = []
    for name in sorted(glob.glob("rpopd/*/*.[ch]") + glob.glob("rpopd/*/*/*.[ch]")):
        with open(name, encoding="utf-8") as source:
            for header in re.findall(r'#include "(rpopd/[^"]*)"', source.read()):
                if room(header) > room(name):
                    found.append("%s includes %s, which is above it" % (name, header))
    return found


def main():
    sys.setrecursionlimit(10000)
    number, failed = 0, 0
    for folder in FOLDERS:
        names = objects(folder)
        found, exported = arrows(names)
        graph = {name: {b for a, b in found if a == name} for name in names}
        tangled = knots(graph)
        if sys.argv[1:] == ["-s"]:
            print("%-10s %4d files %5d arrows %5d symbols  largest knot %d" %
                  (folder, len(names), len(found), exported, max(map(len, tangled), default=1)))
            continue
        faults = ["a knot of %d files: %s" % (len(part), " ".join(part)) for part in tangled if len(part) > KNOT]
        if not names:
            faults.append("no object files: build first")
        if folder == "rpopd" and unlisted():
            faults += unlisted()
        elif folder == "rpopd":
            faults += ["%s.c uses %s of %s.c, which is above it" % (a, " ".join(names), b)
                       for (a, b), names in sorted(found.items()) if room(a) < room(b)]
            faults += includes()
        number += 1
        failed += bool(faults)
        for fault in faults:
            print("# " + fault)
        print("%sok %d - %s: no arrow upward, no knot" % ("not " if faults else "", number, folder))
    return 1 if failed else 0


sys.exit(main())
