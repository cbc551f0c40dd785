"""One WebSocket over a connection that keeps deadlines, through the protocol engine of `websockets`.

The library's own client follows redirects, waits for whole bodies and times each phase anew; its protocol engine,
which does no input or output, leaves all of that to us.
"""

import logging
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from oncall.gate.patterns import Pattern
from oncall.probing.network import DeadlineNetwork, Stream

# At DEBUG the library would log the request with the token in it.
quiet = logging.getLogger(f"{__name__}.protocol")
quiet.setLevel(logging.INFO)

HEAD_LIMIT = 1 << 16
MESSAGE_LIMIT = 1 << 20  # bytes, of which the newest stay
KEPT = 20  # messages, and as many pongs
SAY_SECONDS = 0.5
STATUS_LINE = Pattern(rb"HTTP/1\.[01] (\d{3})(?: |\r)")


class Library(Struct, frozen=True):
    """The parts of `websockets` that are used; filled by the one client that imports it."""

    protocol: Any
    parse_uri: Any
    opcode: Any


class Heartbeat(Struct, frozen=True):
    """What of the server's messages the client must answer: the whole message, or a part of it; and the answer."""

    message: bytes = b""
    part: bytes = b""
    answer: str = ""

    def is_in(self, message: bytes) -> bool:
        return bool((self.message and message == self.message) or (self.part and self.part in message))


class HandshakeRequest(Struct, frozen=True):
    """What a handshake asks for, and what is answered while the socket is open."""

    uri: str
    origin: str
    headers: Mapping[str, str]
    subprotocols: Sequence[str]
    heartbeat: Heartbeat = Heartbeat()


class HandshakeResponse(Struct, frozen=True):
    """How the handshake ended; `outcome` as in facts/websocket.py."""

    outcome: str
    status: int = 0
    html: bool = False
    accept: str = ""
    location: str = ""


class Session:
    """A WebSocket that was, or is to be, opened on one stream."""

    def __init__(
        self,
        library: Library,
        offer: HandshakeRequest,
        wire: DeadlineNetwork,
        tls: ssl.SSLContext | None,
        closed: Callable[[], None],
    ) -> None:
        """closed: called when the socket is given back."""
        self.library, self.wire, self._closed = library, wire, closed
        uri = library.parse_uri(offer.uri)
        self._offer = offer
        self._protocol = library.protocol(
            uri, origin=offer.origin or None, subprotocols=list(offer.subprotocols) or None, logger=quiet
        )
        self.messages: list[bytes] = []
        self.pongs: list[bytes] = []
        self.heartbeats = 0
        self._fragments = bytearray()
        self._ended = ""  # how the connection itself went: "eof" or "reset"
        self._stream: Stream = wire.connect_tcp(uri.host, uri.port)
        if tls is not None:
            self._stream = self._stream.start_tls(tls, server_hostname=uri.host)

    def handshake(self) -> HandshakeResponse:
        """Ask for the upgrade; raises OSError (TimeoutError among them) when no answer comes."""
        request = self._protocol.connect()
        for name, value in self._offer.headers.items():
            request.headers.pop(name, None)  # setting one that is there already would add a second
            request.headers[name] = value
        self._protocol.send_request(request)
        self._flush()
        head = b""
        while b"\r\n\r\n" not in head:
            data = self._stream.read(65536)
            head += data[:HEAD_LIMIT]
            if head[:5] != b"HTTP/"[: len(head[:5])]:
                return HandshakeResponse("garbled")
            self._feed(data)
            if not data:
                return HandshakeResponse("garbled" if head else "eof")
            if len(head) > HEAD_LIMIT:
                return HandshakeResponse("garbled")
        return self._reply(head.partition(b"\r\n\r\n")[0])

    def _reply(self, head: bytes) -> HandshakeResponse:
        found = STATUS_LINE.match(head + b"\r")
        if not found:
            return HandshakeResponse("garbled")
        status = int(found[1])
        headers = {
            name.strip().lower(): value.strip().decode("latin-1")
            for name, _, value in (line.partition(b":") for line in head.split(b"\r\n")[1:])
        }
        if status != 101:
            location = headers.get(b"location", "").partition("?")[0][:200]
            return HandshakeResponse(
                "status", status, "html" in headers.get(b"content-type", "").lower(), location=location
            )
        problem = self._protocol.handshake_exc
        if problem is None:
            wanted = self._offer.subprotocols and self._protocol.subprotocol is None
            return HandshakeResponse("subprotocol" if wanted else "open", status)  # a browser gives up on such a socket
        outcome = self._misagreed(problem)
        accept = ("wrong" if b"sec-websocket-accept" in headers else "missing") if outcome == "accept" else ""
        return HandshakeResponse(outcome, status, accept=accept)

    @staticmethod
    def _misagreed(problem: Exception) -> str:
        """Which part of a 101 was wrong: by the header that the library names, else by its sentence."""
        name = str(getattr(problem, "name", "")).lower()
        words = str(problem).lower()
        if name in ("connection", "upgrade"):
            return "upgrade"
        if name == "sec-websocket-accept":
            return "accept"
        if name == "sec-websocket-extensions" or "extension" in words:
            return "negotiation"
        return "subprotocol" if name == "sec-websocket-protocol" or "subprotocol" in words else "garbled"

    def send_text(self, text: str) -> None:
        """Send a message, unless the other side has ended it already."""
        self._say(lambda: self._protocol.send_text(text.encode()))

    def send_ping(self, payload: bytes) -> None:
        """Send a ping frame, unless the other side has ended it already."""
        self._say(lambda: self._protocol.send_ping(payload))

    def _say(self, what: Callable[[], None]) -> None:
        if self.close_code is None:
            what()
            self.wire.ends = time.perf_counter() + SAY_SECONDS
            try:
                self._flush()
            except OSError:
                self._ended = "reset"

    @property
    def close_code(self) -> int | None:
        """How the other side ended it: its code, 1005 for a close frame without one, 1006 without a frame; or None."""
        if self._protocol.close_rcvd is not None:
            return int(self._protocol.close_rcvd.code)
        if self._ended or self._protocol.parser_exc is not None:
            return 1006
        return None

    @property
    def close_reason(self) -> str:
        received = self._protocol.close_rcvd
        return " ".join(received.reason.split())[:100] if received else ""

    def wait(self, until: Callable[[], bool], seconds: float) -> bool:
        """Read until something is there, the socket is closed, or the time is over; tells whether it is there."""
        self.wire.ends = time.perf_counter() + seconds
        while not until() and self.close_code is None:
            try:
                data = self._stream.read(65536)
                self._feed(data)
                self._ended = self._ended or ("" if data else "eof")
            except TimeoutError:
                break
            except OSError:
                self._ended = self._ended or "reset"
        return until()

    def close(self, seconds: float = 1.0) -> None:
        """Say goodbye, wait a moment for the other side's, and hang up."""
        try:
            self.wire.ends = time.perf_counter() + seconds
            if self._protocol.state.name == "OPEN" and not self._ended:
                self._protocol.send_close(1000)
                self._flush()
                self.wait(lambda: False, seconds)
        except OSError:
            pass
        finally:
            self._stream.close()
            self._closed()

    def _feed(self, data: bytes) -> None:
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        for event in self._protocol.events_received():
            self._take(event)
        self._flush()

    def _take(self, event: Any) -> None:
        opcode = getattr(event, "opcode", None)
        if opcode in (self.library.opcode.TEXT, self.library.opcode.BINARY, self.library.opcode.CONT):
            self._fragments += event.data
            del self._fragments[:-MESSAGE_LIMIT]  # a chatty server must not fill our memory
            if event.fin:
                self._hear(bytes(self._fragments))
                self._fragments = bytearray()
        elif opcode == self.library.opcode.PONG:
            self.pongs.append(bytes(event.data))
            del self.pongs[:-KEPT]

    def _hear(self, message: bytes) -> None:
        """Keep a message, or answer it when it is a heartbeat."""
        if not self._offer.heartbeat.is_in(message):
            self.messages.append(message)
            del self.messages[:-KEPT]
        elif self._protocol.state.name == "OPEN":
            self.heartbeats += 1
            self._protocol.send_text(self._offer.heartbeat.answer.encode())

    def _flush(self) -> None:
        """Send what the protocol has to say: our own frames, pongs, the answer to a close."""
        for data in self._protocol.data_to_send():
            self._stream.write(data)
