"""A run as somebody sees it: on a terminal of 24 rows of 80 columns, or through a pipe, with the time of every line."""

import contextlib
import errno
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import time
from dataclasses import dataclass, field

import pyte

from tests.integration.playbook_runs import ROOT, clean_environment

ROWS, COLUMNS = 24, 80
PAINT = re.compile(rb"\x1b\[[0-9;]*m")  # the only escapes that the suite and pytest write: colours


@dataclass
class Seen:
    """What came, and when: chunks of bytes by the monotonic clock."""

    chunks: list[tuple[float, bytes]] = field(default_factory=list)
    code: int = -1

    @property
    def raw(self):
        return b"".join(chunk for _, chunk in self.chunks)

    @property
    def text(self):
        return PAINT.sub(b"", self.raw).decode().replace("\r\n", "\n")

    def when(self, words):
        """The moment when this pattern stood there."""
        so_far = b""
        for moment, chunk in self.chunks:
            so_far += chunk
            if re.search(words, PAINT.sub(b"", so_far).decode(errors="replace")):
                return moment
        raise AssertionError(f"{words!r} never came:\n{self.text}")

    def screen(self):
        """The emulated terminal, after all of it."""
        screen = pyte.Screen(COLUMNS, ROWS)
        pyte.ByteStream(screen).feed(self.raw)
        return screen


def watched(words, *, terminal=True, timeout=60, **variables):
    """Run these words to their end and keep what they showed; with a terminal or through a pipe."""
    ours, theirs = pty.openpty() if terminal else os.pipe()
    if terminal:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    env = {"TERM": "xterm-256color"} | clean_environment(**variables)
    process = subprocess.Popen(
        [*map(str, words)], cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    seen = Seen()
    try:
        while chunk := _read(ours):
            seen.chunks.append((time.monotonic(), chunk))
        seen.code = process.wait(timeout)
    finally:
        os.close(ours)
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    return seen


def _read(descriptor):
    try:
        return os.read(descriptor, 65536)
    except OSError as error:
        if error.errno == errno.EIO:  # how a pseudo-terminal says that the other side has closed
            return b""
        raise
