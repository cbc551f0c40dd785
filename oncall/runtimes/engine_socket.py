"""The one way to a Docker engine: a connection over a Unix socket, TCP, TLS or ssh, with one deadline a request.

The SDK's own connections time each read anew, and keep a pool for each path: an engine that drips one byte a second
would hold them for hours. Every stream comes from `DeadlineNetwork.opened`, as those of HTTP and of the WebSocket do.
"""

import io
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

from oncall.probing.network import DeadlineNetwork, Stream

Dial = Callable[[DeadlineNetwork], Stream]
CONNECTIONS = 32  # kept for the next request; a local engine takes any number


def unix_dial(path: str) -> Dial:
    """A connection to a socket file."""

    def dial(wire: DeadlineNetwork) -> Stream:
        wire.waiting_for = "connection"
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(wire.remaining())
            sock.connect(path)
        except BaseException:
            sock.close()
            raise
        return wire.opened(sock)

    return dial


def tcp_dial(host: str, port: int, tls: ssl.SSLContext | None) -> Dial:
    """A connection to another machine, or to this one; tls: for an engine that wants or shows certificates."""

    def dial(wire: DeadlineNetwork) -> Stream:
        stream = wire.connect_tcp(host, port)
        return stream.start_tls(tls, host) if tls else stream

    return dial


class EngineSocket:
    """A stream in the shape that http.client asks of a socket."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._readers = 0
        self._closed = False

    def until(self, ends: float) -> None:
        """A request begins, and ends at this moment of time.perf_counter()."""
        self.stream.wire.ends = ends

    def sendall(self, data: Any) -> None:
        self.stream.write(bytes(data))

    def makefile(self, mode: str = "rb", *_: object, **__: object) -> io.BufferedReader:
        self._readers += 1
        return io.BufferedReader(_Incoming(self))

    def settimeout(self, seconds: float | None) -> None:
        """urllib3 would start a new time for each read here: the request's own deadline counts."""

    def fileno(self) -> int:
        return self.stream.sock.fileno()

    def shutdown(self, how: int) -> None:
        self.stream.sock.shutdown(how)

    def close(self) -> None:
        """As for a socket: whoever still reads an answer may do so to its end."""
        self._closed = True
        if not self._readers:
            self.stream.close()

    def left(self) -> None:
        """One reader less."""
        self._readers -= 1
        if self._closed and not self._readers:
            self.stream.close()


class _Incoming(io.RawIOBase):
    """What comes in, for one answer."""

    def __init__(self, sock: EngineSocket) -> None:
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._sock.stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._sock.left()


def engine_adapter(dial: Dial, host: str, connections: int = CONNECTIONS, block: bool = False) -> Any:
    """A transport for the SDK's session, with one pool for all paths. Called where the SDK has been imported already.

    host: what the engine is called in its requests. block: wait for one of the connections rather than open another.
    """
    import urllib3
    from requests.adapters import HTTPAdapter

    class Connection(urllib3.connection.HTTPConnection):
        ends = 0.0

        def request(self, *args: Any, **named: Any) -> None:
            assert isinstance(self.timeout, int | float)  # noqa: S101  every call names its seconds
            self.ends = time.perf_counter() + self.timeout
            if isinstance(self.sock, EngineSocket):
                self.sock.until(self.ends)
            super().request(*args, **named)

        def connect(self) -> None:
            self.sock = EngineSocket(dial(DeadlineNetwork(self.ends - time.perf_counter())))

    class Pool(urllib3.connectionpool.HTTPConnectionPool):
        ConnectionCls = Connection

    class Adapter(HTTPAdapter):
        pool = Pool(host, maxsize=connections, block=block)

        def get_connection_with_tls_context(self, *_: Any, **__: Any) -> Any:
            return self.pool

        def close(self) -> None:
            self.pool.close()

        def request_url(self, request: Any, proxies: Any) -> Any:
            return request.path_url

    return Adapter()
