"""What the playbook is run on: a healthy stack, ports and an engine that accept everything and never say a word."""

import contextlib
import socket
import tempfile
import threading
from collections import deque
from pathlib import Path

from stack import lifecycle
from stack.docker import lifecycle as docker_lifecycle
from stack.state import Home
from stack.target import describe, toml


@contextlib.contextmanager
def healthy(docker=False):
    """A stack of our own, embedded or under Compose, gone afterwards."""
    life = docker_lifecycle if docker else lifecycle
    with tempfile.TemporaryDirectory(prefix="oncall-bench-") as folder:
        home = Home(Path(folder) / "stack")
        try:
            yield life.up(home, lambda line: None)
        finally:
            life.down(home, lambda line: None)


@contextlib.contextmanager
def hung(stack):
    """A target file for the same stack, every address of which hangs."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as server:
        port = server.getsockname()[1]
        threading.Thread(target=_accept, args=(server,), daemon=True).start()
        yield target(stack, "hung", describe(stack.home, stack.server, dict.fromkeys(stack.ports, port)))


@contextlib.contextmanager
def silent_engine(stack):
    """A target file for the same stack, whose Docker engine accepts and never answers."""
    with socket.socket(socket.AF_UNIX) as server:
        place = stack.home.path / "engine.sock"
        server.bind(str(place))
        server.listen(512)
        threading.Thread(target=_accept, args=(server,), daemon=True).start()
        told = stack.state["target"]
        yield target(stack, "silent", {**told, "docker": {**told["docker"], "host": f"unix://{place}"}})


def with_components(stack, *services):
    """A target file for the same stack and some further services."""
    components = {service: {"service": service} for service in services}
    return target(stack, "-".join(services), {**stack.state["target"], "components": components})


def target(stack, name, table):
    target = stack.home.path / f"{name}.toml"
    target.write_text(toml(table))
    return target


def _accept(server):
    kept = deque(maxlen=2000)
    with contextlib.suppress(OSError):
        while True:
            kept.append(server.accept())
