"""Addresses that hang, on loopback only: one accepts and never answers, one drops packets, one drips."""

import contextlib
import socket
import threading
import time

from tests.integration.playbook_runs import write_target


@contextlib.contextmanager
def silent():
    """A port that accepts and never says a word; yields (port, event that somebody came)."""
    with _listening(256) as listener, _served(listener, lambda connection: None) as came:
        yield listener.getsockname()[1], came


@contextlib.contextmanager
def dripping():
    """A port that sends one byte now and then, for ever: what times each read anew waits for ever."""
    with _listening(256) as listener, _served(listener, _drip) as came:
        yield listener.getsockname()[1], came


@contextlib.contextmanager
def dropping():
    """A port whose queue is full, so that Linux drops every further packet that asks for a connection."""
    with _listening(0) as listener, contextlib.ExitStack() as kept:
        for _ in range(4):
            filler = kept.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1], None


@contextlib.contextmanager
def _listening(backlog):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(backlog)
        yield listener


@contextlib.contextmanager
def _served(listener, talk):
    came, kept = threading.Event(), []

    def accept():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                kept.append(connection)
                came.set()
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield came
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        for connection in kept:
            connection.close()


def _drip(connection):
    with contextlib.suppress(OSError):
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 10_000:
            connection.sendall(bytes([byte]))
            time.sleep(0.2)


def aimed_at(port, stack, file):
    """The running stack's target file with every address moved to one port."""
    tables, at = stack.target, f"127.0.0.1:{port}"
    tables["backend"]["url"] = f"http://{at}"
    tables["frontend"] |= {"url": f"https://{at}", "certificates": [f"localhost:{port}"]}
    tables["websocket"] |= {"url": f"ws://{at}/realtime", "public_url": f"wss://{at}/realtime"}
    tables["postgres"]["port"] = port
    return write_target(file, tables)
