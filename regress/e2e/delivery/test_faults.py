# SPDX-License-Identifier: ISC
"""
Calls that fail once, in each process, under its filter (common/fault.c): nothing is lost, nothing comes twice, and mail goes on
by itself.  A child that ends is replaced by the master; a master that ends is started again, as a service manager does.
RPOPD_FAULTS=all (make faults) fails every one of the first calls of each kind; without it, a sample of them.
"""
import errno
import os

import pytest

from lib import corpus, rig as rigs

FILES = {"openat": errno.EMFILE, "write": errno.ENOSPC, "fsync": errno.EIO, "linkat": errno.EIO, "renameat": errno.EIO,
    "unlinkat": errno.EIO, "mkdirat": errno.ENOSPC, "fstat": errno.EIO, "fstatat": errno.EIO, "sync_file_range": errno.EIO,
    "readdir": errno.EIO, "fdopendir": errno.ENOMEM, "lseek": errno.EIO, "read": errno.EIO}
CHANNEL = {"sendmsg": errno.ENOMEM, "recvmsg": errno.ENOMEM, "malloc": errno.ENOMEM, "calloc": errno.ENOMEM}
CALLS = {
    "deliverer": {**FILES, **CHANNEL},
    "fetcher": {**CHANNEL, "read": errno.EIO, "write": errno.EPIPE, "poll": errno.ENOMEM, "fork": errno.EAGAIN,
        "dup2": errno.EMFILE},
    "dialer": {**CHANNEL, "socket": errno.EMFILE, "connect": errno.EADDRNOTAVAIL, "setsockopt": errno.ENOBUFS},
    "rpopd": {**CHANNEL, "socketpair": errno.EMFILE, "fork": errno.EAGAIN, "db_write": errno.ENOSPC, "fstat": errno.EIO,
        "setsockopt": errno.ENOBUFS},
}
SAMPLE = [("deliverer", "openat", 6), ("deliverer", "write", 2), ("deliverer", "fsync", 4), ("deliverer", "renameat", 2),
    ("deliverer", "mkdirat", 3), ("deliverer", "sync_file_range", 2), ("deliverer", "sendmsg", 3), ("deliverer", "recvmsg", 6),
    ("deliverer", "malloc", 9), ("fetcher", "fork", 1), ("fetcher", "recvmsg", 2), ("fetcher", "sendmsg", 5),
    ("fetcher", "poll", 3), ("fetcher", "calloc", 9), ("dialer", "socket", 1), ("dialer", "connect", 1),
    ("dialer", "sendmsg", 3), ("dialer", "calloc", 2), ("dialer", "malloc", 2), ("rpopd", "socketpair", 3),
    ("rpopd", "sendmsg", 9), ("rpopd", "recvmsg", 9), ("rpopd", "db_write", 3), ("rpopd", "db_write", 12), ("rpopd", "fork", 2),
    ("rpopd", "setsockopt", 1)]
MOST = 20


def cases():
    """(process, call, n), each failing with the errno of CALLS."""
    if os.environ.get("RPOPD_FAULTS") != "all":
        return SAMPLE
    return [(process, call, n) for process in sorted(CALLS) for call in sorted(CALLS[process]) for n in range(1, MOST + 1)]


class Life:
    """A daemon that is started again whenever it ends; the first one, and the first process of its kind in it, has the fault."""

    def __init__(self, rig, process, spec):
        self.rig, self.process, self.lives = rig, process, 1
        rig.write_db()
        self.daemon = rigs.Daemon(rig, rig.argv("-F", "%s:%s" % (process, spec), hooks=True))

    def go_on(self):
        if not self.daemon.running():
            assert self.process == "rpopd", "the daemon ended: " + self.rig.log()
            assert self.lives < 3, self.rig.log()
            self.daemon = rigs.Daemon(self.rig, self.rig.argv(hooks=True))
            self.lives += 1
        self.rig.ctl("poll", "all", check=False)


@pytest.mark.parametrize("process,call,n", cases())
def test_one_call_fails(personal, dovecot_server, mailbox, process, call, n):
    messages = [corpus.mail("m%d" % i) for i in range(3)] + [corpus.big("big", 200_000)]
    personal.settings.update(delay_failed_accounts=10)
    user, password = mailbox(messages)
    personal.record("anna@example.org", "one", dovecot_server, user=user, password=password)
    life = Life(personal, process, "%s:%d:%d" % (call, n, CALLS[process][call]))

    def done():
        life.go_on()
        return not dovecot_server.messages(user) and not personal.spooled()
    rigs.wait_for(done, "every message to be delivered and deleted")
    assert life.daemon.stop() == 0
    assert personal.idents() == {"example.org/anna": ["big", "m0", "m1", "m2"]}
    assert "signal 31 " not in personal.log()
    if os.environ.get("RPOPD_FAULTS") == "all" and "fault: " not in personal.log():
        pytest.skip("there is no such call")
    assert "fault: %s fails" % call in personal.log()
