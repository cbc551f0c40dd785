"""An engine behind ssh: each connection is one `ssh host docker system dial-stdio`, as Docker's own client does it.

The SDK's own way needs a further library, or waits for a password; this one never asks.
"""

import contextlib
import socket
import subprocess
import tempfile
from typing import Any
from urllib.parse import urlsplit

OPTIONS = ("BatchMode=yes", "ConnectTimeout=2", "ServerAliveInterval=1", "ServerAliveCountMax=2")
CONNECTIONS = 4  # sshd refuses a crowd (MaxStartups)


def ssh_command(url: str) -> tuple[str, ...]:
    """The command that carries one connection."""
    parts = urlsplit(url)
    options = [word for option in OPTIONS for word in ("-o", option)]
    user = ("-l", parts.username) if parts.username else ()
    port = ("-p", str(parts.port)) if parts.port else ()
    return ("ssh", "-T", *options, *user, *port, "--", parts.hostname or "", "docker", "system", "dial-stdio")


class Said:
    """What ssh complained of."""

    def __init__(self) -> None:
        self.file = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the connections

    def last(self) -> str:
        self.file.seek(0)
        lines = self.file.read(4096).decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:200] if lines else ""


def ssh_adapter(command: tuple[str, ...], said: Said) -> Any:
    """A transport for the SDK's session. Called where the SDK has been imported already."""
    import urllib3
    from requests.adapters import HTTPAdapter

    class Connection(urllib3.connection.HTTPConnection):
        process: "subprocess.Popen[bytes] | None" = None

        def connect(self) -> None:
            ours, theirs = socket.socketpair()
            with theirs:
                end = theirs.fileno()
                self.process = subprocess.Popen(command, stdin=end, stdout=end, stderr=said.file.fileno())  # noqa: S603
            ours.settimeout(float(self.timeout) if isinstance(self.timeout, int | float) else 2.5)
            self.sock = ours

        def close(self) -> None:
            super().close()
            if self.process:
                with contextlib.suppress(OSError):
                    self.process.terminate()
                self.process = None

    class Pool(urllib3.connectionpool.HTTPConnectionPool):
        ConnectionCls = Connection

    class Adapter(HTTPAdapter):
        pool = Pool("ssh", maxsize=CONNECTIONS, block=True)

        def get_connection_with_tls_context(self, *_: Any, **__: Any) -> Any:
            return self.pool

        def close(self) -> None:
            self.pool.close()

        def request_url(self, request: Any, proxies: Any) -> Any:
            return request.path_url

    return Adapter()
