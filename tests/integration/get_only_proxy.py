"""A Docker socket that only looks: GET and HEAD go through to the engine as streams, everything else is answered 403.

A GET that asks for another protocol (attach by WebSocket) could write to a container, so it is refused too. One
request a connection, its body dropped: nothing can hide behind a request that was let through.
"""

import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

ENGINE = "/var/run/docker.sock"
HEAD_LIMIT = 64 * 1024
DROPPED = ("connection", "content-length", "transfer-encoding", "expect", "keep-alive")
REFUSAL = b'{"message":"this socket only looks: GET and HEAD"}\n'


@dataclass
class Proxy:
    """Where it listens, and what it was asked: (method, path) as they came."""

    address: str
    allowed: list = field(default_factory=list)
    refused: list = field(default_factory=list)


@contextmanager
def get_only(path, engine=ENGINE):
    """Listen at this socket until the end of the block; whoever is connected then is cut off."""
    proxy, open_now, ended = Proxy(f"unix://{path}"), set(), threading.Event()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(64)

    def accept():
        while not ended.is_set():
            with suppress(OSError):
                client, _ = listener.accept()
                open_now.add(client)
                threading.Thread(target=serve, args=(client,), daemon=True).start()

    def serve(client):
        with client, suppress(OSError):
            answer(proxy, client, engine)
        open_now.discard(client)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        ended.set()
        for each in (listener, *open_now):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        listener.close()
        path.unlink(missing_ok=True)


def answer(proxy, client, engine):
    """One request: passed on, or refused."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < HEAD_LIMIT:
        piece = client.recv(8192)
        if not piece:
            return
        head += piece
    first, *lines = head.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    method, _, rest = first.partition(" ")
    names = [line.partition(":")[0].strip().lower() for line in lines]
    if method not in ("GET", "HEAD") or "upgrade" in names:
        proxy.refused.append((method, rest.partition(" ")[0]))
        told = f"HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: {len(REFUSAL)}\r\n"
        client.sendall(told.encode() + b"Connection: close\r\n\r\n" + REFUSAL)
        client.shutdown(socket.SHUT_WR)
        return
    proxy.allowed.append((method, rest.partition(" ")[0]))
    kept = [line for line, name in zip(lines, names, strict=True) if name not in DROPPED]
    with socket.socket(socket.AF_UNIX) as upstream:
        upstream.connect(engine)
        upstream.sendall("\r\n".join([first, *kept, "Connection: close", "", ""]).encode("latin-1"))
        watch = threading.Thread(target=until_gone, args=(client, upstream), daemon=True)
        watch.start()
        while piece := upstream.recv(64 * 1024):
            client.sendall(piece)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
        watch.join(5)


def until_gone(client, upstream):
    """A client that goes away ends its stream at the engine as well; whatever else it sends is dropped."""
    with suppress(OSError):
        while client.recv(8192):
            pass
    with suppress(OSError):
        upstream.shutdown(socket.SHUT_RDWR)
