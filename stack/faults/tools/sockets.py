"""A helper process that opens connections and keeps them: `sockets PORT COUNT`, as WebSockets with `--path FILE`."""

import argparse
import asyncio
from pathlib import Path

AT_ONCE = 40  # well under the backlog of a server
HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--path", type=Path, help="a file that holds the address's path, token included")
    given = parser.parse_args()
    request = HANDSHAKE.format(path=given.path.read_text()).encode() if given.path else b""
    room = asyncio.Semaphore(AT_ONCE)

    async def opened() -> asyncio.StreamWriter:
        async with room:
            reader, writer = await asyncio.open_connection("127.0.0.1", given.port)
            if request:
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                if b" 101 " not in head:
                    raise SystemExit(f"no socket: {head.splitlines()[0].decode(errors='replace')}")
            return writer

    kept = await asyncio.gather(*(opened() for _ in range(given.count)))
    print(f"ready with {len(kept)} connections", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
