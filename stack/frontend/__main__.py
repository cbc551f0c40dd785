"""`python -m stack.frontend`: the same app on a plain and on a TLS port, until told to stop."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from typing import Any

import uvicorn

from stack.frontend import app
from stack.frontend.settings import Settings, from_environment


class Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # two servers in one process: the signals are ours


async def serve(settings: Settings, plain: socket.socket, secured: socket.socket | None) -> None:
    application = app.create(settings)
    servers = [(_server(application), plain)]
    if secured:
        servers.append((_server(application, settings), secured))

    def stop() -> None:
        for server, _ in servers:
            server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    await asyncio.gather(*(server.serve([listener]) for server, listener in servers))


def _server(application: Any, tls: Settings | None = None) -> Server:
    return Server(
        uvicorn.Config(
            application,
            http="h11",
            ws="websockets-sansio",
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
            server_header=False,
            ssl_certfile=tls.tls_certificate if tls else None,
            ssl_keyfile=tls.tls_key if tls else None,
        )
    )


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=256)
    except OSError as error:
        sys.exit(f"frontend: port {port}: {os.strerror(error.errno)}")


def main() -> None:
    try:
        settings = from_environment()
    except ValueError as error:
        sys.exit(f"frontend: a setting is no number: {error}")
    form = "%(asctime)s %(levelname)s %(name)s %(message)s"
    logging.basicConfig(level=settings.log_level, format=form)
    for chatty in ("httpx", "uvicorn.error"):  # the latter writes a socket's whole address, token included
        logging.getLogger(chatty).setLevel(logging.WARNING)
    plain = _listen(settings.host, settings.port)
    secured = _listen(settings.host, settings.tls_port) if settings.tls_certificate else None
    asyncio.run(serve(settings, plain, secured))


if __name__ == "__main__":
    main()
