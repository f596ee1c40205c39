# SPDX-License-Identifier: ISC
"""A session of popd that somebody has taken over, in a running daemon: its channels are used by this file, and it is stopped itself."""
import array
import ctypes
import fcntl
import os
import signal
import socket
import struct
import termios

from lib import popdrig as P, rig as rigs
from test_popd import Mail, mail  # noqa: F401

PIDFD_GETFD = 438
FETCHES = 2000		# that a session asks for at once, and takes nothing of
FILES_MOST = 64		# of the mailbox's files on their way to one session


def taken(pid, fd):
    """A descriptor of another process, which is a socket."""
    number = ctypes.CDLL(None, use_errno=True).syscall(PIDFD_GETFD, os.pidfd_open(pid), fd, 0)
    assert number != -1, os.strerror(ctypes.get_errno())
    return socket.socket(fileno=number)


def channel_to_mailbox(mail):
    """(pid of the only session, a socket that is its channel to its mailbox); the session is stopped."""
    session, = mail.daemon.processes()["pop"]
    os.kill(session, signal.SIGSTOP)
    fd = max(int(n) for n in os.listdir("/proc/%d/fd" % session) if os.readlink("/proc/%d/fd/%s" % (session, n)).startswith("socket:"))
    assert fd > 4		# those below are its channel to the master, and its client
    return session, taken(session, fd)


def unread(sock):
    return struct.unpack("i", fcntl.ioctl(sock, termios.FIONREAD, b"\0" * 4))[0]


def test_files_on_their_way(mail):
    """
    Linux counts descriptors that are on their way of all processes of a user: a session that asks for many files and takes none has
    few of them on their way, so that those of other sessions pass.
    """
    mail.put("example.org/anna")
    p, why = mail.start().login("anna@example.org")
    assert why is None
    session, sock = channel_to_mailbox(mail)
    box, = mail.daemon.processes()["box"]
    request = struct.pack("=IIIII", P.TYPES["IMSG_BOX_FETCH"], 20, 0, 0, 1)
    sock.setblocking(False)
    before = -1
    try:
        for _ in range(FETCHES):
            sock.send(request)
    except BlockingIOError:
        pass			# the mailbox does not read on

    def settled():
        nonlocal before
        same = unread(sock) == before
        before = unread(sock)
        return same and before > 0
    rigs.wait_for(settled, "the mailbox to send no more", 10)
    os.kill(box, signal.SIGSTOP)
    files = []
    while True:
        try:
            _, ancillary, _, _ = sock.recvmsg(65536, socket.CMSG_SPACE(4))
        except BlockingIOError:
            break
        for _, _, data in ancillary:
            files += array.array("i", data[:4])
    for pid in (box, session):
        os.kill(pid, signal.SIGCONT)
    for fd in files:
        os.close(fd)
    assert 8 <= len(files) <= FILES_MOST
    sock.close()
    p.close()
    assert mail.daemon.stop() == 0
