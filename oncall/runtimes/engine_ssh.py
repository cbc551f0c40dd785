"""An engine behind ssh: each connection is one `ssh host docker system dial-stdio`, as Docker's own client does it.

The SDK's own way needs a further library, or waits for a password; this one never asks.
"""

import contextlib
import os
import socket
import subprocess
from urllib.parse import urlsplit

from oncall.probing.network import DeadlineNetwork, Stream
from oncall.runtimes.engine_socket import Dial

OPTIONS = ("BatchMode=yes", "ConnectTimeout=2", "ServerAliveInterval=1", "ServerAliveCountMax=2")
CONNECTIONS = 4  # sshd refuses a crowd (MaxStartups)


def ssh_command(url: str) -> tuple[str, ...]:
    """The command that carries one connection."""
    parts = urlsplit(url)
    options = [word for option in OPTIONS for word in ("-o", option)]
    user = ("-l", parts.username) if parts.username else ()
    port = ("-p", str(parts.port)) if parts.port else ()
    return ("ssh", "-T", *options, *user, *port, "--", parts.hostname or "", "docker", "system", "dial-stdio")


class Complaints:
    """What ssh wrote to its standard error: as much as a pipe holds, however much there is."""

    def __init__(self) -> None:
        self._ours, self.theirs = os.pipe()
        os.set_blocking(self._ours, False)

    def last(self) -> str:
        """The last line, "" when there is none."""
        try:
            lines = os.read(self._ours, 65536).decode("utf-8", "replace").strip().splitlines()
        except BlockingIOError:
            return ""
        return lines[-1][:200] if lines else ""

    def __del__(self) -> None:
        for end in (self._ours, self.theirs):
            with contextlib.suppress(OSError):
                os.close(end)


class SshStream(Stream):
    """A connection that takes its ssh with it when it is closed."""

    def __init__(self, stream: Stream, process: "subprocess.Popen[bytes]") -> None:
        super().__init__(stream.sock, stream.wire)
        self._process = process

    def close(self) -> None:
        super().close()
        with contextlib.suppress(OSError):
            self._process.terminate()


def ssh_dial(command: tuple[str, ...], complaints: Complaints) -> Dial:
    """A connection through a process of its own."""

    def dial(wire: DeadlineNetwork) -> Stream:
        ours, theirs = socket.socketpair()
        with theirs:
            end = theirs.fileno()
            process = subprocess.Popen(command, stdin=end, stdout=end, stderr=complaints.theirs)  # noqa: S603
        return SshStream(wire.opened(ours), process)

    return dial
