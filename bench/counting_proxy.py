"""Proxies that count: whoever comes through is passed on byte for byte, and what was asked and answered is added up."""

import asyncio
import threading
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

PIECE = 1 << 16


@dataclass
class CountingProxy:
    """One address of the stack, seen from outside.

    address: where to knock instead: a port, or a socket's path. asked, answered: bytes to and from the stack.
    """

    behind: int | str
    address: int | str
    speaks_http: bool = True
    connections: int = 0
    asked: int = 0
    answered: int = 0
    requests: list[str] = field(default_factory=list)  # "GET /health", "UPGRADE /realtime"


@contextmanager
def proxies(*wanted):
    """Open these proxies until the end of the block; a port of 0 becomes a free one."""
    opened, ends = Future(), Future()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(wanted, opened, ends)), name="proxies", daemon=True)
    thread.start()
    opened.result(10)
    try:
        yield wanted
    finally:
        ends.set_result(None)
        thread.join(10)


async def _serve(wanted, opened, ends):
    try:
        servers = [await _open(proxy) for proxy in wanted]
    except OSError as error:
        opened.set_exception(error)
        return
    opened.set_result(None)
    await asyncio.wrap_future(ends)
    for server in servers:
        server.close()


async def _open(proxy):
    passing = set()  # asyncio itself holds its tasks by weak references

    async def came(reader, writer):
        passing.add(asyncio.current_task())
        proxy.connections += 1
        with suppress(OSError, asyncio.CancelledError):
            theirs, ours = await _behind(proxy.behind)
            reading = Requests(proxy.requests) if proxy.speaks_http else None
            try:
                await asyncio.gather(_there(proxy, reader, ours, reading), _back(proxy, theirs, writer))
            finally:
                ours.close()
        writer.close()
        passing.discard(asyncio.current_task())

    if isinstance(proxy.address, str):
        return await asyncio.start_unix_server(came, proxy.address, backlog=512)
    server = await asyncio.start_server(came, "127.0.0.1", proxy.address, backlog=512)
    proxy.address = server.sockets[0].getsockname()[1]
    return server


async def _behind(place):
    if isinstance(place, str):
        return await asyncio.open_unix_connection(place)
    return await asyncio.open_connection("127.0.0.1", place)


async def _there(proxy, reader, writer, reading):
    while piece := await reader.read(PIECE):
        proxy.asked += len(piece)
        if reading:
            reading.feed(piece)
        writer.write(piece)
        await writer.drain()
    with suppress(OSError):
        writer.write_eof()


async def _back(proxy, reader, writer):
    while piece := await reader.read(PIECE):
        proxy.answered += len(piece)
        writer.write(piece)
        await writer.drain()
    with suppress(OSError):
        writer.write_eof()


class Requests:
    """The requests of one connection, one after another, as their first lines say."""

    def __init__(self, found):
        self.found, self.rest, self.body = found, b"", 0
        self.upgraded = False

    def feed(self, piece):
        self.rest += piece
        while not self.upgraded:
            skipped = min(self.body, len(self.rest))
            self.rest, self.body = self.rest[skipped:], self.body - skipped
            head, end, rest = self.rest.partition(b"\r\n\r\n")
            if self.body or not end:
                return
            self.rest = rest
            self._head(head.decode("latin-1"))

    def _head(self, head):
        first, *lines = head.split("\r\n")
        method, path = first.split(" ")[:2]
        headers = dict(line.lower().split(":", 1) for line in lines)
        self.body = int(headers.get("content-length", 0))
        self.upgraded = "upgrade" in headers
        self.found.append(f"{'UPGRADE' if self.upgraded else method} {path.partition('?')[0]}")
