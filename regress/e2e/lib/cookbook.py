# SPDX-License-Identifier: ISC
"""
The recipes of rpopd-cookbook(7), read out of the page itself: commands, and what else is to be typed.  Run as a program it prints
a line for each command of rpopctl: the recipe, a tab, the command.
"""
import os
import re
import shlex
import sys

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "etc", "rpopd-cookbook.7")


class Recipe:
    """name: the subsection, or the section for what stands ahead of its first one; commands: (prompt, [word, ...]); others: the
    remaining lines of its displays; text: its source."""

    def __init__(self, name, text):
        self.name, self.text, self.commands, self.others = name, text, [], []
        for display in re.findall(r"^\.Bd [^\n]*\n(.*?)^\.Ed$", text, re.M | re.S):
            for line in re.sub(r" *\\e\n *", " ", display).splitlines():
                if line[:2] in ("# ", "$ "):
                    self.commands.append((line[0], shlex.split(line[2:])))
                else:
                    self.others.append(line)

    def value(self, column):
        """What the first command that has column=VALUE gives it."""
        for _, words in self.commands:
            for w in words:
                if w.startswith(column + "="):
                    return w.partition("=")[2]
        raise KeyError(column)


def recipes():
    """{name: Recipe} of everything that has a display."""
    with open(PAGE) as f:
        text = f.read()
    parts = re.split(r"^\.S[hs] (.*)\n", text, flags=re.M)
    found = [Recipe(name, body) for name, body in zip(parts[1::2], parts[2::2])]
    return {r.name: r for r in found if r.commands or r.others}


if __name__ == "__main__":
    for recipe in recipes().values():
        for _, argv in recipe.commands:
            if argv[0] == "rpopctl":
                sys.stdout.write("%s\t%s\n" % (recipe.name, " ".join(map(shlex.quote, argv[1:]))))
