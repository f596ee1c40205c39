# SPDX-License-Identifier: ISC
"""A POP3 server that sends as many messages as a test says, when it says so."""
import threading

from servers.pop3 import Behaviour


class Gate(Behaviour):
    """Sends a message only if let(): as many as the test says."""

    def __init__(self):
        super().__init__()
        self.tickets = threading.Semaphore(0)

    def let(self, n=1):
        for _ in range(n):
            self.tickets.release()

    def wire(self, s, point, data):
        if point == "retr":
            self.tickets.acquire()
        super().wire(s, point, data)


class Sizeless(Gate):
    def cmd_list(self, s, arg):
        self.err(s, "list")
