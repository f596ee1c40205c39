#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Runs of equal lines between two files of the product: what is written twice.

usage: alike.py [-n LINES] [-s] [FOLDER...]

A line counts without its blanks; blank lines, comments, includes and lines of braces alone do not count.  -s takes lines of one shape for
equal: with other names, strings and numbers.  Each run is told as "FILE:LINE FILE:LINE LINES"; the exit status is 1 if there is one.
"""
import argparse
import os
import re
import sys

FOLDERS = ("auth", "common", "deliverer", "dialer", "fetcher", "mailbox", "oauth", "popd", "rpopctl", "rpopd", "sender", "signer", "web")
COMMENT = re.compile(r'"(?:\\.|[^"\\])*"|/\*.*?\*/|//[^\n]*', re.S)
TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])+\'|[A-Za-z_]\w*|\d\w*|\S')
KEPT = frozenset("if else for while do switch case default return goto break continue static const void int char struct enum sizeof".split())


def without_comments(text):
    """The text with each comment's octets gone and its line ends kept."""
    return COMMENT.sub(lambda m: m.group() if m.group()[0] == '"' else "\n" * m.group().count("\n"), text)


def shape(line):
    """The line with names, strings and numbers made equal."""
    return "".join("a" if t not in KEPT and (t[0].isalnum() or t[0] in "_\"'") else " " + t for t in TOKEN.findall(line))


def lines(path, alike):
    """(number, text) of each line of a file that counts."""
    with open(path, encoding="utf-8", errors="replace") as f:
        text = without_comments(f.read())
    for number, line in enumerate(text.split("\n"), 1):
        line = re.sub(r"\s+", "", line) if not alike else shape(line)
        if re.search(r"[^{}();\s]", line) and not line.lstrip().startswith("#"):
            yield number, line


def runs(files, length, alike):
    """(file, line, file, line, lines) of each longest run that two files share."""
    places = {}
    for path in files:
        text = list(lines(path, alike))
        for i in range(len(text) - length + 1):
            run = [line for _, line in text[i:i + length]]
            if alike and len(set(run)) <= length // 2:
                continue                # a table
            key = "\n".join(run)
            places.setdefault(key, []).append((path, i, text[i][0]))
    pairs = {}
    for where in places.values():
        for n, (one, i, first) in enumerate(where):
            for other, j, second in where[n + 1:]:
                if one != other:
                    pairs[(one, other, i, j)] = (first, second)
    for (one, other, i, j), (first, second) in sorted(pairs.items()):
        if (one, other, i - 1, j - 1) in pairs:
            continue
        n = 1
        while (one, other, i + n, j + n) in pairs:
            n += 1
        yield one, first, other, second, length + n - 1


def main():
    top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(description="Runs of equal lines between two files of the product.")
    parser.add_argument("-n", type=int, default=8, help="lines of a run, default 8")
    parser.add_argument("-s", action="store_true", help="equal in shape is equal")
    parser.add_argument("folders", nargs="*")
    args = parser.parse_args()
    files = sorted(os.path.relpath(os.path.join(where, name), top) for folder in args.folders or FOLDERS
                   for where, _, names in os.walk(os.path.join(top, folder)) for name in names if name.endswith((".c", ".h")))
    os.chdir(top)
    found = 0
    for one, first, other, second, n in runs(files, args.n, args.s):
        print("%s:%d %s:%d %d lines" % (one, first, other, second, n))
        found += 1
    return found != 0


if __name__ == "__main__":
    sys.exit(main())
