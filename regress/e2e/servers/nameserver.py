# SPDX-License-Identifier: ISC
"""A name server on a loopback port, UDP and TCP; what it says is a table."""
import os
import select
import socket
import struct
import threading


class NameServer:
    """
    Answers *.good.test with 127.0.0.1 (no AAAA), over TCP only for big.good.test; names of the table with their addresses, an
    empty list being a name without any; nothing for *.dead.test; else NXDOMAIN.
    """

    def __init__(self, table=None, port=0):
        self.names, self.table = [], table or {}
        while True:
            self.tcp = socket.create_server(("127.0.0.1", port))
            self.address = "127.0.0.1:%d" % self.tcp.getsockname()[1]
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                self.udp.bind(self.tcp.getsockname())
                break
            except OSError:
                self.udp.close()
                self.tcp.close()
        self.wake, self.stopper = os.pipe()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def close(self):
        os.close(self.stopper)
        self.thread.join()
        for s in (self.udp, self.tcp):
            s.close()
        os.close(self.wake)

    def serve(self):
        while True:
            ready, _, _ = select.select([self.udp, self.tcp, self.wake], [], [])
            if self.wake in ready:
                return
            if self.udp in ready:
                query, peer = self.udp.recvfrom(512)
                answer = self.answer(query, False)
                if answer:
                    self.udp.sendto(answer, peer)
            if self.tcp in ready:
                conn = self.tcp.accept()[0]
                with conn:
                    size = struct.unpack(">H", conn.recv(2, socket.MSG_WAITALL))[0]
                    answer = self.answer(conn.recv(size, socket.MSG_WAITALL), True)
                    conn.sendall(struct.pack(">H", len(answer)) + answer)

    def answer(self, query, tcp):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        kind = struct.unpack(">H", query[at + 1:at + 3])[0]
        name = ".".join(labels).lower()
        self.names.append(name)
        if name.endswith("dead.test"):
            return None
        addresses = ["127.0.0.1"] if name.endswith("good.test") else self.table.get(name)
        truncated = name == "big.good.test" and not tcp
        records = []
        for a in [] if truncated else addresses or []:
            family = socket.AF_INET6 if ":" in a else socket.AF_INET
            if kind == (28 if ":" in a else 1):
                data = socket.inet_pton(family, a)
                records.append(b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(data)) + data)
        flags = 0x8180 | (0x0200 if truncated else 0) | (3 if addresses is None else 0)
        return query[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0, 0) + query[12:at + 5] + b"".join(records)
