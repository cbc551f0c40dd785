"""What the playbook is run on: a healthy stack, and ports that accept every connection and never say a word."""

import contextlib
import socket
import tempfile
import threading
from collections import deque
from pathlib import Path

from stack import lifecycle
from stack.state import Home
from stack.target import describe, toml


@contextlib.contextmanager
def healthy():
    """An embedded stack of our own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="oncall-bench-") as folder:
        home = Home(Path(folder) / "stack")
        try:
            yield lifecycle.up(home, lambda line: None)
        finally:
            lifecycle.down(home, lambda line: None)


@contextlib.contextmanager
def hung(stack):
    """A target file for the same stack, every address of which hangs."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as server:
        port = server.getsockname()[1]
        threading.Thread(target=_accept, args=(server,), daemon=True).start()
        target = stack.home.path / "hung.toml"
        target.write_text(toml(describe(stack.home, stack.server, dict.fromkeys(stack.ports, port))))
        yield target


def _accept(server):
    kept = deque(maxlen=2000)
    with contextlib.suppress(OSError):
        while True:
            kept.append(server.accept())
