"""Files of the built page, and everything under the proxied paths passed on to the backend."""

import asyncio
import logging
import mimetypes
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import websockets
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect

from stack.frontend.settings import Settings

log = logging.getLogger("frontend")

for ending, kind in {".js": "text/javascript", ".woff2": "font/woff2", ".ico": "image/x-icon"}.items():
    mimetypes.add_type(kind, ending)  # machines differ in what they know

FOR_ONE_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
OWN_OF_HANDSHAKE = {"host", "sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions"}
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def create(settings: Settings) -> Starlette:
    client = httpx.AsyncClient(
        base_url=settings.upstream, trust_env=False, follow_redirects=False, timeout=settings.upstream_timeout
    )
    page = Path(settings.page).resolve()

    async def anything(request: Request) -> Response:
        if request.url.path.startswith(settings.proxy_paths):
            return await _pass_on(client, request)
        return _file(page, request.url.path)

    async def any_socket(socket: WebSocket) -> None:
        if socket.url.path.startswith(settings.upgrade_paths):
            await _join(settings, socket)
        elif socket.url.path.startswith(settings.proxy_paths):  # passed on like any request, without the upgrade
            await socket.send_denial_response(await _ask_plainly(client, socket))
        else:
            await socket.send_denial_response(_file(page, socket.url.path))

    return Starlette(
        routes=[Route("/{path:path}", anything, methods=METHODS), WebSocketRoute("/{path:path}", any_socket)]
    )


def _file(page: Path, path: str) -> Response:
    """A file, or the page itself: a path without an ending is one of the page's own routes."""
    wanted = (page / path.lstrip("/")).resolve() if "\0" not in path else page
    if wanted.is_relative_to(page) and wanted.is_file() and wanted.name != "index.html":
        lasting = path.startswith("/assets/")
        cache = "public, max-age=31536000, immutable" if lasting else "public, max-age=3600"
        return FileResponse(wanted, headers={"Cache-Control": cache})
    if path.startswith("/assets/") or (Path(path).suffix and wanted.name != "index.html"):
        return PlainTextResponse("Not Found", 404)
    index = page / "index.html"
    if not index.is_file():
        return PlainTextResponse("Not Found", 404)
    return FileResponse(index, headers={"Cache-Control": "no-cache"})


async def _pass_on(client: httpx.AsyncClient, request: Request) -> Response:
    headers = [(name, value) for name, value in request.headers.raw if _may_pass(name) and name != b"host"]
    if request.client:
        headers.append((b"x-forwarded-for", request.client.host.encode()))
    address = httpx.URL(path=request.url.path, query=request.url.query.encode())
    outgoing = client.build_request(request.method, address, headers=headers, content=await request.body())
    try:
        answer = await client.send(outgoing, stream=True)
    except httpx.TimeoutException:
        log.error("upstream timed out: %s", request.url.path)
        return PlainTextResponse("504 Gateway Timeout", 504)
    except httpx.TransportError as error:
        log.error("upstream failed: %s: %s", request.url.path, error)
        return PlainTextResponse("502 Bad Gateway", 502)

    async def body():  # type: ignore[no-untyped-def]
        try:
            async for chunk in answer.aiter_raw():
                yield chunk
        finally:
            await answer.aclose()

    passed = StreamingResponse(body(), answer.status_code)
    raw = [(name.lower(), value) for name, value in answer.headers.raw]
    passed.raw_headers = [(name, value) for name, value in raw if _may_pass(name) and name != b"date"]
    return passed


async def _ask_plainly(client: httpx.AsyncClient, socket: WebSocket) -> Response:
    try:
        answer = await client.get(httpx.URL(path=socket.url.path, query=socket.url.query.encode()))
    except httpx.TransportError as error:
        log.error("upstream failed: %s: %s", socket.url.path, error)
        return PlainTextResponse("502 Bad Gateway", 502)
    return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))


async def _join(settings: Settings, socket: WebSocket) -> None:
    """Connect to the backend first, so that its refusal can still be given as an HTTP answer."""
    upstream = urlsplit(settings.upstream)
    query = f"?{socket.url.query}" if socket.url.query else ""
    address = f"ws://{upstream.netloc}{socket.url.path}{query}"
    headers = [
        (name, value)
        for name, value in socket.headers.items()
        if name not in FOR_ONE_HOP | OWN_OF_HANDSHAKE | {"origin", "sec-websocket-protocol"}
    ]
    try:
        backend = await connect(
            address,
            additional_headers=headers,
            origin=socket.headers.get("origin"),  # type: ignore[arg-type]
            subprotocols=socket.scope["subprotocols"] or None,
            user_agent_header=None,
            compression=None,
            proxy=None,
            open_timeout=settings.upstream_timeout,
            ping_interval=None,
        )
    except websockets.InvalidStatus as refused:
        answer = refused.response
        kind = answer.headers.get("content-type", "text/plain")
        await socket.send_denial_response(Response(bytes(answer.body or b""), answer.status_code, media_type=kind))
        return
    except (TimeoutError, OSError, websockets.WebSocketException) as error:
        log.error("upstream socket failed: %s", error)
        slow = isinstance(error, TimeoutError)
        refusal = PlainTextResponse("504 Gateway Timeout", 504) if slow else PlainTextResponse("502 Bad Gateway", 502)
        await socket.send_denial_response(refusal)
        return
    await socket.accept(backend.subprotocol)
    ways = [asyncio.create_task(_up(socket, backend)), asyncio.create_task(_down(socket, backend))]
    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    for way in ways:
        way.cancel()
    await asyncio.gather(*ways, return_exceptions=True)
    await backend.close()
    with suppress(RuntimeError):  # the browser was first
        await socket.close(backend.close_code if backend.close_code not in (None, 1005, 1006) else 1000)


async def _up(socket: WebSocket, backend: ClientConnection) -> None:
    try:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            await backend.send(text if text is not None else message["bytes"])
    except (websockets.ConnectionClosed, WebSocketDisconnect):
        return


async def _down(socket: WebSocket, backend: ClientConnection) -> None:
    async for message in backend:
        await (socket.send_text(message) if isinstance(message, str) else socket.send_bytes(message))


def _may_pass(name: bytes) -> bool:
    return name.decode("latin-1").lower() not in FOR_ONE_HOP
