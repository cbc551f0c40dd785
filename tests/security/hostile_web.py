"""One server for a page, an API and a socket, each answer as bad as a test asks for."""

import base64
import contextlib
import hashlib
import json
import socket
import threading

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PAGE = b"<!doctype html><title>Motel</title><script src=/app.js></script><link rel=stylesheet href=/app.css><p>hello"
HEALTHY = {"status": "ok", "checks": {"database": {"status": "up"}}}
GOOD = {
    "/": ("text/html", PAGE),
    "/app.js": ("text/javascript", b"1"),
    "/app.css": ("text/css", b"p { color: red }"),
    "/health": ("application/json", json.dumps(HEALTHY).encode()),
    "/metrics": ("text/plain", b"websocket_connections 1\nprocess_open_fds 9\nprocess_max_fds 1024\n"),
    "/api/auth/login": ("application/json", b'{"token": "abc-def-0123456789-xyz"}'),
    "/api/suites": ("application/json", b"[]"),
}


def frame(payload, opcode=1, final=True):
    """One frame of a server's."""
    size = len(payload)
    head = bytes([(0x80 if final else 0) | opcode])
    if size < 126:
        return head + bytes([size]) + payload
    return head + (b"\x7e" + size.to_bytes(2) if size < 65536 else b"\x7f" + size.to_bytes(8)) + payload


@contextlib.contextmanager
def web(changed=None, socket_talk=None):
    """Yields the port. changed: path -> (type, body); socket_talk: what is done once a WebSocket is open."""
    answers = GOOD | (changed or {})

    def one(connection):
        with contextlib.suppress(OSError), connection:
            request = b""
            while b"\r\n\r\n" not in request:
                if not (piece := connection.recv(65536)):
                    return
                request += piece
            path = request.split(b" ", 2)[1].decode().partition("?")[0]
            key = [line for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:")]
            if key:
                accept = base64.b64encode(hashlib.sha1(key[0].split(b":")[1].strip() + MAGIC).digest())
                head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                connection.sendall(head + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
                (socket_talk or (lambda open_one: open_one.recv(65536)))(connection)
                return
            kind, body = answers.get(path, ("text/plain", None))
            status = "404 Not Found" if body is None else "200 OK"
            head = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: {kind}\r\n"
            connection.sendall(f"{head}Content-Length: {len(body or b'')}\r\n\r\n".encode() + (body or b""))

    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(64)

    def accept():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=one, args=(server.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server.getsockname()[1]
    finally:
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()
