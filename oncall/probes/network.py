"""A connection that keeps one deadline for everything: name, connection, TLS, and every single read.

The usual clients time each phase anew, so a server that drips one byte a second holds them for hours. Here the clock
belongs to the whole request, and each part's seconds are kept as evidence. Errors stay Python's own (OSError and its
kinds), so that whoever asked can tell a refusal from a reset.
"""

import socket
import ssl
import threading
import time
from collections.abc import Iterable
from typing import Any, TypeVar

T = TypeVar("T")


class Wire:
    """The network under one request, in the shape that httpcore asks of a backend."""

    def __init__(self, seconds: float) -> None:
        self.started = time.perf_counter()
        self.ends = self.started + seconds
        self.waiting_for = "name"
        self.dns = self.connect = self.tls = self.first_byte = 0.0
        self.asked_at = 0.0
        self.received = 0

    def remaining(self) -> float:
        """Seconds left; raises TimeoutError when there are none."""
        left = self.ends - time.perf_counter()
        if left <= 0:
            raise TimeoutError(f"the time for {self.waiting_for} is over")
        return left

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> "Stream":  # fmt: skip
        addresses = self._resolve(host, port)
        self.waiting_for = "connection"
        began = time.perf_counter()
        failures: list[OSError] = []
        for index, (family, kind, protocol, _, address) in enumerate(addresses):
            try:
                sock = socket.socket(family, kind, protocol)
            except OSError as error:  # a family that this host does not know
                failures.append(error)
                continue
            try:
                # Each address gets its share, so that one black hole leaves time for the next.
                sock.settimeout(self.remaining() / (len(addresses) - index))
                sock.connect(address)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                sock.close()
                failures.append(error)
                continue
            self.connect = time.perf_counter() - began
            return self.opened(sock)
        self.connect = time.perf_counter() - began
        raise max(failures, key=_telling)

    def connect_unix_socket(self, *_: object, **__: object) -> "Stream":
        raise OSError("no address of a stack is a Unix socket")

    def sleep(self, seconds: float) -> None:
        time.sleep(min(seconds, self.remaining()))

    def opened(self, sock: socket.socket) -> "Stream":
        """The stream over a socket that is ready to be asked."""
        self.waiting_for = "first byte"
        self.asked_at = time.perf_counter()
        return Stream(sock, self)

    def _resolve(self, host: str, port: int) -> list[tuple[Any, ...]]:
        """The host's addresses, looked up in a thread of its own because nothing else can time it."""
        began = time.perf_counter()
        answer: list[tuple[Any, ...]] = []
        failure: list[Exception] = []

        def look_up() -> None:
            try:
                answer.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
            except (OSError, UnicodeError) as error:
                failure.append(error)

        thread = threading.Thread(target=look_up, name=f"resolve {host}", daemon=True)
        thread.start()
        thread.join(self.remaining())
        self.dns = time.perf_counter() - began
        if thread.is_alive():
            raise TimeoutError("the name did not resolve in time")
        if failure:
            raise failure[0]
        return answer


class Stream:
    """An open connection, in the shape that httpcore asks of a stream."""

    def __init__(self, sock: socket.socket, wire: Wire) -> None:
        self.sock = sock
        self.wire = wire

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self.sock.settimeout(self.wire.remaining())
        data = self.sock.recv(max_bytes)
        if data and not self.wire.received:
            self.wire.first_byte = time.perf_counter() - self.wire.asked_at
            self.wire.waiting_for = "rest"
        self.wire.received += len(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if buffer:
            self.sock.settimeout(self.wire.remaining())
            self.sock.sendall(buffer)

    def close(self) -> None:
        self.sock.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> "Stream":
        self.wire.waiting_for = "tls"
        began = time.perf_counter()
        try:
            self.sock.settimeout(self.wire.remaining())
            secured = ssl_context.wrap_socket(self.sock, server_hostname=server_hostname)
        except BaseException:
            self.sock.close()
            raise
        finally:
            self.wire.tls = time.perf_counter() - began
        return self.wire.opened(secured)

    def get_extra_info(self, info: str) -> Any:
        if info == "ssl_object" and isinstance(self.sock, ssl.SSLSocket):
            return self.sock
        return {"socket": self.sock, "is_readable": False}.get(info)


def _telling(error: OSError) -> int:
    """Of several addresses' failures, the one that says most: a hang, then a refusal, then no way there."""
    return 2 if isinstance(error, TimeoutError) else 1 if isinstance(error, ConnectionRefusedError) else 0
