"""Servers that are sick in one way each, on real sockets."""

import contextlib
import socket
import threading
import time

PAGE = b"<!doctype html><title>Motel</title><script src=/app.js></script><p>hello"


def response(body=b"ok", status="200 OK", content_type="text/plain", **headers):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
    if content_type:
        lines.append(f"Content-Type: {content_type}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@contextlib.contextmanager
def raw_server(talk, *, tls=None, host="127.0.0.1", family=socket.AF_INET):
    """Serve every connection with `talk(connection, path)` in a thread of its own; yields the port."""
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, 0))
    listener.listen(64)
    closing = threading.Event()

    def one(connection):
        with contextlib.suppress(OSError), connection:
            if tls is not None:
                connection = tls.wrap_socket(connection, server_side=True)
            request = b""
            while b"\r\n\r\n" not in request:
                piece = connection.recv(65536)
                if not piece:
                    return
                request += piece
                if request[:1] == b"\x16":  # a TLS hello, where plain HTTP is spoken
                    connection.sendall(response(b"", "400 Bad Request"))
                    return
            talk(connection, request.split(b" ", 2)[1].decode())
            connection.close()

    def accept():
        while not closing.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        closing.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def says(*pieces, pause=0.0):
    """A talk that sends the pieces, whatever was asked."""

    def talk(connection, path):
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause)

    return talk


def site(pages, missing=None):
    """A talk that answers by path; `missing` answers every other path (404 without it)."""

    def talk(connection, path):
        connection.sendall(pages.get(path.partition("?")[0], missing or response(b"no such page", "404 Not Found")))

    return talk


def until_gone(connection):
    """Keep a connection and say nothing, for as long as the other side does: a busy machine is slow to give up."""
    while connection.recv(65536):
        continue


def silent(connection, path):
    """Take the request and never answer."""
    until_gone(connection)


def reset(connection, path):
    """Close with a reset instead of an answer."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


def free_port():
    """A port on which nothing listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]
