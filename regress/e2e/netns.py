# SPDX-License-Identifier: ISC
"""A network of one's own: loopback and what addresses the test wants.  Threads and processes started meanwhile live in it."""
import contextlib
import ctypes
import os
import subprocess

CLONE_NEWNET = 0x40000000


def call(function, *args):
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, function)(*args) == -1:
        raise OSError(ctypes.get_errno(), function)


@contextlib.contextmanager
def network(*addresses):
    """This thread in a network namespace of its own until the end of the block."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        call("unshare", CLONE_NEWNET)
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            for a in addresses:
                subprocess.run(["ip", "address", "add", a, "dev", "lo"] + (["nodad"] if ":" in a else []), check=True)
            yield
        finally:
            call("setns", home, CLONE_NEWNET)
    finally:
        os.close(home)
