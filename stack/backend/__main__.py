"""`python -m stack.backend`: serve until told to stop."""

import logging
import os
import socket
import sys

import uvicorn

from stack.backend import app, logs
from stack.backend.settings import Settings


def main() -> None:
    try:
        settings = Settings()
    except ValueError as error:
        sys.exit(f"backend: a setting is no number: {error}")
    logs.write_to(settings.log_file, settings.log_level, settings.log_format)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # it writes a socket's whole address, token included
    logging.getLogger("backend").info("starting", extra={"port": int(settings.port)})
    config = uvicorn.Config(
        app.create(settings),
        loop="asyncio",
        http="h11",
        ws="websockets-sansio",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
        server_header=False,
    )
    try:
        listener = socket.create_server((settings.host, int(settings.port)), backlog=256)
    except OSError as error:
        sys.exit(f"backend: port {int(settings.port)}: {os.strerror(error.errno)}")
    uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    main()
