"""A connection that keeps one deadline for everything: name, connection, TLS, and every single read.

The usual clients time each phase anew, so a server that drips one byte a second holds them for hours. Here the clock
belongs to the whole request, and each part's seconds are kept as evidence. Errors stay Python's own (OSError and its
kinds), so that whoever asked can tell a refusal from a reset.

The deadline counts what the stack does: it moves by what this machine takes from us (`oncall.probing.lag`). So no wait
is as long as what is left: each is cut into pieces, and after each piece the clock is read anew. A wait that is long by
itself has a bound to what it gets back, so that a run's budget holds.
"""

import errno
import math
import os
import select
import socket
import ssl
import time
from collections.abc import Iterable
from typing import Any

from oncall.probing.deadline import PIECE, side_thread, wait_for, watch
from oncall.probing.lag import METER, stack_time

HTTP = b"HTTP/"


class DeadlineNetwork:
    """The network under one request, in the shape that httpcore asks of a backend."""

    def __init__(self, seconds: float, given_back: float = math.inf) -> None:
        """given_back: seconds that it gets back at most, of those that this machine takes."""
        self._given_back = given_back
        self.sock: socket.socket | None = None
        self.started = time.perf_counter()
        self.ends = self.started + seconds
        self.waiting_for = "name"
        self.dns = self.connect = self.tls = self.first_byte = 0.0
        self.asked_at = 0.0
        self.received = 0
        self.beginning = b""  # of what was received: as much as tells HTTP from other protocols

    @property
    def ends(self) -> float:
        """The deadline by `time.perf_counter`, had this machine all the time for us. Setting it begins a request."""
        return self._ends

    @ends.setter
    def ends(self, moment: float) -> None:
        self._ends, self._lost = moment, METER.lost()
        if self.sock is not None:  # another probe's, by now
            watch(self.sock)

    def remaining(self) -> float:
        """Seconds left; raises TimeoutError when there are none."""
        left = self._ends + min(METER.lost() - self._lost, self._given_back) - time.perf_counter()
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
                self._connect(sock, address, self.remaining() / (len(addresses) - index))
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                sock.close()
                failures.append(error)
                continue
            self.connect = time.perf_counter() - began
            return self.opened(sock)
        self.connect = time.perf_counter() - began
        raise max(failures, key=_telling)

    def _connect(self, sock: socket.socket, address: Any, seconds: float) -> None:
        """Connect within these seconds of ours; raises OSError."""
        sock.setblocking(False)
        wrong = sock.connect_ex(address)
        until = time.perf_counter() + seconds - METER.lost()
        while wrong in (errno.EINPROGRESS, errno.EALREADY):
            left = until + METER.lost() - time.perf_counter()
            if left <= 0:
                raise TimeoutError("the connection was not accepted in time")
            waiting = select.poll()
            waiting.register(sock, select.POLLOUT)
            if waiting.poll(1000 * min(left, PIECE)):
                wrong = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if wrong:
            raise OSError(wrong, os.strerror(wrong))  # of the kind that belongs to the number

    def connect_unix_socket(self, *_: object, **__: object) -> "Stream":
        raise OSError("no address of a stack is a Unix socket")

    def sleep(self, seconds: float) -> None:
        time.sleep(min(seconds, self.remaining()))

    def opened(self, sock: socket.socket) -> "Stream":
        """The stream over a socket that is ready to be asked."""
        self.sock = watch(sock)
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

        thread = side_thread(look_up, name=f"resolve {host}")
        in_time = wait_for([thread], stack_time() + self.remaining())
        self.dns = time.perf_counter() - began
        if not in_time:
            raise TimeoutError("the name did not resolve in time")
        if failure:
            raise failure[0]
        return answer


class Stream:
    """An open connection, in the shape that httpcore asks of a stream."""

    def __init__(self, sock: socket.socket, wire: DeadlineNetwork) -> None:
        self.sock = sock
        self.wire = wire

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        while True:
            self.sock.settimeout(min(self.wire.remaining(), PIECE))
            try:
                data = self.sock.recv(max_bytes)
                break
            except TimeoutError:
                continue  # unless nothing remains
        if data and not self.wire.received:
            self.wire.first_byte = time.perf_counter() - self.wire.asked_at
            self.wire.waiting_for = "rest"
        self.wire.received += len(data)
        self.wire.beginning += data[: len(HTTP) - len(self.wire.beginning)]
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


def tls_words(error: ssl.SSLError) -> str:
    """OpenSSL's reason without its codes."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message.rstrip(".").lower()[:200]
    reason = (error.reason or "the connection ended in the middle of it").replace("_", " ").lower()
    return "the port does not speak TLS" if reason in ("wrong version number", "record layer failure") else reason[:200]
