# SPDX-License-Identifier: ISC
"""usage: inetd.py PORT PROGRAM [ARGUMENT ...]: starts the program for each connection to the loopback port, as inetd(8) would."""
import os
import signal
import socket
import sys

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=64)
while True:
    connection, _ = listener.accept()
    if os.fork() == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for fd in (0, 1):
            os.dup2(connection.fileno(), fd)
        os.dup2(os.open("/dev/null", os.O_WRONLY), 2)
        os.execv(sys.argv[2], sys.argv[2:])
    connection.close()
