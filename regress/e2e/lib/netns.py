# SPDX-License-Identifier: ISC
"""
A network of one's own: loopback and what addresses the test wants; files of one's own in the place of the system's.  Threads and
processes started meanwhile live in it.
"""
import contextlib
import ctypes
import os
import subprocess

CLONE_NEWNET = 0x40000000
CLONE_NEWNS = 0x00020000
CLONE_FS = 0x00000200
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000


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


@contextlib.contextmanager
def files(places):
    """For this thread, until the end of the block: {path: what stands in its place}."""
    home, cwd = os.open("/proc/thread-self/ns/mnt", os.O_RDONLY), os.getcwd()
    try:
        call("unshare", CLONE_NEWNS)
        try:
            call("mount", None, b"/", None, MS_REC | MS_PRIVATE, None)
            for path, own in places.items():
                call("mount", own.encode(), path.encode(), None, MS_BIND, None)
            yield
        finally:
            call("unshare", CLONE_FS)      # threads started meanwhile share root and directory with this one
            call("setns", home, CLONE_NEWNS)
            os.chdir(cwd)
    finally:
        os.close(home)
