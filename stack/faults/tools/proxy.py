"""A small proxy, put in front of a part: it passes everything on, except what it is told to spoil.

    python -m stack.faults.tools.proxy --listen 25432 --to 5432 --delay 0.8    any TCP: every answer is late
    python -m stack.faults.tools.proxy --listen 3001 --to 23001 --only /health --status 200 --text OK

The plain TCP mode (delay, drip, mute, blackhole, reset, banner) knows nothing of protocols; any other option makes it
an HTTP proxy that serves one request a connection. `--only` limits what is spoilt to paths that match a pattern from
their beginning: /api, /$
"""

import argparse
import asyncio
import itertools
import re
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from email.utils import formatdate, parsedate_to_datetime

Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter
WHOLE_HEAD = 1 << 16
PONG = 0xA
HTTP_ONLY = (
    "only",
    "route",
    "rewrite",
    "status",
    "turn",
    "set",
    "clock",
    "cut",
    "replace",
    "without_upgrade",
    "endless",
)
WEBSOCKET_ONLY = ("wrong_accept", "swallow")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="proxy", description="passes everything on, except what it is told to spoil")
    add = parser.add_argument
    add("--listen", type=int, required=True)
    add("--to", type=int, nargs="+", help="where to; several take turns")
    add("--delay", type=float, default=0.0, help="every answer comes so many seconds late")
    add("--blackhole", action="store_true", help="accept, and never answer")
    add("--reset", action="store_true", help="break the connection off as soon as something was asked")
    add("--mute-after", type=bytes.fromhex, default=b"", help="pass on until these bytes were answered, then nothing")
    add("--banner", default="", help="say this to whoever connects, and nothing else")
    add("--only", nargs="+", default=[], help="HTTP: spoil only these paths (patterns)")
    add("--route", nargs="+", default=[], help="HTTP: PREFIX=PORT, other places for some paths")
    add("--asked-with", default="", help="HTTP: spoil only requests that have this header")
    add("--rewrite", default="", help="HTTP: OLD=NEW, the beginning of another path to ask for")
    add("--status", type=int, default=0, help="HTTP: answer so instead of asking anybody")
    add("--text", default="", help="HTTP: the body of that answer")
    add("--type", default="text/plain", help="HTTP: its content type")
    add("--turn", default="", help="HTTP: OLD=NEW, another status of the answers that have this one")
    add("--set", action="append", default=[], help="HTTP: 'Name: value' of every answer")
    add("--endless", action="store_true", help="HTTP: a body that has no end")
    add("--clock", type=float, default=0.0, help="HTTP: move the answer's Date by so many seconds")
    add("--drip", type=float, default=0.0, help="one byte of the answer every so many seconds")
    add("--cut", type=int, default=None, help="HTTP: hang up after so many bytes of the body")
    add("--replace", nargs=2, action="append", default=[], help="HTTP: other words in the body")
    add("--without-upgrade", action="store_true", help="HTTP: do not pass a request's Upgrade and Connection on")
    add("--wrong-accept", action="store_true", help="WebSocket: a Sec-WebSocket-Accept that fits another key")
    add("--swallow", choices=["pong", "all"], help="WebSocket: what does not come back once the socket is open")
    add("--hang-up", type=float, default=None, help="WebSocket: close it so many seconds after it opened")
    given = parser.parse_args()
    given.http = any(getattr(given, name) for name in HTTP_ONLY + WEBSOCKET_ONLY) or given.hang_up is not None
    if not given.to and not (given.blackhole or given.reset or given.banner or given.status or given.endless):
        parser.error("--to says where everything is passed on to")
    return given


async def main() -> None:
    given = options()
    turns = itertools.cycle(given.to or [0])
    serve = speak if given.http else relay

    async def connected(reader: Reader, writer: Writer) -> None:
        try:
            await serve(given, reader, writer, next(turns))
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            abort(writer)
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", given.listen, limit=WHOLE_HEAD, backlog=512)
    print("ready", flush=True)
    await server.serve_forever()


# ---- any TCP


async def relay(given: argparse.Namespace, reader: Reader, writer: Writer, port: int) -> None:
    if given.blackhole:
        await swallow(reader)
    elif given.reset:
        await reader.read(1)
        abort(writer)
    elif given.banner:
        writer.write(given.banner.encode() + b"\r\n")
        await reader.read(1)
    else:
        theirs, ours = await asyncio.open_connection("127.0.0.1", port)
        await both(copy(reader, ours), late(given, theirs, writer))
        ours.close()


async def both(*ways: Awaitable[None]) -> None:
    """Until either side is done; what is still on its way back gets a moment."""
    tasks = [asyncio.ensure_future(way) for way in ways]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.wait(tasks, timeout=0.2)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def copy(reader: Reader, writer: Writer) -> None:
    while data := await reader.read(WHOLE_HEAD):
        writer.write(data)
        await writer.drain()


async def late(given: argparse.Namespace, reader: Reader, writer: Writer) -> None:
    """As over a long line, or a thin one: everything comes that much later, and in its order. Or nothing more comes."""
    end = b""
    while data := await reader.read(WHOLE_HEAD):
        await asyncio.sleep(given.delay)
        await dripped(writer, data, given.drip)
        if given.mute_after:
            end += data
            if given.mute_after in end:
                await swallow(reader)
            end = end[-len(given.mute_after) :]


async def dripped(writer: Writer, data: bytes, seconds: float) -> None:
    for place in range(0, len(data), 1 if seconds else len(data)):
        writer.write(data[place : place + 1] if seconds else data)
        await writer.drain()
        await asyncio.sleep(seconds)


async def swallow(reader: Reader) -> None:
    while await reader.read(WHOLE_HEAD):
        pass


def abort(writer: Writer) -> None:
    """A reset, not a goodbye."""
    with suppress(OSError):
        found = writer.get_extra_info("socket")
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


# ---- HTTP, one request a connection


async def speak(given: argparse.Namespace, reader: Reader, writer: Writer, port: int) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    body = await reader.readexactly(int(header(head, b"content-length") or 0))
    path = head.split(b" ")[1].decode("latin-1")
    spoilt = not given.only or any(re.match(pattern, path) for pattern in given.only)
    spoilt = spoilt and (not given.asked_with or header(head, given.asked_with.encode()) is not None)
    for route in given.route:
        prefix, _, place = route.partition("=")
        port = int(place) if path.startswith(prefix) else port
    if spoilt and given.blackhole:
        await swallow(reader)
    elif spoilt and given.reset:
        abort(writer)
    elif spoilt and given.status:
        await asyncio.sleep(given.delay)
        text = given.text.encode()
        head = b"HTTP/1.1 %d Changed\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
        writer.write(changed_head(given, head % (given.status, given.type.encode(), len(text))) + text)
        await writer.drain()
    elif spoilt and given.endless:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nConnection: close\r\n\r\n" % given.type.encode())
        while True:
            writer.write(b" " * WHOLE_HEAD)
            await writer.drain()
    else:
        await pass_on(given, reader, writer, port, head, body, spoilt)


async def pass_on(
    given: argparse.Namespace, reader: Reader, writer: Writer, port: int, head: bytes, body: bytes, spoilt: bool
) -> None:
    """Ask the part itself, and spoil what it says."""
    old, _, new = given.rewrite.partition("=")
    if spoilt and old:
        head = head.replace(f" {old}".encode(), f" {new}".encode(), 1)
    upgrade = header(head, b"upgrade")
    if not upgrade or (spoilt and given.without_upgrade):
        head = with_header(with_header(head, b"Upgrade", None), b"Connection", b"close")
    theirs, ours = await asyncio.open_connection("127.0.0.1", port, limit=WHOLE_HEAD)
    try:
        ours.write(head + body)
        answer = await theirs.readuntil(b"\r\n\r\n")
        if spoilt:
            await asyncio.sleep(given.delay)
            answer = changed_head(given, answer)
        if answer.split(b" ")[1] == b"101":
            writer.write(answer)
            await converse(given if spoilt else None, (reader, writer), (theirs, ours))
        elif not spoilt:
            writer.write(answer)
            await copy(theirs, writer)
        else:
            await spoil_body(given, writer, answer, await theirs.read())
    finally:
        ours.close()


def changed_head(given: argparse.Namespace, head: bytes) -> bytes:
    old, _, new = given.turn.partition("=")
    if old:
        head = head.replace(f" {old} ".encode(), f" {new} ".encode(), 1)
    if given.clock and (date := header(head, b"date")):
        moved = parsedate_to_datetime(date.decode()).timestamp() + given.clock
        head = with_header(head, b"Date", formatdate(moved, usegmt=True).encode())
    if given.wrong_accept and header(head, b"sec-websocket-accept"):
        head = with_header(head, b"Sec-WebSocket-Accept", b"dGhlIGtleSBvZiBzb21lYm9keQ==")
    for line in given.set:
        name, _, value = line.partition(":")
        head = with_header(head, name.encode(), value.strip().encode())
    return head


async def spoil_body(given: argparse.Namespace, writer: Writer, head: bytes, body: bytes) -> None:
    if given.replace:
        for old, new in given.replace:
            body = body.replace(old.encode(), new.encode())
        head = with_header(head, b"Content-Length", str(len(body)).encode())
    whole = head + (body if given.cut is None else body[: given.cut])
    await dripped(writer, whole, given.drip)


async def converse(
    given: argparse.Namespace | None, client: tuple[Reader, Writer], part: tuple[Reader, Writer]
) -> None:
    """An open WebSocket."""
    back: Awaitable[None] = copy(part[0], client[1])
    if given and given.hang_up is not None:
        with suppress(TimeoutError):
            await asyncio.wait_for(both(copy(client[0], part[1]), back), given.hang_up)
        return
    if given and given.swallow == "all":
        back = swallow(part[0])
    elif given and given.swallow == "pong":
        back = frames(part[0], client[1], lambda kind: kind != PONG)
    await both(copy(client[0], part[1]), back)


async def frames(reader: Reader, writer: Writer, wanted: Callable[[int], bool]) -> None:
    """A server's frames (RFC 6455 5.2: not masked), those that are wanted."""
    while True:
        start = await reader.readexactly(2)
        more = {126: 2, 127: 8}.get(start[1] & 0x7F, 0)
        size = await reader.readexactly(more)
        payload = await reader.readexactly(int.from_bytes(size, "big") if more else start[1] & 0x7F)
        if wanted(start[0] & 0x0F):
            writer.write(start + size + payload)
            await writer.drain()


def header(head: bytes, name: bytes) -> bytes | None:
    found = re.search(rb"\r\n" + re.escape(name) + rb":[ \t]*([^\r]*)", head, re.IGNORECASE)
    return found[1] if found else None


def with_header(head: bytes, name: bytes, value: bytes | None) -> bytes:
    """The head with this header once, or without it."""
    rest = re.sub(rb"\r\n" + re.escape(name) + rb":[^\r]*", b"", head, flags=re.IGNORECASE)
    return rest if value is None else rest[:-2] + name + b": " + value + b"\r\n\r\n"


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
