# SPDX-License-Identifier: ISC
"""
getmail 6 as tests run it.  It forks a process for each message, begins to listen for SIGCHLD behind that, and then waits for it:
where the process has ended before (on a loaded machine), getmail waits for its time-out, 180 s, and fails.  Here it asks waitpid(2).
"""
PROGRAM = """
import os, runpy, sys
from getmailcore import baseclasses

def ended(self, pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

baseclasses.ForkingBase._prepare_child = lambda self: None
baseclasses.ForkingBase._wait_for_child = ended
sys.argv[0] = "getmail"
runpy.run_path("/usr/bin/getmail", run_name="__main__")
"""
ARGV = ("/usr/bin/python3", "-c", PROGRAM)
