"""A Docker engine in between that answers some paths itself, and badly; all others come from the true one."""

import contextlib
import json
import socket
import threading
import time
import zlib

TRUE = "/var/run/docker.sock"


def answer(body=b"", status="200 OK", **headers):
    """A whole answer, sent at once."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}", "Connection: close", "Content-Type: application/json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if "Transfer_Encoding" not in headers:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def says(*pieces):
    """These bytes, and the end."""

    def talk(connection):
        for piece in pieces:
            connection.sendall(piece)

    return talk


def endless(head, piece, pause=0.0):
    """A beginning, then the same again and again."""

    def talk(connection):
        connection.sendall(head)
        while True:
            connection.sendall(piece)
            time.sleep(pause)

    return talk


def chunk(data):
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n"


def zipped(mebibytes):
    """A gzip stream of so many mebibytes of blanks, which JSON allows anywhere."""
    packed = zlib.compressobj(9, zlib.DEFLATED, 31)
    member = packed.compress(b" " * (64 << 20)) + packed.flush()
    return member * (mebibytes // 64)


class HostileEngine:
    """Answers on a Unix socket, or on a port of loopback.

    talks: by the end of a path ("/version", "/containers/json"), what is done with the connection instead.
    """

    def __init__(self, talks, changed=None):
        self.talks, self.changed = talks, changed or (lambda path, body: body)
        self.asked = []

    def _one(self, connection):
        with contextlib.suppress(OSError), connection:
            request = b""
            while b"\r\n\r\n" not in request:
                if not (piece := connection.recv(65536)):
                    return
                request += piece
            method, path, _ = request.split(b" ", 2)
            path = path.decode().partition("?")[0]
            self.asked.append((method.decode(), path))
            talk = next((talk for end, talk in self.talks.items() if path.endswith(end)), None)
            if talk:
                talk(connection)
            else:
                self._forward(request, path, connection)

    def _forward(self, request, path, connection):
        with socket.socket(socket.AF_UNIX) as behind:
            behind.connect(TRUE)
            behind.sendall(request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            while piece := behind.recv(65536):
                connection.sendall(piece)

    @contextlib.contextmanager
    def at(self, folder=None):
        """Listen; yields the address."""
        server = socket.socket(socket.AF_UNIX if folder else socket.AF_INET)
        server.bind(str(folder / "engine.sock") if folder else ("127.0.0.1", 0))
        server.listen(64)

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=self._one, args=(server.accept()[0],), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield f"unix://{folder}/engine.sock" if folder else f"tcp://127.0.0.1:{server.getsockname()[1]}"
        finally:
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            server.close()
