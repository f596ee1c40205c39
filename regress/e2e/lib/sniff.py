# SPDX-License-Identifier: ISC
"""A network of our own, and everything that is sent in it."""
import base64
import ctypes
import fcntl
import os
import socket
import struct
import threading

CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS, IFF_UP_RUNNING = 0x8914, 0x41
SO_ATTACH_FILTER, SO_RCVBUFFORCE, SOL_PACKET, PACKET_STATISTICS = 26, 33, 263, 6
FIRST_CLIENT_PORT = 32768	# net.ipv4.ip_local_port_range

libc = ctypes.CDLL(None, use_errno=True)


def check(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), what)


class Network:
    """The calling thread and what it starts live in an empty network with a loopback interface; close() goes back."""

    def __init__(self):
        self.before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        check(libc.unshare(CLONE_NEWNET), "unshare")
        with socket.socket() as s:
            fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP_RUNNING))

    def close(self):
        check(libc.setns(self.before, CLONE_NEWNET), "setns")
        os.close(self.before)


def to_servers():
    """BPF: TCP over IPv4, outgoing on the interface (each packet is seen twice there), to a port below the clients' range."""
    code = [
        (0x28, 0, 0, 0xfffff000 + 4),		# ldh pkttype
        (0x15, 0, 6, 4),			# outgoing
        (0x28, 0, 0, 12), (0x15, 0, 4, 0x0800),	# IPv4
        (0xb1, 0, 0, 14), (0x48, 0, 0, 16),	# x = header length; destination port
        (0x35, 1, 0, FIRST_CLIENT_PORT),
        (0x06, 0, 0, 0x40000), (0x06, 0, 0, 0)]
    return b"".join(struct.pack("HBBI", *x) for x in code)


class Sniffer:
    """
    Keeps what clients send to servers on lo: streams is {server port: octets in the order of sending}, retransmissions included,
    attempts is {server port: client ports that sent a SYN}.
    """

    def __init__(self):
        self.streams, self.attempts, self.packets = {}, {}, 0
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        code = ctypes.create_string_buffer(to_servers())
        self.sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HxxxxxxP", 9, ctypes.addressof(code)))
        self.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 256 * 1024 * 1024)
        self.sock.bind(("lo", 3))
        self.sock.settimeout(0.2)
        self.stopping = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while True:
            try:
                frame = self.sock.recv(0x40000)
            except TimeoutError:
                if self.stopping:
                    return
                continue
            ip = frame[14:]
            tcp = ip[(ip[0] & 15) * 4:struct.unpack("!H", ip[2:4])[0]]
            payload = tcp[(tcp[12] >> 4) * 4:]
            self.packets += 1
            client, server = struct.unpack("!HH", tcp[:4])
            if tcp[13] & 2:
                self.attempts.setdefault(server, set()).add(client)
            if payload:
                self.streams.setdefault(server, bytearray()).extend(payload)

    def stop(self):
        """Reads what is still queued.  Returns how many packets the kernel dropped."""
        self.stopping = True
        self.thread.join()
        _, dropped = struct.unpack("II", self.sock.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        self.sock.close()
        return dropped


def forms(secret):
    """What octets of this secret look like on the wire: as they are, in hex, and inside base64 wherever they begin."""
    found = {secret, secret.hex().encode(), secret.hex().upper().encode()}
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + secret)
        first = (shift * 8 + 5) // 6				# characters that hold bits of what is in front
        last = (shift + len(secret)) * 8 // 6			# characters that hold bits of the secret only
        found.add(text[first:last])
    return found


def leaks(octets, secrets):
    """The first secret of which a form occurs in octets, or None."""
    octets = bytes(octets)
    folded = octets.upper()
    for secret in secrets:
        for form in forms(secret):
            if form in octets or form.upper() in folded:
                return form
    return None
