# SPDX-License-Identifier: ISC
"""junit.py FILE STATUS: "passed failed" of one pytest run.  A run that broke down counts as one failure; a skip is a failure too."""
import sys
import xml.etree.ElementTree as tree

passed = failed = 0
try:
    for case in tree.parse(sys.argv[1]).iter("testcase"):
        bad = [x for x in case if x.tag in ("failure", "error", "skipped")]
        passed, failed = passed + (not bad), failed + bool(bad)
except (OSError, tree.ParseError):
    pass
if int(sys.argv[2]) != 0 and failed == 0:
    failed = 1
print(passed, failed)
