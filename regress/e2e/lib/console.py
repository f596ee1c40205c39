# SPDX-License-Identifier: ISC
"""rpopctl at a terminal, or with its output in a pipe, while a test goes on."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

from lib import rig as rigs


def fresh():
    """This process takes signals as one of a user does, whatever whoever started the tests ignores: nohup(1), a background job."""
    for signo in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(signo, signal.SIG_DFL)


def control():
    """Standard input is the controlling terminal of this process's session."""
    fresh()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Console:
    """rpopctl with these words; with a terminal of its own unless tty is False.  job: what bash does, with job control, where "$@" is
    rpopctl."""

    def __init__(self, rig, *words, tty=True, rows=24, columns=100, stdin=None, job=None):
        self.text = ""
        self.master = self.slave = None
        argv = rigs.traced([os.path.join(rigs.BUILD, "rpopctl"), "-s", os.path.join(rig.run, "rpopd.sock")] + list(words))
        if job:
            argv = ["bash", "--norc", "-c", "set -m; " + job, "bash"] + argv
        if tty:
            self.master, self.slave = pty.openpty()
            self.size(rows, columns, tell=False)
            self.before = termios.tcgetattr(self.slave)
            self.proc = subprocess.Popen(argv, stdin=self.slave if stdin is None else stdin, stdout=self.slave, stderr=self.slave,
                start_new_session=True, preexec_fn=control if job else fresh)
            self.out = self.master
        else:
            self.proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                preexec_fn=fresh)
            self.out = self.proc.stdout.fileno()

    def size(self, rows, columns, tell=True):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if tell:
            self.proc.send_signal(signal.SIGWINCH)

    def keys(self, text):
        os.write(self.master, text.encode())

    def read(self):
        """What has come by now is added to .text; False: no more comes."""
        while select.select([self.out], [], [], 0)[0]:
            try:
                data = os.read(self.out, 65536)
            except OSError:
                return False
            if not data:
                return False
            self.text += data.decode("ascii")
        return True

    def shows(self, pattern, begin=0):
        """Waits until this matches what has come; where in .text it ends."""
        def found():
            more = self.read()
            m = re.compile(pattern, re.S).search(self.text, begin)
            assert m or more and self.proc.poll() is None or self.read() and re.search(pattern, self.text[begin:], re.S), self.text
            return m
        return rigs.wait_for(found, "%r in %r" % (pattern, self.text)).end()

    def raw(self):
        """Keys come one by one, without an echo."""
        return not termios.tcgetattr(self.slave)[3] & (termios.ICANON | termios.ECHO)

    def same(self):
        """The terminal is as it was."""
        return termios.tcgetattr(self.slave) == self.before

    def end(self):
        """Waits for the end: the exit status."""
        deadline = time.monotonic() + rigs.PATIENCE
        while self.proc.poll() is None:
            assert time.monotonic() < deadline, self.text
            self.read()
            time.sleep(0.02)
        self.read()
        return self.proc.returncode

    def close(self):
        if self.proc.poll() is None:
            self.proc.kill()
            self.proc.wait()
        for fd in (self.master, self.slave):
            if fd is not None:
                os.close(fd)
        if self.proc.stdout:
            self.proc.stdout.close()
